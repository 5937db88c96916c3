//! A rural clinic: one person, an old scanner, a line that fails; what it saves to work on without it.
//!
//! Three ways to meet an outage, on the same days with the same patients: *wait* (no code is valid until the platform has answered, so everybody waits),
//! *skip* (drugs are handed over without a code and not reimbursed), *offline* (codes are captured and uploaded when the line is back). In the last one
//! every sale of the first periods goes through the real pool, its outbox, the real uploader and the platform's simulator ([`platform`]).

mod file;
pub mod platform;
mod report;

use reports::study::{Span, Text};

use super::assumptions::Values;
use super::cycles::{Compute, CycleTable};
use super::file::{Body, Study};
use super::scan::{Method, ScanModel};
use super::{Findings, Found};
use crate::error::{Failure, Result};
use crate::workflow::statistics::replicate;
use crate::workflow::{Calendar, Servers, Stream, Streams};

pub use file::Clinic;
pub use platform::Uploads;

/// Assumptions of the clinic beyond those of the scanner.
pub const ASSUMPTIONS: [&str; 11] = [
    "patients_per_day",
    "own_s",
    "fixed_s",
    "submit_s",
    "other_per_h",
    "other_min",
    "outages_per_day",
    "outage_min",
    "missed_scan_share",
    "package_rmb",
    "faulty_share",
];

/// A way to meet an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Dispensing waits for the line.
    Wait,
    /// Drugs are handed over without a code.
    Skip,
    /// Codes are captured and uploaded later.
    Offline,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Wait, Self::Skip, Self::Offline];

    /// As files say it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Skip => "skip",
            Self::Offline => "offline",
        }
    }

    /// As reports say it.
    pub fn text(self) -> Text {
        match self {
            Self::Wait => Text::new("wait for the line", "等待网络恢复"),
            Self::Skip => Text::new("dispense without a code", "不采集直接发药"),
            Self::Offline => Text::new("work offline", "离线采集"),
        }
    }
}

/// A sale whose codes were captured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sale {
    /// When, s after the first midnight.
    pub at: f64,
    /// Packages with a code.
    pub codes: u32,
}

/// What a period gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Period {
    /// Patients who came.
    pub came: u64,
    /// Those who got their drugs.
    pub served: u64,
    /// Sum of times from arrival to being served, s.
    pub waited_s: f64,
    /// Time that the person spends waiting for the line, s.
    pub blocked_s: f64,
    /// Prescriptions of which a code is missing.
    pub unreimbursed: u64,
    /// Packages without a code.
    pub uncoded: u64,
    /// Sales with codes.
    pub sales: Vec<Sale>,
    /// What the person did on the day of the longest outage, where asked for.
    pub spans: Vec<Span>,
}

impl Period {
    /// Codes that were captured.
    pub fn codes(&self) -> u64 {
        self.sales.iter().map(|sale| u64::from(sale.codes)).sum()
    }

    fn wait_min(&self) -> f64 {
        self.waited_s / 60.0 / self.served.max(1) as f64
    }
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Patient(usize),
    Other,
    Leaves(usize),
    Done,
}

struct Patient {
    arrived: f64,
    packages: u32,
    scan: Stream,
    patience_s: f64,
    ticket: Option<crate::workflow::Ticket>,
}

/// What all periods of a study share.
struct Inputs<'a> {
    body: &'a Body,
    clinic: &'a Clinic,
    cycles: CycleTable,
}

/// The outages of a period, s after the first midnight; at night too.
fn outages(v: &Values, days: u32, stream: &mut Stream) -> Vec<(f64, f64)> {
    let (per_day, minutes) = (v.get("outages_per_day"), v.get("outage_min"));
    let mut found = Vec::new();
    let mut time = 0.0;
    loop {
        time += stream.exponential(86_400.0 / per_day.max(1e-9));
        // The time in between is drawn first, so that a longer outage shifts the later ones and no draw.
        let end = time + stream.exponential(minutes * 60.0);
        if time >= f64::from(days) * 86_400.0 {
            return found;
        }
        found.push((time, end));
        time = end;
    }
}

