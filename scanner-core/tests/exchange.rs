//! EPCIS by the official schema, FHIR and CSV orders, and what comes back.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod pool_support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use pool_support::{Fixture, act, order, packs, pieces, products};
use scanner_core::codes::{Gtin, PackLevel};
use scanner_core::exchange::epcis::{EpcisOptions, error_declaration, export};
use scanner_core::exchange::fhir::{FhirOptions, FhirOrders, dispenses, read_bundle};
use scanner_core::exchange::{CsvOrders, OrderError, OrderSource, PrescribedOrder, pseudonym};
use scanner_core::pool::{Delivery, EventKind, NewUnit, OrderUnit, Selection};
use scanner_core::product::Products;
use serde_json::{Value, json};

fn validator() -> Option<jsonschema::Validator> {
    let shared =
        std::env::var_os("TRACETWIN_SHARED").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let path = shared.join("epcis/EPCIS-JSON-Schema.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no EPCIS schema in TRACETWIN_SHARED");
        return None;
    };
    let schema: Value = serde_json::from_str(&text).unwrap();
    Some(jsonschema::options().should_validate_formats(true).build(&schema).unwrap())
}

/// A pool in which everything happened that can.
fn eventful() -> Fixture {
    let mut f = Fixture::new();
    let a = f.stock("A", 9, "2028-01-31");
    let soon = f.stock("B", 1, "2026-10-02");
    let gtin: Gtin = pool_support::product("C", 5).gtin.unwrap();
    let gs1 = NewUnit {
        code: format!("01{gtin}1728013110X\u{1d}21S/1%"),
        product: "C".into(),
        batch: "X".into(),
        expiry: pool_support::day("2028-01-31"),
        made: None,
        level: PackLevel::SmallestPack,
        parent: None,
    };
    f.pool.register(&[NewUnit { code: "厂码 7/x".into(), ..gs1.clone() }], act(2)).unwrap();
    f.pool.register(&[gs1], act(2)).unwrap();
    f.pool.receive(Selection::AllRegistered, act(3)).unwrap();
    f.pool.reserve_codes(&order("sold", [packs("A", 1)]), &a[..1], act(10)).unwrap();
    f.pool.dispense("sold", act(11)).unwrap();
    f.pool.return_sale("sold", &a[0], act(12)).unwrap();
    f.pool.restock(&a[..1], act(13)).unwrap();
    f.pool.reserve(&order("split", [pieces("A", 4)]), act(14)).unwrap();
    f.pool.dispense("split", act(15)).unwrap();
    f.pool.reserve(&order("rest", [pieces("A", 6)]), act(16)).unwrap();
    f.pool.dispense("rest", act(17)).unwrap();
    f.pool.reserve(&order("late", [packs("A", 1)]), act(18)).unwrap();
    f.pool.reserve(&order("cancelled", [packs("A", 1)]), act(19)).unwrap();
    f.pool.release("cancelled", act(20)).unwrap();
    f.pool.expire_reservations(act(9000)).unwrap();
    f.pool.quarantine(&a[5..6], act(9001)).unwrap();
    f.pool.write_off(&a[6..7], act(9002)).unwrap();
    f.pool.quarantine(&a[6..7], act(9003)).unwrap();
    f.pool.return_to_supplier(&a[7..8], &Delivery::default(), act(9004)).unwrap();
    f.pool.expire_units(act(3 * 86_400)).unwrap();
    assert_eq!(f.state(&soon[0]).as_str(), "expired");
    f.pool.recall_batch("A", "A-2028-01-31", act(3 * 86_400 + 1)).unwrap();
    f.pool.verify_ledger().unwrap();
    f
}

