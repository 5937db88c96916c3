//! Study files: what is refused, what a verdict rests on, and that the same seed gives the same results.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::path::{Path, PathBuf};

use reports::study::{StudyRecord, Verdict};
use scenarios::error::Failure;
use scenarios::study::{Compute, Study, perform};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("studies")
}

const TABLE: &str = "cycles/close-view.cycles.toml";
const RIG: &str = "../rigs/close-view.toml";

/// The studies' files in a folder of their own, with `from` replaced by `to` in one of them.
fn copied(file: &str, from: &str, to: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let studies = dir.path().join("studies");
    std::fs::create_dir_all(studies.join("cycles")).unwrap();
    std::fs::create_dir(dir.path().join("rigs")).unwrap();
    let mut names: Vec<String> = vec![TABLE.to_owned(), RIG.to_owned()];
    names.extend(STUDIES.map(str::to_owned));
    for name in names {
        let mut text = std::fs::read_to_string(folder().join(&name)).unwrap();
        if name == file {
            assert!(text.contains(from), "`{from}` is not in {name}");
            text = text.replacen(from, to, 1);
        }
        std::fs::write(studies.join(&name), text).unwrap();
    }
    dir
}

const STUDIES: [&str; 6] = [
    "outpatient-table1.toml",
    "outpatient-day.toml",
    "outpatient-waiting.toml",
    "central-pharmacy.toml",
    "rural-clinic.toml",
    "published-figures.toml",
];

/// The study with `from` replaced by `to`.
fn changed(study: &str, from: &str, to: &str) -> Result<Study, Failure> {
    Study::load(&copied(study, from, to).path().join("studies").join(study))
}

fn quick(study: &Study) -> StudyRecord {
    perform(study, Compute::Recorded, true).unwrap()
}

