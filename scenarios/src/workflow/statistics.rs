//! From a simulation's output to a mean with an interval that can be believed.

use std::num::NonZero;

use reports::stats::{mean, standard_deviation, student_t_quantile};
use serde::{Deserialize, Serialize};

/// A mean and its two-sided 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half of the interval's width; infinite where fewer than two values stand behind it.
    pub half_width: f64,
    /// How many values stand behind it: replications or batches.
    pub of: usize,
}

impl Estimate {
    /// From independent values: Student's t with one degree of freedom less than there are values. Nothing of nothing.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mean = mean(values)?;
        let half_width = match standard_deviation(values) {
            Some(deviation) => {
                let n = values.len() as f64;
                student_t_quantile(0.975, n - 1.0) * deviation / n.sqrt()
            }
            None => f64::INFINITY,
        };
        Some(Self { mean, half_width, of: values.len() })
    }

    /// Whether the interval covers `value`.
    pub fn covers(&self, value: f64) -> bool {
        (value - self.mean).abs() <= self.half_width
    }

    /// Half-width ÷ mean.
    pub fn relative(&self) -> f64 {
        self.half_width / self.mean.abs()
    }
}

/// The mean of a long run's series by batch means: the first `warm_up` values are dropped, the rest is cut into `batches` batches of equal length
/// (what is left over at the front is dropped too), and the batches' means are taken as independent (Law, *Simulation Modeling and Analysis*,
/// section 9.5.3). Nothing where a batch would be empty.
pub fn batch_means(series: &[f64], warm_up: usize, batches: usize) -> Option<Estimate> {
    let kept = series.get(warm_up..)?;
    let length = kept.len() / batches.max(1);
    if length == 0 {
        return None;
    }
    let kept = &kept[kept.len() - length * batches..];
    let means: Vec<f64> = kept.chunks_exact(length).filter_map(mean).collect();
    Estimate::of(&means)
}

/// How many values to drop at the front: the truncation that minimises the marginal standard error, MSER-5 (White 1997), over the first half of the
/// series. Whole batches of five.
pub fn mser5(series: &[f64]) -> usize {
    let batches: Vec<f64> = series.chunks_exact(5).filter_map(mean).collect();
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    // From the back, so that every truncation costs one step.
    for (cut, value) in batches.iter().enumerate().rev() {
        sum += value;
        squares += value * value;
        let n = (batches.len() - cut) as f64;
        let error = (squares - sum * sum / n).max(0.0) / (n * n);
        if cut <= batches.len() / 2 && n >= 2.0 && error <= best.0 {
            best = (error, cut);
        }
    }
    best.1 * 5
}

/// How long to replicate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    /// Replications to begin with, at least 2.
    pub least: usize,
    /// Replications to stop at, whatever the interval.
    pub most: usize,
    /// Wanted half-width ÷ mean of every measure.
    pub relative: f64,
}

/// Replications, and whether their intervals became as narrow as was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Replications<T> {
    /// What each replication gave, by its number.
    pub results: Vec<T>,
    /// Whether the limit was not what ended them.
    pub closed: bool,
}

/// Replicates `run`, which is given the replication's number, on all cores until every measure in `measures` of the results has an interval as
/// narrow as `precision` asks, or its limit is reached. A measure whose mean is 0 counts as narrow.
///
/// Replications are done in rounds whose sizes depend on nothing but the results, so that the same seed gives the same replications on one core or
/// on many.
pub fn replicate<T: Send>(precision: Precision, run: impl Fn(u64) -> T + Sync, measures: impl Fn(&T) -> Vec<f64>) -> Replications<T> {
    let mut results: Vec<T> = Vec::new();
    let mut wanted = precision.least.max(2).min(precision.most.max(1));
    loop {
        let from = results.len();
        results.extend(in_parallel(from..wanted, &run));
        let table: Vec<Vec<f64>> = results.iter().map(&measures).collect();
        let columns = table.first().map_or(0, Vec::len);
        let narrow = (0..columns).all(|column| {
            let values: Vec<f64> = table.iter().filter_map(|row| row.get(column).copied()).collect();
            Estimate::of(&values).is_some_and(|of| of.half_width <= precision.relative * of.mean.abs())
        });
        if narrow {
            return Replications { results, closed: true };
        }
        if results.len() >= precision.most {
            return Replications { results, closed: false };
        }
        wanted = (results.len() + results.len() / 2).max(results.len() + 2).min(precision.most);
    }
}

