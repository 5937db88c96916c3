//! Files that are no pool, come from the future, cannot be written or are held by somebody: each its own error, and the file as it was.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod pool_support;

use std::path::Path;
use std::time::Duration;

use pool_support::{Fixture, act, order, packs};
use rusqlite::Connection;
use scanner_core::pool::{OsIds, Pool, PoolError, PoolOptions, SeededIds};

fn impatient() -> PoolOptions {
    PoolOptions { busy_timeout: Duration::from_millis(20), ..PoolOptions::default() }
}

fn open(path: &Path) -> Result<Pool, PoolError> {
    Pool::open_with(path, impatient(), Box::new(SeededIds::new(7)))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Opening fails, the message holds `words`, and neither the file nor its folder has changed.
fn refuses(path: &Path, words: &str) -> PoolError {
    let listing = |folder: &Path| {
        let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let (before, files) = (std::fs::read(path).ok(), listing(path.parent().unwrap()));
    let error = open(path).unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
    assert!(error.to_string().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    assert_eq!(std::fs::read(path).ok(), before, "the file has changed");
    assert_eq!(listing(path.parent().unwrap()), files);
    error
}

#[test]
fn a_pool_is_there_again_after_it_was_closed() {
    let folder = folder();
    let path = folder.path().join("pool.db");
    let mut f = Fixture::with(open(&path).unwrap());
    let a = f.stock("A", 3, "2028-01-31");
    f.pool.reserve_codes(&order("o1", [packs("A", 1)]), &a[..1], act(10)).unwrap();
    let (hash, status) = (f.pool.ledger_hash().unwrap(), f.pool.status().unwrap());
    drop(f);
    let mut pool = Pool::open_with(&path, impatient(), Box::new(OsIds)).unwrap();
    assert_eq!((pool.ledger_hash().unwrap(), pool.status().unwrap()), (hash, status));
    assert_eq!(pool.dispense("o1", act(11)).unwrap()[0].code, a[0]);
    pool.verify_ledger().unwrap();
    assert_eq!(pool.products().unwrap().get("A"), Some(&pool_support::product("A", 10)));
}

#[test]
fn the_schema_version_stands_in_the_file() {
    let folder = folder();
    let path = folder.path().join("pool.db");
    drop(open(&path).unwrap());
    let db = Connection::open(&path).unwrap();
    assert_eq!(db.query_row("SELECT version FROM schema_version", [], |r| r.get::<_, i64>(0)).unwrap(), 4);
    assert_eq!(db.query_row("PRAGMA journal_mode", [], |r| r.get::<_, String>(0)).unwrap(), "wal");
}

#[test]
fn a_text_file_is_not_a_pool() {
    let folder = folder();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "This is not a database, and must stay as it is.").unwrap();
    assert!(matches!(refuses(&path, "not a SQLite database"), PoolError::NotAPool { .. }));
}

#[test]
fn a_truncated_database_is_damaged_or_no_pool() {
    let folder = folder();
    let path = folder.path().join("cut.db");
    drop(open(&path).unwrap());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..50]).unwrap();
    let error = refuses(&path, "cut.db");
    assert!(matches!(error, PoolError::NotAPool { .. } | PoolError::Damaged { .. }), "{error:?}");
}

#[test]
fn somebody_elses_database_is_not_a_pool() {
    let folder = folder();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE unit (key TEXT)").unwrap();
    assert!(matches!(refuses(&path, "database of something else"), PoolError::NotAPool { .. }));
}

#[test]
fn a_pool_of_a_newer_version_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("pool.db");
    drop(open(&path).unwrap());
    Connection::open(&path).unwrap().execute("UPDATE schema_version SET version = 9", []).unwrap();
    let error = refuses(&path, "schema version 9; this version knows up to 4");
    assert!(matches!(error, PoolError::Newer { found: 9, known: scanner_core::pool::SCHEMA_VERSION, .. }));
}

#[test]
fn a_pool_that_another_program_holds_is_locked() {
    let folder = folder();
    let path = folder.path().join("pool.db");
    let mut pool = open(&path).unwrap();
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(open(&path), Err(PoolError::Locked { .. })));
    let error = pool.add_products(pool_support::products()).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: the pool is locked by another program", path.display()));
    holder.execute_batch("ROLLBACK").unwrap();
    pool.add_products(pool_support::products()).unwrap();
}

