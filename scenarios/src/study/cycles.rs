//! Tables of capture cycles: what runs of a scenario left behind, in the form that the scan models draw from.
//!
//! A table is one TOML file, so that the cycles cannot be parted from their manifest: the rig, the hash of every scenario, the program's version and
//! the graphics adapter. Times are of the simulated clock except `measured_s`, which is what decoding took on the machine that made the table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Failure, Result};
use crate::output;
use crate::scenario::{Checked, Document, Place, Scenario, hex};
use crate::workflow::Stream;

/// The version of the format that is written and read here.
pub const VERSION: u32 = 1;

/// Whose decode time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Compute {
    /// The recorded cost profile's: the same on any machine.
    #[default]
    Recorded,
    /// What was measured on the machine that made the table of cycles.
    Measured,
}

/// A table of cycles of one rig.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CycleTable {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Name of the rig.
    pub rig: String,
    /// SHA-256 of the rig as it was understood.
    pub rig_sha256: String,
    /// Version of `tracetwin` that ran the cycles.
    pub version: String,
    /// Graphics adapter that rendered them.
    pub adapter: String,
    /// Versions of what else had a hand in them.
    pub tools: BTreeMap<String, String>,
    /// The cycles.
    pub cycles: Vec<Cycle>,
}

/// One cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cycle {
    /// Name of the scenario.
    pub scenario: String,
    /// SHA-256 of the scenario as it was understood.
    pub scenario_sha256: String,
    /// Its seed.
    pub seed: u64,
    /// The one product on the plate; nothing where it held several kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Packages on the plate.
    pub packages: u32,
    /// Those whose code was visible in any frame.
    pub visible: u32,
    /// Distinct misreads.
    pub misreads: u32,
    /// Stops that were planned, where the station stopped before the last one because every package was read. The lists below then end there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_stops: Option<u32>,
    /// Turning, settling and exposing over all stops that were taken, s.
    pub mechanical_s: f64,
    /// Cores that share the decoding.
    pub cores: u32,
    /// Packages read when the frames up to each stop are decoded.
    pub read: Vec<u32>,
    /// Core seconds of decoding at each stop, by the cost profile.
    pub recorded_s: Vec<f64>,
    /// Core seconds of decoding at each stop, as measured.
    pub measured_s: Vec<f64>,
}

/// What a cycle gave its operator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CycleDraw {
    /// From trigger to result, s.
    pub seconds: f64,
    /// Packages left for the hand.
    pub unread: u32,
}

impl Cycle {
    /// The cycle as an operator sees it. A station that stops early does so at the first stop after which every package is read; otherwise all stops
    /// are taken. Decoding goes on beside the turning: each stop's frames are decoded once they are taken and the stop before is done.
    pub fn outcome(&self, compute: Compute, stop_early: bool) -> CycleDraw {
        let work = match compute {
            Compute::Recorded => &self.recorded_s,
            Compute::Measured => &self.measured_s,
        };
        let stops = work.len().max(1) as f64;
        let mut done = 0.0_f64;
        for (stop, core_seconds) in work.iter().enumerate() {
            let captured = self.mechanical_s * (stop as f64 + 1.0) / stops;
            done = done.max(captured) + core_seconds / f64::from(self.cores.max(1));
            if stop_early && self.read.get(stop).is_some_and(|read| *read >= self.packages) {
                break;
            }
        }
        let read = self.read.last().copied().unwrap_or(0);
        CycleDraw { seconds: done, unread: self.packages.saturating_sub(read) }
    }
}

impl CycleTable {
    /// Reads and checks a table.
    ///
    /// # Errors
    /// The first fault, with file, line and key.
    pub fn load(path: &Path) -> Result<Self> {
        let document = Document::read(path)?;
        let top = document.top();
        let table: Self = top.read(&[])?;
        table.check(&top)?;
        Ok(table)
    }

