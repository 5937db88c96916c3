//! Lens distortion, for a renderer whose edges are straight: polygons are cut small enough that their bent edges are chords, and every pixel finds
//! its undistorted place in a table.
//!
//! Brown–Conrady as in OpenCV's `projectPoints`; see `hardware_hal::Calibration::project`.

use hardware_hal::Intrinsics;
use hardware_hal::glam::{DVec2, DVec3};

use crate::error::SimError;

/// Distance of the table's nodes, px. The distortion's second derivative is some 3e-4 per px at worst, so interpolation errs by some 3e-3 px.
const CELL: u32 = 8;

/// How far a chord may lie from the bent edge, px.
const SAGITTA: f64 = 0.03;

/// Longest chord, px: an S-shaped edge may cross its chord in the middle.
const LONGEST: f64 = 256.0;

/// Edges are halved at most this often.
const MOST_CUTS: u32 = 12;

/// Nothing nearer to the camera's plane is drawn, m.
const NEAREST: f64 = 0.01;

/// Whether a lens distorts.
pub fn is_bent(intrinsics: &Intrinsics) -> bool {
    intrinsics.distortion.iter().any(|d| *d != 0.0)
}

/// Where a ray (x/z, y/z) falls on the image plane at focal length 1.
pub fn distorted(intrinsics: &Intrinsics, ray: DVec2) -> DVec2 {
    let [k1, k2, p1, p2, k3] = intrinsics.distortion;
    let DVec2 { x, y } = ray;
    let r2 = ray.length_squared();
    let radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
    DVec2::new(x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x), y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y)
}

/// The ray that falls on a point of the image plane: Newton's method with the exact Jacobian. `None` where the distortion folds over.
pub fn undistorted(intrinsics: &Intrinsics, point: DVec2) -> Option<DVec2> {
    let [k1, k2, p1, p2, k3] = intrinsics.distortion;
    let mut ray = point;
    for _ in 0..30 {
        let DVec2 { x, y } = ray;
        let r2 = ray.length_squared();
        let radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
        let slope = k1 + r2 * (2.0 * k2 + 3.0 * r2 * k3);
        let xx = radial + 2.0 * x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x;
        let xy = 2.0 * x * y * slope + 2.0 * p1 * x + 2.0 * p2 * y;
        let yy = radial + 2.0 * y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x;
        let determinant = xx * yy - xy * xy;
        // Beyond the fold the Jacobian turns over.
        if determinant <= 0.05 || xx <= 0.0 {
            return None;
        }
        let miss = distorted(intrinsics, ray) - point;
        ray -= DVec2::new(yy * miss.x - xy * miss.y, xx * miss.y - xy * miss.x) / determinant;
        if miss.length_squared() < 1e-24 {
            return Some(ray);
        }
    }
    None
}

/// A camera's distortion, ready for drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Bend {
    intrinsics: Intrinsics,
    /// Rays of the picture and a little around it: smallest and largest x/z and y/z.
    low: DVec2,
    high: DVec2,
}

impl Bend {
    /// Looks whether the whole picture, with a margin of 2 %, can be undistorted.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a distortion that folds the picture over.
    pub fn of(intrinsics: &Intrinsics) -> Result<Self, SimError> {
        let size = intrinsics.size_px.map(f64::from);
        let (mut low, mut high) = (DVec2::INFINITY, DVec2::NEG_INFINITY);
        const STEPS: u32 = 64;
        for step in 0..=STEPS {
            let t = f64::from(step) / f64::from(STEPS) * 1.04 - 0.02;
            for at in [[t, -0.02], [t, 1.02], [-0.02, t], [1.02, t]] {
                let pixel = DVec2::new(at[0] * size[0] - 0.5, at[1] * size[1] - 0.5);
                let Some(ray) = undistorted(intrinsics, on_plane(intrinsics, pixel)) else {
                    return Err(SimError::Spec(format!(
                        "the lens distortion {:?} folds the picture over near pixel ({:.0}, {:.0})",
                        intrinsics.distortion, pixel.x, pixel.y
                    )));
                };
                (low, high) = (low.min(ray), high.max(ray));
            }
        }
        Ok(Self { intrinsics: *intrinsics, low, high })
    }

