//! Illumination: how bright paper is, place by place.
//!
//! Thresholds inside a code are local anyway, so no picture is rewritten; what pays is knowing the local white, because the locator's thresholds
//! then mean the same contrast in a vignetted corner as under the lamp.

use rayon::prelude::*;

use super::Plane;

/// The local white level on a coarse grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Illumination {
    tile: usize,
    cols: usize,
    rows: usize,
    white: Vec<f32>,
}

/// Side of a tile, px.
const TILE: usize = 64;
/// Darker than this share of full scale nothing is taken for paper.
const FLOOR: f32 = 0.06;

impl Illumination {
    /// Estimates the white level of a plane: a high quantile per tile, then the largest among neighbours (a tile may be all dark print), smoothed.
    pub fn estimate(plane: &Plane) -> Self {
        let cols = plane.width().div_ceil(TILE).max(1);
        let rows = plane.height().div_ceil(TILE).max(1);
        let raw: Vec<f32> = (0..cols * rows)
            .into_par_iter()
            .map(|i| {
                let (x0, y0) = (i % cols * TILE, i / cols * TILE);
                let mut values = Vec::with_capacity(TILE * TILE / 9 + TILE);
                for y in (y0..(y0 + TILE).min(plane.height())).step_by(3) {
                    values.extend(plane.row(y)[x0..(x0 + TILE).min(plane.width())].iter().step_by(3));
                }
                let index = values.len() * 9 / 10;
                if index >= values.len() {
                    return FLOOR;
                }
                let (_, quantile, _) = values.select_nth_unstable_by(index, f32::total_cmp);
                quantile.max(FLOOR)
            })
            .collect();
        let neighbours = |i: usize| {
            let (cx, cy) = (i % cols, i / cols);
            (cy.saturating_sub(1)..(cy + 2).min(rows))
                .flat_map(move |y| (cx.saturating_sub(1)..(cx + 2).min(cols)).map(move |x| y * cols + x))
        };
        let largest: Vec<f32> = (0..raw.len()).map(|i| neighbours(i).map(|n| raw[n]).fold(FLOOR, f32::max)).collect();
        let white = (0..raw.len())
            .map(|i| {
                let (sum, count) = neighbours(i).fold((0.0, 0.0), |(s, c), n| (s + largest[n], c + 1.0));
                sum / count
            })
            .collect();
        Self { tile: TILE, cols, rows, white }
    }

    /// The same level everywhere: the brightest of all.
    #[must_use]
    pub fn levelled(self) -> Self {
        let brightest = self.white.iter().copied().fold(FLOOR, f32::max);
        Self { white: vec![brightest; self.white.len()], ..self }
    }

    /// The white level near a pixel.
    pub fn white(&self, x: f64, y: f64) -> f32 {
        let cx = ((x.max(0.0) as usize) / self.tile).min(self.cols - 1);
        let cy = ((y.max(0.0) as usize) / self.tile).min(self.rows - 1);
        self.white[cy * self.cols + cx]
    }

    /// The plane divided by its white level: for people and for readers that want even light.
    pub fn flattened(&self, plane: &Plane) -> Plane {
        let data = (0..plane.height())
            .flat_map(|y| plane.row(y).iter().enumerate().map(move |(x, &v)| (v / self.white(x as f64, y as f64)).min(1.0)))
            .collect();
        Plane::new(plane.width(), plane.height(), data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dark_half_is_known_to_be_dark() {
        let plane = Plane::new(512, 256, (0..512 * 256).map(|i| if i % 512 < 256 { 0.8 } else { 0.2 }).collect());
        let light = Illumination::estimate(&plane);
        assert_eq!((light.white(0.0, 0.0), light.white(511.0, 255.0)), (0.8, 0.2));
        let flat = light.flattened(&plane);
        assert_eq!((flat.row(9)[3], flat.row(9)[500]), (1.0, 1.0));
        let level = light.levelled();
        assert_eq!(level.white(0.0, 0.0), level.white(511.0, 255.0));
        assert!((level.white(511.0, 255.0) - 0.8).abs() < 1e-5);
    }

    #[test]
    fn an_empty_plane_is_no_reason_to_fail() {
        assert_eq!(Illumination::estimate(&Plane::default()).white(3.0, 4.0), FLOOR);
    }
}
