//! Back to the supplier, destroyed, lost: by which rules, what the ledger says of it, and what the platform is told.
use crate::pool_support::{Fixture, act, institution, order, packs, pieces};
use scanner_core::pool::{
    Delivery, EventKind, NewLot, PoolError, PoolOptions, RemovalReport, Rules, UnitState, UploadKind, UploadState, WriteOffReason,
};

fn uploading() -> Fixture {
    let options = PoolOptions { settlement_needed: false, ..PoolOptions::default() };
    let mut f = Fixture::with(crate::pool_support::fresh(options, 1));
    f.pool.set_institution(&institution()).unwrap();
    f
}

fn delivery() -> Delivery {
    Delivery { dynt_no: "R1".into(), spler_name: "Supplier".into(), ..Delivery::default() }
}

#[track_caller]
fn refused(result: Result<RemovalReport, PoolError>, rule: &str) {
    assert_eq!(result.unwrap_err().refusal().expect("a refusal").rule(), rule);
}

/// What waits in the outbox: kind, codes, pieces, split, reason.
fn told(f: &Fixture) -> Vec<(UploadKind, usize, u64, bool, Option<WriteOffReason>)> {
    let entries = f.pool.uploads(UploadState::Pending).unwrap();
    entries.into_iter().map(|e| (e.kind, e.record.codes.len(), e.record.pieces, e.record.split, e.record.reason)).collect()
}

#[test]
fn what_goes_back_to_the_supplier_is_gone_and_told_with_its_delivery_note() {
    let mut f = uploading();
    let a = f.stock("A", 3, "2028-01-31");
    f.pool.reserve_codes(&order("o1", [packs("A", 1)]), &a[..1], act(10)).unwrap();
    let report = f.pool.return_to_supplier(&a[..2], &delivery(), act(11)).unwrap();
    assert_eq!(report.removed, a[..2]);
    assert_eq!(report.released.iter().map(|r| r.order.as_str()).collect::<Vec<_>>(), ["o1"]);
    assert_eq!(a.iter().map(|code| f.state(code)).collect::<Vec<_>>(), [UnitState::Removed, UnitState::Removed, UnitState::Available]);
    assert_eq!(told(&f), [(UploadKind::SupplierReturn, 2, 20, false, None)]);
    let record = &f.pool.uploads(UploadState::Pending).unwrap()[0].record;
    assert_eq!(record.delivery, Some(delivery()));
    let last = f.pool.history(&a[0]).unwrap().pop().unwrap();
    assert_eq!((last.kind, last.from, last.to), (EventKind::SupplierReturn, Some(UnitState::Available), UnitState::Removed));
    // Gone is gone.
    refused(f.pool.return_to_supplier(&a[..1], &delivery(), act(12)), "pack_opened");
    refused(f.pool.write_off(&a[..1], act(12)), "wrong_state");
    f.pool.verify_ledger().unwrap();
}

#[test]
fn the_supplier_takes_whole_packs_only_and_a_refusal_changes_nothing() {
    let mut f = uploading();
    let a = f.stock("A", 2, "2028-01-31");
    f.pool.reserve_codes(&order("o1", [pieces("A", 3)]), &a[..1], act(10)).unwrap();
    f.pool.dispense("o1", act(11)).unwrap();
    let before = (f.pool.ledger_hash().unwrap(), told(&f).len());
    refused(f.pool.return_to_supplier(&[a[1].clone(), a[0].clone()], &delivery(), act(12)), "pack_opened");
    assert_eq!((f.pool.ledger_hash().unwrap(), told(&f).len()), before);
    // What is left of it can be destroyed, and is told as pieces of an opened pack.
    f.pool.write_off(&a, act(13)).unwrap();
    let told: Vec<_> = told(&f).into_iter().filter(|entry| entry.0 == UploadKind::StockChange).collect();
    let destroyed = Some(WriteOffReason::Destroyed);
    assert_eq!(told, [(UploadKind::StockChange, 1, 10, false, destroyed), (UploadKind::StockChange, 1, 7, true, destroyed)]);
}

#[test]
fn a_carton_goes_with_what_is_in_it_and_back_only_if_nothing_is_missing() {
    let mut f = uploading();
    let (whole, packed) = f.carton("B", 3);
    let report = f.pool.return_to_supplier(std::slice::from_ref(&whole), &delivery(), act(10)).unwrap();
    assert_eq!(report.removed.len(), 4);
    assert!(packed.iter().all(|code| f.state(code) == UnitState::Removed));
    assert_eq!(told(&f), [(UploadKind::SupplierReturn, 3, 90, false, None)], "the carton itself is no goods");
    let (broken, packed) = f.carton("B", 3);
    f.pool.reserve_codes(&order("o1", [packs("B", 1)]), &packed[..1], act(11)).unwrap();
    f.pool.dispense("o1", act(12)).unwrap();
    refused(f.pool.return_to_supplier(std::slice::from_ref(&broken), &delivery(), act(13)), "pack_opened");
    let report = f.pool.write_off_because(std::slice::from_ref(&broken), WriteOffReason::Lost, act(14)).unwrap();
    assert_eq!(report.removed, [&[broken], &packed[1..]].concat());
    assert_eq!(f.state(&packed[0]), UnitState::Dispensed);
    f.pool.verify_ledger().unwrap();
}

