//! Studies: what papers reported, predicted from cycles that the twin ran and from queues, with a verdict per figure.

mod assumptions;
mod bench;
pub mod central;
mod check;
pub mod clinic;
pub mod cycles;
pub mod day;
mod file;
mod inputs;
pub mod published;
pub mod scan;
pub mod slips;
mod stock;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use reports::stats::quantile;
use reports::study::{Chart, Figure, StudyRecord, StudyTable, Text, Verdict};
use reports::{Manifest, ToolVersion};

pub use assumptions::{Assumption, Assumptions, Values};
pub use cycles::Compute;
pub use file::{Body, Model, Study, Use};

use crate::error::{Failure, Result};
use crate::output;

/// Arguments of `study`.
#[derive(Debug, Clone, clap::Args)]
pub struct StudyArguments {
    /// The study file.
    #[arg(value_name = "FILE")]
    pub study: PathBuf,
    /// Few replications: a first look.
    #[arg(long)]
    pub quick: bool,
    /// Print the study's record as JSON on standard output.
    #[arg(long)]
    pub json: bool,
    /// Where the results go [default: out/STUDY].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Also write the events of a simulated day as `trace.csv`, where the model has any.
    #[arg(long)]
    pub trace: bool,
    /// Take the station's cycles from this table instead of the study's own. It must be of the study's rig.
    #[arg(long, value_name = "TABLE")]
    pub cycles: Option<PathBuf>,
    /// Whose decode time counts in the station's cycles.
    #[arg(long, value_enum, default_value_t)]
    pub compute: Compute,
}

/// A simulated figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The estimate.
    pub value: f64,
    /// 95 % prediction interval.
    pub interval: Option<(f64, f64)>,
}

impl Found {
    /// Median and 2.5 % and 97.5 % quantiles of independent replications.
    pub fn of(values: &[f64]) -> Self {
        let q = |p| quantile(values, p).unwrap_or(f64::NAN);
        Self { value: q(0.5), interval: Some((q(0.025), q(0.975))) }
    }
}

/// What a model gives.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Figures by the names that the study file reports them under.
    pub found: BTreeMap<String, Found>,
    /// How much was simulated.
    pub replications: Text,
    /// Whether the intervals became as narrow as was asked.
    pub closed: bool,
    /// Tables.
    pub tables: Vec<StudyTable>,
    /// Charts.
    pub charts: Vec<Chart>,
    /// What a reader must know.
    pub notes: Vec<Text>,
    /// An event trace, as CSV.
    pub trace: Option<String>,
}

/// A cell that is the same in both languages.
pub(crate) fn words(text: impl Into<String>) -> Text {
    Text::same(text)
}

/// Runs a study.
///
/// # Errors
/// Where a part of the program that the model uses fails, such as the pool.
pub fn perform(study: &Study, compute: Compute, quick: bool) -> Result<StudyRecord> {
    perform_traced(study, compute, quick).map(|(record, _)| record)
}

fn perform_traced(study: &Study, compute: Compute, quick: bool) -> Result<(StudyRecord, Option<String>)> {
    let body = &study.body;
    let findings = match body.model {
        Model::Bench => bench::run(study, compute, quick),
        Model::OutpatientDay => day::run(study, compute, quick),
        Model::CentralPharmacy => central::run(study, quick)?,
        Model::RuralClinic => clinic::run(study, quick)?,
        Model::PublishedFigures => published::run(study, quick),
    };
    let figures = body.reported.iter().map(|of| figure(of, findings.found.get(&of.name).copied())).collect();
    let mut notes = study.notes.clone();
    notes.extend(findings.notes);
    if !findings.closed {
        notes.push(Text::new(
            "The limit of replications was reached before every interval was as narrow as the study asks.",
            "已达到重复次数上限，但并非所有区间都达到研究要求的宽度。",
        ));
    }
    let record = StudyRecord {
        study: body.name.clone(),
        title: body.title.text(),
        source: body.source.clone(),
        manifest: manifest(study),
        replications: findings.replications,
        closed: findings.closed,
        figures,
        tables: findings.tables,
        charts: findings.charts,
        inputs: inputs::listed(body),
        assumptions: assumptions::listed(&body.assumptions),
        checklist: body.stress.iter().map(|(item, answer)| (item.clone(), answer.clone())).collect(),
        notes,
    };
    Ok((record, findings.trace))
}

fn figure(of: &file::Reported, found: Option<Found>) -> Figure {
    let interval = found.and_then(|found| found.interval);
    let verdict = match (of.purpose, found, interval) {
        (Use::Calibrate, ..) => Verdict::UsedForCalibration,
        (Use::Validate, Some(_), Some((lower, upper))) => Verdict::of(of.value, lower, upper, of.tolerance.unwrap_or(0.0)),
        _ => Verdict::NotComparable,
    };
    Figure {
        name: of.name.clone(),
        label: of.label.text(),
        unit: of.unit.clone(),
        reported: of.value,
        found: found.map(|found| found.value),
        lower: interval.map(|(lower, _)| lower),
        upper: interval.map(|(_, upper)| upper),
        tolerance: of.tolerance,
        source: of.source.clone(),
        verdict,
        remark: of.remark.clone(),
    }
}

fn manifest(study: &Study) -> Manifest {
    let tools = study.cycles.iter().flat_map(|table| &table.tools);
    Manifest {
        schema_version: reports::SCHEMA_VERSION,
        seed: study.body.seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tools: tools.map(|(name, version)| ToolVersion { name: format!("{name} (of the cycles)"), version: version.clone() }).collect(),
        adapter: None,
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        onnx_runtime: None,
        config_sha256: study.sha256(),
        started_at: output::now(),
        arguments: std::env::args().skip(1).collect(),
    }
}

/// Runs the command.
///
/// # Errors
/// Bad input, a place that cannot be written; a figure that was not replicated, or a limit of replications that was reached.
pub fn command(arguments: &StudyArguments) -> Result<()> {
    let study = Study::load_with(&arguments.study, arguments.cycles.as_deref())?;
    let out = arguments.out.clone().unwrap_or_else(|| Path::new("out").join(&study.body.name));
    let (record, trace) = perform_traced(&study, arguments.compute, arguments.quick)?;
    let failed = |error: reports::ReportError| Failure::environment(error.to_string());
    let written = reports::write_study(&record, &out).map_err(failed)?;
    if let Some(trace) = trace.filter(|_| arguments.trace) {
        reports::write_atomically(&out.join("trace.csv"), trace.as_bytes()).map_err(failed)?;
    }
    if arguments.json {
        output::line(&serde_json::to_string_pretty(&record).map_err(|error| Failure::environment(error.to_string()))?)?;
    } else {
        output::line(reports::study::terminal(&record, std::io::stdout().is_terminal()).trim_end())?;
    }
    if let Some(report) = written.first() {
        output::note(&format!("report: {}", report.display()));
    }
    let fell: Vec<&str> = record.figures.iter().filter(|of| of.verdict == Verdict::NotReplicated).map(|of| of.name.as_str()).collect();
    if !fell.is_empty() {
        return Err(Failure::FellShort(format!("not replicated: {}", fell.join(", "))));
    }
    if !record.closed {
        return Err(Failure::FellShort("the limit of replications was reached before the intervals closed".to_owned()));
    }
    Ok(())
}
