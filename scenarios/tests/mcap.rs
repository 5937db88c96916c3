//! A recording as MCAP, read back record by record with a reader written from the format's text (mcap.dev/spec).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hardware_hal::glam::DVec3;
use hardware_hal::{
    Calibration, CameraCapabilities, CameraDescription, CameraSettings, Exposure, Frame, FrameMeta, Intrinsics, LightCapabilities,
    PixelFormat, Pose, RecordingWriter, RigDescription, Samples, Timestamp, TurntableCapabilities,
};
use scenarios::error::Failure;
use scenarios::export_mcap::{LOAD_FILE, McapArguments, PlacedPackage, command};

const SIZE: [u32; 2] = [6, 4];
const BEGIN: u64 = 1_772_409_600_000_000_000;

fn calibration() -> Calibration {
    let camera_from_rig = Pose::look_at(DVec3::new(0.0, 0.0, 0.6), DVec3::ZERO, DVec3::Y);
    Calibration {
        intrinsics: Intrinsics { distortion: [-0.1, 0.02, 1e-3, 0.0, 0.0], ..Intrinsics::pinhole(SIZE[0], SIZE[1], 5.0) },
        camera_from_rig,
    }
}

/// Two cameras, one of 8 and one of 12 bits, at two stops; the last frame arrived incomplete.
fn record(folder: &Path) -> Vec<Frame> {
    let camera = |id: &str, format| CameraDescription {
        capabilities: CameraCapabilities {
            id: id.into(),
            size_px: SIZE,
            formats: vec![format],
            exposure: (Duration::from_micros(10), Duration::from_secs(1)),
            gain_db: (0.0, 24.0),
        },
        settings: CameraSettings { format, exposure: Duration::from_millis(4), gain_db: 0.0 },
        calibration: Some(calibration()),
    };
    let rig = RigDescription {
        cameras: vec![camera("top", PixelFormat::MONO8), camera("side", PixelFormat::MONO12)],
        lights: LightCapabilities { id: "lights".into(), patterns: vec!["all".into()], intensity: (0.0, 1.0) },
        turntable: Some(TurntableCapabilities {
            id: "turntable".into(),
            resolution_rad: 1e-3,
            max_speed_rad_s: 1.0,
            max_acceleration_rad_s2: 2.0,
        }),
    };
    let mut writer = RecordingWriter::create(folder, rig).expect("a recording");
    let mut frames = Vec::new();
    for (index, (id, format, stop)) in
        [("top", PixelFormat::MONO8, 0), ("side", PixelFormat::MONO12, 0), ("top", PixelFormat::MONO8, 1), ("side", PixelFormat::MONO12, 1)]
            .into_iter()
            .enumerate()
    {
        let start = Timestamp(BEGIN + 1_000_000_000 * index as u64);
        let meta = FrameMeta {
            camera: id.into(),
            sequence: stop,
            width: SIZE[0],
            height: SIZE[1],
            format,
            timestamp: start.plus(Duration::from_millis(10)),
            exposure: Exposure { start, duration: Duration::from_millis(4) },
            calibration: Some(calibration()),
            turntable_angle_rad: Some(0.5 * stop as f64),
            light_pattern: Some("all".into()),
            complete: index != 3,
        };
        let samples = match format.bits {
            8 => Samples::U8((0..24).map(|i| 10 * i + index as u8).collect()),
            _ => Samples::U16((0..24).map(|i| 170 * i + index as u16).collect()),
        };
        let frame = Frame::new(meta, samples).expect("a frame");
        writer.push(&frame).expect("recorded");
        frames.push(frame);
    }
    writer.finish().expect("a manifest");
    frames
}

