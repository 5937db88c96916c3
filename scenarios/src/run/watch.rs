//! What watches a cycle without taking part: scoring, hashing, recording, pictures, progress.

use std::path::PathBuf;

use hardware_hal::{Frame, RecordingWriter, Samples};
use reports::{CodeView, FrameRecord, Picture};
use scanner_core::station::{self, CycleObserver, CycleState, LostFrame};
use sha2::{Digest, Sha256};
use sim::truth::CodeTruth;

use super::pictures;
use crate::error::Failure;
use crate::output::Progress;
use crate::scenario::hex;
use crate::score::{self, FrameName, LoadTexts};

/// Where ground truth comes from: camera, angle of the plate (radians), light pattern → every symbol.
pub type TruthSource<'t> = dyn Fn(&str, f64, &str) -> Result<Vec<CodeTruth>, Failure> + 't;

/// Watches a cycle.
pub struct Watcher<'t> {
    truth: &'t TruthSource<'t>,
    texts: LoadTexts,
    recording: Option<RecordingWriter>,
    /// Folder for annotated frames.
    annotated: Option<PathBuf>,
    keep_pictures: bool,
    progress: Option<Progress>,
    expected: usize,
    state: String,
    codes: std::collections::BTreeSet<String>,
    pixels: Sha256,
    /// Frames as records, in the order they were taken.
    pub frames: Vec<FrameRecord>,
    /// Every symbol in every frame.
    pub views: Vec<CodeView>,
    /// What went wrong while watching; the cycle itself goes on.
    pub failure: Option<Failure>,
}

/// What a watcher does beside scoring.
#[derive(Default)]
pub struct Extras {
    /// Records every frame.
    pub recording: Option<RecordingWriter>,
    /// Folder for annotated frames.
    pub annotated: Option<PathBuf>,
    /// Whether the report gets pictures.
    pub keep_pictures: bool,
    /// Whether progress is shown.
    pub show_progress: bool,
}

impl<'t> Watcher<'t> {
    /// Watches a cycle of `expected` frames.
    pub fn new(truth: &'t TruthSource<'t>, texts: LoadTexts, expected: usize, extras: Extras) -> Self {
        Self {
            truth,
            texts,
            recording: extras.recording,
            annotated: extras.annotated,
            keep_pictures: extras.keep_pictures,
            progress: extras.show_progress.then(Progress::new),
            expected,
            state: String::new(),
            codes: Default::default(),
            pixels: Sha256::new(),
            frames: Vec::new(),
            views: Vec::new(),
            failure: None,
        }
    }

    /// SHA-256 over all frames' cameras, sizes and pixels, in the order they were taken.
    pub fn frames_hash(&self) -> String {
        hex(&self.pixels.clone().finalize())
    }

    /// Ends a recording.
    ///
    /// # Errors
    /// The recording cannot be finished.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.progress = None;
        if let Some(recording) = self.recording.take() {
            recording.finish().map_err(|error| Failure::environment(error.to_string()))?;
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    fn show(&mut self) {
        let text = format!("{}: {} of {} frames read, {} codes", self.state, self.frames.len(), self.expected, self.codes.len());
        if let Some(progress) = &mut self.progress {
            progress.show(&text);
        }
    }

    fn hash(&mut self, frame: &Frame) {
        let meta = frame.meta();
        self.pixels.update((meta.camera.len() as u64).to_le_bytes());
        self.pixels.update(meta.camera.as_bytes());
        self.pixels.update(meta.width.to_le_bytes());
        self.pixels.update(meta.height.to_le_bytes());
        self.pixels.update([meta.format.bits]);
        match frame.samples() {
            Samples::U8(samples) => self.pixels.update(samples),
            Samples::U16(samples) => {
                let mut bytes = Vec::with_capacity(1 << 16);
                for part in samples.chunks(1 << 15) {
                    bytes.clear();
                    bytes.extend(part.iter().flat_map(|sample| sample.to_le_bytes()));
                    self.pixels.update(&bytes);
                }
            }
        }
    }

    fn look(&mut self, record: &station::FrameRecord, frame: &Frame) -> Result<(), Failure> {
        let meta = frame.meta();
        let angle = meta.turntable_angle_rad.unwrap_or(0.0);
        let name = FrameName {
            index: self.frames.len(),
            camera: meta.camera.clone(),
            stop: record.stop,
            turntable_deg: angle.to_degrees(),
            pattern: meta.light_pattern.clone().unwrap_or_default(),
        };
        let truths = (self.truth)(&name.camera, angle, &name.pattern)?;
        let scored = score::score(&name, &truths, &record.reading, &self.texts);
        if let Some(recording) = &mut self.recording {
            recording.push(frame).map_err(|error| Failure::environment(error.to_string()))?;
        }
        let mut picture: Option<Picture> = None;
        if self.keep_pictures || self.annotated.is_some() {
            let (small, scale) = pictures::reduced(frame);
            if let Some(folder) = &self.annotated {
                let file = format!("{:03}-stop{}-{}-{}.jpg", name.index, name.stop, name.camera, name.pattern);
                pictures::write_annotated(&small, scale, &scored.views, &scored.misreads, &folder.join(file))?;
            }
            if self.keep_pictures {
                picture = pictures::jpeg(&small, scale);
            }
        }
        self.frames.push(FrameRecord {
            index: name.index,
            camera: name.camera,
            stop: name.stop,
            turntable_deg: name.turntable_deg,
            pattern: name.pattern,
            width: meta.width,
            height: meta.height,
            complete: meta.complete,
            misreads: scored.misreads,
            picture,
        });
        self.views.extend(scored.views);
        Ok(())
    }
}

impl CycleObserver for Watcher<'_> {
    fn on_state(&mut self, state: CycleState) {
        self.state = match state {
            CycleState::Preparing => "preparing".to_owned(),
            CycleState::Moving { stop } | CycleState::Lighting { stop, .. } | CycleState::Capturing { stop, .. } => {
                format!("stop {}", stop + 1)
            }
            CycleState::Recognising => "reading the last frames".to_owned(),
            CycleState::Fusing | CycleState::Reconciling | CycleState::Settling => "reconciling with the order".to_owned(),
            CycleState::Done => "done".to_owned(),
        };
        self.show();
    }

    fn on_frame(&mut self, record: &station::FrameRecord, frame: &Frame) {
        self.hash(frame);
        self.codes.extend(record.reading.readings.iter().map(|reading| reading.text.clone()));
        if let Err(failure) = self.look(record, frame) {
            self.failure.get_or_insert(failure);
        }
        self.show();
    }

    fn on_lost(&mut self, lost: &LostFrame) {
        let text = format!("lost a frame of camera {} at stop {}: {}", lost.camera, lost.stop + 1, lost.message);
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        crate::output::note(&text);
    }
}
