//! Which locator reads more: data sets of `tracetwin dataset` read once with each. Heavy, and on pictures that are not committed:
//!
//! `TRACETWIN_DATASETS=DIR[:DIR…] cargo test -p scanner-core --test vision_detect_sets -- --ignored --nocapture`

// What a helper of a test unwraps fails that test.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Instant;

use scanner_core::vision::{LocateOptions, Locator, ScanOptions, Scanner};

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

#[test]
#[ignore = "heavy: reads whole data sets"]
fn reading_by_locator() {
    let folders = std::env::var("TRACETWIN_DATASETS").expect("TRACETWIN_DATASETS names folders of tracetwin dataset");
    let locators = [Locator::Gradients, Locator::Ssd, Locator::Both];
    let mut tallies = [Tally::default(), Tally::default(), Tally::default()];
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
                    .filter(|c| c["visible"].as_bool().unwrap())
                    .filter_map(|c| {
                        let px = c["px_per_module"].as_f64().unwrap();
                        Some((bare(c["text"].as_str().unwrap()), BANDS.iter().rposition(|b| px >= *b)?))
                    })
                    .collect();
                for (_, band) in &seen {
                    visible[*band] += 1;
                }
                for (locator, tally) in locators.iter().zip(&mut tallies) {
                    let locate = LocateOptions { detector: *locator, ..LocateOptions::default() };
                    let scanner = Scanner::new(ScanOptions { locate, ..ScanOptions::default() });
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
    println!("{pictures} pictures; codes visible from {BANDS:?} px per module: {visible:?}");
    for (locator, tally) in locators.iter().zip(&tallies) {
        let each = |s: f64| 1000.0 * s / f64::from(pictures.max(1));
        println!(
            "{locator:?}: read {:?}, misread {}, locate {:.0} ms, scan {:.0} ms a picture",
            tally.read,
            tally.misread,
            each(tally.locate_s),
            each(tally.scan_s)
        );
    }
}
