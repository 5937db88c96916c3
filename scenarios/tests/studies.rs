//! Study files: what is refused, what a verdict rests on, and that the same seed gives the same results.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::path::{Path, PathBuf};

use reports::study::{StudyRecord, Verdict};
use scenarios::error::Failure;
use scenarios::study::{Compute, Study, perform};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("studies")
}

/// The study with `from` replaced by `to`, in a folder of its own beside its cycles.
fn changed(study: &str, from: &str, to: &str) -> Result<Study, Failure> {
    let text = std::fs::read_to_string(folder().join(study)).unwrap();
    assert!(text.contains(from), "`{from}` is not in {study}");
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("cycles")).unwrap();
    std::fs::copy(folder().join("cycles/close-view.cycles.toml"), dir.path().join("cycles/close-view.cycles.toml")).unwrap();
    let path = dir.path().join(study);
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    Study::load(&path)
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
        ("central-pharmacy.toml", "days = 92", "days = 0", "central.days", "is not between 1"),
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
    for name in ["outpatient-table1.toml", "central-pharmacy.toml"] {
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
    assert!(record.notes.iter().any(|note| note.contains("limit of replications")), "{:?}", record.notes);
    // By hand the windows have more work than they can do; that is said, and the day ends all the same.
    assert!(record.notes.iter().any(|note| note.starts_with("handheld: above capacity")), "{:?}", record.notes);
}
