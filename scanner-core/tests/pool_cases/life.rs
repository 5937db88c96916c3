//! What the pool does with units from registration to return, and which rule refuses what.
use crate::pool_support::{Fixture, act, codes, day, order, pack, packs, pieces, product};
use scanner_core::codes::PackLevel;
use scanner_core::pool::{EventKind, NewUnit, Pool, PoolError, PoolOptions, Refusal, Selection, UnitState};

fn refusal<T: std::fmt::Debug>(result: Result<T, PoolError>) -> Refusal {
    match result.unwrap_err() {
        PoolError::Refused(refusal) => *refusal,
        other => panic!("a refusal was wanted, found {other}"),
    }
}

fn rules(pool: &mut Pool, order: &scanner_core::pool::Order, codes: &[String], at: u64) -> Vec<&'static str> {
    let outcomes = pool.reserve_codes(order, codes, act(at)).unwrap();
    outcomes.iter().map(|o| o.result.as_ref().map_or_else(Refusal::rule, |_| "ok")).collect()
}

#[test]
fn whole_packs_go_first_expired_first_out() {
    let mut f = Fixture::new();
    let late = f.stock("A", 3, "2029-06-30");
    let early = f.stock("A", 2, "2028-01-31");
    let reserved = f.pool.reserve(&order("o1", [packs("A", 3)]), act(10)).unwrap();
    let keys: Vec<&str> = reserved.iter().map(|r| r.key.as_str()).collect();
    assert_eq!(keys, [&early[0], &early[1], &late[0]]);
    assert!(reserved.iter().all(|r| r.quantity == 10 && r.line == 0));
    let sold = f.pool.dispense("o1", act(11)).unwrap();
    assert!(sold.iter().all(|s| s.whole && s.remaining == 0 && s.quantity == 10));
    assert_eq!(f.state(&early[0]), UnitState::Dispensed);
    assert_eq!(f.state(&late[1]), UnitState::Available);
    f.pool.verify_ledger().unwrap();
}

#[test]
fn the_remainder_comes_from_opened_packs_first_across_several() {
    let mut f = Fixture::new();
    let stock = f.stock("A", 4, "2028-01-31"); // 10 pieces each
    // 7 pieces open the first pack: 3 are left in it.
    f.pool.reserve(&order("o1", [pieces("A", 7)]), act(10)).unwrap();
    let sold = f.pool.dispense("o1", act(11)).unwrap();
    assert_eq!((sold[0].quantity, sold[0].remaining, sold[0].whole), (7, 3, false));
    assert_eq!(f.state(&stock[0]), UnitState::Opened);
    // 15 pieces: one whole pack, three from the opened one, two from a third.
    let reserved = f.pool.reserve(&order("o2", [pieces("A", 15)]), act(12)).unwrap();
    let mut held: Vec<(&str, u32)> = reserved.iter().map(|r| (r.key.as_str(), r.quantity)).collect();
    held.sort_unstable();
    assert_eq!(held, [(stock[0].as_str(), 3), (stock[1].as_str(), 10), (stock[2].as_str(), 2)]);
    f.pool.dispense("o2", act(13)).unwrap();
    assert_eq!(f.state(&stock[0]), UnitState::Depleted);
    assert_eq!(f.state(&stock[1]), UnitState::Dispensed);
    assert_eq!(f.pool.unit(&stock[2]).unwrap().unwrap().remaining, 8);
    f.pool.verify_ledger().unwrap();
}

#[test]
fn two_orders_share_an_opened_pack_but_not_its_pieces() {
    let mut f = Fixture::new();
    let stock = f.stock("A", 1, "2028-01-31");
    f.pool.reserve(&order("o1", [pieces("A", 4)]), act(10)).unwrap();
    f.pool.dispense("o1", act(11)).unwrap();
    f.pool.reserve(&order("o2", [pieces("A", 4)]), act(12)).unwrap();
    // Six are left, four of them held.
    let short = refusal(f.pool.reserve(&order("o3", [pieces("A", 3)]), act(13)));
    assert_eq!(short, Refusal::InsufficientStock { product: "A".into(), wanted: 3, found: 2 });
    f.pool.reserve(&order("o3", [pieces("A", 2)]), act(14)).unwrap();
    assert_eq!(rules(&mut f.pool, &order("o4", [pieces("A", 1)]), &stock, 15), ["already_reserved"]);
    f.pool.dispense("o3", act(16)).unwrap();
    f.pool.release("o2", act(17)).unwrap();
    let unit = f.pool.unit(&stock[0]).unwrap().unwrap();
    assert_eq!((unit.state, unit.remaining), (UnitState::Opened, 4));
    f.pool.verify_ledger().unwrap();
}

