//! A study as a file says it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reports::study::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::assumptions::Assumptions;
use super::cycles::{CycleTable, rig_sha256};
use super::{central, clinic, day, inputs};
use crate::error::{Failure, Result};
use crate::scenario::{Document, Place, Rig};
use crate::workflow::statistics::Precision;

/// The version of the format that is read here.
pub const VERSION: u32 = 1;

/// An arm that any study may have: figures of other places, which only calibrate.
pub const ELSEWHERE: &str = "elsewhere";

/// Which model a study runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// Dispensing one prescription at a time, nobody waiting.
    Bench,
    /// A day of an outpatient pharmacy with windows and queues.
    OutpatientDay,
    /// A central pharmacy before and after a code pool.
    CentralPharmacy,
    /// A rural clinic with a line that fails.
    RuralClinic,
    /// Window times of other hospitals.
    PublishedFigures,
}

/// What a reported figure is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// The model is set by it.
    Calibrate,
    /// The model predicts it.
    Validate,
    /// The model measures no such thing; `remark` says why.
    NotComparable,
}

/// A text in two languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

impl Words {
    /// For the report.
    pub fn text(&self) -> Text {
        Text::new(&self.en, &self.zh)
    }
}

/// A figure that a paper reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// Its key; for a row of a table `ARM.ROW`.
    pub name: String,
    /// What it is.
    pub label: Words,
    /// The arm it belongs to.
    pub arm: String,
    /// Its unit.
    pub unit: String,
    /// Its value.
    pub value: f64,
    /// Where it is reported.
    pub source: String,
    /// What it is used for.
    #[serde(rename = "use")]
    pub purpose: Use,
    /// Widest half-width of the prediction interval that is conclusive, in its unit; needed to validate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// What to know beside it.
    #[serde(default)]
    pub remark: String,
}

/// A row of the bench's table: one prescription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Key, as in the reported figures' names.
    pub key: String,
    /// What it is.
    pub label: Words,
    /// The catalogue's product.
    pub product: String,
    /// Packages of it.
    pub packages: u32,
}

/// How much is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Effort {
    /// Replications to begin with.
    pub least: usize,
    /// Replications to stop at.
    pub most: usize,
    /// Wanted half-width ÷ mean.
    pub relative: f64,
    /// Replications with `--quick`, without regard to the interval.
    pub quick: usize,
}

impl Effort {
    /// For [`replicate`](crate::workflow::statistics::replicate).
    pub fn precision(&self) -> Precision {
        Precision { least: self.least, most: self.most, relative: self.relative }
    }

    /// The same with `--quick`.
    pub fn quickly(&self) -> Precision {
        Precision { least: self.quick, most: self.quick, relative: 1.0 }
    }
}

/// A study without the cycles that it names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// What reports call it.
    pub name: String,
    /// Its title.
    pub title: Words,
    /// The paper.
    pub source: String,
    /// Which model it runs.
    pub model: Model,
    /// The one seed from which everything random flows.
    pub seed: u64,
    /// The arms that are compared.
    pub arms: Vec<String>,
    /// How much is simulated.
    pub effort: Effort,
    /// The station of the MV arm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub station: Option<Station>,
    /// The bench's prescriptions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    /// The outpatient day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<day::Day>,
    /// The central pharmacy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub central: Option<central::Central>,
    /// The rural clinic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clinic: Option<clinic::Clinic>,
    /// Figures that the paper reports.
    pub reported: Vec<Reported>,
    /// Figures that no paper reports.
    pub assumptions: Assumptions,
    /// Where the model's fixed inputs are from, by their key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, inputs::Origin>,
    /// Answers to the STRESS-DES checklist, by item.
    #[serde(default)]
    pub stress: BTreeMap<String, String>,
}

/// The station of the MV arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// Name of the rig.
    pub rig: String,
    /// The rig's file, relative to the study's folder. A table whose cycles were run on another state of it is refused.
    pub rig_file: String,
    /// File of its table of cycles, relative to the study's folder.
    pub cycles: String,
    /// Whether a cycle ends when every package is read.
    pub stop_early: bool,
}

/// A study, read and checked, with its cycles.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Study {
    /// The file.
    pub body: Body,
    /// The station's cycles, where an arm uses one.
    pub cycles: Option<CycleTable>,
    /// Arrivals that were really seen, where the study names them.
    pub arrivals: Option<day::Trace>,
    /// What a reader must know about the input.
    pub notes: Vec<Text>,
}

