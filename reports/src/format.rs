//! Figures as people read them.

use crate::bands::Recall;
use crate::records::RunRecord;
use crate::summary::MisreadRate;

/// A share as a percentage with one decimal, cut towards zero so that 99.96 % never reads as 100: `95.3 %`.
pub(crate) fn percent(share: f64) -> String {
    // The small addition keeps what is exact in decimals, such as 0.29, from falling below itself.
    format!("{:.1} %", (share * 1000.0 + 1e-9).floor() / 10.0)
}

/// An upper bound as a percentage, never rounded down: `0.015 %`.
pub(crate) fn percent_up(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = if percent >= 10.0 {
        1
    } else if percent >= 0.1 {
        2
    } else {
        4
    };
    let unit = 10_f64.powi(decimals);
    format!("{:.*} %", decimals as usize, (percent * unit - 1e-9).ceil() / unit)
}

/// Seconds in a unit that suits: `850 ms`, `1.23 s`, `12.3 s`, `2 min 05 s`.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.000_999_5 => format!("{:.0} µs", s * 1e6),
        s if s < 0.009_95 => format!("{:.1} ms", s * 1e3),
        s if s < 0.999_5 => format!("{:.0} ms", s * 1e3),
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 119.95 => format!("{s:.1} s"),
        s => format!("{:.0} min {:02.0} s", (s.round() / 60.0).floor(), s.round() % 60.0),
    }
}

/// `95.3 %`, or a dash without samples.
pub(crate) fn recall(recall: &Recall) -> String {
    recall.recall.map_or_else(dash, percent)
}

/// `≥ 91.2 %`, or a dash without samples.
pub(crate) fn lower(recall: &Recall) -> String {
    recall.lower_95.map_or_else(dash, |bound| format!("≥ {}", percent(bound)))
}

/// `≤ 0.015 %`, or a dash without samples.
pub(crate) fn upper(rate: &MisreadRate) -> String {
    rate.upper_95.map_or_else(dash, |bound| format!("≤ {}", percent_up(bound)))
}

/// What stands where there is nothing to say.
pub(crate) fn dash() -> String {
    "–".to_owned()
}

/// Wall times gathered by stage.
pub(crate) struct StageStats {
    /// The stage.
    pub(crate) stage: String,
    /// Seconds per frame in which the stage ran.
    pub(crate) seconds: Vec<f64>,
}

impl StageStats {
    /// Seconds over all frames.
    pub(crate) fn total(&self) -> f64 {
        self.seconds.iter().sum()
    }
}

/// Rendering and the decoding stages of all frames, in the order in which they first come up. A stage that runs twice in a frame counts with its sum.
pub(crate) fn stages(run: &RunRecord) -> Vec<StageStats> {
    let mut stages: Vec<StageStats> = Vec::new();
    for frame in &run.times.frames {
        let mut of_frame: Vec<(&str, f64)> = vec![("render", frame.render_seconds)];
        for stage in &frame.decode {
            match of_frame.iter_mut().skip(1).find(|(name, _)| *name == stage.stage) {
                Some((_, seconds)) => *seconds += stage.seconds,
                None => of_frame.push((&stage.stage, stage.seconds)),
            }
        }
        for (name, seconds) in of_frame {
            match stages.iter_mut().find(|stage| stage.stage == name) {
                Some(stage) => stage.seconds.push(seconds),
                None => stages.push(StageStats { stage: name.to_owned(), seconds: vec![seconds] }),
            }
        }
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_never_reads_better_than_it_is() {
        assert_eq!(percent(0.9996), "99.9 %");
        assert_eq!(percent(1.0), "100.0 %");
        assert_eq!(percent(0.29), "29.0 %");
        assert_eq!(percent(0.0), "0.0 %");
        assert_eq!(percent_up(0.000_149_775_4), "0.0150 %");
        assert_eq!(percent_up(0.95), "95.0 %");
        assert_eq!(percent_up(0.007_201), "0.73 %");
    }

    #[test]
    fn seconds_change_unit_without_a_step() {
        let of = |values: &[f64]| values.iter().map(|s| seconds(*s)).collect::<Vec<_>>();
        assert_eq!(of(&[0.000_4, 0.004_25, 0.25, 0.9994, 0.9996]), ["400 µs", "4.2 ms", "250 ms", "999 ms", "1.00 s"]);
        assert_eq!(
            of(&[9.994, 9.996, 119.94, 119.96, 125.0, 179.7]),
            ["9.99 s", "10.0 s", "119.9 s", "2 min 00 s", "2 min 05 s", "3 min 00 s"]
        );
    }
}
