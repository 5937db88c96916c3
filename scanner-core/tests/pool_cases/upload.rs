//! The outbox: what is written into it, in which order it leaves, and what becomes of it.
use std::collections::BTreeMap;
use std::time::Duration;

use crate::pool_support::{Fixture, act, institution, order, packs, pieces, settlement};
use hardware_hal::Timestamp;
use scanner_core::pool::{
    Claim, ClaimPolicy, Delivery, Order, Outcome, Personal, PoolError, Selection, StocktakeScope, UploadKind, UploadState, Verdict,
};

fn policy(resend_unknown: bool) -> ClaimPolicy {
    ClaimPolicy { batches: BTreeMap::new(), resend_unknown, lease: Duration::from_secs(60) }
}

fn uploading() -> Fixture {
    let mut f = Fixture::new();
    f.pool.set_institution(&institution()).unwrap();
    f
}

fn at(seconds: u64) -> Timestamp {
    act(seconds).at
}

/// Sells a pack of each code, each in an order of its own; the event ids.
fn sell(f: &mut Fixture, codes: &[String], seconds: u64) -> Vec<String> {
    let mut events = Vec::new();
    for code in codes {
        let wanted = order(&format!("order {code}"), [packs("A", 1)]);
        f.pool.reserve_codes(&wanted, std::slice::from_ref(code), act(seconds)).unwrap();
        let sold = f.pool.dispense_settled(&wanted, &settlement(), Some(&personal()), act(seconds)).unwrap();
        events.extend(sold.into_iter().map(|unit| unit.event_id));
    }
    events
}

fn personal() -> Personal {
    Personal { psn_no: Some("P-77".into()), certno: None, psn_name: Some("张三".into()) }
}

fn claim(f: &mut Fixture, seconds: u64) -> Option<Claim> {
    f.pool.claim_upload("sender", &policy(false), at(seconds)).unwrap()
}

fn done() -> Outcome {
    Outcome::Done { note: "ok".into() }
}

fn states(f: &Fixture) -> BTreeMap<UploadState, u64> {
    f.pool.upload_counts().unwrap()
}

fn rule<T: std::fmt::Debug>(result: Result<T, PoolError>) -> &'static str {
    result.unwrap_err().refusal().expect("a refusal").rule()
}

#[test]
fn a_pool_without_an_institution_uploads_nothing() {
    let mut f = Fixture::new();
    f.stock("A", 1, "2028-01-31");
    f.pool.reserve(&order("o1", [packs("A", 1)]), act(10)).unwrap();
    f.pool.dispense("o1", act(11)).unwrap();
    assert!(states(&f).is_empty());
    assert_eq!(rule(f.pool.claim_upload("sender", &policy(false), at(12))), "no_institution");
    let wrong = scanner_core::pool::Institution { code: "short".into(), ..institution() };
    assert_eq!(rule(f.pool.set_institution(&wrong)), "bad_institution");
}

#[test]
fn a_sale_stands_in_the_outbox_with_its_own_id_and_time() {
    let mut f = uploading();
    let a = f.stock("A", 2, "2028-01-31");
    let events = sell(&mut f, &a[..1], 10);
    let entries = f.pool.uploads(UploadState::Pending).unwrap();
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!((&entry.event_id, entry.kind, entry.at), (&events[0], UploadKind::Sale, at(10)));
    assert_eq!((entry.record.codes.as_slice(), entry.record.pieces, entry.record.split), (&a[..1], 10, false));
    assert_eq!(entry.record.settlement, Some(settlement()));
    assert_eq!(entry.personal, Some(personal()));
    assert!(!format!("{entry:?}").contains("张三") && !serde_json::to_string(entry).unwrap().contains("P-77"));
    // A sale that is refused leaves nothing behind, and a needed settlement cannot be left out.
    let wanted = order("o2", [packs("A", 1)]);
    f.pool.reserve(&wanted, act(11)).unwrap();
    assert_eq!(rule(f.pool.dispense("o2", act(12))), "no_settlement");
    assert_eq!(f.pool.uploads(UploadState::Pending).unwrap().len(), 1);
    assert_eq!(f.pool.reservations_of_order("o2").unwrap().len(), 1);
}

