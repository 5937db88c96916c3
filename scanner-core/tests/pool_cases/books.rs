//! The second book and what is read from both: no-code stock, exempt split doses, verification, measures, and a clock that was set back.

use scanner_core::pool::{
    ClaimPolicy, JournalKind, NewLot, Outcome, PoolError, PoolOptions, ReturnReason, Rules, Selection, StocktakeScope, UnitState,
    UploadState, VerificationVerdict,
};

use crate::pool_support::{Fixture, SECONDS_TO_MIDNIGHT, act, day, fresh, institution, order, pack, packs, pieces, settlement};

fn rule<T: std::fmt::Debug>(result: Result<T, PoolError>) -> &'static str {
    result.unwrap_err().refusal().expect("a refusal").rule()
}

fn rules(exempt: &[&str]) -> Rules {
    Rules { uncoded_stock: true, split_dose_exempt: exempt.iter().map(|id| (*id).to_owned()).collect(), ..Rules::default() }
}

fn lot(product: &str, expiry: &str, pieces: u32) -> NewLot {
    NewLot { product: product.into(), batch: format!("old {expiry}"), expiry: day(expiry), made: Some(day("2024-01-31")), pieces }
}

#[test]
fn stock_without_codes_is_sold_first_expired_first_out_and_told_without_a_code() {
    let mut f = Fixture::new();
    f.pool.set_institution(&institution()).unwrap();
    assert_eq!(rule(f.pool.add_uncoded_stock(&lot("A", "2027-01-31", 25), act(1))), "uncoded_stock_off");
    f.pool.set_rules(&rules(&[]), act(2)).unwrap();
    let late = f.pool.add_uncoded_stock(&lot("A", "2027-06-30", 100), act(3)).unwrap();
    let soon = f.pool.add_uncoded_stock(&lot("A", "2027-01-31", 25), act(3)).unwrap();
    assert_eq!((late.as_str(), soon.as_str()), ("lot A/old 2027-06-30/1", "lot A/old 2027-01-31/1"));
    let wanted = order("o1", [packs("A", 3)]);
    // Neither stock with codes nor a text that was read ever gives a lot.
    assert_eq!(rule(f.pool.reserve(&wanted, act(10))), "insufficient_stock");
    let read = f.pool.reserve_codes(&wanted, std::slice::from_ref(&soon), act(10)).unwrap();
    assert_eq!(read[0].result.as_ref().unwrap_err().rule(), "unknown");
    let held = f.pool.reserve_uncoded(&wanted, act(11)).unwrap();
    assert_eq!(held.iter().map(|r| (r.quantity, r.coded)).collect::<Vec<_>>(), [(25, false), (5, false)]);
    let sold = f.pool.dispense_settled(&wanted, &settlement(), None, act(12)).unwrap();
    assert_eq!(
        sold.iter().map(|s| (s.code.as_str(), s.quantity, s.remaining)).collect::<Vec<_>>(),
        [(soon.as_str(), 25, 0), (late.as_str(), 5, 95)]
    );
    let told = f.pool.uploads(UploadState::Pending).unwrap();
    assert_eq!(
        told.iter().map(|e| (e.record.codes.len(), e.record.pieces, e.record.split)).collect::<Vec<_>>(),
        [(0, 25, true), (0, 5, true)]
    );
    assert_eq!(rule(f.pool.reserve_uncoded(&order("o2", [packs("A", 10)]), act(13))), "insufficient_stock");
    f.pool.return_sale("o1", &late, act(14)).unwrap();
    assert_eq!(rule(f.pool.return_sale("o1", &late, act(15))), "no_sale_to_return");
    f.pool.verify_ledger().unwrap();
}

