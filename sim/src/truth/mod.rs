//! Ground truth: for scoring only, never for the pipeline.
//!
//! A [`TruthScene`] is made once a load; [`frame`](mod@frame) says what a camera sees of it.

mod frame;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hardware_hal::rig_from_plate;
use rayon::prelude::*;

use crate::artwork::{ArtworkError, PlacedSymbol, SymbolPattern, place, print_grade};
use crate::geometry::PlacedBody;
use crate::glass::{Glass, Sight};
use crate::palette::{Palette, Prints};
use crate::spec::{CameraSpec, Face, PatternSpec, Placement, Shape, SymbolKind, TwinSpec};
use frame::Frame;

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
    /// (paper − ink) ÷ paper reflectance, as the camera sees them in the light of the frame.
    pub contrast: f64,
    /// Its print grade in the manner of ISO/IEC 15416 and 15415, 0 (F) to 4 (A), of what the camera sees in the light of the frame: what a verifier
    /// says that has this light.
    pub print_grade: f64,
    /// Whether it bends over an edge, and what is true of it then.
    pub fold: Fold,
}

/// How a symbol lies on the edges of its package. Print around something round is not folded.
///
/// No plane holds all of a folded symbol. What [`CodeTruth`] says of a linear one whose edge runs along its reading direction is said of its larger
/// piece, which has all bars: corners, px per module, incidence, glare and angles are that piece's, and it is visible if on that piece the full width with
/// quiet zones is seen over at least half of *all* of the bar height. The other piece only counts in the visible fraction. Of a matrix symbol, and of
/// a linear one whose bars lie on both sides of the edge, no piece says everything: their corners are the whole's, and they are never nominal.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Fold {
    /// On one face.
    #[default]
    None,
    /// Each bar goes over the edge.
    AcrossBars {
        /// Share of the bar height on the smaller piece.
        share: f64,
    },
    /// Some modules are on one side of the edge and some on the other.
    BetweenModules,
}

impl CodeTruth {
    /// Nominal conditions, for which recognition targets hold: incidence ≤ 60°, glare share ≤ 5 %, blur σ ≤ 1 module, a print as the rules ask for it
    /// (contrast ≥ 0.55, print grade C or better), and a fold that leaves one piece with all modules.
    pub fn nominal(&self) -> bool {
        let seen = self.incidence_deg <= 60.0 && self.glare_share <= 0.05 && self.blur_modules <= 1.0;
        seen && self.fold != Fold::BetweenModules && self.contrast >= 0.55 && self.print_grade >= GRADE_C
    }
}

/// The lowest print grade that is called C (ISO/IEC 15416, table 5).
pub const GRADE_C: f64 = 1.5;

/// A load at rest with its prints: what ground truth of any frame is computed from.
#[derive(Debug, Clone)]
pub struct TruthScene {
    spec: Arc<TwinSpec>,
    palette: Palette,
    /// The plate, if it is of glass.
    glass: Option<Glass>,
    /// Every package's body, on the plate.
    bodies: Vec<PlacedBody>,
    /// All symbols, by package and then by index on the package.
    symbols: Arc<[SceneSymbol]>,
}

#[derive(Debug, Clone)]
struct SceneSymbol {
    package: usize,
    face: Face,
    trace: bool,
    gloss: f64,
    /// With its reflectances in the first tint.
    placed: PlacedSymbol,
    /// By tint.
    looks: Vec<Look>,
    piece: Piece,
}

/// A symbol as it is seen in some light.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Look {
    ink: f64,
    paper: f64,
    grade: f64,
}

impl Look {
    fn of(placed: &PlacedSymbol) -> Self {
        Self { ink: placed.ink, paper: placed.paper, grade: print_grade(placed).grade }
    }

    /// (paper − ink) ÷ paper.
    fn contrast(&self) -> f64 {
        if self.paper > 0.0 { (self.paper - self.ink) / self.paper } else { 0.0 }
    }
}

/// The part of a symbol that its truth is said of, m along and down from its top-left corner: all of it, but for what is folded across its bars.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    fold: Fold,
    top: f64,
    bottom: f64,
}

impl Piece {
    fn of(shape: &Shape, face: Face, placed: &PlacedSymbol) -> Self {
        let whole = Self { fold: Fold::None, top: 0.0, bottom: placed.height };
        let Some(panel) = face.folded_panel() else { return whole };
        let edge = shape.flap_depth(panel) - placed.origin[1];
        // v of a point is origin + along · s + down · t.
        if placed.down[1].abs() < 0.5 {
            let at = edge / placed.along[1];
            let crosses = at > -placed.quiet[0] && at < placed.width + placed.quiet[1];
            return Self { fold: if crosses { Fold::BetweenModules } else { Fold::None }, ..whole };
        }
        let at = edge / placed.down[1];
        if at <= -placed.quiet[2] || at >= placed.height + placed.quiet[3] {
            return whole;
        }
        if matches!(placed.pattern, SymbolPattern::Matrix { .. }) {
            return Self { fold: Fold::BetweenModules, ..whole };
        }
        let share = (at / placed.height).clamp(0.0, 1.0);
        let fold = Fold::AcrossBars { share: share.min(1.0 - share) };
        if share < 0.5 { Self { fold, top: at.max(0.0), ..whole } } else { Self { fold, bottom: at.min(placed.height), ..whole } }
    }

    fn middle(&self) -> f64 {
        (self.top + self.bottom) / 2.0
    }
}

