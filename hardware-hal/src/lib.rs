//! Devices of a scanning station as traits: [`Camera`], [`LightBank`], [`Turntable`] and [`Clock`], bundled as a [`Rig`].
//!
//! All traits are blocking and every method that touches a device can fail with an [`Error`] whose [`ErrorKind`] a caller can branch on.
//! Setters return what the device really applied. What a device can do is described by its capabilities. The contracts stand in the traits' doc
//! comments; [`conformance`] checks them clause by clause on any backend.
//!
//! # A cycle, from a recording
//!
//! Whoever drives a [`Rig`] cannot tell what stands behind it. Here it is a [`Recording`], replayed: the same loop runs on hardware, on the twin, and
//! on any of them with faults injected ([`faulty_rig`]).
//!
//! ```
//! # mod example {
//! #     use hardware_hal::*;
//! #     use std::time::Duration;
//! #
//! #     pub fn record(path: &std::path::Path) -> Result<()> {
//! #         let exposure = Duration::from_millis(2);
//! #         let settings = CameraSettings { format: PixelFormat::MONO8, exposure, gain_db: 0.0 };
//! #         let capabilities = CameraCapabilities {
//! #             id: "top".into(), size_px: [4, 3], formats: vec![PixelFormat::MONO8], exposure: (exposure, exposure), gain_db: (0.0, 0.0),
//! #         };
//! #         let rig = RigDescription {
//! #             cameras: vec![CameraDescription { capabilities, settings, calibration: None }],
//! #             lights: LightCapabilities { id: "lights".into(), patterns: vec!["ring".into(), "bar".into()], intensity: (0.0, 1.0) },
//! #             turntable: Some(TurntableCapabilities {
//! #                 id: "plate".into(), resolution_rad: 1e-3, max_speed_rad_s: 1.0, max_acceleration_rad_s2: 1.0,
//! #             }),
//! #         };
//! #         let mut writer = RecordingWriter::create(path, rig)?;
//! #         for sequence in 0..4u64 {
//! #             let start = Timestamp(1_000_000_000 * sequence);
//! #             let meta = FrameMeta {
//! #                 camera: "top".into(), sequence, width: 4, height: 3, format: PixelFormat::MONO8, timestamp: start.plus(2 * exposure),
//! #                 exposure: Exposure { start, duration: exposure }, calibration: None, complete: true,
//! #                 turntable_angle_rad: Some((sequence / 2) as f64),
//! #                 light_pattern: Some(["ring", "bar"][sequence as usize % 2].into()),
//! #             };
//! #             writer.push(&Frame::new(meta, Samples::U8(vec![sequence as u8; 12]))?)?;
//! #         }
//! #         writer.finish().map(|_| ())
//! #     }
//! # }
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("cycle");
//! # example::record(&path)?;
//! use hardware_hal::{LightSetting, ReplayRig};
//! use std::time::Duration;
//!
//! // `path` is a folder with a manifest and PNG files; opening it checks all of them.
//! let replay = ReplayRig::open(&path)?;
//! let stops = replay.angles_rad();
//! let mut rig = replay.rig();
//!
//! let turntable = rig.turntable.as_mut().expect("this one was recorded with a turntable");
//! turntable.home()?;
//! let mut seen = Vec::new();
//! for stop in stops {
//!     let angle = turntable.move_to(stop)?;
//!     for pattern in rig.lights.capabilities().patterns.clone() {
//!         rig.lights.apply(&LightSetting { pattern, intensity: 1.0 })?;
//!         // All cameras expose first; their frames are fetched afterwards.
//!         for camera in &mut rig.cameras {
//!             camera.trigger()?;
//!         }
//!         for camera in &mut rig.cameras {
//!             let frame = camera.fetch(Duration::from_secs(1))?;
//!             assert_eq!(frame.meta().turntable_angle_rad, Some(angle));
//!             seen.push((frame.meta().camera.clone(), frame.meta().light_pattern.clone().unwrap_or_default()));
//!         }
//!     }
//! }
//! rig.lights.off()?;
//! assert_eq!(seen.len(), 2 * 2 * 1, "two stops, two patterns, one camera");
//! assert_eq!(seen[1], ("top".to_owned(), "bar".to_owned()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Writing one is [`RecordingWriter::create`] with [`RigDescription::of`] the rig, then [`push`](RecordingWriter::push) for every frame, then
//! [`finish`](RecordingWriter::finish). The format is described in [`recording`].

mod calibration;
mod camera;
mod clock;
pub mod conformance;
mod duration_ns;
mod error;
mod faulty;
mod frame;
mod light;
pub mod recording;
mod replay;
mod rig;
mod turntable;

pub use calibration::{Calibration, Intrinsics, Pose, rig_from_plate};
pub use camera::{Camera, CameraCapabilities, CameraSettings};
pub use clock::{Clock, SimulatedClock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind, Result};
pub use faulty::{Fault, FaultPlan, Faulty, ScriptedFault, faulty_rig};
pub use frame::{Exposure, Frame, FrameMeta, PixelFormat, PixelLayout, Samples};
pub use glam;
pub use light::{LightBank, LightCapabilities, LightSetting};
pub use recording::{CameraDescription, RecordedFrame, Recording, RecordingWriter, RigDescription};
pub use replay::ReplayRig;
pub use rig::Rig;
pub use turntable::{Turntable, TurntableCapabilities};
