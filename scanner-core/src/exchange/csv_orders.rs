//! Orders as a table: one line of an order a row.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde::Deserialize;

use super::{OrderError, OrderSource, PrescribedOrder, by_urgency, pseudonym};
use crate::pool::{Order, OrderLine, OrderUnit};
use crate::product::Products;

/// A row. `drug` is the hospital's own code of it, mapped to a product; or the product's id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    order: String,
    drug: String,
    quantity: u32,
    #[serde(default)]
    unit: Option<OrderUnit>,
    #[serde(default)]
    batch: Option<String>,
    #[serde(default)]
    audited: Option<u8>,
    #[serde(default)]
    urgent: Option<u8>,
    #[serde(default)]
    patient: Option<String>,
}

/// A source of orders from a table with the columns `order`, `drug`, `quantity`, and optionally `unit` (`packs`, `pieces`), `batch`, `audited`, `urgent`
/// (1 or 0), `patient`.
pub struct CsvOrders<F> {
    open: F,
    name: String,
    products: Products,
    drugs: BTreeMap<String, String>,
    salt: Vec<u8>,
}

impl<R: Read, F: FnMut() -> std::io::Result<R>> CsvOrders<F> {
    /// A table that `open` opens anew each time it is asked; `name` stands in errors. `drugs` maps the hospital's codes to products' ids; `salt` makes
    /// pseudonyms of patients.
    pub fn new(name: impl Into<String>, open: F, products: Products, drugs: BTreeMap<String, String>, salt: &[u8]) -> Self {
        Self { open, name: name.into(), products, drugs, salt: salt.to_vec() }
    }
}

impl<R: Read, F: FnMut() -> std::io::Result<R>> OrderSource for CsvOrders<F> {
    fn waiting(&mut self) -> Result<Vec<PrescribedOrder>, OrderError> {
        let name = self.name.clone();
        let trouble = |line: u64, what: String| OrderError { place: format!("{name}, line {line}"), what };
        let file = (self.open)().map_err(|error| trouble(1, format!("cannot be read: {error}")))?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        let mut orders: Vec<PrescribedOrder> = Vec::new();
        let mut closed = BTreeSet::new();
        for (row, number) in reader.deserialize::<Row>().zip(2u64..) {
            let row = row.map_err(|error| {
                // The library's own words show the field, which may be a patient's.
                let what = match error.kind() {
                    csv::ErrorKind::Deserialize { err, .. } => match err.field() {
                        Some(field) => format!("column {} cannot be read", field + 1),
                        None => format!("{:?}", err.kind()),
                    },
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!("{len} columns where {expected_len} are wanted"),
                    csv::ErrorKind::Utf8 { .. } => "not UTF-8".into(),
                    _ => "cannot be read".into(),
                };
                trouble(error.position().map_or(number, csv::Position::line), what)
            })?;
            if row.order.is_empty() {
                return Err(trouble(number, "the order has no id".into()));
            }
            let product = self.drugs.get(&row.drug).unwrap_or(&row.drug);
            if self.products.get(product).is_none() {
                return Err(trouble(number, format!("drug '{}' is mapped to no product", row.drug)));
            }
            let line = OrderLine {
                product: product.clone(),
                quantity: row.quantity,
                unit: row.unit.unwrap_or_default(),
                batch: row.batch.filter(|batch| !batch.is_empty()),
            };
            let (audited, urgent) = (row.audited.is_none_or(|flag| flag != 0), row.urgent.is_some_and(|flag| flag != 0));
            let patient = row.patient.filter(|patient| !patient.is_empty()).map(|patient| pseudonym(&self.salt, &patient));
            match orders.last_mut().filter(|order| order.order.id == row.order) {
                Some(order) => {
                    if (order.audited, order.urgent, &order.patient) != (audited, urgent, &patient) {
                        return Err(trouble(number, format!("order {} contradicts its line before", row.order)));
                    }
                    order.order.lines.push(line);
                }
                None if !closed.insert(row.order.clone()) => {
                    return Err(trouble(number, format!("order {} stands in two places", row.order)));
                }
                None => orders.push(PrescribedOrder {
                    order: Order { id: row.order, lines: vec![line] },
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
}
