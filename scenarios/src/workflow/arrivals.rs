//! Arrivals whose rate changes by the hour.

use super::Stream;

/// Times of arrival from 0 to `until`, s, ascending: a Poisson process with `expected` arrivals whose rate follows `by_hour` (relative, one for each hour
/// that is begun), by inverting its cumulative rate. Nobody where no rate is positive.
pub fn arrivals(by_hour: &[f64], until: f64, expected: f64, stream: &mut Stream) -> Vec<f64> {
    let last = by_hour.len().saturating_sub(1);
    let hours: Vec<f64> = (0..by_hour.len()).map(|hour| if hour == last { until - 3600.0 * last as f64 } else { 3600.0 }).collect();
    let weights: Vec<f64> = by_hour.iter().zip(&hours).map(|(rate, s)| rate * s / 3600.0).collect();
    let unit = expected / weights.iter().sum::<f64>();
    if !(unit.is_finite() && unit > 0.0) {
        return Vec::new();
    }
    let mut times = Vec::with_capacity((expected * 1.1) as usize + 16);
    let mut reached = 0.0;
    let (mut hour, mut begun) = (0, 0.0);
    loop {
        reached += stream.exponential(1.0);
        while hour <= last && reached > begun + weights[hour] * unit {
            begun += weights[hour] * unit;
            hour += 1;
        }
        if hour > last {
            return times;
        }
        times.push(3600.0 * hour as f64 + (reached - begun) / (weights[hour] * unit) * hours[hour]);
    }
}
