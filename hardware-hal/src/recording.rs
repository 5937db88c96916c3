//! The canonical recording of what a station saw: a folder of PNG files and one manifest.
//!
//! ```text
//! manifest.json           schema_version, the rig, and the frames in the order in which they were pushed
//! frame-000000-top.png    one file per frame, its samples as they are
//! frame-000001-side.png
//! ```
//!
//! - A frame of 8 bits is an 8 bit PNG; one of 9 to 16 bits is a 16 bit PNG whose samples are **right-aligned**, just as in [`Samples`]: a 12 bit
//!   picture uses the values 0 to 4095 and looks dark in a viewer. So a file's samples are the frame's samples, bit by bit, and how many bits
//!   count stands in the manifest.
//! - Mono and Bayer frames are greyscale PNG (a Bayer mosaic is stored raw), RGB frames are RGB PNG.
//! - The manifest holds each frame's [`FrameMeta`], and the length and SHA-256 of its file. It is written last, under another name, and then
//!   renamed: a folder without `manifest.json` is a recording that was never finished.
//! - Numbers are SI (nanoseconds for times) and come back exactly. What JSON cannot hold (infinite, not a number) is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};

use image::codecs::png::{CompressionType, FilterType, PngDecoder, PngEncoder};
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Calibration, Camera, CameraCapabilities, CameraSettings, Error, ErrorKind, Frame, FrameMeta, LightCapabilities, PixelFormat,
    PixelLayout, Result, Rig, Samples, TurntableCapabilities,
};

/// The version of the manifest that this build writes, and the only one it reads.
pub const SCHEMA_VERSION: u32 = 1;
/// The manifest's file name.
pub const MANIFEST: &str = "manifest.json";
const MANIFEST_IN_WORK: &str = "manifest.json.part";

/// A camera as it was when recording started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraDescription {
    /// What it could do.
    pub capabilities: CameraCapabilities,
    /// How it was set. Frames tell their format and exposure themselves, but not their gain.
    pub settings: CameraSettings,
    /// Its calibration, where it had one.
    pub calibration: Option<Calibration>,
}

/// The rig that a recording was taken with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RigDescription {
    /// The cameras; at least one.
    pub cameras: Vec<CameraDescription>,
    /// The lights and their patterns.
    pub lights: LightCapabilities,
    /// The turntable, where there was one.
    pub turntable: Option<TurntableCapabilities>,
}

impl RigDescription {
    /// Describes a rig; to be called when the cameras are configured.
    pub fn of(rig: &Rig) -> Self {
        let camera = |c: &dyn Camera| CameraDescription {
            capabilities: c.capabilities().clone(),
            settings: c.settings(),
            calibration: c.calibration().copied(),
        };
        Self {
            cameras: rig.cameras.iter().map(|c| camera(c.as_ref())).collect(),
            lights: rig.lights.capabilities().clone(),
            turntable: rig.turntable.as_ref().map(|t| t.capabilities().clone()),
        }
    }

    fn camera(&self, id: &str) -> Option<&CameraDescription> {
        self.cameras.iter().find(|c| c.capabilities.id == id)
    }

    /// What is wrong with the description, if anything.
    fn check(&self) -> std::result::Result<(), String> {
        if self.cameras.is_empty() {
            return Err("the rig has no camera".to_owned());
        }
        let mut ids = BTreeSet::new();
        for c in &self.cameras {
            let (id, gain) = (&c.capabilities.id, c.capabilities.gain_db);
            if !ids.insert(id) {
                return Err(format!("two cameras are called `{id}`"));
            }
            if c.capabilities.formats.is_empty() || c.capabilities.size_px.contains(&0) {
                return Err(format!("camera `{id}` has no pixel format or no pixels"));
            }
            if ![gain.0, gain.1, c.settings.gain_db].iter().all(|v| v.is_finite()) || !c.calibration.is_none_or(|c| finite(&c)) {
                return Err(format!("camera `{id}` has a gain or calibration that is not finite"));
            }
        }
        let (low, high) = self.lights.intensity;
        if self.lights.patterns.is_empty() || !low.is_finite() || !high.is_finite() {
            return Err("the lights have no pattern, or an intensity that is not finite".to_owned());
        }
        if let Some(t) = &self.turntable
            && ![t.resolution_rad, t.max_speed_rad_s, t.max_acceleration_rad_s2].iter().all(|v| v.is_finite() && *v > 0.0)
        {
            return Err(format!("turntable `{}` has a resolution, speed or acceleration that is not positive and finite", t.id));
        }
        Ok(())
    }