#[cfg(unix)]
#[test]
fn a_read_only_pool_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let path = folder.path().join("pool.db");
    drop(open(&path).unwrap());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    if std::fs::OpenOptions::new().append(true).open(&path).is_ok() {
        eprintln!("skipped: this user may write read-only files");
        return;
    }
    assert!(matches!(open(&path), Err(PoolError::ReadOnly { .. })));
}

#[test]
fn a_folder_and_a_missing_folder_cannot_be_opened() {
    let folder = folder();
    let error = open(folder.path()).unwrap_err();
    assert!(error.to_string().ends_with("this is a folder; a pool is a file"), "{error}");
    let error = open(&folder.path().join("absent/pool.db")).unwrap_err();
    assert!(matches!(&error, PoolError::CannotOpen { message, .. } if message.contains("does not exist")), "{error}");
}

#[test]
fn an_empty_file_becomes_a_pool() {
    let folder = folder();
    let path = folder.path().join("pool.db");
    std::fs::write(&path, "").unwrap();
    open(&path).unwrap().add_products(pool_support::products()).unwrap();
}

#[test]
fn the_ledger_cannot_be_changed_even_by_hand() {
    let folder = folder();
    let path = folder.path().join("pool.db");
    let mut f = Fixture::with(open(&path).unwrap());
    f.stock("A", 1, "2028-01-31");
    let db = Connection::open(&path).unwrap();
    for sql in ["UPDATE ledger SET actor = 'x'", "DELETE FROM ledger"] {
        assert_eq!(db.execute(sql, []).unwrap_err().to_string(), "the ledger is append-only");
    }
    // What is changed past the ledger comes to light.
    db.execute("UPDATE unit SET state = 'dispensed', remaining = 0", []).unwrap();
    assert!(matches!(f.pool.verify_ledger(), Err(PoolError::Damaged { .. })));
}

#[test]
fn the_same_seed_gives_the_same_ledger_and_another_seed_another() {
    let ledger = |seed| {
        let mut f = Fixture::with(Pool::in_memory_with(PoolOptions::default(), Box::new(SeededIds::new(seed))).unwrap());
        f.stock("A", 3, "2028-01-31");
        f.pool.reserve(&order("o1", [packs("A", 2)]), act(10)).unwrap();
        f.pool.dispense("o1", act(11)).unwrap();
        f.pool.ledger_hash().unwrap()
    };
    assert_eq!(ledger(5), ledger(5));
    assert_ne!(ledger(5), ledger(6));
    let ids: std::collections::BTreeSet<String> = {
        let mut f = Fixture::with(Pool::in_memory().unwrap());
        f.stock("A", 50, "2028-01-31");
        f.pool.ledger().map(|e| e.unwrap().event_id).collect()
    };
    assert_eq!(ids.len(), 100);
}

/// What version 1 itself gave for the file below.
const HASH_OF_V1: &str = "750d248e78822b924325f2a5c9aa0490f43c9eb17334f07ddcede4c3a086a2d2";

/// The file was written by version 1 of the layout (see its tests' products), and is brought up to date when it is opened.
#[test]
fn a_pool_of_version_1_is_read_and_goes_on() {
    let folder = folder();
    let path = folder.path().join("pool.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pool-v1.db"), &path).unwrap();
    let mut pool = open(&path).unwrap();
    pool.verify_ledger().unwrap();
    assert_eq!(pool.ledger_hash().unwrap(), HASH_OF_V1, "nothing of the ledger changes");
    let held = pool.reservations_of_order("held").unwrap();
    assert_eq!(held.iter().map(|r| r.quantity).collect::<Vec<_>>(), [10, 2]);
    assert_eq!(pool.dispense("held", act(20)).unwrap().len(), 2);
    let returned = pool_support::pack("A", 1);
    assert_eq!(pool.history(&returned).unwrap().iter().map(|e| e.revision).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    pool.write_off(&[returned], act(21)).unwrap();
    pool.verify_ledger().unwrap();
    drop(pool);
    let db = Connection::open(&path).unwrap();
    assert_eq!(db.execute("UPDATE ledger SET actor = 'x'", []).unwrap_err().to_string(), "the ledger is append-only");
    assert_eq!(db.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |r| r.get::<_, i64>(0)).unwrap(), 0);
}
