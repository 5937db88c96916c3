//! The most likely sequence of Code 128 characters under the check character, exactly, by dynamic programming.
//!
//! Blur couples a character to its neighbours through their nearest three modules only: there are four ways to begin and four to end. So the cost of
//! a sequence is a sum over positions of a table indexed by (end of the previous, character, beginning of the next), and the check character
//! (ISO/IEC 15417, annex A) is one more dimension of the state: the running weighted sum modulo 103.

use super::model::{VALUES, modules, stop_modules};

/// Ways to begin or to end, as far as a neighbour can see.
pub(super) const CLASSES: usize = 4;
/// First three modules by beginning class.
pub(super) const BEGINNINGS: [[bool; 3]; CLASSES] = [[true, true, true], [true, true, false], [true, false, true], [true, false, false]];
/// Last three modules by end class.
pub(super) const ENDINGS: [[bool; 3]; CLASSES] = [[true, true, false], [false, true, false], [true, false, false], [false, false, false]];

/// Cost table of one position, in squared residuals.
pub(super) struct PositionCost(Vec<f32>);

impl PositionCost {
    /// From a function of (end class of the previous, value, beginning class of the next).
    pub(super) fn new(mut cost: impl FnMut(usize, usize, usize) -> f32) -> Self {
        let mut table = Vec::with_capacity(CLASSES * VALUES * CLASSES);
        for e in 0..CLASSES {
            for s in 0..VALUES {
                for b in 0..CLASSES {
                    table.push(cost(e, s, b));
                }
            }
        }
        Self(table)
    }

    /// A table of zeros.
    pub(super) fn zero() -> Self {
        Self(vec![0.0; CLASSES * VALUES * CLASSES])
    }

    /// Adds another table, weighted.
    pub(super) fn add(&mut self, other: &Self, weight: f32) {
        for (sum, cost) in self.0.iter_mut().zip(&other.0) {
            *sum += weight * cost;
        }
    }

    fn at(&self, e: usize, s: usize, b: usize) -> f32 {
        self.0[(e * VALUES + s) * CLASSES + b]
    }
}

/// Beginning and end classes of all characters.
pub(super) struct Classes {
    begin: [usize; VALUES],
    end: [usize; VALUES],
    start_end: [usize; 3],
    stop_begin: usize,
}

impl Classes {
    pub(super) fn new() -> Self {
        // Every character begins with a bar and ends with a space, so each has exactly one class of either kind.
        let begin = |m: &[bool]| BEGINNINGS.iter().position(|b| m.starts_with(b)).unwrap_or(0);
        let end = |m: &[bool]| ENDINGS.iter().position(|e| m.ends_with(e)).unwrap_or(0);
        Self {
            begin: std::array::from_fn(|s| begin(&modules(s))),
            end: std::array::from_fn(|s| end(&modules(s))),
            start_end: std::array::from_fn(|i| end(&modules(103 + i))),
            stop_begin: begin(&stop_modules()),
        }
    }
}

/// The best sequence and how far away the next best is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Best {
    /// Values between start and stop, the check character last.
    pub(super) values: Vec<usize>,
    /// Its cost.
    pub(super) cost: f32,
    /// Cost of the best other sequence, less `cost`.
    pub(super) margin: f32,
}

