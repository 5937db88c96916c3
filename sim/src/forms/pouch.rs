//! A flat pouch: two films sealed all around, bulging in between. Both sides are printed, seals included.
//!
//! A side is a height over the plane of the seals, given at the nodes of a grid and linear in the triangles between them: that *is* the form, there is no
//! smoother one behind it but for its normals. Print is mapped by plan: (u, v) is where a point would lie if the pouch were empty. Film that bulges is
//! longer than its plan by some per cent near the seals; a real film takes that up in wrinkles.

use hardware_hal::glam::DVec3;

use super::convex::Convex;
use super::{Builder, Look, Model};
use crate::spec::Face;

/// Thickness of the seals, m.
const SEAL_THICKNESS: f64 = 0.8e-3;
/// Cells of the grid along x and y: odd, so that the middle is flat and the pouch lies on it.
const CELLS: [usize; 2] = [9, 11];
/// How full: the larger, the flatter the middle and the steeper the foot.
const FULLNESS: f64 = 2.5;

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
    /// Height of the bulge where the mean of the profiles is 1, m.
    scale: f64,
}

/// A mean of two profiles which is concave where they are and 0 where either is.
fn mean(f: f64, g: f64) -> f64 {
    f * g / (f * f + g * g).sqrt()
}

impl Pouch {
    /// A pouch.
    pub fn new(size: [f64; 3]) -> Self {
        let seal = (0.1 * size[0].min(size[1])).min(8e-3);
        let half_seal = (SEAL_THICKNESS / 2.0).min(size[2] / 4.0);
        let flat = Self { size, seal, half_seal, scale: 0.0 };
        // The nodes around the middle are the highest.
        let [(f, _), (g, _)] = [0, 1].map(|axis| flat.profile(axis, flat.line(axis, CELLS[axis] / 2)));
        Self { scale: (size[2] / 2.0 - half_seal) / mean(f, g), ..flat }
    }

    /// Half the width and height of what bulges, m.
    fn half_bulge(&self) -> [f64; 2] {
        [0, 1].map(|i| self.size[i] / 2.0 - self.seal)
    }

    /// Place of a grid line, m from the middle. They stand closer near the seals, where the film bends.
    fn line(&self, axis: usize, index: usize) -> f64 {
        // Exactly at the seals, whatever rounding does.
        let t = if index == CELLS[axis] { 1.0 } else { 2.0 * index as f64 / CELLS[axis] as f64 - 1.0 };
        self.half_bulge()[axis] * t * (1.25 - 0.25 * t * t)
    }

    /// How far along an axis' profile a place is: 1 in the middle, 0 at the seals, and its slope, 1/m.
    fn profile(&self, axis: usize, at: f64) -> (f64, f64) {
        let half = self.half_bulge()[axis];
        let t = at / half;
        if t.abs() >= 1.0 {
            return (0.0, -FULLNESS * t.signum() / half);
        }
        let power = libm::pow(t.abs(), FULLNESS - 1.0);
        (1.0 - power * t.abs(), -FULLNESS * power * t.signum() / half)
    }

    /// Height of a node of the grid over the middle plane, m.
    fn node(&self, column: usize, row: usize) -> f64 {
        if column == 0 || row == 0 || column == CELLS[0] || row == CELLS[1] {
            return self.half_seal;
        }
        let [(f, _), (g, _)] = [self.profile(0, self.line(0, column)), self.profile(1, self.line(1, row))];
        self.half_seal + self.scale * mean(f, g)
    }

    fn place(&self, column: usize, row: usize) -> DVec3 {
        DVec3::new(self.line(0, column), self.line(1, row), self.node(column, row))
    }

    /// The two triangles of a cell, each with its nodes (column, row): cut so that the fold stands out, as film under pressure does.
    fn cut(&self, column: usize, row: usize) -> [[[usize; 2]; 3]; 2] {
        let [a, b, c, d] = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
        let z = |n: [usize; 2]| self.node(n[0], n[1]);
        if z(a) + z(c) >= z(b) + z(d) { [[a, b, c], [a, c, d]] } else { [[a, b, d], [b, c, d]] }
    }

