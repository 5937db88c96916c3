//! A central pharmacy before and after a code pool: orders of wards, urgent ones first, errors and what catches them.
//!
//! With the pool, a scanned pick is held against the order by the real pool ([`scanner_core::pool::Pool`], in memory): it refuses a package of another
//! drug or of a recalled batch, and every sale leaves a code. Because that costs far more than the rest of the simulation, only the first days of the first replication
//! carry a pool; the others decide as it did, which a test holds against it.

use hardware_hal::Timestamp;
use reports::study::{Bar, Chart, Plot, StudyTable, Text};
use scanner_core::pool::PoolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::assumptions::Values;
use super::file::{Body, Study};
use super::stock::{Scanned, Stock, moment};
use super::{Findings, Found, words};
use crate::error::{Failure, Result};
use crate::scenario::{Checked, Place};
use crate::workflow::statistics::replicate;
use crate::workflow::{Calendar, Distribution, Servers, Stream, Streams};

/// Assumptions of the model.
pub const ASSUMPTIONS: [&str; 9] = [
    "orders_per_day",
    "urgent_share",
    "scanned_share",
    "wrong_drug_share",
    "wrong_batch_share",
    "counting_share",
    "verify_s",
    "whole_pack_share",
    "missed_scan_share",
];

/// The pharmacy as a file says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Central {
    /// Days of each period.
    pub days: u32,
    /// Hours of a working day.
    pub hours_per_day: f64,
    /// Pharmacists.
    pub dispensers: u32,
    /// Lines of an order.
    pub lines: Distribution,
    /// Time for a line: picking and checking by eye.
    pub line_s: Distribution,
    /// Products.
    pub products: u32,
    /// Pieces in a pack.
    pub pack_quantity: u32,
    /// For how many days of the first replication the real pool decides; it costs far more than the rest.
    pub days_with_pool: u32,
    /// What the arm `after` switches on.
    pub mechanisms: Mechanisms,
}

/// What the system does, each part on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mechanisms {
    /// Codes are registered when goods arrive, so that every unit in stock has one.
    pub pre_scan: bool,
    /// A picked package is scanned and held against the order.
    pub verification: bool,
    /// Movements are booked by unit and batch, so that the book follows the shelf.
    pub unit_ledger: bool,
}

impl Central {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first fault, at its key below `place`.
    pub fn check(&self, place: &Place) -> Checked<()> {
        place.within("days", f64::from(self.days), 1.0, 3660.0)?;
        place.within("hours_per_day", self.hours_per_day, 0.1, 24.0)?;
        place.within("dispensers", f64::from(self.dispensers), 1.0, 1000.0)?;
        place.within("products", f64::from(self.products), 2.0, 10_000.0)?;
        place.within("pack_quantity", f64::from(self.pack_quantity), 2.0, 1000.0)?;
        for (key, distribution) in [("lines", &self.lines), ("line_s", &self.line_s)] {
            distribution.check().map_err(|(inner, why)| place.fault(&format!("{key}.{inner}"), why))?;
        }
        Ok(())
    }
}

/// What a period gave.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Period {
    /// Lines dispensed.
    pub lines: u64,
    /// Of these, lines with a code to upload.
    pub coded: u64,
    /// Wrong picks that were made.
    pub wrong: u64,
    /// Wrong picks that left the pharmacy.
    pub errors: u64,
    /// Share of stocktaking entries that are wrong.
    pub stocktaking: f64,
    /// Mean time of urgent orders from arrival to dispensed, without what calibration adds, s.
    pub urgent_s: f64,
}

enum Event {
    Arrival,
    Done(usize),
}

struct Job {
    arrived: f64,
    urgent: bool,
    service_s: f64,
}

/// What both periods of a replication share.
struct Inputs<'a> {
    body: &'a Body,
    central: &'a Central,
    /// Errors per day before.
    errors_per_day: f64,
    /// Stocktaking error rate before, share.
    stocktaking: f64,
}