#[test]
fn a_closed_pack_of_which_a_part_is_held_is_nobody_elses() {
    let mut f = Fixture::new();
    let stock = f.stock("A", 1, "2028-01-31");
    f.pool.reserve_codes(&order("o1", [pieces("A", 3)]), &stock, act(10)).unwrap();
    assert_eq!(f.state(&stock[0]), UnitState::Reserved);
    assert_eq!(rules(&mut f.pool, &order("o2", [pieces("A", 3)]), &stock, 11), ["already_reserved"]);
    f.pool.release("o1", act(12)).unwrap();
    assert_eq!(rules(&mut f.pool, &order("o2", [pieces("A", 3)]), &stock, 13), ["ok"]);
}

#[test]
fn an_order_is_reserved_whole_or_not_at_all() {
    let mut f = Fixture::new();
    f.stock("A", 5, "2028-01-31");
    f.stock("B", 1, "2028-01-31");
    let before = f.pool.ledger_hash().unwrap();
    let short = refusal(f.pool.reserve(&order("o1", [packs("A", 2), packs("B", 2)]), act(10)));
    assert_eq!(short, Refusal::InsufficientStock { product: "B".into(), wanted: 60, found: 30 });
    assert_eq!(f.pool.ledger_hash().unwrap(), before);
    assert_eq!(f.pool.reservations_of_order("o1").unwrap(), []);
    let unknown = refusal(f.pool.reserve(&order("o1", [packs("Z", 1)]), act(10)));
    assert_eq!(unknown, Refusal::UnknownProduct { product: "Z".into() });
    let nothing = refusal(f.pool.reserve(&order("o1", [packs("A", 0)]), act(10)));
    assert_eq!(nothing, Refusal::ImpossibleQuantity { order: "o1".into(), line: 0, quantity: 0 });
}

#[test]
fn codes_that_were_read_find_their_lines_or_the_rule_that_refuses_them() {
    let mut f = Fixture::new();
    let a = f.stock("A", 4, "2028-01-31");
    let b = f.stock("B", 2, "2028-01-31");
    let c = f.stock("C", 1, "2028-01-31");
    let stale = f.stock("A", 1, "2026-01-31"); // The fixture's day is 2026-10-01.
    let (carton, inside) = f.carton("A", 2);
    let registered = f.register("A", 1, "2028-01-31");
    f.pool.recall_batch("C", "C-2028-01-31", act(5)).unwrap();
    f.pool.quarantine(&b[1..], act(6)).unwrap();
    f.pool.reserve_codes(&order("other", [packs("A", 1)]), &a[..1], act(7)).unwrap();
    f.pool.reserve_codes(&order("sold", [packs("A", 1)]), &a[1..2], act(8)).unwrap();
    f.pool.dispense("sold", act(9)).unwrap();
    let read = [
        a[2].clone(),
        a[2].clone(),
        a[3].clone(),
        inside[0].clone(),
        a[0].clone(),
        a[1].clone(),
        b[0].clone(),
        b[1].clone(),
        c[0].clone(),
        stale[0].clone(),
        carton.clone(),
        registered[0].clone(),
        "89999999999999999999".into(),
        "6901234567892".into(),
    ];
    let wanted = order("o1", [packs("A", 2)]);
    let found = rules(&mut f.pool, &wanted, &read, 10);
    assert_eq!(
        found,
        [
            "ok",
            "duplicate_in_order",
            "ok",
            "surplus",
            "already_reserved",
            "already_sold",
            "other_drug",
            "wrong_state",
            "recalled",
            "expired",
            "level_too_high",
            "not_received",
            "unknown",
            "not_a_unit_code",
        ]
    );
    // Read once more, in another cycle.
    assert_eq!(rules(&mut f.pool, &wanted, &read[..1], 11), ["duplicate_in_order"]);
    f.pool.dispense("o1", act(12)).unwrap();
    assert_eq!(rules(&mut f.pool, &order("o2", [packs("A", 1)]), &read[..1], 13), ["already_sold"]);
    f.pool.verify_ledger().unwrap();
}

