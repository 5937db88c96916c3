//! The conformance suite: every clause of the traits' contracts as a check that any backend can be put through.
//!
//! ```no_run
//! # fn my_driver() -> Box<dyn hardware_hal::Camera> { unimplemented!() }
//! use hardware_hal::{SystemClock, conformance};
//! use std::time::Duration;
//!
//! let mut camera = my_driver();
//! conformance::check_camera(camera.as_mut(), &SystemClock::new(), Duration::from_secs(2)).unwrap_or_else(|v| panic!("{v}"));
//! ```
//!
//! A check returns the first [`Violation`] it finds: which device, which [`Clause`], and what the device did. It leaves the device as the contract
//! lets it: cameras idle with the settings they came with, lights dark, the plate at zero.
//!
//! What a healthy device cannot be made to do (lose its connection, fail a move) has checks of its own for drivers with a fake behind them and for
//! [`Faulty`](crate::Faulty) devices: [`check_disconnected_camera`], [`check_disconnected_lights`], [`check_disconnected_turntable`],
//! [`check_failed_move`].

mod camera;
mod clock;
mod light;
mod rig;
mod turntable;

use std::fmt;

pub use camera::{check_camera, check_disconnected_camera, frames_needed};
pub use clock::check_clock;
pub use light::{check_disconnected_lights, check_light_bank};
pub use rig::check_rig;
pub use turntable::{ANGLES_RAD, check_disconnected_turntable, check_failed_move, check_turntable};

use crate::{Error, ErrorKind, Result};

