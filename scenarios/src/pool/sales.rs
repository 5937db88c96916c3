//! Orders: reserved, released, sold, brought back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scanner_core::exchange::fhir::{self, FhirOptions, FhirOrders};
use scanner_core::exchange::{CsvOrders, OrderError, OrderSource};
use scanner_core::pool::{DualAuthentication, Order, OrderLine, OrderUnit, Refusal, Reservation, ReturnReason, Settlement, SoldUnit};
use serde_json::json;

use super::{Codes, Desk, Store, Who, read, record, secret};
use crate::error::{Failure, Result};
use crate::output;

/// Arguments of `pool reserve`.
#[derive(Debug, Clone, clap::Args)]
pub struct Reserve {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// The order's id; a number, never a patient's name.
    #[arg(long)]
    order: String,
    /// A line of the order: PRODUCT=QUANTITY, PRODUCT=QUANTITY:pieces, and @BATCH behind it where the order wants one.
    #[arg(long = "line", required_unless_present = "order_file", value_name = "LINE", value_parser = line)]
    lines: Vec<OrderLine>,
    /// The lines from a file instead: TOML or JSON (`id`, `lines`), a FHIR R4 Bundle of MedicationRequests, or CSV (`order,drug,quantity,unit,audited`).
    #[arg(long, value_name = "FILE", conflicts_with = "lines")]
    order_file: Option<PathBuf>,
    /// Reserve what needs no code: no-code stock, and split doses of exempt injectables.
    #[arg(long, conflicts_with_all = ["code", "codes"])]
    uncoded: bool,
    /// A file with the insurance id of the patient whom the order is for, or - for standard input.
    #[arg(long, value_name = "FILE")]
    insurance_id_from: Option<PathBuf>,
    /// Codes that were read; without any, units are taken from stock, first expired first out.
    #[command(flatten)]
    codes: Codes,
}

/// `amoxicillin=2`, `amoxicillin=14:pieces`, `amoxicillin=2@A1`.
fn line(text: &str) -> std::result::Result<OrderLine, String> {
    let wrong = || "PRODUCT=QUANTITY, PRODUCT=QUANTITY:pieces, with @BATCH behind it if need be".to_owned();
    let (product, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (amount, batch) = match rest.split_once('@') {
        Some((amount, batch)) => (amount, Some(batch.to_owned())),
        None => (rest, None),
    };
    let (quantity, unit) = match amount.split_once(':') {
        None | Some((_, "packs")) => (amount.split(':').next().unwrap_or_default(), OrderUnit::Packs),
        Some((quantity, "pieces")) => (quantity, OrderUnit::Pieces),
        Some(_) => return Err(wrong()),
    };
    let quantity = quantity.parse().map_err(|_| wrong())?;
    if product.is_empty() || batch.as_deref() == Some("") {
        return Err(wrong());
    }
    Ok(OrderLine { product: product.to_owned(), quantity, unit, batch })
}

/// The order of this id, as a file has it. What the hospital's system says and no pharmacist has audited yet is refused.
fn order_from(path: &Path, id: &str, desk: &Desk) -> Result<Order> {
    let not_it = |other: &str| Failure::input(path, format!("this is order {other}, not {id}"));
    let csv = path.extension().is_some_and(|extension| extension == "csv");
    let bundle = || -> Result<Option<String>> {
        if csv || path.extension().is_some_and(|extension| extension == "toml") {
            return Ok(None);
        }
        let text = read(path)?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| Failure::input(path, error.to_string()))?;
        Ok(value.get("resourceType").is_some().then_some(text))
    };
    let products = || desk.pool.products().map_err(|error| desk.refused(error));
    let prescribed = match (csv, bundle()?) {
        // Who the patient is, is said apart from the order, so pseudonyms made here are kept nowhere.
        (true, _) => {
            let text = read(path)?;
            let open = || Ok::<_, std::io::Error>(std::io::Cursor::new(text.as_bytes()));
            CsvOrders::new(path.display().to_string(), open, products()?, BTreeMap::new(), &[]).current(id)
        }
        (false, Some(text)) => FhirOrders::new(|| Ok::<_, OrderError>(text.clone()), products()?, FhirOptions::default()).current(id),
        (false, None) => {
            let order: Order = record(path)?;
            return if order.id == id { Ok(order) } else { Err(not_it(&order.id)) };
        }
    };
    let found = prescribed.map_err(|error| Failure::input(path, error.to_string()))?;
    let found = found.ok_or_else(|| Failure::input(path, format!("no order {id} waits here")))?;
    found.ready().map_err(|refusal| desk.refused(refusal.into()))?;
    Ok(found.order)
}

