//! Reserving, dispensing, releasing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::accounts::DualAuthentication;
use super::db::{Ask, Database, Lock, Value, values};
use super::order::{Need, Order, OrderLine, OrderUnit};
use super::outbox::{Personal, Settlement, Told, UploadKind};
use super::work::{Event, Work, order_name};
use super::{Act, EventKind, Pool, PoolError, Refusal, Reservation, Result, Unit, UnitState, store};
use crate::codes::{PackLevel, unit_key};
use crate::date::Date;

/// What a code was allotted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allotment {
    /// Index of the order's line, from 0.
    pub line: u32,
    /// The product.
    pub product: String,
    /// Pieces.
    pub quantity: u32,
    /// Whether that is the whole pack.
    pub whole: bool,
    /// The ledger's event.
    pub event_id: String,
}

/// What became of one of the codes that were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeOutcome {
    /// The code as it was given.
    pub code: String,
    /// Its place in the order, or the rule that refused it.
    pub result: std::result::Result<Allotment, Refusal>,
}

/// One sale: what an upload needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SoldUnit {
    /// The code as it was registered.
    pub code: String,
    /// The product.
    pub product: String,
    /// The batch.
    pub batch: String,
    /// Index of the order's line, from 0.
    pub line: u32,
    /// Pieces.
    pub quantity: u32,
    /// Whether that was the whole pack.
    pub whole: bool,
    /// Pieces that are left.
    pub remaining: u32,
    /// The ledger's event.
    pub event_id: String,
}

/// How far a line of an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LineProgress {
    /// Pieces that the line asks for.
    pub wanted: u64,
    /// Pieces that are held for it.
    pub held: u64,
    /// Pieces that were sold for it and not returned.
    pub sold: u64,
}

/// A line with what it still needs.
pub(super) struct OpenLine<'o> {
    pub index: u32,
    pub product: &'o str,
    pub batch: Option<&'o str>,
    pub pack_quantity: u32,
    pub need: Need,
}

fn pack_quantity(db: &dyn Database, order: &Order, index: usize) -> Result<u32> {
    let line = &order.lines[index];
    if line.quantity == 0 {
        return Err(Refusal::ImpossibleQuantity { order: order.id.clone(), line: index, quantity: 0 }.into());
    }
    Ok(store::pack_quantity(db, &line.product)?.ok_or_else(|| Refusal::UnknownProduct { product: line.product.clone() })?)
}

/// Pieces that each line asks for.
fn wanted_pieces(db: &dyn Database, order: &Order) -> Result<Vec<u64>> {
    let pieces = |(index, line): (usize, &OrderLine)| {
        let need = Need::of(line, pack_quantity(db, order, index)?);
        Ok(u64::from(need.packs) * u64::from(pack_quantity(db, order, index)?) + u64::from(need.rest))
    };
    order.lines.iter().enumerate().map(pieces).collect()
}

/// An order that holds something must be what it was. Its record, if it is to be kept anew ([`store::put_order_record`]), to be compared with later.
pub(super) fn check_record(work: &Work<'_>, order: &Order) -> Result<Option<String>> {
    let record = serde_json::to_string(&order.lines).map_err(|e| PoolError::Damaged { what: e.to_string() })?;
    match store::order_record(work.db, &order.id)? {
        Some(before) if before == record => Ok(None),
        Some(_) if !store::reservations_where(work.db, store::OF_ORDER, values![&order.id])?.is_empty() => {
            Err(Refusal::OrderChanged { order: order.id.clone() }.into())
        }
        _ => Ok(Some(record)),
    }
}

/// Checks an order's record and keeps it.
pub(super) fn keep_record(work: &Work<'_>, order: &Order) -> Result<()> {
    check_record(work, order)?.map_or(Ok(()), |record| store::put_order_record(work.db, order, &record))
}

/// What [`check_record`] and [`open_lines`] ask, after the order's name was taken.
fn foreseen<'a>(order: &'a Order, name: &'a str) -> Vec<Ask<'a>> {
    let mut asks = vec![Ask::Name(name), store::order_record_ask(&order.id)];
    asks.extend(order.lines.iter().map(|line| store::pack_quantity_ask(&line.product)));
    asks.push(store::reservations_ask(store::OF_ORDER, vec![(&order.id).into()]));
    asks.push(store::sales_ask(store::OF_ORDER, vec![(&order.id).into()]));
    asks
}

