//! The records of a study: what a paper reported beside what the simulation gave, with a verdict per figure.

use serde::{Deserialize, Serialize};

use crate::records::Manifest;
use crate::table::{Align, TextTable, Tone};

/// A text in the report's two languages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Text {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

impl Text {
    /// Both languages.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// A name that is the same in both.
    pub fn same(text: impl Into<String>) -> Self {
        let en: String = text.into();
        Self { zh: en.clone(), en }
    }
}

/// What a study concludes about a reported figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The reported value lies inside the prediction interval, and the interval is as narrow as the study asks.
    Replicated,
    /// The reported value lies outside the prediction interval.
    NotReplicated,
    /// The reported value lies inside an interval that is wider than the study asks: nothing is shown.
    Inconclusive,
    /// The figure and the simulation don't measure the same thing.
    NotComparable,
    /// The figure went into the model, so it shows nothing that it comes out again.
    UsedForCalibration,
}

impl Verdict {
    /// The verdict on a figure that was not used to calibrate: an interval against a reported value and the widest half-width that is conclusive.
    pub fn of(reported: f64, lower: f64, upper: f64, tolerance: f64) -> Self {
        if !(lower..=upper).contains(&reported) {
            Self::NotReplicated
        } else if 0.5 * (upper - lower) > tolerance {
            Self::Inconclusive
        } else {
            Self::Replicated
        }
    }

    /// In words.
    pub fn text(self) -> Text {
        match self {
            Self::Replicated => Text::new("replicated", "已复现"),
            Self::NotReplicated => Text::new("not replicated", "未复现"),
            Self::Inconclusive => Text::new("inconclusive", "无法判定"),
            Self::NotComparable => Text::new("not comparable", "不可比"),
            Self::UsedForCalibration => Text::new("used for calibration", "用于校准"),
        }
    }
}

/// A figure of a paper beside the simulation's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its key in the study file.
    pub name: String,
    /// What it is.
    pub label: Text,
    /// Unit of all values of it.
    pub unit: String,
    /// What the paper reports.
    pub reported: f64,
    /// What the simulation gives; nothing where it measures no such thing.
    pub found: Option<f64>,
    /// Lower end of the 95 % prediction interval.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Widest half-width that is conclusive.
    pub tolerance: Option<f64>,
    /// Where it was reported.
    pub source: String,
    /// The conclusion.
    pub verdict: Verdict,
    /// Why, or what to know beside it.
    pub remark: String,
}

/// A table of results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyTable {
    /// What it shows.
    pub title: Text,
    /// What to know before reading it.
    pub lead: Text,
    /// Heads of the columns; the first column is text, the others are figures.
    pub header: Vec<Text>,
    /// Cells by row.
    pub rows: Vec<Vec<Text>>,
}

/// A line of a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What it is.
    pub name: Text,
    /// Places and values.
    pub points: Vec<(f64, f64)>,
    /// Lower and upper ends of the interval at each point; empty without one.
    #[serde(default)]
    pub band: Vec<(f64, f64)>,
}

/// A bar with an interval and, where there is one, the reported value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// What it is.
    pub name: Text,
    /// Its length.
    pub value: f64,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
    /// What a paper reports.
    pub reported: Option<f64>,
}

/// What becomes of a result when one assumption goes to the ends of its range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Swing {
    /// The assumption.
    pub name: Text,
    /// The result at the lower end.
    pub at_low: f64,
    /// The result at the upper end.
    pub at_high: f64,
    /// The ends and their unit, in words.
    pub range: String,
}

/// A stretch of time in a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Beginning, s.
    pub from: f64,
    /// End, s.
    pub to: f64,
    /// Which kind of activity: index into the timeline's kinds.
    pub kind: usize,
    /// Which item, for the tooltip.
    pub item: String,
}

/// How results are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Plot {
    /// Horizontal bars.
    Bars {
        /// Unit of the values.
        unit: String,
        /// The bars.
        bars: Vec<Bar>,
    },
    /// Lines over a common axis.
    Lines {
        /// Of the horizontal axis.
        x: Text,
        /// Of the vertical axis.
        y: Text,
        /// The lines.
        series: Vec<Series>,
    },
    /// A tornado chart, the widest swing first.
    Tornado {
        /// Unit of the values.
        unit: String,
        /// The result with every assumption at its likely value.
        centre: f64,
        /// A value to compare with.
        reference: Option<f64>,
        /// The assumptions.
        swings: Vec<Swing>,
    },
    /// Lanes over time.
    Timeline {
        /// Names of the kinds of activity.
        kinds: Vec<Text>,
        /// The lanes.
        lanes: Vec<(Text, Vec<Span>)>,
    },
}

/// A chart with its title.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// What it shows.
    pub title: Text,
    /// What to know before reading it.
    pub lead: Text,
    /// The drawing.
    pub plot: Plot,
}

/// An assumption, marked as one wherever it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assumed {
    /// Its key in the study file.
    pub name: String,
    /// What it means.
    pub meaning: String,
    /// Unit.
    pub unit: String,
    /// Lower end of its range.
    pub low: f64,
    /// Likely value.
    pub likely: f64,
    /// Upper end.
    pub high: f64,
    /// Where the range is from.
    pub source: String,
}

/// A fixed input of the model, and where it is from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// Its key in the study file.
    pub name: String,
    /// Its value, in words.
    pub value: String,
    /// Where it is from.
    pub source: String,
    /// Whether no source states it.
    pub assumed: bool,
}