/// `run` of every number in `range`, in their order, on as many cores as there are.
pub fn in_parallel<T: Send>(range: std::ops::Range<usize>, run: &(impl Fn(u64) -> T + Sync)) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    on_cores(cores, range, run)
}

/// [`in_parallel`] on a given number of cores; the results don't depend on it.
pub fn on_cores<T: Send>(cores: usize, range: std::ops::Range<usize>, run: &(impl Fn(u64) -> T + Sync)) -> Vec<T> {
    let cores = cores.clamp(1, range.len().max(1));
    let mut slots: Vec<(usize, T)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|core| {
                let numbers = range.clone().skip(core).step_by(cores);
                scope.spawn(move || numbers.map(|number| (number, run(number as u64))).collect::<Vec<_>>())
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    slots.sort_by_key(|(number, _)| *number);
    slots.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::Streams;

    #[test]
    fn an_interval_is_students() {
        // 1 … 5: mean 3, standard deviation √2.5, t(0.975, 4) = 2.7764451.
        let of = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!((of.mean, of.of), (3.0, 5));
        assert!((of.half_width - 2.776_445_105_197_793 * 0.5_f64.sqrt()).abs() < 1e-12, "{of:?}");
        assert_eq!(Estimate::of(&[]), None);
        assert_eq!(Estimate::of(&[2.0]).map(|of| of.half_width), Some(f64::INFINITY));
    }

    #[test]
    fn batches_drop_the_warm_up_and_the_rest_at_the_front() {
        // After two are dropped, seven are left: three batches of two, and one more is dropped.
        let of = batch_means(&[100.0, 100.0, 50.0, 1.0, 3.0, 2.0, 4.0, 3.0, 5.0], 2, 3).unwrap();
        assert_eq!((of.mean, of.of), (3.0, 3));
        assert_eq!(batch_means(&[1.0, 2.0], 0, 3), None);
        assert_eq!(batch_means(&[1.0], 5, 1), None);
    }

    #[test]
    fn a_start_from_far_off_is_cut_where_it_ends() {
        let mut stream = Streams::new(1).stream("mser", &[]);
        let series: Vec<f64> = (0..2000).map(|i| stream.standard_normal() + if i < 100 { 50.0 } else { 0.0 }).collect();
        assert_eq!(mser5(&series), 100, "seed 1");
        assert_eq!(mser5(&[]), 0);
    }

    #[test]
    fn replications_stop_when_narrow_and_say_when_they_could_not() {
        let run = |i: u64| Streams::new(9).stream("replication", &[i]).exponential(10.0);
        let found = replicate(Precision { least: 10, most: 100_000, relative: 0.05 }, run, |x| vec![*x]);
        assert!(found.closed);
        let of = Estimate::of(&found.results).unwrap();
        assert!(of.relative() <= 0.05 && of.covers(10.0), "{of:?}, seed 9");
        // An exponential has a coefficient of variation of 1: about (1.96 / 0.05)² replications, and half as many again at most.
        assert!((1200..2600).contains(&found.results.len()), "{}", found.results.len());
        let short = replicate(Precision { least: 10, most: 20, relative: 0.05 }, run, |x| vec![*x]);
        assert_eq!((short.closed, short.results.len()), (false, 20));
    }

    #[test]
    fn one_core_or_many_give_the_same_bits() {
        let run = |i: u64| Streams::new(4).stream("core", &[i]).standard_normal().to_bits();
        assert_eq!(on_cores(1, 3..50, &run), on_cores(3, 3..50, &run));
    }
}
