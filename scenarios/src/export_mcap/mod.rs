//! `tracetwin export-mcap`: a recording as one MCAP file, which Foxglove and Rerun open.
//!
//! | topic | schema | content |
//! |---|---|---|
//! | `/camera/ID/image` | `foxglove.CompressedImage`, `foxglove.RawImage` | the frames, pixel by pixel as recorded |
//! | `/camera/ID/calibration` | `foxglove.CameraCalibration` | focal lengths, principal point, Brown–Conrady (`plumb_bob`) |
//! | `/camera/ID/annotations` | `foxglove.ImageAnnotations` | of a run: every printed code, whether it was read |
//! | `/tf` | `foxglove.FrameTransforms` | `plate` and `camera-ID` in `rig` |
//! | `/load` | `foxglove.SceneUpdate` | of a run: the packages, riding on `plate` |
//! | `/events` | `foxglove.Log` | stops, patterns, frames that arrived incomplete, what was read |
//!
//! Times are those of the frames. Messages are Protocol Buffers; pictures are compressed already, so chunks are not. One frame is in memory at a time.

mod messages;
mod proto;
mod tape;
mod truth;

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use self::messages::{Image, Level};
use self::proto::Message;
use self::tape::Tape;
pub use self::truth::{LOAD_FILE, PlacedPackage};
use self::truth::{Run, View};
use crate::error::{Failure, Result};
use crate::output::{self, Progress};
use hardware_hal::{FrameMeta, RecordedFrame, Recording, Timestamp};

/// Arguments of `export-mcap`.
#[derive(Debug, Clone, clap::Args)]
pub struct McapArguments {
    /// The recording: a folder that `run --record`, or a station, filled.
    #[arg(value_name = "RECORDING")]
    pub recording: PathBuf,
    /// The file that is written. One that is there is replaced when the new one is whole.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The folder that the recording's run filled (`run --out`): adds what is true and what was read.
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A recording or run that is none; a file that cannot be written.
pub fn command(arguments: &McapArguments) -> Result<()> {
    let recording = Recording::open(&arguments.recording).map_err(|error| Failure::input(&arguments.recording, error.to_string()))?;
    let run = match &arguments.run {
        Some(folder) => Run::read(folder, recording.frames())?,
        None => Run::default(),
    };
    let messages = export(&recording, &run, &arguments.out)?;
    output::line(&format!("{} frames, {messages} messages: {}", recording.frames().len(), arguments.out.display()))
}

/// Writes the file beside its place and moves it there. Returns how many messages it holds.
fn export(recording: &Recording, run: &Run, out: &Path) -> Result<u64> {
    let folder = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Gone again if anything goes wrong from here on.
    let file = tempfile::Builder::new().prefix(".mcap-").tempfile_in(folder).map_err(|error| Failure::write(out, &error))?;
    let failed = |error: io::Error| Failure::write(out, &error);
    let messages = {
        let tape = Tape::begin(BufWriter::new(file.as_file()), proto::descriptors()).map_err(failed)?;
        let mut export = Export { out, tape };
        export.write_all(recording, run)?;
        export.tape.finish().map_err(failed)?
    };
    file.as_file().sync_all().map_err(|error| Failure::write(out, &error))?;
    file.persist(out).map_err(|error| Failure::write(out, &error.error))?;
    Ok(messages)
}

/// What is written, and where to.
struct Export<'a> {
    out: &'a Path,
    tape: Tape<BufWriter<&'a File>>,
}

