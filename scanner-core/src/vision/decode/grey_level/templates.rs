//! What every character would cost at every place of a profile.
//!
//! A character is three bars, and bars add up. So the squared residual of a character with its neighbours is multiplied out into what each bar has to do
//! with the profile, and with every other bar: some forty bars and a few hundred pairs instead of 103 characters in sixteen neighbourhoods.

use std::sync::OnceLock;

use super::fit::{Light, side};
use super::lattice::{BEGINNINGS, CLASSES, ENDINGS, PositionCost};
use super::model::{BINS, ByStep, CHARACTER, EdgeResponse, Optics, QUIET, Steps, VALUES, modules};
use super::pixels::Profile;
use crate::vision::lanes::dot;

/// Bins of one character.
const SPAN: usize = CHARACTER * BINS;
/// Numbers that are added up side by side; a divisor of [`SPAN`].
const LANES: usize = 8;
/// Bars of a character.
const BARS: usize = 3;

/// What characters are made of.
struct Alphabet {
    /// First module and width of every bar that occurs.
    bars: Vec<(usize, usize)>,
    /// Pairs of bars that occur in one character, by their indices.
    pairs: Vec<(usize, usize)>,
    /// Each character's bars and pairs of bars.
    characters: Vec<([usize; BARS], [usize; BARS])>,
}

impl Alphabet {
    fn new() -> Self {
        /// The index of an item, which is added if it is new.
        fn index<T: PartialEq>(known: &mut Vec<T>, item: T) -> usize {
            known.iter().position(|k| *k == item).unwrap_or_else(|| {
                known.push(item);
                known.len() - 1
            })
        }
        let (mut bars, mut pairs) = (Vec::new(), Vec::new());
        let characters = (0..VALUES).map(|value| {
            let each: Vec<usize> = runs(&modules(value)).into_iter().map(|bar| index(&mut bars, bar)).collect();
            let own = [each[0], each[1], each[2]];
            let between = [(own[0], own[1]), (own[0], own[2]), (own[1], own[2])].map(|pair| index(&mut pairs, pair));
            (own, between)
        });
        let characters = characters.collect();
        Self { bars, pairs, characters }
    }

    fn get() -> &'static Self {
        static ALPHABET: OnceLock<Alphabet> = OnceLock::new();
        ALPHABET.get_or_init(Self::new)
    }
}

/// First module and width of each bar among `modules`.
fn runs(modules: &[bool]) -> Vec<(usize, usize)> {
    let begins = |i: usize| modules[i] && (i == 0 || !modules[i - 1]);
    (0..modules.len()).filter(|i| begins(*i)).map(|i| (i, modules[i..].iter().take_while(|m| **m).count())).collect()
}

/// Something dark, blurred, over the bins of a character, and where it is not zero, in whole lanes.
struct Shape {
    values: [f32; SPAN],
    from: usize,
    to: usize,
}

impl Shape {
    fn new(edge: &EdgeResponse, bars: &[bool], first: isize) -> Self {
        let mut values = [0.0; SPAN];
        edge.add_bars(bars, first, &mut values);
        let from = values.iter().position(|v| *v != 0.0).unwrap_or(SPAN) / LANES * LANES;
        let to = values.iter().rposition(|v| *v != 0.0).map_or(from, |last| (last + 1).next_multiple_of(LANES));
        Self { values, from, to }
    }

    /// Weighted, its weighted square, and its weighted product with `d`.
    fn weighted(&self, w: &[f32; SPAN], d: &[f32; SPAN]) -> ([f32; SPAN], f32, f32) {
        let mut weighted = [0.0; SPAN];
        let range = self.from..self.to;
        for ((x, v), w) in weighted[range.clone()].iter_mut().zip(&self.values[range.clone()]).zip(&w[range.clone()]) {
            *x = v * w;
        }
        let product = |y: &[f32; SPAN]| dot::<LANES>(&weighted[range.clone()], &y[range.clone()]);
        let (square, with) = (product(&self.values), product(d));
        (weighted, square, with)
    }

    /// Sum of its products with another shape that is already weighted.
    fn product(&self, other: &Self, weighted: &[f32; SPAN]) -> f32 {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        if from < to { dot::<LANES>(&self.values[from..to], &weighted[from..to]) } else { 0.0 }
    }
}

/// What characters look like at each place of a code, for one lens and print.
pub(super) struct Templates(ByStep<Blurred>);

impl Templates {
    pub(super) fn new(steps: &Steps, optics: Optics) -> Self {
        Self(steps.map(|step| Blurred::new(*step, optics)))
    }

    /// Cost tables of all positions between start and stop.
    pub(super) fn costs(&self, profile: &Profile, light: &Light, length: f32, characters: usize) -> Vec<PositionCost> {
        let position = |k: usize| self.0.at(k).position(profile, light, length, (QUIET + CHARACTER * k) * BINS);
        (1..=characters).map(position).collect()
    }
}

/// Blurred bars and what of the neighbouring characters shows in a character's place.
struct Blurred {
    bars: Vec<Shape>,
    before: [Shape; CLASSES],
    behind: [Shape; CLASSES],
}

impl Blurred {
    fn new(step: [f32; 2], optics: Optics) -> Self {
        let edge = EdgeResponse::new(step, optics);
        let bars =
            Alphabet::get().bars.iter().map(|(first, width)| Shape::new(&edge, &[true; CHARACTER][..*width], *first as isize)).collect();
        let before = ENDINGS.map(|modules| Shape::new(&edge, &modules, -3));
        let behind = BEGINNINGS.map(|modules| Shape::new(&edge, &modules, CHARACTER as isize));
        Self { bars, before, behind }
    }