impl Inputs<'_> {
    /// Mean work ÷ working time at likely values, before.
    fn load(&self) -> f64 {
        let orders = Values::likely(&self.body.assumptions).get("orders_per_day");
        let work = orders * self.central.lines.mean() * self.central.line_s.mean();
        work / (f64::from(self.central.dispensers) * self.central.hours_per_day * 3600.0)
    }

    /// One period. Orders, picks and slips come from the same streams in every period of a replication.
    fn period(&self, mechanisms: Mechanisms, number: u64, with_pool: bool) -> std::result::Result<Period, PoolError> {
        let central = self.central;
        let streams = Streams::new(self.body.seed);
        let v = Values::draw(&self.body.assumptions, &mut streams.stream("assumptions", &[number]));
        let mut stock = if with_pool && mechanisms.pre_scan {
            Some(Stock::new(central.products, central.pack_quantity, self.body.seed)?)
        } else {
            None
        };
        let mut arrivals = streams.stream("arrivals", &[number]);
        let open_s = central.hours_per_day * 3600.0;
        let lines_per_day = v.get("orders_per_day") * central.lines.mean();
        // Errors before are what calibration says, so wrong picks are that many: nothing but the eye, which is counted in already, catches them.
        let wrong_share = (self.errors_per_day / lines_per_day).min(1.0);
        let between = open_s / v.get("orders_per_day");
        let mut period = Period::default();
        let (mut urgent_s, mut urgent_orders) = (0.0, 0_u64);
        for day in 0..u64::from(central.days) {
            let mut calendar = Calendar::new();
            let mut staff = Servers::new(central.dispensers, 2);
            let mut jobs: Vec<Job> = Vec::new();
            calendar.after(arrivals.exponential(between), Event::Arrival);
            while let Some((now, event)) = calendar.pop() {
                let next = match event {
                    Event::Arrival => {
                        if now > open_s {
                            continue;
                        }
                        calendar.after(arrivals.exponential(between), Event::Arrival);
                        let mut own = streams.stream("order", &[number, day, jobs.len() as u64]);
                        let urgent = own.chance(v.get("urgent_share"));
                        let count = central.lines.sample(&mut own).round().max(1.0) as u32;
                        let at = moment(day, now);
                        let mut service_s = 0.0;
                        for _ in 0..count {
                            service_s += self.line(
                                mechanisms,
                                &v,
                                wrong_share,
                                &mut own,
                                stock.as_mut().filter(|_| day < u64::from(central.days_with_pool)),
                                at,
                                &mut period,
                            )?;
                        }
                        jobs.push(Job { arrived: now, urgent, service_s });
                        staff.request(now, usize::from(!urgent), jobs.len() - 1)
                    }
                    Event::Done(job) => {
                        if jobs[job].urgent {
                            urgent_s += now - jobs[job].arrived;
                            urgent_orders += 1;
                        }
                        staff.release(now)
                    }
                };
                if let Some(job) = next {
                    calendar.after(jobs[job].service_s, Event::Done(job));
                }
            }
        }
        period.urgent_s = urgent_s / urgent_orders.max(1) as f64;
        period.stocktaking = self.stocktake(mechanisms, &v, &mut streams.stream("stocktaking", &[number]));
        Ok(period)
    }

    /// One line: its time, and what became of it.
    #[allow(clippy::too_many_arguments, reason = "one line of an order touches all of these")]
    fn line(
        &self,
        mechanisms: Mechanisms,
        v: &Values,
        wrong_share: f64,
        own: &mut Stream,
        stock: Option<&mut Stock>,
        at: Timestamp,
        period: &mut Period,
    ) -> std::result::Result<f64, PoolError> {
        let products = self.central.products as usize;
        let product = own.below(products);
        let seconds = self.central.line_s.sample(own);
        let wrong = own.chance(wrong_share);
        // Some wrong picks are of another drug or strength, which a code shows; some of an expired or recalled batch, which it shows where batches were
        // joined with codes when goods arrived; the others are wrong counts.
        let (kind, drugs) = (own.unit(), v.get("wrong_drug_share"));
        let wrong_drug = kind < drugs;
        let wrong_batch = !wrong_drug && kind < drugs + v.get("wrong_batch_share");
        let other = (product + 1 + own.below(products - 1)) % products;
        let scanned = own.chance(v.get("scanned_share"));
        let whole = own.chance(v.get("whole_pack_share"));
        let missed = own.chance(v.get("missed_scan_share"));
        let verified = mechanisms.verification && scanned;
        let picked = if wrong && wrong_drug { other } else { product };
        let recalled = wrong && wrong_batch && mechanisms.pre_scan;
        let (refused, coded) = match stock {
            Some(stock) if recalled && verified => stock.dispense(product, whole, Some(Scanned::Recalled), at)?,
            Some(stock) => stock.dispense(product, whole, verified.then_some(Scanned::Product(picked)), at)?,
            // What the pool does: it refuses another drug and a recalled batch, and sells by code.
            None => (verified && (picked != product || recalled), mechanisms.pre_scan),
        };
        period.lines += 1;
        // Without codes registered ahead, a whole pack's code can still be scanned when it goes out; a piece of a split pack has none.
        period.coded += u64::from(coded || (!mechanisms.pre_scan && whole && !missed));
        period.wrong += u64::from(wrong);
        period.errors += u64::from(wrong && !refused);
        let again = if refused { seconds } else { 0.0 };
        Ok(seconds + again + if verified { v.get("verify_s") } else { 0.0 })
    }

    /// Share of wrong entries at stocktaking. Before, a share of them comes from counting itself and the rest from movements that were not booked; with a
    /// ledger by unit, movements that were scanned are booked.
    fn stocktake(&self, mechanisms: Mechanisms, v: &Values, own: &mut Stream) -> f64 {
        let booked = if mechanisms.unit_ledger { v.get("scanned_share") } else { 0.0 };
        let counting = v.get("counting_share");
        let share = self.stocktaking * (counting + (1.0 - counting) * (1.0 - booked));
        // Every product is counted once a month.
        let entries = self.central.products as usize * (self.central.days as usize / 30).max(1);
        (0..entries).filter(|_| own.chance(share)).count() as f64 / entries as f64
    }
}

