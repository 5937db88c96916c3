//! Reserving, dispensing, releasing.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use serde::Serialize;

use super::order::{Need, Order, OrderLine};
use super::work::{Event, Work};
use super::{Act, EventKind, Pool, Refusal, Reservation, Result, Unit, UnitState, store};
use crate::codes::PackLevel;

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
struct OpenLine<'o> {
    index: u32,
    product: &'o str,
    pack_quantity: u32,
    need: Need,
}

fn pack_quantity(db: &Connection, order: &Order, index: usize) -> Result<u32> {
    let line = &order.lines[index];
    if line.quantity == 0 {
        return Err(Refusal::ImpossibleQuantity { order: order.id.clone(), line: index, quantity: 0 }.into());
    }
    Ok(store::pack_quantity(db, &line.product)?.ok_or_else(|| Refusal::UnknownProduct { product: line.product.clone() })?)
}

/// Pieces that each line asks for.
fn wanted_pieces(db: &Connection, order: &Order) -> Result<Vec<u64>> {
    let pieces = |(index, line): (usize, &OrderLine)| {
        let need = Need::of(line, pack_quantity(db, order, index)?);
        Ok(u64::from(need.packs) * u64::from(pack_quantity(db, order, index)?) + u64::from(need.rest))
    };
    order.lines.iter().enumerate().map(pieces).collect()
}

