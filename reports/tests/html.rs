//! The HTML report: harmless, self-contained, complete.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod common;

use common::{empty_run, sample_run};
use quick_xml::events::Event;
use reports::*;

/// Name and attributes.
type Element = (String, Vec<(String, String)>);

/// All elements with their attributes, and all text, as a parser sees them. Panics where the document is not well-formed.
fn parsed(document: &str) -> (Vec<Element>, String) {
    let body = document.strip_prefix("<!DOCTYPE html>").unwrap();
    // A browser does not look for markup in these two.
    let start = body.find("<script>").unwrap() + "<script>".len();
    let end = body.find("</script>").unwrap();
    let body = format!("{}{}", &body[..start], &body[end..]);
    let (mut elements, mut text) = (Vec::new(), String::new());
    let mut reader = quick_xml::Reader::from_str(&body);
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} at {}", reader.error_position())) {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) => {
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    let value = attribute.value.to_string();
                    (attribute.key.as_ref().to_owned(), quick_xml::escape::unescape(&value).unwrap().into_owned())
                });
                elements.push((tag.name().as_ref().to_owned(), attributes.collect()));
            }
            Event::Text(piece) => text.push_str(&piece),
            Event::GeneralRef(name) => text.push_str(&format!("&{};", &*name)),
            _ => {}
        }
    }
    (elements, text)
}

#[test]
fn a_package_called_script_is_harmless_wherever_it_stands() {
    let evil = "</title></style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&";
    let mut run = sample_run();
    run.scenario = evil.to_owned();
    run.notes = vec![evil.to_owned()];
    run.manifest.adapter = Some(evil.to_owned());
    run.manifest.arguments = vec![evil.to_owned()];
    run.manifest.started_at = evil.to_owned();
    run.hashes.frames = evil.to_owned();
    for package in &mut run.packages {
        package.name = evil.to_owned();
        package.text = evil.to_owned();
        package.symbology = evil.to_owned();
        package.refused_rule = Some(evil.to_owned());
    }
    for view in &mut run.views {
        view.package_name = evil.to_owned();
        view.text = evil.to_owned();
        view.camera = evil.to_owned();
        view.reason = Some(evil.to_owned());
    }
    for frame in &mut run.frames {
        frame.camera = evil.to_owned();
        frame.pattern = evil.to_owned();
        frame.misreads.iter_mut().for_each(|misread| misread.text = evil.to_owned());
    }
    for line in &mut run.order {
        line.product = evil.to_owned();
        line.codes = vec![evil.to_owned()];
    }
    run.pool[0].status = evil.to_owned();
    run.times.stages[0].stage = evil.to_owned();
    run.times.frames[0].decode[0].stage = evil.to_owned();
    run.thresholds[0].name = evil.to_owned();
    let document = html::report(&run);
    assert_eq!(document.matches("<script").count(), 1);
    assert_eq!(document.matches("</style").count(), 1);
    let (elements, _) = parsed(&document);
    assert!(!elements.iter().any(|(name, _)| name == "img"));
    let handlers = elements.iter().flat_map(|(_, attributes)| attributes).filter(|(name, _)| name.starts_with("on")).count();
    assert_eq!(handlers, 0);
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    let document = html::report(&sample_run());
    for outside in ["http://", "https://", "url(", "@import", "<link", "fetch(", "XMLHttpRequest"] {
        assert!(!document.contains(outside), "{outside} in the report");
    }
    let (elements, _) = parsed(&document);
    let references: Vec<_> = elements
        .iter()
        .flat_map(|(_, attributes)| attributes)
        .filter(|(name, _)| ["src", "href", "xlink:href", "action", "data"].contains(&name.as_str()))
        .collect();
    assert_eq!(references.len(), 8, "one per picture");
    assert!(references.iter().all(|(_, value)| value.starts_with("data:image/jpeg;base64,")));
    let policy = elements.iter().find(|(name, attributes)| name == "meta" && attributes[0].1 == "Content-Security-Policy").unwrap();
    assert!(policy.1[1].1.starts_with("default-src 'none'"));
}

#[test]
fn every_english_text_has_its_chinese_one() {
    let document = html::report(&sample_run());
    let (elements, text) = parsed(&document);
    let count = |tag: &str| {
        elements.iter().filter(|(name, attributes)| name != "html" && attributes.contains(&("lang".to_owned(), tag.to_owned()))).count()
    };
    assert!(count("en") > 200);
    assert_eq!(count("en"), count("zh-CN"));
    for words in ["药品追溯码", "追溯码识别率", "误读", "Packages read beside the ceiling", "阿莫西林胶囊"] {
        assert!(text.contains(words), "{words} is missing");
    }
}

#[test]
fn annotations_show_what_was_found_missed_and_misread() {
    let run = sample_run();
    let document = html::report(&run);
    let of = |frame: usize| run.views.iter().filter(move |view| view.frame == frame && view.role == PrintRole::Trace);
    let shown = 0..8;
    let found: usize = shown.clone().map(|frame| of(frame).filter(|view| view.read).count()).sum();
    let missed: usize = shown.clone().map(|frame| of(frame).filter(|view| view.visible && !view.read).count()).sum();
    assert_eq!(document.matches("<g class=\"found\">").count(), found);
    assert_eq!(document.matches("<g class=\"missed\">").count(), missed);
    assert_eq!(document.matches("<g class=\"misread\">").count(), 1);
    assert!(document.contains("<g class=\"decoy\">"));
    let view = run.views.iter().find(|view| view.role == PrintRole::Trace && view.visible && !view.read).unwrap();
    let [x, y] = view.corners[0];
    assert!(document.contains(&format!("points=\"{x:.1},{y:.1} ")), "corners stand in pixels of the full frame");
    let label = format!("{:.2} px/module · {:.0} %", view.px_per_module, (view.visible_fraction * 100.0).floor());
    assert!(document.contains(&label), "{label} is missing");
    assert!(document.contains("viewBox=\"-0.5 -0.5 4096 3000\""));
}

#[test]
fn a_run_without_anything_still_gives_a_report() {
    let document = html::report(&empty_run());
    let (elements, text) = parsed(&document);
    assert!(!elements.iter().any(|(name, _)| name == "image"));
    assert!(text.contains("Manifest"));
    assert!(!document.contains("NaN") && !document.contains("inf"), "a figure that is none");
}

#[test]
fn text_forms_name_what_went_wrong_and_carry_no_colour_unless_asked() {
    let run = sample_run();
    let plain = terminal(&run, false);
    assert!(!plain.contains('\u{1b}'));
    assert!(plain.contains("packages read  18 of 19 visible in any frame (20 on the plate, 1 beyond the ceiling)"), "{plain}");
    assert!(plain.contains("81234070003209364242  unknown text       2"), "{plain}");
    let colored = terminal(&run, true);
    assert!(colored.contains("\u{1b}[31mmissed"));
    let uncolored: String = ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[0m"].iter().fold(colored, |text, code| text.replace(code, ""));
    let trimmed = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(trimmed(&uncolored), trimmed(&plain));
    let markdown = markdown::summary(&run);
    assert!(markdown.contains("| misreads | 1 (2 of 262 readings wrong"), "{markdown}");
    assert!(!markdown.contains("<script>"), "{markdown}");
}
