//! `tracetwin doctor`: what is there, what is missing, and the command that gets it.

use serde::Serialize;

use crate::error::{Failure, Result};
use crate::{onnx, output};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is there and works.
    Ok,
    /// It is missing or does not work.
    Missing,
    /// This build has no use for it.
    NotBuilt,
}

/// One thing that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it came out.
    pub status: Status,
    /// Whether this build cannot do its work without it.
    pub needed: bool,
    /// What was found, or what happened.
    pub detail: String,
    /// What gets it, where it is missing.
    pub remedy: Option<String>,
}

/// Everything that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of this program.
    pub version: &'static str,
    /// Whether it was built with the twin.
    pub twin: bool,
    /// The checks.
    pub checks: Vec<Check>,
}

/// Looks for everything.
pub fn examine() -> Report {
    Report { version: env!("CARGO_PKG_VERSION"), twin: cfg!(feature = "twin"), checks: vec![adapter(), onnx_runtime()] }
}

#[cfg(feature = "twin")]
fn adapter() -> Check {
    let name = "graphics adapter";
    match crate::run::adapter() {
        Ok(detail) => Check { name, status: Status::Ok, needed: true, detail, remedy: None },
        Err(detail) => Check {
            name,
            status: Status::Missing,
            needed: true,
            detail,
            remedy: Some(
                "make setup (on Debian: apt-get install mesa-vulkan-drivers, a Vulkan driver that needs no graphics card)".to_owned(),
            ),
        },
    }
}

#[cfg(not(feature = "twin"))]
fn adapter() -> Check {
    let detail = "this build has no twin, so it renders nothing".to_owned();
    Check { name: "graphics adapter", status: Status::NotBuilt, needed: false, detail, remedy: None }
}

fn onnx_runtime() -> Check {
    let found = match scanner_core::vision::detect::library() {
        Some(path) => onnx::load(&path),
        None => Err("neither ORT_DYLIB_PATH is set nor is vendor/onnxruntime/libonnxruntime.so there".to_owned()),
    };
    let name = "ONNX Runtime library";
    match found {
        Ok(library) => {
            let detail = format!("version {} ({})", library.version, library.path.display());
            Check { name, status: Status::Ok, needed: false, detail, remedy: None }
        }
        Err(detail) => Check {
            name,
            status: Status::Missing,
            // A trained detector would run on it; the gradient-based locator does without.
            needed: false,
            detail: format!("{detail}; codes are located by image gradients, which do without it"),
            remedy: Some("make setup (fetches it into vendor/onnxruntime), or set ORT_DYLIB_PATH to the library".to_owned()),
        },
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Environment`] if something that is needed is missing.
pub fn command(json: bool) -> Result<()> {
    let report = examine();
    if json {
        output::line(&serde_json::to_string_pretty(&report).map_err(|error| Failure::environment(error.to_string()))?)?;
    } else {
        output::line(&format!("tracetwin {} ({} the twin)", report.version, if report.twin { "with" } else { "without" }))?;
        for check in &report.checks {
            let mark = match check.status {
                Status::Ok => "ok     ",
                Status::Missing => "MISSING",
                Status::NotBuilt => "unused ",
            };
            output::line(&format!("{mark}  {}: {}", check.name, check.detail))?;
            if let Some(remedy) = &check.remedy {
                output::line(&format!("         get it: {remedy}"))?;
            }
        }
    }
    let missing: Vec<&str> = report.checks.iter().filter(|c| c.needed && c.status == Status::Missing).map(|c| c.name).collect();
    if missing.is_empty() { Ok(()) } else { Err(Failure::environment(format!("missing and needed: {}", missing.join(", ")))) }
}
