//! The most likely sequence of Code 128 characters under the check character, exactly, by dynamic programming.
//!
//! Blur couples a character to its neighbours through their nearest three modules only: there are four ways to begin and four to end. So the cost of
//! a sequence is a sum over positions of a table indexed by (end of the previous, character, beginning of the next), and the check character
//! (ISO/IEC 15417, annex A) is one more dimension of the state: the running weighted sum modulo 103.
//!
//! That dimension makes the search a hundred times as large. Without it, two quick passes say for each character at each position what the best sequence
//! with it costs: a bound that no check character can lower. So the large search only follows what may still take part in the best two sequences, and is
//! as exact as over everything.

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
    /// From a function of (end class of the previous, value) that gives the costs by the beginning class of the next.
    pub(super) fn new(cost: impl Fn(usize, usize) -> [f32; CLASSES]) -> Self {
        let mut table = vec![0.0; CLASSES * VALUES * CLASSES];
        for (i, row) in table.as_chunks_mut::<CLASSES>().0.iter_mut().enumerate() {
            *row = cost(i / VALUES, i % VALUES);
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

    /// Costs by the beginning class of the next.
    pub(super) fn row(&self, e: usize, s: usize) -> [f32; CLASSES] {
        self.0.as_chunks::<CLASSES>().0[e * VALUES + s]
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
    /// For each position, what the best sequence that has another value there costs more, or less than that where it was not followed.
    pub(super) leads: Vec<f32>,
}

/// Numbers for each (end class of the previous, beginning class of the next) between two positions.
type Between = [[f32; CLASSES]; CLASSES];

/// Sums modulo this make the check character.
const M: usize = 103;
/// Characters, all positions together, that the search under the check character follows at first, and at second; then all.
const FOLLOWED: [usize; 2] = [48, 240];
/// Share of a cost by which sums in another order may differ.
const ROUNDING: f32 = 1e-5;

/// The smaller of two numbers, neither of which is NaN: unlike `f32::min` one instruction.
#[inline]
fn lesser(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// Least cost of all characters together behind the start character `start` (103 to 105), check character or not.
pub(super) fn least_cost(costs: &[PositionCost], start: usize, classes: &Classes) -> f32 {
    let mut between = first(start, classes);
    for cost in costs {
        between = after(&between, cost, classes);
    }
    // The stop has one beginning.
    between.iter().map(|of_end| of_end[classes.stop_begin]).fold(f32::INFINITY, lesser)
}

/// What stands before the first position.
fn first(start: usize, classes: &Classes) -> Between {
    let mut between = [[f32::INFINITY; CLASSES]; CLASSES];
    between[classes.start_end[start - 103]] = [0.0; CLASSES];
    between
}

/// Least costs behind a position from those before it.
fn after(before: &Between, cost: &PositionCost, classes: &Classes) -> Between {
    let mut between = [[f32::INFINITY; CLASSES]; CLASSES];
    for s in 0..VALUES {
        let target = &mut between[classes.end[s]];
        for (e, of_end) in before.iter().enumerate() {
            let sofar = of_end[classes.begin[s]];
            for (t, c) in target.iter_mut().zip(cost.row(e, s)) {
                *t = lesser(*t, sofar + c);
            }
        }
    }
    between
}

/// The search for the best sequences behind a start character.
pub(super) struct Search<'c> {
    costs: &'c [PositionCost],
    start: usize,
    classes: &'c Classes,
    /// Least cost of all before each position, without the check character.
    forward: Vec<Between>,
    /// Least cost of each position and all behind it.
    backward: Vec<Between>,
    /// Least cost of a whole sequence with a character at a position.
    with: Vec<[f32; VALUES]>,
}

impl<'c> Search<'c> {
    /// `start`: 103 to 105.
    pub(super) fn new(costs: &'c [PositionCost], start: usize, classes: &'c Classes) -> Self {
        let n = costs.len();
        let mut forward = vec![first(start, classes)];
        for cost in costs {
            forward.push(after(&forward[forward.len() - 1], cost, classes));
        }
        let mut backward = vec![[[f32::INFINITY; CLASSES]; CLASSES]; n + 1];
        backward[n].iter_mut().for_each(|of_end| of_end[classes.stop_begin] = 0.0);
        let mut with = vec![[f32::INFINITY; VALUES]; n];
        for k in (0..n).rev() {
            let (before, behind) = backward.split_at_mut(k + 1);
            for s in 0..VALUES {
                let (begin, rest) = (classes.begin[s], &behind[0][classes.end[s]]);
                for e in 0..CLASSES {
                    let ahead = costs[k].row(e, s).iter().zip(rest).map(|(c, r)| c + r).fold(f32::INFINITY, lesser);
                    let least = &mut before[k][e][begin];
                    *least = lesser(*least, ahead);
                    with[k][s] = lesser(with[k][s], forward[k][e][begin] + ahead);
                }
            }
        }
        Self { costs, start, classes, forward, backward, with }
    }

    /// The best of all sequences.
    pub(super) fn free(&self) -> Best {
        Best::of(&self.with)
    }

    /// The best sequence whose check character is right.
    pub(super) fn valid(&self) -> Best {
        let mut each: Vec<f32> = self.with.iter().flatten().copied().collect();
        let most = each.len();
        for count in FOLLOWED.into_iter().filter(|count| *count < most) {
            let bound = *each.select_nth_unstable_by(count, f32::total_cmp).1;
            let mut found = self.valid_under(bound);
            // Whatever was left out costs more than the bound.
            if found.cost + found.margin < bound - ROUNDING * bound.abs() {
                let not_followed = bound - found.cost;
                found.leads.iter_mut().for_each(|lead| *lead = lesser(*lead, not_followed));
                // What is the best without the check character leads at least by as much as without.
                let free = self.free();
                if free.values == found.values {
                    found.leads.iter_mut().zip(&free.leads).for_each(|(lead, free)| *lead = lead.max(*free));
                }
                return found;
            }
        }
        self.valid_under(f32::INFINITY)
    }

    /// What character s at position k adds to the running sum; the check character itself is subtracted, so that a right one leaves zero.
    fn turn(&self, k: usize, s: usize) -> usize {
        if k + 1 == self.costs.len() { (M - s % M) % M } else { ((k + 1) * s) % M }
    }

    /// Ways through position k that take part in a sequence of at most `bound`.
    fn ways(&self, k: usize, bound: f32) -> Vec<Way> {
        let mut ways = Vec::new();
        for s in (0..VALUES).filter(|s| self.with[k][*s] <= bound) {
            let (begin, end) = (self.classes.begin[s], self.classes.end[s]);
            for e in 0..CLASSES {
                for (b, cost) in self.costs[k].row(e, s).into_iter().enumerate() {
                    let whole = self.forward[k][e][begin] + cost + self.backward[k + 1][end][b];
                    if whole <= bound && whole < f32::INFINITY {
                        ways.push(Way { s, turn: self.turn(k, s), from: e * CLASSES + begin, to: end * CLASSES + b, cost });
                    }
                }
            }
        }
        ways
    }

    /// The best sequence under the check character, and its lead, of all sequences that cost `bound` at most.
    fn valid_under(&self, bound: f32) -> Best {
        let n = self.costs.len();
        let ways: Vec<Vec<Way>> = (0..n).map(|k| self.ways(k, bound)).collect();
        // forward[k]: least cost of positions before k, by state and running sum.
        let mut forward = vec![Layer::new()];
        for b in 0..CLASSES {
            forward[0].row_mut(self.classes.start_end[self.start - 103] * CLASSES + b)[self.start % M] = 0.0;
        }
        forward[0].close();
        for (k, ways) in ways.iter().enumerate() {
            let mut next = Layer::new();
            for way in ways {
                for (v, f) in next.row_mut(way.to).iter_mut().zip(forward[k].turned(way.from, M - way.turn)) {
                    *v = lesser(*v, f + way.cost);
                }
            }
            next.close();
            forward.push(next);
        }
        // Backwards the same; on the way, the least cost of a whole sequence with character s at position k.
        let mut behind = Layer::new();
        for e in 0..CLASSES {
            behind.row_mut(e * CLASSES + self.classes.stop_begin)[0] = 0.0;
        }
        let mut with = vec![[f32::INFINITY; VALUES]; n];
        for k in (0..n).rev() {
            behind.close();
            let mut layer = Layer::new();
            for way in &ways[k] {
                let mut whole = [f32::INFINITY; M];
                let ahead = behind.turned(way.to, way.turn);
                let sofar = forward[k].turned(way.from, 0);
                for (((t, w), a), f) in layer.row_mut(way.from).iter_mut().zip(&mut whole).zip(ahead).zip(sofar) {
                    let c = a + way.cost;
                    *t = lesser(*t, c);
                    *w = c + f;
                }
                with[k][way.s] = lesser(with[k][way.s], least(&whole));
            }
            behind = layer;
        }
        Best::of(&with)
    }
}

/// A character between two states.
struct Way {
    s: usize,
    turn: usize,
    from: usize,
    to: usize,
    cost: f32,
}

/// Least costs between two positions, by state (end class of the previous, beginning class of the next) and running sum. Each row is there twice, so
/// that it can be read from any sum on, in a circle.
struct Layer(Vec<f32>);

impl Layer {
    fn new() -> Self {
        Self(vec![f32::INFINITY; CLASSES * CLASSES * 2 * M])
    }

    fn row_mut(&mut self, state: usize) -> &mut [f32] {
        &mut self.0[state * 2 * M..][..M]
    }

    /// Repeats what was written.
    fn close(&mut self) {
        for row in self.0.chunks_exact_mut(2 * M) {
            row.copy_within(..M, M);
        }
    }

    /// A row from the sum `first` on.
    fn turned(&self, state: usize, first: usize) -> &[f32] {
        &self.0[state * 2 * M + first..][..M]
    }
}

/// The least of some numbers, found in lanes.
fn least(values: &[f32; M]) -> f32 {
    let mut lanes = [f32::INFINITY; 8];
    let (whole, rest) = values.as_chunks::<8>();
    for values in whole {
        for (l, v) in lanes.iter_mut().zip(values) {
            *l = lesser(*l, *v);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::INFINITY, lesser)
}

impl Best {
    /// From the least cost of a sequence with each character at each position.
    fn of(with: &[[f32; VALUES]]) -> Self {
        let mut values = Vec::with_capacity(with.len());
        let mut cost = f32::INFINITY;
        let mut leads = Vec::with_capacity(with.len());
        for with in with {
            let s = (0..VALUES).min_by(|a, b| with[*a].total_cmp(&with[*b])).unwrap_or(0);
            let other = (0..VALUES).filter(|v| *v != s).map(|v| with[v]).fold(f32::INFINITY, f32::min);
            leads.push(other - with[s]);
            cost = with[s];
            values.push(s);
        }
        // Any other sequence differs somewhere, so the smallest difference over all positions is that of the next best one.
        let margin = leads.iter().copied().fold(f32::INFINITY, f32::min);
        Self { values, cost, margin, leads }
    }
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
            sum += costs[k].row(e, s)[b];
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
            let costs: Vec<PositionCost> = (0..3).map(|k| PositionCost::new(|e, s| [0, 1, 2, 3].map(|b| noise(seed, k, e, s, b)))).collect();
            let mut valid: Vec<(f32, Vec<usize>)> = Vec::new();
            for a in 0..VALUES {
                for b in 0..VALUES {
                    let values = vec![a, b, (start + a + 2 * b) % 103];
                    valid.push((total(&costs, start, &values, &classes), values));
                }
            }
            valid.sort_by(|a, b| a.0.total_cmp(&b.0));
            let search = Search::new(&costs, start, &classes);
            let found = search.valid();
            prop_assert_eq!(&found.values, &valid[0].1);
            prop_assert!((found.cost - valid[0].0).abs() < 1e-5);
            prop_assert!((found.margin - (valid[1].0 - valid[0].0)).abs() < 1e-5);
            let free = search.free();
            prop_assert!(free.cost <= found.cost + 1e-6);
            prop_assert!((least_cost(&costs, start, &classes) - free.cost).abs() < 1e-5);
            prop_assert!((total(&costs, start, &free.values, &classes) - free.cost).abs() < 1e-5);
        }

        /// What is left out cannot take part, whether one text stands out or none does.
        #[test]
        fn following_a_few_is_as_exact_as_following_all(seed in any::<u64>(), start in 103usize..106, depth in 0.0f32..3.0) {
            let classes = Classes::new();
            let printed: Vec<usize> = (0..11).map(|k| (seed >> (5 * k)) as usize % VALUES).collect();
            let deep = |k: usize, s: usize| if printed[k] == s { 0.0 } else { depth };
            let costs: Vec<PositionCost> =
                (0..11).map(|k| PositionCost::new(|e, s| [0, 1, 2, 3].map(|b| noise(seed, k, e, s, b) + deep(k, s)))).collect();
            let search = Search::new(&costs, start, &classes);
            let (few, all) = (search.valid(), search.valid_under(f32::INFINITY));
            prop_assert_eq!(few.values, all.values);
            prop_assert!((few.cost - all.cost).abs() < 1e-4 && (few.margin - all.margin).abs() < 1e-4);
            // A character's lead is exact or too small, never too large: it decides what is accepted.
            prop_assert!(few.leads.iter().zip(&all.leads).all(|(few, all)| *few <= all + 1e-4));
            prop_assert!(few.leads.iter().all(|lead| *lead >= few.margin - 1e-4));
        }
    }
}
