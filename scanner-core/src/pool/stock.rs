//! What comes in, is set aside, goes bad or comes back.

use std::collections::BTreeSet;

use serde::Serialize;

use super::db::{Lock, values};
use super::journal::JournalKind;
use super::outbox::{Delivery, Told, UploadKind};
use super::register::Registrar;
use super::work::{Event, Work};
use super::{Act, EventKind, NewUnit, Pool, PoolError, Refusal, Reservation, Result, Unit, UnitState, store, uncoded};
use crate::product::Product;

/// Which units a call is about.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'a> {
    /// These packs, each with everything that is packed in it.
    Codes(&'a [String]),
    /// A batch of a product.
    Batch {
        /// The product.
        product: &'a str,
        /// The batch.
        batch: &'a str,
    },
    /// Everything that is registered and has not arrived.
    AllRegistered,
}

/// Why a sale was brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReturnReason {
    /// For a reason of the patient's or the ward's.
    #[default]
    Returned,
    /// It should not have been sold: another drug, strength or quantity than was ordered.
    DispensingError,
}

/// What a registration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RegisterReport {
    /// Units that are new.
    pub added: u64,
    /// Units that were registered before with the same particulars.
    pub unchanged: u64,
}

/// What a recall found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RecallReport {
    /// Codes that are recalled now.
    pub recalled: Vec<String>,
    /// Reservations that were dropped for it.
    pub released: Vec<Reservation>,
    /// Sold before, whole or in part: (code, order).
    pub sold: Vec<(String, String)>,
}

impl Pool {
    /// Adds products, or changes the records of those that are there. The pieces in a pack cannot change once a product is known.
    ///
    /// # Errors
    /// [`PoolError::Product`] for a record that makes no sense or contradicts another; [`Refusal::RegisteredDifferently`] for another pack
    /// quantity.
    pub fn add_products(&mut self, products: impl IntoIterator<Item = Product>) -> Result<()> {
        let known = self.products()?;
        let mut merged: Vec<Product> = Vec::new();
        let mut changed = Vec::new();
        for product in products {
            product.validate()?;
            if let Some(old) = known.get(&product.id)
                && old.pack_quantity != product.pack_quantity
            {
                return Err(Refusal::RegisteredDifferently { code: product.id, field: "pack quantity" }.into());
            }
            changed.push(product.id.clone());
            merged.push(product);
        }
        let new: BTreeSet<&String> = changed.iter().collect();
        let all = known.iter().filter(|p| !new.contains(&p.id)).cloned().chain(merged.iter().cloned());
        crate::product::Products::new(all)?;
        // Products are master data, not events: the ledger is about units.
        self.write(Act::new("", "", hardware_hal::Timestamp(0)), |work| {
            for product in &merged {
                work.db.execute("DELETE FROM product_prefix WHERE product_id = ?1", values![&product.id])?;
            }
            for product in &merged {
                let record = serde_json::to_string(product).map_err(|e| PoolError::Damaged { what: e.to_string() })?;
                work.db.execute(
                    "INSERT INTO product (id, record, pack_quantity) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET record = ?2",
                    values![&product.id, &record, product.pack_quantity],
                )?;
                for p in &product.code_prefixes {
                    work.db.execute(
                        "INSERT INTO product_prefix (prefix, product_id, level) VALUES (?1, ?2, ?3)",
                        values![p.prefix.as_str(), &product.id, p.level.as_str()],
                    )?;
                }
            }
            Ok(())
        })
    }

    /// Registers units, as a pre-scan does when goods arrive. Parents may stand behind their children in the list. A unit that is registered with
    /// the same particulars is left alone.
    ///
    /// # Errors
    /// The first unit that a rule refuses; nothing is registered then.
    pub fn register(&mut self, units: &[NewUnit], act: Act<'_>) -> Result<RegisterReport> {
        self.write(act, |work| {
            let mut registrar = Registrar::new(work)?;
            for unit in units {
                registrar.register(work, unit)?;
            }
            registrar.finish(work).map_err(|(_, error)| error)
        })
    }

    /// Takes registered units into stock. With [`Selection::Codes`], every named code must be registered and not yet in stock; what is packed in it
    /// and has arrived before is left alone. Returns how many units became available.
    ///
    /// # Errors
    /// The first code that a rule refuses; nothing is received then.
    pub fn receive(&mut self, selection: Selection<'_>, act: Act<'_>) -> Result<u64> {
        self.receive_units(selection, None, act)
    }

