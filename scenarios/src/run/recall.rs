//! `tracetwin recall`: recall per band and misreads over many seeds of one or more scenarios.

use std::path::PathBuf;
use std::time::Instant;

use reports::{Align, Band, Recall, Recognition, TextTable};
use serde::Serialize;

use super::compose::{Options, perform};
use crate::error::{Failure, Result};
use crate::output;
use crate::scenario::Scenario;

/// What is printed with `--json`.
#[derive(Serialize)]
struct Report<'a> {
    scenarios: Vec<&'a str>,
    first_seed: u64,
    seeds: u64,
    recall_nominal: reports::ByBand<Recall>,
    recall_off_nominal: reports::ByBand<Recall>,
    recall_visible: reports::ByBand<Recall>,
    recall_nominal_from_2: Recall,
    #[serde(flatten)]
    recognition: &'a Recognition,
}

/// Runs every scenario with `seeds` seeds from `first_seed` on and prints what they add up to.
///
/// # Errors
/// Bad input; an environment that refuses; misreads, of which there may be none.
pub fn command(files: &[PathBuf], first_seed: u64, seeds: u64, json: bool) -> Result<()> {
    let scenarios = files.iter().map(|file| Scenario::load(file)).collect::<Result<Vec<_>>>()?;
    let mut all = Recognition::default();
    for scenario in &scenarios {
        for seed in first_seed..first_seed.saturating_add(seeds) {
            let begun = Instant::now();
            let folder = tempfile::tempdir().map_err(|error| Failure::environment(format!("cannot make a temporary folder: {error}")))?;
            let options = Options { seed: Some(seed), ..Options::default() };
            let outcome = perform(scenario, &options, &folder.path().join("manufacturer.xml"), &folder.path().join("pool.sqlite"))?;
            if let Some(message) = outcome.cut_short {
                return Err(Failure::environment(format!("{} with seed {seed} was cut short: {message}", scenario.body.name)));
            }
            let one = Recognition::of(&outcome.record);
            output::note(&format!(
                "{} seed {seed}: {} of {} packages, ceiling {}, {} misreads, {:.0} s",
                scenario.body.name,
                one.packages_read,
                one.packages,
                one.packages_ceiling,
                one.misreads.len(),
                begun.elapsed().as_secs_f64()
            ));
            all.add(&one);
        }
    }
    let nominal = all.recall_nominal();
    let off = all.recall_off_nominal();
    let at_two = all.recall_nominal_from(Band::of(2.0));
    if json {
        let report = Report {
            scenarios: scenarios.iter().map(|scenario| scenario.body.name.as_str()).collect(),
            first_seed,
            seeds,
            recall_nominal: nominal,
            recall_off_nominal: off,
            recall_visible: all.recall_visible(),
            recall_nominal_from_2: at_two,
            recognition: &all,
        };
        output::line(&serde_json::to_string_pretty(&report).map_err(|error| Failure::environment(error.to_string()))?)?;
    } else {
        let mut table = TextTable::new(&[
            ("px per module", Align::Left),
            ("views", Align::Right),
            ("read", Align::Right),
            ("recall", Align::Right),
            ("lower 95 %", Align::Right),
            ("other views", Align::Right),
            ("recall", Align::Right),
        ]);
        let percent = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
        for (band, recall) in nominal.iter() {
            let other = off.get(band);
            table.row([
                band.label().to_owned(),
                recall.visible.to_string(),
                recall.read.to_string(),
                percent(recall.recall),
                percent(recall.lower_95),
                other.visible.to_string(),
                percent(other.recall),
            ]);
        }
        output::line(table.to_text(false).trim_end())?;
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
