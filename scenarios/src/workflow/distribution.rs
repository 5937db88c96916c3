//! Distributions of durations and counts, as files say them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::random::{Stream, inverse_normal};

/// A distribution of something that is not negative: mostly a duration in seconds.
///
/// Means and coefficients of variation (standard deviation ÷ mean) are those of the distribution itself, not of a logarithm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Distribution {
    /// Always the same.
    Constant {
        /// That.
        value: f64,
    },
    /// Uniform between two ends.
    Uniform {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// Triangular.
    Triangular {
        /// The lower end.
        low: f64,
        /// The most likely value.
        mode: f64,
        /// The upper end.
        high: f64,
    },
    /// Exponential.
    Exponential {
        /// The mean.
        mean: f64,
    },
    /// Sum of so many equal exponential stages.
    Erlang {
        /// The mean of the sum.
        mean: f64,
        /// Number of stages, from 1.
        stages: u32,
    },
    /// Lognormal.
    Lognormal {
        /// The mean.
        mean: f64,
        /// The coefficient of variation.
        cv: f64,
    },
    /// Weibull.
    Weibull {
        /// The scale: what 63.2 % fall below.
        scale: f64,
        /// The shape; 1 is exponential.
        shape: f64,
    },
    /// One of what was seen, with these weights (all equal if none are given).
    Empirical {
        /// What was seen.
        values: Vec<f64>,
        /// How often, in any unit.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        weights: Vec<f64>,
    },
}