fn outage_at(outages: &[(f64, f64)], time: f64) -> Option<f64> {
    outages.iter().find(|(from, to)| (*from..*to).contains(&time)).map(|(_, to)| *to)
}

impl Inputs<'_> {
    fn values(&self, number: u64) -> Values {
        Values::draw(&self.body.assumptions, &mut Streams::new(self.body.seed).stream("assumptions", &[number]))
    }

    fn outages(&self, v: &Values, number: u64) -> Vec<(f64, f64)> {
        outages(v, self.clinic.days, &mut Streams::new(self.body.seed).stream("outages", &[number]))
    }

    fn period(&self, way: Way, v: &Values, number: u64, watch: bool) -> Period {
        let outages = self.outages(v, number);
        let longest = outages.iter().filter(|(from, _)| self.clinic.open(*from)).max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
        let watched = longest.filter(|_| watch).map(|(from, _)| (*from / 86_400.0) as u32);
        let mut period = Period::default();
        for day in 0..self.clinic.days {
            self.day(way, v, (number, day), &outages, watched == Some(day), &mut period);
        }
        period
    }

    fn day(&self, way: Way, v: &Values, (number, day): (u64, u32), outages: &[(f64, f64)], watch: bool, period: &mut Period) {
        let streams = Streams::new(self.body.seed);
        let clinic = self.clinic;
        let midnight = f64::from(day) * 86_400.0;
        let model = ScanModel {
            values: v.clone(),
            handheld_fixed_s: v.get("fixed_s"),
            cycles: &self.cycles,
            compute: Compute::Recorded,
            stop_early: false,
        };
        let mut calendar = Calendar::new();
        let mut person: Servers<Option<usize>> = Servers::new(1, 2);
        let mut arrivals = streams.stream("arrivals", &[number, u64::from(day)]);
        let mut other = streams.stream("other work", &[number, u64::from(day)]);
        let mut patients: Vec<Patient> = Vec::new();
        for (index, arrived) in clinic.arrivals(v.get("patients_per_day"), &mut arrivals).into_iter().enumerate() {
            let mut own = streams.stream("patient", &[number, u64::from(day), index as u64]);
            let packages = clinic.packages.sample(&mut own).round().max(1.0) as u32;
            let patience_s = clinic.patience_s.sample(&mut own);
            calendar.at(arrived, Event::Patient(index));
            patients.push(Patient { arrived, packages, scan: own, patience_s, ticket: None });
        }
        let between = 3600.0 / v.get("other_per_h").max(1e-9);
        calendar.after(other.exponential(between), Event::Other);
        period.came += patients.len() as u64;
        while let Some((now, event)) = calendar.pop() {
            let next = match event {
                Event::Patient(who) => match person.request_ticket(now, 0, Some(who)) {
                    Err(next) => Some(next),
                    Ok(ticket) => {
                        patients[who].ticket = Some(ticket);
                        calendar.after(patients[who].patience_s, Event::Leaves(who));
                        None
                    }
                },
                Event::Other => {
                    if now < clinic.open_s() {
                        calendar.after(other.exponential(between), Event::Other);
                    }
                    person.request(now, 1, None)
                }
                Event::Leaves(who) => {
                    if let Some(ticket) = patients[who].ticket {
                        person.leave(now, ticket);
                    }
                    None
                }
                Event::Done => person.release(now),
            };
            let Some(task) = next else { continue };
            let clock = midnight + clinic.opens_h * 3600.0 + now;
            let mut spans = Vec::new();
            let seconds = match task {
                None => {
                    let seconds = other.exponential(v.get("other_min") * 60.0);
                    spans.push((seconds, 3));
                    seconds
                }
                Some(who) => {
                    let patient = &mut patients[who];
                    period.served += 1;
                    period.waited_s += now - patient.arrived;
                    self.serve(way, v, &model, patient, clock, outages, period, &mut spans)
                }
            };
            if watch {
                let mut from = clinic.opens_h * 3600.0 + now;
                for (seconds, kind) in spans.into_iter().filter(|(seconds, _)| *seconds > 0.0) {
                    let item = task.map_or_else(|| "other work".to_owned(), |who| format!("patient {who}"));
                    period.spans.push(Span { from, to: from + seconds, kind, item });
                    from += seconds;
                }
            }
            calendar.after(seconds, Event::Done);
        }
    }

    /// One patient from `clock` on, s after the first midnight: how long it takes. `spans` gets the parts: dispensing, scanning, waiting for the line.
    #[allow(clippy::too_many_arguments, reason = "one patient touches all of these")]
    fn serve(
        &self,
        way: Way,
        v: &Values,
        model: &ScanModel<'_>,
        patient: &mut Patient,
        clock: f64,
        outages: &[(f64, f64)],
        period: &mut Period,
        spans: &mut Vec<(f64, usize)>,
    ) -> f64 {
        let own = crate::workflow::lognormal(v.get("own_s"), v.get("human_cv"), patient.scan.open_unit());
        let scan = model.capture(Method::Handheld, None, patient.packages, &mut patient.scan).seconds;
        let missed = (0..patient.packages).filter(|_| patient.scan.chance(v.get("missed_scan_share"))).count() as u32;
        spans.push((own, 0));
        let begun = clock + own;
        let scanned = begun + scan;
        let (at_once, down) = (outage_at(outages, begun), outage_at(outages, scanned));
        if way == Way::Skip && (at_once.is_some() || down.is_some()) {
            // A line that is down is not even tried; one that fails meanwhile costs the scan.
            let lost = if at_once.is_some() { 0.0 } else { scan };
            spans.push((lost, 1));
            period.unreimbursed += 1;
            period.uncoded += u64::from(patient.packages);
            return own + lost;
        }
        spans.push((scan, 1));
        // Only who waits for the answer sees the line's latency; the outbox sends in the background.
        let blocked = down.filter(|_| way == Way::Wait).map_or(0.0, |end| end - scanned);
        let answer = blocked + if way == Way::Offline { 0.0 } else { v.get("submit_s") };
        spans.push((answer, 2));
        period.blocked_s += blocked;
        period.unreimbursed += u64::from(missed > 0);
        period.uncoded += u64::from(missed);
        let codes = patient.packages - missed;
        if codes > 0 {
            period.sales.push(Sale { at: scanned + answer, codes });
        }
        own + scan + answer
    }
}

