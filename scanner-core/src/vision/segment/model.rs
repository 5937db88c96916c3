//! The net that tells packages apart: its file, and a frame's way through it.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::session::Session;
use ort::value::TensorRef;

use super::{Answers, CELL, InstanceRule, OUTPUTS, Packages, instances};
use crate::vision::detect::{self, CHANNELS, DetectError, Features, library};

/// The trained net, as ONNX.
pub const PACKAGES_MODEL: &[u8] = include_bytes!("../../../models/packages.onnx");
/// Its length in bytes and its SHA-256, as `training/train_packages.py` wrote them beside it.
const IDENTITY: &str = include_str!("../../../models/packages.txt");
/// Rows and columns of cells must be multiples of this: the net halves them three times.
const MULTIPLE: usize = 8;
/// Cells of the detector's channels along one of the net's.
const POOL: usize = CELL / detect::CELL;

/// Length in bytes and SHA-256 that [`PACKAGES_MODEL`] must have.
pub fn packages_identity() -> (usize, &'static str) {
    detect::parse_identity(IDENTITY)
}

/// The net, ready to run.
#[derive(Debug)]
pub struct Segmenter {
    session: Mutex<Session>,
}

impl Segmenter {
    /// The net that this program was built with.
    ///
    /// # Errors
    /// See [`DetectError`].
    pub fn embedded() -> Result<Self, DetectError> {
        let (length, sha256) = packages_identity();
        Self::from_bytes(PACKAGES_MODEL, length, sha256, &library().ok_or(DetectError::LibraryMissing)?)
    }

    /// One from a model's bytes, of which there must be `length` with this SHA-256 (hexadecimal), on the library at a path.
    ///
    /// # Errors
    /// See [`DetectError`].
    pub fn from_bytes(model: &[u8], length: usize, sha256: &str, library: &Path) -> Result<Self, DetectError> {
        let session = detect::session(model, length, sha256, library)?;
        detect::check_ends(&session, CHANNELS, OUTPUTS)?;
        Ok(Self { session: Mutex::new(session) })
    }

    /// The packages of a frame by the detector's channels of it.
    ///
    /// # Errors
    /// [`DetectError::Run`], [`DetectError::Shape`].
    pub fn segment(&self, features: &Features, rule: &InstanceRule) -> Result<Packages, DetectError> {
        if features.data.is_empty() {
            return Ok(Packages::default());
        }
        let cells = pooled(features);
        let failed = |error: ort::Error| DetectError::Run(error.to_string());
        let input = TensorRef::from_array_view(([1, CHANNELS, cells.rows, cells.columns], cells.data.as_slice())).map_err(failed)?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(ort::inputs![input]).map_err(failed)?;
        let (shape, data) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
        if **shape != [1, OUTPUTS as i64, cells.rows as i64, cells.columns as i64] {
            return Err(DetectError::Shape(format!("an output of {shape:?} for {}×{} cells", cells.columns, cells.rows)));
        }
        Ok(instances(&Answers { rows: cells.rows, columns: cells.columns, data }, rule))
    }
}

/// The channels in cells of 16 px: means of 4×4 cells, filled up with zeros to what the net takes. `package_net.py` does the same.
pub fn pooled(features: &Features) -> Features {
    let (used_rows, used_columns) = (features.rows / POOL, features.columns / POOL);
    let (rows, columns) = (used_rows.next_multiple_of(MULTIPLE), used_columns.next_multiple_of(MULTIPLE));
    let mut data = vec![0f32; CHANNELS * rows * columns];
    for (to, from) in data.chunks_exact_mut(rows * columns).zip(features.data.chunks_exact(features.rows * features.columns)) {
        for (row, to) in to.chunks_exact_mut(columns).enumerate().take(used_rows) {
            for line in from[row * POOL * features.columns..].chunks_exact(features.columns).take(POOL) {
                for (sum, four) in to.iter_mut().zip(line.chunks_exact(POOL)) {
                    *sum += four.iter().sum::<f32>() / (POOL * POOL) as f32;
                }
            }
        }
    }
    Features { rows, columns, data }
}

/// The embedded net, loaded once in a process. Where there is none, the first call says so on stderr.
///
/// # Errors
/// Why there is none.
pub fn segmenter() -> Result<&'static Segmenter, &'static DetectError> {
    static SHARED: OnceLock<Result<Segmenter, DetectError>> = OnceLock::new();
    let made = SHARED.get_or_init(|| {
        let made = Segmenter::embedded();
        if let Err(error) = &made {
            eprintln!("warning: packages are not told apart, so none is counted: {error}");
        }
        made
    });
    made.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_in_fours_are_averaged_and_filled_up() {
        // 16 × 32 cells of 4 px, whose value is their column.
        let (rows, columns) = (16, 32);
        let data = (0..CHANNELS * rows * columns).map(|i| (i % columns) as f32).collect();
        let cells = pooled(&Features { rows, columns, data });
        assert_eq!((cells.rows, cells.columns), (8, 8));
        assert_eq!((cells.at(0, 0, 0), cells.at(5, 3, 7), cells.at(0, 4, 0)), (1.5, 29.5, 0.0));
    }
}
