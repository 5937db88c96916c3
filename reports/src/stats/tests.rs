//! Hypothesis tests, each with the size of the effect beside its P. Two-sided throughout.

use super::distributions::{chi_square_upper_tail, normal_cdf, student_t_both_tails};
use super::{ln_gamma, mean, standard_deviation};

/// How large an effect is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// Cohen's d: difference of the means ÷ standard deviation (of the differences for pairs, pooled for two samples).
    CohenD(f64),
    /// Matched-pairs rank-biserial correlation: (rank sum up − rank sum down) ÷ all ranks.
    RankBiserial(f64),
    /// Cramér's V.
    CramerV(f64),
    /// Odds ratio of the table as it stands; infinite or not a number where a cell is 0.
    OddsRatio(f64),
}

/// What a test found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestResult {
    /// The statistic: t, W (the smaller rank sum), χ². For Fisher's test the P value itself.
    pub statistic: f64,
    /// Degrees of freedom, where there are any.
    pub df: Option<f64>,
    /// Two-sided P.
    pub p: f64,
    /// The size of the effect.
    pub effect: Effect,
}

/// Student's test of pairs: whether the mean of `a` − `b` is 0. `None` for fewer than two pairs, unequal lengths, or differences that are all the
/// same.
pub fn paired_t(a: &[f64], b: &[f64]) -> Option<TestResult> {
    if a.len() != b.len() {
        return None;
    }
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let (mean, deviation) = (mean(&differences)?, standard_deviation(&differences)?);
    let n = differences.len() as f64;
    let t = mean / (deviation / n.sqrt());
    (deviation > 0.0).then(|| TestResult {
        statistic: t,
        df: Some(n - 1.0),
        p: student_t_both_tails(t, n - 1.0),
        effect: Effect::CohenD(mean / deviation),
    })
}

/// Welch's test of two samples of unequal variances, with Satterthwaite's degrees of freedom. `None` for fewer than two values in a sample, or no
/// variance in either.
pub fn welch_t(a: &[f64], b: &[f64]) -> Option<TestResult> {
    let (va, vb) = (standard_deviation(a)?.powi(2), standard_deviation(b)?.powi(2));
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let (ea, eb) = (va / na, vb / nb);
    if ea + eb <= 0.0 {
        return None;
    }
    let difference = mean(a)? - mean(b)?;
    let t = difference / (ea + eb).sqrt();
    let df = (ea + eb).powi(2) / (ea * ea / (na - 1.0) + eb * eb / (nb - 1.0));
    let pooled = (((na - 1.0) * va + (nb - 1.0) * vb) / (na + nb - 2.0)).sqrt();
    Some(TestResult { statistic: t, df: Some(df), p: student_t_both_tails(t, df), effect: Effect::CohenD(difference / pooled) })
}

/// Wilcoxon's signed-rank test of pairs. Pairs without a difference are dropped. Exact for up to 50 pairs without ties; otherwise the normal
/// approximation with correction for ties and without one for continuity (SciPy's `method="approx"`, `correction=False`). `None` where no pair
/// differs.
pub fn wilcoxon_signed_rank(a: &[f64], b: &[f64]) -> Option<TestResult> {
    let mut differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).filter(|d| *d != 0.0).collect();
    if a.len() != b.len() || differences.is_empty() {
        return None;
    }
    differences.sort_by(|x, y| x.abs().total_cmp(&y.abs()));
    let n = differences.len();
    let (mut up, mut down, mut tied) = (0.0, 0.0, 0.0);
    let mut from = 0;
    while from < n {
        let size = differences[from].abs();
        let count = differences[from..].iter().take_while(|d| d.abs() == size).count();
        // Tied differences share the mean of their ranks.
        let rank = from as f64 + 0.5 * (count as f64 + 1.0);
        let above = differences[from..from + count].iter().filter(|d| **d > 0.0).count();
        up += rank * above as f64;
        down += rank * (count - above) as f64;
        let t = count as f64;
        tied += t * t * t - t;
        from += count;
    }
    let w = up.min(down);
    let n_f = n as f64;
    let p = if n <= 50 && tied == 0.0 {
        exact_rank_p(w as usize, n)
    } else {
        let middle = n_f * (n_f + 1.0) / 4.0;
        let variance = n_f * (n_f + 1.0) * (2.0 * n_f + 1.0) / 24.0 - tied / 48.0;
        2.0 * normal_cdf((w - middle) / variance.sqrt())
    };
    Some(TestResult { statistic: w, df: None, p: p.min(1.0), effect: Effect::RankBiserial((up - down) / (up + down)) })
}

/// Twice the share of the 2ⁿ sets of signs whose rank sum is at most `w`.
fn exact_rank_p(w: usize, n: usize) -> f64 {
    let most = n * (n + 1) / 2;
    let mut sets = vec![0.0_f64; most + 1];
    sets[0] = 1.0;
    for rank in 1..=n {
        for sum in (rank..=most).rev() {
            sets[sum] += sets[sum - rank];
        }
    }
    2.0 * sets[..=w].iter().sum::<f64>() / 2_f64.powi(n as i32)
}

/// Pearson's chi-square test of independence of a table of counts by rows, without Yates' correction. `None` for fewer than two rows or columns,
/// rows of unequal length, or an empty row or column.
pub fn chi_square(table: &[Vec<f64>]) -> Option<TestResult> {
    let columns = table.first()?.len();
    if table.len() < 2 || columns < 2 || table.iter().any(|row| row.len() != columns) {
        return None;
    }
    let rows: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
    let sums: Vec<f64> = (0..columns).map(|j| table.iter().map(|row| row[j]).sum()).collect();
    let all: f64 = rows.iter().sum();
    if rows.iter().chain(&sums).any(|sum| *sum <= 0.0) {
        return None;
    }
    let statistic: f64 = table
        .iter()
        .zip(&rows)
        .flat_map(|(row, r)| row.iter().zip(&sums).map(move |(seen, c)| (seen, r * c)))
        .map(|(seen, product)| (seen - product / all).powi(2) / (product / all))
        .sum();
    let df = ((table.len() - 1) * (columns - 1)) as f64;
    let least = (table.len() - 1).min(columns - 1) as f64;
    let effect = Effect::CramerV((statistic / (all * least)).sqrt());
    Some(TestResult { statistic, df: Some(df), p: chi_square_upper_tail(statistic, df), effect })
}

/// Fisher's exact test of the table [[a, b], [c, d]]: the sum over all tables with the same margins that are no more likely than this one.
pub fn fisher_exact([[a, b], [c, d]]: [[u64; 2]; 2]) -> TestResult {
    let choose = |n: u64, k: u64| ln_gamma(n as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((n - k) as f64 + 1.0);
    let (row, column, all) = (a + b, a + c, a + b + c + d);
    let log_p = |x: u64| choose(column, x) + choose(all - column, row - x) - choose(all, row);
    let here = log_p(a);
    let (low, high) = ((row + column).saturating_sub(all), row.min(column));
    // A little slack, since equally likely tables come out equal only up to rounding.
    let p: f64 = (low..=high).map(log_p).filter(|log| *log <= here + 1e-7).map(f64::exp).sum();
    let p = p.min(1.0);
    TestResult { statistic: p, df: None, p, effect: Effect::OddsRatio((a * d) as f64 / (b * c) as f64) }
}
