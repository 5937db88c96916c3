//! Accounts, sessions, dual authentication, patients' pseudonyms.

use scanner_core::pool::{Account, DualAuthentication, EventKind, JournalKind, PoolOptions, Role, Rules, SessionToken, UnitState};

use crate::pool_support::{Fixture, act, fresh, institution, order, packs, settlement};

fn account(name: &str, role: Role) -> Account {
    let certificate = (role == Role::Pharmacist).then(|| "C-77".to_owned());
    Account { name: name.into(), full_name: format!("{name} in full"), certificate, role, active: true }
}

fn rule<T: std::fmt::Debug>(result: Result<T, scanner_core::pool::PoolError>) -> &'static str {
    result.unwrap_err().refusal().expect("a refusal").rule()
}

const PASSWORD: &str = "correct horse";

/// A pool with a manager, and the manager's session.
fn managed(f: &mut Fixture) -> SessionToken {
    f.pool.add_account(&account("chief", Role::Manager), PASSWORD, None, act(1)).unwrap();
    f.pool.log_in("chief", PASSWORD, act(2)).unwrap().token
}

#[test]
fn the_first_account_is_a_managers_and_all_others_need_one() {
    let mut f = Fixture::new();
    assert_eq!(rule(f.pool.add_account(&account("wang", Role::Pharmacist), PASSWORD, None, act(1))), "bad_account");
    assert_eq!(f.pool.accounts().unwrap(), []);
    let chief = managed(&mut f);
    assert_eq!(rule(f.pool.add_account(&account("wang", Role::Pharmacist), PASSWORD, None, act(3))), "no_session");
    f.pool.add_account(&account("wang", Role::Pharmacist), PASSWORD, Some(&chief), act(4)).unwrap();
    assert_eq!(rule(f.pool.add_account(&account("wang", Role::Technician), PASSWORD, Some(&chief), act(5))), "account_name");
    let wang = f.pool.log_in("wang", PASSWORD, act(6)).unwrap();
    assert_eq!(wang.account, account("wang", Role::Pharmacist));
    assert_eq!(rule(f.pool.add_account(&account("li", Role::Technician), PASSWORD, Some(&wang.token), act(7))), "not_allowed");
    assert_eq!(f.pool.accounts().unwrap(), [account("chief", Role::Manager), account("wang", Role::Pharmacist)]);
    assert_eq!(f.pool.journal_of(JournalKind::Account, "wang").unwrap().len(), 1);
}

#[test]
fn accounts_that_make_no_sense_are_refused() {
    let mut f = Fixture::new();
    let chief = managed(&mut f);
    let mut add = |account: Account, password: &str| rule(f.pool.add_account(&account, password, Some(&chief), act(3)));
    assert_eq!(add(Account { name: " ".into(), ..account("x", Role::Technician) }, PASSWORD), "bad_account");
    assert_eq!(add(Account { name: "a\nb".into(), ..account("x", Role::Technician) }, PASSWORD), "bad_account");
    assert_eq!(add(Account { certificate: None, ..account("x", Role::Pharmacist) }, PASSWORD), "bad_account");
    assert_eq!(add(account("x", Role::Technician), "seven77"), "bad_account");
}

#[test]
fn five_wrong_passwords_lock_an_account_for_a_quarter_of_an_hour() {
    let mut f = Fixture::new();
    managed(&mut f);
    for second in 10..15 {
        assert_eq!(rule(f.pool.log_in("chief", "wrong horse", act(second))), "wrong_password");
    }
    // Even the right one, until the time is over.
    assert_eq!(rule(f.pool.log_in("chief", PASSWORD, act(15))), "account_locked");
    assert_eq!(rule(f.pool.log_in("chief", PASSWORD, act(14 + 899))), "account_locked");
    f.pool.log_in("chief", PASSWORD, act(14 + 900)).unwrap();
    // An account that is not there is told apart by nothing.
    assert_eq!(rule(f.pool.log_in("nobody", PASSWORD, act(1000))), "wrong_password");
    assert_eq!(f.pool.journal_of(JournalKind::LogInRefused, "chief").unwrap().len(), 7);
    assert_eq!(f.pool.journal_of(JournalKind::LogIn, "chief").unwrap().len(), 2);
}

