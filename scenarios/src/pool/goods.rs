//! What comes in, is set aside, called back and counted.

use std::path::PathBuf;

use scanner_core::codes::PackLevel;
use scanner_core::date::Date;
use scanner_core::pool::{Delivery, Institution, NewLot, NewUnit, RemovalReport, Selection, StocktakeScope, WriteOffReason};
use scanner_core::product::Product;
use serde::Deserialize;
use serde_json::json;

use super::{Codes, Desk, Store, Who, record};
use crate::error::{Failure, Result};
use crate::output;

/// A file of products.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductFile {
    schema_version: u32,
    products: Vec<Product>,
}

/// The version of product files that this software reads.
const PRODUCT_FILE: u32 = 1;

/// Arguments of `pool init`.
#[derive(Debug, Clone, clap::Args)]
pub struct Init {
    #[command(flatten)]
    store: Store,
    /// A file of products (TOML or JSON: `schema_version = 1`, `products`), to be added or brought up to date.
    #[arg(long, value_name = "FILE")]
    products: Option<PathBuf>,
    /// The institution's code, 12 characters; without it, nothing is uploaded.
    #[arg(long, requires_all = ["name", "region"])]
    institution: Option<String>,
    /// The institution's name.
    #[arg(long)]
    name: Option<String>,
    /// The region, 6 digits.
    #[arg(long)]
    region: Option<String>,
}

impl Init {
    pub(super) fn run(&self) -> Result<()> {
        // What cannot be read must not leave an empty pool behind.
        let products = self.products.as_deref().map(|path| record::<ProductFile>(path).map(|file| (path, file))).transpose()?;
        if let Some((path, file)) = &products
            && file.schema_version != PRODUCT_FILE
        {
            let message = format!("schema_version {}; this version knows {PRODUCT_FILE}", file.schema_version);
            return Err(Failure::input(*path, message));
        }
        let mut desk = self.store.open(true)?;
        let added = products.as_ref().map_or(0, |(_, file)| file.products.len());
        if let Some((_, file)) = products {
            desk.pool.add_products(file.products).map_err(|error| desk.refused(error))?;
        }
        if let (Some(code), Some(name), Some(region)) = (&self.institution, &self.name, &self.region) {
            let institution = Institution { code: code.clone(), name: name.clone(), region: region.clone() };
            desk.pool.set_institution(&institution).map_err(|error| desk.refused(error))?;
        }
        let institution = desk.pool.institution().map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "institution": institution, "products": added }), || format!("the pool is ready; {added} products"))
    }
}

/// Arguments of `pool import`.
#[derive(Debug, Clone, clap::Args)]
pub struct Import {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// Relation files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Import {
    pub(super) fn run(&self) -> Result<()> {
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        for file in &self.files {
            let report = desk.pool.import_relation_file(file, acting.act()).map_err(|error| desk.refused(error))?;
            desk.say(&json!({ "file": file, "added": report.added, "unchanged": report.unchanged, "batches": report.batches }), || {
                format!("{}: {} codes are new, {} were there, {} batches", file.display(), report.added, report.unchanged, report.batches)
            })?;
        }
        Ok(())
    }
}

/// Arguments of `pool register`.
#[derive(Debug, Clone, clap::Args)]
pub struct Register {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// Id of the product.
    #[arg(long)]
    product: String,
    /// The batch.
    #[arg(long)]
    batch: String,
    /// Last day of use, YYYY-MM-DD.
    #[arg(long)]
    expiry: Date,
    /// Day of manufacture, YYYY-MM-DD.
    #[arg(long)]
    made: Option<Date>,
    /// Level of the packs: smallest_pack, middle_pack or outer_carton.
    #[arg(long, default_value = "smallest_pack", value_parser = level)]
    level: PackLevel,
    /// Code of the pack that they are in.
    #[arg(long)]
    parent: Option<String>,
    /// Take them into stock as well.
    #[arg(long)]
    receive: bool,
    #[command(flatten)]
    codes: Codes,
}

fn level(name: &str) -> std::result::Result<PackLevel, String> {
    PackLevel::from_name(name).ok_or_else(|| "one of smallest_pack, middle_pack, outer_carton".to_owned())
}

