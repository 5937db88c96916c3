//! The print that a text claims, laid over the grey values that were seen.
//!
//! A text that came out of thresholds is held against the profile once more: its bars, blurred as lens and pixel blur them, must explain the
//! profile, and no other symbol in any one place may explain it better. The fit also gives the code's ends to a fraction of a pixel, and how its
//! scale changes along it.

use std::ops::Range;

use super::decode::LinearSymbol;
use super::rectify::{BINS_PER_PX, Profile};
use crate::codes::Symbology;

/// Degree of the polynomial that maps the print onto the strip: perspective and a curved surface need no more.
const DEGREE: usize = 4;

/// Modules of the widest character.
const MOST_MODULES: usize = 11;

/// Modules from a symbol's ends that must be light: beyond what the blur of its edges makes dark, and no farther than codes keep free.
const QUIET_ZONE: [f64; 2] = [1.0, 5.0];

/// A symbol laid over a profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SymbolFit {
    /// u = Σ warp\[k\]·sᵏ for the share s (0 to 1) of the symbol's modules, from the start's outer edge to the stop's.
    pub warp: [f64; DEGREE + 1],
    /// Blur of edges, px, the pixel's footprint included.
    pub blur_px: f64,
    /// How far bars reach beyond their edges, px; 0 for Code 128, whose characters have bars of an even number of modules.
    pub growth_px: f64,
    /// Correlation of the blurred print with the profile.
    pub correlation: f64,
    /// Of the characters (of a Code 128 those before the stop), the share that explains its place better than every other one would; 0 where several
    /// together that have other widths of bars do.
    pub symbols_best: f64,
}

impl SymbolFit {
    /// u at share s of the symbol.
    pub fn at(&self, s: f64) -> f64 {
        self.warp.iter().rev().fold(0.0, |sum, c| sum * s + c)
    }

    /// u of the outer edges of start and stop (start > stop where the code runs against u).
    pub fn ends(&self) -> [f64; 2] {
        [self.at(0.0), self.at(1.0)]
    }

    /// The smallest module along the code ÷ the mean module.
    pub fn smallest_module(&self) -> f64 {
        let mean = self.at(1.0) - self.at(0.0);
        let slope = |s: f64| self.warp.iter().enumerate().skip(1).rev().fold(0.0, |sum, (k, c)| sum * s + c * k as f64);
        (0..=20).map(|i| slope(f64::from(i) / 20.0) / mean).fold(f64::MAX, f64::min).clamp(0.0, 1.0)
    }

    /// Changes an unknown: places and growth by `px`, the blur by a share.
    fn nudge(&mut self, unknown: Unknown, px: f64, share: f64) {
        match unknown {
            Unknown::Start => {
                self.warp[0] += px;
                self.warp[1] -= px;
            }
            Unknown::Stop => self.warp[1] += px,
            Unknown::Middle => {
                self.warp[1] += 4.0 * px;
                self.warp[2] -= 4.0 * px;
            }
            Unknown::Blur => self.blur_px = (self.blur_px * (1.0 + share)).clamp(0.3, 12.0),
            Unknown::Growth => self.growth_px += px,
        }
    }
}

/// What is fitted: the places of a symbol's start, stop and middle, the blur of its edges, and how far its bars are grown.
#[derive(Debug, Clone, Copy)]
enum Unknown {
    Start,
    Stop,
    Middle,
    Blur,
    Growth,
}

impl Unknown {
    /// What is fitted of a symbol, in this order.
    fn of(symbol: &LinearSymbol) -> &'static [Self] {
        const ALL: [Unknown; 5] = [Unknown::Blur, Unknown::Start, Unknown::Stop, Unknown::Middle, Unknown::Growth];
        // Growth changes no character of a Code 128 into another one.
        if symbol.symbology == Symbology::Ean13 { &ALL } else { &ALL[..4] }
    }
}

/// Least-squares polynomial through the edges that a row showed. Bars that came out too wide or too narrow cancel.
fn warp_through(positions: &[f64], shares: &[f64]) -> Option<[f64; DEGREE + 1]> {
    const N: usize = DEGREE + 1;
    if positions.len() != shares.len() || positions.len() < 2 * N {
        return None;
    }
    let mut m = [[0f64; N + 1]; N];
    for (&u, &s) in positions.iter().zip(shares) {
        let mut powers = [1.0; N];
        for k in 1..N {
            powers[k] = powers[k - 1] * s;
        }
        for i in 0..N {
            for k in 0..N {
                m[i][k] += powers[i] * powers[k];
            }
            m[i][N] += powers[i] * u;
        }
    }
    for i in 0..N {
        let pivot = (i..N).max_by(|&a, &b| m[a][i].abs().total_cmp(&m[b][i].abs()))?;
        m.swap(i, pivot);
        if m[i][i].abs() < 1e-12 {
            return None;
        }
        for r in 0..N {
            if r != i {
                let (pivot, f) = (m[i], m[r][i] / m[i][i]);
                for (value, p) in m[r].iter_mut().zip(pivot).skip(i) {
                    *value -= f * p;
                }
            }
        }
    }
    let mut warp = [0.0; N];
    for i in 0..N {
        warp[i] = m[i][N] / m[i][i];
    }
    Some(warp)
}

