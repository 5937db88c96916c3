//! The forward model: what a camera makes of printed bars, as a function of the place along the code.

use std::sync::Arc;

use crate::vision::decode::symbol::{STOP, SYMBOL_WIDTHS};

/// Bins per module of an accumulated profile.
pub(super) const BINS: usize = 8;
/// Light modules before the start and behind the stop that take part.
pub(super) const QUIET: usize = 8;
/// Modules of one character.
pub(super) const CHARACTER: usize = 11;
/// Modules of the stop character.
pub(super) const STOP_MODULES: usize = 13;
/// Values that may stand between start and stop.
pub(super) const VALUES: usize = 103;
/// Modules around an edge in which it may show.
const REACH: f32 = 7.0;
/// Samples per module of the tabulated response.
const FINE: usize = 32;

/// Which of a character's modules are bars, by value (103 to 105 are the starts).
pub(super) fn modules(value: usize) -> Vec<bool> {
    spread(&SYMBOL_WIDTHS[value])
}

/// Which of the stop character's modules are bars.
pub(super) fn stop_modules() -> Vec<bool> {
    spread(&STOP)
}

fn spread(widths: &[u8]) -> Vec<bool> {
    widths.iter().enumerate().flat_map(|(i, &w)| std::iter::repeat_n(i % 2 == 0, usize::from(w))).collect()
}

/// What a lens makes of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lens {
    /// Many small faults together.
    Gaussian,
    /// Out of focus: the image of the aperture.
    Disc,
}

/// What printer and lens make of bars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Optics {
    /// Shape of a point's image.
    pub(super) lens: Lens,
    /// Its standard deviation in either direction, px; a disc's is half of its radius.
    pub(super) sigma_px: f32,
    /// What every bar is wider, modules; negative where bars came out thinner.
    pub(super) growth: f32,
}

/// By how much places along the code change per pixel to the right and down, modules, at each of its characters: on a face it is the same for all; around
/// something round, pixels reach over more modules the nearer to the horizon they are, and so does what blurs them.
pub(super) type Steps = ByStep<[f32; 2]>;

/// Something for each step of a code that occurs.
pub(super) struct ByStep<T> {
    each: Vec<T>,
    /// Which of them belongs to each character, from the start to the stop; all to the first where nothing is said.
    of: Arc<[usize]>,
}

impl<T> ByStep<T> {
    /// That of a character; 0 is the start.
    pub(super) fn at(&self, character: usize) -> &T {
        &self.each[self.of.get(character).copied().unwrap_or(0)]
    }

    pub(super) fn map<U>(&self, make: impl Fn(&T) -> U) -> ByStep<U> {
        ByStep { each: self.each.iter().map(make).collect(), of: Arc::clone(&self.of) }
    }
}

impl Steps {
    /// Steps that differ by less than this factor are taken for the same.
    const ALIKE: f32 = 1.12;

    /// The same everywhere.
    pub(super) fn even(step: [f32; 2]) -> Self {
        Self { each: vec![step], of: Arc::new([]) }
    }

    /// By how many times they are larger at each character, from the start to the stop.
    pub(super) fn growing(step: [f32; 2], by: impl Iterator<Item = f32>) -> Self {
        let all: Vec<(i32, [f32; 2])> = by.map(|by| Self::grown(step, by)).collect();
        let mut known = all.clone();
        known.sort_by_key(|(power, _)| *power);
        known.dedup_by_key(|(power, _)| *power);
        let which = |(power, _): &(i32, _)| known.partition_point(|(other, _)| other < power);
        Self { of: all.iter().map(which).collect(), each: known.iter().map(|(_, step)| *step).collect() }
    }

    /// A step so many times as large, about, and a number that is the same for all that are taken for the same.
    pub(super) fn grown(step: [f32; 2], by: f32) -> (i32, [f32; 2]) {
        let power = (by.ln() / Self::ALIKE.ln()).round() as i32;
        (power, step.map(|v| v * Self::ALIKE.powi(power)))
    }
}

