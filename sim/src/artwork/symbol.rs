//! A symbol as modules, and where it stands on its face.

use super::{ArtworkError, encode_code128, encode_data_matrix, encode_ean13};
use crate::spec::{Face, PackageSpec, PrintQuality, Shape, SymbolKind, SymbolSpec};

/// Free space above and below a linear symbol, m: the print rules ask for at least 1 mm.
pub(crate) const CLEAR_ABOVE_BELOW: f64 = 1e-3;

/// Modules of a symbol; true is dark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SymbolPattern {
    /// Modules from start to stop, without quiet zones.
    Linear {
        /// One per module.
        modules: Vec<bool>,
    },
    /// A square of modules, finder included, without quiet zone.
    Matrix {
        /// Modules per side.
        size: usize,
        /// `size × size`, row by row from the top; the finder's L is the left column and the bottom row.
        dark: Vec<bool>,
    },
}

impl SymbolPattern {
    /// Modules along the reading direction.
    pub fn modules_across(&self) -> usize {
        match self {
            Self::Linear { modules } => modules.len(),
            Self::Matrix { size, .. } => *size,
        }
    }
}

/// Encodes a text.
///
/// # Errors
/// [`ArtworkError::Text`] for a text that the symbology cannot say.
pub fn encode(kind: SymbolKind, text: &str) -> Result<SymbolPattern, ArtworkError> {
    match kind {
        SymbolKind::Code128 => Ok(SymbolPattern::Linear { modules: encode_code128(text)? }),
        SymbolKind::Ean13 => Ok(SymbolPattern::Linear { modules: encode_ean13(text)? }),
        SymbolKind::DataMatrix => encode_data_matrix(text),
    }
}

/// Quiet zones in modules: before the start, after the end, above, below the symbol as its text reads. Code 128 (ISO/IEC 15417): 10X at each side;
/// EAN-13 (GS1 General Specifications): 11X left, 7X right; Data Matrix (ISO/IEC 16022): 1X all around.
pub fn quiet_modules(kind: SymbolKind) -> [f64; 4] {
    match kind {
        SymbolKind::Code128 => [10.0, 10.0, 0.0, 0.0],
        SymbolKind::Ean13 => [11.0, 7.0, 0.0, 0.0],
        SymbolKind::DataMatrix => [1.0; 4],
    }
}

/// An axis-parallel rectangle on a face, m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Smallest u and v.
    pub min: [f64; 2],
    /// Largest u and v.
    pub max: [f64; 2],
}

impl Rect {
    /// The smallest rectangle around points.
    pub(crate) fn around(points: &[[f64; 2]]) -> Self {
        let fold = |axis: usize, f: fn(f64, f64) -> f64, start: f64| points.iter().map(|p| p[axis]).fold(start, f);
        Self {
            min: [fold(0, f64::min, f64::INFINITY), fold(1, f64::min, f64::INFINITY)],
            max: [fold(0, f64::max, f64::NEG_INFINITY), fold(1, f64::max, f64::NEG_INFINITY)],
        }
    }

    /// Whether the two share any area.
    pub fn intersects(&self, other: &Self) -> bool {
        (0..2).all(|i| self.min[i] < other.max[i] && other.min[i] < self.max[i])
    }

    /// Grown by a margin on every side, m.
    #[must_use]
    pub fn grown(&self, margin: f64) -> Self {
        Self { min: self.min.map(|x| x - margin), max: self.max.map(|x| x + margin) }
    }

    /// Whether it lies on a face of this extent; a micrometre of rounding is allowed.
    pub fn fits(&self, extent: [f64; 2]) -> bool {
        (0..2).all(|i| self.min[i] >= -1e-6 && self.max[i] <= extent[i] + 1e-6)
    }
}

