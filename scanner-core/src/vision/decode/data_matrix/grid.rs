//! From a finder to the grid of modules: which size, and where its four corners are.

use std::ops::Range;
use std::sync::OnceLock;

use super::size::{SIZES, Size};
use super::surface::{ARCS, BEND, Bend, ToPicture, WAIST, arcs};
use crate::vision::geometry::{distance, meeting, solve};
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
    /// How far the middle of the leg along the bottom, and that of the one on the left, is from the straight line between its ends, px.
    pub bows: [[f64; 2]; 2],
}

/// A grid laid over a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// How many modules.
    pub size: Size,
    /// Outer corners, px: bottom left, top left, top right, bottom right (from the finder's corner, clockwise).
    pub corners: Corners,
    /// How it is bent between them.
    pub bend: Bend,
    /// Correlation of the fixed modules, the quiet zone's first included, with the picture.
    pub fixed: f64,
    /// The same of the alternating sides alone.
    pub timing: f64,
}

/// How far the located ends may be off, modules; they are rather too near, as bars' ends are blurred.
const OFF: [f64; 11] = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.25, 4.0];
/// Unevenness of modules along a side that is tried: by how much of its length its middle is off from halfway, times four.
const UNEVEN: [f64; 9] = [-0.6, -0.45, -0.3, -0.15, 0.0, 0.15, 0.3, 0.45, 0.6];
/// And by how much wider modules are in its middle than at its ends, where that is tried: a package that turns away on both sides of what faces the camera
/// makes them so, and with some unevenness one that is flat on one side and round on the other.
const WAISTS: [f64; 3] = [0.0, 0.25, 0.5];
/// How narrow that may make a side's last module.
const NARROWEST: f64 = 0.24;
/// Which unevenness is tried at first.
const COARSE: [f64; 4] = [-0.6, -0.3, 0.3, 0.6];
/// How much more or less uneven than on the best parallel line it may be on a slanted one.
const NEAR_UNEVEN: f64 = 0.16;
/// Samples per module of a line along an alternating side.
const FINE: f64 = 4.0;
/// Share of [`least_side`] that a line parallel to the leg must reach, for slanted ones to be tried.
const PROMISING: f32 = 0.7;
/// Sizes that are looked at closely.
const BEST: usize = 3;
/// Corners' coordinates, px, and the bend.
pub const UNKNOWNS: usize = OF_BEND + BEND;
/// The first of the bend.
pub const OF_BEND: usize = 8;
/// Both correlations together from which on a bend is looked for.
const WORTH_BENDING: f64 = 1.1;

impl Grid {
    /// Both correlations together.
    pub fn agreement(&self) -> f64 {
        self.fixed + self.timing
    }

    /// The shorter edge of its modules on average, px.
    pub fn module(&self) -> f64 {
        let [a, b, _, d] = self.corners;
        (distance(a, d) / self.size.cols as f64).min(distance(a, b) / self.size.rows as f64)
    }

    /// The grid with one unknown changed.
    pub fn changed(mut self, unknown: usize, by: f64) -> Self {
        match unknown {
            0..OF_BEND => self.corners[unknown / 2][unknown % 2] += by,
            _ => self.bend[unknown - OF_BEND] += by,
        }
        self
    }
}

/// Grids that may lie on a finder, the likeliest first; with `waists` where sides may be as [`WAISTS`] says.
pub fn fit(plane: &Plane, finder: &Finder, waists: bool) -> Vec<Grid> {
    let sub = |p: [f64; 2], q: [f64; 2]| [p[0] - q[0], p[1] - q[1]];
    let (right, up) = (sub(finder.right, finder.corner), sub(finder.up, finder.corner));
    let [bow_right, bow_up] = finder.bows;
    let mut starts: Vec<(f32, Size, Corners, Bend)> = Vec::new();
    for size in SIZES {
        let Some(mut top) = Opposite::new(plane, finder, [up, right], bow_right, [size.cols, size.rows], waists) else { continue };
        let Some(mut far) = Opposite::new(plane, finder, [right, up], bow_up, [size.rows, size.cols], waists) else { continue };
        if !top.look_along_the_leg() || !far.look_along_the_leg() {
            continue;
        }
        let (Some(top), Some(far)) = (top.side(), far.side()) else { continue };
        // The sides' middles run half a module inside; the corner is where the outer edges meet.
        let Some(meet) = meeting(top.from, top.to, far.from, far.to) else { continue };
        let outwards = |p: [f64; 2], leg: [f64; 2], modules: usize| [0, 1].map(|k| p[k] + 0.5 * (leg[k] / modules as f64));
        let top_left = outwards(top.from, up, size.rows);
        let top_right = outwards(outwards(meet, up, size.rows), right, size.cols);
        let bottom_right = outwards(far.from, right, size.cols);
        // A correlation over few modules is soon high by chance.
        let sure = |side: &Side, modules: usize| side.score * (modules as f32).sqrt();
        let corners = [finder.corner, top_left, top_right, bottom_right];
        let mut bend = bend(&size, right, up, finder.bows);
        bend[ARCS[0]] += size.cols as f64 * top.uneven;
        bend[WAIST[0]] += size.cols as f64 * top.waist;
        // Rows are counted against the leg.
        bend[ARCS[3]] -= size.rows as f64 * far.uneven;
        bend[WAIST[1]] += size.rows as f64 * far.waist;
        starts.push((sure(&top, size.cols) + sure(&far, size.rows), size, corners, bend));
    }
    starts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut grids: Vec<Grid> =
        starts.into_iter().take(BEST).filter_map(|(_, size, corners, bend)| refine(plane, size, corners, bend, &rim(&size))).collect();
    grids.sort_by(|a, b| b.agreement().total_cmp(&a.agreement()));
    grids
}

