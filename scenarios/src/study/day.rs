//! A day of an outpatient pharmacy: patients come, prescriptions are audited and picked, windows check, capture the codes and hand over.

use std::fmt::Write;

use reports::study::{Chart, Plot, Series, Span, StudyTable, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::assumptions::Values;
use super::cycles::{Compute, CycleTable};
use super::file::{Body, Study};
use super::scan::{Method, ScanModel};
use super::{Findings, Found, words};
use crate::scenario::{Checked, Place};
use crate::workflow::statistics::{Estimate, Precision, in_parallel, replicate};
use crate::workflow::{Calendar, Distribution, Servers, Stream, Streams, Ticket};

/// Assumptions of the day beyond those of the scan models.
pub const ASSUMPTIONS: [&str; 14] = [
    "device_mtbf_h",
    "device_mttr_min",
    "key_in_s",
    "outages_per_day",
    "outage_min",
    "missed_scan_share",
    "not_in_pool_share",
    "wrong_pick_share",
    "caught_by_eye_share",
    "caught_by_code_share",
    "fatigue_share",
    "return_share",
    "return_s",
    "urgent_share",
];

/// After closing the windows go on for this long at most; who still waits then is counted as not served.
const LATEST_AFTER_CLOSING_S: f64 = 4.0 * 3600.0;

/// Between two samples of the queue, s.
const SAMPLE_S: f64 = 600.0;

/// The day as a file says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// Dispensing windows, one pharmacist each.
    pub windows: u32,
    /// Prescriptions for each window and day: the ends of a uniform distribution over days.
    pub prescriptions_per_window: [f64; 2],
    /// When the doors open, hours after midnight.
    pub opens_h: f64,
    /// When they close.
    pub closes_h: f64,
    /// Arrivals by hour, relative: one weight for each hour from opening to closing (the last may be begun only).
    pub arrivals_by_hour: Vec<f64>,
    /// Packages of a prescription.
    pub packages: Distribution,
    /// Pharmacists who audit prescriptions.
    pub auditors: u32,
    /// Time to audit one.
    pub audit_s: Distribution,
    /// People (or machines) who pick.
    pub pickers: u32,
    /// Time to pick one package.
    pub pick_s: Distribution,
    /// Spread of the window's own work around its mean, which is the reported no-scan time: its coefficient of variation.
    pub window_cv: f64,
    /// How long a patient stays.
    pub patience_s: Distribution,
    /// Breaks.
    #[serde(default)]
    pub breaks: Vec<Break>,
    /// Stations that the windows share in the MV arm; as many as windows if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stations: Option<u32>,
    /// Waiting that is aimed at, mean minutes from arrival to the window.
    pub target_wait_min: f64,
    /// Prices.
    pub prices: Prices,
}

/// A time when some windows are closed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Break {
    /// Beginning, hours after midnight.
    pub from_h: f64,
    /// End.
    pub to_h: f64,
    /// Share of the windows that close.
    pub closed_share: f64,
}

/// Prices.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// A station, RMB.
    pub station_rmb: f64,
    /// A handheld scanner, RMB.
    pub scanner_rmb: f64,
    /// Years over which both are written off.
    pub years: f64,
    /// Working days of a year.
    pub days_per_year: f64,
    /// An hour of a pharmacist, RMB.
    pub pharmacist_rmb_per_h: f64,
}

impl Day {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first fault, at its key below `place`.
    pub fn check(&self, place: &Place) -> Checked<()> {
        place.within("windows", f64::from(self.windows), 1.0, 1000.0)?;
        place.within("auditors", f64::from(self.auditors), 1.0, 1000.0)?;
        place.within("pickers", f64::from(self.pickers), 1.0, 1000.0)?;
        place.range("prescriptions_per_window", self.prescriptions_per_window, 0.0, 1e5)?;
        place.within("opens_h", self.opens_h, 0.0, 24.0)?;
        place.within("closes_h", self.closes_h, self.opens_h + 0.1, 24.0)?;
        place.within("window_cv", self.window_cv, 0.0, 5.0)?;
        place.positive("target_wait_min", self.target_wait_min)?;
        let hours = (self.closes_h - self.opens_h).ceil() as usize;
        if self.arrivals_by_hour.len() != hours {
            let message = format!("{} rates for the {hours} hours that the doors are open", self.arrivals_by_hour.len());
            return Err(place.fault("arrivals_by_hour", message));
        }
        for (hour, rate) in self.arrivals_by_hour.iter().enumerate() {
            if !rate.is_finite() || *rate < 0.0 {
                return Err(place.fault(&format!("arrivals_by_hour.{hour}"), format!("a rate of {rate} cannot be")));
            }
        }
        if self.arrivals_by_hour.iter().sum::<f64>() <= 0.0 {
            return Err(place.fault("arrivals_by_hour", "nobody would ever come"));
        }
        for (key, distribution) in
            [("packages", &self.packages), ("audit_s", &self.audit_s), ("pick_s", &self.pick_s), ("patience_s", &self.patience_s)]
        {
            distribution.check().map_err(|(inner, why)| place.fault(&format!("{key}.{inner}"), why))?;
        }
        for (index, of) in self.breaks.iter().enumerate() {
            let here = place.under(&format!("breaks.{index}"));
            here.within("from_h", of.from_h, 0.0, 24.0)?;
            here.within("to_h", of.to_h, of.from_h, 24.0)?;
            here.within("closed_share", of.closed_share, 0.0, 1.0)?;
        }
        let prices = place.under("prices");
        prices.positive("years", self.prices.years)?;
        prices.positive("days_per_year", self.prices.days_per_year)?;
        Ok(())
    }