macro_rules! clauses {
    ($($name:ident: $text:literal,)*) => {
        /// One clause of a contract.
        #[non_exhaustive]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Clause {
            $(#[doc = $text] $name,)*
        }

        impl Clause {
            /// All clauses that the suite checks.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The clause in words.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

clauses! {
    ClockNeverGoesBack: "clock: `now` never goes back",
    ClockSleepPasses: "clock: after `sleep(d)`, `now` is at least `d` later than before",

    CameraCapabilities: "camera: capabilities name the camera, a size, at least one format, and ranges that are ordered and finite",
    CameraSettingsInRange: "camera: the settings in force lie within the capabilities",
    CameraConfigureApplies: "camera: `configure` returns the settings in force afterwards, with the wanted format and within the range",
    CameraConfigureNearest: "camera: `configure` applies the nearest setting that the device has; the ends of the range, and what it applied before, it has",
    CameraRefusesOutOfRange: "camera: an exposure or gain outside the range is OutOfRange",
    CameraRefusesFormat: "camera: a format that is not in the list is UnsupportedSetting",
    CameraRefusalKeepsSettings: "camera: after a refused `configure` the settings are as before",
    CameraFetchNeedsTrigger: "camera: fetching what was never triggered is WrongState",
    CameraFetchSpendsTrigger: "camera: a trigger gives one frame; fetching again is WrongState",
    CameraDoubleTrigger: "camera: triggering again before the frame was fetched is WrongState",
    CameraRefusedTriggerChangesNothing: "camera: a refused trigger leaves the frame of the first one to be fetched, and does not count",
    CameraDelivers: "camera: a trigger followed by a fetch with time enough delivers a complete frame",
    CameraSequence: "camera: sequence numbers rise by one per trigger",
    CameraFrameFits: "camera: a frame carries the camera's id, full size, format, exposure time and calibration",
    CameraTimestamps: "camera: a frame is complete after its exposure ended and no later than `fetch` returned, and time stamps rise",
    CameraFreshFrame: "camera: the exposure of a frame starts after its trigger: never an older frame",
    CameraTriggerCoversExposure: "camera: the exposure is over when `trigger` returns",
    CameraTimeoutHolds: "camera: `fetch` waits for `timeout` at most",
    CameraTimeoutSpendsTrigger: "camera: after a Timeout the trigger is spent and the camera can be triggered anew",
    CameraStaysDisconnected: "camera: after Disconnected, every further call fails with the same kind",

    LightCapabilities: "lights: capabilities name the bank and at least one pattern, each once, and a range of intensity that is ordered and finite",
    LightApplies: "lights: `apply` lights any pattern of the list and returns what `current` shows afterwards",
    LightNearest: "lights: `apply` applies the intensity nearest to the wanted one; the ends of the range it has",
    LightRefusesPattern: "lights: a pattern the bank does not have is UnsupportedSetting",
    LightRefusesIntensity: "lights: an intensity outside the range is OutOfRange",
    LightRefusalKeepsLight: "lights: after a refusal the light is as before",
    LightOff: "lights: `off` leaves the bank dark and `current` is None",
    LightStaysDisconnected: "lights: after Disconnected, every further call fails with the same kind",

    TurntableCapabilities: "turntable: capabilities name the turntable; resolution, speed and acceleration are positive and finite",
    TurntableUnknownBeforeHome: "turntable: before homing `angle_rad` is None",
    TurntableMoveNeedsHome: "turntable: before homing `move_to` is WrongState",
    TurntableHomes: "turntable: `home` finds the zero mark and goes there",
    TurntableReaches: "turntable: `move_to` ends within half a resolution of the wanted angle, in the sense of the call (not wrapped)",
    TurntableTellsAngle: "turntable: `angle_rad` is where the last move ended",
    TurntableRefusesNonFinite: "turntable: an angle that is not finite is OutOfRange",
    TurntableRefusalKeepsAngle: "turntable: after a refused angle the plate has not moved",
    TurntableFailedMove: "turntable: after a failed move `angle_rad` is None and `move_to` is WrongState until `home`",
    TurntableStaysDisconnected: "turntable: after Disconnected, every further call fails with the same kind and `angle_rad` is None",

    RigIds: "rig: has a camera, and every device has its own id",
    RigFramePlace: "rig: frames carry the angle that the turntable reached and the light pattern that is on",
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A clause that a device broke, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{device}` breaks {clause:?} ({clause}): {found}")]
pub struct Violation {
    /// The device's name.
    pub device: String,
    /// The clause it broke.
    pub clause: Clause,
    /// What it did instead.
    pub found: String,
}

/// Outcome of a check.
pub type Outcome<T = ()> = std::result::Result<T, Violation>;

/// Makes violations of one device.
#[derive(Debug, Clone)]
struct Judge {
    device: String,
}

impl Judge {
    fn new(device: impl Into<String>) -> Self {
        Self { device: device.into() }
    }

    fn broken<T>(&self, clause: Clause, found: impl Into<String>) -> Outcome<T> {
        Err(Violation { device: self.device.clone(), clause, found: found.into() })
    }

    fn hold(&self, clause: Clause, holds: bool, found: impl FnOnce() -> String) -> Outcome {
        if holds { Ok(()) } else { self.broken(clause, found()) }
    }

    /// The value of a call that must succeed for `clause` to hold.
    fn ok<T>(&self, clause: Clause, call: &str, result: Result<T>) -> Outcome<T> {
        result.or_else(|e| self.broken(clause, format!("{call} failed: {}", describe(&e))))
    }

    /// A call that must fail with `kind` for `clause` to hold.
    fn refused<T>(&self, clause: Clause, call: &str, kind: ErrorKind, result: Result<T>) -> Outcome {
        match result {
            Ok(_) => self.broken(clause, format!("{call} succeeded")),
            Err(e) if e.kind() == kind => Ok(()),
            Err(e) => self.broken(clause, format!("{call} failed, but with {}", describe(&e))),
        }
    }
}

fn describe(error: &Error) -> String {
    format!("{:?} ({error})", error.kind())
}

fn ordered(range: (f64, f64)) -> bool {
    range.0.is_finite() && range.1.is_finite() && range.0 <= range.1
}

/// Equal but for rounding on the way to the device and back.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * (1.0 + a.abs().max(b.abs()))
}
