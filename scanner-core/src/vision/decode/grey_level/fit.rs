//! Fitting the forward model to a strip: light, geometry, and what is left over.

use super::model::{BINS, BlurredEdge, ByStep, CHARACTER, Optics, QUIET, Steps, at_place};
use super::pixels::{MEAN_SQUARE, Pixels, Profile, Warp};
use crate::vision::geometry::solve;
use crate::vision::normal::NormalEquations;

/// Usual growth of bars, modules: the standard deviation of what is expected. ISO/IEC 15416 grades prints down to some 0.2.
const USUAL_GROWTH: f32 = 0.15;
/// Most of it.
const MOST_GROWTH: f32 = 0.6;
/// How far a step may take the blur where pixels say little, as a logarithm.
const USUAL_BLUR: f32 = 0.3;
/// Smallest and largest blur, px.
const BLURS: [f32; 2] = [0.2, 2.4];

/// Grey value of paper, and what a bar changes of it, each linear in the place along the code (−1 at the start, 1 at the stop); on something round, which
/// turns away from the lamps, with a [`parabola`] besides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Light {
    base: f32,
    base_slope: f32,
    base_curve: f32,
    gain: f32,
    gain_slope: f32,
    gain_curve: f32,
}

impl Light {
    /// The same everywhere.
    #[cfg(test)]
    pub(super) fn even(base: f32, gain: f32) -> Self {
        Self { base, base_slope: 0.0, base_curve: 0.0, gain, gain_slope: 0.0, gain_curve: 0.0 }
    }

    /// Weighted least squares on the bins that `use_bin` lets through, without curves.
    pub(super) fn fit(profile: &Profile, template: &[f32], length: f32, use_bin: impl Fn(usize) -> bool) -> Option<Self> {
        // Sums over the bins of the weight, and of the grey value, times powers of s and t, in lanes that the compiler can keep in vector registers.
        let mut weights = [[[0f32; LANES]; 3]; 3];
        let mut values = [[[0f32; LANES]; 2]; 2];
        for first in (0..template.len()).step_by(LANES) {
            let (t, count, sum) = (lanes(template, first), lanes(&profile.count, first), lanes(&profile.sum, first));
            for l in 0..LANES {
                let used = use_bin(first + l);
                let (s, w, v) = (side(first + l, length), if used { count[l] } else { 0.0 }, if used { sum[l] } else { 0.0 });
                let t = t[l];
                for (row, x) in weights.iter_mut().zip([w, w * s, w * s * s]) {
                    row[0][l] += x;
                    row[1][l] += x * t;
                    row[2][l] += x * t * t;
                }
                for (row, x) in values.iter_mut().zip([v, v * s]) {
                    row[0][l] += x;
                    row[1][l] += x * t;
                }
            }
        }
        let total = |lanes: &[f32; LANES]| lanes.iter().map(|v| f64::from(*v)).sum::<f64>();
        // The features 1, s, t, st by their powers of s and t.
        const POWERS: [[usize; 2]; 4] = [[0, 0], [1, 0], [0, 1], [1, 1]];
        let mut a = POWERS.map(|[i, j]| POWERS.map(|[k, l]| total(&weights[i + k][j + l])));
        let b = POWERS.map(|[i, j]| total(&values[i][j]));
        // Even light unless the pixels say otherwise.
        let weight = a[0][0];
        a[1][1] += 1e-3 * weight;
        a[3][3] += 1e-3 * weight;
        let x = solve(a, b)?.map(|x| x as f32);
        Some(Self { base: x[0], base_slope: x[1], base_curve: 0.0, gain: x[2], gain_slope: x[3], gain_curve: 0.0 })
    }

    /// What a wide bar takes from the paper's grey value, in the middle of the code; positive for dark bars.
    pub(super) fn contrast(&self) -> f32 {
        -self.gain
    }

    /// The same as a share of the paper's grey value.
    pub(super) fn relative_contrast(&self) -> f32 {
        -self.gain / self.base.max(1e-6)
    }

    pub(super) fn base_at(&self, s: f32) -> f32 {
        self.base + self.base_slope * s + self.base_curve * parabola(s)
    }

    pub(super) fn gain_at(&self, s: f32) -> f32 {
        self.gain + self.gain_slope * s + self.gain_curve * parabola(s)
    }

