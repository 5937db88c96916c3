//! Counting the stock, and what to do about the differences.

use std::collections::BTreeSet;

use serde::Serialize;

use super::db::{Lock, values};
use super::journal::JournalKind;
use super::outbox::{Told, UploadKind};
use super::removal::WriteOffReason;
use super::stock::withdraw;
use super::{Act, EventKind, Pool, Reservation, Result, Unit, UnitState, store};
use crate::codes::unit_key;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub enum StocktakeScope<'a> {
    /// Everything.
    All,
    /// One product.
    Product(&'a str),
    /// A batch of a product.
    Batch {
        /// The product.
        product: &'a str,
        /// The batch.
        batch: &'a str,
    },
}

impl StocktakeScope<'_> {
    /// What stands in the journal: a product's id, or nothing for all of them.
    fn name(&self) -> &str {
        match self {
            Self::All => "",
            Self::Product(product) | Self::Batch { product, .. } => product,
        }
    }
}

/// What a stocktaking found. Codes are as they were registered, or as they were read where the pool does not know them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StocktakeReport {
    /// Smallest packs that should be in stock.
    pub expected: u64,
    /// Of these, found.
    pub matching: u64,
    /// Of these, not found.
    pub missing: Vec<String>,
    /// Found, and not in stock by the books: (code, state).
    pub surplus: Vec<(String, UnitState)>,
    /// Found, of something outside what was counted.
    pub out_of_scope: Vec<String>,
    /// Found, and unknown to the pool.
    pub unknown: Vec<String>,
    /// Read more than once.
    pub duplicates: Vec<String>,
    /// Reservations that were dropped, because their units are missing.
    pub released: Vec<Reservation>,
}

impl StocktakeReport {
    /// Share of the expected packs that are missing or in surplus: the stocktaking error rate. Zero where nothing is expected.
    pub fn error_rate(&self) -> f64 {
        if self.expected == 0 { 0.0 } else { (self.missing.len() + self.surplus.len()) as f64 / self.expected as f64 }
    }
}

fn in_stock(unit: &Unit) -> bool {
    matches!(
        unit.state,
        UnitState::Available
            | UnitState::Reserved
            | UnitState::Opened
            | UnitState::Returned
            | UnitState::Quarantined
            | UnitState::Expired
            | UnitState::Recalled
    )
}

impl Pool {
    /// Compares codes that were counted with the books. With `book`, what is missing is written off, what was written off and turns up is set
    /// aside, and the platform is told of the count; other surplus (a pack that is sold by the books lies on the shelf) is for a person to look into.
    ///
    /// # Errors
    /// The database's.
    pub fn stocktake(&mut self, scope: StocktakeScope<'_>, counted: &[String], book: bool, act: Act<'_>) -> Result<StocktakeReport> {
        self.write(act, |work| {
            let mut report = StocktakeReport::default();
            let mut found = BTreeSet::new();
            for code in counted {
                match unit_key(code) {
                    Some(key) if !found.insert(key.clone()) => report.duplicates.push(code.clone()),
                    Some(_) => {}
                    None => report.unknown.push(code.clone()),
                }
            }
            let lock = if book { Lock::Wait } else { Lock::No };
            // A lot without codes cannot be counted by its codes.
            let base = "level = 'smallest_pack' AND coded = 1";
            let units = match scope {
                StocktakeScope::All => store::units_where(work.db, &format!("{base} ORDER BY key"), lock, &[])?,
                StocktakeScope::Product(product) => {
                    store::units_where(work.db, &format!("{base} AND product_id = ?1 ORDER BY key"), lock, values![product])?
                }
                StocktakeScope::Batch { product, batch } => store::units_where(
                    work.db,
                    &format!("{base} AND product_id = ?1 AND batch = ?2 ORDER BY key"),
                    lock,
                    values![product, batch],
                )?,
            };
            let (mut there, mut gone) = (Vec::new(), Vec::new());
            for unit in units {
                match (in_stock(&unit), found.remove(&unit.key)) {
                    (true, true) => {
                        report.matching += 1;
                        there.push(unit);
                    }
                    (true, false) => {
                        report.missing.push(unit.code.clone());
                        gone.push(unit);
                    }
                    (false, true) => {
                        report.surplus.push((unit.code.clone(), unit.state));
                        if book && unit.state == UnitState::Removed {
                            withdraw(work, unit, UnitState::Quarantined, EventKind::Found, &mut report.released)?;
                        }
                    }
                    (false, false) => {}
                }
            }
            report.expected = report.matching + report.missing.len() as u64;
            for key in found {
                match store::unit(work.db, &key, Lock::No)? {
                    Some(unit) => report.out_of_scope.push(unit.code),
                    None => report.unknown.push(key),
                }
            }
            if book {
                let mut written_off = Vec::new();
                for unit in gone {
                    written_off.push(withdraw(work, unit, UnitState::Removed, EventKind::WriteOff, &mut report.released)?);
                }
                work.tell_groups(UploadKind::StockChange, &written_off, &Told { reason: Some(WriteOffReason::Lost), ..Told::default() })?;
                // The count itself changes no unit, so its entries in the outbox have ids of their own.
                let mut counted = Vec::new();
                for (unit, number) in there.into_iter().zip(0..) {
                    counted.push((work.ids.event_id(u64::MAX / 2 - work.act.at.0 % (u64::MAX / 4) - number)?, unit));
                }
                work.tell_groups(UploadKind::Stocktake, &counted, &Told::default())?;
                let found = serde_json::json!({
                    "expected": report.expected, "matching": report.matching, "missing": report.missing.len(),
                    "surplus": report.surplus.len(), "unknown": report.unknown.len(),
                });
                work.note(JournalKind::Stocktake, scope.name(), &found)?;
            }
            Ok(report)
        })
    }
}