    fn check(&self, top: &Place) -> Checked<()> {
        top.version(self.schema_version, VERSION)?;
        if self.cycles.is_empty() {
            return Err(top.fault("cycles", "the table holds no cycle"));
        }
        for (index, cycle) in self.cycles.iter().enumerate() {
            let place = top.under(&format!("cycles.{index}"));
            place.within("packages", f64::from(cycle.packages), 1.0, 1000.0)?;
            place.within("cores", f64::from(cycle.cores), 1.0, 1024.0)?;
            place.within("mechanical_s", cycle.mechanical_s, 0.0, 3600.0)?;
            let stops = cycle.read.len();
            if stops == 0 || cycle.recorded_s.len() != stops || cycle.measured_s.len() != stops {
                return Err(place.fault("read", "`read`, `recorded_s` and `measured_s` need one value for each stop"));
            }
            for key in ["recorded_s", "measured_s"] {
                let values = if key == "recorded_s" { &cycle.recorded_s } else { &cycle.measured_s };
                for (stop, value) in values.iter().enumerate() {
                    place.within(&format!("{key}.{stop}"), *value, 0.0, 3600.0)?;
                }
            }
            if cycle.read.windows(2).any(|pair| pair[0] > pair[1]) || cycle.read.iter().any(|read| *read > cycle.packages) {
                return Err(place.fault("read", "packages that were read stay read, and are no more than lie on the plate"));
            }
        }
        Ok(())
    }

    /// Sizes of loads there are cycles of, ascending.
    pub fn loads(&self) -> Vec<u32> {
        let loads: std::collections::BTreeSet<u32> = self.cycles.iter().map(|cycle| cycle.packages).collect();
        loads.into_iter().collect()
    }

    /// The cycles that stand for `packages` of `product`: those of that very product if there are any, else those of the load size; where there are none
    /// of that size, those of the nearest (the larger of two equally near).
    pub fn of(&self, product: Option<&str>, packages: u32) -> Vec<&Cycle> {
        let loads = self.loads();
        let nearest = loads.iter().copied().min_by_key(|load| (load.abs_diff(packages), std::cmp::Reverse(*load))).unwrap_or(0);
        let of_load: Vec<&Cycle> = self.cycles.iter().filter(|cycle| cycle.packages == nearest).collect();
        let own: Vec<&Cycle> = of_load.iter().copied().filter(|cycle| product.is_some() && cycle.product.as_deref() == product).collect();
        if own.is_empty() { of_load } else { own }
    }

    /// Draws a cycle of `packages` of `product`. Where the table has none of that size, each package is left unread with the drawn cycle's share.
    pub fn draw(&self, product: Option<&str>, packages: u32, compute: Compute, stop_early: bool, stream: &mut Stream) -> CycleDraw {
        let of = self.of(product, packages);
        let index = stream.below(of.len());
        let Some(cycle) = of.get(index) else { return CycleDraw { seconds: 0.0, unread: packages } };
        let mut drawn = cycle.outcome(compute, stop_early);
        if cycle.packages != packages {
            let share = f64::from(drawn.unread) / f64::from(cycle.packages);
            drawn.unread = (0..packages).map(|_| u32::from(stream.chance(share))).sum();
        }
        drawn
    }

    /// Mean of [`Cycle::outcome`] over the cycles that stand for the load: seconds, and unread packages of `packages`.
    pub fn expected(&self, product: Option<&str>, packages: u32, compute: Compute, stop_early: bool) -> (f64, f64) {
        let of = self.of(product, packages);
        let n = of.len().max(1) as f64;
        let outcomes = || of.iter().map(|cycle| (cycle.outcome(compute, stop_early), f64::from(packages) / f64::from(cycle.packages)));
        (outcomes().map(|(o, _)| o.seconds).sum::<f64>() / n, outcomes().map(|(o, scale)| f64::from(o.unread) * scale).sum::<f64>() / n)
    }
}

