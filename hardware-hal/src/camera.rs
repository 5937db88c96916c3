//! The camera trait.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Calibration, Frame, PixelFormat, Result};

/// What a camera can do; described, so that nobody has to find out by failing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraCapabilities {
    /// The camera's name in the rig; every frame carries it.
    pub id: String,
    /// Width and height of a full frame, px.
    pub size_px: [u32; 2],
    /// The formats it can deliver; never empty.
    pub formats: Vec<PixelFormat>,
    /// Shortest and longest exposure, in nanoseconds in files.
    #[serde(with = "crate::duration_ns::range")]
    pub exposure: (Duration, Duration),
    /// Lowest and highest gain, dB.
    pub gain_db: (f64, f64),
}

/// What can be set on a camera.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CameraSettings {
    /// Pixel format.
    pub format: PixelFormat,
    /// Exposure time, in nanoseconds in files.
    #[serde(with = "crate::duration_ns")]
    pub exposure: Duration,
    /// Gain, dB.
    pub gain_db: f64,
}

/// A camera that takes one frame per software trigger.
///
/// # Contract
/// - `configure` applies the nearest setting that the device has and returns what it really applied; a value outside the range that
///   `capabilities` describes is [`OutOfRange`](crate::ErrorKind::OutOfRange), a format that is not in its list is
///   [`UnsupportedSetting`](crate::ErrorKind::UnsupportedSetting); after an error the settings are as before.
/// - `trigger` starts an exposure and returns when the scene may change again, not when the frame is there. Triggering again before the frame was
///   fetched is [`WrongState`](crate::ErrorKind::WrongState), and so is fetching what was never triggered.
/// - `fetch` delivers the frame of the last trigger, never an older one. After a [`Timeout`](crate::ErrorKind::Timeout) the trigger is spent: the
///   camera can be triggered anew. A frame whose data were lost on the way is either delivered with `complete == false`, or
///   [`LostData`](crate::ErrorKind::LostData) is returned and the trigger is spent.
/// - sequence numbers rise by one per trigger; frames that were lost leave a gap. A refused trigger does not count, and leaves the frame of the
///   first one to be fetched.
/// - a frame's times are of the rig's clock: its exposure starts after `trigger` was called and is over when `trigger` returns; it is complete
///   (its time stamp) after that and before `fetch` returns.
/// - after [`Disconnected`](crate::ErrorKind::Disconnected), every further call fails with the same kind.
pub trait Camera: Send {
    /// What the camera can do.
    fn capabilities(&self) -> &CameraCapabilities;
    /// The calibration that its frames will carry, if it has one.
    fn calibration(&self) -> Option<&Calibration>;
    /// The settings in force.
    fn settings(&self) -> CameraSettings;
    /// Changes the settings; returns those in force afterwards.
    fn configure(&mut self, settings: &CameraSettings) -> Result<CameraSettings>;
    /// Starts an exposure.
    fn trigger(&mut self) -> Result<()>;
    /// Waits for the frame of the last trigger, `timeout` at most (measured on the rig's clock).
    fn fetch(&mut self, timeout: Duration) -> Result<Frame>;
}

impl<C: Camera + ?Sized> Camera for Box<C> {
    fn capabilities(&self) -> &CameraCapabilities {
        (**self).capabilities()
    }

    fn calibration(&self) -> Option<&Calibration> {
        (**self).calibration()
    }

    fn settings(&self) -> CameraSettings {
        (**self).settings()
    }

    fn configure(&mut self, settings: &CameraSettings) -> Result<CameraSettings> {
        (**self).configure(settings)
    }

    fn trigger(&mut self) -> Result<()> {
        (**self).trigger()
    }

    fn fetch(&mut self, timeout: Duration) -> Result<Frame> {
        (**self).fetch(timeout)
    }
}