    /// Squared residual of the whole profile, pixels counted.
    pub(super) fn residual(&self, profile: &Profile, template: &[f32], length: f32) -> f32 {
        let mut squares = [0f32; LANES];
        for first in (0..template.len()).step_by(LANES) {
            let (t, count, sum) = (lanes(template, first), lanes(&profile.count, first), lanes(&profile.sum, first));
            for l in 0..LANES {
                let s = side(first + l, length);
                // A bin without pixels has a sum of 0, too.
                let off = sum[l] - count[l] * (self.base_at(s) + self.gain_at(s) * t[l]);
                squares[l] += off * off / count[l].max(1.0);
            }
        }
        squares.iter().sum()
    }
}

/// Curved along a code, 0 on average.
fn parabola(s: f32) -> f32 {
    s * s - 1.0 / 3.0
}

/// Numbers that are looked at side by side; whole modules have a multiple of them in bins.
const LANES: usize = BINS;

/// Some numbers of a list from `first` on, which has as many.
fn lanes(values: &[f32], first: usize) -> &[f32; LANES] {
    values[first..].first_chunk().unwrap_or(&[0.0; LANES])
}

/// −1 at the start, 1 at the stop.
pub(super) fn side(bin: usize, length: f32) -> f32 {
    2.0 * ((bin as f32 + 0.5) / BINS as f32 - QUIET as f32) / length - 1.0
}

/// What a fit leaves over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Residual {
    /// Mean squared residual of a pixel.
    pub(super) variance: f32,
    /// Of it, what pixels at the same place along the code differ among themselves: noise that no pattern of bars could explain.
    pub(super) pure: f32,
}

/// A text's whole template, and how it changes with what the fit may change of its optics.
pub(super) struct Template {
    /// See [`ByStep::whole_code`].
    pub(super) value: Vec<f32>,
    /// Its change per module of growth.
    growth: Vec<f32>,
    /// Its change with the logarithm of the blur.
    blur: Vec<f32>,
}

impl Template {
    /// Of a code with the characters `values` between start and stop.
    pub(super) fn new(steps: &Steps, optics: Optics, start: usize, values: &[usize]) -> Self {
        const GROWTH: f32 = 0.04;
        const BLUR: f32 = 0.08;
        let blurred = |by: f32| ByStep::blurred(steps, optics.lens, optics.sigma_px * by.exp());
        let draw =
            |edge: &ByStep<BlurredEdge>, more: f32| edge.responses(optics.growth + more).whole_code(start, Some(values), values.len());
        let change = |more: Vec<f32>, less: Vec<f32>, by: f32| -> Vec<f32> {
            more.iter().zip(less).map(|(more, less)| (more - less) / (2.0 * by)).collect()
        };
        let edge = blurred(0.0);
        Self {
            value: draw(&edge, 0.0),
            growth: change(draw(&edge, GROWTH), draw(&edge, -GROWTH), GROWTH),
            blur: change(draw(&blurred(BLUR), 0.0), draw(&blurred(-BLUR), 0.0), BLUR),
        }
    }
}

/// One Gauss–Newton step of geometry, light and optics together, on the pixels themselves.
pub(super) fn refine(pixels: &Pixels, warp: &mut Warp, light: &mut Light, optics: &mut Optics, template: &Template) {
    match pixels.roll {
        Some(_) => refine_under::<15>(pixels, warp, light, optics, template),
        None => refine_under::<13>(pixels, warp, light, optics, template),
    }
}