impl Register {
    pub(super) fn run(&self) -> Result<()> {
        let codes = self.codes.some()?;
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let unit = |code: &String| NewUnit {
            code: code.clone(),
            product: self.product.clone(),
            batch: self.batch.clone(),
            expiry: self.expiry,
            made: self.made,
            level: self.level,
            parent: self.parent.clone(),
        };
        let units: Vec<NewUnit> = codes.iter().map(unit).collect();
        let report = desk.pool.register(&units, acting.act()).map_err(|error| desk.refused(error))?;
        let mut received = 0;
        if self.receive {
            received = desk.pool.receive(Selection::Codes(&codes), acting.act()).map_err(|error| desk.refused(error))?;
        }
        desk.say(&json!({ "added": report.added, "unchanged": report.unchanged, "received": received }), || {
            format!("{} codes are new, {} were there, {received} units received", report.added, report.unchanged)
        })
    }
}

/// Arguments of `pool receive`.
#[derive(Debug, Clone, clap::Args)]
pub struct Receive {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// Everything that is registered.
    #[arg(long, conflicts_with_all = ["product", "code", "codes"])]
    all: bool,
    /// A batch of this product.
    #[arg(long, requires = "batch", conflicts_with_all = ["code", "codes"])]
    product: Option<String>,
    /// The batch.
    #[arg(long, requires = "product")]
    batch: Option<String>,
    /// A file with the delivery note (TOML or JSON: dynt_no, spler_name, prodentp_name, aprvno, purc_invo_no, rx_flag), of which the platform is told.
    #[arg(long, value_name = "FILE")]
    delivery: Option<PathBuf>,
    /// These packs, each with everything that is packed in it.
    #[command(flatten)]
    codes: Codes,
}

impl Receive {
    pub(super) fn run(&self) -> Result<()> {
        let codes = self.codes.all()?;
        let selection = match (&self.product, &self.batch) {
            (Some(product), Some(batch)) => Selection::Batch { product, batch },
            _ if self.all => Selection::AllRegistered,
            _ if codes.is_empty() => return Err(Failure::input("--codes", "say --all, a batch, or codes")),
            _ => Selection::Codes(&codes),
        };
        let delivery = self.delivery.as_deref().map(record::<Delivery>).transpose()?;
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let received = match &delivery {
            Some(delivery) => desk.pool.receive_delivery(selection, delivery, acting.act()),
            None => desk.pool.receive(selection, acting.act()),
        };
        let received = received.map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "received": received }), || format!("{received} units received"))
    }
}

/// Arguments of `pool lot`.
#[derive(Debug, Clone, clap::Args)]
pub struct Lot {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// Id of the product.
    #[arg(long)]
    product: String,
    /// The batch.
    #[arg(long)]
    batch: String,
    /// Last day of use, YYYY-MM-DD.
    #[arg(long)]
    expiry: Date,
    /// Day of manufacture, YYYY-MM-DD.
    #[arg(long)]
    made: Option<Date>,
    /// Pieces in all of it.
    #[arg(long)]
    pieces: u32,
}

impl Lot {
    pub(super) fn run(&self) -> Result<()> {
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let lot =
            NewLot { product: self.product.clone(), batch: self.batch.clone(), expiry: self.expiry, made: self.made, pieces: self.pieces };
        let name = desk.pool.add_uncoded_stock(&lot, acting.act()).map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "lot": name }), || name.clone())
    }
}

/// Arguments of `pool quarantine` and `pool restock`.
#[derive(Debug, Clone, clap::Args)]
pub struct SetAside {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    codes: Codes,
}

impl SetAside {
    pub(super) fn quarantine(&self) -> Result<()> {
        let codes = self.codes.some()?;
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let released = desk.pool.quarantine(&codes, acting.act()).map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "quarantined": codes.len(), "released": released }), || {
            format!("{} units set aside, {} reservations released", codes.len(), released.len())
        })
    }

    pub(super) fn restock(&self) -> Result<()> {
        let codes = self.codes.some()?;
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        desk.pool.restock(&codes, acting.act()).map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "restocked": codes.len() }), || format!("{} units back in stock", codes.len()))
    }
}

/// Arguments of `pool supplier-return`.
#[derive(Debug, Clone, clap::Args)]
pub struct SupplierReturn {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// A file with the delivery note (TOML or JSON: dynt_no, spler_name, prodentp_name, aprvno, purc_invo_no, rx_flag).
    #[arg(long, value_name = "FILE")]
    delivery: PathBuf,
    #[command(flatten)]
    codes: Codes,
}