#[test]
fn whole_packs_of_a_lot_are_no_split_sale_and_a_recall_finds_the_lot() {
    let mut f = Fixture::new();
    f.pool.set_institution(&institution()).unwrap();
    f.pool.set_rules(&rules(&[]), act(1)).unwrap();
    let name = f.pool.add_uncoded_stock(&lot("B", "2027-06-30", 90), act(2)).unwrap();
    let again = f.pool.add_uncoded_stock(&lot("B", "2027-06-30", 30), act(2)).unwrap();
    assert_eq!((name.as_str(), again.as_str()), ("lot B/old 2027-06-30/1", "lot B/old 2027-06-30/2"));
    let wanted = order("o1", [packs("B", 1)]);
    f.pool.reserve_uncoded(&wanted, act(3)).unwrap();
    f.pool.dispense_settled(&wanted, &settlement(), None, act(4)).unwrap();
    assert!(!f.pool.uploads(UploadState::Pending).unwrap()[0].record.split);
    f.pool.reserve_uncoded(&order("o2", [pieces("B", 7)]), act(5)).unwrap();
    let report = f.pool.recall_batch("B", "old 2027-06-30", act(6)).unwrap();
    assert_eq!((report.recalled.len(), report.released.len()), (2, 1));
    assert_eq!(report.sold, [(name, "o1".to_owned())]);
    f.pool.verify_ledger().unwrap();
}

#[test]
fn lots_that_make_no_sense_are_refused() {
    let mut f = Fixture::new();
    f.pool.set_rules(&rules(&[]), act(1)).unwrap();
    assert_eq!(rule(f.pool.add_uncoded_stock(&lot("X", "2027-06-30", 1), act(2))), "unknown_product");
    assert_eq!(rule(f.pool.add_uncoded_stock(&lot("A", "2026-09-30", 1), act(2))), "bad_lot");
    assert_eq!(rule(f.pool.add_uncoded_stock(&lot("A", "2027-06-30", 0), act(2))), "bad_lot");
    assert_eq!(rule(f.pool.add_uncoded_stock(&NewLot { batch: " ".into(), ..lot("A", "2027-06-30", 1) }, act(2))), "bad_lot");
    assert_eq!(rule(f.pool.set_rules(&rules(&["X"]), act(3))), "unknown_product");
}

#[test]
fn split_doses_of_an_exempt_injectable_settle_without_a_code_and_whole_packs_do_not() {
    let mut f = Fixture::new();
    f.pool.set_institution(&institution()).unwrap();
    f.pool.set_rules(&Rules { uncoded_stock: false, ..rules(&["C"]) }, act(1)).unwrap();
    let codes = f.stock("C", 1, "2028-01-31");
    f.stock("A", 1, "2028-01-31");
    let dose = order("o1", [pieces("C", 2)]);
    f.pool.reserve_uncoded(&dose, act(10)).unwrap();
    let sold = f.pool.dispense_settled(&dose, &settlement(), None, act(11)).unwrap();
    assert_eq!((sold[0].code.as_str(), sold[0].remaining), (codes[0].as_str(), 3), "the books take it from a pack all the same");
    let told = &f.pool.uploads(UploadState::Pending).unwrap()[0].record;
    assert_eq!((told.codes.len(), told.pieces, told.split), (0, 2, true));
    assert_eq!(rule(f.pool.reserve_uncoded(&order("o2", [packs("C", 1)]), act(12))), "code_needed");
    assert_eq!(rule(f.pool.reserve_uncoded(&order("o3", [pieces("A", 3)]), act(12))), "code_needed");
    assert_eq!(rule(f.pool.reserve_uncoded(&order("o4", [pieces("C", 4)]), act(12))), "insufficient_stock");
    f.pool.verify_ledger().unwrap();
}

