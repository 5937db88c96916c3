//! Gradient statistics of 8×8 px cells.

use std::ops::Range;

use rayon::prelude::*;

use crate::vision::Plane;

/// Side of a cell, px.
pub const CELL: usize = 8;

/// Sums of a neighbourhood's gradients, per pixel and relative to the local white.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cell {
    /// Structure tensor: means of gx², gy², gx·gy.
    pub xx: f32,
    /// See `xx`.
    pub yy: f32,
    /// See `xx`.
    pub xy: f32,
    /// Means of gx and gy.
    pub x: f32,
    /// See `x`.
    pub y: f32,
    /// Mean length of the gradient.
    pub length: f32,
}

impl Cell {
    fn add(&mut self, other: &Self, weight: f32) {
        self.xx += other.xx * weight;
        self.yy += other.yy * weight;
        self.xy += other.xy * weight;
        self.x += other.x * weight;
        self.y += other.y * weight;
        self.length += other.length * weight;
    }

    /// Gradient energy.
    pub fn energy(&self) -> f32 {
        self.xx + self.yy
    }

    /// (λ₁ − λ₂)/(λ₁ + λ₂) of the structure tensor: 1 where all gradients have one direction.
    pub fn coherence(&self) -> f32 {
        (self.xx - self.yy).hypot(2.0 * self.xy) / self.energy().max(1e-12)
    }

    /// Share of the gradients that does not cancel: near 1 on an edge, near 0 among bars.
    pub fn polarity(&self) -> f32 {
        self.x.hypot(self.y) / self.length.max(1e-9)
    }

    /// (cos 2φ, sin 2φ) of the main gradient direction φ.
    pub fn double_angle(&self) -> [f32; 2] {
        let (c, s) = (self.xx - self.yy, 2.0 * self.xy);
        let n = c.hypot(s).max(1e-12);
        [c / n, s / n]
    }
}

/// Cells of a plane, each already averaged with its eight neighbours (weights 1 2 1).
#[derive(Debug, Clone, PartialEq)]
pub struct CellGrid {
    /// Cells in a row.
    pub cols: usize,
    /// Rows of cells.
    pub rows: usize,
    /// Row by row.
    pub cells: Vec<Cell>,
    /// Gradient energy that noise alone makes (a low quantile of all cells).
    pub noise: f32,
}

impl CellGrid {
    /// Measures a plane; `white` gives the white level near a pixel of it. Gradients by Scharr's kernel, per pixel.
    pub fn measure(plane: &Plane, white: impl Fn(f64, f64) -> f32 + Sync) -> Self {
        Self::measure_where(plane, white, None)
    }

    /// The same where `wanted` says so, cell by cell (row by row); what is left out stays without energy. The noise then comes from a row in sixteen.
    pub fn measure_where(plane: &Plane, white: impl Fn(f64, f64) -> f32 + Sync, wanted: Option<&[bool]>) -> Self {
        let (cols, rows) = (plane.width() / CELL, plane.height() / CELL);
        if cols == 0 || rows == 0 {
            return Self { cols, rows, cells: Vec::new(), noise: 0.0 };
        }
        let is_sample = |r: usize| r % NOISE_ROWS == (rows / 2).min(NOISE_ROWS / 2);
        let wanted_of = |r: usize| wanted.map(|wanted| &wanted[r * cols..(r + 1) * cols]);
        // A cell's neighbours are measured, too.
        let stretches = |r: usize| -> Vec<Range<usize>> {
            let Some(wanted) = wanted.filter(|_| !is_sample(r)) else { return runs(cols, |_| true) };
            let near = |c: usize| {
                (r.saturating_sub(1)..(r + 2).min(rows)).any(|y| (c.saturating_sub(1)..(c + 2).min(cols)).any(|x| wanted[y * cols + x]))
            };
            runs(cols, near)
        };
        let mut raw = vec![Cell::default(); cols * rows];
        raw.par_chunks_mut(cols).enumerate().for_each(|(r, out)| {
            for stretch in stretches(r) {
                measure_row(plane, r, stretch.start, &mut out[stretch], &white);
            }
        });
        let samples = raw.chunks(cols).enumerate().filter(|(r, _)| wanted.is_none() || is_sample(*r));
        let mut energies: Vec<f32> = samples.flat_map(|(_, row)| row).map(Cell::energy).collect();
        let index = energies.len() / 10;
        let noise = *energies.select_nth_unstable_by(index, f32::total_cmp).1;
        let mut cells = vec![Cell::default(); cols * rows];
        cells.par_chunks_mut(cols).enumerate().for_each(|(r, out)| {
            let wanted = wanted_of(r);
            for (c, cell) in out.iter_mut().enumerate().filter(|(c, _)| wanted.is_none_or(|wanted| wanted[*c])) {
                let mut total = 0.0;
                for y in r.saturating_sub(1)..(r + 2).min(rows) {
                    for x in c.saturating_sub(1)..(c + 2).min(cols) {
                        let weight = if y == r { 2.0 } else { 1.0 } * if x == c { 2.0 } else { 1.0 };
                        cell.add(&raw[y * cols + x], weight);
                        total += weight;
                    }
                }
                let sum = std::mem::take(cell);
                cell.add(&sum, 1.0 / total);
            }
        });
        Self { cols, rows, cells, noise }
    }
}

/// Of how many rows of cells one says how much noise there is, where not all are measured.
const NOISE_ROWS: usize = 16;

