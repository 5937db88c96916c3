//! A recording replayed as a rig.
#![allow(clippy::unwrap_used)] // the helpers of tests are tests

mod fakes;

use std::time::Duration;

use fakes::{TIMEOUT, rig};
use hardware_hal::conformance::{self, ANGLES_RAD};
use hardware_hal::{
    CameraSettings, ErrorKind, Frame, LightSetting, PixelFormat, PixelLayout, RecordingWriter, ReplayRig, Rig, RigDescription,
};

fn ring() -> LightSetting {
    LightSetting { pattern: "ring".into(), intensity: 1.0 }
}

/// Records `shots` of all cameras at each angle under each pattern; returns the frames in that order.
fn record(dir: &std::path::Path, rig: &mut Rig, angles: &[f64], shots: impl Fn(f64) -> usize) -> Vec<Frame> {
    let mut writer = RecordingWriter::create(dir, RigDescription::of(rig)).unwrap();
    let mut frames = Vec::new();
    rig.turntable.as_mut().unwrap().home().unwrap();
    for &angle in angles {
        rig.turntable.as_mut().unwrap().move_to(angle).unwrap();
        for pattern in rig.lights.capabilities().patterns.clone() {
            rig.lights.apply(&LightSetting { pattern, intensity: 1.0 }).unwrap();
            for _ in 0..shots(angle) {
                rig.cameras.iter_mut().for_each(|c| c.trigger().unwrap());
                for camera in &mut rig.cameras {
                    frames.push(camera.fetch(TIMEOUT).unwrap());
                }
            }
        }
    }
    frames.iter().for_each(|f| writer.push(f).unwrap());
    writer.finish().unwrap();
    frames
}

/// A replay of two angles, two patterns, two cameras, one shot each.
fn small(dir: &std::path::Path) -> (Rig, Vec<Frame>) {
    let frames = record(dir, &mut rig(), &[0.0, 1.0], |_| 1);
    (ReplayRig::open(dir).unwrap().rig(), frames)
}

#[test]
fn a_replay_conforms() {
    let dir = tempfile::tempdir().unwrap();
    record(dir.path(), &mut rig(), ANGLES_RAD, |angle| if angle == 0.0 || angle == -7.0 { conformance::frames_needed(1) + 2 } else { 1 });
    let replay = ReplayRig::open(dir.path()).unwrap();
    conformance::check_rig(&mut replay.rig(), &replay.angles_rad(), TIMEOUT).unwrap();
    conformance::check_rig(&mut replay.rig(), ANGLES_RAD, TIMEOUT).unwrap();
}

#[test]
fn a_replay_in_recorded_order_shows_the_recorded_frames() {
    let dir = tempfile::tempdir().unwrap();
    let (mut rig, frames) = small(dir.path());
    let mut replayed = Vec::new();
    rig.turntable.as_mut().unwrap().home().unwrap();
    for angle in [0.0, 1.0] {
        rig.turntable.as_mut().unwrap().move_to(angle).unwrap();
        for pattern in rig.lights.capabilities().patterns.clone() {
            rig.lights.apply(&LightSetting { pattern, intensity: 1.0 }).unwrap();
            rig.cameras.iter_mut().for_each(|c| c.trigger().unwrap());
            for camera in &mut rig.cameras {
                replayed.push(camera.fetch(TIMEOUT).unwrap());
            }
        }
    }
    // Pixels, times, sequence numbers: all of it.
    assert_eq!(replayed, frames);
    assert_eq!(rig.clock.now(), frames[frames.len() - 1].meta().timestamp);
}

