//! Distribution functions.

use super::{incomplete_beta, ln_gamma};

/// Regularised lower incomplete gamma function P(a, x) for a > 0 and x ≥ 0: by its series below a + 1, by its continued fraction (modified Lentz)
/// above (Abramowitz & Stegun 6.5.29 and 6.5.31).
pub fn incomplete_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x < a + 1.0 { gamma_series(a, x) } else { 1.0 - gamma_fraction(a, x) }
}

fn gamma_series(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    for n in 1..100_000_u32 {
        term *= x / (a + f64::from(n));
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum * (a * x.ln() - x - ln_gamma(a)).exp()
}

fn gamma_fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..100_000_u32 {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        d = an * d + b;
        d = 1.0 / if d.abs() < TINY { TINY } else { d };
        c = b + an / c;
        c = if c.abs() < TINY { TINY } else { c };
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    h * (a * x.ln() - x - ln_gamma(a)).exp()
}

/// What a chi-square variable with `df` degrees of freedom exceeds `x` with.
pub fn chi_square_upper_tail(x: f64, df: f64) -> f64 {
    let (a, half) = (0.5 * df, 0.5 * x);
    if half <= 0.0 {
        return 1.0;
    }
    // Far out 1 − P would cancel.
    if half < a + 1.0 { 1.0 - gamma_series(a, half) } else { gamma_fraction(a, half) }
}

/// The standard normal distribution function.
pub fn normal_cdf(x: f64) -> f64 {
    let tail = 0.5 * chi_square_upper_tail(x * x, 1.0);
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// Student's distribution function for `df` > 0 degrees of freedom (Abramowitz & Stegun 26.7.1 through the incomplete beta function).
pub fn student_t_cdf(t: f64, df: f64) -> f64 {
    let tail = 0.5 * student_t_both_tails(t, df);
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// What a Student variable's size exceeds |`t`| with.
pub(super) fn student_t_both_tails(t: f64, df: f64) -> f64 {
    if t.is_infinite() { 0.0 } else { incomplete_beta(0.5 * df, 0.5, df / (df + t * t)) }
}

/// The quantile of Student's distribution for `p` in (0, 1) and `df` > 0, by bisection down to neighbouring floats.
pub fn student_t_quantile(p: f64, df: f64) -> f64 {
    if p == 0.5 {
        return 0.0;
    }
    if p < 0.5 {
        return -student_t_quantile(1.0 - p, df);
    }
    let tails = 2.0 * (1.0 - p);
    let mut high = 1.0;
    while student_t_both_tails(high, df) > tails && high < 1e300 {
        high *= 2.0;
    }
    let mut low = 0.0;
    loop {
        let mid = 0.5 * (low + high);
        if mid <= low || mid >= high {
            return mid;
        }
        if student_t_both_tails(mid, df) > tails { low = mid } else { high = mid }
    }
}
