//! From a grid to grey values of modules.
//!
//! Below two pixels per module every pixel sees several modules. All modules are estimated at once: pixel = dark + contrast · Σ weight · module, with
//! weights from the optics' and the pixel's blur, modules between 0 and 1, fixed ones known, and levels that may change linearly over the symbol.

use super::grid::Grid;
use super::size::Size;
use super::surface::Surface;
use crate::vision::Plane;
use crate::vision::geometry::solve;
use crate::vision::normal::NormalEquations;

/// How firmly a module that the picture says nothing about is held at ½.
const PULL: f32 = 0.02;
/// Sweeps over all modules per round; rounds estimate the levels anew.
const SWEEPS: usize = 12;
const ROUNDS: usize = 3;

/// A symbol's pixels and what they see.
pub struct Seen {
    /// Grey values.
    values: Vec<f32>,
    /// Where they are, px.
    pixels: Vec<[usize; 2]>,
    /// Place in the symbol, −½ to ½.
    places: Vec<[f32; 2]>,
    /// Per pixel: range in `weights`.
    rows: Vec<std::ops::Range<usize>>,
    /// (module of the ringed grid, weight).
    weights: Vec<(u32, f32)>,
    /// By module of the ringed grid: range in `column_weights`.
    columns: Vec<std::ops::Range<usize>>,
    /// (pixel, weight).
    column_weights: Vec<(u32, f32)>,
    size: Size,
}

/// A picture of a symbol; not a number where nothing was drawn.
pub struct Drawn {
    from: [usize; 2],
    width: usize,
    values: Vec<f32>,
}

impl Drawn {
    /// The value at a pixel.
    pub fn at(&self, [x, y]: [usize; 2]) -> Option<f32> {
        let (x, y) = (x.checked_sub(self.from[0])?, y.checked_sub(self.from[1])?);
        let value = if x < self.width { self.values.get(y * self.width + x) } else { None };
        value.copied().filter(|v| !v.is_nan())
    }

    /// Its change per pixel.
    pub fn gradient(&self, [x, y]: [usize; 2]) -> Option<[f32; 2]> {
        let across = self.at([x + 1, y])? - self.at([x.checked_sub(1)?, y])?;
        let down = self.at([x, y + 1])? - self.at([x, y.checked_sub(1)?])?;
        Some([across / 2.0, down / 2.0])
    }
}

