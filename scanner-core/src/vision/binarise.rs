//! From a grey profile to black and white runs with sub-pixel edges.
//!
//! At one or two pixels per module the lens's blur and the pixel's own width have flattened the narrow bars. Both are known well enough to be
//! undone mildly: [`restore`] finds the profile that, seen through them, explains the measured one best (regularised least squares, weighted with
//! the number of pixels behind each bin, which also fills bins that no pixel hit). [`binarise`] then cuts it at a local threshold.

use rxing::common::BitArray;

use super::lanes::dot;
use super::rectify::{BINS_PER_PX, Profile};

/// How strongly to sharpen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sharpening {
    /// Standard deviation of the blur that is undone, px.
    pub blur_px: f64,
    /// Whether the pixel's own footprint is undone as well.
    pub footprint: bool,
    /// Weight of the second difference against the data: the larger, the smoother.
    pub smoothness: f32,
}

impl Sharpening {
    /// No sharpening, just gaps filled.
    pub const NONE: Self = Self { blur_px: 0.0, footprint: false, smoothness: 0.3 };
    /// Undoes the pixel and a good lens.
    pub const MILD: Self = Self { blur_px: 0.45, footprint: true, smoothness: 0.03 };
    /// Undoes the pixel and a soft lens.
    pub const STRONG: Self = Self { blur_px: 0.7, footprint: true, smoothness: 0.006 };
}

/// The blur as a symmetric kernel over bins, `along` being the code's direction against the pixel grid: half of it, from the centre outwards.
fn kernel(sharpening: &Sharpening, along: [f64; 2]) -> Vec<f32> {
    let k = BINS_PER_PX as f64;
    // The binning itself spreads every pixel over two bins (a triangle of variance 1/6).
    let (w0, w1) = if sharpening.footprint { (along[0].abs() * k, along[1].abs() * k) } else { (0.0, 0.0) };
    let sigma = (sharpening.blur_px * k).hypot((1.0f64 / 6.0).sqrt());
    let reach = (3.0 * sigma + (w0 + w1) / 2.0).ceil() as usize;
    // A box convolved with a box is a trapezoid; convolved with the Gaussian by a fine sum.
    let (wide, narrow) = (w0.max(w1).max(1e-3), w0.min(w1));
    let trapezoid = |t: f64| -> f64 {
        let t = t.abs();
        let (inner, outer) = ((wide - narrow) / 2.0, (wide + narrow) / 2.0);
        if t <= inner {
            1.0
        } else if t < outer {
            (outer - t) / (outer - inner)
        } else {
            0.0
        }
    };
    let half_width = (wide + narrow) / 2.0;
    let samples = 24;
    let mut half: Vec<f32> = (0..=reach)
        .map(|i| {
            let (mut sum, mut norm) = (0.0, 0.0);
            for s in 0..samples {
                let t = ((s as f64 + 0.5) / samples as f64 * 2.0 - 1.0) * half_width;
                let z = (i as f64 - t) / sigma;
                sum += trapezoid(t) * (-0.5 * z * z).exp();
                norm += trapezoid(t);
            }
            (sum / norm.max(1e-9)) as f32
        })
        .collect();
    let total = half[0] + 2.0 * half[1..].iter().sum::<f32>();
    for v in &mut half {
        *v /= total;
    }
    half
}