pub(super) fn open_lines<'o>(work: &Work<'_>, order: &'o Order) -> Result<Vec<OpenLine<'o>>> {
    let mut lines = Vec::with_capacity(order.lines.len());
    for (line, index) in order.lines.iter().zip(0u32..) {
        let pack_quantity = pack_quantity(work.db, order, index as usize)?;
        lines.push(OpenLine {
            index,
            product: &line.product,
            batch: line.batch.as_deref(),
            pack_quantity,
            need: Need::of(line, pack_quantity),
        });
    }
    let held = store::reservations_where(work.db, store::OF_ORDER, values![&order.id])?.into_iter().map(|r| (r.line, r.quantity));
    let sold = store::sales_where(work.db, store::OF_ORDER, values![&order.id])?.into_iter().map(|s| (s.line, s.quantity));
    for (index, quantity) in held.chain(sold) {
        if let Some(line) = lines.get_mut(index as usize) {
            line.need.less(quantity, line.pack_quantity);
        }
    }
    Ok(lines)
}

/// Why a unit cannot be sold to `order` at all, whatever the order asks for. What points to danger comes first.
fn refuse_unit(work: &Work<'_>, unit: &Unit, order: &str) -> Result<Option<Refusal>> {
    let code = unit.code.clone();
    let sold_to = || -> Result<String> {
        Ok(store::sales_where(work.db, "key = ?1", values![&unit.key])?.pop().map_or_else(String::new, |sale| sale.order))
    };
    let held_by = || -> Result<Option<String>> {
        let held = store::reservations_where(work.db, "key = ?1", values![&unit.key])?;
        Ok(held.iter().find(|r| r.order == order).or(held.first()).map(|r| r.order.clone()))
    };
    if unit.level != PackLevel::SmallestPack {
        return Ok(Some(Refusal::LevelTooHigh { code, level: unit.level }));
    }
    Ok(match unit.state {
        UnitState::Recalled => Some(Refusal::Recalled { code }),
        UnitState::Dispensed | UnitState::Depleted => Some(Refusal::AlreadySold { code, order: sold_to()? }),
        UnitState::Expired => Some(Refusal::Expired { code, expiry: unit.expiry }),
        UnitState::Registered => Some(Refusal::NotReceived { code }),
        UnitState::Returned | UnitState::Quarantined | UnitState::Removed => {
            Some(Refusal::WrongState { code, from: unit.state, to: UnitState::Reserved })
        }
        _ if unit.expiry < work.today => Some(Refusal::Expired { code, expiry: unit.expiry }),
        _ if unit.expiry < last_day_wanted(work) => {
            Some(Refusal::ExpiresSoon { code, expiry: unit.expiry, days: work.options.min_days_left })
        }
        UnitState::Opened if !work.options.split_sales => Some(Refusal::SplitSalesOff { code }),
        UnitState::Reserved | UnitState::Opened => match held_by()? {
            Some(holder) if holder == order => Some(Refusal::DuplicateInOrder { code }),
            // A closed pack is held whole, also where only a part of it is wanted: nobody knows yet whether it will be opened.
            Some(holder) if unit.state == UnitState::Reserved || work.free(unit)? == 0 => {
                Some(Refusal::AlreadyReserved { code, order: holder })
            }
            _ => None,
        },
        UnitState::Available => None,
    })
}

