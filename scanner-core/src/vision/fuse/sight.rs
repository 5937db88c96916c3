//! Where codes lie, from where they are seen: lines of sight in the plate's frame.

use hardware_hal::glam::{DMat3, DVec3};
use hardware_hal::{FrameMeta, rig_from_plate};

use crate::vision::Corners;

/// A line of sight in the plate's frame, m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sight {
    pub(super) eye: DVec3,
    pub(super) direction: DVec3,
}

impl Sight {
    /// The line of sight through a pixel; `None` without calibration.
    pub(super) fn through(meta: &FrameMeta, [px, py]: [f64; 2]) -> Option<Self> {
        let calibration = meta.calibration.as_ref()?;
        let i = &calibration.intrinsics;
        let (xd, yd) = ((px - i.principal_px[0]) / i.focal_px[0], (py - i.principal_px[1]) / i.focal_px[1]);
        // Brown–Conrady has no closed inverse; the fixed point converges for lenses that a station would use.
        let [k1, k2, p1, p2, k3] = i.distortion;
        let (mut x, mut y) = (xd, yd);
        for _ in 0..20 {
            let r2 = x * x + y * y;
            let radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
            let (dx, dy) = (2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x), p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y);
            (x, y) = ((xd - dx) / radial, (yd - dy) / radial);
        }
        let rig_from_camera = calibration.camera_from_rig.inverse();
        let plate_from_rig = rig_from_plate(meta.turntable_angle_rad.unwrap_or(0.0)).inverse();
        let eye = plate_from_rig.transform_point(rig_from_camera.translation);
        let direction = plate_from_rig.rotation * (rig_from_camera.rotation * DVec3::new(x, y, 1.0).normalize());
        direction.is_finite().then_some(Self { eye, direction })
    }

    /// Distance of a point from the line, m.
    pub(super) fn distance(&self, p: DVec3) -> f64 {
        (p - self.eye).reject_from(self.direction).length()
    }

    /// 1 − d dᵀ.
    fn across(&self) -> DMat3 {
        let d = self.direction;
        DMat3::IDENTITY - DMat3::from_cols(d * d.x, d * d.y, d * d.z)
    }
}

/// The point nearest to all lines of sight, and the largest distance of a line from it. Where the lines say nothing about depth (one of them, or all
/// alike), the point is where the first meets the plate's surface.
pub(super) fn meet(sights: &[Sight]) -> Option<(DVec3, f64)> {
    let first = sights.first()?;
    let miss = |p: DVec3| sights.iter().map(|s| s.distance(p)).fold(0.0, f64::max);
    // Normal equations of Σ |(1 − d dᵀ)(p − e)|².
    let (m, v) = sights.iter().fold((DMat3::ZERO, DVec3::ZERO), |(m, v), s| (m + s.across(), v + s.across() * s.eye));
    // The determinant of the mean is about sin² of the angle between two lines ÷ 4: 5° apart at least.
    if sights.len() >= 2 && (m / sights.len() as f64).determinant() > 0.002 {
        let point = m.inverse() * v;
        return Some((point, miss(point)));
    }
    if first.direction.z.abs() < 1e-6 {
        return None;
    }
    let t = -first.eye.z / first.direction.z;
    (t > 0.0).then(|| {
        let point = first.eye + first.direction * t;
        (point, miss(point))
    })
}

/// Heights above the plate at which codes are expected, m: mean and spread of a weak assumption that decides only where the lines of sight say nothing
/// about depth (a camera on the turntable's axis, two light patterns of one stop).
const HEIGHT_M: [f64; 2] = [0.06, 0.1];
/// How well a line of sight is known, m.
const SIGHT_M: f64 = 0.002;

/// The point nearest to all lines of sight under a weak assumption about its height.
fn meet_above_plate(sights: impl Iterator<Item = Sight>) -> DVec3 {
    let (mut m, mut v) = (DMat3::ZERO, DVec3::ZERO);
    for s in sights {
        m += s.across();
        v += s.across() * s.eye;
    }
    let weight = (SIGHT_M / HEIGHT_M[1]).powi(2);
    m.z_axis.z += weight;
    v.z += weight * HEIGHT_M[0];
    m.inverse() * v
}

/// What makes strips of several views one code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamePlaceRule {
    /// Most that a line of sight through the middle of either end may pass by the point where all of them meet, m.
    pub miss_m: f64,
    /// Heights above the plate, m.
    pub height_m: [f64; 2],
    /// Lengths of a code, m.
    pub length_m: [f64; 2],
    /// Least cosine of the angle between its face and any line of sight.
    pub facing: f64,
}

impl Default for SamePlaceRule {
    /// Codes of 145 modules of 0.17 to 0.37 mm, with room for corners that are a few modules off.
    fn default() -> Self {
        Self { miss_m: 0.003, height_m: [-0.005, 0.25], length_m: [0.022, 0.058], facing: 0.1 }
    }
}

/// A strip's lines of sight: start-top, stop-top, stop-bottom, start-bottom, and the middles of start and stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StripSight {
    corners: [Sight; 4],
    ends: [Sight; 2],
}

impl StripSight {
    /// `None` without calibration.
    pub(super) fn new(meta: &FrameMeta, c: &Corners) -> Option<Self> {
        let middle = |p: [f64; 2], q: [f64; 2]| Sight::through(meta, [(p[0] + q[0]) / 2.0, (p[1] + q[1]) / 2.0]);
        let corner = |i: usize| Sight::through(meta, c[i]);
        Some(Self { corners: [corner(0)?, corner(1)?, corner(2)?, corner(3)?], ends: [middle(c[0], c[3])?, middle(c[1], c[2])?] })
    }

