//! Ground truth: for scoring only, never for the pipeline.

use hardware_hal::glam::{DVec2, DVec3};
use hardware_hal::{Pose, rig_from_plate};

use crate::artwork::{ArtworkError, PlacedSymbol, SymbolPattern, place, print_faces, print_grade};
use crate::geometry::{PlacedBody, plate_blocks};
use crate::glass::{Glass, Sight, mirrored};
use crate::shading;
use crate::spec::{CameraSpec, Face, FilmSpec, LampSpec, PatternSpec, Placement, Shape, SymbolKind, TwinSpec};

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
    /// Its print grade in the manner of ISO/IEC 15416 and 15415, 0 (F) to 4 (A).
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

/// Stations along a code at which its local px per module is measured.
const STATIONS: usize = 17;
/// Columns (along the reading direction, quiet zones included) and rows of the visibility samples.
const COLUMNS: usize = 96;
const ROWS: usize = 16;
/// Columns and rows of the glare samples (quiet zones left out).
const GLARE: [usize; 2] = [24, 6];
/// Samples stand this far in front of the print, m: a package that touches it hides it, its own board does not.
const LIFT: f64 = 0.2e-3;

/// A load at rest with its prints: what ground truth of any frame is computed from.
#[derive(Debug, Clone)]
pub struct TruthScene<'a> {
    spec: &'a TwinSpec,
    /// The plate, if it is of glass.
    glass: Option<Glass>,
    /// Every package's body, on the plate.
    bodies: Vec<PlacedBody>,
    /// All symbols, by package and then by index on the package.
    symbols: Vec<SceneSymbol>,
}

#[derive(Debug, Clone)]
struct SceneSymbol {
    package: usize,
    face: Face,
    trace: bool,
    gloss: f64,
    placed: PlacedSymbol,
    print_grade: f64,
    piece: Piece,
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
    Ok(TruthScene::new(spec, placements)?.frame(view))
}

impl<'a> TruthScene<'a> {
    /// A load at rest; `placements` in the order of the packages (a package without one is not there).
    ///
    /// # Errors
    /// [`ArtworkError`] of a print that cannot be made.
    pub fn new(spec: &'a TwinSpec, placements: &[Placement]) -> Result<Self, ArtworkError> {
        let bodies = spec
            .packages
            .iter()
            .zip(placements)
            .map(|(package, placement)| PlacedBody::new(&package.shape, placement.plate_from_package()))
            .collect();
        let mut symbols = Vec::new();
        for (index, package) in spec.packages.iter().enumerate().take(placements.len()) {
            for print in print_faces(package)? {
                let (face, gloss) = (print.face, print.gloss);
                // Pieces of what bends over an edge are left out: the whole comes below.
                let own = print.symbols.into_iter().filter(|placed| package.symbols[placed.index].face == face);
                symbols.extend(own.map(|placed| SceneSymbol {
                    package: index,
                    face,
                    trace: package.symbols[placed.index].trace,
                    gloss,
                    print_grade: print_grade(&placed).grade,
                    piece: Piece::of(&package.shape, face, &placed),
                    placed,
                }));
            }
            for (symbol, spec) in package.symbols.iter().enumerate().filter(|(_, spec)| spec.face.folded_panel().is_some()) {
                let placed = place(symbol, spec, package.shape.extent(spec.face))?;
                let piece = Piece::of(&package.shape, spec.face, &placed);
                symbols.push(SceneSymbol {
                    package: index,
                    face: spec.face,
                    trace: spec.trace,
                    gloss: package.artwork.gloss,
                    print_grade: print_grade(&placed).grade,
                    piece,
                    placed,
                });
            }
        }
        symbols.sort_by_key(|s| (s.package, s.placed.index));
        Ok(Self { spec, glass: Glass::of(spec), bodies, symbols })
    }

