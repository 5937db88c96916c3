//! One transaction: every change of a unit goes through here, together with its entry in the ledger.

use std::collections::{BTreeMap, VecDeque};

use super::db::{Database, Lock, values};
use super::outbox::Institution;
use super::rules::{Rules, Settings};
use super::{Act, EventKind, IdSource, LedgerEntry, PoolError, PoolOptions, Refusal, Reservation, Result, Unit, UnitState, store};
use crate::codes::unit_key;
use crate::date::Date;
use crate::product::Product;

/// What happens to a unit, beside its new state.
pub(super) struct Event<'e> {
    pub kind: EventKind,
    pub quantity: u32,
    pub order: Option<&'e str>,
    pub original: Option<&'e str>,
}

impl Event<'_> {
    /// Something that concerns the whole unit and no order.
    pub fn plain(kind: EventKind, unit: &Unit) -> Self {
        Self { kind, quantity: unit.remaining, order: None, original: None }
    }
}

/// What keeps an order to one program.
pub(super) fn order_name(order: &str) -> String {
    format!("order {order}")
}

/// A transaction under way.
///
/// Where several programs change a pool at once, these rules keep them apart: whoever changes a unit, what is held of it or its sales, holds the
/// unit's row; whoever adds to an order holds the order's name; names are taken before rows, and rows in the order of their keys.
pub(super) struct Work<'w> {
    pub db: &'w dyn Database,
    pub ids: &'w mut dyn IdSource,
    pub options: &'w PoolOptions,
    pub institution: Option<&'w Institution>,
    pub rules: &'w Rules,
    pub act: Act<'w>,
    /// The day at the pharmacy.
    pub today: Date,
    sequence: Option<u64>,
    /// Numbers that were drawn and not yet used.
    drawn: VecDeque<u64>,
    /// Products that were looked up: nothing that names a product in an outbox entry changes products.
    products: BTreeMap<String, Product>,
}

impl<'w> Work<'w> {
    pub fn begin(db: &'w dyn Database, ids: &'w mut dyn IdSource, options: &'w PoolOptions, settings: &'w Settings, act: Act<'w>) -> Self {
        let today = Date::of_timestamp(act.at, options.utc_offset_minutes);
        let Settings { institution, rules } = settings;
        Self {
            db,
            ids,
            options,
            institution: institution.as_ref(),
            rules,
            act,
            today,
            sequence: None,
            drawn: VecDeque::new(),
            products: BTreeMap::new(),
        }
    }

    /// Keeps an order to ourselves.
    pub fn lock_order(&self, order: &str) -> Result<()> {
        self.db.lock_name(&order_name(order))
    }

    /// Draws numbers for the next entries of the ledger, which must all be of units that are held already: what somebody else did to a unit before we had
    /// it must stand below.
    pub fn draw(&mut self, count: usize) -> Result<()> {
        let missing = count.saturating_sub(self.drawn.len());
        if missing == 0 {
            return Ok(());
        }
        let (numbers, latest) = self.db.next_sequences(self.sequence, u32::try_from(missing).unwrap_or(u32::MAX))?;
        // Dates decide what expires and reservations run out by time: a clock that was set back would undo both.
        if let Some(behind) = latest.map(|latest| latest.since(self.act.at)).filter(|behind| *behind > self.options.clock_tolerance) {
            return Err(Refusal::ClockSetBack { seconds: behind.as_secs() }.into());
        }
        self.sequence = numbers.last().copied().or(self.sequence);
        self.drawn.extend(numbers);
        Ok(())
    }

    /// A product, looked up once in a transaction.
    pub fn product(&mut self, id: &str) -> Result<Product> {
        if let Some(product) = self.products.get(id) {
            return Ok(product.clone());
        }
        let product = store::product(self.db, id)?.ok_or_else(|| Refusal::UnknownProduct { product: id.into() })?;
        self.products.insert(id.into(), product.clone());
        Ok(product)
    }

    /// Keeps several units to ourselves, in an order that cannot lock up with another program's.
    pub fn lock_units<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Result<()> {
        if !self.db.locks_rows() {
            return Ok(());
        }
        let keys: std::collections::BTreeSet<&str> = keys.into_iter().collect();
        keys.into_iter().try_for_each(|key| store::unit(self.db, key, Lock::Wait).map(drop))
    }

    /// The same by the texts that the units carry.
    pub fn lock_codes(&self, codes: &[String]) -> Result<()> {
        if !self.db.locks_rows() {
            return Ok(());
        }
        let keys: Vec<String> = codes.iter().filter_map(|code| unit_key(code)).collect();
        self.lock_units(keys.iter().map(String::as_str))
    }

    /// The unit that carries a text, held until the end.
    pub fn find(&self, code: &str) -> Result<Unit> {
        let key = unit_key(code).ok_or_else(|| Refusal::NotAUnitCode { code: code.into() })?;
        Ok(store::unit(self.db, &key, Lock::Wait)?.ok_or_else(|| Refusal::Unknown { code: code.into() })?)
    }

