//! From a symbol's modules to pixels: a plane in perspective, bent a little as round bottles and soft pouches bend it.

use super::size::Size;
use crate::vision::Corners;
use crate::vision::geometry::{homography, inverse, map, solve};

/// Terms by which a place among the modules is off along the columns, and as many along the rows.
const TERMS: usize = 9;
/// How many numbers a bend is.
pub const BEND: usize = 2 * TERMS;
/// How far a symbol's inside is from where a plane would have it, its corners held: by how much of each of the [`terms`], along the columns and then along
/// the rows. Arcs are most of it; the other terms are what a round package looks like where it turns away, and what pouches do.
pub type Bend = [f64; BEND];
/// Which numbers of a bend are [`arcs`].
pub const ARCS: [usize; 4] = [0, 1, TERMS, TERMS + 1];
/// Which numbers of a bend make modules wider in the middle of a side than at its ends: columns and rows.
pub const WAIST: [usize; 2] = [2, TERMS + 3];
/// Which numbers of a bend only steep horizons need.
pub const STEEP: [usize; 4] = [TERMS - 3, TERMS - 2, BEND - 3, BEND - 2];
/// Which numbers of a bend move its middle and leave the sides where they are.
pub const BULGE: [usize; 2] = [TERMS - 1, BEND - 1];

/// The bend whose middles of the sides are off along the columns by the first two, along the rows by the last two, four modules for each unit; the first
/// and third at the middle of the width, the others at the middle of the height.
pub fn arcs(of: [f64; 4]) -> Bend {
    let mut bend = [0.0; BEND];
    ARCS.into_iter().zip(of).for_each(|(which, by)| bend[which] = by);
    bend
}

/// What the numbers of a bend stand for, at shares s of the width and t of the height.
fn terms(s: f64, t: f64) -> [f64; TERMS] {
    let ([p, q], [x, y]) = ([s * (1.0 - s), t * (1.0 - t)], [2.0 * s - 1.0, 2.0 * t - 1.0]);
    [p, q, p * x, q * y, p * y, q * x, p * x * x, q * y * y, 4.0 * p * q]
}

/// The map from modules (column, row from the top left; whole numbers are edges) to pixels.
#[derive(Debug, Clone)]
pub struct ToPicture {
    map: [f64; 9],
    bend: Bend,
    sides: [f64; 2],
}

impl ToPicture {
    /// Of a symbol with its outer corners (from the finder's corner clockwise, px) there; `None` if they enclose nothing.
    pub fn new(size: &Size, corners: &Corners, bend: &Bend) -> Option<Self> {
        let (w, h) = (size.cols as f64, size.rows as f64);
        let modules = [[0.0, h], [0.0, 0.0], [w, 0.0], [w, h]];
        Some(Self { map: homography(&modules, corners)?, bend: *bend, sides: [w, h] })
    }

    fn shift(&self, u: f64, v: f64) -> [f64; 2] {
        let terms = terms(u / self.sides[0], v / self.sides[1]);
        let sum = |k: usize| terms.iter().zip(&self.bend[k * TERMS..]).map(|(term, by)| term * by).sum();
        [sum(0), sum(1)]
    }

    /// How the shift changes: of columns by column and by row, of rows by column and by row.
    fn slope(&self, u: f64, v: f64) -> [f64; 4] {
        let [w, h] = self.sides;
        let (s, t) = (u / w, v / h);
        let ([p, q], [x, y]) = ([s * (1.0 - s), t * (1.0 - t)], [2.0 * s - 1.0, 2.0 * t - 1.0]);
        // dp/ds = −x, dx/ds = 2.
        let by_s = [-x, 0.0, 2.0 * p - x * x, 0.0, -x * y, 2.0 * q, 4.0 * p * x - x * x * x, 0.0, -4.0 * x * q];
        let by_t = [0.0, -y, 0.0, 2.0 * q - y * y, 2.0 * p, -y * x, 0.0, 4.0 * q * y - y * y * y, -4.0 * y * p];
        let sum = |by: &[f64; TERMS], k: usize| -> f64 { by.iter().zip(&self.bend[k * TERMS..]).map(|(term, by)| term * by).sum() };
        [sum(&by_s, 0) / w, sum(&by_t, 0) / h, sum(&by_s, 1) / w, sum(&by_t, 1) / h]
    }

    /// Where on a plane a place among the modules would be.
    pub fn bent(&self, u: f64, v: f64) -> [f64; 2] {
        let [du, dv] = self.shift(u, v);
        [u + du, v + dv]
    }

    /// The pixel of such a place on a plane.
    pub fn flat(&self, [u, v]: [f64; 2]) -> [f64; 2] {
        map(&self.map, u, v)
    }

    /// The pixel of a place among the modules.
    pub fn at(&self, u: f64, v: f64) -> [f64; 2] {
        self.flat(self.bent(u, v))
    }

