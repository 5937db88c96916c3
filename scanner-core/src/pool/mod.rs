//! The code pool: which units there are, where each is in its life, and a ledger of everything that ever happened to them.
//!
//! A unit is registered (by pre-scan, or from a manufacturer's relation file), received, reserved for an order and dispensed. Packs may be split:
//! what an order wants in pieces is taken in whole packs as far as it goes, the remainder from opened packs first, each time what expires first.
//!
//! # Guarantees
//! - Every call is one transaction: it happens whole or not at all, also when the machine loses power (SQLite with a write-ahead log and
//!   `synchronous = FULL`; PostgreSQL with `synchronous_commit = on`).
//! - Every change of a unit has its entry in the ledger, in the same transaction; entries cannot be changed or deleted.
//!   [`Pool::verify_ledger`] replays it and compares.
//! - A unit is sold once. A database index holds this even against programming errors.
//! - A refusal names its rule ([`Refusal::rule`]) and changes nothing; that it was made stands in the journal, the ledger's second book, with
//!   everything else that is done and changes no unit ([`Pool::journal`]).
//! - Where the pool asks for it ([`Rules::dual_authentication`]), nothing is sold without a pharmacist's session and the patient's insurance id.
//! - What a platform wants to hear of stands in the outbox in the same transaction ([`Pool::set_institution`], [`Pool::claim_upload`]).
//!
//! A pool lies in a SQLite file ([`Pool::open`]) or, where several windows work at once, on a PostgreSQL server ([`Pool::connect`]). Both hold to the same
//! tests.
//!
//! Patients are pseudonyms by a keyed hash, whose key comes from the operating system and lies in the pool ([`Pool::patient_pseudonym`]).
//!
//! What is assumed of the medium: a file system that honours `fsync` and gives a file to one machine only (no network share).
//!
//! # Example
//! ```
//! # fn main() -> Result<(), scanner_core::pool::PoolError> {
//! use hardware_hal::Timestamp;
//! use scanner_core::codes::PackLevel;
//! use scanner_core::pool::{Act, NewUnit, Order, OrderLine, Pool, Selection};
//! use scanner_core::product::{Names, Product};
//!
//! let mut pool = Pool::in_memory()?;
//! let now = Act::new("station 1", "morning delivery", Timestamp(1_790_000_000_000_000_000));
//! pool.add_products([Product {
//!     id: "amoxicillin-24".into(),
//!     names: Names { generic: "阿莫西林胶囊".into(), trade: None, english: None },
//!     code_prefixes: vec![],
//!     gtin: None,
//!     pack_quantity: 24,
//!     unit: "capsule".into(),
//!     size_mm: None,
//!     med_list_codg: None,
//! }])?;
//! let code = "81234560000000012345";
//! let unit = NewUnit {
//!     code: code.into(),
//!     product: "amoxicillin-24".into(),
//!     batch: "A1".into(),
//!     expiry: "2028-12-31".parse().expect("a date"),
//!     made: None,
//!     level: PackLevel::SmallestPack,
//!     parent: None,
//! };
//! pool.register(&[unit], now)?;
//! pool.receive(Selection::Codes(&[code.into()]), now)?;
//! let order = Order { id: "order 7".into(), lines: vec![OrderLine::packs("amoxicillin-24", 1)] };
//! let outcomes = pool.reserve_codes(&order, &[code.into()], now)?;
//! assert!(outcomes[0].result.is_ok());
//! assert_eq!(pool.dispense("order 7", now)?[0].code, code);
//! # Ok(())
//! # }
//! ```

mod accounts;
mod db;
mod error;
mod ids;
mod journal;
mod kpi;
mod model;
mod order;
mod outbox;
mod patient;
mod register;
mod relation_file;
mod removal;
mod replay;
mod rules;
mod sale;
mod stock;
mod stocktake;
mod store;
mod uncoded;
mod verification;
mod work;

use std::path::Path;
use std::time::Duration;

use db::{Access, Ask, Database, Lock, Postgres, Sqlite, values};

