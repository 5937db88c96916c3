//! Whole runs of the small golden scene: the same seed gives the same everything, and what stands in the way is said.
#![cfg(feature = "twin")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scanner_core::codes::PackLevel;
use scanner_core::pool::{Pool, UnitState};
use scenarios::run::{Goods, Options, Outcome, draw, perform};
use scenarios::scenario::Scenario;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden-small.toml")
}

/// Whether there is something to render on; says so if not.
fn can_render() -> bool {
    match scenarios::run::adapter() {
        Ok(_) => true,
        Err(error) => {
            println!("skipped: {error}");
            false
        }
    }
}

fn run(folder: &Path, seed: u64) -> Outcome {
    let scenario = Scenario::load(&golden()).expect("a sound scenario");
    let options = Options { seed: Some(seed), ..Options::default() };
    perform(&scenario, &options, &folder.join("manufacturer.xml"), &folder.join("pool.sqlite")).expect("a run")
}

#[test]
fn the_same_seed_gives_the_same_everything() {
    if !can_render() {
        return;
    }
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let [first, again] = [0, 1].map(|i| run(folders[i].path(), 7));
    assert_eq!(first.record.hashes, again.record.hashes);
    assert_eq!(first.record.result_bytes().expect("bytes"), again.record.result_bytes().expect("bytes"));
    assert_eq!((&first.codes, &first.views), (&again.codes, &again.views));
    let xml = |i: usize| std::fs::read(folders[i].path().join("manufacturer.xml")).expect("the relation file");
    assert_eq!(xml(0), xml(1));
    let run = &first.record;
    assert_eq!((run.packages.len(), run.frames.len(), first.cut_short), (5, 4, None));
    assert_eq!(run.frames.iter().flat_map(|frame| &frame.misreads).count(), 0);
    let read = run.packages.iter().filter(|package| package.read).count();
    let ceiling = run.packages.iter().filter(|package| package.visible_in_any_frame).count();
    assert!(read >= 1, "nothing is read of a scene at 2.5 px per module ({ceiling} packages are visible)");
    // What was read has been sold, and the ledger says so.
    let pool = Pool::open(folders[0].path().join("pool.sqlite")).expect("the pool");
    pool.verify_ledger().expect("a ledger that agrees with the units");
    let sold = run.pool.iter().find(|count| count.status == "dispensed").map_or(0, |count| count.after);
    assert_eq!(sold as usize, run.order.iter().map(|line| line.codes.len()).sum::<usize>());
    assert_eq!(sold as usize, read);
}

#[test]
fn another_seed_gives_another_load_and_a_longer_load_begins_with_the_same_packages() {
    let mut scenario = Scenario::load(&golden()).expect("a sound scenario");
    let seven = draw(&scenario, 7).expect("a load");
    assert_ne!(seven, draw(&scenario, 8).expect("a load"));
    scenario.body.load.packages += 3;
    let longer = draw(&scenario, 7).expect("a load");
    assert_eq!((seven.packages.as_slice(), seven.kinds.as_slice()), (&longer.packages[..5], &longer.kinds[..5]));
    let texts: std::collections::BTreeSet<_> =
        (0..8).filter_map(|package| longer.trace(package)).map(|(text, _)| text.to_owned()).collect();
    assert_eq!(texts.len(), 8, "every package has a code of its own");
}

