//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use scanner_core::vision::Locator;

use crate::error::Result;
use crate::scenario::schema::Format;
use crate::{doctor, hub, output, pool, regress, scan};

/// The twin of a drug-package scanning station, and the station's reader.
///
/// Results go to standard output, everything else to standard error. Exit codes: 0 held; 1 fell short of a threshold, or refused by a rule; 2 bad
/// input; 3 device or environment.
#[derive(Debug, Parser)]
#[command(name = "tracetwin", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `tracetwin` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Drop a scenario's packages, photograph them, read the codes, reconcile the order with the code pool, and report.
    Run(RunArguments),
    /// Read the codes in pictures: any picture, no calibration needed.
    Scan {
        /// Picture files, or folders with pictures in them.
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<PathBuf>,
        /// What looks for codes, if not the usual one.
        #[arg(long, value_enum)]
        locator: Option<LocatorChoice>,
        /// Print one JSON object per code, one per line.
        #[arg(long)]
        jsonl: bool,
        /// How many pictures are read at the same time. One alone keeps several cores busy most of the time; two get through a folder sooner.
        #[arg(long, value_name = "N", default_value = "1")]
        jobs: NonZeroUsize,
    },
    /// Say what is there, what is missing, and how to get it.
    Doctor {
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a file format's JSON Schema.
    Schema {
        /// Which format.
        #[arg(value_enum, default_value_t = Format::Scenario)]
        format: Format,
    },
    /// Be the insurance platform, for the loopback: strict, with books of its own, and with faults on request.
    Hub(hub::HubArguments),
    /// Keep a code pool: goods in, orders, counting, accounts, measures; send what it has to tell, export it.
    #[command(subcommand)]
    Pool(pool::PoolCommand),
    /// Make a data set: pictures of a scenario's loads with ground truth as COCO and Parquet.
    Dataset(DatasetArguments),
    /// Say whether the frozen training, validation and test sets are still what they were.
    Sets(SetsArguments),
    /// Write a recorded cycle as an MCAP file, for Foxglove and Rerun: frames, calibrations, transforms, events; with its run also what is true.
    ExportMcap(crate::export_mcap::McapArguments),
    /// Look at a station in a window: drop, turntable, lamps, cameras, and what the reader reads (`make view` builds it in).
    View {
        /// The scenario file.
        #[arg(value_name = "FILE")]
        scenario: PathBuf,
        /// Overrides the scenario's seed.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Hold the twin's renderer against an independent one.
    #[command(subcommand)]
    Fidelity(FidelityCommand),
    /// Ask whether a code is genuine and its pack still good; every question is counted.
    Verify(pool::VerifyArguments),
    /// Look at a rig before anything is bought.
    Rig {
        /// What to do with it.
        #[command(subcommand)]
        command: RigCommand,
    },
    /// Run scenarios with many seeds and print recall per px-per-module band and misreads.
    Recall(RecallArguments),
    /// Simulate a study and hold it against what a paper reports: one verdict per figure.
    Study(crate::study::StudyArguments),
    /// Gather folders of `run` into a table of capture cycles, which studies draw from.
    Cycles {
        /// Folders that `run --out` filled.
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<PathBuf>,
        /// The scenarios that were run.
        #[arg(long = "scenario", required = true, num_args = 1.., value_name = "FILE")]
        scenarios: Vec<PathBuf>,
        /// Where the table goes.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Read a frozen corpus again and hold the codes against those of the baseline.
    Regress {
        /// The baseline file.
        #[arg(long, value_name = "FILE")]
        baseline: PathBuf,
        /// Write what was read into the baseline file, as what is expected from now on.
        #[arg(long)]
        bless: bool,
        /// Also write the outcome as JUnit XML.
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
    },
}

/// What `tracetwin rig` can do.
#[derive(Debug, Subcommand)]
pub enum RigCommand {
    /// Print what each camera can see (field of view, px per module, depth of field, motion blur, exposure, data rate), and warn where the layout
    /// can't work.
    Check {
        /// A rig, or a scenario with its rig.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `recall`.
#[derive(Debug, Clone, clap::Args)]
pub struct RecallArguments {
    /// Scenario files; with `--set` the file of the frozen sets. Without any, what `--tally` holds is printed, and nothing counted
    #[arg(required_unless_present = "tally", value_name = "FILE")]
    pub scenarios: Vec<PathBuf>,
    /// Run the loads of this frozen set; several are run in turns.
    #[arg(long = "set", value_name = "NAME", conflicts_with = "first_seed", requires = "scenarios")]
    pub sets: Vec<String>,
    /// How many seeds of each.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub seeds: u64,
    /// The first of them; a frozen set has its own.
    #[arg(long, default_value_t = 1)]
    pub first_seed: u64,
    /// Begin no further load after so many minutes, and print what there is.
    #[arg(long)]
    pub minutes: Option<u64>,
    /// Keep the counts of every load in this file, and count no load again: a long run can be stopped and taken up, and several processes can share one
    #[arg(long, value_name = "COUNTS")]
    pub tally: Option<PathBuf>,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `run`.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArguments {
    /// The scenario file.
    #[arg(value_name = "FILE")]
    pub scenario: PathBuf,
    /// Overrides the scenario's seed.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Where the results go [default: out/SCENARIO-SEED]. Results of an earlier run in it are replaced.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the summary as JSON on standard output.
    #[arg(long)]
    pub json: bool,
    /// Write a picture of every stage of reading, for every frame, into this folder.
    #[arg(long, value_name = "DIR")]
    pub trace_stages: Option<PathBuf>,
    /// Record the cycle's frames in this folder, as hardware would have delivered them.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
}

/// What `tracetwin fidelity` can do.
#[derive(Debug, Clone, Subcommand)]
pub enum FidelityCommand {
    /// Write scenes for another renderer, with the twin's light of some windows of each.
    Export {
        /// The scenario whose loads are drawn. Lenses that distort are not compared.
        #[arg(value_name = "FILE")]
        scenario: PathBuf,
        /// How many scenes: a load each, seen by the cameras and stops in turn.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
        scenes: u64,
        /// Seed of the first load.
        #[arg(long, default_value_t = 1)]
        first_seed: u64,
        /// At most so many codes of a scene.
        #[arg(long, default_value_t = 10)]
        codes: usize,
        /// Where they go, a folder each.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Hold both renderers' light against each other, and write a report.
    Compare {
        /// The folder that `export` filled and the other renderer added to.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Frames that are read of each code where the light is so low that noise decides; with 0 nothing is read, and only light is compared.
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(0..=1000))]
        frames: u64,
        /// Print the figures as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// [`Locator`] on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum LocatorChoice {
    /// The structure of grey-value gradients.
    Gradients,
    /// The trained detector.
    Ssd,
    /// Both.
    Both,
}

impl From<LocatorChoice> for Locator {
    fn from(choice: LocatorChoice) -> Self {
        match choice {
            LocatorChoice::Gradients => Self::Gradients,
            LocatorChoice::Ssd => Self::Ssd,
            LocatorChoice::Both => Self::Both,
        }
    }
}

/// Arguments of `dataset`.
#[derive(Debug, Clone, clap::Args)]
pub struct DatasetArguments {
    /// The scenario whose loads are photographed; with `--set` the file of the frozen sets.
    #[arg(value_name = "FILE")]
    pub scenario: PathBuf,
    /// Photograph the loads of this frozen set.
    #[arg(long, value_name = "NAME", conflicts_with = "first_seed")]
    pub set: Option<String>,
    /// How many pictures.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub count: u64,
    /// Only so many of each load, first stops first: more loads, less of each.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub per_load: Option<u64>,
    /// Where they go: an empty folder, or one that an earlier call began.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Seed of the first load, 1 if not given; the next has the next one.
    #[arg(long)]
    pub first_seed: Option<u64>,
    /// Print what was made as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `sets`.
#[derive(Debug, Clone, clap::Args)]
pub struct SetsArguments {
    /// The file of the frozen sets.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Accept what they are now.
    #[arg(long)]
    pub bless: bool,
}

/// Does what the command line says.
///
/// # Errors
/// Whatever ended the command, with its exit code.
pub fn execute(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Run(arguments) => crate::run::command(&arguments),
        Command::Scan { images, locator, jsonl, jobs } => {
            scan::command(&images, locator.map_or_else(Locator::default, Into::into), jsonl, jobs)
        }
        Command::Doctor { json } => doctor::command(json),
        Command::Schema { format } => {
            let schema = crate::scenario::schema::schema(format);
            output::line(&serde_json::to_string_pretty(&schema).unwrap_or_default())
        }
        Command::Hub(arguments) => hub::command(&arguments),
        Command::Pool(command) => pool::command(&command),
        Command::Dataset(arguments) => crate::run::dataset(&arguments),
        Command::Sets(arguments) => crate::run::sets(&arguments),
        Command::ExportMcap(arguments) => crate::export_mcap::command(&arguments),
        Command::View { scenario, seed } => crate::run::view(&scenario, seed),
        Command::Fidelity(command) => crate::run::fidelity(&command),
        Command::Verify(arguments) => pool::verify(&arguments),
        Command::Rig { command: RigCommand::Check { file, json } } => crate::run::check_rig(&file, json),
        Command::Recall(arguments) => crate::run::recall(&arguments),
        Command::Study(arguments) => crate::study::command(&arguments),
        Command::Cycles { runs, scenarios, out } => crate::study::cycles::command(&runs, &scenarios, &out),
        Command::Regress { baseline, bless, junit } => regress::command(&baseline, bless, junit.as_deref()),
    }
}
