//! The trained detector: what it refuses, what it sees, what it finds, and what becomes of a frame without it.

// What a helper of a test unwraps fails that test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use scanner_core::vision::detect::{self, Class, DetectError, DetectOptions, Detector};
use scanner_core::vision::{LocateOptions, Locator, Plane, ScanOptions, Scanner};
use sha2::{Digest, Sha256};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/detect").join(name)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The library, or a line that says why there is none.
fn library() -> Option<PathBuf> {
    let found = detect::library().filter(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: no ONNX Runtime library (make setup fetches it)");
    }
    found
}

#[test]
fn the_embedded_model_is_the_one_that_was_written_down() {
    let (length, hash) = detect::identity();
    assert_eq!((detect::MODEL.len(), sha256(detect::MODEL).as_str()), (length, hash));
    assert!(detect::MODEL.len() < 8_000_000);
}

#[test]
fn a_model_that_was_cut_off_is_refused() {
    let (length, hash) = detect::identity();
    for kept in [0, 100, length - 1] {
        let refused = Detector::from_bytes(&detect::MODEL[..kept], length, hash, Path::new("none")).unwrap_err();
        assert!(matches!(refused, DetectError::CutOff { got, expected } if (got, expected) == (kept, length)), "{refused}");
    }
}

#[test]
fn a_model_with_one_other_byte_is_refused() {
    let (length, hash) = detect::identity();
    let mut other = detect::MODEL.to_vec();
    other[length / 2] ^= 1;
    let refused = Detector::from_bytes(&other, length, hash, Path::new("none")).unwrap_err();
    assert!(matches!(&refused, DetectError::Hash { got, expected } if *got == sha256(&other) && expected == hash), "{refused}");
}

#[test]
fn a_library_that_is_not_there_is_named() {
    let (length, hash) = detect::identity();
    let refused = Detector::from_bytes(detect::MODEL, length, hash, Path::new("/none/libonnxruntime.so")).unwrap_err();
    assert_eq!(refused.to_string(), "the ONNX Runtime library /none/libonnxruntime.so cannot be used: it does not exist");
}

#[test]
fn a_model_of_another_shape_is_refused() {
    let Some(library) = library() else { return };
    // A single node that gives back what it gets, three channels.
    let model = std::fs::read(data("identity.onnx")).unwrap();
    let refused = Detector::from_bytes(&model, model.len(), &sha256(&model), &library).unwrap_err();
    assert!(matches!(refused, DetectError::Shape(_)), "{refused}");
    let nonsense = b"no model".to_vec();
    let refused = Detector::from_bytes(&nonsense, nonsense.len(), &sha256(&nonsense), &library).unwrap_err();
    assert!(matches!(refused, DetectError::Model(_)), "{refused}");
}

/// `features.f32` holds what `training/features.py` makes of `crop.png`'s first 96 columns and 66 rows, channel by channel.
#[test]
fn channels_are_those_that_the_net_was_trained_on() {
    let picture = image::open(data("crop.png")).unwrap().crop_imm(0, 0, 98, 67);
    let found = detect::features(&Plane::from_image(&picture), 1);
    let bytes = std::fs::read(data("features.f32")).unwrap();
    let expected: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    assert_eq!((found.rows, found.columns, expected.len()), (16, 24, 6 * 16 * 24));
    for (i, (a, b)) in found.data.iter().zip(&expected).enumerate() {
        assert!((a - b).abs() < 1e-4, "channel {} cell {}: {a} and {b}", i / (16 * 24), i % (16 * 24));
    }
}