/// What a run leaves beside it.
fn run(folder: &Path, camera: &str) {
    let table = format!(
        "frame,camera,text,x0,y0,x1,y1,x2,y2,x3,y3,visible,px_per_module,read,reason\n\
         0,{camera},81234560000000010001,1,1,4,1,4,2,1,2,true,1.5,true,\n\
         0,{camera},81234560000000020002,1,2,4,2,4,3,1,3,true,0.9,false,not_located\n"
    );
    std::fs::write(folder.join("results.csv"), table).expect("a table");
    let package = |name: &str, round| PlacedPackage {
        name: name.into(),
        text: "81234560000000010001".into(),
        round,
        size_m: [0.05, 0.08, 0.05],
        rotation: [0.0, 0.0, 0.0, 1.0],
        translation_m: [0.1, 0.0, 0.04],
    };
    std::fs::write(folder.join(LOAD_FILE), serde_json::to_vec(&[package("carton", false), package("bottle", true)]).expect("JSON"))
        .expect("a load");
}

/// A reader of little-endian fields.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(count);
        self.0 = tail;
        head
    }

    fn int(&mut self, count: usize) -> u64 {
        self.take(count).iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    fn prefixed(&mut self) -> &'a [u8] {
        let count = self.int(4) as usize;
        self.take(count)
    }

    fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.prefixed()).expect("UTF-8")
    }

    fn record(&mut self) -> (u8, Bytes<'a>) {
        let op = self.int(1) as u8;
        let length = self.int(8) as usize;
        (op, Bytes(self.take(length)))
    }

    fn varint(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.int(1);
            value |= (byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }
}

/// Fields of a protobuf message: number and content (of a varint, fixed32 or double its value in eight bytes).
fn fields(message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut bytes = Bytes(message);
    let mut fields = Vec::new();
    while !bytes.0.is_empty() {
        let key = bytes.varint();
        let content = match key & 7 {
            0 => bytes.varint().to_le_bytes().to_vec(),
            1 => bytes.take(8).to_vec(),
            5 => bytes.int(4).to_le_bytes().to_vec(),
            _ => {
                let count = bytes.varint() as usize;
                bytes.take(count).to_vec()
            }
        };
        fields.push((key >> 3, content));
    }
    fields
}

fn field(message: &[u8], number: u64) -> Vec<u8> {
    fields(message).into_iter().find(|(n, _)| *n == number).unwrap_or_else(|| panic!("field {number}")).1
}

struct Entry {
    topic: String,
    schema: String,
    time: u64,
    data: Vec<u8>,
}

/// All messages of a file, whose indexes are checked on the way.
fn read(path: &Path) -> Vec<Entry> {
    let file = std::fs::read(path).expect("the file");
    let magic = [0x89, b'M', b'C', b'A', b'P', 0x30, b'\r', b'\n'];
    assert!(file.starts_with(&magic) && file.ends_with(&magic));
    let mut bytes = Bytes(&file[8..file.len() - 8]);
    let (mut schemas, mut channels, mut entries) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let (mut statistics, mut indexed, mut last) = (None, 0, 0);
    while !bytes.0.is_empty() {
        let (op, mut record) = bytes.record();
        last = op;
        match op {
            0x06 => {
                record.take(16);
                let size = record.int(8);
                record.int(4);
                assert_eq!((record.text(), record.int(8)), ("", size));
                assert_eq!(record.0.len() as u64, size);
                while !record.0.is_empty() {
                    let (op, mut record) = record.record();
                    match op {
                        0x03 => {
                            let id = record.int(2);
                            let name = record.text().to_owned();
                            assert_eq!(record.text(), "protobuf");
                            // A file of descriptors that has the message.
                            let set = record.prefixed();
                            let short = name.strip_prefix("foxglove.").expect("Foxglove's").as_bytes().to_vec();
                            let files: Vec<Vec<u8>> = fields(set).into_iter().map(|(_, file)| file).collect();
                            assert_eq!(files.len(), 2);
                            assert!(fields(&files[1]).iter().any(|(n, message)| *n == 4 && field(message, 1) == short), "{name}");
                            schemas.insert(id, name);
                        }
                        0x04 => {
                            let (id, schema) = (record.int(2), record.int(2));
                            channels.insert(id, (record.text().to_owned(), schemas[&schema].clone()));
                            assert_eq!(record.text(), "protobuf");
                        }
                        0x05 => {
                            let (channel, _, time) = (record.int(2), record.int(4), record.int(8));
                            assert_eq!(record.int(8), time);
                            let (topic, schema) = channels[&channel].clone();
                            entries.push(Entry { topic, schema, time, data: record.0.to_vec() });
                        }
                        other => panic!("record {other:#x} in a chunk"),
                    }
                }
            }
            0x07 => {
                record.int(2);
                indexed += record.prefixed().len() / 16;
            }
            0x0B => statistics = Some(record.int(8)),
            _ => {}
        }
    }
    assert_eq!(last, 0x02, "the footer comes last");
    assert_eq!((statistics, indexed), (Some(entries.len() as u64), entries.len()));
    entries
}

