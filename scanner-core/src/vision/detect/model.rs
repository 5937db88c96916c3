//! The net itself: its file, the library that computes it, a frame's way through it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{TensorRef, ValueType};
use sha2::{Digest, Sha256};

use super::heads::{OUTPUTS, Raw, STRIDE, places, suppress};
use super::{CELL, CHANNELS, DetectError, DetectOptions, Detection, Features, features};
use crate::vision::Plane;

/// The trained net, as ONNX.
pub const MODEL: &[u8] = include_bytes!("../../../models/detector.onnx");
/// Its length in bytes and its SHA-256, as `training/train.py` wrote them beside it.
const MODEL_IDENTITY: &str = include_str!("../../../models/detector.txt");
/// Rows and columns of cells must be multiples of this: the net halves them four times.
pub const MULTIPLE: usize = 16;
/// See [`Detector::answers`].
const FAINT: f32 = 0.5;
/// Threads of one call. Fixed, not the machine's number: sums must not depend on it.
const THREADS: usize = 2;
/// Where the library lies below a workspace or beside an installed program.
const PLACE: &str = "vendor/onnxruntime/libonnxruntime.so";

/// The ONNX Runtime library: `ORT_DYLIB_PATH`, or `vendor/onnxruntime/libonnxruntime.so` in a folder above the executable or the working folder.
pub fn library() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let starts = [std::env::current_exe().ok(), std::env::current_dir().ok()];
    starts.iter().flatten().flat_map(|start| start.ancestors()).map(|folder| folder.join(PLACE)).find(|path| path.exists())
}

/// Loads the library at `path`. A process loads one; a second call gets the first one's environment.
fn environment(path: &Path) -> Result<&'static Environment, DetectError> {
    static LOADED: OnceLock<Environment> = OnceLock::new();
    static LOADING: Mutex<()> = Mutex::new(());
    let failed = |reason: String| DetectError::Library { path: path.to_owned(), reason };
    if !path.exists() {
        return Err(failed("it does not exist".to_owned()));
    }
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = LOADED.get() {
        return Ok(environment);
    }
    let absolute = std::path::absolute(path).map_err(|error| failed(error.to_string()))?;
    let loaded = ort::init_from(&absolute).map_err(|error| failed(error.to_string()))?;
    let built = loaded.with_telemetry(false).build().map_err(|error| failed(error.to_string()))?;
    Ok(LOADED.get_or_init(|| built))
}

/// Length in bytes and SHA-256 that [`MODEL`] must have.
pub fn identity() -> (usize, &'static str) {
    parse_identity(MODEL_IDENTITY)
}

/// Length and SHA-256 out of what training wrote beside a model.
pub(in crate::vision) fn parse_identity(text: &'static str) -> (usize, &'static str) {
    let mut words = text.split_whitespace();
    let length = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    (length, words.next().unwrap_or_default())
}

/// The detector, ready to run.
#[derive(Debug)]
pub struct Detector {
    session: Mutex<Session>,
}

impl Detector {
    /// The detector that this program was built with.
    ///
    /// # Errors
    /// See [`DetectError`].
    pub fn embedded() -> Result<Self, DetectError> {
        let (length, sha256) = identity();
        Self::from_bytes(MODEL, length, sha256, &library().ok_or(DetectError::LibraryMissing)?)
    }

    /// A detector from a model's bytes, of which there must be `length` with this SHA-256 (hexadecimal), on the library at a path.
    ///
    /// # Errors
    /// See [`DetectError`].
    pub fn from_bytes(model: &[u8], length: usize, sha256: &str, library: &Path) -> Result<Self, DetectError> {
        let session = session(model, length, sha256, library)?;
        check_ends(&session, CHANNELS, OUTPUTS)?;
        Ok(Self { session: Mutex::new(session) })
    }

    /// The codes on a plane, best first.
    ///
    /// # Errors
    /// [`DetectError::Run`], [`DetectError::Shape`].
    pub fn detect(&self, plane: &Plane, options: &DetectOptions) -> Result<Vec<Detection>, DetectError> {
        self.detect_features(&features(plane, MULTIPLE), options)
    }

