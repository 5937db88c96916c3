//! Who comes when: by hour, or as it was really seen.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::Day;
use crate::error::{Failure, Result};
use crate::workflow::Stream;

/// Days of arrivals that were really seen: times, s after opening, ascending.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    days: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    day: String,
    hour: f64,
}

impl Trace {
    /// Reads a CSV file with the columns `day` and `hour`.
    ///
    /// # Errors
    /// A file that cannot be read, a line that is none, an hour at which the doors are closed, or nobody in it: with the line.
    pub fn load(path: &Path, day: &Day) -> Result<Self> {
        let text = crate::scenario::read_text(path)?;
        let mut days: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        for (index, row) in reader.deserialize::<Row>().enumerate() {
            let line = index + 2;
            let row = row.map_err(|error| Failure::input(path, format!("line {line}: {error}")).with_help("columns: day,hour"))?;
            if !(day.opens_h..=day.closes_h).contains(&row.hour) {
                let message = format!("line {line}: at {} h the doors are closed ({} to {} h)", row.hour, day.opens_h, day.closes_h);
                return Err(Failure::input(path, message));
            }
            days.entry(row.day).or_default().push((row.hour - day.opens_h) * 3600.0);
        }
        if days.is_empty() {
            return Err(Failure::input(path, "nobody arrives in it").with_help("columns: day,hour"));
        }
        let sorted = |mut times: Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times
        };
        Ok(Self { days: days.into_values().map(sorted).collect() })
    }

    /// Mean arrivals of a day.
    pub fn mean(&self) -> f64 {
        self.days.iter().map(Vec::len).sum::<usize>() as f64 / self.days.len().max(1) as f64
    }

    /// One of the days, all equally likely.
    pub fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        self.days.get(stream.below(self.days.len())).cloned().unwrap_or_default()
    }
}

impl Day {
    /// Times of arrival by the hours, s after opening.
    pub(super) fn arrivals(&self, expected: f64, stream: &mut Stream) -> Vec<f64> {
        crate::workflow::arrivals(&self.arrivals_by_hour, self.open_s(), expected, stream)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::study;
    use super::*;
    use crate::workflow::Streams;

    #[test]
    fn arrivals_follow_the_hours() {
        let study = study();
        let mut day = study.body.day.clone().unwrap();
        (day.opens_h, day.closes_h, day.arrivals_by_hour) = (8.0, 10.5, vec![1.0, 3.0, 2.0]);
        // 1 + 3 + half of 2 are five parts; 10,000 expected.
        let times = day.arrivals(10_000.0, &mut Streams::new(3).stream("arrivals", &[]));
        let count = |from: f64, to: f64| times.iter().filter(|t| (from..to).contains(*t)).count() as f64;
        for (from, to, expected) in [(0.0, 3600.0, 2000.0), (3600.0, 7200.0, 6000.0), (7200.0, 9000.0, 2000.0)] {
            assert!((count(from, to) - expected).abs() < 5.0 * f64::sqrt(expected), "{from}: {}, seed 3", count(from, to));
        }
        assert_eq!(count(0.0, 9000.0) as usize, times.len());
        assert!(times.is_sorted());
        assert_eq!(day.arrivals(0.0, &mut Streams::new(3).stream("arrivals", &[])), [] as [f64; 0], "no demand, nobody");
    }

    #[test]
    fn a_trace_gives_its_days_as_they_were() {
        let day = study().body.day.clone().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen.csv");
        std::fs::write(&path, "day,hour\nmonday,9.5\nmonday,8.0\ntuesday,17.5\n").unwrap();
        let trace = Trace::load(&path, &day).unwrap();
        assert_eq!(trace.days, [vec![0.0, 5400.0], vec![34_200.0]]);
        assert_eq!(trace.mean(), 1.5);
        let mut stream = Streams::new(1).stream("trace", &[]);
        let drawn: Vec<usize> = (0..200).map(|_| trace.draw(&mut stream).len()).collect();
        assert!(drawn.contains(&1) && drawn.contains(&2), "seed 1");
    }

    #[test]
    fn a_trace_that_cannot_be_is_refused_at_its_line() {
        let day = study().body.day.clone().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen.csv");
        for (text, message) in [
            ("day,hour\na,9\na,3\n", "line 3: at 3 h the doors are closed (8 to 17.5 h)"),
            ("day,hour\na,nine\n", "line 2: "),
            ("day,hour\na,NaN\n", "line 2: at NaN h the doors are closed"),
            ("day,hour\n", "nobody arrives in it"),
            ("who,when\na,9\n", "line 2: "),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Trace::load(&path, &day).unwrap_err();
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
        assert!(Trace::load(&folder.path().join("none.csv"), &day).unwrap_err().to_string().contains("no such file"));
    }
}
