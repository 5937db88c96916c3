//! A day of an outpatient pharmacy: patients come, prescriptions are audited and picked, windows check, capture the codes and hand over.

mod arrivals;
mod file;
mod report;
mod simulation;

use reports::study::{Span, Text};
use scanner_core::pool::PoolError;

use super::assumptions::Values;
use super::cycles::{Compute, CycleTable};
use super::file::{Body, Study};
use super::scan::{Method, ScanModel};
use super::slips::Slips;
use super::{Findings, Found};
use crate::workflow::Streams;
use crate::workflow::statistics::{in_parallel, replicate};

pub use arrivals::Trace;
pub use file::{Day, Line, Prices};
use simulation::Simulation;

/// Assumptions of the day beyond those of the scan models and of slips.
pub const ASSUMPTIONS: [&str; 11] = [
    "device_mtbf_h",
    "device_mttr_min",
    "key_in_s",
    "outages_per_day",
    "outage_min",
    "missed_scan_share",
    "not_in_pool_share",
    "fatigue_share",
    "return_share",
    "return_s",
    "urgent_share",
];

/// After closing the windows go on for this long at most; who still waits then is counted as not served.
const LATEST_AFTER_CLOSING_S: f64 = 4.0 * 3600.0;

/// Between two samples of the queue, s.
const SAMPLE_S: f64 = 600.0;

/// What a day gave with one method.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Prescriptions that were handed over.
    pub served: u64,
    /// Patients who left without.
    pub left: u64,
    /// Mean time from arrival to the window, s.
    pub wait_s: f64,
    /// Its median, s.
    pub wait_median_s: f64,
    /// 95 % of the patients wait no longer, s.
    pub wait_95_s: f64,
    /// Most patients waiting at the windows at once.
    pub longest_queue: usize,
    /// Busy ÷ staffed window time until closing.
    pub utilisation: f64,
    /// When the last patient was served, s after opening.
    pub last_done_s: f64,
    /// From closing until the last patient is served, s.
    pub overtime_s: f64,
    /// Patients who brought a return or a question.
    pub returns: u64,
    /// Prescriptions of which a code was not captured.
    pub unreimbursed: u64,
    /// Packages whose scan was forgotten, or whose code the pool did not hold.
    pub missed_scans: u64,
    /// Human errors, and where each ended.
    pub slips: Slips,
    /// Codes that were captured.
    pub codes: u64,
    /// Codes that the platform had by the end of the day.
    pub uploaded: u64,
    /// Codes that were uploaded more than a minute after they were captured.
    pub late_codes: u64,
    /// The latest of them, s.
    pub latest_upload_s: f64,
    /// Most prescriptions in the outbox at once.
    pub longest_outbox: usize,
    /// Packages that the station left for the hand.
    pub by_hand: u64,
    /// Units that the real pool sold, where it took part.
    pub sold_by_pool: u64,
    /// Patients waiting at the windows, every ten minutes from opening.
    pub queue: Vec<f64>,
    /// Share of the staffed windows that are busy at the same moments.
    pub busy: Vec<f64>,
    /// What one window did, where asked for.
    pub spans: Vec<Span>,
    /// The events, as CSV, where asked for.
    pub trace: Option<String>,
}

/// One way to run the day.
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    /// How codes are captured.
    pub method: Method,
    /// Windows that are open.
    pub windows: u32,
    /// Stations that the windows share.
    pub stations: u32,
}

/// What every day of a study shares.
struct Inputs<'a> {
    body: &'a Body,
    day: &'a Day,
    trace: Option<&'a Trace>,
    cycles: &'a CycleTable,
    compute: Compute,
    stop_early: bool,
    /// Mean of the window's own work, s.
    window_mean_s: f64,
    /// What the handheld scanner adds to a mean prescription, s.
    handheld_added_s: f64,
    /// What demand is multiplied by.
    demand: f64,
}

impl<'a> Inputs<'a> {
    /// Of a study of a day; nothing of any other.
    fn of(study: &'a Study, compute: Compute) -> Option<Self> {
        let body = &study.body;
        let none = body.calibrating("none.window").unwrap_or(0.0);
        let with = body.calibrating("handheld.window").unwrap_or(none);
        Some(Self {
            body,
            day: body.day.as_ref()?,
            trace: study.arrivals.as_ref(),
            cycles: study.cycles.as_ref()?,
            compute,
            stop_early: body.station.as_ref().is_some_and(|station| station.stop_early),
            window_mean_s: none,
            handheld_added_s: (with - none).max(0.0),
            demand: 1.0,
        })
    }

