//! What each stage earns: data sets of `tracetwin dataset` read with every locator, and without the stages that read by grey values. Heavy, and on pictures
//! that are not committed:
//!
//! `TRACETWIN_DATASETS=DIR[:DIR…] cargo test -p scanner-core --test vision_detect_sets -- --ignored --nocapture`

// What a helper of a test unwraps fails that test.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Instant;

use scanner_core::vision::decode::data_matrix::MatrixRule;
use scanner_core::vision::decode::grey_level::GreyLevelRule;
use scanner_core::vision::{LinearRule, LocateOptions, Locator, ScanOptions, Scanner};

/// Bands of px per module: lower ends.
const BANDS: [f64; 5] = [0.5, 0.7, 1.0, 1.5, 3.0];

/// Without the separators that readers show in different ways.
fn bare(text: &str) -> String {
    text.replace(['\u{1d}'], "").replace("<GS>", "")
}

#[derive(Default)]
struct Tally {
    read: [usize; BANDS.len()],
    misread: usize,
    locate_s: f64,
    scan_s: f64,
}

/// How a reader is called here, and its options.
fn readers() -> Vec<(&'static str, ScanOptions)> {
    let by = |detector| ScanOptions { locate: LocateOptions { detector, ..LocateOptions::default() }, ..ScanOptions::default() };
    let station = by(Locator::Ssd);
    // A text cannot lead by more than anything.
    let never = GreyLevelRule { explained: f32::INFINITY, ..GreyLevelRule::default() };
    let unbelieved = MatrixRule { timing: f64::INFINITY, ..MatrixRule::default() };
    vec![
        ("the station's: the detector, gradients where it fails", station.clone()),
        ("gradients alone", by(Locator::Gradients)),
        ("both all over", by(Locator::Both)),
        (
            "the station's, Code 128 by binarised rows only",
            ScanOptions { linear: LinearRule { grey_level: never, ..station.linear }, ..station.clone() },
        ),
        ("the station's, Data Matrix by rxing only", ScanOptions { data_matrix: unbelieved, ..station.clone() }),
        (
            "the station's, packages not told apart",
            ScanOptions { locate: LocateOptions { packages: false, ..station.locate }, ..station.clone() },
        ),
        ("the station's, one white level for the whole frame", ScanOptions { enhance: false, ..station }),
    ]
}

#[test]
#[ignore = "heavy: reads whole data sets"]
fn reading_by_stage() {
    let folders = std::env::var("TRACETWIN_DATASETS").expect("TRACETWIN_DATASETS names folders of tracetwin dataset");
    let readers = readers();
    let mut tallies: Vec<Tally> = readers.iter().map(|_| Tally::default()).collect();
    let mut visible = [0usize; BANDS.len()];
    let mut pictures = 0;
    for folder in folders.split(':').map(PathBuf::from) {
        for part in std::fs::read_dir(folder.join("parts")).unwrap() {
            let images: serde_json::Value = serde_json::from_slice(&std::fs::read(part.unwrap().path()).unwrap()).unwrap();
            for about in images.as_array().unwrap() {
                let picture = image::open(folder.join(about["file"].as_str().unwrap())).unwrap();
                pictures += 1;
                let codes = about["codes"].as_array().unwrap();
                let printed: Vec<String> = codes.iter().map(|c| bare(c["text"].as_str().unwrap())).collect();
                let seen: Vec<(String, usize)> = codes
                    .iter()
                    .filter(|c| c["nominal"].as_bool().unwrap() && c["visible"].as_bool().unwrap() && c["role"] == "trace")
                    .filter_map(|c| {
                        let px = c["px_per_module"].as_f64().unwrap();
                        Some((bare(c["text"].as_str().unwrap()), BANDS.iter().rposition(|b| px >= *b)?))
                    })
                    .collect();
                for (_, band) in &seen {
                    visible[*band] += 1;
                }
                for ((_, options), tally) in readers.iter().zip(&mut tallies) {
                    let scanner = Scanner::new(options.clone());
                    let started = Instant::now();
                    let found = scanner.scan_image(&picture);
                    tally.scan_s += started.elapsed().as_secs_f64();
                    tally.locate_s += found.timings.iter().filter(|t| t.stage == "locate").map(|t| t.seconds).sum::<f64>();
                    for (text, band) in &seen {
                        tally.read[*band] += usize::from(found.readings.iter().any(|r| bare(&r.text) == *text));
                    }
                    tally.misread += found.readings.iter().filter(|r| !printed.contains(&bare(&r.text))).count();
                }
            }
        }
    }
    println!("{pictures} pictures; traceability codes under nominal conditions from {BANDS:?} px per module: {visible:?}");
    for ((name, _), tally) in readers.iter().zip(&tallies) {
        let each = |s: f64| 1000.0 * s / f64::from(pictures.max(1));
        println!(
            "{name}: read {:?}, misread {}, locate {:.0} ms, scan {:.0} ms a picture",
            tally.read,
            tally.misread,
            each(tally.locate_s),
            each(tally.scan_s)
        );
    }
}
