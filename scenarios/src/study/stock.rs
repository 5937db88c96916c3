//! The real pool ([`scanner_core::pool::Pool`], in memory) with a stock of its own codes, as simulations drive it.

use std::collections::{BTreeMap, VecDeque};

use hardware_hal::Timestamp;
use scanner_core::codes::PackLevel;
use scanner_core::date::Date;
use scanner_core::pool::{
    Act, Institution, NewUnit, Order, OrderLine, OrderUnit, Pool, PoolError, PoolOptions, Refusal, SeededIds, Selection, Settlement,
    SoldUnit,
};
use scanner_core::product::{Names, Product};

const BATCH: &str = "A1";
const RECALLED: &str = "R1";

/// Packs of one delivery.
const DELIVERY: u64 = 50;

/// 2026-01-01T00:00:00Z, when simulated days begin.
const START: u64 = 1_767_225_600_000_000_000;

/// A moment of a simulated day.
pub fn moment(day: u64, seconds: f64) -> Timestamp {
    Timestamp(START + ((day as f64 * 86_400.0 + seconds) * 1e9) as u64)
}

/// What is scanned before a line is dispensed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanned {
    /// A package of this product.
    Product(usize),
    /// A package of the product that is wanted, of a batch that was recalled.
    Recalled,
}

/// A pool, and what stands on the shelf.
pub struct Stock {
    /// The pool.
    pub pool: Pool,
    /// Codes on the shelf by product, the oldest first; the first may be opened.
    shelf: Vec<VecDeque<String>>,
    opened: Vec<u32>,
    /// A pack of a recalled batch by product, where one was picked.
    recalled: BTreeMap<usize, String>,
    serial: u64,
    pack_quantity: u32,
    orders: u64,
    expiry: Date,
    made: Date,
}

impl Stock {
    /// A pool that knows so many products, and has none of them yet.
    ///
    /// # Errors
    /// The pool's.
    pub fn new(products: u32, pack_quantity: u32, seed: u64) -> Result<Self, PoolError> {
        let mut pool = Pool::in_memory_with(PoolOptions::default(), Box::new(SeededIds::new(seed)))?;
        pool.add_products((0..products).map(|index| Product {
            id: id(index as usize),
            names: Names { generic: id(index as usize), trade: None, english: None },
            code_prefixes: Vec::new(),
            gtin: None,
            pack_quantity,
            unit: "piece".to_owned(),
            size_mm: None,
            med_list_codg: Some(format!("X{index:05}")),
        }))?;
        // Any dates before and after the simulated months will do.
        let date = |year| Date::new(year, 6, 30).map_err(|_| PoolError::NoRandomness { message: "no such date".to_owned() });
        let (made, expiry) = (date(2025)?, date(2030)?);
        let shelf = (0..products).map(|_| VecDeque::new()).collect();
        Ok(Self {
            pool,
            shelf,
            opened: vec![0; products as usize],
            recalled: BTreeMap::new(),
            serial: 0,
            pack_quantity,
            orders: 0,
            expiry,
            made,
        })
    }

    /// Pre-scans a delivery where fewer than `wanted` packs are left.
    fn refill(&mut self, product: usize, wanted: usize, at: Timestamp) -> Result<(), PoolError> {
        while self.shelf[product].len() < wanted {
            let act = Act::new("intake", "delivery", at);
            let codes: Vec<String> = (0..DELIVERY).map(|i| format!("8{:06}{:09}{:04}", product, self.serial + i, 0)).collect();
            self.serial += DELIVERY;
            let unit = |code: &String| NewUnit {
                code: code.clone(),
                product: id(product),
                batch: BATCH.to_owned(),
                expiry: self.expiry,
                made: Some(self.made),
                level: PackLevel::SmallestPack,
                parent: None,
            };
            self.pool.register(&codes.iter().map(unit).collect::<Vec<_>>(), act)?;
            self.pool.receive(Selection::Codes(&codes), act)?;
            self.shelf[product].extend(codes);
        }
        Ok(())
    }

    /// Dispenses a line of `product`. `scanned` is what is scanned first, if anything is: whether the pool refused it, and whether the sale has its code.
    ///
    /// # Errors
    /// The pool's.
    pub fn dispense(&mut self, product: usize, whole: bool, scanned: Option<Scanned>, at: Timestamp) -> Result<(bool, bool), PoolError> {
        self.refill(product, 3, at)?;
        let order = self.order();
        let act = Act::new("dispenser", "ward order", at);
        let unit = if whole { OrderUnit::Packs } else { OrderUnit::Pieces };
        let asked = Order { id: order.clone(), lines: vec![OrderLine { product: id(product), quantity: 1, unit, batch: None }] };
        let wrong = match scanned {
            Some(Scanned::Product(picked)) if picked != product => {
                self.refill(picked, 3, at)?;
                Some(self.code(picked, whole))
            }
            Some(Scanned::Recalled) => Some(self.recalled(product, at)?),
            _ => None,
        };
        let mut refused = false;
        if let Some(code) = wrong {
            let outcomes = self.pool.reserve_codes(&asked, &[code], act)?;
            let by_rule = |result| matches!(result, Err(Refusal::OtherDrug { .. } | Refusal::Recalled { .. }));
            refused = outcomes.into_iter().all(|outcome| by_rule(outcome.result));
        }
        let code = self.code(product, whole);
        self.pool.reserve_codes(&asked, std::slice::from_ref(&code), act)?;
        let sold = self.pool.dispense(&order, act)?;
        self.take(product, whole);
        Ok((refused, sold.iter().any(|unit| unit.code == code)))
    }

