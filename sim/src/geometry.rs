//! Solids of the scene in exact form: what ground truth casts rays against, and what checks a settled load.

use std::sync::Arc;

use hardware_hal::Pose;
use hardware_hal::glam::DVec3;

use crate::forms::Convex;
use crate::glass::Pane;
use crate::spec::{Placement, PlateSpec, Shape};

/// Thickness of the rim's wall outside the usable radius, m.
pub const RIM_THICKNESS: f64 = 0.004;

/// Thickness of the plate below its surface, m.
pub const PLATE_THICKNESS: f64 = 0.01;

/// How far a package may sink into the plate (the physics' contact tolerance) before the plate counts as hiding it, m.
const PLATE_TOLERANCE: f64 = 0.5e-3;

impl Placement {
    /// As a transform.
    pub fn plate_from_package(&self) -> Pose {
        Pose { rotation: self.rotation, translation: self.translation }
    }
}

impl Shape {
    /// Half the edge lengths of the box around it, m.
    pub fn half_extents(&self) -> DVec3 {
        DVec3::from_array(self.size()) / 2.0
    }
}

/// A box at a place in some frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlacedBox {
    /// `frame_from_box`; the box's own frame has its origin in the centre.
    pub pose: Pose,
    /// Half the edge lengths, m.
    pub half: DVec3,
}

impl PlacedBox {
    /// The eight corners.
    pub fn corners(&self) -> [DVec3; 8] {
        std::array::from_fn(|i| {
            let sign = |bit: usize| if i >> bit & 1 == 1 { 1.0 } else { -1.0 };
            self.pose.transform_point(self.half * DVec3::new(sign(0), sign(1), sign(2)))
        })
    }

    /// Whether the open segment between two points passes through the box (slab method, Kay & Kajiya 1986).
    pub fn blocks(&self, from: DVec3, to: DVec3) -> bool {
        let inverse = self.pose.inverse();
        let (a, b) = (inverse.transform_point(from), inverse.transform_point(to));
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        for axis in 0..3 {
            let (start, step, half) = (a[axis], b[axis] - a[axis], self.half[axis]);
            if step.abs() < 1e-15 {
                if start.abs() > half {
                    return false;
                }
                continue;
            }
            let (t0, t1) = ((-half - start) / step, (half - start) / step);
            enter = enter.max(t0.min(t1));
            leave = leave.min(t0.max(t1));
        }
        // A touch is not a passage.
        leave - enter > 1e-9
    }

    /// How deep two boxes stand in each other: the smallest shift along any separating-axis candidate (face normals and edge cross products) that
    /// parts them, m; negative or zero where they are apart.
    pub fn penetration(&self, other: &Self) -> f64 {
        let axes = |p: &Self| [DVec3::X, DVec3::Y, DVec3::Z].map(|axis| p.pose.rotation * axis);
        let (mine, theirs) = (axes(self), axes(other));
        let offset = other.pose.translation - self.pose.translation;
        let cross = mine.iter().flat_map(|a| theirs.iter().map(move |b| a.cross(*b))).filter(|c| c.length_squared() > 1e-9);
        let mut depth = f64::INFINITY;
        for axis in mine.iter().chain(&theirs).copied().chain(cross.map(DVec3::normalize)) {
            let reach = |p: &Self, own: &[DVec3; 3]| (0..3).map(|i| p.half[i] * own[i].dot(axis).abs()).sum::<f64>();
            depth = depth.min(reach(self, &mine) + reach(other, &theirs) - offset.dot(axis).abs());
        }
        depth
    }
}

/// A package's body at a place in some frame.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedBody {
    /// The box around it.
    pub around: PlacedBox,
    /// Whether it is a cylinder about the box's own y axis that fills it.
    pub round: bool,
    /// The convex parts of which it consists, in the box's own frame; none for box and cylinder.
    pub parts: Arc<[Convex]>,
}

impl PlacedBody {
    /// A package's body.
    pub fn new(shape: &Shape, pose: Pose) -> Self {
        let around = PlacedBox { pose, half: shape.half_extents() };
        Self { around, round: matches!(shape, Shape::Bottle { .. }), parts: shape.parts() }
    }