    /// What is true of every symbol in one frame, by package and then by symbol; symbols behind the camera's plane are left out, hidden ones are
    /// there with `visible_fraction` 0.
    pub fn frame(&self, view: &View<'_>) -> Vec<CodeTruth> {
        let rig = rig_from_plate(view.turntable_angle);
        let mut bodies = self.bodies.clone();
        bodies.iter_mut().for_each(|body| body.around.pose = rig.then_from(&body.around.pose));
        let sight = Sight::through(self.glass.as_ref().map(|glass| glass.pane), &view.camera.calibration);
        let scene = Frame { spec: self.spec, glass: self.glass.as_ref(), view, bodies, sight };
        self.symbols.iter().filter_map(|symbol| scene.truth(symbol)).collect()
    }
}

/// The scene as it stands in one frame, in the rig frame.
struct Frame<'a> {
    spec: &'a TwinSpec,
    glass: Option<&'a Glass>,
    view: &'a View<'a>,
    bodies: Vec<PlacedBody>,
    sight: Sight,
}

/// A symbol in the rig frame: any point of it by metres along and down from its top-left corner.
struct Surface<'a> {
    symbol: &'a SceneSymbol,
    pose: Pose,
    shape: Shape,
}

impl Surface<'_> {
    fn point(&self, s: f64, t: f64) -> DVec3 {
        let [u, v] = self.symbol.placed.point(s, t);
        self.pose.transform_point(self.shape.point(self.symbol.face, u, v))
    }

    /// Outward normal there: the same all over, but for what goes around something round or over an edge.
    fn normal(&self, s: f64, t: f64) -> DVec3 {
        let [u, v] = self.symbol.placed.point(s, t);
        self.pose.rotation * self.shape.normal(self.symbol.face, u, v)
    }

    /// Normal in the middle of the piece that truth is said of.
    fn normal_at_centre(&self) -> DVec3 {
        self.normal(self.symbol.placed.width / 2.0, self.symbol.piece.middle())
    }

    fn centre(&self) -> DVec3 {
        self.point(self.symbol.placed.width / 2.0, self.symbol.piece.middle())
    }

    /// Corners of that piece: linear start-top, stop-top, stop-bottom, start-bottom; matrix from the finder's corner, clockwise.
    fn corners(&self) -> [DVec3; 4] {
        let (placed, piece) = (&self.symbol.placed, &self.symbol.piece);
        let [a, b, c, d] = [(0.0, piece.top), (placed.width, piece.top), (placed.width, piece.bottom), (0.0, piece.bottom)];
        let in_order = match placed.pattern {
            SymbolPattern::Linear { .. } => [a, b, c, d],
            SymbolPattern::Matrix { .. } => [d, a, b, c],
        };
        in_order.map(|(s, t)| self.point(s, t))
    }
}