    fn open_s(&self) -> f64 {
        (self.closes_h - self.opens_h) * 3600.0
    }

    /// Window seconds that there are between opening and closing.
    fn capacity_s(&self, windows: u32) -> f64 {
        let open = f64::from(windows) * self.open_s();
        let lost = self.breaks.iter().map(|of| (f64::from(windows) * of.closed_share).floor() * (of.to_h - of.from_h) * 3600.0);
        open - lost.sum::<f64>()
    }

    /// Times of arrival, s after opening: a Poisson process whose rate follows the hours, by inverting its cumulative rate.
    fn arrivals(&self, expected: f64, stream: &mut Stream) -> Vec<f64> {
        let last = self.arrivals_by_hour.len() - 1;
        let hours: Vec<f64> = (0..=last).map(|hour| if hour == last { self.open_s() - 3600.0 * last as f64 } else { 3600.0 }).collect();
        let weights: Vec<f64> = self.arrivals_by_hour.iter().zip(&hours).map(|(rate, s)| rate * s / 3600.0).collect();
        let unit = expected / weights.iter().sum::<f64>();
        let mut times = Vec::with_capacity((expected * 1.1) as usize + 16);
        let mut reached = 0.0;
        let (mut hour, mut begun) = (0, 0.0);
        loop {
            reached += stream.exponential(1.0);
            while hour <= last && reached > begun + weights[hour] * unit {
                begun += weights[hour] * unit;
                hour += 1;
            }
            if hour > last {
                return times;
            }
            times.push(3600.0 * hour as f64 + (reached - begun) / (weights[hour] * unit) * hours[hour]);
        }
    }
}

/// What a day gave with one method.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Result {
    /// Prescriptions that were handed over.
    pub served: u64,
    /// Patients who left without.
    pub left: u64,
    /// Mean time from arrival to the window, s.
    pub wait_s: f64,
    /// 95 % of the patients wait no longer, s.
    pub wait_95_s: f64,
    /// Most patients waiting at the windows at once.
    pub longest_queue: usize,
    /// Busy ÷ staffed window time until closing.
    pub utilisation: f64,
    /// From closing until the last patient is served, s.
    pub overtime_s: f64,
    /// Prescriptions of which a code was not captured.
    pub unreimbursed: u64,
    /// Prescriptions of which a wrong package reached the patient.
    pub errors: u64,
    /// Codes that were captured.
    pub codes: u64,
    /// Codes that waited in the outbox for the network.
    pub late_codes: u64,
    /// Packages that the station left for the hand.
    pub by_hand: u64,
    /// Patients waiting at the windows, every ten minutes from opening.
    pub queue: Vec<f64>,
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

#[derive(Debug, Clone, Copy)]
enum Event {
    Arrival(usize),
    Audited(usize),
    Picked(usize),
    PatienceEnds(usize),
    Checked(usize),
    Captured(usize),
    Done(usize),
    Staffed(usize, u32),
    Sample,
}

struct Patient {
    arrived: f64,
    packages: u32,
    urgent: bool,
    returning: bool,
    audit_s: f64,
    pick_s: f64,
    /// Place of the window's own work in its distribution, 0 to 1.
    window_u: f64,
    patience_s: f64,
    scan: Stream,
    window: usize,
    ticket: Option<Ticket>,
    left: bool,
}