impl Distribution {
    /// Whether there can be such a distribution.
    ///
    /// # Errors
    /// What is wrong: the key, and why in words.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let least = |key, value: f64, least: f64, strict: bool| {
            let held = value.is_finite() && if strict { value > least } else { value >= least };
            if held { Ok(()) } else { Err((key, format!("{value} must be a number {} {least}", if strict { "above" } else { "from" }))) }
        };
        match self {
            Self::Constant { value } => least("value", *value, 0.0, false),
            Self::Uniform { low, high } => least("low", *low, 0.0, false).and(least("high", *high, *low, false)),
            Self::Triangular { low, mode, high } => {
                least("low", *low, 0.0, false).and(least("mode", *mode, *low, false)).and(least("high", *high, *mode, false))
            }
            Self::Exponential { mean } => least("mean", *mean, 0.0, true),
            Self::Erlang { mean, stages } => least("mean", *mean, 0.0, true).and(least("stages", f64::from(*stages), 1.0, false)),
            Self::Lognormal { mean, cv } => least("mean", *mean, 0.0, true).and(least("cv", *cv, 0.0, false)),
            Self::Weibull { scale, shape } => least("scale", *scale, 0.0, true).and(least("shape", *shape, 0.0, true)),
            Self::Empirical { values, weights } => {
                if values.is_empty() {
                    return Err(("values", "there is nothing to draw from".to_owned()));
                }
                for value in values {
                    least("values", *value, 0.0, false)?;
                }
                if !weights.is_empty() && weights.len() != values.len() {
                    return Err(("weights", format!("{} weights for {} values", weights.len(), values.len())));
                }
                for weight in weights {
                    least("weights", *weight, 0.0, false)?;
                }
                if !weights.is_empty() && weights.iter().sum::<f64>() <= 0.0 {
                    return Err(("weights", "all weights are zero, so nothing can be drawn".to_owned()));
                }
                Ok(())
            }
        }
    }

    /// A draw.
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        match self {
            // A draw all the same, so that another kind of distribution in its place shifts nothing in the stream.
            Self::Constant { value } => {
                stream.unit();
                *value
            }
            Self::Uniform { low, high } => low + (high - low) * stream.unit(),
            Self::Triangular { low, mode, high } => triangular(*low, *mode, *high, stream.unit()),
            Self::Exponential { mean } => stream.exponential(*mean),
            Self::Erlang { mean, stages } => (0..*stages).map(|_| stream.exponential(mean / f64::from(*stages))).sum(),
            Self::Lognormal { mean, cv } => lognormal(*mean, *cv, stream.open_unit()),
            Self::Weibull { scale, shape } => scale * libm::pow(-libm::log(1.0 - stream.unit()), 1.0 / shape),
            Self::Empirical { values, weights } => {
                let u = stream.unit();
                if weights.is_empty() {
                    return values.get((u * values.len() as f64) as usize).copied().unwrap_or(0.0);
                }
                let mut left = u * weights.iter().sum::<f64>();
                let mut last = 0.0;
                for (value, weight) in values.iter().zip(weights).filter(|(_, weight)| **weight > 0.0) {
                    last = *value;
                    if left < *weight {
                        break;
                    }
                    left -= weight;
                }
                last
            }
        }
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Constant { value } => *value,
            Self::Uniform { low, high } => 0.5 * (low + high),
            Self::Triangular { low, mode, high } => (low + mode + high) / 3.0,
            Self::Exponential { mean } | Self::Erlang { mean, .. } | Self::Lognormal { mean, .. } => *mean,
            Self::Weibull { scale, shape } => scale * libm::tgamma(1.0 + 1.0 / shape),
            Self::Empirical { .. } => self.empirical_moment(|value| value),
        }
    }

    /// The variance.
    pub fn variance(&self) -> f64 {
        match self {
            Self::Constant { .. } => 0.0,
            Self::Uniform { low, high } => (high - low) * (high - low) / 12.0,
            Self::Triangular { low: a, mode: c, high: b } => (a * a + b * b + c * c - a * b - a * c - b * c) / 18.0,
            Self::Exponential { mean } => mean * mean,
            Self::Erlang { mean, stages } => mean * mean / f64::from(*stages),
            Self::Lognormal { mean, cv } => mean * mean * cv * cv,
            Self::Weibull { scale, shape } => {
                let first = libm::tgamma(1.0 + 1.0 / shape);
                scale * scale * (libm::tgamma(1.0 + 2.0 / shape) - first * first)
            }
            Self::Empirical { .. } => {
                let mean = self.mean();
                self.empirical_moment(|value| (value - mean) * (value - mean))
            }
        }
    }

    fn empirical_moment(&self, of: impl Fn(f64) -> f64) -> f64 {
        let Self::Empirical { values, weights } = self else { return f64::NAN };
        let weight = |i: usize| weights.get(i).copied().unwrap_or(if weights.is_empty() { 1.0 } else { 0.0 });
        let total: f64 = (0..values.len()).map(weight).sum();
        values.iter().enumerate().map(|(i, value)| weight(i) * of(*value)).sum::<f64>() / total
    }

    /// The lognormal with the mean and the standard deviation of a sample; nothing of fewer than two values, or where the mean is not positive.
    pub fn fit_lognormal(sample: &[f64]) -> Option<Self> {
        let mean = reports::stats::mean(sample)?;
        let deviation = reports::stats::standard_deviation(sample)?;
        (mean > 0.0).then(|| Self::Lognormal { mean, cv: deviation / mean })
    }

    /// The lognormal with this median and these quartiles (their geometric spread). A lognormal has its median in the geometric middle; where the
    /// quartiles say otherwise their ratio decides.
    pub fn lognormal_of_quartiles(median: f64, lower: f64, upper: f64) -> Self {
        let sigma = libm::log(upper / lower) / (2.0 * inverse_normal(0.75));
        let mean = median * libm::exp(0.5 * sigma * sigma);
        Self::Lognormal { mean, cv: libm::sqrt(libm::expm1(sigma * sigma)) }
    }
}

/// The triangular quantile of `u`.
pub(crate) fn triangular(low: f64, mode: f64, high: f64, u: f64) -> f64 {
    let span = high - low;
    if span <= 0.0 {
        return low;
    }
    let corner = (mode - low) / span;
    if u < corner { low + (u * span * (mode - low)).sqrt() } else { high - ((1.0 - u) * span * (high - mode)).sqrt() }
}

