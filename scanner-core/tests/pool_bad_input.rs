//! What people, files and machines do wrong: a clear refusal with its rule or cause, and nothing half-done.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod pool_support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pool_support::{Fixture, act, carton, order, pack, packs, pieces};
use scanner_core::pool::{OsIds, Pool, PoolError, PoolOptions, RelationFileError, SCHEMA_VERSION, Selection, UnitState};

#[track_caller]
fn file_error(xml: &[u8]) -> RelationFileError {
    let mut f = Fixture::new();
    let error = f.pool.import_relations(xml, "file.xml", act(1)).unwrap_err();
    assert_eq!((f.pool.status().unwrap(), f.pool.ledger().count()), (vec![], 0), "nothing is left behind");
    match error {
        PoolError::RelationFile(error) => error,
        other => panic!("{other:?}"),
    }
}

fn good() -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Document><Events><Event name=\"RelationCreate\"><Relation>\
         <Batch batchNo=\"B\" madeDate=\"2026-01-31\" validateDate=\"2028-01-31\">\n<Code curCode=\"{}\" packLayer=\"3\"/>\
         <Code curCode=\"{}\" packLayer=\"1\" parentCode=\"{}\"/></Batch></Relation></Event></Events></Document>",
        carton("A", 1),
        pack("A", 1),
        carton("A", 1)
    )
}

#[test]
fn the_file_that_the_others_are_made_from_is_good() {
    let mut f = Fixture::new();
    assert_eq!(f.pool.import_relations(good().as_bytes(), "file.xml", act(1)).unwrap().added, 2);
}

#[test]
fn entity_bombs_are_refused_before_anything_grows() {
    let laughs = "<!DOCTYPE d [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>";
    let bomb = good().replace("<Document>", &format!("{laughs}<Document>")).replace("batchNo=\"B\"", "batchNo=\"&c;\"");
    assert_eq!(file_error(bomb.as_bytes()).what, "a document type declaration is not allowed here");
    // From a file of its own, or over the network.
    let outside = good().replace("<Document>", "<!DOCTYPE d SYSTEM \"file:///etc/passwd\"><Document>");
    assert_eq!(file_error(outside.as_bytes()).what, "a document type declaration is not allowed here");
    let undeclared = file_error(good().replace("batchNo=\"B\"", "batchNo=\"&c;\"").as_bytes());
    assert!(undeclared.what.contains('c') && undeclared.line == 1, "{undeclared}");
}

#[test]
fn doubly_encoded_files_are_refused() {
    // XML as the text of XML, and as a JSON string.
    let escaped = good().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    assert_eq!((file_error(escaped.as_bytes()).line, file_error(escaped.as_bytes()).column), (1, 1));
    file_error(serde_json::to_string(&good()).unwrap().as_bytes());
    // Wrapped in an element of its own.
    file_error(format!("<Document>{escaped}</Document>").as_bytes());
    // UTF-16, whatever it says of itself.
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(good().encode_utf16().flat_map(u16::to_le_bytes)).collect();
    file_error(&wide);
    assert!(file_error(good().replace("UTF-8", "GB18030").as_bytes()).what.contains("GB18030"));
    // UTF-8 taken for Latin-1 and encoded again: the batch is another one, but the codes are no codes any more.
    let full_width = good().replace(&pack("A", 1), "８００００１１００００００００１００００");
    let twice: String = full_width.bytes().map(char::from).collect();
    assert_eq!(file_error(twice.as_bytes()).line, 2);
}

#[test]
fn a_file_that_ends_anywhere_changes_nothing() {
    let whole = good();
    for end in (0..whole.len()).step_by(3) {
        file_error(&whole.as_bytes()[..end]);
    }
}

#[test]
fn a_file_with_any_byte_changed_is_imported_whole_or_not_at_all() {
    let whole = good();
    for place in 0..whole.len() {
        for byte in [0u8, b'<', b'"', 0xff] {
            let mut bytes = whole.clone().into_bytes();
            bytes[place] = byte;
            let mut f = Fixture::new();
            let units = match f.pool.import_relations(&bytes[..], "file.xml", act(1)) {
                Ok(report) => report.added,
                Err(PoolError::RelationFile(_)) => 0,
                Err(other) => panic!("byte {byte} at {place}: {other:?}"),
            };
            assert_eq!(f.pool.ledger().count() as u64, units, "byte {byte} at {place}");
        }
    }
}

