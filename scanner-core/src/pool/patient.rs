//! Patients, who stand in a pool as pseudonyms only.

use super::db::{Database, Lock, values};
use super::work::Work;
use super::{Act, Pool, PoolError, Refusal, Result, ids, store};
use crate::exchange::pseudonym;

const KEY: &str = "patient_key";

/// Longest insurance id, characters: the interface's `psn_no` and `certno` are 30 and 50.
const LONGEST_ID: usize = 50;

/// The key of the pseudonyms: 32 bytes from the operating system, made when the first one is needed, and kept.
fn key(db: &dyn Database) -> Result<String> {
    if let Some(key) = store::setting(db, KEY)? {
        return Ok(key);
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| PoolError::NoRandomness { message: error.to_string() })?;
    // Another window may do the same at the same time: the first one's is everybody's.
    db.execute("INSERT INTO setting (name, record) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING", values![KEY, &ids::hex(&bytes)])?;
    store::setting(db, KEY)?.ok_or_else(|| PoolError::Damaged { what: "the key of the pseudonyms is gone".into() })
}

/// The pseudonym of an insurance id.
pub(super) fn pseudonym_of(work: &Work<'_>, order: &str, insurance_id: &str) -> Result<String> {
    let id = insurance_id.trim();
    if id.is_empty() || id.chars().count() > LONGEST_ID {
        return Err(Refusal::BadInsuranceId { order: order.into() }.into());
    }
    Ok(pseudonym(key(work.db)?.as_bytes(), id))
}

/// The pseudonym that an order is for, if that was said.
pub(super) fn of_order(db: &dyn Database, order: &str) -> Result<Option<String>> {
    let row = db.query_one("SELECT pseudonym FROM order_patient WHERE order_id = ?1", Lock::No, values![order])?;
    row.map(|row| row.text(0)).transpose()
}

/// Says for whom an order is; once said, it stays.
pub(super) fn assign(work: &Work<'_>, order: &str, pseudonym: &str) -> Result<()> {
    match of_order(work.db, order)? {
        Some(before) if before == pseudonym => Ok(()),
        Some(_) => Err(Refusal::OtherPatient { order: order.into() }.into()),
        None => work.db.execute("INSERT INTO order_patient (order_id, pseudonym) VALUES (?1, ?2)", values![order, pseudonym]).map(drop),
    }
}

impl Pool {
    /// The pseudonym under which this pool knows a patient; 32 hexadecimal digits, by a key that only this pool has.
    ///
    /// # Errors
    /// [`Refusal::BadInsuranceId`]; [`PoolError::NoRandomness`] where the key cannot be made.
    pub fn patient_pseudonym(&mut self, insurance_id: &str, act: Act<'_>) -> Result<String> {
        self.write(act, |work| pseudonym_of(work, "", insurance_id))
    }

    /// Says for whom an order is, by insurance id; the pool keeps the pseudonym. With dual authentication, the order is then sold to nobody else.
    ///
    /// # Errors
    /// [`Refusal::OtherPatient`] if another was said before; [`Refusal::BadInsuranceId`].
    pub fn assign_patient(&mut self, order: &str, insurance_id: &str, act: Act<'_>) -> Result<String> {
        self.write(act, |work| {
            work.lock_order(order)?;
            let pseudonym = pseudonym_of(work, order, insurance_id)?;
            assign(work, order, &pseudonym)?;
            Ok(pseudonym)
        })
    }
}
