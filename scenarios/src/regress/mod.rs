//! `tracetwin regress`: the frozen corpus, read again, so that no change loses a code unnoticed.

mod baseline;
pub mod compare;

use std::path::{Path, PathBuf};

use reports::junit::{JunitCase, JunitOutcome, JunitSuite};
use scanner_core::vision::Scanner;
use sha2::{Digest, Sha256};

pub use baseline::{Baseline, Picture, Scene};
pub use compare::{Comparison, SceneNow};

use crate::error::{Failure, Result};
use crate::output::{self, Progress};
use crate::scenario::hex;
use crate::{picture, scan};

/// Runs the command.
///
/// # Errors
/// [`Failure::FellShort`] for losses; bad input; an environment that refuses.
pub fn command(path: &Path, bless: bool, junit: Option<&Path>) -> Result<()> {
    let before = Baseline::read(path)?;
    let mut now = before.clone();
    let mut progress = Progress::new();
    let mut comparisons = scenes(path, &before, &mut now, &mut progress)?;
    comparisons.extend(pictures(path, &before, &mut now, &mut progress)?);
    progress.clear();
    for comparison in &comparisons {
        tell(comparison, bless)?;
    }
    let count = |is: &dyn Fn(&Comparison) -> bool| comparisons.iter().filter(|comparison| is(comparison)).count();
    let (losses, gains) = (count(&|c| !c.losses.is_empty()), count(&|c| !c.gains.is_empty()));
    let skipped = count(&|c| c.skipped.is_some());
    output::line(&format!("{} items, {losses} with losses, {gains} with gains, {skipped} skipped", comparisons.len()))?;
    if let Some(file) = junit {
        let suite = JunitSuite { name: "regress".to_owned(), cases: comparisons.iter().map(|c| case(c, bless)).collect() };
        reports::write_atomically(file, reports::junit::document(&[suite]).as_bytes())
            .map_err(|error| Failure::environment(error.to_string()))?;
    }
    if bless {
        now.write(path)?;
        output::note(&format!("blessed: {}", path.display()));
        return Ok(());
    }
    if gains > 0 {
        output::note(&format!("something is newly read or changed; keep it with: tracetwin regress --baseline {} --bless", path.display()));
    }
    if losses > 0 { Err(Failure::FellShort(format!("{losses} items of the corpus lost something"))) } else { Ok(()) }
}

fn tell(comparison: &Comparison, bless: bool) -> Result<()> {
    let name = &comparison.name;
    if let Some(why) = &comparison.skipped {
        output::note(&format!("skipped  {name}: {why}"));
    }
    let word = if bless { "was" } else { "LOSS" };
    for loss in &comparison.losses {
        output::line(&format!("{word:<7}  {name}: {loss}"))?;
    }
    for gain in &comparison.gains {
        output::line(&format!("gain     {name}: {gain}"))?;
    }
    Ok(())
}

fn case(comparison: &Comparison, bless: bool) -> JunitCase {
    let outcome = match (&comparison.skipped, comparison.losses.first()) {
        (Some(why), _) => JunitOutcome::Skipped { message: why.clone() },
        (None, Some(first)) if !bless => JunitOutcome::Failed { message: first.clone(), details: comparison.losses.join("\n") },
        _ => JunitOutcome::Passed,
    };
    JunitCase { name: comparison.name.clone(), seconds: comparison.seconds, outcome }
}

#[cfg(not(feature = "twin"))]
fn scenes(_path: &Path, before: &Baseline, _now: &mut Baseline, _progress: &mut Progress) -> Result<Vec<Comparison>> {
    Ok(before.scenes.iter().map(|scene| Comparison::skipped(scene_name(scene), "this build has no twin")).collect())
}

#[cfg(feature = "twin")]
fn scenes(path: &Path, before: &Baseline, now: &mut Baseline, progress: &mut Progress) -> Result<Vec<Comparison>> {
    let mut comparisons = Vec::new();
    for (frozen, entry) in before.scenes.iter().zip(&mut now.scenes) {
        progress.show(&format!("golden scene {}", scene_name(frozen)));
        let started = std::time::Instant::now();
        let read = run_scene(&baseline::folder_of(path).join(&frozen.scenario), frozen)?;
        let mut comparison = compare::scene(&scene_name(frozen), frozen, &read);
        comparison.seconds = started.elapsed().as_secs_f64();
        comparisons.push(comparison);
        // Other adapters' frames stay frozen as long as the packages lie where they lay.
        let mut frames = if frozen.physics == read.scene.physics { entry.frames.clone() } else { Default::default() };
        frames.extend(read.scene.frames.clone());
        *entry = Scene { frames, ..read.scene };
    }
    Ok(comparisons)
}

