//! The product record: what makes sense, what a code says about it, and that it survives being written.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod pool_support;

use pool_support::{carton, pack, product, products};
use scanner_core::codes::{CodePrefix, PackLevel};
use scanner_core::product::{LevelPrefix, Product, ProductError, Products};

#[test]
fn a_code_names_product_and_level() {
    let all = Products::new(products()).unwrap();
    let of = |code: &str| all.of_code(code).map(|(p, level)| (p.id.as_str(), level));
    assert_eq!(of(&pack("A", 7)), Some(("A", PackLevel::SmallestPack)));
    assert_eq!(of(&carton("B", 7)), Some(("B", PackLevel::OuterCarton)));
    assert_eq!(of("89999990000000000000"), None);
    let gtin = product("C", 5).gtin.unwrap();
    assert_eq!(of(&format!("01{gtin}21X")), Some(("C", PackLevel::SmallestPack)));
    assert_eq!(of("6901234567892"), None);
    assert_eq!(all.by_prefix(&CodePrefix::parse("8000011").unwrap()).unwrap().0.id, "A");
}

#[test]
fn records_survive_being_written() {
    let written = serde_json::to_string(&product("A", 10)).unwrap();
    assert_eq!(
        written,
        r#"{"id":"A","names":{"generic":"drug A"},"code_prefixes":[{"prefix":"8000011","level":"smallest_pack"},{"prefix":"8000013","level":"outer_carton"}],"gtin":"09000000000018","pack_quantity":10,"unit":"tablet","med_list_codg":"XA"}"#
    );
    assert_eq!(serde_json::from_str::<Product>(&written).unwrap(), product("A", 10));
    for (from, to, error) in [
        ("\"8000011\"", "\"9000011\"", "'9000011' does not begin with 8"),
        ("09000000000018", "09000000000015", "its last digit should be 8"),
        ("\"unit\"", "\"units\"", "unknown field `units`"),
        ("smallest_pack", "small", "unknown variant `small`"),
    ] {
        let found = serde_json::from_str::<Product>(&written.replace(from, to)).unwrap_err().to_string();
        assert!(found.contains(error), "{found}");
    }
}

#[test]
fn records_that_make_no_sense_are_named() {
    let bad = |change: fn(&mut Product)| {
        let mut p = product("A", 10);
        change(&mut p);
        p.validate().unwrap_err().to_string()
    };
    assert_eq!(bad(|p| p.pack_quantity = 0), "product 'A': pack_quantity must be at least 1");
    assert_eq!(bad(|p| p.unit = " ".into()), "product 'A': unit must not be empty");
    assert_eq!(bad(|p| p.size_mm = Some([10.0, -1.0, 5.0])), "product 'A': size_mm has -1 where a positive length is wanted");
    assert_eq!(bad(|p| p.size_mm = Some([f64::NAN; 3])), "product 'A': size_mm has NaN where a positive length is wanted");
    assert_eq!(bad(|p| p.med_list_codg = Some("X".repeat(51))), "product 'A': med_list_codg has 51 characters; 50 are allowed");
    assert_eq!(bad(|p| p.code_prefixes[1] = p.code_prefixes[0].clone()), "product 'A': code prefix 8000011 belongs to 'A' already");
}

#[test]
fn products_must_not_contradict_each_other() {
    let with = |change: fn(&mut Product)| {
        let mut other = product("B", 30);
        change(&mut other);
        Products::new([product("A", 10), other]).unwrap_err()
    };
    let prefix = CodePrefix::parse("8000011").unwrap();
    assert_eq!(
        with(|p| p.code_prefixes.push(LevelPrefix { prefix: CodePrefix::parse("8000011").unwrap(), level: PackLevel::MiddlePack })),
        ProductError::DuplicatePrefix { id: "B".into(), prefix, other: "A".into() }
    );
    let gtin = product("A", 10).gtin.unwrap();
    assert_eq!(with(|p| p.gtin = product("A", 1).gtin), ProductError::DuplicateGtin { id: "B".into(), gtin, other: "A".into() });
    assert_eq!(
        with(|p| {
            p.id = "A".into();
            p.gtin = None;
            p.code_prefixes.clear();
        }),
        ProductError::DuplicateId { id: "A".into() }
    );
}

#[test]
fn the_pool_keeps_the_pack_quantity_of_a_known_product() {
    let mut f = pool_support::Fixture::new();
    let error = f.pool.add_products([product("A", 12)]).unwrap_err();
    assert_eq!(error.refusal().unwrap().rule(), "registered_differently");
    let mut renamed = product("A", 10);
    renamed.names.generic = "another name".into();
    f.pool.add_products([renamed.clone()]).unwrap();
    assert_eq!(f.pool.products().unwrap().get("A"), Some(&renamed));
    let mut thief = product("B", 30);
    thief.code_prefixes = renamed.code_prefixes;
    assert!(matches!(f.pool.add_products([thief]).unwrap_err(), scanner_core::pool::PoolError::Product(_)));
}
