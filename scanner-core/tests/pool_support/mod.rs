//! What pool tests share: products A (10 pieces), B (30) and C (5), and codes for them.
#![allow(dead_code)] // Each test binary uses its part.

pub mod server;

use hardware_hal::Timestamp;
use scanner_core::codes::{CodePrefix, Gtin, PackLevel, gtin_check_digit};
use scanner_core::date::Date;
use scanner_core::pool::{
    Act, IdSource, Institution, NewUnit, Order, OrderLine, Pool, PoolOptions, SeededIds, Selection, Settlement, UnitState,
};
use scanner_core::product::{LevelPrefix, Names, Product};

/// 2026-10-01T10:00:00 in China.
const START: u64 = 1_790_820_000;

/// From the start to the end of that day, in China.
pub const SECONDS_TO_MIDNIGHT: u64 = 14 * 3600;

/// Something done `seconds` after the start.
pub fn act(seconds: u64) -> Act<'static> {
    Act::new("tester", "test", Timestamp((START + seconds) * 1_000_000_000))
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn digit(product: &str) -> u32 {
    u32::from(product.as_bytes()[0] - b'A') + 1
}

/// Code of pack `serial` of a product.
pub fn pack(product: &str, serial: u32) -> String {
    format!("80000{}1{serial:09}0000", digit(product))
}

/// Code of carton `serial` of a product.
pub fn carton(product: &str, serial: u32) -> String {
    format!("80000{}3{serial:09}0000", digit(product))
}

pub fn product(id: &str, pack_quantity: u32) -> Product {
    let prefix = |level_digit: u32| CodePrefix::parse(&format!("80000{}{level_digit}", digit(id))).unwrap();
    let item = format!("690000000000{}", digit(id));
    let item = &item[1..];
    Product {
        id: id.into(),
        names: Names { generic: format!("drug {id}"), trade: None, english: None },
        code_prefixes: vec![
            LevelPrefix { prefix: prefix(1), level: PackLevel::SmallestPack },
            LevelPrefix { prefix: prefix(3), level: PackLevel::OuterCarton },
        ],
        gtin: Some(Gtin::parse(&format!("{item}{}", gtin_check_digit(item.as_bytes()))).unwrap()),
        pack_quantity,
        unit: "tablet".into(),
        size_mm: None,
        med_list_codg: Some(format!("X{id}")),
    }
}

pub fn products() -> [Product; 3] {
    [product("A", 10), product("B", 30), product("C", 5)]
}

pub fn order<const N: usize>(id: &str, lines: [OrderLine; N]) -> Order {
    Order { id: id.into(), lines: lines.into() }
}

pub fn packs(product: &str, quantity: u32) -> OrderLine {
    OrderLine::packs(product, quantity)
}

pub fn pieces(product: &str, quantity: u32) -> OrderLine {
    OrderLine::pieces(product, quantity)
}

pub fn codes<const N: usize>(codes: [&str; N]) -> Vec<String> {
    codes.map(str::to_owned).into()
}

/// Whether this binary runs the tests that it shares with others on PostgreSQL.
pub const ON_POSTGRES: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"pool_postgres");

/// A new pool: in memory, or in a database of its own on the tests' server.
pub fn fresh(options: PoolOptions, seed: u64) -> Pool {
    fresh_with(options, Box::new(SeededIds::new(seed)))
}

/// The same, with ids from anywhere.
pub fn fresh_with(options: PoolOptions, ids: Box<dyn IdSource>) -> Pool {
    if ON_POSTGRES { Pool::connect(&server::new_database(), options, ids).unwrap() } else { Pool::in_memory_with(options, ids).unwrap() }
}

/// Where a pool can be opened again and again: a file, in memory where the system has a folder for that, or a database of the tests' server.
pub struct Place {
    folder: Option<tempfile::TempDir>,
    store: String,
}

impl Place {
    pub fn new() -> Self {
        if ON_POSTGRES {
            return Self { folder: None, store: server::new_database() };
        }
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let store = folder.path().join("pool.db").display().to_string();
        Self { folder: Some(folder), store }
    }

    pub fn open(&self, options: PoolOptions, ids: Box<dyn IdSource>) -> Pool {
        Pool::open_store(&self.store, options, ids).unwrap()
    }
}

pub fn institution() -> Institution {
    Institution { code: "H12345678901".into(), name: "Test Hospital".into(), region: "110000".into() }
}

pub fn settlement() -> Settlement {
    Settlement {
        prsc_dr_name: "Dr Li".into(),
        phar_name: "Ph Wang".into(),
        phar_prac_cert_no: "C-1".into(),
        hi_feesetl_type: "1".into(),
        mdtrt_sn: "V-1".into(),
        psn_cert_type: "01".into(),
        rx_flag: "1".into(),
        rx_circ_flag: "0".into(),
        ..Settlement::default()
    }
}

/// A pool with the three products.
pub struct Fixture {
    pub pool: Pool,
    next: u32,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(fresh(PoolOptions::default(), 1))
    }

    pub fn with(mut pool: Pool) -> Self {
        pool.add_products(products()).unwrap();
        Self { pool, next: 0 }
    }

    pub fn new_units(&mut self, product: &str, count: u32, expiry: &str, parent: Option<&str>) -> Vec<NewUnit> {
        (0..count)
            .map(|_| {
                self.next += 1;
                NewUnit {
                    code: pack(product, self.next),
                    product: product.into(),
                    batch: format!("{product}-{expiry}"),
                    expiry: day(expiry),
                    made: Some(day("2025-01-15")),
                    level: PackLevel::SmallestPack,
                    parent: parent.map(str::to_owned),
                }
            })
            .collect()
    }

    /// Registers packs; their codes.
    pub fn register(&mut self, product: &str, count: u32, expiry: &str) -> Vec<String> {
        let units = self.new_units(product, count, expiry, None);
        self.pool.register(&units, act(0)).unwrap();
        units.into_iter().map(|u| u.code).collect()
    }

    /// Registers and receives packs; their codes.
    pub fn stock(&mut self, product: &str, count: u32, expiry: &str) -> Vec<String> {
        let codes = self.register(product, count, expiry);
        self.pool.receive(Selection::Codes(&codes), act(1)).unwrap();
        codes
    }

    /// Registers a carton with packs; its code and theirs.
    pub fn registered_carton(&mut self, product: &str, count: u32) -> (String, Vec<String>) {
        self.next += 1;
        let code = carton(product, self.next);
        let mut units = self.new_units(product, count, "2028-06-30", Some(&code));
        let inside = units.iter().map(|u| u.code.clone()).collect();
        units.push(NewUnit { code: code.clone(), level: PackLevel::OuterCarton, parent: None, ..units[0].clone() });
        self.pool.register(&units, act(0)).unwrap();
        (code, inside)
    }

    /// Registers and receives a carton with packs.
    pub fn carton(&mut self, product: &str, count: u32) -> (String, Vec<String>) {
        let (code, inside) = self.registered_carton(product, count);
        self.pool.receive(Selection::Codes(std::slice::from_ref(&code)), act(1)).unwrap();
        (code, inside)
    }

    pub fn state(&self, code: &str) -> UnitState {
        self.pool.unit(code).unwrap().unwrap().state
    }
}
