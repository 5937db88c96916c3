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
mod record;
#[cfg(feature = "twin")]
mod watch;

#[cfg(feature = "twin")]
mod command;

#[cfg(feature = "twin")]
pub use command::command;
#[cfg(feature = "twin")]
pub use compose::{Options, Outcome, adapter, perform};
#[cfg(feature = "twin")]
pub use goods::Goods;
#[cfg(feature = "twin")]
pub use load::{Drawn, draw, twin_spec};

/// Runs the command.
///
/// # Errors
/// Always: this build has no twin. A fault in the scenario is said first, for it is one in any build.
#[cfg(not(feature = "twin"))]
pub fn command(arguments: &crate::cli::RunArguments) -> crate::error::Result<()> {
    crate::scenario::Scenario::load(&arguments.scenario)?;
    Err(crate::error::Failure::environment("this build has no twin, so it cannot run a scenario")
        .with_help("build it with the twin: cargo build -p scenarios (without --no-default-features)"))
}
