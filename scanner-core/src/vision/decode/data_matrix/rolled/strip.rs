//! What lies between two sides of a symbol that run around a package, unrolled, and what a row of modules there would look like.

use crate::vision::Plane;
use crate::vision::geometry::distance;

use super::super::grid::sample;
use super::super::outline::MODULES;

/// Columns that are looked at, evenly between the sides; modules need not lie on them.
const COLUMNS: usize = 44;
/// Samples per module along the way.
pub const FINE: f64 = 8.0;
/// How far before the first side and beyond the other one rows may lie, usual modules.
pub const BEFORE: f64 = 3.0;
const BEYOND: f64 = 10.0;
/// Samples along the way.
pub const COUNT: usize = ((MODULES + BEFORE + BEYOND) * FINE) as usize;
/// Those that are sure to lie between the first row and the last.
const INSIDE: std::ops::Range<usize> = (BEFORE * FINE) as usize..((BEFORE + 0.6 * MODULES) * FINE) as usize;
/// How light light modules are taken for at least, as a share of where they are lightest.
const LEAST_BRIGHT: f32 = 0.12;
/// How much dark rows count at least.
pub const LEAST_WEIGHT: f32 = 0.4;
/// Variance of grey values between 0 and 1 where nothing is known of rows, and of a side's from dark or light.
const UNKNOWN: f32 = 0.15;
const UNKNOWN_SIDE: f32 = 0.25;
/// How much the solid side and the alternating one count beside the columns: enough for what is dark or light throughout to be no rows.
const SOLID: f32 = 0.5;
const TIMING: f32 = 2.0;
/// How much the first row and the quiet zone before it count.
const FIRST_ROW: f32 = 3.0;

/// A side that runs around the package.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    pub from: [f64; 2],
    pub to: [f64; 2],
    pub bow: [f64; 2],
}

impl Path {
    pub fn at(&self, t: f64) -> [f64; 2] {
        [0, 1].map(|k| self.from[k] + t * (self.to[k] - self.from[k]) + 4.0 * t * (1.0 - t) * self.bow[k])
    }
}

/// What lies between two opposite sides, from the side where rows start.
pub struct Strip {
    /// The sides, the solid one first, and whether that is the one at the start's first corner, clockwise.
    pub paths: [Path; 2],
    pub solid_first: bool,
    /// Grey values by column and then by sample, dark 0 and light 1; the sides' middles last.
    columns: Vec<Vec<f32>>,
    /// Grey values of dark and of light modules along the way.
    pub levels: Vec<[f32; 2]>,
    /// How light light modules are, as a share of where they are lightest.
    pub brightness: Vec<f32>,
    /// The first sample of the dark in which no row can be told: beyond the package's horizon, or out of the light.
    pub dark: usize,
}

/// The columns of a strip and its sides.
const LINES: usize = COLUMNS + 2;

/// Sums of a strip's grey values up to each sample, and of their squares, where rows may be wider at one of its ends.
pub struct Sums {
    sums: Vec<[f32; LINES]>,
    squares: Vec<[f32; LINES]>,
    /// Of the columns' mean.
    total: Vec<f32>,
    /// By how much rows are wider at the solid side and at the alternating one.
    stretch: [f32; 2],
}

/// Lengths of the sides of a sample along the way.
pub fn along(sample: f64) -> f64 {
    (sample / FINE - BEFORE) / MODULES
}