fn held(reservations: &[Reservation]) -> String {
    let lines = reservations.iter().map(|r| format!("line {}: {} pieces of {}", r.line, r.quantity, output::printable(&r.key)));
    lines.collect::<Vec<_>>().join("\n")
}

impl Reserve {
    pub(super) fn run(&self) -> Result<()> {
        let codes = self.codes.all()?;
        let insurance_id = self.insurance_id_from.as_deref().map(secret).transpose()?;
        let mut desk = self.store.open(false)?;
        let order = match &self.order_file {
            Some(path) => order_from(path, &self.order, &desk)?,
            None => Order { id: self.order.clone(), lines: self.lines.clone() },
        };
        let acting = desk.acting(&self.who)?;
        if let Some(id) = &insurance_id {
            desk.pool.assign_patient(&order.id, id, acting.act()).map_err(|error| desk.refused(error))?;
        }
        if codes.is_empty() {
            let reserved =
                if self.uncoded { desk.pool.reserve_uncoded(&order, acting.act()) } else { desk.pool.reserve(&order, acting.act()) };
            let reservations = reserved.map_err(|error| desk.refused(error))?;
            return desk.say(&json!({ "order": order.id, "reservations": reservations }), || held(&reservations));
        }
        let outcomes = desk.pool.reserve_codes(&order, &codes, acting.act()).map_err(|error| desk.refused(error))?;
        let progress = desk.pool.progress(&order).map_err(|error| desk.refused(error))?;
        let refused = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
        desk.say(&json!({ "order": order.id, "outcomes": outcomes, "progress": progress }), || {
            let line = |outcome: &scanner_core::pool::CodeOutcome| match &outcome.result {
                Ok(allotment) => {
                    format!("{}: line {}, {} pieces", output::printable(&outcome.code), allotment.line, allotment.quantity)
                }
                Err(refusal) => format!("{}: refused by {}: {refusal}", output::printable(&outcome.code), refusal.rule()),
            };
            let open: u64 = progress.iter().map(|p| p.wanted.saturating_sub(p.held + p.sold)).sum();
            let lines = outcomes.iter().map(line).collect::<Vec<_>>().join("\n");
            format!("{lines}\n{open} pieces of the order are still to be found")
        })?;
        if refused > 0 { Err(Failure::FellShort(format!("{refused} of {} codes were refused", codes.len()))) } else { Ok(()) }
    }
}

/// Arguments of `pool release`.
#[derive(Debug, Clone, clap::Args)]
pub struct Release {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// The order's id.
    order: String,
}

impl Release {
    pub(super) fn run(&self) -> Result<()> {
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let released = desk.pool.release(&self.order, acting.act()).map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "released": released }), || format!("{} reservations released", released.len()))
    }
}

/// Arguments of `pool dispense`.
#[derive(Debug, Clone, clap::Args)]
pub struct Dispense {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// The order's id.
    order: String,
    /// The order as its source has it now (as for `reserve`); one that was changed since it was reserved is refused.
    #[arg(long, value_name = "FILE")]
    order_file: Option<PathBuf>,
    /// What the settlement says (TOML or JSON), in the words of the platform's interface.
    #[arg(long, value_name = "FILE")]
    settlement: Option<PathBuf>,
    /// Write what was sold into this file, as a FHIR R4 Bundle of MedicationDispenses.
    #[arg(long, value_name = "FILE")]
    fhir: Option<PathBuf>,
    /// A file with the patient's insurance id, or - for standard input; goes with a pharmacist's session.
    #[arg(long, value_name = "FILE", requires = "session_from")]
    insurance_id_from: Option<PathBuf>,
}