#[test]
fn a_verification_says_what_is_known_and_counts() {
    let mut f = Fixture::new();
    let codes = f.stock("A", 4, "2028-01-31");
    f.pool.reserve_codes(&order("o1", [packs("A", 2)]), &codes[..2], act(10)).unwrap();
    f.pool.dispense("o1", act(11)).unwrap();
    let found = f.pool.verify_code(&codes[0], act(20)).unwrap();
    assert_eq!((found.verdict, found.verifications, found.first_verified), (VerificationVerdict::Valid, 1, act(20).at));
    assert_eq!(
        (found.product.as_deref(), found.name.as_deref(), found.specification.as_deref()),
        (Some("A"), Some("drug A"), Some("10 tablet"))
    );
    assert_eq!(
        (found.batch.as_deref(), found.expiry, found.made),
        (Some("A-2028-01-31"), Some(day("2028-01-31")), Some(day("2025-01-15")))
    );
    let again = f.pool.verify_code(&codes[0], act(30)).unwrap();
    assert_eq!((again.verifications, again.first_verified), (2, act(20).at));
    let scans: Vec<&str> = again.scans.iter().map(|scan| scan.what).collect();
    assert_eq!(scans, ["register", "receive", "reserve", "dispense", "verification", "verification"]);
    let verdict = |f: &mut Fixture, code: &str, seconds| f.pool.verify_code(code, act(seconds)).unwrap().verdict;
    assert_eq!(verdict(&mut f, &codes[2], 31), VerificationVerdict::NotSold);
    f.pool.quarantine(&codes[2..3], act(32)).unwrap();
    assert_eq!(verdict(&mut f, &codes[2], 33), VerificationVerdict::Withdrawn);
    let unknown = f.pool.verify_code(&pack("A", 999), act(34)).unwrap();
    assert_eq!((unknown.verdict, unknown.verifications, unknown.product), (VerificationVerdict::Unknown, 1, None));
    assert_eq!(f.pool.verify_code(&pack("A", 999), act(35)).unwrap().verifications, 2, "copies of a code nobody knows are counted, too");
    assert_eq!(verdict(&mut f, "no code\u{7}at all", 36), VerificationVerdict::Unknown);
    f.pool.recall_batch("A", "A-2028-01-31", act(40)).unwrap();
    assert_eq!(verdict(&mut f, &codes[3], 41), VerificationVerdict::Recalled);
    // Two years on, by the clock alone.
    assert_eq!(verdict(&mut f, &codes[0], 2 * 366 * 86_400), VerificationVerdict::Expired);
}