#[test]
fn codes_fill_whole_packs_before_a_pack_is_split() {
    let mut f = Fixture::new();
    let a = f.stock("A", 3, "2028-01-31");
    f.pool.reserve_codes(&order("o0", [pieces("A", 8)]), &a[..1], act(10)).unwrap();
    f.pool.dispense("o0", act(11)).unwrap(); // 2 left in a[0]
    let outcomes = f.pool.reserve_codes(&order("o1", [pieces("A", 15)]), &a, act(12)).unwrap();
    let allotted: Vec<(u32, bool)> = outcomes.iter().map(|o| o.result.as_ref().map(|x| (x.quantity, x.whole)).unwrap()).collect();
    assert_eq!(allotted, [(2, false), (10, true), (3, false)]);
    let sold = f.pool.dispense("o1", act(13)).unwrap();
    assert_eq!(sold.iter().map(|s| s.quantity).sum::<u32>(), 15);
    f.pool.verify_ledger().unwrap();
}

#[test]
fn an_opened_pack_does_not_serve_whole_packs() {
    let mut f = Fixture::new();
    let a = f.stock("A", 1, "2028-01-31");
    f.pool.reserve_codes(&order("o0", [pieces("A", 4)]), &a, act(10)).unwrap();
    f.pool.dispense("o0", act(11)).unwrap();
    assert_eq!(rules(&mut f.pool, &order("o1", [packs("A", 1)]), &a, 12), ["surplus"]);
}

#[test]
fn split_sales_can_be_switched_off() {
    let options = PoolOptions { split_sales: false, ..PoolOptions::default() };
    let mut f = Fixture::with(crate::pool_support::fresh(options, 1));
    let a = f.stock("A", 1, "2028-01-31");
    f.pool.reserve_codes(&order("o0", [pieces("A", 4)]), &a, act(10)).unwrap();
    f.pool.dispense("o0", act(11)).unwrap();
    assert_eq!(rules(&mut f.pool, &order("o1", [pieces("A", 1)]), &a, 12), ["split_sales_off"]);
    let short = refusal(f.pool.reserve(&order("o1", [pieces("A", 1)]), act(13)));
    assert_eq!(short, Refusal::InsufficientStock { product: "A".into(), wanted: 1, found: 0 });
}

#[test]
fn a_second_reservation_of_an_order_counts_what_it_has() {
    let mut f = Fixture::new();
    let a = f.stock("A", 5, "2028-01-31");
    let wanted = order("o1", [packs("A", 3)]);
    assert_eq!(rules(&mut f.pool, &wanted, &a[..1], 10), ["ok"]);
    f.pool.dispense("o1", act(11)).unwrap();
    assert_eq!(rules(&mut f.pool, &wanted, &a[1..2], 12), ["ok"]);
    assert_eq!(f.pool.reserve(&wanted, act(13)).unwrap().len(), 1);
    assert_eq!(f.pool.reserve(&wanted, act(14)).unwrap().len(), 0);
    assert_eq!(rules(&mut f.pool, &wanted, &a[4..], 15), ["surplus"]);
    let progress = f.pool.progress(&wanted).unwrap();
    assert_eq!((progress[0].wanted, progress[0].held, progress[0].sold), (30, 20, 10));
}

#[test]
fn reservations_run_out() {
    let mut f = Fixture::new();
    let a = f.stock("A", 1, "2028-01-31");
    f.pool.reserve(&order("o1", [packs("A", 1)]), act(10)).unwrap();
    let ttl = f.pool.options().reservation_ttl.as_secs();
    assert_eq!(f.pool.expire_reservations(act(10 + ttl - 1)).unwrap(), []);
    // Too late to sell, even before anybody swept.
    let late = refusal(f.pool.dispense("o1", act(10 + ttl)));
    assert_eq!(late, Refusal::ReservationExpired { order: "o1".into(), code: a[0].clone() });
    assert_eq!(f.pool.expire_reservations(act(10 + ttl)).unwrap().len(), 1);
    assert_eq!(f.state(&a[0]), UnitState::Available);
    assert_eq!(refusal(f.pool.dispense("o1", act(11 + ttl))), Refusal::NothingReserved { order: "o1".into() });
    assert_eq!(refusal(f.pool.release("o1", act(11 + ttl))), Refusal::NothingReserved { order: "o1".into() });
    f.pool.verify_ledger().unwrap();
}

