//! What the net sees: six channels per cell of 4×4 px, measured on every pixel in one pass.
//!
//! The same is computed by `training/features.py`; a test holds the two together.

use rayon::prelude::*;

use crate::vision::Plane;

/// Side of a cell, px.
pub const CELL: usize = 4;
/// Channels: mean; log₂(1 + E/F)/8 of the mean squared gradient E; structure tensor (xx − yy)/(E + F) and 2xy/(E + F); mean gradient x and y ÷ √(E + F).
pub const CHANNELS: usize = 6;
/// F: what 0.8 % of full scale per pixel makes.
const FLOOR: f32 = 1.0 / 16384.0;
/// Columns that are summed at a time, so that the sums stay in the nearest cache.
const CHUNK: usize = 256;

/// Channels of a picture's cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Rows of cells, what is added below included.
    pub rows: usize,
    /// Cells in a row, what is added to the right included.
    pub columns: usize,
    /// Channel by channel, row by row.
    pub data: Vec<f32>,
}

impl Features {
    /// A cell's value.
    pub fn at(&self, channel: usize, row: usize, column: usize) -> f32 {
        self.data[(channel * self.rows + row) * self.columns + column]
    }

    /// Sums of the structure tensor's (xx − yy, 2xy) over a cell's pixels: weighted by the gradients' energy, unlike the channels.
    pub fn orientation(&self, row: usize, column: usize) -> [f64; 2] {
        let energy = f64::from((self.at(1, row, column) * 8.0).exp2() * FLOOR);
        [2, 3].map(|channel| f64::from(self.at(channel, row, column)) * energy)
    }
}

/// Sums over the rows of a cell, column by column.
#[derive(Clone)]
struct Sums {
    grey: [f32; CHUNK],
    r: [f32; CHUNK],
    s: [f32; CHUNK],
    rr: [f32; CHUNK],
    ss: [f32; CHUNK],
    rs: [f32; CHUNK],
}

/// The channels of a plane; rows and columns of cells are filled up with zeros to multiples of `multiple`, and pixels beyond the last whole cell left out.
///
/// With r and s the differences along the two diagonals of each square of four pixels (Roberts' cross), gx = (r − s)/2 and gy = (r + s)/2: unlike
/// central differences it sees patterns of two pixels. The last row and column are repeated.
pub fn features(plane: &Plane, multiple: usize) -> Features {
    let (used_rows, used_columns) = (plane.height() / CELL, plane.width() / CELL);
    let (rows, columns) = (used_rows.next_multiple_of(multiple), used_columns.next_multiple_of(multiple));
    let mut data = vec![0f32; CHANNELS * rows * columns];
    if used_rows > 0 && used_columns > 0 {
        let mut channels = data.chunks_exact_mut(rows * columns);
        let mut next = || channels.next().unwrap_or_default().par_chunks_mut(columns);
        let (a, b, c, d, e, f) = (next(), next(), next(), next(), next(), next());
        (a, b, c, d, e, f).into_par_iter().enumerate().take(used_rows).for_each(|(row, (a, b, c, d, e, f))| {
            measure(plane, row, used_columns, [a, b, c, d, e, f]);
        });
    }
    Features { rows, columns, data }
}