impl Pool {
    /// Reserves an order from stock without codes: whole packs first expired first out; the remainder from opened packs, first expired first out,
    /// then from one pack more. What the order holds or has got already counts. All or nothing.
    ///
    /// # Errors
    /// [`Refusal::InsufficientStock`], [`Refusal::UnknownProduct`], [`Refusal::ImpossibleQuantity`]; [`Refusal::OrderChanged`] if something is held
    /// for it under other lines.
    pub fn reserve(&mut self, order: &Order, act: Act<'_>) -> Result<Vec<Reservation>> {
        let name = order_name(&order.id);
        let mut asks = foreseen(order, &name);
        let day = last_day(Date::of_timestamp(act.at, self.options.utc_offset_minutes), self.options.min_days_left).to_string();
        // Of whole packs it is known what will be asked, unless the order holds something already.
        let distinct: BTreeSet<&str> = order.lines.iter().map(|line| line.product.as_str()).collect();
        if distinct.len() == order.lines.len() && order.lines.iter().all(|line| line.unit == OrderUnit::Packs) {
            asks.extend(order.lines.iter().map(|line| {
                let (condition, values) = in_date("available", &line.product, line.batch.as_deref(), &day, line.quantity);
                store::units_ask(&condition, Lock::Skip, values)
            }));
            asks.push(Ask::Sequences(order.lines.iter().map(|line| line.quantity).fold(0, u32::saturating_add)));
        }
        self.write_foreseeing(act, &asks, |work| {
            work.lock_order(&order.id)?;
            let record = check_record(work, order)?;
            let lines = open_lines(work, order)?;
            let mut reservations = Vec::new();
            let mut chosen: Vec<(&OpenLine<'_>, Choice)> = Vec::new();
            for line in &lines {
                // Lines of one product must see what the others took.
                if chosen.iter().any(|(other, _)| other.product == line.product) {
                    hold_all(work, &order.id, true, &mut chosen, &mut reservations)?;
                }
                chosen.push((line, choose_in_turn(work, line)?));
            }
            hold_all(work, &order.id, true, &mut chosen, &mut reservations)?;
            record.map_or(Ok(()), |record| store::put_order_record(work.db, order, &record))?;
            Ok(reservations)
        })
    }

    /// Reserves units whose codes were read. Each code finds its place in the order or is refused by a rule; the others go on. Whole packs fill the
    /// lines first, opened packs their remainders, and what is left of a remainder is taken from a further pack.
    ///
    /// # Errors
    /// [`Refusal::UnknownProduct`] or [`Refusal::ImpossibleQuantity`] if the order itself makes no sense; [`Refusal::OrderChanged`]; the database's.
    pub fn reserve_codes(&mut self, order: &Order, codes: &[String], act: Act<'_>) -> Result<Vec<CodeOutcome>> {
        let name = order_name(&order.id);
        let keys: BTreeSet<String> = codes.iter().filter_map(|code| unit_key(code)).collect();
        let mut asks = foreseen(order, &name);
        // The units are taken after the order's record was read, and before what is held is.
        let units = keys.iter().map(|key| store::unit_ask(key, Lock::Wait));
        asks.splice(2..2, units);
        self.write_foreseeing(act, &asks, |work| {
            work.lock_order(&order.id)?;
            let record = check_record(work, order)?;
            let mut held = BTreeMap::new();
            for key in &keys {
                held.extend(store::unit(work.db, key, Lock::Wait)?.map(|unit| (key.clone(), unit)));
            }
            let mut lines = open_lines(work, order)?;
            let mut results: Vec<Option<std::result::Result<Allotment, Refusal>>> = Vec::with_capacity(codes.len());
            let mut units: Vec<Option<Unit>> = Vec::with_capacity(codes.len());
            let mut seen = BTreeSet::new();
            for code in codes {
                let (unit, refusal) = match unit_key(code).map(|key| (held.remove(&key), key)) {
                    None => (None, Some(Refusal::NotAUnitCode { code: code.clone() })),
                    Some((_, key)) if seen.contains(&key) => (None, Some(Refusal::DuplicateInOrder { code: code.clone() })),
                    Some((None, _)) => (None, Some(Refusal::Unknown { code: code.clone() })),
                    Some((Some(unit), key)) => {
                        seen.insert(key);
                        let refusal = refuse_unit(work, &unit, &order.id)?;
                        (Some(unit).filter(|_| refusal.is_none()), refusal)
                    }
                };
                units.push(unit);
                results.push(refusal.map(Err));
            }
            work.draw(units.iter().flatten().count())?;
            // Whole packs and remainders from opened packs first; then remainders from packs that are still closed.
            for closed_may_be_split in [false, true] {
                for (unit, result) in units.iter_mut().zip(&mut results) {
                    let Some(unit) = unit.as_mut().filter(|_| result.is_none()) else { continue };
                    if let Some(allotment) = allot(work, &order.id, &mut lines, unit, closed_may_be_split)? {
                        *result = Some(Ok(allotment));
                    }
                }
            }
            let mut outcomes = Vec::with_capacity(codes.len());
            for ((code, unit), result) in codes.iter().zip(units).zip(results) {
                let result = match (result, unit) {
                    (Some(result), _) => result,
                    (None, Some(unit)) if lines.iter().any(|l| l.product == unit.product && l.takes(&unit)) => {
                        Err(Refusal::Surplus { code: code.clone(), product: unit.product })
                    }
                    (None, Some(unit)) if lines.iter().any(|l| l.product == unit.product) => {
                        let wanted = lines.iter().find(|l| l.product == unit.product).and_then(|l| l.batch).unwrap_or_default().to_owned();
                        Err(Refusal::WrongBatch { code: code.clone(), batch: unit.batch, order: order.id.clone(), wanted })
                    }
                    (None, Some(unit)) => Err(Refusal::OtherDrug { code: code.clone(), product: unit.product }),
                    (None, None) => Err(Refusal::Unknown { code: code.clone() }),
                };
                if let Err(refusal) = &result {
                    work.note_refusal(refusal)?;
                }
                outcomes.push(CodeOutcome { code: code.clone(), result });
            }
            record.map_or(Ok(()), |record| store::put_order_record(work.db, order, &record))?;
            Ok(outcomes)
        })
    }

    /// How far each line of an order is.
    ///
    /// # Errors
    /// [`Refusal::UnknownProduct`] or [`Refusal::ImpossibleQuantity`] if the order itself makes no sense; the database's.
    pub fn progress(&self, order: &Order) -> Result<Vec<LineProgress>> {
        self.read(|db| {
            let held = store::reservations_where(db, "order_id = ?1", values![&order.id])?;
            let sold = store::sales_where(db, "order_id = ?1", values![&order.id])?;
            let sum = |quantities: &mut dyn Iterator<Item = (u32, u32)>, line: u32| -> u64 {
                quantities.filter(|(l, _)| *l == line).map(|(_, quantity)| u64::from(quantity)).sum()
            };
            let quantities = wanted_pieces(db, order)?;
            let progress = quantities.into_iter().zip(0u32..).map(|(wanted, line)| LineProgress {
                wanted,
                held: sum(&mut held.iter().map(|r| (r.line, r.quantity)), line),
                sold: sum(&mut sold.iter().map(|s| (s.line, s.quantity)), line),
            });
            Ok(progress.collect())
        })
    }

    /// Sells everything that is reserved for an order, in a pool that uploads nothing or needs no settlement.
    ///
    /// # Errors
    /// As [`Pool::dispense_settled`]; [`Refusal::NoSettlement`] where one is needed.
    pub fn dispense(&mut self, order: &str, act: Act<'_>) -> Result<Vec<SoldUnit>> {
        self.sell_order(order, None, None, None, act)
    }

    /// Sells everything that is reserved for an order, and puts each sale into the outbox with its settlement.
    ///
    /// `order` is the order as its source has it now: one that was changed since it was reserved is refused.
    ///
    /// # Errors
    /// [`Refusal::NothingReserved`], [`Refusal::OrderChanged`]; [`Refusal::ReservationExpired`] or [`Refusal::Expired`] if that is true of any unit: nothing is
    /// sold then.
    pub fn dispense_settled(
        &mut self,
        order: &Order,
        settlement: &Settlement,
        personal: Option<&Personal>,
        act: Act<'_>,
    ) -> Result<Vec<SoldUnit>> {
        self.sell_order(&order.id, Some(order), Some((settlement, personal)), None, act)
    }

    pub(super) fn sell_order(
        &mut self,
        id: &str,
        order: Option<&Order>,
        settlement: Option<(&Settlement, Option<&Personal>)>,
        authentication: Option<&DualAuthentication<'_>>,
        act: Act<'_>,
    ) -> Result<Vec<SoldUnit>> {
        let name = order_name(id);
        let mut asks = vec![Ask::Name(&name)];
        // A pharmacist and a patient are looked at first.
        if authentication.is_none() {
            asks.extend(held_asks(id));
            asks.extend(order.map(|order| store::order_record_ask(&order.id)));
            // Most orders hold one unit.
            asks.push(Ask::Sequences(1));
        }
        self.write_foreseeing(act, &asks, |work| {
            work.lock_order(id)?;
            match authentication {
                Some(authentication) => authentication.check(work, id)?,
                None if work.rules.dual_authentication => return Err(Refusal::PharmacistNeeded { order: id.into() }.into()),
                None => {}
            }
            let (held, mut units) = work.held_of_order(id)?;
            if held.is_empty() {
                return Err(Refusal::NothingReserved { order: id.into() }.into());
            }
            let record = order.map_or(Ok(None), |order| check_record(work, order))?;
            if work.institution.is_some() && work.options.settlement_needed && settlement.is_none() {
                return Err(Refusal::NoSettlement { order: id.into() }.into());
            }
            // The first number was foreseen.
            work.draw(1)?;
            work.draw(held.len())?;
            // What is written travels together if nothing is asked in between.
            if work.institution.is_some() {
                units.values().try_for_each(|unit| work.product(&unit.product).map(drop))?;
            }
            let mut sold = Vec::with_capacity(held.len());
            for reservation in &held {
                sold.push(sell(work, unit_of(&mut units, reservation)?, reservation, settlement)?);
            }
            if let (Some(order), Some(record)) = (order, record) {
                store::put_order_record(work.db, order, &record)?;
            }
            if let Some(authentication) = authentication {
                authentication.note(work, id, &sold)?;
            }
            Ok(sold)
        })
    }

    /// Lets go of everything that is reserved for an order: it was cancelled. Returns what was held.
    ///
    /// # Errors
    /// [`Refusal::NothingReserved`].
    pub fn release(&mut self, order: &str, act: Act<'_>) -> Result<Vec<Reservation>> {
        let name = order_name(order);
        let asks: Vec<Ask<'_>> = std::iter::once(Ask::Name(&name)).chain(held_asks(order)).chain([Ask::Sequences(1)]).collect();
        self.write_foreseeing(act, &asks, |work| {
            work.lock_order(order)?;
            let (held, mut units) = work.held_of_order(order)?;
            if held.is_empty() {
                return Err(Refusal::NothingReserved { order: order.into() }.into());
            }
            work.draw(1)?;
            work.draw(held.len())?;
            for reservation in &held {
                work.let_go_of(unit_of(&mut units, reservation)?, reservation, EventKind::Release)?;
            }
            Ok(held)
        })
    }

    /// Lets go of every reservation whose time has run out by `act.at`, and returns them.
    ///
    /// # Errors
    /// The database's.
    pub fn expire_reservations(&mut self, act: Act<'_>) -> Result<Vec<Reservation>> {
        self.write(act, |work| {
            let now = work.act.at;
            // What another program has in its hands is being sold, released or swept already.
            let condition = "key IN (SELECT key FROM reservation WHERE expires_at <= ?1) ORDER BY key";
            let mut late = Vec::new();
            for unit in store::units_where(work.db, condition, Lock::Skip, values![now])? {
                for reservation in store::reservations_where(work.db, "key = ?1 AND expires_at <= ?2", values![&unit.key, now])? {
                    work.let_go(&reservation, EventKind::ReservationExpired)?;
                    late.push(reservation);
                }
            }
            Ok(late)
        })
    }
}

/// Finds a unit's place in the order, if it has one.
fn allot(
    work: &mut Work<'_>,
    order: &str,
    lines: &mut [OpenLine<'_>],
    unit: &mut Unit,
    closed_may_be_split: bool,
) -> Result<Option<Allotment>> {
    let opened = unit.state == UnitState::Opened;
    let fits = |line: &&mut OpenLine<'_>| {
        line.product == unit.product
            && line.takes(unit)
            && if opened || closed_may_be_split { line.need.rest > 0 } else { line.need.packs > 0 }
    };
    let Some(line) = lines.iter_mut().find(fits) else { return Ok(None) };
    let quantity = if opened || closed_may_be_split { line.need.rest.min(work.free(unit)?) } else { unit.quantity };
    let reservation = work.hold(unit, order, line.index, quantity, true)?;
    line.need.less(quantity, line.pack_quantity);
    let whole = quantity == unit.quantity;
    Ok(Some(Allotment { line: line.index, product: unit.product.clone(), quantity, whole, event_id: reservation.event_id }))
}

/// The last day of use that a unit needs at least, to be sold today.
pub(super) fn last_day_wanted(work: &Work<'_>) -> Date {
    last_day(work.today, work.options.min_days_left)
}

fn last_day(today: Date, min_days_left: u32) -> Date {
    today.plus_days(min_days_left.into()).unwrap_or(today)
}

/// What [`Work::held_of_order`] asks.
fn held_asks(order: &str) -> [Ask<'_>; 2] {
    [store::units_ask(store::UNITS_OF_ORDER, Lock::Wait, vec![order.into()]), store::reservations_ask(store::OF_ORDER, vec![order.into()])]
}

/// The unit of a reservation, among those that are held.
fn unit_of<'u>(units: &'u mut BTreeMap<String, Unit>, reservation: &Reservation) -> Result<&'u mut Unit> {
    units
        .get_mut(&reservation.key)
        .ok_or_else(|| PoolError::Damaged { what: format!("a reservation of unit {} without the unit", reservation.key) })
}