/// How a frame was taken, as far as ground truth goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View<'a> {
    /// The camera.
    pub camera: &'a CameraSpec,
    /// The plate's angle, rad.
    pub turntable_angle: f64,
    /// The light.
    pub pattern: &'a PatternSpec,
    /// Speed of the plate while the shutter was open, rad/s.
    pub plate_speed_rad_s: f64,
    /// How long the shutter was open, s.
    pub exposure_s: f64,
}

impl<'a> View<'a> {
    /// A view of a plate that stands still.
    pub fn at_rest(camera: &'a CameraSpec, turntable_angle: f64, pattern: &'a PatternSpec) -> Self {
        Self { camera, turntable_angle, pattern, plate_speed_rad_s: 0.0, exposure_s: camera.nominal_exposure_s }
    }
}

/// What is true of every symbol in one frame; [`TruthScene`] is cheaper where a load is seen in more than one.
///
/// # Errors
/// [`ArtworkError`] of a print that cannot be made.
pub fn frame_truth(spec: &TwinSpec, placements: &[Placement], view: &View<'_>) -> Result<Vec<CodeTruth>, ArtworkError> {
    Ok(TruthScene::new(&Arc::new(spec.clone()), placements)?.frame(view))
}

impl TruthScene {
    /// A load at rest; `placements` in the order of the packages (a package without one is not there).
    ///
    /// # Errors
    /// [`ArtworkError`] of a print that cannot be made.
    pub fn new(spec: &Arc<TwinSpec>, placements: &[Placement]) -> Result<Self, ArtworkError> {
        let palette = Palette::of(spec);
        Self::with_prints(spec, placements, &palette, &Prints::new(spec, &palette)?)
    }

    /// The same with prints that were made before, for the same packages and lights.
    ///
    /// # Errors
    /// [`ArtworkError`] of a symbol that cannot be placed.
    pub fn with_prints(spec: &Arc<TwinSpec>, placements: &[Placement], palette: &Palette, prints: &Prints) -> Result<Self, ArtworkError> {
        let mut symbols = Vec::new();
        for (index, package) in spec.packages.iter().enumerate().take(placements.len()) {
            for face in prints.of_package(index) {
                let print = &prints.faces[0][face];
                for (at, placed) in print.symbols.iter().enumerate() {
                    let printed = &package.symbols[placed.index];
                    // Pieces of what bends over an edge are left out: the whole comes below.
                    if printed.face != print.face {
                        continue;
                    }
                    symbols.push(SceneSymbol {
                        package: index,
                        face: print.face,
                        trace: printed.trace,
                        gloss: print.gloss,
                        placed: placed.clone(),
                        looks: prints.faces.iter().map(|faces| Look::of(&faces[face].symbols[at])).collect(),
                        piece: Piece::of(&package.shape, print.face, placed),
                    });
                }
            }
            for (symbol, printed) in package.symbols.iter().enumerate().filter(|(_, printed)| printed.face.folded_panel().is_some()) {
                let seen = |tint| place(symbol, &palette.symbol(tint, printed), package.shape.extent(printed.face));
                let placed = seen(0)?;
                let looks = (0..palette.tints()).map(|tint| Ok(Look::of(&seen(tint)?))).collect::<Result<_, ArtworkError>>()?;
                let piece = Piece::of(&package.shape, printed.face, &placed);
                let (face, trace, gloss) = (printed.face, printed.trace, package.artwork.gloss);
                symbols.push(SceneSymbol { package: index, face, trace, gloss, placed, looks, piece });
            }
        }
        symbols.sort_by_key(|s| (s.package, s.placed.index));
        let scene = Self { spec: Arc::clone(spec), palette: palette.clone(), glass: None, bodies: Vec::new(), symbols: symbols.into() };
        Ok(scene.moved(spec, placements))
    }

    /// The same packages elsewhere, under lights and cameras that may have moved too; they are not printed and graded anew.
    #[must_use]
    pub fn moved(&self, spec: &Arc<TwinSpec>, placements: &[Placement]) -> Self {
        let placed = spec.packages.iter().zip(placements);
        let bodies = placed.map(|(package, placement)| PlacedBody::new(&package.shape, placement.plate_from_package())).collect();
        Self { spec: Arc::clone(spec), glass: Glass::of(spec), bodies, ..self.clone() }
    }

    /// What is true of every symbol in one frame, by package and then by symbol; symbols behind the camera's plane are left out, hidden ones are
    /// there with `visible_fraction` 0.
    pub fn frame(&self, view: &View<'_>) -> Vec<CodeTruth> {
        let rig = rig_from_plate(view.turntable_angle);
        let mut bodies = self.bodies.clone();
        bodies.iter_mut().for_each(|body| body.around.pose = rig.then_from(&body.around.pose));
        let sight = Sight::through(self.glass.as_ref().map(|glass| glass.pane), &view.camera.calibration);
        // Lamps as bright as the sensor counts them.
        let response = view.camera.sensor.detail.response;
        let strength = |lamp: usize| self.spec.lamps.get(lamp).map_or(1.0, |lamp| response.strength(lamp.colour));
        let seen = view.pattern.lamps.iter().map(|(lamp, share)| (*lamp, share * strength(*lamp))).collect();
        let pattern = PatternSpec { name: view.pattern.name.clone(), lamps: seen };
        let lightings = self.palette.lightings(response, &view.pattern.shares(self.spec.lamps.len()), 1.0);
        let view = &View { pattern: &pattern, ..*view };
        let scene = Frame { spec: &self.spec, glass: self.glass.as_ref(), view, lightings: &lightings, bodies, sight };
        self.symbols.par_iter().filter_map(|symbol| scene.truth(symbol)).collect()
    }
}