/// Stretches of `0..n` for which `holds`.
fn runs(n: usize, holds: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for i in (0..n).filter(|i| holds(*i)) {
        match runs.last_mut() {
            Some(run) if run.end == i => run.end += 1,
            _ => runs.push(i..i + 1),
        }
    }
    runs
}

/// The cells of row `r` from column `first` on.
fn measure_row(plane: &Plane, r: usize, first: usize, out: &mut [Cell], white: &(impl Fn(f64, f64) -> f32 + Sync)) {
    let (w, h) = (plane.width(), plane.height());
    let (n, left) = (out.len() * CELL, first * CELL);
    // Eight lanes per quantity and cell, so that the compiler can keep them in vector registers.
    let mut lanes = vec![[[0f32; CELL]; 6]; out.len()];
    // Column x uses x−1 and x+1; the picture's outermost columns stay zero.
    let from = left.saturating_sub(1);
    let columns = from..(left + n + 1).min(w);
    let (begin, end) = (usize::from(left == 0), n.min(w - 1 - left));
    let before = begin + left - from - 1;
    let (mut smooth, mut diff) = (vec![0f32; columns.len()], vec![0f32; columns.len()]);
    let (mut gx, mut gy) = (vec![0f32; n], vec![0f32; n]);
    for y in r * CELL..(r + 1) * CELL {
        let [up, mid, down] = [y.saturating_sub(1), y, (y + 1).min(h - 1)].map(|y| &plane.row(y)[columns.clone()]);
        for (((s, d), (u, m)), l) in smooth.iter_mut().zip(&mut diff).zip(up.iter().zip(mid)).zip(down) {
            *s = 3.0 * (u + l) + 10.0 * m;
            *d = l - u;
        }
        if begin >= end {
            continue;
        }
        for ((g, a), b) in gx[begin..end].iter_mut().zip(&smooth[before..]).zip(&smooth[before + 2..]) {
            *g = (b - a) / 32.0;
        }
        for (((g, a), m), b) in gy[begin..end].iter_mut().zip(&diff[before..]).zip(&diff[before + 1..]).zip(&diff[before + 2..]) {
            *g = (3.0 * (a + b) + 10.0 * m) / 32.0;
        }
        for ((lane, x), y) in lanes.iter_mut().zip(gx.chunks_exact(CELL)).zip(gy.chunks_exact(CELL)) {
            for i in 0..CELL {
                lane[0][i] += x[i] * x[i];
                lane[1][i] += y[i] * y[i];
                lane[2][i] += x[i] * y[i];
                lane[3][i] += x[i];
                lane[4][i] += y[i];
                lane[5][i] += (x[i] * x[i] + y[i] * y[i]).sqrt();
            }
        }
    }
    for (c, (cell, lane)) in out.iter_mut().zip(&lanes).enumerate() {
        let centre = |i: usize| (i * CELL) as f64 + (CELL as f64 - 1.0) / 2.0;
        let scale = 1.0 / white(centre(first + c), centre(r)).max(1e-3);
        let mean = |k: usize| lane[k].iter().sum::<f32>() / (CELL * CELL) as f32;
        *cell = Cell {
            xx: mean(0) * scale * scale,
            yy: mean(1) * scale * scale,
            xy: mean(2) * scale * scale,
            x: mean(3) * scale,
            y: mean(4) * scale,
            length: mean(5) * scale,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_has_its_slope_and_an_edge_its_polarity() {
        let ramp = Plane::new(32, 32, (0..32 * 32).map(|i| (i % 32) as f32 * 0.01 + (i / 32) as f32 * 0.02).collect());
        let grid = CellGrid::measure(&ramp, |_, _| 1.0);
        let cell = grid.cells[grid.cols + 1];
        assert!((cell.polarity() - 1.0).abs() < 0.05 && cell.coherence() > 0.9);
        let bars = Plane::new(32, 32, (0..32 * 32).map(|i| if i % 4 < 2 { 1.0 } else { 0.0 }).collect());
        let grid = CellGrid::measure(&bars, |_, _| 1.0);
        let cell = grid.cells[grid.cols + 1];
        assert!(cell.polarity() < 0.1, "{}", cell.polarity());
        assert!(cell.double_angle()[0] > 0.999 && cell.coherence() > 0.99);
    }

    #[test]
    fn what_is_wanted_is_measured_as_everything_is() {
        let value = |x: usize, y: usize| ((x * x / 7 + y * 13) % 29) as f32 / 29.0;
        let plane = Plane::new(203, 101, (0..203 * 101).map(|i| value(i % 203, i / 203)).collect());
        let all = CellGrid::measure(&plane, |_, _| 0.9);
        let wanted: Vec<bool> = (0..all.cells.len()).map(|i| (i % all.cols + i / all.cols) % 7 < 2).collect();
        let some = CellGrid::measure_where(&plane, |_, _| 0.9, Some(&wanted));
        for ((cell, wanted), all) in some.cells.iter().zip(&wanted).zip(&all.cells) {
            assert_eq!(*cell, if *wanted { *all } else { Cell::default() }, "{wanted}");
        }
    }

    #[test]
    fn pictures_smaller_than_a_cell_have_none() {
        for (w, h) in [(0, 0), (1, 1), (7, 100), (100, 7), (8, 8), (9, 8)] {
            let grid = CellGrid::measure(&Plane::new(w, h, vec![0.5; w * h]), |_, _| 1.0);
            assert_eq!(grid.cells.len(), (w / 8) * (h / 8));
        }
    }
}