fn export(recording: &Path, run: Option<&Path>, out: &Path) -> Result<(), Failure> {
    command(&McapArguments { recording: recording.to_owned(), out: out.to_owned(), run: run.map(Path::to_owned) })
}

#[test]
fn every_frame_comes_with_its_pixels_time_calibration_and_truth() {
    let there = tempfile::tempdir().expect("a folder");
    let (recording, out) = (there.path().join("recording"), there.path().join("cycle.mcap"));
    let frames = record(&recording);
    run(there.path(), "top");
    export(&recording, Some(there.path()), &out).expect("exported");
    let entries = read(&out);
    let on = |topic: &str| entries.iter().filter(|entry| entry.topic == topic).collect::<Vec<_>>();

    let top = on("/camera/top/image");
    assert_eq!(top.iter().map(|e| e.schema.as_str()).collect::<Vec<_>>(), ["foxglove.CompressedImage"; 2]);
    assert_eq!(top.iter().map(|e| e.time).collect::<Vec<_>>(), [BEGIN + 10_000_000, BEGIN + 2_010_000_000]);
    for (entry, frame) in top.iter().zip([&frames[0], &frames[2]]) {
        let picture = image::load_from_memory(&field(&entry.data, 2)).expect("a PNG").into_luma8();
        assert_eq!(&Samples::U8(picture.into_raw()), frame.samples());
        assert_eq!((field(&entry.data, 3), field(&entry.data, 4)), (b"png".to_vec(), b"camera-top".to_vec()));
        let stamp = field(&entry.data, 1);
        assert_eq!(field(&stamp, 1), (entry.time / 1_000_000_000).to_le_bytes());
    }
    let side = on("/camera/side/image");
    assert_eq!(side.iter().map(|e| e.schema.as_str()).collect::<Vec<_>>(), ["foxglove.RawImage"; 2]);
    for (entry, frame) in side.iter().zip([&frames[1], &frames[3]]) {
        assert_eq!((field(&entry.data, 4), field(&entry.data, 5)), (b"mono16".to_vec(), 12u64.to_le_bytes().to_vec()));
        let bytes = field(&entry.data, 6);
        let samples = bytes.chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
        assert_eq!(&Samples::U16(samples), frame.samples());
    }

    let calibrations = on("/camera/side/calibration");
    assert_eq!((calibrations.len(), calibrations[0].schema.as_str()), (2, "foxglove.CameraCalibration"));
    let doubles = |bytes: Vec<u8>| bytes.chunks(8).map(|b| f64::from_le_bytes(b.try_into().expect("eight"))).collect::<Vec<_>>();
    assert_eq!(doubles(field(&calibrations[0].data, 6)), [5.0, 0.0, 2.5, 0.0, 5.0, 1.5, 0.0, 0.0, 1.0]);
    assert_eq!(doubles(field(&calibrations[0].data, 5)), [-0.1, 0.02, 1e-3, 0.0, 0.0]);

    let transforms = on("/tf");
    assert_eq!((transforms.len(), transforms[0].schema.as_str()), (4, "foxglove.FrameTransforms"));
    let [plate, camera] = [0, 1].map(|i| fields(&transforms[2].data)[i].1.clone());
    assert_eq!((field(&plate, 2), field(&plate, 3)), (b"rig".to_vec(), b"plate".to_vec()));
    // Half a radian about z.
    assert_eq!(doubles(fields(&field(&plate, 5)).remove(0).1), [0.25f64.sin()]);
    assert_eq!(field(&camera, 3), b"camera-top");
    assert!((doubles(field(&field(&camera, 4), 3))[0] - 0.6).abs() < 1e-12, "the camera stands at its eye");

    let annotations = on("/camera/top/annotations");
    assert_eq!((annotations.len(), annotations[0].schema.as_str()), (1, "foxglove.ImageAnnotations"));
    let outlines: Vec<_> = fields(&annotations[0].data).into_iter().filter(|(n, _)| *n == 2).collect();
    assert_eq!(outlines.len(), 2);
    // The centre of the pixel (1, 1) lies 1.5 px from the picture's corner.
    assert_eq!(doubles(field(&field(&outlines[0].1, 3), 1)), [1.5]);
    let load = on("/load");
    assert_eq!((load.len(), load[0].schema.as_str(), load[0].time), (1, "foxglove.SceneUpdate", BEGIN));
    let entities: Vec<_> = fields(&load[0].data).into_iter().map(|(_, entity)| entity).collect();
    assert!(
        fields(&entities[0]).iter().any(|(n, _)| *n == 8) && fields(&entities[1]).iter().any(|(n, _)| *n == 10),
        "a cube and a cylinder"
    );

    let events: Vec<(String, u64)> = on("/events")
        .iter()
        .map(|entry| (String::from_utf8(field(&entry.data, 3)).expect("UTF-8"), field(&entry.data, 2)[0].into()))
        .collect();
    let wanted = [
        ("a cycle of 4 frames by 2 cameras", 2),
        ("the plate stands at 0.00°", 2),
        ("light: all", 2),
        ("camera top: 1 codes read, 2 in full view", 2),
        ("the plate stands at 28.65°", 2),
        ("frame 1 of camera side arrived incomplete", 3),
        ("the cycle's last frame", 2),
    ];
    assert_eq!(events, wanted.map(|(text, level)| (text.to_owned(), level)));
}