/// The bend of a symbol whose legs are bowed by so many px: both sides of a pair are bowed alike.
fn bend(size: &Size, right: [f64; 2], up: [f64; 2], [bow_right, bow_up]: [[f64; 2]; 2]) -> Bend {
    let (cols, rows) = (size.cols as f64, size.rows as f64);
    // Columns run along the leg to the right, rows against the one upwards. A parabola that is 1 in the middle is 4s(1 − s).
    let in_modules = |bow: [f64; 2]| {
        let [a, b] = solve([[right[0] / cols, -up[0] / rows], [right[1] / cols, -up[1] / rows]], bow).unwrap_or_default();
        [4.0 * a, 4.0 * b]
    };
    let ([a, c], [b, d]) = (in_modules(bow_right), in_modules(bow_up));
    arcs([a, b, c, d])
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
    /// How much farther than the legs' ends say, next to the leg and at its own far end, modules.
    off: [f64; 2],
    /// See [`UNEVEN`].
    uneven: f64,
    /// See [`WAISTS`].
    waist: f64,
}

/// A search for the side of n modules opposite to the leg `along` with its `bow`, at the far end of the leg `across` of m modules.
struct Opposite<'p> {
    plane: &'p Plane,
    corner: [f64; 2],
    legs: [[f64; 2]; 2],
    bow: [f64; 2],
    modules: [usize; 2],
    waists: bool,
    /// Samples of the line that was looked at last.
    profile: Vec<f32>,
    best: Option<Side>,
}

impl<'p> Opposite<'p> {
    /// `None` where modules would be too small.
    fn new(plane: &'p Plane, finder: &Finder, legs: [[f64; 2]; 2], bow: [f64; 2], modules: [usize; 2], waists: bool) -> Option<Self> {
        let ([across, along], [n, m]) = (legs.map(|leg| leg[0].hypot(leg[1])), modules);
        (along / n as f64 >= 0.9 && across / m as f64 >= 0.5).then(|| {
            let corner = finder.corner;
            Self { plane, corner, legs, bow, modules, waists, profile: Vec::new(), best: None }
        })
    }

    /// Lays modules on the line that is so many modules farther than the legs' ends say, next to the leg and at its own far end.
    fn look(&mut self, [near, far]: [f64; 2], wanted: impl Fn(&Way) -> bool) {
        let Self { plane, corner, legs: [across, along], bow, modules: [n, m], waists, profile, best } = self;
        let at = |t: f64| {
            let inward = 1.0 - (0.5 - near - (far - near) * t) / *m as f64;
            [0, 1].map(|k| corner[k] + across[k] * inward + along[k] * t)
        };
        let value = |j: usize| {
            let t = (j as f64 / FINE - 2.0) / *n as f64;
            let ([x, y], off) = (at(t), 4.0 * t * (1.0 - t));
            sample(plane, [x + off * bow[0], y + off * bow[1]])
        };
        profile.clear();
        // Two modules beyond both ends, for ends that are off.
        profile.extend((0..((*n + 4) as f64 * FINE) as usize).map(value));
        for way in ways(*n, *waists).iter().filter(|way| wanted(way)) {
            let score = alternation(profile, &way.places);
            if best.is_none_or(|b| score > b.score) {
                let (from, to) = (at(way.start / *n as f64), at((*n as f64 + way.end) / *n as f64));
                *best = Some(Side { score, from, to, off: [near, far], uneven: way.uneven, waist: way.waist });
            }
        }
    }