#[test]
fn what_expires_while_it_is_held_is_not_sold() {
    let mut f = Fixture::new();
    let a = f.stock("A", 1, "2026-10-01"); // The day itself is still good, in China's time.
    f.pool.reserve(&order("o1", [packs("A", 1)]), act(0)).unwrap();
    let midnight = crate::pool_support::SECONDS_TO_MIDNIGHT;
    f.pool.dispense("o1", act(midnight)).expect_err("it expired, and so did the reservation");
    f.pool.expire_reservations(act(midnight)).unwrap();
    assert_eq!(f.pool.expire_units(act(midnight - 1)).unwrap().0, Vec::<String>::new());
    assert_eq!(f.pool.expire_units(act(midnight)).unwrap().0, a);
    assert_eq!(f.state(&a[0]), UnitState::Expired);
    f.pool.verify_ledger().unwrap();
}

#[test]
fn a_recall_takes_back_what_is_held_and_names_what_is_sold() {
    let mut f = Fixture::new();
    let a = f.stock("A", 4, "2028-01-31");
    f.pool.reserve_codes(&order("sold", [packs("A", 1)]), &a[..1], act(10)).unwrap();
    f.pool.dispense("sold", act(11)).unwrap();
    f.pool.reserve_codes(&order("split", [pieces("A", 3)]), &a[1..2], act(12)).unwrap();
    f.pool.dispense("split", act(13)).unwrap();
    f.pool.reserve_codes(&order("held", [packs("A", 1)]), &a[2..3], act(14)).unwrap();
    let report = f.pool.recall_batch("A", "A-2028-01-31", act(15)).unwrap();
    assert_eq!(report.sold, [(a[0].clone(), "sold".into()), (a[1].clone(), "split".into())]);
    assert_eq!(report.recalled, a[1..]);
    assert_eq!(report.released.iter().map(|r| r.order.as_str()).collect::<Vec<_>>(), ["held"]);
    assert_eq!(f.state(&a[0]), UnitState::Dispensed);
    assert!(a[1..].iter().all(|code| f.state(code) == UnitState::Recalled));
    f.pool.verify_ledger().unwrap();
}

#[test]
fn a_sale_is_returned_once_and_can_be_sold_again() {
    let mut f = Fixture::new();
    let a = f.stock("A", 2, "2028-01-31");
    f.pool.reserve_codes(&order("o1", [packs("A", 1)]), &a[..1], act(10)).unwrap();
    let sale = f.pool.dispense("o1", act(11)).unwrap().remove(0).event_id;
    let event = f.pool.return_sale("o1", &a[0], act(12)).unwrap();
    assert_eq!(f.state(&a[0]), UnitState::Returned);
    let entry = f.pool.ledger().last().unwrap().unwrap();
    assert_eq!((entry.event_id, entry.original_event_id, entry.kind, entry.remaining), (event, Some(sale), EventKind::Return, 10));
    let again = refusal(f.pool.return_sale("o1", &a[0], act(13)));
    assert_eq!(again, Refusal::NoSaleToReturn { order: "o1".into(), code: a[0].clone() });
    f.pool.restock(&a[..1], act(14)).unwrap();
    assert_eq!(rules(&mut f.pool, &order("o2", [packs("A", 1)]), &a[..1], 15), ["ok"]);
    f.pool.dispense("o2", act(16)).unwrap();
    // Pieces that come back are noted and not sold again.
    f.pool.reserve_codes(&order("o3", [pieces("A", 4)]), &a[1..], act(17)).unwrap();
    f.pool.dispense("o3", act(18)).unwrap();
    f.pool.return_sale("o3", &a[1], act(19)).unwrap();
    let unit = f.pool.unit(&a[1]).unwrap().unwrap();
    assert_eq!((unit.state, unit.remaining), (UnitState::Opened, 6));
    f.pool.verify_ledger().unwrap();
}

#[test]
fn a_carton_is_received_with_what_is_in_it() {
    let mut f = Fixture::new();
    let (carton, inside) = f.registered_carton("A", 3);
    assert_eq!(f.pool.receive(Selection::Codes(&codes([&inside[0]])), act(10)).unwrap(), 1);
    assert_eq!(f.pool.receive(Selection::Codes(&codes([&carton])), act(11)).unwrap(), 3);
    assert!(inside.iter().all(|code| f.state(code) == UnitState::Available));
    let twice = refusal(f.pool.receive(Selection::Codes(&codes([&carton])), act(12)));
    assert_eq!(twice, Refusal::WrongState { code: carton, from: UnitState::Available, to: UnitState::Available });
}