/// Runs the study.
///
/// # Errors
/// The pool fails.
pub fn run(study: &Study, quick: bool) -> Result<Findings> {
    let body = &study.body;
    let Some(central) = &body.central else { return Ok(Findings::default()) };
    let inputs = Inputs {
        body,
        central,
        errors_per_day: body.calibrating("before.errors_per_day").unwrap_or(0.0),
        stocktaking: body.calibrating("before.stocktaking").unwrap_or(0.0) / 100.0,
    };
    let urgent_before_min = body.calibrating("before.urgent_min").unwrap_or(0.0);
    let effort = if quick { body.effort.quickly() } else { body.effort.precision() };
    let simulate = |mechanisms: Mechanisms| {
        let runs = replicate(
            effort,
            |number| inputs.period(mechanisms, number, number == 0),
            |of| of.as_ref().map(|of| vec![of.errors as f64, of.urgent_s]).unwrap_or_default(),
        );
        let closed = runs.closed || quick;
        let results: std::result::Result<Vec<Period>, PoolError> = runs.results.into_iter().collect();
        results.map(|results| (results, closed)).map_err(|error| Failure::environment(format!("the pool failed: {error}")))
    };
    let (before, closed_before) = simulate(Mechanisms::default())?;
    let (after, closed_after) = simulate(central.mechanisms)?;
    let days = f64::from(central.days);
    // What an urgent order takes beside picking (delivery, papers) is what is left of the time before.
    let rest_min = urgent_before_min - reports::stats::mean(&before.iter().map(|of| of.urgent_s / 60.0).collect::<Vec<_>>()).unwrap_or(0.0);
    let mut findings = Findings { closed: closed_before && closed_after, ..Findings::default() };
    let load = inputs.load();
    if load > 1.0 {
        let (count, load) = (central.dispensers, 100.0 * load);
        findings.notes.push(Text::new(
            format!(
                "Above capacity: {count} pharmacists have {load:.0} % of the work that they can do in a day; the rest is done after hours."
            ),
            format!("超出能力：{count} 名药师承担的工作量为每日可完成量的 {load:.0} %，其余在下班后完成。"),
        ));
    }
    let measures: Measures<'_> = [
        ("upload_rate", &|of| 100.0 * of.coded as f64 / of.lines.max(1) as f64),
        ("stocktaking", &|of| 100.0 * of.stocktaking),
        ("errors_per_day", &|of| of.errors as f64 / days),
        ("urgent_min", &|of| rest_min + of.urgent_s / 60.0),
    ];
    for (arm, periods) in [("before", &before), ("after", &after)] {
        for (name, measure) in measures {
            let values: Vec<f64> = periods.iter().map(measure).collect();
            findings.found.insert(format!("{arm}.{name}"), Found::of(&values));
        }
    }
    findings.replications = Text::new(
        format!("{} periods of {} days, the first {} days with the real pool", after.len(), central.days, central.days_with_pool),
        format!("{} 个周期，每个 {} 天，前 {} 天使用真实码池", after.len(), central.days, central.days_with_pool),
    );
    findings.tables.push(each_mechanism(&inputs, central, &measures, if quick { 4 } else { 20 })?);
    findings.charts.push(chart(&findings, body));
    Ok(findings)
}

