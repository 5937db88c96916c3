//! From a finder to the grid of modules: which size, and where its four corners are.

use super::size::{SIZES, Size};
use crate::vision::projective::{homography, map};
use crate::vision::{Corners, Plane};

/// A finder's two solid legs as seen: the outer corner of the symbol and the legs' far ends, px.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finder {
    /// Where the legs meet, bottom left in print.
    pub corner: [f64; 2],
    /// The far end of the leg along the bottom.
    pub right: [f64; 2],
    /// The far end of the leg on the left.
    pub up: [f64; 2],
}

/// A grid laid over a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// How many modules.
    pub size: Size,
    /// Outer corners, px: bottom left, top left, top right, bottom right (from the finder's corner, clockwise).
    pub corners: Corners,
    /// Correlation of the fixed modules, the quiet zone's first included, with the picture.
    pub fixed: f64,
    /// The same of the alternating sides alone.
    pub timing: f64,
}

/// How far the located ends may be off, modules.
const OFF: [f64; 7] = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5];
/// Samples per module of a line along an alternating side.
const FINE: f64 = 4.0;
/// Share of [`least_side`] that a line parallel to the leg must reach, for slanted ones to be tried.
const PROMISING: f32 = 0.6;
/// Sizes that are looked at closely.
const BEST: usize = 3;

/// Grids that may lie on a finder, the likeliest first.
pub fn fit(plane: &Plane, finder: &Finder) -> Vec<Grid> {
    let sub = |p: [f64; 2], q: [f64; 2]| [p[0] - q[0], p[1] - q[1]];
    let (right, up) = (sub(finder.right, finder.corner), sub(finder.up, finder.corner));
    // Per number of modules along the side: its best line.
    let top = side(plane, finder.corner, up, right, SIZES.map(|s| [s.cols, s.rows]));
    if top.iter().all(Option::is_none) {
        return Vec::new();
    }
    let far = side(plane, finder.corner, right, up, SIZES.map(|s| [s.rows, s.cols]));
    let mut starts: Vec<(f32, Size, Corners)> = Vec::new();
    for (i, &size) in SIZES.iter().enumerate() {
        let (Some(t), Some(f)) = (top[i], far[i]) else { continue };
        // The sides' middles run half a module inside; the corner is where the outer edges meet.
        let Some(meet) = meeting(t.from, t.to, f.from, f.to) else { continue };
        let (u, r) = ([up[0] / size.rows as f64, up[1] / size.rows as f64], [right[0] / size.cols as f64, right[1] / size.cols as f64]);
        let half = |p: [f64; 2], a: [f64; 2], b: [f64; 2]| [p[0] + 0.5 * (a[0] + b[0]), p[1] + 0.5 * (a[1] + b[1])];
        let corners = [finder.corner, half(t.from, u, [0.0; 2]), half(meet, u, r), half(f.from, r, [0.0; 2])];
        starts.push((t.score + f.score, size, corners));
    }
    starts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut grids: Vec<Grid> = starts.into_iter().take(BEST).filter_map(|(_, size, corners)| refine(plane, size, corners)).collect();
    grids.sort_by(|a, b| (b.fixed + b.timing).total_cmp(&(a.fixed + a.timing)));
    grids
}

/// Correlation of an alternating side of n modules from which on it is worth a closer look. The best of many lines over random texture comes to about
/// two standard deviations of a correlation, 1/√n.
fn least_side(n: usize) -> f32 {
    (2.2 / (n as f32).sqrt()).max(0.4)
}

/// The middle line of an alternating side, from the leg it starts on.
#[derive(Clone, Copy)]
struct Side {
    score: f32,
    from: [f64; 2],
    to: [f64; 2],
}

/// The side opposite to the leg `along`, at the far end of the leg `across`. `counts` are (modules along, modules across) to try.
fn side<const N: usize>(plane: &Plane, corner: [f64; 2], across: [f64; 2], along: [f64; 2], counts: [[usize; 2]; N]) -> [Option<Side>; N] {
    let mut best: [Option<Side>; N] = [None; N];
    let (length, depth) = (along[0].hypot(along[1]), across[0].hypot(across[1]));
    let mut profile: Vec<f32> = Vec::new();
    for (i, &[n, m]) in counts.iter().enumerate() {
        if counts[..i].contains(&[n, m]) {
            best[i] = counts[..i].iter().position(|c| *c == [n, m]).and_then(|j| best[j]);
            continue;
        }
        let (module, step) = (length / n as f64, depth / m as f64);
        if module < 0.9 || step < 0.5 {
            continue;
        }
        // One module beyond both ends, for ends that are off.
        let count = ((n + 4) as f64 * FINE) as usize;
        let mut search = |near: f64, far: f64, best: &mut Option<Side>| {
            let at = |t: f64| {
                let inward = 1.0 - (0.5 - near - (far - near) * t) / m as f64;
                [0, 1].map(|k| corner[k] + across[k] * inward + along[k] * t)
            };
            profile.clear();
            profile.extend((0..count).map(|j| {
                let [x, y] = at((j as f64 / FINE - 2.0) / n as f64);
                plane.sample(x, y)
            }));
            for start in [-0.5, 0.0, 0.5] {
                for end in OFF {
                    let score = alternation(&profile, n, start, (n as f64 + end - start) / n as f64);
                    if best.is_none_or(|b| score > b.score) {
                        *best = Some(Side { score, from: at(start / n as f64), to: at((n as f64 + end) / n as f64) });
                    }
                }
            }
        };
        let mut found = None;
        for parallel in OFF {
            search(parallel, parallel, &mut found);
        }
        if found.is_none_or(|side| side.score < PROMISING * least_side(n)) {
            continue;
        }
        for near in OFF {
            for far in OFF.into_iter().filter(|far| *far != near) {
                search(near, far, &mut found);
            }
        }
        best[i] = found.filter(|side| side.score >= least_side(n));
    }
    best
}

