//! One simulated day.

use std::fmt::Write;

use reports::study::Span;
use scanner_core::pool::PoolError;

use super::{Arm, Day, Inputs, LATEST_AFTER_CLOSING_S, Outcome, SAMPLE_S};
use crate::study::assumptions::Values;
use crate::study::scan::{Method, ScanModel};
use crate::study::slips;
use crate::study::stock::{Stock, moment};
use crate::workflow::{Calendar, Servers, Stream, Streams, Ticket};

/// A code that was uploaded this much later than it was captured is late, s.
const LATE_S: f64 = 60.0;

#[derive(Debug, Clone, Copy)]
enum Event {
    Arrival(usize),
    Audited(usize),
    Picked(usize),
    PatienceEnds(usize),
    Checked(usize),
    Captured(usize),
    Uploaded(Message),
    Staffed(usize, bool),
    Stations(bool),
    Network(bool),
    Sample,
}

/// The codes of a prescription on their way to the platform.
#[derive(Debug, Clone, Copy)]
struct Message {
    captured: f64,
    codes: u64,
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
    on_station: bool,
    codes: u64,
}

/// A simulation of one day.
pub(super) struct Simulation<'a> {
    day: &'a Day,
    arm: Arm,
    model: ScanModel<'a>,
    window_mean_s: f64,
    number: u64,
    calendar: Calendar<Event>,
    patients: Vec<Patient>,
    audit: Servers<usize>,
    pick: Servers<usize>,
    windows: Vec<Servers<usize>>,
    /// Stretches of work of each window, and when the one began that goes on.
    staffed: Vec<Vec<(f64, f64)>>,
    since: Vec<f64>,
    /// Stations that the windows share, where there are fewer than windows.
    stations: Option<Servers<usize>>,
    /// When each device is broken, s after opening.
    broken: Vec<Vec<(f64, f64)>>,
    outages: Vec<(f64, f64)>,
    /// Codes that wait for the network or behind others, and the line.
    outbox: Servers<Message>,
    waits: Vec<f64>,
    outcome: Outcome,
    pool: Option<Stock>,
    pool_fails: Option<PoolError>,
    pub(super) watch: bool,
    pub(super) trace: Option<String>,
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
    pub(super) fn new(inputs: &Inputs<'a>, arm: Arm, number: u64) -> Self {
        let (day, streams) = (inputs.day, Streams::new(inputs.body.seed));
        let values = Values::draw(&inputs.body.assumptions, &mut streams.stream("assumptions", &[number]));
        let model = inputs.model(values);
        let v = &model.values;
        let arrivals = inputs.arrivals(number, &streams);
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
                on_station: false,
                codes: 0,
            }
        });
        let until = day.open_s() + LATEST_AFTER_CLOSING_S;
        let shared = arm.method == Method::Mv && arm.stations < arm.windows;
        let broken = (0..if shared { arm.stations } else { arm.windows }).map(|device| {
            let mut own = streams.stream("breakdowns", &[number, u64::from(device)]);
            intervals(v.get("device_mtbf_h") * 3600.0, v.get("device_mttr_min") * 60.0, until, &mut own)
        });
        let between = day.open_s() / v.get("outages_per_day").max(1e-9);
        let outages = intervals(between, v.get("outage_min") * 60.0, until, &mut streams.stream("outages", &[number]));
        let staffed = day.staffed(arm.windows);
        let at_opening = |stretches: &Vec<(f64, f64)>| u32::from(stretches.first().is_some_and(|(from, _)| *from <= 0.0));
        Self {
            day,
            arm,
            window_mean_s: inputs.window_mean_s,
            number,
            calendar: Calendar::new(),
            patients: patients.collect(),
            audit: Servers::new(day.auditors, 2),
            pick: Servers::new(day.pickers, 2),
            windows: staffed.iter().map(|of| Servers::new(at_opening(of), 2)).collect(),
            since: vec![0.0; staffed.len()],
            staffed,
            stations: shared.then(|| Servers::new(arm.stations, 1)),
            broken: broken.collect(),
            outages,
            outbox: Servers::new(1, 1),
            model,
            waits: Vec::new(),
            outcome: Outcome::default(),
            pool: None,
            pool_fails: None,
            watch: false,
            trace: None,
        }
    }

    /// Lets the real pool sell every prescription whose codes are captured.
    pub(super) fn with_pool(mut self, products: u32, seed: u64) -> Result<Self, PoolError> {
        self.pool = Some(Stock::new(products, 10, seed)?);
        Ok(self)
    }

    fn enter_events(&mut self) {
        for index in 0..self.patients.len() {
            self.calendar.at(self.patients[index].arrived, Event::Arrival(index));
        }
        let closing = self.day.open_s();
        for (window, stretches) in self.staffed.iter().enumerate() {
            for (from, to) in stretches {
                if *from > 0.0 {
                    self.calendar.at(*from, Event::Staffed(window, true));
                }
                // Who works at closing stays until the last patient is served.
                if *to < closing {
                    self.calendar.at(*to, Event::Staffed(window, false));
                }
            }
        }
        for (from, to) in &self.outages {
            self.calendar.at(*from, Event::Network(false));
            self.calendar.at(*to, Event::Network(true));
        }
        if self.stations.is_some() {
            for (from, to) in self.broken.iter().flatten() {
                self.calendar.at(*from, Event::Stations(false));
                self.calendar.at(*to, Event::Stations(true));
            }
        }
        self.calendar.at(0.0, Event::Sample);
    }

    pub(super) fn run(self) -> Outcome {
        self.run_with_pool().0
    }

    /// The day, and what made the pool fail, if anything did.
    pub(super) fn run_with_pool(mut self) -> (Outcome, Option<PoolError>) {
        self.enter_events();
        let closing = self.day.open_s();
        let mut at_closing = None;
        while let Some((now, event)) = self.calendar.pop() {
            if now > closing && at_closing.is_none() {
                at_closing = Some(self.window_load(closing));
            }
            if now > closing + LATEST_AFTER_CLOSING_S {
                break;
            }
            self.act(now, event);
        }
        let (busy, staffed) = at_closing.unwrap_or_else(|| self.window_load(closing));
        let mut outcome = self.outcome;
        outcome.utilisation = busy / staffed.max(1e-9);
        outcome.overtime_s = (outcome.last_done_s - closing).max(0.0);
        // Who was neither served nor left of their own accord waits in vain.
        outcome.left = self.patients.len() as u64 - outcome.served;
        outcome.wait_s = reports::stats::mean(&self.waits).unwrap_or(0.0);
        outcome.wait_median_s = reports::stats::quantile(&self.waits, 0.5).unwrap_or(0.0);
        outcome.wait_95_s = reports::stats::quantile(&self.waits, 0.95).unwrap_or(0.0);
        outcome.trace = self.trace;
        (outcome, self.pool_fails)
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
                // Who lost patience over auditing and picking is gone when the window calls.
                if now >= self.patients[who].arrived + self.patients[who].patience_s {
                    self.note(now, who, "left", 0);
                } else {
                    let ends = self.patients[who].arrived + self.patients[who].patience_s;
                    self.calendar.at(ends, Event::PatienceEnds(who));
                    self.queue_at_window(now, who);
                }
            }
            Event::PatienceEnds(who) => {
                let window = self.patients[who].window;
                if let Some(ticket) = self.patients[who].ticket
                    && self.windows[window].leave(now, ticket).is_some()
                {
                    self.note(now, who, "leaves", window);
                }
            }
            Event::Checked(who) => self.capture(now, who),
            Event::Captured(who) => self.captured(now, who),
            Event::Uploaded(message) => {
                if now - message.captured > LATE_S {
                    self.outcome.late_codes += message.codes;
                    self.outcome.latest_upload_s = self.outcome.latest_upload_s.max(now - message.captured);
                }
                self.outcome.uploaded += message.codes;
                if let Some(next) = self.outbox.release(now) {
                    self.send(next);
                }
            }
            Event::Staffed(window, here) => self.staff(now, window, here),
            Event::Stations(works) => self.station(now, works),
            Event::Network(up) => {
                self.outbox.set_capacity(now, u32::from(up));
                if let Some(next) = self.outbox.admit(now) {
                    self.send(next);
                }
            }
            Event::Sample => {
                let waiting: usize = self.windows.iter().map(Servers::waiting).sum();
                let (busy, there) = self.windows.iter().fold((0, 0), |(b, c), w| (b + w.busy(), c + w.capacity()));
                self.outcome.queue.push(waiting as f64);
                self.outcome.busy.push(f64::from(busy) / f64::from(there.max(busy).max(1)));
                if now < self.day.open_s() {
                    self.calendar.after(SAMPLE_S, Event::Sample);
                }
            }
        }
    }

    /// Somebody comes to a window or goes: those who wait at a window that closes go to another, if any is open.
    fn staff(&mut self, now: f64, window: usize, here: bool) {
        self.windows[window].set_capacity(now, u32::from(here));
        if here {
            self.since[window] = now;
            if let Some(next) = self.windows[window].admit(now) {
                self.serve(now, next);
            }
        } else if self.windows.iter().any(|window| window.capacity() > 0) {
            for who in self.windows[window].withdraw_all(now) {
                self.queue_at_window(now, who);
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
            Err(who) => {
                // A ticket of the window that he came from would name somebody else here.
                self.patients[who].ticket = None;
                self.serve(now, who);
            }
            Ok(ticket) => self.patients[who].ticket = Some(ticket),
        }
        let waiting: usize = self.windows.iter().map(Servers::waiting).sum();
        self.outcome.longest_queue = self.outcome.longest_queue.max(waiting);
    }

    /// The window's own work: checking, counselling, handing over, and a return that somebody brings with them.
    fn serve(&mut self, now: f64, who: usize) {
        let v = &self.model.values;
        let patient = &self.patients[who];
        self.waits.push(now - patient.arrived);
        // Fatigue grows from nothing at the beginning of a stretch of work to its share after eight hours.
        let tired = 1.0 + v.get("fatigue_share") * ((now - self.since[patient.window]) / (8.0 * 3600.0)).min(1.0);
        let own = crate::workflow::lognormal(self.window_mean_s, self.day.window_cv, patient.window_u) * tired;
        let seconds = own + if patient.returning { v.get("return_s") } else { 0.0 };
        self.outcome.returns += u64::from(patient.returning);
        self.span(now, seconds, 0, who);
        self.note(now, who, "called", self.patients[who].window);
        self.calendar.after(seconds, Event::Checked(who));
    }

    fn span(&mut self, from: f64, seconds: f64, kind: usize, who: usize) {
        if self.watch && self.patients[who].window == 0 && seconds > 0.0 {
            let clock = self.day.opens_h * 3600.0;
            self.outcome.spans.push(Span { from: clock + from, to: clock + from + seconds, kind, item: format!("patient {who}") });
        }
    }

    fn capture(&mut self, now: f64, who: usize) {
        let Some(stations) = self.stations.as_mut() else {
            // Everybody has a device of their own.
            let device = matches!(self.arm.method, Method::Handheld | Method::Mv);
            let broken = device && inside(&self.broken[self.patients[who].window], now);
            return self.capture_now(now, who, broken);
        };
        if stations.capacity() == 0 {
            self.capture_now(now, who, true);
        } else if let Some(who) = stations.request(now, 0, who) {
            self.patients[who].on_station = true;
            self.capture_now(now, who, false);
        }
    }

    /// One of the shared stations breaks or works again. Where the last one breaks, who waits for it keys codes in.
    fn station(&mut self, now: f64, works: bool) {
        let Some(stations) = self.stations.as_mut() else { return };
        let capacity = stations.capacity();
        stations.set_capacity(now, if works { capacity + 1 } else { capacity.saturating_sub(1) });
        if stations.capacity() == 0 {
            for who in stations.withdraw_all(now) {
                self.capture_now(now, who, true);
            }
            return;
        }
        while let Some(who) = self.stations.as_mut().and_then(|stations| stations.admit(now)) {
            self.patients[who].on_station = true;
            self.capture_now(now, who, false);
        }
    }

    fn capture_now(&mut self, now: f64, who: usize, broken: bool) {
        let method = self.arm.method;
        let packages = self.patients[who].packages;
        let mut stream = self.patients[who].scan.clone();
        let v = &self.model.values;
        // Slips come from the patient's stream before the scan's durations, which differ by method.
        let slip = slips::happen(method, !broken, v, &mut stream);
        let mut captured = self.model.capture(method, None, packages, &mut stream);
        if broken {
            captured.seconds = f64::from(packages) * v.get("key_in_s");
            captured.by_hand = packages;
        }
        // What the hand scans can be forgotten; what the pool does not hold has no code.
        let missed = |share: f64, of: u32, stream: &mut Stream| (0..of).filter(|_| stream.chance(share)).count() as u32;
        let without = match method {
            Method::None => packages,
            Method::Pool => missed(v.get("not_in_pool_share"), packages, &mut stream),
            Method::Handheld | Method::Mv => missed(v.get("missed_scan_share"), captured.by_hand, &mut stream),
        };
        let codes = u64::from(packages - without);
        let outcome = &mut self.outcome;
        if let Some((slip, fate)) = slip {
            outcome.slips.add(slip, fate);
        }
        outcome.unreimbursed += u64::from(without > 0);
        outcome.missed_scans += u64::from(if method == Method::None { 0 } else { without });
        outcome.codes += codes;
        outcome.by_hand += u64::from(if method == Method::Mv { captured.by_hand } else { 0 });
        self.patients[who].codes = codes;
        self.span(now, captured.seconds, if broken { 2 } else { 1 }, who);
        self.calendar.after(captured.seconds, Event::Captured(who));
    }

    /// The codes are there: they go into the outbox, and the patient goes.
    fn captured(&mut self, now: f64, who: usize) {
        let window = self.patients[who].window;
        self.note(now, who, "captured", window);
        let codes = self.patients[who].codes;
        if codes > 0 {
            if let Some(message) = self.outbox.request(now, 0, Message { captured: now, codes }) {
                self.send(message);
            }
            self.outcome.longest_outbox = self.outcome.longest_outbox.max(self.outbox.waiting());
            self.sell(now, who);
        }
        if std::mem::take(&mut self.patients[who].on_station)
            && let Some(next) = self.stations.as_mut().and_then(|stations| stations.release(now))
        {
            self.patients[next].on_station = true;
            self.capture_now(now, next, false);
        }
        self.note(now, who, "served", window);
        self.outcome.served += 1;
        self.outcome.last_done_s = now;
        if let Some(next) = self.windows[window].release(now) {
            self.serve(now, next);
        }
    }

    fn send(&mut self, message: Message) {
        self.calendar.after(self.model.values.get("submit_s"), Event::Uploaded(message));
    }

    /// The real pool sells what was captured, where it takes part.
    fn sell(&mut self, now: f64, who: usize) {
        let Some(pool) = self.pool.as_mut() else { return };
        let packs = self.patients[who].codes as u32;
        match pool.sell(who % pool.products(), packs, None, moment(self.number, self.day.opens_h * 3600.0 + now)) {
            Ok(sold) => self.outcome.sold_by_pool += sold.len() as u64,
            Err(error) => {
                self.pool_fails = Some(error);
                self.pool = None;
            }
        }
    }
}
