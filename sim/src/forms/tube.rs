//! An ointment tube: round above its shoulder, pressed flat at the other end, where it is crimped; with a screw cap.
//!
//! Between the circle and the flat end the body is the convex hull of both: a flat triangle in front, one behind, and parts of cones at the sides. Its
//! cross-sections are stadiums which all have the circle's circumference, so print keeps its width as it goes from round to flat. The tube stands on
//! its cap: y up, the seal parallel to x.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use hardware_hal::glam::DVec3;

use super::convex::Convex;
use super::{Builder, Look, Model};
use crate::spec::Face;

/// Indices of the parts.
pub const BODY: usize = 0;
/// The crimped seal.
pub const SEAL: usize = 1;

/// Heights of cap, shoulder and seal as shares of the length, the cap's radius as a share of the body's (assumptions, from a drawer of tubes).
const CAP_LENGTH: f64 = 0.15;
const SHOULDER: f64 = 0.035;
const SEAL_LENGTH: f64 = 0.07;
const CAP_RADIUS: f64 = 0.72;

/// Thickness of the seal, m: the wall twice, pressed.
const SEAL_THICKNESS: f64 = 1.2e-3;

/// Strips of the cap, every other one a groove.
const CAP_STRIPS: usize = 48;
const CAP: Look = Look::Other { albedo: 0.75, gloss: 0.03 };
const GROOVE: Look = Look::Other { albedo: 0.6, gloss: 0.0 };

/// Farthest that a facet of the body may lie from the hull, m.
const SAGITTA: f64 = 2e-5;

/// A tube's measures, m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tube {
    /// Radius of the round end.
    pub radius: f64,
    /// From the cap's end to the seal's.
    pub length: f64,
    /// y of the cap's end, the cap's other end, the shoulder's upper end, the seal's two ends.
    y: [f64; 5],
    /// Half the thickness of the seal.
    half_seal: f64,
    /// Half the width of the flat part of the body's end.
    half_flat: f64,
}

/// A triangle of the body: what it shows, its corners, their places on the print, and the normals there.
type Drawn = (Look, Vec<DVec3>, Vec<[f64; 2]>, [DVec3; 3]);

impl Tube {
    /// A tube.
    pub fn new(radius: f64, length: f64) -> Self {
        let bottom = -length / 2.0;
        let y = [bottom, bottom + CAP_LENGTH * length, bottom + (CAP_LENGTH + SHOULDER) * length, -bottom - SEAL_LENGTH * length, -bottom];
        let half_seal = (SEAL_THICKNESS / 2.0).min(radius / 4.0);
        Self { radius, length, y, half_seal, half_flat: FRAC_PI_2 * (radius - half_seal) }
    }

    /// Edges of the box around it, m.
    pub fn size(&self) -> [f64; 3] {
        [2.0 * (self.half_flat + self.half_seal), self.length, 2.0 * self.radius]
    }

    /// Width and height of the print around the body, m: from seal to shoulder along the front.
    pub fn around(&self) -> [f64; 2] {
        [TAU * self.radius, (self.y[3] - self.y[2]).hypot(self.radius - self.half_seal)]
    }

    /// Width and height of one side of the seal, m.
    pub fn seal(&self) -> [f64; 2] {
        [2.0 * (self.half_flat + self.half_seal), self.y[4] - self.y[3]]
    }

    /// Point and unit normal of the body's surface, u metres right and v metres down of where the print begins: at the seal, in the middle behind.
    pub fn on_body(&self, u: f64, v: f64) -> (DVec3, DVec3) {
        let whole = self.around();
        let t = 1.0 - v / whole[1];
        let q = u - PI * self.radius;
        let (side, a) = (if q < 0.0 { -1.0 } else { 1.0 }, q.abs());
        let quarter = FRAC_PI_2 * self.radius;
        // Front or back, and how far from its middle.
        let (facing, a) = if a <= quarter { (1.0, a) } else { (-1.0, 2.0 * quarter - a) };
        let (round, flat) = (self.radius + t * (self.half_seal - self.radius), t * self.half_flat);
        let angle = if a <= flat { 0.0 } else { (a - flat) / round.max(1e-9) };
        let (sin, cos) = (libm::sin(angle), libm::cos(angle));
        let x = if a <= flat { a } else { flat + round * sin };
        (DVec3::new(side * x, self.y[2] + t * (self.y[3] - self.y[2]), facing * round * cos), self.normal(side * sin, facing * cos))
    }

    /// Normal of the body where its ruling starts at this place of the unit circle (x, z).
    fn normal(&self, x: f64, z: f64) -> DVec3 {
        let lean = (self.radius - self.half_seal - self.half_flat * x.abs()) / (self.y[3] - self.y[2]);
        DVec3::new(x, lean, z).normalize()
    }

    /// Point of the seal's front, u metres right and v metres down from its top-left corner.
    pub fn on_seal(&self, u: f64, v: f64) -> DVec3 {
        DVec3::new(u - self.seal()[0] / 2.0, self.y[4] - v, self.half_seal)
    }