/// A simulation of one day.
struct Simulation<'a> {
    day: &'a Day,
    arm: Arm,
    model: ScanModel<'a>,
    window_mean_s: f64,
    calendar: Calendar<Event>,
    patients: Vec<Patient>,
    audit: Servers<usize>,
    pick: Servers<usize>,
    windows: Vec<Servers<usize>>,
    stations: Servers<usize>,
    /// When each window's device is broken, s after opening.
    broken: Vec<Vec<(f64, f64)>>,
    outages: Vec<(f64, f64)>,
    waits: Vec<f64>,
    result: Result,
    watch: bool,
    trace: Option<String>,
}

/// Intervals of a device that works for `up` seconds on average and is down for `down`.
fn intervals(up: f64, down: f64, until: f64, stream: &mut Stream) -> Vec<(f64, f64)> {
    let mut found = Vec::new();
    let mut time = stream.exponential(up);
    while time < until {
        let end = time + stream.exponential(down);
        found.push((time, end));
        time = end + stream.exponential(up);
    }
    found
}

fn inside(intervals: &[(f64, f64)], time: f64) -> bool {
    intervals.iter().any(|(from, to)| (*from..*to).contains(&time))
}

impl<'a> Simulation<'a> {
    fn new(inputs: &Inputs<'a>, arm: Arm, number: u64) -> Self {
        let (day, streams) = (inputs.day, Streams::new(inputs.body.seed));
        let values = Values::draw(&inputs.body.assumptions, &mut streams.stream("assumptions", &[number]));
        let model = inputs.model(values);
        let v = &model.values;
        let per_window = {
            let [low, high] = day.prescriptions_per_window;
            low + (high - low) * streams.stream("demand", &[number]).unit()
        };
        let arrivals = day.arrivals(per_window * f64::from(day.windows), &mut streams.stream("arrivals", &[number]));
        let patients = arrivals.into_iter().enumerate().map(|(index, arrived)| {
            // One stream for each patient: the same person comes in every arm.
            let mut own = streams.stream("patient", &[number, index as u64]);
            let packages = day.packages.sample(&mut own).round().max(1.0) as u32;
            let pick_s = day.pick_s.sample(&mut own) * f64::from(packages);
            Patient {
                arrived,
                packages,
                urgent: own.chance(v.get("urgent_share")),
                returning: own.chance(v.get("return_share")),
                audit_s: day.audit_s.sample(&mut own),
                pick_s,
                window_u: own.open_unit(),
                patience_s: day.patience_s.sample(&mut own),
                scan: own,
                window: 0,
                ticket: None,
                left: false,
            }
        });
        let until = day.open_s() + LATEST_AFTER_CLOSING_S;
        let broken = (0..arm.windows).map(|window| {
            let mut own = streams.stream("breakdowns", &[number, u64::from(window)]);
            intervals(v.get("device_mtbf_h") * 3600.0, v.get("device_mttr_min") * 60.0, until, &mut own)
        });
        let between = day.open_s() / v.get("outages_per_day").max(1e-9);
        let outages = intervals(between, v.get("outage_min") * 60.0, until, &mut streams.stream("outages", &[number]));
        Self {
            day,
            arm,
            window_mean_s: inputs.window_mean_s,
            calendar: Calendar::new(),
            patients: patients.collect(),
            audit: Servers::new(day.auditors, 2),
            pick: Servers::new(day.pickers, 2),
            windows: (0..arm.windows).map(|_| Servers::new(1, 2)).collect(),
            stations: Servers::new(arm.stations, 1),
            broken: broken.collect(),
            outages,
            model,
            waits: Vec::new(),
            result: Result::default(),
            watch: false,
            trace: None,
        }
    }

    fn run(mut self) -> Result {
        for index in 0..self.patients.len() {
            self.calendar.at(self.patients[index].arrived, Event::Arrival(index));
        }
        for of in &self.day.breaks {
            for window in 0..(f64::from(self.arm.windows) * of.closed_share) as usize {
                self.calendar.at((of.from_h - self.day.opens_h) * 3600.0, Event::Staffed(window, 0));
                self.calendar.at((of.to_h - self.day.opens_h) * 3600.0, Event::Staffed(window, 1));
            }
        }
        self.calendar.at(0.0, Event::Sample);
        let closing = self.day.open_s();
        let mut at_closing = None;
        let mut last_done = 0.0_f64;
        while let Some((now, event)) = self.calendar.pop() {
            if now > closing && at_closing.is_none() {
                at_closing = Some(self.window_load(closing));
            }
            if now > closing + LATEST_AFTER_CLOSING_S {
                break;
            }
            if matches!(event, Event::Done(_)) {
                last_done = now;
            }
            self.act(now, event);
        }
        let (busy, staffed) = at_closing.unwrap_or_else(|| self.window_load(closing));
        let mut result = self.result;
        result.utilisation = busy / staffed.max(1e-9);
        result.overtime_s = (last_done - closing).max(0.0);
        // Who was neither served nor left of their own accord waits in vain.
        result.left = self.patients.len() as u64 - result.served;
        result.wait_s = reports::stats::mean(&self.waits).unwrap_or(0.0);
        result.wait_95_s = reports::stats::quantile(&self.waits, 0.95).unwrap_or(0.0);
        result.trace = self.trace;
        result
    }

