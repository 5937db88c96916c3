//! Which package every pixel of a frame shows: the masks of ground truth, drawn on the CPU with the polygons of the capture pass.

use hardware_hal::Calibration;
use hardware_hal::glam::{DVec2, DVec3};

use super::bend::Bend;
use super::scene::{Scene, Surface};
use super::shot::{in_camera, seen_through};
use crate::error::SimError;
use crate::glass::Sight;

/// By pixel, which package stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageMap {
    /// Width, px.
    pub width: usize,
    /// Height, px.
    pub height: usize,
    /// Row by row from the top: index of the package + 1, 0 where there is none.
    pub pixels: Vec<u16>,
}

/// A package's visible part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Index of the package.
    pub package: usize,
    /// Pixels.
    pub area: u64,
    /// First column and row, width and height, px.
    pub bounds: [usize; 4],
    /// Lengths of runs column by column from the top left, beginning with pixels outside it: the run-length form of COCO.
    pub runs: Vec<u32>,
}

impl PackageMap {
    /// Draws the scene's packages as a camera sees them with the plate at `angle_rad`. A pixel shows what its centre shows.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a lens that folds the picture over.
    pub fn draw(scene: &Scene, calibration: &Calibration, angle_rad: f64) -> Result<Self, SimError> {
        let [width, height] = calibration.intrinsics.size_px.map(|n| n as usize);
        let sight = Sight::through(scene.glass.as_ref().map(|glass| glass.pane), calibration);
        let bend = Bend::of(&calibration.intrinsics)?.widened(seen_through(&sight));
        let eye = sight.eye(DVec3::ZERO);
        let mut map = Self { width, height, pixels: vec![0; width * height] };
        // 1 / distance along the optical axis; larger is nearer.
        let mut nearness = vec![0.0_f32; width * height];
        for flat in &scene.surfaces {
            let surface = flat.in_rig(angle_rad);
            // The table lies below everything, and so does the plate's disc for any camera that sees packages on it.
            let hides = surface.owner.is_some() || surface.normal().z.abs() < 0.999 || surface.origin.z > 0.0;
            if surface.below_plate || !hides || (eye - surface.origin).dot(surface.normal()) <= 0.0 {
                continue;
            }
            // Nothing of what is below a glass plate hides what is on it from a camera below.
            if sight.pane.is_some() && surface.owner.is_none() && surface.origin.z <= 0.0 {
                continue;
            }
            for corners in triangles(&surface, calibration, &bend, &sight) {
                let triangle = corners.map(|c| in_camera(&sight, c)).map(|c| (bend.project(c), 1.0 / c.z));
                map.fill(&mut nearness, triangle, surface.owner.map_or(0, |package| package as u16 + 1));
            }
        }
        Ok(map)
    }

    fn fill(&mut self, nearness: &mut [f32], triangle: [(DVec2, f64); 3], value: u16) {
        let [(a, near_a), (b, near_b), (c, near_c)] = triangle;
        let doubled = (b - a).perp_dot(c - a);
        if doubled == 0.0 || !doubled.is_finite() {
            return;
        }
        let rows = [a.y, b.y, c.y];
        let first = rows.iter().copied().fold(f64::INFINITY, f64::min).ceil().max(0.0) as usize;
        let last = rows.iter().copied().fold(f64::NEG_INFINITY, f64::max).floor().min(self.height as f64 - 1.0);
        if last < 0.0 {
            return;
        }
        for row in first..=last as usize {
            let y = row as f64;
            // The row's span is where it crosses the edges.
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for (from, to) in [(a, b), (b, c), (c, a)] {
                if (from.y <= y) == (to.y <= y) && from.y != y && to.y != y {
                    continue;
                }
                let t = if from.y == to.y { 0.0 } else { ((y - from.y) / (to.y - from.y)).clamp(0.0, 1.0) };
                for x in if from.y == to.y { [from.x, to.x] } else { [from.x + t * (to.x - from.x); 2] } {
                    (low, high) = (low.min(x), high.max(x));
                }
            }
            let (start, end) = (low.ceil().max(0.0), high.floor().min(self.width as f64 - 1.0));
            if end < start {
                continue;
            }
            for column in start as usize..=end as usize {
                let p = DVec2::new(column as f64, y);
                // 1/z is linear in the picture of a plane.
                let (wb, wc) = ((p - a).perp_dot(c - a) / doubled, (b - a).perp_dot(p - a) / doubled);
                let near = (near_a + wb * (near_b - near_a) + wc * (near_c - near_a)) as f32;
                let at = row * self.width + column;
                if near > nearness[at] {
                    nearness[at] = near;
                    self.pixels[at] = value;
                }
            }
        }
    }