    /// Looks at the lines parallel to the leg: whether any alternates enough for slanted ones to be worth a look.
    fn look_along_the_leg(&mut self) -> bool {
        // Round packages squeeze the modules towards one end of a side, seen along their axis without bowing it.
        OFF.iter().for_each(|off| self.look([*off; 2], |way| way.coarse));
        self.best.is_some_and(|side| side.score >= PROMISING * least_side(self.modules[0]))
    }

    /// The side on the best line, parallel or slanted; `None` where nothing alternates like it.
    fn side(mut self) -> Option<Side> {
        let parallel = self.best?;
        let near_best = |way: &Way| (way.uneven - parallel.uneven).abs() < NEAR_UNEVEN && way.waist == parallel.waist;
        // Every other line, then those around the best.
        for near in OFF.iter().step_by(2) {
            for far in OFF.iter().step_by(2) {
                self.look([*near, *far], near_best);
            }
        }
        let around = self.best?.off.map(|off| {
            let at = OFF.iter().position(|other| *other == off).unwrap_or_default();
            &OFF[at.saturating_sub(1)..(at + 2).min(OFF.len())]
        });
        for near in around[0] {
            for far in around[1] {
                self.look([*near, *far], near_best);
            }
        }
        self.best.filter(|side| side.score >= least_side(self.modules[0]))
    }
}

/// Columns and rows of a picture that lie within so many px of some points.
pub fn around(plane: &Plane, points: &[[f64; 2]], margin: f64) -> [Range<usize>; 2] {
    [(0, plane.width()), (1, plane.height())].map(|(k, most)| {
        let (lo, hi) = points.iter().fold((f64::MAX, f64::MIN), |(lo, hi), p| (lo.min(p[k]), hi.max(p[k])));
        (lo - margin).max(0.0) as usize..((hi + margin).max(0.0) as usize + 1).min(most)
    })
}

/// The grey value at a place, which is inside the picture most of the time.
#[inline]
pub fn sample(plane: &Plane, [x, y]: [f64; 2]) -> f32 {
    if plane.surrounds([x, y]) { plane.sample_inside(x, y) } else { plane.sample(x, y) }
}

/// A way to lay n modules on a line that is a little longer at both ends.
struct Way {
    /// Where the first begins and the last ends, modules from where they should.
    start: f64,
    end: f64,
    /// See [`UNEVEN`].
    uneven: f64,
    /// See [`WAISTS`].
    waist: f64,
    /// Whether it is tried before anything promising is known.
    coarse: bool,
    /// Which of the line's samples lies in the middle of each module.
    places: Vec<u8>,
}

/// All ways for n modules, the even ones included; n must be a size's.
fn ways(n: usize, waists: bool) -> &'static [Way] {
    /// More than the longest side has modules: samples of the line are counted by bytes.
    const MOST: usize = 56;
    static WAYS: [[OnceLock<Vec<Way>>; MOST]; 2] = [const { [const { OnceLock::new() }; MOST] }; 2];
    let each = || {
        let shapes = WAISTS.into_iter().flat_map(|waist| UNEVEN.into_iter().map(move |uneven| (uneven, waist)));
        let shapes = shapes.filter(|(uneven, waist)| *waist == 0.0 || waists && 1.0 - uneven.abs() - waist >= NARROWEST);
        let ways = shapes.flat_map(|shape| [-0.5, 0.0, 0.5].into_iter().map(move |start| (shape, start)));
        let ways = ways.flat_map(|(shape, start)| OFF.into_iter().map(move |end| (shape, start, end)));
        let last = (n + 4) as f64 * FINE - 1.0;
        let place = |k: usize, (uneven, waist): (f64, f64), start: f64, end: f64| {
            let part = (k as f64 + 0.5) / n as f64;
            let part = part + part * (1.0 - part) * (uneven + waist * (2.0 * part - 1.0));
            ((start + (n as f64 + end - start) * part + 2.0) * FINE).clamp(0.0, last).round() as u8
        };
        ways.map(|(shape @ (uneven, waist), start, end)| Way {
            start,
            end,
            uneven,
            waist,
            coarse: uneven == 0.0 || start == 0.0 && COARSE.contains(&uneven),
            places: (0..n).map(|k| place(k, shape, start, end)).collect(),
        })
        .collect()
    };
    WAYS[usize::from(waists)][n].get_or_init(each)
}

/// Correlation of some samples of a profile with dark, light, dark …
fn alternation(profile: &[f32], places: &[u8]) -> f32 {
    let (mut dark, mut light, mut squares) = (0f32, 0f32, [0f32; 2]);
    for pair in places.chunks(2) {
        let v = profile[usize::from(pair[0])];
        dark += v;
        squares[0] += v * v;
        if let Some(place) = pair.get(1) {
            let v = profile[usize::from(*place)];
            light += v;
            squares[1] += v * v;
        }
    }
    let (n, s) = (places.len() as f32, dark + light);
    let variance = squares[0] + squares[1] - s * s / n;
    if variance <= 1e-9 { 0.0 } else { (light - dark) / (variance * n).sqrt() }
}

