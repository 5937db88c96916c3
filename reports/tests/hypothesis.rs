//! Tests, intervals and distribution functions against SciPy 1.17.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use reports::stats::{
    Effect, bootstrap, chi_square, chi_square_upper_tail, equivalence, fisher_exact, normal_cdf, paired_t, poisson_rate_ratio,
    ratio_of_means, student_t_cdf, student_t_quantile, welch_t, wilcoxon_signed_rank,
};

/// Table 1 of Zhao et al. 2025.
const NO_SCAN: [f64; 4] = [45.0, 42.0, 48.0, 23.0];
const HANDHELD: [f64; 4] = [69.0, 65.0, 70.0, 40.0];
const MV: [f64; 4] = [48.0, 51.0, 55.0, 30.0];

fn near(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-11 * expected.abs().max(1e-3), "{what}: {found} instead of {expected}");
}

#[test]
fn distribution_functions_equal_scipys() {
    for (t, df, expected) in
        [(2.0, 3.0, 0.930_337_015_720_578_5), (-0.5, 7.3, 0.315_896_763_402_220_84), (12.0, 1.0, 0.973_535_323_940_410_1), (0.0, 4.0, 0.5)]
    {
        near(student_t_cdf(t, df), expected, "t");
    }
    for (p, df, expected) in [
        (0.975, 3.0, 3.182_446_305_283_707_8),
        (0.975, 29.0, 2.045_229_642_132_703),
        (0.9, 1.0, 3.077_683_537_175_254_4),
        (0.05, 5.5, -1.975_279_704_038_910_5),
        (0.5, 2.0, 0.0),
    ] {
        near(student_t_quantile(p, df), expected, "t quantile");
    }
    for (x, df, expected) in [
        (3.84, 1.0, 0.050_043_521_248_705_19),
        (0.2, 5.0, 0.999_113_861_211_187_5),
        (200.0, 10.0, 1.613_930_533_697_731_7e-37),
        (1e-3, 2.0, 0.999_500_124_979_169_3),
    ] {
        let found = chi_square_upper_tail(x, df);
        assert!((found / expected - 1.0).abs() < 1e-11, "chi-square tail of {x}, {df}: {found}");
    }
    for (x, expected) in [(-1.96, 0.024_997_895_148_220_435), (0.0, 0.5), (0.3, 0.617_911_422_188_952_6), (3.0, 0.998_650_101_968_369_9)] {
        near(normal_cdf(x), expected, "normal");
    }
    assert!((normal_cdf(-8.0) / 6.220_960_574_271_74e-16 - 1.0).abs() < 1e-10);
}

/// The P values that the paper's own four rows give.
#[test]
fn paired_t_of_table_1() {
    let handheld = paired_t(&HANDHELD, &NO_SCAN).unwrap();
    near(handheld.statistic, 13.830_251_699_407_555, "t of handheld");
    near(handheld.p, 0.000_818_213_186_571_128_5, "P of handheld");
    let mv = paired_t(&MV, &NO_SCAN).unwrap();
    near(mv.statistic, 5.165_676_192_553_671, "t of MV");
    near(mv.p, 0.014_073_251_011_506_86, "P of MV");
    // t = d·√n.
    assert_eq!(mv.effect, Effect::CohenD(mv.statistic / 2.0));
    assert_eq!(paired_t(&[1.0, 2.0], &[0.0, 1.0]), None, "no variance");
    assert_eq!(paired_t(&[1.0], &[0.0]), None);
    assert_eq!(paired_t(&[1.0, 2.0], &[0.0]), None);
}

#[test]
fn welch_equals_scipys() {
    let of = welch_t(&[1.2, 2.3, 3.1, 4.8, 5.0, 2.2], &[2.9, 3.3, 3.0, 7.1]).unwrap();
    near(of.statistic, -0.821_304_445_875_912_3, "t");
    near(of.df.unwrap(), 5.237_706_704_440_022, "df");
    near(of.p, 0.447_231_324_089_669_3, "P");
}

