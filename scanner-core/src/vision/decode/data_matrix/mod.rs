//! Data Matrix (ECC 200) from grey values: grid by the finder and the alternating sides, all modules at once, errors and erasures.
//!
//! Works from about one pixel per module upwards, at any angle, in perspective. What a text must show to be accepted is in [`MatrixRule`].

mod adjust;
mod black_and_white;
mod grid;
mod level;
mod modules;
mod outline;
mod reed_solomon;
mod rolled;
mod size;
mod small;
mod surface;

pub use grid::Finder;
pub use size::SIZES;

use std::cell::Cell;

use super::matrix::with_leading_fnc1;
use crate::vision::geometry::area;
use crate::vision::{Corners, Plane};
use adjust::Bends;
use grid::Grid;
use modules::Seen;
use rolled::{Rolled, Ways};
use surface::BULGE;

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

impl MatrixRule {
    /// Whether a grid agrees well enough with the picture to be read.
    fn allows(&self, grid: &Grid) -> bool {
        grid.timing >= self.timing && grid.fixed >= self.fixed
    }
}

/// One attempt at a symbol: what its text must show, and how much effort may still go into it, in thousands of pixels that are looked at. Effort is counted,
/// not timed: results must not depend on the machine's speed.
#[derive(Debug, Clone)]
pub struct Attempt {
    rule: MatrixRule,
    effort: usize,
    left: Cell<usize>,
}

impl Attempt {
    /// However long it takes.
    pub fn new(rule: MatrixRule) -> Self {
        Self::within(rule, usize::MAX)
    }

    /// With so much effort at most.
    pub fn within(rule: MatrixRule, effort: usize) -> Self {
        Self { rule, effort, left: Cell::new(effort) }
    }

    /// Effort that it took so far.
    pub fn spent(&self) -> usize {
        self.effort - self.left.get()
    }

    /// Takes so much effort; `None`, and nothing is left, if there is not enough.
    fn spend(&self, effort: usize) -> Option<()> {
        let left = self.left.get().checked_sub(effort);
        self.left.set(left.unwrap_or(0));
        left.map(|_| ())
    }

