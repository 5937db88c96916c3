//! A study as a file says it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reports::study::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::assumptions::{self, Assumptions};
use super::cycles::CycleTable;
use super::scan;
use super::{central, day};
use crate::error::Result;
use crate::scenario::{Checked, Document, Place};

/// The version of the format that is read here.
pub const VERSION: u32 = 1;

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
    /// Figures that the paper reports.
    pub reported: Vec<Reported>,
    /// Figures that no paper reports.
    pub assumptions: Assumptions,
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
    /// What a reader must know about the input.
    pub notes: Vec<String>,
}

impl Study {
    /// Reads and checks a study and the table of cycles that it names.
    ///
    /// # Errors
    /// The first fault, in whichever file it is.
    pub fn load(path: &Path) -> Result<Self> {
        let document = Document::read(path)?;
        let top = document.top();
        let body: Body = top.read(&[])?;
        body.check(&top)?;
        let (cycles, notes) = match &body.station {
            Some(station) => load_cycles(station, &top)?,
            None => (None, Vec::new()),
        };
        Ok(Self { body, cycles, notes })
    }

    /// SHA-256 of study and cycles as they were understood.
    pub fn sha256(&self) -> String {
        use sha2::Digest;
        // Serialising plain structs of numbers, texts and sorted maps cannot fail.
        crate::scenario::hex(&sha2::Sha256::digest(serde_json::to_vec(self).unwrap_or_default()))
    }
}

fn load_cycles(station: &Station, top: &Place) -> Result<(Option<CycleTable>, Vec<String>)> {
    let path = top.path().parent().unwrap_or(Path::new("")).join(&station.cycles);
    if !path.exists() {
        let fault = top.fault("station.cycles", format!("there is no file {}", path.display()));
        return Err(
            fault.with_help_boxed("run the scenarios beside it and gather them: tracetwin cycles RUN… --scenario FILE… --out TABLE")
        )?;
    }
    let table = CycleTable::load(&path)?;
    if table.rig != station.rig {
        let message = format!("the cycles are of the rig `{}`, and the study's station is `{}`", table.rig, station.rig);
        return Err(top
            .fault("station.cycles", message)
            .with_help_boxed("run the cycles on the study's rig, or name the rig they are of"))?;
    }
    let misreads: u32 = table.cycles.iter().map(|cycle| cycle.misreads).sum();
    let notes = vec![format!(
        "MV cycles: {} of loads {:?} on the rig `{}`, tracetwin {}, {}; {misreads} misreads among them. Loads in between stand on the nearest size.",
        table.cycles.len(),
        table.loads(),
        table.rig,
        table.version,
        table.adapter
    )];
    Ok((Some(table), notes))
}

impl Body {
    fn check(&self, top: &Place) -> Checked<()> {
        top.version(self.schema_version, VERSION)?;
        top.name("name", &self.name, &mut BTreeSet::new())?;
        let effort = top.under("effort");
        effort.within("least", self.effort.least as f64, 2.0, 1e7)?;
        effort.within("most", self.effort.most as f64, self.effort.least as f64, 1e7)?;
        effort.within("quick", self.effort.quick as f64, 2.0, 1e7)?;
        effort.within("relative", self.effort.relative, 1e-6, 1.0)?;
        self.check_arms(top)?;
        self.check_reported(top)?;
        self.check_calibration(top)?;
        match self.model {
            Model::Bench => self.check_rows(top)?,
            Model::OutpatientDay => match &self.day {
                Some(day) => day.check(&top.under("day"))?,
                None => return Err(top.fault("model", "the model `outpatient-day` needs a table `[day]`")),
            },
            Model::CentralPharmacy => match &self.central {
                Some(central) => central.check(&top.under("central"))?,
                None => return Err(top.fault("model", "the model `central-pharmacy` needs a table `[central]`")),
            },
        }
        assumptions::check(&self.assumptions, &self.known_assumptions(), &top.under("assumptions"))
    }