#[test]
fn the_measures_are_what_was_booked() {
    let mut f = Fixture::new();
    f.pool.set_institution(&institution()).unwrap();
    let codes = f.stock("A", 10, "2028-01-31");
    let other = f.stock("B", 1, "2028-01-31");
    for (number, code) in codes[..4].iter().enumerate() {
        let wanted = order(&format!("o{number}"), [packs("A", 1)]);
        f.pool.reserve_codes(&wanted, std::slice::from_ref(code), act(10)).unwrap();
        f.pool.dispense_settled(&wanted, &settlement(), None, act(11)).unwrap();
    }
    let policy = ClaimPolicy { batches: Default::default(), resend_unknown: false, lease: std::time::Duration::from_secs(60) };
    for _ in 0..3 {
        let claim = f.pool.claim_upload("s", &policy, act(12).at).unwrap().unwrap();
        f.pool.settle_upload(&claim, &Outcome::Done { note: String::new() }, act(12).at).unwrap();
    }
    // A wrong drug and a pack that is sold are caught; one mistake comes to light afterwards.
    let read = f.pool.reserve_codes(&order("o9", [packs("A", 1)]), &[other[0].clone(), codes[0].clone()], act(13)).unwrap();
    assert_eq!(read.iter().map(|o| o.result.as_ref().unwrap_err().rule()).collect::<Vec<_>>(), ["other_drug", "already_sold"]);
    assert_eq!(rule(f.pool.dispense("o9", act(14))), "nothing_reserved");
    f.pool.return_sale_because("o0", &codes[0], ReturnReason::DispensingError, act(15)).unwrap();
    f.pool.return_sale("o1", &codes[1], act(16)).unwrap();
    f.pool.stocktake(StocktakeScope::Product("A"), &codes[4..9], false, act(17)).unwrap();
    // Two returned packs and one of six are not found: three of eight.
    let report = f.pool.stocktake(StocktakeScope::Product("A"), &codes[4..9], true, act(18)).unwrap();
    assert_eq!((report.expected, report.missing.len()), (8, 3));
    f.pool.verify_code(&codes[2], act(19)).unwrap();
    let kpi = f.pool.kpi(day("2026-10-01"), day("2026-10-04")).unwrap().unwrap();
    assert_eq!((kpi.days, kpi.sales, kpi.uploaded, kpi.sales_without_code), (4, 4, 3, 0));
    assert_eq!((kpi.stocktakings, kpi.counted, kpi.differences), (1, 8, 3));
    assert_eq!((kpi.errors_caught, kpi.dispensing_errors, kpi.verifications), (2, 1, 1));
    let refusals: Vec<(&str, u64)> = kpi.refusals.iter().map(|(rule, n)| (rule.as_str(), *n)).collect();
    assert_eq!(refusals, [("already_sold", 1), ("nothing_reserved", 1), ("other_drug", 1)]);
    assert_eq!((kpi.upload_rate(), kpi.stocktaking_error_rate(), kpi.dispensing_errors_per_day()), (Some(0.75), Some(0.375), Some(0.25)));
    // The day ends at midnight in China, and the days before and after have nothing.
    let before = f.pool.kpi(day("2026-09-01"), day("2026-09-30")).unwrap().unwrap();
    assert_eq!((before.days, before.sales, before.upload_rate()), (30, 0, None));
    f.pool.verify_code(&codes[2], act(SECONDS_TO_MIDNIGHT)).unwrap();
    assert_eq!(f.pool.kpi(day("2026-10-01"), day("2026-10-01")).unwrap().unwrap().verifications, 1);
    assert_eq!(f.pool.kpi(day("2026-10-02"), day("2026-10-02")).unwrap().unwrap().verifications, 1);
    assert_eq!(f.pool.kpi(day("2026-10-02"), day("2026-10-01")).unwrap(), None);
}

#[test]
fn a_clock_that_was_set_back_changes_nothing() {
    let mut f = Fixture::with(fresh(PoolOptions { clock_tolerance: std::time::Duration::from_secs(60), ..PoolOptions::default() }, 1));
    let codes = f.stock("A", 2, "2026-10-01");
    f.pool.expire_units(act(SECONDS_TO_MIDNIGHT + 1)).unwrap();
    // Yesterday again: what expired does not come back, and nothing is booked under a date that is past.
    let more = scanner_core::pool::NewUnit { code: pack("B", 77), product: "B".into(), ..new_unit() };
    assert_eq!(rule(f.pool.register(std::slice::from_ref(&more), act(SECONDS_TO_MIDNIGHT - 60))), "clock_set_back");
    assert_eq!(f.pool.unit(&more.code).unwrap(), None);
    // Windows' clocks may differ a little.
    f.pool.register(&[more], act(SECONDS_TO_MIDNIGHT - 59)).unwrap();
    assert_eq!(f.pool.receive(Selection::AllRegistered, act(SECONDS_TO_MIDNIGHT)).unwrap(), 1);
    assert_eq!(f.state(&codes[0]), UnitState::Expired);
    assert_eq!(f.pool.journal_of(JournalKind::Refusal, "clock_set_back").unwrap().len(), 1);
    f.pool.verify_ledger().unwrap();
}

fn new_unit() -> scanner_core::pool::NewUnit {
    scanner_core::pool::NewUnit {
        code: String::new(),
        product: String::new(),
        batch: "b".into(),
        expiry: day("2028-01-31"),
        made: None,
        level: scanner_core::codes::PackLevel::SmallestPack,
        parent: None,
    }
}
