//! The measures of Zhang et al., "Construction of whole-process management system for smart pharmacy based on the integration of traceability codes
//! and drug batch numbers", China Pharmacy 2026;37(5):565-570, taken from this pool's own ledger.

use std::collections::BTreeMap;

use hardware_hal::Timestamp;
use serde::Serialize;

use super::db::{Lock, values};
use super::{Pool, Result, journal};
use crate::date::Date;

/// Rules whose refusal caught what would have reached a patient as an error.
const INTERCEPTING: [&str; 9] =
    ["already_sold", "duplicate_in_order", "expired", "expires_soon", "other_drug", "other_patient", "recalled", "surplus", "wrong_batch"];

/// The measures over a span of days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kpi {
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// Days.
    pub days: u64,
    /// Sales, one a code.
    pub sales: u64,
    /// Of these, settled without a code: no-code stock and exempt split doses.
    pub sales_without_code: u64,
    /// Of these, acknowledged by the platform.
    pub uploaded: u64,
    /// Stocktakings that were booked.
    pub stocktakings: u64,
    /// Packs that they expected.
    pub counted: u64,
    /// Packs that were missing, or there in surplus.
    pub differences: u64,
    /// Refusals by rule.
    pub refusals: BTreeMap<String, u64>,
    /// Of these, those that caught a dispensing error.
    pub errors_caught: u64,
    /// Dispensing errors that came to light after the sale.
    pub dispensing_errors: u64,
    /// Verifications by patients.
    pub verifications: u64,
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Kpi {
    /// Share of the sales that the platform has; `None` without a sale.
    pub fn upload_rate(&self) -> Option<f64> {
        share(self.uploaded, self.sales)
    }

    /// Differences in a pack counted: the stocktaking error rate.
    pub fn stocktaking_error_rate(&self) -> Option<f64> {
        share(self.differences, self.counted)
    }

    /// Dispensing errors in a day.
    pub fn dispensing_errors_per_day(&self) -> Option<f64> {
        share(self.dispensing_errors, self.days)
    }
}

impl Pool {
    /// The measures from the morning of `from` to the evening of `to`, by the pharmacy's clocks. `None` if `to` is before `from`.
    ///
    /// # Errors
    /// The database's.
    pub fn kpi(&self, from: Date, to: Date) -> Result<Option<Kpi>> {
        let offset = i64::from(self.options().utc_offset_minutes) * 60;
        let moment = |day: i64| Timestamp(u64::try_from(day * 86_400 - offset).unwrap_or(0).saturating_mul(1_000_000_000));
        let (first, last) = (from.days_since_1970(), to.days_since_1970());
        let Some(days) = u64::try_from(last - first + 1).ok().filter(|days| *days > 0) else { return Ok(None) };
        let (start, end) = (moment(first), moment(last + 1));
        let within = "at >= ?1 AND at < ?2";
        self.read(|db| {
            let count = |sql: &str| db.query_one(sql, Lock::No, values![start, end])?.map_or(Ok(0), |row| row.count(0));
            let sales = format!("SELECT count(*) FROM ledger WHERE kind = 'dispense' AND {within}");
            let without = format!("SELECT count(*) FROM ledger JOIN sale ON sale.event_id = ledger.event_id WHERE coded = 0 AND {within}");
            let uploaded = format!("SELECT count(*) FROM outbox WHERE kind = 'sale' AND state = 'done' AND {within}");
            let of_kind = |kind: &str| format!("SELECT count(*) FROM journal WHERE kind = '{kind}' AND {within}");
            let mut kpi = Kpi {
                from,
                to,
                days,
                sales: count(&sales)?,
                sales_without_code: count(&without)?,
                uploaded: count(&uploaded)?,
                stocktakings: 0,
                counted: 0,
                differences: 0,
                refusals: BTreeMap::new(),
                errors_caught: 0,
                dispensing_errors: count(&of_kind("dispensing_error"))?,
                verifications: count(&of_kind("verification"))?,
            };
            for entry in journal::entries_where(db, &format!("kind = 'stocktake' AND {within}"), values![start, end])? {
                let number = |name: &str| entry.detail.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
                kpi.stocktakings += 1;
                kpi.counted += number("expected");
                kpi.differences += number("missing") + number("surplus");
            }
            let sql = format!("SELECT subject, count(*) FROM journal WHERE kind = 'refusal' AND {within} GROUP BY subject");
            for row in db.query(&sql, Lock::No, values![start, end])? {
                kpi.refusals.insert(row.text(0)?, row.count(1)?);
            }
            kpi.errors_caught = INTERCEPTING.iter().filter_map(|rule| kpi.refusals.get(*rule)).sum();
            Ok(Some(kpi))
        })
    }
}
