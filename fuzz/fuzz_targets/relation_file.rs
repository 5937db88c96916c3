//! Any bytes as a parent/child file: it is imported whole or not at all, and says where it is wrong.
#![no_main]

use hardware_hal::Timestamp;
use libfuzzer_sys::fuzz_target;
use scanner_core::codes::{CodePrefix, PackLevel};
use scanner_core::pool::{Act, Pool, PoolError};
use scanner_core::product::{LevelPrefix, Names, Product};

fuzz_target!(|bytes: &[u8]| {
    let mut pool = Pool::in_memory().expect("a pool");
    let prefix = |text: &str, level| LevelPrefix { prefix: CodePrefix::parse(text).expect("a prefix"), level };
    let product = Product {
        id: "A".into(),
        names: Names { generic: "drug A".into(), trade: None, english: None },
        code_prefixes: vec![prefix("8000011", PackLevel::SmallestPack), prefix("8000013", PackLevel::OuterCarton)],
        gtin: None,
        pack_quantity: 10,
        unit: "tablet".into(),
        size_mm: None,
        med_list_codg: None,
    };
    pool.add_products([product]).expect("a product");
    let act = Act::new("fuzzer", "fuzz", Timestamp(1_790_820_000_000_000_000));
    let added = match pool.import_relations(bytes, "file.xml", act) {
        Ok(report) => report.added,
        Err(PoolError::RelationFile(error)) => {
            assert!(error.line >= 1 && error.column >= 1 && !error.what.is_empty());
            0
        }
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(pool.ledger().count() as u64, added);
    pool.verify_ledger().expect("the books are right");
});
