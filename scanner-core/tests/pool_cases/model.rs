//! Random sequences of operations against a small model: no unit is sold twice, nothing falls below zero, and the tables are what the ledger says. The
//! program may die at any event of any operation, and begins again with what the store has.
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::pool_support::{Fixture, Place, act, order, packs, pieces};
use proptest::prelude::*;
use scanner_core::pool::{
    Delivery, EventKind, IdSource, Order, Pool, PoolError, PoolOptions, Refusal, Reservation, SeededIds, UnitState, WriteOffReason,
};

#[derive(Debug, Clone)]
enum Op {
    Reserve(usize),
    ReserveCodes(usize, Vec<usize>),
    Dispense(usize),
    Release(usize),
    Wait(u64),
    Quarantine(usize),
    Restock(usize),
    Return(usize, usize),
    Recall(usize),
    SupplierReturn(usize),
    WriteOff(usize, WriteOffReason),
    /// The program dies at the so many-eth event from now, wherever that is.
    Fuse(u32),
    /// The program ends without closing anything.
    Abandon,
}

const UNITS: usize = 9;
const ORDERS: usize = 5;

fn op() -> impl Strategy<Value = Op> {
    let (o, u) = (0..ORDERS, 0..UNITS);
    prop_oneof![
        4 => o.clone().prop_map(Op::Reserve),
        4 => (o.clone(), prop::collection::vec(u.clone(), 0..6)).prop_map(|(o, c)| Op::ReserveCodes(o, c)),
        5 => o.clone().prop_map(Op::Dispense),
        2 => o.clone().prop_map(Op::Release),
        2 => (1u64..2000).prop_map(Op::Wait),
        1 => u.clone().prop_map(Op::Quarantine),
        2 => u.clone().prop_map(Op::Restock),
        1 => u.clone().prop_map(Op::SupplierReturn),
        1 => (u.clone(), prop::sample::select(&[WriteOffReason::Destroyed, WriteOffReason::Lost, WriteOffReason::Expired][..]))
            .prop_map(|(u, reason)| Op::WriteOff(u, reason)),
        2 => (o, u).prop_map(|(o, u)| Op::Return(o, u)),
        1 => (0usize..12).prop_map(Op::Recall),
    ]
}

fn op_or_crash() -> impl Strategy<Value = Op> {
    prop_oneof![6 => op(), 2 => (1u32..5).prop_map(Op::Fuse), 1 => Just(Op::Abandon)]
}

/// What a program that dies unwinds with.
struct Died;

/// Ids that end the program when their fuse has burnt down: in the middle of a transaction, with its changes made and not committed.
struct Fused {
    ids: SeededIds,
    fuse: Arc<AtomicU32>,
}

impl IdSource for Fused {
    fn event_id(&mut self, sequence: u64) -> Result<String, PoolError> {
        let left = self.fuse.load(Ordering::Relaxed);
        if left == 1 {
            self.fuse.store(0, Ordering::Relaxed);
            resume_unwind(Box::new(Died));
        }
        self.fuse.store(left.saturating_sub(1), Ordering::Relaxed);
        self.ids.event_id(sequence)
    }
}

/// What a test can know of a unit by adding up what the pool answered.
#[derive(Debug, Clone, PartialEq, Default)]
struct ModelUnit {
    quantity: u32,
    remaining: u32,
    sold_whole: bool,
    held: BTreeMap<String, u32>,
}

struct Model {
    units: BTreeMap<String, ModelUnit>,
}

impl Model {
    fn hold(&mut self, order: &str, code: &str, quantity: u32) {
        let unit = self.units.get_mut(code).unwrap();
        *unit.held.entry(order.to_owned()).or_default() += quantity;
        assert!(unit.held.values().sum::<u32>() <= unit.remaining, "more of {code} is held than there is");
        assert!(!unit.sold_whole, "{code} is held after it was sold");
    }

    fn let_go(&mut self, reservations: &[Reservation]) {
        for r in reservations {
            self.drop_hold(&r.order, &r.key, r.quantity);
        }
    }

    fn drop_hold(&mut self, order: &str, code: &str, quantity: u32) {
        let unit = self.units.get_mut(code).unwrap();
        let held = unit.held.get_mut(order).expect("it was held");
        *held = held.checked_sub(quantity).expect("so much was held");
        unit.held.retain(|_, held| *held > 0);
    }
}

/// Free pieces that could serve the order's lines of one product: (closed packs, pieces in opened packs).
fn stock(f: &Fixture, codes: &[String], product: &str) -> (u32, u32) {
    let (mut closed, mut opened) = (0, 0);
    for code in codes {
        let unit = f.pool.unit(code).unwrap().unwrap();
        if unit.product != product {
            continue;
        }
        let held: u32 = f.pool.reservations(code).unwrap().iter().map(|r| r.quantity).sum();
        match unit.state {
            UnitState::Available => closed += 1,
            UnitState::Opened => opened += unit.remaining - held,
            _ => {}
        }
    }
    (closed, opened)
}

