//! Start and stop of a Code 128 in a grey profile, before anything between them is known.
//!
//! The locator's ends may lie at a label's rim or at a bar inside the code, off by a tenth of its length. A start character and a stop, each with its
//! quiet zone, are looked for at both ends of a profile and in both directions, for modules of many sizes, by normalised correlation; pairs whose
//! distance fits the size of their modules are where a code may lie. Bars that have merged still leave their mark on so long a pattern.

use super::symbol::{STOP, SYMBOL_WIDTHS};
use crate::vision::lanes::dot;
use crate::vision::rectify::{BINS_PER_PX, Profile};

/// Modules of quiet zone that belong to a pattern.
const LIGHT: f64 = 5.0;
/// Start characters; twenty digits begin with code set C.
const STARTS: [usize; 3] = [105, 104, 103];
/// Sizes of modules that are tried, relative to the expected one, and the ratio of neighbours.
const SIZES: [f64; 2] = [0.74, 1.22];
const RATIO: f64 = 1.025;
/// Blur of an edge as a ramp, px.
const RAMP: f64 = 1.5;
/// Least correlation of a pattern.
const LEAST: f32 = 0.5;
/// Places of a pattern that take part in pairs.
const PLACES: usize = 5;
/// Most that a code's length may differ from what its ends' modules say, as perspective and bent paper make it.
const UNEVEN: f64 = 0.14;

/// Where a code may lie in a profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// u of the start's outer edge.
    pub start: f64,
    /// u of the stop's outer edge; smaller than `start` where the code runs against u.
    pub stop: f64,
    /// Sum of both ends' correlations; 2 is perfect.
    pub score: f32,
}