/// An edge from light to dark as a lens and pixels see it, finely tabulated.
///
/// The point spread along the code is the convolution of the lens's Gaussian or disc, the square pixel projected on the code's direction (two boxes,
/// whatever the angle) and the bin.
pub(super) struct BlurredEdge {
    /// Entry i is the share of the point spread up to half a sample before sample i.
    table: Vec<f32>,
    /// Entries before which nothing shows.
    before: usize,
}

impl BlurredEdge {
    /// `step`: change of the place along the code per pixel to the right and down, modules; `sigma_px`: see [`Optics`].
    pub(super) fn new(step: [f32; 2], lens: Lens, sigma_px: f32) -> Self {
        let n = (2.0 * REACH) as usize * FINE + 1;
        let centre = (n / 2) as f32;
        let sigma = (sigma_px * step[0].hypot(step[1]) * FINE as f32).max(0.3);
        let point = |x: f32| match lens {
            Lens::Gaussian => (-0.5 * x * x).exp(),
            // A disc's chord at x of its two half radii.
            Lens::Disc => (4.0 - x * x).max(0.0).sqrt(),
        };
        let mut kernel: Vec<f32> = (0..n).map(|i| point((i as f32 - centre) / sigma)).collect();
        for width in [step[0].abs(), step[1].abs(), 1.0 / BINS as f32] {
            kernel = box_filter(&kernel, width * FINE as f32);
        }
        let sum: f32 = kernel.iter().sum();
        let mut table = Vec::with_capacity(n + 1);
        let mut total = 0.0f64;
        table.push(0.0);
        for k in &kernel {
            total += f64::from(*k / sum);
            table.push(total as f32);
        }
        let before = table.iter().take_while(|v| **v < 1e-6).count();
        Self { table, before }
    }

    /// How dark it is `d` modules behind the edge.
    fn behind(&self, d: f32) -> f32 {
        let x = (d + REACH) * FINE as f32 + 0.5;
        if x <= 0.0 {
            return 0.0;
        }
        let i = x as usize;
        if i + 1 >= self.table.len() {
            return 1.0;
        }
        let f = x - i as f32;
        self.table[i] * (1.0 - f) + self.table[i + 1] * f
    }
}

/// The response to an edge from light to dark: 0 far before it, 1 far behind it.
pub(super) struct EdgeResponse {
    /// In the middles of bins, [`Self::EDGE`] of them before the place where a bar should begin and as many behind it.
    darker: Vec<f32>,
    /// The same where it should end; both are as far outside as bars have grown.
    lighter: Vec<f32>,
    /// Bins around an edge in which it really shows.
    reach: usize,
}

impl EdgeResponse {
    /// Widest bar, modules.
    const WIDEST: usize = 4;
    /// Bins before and behind an edge that are tabulated: as far as it shows, from either edge of the widest bar.
    const EDGE: usize = (REACH as usize + Self::WIDEST) * BINS;

    /// `step`: change of the place along the code per pixel to the right and down, modules.
    pub(super) fn new(step: [f32; 2], optics: Optics) -> Self {
        Self::of(&BlurredEdge::new(step, optics.lens, optics.sigma_px), optics.growth)
    }

    /// Of bars that are wider than they should be by `growth` modules.
    pub(super) fn of(edge: &BlurredEdge, growth: f32) -> Self {
        let outward = growth / 2.0;
        let reach = (REACH - (edge.before as f32 - 1.0) / FINE as f32 + outward.abs()).clamp(0.0, REACH);
        let middle = |i: usize| (i as f32 + 0.5 - Self::EDGE as f32) / BINS as f32;
        let by_bin = |outward: f32| (0..2 * Self::EDGE).map(|i| edge.behind(middle(i) + outward)).collect();
        Self { darker: by_bin(outward), lighter: by_bin(-outward), reach: (reach * BINS as f32).ceil() as usize }
    }