fn orders() -> [Order; ORDERS] {
    [
        order("o0", [packs("A", 2)]),
        order("o1", [pieces("A", 14)]),
        order("o2", [pieces("A", 3)]),
        order("o3", [packs("B", 1), pieces("A", 7)]),
        order("o4", [pieces("B", 45)]),
    ]
}

/// One operation, and what the pool answers added to the model.
fn step(f: &mut Fixture, model: &mut Model, codes: &[String], now: &mut u64, op: &Op) {
    let orders = orders();
    let batches = ["A-2028-01-31", "A-2027-06-30", "B-2028-01-31"];
    {
        match op {
            Op::Reserve(o) => {
                let single = (orders[*o].lines.len() == 1).then(|| stock(f, codes, &orders[*o].lines[0].product));
                let before = f.pool.progress(&orders[*o]).unwrap();
                match f.pool.reserve(&orders[*o], act(*now)) {
                    Ok(reserved) => {
                        reserved.iter().for_each(|r| model.hold(&r.order, &r.key, r.quantity));
                        for p in f.pool.progress(&orders[*o]).unwrap() {
                            assert_eq!(p.held + p.sold, p.wanted, "a reserved order has what it asks for");
                        }
                    }
                    Err(PoolError::Refused(refusal)) if matches!(*refusal, Refusal::InsufficientStock { .. }) => {
                        // Nothing was left that would have been enough: a closed pack serves everything.
                        if let Some((closed, opened)) = single {
                            let size = if orders[*o].lines[0].product == "A" { 10 } else { 30 };
                            let missing = (before[0].wanted - before[0].held - before[0].sold) as u32;
                            let packs_for_all = missing.div_ceil(size);
                            assert!(closed < packs_for_all, "{closed} closed packs and {opened} pieces refused for {missing} pieces");
                        }
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            Op::ReserveCodes(o, read) => {
                let read: Vec<String> = read.iter().map(|&i| codes[i].clone()).collect();
                for outcome in f.pool.reserve_codes(&orders[*o], &read, act(*now)).unwrap() {
                    if let Ok(allotment) = outcome.result {
                        model.hold(&orders[*o].id, &outcome.code, allotment.quantity);
                    }
                }
                for p in f.pool.progress(&orders[*o]).unwrap() {
                    assert!(p.held + p.sold <= p.wanted, "an order never gets more than it asks for");
                }
            }
            Op::Dispense(o) => match f.pool.dispense(&orders[*o].id, act(*now)) {
                Ok(sold) => {
                    for sale in sold {
                        model.drop_hold(&orders[*o].id, &sale.code, sale.quantity);
                        let unit = model.units.get_mut(&sale.code).unwrap();
                        assert!(!unit.sold_whole, "{} is sold twice", sale.code);
                        unit.remaining = unit.remaining.checked_sub(sale.quantity).expect("never below zero");
                        unit.sold_whole = sale.whole;
                        assert_eq!(sale.remaining, unit.remaining);
                        assert_eq!(sale.whole, sale.quantity == unit.quantity);
                    }
                }
                Err(error) => {
                    let rule = error.refusal().expect("a refusal").rule();
                    assert!(["nothing_reserved", "reservation_expired"].contains(&rule), "{rule}");
                }
            },
            Op::Release(o) => {
                if let Ok(released) = f.pool.release(&orders[*o].id, act(*now)) {
                    model.let_go(&released);
                }
            }
            Op::Wait(seconds) => {
                *now += seconds;
                model.let_go(&f.pool.expire_reservations(act(*now)).unwrap());
            }
            Op::Quarantine(u) => {
                if let Ok(released) = f.pool.quarantine(&codes[*u..=*u], act(*now)) {
                    model.let_go(&released);
                }
            }
            Op::Restock(u) => drop(f.pool.restock(&codes[*u..=*u], act(*now))),
            Op::Return(o, u) => {
                if f.pool.return_sale(&orders[*o].id, &codes[*u], act(*now)).is_ok() {
                    let unit = model.units.get_mut(&codes[*u]).unwrap();
                    if std::mem::take(&mut unit.sold_whole) {
                        unit.remaining = unit.quantity;
                    }
                }
            }
            Op::SupplierReturn(u) | Op::WriteOff(u, _) => {
                let before = f.pool.unit(&codes[*u]).unwrap().unwrap();
                let removed = match op {
                    Op::WriteOff(_, reason) => f.pool.write_off_because(&codes[*u..=*u], *reason, act(*now)),
                    _ => f.pool.return_to_supplier(&codes[*u..=*u], &Delivery::default(), act(*now)),
                };
                let here = before.state == UnitState::Reserved || before.state.may_become(UnitState::Removed);
                match removed {
                    Ok(report) => {
                        assert!(here && report.removed == codes[*u..=*u]);
                        assert!(!matches!(op, Op::SupplierReturn(_)) || before.remaining == before.quantity, "an opened pack went back");
                        assert_eq!(f.state(&codes[*u]), UnitState::Removed);
                        model.let_go(&report.released);
                    }
                    Err(error) => {
                        let rule = error.refusal().expect("a refusal").rule();
                        let good = matches!(op, Op::WriteOff(_, WriteOffReason::Expired));
                        let opened = matches!(op, Op::SupplierReturn(_)) && before.remaining < before.quantity;
                        assert!(!here || good || opened, "{rule}");
                        assert!(["wrong_state", "pack_opened", "not_expired"].contains(&rule), "{rule}");
                    }
                }
            }
            Op::Fuse(_) | Op::Abandon => {}
            Op::Recall(b) => {
                if let Some(batch) = batches.get(*b) {
                    let report = f.pool.recall_batch(&batch[..1], batch, act(*now)).unwrap();
                    model.let_go(&report.released);
                }
            }
        }
    }
}

/// Runs operations in a pool that `open` opens, again after each crash.
fn run(ops: &[Op], open: impl Fn(Arc<AtomicU32>) -> Pool) {
    let fuse = Arc::new(AtomicU32::new(0));
    let mut f = Fixture::with(open(fuse.clone()));
    let mut codes = f.stock("A", 3, "2028-01-31");
    codes.extend(f.stock("A", 3, "2027-06-30"));
    codes.extend(f.stock("B", 3, "2028-01-31"));
    let unit_of = |code: &String| {
        let quantity = if code.starts_with("800001") { 10 } else { 30 };
        (code.clone(), ModelUnit { quantity, remaining: quantity, ..ModelUnit::default() })
    };
    let mut model = Model { units: codes.iter().map(unit_of).collect() };
    let mut now = 10;
    #[allow(clippy::explicit_counter_loop)] // Operations move the clock, too.
    for op in ops {
        now += 1;
        match op {
            Op::Fuse(events) => fuse.store(*events, Ordering::Relaxed),
            Op::Abandon => {
                let abandoned = std::mem::replace(&mut f.pool, open(fuse.clone()));
                // A server has room for so many connections only.
                if !crate::pool_support::ON_POSTGRES {
                    std::mem::forget(abandoned);
                }
            }
            _ => {}
        }
        // What a dying program did in its last operation was never committed, so the model knows nothing of it.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| step(&mut f, &mut model, &codes, &mut now, op))) {
            if !payload.is::<Died>() {
                resume_unwind(payload);
            }
            f.pool = Pool::in_memory().unwrap(); // The dead program's connection is gone before the next one's.
            f.pool = open(fuse.clone());
        }
        for code in &codes {
            let unit = f.pool.unit(code).unwrap().unwrap();
            let held = f.pool.reservations(code).unwrap().into_iter().fold(BTreeMap::new(), |mut sums, r| {
                *sums.entry(r.order).or_insert(0) += r.quantity;
                sums
            });
            let sold_whole = unit.state == UnitState::Dispensed;
            let stored = ModelUnit { quantity: unit.quantity, remaining: unit.remaining, sold_whole, held };
            assert_eq!(stored, model.units[code], "{code} after {op:?}");
        }
    }
    f.pool.verify_ledger().unwrap();
    let mut whole = BTreeMap::new();
    for entry in f.pool.ledger() {
        let entry = entry.unwrap();
        assert!(entry.from.is_none_or(|from| from.may_become(entry.to) || entry.kind == EventKind::Return));
        match (entry.kind, entry.to) {
            (EventKind::Dispense, UnitState::Dispensed) => *whole.entry(entry.key).or_insert(0) += 1,
            (EventKind::Return, UnitState::Returned) => *whole.entry(entry.key).or_insert(0) -= 1,
            _ => {}
        }
    }
    assert!(whole.values().all(|standing| [0, 1].contains(standing)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if crate::pool_support::ON_POSTGRES { 20 } else { 300 }))]

    #[test]
    fn any_sequence_keeps_the_books(ops in prop::collection::vec(op(), 1..40)) {
        run(&ops, |fuse| crate::pool_support::fresh_with(PoolOptions::default(), Box::new(Fused { ids: SeededIds::new(1), fuse })));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if crate::pool_support::ON_POSTGRES { 12 } else { 60 }))]

    #[test]
    fn any_sequence_with_crashes_keeps_the_books(ops in prop::collection::vec(op_or_crash(), 1..40)) {
        let place = Place::new();
        run(&ops, |fuse| place.open(PoolOptions::default(), Box::new(Fused { ids: SeededIds::new(1), fuse })));
    }
}