    fn known_assumptions(&self) -> Vec<&'static str> {
        match self.model {
            Model::Bench => [&scan::HANDHELD[..], &scan::MV].concat(),
            Model::OutpatientDay => [&scan::HANDHELD[..], &scan::MV, &day::ASSUMPTIONS].concat(),
            Model::CentralPharmacy => central::ASSUMPTIONS.to_vec(),
        }
    }

    fn check_arms(&self, top: &Place) -> Checked<()> {
        let needed: &[&str] = match self.model {
            Model::Bench => &["none", "handheld", "mv"],
            Model::OutpatientDay => &["none", "handheld", "mv", "pool"],
            Model::CentralPharmacy => &["before", "after"],
        };
        for arm in needed {
            if !self.arms.iter().any(|have| have == arm) {
                return Err(top.fault("arms", format!("the arm `{arm}` is missing")));
            }
        }
        for (index, arm) in self.arms.iter().enumerate() {
            if !needed.contains(&arm.as_str()) {
                let fault = top.fault(&format!("arms.{index}"), format!("the model has no arm `{arm}`"));
                return Err(fault.with_help_boxed(format!("it has {}", needed.join(", "))));
            }
        }
        if needed.contains(&"mv") && self.station.is_none() {
            return Err(top.fault("arms", "the arm `mv` needs a table `[station]` that names its rig and cycles"));
        }
        Ok(())
    }

    fn check_reported(&self, top: &Place) -> Checked<()> {
        let mut seen = BTreeSet::new();
        for (index, of) in self.reported.iter().enumerate() {
            let place = top.under(&format!("reported.{index}"));
            if !seen.insert(&of.name) {
                return Err(place.fault("name", format!("`{}` is reported twice", of.name)));
            }
            place.within("value", of.value, 0.0, 1e12)?;
            if !self.arms.contains(&of.arm) {
                return Err(place.fault("arm", format!("the study has no arm `{}`", of.arm)));
            }
            match (of.purpose, of.tolerance) {
                (Use::Validate, None) => {
                    return Err(
                        place.fault("use", "a figure that is validated needs a `tolerance`: the widest half-width that shows anything")
                    );
                }
                (_, Some(tolerance)) => place.positive("tolerance", tolerance)?,
                (Use::NotComparable, None) if of.remark.is_empty() => {
                    return Err(place.fault("use", "a figure that is not comparable needs a `remark` that says why"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A study must not calibrate on what it claims to replicate: no arm may have figures of both kinds.
    fn check_calibration(&self, top: &Place) -> Checked<()> {
        for (index, of) in self.reported.iter().enumerate().filter(|(_, of)| of.purpose == Use::Calibrate) {
            if let Some(claimed) = self.reported.iter().find(|other| other.purpose == Use::Validate && other.arm == of.arm) {
                let message = format!("calibrates on the arm `{}`, of which `{}` is to be replicated", of.arm, claimed.name);
                let fault = top.fault(&format!("reported.{index}.use"), message);
                return Err(fault.with_help_boxed(
                    "what went into the model shows nothing by coming out of it: predict the arm, or claim nothing about it",
                ));
            }
        }
        Ok(())
    }

    fn check_rows(&self, top: &Place) -> Checked<()> {
        if self.rows.len() < 2 {
            return Err(top.fault("rows", "the bench needs two rows at least: a spread between them is what its noise is set by"));
        }
        for (index, row) in self.rows.iter().enumerate() {
            let place = top.under(&format!("rows.{index}"));
            place.within("packages", f64::from(row.packages), 1.0, 100.0)?;
            for arm in ["none", "handheld"] {
                let name = format!("{arm}.{}", row.key);
                match self.reported.iter().find(|of| of.name == name) {
                    None => return Err(place.fault("key", format!("no figure `{name}` is reported, and the bench is calibrated on it"))),
                    Some(of) if of.purpose != Use::Calibrate => {
                        return Err(place.fault("key", format!("the figure `{name}` has to be used to calibrate")));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    /// The reported value of a figure.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.reported.iter().find(|of| of.name == name).map(|of| of.value)
    }
}
