//! Data Matrix (ECC 200) from grey values: grid by the finder and the alternating sides, all modules at once, errors and erasures.
//!
//! Works from about one pixel per module upwards, at any angle, in perspective. What a text must show to be accepted is in [`MatrixRule`].

mod grid;
mod modules;
mod reed_solomon;
mod size;

pub use grid::Finder;

use crate::vision::{Corners, Plane};
use grid::Grid;
use modules::Seen;

/// When a text is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatrixRule {
    /// Least correlation of the alternating sides with the picture.
    pub timing: f64,
    /// Least correlation of all fixed modules with the picture.
    pub fixed: f64,
    /// Least share of the picture's variance that the whole corrected symbol explains.
    pub explained: f64,
    /// Check symbols that must be left over: 2·errors + erasures + spare ≤ check symbols. Two of them make a wrong text from random modules a matter
    /// of one in 65,000, on top of all other conditions.
    pub spare: usize,
}

impl Default for MatrixRule {
    fn default() -> Self {
        Self { timing: 0.5, fixed: 0.6, explained: 0.75, spare: 2 }
    }
}

/// A symbol that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The text, FNC1 as GS, a leading one included.
    pub text: String,
    /// From the finder's corner, clockwise, px of the plane.
    pub corners: Corners,
    /// Modules per side; the geometric mean where it is oblong.
    pub modules: f64,
    /// Share of the picture's variance that the symbol explains.
    pub explained: f64,
    /// Codewords that were wrong or erased, and check symbols.
    pub corrected: [usize; 2],
}

/// FNC1 in texts.
const GS: char = '\u{1d}';
/// The optics' blur that is tried, px.
const BLURS: [f64; 3] = [0.5, 0.75, 0.3];

/// Reads the symbol of a finder. The plane should show one to five pixels per module.
pub fn read_finder(plane: &Plane, finder: &Finder, rule: &MatrixRule) -> Option<Found> {
    let grids = grid::fit(plane, finder);
    grids.iter().filter(|g| g.timing >= rule.timing && g.fixed >= rule.fixed).find_map(|grid| read_grid(plane, grid, rule))
}

fn read_grid(plane: &Plane, grid: &Grid, rule: &MatrixRule) -> Option<Found> {
    let size = grid.size;
    let placement = size.placement();
    for blur in BLURS {
        let seen = Seen::gather(plane, grid, blur)?;
        let modules = seen.modules()?;
        let mut word = vec![0u8; size.codewords()];
        let mut trust = vec![f32::MAX; size.codewords()];
        for (value, place) in modules.iter().zip(&placement) {
            if let Some((codeword, bit)) = place {
                word[*codeword] |= u8::from(*value < 0.5) << bit;
                trust[*codeword] = trust[*codeword].min((value - 0.5).abs());
            }
        }
        let mut weakest: Vec<usize> = (0..word.len()).collect();
        weakest.sort_by(|a, b| trust[*a].total_cmp(&trust[*b]).then(a.cmp(b)));
        // The least trusted codewords are given up one pair after the other (Forney, "Generalized minimum distance decoding", 1966).
        for erased in (0..=size.ecc / 2).step_by(2) {
            let mut fixed = word.clone();
            let Some(errors) = reed_solomon::correct(&mut fixed, size.ecc, &weakest[..erased]) else { continue };
            if 2 * errors + erased + rule.spare > size.ecc {
                continue;
            }
            let dark = draw(grid, &placement, &fixed);
            let explained = seen.explained(&dark)?;
            if explained < rule.explained {
                break;
            }
            let text = text(&fixed[..size.data])?;
            return Some(Found {
                text,
                corners: grid.corners,
                modules: ((size.rows * size.cols) as f64).sqrt(),
                explained,
                corrected: [errors + erased, size.ecc],
            });
        }
    }
    None
}

/// The whole symbol that a word makes, dark modules true, row by row.
fn draw(grid: &Grid, placement: &[Option<(usize, u8)>], word: &[u8]) -> Vec<bool> {
    let size = &grid.size;
    let (cols, rows) = (size.cols, size.rows);
    (0..rows * cols)
        .map(|i| match placement[i] {
            Some((codeword, bit)) => word[codeword] >> bit & 1 == 1,
            // The last corner of some sizes holds no codeword but two dark modules across.
            None => size.fixed((i % cols) as isize, (i / cols) as isize).unwrap_or((i % cols + i / cols) % 2 == (rows + cols) % 2),
        })
        .collect()
}

fn text(data: &[u8]) -> Option<String> {
    let decoded = rxing::datamatrix::decoder::decoded_bit_stream_parser::decode(data, false).ok()?;
    let text = decoded.getText();
    // Codeword 232 is FNC1 (ISO/IEC 16022, 5.2.4.6).
    let gs1 = data.first() == Some(&232);
    if text.is_empty() {
        return None;
    }
    Some(if gs1 && !text.starts_with(GS) { format!("{GS}{text}") } else { text.to_owned() })
}
