//! Figures of other hospitals, predicted by the handheld model that Table 1 of Zhao et al. calibrates: does what one hospital timed carry over?

use reports::study::{Bar, Chart, Plot, StudyTable, Text};

use super::assumptions::Values;
use super::cycles::{Compute, CycleTable};
use super::file::{Body, Study};
use super::scan::{Method, ScanModel};
use super::{Findings, Found, words};
use crate::workflow::statistics::in_parallel;
use crate::workflow::{Stream, Streams, lognormal};

/// Assumptions of the model beyond those of the scanner.
pub const ASSUMPTIONS: [&str; 5] = ["packages_outpatient", "packages_children", "caught_by_code_share", "scanned_share", "prescriptions"];

/// The places whose times are predicted: key of their arms, assumption of their packages.
const PLACES: [(&str, &str); 2] = [("outpatient", "packages_outpatient"), ("children", "packages_children")];

/// Prescriptions that are timed in a replication. None of the sources says how many were.
const TIMED: u64 = 300;

/// The arms: who calibrates, and before and after at each place.
pub const ARMS: [&str; 5] = ["table1", "outpatient-before", "outpatient-after", "children-before", "children-after"];

struct Inputs<'a> {
    body: &'a Body,
    cycles: CycleTable,
}

/// What a replication gave.
#[derive(Debug, Clone, PartialEq)]
struct Replication {
    /// Mean and standard deviation of the window's time after, by place, s.
    times: Vec<(f64, f64)>,
    /// Errors after, per mille.
    errors: f64,
}

/// A Poisson number by counting exponential times; `mean` is small here.
fn poisson(mean: f64, stream: &mut Stream) -> u32 {
    let mut count = 0;
    let mut left = mean;
    loop {
        left -= stream.exponential(1.0);
        if left < 0.0 || !left.is_finite() {
            return count;
        }
        count += 1;
    }
}

impl Inputs<'_> {
    fn calibrating(&self, name: &str) -> f64 {
        self.body.calibrating(name).unwrap_or(0.0)
    }

    /// The handheld model, set by the one-package rows of Table 1.
    fn model(&self, values: Values) -> ScanModel<'_> {
        let mut model = ScanModel { values, handheld_fixed_s: 0.0, cycles: &self.cycles, compute: Compute::Recorded, stop_early: false };
        model.calibrate(self.calibrating("table1.handheld") - self.calibrating("table1.none"));
        model
    }

    fn replicate(&self, number: u64) -> Replication {
        let streams = Streams::new(self.body.seed);
        let model = self.model(Values::draw(&self.body.assumptions, &mut streams.stream("assumptions", &[number])));
        let v = &model.values;
        let times = PLACES.into_iter().map(|(place, packages)| {
            let (mean, spread) = (self.calibrating(&format!("{place}-before.window")), self.calibrating(&format!("{place}-before.spread")));
            let seconds: Vec<f64> = (0..TIMED)
                .map(|patient| {
                    let mut own = streams.stream(place, &[number, patient]);
                    let k = 1 + poisson(v.get(packages) - 1.0, &mut own);
                    // Where no spread is reported, the mean alone is compared and needs none.
                    let before = lognormal(mean, spread / mean, own.open_unit());
                    before + model.capture(Method::Handheld, None, k, &mut own).seconds
                })
                .collect();
            let mean = reports::stats::mean(&seconds).unwrap_or(f64::NAN);
            (mean, reports::stats::standard_deviation(&seconds).unwrap_or(f64::NAN))
        });
        let left = 1.0 - v.get("caught_by_code_share") * v.get("scanned_share");
        let expected = self.calibrating("children-before.errors") / 1000.0 * left * v.get("prescriptions");
        let count = poisson(expected, &mut streams.stream("errors", &[number]));
        Replication { times: times.collect(), errors: 1000.0 * f64::from(count) / v.get("prescriptions") }
    }
}

/// Runs the study.
pub fn run(study: &Study, quick: bool) -> Findings {
    let body = &study.body;
    let inputs = Inputs { body, cycles: CycleTable::default() };
    let replications = if quick { body.effort.quick } else { body.effort.most };
    let runs = in_parallel(0..replications, &|number| inputs.replicate(number));
    let mut findings = Findings { closed: true, ..Findings::default() };
    for (index, (place, _)) in PLACES.into_iter().enumerate() {
        let of = |measure: &dyn Fn(&(f64, f64)) -> f64| Found::of(&runs.iter().map(|run| measure(&run.times[index])).collect::<Vec<_>>());
        findings.found.insert(format!("{place}-after.window"), of(&|time| time.0));
        findings.found.insert(format!("{place}-after.spread"), of(&|time| time.1));
    }
    findings.found.insert("children-after.errors".to_owned(), Found::of(&runs.iter().map(|run| run.errors).collect::<Vec<_>>()));
    findings.replications =
        Text::new(format!("{replications} samples of {TIMED} prescriptions"), format!("{replications} 个样本，每个 {TIMED} 张处方"));
    findings.tables.push(needed(&inputs));
    findings.charts.push(bars(&findings, body));
    findings
}

