//! What vision says about one frame.

use std::sync::Arc;

use serde::Serialize;

use super::decode::grey_level::FittedStrip;
use super::segment::Packages;
use crate::codes::{Role, Symbology};

/// Corners of a symbol in pixels, (0, 0) at the centre of the top-left pixel, without quiet zones. Linear: start-top, stop-top, stop-bottom,
/// start-bottom, as the human-readable text reads. Matrix: from the finder's corner, clockwise.
pub type Corners = [[f64; 2]; 4];

/// A code that was read in one frame.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// The text as the symbol says it; FNC1 as the control character GS (0x1D).
    pub text: String,
    /// How it was printed.
    pub symbology: Symbology,
    /// What it is good for, by the grammar alone: neither order nor pool has a say.
    pub role: Role,
    /// Where it was.
    pub corners: Corners,
    /// Smallest projected length along the code ÷ modules; matrix codes √(projected area) ÷ modules per side.
    pub px_per_module: f64,
    /// Why it is believed.
    pub evidence: Evidence,
}

/// What speaks for a reading.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Evidence {
    /// Independent looks at the symbol (rows, crops, binarisations) that said this text.
    pub agreeing: u32,
    /// Looks that decoded to anything.
    pub decoded: u32,
    /// Looks that were tried.
    pub tried: u32,
    /// Confidence over the runner-up; what acceptance is decided on. Unit: looks, until likelihoods are available.
    pub margin: f64,
}

/// A place that looked like a code and gave no accepted text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unread {
    /// Where.
    pub corners: Corners,
    /// Why not.
    pub reason: UnreadReason,
}

/// Why a located code was not read.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreadReason {
    /// No look at it decoded to anything.
    NothingDecoded,
    /// Texts were found, but too few looks agreed on one.
    NoAgreement,
    /// It touches the frame's edge.
    CutByFrame,
    /// The time limit came first.
    OutOfTime,
}

/// A strip that one frame could not decide.
#[derive(Debug, Clone, PartialEq)]
pub struct UndecidedStrip {
    /// Where it is, for the direction in which `strip` runs.
    pub corners: Corners,
    /// Projected length along the code ÷ modules, the shorter side.
    pub px_per_module: f64,
    /// Level of the pyramid that it was read on.
    pub level: usize,
    /// Its pixels and what fits them best; shared, so that a reading stays cheap to copy.
    pub strip: Arc<FittedStrip>,
}

/// Wall time of one stage on one frame. Never part of a result that is hashed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageTiming {
    /// The stage's name.
    pub stage: &'static str,
    /// Seconds.
    pub seconds: f64,
}

/// Everything vision says about one frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct FrameReading {
    /// What was read, in a fixed order (by text, then position).
    pub readings: Vec<Reading>,
    /// What was located and not read.
    pub unread: Vec<Unread>,
    /// Strips that were read from grey values and not accepted: what other views may decide together with them. Once for each direction in which
    /// a strip could be read. No part of a report.
    #[serde(skip)]
    pub undecided: Vec<UndecidedStrip>,
    /// Its packages, where they were told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<Packages>,
    /// Wall time by stage.
    pub timings: Vec<StageTiming>,
}