impl Study {
    /// Reads and checks a study and the files that it names.
    ///
    /// # Errors
    /// The first fault, in whichever file it is.
    pub fn load(path: &Path) -> Result<Self> {
        Self::load_with(path, None)
    }

    /// The same with another table of cycles than the study names.
    ///
    /// # Errors
    /// The first fault, in whichever file it is; a table of another rig, or for a study without a station.
    pub fn load_with(path: &Path, cycles: Option<&Path>) -> Result<Self> {
        let document = Document::read(path)?;
        let top = document.top();
        let body: Body = top.read(&[])?;
        body.check(&top)?;
        let (cycles, notes) = match (&body.station, cycles) {
            (Some(station), other) => load_cycles(station, &top, other)?,
            (None, Some(other)) => {
                return Err(Failure::input(other, format!("the study `{}` has no station that could use cycles", body.name)));
            }
            (None, None) => (None, Vec::new()),
        };
        let named = body.day.as_ref().and_then(|day| day.arrival_trace.as_ref().map(|trace| (day, trace)));
        let arrivals = named.map(|(day, trace)| day::Trace::load(&beside(&top, trace), day)).transpose()?;
        Ok(Self { body, cycles, arrivals, notes })
    }

    /// SHA-256 of study and cycles as they were understood.
    pub fn sha256(&self) -> String {
        use sha2::Digest;
        // Serialising plain structs of numbers, texts and sorted maps cannot fail.
        crate::scenario::hex(&sha2::Sha256::digest(serde_json::to_vec(self).unwrap_or_default()))
    }
}

/// A file relative to the study's folder.
fn beside(top: &Place, name: &str) -> PathBuf {
    top.path().parent().unwrap_or(Path::new("")).join(name)
}

fn load_cycles(station: &Station, top: &Place, other: Option<&Path>) -> Result<(Option<CycleTable>, Vec<Text>)> {
    let path = other.map_or_else(|| beside(top, &station.cycles), Path::to_path_buf);
    let gather = "run the scenarios beside it and gather them: tracetwin cycles RUN… --scenario FILE… --out TABLE";
    if !path.exists() {
        return Err(match other {
            Some(_) => Failure::input(&path, "no such file").with_help(gather),
            None => top.fault("station.cycles", format!("there is no file {}", path.display())).with_help_boxed(gather).into(),
        });
    }
    let table = CycleTable::load(&path)?;
    let refused = |message: String, advice: &str| match other {
        Some(_) => Failure::input(&path, message).with_help(advice),
        None => top.fault("station.cycles", message).with_help_boxed(advice).into(),
    };
    if table.rig != station.rig {
        let message = format!("the cycles are of the rig `{}`, and the study's station is `{}`", table.rig, station.rig);
        return Err(refused(message, "run the cycles on the study's rig, or name the rig they are of"));
    }
    let file = Document::read(&beside(top, &station.rig_file))?;
    let rig: Rig = file.top().read(&[])?;
    if rig.name != station.rig {
        return Err(top.fault("station.rig_file", format!("is the rig `{}`, and the station is `{}`", rig.name, station.rig)).into());
    }
    if table.rig_sha256 != rig_sha256(&rig) {
        let message = format!("the cycles were run on another state of the rig `{}` than {} says now", rig.name, file.path().display());
        return Err(refused(message, "run the cycles again: `make cycles`"));
    }
    if !station.stop_early && table.cycles.iter().any(|cycle| cycle.planned_stops.is_some()) {
        let message = "some of its cycles stopped early, and the study's station takes all stops";
        return Err(refused(message.to_owned(), "run the cycles with all stops"));
    }
    let misreads: u32 = table.cycles.iter().map(|cycle| cycle.misreads).sum();
    let (count, loads) = (table.cycles.len(), table.loads());
    let (rig, version, adapter) = (&table.rig, &table.version, &table.adapter);
    let notes = vec![Text::new(
        format!(
            "MV cycles: {count} of loads {loads:?} on the rig `{rig}`, tracetwin {version}, {adapter}; {misreads} misreads among them. Loads in between stand on the nearest size."
        ),
        format!(
            "机器视觉采集周期：{count} 次，装载量 {loads:?}，台架 `{rig}`，tracetwin {version}，{adapter}；其中误读 {misreads} 次。介于其间的装载量取最接近的一档。"
        ),
    )];
    Ok((Some(table), notes))
}

impl Body {
    /// The reported value of a figure.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.reported.iter().find(|of| of.name == name).map(|of| of.value)
    }
}