    /// The table that the shader reads: (1 / cell, columns), then row by row how far each node's undistorted place lies from it, px.
    pub fn table(&self) -> Vec<[f32; 2]> {
        let i = &self.intrinsics;
        let [columns, rows] = i.size_px.map(|n| n.div_ceil(CELL) + 1);
        let mut table = vec![[1.0 / CELL as f32, columns as f32]];
        for row in 0..rows {
            for column in 0..columns {
                let pixel = DVec2::new(f64::from(column * CELL), f64::from(row * CELL));
                // Nodes beyond the margin only serve pixels outside the picture.
                let shift = undistorted(i, on_plane(i, pixel)).map_or(DVec2::ZERO, |ray| in_pixels(i, ray) - pixel);
                table.push(shift.as_vec2().to_array());
            }
        }
        table
    }

    /// Pixel of a point in camera coordinates.
    pub fn project(&self, point: DVec3) -> DVec2 {
        in_pixels(&self.intrinsics, distorted(&self.intrinsics, point.truncate() / point.z))
    }

    /// Lets polygons reach farther beyond the picture, by a slope: for what glass shows elsewhere than where it is.
    #[must_use]
    pub fn widened(self, slope: f64) -> Self {
        Self { low: self.low - slope, high: self.high + slope, ..self }
    }

    /// Cuts a convex polygon in camera coordinates to what the picture shows and into triangles whose edges stay straight under the distortion. `seen`
    /// says where a point seems to be.
    pub fn triangles(&self, polygon: &[DVec3], seen: &dyn Fn(DVec3) -> DVec3) -> Vec<[DVec3; 3]> {
        let mut cut = polygon.to_vec();
        let planes: [&dyn Fn(DVec3) -> f64; 5] =
            [&|p| p.z - NEAREST, &|p| p.x - self.low.x * p.z, &|p| self.high.x * p.z - p.x, &|p| p.y - self.low.y * p.z, &|p| {
                self.high.y * p.z - p.y
            }];
        for inside in planes {
            cut = clipped(&cut, inside);
        }
        let mut triangles = Vec::new();
        for i in 1..cut.len().saturating_sub(1) {
            self.split([cut[0], cut[i], cut[i + 1]], seen, MOST_CUTS, &mut triangles);
        }
        triangles
    }

    /// Whether an edge has to be halved: this depends on the edge alone, so that neighbours agree and leave no cracks.
    fn bends(&self, a: DVec3, b: DVec3, seen: &dyn Fn(DVec3) -> DVec3) -> bool {
        let [start, end, middle] = [a, b, (a + b) / 2.0].map(|p| self.project(seen(p)));
        let chord = end - start;
        let length = chord.length();
        length > LONGEST || (length > 1e-9 && (chord.perp_dot(middle - start) / length).abs() > SAGITTA)
    }

    fn split(&self, [a, b, c]: [DVec3; 3], seen: &dyn Fn(DVec3) -> DVec3, cuts: u32, out: &mut Vec<[DVec3; 3]>) {
        if cuts == 0 {
            out.push([a, b, c]);
            return;
        }
        let (ab, bc, ca) = ((a + b) / 2.0, (b + c) / 2.0, (c + a) / 2.0);
        let mut go = |triangle| self.split(triangle, seen, cuts - 1, out);
        match (self.bends(a, b, seen), self.bends(b, c, seen), self.bends(c, a, seen)) {
            (false, false, false) => out.push([a, b, c]),
            (true, false, false) => [[a, ab, c], [ab, b, c]].into_iter().for_each(go),
            (false, true, false) => [[a, b, bc], [a, bc, c]].into_iter().for_each(go),
            (false, false, true) => [[a, b, ca], [ca, b, c]].into_iter().for_each(go),
            (true, true, false) => [[ab, b, bc], [a, ab, bc], [a, bc, c]].into_iter().for_each(go),
            (false, true, true) => [[bc, c, ca], [a, b, bc], [a, bc, ca]].into_iter().for_each(go),
            (true, false, true) => [[a, ab, ca], [ab, b, c], [ab, c, ca]].into_iter().for_each(go),
            (true, true, true) => {
                go([ab, bc, ca]);
                [[a, ab, ca], [ab, b, bc], [ca, bc, c]].into_iter().for_each(go);
            }
        }
    }
}