impl Frame<'_> {
    fn truth(&self, symbol: &SceneSymbol) -> Option<CodeTruth> {
        let camera = &self.sight;
        let shape = self.spec.packages[symbol.package].shape;
        let pose = self.bodies[symbol.package].around.pose;
        let surface = Surface { symbol, pose, shape };
        let placed = &symbol.placed;
        let mut corners = [[0.0; 2]; 4];
        for (corner, point) in corners.iter_mut().zip(surface.corners()) {
            *corner = camera.project(point)?.to_array();
        }
        let (w, middle) = (placed.width, symbol.piece.middle());
        let start = camera.project(surface.point(0.0, middle))?;
        let stop = camera.project(surface.point(w, middle))?;
        let px_per_module = match &placed.pattern {
            SymbolPattern::Linear { .. } => smallest_scale(camera, &surface)? * placed.x_dimension,
            SymbolPattern::Matrix { size, .. } => area(&corners).sqrt() / *size as f64,
        };
        let (visible_fraction, visible) = self.visibility(&surface);
        let centre = surface.centre();
        Some(CodeTruth {
            package: symbol.package,
            symbol: placed.index,
            text: placed.text.clone(),
            kind: placed.kind,
            trace: symbol.trace,
            face: symbol.face,
            corners,
            visible_fraction,
            visible,
            px_per_module,
            incidence_deg: surface
                .normal_at_centre()
                .dot((self.sight.eye(centre) - centre).normalize_or_zero())
                .clamp(-1.0, 1.0)
                .acos()
                .to_degrees(),
            glare_share: self.glare_share(&surface),
            motion_blur_px: self.motion_blur(centre),
            blur_modules: self.view.camera.sensor.blur_sigma_px / px_per_module,
            grid_angle_deg: grid_angle_deg(stop - start),
            contrast: if placed.paper > 0.0 { (placed.paper - placed.ink) / placed.paper } else { 0.0 },
            print_grade: symbol.print_grade,
            fold: symbol.piece.fold,
        })
    }

    /// Share of the samples seen, and whether that makes the code visible.
    fn visibility(&self, surface: &Surface<'_>) -> (f64, bool) {
        let placed = &surface.symbol.placed;
        let [before, after, above, below] = placed.quiet;
        let near = self.between(surface, self.sight.eye(surface.centre()));
        let own = self.own_parts(surface);
        let piece = &surface.symbol.piece;
        let (mut seen, mut full_rows) = (0, 0);
        for row in 0..ROWS {
            let t = -above + (placed.height + above + below) * (row as f64 + 0.5) / ROWS as f64;
            let in_row = (0..COLUMNS)
                .filter(|column| {
                    let s = -before + (placed.width + before + after) * (*column as f64 + 0.5) / COLUMNS as f64;
                    self.sees(surface, [s, t], &near, &own)
                })
                .count();
            seen += in_row;
            // Rows of a fold's smaller piece lie in another plane than the rest.
            let counts = !matches!(piece.fold, Fold::AcrossBars { .. }) || (piece.top..=piece.bottom).contains(&t);
            full_rows += usize::from(counts && in_row == COLUMNS);
        }
        let visible = match placed.pattern {
            SymbolPattern::Linear { .. } => 2 * full_rows >= ROWS,
            SymbolPattern::Matrix { .. } => full_rows == ROWS,
        };
        (seen as f64 / (ROWS * COLUMNS) as f64, visible)
    }

    /// The other parts of a symbol's own package that stand out before its print, and so can hide it.
    fn own_parts(&self, surface: &Surface<'_>) -> Vec<usize> {
        let body = &self.bodies[surface.symbol.package];
        let (placed, carrier) = (&surface.symbol.placed, surface.shape.part_of(surface.symbol.face));
        let back = surface.pose.inverse();
        let (w, h) = (placed.width, placed.height);
        let probes: Vec<(DVec3, DVec3)> = [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h], [w / 2.0, h / 2.0]]
            .iter()
            .map(|[s, t]| (back.transform_point(surface.point(*s, *t)), back.rotation * surface.normal(*s, *t)))
            .collect();
        let stands_out = |index: usize| {
            let corners = &body.parts[index].corners;
            corners.iter().any(|corner| probes.iter().any(|(point, normal)| (*corner - *point).dot(*normal) > LIFT))
        };
        (0..body.parts.len()).filter(|index| *index != carrier && stands_out(*index)).collect()
    }

    fn sees(&self, surface: &Surface<'_>, [s, t]: [f64; 2], near: &[&PlacedBody], own: &[usize]) -> bool {
        let (point, normal) = (surface.point(s, t), surface.normal(s, t));
        let [width, height] = self.view.camera.calibration.intrinsics.size_px.map(f64::from);
        // A pixel covers half a unit around its centre.
        let seen_at = self.sight.project(point);
        let in_frame = seen_at.is_some_and(|p| p.x >= -0.5 && p.y >= -0.5 && p.x < width - 0.5 && p.y < height - 0.5);
        let eye = self.sight.eye(point);
        let hides_itself = || {
            let lifted = point + normal * LIFT;
            !own.is_empty() && self.bodies[surface.symbol.package].any_part_blocks(eye, lifted, |part| own.contains(&part))
        };
        in_frame && normal.dot(eye - point) > 0.0 && self.is_clear(point, normal, eye, near) && !hides_itself()
    }

    /// Where a straight line from a place to a point begins: raised, if it leads up through a glass plate.
    fn raised(&self, place: DVec3, point: DVec3) -> DVec3 {
        self.glass.map_or(place, |glass| glass.pane.raised(place, point))
    }

    /// Whether nothing stands between a place and a point of the print.
    fn is_clear(&self, point: DVec3, normal: DVec3, from: DVec3, near: &[&PlacedBody]) -> bool {
        let lifted = point + normal * LIFT;
        !near.iter().any(|b| b.blocks(from, lifted)) && !plate_blocks(&self.spec.plate, from, point)
    }

    /// The packages that could stand between a place and the symbol, its own left out: those whose sphere meets the tube from the one to the other.
    fn between(&self, surface: &Surface<'_>, from: DVec3) -> Vec<&PlacedBody> {
        let placed = &surface.symbol.placed;
        let [before, after, above, below] = placed.quiet;
        let centre = surface.centre();
        // Of what is folded, the middle of the larger piece lies off the middle.
        let half_height = surface.symbol.piece.middle().max(placed.height - surface.symbol.piece.middle());
        let reach = DVec2::new(placed.width / 2.0 + before.max(after), half_height + above.max(below)).length();
        let ray = centre - from;
        self.bodies
            .iter()
            .enumerate()
            .filter(|(index, b)| {
                let t = ((b.around.pose.translation - from).dot(ray) / ray.length_squared()).clamp(0.0, 1.0);
                *index != surface.symbol.package
                    && b.around.pose.translation.distance(from + ray * t) <= b.around.half.length() + reach + LIFT
            })
            .map(|(_, b)| b)
            .collect()
    }

    /// Share of the symbol's area where the varnish mirrors more light than print of the symbol's mean reflectance scatters.
    fn glare_share(&self, surface: &Surface<'_>) -> f64 {
        let placed = &surface.symbol.placed;
        let centre = surface.centre();
        let films: Vec<&FilmSpec> =
            self.spec.packages[surface.symbol.package].films.iter().filter(|film| film.face == surface.symbol.face).collect();
        let faces = surface.normal_at_centre().dot(self.sight.eye(centre) - centre) > 0.0;
        let mirrors = surface.symbol.gloss > 0.0 || !films.is_empty() || self.sight.pane.is_some();
        if !faces || !mirrors {
            return 0.0;
        }
        let modules = match &placed.pattern {
            SymbolPattern::Linear { modules } => modules,
            SymbolPattern::Matrix { dark, .. } => dark,
        };
        let dark = modules.iter().filter(|m| **m).count() as f64 / modules.len().max(1) as f64;
        let albedo = placed.ink * dark + placed.paper * (1.0 - dark);
        let lamps: Vec<(&LampSpec, f64, Vec<&PlacedBody>)> = self
            .view
            .pattern
            .lamps
            .iter()
            .filter_map(|(index, share)| {
                let lamp = self.spec.lamps.get(*index)?;
                Some((lamp, *share, self.between(surface, self.raised(lamp.position, centre))))
            })
            .collect();
        let [columns, rows] = GLARE;
        let glares = |cell: &usize| {
            let s = placed.width * ((cell % columns) as f64 + 0.5) / columns as f64;
            let piece = &surface.symbol.piece;
            let t = piece.top + (piece.bottom - piece.top) * ((cell / columns) as f64 + 0.5) / rows as f64;
            let (point, normal) = (surface.point(s, t), surface.normal(s, t));
            let to_eye = (self.sight.eye(point) - point).normalize_or_zero();
            let film = films.iter().find(|film| film.covers(placed.point(s, t)));
            let albedo = albedo * film.map_or(1.0, |film| film.transmission);
            let gloss = film.map_or(surface.symbol.gloss, |film| film.gloss);
            let (ambient, analyser) = (self.spec.ambient, self.view.camera.lens.analyser);
            // Each lamp by itself: those below a glass plate stand where they seem to.
            let mut shaded = shading::radiance(point, normal, to_eye, albedo, gloss, [], ambient, analyser);
            for (lamp, share, near) in &lamps {
                let place = self.raised(lamp.position, point);
                if !self.is_clear(point, normal, place, near) {
                    continue;
                }
                let passes = self.glass.map_or(1.0, |glass| glass.passes(place, point));
                let sunk = point - (place - lamp.position);
                let lit = shading::radiance(sunk, normal, to_eye, albedo, gloss, [(*lamp, share * passes)], 0.0, analyser);
                shaded.diffuse += lit.diffuse;
                shaded.specular += lit.specular;
            }
            // What the plate itself mirrors lies over all that is seen through it.
            let over = self.sight.pane.map_or(0.0, |pane| {
                let ray = (point - self.sight.eye(point)).normalize_or_zero();
                let through = pane.shares(ray.z.abs()).through.max(1e-3);
                let lit = |(index, share): &(usize, f64)| self.spec.lamps.get(*index).map(|lamp| (lamp, *share));
                let lamps = self.view.pattern.lamps.iter().filter_map(lit);
                mirrored(&pane, self.sight.calibration.eye(), ray, lamps, analyser) / through
            });
            shaded.specular + over > shaded.diffuse
        };
        (0..columns * rows).filter(glares).count() as f64 / (columns * rows) as f64
    }

    /// Pixels that the symbol's centre travels while the shutter is open.
    fn motion_blur(&self, centre: DVec3) -> f64 {
        let turn = rig_from_plate(self.view.plate_speed_rad_s * self.view.exposure_s);
        let camera = &self.sight;
        match (camera.project(centre), camera.project(turn.transform_point(centre))) {
            (Some(a), Some(b)) => a.distance(b),
            _ => 0.0,
        }
    }
}

