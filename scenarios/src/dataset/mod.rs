//! `tracetwin dataset`: pictures with ground truth, for training and for judging detectors.
//!
//! ```text
//! dataset.json       what it was made of; written first
//! images/            one PNG per picture, as the camera delivered it
//! parts/             ground truth by load, each written when its pictures are on the disk: what a later call builds on
//! annotations.json   COCO: boxes, masks and oriented boxes of packages and codes
//! codes.parquet      every printed symbol in every picture
//! packages.parquet   every package in every picture
//! ```
//!
//! A load is a drop of the scenario with a seed of its own, seen from every stop of its cycle under every pattern by every camera, or from the first few of these. A call that was cut
//! short is taken up where it ended; more pictures can be asked for later. The same scenario, seeds and adapter give the same files.

mod capture;
mod coco;
mod sets;
mod tables;

pub use sets::{choose, command as sets};

use std::path::{Path, PathBuf};

use reports::write_atomically;
use serde::{Deserialize, Serialize};

use crate::cli::DatasetArguments;
use crate::error::{Failure, Result};
use crate::output::{self, Progress};
use crate::scenario::Scenario;

/// Version of the folder's layout.
const SCHEMA_VERSION: u32 = 1;

/// What a data set was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Recipe {
    schema_version: u32,
    scenario: String,
    scenario_sha256: String,
    first_seed: u64,
    adapter: String,
    version: String,
}

/// A picture with all that is true of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Image {
    /// Below the data set's folder.
    file: String,
    sha256: String,
    width: u32,
    height: u32,
    bits: u8,
    seed: u64,
    camera: String,
    stop: usize,
    turntable_deg: f64,
    pattern: String,
    calibration: hardware_hal::Calibration,
    codes: Vec<Code>,
    packages: Vec<Package>,
}

/// A printed symbol in a picture; the units and meanings of `sim::truth::CodeTruth`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Code {
    package: usize,
    symbol: usize,
    symbology: String,
    text: String,
    role: String,
    face: String,
    corners: [[f64; 2]; 4],
    visible_fraction: f64,
    visible: bool,
    px_per_module: f64,
    incidence_deg: f64,
    glare_share: f64,
    motion_blur_px: f64,
    blur_modules: f64,
    grid_angle_deg: f64,
    contrast: f64,
    print_grade: f64,
    nominal: bool,
}

/// A package in a picture, seen or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Package {
    package: usize,
    product: String,
    form: String,
    /// Edge lengths, m.
    size_m: [f64; 3],
    /// `rig_from_package`: x, y, z, w.
    rotation: [f64; 4],
    /// `rig_from_package`, m.
    translation_m: [f64; 3],
    /// Visible pixels.
    area: u64,
    /// First column and row, width and height, px; all 0 where nothing is seen.
    bounds: [usize; 4],
    /// Runs column by column.
    runs: Vec<u32>,
}

