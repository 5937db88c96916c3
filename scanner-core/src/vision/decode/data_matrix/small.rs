//! Symbols whose modules are about a pixel wide: no module shows its own grey value any more.
//!
//! Sides that alternate faster than pixels do are no guide. The legs are: they end where they are dark no more, and four corners made of their ends are
//! moved until the rim looks as the optics blur it. Then all modules are black or white, whichever together make the picture.

use super::adjust::{self, Bends};
use super::black_and_white::black_and_white;
use super::grid::{Grid, OF_BEND, climbed, correlation, sample};
use super::size::{SIZES, Size};
use super::surface::{BEND, ToPicture};
use super::{Attempt, Found, all_seen, decoded};
use crate::vision::geometry::{distance, solve};
use crate::vision::{Corners, Plane};

/// Modules that are smaller, px.
const SMALL: f64 = 1.35;
/// The smallest that are tried.
const SMALLEST: f64 = 0.65;
/// Sizes of symbols that are tried: what a rim looks like depends little on how many modules it has.
const BEST_SIZES: usize = 6;
/// The optics' blur that is tried, px.
const BLURS: [f64; 3] = [0.4, 0.55, 0.3];
/// Least correlation of the rim with the picture, before the corners are moved and then.
const PROMISING: f64 = 0.5;
const SETTLED: f64 = 0.8;
/// How often a grid is moved by what its modules say, and how often of that it stays flat.
const ADJUSTMENTS: usize = 6;
const FLAT_ADJUSTMENTS: usize = 4;
/// By how much a corner is moved at first and at last, px.
const STEPS: std::ops::Range<f64> = 0.03..0.4;
/// Places across the sides of a symbol, modules from its edge inwards.
const ACROSS: [f64; 4] = [-1.0, -0.5, 0.0, 0.5];
/// How far inside a leg its grey values are looked at, how far apart, and over how much it must be light for it to have ended, px.
const INSIDE: [f64; 2] = [0.3, 0.6];
const LEG_STEP: f64 = 0.25;
const ENDED: usize = 4;
/// How far outside a leg the quiet zone is, px.
const OUTSIDE: f64 = 1.5;
/// The shortest leg that is looked for, px, and by how much longer than believed it may be.
const SHORTEST_LEG: f64 = 8.0;
const LONGER: f64 = 1.5;
/// How far off its direction may be, and in which steps it is looked for, degrees.
const OFF_DIRECTION: i32 = 6;
const DIRECTION_STEP: f64 = 2.0;

/// Whether a grid's modules are that small, of a size that is read as such: of one region, as packages bear them.
pub fn is_small(grid: &Grid) -> bool {
    grid.size.regions == [1, 1] && (SMALLEST..SMALL).contains(&grid.module())
}

/// The text of a symbol of whose outline (from the finder's corner clockwise) the legs lie right; what is printed beside a symbol carries the other sides
/// away.
pub fn read_legs(plane: &Plane, outline: &Corners, attempt: &Attempt) -> Option<Found> {
    let [corner, up, _, right] = *outline;
    let parallelogram = |[up, right]: [[f64; 2]; 2]| [corner, up, [0, 1].map(|k| up[k] + right[k] - corner[k]), right];
    let starts = [Some(*outline), leg_ends(plane, corner, [up, right]).map(parallelogram)];
    let mut settled: Vec<(Grid, f64)> = starts.into_iter().flatten().flat_map(|corners| settled(plane, &corners)).collect();
    settled.sort_by(|a, b| b.1.total_cmp(&a.1));
    settled.iter().take(BEST_SIZES).find_map(|(grid, _)| read_grid(plane, grid, &grid.size.placement(), attempt))
}