/// Fits `symbol` to `profile`, starting from the `edges` that a row showed (in px along the profile, from the start to the stop). `None` if they
/// make no sense.
pub fn fit_symbol(profile: &Profile, symbol: &LinearSymbol, edges: &[f64]) -> Option<SymbolFit> {
    let modules = symbol.modules() as f64;
    let shares = symbol.shares();
    let warp = warp_through(edges, &shares)?;
    let mut best = SymbolFit { warp, blur_px: 0.7, growth_px: 0.0, correlation: 0.0, symbols_best: 0.0 };
    let ends = best.ends();
    let module = (ends[1] - ends[0]).abs() / modules;
    if !module.is_finite() || module < 0.2 || best.smallest_module() < 0.2 {
        return None;
    }
    // Wide bars of a close-up are blurred by more pixels.
    best.blur_px = (0.3 * module).clamp(0.7, 4.0);
    let mut model = Model::new(profile, ends, 4.0 * module);
    best.correlation = model.correlation(profile, &shares, &best);
    // Each unknown in turn, with shrinking steps.
    let (mut step, mut share) = ((0.3 * module).clamp(0.15, 1.0), 0.3);
    for _ in 0..5 {
        for unknown in Unknown::of(symbol) {
            for sign in [-1.0, 1.0] {
                for _ in 0..8 {
                    let mut trial = best;
                    trial.nudge(*unknown, sign * step, sign * share);
                    trial.correlation = model.correlation(profile, &shares, &trial);
                    if trial.correlation <= best.correlation + 1e-6 {
                        break;
                    }
                    best = trial;
                }
            }
        }
        step *= 0.5;
        share *= 0.6;
    }
    let better = |other: &LinearSymbol| model.correlation(profile, &other.shares(), &best) > best.correlation;
    best.symbols_best = if symbol.regrown().iter().any(better) { 0.0 } else { model.symbols_best(profile, symbol, &best) };
    Some(best)
}

/// Mean darkness of the darker quiet zone of a symbol that is `fit`ted to `profile`, 0 (paper) to 1 (ink): bars that blur into each other are dark by half. 0 where
/// none is seen. Grey values of paper and ink are those of the two characters next to it.
pub fn quiet_zone(profile: &Profile, symbol: &LinearSymbol, fit: &SymbolFit) -> f64 {
    let mut model = Model::new(profile, fit.ends(), 0.0);
    model.render(profile, &symbol.shares(), fit);
    let modules = symbol.modules() as f64;
    let bins = |range: [f64; 2], from: usize, most: usize| {
        let bin = |module: f64| (fit.at(module / modules) - profile.start) * BINS_PER_PX as f64 - from as f64;
        let [p, q] = range.map(|module| bin(module).clamp(0.0, most as f64) as usize);
        p.min(q)..p.max(q)
    };
    let dark = [(0.0, -1.0), (modules, 1.0)].map(|(end, outwards)| {
        let characters = [end, end - outwards * 2.0 * MOST_MODULES as f64];
        let (gain, offset) = model.levels(profile, bins(characters, model.from, model.values.len()));
        let zone = bins(QUIET_ZONE.map(|off| end + outwards * off), 0, profile.mean.len());
        let weight: f32 = profile.weight[zone.clone()].iter().sum();
        let sum: f32 = zone.map(|i| profile.weight[i] * profile.mean[i]).sum();
        if weight > 0.0 && gain < 0.0 { f64::from((sum / weight - offset) / gain) } else { 0.0 }
    });
    dark[0].max(dark[1])
}

/// Buffers for the blurred print over the part of a profile that holds the code.
struct Model {
    from: usize,
    values: Vec<f32>,
}

impl Model {
    fn new(profile: &Profile, ends: [f64; 2], margin: f64) -> Self {
        let k = BINS_PER_PX as f64;
        let bin = |u: f64| ((u - profile.start) * k).clamp(0.0, profile.mean.len() as f64) as usize;
        let (lo, hi) = (ends[0].min(ends[1]) - margin, ends[0].max(ends[1]) + margin);
        let (from, to) = (bin(lo), bin(hi));
        Self { from, values: vec![0.0; to.saturating_sub(from)] }
    }

