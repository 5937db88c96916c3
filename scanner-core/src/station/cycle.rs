//! The cycle as a state machine: [`CycleState::next`] says what follows, [`Cycle::perform`] does it.

use std::collections::BTreeMap;
use std::thread::Scope;
use std::time::{Duration, Instant};

use hardware_hal::{Error, FrameMeta, Rig, Timestamp};

use super::plan::{EarlyStop, NextStop, StopChoice, following, keep_going};
use super::recognise::{Finished, Job, Workers};
use super::report::{CycleEnd, CycleReport, CycleTimes, FrameRecord, LineReport, LostFrame, RefusedCode, StopReport, WallTimes};
use super::{CycleObserver, CycleState, Recogniser, Settlement, StationError, StationOptions, device};
use crate::codes::{Role, unit_key};
use crate::pool::{Act, CodeOutcome, Order, Pool, PoolError};
use crate::vision::{CodeView, Conflict, FrameReading, FusedCode, FusionRule, OpenStrip, count_packages, fuse, fuse_views, open_strips};

impl CycleState {
    /// What follows when this is done, with so many lights, and `following` the stop after this one. Where the capture has ended, be it by a failed
    /// device, it leads straight to what was read until then.
    fn next(self, following: Option<usize>, lights: usize, ended: bool) -> Self {
        match self {
            Self::Preparing | Self::Moving { .. } | Self::Lighting { .. } | Self::Capturing { .. } if ended => Self::Recognising,
            Self::Preparing => Self::Moving { stop: 0 },
            Self::Moving { stop } => Self::Lighting { stop, light: 0 },
            Self::Lighting { stop, light } => Self::Capturing { stop, light },
            Self::Capturing { stop, light } if light + 1 < lights => Self::Lighting { stop, light: light + 1 },
            Self::Capturing { .. } => following.map_or(Self::Recognising, |stop| Self::Moving { stop }),
            Self::Recognising => Self::Fusing,
            Self::Fusing => Self::Reconciling,
            Self::Reconciling => Self::Settling,
            Self::Settling | Self::Done => Self::Done,
        }
    }
}

pub(super) fn run<R: Recogniser>(
    rig: &mut Rig,
    recogniser: &R,
    pool: &mut Pool,
    options: &StationOptions,
    order: &Order,
    observer: &mut dyn CycleObserver,
) -> Result<CycleReport, StationError> {
    let wall_started = Instant::now();
    let stops = if rig.turntable.is_some() { options.stops_rad.len() } else { 1 };
    let started = rig.clock.now();
    let report = CycleReport {
        order: order.id.clone(),
        end: CycleEnd::AllStops,
        stops: Vec::new(),
        codes: Vec::new(),
        withheld: Vec::new(),
        packages: None,
        frames: Vec::new(),
        lost: Vec::new(),
        lines: Vec::new(),
        refused: Vec::new(),
        sold: Vec::new(),
        times: CycleTimes { started, ..CycleTimes::default() },
        wall: WallTimes::default(),
    };
    let cycle = Cycle {
        rig,
        pool,
        options,
        order,
        observer,
        report,
        workers: None,
        taken: 0,
        left: (1..stops).collect(),
        chosen: StopChoice::InOrder,
        following: None,
        waited: Duration::ZERO,
        outcomes: Vec::new(),
    };
    // The cycle moves in, so that a panic drops the workers' queue before their end is waited for.
    let (result, Cycle { rig, mut report, .. }) = std::thread::scope(move |scope| {
        let mut cycle = cycle;
        let mut state = CycleState::Preparing;
        loop {
            cycle.observer.on_state(state);
            if state == CycleState::Done {
                return (Ok(()), cycle);
            }
            if let Err(failure) = cycle.perform(state, scope, recogniser) {
                return (Err(failure), cycle);
            }
            state = state.next(cycle.following, options.lights.len(), cycle.report.end != CycleEnd::AllStops);
        }
    });
    report.times.finished = rig.clock.now();
    report.wall.total_s = wall_started.elapsed().as_secs_f64();
    match result {
        Ok(()) => Ok(report),
        Err(Failure::Order(source)) => Err(StationError::Order(source)),
        Err(Failure::Pool(source)) => Err(StationError::Pool { source, report: Box::new(report) }),
    }
}