#[test]
fn every_event_is_valid_by_the_official_schema() {
    let f = eventful();
    let (document, last) = export(&f.pool, 0, &EpcisOptions::default(), act(400_000).at).unwrap();
    let entries: Vec<_> = f.pool.ledger().map(Result::unwrap).collect();
    let events = document["epcisBody"]["eventList"].as_array().unwrap();
    assert_eq!((events.len(), last), (entries.len(), entries.last().unwrap().sequence));
    let kinds: std::collections::BTreeSet<EventKind> = entries.iter().map(|e| e.kind).collect();
    assert_eq!(kinds.len(), 14, "every kind of event is tried: {kinds:?}");
    let text = document.to_string();
    assert!(text.contains("urn:tracetwin:code:%E5%8E%82%E7%A0%81%207%2Fx") && !text.contains("\"sold\""), "{text}");
    let sale = entries.iter().find(|e| e.kind == EventKind::Dispense).unwrap();
    let of_sale = events.iter().find(|e| e["eventID"] == format!("urn:tracetwin:event:{}", sale.event_id)).unwrap();
    assert_eq!(
        (&of_sale["bizStep"], &of_sale["disposition"], &of_sale["eventTime"]),
        (&json!("dispensing"), &json!("dispensed"), &json!("2026-10-01T10:00:11+08:00"))
    );
    let mut wrong = error_declaration(sale, &EpcisOptions::default(), 480, act(20).at, None);
    wrong["@context"] = document["@context"].clone();
    let Some(validator) = validator() else { return };
    let errors: Vec<String> = validator.iter_errors(&document).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert!(validator.is_valid(&wrong));
    // The check is one: a broken document does not pass.
    let mut broken = document;
    broken["epcisBody"]["eventList"][0]["action"] = "SELL".into();
    assert!(!validator.is_valid(&broken));
}

#[test]
fn an_export_goes_on_where_the_last_one_ended() {
    let mut f = eventful();
    let (_, last) = export(&f.pool, 0, &EpcisOptions::default(), act(0).at).unwrap();
    // After all that has happened: a clock that goes back is refused.
    let units = f.new_units("B", 1, "2029-01-31", None);
    let new = [units[0].code.clone()];
    f.pool.register(&units, act(260_000)).unwrap();
    f.pool.receive(Selection::Codes(&new), act(260_001)).unwrap();
    let (document, _) = export(&f.pool, last, &EpcisOptions::default(), act(0).at).unwrap();
    let events = document["epcisBody"]["eventList"].as_array().unwrap();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event["epcList"] == json!([format!("urn:tracetwin:code:{}", new[0])])));
}

fn known() -> Products {
    Products::new(products()).unwrap()
}

fn request(id: &str, drug: &str, value: Value, more: Value) -> Value {
    let mut request = json!({
        "resourceType": "MedicationRequest",
        "id": id,
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": { "coding": [{ "system": "urn:hospital", "code": drug }] },
        "subject": { "reference": "Patient/张三-110101" },
        "dispenseRequest": { "quantity": value },
    });
    more.as_object().unwrap().iter().for_each(|(key, value)| request[key] = value.clone());
    request
}

fn bundle(requests: &[Value]) -> String {
    json!({ "resourceType": "Bundle", "type": "searchset", "entry": requests.iter().map(|r| json!({ "resource": r })).collect::<Vec<_>>() })
        .to_string()
}

fn fhir(requests: &[Value]) -> Result<Vec<PrescribedOrder>, OrderError> {
    let options = FhirOptions { drugs: BTreeMap::from([("HIS-1".into(), "A".into())]), salt: b"salt".into(), ..FhirOptions::default() };
    read_bundle(&bundle(requests), &known(), &options)
}