    /// Adds the blurred bars of `modules`, the first of which begins at `first` modules, to the bins of `out` (bin b is centred on
    /// (b + ½) / [`BINS`] modules). 1 is a wide bar's full depth.
    pub(super) fn add_bars(&self, modules: &[bool], first: isize, out: &mut [f32]) {
        let mut i = 0;
        while i < modules.len() {
            if !modules[i] {
                i += 1;
                continue;
            }
            let width = modules[i..].iter().take_while(|m| **m).count();
            self.add_bar((first + i as isize) * BINS as isize, width, out);
            i += width;
        }
    }

    /// The same for a bar of `width` modules that begins with the bin `from`.
    fn add_bar(&self, from: isize, width: usize, out: &mut [f32]) {
        let to = from + (width * BINS) as isize;
        let reach = self.reach as isize;
        let lo = (from - reach).clamp(0, out.len() as isize);
        let hi = (to + reach).clamp(lo, out.len() as isize);
        // Where the table has what an edge does to bin `lo`.
        let at = |edge: isize| (lo - edge + Self::EDGE as isize) as usize;
        let (darker, lighter) = (&self.darker[at(from)..], &self.lighter[at(to)..]);
        for ((value, darker), lighter) in out[lo as usize..hi as usize].iter_mut().zip(darker).zip(lighter) {
            *value += darker - lighter;
        }
    }
}

impl ByStep<BlurredEdge> {
    /// See [`BlurredEdge::new`].
    pub(super) fn blurred(steps: &Steps, lens: Lens, sigma_px: f32) -> Self {
        steps.map(|step| BlurredEdge::new(*step, lens, sigma_px))
    }

    /// See [`EdgeResponse::of`].
    pub(super) fn responses(&self, growth: f32) -> ByStep<EdgeResponse> {
        self.map(|edge| EdgeResponse::of(edge, growth))
    }
}

impl ByStep<EdgeResponse> {
    pub(super) fn new(steps: &Steps, optics: Optics) -> Self {
        ByStep::blurred(steps, optics.lens, optics.sigma_px).responses(optics.growth)
    }

    /// Start, the characters `values` where they are known, and stop of a code with `characters` characters between the two, over the whole
    /// profile: bin 0 begins [`QUIET`] modules before the start.
    pub(super) fn whole_code(&self, start: usize, values: Option<&[usize]>, characters: usize) -> Vec<f32> {
        let mut t = vec![0.0; (code_modules(characters) + 2 * QUIET) * BINS];
        self.at(0).add_bars(&modules(start), QUIET as isize, &mut t);
        for (i, v) in values.unwrap_or_default().iter().enumerate() {
            self.at(i + 1).add_bars(&modules(*v), (QUIET + CHARACTER * (i + 1)) as isize, &mut t);
        }
        self.at(characters + 1).add_bars(&stop_modules(), (QUIET + CHARACTER * (characters + 1)) as isize, &mut t);
        t
    }
}

/// What a template (a value for each of [`BINS`] bins a module, quiet zone included) says at a place along the code, modules, and its change per module.
/// `None` beyond it.
#[inline]
pub(super) fn at_place(template: &[f32], place: f32) -> Option<(f32, f32)> {
    let x = (place + QUIET as f32) * BINS as f32 - 0.5;
    if x < 0.0 {
        return None;
    }
    let (i, f) = (x as usize, x.fract());
    let (this, next) = (*template.get(i)?, *template.get(i + 1)?);
    Some((this * (1.0 - f) + next * f, (next - this) * BINS as f32))
}

/// Modules of a code with `characters` characters between start and stop.
pub fn code_modules(characters: usize) -> usize {
    CHARACTER * (characters + 1) + STOP_MODULES
}