    /// The same, and tells the platform what its delivery note says.
    ///
    /// # Errors
    /// As [`Pool::receive`].
    pub fn receive_delivery(&mut self, selection: Selection<'_>, delivery: &Delivery, act: Act<'_>) -> Result<u64> {
        self.receive_units(selection, Some(delivery), act)
    }

    fn receive_units(&mut self, selection: Selection<'_>, delivery: Option<&Delivery>, act: Act<'_>) -> Result<u64> {
        self.write(act, |work| {
            let mut received = Vec::new();
            let mut receive = |work: &mut Work<'_>, mut unit: Unit| {
                let remaining = unit.remaining;
                let event = Event::plain(EventKind::Receive, &unit);
                let event_id = work.change(&mut unit, UnitState::Available, remaining, &event)?;
                received.push((event_id, unit));
                Ok::<_, PoolError>(())
            };
            match selection {
                Selection::Codes(codes) => {
                    work.lock_codes(codes)?;
                    for code in codes {
                        let unit = work.find(code)?;
                        let root = unit.key.clone();
                        receive(work, unit)?;
                        let inside = "state = 'registered' AND key IN (
                            WITH RECURSIVE packed(k) AS (SELECT key FROM unit WHERE parent = ?1
                                                         UNION SELECT unit.key FROM unit JOIN packed ON unit.parent = packed.k)
                            SELECT k FROM packed) ORDER BY key";
                        for unit in store::units_where(work.db, inside, Lock::Wait, values![&root])? {
                            receive(work, unit)?;
                        }
                    }
                }
                Selection::Batch { product, batch } => {
                    let condition = "state = 'registered' AND product_id = ?1 AND batch = ?2 ORDER BY key";
                    for unit in store::units_where(work.db, condition, Lock::Wait, values![product, batch])? {
                        receive(work, unit)?;
                    }
                }
                Selection::AllRegistered => {
                    for unit in store::units_where(work.db, "state = 'registered' ORDER BY key", Lock::Wait, &[])? {
                        receive(work, unit)?;
                    }
                }
            }
            if delivery.is_some() {
                work.tell_groups(UploadKind::Purchase, &received, &Told { delivery, ..Told::default() })?;
            }
            Ok(received.len() as u64)
        })
    }

    /// Sets units aside. What orders hold of them is released; the reservations are returned.
    ///
    /// # Errors
    /// The first code that a rule refuses; nothing is changed then.
    pub fn quarantine(&mut self, codes: &[String], act: Act<'_>) -> Result<Vec<Reservation>> {
        self.write(act, |work| {
            let mut released = Vec::new();
            work.lock_codes(codes)?;
            for code in codes {
                let unit = work.find(code)?;
                let kind = if unit.state == UnitState::Removed { EventKind::Found } else { EventKind::Quarantine };
                withdraw(work, unit, UnitState::Quarantined, kind, &mut released)?;
            }
            Ok(released)
        })
    }

    /// Takes returned or quarantined units back into stock.
    ///
    /// # Errors
    /// The first code that a rule refuses; nothing is changed then.
    pub fn restock(&mut self, codes: &[String], act: Act<'_>) -> Result<()> {
        self.write(act, |work| {
            work.lock_codes(codes)?;
            for code in codes {
                let mut unit = work.find(code)?;
                if !matches!(unit.state, UnitState::Returned | UnitState::Quarantined) {
                    return Err(Refusal::WrongState { code: unit.code, from: unit.state, to: UnitState::Available }.into());
                }
                let remaining = unit.remaining;
                let to = if remaining == unit.quantity { UnitState::Available } else { UnitState::Opened };
                let event = Event::plain(EventKind::Restock, &unit);
                work.change(&mut unit, to, remaining, &event)?;
            }
            Ok(())
        })
    }

    /// Calls a batch back: everything of it that is not sold becomes recalled, and the report says what is sold.
    ///
    /// # Errors
    /// The database's.
    pub fn recall_batch(&mut self, product: &str, batch: &str, act: Act<'_>) -> Result<RecallReport> {
        self.write(act, |work| {
            let mut report = RecallReport::default();
            for unit in store::units_where(work.db, "product_id = ?1 AND batch = ?2 ORDER BY key", Lock::Wait, values![product, batch])? {
                let sales = store::sales_where(work.db, "key = ?1", values![&unit.key])?;
                report.sold.extend(sales.into_iter().map(|sale| (unit.code.clone(), sale.order)));
                if !matches!(
                    unit.state,
                    UnitState::Dispensed | UnitState::Depleted | UnitState::Expired | UnitState::Recalled | UnitState::Removed
                ) {
                    report.recalled.push(unit.code.clone());
                    withdraw(work, unit, UnitState::Recalled, EventKind::Recall, &mut report.released)?;
                }
            }
            Ok(report)
        })
    }

    /// Marks what has passed its date by the day of `act.at`. Returns the codes, and the reservations that were dropped for it.
    ///
    /// # Errors
    /// The database's.
    pub fn expire_units(&mut self, act: Act<'_>) -> Result<(Vec<String>, Vec<Reservation>)> {
        self.write(act, |work| {
            let (mut codes, mut released) = (Vec::new(), Vec::new());
            let condition =
                "expiry < ?1 AND state IN ('registered', 'available', 'reserved', 'opened', 'returned', 'quarantined') ORDER BY key";
            for unit in store::units_where(work.db, condition, Lock::Wait, values![&work.today.to_string()])? {
                codes.push(unit.code.clone());
                withdraw(work, unit, UnitState::Expired, EventKind::Expire, &mut released)?;
            }
            Ok((codes, released))
        })
    }

    /// Takes back a sale of an order: a pack sold whole becomes returned, and waits for [`Pool::restock`] or [`Pool::quarantine`]; pieces of a
    /// split pack are only noted, since they cannot be sold again. Each sale can be returned once. Returns the event's id.
    ///
    /// # Errors
    /// [`Refusal::NoSaleToReturn`] if the order has no such sale, or it was returned.
    pub fn return_sale(&mut self, order: &str, code: &str, act: Act<'_>) -> Result<String> {
        self.return_sale_because(order, code, ReturnReason::Returned, act)
    }

    /// The same, and says why: a sale that was a dispensing error counts as one ([`Pool::kpi`]). What was sold without a code is named by what its
    /// lot is called ([`Unit::code`]).
    ///
    /// # Errors
    /// As [`Pool::return_sale`].
    pub fn return_sale_because(&mut self, order: &str, code: &str, reason: ReturnReason, act: Act<'_>) -> Result<String> {
        self.write(act, |work| {
            let mut unit = match uncoded::lot_of_order(work, order, code)? {
                Some(lot) => lot,
                None => work.find(code)?,
            };
            let sales = store::sales_where(work.db, "order_id = ?1 AND key = ?2", values![order, &unit.key])?;
            let Some(sale) = sales.first() else {
                return Err(Refusal::NoSaleToReturn { order: order.into(), code: code.into() }.into());
            };
            let (to, remaining) = if sale.whole { (UnitState::Returned, unit.quantity) } else { (unit.state, unit.remaining) };
            let event = Event { kind: EventKind::Return, quantity: sale.quantity, order: Some(order), original: Some(&sale.event_id) };
            let event_id = work.change(&mut unit, to, remaining, &event)?;
            store::mark_returned(work.db, &sale.event_id, &event_id)?;
            let settlement = work.settlement_of(&sale.event_id)?;
            let told = Told {
                order: Some(order),
                original: Some(&sale.event_id),
                settlement,
                personal: None,
                delivery: None,
                reason: None,
                split: !sale.whole,
                uncoded: !sale.coded,
            };
            work.tell(UploadKind::SaleReturn, &event_id, &[&unit], sale.quantity.into(), &told)?;
            if reason == ReturnReason::DispensingError {
                work.note(JournalKind::DispensingError, order, &serde_json::json!({ "event": event_id, "cause": work.act.cause }))?;
            }
            Ok(event_id)
        })
    }
}

/// Takes a unit out of stock, and out of the hands of the orders that hold it. Returns the event with the unit.
pub(super) fn withdraw(
    work: &mut Work<'_>,
    mut unit: Unit,
    to: UnitState,
    kind: EventKind,
    released: &mut Vec<Reservation>,
) -> Result<(String, Unit)> {
    for reservation in store::reservations_where(work.db, "key = ?1", values![&unit.key])? {
        unit = work.let_go(&reservation, EventKind::Release)?;
        released.push(reservation);
    }
    let remaining = unit.remaining;
    let event = Event::plain(kind, &unit);
    let event_id = work.change(&mut unit, to, remaining, &event)?;
    Ok((event_id, unit))
}
