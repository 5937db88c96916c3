//! `tracetwin run`: twin, station, pool and scoring put together.

use crate::cli::RunArguments;
use crate::error::{Failure, Result};

/// Runs the command.
///
/// # Errors
/// Always, in a build without the twin.
#[cfg(not(feature = "twin"))]
pub fn command(arguments: &RunArguments) -> Result<()> {
    // The file is checked all the same: what is wrong with it is wrong everywhere.
    crate::scenario::Scenario::load(&arguments.scenario)?;
    Err(Failure::environment("this build has no twin, so it cannot run a scenario")
        .with_help("build it with the twin: cargo build -p scenarios (without --no-default-features)"))
}
