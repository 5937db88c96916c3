//! Whether a grey profile shows an EAN-13: a look of a fraction of a millisecond that saves the search for a Code 128 in it.
//!
//! An EAN-13 has 24 edges in fixed places, whatever it says: guards at both ends and in the middle, and each of its digits begins with a space on the left
//! and with a bar on the right (ISO/IEC 15420). It looks the same from both ends.

use crate::vision::rectify::{BINS_PER_PX, Profile};

/// A symbology's fixed edges, modules from its first bar.
struct Fixed {
    modules: f64,
    /// Where light turns to dark.
    dark: &'static [f64],
    /// Where dark turns to light.
    light: &'static [f64],
}

const EAN13: Fixed = Fixed {
    modules: 95.0,
    dark: &[0.0, 2.0, 46.0, 48.0, 50.0, 57.0, 64.0, 71.0, 78.0, 85.0, 92.0, 94.0],
    light: &[1.0, 3.0, 10.0, 17.0, 24.0, 31.0, 38.0, 45.0, 47.0, 49.0, 93.0, 95.0],
};

/// Twenty digits in code set C: start, where its characters begin, and stop.
const CODE128: Fixed = Fixed {
    modules: 145.0,
    dark: &[0.0, 3.0, 6.0, 11.0, 22.0, 33.0, 44.0, 55.0, 66.0, 77.0, 88.0, 99.0, 110.0, 121.0, 132.0, 137.0, 141.0, 143.0],
    light: &[2.0, 4.0, 9.0, 134.0, 140.0, 142.0, 145.0],
};

/// How far the ends may be from where they are expected, in lengths.
const REACH: f64 = 0.22;
/// Steps in which they are tried, modules; the best few places are looked at in finer ones.
const STEP: f64 = 1.0;
const FINER: i32 = 4;
const BEST: usize = 12;
/// What is compared on both sides of an edge, modules.
const SIDE: f64 = 0.8;

/// Likeness of the edges to lighter below which the others are not looked at.
const HOPELESS: f32 = 0.3;
/// Likeness from which on it is one: most codes of twenty digits come to 0.82, EAN-13 begin at 0.9.
const ALIKE: f32 = 0.87;
/// Smallest modules that show their edges, px.
const SMALLEST: f64 = 1.0;

/// Whether a profile shows an EAN-13 that has its ends near `ends`, and no traceability code at least as much: some of those repeat themselves in a way that
/// looks like digits of seven modules. Smaller ones than edges can be told apart in are none.
pub fn is_ean13(profile: &Profile, [start, stop]: [f64; 2]) -> bool {
    if (stop - start) / EAN13.modules < SMALLEST {
        return false;
    }
    let mut steps = Steps::new(profile);
    let ean = steps.likeness(&EAN13, [start, stop]);
    let mut code128 = || steps.likeness(&CODE128, [start, stop]).max(steps.likeness(&CODE128, [stop, start]));
    ean > ALIKE && ean > code128()
}

/// What changes at every bin of a profile.
struct Steps {
    start: f64,
    /// Grey values and number of bins that pixels fell into, before each bin.
    sums: Vec<[f64; 2]>,
    /// By the number of bins that are compared on both sides: how much lighter it is before every bin than behind it; no number where no pixel fell.
    by_side: Vec<Vec<f32>>,
}

impl Steps {
    fn new(profile: &Profile) -> Self {
        let mut sums = vec![[0.0; 2]];
        let mut total = [0f64; 2];
        for (mean, weight) in profile.mean.iter().zip(&profile.weight) {
            if *weight > 0.0 {
                total = [total[0] + f64::from(*mean), total[1] + 1.0];
            }
            sums.push(total);
        }
        Self { start: profile.start, sums, by_side: Vec::new() }
    }

    /// The steps over as many bins on both sides.
    fn over(&mut self, side: usize) -> &[f32] {
        if self.by_side.len() <= side {
            self.by_side.resize(side + 1, Vec::new());
        }
        let steps = &mut self.by_side[side];
        if steps.is_empty() {
            let last = self.sums.len() - 1;
            let mean = |from: usize, to: usize| {
                let [a, b] = [self.sums[from], self.sums[to]];
                (b[0] - a[0]) / (b[1] - a[1])
            };
            steps.extend((0..=last).map(|bin| (mean(bin.saturating_sub(side), bin) - mean(bin, (bin + side).min(last))) as f32));
        }
        steps
    }

