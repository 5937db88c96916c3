//! PostgreSQL holds to the same tests as SQLite, and to some of its own.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod pool_cases;
mod pool_support;

use pool_cases::windows;
use std::time::Duration;

use pool_support::server::{admin, new_database};
use pool_support::{Fixture, act, order, packs};
use scanner_core::pool::{OsIds, Pool, PoolError, PoolOptions, SeededIds};

fn impatient() -> PoolOptions {
    PoolOptions { busy_timeout: Duration::from_millis(50), ..PoolOptions::default() }
}

fn open(url: &str) -> Result<Pool, PoolError> {
    Pool::open_store(url, impatient(), Box::new(OsIds))
}

#[test]
fn windows_on_postgres_never_get_the_same_unit() {
    let url = new_database();
    windows::never_get_the_same_unit(&|| open_patient(&url));
}

#[test]
fn windows_on_postgres_never_reserve_one_order_twice() {
    let url = new_database();
    windows::never_reserve_one_order_twice(&|| open_patient(&url));
}

#[test]
fn windows_on_postgres_never_sell_more_pieces_than_there_are() {
    let url = new_database();
    windows::never_sell_more_pieces_than_there_are(&|| open_patient(&url));
}

#[test]
fn windows_on_postgres_and_everything_else_at_once_keep_the_books() {
    let url = new_database();
    windows::and_everything_else_at_once_keep_the_books(&|| open_patient(&url));
}

#[test]
fn senders_on_postgres_never_claim_the_same_entry() {
    let url = new_database();
    windows::senders_never_claim_the_same_entry(&|| open_patient(&url));
}

fn open_patient(url: &str) -> Pool {
    let options = PoolOptions { busy_timeout: Duration::from_secs(60), ..PoolOptions::default() };
    Pool::connect(url, options, Box::new(OsIds)).unwrap()
}

#[test]
fn a_pool_is_there_again_after_it_was_closed() {
    let url = new_database();
    let mut f = Fixture::with(Pool::connect(&url, impatient(), Box::new(SeededIds::new(1))).unwrap());
    let a = f.stock("A", 3, "2028-01-31");
    f.pool.reserve_codes(&order("o1", [packs("A", 1)]), &a[..1], act(10)).unwrap();
    let (hash, status) = (f.pool.ledger_hash().unwrap(), f.pool.status().unwrap());
    drop(f);
    let mut pool = open(&url).unwrap();
    assert_eq!((pool.ledger_hash().unwrap(), pool.status().unwrap()), (hash, status));
    assert_eq!(pool.dispense("o1", act(11)).unwrap()[0].code, a[0]);
    pool.verify_ledger().unwrap();
}

#[test]
fn both_stores_write_the_same_ledger() {
    let run = |pool: Pool| {
        let mut f = Fixture::with(pool);
        f.stock("A", 5, "2028-01-31");
        f.stock("A", 2, "2027-06-30");
        f.carton("B", 3);
        f.pool.reserve(&order("o1", [packs("A", 3), pool_support::pieces("B", 40)]), act(10)).unwrap();
        f.pool.dispense("o1", act(11)).unwrap();
        f.pool.recall_batch("A", "A-2028-01-31", act(12)).unwrap();
        f.pool.verify_ledger().unwrap();
        f.pool.ledger_hash().unwrap()
    };
    let sqlite = Pool::in_memory_with(PoolOptions::default(), Box::new(SeededIds::new(3))).unwrap();
    let postgres = Pool::connect(&new_database(), PoolOptions::default(), Box::new(SeededIds::new(3))).unwrap();
    assert_eq!(run(sqlite), run(postgres));
}

#[test]
fn a_server_that_is_not_there_says_so_without_the_password() {
    let error = open("postgres://somebody:secret-word@127.0.0.1:1/pool").unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(matches!(error, PoolError::CannotOpen { .. }), "{shown}");
    assert!(shown.contains("postgres://somebody@127.0.0.1:1/pool") && !shown.contains("secret-word"), "{shown}");
    let error = open("postgres://somebody:secret-word@127.0.0.1:none/pool").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret-word"));
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let url = new_database();
    drop(open(&url).unwrap());
    admin(&url).batch_execute("UPDATE tracetwin.schema_version SET version = 9").unwrap();
    assert!(matches!(open(&url), Err(PoolError::Newer { found: 9, known: scanner_core::pool::SCHEMA_VERSION, .. })));
}