impl OpenLine<'_> {
    /// Whether the line's batch, if it names one, is the unit's.
    fn takes(&self, unit: &Unit) -> bool {
        self.batch.is_none_or(|batch| batch == unit.batch)
    }
}

/// First expired, first out, for one line.
fn choose_in_turn(work: &Work<'_>, line: &OpenLine<'_>) -> Result<Choice> {
    // What other windows have in their hands is passed over. Only where that leaves too little, they are waited for: they may put it back.
    let chosen = choose(work, line, Lock::Skip)?;
    if chosen.found < chosen.wanted { choose(work, line, Lock::Wait) } else { Ok(chosen) }
}

/// Holds what was chosen for several lines, if it is enough for each.
pub(super) fn hold_all(
    work: &mut Work<'_>,
    order: &str,
    coded: bool,
    chosen: &mut Vec<(&OpenLine<'_>, Choice)>,
    reservations: &mut Vec<Reservation>,
) -> Result<()> {
    for (line, choice) in chosen.iter() {
        if choice.found < choice.wanted {
            let (product, wanted, found) = (line.product.into(), choice.wanted, choice.found);
            return Err(Refusal::InsufficientStock { product, wanted, found }.into());
        }
    }
    work.draw(chosen.iter().map(|(_, choice)| choice.units.len()).sum())?;
    for (line, choice) in chosen.drain(..) {
        for (mut unit, quantity) in choice.units {
            reservations.push(work.hold(&mut unit, order, line.index, quantity, coded)?);
        }
    }
    Ok(())
}

/// Units for a line, with the pieces to be taken of each.
pub(super) struct Choice {
    pub units: Vec<(Unit, u32)>,
    pub wanted: u64,
    pub found: u64,
}

/// The condition on packs of a product with codes, in a state and good until a day, those that expire first, at most so many.
fn in_date<'v>(state: &str, product: &'v str, batch: Option<&'v str>, day: &'v str, limit: u32) -> (String, Vec<Value<'v>>) {
    let mut condition = format!("product_id = ?1 AND level = 'smallest_pack' AND state = '{state}' AND expiry >= ?2 AND coded = 1");
    let mut values: Vec<Value<'v>> = vec![product.into(), day.into(), limit.into()];
    if let Some(batch) = batch {
        condition.push_str(" AND batch = ?4");
        values.push(batch.into());
    }
    condition.push_str(" ORDER BY expiry, key LIMIT ?3");
    (condition, values)
}