/// Grids of all sizes whose modules are small, as they settle from these corners. One of a middle size says whether there is a rim at all.
fn settled(plane: &Plane, corners: &Corners) -> Vec<(Grid, f64)> {
    let grid = |size: Size| Grid { size, corners: *corners, bend: [0.0; BEND], fixed: 0.0, timing: 0.0 };
    let grids: Vec<Grid> = SIZES.into_iter().map(grid).filter(is_small).collect();
    let off = |grid: &Grid| (grid.module() - 1.0).abs();
    let Some(middle) = grids.iter().min_by(|a, b| off(a).total_cmp(&off(b))) else { return Vec::new() };
    let Some(first) = settle(plane, middle, BLURS[0]) else { return Vec::new() };
    let others = grids.iter().filter(|grid| grid.size != middle.size).filter_map(|grid| settle(plane, grid, BLURS[0]));
    others.chain([first]).collect()
}

/// The text of a grid that lies roughly on a symbol.
pub fn read_grid(plane: &Plane, grid: &Grid, placement: &[Option<(usize, u8)>], attempt: &Attempt) -> Option<Found> {
    BLURS.into_iter().find_map(|blur| {
        let mut grid = settle(plane, grid, blur)?.0;
        for step in 0..ADJUSTMENTS {
            let (seen, modules) = attempt.look(plane, &grid, blur)?;
            let modules = black_and_white(&seen, &modules)?;
            if let Some(found) = decoded(&seen, &modules, &grid, placement, &attempt.rule, all_seen(&grid)) {
                return Some(found);
            }
            grid = adjust::adjusted(&grid, &seen, &modules, if step < FLAT_ADJUSTMENTS { Bends::None } else { Bends::Usual }, |_| 1.0)?;
        }
        None
    })
}

/// The grid with its corners where its rim is seen as the optics blur it, and the correlation of that with the picture; `None` if it is low.
/// [`super::grid::refine`] samples the middles of modules: where these are a pixel wide, they say most when the grid lies half a module inside.
fn settle(plane: &Plane, grid: &Grid, blur: f64) -> Option<(Grid, f64)> {
    let rim = expected(grid, blur)?;
    let score = |grid: &Grid| {
        let to_picture = ToPicture::new(&grid.size, &grid.corners, &grid.bend)?;
        let mut sums = [0f64; 6];
        for Expected { place: [u, v], value: t, weight } in &rim {
            let v = f64::from(sample(plane, to_picture.at(*u, *v)));
            for (s, x) in sums.iter_mut().zip([1.0, v, v * v, *t, t * t, v * t]) {
                *s += weight * x;
            }
        }
        Some(correlation(sums))
    };
    let first = score(grid).filter(|score| *score >= PROMISING)?;
    let corners: [usize; OF_BEND] = std::array::from_fn(|k| k);
    Some(climbed(grid, first, &corners, STEPS, |_, step| step, score)).filter(|(_, score)| *score >= SETTLED)
}

/// A place at the rim of a symbol, and what is to be seen there.
struct Expected {
    place: [f64; 2],
    /// 0 dark to 1 light.
    value: f64,
    weight: f64,
}