#[test]
fn more_than_there_is_and_a_second_return_are_refused() {
    let mut f = Fixture::new();
    let codes = f.stock("A", 2, "2028-01-31");
    let rule = |error: PoolError| error.refusal().unwrap().rule();
    assert_eq!(rule(f.pool.reserve(&order("o1", [packs("A", 1), pieces("A", 11)]), act(10)).unwrap_err()), "insufficient_stock");
    assert_eq!(rule(f.pool.reserve(&order("o1", [packs("A", u32::MAX)]), act(10)).unwrap_err()), "insufficient_stock");
    assert_eq!(rule(f.pool.reserve(&order("o1", [packs("A", 0)]), act(10)).unwrap_err()), "impossible_quantity");
    assert!(f.pool.reservations_of_order("o1").unwrap().is_empty());
    f.pool.reserve_codes(&order("o2", [packs("A", 1)]), &codes[..1], act(11)).unwrap();
    f.pool.dispense("o2", act(12)).unwrap();
    f.pool.return_sale("o2", &codes[0], act(13)).unwrap();
    assert_eq!(rule(f.pool.return_sale("o2", &codes[0], act(14)).unwrap_err()), "no_sale_to_return");
    assert_eq!(f.state(&codes[0]), UnitState::Returned);
}

#[test]
fn codes_of_every_wrong_shape_name_no_unit() {
    let mut f = Fixture::new();
    f.stock("A", 1, "2028-01-31");
    let shapes = [
        "",
        " ",
        "8",
        "69012345678",
        "6901234567892",
        "8000011000000001000",
        "800001100000000100000",
        "70000110000000010000",
        "\0",
        "8\n",
        "x\u{1b}[2J",
    ];
    let long = "9".repeat(10_000);
    let codes: Vec<String> = shapes.iter().map(|s| (*s).to_owned()).chain([long]).collect();
    for outcome in f.pool.reserve_codes(&order("o1", [packs("A", 1)]), &codes, act(10)).unwrap() {
        let rule = outcome.result.unwrap_err().rule();
        assert!(["unknown", "not_a_unit_code"].contains(&rule), "{:?}: {rule}", outcome.code);
    }
    assert_eq!(f.pool.history("").unwrap(), []);
}

/// Tells the child which pool to fill until it cannot.
const CHILD: &str = "TRACETWIN_FULL_DISK";

/// Not a test: what runs on a small disk. Says how much was acknowledged, and what ended it.
#[test]
fn child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let mut f = Fixture::with(Pool::open(Path::new(&path)).unwrap());
    for number in 1.. {
        let codes: Vec<String> = (0..20).map(|i| pack("A", number * 100 + i)).collect();
        let unit = |code: &String| scanner_core::pool::NewUnit {
            code: code.clone(),
            product: "A".into(),
            batch: "b".into(),
            expiry: pool_support::day("2028-01-31"),
            made: None,
            level: scanner_core::codes::PackLevel::SmallestPack,
            parent: None,
        };
        let units: Vec<_> = codes.iter().map(unit).collect();
        match f.pool.register(&units, act(1)) {
            Ok(_) => println!("\nack {number}"),
            Err(error) => {
                println!("\nend {error:?}");
                return;
            }
        }
    }
}

/// Fills a pool in a child under a shell's `limits`, which see `$DIR`; what was acknowledged, and what it died of.
fn fill(folder: &Path, limits: &str) -> (u32, String) {
    let script = format!(
        "{limits}\n\"$BIN\" --exact child --nocapture --test-threads=1 > \"$OUT\" 2>&1; cp \"$DIR\"/pool.db* \"$KEEP\" 2>/dev/null; true"
    );
    let (disk, keep, out) = (folder.join("disk"), folder.join("keep"), folder.join("out"));
    std::fs::create_dir_all(&disk).unwrap();
    std::fs::create_dir_all(&keep).unwrap();
    let status = Command::new("unshare")
        .args(["-rm", "sh", "-c", &script])
        .env("BIN", std::env::current_exe().unwrap())
        .env("DIR", &disk)
        .env("KEEP", &keep)
        .env("OUT", &out)
        .env(CHILD, disk.join("pool.db"))
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "unshare (util-linux) with user namespaces is needed");
    let said = std::fs::read_to_string(&out).unwrap();
    let acknowledged = said.lines().filter_map(|line| line.strip_prefix("ack ")).next_back().map_or(0, |n| n.parse().unwrap());
    (acknowledged, said.lines().find_map(|line| line.strip_prefix("end ")).unwrap_or(&said).to_owned())
}

