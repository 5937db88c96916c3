//! CSV, Parquet, JUnit and the folder that a run leaves.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod common;

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::{Field, RowAccessor};
use common::{empty_run, sample_run, view};
use reports::*;

/// A run whose views hold what is hard to write: quotes, line ends, control characters, Chinese, subnormal and infinite numbers.
fn awkward_run() -> RunRecord {
    let mut run = empty_run();
    run.manifest.seed = u64::MAX;
    run.views = vec![
        view(),
        CodeView {
            package_name: "a \"quoted\", 阿莫西林\r\nname".to_owned(),
            text: "\u{1d}01069000\u{1d}21x".to_owned(),
            reason: Some("nothing_decoded".to_owned()),
            read: false,
            px_per_module: 0.1 + 0.2,
            glare_share: f64::MIN_POSITIVE / 4.0,
            contrast: -0.0,
            print_grade: 4.0,
            incidence_deg: f64::INFINITY,
            ..view()
        },
    ];
    run.views.extend(sample_run().views);
    run
}

#[test]
fn csv_reads_back_exactly() {
    let run = awkward_run();
    let bytes = csv::views(&run).unwrap();
    let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), run.views.len());
    for (row, view) in rows.iter().zip(&run.views) {
        let real = |name: &str| row[column(name)].parse::<f64>().unwrap().to_bits();
        assert_eq!(&row[column("seed")], "18446744073709551615");
        assert_eq!(&row[column("package_name")], view.package_name);
        assert_eq!(&row[column("text")], view.text);
        assert_eq!(&row[column("band")], Band::of(view.px_per_module).key());
        assert_eq!(row[column("reason")], view.reason.clone().unwrap_or_default());
        assert_eq!(row[column("read")], view.read.to_string());
        assert_eq!(real("px_per_module"), view.px_per_module.to_bits());
        assert_eq!(real("glare_share"), view.glare_share.to_bits());
        assert_eq!(real("contrast"), view.contrast.to_bits());
        assert_eq!(real("incidence_deg"), view.incidence_deg.to_bits());
        assert_eq!(real("y2"), view.corners[2][1].to_bits());
    }
}

#[test]
fn parquet_reads_back_exactly() {
    let run = awkward_run();
    let reader = SerializedFileReader::new(file(parquet::views(&run).unwrap())).unwrap();
    let metadata = reader.metadata().file_metadata();
    assert_eq!(metadata.num_rows(), run.views.len() as i64);
    let value =
        |key: &str| metadata.key_value_metadata().unwrap().iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone()).unwrap();
    assert_eq!((value("seed"), value("schema_version")), (u64::MAX.to_string(), "1".to_owned()));
    let names: Vec<_> = metadata.schema_descr().columns().iter().map(|column| column.name().to_owned()).collect();
    let column = |name: &str| names.iter().position(|column| column == name).unwrap();
    let mut count = 0;
    for (row, view) in reader.get_row_iter(None).unwrap().zip(&run.views) {
        let row = row.unwrap();
        let real = |name: &str| row.get_double(column(name)).unwrap().to_bits();
        let text = |name: &str| row.get_string(column(name)).unwrap().clone();
        assert_eq!(row.get_ulong(column("seed")).unwrap(), u64::MAX);
        assert_eq!(row.get_ulong(column("frame")).unwrap(), view.frame as u64);
        assert_eq!(row.get_ulong(column("package")).unwrap(), view.package as u64);
        assert_eq!((text("package_name"), text("text")), (view.package_name.clone(), view.text.clone()));
        assert_eq!((text("camera"), text("role")), (view.camera.clone(), view.role.key().to_owned()));
        assert_eq!(row.get_bool(column("visible")).unwrap(), view.visible);
        assert_eq!(row.get_bool(column("read")).unwrap(), view.read);
        for (i, corner) in view.corners.iter().enumerate() {
            assert_eq!([real(&format!("x{i}")), real(&format!("y{i}"))], corner.map(f64::to_bits));
        }
        assert_eq!(real("px_per_module"), view.px_per_module.to_bits());
        assert_eq!(real("glare_share"), view.glare_share.to_bits());
        assert_eq!(real("contrast"), view.contrast.to_bits());
        assert_eq!(real("incidence_deg"), view.incidence_deg.to_bits());
        let reason = row.get_column_iter().nth(column("reason")).unwrap().1;
        assert_eq!(reason, &view.reason.clone().map_or(Field::Null, Field::Str));
        count += 1;
    }
    assert_eq!(count, run.views.len());
}