/// Runs a golden scene in a folder that goes away.
#[cfg(feature = "twin")]
fn run_scene(file: &Path, frozen: &Scene) -> Result<SceneNow> {
    use crate::run::{Options, perform};

    let scenario = crate::scenario::Scenario::load(file)?;
    let folder = tempfile::tempdir().map_err(|error| Failure::environment(format!("cannot make a temporary folder: {error}")))?;
    let options = Options { seed: Some(frozen.seed), ..Options::default() };
    let outcome = perform(&scenario, &options, &folder.path().join("manufacturer.xml"), &folder.path().join("pool.sqlite"))?;
    if let Some(message) = outcome.cut_short {
        return Err(Failure::environment(format!("{}: the cycle was cut short: {message}", scene_name(frozen))));
    }
    let adapter = outcome.record.manifest.adapter.clone().unwrap_or_default();
    let misreads = outcome.record.frames.iter().flat_map(|frame| {
        frame.misreads.iter().map(move |misread| {
            format!("{} in frame {} (camera {}, stop {})", output::printable(&misread.text), frame.index, frame.camera, frame.stop)
        })
    });
    Ok(SceneNow {
        misreads: misreads.collect(),
        scene: Scene {
            scenario: frozen.scenario.clone(),
            seed: frozen.seed,
            physics: outcome.record.hashes.physics.clone(),
            frames: [(adapter.clone(), outcome.record.hashes.frames.clone())].into(),
            codes: outcome.codes,
            views: outcome.views,
        },
        adapter,
    })
}

fn scene_name(scene: &Scene) -> String {
    let name = scene.scenario.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    format!("scene {name}, seed {}", scene.seed)
}

fn pictures(path: &Path, before: &Baseline, now: &mut Baseline, progress: &mut Progress) -> Result<Vec<Comparison>> {
    let shared = before.shared(path);
    let scanner = Scanner::default();
    let mut comparisons = Vec::new();
    for folder in &before.folders {
        let there = shared.join(folder);
        if !there.is_dir() {
            comparisons.push(Comparison::skipped(format!("pictures {}", folder.display()), format!("{} is not there", there.display())));
            continue;
        }
        let files = picture::list(&there)?;
        let names: Vec<(String, PathBuf)> = files.into_iter().map(|file| (name_below(&shared, &file), file)).collect();
        let prefix = format!("{}/", folder.display());
        let gone = before.pictures.keys().filter(|key| key.starts_with(&prefix) && !names.iter().any(|(name, _)| name == *key));
        for name in gone {
            let losses = vec!["the picture is gone".to_owned()];
            comparisons.push(Comparison { name: name.clone(), losses, ..Comparison::default() });
            now.pictures.remove(name);
        }
        for (name, file) in names {
            progress.show(&format!("picture {name}"));
            let bytes = std::fs::read(&file).map_err(|error| Failure::input(&file, format!("cannot be read: {error}")))?;
            let (readings, seconds) = scan::scan_file(&scanner, &file)?;
            let codes = readings.iter().map(|r| output::code(r.symbology, r.role, &r.text)).collect();
            let read = Picture { sha256: hex(&Sha256::digest(&bytes)), codes };
            let comparison = match before.pictures.get(&name) {
                Some(frozen) => compare::picture(&name, frozen, &read, expected(&file).as_deref()),
                None => {
                    Comparison { name: name.clone(), gains: vec!["a picture that is not frozen yet".to_owned()], ..Comparison::default() }
                }
            };
            comparisons.push(Comparison { seconds, ..comparison });
            now.pictures.insert(name, read);
        }
    }
    Ok(comparisons)
}

/// The text that stands beside a picture, as it is printed here.
fn expected(picture: &Path) -> Option<String> {
    let text = std::fs::read_to_string(picture.with_extension("txt")).ok()?;
    Some(output::printable(text.trim_end_matches(['\r', '\n'])))
}

fn name_below(shared: &Path, file: &Path) -> String {
    file.strip_prefix(shared).unwrap_or(file).to_string_lossy().replace('\\', "/")
}