pub use accounts::{Account, DualAuthentication, Role, Session, SessionToken};
pub use db::SCHEMA_VERSION;
pub use error::{PoolError, Refusal};
pub use ids::{IdSource, OsIds, SeededIds};
pub use journal::{JournalEntry, JournalKind};
pub use kpi::Kpi;
pub use model::{Act, EventKind, LedgerEntry, NewUnit, Reservation, StatusRow, Unit, UnitState};
pub use order::{Order, OrderLine, OrderUnit};
pub use outbox::{
    Claim, ClaimPolicy, Delivery, Institution, OutboxEntry, Outcome, Personal, Settlement, UploadKind, UploadRecord, UploadState, Verdict,
};
pub use relation_file::{ImportReport, RelationFileError};
pub use removal::{RemovalReport, WriteOffReason};
pub use replay::ReplayedUnit;
pub use rules::Rules;
pub use sale::{Allotment, CodeOutcome, LineProgress, SoldUnit};
pub use stock::{RecallReport, RegisterReport, ReturnReason, Selection};
pub use stocktake::{StocktakeReport, StocktakeScope};
pub use uncoded::NewLot;
pub use verification::{Scan, Verdict as VerificationVerdict, Verification};

use crate::codes::{PackLevel, unit_key};
use crate::product::Products;
use work::Work;

/// What may differ from pharmacy to pharmacy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolOptions {
    /// Minutes that the pharmacy's clocks are ahead of UTC; decides on which day a unit expires. China: 480.
    pub utc_offset_minutes: i32,
    /// How long a reservation holds.
    pub reservation_ttl: Duration,
    /// Whether an opened pack's code may be sold again while pieces remain. Off, a second sale of any code is refused.
    pub split_sales: bool,
    /// Days that a unit must still be good for when it is sold; 0: its last day is a good one.
    pub min_days_left: u32,
    /// Whether a sale needs its settlement, where there is an institution.
    pub settlement_needed: bool,
    /// How far the clock may be behind the youngest entry of the ledger: windows' clocks differ a little, but one that was set back must not bring
    /// expired packs back to life.
    pub clock_tolerance: Duration,
    /// How long a call waits while another program writes.
    pub busy_timeout: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            utc_offset_minutes: 480,
            reservation_ttl: Duration::from_secs(30 * 60),
            split_sales: true,
            min_days_left: 0,
            settlement_needed: true,
            clock_tolerance: Duration::from_secs(3600),
            busy_timeout: Duration::from_secs(5),
        }
    }
}

/// How often a transaction is tried that collides with others.
const TRIES: u32 = 20;

/// The code pool. See the [module's documentation](self).
pub struct Pool {
    db: Box<dyn Database>,
    ids: Box<dyn IdSource>,
    options: PoolOptions,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("place", &self.db.place()).field("options", &self.options).finish_non_exhaustive()
    }
}

/// Result of a call on a pool.
pub type Result<T> = std::result::Result<T, PoolError>;