/// SHA-256 of a scenario's rig as it was understood.
pub fn rig_sha256(rig: &crate::scenario::Rig) -> String {
    // Serialising plain structs of numbers, texts and sorted maps cannot fail.
    hex(&Sha256::digest(serde_json::to_vec(rig).unwrap_or_default()))
}

/// Gathers the folders that `tracetwin run` left into a table. Every run must be of one of the scenarios, and those of one rig.
///
/// # Errors
/// A folder without a run, a run of another scenario, scenarios of different rigs, or a place that cannot be written.
pub fn command(runs: &[PathBuf], scenarios: &[PathBuf], out: &Path) -> Result<()> {
    let mut known: BTreeMap<String, (Scenario, &Path)> = BTreeMap::new();
    for path in scenarios {
        let scenario = Scenario::load(path)?;
        known.insert(scenario.sha256(), (scenario, path));
    }
    let mut rigs = known.values();
    let Some((first, first_path)) = rigs.next() else { return Err(Failure::input(out, "no scenario was named")) };
    if let Some((other, path)) = rigs.find(|(scenario, _)| scenario.rig != first.rig) {
        let message = format!("stands on the rig `{}`, and {} on `{}`", other.rig.name, first_path.display(), first.rig.name);
        return Err(Failure::input(*path, message).with_help("make one table for each rig"));
    }
    let mut table = CycleTable {
        schema_version: VERSION,
        rig: first.rig.name.clone(),
        rig_sha256: rig_sha256(&first.rig),
        version: String::new(),
        adapter: String::new(),
        tools: BTreeMap::new(),
        cycles: Vec::new(),
    };
    for folder in runs {
        let run = Run::read(folder)?;
        let Some((scenario, _)) = known.get(&run.manifest.config_sha256) else {
            let message = "is a run of none of the scenarios that were named, or of an older state of one";
            return Err(Failure::input(folder.clone(), message).with_help("name its scenario with --scenario, or run it again"));
        };
        let adapter = run.manifest.adapter.clone().unwrap_or_default();
        if !table.cycles.is_empty() && (table.adapter != adapter || table.version != run.manifest.version) {
            return Err(Failure::input(
                folder.clone(),
                "was run by another version or on another graphics adapter than the runs before it",
            ));
        }
        table.adapter = adapter;
        table.version.clone_from(&run.manifest.version);
        table.tools = run.manifest.tools.iter().map(|tool| (tool.name.clone(), tool.version.clone())).collect();
        table.cycles.push(run.cycle(scenario, folder)?);
    }
    table.cycles.sort_by(|a, b| (a.packages, &a.scenario, a.seed).cmp(&(b.packages, &b.scenario, b.seed)));
    let text = toml::to_string(&table).map_err(|error| Failure::environment(error.to_string()))?;
    let head = "# Capture cycles that `tracetwin run` produced and `tracetwin cycles` gathered. Not written by hand.\n\n";
    reports::write_atomically(out, (head.to_owned() + &text).as_bytes()).map_err(|error| Failure::environment(error.to_string()))?;
    output::note(&format!("{} cycles of loads {:?} on the rig `{}`: {}", table.cycles.len(), table.loads(), table.rig, out.display()));
    Ok(())
}

/// What a run left behind.
struct Run {
    manifest: reports::Manifest,
    summary: reports::Summary,
    views: Vec<View>,
    decode_s: BTreeMap<usize, f64>,
}

/// A line of `results.csv`.
#[derive(Deserialize)]
struct View {
    stop: usize,
    package: usize,
    role: String,
    read: bool,
}

/// A line of `times.csv`.
#[derive(Deserialize)]
struct Time {
    frame: Option<usize>,
    stage: String,
    seconds: f64,
}

