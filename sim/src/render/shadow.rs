//! Bodies as rays meet them: what casts shadows and what light is handed on by.

use hardware_hal::glam::{Mat3, Quat, Vec3};
use hardware_hal::rig_from_plate;

use super::light::LIFT;
use super::scene::Occluder;
use crate::forms::Convex;

/// Planes of a convex part whose normals enclose less than 8° (the cosine of that) and whose distances differ by less than half a millimetre count as
/// one in shadows, whose edges are blurred by more.
const SHADOW_TURN: f32 = 0.99;
const SHADOW_SHIFT: f32 = 5e-4;

/// A box that casts shadows, in the rig's frame.
pub(super) struct ShadowBox {
    /// Index of the package.
    pub package: usize,
    /// Index of the part of it that this is.
    pub part: usize,
    box_from_rig: Mat3,
    /// Middle of the ball around it, m.
    pub centre: Vec3,
    half: Vec3,
    /// Radius of the ball, m.
    pub radius: f32,
    round: bool,
    /// Planes of a convex part around `centre`, in the box's frame; none for box and cylinder.
    planes: Vec<(Vec3, f32)>,
}

impl ShadowBox {
    /// The body with the plate at an angle, rad.
    pub fn new(occluder: &Occluder, angle_rad: f64) -> Self {
        let pose = rig_from_plate(angle_rad);
        let rotation: Quat = (pose.rotation * occluder.rotation).as_quat();
        // A hair smaller than the carton, so that faces that touch don't darken each other through rounding.
        let half = occluder.half.as_vec3() - Vec3::splat(LIFT as f32);
        let whole = Self {
            round: occluder.round,
            package: occluder.package,
            part: occluder.part,
            box_from_rig: Mat3::from_quat(rotation.inverse()),
            centre: pose.transform_point(occluder.translation).as_vec3(),
            half,
            radius: half.length(),
            planes: Vec::new(),
        };
        let Some(convex) = &occluder.convex else { return whole };
        let centre = occluder.translation + occluder.rotation * convex.centre;
        Self { centre: pose.transform_point(centre).as_vec3(), radius: convex.radius as f32, planes: shadow_planes(convex), ..whole }
    }

    /// Whether the body stands between two points.
    pub fn blocks(&self, from: Vec3, to: Vec3) -> bool {
        self.entered(from, to - from).is_some()
    }

    /// The share of the way `step` from a point after which it is in the body, 0 where it begins there; nothing where it misses.
    pub fn entered(&self, from: Vec3, step: Vec3) -> Option<f32> {
        let start = self.box_from_rig * (from - self.centre);
        let step = self.box_from_rig * step;
        let (enter, leave) = if !self.planes.is_empty() {
            self.convex_span(start, step)?
        } else if self.round {
            self.cylinder_span(start, step)?
        } else {
            // Slab test.
            let inverse = step.recip();
            let a = (-self.half - start) * inverse;
            let b = (self.half - start) * inverse;
            (a.min(b).max_element().max(0.0), a.max(b).min_element().min(1.0))
        };
        (enter < leave).then_some(enter)
    }

    /// The same for a convex part: where the way is inside all planes.
    fn convex_span(&self, start: Vec3, step: Vec3) -> Option<(f32, f32)> {
        let t = (-start.dot(step) / step.length_squared().max(1e-12)).clamp(0.0, 1.0);
        if (start + step * t).length_squared() > self.radius * self.radius {
            return None;
        }
        let (mut enter, mut leave) = (0.0_f32, 1.0_f32);
        for (normal, offset) in &self.planes {
            let (slope, height) = (normal.dot(step), normal.dot(start) - offset);
            if slope < 0.0 {
                enter = enter.max(-height / slope);
            } else if slope > 0.0 {
                leave = leave.min(-height / slope);
            } else if height > 0.0 {
                return None;
            }
            if enter >= leave {
                return None;
            }
        }
        Some((enter, leave))
    }

    /// The same for the cylinder in the box: where the way is between the ends and within the radius.
    fn cylinder_span(&self, start: Vec3, step: Vec3) -> Option<(f32, f32)> {
        let (a, b) = ((-self.half.y - start.y) / step.y, (self.half.y - start.y) / step.y);
        let flat = step.x * step.x + step.z * step.z;
        let half = start.x * step.x + start.z * step.z;
        let rest = start.x * start.x + start.z * start.z - self.half.x * self.half.x;
        let discriminant = half * half - flat * rest;
        if discriminant <= 0.0 {
            return None;
        }
        let root = discriminant.sqrt();
        Some((a.min(b).max((-half - root) / flat).max(0.0), a.max(b).min((-half + root) / flat).min(1.0)))
    }

    /// Whether it comes near the bundle of rays from a ball around `from` to a ball around `to`.
    pub fn near(&self, from: Vec3, from_radius: f32, to: Vec3, to_radius: f32) -> bool {
        let line = to - from;
        let t = ((self.centre - from).dot(line) / line.length_squared().max(1e-12)).clamp(0.0, 1.0);
        let room = self.radius + from_radius + (to_radius - from_radius) * t;
        (from + line * t).distance_squared(self.centre) < room * room
    }
}

/// Planes of a convex part around its centre, a hair inside it. Of planes that hardly differ one is enough for a shadow.
fn shadow_planes(convex: &Convex) -> Vec<(Vec3, f32)> {
    let mut planes: Vec<(Vec3, f32)> = Vec::new();
    for (normal, offset) in &convex.planes {
        let plane = (normal.as_vec3(), (offset - normal.dot(convex.centre) - LIFT) as f32);
        let same = |(n, d): &(Vec3, f32)| n.dot(plane.0) > SHADOW_TURN && (d - plane.1).abs() < SHADOW_SHIFT;
        if !planes.iter().any(same) {
            planes.push(plane);
        }
    }
    planes
}
