//! A trained single-shot detector: every code of a frame in one call.
//!
//! [`features`] makes six channels of every 4×4 px, measured at full resolution, so that bars of one pixel leave their trace; the net (`models/`, trained
//! by `training/`) says for every 16 px whether the middle of a code lies near, and where the code ends; [`heads`] makes parallelograms of that and keeps
//! the best of what overlaps. ONNX Runtime computes the net; where its library is missing, [`shared`] says so once, and the gradients locate alone.

mod features;
mod heads;
mod model;

use super::Corners;

pub use features::{CELL, CHANNELS, Features, features};
pub use heads::{OUTPUTS, Raw, STRIDE, places, suppress};
pub use model::{Detector, MODEL, MULTIPLE, identity, library, shared};
pub(in crate::vision) use model::{check_ends, parse_identity, session};

/// Kinds of codes that the net tells apart, in the order of its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Bars.
    Linear,
    /// Modules in rows and columns.
    Matrix,
}

/// A code's place in the picture: a parallelogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// What it is.
    pub class: Class,
    /// How sure the net is, 0 to 1.
    pub score: f32,
    /// Its middle, px.
    pub centre: [f64; 2],
    /// Half an edge along a linear code, px, up to its sign; of a matrix code the longer one.
    pub along: [f64; 2],
    /// Half the other edge, px.
    pub across: [f64; 2],
}

impl Detection {
    /// The corners, around the outline.
    pub fn corners(&self) -> Corners {
        let ([x, y], [a, b], [c, d]) = (self.centre, self.along, self.across);
        [[x - a - c, y - b - d], [x + a - c, y + b - d], [x + a + c, y + b + d], [x - a + c, y - b + d]]
    }

    /// Length of the edge along the code, px.
    pub fn length(&self) -> f64 {
        2.0 * self.along[0].hypot(self.along[1])
    }

    /// A point in units of the half edges: inside where both are between −1 and 1.
    pub fn local(&self, p: [f64; 2]) -> [f64; 2] {
        let (dx, dy) = (p[0] - self.centre[0], p[1] - self.centre[1]);
        let det = self.along[0] * self.across[1] - self.along[1] * self.across[0];
        if det.abs() < 1e-9 {
            return [f64::INFINITY; 2];
        }
        [(dx * self.across[1] - dy * self.across[0]) / det, (dy * self.along[0] - dx * self.along[1]) / det]
    }
}

/// What is kept of the net's answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectOptions {
    /// Least score.
    pub score: f32,
    /// Of two places that share more of their joint area than this the better one stays.
    pub overlap: f64,
    /// Most places of a frame.
    pub most: usize,
}

impl Default for DetectOptions {
    fn default() -> Self {
        Self { score: 0.2, overlap: 0.4, most: 200 }
    }
}

/// Why there is no detector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// No library was found.
    #[error(
        "the ONNX Runtime library is missing: neither ORT_DYLIB_PATH is set nor is vendor/onnxruntime/libonnxruntime.so there (make setup fetches it)"
    )]
    LibraryMissing,
    /// It does not load, or is too old.
    #[error("the ONNX Runtime library {path} cannot be used: {reason}")]
    Library {
        /// Where it lies.
        path: std::path::PathBuf,
        /// What the loader says.
        reason: String,
    },
    /// The model ends early.
    #[error("the model is cut off: {got} of {expected} bytes")]
    CutOff {
        /// Bytes there are.
        got: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// The model is another one.
    #[error("the model is not the expected one: its SHA-256 is {got}, not {expected}")]
    Hash {
        /// Of the model.
        got: String,
        /// What it should be.
        expected: String,
    },
    /// ONNX Runtime does not take the model.
    #[error("ONNX Runtime refuses the model: {0}")]
    Model(String),
    /// The model's inputs or outputs are not what this program feeds and reads.
    #[error("the model's inputs or outputs have other shapes: {0}")]
    Shape(String),
    /// A frame could not be computed.
    #[error("ONNX Runtime failed on a frame: {0}")]
    Run(String),
}