enum Failure {
    Order(PoolError),
    Pool(PoolError),
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

struct Cycle<'c> {
    rig: &'c mut Rig,
    pool: &'c mut Pool,
    options: &'c StationOptions,
    order: &'c Order,
    observer: &'c mut dyn CycleObserver,
    report: CycleReport,
    workers: Option<Workers>,
    /// Frames that were taken or lost.
    taken: usize,
    /// Stops that were not taken, in the options' order.
    left: Vec<usize>,
    /// Why the present stop was chosen.
    chosen: StopChoice,
    /// The stop after the present one.
    following: Option<usize>,
    /// How long the capture waited for recognition, on the injected clock.
    waited: Duration,
    outcomes: Vec<CodeOutcome>,
}

impl Cycle<'_> {
    fn perform<'scope, R: Recogniser>(
        &mut self,
        state: CycleState,
        scope: &'scope Scope<'scope, '_>,
        recogniser: &'scope R,
    ) -> Result<(), Failure> {
        let retries = self.options.retries;
        match state {
            CycleState::Preparing => {
                // A bad order should not cost a cycle. What the symbols say is untouched by this.
                self.pool.progress(self.order).map_err(Failure::Order)?;
                let workers = match self.options.workers {
                    0 => std::thread::available_parallelism().map_or(1, usize::from),
                    workers => workers,
                };
                self.workers = Some(Workers::start(scope, recogniser, workers, self.options.queue));
                if let Some(turntable) = &mut self.rig.turntable {
                    let homed = device::home(turntable.as_mut(), retries);
                    self.fail_on(homed);
                }
            }
            CycleState::Moving { stop } => {
                let chosen = self.chosen;
                self.report.stops.push(StopReport { stop, chosen, new_codes: Vec::new(), open: None, kept_going: None });
                if let (Some(turntable), Some(&angle)) = (&mut self.rig.turntable, self.options.stops_rad.get(stop)) {
                    let turned = device::turn(turntable.as_mut(), angle, retries);
                    self.fail_on(turned);
                }
            }
            CycleState::Lighting { light, .. } => {
                let lit = device::light(self.rig.lights.as_mut(), &self.options.lights[light], retries);
                self.fail_on(lit);
            }
            CycleState::Capturing { stop, light } => {
                self.capture(stop, light);
                if light + 1 == self.options.lights.len() {
                    self.conclude()?;
                }
            }
            CycleState::Recognising => self.recognise(),
            CycleState::Fusing => {
                let started = Instant::now();
                let views = self.views();
                self.report.codes = united(&views, self.options.fusion.as_ref()).0;
                self.report.packages = count_packages(&views, &self.report.codes);
                self.note_new_codes();
                self.report.withheld = in_dispute(&self.report.codes);
                self.report.wall.fuse_s = started.elapsed().as_secs_f64();
            }
            CycleState::Reconciling => {
                let started = Instant::now();
                let outcome = self.reconcile();
                self.report.wall.settle_s = started.elapsed().as_secs_f64();
                outcome?;
            }
            CycleState::Settling => {
                let started = Instant::now();
                let outcome = self.settle();
                self.report.wall.settle_s += started.elapsed().as_secs_f64();
                outcome?;
            }
            CycleState::Done => {}
        }
        Ok(())
    }

    fn fail_on(&mut self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.report.end = CycleEnd::DeviceFailed { device: error.device().to_owned(), message: error.to_string() };
        }
    }

    /// Exposes all cameras together and fetches their frames.
    fn capture(&mut self, stop: usize, light: usize) {
        let StationOptions { fetch_timeout, retries, .. } = *self.options;
        let started: Vec<Result<(), Error>> =
            self.rig.cameras.iter_mut().map(|camera| device::trigger(camera.as_mut(), fetch_timeout, retries)).collect();
        for (number, started) in started.into_iter().enumerate() {
            let camera = self.rig.cameras[number].as_mut();
            let id = camera.capabilities().id.clone();
            let (shot, attempts) = device::fetch(camera, started, fetch_timeout, retries);
            let index = self.taken;
            self.taken += 1;
            match shot {
                device::Shot::Frame(frame) => {
                    let record = FrameRecord { index, stop, light, attempts, meta: frame.meta().clone(), reading: FrameReading::default() };
                    let Self { workers, report, observer, .. } = self;
                    if let Some(workers) = workers {
                        workers.submit(Job { record, frame: *frame }, |finished| note(report, *observer, finished));
                    }
                }
                device::Shot::Lost(error) => self.lose(LostFrame { index, stop, light, camera: id, attempts, message: error.to_string() }),
                device::Shot::Gone(error) => {
                    self.lose(LostFrame { index, stop, light, camera: id, attempts, message: error.to_string() });
                    self.fail_on(Err(error));
                }
            }
        }
    }

    fn lose(&mut self, lost: LostFrame) {
        self.observer.on_lost(&lost);
        self.report.lost.push(lost);
    }

    /// After a stop's last light: whether the cycle goes on, and with which stop.
    fn conclude(&mut self) -> Result<(), PoolError> {
        let (early, next) = (self.options.early_stop, self.options.next_stop);
        let ask = early != EarlyStop::Never || next != NextStop::InOrder;
        let mut views = Vec::new();
        let mut open = Vec::new();
        if ask && !self.left.is_empty() && self.report.end == CycleEnd::AllStops {
            self.catch_up();
            views = self.views();
            let (codes, unread) = united(&views, self.options.fusion.as_ref());
            open = unread;
            let mut kept_going = None;
            if early == EarlyStop::WhenAccountedFor {
                let seen = count_packages(&views, &codes);
                kept_going = keep_going(self.pool, self.order, &codes, &in_dispute(&codes), &open, seen.as_ref())?;
                if kept_going.is_none() {
                    self.report.end = CycleEnd::AccountedFor { stops_left: self.left.len() };
                }
            }
            if let Some(report) = self.report.stops.last_mut() {
                (report.open, report.kept_going) = (Some(open.len()), kept_going);
            }
        }
        let follows = following(next, &self.options.stops_rad, &self.left, &views, &open);
        self.following = follows.map(|(stop, _)| stop);
        if let Some((stop, chosen)) = follows {
            self.chosen = chosen;
            self.left.retain(|s| *s != stop);
        }
        Ok(())
    }

    /// Waits until all frames so far are read, on the injected clock as long as the recorded cost says.
    fn catch_up(&mut self) {
        let begun = self.rig.clock.now();
        let Self { workers, report, observer, .. } = self;
        if let Some(workers) = workers {
            workers.catch_up(|finished| note(report, *observer, finished));
        }
        self.pass_compute();
        self.waited += self.rig.clock.now().since(begun);
    }

    /// Lets pass on the injected clock what recognition of the frames so far costs.
    fn pass_compute(&mut self) {
        let Some(cost) = &self.options.cost else { return };
        let report = &mut self.report;
        let work: Vec<_> = report.frames.iter().map(|f| (f.meta.timestamp, cost.frame(pixels(&f.meta), located(&f.reading)))).collect();
        report.times.compute_s = work.iter().map(|(_, cost)| cost.as_secs_f64()).sum();
        if let Some(finished) = cost.finished(work) {
            let clock = &self.rig.clock;
            clock.sleep(finished.since(clock.now()));
        }
    }

    /// What the frames say, each by itself.
    fn views(&self) -> Vec<(FrameMeta, FrameReading)> {
        self.report.frames.iter().map(|f| (f.meta.clone(), f.reading.clone())).collect()
    }

    /// Which stop read each code first.
    fn note_new_codes(&mut self) {
        let CycleReport { stops, codes, frames, .. } = &mut self.report;
        for code in codes.iter() {
            let taken = |view: &CodeView| stops.iter().position(|s| s.stop == frames[view.frame].stop);
            let places = code.views.iter().filter_map(taken);
            // No view of a code that was read by several together had it before the last of them.
            let first = if code.joint.is_some() { places.max() } else { places.min() };
            if let Some(stop) = first {
                stops[stop].new_codes.push(code.text.clone());
            }
        }
    }

    /// Waits for the last frames, and lets pass on the injected clock what recognition costs.
    fn recognise(&mut self) {
        // A light that cannot be switched off spoils nothing that was read.
        let _ = self.rig.lights.off();
        let captured = self.rig.clock.now();
        let Self { workers, report, observer, .. } = self;
        if let Some(workers) = workers.take() {
            workers.finish(|finished| note(report, *observer, finished));
        }
        self.pass_compute();
        let times = &mut self.report.times;
        times.mechanical_s = seconds(times.started, captured) - self.waited.as_secs_f64();
        times.waited_s = seconds(captured, self.rig.clock.now()) + self.waited.as_secs_f64();
    }

    /// Finds each code's place in the order.
    fn reconcile(&mut self) -> Result<(), PoolError> {
        let cause = format!("cycle for order {}", self.order.id);
        let act = Act::new(&self.options.actor, &cause, self.rig.clock.now());
        self.pool.expire_reservations(act)?;
        // One unit may carry its code twice, as bars and as a matrix. A text of no public family counts where somebody registered it.
        let mut units: BTreeMap<String, &str> = BTreeMap::new();
        for code in &self.report.codes {
            let counts = match code.role {
                Role::Trace => !self.report.withheld.contains(&code.text),
                Role::Retail => false,
                Role::Other => self.pool.unit(&code.text)?.is_some(),
            };
            if let Some(key) = unit_key(&code.text).filter(|_| counts) {
                units.entry(key).or_insert(&code.text);
            }
        }
        let texts: Vec<String> = units.into_values().map(str::to_owned).collect();
        self.outcomes = self.pool.reserve_codes(self.order, &texts, act)?;
        self.note_lines()
    }

    /// Sells what may be sold.
    fn settle(&mut self) -> Result<(), PoolError> {
        let sell = match self.options.settlement {
            Settlement::ReserveOnly => false,
            Settlement::DispenseComplete => self.report.complete(),
            Settlement::DispenseFound => true,
        };
        let cut_short = matches!(self.report.end, CycleEnd::DeviceFailed { .. });
        if !sell || cut_short || self.pool.reservations_of_order(&self.order.id)?.is_empty() {
            return Ok(());
        }
        let cause = format!("cycle for order {}", self.order.id);
        let act = Act::new(&self.options.actor, &cause, self.rig.clock.now());
        self.report.sold = self.pool.dispense(&self.order.id, act)?;
        Ok(())
    }

    fn note_lines(&mut self) -> Result<(), PoolError> {
        let progress = self.pool.progress(self.order)?;
        let lines = self.order.lines.iter().zip(progress).map(|(line, p)| LineReport {
            product: line.product.clone(),
            quantity: line.quantity,
            unit: line.unit,
            codes: Vec::new(),
            wanted_pieces: p.wanted,
            missing_pieces: p.wanted.saturating_sub(p.held + p.sold),
        });
        self.report.lines = lines.collect();
        for outcome in &self.outcomes {
            match &outcome.result {
                Ok(allotment) => self.report.lines[allotment.line as usize].codes.push(outcome.code.clone()),
                Err(refusal) => {
                    self.report.refused.push(RefusedCode { code: outcome.code.clone(), rule: refusal.rule(), refusal: refusal.clone() })
                }
            }
        }
        Ok(())
    }
}

