//! From a grey profile to black and white runs with sub-pixel edges.
//!
//! At one or two pixels per module the lens's blur and the pixel's own width have flattened the narrow bars. Both are known well enough to be
//! undone mildly: [`restore`] finds the profile that, seen through them, explains the measured one best (regularised least squares, weighted with
//! the number of pixels behind each bin, which also fills bins that no pixel hit). [`binarise`] then cuts it at a local threshold.

use rxing::common::BitArray;

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
    let reach = half.len() - 1;
    let band = (2 * reach).max(2);
    let width = band + 1;
    // Symmetric matrix, lower band: row j holds entries (j, j−band ..= j).
    let mut matrix = vec![0f32; n * width];
    let mut right = vec![0f32; n];
    let filled = profile.weight.iter().filter(|w| **w > 1e-3).count().max(1);
    let typical = profile.weight.iter().sum::<f32>() / filled as f32;
    if n < 3 || typical <= 0.0 {
        return vec![0.0; n];
    }
    let h = |d: usize| half[d];
    for i in 0..n {
        let w = (profile.weight[i] / typical).min(4.0);
        if w < 1e-3 {
            continue;
        }
        let (lo, hi) = (i.saturating_sub(reach), (i + reach).min(n - 1));
        for j in lo..=hi {
            let wj = w * h(i.abs_diff(j));
            right[j] += wj * profile.mean[i];
            let row = &mut matrix[j * width..(j + 1) * width];
            for k in lo..=j {
                row[band - (j - k)] += wj * h(i.abs_diff(k));
            }
        }
    }
    let lambda = sharpening.smoothness;
    for j in 1..n - 1 {
        for (p, cp) in [(j - 1, 1.0f32), (j, -2.0), (j + 1, 1.0)] {
            for (q, cq) in [(j - 1, 1.0f32), (j, -2.0), (j + 1, 1.0)] {
                if q <= p {
                    matrix[p * width + band - (p - q)] += lambda * cp * cq;
                }
            }
        }
    }
    for j in 0..n {
        matrix[j * width + band] += 1e-4;
    }
    // Cholesky in place: matrix becomes L.
    for j in 0..n {
        let from = j.saturating_sub(band);
        for k in from..=j {
            let common = from.max(k.saturating_sub(band));
            let (a, b) = (j * width + band - j + common, k * width + band - k + common);
            let len = k - common;
            let dot = dot(&matrix[a..a + len], &matrix[b..b + len]);
            let value = matrix[j * width + band - (j - k)] - dot;
            matrix[j * width + band - (j - k)] = if j == k { value.max(1e-7).sqrt() } else { value / matrix[k * width + band] };
        }
    }
    let mut x = right;
    for j in 0..n {
        let from = j.saturating_sub(band);
        let mut value = x[j];
        for k in from..j {
            value -= matrix[j * width + band - (j - k)] * x[k];
        }
        x[j] = value / matrix[j * width + band];
    }
    for j in (0..n).rev() {
        let mut value = x[j];
        for k in j + 1..(j + band + 1).min(n) {
            value -= matrix[k * width + band - (k - j)] * x[k];
        }
        x[j] = value / matrix[j * width + band];
    }
    x
}

/// Sum of products, in eight lanes that the compiler can keep in vector registers.
fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (cx, cy) = (x.chunks_exact(8), y.chunks_exact(8));
    let rest: f32 = cx.remainder().iter().zip(cy.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in cx.zip(cy) {
        for i in 0..8 {
            lanes[i] += a[i] * b[i];
        }
    }
    lanes.iter().sum::<f32>() + rest
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

/// Running extreme over ±reach (van Herk would be faster; strips are short).
fn extreme(v: &[f32], reach: usize, pick: fn(f32, f32) -> f32) -> Vec<f32> {
    // Doubling windows: after log steps every entry covers the window.
    let n = v.len();
    let mut out = v.to_vec();
    let mut covered = 0;
    while covered < reach {
        let step = (covered + 1).min(reach - covered).max(1);
        let before = out.clone();
        for i in 0..n {
            let (l, r) = (before[i.saturating_sub(step)], before[(i + step).min(n - 1)]);
            out[i] = pick(before[i], pick(l, r));
        }
        covered += step;
    }
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