impl SupplierReturn {
    pub(super) fn run(&self) -> Result<()> {
        let codes = self.codes.some()?;
        let delivery: Delivery = record(&self.delivery)?;
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let report = desk.pool.return_to_supplier(&codes, &delivery, acting.act()).map_err(|error| desk.refused(error))?;
        say_removed(&desk, &report, &format!("back to {}", delivery.spler_name))
    }
}

/// Why something is written off.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Reason {
    /// It was destroyed: broken, spoilt, called back.
    Destroyed,
    /// It is not where it should be.
    Lost,
    /// It was destroyed because its date has passed; what is still good is refused.
    Expired,
}

/// Arguments of `pool write-off`.
#[derive(Debug, Clone, clap::Args)]
pub struct WriteOff {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// Why.
    #[arg(long, value_enum)]
    reason: Reason,
    #[command(flatten)]
    codes: Codes,
}

impl WriteOff {
    pub(super) fn run(&self) -> Result<()> {
        let codes = self.codes.some()?;
        let reason = match self.reason {
            Reason::Destroyed => WriteOffReason::Destroyed,
            Reason::Lost => WriteOffReason::Lost,
            Reason::Expired => WriteOffReason::Expired,
        };
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let report = desk.pool.write_off_because(&codes, reason, acting.act()).map_err(|error| desk.refused(error))?;
        say_removed(&desk, &report, &format!("written off as {}", reason.as_str()))
    }
}

fn say_removed(desk: &Desk, report: &RemovalReport, what: &str) -> Result<()> {
    desk.say(&json!(report), || format!("{} units {what}, {} reservations released", report.removed.len(), report.released.len()))
}

/// Arguments of `pool recall`.
#[derive(Debug, Clone, clap::Args)]
pub struct Recall {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// Id of the product.
    product: String,
    /// The batch.
    batch: String,
}

impl Recall {
    pub(super) fn run(&self) -> Result<()> {
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let report = desk.pool.recall_batch(&self.product, &self.batch, acting.act()).map_err(|error| desk.refused(error))?;
        desk.say(&json!(report), || {
            let sold = report.sold.iter().map(|(code, order)| format!("\n  sold: {} in order {order}", output::printable(code)));
            let (recalled, released) = (report.recalled.len(), report.released.len());
            format!(
                "{recalled} units recalled, {released} reservations released, {} sold before{}",
                report.sold.len(),
                sold.collect::<String>()
            )
        })
    }
}

/// Arguments of `pool stocktake`.
#[derive(Debug, Clone, clap::Args)]
pub struct Stocktake {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// Only this product.
    #[arg(long)]
    product: Option<String>,
    /// Only this batch of it.
    #[arg(long, requires = "product")]
    batch: Option<String>,
    /// Book the differences: what is missing is written off, what turned up is set aside.
    #[arg(long)]
    book: bool,
    /// What was counted.
    #[command(flatten)]
    codes: Codes,
}

impl Stocktake {
    pub(super) fn run(&self) -> Result<()> {
        let codes = self.codes.all()?;
        let scope = match (&self.product, &self.batch) {
            (Some(product), Some(batch)) => StocktakeScope::Batch { product, batch },
            (Some(product), None) => StocktakeScope::Product(product),
            (None, _) => StocktakeScope::All,
        };
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let report = desk.pool.stocktake(scope, &codes, self.book, acting.act()).map_err(|error| desk.refused(error))?;
        let rate = report.error_rate();
        let mut value = json!(report);
        value["error_rate"] = json!(rate);
        desk.say(&value, || {
            let list = |title: &str, codes: &[String]| -> String {
                codes.iter().map(|code| format!("\n  {title}: {}", output::printable(code))).collect()
            };
            let surplus: String = report
                .surplus
                .iter()
                .map(|(code, state)| format!("\n  surplus: {} is {} by the books", output::printable(code), state.as_str()))
                .collect();
            format!(
                "{} of {} expected units found; error rate {:.3} %{}{surplus}{}{}{}",
                report.matching,
                report.expected,
                rate * 100.0,
                list("missing", &report.missing),
                list("of something else", &report.out_of_scope),
                list("unknown", &report.unknown),
                list("read twice", &report.duplicates),
            )
        })
    }
}