    /// Busy and staffed window time until `now`.
    fn window_load(&mut self, now: f64) -> (f64, f64) {
        let all = self.windows.iter_mut().map(|window| window.integrals(now));
        all.fold((0.0, 0.0), |(busy, staffed), of| (busy + of.busy, staffed + of.capacity))
    }

    fn note(&mut self, now: f64, who: usize, what: &str, place: usize) {
        if let Some(trace) = &mut self.trace {
            // Writing into a string cannot fail.
            let _ = writeln!(trace, "{now:.3},{who},{what},{place}");
        }
    }

    fn class(&self, who: usize) -> usize {
        usize::from(!self.patients[who].urgent)
    }

    fn act(&mut self, now: f64, event: Event) {
        match event {
            Event::Arrival(who) => {
                self.note(now, who, "arrives", 0);
                if let Some(who) = self.audit.request(now, self.class(who), who) {
                    self.calendar.after(self.patients[who].audit_s, Event::Audited(who));
                }
                self.calendar.after(self.patients[who].patience_s, Event::PatienceEnds(who));
            }
            Event::Audited(who) => {
                self.note(now, who, "audited", 0);
                if let Some(next) = self.audit.release(now) {
                    self.calendar.after(self.patients[next].audit_s, Event::Audited(next));
                }
                if let Some(who) = self.pick.request(now, self.class(who), who) {
                    self.calendar.after(self.patients[who].pick_s, Event::Picked(who));
                }
            }
            Event::Picked(who) => {
                self.note(now, who, "picked", 0);
                if let Some(next) = self.pick.release(now) {
                    self.calendar.after(self.patients[next].pick_s, Event::Picked(next));
                }
                self.queue_at_window(now, who);
            }
            Event::PatienceEnds(who) => {
                let (window, ticket) = (self.patients[who].window, self.patients[who].ticket);
                if let Some(ticket) = ticket
                    && self.windows[window].leave(now, ticket).is_some()
                {
                    self.note(now, who, "leaves", window);
                    self.patients[who].left = true;
                }
            }
            Event::Checked(who) => self.capture(now, who),
            Event::Captured(who) => {
                self.note(now, who, "captured", self.patients[who].window);
                if self.arm.method == Method::Mv
                    && let Some(next) = self.stations.release(now)
                {
                    self.capture_now(now, next);
                }
                self.calendar.after(0.0, Event::Done(who));
            }
            Event::Done(who) => {
                let window = self.patients[who].window;
                self.note(now, who, "served", window);
                self.result.served += 1;
                if let Some(next) = self.windows[window].release(now) {
                    self.serve(now, next);
                }
            }
            Event::Staffed(window, capacity) => {
                self.windows[window].set_capacity(now, capacity);
                if let Some(next) = self.windows[window].admit(now) {
                    self.serve(now, next);
                }
            }
            Event::Sample => {
                let waiting: usize = self.windows.iter().map(Servers::waiting).sum();
                self.result.queue.push(waiting as f64);
                if now < self.day.open_s() {
                    self.calendar.after(SAMPLE_S, Event::Sample);
                }
            }
        }
    }

    /// The patient goes to the shortest queue of a window that is open.
    fn queue_at_window(&mut self, now: f64, who: usize) {
        let shortest = (0..self.windows.len()).min_by_key(|w| {
            let window = &self.windows[*w];
            (window.capacity() == 0, window.waiting() + window.busy() as usize)
        });
        let Some(window) = shortest else { return };
        self.patients[who].window = window;
        let class = self.class(who);
        match self.windows[window].request_ticket(now, class, who) {
            Err(who) => self.serve(now, who),
            Ok(ticket) => self.patients[who].ticket = Some(ticket),
        }
        let waiting: usize = self.windows.iter().map(Servers::waiting).sum();
        self.result.longest_queue = self.result.longest_queue.max(waiting);
    }

