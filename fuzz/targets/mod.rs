//! What is fuzzed: each target takes any bytes, asserts what must hold of them whatever they say, and names the kind of outcome. Shared by the targets of
//! cargo-fuzz (`fuzz_targets/`) and by the tests that need neither it nor a nightly toolchain (`scanner-core/tests/fuzz.rs`).

use std::collections::BTreeMap;

use hardware_hal::{SimulatedClock, Timestamp};
use scanner_core::codes::{CodePrefix, Family, Gs1, PackLevel, Symbology, classify, family_of_text, role, unit_key};
use scanner_core::exchange::fhir::{FhirOptions, read_bundle};
use scanner_core::exchange::{CsvOrders, OrderError, OrderSource, PrescribedOrder};
use scanner_core::pool::{
    Act, Institution, NewUnit, Order, OrderLine, Outcome, Pool, PoolError, PoolOptions, SeededIds, Selection, Settlement,
};
use scanner_core::product::{LevelPrefix, Names, Product, Products};
use scanner_core::upload::{Dialect, Response, Step, Transport, TransportError, Unsigned, UploadOptions, Uploader, Worded};

/// A target: its name, which is that of its corpus, and what runs.
pub type Target = (&'static str, fn(&[u8]) -> String);

/// All of them.
pub const TARGETS: [Target; 6] = [
    ("codes", codes),
    ("relation_file", relation_file),
    ("fhir_orders", fhir_orders),
    ("csv_orders", csv_orders),
    ("dialect", dialect),
    ("platform_answer", platform_answer),
];

const NOW: Timestamp = Timestamp(1_790_820_000_000_000_000);

fn product() -> Product {
    let prefix = |text: &str, level| LevelPrefix { prefix: CodePrefix::parse(text).expect("a prefix"), level };
    Product {
        id: "A".into(),
        names: Names { generic: "drug A".into(), trade: None, english: None },
        code_prefixes: vec![prefix("8000011", PackLevel::SmallestPack), prefix("8000013", PackLevel::OuterCarton)],
        gtin: None,
        pack_quantity: 10,
        unit: "tablet".into(),
        size_mm: None,
        med_list_codg: Some("XA".into()),
    }
}

/// A message without what differs from input to input.
fn without_values(message: &str) -> String {
    let mut quoted = false;
    let plain = message.chars().filter(|c| {
        quoted ^= *c == '\'' || *c == '"' || *c == '`';
        !quoted && !c.is_ascii_digit()
    });
    plain.take(60).collect()
}

/// Any text as a code.
pub fn codes(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else { return "not UTF-8".into() };
    let family = family_of_text(text);
    let key = unit_key(text);
    for symbology in [Symbology::Code128, Symbology::DataMatrix, Symbology::Ean13, Symbology::QrCode] {
        let _ = (classify(text, symbology), role(text, symbology));
    }
    let parsed = Gs1::parse(text);
    match &family {
        Family::National(code) => {
            assert_eq!(code.as_str(), text);
            assert!(text.len() == 20 && text.starts_with('8') && text.bytes().all(|b| b.is_ascii_digit()));
            assert_eq!(key.as_deref(), Some(text));
            "national".into()
        }
        Family::Gs1(gs1) => {
            assert_eq!(gs1.raw(), text, "the raw text is kept");
            assert!(!gs1.readings().is_empty());
            assert_eq!(gs1.is_ambiguous(), gs1.readings().len() > 1);
            let known = (gs1.gtin().is_some(), gs1.batch().is_some(), gs1.serial().is_some(), gs1.expiry(2026).is_some());
            if gs1.names_a_package() {
                assert_eq!(key, Some(gs1.unit_key()));
            }
            let elements: Vec<usize> = gs1.readings().iter().map(Vec::len).take(4).collect();
            format!("gs1 {known:?} {elements:?} {}", gs1.names_a_package())
        }
        Family::Retail(_) => {
            assert_eq!(key, None);
            "retail".into()
        }
        Family::Unusable(why) => {
            assert_eq!(key, None);
            format!("unusable {}", without_values(&format!("{why:?}")))
        }
        Family::Opaque(_) => {
            assert_eq!(key.as_deref(), Some(text));
            format!("opaque {}", parsed.err().map_or_else(String::new, |error| without_values(&error.to_string())))
        }
    }
}

/// Any bytes as a parent/child file: it is imported whole or not at all, and says where it is wrong.
pub fn relation_file(bytes: &[u8]) -> String {
    let mut pool = Pool::in_memory().expect("a pool");
    pool.add_products([product()]).expect("a product");
    let act = Act::new("fuzzer", "fuzz", NOW);
    let (added, outcome) = match pool.import_relations(bytes, "file.xml", act) {
        Ok(report) => (report.added, format!("imported {} {}", report.added.min(4), report.batches.min(4))),
        Err(PoolError::RelationFile(error)) => {
            assert!(error.line >= 1 && error.column >= 1 && !error.what.is_empty());
            (0, without_values(&error.what))
        }
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(pool.ledger().count() as u64, added);
    pool.verify_ledger().expect("the books are right");
    outcome
}

fn orders(result: Result<Vec<PrescribedOrder>, OrderError>, text: &str) -> String {
    match result {
        Ok(orders) => {
            let ids: std::collections::BTreeSet<&str> = orders.iter().map(|order| order.order.id.as_str()).collect();
            assert_eq!(ids.len(), orders.len(), "each order once");
            for order in &orders {
                assert!(!order.order.id.is_empty() && !order.order.lines.is_empty());
                assert!(order.order.lines.iter().all(|line| line.product == "A"), "of products that are known");
                // A pseudonym is no field of the text.
                assert!(order.patient.as_ref().is_none_or(|patient| patient.len() == 32 && !text.contains(patient.as_str())));
            }
            assert!(orders.is_sorted_by_key(|order| !order.urgent));
            let lines: Vec<usize> = orders.iter().map(|order| order.order.lines.len()).take(4).collect();
            format!("orders {lines:?}")
        }
        Err(error) => {
            assert!(!error.place.is_empty() && !error.what.is_empty());
            without_values(&error.what)
        }
    }
}

/// Any text as a FHIR Bundle.
pub fn fhir_orders(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else { return "not UTF-8".into() };
    let products = Products::new([product()]).expect("a product");
    orders(read_bundle(text, &products, &FhirOptions::default()), text)
}

/// Any bytes as a table of orders.
pub fn csv_orders(bytes: &[u8]) -> String {
    let products = Products::new([product()]).expect("a product");
    let mut source = CsvOrders::new("orders.csv", || Ok(bytes), products, BTreeMap::new(), b"salt");
    orders(source.waiting(), &String::from_utf8_lossy(bytes))
}

/// Any text as a dialect file: what is accepted can be used.
pub fn dialect(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else { return "not UTF-8".into() };
    match Dialect::parse(text) {
        Ok(dialect) => {
            let (outcome, requests) = (sell(dialect.clone(), Vec::new()), dialect.requests.len());
            format!("dialect {requests} {} {outcome}", dialect.success.len().min(3))
        }
        Err(error) => without_values(error.to_string().lines().last().unwrap_or_default()),
    }
}

/// Any bytes as the platform's answer to a sale: it is booked as done only if it says so, and says which message it means.
pub fn platform_answer(bytes: &[u8]) -> String {
    sell(Dialect::national(), bytes.to_vec())
}

struct Always(Vec<u8>);

impl Transport for Always {
    fn send(&mut self, request: &Worded) -> Result<Response, TransportError> {
        let request: serde_json::Value = serde_json::from_str(&request.body).expect("requests are JSON");
        let id = request["msgid"].as_str().expect("a message has an id");
        Ok(Response { status: 200, body: in_answer_to(id, &self.0) })
    }
}

/// "MSGID" stands for the id of the message, which no fuzzer guesses.
fn in_answer_to(id: &str, answer: &[u8]) -> Vec<u8> {
    let said = String::from_utf8_lossy(answer);
    if said.contains("MSGID") { said.replace("MSGID", id).into_bytes() } else { answer.to_vec() }
}

/// Sells a pack, sends the sale, and says what an answer was taken for.
fn sell(dialect: Dialect, answer: Vec<u8>) -> String {
    let mut pool = Pool::in_memory_with(PoolOptions::default(), Box::new(SeededIds::new(1))).expect("a pool");
    let act = Act::new("fuzzer", "fuzz", NOW);
    pool.add_products([product()]).expect("a product");
    let institution = Institution { code: "H12345678901".into(), name: "Test".into(), region: "110000".into() };
    pool.set_institution(&institution).expect("an institution");
    let expiry = "2028-01-31".parse().expect("a day");
    let code = "80000110000000010000".to_owned();
    let (product, batch, level) = ("A".to_owned(), "B".to_owned(), PackLevel::SmallestPack);
    pool.register(&[NewUnit { code, product, batch, expiry, made: Some(expiry), level, parent: None }], act).expect("registered");
    pool.receive(Selection::AllRegistered, act).expect("received");
    let order = Order { id: "o".into(), lines: vec![OrderLine::packs("A", 1)] };
    pool.reserve(&order, act).expect("reserved");
    pool.dispense_settled(&order, &Settlement::default(), None, act).expect("sold");
    let strict = dialect == Dialect::national();
    let sent = answer.clone();
    let mut uploader = Uploader::new(Always(answer), dialect, Box::new(Unsigned), UploadOptions::default());
    let step = uploader.step(&mut pool, &SimulatedClock::new(NOW)).expect("the pool holds");
    let Step::Sent { claim, outcome } = step else { return "idle".into() };
    if let (Outcome::Done { .. }, true) = (&outcome, strict) {
        let said: serde_json::Value = serde_json::from_slice(&in_answer_to(&claim.message_id, &sent)).expect("JSON");
        let code = said["infcode"].as_str().map_or_else(|| said["infcode"].to_string(), str::to_owned);
        assert!(said["inf_refmsgid"] == claim.message_id.as_str() && ["0", "3505E2"].contains(&code.as_str()), "{said}");
    }
    match outcome {
        Outcome::Done { .. } => "done".into(),
        Outcome::NotReceived { note, .. } => format!("not received: {}", without_values(&note)),
        Outcome::Unknown { note, .. } => format!("unknown: {}", without_values(&note)),
        Outcome::Refused { note } => format!("refused: {}", without_values(note.split(':').next().unwrap_or_default())),
    }
}