/// Runs the study.
///
/// # Errors
/// The pool fails.
pub fn run(study: &Study, quick: bool) -> Result<Findings> {
    let body = &study.body;
    let Some(clinic) = &body.clinic else { return Ok(Findings::default()) };
    let inputs = Inputs { body, clinic, cycles: CycleTable::default() };
    let effort = if quick { body.effort.quickly() } else { body.effort.precision() };
    let mut findings = Findings { closed: true, ..Findings::default() };
    let mut results: Vec<(Way, Vec<Period>)> = Vec::new();
    for way in Way::ALL {
        let runs = replicate(
            effort,
            |number| inputs.period(way, &inputs.values(number), number, false),
            |of| vec![of.wait_min(), of.served as f64],
        );
        findings.closed &= runs.closed || quick;
        results.push((way, runs.results));
    }
    let days = f64::from(clinic.days);
    for (way, periods) in &results {
        let of = |measure: &dyn Fn(&Period) -> f64| Found::of(&periods.iter().map(measure).collect::<Vec<_>>());
        findings.found.insert(format!("{}.wait_min", way.key()), of(&Period::wait_min));
        findings.found.insert(format!("{}.blocked_min", way.key()), of(&|p| p.blocked_s / 60.0 / days));
        findings.found.insert(format!("{}.unreimbursed", way.key()), of(&|p| 100.0 * p.unreimbursed as f64 / p.served.max(1) as f64));
    }
    let with_platform = if quick { 1 } else { clinic.periods_with_platform.max(1) };
    let mut uploads = Vec::new();
    for number in 0..u64::from(with_platform) {
        let v = inputs.values(number);
        let period = inputs.period(Way::Offline, &v, number, false);
        let outages = inputs.outages(&v, number);
        let done = platform::upload(&period.sales, &outages, v.get("faulty_share"), body.seed ^ number)
            .map_err(|error| Failure::environment(format!("the pool failed: {error}")))?;
        uploads.push(done);
    }
    let lost: Vec<f64> = uploads.iter().map(|of| of.lost() as f64).collect();
    findings.found.insert("offline.lost_codes".to_owned(), Found::of(&lost));
    let periods = results.iter().map(|(_, periods)| periods.len()).max().unwrap_or(0);
    findings.replications = Text::new(
        format!(
            "{periods} periods of {} days, the sales of {with_platform} through the real outbox to the platform's simulator",
            clinic.days
        ),
        format!("{periods} 个周期，每个 {} 天，其中 {with_platform} 个周期的销售经真实发件箱上传至平台模拟器", clinic.days),
    );
    let load = inputs.load();
    if load > 1.0 {
        findings.notes.push(Text::new(
            format!("Above capacity: one person has {:.0} % of the work that can be done until closing.", 100.0 * load),
            format!("超出能力：一人承担的工作量为下班前可完成量的 {:.0} %。", 100.0 * load),
        ));
    }
    report::fill(&mut findings, &inputs, &results, &uploads, quick);
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study() -> Study {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("studies/rural-clinic.toml");
        Study::load(&path).unwrap()
    }

    fn inputs(study: &Study) -> Inputs<'_> {
        Inputs { body: &study.body, clinic: study.body.clinic.as_ref().unwrap(), cycles: CycleTable::default() }
    }

    #[test]
    fn without_outages_the_three_ways_differ_by_the_answers_latency_only() {
        let study = study();
        let inputs = inputs(&study);
        let v = inputs.values(3).with("outages_per_day", 0.0).with("submit_s", 0.0);
        let [wait, skip, offline] = Way::ALL.map(|way| inputs.period(way, &v, 3, false));
        assert_eq!(wait, skip);
        assert_eq!(wait, offline);
        assert!(wait.served > 100 && wait.blocked_s == 0.0, "{wait:?}");
        assert!(inputs.outages(&v, 3).is_empty());
    }

    #[test]
    fn each_way_pays_in_its_own_coin() {
        let study = study();
        let inputs = inputs(&study);
        let v = inputs.values(4).with("outages_per_day", 3.0).with("outage_min", 60.0);
        let [wait, skip, offline] = Way::ALL.map(|way| inputs.period(way, &v, 4, false));
        assert!(wait.blocked_s > 0.0 && (skip.blocked_s, offline.blocked_s) == (0.0, 0.0));
        assert!(wait.wait_min() > offline.wait_min(), "{} min, {} min", wait.wait_min(), offline.wait_min());
        assert!(skip.uncoded > offline.uncoded && skip.unreimbursed > offline.unreimbursed);
        assert_eq!((wait.came, skip.came), (offline.came, offline.came));
    }

    #[test]
    fn longer_outages_keep_the_draws() {
        let study = study();
        let inputs = inputs(&study);
        let v = inputs.values(1).with("outages_per_day", 2.0);
        let of = |minutes: f64| inputs.outages(&v.with("outage_min", minutes), 1);
        let (short, long) = (of(1.0), of(60.0));
        assert!((60.0 * (short[0].1 - short[0].0) - (long[0].1 - long[0].0)).abs() < 1e-6);
        assert_eq!(short[0].0, long[0].0);
    }
}