    /// The window's own work: checking, counselling, handing over, and a return that somebody brings with them.
    fn serve(&mut self, now: f64, who: usize) {
        let v = &self.model.values;
        let patient = &self.patients[who];
        self.waits.push(now - patient.arrived);
        // Fatigue grows from nothing at opening to its share after eight hours.
        let tired = 1.0 + v.get("fatigue_share") * (now / (8.0 * 3600.0)).min(1.0);
        let own = crate::workflow::lognormal(self.window_mean_s, self.day.window_cv, patient.window_u) * tired;
        let seconds = own + if patient.returning { v.get("return_s") } else { 0.0 };
        self.span(now, seconds, 0, who);
        self.note(now, who, "called", self.patients[who].window);
        self.calendar.after(seconds, Event::Checked(who));
    }

    fn span(&mut self, from: f64, seconds: f64, kind: usize, who: usize) {
        if self.watch && self.patients[who].window == 0 && seconds > 0.0 {
            let clock = self.day.opens_h * 3600.0;
            self.result.spans.push(Span { from: clock + from, to: clock + from + seconds, kind, item: format!("patient {who}") });
        }
    }

    fn capture(&mut self, now: f64, who: usize) {
        if self.arm.method != Method::Mv {
            self.capture_now(now, who);
        } else if let Some(who) = self.stations.request(now, 0, who) {
            self.capture_now(now, who);
        }
    }

    fn capture_now(&mut self, now: f64, who: usize) {
        let (method, window) = (self.arm.method, self.patients[who].window);
        let packages = self.patients[who].packages;
        let mut stream = self.patients[who].scan.clone();
        let mut captured = self.model.capture(method, None, packages, &mut stream);
        let v = &self.model.values;
        let broken = matches!(method, Method::Handheld | Method::Mv) && inside(&self.broken[window], now);
        if broken {
            captured.seconds = f64::from(packages) * v.get("key_in_s");
            captured.by_hand = packages;
        }
        let mut outcomes = stream;
        // What the hand scans can be forgotten; what the pool does not hold has no code.
        let missed = |share: f64, of: u32, stream: &mut Stream| (0..of).filter(|_| stream.chance(share)).count() as u32;
        let without = match method {
            Method::None => packages,
            Method::Pool => missed(v.get("not_in_pool_share"), packages, &mut outcomes),
            Method::Handheld | Method::Mv => missed(v.get("missed_scan_share"), captured.by_hand, &mut outcomes),
        };
        let wrong = outcomes.chance(v.get("wrong_pick_share"));
        let by_eye = outcomes.chance(v.get("caught_by_eye_share"));
        let by_code = matches!(method, Method::Handheld | Method::Mv) && outcomes.chance(v.get("caught_by_code_share"));
        let codes = u64::from(packages - without);
        let result = &mut self.result;
        result.unreimbursed += u64::from(without > 0);
        result.errors += u64::from(wrong && !by_eye && !by_code);
        result.codes += codes;
        result.by_hand += u64::from(if method == Method::Mv { captured.by_hand } else { 0 });
        if inside(&self.outages, now) {
            result.late_codes += codes;
        }
        self.span(now, captured.seconds, if broken { 2 } else { 1 }, who);
        self.calendar.after(captured.seconds, Event::Captured(who));
    }
}

/// What every day of a study shares.
struct Inputs<'a> {
    body: &'a Body,
    day: &'a Day,
    cycles: &'a CycleTable,
    compute: Compute,
    stop_early: bool,
    /// Mean of the window's own work, s.
    window_mean_s: f64,
    /// What the handheld scanner adds to a mean prescription, s.
    handheld_added_s: f64,
}

impl<'a> Inputs<'a> {
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

    fn simulate(&self, arm: Arm, number: u64) -> Result {
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
        let own = self.window_mean_s * (1.0 + 0.5 * v.get("fatigue_share")) + v.get("return_share") * v.get("return_s");
        let [least, most] = self.day.prescriptions_per_window;
        let prescriptions = 0.5 * (least + most) * f64::from(self.day.windows);
        prescriptions * (own + scan) / self.day.capacity_s(windows)
    }
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
            cycles: study.cycles.as_ref()?,
            compute,
            stop_early: body.station.as_ref().is_some_and(|station| station.stop_early),
            window_mean_s: none,
            handheld_added_s: (with - none).max(0.0),
        })
    }
}

/// One day of a study with all its windows; nothing where the study is of something else.
pub fn one_day(study: &Study, method: Method, number: u64) -> Option<Result> {
    let inputs = Inputs::of(study, Compute::Recorded)?;
    Some(inputs.simulate(inputs.arm(method, inputs.day.windows), number))
}