/// Box filter of any width, not only whole samples.
fn box_filter(input: &[f32], width: f32) -> Vec<f32> {
    if width < 1e-3 {
        return input.to_vec();
    }
    let mut sums = Vec::with_capacity(input.len() + 1);
    let mut total = 0.0f64;
    sums.push(0.0f64);
    for v in input {
        total += f64::from(*v);
        sums.push(total);
    }
    let integral = |x: f64| {
        let x = x.clamp(0.0, input.len() as f64);
        let i = (x as usize).min(input.len() - 1);
        sums[i] + (sums[i + 1] - sums[i]) * (x - i as f64)
    };
    let half = f64::from(width) / 2.0;
    (0..input.len())
        .map(|i| {
            let x = i as f64 + 0.5;
            ((integral(x + half) - integral(x - half)) / f64::from(width)) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sharp(sigma_px: f32) -> Optics {
        Optics { lens: Lens::Gaussian, sigma_px, growth: 0.0 }
    }

    /// The response that far behind an edge: the left edge of a wide bar, in the bin around that place.
    fn behind(edge: &EdgeResponse, d: f32) -> f32 {
        let mut bins = [0.0; 20 * BINS];
        edge.add_bars(&[true; EdgeResponse::WIDEST], 10, &mut bins);
        bins[((10.0 + d) * BINS as f32) as usize]
    }

    #[test]
    fn a_sharp_edge_is_blurred_by_the_bin_alone() {
        let edge = EdgeResponse::new([0.0, 0.0], sharp(0.0));
        assert!(behind(&edge, -0.19) < 1e-4 && behind(&edge, 0.19) > 0.9999);
        // Half of what two bins beside the edge have together.
        assert!((behind(&edge, -0.1) + behind(&edge, 0.1) - 1.0).abs() < 2e-3);
    }

    #[test]
    fn a_pixel_of_two_modules_spreads_an_edge_over_two_modules() {
        let edge = EdgeResponse::new([2.0, 0.0], sharp(0.0));
        // The integral of a box from −1 to 1, in the middles of bins (the bin adds 1/16 at the ends).
        for (d, expected) in [(-1.1875, 0.0), (-0.5625, 0.21875), (-0.0625, 0.46875), (0.4375, 0.71875), (1.1875, 1.0)] {
            assert!((behind(&edge, d) - expected).abs() < 2e-3, "{d}: {}", behind(&edge, d));
        }
    }

    #[test]
    fn all_bars_together_hold_as_much_dark_as_there_are_dark_modules() {
        let edge = ByStep::new(&Steps::even([0.7, 0.7]), sharp(0.6));
        let values = [81, 5, 43, 21, 12, 0, 21, 12, 34, 56, 7];
        let t = edge.whole_code(105, Some(&values), 11);
        let dark = std::iter::once(105).chain(values).map(|v| modules(v).iter().filter(|m| **m).count()).sum::<usize>()
            + stop_modules().iter().filter(|m| **m).count();
        assert!((t.iter().sum::<f32>() / BINS as f32 - dark as f32).abs() < 0.01);
    }

    #[test]
    fn grown_bars_are_wider_by_as_much_on_both_sides_together() {
        let optics = Optics { growth: 0.25, ..sharp(0.5) };
        let mut bins = [0.0; 20 * BINS];
        EdgeResponse::new([0.4, 0.3], optics).add_bars(&[true, true], 9, &mut bins);
        let dark: f32 = bins.iter().sum::<f32>() / BINS as f32;
        let middle = bins.iter().enumerate().map(|(i, v)| v * (i as f32 + 0.5)).sum::<f32>() / bins.iter().sum::<f32>() / BINS as f32;
        assert!((dark - 2.25).abs() < 1e-3 && (middle - 10.0).abs() < 1e-3, "{dark} {middle}");
    }

    #[test]
    fn a_disc_shows_as_far_as_its_radius_and_no_farther() {
        // σ of 1.5 px is a radius of 3 px; pixels of half a module.
        let edge = EdgeResponse::new([0.5, 0.0], Optics { lens: Lens::Disc, ..sharp(1.5) });
        // With the pixel and the bin on top: 1.5 + 0.25 + 0.0625 modules.
        assert!(behind(&edge, -1.9) < 1e-4 && behind(&edge, -1.6) > 1e-3 && behind(&edge, 1.9) > 0.9999);
        // A Gaussian of the same spread shows farther.
        let edge = EdgeResponse::new([0.5, 0.0], sharp(1.5));
        assert!(behind(&edge, -1.9) > 3e-3);
    }
}