    /// Darkness (0 to 1) of the blurred print in every bin.
    fn render(&mut self, profile: &Profile, shares: &[f64], fit: &SymbolFit) {
        let k = BINS_PER_PX as f64;
        let sigma = fit.blur_px * k;
        let n = self.values.len();
        self.values.fill(0.0);
        // The blurred print is the running sum of a bell at every edge, up and down in turn.
        let reach = (3.5 * sigma).ceil() as isize;
        let against = fit.at(1.0) < fit.at(0.0);
        for (i, &share) in shares.iter().enumerate() {
            // Run against u, an edge that darkens to the code's right darkens to the profile's left.
            let sign = if (i % 2 == 0) != against { 1.0 } else { -1.0 };
            let at = (fit.at(share) - sign * fit.growth_px - profile.start) * k - self.from as f64;
            let middle = at.round() as isize;
            let (mut bells, mut norm) = ([0f64; 256], 0.0);
            let reach = reach.min(127);
            for d in -reach..=reach {
                // The sum up to a bin is taken at the bin's middle: half the bell's bin on either side.
                let z = ((middle + d) as f64 - 0.5 - at) / sigma;
                let bell = (-0.5 * z * z).exp();
                bells[(d + reach) as usize] = bell;
                norm += bell;
            }
            for d in -reach..=reach {
                let target = middle + d;
                let value = (sign * bells[(d + reach) as usize] / norm) as f32;
                if target < 0 {
                    if let Some(first) = self.values.first_mut() {
                        *first += value;
                    }
                } else if (target as usize) < n {
                    self.values[target as usize] += value;
                }
            }
        }
        let mut sum = 0.0;
        for v in &mut self.values {
            sum += *v;
            *v = sum;
        }
    }

    /// Correlation of darkness and measured darkness, each freed of a linear trend in the latter (uneven light).
    fn correlation(&mut self, profile: &Profile, shares: &[f64], fit: &SymbolFit) -> f64 {
        self.render(profile, shares, fit);
        let (mut w, mut sm, mut sy, mut st) = (0.0f64, 0.0f64, 0.0f64, 0.0f64);
        let each = |f: &mut dyn FnMut(f64, f64, f64, f64)| {
            for (i, &m) in self.values.iter().enumerate() {
                let weight = f64::from(profile.weight[self.from + i]).min(8.0);
                if weight > 1e-3 {
                    f(weight, f64::from(m), -f64::from(profile.mean[self.from + i]), i as f64);
                }
            }
        };
        each(&mut |wt, m, y, t| {
            w += wt;
            sm += wt * m;
            sy += wt * y;
            st += wt * t;
        });
        if w <= 0.0 {
            return 0.0;
        }
        let (am, ay, at) = (sm / w, sy / w, st / w);
        let (mut mm, mut my, mut yy, mut mt, mut yt, mut tt) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        each(&mut |wt, m, y, t| {
            let (m, y, t) = (m - am, y - ay, t - at);
            mm += wt * m * m;
            my += wt * m * y;
            yy += wt * y * y;
            mt += wt * m * t;
            yt += wt * y * t;
            tt += wt * t * t;
        });
        let tt: f64 = tt.max(1e-9);
        let (mm, my, yy) = (mm - mt * mt / tt, my - mt * yt / tt, yy - yt * yt / tt);
        my / (mm * yy).sqrt().max(1e-12)
    }