#[test]
fn a_schema_of_something_else_is_left_alone() {
    let url = new_database();
    admin(&url).batch_execute("CREATE SCHEMA tracetwin; CREATE TABLE tracetwin.notes (t TEXT)").unwrap();
    assert!(matches!(open(&url), Err(PoolError::NotAPool { .. })));
}

#[test]
fn other_tables_in_the_database_do_not_matter() {
    let url = new_database();
    admin(&url).batch_execute("CREATE TABLE unit (t TEXT); CREATE TABLE schema_version (version INT)").unwrap();
    Fixture::with(open(&url).unwrap()).stock("A", 1, "2028-01-31");
}

#[test]
fn the_ledger_cannot_be_changed_even_by_hand() {
    let url = new_database();
    let mut f = Fixture::with(open(&url).unwrap());
    f.stock("A", 1, "2028-01-31");
    let mut db = admin(&url);
    for sql in ["UPDATE tracetwin.ledger SET actor = 'x'", "DELETE FROM tracetwin.ledger", "TRUNCATE tracetwin.ledger"] {
        let error = db.batch_execute(sql).unwrap_err();
        assert_eq!(error.as_db_error().unwrap().message(), "the ledger is append-only", "{sql}");
    }
    db.batch_execute("UPDATE tracetwin.unit SET state = 'dispensed', remaining = 0").unwrap();
    assert!(matches!(f.pool.verify_ledger(), Err(PoolError::Damaged { .. })));
}

#[test]
fn a_unit_that_another_program_holds_is_locked_and_free_again_afterwards() {
    let url = new_database();
    let mut f = Fixture::with(open(&url).unwrap());
    let a = f.stock("A", 1, "2028-01-31");
    let mut holder = admin(&url);
    holder.batch_execute("BEGIN; SELECT * FROM tracetwin.unit FOR UPDATE").unwrap();
    assert!(matches!(f.pool.reserve_codes(&order("o1", [packs("A", 1)]), &a, act(10)), Err(PoolError::Locked { .. })));
    // By stock it is passed over first, then waited for: not silently called out of stock.
    assert!(matches!(f.pool.reserve(&order("o1", [packs("A", 1)]), act(10)), Err(PoolError::Locked { .. })));
    holder.batch_execute("ROLLBACK").unwrap();
    assert_eq!(f.pool.reserve(&order("o1", [packs("A", 1)]), act(11)).unwrap().len(), 1);
}

