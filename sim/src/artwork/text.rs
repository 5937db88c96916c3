//! Letters: Noto Sans Mono's bitmaps; characters it lacks (Chinese names) become ideograph-like strokes, which look right to a detector and say nothing.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster};

use crate::random::Streams;

/// Rows of a glyph's bitmap: one line height.
pub(super) const GLYPH_ROWS: usize = 32;

/// A character's coverage, row by row from the top, 0 to 255.
pub(super) struct Glyph {
    pub columns: usize,
    pub coverage: Vec<u8>,
}

impl Glyph {
    /// Coverage at a place in the bitmap, 0 to 1; 0 outside.
    pub fn at(&self, column: isize, row: isize) -> f64 {
        if column < 0 || row < 0 || column as usize >= self.columns || row as usize >= GLYPH_ROWS {
            return 0.0;
        }
        f64::from(self.coverage[row as usize * self.columns + column as usize]) / 255.0
    }
}

/// The bitmap of a character.
pub(super) fn glyph(character: char, bold: bool) -> Glyph {
    let weight = if bold { FontWeight::Bold } else { FontWeight::Regular };
    match get_raster(character, weight, RasterHeight::Size32) {
        Some(raster) => Glyph { columns: raster.width(), coverage: raster.pixels().to_vec() },
        None => ideograph(character, bold),
    }
}

/// Strokes in a square, the same for the same character.
fn ideograph(character: char, bold: bool) -> Glyph {
    let mut coverage = vec![0; GLYPH_ROWS * GLYPH_ROWS];
    let mut random = Streams::new(u64::from(u32::from(character))).stream("ideograph", &[]);
    let thick = if bold { 3 } else { 2 };
    for stroke in 0..7 + random.below(4) {
        let across = 4 + random.below(GLYPH_ROWS as u64 - 8 - thick);
        let (low, high) = (3 + random.below(9), 18 + random.below(11));
        for along in low..high {
            for wide in across..across + thick {
                let (column, row) = if stroke % 2 == 0 { (along, wide) } else { (wide, along) };
                coverage[row as usize * GLYPH_ROWS + column as usize] = 255;
            }
        }
    }
    Glyph { columns: GLYPH_ROWS, coverage }
}

/// Width of a line of text in line heights.
pub(super) fn line_width(text: &str, bold: bool) -> f64 {
    text.chars().map(|c| advance(c, bold)).sum()
}

/// Width of one character in line heights.
pub(super) fn advance(character: char, bold: bool) -> f64 {
    let weight = if bold { FontWeight::Bold } else { FontWeight::Regular };
    get_raster(character, weight, RasterHeight::Size32).map_or(1.0, |raster| raster.width() as f64 / GLYPH_ROWS as f64)
}