/// Everything of one study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyRecord {
    /// The study's name.
    pub study: String,
    /// Its title.
    pub title: Text,
    /// The paper.
    pub source: String,
    /// What to know before doing it again.
    pub manifest: Manifest,
    /// How often things were simulated.
    pub replications: Text,
    /// Whether the intervals became as narrow as was asked before the limit of replications.
    pub closed: bool,
    /// Reported figures with verdicts.
    pub figures: Vec<Figure>,
    /// Further results.
    pub tables: Vec<StudyTable>,
    /// Charts.
    pub charts: Vec<Chart>,
    /// Fixed inputs.
    #[serde(default)]
    pub inputs: Vec<Given>,
    /// Assumptions.
    pub assumptions: Vec<Assumed>,
    /// The STRESS-DES checklist (Monks et al., Journal of Simulation 13 (2019), 55–67): item and answer.
    pub checklist: Vec<(String, String)>,
    /// What a reader must know.
    pub notes: Vec<Text>,
}

/// A figure with as many decimals as its size makes useful.
pub(crate) fn figure(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "–".to_owned()
    } else if value == 0.0 || size >= 1000.0 {
        format!("{value:.0}")
    } else if size >= 100.0 {
        format!("{value:.1}")
    } else if size >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

/// `118.2 (110.1–126.9)`, or a dash.
pub(crate) fn with_interval(found: Option<f64>, interval: Option<(f64, f64)>) -> String {
    match (found, interval) {
        (Some(found), Some((lower, upper))) => format!("{} ({}–{})", figure(found), figure(lower), figure(upper)),
        (Some(found), None) => figure(found),
        (None, _) => "–".to_owned(),
    }
}

impl Figure {
    pub(crate) fn interval(&self) -> Option<(f64, f64)> {
        self.lower.zip(self.upper)
    }
}

/// The figures beside the paper's, as a table.
pub(crate) fn figures_table(study: &StudyRecord) -> TextTable {
    let mut table = TextTable::new(&[
        ("figure", Align::Left),
        ("unit", Align::Left),
        ("reported", Align::Right),
        ("simulated (95 % interval)", Align::Right),
        ("verdict", Align::Left),
    ]);
    for of in &study.figures {
        let tone = match of.verdict {
            Verdict::Replicated => Tone::Good,
            Verdict::NotReplicated => Tone::Bad,
            _ => Tone::Plain,
        };
        table.toned_row([
            (of.label.en.clone(), Tone::Plain),
            (of.unit.clone(), Tone::Plain),
            (figure(of.reported), Tone::Plain),
            (with_interval(of.found, of.interval()), Tone::Plain),
            (of.verdict.text().en, tone),
        ]);
    }
    table
}

/// The study for a terminal.
pub fn terminal(study: &StudyRecord, color: bool) -> String {
    let mut out = format!("{}, seed {}: {}\n\n", study.study, study.manifest.seed, study.replications.en);
    out += &figures_table(study).to_text(color);
    for remark in study.figures.iter().filter(|of| !of.remark.is_empty()) {
        out += &format!("\n{}: {}\n", remark.label.en, remark.remark);
    }
    for table in &study.tables {
        out += &format!("\n{}\n\n{}", table.title.en, text_table(table).to_text(color));
    }
    for note in &study.notes {
        out += &format!("\nNote: {}", crate::escape::printable(&note.en));
    }
    out + "\n"
}

fn text_table(of: &StudyTable) -> TextTable {
    let header: Vec<(&str, Align)> =
        of.header.iter().enumerate().map(|(i, head)| (head.en.as_str(), if i == 0 { Align::Left } else { Align::Right })).collect();
    let mut table = TextTable::new(&header);
    for row in &of.rows {
        table.row(row.iter().map(|cell| cell.en.clone()));
    }
    table
}

/// The study in GitHub's Markdown, in English.
pub fn markdown(study: &StudyRecord) -> String {
    let mut out = format!("## {}\n\n{}\n\n", crate::escape::markdown(&study.title.en), crate::escape::markdown(&study.source));
    out += &figures_table(study).to_markdown();
    for table in &study.tables {
        out += &format!("\n### {}\n\n{}", crate::escape::markdown(&table.title.en), text_table(table).to_markdown());
    }
    for note in &study.notes {
        out += &format!("\n> {}\n", crate::escape::markdown(&note.en));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_interval_shows_nothing() {
        assert_eq!(Verdict::of(116.5, 112.0, 121.0, 5.0), Verdict::Replicated);
        assert_eq!(Verdict::of(116.5, 105.0, 125.0, 5.0), Verdict::Inconclusive);
        assert_eq!(Verdict::of(116.5, 117.0, 125.0, 5.0), Verdict::NotReplicated);
        assert_eq!(Verdict::of(116.5, 111.5, 121.5, 5.0), Verdict::Replicated, "the tolerance itself is narrow enough");
        assert_eq!(Verdict::of(116.5, 90.0, f64::NAN, 5.0), Verdict::NotReplicated, "no interval covers nothing");
    }

    #[test]
    fn figures_keep_what_matters() {
        assert_eq!([0.0, 0.03, 1.426, 116.46, 14_400.0, f64::NAN].map(figure), ["0", "0.0300", "1.43", "116.5", "14400", "–"]);
    }
}