    /// How consistently fixed edges lie where they should (1 is perfectly), at the best place that has its ends near `ends`, the last one first where it runs
    /// against u.
    fn likeness(&mut self, fixed: &Fixed, ends: [f64; 2]) -> f32 {
        let mut at = |[start, stop]: [f64; 2]| {
            let module = (stop - start) / fixed.modules;
            // Not rounded by `f64::round`, a call where the processor's own instruction is not taken for granted.
            let bin = |u: f64| (u * BINS_PER_PX as f64 + 0.5).max(0.0) as usize;
            let start = start - self.start;
            let steps_at = self.over(bin(SIDE * module.abs()));
            let last = steps_at.len() - 1;
            let (mut steps, mut squares, mut n) = (0f32, 0f32, 0f32);
            for (edges, sign) in [(fixed.light, -module.signum() as f32), (fixed.dark, module.signum() as f32)] {
                // Most places are far off, which half of the edges tell.
                if n > 0.0 && steps < HOPELESS * f32::sqrt(n * squares) {
                    return 0.0;
                }
                for edge in edges {
                    let step = steps_at[bin(start + edge * module).min(last)];
                    if !step.is_nan() {
                        (steps, squares, n) = (steps + sign * step, squares + step * step, n + 1.0);
                    }
                }
            }
            if squares > 0.0 { steps / f32::sqrt(n * squares) } else { 0.0 }
        };
        let module = (ends[1] - ends[0]) / fixed.modules;
        let mut shifted = |[first, last]: [i32; 2], step: f64| {
            let shift = |end: f64, by: i32| end + f64::from(by) * step * module;
            at([shift(ends[0], first), shift(ends[1], last)])
        };
        let around = |[a, b]: [i32; 2], reach: i32| (a - reach..=a + reach).flat_map(move |a| (b - reach..=b + reach).map(move |b| [a, b]));
        let reach = (REACH * fixed.modules / STEP).ceil() as i32;
        let mut coarse: Vec<(f32, [i32; 2])> = around([0, 0], reach).map(|place| (shifted(place, STEP), place)).collect();
        coarse.select_nth_unstable_by(BEST, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let fine = coarse.iter().take(BEST).flat_map(|(_, place)| around(place.map(|k| k * FINER), FINER - 1));
        fine.map(|place| shifted(place, STEP / f64::from(FINER))).fold(0.0, f32::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::decode::symbol::LinearSymbol;

    /// A symbol with 10 modules of paper on both sides; its bars' edges fall within a module of blur.
    fn profile(symbol: &LinearSymbol, module: f64) -> Profile {
        let edges = symbol.edges();
        let bins = ((symbol.modules() as f64 + 20.0) * module * BINS_PER_PX as f64) as usize;
        let dark =
            |u: f64| -> f64 { edges.iter().enumerate().map(|(k, e)| [1.0, -1.0][k % 2] * ((u / module - e) + 0.5).clamp(0.0, 1.0)).sum() };
        let start = -10.0 * module;
        let mean = (0..bins).map(|i| (0.9 - 0.7 * dark(start + i as f64 / BINS_PER_PX as f64)) as f32).collect();
        Profile { start, mean, weight: vec![1.0; bins] }
    }

    #[test]
    fn retail_codes_are_told_from_traceability_codes() {
        for digits in ["6901234567892", "6925434924965", "4006381333931"] {
            let symbol = LinearSymbol::ean13(digits).unwrap();
            for module in [1.1, 1.7, 2.6] {
                let length = EAN13.modules * module;
                // The locator is off by some modules at either end.
                assert!(is_ean13(&profile(&symbol, module), [-5.0 * module, length + 3.0 * module]), "{digits} {module}");
            }
            assert!(!is_ean13(&profile(&symbol, 0.9), [0.0, 0.9 * EAN13.modules]), "too small to say");
        }
        for i in 0..200u64 {
            let symbol = LinearSymbol::code128_digits(&format!("8{:019}", i.wrapping_mul(0x09E3_779B_97F4_A7C1) % 10u64.pow(19))).unwrap();
            for module in [0.8, 1.3, 2.0] {
                let (forwards, length) = (profile(&symbol, module), 145.0 * module);
                let backwards = Profile { mean: forwards.mean.iter().rev().copied().collect(), ..forwards.clone() };
                let ends = [-4.0 * module, length + 6.0 * module];
                assert!(!is_ean13(&forwards, ends) && !is_ean13(&backwards, ends), "{i}, {module} px");
            }
        }
    }

    #[test]
    fn nothing_is_no_code() {
        assert!(!is_ean13(&Profile { start: 0.0, mean: Vec::new(), weight: Vec::new() }, [0.0, 200.0]));
        assert!(!is_ean13(&Profile { start: 0.0, mean: vec![0.5; 900], weight: vec![1.0; 900] }, [10.0, 210.0]));
    }
}