    /// How far the pixel of a place moves in a direction (times its length) for each unit of each number of the bend; the place, and what [`Self::bent`]
    /// says of it.
    pub fn by_bend(&self, [u, v]: [f64; 2], bent: [f64; 2], direction: [f64; 2]) -> Bend {
        let m = &self.map;
        let depth = m[6] * bent[0] + m[7] * bent[1] + m[8];
        let [x, y] = self.flat(bent);
        let by = |k: usize| (direction[0] * (m[k] - x * m[6 + k]) + direction[1] * (m[3 + k] - y * m[6 + k])) / depth;
        let by = [by(0), by(1)];
        let terms = terms(u / self.sides[0], v / self.sides[1]);
        std::array::from_fn(|k| terms[k % TERMS] * by[k / TERMS])
    }
}

/// The bend that takes places among the modules closest to pixels, each pair of a place and its pixel.
pub fn fitted(size: &Size, corners: &Corners, points: &[([f64; 2], [f64; 2])]) -> Option<Bend> {
    let [w, h] = [size.cols as f64, size.rows as f64];
    let flat = Surface::new(size, corners, &[0.0; BEND])?;
    let mut a = [[0.0; TERMS]; TERMS];
    let mut b = [[0.0; TERMS]; 2];
    for ([u, v], pixel) in points {
        let at = flat.to_modules(pixel[0], pixel[1]);
        let terms = terms(u / w, v / h);
        for j in 0..TERMS {
            for k in 0..TERMS {
                a[j][k] += terms[j] * terms[k];
            }
            b[0][j] += terms[j] * (at[0] - u);
            b[1][j] += terms[j] * (at[1] - v);
        }
    }
    (0..TERMS).for_each(|k| a[k][k] += 1e-6);
    let [x, y] = [solve(a, b[0])?, solve(a, b[1])?];
    Some(std::array::from_fn(|k| if k < TERMS { x[k] } else { y[k - TERMS] }))
}

/// The map between modules and pixels, both ways.
#[derive(Debug, Clone)]
pub struct Surface {
    to: ToPicture,
    back: [f64; 9],
}

impl Surface {
    /// See [`ToPicture::new`].
    pub fn new(size: &Size, corners: &Corners, bend: &Bend) -> Option<Self> {
        let to = ToPicture::new(size, corners, bend)?;
        Some(Self { back: inverse(&to.map)?, to })
    }

    /// The pixel of a place among the modules.
    pub fn to_picture(&self, u: f64, v: f64) -> [f64; 2] {
        self.to.at(u, v)
    }

    /// The place among the modules of a pixel.
    pub fn to_modules(&self, x: f64, y: f64) -> [f64; 2] {
        let [u, v] = map(&self.back, x, y);
        let mut at = [u, v];
        if self.to.bend != [0.0; BEND] {
            // Newton's method, by a slope that a horizon leaves something of.
            for _ in 0..4 {
                let [du, dv] = self.to.shift(at[0], at[1]);
                let slope = self.to.slope(at[0], at[1]);
                let off = [at[0] + du - u, at[1] + dv - v];
                let [a, b] = [1.0 + slope[0], 1.0 + slope[3]].map(|v: f64| if v.abs() < 0.1 { 0.1 } else { v });
                let det = a * b - slope[1] * slope[2];
                let det = if det.abs() < 0.05 { 0.05 } else { det };
                let by = [(b * off[0] - slope[1] * off[1]) / det, (a * off[1] - slope[2] * off[0]) / det];
                at = [0, 1].map(|k| at[k] - by[k].clamp(-3.0, 3.0));
                if by[0].abs().max(by[1].abs()) < 1e-3 {
                    break;
                }
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::super::size::SIZES;
    use super::*;

    #[test]
    fn both_ways_agree_and_the_middle_of_a_side_bends() {
        let corners = [[20.0, 80.0], [22.0, 20.0], [84.0, 16.0], [90.0, 86.0]];
        let bent = Surface::new(&SIZES[6], &corners, &arcs([0.6, -0.4, 4.0, 1.2])).unwrap();
        for (u, v) in [(0.0, 0.0), (22.0, 22.0), (3.3, 17.0), (11.0, 11.0), (-0.5, 8.0)] {
            let [x, y] = bent.to_picture(u, v);
            let [a, b] = bent.to_modules(x, y);
            assert!((a - u).abs() < 0.01 && (b - v).abs() < 0.01, "{u} {v}: {a} {b}");
        }
        // The corners stay, the middle of the bottom goes down by a module and to the right by 0.15.
        assert!((bent.to_picture(0.0, 22.0)[1] - 80.0).abs() < 1e-9);
        let plane = Surface::new(&SIZES[6], &corners, &[0.0; BEND]).unwrap();
        let [u, v] = plane.to_modules(bent.to_picture(11.0, 22.0)[0], bent.to_picture(11.0, 22.0)[1]);
        assert!((u - 11.15).abs() < 1e-9 && (v - 23.0).abs() < 1e-9, "{u} {v}");
    }
}