/// What a period is asked for, by name.
type Measures<'a> = [(&'a str, &'a dyn Fn(&Period) -> f64); 4];

/// Each mechanism alone, so that each change has its cause beside it.
fn each_mechanism(inputs: &Inputs<'_>, central: &Central, measures: &Measures<'_>, replications: u64) -> Result<StudyTable> {
    let none = Mechanisms::default();
    let arms = [
        (Text::new("before", "实施前"), none),
        (Text::new("pre-scan registration alone", "仅预扫码登记"), Mechanisms { pre_scan: true, ..none }),
        (Text::new("verification by code alone", "仅扫码核对"), Mechanisms { verification: true, ..none }),
        (Text::new("ledger by unit alone", "仅逐件记账"), Mechanisms { unit_ledger: true, ..none }),
        (Text::new("after: all that the study switches on", "实施后（全部启用）"), central.mechanisms),
    ];
    let mut rows = Vec::new();
    for (name, mechanisms) in arms {
        let mut periods = Vec::new();
        for number in 0..replications {
            let period = inputs.period(mechanisms, number, false);
            periods.push(period.map_err(|error| Failure::environment(format!("the pool failed: {error}")))?);
        }
        let mut row = vec![name];
        for (_, measure) in measures {
            let values: Vec<f64> = periods.iter().map(measure).collect();
            row.push(words(format!("{:.2}", reports::stats::mean(&values).unwrap_or(f64::NAN))));
        }
        rows.push(row);
    }
    Ok(StudyTable {
        title: Text::new("Each mechanism on its own", "各机制单独的作用"),
        lead: Text::new("Means over the same simulated periods.", "同一批仿真周期的均值。"),
        header: vec![
            Text::new("switched on", "启用"),
            Text::new("upload rate, %", "上传率（%）"),
            Text::new("stocktaking errors, %", "盘点差错率（%）"),
            Text::new("dispensing errors per day", "每日发药差错"),
            Text::new("urgent order, min", "临时医嘱（分）"),
        ],
        rows,
    })
}

