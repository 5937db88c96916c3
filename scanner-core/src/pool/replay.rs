//! The ledger as the truth: replaying it, comparing it with the tables, hashing it.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{EventKind, LedgerEntry, Pool, PoolError, Result, UnitState, ids, store};

/// What the ledger says of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayedUnit {
    /// Its state.
    pub state: UnitState,
    /// Unsold pieces.
    pub remaining: u32,
    /// Pieces held, by order.
    pub held: BTreeMap<String, u32>,
}

impl Pool {
    /// Every unit's state as the ledger alone tells it, by key.
    ///
    /// # Errors
    /// [`PoolError::Damaged`] if an entry does not follow from those before it.
    pub fn rebuild_state_from_ledger(&self) -> Result<BTreeMap<String, ReplayedUnit>> {
        let mut units = BTreeMap::new();
        for (entry, expected) in self.ledger().zip(1u64..) {
            let entry = entry?;
            let damaged = |what: &str| PoolError::Damaged { what: format!("ledger entry {}: {what}", entry.sequence) };
            if entry.sequence != expected {
                return Err(damaged("an entry before it is missing"));
            }
            apply(&mut units, &entry).map_err(damaged)?;
        }
        Ok(units)
    }

    /// Replays the ledger and compares it with the tables.
    ///
    /// # Errors
    /// [`PoolError::Damaged`], naming the first difference.
    pub fn verify_ledger(&self) -> Result<()> {
        let replayed = self.rebuild_state_from_ledger()?;
        let mut stored = BTreeMap::new();
        self.read(|db| {
            for unit in store::units_where(db, "1 ORDER BY key", [])? {
                stored.insert(unit.key, ReplayedUnit { state: unit.state, remaining: unit.remaining, held: BTreeMap::new() });
            }
            for r in store::reservations_where(db, "1", [])? {
                if let Some(unit) = stored.get_mut(&r.key) {
                    *unit.held.entry(r.order).or_default() += r.quantity;
                }
            }
            Ok(())
        })?;
        let keys = replayed.keys().chain(stored.keys());
        match keys.into_iter().find(|key| replayed.get(*key) != stored.get(*key)) {
            None => Ok(()),
            Some(key) => Err(PoolError::Damaged {
                what: format!("unit {key}: the ledger says {:?}, the table {:?}", replayed.get(key), stored.get(key)),
            }),
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

/// One entry on what was before; says what does not fit.
fn apply(units: &mut BTreeMap<String, ReplayedUnit>, e: &LedgerEntry) -> std::result::Result<(), &'static str> {
    if e.kind == EventKind::Register {
        let unit = ReplayedUnit { state: e.to, remaining: e.remaining, held: BTreeMap::new() };
        return if e.from.is_some() || e.to != UnitState::Registered || units.insert(e.key.clone(), unit).is_some() {
            Err("a unit is registered that was there")
        } else {
            Ok(())
        };
    }
    let unit = units.get_mut(&e.key).ok_or("a unit that was never registered")?;
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
