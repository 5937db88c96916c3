//! One run: load drawn, twin built, pool filled, cycle driven, scored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hardware_hal::{Clock, Frame, LightSetting, RecordingWriter, Rig, RigDescription, SimulatedClock, Timestamp};
use reports::{Hashes, RunRecord, StageTime, WallTimes};
use scanner_core::date::Date;
use scanner_core::pool::{Order, OrderLine, Pool};
use scanner_core::station::{CycleEnd, CycleReport, Recogniser, Settlement, Station, StationError, StationOptions};
use scanner_core::vision::{FrameReading, FusionRule, Locator, Scanner, StageFolder};
use sim::error::SimError;
use sim::random::Streams;
use sim::spec::{Placement, Shape};
use sim::twin::Twin;

use super::goods::{Goods, pool_failure};
use super::load::{self, Drawn};
use super::manifest::manifest;
use super::record;
use super::watch::{Extras, Watcher};
use crate::error::{Failure, Result};
use crate::export_mcap::PlacedPackage;
use crate::output;
use crate::scenario::Scenario;
use crate::score::LoadTexts;

/// What a run does beside reading.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The seed; the scenario's own if not given.
    pub seed: Option<u64>,
    /// Folder for every stage's pictures.
    pub trace_stages: Option<PathBuf>,
    /// Folder for a recording of the frames.
    pub record: Option<PathBuf>,
    /// Folder for annotated frames.
    pub annotated: Option<PathBuf>,
    /// Whether the report gets pictures.
    pub keep_pictures: bool,
    /// Whether progress is shown on standard error.
    pub show_progress: bool,
}

/// What came out of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The records.
    pub record: RunRecord,
    /// Every text that was read in the cycle: `symbology role text`.
    pub codes: BTreeSet<String>,
    /// The same by frame: `stop N camera pattern` → texts.
    pub views: BTreeMap<String, BTreeSet<String>>,
    /// Where the packages lay.
    pub load: Vec<PlacedPackage>,
    /// What cut the cycle short, if anything did.
    pub cut_short: Option<String>,
}

/// The graphics adapter that a twin would render on, in words.
///
/// # Errors
/// In words, where there is none.
pub fn adapter() -> std::result::Result<String, String> {
    sim::twin::adapter().map(|adapter| describe(&adapter)).map_err(|error| error.to_string())
}

fn describe(adapter: &sim::render::AdapterInfo) -> String {
    let kind = if adapter.software { ", in software" } else { "" };
    format!("{} ({}, {} {}{kind})", adapter.name, adapter.backend, adapter.driver, adapter.driver_info)
}

/// Runs a scenario: the relation file goes to `relation_file`, the pool to `pool_file`, which must not exist.
///
/// # Errors
/// Whatever kept the run from coming to its records.
pub fn perform(scenario: &Scenario, options: &Options, relation_file: &Path, pool_file: &Path) -> Result<Outcome> {
    let begun = Instant::now();
    let seed = options.seed.unwrap_or(scenario.body.seed);
    let mut stages = Stages(Vec::new(), begun);
    let say = |text: &str| {
        if options.show_progress {
            output::note(text);
        }
    };

    say(&format!("drawing {} packages, writing a manufacturer's file of {} units", scenario.body.load.packages, scenario.body.pool.units));
    let drawn = load::draw(scenario, seed)?;
    let goods = Goods::draw(scenario, &drawn, seed);
    goods.write_relation_file(scenario, seed, relation_file)?;
    stages.lap("draw load and goods");
    let started_at = midnight(&scenario.body.starts_on);
    let mut pool = goods.fill_pool(scenario, seed, relation_file, pool_file, started_at)?;
    let before = record::stock(&pool).map_err(|error| pool_failure(pool_file, &error))?;
    stages.lap("fill pool");

    say("dropping them on the plate, starting the renderer");
    let twin = Twin::new(load::twin_spec(&scenario.rig, drawn.packages.clone(), seed)).map_err(sim_failure)?;
    stages.lap("physics, artwork and renderer");

    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new(started_at));
    let mut rig = twin.rig(clock);
    let order = order(scenario, &drawn, seed);
    let names: Vec<String> = (0..drawn.packages.len()).map(|package| drawn.product(scenario, package).id.clone()).collect();
    let texts = LoadTexts::new(&drawn.packages, names);
    let truth = |camera: &str, angle: f64, pattern: &str| twin.truth(camera, angle, pattern).map_err(sim_failure);
    let cycle = &scenario.body.cycle;
    let extras = Extras {
        recording: options.record.as_deref().map(|folder| recording(folder, &rig)).transpose()?,
        annotated: options.annotated.clone(),
        keep_pictures: options.keep_pictures,
        show_progress: options.show_progress,
    };
    let expected = rig.cameras.len() * cycle.stops_deg.len() * cycle.patterns.len();
    let mut watcher = Watcher::new(&truth, texts.clone(), expected, extras);
    let report = drive(scenario, options, &mut rig, &mut pool, &order, &mut watcher)?;
    watcher.finish()?;
    stages.lap("cycle");

    let failed = |error| pool_failure(pool_file, &error);
    let after = record::stock(&pool).map_err(failed)?;
    let ledger = pool.ledger_hash().map_err(failed)?;
    let rendering = twin.render_stats();
    let frames_hash = watcher.frames_hash();
    let (frames, views) = (std::mem::take(&mut watcher.frames), std::mem::take(&mut watcher.views));
    stages.lap("ledger");
    let mut run = RunRecord {
        scenario: scenario.body.name.clone(),
        manifest: manifest(scenario, seed, describe(twin.adapter())),
        packages: record::packages(scenario, &drawn, &views, &report),
        frames,
        views,
        order: record::lines(&order, &report),
        pool: record::pool_counts(&before, &after),
        hashes: Hashes { physics: twin.settled().physics_hash.clone(), frames: frames_hash, codes: record::codes_hash(&report), ledger },
        cycle: record::cycle_times(&report),
        thresholds: Vec::new(),
        notes: notes(scenario.body.cycle.locator, &report, &goods, &twin),
        times: WallTimes {
            frames: record::frame_times(&report, rendering.seconds),
            stages: stages.0,
            total_seconds: begun.elapsed().as_secs_f64(),
        },
    };
    run.thresholds = record::thresholds(&scenario.body.thresholds, &run);
    let cut_short = match &report.end {
        CycleEnd::AllStops | CycleEnd::AccountedFor { .. } => None,
        CycleEnd::DeviceFailed { message, .. } => Some(message.clone()),
    };
    Ok(Outcome { record: run, codes: cycle_codes(&report), views: frame_codes(&report), load: placed(&twin, &drawn, scenario), cut_short })
}