#[test]
fn frames_of_one_place_come_in_recorded_order_and_then_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let frames = record(dir.path(), &mut rig(), &[0.0, 1.0], |_| 3);
    let top_under_ring = |angle: f64| {
        frames.iter().filter(move |f| {
            let m = f.meta();
            m.camera == "top" && m.light_pattern.as_deref() == Some("ring") && m.turntable_angle_rad == Some(angle)
        })
    };
    let mut rig = ReplayRig::open(dir.path()).unwrap().rig();
    let (camera, turntable) = (&mut rig.cameras[0], rig.turntable.as_mut().unwrap());
    turntable.home().unwrap();
    rig.lights.apply(&ring()).unwrap();
    // The other way round than recorded.
    let mut last = None;
    for angle in [1.0, 0.0] {
        turntable.move_to(angle).unwrap();
        for recorded in top_under_ring(angle) {
            camera.trigger().unwrap();
            let frame = camera.fetch(TIMEOUT).unwrap();
            assert_eq!(frame.samples(), recorded.samples());
            assert_eq!(frame.meta().exposure.duration, recorded.meta().exposure.duration);
            assert!(Some(frame.meta().timestamp) > last, "time went back");
            last = Some(frame.meta().timestamp);
        }
        let error = camera.trigger().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfRange);
        assert!(error.to_string().starts_with("top: all frames recorded at"), "{error}");
        // A refused trigger was none.
        assert_eq!(camera.fetch(TIMEOUT).unwrap_err().kind(), ErrorKind::WrongState);
    }
    // A fresh rig starts anew.
    let mut again = ReplayRig::open(dir.path()).unwrap().rig();
    again.turntable.as_mut().unwrap().home().unwrap();
    again.lights.apply(&ring()).unwrap();
    again.cameras[0].trigger().unwrap();
    assert_eq!(again.cameras[0].fetch(TIMEOUT).unwrap(), frames[0]);
}

#[test]
fn an_angle_that_was_not_recorded_is_refused_with_those_that_were() {
    let dir = tempfile::tempdir().unwrap();
    let (mut rig, _) = small(dir.path());
    let turntable = rig.turntable.as_mut().unwrap();
    turntable.home().unwrap();
    let error = turntable.move_to(0.5).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfRange);
    assert_eq!(error.to_string(), "plate: the angle 0.5 rad was not recorded; there is 0 rad, 1 rad");
    assert_eq!(turntable.angle_rad(), Some(0.0));
    // Half a step beside it is what the recorded plate would have done.
    assert_eq!(turntable.move_to(1.00004).unwrap(), 1.0);
}

#[test]
fn a_pattern_that_was_not_recorded_is_refused_with_those_that_were() {
    let dir = tempfile::tempdir().unwrap();
    let mut full = rig();
    let mut writer = RecordingWriter::create(dir.path(), RigDescription::of(&full)).unwrap();
    full.turntable.as_mut().unwrap().home().unwrap();
    full.lights.apply(&ring()).unwrap();
    full.cameras[0].trigger().unwrap();
    writer.push(&full.cameras[0].fetch(TIMEOUT).unwrap()).unwrap();
    writer.finish().unwrap();

    let mut rig = ReplayRig::open(dir.path()).unwrap().rig();
    let error = rig.lights.apply(&LightSetting { pattern: "bar-left".into(), intensity: 1.0 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedSetting);
    assert_eq!(error.to_string(), "lights: the pattern `bar-left` was not recorded; there is `ring`");
    // A place without frames says what there is, at the camera that has some and at the one that has none.
    rig.turntable.as_mut().unwrap().home().unwrap();
    let error = rig.cameras[0].trigger().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfRange);
    let expected = "top: nothing was recorded at 0 rad in the dark (Mono 8 bit, 5ms); there is 0 rad under `ring` (Mono 8 bit, 5ms)";
    assert_eq!(error.to_string(), expected);
    assert!(rig.cameras[1].trigger().unwrap_err().to_string().ends_with("there is nothing"));
}

