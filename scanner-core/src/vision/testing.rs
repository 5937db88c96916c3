//! What tests of geometry share.

use std::time::Duration;

use hardware_hal::{Calibration, Exposure, FrameMeta, PixelFormat, Timestamp};

/// What stands beside the pixels of a camera's frame, taken with the plate at an angle (rad).
pub(crate) fn frame_meta(camera: &str, calibration: Calibration, angle_rad: f64) -> FrameMeta {
    let [width, height] = calibration.intrinsics.size_px;
    FrameMeta {
        camera: camera.into(),
        sequence: 0,
        width,
        height,
        format: PixelFormat::MONO8,
        timestamp: Timestamp::default(),
        exposure: Exposure { start: Timestamp::default(), duration: Duration::ZERO },
        calibration: Some(calibration),
        turntable_angle_rad: Some(angle_rad),
        light_pattern: None,
        complete: true,
    }
}