#[test]
fn the_manufacturers_file_names_as_many_units_as_asked_for_and_all_are_received() {
    let scenario = Scenario::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("demo.toml")).expect("a sound scenario");
    let folder = tempfile::tempdir().expect("a folder");
    let drawn = draw(&scenario, 1).expect("a load");
    let goods = Goods::draw(&scenario, &drawn, 1);
    assert_eq!(goods.units_in_file(), 10_000);
    let (xml, file) = (folder.path().join("manufacturer.xml"), folder.path().join("pool.sqlite"));
    goods.write_relation_file(&scenario, 1, &xml).expect("the file");
    let pool = goods.fill_pool(&scenario, 1, &xml, &file, hardware_hal::Timestamp(1_772_409_600_000_000_000)).expect("a pool");
    let available: u64 = pool
        .status()
        .expect("the status")
        .iter()
        .filter(|row| row.level == PackLevel::SmallestPack && row.state == UnitState::Available)
        .map(|row| row.units)
        .sum();
    assert_eq!(available as usize, 10_000 + goods.units_scanned());
    for package in 0..20 {
        let (text, _) = drawn.trace(package).expect("a code");
        let unit = pool.unit(text).expect("an answer").unwrap_or_else(|| panic!("{text} is unknown to the pool"));
        assert_eq!(unit.product, drawn.product(&scenario, package).id);
    }
    pool.verify_ledger().expect("a sound ledger");
}

fn tracetwin(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracetwin")).args(arguments).output().expect("the command runs")
}

fn run_into(out: &Path) -> (Option<i32>, String) {
    let output = tracetwin(&["run", golden().to_str().expect("a path"), "--json", "--out", out.to_str().expect("a path")]);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).replace("\n  │ ", " "))
}

#[test]
fn the_command_leaves_results_and_a_whole_pool() {
    if !can_render() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (out, stages, recording) = (path("out"), path("stages"), path("recording"));
    let text = |path: &Path| path.to_str().expect("a path").to_owned();
    let arguments =
        ["run", &text(&golden()), "--json", "--out", &text(&out), "--trace-stages", &text(&stages), "--record", &text(&recording)];
    let output = tracetwin(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object on standard output");
    for key in [
        "packages",
        "frames",
        "recall_visible",
        "packages_read",
        "packages_ceiling",
        "misreads",
        "render_mpix_per_s",
        "decode_seconds_per_frame",
        "cycle_seconds_mechanical",
        "cycle_seconds_compute",
        "seed",
    ] {
        assert!(!summary[key].is_null(), "{key} is missing");
    }
    for band in ["lt0_5", "0_5_0_7", "0_7_1", "1_1_5", "1_5_2", "2_3", "ge3"] {
        let of_band = summary["recall_visible"][band].as_object().expect("the band");
        assert!(["visible", "read", "recall"].iter().all(|key| of_band.contains_key(*key)), "{band}: {of_band:?}");
    }
    assert_eq!((&summary["packages"], &summary["frames"], &summary["seed"]), (&5.into(), &4.into(), &7.into()));
    let mut files: Vec<String> = std::fs::read_dir(&out)
        .expect("the out folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let expected = [
        "frames",
        "load.json",
        "manifest.json",
        "manufacturer.xml",
        "pool.sqlite",
        "report.html",
        "results.csv",
        "results.parquet",
        "summary.json",
        "summary.md",
        "times.csv",
    ];
    assert_eq!(files, expected);
    assert_eq!(std::fs::read_dir(out.join("frames")).expect("annotated frames").count(), 4);
    assert!(std::fs::read_dir(&stages).expect("stages").count() >= 4);
    let recorded = hardware_hal::Recording::open(&recording).expect("a recording");
    assert_eq!(recorded.frames().len(), 4);
}

#[test]
fn an_out_folder_that_cannot_be_written_is_the_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let (code, message) = run_into(&file.join("out"));
    assert_eq!(code, Some(3), "{message}");
    assert!(message.contains("cannot write"), "{message}");
    #[cfg(target_os = "linux")]
    assert_eq!(run_into(Path::new("/proc/tracetwin")).0, Some(3), "a file system that lets nobody write");
}

#[test]
fn a_pool_file_that_is_none_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let pool = folder.path().join("pool.sqlite");
    std::fs::write(&pool, "my shopping list").expect("a file");
    let (code, message) = run_into(folder.path());
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("pool.sqlite") && message.contains("not a code pool"), "{message}");
    assert_eq!(std::fs::read_to_string(&pool).expect("the file"), "my shopping list");
}
