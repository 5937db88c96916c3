//! The ledger as EPCIS 2.0 events in JSON-LD (GS1), for whoever follows goods by that standard.
//!
//! One ObjectEvent for each entry; those that say nothing about the goods' way (a reservation that ran out) are events too, since partners compare
//! dispositions. Codes become `urn:tracetwin:code:…`, GS1 units GS1 Digital Links. Orders stand as business transactions by a hash, patients not at all.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::fhir::{iso_time, offset};
use crate::pool::{EventKind, LedgerEntry, Pool, Result, UnitState};

/// The context of the standard.
const CONTEXT: &str = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld";

/// Where the events happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpcisOptions {
    /// URI of the pharmacy, as read point and location.
    pub location: String,
}

impl Default for EpcisOptions {
    fn default() -> Self {
        Self { location: "urn:tracetwin:pharmacy".into() }
    }
}

/// The entries of a pool's ledger after number `after` as an EPCISDocument, with the number of the last entry in it.
///
/// # Errors
/// The database's.
pub fn export(pool: &Pool, after: u64, options: &EpcisOptions, now: hardware_hal::Timestamp) -> Result<(Value, u64)> {
    let minutes = pool.options().utc_offset_minutes;
    let mut last = after;
    let mut events = Vec::new();
    for entry in pool.ledger_after(after) {
        let entry = entry?;
        events.push(event(&entry, options, minutes));
        last = entry.sequence;
    }
    let document = json!({
        "@context": [CONTEXT, { "tracetwin": "urn:tracetwin:vocabulary:" }],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": iso_time(now, minutes),
        "epcisBody": { "eventList": events },
    });
    Ok((document, last))
}

/// A declaration that an event, exported before, was an error; `corrected_by` names the event that is true instead, if there is one.
pub fn error_declaration(
    entry: &LedgerEntry,
    options: &EpcisOptions,
    utc_offset_minutes: i32,
    at: hardware_hal::Timestamp,
    corrected_by: Option<&str>,
) -> Value {
    let mut event = event(entry, options, utc_offset_minutes);
    let ids: Vec<String> = corrected_by.map(event_uri).into_iter().collect();
    event["errorDeclaration"] = json!({
        "declarationTime": iso_time(at, utc_offset_minutes),
        "reason": if ids.is_empty() { "did_not_occur" } else { "incorrect_data" },
        "correctiveEventIDs": ids,
    });
    event
}

fn event(e: &LedgerEntry, options: &EpcisOptions, minutes: i32) -> Value {
    let (step, action) = step(e);
    let mut event = json!({
        "type": "ObjectEvent",
        "eventID": event_uri(&e.event_id),
        "eventTime": iso_time(e.at, minutes),
        "eventTimeZoneOffset": offset(minutes),
        "epcList": [code_uri(&e.key)],
        "action": action,
        "bizStep": step,
        "disposition": disposition(e),
        "readPoint": { "id": options.location },
        "bizLocation": { "id": options.location },
        "tracetwin:kind": e.kind.as_str(),
        "tracetwin:sequence": e.sequence,
        "tracetwin:revision": e.revision,
        "tracetwin:pieces": e.quantity,
        "tracetwin:piecesLeft": e.remaining,
    });
    if let Some(order) = &e.order {
        // What an order is called may say more than a partner needs to know.
        let digest = Sha256::digest(order.as_bytes());
        let name: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        event["bizTransactionList"] = json!([{ "type": "po", "bizTransaction": format!("urn:tracetwin:order:{name}") }]);
    }
    if let Some(original) = &e.original_event_id {
        event["tracetwin:originalEvent"] = event_uri(original).into();
    }
    event
}

fn event_uri(id: &str) -> String {
    format!("urn:tracetwin:event:{id}")
}

/// A unit's key as a URI: GS1 units as GS1 Digital Links, everything else as a URN, percent-encoded.
fn code_uri(key: &str) -> String {
    let encoded = |text: &str| {
        text.bytes().fold(String::new(), |mut uri, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                uri.push_str(&format!("%{byte:02X}"));
            }
            uri
        })
    };
    match key.strip_prefix("(01)").and_then(|rest| rest.split_once("(21)")) {
        Some((gtin, serial)) => format!("https://id.gs1.org/01/{gtin}/21/{}", encoded(serial)),
        None => format!("urn:tracetwin:code:{}", encoded(key)),
    }
}

fn step(e: &LedgerEntry) -> (&'static str, &'static str) {
    match e.kind {
        EventKind::Register => ("commissioning", "ADD"),
        EventKind::Receive => ("receiving", "OBSERVE"),
        EventKind::Reserve => ("reserving", "OBSERVE"),
        EventKind::Release | EventKind::ReservationExpired | EventKind::Restock => ("stocking", "OBSERVE"),
        // Out of the chain for good only when nothing of it is left.
        EventKind::Dispense if e.remaining == 0 => ("dispensing", "DELETE"),
        EventKind::Dispense => ("dispensing", "OBSERVE"),
        EventKind::Return => ("accepting", if e.to == UnitState::Returned { "ADD" } else { "OBSERVE" }),
        EventKind::Quarantine | EventKind::Recall | EventKind::Expire => ("holding", "OBSERVE"),
        EventKind::SupplierReturn => ("shipping", "OBSERVE"),
        EventKind::WriteOff => ("decommissioning", "DELETE"),
        EventKind::Found => ("stock_taking", "ADD"),
    }
}

fn disposition(e: &LedgerEntry) -> &'static str {
    match (e.kind, e.to) {
        (EventKind::SupplierReturn, _) => "in_transit",
        (_, UnitState::Registered) => "active",
        (_, UnitState::Available) => "sellable_accessible",
        (_, UnitState::Reserved) => "reserved",
        (_, UnitState::Dispensed | UnitState::Depleted) => "dispensed",
        (_, UnitState::Opened) => "partially_dispensed",
        (_, UnitState::Returned) => "returned",
        (_, UnitState::Quarantined) => "non_sellable_other",
        (_, UnitState::Expired) => "expired",
        (_, UnitState::Recalled) => "recalled",
        (_, UnitState::Removed) => "inactive",
    }
}
