//! The net that tells packages apart: what it refuses, what it finds, and what becomes of a frame without it.

// What a helper of a test unwraps fails that test.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use scanner_core::vision::detect::{self, DetectError};
use scanner_core::vision::segment::{InstanceRule, PACKAGES_MODEL, Segmenter, packages_identity};
use scanner_core::vision::{LocateOptions, Locator, Plane, ScanOptions, Scanner};
use sha2::{Digest, Sha256};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
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
fn a_model_that_is_not_whole_or_another_one_is_refused() {
    let (length, hash) = packages_identity();
    assert_eq!((PACKAGES_MODEL.len(), sha256(PACKAGES_MODEL).as_str()), (length, hash));
    let refused = Segmenter::from_bytes(&PACKAGES_MODEL[..length - 1], length, hash, Path::new("none")).unwrap_err();
    assert!(matches!(refused, DetectError::CutOff { got, expected } if (got, expected) == (length - 1, length)), "{refused}");
    let mut other = PACKAGES_MODEL.to_vec();
    other[length / 3] ^= 1;
    let refused = Segmenter::from_bytes(&other, length, hash, Path::new("none")).unwrap_err();
    assert!(matches!(refused, DetectError::Hash { .. }), "{refused}");
    let Some(library) = library() else { return };
    // The detector's model has the same input and more outputs.
    let (length, hash) = detect::identity();
    let refused = Segmenter::from_bytes(detect::MODEL, length, hash, &library).unwrap_err();
    assert!(matches!(refused, DetectError::Shape(_)), "{refused}");
}

/// `crop.jpg` is a piece of a training picture with four packages.
#[test]
fn packages_are_told_apart_and_get_their_codes() {
    let Some(_) = library() else { return };
    let picture = image::open(data("segment/crop.jpg")).unwrap();
    let scanner = |packages: bool| {
        let locate = LocateOptions { detector: Locator::Ssd, packages, ..LocateOptions::default() };
        Scanner::new(ScanOptions { locate, ..ScanOptions::default() }).scan_image(&picture)
    };
    let reading = scanner(true);
    let packages = reading.packages.as_ref().expect("packages");
    // Middles of what is seen of them, px.
    let wanted: &[[f64; 2]] = &[[384.0, 367.0], [58.0, 560.0], [67.0, 112.0], [604.0, 120.0]];
    assert_eq!(packages.seen.len(), wanted.len(), "{:?}", packages.seen);
    for middle in wanted {
        let which = packages.at(*middle).expect("a package");
        let seen = &packages.seen[which];
        assert!((seen.middle[0] - middle[0]).hypot(seen.middle[1] - middle[1]) < 48.0, "{seen:?} instead of {middle:?}");
    }
    // The background is none.
    assert_eq!(packages.at([231.0, 7.0]), None);
    assert!(!reading.readings.is_empty());
    let given: usize = packages.seen.iter().map(|seen| seen.codes.len()).sum();
    assert_eq!(given, reading.readings.len());
    // What is read does not depend on it.
    let without = scanner(false);
    assert_eq!((&without.readings, &without.packages), (&reading.readings, &None));
}

#[test]
fn an_empty_plate_has_no_packages() {
    let Some(_) = library() else { return };
    let net = Segmenter::embedded().unwrap();
    // As dark as a plate; what is bright from edge to edge may be a package that fills the picture.
    for (w, h) in [(0, 0), (3, 3), (65, 64), (640, 480)] {
        let features = detect::features(&Plane::new(w, h, vec![0.03; w * h]), detect::MULTIPLE);
        assert_eq!(net.segment(&features, &InstanceRule::default()).unwrap().seen, []);
    }
}
