//! Recordings: what goes in comes out, what was damaged is named.
#![allow(clippy::unwrap_used)] // the helpers of tests are tests

mod fakes;

use std::fs;
use std::path::Path;
use std::time::Duration;

use fakes::{SharedScene, TIMEOUT, clock, rig};
use hardware_hal::{
    Camera, CameraCapabilities, CameraDescription, CameraSettings, ErrorKind, Exposure, Frame, FrameMeta, LightCapabilities, LightSetting,
    PixelFormat, PixelLayout, Recording, RecordingWriter, RigDescription, Samples, Timestamp, TurntableCapabilities,
};
use proptest::prelude::*;

const LAYOUTS: [PixelLayout; 6] =
    [PixelLayout::Mono, PixelLayout::BayerRggb, PixelLayout::BayerGrbg, PixelLayout::BayerGbrg, PixelLayout::BayerBggr, PixelLayout::Rgb];

/// A rig of one camera `top` that can do one format.
fn description(size_px: [u32; 2], format: PixelFormat) -> RigDescription {
    let capabilities = CameraCapabilities {
        id: "top".into(),
        size_px,
        formats: vec![format],
        exposure: (Duration::from_micros(10), Duration::from_secs(1)),
        gain_db: (0.0, 24.0),
    };
    let settings = CameraSettings { format, exposure: Duration::from_millis(1), gain_db: 0.1 };
    RigDescription {
        cameras: vec![CameraDescription { capabilities, settings, calibration: None }],
        lights: LightCapabilities { id: "lights".into(), patterns: vec!["ring".into()], intensity: (0.0, 1.0) },
        turntable: Some(TurntableCapabilities {
            id: "plate".into(),
            resolution_rad: 0.1 / 3.0,
            max_speed_rad_s: 1.0,
            max_acceleration_rad_s2: 1.0,
        }),
    }
}

fn meta(sequence: u64, [width, height]: [u32; 2], format: PixelFormat) -> FrameMeta {
    let start = Timestamp(1_700_000_000_000_000_001 + 1_000_000_000 * sequence);
    let exposure = Exposure { start, duration: Duration::from_millis(1) };
    FrameMeta {
        camera: "top".into(),
        sequence,
        width,
        height,
        format,
        timestamp: start.plus(Duration::from_millis(3)),
        exposure,
        calibration: None,
        turntable_angle_rad: Some(0.1 * sequence as f64),
        light_pattern: Some("ring".into()),
        complete: true,
    }
}

fn frame(sequence: u64, value: u8) -> Frame {
    Frame::new(meta(sequence, [3, 2], PixelFormat::MONO8), Samples::U8(vec![value; 6])).unwrap()
}

/// A recording of three frames in the folder `recording` under `dir`.
fn small(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("recording");
    let mut writer = RecordingWriter::create(&path, description([3, 2], PixelFormat::MONO8)).unwrap();
    for i in 0..3 {
        writer.push(&frame(i, 10 + i as u8)).unwrap();
    }
    writer.finish().unwrap();
    path
}

/// The message and kind with which a recording that `damage` was done to is refused.
fn refused(damage: impl FnOnce(&Path)) -> (ErrorKind, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = small(dir.path());
    damage(&path);
    let error = Recording::open(&path).expect_err("a damaged recording was opened");
    (error.kind(), error.to_string().replace(path.to_str().unwrap(), "DIR"))
}

fn edit_manifest(path: &Path, from: &str, to: &str) {
    let manifest = path.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(manifest, text.replacen(from, to, 1)).unwrap();
}