impl Strip {
    /// Where the sides end, at the horizon, is not to be seen: they are taken for as long as each other.
    pub fn cut(plane: &Plane, mut paths: [Path; 2]) -> Option<Self> {
        let lengths = paths.map(|p| distance(p.from, p.to));
        if lengths.iter().any(|length| *length < 8.0) {
            return None;
        }
        for (path, length) in paths.iter_mut().zip(lengths) {
            let share = (lengths[0] + lengths[1]) / 2.0 / length;
            path.to = [0, 1].map(|k| path.from[k] + share * (path.to[k] - path.from[k]));
            path.bow = path.bow.map(|b| b * share * share);
        }
        let column = |a: f64| (0..COUNT).map(|j| sample(plane, between(&paths, a, along(j as f64)))).collect();
        let mut columns: Vec<Vec<f32>> = (0..LINES).map(|c| column(across(c))).collect();
        let Levels { levels, white, dark } = levels(&columns[..COLUMNS])?;
        for column in &mut columns {
            for (v, level) in column.iter_mut().zip(&levels) {
                *v = levelled(*v, *level).clamp(-0.25, 1.25);
            }
        }
        // The solid side is the darker one, as far as rows are sure to reach.
        let grey = |c: usize| columns[c][INSIDE].iter().sum::<f32>();
        let solid_first = grey(COLUMNS) < grey(COLUMNS + 1);
        if !solid_first {
            paths.reverse();
            columns[..COLUMNS].reverse();
            columns.swap(COLUMNS, COLUMNS + 1);
        }
        let brightness = levels.iter().map(|[_, light]| (light / white).clamp(LEAST_WEIGHT, 1.0)).collect();
        Some(Self { paths, solid_first, columns, levels, brightness, dark })
    }

    /// `skew` is by how much rows are wider at the solid side than in the middle, as a share.
    pub fn sums(&self, skew: f64) -> Sums {
        let mut sums = Sums {
            sums: vec![[0.0; LINES]; COUNT + 1],
            squares: vec![[0.0; LINES]; COUNT + 1],
            total: vec![0.0; COUNT + 1],
            stretch: [0, 1].map(|c| stretch(skew, across(COLUMNS + c)) as f32),
        };
        for (c, column) in self.columns.iter().enumerate() {
            let stretch = stretch(skew, across(c));
            for j in 0..COUNT {
                let at = (skewed(j as f64, stretch)).clamp(0.0, (COUNT - 1) as f64 - 1e-6);
                let (i, part) = (at as usize, (at - at.floor()) as f32);
                let v = column[i] + part * (column[i + 1] - column[i]);
                sums.sums[j + 1][c] = sums.sums[j][c] + v;
                sums.squares[j + 1][c] = sums.squares[j][c] + v * v;
            }
        }
        for (total, sums) in sums.total.iter_mut().zip(&sums.sums) {
            *total = sums[..COLUMNS].iter().sum::<f32>() / COLUMNS as f32;
        }
        sums
    }
}

/// Where a column lies, from the solid side (0) to the other one.
fn across(column: usize) -> f64 {
    match column.checked_sub(COLUMNS) {
        None => (column as f64 + 0.5) / COLUMNS as f64,
        Some(0) => 0.5 / MODULES,
        Some(_) => 1.0 - 0.5 / MODULES,
    }
}

/// By how much rows of some skew are wider somewhere across.
pub fn stretch(skew: f64, across: f64) -> f64 {
    1.0 + skew * (1.0 - 2.0 * across)
}

/// The sample where a row begins that begins at some sample in the middle.
pub fn skewed(sample: f64, stretch: f64) -> f64 {
    const START: f64 = BEFORE * FINE;
    START + (sample - START) * stretch
}

impl Sums {
    /// What a row from sample j of some width gains whose alternating module is light, or dark: more the likelier it is.
    pub fn gain(&self, brightness: &[f32], j: usize, width: usize) -> [f32; 2] {
        let inset = width / 5;
        let (a, b) = (j + inset, j + width - inset);
        let n = 1.0 / (b - a) as f32;
        let [sums, squares] = [&self.sums, &self.squares].map(|s| (&s[a], &s[b]));
        let mean = |c: usize| (sums.1[c] - sums.0[c]) * n;
        let square = |c: usize| (squares.1[c] - squares.0[c]) * n;
        let variance: f32 = (0..COLUMNS).map(|c| square(c) - mean(c) * mean(c)).sum();
        let off = |c: usize, value: f32| square(c) - 2.0 * value * mean(c) + value * value;
        // Each as it is wide.
        let both = UNKNOWN - variance / COLUMNS as f32 + self.stretch[0] * SOLID * (UNKNOWN_SIDE - off(COLUMNS, 0.0));
        let side = |value: f32| self.stretch[1] * TIMING * (UNKNOWN_SIDE - off(COLUMNS + 1, value));
        [1.0, 0.0].map(|value| width as f32 * brightness[j + width / 2] * (both + side(value)))
    }