/// How far the undistorted place of a pixel lies from it, px, by a table of [`Bend::table`].
pub fn shift_at(table: &[[f32; 2]], x: f64, y: f64) -> DVec2 {
    let ([scale, columns], cell) = (table[0], f64::from(CELL));
    let (columns, rows) = (columns as usize, (table.len() - 1) / columns as usize);
    let scaled = |value: f64, count: usize| (value * f64::from(scale)).clamp(0.0, (count - 1) as f64 - 1e-9);
    let (x, y) = (scaled(x, columns), scaled(y, rows));
    debug_assert_eq!(1.0 / cell, f64::from(scale));
    let node = |c: usize, r: usize| DVec2::new(f64::from(table[1 + r * columns + c][0]), f64::from(table[1 + r * columns + c][1]));
    let (c, r) = (x as usize, y as usize);
    let top = node(c, r).lerp(node(c + 1, r), x.fract());
    top.lerp(node(c, r + 1).lerp(node(c + 1, r + 1), x.fract()), y.fract())
}

fn on_plane(i: &Intrinsics, pixel: DVec2) -> DVec2 {
    DVec2::new((pixel.x - i.principal_px[0]) / i.focal_px[0], (pixel.y - i.principal_px[1]) / i.focal_px[1])
}

fn in_pixels(i: &Intrinsics, point: DVec2) -> DVec2 {
    DVec2::new(i.focal_px[0] * point.x + i.principal_px[0], i.focal_px[1] * point.y + i.principal_px[1])
}