    /// What keeps a frame from being of this rig, if anything.
    fn check_frame(&self, meta: &FrameMeta) -> std::result::Result<(), String> {
        let what = |what: String| Err(format!("frame {} of camera `{}` {what}", meta.sequence, meta.camera));
        let Some(camera) = self.camera(&meta.camera) else {
            return what("is of a camera that the rig does not have".to_owned());
        };
        let size_px = camera.capabilities.size_px;
        if [meta.width, meta.height] != size_px {
            return what(format!("has {}×{} px, the camera {}×{}", meta.width, meta.height, size_px[0], size_px[1]));
        }
        if !camera.capabilities.formats.contains(&meta.format) {
            return what(format!("has the format {:?}, which the camera does not have", meta.format));
        }
        if let Some(angle) = meta.turntable_angle_rad {
            if !angle.is_finite() {
                return what(format!("was taken at the turntable angle {angle}"));
            }
            if self.turntable.is_none() {
                return what("has a turntable angle, the rig no turntable".to_owned());
            }
        }
        if let Some(pattern) = &meta.light_pattern
            && !self.lights.patterns.contains(pattern)
        {
            return what(format!("was taken under the pattern `{pattern}`, which the lights do not have"));
        }
        if !meta.calibration.is_none_or(|c| finite(&c)) {
            return what("has a calibration that is not finite".to_owned());
        }
        Ok(())
    }
}

fn finite(c: &Calibration) -> bool {
    let i = &c.intrinsics;
    let numbers = [i.focal_px.as_slice(), &i.principal_px, &i.distortion].concat();
    numbers.iter().all(|v| v.is_finite()) && c.camera_from_rig.rotation.is_finite() && c.camera_from_rig.translation.is_finite()
}

/// One frame of a recording's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedFrame {
    /// Name of its PNG file in the recording's folder.
    pub file: String,
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
    /// Everything but the pixels.
    pub meta: FrameMeta,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    schema_version: u32,
    rig: RigDescription,
    frames: Vec<RecordedFrame>,
}

fn error(path: &Path, kind: ErrorKind, message: impl std::fmt::Display) -> Error {
    Error::new("recording", kind, format!("{}: {message}", path.display()))
}

fn io_error(path: &Path, doing: &str, e: io::Error) -> Error {
    error(path, ErrorKind::Io, format!("{doing}: {e}")).with_source(e)
}

/// Writes a recording. Dropped without [`finish`](Self::finish), it leaves a folder that is not a recording.
#[derive(Debug)]
pub struct RecordingWriter {
    dir: PathBuf,
    manifest: Manifest,
    last_sequence: BTreeMap<String, u64>,
}

impl RecordingWriter {
    /// Starts a recording in `dir`, which is made if it does not exist and must be empty if it does.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if the folder cannot be made or written to, or is not empty; [`ErrorKind::Malformed`] if the rig cannot be described.
    pub fn create(dir: impl Into<PathBuf>, rig: RigDescription) -> Result<Self> {
        let dir = dir.into();
        rig.check().map_err(|what| error(&dir, ErrorKind::Malformed, what))?;
        fs::create_dir_all(&dir).map_err(|e| io_error(&dir, "cannot make the folder", e))?;
        let mut entries = fs::read_dir(&dir).map_err(|e| io_error(&dir, "cannot read the folder", e))?;
        if entries.next().is_some() {
            return Err(error(&dir, ErrorKind::Io, "the folder is not empty; a recording wants its own"));
        }
        // Found out now that the folder is read-only, not after the first cycle.
        let in_work = dir.join(MANIFEST_IN_WORK);
        File::create(&in_work).map_err(|e| io_error(&in_work, "cannot write", e))?;
        Ok(Self { dir, manifest: Manifest { schema_version: SCHEMA_VERSION, rig, frames: Vec::new() }, last_sequence: BTreeMap::new() })
    }

    /// Adds a frame. After an error the recording is as before and can go on.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if the file cannot be written (a full disk); [`ErrorKind::Malformed`] if the frame is not of the rig described, its
    /// sequence number does not rise, or a sample is above full scale.
    pub fn push(&mut self, frame: &Frame) -> Result<()> {
        let meta = frame.meta();
        let malformed = |what: String| Err(error(&self.dir, ErrorKind::Malformed, what));
        if let Err(what) = self.manifest.rig.check_frame(meta) {
            return malformed(what);
        }
        if let Some(last) = self.last_sequence.get(&meta.camera).filter(|&&last| last >= meta.sequence) {
            return malformed(format!("frame {} of camera `{}` comes after frame {last}", meta.sequence, meta.camera));
        }
        if let Some(sample) = above_full_scale(frame.samples(), meta.format) {
            return malformed(format!(
                "frame {} of camera `{}` has the {}-bit sample {sample}",
                meta.sequence, meta.camera, meta.format.bits
            ));
        }

        let file = file_name(self.manifest.frames.len(), &meta.camera);
        let path = self.dir.join(&file);
        let png = png(frame)?;
        write_file(&path, &png)?;
        self.last_sequence.insert(meta.camera.clone(), meta.sequence);
        self.manifest.frames.push(RecordedFrame { file, bytes: png.len() as u64, sha256: hex_sha256(&png), meta: meta.clone() });
        Ok(())
    }