impl Pool {
    /// Opens a pool, or creates it where there is no file, with the usual options and event ids from the operating system.
    ///
    /// # Errors
    /// See [`Pool::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, PoolOptions::default(), Box::new(OsIds))
    }

    /// Opens a pool in a SQLite file, or creates it where there is no file. A file of an older version is brought up to date.
    ///
    /// # Errors
    /// [`PoolError::NotAPool`], [`PoolError::Newer`], [`PoolError::ReadOnly`], [`PoolError::Locked`], [`PoolError::CannotOpen`],
    /// [`PoolError::DiskFull`]. A file that was there is left as it was.
    pub fn open_with(path: impl AsRef<Path>, options: PoolOptions, ids: Box<dyn IdSource>) -> Result<Self> {
        let db = Sqlite::open(path.as_ref(), options.busy_timeout)?;
        Ok(Self { db: Box::new(db), ids, options })
    }

    /// Opens a pool on a PostgreSQL server (14 or newer), or creates it in a database that has none: `postgres://user@host:5432/database`. Many
    /// programs may work with it at once. Each pharmacy has a database of its own.
    ///
    /// # Errors
    /// [`PoolError::CannotOpen`], [`PoolError::NotAPool`], [`PoolError::Newer`], [`PoolError::ReadOnly`].
    pub fn connect(url: &str, options: PoolOptions, ids: Box<dyn IdSource>) -> Result<Self> {
        let db = Postgres::open(url, options.busy_timeout)?;
        Ok(Self { db: Box::new(db), ids, options })
    }

    /// Opens what a person names: an address that begins with `postgres://` or `postgresql://`, or a SQLite file.
    ///
    /// # Errors
    /// As [`Pool::connect`] and [`Pool::open_with`].
    pub fn open_store(store: &str, options: PoolOptions, ids: Box<dyn IdSource>) -> Result<Self> {
        if store.starts_with("postgres://") || store.starts_with("postgresql://") {
            Self::connect(store, options, ids)
        } else {
            Self::open_with(store, options, ids)
        }
    }

    /// A pool that is gone with the value, for simulation and tests; event ids from the operating system.
    ///
    /// # Errors
    /// [`PoolError::Database`] if SQLite fails.
    pub fn in_memory() -> Result<Self> {
        Self::in_memory_with(PoolOptions::default(), Box::new(OsIds))
    }

    /// A pool that is gone with the value.
    ///
    /// # Errors
    /// [`PoolError::Database`] if SQLite fails.
    pub fn in_memory_with(options: PoolOptions, ids: Box<dyn IdSource>) -> Result<Self> {
        Ok(Self { db: Box::new(Sqlite::in_memory()?), ids, options })
    }

    /// The options.
    pub fn options(&self) -> &PoolOptions {
        &self.options
    }

    /// Runs `f` in one transaction. It runs again where it collided with another program's, so it must not keep anything from before.
    fn write<T>(&mut self, act: Act<'_>, f: impl FnMut(&mut Work<'_>) -> Result<T>) -> Result<T> {
        self.write_foreseeing(act, &[], f)
    }

    /// The same where it is known what `f` will ask of the database first.
    fn write_foreseeing<T>(&mut self, act: Act<'_>, asks: &[Ask<'_>], mut f: impl FnMut(&mut Work<'_>) -> Result<T>) -> Result<T> {
        let asks: Vec<Ask<'_>> = std::iter::once(rules::settings_ask()).chain(asks.iter().cloned()).collect();
        let mut tries = 1;
        loop {
            match self.write_once(act, &asks, &mut f) {
                Err(PoolError::Conflict { .. }) if tries < TRIES => tries += 1,
                result => return result,
            }
        }
    }

    /// Puts a refusal into the journal: what was asked for was undone with everything that it did, so this is a transaction of its own. Errors here
    /// are of no use to anybody, who is told of the refusal itself.
    fn note_refusal(&mut self, act: Act<'_>, refusal: &Refusal) {
        let db = self.db.as_ref();
        let noted = db.begin(Access::Change).and_then(|()| journal::append_refusal(db, act, refusal)).and_then(|()| db.commit());
        if noted.is_err() {
            db.rollback();
        }
    }

    /// Runs `f` in one transaction, once.
    fn write_once<T>(&mut self, act: Act<'_>, asks: &[Ask<'_>], f: impl FnOnce(&mut Work<'_>) -> Result<T>) -> Result<T> {
        let Self { db, ids, options } = self;
        let db = db.as_ref();
        db.begin(Access::Change)?;
        let result = db.foresee(asks).and_then(|()| rules::settings(db)).and_then(|settings| {
            let value = f(&mut Work::begin(db, ids.as_mut(), options, &settings, act))?;
            db.commit()?;
            Ok(value)
        });
        if let Err(error) = &result {
            db.rollback();
            if let Some(refusal) = error.refusal() {
                self.note_refusal(act, &refusal.clone());
            }
        }
        result
    }

    /// Runs `f` on one state of the pool, whatever others change meanwhile.
    fn read<T>(&self, f: impl FnOnce(&dyn Database) -> Result<T>) -> Result<T> {
        let db = self.db.as_ref();
        db.begin(Access::Snapshot)?;
        let result = f(db);
        match result {
            Ok(value) => db.commit().map(|()| value),
            Err(error) => {
                db.rollback();
                Err(error)
            }
        }
    }

    /// The unit that carries `code`, if the pool knows it.
    ///
    /// # Errors
    /// The database's.
    pub fn unit(&self, code: &str) -> Result<Option<Unit>> {
        let Some(key) = unit_key(code) else { return Ok(None) };
        self.read(|db| store::unit(db, &key, Lock::No))
    }

    /// What is held of the unit that carries `code`.
    ///
    /// # Errors
    /// The database's.
    pub fn reservations(&self, code: &str) -> Result<Vec<Reservation>> {
        let Some(key) = unit_key(code) else { return Ok(Vec::new()) };
        self.read(|db| store::reservations_where(db, "key = ?1", values![&key]))
    }

    /// What is held for an order.
    ///
    /// # Errors
    /// The database's.
    pub fn reservations_of_order(&self, order: &str) -> Result<Vec<Reservation>> {
        self.read(|db| store::reservations_where(db, "order_id = ?1", values![order]))
    }

    /// An order as it was when it was last reserved.
    ///
    /// # Errors
    /// The database's; [`PoolError::Damaged`] for a record that cannot be read.
    pub fn order(&self, id: &str) -> Result<Option<Order>> {
        let record = self.read(|db| store::order_record(db, id))?;
        let lines = record.map(|record| serde_json::from_str(&record)).transpose();
        let lines = lines.map_err(|e| PoolError::Damaged { what: format!("order {id}: {e}") })?;
        Ok(lines.map(|lines| Order { id: id.to_owned(), lines }))
    }

    /// The products that the pool knows.
    ///
    /// # Errors
    /// The database's; [`PoolError::Damaged`] for a record that cannot be read.
    pub fn products(&self) -> Result<Products> {
        self.read(store::products)
    }

    /// Units and pieces by product, level and state, in this order.
    ///
    /// # Errors
    /// The database's.
    pub fn status(&self) -> Result<Vec<StatusRow>> {
        self.read(|db| {
            let sql =
                "SELECT product_id, level, state, count(*), CAST(sum(remaining) AS BIGINT) FROM unit GROUP BY product_id, level, state
                       ORDER BY product_id, level DESC, state";
            let status_row = |row: &db::Row| {
                Ok(StatusRow {
                    product: row.text(0)?,
                    level: row.word(1, PackLevel::from_name)?,
                    state: row.word(2, UnitState::from_name)?,
                    units: row.count(3)?,
                    pieces: row.count(4)?,
                })
            };
            db.query(sql, Lock::No, &[])?.iter().map(status_row).collect()
        })
    }

    /// Everything that ever happened to the unit that carries `code`, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub fn history(&self, code: &str) -> Result<Vec<LedgerEntry>> {
        let Some(key) = unit_key(code) else { return Ok(Vec::new()) };
        self.read(|db| store::history(db, &key))
    }

    /// When the pool was last changed, by the clock of who changed it.
    ///
    /// # Errors
    /// The database's.
    pub fn last_change(&self) -> Result<Option<hardware_hal::Timestamp>> {
        self.read(store::latest)
    }

    /// All entries of the ledger, oldest first, read in pages.
    pub fn ledger(&self) -> Ledger<'_> {
        Ledger { pool: self, last: 0, settled_only: false, page: Vec::new().into_iter(), done: false }
    }

    /// The entries of the ledger after number `sequence`. Whoever remembers the last one and asks for what follows misses none: an entry is only
    /// shown when no other program can still put one before it.
    pub fn ledger_after(&self, sequence: u64) -> Ledger<'_> {
        Ledger { pool: self, last: sequence, settled_only: true, page: Vec::new().into_iter(), done: false }
    }
}

/// Iterator over the ledger's entries.
#[derive(Debug)]
pub struct Ledger<'p> {
    pool: &'p Pool,
    last: u64,
    settled_only: bool,
    page: std::vec::IntoIter<LedgerEntry>,
    done: bool,
}

impl Iterator for Ledger<'_> {
    type Item = Result<LedgerEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        const PAGE: u32 = 1024;
        if self.page.len() == 0 && !self.done {
            let page = |db: &dyn Database| {
                let condition = if self.settled_only { db.settled() } else { "1 = 1" };
                store::ledger_page(db, condition, self.last, PAGE)
            };
            match self.pool.read(page) {
                Ok(page) => {
                    self.done = page.len() < PAGE as usize;
                    self.last = page.last().map_or(self.last, |entry| entry.sequence);
                    self.page = page.into_iter();
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        self.page.next().map(Ok)
    }
}