/// What would have to be different for the reported times: the overhead of a prescription.
fn needed(inputs: &Inputs<'_>) -> StudyTable {
    let model = inputs.model(Values::likely(&inputs.body.assumptions));
    let package = model.handheld_package_s();
    let row = |name: Text, added: f64, packages: f64| {
        vec![
            name,
            words(format!("{added:.2}")),
            words(format!("{packages:.1}")),
            words(format!("{:.2}", packages * package)),
            words(format!("{:.2}", added - packages * package)),
        ]
    };
    let mut rows = vec![row(
        Text::new("Table 1 of Zhao et al.", "Zhao 等表 1"),
        inputs.calibrating("table1.handheld") - inputs.calibrating("table1.none"),
        1.0,
    )];
    for (place, packages) in PLACES {
        let name = format!("{place}-after.window");
        let Some(after) = inputs.body.reported.iter().find(|of| of.name == name) else { continue };
        let added = after.value - inputs.calibrating(&format!("{place}-before.window"));
        rows.push(row(after.label.text(), added, model.values.get(packages)));
    }
    StudyTable {
        title: Text::new("What each prescription costs beside its packages", "每张处方除逐盒扫码外的时间"),
        lead: Text::new(
            "Seconds, at likely values. The last column is what scanning adds per prescription once the packages' own scanning is taken off (taking the scanner, the screen, submitting). Were the hospitals alike, it would be the same everywhere.",
            "单位：秒，取可能值。末列为扣除逐盒扫码后每张处方的额外时间（取枪、看屏、提交）。若各医院相同，则该值应处处相等。",
        ),
        header: vec![
            Text::new("where", "来源"),
            Text::new("added in all", "增加总计"),
            Text::new("packages", "盒数"),
            Text::new("of which scanning", "其中逐盒扫码"),
            Text::new("per prescription", "每张处方额外"),
        ],
        rows,
    }
}

fn bars(findings: &Findings, body: &Body) -> Chart {
    let bars = body.reported.iter().filter(|of| of.name.ends_with(".window")).map(|of| {
        let found = findings.found.get(&of.name);
        Bar {
            name: of.label.text(),
            value: found.map_or(of.value, |found| found.value),
            interval: found.and_then(|found| found.interval),
            reported: Some(of.value),
        }
    });
    Chart {
        title: Text::new("Time at the window, before and after scanning", "扫码前后的窗口时间"),
        lead: Text::new(
            "Before-values are the sources' own; after-values are predicted by what Table 1 says about handheld scanning.",
            "扫码前为来源数值；扫码后按表 1 的手持扫码时间预测。",
        ),
        plot: Plot::Bars { unit: "s".to_owned(), bars: bars.collect() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study() -> Study {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("studies/published-figures.toml");
        Study::load(&path).unwrap()
    }

    #[test]
    fn poisson_numbers_have_their_mean() {
        let mut stream = Streams::new(6).stream("poisson", &[]);
        let sum: u32 = (0..20_000).map(|_| poisson(1.5, &mut stream)).sum();
        // Five standard deviations of a sum with variance 30,000.
        assert!((f64::from(sum) - 30_000.0).abs() < 5.0 * 30_000_f64.sqrt(), "{sum}, seed 6");
        assert_eq!((poisson(0.0, &mut stream), poisson(-1.0, &mut stream)), (0, 0));
    }

    #[test]
    fn the_expected_time_is_the_base_the_overhead_and_the_packages() {
        let study = study();
        let inputs = Inputs { body: &study.body, cycles: CycleTable::default() };
        let model = inputs.model(Values::likely(&study.body.assumptions));
        // Table 1: 61 s with the scanner, 39.5 s without, one package.
        assert!((model.expected_s(Method::Handheld, None, 1) - 21.5).abs() < 1e-9);
        let after = run(&study, true).found["outpatient-after.window"];
        let packages = study.body.assumptions["packages_outpatient"].likely;
        let expected = 28.74 + 21.5 + (packages - 1.0) * model.handheld_package_s();
        assert!((after.value - expected).abs() < 3.0, "{after:?}, {expected}");
    }
}