#[test]
fn the_message_keeps_its_id_over_attempts_and_the_person_is_wiped_at_the_end() {
    let mut f = uploading();
    let a = f.stock("A", 1, "2028-01-31");
    sell(&mut f, &a, 10);
    let first = claim(&mut f, 20).unwrap();
    // 2026-10-01T10:00:20 in China.
    assert_eq!(first.message_id, "H12345678901202610011000200001");
    let again = Outcome::NotReceived { due_at: at(50), note: "no line".into() };
    f.pool.settle_upload(&first, &again, at(21)).unwrap();
    assert_eq!(claim(&mut f, 49), None);
    assert_eq!(f.pool.next_upload_due(&policy(false)).unwrap(), Some(at(50)));
    let second = claim(&mut f, 50).unwrap();
    assert_eq!((&second.message_id, second.entries[0].attempts), (&first.message_id, 2));
    f.pool.settle_upload(&second, &done(), at(51)).unwrap();
    assert_eq!(states(&f), BTreeMap::from([(UploadState::Done, 1)]));
    assert_eq!(f.pool.uploads(UploadState::Done).unwrap()[0].personal, None);
    assert_eq!(claim(&mut f, 9999), None);
}

#[test]
fn a_later_event_of_a_unit_waits_for_the_earlier_one_and_others_do_not() {
    let mut f = uploading();
    let a = f.stock("A", 2, "2028-01-31");
    let events = sell(&mut f, &a[..1], 10);
    let returned = f.pool.return_sale(&format!("order {}", a[0]), &a[0], act(11)).unwrap();
    let other = sell(&mut f, &a[1..], 12);
    let sale = claim(&mut f, 20).unwrap();
    assert_eq!(sale.entries[0].event_id, events[0]);
    let next = claim(&mut f, 20).unwrap();
    assert_eq!(next.entries[0].event_id, other[0], "the return waits, the other box does not");
    assert_eq!(claim(&mut f, 20), None);
    f.pool.settle_upload(&sale, &Outcome::Refused { note: "a wrong field".into() }, at(21)).unwrap();
    assert_eq!(claim(&mut f, 22), None, "what failed holds up the return");
    f.pool.reconcile(&events[0], Verdict::SendAgain, act(23)).unwrap();
    let sale = claim(&mut f, 24).unwrap();
    f.pool.settle_upload(&sale, &done(), at(25)).unwrap();
    let last = claim(&mut f, 26).unwrap();
    assert_eq!((&last.entries[0].event_id, last.entries[0].kind), (&returned, UploadKind::SaleReturn));
    assert_eq!(last.entries[0].record.original.as_ref(), Some(&events[0]));
    assert_eq!(last.entries[0].record.settlement, Some(settlement()));
}

#[test]
fn a_sender_that_falls_silent_leaves_an_unknown_outcome() {
    let mut f = uploading();
    let a = f.stock("A", 1, "2028-01-31");
    let events = sell(&mut f, &a, 10);
    let lost = claim(&mut f, 20).unwrap();
    assert_eq!(f.pool.lapse_uploads(at(79)).unwrap(), 0);
    assert_eq!(f.pool.next_upload_due(&policy(false)).unwrap(), Some(at(80)));
    // Where the platform recognises repeats, the same message goes again; elsewhere it waits for a person.
    assert_eq!(f.pool.claim_upload("other", &policy(false), at(80)).unwrap(), None);
    assert_eq!(states(&f), BTreeMap::from([(UploadState::Unknown, 1)]));
    assert_eq!(claim(&mut f, 1_000_000), None);
    let again = f.pool.claim_upload("other", &policy(true), at(81)).unwrap().unwrap();
    assert_eq!(again.message_id, lost.message_id);
    // The first sender wakes up: what it does not know changes nothing, what the platform told it counts.
    f.pool.settle_upload(&lost, &Outcome::NotReceived { due_at: at(0), note: "late".into() }, at(82)).unwrap();
    assert_eq!(states(&f), BTreeMap::from([(UploadState::InFlight, 1)]));
    f.pool.settle_upload(&lost, &done(), at(83)).unwrap();
    f.pool.settle_upload(&again, &Outcome::Unknown { due_at: at(90), note: "cut".into() }, at(84)).unwrap();
    assert_eq!(states(&f), BTreeMap::from([(UploadState::Done, 1)]));
    assert_eq!(rule(f.pool.reconcile(&events[0], Verdict::Drop, act(85))), "not_open_for_verdict");
}