fn measure(plane: &Plane, row: usize, columns: usize, out: [&mut [f32]; CHANNELS]) {
    let zero = [0f32; CHUNK];
    let mut sums = Sums { grey: zero, r: zero, s: zero, rr: zero, ss: zero, rs: zero };
    let mut first = 0;
    while first < columns * CELL {
        let n = CHUNK.min(columns * CELL - first);
        for part in [&mut sums.grey, &mut sums.r, &mut sums.s, &mut sums.rr, &mut sums.ss, &mut sums.rs] {
            part[..n].fill(0.0);
        }
        for y in row * CELL..(row + 1) * CELL {
            let (upper, lower) = (plane.row(y), plane.row((y + 1).min(plane.height() - 1)));
            // Columns that have a neighbour to the right.
            let whole = n.min(plane.width() - 1 - first);
            add(&mut sums, &upper[first..first + whole], &upper[first + 1..], &lower[first..], &lower[first + 1..], 0);
            if whole < n {
                let last = [upper[first + whole]];
                let below = [lower[first + whole]];
                add(&mut sums, &last, &last, &below, &below, whole);
            }
        }
        for cell in 0..n / CELL {
            let mean = |part: &[f32; CHUNK]| {
                let p = &part[cell * CELL..(cell + 1) * CELL];
                ((p[0] + p[1]) + (p[2] + p[3])) / (CELL * CELL) as f32
            };
            let (rr, ss, rs) = (mean(&sums.rr), mean(&sums.ss), mean(&sums.rs));
            let (r, s) = (mean(&sums.r), mean(&sums.s));
            let energy = 0.5 * (rr + ss);
            let floored = energy + FLOOR;
            let root = floored.sqrt();
            let at = first / CELL + cell;
            out[0][at] = mean(&sums.grey);
            out[1][at] = (1.0 + energy / FLOOR).log2() / 8.0;
            out[2][at] = -rs / floored;
            out[3][at] = 0.5 * (rr - ss) / floored;
            out[4][at] = 0.5 * (r - s) / root;
            out[5][at] = 0.5 * (r + s) / root;
        }
        first += n;
    }
}

/// Adds a row's squares of four pixels to the sums from column `at` on.
#[inline]
fn add(sums: &mut Sums, upper: &[f32], upper_right: &[f32], lower: &[f32], lower_right: &[f32], at: usize) {
    let n = upper.len();
    let (upper_right, lower, lower_right) = (&upper_right[..n], &lower[..n], &lower_right[..n]);
    let [grey, sr, s, rr, ss, rs] =
        [&mut sums.grey, &mut sums.r, &mut sums.s, &mut sums.rr, &mut sums.ss, &mut sums.rs].map(|part| &mut part[at..at + n]);
    for i in 0..n {
        let down = lower_right[i] - upper[i];
        let up = lower[i] - upper_right[i];
        grey[i] += upper[i];
        sr[i] += down;
        s[i] += up;
        rr[i] += down * down;
        ss[i] += up * up;
        rs[i] += down * up;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_of_one_pixel_have_energy_direction_and_no_sign() {
        // Upright bars, one pixel dark, one light: gx = ±1, gy = 0 on every square.
        let plane = Plane::new(16, 8, (0..16 * 8).map(|i| (i % 2) as f32).collect());
        let found = features(&plane, 1);
        assert_eq!((found.rows, found.columns), (2, 4));
        let floored = 1.0 + FLOOR;
        assert_eq!(found.at(0, 0, 0), 0.5);
        assert_eq!(found.at(1, 0, 0), 16385f32.log2() / 8.0);
        assert_eq!(found.at(2, 1, 2), 1.0 / floored);
        assert_eq!(found.at(3, 1, 2), 0.0);
        assert_eq!(found.at(4, 1, 2), 0.0);
        let [c, s] = found.orientation(1, 2);
        assert!((c - 1.0).abs() < 1e-3 && s == 0.0, "{c} {s}");
    }

    #[test]
    fn sizes_are_filled_up_and_small_pictures_have_no_cells() {
        let found = features(&Plane::new(70, 9, vec![1.0; 630]), 16);
        assert_eq!((found.rows, found.columns, found.data.len()), (16, 32, 6 * 512));
        // 17 whole cells in a row; beyond them zeros.
        assert_eq!((found.at(0, 1, 16), found.at(0, 1, 17), found.at(0, 2, 0)), (1.0, 0.0, 0.0));
        for (w, h) in [(0, 0), (3, 100), (100, 3)] {
            assert!(features(&Plane::new(w, h, vec![0.5; w * h]), 16).data.is_empty());
        }
    }
}