#[test]
fn a_cut_connection_is_an_error_and_the_next_call_connects_again() {
    let url = new_database();
    let mut f = Fixture::with(open(&url).unwrap());
    f.stock("A", 2, "2028-01-31");
    let cut = || {
        admin(&url)
            .batch_execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'tracetwin' AND datname = current_database()")
            .unwrap();
    };
    for number in 0..4 {
        let wanted = order("o1", [packs("A", 1)]);
        cut();
        match f.pool.reserve(&wanted, act(10 + number)) {
            Ok(_) | Err(PoolError::ConnectionLost { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    f.pool.reserve(&order("o1", [packs("A", 1)]), act(20)).unwrap();
    assert_eq!(f.pool.reservations_of_order("o1").unwrap().len(), 1);
    assert_eq!(f.pool.dispense("o1", act(21)).unwrap().len(), 1);
    f.pool.verify_ledger().unwrap();
}

#[test]
fn an_account_that_may_only_read_says_so() {
    let url = new_database();
    Fixture::with(open(&url).unwrap()).stock("A", 1, "2028-01-31");
    admin(&url)
        .batch_execute(
            "CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA tracetwin TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA tracetwin TO reader",
        )
        .unwrap();
    let mut pool = open(&url.replace("tester@", "reader@")).unwrap();
    assert_eq!(pool.status().unwrap().len(), 1);
    assert!(matches!(pool.reserve(&order("o1", [packs("A", 1)]), act(10)), Err(PoolError::ReadOnly { .. })));
}

#[test]
fn a_database_of_version_2_is_brought_up_to_date() {
    let url = new_database();
    let version_2 = include_str!("../src/pool/migrations/postgres-2.sql");
    admin(&url).batch_execute(&format!("CREATE SCHEMA tracetwin; SET search_path = tracetwin; {version_2}")).unwrap();
    let mut f = Fixture::with(open(&url).unwrap());
    let a = f.stock("A", 1, "2028-01-31");
    assert!(f.pool.unit(&a[0]).unwrap().unwrap().coded);
    let row = admin(&url).query_one("SELECT max(version) FROM tracetwin.schema_version", &[]).unwrap();
    assert_eq!(row.get::<_, i64>(0), scanner_core::pool::SCHEMA_VERSION);
    f.pool.verify_ledger().unwrap();
}

#[test]
fn a_database_of_version_3_keeps_what_is_in_it_and_what_its_columns_may_hold() {
    let url = new_database();
    let versions = [include_str!("../src/pool/migrations/postgres-2.sql"), include_str!("../src/pool/migrations/postgres-3.sql")].concat();
    let key = pool_support::pack("A", 1);
    let unit = format!(
        "INSERT INTO unit (key, code, product_id, batch, expiry, level, state, quantity, remaining, revision)
         VALUES ('{key}', '{key}', 'A', 'B', '2028-01-31', 'smallest_pack', 'registered', 10, 10, 1);
         INSERT INTO ledger (sequence, event_id, at, actor, cause, kind, key, to_state, quantity, remaining, revision)
         VALUES (nextval('ledger_sequence'), 'e', 1790820000000000000, 'a', 'c', 'register', '{key}', 'registered', 10, 10, 1)"
    );
    let product = "INSERT INTO product VALUES ('A', '{}', 10)";
    let mut db = admin(&url);
    db.batch_execute(&format!("CREATE SCHEMA tracetwin; SET search_path = tracetwin; {versions}; {product}; {unit}")).unwrap();
    let mut pool = open(&url).unwrap();
    pool.verify_ledger().unwrap();
    assert_eq!(pool.receive(scanner_core::pool::Selection::AllRegistered, act(1)).unwrap(), 1);
    for change in ["state = 'sold'", "remaining = -1", "remaining = 11", "revision = 0", "coded = 2", "level = 'pallet'"] {
        let error = db.batch_execute(&format!("UPDATE unit SET {change}")).unwrap_err();
        assert_eq!(error.code().unwrap().code(), "23514", "{change}: {error}");
    }
}

#[test]
fn the_journal_cannot_be_changed_even_by_hand() {
    let url = new_database();
    let mut f = Fixture::with(open(&url).unwrap());
    f.pool.release("o1", act(1)).unwrap_err();
    assert_eq!(f.pool.journal(0, 10).unwrap()[0].subject, "nothing_reserved");
    for sql in ["UPDATE tracetwin.journal SET actor = 'x'", "DELETE FROM tracetwin.journal", "TRUNCATE tracetwin.journal"] {
        let error = admin(&url).batch_execute(sql).unwrap_err();
        assert_eq!(error.as_db_error().unwrap().message(), "the journal is append-only", "{sql}");
    }
}

#[test]
fn tls_is_spoken_where_it_is_asked_for_and_a_stranger_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let url = new_database().replace("127.0.0.1", "localhost");
    let (ours, strangers) = (folder.path().join("ours.pem"), folder.path().join("strangers.pem"));
    std::fs::write(&ours, &pool_support::server::server().certificate).unwrap();
    std::fs::write(&strangers, rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap().cert.pem()).unwrap();
    let mode = |file: &std::path::Path| format!("?sslmode=verify-full&sslrootcert={}", file.display());
    let mut f = Fixture::with(open(&(url.clone() + &mode(&ours))).unwrap());
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND datname = current_database()";
    assert_eq!(admin(&url).query_one(encrypted, &[]).unwrap().get::<_, i64>(0), 1);
    f.stock("A", 1, "2028-01-31");
    f.pool.reserve(&order("o1", [packs("A", 1)]), act(10)).unwrap();
    assert_eq!(f.pool.dispense("o1", act(11)).unwrap().len(), 1);
    for (address, why) in [
        (url.clone() + &mode(&strangers), "invalid peer certificate"),
        // The certificate is that of another host.
        (url.replace("localhost", "127.0.0.1") + &mode(&ours), "not valid for name"),
        (url.clone() + &mode(&folder.path().join("none.pem")), "none.pem"),
    ] {
        let error = open(&address).unwrap_err();
        assert!(matches!(error, PoolError::CannotOpen { .. }) && error.to_string().contains(why), "{error}");
    }
}