#[test]
fn sessions_end_by_time_by_hand_and_with_their_account() {
    let mut f = Fixture::new();
    let chief = managed(&mut f);
    f.pool.add_account(&account("wang", Role::Pharmacist), PASSWORD, Some(&chief), act(3)).unwrap();
    let wang = f.pool.log_in("wang", PASSWORD, act(4)).unwrap();
    assert_eq!(f.pool.session_account(&wang.token, act(4 + 12 * 3600 - 1).at).unwrap().name, "wang");
    assert_eq!(rule(f.pool.session_account(&wang.token, act(4 + 12 * 3600).at)), "no_session");
    f.pool.log_out(&wang.token, act(5)).unwrap();
    assert_eq!(rule(f.pool.session_account(&wang.token, act(6).at)), "no_session");
    let again = f.pool.log_in("wang", PASSWORD, act(7)).unwrap();
    f.pool.set_account_active("wang", false, &chief, act(8)).unwrap();
    assert_eq!(rule(f.pool.session_account(&again.token, act(9).at)), "no_session");
    assert_eq!(rule(f.pool.log_in("wang", PASSWORD, act(10))), "wrong_password");
    f.pool.set_account_active("wang", true, &chief, act(11)).unwrap();
    f.pool.set_password("wang", "another horse", &chief, act(12)).unwrap();
    assert_eq!(rule(f.pool.log_in("wang", PASSWORD, act(13))), "wrong_password");
    f.pool.log_in("wang", "another horse", act(14)).unwrap();
    assert_eq!(rule(f.pool.set_password("li", PASSWORD, &chief, act(15))), "account_name");
}

#[test]
fn a_session_is_shown_nowhere() {
    let mut f = Fixture::new();
    let token = managed(&mut f);
    assert_eq!(format!("{token:?}"), "SessionToken(not shown)");
    assert_eq!(token.reveal().len(), 64);
    let authentication = DualAuthentication { session: &token, insurance_id: "110101199001011234" };
    assert_eq!(format!("{authentication:?}"), "DualAuthentication(not shown)");
}

/// A pool with dual authentication, a pharmacist's session, and an order for `P1` that is reserved.
fn strict() -> (Fixture, SessionToken, scanner_core::pool::Order, Vec<String>) {
    let mut f = Fixture::new();
    let chief = managed(&mut f);
    f.pool.add_account(&account("wang", Role::Pharmacist), PASSWORD, Some(&chief), act(3)).unwrap();
    let wang = f.pool.log_in("wang", PASSWORD, act(4)).unwrap().token;
    f.pool.set_rules(&Rules { dual_authentication: true, ..Rules::default() }, act(5)).unwrap();
    let codes = f.stock("A", 2, "2028-01-31");
    let wanted = order("o1", [packs("A", 1)]);
    f.pool.assign_patient("o1", "P1", act(6)).unwrap();
    f.pool.reserve_codes(&wanted, &codes[..1], act(10)).unwrap();
    (f, wang, wanted, codes)
}

