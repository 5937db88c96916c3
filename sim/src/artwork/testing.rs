//! What tests of prints share.

use crate::spec::{Face, PrintQuality, SymbolKind, SymbolSpec};

/// A flawless black-on-white code in the middle of a front of 100 × 60 mm, X = 0.25 mm.
pub(crate) fn symbol(kind: SymbolKind, text: &str) -> SymbolSpec {
    SymbolSpec {
        kind,
        text: text.into(),
        trace: true,
        face: Face::Front,
        x_dimension: 0.25e-3,
        height: 10e-3,
        centre: [0.05, 0.03],
        quarter_turns: 0,
        ink: 0.0,
        ink_pigment: Default::default(),
        paper: 1.0,
        paper_pigment: Default::default(),
        quality: PrintQuality::default(),
    }
}