/// Pixels per metre along the reading direction, in the middle of the bars, at the station where it is smallest.
fn smallest_scale(camera: &Sight, surface: &Surface<'_>) -> Option<f64> {
    let placed = &surface.symbol.placed;
    let (step, middle) = (placed.x_dimension / 2.0, surface.symbol.piece.middle());
    let mut smallest = f64::INFINITY;
    for station in 0..STATIONS {
        let s = placed.width * station as f64 / (STATIONS - 1) as f64;
        let ahead = camera.project(surface.point(s + step, middle))?;
        let behind = camera.project(surface.point(s - step, middle))?;
        smallest = smallest.min(ahead.distance(behind) / (2.0 * step));
    }
    Some(smallest)
}

/// Area of a quadrilateral (shoelace formula), px².
fn area(corners: &[[f64; 2]; 4]) -> f64 {
    let twice: f64 = (0..4)
        .map(|i| {
            let ([ax, ay], [bx, by]) = (corners[i], corners[(i + 1) % 4]);
            ax * by - bx * ay
        })
        .sum();
    twice.abs() / 2.0
}

/// Angle of a direction against the nearest pixel axis, degrees, 0 to 45.
fn grid_angle_deg(direction: DVec2) -> f64 {
    direction.y.abs().min(direction.x.abs()).atan2(direction.x.abs().max(direction.y.abs())).to_degrees()
}

