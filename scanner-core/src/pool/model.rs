//! The records of the pool.

use hardware_hal::Timestamp;
use serde::{Deserialize, Serialize};

use crate::codes::PackLevel;
use crate::date::Date;

/// Names in files and the database for an enum of plain words.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $name {
            /// The word for it, in files and reports.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What the word means.
            pub fn from_name(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(super) use words;

/// Where a unit is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitState {
    /// Known from its manufacturer or a pre-scan, not yet in stock.
    Registered,
    /// In stock, untouched.
    Available,
    /// Untouched, and held for one order.
    Reserved,
    /// Sold whole.
    Dispensed,
    /// Some of its pieces are sold; the rest is in stock.
    Opened,
    /// All of its pieces are sold, in several sales.
    Depleted,
    /// Brought back; not yet decided about.
    Returned,
    /// Set aside.
    Quarantined,
    /// Past its date.
    Expired,
    /// Called back.
    Recalled,
    /// Gone for good: back to the supplier, destroyed, or missing when the stock was counted.
    Removed,
}

words!(UnitState {
    Registered = "registered",
    Available = "available",
    Reserved = "reserved",
    Dispensed = "dispensed",
    Opened = "opened",
    Depleted = "depleted",
    Returned = "returned",
    Quarantined = "quarantined",
    Expired = "expired",
    Recalled = "recalled",
    Removed = "removed",
});

impl UnitState {
    /// Whether a unit may go from this state to `next`. Depleted units stay what they are; what is expired or recalled can only leave; what is gone
    /// and turns up again is set aside first.
    pub fn may_become(self, next: Self) -> bool {
        use UnitState::{Available, Depleted, Dispensed, Expired, Opened, Quarantined, Recalled, Registered, Removed, Reserved, Returned};
        match self {
            // A lot without codes is open from the moment it arrives.
            Registered => matches!(next, Available | Opened | Quarantined | Expired | Recalled),
            Available => matches!(next, Reserved | Quarantined | Expired | Recalled | Removed),
            // Setting aside what is held for an order goes through Available or Opened, so that the ledger shows the release.
            Reserved => matches!(next, Available | Dispensed | Opened),
            Opened => matches!(next, Opened | Depleted | Quarantined | Expired | Recalled | Removed),
            Dispensed => matches!(next, Returned),
            Returned => matches!(next, Available | Quarantined | Expired | Recalled | Removed),
            Quarantined => matches!(next, Available | Opened | Expired | Recalled | Removed),
            Expired | Recalled => matches!(next, Removed),
            Removed => matches!(next, Quarantined),
            Depleted => false,
        }
    }
}

/// What happened to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// It became known.
    Register,
    /// It arrived in stock.
    Receive,
    /// It, or some of its pieces, are held for an order.
    Reserve,
    /// The order let go of it.
    Release,
    /// The order's time ran out.
    ReservationExpired,
    /// It, or some of its pieces, were sold.
    Dispense,
    /// A sale was brought back. Pieces of a split pack do not return to stock.
    Return,
    /// It went back into stock.
    Restock,
    /// It was set aside.
    Quarantine,
    /// Its date passed.
    Expire,
    /// It was called back.
    Recall,
    /// It went back to the supplier.
    SupplierReturn,
    /// It was destroyed, or was missing when the stock was counted.
    WriteOff,
    /// It was thought gone, and turned up.
    Found,
}

words!(EventKind {
    Register = "register",
    Receive = "receive",
    Reserve = "reserve",
    Release = "release",
    ReservationExpired = "reservation_expired",
    Dispense = "dispense",
    Return = "return",
    Restock = "restock",
    Quarantine = "quarantine",
    Expire = "expire",
    Recall = "recall",
    SupplierReturn = "supplier_return",
    WriteOff = "write_off",
    Found = "found",
});

/// Who does something, why, and when: every change carries it.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// The account that acts: a person's or a station's, never a patient's.
    pub actor: &'a str,
    /// Why, in words.
    pub cause: &'a str,
    /// When, by the injected clock.
    pub at: Timestamp,
}

impl<'a> Act<'a> {
    /// All three.
    pub fn new(actor: &'a str, cause: &'a str, at: Timestamp) -> Self {
        Self { actor, cause, at }
    }
}

/// A unit as it is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUnit {
    /// The code as it was read or stands in the file.
    pub code: String,
    /// Its product.
    pub product: String,
    /// Its batch.
    pub batch: String,
    /// Last day of use.
    pub expiry: Date,
    /// Day of manufacture.
    pub made: Option<Date>,
    /// Its level.
    pub level: PackLevel,
    /// Code of the pack it is in.
    pub parent: Option<String>,
}

/// A unit as the pool has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// What names it, see [`crate::codes::unit_key`].
    pub key: String,
    /// The code as it was registered.
    pub code: String,
    /// Its product.
    pub product: String,
    /// Its batch.
    pub batch: String,
    /// Last day of use.
    pub expiry: Date,
    /// Day of manufacture.
    pub made: Option<Date>,
    /// Its level.
    pub level: PackLevel,
    /// Key of the pack it is in.
    pub parent: Option<String>,
    /// Where it is in its life.
    pub state: UnitState,
    /// Pieces in it when it was full; 0 above the smallest pack.
    pub quantity: u32,
    /// Pieces that are not sold, those held for orders included.
    pub remaining: u32,
    /// Entries of the ledger about it.
    pub revision: u32,
    /// Whether it carries a code. A lot of no-code stock does not: it is one "unit" of many pieces, and `code` is what it is called.
    pub coded: bool,
}

/// Pieces of a unit that are held for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reservation {
    /// The order.
    pub order: String,
    /// Index of the order's line, from 0.
    pub line: u32,
    /// The unit.
    pub key: String,
    /// Pieces.
    pub quantity: u32,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// The ledger's event that made it.
    pub event_id: String,
    /// Whether the sale will name a code. Not so for no-code stock, and for split doses of exempt injectables.
    pub coded: bool,
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// Rises from entry to entry. On SQLite it counts from 1 without gaps; on PostgreSQL a transaction that was rolled back leaves one.
    pub sequence: u64,
    /// The event's own id.
    pub event_id: String,
    /// The event that this one answers: the reservation of a sale or release, the sale of a return.
    pub original_event_id: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Why.
    pub cause: String,
    /// What.
    pub kind: EventKind,
    /// Which unit, by key.
    pub key: String,
    /// State before; `None` for the first entry of a unit.
    pub from: Option<UnitState>,
    /// State after.
    pub to: UnitState,
    /// The order, where one is concerned.
    pub order: Option<String>,
    /// Pieces concerned.
    pub quantity: u32,
    /// Pieces unsold afterwards.
    pub remaining: u32,
    /// Counts the unit's entries from 1 without gaps.
    pub revision: u32,
}

/// How many units of one kind there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusRow {
    /// Product.
    pub product: String,
    /// Level.
    pub level: PackLevel,
    /// State.
    pub state: UnitState,
    /// Units.
    pub units: u64,
    /// Unsold pieces in them.
    pub pieces: u64,
}
