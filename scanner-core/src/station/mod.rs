//! The station's cycle: from a loaded plate to sold packs.
//!
//! [`Station::run_cycle`] drives a [`Rig`], hands every frame to a [`Recogniser`] as it arrives, unites what the frames say, reconciles it with an
//! order and settles with the pool. The same type runs over simulated and real devices and cannot tell them apart.
//!
//! # Rules
//! - What a symbol says is decided frame by frame, before and without order and pool. Order and pool only decide what becomes of a code.
//! - Codes that were read are never lost: a device that fails ends the capture, not the cycle, and an error of the pool carries the report.
//! - A cycle that a device cut short reserves, but does not sell.
//! - Two traceability codes that claim the same place of the same frame are both withheld from order and pool: at least one of them is a misread,
//!   and a misread is worse than a miss.
//! - Results do not depend on the machine's speed or the number of workers: frames are worked on in parallel and put back into the order in which
//!   they were taken; with a [`CostProfile`], the time that recognition takes on the injected clock is the recorded one.
//! - All stops of the plate are taken unless the options say otherwise ([`EarlyStop`]): nobody counts packages by their outlines, so ending early
//!   takes the number of packages from the order, and needs everything that looks like a code to be accounted for. Order and pool decide how many
//!   pictures are taken, never what is read in one.

mod cost;
mod cycle;
mod device;
mod plan;
mod recognise;
mod report;

use std::time::Duration;

use hardware_hal::{LightSetting, Rig};

use crate::pool::{Order, Pool, PoolError};
use crate::vision::FusionRule;

pub use cost::CostProfile;
pub use plan::{EarlyStop, KeepGoing, NextStop, StopChoice};
pub use recognise::Recogniser;
pub use report::{CycleEnd, CycleReport, CycleTimes, FrameRecord, LineReport, LostFrame, RefusedCode, StopReport, WallTimes};

/// How a cycle runs.
#[derive(Debug, Clone, PartialEq)]
pub struct StationOptions {
    /// The account under which the ledger is written.
    pub actor: String,
    /// Angles at which the plate stops, rad. Without a turntable there is one stop, and this is not looked at.
    pub stops_rad: Vec<f64>,
    /// What is lit at each stop, one after the other; at least one.
    pub lights: Vec<LightSetting>,
    /// How long to wait for a frame.
    pub fetch_timeout: Duration,
    /// How often a device is asked again after a time-out or lost data.
    pub retries: u32,
    /// Threads that work on frames; 0 for as many as the machine has cores.
    pub workers: usize,
    /// Frames that may wait for a worker; bounds the memory.
    pub queue: usize,
    /// What recognition costs on the injected clock; `None` where real time passes by itself.
    pub cost: Option<CostProfile>,
    /// What happens to codes that have their place in the order.
    pub settlement: Settlement,
    /// How views read together what none of them decides; `None` unites the texts that single frames gave, and no more.
    pub fusion: Option<FusionRule>,
    /// When a cycle may end before all stops were taken.
    pub early_stop: EarlyStop,
    /// Which stop follows.
    pub next_stop: NextStop,
}

impl Default for StationOptions {
    /// Six stops, no light patterns: those are the rig's.
    fn default() -> Self {
        Self {
            actor: "station".into(),
            stops_rad: (0..6).map(|i| f64::from(i) * std::f64::consts::TAU / 6.0).collect(),
            lights: Vec::new(),
            fetch_timeout: Duration::from_secs(5),
            retries: 2,
            workers: 0,
            queue: 4,
            cost: None,
            settlement: Settlement::DispenseFound,
            fusion: None,
            early_stop: EarlyStop::Never,
            next_stop: NextStop::InOrder,
        }
    }
}

/// What happens to codes that have their place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// They are reserved, and sold by a later call.
    ReserveOnly,
    /// They are sold once every line has what it asks for, and stay reserved until then.
    DispenseComplete,
    /// They are sold, whether or not lines lack something.
    DispenseFound,
}