/// The same with `N` unknowns: 13, or with the curves of light 15.
fn refine_under<const N: usize>(pixels: &Pixels, warp: &mut Warp, light: &mut Light, optics: &mut Optics, template: &Template) {
    /// The first that is no light, and that which is no shift or scale.
    const GEOMETRY: usize = 4;
    const FINE: usize = 6;
    /// Places of the optics.
    const GROWTH: usize = 11;
    const BLUR: usize = 12;
    const CURVES: usize = 13;
    let mut equations = NormalEquations::<N>::new();
    for (place, w, v) in pixels.places(warp) {
        let Some(at) = At::new(template, place) else { continue };
        let s = 2.0 * place / pixels.length - 1.0;
        let gain = light.gain_at(s);
        let r = v - light.base_at(s) - gain * at.value;
        let g = gain * at.slope;
        let curve = parabola(s);
        let shifts = [1.0, s, curve, s * (s * s - 0.6), w, w * s, w * w - MEAN_SQUARE].map(|f| g * f);
        let [offset, scale, bend, skew, shear, twist, bow] = shifts;
        let [growth, blur] = [gain * at.growth, gain * at.blur];
        let all = [1.0, s, at.value, s * at.value, offset, scale, bend, skew, shear, twist, bow, growth, blur, curve, curve * at.value];
        equations.add(std::array::from_fn(|i| all[i]), r);
    }
    let NormalEquations { mut a, mut b, squares, count, .. } = equations.finish();
    // A weak prior keeps what the pixels don't determine where it was.
    let strength = 0.002 * a[GEOMETRY][GEOMETRY];
    for (i, row) in a.iter_mut().enumerate().take(GROWTH).skip(FINE) {
        row[i] += strength;
    }
    for (i, row) in a.iter_mut().enumerate().skip(CURVES) {
        row[i] += 1e-3 * count;
    }
    // Bars are as wide as they should be unless pixels say otherwise.
    let variance = squares / count.max(1.0);
    let usual = variance / f64::from(USUAL_GROWTH * USUAL_GROWTH);
    a[GROWTH][GROWTH] += usual;
    b[GROWTH] -= usual * f64::from(optics.growth);
    a[BLUR][BLUR] += variance / f64::from(USUAL_BLUR * USUAL_BLUR);
    if let Some(x) = solve(a, b) {
        let bounded = |v: f64, limit: f32| (v as f32).clamp(-limit, limit);
        light.base += x[0] as f32;
        light.base_slope += x[1] as f32;
        light.gain += x[2] as f32;
        light.gain_slope += x[3] as f32;
        if let [base, gain] = x[CURVES..] {
            light.base_curve += base as f32;
            light.gain_curve += gain as f32;
        }
        warp.offset += bounded(x[4], 0.4);
        warp.scale += bounded(x[5], 0.4);
        warp.bend += bounded(x[6], 0.3);
        warp.skew += bounded(x[7], 0.3);
        warp.shear += bounded(x[8], 0.4);
        warp.twist += bounded(x[9], 0.4);
        warp.bow += bounded(x[10], 0.4);
        optics.growth = (optics.growth + bounded(x[GROWTH], 0.15)).clamp(-MOST_GROWTH, MOST_GROWTH);
        optics.sigma_px = (optics.sigma_px * bounded(x[BLUR], 0.25).exp()).clamp(BLURS[0], BLURS[1]);
    }
}

/// A template at a place.
struct At {
    value: f32,
    /// Change per module.
    slope: f32,
    growth: f32,
    blur: f32,
}

impl At {
    fn new(template: &Template, place: f32) -> Option<Self> {
        let (value, slope) = at_place(&template.value, place)?;
        let (growth, blur) = (at_place(&template.growth, place)?.0, at_place(&template.blur, place)?.0);
        Some(Self { value, slope, growth, blur })
    }
}

/// What the fitted model leaves over.
pub(super) fn residual(pixels: &Pixels, warp: &Warp, light: &Light, profile: &Profile, template: &[f32]) -> Residual {
    let (mut sum, mut freedom) = (0.0f64, 0.0f64);
    let (mut squares, mut count) = (0.0f64, 0.0f64);
    for (place, _, v) in pixels.places(warp) {
        if let Some((t, _)) = at_place(template, place) {
            let s = 2.0 * place / pixels.length - 1.0;
            squares += f64::from((v - light.base_at(s) - light.gain_at(s) * t).powi(2));
            count += 1.0;
        }
        let b = ((place + QUIET as f32) * BINS as f32).floor();
        if b < 1.0 || b as usize + 1 >= template.len() || profile.count[b as usize] < 2.0 {
            continue;
        }
        let i = b as usize;
        // Pixels of one bin differ by their place in it, too: a box of one bin's width on the profile's slope.
        let slope = light.gain * (template[i + 1] - template[i - 1]) / 2.0;
        let share = 1.0 - 1.0 / profile.count[i];
        sum += f64::from((v - profile.sum[i] / profile.count[i]).powi(2) - share * slope * slope / 12.0);
        freedom += f64::from(share);
    }
    let pure = if freedom > 0.0 { (sum / freedom).max(0.0) as f32 } else { 0.0 };
    let variance = ((squares / count.max(1.0)) as f32).max(1e-12);
    Residual { variance, pure }
}

