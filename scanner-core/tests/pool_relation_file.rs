//! Importing manufacturers' parent/child files.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod pool_support;

use std::fmt::Write as _;

use pool_support::{Fixture, act, carton, day, order, pack, packs};
use scanner_core::codes::PackLevel;
use scanner_core::pool::{Pool, PoolError, RelationFileError, Selection, UnitState};

/// A file with `cartons` cartons of `each` packs of product A.
fn file(cartons: u32, each: u32) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document License=\"T-1\">\n<Events version=\"1.0\">\n<Event name=\"RelationCreate\">\n\
         <Relation productCode=\"A\" subTypeNo=\"1\" cascade=\"1:10\" packageSpec=\"10\" comment=\"\">\n\
         <Batch batchNo=\"B&amp;1\" madeDate=\"2026-01-31\" validateDate=\"2028-01-31\" workshop=\"1\" lineName=\"1\" lineManager=\"x\">\n",
    );
    for c in 0..cartons {
        let parent = carton("A", c);
        writeln!(xml, "<Code curCode=\"{parent}\" packLayer=\"3\" parentCode=\"\" flag=\"0\"/>").unwrap();
        for p in 0..each {
            let code = pack("A", c * each + p);
            writeln!(xml, "<Code curCode=\"{code}\" packLayer=\"1\" parentCode=\"{parent}\" flag=\"0\"/>").unwrap();
        }
    }
    xml + "</Batch>\n</Relation>\n</Event>\n</Events>\n</Document>\n"
}

fn import(pool: &mut Pool, xml: &str) -> Result<scanner_core::pool::ImportReport, PoolError> {
    pool.import_relations(xml.as_bytes(), "file.xml", act(1))
}

/// The import fails with this message and leaves nothing behind.
#[track_caller]
fn fails(xml: &str, message: &str) {
    let mut f = Fixture::new();
    let error = import(&mut f.pool, xml).unwrap_err();
    assert!(matches!(error, PoolError::RelationFile(_)), "{error:?}");
    assert_eq!(error.to_string(), message);
    assert_eq!(f.pool.status().unwrap(), []);
    assert_eq!(f.pool.ledger().count(), 0);
}

#[test]
fn units_arrive_with_batch_dates_level_and_parent() {
    let mut f = Fixture::new();
    let report = import(&mut f.pool, &file(2, 3)).unwrap();
    assert_eq!((report.added, report.unchanged, report.batches), (8, 0, 1));
    let unit = f.pool.unit(&pack("A", 4)).unwrap().unwrap();
    assert_eq!((unit.product.as_str(), unit.batch.as_str(), unit.level), ("A", "B&1", PackLevel::SmallestPack));
    assert_eq!((unit.made, unit.expiry), (Some(day("2026-01-31")), day("2028-01-31")));
    assert_eq!((unit.parent, unit.state, unit.quantity), (Some(carton("A", 1)), UnitState::Registered, 10));
    let top = f.pool.unit(&carton("A", 1)).unwrap().unwrap();
    assert_eq!((top.parent, top.level, top.quantity), (None, PackLevel::OuterCarton, 0));
    f.pool.receive(Selection::Codes(&[carton("A", 0)]), act(2)).unwrap();
    assert_eq!(f.pool.reserve(&order("o", [packs("A", 3)]), act(3)).unwrap().len(), 3);
    f.pool.verify_ledger().unwrap();
}

#[test]
fn a_second_import_changes_nothing() {
    let mut f = Fixture::new();
    import(&mut f.pool, &file(2, 3)).unwrap();
    f.pool.receive(Selection::AllRegistered, act(2)).unwrap();
    let hash = f.pool.ledger_hash().unwrap();
    let report = import(&mut f.pool, &file(2, 3)).unwrap();
    assert_eq!((report.added, report.unchanged), (0, 8));
    assert_eq!(f.pool.ledger_hash().unwrap(), hash);
}

#[test]
fn letter_case_missing_parents_and_order_do_not_matter() {
    let xml = format!(
        "<document license='x'><EVENTS Version='2'><event Name='relationcreate'><Relation ProductCode='A'>\
         <batch BATCHNO='B' MadeDate='20260131' ValidateDate='20280131'>\
         <code CurCode='{}' PackLayer='1' ParentCode='{2}'/><Code curcode='{}' packlayer='1' parentcode='{2}'></Code>\
         <Code curCode='{2}' packLayer='3'/></batch></Relation></event></EVENTS></document>",
        pack("A", 1),
        pack("A", 2),
        carton("A", 1)
    );
    let mut f = Fixture::new();
    assert_eq!(import(&mut f.pool, &xml).unwrap().added, 3);
    assert_eq!(f.pool.unit(&pack("A", 2)).unwrap().unwrap().parent, Some(carton("A", 1)));
}

#[test]
fn ten_thousand_codes_are_one_transaction() {
    let mut f = Fixture::new();
    let started = std::time::Instant::now();
    assert_eq!(import(&mut f.pool, &file(100, 99)).unwrap().added, 10_000);
    eprintln!("10,000 codes in {:.3} s", started.elapsed().as_secs_f64());
    // The last code is bad: none stays.
    let mut f = Fixture::new();
    let xml = file(100, 99).replace(&format!("curCode=\"{}\"", pack("A", 9899)), "curCode=\"1\"");
    let error = import(&mut f.pool, &xml).unwrap_err();
    assert_eq!(error.to_string(), "file.xml, line 10006, column 1: curCode: '1' has 1 characters where 20 digits are wanted");
    assert_eq!(f.pool.ledger().count(), 0);
}

