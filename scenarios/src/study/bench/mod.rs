//! The bench: one prescription at a time, nobody waiting; how long dispensing takes with each method.

mod report;

use reports::stats::{mean, standard_deviation};
use reports::study::Text;

use super::assumptions::Values;
use super::cycles::{Compute, CycleTable};
use super::file::{Body, Study, Use};
use super::scan::{Method, ScanModel};
use super::{Findings, Found};
use crate::workflow::Streams;
use crate::workflow::statistics::in_parallel;

/// What calibration on the no-scan and handheld columns gives.
struct Calibration {
    /// No-scan time of each row, s.
    base: Vec<f64>,
    /// Mean of what the handheld scanner adds, s.
    added: f64,
    /// Standard deviation between rows of what it adds, s.
    spread: f64,
}

impl Calibration {
    /// Reads nothing but figures that are marked as used to calibrate.
    fn of(body: &Body) -> Self {
        let column =
            |arm: &str| -> Vec<f64> { body.rows.iter().filter_map(|row| body.calibrating(&format!("{arm}.{}", row.key))).collect() };
        let (base, handheld) = (column("none"), column("handheld"));
        let added: Vec<f64> = handheld.iter().zip(&base).map(|(with, without)| with - without).collect();
        Self { added: mean(&added).unwrap_or(0.0), spread: standard_deviation(&added).unwrap_or(0.0), base }
    }
}

/// One simulated study of all rows.
struct Replication {
    /// Times by arm (handheld, MV) and row, s.
    times: [Vec<f64>; 2],
    /// The MV ratio without row noise and without chance in cycles and people: what the assumptions alone make it.
    expected_ratio: f64,
}

/// Everything that a bench needs beside its file.
struct Bench<'a> {
    body: &'a Body,
    cycles: &'a CycleTable,
    compute: Compute,
    stop_early: bool,
    calibration: Calibration,
}

impl Bench<'_> {
    fn model(&self, values: Values) -> ScanModel<'_> {
        let mut model =
            ScanModel { values, handheld_fixed_s: 0.0, cycles: self.cycles, compute: self.compute, stop_early: self.stop_early };
        model.calibrate(self.calibration.added);
        model
    }

    /// Ratio of sums in per cent, from the means of the scan model.
    fn expected_ratio(&self, model: &ScanModel<'_>, method: Method) -> f64 {
        let base: f64 = self.calibration.base.iter().sum();
        let added: f64 = self.body.rows.iter().map(|row| model.expected_s(method, Some(&row.product), row.packages)).sum();
        100.0 * (base + added) / base
    }

    /// [`expected_ratio`](Self::expected_ratio) of the MV arm with a share of the cycle's time, and with every package read where `read` says so.
    fn ideal_ratio(&self, model: &ScanModel<'_>, time: f64, read: bool) -> f64 {
        let mut cycles = self.cycles.clone();
        for cycle in &mut cycles.cycles {
            cycle.mechanical_s *= time;
            for work in [&mut cycle.recorded_s, &mut cycle.measured_s] {
                work.iter_mut().for_each(|seconds| *seconds *= time);
            }
            if read {
                // What is read nowhere is taken to be read at the last stop.
                cycle.read.last_mut().into_iter().for_each(|last| *last = cycle.packages);
            }
        }
        self.expected_ratio(&ScanModel { cycles: &cycles, values: model.values.clone(), ..*model }, Method::Mv)
    }

    fn replicate(&self, number: u64) -> Replication {
        let streams = Streams::new(self.body.seed);
        let values = Values::draw(&self.body.assumptions, &mut streams.stream("assumptions", &[number]));
        let model = self.model(values);
        // The spread between the paper's rows that the scan model's own chance does not explain lies in the two timings of the rest of the work, which
        // every arm has.
        let chance = Streams::new(self.body.seed);
        let own: Vec<f64> = (0..8)
            .flat_map(|again| self.body.rows.iter().enumerate().map(move |(row, of)| (again, row, of)))
            .map(|(again, row, of)| {
                let mut stream = chance.stream("calibrate", &[number, again, row as u64]);
                model.capture(Method::Handheld, Some(&of.product), of.packages, &mut stream).seconds
            })
            .collect();
        let explained = standard_deviation(&own).unwrap_or(0.0);
        let noise = (self.calibration.spread.powi(2) - explained.powi(2)).max(0.0).sqrt();
        let arm = |method: Method, index: u64| -> Vec<f64> {
            let rows = self.body.rows.iter().zip(&self.calibration.base).enumerate();
            rows.map(|(row, (of, base))| {
                let mut stream = streams.stream("capture", &[number, index, row as u64]);
                let noise = noise * streams.stream("row", &[number, index, row as u64]).standard_normal();
                (base + noise + model.capture(method, Some(&of.product), of.packages, &mut stream).seconds).max(0.0)
            })
            .collect()
        };
        Replication { times: [arm(Method::Handheld, 0), arm(Method::Mv, 1)], expected_ratio: self.expected_ratio(&model, Method::Mv) }
    }
}