impl Dispense {
    pub(super) fn run(&self) -> Result<()> {
        let settlement: Option<Settlement> = self.settlement.as_deref().map(record).transpose()?;
        let insurance_id = self.insurance_id_from.as_deref().map(secret).transpose()?;
        let mut desk = self.store.open(false)?;
        let given = self.order_file.as_deref().map(|path| order_from(path, &self.order, &desk)).transpose()?;
        let acting = desk.acting(&self.who)?;
        let order = match given {
            Some(order) => Some(order),
            None => desk.pool.order(&self.order).map_err(|error| desk.refused(error))?,
        };
        let sold = match (&order, &settlement, &insurance_id, &acting.session) {
            (Some(order), _, Some(insurance_id), Some(session)) => {
                let authentication = DualAuthentication { session, insurance_id };
                desk.pool.dispense_authenticated(order, settlement.as_ref().map(|s| (s, None)), &authentication, acting.act())
            }
            (Some(order), Some(settlement), ..) => desk.pool.dispense_settled(order, settlement, None, acting.act()),
            _ => {
                // Without a settlement the pool sells what is reserved, whatever is asked for now.
                let reserved = desk.pool.order(&self.order).map_err(|error| desk.refused(error))?;
                if order.is_some() && order != reserved {
                    return Err(desk.refused(Refusal::OrderChanged { order: self.order.clone() }.into()));
                }
                desk.pool.dispense(&self.order, acting.act())
            }
        };
        let sold = sold.map_err(|error| desk.refused(error))?;
        if let Some(path) = &self.fhir {
            let expiry = |code: &str| desk.pool.unit(code).ok().flatten().map(|unit| unit.expiry);
            let offset = desk.pool.options().utc_offset_minutes;
            let bundle = fhir::dispenses(&self.order, &sold, &acting.name, acting.at, offset, expiry);
            // It was sold all the same: what is printed below says so, and the ledger has it.
            std::fs::write(path, format!("{bundle:#}\n"))
                .map_err(|error| Failure::environment(format!("the order is sold, but {} cannot be written: {error}", path.display())))?;
        }
        desk.say(&json!({ "order": self.order, "sold": sold }), || {
            let line = |unit: &SoldUnit| {
                format!("{}: {} pieces of {}, batch {}", output::printable(&unit.code), unit.quantity, unit.product, unit.batch)
            };
            sold.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    }
}

/// Arguments of `pool expire`.
#[derive(Debug, Clone, clap::Args)]
pub struct Expire {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
}

impl Expire {
    pub(super) fn run(&self) -> Result<()> {
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let mut released = desk.pool.expire_reservations(acting.act()).map_err(|error| desk.refused(error))?;
        let (expired, dropped) = desk.pool.expire_units(acting.act()).map_err(|error| desk.refused(error))?;
        released.extend(dropped);
        desk.say(&json!({ "expired": expired, "released": released }), || {
            let codes: String = expired.iter().map(|code| format!("\n  expired: {}", output::printable(code))).collect();
            format!("{} units expired, {} reservations released{codes}", expired.len(), released.len())
        })
    }
}

/// Arguments of `pool return`.
#[derive(Debug, Clone, clap::Args)]
pub struct Return {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// The order's id.
    order: String,
    /// The code, or what a lot without codes is called.
    code: String,
    /// It should not have been sold: counts as a dispensing error.
    #[arg(long)]
    dispensing_error: bool,
}

impl Return {
    pub(super) fn run(&self) -> Result<()> {
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let reason = if self.dispensing_error { ReturnReason::DispensingError } else { ReturnReason::Returned };
        let returned = desk.pool.return_sale_because(&self.order, &self.code, reason, acting.act());
        let event = returned.map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "event_id": event }), || format!("returned; event {event}"))
    }
}
