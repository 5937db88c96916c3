//! The sizes of ECC 200, what is fixed in each, and where its codewords lie (ISO/IEC 16022, table 7 and annex F).

/// A size of symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Modules from top to bottom, finder included.
    pub rows: usize,
    /// Modules from left to right.
    pub cols: usize,
    /// Regions across and down; each has a finder of its own.
    pub regions: [usize; 2],
    /// Codewords of data.
    pub data: usize,
    /// Codewords of error correction. All sizes here are one block.
    pub ecc: usize,
}

const fn size(rows: usize, cols: usize, regions: [usize; 2], data: usize, ecc: usize) -> Size {
    Size { rows, cols, regions, data, ecc }
}

/// Sizes of a single Reed–Solomon block up to 44 × 44: larger ones print no drug package.
pub const SIZES: [Size; 19] = [
    size(10, 10, [1, 1], 3, 5),
    size(12, 12, [1, 1], 5, 7),
    size(14, 14, [1, 1], 8, 10),
    size(16, 16, [1, 1], 12, 12),
    size(18, 18, [1, 1], 18, 14),
    size(20, 20, [1, 1], 22, 18),
    size(22, 22, [1, 1], 30, 20),
    size(24, 24, [1, 1], 36, 24),
    size(26, 26, [1, 1], 44, 28),
    size(32, 32, [2, 2], 62, 36),
    size(36, 36, [2, 2], 86, 42),
    size(40, 40, [2, 2], 114, 48),
    size(44, 44, [2, 2], 144, 56),
    size(8, 18, [1, 1], 5, 7),
    size(8, 32, [2, 1], 10, 11),
    size(12, 26, [1, 1], 16, 14),
    size(12, 36, [2, 1], 22, 18),
    size(16, 36, [2, 1], 32, 24),
    size(16, 48, [2, 1], 49, 28),
];

impl Size {
    /// Modules of one region, finder and timing included: across and down.
    fn region(&self) -> [usize; 2] {
        [self.cols / self.regions[0], self.rows / self.regions[1]]
    }

    /// Whether a module is dark in every symbol of this size, or light in every one; `None` where it carries data. Column from the left, row from the
    /// top; one module of quiet zone all around counts, from −1 on.
    pub fn fixed(&self, col: isize, row: isize) -> Option<bool> {
        let (cols, rows) = (self.cols as isize, self.rows as isize);
        if col < 0 || row < 0 || col >= cols || row >= rows {
            return Some(false);
        }
        let [w, h] = self.region().map(|side| side as isize);
        let (x, y) = (col % w, row % h);
        if x == 0 || y == h - 1 {
            Some(true)
        } else if y == 0 {
            Some(x % 2 == 0)
        } else if x == w - 1 {
            // From the bottom upwards: dark, light, dark …
            Some((h - 1 - y) % 2 == 0)
        } else {
            None
        }
    }

    /// All codewords, data first.
    pub fn codewords(&self) -> usize {
        self.data + self.ecc
    }

    /// For every module (row by row, from the top left) the codeword and the bit (7 is the highest) that it shows; `None` for fixed ones.
    pub fn placement(&self) -> Vec<Option<(usize, u8)>> {
        let [w, h] = self.region();
        let (nr, nc) = (self.rows - 2 * self.regions[1], self.cols - 2 * self.regions[0]);
        let mapping = utah(nr, nc);
        let mut placed = vec![None; self.rows * self.cols];
        for r in 0..nr {
            for c in 0..nc {
                let (row, col) = (r / (h - 2) * h + r % (h - 2) + 1, c / (w - 2) * w + c % (w - 2) + 1);
                placed[row * self.cols + col] = mapping[r * nc + c];
            }
        }
        placed
    }
}