/// A symbol with its place on a face.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedSymbol {
    /// Index into [`PackageSpec::symbols`].
    pub index: usize,
    /// Its symbology.
    pub kind: SymbolKind,
    /// What it says.
    pub text: String,
    /// Its modules.
    pub pattern: SymbolPattern,
    /// Size of a module along the reading direction, m.
    pub x_dimension: f64,
    /// The symbol's own top-left corner (linear: start-top) on the face, m; without quiet zones.
    pub origin: [f64; 2],
    /// Unit vector on the face (u, v): the reading direction, from left to right as the symbol's text reads.
    pub along: [f64; 2],
    /// Unit vector on the face (u, v): from the symbol's top to its bottom.
    pub down: [f64; 2],
    /// Extent along `along`, m; without quiet zones.
    pub width: f64,
    /// Extent along `down`, m; without quiet zones.
    pub height: f64,
    /// Quiet zones, m: before the start, after the end, above, below.
    pub quiet: [f64; 4],
    /// Reflectance of dark modules.
    pub ink: f64,
    /// Reflectance of light modules and of the field around the symbol.
    pub paper: f64,
    /// How well it is printed.
    pub quality: PrintQuality,
    /// The paper-coloured field: quiet zones, at least 1 mm above and below, the human-readable line; clipped to the face.
    pub field: Rect,
}

impl PlacedSymbol {
    /// Face coordinates of a point of the symbol: `s` metres along the reading direction and `t` metres down from its top-left corner.
    pub fn point(&self, s: f64, t: f64) -> [f64; 2] {
        [self.origin[0] + self.along[0] * s + self.down[0] * t, self.origin[1] + self.along[1] * s + self.down[1] * t]
    }

    /// Corners on the face, m, without quiet zones. Linear: start-top, stop-top, stop-bottom, start-bottom. Matrix: from the finder's corner
    /// (bottom left, where the solid sides meet), clockwise as seen from outside.
    pub fn corners(&self) -> [[f64; 2]; 4] {
        let (w, h) = (self.width, self.height);
        match self.pattern {
            SymbolPattern::Linear { .. } => [self.point(0.0, 0.0), self.point(w, 0.0), self.point(w, h), self.point(0.0, h)],
            SymbolPattern::Matrix { .. } => [self.point(0.0, h), self.point(0.0, 0.0), self.point(w, 0.0), self.point(w, h)],
        }
    }

    /// Corners of what ink may cover, in no stated order: a symbol with moved edges reaches beyond its own.
    pub(crate) fn inked(&self) -> [[f64; 2]; 4] {
        if !self.quality.moves_edges() {
            return self.corners();
        }
        let beyond = super::quality::BEYOND as f64 * self.x_dimension;
        let (w, h) = (self.width + beyond, self.height);
        match self.pattern {
            SymbolPattern::Linear { .. } => [self.point(-beyond, 0.0), self.point(w, 0.0), self.point(w, h), self.point(-beyond, h)],
            SymbolPattern::Matrix { .. } => {
                [self.point(-beyond, -beyond), self.point(w, -beyond), self.point(w, w), self.point(-beyond, w)]
            }
        }
    }

    /// Where a point of the face lies in the symbol: (s, t), metres along and down from its top-left corner.
    pub fn local(&self, uv: [f64; 2]) -> [f64; 2] {
        let d = [uv[0] - self.origin[0], uv[1] - self.origin[1]];
        [d[0] * self.along[0] + d[1] * self.along[1], d[0] * self.down[0] + d[1] * self.down[1]]
    }

    /// The rectangle with quiet zones on the face.
    pub fn quiet_rect(&self) -> Rect {
        let [before, after, above, below] = self.quiet;
        Rect::around(&[self.point(-before, -above), self.point(self.width + after, self.height + below)])
    }

    /// What nothing else may be printed on: quiet zones, and above and below a linear symbol the free space of the print rules.
    pub fn clear_rect(&self) -> Rect {
        let [before, after, above, below] = self.quiet;
        let extra = if matches!(self.pattern, SymbolPattern::Linear { .. }) { CLEAR_ABOVE_BELOW } else { 0.0 };
        Rect::around(&[self.point(-before, -above - extra), self.point(self.width + after, self.height + below + extra)])
    }
}