#[test]
fn errors_name_file_line_and_what() {
    let good = file(1, 1); // Carton in line 7, pack in line 8.
    let a = pack("A", 0);
    fails(&good.replace("packLayer=\"1\"", "packLayer=\"4\""), "file.xml, line 8, column 1: packLayer is '4'; 1, 2 and 3 are known");
    fails(&good.replace("packLayer=\"1\"", ""), "file.xml, line 8, column 1: Code lacks packLayer");
    fails(
        &good.replace("packLayer=\"1\"", "packLayer=\"3\""),
        &format!("file.xml, line 8, column 1: code {a} itself says another level than its registration"),
    );
    fails(
        &good.replace(&a, "89999990000000000000"),
        "file.xml, line 8, column 1: the prefix of code 89999990000000000000 belongs to no known product",
    );
    fails(
        &good.replace("2028-01-31", "2028-02-30"),
        "file.xml, line 6, column 1: Batch@validateDate: '2028-02-30' is not a day of the calendar (written as 2027-03-31 or 20270331)",
    );
    fails(&good.replace("2028-01-31", "2025-01-31"), "file.xml, line 6, column 1: batch B&1 expires before it was made");
    fails(&good.replace("<Relation ", "<Relations "), "file.xml, line 5, column 1: found element Relations where Relation is wanted");
    fails(
        &good.replace("RelationCreate", "RelationDelete"),
        "file.xml, line 4, column 1: event RelationDelete is not known here; RelationCreate is",
    );
    fails(&good[..good.find("</Batch>").unwrap()], "file.xml, line 9, column 1: the file ends inside Batch");
    fails("", "file.xml, line 1, column 1: the file ends inside Document");
    fails(&good.replace("<Batch", "text<Batch"), "file.xml, line 6, column 1: there is text where only elements belong");
    fails(&(good.clone() + "<Document/>"), "file.xml, line 14, column 1: found element Document where none is wanted");
    fails(&good.replace("flag=\"0\"", "curcode=\"1\""), "file.xml, line 7, column 1: Code@curcode occurs twice");
    fails(&good.replace("UTF-8", "GBK"), "file.xml, line 1, column 1: the file is in GBK; UTF-8 is wanted");
}

#[test]
fn a_parent_that_is_not_there_is_named_with_its_line() {
    let mut f = Fixture::new();
    let xml = file(1, 2).replacen(&format!("curCode=\"{}\"", carton("A", 0)), &format!("curCode=\"{}\"", carton("A", 5)), 1);
    let error = import(&mut f.pool, &xml).unwrap_err();
    let PoolError::RelationFile(RelationFileError { line: 8, refusal: Some(refusal), .. }) = &error else { panic!("{error:?}") };
    assert_eq!(refusal.rule(), "bad_parent");
    assert_eq!(f.pool.status().unwrap(), []);
}

#[test]
fn a_code_that_is_registered_otherwise_is_refused() {
    let mut f = Fixture::new();
    import(&mut f.pool, &file(1, 2)).unwrap();
    let hash = f.pool.ledger_hash().unwrap();
    let error = import(&mut f.pool, &file(1, 3).replace("B&amp;1", "B2")).unwrap_err();
    let PoolError::RelationFile(RelationFileError { line: 7, refusal: Some(refusal), .. }) = &error else { panic!("{error:?}") };
    assert_eq!(refusal.rule(), "registered_differently");
    assert_eq!(f.pool.ledger_hash().unwrap(), hash);
}

#[test]
fn document_types_and_entities_are_refused() {
    let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>\n";
    let xml = file(1, 1);
    fails(
        &xml.replace("<Document", &format!("{bomb}<Document")),
        "file.xml, line 2, column 1: a document type declaration is not allowed here",
    );
    let mut f = Fixture::new();
    let error = import(&mut f.pool, &xml.replace("B&amp;1", "&evil;")).unwrap_err().to_string();
    assert!(error.starts_with("file.xml, line 6, column 1: Batch@batchNo: "), "{error}");
    let error = import(&mut f.pool, &xml.replace("<Batch", "&evil;<Batch")).unwrap_err().to_string();
    assert!(error.ends_with("an entity is not allowed here: &evil;"), "{error}");
    assert_eq!(f.pool.status().unwrap(), []);
}

#[test]
fn bytes_that_are_no_text_are_an_error() {
    let mut f = Fixture::new();
    let mut bytes = file(1, 1).into_bytes();
    let at = bytes.windows(2).position(|w| w == b"B&").unwrap();
    bytes[at] = 0xff;
    let error = f.pool.import_relations(bytes.as_slice(), "file.xml", act(1)).unwrap_err();
    assert!(error.to_string().starts_with("file.xml, line 6, column 1: this is not well-formed XML"), "{error}");
}

#[test]
fn a_file_on_disk_is_read_and_a_missing_one_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relation.xml");
    std::fs::write(&path, "\u{feff}".to_owned() + &file(1, 1)).unwrap();
    let mut f = Fixture::new();
    assert_eq!(f.pool.import_relation_file(&path, act(1)).unwrap().added, 2);
    let error = f.pool.import_relation_file(folder.path().join("absent.xml"), act(1)).unwrap_err().to_string();
    assert!(error.contains("absent.xml, line 1, column 1: cannot be read"), "{error}");
}
