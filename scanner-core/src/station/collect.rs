//! Uniting what the frames of a cycle say.

use std::collections::BTreeMap;

use serde::Serialize;

use super::FrameRecord;
use crate::codes::{Role, Symbology};
use crate::vision::{Corners, Evidence};

/// A code that was read in a cycle, with everything that speaks for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CycleCode {
    /// The text.
    pub text: String,
    /// How it was printed.
    pub symbology: Symbology,
    /// What it is good for, by the grammar alone.
    pub role: Role,
    /// Where it was seen, in the order of the frames; never empty.
    pub views: Vec<CycleView>,
}

impl CycleCode {
    /// The most places of one frame that showed it. More than one means that it was printed twice, or that two packages carry it: a sign of
    /// counterfeits.
    pub fn copies(&self) -> usize {
        self.views.chunk_by(|a, b| a.frame == b.frame).map(<[CycleView]>::len).max().unwrap_or_default()
    }
}

/// One view of a code.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CycleView {
    /// Index of the frame in the cycle.
    pub frame: usize,
    /// Where it was in the frame.
    pub corners: Corners,
    /// Resolution, px per module.
    pub px_per_module: f64,
    /// Why it is believed.
    pub evidence: Evidence,
}

/// Every text once per symbology, by text; views in the order of the frames.
pub(super) fn unite(frames: &[FrameRecord]) -> Vec<CycleCode> {
    let mut codes: BTreeMap<(&str, Symbology), CycleCode> = BTreeMap::new();
    for frame in frames {
        for r in &frame.reading.readings {
            let new = || CycleCode { text: r.text.clone(), symbology: r.symbology, role: r.role, views: Vec::new() };
            let view = CycleView { frame: frame.index, corners: r.corners, px_per_module: r.px_per_module, evidence: r.evidence };
            codes.entry((&r.text, r.symbology)).or_insert_with(new).views.push(view);
        }
    }
    codes.into_values().collect()
}
