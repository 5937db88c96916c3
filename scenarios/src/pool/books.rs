//! Looking into the books: status, history, export, measures, and `tracetwin verify`.

use hardware_hal::Clock;
use reports::stats::{clopper_pearson_lower, clopper_pearson_upper};
use scanner_core::date::Date;
use scanner_core::exchange::epcis;
use scanner_core::pool::{Kpi, LedgerEntry, VerificationVerdict};
use serde_json::json;

use super::Store;
use crate::error::{Failure, Result};
use crate::output;

/// Arguments of `pool status` and `pool verify`.
#[derive(Debug, Clone, clap::Args)]
pub struct Look {
    #[command(flatten)]
    store: Store,
}

impl Look {
    pub(super) fn status(&self) -> Result<()> {
        let desk = self.store.open(false)?;
        let rows = desk.pool.status().map_err(|error| desk.refused(error))?;
        let uploads = desk.pool.upload_counts().map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "stock": rows, "uploads": uploads }), || {
            let stock = rows.iter().map(|row| {
                format!("{} {} {}: {} units, {} pieces", row.product, row.level.as_str(), row.state.as_str(), row.units, row.pieces)
            });
            let uploads = uploads.iter().map(|(state, count)| format!("uploads {}: {count}", state.as_str()));
            stock.chain(uploads).collect::<Vec<_>>().join("\n")
        })
    }

    pub(super) fn verify(&self) -> Result<()> {
        let desk = self.store.open(false)?;
        desk.pool.verify_ledger().map_err(|error| desk.refused(error))?;
        let hash = desk.pool.ledger_hash().map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "ledger_hash": hash }), || format!("the ledger and the tables agree; ledger {hash}"))
    }
}

/// Arguments of `pool history`.
#[derive(Debug, Clone, clap::Args)]
pub struct History {
    #[command(flatten)]
    store: Store,
    /// The code.
    code: String,
}

