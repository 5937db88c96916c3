//! `tracetwin recall`: recall per band and misreads over many seeds of one or more scenarios.

use std::time::Instant;

use reports::{Align, Band, CYCLE_PX_PER_MODULE, MisreadRate, PrintRole, Recall, Recognition, RunRecord, TextTable};
use serde::Serialize;

use super::compose::{Options, perform};
use super::tally::{Counted, Sum, Tally};
use crate::cli::RecallArguments;
use crate::dataset::choose;
use crate::error::{Failure, Result};
use crate::output;
use crate::scenario::Scenario;

/// What is printed with `--json`.
#[derive(Serialize)]
struct Report<'a> {
    scenarios: Vec<&'a str>,
    first_seeds: Vec<u64>,
    loads: Vec<u64>,
    recall_nominal: reports::ByBand<Recall>,
    recall_off_nominal: reports::ByBand<Recall>,
    recall_visible: reports::ByBand<Recall>,
    recall_nominal_from_2: Recall,
    #[serde(flatten)]
    recognition: &'a Recognition,
}

/// Scenarios, each with the seed of its first load and how many it may have.
fn sources(options: &RecallArguments) -> Result<Vec<(Scenario, u64, u64)>> {
    if options.sets.is_empty() {
        return options.scenarios.iter().map(|file| Ok((Scenario::load(file)?, options.first_seed, options.seeds))).collect();
    }
    let chosen = options.scenarios.iter().flat_map(|file| options.sets.iter().map(move |name| choose(file, name)));
    chosen.map(|chosen| chosen.map(|set| (set.scenario, set.first_seed, set.loads.min(options.seeds)))).collect()
}

/// Runs every scenario or set with many seeds, in turns, and prints what they add up to; without any, what a tally adds up to.
///
/// # Errors
/// Bad input; an environment that refuses; misreads, of which there may be none.
pub fn command(options: &RecallArguments) -> Result<()> {
    let tally = Tally::new(options.tally.as_deref());
    if !options.scenarios.is_empty() {
        return print(&run(options, &tally)?, options.json);
    }
    let sum = tally.sum()?;
    if !sum.own {
        output::note("counted by other sources than this program's: it may read otherwise");
    }
    print(&sum, options.json)
}

/// Runs what is not in the tally yet.
fn run(options: &RecallArguments, tally: &Tally) -> Result<Sum> {
    let sources = sources(options)?;
    let started = Instant::now();
    let mut sum = Sum {
        recognition: Recognition::default(),
        scenarios: sources.iter().map(|(scenario, first_seed, _)| (scenario.body.name.clone(), *first_seed, 0)).collect(),
        own: true,
    };
    // Scenario and seed of loads that another process was at when their turn came.
    let mut elsewhere = Vec::new();
    'loads: for load in 0..options.seeds {
        for (at, (scenario, first_seed, _)) in sources.iter().enumerate().filter(|(_, (_, _, most))| load < *most) {
            if options.minutes.is_some_and(|minutes| started.elapsed().as_secs() >= 60 * minutes) {
                output::note(&format!("stopped after {} loads: the time is over", sum.recognition.runs));
                break 'loads;
            }
            let seed = first_seed.saturating_add(load);
            match tally.load(scenario, seed, || count(scenario, seed))? {
                Some(counted) => sum.add(at, &counted),
                None => elsewhere.push((at, seed)),
            }
        }
    }
    for (at, seed) in elsewhere {
        let scenario = &sources[at].0;
        match tally.kept(scenario, seed)? {
            Some(counted) => sum.add(at, &counted),
            None => output::note(&format!("{} seed {seed} is left out: another process is at it", scenario.body.name)),
        }
    }
    Ok(sum)
}