    fn model(&self, values: Values) -> ScanModel<'a> {
        let mut model =
            ScanModel { values, handheld_fixed_s: 0.0, cycles: self.cycles, compute: self.compute, stop_early: self.stop_early };
        // The mean prescription has more than one package; the rest of the mean addition is the fixed part.
        let packages = self.day.packages.mean();
        let added = self.handheld_added_s - (packages - 1.0) * model.handheld_package_s();
        model.calibrate(added);
        model
    }

    fn arm(&self, method: Method, windows: u32) -> Arm {
        Arm { method, windows, stations: self.day.stations.unwrap_or(windows) }
    }

    /// Times of arrival on a day, s after opening.
    fn arrivals(&self, number: u64, streams: &Streams) -> Vec<f64> {
        if let Some(trace) = self.trace {
            return trace.draw(&mut streams.stream("trace", &[number]));
        }
        let [low, high] = self.day.prescriptions_per_window;
        let per_window = low + (high - low) * streams.stream("demand", &[number]).unit();
        let expected = self.demand * per_window * f64::from(self.day.windows);
        self.day.arrivals(expected, &mut streams.stream("arrivals", &[number]))
    }

    /// Prescriptions of a mean day.
    fn prescriptions(&self) -> f64 {
        let [least, most] = self.day.prescriptions_per_window;
        self.trace.map_or(self.demand * 0.5 * (least + most) * f64::from(self.day.windows), Trace::mean)
    }

    fn simulate(&self, arm: Arm, number: u64) -> Outcome {
        Simulation::new(self, arm, number).run()
    }

    /// Mean work at the windows ÷ window time until closing, on a mean day.
    fn load(&self, method: Method, windows: u32) -> f64 {
        let model = self.model(Values::likely(&self.body.assumptions));
        let packages = self.day.packages.mean();
        let low = packages.floor().max(1.0);
        let between = |k: f64| model.expected_s(method, None, k as u32);
        let scan = between(low) + (packages - low) * (between(low + 1.0) - between(low));
        let v = &model.values;
        // Half of the stretch's fatigue on average: a little too much where breaks are many.
        let own = self.window_mean_s * (1.0 + 0.5 * v.get("fatigue_share")) + v.get("return_share") * v.get("return_s");
        self.prescriptions() * (own + scan) / self.day.capacity_s(windows)
    }

    /// Sets the demand by the reported median wait without a scan, min: the mean over a few days of their medians equals it.
    fn fit(&mut self, median_min: f64) {
        let (mut low, mut high) = (0.02, 2.0);
        for _ in 0..16 {
            self.demand = 0.5 * (low + high);
            let arm = self.arm(Method::None, self.day.windows);
            let of = &*self;
            let medians = in_parallel(0..8, &|number| of.simulate(arm, number).wait_median_s / 60.0);
            if reports::stats::mean(&medians).unwrap_or(0.0) > median_min { high = self.demand } else { low = self.demand }
        }
    }
}

/// One day of a study with all its windows; nothing where the study is of something else.
pub fn one_day(study: &Study, method: Method, number: u64) -> Option<Outcome> {
    let inputs = Inputs::of(study, Compute::Recorded)?;
    Some(inputs.simulate(inputs.arm(method, inputs.day.windows), number))
}

/// The same day while the real pool, in memory and of so many products, sells every prescription whose codes are captured.
///
/// # Errors
/// The pool's.
pub fn one_day_with_pool(study: &Study, method: Method, number: u64, products: u32) -> Result<Option<Outcome>, PoolError> {
    let Some(inputs) = Inputs::of(study, Compute::Recorded) else { return Ok(None) };
    let arm = inputs.arm(method, inputs.day.windows);
    let (outcome, failed) = Simulation::new(&inputs, arm, number).with_pool(products, study.body.seed)?.run_with_pool();
    failed.map_or(Ok(Some(outcome)), Err)
}