/// Runs the study.
pub fn run(study: &Study, compute: Compute, quick: bool) -> Findings {
    let Some(inputs) = Inputs::of(study, compute) else { return Findings::default() };
    let (body, day) = (inputs.body, inputs.day);
    let effort = if quick { Precision { least: body.effort.quick, most: body.effort.quick, relative: 1.0 } } else { precision(body) };
    let mut findings = Findings { closed: true, ..Findings::default() };
    let mut results: Vec<(Method, Vec<Result>)> = Vec::new();
    for method in Method::ALL {
        let arm = inputs.arm(method, day.windows);
        let days = replicate(effort, |number| inputs.simulate(arm, number), |of| vec![of.utilisation, of.wait_s]);
        findings.closed &= days.closed || quick;
        results.push((method, days.results));
    }
    let days = results.iter().map(|(_, days)| days.len()).max().unwrap_or(0);
    findings.replications = Text::new(format!("up to {days} days in each arm"), format!("每种方式最多 {days} 天"));
    for (method, days) in &results {
        let of = |measure: &dyn Fn(&Result) -> f64| Found::of(&days.iter().map(measure).collect::<Vec<_>>());
        findings.found.insert(format!("{}.wait_min", method.key()), of(&|d| d.wait_s / 60.0));
        findings.found.insert(format!("{}.utilisation", method.key()), of(&|d| d.utilisation));
        let load = inputs.load(*method, day.windows);
        if load > 1.0 {
            findings.notes.push(format!(
                "{}: above capacity. On a mean day {} windows have {:.0} % of the work that they can do until closing; who still waits {:.0} h after closing counts as not served.",
                method.text().en,
                day.windows,
                100.0 * load,
                LATEST_AFTER_CLOSING_S / 3600.0
            ));
        }
    }
    let window = |added: f64| Found { value: inputs.window_mean_s + added, interval: None };
    findings.found.insert("none.window".to_owned(), window(0.0));
    findings.found.insert("handheld.window".to_owned(), window(inputs.handheld_added_s));
    findings.tables.push(measures(&results, day, &inputs));
    findings.tables.push(windows_needed(&inputs, quick));
    findings.charts.push(queue_chart(&results, day));
    findings.charts.push(timeline(&inputs));
    let mut traced = Simulation::new(&inputs, inputs.arm(Method::Mv, day.windows), 0);
    traced.trace = Some("seconds_after_opening,patient,event,window\n".to_owned());
    findings.trace = traced.run().trace;
    findings
}

fn precision(body: &Body) -> Precision {
    Precision { least: body.effort.least, most: body.effort.most, relative: body.effort.relative }
}