pub(super) fn choose(work: &Work<'_>, line: &OpenLine<'_>, lock: Lock) -> Result<Choice> {
    let wanted = u64::from(line.need.packs) * u64::from(line.pack_quantity) + u64::from(line.need.rest);
    let day = last_day_wanted(work).to_string();
    let query = |state: &str, lock: Lock, limit: u32| {
        let (condition, values) = in_date(state, line.product, line.batch, &day, limit);
        store::units_where(work.db, &condition, lock, &values)
    };
    // One more than the whole packs, in case the remainder needs it.
    let closed_wanted = line.need.packs + u32::from(line.need.rest > 0);
    let mut closed = if closed_wanted > 0 { query("available", lock, closed_wanted)? } else { Vec::new() };
    let spare = if closed.len() > line.need.packs as usize { closed.pop() } else { None };
    let mut units: Vec<(Unit, u32)> =
        closed.into_iter().map(|unit| (unit.quantity, unit)).map(|(quantity, unit)| (unit, quantity)).collect();
    let mut rest = line.need.rest;
    if rest > 0 && work.options.split_sales {
        for candidate in query("opened", Lock::No, u32::MAX)? {
            // Held one by one, so that other windows find the others free.
            let Some(unit) = store::unit(work.db, &candidate.key, lock)?.filter(|unit| unit.state == UnitState::Opened) else { continue };
            let quantity = rest.min(work.free(&unit)?);
            if quantity > 0 {
                units.push((unit, quantity));
                rest -= quantity;
            }
            if rest == 0 {
                break;
            }
        }
    }
    if let Some(unit) = spare.filter(|_| rest > 0) {
        units.push((unit, rest));
    }
    let found = units.iter().map(|(_, quantity)| u64::from(*quantity)).sum();
    Ok(Choice { units, wanted, found })
}