#[test]
fn a_recording_alone_is_enough() {
    let there = tempfile::tempdir().expect("a folder");
    let (recording, out) = (there.path().join("recording"), there.path().join("cycle.mcap"));
    record(&recording);
    export(&recording, None, &out).expect("exported");
    let topics: std::collections::BTreeSet<String> = read(&out).into_iter().map(|entry| entry.topic).collect();
    let wanted = ["/camera/side/calibration", "/camera/side/image", "/camera/top/calibration", "/camera/top/image", "/events", "/tf"];
    assert_eq!(topics.into_iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn what_is_no_recording_or_cut_short_leaves_no_file() {
    let there = tempfile::tempdir().expect("a folder");
    let (recording, out) = (there.path().join("recording"), there.path().join("cycle.mcap"));
    let fails = |run: Option<&Path>, code: i32, what: &str| {
        let failure = export(&recording, run, &out).expect_err("a fault");
        assert_eq!(failure.exit_code(), code, "{failure}");
        assert!(failure.to_string().contains(what), "{failure}");
        let left: Vec<_> = std::fs::read_dir(there.path())
            .expect("the folder")
            .flatten()
            .filter(|e| e.path().extension().is_some_and(|x| x == "mcap"))
            .collect();
        assert!(left.is_empty() && !out.exists(), "{left:?}");
    };
    fails(None, 2, "manifest.json: is missing: not a recording");
    record(&recording);
    fails(Some(there.path()), 2, "results.csv: cannot be read");
    run(there.path(), "side");
    fails(Some(there.path()), 2, "line 2: frame 0 of camera `side` is of camera `top` in the recording");
    let cut = recording.join("frame-000002-top.png");
    let bytes = std::fs::read(&cut).expect("a frame");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).expect("cut short");
    fails(None, 2, "frame-000002-top.png: was cut short");
    std::fs::write(&cut, &bytes).expect("whole again");
    let failure = export(&recording, None, &there.path().join("no/such/folder/cycle.mcap")).expect_err("a fault");
    assert_eq!(failure.exit_code(), 3, "{failure}");
}
