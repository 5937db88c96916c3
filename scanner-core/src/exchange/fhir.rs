//! FHIR R4: MedicationRequest in, MedicationDispense out.
//!
//! A Bundle of MedicationRequests is read; those with one `groupIdentifier` are lines of one order. What is asked for stands in
//! `dispenseRequest.quantity` (a unit of `pack`, or a piece), the drug in `medicationCodeableConcept.coding`, or in a Medication that the Bundle or the
//! request holds. `status` must be `active` and `intent` an order; `status` `on-hold` means that the audit is still to come.

use std::collections::BTreeMap;

use hardware_hal::Timestamp;
use serde_json::{Value, json};

use super::{OrderError, OrderSource, PrescribedOrder, by_urgency, pseudonym};
use crate::date::{Date, civil};
use crate::pool::{Order, OrderLine, OrderUnit, SoldUnit};
use crate::product::Products;

/// System under which codes of units stand in what is written back.
pub const TRACE_CODE_SYSTEM: &str = "urn:tracetwin:trace-code";

/// How orders are read.
#[derive(Debug, Clone)]
pub struct FhirOptions {
    /// The hospital's codes of drugs → ids of products. A code that is the id of a product needs no entry.
    pub drugs: BTreeMap<String, String>,
    /// Makes pseudonyms of patients.
    pub salt: Vec<u8>,
    /// Words for whole packs in `quantity.unit` or `quantity.code`; everything else counts pieces.
    pub pack_units: Vec<String>,
}

impl Default for FhirOptions {
    fn default() -> Self {
        Self { drugs: BTreeMap::new(), salt: Vec::new(), pack_units: ["pack", "box", "{pack}", "{box}", "盒"].map(Into::into).into() }
    }
}

/// A source of orders from Bundles that `fetch` gets.
pub struct FhirOrders<F> {
    fetch: F,
    products: Products,
    options: FhirOptions,
}

impl<F: FnMut() -> Result<String, OrderError>> FhirOrders<F> {
    /// A source that asks `fetch` each time for the Bundle as it is now.
    pub fn new(fetch: F, products: Products, options: FhirOptions) -> Self {
        Self { fetch, products, options }
    }
}

impl<F: FnMut() -> Result<String, OrderError>> OrderSource for FhirOrders<F> {
    fn waiting(&mut self) -> Result<Vec<PrescribedOrder>, OrderError> {
        read_bundle(&(self.fetch)()?, &self.products, &self.options)
    }
}

/// Reads a Bundle of MedicationRequests.
///
/// # Errors
/// What is wrong, with the resource's id.
pub fn read_bundle(text: &str, products: &Products, options: &FhirOptions) -> Result<Vec<PrescribedOrder>, OrderError> {
    let trouble = |place: &str, what: &str| OrderError { place: place.into(), what: what.into() };
    let bundle: Value = serde_json::from_str(text).map_err(|error| trouble("Bundle", &format!("not JSON (line {})", error.line())))?;
    if bundle["resourceType"] != "Bundle" {
        return Err(trouble("Bundle", "the resource is no Bundle"));
    }
    let resources: Vec<&Value> = bundle["entry"].as_array().into_iter().flatten().map(|entry| &entry["resource"]).collect();
    let mut orders: Vec<PrescribedOrder> = Vec::new();
    for request in resources.iter().filter(|r| r["resourceType"] == "MedicationRequest") {
        let id = request["id"].as_str().unwrap_or_default();
        let place = format!("MedicationRequest/{id}");
        let wrong = |what: &str| trouble(&place, what);
        if id.is_empty() {
            return Err(wrong("it has no id"));
        }
        let audited = match request["status"].as_str() {
            Some("active") => true,
            Some("on-hold") => false,
            // Ended, withdrawn or not yet meant: nothing to dispense.
            Some("cancelled" | "completed" | "stopped" | "entered-in-error" | "draft" | "unknown") => continue,
            _ => return Err(wrong("status is missing or unknown")),
        };
        match request["intent"].as_str() {
            Some("order" | "original-order" | "reflex-order" | "filler-order" | "instance-order") => {}
            Some("proposal" | "plan" | "option") => continue,
            _ => return Err(wrong("intent is missing or unknown")),
        }
        let product = product_of(request, &resources, products, options).ok_or_else(|| wrong("its drug is mapped to no product"))?;
        let quantity = &request["dispenseRequest"]["quantity"];
        let value = quantity["value"].as_f64().ok_or_else(|| wrong("dispenseRequest.quantity.value is missing"))?;
        if !(value >= 1.0 && value.fract() == 0.0 && value <= f64::from(u32::MAX)) {
            return Err(wrong("dispenseRequest.quantity.value is no whole number of packs or pieces"));
        }
        let unit = ["code", "unit"].iter().find_map(|key| quantity[*key].as_str()).unwrap_or_default();
        let unit = if options.pack_units.iter().any(|word| word.eq_ignore_ascii_case(unit)) { OrderUnit::Packs } else { OrderUnit::Pieces };
        let line = OrderLine { product, quantity: value as u32, unit, batch: None };
        let urgent = matches!(request["priority"].as_str(), Some("urgent" | "asap" | "stat"));
        let subject = request["subject"]["reference"].as_str().or(request["subject"]["identifier"]["value"].as_str());
        let patient = subject.map(|subject| pseudonym(&options.salt, subject));
        let group = request["groupIdentifier"]["value"].as_str().unwrap_or(id);
        if group.is_empty() {
            return Err(wrong("its group has no id"));
        }
        match orders.iter_mut().find(|order| order.order.id == group) {
            Some(order) if order.patient != patient => return Err(wrong("its group holds another patient's request")),
            Some(order) => {
                order.order.lines.push(line);
                order.audited &= audited;
                order.urgent |= urgent;
            }
            None => orders.push(PrescribedOrder {
                order: Order { id: group.into(), lines: vec![line] },
                audited,
                urgent,
                patient,
                settlement: None,
                personal: None,
            }),
        }
    }
    Ok(by_urgency(orders))
}

