//! Stock that never had codes, and split doses that need none.
//!
//! A lot of goods from before the rule stands in the pool as one unit without a code that holds all its pieces and is open from the start: what is
//! sold of it is sold in pieces, with the same ledger, reservations and first-expired-first-out as everything else.
//!
//! A split dose of an exempt injectable is taken, in the books, from the pack that expires first; only its sale names no code.

use super::db::{Lock, values};
use super::order::Order;
use super::sale::{Choice, OpenLine, choose, hold_all, keep_record, last_day_wanted, open_lines};
use super::work::{Event, Work};
use super::{Act, EventKind, Pool, Refusal, Reservation, Result, Unit, UnitState, store};
use crate::codes::PackLevel;
use crate::date::Date;

/// Stands before the key of a lot. No text that a reader can give has it, so no code is ever taken for a lot.
const MARK: char = '\u{1f}';

/// A lot without codes, as it is taken into stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLot {
    /// The product.
    pub product: String,
    /// The batch.
    pub batch: String,
    /// Last day of use.
    pub expiry: Date,
    /// Day of manufacture.
    pub made: Option<Date>,
    /// Pieces in all of it.
    pub pieces: u32,
}

/// The lot that `name` names, if the order has a sale of it.
pub(super) fn lot_of_order(work: &Work<'_>, order: &str, name: &str) -> Result<Option<Unit>> {
    let condition = "coded = 0 AND code = ?1 AND key IN (SELECT key FROM sale WHERE order_id = ?2) ORDER BY key";
    Ok(store::units_where(work.db, condition, Lock::Wait, values![name, order])?.pop())
}

/// The lot that is called `name`, held until the end; none if it isn't the name of one that is here.
pub(super) fn lot(work: &Work<'_>, name: &str) -> Result<Option<Unit>> {
    store::unit(work.db, &format!("{MARK}{name}"), Lock::Wait)
}

fn choose_lots(work: &Work<'_>, line: &OpenLine<'_>) -> Result<Choice> {
    let wanted = u64::from(line.need.packs) * u64::from(line.pack_quantity) + u64::from(line.need.rest);
    let day = last_day_wanted(work).to_string();
    let mut condition = String::from("product_id = ?1 AND level = 'smallest_pack' AND state = 'opened' AND expiry >= ?2 AND coded = 0");
    let mut values = values![line.product, &day].to_vec();
    if let Some(batch) = line.batch {
        condition.push_str(" AND batch = ?3");
        values.push(batch.into());
    }
    condition.push_str(" ORDER BY expiry, key");
    let mut choice = Choice { units: Vec::new(), wanted, found: 0 };
    // Lots are few and everybody's, so there is nothing to pass over.
    for lot in store::units_where(work.db, &condition, Lock::Wait, &values)? {
        let quantity = u64::from(work.free(&lot)?).min(wanted - choice.found);
        if quantity > 0 {
            choice.found += quantity;
            choice.units.push((lot, quantity as u32));
        }
        if choice.found == wanted {
            break;
        }
    }
    Ok(choice)
}

impl Pool {
    /// Takes a lot without codes into stock. Returns what it is called from then on.
    ///
    /// # Errors
    /// [`Refusal::UncodedStockOff`], [`Refusal::UnknownProduct`], [`Refusal::BadLot`].
    pub fn add_uncoded_stock(&mut self, lot: &NewLot, act: Act<'_>) -> Result<String> {
        self.write(act, |work| {
            if !work.rules.uncoded_stock {
                return Err(Refusal::UncodedStockOff.into());
            }
            store::pack_quantity(work.db, &lot.product)?.ok_or_else(|| Refusal::UnknownProduct { product: lot.product.clone() })?;
            let wrong = |field, what| Err(Refusal::BadLot { field, what }.into());
            if lot.batch.trim().is_empty() || lot.batch.chars().any(char::is_control) {
                return wrong("batch", "it is empty or has control characters");
            }
            if lot.pieces == 0 {
                return wrong("pieces", "a lot of none");
            }
            if lot.expiry < work.today {
                return wrong("expiry", "it is past");
            }
            work.db.lock_name("lots")?;
            let before = work.db.query_one(
                "SELECT count(*) FROM unit WHERE product_id = ?1 AND batch = ?2 AND coded = 0",
                Lock::No,
                values![&lot.product, &lot.batch],
            )?;
            let number = before.map_or(Ok(0), |row| row.count(0))? + 1;
            let code = format!("lot {}/{}/{number}", lot.product, lot.batch);
            let mut unit = Unit {
                key: format!("{MARK}{code}"),
                code: code.clone(),
                product: lot.product.clone(),
                batch: lot.batch.clone(),
                expiry: lot.expiry,
                made: lot.made,
                level: PackLevel::SmallestPack,
                parent: None,
                state: UnitState::Registered,
                quantity: lot.pieces,
                remaining: lot.pieces,
                revision: 1,
                coded: false,
            };
            work.insert(&unit)?;
            let event = Event::plain(EventKind::Receive, &unit);
            work.change(&mut unit, UnitState::Opened, lot.pieces, &event)?;
            Ok(code)
        })
    }

    /// Reserves what an order still needs and no code stands for: split doses of exempt injectables, and stock without codes. All or nothing; lines
    /// that need their codes are to be reserved before.
    ///
    /// # Errors
    /// [`Refusal::CodeNeeded`] for a line that neither an exemption nor no-code stock serves; [`Refusal::InsufficientStock`], and as
    /// [`Pool::reserve`].
    pub fn reserve_uncoded(&mut self, order: &Order, act: Act<'_>) -> Result<Vec<Reservation>> {
        self.write(act, |work| {
            work.lock_order(&order.id)?;
            keep_record(work, order)?;
            let mut reservations = Vec::new();
            for line in &open_lines(work, order)? {
                if line.need.packs == 0 && line.need.rest == 0 {
                    continue;
                }
                // A whole pack is never a split dose.
                let choice = if line.need.packs == 0 && work.rules.split_dose_exempt.contains(line.product) {
                    choose(work, line, Lock::Wait)?
                } else if work.rules.uncoded_stock {
                    choose_lots(work, line)?
                } else {
                    let (order, product) = (order.id.clone(), line.product.to_owned());
                    return Err(Refusal::CodeNeeded { order, line: line.index as usize, product }.into());
                };
                hold_all(work, &order.id, false, &mut vec![(line, choice)], &mut reservations)?;
            }
            Ok(reservations)
        })
    }
}