    /// Whether the open segment between two points passes through it.
    pub fn blocks(&self, from: DVec3, to: DVec3) -> bool {
        if !self.parts.is_empty() {
            return self.around.blocks(from, to) && self.any_part_blocks(from, to, |_| true);
        }
        if !self.round {
            return self.around.blocks(from, to);
        }
        let inverse = self.around.pose.inverse();
        let upright = |p: DVec3| {
            let p = inverse.transform_point(p);
            DVec3::new(p.x, p.z, p.y)
        };
        let (a, b, half) = (upright(from), upright(to), self.around.half);
        let inside = meet(slab(a, b, -half.y, half.y), cylinder(a, b, half.x));
        inside[1].min(1.0) - inside[0].max(0.0) > 1e-9
    }

    /// Whether the open segment between two points passes through any of the parts that `which` picks by index.
    pub fn any_part_blocks(&self, from: DVec3, to: DVec3, which: impl Fn(usize) -> bool) -> bool {
        let inverse = self.around.pose.inverse();
        let (a, b) = (inverse.transform_point(from), inverse.transform_point(to));
        self.parts.iter().enumerate().any(|(index, part)| which(index) && part.blocks(a, b))
    }
}

/// Whether plate or rim stand between two points. Through a glass plate one sees, but not past its edge; places below it count as raised (see
/// [`crate::glass`]).
pub fn plate_blocks(plate: &PlateSpec, from: DVec3, to: DVec3) -> bool {
    let outer = plate.radius + RIM_THICKNESS;
    if let Some(pane) = Pane::of(plate) {
        if pane.passes(from, to) <= 0.0 {
            return true;
        }
    } else {
        let below = slab(from, to, -PLATE_THICKNESS, -PLATE_TOLERANCE);
        let disc = meet(below, cylinder(from, to, outer));
        if disc[1] - disc[0] > 1e-9 {
            return true;
        }
    }
    let wall = meet(slab(from, to, 0.0, plate.rim_height), cylinder(from, to, outer));
    let hollow = meet(wall, cylinder(from, to, plate.radius));
    let length = |i: [f64; 2]| (i[1] - i[0]).max(0.0);
    length(wall) - length(hollow) > 1e-9
}

/// The part of a segment (parameters in 0 to 1) between two heights; empty where the second is smaller than the first.
fn slab(from: DVec3, to: DVec3, low: f64, high: f64) -> [f64; 2] {
    let step = to.z - from.z;
    if step.abs() < 1e-15 {
        return if (low..=high).contains(&from.z) { [0.0, 1.0] } else { [0.0, -1.0] };
    }
    let (a, b) = ((low - from.z) / step, (high - from.z) / step);
    meet([a.min(b), a.max(b)], [0.0, 1.0])
}

/// The part of a segment's line inside the endless cylinder of a radius about z.
fn cylinder(from: DVec3, to: DVec3, radius: f64) -> [f64; 2] {
    let (p, d) = (from.truncate(), (to - from).truncate());
    let (a, b, c) = (d.length_squared(), p.dot(d), p.length_squared() - radius * radius);
    if a < 1e-24 {
        return if c <= 0.0 { [0.0, 1.0] } else { [0.0, -1.0] };
    }
    let discriminant = b * b - a * c;
    if discriminant <= 0.0 {
        return [0.0, -1.0];
    }
    let root = discriminant.sqrt();
    [(-b - root) / a, (-b + root) / a]
}

fn meet(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0].max(b[0]), a[1].min(b[1])]
}

#[cfg(test)]
mod tests {
    use hardware_hal::glam::DQuat;

    use super::*;

    fn unit_box(x: f64) -> PlacedBox {
        PlacedBox { pose: Pose { rotation: DQuat::IDENTITY, translation: DVec3::new(x, 0.0, 0.0) }, half: DVec3::splat(0.5) }
    }

