//! What a cycle reports.

use hardware_hal::{FrameMeta, Timestamp};
use serde::Serialize;

use super::{KeepGoing, StopChoice};
use crate::pool::{OrderUnit, Refusal, SoldUnit};
use crate::vision::{FrameReading, FusedCode, PackageCount, StageTiming};

/// Everything about a cycle. All of it but [`CycleReport::wall`] is the same for the same frames, whatever the machine's speed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CycleReport {
    /// The order.
    pub order: String,
    /// How the capture ended.
    pub end: CycleEnd,
    /// What each stop brought, in the order in which they were taken.
    pub stops: Vec<StopReport>,
    /// Every text that was read, by text, traceability codes and others. Their views count [`CycleReport::frames`].
    pub codes: Vec<FusedCode>,
    /// Traceability codes that were withheld from order and pool, because another claims the same place.
    pub withheld: Vec<String>,
    /// The packages of the frame that shows most of them, and those without a code; `None` where nobody told packages apart.
    pub packages: Option<PackageCount>,
    /// Every frame that was read.
    pub frames: Vec<FrameRecord>,
    /// Every frame that was lost.
    pub lost: Vec<LostFrame>,
    /// The order's lines.
    pub lines: Vec<LineReport>,
    /// Traceability codes without a place in the order, each with the rule that says so: unknown to the pool, another drug, more than ordered, or
    /// forbidden.
    pub refused: Vec<RefusedCode>,
    /// What was sold.
    pub sold: Vec<SoldUnit>,
    /// Times on the injected clock.
    pub times: CycleTimes,
    /// Measured times. No hash may cover them.
    #[serde(skip)]
    pub wall: WallTimes,
}

impl CycleReport {
    /// Codes that the pool does not know.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.refused.iter().filter(|r| matches!(r.refusal, Refusal::Unknown { .. })).map(|r| r.code.as_str())
    }

    /// Codes of known units that the order does not ask for: another drug, or more than is wanted.
    pub fn surplus(&self) -> impl Iterator<Item = &str> {
        let surplus = |r: &&RefusedCode| matches!(r.refusal, Refusal::OtherDrug { .. } | Refusal::Surplus { .. });
        self.refused.iter().filter(surplus).map(|r| r.code.as_str())
    }

    /// Whether every line has what it asks for.
    pub fn complete(&self) -> bool {
        self.lines.iter().all(|line| line.missing_pieces == 0)
    }
}

/// How the capture ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum CycleEnd {
    /// All stops and lights were taken.
    AllStops,
    /// Everything was accounted for before the last stop: see [`EarlyStop::WhenAccountedFor`](super::EarlyStop::WhenAccountedFor).
    AccountedFor {
        /// Stops that were not taken.
        stops_left: usize,
    },
    /// A device failed; what was read until then counts.
    DeviceFailed {
        /// The device.
        device: String,
        /// What happened.
        message: String,
    },
}

/// A stop of the plate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StopReport {
    /// Index of the stop in the options.
    pub stop: usize,
    /// Why it was taken.
    pub chosen: StopChoice,
    /// Codes that no stop before it had read, sorted; what several stops read together counts for the last of them.
    pub new_codes: Vec<String>,
    /// Places that looked like codes and were not read after it, each frame's counted; `None` where nobody asked.
    pub open: Option<usize>,
    /// Why the cycle did not end after it; `None` where it ended or nobody asked.
    pub kept_going: Option<KeepGoing>,
}

/// A frame and what was read in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrameRecord {
    /// Counts the frames of the cycle that were taken, lost ones included.
    pub index: usize,
    /// Index of the stop.
    pub stop: usize,
    /// Index of the light setting.
    pub light: usize,
    /// Exposures that it took to get it.
    pub attempts: u32,
    /// How it was taken.
    pub meta: FrameMeta,
    /// What was read, without wall times: those are in [`WallTimes`].
    pub reading: FrameReading,
}

/// A frame that never arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostFrame {
    /// Its place among the frames of the cycle.
    pub index: usize,
    /// Index of the stop.
    pub stop: usize,
    /// Index of the light setting.
    pub light: usize,
    /// The camera.
    pub camera: String,
    /// Exposures that were tried.
    pub attempts: u32,
    /// What the camera said last.
    pub message: String,
}

/// A line of the order after the cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineReport {
    /// The product.
    pub product: String,
    /// How many were ordered.
    pub quantity: u32,
    /// Of what.
    pub unit: OrderUnit,
    /// Codes that this cycle found for it.
    pub codes: Vec<String>,
    /// Pieces that the line asks for.
    pub wanted_pieces: u64,
    /// Pieces that it still lacks after this and all former cycles of the order.
    pub missing_pieces: u64,
}

/// A code that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedCode {
    /// The code.
    pub code: String,
    /// The rule's name.
    pub rule: &'static str,
    /// The rule and its particulars.
    pub refusal: Refusal,
}

/// Times on the injected clock.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct CycleTimes {
    /// The trigger.
    pub started: Timestamp,
    /// Everything settled.
    pub finished: Timestamp,
    /// Seconds from the trigger to the last frame: moving, lighting, exposing, fetching.
    pub mechanical_s: f64,
    /// Core seconds of recognition, by the cost profile; 0 without one.
    pub compute_s: f64,
    /// Seconds that the cycle waited for recognition after the last frame.
    pub waited_s: f64,
}

/// Measured times, seconds. They differ from run to run.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct WallTimes {
    /// By frame, in the order of [`CycleReport::frames`]: recognition as a whole.
    pub frames_s: Vec<f64>,
    /// By frame: its stages.
    pub stages: Vec<Vec<StageTiming>>,
    /// Uniting the frames.
    pub fuse_s: f64,
    /// Reconciling and settling.
    pub settle_s: f64,
    /// The whole cycle.
    pub total_s: f64,
}