    /// Mean of all columns.
    fn mean(&self, a: usize, b: usize) -> f32 {
        (self.total[b] - self.total[a]) / (b - a) as f32
    }

    /// What the first row gains by the quiet zone before it, and by being dark where it is solid.
    pub fn gain_of_first(&self, j: usize, width: usize, from_solid: bool) -> f32 {
        let half = (width / 2).max(1);
        if j < half || j + width >= COUNT {
            return -1.0;
        }
        let inset = (width / 5).min((width - 1) / 2);
        let dark = if from_solid { 0.5 - self.mean(j + inset, j + width - inset) } else { 0.0 };
        FIRST_ROW * width as f32 * (self.mean(j - half, j) - 0.5 + dark)
    }

    /// What the last row gains by the quiet zone after it, as far as that can be seen.
    pub fn gain_of_last(&self, brightness: &[f32], end: usize, width: usize) -> f32 {
        match width > 0 && end + width < COUNT {
            true => width as f32 * brightness[end + width / 2] * (self.mean(end, end + width) - 0.5),
            false => 0.0,
        }
    }
}

/// The place some way across from the first path to the second.
pub fn between([a, b]: &[Path; 2], across: f64, along: f64) -> [f64; 2] {
    let (p, q) = (a.at(along), b.at(along));
    [0, 1].map(|k| p[k] + across * (q[k] - p[k]))
}

/// 0 where dark, 1 where light.
pub fn levelled(value: f32, [dark, light]: [f32; 2]) -> f32 {
    (value - dark) / (light - dark).max(1e-6)
}

/// What columns say of dark and light along the way.
struct Levels {
    /// Grey values of both at each sample: light as a quantile over all columns, of some samples around; dark is the share of it that the ink reflects.
    levels: Vec<[f32; 2]>,
    /// Light where it is lightest.
    white: f32,
    /// See [`Strip::dark`].
    dark: usize,
}

/// `None` where nothing is light.
fn levels(columns: &[Vec<f32>]) -> Option<Levels> {
    const AROUND: usize = 3;
    const QUANTILES: [usize; 2] = [12, 88];
    /// Samples across half of a solid side and some more; and how much of the light a sample away is believed not to reach.
    const SOLID_WIDTH: usize = 10;
    const FALL: f32 = 0.04;
    /// Of the rows the darkest tell what ink reflects.
    const DARKEST: usize = 4;
    let mut all = Vec::new();
    let at = |j: usize| {
        all.clear();
        columns.iter().for_each(|c| all.extend_from_slice(&c[j.saturating_sub(AROUND)..(j + AROUND + 1).min(COUNT)]));
        QUANTILES.map(|percent| {
            let index = all.len() * percent / 100;
            *all.select_nth_unstable_by(index, f32::total_cmp).1
        })
    };
    let seen: Vec<[f32; 2]> = (0..COUNT).map(at).collect();
    // Next to a solid side some samples are dark in all columns.
    let light = |j: usize| {
        let near = j.saturating_sub(SOLID_WIDTH)..(j + SOLID_WIDTH + 1).min(COUNT);
        near.map(|i| seen[i][1] * (1.0 - FALL * i.abs_diff(j) as f32)).fold(0.0, f32::max)
    };
    let mut levels: Vec<[f32; 2]> = (0..COUNT).map(|j| [seen[j][0], light(j)]).collect();
    let mut ink: Vec<f32> = levels[INSIDE].iter().map(|[dark, light]| dark / light.max(1e-6)).collect();
    let index = ink.len() / DARKEST;
    let ink = ink.select_nth_unstable_by(index, f32::total_cmp).1.clamp(0.0, 0.8);
    let white = levels[INSIDE].iter().map(|[_, light]| *light).fold(0.0, f32::max);
    if white <= 0.0 {
        return None;
    }
    for level in &mut levels {
        let light = level[1].max(LEAST_BRIGHT * white).max(1e-6);
        *level = [ink * light, light];
    }
    // As it was seen: a solid side is not looked across.
    let dark = (INSIDE.end..COUNT).find(|j| seen[*j][1] < LEAST_BRIGHT * white).unwrap_or(COUNT);
    Some(Levels { levels, white, dark })
}
