//! Training, validation and test sets, fixed before anything is trained on them: which scenario, which seeds, and hashes of what those draw.
//!
//! So nobody who works on recognition chooses its difficulty, and a change of catalogue, artwork or physics that makes a set another one is seen.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sim::artwork::{Printed, print_faces};
use sim::twin::Twin;

use crate::cli::SetsArguments;
use crate::error::{Failure, Result};
use crate::output;
use crate::run;
use crate::scenario::{Document, Scenario, hex};

const VERSION: u32 = 1;

/// Loads of each set that are drawn for its hash: the first ones.
const LOADS_HASHED: u64 = 3;

/// Pixels per metre at which prints are hashed: half a millimetre shows any other artwork, and symbols are hashed by their texts as well.
const PRINT_PX_PER_M: f64 = 2000.0;

const HEADER: &str = "# The frozen sets: training, validation and test, apart from each other. `tracetwin sets THIS` says whether they are still what they were;
# `tracetwin sets THIS --bless` accepts that they are not: every figure that was measured on them is then void.
#
# scenario_sha256 is of the scenario with its rig and catalogue as understood, loads_sha256 of prints, texts and resting places of the first loads.

";

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sets {
    schema_version: u32,
    sets: Vec<Set>,
}

/// A set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    name: String,
    /// Relative to the file.
    scenario: PathBuf,
    /// Seed of its first load.
    first_seed: u64,
    /// How many loads there are, each with the next seed.
    loads: u64,
    /// Empty until blessed.
    #[serde(default)]
    scenario_sha256: String,
    /// Empty until blessed.
    #[serde(default)]
    loads_sha256: String,
}

/// A set to take pictures of.
pub struct Chosen {
    /// Its scenario.
    pub scenario: Scenario,
    /// Seed of its first load.
    pub first_seed: u64,
    /// How many loads it has.
    pub loads: u64,
}

/// Finds a set by name, and sees to it that its scenario is the frozen one.
///
/// # Errors
/// A fault in the file, a name that is not in it, a scenario that has changed.
pub fn choose(path: &Path, name: &str) -> Result<Chosen> {
    let sets = read(path)?;
    let Some(set) = sets.sets.iter().find(|set| set.name == name) else {
        let names: Vec<&str> = sets.sets.iter().map(|set| set.name.as_str()).collect();
        return Err(Failure::input(path, format!("has no set `{name}`")).with_help(format!("it has {}", names.join(", "))));
    };
    let scenario = Scenario::load(&file_of(path, set))?;
    if scenario.sha256() != set.scenario_sha256 {
        return Err(Failure::input(path, format!("the scenario of set `{name}` is not the one that was frozen"))
            .with_help("`tracetwin sets` says more"));
    }
    Ok(Chosen { scenario, first_seed: set.first_seed, loads: set.loads })
}

/// Checks all sets, or accepts what they are now.
///
/// # Errors
/// A fault in the file; exit code 1 where a set has changed.
pub fn command(arguments: &SetsArguments) -> Result<()> {
    let mut sets = read(&arguments.file)?;
    let mut changed = Vec::new();
    for set in &mut sets.sets {
        let scenario = Scenario::load(&file_of(&arguments.file, set))?;
        let now = [scenario.sha256(), loads_sha256(&scenario, set.first_seed, set.loads)?];
        let held = [&set.scenario_sha256, &set.loads_sha256].into_iter().eq(now.iter());
        let last = set.first_seed + set.loads - 1;
        let verdict = if held { "as frozen" } else { "CHANGED" };
        output::line(&format!("{:<12} {} seeds {} to {last}: {verdict}", set.name, set.scenario.display(), set.first_seed))?;
        if !held {
            changed.push(set.name.clone());
            [set.scenario_sha256, set.loads_sha256] = now;
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    if arguments.bless {
        let text = toml::to_string_pretty(&sets).map_err(|error| Failure::environment(format!("cannot write the sets: {error}")))?;
        return reports::write_atomically(&arguments.file, format!("{HEADER}{text}").as_bytes())
            .map_err(|error| Failure::environment(error.to_string()));
    }
    Err(Failure::FellShort(format!("not what was frozen: {}", changed.join(", "))))
}

fn file_of(sets: &Path, set: &Set) -> PathBuf {
    sets.parent().unwrap_or(Path::new("")).join(&set.scenario)
}

fn read(path: &Path) -> Result<Sets> {
    let document = Document::read(path)?;
    let top = document.top();
    let sets: Sets = top.read(&[])?;
    top.version(sets.schema_version, VERSION)?;
    let mut names = BTreeSet::new();
    for (index, set) in sets.sets.iter().enumerate() {
        let place = top.under(&format!("sets.{index}"));
        place.name("name", &set.name, &mut names)?;
        let end = set.first_seed.checked_add(set.loads).filter(|_| set.loads > 0);
        let Some(end) = end else { return Err(place.fault("loads", "one load at least, and no more than there are seeds").into()) };
        for other in &sets.sets[..index] {
            if set.first_seed < other.first_seed + other.loads && other.first_seed < end {
                return Err(place
                    .fault("first_seed", format!("shares seeds with set `{}`: nothing may be in two sets", other.name))
                    .into());
            }
        }
    }
    Ok(sets)
}

/// Hash of what the first loads are: prints, texts, resting places.
fn loads_sha256(scenario: &Scenario, first_seed: u64, loads: u64) -> Result<String> {
    let mut hash = Sha256::new();
    for seed in first_seed..first_seed + loads.min(LOADS_HASHED) {
        let drawn = run::draw(scenario, seed)?;
        let twin = Twin::new(run::twin_spec(&scenario.rig, drawn.packages.clone(), seed)).map_err(run::sim_failure)?;
        hash.update(twin.physics_hash());
        for package in &drawn.packages {
            for symbol in &package.symbols {
                hash.update(&symbol.text);
                hash.update([0]);
            }
            for print in print_faces(package).map_err(|error| Failure::environment(error.to_string()))? {
                hash.update(print.rasterise(PRINT_PX_PER_M, Printed::All).pixels);
            }
        }
    }
    Ok(hex(&hash.finalize()))
}