fn sell(
    work: &mut Work<'_>,
    unit: &mut Unit,
    reservation: &Reservation,
    settlement: Option<(&Settlement, Option<&Personal>)>,
) -> Result<SoldUnit> {
    let order = reservation.order.as_str();
    if reservation.expires_at <= work.act.at {
        return Err(Refusal::ReservationExpired { order: order.into(), code: unit.code.clone() }.into());
    }
    if unit.expiry < work.today {
        return Err(Refusal::Expired { code: unit.code.clone(), expiry: unit.expiry }.into());
    }
    let quantity = reservation.quantity;
    let whole = unit.coded && quantity == unit.quantity;
    let remaining = unit.remaining.checked_sub(quantity).ok_or_else(|| PoolError::Damaged {
        what: format!("{quantity} pieces of unit {} are reserved where {} are left", unit.key, unit.remaining),
    })?;
    let to = match remaining {
        _ if whole => UnitState::Dispensed,
        0 => UnitState::Depleted,
        _ => UnitState::Opened,
    };
    let event = Event { kind: EventKind::Dispense, quantity, order: Some(order), original: Some(&reservation.event_id) };
    let event_id = work.change(unit, to, remaining, &event)?;
    store::delete_reservation(work.db, reservation)?;
    let (line, key) = (reservation.line, unit.key.clone());
    let coded = reservation.coded;
    store::insert_sale(work.db, &store::Sale { event_id: event_id.clone(), order: order.into(), line, key, quantity, whole, coded })?;
    let told = Told {
        order: Some(order),
        original: None,
        settlement: settlement.map(|(settlement, _)| settlement.clone()),
        personal: settlement.and_then(|(_, personal)| personal),
        delivery: None,
        reason: None,
        // Whole packs of a lot without codes are whole packs all the same.
        split: if unit.coded { !whole } else { !quantity.is_multiple_of(store::pack_quantity(work.db, &unit.product)?.unwrap_or(1)) },
        uncoded: !coded,
    };
    work.tell(UploadKind::Sale, &event_id, &[unit], quantity.into(), &told)?;
    let (code, product, batch) = (unit.code.clone(), unit.product.clone(), unit.batch.clone());
    Ok(SoldUnit { code, product, batch, line, quantity, whole, remaining, event_id })
}
