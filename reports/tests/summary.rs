//! Bands, counting and the run's numbers.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod common;

use common::{empty_run, frame, sample_run, view};
use reports::*;

#[test]
fn bands_are_half_open_at_every_edge() {
    let below = |x: f64| f64::from_bits(x.to_bits() - 1);
    for (edge, under, at) in [
        (0.5, "lt0_5", "0_5_0_7"),
        (0.7, "0_5_0_7", "0_7_1"),
        (1.0, "0_7_1", "1_1_5"),
        (1.5, "1_1_5", "1_5_2"),
        (2.0, "1_5_2", "2_3"),
        (3.0, "2_3", "ge3"),
    ] {
        assert_eq!((Band::of(below(edge)).key(), Band::of(edge).key()), (under, at), "edge {edge}");
    }
    assert_eq!([f64::NEG_INFINITY, -1.0, 0.0, f64::NAN].map(Band::of), [Band::Lt0_5; 4]);
    assert_eq!([1e9, f64::INFINITY].map(Band::of), [Band::Ge3; 2]);
    for pair in Band::ALL.windows(2) {
        assert_eq!(pair[0].hi(), pair[1].lo());
    }
    assert_eq!(Band::Ge3.hi(), f64::INFINITY);
}

#[test]
fn only_visible_views_of_trace_codes_count() {
    let mut run = empty_run();
    run.frames = vec![frame(0)];
    run.views = vec![
        view(),
        CodeView { read: false, reason: Some("nothing_decoded".to_owned()), ..view() },
        CodeView { nominal: false, px_per_module: 3.0, ..view() },
        CodeView { visible: false, ..view() },
        CodeView { visible: false, read: false, ..view() },
        CodeView { role: PrintRole::Decoy, read: false, ..view() },
    ];
    let summary = summary(&run);
    let counts = |bands: &ByBand<Recall>, band| (bands.get(band).visible, bands.get(band).read);
    assert_eq!(counts(&summary.recall_visible, Band::From2), (2, 1));
    assert_eq!(counts(&summary.recall_visible, Band::Ge3), (1, 1));
    assert_eq!(counts(&summary.recall_nominal, Band::From2), (2, 1));
    assert_eq!(counts(&summary.recall_nominal, Band::Ge3), (0, 0));
    assert_eq!(counts(&summary.recall_off_nominal, Band::Ge3), (1, 1));
    assert_eq!(summary.read_not_visible, 1);
    assert_eq!(summary.recall_visible.get(Band::From2).recall, Some(0.5));
    assert_eq!(summary.recall_visible.get(Band::Lt0_5), &Recall { visible: 0, read: 0, recall: None, lower_95: None });
    // Two of two: the bound is √0.05; one of two: 1 − √0.95.
    let bound = summary.recall_visible.get(Band::From2).lower_95.unwrap();
    assert!((bound - (1.0 - 0.95_f64.sqrt())).abs() < 1e-12, "{bound}");
}

#[test]
fn a_misread_in_many_frames_counts_once_and_its_rate_counts_every_reading() {
    let misread = |text: &str, kind, given_to| Misread { text: text.to_owned(), kind, given_to, corners: view().corners };
    let mut run = empty_run();
    run.frames = vec![frame(0), frame(1), frame(2)];
    run.views = vec![view(), CodeView { frame: 1, ..view() }];
    // On no package: which package it seemed to lie on does not matter.
    run.frames[0].misreads = vec![misread("8A", MisreadKind::UnknownText, Some(3)), misread("8B", MisreadKind::WrongPackage, Some(1))];
    run.frames[1].misreads = vec![misread("8A", MisreadKind::UnknownText, None), misread("8B", MisreadKind::WrongPackage, Some(1))];
    run.frames[2].misreads = vec![misread("8B", MisreadKind::WrongPackage, Some(2)), misread("69", MisreadKind::Decoy, Some(0))];
    let summary = summary(&run);
    assert_eq!(summary.misreads, 4);
    let notes: Vec<_> = summary.misread_texts.iter().map(|note| (note.text.as_str(), note.given_to, note.frames)).collect();
    assert_eq!(notes, [("69", None, 1), ("8A", None, 2), ("8B", Some(1), 2), ("8B", Some(2), 1)]);
    assert_eq!((summary.misread_rate_readings.wrong, summary.misread_rate_readings.of), (6, 8));
    assert_eq!((summary.misread_rate_texts.wrong, summary.misread_rate_texts.of), (4, 5));
}

#[test]
fn json_has_the_keys_that_scripts_rely_on() {
    let json = serde_json::to_value(summary(&sample_run())).unwrap();
    for key in [
        "packages",
        "frames",
        "recall_visible",
        "recall_nominal",
        "packages_read",
        "packages_ceiling",
        "misreads",
        "render_mpix_per_s",
        "decode_seconds_per_frame",
        "cycle_seconds_mechanical",
        "cycle_seconds_compute",
        "seed",
    ] {
        assert!(!json[key].is_null(), "{key} is missing");
    }
    for band in ["lt0_5", "0_5_0_7", "0_7_1", "1_1_5", "1_5_2", "2_3", "ge3"] {
        let object = json["recall_visible"][band].as_object().unwrap();
        assert_eq!(object.keys().collect::<Vec<_>>(), ["lower_95", "read", "recall", "visible"]);
        assert!(object["visible"].is_u64() && object["read"].is_u64());
    }
    assert_eq!((json["packages"].as_u64(), json["frames"].as_u64(), json["seed"].as_u64()), (Some(20), Some(24), Some(7)));
    assert!(json["recall_visible"]["lt0_5"]["recall"].is_null(), "no sample, no share");
    let back: Summary = serde_json::from_value(json).unwrap();
    assert_eq!(back, summary(&sample_run()));
}

