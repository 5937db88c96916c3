//! What can go wrong with a pool, and what it refuses.

use std::path::PathBuf;

use serde::Serialize;

use super::UnitState;
use crate::codes::PackLevel;
use crate::date::Date;

/// A pool that cannot do what it was asked.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The file is something else.
    #[error("{}: not a code pool: {found}", path.display())]
    NotAPool {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// The file comes from a newer version of this software.
    #[error("{}: the pool has schema version {found}; this version knows up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// The file, or the folder around it, cannot be written.
    #[error("{}: the pool is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else holds the file.
    #[error("{}: the pool is locked by another program", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full. What was asked for has not happened.
    #[error("{}: the disk is full; nothing was changed", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened.
    #[error("{}: {message}", path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What the system says.
        message: String,
    },
    /// The operating system gave no random numbers.
    #[error("no random numbers from the operating system: {message}")]
    NoRandomness {
        /// What it said.
        message: String,
    },
    /// A rule forbids it. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// A product record that makes no sense.
    #[error(transparent)]
    Product(#[from] crate::product::ProductError),
    /// A relation file that cannot be imported. Nothing was changed.
    #[error(transparent)]
    RelationFile(#[from] super::RelationFileError),
    /// The pool contradicts itself: damaged, or changed by something else.
    #[error("the pool is damaged: {what}")]
    Damaged {
        /// What does not fit.
        what: String,
    },
    /// The database failed otherwise.
    #[error("{}: database error: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
}

impl From<Refusal> for PoolError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<rusqlite::Error> for PoolError {
    fn from(source: rusqlite::Error) -> Self {
        // The file's name is put in at the pool's border, see `at_path`.
        Self::Database { path: PathBuf::new(), source }
    }
}

impl PoolError {
    /// The rule that refused, if it was one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Names the file and sorts SQLite's errors.
    pub(super) fn at_path(self, path: &std::path::Path) -> Self {
        use rusqlite::ErrorCode as Code;
        let Self::Database { source, .. } = self else { return self };
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Locked { path },
            Some(Code::ReadOnly) => Self::ReadOnly { path },
            Some(Code::DiskFull) => Self::DiskFull { path },
            Some(Code::NotADatabase) => Self::NotAPool { path, found: "it is not a SQLite database".into() },
            Some(Code::DatabaseCorrupt) => Self::Damaged { what: format!("{}: {source}", path.display()) },
            Some(Code::CannotOpen | Code::PermissionDenied) => Self::CannotOpen { path, message: source.to_string() },
            _ => Self::Database { path, source },
        }
    }
}