fn measures(results: &[(Method, Vec<Result>)], day: &Day, inputs: &Inputs<'_>) -> StudyTable {
    type Measure<'a> = (Text, usize, Box<dyn Fn(Method, &Result) -> f64 + 'a>);
    let p = day.prices;
    let cost = move |method: Method, of: &Result| {
        let device = match method {
            Method::Mv => f64::from(inputs.arm(method, day.windows).stations) * p.station_rmb,
            Method::Handheld => f64::from(day.windows) * p.scanner_rmb,
            Method::None | Method::Pool => 0.0,
        };
        let hours = f64::from(day.windows) * (day.open_s() + of.overtime_s) / 3600.0;
        (device / (p.years * p.days_per_year) + hours * p.pharmacist_rmb_per_h) / of.served.max(1) as f64
    };
    let per = |part: u64, whole: u64, unit: f64| unit * part as f64 / whole.max(1) as f64;
    let rows: Vec<Measure<'_>> = vec![
        (Text::new("mean wait, min", "平均等候（分）"), 1, Box::new(|_, d| d.wait_s / 60.0)),
        (Text::new("95 % wait no longer than, min", "95 % 等候不超过（分）"), 1, Box::new(|_, d| d.wait_95_s / 60.0)),
        (Text::new("most waiting at once", "最长队列（人）"), 0, Box::new(|_, d| d.longest_queue as f64)),
        (Text::new("windows busy until closing, %", "窗口利用率（%）"), 1, Box::new(|_, d| 100.0 * d.utilisation)),
        (Text::new("overtime, min", "延时（分）"), 0, Box::new(|_, d| d.overtime_s / 60.0)),
        (Text::new("prescriptions served", "已发处方"), 0, Box::new(|_, d| d.served as f64)),
        (Text::new("patients not served, %", "未取药离开（%）"), 2, Box::new(move |_, d| per(d.left, d.left + d.served, 100.0))),
        (Text::new("prescriptions not reimbursed, %", "无法报销处方（%）"), 2, Box::new(move |_, d| per(d.unreimbursed, d.served, 100.0))),
        (Text::new("wrong package handed over, per 10,000", "发错（每万张）"), 2, Box::new(move |_, d| per(d.errors, d.served, 1e4))),
        (Text::new("codes uploaded late, %", "延迟上传（%）"), 2, Box::new(move |_, d| per(d.late_codes, d.codes, 100.0))),
        (Text::new("packages left for the hand", "需手工处理盒数"), 0, Box::new(|_, d| d.by_hand as f64)),
        (Text::new("cost per prescription, RMB", "每张处方成本（元）"), 3, Box::new(cost)),
    ];
    let mut header = vec![Text::new("measure, mean of days ± 95 %", "指标，日均值 ± 95 %")];
    header.extend(results.iter().map(|(method, _)| method.text()));
    StudyTable {
        title: Text::new("The day by method", "各方式的一天"),
        lead: Text::new(
            "Means over independent days with their 95 % confidence intervals; the same patients come in every arm. Cost counts devices and window hours.",
            "独立各日的均值与 95 % 置信区间；各方式面对同一批患者。成本含设备与窗口工时。",
        ),
        header,
        rows: rows
            .iter()
            .map(|(name, decimals, measure)| {
                let cells = results.iter().map(|(method, days)| {
                    let values: Vec<f64> = days.iter().map(|of| measure(*method, of)).collect();
                    let cell = Estimate::of(&values).map(|of| format!("{:.*} ± {:.*}", decimals, of.mean, decimals, of.half_width));
                    words(cell.unwrap_or_default())
                });
                std::iter::once(name.clone()).chain(cells).collect()
            })
            .collect(),
    }
}

/// Fewest windows for the target, by doubling and halving: more windows never make the wait longer.
fn windows_needed(inputs: &Inputs<'_>, quick: bool) -> StudyTable {
    let day = inputs.day;
    let days = if quick { 2 } else { 8 };
    let wait_min = |arm: Arm| {
        let waits: Vec<f64> = in_parallel(0..days, &|number| inputs.simulate(arm, number).wait_s / 60.0);
        reports::stats::mean(&waits).unwrap_or(f64::INFINITY)
    };
    let needed = |wait: &dyn Fn(u32) -> f64| {
        let most = day.windows * 4;
        let (mut low, mut high) = (0, most);
        if wait(most) > day.target_wait_min {
            return None;
        }
        while high - low > 1 {
            let mid = (low + high) / 2;
            if wait(mid) > day.target_wait_min { low = mid } else { high = mid }
        }
        Some(high)
    };
    let shown = |found: Option<u32>| found.map_or_else(|| Text::new("beyond four times as many", "四倍以内无解"), |n| words(n.to_string()));
    let mut rows: Vec<Vec<Text>> = Method::ALL
        .into_iter()
        .map(|method| {
            let found = needed(&|windows| wait_min(inputs.arm(method, windows)));
            let load = inputs.load(method, day.windows);
            vec![method.text(), words(format!("{:.0} %", 100.0 * load)), shown(found), words("–")]
        })
        .collect();
    // How few stations the windows can share without missing the target with the windows that MV needs.
    if let Some(windows) = needed(&|windows| wait_min(inputs.arm(Method::Mv, windows))) {
        let found = needed(&|stations| wait_min(Arm { method: Method::Mv, windows, stations: stations.min(windows) }));
        rows.push(vec![
            Text::new("MV, stations shared", "机器视觉，共用工作站"),
            words("–"),
            words(windows.to_string()),
            shown(found.map(|stations| stations.min(windows))),
        ]);
    }
    StudyTable {
        title: Text::new("Windows for the waiting target", "满足等候目标所需窗口"),
        lead: Text::new(
            format!(
                "Fewest windows with which the mean wait is at most {} min, for the same demand. Load: work ÷ window time with {} windows on a mean day.",
                day.target_wait_min, day.windows
            ),
            format!(
                "在相同需求下，使平均等候不超过 {} 分钟的最少窗口数。负荷：{} 个窗口时平均日的工作量 ÷ 窗口工时。",
                day.target_wait_min, day.windows
            ),
        ),
        header: vec![
            Text::new("method", "方式"),
            Text::new("load", "负荷"),
            Text::new("windows", "窗口数"),
            Text::new("stations", "工作站数"),
        ],
        rows,
    }
}