#[test]
fn fhir_requests_become_orders() {
    let group = json!({ "groupIdentifier": { "value": "R7" } });
    let orders = fhir(&[
        request("m1", "HIS-1", json!({ "value": 2, "unit": "box" }), group.clone()),
        request("m2", "B", json!({ "value": 45, "unit": "tablet" }), group),
        request("m3", "C", json!({ "value": 1, "code": "{pack}" }), json!({ "priority": "stat", "status": "on-hold" })),
        request("m4", "C", json!({ "value": 1 }), json!({ "status": "cancelled" })),
        request("m5", "C", json!({ "value": 1 }), json!({ "intent": "proposal" })),
    ])
    .unwrap();
    assert_eq!(
        orders.iter().map(|o| (o.order.id.as_str(), o.urgent, o.audited)).collect::<Vec<_>>(),
        [("m3", true, false), ("R7", false, true)]
    );
    let lines: Vec<_> = orders[1].order.lines.iter().map(|l| (l.product.as_str(), l.quantity, l.unit)).collect();
    assert_eq!(lines, [("A", 2, OrderUnit::Packs), ("B", 45, OrderUnit::Pieces)]);
    assert_eq!(orders[1].patient, Some(pseudonym(b"salt", "Patient/张三-110101")));
    assert_ne!(orders[1].patient, Some(pseudonym(b"other", "Patient/张三-110101")));
    assert!(!format!("{orders:?}").contains("张三"));
    assert_eq!(orders[0].ready().unwrap_err().rule(), "not_audited");
    orders[1].ready().unwrap();
}

#[test]
fn a_medication_may_stand_beside_the_request_or_in_it() {
    let medication = json!({ "resourceType": "Medication", "id": "d", "code": { "coding": [{ "code": "B" }] } });
    let by_reference = |reference: &str, more: Value| {
        let mut request = request("m1", "", json!({ "value": 1 }), more);
        request.as_object_mut().unwrap().remove("medicationCodeableConcept");
        request["medicationReference"] = json!({ "reference": reference });
        request
    };
    let inside = fhir(&[by_reference("#d", json!({ "contained": [medication] }))]).unwrap();
    let beside = fhir(&[by_reference("Medication/d", json!({})), medication]).unwrap();
    assert_eq!((inside[0].order.lines[0].product.as_str(), &inside), ("B", &beside));
}

#[test]
fn bad_requests_are_named_and_no_patient_with_them() {
    let quantity = json!({ "value": 1 });
    let cases = [
        (request("m1", "HIS-9", quantity.clone(), json!({})), "its drug is mapped to no product"),
        (request("m1", "A", json!({ "value": 1.5 }), json!({})), "no whole number"),
        (request("m1", "A", json!({ "value": -1 }), json!({})), "no whole number"),
        (request("m1", "A", json!({ "value": 1e30 }), json!({})), "no whole number"),
        (request("m1", "A", json!({}), json!({})), "quantity.value is missing"),
        (request("m1", "A", quantity.clone(), json!({ "status": "perhaps" })), "status is missing or unknown"),
        (request("m1", "A", quantity.clone(), json!({ "intent": null })), "intent is missing or unknown"),
        (request("m1", "A", quantity.clone(), json!({ "groupIdentifier": { "value": "" } })), "its group has no id"),
    ];
    for (request, what) in cases {
        let error = fhir(&[request]).unwrap_err();
        assert!(error.to_string().starts_with("MedicationRequest/m1: ") && error.what.contains(what), "{error}");
    }
    let group = |subject: &str| json!({ "groupIdentifier": { "value": "R" }, "subject": { "reference": subject } });
    let two = fhir(&[request("m1", "A", quantity.clone(), group("Patient/1")), request("m2", "A", quantity, group("Patient/2"))]);
    assert!(two.unwrap_err().what.contains("another patient"));
    for text in ["", "{", "[]", "{\"resourceType\":\"Patient\"}", "null"] {
        assert_eq!(read_bundle(text, &known(), &FhirOptions::default()).unwrap_err().place, "Bundle");
    }
}