    /// Puts a unit into the pool; its state must be [`UnitState::Registered`]. `false` if it is there already, which changes nothing.
    pub fn insert(&mut self, unit: &Unit) -> Result<bool> {
        let inserted = store::insert_unit(self.db, unit)?;
        if inserted {
            self.append(unit, None, &Event::plain(EventKind::Register, unit))?;
        }
        Ok(inserted)
    }

    /// Takes a unit to another state and another number of pieces. Returns the event's id.
    pub fn change(&mut self, unit: &mut Unit, to: UnitState, remaining: u32, event: &Event<'_>) -> Result<String> {
        let from = unit.state;
        // Pieces of a split pack that come back leave it as it is.
        let stays = event.kind == EventKind::Return && from == to;
        if !stays && !from.may_become(to) {
            return Err(Refusal::WrongState { code: unit.code.clone(), from, to }.into());
        }
        unit.state = to;
        unit.remaining = remaining;
        unit.revision += 1;
        store::update_unit(self.db, unit)?;
        self.append(unit, Some(from), event)
    }

    fn append(&mut self, unit: &Unit, from: Option<UnitState>, event: &Event<'_>) -> Result<String> {
        self.draw(1)?;
        let sequence = self.drawn.pop_front().ok_or_else(|| PoolError::Damaged { what: "the ledger's sequence gives no number".into() })?;
        let entry = LedgerEntry {
            sequence,
            event_id: self.ids.event_id(sequence)?,
            original_event_id: event.original.map(str::to_owned),
            at: self.act.at,
            actor: self.act.actor.to_owned(),
            cause: self.act.cause.to_owned(),
            kind: event.kind,
            key: unit.key.clone(),
            from,
            to: unit.state,
            order: event.order.map(str::to_owned),
            quantity: event.quantity,
            remaining: unit.remaining,
            revision: unit.revision,
        };
        store::append(self.db, &entry)?;
        Ok(entry.event_id)
    }

    /// Holds pieces of an available or opened unit for an order. `coded`: whether its sale will name the code.
    pub fn hold(&mut self, unit: &mut Unit, order: &str, line: u32, quantity: u32, coded: bool) -> Result<Reservation> {
        let to = if unit.state == UnitState::Opened { UnitState::Opened } else { UnitState::Reserved };
        let event = Event { kind: EventKind::Reserve, quantity, order: Some(order), original: None };
        let event_id = self.change(unit, to, unit.remaining, &event)?;
        let expires_at = self.act.at.plus(self.options.reservation_ttl);
        let reservation = Reservation { order: order.into(), line, key: unit.key.clone(), quantity, expires_at, event_id, coded };
        store::insert_reservation(self.db, &reservation)?;
        Ok(reservation)
    }

    /// Lets go of what a reservation holds.
    pub fn let_go(&mut self, reservation: &Reservation, kind: EventKind) -> Result<Unit> {
        let mut unit = self.held_unit(reservation)?;
        self.let_go_of(&mut unit, reservation, kind)?;
        Ok(unit)
    }

    /// Lets go of what a reservation holds of its unit.
    pub fn let_go_of(&mut self, unit: &mut Unit, reservation: &Reservation, kind: EventKind) -> Result<()> {
        store::delete_reservation(self.db, reservation)?;
        let to = if unit.state == UnitState::Opened { UnitState::Opened } else { UnitState::Available };
        let event = Event { kind, quantity: reservation.quantity, order: Some(&reservation.order), original: Some(&reservation.event_id) };
        let remaining = unit.remaining;
        self.change(unit, to, remaining, &event).map(drop)
    }

    /// What is held for an order, with its units, all of them held by us from then on. The order's name is ours already, so nothing is added meanwhile; and
    /// the reservations are read when nobody else can take any away.
    pub fn held_of_order(&self, order: &str) -> Result<(Vec<Reservation>, BTreeMap<String, Unit>)> {
        let units = store::units_where(self.db, store::UNITS_OF_ORDER, Lock::Wait, values![order])?;
        let held = store::reservations_where(self.db, store::OF_ORDER, values![order])?;
        Ok((held, units.into_iter().map(|unit| (unit.key.clone(), unit)).collect()))
    }

    /// The unit of a reservation.
    pub fn held_unit(&self, reservation: &Reservation) -> Result<Unit> {
        store::unit(self.db, &reservation.key, Lock::Wait)?
            .ok_or_else(|| PoolError::Damaged { what: format!("a reservation of unit {} without the unit", reservation.key) })
    }

    /// Pieces of a unit that no order holds.
    pub fn free(&self, unit: &Unit) -> Result<u32> {
        let held: u32 = store::reservations_where(self.db, "key = ?1", values![&unit.key])?.iter().map(|r| r.quantity).sum();
        unit.remaining
            .checked_sub(held)
            .ok_or_else(|| PoolError::Damaged { what: format!("more of unit {} is reserved than there is", unit.key) })
    }
}