    /// The visible part of every package that shows at all, by package.
    pub fn masks(&self) -> Vec<Mask> {
        let count = self.pixels.iter().copied().max().unwrap_or(0) as usize;
        let mut bounds = vec![[usize::MAX, usize::MAX, 0, 0]; count];
        for (row, line) in self.pixels.chunks(self.width.max(1)).enumerate() {
            for (column, value) in line.iter().enumerate().filter(|(_, value)| **value > 0) {
                let [left, top, right, bottom] = &mut bounds[*value as usize - 1];
                (*left, *top) = ((*left).min(column), (*top).min(row));
                (*right, *bottom) = ((*right).max(column), (*bottom).max(row));
            }
        }
        let shown = bounds.iter().enumerate().filter(|(_, b)| b[0] != usize::MAX);
        shown.map(|(package, &[left, top, right, bottom])| self.mask(package, [left, top, right, bottom])).collect()
    }

    fn mask(&self, package: usize, [left, top, right, bottom]: [usize; 4]) -> Mask {
        let value = package as u16 + 1;
        let (mut runs, mut area) = (Vec::new(), 0);
        let (mut inside, mut begun) = (false, 0);
        for column in left..=right {
            for row in top..=bottom {
                let here = self.pixels[row * self.width + column] == value;
                area += u64::from(here);
                if here != inside {
                    let at = column * self.height + row;
                    runs.push((at - begun) as u32);
                    (inside, begun) = (here, at);
                }
            }
            // The rest of the column below the box is outside, and so is the next one's part above it.
            if inside && (bottom + 1 < self.height || top > 0) {
                let at = column * self.height + bottom + 1;
                runs.push((at - begun) as u32);
                (inside, begun) = (false, at);
            }
        }
        let all = self.width * self.height;
        if inside {
            let at = (right + 1) * self.height;
            runs.push((at - begun) as u32);
            begun = at;
        }
        if begun < all {
            runs.push((all - begun) as u32);
        }
        Mask { package, area, bounds: [left, top, right + 1 - left, bottom + 1 - top], runs }
    }
}

fn triangles(surface: &Surface, calibration: &Calibration, bend: &Bend, sight: &Sight) -> Vec<[DVec3; 3]> {
    let polygon: Vec<DVec3> = surface.outline.iter().map(|uv| calibration.camera_from_rig.transform_point(surface.point(*uv))).collect();
    bend.triangles(&polygon, &|point| in_camera(sight, point))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(width: usize, height: usize, pixels: &[u16]) -> PackageMap {
        PackageMap { width, height, pixels: pixels.to_vec() }
    }

    #[test]
    fn runs_count_down_the_columns() {
        #[rustfmt::skip]
        let map = map(4, 3, &[
            0, 1, 1, 0,
            0, 1, 0, 2,
            0, 0, 0, 2,
        ]);
        let masks = map.masks();
        assert_eq!(masks[0], Mask { package: 0, area: 3, bounds: [1, 0, 2, 2], runs: vec![3, 2, 1, 1, 5] });
        assert_eq!(masks[1], Mask { package: 1, area: 2, bounds: [3, 1, 1, 2], runs: vec![10, 2] });
    }

    #[test]
    fn the_nearer_triangle_hides_the_farther_one() {
        let mut map = map(8, 8, &[0; 64]);
        let mut nearness = vec![0.0; 64];
        let square = |near: f64, low: f64, high: f64| {
            let corner = |x: f64, y: f64| (DVec2::new(x, y), near);
            [[corner(low, low), corner(high, low), corner(high, high)], [corner(low, low), corner(high, high), corner(low, high)]]
        };
        for triangle in square(1.0, 1.5, 4.5) {
            map.fill(&mut nearness, triangle, 1);
        }
        for triangle in square(0.5, 3.5, 6.5) {
            map.fill(&mut nearness, triangle, 2);
        }
        let count = |value| map.pixels.iter().filter(|p| **p == value).count();
        assert_eq!((count(1), count(2)), (9, 8), "{:?}", map.pixels);
        assert_eq!(map.pixels[4 * 8 + 4], 1);
    }

    proptest! {
        #[test]
        fn runs_give_the_mask_back(width in 1usize..9, height in 1usize..9, bits: u64) {
            let pixels: Vec<u16> = (0..width * height).map(|i| (bits >> (i % 64) & 1) as u16).collect();
            let map = map(width, height, &pixels);
            for mask in map.masks() {
                let mut flat = Vec::new();
                for (i, run) in mask.runs.iter().enumerate() {
                    flat.extend(std::iter::repeat_n((i % 2) as u16, *run as usize));
                }
                prop_assert_eq!(flat.len(), width * height);
                for (i, value) in flat.iter().enumerate() {
                    prop_assert_eq!(*value, pixels[i % height * width + i / height]);
                }
                prop_assert_eq!(mask.area, pixels.iter().filter(|p| **p == 1).count() as u64);
            }
        }
    }
}