    /// The code of a pack of a batch that was recalled and still stands on the shelf.
    fn recalled(&mut self, product: usize, at: Timestamp) -> Result<String, PoolError> {
        if let Some(code) = self.recalled.get(&product) {
            return Ok(code.clone());
        }
        self.serial += 1;
        let code = format!("8{:06}{:09}{:04}", product, self.serial - 1, 0);
        let act = Act::new("intake", "recall", at);
        let unit = NewUnit {
            code: code.clone(),
            product: id(product),
            batch: RECALLED.to_owned(),
            expiry: self.expiry,
            made: Some(self.made),
            level: PackLevel::SmallestPack,
            parent: None,
        };
        self.pool.register(&[unit], act)?;
        self.pool.receive(Selection::Codes(std::slice::from_ref(&code)), act)?;
        self.pool.recall_batch(&id(product), RECALLED, act)?;
        self.recalled.insert(product, code.clone());
        Ok(code)
    }

    /// Sells so many whole packs of `product` by their codes. With a settlement, the sales go into the outbox.
    ///
    /// # Errors
    /// The pool's.
    pub fn sell(&mut self, product: usize, packs: u32, settlement: Option<&Settlement>, at: Timestamp) -> Result<Vec<SoldUnit>, PoolError> {
        self.refill(product, packs as usize + 1, at)?;
        let act = Act::new("window", "dispensing", at);
        let asked = Order { id: self.order(), lines: vec![OrderLine::packs(id(product), packs)] };
        let codes: Vec<String> = (0..packs).filter_map(|_| self.shelf[product].pop_back()).collect();
        self.pool.reserve_codes(&asked, &codes, act)?;
        match settlement {
            Some(settlement) => self.pool.dispense_settled(&asked, settlement, None, act),
            None => self.pool.dispense(&asked.id, act),
        }
    }

    /// Names the institution, without which nothing is uploaded.
    ///
    /// # Errors
    /// The pool's.
    pub fn join(&mut self, institution: &Institution) -> Result<(), PoolError> {
        self.pool.set_institution(institution)
    }

    /// How many products there are.
    pub fn products(&self) -> usize {
        self.shelf.len()
    }

    fn order(&mut self) -> String {
        self.orders += 1;
        format!("order {}", self.orders)
    }

    /// The code at hand: a full pack, or the one that is opened.
    fn code(&self, product: usize, whole: bool) -> String {
        let shelf = &self.shelf[product];
        let code = if whole { shelf.back() } else { shelf.front() };
        code.cloned().unwrap_or_default()
    }

    fn take(&mut self, product: usize, whole: bool) {
        if whole {
            self.shelf[product].pop_back();
            return;
        }
        self.opened[product] += 1;
        if self.opened[product] == self.pack_quantity {
            self.opened[product] = 0;
            self.shelf[product].pop_front();
        }
    }
}

fn id(product: usize) -> String {
    format!("product-{product}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pack_is_sold_once_with_its_code() {
        let mut stock = Stock::new(2, 10, 1).unwrap();
        let mut codes = Vec::new();
        for order in 0..40 {
            let sold = stock.sell(order % 2, 3, None, moment(0, order as f64)).unwrap();
            assert_eq!(sold.len(), 3);
            codes.extend(sold.into_iter().map(|unit| unit.code));
        }
        let distinct: std::collections::BTreeSet<_> = codes.iter().collect();
        assert_eq!((codes.len(), distinct.len()), (120, 120));
    }

    #[test]
    fn another_drug_is_refused_and_the_right_one_sold() {
        let mut stock = Stock::new(2, 10, 1).unwrap();
        assert_eq!(stock.dispense(0, true, Some(Scanned::Product(1)), moment(0, 0.0)).unwrap(), (true, true));
        assert_eq!(stock.dispense(0, true, Some(Scanned::Product(0)), moment(0, 1.0)).unwrap(), (false, true));
        assert_eq!(stock.dispense(1, false, None, moment(0, 2.0)).unwrap(), (false, true));
        for at in [3.0, 4.0] {
            assert_eq!(stock.dispense(1, true, Some(Scanned::Recalled), moment(0, at)).unwrap(), (true, true));
        }
    }
}