    #[test]
    fn a_box_blocks_what_passes_through_it_and_not_what_touches_it() {
        let b = unit_box(0.0);
        assert!(b.blocks(DVec3::new(-2.0, 0.1, 0.2), DVec3::new(2.0, 0.1, 0.2)));
        assert!(!b.blocks(DVec3::new(-2.0, 0.6, 0.2), DVec3::new(2.0, 0.6, 0.2)), "beside it");
        assert!(!b.blocks(DVec3::new(-2.0, 0.0, 0.0), DVec3::new(-0.5, 0.0, 0.0)), "ends on its face");
        assert!(!b.blocks(DVec3::new(0.6, 0.0, 0.0), DVec3::new(2.0, 0.0, 0.0)), "begins behind it");
        assert!(b.blocks(DVec3::ZERO, DVec3::new(2.0, 0.0, 0.0)), "begins inside");
        let turned = PlacedBox { pose: Pose { rotation: DQuat::from_rotation_z(std::f64::consts::FRAC_PI_4), ..b.pose }, ..b };
        assert!(turned.blocks(DVec3::new(-2.0, 0.65, 0.0), DVec3::new(2.0, 0.65, 0.0)), "a corner reaches 0.707");
    }

    #[test]
    fn a_cylinder_blocks_where_it_is_and_not_at_its_boxs_corners() {
        let pose = Pose { rotation: DQuat::from_rotation_x(std::f64::consts::FRAC_PI_2), translation: DVec3::new(0.0, 0.0, 0.5) };
        // Its axis now points up, from z = 0 to 1.
        let bottle = PlacedBody::new(&Shape::Bottle { radius: 0.2, height: 1.0 }, pose);
        let across = |x: f64, z: f64| bottle.blocks(DVec3::new(x, -2.0, z), DVec3::new(x, 2.0, z));
        assert!(across(0.0, 0.5) && across(0.19, 0.01) && !across(0.21, 0.5) && !across(0.0, 1.01));
        assert!(bottle.around.blocks(DVec3::new(0.19, 0.19, -1.0), DVec3::new(0.19, 0.19, 2.0)));
        assert!(!bottle.blocks(DVec3::new(0.19, 0.19, -1.0), DVec3::new(0.19, 0.19, 2.0)), "a corner of the box");
        assert!(bottle.blocks(DVec3::new(0.1, 0.1, -1.0), DVec3::new(0.1, 0.1, 2.0)), "along the axis");
        assert!(!bottle.blocks(DVec3::new(0.2, 0.0, 0.5), DVec3::new(2.0, 0.0, 0.5)), "away from its side");
    }

    #[test]
    fn penetration_is_the_depth_along_the_best_axis() {
        assert!((unit_box(0.0).penetration(&unit_box(0.9)) - 0.1).abs() < 1e-12);
        assert!((unit_box(0.0).penetration(&unit_box(1.25)) + 0.25).abs() < 1e-12);
        let turned = PlacedBox {
            pose: Pose { rotation: DQuat::from_rotation_z(std::f64::consts::FRAC_PI_4), translation: DVec3::new(1.2, 0.0, 0.0) },
            half: DVec3::splat(0.5),
        };
        assert!((unit_box(0.0).penetration(&turned) - (0.5 + 0.5f64.sqrt() - 1.2)).abs() < 1e-12);
    }

    #[test]
    fn plate_and_rim_hide_what_lies_behind_them() {
        let plate = PlateSpec { radius: 0.3, rim_height: 0.02, friction: 0.5, albedo: 0.2, glass: None };
        let on_plate = DVec3::new(0.2, 0.0, 0.001);
        assert!(!plate_blocks(&plate, DVec3::new(0.0, 0.0, 1.0), on_plate));
        assert!(plate_blocks(&plate, DVec3::new(0.0, 0.0, -1.0), on_plate), "from below");
        // 0.1 m inside the rim of 20 mm: a line of sight at less than 11.3° is cut by the rim.
        assert!(plate_blocks(&plate, DVec3::new(1.2, 0.0, 0.1), on_plate));
        assert!(!plate_blocks(&plate, DVec3::new(1.2, 0.0, 0.25), on_plate));
        // Past the plate altogether.
        assert!(!plate_blocks(&plate, DVec3::new(0.5, 0.0, 1.0), DVec3::new(0.5, 0.0, -1.0)));
    }
}
