//! Where rows lie between two sides: one after the other as long as they can be told apart, then as on a cylinder.

use std::f64::consts::FRAC_PI_2;
use std::sync::OnceLock;

use super::strip::{BEFORE, COUNT, FINE, Strip};

/// Narrowest row, samples, and how many widths there are.
const LEAST: usize = 3;
const WIDTHS: usize = 16;
/// Most rows.
pub const MOST: usize = 26;
/// What a row a sample wider or narrower than the one before costs.
const CHANGE: f32 = 0.32;
/// What a row gains that is too narrow to be seen: less than one that is, or rows would end too soon.
const NARROW: f32 = -1.0;
/// What a row gains beyond the strip.
const OUTSIDE: f32 = -1e3;
/// What a row gains where it is too dark for any: less than one that is too narrow, or rows would go on beyond the horizon rather than crowd before it.
const DARK: f32 = -3.0;
/// Rows that are followed one by one, in a small symbol and in others.
const FOLLOWED: [usize; 2] = [10, 16];
/// And how many of them say how the package is round.
const TRUSTED: [usize; 5] = [8, 10, 12, 14, 16];

/// Edges of rows, samples, that gain the most as so many of [`FOLLOWED`].
fn followed(gains: &[[f32; 2]], parity: impl Fn(usize) -> usize, first: impl Fn(usize, usize) -> f32) -> Vec<Vec<f64>> {
    // By where the last row begins and its width.
    let mut best = vec![f32::MIN; COUNT * WIDTHS];
    for j in 0..(2.0 * BEFORE * FINE) as usize {
        for w in 0..WIDTHS {
            best[j * WIDTHS + w] = gains[j * WIDTHS + w][parity(0)] + first(j, w + LEAST);
        }
    }
    // For each further row the width of the one before.
    let mut before: Vec<Vec<u8>> = Vec::new();
    let mut all = Vec::new();
    for k in 1..FOLLOWED[1] {
        let mut next = vec![f32::MIN; COUNT * WIDTHS];
        let mut from = vec![0u8; COUNT * WIDTHS];
        for j in 0..COUNT {
            for w in 0..WIDTHS {
                let at = j * WIDTHS + w;
                let gain = gains[at][parity(k)];
                if gain == f32::MIN {
                    continue;
                }
                for last in w.saturating_sub(1)..=(w + 1).min(WIDTHS - 1) {
                    let Some(start) = j.checked_sub(last + LEAST) else { continue };
                    let whole = best[start * WIDTHS + last] + gain - if last == w { 0.0 } else { CHANGE };
                    if whole > next[at] {
                        (next[at], from[at]) = (whole, last as u8);
                    }
                }
            }
        }
        best = next;
        before.push(from);
        if FOLLOWED.contains(&(k + 1)) {
            let (at, _) = best.iter().enumerate().fold((0, f32::MIN), |m, (i, v)| if *v > m.1 { (i, *v) } else { m });
            let (mut j, mut w) = (at / WIDTHS, at % WIDTHS);
            let mut edges = vec![j + w + LEAST, j];
            for from in before.iter().rev() {
                let last = usize::from(from[j * WIDTHS + w]);
                (j, w) = (j.saturating_sub(last + LEAST), last);
                edges.push(j);
            }
            edges.reverse();
            all.push(edges.into_iter().map(|e| e as f64).collect());
        }
    }
    all
}

/// Offset and slope of the line through points that fits best.
fn line(x: &[f64], y: &[f64]) -> Option<(f64, f64)> {
    let n = x.len() as f64;
    let [mx, my] = [x, y].map(|v| v.iter().sum::<f64>() / n);
    let (mut xx, mut xy) = (0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        xx += (x - mx) * (x - mx);
        xy += (x - mx) * (y - my);
    }
    let slope = xy / xx;
    slope.is_finite().then_some((my - slope * mx, slope))
}