fn open_lines<'o>(work: &Work<'_>, order: &'o Order) -> Result<Vec<OpenLine<'o>>> {
    let mut lines = Vec::with_capacity(order.lines.len());
    for (line, index) in order.lines.iter().zip(0u32..) {
        let pack_quantity = pack_quantity(work.db, order, index as usize)?;
        lines.push(OpenLine { index, product: &line.product, pack_quantity, need: Need::of(line, pack_quantity) });
    }
    let held = store::reservations_where(work.db, "order_id = ?1", [&order.id])?.into_iter().map(|r| (r.line, r.quantity));
    let sold = store::sales_where(work.db, "order_id = ?1", [&order.id])?.into_iter().map(|s| (s.line, s.quantity));
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
        Ok(store::sales_where(work.db, "key = ?1", [&unit.key])?.pop().map_or_else(String::new, |sale| sale.order))
    };
    let held_by = || -> Result<Option<String>> {
        let held = store::reservations_where(work.db, "key = ?1", [&unit.key])?;
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
        UnitState::Returned | UnitState::Quarantined => Some(Refusal::WrongState { code, from: unit.state, to: UnitState::Reserved }),
        _ if unit.expiry < work.today => Some(Refusal::Expired { code, expiry: unit.expiry }),
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
    /// [`Refusal::InsufficientStock`], [`Refusal::UnknownProduct`], [`Refusal::ImpossibleQuantity`].
    pub fn reserve(&mut self, order: &Order, act: Act<'_>) -> Result<Vec<Reservation>> {
        self.write(act, |work| {
            let mut reservations = Vec::new();
            for line in open_lines(work, order)? {
                take_from_stock(work, &order.id, &line, &mut reservations)?;
            }
            Ok(reservations)
        })
    }

    /// Reserves units whose codes were read. Each code finds its place in the order or is refused by a rule; the others go on. Whole packs fill the
    /// lines first, opened packs their remainders, and what is left of a remainder is taken from a further pack.
    ///
    /// # Errors
    /// [`Refusal::UnknownProduct`] or [`Refusal::ImpossibleQuantity`] if the order itself makes no sense; the database's.
    pub fn reserve_codes(&mut self, order: &Order, codes: &[String], act: Act<'_>) -> Result<Vec<CodeOutcome>> {
        self.write(act, |work| {
            let mut lines = open_lines(work, order)?;
            let mut results: Vec<Option<std::result::Result<Allotment, Refusal>>> = Vec::with_capacity(codes.len());
            let mut units: Vec<Option<Unit>> = Vec::with_capacity(codes.len());
            let mut seen = BTreeSet::new();
            for code in codes {
                let (unit, refusal) = match work.find(code) {
                    Ok(unit) if !seen.insert(unit.key.clone()) => (None, Some(Refusal::DuplicateInOrder { code: code.clone() })),
                    Ok(unit) => {
                        let refusal = refuse_unit(work, &unit, &order.id)?;
                        (Some(unit).filter(|_| refusal.is_none()), refusal)
                    }
                    Err(super::PoolError::Refused(refusal)) => (None, Some(*refusal)),
                    Err(error) => return Err(error),
                };
                units.push(unit);
                results.push(refusal.map(Err));
            }
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
                    (None, Some(unit)) if lines.iter().any(|l| l.product == unit.product) => {
                        Err(Refusal::Surplus { code: code.clone(), product: unit.product })
                    }
                    (None, Some(unit)) => Err(Refusal::OtherDrug { code: code.clone(), product: unit.product }),
                    (None, None) => Err(Refusal::Unknown { code: code.clone() }),
                };
                outcomes.push(CodeOutcome { code: code.clone(), result });
            }
            Ok(outcomes)
        })
    }

    /// How far each line of an order is.
    ///
    /// # Errors
    /// [`Refusal::UnknownProduct`] or [`Refusal::ImpossibleQuantity`] if the order itself makes no sense; the database's.
    pub fn progress(&self, order: &Order) -> Result<Vec<LineProgress>> {
        self.read(|db| {
            let held = store::reservations_where(db, "order_id = ?1", [&order.id])?;
            let sold = store::sales_where(db, "order_id = ?1", [&order.id])?;
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

    /// Sells everything that is reserved for an order.
    ///
    /// # Errors
    /// [`Refusal::NothingReserved`]; [`Refusal::ReservationExpired`] or [`Refusal::Expired`] if that is true of any unit: nothing is sold then.
    pub fn dispense(&mut self, order: &str, act: Act<'_>) -> Result<Vec<SoldUnit>> {
        self.write(act, |work| {
            let held = store::reservations_where(work.db, "order_id = ?1", [order])?;
            if held.is_empty() {
                return Err(Refusal::NothingReserved { order: order.into() }.into());
            }
            held.iter().map(|reservation| sell(work, reservation)).collect()
        })
    }

    /// Lets go of everything that is reserved for an order: it was cancelled. Returns what was held.
    ///
    /// # Errors
    /// [`Refusal::NothingReserved`].
    pub fn release(&mut self, order: &str, act: Act<'_>) -> Result<Vec<Reservation>> {
        self.write(act, |work| {
            let held = store::reservations_where(work.db, "order_id = ?1", [order])?;
            if held.is_empty() {
                return Err(Refusal::NothingReserved { order: order.into() }.into());
            }
            for reservation in &held {
                work.let_go(reservation, EventKind::Release)?;
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
            let late = store::reservations_where(work.db, "expires_at <= ?1", [store::nanoseconds(work.act.at)])?;
            for reservation in &late {
                work.let_go(reservation, EventKind::ReservationExpired)?;
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
        line.product == unit.product && if opened || closed_may_be_split { line.need.rest > 0 } else { line.need.packs > 0 }
    };
    let Some(line) = lines.iter_mut().find(fits) else { return Ok(None) };
    let quantity = if opened || closed_may_be_split { line.need.rest.min(work.free(unit)?) } else { unit.quantity };
    let reservation = work.hold(unit, order, line.index, quantity)?;
    line.need.less(quantity, line.pack_quantity);
    let whole = quantity == unit.quantity;
    Ok(Some(Allotment { line: line.index, product: unit.product.clone(), quantity, whole, event_id: reservation.event_id }))
}

/// First expired, first out, for one line.
fn take_from_stock(work: &mut Work<'_>, order: &str, line: &OpenLine<'_>, reservations: &mut Vec<Reservation>) -> Result<()> {
    let today = work.today.to_string();
    let closed = "product_id = ?1 AND level = 'smallest_pack' AND state = 'available' AND expiry >= ?2 ORDER BY expiry, key LIMIT ?3";
    let packs = store::units_where(work.db, closed, params![line.product, today, line.need.packs])?;
    let short = |found: u64| {
        let wanted = u64::from(line.need.packs) * u64::from(line.pack_quantity) + u64::from(line.need.rest);
        Err(Refusal::InsufficientStock { product: line.product.into(), wanted, found }.into())
    };
    let mut found = packs.len() as u64 * u64::from(line.pack_quantity);
    if packs.len() < line.need.packs as usize {
        return short(found);
    }
    for mut unit in packs {
        let quantity = unit.quantity;
        reservations.push(work.hold(&mut unit, order, line.index, quantity)?);
    }
    let mut rest = line.need.rest;
    let mut opened = Vec::new();
    if rest > 0 && work.options.split_sales {
        let condition = "product_id = ?1 AND level = 'smallest_pack' AND state = 'opened' AND expiry >= ?2 ORDER BY expiry, key";
        opened = store::units_where(work.db, condition, params![line.product, today])?;
    }
    if rest > 0 {
        opened.extend(store::units_where(work.db, closed, params![line.product, today, 1])?);
    }
    for mut unit in opened {
        let quantity = rest.min(work.free(&unit)?);
        if quantity > 0 {
            reservations.push(work.hold(&mut unit, order, line.index, quantity)?);
            rest -= quantity;
            found += u64::from(quantity);
        }
    }
    if rest > 0 { short(found) } else { Ok(()) }
}

fn sell(work: &mut Work<'_>, reservation: &Reservation) -> Result<SoldUnit> {
    let mut unit = work.held_unit(reservation)?;
    let order = reservation.order.as_str();
    if reservation.expires_at <= work.act.at {
        return Err(Refusal::ReservationExpired { order: order.into(), code: unit.code }.into());
    }
    if unit.expiry < work.today {
        return Err(Refusal::Expired { code: unit.code, expiry: unit.expiry }.into());
    }
    let quantity = reservation.quantity;
    let whole = quantity == unit.quantity;
    let remaining = unit.remaining.checked_sub(quantity).ok_or_else(|| super::PoolError::Damaged {
        what: format!("{quantity} pieces of unit {} are reserved where {} are left", unit.key, unit.remaining),
    })?;
    let to = match remaining {
        _ if whole => UnitState::Dispensed,
        0 => UnitState::Depleted,
        _ => UnitState::Opened,
    };
    let event = Event { kind: EventKind::Dispense, quantity, order: Some(order), original: Some(&reservation.event_id) };
    let event_id = work.change(&mut unit, to, remaining, &event)?;
    store::delete_reservation(work.db, reservation)?;
    let sale = store::Sale { event_id: event_id.clone(), order: order.into(), line: reservation.line, quantity, whole };
    store::insert_sale(work.db, &sale, &unit.key)?;
    Ok(SoldUnit { code: unit.code, product: unit.product, batch: unit.batch, line: reservation.line, quantity, whole, remaining, event_id })
}
