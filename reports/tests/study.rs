//! The page of a study: well-formed, in two languages, and safe whatever stands in the file.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use reports::Manifest;
use reports::study::{
    Assumed, Bar, Chart, Figure, Given, Plot, Series, Span, StudyRecord, StudyTable, Swing, Text, Verdict, markdown, terminal,
};

fn study() -> StudyRecord {
    let chart = |plot| Chart { title: Text::new("chart <b>", "图"), lead: Text::default(), plot };
    StudyRecord {
        study: "a<script>".to_owned(),
        title: Text::new("Title & more", "标题"),
        source: "Paper \"A\"".to_owned(),
        manifest: Manifest {
            schema_version: 1,
            seed: 7,
            version: "0.1.0".to_owned(),
            tools: vec![],
            adapter: None,
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            onnx_runtime: None,
            config_sha256: "ab".repeat(32),
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            arguments: vec!["study".to_owned()],
        },
        replications: Text::new("10 runs", "10 次"),
        closed: true,
        figures: vec![Figure {
            name: "mv_ratio".to_owned(),
            label: Text::new("MV ÷ no scan", "机器视觉 ÷ 不扫码"),
            unit: "%".to_owned(),
            reported: 116.5,
            found: Some(118.25),
            lower: Some(114.0),
            upper: Some(123.0),
            tolerance: Some(5.0),
            source: "Table 1".to_owned(),
            verdict: Verdict::Replicated,
            remark: "<i>".to_owned(),
        }],
        tables: vec![StudyTable {
            title: Text::new("Table", "表"),
            lead: Text::default(),
            header: vec![Text::new("a", "甲"), Text::new("b", "乙")],
            rows: vec![vec![Text::same("x & y"), Text::same("1")]],
        }],
        charts: vec![
            chart(Plot::Bars {
                unit: "s".to_owned(),
                bars: vec![Bar { name: Text::same("one"), value: 3.0, interval: Some((2.0, 4.0)), reported: Some(3.5) }],
            }),
            chart(Plot::Lines {
                x: Text::same("x"),
                y: Text::same("y"),
                series: vec![Series { name: Text::same("s"), points: vec![(1.0, 2.0), (2.0, 3.0)], band: vec![(1.0, 3.0), (2.0, 4.0)] }],
            }),
            chart(Plot::Lines { x: Text::same("x"), y: Text::same("y"), series: vec![] }),
            chart(Plot::Tornado {
                unit: "%".to_owned(),
                centre: 118.0,
                reference: Some(116.5),
                swings: vec![Swing { name: Text::same("look_s"), at_low: 117.0, at_high: 120.0, range: "0.5 to 3 s".to_owned() }],
            }),
            chart(Plot::Timeline {
                kinds: vec![Text::same("work")],
                lanes: vec![(Text::same("window"), vec![Span { from: 0.0, to: 60.0, kind: 0, item: "patient <1>".to_owned() }])],
            }),
        ],
        inputs: vec![Given { name: "pick_s".to_owned(), value: "lognormal <12>".to_owned(), source: "a & b".to_owned(), assumed: true }],
        assumptions: vec![Assumed {
            name: "look_s".to_owned(),
            meaning: "look".to_owned(),
            unit: "s".to_owned(),
            low: 0.5,
            likely: 1.6,
            high: 3.0,
            source: "a guess".to_owned(),
        }],
        checklist: vec![("1.1 Purpose".to_owned(), "to <see>".to_owned())],
        notes: vec![Text::new("a note & more", "一条注记")],
    }
}

#[test]
fn the_page_is_well_formed_and_shows_both_languages() {
    let page = reports::html::study(&study());
    let body = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    // A script is text to HTML, whatever stands in it.
    let (before, script) = body.split_once("<script>").unwrap();
    let body = format!("{before}{}", script.split_once("</script>").unwrap().1);
    let mut reader = quick_xml::Reader::from_str(&body);
    let (mut en, mut zh) = (0, 0);
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} at {}", reader.buffer_position())) {
            quick_xml::events::Event::Start(tag) => {
                let lang = tag.try_get_attribute("lang").unwrap().map(|a| a.value.into_owned());
                if tag.name().as_ref() != "html" {
                    en += u32::from(lang.as_deref() == Some("en"));
                    zh += u32::from(lang.as_deref() == Some("zh-CN"));
                }
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert!(en > 20 && en == zh, "{en} English, {zh} Chinese");
    assert!(!page.contains("a<script>") && !page.contains("<i>") && !page.contains("patient <1>"));
    assert!(page.contains("118.2 (114.0–123.0)") && page.contains("已复现"));
    // What is assumed is marked as such, once for the input and once for the assumption.
    assert_eq!(page.matches("<span class=\"tag assumed\">").count(), 2);
    // Each span of the timeline is a step.
    assert_eq!(page.matches("<li data-x=").count(), 1);
}

#[test]
fn text_forms_say_reported_simulated_and_verdict() {
    let text = terminal(&study(), false);
    let line = text.lines().find(|line| line.contains("MV ÷ no scan")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>().join(" "), "MV ÷ no scan % 116.5 118.2 (114.0–123.0) replicated");
    assert!(markdown(&study()).contains("| MV ÷ no scan | % | 116.5 | 118.2 (114.0–123.0) | replicated |"));
}

#[test]
fn a_study_is_written_whole() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let paths = reports::write_study(&study(), &out).unwrap();
    let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["report.html", "study.json", "summary.md", "manifest.json"]);
    let read: StudyRecord = serde_json::from_slice(&std::fs::read(out.join("study.json")).unwrap()).unwrap();
    assert_eq!(read, study());
}
