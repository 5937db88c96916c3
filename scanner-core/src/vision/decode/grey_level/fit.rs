//! Fitting the forward model to a strip: light, geometry, and what is left over.

use super::lattice::{BEGINNINGS, CLASSES, ENDINGS, PositionCost};
use super::model::{BINS, CHARACTER, EdgeResponse, QUIET, VALUES, at_place, modules};
use super::pixels::{Pixels, Profile, Warp};
use crate::vision::geometry::solve;

/// Bins of one character.
const SPAN: usize = CHARACTER * BINS;
/// Numbers that are added up side by side; a divisor of [`SPAN`].
const LANES: usize = 8;

/// Grey value of paper, and what a bar changes of it, each linear in the place along the code (−1 at the start, 1 at the stop).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Light {
    base: f32,
    base_slope: f32,
    gain: f32,
    gain_slope: f32,
}

impl Light {
    /// Weighted least squares on the bins that `use_bin` lets through.
    pub(super) fn fit(profile: &Profile, template: &[f32], length: f32, use_bin: impl Fn(usize) -> bool) -> Option<Self> {
        let mut a = [[0.0f64; 4]; 4];
        let mut b = [0.0f64; 4];
        for (i, t) in template.iter().enumerate() {
            let w = f64::from(profile.count[i]);
            if w == 0.0 || !use_bin(i) {
                continue;
            }
            let s = f64::from(side(i, length));
            let t = f64::from(*t);
            let f = [1.0, s, t, s * t];
            for r in 0..4 {
                for c in 0..4 {
                    a[r][c] += w * f[r] * f[c];
                }
                b[r] += f[r] * f64::from(profile.sum[i]);
            }
        }
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

    fn base_at(&self, s: f32) -> f32 {
        self.base + self.base_slope * s
    }

    fn gain_at(&self, s: f32) -> f32 {
        self.gain + self.gain_slope * s
    }

    /// Squared residual of the whole profile, pixels counted.
    pub(super) fn residual(&self, profile: &Profile, template: &[f32], length: f32) -> f32 {
        (0..template.len())
            .filter(|i| profile.count[*i] > 0.0)
            .map(|i| {
                let s = side(i, length);
                profile.count[i] * (profile.sum[i] / profile.count[i] - self.base_at(s) - self.gain_at(s) * template[i]).powi(2)
            })
            .sum()
    }
}

/// −1 at the start, 1 at the stop.
fn side(bin: usize, length: f32) -> f32 {
    2.0 * ((bin as f32 + 0.5) / BINS as f32 - QUIET as f32) / length - 1.0
}

/// Blurred characters and what of their neighbours shows in them, for one lens blur.
pub(super) struct Templates {
    own: Vec<Vec<f32>>,
    before: Vec<Vec<f32>>,
    behind: Vec<Vec<f32>>,
    /// Bins in which a neighbour shows.
    reach: usize,
}

impl Templates {
    pub(super) fn new(step: [f32; 2], sigma_px: f32) -> Self {
        let edge = EdgeResponse::new(step, sigma_px);
        let draw = |bars: &[bool], at: f32| {
            let mut t = vec![0.0; SPAN];
            edge.add_bars(bars, at, &mut t);
            t
        };
        let own = (0..VALUES).map(|s| draw(&modules(s), 0.0)).collect();
        let before = ENDINGS.iter().map(|m| draw(m, -3.0)).collect();
        let behind = BEGINNINGS.iter().map(|m| draw(m, CHARACTER as f32)).collect();
        let reach = ((edge.reach() * BINS as f32).ceil() as usize).next_multiple_of(LANES).min(SPAN);
        Self { own, before, behind, reach }
    }

    /// Cost tables of all positions between start and stop.
    pub(super) fn costs(&self, profile: &Profile, light: &Light, length: f32, characters: usize) -> Vec<PositionCost> {
        (0..characters).map(|k| self.position(profile, light, length, (QUIET + CHARACTER * (k + 1)) * BINS)).collect()
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
        let (first, last) = (..self.reach, SPAN - self.reach..);
        let weighted = |t: &[f32]| -> [f32; SPAN] { std::array::from_fn(|i| t[i] * w[i]) };
        let alone = |t: &[f32], wt: &[f32]| dot(wt, t) - 2.0 * dot(wt, &d);
        let dd = dot(&weighted(&d), &d);
        let before: [f32; CLASSES] = std::array::from_fn(|e| alone(&self.before[e], &weighted(&self.before[e])));
        let behind: [f32; CLASSES] = std::array::from_fn(|b| alone(&self.behind[b], &weighted(&self.behind[b])));
        let both: [[f32; CLASSES]; CLASSES] =
            std::array::from_fn(|e| std::array::from_fn(|b| 2.0 * dot(&weighted(&self.before[e]), &self.behind[b])));
        let mut own = Vec::with_capacity(VALUES);
        let mut own_before: Vec<[f32; CLASSES]> = Vec::with_capacity(VALUES);
        let mut own_behind: Vec<[f32; CLASSES]> = Vec::with_capacity(VALUES);
        for o in &self.own {
            let wo = weighted(o);
            own.push(dd + alone(o, &wo));
            own_before.push(std::array::from_fn(|e| 2.0 * dot(&wo[first], &self.before[e][first])));
            own_behind.push(std::array::from_fn(|b| 2.0 * dot(&wo[last.clone()], &self.behind[b][last.clone()])));
        }
        PositionCost::new(|e, s, b| own[s] + before[e] + behind[b] + own_before[s][e] + own_behind[s][b] + both[e][b])
    }
}

/// Sum of products of as many numbers, a multiple of [`LANES`], in lanes that the compiler can keep in vector registers.
fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    for (x, y) in x.chunks_exact(LANES).zip(y.chunks_exact(LANES)) {
        for i in 0..LANES {
            lanes[i] += x[i] * y[i];
        }
    }
    lanes.iter().sum()
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
#[allow(clippy::needless_range_loop)] // Matrices are clearer by their indices.
pub(super) fn refine(pixels: &Pixels, warp: &mut Warp, light: &mut Light, template: &[f32]) -> f32 {
    const N: usize = 9;
    let mut a = [[0.0f64; N]; N];
    let mut b = [0.0f64; N];
    let (mut sum, mut count) = (0.0f64, 0.0f64);
    for (place, w, v) in pixels.places(warp) {
        let Some((t, slope)) = at_place(template, place) else { continue };
        let s = 2.0 * place / pixels.length - 1.0;
        let r = v - light.base_at(s) - light.gain_at(s) * t;
        let g = light.gain_at(s) * slope;
        let feature = [1.0, s, t, s * t, g, g * s, g * (s * s - 1.0 / 3.0), g * w, g * w * s];
        for j in 0..N {
            for k in 0..=j {
                a[j][k] += f64::from(feature[j] * feature[k]);
            }
            b[j] += f64::from(feature[j] * r);
        }
        sum += f64::from(r * r);
        count += 1.0;
    }
    for j in 0..N {
        for k in j + 1..N {
            a[j][k] = a[k][j];
        }
    }
    // A weak prior keeps what the pixels don't determine where it was.
    let strength = 0.002 * a[4][4];
    for i in 6..N {
        a[i][i] += strength;
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
    (sum / count.max(1.0)) as f32
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
