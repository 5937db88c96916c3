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
    /// Somebody else holds the file, or what was to be changed of it.
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
    /// Others changed the same units at the same time, again and again. Nothing was changed.
    #[error("{}: others change the same units; nothing was changed", path.display())]
    Conflict {
        /// The server.
        path: PathBuf,
    },
    /// The line to the server was cut. Unless `outcome_known`, it was cut while the change was being made fast: it may have happened.
    #[error("{}: connection lost{}: {message}", path.display(), if *outcome_known { ", nothing was changed" } else { " while a change was made fast; look whether it happened" })]
    ConnectionLost {
        /// The server.
        path: PathBuf,
        /// What the system says.
        message: String,
        /// Whether it is certain that nothing was changed.
        outcome_known: bool,
    },
    /// The database failed otherwise.
    #[error("{}: database error: {source}", path.display())]
    Database {
        /// The file, or the server without its password.
        path: PathBuf,
        /// What the engine says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<Refusal> for PoolError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl PoolError {
    /// The rule that refused, if it was one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::RelationFile(error) => error.refusal.as_deref(),
            _ => None,
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
    /// The order asks for something else than when it was reserved.
    #[error("order {order} was changed after it was reserved; release it and reserve it again")]
    OrderChanged {
        /// The order.
        order: String,
    },
    /// The order wants another batch.
    #[error("code {code} is of batch '{batch}'; order {order} wants batch '{wanted}'")]
    WrongBatch {
        /// The code.
        code: String,
        /// Its batch.
        batch: String,
        /// The order.
        order: String,
        /// The batch that it wants.
        wanted: String,
    },
    /// Too close to its date for this pharmacy.
    #[error("code {code} expires on {expiry}, within the {days} days that this pharmacy keeps")]
    ExpiresSoon {
        /// The code.
        code: String,
        /// Last day of use.
        expiry: Date,
        /// Days that must be left.
        days: u32,
    },
    /// A sale without the settlement that the platform asks for.
    #[error("order {order} has no settlement, which the platform asks for")]
    NoSettlement {
        /// The order.
        order: String,
    },
    /// The order may not be dispensed yet.
    #[error("order {order} has not passed the pharmacist's audit")]
    NotAudited {
        /// The order.
        order: String,
    },
    /// The pool does not know whose it is.
    #[error("the pool has no institution, so nothing can be uploaded")]
    NoInstitution,
    /// The platform would not know this institution.
    #[error("the institution's {field} is not what the platform allows")]
    BadInstitution {
        /// The field.
        field: &'static str,
    },
    /// Only what is unknown or failed waits for a person's word.
    #[error("upload {event_id} is neither unknown nor failed")]
    NotOpenForVerdict {
        /// The event.
        event_id: String,
    },
    /// The platform has not acknowledged it.
    #[error("upload {event_id} was not acknowledged by the platform")]
    NotUploaded {
        /// The event.
        event_id: String,
    },
    /// This pool sells to a patient only by a pharmacist.
    #[error("order {order} needs a pharmacist's session and the patient's insurance id")]
    PharmacistNeeded {
        /// The order.
        order: String,
    },
    /// The insurance id is not that of the patient whom the order is for.
    #[error("order {order} is for another patient than the insurance id names")]
    OtherPatient {
        /// The order.
        order: String,
    },
    /// An insurance id that cannot be one.
    #[error("the insurance id for order {order} is empty or too long")]
    BadInsuranceId {
        /// The order.
        order: String,
    },
    /// The session is unknown, was ended, or ran out.
    #[error("there is no such session, or it has ended; log in")]
    NoSession,
    /// The account's role does not allow it.
    #[error("account '{account}' is a {role}'s, who may not {action}")]
    NotAllowed {
        /// The account.
        account: String,
        /// Its role.
        role: &'static str,
        /// What was wanted.
        action: &'static str,
    },
    /// The password is wrong, or there is no such account: which of them, nobody is told.
    #[error("account '{account}' and this password do not go together")]
    WrongPassword {
        /// The account as it was named.
        account: String,
    },
    /// Too many wrong passwords.
    #[error("account '{account}' is locked for {minutes} minutes after too many wrong passwords")]
    AccountLocked {
        /// The account.
        account: String,
        /// How long it still is.
        minutes: u64,
    },
    /// An account that makes no sense.
    #[error("the account's {field}: {what}")]
    BadAccount {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// There is one of that name, or none.
    #[error("account '{account}' {what}")]
    AccountName {
        /// The account.
        account: String,
        /// What is the matter.
        what: &'static str,
    },
    /// Neither no-code stock nor an exemption serves this line: its codes must be captured.
    #[error("line {line} of order {order}: product '{product}' needs its codes")]
    CodeNeeded {
        /// The order.
        order: String,
        /// Index of the line, from 0.
        line: usize,
        /// The product.
        product: String,
    },
    /// Stock without codes is switched off in this pool.
    #[error("stock without codes is switched off in this pool")]
    UncodedStockOff,
    /// A lot without codes that makes no sense.
    #[error("the lot's {field}: {what}")]
    BadLot {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// What is to be written off for its date is still good.
    #[error("code {code} is good until {expiry}; it is not expired")]
    NotExpired {
        /// The code.
        code: String,
        /// Its last day.
        expiry: Date,
    },
    /// The supplier takes whole packs, and whole cartons, only.
    #[error("code {code} is not whole any more; the supplier takes whole packs only")]
    PackOpened {
        /// The code.
        code: String,
    },
    /// The clock is behind what the ledger has already.
    #[error("the clock is {seconds} s behind the ledger's youngest entry; set it right")]
    ClockSetBack {
        /// How far.
        seconds: u64,
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
            Self::OrderChanged { .. } => "order_changed",
            Self::WrongBatch { .. } => "wrong_batch",
            Self::ExpiresSoon { .. } => "expires_soon",
            Self::NoSettlement { .. } => "no_settlement",
            Self::NotAudited { .. } => "not_audited",
            Self::NoInstitution => "no_institution",
            Self::BadInstitution { .. } => "bad_institution",
            Self::NotOpenForVerdict { .. } => "not_open_for_verdict",
            Self::NotUploaded { .. } => "not_uploaded",
            Self::NoSaleToReturn { .. } => "no_sale_to_return",
            Self::PharmacistNeeded { .. } => "pharmacist_needed",
            Self::OtherPatient { .. } => "other_patient",
            Self::BadInsuranceId { .. } => "bad_insurance_id",
            Self::NoSession => "no_session",
            Self::NotAllowed { .. } => "not_allowed",
            Self::WrongPassword { .. } => "wrong_password",
            Self::AccountLocked { .. } => "account_locked",
            Self::BadAccount { .. } => "bad_account",
            Self::AccountName { .. } => "account_name",
            Self::CodeNeeded { .. } => "code_needed",
            Self::UncodedStockOff => "uncoded_stock_off",
            Self::BadLot { .. } => "bad_lot",
            Self::NotExpired { .. } => "not_expired",
            Self::PackOpened { .. } => "pack_opened",
            Self::ClockSetBack { .. } => "clock_set_back",
        }
    }
}
