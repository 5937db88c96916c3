//! Confidence intervals of ratios, the bootstrap, and equivalence.

use super::distributions::student_t_cdf;
use super::{clopper_pearson_lower, clopper_pearson_upper, mean, quantile, standard_deviation, student_t_quantile};

/// A value with its two-sided interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// Ratio of the means of pairs, mean(`a`) ÷ mean(`b`), by Fieller's theorem (Fieller, J. R. Stat. Soc. B 16 (1954), 175–185). `None` for fewer
/// than two pairs, unequal lengths, or a denominator that cannot be told from 0, for which there is no bounded interval.
pub fn ratio_of_means(a: &[f64], b: &[f64], confidence: f64) -> Option<Interval> {
    if a.len() != b.len() {
        return None;
    }
    let n = a.len() as f64;
    let (ma, mb) = (mean(a)?, mean(b)?);
    let (va, vb) = (standard_deviation(a)?.powi(2) / n, standard_deviation(b)?.powi(2) / n);
    let cov = a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum::<f64>() / (n - 1.0) / n;
    let t2 = student_t_quantile(0.5 + 0.5 * confidence, n - 1.0).powi(2);
    // Where (ma − r·mb)² = t²·(va − 2·r·cov + r²·vb).
    let (p, q, s) = (mb * mb - t2 * vb, ma * mb - t2 * cov, ma * ma - t2 * va);
    let root = (q * q - p * s).max(0.0).sqrt();
    (p > 0.0).then(|| Interval { value: ma / mb, lower: (q - root) / p, upper: (q + root) / p })
}

/// Ratio of two Poisson rates, (`a` events in `exposure_a`) ÷ (`b` in `exposure_b`), with the exact conditional interval: given a + b events, a is
/// binomial (Przyborowski & Wilenski 1940). `None` without any event or exposure; with b = 0 the upper end is infinite.
pub fn poisson_rate_ratio(a: u64, exposure_a: f64, b: u64, exposure_b: f64, confidence: f64) -> Option<Interval> {
    if a + b == 0 || exposure_a <= 0.0 || exposure_b <= 0.0 {
        return None;
    }
    let one_sided = 0.5 + 0.5 * confidence;
    let ratio = |share: f64| share / (1.0 - share) * exposure_b / exposure_a;
    Some(Interval {
        value: (a as f64 / exposure_a) / (b as f64 / exposure_b),
        lower: ratio(clopper_pearson_lower(a, a + b, one_sided)),
        upper: ratio(clopper_pearson_upper(a, a + b, one_sided)),
    })
}

/// The percentile bootstrap of `statistic` over `rounds` resamples. `uniform` gives numbers in [0, 1): the caller's seed decides. `None` of nothing,
/// or where the statistic is no number for the sample itself.
pub fn bootstrap(
    values: &[f64],
    rounds: usize,
    confidence: f64,
    mut uniform: impl FnMut() -> f64,
    statistic: impl Fn(&[f64]) -> f64,
) -> Option<Interval> {
    let value = statistic(values);
    if values.is_empty() || rounds == 0 || !value.is_finite() {
        return None;
    }
    let mut resample = vec![0.0; values.len()];
    let found: Vec<f64> = (0..rounds)
        .map(|_| {
            for slot in &mut resample {
                *slot = values[((uniform() * values.len() as f64) as usize).min(values.len() - 1)];
            }
            statistic(&resample)
        })
        .filter(|value| value.is_finite())
        .collect();
    let tail = 0.5 - 0.5 * confidence;
    Some(Interval { value, lower: quantile(&found, tail)?, upper: quantile(&found, 1.0 - tail)? })
}

/// P of two one-sided tests (Schuirmann 1987) that the mean of the pairs' differences `a` − `b` lies within ±`margin`: below 0.05 the two are
/// equivalent within it. `None` as for the paired t test.
pub fn equivalence(a: &[f64], b: &[f64], margin: f64) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let n = differences.len() as f64;
    let error = standard_deviation(&differences)? / n.sqrt();
    let mean = mean(&differences)?;
    (error > 0.0).then(|| {
        let below = 1.0 - student_t_cdf((mean + margin) / error, n - 1.0);
        let above = student_t_cdf((mean - margin) / error, n - 1.0);
        below.max(above)
    })
}