fn queue_chart(results: &[(Method, Vec<Result>)], day: &Day) -> Chart {
    let series = results.iter().map(|(method, days)| {
        let samples = days.iter().map(|of| of.queue.len()).min().unwrap_or(0);
        let mean = |i: usize| days.iter().map(|of| of.queue[i]).sum::<f64>() / days.len().max(1) as f64;
        Series {
            name: method.text(),
            points: (0..samples).map(|i| (day.opens_h + i as f64 * SAMPLE_S / 3600.0, mean(i))).collect(),
            band: Vec::new(),
        }
    });
    Chart {
        title: Text::new("Queue over the day", "全天排队人数"),
        lead: Text::new("Patients waiting at all windows, mean over days.", "各窗口等候总人数，多日均值。"),
        plot: Plot::Lines {
            x: Text::new("hour of the day", "时刻（时）"),
            y: Text::new("patients waiting", "等候人数"),
            series: series.collect(),
        },
    }
}

/// Twenty minutes of the first window, the same patients in every arm.
fn timeline(inputs: &Inputs<'_>) -> Chart {
    let from = (inputs.day.opens_h + 0.5) * 3600.0;
    let to = from + 1200.0;
    let lanes = Method::ALL.into_iter().map(|method| {
        let mut simulation = Simulation::new(inputs, inputs.arm(method, inputs.day.windows), 0);
        simulation.watch = true;
        let spans = simulation.run().spans.into_iter().filter(|span| span.to > from && span.from < to);
        let spans = spans.map(|span| Span { from: span.from.max(from), to: span.to.min(to), ..span });
        (method.text(), spans.collect())
    });
    Chart {
        title: Text::new("One window for twenty minutes", "一个窗口的二十分钟"),
        lead: Text::new(
            "The first window on the first simulated day; gaps are waiting for patients.",
            "首个仿真日的第一窗口；空白为等候患者。",
        ),
        plot: Plot::Timeline {
            kinds: vec![
                Text::new("checking, counselling, handing over", "核对、交代、发药"),
                Text::new("capturing codes", "采集追溯码"),
                Text::new("keying in codes, the device is broken", "设备故障，手工录入"),
            ],
            lanes: lanes.collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study() -> Study {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("studies/outpatient-day.toml");
        Study::load(&path).unwrap()
    }

    fn inputs(study: &Study) -> Inputs<'_> {
        Inputs::of(study, Compute::Recorded).unwrap()
    }

    #[test]
    fn arrivals_follow_the_hours() {
        let study = study();
        let mut day = study.body.day.clone().unwrap();
        (day.opens_h, day.closes_h, day.arrivals_by_hour) = (8.0, 10.5, vec![1.0, 3.0, 2.0]);
        // 1 + 3 + half of 2 are five parts; 10,000 expected.
        let times = day.arrivals(10_000.0, &mut Streams::new(3).stream("arrivals", &[]));
        let count = |from: f64, to: f64| times.iter().filter(|t| (from..to).contains(*t)).count() as f64;
        for (from, to, expected) in [(0.0, 3600.0, 2000.0), (3600.0, 7200.0, 6000.0), (7200.0, 9000.0, 2000.0)] {
            assert!((count(from, to) - expected).abs() < 5.0 * f64::sqrt(expected), "{from}: {}, seed 3", count(from, to));
        }
        assert_eq!(count(0.0, 9000.0) as usize, times.len());
        assert!(times.is_sorted());
    }

    #[test]
    fn everybody_is_accounted_for_and_the_same_people_come_in_every_arm() {
        let study = study();
        let inputs = inputs(&study);
        let days: Vec<Result> = Method::ALL.into_iter().map(|method| inputs.simulate(inputs.arm(method, 12), 5)).collect();
        for day in &days {
            assert_eq!(day.served + day.left, days[0].served + days[0].left);
            assert!(day.late_codes <= day.codes && day.unreimbursed <= day.served + day.left);
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
        assert_eq!(crate::workflow::statistics::on_cores(1, 0..3, &run), crate::workflow::statistics::on_cores(2, 0..3, &run));
    }

    #[test]
    fn more_windows_never_make_the_wait_longer() {
        let study = study();
        let inputs = inputs(&study);
        let waits: Vec<f64> = [8, 12, 16, 24].map(|windows| inputs.simulate(inputs.arm(Method::Handheld, windows), 1).wait_s).to_vec();
        assert!(waits.is_sorted_by(|a, b| a >= b), "{waits:?}");
    }
}