#[test]
#[allow(clippy::approx_constant, reason = "a measurement of 3.14 in SciPy's example, and no pi")]
fn wilcoxon_equals_scipys_exactly_and_with_ties() {
    let x = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
    let y = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
    let exact = wilcoxon_signed_rank(&x, &y).unwrap();
    assert_eq!((exact.statistic, exact.p), (5.0, 0.039_062_5));
    assert_eq!(exact.effect, Effect::RankBiserial(35.0 / 45.0));
    let x = [5.0, 7.0, 8.0, 6.0, 9.0, 12.0, 3.0, 4.0, 8.0, 8.0];
    let y = [3.0, 7.0, 6.0, 8.0, 7.0, 9.0, 1.0, 6.0, 5.0, 6.0];
    let tied = wilcoxon_signed_rank(&x, &y).unwrap();
    assert_eq!(tied.statistic, 8.0);
    near(tied.p, 0.070_182_258_740_397_6, "P with ties");
    assert_eq!(wilcoxon_signed_rank(&[1.0, 2.0], &[1.0, 2.0]), None);
}

#[test]
fn tables_of_counts_equal_scipys() {
    let of = chi_square(&[vec![10.0, 20.0, 30.0], vec![6.0, 9.0, 17.0]]).unwrap();
    near(of.statistic, 0.271_574_651_504_035_04, "chi-square");
    near(of.p, 0.873_028_283_380_073, "P");
    assert_eq!(of.df, Some(2.0));
    assert_eq!(chi_square(&[vec![1.0, 0.0], vec![2.0, 0.0]]), None);
    near(fisher_exact([[8, 2], [1, 5]]).p, 0.034_965_034_965_034_975, "Fisher");
    assert_eq!(fisher_exact([[8, 2], [1, 5]]).effect, Effect::OddsRatio(20.0));
    near(fisher_exact([[100, 2], [1000, 5]]).p, 0.130_075_936_343_001_63, "Fisher");
    assert_eq!(fisher_exact([[0, 0], [3, 4]]).p, 1.0);
}

#[test]
fn intervals_equal_those_solved_by_root_finding() {
    let of = ratio_of_means(&MV, &NO_SCAN, 0.95).unwrap();
    near(of.value, 1.164_556_962_025_316_5, "ratio");
    near(of.lower, 1.055_346_008_065_902_5, "Fieller, lower");
    near(of.upper, 1.382_372_191_558_514_5, "Fieller, upper");
    assert_eq!(ratio_of_means(&[1.0, 1.1], &[1.0, -1.0], 0.95), None, "the denominator could be 0");
    let of = poisson_rate_ratio(34, 92.0, 132, 92.0, 0.95).unwrap();
    near(of.value, 34.0 / 132.0, "rate ratio");
    near(of.lower, 0.171_247_469_578_690_22, "rate ratio, lower");
    near(of.upper, 0.377_933_253_628_656_76, "rate ratio, upper");
    let none = poisson_rate_ratio(0, 1.0, 5, 1.0, 0.95).unwrap();
    assert_eq!((none.value, none.lower), (0.0, 0.0));
    assert_eq!(poisson_rate_ratio(0, 1.0, 0, 1.0, 0.95), None);
    near(equivalence(&[1.1, 2.2, 3.4, 4.1, 5.3], &[1.0, 2.3, 3.1, 4.4, 5.0], 0.5).unwrap(), 0.009_777_106_360_152_308, "equivalence");
}

/// Resampling is checked where its answer is known: with two values the mean of two draws is 0, ½ or 1 with ¼, ½, ¼.
#[test]
fn the_bootstrap_spans_what_resamples_give() {
    let mut state = 1_u64;
    let uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let of = bootstrap(&[0.0, 1.0], 2000, 0.4, uniform, mean).unwrap();
    assert_eq!((of.value, of.lower, of.upper), (0.5, 0.5, 0.5));
    assert_eq!(bootstrap(&[], 100, 0.95, || 0.5, mean), None);
}
