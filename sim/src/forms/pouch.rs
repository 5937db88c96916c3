//! A flat pouch: two films sealed all around, bulging in between. Both sides are printed, seals included.
//!
//! A side rises over the plane of the seals in steps: nested rectangles, all with the outline's proportions, each a little higher than the one around it.
//! So it is convex, flat in the middle (the pouch lies on that), and linear on each trapezoid between two rectangles; only its normals are those of
//! something smooth. Print is mapped by plan: (u, v) is where a point would lie if the pouch were empty. Film that bulges is longer than its plan by
//! some per cent near the seals; a real film takes that up in wrinkles.

use hardware_hal::glam::DVec3;

use super::convex::Convex;
use super::{Builder, Look, Model};
use crate::spec::Face;

/// Thickness of the seals, m.
const SEAL_THICKNESS: f64 = 0.8e-3;
/// The rectangles, as shares of what bulges.
const LEVELS: [f64; 9] = [1.0, 0.96, 0.9, 0.82, 0.72, 0.6, 0.47, 0.33, 0.18];
/// How full: height falls with this power of the way from the middle; the larger, the flatter the middle and the steeper the foot.
const FULLNESS: f64 = 2.5;
/// Share of the slopes along x and along y in a rectangle's corners, where both sides meet.
const CORNER: f64 = 0.7;

const FOIL: Look = Look::Other { albedo: 0.45, gloss: 0.25 };

/// A pouch's measures, m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pouch {
    /// Width, height and thickness in the middle.
    pub size: [f64; 3],
    /// Width of the seals.
    pub seal: f64,
    /// Half the thickness of the seals.
    half_seal: f64,
}

impl Pouch {
    /// A pouch.
    pub fn new(size: [f64; 3]) -> Self {
        let seal = (0.1 * size[0].min(size[1])).min(8e-3);
        Self { size, seal, half_seal: (SEAL_THICKNESS / 2.0).min(size[2] / 4.0) }
    }

    /// Half the width and height of what bulges, m.
    fn half_bulge(&self) -> [f64; 2] {
        [0, 1].map(|i| self.size[i] / 2.0 - self.seal)
    }

    /// Height of the bulge in the middle, m.
    fn bulge(&self) -> f64 {
        self.size[2] / 2.0 - self.half_seal
    }

    /// Height of a rectangle over the middle plane, m.
    fn level(&self, share: f64) -> f64 {
        let fall = |share: f64| libm::pow(share, FULLNESS);
        self.half_seal + self.bulge() * (1.0 - fall(share)) / (1.0 - fall(LEVELS[LEVELS.len() - 1]))
    }

    /// How far out a place is: 0 in the middle, 1 where the seals begin.
    fn share(&self, x: f64, y: f64) -> f64 {
        let half = self.half_bulge();
        (x.abs() / half[0]).max(y.abs() / half[1])
    }

    /// Height of the front side over a place of the middle plane, m.
    pub fn height(&self, x: f64, y: f64) -> f64 {
        let share = self.share(x, y);
        let Some(inner) = LEVELS.iter().position(|level| *level <= share) else { return self.size[2] / 2.0 };
        if inner == 0 {
            return self.half_seal;
        }
        let (from, to) = (LEVELS[inner - 1], LEVELS[inner]);
        let (low, high) = (self.level(from), self.level(to));
        low + (high - low) * (from - share) / (from - to)
    }

    /// Unit normal of the front side there, as if it were smooth; on the seals straight up.
    pub fn normal(&self, x: f64, y: f64) -> DVec3 {
        let (half, share) = (self.half_bulge(), self.share(x, y));
        if share > 1.0 || share < LEVELS[LEVELS.len() - 1] {
            return DVec3::Z;
        }
        // Slopes in the middle of the rectangle's sides; from there to its corners one gives way to the other.
        // Less what it is at the innermost rectangle, so that the normal does not jump where the middle is flat.
        let steep = |share: f64| libm::pow(share, FULLNESS - 1.0);
        let slope = self.bulge() * FULLNESS * (steep(share) - steep(LEVELS[LEVELS.len() - 1]));
        let (s, t) = (x.abs() / half[0] / share, y.abs() / half[1] / share);
        let (along_x, along_y) = if s >= t { (1.0 - (1.0 - CORNER) * t, CORNER * t) } else { (CORNER * s, 1.0 - (1.0 - CORNER) * s) };
        DVec3::new(x.signum() * along_x * slope / half[0], y.signum() * along_y * slope / half[1], 1.0).normalize()
    }

    /// Parts and facets.
    pub fn model(&self) -> Model {
        let mut builder = Builder::default();
        let half = DVec3::new(self.size[0] / 2.0, self.size[1] / 2.0, self.half_seal);
        let edge = Some(FOIL);
        let slab = builder.cuboid(-half, half, [edge, edge, edge, edge, None, None]);
        let [bx, by] = self.half_bulge();
        // Places of a rectangle, from a corner around: corners and middles of its sides.
        let around = [[-1.0, -1.0], [0.0, -1.0], [1.0, -1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 1.0], [-1.0, 0.0]];
        let ring = |share: f64| around.map(|[s, t]| DVec3::new(s * share * bx, t * share * by, self.level(share)));
        for face in [Face::Front, Face::Back] {
            let side = |p: DVec3| if face == Face::Front { p } else { DVec3::new(-p.x, p.y, -p.z) };
            // Both sides are the same as seen from outside, upright.
            let uv = |p: &DVec3| [half.x + p.x, half.y - p.y];
            // The plane of the seals goes on below the bulge, so that no pixel falls between the two.
            let plane =
                [[-1.0, 1.0], [1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]].map(|[s, t]| DVec3::new(s * half.x, t * half.y, self.half_seal));
            builder.facet(slab, Look::Print(face), &plane.map(side), &plane.each_ref().map(uv));
            let mut triangles: Vec<[DVec3; 3]> = Vec::new();
            for levels in LEVELS.windows(2) {
                let (outer, inner) = (ring(levels[0]), ring(levels[1]));
                for i in 0..around.len() {
                    let j = (i + 1) % around.len();
                    // Cut from the corner inward, the same way on both sides of it.
                    if i % 2 == 0 {
                        triangles.extend([[outer[i], outer[j], inner[j]], [outer[i], inner[j], inner[i]]]);
                    } else {
                        triangles.extend([[outer[i], outer[j], inner[i]], [outer[j], inner[j], inner[i]]]);
                    }
                }
            }
            let mut top = ring(LEVELS[LEVELS.len() - 1]);
            // Begin before a corner: the first three places of a facet must not lie in line.
            top.rotate_left(1);
            let mut faces: Vec<Vec<DVec3>> = triangles.iter().map(|corners| corners.map(side).to_vec()).collect();
            faces.push(top.map(side).to_vec());
            faces.push(ring(1.0).map(side).to_vec());
            let part = builder.part(Convex::of_faces(&faces));
            for corners in triangles {
                let normals = corners.map(|p| side(self.normal(p.x, p.y)));
                builder.smooth(part, Look::Print(face), &corners.map(side), &corners.each_ref().map(uv), normals);
            }
            builder.facet(part, Look::Print(face), &top.map(side), &top.each_ref().map(uv));
        }
        builder.finish()
    }
}