/// The places in `profile` where a code of `modules` modules may lie that is expected between `ends`, the likeliest `most` of them first.
pub fn spans(profile: &Profile, ends: [f64; 2], modules: usize, most: usize) -> Vec<Span> {
    let length = ends[1] - ends[0];
    let expected = length / modules as f64;
    let n = profile.mean.len();
    if expected.is_nan() || expected <= 0.0 || n < 8 {
        return Vec::new();
    }
    let forwards = Line::new(filled(profile));
    let backwards = forwards.reversed();
    let bin = |u: f64| (u - profile.start) * BINS_PER_PX as f64;
    let u = |bin: f64| profile.start + bin / BINS_PER_PX as f64;
    let mut found = Vec::new();
    for (line, against) in [(&forwards, false), (&backwards, true)] {
        let [first, last] = if against { [n as f64 - bin(ends[1]), n as f64 - bin(ends[0])] } else { ends.map(bin) };
        let reach = 0.22 * (last - first);
        let starts: Vec<Place> =
            STARTS.iter().flat_map(|value| line.places(&SYMBOL_WIDTHS[*value], true, expected, [first - reach, first + reach])).collect();
        if starts.is_empty() {
            continue;
        }
        let stops = line.places(&STOP, false, expected, [last - reach, last + reach]);
        for start in &starts {
            for stop in &stops {
                let says = (start.module + stop.module) / 2.0 * BINS_PER_PX as f64 * modules as f64;
                let off = ((stop.edge - start.edge) / says - 1.0).abs();
                if off < UNEVEN {
                    let [a, b] = [start.edge, stop.edge].map(|at| if against { n as f64 - at } else { at });
                    found.push(Span { start: u(a), stop: u(b), score: start.score + stop.score - off as f32 });
                }
            }
        }
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut distinct: Vec<Span> = Vec::new();
    for span in found {
        let near = |other: &Span| (span.start - other.start).abs().max((span.stop - other.stop).abs()) < expected;
        if distinct.len() < most && !distinct.iter().any(near) {
            distinct.push(span);
        }
    }
    distinct
}

/// Where a pattern lies: its outer edge in bins, and the size of its modules, px.
#[derive(Debug, Clone, Copy)]
struct Place {
    edge: f64,
    module: f64,
    score: f32,
}

/// A profile without gaps, with running sums.
struct Line {
    values: Vec<f32>,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Line {
    fn new(values: Vec<f32>) -> Self {
        let running = |f: &dyn Fn(f64) -> f64| {
            let mut total = 0.0;
            let each = values.iter().map(|v| {
                total += f(f64::from(*v));
                total
            });
            std::iter::once(0.0).chain(each).collect()
        };
        Self { sums: running(&|v| v), squares: running(&|v| v * v), values }
    }

    fn reversed(&self) -> Self {
        Self::new(self.values.iter().rev().copied().collect())
    }

    /// The best places of a start (its light before it) or a stop (behind it) whose outer edge lies in `range`, in bins.
    fn places(&self, widths: &[u8], start: bool, expected: f64, range: [f64; 2]) -> Vec<Place> {
        let mut found: Vec<Place> = Vec::new();
        let mut size = SIZES[0];
        while size <= SIZES[1] {
            let module = expected * size;
            size *= RATIO;
            let (pattern, edge) = drawn(widths, start, module);
            let lowest = (range[0] - edge).ceil().max(0.0) as usize;
            let highest = (range[1] - edge).floor().min(self.values.len() as f64 - pattern.len() as f64);
            if highest < lowest as f64 {
                continue;
            }
            let scores: Vec<f32> = (lowest..=highest as usize).map(|at| self.correlation(&pattern, at)).collect();
            for (i, &score) in scores.iter().enumerate() {
                let peak = (i == 0 || score >= scores[i - 1]) && (i + 1 == scores.len() || score > scores[i + 1]);
                if peak && score > LEAST {
                    found.push(Place { edge: (lowest + i) as f64 + edge, module, score });
                }
            }
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut distinct: Vec<Place> = Vec::new();
        for place in found {
            let near = |other: &Place| (place.edge - other.edge).abs() < 1.5 * expected * BINS_PER_PX as f64;
            if distinct.len() < PLACES && !distinct.iter().any(near) {
                distinct.push(place);
            }
        }
        distinct
    }

    /// Correlation with a pattern of mean 0 and length 1.
    fn correlation(&self, pattern: &[f32], at: usize) -> f32 {
        let n = pattern.len();
        let dot = dot::<16>(pattern, &self.values[at..at + n]);
        let sum = self.sums[at + n] - self.sums[at];
        let spread = self.squares[at + n] - self.squares[at] - sum * sum / n as f64;
        if spread > 1e-9 { dot / spread.sqrt() as f32 } else { 0.0 }
    }
}

/// A start with its light before it, or a stop with its light behind it, with mean 0 and length 1; and its outer edge in bins from its begin.
fn drawn(widths: &[u8], start: bool, module: f64) -> (Vec<f32>, f64) {
    let px = |modules: f64| modules * module;
    let total: f64 = widths.iter().map(|w| f64::from(*w)).sum();
    let lead = if start { LIGHT } else { 0.0 };
    let n = (px(total + LIGHT) * BINS_PER_PX as f64).round().max(1.0) as usize;
    // Where light turns to dark (odd: back), px.
    let mut edges = Vec::with_capacity(widths.len() + 1);
    let mut at = lead;
    edges.push(px(at));
    for w in widths {
        at += f64::from(*w);
        edges.push(px(at));
    }
    let mut values: Vec<f32> = (0..n)
        .map(|i| {
            let x = i as f64 / BINS_PER_PX as f64;
            let dark: f64 = edges.iter().enumerate().map(|(k, e)| [1.0, -1.0][k % 2] * ((x - e) / RAMP + 0.5).clamp(0.0, 1.0)).sum();
            -dark as f32
        })
        .collect();
    let mean = values.iter().sum::<f32>() / n as f32;
    values.iter_mut().for_each(|v| *v -= mean);
    let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-9);
    values.iter_mut().for_each(|v| *v /= norm);
    (values, px(if start { lead } else { total }) * BINS_PER_PX as f64)
}

/// The means, straight lines where no pixel fell.
fn filled(profile: &Profile) -> Vec<f32> {
    let mut values = profile.mean.clone();
    let mut last: Option<usize> = None;
    for i in 0..values.len() {
        if profile.weight[i] < 0.25 {
            continue;
        }
        let from = last.map_or(0, |l| l + 1);
        let before = last.map_or(values[i], |l| values[l]);
        for k in from..i {
            let share = (k + 1 - from) as f32 / (i + 1 - from) as f32;
            values[k] = before + (values[i] - before) * share;
        }
        last = Some(i);
    }
    if let Some(l) = last {
        let value = values[l];
        values[l + 1..].fill(value);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::decode::LinearSymbol;

    /// Means over a quarter pixel of a code from `start` on, in modules of `module` px, behind a light of `before` px and a dark rim before that.
    fn profile(module: f64, before: f64) -> Profile {
        let symbol = LinearSymbol::code128_digits("83456712345678901234").unwrap();
        let length = before + 20.0 + 145.0 * module + 40.0;
        let mean = (0..(length * BINS_PER_PX as f64) as usize).map(|i| {
            let x = i as f64 / BINS_PER_PX as f64 - 20.0 - before;
            let mut edge = 0.0;
            let mut dark = if x < -before { 1.0 } else { 0.0 };
            for (k, width) in symbol.runs.iter().enumerate() {
                // A pixel's width blurs every edge.
                let share = |at: f64| (x - at + 0.5).clamp(0.0, 1.0);
                let next = edge + f64::from(*width) * module;
                if k % 2 == 0 {
                    dark += share(edge) - share(next);
                }
                edge = next;
            }
            (0.9 - 0.7 * dark) as f32
        });
        let mean: Vec<f32> = mean.collect();
        Profile { start: -20.0, weight: vec![1.0; mean.len()], mean }
    }

    #[test]
    fn start_and_stop_are_found_behind_a_rim_and_either_way() {
        for module in [0.8, 1.3, 2.1] {
            let before = 8.0 * module;
            let forwards = profile(module, before);
            // The locator took the rim for the code's end.
            let ends = [0.0, before + 145.0 * module];
            let expected = [before, before + 145.0 * module];
            let found = spans(&forwards, ends, 145, 3);
            let [start, stop] = [found[0].start, found[0].stop];
            assert!((start - expected[0]).abs() < 0.5 && (stop - expected[1]).abs() < 0.5, "{module}: {found:?}");
            assert!(found[0].score > 1.7, "{module}: {found:?}");

            let last = -20.0 + (forwards.mean.len() - 1) as f64 / BINS_PER_PX as f64;
            let mirrored = |u: f64| last - 20.0 - u;
            let backwards = Profile { mean: forwards.mean.iter().rev().copied().collect(), ..forwards };
            let found = spans(&backwards, [mirrored(ends[1]), mirrored(ends[0])], 145, 3);
            let [start, stop] = [found[0].start, found[0].stop];
            assert!((start - mirrored(expected[0])).abs() < 0.5 && (stop - mirrored(expected[1])).abs() < 0.5, "{module}: {found:?}");
            assert!(start > stop);
        }
    }

    #[test]
    fn even_bars_have_no_ends() {
        let mean: Vec<f32> = (0..800).map(|i| if i / 6 % 2 == 0 { 0.2 } else { 0.9 }).collect();
        let profile = Profile { start: 0.0, weight: vec![1.0; 800], mean };
        assert_eq!(spans(&profile, [20.0, 180.0], 145, 3), []);
        assert_eq!(spans(&profile, [20.0, 20.0], 145, 3), []);
        assert_eq!(spans(&Profile { start: 0.0, weight: vec![], mean: vec![] }, [0.0, 100.0], 145, 3), []);
    }

    #[test]
    fn gaps_are_filled_with_straight_lines() {
        let profile = Profile { start: 0.0, mean: vec![0.0, 2.0, 9.0, 9.0, 5.0, 0.0], weight: vec![0.0, 1.0, 0.0, 0.0, 1.0, 0.0] };
        assert_eq!(filled(&profile), [2.0, 2.0, 3.0, 4.0, 5.0, 5.0]);
    }
}