    /// Writes the manifest: from here on the folder is a recording.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if it cannot be written; the folder then holds the pictures without a manifest.
    pub fn finish(self) -> Result<Recording> {
        let (in_work, path) = (self.dir.join(MANIFEST_IN_WORK), self.dir.join(MANIFEST));
        let mut json =
            serde_json::to_vec_pretty(&self.manifest).map_err(|e| error(&path, ErrorKind::Malformed, format!("cannot be written: {e}")))?;
        json.push(b'\n');
        write_file(&in_work, &json)?;
        fs::rename(&in_work, &path).map_err(|e| io_error(&path, "cannot be renamed to", e))?;
        Ok(Recording { dir: self.dir, manifest: self.manifest })
    }
}

/// Writes a whole file or none.
fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_data()
    });
    written.map_err(|e| {
        // Best effort: the error that is told is the one that matters.
        let _ = fs::remove_file(path);
        io_error(path, "cannot write", e)
    })
}

/// The index makes the name unique, whatever is left of the camera's.
fn file_name(index: usize, camera: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let camera: String = camera.chars().take(40).map(plain).collect();
    format!("frame-{index:06}-{camera}.png")
}

fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn above_full_scale(samples: &Samples, format: PixelFormat) -> Option<u16> {
    match samples {
        Samples::U8(_) => None,
        Samples::U16(samples) => samples.iter().copied().find(|&s| s > format.full_scale()),
    }
}

fn color_type(format: PixelFormat) -> ExtendedColorType {
    match (format.layout == PixelLayout::Rgb, format.bits == 8) {
        (false, true) => ExtendedColorType::L8,
        (false, false) => ExtendedColorType::L16,
        (true, true) => ExtendedColorType::Rgb8,
        (true, false) => ExtendedColorType::Rgb16,
    }
}

/// A frame's samples as a PNG file's bytes, right-aligned as they are: what a recording holds.
///
/// # Errors
/// [`ErrorKind::Malformed`] if they cannot be encoded.
pub fn png(frame: &Frame) -> Result<Vec<u8>> {
    let meta = frame.meta();
    let what = |e| Error::new(meta.camera.clone(), ErrorKind::Malformed, format!("frame {} cannot be encoded: {e}", meta.sequence));
    encode(frame).map_err(what)
}

fn encode(frame: &Frame) -> image::ImageResult<Vec<u8>> {
    let meta = frame.meta();
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive);
    let color = color_type(meta.format);
    match frame.samples() {
        Samples::U8(samples) => encoder.write_image(samples, meta.width, meta.height, color)?,
        Samples::U16(samples) => {
            // The encoder takes words in the machine's byte order and writes them in PNG's.
            let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_ne_bytes()).collect();
            encoder.write_image(&bytes, meta.width, meta.height, color)?;
        }
    }
    Ok(png)
}

/// A finished recording, checked when it was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    dir: PathBuf,
    manifest: Manifest,
}

impl Recording {
    /// Opens a recording and checks all of it: the manifest, and of every picture its length, its SHA-256, size and sample format.
    ///
    /// # Errors
    /// Each names the file. [`ErrorKind::Io`] for what is missing or cannot be read; [`ErrorKind::Malformed`] for an unknown schema version, a
    /// manifest that contradicts itself, and a picture that was cut short, changed, or does not fit its entry.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        let manifest = read_manifest(&dir)?;
        let recording = Self { dir, manifest };
        for entry in recording.frames() {
            let (path, bytes) = recording.read(entry)?;
            decoder(&path, &bytes, &entry.meta)?;
        }
        Ok(recording)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The rig it was taken with.
    pub fn rig(&self) -> &RigDescription {
        &self.manifest.rig
    }

    /// The frames, in the order in which they were recorded.
    pub fn frames(&self) -> &[RecordedFrame] {
        &self.manifest.frames
    }

    /// Loads a frame just as it was recorded; `None` if there is no such index.
    ///
    /// # Errors
    /// As [`open`](Self::open), if the file has changed since.
    pub fn frame(&self, index: usize) -> Option<Result<Frame>> {
        self.frames().get(index).map(|entry| self.load(entry))
    }