#[cfg(test)]
mod tests {
    use hardware_hal::glam::DQuat;
    use hardware_hal::{Calibration, Intrinsics, PixelFormat, PixelLayout};

    use super::*;
    use crate::spec::{ArtworkSpec, PackageSpec, PlateSpec, PrintQuality, SensorSpec, SymbolSpec, TurntableSpec};

    const CODE: &str = "81234567890123456789";

    fn package(name: &str, size: [f64; 3]) -> PackageSpec {
        let artwork = ArtworkSpec { board: 0.8, band: 0.3, text: 0.1, gloss: 0.0, seed: 1 };
        PackageSpec { name: name.into(), shape: Shape::Carton { size }, mass: 0.05, symbols: Vec::new(), artwork, films: Vec::new() }
    }

    /// A carton of 100 × 60 × 30 mm with a code of X = 0.25 mm and 10 mm high in the middle of its front, and blank cartons.
    fn scene(kind: SymbolKind, others: &[[f64; 3]]) -> TwinSpec {
        let mut first = package("first", [0.1, 0.06, 0.03]);
        first.symbols.push(SymbolSpec {
            kind,
            text: CODE.into(),
            trace: true,
            face: Face::Front,
            x_dimension: 0.25e-3,
            height: 10e-3,
            centre: [0.05, 0.03],
            quarter_turns: 0,
            ink: 0.05,
            paper: 0.8,
            quality: PrintQuality::default(),
        });
        let lamp = |position| LampSpec {
            name: "lamp".into(),
            position,
            target: DVec3::ZERO,
            beam_half_angle: 1.0,
            intensity: 0.8,
            parts: 1,
            polarised: false,
        };
        TwinSpec {
            seed: 1,
            plate: PlateSpec { radius: 0.3, rim_height: 0.015, friction: 0.5, albedo: 0.2, glass: None },
            turntable: TurntableSpec { resolution_rad: 1e-3, speed_rad_s: 1.0, acceleration_rad_s2: 2.0 },
            lamps: vec![lamp(DVec3::new(0.01, 0.0, 1.03)), lamp(DVec3::new(1.0, 0.0, 1.03))],
            patterns: vec![
                PatternSpec { name: "at the camera".into(), lamps: vec![(0, 1.0)] },
                PatternSpec { name: "from the side".into(), lamps: vec![(1, 1.0)] },
            ],
            ambient: 0.05,
            flicker: None,
            cameras: Vec::new(),
            packages: std::iter::once(first).chain(others.iter().map(|size| package("other", *size))).collect(),
        }
    }