#[test]
fn registration_is_checked_against_code_product_and_parent() {
    let mut f = Fixture::new();
    let unit = |code: &str, product: &str, level, parent: Option<&str>| NewUnit {
        code: code.into(),
        product: product.into(),
        batch: "X".into(),
        expiry: day("2028-01-31"),
        made: None,
        level,
        parent: parent.map(str::to_owned),
    };
    use PackLevel::{MiddlePack, OuterCarton, SmallestPack};
    let (a1, a2) = (pack("A", 1), pack("A", 2));
    let mut register = |units: &[NewUnit]| f.pool.register(units, act(1));
    assert_eq!(register(&[unit(&a1, "A", SmallestPack, None)]).unwrap().added, 1);
    assert_eq!(register(&[unit(&a1, "A", SmallestPack, None)]).unwrap().unchanged, 1);
    let mut cases = vec![
        (vec![NewUnit { batch: "Y".into(), ..unit(&a1, "A", SmallestPack, None) }], "registered_differently"),
        (vec![unit(&a2, "Z", SmallestPack, None)], "unknown_product"),
        (vec![unit(&a2, "B", SmallestPack, None)], "contradicts_code"),
        (vec![unit(&a2, "A", MiddlePack, None)], "contradicts_code"),
        (vec![unit("89999991234567890123", "A", SmallestPack, None)], "unknown_prefix"),
        (vec![unit("6901234567892", "A", SmallestPack, None)], "not_a_unit_code"),
        (vec![unit(&a2, "A", SmallestPack, Some("80000020000000000001"))], "bad_parent"),
        (vec![unit(&a2, "A", SmallestPack, Some(&a1))], "bad_parent"),
    ];
    // The GS1 string says what it is registered as: product, batch, expiry.
    let gtin = product("C", 5).gtin.unwrap();
    let gs1 = format!("01{gtin}1728013110X\u{1d}21S1");
    assert_eq!(register(&[unit(&gs1, "C", SmallestPack, None)]).unwrap().added, 1);
    for (text, what) in
        [(gs1.replace("10X", "10W").replace("S1", "S2"), "batch"), (gs1.replace("17280131", "17280130").replace("S1", "S3"), "expiry")]
    {
        let found = refusal(register(&[unit(&text, "C", SmallestPack, None)]));
        assert_eq!(found, Refusal::ContradictsCode { code: text, field: what });
    }
    cases.push((vec![unit("opaque-1", "C", SmallestPack, None), unit("opaque-1", "C", OuterCarton, None)], "registered_differently"));
    for (units, rule) in cases {
        assert_eq!(refusal(register(&units)).rule(), rule, "{units:?}");
    }
    assert_eq!(f.pool.unit("opaque-1").unwrap(), None); // Nothing of a refused list stays.
    f.pool.verify_ledger().unwrap();
}

#[test]
fn two_printings_of_a_gs1_unit_are_one_unit() {
    let mut f = Fixture::new();
    let gtin = product("C", 5).gtin.unwrap();
    let [first, second] = [format!("01{gtin}1728013110X\u{1d}21S1"), format!("\u{1d}01{gtin}21S1\u{1d}17280131\u{1d}10X")];
    let new = NewUnit {
        code: first,
        product: "C".into(),
        batch: "X".into(),
        expiry: day("2028-01-31"),
        made: None,
        level: PackLevel::SmallestPack,
        parent: None,
    };
    f.pool.register(&[new], act(1)).unwrap();
    f.pool.receive(Selection::AllRegistered, act(2)).unwrap();
    assert_eq!(rules(&mut f.pool, &order("o1", [packs("C", 1)]), &[second], 3), ["ok"]);
}

#[test]
fn the_status_counts_units_and_pieces() {
    let mut f = Fixture::new();
    f.stock("A", 3, "2028-01-31");
    f.register("B", 2, "2028-01-31");
    f.pool.reserve(&order("o1", [pieces("A", 4)]), act(10)).unwrap();
    f.pool.dispense("o1", act(11)).unwrap();
    let rows: Vec<(String, UnitState, u64, u64)> =
        f.pool.status().unwrap().into_iter().map(|r| (r.product, r.state, r.units, r.pieces)).collect();
    assert_eq!(
        rows,
        [("A".into(), UnitState::Available, 2, 20), ("A".into(), UnitState::Opened, 1, 6), ("B".into(), UnitState::Registered, 2, 60),]
    );
}