/// A rule that refused a code, a unit or an order. [`Refusal::rule`] is its name.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Refusal {
    /// Nobody registered this code.
    #[error("code {code} is unknown to the pool")]
    Unknown {
        /// The code.
        code: String,
    },
    /// Names no unit by its grammar: a retail code, a trade item without serial number, an unusable text.
    #[error("'{code}' names no unit")]
    NotAUnitCode {
        /// The text.
        code: String,
    },
    /// Registered by its manufacturer, and never received here.
    #[error("code {code} is registered, but was never received")]
    NotReceived {
        /// The code.
        code: String,
    },
    /// It has its one sale record already. A second points to a counterfeit, reflow or swap.
    #[error("code {code} was sold already, in order {order}")]
    AlreadySold {
        /// The code.
        code: String,
        /// The order that has it.
        order: String,
    },
    /// Held for another order.
    #[error("code {code} is reserved for order {order}")]
    AlreadyReserved {
        /// The code.
        code: String,
        /// The order that holds it.
        order: String,
    },
    /// A drug that the order does not name.
    #[error("code {code} is of product '{product}', which is not in the order")]
    OtherDrug {
        /// The code.
        code: String,
        /// Its product.
        product: String,
    },
    /// The order names the drug, and has enough of it.
    #[error("code {code} of product '{product}' is more than the order asks for")]
    Surplus {
        /// The code.
        code: String,
        /// Its product.
        product: String,
    },
    /// Past its date.
    #[error("code {code} expired on {expiry}")]
    Expired {
        /// The code.
        code: String,
        /// Last day of use.
        expiry: Date,
    },
    /// Called back by its manufacturer or the authority.
    #[error("code {code} is recalled")]
    Recalled {
        /// The code.
        code: String,
    },
    /// A bundle or carton where only smallest packs are dispensed.
    #[error("code {code} is of a {}; only smallest packs are dispensed", level.as_str())]
    LevelTooHigh {
        /// The code.
        code: String,
        /// Its level.
        level: PackLevel,
    },
    /// The same unit twice in one order.
    #[error("code {code} is in the order already")]
    DuplicateInOrder {
        /// The code.
        code: String,
    },
    /// In a state that does not allow what was asked.
    #[error("code {code} is {}, and cannot become {}", from.as_str(), to.as_str())]
    WrongState {
        /// The code.
        code: String,
        /// The state it is in.
        from: UnitState,
        /// The state it should take.
        to: UnitState,
    },
    /// Part of a split pack is held for an order or already given out, and the pool's options forbid more sales of it.
    #[error("code {code} is an opened pack, and selling from opened packs is switched off")]
    SplitSalesOff {
        /// The code.
        code: String,
    },
    /// Not enough in stock.
    #[error("{found} of {wanted} pieces of product '{product}' are in stock")]
    InsufficientStock {
        /// The product.
        product: String,
        /// Pieces that the line still needs.
        wanted: u64,
        /// Pieces that could be had.
        found: u64,
    },
    /// Nobody described this product.
    #[error("product '{product}' is unknown to the pool")]
    UnknownProduct {
        /// Its id.
        product: String,
    },
    /// A line that asks for nothing, or for more than can be counted.
    #[error("line {line} of order {order} asks for an impossible quantity: {quantity}")]
    ImpossibleQuantity {
        /// The order.
        order: String,
        /// Index of the line, from 0.
        line: usize,
        /// What it asks for.
        quantity: u32,
    },
    /// Nothing is held for the order.
    #[error("nothing is reserved for order {order}")]
    NothingReserved {
        /// The order.
        order: String,
    },
    /// The reservation ran out.
    #[error("the reservation of code {code} for order {order} has run out")]
    ReservationExpired {
        /// The order.
        order: String,
        /// A code whose reservation ran out.
        code: String,
    },
    /// Registered before with other particulars.
    #[error("code {code} is registered already, with another {field}")]
    RegisteredDifferently {
        /// The code.
        code: String,
        /// What differs.
        field: &'static str,
    },
    /// The code itself says something else than its registration.
    #[error("code {code} itself says another {field} than its registration")]
    ContradictsCode {
        /// The code.
        code: String,
        /// What differs.
        field: &'static str,
    },
    /// The code's prefix is not known.
    #[error("the prefix of code {code} belongs to no known product")]
    UnknownPrefix {
        /// The code.
        code: String,
    },
    /// The parent is missing, of another product, or not of a higher level.
    #[error("code {code} cannot be packed in {parent}: {why}")]
    BadParent {
        /// The code.
        code: String,
        /// The parent's code.
        parent: String,
        /// Why not.
        why: &'static str,
    },
    /// Not part of that order's sales, or returned before.
    #[error("order {order} has no sale of code {code} to return")]
    NoSaleToReturn {
        /// The order.
        order: String,
        /// The code.
        code: String,
    },
}

impl Refusal {
    /// The rule's name, as it stands in reports.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown",
            Self::NotAUnitCode { .. } => "not_a_unit_code",
            Self::NotReceived { .. } => "not_received",
            Self::AlreadySold { .. } => "already_sold",
            Self::AlreadyReserved { .. } => "already_reserved",
            Self::OtherDrug { .. } => "other_drug",
            Self::Surplus { .. } => "surplus",
            Self::Expired { .. } => "expired",
            Self::Recalled { .. } => "recalled",
            Self::LevelTooHigh { .. } => "level_too_high",
            Self::DuplicateInOrder { .. } => "duplicate_in_order",
            Self::WrongState { .. } => "wrong_state",
            Self::SplitSalesOff { .. } => "split_sales_off",
            Self::InsufficientStock { .. } => "insufficient_stock",
            Self::UnknownProduct { .. } => "unknown_product",
            Self::ImpossibleQuantity { .. } => "impossible_quantity",
            Self::NothingReserved { .. } => "nothing_reserved",
            Self::ReservationExpired { .. } => "reservation_expired",
            Self::RegisteredDifferently { .. } => "registered_differently",
            Self::ContradictsCode { .. } => "contradicts_code",
            Self::UnknownPrefix { .. } => "unknown_prefix",
            Self::BadParent { .. } => "bad_parent",
            Self::NoSaleToReturn { .. } => "no_sale_to_return",
        }
    }
}