    /// Share of the characters that no other explains better in its place.
    fn symbols_best(&mut self, profile: &Profile, symbol: &LinearSymbol, fit: &SymbolFit) -> f64 {
        let modules = symbol.modules() as f64;
        self.render(profile, &symbol.shares(), fit);
        let k = BINS_PER_PX as f64;
        let sigma = fit.blur_px * k;
        let against = fit.at(1.0) < fit.at(0.0);
        let characters = symbol.characters();
        // Where an EAN-13 is blurred, 1 and 7 differ in nothing but how dark their bars are, and so do 2 and 8: the symbol has one contrast. A Code 128
        // has none of that kind, since its bars take up an even number of modules.
        let contrast = (symbol.symbology == Symbology::Ean13).then(|| {
            let (gain, offset) = self.levels(profile, 0..self.values.len());
            -gain / offset.max(f32::EPSILON)
        });
        let mut good = 0;
        // Step responses at the places inside a character where an edge may be, by whether it darkens.
        let mut steps: Vec<[[f32; 2]; MOST_MODULES]> = Vec::new();
        for character in &characters {
            let place = |m: usize| (fit.at((character.at + m) as f64 / modules) - profile.start) * k - self.from as f64;
            let (p, q) = (place(0), place(character.modules()));
            let (lo, hi) = (p.min(q).max(0.0) as usize, (p.max(q).ceil().max(0.0) as usize).min(self.values.len()));
            if lo >= hi {
                return 0.0;
            }
            steps.clear();
            for bin in lo..hi {
                let mut row = [[0f32; 2]; MOST_MODULES];
                for (m, step) in row.iter_mut().enumerate().take(character.modules()).skip(1) {
                    let to_edge = (bin as f64 - place(m)) * if against { -1.0 } else { 1.0 };
                    *step = [1.0, -1.0].map(|grown| logistic_cdf((to_edge - grown * fit.growth_px * k) / sigma));
                }
                steps.push(row);
            }
            // What the neighbours contribute, and the grey levels: the fitted print without this character's inner edges, and a local regression.
            let inner = |widths: &[u8], row: &[[f32; 2]; MOST_MODULES]| -> f32 {
                let (mut at, mut sum) = (0usize, 0f32);
                for (i, &w) in widths.iter().enumerate().take(widths.len() - 1) {
                    at += usize::from(w);
                    // A bar's end is a step down.
                    let lightens = (i % 2 == 0) == character.bar_first;
                    sum += if lightens { -row[at][0] } else { row[at][1] };
                }
                sum
            };
            let base: Vec<f32> = (lo..hi).zip(&steps).map(|(bin, row)| self.values[bin] - inner(character.own, row)).collect();
            let around = lo.saturating_sub(hi - lo)..(hi + (hi - lo)).min(self.values.len());
            let (gain, offset) = match contrast {
                Some(contrast) => {
                    let white = self.white(profile, around, contrast);
                    (-contrast * white, white)
                }
                None => self.levels(profile, around),
            };
            let error = |widths: &[u8]| -> f32 {
                let mut e = 0.0;
                for (i, row) in steps.iter().enumerate() {
                    let bin = self.from + lo + i;
                    let d = offset + gain * (base[i] + inner(widths, row)) - profile.mean[bin];
                    e += d * d * profile.weight[bin].min(8.0);
                }
                e
            };
            let mine = error(character.own);
            if character.rivals.iter().filter(|rival| **rival != character.own).all(|rival| error(rival) > mine) {
                good += 1;
            }
        }
        f64::from(good) / characters.len() as f64
    }

    /// Regression of the profile on the rendered print in a range of bins: (gain, offset).
    fn levels(&self, profile: &Profile, bins: Range<usize>) -> (f32, f32) {
        let (mut w, mut m, mut y, mut mm, mut my) = (0f64, 0f64, 0f64, 0f64, 0f64);
        for (wt, v, g) in self.seen(profile, bins) {
            w += wt;
            m += wt * v;
            y += wt * g;
            mm += wt * v * v;
            my += wt * v * g;
        }
        if w <= 0.0 {
            return (0.0, 0.0);
        }
        let (m, y) = (m / w, y / w);
        let gain = (my / w - m * y) / (mm / w - m * m).max(1e-9);
        (gain as f32, (y - gain * m) as f32)
    }

    /// Grey value of the paper in a range of bins, where bars have a contrast that is known.
    fn white(&self, profile: &Profile, bins: Range<usize>, contrast: f32) -> f32 {
        let (mut squares, mut products) = (0f64, 0f64);
        for (wt, v, g) in self.seen(profile, bins) {
            let light = 1.0 - f64::from(contrast) * v;
            squares += wt * light * light;
            products += wt * light * g;
        }
        (products / squares.max(1e-9)) as f32
    }

    /// Weight, rendered darkness and grey value of some bins.
    fn seen(&self, profile: &Profile, bins: Range<usize>) -> impl Iterator<Item = (f64, f64, f64)> {
        bins.map(|i| (f64::from(profile.weight[self.from + i]).min(8.0), f64::from(self.values[i]), f64::from(profile.mean[self.from + i])))
    }
}