    /// The same from the channels, whose rows and columns must be multiples of 16.
    ///
    /// # Errors
    /// [`DetectError::Run`], [`DetectError::Shape`].
    pub fn detect_features(&self, features: &Features, options: &DetectOptions) -> Result<Vec<Detection>, DetectError> {
        Ok(self.answers(features, options)?.0)
    }

    /// The same, and every single answer that is at least [`FAINT`] of the least score, without a choice among what overlaps.
    pub(in crate::vision) fn answers(
        &self,
        features: &Features,
        options: &DetectOptions,
    ) -> Result<(Vec<Detection>, Vec<Detection>), DetectError> {
        if features.data.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let failed = |error: ort::Error| DetectError::Run(error.to_string());
        let input =
            TensorRef::from_array_view(([1, CHANNELS, features.rows, features.columns], features.data.as_slice())).map_err(failed)?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(ort::inputs![input]).map_err(failed)?;
        let (shape, data) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
        let (rows, columns) = (features.rows * CELL / STRIDE, features.columns * CELL / STRIDE);
        if **shape != [1, OUTPUTS as i64, rows as i64, columns as i64] {
            return Err(DetectError::Shape(format!("an output of {shape:?} for {}×{} cells", features.columns, features.rows)));
        }
        let faint = places(&Raw { rows, columns, data }, FAINT * options.score);
        // Best first.
        let sure = faint.iter().take_while(|place| place.score >= options.score).count();
        Ok((suppress(&faint[..sure], options), faint))
    }
}

/// A model's bytes, of which there must be `length` with this SHA-256 (hexadecimal), ready to run on the library at a path.
pub(in crate::vision) fn session(model: &[u8], length: usize, sha256: &str, library: &Path) -> Result<Session, DetectError> {
    if model.len() < length {
        return Err(DetectError::CutOff { got: model.len(), expected: length });
    }
    let got: String = Sha256::digest(model).iter().map(|byte| format!("{byte:02x}")).collect();
    if got != sha256 {
        return Err(DetectError::Hash { got, expected: sha256.to_owned() });
    }
    let refused = |error: &dyn std::fmt::Display| DetectError::Model(error.to_string());
    let mut builder = Session::builder(environment(library)?)
        .map_err(|e| refused(&e))?
        .with_intra_threads(THREADS)
        .map_err(|e| refused(&e))?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(|e| refused(&e))?
        .with_deterministic_compute(true)
        .map_err(|e| refused(&e))?
        // Threads that spin between calls would take cores from the reading.
        .with_intra_op_spinning(false)
        .map_err(|e| refused(&e))?;
    builder.commit_from_memory(model).map_err(|e| refused(&e))
}

/// Sees to it that the model takes and gives what this program feeds and reads.
pub(in crate::vision) fn check_ends(session: &Session, inputs: usize, outputs: usize) -> Result<(), DetectError> {
    let ends = |outlets: &[ort::value::Outlet], channels: usize| match outlets {
        [one] => match one.dtype() {
            ValueType::Tensor { shape, .. } if shape.len() == 4 && shape[1] == channels as i64 => Ok(()),
            other => Err(DetectError::Shape(format!("{} is {other:?}", one.name()))),
        },
        many => Err(DetectError::Shape(format!("{} ends instead of one", many.len()))),
    };
    ends(session.inputs(), inputs)?;
    ends(session.outputs(), outputs)
}

/// The embedded detector, loaded once in a process. Where there is none, the first call says so on stderr.
///
/// # Errors
/// Why there is none.
pub fn shared() -> Result<&'static Detector, &'static DetectError> {
    static SHARED: OnceLock<Result<Detector, DetectError>> = OnceLock::new();
    let made = SHARED.get_or_init(|| {
        let made = Detector::embedded();
        if let Err(error) = &made {
            eprintln!("warning: no trained detector, codes are located by image gradients instead: {error}");
        }
        made
    });
    made.as_ref()
}