#[test]
fn settings_that_were_not_recorded_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut rig, _) = small(dir.path());
    let camera = &mut rig.cameras[0];
    let settings = camera.settings();
    assert_eq!(settings, CameraSettings { format: PixelFormat::MONO8, exposure: Duration::from_millis(5), gain_db: 3.0 });
    let cases = [
        (CameraSettings { format: PixelFormat::MONO12, ..settings }, ErrorKind::UnsupportedSetting, "there is Mono 8 bit"),
        (CameraSettings { exposure: Duration::from_millis(6), ..settings }, ErrorKind::OutOfRange, "there is 5ms"),
        (CameraSettings { gain_db: 4.0, ..settings }, ErrorKind::OutOfRange, "there is 3 dB"),
    ];
    for (wanted, kind, there) in cases {
        let error = camera.configure(&wanted).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().ends_with(there), "{error}");
    }
    assert_eq!(camera.configure(&settings).unwrap(), settings);
}

#[test]
fn a_bracket_of_exposures_and_formats_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = rig();
    source.cameras.truncate(1);
    let mut writer = RecordingWriter::create(dir.path(), RigDescription::of(&source)).unwrap();
    let rgb = PixelFormat { layout: PixelLayout::Rgb, bits: 8 };
    let brackets = [(PixelFormat::MONO8, 1), (PixelFormat::MONO8, 8), (rgb, 8), (PixelFormat::MONO12, 1)]
        .map(|(format, ms)| CameraSettings { format, exposure: Duration::from_millis(ms), gain_db: 3.0 });
    let mut frames = Vec::new();
    for settings in &brackets {
        source.cameras[0].configure(settings).unwrap();
        source.cameras[0].trigger().unwrap();
        frames.push(source.cameras[0].fetch(TIMEOUT).unwrap());
        writer.push(&frames[frames.len() - 1]).unwrap();
    }
    writer.finish().unwrap();

    let mut rig = ReplayRig::open(dir.path()).unwrap().rig();
    let camera = &mut rig.cameras[0];
    assert_eq!(camera.capabilities().formats, [PixelFormat::MONO8, PixelFormat::MONO12, rgb]);
    assert_eq!(camera.capabilities().exposure, (Duration::from_millis(1), Duration::from_millis(8)));
    for (settings, recorded) in brackets.iter().zip(&frames).rev() {
        assert_eq!(camera.configure(settings).unwrap(), *settings);
        camera.trigger().unwrap();
        assert_eq!(camera.fetch(TIMEOUT).unwrap().samples(), recorded.samples());
    }
    // Between two exposures, the nearest is applied.
    let between = CameraSettings { exposure: Duration::from_millis(3), ..brackets[0] };
    assert_eq!(camera.configure(&between).unwrap().exposure, Duration::from_millis(1));
}

#[test]
fn a_picture_that_vanishes_during_replay_is_told_and_spends_the_trigger() {
    let dir = tempfile::tempdir().unwrap();
    let (mut rig, _) = small(dir.path());
    rig.turntable.as_mut().unwrap().home().unwrap();
    rig.lights.apply(&ring()).unwrap();
    std::fs::remove_file(dir.path().join("frame-000000-top.png")).unwrap();
    rig.cameras[0].trigger().unwrap();
    assert_eq!(rig.cameras[0].fetch(TIMEOUT).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(rig.cameras[0].fetch(TIMEOUT).unwrap_err().kind(), ErrorKind::WrongState);
}

#[test]
fn an_incomplete_frame_is_replayed_as_incomplete() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = rig();
    let mut writer = RecordingWriter::create(dir.path(), RigDescription::of(&source)).unwrap();
    source.cameras[0].trigger().unwrap();
    let (mut meta, samples) = source.cameras[0].fetch(TIMEOUT).unwrap().into_parts();
    meta.complete = false;
    writer.push(&Frame::new(meta, samples).unwrap()).unwrap();
    writer.finish().unwrap();
    let mut rig = ReplayRig::open(dir.path()).unwrap().rig();
    rig.cameras[0].trigger().unwrap();
    assert!(!rig.cameras[0].fetch(TIMEOUT).unwrap().meta().complete);
}