#[test]
fn what_was_sold_goes_back_as_dispenses() {
    let mut f = Fixture::new();
    f.stock("A", 2, "2028-01-31");
    f.pool.reserve(&order("R7", [pieces("A", 13)]), act(10)).unwrap();
    let sold = f.pool.dispense("R7", act(11)).unwrap();
    let expiry = |code: &str| f.pool.unit(code).unwrap().map(|unit| unit.expiry);
    let bundle = dispenses("R7", &sold, "window 1", act(11).at, 480, expiry);
    let resources: Vec<&Value> = bundle["entry"].as_array().unwrap().iter().map(|e| &e["resource"]).collect();
    assert_eq!(resources.iter().map(|r| r["quantity"]["value"].as_u64().unwrap()).sum::<u64>(), 13);
    let first = resources[0];
    assert_eq!(
        (&first["resourceType"], &first["status"], &first["id"]),
        (&json!("MedicationDispense"), &json!("completed"), &json!(sold[0].event_id))
    );
    assert_eq!(first["whenHandedOver"], "2026-10-01T10:00:11+08:00");
    assert_eq!(first["contained"][0]["batch"], json!({ "lotNumber": "A-2028-01-31", "expirationDate": "2028-01-31" }));
    assert_eq!(first["contained"][0]["identifier"][0]["value"], json!(sold[0].code));
    assert_eq!(first["authorizingPrescription"][0]["identifier"]["value"], "R7");
}

#[test]
fn an_order_that_changed_at_its_source_is_caught_before_it_is_sold() {
    let mut f = Fixture::new();
    f.pool.set_institution(&pool_support::institution()).unwrap();
    f.stock("A", 5, "2028-01-31");
    let bundles = [1, 2].map(|value| bundle(&[request("m1", "A", json!({ "value": value, "unit": "box" }), json!({}))]));
    let mut version = bundles.iter();
    let mut source = FhirOrders::new(move || Ok(version.next().unwrap().clone()), known(), FhirOptions::default());
    let first = source.waiting().unwrap().remove(0);
    f.pool.reserve(&first.order, act(10)).unwrap();
    let now = source.current("m1").unwrap().unwrap();
    let error = f.pool.dispense_settled(&now.order, &pool_support::settlement(), None, act(11)).unwrap_err();
    assert_eq!(error.refusal().unwrap().rule(), "order_changed");
}

fn csv(table: &str) -> Result<Vec<PrescribedOrder>, OrderError> {
    let table = table.to_owned();
    let drugs = BTreeMap::from([("HIS-1".into(), "A".into())]);
    CsvOrders::new("orders.csv", move || Ok(std::io::Cursor::new(table.clone())), known(), drugs, b"salt").waiting()
}

#[test]
fn tables_become_orders() {
    let orders =
        csv("order,drug,quantity,unit,batch,audited,urgent,patient\no1,HIS-1,2,,,1,0,P1\no1,B,45,pieces,B7,1,0,P1\no2,C,1,packs,,0,1,\n")
            .unwrap();
    assert_eq!(
        orders.iter().map(|o| (o.order.id.as_str(), o.order.lines.len(), o.audited, o.urgent)).collect::<Vec<_>>(),
        [("o2", 1, false, true), ("o1", 2, true, false)]
    );
    assert_eq!(orders[1].order.lines[1].batch.as_deref(), Some("B7"));
    assert_eq!(orders[1].patient, Some(pseudonym(b"salt", "P1")));
    assert_eq!(csv("order,drug,quantity\no1,A,1\n").unwrap()[0].order, order("o1", [packs("A", 1)]));
}

#[test]
fn bad_rows_are_named_and_no_patient_with_them() {
    let header = "order,drug,quantity,patient\n";
    for (rows, line, what) in [
        ("o1,Z,1,P1\n", 2, "mapped to no product"),
        ("o1,A,1,P1\no1,A,minus,P-secret\n", 3, "column 3 cannot be read"),
        ("o1,A\n", 2, "2 columns where 4 are wanted"),
        ("o1,A,1,P1\no2,A,1,P1\no1,A,1,P1\n", 4, "stands in two places"),
        ("o1,A,1,P1\no1,A,1,P-secret\n", 3, "contradicts its line before"),
        (",A,1,P1\n", 2, "the order has no id"),
        ("o1,A,99999999999,P1\n", 2, "column 3"),
    ] {
        let error = csv(&format!("{header}{rows}")).unwrap_err();
        assert!(error.place == format!("orders.csv, line {line}") && error.what.contains(what), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert!(csv("order,wrong\n1,2\n").is_err());
}
