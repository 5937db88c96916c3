//! `tracetwin run`: twin, station, pool and scoring put together.

#[cfg(feature = "twin")]
mod compose;
#[cfg(feature = "twin")]
mod goods;
#[cfg(feature = "twin")]
mod load;
#[cfg(feature = "twin")]
mod manifest;
#[cfg(feature = "twin")]
mod pictures;
#[cfg(feature = "twin")]
mod recall;
#[cfg(feature = "twin")]
mod record;
#[cfg(feature = "twin")]
mod tally;
#[cfg(feature = "twin")]
mod watch;

#[cfg(feature = "twin")]
mod command;

#[cfg(feature = "twin")]
pub use command::command;
#[cfg(feature = "twin")]
pub use compose::{Options, Outcome, adapter, perform, sim_failure};
#[cfg(feature = "twin")]
pub use goods::Goods;
#[cfg(feature = "twin")]
pub use load::{Drawn, camera_spec, draw, light_colour, twin_spec};
#[cfg(feature = "twin")]
pub use recall::command as recall;

#[cfg(feature = "twin")]
pub use crate::dataset::sets;
#[cfg(feature = "twin")]
pub use crate::{dataset::command as dataset, fidelity::command as fidelity, rig_check::command as check_rig, view::command as view};

/// Runs the command.
///
/// # Errors
/// Always: this build has no twin. A fault in the scenario is said first, for it is one in any build.
#[cfg(not(feature = "twin"))]
pub fn command(arguments: &crate::cli::RunArguments) -> crate::error::Result<()> {
    crate::scenario::Scenario::load(&arguments.scenario)?;
    no_twin()
}

/// Recall over many seeds.
///
/// # Errors
/// Always: this build has no twin. A fault in a scenario is said first.
#[cfg(not(feature = "twin"))]
pub fn recall(arguments: &crate::cli::RecallArguments) -> crate::error::Result<()> {
    if arguments.sets.is_empty() {
        for file in &arguments.scenarios {
            crate::scenario::Scenario::load(file)?;
        }
    }
    no_twin()
}

/// What a rig can see.
///
/// # Errors
/// Always: this build has no twin, and so neither lenses nor sensors. A fault in the rig is said first.
#[cfg(not(feature = "twin"))]
pub fn check_rig(file: &std::path::Path, _json: bool) -> crate::error::Result<()> {
    crate::scenario::Scenario::load_rig(file)?;
    no_twin()
}

/// Opens the window.
///
/// # Errors
/// Always: this build has no twin. A fault in the scenario is said first.
#[cfg(not(feature = "twin"))]
pub fn view(file: &std::path::Path, _seed: Option<u64>) -> crate::error::Result<()> {
    crate::scenario::Scenario::load(file)?;
    no_twin()
}

/// Makes a data set.
///
/// # Errors
/// Always: this build has no twin. A fault in the scenario is said first.
#[cfg(not(feature = "twin"))]
pub fn dataset(arguments: &crate::cli::DatasetArguments) -> crate::error::Result<()> {
    crate::scenario::Scenario::load(&arguments.scenario)?;
    no_twin()
}

/// Checks the frozen sets.
///
/// # Errors
/// Always: this build has no twin, so nothing can be drawn.
#[cfg(not(feature = "twin"))]
pub fn sets(_arguments: &crate::cli::SetsArguments) -> crate::error::Result<()> {
    no_twin()
}

/// Compares renderers.
///
/// # Errors
/// Always: this build has no twin.
#[cfg(not(feature = "twin"))]
pub fn fidelity(_command: &crate::cli::FidelityCommand) -> crate::error::Result<()> {
    no_twin()
}

#[cfg(not(feature = "twin"))]
fn no_twin() -> crate::error::Result<()> {
    Err(crate::error::Failure::environment("this build has no twin, so it cannot run a scenario")
        .with_help("build it with the twin: cargo build -p scenarios (without --no-default-features)"))
}