#[test]
fn a_batch_goes_again_as_it_went_and_a_refused_one_is_taken_apart() {
    let mut f = uploading();
    let a = f.stock("A", 5, "2028-01-31");
    sell(&mut f, &a, 10);
    let policy = ClaimPolicy { batches: BTreeMap::from([(UploadKind::Sale, 3)]), ..policy(true) };
    let claim = |f: &mut Fixture, seconds| f.pool.claim_upload("sender", &policy, at(seconds)).unwrap().unwrap();
    let first = claim(&mut f, 20);
    assert_eq!(first.entries.len(), 3);
    f.pool.settle_upload(&first, &Outcome::Unknown { due_at: at(30), note: "cut".into() }, at(21)).unwrap();
    let second = claim(&mut f, 22);
    assert_eq!(second.entries.len(), 2, "what is unknown keeps its company");
    f.pool.settle_upload(&second, &done(), at(23)).unwrap();
    let third = claim(&mut f, 30);
    assert_eq!(third.message_id, first.message_id);
    assert_eq!(third.entries.iter().map(|e| e.position).collect::<Vec<_>>(), first.entries.iter().map(|e| e.position).collect::<Vec<_>>());
    f.pool.settle_upload(&third, &Outcome::Refused { note: "one is bad".into() }, at(31)).unwrap();
    for _ in 0..3 {
        let alone = claim(&mut f, 32);
        assert_eq!(alone.entries.len(), 1);
        assert_ne!(alone.message_id, first.message_id);
        f.pool.settle_upload(&alone, &done(), at(33)).unwrap();
    }
    assert_eq!(states(&f), BTreeMap::from([(UploadState::Done, 5)]));
}

#[test]
fn what_arrives_is_counted_and_leaves_is_told() {
    let mut f = uploading();
    let delivery = Delivery { dynt_no: "D1".into(), ..Delivery::default() };
    let a = f.register("A", 130, "2028-01-31");
    f.pool.receive_delivery(Selection::Codes(&a), &delivery, act(5)).unwrap();
    f.stock("B", 1, "2028-01-31"); // Without a delivery note there is nothing to say.
    f.pool.return_to_supplier(&a[..2], &delivery, act(6)).unwrap();
    let report = f.pool.stocktake(StocktakeScope::Product("A"), &a[3..], true, act(7)).unwrap();
    assert_eq!((report.expected, report.matching, report.missing), (128, 127, a[2..3].to_vec()));
    let told: Vec<(UploadKind, usize, u64)> =
        f.pool.uploads(UploadState::Pending).unwrap().into_iter().map(|e| (e.kind, e.record.codes.len(), e.record.pieces)).collect();
    assert_eq!(
        told,
        [
            (UploadKind::Purchase, 100, 1000),
            (UploadKind::Purchase, 30, 300),
            (UploadKind::SupplierReturn, 2, 20),
            (UploadKind::StockChange, 1, 10),
            (UploadKind::Stocktake, 100, 1000),
            (UploadKind::Stocktake, 27, 270),
        ]
    );
    f.pool.verify_ledger().unwrap();
}

#[test]
fn what_was_acknowledged_can_be_taken_back() {
    let mut f = uploading();
    let a = f.stock("A", 1, "2028-01-31");
    let events = sell(&mut f, &a, 10);
    assert_eq!(rule(f.pool.retract_upload(&events[0], act(11))), "not_uploaded");
    let sale = claim(&mut f, 12).unwrap();
    f.pool.settle_upload(&sale, &done(), at(13)).unwrap();
    let id = f.pool.retract_upload(&events[0], act(14)).unwrap();
    let request = claim(&mut f, 15).unwrap();
    assert_eq!((&request.entries[0].event_id, request.entries[0].kind), (&id, UploadKind::Delete));
    assert_eq!(request.entries[0].record.original.as_ref(), Some(&events[0]));
}