/// The normal distribution function, by its logistic approximation (error below 0.01, smooth).
fn logistic_cdf(z: f64) -> f32 {
    (1.0 / (1.0 + (-1.5976 * z - 0.070_565_92 * z * z * z).exp())) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile of a print: each bin the exact mean over a Gaussian.
    fn profile_of(symbol: &LinearSymbol, start: f64, module: f64, sigma: f64) -> Profile {
        profile_of_edges(&edges_of(symbol, start, module, 0.0), module, sigma)
    }

    fn profile_of_edges(edges: &[f64], module: f64, sigma: f64) -> Profile {
        let n = ((edges[edges.len() - 1] + 22.0 * module) * BINS_PER_PX as f64) as usize;
        let mean = (0..n)
            .map(|i| {
                let u = i as f64 / BINS_PER_PX as f64;
                let steps =
                    edges.iter().enumerate().map(|(e, edge)| logistic_cdf((u - edge) / sigma) * if e % 2 == 0 { 1.0 } else { -1.0 });
                0.9 - 0.7 * steps.sum::<f32>()
            })
            .collect();
        Profile { start: 0.0, mean, weight: vec![3.0; n] }
    }

    fn edges_of(symbol: &LinearSymbol, start: f64, module: f64, spread: f64) -> Vec<f64> {
        symbol.edges().iter().enumerate().map(|(i, m)| start + m * module + if i % 2 == 0 { -spread } else { spread }).collect()
    }

    #[test]
    fn the_ends_are_found_to_a_twentieth_of_a_pixel() {
        let symbol = LinearSymbol::code128_digits("81054321120021123456").unwrap();
        let profile = profile_of(&symbol, 18.37, 1.3, 0.8);
        let stop = 18.37 + 145.0 * 1.3;
        // Edges as a threshold would show them: bars 0.4 px too wide, everything a third of a pixel to the right.
        let edges = edges_of(&symbol, 18.37 + 0.33, 1.3, 0.2);
        let fit = fit_symbol(&profile, &symbol, &edges).unwrap();
        let [start, found] = fit.ends();
        assert!((start - 18.37).abs() < 0.05 && (found - stop).abs() < 0.05, "{fit:?}");
        assert!(fit.correlation > 0.999 && fit.symbols_best == 1.0 && fit.smallest_module() > 0.99, "{fit:?}");
    }

    #[test]
    fn another_text_does_not_fit() {
        let symbol = LinearSymbol::code128_digits("81054321120021123456").unwrap();
        let other = LinearSymbol::code128_digits("81054321120021123465").unwrap();
        let profile = profile_of(&symbol, 18.0, 1.3, 0.8);
        let fit = fit_symbol(&profile, &other, &edges_of(&other, 18.0, 1.3, 0.0)).unwrap();
        // Two data symbols and the check symbol differ.
        assert!(fit.symbols_best < 0.95 && fit.correlation < 0.99, "{fit:?}");
    }

    #[test]
    fn digits_that_differ_in_the_widths_of_their_bars_are_told_apart_by_the_contrast() {
        let (symbol, other) = (LinearSymbol::ean13("6925733935877").unwrap(), LinearSymbol::ean13("6925733935211").unwrap());
        let profile = profile_of(&symbol, 18.0, 0.84, 0.6);
        let [right, wrong] = [&symbol, &other].map(|symbol| fit_symbol(&profile, symbol, &edges_of(symbol, 18.0, 0.84, 0.0)).unwrap());
        assert_eq!((right.symbols_best, wrong.symbols_best), (1.0, 0.0), "{right:?} {wrong:?}");
        // Bars that are grown are still those of the text.
        let grown = profile_of_edges(&edges_of(&symbol, 18.0, 1.2, 0.24), 1.2, 0.6);
        let fit = fit_symbol(&grown, &symbol, &edges_of(&symbol, 18.0, 1.2, 0.0)).unwrap();
        assert!(fit.symbols_best == 1.0 && (fit.growth_px - 0.24).abs() < 0.05, "{fit:?}");
    }

    #[test]
    fn bars_beside_a_symbol_make_its_quiet_zone_dark() {
        let symbol = LinearSymbol::code128_digits("81054321120021123456").unwrap();
        let profile = profile_of(&symbol, 18.0, 0.9, 0.7);
        let fit = fit_symbol(&profile, &symbol, &edges_of(&symbol, 18.0, 0.9, 0.0)).unwrap();
        let dark = quiet_zone(&profile, &symbol, &fit);
        assert!(dark.abs() < 0.02, "{dark} {fit:?}");
        // Four digits where its last four are.
        let end = LinearSymbol::code128_digits("3456").unwrap();
        let from = 18.0 + (symbol.modules() - end.modules()) as f64 * 0.9;
        let fit = fit_symbol(&profile, &end, &edges_of(&end, from, 0.9, 0.0)).unwrap();
        let dark = quiet_zone(&profile, &end, &fit);
        assert!(dark > 0.3, "{dark} {fit:?}");
    }
}