/// Mean squared residual of a pixel of each character, start and stop included.
pub(super) fn by_character(pixels: &Pixels, warp: &Warp, light: &Light, template: &[f32]) -> Vec<f32> {
    let mut characters = vec![(0.0f32, 0.0f32); pixels.length as usize / CHARACTER];
    for (place, _, v) in pixels.places(warp) {
        if place < 0.0 || place >= pixels.length {
            continue;
        }
        // The stop has two modules more.
        let which = (place as usize / CHARACTER).min(characters.len() - 1);
        let Some((t, _)) = at_place(template, place) else { continue };
        let s = 2.0 * place / pixels.length - 1.0;
        let (sum, count) = &mut characters[which];
        *sum += (v - light.base_at(s) - light.gain_at(s) * t).powi(2);
        *count += 1.0;
    }
    characters.into_iter().map(|(sum, count)| if count > 0.0 { sum / count } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::Plane;
    use crate::vision::decode::grey_level::model::Lens;
    use crate::vision::decode::grey_level::pixels::{Arc, HALF_HEIGHT};

    /// Light, growth, blur, bend and bow of a strip are found together from a start that knows none of them.
    #[test]
    fn growth_blur_and_geometry_are_fitted_together() {
        let (start, values) = (105, [12, 34, 56, 78, 90, 1, 23, 45, 67, 89, 10]);
        // 1.6 px per module, bars 48 px high, aslant to the grid.
        let (slant, px, length) = (0.3f64, 1.6f64, 145.0f64);
        let ([sin, cos], middle) = ([slant.sin(), slant.cos()], [150.0f64, 80.0]);
        let step = [cos / px, sin / px].map(|s| s as f32);
        let truth = Optics { lens: Lens::Gaussian, sigma_px: 0.9, growth: -0.18 };
        let warp = Warp { offset: 0.2, bend: 0.25, skew: 0.1, bow: 0.8, twist: -0.2, ..Warp::default() };
        let template = ByStep::new(&Steps::even(step), truth).whole_code(start, Some(&values), values.len());
        let value = |x: usize, y: usize| {
            let (dx, dy) = (x as f64 - middle[0], y as f64 - middle[1]);
            let (u, w) = ((cos * dx + sin * dy) / px + length / 2.0, (cos * dy - sin * dx) / (30.0 * px));
            let place = warp.apply(u as f32, w as f32, length as f32);
            0.8 - 0.6 * at_place(&template, place).map_or(0.0, |(dark, _)| dark)
        };
        let plane = Plane::new(300, 160, (0..300 * 160).map(|i| value(i % 300, i / 300)).collect());
        let at = |u: f64, w: f64| {
            let (along, across) = ((u - length / 2.0) * px, w * 30.0 * px);
            [middle[0] + cos * along - sin * across, middle[1] + sin * along + cos * across]
        };
        let corners = [at(0.0, -0.5), at(length, -0.5), at(length, 0.5), at(0.0, 0.5)];
        let pixels = Pixels::gather(&plane, &corners, 145, [-HALF_HEIGHT, HALF_HEIGHT], Arc::STRAIGHT).unwrap();
        let mut found = (Warp::default(), Light::even(0.7, -0.5), Optics { lens: Lens::Gaussian, sigma_px: 0.6, growth: 0.0 });
        for _ in 0..8 {
            let template = Template::new(&pixels.steps(), found.2, start, &values);
            refine(&pixels, &mut found.0, &mut found.1, &mut found.2, &template);
        }
        let (w, light, optics) = found;
        assert!((optics.growth + 0.18).abs() < 0.01 && (optics.sigma_px - 0.9).abs() < 0.03, "{optics:?}");
        assert!((w.bend - 0.25).abs() < 0.02 && (w.skew - 0.1).abs() < 0.02 && (w.bow - 0.8).abs() < 0.05, "{w:?}");
        assert!((light.base - 0.8).abs() < 0.005 && (light.gain + 0.6).abs() < 0.005, "{light:?}");
    }
}