fn placed(twin: &Twin, drawn: &Drawn, scenario: &Scenario) -> Vec<PlacedPackage> {
    let placed = |(index, placement): (usize, &Placement)| {
        let package = &drawn.packages[index];
        PlacedPackage {
            name: drawn.product(scenario, index).id.clone(),
            text: drawn.trace(index).map_or(String::new(), |(text, _)| text.to_owned()),
            round: matches!(package.shape, Shape::Bottle { .. }),
            size_m: package.shape.size(),
            rotation: placement.rotation.to_array(),
            translation_m: placement.translation.to_array(),
        }
    };
    twin.placements().iter().enumerate().map(placed).collect()
}

/// A stop watch.
struct Stages(Vec<StageTime>, Instant);

impl Stages {
    fn lap(&mut self, stage: &str) {
        let now = Instant::now();
        let seconds = now.duration_since(std::mem::replace(&mut self.1, now)).as_secs_f64();
        self.0.push(StageTime { stage: stage.to_owned(), seconds });
    }
}

/// Midnight UTC of a day.
///
/// Days from the civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn midnight(day: &str) -> Timestamp {
    let date: Date = day.parse().unwrap_or_else(|_| Date::of_timestamp(Timestamp::default(), 0));
    let (month, day) = (u64::from(date.month()), u64::from(date.day()));
    let year = u64::from(date.year()) - u64::from(month <= 2);
    let (era, yoe) = (year / 400, year % 400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    let days = (era * 146_097 + doe).saturating_sub(719_468);
    Timestamp::default().plus(Duration::from_secs(days * 86_400))
}

/// The order: lines as given, or one package each, drawn from the load; lines beyond the load ask for what may not be there.
fn order(scenario: &Scenario, drawn: &Drawn, seed: u64) -> Order {
    let asked = &scenario.body.order;
    let line = |product: &str| OrderLine::packs(product, 1);
    let lines = match asked.lines_from_load {
        None => asked.lines.clone(),
        Some(count) => {
            let streams = Streams::new(seed);
            let kinds = &scenario.catalogue.kinds;
            (0..count as usize)
                .map(|number| match drawn.kinds.get(number) {
                    Some(_) => line(&drawn.product(scenario, number).id),
                    None => line(&kinds[streams.stream("order line", &[number as u64]).below(kinds.len() as u64) as usize].product.id),
                })
                .collect()
        }
    };
    Order { id: format!("{}-{seed}", scenario.body.name), lines }
}

fn drive(
    scenario: &Scenario,
    options: &Options,
    rig: &mut Rig,
    pool: &mut Pool,
    order: &Order,
    watcher: &mut Watcher<'_>,
) -> Result<CycleReport> {
    let cycle = &scenario.body.cycle;
    let lights = cycle.patterns.iter().map(|pattern| LightSetting { pattern: pattern.clone(), intensity: cycle.intensity });
    let station_options = StationOptions {
        actor: "station".to_owned(),
        stops_rad: cycle.stops_deg.iter().map(|stop| stop.to_radians()).collect(),
        lights: lights.collect(),
        fetch_timeout: Duration::from_secs_f64(cycle.frame_timeout_s),
        cost: Some(cycle.cost),
        settlement: Settlement::DispenseFound,
        queue: 2,
        fusion: cycle.fuse_views.then(FusionRule::default),
        early_stop: cycle.early_stop,
        next_stop: cycle.next_stop,
        ..StationOptions::default()
    };
    let reader = Reader { scanner: crate::scan::scanner(cycle.locator), folder: options.trace_stages.clone(), failure: Mutex::new(None) };
    let mut station = Station::new(rig, &reader, pool, station_options).map_err(station_failure)?;
    let report = station.run_observed_cycle(order, watcher).map_err(station_failure)?;
    match reader.failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        Some(failure) => Err(failure),
        None => Ok(report),
    }
}