/// Correlation of a profile with dark, light, dark …: n modules from `start` on, each `pitch` long.
fn alternation(profile: &[f32], n: usize, start: f64, pitch: f64) -> f32 {
    let (mut s, mut ss, mut st) = (0f32, 0f32, 0f32);
    for k in 0..n {
        let at = ((start + (k as f64 + 0.5) * pitch + 2.0) * FINE).clamp(0.0, (profile.len() - 1) as f64);
        let v = profile[at.round() as usize];
        s += v;
        ss += v * v;
        st += if k % 2 == 0 { -v } else { v };
    }
    let n = n as f32;
    let variance = ss - s * s / n;
    if variance <= 1e-9 { 0.0 } else { st / (variance * n).sqrt() }
}

/// Where the line through p and q meets that through r and s.
fn meeting(p: [f64; 2], q: [f64; 2], r: [f64; 2], s: [f64; 2]) -> Option<[f64; 2]> {
    let (a, b) = ([q[0] - p[0], q[1] - p[1]], [s[0] - r[0], s[1] - r[1]]);
    let det = a[0] * b[1] - a[1] * b[0];
    if det.abs() < 1e-9 {
        return None;
    }
    let t = ((r[0] - p[0]) * b[1] - (r[1] - p[1]) * b[0]) / det;
    Some([p[0] + t * a[0], p[1] + t * a[1]])
}

/// The map from modules (column, row from the top left; whole numbers are edges) to pixels.
pub fn picture_from_modules(size: &Size, corners: &Corners) -> Option<[f64; 9]> {
    let (w, h) = (size.cols as f64, size.rows as f64);
    homography(&[[0.0, h], [0.0, 0.0], [w, 0.0], [w, h]], corners)
}

/// Correlations (fixed, timing) of a grid with the picture.
fn agreement(plane: &Plane, size: &Size, corners: &Corners) -> Option<[f64; 2]> {
    let h = picture_from_modules(size, corners)?;
    // Over all fixed modules, and over the alternating ones: n, Σv, Σv², Σt and Σvt.
    let mut sums = [[0f64; 5]; 2];
    let mut add = |col: isize, row: isize, timing: bool| {
        let Some(dark) = size.fixed(col, row) else { return };
        let [x, y] = map(&h, col as f64 + 0.5, row as f64 + 0.5);
        let v = f64::from(plane.sample(x, y));
        let t = if dark { -1.0 } else { 1.0 };
        for s in sums.iter_mut().take(1 + usize::from(timing)) {
            for (s, x) in s.iter_mut().zip([1.0, v, v * v, t, v * t]) {
                *s += x;
            }
        }
    };
    let (cols, rows) = (size.cols as isize, size.rows as isize);
    for col in -1..=cols {
        add(col, -1, false);
        add(col, rows, false);
        if (0..cols).contains(&col) {
            add(col, 0, true);
            add(col, rows - 1, false);
        }
    }
    for row in 0..rows {
        add(-1, row, false);
        add(cols, row, false);
        if row > 0 && row < rows - 1 {
            add(0, row, false);
            add(cols - 1, row, true);
        }
    }
    Some([0, 1].map(|i| {
        let [n, v, vv, t, vt] = sums[i];
        let (variance, spread) = (vv - v * v / n, n - t * t / n);
        if variance <= 1e-12 { 0.0 } else { (vt - v * t / n) / (variance * spread).sqrt() }
    }))
}

/// Moves the corners until the fixed modules fit best.
fn refine(plane: &Plane, size: Size, mut corners: Corners) -> Option<Grid> {
    let score = |c: &Corners| agreement(plane, &size, c).map(|[fixed, timing]| fixed + timing);
    let mut best = score(&corners)?;
    let module = {
        let d = |p: [f64; 2], q: [f64; 2]| (p[0] - q[0]).hypot(p[1] - q[1]);
        (d(corners[0], corners[3]) / size.cols as f64).min(d(corners[0], corners[1]) / size.rows as f64)
    };
    let mut step = 0.5 * module;
    while step > 0.05 * module {
        let mut moved = false;
        for i in 0..4 {
            for delta in [[step, 0.0], [-step, 0.0], [0.0, step], [0.0, -step]] {
                let mut trial = corners;
                trial[i][0] += delta[0];
                trial[i][1] += delta[1];
                if let Some(s) = score(&trial)
                    && s > best + 1e-6
                {
                    (best, corners, moved) = (s, trial, true);
                }
            }
        }
        if !moved {
            step /= 2.0;
        }
    }
    let [fixed, timing] = agreement(plane, &size, &corners)?;
    Some(Grid { size, corners, fixed, timing })
}