/// Annex F: codewords in diagonal sweeps, each in the shape of the state of Utah, wrapped at the edges; four corner cases.
fn utah(nr: usize, nc: usize) -> Vec<Option<(usize, u8)>> {
    let (rows, cols) = (nr as isize, nc as isize);
    let mut map: Vec<Option<(usize, u8)>> = vec![None; nr * nc];
    let place = |map: &mut Vec<Option<(usize, u8)>>, mut r: isize, mut c: isize, codeword: usize, bit: u8| {
        if r < 0 {
            r += rows;
            c += 4 - ((rows + 4) % 8);
        }
        if c < 0 {
            c += cols;
            r += 4 - ((cols + 4) % 8);
        }
        if r >= rows {
            r -= rows;
        }
        map[(r * cols + c) as usize] = Some((codeword, bit));
    };
    let shape = |map: &mut Vec<Option<(usize, u8)>>, at: [[isize; 2]; 8], codeword: usize| {
        for (k, [r, c]) in at.into_iter().enumerate() {
            place(map, r, c, codeword, 7 - k as u8);
        }
    };
    let regular =
        |r: isize, c: isize| [[r - 2, c - 2], [r - 2, c - 1], [r - 1, c - 2], [r - 1, c - 1], [r - 1, c], [r, c - 2], [r, c - 1], [r, c]];
    let (e, f) = (rows - 1, cols - 1);
    let corners: [[[isize; 2]; 8]; 4] = [
        [[e, 0], [e, 1], [e, 2], [0, f - 1], [0, f], [1, f], [2, f], [3, f]],
        [[rows - 3, 0], [rows - 2, 0], [e, 0], [0, cols - 4], [0, cols - 3], [0, cols - 2], [0, f], [1, f]],
        [[rows - 3, 0], [rows - 2, 0], [e, 0], [0, cols - 2], [0, f], [1, f], [2, f], [3, f]],
        [[e, 0], [e, f], [0, cols - 3], [0, cols - 2], [0, f], [1, cols - 3], [1, cols - 2], [1, f]],
    ];
    let (mut r, mut c, mut codeword) = (4isize, 0isize, 0usize);
    loop {
        let corner = if r == rows && c == 0 {
            Some(0)
        } else if r == rows - 2 && c == 0 && cols % 4 != 0 {
            Some(1)
        } else if r == rows - 2 && c == 0 && cols % 8 == 4 {
            Some(2)
        } else if r == rows + 4 && c == 2 && cols % 8 == 0 {
            Some(3)
        } else {
            None
        };
        if let Some(k) = corner {
            shape(&mut map, corners[k], codeword);
            codeword += 1;
        }
        // Up to the right, then down to the left.
        while r >= 0 && c < cols {
            if r < rows && c >= 0 && map[(r * cols + c) as usize].is_none() {
                shape(&mut map, regular(r, c), codeword);
                codeword += 1;
            }
            (r, c) = (r - 2, c + 2);
        }
        (r, c) = (r + 1, c + 3);
        while r < rows && c >= 0 {
            if r >= 0 && c < cols && map[(r * cols + c) as usize].is_none() {
                shape(&mut map, regular(r, c), codeword);
                codeword += 1;
            }
            (r, c) = (r + 2, c - 2);
        }
        (r, c) = (r + 3, c + 1);
        if r >= rows && c >= cols {
            return map;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codeword_has_its_eight_modules() {
        for size in SIZES {
            let placement = size.placement();
            let mut seen = vec![0u8; size.codewords()];
            for (codeword, bit) in placement.iter().flatten() {
                assert_eq!(seen[*codeword] >> bit & 1, 0, "{size:?}: bit {bit} of codeword {codeword} twice");
                seen[*codeword] |= 1 << bit;
            }
            assert!(seen.iter().all(|bits| *bits == 0xff), "{size:?}");
            // Fixed modules carry no data; at most four modules in the last corner carry nothing at all.
            let free = (0..size.rows * size.cols)
                .filter(|i| placement[*i].is_none() && size.fixed((i % size.cols) as isize, (i / size.cols) as isize).is_none())
                .count();
            assert!(free == 0 || free == 4, "{size:?}: {free}");
        }
    }
}