impl Body {
    /// The value of a figure that is used to calibrate, and of no other: what is to be predicted stays out of reach of the models.
    pub(super) fn calibrating(&self, name: &str) -> Option<f64> {
        let of = self.reported.iter().find(|of| of.name == name)?;
        (of.purpose == Use::Calibrate).then_some(of.value)
    }
}

/// Runs the study.
pub fn run(study: &Study, compute: Compute, quick: bool) -> Findings {
    let body = &study.body;
    let Some(cycles) = &study.cycles else { return Findings::default() };
    let stop_early = body.station.as_ref().is_some_and(|station| station.stop_early);
    let bench = Bench { body, cycles, compute, stop_early, calibration: Calibration::of(body) };
    let studies = if quick { body.effort.quick } else { body.effort.most };
    let runs = in_parallel(0..studies, &|number| bench.replicate(number));

    let base: f64 = bench.calibration.base.iter().sum();
    let ratio = |arm: usize| -> Vec<f64> { runs.iter().map(|run| 100.0 * run.times[arm].iter().sum::<f64>() / base).collect() };
    let mut findings = Findings { closed: true, ..Findings::default() };
    for (arm, key) in [(0, "handheld"), (1, "mv")] {
        for (row, of) in body.rows.iter().enumerate() {
            let times: Vec<f64> = runs.iter().map(|run| run.times[arm][row]).collect();
            findings.found.insert(format!("{key}.{}", of.key), Found::of(&times));
        }
        findings.found.insert(format!("{key}_ratio"), Found::of(&ratio(arm)));
    }
    for (of, base) in body.rows.iter().zip(&bench.calibration.base) {
        findings.found.insert(format!("none.{}", of.key), Found { value: *base, interval: None });
    }
    findings.replications = Text::new(
        format!("{studies} simulated studies of {} rows", body.rows.len()),
        format!("{studies} 次仿真研究，每次 {} 行", body.rows.len()),
    );
    findings.tables.push(report::significance(&runs, &bench.calibration.base));
    findings.tables.push(report::width(&runs, &ratio(1)));
    let likely = bench.model(Values::likely(&body.assumptions));
    let centre = bench.expected_ratio(&likely, Method::Mv);
    let reported = body.value("mv_ratio");
    findings.charts.push(report::bars(&findings, body));
    findings.charts.push(report::tornado(&bench, centre, reported));
    if let Some(reported) = reported {
        findings.tables.push(report::needed(&bench, centre, reported));
    }
    if cycles.loads().last().is_some_and(|most| *most > 1) {
        let (chart, table) = report::packages(&bench, &likely);
        findings.charts.push(chart);
        findings.tables.push(table);
    } else {
        findings.notes.push(Text::new(
            "The table holds cycles of single packages only, so nothing is said about prescriptions of more.",
            "该表仅含单盒采集周期，因此不对多盒处方作任何结论。",
        ));
    }
    findings.tables.push(report::cycles_table(cycles, body, stop_early));
    findings
}