#[test]
fn a_sale_needs_the_pharmacist_and_the_patient() {
    let (mut f, wang, wanted, codes) = strict();
    let both = |session, insurance_id| DualAuthentication { session, insurance_id };
    assert_eq!(rule(f.pool.dispense("o1", act(11))), "pharmacist_needed");
    assert_eq!(rule(f.pool.dispense_settled(&wanted, &settlement(), None, act(11))), "pharmacist_needed");
    let nobody = SessionToken::from_text("0".repeat(64));
    assert_eq!(rule(f.pool.dispense_authenticated(&wanted, None, &both(&nobody, "P1"), act(12))), "no_session");
    let chief = f.pool.log_in("chief", PASSWORD, act(12)).unwrap().token;
    assert_eq!(rule(f.pool.dispense_authenticated(&wanted, None, &both(&chief, "P1"), act(12))), "not_allowed");
    assert_eq!(rule(f.pool.dispense_authenticated(&wanted, None, &both(&wang, " "), act(12))), "bad_insurance_id");
    assert_eq!(rule(f.pool.dispense_authenticated(&wanted, None, &both(&wang, "P2"), act(12))), "other_patient");
    assert_eq!(f.state(&codes[0]), UnitState::Reserved, "nothing was sold by all that");
    let sold = f.pool.dispense_authenticated(&wanted, None, &both(&wang, "P1"), act(13)).unwrap();
    assert_eq!(sold.len(), 1);
    let last = f.pool.history(&codes[0]).unwrap().pop().unwrap();
    assert_eq!((last.kind, last.actor.as_str()), (EventKind::Dispense, "wang"));
    let note = f.pool.journal_of(JournalKind::Dispense, "o1").unwrap().pop().unwrap();
    let pseudonym = f.pool.patient_pseudonym("P1", act(14)).unwrap();
    assert_eq!(note.actor, "wang");
    assert_eq!(note.detail, serde_json::json!({ "patient": pseudonym, "events": [sold[0].event_id] }));
    let rules: Vec<String> =
        f.pool.journal(0, 1000).unwrap().into_iter().filter(|e| e.kind == JournalKind::Refusal).map(|e| e.subject).collect();
    assert_eq!(
        rules,
        ["pharmacist_needed", "pharmacist_needed", "no_session", "not_allowed", "bad_insurance_id", "other_patient"],
        "every refusal is written down"
    );
    f.pool.verify_ledger().unwrap();
}

#[test]
fn an_order_without_a_patient_takes_the_first_one_and_no_other() {
    let (mut f, wang, _, codes) = strict();
    let wanted = order("o2", [packs("A", 1)]);
    f.pool.reserve_codes(&wanted, &codes[1..], act(10)).unwrap();
    f.pool.dispense_authenticated(&wanted, None, &DualAuthentication { session: &wang, insurance_id: "P9" }, act(11)).unwrap();
    assert_eq!(rule(f.pool.assign_patient("o2", "P1", act(12))), "other_patient");
    f.pool.assign_patient("o2", "P9", act(13)).unwrap();
}

#[test]
fn the_settlement_names_the_pharmacist_who_sold() {
    let (mut f, wang, wanted, _) = strict();
    f.pool.set_institution(&institution()).unwrap();
    let both = DualAuthentication { session: &wang, insurance_id: "P1" };
    f.pool.dispense_authenticated(&wanted, Some((&settlement(), None)), &both, act(11)).unwrap();
    let entry = f.pool.uploads(scanner_core::pool::UploadState::Pending).unwrap().pop().unwrap();
    let said = entry.record.settlement.unwrap();
    assert_eq!((said.phar_name.as_str(), said.phar_prac_cert_no.as_str()), ("wang in full", "C-77"));
    assert_eq!(entry.record.actor, "wang");
}

#[test]
fn a_patient_is_a_pseudonym_that_no_other_pool_gives() {
    let (mut one, mut other) = (Fixture::new(), Fixture::with(fresh(PoolOptions::default(), 1)));
    let pseudonym = one.pool.patient_pseudonym("110101199001011234", act(1)).unwrap();
    assert_eq!(pseudonym, one.pool.patient_pseudonym(" 110101199001011234 ", act(2)).unwrap());
    assert_ne!(pseudonym, one.pool.patient_pseudonym("110101199001011235", act(3)).unwrap());
    assert_ne!(pseudonym, other.pool.patient_pseudonym("110101199001011234", act(1)).unwrap());
    assert!(pseudonym.len() == 32 && pseudonym.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(rule(one.pool.patient_pseudonym(&"1".repeat(51), act(4))), "bad_insurance_id");
}