/// Makes a data set, or goes on with one.
///
/// # Errors
/// Bad input; a folder that holds something else; an environment that refuses. What is in the folder by then stays and is built on later.
pub fn command(arguments: &DatasetArguments) -> Result<()> {
    let (scenario, begins, most) = match &arguments.set {
        None => (Scenario::load(&arguments.scenario)?, arguments.first_seed.unwrap_or(1), u64::MAX),
        Some(name) => {
            let set = sets::choose(&arguments.scenario, name)?;
            (set.scenario, set.first_seed, set.loads)
        }
    };
    let recipe = Recipe {
        schema_version: SCHEMA_VERSION,
        scenario: scenario.body.name.clone(),
        scenario_sha256: scenario.sha256(),
        first_seed: begins,
        adapter: crate::run::adapter()
            .map_err(|message| Failure::environment(message).with_help("`tracetwin doctor` says what is missing; `make setup` gets it"))?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let out = &arguments.out;
    begin(out, &recipe)?;

    let views = (scenario.rig.cameras.len() * scenario.body.cycle.stops_deg.len() * scenario.body.cycle.patterns.len()) as u64;
    let per_load = arguments.per_load.unwrap_or(views);
    if per_load > views {
        return Err(Failure::input(
            &arguments.scenario,
            format!("a load of this scenario has {views} pictures, not {per_load} (`--per-load`)"),
        ));
    }
    let loads = arguments.count.div_ceil(per_load);
    if loads > most {
        return Err(Failure::input(&arguments.scenario, format!("the set has {most} loads of {per_load} pictures")));
    }
    let mut progress = Progress::new();
    let (mut taken, mut kept) = (0, 0);
    for load in 0..loads {
        let wanted = per_load.min(arguments.count - load * per_load) as usize;
        let seed = begins.checked_add(load).ok_or_else(|| Failure::input(out, "the seeds run out"))?;
        let part = part_file(out, seed);
        // A part's pictures were all there when it was written; one that has gone since is taken again.
        if read_part(&part)?.is_some_and(|images| images.len() >= wanted && images.iter().all(|image| out.join(&image.file).is_file())) {
            kept += wanted;
            continue;
        }
        let images = capture::load(&scenario, seed, wanted, out, |done| {
            progress.show(&format!("load {} of {loads}: {} of {} pictures", load + 1, load * per_load + done, arguments.count));
        })?;
        taken += images.len();
        write_json(&part, &images)?;
    }
    drop(progress);

    let mut images = Vec::with_capacity(arguments.count as usize);
    for load in 0..loads {
        let wanted = per_load.min(arguments.count - load * per_load) as usize;
        let part = part_file(out, begins + load);
        let read = read_part(&part)?.ok_or_else(|| Failure::input(&part, "is gone"))?;
        images.extend(read.into_iter().take(wanted));
    }
    write_json(&out.join("annotations.json"), &coco::document(&recipe, &images))?;
    tables::write(out, &recipe, &images)?;

    let (codes, visible) =
        images.iter().flat_map(|image| &image.codes).fold((0, 0), |(all, seen), c| (all + 1, seen + u64::from(c.visible)));
    let packages: usize = images.iter().map(|image| image.packages.iter().filter(|package| package.area > 0).count()).sum();
    if arguments.json {
        let made = serde_json::json!({
            "pictures": images.len(), "taken_now": taken, "kept": kept, "codes": codes, "codes_visible": visible, "packages_seen": packages,
        });
        return output::line(&made.to_string());
    }
    output::line(&format!(
        "{} pictures ({taken} taken now, {kept} there before), {packages} package views, {codes} code views, {visible} of them visible: {}",
        images.len(),
        out.display()
    ))
}

/// Sees to it that the folder is one for this recipe.
fn begin(out: &Path, recipe: &Recipe) -> Result<()> {
    for folder in [out.to_owned(), out.join("images"), out.join("parts")] {
        std::fs::create_dir_all(&folder).map_err(|error| Failure::write(&folder, &error))?;
    }
    let path = out.join("dataset.json");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return write_json(&path, recipe),
        Err(error) => return Err(Failure::input(&path, format!("cannot be read: {error}"))),
    };
    let there: Recipe =
        serde_json::from_str(&text).map_err(|error| Failure::input(&path, format!("is not a data set's recipe: {error}")))?;
    if there == *recipe {
        return Ok(());
    }
    let differs = if there.scenario_sha256 != recipe.scenario_sha256 {
        format!("was made of another scenario (`{}`, SHA-256 {})", there.scenario, there.scenario_sha256)
    } else if there.first_seed != recipe.first_seed {
        format!("begins with seed {}", there.first_seed)
    } else {
        format!("was made by version {} on {}", there.version, there.adapter)
    };
    Err(Failure::input(&path, format!("this data set {differs}")).with_help("name another folder for this one"))
}

fn part_file(out: &Path, seed: u64) -> PathBuf {
    out.join("parts").join(format!("load-{seed:06}.json"))
}

fn read_part(path: &Path) -> Result<Option<Vec<Image>>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            Failure::input(path, format!("is not a part of a data set: {error}")).with_help("delete it: its load is taken again")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::input(path, format!("cannot be read: {error}"))),
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut bytes = serde_json::to_vec(value).map_err(|error| Failure::environment(error.to_string()))?;
    bytes.push(b'\n');
    write_file(path, &bytes)
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, bytes).map_err(|error| Failure::environment(error.to_string()))
}