/// The quantile `u` of the lognormal with this mean and coefficient of variation.
pub(crate) fn lognormal(mean: f64, cv: f64, u: f64) -> f64 {
    let variance = libm::log1p(cv * cv);
    mean * libm::exp(inverse_normal(u) * variance.sqrt() - 0.5 * variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::Streams;

    fn all() -> Vec<Distribution> {
        vec![
            Distribution::Constant { value: 3.0 },
            Distribution::Uniform { low: 1.0, high: 4.0 },
            Distribution::Triangular { low: 1.0, mode: 2.0, high: 6.0 },
            Distribution::Exponential { mean: 2.5 },
            Distribution::Erlang { mean: 4.0, stages: 3 },
            Distribution::Lognormal { mean: 30.0, cv: 0.4 },
            Distribution::Weibull { scale: 2.0, shape: 1.5 },
            Distribution::Empirical { values: vec![1.0, 2.0, 7.0], weights: vec![2.0, 0.0, 1.0] },
            Distribution::Empirical { values: vec![1.0, 2.0, 7.0], weights: vec![] },
        ]
    }

    #[test]
    fn draws_have_the_mean_and_variance_that_are_stated() {
        let n = 200_000;
        for distribution in all() {
            let mut stream = Streams::new(5).stream("moments", &[]);
            let draws: Vec<f64> = (0..n).map(|_| distribution.sample(&mut stream)).collect();
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
            // Five standard errors of the mean; the variance of a heavy tail is known less well.
            let error = 5.0 * (distribution.variance() / f64::from(n)).sqrt();
            assert!((mean - distribution.mean()).abs() <= error + 1e-12, "{distribution:?}, seed 5: mean {mean}");
            assert!(
                (variance - distribution.variance()).abs() <= 0.04 * distribution.variance() + 1e-12,
                "{distribution:?}, seed 5: {variance}"
            );
            assert_eq!(distribution.check(), Ok(()));
        }
    }

    #[test]
    fn moments_are_those_of_the_textbook() {
        let weibull = Distribution::Weibull { scale: 2.0, shape: 2.0 };
        // Γ(1.5) = √π/2, Γ(2) = 1.
        assert!((weibull.mean() - std::f64::consts::PI.sqrt()).abs() < 1e-12);
        assert!((weibull.variance() - (4.0 - std::f64::consts::PI)).abs() < 1e-12);
        let seen = Distribution::Empirical { values: vec![1.0, 2.0, 7.0], weights: vec![2.0, 0.0, 1.0] };
        assert_eq!((seen.mean(), seen.variance()), (3.0, 8.0));
    }

    #[test]
    fn a_distribution_that_cannot_be_is_refused_at_its_key() {
        for (distribution, key) in [
            (Distribution::Constant { value: -1.0 }, "value"),
            (Distribution::Uniform { low: 2.0, high: 1.0 }, "high"),
            (Distribution::Triangular { low: 1.0, mode: 0.5, high: 2.0 }, "mode"),
            (Distribution::Exponential { mean: 0.0 }, "mean"),
            (Distribution::Exponential { mean: f64::NAN }, "mean"),
            (Distribution::Erlang { mean: 1.0, stages: 0 }, "stages"),
            (Distribution::Lognormal { mean: 1.0, cv: -0.1 }, "cv"),
            (Distribution::Weibull { scale: 1.0, shape: 0.0 }, "shape"),
            (Distribution::Empirical { values: vec![], weights: vec![] }, "values"),
            (Distribution::Empirical { values: vec![1.0], weights: vec![1.0, 2.0] }, "weights"),
            (Distribution::Empirical { values: vec![1.0], weights: vec![0.0] }, "weights"),
        ] {
            assert_eq!(distribution.check().unwrap_err().0, key, "{distribution:?}");
        }
    }

    #[test]
    fn fits_return_what_they_were_fitted_to() {
        let Some(Distribution::Lognormal { mean, cv }) = Distribution::fit_lognormal(&[1.0, 2.0, 3.0]) else { panic!("no fit") };
        assert!((mean - 2.0).abs() < 1e-12 && (cv - 0.5).abs() < 1e-12);
        // A lognormal with σ = 1 has its quartiles at exp(±0.6745).
        let Distribution::Lognormal { mean, cv } =
            Distribution::lognormal_of_quartiles(1.0, libm::exp(-0.674_489_750_196_081_7), libm::exp(0.674_489_750_196_081_7))
        else {
            panic!("no fit")
        };
        assert!((mean - libm::exp(0.5)).abs() < 1e-12 && (cv * cv - (std::f64::consts::E - 1.0)).abs() < 1e-12);
        assert_eq!(Distribution::fit_lognormal(&[1.0]), None);
    }

    #[test]
    fn it_reads_as_files_write_it() {
        let read: Distribution = toml::from_str("kind = \"lognormal\"\nmean = 30\ncv = 0.4").unwrap();
        assert_eq!(read, Distribution::Lognormal { mean: 30.0, cv: 0.4 });
        assert!(toml::from_str::<Distribution>("kind = \"lognormal\"\nmean = 30\nsd = 0.4").is_err());
    }
}