/// A fixed module of a symbol or of the quiet zone around it.
pub struct Fixed {
    /// Its middle.
    pub u: f64,
    pub v: f64,
    dark: bool,
    /// Whether it belongs to an alternating side.
    timing: bool,
}

/// The outermost modules of a size, and one module of quiet zone.
pub fn rim(size: &Size) -> Vec<Fixed> {
    let mut rim = Vec::new();
    let mut add = |col: isize, row: isize, timing: bool| {
        if let Some(dark) = size.fixed(col, row) {
            rim.push(Fixed { u: col as f64 + 0.5, v: row as f64 + 0.5, dark, timing });
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
    rim
}

/// Correlations (fixed, timing) of a grid, whose [`rim`] is known, with the picture.
pub fn agreement(plane: &Plane, grid: &Grid, rim: &[Fixed]) -> Option<[f64; 2]> {
    let to_picture = ToPicture::new(&grid.size, &grid.corners, &grid.bend)?;
    // Over all fixed modules, and over the alternating ones: n, Σv, Σv², Σt and Σvt.
    let mut sums = [[0f64; 5]; 2];
    for module in rim {
        let v = f64::from(sample(plane, to_picture.at(module.u, module.v)));
        let t = if module.dark { -1.0 } else { 1.0 };
        for s in sums.iter_mut().take(1 + usize::from(module.timing)) {
            for (s, x) in s.iter_mut().zip([1.0, v, v * v, t, v * t]) {
                *s += x;
            }
        }
    }
    // Squares of ±1 add up to their number.
    Some(sums.map(|[n, v, vv, t, vt]| correlation([n, v, vv, t, n, vt])))
}

/// Correlation of values v with what is expected, t, from the sums of their weights, v, v², t, t² and vt; 0 where all values are alike.
pub fn correlation([n, v, vv, t, tt, vt]: [f64; 6]) -> f64 {
    let (variance, spread) = (vv - v * v / n, tt - t * t / n);
    if variance <= 1e-12 { 0.0 } else { (vt - v * t / n) / (variance * spread).sqrt() }
}

/// The grid, and its score, after its `unknowns` were moved one by one as long as that raises the score: by `step` of a share that begins at `shares.end`
/// and is halved down to `shares.start`.
pub fn climbed(
    grid: &Grid,
    mut best: f64,
    unknowns: &[usize],
    shares: Range<f64>,
    step: impl Fn(usize, f64) -> f64,
    score: impl Fn(&Grid) -> Option<f64>,
) -> (Grid, f64) {
    let mut at = *grid;
    let mut share = shares.end;
    while share > shares.start {
        let mut moved = false;
        for &k in unknowns {
            let step = step(k, share);
            for by in [step, -step] {
                let trial = at.changed(k, by);
                if let Some(s) = score(&trial)
                    && s > best + 1e-6
                {
                    (best, at, moved) = (s, trial, true);
                }
            }
        }
        if !moved {
            share /= 2.0;
        }
    }
    (at, best)
}

/// Moves the corners until the fixed modules fit best, then bends the grid where that fits better.
pub fn refine(plane: &Plane, size: Size, corners: Corners, bend: Bend, rim: &[Fixed]) -> Option<Grid> {
    let agreement = |grid: &Grid| agreement(plane, grid, rim);
    let score = |grid: &Grid| agreement(grid).map(|[fixed, timing]| fixed + timing);
    let mut at = Grid { size, corners, bend, fixed: 0.0, timing: 0.0 };
    let mut best = score(&at)?;
    let module = at.module();
    let waists: &[usize] = if WAIST.iter().any(|k| bend[*k] != 0.0) { &WAIST } else { &[] };
    let corners_and_arcs: Vec<usize> = (0..OF_BEND).chain(ARCS.iter().chain(waists).map(|k| OF_BEND + k)).collect();
    for unknowns in [&corners_and_arcs[..OF_BEND], &corners_and_arcs] {
        if unknowns.len() > OF_BEND && best < WORTH_BENDING {
            break;
        }
        // Of the bend, half a step at the middle of the side.
        let step = |k: usize, share: f64| if k < OF_BEND { share * module } else { share * 2.0 };
        (at, best) = climbed(&at, best, unknowns, 0.05..0.5, step, score);
    }
    let [fixed, timing] = agreement(&at)?;
    Some(Grid { fixed, timing, ..at })
}