fn print(sum: &Sum, json: bool) -> Result<()> {
    let all = &sum.recognition;
    let nominal = all.recall_nominal();
    let off = all.recall_off_nominal();
    let at_two = all.recall_nominal_from(Band::of(2.0));
    if json {
        let report = Report {
            scenarios: sum.scenarios.iter().map(|(name, ..)| name.as_str()).collect(),
            first_seeds: sum.scenarios.iter().map(|(_, first_seed, _)| *first_seed).collect(),
            loads: sum.scenarios.iter().map(|(.., loads)| *loads).collect(),
            recall_nominal: nominal,
            recall_off_nominal: off,
            recall_visible: all.recall_visible(),
            recall_nominal_from_2: at_two,
            recognition: all,
        };
        output::line(&serde_json::to_string_pretty(&report).map_err(|error| Failure::environment(error.to_string()))?)?;
    } else {
        output::line(by_band(all).to_text(false).trim_end())?;
        let packages = MisreadRate::new(all.packages_nominal - all.packages_nominal_read, all.packages_nominal);
        output::line(&format!(
            "packages shown by any nominal view at {CYCLE_PX_PER_MODULE} px per module or more: {} of {} read{}",
            all.packages_nominal_read,
            all.packages_nominal,
            packages.upper_95.map_or_else(String::new, |upper| format!(" (lower 95 % {:.2} %)", 100.0 * (1.0 - upper)))
        ))?;
        output::line(&format!(
            "packages read {} of {} (ceiling {}); trace readings {}, wrong {}; misreads {}; nominal from 2 px per module: {} of {}",
            all.packages_read,
            all.packages,
            all.packages_ceiling,
            all.trace_readings,
            all.wrong_readings,
            all.misreads.len(),
            at_two.read,
            at_two.visible
        ))?;
    }
    if all.misreads.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = all.misreads.iter().map(|misread| output::printable(&misread.text)).collect();
    Err(Failure::FellShort(format!("{} misreads: {}", texts.len(), texts.join(", "))))
}

/// Runs one load, and says what came of it.
fn count(scenario: &Scenario, seed: u64) -> Result<Counted> {
    let begun = Instant::now();
    let folder = tempfile::tempdir().map_err(|error| Failure::environment(format!("cannot make a temporary folder: {error}")))?;
    let run = Options { seed: Some(seed), ..Options::default() };
    let outcome = perform(scenario, &run, &folder.path().join("manufacturer.xml"), &folder.path().join("pool.sqlite"))?;
    if let Some(message) = outcome.cut_short {
        return Err(Failure::environment(format!("{} with seed {seed} was cut short: {message}", scenario.body.name)));
    }
    let one = Recognition::of(&outcome.record);
    output::note(&format!(
        "{} seed {seed}: {} of {} packages, ceiling {}, {} of {} nominal, {} misreads, {:.0} s",
        scenario.body.name,
        one.packages_read,
        one.packages,
        one.packages_ceiling,
        one.packages_nominal_read,
        one.packages_nominal,
        one.misreads.len(),
        begun.elapsed().as_secs_f64()
    ));
    let missed: Vec<String> = missed(&outcome.record).collect();
    for view in &missed {
        output::note(&format!("  not read: {view}"));
    }
    Ok(Counted { recognition: one, missed })
}

/// Nominal views by band: all, those of matrix codes and those on the pixel grid; and other views.
fn by_band(all: &Recognition) -> TextTable {
    let columns =
        ["px per module", "views", "read", "recall", "lower 95 %", "matrix", "recall", "on the grid", "recall", "other views", "recall"];
    let mut table = TextTable::new(&columns.map(|title| (title, if title == columns[0] { Align::Left } else { Align::Right })));
    let percent = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
    for (band, recall) in all.recall_nominal().iter() {
        let (matrix, grid) = (all.nominal_matrix.get(band).recall(), all.nominal_on_grid.get(band).recall());
        let other = all.off_nominal.get(band).recall();
        table.row([
            band.label().to_owned(),
            recall.visible.to_string(),
            recall.read.to_string(),
            percent(recall.recall),
            percent(recall.lower_95),
            matrix.visible.to_string(),
            percent(matrix.recall),
            grid.visible.to_string(),
            percent(grid.recall),
            other.visible.to_string(),
            percent(other.recall),
        ]);
    }
    table
}

/// Nominal views that were not read, for whoever wants to look at them.
fn missed(run: &RunRecord) -> impl Iterator<Item = String> {
    let missed = run.views.iter().filter(|view| view.role == PrintRole::Trace && view.visible && view.nominal && !view.read);
    missed.map(|view| {
        let [x, y] = [0, 1].map(|k| view.corners.iter().map(|c| c[k]).sum::<f64>() / 4.0);
        format!(
            "frame {} ({}) at {x:.0}, {y:.0}: {} on {}, {:.2} px per module, incidence {:.0}°, {}",
            view.frame,
            view.camera,
            view.symbology,
            view.package_name,
            view.px_per_module,
            view.incidence_deg,
            view.reason.as_deref().unwrap_or_default()
        )
    })
}