/// What the rim of a grid looks like under some blur, px, where modules are small: no module shows its own grey value.
fn expected(grid: &Grid, blur: f64) -> Option<Vec<Expected>> {
    let size = grid.size;
    let (w, h) = (size.cols as f64, size.rows as f64);
    let to_picture = ToPicture::new(&size, &grid.corners, &grid.bend)?;
    let half = |p: [f64; 2], q: [f64; 2]| [(p[0] - q[0]) / 2.0, (p[1] - q[1]) / 2.0];
    let seen = |u: f64, v: f64| -> Option<Expected> {
        let column = half(to_picture.at(u + 1.0, v), to_picture.at(u - 1.0, v));
        let row = half(to_picture.at(u, v + 1.0), to_picture.at(u, v - 1.0));
        // Optics, the pixel's square and what lies between pixels.
        let s = (blur * blur + 1.0 / 12.0 + 1.0 / 6.0).sqrt();
        let in_modules = |by: [f64; 2]| solve([[column[0], row[0]], [column[1], row[1]]], by);
        let [right, down] = [in_modules([s, 0.0])?, in_modules([0.0, s])?];
        let (mut value, mut known, mut all) = (0.0, 0.0, 0.0);
        for i in -3..=3 {
            for j in -3..=3 {
                let (x, y) = (0.7 * f64::from(i), 0.7 * f64::from(j));
                let weight = (-(x * x + y * y) / 2.0).exp();
                let [du, dv] = [0, 1].map(|k| x * right[k] + y * down[k]);
                let dark = size.fixed((u + du).floor() as isize, (v + dv).floor() as isize);
                value += weight * dark.map_or(0.5, |dark| if dark { 0.0 } else { 1.0 });
                known += weight * f64::from(u8::from(dark.is_some()));
                all += weight;
            }
        }
        Some(Expected { place: [u, v], value: value / all, weight: (known / all).powi(2) })
    };
    let mut rim = Vec::new();
    for off in ACROSS {
        for k in 0..size.cols {
            let u = k as f64 + 0.5;
            rim.extend([seen(u, off)?, seen(u, h - off)?]);
        }
        for k in 0..size.rows {
            let v = k as f64 + 0.5;
            rim.extend([seen(off, v)?, seen(w - off, v)?]);
        }
    }
    Some(rim)
}

/// Where two legs from a corner end, by their grey values: each is followed near the line to where its end is believed, along which it stays dark longest.
fn leg_ends(plane: &Plane, corner: [f64; 2], believed: [[f64; 2]; 2]) -> Option<[[f64; 2]; 2]> {
    let [first, second] = believed;
    Some([leg_end(plane, corner, first, second)?, leg_end(plane, corner, second, first)?])
}

fn leg_end(plane: &Plane, corner: [f64; 2], end: [f64; 2], other: [f64; 2]) -> Option<[f64; 2]> {
    let (length, across) = (distance(corner, end), distance(corner, other));
    if length < SHORTEST_LEG || across < SHORTEST_LEG {
        return None;
    }
    let straight = [0, 1].map(|k| (end[k] - corner[k]) / length);
    let side = (straight[0] * (other[1] - corner[1]) - straight[1] * (other[0] - corner[0])).signum();
    let least = (SHORTEST_LEG / LEG_STEP) as usize;
    let count = (LONGER * length / LEG_STEP) as usize;
    let median = |mut values: Vec<f32>| {
        let middle = values.len() / 2;
        *values.select_nth_unstable_by(middle, f32::total_cmp).1
    };
    let run = |along: [f64; 2], inside: f64| {
        let inwards = [-along[1] * side, along[0] * side];
        let value = |i: usize, off: f64| sample(plane, [0, 1].map(|k| corner[k] + along[k] * i as f64 * LEG_STEP + inwards[k] * off));
        let half =
            (median((0..least).map(|i| value(i, inside)).collect()) + median((0..least).map(|i| value(i, -OUTSIDE)).collect())) / 2.0;
        let light: Vec<bool> = (0..count).map(|i| value(i, inside) > half).collect();
        let ended = (4..count.saturating_sub(ENDED)).find(|i| light[*i..i + ENDED].iter().all(|light| *light))?;
        (ended >= least).then_some((ended, along))
    };
    let directions = (-OFF_DIRECTION..=OFF_DIRECTION).map(|step| {
        let (sin, cos) = (f64::from(step) * DIRECTION_STEP).to_radians().sin_cos();
        [straight[0] * cos - straight[1] * sin, straight[1] * cos + straight[0] * sin]
    });
    let runs = directions.flat_map(|along| INSIDE.map(|inside| run(along, inside))).flatten();
    let (ended, along) = runs.max_by_key(|(ended, _)| *ended)?;
    Some([0, 1].map(|k| corner[k] + along[k] * ended as f64 * LEG_STEP))
}