/// The sequence of least cost behind the start character `start` (103 to 105): of all sequences for `M` = 1, of those whose check character is
/// right for `M` = 103.
pub(super) fn best<const M: usize>(costs: &[PositionCost], start: usize, classes: &Classes) -> Best {
    let n = costs.len();
    let layer = M * CLASSES * CLASSES;
    let state = |e: usize, b: usize| (e * CLASSES + b) * M;
    // What character s at position k adds to the running sum; the check character itself is subtracted, so that a right one leaves zero.
    let turn = |k: usize, s: usize| if k + 1 == n { (M - s % M) % M } else { ((k + 1) * s) % M };

    // forward[k]: least cost of positions before k, by end class of k − 1, promised beginning of k, and running sum.
    let mut forward = vec![vec![f32::INFINITY; layer]; n + 1];
    for b in 0..CLASSES {
        forward[0][state(classes.start_end[start - 103], b) + start % M] = 0.0;
    }
    for k in 0..n {
        let (before, after) = forward.split_at_mut(k + 1);
        let (from, to) = (&before[k], &mut after[0]);
        let mut merged = [0.0f32; M];
        for s in 0..VALUES {
            let turn = turn(k, s);
            for b in 0..CLASSES {
                if k + 1 == n && b != classes.stop_begin {
                    continue;
                }
                merged.fill(f32::INFINITY);
                for e in 0..CLASSES {
                    let cost = costs[k].at(e, s, b);
                    for (m, v) in merged.iter_mut().zip(&from[state(e, classes.begin[s])..][..M]) {
                        *m = m.min(v + cost);
                    }
                }
                let target = &mut to[state(classes.end[s], b)..][..M];
                for (v, m) in target[turn..].iter_mut().zip(&merged[..M - turn]) {
                    *v = v.min(*m);
                }
                for (v, m) in target[..turn].iter_mut().zip(&merged[M - turn..]) {
                    *v = v.min(*m);
                }
            }
        }
    }

    // Backwards the same; on the way, the least cost of a whole sequence with character s at position k.
    let mut from = vec![f32::INFINITY; layer];
    for e in 0..CLASSES {
        from[state(e, classes.stop_begin)] = 0.0;
    }
    let mut with = vec![[f32::INFINITY; VALUES]; n];
    for k in (0..n).rev() {
        let mut to = vec![f32::INFINITY; layer];
        let mut ahead = [0.0f32; M];
        for s in 0..VALUES {
            let turn = turn(k, s);
            for b in 0..CLASSES {
                let f = &from[state(classes.end[s], b)..][..M];
                ahead[..M - turn].copy_from_slice(&f[turn..]);
                ahead[M - turn..].copy_from_slice(&f[..turn]);
                for e in 0..CLASSES {
                    let cost = costs[k].at(e, s, b);
                    let at = state(e, classes.begin[s]);
                    let mut whole = f32::INFINITY;
                    for ((t, a), f) in to[at..][..M].iter_mut().zip(&ahead).zip(&forward[k][at..][..M]) {
                        let c = a + cost;
                        *t = t.min(c);
                        whole = whole.min(c + f);
                    }
                    with[k][s] = with[k][s].min(whole);
                }
            }
        }
        from = to;
    }

    let mut values = Vec::with_capacity(n);
    let (mut cost, mut margin) = (f32::INFINITY, f32::INFINITY);
    for with in &with {
        let s = (0..VALUES).min_by(|a, b| with[*a].total_cmp(&with[*b])).unwrap_or(0);
        let other = (0..VALUES).filter(|v| *v != s).map(|v| with[v]).fold(f32::INFINITY, f32::min);
        // Any other sequence differs somewhere, so the smallest difference over all positions is that of the next best one.
        margin = margin.min(other - with[s]);
        cost = with[s];
        values.push(s);
    }
    Best { values, cost, margin }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noise(seed: u64, k: usize, e: usize, s: usize, b: usize) -> f32 {
        let mut x = seed ^ ((k * 7919 + e * 104_729 + s * 1_299_709 + b * 15_485_863) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x ^= x >> 31;
        x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x ^= x >> 29;
        (x >> 40) as f32 / (1u64 << 24) as f32
    }

    fn total(costs: &[PositionCost], start: usize, values: &[usize], classes: &Classes) -> f32 {
        let mut e = classes.start_end[start - 103];
        let mut sum = 0.0;
        for (k, &s) in values.iter().enumerate() {
            let b = values.get(k + 1).map_or(classes.stop_begin, |n| classes.begin[*n]);
            sum += costs[k].at(e, s, b);
            e = classes.end[s];
        }
        sum
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        /// Against trying all sequences of two characters and a check character.
        #[test]
        fn it_is_the_exact_minimum(seed in any::<u64>(), start in 103usize..106) {
            let classes = Classes::new();
            let costs: Vec<PositionCost> = (0..3).map(|k| PositionCost::new(|e, s, b| noise(seed, k, e, s, b))).collect();
            let mut valid: Vec<(f32, Vec<usize>)> = Vec::new();
            for a in 0..VALUES {
                for b in 0..VALUES {
                    let values = vec![a, b, (start + a + 2 * b) % 103];
                    valid.push((total(&costs, start, &values, &classes), values));
                }
            }
            valid.sort_by(|a, b| a.0.total_cmp(&b.0));
            let found = best::<103>(&costs, start, &classes);
            prop_assert_eq!(&found.values, &valid[0].1);
            prop_assert!((found.cost - valid[0].0).abs() < 1e-5);
            prop_assert!((found.margin - (valid[1].0 - valid[0].0)).abs() < 1e-5);
            let free = best::<1>(&costs, start, &classes);
            prop_assert!(free.cost <= found.cost + 1e-6);
            prop_assert!((total(&costs, start, &free.values, &classes) - free.cost).abs() < 1e-5);
        }
    }
}