/// Everything that was acknowledged is there, and nothing half of what was not.
fn check(folder: &Path, acknowledged: u32) {
    let pool = Pool::open(folder.join("keep/pool.db")).unwrap();
    pool.verify_ledger().unwrap();
    let units: u64 = pool.status().unwrap().iter().map(|row| row.units).sum();
    assert_eq!(units, u64::from(acknowledged) * 20);
}

#[test]
fn a_full_disk_ends_a_change_whole_and_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let (acknowledged, end) = fill(folder.path(), "set -e; mount -t tmpfs -o size=900k tmpfs \"$DIR\"; set +e");
    assert!(end.starts_with("DiskFull"), "{end}");
    assert!(acknowledged > 0);
    check(folder.path(), acknowledged);
}

#[test]
fn a_limit_on_the_size_of_files_ends_a_change_whole() {
    let folder = tempfile::tempdir().unwrap();
    // In blocks of 512 bytes; a write beyond it is an error and no signal.
    let (acknowledged, end) = fill(folder.path(), "trap '' XFSZ; ulimit -f 1200");
    assert!(end.starts_with("Database") || end.starts_with("DiskFull"), "{end}");
    assert!(acknowledged > 0);
    check(folder.path(), acknowledged);
}

/// The file was written by version 2 of the layout, from the same pool as that of version 1.
#[test]
fn a_pool_of_version_2_is_read_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pool-v2.db"), &path).unwrap();
    let mut pool = Pool::open(&path).unwrap();
    pool.verify_ledger().unwrap();
    assert_eq!(pool.ledger_hash().unwrap(), "750d248e78822b924325f2a5c9aa0490f43c9eb17334f07ddcede4c3a086a2d2");
    assert_eq!(pool.institution().unwrap().unwrap().code, "H12345678901");
    assert!(pool.reservations_of_order("held").unwrap().iter().all(|r| r.coded));
    pool.release("held", act(20)).unwrap();
    assert_eq!(pool.receive(Selection::AllRegistered, act(21)).unwrap(), 4);
    pool.verify_ledger().unwrap();
    drop(pool);
    let db = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(db.query_row("SELECT max(version) FROM schema_version", [], |row| row.get::<_, i64>(0)).unwrap(), SCHEMA_VERSION);
    assert_eq!(db.execute("UPDATE journal SET actor = 'x'", []).unwrap_or(0), 0, "there is nothing in it yet");
}

/// The file was written by version 3 of the layout.
#[test]
fn a_pool_of_version_3_is_read_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pool-v3.db"), &path).unwrap();
    let mut pool = Pool::open(&path).unwrap();
    pool.verify_ledger().unwrap();
    assert_eq!(pool.ledger_hash().unwrap(), "5d8906ec0ee4656dfae8292836ffa8912897e8f90a48e67f48d01b571254015d");
    assert_eq!(pool.reservations_of_order("held").unwrap().len(), 1);
    let at = pool.last_change().unwrap().unwrap();
    let report = pool.write_off(&["80000110000000010000".into()], scanner_core::pool::Act::new("tester", "test", at)).unwrap();
    assert_eq!(report.released[0].order, "held");
    pool.verify_ledger().unwrap();
    drop(pool);
    let db = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(db.query_row("SELECT max(version) FROM schema_version", [], |row| row.get::<_, i64>(0)).unwrap(), SCHEMA_VERSION);
}

#[test]
fn the_journal_cannot_be_changed_even_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool.db");
    let options = PoolOptions { busy_timeout: Duration::from_millis(50), ..PoolOptions::default() };
    let mut f = Fixture::with(Pool::open_with(&path, options, Box::new(OsIds)).unwrap());
    f.pool.release("o1", act(1)).unwrap_err();
    assert_eq!(f.pool.journal(0, 10).unwrap().len(), 1);
    let db = rusqlite::Connection::open(&path).unwrap();
    for sql in ["UPDATE journal SET actor = 'x'", "DELETE FROM journal"] {
        assert_eq!(db.execute(sql, []).unwrap_err().to_string(), "the journal is append-only");
    }
}
