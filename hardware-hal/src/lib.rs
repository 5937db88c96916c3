//! Devices of a scanning station as traits: [`Camera`], [`LightBank`], [`Turntable`] and [`Clock`], bundled as a [`Rig`].
//!
//! All traits are blocking and every method that touches a device can fail with an [`Error`] whose [`ErrorKind`] a caller can branch on.
//! Setters return what the device really applied. What a device can do is described by its capabilities.

mod calibration;
mod camera;
mod clock;
pub mod conformance;
mod error;
mod frame;
mod light;
mod rig;
mod turntable;

pub use calibration::{Calibration, Intrinsics, Pose, rig_from_plate};
pub use camera::{Camera, CameraCapabilities, CameraSettings};
pub use clock::{Clock, SimulatedClock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind, Result};
pub use frame::{Exposure, Frame, FrameMeta, PixelFormat, PixelLayout, Samples};
pub use glam;
pub use light::{LightBank, LightCapabilities, LightSetting};
pub use rig::Rig;
pub use turntable::{Turntable, TurntableCapabilities};
