//! Ground truth: for scoring only, never for the pipeline.

use crate::spec::{Face, SymbolKind};

/// What is true of one printed symbol in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeTruth {
    /// Index of the package in the load.
    pub package: usize,
    /// Index of the symbol on the package.
    pub symbol: usize,
    /// Its text.
    pub text: String,
    /// Its symbology.
    pub kind: SymbolKind,
    /// Whether it is the package's traceability code.
    pub trace: bool,
    /// The face it is on.
    pub face: Face,
    /// Pixels, (0, 0) at the centre of the top-left pixel, without quiet zones; linear: start-top, stop-top, stop-bottom, start-bottom; matrix:
    /// from the finder's corner, clockwise. Corners may lie outside the frame.
    pub corners: [[f64; 2]; 4],
    /// Share of its area, quiet zones included, that the camera sees inside the frame.
    pub visible_fraction: f64,
    /// Linear: the full width with quiet zones unobstructed over at least half of the bar height; matrix: all of it; inside the frame.
    pub visible: bool,
    /// Projected length from start to stop ÷ modules, the smallest along the code; matrix: √(projected area) ÷ modules per side.
    pub px_per_module: f64,
    /// Angle between line of sight and face normal at the symbol's centre, degrees.
    pub incidence_deg: f64,
    /// Share of its area whose mirrored light exceeds its diffuse light.
    pub glare_share: f64,
    /// Length of motion blur, px.
    pub motion_blur_px: f64,
    /// Standard deviation of the optics' blur ÷ px per module.
    pub blur_modules: f64,
    /// Angle of the code's reading direction against the nearest pixel axis, degrees, 0 to 45.
    pub grid_angle_deg: f64,
    /// (paper − ink) ÷ paper reflectance.
    pub contrast: f64,
}

impl CodeTruth {
    /// Nominal conditions, for which recognition targets hold: incidence ≤ 60°, glare share ≤ 5 %, blur σ ≤ 1 module, contrast ≥ 0.55 (what print
    /// grade C, ISO 15416 symbol contrast, asks for).
    pub fn nominal(&self) -> bool {
        self.incidence_deg <= 60.0 && self.glare_share <= 0.05 && self.blur_modules <= 1.0 && self.contrast >= 0.55
    }
}