    /// Height of the front side over a place of the middle plane, m.
    pub fn height(&self, x: f64, y: f64) -> f64 {
        let half = self.half_bulge();
        if x.abs() >= half[0] || y.abs() >= half[1] {
            return self.half_seal;
        }
        let cell = |axis: usize, at: f64| (0..CELLS[axis] - 1).find(|i| self.line(axis, i + 1) > at).unwrap_or(CELLS[axis] - 1);
        for nodes in self.cut(cell(0, x), cell(1, y)) {
            let [a, b, c] = nodes.map(|[column, row]| self.place(column, row));
            let (p, ab, ac) = (DVec3::new(x, y, 0.0) - a, b - a, c - a);
            let area = ab.x * ac.y - ab.y * ac.x;
            let (s, t) = ((p.x * ac.y - p.y * ac.x) / area, (ab.x * p.y - ab.y * p.x) / area);
            if s >= -1e-12 && t >= -1e-12 && s + t <= 1.0 + 1e-12 {
                return a.z + s * ab.z + t * ac.z;
            }
        }
        // The two triangles cover their cell.
        self.half_seal
    }

    /// Unit normal of the front side there, as if it were smooth; on the seals straight up.
    pub fn normal(&self, x: f64, y: f64) -> DVec3 {
        let half = self.half_bulge();
        if x.abs() > half[0] || y.abs() > half[1] {
            return DVec3::Z;
        }
        let [(f, df), (g, dg)] = [self.profile(0, x), self.profile(1, y)];
        let square = f * f + g * g;
        if square < 1e-12 {
            return DVec3::Z;
        }
        // Of f·g ÷ √(f² + g²).
        let whole = self.scale / (square * square.sqrt());
        DVec3::new(-whole * df * g * g * g, -whole * dg * f * f * f, 1.0).normalize()
    }

    /// Normal at a node of the grid.
    fn node_normal(&self, column: usize, row: usize) -> DVec3 {
        self.normal(self.line(0, column), self.line(1, row))
    }

    /// Parts and facets.
    pub fn model(&self) -> Model {
        let mut builder = Builder::default();
        let half = DVec3::new(self.size[0] / 2.0, self.size[1] / 2.0, self.half_seal);
        let edge = Some(FOIL);
        let slab = builder.cuboid(-half, half, [edge, edge, edge, edge, None, None]);
        let [bx, by] = self.half_bulge();
        let rim = [[-half.x, by, half.x, half.y], [-half.x, -half.y, half.x, -by], [-half.x, -by, -bx, by], [bx, -by, half.x, by]];
        for face in [Face::Front, Face::Back] {
            let side = |p: DVec3| if face == Face::Front { p } else { DVec3::new(-p.x, p.y, -p.z) };
            // Both sides are the same as seen from outside, upright.
            let uv = |p: &DVec3| [half.x + p.x, half.y - p.y];
            for [x0, y0, x1, y1] in rim {
                let corners = [[x0, y1], [x1, y1], [x1, y0], [x0, y0]].map(|[x, y]| DVec3::new(x, y, self.half_seal));
                builder.facet(slab, Look::Print(face), &corners.map(side), &corners.each_ref().map(uv));
            }
            let mut triangles = Vec::new();
            for column in 0..CELLS[0] {
                for row in 0..CELLS[1] {
                    triangles.extend(self.cut(column, row));
                }
            }
            let mut faces: Vec<Vec<DVec3>> =
                triangles.iter().map(|nodes| nodes.iter().map(|[column, row]| side(self.place(*column, *row))).collect()).collect();
            let foot = [[-bx, -by], [bx, -by], [bx, by], [-bx, by]];
            faces.push(foot.iter().map(|[x, y]| side(DVec3::new(*x, *y, self.half_seal))).collect());
            let part = builder.part(Convex::of_faces(&faces));
            for nodes in triangles {
                let corners = nodes.map(|[column, row]| self.place(column, row));
                let normals = nodes.map(|[column, row]| side(self.node_normal(column, row)));
                builder.smooth(part, Look::Print(face), &corners.map(side), &corners.each_ref().map(uv), normals);
            }
        }
        builder.finish()
    }
}