impl Seen {
    /// The pixels of a grid on a plane; `blur` is the optics' standard deviation, px. `None` where the grid leaves the picture.
    pub fn gather(plane: &Plane, grid: &Grid, blur: f64) -> Option<Self> {
        let size = grid.size;
        let (w, h) = (size.cols as f64, size.rows as f64);
        let surface = Surface::new(&size, &grid.corners, &grid.bend)?;
        let around = |[left, top, right, bottom]: [f64; 4]| {
            let [across, down] = [w / 2.0, h / 2.0];
            [[left, top], [across, top], [right, top], [right, down], [right, bottom], [across, bottom], [left, bottom], [left, down]]
                .map(|[u, v]| surface.to_picture(u, v))
        };
        // Of the quiet zone a part may be missing.
        let inside = |p: &[f64; 2]| p[0] >= -1.0 && p[1] >= -1.0 && p[0] <= plane.width() as f64 && p[1] <= plane.height() as f64;
        if !around([0.0, 0.0, w, h]).iter().all(inside) {
            return None;
        }
        let around = around([-1.0, -1.0, w + 1.0, h + 1.0]);
        let bound = |k: usize| {
            let lo = around.iter().map(|p| p[k]).fold(f64::MAX, f64::min);
            let hi = around.iter().map(|p| p[k]).fold(f64::MIN, f64::max);
            (lo.floor(), hi.ceil())
        };
        let ((x0, x1), (y0, y1)) = (bound(0), bound(1));
        if x1 - x0 > 400.0 || y1 - y0 > 400.0 {
            return None;
        }
        // A normal distribution of the variance of blur and pixel, in five points each way.
        let s = (blur * blur + 1.0 / 12.0).sqrt();
        let points: [(f64, f64); 5] = std::array::from_fn(|k| 0.8 * (k as f64 - 2.0)).map(|k| (k * s, (-0.5 * k * k).exp()));
        let total: f64 = points.iter().map(|p| p.1).sum();
        let furthest = points[4].0;
        let points: [(f64, f64, f32); 25] = std::array::from_fn(|k| {
            let ((dy, wy), (dx, wx)) = (points[k / 5], points[k % 5]);
            (dy, dx, (wx * wy / (total * total)) as f32)
        });
        let cols = size.cols + 2;
        let mut seen = Self {
            values: Vec::new(),
            pixels: Vec::new(),
            places: Vec::new(),
            rows: Vec::new(),
            weights: Vec::new(),
            columns: Vec::new(),
            column_weights: Vec::new(),
            size,
        };
        // By module around a pixel.
        let mut shares: Vec<f32> = Vec::new();
        let columns = x0.max(0.0) as usize..=(x1 as usize).min(plane.width() - 1);
        let width = columns.clone().count() + 2;
        // Places among the modules of three rows of pixels, one more on either side.
        let places = |y: f64| -> Vec<[f64; 2]> { (0..width).map(|i| surface.to_modules((columns.start() + i) as f64 - 1.0, y)).collect() };
        let first = y0.max(0.0) as usize;
        let mut rows = [places(first as f64 - 1.0), places(first as f64), Vec::new()];
        for y in first..=(y1 as usize).min(plane.height() - 1) {
            rows[2] = places(y as f64 + 1.0);
            for (i, x) in columns.clone().enumerate() {
                let [u, v] = rows[1][i + 1];
                if u < -0.5 || v < -0.5 || u > w + 0.5 || v > h + 0.5 {
                    continue;
                }
                // Within a pixel's reach the map is straight.
                let half = |p: [f64; 2], q: [f64; 2]| [(p[0] - q[0]) / 2.0, (p[1] - q[1]) / 2.0];
                let [right, down] = [half(rows[1][i + 2], rows[1][i]), half(rows[2][i + 1], rows[0][i + 1])];
                let module = |k: usize, at: f64| (at + 1.0).clamp(0.0, [w, h][k] + 1.0) as usize;
                let reach = |k: usize, at: f64| {
                    // A little more, so that no rounding puts a point beyond.
                    let reach = 1e-6 + furthest * (right[k].abs() + down[k].abs());
                    (module(k, at - reach), module(k, at + reach))
                };
                let ((c0, c1), (r0, r1)) = (reach(0, u), reach(1, v));
                let across = c1 - c0 + 1;
                shares.clear();
                shares.resize(across * (r1 - r0 + 1), 0.0);
                for (dy, dx, weight) in &points {
                    let (c, r) = (module(0, u + dx * right[0] + dy * down[0]), module(1, v + dx * right[1] + dy * down[1]));
                    shares[(r - r0) * across + c - c0] += weight;
                }
                let start = seen.weights.len();
                let index = |k: usize| ((r0 + k / across) * cols + c0 + k % across) as u32;
                seen.weights.extend(shares.iter().enumerate().filter(|(_, share)| **share > 0.0).map(|(k, share)| (index(k), *share)));
                seen.rows.push(start..seen.weights.len());
                seen.values.push(plane.row(y)[x]);
                seen.pixels.push([x, y]);
                seen.places.push([(u / w - 0.5) as f32, (v / h - 0.5) as f32]);
            }
            rows.rotate_left(1);
        }
        seen.turn(cols * (size.rows + 2));
        (seen.values.len() > size.rows * size.cols / 2).then_some(seen)
    }

    /// Lists by so many modules what is listed by pixel.
    fn turn(&mut self, modules: usize) {
        let mut counts = vec![0; modules];
        self.weights.iter().for_each(|(module, _)| counts[*module as usize] += 1);
        let mut end = 0;
        let next = |count: &usize| {
            end += count;
            end - count..end - count
        };
        self.columns = counts.iter().map(next).collect();
        self.column_weights = vec![(0, 0.0); self.weights.len()];
        for (pixel, row) in self.rows.iter().enumerate() {
            for (module, weight) in &self.weights[row.clone()] {
                let column = &mut self.columns[*module as usize];
                self.column_weights[column.end] = (pixel as u32, *weight);
                column.end += 1;
            }
        }
    }