    /// The same strip as it runs the other way.
    pub(super) fn reversed(&self) -> Self {
        let [a, b, c, d] = self.corners;
        Self { corners: [c, d, a, b], ends: [self.ends[1], self.ends[0]] }
    }
}

/// How far the strips' lines of sight pass by the two ends of one code, at most, m; `None` where `rule` says that they are not one code.
pub(super) fn same_place(strips: &[StripSight], rule: &SamePlaceRule) -> Option<f64> {
    let ends = [0, 1].map(|k| meet_above_plate(strips.iter().map(|s| s.ends[k])));
    let miss = strips.iter().flat_map(|s| [s.ends[0].distance(ends[0]), s.ends[1].distance(ends[1])]).fold(0.0, f64::max);
    let within = |v: f64, [lo, hi]: [f64; 2]| (lo..=hi).contains(&v);
    let along = ends[1] - ends[0];
    // Comparisons that a figure that is no number fails.
    if !(miss <= rule.miss_m && ends.iter().all(|p| within(p.z, rule.height_m)) && within(along.length(), rule.length_m)) {
        return None;
    }
    // Print is not mirrored: seen from its front, down is a right turn from along.
    let [a, b, c, d] = [0, 1, 2, 3].map(|k| meet_above_plate(strips.iter().map(|s| s.corners[k])));
    let face = -along.cross(c + d - a - b).normalize_or_zero();
    let centre = (ends[0] + ends[1]) / 2.0;
    strips.iter().all(|s| face.dot((s.ends[0].eye - centre).normalize_or_zero()) >= rule.facing).then_some(miss)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::testing::frame_meta;
    use hardware_hal::{Calibration, Intrinsics, Pose};

    fn meta(eye: DVec3, angle: f64) -> FrameMeta {
        let calibration =
            Calibration { intrinsics: Intrinsics::pinhole(2448, 2048, 3000.0), camera_from_rig: Pose::look_at(eye, DVec3::ZERO, DVec3::Y) };
        frame_meta("any", calibration, angle)
    }

    /// A code of 36 × 10 mm around a point, as a frame sees it.
    fn seen(meta: &FrameMeta, at: DVec3, along: DVec3, down: DVec3) -> StripSight {
        let corner = |x: f64, y: f64| {
            let p = rig_from_plate(meta.turntable_angle_rad.unwrap()).transform_point(at + along * 0.018 * x + down * 0.005 * y);
            meta.calibration.as_ref().unwrap().project(p).unwrap().to_array()
        };
        StripSight::new(meta, &[corner(-1., -1.), corner(1., -1.), corner(1., 1.), corner(-1., 1.)]).unwrap()
    }

    const TOP: DVec3 = DVec3::new(0.0, 0.001, 1.24);
    const SIDE: DVec3 = DVec3::new(0.8, 0.0, 0.8);

    #[test]
    fn a_code_seen_from_two_sides_lies_in_one_place() {
        let rule = SamePlaceRule::default();
        let (at, along, down) = (DVec3::new(0.1, 0.05, 0.08), DVec3::X, DVec3::new(0.0, -0.8, 0.6).normalize());
        let (a, b) = (seen(&meta(TOP, 0.0), at, along, down), seen(&meta(SIDE, 0.7), at, along, down));
        assert!(same_place(&[a, b], &rule).unwrap() < 1e-4);
        // Start for stop: its ends do not meet.
        assert_eq!(same_place(&[a, b.reversed()], &rule), None);
        // Both the other way: a code that turns its back on both cameras would be mirrored, one that stands on its head would not.
        assert!(same_place(&[a.reversed(), b.reversed()], &rule).is_some());
        let behind = seen(&meta(TOP, 0.0), at, along, -down);
        assert_eq!(same_place(&[behind, seen(&meta(SIDE, 0.7), at, along, -down)], &rule), None);
    }

    #[test]
    fn a_camera_on_the_axis_knows_places_again_after_a_turn() {
        let rule = SamePlaceRule::default();
        let eye = DVec3::new(0.0, 1e-9, 1.24);
        let at = DVec3::new(0.15, -0.1, 0.03);
        let (a, b) = (seen(&meta(eye, 0.0), at, DVec3::X, -DVec3::Y), seen(&meta(eye, 1.0), at, DVec3::X, -DVec3::Y));
        assert!(same_place(&[a, b], &rule).is_some());
        let other = seen(&meta(eye, 1.0), at + DVec3::new(0.0, 0.004, 0.0), DVec3::X, -DVec3::Y);
        let other = same_place(&[a, other], &rule);
        assert!(other.is_some_and(|miss| (miss - 0.002).abs() < 2e-4), "{other:?}");
        let far = seen(&meta(eye, 1.0), at + DVec3::new(0.0, 0.008, 0.0), DVec3::X, -DVec3::Y);
        assert_eq!(same_place(&[a, far], &rule), None);
    }

    #[test]
    fn neither_below_the_plate_nor_too_long() {
        let rule = SamePlaceRule::default();
        let see = |at: DVec3, along: DVec3| [TOP, SIDE].map(|eye| seen(&meta(eye, 0.0), at, along, -DVec3::Y));
        assert!(same_place(&see(DVec3::new(0.0, 0.0, 0.02), DVec3::X), &rule).is_some());
        assert_eq!(same_place(&see(DVec3::new(0.0, 0.0, -0.02), DVec3::X), &rule), None);
        assert_eq!(same_place(&see(DVec3::new(0.0, 0.0, 0.02), DVec3::X * 1.7), &rule), None);
        assert_eq!(same_place(&see(DVec3::new(0.0, 0.0, 0.02), DVec3::X * 0.5), &rule), None);
    }
}
