//! A grid moved until the modules that it shows fit the picture.
//!
//! The finder and the alternating sides leave the inside of a symbol off by a third of a module and more, above all where it is bent. What most modules
//! say is right all the same; drawn as black and white they tell where the grid has to go (Gauss–Newton over the corners and the bend). Modules that are
//! neither light nor dark say little: where the grid is off by half a module, they would hold it there.

use super::grid::{Grid, OF_BEND, UNKNOWNS as N};
use super::modules::Seen;
use super::surface::{STEEP, ToPicture};
use crate::vision::geometry::solve;
use crate::vision::normal::NormalEquations;

/// Steps of corners over which derivatives are taken, px.
const STEP: f64 = 0.05;
/// How firmly the grid is held where the picture says nothing, as a share of what it says of it on average.
const HOLD: f64 = 0.01;
/// And how firmly what is not to change.
const FIX: f64 = 1e6;
/// Furthest that one step goes, px; of the bend, four units for each.
const FURTHEST: f64 = 1.0;

/// What of a bend may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bends {
    None,
    /// All but what only a horizon needs.
    Usual,
    All,
}

impl Bends {
    fn moves(self, which: usize) -> bool {
        match self {
            Self::None => false,
            Self::Usual => !STEEP.contains(&which),
            Self::All => true,
        }
    }
}

/// The grid by `modules` (of the ringed grid, 1 where light), a step closer, as far as places in the symbol are believed (0 to 1); `None` where they say
/// nothing.
pub fn adjusted(grid: &Grid, seen: &Seen, modules: &[f32], bends: Bends, believed: impl Fn([f64; 2]) -> f64) -> Option<Grid> {
    let black_and_white: Vec<f32> = modules.iter().map(|m| m.round()).collect();
    let trust: Vec<f32> = modules.iter().map(|m| (2.0 * (m - 0.5).abs()).powi(2)).collect();
    let levels = seen.levels(&black_and_white, true)?;
    let drawn = seen.drawn(&black_and_white);
    let to_picture = |grid: &Grid| ToPicture::new(&grid.size, &grid.corners, &grid.bend);
    let surface = to_picture(grid)?;
    let mut moved = Vec::with_capacity(OF_BEND);
    for k in 0..OF_BEND {
        moved.push(to_picture(&grid.changed(k, STEP))?);
    }
    let mut equations = NormalEquations::<N>::new();
    for (i, pixel) in seen.pixels() {
        let (Some([gx, gy]), Some(s)) = (drawn.gradient(pixel), drawn.at(pixel)) else { continue };
        let (dark, contrast) = seen.level_at(&levels, i);
        let residual = f64::from(seen.value(i)) - dark - contrast * f64::from(s);
        let [u, v] = seen.place(i);
        let weight = f64::from(seen.seen(i, &trust)) * believed([u, v]);
        if weight == 0.0 {
            continue;
        }
        let weight = weight.sqrt();
        // Where the grid moves, what was seen there moves along.
        let along = [gx, gy].map(|slope| -weight * contrast * f64::from(slope));
        let bent = surface.bent(u, v);
        let [x, y] = surface.flat(bent);
        let by_bend = surface.by_bend([u, v], bent, along);
        let row = std::array::from_fn(|k| match k {
            0..OF_BEND => {
                let [mx, my] = moved[k].flat(bent);
                ((along[0] * (mx - x) + along[1] * (my - y)) / STEP) as f32
            }
            _ => by_bend[k - OF_BEND] as f32,
        });
        equations.add(row, (weight * residual) as f32);
    }
    let NormalEquations { mut a, b, .. } = equations.finish();
    let mean = (0..N).map(|k| a[k][k]).sum::<f64>() / N as f64;
    let held = |k: usize| if k < OF_BEND || bends.moves(k - OF_BEND) { HOLD } else { FIX };
    (0..N).for_each(|k| a[k][k] += mean * held(k));
    let step = solve(a, b)?;
    let largest = step.iter().enumerate().fold(0.0f64, |m, (k, v)| m.max(if k < OF_BEND { v.abs() } else { v.abs() / 4.0 }));
    if !largest.is_finite() {
        return None;
    }
    let share = (FURTHEST / largest.max(1e-9)).min(1.0);
    Some((0..N).fold(*grid, |grid, k| grid.changed(k, share * step[k])))
}

#[cfg(test)]
mod tests {
    use super::super::size::SIZES;
    use super::super::surface::{BEND, arcs};
    use super::super::tests::{corners, digits, picture, symbol};
    use super::*;
    use crate::vision::geometry::distance;

    #[test]
    fn what_the_modules_say_moves_corners_and_bend() {
        let size = SIZES[6];
        let at = corners(&size, 2.2, 0.4, 0.8, 0.01, 50.0);
        let bend = arcs([0.8, 0.0, 2.0, 0.0]);
        let plane = picture(&size, &symbol(&size, &digits(&size, "83456712345678901234")), &at, &bend, 100, 0.02);
        let off = [[0.6, -0.4], [-0.5, 0.5], [0.4, 0.6], [-0.6, 0.3]];
        let corners = std::array::from_fn(|i| [at[i][0] + off[i][0], at[i][1] + off[i][1]]);
        let mut grid = Grid { size, corners, bend: [0.0; BEND], fixed: 0.0, timing: 0.0 };
        for _ in 0..5 {
            let seen = Seen::gather(&plane, &grid, 0.5).unwrap();
            let modules: Vec<f32> = seen.modules().unwrap().into_iter().map(f32::round).collect();
            grid = adjusted(&grid, &seen, &modules, Bends::Usual, |_| 1.0).unwrap();
        }
        assert!(grid.corners.iter().zip(&at).all(|(p, q)| distance(*p, *q) < 0.15), "{:?} {at:?}", grid.corners);
        assert!(grid.bend.iter().zip(&bend).all(|(p, q)| (p - q).abs() < 0.2), "{:?}", grid.bend);
    }
}