/// The scanner, with every stage's pictures where they are asked for.
struct Reader {
    scanner: Scanner,
    folder: Option<PathBuf>,
    failure: Mutex<Option<Failure>>,
}

impl Recogniser for Reader {
    fn scan(&self, frame: &Frame) -> FrameReading {
        let Some(folder) = &self.folder else { return self.scanner.scan(frame) };
        let meta = frame.meta();
        let prefix = format!("{}-{:03}", meta.camera, meta.sequence);
        let (reading, failure) = match StageFolder::create(folder, prefix) {
            Ok(sink) => (self.scanner.scan_traced(frame, Some(&sink)), sink.failure().map(Failure::environment)),
            Err(error) => (self.scanner.scan(frame), Some(Failure::write(folder, &error))),
        };
        if let Some(failure) = failure {
            self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(failure);
        }
        reading
    }
}

fn recording(folder: &Path, rig: &Rig) -> Result<RecordingWriter> {
    RecordingWriter::create(folder, RigDescription::of(rig)).map_err(|error| match error.kind() {
        hardware_hal::ErrorKind::Io => Failure::environment(error.to_string()),
        _ => Failure::input(folder, error.to_string()),
    })
}

fn cycle_codes(report: &CycleReport) -> BTreeSet<String> {
    report.codes.iter().map(|read| output::code(read.symbology, read.role, &read.text)).collect()
}

fn frame_codes(report: &CycleReport) -> BTreeMap<String, BTreeSet<String>> {
    let name = |frame: &scanner_core::station::FrameRecord| {
        format!("stop {} {} {}", frame.stop, frame.meta.camera, frame.meta.light_pattern.as_deref().unwrap_or("-"))
    };
    let texts = |reading: &FrameReading| reading.readings.iter().map(|read| output::code(read.symbology, read.role, &read.text)).collect();
    report.frames.iter().map(|frame| (name(frame), texts(&frame.reading))).collect()
}

fn notes(locator: Locator, report: &CycleReport, goods: &Goods, twin: &Twin) -> Vec<String> {
    let mut notes = vec![format!(
        "Codes are located by {}. The pool was filled from a file of {} units{}.",
        crate::scan::located_by(locator),
        goods.units_in_file(),
        match goods.units_scanned() {
            0 => String::new(),
            count => format!(", and {count} packages with GS1 codes by pre-scan"),
        }
    )];
    if let CycleEnd::DeviceFailed { message, .. } = &report.end {
        notes.push(format!("The cycle was cut short: {message}"));
    }
    if let CycleEnd::AccountedFor { stops_left } = &report.end {
        notes.push(format!(
            "The cycle ended before its last {stops_left} stops: every package of the order was read and nothing was left unread."
        ));
    }
    for stop in &report.stops {
        if let Some(reason) = &stop.kept_going {
            notes.push(format!("After stop {} the cycle went on: {reason}.", stop.stop + 1));
        }
    }
    let together = report.codes.iter().filter(|code| code.joint.is_some()).count();
    if together > 0 {
        notes.push(format!("{together} codes were read from several frames together."));
    }
    if !report.lost.is_empty() {
        notes.push(format!("{} frames were lost.", report.lost.len()));
    }
    let unsettled = twin.settled().unsettled.len();
    if unsettled > 0 {
        notes.push(format!("{unsettled} packages had not come to rest when the first picture was taken."));
    }
    notes
}

/// A twin's error with the exit code that fits it.
pub fn sim_failure(error: SimError) -> Failure {
    match error {
        SimError::Environment(message) => {
            Failure::environment(message).with_help("`tracetwin doctor` says what is missing; `make setup` gets it")
        }
        SimError::Capture(message) => Failure::environment(message),
        SimError::Inside { what, ref name, .. } => {
            let (list, id, key) = if what == "lamp" { ("lamps", "name", "position_mm") } else { ("cameras", "id", "eye_mm") };
            Failure::input("rig", format!("`{key}` in `{list}` where {id} = \"{name}\": {error}"))
                .with_help("where the load comes to rest depends on the seed")
        }
        error => Failure::input("scenario", error.to_string()),
    }
}

fn station_failure(error: StationError) -> Failure {
    match error {
        StationError::Pool { source, .. } => Failure::environment(format!("the pool failed: {source}")),
        StationError::Order(source) => Failure::FellShort(format!("the order cannot be served: {source}")),
        error => Failure::input("scenario", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_is_the_inverse_of_the_calendar() {
        assert_eq!(midnight("1970-01-01"), Timestamp(0));
        assert_eq!(midnight("2026-03-02"), Timestamp(1_772_409_600_000_000_000));
        for day in ["2000-02-29", "2024-12-31", "2026-03-01", "2100-03-01"] {
            assert_eq!(Date::of_timestamp(midnight(day), 0).to_string(), day);
        }
    }
}