fn frame_strategy() -> impl Strategy<Value = Frame> {
    let format = (0..LAYOUTS.len(), 8u8..=16).prop_map(|(layout, bits)| PixelFormat { layout: LAYOUTS[layout], bits });
    (format, 1u32..9, 1u32..9, any::<u64>(), any::<bool>()).prop_flat_map(|(format, width, height, sequence, complete)| {
        let count = width as usize * height as usize * format.layout.samples();
        let angle = proptest::option::of(proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL);
        let pattern = proptest::option::of(Just("ring".to_owned()));
        (proptest::collection::vec(0..=format.full_scale(), count), angle, pattern).prop_map(move |(values, angle, pattern)| {
            let samples = match format.bits {
                8 => Samples::U8(values.iter().map(|&v| v as u8).collect()),
                _ => Samples::U16(values),
            };
            let meta =
                FrameMeta { sequence, turntable_angle_rad: angle, light_pattern: pattern, complete, ..meta(0, [width, height], format) };
            Frame::new(meta, samples).unwrap()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Every layout at every depth comes back sample by sample, and every number to the last bit.
    #[test]
    fn a_frame_comes_back_exactly(frame in frame_strategy()) {
        let dir = tempfile::tempdir().unwrap();
        let size = [frame.meta().width, frame.meta().height];
        let mut writer = RecordingWriter::create(dir.path(), description(size, frame.meta().format)).unwrap();
        writer.push(&frame).unwrap();
        let written = writer.finish().unwrap();
        let read = Recording::open(dir.path()).unwrap();
        prop_assert_eq!(&read, &written);
        prop_assert_eq!(read.frame(0).unwrap().unwrap(), frame);
        prop_assert!(read.frame(1).is_none());
    }
}

#[test]
fn twelve_bits_are_stored_right_aligned_in_16_bit_png() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::create(dir.path(), description([4, 1], PixelFormat::MONO12)).unwrap();
    let samples = Samples::U16(vec![0, 1, 0x0ABC, 4095]);
    writer.push(&Frame::new(meta(0, [4, 1], PixelFormat::MONO12), samples).unwrap()).unwrap();
    writer.finish().unwrap();
    let image = image::open(dir.path().join("frame-000000-top.png")).unwrap();
    assert_eq!(image.color(), image::ColorType::L16);
    assert_eq!(image.into_luma16().into_raw(), [0, 1, 0x0ABC, 4095]);
}

#[test]
fn a_rig_is_recorded_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig();
    let description = RigDescription::of(&rig);
    let mut writer = RecordingWriter::create(dir.path(), description.clone()).unwrap();
    let mut frames = Vec::new();
    rig.turntable.as_mut().unwrap().home().unwrap();
    for angle in [0.0, 1.0] {
        rig.turntable.as_mut().unwrap().move_to(angle).unwrap();
        rig.lights.apply(&LightSetting { pattern: "ring".into(), intensity: 1.0 }).unwrap();
        for camera in &mut rig.cameras {
            camera.trigger().unwrap();
            frames.push(camera.fetch(TIMEOUT).unwrap());
            writer.push(&frames[frames.len() - 1]).unwrap();
        }
    }
    writer.finish().unwrap();

    let recording = Recording::open(dir.path()).unwrap();
    assert_eq!(*recording.rig(), description);
    let read: Vec<Frame> = (0..recording.frames().len()).map(|i| recording.frame(i).unwrap().unwrap()).collect();
    assert_eq!(read, frames);
    assert_eq!(recording.frames()[1].file, "frame-000001-side.png");
    assert_eq!(recording.rig().cameras[0].settings.gain_db, 3.0);
}

#[test]
fn a_missing_folder_and_a_folder_that_is_no_recording() {
    let dir = tempfile::tempdir().unwrap();
    let error = Recording::open(dir.path().join("nowhere")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("nowhere/manifest.json: is missing: not a recording"), "{error}");
    assert_eq!(Recording::open(dir.path()).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn a_recording_that_was_never_finished_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::create(dir.path(), description([3, 2], PixelFormat::MONO8)).unwrap();
    writer.push(&frame(0, 1)).unwrap();
    drop(writer);
    let error = Recording::open(dir.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("never finished"), "{error}");
}

#[test]
fn a_missing_picture_is_named() {
    let (kind, message) = refused(|dir| fs::remove_file(dir.join("frame-000001-top.png")).unwrap());
    assert_eq!(kind, ErrorKind::Io);
    assert!(message.starts_with("recording: DIR/frame-000001-top.png: is missing"), "{message}");
}

#[test]
fn a_picture_cut_short_is_named() {
    let (kind, message) = refused(|dir| {
        let path = dir.join("frame-000002-top.png");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    });
    assert_eq!(kind, ErrorKind::Malformed);
    assert!(message.starts_with("recording: DIR/frame-000002-top.png: was cut short"), "{message}");
}

#[test]
fn a_changed_picture_is_named() {
    // A valid picture of the same size: only its digest tells.
    let (kind, message) = refused(|dir| {
        fs::copy(dir.join("frame-000000-top.png"), dir.join("frame-000001-top.png")).unwrap();
    });
    assert_eq!(kind, ErrorKind::Malformed);
    assert!(message.contains("DIR/frame-000001-top.png: was changed: its SHA-256 is"), "{message}");
}

#[test]
fn a_picture_of_another_size_is_named() {
    let (kind, message) = refused(|dir| {
        edit_manifest(dir, "\"size_px\": [\n            3,\n            2", "\"size_px\": [\n            2,\n            3");
        for _ in 0..3 {
            edit_manifest(dir, "\"width\": 3,\n        \"height\": 2", "\"width\": 2,\n        \"height\": 3");
        }
    });
    assert_eq!(kind, ErrorKind::Malformed);
    assert_eq!(message, "recording: DIR/frame-000000-top.png: has 3×2 px, the manifest says 2×3");
}

#[test]
fn a_picture_of_another_depth_is_named() {
    let (kind, message) = refused(|dir| {
        for _ in 0..5 {
            edit_manifest(dir, "\"bits\": 8", "\"bits\": 12");
        }
    });
    assert_eq!(kind, ErrorKind::Malformed);
    assert_eq!(message, "recording: DIR/frame-000000-top.png: has samples L8, the manifest's format needs L16");
}

#[test]
fn an_unknown_schema_version_is_named() {
    let (kind, message) = refused(|dir| edit_manifest(dir, "\"schema_version\": 1", "\"something_new\": 7, \"schema_version\": 2"));
    assert_eq!(kind, ErrorKind::Malformed);
    assert_eq!(message, "recording: DIR/manifest.json: has schema version 2; this build reads version 1");
}

#[test]
fn a_manifest_that_is_none_or_contradicts_itself_is_refused() {
    let cases: [(&str, &str, &str); 8] = [
        ("{", "[", "is not a manifest"),
        ("\"complete\"", "\"compleat\"", "is not a manifest: missing field `complete`"),
        ("\"rig\": {", "\"colour\": 1, \"rig\": {", "unknown field `colour`"),
        ("\"file\": \"frame-000000-top.png\"", "\"file\": \"../frame-000000-top.png\"", "not a plain name"),
        ("\"file\": \"frame-000000-top.png\"", "\"file\": \"frame-000001-top.png\"", "names the file `frame-000001-top.png` twice"),
        ("\"camera\": \"top\"", "\"camera\": \"side\"", "frame 0 of camera `side` is of a camera that the rig does not have"),
        ("\"sequence\": 2", "\"sequence\": 1", "has frame 1 of camera `top` after frame 1"),
        ("\"light_pattern\": \"ring\"", "\"light_pattern\": \"dome\"", "under the pattern `dome`, which the lights do not have"),
    ];
    for (from, to, expected) in cases {
        let (kind, message) = refused(|dir| edit_manifest(dir, from, to));
        assert_eq!(kind, ErrorKind::Malformed, "{message}");
        assert!(message.starts_with("recording: DIR/manifest.json: ") && message.contains(expected), "{message}");
    }
}

#[test]
fn a_picture_that_changes_after_opening_is_caught_when_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let recording = Recording::open(small(dir.path())).unwrap();
    fs::write(recording.dir().join("frame-000000-top.png"), b"nothing").unwrap();
    assert_eq!(recording.frame(0).unwrap().unwrap_err().kind(), ErrorKind::Malformed);
    assert!(recording.frame(1).unwrap().is_ok());
}

#[test]
fn a_writer_takes_only_frames_of_its_rig() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::create(dir.path(), description([3, 2], PixelFormat::MONO12)).unwrap();
    let format = PixelFormat::MONO12;
    let good = meta(5, [3, 2], format);
    let samples = Samples::U16(vec![4095; 6]);
    let mut push =
        |meta: FrameMeta, samples: Samples| writer.push(&Frame::new(meta, samples).unwrap()).map_err(|e| (e.kind(), e.to_string()));
    push(good.clone(), samples.clone()).unwrap();

    let turned = FrameMeta { turntable_angle_rad: Some(f64::NAN), sequence: 6, ..good.clone() };
    let other = FrameMeta { camera: "side".into(), sequence: 6, ..good.clone() };
    let small = FrameMeta { width: 2, height: 3, sequence: 6, ..good.clone() };
    let bits = FrameMeta { format: PixelFormat { bits: 10, ..format }, sequence: 6, ..good.clone() };
    let bright = FrameMeta { sequence: 6, ..good.clone() };
    let cases = [
        (good.clone(), samples.clone(), "frame 5 of camera `top` comes after frame 5"),
        (turned, samples.clone(), "was taken at the turntable angle NaN"),
        (other, samples.clone(), "a camera that the rig does not have"),
        (small, samples.clone(), "has 2×3 px, the camera 3×2"),
        (bits, samples.clone(), "which the camera does not have"),
        (bright, Samples::U16(vec![4096; 6]), "has the 12-bit sample 4096"),
    ];
    for (meta, samples, expected) in cases {
        let (kind, message) = push(meta, samples).unwrap_err();
        assert!(kind == ErrorKind::Malformed && message.contains(expected), "{kind:?}: {message}");
    }
    // It goes on after an error.
    push(FrameMeta { sequence: 7, ..good }, samples).unwrap();
    assert_eq!(writer.finish().unwrap().frames().len(), 2);
    assert_eq!(Recording::open(dir.path()).unwrap().frames().len(), 2);
}

#[test]
fn a_rig_that_cannot_be_described_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refuse = |change: fn(&mut RigDescription)| {
        let mut rig = description([3, 2], PixelFormat::MONO8);
        change(&mut rig);
        let error = RecordingWriter::create(dir.path().join("new"), rig).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
        error.to_string()
    };
    assert!(refuse(|r| r.cameras.clear()).ends_with("the rig has no camera"));
    assert!(refuse(|r| r.cameras.push(r.cameras[0].clone())).ends_with("two cameras are called `top`"));
    assert!(refuse(|r| r.cameras[0].settings.gain_db = f64::NAN).contains("not finite"));
    assert!(refuse(|r| r.lights.patterns.clear()).contains("no pattern"));
    assert!(refuse(|r| r.turntable.as_mut().unwrap().max_speed_rad_s = f64::INFINITY).contains("not positive and finite"));
    assert!(!dir.path().join("new").exists());
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = small(dir.path());
    let error = RecordingWriter::create(&path, description([3, 2], PixelFormat::MONO8)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("not empty"), "{error}");
    assert_eq!(Recording::open(&path).unwrap().frames().len(), 3);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_io_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    let error = RecordingWriter::create(dir.path().join("file/recording"), description([3, 2], PixelFormat::MONO8)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("file/recording: cannot make the folder"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_folder_is_found_when_recording_starts() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(dir.path().join("probe"), b"").is_ok() {
        println!("skipped: this user writes to read-only folders (root)");
        return;
    }
    let error = RecordingWriter::create(dir.path(), description([3, 2], PixelFormat::MONO8)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("manifest.json.part: cannot write"), "{error}");
}

/// A full disk by `/dev/full`, which refuses every write with ENOSPC, in the place of the file to be written.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_io_error_and_leaves_no_recording() {
    let dir = tempfile::tempdir().unwrap();
    let full = |name: &str| {
        let path = dir.path().join(name);
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink("/dev/full", path).unwrap();
    };
    let mut writer = RecordingWriter::create(dir.path(), description([3, 2], PixelFormat::MONO8)).unwrap();
    writer.push(&frame(0, 1)).unwrap();
    full("frame-000001-top.png");
    let error = writer.push(&frame(1, 2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("frame-000001-top.png: cannot write: No space left on device"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    // The frame can be pushed again when there is room.
    writer.push(&frame(1, 2)).unwrap();

    full("manifest.json.part");
    let error = writer.finish().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("manifest.json.part: cannot write: No space left on device"), "{error}");
    assert!(!dir.path().join("manifest.json").exists());
    assert_eq!(Recording::open(dir.path()).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn a_camera_name_that_is_no_file_name_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, scene) = (clock(), SharedScene::default());
    let mut camera = fakes::FakeCamera::new("../顶/top view", clock, scene);
    let mut rig = description([6, 4], PixelFormat::MONO8);
    rig.cameras[0].capabilities = camera.capabilities().clone();
    let mut writer = RecordingWriter::create(dir.path(), rig).unwrap();
    camera.trigger().unwrap();
    let frame = camera.fetch(TIMEOUT).unwrap();
    writer.push(&frame).unwrap();
    writer.finish().unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    assert_eq!(recording.frames()[0].file, "frame-000000-_____top_view.png");
    assert_eq!(recording.frame(0).unwrap().unwrap(), frame);
}