#[test]
fn bad_studies_are_refused_at_their_key() {
    for (study, from, to, key, message) in [
        (
            "outpatient-table1.toml",
            r#"arms = ["none", "handheld", "mv"]"#,
            r#"arms = ["none", "mv"]"#,
            "arms",
            "the arm `handheld` is missing",
        ),
        (
            "outpatient-table1.toml",
            r#"rig = "close-view""#,
            r#"rig = "four-cameras""#,
            "station.cycles",
            "the cycles are of the rig `close-view`",
        ),
        ("outpatient-table1.toml", "close-view.cycles", "no-such.cycles", "station.cycles", "there is no file"),
        ("outpatient-table1.toml", "low = 0.8", "low = 1.4", "assumptions.place_s.likely", "is not between"),
        ("outpatient-table1.toml", "schema_version = 1", "schema_version = 2", "schema_version", "comes from a newer version"),
        ("outpatient-table1.toml", "tolerance = 5", "tolerance = -5", "reported[8].tolerance", "must be greater than zero"),
        (
            "outpatient-day.toml",
            "arrivals_by_hour = [0.9",
            "arrivals_by_hour = [-0.9",
            "day.arrivals_by_hour[0]",
            "a rate of -0.9 cannot be",
        ),
        ("outpatient-day.toml", "mean = 12, cv = 0.6", "mean = 12, cv = -0.6", "day.audit_s.cv", "must be a number from 0"),
        ("outpatient-day.toml", "values = [1, 2, 3, 4, 5, 6, 8, 10]", "values = [1]", "day.packages.weights", "8 weights for 1 values"),
        ("outpatient-day.toml", "share = 0.25", "share = 0.5", "day.roster", "add up to 1.25, not to 1"),
        (
            "outpatient-day.toml",
            "[8.0, 12.0], [13.0, 17.5]",
            "[8.0, 12.0], [11.0, 17.5]",
            "day.roster[1].hours[1]",
            "begins at 11, before the stretch before it ends, at 12",
        ),
        (
            "outpatient-day.toml",
            "prescriptions_per_window = [800, 1200]",
            "prescriptions_per_window = [800, -1]",
            "day.prescriptions_per_window[1]",
            "is not between",
        ),
        ("outpatient-day.toml", "window_cv = 0.5", "window_cv = 0.5\nfit = \"mv.wait_min\"", "day.fit", "the demand cannot be set by"),
        (
            "outpatient-day.toml",
            "window_cv = 0.5",
            "window_cv = 0.5\nfit = \"none.wait_median_min\"",
            "day.fit",
            "no figure `none.wait_median_min` is reported that may be used to calibrate",
        ),
        (
            "outpatient-day.toml",
            "window_cv = 0.5",
            "window_cv = 0.5\narrival_trace = \"seen.csv\"",
            "day.arrival_trace",
            "by hour or from a trace, not both",
        ),
        ("rural-clinic.toml", "[clinic]", "[clinics]", "clinics", "unknown key `clinics`"),
        (
            "outpatient-waiting.toml",
            "arm = \"handheld\"\nunit = \"min\"",
            "arm = \"elsewhere\"\nunit = \"min\"",
            "reported[3].use",
            "nothing is simulated of another place",
        ),
        ("outpatient-day.toml", "\npick_s = { source", "\nnick_s = { source", "day.pick_s", "nothing says where `pick_s` is from"),
        ("outpatient-day.toml", "[inputs]\n", "[inputs]\nmoon = { source = \"x\" }\n", "inputs.moon", "the model has no input `moon`"),
        ("central-pharmacy.toml", "days = 92", "days = 0", "central.days", "is not between 1"),
        ("central-pharmacy.toml", "mean = 40, cv = 0.6", "mean = 0, cv = 0.6", "central.line_s.mean", "must be a number above 0"),
        (
            "rural-clinic.toml",
            "arrivals_by_hour = [1.4, 1.6",
            "arrivals_by_hour = [1.4, -1.6",
            "clinic.arrivals_by_hour[1]",
            "a rate of -1.6 cannot be",
        ),
        ("rural-clinic.toml", "arrivals_by_hour = [1.4, ", "arrivals_by_hour = [", "clinic.arrivals_by_hour", "8 rates for the 9 hours"),
        (
            "rural-clinic.toml",
            r#"arms = ["wait", "skip", "offline"]"#,
            r#"arms = ["wait", "skip"]"#,
            "arms",
            "the arm `offline` is missing",
        ),
        (
            "published-figures.toml",
            "[assumptions.scanned_share]",
            "[assumptions.read_share]",
            "assumptions.scanned_share",
            "the assumption `scanned_share` is missing",
        ),
        ("published-figures.toml", "high = 1.0", "high = 1.5", "assumptions.scanned_share.high", "a share of 1.5 cannot be"),
    ] {
        let error = changed(study, from, to).expect_err(to);
        let Failure::File(fault) = &error else { panic!("{to}: {error}") };
        assert_eq!(fault.key(), key, "{error}");
        assert!(fault.message().contains(message), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn a_study_that_calibrates_on_what_it_claims_to_replicate_is_refused() {
    let error = changed(
        "outpatient-table1.toml",
        "arm = \"mv\"\nunit = \"s\"\nvalue = 48\nsource = \"Table 1\"\nuse = \"validate\"\ntolerance = 5",
        "arm = \"mv\"\nunit = \"s\"\nvalue = 48\nsource = \"Table 1\"\nuse = \"calibrate\"",
    )
    .expect_err("it calibrates on the MV column");
    let Failure::File(fault) = &error else { panic!("{error}") };
    assert_eq!(fault.key(), "reported[8].use");
    assert!(fault.message().contains("calibrates on the arm `mv`, of which `mv.minocycline` is to be replicated"), "{error}");
}

/// What is to be predicted must not reach the model at all: other values there change the verdicts and nothing else.
#[test]
fn the_mv_column_has_no_way_into_the_prediction() {
    let as_published = quick(&Study::load(&folder().join("outpatient-table1.toml")).unwrap());
    let other = quick(&changed("outpatient-table1.toml", "value = 116.5", "value = 300").unwrap());
    for (a, b) in as_published.figures.iter().zip(&other.figures) {
        assert_eq!((a.found, a.lower, a.upper), (b.found, b.lower, b.upper), "{}", a.name);
    }
    let verdict = |of: &StudyRecord| of.figures.iter().find(|of| of.name == "mv_ratio").unwrap().verdict;
    assert_eq!(verdict(&other), Verdict::NotReplicated);
    assert_ne!(verdict(&as_published), Verdict::UsedForCalibration);
}

#[test]
fn what_calibrates_comes_out_again_and_claims_nothing() {
    let study = Study::load(&folder().join("outpatient-table1.toml")).unwrap();
    let record = quick(&study);
    let handheld = record.figures.iter().find(|of| of.name == "handheld_ratio").unwrap();
    assert_eq!(handheld.verdict, Verdict::UsedForCalibration);
    // 2,000 studies with a standard deviation of about 4 points: five standard errors of the median.
    assert!((handheld.found.unwrap() - 154.4).abs() < 0.6, "{handheld:?}, seed {}", study.body.seed);
}

#[test]
fn the_same_seed_gives_the_same_results_to_the_last_bit() {
    for name in ["outpatient-table1.toml", "central-pharmacy.toml", "rural-clinic.toml", "published-figures.toml"] {
        let study = Study::load(&folder().join(name)).unwrap();
        let (a, b) = (quick(&study), quick(&study));
        assert_eq!((a.figures, a.tables, a.charts), (b.figures, b.tables, b.charts), "{name}");
    }
}

#[test]
fn a_limit_of_replications_is_reported() {
    let study = changed("outpatient-day.toml", "least = 20\nmost = 200\nrelative = 0.1", "least = 2\nmost = 2\nrelative = 0.0001").unwrap();
    let record = perform(&study, Compute::Recorded, false).unwrap();
    assert!(!record.closed);
    assert!(record.notes.iter().any(|note| note.en.contains("limit of replications")), "{:?}", record.notes);
    // By hand the windows have more work than they can do; that is said, and the day ends all the same.
    assert!(record.notes.iter().any(|note| note.en.starts_with("handheld: above capacity")), "{:?}", record.notes);
}

#[test]
fn every_study_is_read_and_answers_the_whole_checklist() {
    let first = Study::load(&folder().join(STUDIES[0])).unwrap();
    for name in STUDIES {
        let study = Study::load(&folder().join(name)).unwrap();
        assert_eq!(format!("{}.toml", study.body.name), name);
        let items: Vec<&String> = study.body.stress.keys().collect();
        assert_eq!(items, first.body.stress.keys().collect::<Vec<_>>(), "{name}");
    }
}

/// The station of the MV arm is one rig in one state; the cycles of any other say nothing about it.
#[test]
fn a_table_of_another_rig_is_refused_wherever_it_comes_from() {
    let study = |dir: &tempfile::TempDir| dir.path().join("studies/outpatient-table1.toml");
    let same = copied("", "", "");
    let table = same.path().join("studies").join(TABLE);
    assert!(Study::load_with(&study(&same), Some(&table)).is_ok());

    let renamed = copied(TABLE, r#"rig = "close-view""#, r#"rig = "four-cameras""#);
    let other = renamed.path().join("studies").join(TABLE);
    let error = Study::load_with(&study(&same), Some(&other)).unwrap_err();
    assert!(error.to_string().contains("the cycles are of the rig `four-cameras`, and the study's station is `close-view`"), "{error}");
    assert_eq!(error.exit_code(), 2);

    let rebuilt = copied(TABLE, "rig_sha256 = \"", "rig_sha256 = \"0");
    let other = rebuilt.path().join("studies").join(TABLE);
    for (study, table) in [(study(&same), Some(other.as_path())), (study(&rebuilt), None)] {
        let error = Study::load_with(&study, table).unwrap_err();
        assert!(error.to_string().contains("on another state of the rig `close-view`"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    let none = Study::load_with(&study(&same), Some(Path::new("no-such.toml"))).unwrap_err();
    assert!(none.to_string().contains("no such file"), "{none}");
    let stationless = Study::load_with(&folder().join("rural-clinic.toml"), Some(&table)).unwrap_err();
    assert!(stationless.to_string().contains("has no station that could use cycles"), "{stationless}");
}

/// A table as a demonstration makes it, of one package each: the figures of the paper are predicted, and nothing is said about larger prescriptions.
#[test]
fn cycles_of_single_packages_predict_table_1_and_nothing_else() {
    let text = std::fs::read_to_string(folder().join(TABLE)).unwrap();
    let mut table: toml::Table = toml::from_str(&text).unwrap();
    let cycles = table["cycles"].as_array_mut().unwrap();
    cycles.retain(|cycle| cycle["packages"].as_integer() == Some(1));
    assert_eq!(cycles.len(), 40);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("single.cycles.toml");
    std::fs::write(&path, toml::to_string(&table).unwrap()).unwrap();
    let own = quick(&Study::load(&folder().join("outpatient-table1.toml")).unwrap());
    let single = quick(&Study::load_with(&folder().join("outpatient-table1.toml"), Some(&path)).unwrap());
    assert_eq!(single.figures, own.figures, "the table's larger loads play no part in rows of one package");
    assert_eq!((single.charts.len(), single.tables.len()), (own.charts.len() - 1, own.tables.len() - 1));
    assert!(single.notes.iter().any(|note| note.en.contains("single packages only")), "{:?}", single.notes);
}

/// Cycles given on the command line are the ones that count.
#[test]
fn the_given_table_replaces_the_studys_own() {
    let dir = copied(TABLE, "mechanical_s = ", "mechanical_s = 9");
    let own = folder().join("outpatient-table1.toml");
    let ratio = |study: &Study| quick(study).figures.iter().find(|of| of.name == "mv_ratio").unwrap().found.unwrap();
    let slower = Study::load_with(&own, Some(&dir.path().join("studies").join(TABLE))).unwrap();
    assert!(ratio(&slower) > ratio(&Study::load(&own).unwrap()));
}

#[test]
fn nothing_is_lost_by_working_offline() {
    let record = quick(&Study::load(&folder().join("rural-clinic.toml")).unwrap());
    let of = |name: &str| record.figures.iter().find(|of| of.name == name).unwrap().clone();
    for name in ["offline.lost_codes", "offline.blocked_min"] {
        assert_eq!((of(name).found, of(name).verdict), (Some(0.0), Verdict::Replicated), "seed {}", record.manifest.seed);
    }
}

/// Three times the demand: said, and the day ends all the same.
#[test]
fn an_arrival_rate_above_capacity_is_said_and_not_run_for_ever() {
    for (study, from, to, note) in [
        (
            "outpatient-day.toml",
            "prescriptions_per_window = [800, 1200]",
            "prescriptions_per_window = [3000, 3000]",
            "no scan: above capacity",
        ),
        ("rural-clinic.toml", "low = 20\nlikely = 45\nhigh = 90", "low = 900\nlikely = 1000\nhigh = 1100", "Above capacity: one person"),
        (
            "central-pharmacy.toml",
            "low = 200\nlikely = 400\nhigh = 700",
            "low = 4000\nlikely = 4000\nhigh = 4000",
            "Above capacity: 6 pharmacists",
        ),
    ] {
        let mut study = changed(study, from, to).unwrap();
        study.body.effort.quick = 2;
        if let Some(central) = &mut study.body.central {
            (central.days, central.days_with_pool) = (2, 0);
        }
        if let Some(clinic) = &mut study.body.clinic {
            clinic.days = 1;
        }
        let record = quick(&study);
        assert!(record.notes.iter().any(|of| of.en.contains(note)), "{:?}", record.notes);
    }
}

fn tracetwin(taskset: Option<&str>, arguments: &[&str]) -> std::process::Output {
    let program = env!("CARGO_BIN_EXE_tracetwin");
    let mut command = match taskset {
        Some(cores) => {
            let mut command = std::process::Command::new("taskset");
            command.args(["-c", cores, program]);
            command
        }
        None => std::process::Command::new(program),
    };
    command.args(arguments).output().unwrap()
}

/// The whole command, on one core and on as many as there are.
#[test]
fn one_core_or_many_give_the_same_study_to_the_last_bit() {
    let dir = tempfile::tempdir().unwrap();
    let study = folder().join("outpatient-table1.toml");
    let run = |taskset: Option<&str>| {
        let out = dir.path().join("out");
        let output = tracetwin(taskset, &["study", study.to_str().unwrap(), "--quick", "--json", "--out", out.to_str().unwrap()]);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
        let record: StudyRecord = serde_json::from_slice(&output.stdout).unwrap();
        (record.figures, record.tables, record.charts)
    };
    if std::process::Command::new("taskset").arg("--version").output().is_err() {
        eprintln!("skipped: no taskset here");
        return;
    }
    assert_eq!(run(Some("0")), run(None));
}

#[test]
fn the_command_says_what_was_not_replicated_and_ends_with_1() {
    let dir = tempfile::tempdir().unwrap();
    let study = folder().join("published-figures.toml");
    let output = tracetwin(None, &["study", study.to_str().unwrap(), "--quick", "--out", dir.path().to_str().unwrap()]);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("not replicated: outpatient-after.window, children-after.window"), "{err}");
    assert!(out.contains("not replicated") && out.contains("used for calibration"), "{out}");
    let names: std::collections::BTreeSet<String> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["manifest.json", "report.html", "study.json", "summary.md"]);
}