    fn camera(size: [u32; 2], eye: DVec3, target: DVec3, up: DVec3) -> CameraSpec {
        CameraSpec {
            id: "camera".into(),
            calibration: Calibration {
                intrinsics: Intrinsics::pinhole(size[0], size[1], 2000.0),
                camera_from_rig: Pose::look_at(eye, target, up),
            },
            format: PixelFormat { layout: PixelLayout::Mono, bits: 8 },
            nominal_exposure_s: 0.01,
            sensor: SensorSpec {
                blur_sigma_px: 0.4,
                electrons_at_white: 8e3,
                full_well: 1e4,
                dark_noise: 5.0,
                black_level: 0.01,
                detail: Default::default(),
            },
            lens: Default::default(),
            shutter: Default::default(),
        }
    }

    /// One metre above the front of the carton: 2000 px/m there.
    fn above() -> CameraSpec {
        camera([401, 301], DVec3::new(0.0, 0.0, 1.03), DVec3::ZERO, DVec3::Y)
    }

    fn at(x: f64, y: f64, z: f64) -> Placement {
        Placement { rotation: DQuat::IDENTITY, translation: DVec3::new(x, y, z) }
    }

    fn only(spec: &TwinSpec, placements: &[Placement], camera: &CameraSpec, angle: f64, pattern: usize) -> CodeTruth {
        let truths = frame_truth(spec, placements, &View::at_rest(camera, angle, &spec.patterns[pattern])).unwrap();
        assert_eq!(truths.len(), 1);
        truths[0].clone()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn a_code_straight_under_the_camera() {
        let spec = scene(SymbolKind::Code128, &[]);
        let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &above(), 0.0, 1);
        // 145 × 0.25 mm are 36.25 mm, so 72.5 px around the principal point (200, 150); 10 mm are 20 px.
        let expected = [[163.75, 140.0], [236.25, 140.0], [236.25, 160.0], [163.75, 160.0]];
        for (corner, expected) in truth.corners.iter().zip(expected) {
            assert!(close(corner[0], expected[0]) && close(corner[1], expected[1]), "{:?}", truth.corners);
        }
        assert_eq!((truth.visible_fraction, truth.visible, truth.trace, truth.package, truth.symbol), (1.0, true, true, 0, 0));
        assert!(close(truth.px_per_module, 0.5) && close(truth.incidence_deg, 0.0) && close(truth.grid_angle_deg, 0.0), "{truth:?}");
        assert!(close(truth.blur_modules, 0.8) && close(truth.contrast, 0.9375));
        assert_eq!((truth.glare_share, truth.motion_blur_px), (0.0, 0.0));
        assert!(truth.nominal());
    }