    /// Σ w (d − own − before − behind)² by (end of previous, character, beginning of next), multiplied out so that each product is formed once.
    fn position(&self, profile: &Profile, light: &Light, length: f32, first_bin: usize) -> PositionCost {
        let mut d = [0.0f32; SPAN];
        let mut w = [0.0f32; SPAN];
        for b in 0..SPAN {
            let i = first_bin + b;
            let s = side(i, length);
            let gain = light.gain_at(s);
            if profile.count[i] > 0.0 && gain != 0.0 {
                d[b] = (profile.sum[i] / profile.count[i] - light.base_at(s)) / gain;
                w[b] = profile.count[i] * gain * gain;
            }
        }
        let dd: f32 = d.iter().zip(&w).map(|(d, w)| d * d * w).sum();
        // Each neighbour by itself, and both together.
        let mut neighbours = [[dd; CLASSES]; CLASSES];
        let behind_alone = self.behind.each_ref().map(|shape| {
            let (_, square, with) = shape.weighted(&w, &d);
            square - 2.0 * with
        });
        let before = self.before.each_ref().map(|shape| shape.weighted(&w, &d));
        for ((row, shape), (weighted, square, with)) in neighbours.iter_mut().zip(&self.before).zip(&before) {
            for ((cost, behind), alone) in row.iter_mut().zip(&self.behind).zip(&behind_alone) {
                *cost += square - 2.0 * with + alone + 2.0 * behind.product(shape, weighted);
            }
        }
        // Each bar by itself, with the neighbours, and with the other bars.
        let alphabet = Alphabet::get();
        let bars: Vec<BarCost> = self
            .bars
            .iter()
            .map(|bar| {
                let (weighted, square, with) = bar.weighted(&w, &d);
                BarCost {
                    alone: square - 2.0 * with,
                    before: self.before.each_ref().map(|shape| 2.0 * shape.product(bar, &weighted)),
                    behind: self.behind.each_ref().map(|shape| 2.0 * shape.product(bar, &weighted)),
                    weighted,
                }
            })
            .collect();
        let pairs: Vec<f32> = alphabet.pairs.iter().map(|(p, q)| 2.0 * self.bars[*q].product(&self.bars[*p], &bars[*p].weighted)).collect();
        let own: Vec<(f32, [f32; CLASSES], [f32; CLASSES])> = alphabet
            .characters
            .iter()
            .map(|(own, between)| {
                let [p, q, r] = own.map(|bar| &bars[bar]);
                let [x, y, z] = between.map(|pair| pairs[pair]);
                let sum = |of: fn(&BarCost) -> &[f32; CLASSES]| std::array::from_fn(|c| of(p)[c] + of(q)[c] + of(r)[c]);
                (p.alone + q.alone + r.alone + x + y + z, sum(|bar| &bar.before), sum(|bar| &bar.behind))
            })
            .collect();
        PositionCost::new(|e, s| {
            let (alone, before, behind) = &own[s];
            std::array::from_fn(|b| alone + before[e] + behind[b] + neighbours[e][b])
        })
    }
}

/// What a bar adds to the cost of a place.
struct BarCost {
    alone: f32,
    before: [f32; CLASSES],
    behind: [f32; CLASSES],
    weighted: [f32; SPAN],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::decode::grey_level::model::Lens;

    #[test]
    fn costs_are_the_squared_residuals() {
        // Two characters between a start and a stop, uneven counts, uneven light.
        let (start, values, length) = (105, [17usize, 88], super::super::model::code_modules(2));
        let optics = Optics { lens: Lens::Disc, sigma_px: 0.7, growth: 0.1 };
        let steps = Steps::even([0.6, 0.5]);
        let edge = ByStep::new(&steps, optics);
        let template = edge.whole_code(start, Some(&values), 2);
        let light = Light::even(0.8, -0.55);
        let count: Vec<f32> = (0..template.len()).map(|i| (i % 5) as f32).collect();
        let wobble = |i: usize| 0.03 * ((i * i % 17) as f32 - 8.0) / 8.0;
        let sum = template.iter().enumerate().map(|(i, t)| count[i] * (0.8 - 0.55 * t + wobble(i))).collect();
        let profile = Profile { sum, count };
        let costs = Templates::new(&steps, optics).costs(&profile, &light, length as f32, 2);
        let end = |value: usize| ENDINGS.iter().position(|e| modules(value).ends_with(e)).unwrap();
        let begin = |value: usize| BEGINNINGS.iter().position(|b| modules(value).starts_with(b)).unwrap();
        // The stop begins as 23 31 11 2 does: with two dark modules.
        let stop = BEGINNINGS.iter().position(|b| *b == [true, true, false]).unwrap();
        let residual = |bins: std::ops::Range<usize>, template: &[f32]| -> f32 {
            bins.filter(|i| profile.count[*i] > 0.0)
                .map(|i| profile.count[i] * (profile.sum[i] / profile.count[i] - 0.8 + 0.55 * template[i]).powi(2))
                .sum()
        };
        let place = |k: usize| (QUIET + CHARACTER * (k + 1)) * BINS..(QUIET + CHARACTER * (k + 2)) * BINS;
        for tried in [values, [0, 102], [88, 17], [64, 5]] {
            let template = edge.whole_code(start, Some(&tried), 2);
            let by_tables = [costs[0].row(end(start), tried[0])[begin(tried[1])], costs[1].row(end(tried[0]), tried[1])[stop]];
            for (k, found) in by_tables.into_iter().enumerate() {
                let wanted = residual(place(k), &template);
                assert!((found - wanted).abs() < 1e-4 * (1.0 + wanted), "{tried:?} {k}: {found} instead of {wanted}");
            }
        }
    }
}
