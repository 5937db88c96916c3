//! A flat pouch: two films sealed all around, bulging in between. Both sides are printed, seals included.
//!
//! A side is a height over the plane of the seals, given at the nodes of a grid and linear in the triangles between them: that *is* the form, there is no
//! smoother one behind it but for its normals. Print is mapped by plan: (u, v) is where a point would lie if the pouch were empty. Film that bulges is
//! longer than its plan by some per cent near the seals; a real film takes that up in wrinkles.

use hardware_hal::glam::DVec3;

use super::convex::{Convex, area_vector};
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

    /// Place of a grid line, m from the middle. They stand closer near the seals, where the film bends.
    fn line(&self, axis: usize, index: usize) -> f64 {
        let t = 2.0 * index as f64 / CELLS[axis] as f64 - 1.0;
        self.half_bulge()[axis] * t * (1.25 - 0.25 * t * t)
    }

    /// Height of a node of the grid over the middle plane, m.
    fn node(&self, column: usize, row: usize) -> f64 {
        let half = self.half_bulge();
        let profile = |axis: usize, index: usize| {
            if index == 0 || index == CELLS[axis] {
                return 0.0;
            }
            1.0 - libm::pow((self.line(axis, index) / half[axis]).abs(), FULLNESS)
        };
        let [f, g] = [profile(0, column), profile(1, row)];
        // A mean of the two which is concave where they are and 0 where either is: 1/z² = 1/f² + 1/g².
        let bulge = if f <= 0.0 || g <= 0.0 { 0.0 } else { f * g / (f * f + g * g).sqrt() };
        self.half_seal + bulge / self.peak() * (self.size[2] / 2.0 - self.half_seal)
    }

    /// The largest value of the mean: at the nodes around the middle.
    fn peak(&self) -> f64 {
        let [f, g] = [0, 1].map(|axis| {
            let t = 1.0 / CELLS[axis] as f64;
            1.0 - libm::pow(t * (1.25 - 0.25 * t * t), FULLNESS)
        });
        f * g / (f * f + g * g).sqrt()
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

    /// Height and unit normal of the front side over a place of the middle plane.
    pub fn front(&self, x: f64, y: f64) -> (f64, DVec3) {
        let half = self.half_bulge();
        if x.abs() >= half[0] || y.abs() >= half[1] {
            return (self.half_seal, DVec3::Z);
        }
        let cell = |axis: usize, at: f64| (0..CELLS[axis] - 1).find(|i| self.line(axis, i + 1) > at).unwrap_or(CELLS[axis] - 1);
        for nodes in self.cut(cell(0, x), cell(1, y)) {
            let [a, b, c] = nodes.map(|[column, row]| self.place(column, row));
            let (p, ab, ac) = (DVec3::new(x, y, 0.0) - a, b - a, c - a);
            let area = ab.x * ac.y - ab.y * ac.x;
            let (s, t) = ((p.x * ac.y - p.y * ac.x) / area, (ab.x * p.y - ab.y * p.x) / area);
            if s >= -1e-12 && t >= -1e-12 && s + t <= 1.0 + 1e-12 {
                let normals = nodes.map(|[column, row]| self.node_normal(column, row));
                let normal = normals[0] * (1.0 - s - t) + normals[1] * s + normals[2] * t;
                return (a.z + s * ab.z + t * ac.z, normal.normalize());
            }
        }
        // The two triangles cover their cell.
        (self.half_seal, DVec3::Z)
    }

    /// Normal of the smooth form at a node: the mean of the triangles around it.
    fn node_normal(&self, column: usize, row: usize) -> DVec3 {
        let cells = |index: usize, count: usize| index.saturating_sub(1)..=index.min(count - 1);
        let mut sum = DVec3::ZERO;
        for i in cells(column, CELLS[0]) {
            for j in cells(row, CELLS[1]) {
                for nodes in self.cut(i, j).iter().filter(|nodes| nodes.contains(&[column, row])) {
                    sum += area_vector(&nodes.map(|[column, row]| self.place(column, row)));
                }
            }
        }
        sum.normalize_or(DVec3::Z)
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
