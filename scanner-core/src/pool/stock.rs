//! What comes in, is set aside, goes bad or comes back.

use std::collections::BTreeSet;

use rusqlite::params;
use serde::Serialize;

use super::work::{Event, Work};
use super::{Act, EventKind, NewUnit, Pool, PoolError, Refusal, Reservation, Result, Unit, UnitState, store};
use crate::codes::{Family, PackLevel, family_of_text, unit_key};
use crate::date::Date;
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

pub(super) fn parse_product(record: &str) -> Result<Product> {
    serde_json::from_str(record).map_err(|error| PoolError::Damaged { what: format!("a product's record: {error}") })
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
                work.db.execute("DELETE FROM product_prefix WHERE product_id = ?1", [&product.id])?;
            }
            for product in &merged {
                let record = serde_json::to_string(product).map_err(|e| PoolError::Damaged { what: e.to_string() })?;
                work.db.execute(
                    "INSERT INTO product (id, record, pack_quantity) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET record = ?2",
                    params![product.id, record, product.pack_quantity],
                )?;
                for p in &product.code_prefixes {
                    work.db.execute(
                        "INSERT INTO product_prefix (prefix, product_id, level) VALUES (?1, ?2, ?3)",
                        params![p.prefix.as_str(), product.id, p.level.as_str()],
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
            let mut registrar = Registrar::default();
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
        self.write(act, |work| {
            let mut received = 0;
            let mut receive = |work: &mut Work<'_>, mut unit: Unit| {
                received += 1;
                let remaining = unit.remaining;
                let event = Event::plain(EventKind::Receive, &unit);
                work.change(&mut unit, UnitState::Available, remaining, &event)
            };
            match selection {
                Selection::Codes(codes) => {
                    for code in codes {
                        let unit = work.find(code)?;
                        let root = unit.key.clone();
                        receive(work, unit)?;
                        let inside = "state = 'registered' AND key IN (
                            WITH RECURSIVE packed(k) AS (SELECT key FROM unit WHERE parent = ?1
                                                         UNION SELECT unit.key FROM unit JOIN packed ON unit.parent = packed.k)
                            SELECT k FROM packed) ORDER BY key";
                        for unit in store::units_where(work.db, inside, [&root])? {
                            receive(work, unit)?;
                        }
                    }
                }
                Selection::Batch { product, batch } => {
                    let condition = "state = 'registered' AND product_id = ?1 AND batch = ?2 ORDER BY key";
                    for unit in store::units_where(work.db, condition, [product, batch])? {
                        receive(work, unit)?;
                    }
                }
                Selection::AllRegistered => {
                    for unit in store::units_where(work.db, "state = 'registered' ORDER BY key", [])? {
                        receive(work, unit)?;
                    }
                }
            }
            Ok(received)
        })
    }

    /// Sets units aside. What orders hold of them is released; the reservations are returned.
    ///
    /// # Errors
    /// The first code that a rule refuses; nothing is changed then.
    pub fn quarantine(&mut self, codes: &[String], act: Act<'_>) -> Result<Vec<Reservation>> {
        self.write(act, |work| {
            let mut released = Vec::new();
            for code in codes {
                let unit = work.find(code)?;
                withdraw(work, unit, UnitState::Quarantined, EventKind::Quarantine, &mut released)?;
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
            for unit in store::units_where(work.db, "product_id = ?1 AND batch = ?2 ORDER BY key", [product, batch])? {
                let sales = store::sales_where(work.db, "key = ?1", [&unit.key])?;
                report.sold.extend(sales.into_iter().map(|sale| (unit.code.clone(), sale.order)));
                if !matches!(unit.state, UnitState::Dispensed | UnitState::Depleted | UnitState::Expired | UnitState::Recalled) {
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
            for unit in store::units_where(work.db, condition, [work.today.to_string()])? {
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
        self.write(act, |work| {
            let mut unit = work.find(code)?;
            let sales = store::sales_where(work.db, "order_id = ?1 AND key = ?2", [order, &unit.key])?;
            let Some(sale) = sales.first() else {
                return Err(Refusal::NoSaleToReturn { order: order.into(), code: code.into() }.into());
            };
            let (to, remaining) = if sale.whole { (UnitState::Returned, unit.quantity) } else { (unit.state, unit.remaining) };
            let event = Event { kind: EventKind::Return, quantity: sale.quantity, order: Some(order), original: Some(&sale.event_id) };
            let event_id = work.change(&mut unit, to, remaining, &event)?;
            store::mark_returned(work.db, &sale.event_id, &event_id)?;
            Ok(event_id)
        })
    }
}

/// Takes a unit out of stock, and out of the hands of the orders that hold it.
fn withdraw(work: &mut Work<'_>, mut unit: Unit, to: UnitState, kind: EventKind, released: &mut Vec<Reservation>) -> Result<()> {
    for reservation in store::reservations_where(work.db, "key = ?1", [&unit.key])? {
        unit = work.let_go(&reservation, EventKind::Release)?;
        released.push(reservation);
    }
    let remaining = unit.remaining;
    let event = Event::plain(kind, &unit);
    work.change(&mut unit, to, remaining, &event)?;
    Ok(())
}

/// Line and column, both from 1, of what is being registered, where it comes from a file.
pub(super) type Place = (u64, u64);

/// Registers unit after unit, and checks what can only be seen at the end.
#[derive(Default)]
pub(super) struct Registrar {
    report: RegisterReport,
    /// Where the present unit stands.
    pub place: Place,
    /// Children whose parent was not there yet.
    waiting: Vec<Waiting>,
}

struct Waiting {
    parent_key: String,
    parent_code: String,
    unit: Unit,
    place: Place,
}

impl Registrar {
    pub fn register(&mut self, work: &mut Work<'_>, new: &NewUnit) -> Result<()> {
        let code = || new.code.clone();
        let pack_quantity =
            store::pack_quantity(work.db, &new.product)?.ok_or_else(|| Refusal::UnknownProduct { product: new.product.clone() })?;
        let key = unit_key(&new.code).ok_or_else(|| Refusal::NotAUnitCode { code: code() })?;
        let parent = match &new.parent {
            Some(parent) => Some(unit_key(parent).ok_or_else(|| Refusal::NotAUnitCode { code: parent.clone() })?),
            None => None,
        };
        if let Some(old) = store::unit(work.db, &key)? {
            let differing = [
                ("product", old.product == new.product),
                ("batch", old.batch == new.batch),
                ("expiry", old.expiry == new.expiry),
                ("day of manufacture", old.made == new.made),
                ("level", old.level == new.level),
                ("parent", old.parent == parent),
            ];
            if let Some((field, _)) = differing.into_iter().find(|(_, same)| !same) {
                return Err(Refusal::RegisteredDifferently { code: code(), field }.into());
            }
            self.report.unchanged += 1;
            return Ok(());
        }
        check_code(work, new)?;
        let pieces = if new.level == PackLevel::SmallestPack { pack_quantity } else { 0 };
        let unit = Unit {
            key,
            code: code(),
            product: new.product.clone(),
            batch: new.batch.clone(),
            expiry: new.expiry,
            made: new.made,
            level: new.level,
            parent: parent.clone(),
            state: UnitState::Registered,
            quantity: pieces,
            remaining: pieces,
        };
        work.insert(&unit)?;
        self.report.added += 1;
        if let (Some(key), Some(text)) = (parent, &new.parent) {
            match store::unit(work.db, &key)? {
                Some(parent) => check_parent(&unit, &parent, text)?,
                None => self.waiting.push(Waiting { parent_key: key, parent_code: text.clone(), unit, place: self.place }),
            }
        }
        Ok(())
    }

    /// Checks the parents that came after their children.
    pub fn finish(&self, work: &Work<'_>) -> std::result::Result<RegisterReport, (Place, PoolError)> {
        for Waiting { parent_key, parent_code, unit, place } in &self.waiting {
            let checked = match store::unit(work.db, parent_key) {
                Ok(Some(parent)) => check_parent(unit, &parent, parent_code),
                Ok(None) => {
                    let (code, parent) = (unit.code.clone(), parent_code.clone());
                    Err(Refusal::BadParent { code, parent, why: "it is not registered" }.into())
                }
                Err(error) => Err(error.into()),
            };
            checked.map_err(|error| (*place, error))?;
        }
        Ok(self.report)
    }
}

fn check_parent(unit: &Unit, parent: &Unit, text: &str) -> Result<()> {
    let why = if parent.product != unit.product {
        "it is of another product"
    } else if parent.level <= unit.level {
        "its level is not higher"
    } else {
        return Ok(());
    };
    Err(Refusal::BadParent { code: unit.code.clone(), parent: text.into(), why }.into())
}

/// Whether what the code itself says fits what it is registered as.
fn check_code(work: &Work<'_>, new: &NewUnit) -> Result<()> {
    let code = || new.code.clone();
    let contradicts = |field| Err(Refusal::ContradictsCode { code: code(), field }.into());
    match family_of_text(&new.code) {
        Family::National(national) => match store::prefix(work.db, national.prefix().as_str())? {
            Some((product, _)) if product != new.product => contradicts("product"),
            Some((_, level)) if level != new.level => contradicts("level"),
            Some(_) => Ok(()),
            // A product whose prefixes nobody listed takes any that is not another's.
            None => match store::product_record(work.db, &new.product)? {
                Some(record) if !parse_product(&record)?.code_prefixes.is_empty() => Err(Refusal::UnknownPrefix { code: code() }.into()),
                _ => Ok(()),
            },
        },
        Family::Gs1(gs1) => {
            let product = store::product_record(work.db, &new.product)?.map(|r| parse_product(&r)).transpose()?;
            let gtin = product.and_then(|p| p.gtin).filter(|_| new.level == PackLevel::SmallestPack);
            let differs = |a: Option<Date>, b: Date| a.is_some_and(|a| a != b);
            if gs1.gtin().zip(gtin).is_some_and(|(a, b)| a != b) {
                contradicts("product")
            } else if gs1.batch().is_some_and(|batch| batch != new.batch) {
                contradicts("batch")
            } else if differs(gs1.expiry(work.today.year()), new.expiry) {
                contradicts("expiry")
            } else {
                Ok(())
            }
        }
        _ => Ok(()),
    }
}
