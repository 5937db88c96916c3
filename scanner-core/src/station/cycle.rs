//! The cycle as a state machine: [`CycleState::next`] says what follows, [`Cycle::perform`] does it.

use std::collections::BTreeMap;
use std::thread::Scope;
use std::time::Instant;

use hardware_hal::{Error, FrameMeta, Rig, Timestamp};

use super::recognise::{Finished, Job, Workers};
use super::report::{CycleEnd, CycleReport, CycleTimes, FrameRecord, LineReport, LostFrame, RefusedCode, WallTimes};
use super::{CycleObserver, CycleState, Recogniser, Settlement, StationError, StationOptions, device};
use crate::codes::{Role, unit_key};
use crate::pool::{Act, CodeOutcome, Order, Pool, PoolError};
use crate::vision::{Conflict, FrameReading, FusedCode, fuse};

impl CycleState {
    /// What follows when this is done, with so many stops and lights. A failed device leads straight to what was read until then.
    fn next(self, stops: usize, lights: usize, device_failed: bool) -> Self {
        match self {
            Self::Preparing | Self::Moving { .. } | Self::Lighting { .. } | Self::Capturing { .. } if device_failed => Self::Recognising,
            Self::Preparing => Self::Moving { stop: 0 },
            Self::Moving { stop } => Self::Lighting { stop, light: 0 },
            Self::Lighting { stop, light } => Self::Capturing { stop, light },
            Self::Capturing { stop, light } if light + 1 < lights => Self::Lighting { stop, light: light + 1 },
            Self::Capturing { stop, .. } if stop + 1 < stops => Self::Moving { stop: stop + 1 },
            Self::Capturing { .. } => Self::Recognising,
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
        codes: Vec::new(),
        withheld: Vec::new(),
        frames: Vec::new(),
        lost: Vec::new(),
        lines: Vec::new(),
        refused: Vec::new(),
        sold: Vec::new(),
        times: CycleTimes { started, ..CycleTimes::default() },
        wall: WallTimes::default(),
    };
    let cycle = Cycle { rig, pool, options, order, observer, report, workers: None, taken: 0, outcomes: Vec::new() };
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
            state = state.next(stops, options.lights.len(), cycle.report.end != CycleEnd::AllStops);
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
                if let (Some(turntable), Some(&angle)) = (&mut self.rig.turntable, self.options.stops_rad.get(stop)) {
                    let turned = device::turn(turntable.as_mut(), angle, retries);
                    self.fail_on(turned);
                }
            }
            CycleState::Lighting { light, .. } => {
                let lit = device::light(self.rig.lights.as_mut(), &self.options.lights[light], retries);
                self.fail_on(lit);
            }
            CycleState::Capturing { stop, light } => self.capture(stop, light),
            CycleState::Recognising => self.recognise(),
            CycleState::Fusing => {
                let started = Instant::now();
                let frames: Vec<_> = self.report.frames.iter().map(|f| (f.meta.clone(), f.reading.clone())).collect();
                self.report.codes = fuse(&frames);
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

    /// Waits for the last frames, and lets pass on the injected clock what recognition costs.
    fn recognise(&mut self) {
        // A light that cannot be switched off spoils nothing that was read.
        let _ = self.rig.lights.off();
        let clock = &self.rig.clock;
        let captured = clock.now();
        let Self { workers, report, observer, .. } = self;
        if let Some(workers) = workers.take() {
            workers.finish(|finished| note(report, *observer, finished));
        }
        if let Some(cost) = &self.options.cost {
            let work: Vec<_> = report.frames.iter().map(|f| (f.meta.timestamp, cost.frame(pixels(&f.meta), located(&f.reading)))).collect();
            report.times.compute_s = work.iter().map(|(_, cost)| cost.as_secs_f64()).sum();
            if let Some(finished) = cost.finished(work) {
                clock.sleep(finished.since(clock.now()));
            }
        }
        report.times.mechanical_s = seconds(report.times.started, captured);
        report.times.waited_s = seconds(captured, clock.now());
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
        if !sell || self.report.end != CycleEnd::AllStops || self.pool.reservations_of_order(&self.order.id)?.is_empty() {
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
