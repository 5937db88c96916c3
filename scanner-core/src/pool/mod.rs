//! The code pool: which units there are, where each is in its life, and a ledger of everything that ever happened to them.
//!
//! A unit is registered (by pre-scan, or from a manufacturer's relation file), received, reserved for an order and dispensed. Packs may be split:
//! what an order wants in pieces is taken in whole packs as far as it goes, the remainder from opened packs first, each time what expires first.
//!
//! # Guarantees
//! - Every call is one transaction: it happens whole or not at all, also when the machine loses power (SQLite with a write-ahead log and
//!   `synchronous = FULL`).
//! - Every change of a unit has its entry in the ledger, in the same transaction; entries cannot be changed or deleted.
//!   [`Pool::verify_ledger`] replays it and compares.
//! - A unit is sold once. A database index holds this even against programming errors.
//! - A refusal names its rule ([`Refusal::rule`]) and changes nothing.
//!
//! What is assumed of the medium: a file system that honours `fsync` and gives a file to one machine only (no network share).
//!
//! # Example
//! ```
//! # fn main() -> Result<(), scanner_core::pool::PoolError> {
//! use hardware_hal::Timestamp;
//! use scanner_core::codes::PackLevel;
//! use scanner_core::pool::{Act, NewUnit, Order, OrderLine, OrderUnit, Pool, Selection};
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
//! let order = Order { id: "order 7".into(), lines: vec![OrderLine { product: "amoxicillin-24".into(), quantity: 1, unit: OrderUnit::Packs }] };
//! let outcomes = pool.reserve_codes(&order, &[code.into()], now)?;
//! assert!(outcomes[0].result.is_ok());
//! assert_eq!(pool.dispense("order 7", now)?[0].code, code);
//! # Ok(())
//! # }
//! ```

mod error;
mod ids;
mod model;
mod open;
mod order;
mod register;
mod relation_file;
mod replay;
mod sale;
mod stock;
mod store;
mod work;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

pub use error::{PoolError, Refusal};
pub use ids::{IdSource, OsIds, SeededIds};
pub use model::{Act, EventKind, LedgerEntry, NewUnit, Reservation, StatusRow, Unit, UnitState};
pub use open::SCHEMA_VERSION;
pub use order::{Order, OrderLine, OrderUnit};
pub use relation_file::{ImportReport, RelationFileError};
pub use replay::ReplayedUnit;
pub use sale::{Allotment, CodeOutcome, LineProgress, SoldUnit};
pub use stock::{RecallReport, RegisterReport, Selection};

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
    /// How long a call waits while another program writes.
    pub busy_timeout: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            utc_offset_minutes: 480,
            reservation_ttl: Duration::from_secs(30 * 60),
            split_sales: true,
            busy_timeout: Duration::from_secs(5),
        }
    }
}

/// The code pool. See the [module's documentation](self).
pub struct Pool {
    db: Connection,
    path: PathBuf,
    ids: Box<dyn IdSource>,
    options: PoolOptions,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("path", &self.path).field("options", &self.options).finish_non_exhaustive()
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

    /// Opens a pool, or creates it where there is no file.
    ///
    /// # Errors
    /// [`PoolError::NotAPool`], [`PoolError::Newer`], [`PoolError::ReadOnly`], [`PoolError::Locked`], [`PoolError::CannotOpen`],
    /// [`PoolError::DiskFull`]. A file that was there is left as it was.
    pub fn open_with(path: impl AsRef<Path>, options: PoolOptions, ids: Box<dyn IdSource>) -> Result<Self> {
        let path = path.as_ref();
        let db = open::open(path, &options)?;
        Ok(Self { db, path: path.to_owned(), ids, options })
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
        let path = PathBuf::from(":memory:");
        let db = open::in_memory().map_err(|error| error.at_path(&path))?;
        Ok(Self { db, path, ids, options })
    }

    /// The options.
    pub fn options(&self) -> &PoolOptions {
        &self.options
    }

    /// Runs `f` in one transaction that begins as a writer, so that nothing it reads can change before it writes.
    fn write<T>(&mut self, act: Act<'_>, f: impl FnOnce(&mut Work<'_>) -> Result<T>) -> Result<T> {
        let Self { db, path, ids, options } = self;
        let result = (|| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = f(&mut Work::begin(&transaction, ids.as_mut(), options, act)?)?;
            transaction.commit()?;
            Ok(value)
        })();
        result.map_err(|error: PoolError| error.at_path(path))
    }

    fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        f(&self.db).map_err(|error| error.at_path(&self.path))
    }

    /// The unit that carries `code`, if the pool knows it.
    ///
    /// # Errors
    /// The database's.
    pub fn unit(&self, code: &str) -> Result<Option<Unit>> {
        let Some(key) = unit_key(code) else { return Ok(None) };
        self.read(|db| Ok(store::unit(db, &key)?))
    }

    /// What is held of the unit that carries `code`.
    ///
    /// # Errors
    /// The database's.
    pub fn reservations(&self, code: &str) -> Result<Vec<Reservation>> {
        let Some(key) = unit_key(code) else { return Ok(Vec::new()) };
        self.read(|db| Ok(store::reservations_where(db, "key = ?1", [key])?))
    }

    /// What is held for an order.
    ///
    /// # Errors
    /// The database's.
    pub fn reservations_of_order(&self, order: &str) -> Result<Vec<Reservation>> {
        self.read(|db| Ok(store::reservations_where(db, "order_id = ?1", [order])?))
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
            let mut statement = db.prepare_cached(
                "SELECT product_id, level, state, count(*), sum(remaining) FROM unit GROUP BY product_id, level, state
                 ORDER BY product_id, level DESC, state",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(StatusRow {
                    product: row.get(0)?,
                    level: store::word(row, 1, PackLevel::from_name)?,
                    state: store::word(row, 2, UnitState::from_name)?,
                    units: store::unsigned(row, 3)?,
                    pieces: store::unsigned(row, 4)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// All entries of the ledger, oldest first, read in pages.
    pub fn ledger(&self) -> Ledger<'_> {
        self.ledger_after(0)
    }

    /// The entries of the ledger after number `sequence`.
    pub fn ledger_after(&self, sequence: u64) -> Ledger<'_> {
        Ledger { pool: self, last: sequence, page: Vec::new().into_iter(), done: false }
    }
}

/// Iterator over the ledger's entries.
#[derive(Debug)]
pub struct Ledger<'p> {
    pool: &'p Pool,
    last: u64,
    page: std::vec::IntoIter<LedgerEntry>,
    done: bool,
}

impl Iterator for Ledger<'_> {
    type Item = Result<LedgerEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        const PAGE: u32 = 1024;
        if self.page.len() == 0 && !self.done {
            match self.pool.read(|db| Ok(store::ledger_page(db, self.last, PAGE)?)) {
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