#[test]
fn a_run_without_views_gives_tables_without_rows() {
    let run = empty_run();
    assert_eq!(csv::views(&run).unwrap().iter().filter(|byte| **byte == b'\n').count(), 1);
    let reader = SerializedFileReader::new(file(parquet::views(&run).unwrap())).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    assert_eq!(reader.metadata().file_metadata().schema_descr().num_columns(), 35);
}

#[test]
fn junit_is_well_formed_and_counts() {
    use junit::{JunitCase, JunitOutcome, JunitSuite};
    let case = |name: &str, outcome| JunitCase { name: name.to_owned(), seconds: 0.25, outcome };
    let text = |message: &str| message.to_owned();
    let suites = [JunitSuite {
        name: text("scene <1> & \"2\""),
        cases: vec![
            case("ok", JunitOutcome::Passed),
            case("lost", JunitOutcome::Failed { message: text("a\nb ]]>"), details: text("line 1\nline \u{1b}2 <x>") }),
            case("odd", JunitOutcome::Error { message: text("no adapter"), details: String::new() }),
            case("left", JunitOutcome::Skipped { message: text("no photos") }),
        ],
    }];
    let document = junit::document(&suites);
    let mut tags = Vec::new();
    let mut reader = quick_xml::Reader::from_str(&document);
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => {
                for attribute in tag.attributes() {
                    attribute.unwrap();
                }
                tags.push(tag.name().as_ref().to_owned());
            }
            _ => {}
        }
    }
    assert_eq!(tags, ["testsuites", "testsuite", "testcase", "testcase", "failure", "testcase", "error", "testcase", "skipped"]);
    assert!(document.contains(r#"<testsuites name="tracetwin" tests="4" failures="1" errors="1" skipped="1" time="1.000">"#), "{document}");
    assert!(document.contains("line 1\nline ␛2 &lt;x&gt;</failure>"), "{document}");
}

#[test]
fn a_threshold_that_fell_short_is_a_failure() {
    let suites = junit::suites(&sample_run());
    assert_eq!(suites.len(), 1);
    let failed: Vec<_> = suites[0].cases.iter().filter(|case| case.outcome != junit::JunitOutcome::Passed).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].name, "misreads");
    assert!(junit::suites(&empty_run()).is_empty());
}

#[test]
fn a_folder_holds_everything_and_can_be_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a/b");
    let run = sample_run();
    let paths = write_all(&run, &out).unwrap();
    let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    let all = ["report.html", "summary.json", "summary.md", "results.csv", "results.parquet", "times.csv", "manifest.json", "junit.xml"];
    assert_eq!(names, all);
    assert_eq!(write_all(&run, &out).unwrap(), paths);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), all.len());
    let written = std::fs::read_to_string(out.join("summary.json")).unwrap();
    assert_eq!(written, serde_json::to_string_pretty(&summary(&run)).unwrap() + "\n");
    let back: Manifest = serde_json::from_slice(&std::fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(back, run.manifest);
    // 24 frames with rendering and five stages, four stages of the run, a header.
    let times = std::fs::read_to_string(out.join("times.csv")).unwrap();
    assert_eq!(times.lines().count(), 24 * 6 + 4 + 1);
}

#[test]
fn a_folder_that_is_a_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("taken");
    std::fs::write(&file, b"").unwrap();
    let error = write_all(&empty_run(), &file).unwrap_err();
    assert!(error.to_string().contains("taken"), "{error}");
    let error = write_all(&empty_run(), &file.join("in")).unwrap_err();
    assert_eq!(error.medium(), Some(Medium::NoSuchPlace));
}

/// The reader wants a file.
fn file(bytes: Vec<u8>) -> std::fs::File {
    use std::io::Write;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    file
}