/// The codes of some frames, and what looks like a code and is none of them.
fn united(frames: &[(FrameMeta, FrameReading)], rule: Option<&FusionRule>) -> (Vec<FusedCode>, Vec<OpenStrip>) {
    match rule {
        Some(rule) => {
            let fusion = fuse_views(frames, rule);
            (fusion.codes, fusion.open)
        }
        None => {
            let codes = fuse(frames);
            let open = open_strips(frames, &codes, &FusionRule::default());
            (codes, open)
        }
    }
}

/// Keeps a frame's reading, and lets the observer see the picture before it goes.
fn note(report: &mut CycleReport, observer: &mut dyn CycleObserver, finished: Finished) {
    let Finished { mut record, frame, wall_s } = finished;
    report.wall.frames_s.push(wall_s);
    report.wall.stages.push(std::mem::take(&mut record.reading.timings));
    observer.on_frame(&record, &frame);
    report.frames.push(record);
}

/// Traceability codes that claim a place which another one claims, too.
fn in_dispute(codes: &[FusedCode]) -> Vec<String> {
    let is_trace = |text: &String| codes.iter().any(|c| c.role == Role::Trace && c.text == *text);
    let disputed = |code: &&FusedCode| {
        code.role == Role::Trace && code.conflicts.iter().any(|c| matches!(c, Conflict::SamePlace { other } if is_trace(other)))
    };
    let mut texts: Vec<String> = codes.iter().filter(disputed).map(|c| c.text.clone()).collect();
    texts.dedup(); // The codes are in the order of their texts.
    texts
}

fn pixels(meta: &FrameMeta) -> u64 {
    u64::from(meta.width) * u64::from(meta.height)
}

fn located(reading: &FrameReading) -> usize {
    reading.readings.len() + reading.unread.len()
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.since(from).as_secs_f64()
}
