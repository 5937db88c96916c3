//! The command around a run: its folders, its results, its exit code.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use reports::ReportError;
use scanner_core::pool::Pool;

use super::compose::{Options, perform};
use super::goods::pool_failure;
use crate::cli::RunArguments;
use crate::error::{Failure, Result};
use crate::export_mcap::LOAD_FILE;
use crate::output;
use crate::scenario::Scenario;

/// The pool's file in the out folder.
const POOL: &str = "pool.sqlite";

/// Runs the command.
///
/// # Errors
/// Bad input, an environment that refuses, thresholds that were missed.
pub fn command(arguments: &RunArguments) -> Result<()> {
    let scenario = Scenario::load(&arguments.scenario)?;
    let seed = arguments.seed.unwrap_or(scenario.body.seed);
    let out = arguments.out.clone().unwrap_or_else(|| Path::new("out").join(format!("{}-{seed}", scenario.body.name)));
    let folder = OutFolder::prepare(&out)?;
    let options = Options {
        seed: Some(seed),
        trace_stages: arguments.trace_stages.clone(),
        record: arguments.record.clone(),
        annotated: Some(out.join("frames")),
        keep_pictures: true,
        show_progress: true,
    };
    let outcome = perform(&scenario, &options, &out.join("manufacturer.xml"), &folder.pool)?;
    folder.keep_pool()?;
    let run = &outcome.record;
    let load = out.join(LOAD_FILE);
    let json = serde_json::to_vec_pretty(&outcome.load).map_err(|error| Failure::environment(error.to_string()))?;
    reports::write_atomically(&load, &json).map_err(|error| Failure::environment(error.to_string()))?;
    let written = reports::write_all(run, &out).map_err(|error| report_failure(&error))?;
    if arguments.json {
        let summary = reports::summary(run);
        output::line(&serde_json::to_string_pretty(&summary).map_err(|error| Failure::environment(error.to_string()))?)?;
    } else {
        output::line(reports::terminal(run, std::io::stdout().is_terminal()).trim_end())?;
    }
    if let Some(report) = written.first() {
        output::note(&format!("report: {}", report.display()));
    }
    if let Some(message) = outcome.cut_short {
        return Err(Failure::environment(format!("the cycle was cut short: {message}")));
    }
    let missed: Vec<&str> = run.thresholds.iter().filter(|threshold| !threshold.held).map(|threshold| threshold.name.as_str()).collect();
    if missed.is_empty() { Ok(()) } else { Err(Failure::FellShort(format!("fell short of: {}", missed.join(", ")))) }
}

fn report_failure(error: &ReportError) -> Failure {
    Failure::environment(error.to_string())
}

/// The folder for results. The pool is made beside its place and moved there when it is whole; what is half made goes away with this value.
struct OutFolder {
    out: PathBuf,
    pool: PathBuf,
    kept: bool,
}

impl OutFolder {
    fn prepare(out: &Path) -> Result<Self> {
        std::fs::create_dir_all(out.join("frames")).map_err(|error| Failure::write(out, &error))?;
        // Somebody else's file is not replaced, nor one that this program is too old to understand.
        let place = out.join(POOL);
        if place.exists() {
            Pool::open(&place).map(drop).map_err(|error| pool_failure(&place, &error))?;
        }
        // Frames of an earlier run with more of them would stay behind.
        let stale = std::fs::read_dir(out.join("frames")).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in stale.filter(|path| is_frame(path)) {
            std::fs::remove_file(&path).map_err(|error| Failure::write(&path, &error))?;
        }
        let folder = Self { out: out.to_owned(), pool: out.join(format!(".{POOL}.{}.tmp", std::process::id())), kept: false };
        folder.remove(&folder.pool);
        Ok(folder)
    }

    /// Moves the pool to its place. Its database has to be closed: then it is one file.
    fn keep_pool(mut self) -> Result<()> {
        let place = self.out.join(POOL);
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(with_suffix(&place, suffix));
        }
        std::fs::rename(&self.pool, &place).map_err(|error| Failure::write(&place, &error))?;
        self.kept = true;
        Ok(())
    }

    fn remove(&self, pool: &Path) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(with_suffix(pool, suffix));
        }
    }
}

impl Drop for OutFolder {
    fn drop(&mut self) {
        if !self.kept {
            self.remove(&self.pool);
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether a file is an annotated frame of a run.
fn is_frame(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (digits, rest) = name.split_at_checked(3).unwrap_or(("", ""));
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && rest.starts_with("-stop") && name.ends_with(".jpg")
}