    /// Parts and facets.
    pub fn model(&self) -> Model {
        let mut builder = Builder::default();
        self.body(&mut builder);
        let [width, height] = self.seal();
        let half = DVec3::new(width / 2.0, height / 2.0, self.half_seal);
        let centre = DVec3::Y * (self.y[3] + self.y[4]) / 2.0;
        let edge = Some(Look::Board);
        builder.cuboid(centre - half, centre + half, [edge, edge, edge, edge, None, None]);
        let [w, h] = [width, height];
        let uv = [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]];
        let front: Vec<DVec3> = uv.iter().map(|uv| self.on_seal(uv[0], uv[1])).collect();
        let back: Vec<DVec3> = front.iter().map(|p| DVec3::new(-p.x, p.y, -p.z)).collect();
        builder.facet(SEAL, Look::Print(Face::Crimp), &front, &uv);
        builder.facet(SEAL, Look::Print(Face::Crimp), &back, &uv);
        self.cap(&mut builder);
        builder.finish()
    }

    fn body(&self, builder: &mut Builder) {
        let (r, e, w) = (self.radius, self.half_seal, self.half_flat);
        let [_, cap_y, foot, top, _] = self.y;
        let whole = self.around()[1];
        let steps = (FRAC_PI_2 / (2.0 * libm::acos(1.0 - SAGITTA / r))).ceil().clamp(6.0, 40.0) as usize;
        let print = Look::Print(Face::Around);
        let mut faces: Vec<Vec<DVec3>> = Vec::new();
        let mut drawn: Vec<Drawn> = Vec::new();
        for (side, facing) in [(1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0)] {
            // u of what lies `a` from the middle of the front or the back.
            let u = |a: f64| PI * r + side * if facing > 0.0 { a } else { PI * r - a };
            let circle = |angle: f64, radius: f64, x: f64, y: f64| {
                DVec3::new(side * (x + radius * libm::sin(angle)), y, facing * radius * libm::cos(angle))
            };
            let normal = |angle: f64| self.normal(side * libm::sin(angle), facing * libm::cos(angle));
            // Half of the flat triangle.
            let corners = vec![circle(0.0, r, 0.0, foot), circle(0.0, e, w, top), circle(0.0, e, 0.0, top)];
            drawn.push((print, corners, vec![[u(0.0), whole], [u(w), 0.0], [u(0.0), 0.0]], [normal(0.0); 3]));
            for step in 0..steps {
                let [from, to] = [step, step + 1].map(|i| FRAC_PI_2 * i as f64 / steps as f64);
                let lower = [circle(from, r, 0.0, foot), circle(to, r, 0.0, foot)];
                let upper = [circle(from, e, w, top), circle(to, e, w, top)];
                let neck = [circle(from, CAP_RADIUS * r, 0.0, cap_y), circle(to, CAP_RADIUS * r, 0.0, cap_y)];
                let (below, above) = ([[u(r * from), whole], [u(r * to), whole]], [[u(w + e * from), 0.0], [u(w + e * to), 0.0]]);
                let (n, m) = (normal(from), normal(to));
                drawn.push((print, vec![lower[0], lower[1], upper[1]], vec![below[0], below[1], above[1]], [n, m, m]));
                drawn.push((print, vec![lower[0], upper[1], upper[0]], vec![below[0], above[1], above[0]], [n, m, n]));
                let slope = -(1.0 - CAP_RADIUS) * r / (foot - cap_y);
                let shoulder = |angle: f64| DVec3::new(side * libm::sin(angle), slope, facing * libm::cos(angle)).normalize();
                let (n, m) = (shoulder(from), shoulder(to));
                drawn.push((Look::Board, vec![neck[0], neck[1], lower[1]], Vec::new(), [n, m, m]));
                drawn.push((Look::Board, vec![neck[0], lower[1], lower[0]], Vec::new(), [n, m, n]));
            }
        }
        faces.extend(drawn.iter().map(|(_, corners, ..)| corners.clone()));
        // Its two ends, which cap and seal cover.
        let end = |at: &dyn Fn(f64) -> DVec3| (0..4 * steps).map(|i| at(TAU * i as f64 / (4 * steps) as f64)).collect::<Vec<DVec3>>();
        faces.push(end(&|angle| DVec3::new(CAP_RADIUS * r * libm::sin(angle), cap_y, CAP_RADIUS * r * libm::cos(angle))));
        let flat = [(w, e), (w + e, 0.0), (w, -e), (-w, -e), (-w - e, 0.0), (-w, e)];
        faces.push(flat.iter().map(|(x, z)| DVec3::new(*x, top, *z)).collect());
        let part = builder.part(Convex::of_faces(&faces));
        for (look, corners, uv, normals) in drawn {
            builder.smooth(part, look, &corners, &uv, normals);
        }
    }

    fn cap(&self, builder: &mut Builder) {
        let radius = CAP_RADIUS * self.radius;
        let [bottom, top, ..] = self.y;
        let direction = |i: usize| {
            let angle = TAU * i as f64 / CAP_STRIPS as f64;
            DVec3::new(libm::sin(angle), 0.0, libm::cos(angle))
        };
        let ring = |y: f64| (0..CAP_STRIPS).map(|i| direction(i) * radius + DVec3::Y * y).collect::<Vec<DVec3>>();
        let (low, high) = (ring(bottom), ring(top));
        let mut faces = vec![low.clone(), high.clone()];
        let sides: Vec<[DVec3; 4]> =
            (0..CAP_STRIPS).map(|i| [low[i], low[(i + 1) % CAP_STRIPS], high[(i + 1) % CAP_STRIPS], high[i]]).collect();
        faces.extend(sides.iter().map(|side| side.to_vec()));
        let part = builder.part(Convex::of_faces(&faces));
        builder.facet(part, CAP, &low, &[]);
        for (i, side) in sides.iter().enumerate() {
            let (n, m) = (direction(i), direction(i + 1));
            builder.smooth(part, if i % 2 == 0 { CAP } else { GROOVE }, side, &[], [n, m, m]);
        }
    }
}