#[test]
fn speeds_are_sums_over_sums() {
    let mut run = empty_run();
    run.frames = vec![frame(0), frame(1)];
    let stage = |stage: &str, seconds| StageTime { stage: stage.to_owned(), seconds };
    run.times.frames = vec![
        FrameTimes { frame: 0, render_seconds: 0.5, decode: vec![stage("locate", 1.0), stage("decode", 2.0)] },
        FrameTimes { frame: 1, render_seconds: 1.5, decode: vec![stage("locate", 0.5)] },
    ];
    let measured = summary(&run);
    assert_eq!(measured.render_mpix_per_s, Some((4096.0 * 3000.0 + 2448.0 * 2048.0) / 1e6 / 2.0));
    assert_eq!(measured.decode_seconds_per_frame, Some(1.75));
    assert_eq!((measured.cycle_seconds_compute, measured.cycle_seconds_compute_measured), (3.5, true));
    run.cycle.compute_seconds = Some(9.0);
    let by_profile = summary(&run);
    assert_eq!((by_profile.cycle_seconds_compute, by_profile.cycle_seconds_compute_measured), (9.0, false));
    let nothing = summary(&empty_run());
    assert_eq!((nothing.render_mpix_per_s, nothing.decode_seconds_per_frame, nothing.order), (None, None, None));
}

#[test]
fn merged_runs_add_up() {
    let run = sample_run();
    let one = Recognition::of(&run);
    let two = merge([&run, &run]);
    assert_eq!((two.runs, two.frames, two.packages, two.packages_read), (2, 48, 40, 2 * one.packages_read));
    for band in Band::ALL {
        let (visible, nominal, off) = (one.visible.get(band), one.nominal.get(band), one.off_nominal.get(band));
        assert_eq!((visible.visible, visible.read), (nominal.visible + off.visible, nominal.read + off.read));
        assert_eq!(two.visible.get(band), &BandCount { visible: 2 * visible.visible, read: 2 * visible.read });
    }
    assert_eq!(two.misread_rate_texts().wrong, 2);
    assert_eq!(two.recall_nominal_from(Band::Ge3), two.recall_nominal().get(Band::Ge3).to_owned());
    let all = two.recall_nominal_from(Band::Lt0_5);
    assert_eq!(all.visible, Band::ALL.iter().map(|band| two.nominal.get(*band).visible).sum::<u64>());
    assert_eq!(merge([]), Recognition::default());
}

/// Five packages, each seen once; all but the second are read in their view.
#[test]
fn nominal_views_and_the_packages_that_they_show_are_counted_apart() {
    let mut run = sample_run();
    run.packages.truncate(5);
    for (index, package) in run.packages.iter_mut().enumerate() {
        package.read = index != 1;
    }
    let of = |package: usize, change: fn(&mut CodeView)| {
        let mut view = CodeView { package, text: run.packages[package].text.clone(), read: package != 1, ..view() };
        change(&mut view);
        view
    };
    run.views = vec![
        of(0, |_| {}),
        of(1, |view| view.symbology = "data_matrix".to_owned()),
        // Just on the grid, and as large as a cycle needs.
        of(2, |view| (view.grid_angle_deg, view.px_per_module) = (0.99, 0.7)),
        // Too small; not nominal.
        of(3, |view| (view.grid_angle_deg, view.px_per_module) = (1.0, 0.69)),
        of(4, |view| (view.nominal, view.grid_angle_deg) = (false, 0.0)),
    ];
    let counted = Recognition::of(&run);
    let band = |of: &ByBand<BandCount>, px: f64| {
        let count = of.get(Band::of(px));
        (count.read, count.visible)
    };
    assert_eq!(band(&counted.nominal, 2.0), (1, 2));
    assert_eq!(band(&counted.nominal_matrix, 2.0), (0, 1));
    assert_eq!([0.69, 0.7, 2.0].map(|px| band(&counted.nominal_on_grid, px)), [(0, 0), (1, 1), (0, 0)]);
    assert_eq!(band(&counted.off_nominal, 2.0), (1, 1));
    // The fourth package's view is too small and the fifth's not nominal.
    assert_eq!((counted.packages_nominal, counted.packages_nominal_read), (3, 2));
    let twice = merge([&run, &run]);
    assert_eq!((twice.packages_nominal, twice.packages_nominal_read), (6, 4));
    assert_eq!(band(&twice.nominal_matrix, 2.0), (0, 2));
    assert_eq!(band(&twice.nominal_on_grid, 0.7), (2, 2));
}

#[test]
fn wall_times_pictures_and_the_start_change_no_result() {
    let run = sample_run();
    let mut other = run.clone();
    other.times = WallTimes::default();
    other.manifest.started_at = "1999-12-31T23:59:59Z".to_owned();
    other.frames[0].picture = None;
    other.notes.clear();
    assert_eq!(run.result_bytes().unwrap(), other.result_bytes().unwrap());
    other.views[0].read ^= true;
    assert_ne!(run.result_bytes().unwrap(), other.result_bytes().unwrap());
}