#[test]
fn only_what_is_expired_is_written_off_as_expired() {
    let mut f = uploading();
    let good = f.stock("A", 1, "2028-01-31");
    let old = f.stock("A", 2, "2026-10-31");
    refused(f.pool.write_off_because(&old[..1], WriteOffReason::Expired, act(10)), "not_expired");
    let month = 31 * 86_400;
    // One that was marked, and one whose date has passed unnoticed.
    f.pool.write_off_because(&old[..1], WriteOffReason::Expired, act(month)).unwrap();
    f.pool.expire_units(act(month)).unwrap();
    assert_eq!(f.state(&old[1]), UnitState::Expired);
    f.pool.write_off_because(&old[1..], WriteOffReason::Expired, act(month + 1)).unwrap();
    refused(f.pool.write_off_because(&good, WriteOffReason::Expired, act(month + 2)), "not_expired");
    f.pool.write_off_because(&good, WriteOffReason::Lost, act(month + 3)).unwrap();
    let reasons: Vec<_> = told(&f).into_iter().map(|entry| entry.4.unwrap().as_str()).collect();
    assert_eq!(reasons, ["expired", "expired", "lost"]);
    let noted: Vec<String> =
        f.pool.journal(0, 1000).unwrap().into_iter().filter(|e| e.kind.as_str() == "write_off").map(|e| e.subject).collect();
    assert_eq!(noted, ["expired", "expired", "lost"]);
    // What was lost may turn up: it is set aside first.
    f.pool.quarantine(&good, act(month + 4)).unwrap();
    assert_eq!(f.pool.history(&good[0]).unwrap().pop().unwrap().kind, EventKind::Found);
}

#[test]
fn a_lot_without_codes_is_written_off_by_its_name_and_told_apart() {
    let mut f = uploading();
    f.pool.set_rules(&Rules { uncoded_stock: true, ..f.pool.rules().unwrap() }, act(1)).unwrap();
    let packs_of_a = f.stock("A", 1, "2028-01-31");
    let batch = f.pool.unit(&packs_of_a[0]).unwrap().unwrap().batch;
    let lot = NewLot { product: "A".into(), batch, expiry: "2028-01-31".parse().unwrap(), made: None, pieces: 25 };
    let name = f.pool.add_uncoded_stock(&lot, act(2)).unwrap();
    f.pool.reserve_uncoded(&order("o1", [pieces("A", 7)]), act(3)).unwrap();
    refused(f.pool.return_to_supplier(std::slice::from_ref(&name), &delivery(), act(4)), "unknown");
    refused(f.pool.write_off(&["lot A/none/1".to_owned()], act(4)), "unknown");
    refused(f.pool.write_off_because(std::slice::from_ref(&name), WriteOffReason::Expired, act(4)), "not_expired");
    let report = f.pool.write_off_because(&[name.clone(), packs_of_a[0].clone()], WriteOffReason::Lost, act(5)).unwrap();
    assert_eq!((report.removed, report.released.len()), (vec![name.clone(), packs_of_a[0].clone()], 1));
    let lost = Some(WriteOffReason::Lost);
    assert_eq!(told(&f), [(UploadKind::StockChange, 0, 25, false, lost), (UploadKind::StockChange, 1, 10, false, lost)]);
    refused(f.pool.write_off(std::slice::from_ref(&name), act(6)), "wrong_state");
    let none_left = f.pool.reserve_uncoded(&order("o2", [pieces("A", 1)]), act(7)).unwrap_err();
    assert_eq!(none_left.refusal().expect("a refusal").rule(), "insufficient_stock");
    f.pool.verify_ledger().unwrap();
}

#[test]
fn what_was_sold_or_never_arrived_cannot_be_removed() {
    let mut f = uploading();
    let registered = f.register("A", 1, "2028-01-31");
    let sold = f.stock("A", 1, "2028-01-31");
    f.pool.reserve_codes(&order("o1", [packs("A", 1)]), &sold, act(10)).unwrap();
    f.pool.dispense("o1", act(11)).unwrap();
    for code in [registered, sold] {
        refused(f.pool.write_off(&code, act(12)), "wrong_state");
    }
    refused(f.pool.write_off(&["80000119999999990000".into()], act(13)), "unknown");
}