/// The sharpened profile on the same bins.
///
/// Minimises Σ wᵢ (Σⱼ h(i−j) xⱼ − yᵢ)² + λ Σ (xⱼ₋₁ − 2 xⱼ + xⱼ₊₁)² by a banded Cholesky factorisation.
pub fn restore(profile: &Profile, sharpening: &Sharpening, along: [f64; 2]) -> Vec<f32> {
    let n = profile.mean.len();
    let half = kernel(sharpening, along);
    let filled = profile.weight.iter().filter(|w| **w > 1e-3).count().max(1);
    let typical = profile.weight.iter().sum::<f32>() / filled as f32;
    if n < 3 || typical <= 0.0 {
        return vec![0.0; n];
    }
    let weight = |w: f32| {
        let w = (w / typical).min(4.0);
        if w < 1e-3 { 0.0 } else { w }
    };
    let reach = half.len() - 1;
    let mut matrix = Banded::zero(n, (2 * reach).max(2));
    // Bins beyond the ends weigh nothing.
    let mut weights = vec![0f32; n + 2 * reach];
    let mut values = weights.clone();
    for ((w, v), (weight_of, mean)) in weights[reach..].iter_mut().zip(&mut values[reach..]).zip(profile.weight.iter().zip(&profile.mean)) {
        *w = weight(*weight_of);
        *v = *w * mean;
    }
    // Bin j takes part in what bins j−reach to j+reach show.
    let h = |offset: isize| half.get(offset.unsigned_abs()).copied().unwrap_or(0.0);
    let span = 2 * reach as isize;
    let mut diagonal = vec![0f32; n];
    for d in 0..=2 * reach {
        diagonal.fill(0.0);
        // Bins j and j+d both show at j+t.
        for t in d as isize - reach as isize..=reach as isize {
            add_scaled(&mut diagonal[..n.saturating_sub(d)], &weights[(t + reach as isize) as usize..], h(t) * h(t - d as isize));
        }
        matrix.add_diagonal(d, &diagonal[..n.saturating_sub(d)]);
    }
    let mut right = vec![0f32; n];
    for t in 0..=span {
        add_scaled(&mut right, &values[t as usize..], h(t - reach as isize));
    }
    let lambda = sharpening.smoothness;
    for j in 1..n - 1 {
        for (p, cp) in [(j - 1, 1.0f32), (j, -2.0), (j + 1, 1.0)] {
            for (q, cq) in [(j - 1, 1.0f32), (j, -2.0), (j + 1, 1.0)] {
                if q <= p {
                    matrix.column(q)[p - q] += lambda * cp * cq;
                }
            }
        }
    }
    for j in 0..n {
        matrix.column(j)[0] += 1e-4;
    }
    matrix.solve(right)
}

/// y += factor·x, over as many numbers as y has.
fn add_scaled(y: &mut [f32], x: &[f32], factor: f32) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

/// Numbers that are worked on side by side.
const LANES: usize = 8;

/// A symmetric positive definite matrix that is zero beyond `band` places off its diagonal: its lower half, column by column from the diagonal down.
/// Columns are filled up with zeros to whole lanes.
struct Banded {
    n: usize,
    band: usize,
    stride: usize,
    data: Vec<f32>,
}

impl Banded {
    fn zero(n: usize, band: usize) -> Self {
        let stride = (band + 1).next_multiple_of(LANES);
        Self { n, band, stride, data: vec![0.0; n * stride] }
    }

    fn column(&mut self, j: usize) -> &mut [f32] {
        &mut self.data[j * self.stride..(j + 1) * self.stride]
    }

    /// Adds to the entries `d` places below the diagonal.
    fn add_diagonal(&mut self, d: usize, values: &[f32]) {
        for (column, v) in self.data.chunks_exact_mut(self.stride).zip(values) {
            column[d] += v;
        }
    }

    /// The x for which the matrix times x is `right`, by Cholesky's factorisation.
    fn solve(mut self, right: Vec<f32>) -> Vec<f32> {
        let (n, band, stride) = (self.n, self.band, self.stride);
        let mut x = right;
        // A column of the factor, and zeros behind it.
        let mut factor = vec![0f32; stride + LANES];
        for j in 0..n {
            let column = &mut self.data[j * stride..(j + 1) * stride];
            let root = column[0].max(1e-7).sqrt();
            let inverse = 1.0 / root;
            column.iter_mut().for_each(|v| *v *= inverse);
            column[0] = root;
            factor[..stride].copy_from_slice(column);
            x[j] *= inverse;
            let (this, reach) = (x[j], band.min(n - 1 - j));
            for (x, l) in x[j + 1..].iter_mut().zip(&factor[1..=reach]) {
                *x -= this * l;
            }
            // What it takes from the columns to its right.
            for (d, later) in self.data[(j + 1) * stride..].chunks_exact_mut(stride).take(reach).enumerate() {
                let scale = factor[d + 1];
                let rest = (band - d).next_multiple_of(LANES);
                for (l, f) in later[..rest].as_chunks_mut::<LANES>().0.iter_mut().zip(factor[d + 1..].as_chunks::<LANES>().0) {
                    // Of a copy the compiler knows that it is not what is read.
                    let mut less = *l;
                    for i in 0..LANES {
                        less[i] -= scale * f[i];
                    }
                    *l = less;
                }
            }
        }
        for j in (0..n).rev() {
            let column = &self.data[j * stride..(j + 1) * stride];
            let reach = band.min(n - 1 - j);
            let below = dot::<LANES>(&column[1..=reach], &x[j + 1..=j + reach]);
            x[j] = (x[j] - below) / column[0];
        }
        x
    }
}

/// A binarised row: bit i stands for u = start + i / per_px; set bits are dark.
#[derive(Debug, Clone)]
pub struct BinaryRow {
    /// The bits, white where there is no code.
    pub bits: BitArray,
    /// u of bit 0.
    pub start: f64,
    /// Bits per pixel.
    pub per_px: f64,
    /// Number of bars.
    pub bars: usize,
}

