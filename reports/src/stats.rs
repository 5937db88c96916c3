//! Bounds of a proportion, means and quantiles; distribution functions; tests with their effect sizes.
//!
//! A bound is one-sided: "lower 95 %" is what the true share exceeds with 95 % confidence. An interval is two-sided.

mod distributions;
mod intervals;
mod tests;

pub use distributions::{chi_square_upper_tail, incomplete_gamma, normal_cdf, student_t_cdf, student_t_quantile};
pub use intervals::{Interval, bootstrap, equivalence, poisson_rate_ratio, ratio_of_means};
pub use tests::{Effect, TestResult, chi_square, fisher_exact, paired_t, welch_t, wilcoxon_signed_rank};

/// ln Γ(x) for x > 0, by Lanczos' approximation with g = 7 and nine terms (Godfrey's coefficients); about 14 digits.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const FIRST: f64 = 0.999_999_999_999_809_9;
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = TERMS.iter().zip(1_u32..).fold(FIRST, |sum, (term, i)| sum + term / (x + f64::from(i)));
    let t = x + G + 0.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// Regularised incomplete beta function I_x(a, b) for a, b > 0 and x in [0, 1], by its continued fraction (modified Lentz; Abramowitz & Stegun
/// 26.5.8).
pub fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges quickly on this side of the mean only.
    if x < (a + 1.0) / (a + b + 2.0) { front * beta_fraction(a, b, x) / a } else { 1.0 - front * beta_fraction(b, a, 1.0 - x) / b }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    // It needs about √max(a, b) rounds; the limit is for a billion samples.
    for m in 1..100_000_u32 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

/// The x at which I_x(a, b) = `p`, by bisection down to neighbouring floats.
fn inverse_incomplete_beta(a: f64, b: f64, p: f64) -> f64 {
    let (mut lo, mut hi) = (0.0, 1.0);
    loop {
        let mid = 0.5 * (lo + hi);
        if mid <= lo || mid >= hi {
            return mid;
        }
        if incomplete_beta(a, b, mid) < p { lo = mid } else { hi = mid }
    }
}

/// Exact one-sided lower bound of a proportion (Clopper & Pearson, Biometrika 1934): the share below which `hits` or more of `trials` would come
/// up with probability less than 1 − `confidence`. 0 without trials; more hits than trials count as all.
pub fn clopper_pearson_lower(hits: u64, trials: u64, confidence: f64) -> f64 {
    let alpha = 1.0 - confidence;
    let (k, n) = (hits.min(trials) as f64, trials as f64);
    match hits {
        0 => 0.0,
        _ if trials == 0 => 0.0,
        _ if hits >= trials => alpha.powf(1.0 / n),
        _ => inverse_incomplete_beta(k, n - k + 1.0, alpha),
    }
}

/// Exact one-sided upper bound of a proportion, as [`clopper_pearson_lower`]. 1 without trials.
pub fn clopper_pearson_upper(hits: u64, trials: u64, confidence: f64) -> f64 {
    if hits >= trials { 1.0 } else { 1.0 - clopper_pearson_lower(trials - hits, trials, confidence) }
}

/// Mean; nothing of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation of a sample (n − 1); nothing of fewer than two.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// Median; nothing of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Quantile for `q` in [0, 1], linear between the order statistics (Hyndman & Fan's type 7, the default of R and NumPy); nothing of nothing.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}
