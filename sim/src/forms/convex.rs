//! Convex parts of a body: what rays meet, what casts shadows, what physics drops.

use hardware_hal::glam::DVec3;

/// Two directions nearer to each other than this are one plane (1 − cosine), and so are two offsets (m).
const SAME_DIRECTION: f64 = 1e-9;
const SAME_OFFSET: f64 = 1e-7;

/// A convex solid in a package's frame, as the half-spaces whose common part it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Convex {
    /// Outward unit normal n and offset d of each face's plane, n·p ≤ d inside, m.
    pub planes: Vec<(DVec3, f64)>,
    /// Its corners, m.
    pub corners: Vec<DVec3>,
    /// Centre of a ball around it, m.
    pub centre: DVec3,
    /// The ball's radius, m.
    pub radius: f64,
    /// m³.
    pub volume: f64,
    /// Centre of mass where its density is even, m.
    pub centroid: DVec3,
}

impl Convex {
    /// The solid between its faces: flat polygons, each with its corners in order one way round or the other.
    pub fn of_faces(faces: &[Vec<DVec3>]) -> Self {
        let all = || faces.iter().flatten().copied();
        let inside = all().sum::<DVec3>() / all().count().max(1) as f64;
        let mut planes: Vec<(DVec3, f64)> = Vec::new();
        let (mut volume, mut moment) = (0.0, DVec3::ZERO);
        for face in faces {
            let area = area_vector(face);
            let Some(normal) = area.try_normalize() else { continue };
            let normal = if normal.dot(face[0] - inside) < 0.0 { -normal } else { normal };
            // The outermost corner: a face of four corners may be bent by rounding.
            let offset = face.iter().map(|p| normal.dot(*p)).fold(f64::NEG_INFINITY, f64::max);
            // Pyramids from the inner point.
            for i in 1..face.len() - 1 {
                let [a, b, c] = [face[0], face[i], face[i + 1]].map(|p| p - inside);
                let part = a.cross(b).dot(c).abs() / 6.0;
                volume += part;
                moment += (a + b + c) / 4.0 * part;
            }
            if !planes.iter().any(|(n, d)| n.dot(normal) > 1.0 - SAME_DIRECTION && (d - offset).abs() < SAME_OFFSET) {
                planes.push((normal, offset));
            }
        }
        let mut corners: Vec<DVec3> = Vec::new();
        for corner in all() {
            if !corners.iter().any(|c| c.distance_squared(corner) < 1e-18) {
                corners.push(corner);
            }
        }
        let low = corners.iter().copied().fold(DVec3::INFINITY, DVec3::min);
        let high = corners.iter().copied().fold(DVec3::NEG_INFINITY, DVec3::max);
        let centre = (low + high) / 2.0;
        let radius = corners.iter().map(|c| c.distance(centre)).fold(0.0, f64::max);
        let centroid = if volume > 0.0 { inside + moment / volume } else { centre };
        Self { planes, corners, centre, radius, volume, centroid }
    }

    /// A box between two corners.
    pub fn cuboid(low: DVec3, high: DVec3) -> Self {
        Self::of_faces(&box_faces(low, high))
    }

    /// Whether the open segment between two points passes through it (Cyrus & Beck 1978).
    pub fn blocks(&self, from: DVec3, to: DVec3) -> bool {
        let step = to - from;
        let t = ((self.centre - from).dot(step) / step.length_squared().max(1e-30)).clamp(0.0, 1.0);
        if (from + step * t).distance_squared(self.centre) > self.radius * self.radius {
            return false;
        }
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        for (normal, offset) in &self.planes {
            let (slope, height) = (normal.dot(step), normal.dot(from) - offset);
            if slope.abs() < 1e-15 {
                if height > 0.0 {
                    return false;
                }
            } else if slope < 0.0 {
                enter = enter.max(-height / slope);
            } else {
                leave = leave.min(-height / slope);
            }
            if leave - enter <= 1e-9 {
                return false;
            }
        }
        true
    }

    /// How far a point lies outside, m; negative inside: the distance to the farthest of the planes.
    pub fn outside(&self, point: DVec3) -> f64 {
        self.planes.iter().map(|(normal, offset)| normal.dot(point) - offset).fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Twice the area of a polygon times its normal (Newell's method).
pub fn area_vector(polygon: &[DVec3]) -> DVec3 {
    (1..polygon.len().saturating_sub(1)).map(|i| (polygon[i] - polygon[0]).cross(polygon[i + 1] - polygon[0])).sum()
}

/// The six faces of a box: +x, −x, +y, −y, +z, −z.
pub fn box_faces(low: DVec3, high: DVec3) -> [Vec<DVec3>; 6] {
    let at = |x: bool, y: bool, z: bool| {
        DVec3::new(if x { high.x } else { low.x }, if y { high.y } else { low.y }, if z { high.z } else { low.z })
    };
    let corners = [(false, false), (true, false), (true, true), (false, true)];
    let face = |f: &dyn Fn(bool, bool) -> DVec3| corners.iter().map(|(a, b)| f(*a, *b)).collect();
    [
        face(&|a, b| at(true, a, b)),
        face(&|a, b| at(false, a, b)),
        face(&|a, b| at(a, true, b)),
        face(&|a, b| at(a, false, b)),
        face(&|a, b| at(a, b, true)),
        face(&|a, b| at(a, b, false)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_of_half_spaces_blocks_like_a_box_and_weighs_like_one() {
        let solid = Convex::cuboid(DVec3::new(-0.5, -0.25, 0.0), DVec3::new(0.5, 0.25, 0.2));
        assert_eq!((solid.planes.len(), solid.corners.len()), (6, 8));
        assert!((solid.volume - 0.1).abs() < 1e-12 && solid.centroid.distance(DVec3::new(0.0, 0.0, 0.1)) < 1e-12);
        let through = |x: f64, y: f64| solid.blocks(DVec3::new(x, y, -1.0), DVec3::new(x, y, 1.0));
        assert!(through(0.49, 0.24) && !through(0.51, 0.0) && !through(0.0, 0.26));
        assert!(!solid.blocks(DVec3::new(0.0, 0.0, 1.0), DVec3::new(0.0, 0.0, 0.2)), "ends on its face");
        assert!(solid.blocks(DVec3::new(0.0, 0.0, 0.1), DVec3::new(0.0, 0.0, 1.0)), "begins inside");
        assert!(!solid.blocks(DVec3::new(0.0, 0.0, 0.3), DVec3::new(0.0, 0.0, 1.0)), "begins behind it");
        assert!((solid.outside(DVec3::new(0.0, 0.0, 0.25)) - 0.05).abs() < 1e-12 && solid.outside(DVec3::new(0.0, 0.0, 0.1)) < 0.0);
    }

    #[test]
    fn a_tetrahedron_has_a_sixth_of_its_boxs_volume() {
        let [o, x, y, z] = [DVec3::ZERO, DVec3::X, DVec3::Y, DVec3::Z];
        let solid = Convex::of_faces(&[vec![o, x, y], vec![o, y, z], vec![o, x, z], vec![x, y, z]]);
        assert!((solid.volume - 1.0 / 6.0).abs() < 1e-12 && solid.centroid.distance(DVec3::splat(0.25)) < 1e-12);
        assert!(solid.blocks(DVec3::new(0.2, 0.2, -1.0), DVec3::new(0.2, 0.2, 1.0)));
        assert!(!solid.blocks(DVec3::new(0.6, 0.6, -1.0), DVec3::new(0.6, 0.6, 1.0)));
    }
}