/// Places a symbol on a face of the given extent; does not check that it fits. `index` is carried along.
///
/// # Errors
/// [`ArtworkError::Text`] for a text that the symbology cannot say.
pub fn place(index: usize, spec: &SymbolSpec, extent: [f64; 2]) -> Result<PlacedSymbol, ArtworkError> {
    let pattern = encode(spec.kind, &spec.text)?;
    let width = pattern.modules_across() as f64 * spec.x_dimension;
    let height = if matches!(pattern, SymbolPattern::Matrix { .. }) { width } else { spec.height };
    // Clockwise as seen from outside takes right to down and down to left.
    let (along, down) = match spec.quarter_turns % 4 {
        0 => ([1.0, 0.0], [0.0, 1.0]),
        1 => ([0.0, 1.0], [-1.0, 0.0]),
        2 => ([-1.0, 0.0], [0.0, -1.0]),
        _ => ([0.0, -1.0], [1.0, 0.0]),
    };
    let origin = [0, 1].map(|i| spec.centre[i] - along[i] * width / 2.0 - down[i] * height / 2.0);
    let mut placed = PlacedSymbol {
        index,
        kind: spec.kind,
        text: spec.text.clone(),
        pattern,
        x_dimension: spec.x_dimension,
        origin,
        along,
        down,
        width,
        height,
        quiet: quiet_modules(spec.kind).map(|modules| modules * spec.x_dimension),
        ink: spec.ink,
        paper: spec.paper,
        quality: spec.quality,
        field: Rect { min: [0.0; 2], max: [0.0; 2] },
    };
    placed.field = super::layout::field(&placed, extent);
    Ok(placed)
}

/// A symbol as its faces see it: itself, or where it bends over an edge once for the panel and once for the end flap, each with the whole symbol as if
/// the face went on.
pub(crate) fn pieces(shape: &Shape, spec: &SymbolSpec) -> Vec<SymbolSpec> {
    let Some(panel) = spec.face.folded_panel() else { return vec![spec.clone()] };
    let depth = shape.flap_depth(panel);
    let [u, v] = spec.centre;
    let on_panel = SymbolSpec { face: panel, centre: [u, v - depth], ..spec.clone() };
    // The flap's own plane: from the edge away from the panel.
    let away = shape.point(panel, u, 0.0) - panel.axes().2 * (depth - v) - shape.point(Face::Top, 0.0, 0.0);
    let (right, down, _) = Face::Top.axes();
    let turned = match panel {
        Face::Front => 0,
        Face::Left => 1,
        Face::Back => 2,
        _ => 3,
    };
    let centre = [away.dot(right), away.dot(down)];
    vec![on_panel, SymbolSpec { face: Face::Top, centre, quarter_turns: (spec.quarter_turns + turned) % 4, ..spec.clone() }]
}

/// [`place`], with every size checked.
pub(super) fn place_checked(
    package: &PackageSpec,
    index: usize,
    spec: &SymbolSpec,
    extent: [f64; 2],
) -> Result<PlacedSymbol, ArtworkError> {
    let size = |what, value: f64| {
        if value.is_finite() && value > 0.0 {
            Ok(())
        } else {
            Err(ArtworkError::Size { package: package.name.clone(), symbol: index, what, value })
        }
    };
    size("X-dimension", spec.x_dimension)?;
    if spec.kind != SymbolKind::DataMatrix {
        size("height", spec.height)?;
    }
    let placed = place(index, spec, extent)?;
    let covers = placed.clear_rect();
    if !covers.fits(extent) || spec.centre.iter().any(|x| !x.is_finite()) {
        return Err(ArtworkError::DoesNotFit {
            package: package.name.clone(),
            symbol: index,
            kind: spec.kind,
            text: spec.text.clone(),
            face: spec.face,
            covers,
            extent,
        });
    }
    Ok(placed)
}