impl Run {
    fn read(folder: &Path) -> Result<Self> {
        let file = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| {
                Failure::input(&path, format!("cannot be read: {error}")).with_help("name folders that `tracetwin run --out` filled")
            })
        };
        let bad =
            |name: &str, error: &dyn std::fmt::Display| Failure::input(folder.join(name), format!("is not what a run writes: {error}"));
        let lines = |name: &'static str| Ok::<_, Failure>((csv::Reader::from_reader(std::io::Cursor::new(file(name)?)), name));
        let (mut views, name) = lines("results.csv")?;
        let views = views.deserialize().collect::<std::result::Result<Vec<View>, _>>().map_err(|error| bad(name, &error))?;
        let (mut times, name) = lines("times.csv")?;
        let mut decode_s = BTreeMap::new();
        for time in times.deserialize::<Time>() {
            let time = time.map_err(|error| bad(name, &error))?;
            if let Some(frame) = time.frame.filter(|_| time.stage != "render") {
                *decode_s.entry(frame).or_insert(0.0) += time.seconds;
            }
        }
        Ok(Self {
            manifest: serde_json::from_slice(&file("manifest.json")?).map_err(|error| bad("manifest.json", &error))?,
            summary: serde_json::from_slice(&file("summary.json")?).map_err(|error| bad("summary.json", &error))?,
            views,
            decode_s,
        })
    }

    fn cycle(&self, scenario: &Scenario, folder: &Path) -> Result<Cycle> {
        let planned = scenario.body.cycle.stops_deg.len();
        let frames_per_stop = scenario.rig.cameras.len() * scenario.body.cycle.patterns.len();
        let all_read = self.summary.packages_read >= self.summary.packages;
        let Some(stops) = stops_taken(self.summary.frames as usize, frames_per_stop, planned, all_read) else {
            return Err(Failure::input(folder, "its cycle was cut short: frames are missing"));
        };
        // Core seconds go by pixels and codes; every stop takes the same pixels, and codes weigh little.
        let recorded = self.summary.cycle_seconds_compute / stops as f64;
        let read_at = |stop: usize| {
            let read = self.views.iter().filter(|view| view.read && view.role == "trace" && view.stop <= stop);
            read.map(|view| view.package).collect::<std::collections::BTreeSet<_>>().len() as u32
        };
        let measured = |stop: usize| {
            let frames = stop * frames_per_stop..(stop + 1) * frames_per_stop;
            frames.filter_map(|frame| self.decode_s.get(&frame)).sum()
        };
        let kinds = &scenario.body.load.kinds;
        Ok(Cycle {
            scenario: scenario.body.name.clone(),
            scenario_sha256: self.manifest.config_sha256.clone(),
            seed: self.manifest.seed,
            product: kinds.first().filter(|_| kinds.len() == 1).cloned(),
            packages: self.summary.packages as u32,
            visible: self.summary.packages_ceiling as u32,
            misreads: self.summary.misreads as u32,
            planned_stops: (stops < planned).then_some(planned as u32),
            mechanical_s: rounded(self.summary.cycle_seconds_mechanical),
            cores: scenario.body.cycle.cost.cores,
            read: (0..stops).map(read_at).collect(),
            recorded_s: vec![rounded(recorded); stops],
            measured_s: (0..stops).map(measured).map(rounded).collect(),
        })
    }
}

/// Stops that a run of so many frames took: whole ones, and fewer than planned only where everything was read by then.
fn stops_taken(frames: usize, per_stop: usize, planned: usize, all_read: bool) -> Option<usize> {
    let stops = frames.checked_div(per_stop).filter(|stops| stops * per_stop == frames)?;
    (stops == planned || (all_read && (1..planned).contains(&stops))).then_some(stops)
}

