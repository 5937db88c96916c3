//! What a patient, or anybody with a box in hand, may ask: is it genuine, is it still good, and who has asked before.

use hardware_hal::Timestamp;
use serde::Serialize;

use super::db::{Lock, values};
use super::journal::JournalKind;
use super::{Act, Pool, Result, UnitState, journal, store};
use crate::codes::{PackLevel, unit_key};
use crate::date::Date;

/// The answer in a word. What points to danger comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nobody here knows this code: counterfeit, or from elsewhere.
    Unknown,
    /// Called back: not to be taken.
    Recalled,
    /// Past its date: not to be taken.
    Expired,
    /// Written off, set aside or returned: nobody should have it.
    Withdrawn,
    /// By the books it lies in the pharmacy; whoever holds it got it in another way.
    NotSold,
    /// Sold here, in date.
    Valid,
}

/// One scan of a code on its way: a node's, or a patient's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scan {
    /// When.
    pub at: Timestamp,
    /// What: a kind of the ledger's, or `verification`.
    pub what: &'static str,
}

/// What is known of a code. Says nothing about persons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The code as it was asked.
    pub code: String,
    /// The answer in a word.
    pub verdict: Verdict,
    /// Id of the product.
    pub product: Option<String>,
    /// Its generic name.
    pub name: Option<String>,
    /// Pieces in a pack, and what a piece is called.
    pub specification: Option<String>,
    /// The batch.
    pub batch: Option<String>,
    /// Last day of use.
    pub expiry: Option<Date>,
    /// Day of manufacture.
    pub made: Option<Date>,
    /// The level of the pack.
    pub level: Option<PackLevel>,
    /// How often this code was verified, this time included.
    pub verifications: u64,
    /// When it was verified first.
    pub first_verified: Timestamp,
    /// All scans, oldest first: those of the chain and verifications.
    pub scans: Vec<Scan>,
}

impl Pool {
    /// Answers for a code, and counts that it was asked: many questions about one box point to copies of its code.
    ///
    /// # Errors
    /// The database's.
    pub fn verify_code(&mut self, code: &str, act: Act<'_>) -> Result<Verification> {
        self.write(act, |work| {
            let key = unit_key(code);
            // PostgreSQL has no zero bytes in texts; what has them is no code anyway.
            let subject = key.clone().unwrap_or_else(|| code.replace('\0', "\u{fffd}"));
            let subject = subject.as_str();
            let unit = key.as_ref().map(|key| store::unit(work.db, key, Lock::No)).transpose()?.flatten();
            let verdict = match &unit {
                None => Verdict::Unknown,
                Some(unit) => match unit.state {
                    UnitState::Recalled => Verdict::Recalled,
                    _ if unit.expiry < work.today => Verdict::Expired,
                    UnitState::Expired => Verdict::Expired,
                    UnitState::Returned | UnitState::Quarantined | UnitState::Removed => Verdict::Withdrawn,
                    UnitState::Registered | UnitState::Available | UnitState::Reserved => Verdict::NotSold,
                    UnitState::Opened | UnitState::Depleted | UnitState::Dispensed => Verdict::Valid,
                },
            };
            work.note(JournalKind::Verification, subject, &serde_json::json!({ "verdict": verdict }))?;
            let asked = journal::entries_where(work.db, "kind = 'verification' AND subject = ?1", values![subject])?;
            let mut scans: Vec<Scan> = match &unit {
                Some(unit) => store::history(work.db, &unit.key)?.iter().map(|e| Scan { at: e.at, what: e.kind.as_str() }).collect(),
                None => Vec::new(),
            };
            scans.extend(asked.iter().map(|entry| Scan { at: entry.at, what: entry.kind.as_str() }));
            scans.sort_by_key(|scan| scan.at);
            let product = unit.as_ref().map(|unit| store::product(work.db, &unit.product)).transpose()?.flatten();
            Ok(Verification {
                code: code.to_owned(),
                verdict,
                name: product.as_ref().map(|product| product.names.generic.clone()),
                specification: product.as_ref().map(|product| format!("{} {}", product.pack_quantity, product.unit)),
                product: unit.as_ref().map(|unit| unit.product.clone()),
                batch: unit.as_ref().map(|unit| unit.batch.clone()),
                expiry: unit.as_ref().map(|unit| unit.expiry),
                made: unit.as_ref().and_then(|unit| unit.made),
                level: unit.as_ref().map(|unit| unit.level),
                verifications: asked.len() as u64,
                first_verified: asked.first().map_or(work.act.at, |entry| entry.at),
                scans,
            })
        })
    }
}