impl Export<'_> {
    fn put(&mut self, topic: &str, schema: &'static str, at: Timestamp, message: &Message) -> Result<()> {
        self.tape.put(topic, schema, at.0, message.bytes()).map_err(|error| Failure::write(self.out, &error))
    }

    fn event(&mut self, at: Timestamp, level: Level, text: &str) -> Result<()> {
        self.put("/events", "foxglove.Log", at, &messages::event(at, level, text))
    }

    fn write_all(&mut self, recording: &Recording, run: &Run) -> Result<()> {
        let frames = recording.frames();
        let mut progress = Progress::new();
        let Some(first) = frames.first() else { return Ok(()) };
        let begin = first.meta.exposure.start;
        self.event(begin, Level::Info, &format!("a cycle of {} frames by {} cameras", frames.len(), recording.rig().cameras.len()))?;
        if !run.load.is_empty() {
            self.put("/load", "foxglove.SceneUpdate", begin, &messages::load(begin, &run.load))?;
        }
        let mut before: Option<&FrameMeta> = None;
        for (index, entry) in frames.iter().enumerate() {
            progress.show(&format!("frame {} of {}", index + 1, frames.len()));
            self.changes(before, &entry.meta)?;
            self.frame(recording, index, entry)?;
            if let Some(views) = run.views.get(&index) {
                self.views(&entry.meta, views)?;
            }
            before = Some(&entry.meta);
        }
        self.event(frames[frames.len() - 1].meta.timestamp, Level::Info, "the cycle's last frame")
    }

    /// Events between two frames.
    fn changes(&mut self, before: Option<&FrameMeta>, meta: &FrameMeta) -> Result<()> {
        let at = meta.exposure.start;
        if let Some(angle) = meta.turntable_angle_rad
            && before.is_none_or(|before| before.turntable_angle_rad != meta.turntable_angle_rad)
        {
            self.event(at, Level::Info, &format!("the plate stands at {:.2}°", angle.to_degrees()))?;
        }
        if let Some(pattern) = &meta.light_pattern
            && before.is_none_or(|before| before.light_pattern != meta.light_pattern)
        {
            self.event(at, Level::Info, &format!("light: {pattern}"))?;
        }
        if !meta.complete {
            self.event(meta.timestamp, Level::Warning, &format!("frame {} of camera {} arrived incomplete", meta.sequence, meta.camera))?;
        }
        Ok(())
    }

    fn frame(&mut self, recording: &Recording, index: usize, entry: &RecordedFrame) -> Result<()> {
        let meta = &entry.meta;
        let (at, base) = (meta.timestamp, format!("/camera/{}", meta.camera));
        if let Some(message) = messages::transforms(at, &meta.camera, meta.calibration.as_ref(), meta.turntable_angle_rad) {
            self.put("/tf", "foxglove.FrameTransforms", at, &message)?;
        }
        if let Some(calibration) = &meta.calibration {
            let message = messages::calibration(at, &meta.camera, &calibration.intrinsics);
            self.put(&format!("{base}/calibration"), "foxglove.CameraCalibration", at, &message)?;
        }
        let broken = |what: String| Failure::input(recording.dir().join(&entry.file), what);
        let (schema, message) = if messages::as_png(meta.format) {
            let bytes = std::fs::read(recording.dir().join(&entry.file)).map_err(|error| broken(format!("cannot be read: {error}")))?;
            messages::image(meta, &Image::Png(&bytes))
        } else {
            let frame = recording.frame(index).ok_or_else(|| broken("is gone".to_owned()))?;
            let frame = frame.map_err(|error| broken(error.to_string()))?;
            messages::image(meta, &Image::Raw(frame.samples()))
        };
        self.put(&format!("{base}/image"), schema, at, &message)
    }

    fn views(&mut self, meta: &FrameMeta, views: &[View]) -> Result<()> {
        let at = meta.timestamp;
        let topic = format!("/camera/{}/annotations", meta.camera);
        self.put(&topic, "foxglove.ImageAnnotations", at, &messages::annotations(at, views))?;
        let seen = views.iter().filter(|view| view.visible).count();
        let read = views.iter().filter(|view| view.read).count();
        self.event(at, Level::Info, &format!("camera {}: {read} codes read, {seen} in full view", meta.camera))
    }
}