    #[test]
    fn a_matrix_has_its_finders_corner_first_and_clockwise() {
        let spec = scene(SymbolKind::DataMatrix, &[]);
        let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &above(), 0.0, 1);
        // 16 × 0.25 mm are 8 px; bottom left, top left, top right, bottom right.
        let expected = [[196.0, 154.0], [196.0, 146.0], [204.0, 146.0], [204.0, 154.0]];
        for (corner, expected) in truth.corners.iter().zip(expected) {
            assert!(close(corner[0], expected[0]) && close(corner[1], expected[1]), "{:?}", truth.corners);
        }
        assert!(close(truth.px_per_module, 0.5) && truth.visible);
        // A matrix needs all of itself and its quiet zone: a strip of 0.1 mm over the quiet zone's edge hides it.
        let spec = scene(SymbolKind::DataMatrix, &[[0.05, 0.05, 0.01]]);
        let truth = only(&spec, &[at(0.0, 0.0, 0.015), at(0.025 + 2.15e-3, 0.0, 0.035)], &above(), 0.0, 1);
        assert!(!truth.visible && truth.visible_fraction > 0.95, "{truth:?}");
    }

    #[test]
    fn what_stands_above_a_code_hides_it() {
        let spec = scene(SymbolKind::Code128, &[[0.1, 0.1, 0.01]]);
        let truth = |x, y| only(&spec, &[at(0.0, 0.0, 0.015), at(x, y, 0.035)], &above(), 0.0, 1);
        // It rests on the front, so its lower edge hides exactly what lies below it.
        let all = truth(0.0, 0.0);
        assert_eq!((all.visible_fraction, all.visible), (0.0, false));
        let right_half = truth(0.05, 0.0);
        assert_eq!((right_half.visible_fraction, right_half.visible), (0.5, false), "no row is whole");
        let upper_half = truth(0.0, 0.05);
        assert_eq!((upper_half.visible_fraction, upper_half.visible), (0.5, true), "half of the bar height is whole");
        let more = truth(0.0, 0.0492);
        assert_eq!((more.visible_fraction, more.visible), (0.4375, false));
        // A quiet zone counts: it reaches 20.625 mm from the centre.
        let quiet = truth(0.05 + 0.0195, 0.0);
        assert_eq!((quiet.visible_fraction, quiet.visible), (93.0 / 96.0, false), "1.125 mm of 41.25 mm are 3 of 96 columns");
        assert!(truth(0.05 + 0.0207, 0.0).visible);
    }

    #[test]
    fn a_code_face_down_is_hidden_by_its_own_package() {
        let spec = scene(SymbolKind::Code128, &[]);
        let down = Placement { rotation: DQuat::from_rotation_x(std::f64::consts::PI), translation: DVec3::new(0.0, 0.0, 0.015) };
        let truth = only(&spec, &[down], &above(), 0.0, 1);
        assert_eq!((truth.visible_fraction, truth.visible), (0.0, false));
        assert!(close(truth.incidence_deg, 180.0) && !truth.nominal());
    }

    #[test]
    fn the_frames_edge_cuts() {
        let spec = scene(SymbolKind::Code128, &[]);
        // 40 px are 20 mm of the 41.25 mm that the code takes with its quiet zones: 46 or 47 of 96 columns.
        let camera = camera([40, 301], DVec3::new(0.0, 0.0, 1.03), DVec3::ZERO, DVec3::Y);
        let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &camera, 0.0, 1);
        assert!(!truth.visible && (truth.visible_fraction - 20.0 / 41.25).abs() < 1.0 / 96.0, "{truth:?}");
        assert!(truth.corners[0][0] < 0.0, "corners may lie outside");
    }

    #[test]
    fn seen_from_the_side_and_turned() {
        let spec = scene(SymbolKind::Code128, &[]);
        let camera = camera([801, 801], DVec3::new(0.0, -1.0, 1.03), DVec3::new(0.0, 0.0, 0.03), DVec3::Z);
        let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &camera, 0.0, 1);
        // All of the reading line lies √2 m deep.
        assert!(close(truth.px_per_module, 0.5 / 2f64.sqrt()) && close(truth.incidence_deg, 45.0), "{truth:?}");
        for (turn, expected) in [(30f64, 30.0), (60.0, 30.0), (100.0, 10.0), (225.0, 45.0)] {
            let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &above(), turn.to_radians(), 1);
            assert!(close(truth.grid_angle_deg, expected) && truth.visible, "{truth:?}");
        }
        // Seen along the reading direction, the far end is the smaller one: 1/z² falls off along the line of sight.
        let oblique = self::camera([801, 801], DVec3::new(-1.0, 0.0, 1.03), DVec3::new(0.0, 0.0, 0.03), DVec3::Z);
        let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &oblique, 0.0, 1);
        // A point at x is (√2 + x/√2) m deep and (x/√2) m off the axis: dpx/dx = 2000·√2·(1/√2)/depth², smallest at x = 18.125 mm.
        let depth = 2f64.sqrt() + 0.018125 / 2f64.sqrt();
        assert!((truth.px_per_module - 0.25e-3 * 2000.0 / depth.powi(2)).abs() < 1e-5, "{truth:?}");
    }

    #[test]
    fn a_glossy_code_glares_in_the_mirror_direction_only() {
        let mut spec = scene(SymbolKind::Code128, &[]);
        spec.packages[0].artwork.gloss = 0.05;
        let truth = |spec: &TwinSpec, pattern| only(spec, &[at(0.0, 0.0, 0.015)], &above(), 0.0, pattern).glare_share;
        assert_eq!(truth(&spec, 0), 1.0);
        assert_eq!(truth(&spec, 1), 0.0);
        spec.packages[0].artwork.gloss = 0.0;
        assert_eq!(truth(&spec, 0), 0.0);
    }

    #[test]
    fn a_code_around_a_bottle_shows_as_far_as_it_faces_the_camera() {
        let mut spec = scene(SymbolKind::Code128, &[]);
        // 36.25 mm of code and 41.25 mm with its quiet zones, around a bottle of radius r: ± 20.625 mm ÷ r of arc.
        let truth = |spec: &mut TwinSpec, radius: f64| {
            spec.packages[0].shape = Shape::Bottle { radius, height: 0.06 };
            spec.packages[0].symbols[0].face = Face::Around;
            spec.packages[0].symbols[0].centre = [std::f64::consts::PI * radius, 0.03];
            // Lying, the middle of the label up, its top 1 m below the camera.
            only(spec, &[at(0.0, 0.0, 0.03 - radius)], &above(), 0.0, 1)
        };
        let wide = truth(&mut spec, 0.05);
        assert!(wide.visible && wide.visible_fraction == 1.0 && close(wide.incidence_deg, 0.0), "{wide:?}");
        // At the code's ends, 18.125 mm of arc out, it leans by 20.77° and lies r·(1 − cos) deeper.
        let arc = 0.018125f64 / 0.05;
        let (x, depth) = (0.05 * arc.sin(), 1.0 + 0.05 * (1.0 - arc.cos()));
        assert!((wide.corners[1][0] - (200.0 + 2000.0 * x / depth)).abs() < 1e-6, "{:?}", wide.corners);
        // d/ds of 2000·r·sin(s/r) ÷ (1 + r·(1 − cos(s/r))) at that end.
        let slope = 2000.0 * (arc.cos() * depth - 0.05 * arc.sin() * arc.sin()) / (depth * depth);
        assert!((wide.px_per_module - 0.25e-3 * slope).abs() < 1e-5, "{wide:?}");
        // A narrow bottle turns both ends away: what is seen faces the camera, which 1 m away sees almost half of it.
        let narrow = truth(&mut spec, 0.012);
        let seen = 0.012 * (0.012f64 / 1.012).acos() / 0.020625;
        assert!(!narrow.visible && (narrow.visible_fraction - seen).abs() < 0.02, "{} instead of {seen}", narrow.visible_fraction);
    }

    #[test]
    fn a_turning_plate_blurs() {
        let spec = scene(SymbolKind::Code128, &[]);
        let camera = above();
        let view = View { plate_speed_rad_s: 1.0, exposure_s: 0.01, ..View::at_rest(&camera, 0.0, &spec.patterns[1]) };
        // 0.1 m from the axis at 1 rad/s for 10 ms: an arc of 1 mm, 2 px.
        let truth = &frame_truth(&spec, &[at(0.0, 0.1, 0.015)], &view).unwrap()[0];
        assert!((truth.motion_blur_px - 2.0).abs() < 1e-4, "{truth:?}");
    }
}