    /// The pixels of a grid under some blur, and the modules that they make likeliest.
    fn look(&self, plane: &Plane, grid: &Grid, blur: f64) -> Option<Look> {
        self.spend((area(&grid.corners) / EFFORT_PIXELS).ceil() as usize)?;
        let seen = Seen::gather(plane, grid, blur)?;
        let modules = seen.modules()?;
        Some((seen, modules))
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
    /// Codewords that were wrong or erased, and check symbols.
    pub corrected: [usize; 2],
}

impl Found {
    /// The same on the picture in which the one that it was read in begins there.
    fn moved(self, from: [f64; 2]) -> Self {
        Self { corners: self.corners.map(|c| [0, 1].map(|k| c[k] + from[k])), ..self }
    }
}

/// How much less a side of an outline counts, at a second look, if there are no modules behind its first ones.
const EMPTY: f32 = 1.0;
/// The optics' blur that is tried, px.
const BLURS: [f64; 3] = [0.5, 0.75, 0.3];
/// How often a grid is moved by what its modules say.
const ADJUSTMENTS: usize = 5;
/// Both correlations together from which on that is tried; symbols that were read this way have 1.45 and more.
const WORTH_ADJUSTING: f64 = 1.4;
/// Both correlations together, and modules along two sides together, from which on the middle is looked for where the sides do not say that it is: few
/// modules correlate by chance.
const WORTH_BULGING: f64 = 1.6;
const SIDES_WORTH_BULGING: usize = 32;
/// How far off the middle may be, each way, in units of the bend: a little more than half a module.
const BULGES: [f64; 3] = [0.0, 2.2, -2.2];
/// How often a grid is moved from there.
const BULGE_ADJUSTMENTS: usize = 4;
/// Of a grid with a horizon the share of rows that is believed at first (one in so many), how often it is moved with all of them, and how much less the
/// modules beyond are trusted.
const FIRST_BELIEVED: usize = 4;
const ROLLED_ADJUSTMENTS: usize = 6;
const UNSEEN: f32 = 0.3;
/// Pixels of a look that are a unit of effort, and what following an outline, fitting a finder and following the rows of a grid with a horizon take besides
/// looks: a unit is about a millisecond.
const EFFORT_PIXELS: f64 = 1000.0;
const OUTLINE_EFFORT: usize = 100;
const FINDER_EFFORT: usize = 4;
const ROLLED_EFFORT: usize = 50;

/// Reads the symbol of a finder. The plane should show one to five pixels per module.
pub fn read_finder(plane: &Plane, finder: &Finder, attempt: &Attempt) -> Option<Found> {
    attempt.spend(FINDER_EFFORT)?;
    read_fitting(plane, &grid::fit(plane, finder, false), attempt)
}

fn read_fitting(plane: &Plane, grids: &[Grid], attempt: &Attempt) -> Option<Found> {
    grids.iter().filter(|grid| attempt.rule.allows(grid)).find_map(|grid| read_grid(plane, grid, attempt))
}

/// Reads the symbol whose outline is roughly this, within a few modules.
pub fn read_outline(plane: &Plane, outline: &Corners, attempt: &Attempt) -> Option<Found> {
    read_within(plane, outline, attempt, 0.0)
}

/// A second look at an outline that gave nothing: with light modules levelled where they are not as light everywhere, and with sides that must have modules behind their
/// first ones.
pub fn read_outline_again(plane: &Plane, outline: &Corners, attempt: &Attempt) -> Option<Found> {
    let Some((plane, from)) = level::levelled(plane, outline) else { return read_within(plane, outline, attempt, EMPTY) };
    let found = read_within(&plane, &outline.map(|c| [0, 1].map(|k| c[k] - from[k])), attempt, EMPTY)?;
    Some(found.moved(from))
}

/// Sides of the outline count less by so much if there are no modules behind their first ones.
fn read_within(plane: &Plane, outline: &Corners, attempt: &Attempt, empty: f32) -> Option<Found> {
    attempt.spend(OUTLINE_EFFORT)?;
    let unread = match outline::first_read(plane, outline, empty, |finder, corners| {
        read_finder(plane, finder, attempt).or_else(|| small::read_legs(plane, corners, attempt))
    }) {
        Ok(found) => return Some(found),
        Err(unread) => unread,
    };
    let mut finders = unread.finders.as_slice();
    let last = unread.outlines.len().saturating_sub(1);
    // Its sides as they were found at first, and at last.
    unread.outlines.iter().enumerate().filter(|(i, _)| *i == 0 || *i == last).find_map(|(_, bowed)| {
        // Nothing looks like rows, or else their sides are followed better once it is known that there are some.
        let ways = Ways::of(plane, bowed)?;
        let read = |grids: Vec<Rolled>| {
            grids.iter().filter(|rolled| attempt.rule.allows(&rolled.grid)).find_map(|rolled| read_rolled(rolled, attempt))
        };
        let rolled = read(ways.grids(plane)).or_else(|| read(ways.climbed(plane)));
        // What looks like rows may be a symbol with sides as round packages make them, where it was looked for already; once is enough.
        let finders = std::mem::take(&mut finders);
        rolled.or_else(|| finders.iter().find_map(|finder| read_fitting(plane, &grid::fit(plane, finder, true), attempt)))
    })
}

/// The text of a grid whose first rows are right: it is moved by what they say, then by what one more of them says, up to those that say nothing.
fn read_rolled(rolled: &Rolled, attempt: &Attempt) -> Option<Found> {
    attempt.spend(ROLLED_EFFORT)?;
    let mut grid = rolled.grid;
    let placement = grid.size.placement();
    let n = grid.size.rows;
    let is_seen = |place: [f64; 2]| rolled.row(place) < rolled.resolved as f64;
    let (mut seen, mut modules) = attempt.look(&rolled.plane, &grid, BLURS[0])?;
    let last = (rolled.resolved + 1).min(n);
    for rows in (n / FIRST_BELIEVED..last).chain([last; ROLLED_ADJUSTMENTS]) {
        grid = adjust::adjusted(&grid, &seen, &modules, Bends::All, |place| f64::from(u8::from(rolled.row(place) < rows as f64)))?;
        (seen, modules) = attempt.look(&rolled.plane, &grid, BLURS[0])?;
        if (rows == last || 4 * rows > 3 * n)
            && let Some(found) = decoded(&seen, &modules, &grid, &placement, &attempt.rule, (grid.size.ecc * 4 / 5, is_seen))
        {
            return Some(found.moved(rolled.from));
        }
    }
    None
}

fn read_grid(plane: &Plane, grid: &Grid, attempt: &Attempt) -> Option<Found> {
    let placement = grid.size.placement();
    let mut first = None;
    for blur in BLURS {
        let look = attempt.look(plane, grid, blur)?;
        if let Some(found) = decoded(&look.0, &look.1, grid, &placement, &attempt.rule, all_seen(grid)) {
            return Some(found);
        }
        first.get_or_insert(look);
    }
    if small::is_small(grid)
        && let Some(found) = small::read_grid(plane, grid, &placement, attempt)
    {
        return Some(found);
    }
    if grid.agreement() < WORTH_ADJUSTING {
        return None;
    }
    if let Some(found) = read_adjusted(plane, grid, first?, &placement, attempt, ADJUSTMENTS) {
        return Some(found);
    }
    if grid.agreement() < WORTH_BULGING || grid.size.cols + grid.size.rows < SIDES_WORTH_BULGING {
        return None;
    }
    // Pouches bulge, and modules that are half a module off never find back by themselves.
    BULGES.iter().flat_map(|across| BULGES.iter().map(move |down| [*across, *down])).filter(|by| *by != [0.0; 2]).find_map(|by| {
        let mut bulged = *grid;
        BULGE.into_iter().zip(by).for_each(|(which, by)| bulged.bend[which] += by);
        read_adjusted(plane, &bulged, attempt.look(plane, &bulged, BLURS[0])?, &placement, attempt, BULGE_ADJUSTMENTS)
    })
}

/// A grid's pixels, and its modules.
type Look = (Seen, Vec<f32>);

/// The text of a grid that is moved by what its modules say, so many times; first by what they say under the first blur.
fn read_adjusted(
    plane: &Plane,
    grid: &Grid,
    (mut seen, mut modules): Look,
    placement: &[Option<(usize, u8)>],
    attempt: &Attempt,
    times: usize,
) -> Option<Found> {
    let mut grid = *grid;
    for _ in 0..times {
        grid = adjust::adjusted(&grid, &seen, &modules, Bends::Usual, |_| 1.0)?;
        (seen, modules) = attempt.look(plane, &grid, BLURS[0])?;
        if let Some(found) = decoded(&seen, &modules, &grid, placement, &attempt.rule, all_seen(&grid)) {
            return Some(found);
        }
    }
    None
}

/// Of a grid of which every place can be seen: as many codewords as may be given up, and whether one is.
fn all_seen(grid: &Grid) -> (usize, impl Fn([f64; 2]) -> bool) {
    (grid.size.ecc / 2, |_| true)
}

/// The text of modules (of the ringed grid), if `rule` lets it pass with no more than so many codewords given up; modules that can't be seen are trusted less.
fn decoded(
    seen: &Seen,
    modules: &[f32],
    grid: &Grid,
    placement: &[Option<(usize, u8)>],
    rule: &MatrixRule,
    (most, is_seen): (usize, impl Fn([f64; 2]) -> bool),
) -> Option<Found> {
    let size = grid.size;
    let mut word = vec![0u8; size.codewords()];
    let mut trust = vec![f32::MAX; size.codewords()];
    for (i, (value, place)) in seen.inside(modules).iter().zip(placement).enumerate() {
        if let Some((codeword, bit)) = place {
            word[*codeword] |= u8::from(*value < 0.5) << bit;
            let middle = [i % size.cols, i / size.cols].map(|at| at as f64 + 0.5);
            let share = if is_seen(middle) { 1.0 } else { UNSEEN };
            trust[*codeword] = trust[*codeword].min(share * (value - 0.5).abs());
        }
    }
    let mut weakest: Vec<usize> = (0..word.len()).collect();
    weakest.sort_by(|a, b| trust[*a].total_cmp(&trust[*b]).then(a.cmp(b)));
    // The least trusted codewords are given up one pair after the other (Forney, "Generalized minimum distance decoding", 1966).
    for erased in (0..=most).step_by(2) {
        let mut fixed = word.clone();
        let Some(errors) = reed_solomon::correct(&mut fixed, size.ecc, &weakest[..erased]) else { continue };
        if 2 * errors + erased + rule.spare > size.ecc {
            continue;
        }
        let dark = draw(grid, placement, &fixed);
        if seen.explained(&dark, &is_seen)? < rule.explained {
            return None;
        }
        return Some(Found {
            text: text(&fixed[..size.data])?,
            corners: grid.corners,
            modules: ((size.rows * size.cols) as f64).sqrt(),
            corrected: [errors + erased, size.ecc],
        });
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
    // Codeword 232 is FNC1 (ISO/IEC 16022, 5.2.4.6).
    with_leading_fnc1(decoded.getText(), data.first() == Some(&232))
}

#[cfg(test)]
mod tests {
    use super::size::{SIZES, Size};
    use super::surface::{BEND, Bend, Surface, arcs};
    use super::*;
    use crate::vision::geometry::distance;
    use proptest::prelude::*;

    /// A symbol's modules (dark true, row by row) from its data codewords.
    pub fn symbol(size: &Size, data: &[u8]) -> Vec<bool> {
        let mut word = data.to_vec();
        word.extend(reed_solomon::check_symbols(data, size.ecc));
        draw(&Grid { size: *size, corners: [[0.0; 2]; 4], bend: [0.0; BEND], fixed: 1.0, timing: 1.0 }, &size.placement(), &word)
    }

    /// Data codewords of digits in pairs, filled up as the standard says (ISO/IEC 16022, 5.2.3 and annex B.1).
    pub fn digits(size: &Size, text: &str) -> Vec<u8> {
        let mut data: Vec<u8> = text.as_bytes().chunks(2).map(|pair| 130 + (pair[0] - b'0') * 10 + pair[1] - b'0').collect();
        while data.len() < size.data {
            let place = data.len() + 1;
            let first = data.len() == text.len() / 2;
            let random = 129 + (149 * place) % 253 + 1;
            data.push(if first {
                129
            } else if random > 254 {
                (random - 254) as u8
            } else {
                random as u8
            });
        }
        data
    }

    /// A picture of a symbol with its outer corners at `corners`: 8 × 8 samples a pixel, light 0.8, dark 0.15, blurred, with noise.
    pub fn picture(size: &Size, dark: &[bool], corners: &Corners, bend: &Bend, side: usize, noise: f32) -> Plane {
        let surface = Surface::new(size, corners, bend).unwrap();
        let value = |x: f64, y: f64| {
            let [u, v] = surface.to_modules(x, y);
            let inside = u >= 0.0 && v >= 0.0 && u < size.cols as f64 && v < size.rows as f64;
            if inside && dark[v as usize * size.cols + u as usize] { 0.15 } else { 0.8 }
        };
        let sharp: Vec<f32> = (0..side * side)
            .map(|i| {
                let (x, y) = ((i % side) as f64, (i / side) as f64);
                (0..64).map(|k| value(x + f64::from(k % 8) / 8.0 - 0.4375, y + f64::from(k / 8) / 8.0 - 0.4375)).sum::<f64>() as f32 / 64.0
            })
            .collect();
        let mut seed = 1u32;
        let blurred = (0..side * side).map(|i| {
            let (x, y) = (i % side, i / side);
            let at =
                |dx: usize, dy: usize| sharp[(y + dy).saturating_sub(1).min(side - 1) * side + (x + dx).saturating_sub(1).min(side - 1)];
            let kernel = [0.15, 0.7, 0.15];
            let v: f32 = (0..9).map(|k| kernel[k % 3] * kernel[k / 3] * at(k % 3, k / 3)).sum();
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            v + noise * ((seed >> 8) as f32 / (1u32 << 24) as f32 - 0.5)
        });
        Plane::new(side, side, blurred.collect())
    }

    pub fn corners(size: &Size, module: f64, angle: f64, squeeze: f64, keystone: f64, middle: f64) -> Corners {
        let (w, h) = (size.cols as f64 * module / 2.0, size.rows as f64 * module / 2.0);
        let (s, c) = angle.sin_cos();
        [[-w, h], [-w, -h], [w, -h], [w, h]].map(|[x, y]| {
            let y = y * squeeze;
            let x = x * (1.0 + keystone * y / h);
            [middle + x * c - y * s, middle + x * s + y * c]
        })
    }

    /// A picture of a symbol in which all that is fixed is as it should be, with data that nobody encoded, and its corners.
    fn without_codeword(size: &Size, module: f64, angle: f64, bits: &[bool]) -> (Plane, Corners) {
        let dark: Vec<bool> =
            (0..size.rows * size.cols).map(|i| size.fixed((i % size.cols) as isize, (i / size.cols) as isize).unwrap_or(bits[i])).collect();
        let at = corners(size, module, angle, 1.0, 0.0, 80.0);
        (picture(size, &dark, &at, &[0.0; BEND], 160, 0.04), at)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn symbols_are_read_at_any_angle_and_slant(
            which in 3usize..9, module in 2.0f64..3.5, angle in 0.0f64..std::f64::consts::TAU, squeeze in 0.75f64..1.0, keystone in -0.02f64..0.02,
            number in 0u64..1_000_000_000_000, off in proptest::array::uniform6(-0.8f64..0.8),
        ) {
            let size = SIZES[which];
            let text = format!("{number:012}");
            let at = corners(&size, module, angle, squeeze, keystone, 80.0);
            let plane = picture(&size, &symbol(&size, &digits(&size, &text)), &at, &[0.0; BEND], 160, 0.04);
            // As found: each end off by up to 0.8 px.
            let finder = Finder {
                corner: [at[0][0] + off[0] / 2.0, at[0][1] + off[1] / 2.0],
                right: [at[3][0] + off[2], at[3][1] + off[3]],
                up: [at[1][0] + off[4], at[1][1] + off[5]],
                bows: [[0.0; 2]; 2],
            };
            let found = read_finder(&plane, &finder, &Attempt::new(MatrixRule::default()));
            prop_assert_eq!(found.as_ref().map(|f| f.text.as_str()), Some(text.as_str()));
            let found = found.unwrap();
            for (seen, truth) in found.corners.iter().zip(&at) {
                prop_assert!(distance(*seen, *truth) < 0.6 * module, "{:?} {:?}", found.corners, at);
            }
        }

        #[test]
        fn bent_symbols_are_read(
            which in 5usize..8, module in 2.0f64..3.0, angle in 0.0f64..std::f64::consts::TAU, bow in -5.0f64..5.0, uneven in -8.0f64..8.0, upright in any::<bool>(),
            number in 0u64..1_000_000_000_000, off in proptest::array::uniform4(-0.8f64..0.8),
        ) {
            let size = SIZES[which];
            let text = format!("{number:012}");
            let at = corners(&size, module, angle, 1.0, 0.0, 80.0);
            // Around an axis along the columns or along the rows.
            let bend = arcs(if upright { [uneven, 0.0, bow, 0.0] } else { [0.0, bow, 0.0, uneven] });
            let plane = picture(&size, &symbol(&size, &digits(&size, &text)), &at, &bend, 160, 0.04);
            let surface = Surface::new(&size, &at, &bend).unwrap();
            let (w, h) = (size.cols as f64, size.rows as f64);
            let bowed = |u: f64, v: f64, p: [f64; 2], q: [f64; 2]| {
                let middle = surface.to_picture(u, v);
                [0, 1].map(|k| middle[k] - (p[k] + q[k]) / 2.0)
            };
            let finder = Finder {
                corner: at[0],
                right: [at[3][0] + off[0], at[3][1] + off[1]],
                up: [at[1][0] + off[2], at[1][1] + off[3]],
                bows: [bowed(w / 2.0, h, at[0], at[3]), bowed(0.0, h / 2.0, at[0], at[1])],
            };
            let found = read_finder(&plane, &finder, &Attempt::new(MatrixRule::default()));
            prop_assert_eq!(found.map(|f| f.text), Some(text));
        }

        #[test]
        fn symbols_are_read_by_a_rough_outline(
            which in 5usize..8, module in 2.0f64..3.2, angle in 0.0f64..std::f64::consts::TAU, squeeze in 0.7f64..1.0, turn in -20.0f64..20.0,
            number in 0u64..1_000_000_000_000, off in proptest::array::uniform8(-1.5f64..1.5), backwards in any::<bool>(),
        ) {
            let size = SIZES[which];
            let text = format!("{number:012}");
            let at = corners(&size, module, angle, squeeze, 0.0, 80.0);
            let plane = picture(&size, &symbol(&size, &digits(&size, &text)), &at, &[0.0; BEND], 160, 0.04);
            let mut outline: Corners = outline::turned(&at, turn);
            for (i, by) in off.iter().enumerate() {
                outline[i / 2][i % 2] += by;
            }
            // Whichever corner comes first, whichever way round.
            outline.rotate_left(which % 4);
            if backwards {
                outline.reverse();
            }
            let found = read_outline(&plane, &outline, &Attempt::new(MatrixRule::default()));
            prop_assert_eq!(found.map(|f| f.text), Some(text));
        }

        #[test]
        fn symbols_of_a_pixel_a_module_are_read(
            which in 5usize..8, module in 1.1f64..1.3, angle in 0.0f64..std::f64::consts::TAU, squeeze in 0.9f64..1.0,
            number in 0u64..1_000_000_000_000, off in proptest::array::uniform8(-0.8f64..0.8),
        ) {
            let size = SIZES[which];
            let text = format!("{number:012}");
            let at = corners(&size, module, angle, squeeze, 0.0, 40.0);
            let plane = picture(&size, &symbol(&size, &digits(&size, &text)), &at, &[0.0; BEND], 80, 0.02);
            let outline: Corners = std::array::from_fn(|i| [at[i][0] + off[2 * i], at[i][1] + off[2 * i + 1]]);
            let found = read_outline(&plane, &outline, &Attempt::new(MatrixRule::default()));
            prop_assert_eq!(found.map(|f| f.text), Some(text));
        }

        #[test]
        fn symbols_that_bulge_are_read(
            which in 5usize..8, module in 1.6f64..2.2, angle in 0.0f64..std::f64::consts::TAU, across in -3.0f64..3.0, down in -3.0f64..3.0,
            number in 0u64..1_000_000_000_000,
        ) {
            let size = SIZES[which];
            let text = format!("{number:012}");
            let at = corners(&size, module, angle, 1.0, 0.0, 80.0);
            let mut bend = [0.0; BEND];
            BULGE.into_iter().zip([across, down]).for_each(|(which, by)| bend[which] = by);
            let plane = picture(&size, &symbol(&size, &digits(&size, &text)), &at, &bend, 160, 0.04);
            let finder = Finder { corner: at[0], right: at[3], up: at[1], bows: [[0.0; 2]; 2] };
            let found = read_finder(&plane, &finder, &Attempt::new(MatrixRule::default()));
            prop_assert_eq!(found.map(|f| f.text), Some(text));
        }

        #[test]
        fn what_is_no_codeword_says_nothing(
            which in 0usize..9, module in 0.8f64..3.5, angle in 0.0f64..std::f64::consts::TAU, bits in proptest::collection::vec(any::<bool>(), 26 * 26),
        ) {
            let (plane, at) = without_codeword(&SIZES[which], module, angle, &bits);
            let finder = Finder { corner: at[0], right: at[3], up: at[1], bows: [[0.0; 2]; 2] };
            prop_assert_eq!(read_finder(&plane, &finder, &Attempt::new(MatrixRule::default())), None);
            prop_assert_eq!(read_outline(&plane, &at, &Attempt::new(MatrixRule::default())), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]
        #[test]
        fn effort_ends_in_vain(
            which in 5usize..8, module in 1.5f64..3.0, angle in 0.0f64..std::f64::consts::TAU, bits in proptest::collection::vec(any::<bool>(), 26 * 26),
        ) {
            let (plane, at) = without_codeword(&SIZES[which], module, angle, &bits);
            let whole = Attempt::new(MatrixRule::default());
            prop_assert_eq!(read_outline(&plane, &at, &whole), None);
            // Following the outline and some looks are little of it.
            prop_assert!(whole.spent() > 120, "{}", whole.spent());
            let part = Attempt::within(MatrixRule::default(), 120);
            prop_assert_eq!(read_outline(&plane, &at, &part), None);
            prop_assert_eq!(part.spent(), 120);
            let none = Attempt::within(MatrixRule::default(), OUTLINE_EFFORT - 1);
            prop_assert_eq!(read_outline(&plane, &at, &none), None);
            prop_assert_eq!(none.spent(), OUTLINE_EFFORT - 1);
        }
    }
}
