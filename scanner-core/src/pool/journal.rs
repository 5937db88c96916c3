//! The ledger's second book. The first has what happened to units, one entry a change; this one has what was done and changed no unit: refusals,
//! log-ins, accounts, rules, countings, verifications, and who sold what to which pseudonym. Append-only as well.

use hardware_hal::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use super::db::{Database, Lock, Row, values};
use super::model::words;
use super::work::Work;
use super::{Act, Pool, PoolError, Refusal, Result};

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalKind {
    /// A rule refused something; the subject is the rule.
    Refusal,
    /// An account was made or changed; the subject is its name.
    Account,
    /// Somebody logged in.
    LogIn,
    /// A password was wrong, or came too late.
    LogInRefused,
    /// A session was ended.
    LogOut,
    /// The rules were changed.
    Rules,
    /// An order was sold by a pharmacist to a patient's pseudonym; the subject is the order.
    Dispense,
    /// A sale turned out to have been a mistake; the subject is the order.
    DispensingError,
    /// The stock was counted and booked; the subject is the product, or nothing for all.
    Stocktake,
    /// Units were written off; the subject is the reason.
    WriteOff,
    /// Somebody asked whether a code is genuine; the subject is the unit's key, or the text where no unit has it.
    Verification,
}

words!(JournalKind {
    Refusal = "refusal",
    Account = "account",
    LogIn = "log_in",
    LogInRefused = "log_in_refused",
    LogOut = "log_out",
    Rules = "rules",
    Dispense = "dispense",
    DispensingError = "dispensing_error",
    Stocktake = "stocktake",
    WriteOff = "write_off",
    Verification = "verification",
});

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalEntry {
    /// Rises from entry to entry.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub kind: JournalKind,
    /// About whom or what, by kind.
    pub subject: String,
    /// The particulars, by kind.
    pub detail: Json,
}

impl Work<'_> {
    /// Writes into the journal.
    pub fn note(&self, kind: JournalKind, subject: &str, detail: &Json) -> Result<()> {
        append(self.db, self.act, kind, subject, detail)
    }

    /// Writes into the journal that a rule refused a part of what was asked.
    pub fn note_refusal(&self, refusal: &Refusal) -> Result<()> {
        append_refusal(self.db, self.act, refusal)
    }
}

/// Writes a refusal down.
pub(super) fn append_refusal(db: &dyn Database, act: Act<'_>, refusal: &Refusal) -> Result<()> {
    let detail = serde_json::to_value(refusal).map_err(|e| PoolError::Damaged { what: e.to_string() })?;
    append(db, act, JournalKind::Refusal, refusal.rule(), &detail)
}

fn append(db: &dyn Database, act: Act<'_>, kind: JournalKind, subject: &str, detail: &Json) -> Result<()> {
    db.later(
        "INSERT INTO journal (at, actor, kind, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
        values![act.at, act.actor, kind.as_str(), subject, &detail.to_string()],
    )
}

pub(super) fn entries_where(db: &dyn Database, condition: &str, values: &[super::db::Value<'_>]) -> Result<Vec<JournalEntry>> {
    let entry = |row: &Row| {
        let detail = row.text(5)?;
        Ok(JournalEntry {
            sequence: row.count(0)?,
            at: row.time(1)?,
            actor: row.text(2)?,
            kind: row.word(3, JournalKind::from_name)?,
            subject: row.text(4)?,
            detail: serde_json::from_str(&detail).map_err(|e| PoolError::Damaged { what: format!("an entry of the journal: {e}") })?,
        })
    };
    let sql = format!("SELECT sequence, at, actor, kind, subject, detail FROM journal WHERE {condition} ORDER BY sequence");
    db.query(&sql, Lock::No, values)?.iter().map(entry).collect()
}

impl Pool {
    /// The journal's entries of one kind about one subject, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub fn journal_of(&self, kind: JournalKind, subject: &str) -> Result<Vec<JournalEntry>> {
        self.read(|db| entries_where(db, "kind = ?1 AND subject = ?2", values![kind.as_str(), subject]))
    }

    /// The journal's entries after number `sequence`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub fn journal(&self, sequence: u64, limit: u32) -> Result<Vec<JournalEntry>> {
        let condition = "sequence IN (SELECT sequence FROM journal WHERE sequence > ?1 ORDER BY sequence LIMIT ?2)";
        self.read(|db| entries_where(db, condition, values![sequence, limit]))
    }
}