    pub(crate) fn load(&self, entry: &RecordedFrame) -> Result<Frame> {
        let (path, bytes) = self.read(entry)?;
        let undecodable = |e| error(&path, ErrorKind::Malformed, format!("cannot be decoded: {e}"));
        let samples = match DynamicImage::from_decoder(decoder(&path, &bytes, &entry.meta)?).map_err(undecodable)? {
            DynamicImage::ImageLuma8(image) => Samples::U8(image.into_raw()),
            DynamicImage::ImageRgb8(image) => Samples::U8(image.into_raw()),
            DynamicImage::ImageLuma16(image) => Samples::U16(image.into_raw()),
            DynamicImage::ImageRgb16(image) => Samples::U16(image.into_raw()),
            other => return Err(error(&path, ErrorKind::Malformed, format!("has the sample format {:?}", other.color()))),
        };
        if let Some(sample) = above_full_scale(&samples, entry.meta.format) {
            return Err(error(&path, ErrorKind::Malformed, format!("has the sample {sample}, above {} bits", entry.meta.format.bits)));
        }
        Frame::new(entry.meta.clone(), samples)
    }

    fn read(&self, entry: &RecordedFrame) -> Result<(PathBuf, Vec<u8>)> {
        let path = self.dir.join(&entry.file);
        let bytes = fs::read(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => io_error(&path, "is missing", e),
            _ => io_error(&path, "cannot be read", e),
        })?;
        if (bytes.len() as u64) < entry.bytes {
            return Err(error(&path, ErrorKind::Malformed, format!("was cut short: {} of {} bytes", bytes.len(), entry.bytes)));
        }
        let found = hex_sha256(&bytes);
        if found != entry.sha256 {
            return Err(error(&path, ErrorKind::Malformed, format!("was changed: its SHA-256 is {found}, recorded is {}", entry.sha256)));
        }
        Ok((path, bytes))
    }
}

fn read_manifest(dir: &Path) -> Result<Manifest> {
    #[derive(Deserialize)]
    struct Version {
        schema_version: u32,
    }

    let path = dir.join(MANIFEST);
    let json = fs::read(&path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound if dir.join(MANIFEST_IN_WORK).exists() => {
            io_error(&path, "is missing: the recording was never finished", e)
        }
        io::ErrorKind::NotFound => io_error(&path, "is missing: not a recording", e),
        _ => io_error(&path, "cannot be read", e),
    })?;
    let malformed = |what: String| error(&path, ErrorKind::Malformed, what);
    let unreadable = |e: serde_json::Error| malformed(format!("is not a manifest: {e}"));
    // The version first: a manifest of another version may look quite different otherwise.
    let Version { schema_version } = serde_json::from_slice(&json).map_err(unreadable)?;
    if schema_version != SCHEMA_VERSION {
        return Err(malformed(format!("has schema version {schema_version}; this build reads version {SCHEMA_VERSION}")));
    }
    let manifest: Manifest = serde_json::from_slice(&json).map_err(unreadable)?;
    manifest.rig.check().map_err(malformed)?;
    let mut files = BTreeSet::new();
    let mut last_sequence = BTreeMap::new();
    for RecordedFrame { file, meta, .. } in &manifest.frames {
        manifest.rig.check_frame(meta).map_err(malformed)?;
        if Path::new(file).file_name() != Some(file.as_ref()) {
            return Err(malformed(format!("names the file `{file}`, which is not a plain name in the recording's folder")));
        }
        if !files.insert(file) {
            return Err(malformed(format!("names the file `{file}` twice")));
        }
        if let Some(last) = last_sequence.insert(&meta.camera, meta.sequence).filter(|&last| last >= meta.sequence) {
            return Err(malformed(format!("has frame {} of camera `{}` after frame {last}", meta.sequence, meta.camera)));
        }
    }
    Ok(manifest)
}

/// A decoder for a picture whose header fits `meta`.
fn decoder<'a>(path: &Path, bytes: &'a [u8], meta: &FrameMeta) -> Result<PngDecoder<Cursor<&'a [u8]>>> {
    let decoder = PngDecoder::new(Cursor::new(bytes)).map_err(|e| error(path, ErrorKind::Malformed, format!("is not a PNG: {e}")))?;
    let (width, height) = decoder.dimensions();
    if (width, height) != (meta.width, meta.height) {
        let what = format!("has {width}×{height} px, the manifest says {}×{}", meta.width, meta.height);
        return Err(error(path, ErrorKind::Malformed, what));
    }
    let (found, wanted) = (decoder.original_color_type(), color_type(meta.format));
    if found != wanted {
        return Err(error(path, ErrorKind::Malformed, format!("has samples {found:?}, the manifest's format needs {wanted:?}")));
    }
    Ok(decoder)
}