/// The part of a convex polygon on the inner side of a plane (Sutherland & Hodgman 1974).
fn clipped(polygon: &[DVec3], inside: impl Fn(DVec3) -> f64) -> Vec<DVec3> {
    let mut cut = Vec::with_capacity(polygon.len() + 1);
    for (i, &to) in polygon.iter().enumerate() {
        let from = polygon[(i + polygon.len() - 1) % polygon.len()];
        let (a, b) = (inside(from), inside(to));
        if (a >= 0.0) != (b >= 0.0) {
            cut.push(from + (to - from) * (a / (a - b)));
        }
        if b >= 0.0 {
            cut.push(to);
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens(distortion: [f64; 5]) -> Intrinsics {
        Intrinsics { distortion, ..Intrinsics::pinhole(1200, 900, 1500.0) }
    }

    /// What OpenCV 5.0's `projectPoints` makes of the rays on this camera.
    #[test]
    fn distortion_agrees_with_opencv() {
        let rays = [[0.0, 0.0], [0.39, 0.29], [-0.39, 0.29], [0.39, -0.29], [-0.39, -0.29], [0.2, 0.1], [-0.15, 0.27]];
        let barrel = [
            [599.5, 449.5],
            [1168.8319, 873.3354],
            [29.3575, 873.6747],
            [1168.1533, 26.8778],
            [30.0361, 26.5385],
            [897.685, 598.6862],
            [376.7876, 850.3967],
        ];
        let cushion = [
            [599.5, 449.5],
            [1195.1105, 891.4178],
            [5.5107, 890.7392],
            [1196.4677, 5.1558],
            [4.1535, 5.8344],
            [900.7604, 599.9427],
            [373.2754, 856.6757],
        ];
        for (distortion, wanted) in [([-0.12, 0.03, 1e-3, -5e-4, 0.0], barrel), ([0.08, -0.02, -2e-3, 1e-3, 0.01], cushion)] {
            let bend = Bend::of(&lens(distortion)).unwrap();
            for (ray, wanted) in rays.iter().zip(wanted) {
                let found = bend.project(DVec3::new(ray[0] * 0.8, ray[1] * 0.8, 0.8));
                assert!((found - DVec2::from_array(wanted)).length() < 1e-3, "{ray:?}: {found}, OpenCV has {wanted:?}");
            }
        }
    }

    #[test]
    fn undistorting_inverts_distorting_all_over_the_picture() {
        for distortion in [[-0.12, 0.03, 1e-3, -5e-4, 0.0], [0.08, -0.02, 0.0, 0.0, 0.01], [-0.3, 0.1, -2e-3, 1e-3, 0.0]] {
            let lens = lens(distortion);
            for (x, y) in [(0.0, 0.0), (0.4, 0.3), (-0.4, 0.3), (0.1, -0.28), (-0.39, -0.01)] {
                let ray = DVec2::new(x, y);
                let back = undistorted(&lens, distorted(&lens, ray)).unwrap();
                assert!((back - ray).length() < 1e-12, "{distortion:?}: {ray} comes back as {back}");
            }
        }
    }

    #[test]
    fn the_table_is_exact_to_half_a_hundredth_of_a_pixel_between_its_nodes() {
        let lens = lens([-0.12, 0.03, 1e-3, -5e-4, 0.0]);
        let table = Bend::of(&lens).unwrap().table();
        let columns = table[0][1] as usize;
        for (x, y) in [(4.0, 4.0), (1195.0, 3.0), (600.0, 450.0), (12.0, 892.0), (1190.0, 890.0)] {
            let (column, row) = ((x / 8.0) as usize, (y / 8.0) as usize);
            let (s, t) = (x / 8.0 - column as f64, y / 8.0 - row as f64);
            let node = |c: usize, r: usize| {
                let [dx, dy] = table[1 + r * columns + c];
                DVec2::new(f64::from(dx), f64::from(dy))
            };
            let top = node(column, row).lerp(node(column + 1, row), s);
            let shift = top.lerp(node(column, row + 1).lerp(node(column + 1, row + 1), s), t);
            let pixel = DVec2::new(x, y);
            let wanted = in_pixels(&lens, undistorted(&lens, on_plane(&lens, pixel)).unwrap());
            assert!((pixel + shift - wanted).length() < 0.005, "({x}, {y}): {}", pixel + shift - wanted);
        }
    }

    #[test]
    fn cut_edges_stay_within_the_sagitta_and_cover_the_whole() {
        let bend = Bend::of(&lens([-0.15, 0.02, 0.0, 0.0, 0.0])).unwrap();
        let square = [[-0.3, -0.2], [0.3, -0.2], [0.3, 0.2], [-0.3, 0.2]].map(|[x, y]| DVec3::new(x, y, 1.0));
        let triangles = bend.triangles(&square, &|p| p);
        let area = |[a, b, c]: &[DVec3; 3]| (*b - *a).cross(*c - *a).length() / 2.0;
        assert!((triangles.iter().map(area).sum::<f64>() - 0.24).abs() < 1e-9);
        for [a, b, c] in &triangles {
            for (from, to) in [(a, b), (b, c), (c, a)] {
                let (start, end) = (bend.project(*from), bend.project(*to));
                for t in [0.25, 0.5, 0.75] {
                    let bent = bend.project(from.lerp(*to, t));
                    let off = (end - start).perp_dot(bent - start) / (end - start).length();
                    assert!(off.abs() < 0.04, "{off} px");
                }
            }
        }
        // What lies behind the camera or far outside is cut off, not folded in.
        let far = [[-50.0, 0.1, 1.0], [50.0, 0.1, 1.0], [0.0, 0.1, -3.0]].map(DVec3::from_array);
        assert!(bend.triangles(&far, &|p| p).iter().flatten().all(|p| p.z >= NEAREST - 1e-12 && (p.x / p.z).abs() < 0.5));
    }

    #[test]
    fn a_folding_lens_is_refused() {
        let error = Bend::of(&lens([-5.0, 0.0, 0.0, 0.0, 0.0])).unwrap_err().to_string();
        assert!(error.contains("folds the picture over"), "{error}");
    }
}
