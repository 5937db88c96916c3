//! What another stop of the turntable would show of a strip that was not read.

use hardware_hal::glam::DVec2;
use hardware_hal::{Calibration, FrameMeta, rig_from_plate};

use super::sight::Sight;
use crate::vision::Corners;

/// Height above the plate at which a strip seen once is taken to lie, flat, m.
const HEIGHT_M: f64 = 0.06;
/// Modules of a traceability code.
const MODULES: f64 = 145.0;
/// Slant against the pixel grid from which on all sub-pixel places are met, degrees: with less, small codes are read far less often.
const SLANT_DEG: f64 = 3.0;
/// Resolution beyond which more is of no use, px per module.
const ENOUGH: f64 = 2.0;

/// How well `camera` would see a strip with the plate at `angle_rad`, if it lies flat where `meta`'s frame shows it: px per module, at most 2, times
/// the share of the slant that small codes need. 0 where it would be out of the picture, or without calibration.
pub fn outlook(meta: &FrameMeta, corners: &Corners, camera: &Calibration, angle_rad: f64) -> f64 {
    let end = |p: [f64; 2], q: [f64; 2]| {
        let sight = Sight::through(meta, [(p[0] + q[0]) / 2.0, (p[1] + q[1]) / 2.0])?;
        let t = (HEIGHT_M - sight.eye.z) / sight.direction.z;
        let on_plate = (t.is_finite() && t > 0.0).then(|| sight.eye + sight.direction * t)?;
        let pixel = camera.project(rig_from_plate(angle_rad).transform_point(on_plate))?;
        let [w, h] = camera.intrinsics.size_px.map(f64::from);
        (pixel.cmpge(DVec2::ZERO).all() && pixel.cmple(DVec2::new(w - 1.0, h - 1.0)).all()).then_some(pixel)
    };
    let (Some(start), Some(stop)) = (end(corners[0], corners[3]), end(corners[1], corners[2])) else { return 0.0 };
    let along = (stop - start).abs();
    let slant = along.min_element().atan2(along.max_element()).to_degrees();
    (along.length() / MODULES).min(ENOUGH) * (slant / SLANT_DEG).min(1.0)
}

#[cfg(test)]
mod tests {
    use hardware_hal::glam::DVec3;
    use hardware_hal::{Intrinsics, Pose};

    use super::*;
    use crate::vision::testing::frame_meta;

    /// A camera 1.06 m above the plate, hence 1 m above the height that is assumed, 4000 px to the metre there.
    fn overhead() -> FrameMeta {
        let calibration = Calibration {
            intrinsics: Intrinsics::pinhole(2001, 2001, 4000.0),
            camera_from_rig: Pose::look_at(DVec3::new(0.0, 0.0, 1.06), DVec3::ZERO, DVec3::Y),
        };
        frame_meta("top", calibration, 0.0)
    }

    #[test]
    fn a_strip_along_the_grid_gains_by_a_turn() {
        let meta = overhead();
        let camera = meta.calibration.unwrap();
        // 145 px long and exactly along the rows.
        let corners = [[1100.0, 990.0], [1245.0, 990.0], [1245.0, 1010.0], [1100.0, 1010.0]];
        let at = |degrees: f64| outlook(&meta, &corners, &camera, degrees.to_radians());
        for (degrees, expected) in [(0.0, 0.0), (1.5, 0.5), (3.0, 1.0), (20.0, 1.0), (88.5, 0.5), (90.0, 0.0)] {
            assert!((at(degrees) - expected).abs() < 1e-6, "{degrees}: {}", at(degrees));
        }
    }

    #[test]
    fn what_leaves_the_picture_is_worth_nothing() {
        let meta = overhead();
        let camera = meta.calibration.unwrap();
        // In a corner, outside the circle that stays in sight.
        let corners = [[1800.0, 1800.0], [1945.0, 1830.0], [1945.0, 1850.0], [1800.0, 1820.0]];
        assert!(outlook(&meta, &corners, &camera, 0.0) > 0.9);
        assert_eq!(outlook(&meta, &corners, &camera, std::f64::consts::FRAC_PI_4), 0.0);
        let blind = FrameMeta { calibration: None, ..meta };
        assert_eq!(outlook(&blind, &corners, &camera, 0.0), 0.0);
    }
}