/// To the millisecond: more would be noise in a file that people compare.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::Streams;

    fn cycle(product: Option<&str>, packages: u32, read: &[u32]) -> Cycle {
        Cycle {
            scenario: "s".to_owned(),
            scenario_sha256: String::new(),
            seed: 1,
            product: product.map(str::to_owned),
            packages,
            visible: packages,
            misreads: 0,
            planned_stops: None,
            mechanical_s: 3.0,
            cores: 2,
            read: read.to_vec(),
            recorded_s: vec![4.0; read.len()],
            measured_s: vec![1.0; read.len()],
        }
    }

    fn table(cycles: Vec<Cycle>) -> CycleTable {
        CycleTable {
            schema_version: 1,
            rig: "r".to_owned(),
            rig_sha256: String::new(),
            version: String::new(),
            adapter: String::new(),
            tools: BTreeMap::new(),
            cycles,
        }
    }

    #[test]
    fn decoding_runs_beside_the_turning_and_stops_when_all_is_read() {
        let of = cycle(None, 2, &[1, 2, 2]);
        // Recorded: captured at 1, 2, 3; two core seconds a stop on two cores: done at 3, 5, 7.
        assert_eq!(of.outcome(Compute::Recorded, false), CycleDraw { seconds: 7.0, unread: 0 });
        assert_eq!(of.outcome(Compute::Recorded, true), CycleDraw { seconds: 5.0, unread: 0 });
        // Measured: 0.5 s a stop: done at 1.5, 2.5, 3.5.
        assert_eq!(of.outcome(Compute::Measured, true), CycleDraw { seconds: 2.5, unread: 0 });
        // What is never read keeps the cycle going to its end.
        assert_eq!(cycle(None, 2, &[1, 1, 1]).outcome(Compute::Measured, true), CycleDraw { seconds: 3.5, unread: 1 });
    }

    #[test]
    fn a_products_own_cycles_come_first_and_the_nearest_load_stands_in() {
        let of = table(vec![cycle(Some("a"), 1, &[1]), cycle(Some("b"), 1, &[0]), cycle(None, 10, &[5])]);
        assert_eq!(of.of(Some("b"), 1).len(), 1);
        assert_eq!(of.of(Some("unknown"), 1).len(), 2);
        assert_eq!(of.of(None, 8)[0].packages, 10);
        assert_eq!(of.expected(Some("b"), 1, Compute::Measured, true), (3.5, 1.0));
        assert_eq!(of.expected(None, 8, Compute::Measured, true), (3.5, 4.0));
        let mut stream = Streams::new(2).stream("draw", &[]);
        let unread: u32 = (0..4000).map(|_| of.draw(None, 8, Compute::Recorded, true, &mut stream).unread).sum();
        // Binomial with 32,000 trials of ½: five standard deviations.
        assert!(unread.abs_diff(16_000) < 450, "{unread}, seed 2");
    }

    #[test]
    fn a_cycle_may_end_early_only_when_everything_is_read() {
        assert_eq!(stops_taken(12, 4, 3, false), Some(3));
        assert_eq!(stops_taken(8, 4, 3, true), Some(2));
        for (frames, all_read) in [(8, false), (7, true), (0, true), (16, true)] {
            assert_eq!(stops_taken(frames, 4, 3, all_read), None, "{frames} frames");
        }
        assert_eq!(stops_taken(8, 0, 3, true), None);
        // One stop of one second, decoded on two cores in two more.
        let early = Cycle { planned_stops: Some(3), mechanical_s: 1.0, ..cycle(None, 1, &[1]) };
        assert_eq!(early.outcome(Compute::Recorded, true), CycleDraw { seconds: 3.0, unread: 0 });
    }

    #[test]
    fn a_table_that_contradicts_itself_is_refused() {
        let text = toml::to_string(&table(vec![cycle(None, 2, &[2, 1])])).unwrap();
        let document = Document::parse(Path::new("t.toml"), text).unwrap();
        let table: CycleTable = document.top().read(&[]).unwrap();
        let fault = table.check(&document.top()).unwrap_err();
        assert_eq!(fault.key(), "cycles[0].read");
    }
}