/// Runs the study.
pub fn run(study: &Study, compute: Compute, quick: bool) -> Findings {
    let Some(mut inputs) = Inputs::of(study, compute) else { return Findings::default() };
    let mut findings = Findings { closed: true, ..Findings::default() };
    if let Some(wanted) = inputs.day.fit.as_deref().and_then(|name| inputs.body.calibrating(name)) {
        inputs.fit(wanted);
        let each = inputs.prescriptions() / f64::from(inputs.day.windows);
        let load = 100.0 * inputs.load(Method::None, inputs.day.windows);
        findings.notes.push(Text::new(
            format!(
                "The demand was set so that the median wait without a scan is the reported {wanted} min: {each:.0} prescriptions for each window and day, {load:.0} % load."
            ),
            format!("需求量按不扫码时等候时间中位数等于报告值 {wanted} 分钟设定：每窗口每日 {each:.0} 张处方，负荷 {load:.0} %。"),
        ));
    }
    let (body, day) = (inputs.body, inputs.day);
    let effort = if quick { body.effort.quickly() } else { body.effort.precision() };
    let mut results: Vec<(Method, Vec<Outcome>)> = Vec::new();
    for method in Method::ALL {
        let arm = inputs.arm(method, day.windows);
        let days = replicate(effort, |number| inputs.simulate(arm, number), |of| vec![of.utilisation, of.wait_s]);
        findings.closed &= days.closed || quick;
        results.push((method, days.results));
    }
    let days = results.iter().map(|(_, days)| days.len()).max().unwrap_or(0);
    findings.replications = Text::new(format!("up to {days} days in each arm"), format!("每种方式最多 {days} 天"));
    for (method, days) in &results {
        let of = |measure: &dyn Fn(&Outcome) -> f64| Found::of(&days.iter().map(measure).collect::<Vec<_>>());
        findings.found.insert(format!("{}.wait_min", method.key()), of(&|d| d.wait_s / 60.0));
        findings.found.insert(format!("{}.wait_median_min", method.key()), of(&|d| d.wait_median_s / 60.0));
        findings.found.insert(format!("{}.utilisation", method.key()), of(&|d| d.utilisation));
        let load = inputs.load(*method, day.windows);
        if load > 1.0 {
            let (text, windows, load, hours) = (method.text(), day.windows, 100.0 * load, LATEST_AFTER_CLOSING_S / 3600.0);
            findings.notes.push(Text::new(
                format!(
                    "{}: above capacity. On a mean day {windows} windows have {load:.0} % of the work that they can do until closing; who still waits {hours:.0} h after closing counts as not served.",
                    text.en
                ),
                format!(
                    "{}：超出能力。平均一日内 {windows} 个窗口承担的工作量为下班前可完成量的 {load:.0} %；下班 {hours:.0} 小时后仍在等候者计为未服务。",
                    text.zh
                ),
            ));
        }
    }
    let window = |added: f64| Found { value: inputs.window_mean_s + added, interval: None };
    findings.found.insert("none.window".to_owned(), window(0.0));
    findings.found.insert("handheld.window".to_owned(), window(inputs.handheld_added_s));
    report::fill(&mut findings, &inputs, &results, quick);
    let mut traced = Simulation::new(&inputs, inputs.arm(Method::Mv, day.windows), 0);
    traced.trace = Some("seconds_after_opening,patient,event,window\n".to_owned());
    findings.trace = traced.run().trace;
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::statistics::on_cores;

    pub(super) fn study() -> Study {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("studies/outpatient-day.toml");
        Study::load(&path).unwrap()
    }

    fn inputs(study: &Study) -> Inputs<'_> {
        Inputs::of(study, Compute::Recorded).unwrap()
    }

    #[test]
    fn everybody_is_accounted_for_and_the_same_people_come_in_every_arm() {
        let study = study();
        let inputs = inputs(&study);
        let days: Vec<Outcome> = Method::ALL.into_iter().map(|method| inputs.simulate(inputs.arm(method, 12), 5)).collect();
        for day in &days {
            assert_eq!(day.served + day.left, days[0].served + days[0].left);
            assert!(day.uploaded <= day.codes && day.late_codes <= day.uploaded && day.unreimbursed <= day.served + day.left);
        }
        assert_eq!(days[0].unreimbursed, days[0].served, "without a scan nothing is reimbursed");
        assert_eq!(days[0].codes, 0);
        // Nothing is added at the window by the pool, so the same patients wait as long as without a scan.
        assert_eq!((days[3].wait_s, days[3].queue.clone()), (days[0].wait_s, days[0].queue.clone()));
        assert!(days[1].wait_s > days[0].wait_s, "handheld {} s, none {} s", days[1].wait_s, days[0].wait_s);
    }

    #[test]
    fn the_same_seed_gives_the_same_day_to_the_last_bit_on_one_core_or_two() {
        let study = study();
        let inputs = inputs(&study);
        let run = |number: u64| inputs.simulate(inputs.arm(Method::Mv, 12), number);
        assert_eq!(on_cores(1, 0..3, &run), on_cores(2, 0..3, &run));
    }

    #[test]
    fn more_windows_never_make_the_wait_longer() {
        let study = study();
        let inputs = inputs(&study);
        let waits: Vec<f64> = [8, 12, 16, 24].map(|windows| inputs.simulate(inputs.arm(Method::Handheld, windows), 1).wait_s).to_vec();
        assert!(waits.is_sorted_by(|a, b| a >= b), "{waits:?}");
    }

    /// A study with one thing changed, simulated.
    fn with(change: impl Fn(&mut Study), method: Method) -> Outcome {
        let mut study = study();
        change(&mut study);
        let inputs = inputs(&study);
        inputs.simulate(inputs.arm(method, inputs.day.windows), 2)
    }

    fn set(study: &mut Study, name: &str, value: f64) {
        let of = study.body.assumptions.get_mut(name).unwrap();
        (of.low, of.likely, of.high) = (value, value, value);
    }

    #[test]
    fn who_has_no_patience_leaves_unserved() {
        let day = with(
            |study| study.body.day.as_mut().unwrap().patience_s = crate::workflow::Distribution::Constant { value: 0.0 },
            Method::None,
        );
        assert_eq!((day.served, day.wait_s), (0, 0.0));
        assert!(day.left > 1000);
    }

    #[test]
    fn nothing_is_lost_in_the_outbox_when_the_network_comes_back() {
        let outage = |minutes: f64| {
            with(
                move |study| {
                    set(study, "outages_per_day", 4.0);
                    set(study, "outage_min", minutes);
                },
                Method::Pool,
            )
        };
        let (short, long) = (outage(10.0), outage(60.0));
        assert_eq!(short.codes, long.codes, "dispensing goes on");
        assert!(short.late_codes < long.late_codes && short.longest_outbox < long.longest_outbox, "seed of the study");
        assert_eq!(short.wait_s, long.wait_s);
        assert_eq!((short.uploaded, long.uploaded), (short.codes, long.codes));
        let never = with(|study| set(study, "outages_per_day", 0.0), Method::Pool);
        assert_eq!((never.uploaded, never.codes), (short.codes, short.codes));
    }

    #[test]
    fn a_broken_device_means_keying_in() {
        // A quiet day, on which everybody is served.
        let with_mtbf = |hours: f64| {
            with(
                move |study| {
                    study.body.day.as_mut().unwrap().prescriptions_per_window = [200.0, 200.0];
                    set(study, "device_mtbf_h", hours);
                    set(study, "device_mttr_min", 1e6);
                },
                Method::Mv,
            )
        };
        let (broken, works) = (with_mtbf(0.001), with_mtbf(1e9));
        assert_eq!(broken.codes + broken.missed_scans, works.codes + works.missed_scans, "the same packages");
        assert_eq!(broken.by_hand, broken.codes + broken.missed_scans, "all of them are keyed in");
        assert!(works.by_hand < broken.by_hand);
    }

    #[test]
    fn shared_stations_are_waited_for_and_break_for_all() {
        let shared = |stations: u32, mtbf: f64| {
            with(
                move |study| {
                    study.body.day.as_mut().unwrap().stations = Some(stations);
                    set(study, "device_mtbf_h", mtbf);
                    set(study, "device_mttr_min", 1e6);
                },
                Method::Mv,
            )
        };
        let (many, few, broken) = (shared(12, 1e9), shared(5, 1e9), shared(5, 0.001));
        assert!(few.wait_s > many.wait_s, "{} s, {} s", few.wait_s, many.wait_s);
        assert_eq!(broken.by_hand, broken.codes + broken.missed_scans);
    }

    #[test]
    fn fatigue_lengthens_the_wait_and_breaks_cost_capacity() {
        let tired = |share: f64| with(move |study| set(study, "fatigue_share", share), Method::Handheld);
        assert!(tired(0.15).wait_s > tired(0.0).wait_s);
        let unbroken = with(|study| study.body.day.as_mut().unwrap().roster.clear(), Method::Handheld);
        let noon = with(|_| (), Method::Handheld);
        // Not the wait: more patients leave, and those who stay wait no longer.
        assert!(noon.served < unbroken.served, "{} with breaks, {} without", noon.served, unbroken.served);
    }

    #[test]
    fn a_traced_day_brings_just_its_patients() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen.csv");
        std::fs::write(&path, "day,hour\na,8.5\na,9.0\na,9.25\n").unwrap();
        let day = with(
            |study| {
                study.arrivals = Some(Trace::load(&path, study.body.day.as_ref().unwrap()).unwrap());
            },
            Method::None,
        );
        assert_eq!((day.served, day.left), (3, 0));
    }

    #[test]
    fn demand_is_fitted_to_the_reported_median() {
        let study = study();
        let mut inputs = inputs(&study);
        inputs.fit(4.0);
        let arm = inputs.arm(Method::None, 12);
        let medians: Vec<f64> = (0..8).map(|number| inputs.simulate(arm, number).wait_median_s / 60.0).collect();
        let mean = reports::stats::mean(&medians).unwrap();
        assert!((mean - 4.0).abs() < 0.3, "{mean} min at demand {}", inputs.demand);
    }

    #[test]
    fn the_real_pool_sells_every_code_that_is_captured() {
        let mut study = study();
        study.body.day.as_mut().unwrap().prescriptions_per_window = [20.0, 20.0];
        let without = one_day(&study, Method::Pool, 1).unwrap();
        let with = one_day_with_pool(&study, Method::Pool, 1, 30).unwrap().unwrap();
        assert_eq!(with.sold_by_pool, with.codes);
        assert_eq!(Outcome { sold_by_pool: 0, ..with }, without, "the pool changes nothing else");
    }
}
