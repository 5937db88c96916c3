//! What leaves for good and was not sold: back to the supplier, destroyed, lost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::db::{Lock, values};
use super::journal::JournalKind;
use super::model::words;
use super::outbox::{Delivery, Told, UploadKind};
use super::stock::withdraw;
use super::work::Work;
use super::{Act, EventKind, Pool, Refusal, Reservation, Result, Unit, UnitState, store, uncoded};
use crate::codes::PackLevel;

/// Why something is written off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteOffReason {
    /// It was destroyed: broken, spoilt, called back.
    Destroyed,
    /// It is not where it should be.
    Lost,
    /// It was destroyed because its date has passed.
    Expired,
}

words!(WriteOffReason { Destroyed = "destroyed", Lost = "lost", Expired = "expired" });

/// What has left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RemovalReport {
    /// Codes of the units that are gone, with what was packed in them.
    pub removed: Vec<String>,
    /// Reservations that were dropped for it.
    pub released: Vec<Reservation>,
}

impl Pool {
    /// Sends units back to the supplier under a delivery note (request 3504): they are gone for good. A carton goes with everything that is packed in
    /// it. What orders hold of them is released.
    ///
    /// # Errors
    /// The first code that a rule refuses; nothing is changed then. [`Refusal::PackOpened`]: the supplier takes whole packs, and whole cartons, only.
    pub fn return_to_supplier(&mut self, codes: &[String], delivery: &Delivery, act: Act<'_>) -> Result<RemovalReport> {
        self.write(act, |work| {
            let told = Told { delivery: Some(delivery), ..Told::default() };
            remove(work, codes, EventKind::SupplierReturn, UploadKind::SupplierReturn, &told, |_, unit, inside| {
                let whole =
                    |unit: &Unit| unit.remaining == unit.quantity && !matches!(unit.state, UnitState::Dispensed | UnitState::Removed);
                if whole(unit) && inside.iter().all(whole) { Ok(()) } else { Err(Refusal::PackOpened { code: unit.code.clone() }) }
            })
        })
    }

    /// Writes units off as destroyed. See [`Pool::write_off_because`].
    ///
    /// # Errors
    /// As there.
    pub fn write_off(&mut self, codes: &[String], act: Act<'_>) -> Result<RemovalReport> {
        self.write_off_because(codes, WriteOffReason::Destroyed, act)
    }

    /// Writes units off (request 3502): they are gone for good. A lot without codes is named as [`Pool::add_uncoded_stock`] called it. Of a carton, everything goes that is packed in it and still here. What orders hold of
    /// them is released. The reason stands in the journal.
    ///
    /// # Errors
    /// The first code that a rule refuses; nothing is changed then. [`Refusal::NotExpired`] for what is still good.
    pub fn write_off_because(&mut self, codes: &[String], reason: WriteOffReason, act: Act<'_>) -> Result<RemovalReport> {
        self.write(act, |work| {
            let told = Told { reason: Some(reason), ..Told::default() };
            let report = remove(work, codes, EventKind::WriteOff, UploadKind::StockChange, &told, |work, unit, inside| {
                let good = |unit: &&Unit| unit.state != UnitState::Expired && unit.expiry >= work.today;
                match std::iter::once(unit).chain(inside).find(good) {
                    Some(unit) if reason == WriteOffReason::Expired => {
                        Err(Refusal::NotExpired { code: unit.code.clone(), expiry: unit.expiry })
                    }
                    _ => Ok(()),
                }
            })?;
            work.note(JournalKind::WriteOff, reason.as_str(), &serde_json::json!({ "codes": report.removed, "cause": work.act.cause }))?;
            Ok(report)
        })
    }
}

/// Everything that is packed in the unit ?1.
const INSIDE: &str = "key IN (WITH RECURSIVE packed(k) AS (SELECT key FROM unit WHERE parent = ?1
                                                           UNION SELECT unit.key FROM unit JOIN packed ON unit.parent = packed.k)
                              SELECT k FROM packed) ORDER BY key";

fn remove(
    work: &mut Work<'_>,
    codes: &[String],
    kind: EventKind,
    upload: UploadKind,
    told: &Told<'_>,
    check: impl Fn(&Work<'_>, &Unit, &[Unit]) -> std::result::Result<(), Refusal>,
) -> Result<RemovalReport> {
    let mut report = RemovalReport::default();
    let mut removed = Vec::new();
    work.lock_codes(codes)?;
    for code in codes {
        // Nothing without a code goes back under one; else a lot may be named.
        let lot = if kind == EventKind::WriteOff { uncoded::lot(work, code)? } else { None };
        let unit = lot.map_or_else(|| work.find(code), Ok)?;
        let inside = if unit.level == PackLevel::SmallestPack {
            Vec::new()
        } else {
            store::units_where(work.db, INSIDE, Lock::Wait, values![&unit.key])?
        };
        check(work, &unit, &inside)?;
        // What is named must be able to leave; of what is packed in it, what has left already is left alone.
        let here = inside.into_iter().filter(|unit| unit.state == UnitState::Reserved || unit.state.may_become(UnitState::Removed));
        for unit in std::iter::once(unit).chain(here) {
            let gone = withdraw(work, unit, UnitState::Removed, kind, &mut report.released)?;
            report.removed.push(gone.1.code.clone());
            removed.push(gone);
        }
    }
    work.tell_groups(upload, &removed, told)?;
    Ok(report)
}