#[test]
fn an_order_that_was_changed_after_it_was_reserved_is_caught() {
    let mut f = uploading();
    f.stock("A", 5, "2028-01-31");
    let before = order("o1", [packs("A", 1)]);
    let after = order("o1", [packs("A", 2)]);
    f.pool.reserve(&before, act(10)).unwrap();
    assert_eq!(rule(f.pool.reserve(&after, act(11))), "order_changed");
    assert_eq!(rule(f.pool.reserve_codes(&after, &[], act(11))), "order_changed");
    assert_eq!(rule(f.pool.dispense_settled(&after, &settlement(), None, act(12))), "order_changed");
    f.pool.release("o1", act(13)).unwrap();
    f.pool.reserve(&after, act(14)).unwrap();
    assert_eq!(f.pool.dispense_settled(&after, &settlement(), None, act(15)).unwrap().len(), 2);
}

#[test]
fn the_rules_of_a_pharmacy_are_options() {
    let options = scanner_core::pool::PoolOptions { min_days_left: 30, ..Default::default() };
    let mut f = Fixture::with(crate::pool_support::fresh(options, 1));
    // The fixture's day is 2026-10-01.
    let soon = f.stock("A", 1, "2026-10-30");
    let good = f.stock("A", 1, "2026-10-31");
    let mut lines = order("o1", [packs("A", 1)]);
    let result = f.pool.reserve_codes(&lines, &soon, act(10)).unwrap();
    assert_eq!(result[0].result.as_ref().unwrap_err().rule(), "expires_soon");
    assert_eq!(f.pool.reserve(&lines, act(11)).unwrap()[0].key, good[0]);
    // A line that names its batch gets that one or none.
    lines = Order { id: "o2".into(), ..lines };
    lines.lines[0].batch = Some("other".into());
    assert_eq!(rule(f.pool.reserve(&lines, act(12))), "insufficient_stock");
    f.pool.release("o1", act(13)).unwrap();
    let result = f.pool.reserve_codes(&lines, &good, act(14)).unwrap();
    assert_eq!(result[0].result.as_ref().unwrap_err().rule(), "wrong_batch");
    lines.lines[0].batch = Some("A-2026-10-31".into());
    // Nothing was held, so the order may have changed.
    assert_eq!(f.pool.reserve(&lines, act(15)).unwrap()[0].key, good[0]);
}

#[test]
fn a_stocktaking_names_every_difference_and_books_only_when_asked() {
    let mut f = uploading();
    let a = f.stock("A", 6, "2028-01-31");
    let b = f.stock("B", 1, "2028-01-31");
    sell(&mut f, &a[..1], 10);
    f.pool.write_off(&a[1..2], act(11)).unwrap();
    f.pool.reserve_codes(&order("held", [pieces("A", 3)]), &a[2..3], act(12)).unwrap();
    let counted = vec![a[0].clone(), a[1].clone(), a[3].clone(), a[3].clone(), a[4].clone(), b[0].clone(), "nobody's".into()];
    let before = f.pool.ledger_hash().unwrap();
    let scope = StocktakeScope::Product("A");
    let looked = f.pool.stocktake(scope, &counted, false, act(13)).unwrap();
    assert_eq!((looked.expected, looked.matching), (4, 2));
    assert_eq!(looked.missing, [a[2].clone(), a[5].clone()]);
    assert_eq!(
        looked.surplus.iter().map(|(code, state)| (code.as_str(), state.as_str())).collect::<Vec<_>>(),
        [(a[0].as_str(), "dispensed"), (a[1].as_str(), "removed")]
    );
    assert_eq!((looked.out_of_scope, looked.unknown, looked.duplicates), (b, vec!["nobody's".to_owned()], vec![a[3].clone()]));
    assert_eq!(f.pool.ledger_hash().unwrap(), before);
    let booked = f.pool.stocktake(scope, &counted, true, act(14)).unwrap();
    assert_eq!(booked.released.len(), 1, "what is missing cannot be held");
    assert_eq!(f.state(&a[1]).as_str(), "quarantined");
    assert_eq!(f.state(&a[2]).as_str(), "removed");
    assert_eq!(f.pool.stocktake(scope, &[a[1].clone(), a[3].clone(), a[4].clone()], false, act(15)).unwrap().missing, Vec::<String>::new());
    f.pool.verify_ledger().unwrap();
}