impl History {
    pub(super) fn run(&self) -> Result<()> {
        let desk = self.store.open(false)?;
        let entries = desk.pool.history(&self.code).map_err(|error| desk.refused(error))?;
        if entries.is_empty() {
            return Err(Failure::FellShort(format!("code {} is unknown to the pool", output::printable(&self.code))));
        }
        desk.say(&json!(entries), || {
            let line = |e: &LedgerEntry| format!("{} {} {} ({}): {}", output::time(e.at), e.kind.as_str(), e.to.as_str(), e.actor, e.cause);
            entries.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    }
}

/// Arguments of `pool journal`.
#[derive(Debug, Clone, clap::Args)]
pub struct Journal {
    #[command(flatten)]
    store: Store,
    /// Only entries after this number.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// At most so many.
    #[arg(long, default_value_t = 1000)]
    limit: u32,
}

impl Journal {
    pub(super) fn run(&self) -> Result<()> {
        let desk = self.store.open(false)?;
        let entries = desk.pool.journal(self.after, self.limit).map_err(|error| desk.refused(error))?;
        desk.say(&json!(entries), || {
            let line = |e: &scanner_core::pool::JournalEntry| {
                format!("{} {} {} {} ({})", e.sequence, output::time(e.at), e.kind.as_str(), output::printable(&e.subject), e.actor)
            };
            entries.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    }
}

/// Arguments of `pool export`.
#[derive(Debug, Clone, clap::Args)]
pub struct Export {
    #[command(flatten)]
    store: Store,
    /// Only entries after this number.
    #[arg(long, default_value_t = 0)]
    after: u64,
}

impl Export {
    pub(super) fn run(&self) -> Result<()> {
        let desk = self.store.open(false)?;
        let exported = epcis::export(&desk.pool, self.after, &epcis::EpcisOptions::default(), desk.clock.now());
        let (document, last) = exported.map_err(|error| desk.refused(error))?;
        output::note(&format!("the last entry is number {last}"));
        let text = if desk.json { document.to_string() } else { serde_json::to_string_pretty(&document).unwrap_or_default() };
        output::line(&text)
    }
}

/// Arguments of `pool kpi`.
#[derive(Debug, Clone, clap::Args)]
pub struct KpiArguments {
    #[command(flatten)]
    store: Store,
    /// First day, YYYY-MM-DD [default: that of the ledger's first entry].
    #[arg(long)]
    from: Option<Date>,
    /// Last day, YYYY-MM-DD [default: that of the ledger's last entry].
    #[arg(long)]
    to: Option<Date>,
}

impl KpiArguments {
    pub(super) fn run(&self) -> Result<()> {
        let desk = self.store.open(false)?;
        let day = |at| Date::of_timestamp(at, desk.pool.options().utc_offset_minutes);
        let today = day(desk.clock.now());
        let first = desk.pool.ledger().next().transpose().map_err(|error| desk.refused(error))?.map(|entry| day(entry.at));
        let last = desk.pool.last_change().map_err(|error| desk.refused(error))?.map(day);
        let from = self.from.or(first).unwrap_or(today);
        let to = self.to.or(last.filter(|last| *last >= from)).unwrap_or(from);
        let kpi = desk.pool.kpi(from, to).map_err(|error| desk.refused(error))?;
        let Some(kpi) = kpi else { return Err(Failure::input("--to", format!("is before {from}"))) };
        desk.say(&value(&kpi), || words(&kpi))
    }
}

/// Confidence of the intervals.
const CONFIDENCE: f64 = 0.95;

fn interval(hits: u64, trials: u64) -> Option<[f64; 2]> {
    (trials > 0 && hits <= trials).then(|| {
        // Each side at half of what is left over: a two-sided interval.
        let side = 1.0 - (1.0 - CONFIDENCE) / 2.0;
        [clopper_pearson_lower(hits, trials, side), clopper_pearson_upper(hits, trials, side)]
    })
}

fn value(kpi: &Kpi) -> serde_json::Value {
    let mut value = json!(kpi);
    value["upload_rate"] = json!(kpi.upload_rate());
    value["upload_rate_interval_95"] = json!(interval(kpi.uploaded, kpi.sales));
    value["stocktaking_error_rate"] = json!(kpi.stocktaking_error_rate());
    value["stocktaking_error_rate_interval_95"] = json!(interval(kpi.differences, kpi.counted));
    value["dispensing_errors_per_day"] = json!(kpi.dispensing_errors_per_day());
    value
}

fn words(kpi: &Kpi) -> String {
    let percent = |part: u64, whole: u64| match interval(part, whole) {
        Some([low, high]) => {
            format!(
                "{:.2} % ({part} of {whole}; 95 % interval {:.2} to {:.2})",
                part as f64 / whole as f64 * 100.0,
                low * 100.0,
                high * 100.0
            )
        }
        None if whole == 0 => "nothing to count".to_owned(),
        None => format!("{part} of {whole}"),
    };
    let mut lines = vec![
        format!("{} to {}, {} days", kpi.from, kpi.to, kpi.days),
        format!("upload rate: {}; {} sales settled without a code", percent(kpi.uploaded, kpi.sales), kpi.sales_without_code),
        format!("stocktaking error rate: {}; {} stocktakings", percent(kpi.differences, kpi.counted), kpi.stocktakings),
        format!("dispensing errors: {}, {:.2} a day", kpi.dispensing_errors, kpi.dispensing_errors_per_day().unwrap_or_default()),
        format!("errors caught before the sale: {}", kpi.errors_caught),
    ];
    lines.extend(kpi.refusals.iter().map(|(rule, count)| format!("  refused by {rule}: {count}")));
    lines.push(format!("verifications: {}", kpi.verifications));
    lines.join("\n")
}

/// Arguments of `verify`.
#[derive(Debug, Clone, clap::Args)]
pub struct VerifyArguments {
    #[command(flatten)]
    store: Store,
    /// Who asks.
    #[arg(long, default_value = "patient")]
    actor: String,
    /// The code.
    code: String,
}

/// Says whether a code is genuine and its pack still good.
///
/// # Errors
/// [`Failure::FellShort`] unless it is.
pub fn verify(arguments: &VerifyArguments) -> Result<()> {
    let mut desk = arguments.store.open(false)?;
    let act = scanner_core::pool::Act::new(&arguments.actor, "verification", desk.clock.now());
    let found = desk.pool.verify_code(&arguments.code, act).map_err(|error| desk.refused(error))?;
    desk.say(&json!(found), || {
        let optional = |title: &str, text: Option<String>| text.map(|text| format!("{title}: {text}"));
        let lines = [
            Some(format!("{}: {}", output::printable(&found.code), output::word(&found.verdict))),
            optional("product", found.name.clone().or_else(|| found.product.clone())),
            optional("specification", found.specification.clone()),
            optional("batch", found.batch.clone()),
            optional("made", found.made.map(|day| day.to_string())),
            optional("expiry", found.expiry.map(|day| day.to_string())),
            Some(format!("verified {} times, first {}", found.verifications, output::time(found.first_verified))),
        ];
        let scans = found.scans.iter().map(|scan| format!("  {} {}", output::time(scan.at), scan.what));
        lines.into_iter().flatten().chain(scans).collect::<Vec<_>>().join("\n")
    })?;
    match found.verdict {
        VerificationVerdict::Valid => Ok(()),
        verdict => Err(Failure::FellShort(format!("the code is not valid: {}", output::word(&verdict)))),
    }
}