/// `crop.png` is a piece of a training picture; its code's corners are in `crop.txt`, one a line.
#[test]
fn a_code_is_found_where_it_is() {
    let Some(_) = library() else { return };
    let plane = Plane::from_image(&image::open(data("crop.png")).unwrap());
    let corners: Vec<[f64; 2]> = std::fs::read_to_string(data("crop.txt"))
        .unwrap()
        .lines()
        .map(|line| {
            let mut numbers = line.split_whitespace().map(|word| word.parse::<f64>().unwrap());
            [numbers.next().unwrap(), numbers.next().unwrap()]
        })
        .collect();
    let detector = Detector::embedded().unwrap();
    let found = detector.detect(&plane, &DetectOptions::default()).unwrap();
    let best = found.iter().find(|place| place.class == Class::Linear).expect("a linear code");
    let middle = |k: usize| corners.iter().map(|c| c[k]).sum::<f64>() / 4.0;
    let length = (corners[1][0] - corners[0][0]).hypot(corners[1][1] - corners[0][1]);
    assert!((best.centre[0] - middle(0)).hypot(best.centre[1] - middle(1)) < 0.15 * length, "{best:?}");
    assert!((best.length() / length - 1.0).abs() < 0.25, "{best:?}");
    let along = [(corners[1][0] - corners[0][0]) / length, (corners[1][1] - corners[0][1]) / length];
    let cosine = 2.0 * (best.along[0] * along[0] + best.along[1] * along[1]) / best.length();
    assert!(cosine.abs() > 0.98, "{best:?}");
    // And the same again: no call leaves anything behind.
    assert_eq!(detector.detect(&plane, &DetectOptions::default()).unwrap(), found);
    // Nothing on an empty picture, whatever its size.
    for (w, h) in [(0, 0), (3, 3), (65, 64), (640, 480)] {
        assert_eq!(detector.detect(&Plane::new(w, h, vec![0.5; w * h]), &DetectOptions::default()).unwrap(), []);
    }
}

fn texts(detector: Locator) -> Vec<String> {
    let locate = LocateOptions { detector, ..LocateOptions::default() };
    let scanner = Scanner::new(ScanOptions { locate, ..ScanOptions::default() });
    scanner.scan_image(&image::open(data("crop.png")).unwrap()).readings.into_iter().map(|r| r.text).collect()
}

#[test]
fn without_the_library_gradients_locate_and_it_is_said_once() {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "in_a_process_without_the_library", "--ignored", "--nocapture", "--test-threads", "1"])
        .env("ORT_DYLIB_PATH", "/none/libonnxruntime.so")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    assert_eq!(said.matches("warning: no trained detector, codes are located by image gradients instead").count(), 1, "{said}");
}

#[test]
#[ignore = "run by without_the_library_gradients_locate_and_it_is_said_once"]
fn in_a_process_without_the_library() {
    let by_gradients = texts(Locator::Gradients);
    assert_eq!(texts(Locator::Ssd), by_gradients);
    assert_eq!(texts(Locator::Both), by_gradients);
}

/// No picture of the frozen validation and test sets, and no photograph, was trained on.
#[test]
fn nothing_was_trained_on_what_it_is_tested_with() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lists =
        ["pictures.sha256", "packages.sha256"].map(|list| std::fs::read_to_string(crate_folder.join("training").join(list)).unwrap());
    assert!(lists.iter().all(|list| !list.is_empty()));
    let list = lists.concat();
    let trained: Vec<(&str, &str)> = list.lines().map(|line| line.split_once("  ").unwrap()).collect();
    assert!(!trained.is_empty() && trained.iter().all(|(hash, _)| hash.len() == 64));
    let sets: toml::Table = std::fs::read_to_string(crate_folder.join("../scenarios/sets/sets.toml")).unwrap().parse().unwrap();
    let number = |set: &toml::Value, key: &str| set[key].as_integer().unwrap();
    let held_out: Vec<_> =
        sets["sets"].as_array().unwrap().iter().filter(|set| !set["name"].as_str().unwrap().starts_with("training")).collect();
    assert_eq!(held_out.len(), 5);
    for (_, name) in &trained {
        let seed: i64 = name.split('-').next().unwrap().parse().unwrap();
        for set in &held_out {
            let first = number(set, "first_seed");
            assert!(!(first..first + number(set, "loads")).contains(&seed), "{name} is of {}", set["name"]);
        }
    }

    let shared = std::env::var_os("TRACETWIN_SHARED").map_or_else(|| crate_folder.join("../../shared"), PathBuf::from);
    let Ok(folders) = std::fs::read_dir(shared.join("photos")) else {
        eprintln!("skipped: no photographs in {} (set TRACETWIN_SHARED)", shared.display());
        return;
    };
    let hashes: BTreeSet<&str> = trained.iter().map(|(hash, _)| *hash).collect();
    let files = folders.flatten().filter_map(|folder| std::fs::read_dir(folder.path()).ok()).flatten().flatten().map(|file| file.path());
    let mut seen = 0;
    for photo in files.filter(|path| path.extension().is_some_and(|e| e == "png" || e == "jpg")) {
        assert!(!hashes.contains(sha256(&std::fs::read(&photo).unwrap()).as_str()), "{}", photo.display());
        seen += 1;
    }
    assert!(seen > 0);
}
