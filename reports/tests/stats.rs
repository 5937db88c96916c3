//! Bounds against values of SciPy 1.x: `beta.ppf(0.05, k, n - k + 1)` and `beta.ppf(0.95, k + 1, n - k)`.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use proptest::prelude::*;
use reports::stats::{clopper_pearson_lower, clopper_pearson_upper, incomplete_beta, mean, median, quantile};

/// (hits, trials, lower, upper), one-sided 95 % each.
const SCIPY: [(u64, u64, f64, f64); 12] = [
    (0, 20000, 0.0, 0.000_149_775_396_222_962_83),
    (3, 20000, 4.088_578_088_375_139e-5, 0.000_387_636_755_786_370_95),
    (0, 1, 0.0, 0.95),
    (1, 1, 0.05, 1.0),
    (9, 10, 0.605_836_697_563_495_2, 0.994_883_803_108_176_3),
    (1, 10, 0.005_116_196_891_823_701, 0.394_163_302_436_504_66),
    (190, 200, 0.916_664_848_933_628, 0.972_625_746_474_885_5),
    (198, 200, 0.968_857_400_585_916_3, 0.998_220_318_552_107_5),
    (200, 200, 0.985_132_960_768_727_9, 1.0),
    (50, 100, 0.413_621_714_630_911_74, 0.586_378_285_369_088_2),
    (9500, 10000, 0.946_266_821_809_339_6, 0.953_537_484_182_746_9),
    (999_999, 1_000_000, 0.999_995_256_144_361_8, 0.999_999_948_706_706_9),
];

#[test]
fn bounds_equal_scipys() {
    for (hits, trials, lower, upper) in SCIPY {
        let found = (clopper_pearson_lower(hits, trials, 0.95), clopper_pearson_upper(hits, trials, 0.95));
        assert!((found.0 - lower).abs() < 1e-11, "lower of {hits}/{trials}: {} instead of {lower}", found.0);
        assert!((found.1 - upper).abs() < 1e-11, "upper of {hits}/{trials}: {} instead of {upper}", found.1);
    }
}

#[test]
fn no_misread_in_twenty_thousand_gives_the_rule_of_three() {
    let bound = clopper_pearson_upper(0, 20_000, 0.95);
    assert!((bound - 3.0 / 20_000.0).abs() < 3e-7, "{bound}");
}

#[test]
fn without_trials_nothing_is_known() {
    assert_eq!((clopper_pearson_lower(0, 0, 0.95), clopper_pearson_upper(0, 0, 0.95)), (0.0, 1.0));
}

#[test]
fn incomplete_beta_equals_scipys() {
    for (a, b, x, expected) in [
        (2.0, 3.0, 0.4, 0.5248),
        (0.5, 0.5, 0.25, 1.0 / 3.0),
        (200.0, 1.0, 0.99, 0.133_979_674_857_961_7),
        (50.0, 70.0, 0.3, 0.003_566_135_005_956_961_7),
    ] {
        let found = incomplete_beta(a, b, x);
        assert!((found - expected).abs() < 1e-12, "I_{x}({a}, {b}) = {found} instead of {expected}");
    }
}

#[test]
fn quantiles_are_linear_between_order_statistics() {
    let values = [4.0, 1.0, 3.0, 2.0];
    assert_eq!((mean(&values), median(&values)), (Some(2.5), Some(2.5)));
    assert_eq!((quantile(&values, 0.0), quantile(&values, 1.0), quantile(&values, 0.95)), (Some(1.0), Some(4.0), Some(3.8499999999999996)));
    assert_eq!((mean(&[]), median(&[]), median(&[7.0])), (None, None, Some(7.0)));
}

proptest! {
    /// What defines the bound: at it, the chance of so many hits is exactly 5 %; summed here term by term.
    #[test]
    fn at_the_bound_the_tail_is_five_per_cent(trials in 1_u64..60, share in 0.0..1.0_f64) {
        let hits = ((trials as f64 * share) as u64 + 1).min(trials);
        let p = clopper_pearson_lower(hits, trials, 0.95);
        let mut term = (1.0 - p).powi(trials as i32);
        let mut tail = 0.0;
        for k in 0..=trials {
            if k >= hits { tail += term; }
            term *= (trials - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
        }
        prop_assert!((tail - 0.05).abs() < 1e-9, "{hits}/{trials}: {tail}");
    }

    #[test]
    fn bounds_enclose_the_share_and_mirror_each_other(trials in 1_u64..5_000, part in 0.0..=1.0_f64) {
        let hits = (trials as f64 * part) as u64;
        let share = hits as f64 / trials as f64;
        let (lower, upper) = (clopper_pearson_lower(hits, trials, 0.95), clopper_pearson_upper(hits, trials, 0.95));
        prop_assert!(lower <= share && share <= upper);
        prop_assert!((1.0 - clopper_pearson_lower(trials - hits, trials, 0.95) - upper).abs() < 1e-12);
    }
}