fn product_of(request: &Value, resources: &[&Value], products: &Products, options: &FhirOptions) -> Option<String> {
    let of_concept = |concept: &Value| {
        let codings = concept["coding"].as_array()?;
        codings.iter().find_map(|coding| {
            let code = coding["code"].as_str()?;
            let id = options.drugs.get(code).map_or(code, String::as_str);
            products.get(id).map(|product| product.id.clone())
        })
    };
    if request["medicationCodeableConcept"].is_object() {
        return of_concept(&request["medicationCodeableConcept"]);
    }
    let reference = request["medicationReference"]["reference"].as_str()?;
    let contained = request["contained"].as_array().into_iter().flatten();
    let medication = match reference.strip_prefix('#') {
        Some(id) => contained.into_iter().find(|r| r["id"] == id)?,
        None => resources
            .iter()
            .copied()
            .find(|r| r["resourceType"] == "Medication" && reference.strip_prefix("Medication/") == r["id"].as_str())?,
    };
    of_concept(&medication["code"])
}

/// A collection Bundle of MedicationDispenses: one for each unit that was sold, with its code and batch.
pub fn dispenses(
    order: &str,
    sold: &[SoldUnit],
    performer: &str,
    at: Timestamp,
    utc_offset_minutes: i32,
    expiry: impl Fn(&str) -> Option<Date>,
) -> Value {
    let when = iso_time(at, utc_offset_minutes);
    let entries: Vec<Value> = sold
        .iter()
        .map(|unit| {
            let mut medication = json!({
                "resourceType": "Medication",
                "id": "drug",
                "identifier": [{ "system": TRACE_CODE_SYSTEM, "value": unit.code }],
                "code": { "coding": [{ "code": unit.product }] },
                "batch": { "lotNumber": unit.batch },
            });
            if let Some(expiry) = expiry(&unit.code) {
                medication["batch"]["expirationDate"] = expiry.to_string().into();
            }
            let resource = json!({
                "resourceType": "MedicationDispense",
                "id": unit.event_id,
                "contained": [medication],
                "identifier": [{ "system": "urn:tracetwin:event", "value": unit.event_id }],
                "status": "completed",
                "medicationReference": { "reference": "#drug" },
                "performer": [{ "actor": { "display": performer } }],
                "authorizingPrescription": [{ "identifier": { "value": order } }],
                "quantity": { "value": unit.quantity, "unit": "piece" },
                "whenHandedOver": when,
            });
            json!({ "fullUrl": format!("urn:tracetwin:event:{}", unit.event_id), "resource": resource })
        })
        .collect();
    json!({ "resourceType": "Bundle", "type": "collection", "timestamp": when, "entry": entries })
}

/// ISO 8601 with the offset, milliseconds cut.
pub(super) fn iso_time(at: Timestamp, utc_offset_minutes: i32) -> String {
    let (day, [hour, minute, second]) = civil(at, utc_offset_minutes);
    format!("{day}T{hour:02}:{minute:02}:{second:02}{}", offset(utc_offset_minutes))
}

/// `+08:00`.
pub(super) fn offset(utc_offset_minutes: i32) -> String {
    let minutes = utc_offset_minutes.unsigned_abs();
    format!("{}{:02}:{:02}", if utc_offset_minutes < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
}