fn chart(findings: &Findings, body: &Body) -> Chart {
    let bars = ["errors_per_day", "stocktaking"].into_iter().flat_map(|name| {
        ["before", "after"].into_iter().filter_map(move |arm| {
            let key = format!("{arm}.{name}");
            let found = findings.found.get(&key)?;
            let of = body.reported.iter().find(|of| of.name == key)?;
            Some(Bar { name: of.label.text(), value: found.value, interval: found.interval, reported: Some(of.value) })
        })
    });
    Chart {
        title: Text::new("Errors before and after", "实施前后的差错"),
        lead: Text::new(
            "Dispensing errors per day and stocktaking errors in per cent. Before-values calibrate, after-values are predicted.",
            "每日发药差错数与盘点差错率（%）。实施前数值用于校准，实施后为预测。",
        ),
        plot: Plot::Bars { unit: String::new(), bars: bars.collect() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study() -> Study {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("studies/central-pharmacy.toml");
        Study::load(&path).unwrap()
    }

    fn inputs(study: &Study, days: u32) -> (Central, f64) {
        let mut central = study.body.central.clone().unwrap();
        (central.days, central.days_with_pool) = (days, days);
        (central, study.body.calibrating("before.errors_per_day").unwrap())
    }

    #[test]
    fn the_rule_decides_as_the_real_pool_does() {
        let study = study();
        let (central, _) = inputs(&study, 2);
        // Many wrong picks, so that the pool has something to refuse.
        let inputs = Inputs { body: &study.body, central: &central, errors_per_day: 60.0, stocktaking: 0.009 };
        let with = inputs.period(central.mechanisms, 3, true).unwrap();
        let without = inputs.period(central.mechanisms, 3, false).unwrap();
        assert_eq!(with, without);
        assert!(with.wrong > 60 && with.errors < with.wrong && with.coded == with.lines, "{with:?}");
    }

    #[test]
    fn a_wrong_batch_is_caught_only_where_batches_are_joined_with_codes() {
        let mut study = study();
        for (name, value) in [("wrong_drug_share", 0.0), ("wrong_batch_share", 1.0), ("scanned_share", 1.0)] {
            let of = study.body.assumptions.get_mut(name).unwrap();
            (of.low, of.likely, of.high) = (value, value, value);
        }
        let (central, _) = inputs(&study, 1);
        let inputs = Inputs { body: &study.body, central: &central, errors_per_day: 20.0, stocktaking: 0.009 };
        let none = Mechanisms::default();
        let verified = inputs.period(Mechanisms { verification: true, ..none }, 3, false).unwrap();
        assert_eq!(verified.errors, verified.wrong, "the code alone names no batch");
        let joined = Mechanisms { pre_scan: true, verification: true, ..none };
        for with_pool in [false, true] {
            let period = inputs.period(joined, 3, with_pool).unwrap();
            assert!(period.wrong > 10 && period.errors == 0, "{period:?}");
        }
    }

    #[test]
    fn each_mechanism_changes_its_own_figure_only() {
        let study = study();
        let (central, errors_per_day) = inputs(&study, 20);
        let inputs = Inputs { body: &study.body, central: &central, errors_per_day, stocktaking: 0.009 };
        let of = |mechanisms| inputs.period(mechanisms, 1, false).unwrap();
        let none = Mechanisms::default();
        let before = of(none);
        assert_eq!(before.errors, before.wrong, "nothing catches what gets past the eye");
        let pre_scan = of(Mechanisms { pre_scan: true, ..none });
        assert_eq!(pre_scan, Period { coded: pre_scan.lines, ..before });
        let verified = of(Mechanisms { verification: true, ..none });
        assert!(verified.errors < before.errors && verified.urgent_s > before.urgent_s);
        assert_eq!((verified.coded, verified.stocktaking), (before.coded, before.stocktaking));
        let ledger = of(Mechanisms { unit_ledger: true, ..none });
        assert_eq!(ledger, Period { stocktaking: ledger.stocktaking, ..before });
    }
}