/// Edges of rows on packages that are round in different ways, the first row one wide: how far they turn from one to the next, radians, how far the first
/// one is turned, and how many are flat; finely for a last choice.
pub fn shapes(fine: bool) -> &'static [Vec<f64>] {
    const TURNS: [f64; 8] = [0.0, 0.03, 0.045, 0.06, 0.075, 0.09, 0.12, 0.17];
    const FINE_TURNS: [f64; 16] = [0.0, 0.02, 0.03, 0.037, 0.045, 0.052, 0.06, 0.067, 0.075, 0.082, 0.09, 0.105, 0.12, 0.145, 0.17, 0.22];
    const FIRST: [f64; 5] = [-0.6, -0.3, 0.0, 0.3, 0.6];
    const FINE_FIRST: [f64; 9] = [-0.6, -0.45, -0.3, -0.15, 0.0, 0.15, 0.3, 0.45, 0.6];
    const FLAT: [usize; 5] = [0, 4, 8, 12, 16];
    const FINE_FLAT: [usize; 10] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18];
    static SHAPES: [OnceLock<Vec<Vec<f64>>>; 2] = [const { OnceLock::new() }; 2];
    SHAPES[usize::from(fine)].get_or_init(|| {
        let (turns, firsts, flats): (&[f64], &[f64], &[usize]) =
            if fine { (&FINE_TURNS, &FINE_FIRST, &FINE_FLAT) } else { (&TURNS, &FIRST, &FLAT) };
        let ways = turns.iter().flat_map(|turn| firsts.iter().flat_map(move |first| flats.iter().map(move |flat| (*turn, *first, *flat))));
        let shape = |(turn, first, flat): (f64, f64, usize)| {
            let edges = (0..=MOST).scan(0.0, |at, k| {
                let edge = *at;
                let angle = first + turn * (k as f64 + 0.5 - flat as f64).max(0.0);
                *at += if angle < FRAC_PI_2 { angle.cos() / first.cos() } else { 0.0 };
                Some(edge)
            });
            edges.collect()
        };
        ways.filter(|(turn, first, flat)| *turn > 0.0 || *first == 0.0 && *flat == 0).map(shape).collect()
    })
}

/// Rows that may lie between two sides, in short.
pub struct Course {
    pub gain: f32,
    pub rows: usize,
    pub skew: f64,
    /// Where they start and the first one's width, samples, and one of the [`shapes`].
    start: f64,
    first: f64,
    shape: &'static [f64],
}

impl Course {
    /// All whose first rows are about where they are found one by one; of each the number of rows that gains most, unless that is known.
    pub fn all(strip: &Strip, from_solid: bool, skew: f64, rows: Option<usize>) -> Vec<Self> {
        let sums = strip.sums(skew);
        let brightness = &strip.brightness;
        // A last row that is solid is dark itself.
        let dark = strip.dark + if from_solid { 0 } else { FINE as usize };
        let gains: Vec<[f32; 2]> = (0..COUNT * WIDTHS)
            .map(|i| (i / WIDTHS, i % WIDTHS + LEAST))
            .map(|(j, width)| match j + width {
                end if end >= COUNT => [f32::MIN; 2],
                end if (j + end) / 2 >= dark => [DARK; 2],
                _ => sums.gain(brightness, j, width),
            })
            .collect();
        // The alternating module of the row next to the solid side is dark, of the last one light (of an even number).
        let parity = |k: usize| usize::from(k.is_multiple_of(2) == from_solid);
        let row_gain = |a: usize, b: usize, k: usize| -> f32 {
            match b.saturating_sub(a) {
                width if width >= LEAST && a < COUNT => gains[a * WIDTHS + (width - LEAST).min(WIDTHS - 1)][parity(k)].max(OUTSIDE),
                _ if a >= dark => DARK,
                _ => NARROW,
            }
        };
        let mut all = Vec::new();
        for edges in followed(&gains, parity, |j, width| sums.gain_of_first(j, width, from_solid)) {
            for trusted in TRUSTED.into_iter().filter(|n| *n < edges.len()) {
                for shape in shapes(rows.is_some()) {
                    let Some((start, first)) = line(&shape[..=trusted], &edges[..=trusted]) else { continue };
                    if first < 1.0 {
                        continue;
                    }
                    let mut course = Self { gain: f32::MIN, rows: 0, skew, start, first, shape };
                    let mut gain = sums.gain_of_first(whole(start), whole(first).max(LEAST), from_solid);
                    let mut before = whole(start);
                    for n in 1..=rows.unwrap_or(MOST) {
                        let edge = whole(course.at(n));
                        gain += row_gain(before, edge, n - 1);
                        if rows.map_or(n >= FOLLOWED[0] && n % 2 == 0, |rows| n == rows) {
                            // Beyond the horizon there is no quiet zone either.
                            let quiet = if edge < dark { sums.gain_of_last(brightness, edge, edge.saturating_sub(before)) } else { 0.0 };
                            let gain = gain + quiet;
                            if gain > course.gain {
                                (course.gain, course.rows) = (gain, n);
                            }
                        }
                        before = edge;
                    }
                    all.push(course);
                }
            }
        }
        all
    }

    /// Where a row begins.
    pub fn at(&self, row: usize) -> f64 {
        self.start + self.first * self.shape[row]
    }
}

/// The closest sample.
fn whole(sample: f64) -> usize {
    (sample + 0.5) as usize
}