    /// Modules of the ringed grid, 1 where light, as far as they are fixed, ½ elsewhere; and which are.
    pub fn known(&self) -> (Vec<f32>, Vec<bool>) {
        let (cols, rows) = (self.size.cols as isize, self.size.rows as isize);
        let fixed: Vec<Option<bool>> =
            (-1..=rows).flat_map(|r| (-1..=cols).map(move |c| (c, r))).map(|(c, r)| self.size.fixed(c, r)).collect();
        (fixed.iter().map(|f| f.map_or(0.5, |dark| if dark { 0.0 } else { 1.0 })).collect(), fixed.iter().map(Option::is_some).collect())
    }

    /// What a pixel sees of `modules`.
    pub fn seen(&self, pixel: usize, modules: &[f32]) -> f32 {
        self.weights[self.rows[pixel].clone()].iter().map(|(m, w)| w * modules[*m as usize]).sum()
    }

    /// Where a pixel is among the modules.
    pub fn place(&self, pixel: usize) -> [f64; 2] {
        let sides = [self.size.cols, self.size.rows];
        [0, 1].map(|k| (f64::from(self.places[pixel][k]) + 0.5) * sides[k] as f64)
    }

    /// All pixels: number, and column and row in the picture.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, [usize; 2])> {
        self.pixels.iter().copied().enumerate()
    }

    /// A pixel's grey value.
    pub fn value(&self, pixel: usize) -> f32 {
        self.values[pixel]
    }

    /// What the pixels see of `modules`, as a picture.
    pub fn drawn(&self, modules: &[f32]) -> Drawn {
        let bound = |k: usize| {
            let range = |(lo, hi): (usize, usize), p: &[usize; 2]| (lo.min(p[k]), hi.max(p[k]));
            self.pixels.iter().fold((usize::MAX, 0), range)
        };
        let ((x0, x1), (y0, y1)) = (bound(0), bound(1));
        let width = x1 + 1 - x0.min(x1);
        let mut drawn = Drawn { from: [x0, y0], width, values: vec![f32::NAN; width * (y1 + 1 - y0.min(y1))] };
        for (i, [x, y]) in self.pixels() {
            drawn.values[(y - y0) * width + x - x0] = self.seen(i, modules);
        }
        drawn
    }

    /// Dark level and contrast at a pixel.
    pub fn level_at(&self, levels: &[f64; 6], pixel: usize) -> (f64, f64) {
        let [x, y] = self.places[pixel].map(f64::from);
        (levels[0] + levels[1] * x + levels[2] * y, levels[3] + levels[4] * x + levels[5] * y)
    }

    /// Levels that fit `modules` best: dark = a₀ + a₁x + a₂y, contrast = b₀ + b₁x + b₂y.
    pub fn levels(&self, modules: &[f32], tilted: bool) -> Option<[f64; 6]> {
        let mut equations = NormalEquations::<6>::new();
        for (i, ([x, y], value)) in self.places.iter().zip(&self.values).enumerate() {
            let s = self.seen(i, modules);
            equations.add([1.0, *x, *y, s, s * x, s * y], *value);
        }
        let NormalEquations { mut a, b, count: n, .. } = equations.finish();
        for k in [1, 2, 4, 5] {
            a[k][k] += if tilted { 1e-3 * n } else { 1e9 * n };
        }
        solve(a, b)
    }

    /// Grey values of all modules of the ringed grid (row by row), 0 dark to 1 light.
    pub fn modules(&self) -> Option<Vec<f32>> {
        let (mut modules, fixed) = self.known();
        let norms = self.norms();
        for round in 0..ROUNDS {
            let mut residual = self.residual(&modules, round > 0)?;
            for _ in 0..SWEEPS {
                for m in 0..modules.len() {
                    let column = self.column(m);
                    if fixed[m] || column.is_empty() {
                        continue;
                    }
                    let up = column.iter().fold(PULL * (0.5 - modules[m]), |up, (i, w)| up + w * residual[*i as usize]);
                    let new = (modules[m] + up / (PULL + norms[m])).clamp(0.0, 1.0);
                    let change = new - modules[m];
                    if change != 0.0 {
                        modules[m] = new;
                        for (i, w) in column {
                            residual[*i as usize] -= w * change;
                        }
                    }
                }
            }
        }
        Some(modules)
    }

    /// What the pixels show beyond `modules` at the levels that fit these best, in contrasts; `None` where there is none.
    pub fn residual(&self, modules: &[f32], tilted: bool) -> Option<Vec<f32>> {
        let levels = self.levels(modules, tilted)?;
        let of = |(i, value): (usize, &f32)| {
            let (dark, contrast) = self.level_at(&levels, i);
            (contrast >= 1e-3).then(|| ((f64::from(*value) - dark) / contrast) as f32 - self.seen(i, modules))
        };
        self.values.iter().enumerate().map(of).collect()
    }

    /// The pixels that see a module of the ringed grid, in their order, and how much of it.
    pub fn column(&self, module: usize) -> &[(u32, f32)] {
        &self.column_weights[self.columns[module].clone()]
    }

    /// By module of the ringed grid: the sum of squares of what pixels see of it.
    pub fn norms(&self) -> Vec<f32> {
        (0..self.columns.len()).map(|m| self.column(m).iter().map(|(_, w)| w * w).sum()).collect()
    }

    /// Columns and rows of the ringed grid.
    pub fn ringed(&self) -> [usize; 2] {
        [self.size.cols + 2, self.size.rows + 2]
    }

    /// Of the ringed grid's modules those of the symbol.
    pub fn inside(&self, modules: &[f32]) -> Vec<f32> {
        let cols = self.size.cols;
        (0..self.size.rows * cols).map(|i| modules[(i / cols + 1) * (cols + 2) + i % cols + 1]).collect()
    }

    /// Share of the picture's variance that a whole symbol (dark modules true, row by row) explains, where its places (column, row) are to be seen.
    pub fn explained(&self, dark: &[bool], is_seen: impl Fn([f64; 2]) -> bool) -> Option<f64> {
        let (mut modules, _) = self.known();
        let cols = self.size.cols;
        for (i, d) in dark.iter().enumerate() {
            modules[(i / cols + 1) * (cols + 2) + i % cols + 1] = if *d { 0.0 } else { 1.0 };
        }
        let levels = self.levels(&modules, true)?;
        let pixels: Vec<usize> = (0..self.values.len()).filter(|i| is_seen(self.place(*i))).collect();
        let mean = pixels.iter().map(|i| f64::from(self.values[*i])).sum::<f64>() / pixels.len() as f64;
        let (mut left, mut all) = (0.0, 0.0);
        for i in pixels {
            let (dark, contrast) = self.level_at(&levels, i);
            let v = f64::from(self.values[i]);
            left += (v - dark - contrast * f64::from(self.seen(i, &modules))).powi(2);
            all += (v - mean).powi(2);
        }
        Some(1.0 - left / all.max(1e-12))
    }
}

#[cfg(test)]
mod tests {
    use super::super::size::SIZES;
    use super::super::surface::BEND;
    use super::super::tests::{corners, digits, picture, symbol};
    use super::*;

    #[test]
    fn what_is_not_seen_need_not_be_explained() {
        let size = SIZES[6];
        let dark = symbol(&size, &digits(&size, "83456712345678901234"));
        let at = corners(&size, 2.2, 0.0, 1.0, 0.0, 50.0);
        let plane = picture(&size, &dark, &at, &[0.0; BEND], 100, 0.02);
        // Its right half looks like the left one in a mirror.
        let covered = (0..100 * 100).map(|i| plane.row(i / 100)[if i % 100 < 50 { i % 100 } else { 99 - i % 100 }]).collect();
        let grid = Grid { size, corners: at, bend: [0.0; BEND], fixed: 0.0, timing: 0.0 };
        let seen = Seen::gather(&Plane::new(100, 100, covered), &grid, 0.5).unwrap();
        let [whole, left] = [22.0, 10.0].map(|columns| seen.explained(&dark, |[column, _]| column < columns).unwrap());
        assert!(whole < 0.6 && left > 0.75, "{whole} {left}");
    }
}
