//! Fitting the forward model to a strip: light, geometry, and what is left over.

use super::model::{BINS, CHARACTER, QUIET, at_place};
use super::normal::NormalEquations;
use super::pixels::{Pixels, Profile, Warp};
use crate::vision::geometry::solve;

/// Grey value of paper, and what a bar changes of it, each linear in the place along the code (−1 at the start, 1 at the stop).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Light {
    base: f32,
    base_slope: f32,
    gain: f32,
    gain_slope: f32,
}

impl Light {
    /// The same everywhere.
    #[cfg(test)]
    pub(super) fn even(base: f32, gain: f32) -> Self {
        Self { base, base_slope: 0.0, gain, gain_slope: 0.0 }
    }

    /// Weighted least squares on the bins that `use_bin` lets through.
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
        Some(Self { base: x[0], base_slope: x[1], gain: x[2], gain_slope: x[3] })
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
        self.base + self.base_slope * s
    }

    pub(super) fn gain_at(&self, s: f32) -> f32 {
        self.gain + self.gain_slope * s
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
    /// Mean squared residual of a pixel of the character that is explained worst; start and stop count as characters.
    pub(super) worst: f32,
}

/// One Gauss–Newton step of geometry and light together, on the pixels themselves. Returns the mean squared residual before the step.
pub(super) fn refine(pixels: &Pixels, warp: &mut Warp, light: &mut Light, template: &[f32]) -> f32 {
    const N: usize = 9;
    let mut equations = NormalEquations::<N>::new();
    for (place, w, v) in pixels.places(warp) {
        let Some((t, slope)) = at_place(template, place) else { continue };
        let s = 2.0 * place / pixels.length - 1.0;
        let r = v - light.base_at(s) - light.gain_at(s) * t;
        let g = light.gain_at(s) * slope;
        equations.add([1.0, s, t, s * t, g, g * s, g * (s * s - 1.0 / 3.0), g * w, g * w * s], r);
    }
    let NormalEquations { mut a, b, squares, count, .. } = equations.finish();
    // A weak prior keeps what the pixels don't determine where it was.
    let strength = 0.002 * a[4][4];
    for (i, row) in a.iter_mut().enumerate().skip(6) {
        row[i] += strength;
    }
    if let Some(x) = solve(a, b) {
        let bounded = |v: f64, limit: f32| (v as f32).clamp(-limit, limit);
        light.base += x[0] as f32;
        light.base_slope += x[1] as f32;
        light.gain += x[2] as f32;
        light.gain_slope += x[3] as f32;
        warp.offset += bounded(x[4], 0.4);
        warp.scale += bounded(x[5], 0.4);
        warp.bend += bounded(x[6], 0.3);
        warp.shear += bounded(x[7], 0.4);
        warp.twist += bounded(x[8], 0.4);
    }
    (squares / count.max(1.0)) as f32
}

/// What the fitted model leaves over.
pub(super) fn residual(pixels: &Pixels, warp: &Warp, light: &Light, profile: &Profile, template: &[f32]) -> Residual {
    let variance = refine(pixels, &mut warp.clone(), &mut light.clone(), template).max(1e-12);
    let (mut sum, mut freedom) = (0.0f64, 0.0f64);
    for (place, _, v) in pixels.places(warp) {
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
    Residual { variance, pure, worst: worst_character(pixels, warp, light, template) }
}

/// Mean squared residual of a pixel, of the character that is explained worst.
fn worst_character(pixels: &Pixels, warp: &Warp, light: &Light, template: &[f32]) -> f32 {
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
    characters.into_iter().filter(|(_, count)| *count > 0.0).map(|(sum, count)| sum / count).fold(0.0, f32::max)
}