/// Where a cycle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CycleState {
    /// Checking the order, finding the plate's zero mark.
    Preparing,
    /// Turning the plate to a stop.
    Moving {
        /// Index of the stop.
        stop: usize,
    },
    /// Switching the light.
    Lighting {
        /// Index of the stop.
        stop: usize,
        /// Index of the light setting.
        light: usize,
    },
    /// Exposing and fetching frames of all cameras.
    Capturing {
        /// Index of the stop.
        stop: usize,
        /// Index of the light setting.
        light: usize,
    },
    /// Waiting for the last frames to be read.
    Recognising,
    /// Uniting what the frames say.
    Fusing,
    /// Finding each code's place in the order.
    Reconciling,
    /// Selling.
    Settling,
    /// Done.
    Done,
}

/// Watches a cycle without taking part: for scoring, recording, progress. Called on the cycle's own thread.
pub trait CycleObserver {
    /// The cycle goes to another state.
    fn on_state(&mut self, _state: CycleState) {}
    /// A frame was read. Frames come in the order in which they were taken, whatever the order in which they were finished.
    fn on_frame(&mut self, _record: &FrameRecord, _frame: &hardware_hal::Frame) {}
    /// A frame was lost.
    fn on_lost(&mut self, _lost: &LostFrame) {}
}

/// Watches nothing.
impl CycleObserver for () {}

/// Why a cycle has no result.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum StationError {
    /// A rig without cameras sees nothing.
    #[error("the rig has no camera")]
    NoCamera,
    /// No light setting to take pictures under.
    #[error("the station's options name no light setting")]
    NoLight,
    /// No stop, where there is a turntable.
    #[error("the station's options name no stop of the turntable")]
    NoStop,
    /// A light pattern that the rig does not have.
    #[error("light bank {bank} has no pattern '{pattern}'; it has {}", known.join(", "))]
    UnknownPattern {
        /// The bank.
        bank: String,
        /// The pattern.
        pattern: String,
        /// What it has.
        known: Vec<String>,
    },
    /// The pool refused the order itself, before any picture was taken.
    #[error("the order cannot be served: {0}")]
    Order(#[source] PoolError),
    /// The pool failed after the pictures were taken. The report has everything that was read.
    #[error("the pool failed: {source}")]
    Pool {
        /// What it said.
        source: PoolError,
        /// What was read.
        report: Box<CycleReport>,
    },
}

/// A rig, a recogniser and a pool.
#[derive(Debug)]
pub struct Station<'s, R> {
    rig: RigRef<'s>,
    recogniser: &'s R,
    pool: &'s mut Pool,
    options: StationOptions,
}

/// A rig that is borrowed; devices have no debug form of their own.
struct RigRef<'s>(&'s mut Rig);

impl std::fmt::Debug for RigRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rig of {} cameras", self.0.cameras.len())
    }
}

impl<'s, R: Recogniser> Station<'s, R> {
    /// Puts a station together.
    ///
    /// # Errors
    /// Options that the rig cannot follow.
    pub fn new(rig: &'s mut Rig, recogniser: &'s R, pool: &'s mut Pool, options: StationOptions) -> Result<Self, StationError> {
        if rig.cameras.is_empty() {
            return Err(StationError::NoCamera);
        }
        if options.lights.is_empty() {
            return Err(StationError::NoLight);
        }
        if rig.turntable.is_some() && options.stops_rad.is_empty() {
            return Err(StationError::NoStop);
        }
        let capabilities = rig.lights.capabilities();
        if let Some(light) = options.lights.iter().find(|l| !capabilities.patterns.contains(&l.pattern)) {
            let known = capabilities.patterns.clone();
            return Err(StationError::UnknownPattern { bank: capabilities.id.clone(), pattern: light.pattern.clone(), known });
        }
        Ok(Self { rig: RigRef(rig), recogniser, pool, options })
    }

    /// The pool, between cycles.
    pub fn pool(&mut self) -> &mut Pool {
        self.pool
    }

    /// Runs one cycle for an order on what lies on the plate.
    ///
    /// # Errors
    /// [`StationError::Order`], [`StationError::Pool`]. Devices that fail are no error: see [`CycleReport::end`].
    pub fn run_cycle(&mut self, order: &Order) -> Result<CycleReport, StationError> {
        self.run_observed_cycle(order, &mut ())
    }

    /// The same with somebody watching.
    ///
    /// # Errors
    /// As [`Station::run_cycle`].
    pub fn run_observed_cycle(&mut self, order: &Order, observer: &mut dyn CycleObserver) -> Result<CycleReport, StationError> {
        cycle::run(self.rig.0, self.recogniser, self.pool, &self.options, order, observer)
    }
}
