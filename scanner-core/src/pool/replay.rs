//! The ledger as the truth: replaying it, comparing it with the tables, hashing it.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::db::{Database, Lock};
use super::{EventKind, LedgerEntry, Pool, PoolError, Result, UnitState, ids, store};

/// Entries read at a time.
const PAGE: u32 = 4096;

/// What the ledger says of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayedUnit {
    /// Its state.
    pub state: UnitState,
    /// Unsold pieces.
    pub remaining: u32,
    /// Pieces held, by order.
    pub held: BTreeMap<String, u32>,
    /// Entries about it.
    pub revision: u32,
}

impl Pool {
    /// Every unit's state as the ledger alone tells it, by key.
    ///
    /// # Errors
    /// [`PoolError::Damaged`] if an entry does not follow from those before it.
    pub fn rebuild_state_from_ledger(&self) -> Result<BTreeMap<String, ReplayedUnit>> {
        self.read(rebuild)
    }

    /// Replays the ledger and compares it with the tables.
    ///
    /// # Errors
    /// [`PoolError::Damaged`], naming the first difference.
    pub fn verify_ledger(&self) -> Result<()> {
        let (replayed, mut stored) = self.read(|db| {
            let mut stored = BTreeMap::new();
            for unit in store::units_where(db, "1 = 1 ORDER BY key", Lock::No, &[])? {
                let replayed =
                    ReplayedUnit { state: unit.state, remaining: unit.remaining, held: BTreeMap::new(), revision: unit.revision };
                stored.insert(unit.key, replayed);
            }
            for r in store::reservations_where(db, "1 = 1", &[])? {
                if let Some(unit) = stored.get_mut(&r.key) {
                    *unit.held.entry(r.order).or_default() += r.quantity;
                }
            }
            Ok((rebuild(db)?, stored))
        })?;
        for (key, unit) in &replayed {
            let of_table = stored.remove(key);
            if of_table.as_ref() != Some(unit) {
                return Err(PoolError::Damaged { what: format!("unit {key}: the ledger says {unit:?}, the table {of_table:?}") });
            }
        }
        match stored.pop_first() {
            None => Ok(()),
            Some((key, unit)) => Err(PoolError::Damaged { what: format!("unit {key}: the ledger says nothing, the table {unit:?}") }),
        }
    }

    /// SHA-256 over all entries of the ledger in their order, every field included, in hexadecimal. Fields are hashed with their lengths, so that
    /// no two ledgers run together.
    ///
    /// # Errors
    /// The database's.
    pub fn ledger_hash(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for entry in self.ledger() {
            let e = entry?;
            let numbers = [e.sequence, e.at.0, u64::from(e.quantity), u64::from(e.remaining)];
            numbers.iter().for_each(|n| hash.update(n.to_le_bytes()));
            let texts = [
                Some(e.event_id.as_str()),
                e.original_event_id.as_deref(),
                Some(&e.actor),
                Some(&e.cause),
                Some(e.kind.as_str()),
                Some(&e.key),
                e.from.map(UnitState::as_str),
                Some(e.to.as_str()),
                e.order.as_deref(),
            ];
            for text in texts {
                hash.update(text.map_or(u64::MAX, |t| t.len() as u64).to_le_bytes());
                hash.update(text.unwrap_or_default());
            }
        }
        Ok(ids::hex(&hash.finalize()))
    }
}

fn rebuild(db: &dyn Database) -> Result<BTreeMap<String, ReplayedUnit>> {
    let (mut units, mut last) = (BTreeMap::new(), 0);
    loop {
        let page = store::ledger_page(db, "1 = 1", last, PAGE)?;
        for entry in &page {
            apply(&mut units, entry).map_err(|what| PoolError::Damaged { what: format!("ledger entry {}: {what}", entry.sequence) })?;
            last = entry.sequence;
        }
        if page.len() < PAGE as usize {
            return Ok(units);
        }
    }
}

/// One entry on what was before; says what does not fit.
fn apply(units: &mut BTreeMap<String, ReplayedUnit>, e: &LedgerEntry) -> std::result::Result<(), &'static str> {
    if e.kind == EventKind::Register {
        let unit = ReplayedUnit { state: e.to, remaining: e.remaining, held: BTreeMap::new(), revision: e.revision };
        return if e.from.is_some() || e.revision != 1 || e.to != UnitState::Registered || units.insert(e.key.clone(), unit).is_some() {
            Err("a unit is registered that was there")
        } else {
            Ok(())
        };
    }
    let unit = units.get_mut(&e.key).ok_or("a unit that was never registered")?;
    if e.revision != unit.revision + 1 {
        return Err("an entry of this unit before it is missing");
    }
    unit.revision = e.revision;
    if e.from != Some(unit.state) {
        return Err("the state before is not the state that was reached");
    }
    let expected = match e.kind {
        EventKind::Dispense => unit.remaining.checked_sub(e.quantity).ok_or("more is sold than there is")?,
        EventKind::Return if e.to == UnitState::Returned => unit.remaining + e.quantity,
        _ => unit.remaining,
    };
    if e.remaining != expected {
        return Err("the pieces left do not follow from those before");
    }
    if let Some(order) = &e.order {
        let held = unit.held.entry(order.clone()).or_default();
        match e.kind {
            EventKind::Reserve => *held += e.quantity,
            EventKind::Release | EventKind::ReservationExpired | EventKind::Dispense => {
                *held = held.checked_sub(e.quantity).ok_or("more is let go than was held")?;
            }
            _ => {}
        }
        unit.held.retain(|_, quantity| *quantity > 0);
    }
    unit.state = e.to;
    unit.remaining = e.remaining;
    Ok(())
}