/// Cuts a restored profile (bins from `start`) at a local threshold, between `ends`; outside it is white.
///
/// The threshold lies at `level` (0 to 1, usually ½) between the local extremes, which are taken over `window` px to both sides: wide bars and
/// spaces, which the blur has left at full depth, give the levels for the narrow ones.
pub fn binarise(restored: &[f32], start: f64, ends: [f64; 2], window: f64, level: f32) -> BinaryRow {
    let k = BINS_PER_PX as f64;
    let n = restored.len();
    let reach = ((window * k) as usize).max(2);
    let (low, high) = (extreme(restored, reach, f32::min), extreme(restored, reach, f32::max));
    let (low, high) = (mean(&low, reach / 2), mean(&high, reach / 2));
    let above: Vec<f32> = (0..n).map(|i| restored[i] - (low[i] + (high[i] - low[i]) * level)).collect();
    // A module should have eight bits or more; at 0.8 px per module that takes 12 per pixel. Long strips have wide modules.
    let fine = if n < 3200 { 3 } else { 1 };
    let size = n * fine;
    let mut bits = BitArray::with_size(size.max(1));
    let mut bars = 0;
    let mut dark = false;
    for i in 0..size {
        let at = i as f64 / fine as f64;
        let u = start + at / k;
        let j = (at as usize).min(n - 1);
        let f = (at - j as f64) as f32;
        let value = above[j] + (above[(j + 1).min(n - 1)] - above[j]) * f;
        let now = value < 0.0 && u >= ends[0] && u <= ends[1];
        if now {
            bits.set(i);
            if !dark {
                bars += 1;
            }
        }
        dark = now;
    }
    BinaryRow { bits, start, per_px: k * fine as f64, bars }
}

/// Running extreme over ±reach.
fn extreme(v: &[f32], reach: usize, pick: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    // Windows are doubled: entry i covers what begins there, up to 2 · reach + 1 in all. Before the first and behind the last bin it goes on as there.
    let (Some(first), Some(last)) = (v.first(), v.last()) else { return Vec::new() };
    let mut out = [vec![*first; reach], v.to_vec(), vec![*last; reach]].concat();
    let window = 2 * reach + 1;
    let mut covered = 1;
    while covered < window {
        let step = covered.min(window - covered);
        let before = out.clone();
        for (value, later) in out.iter_mut().zip(&before[step..]) {
            *value = pick(*value, *later);
        }
        covered += step;
    }
    out.truncate(v.len());
    out
}

/// Running mean over ±reach.
fn mean(v: &[f32], reach: usize) -> Vec<f32> {
    let n = v.len();
    let mut sums = vec![0f64; n + 1];
    for i in 0..n {
        sums[i + 1] = sums[i] + f64::from(v[i]);
    }
    (0..n)
        .map(|i| {
            let (lo, hi) = (i.saturating_sub(reach), (i + reach + 1).min(n));
            ((sums[hi] - sums[lo]) / (hi - lo) as f64) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_extremes_cover_exactly_the_window() {
        let mut v = vec![0.0; 41];
        v[20] = 1.0;
        for reach in 1..15 {
            let hit: Vec<usize> = extreme(&v, reach, f32::max).iter().enumerate().filter(|(_, x)| **x > 0.5).map(|(i, _)| i).collect();
            assert_eq!((hit[0], hit[hit.len() - 1], hit.len()), (20 - reach, 20 + reach, 2 * reach + 1));
        }
    }

    #[test]
    fn a_blurred_bar_gets_its_width_back() {
        // A bar of 1 px seen by pixels of 1 px (aligned code, all phases filled): a triangle of base 2 px, whose deconvolution is 1 px wide.
        let n = 80;
        let tri = |i: usize| (1.0 - ((i as f32 - 40.0) / BINS_PER_PX as f32).abs()).max(0.0);
        let profile = Profile { start: 0.0, mean: (0..n).map(|i| 1.0 - tri(i)).collect(), weight: vec![5.0; n] };
        let sharp = Sharpening { blur_px: 0.0, footprint: true, smoothness: 1e-3 };
        let restored = restore(&profile, &sharp, [1.0, 0.0]);
        let depth = |x: &[f32]| 1.0 - x.iter().copied().fold(f32::MAX, f32::min);
        assert!(depth(&restored) > 0.9 && restored[40 - 4] > 0.75, "{:?}", &restored[34..47]);
        let soft = restore(&profile, &Sharpening::NONE, [1.0, 0.0]);
        assert!((depth(&soft) - 0.9).abs() < 0.12, "{}", depth(&soft));
    }
}
