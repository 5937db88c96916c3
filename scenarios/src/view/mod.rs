//! `tracetwin view`: a window onto the station. The load falls, the plate turns, lamps and cameras are moved about; what the cameras see and the reader
//! reads in it stands beside.
//!
//! - [`timeline`]: a cycle's time
//! - [`desk`]: what the user sees and has changed, by keys and mouse
//! - [`layout`], [`picture`]: where what is, and how it is painted
//! - [`eyes`]: full frames from the virtual cameras, read
//! - [`viewer`]: the painter behind the window, which is `sim::window`
//! - [`save`]: a changed rig back into its file

pub mod desk;
pub mod eyes;
pub mod layout;
pub mod picture;
pub mod save;
pub mod timeline;
pub mod viewer;

use std::path::Path;

use sim::physics::film_load;

use crate::error::{Failure, Result};
use crate::output;
use crate::run::{draw, sim_failure, twin_spec};
use crate::scenario::Scenario;
use desk::Desk;
use eyes::Eyes;
use save::RigPlace;
use timeline::Timeline;
use viewer::Viewer;

/// The window's size when it opens, px.
const SIZE: [u32; 2] = [1440, 900];

/// Builds what the window shows.
///
/// # Errors
/// A fault in the scenario, a load that cannot be dropped, nothing to render on.
pub fn viewer(file: &Path, seed: Option<u64>) -> Result<Viewer> {
    let scenario = Scenario::load(file)?;
    let seed = seed.unwrap_or(scenario.body.seed);
    output::note(&format!("view: dropping {} packages", scenario.body.load.packages));
    let packages = draw(&scenario, seed)?.packages;
    let spec = twin_spec(&scenario.rig, packages.clone(), seed);
    let (settled, film) = film_load(&spec).map_err(|error| sim_failure(error.into()))?;
    let stops: Vec<f64> = scenario.body.cycle.stops_deg.iter().map(|deg| deg.to_radians()).collect();
    let timeline = Timeline::new(film, packages.len(), &spec.turntable, &stops);
    let eyes = Eyes::start(settled.clone(), scenario.body.cycle.locator)
        .map_err(|error| Failure::environment(format!("starting the cameras' thread: {error}")))?;
    let desk = Desk::new(scenario.rig, timeline);
    Viewer::new(desk, packages, settled, seed, RigPlace::of(file)?, SIZE.map(|n| n as usize), eyes).map_err(sim_failure)
}

/// Opens the window.
///
/// # Errors
/// As [`viewer`], and where there is no display.
#[cfg(feature = "viewer")]
pub fn command(file: &Path, seed: Option<u64>) -> Result<()> {
    let viewer = viewer(file, seed)?;
    output::note("view: opening the window; its keys are shown in it");
    sim::window::show(&format!("TraceTwin: {}", file.display()), SIZE, viewer).map_err(|error| {
        Failure::environment(error.to_string()).with_help("a window needs a desktop, or Xvfb: xvfb-run -a tracetwin view …")
    })
}

/// Opens the window.
///
/// # Errors
/// Always: this build has none. A fault in the scenario is said first.
#[cfg(not(feature = "viewer"))]
pub fn command(file: &Path, _seed: Option<u64>) -> Result<()> {
    Scenario::load(file)?;
    Err(Failure::environment("this build has no window").with_help("`make view` builds one with it (some 45 CPU minutes the first time)"))
}
