//! What one camera sees of a load: sampled rays, and no pixels.

use hardware_hal::glam::{DVec2, DVec3};
use hardware_hal::{Pose, rig_from_plate};

use super::{CodeTruth, Fold, Look, SceneSymbol, View};
use crate::artwork::{PlacedSymbol, SymbolPattern};
use crate::geometry::{PlacedBody, plate_blocks};
use crate::glass::{Glass, Sight, mirrored};
use crate::palette::Lighting;
use crate::shading;
use crate::spec::{FilmSpec, LampSpec, Shape, TwinSpec};

/// Stations along a code at which its local px per module is measured.
const STATIONS: usize = 17;
/// Columns (along the reading direction, quiet zones included) and rows of the visibility samples.
const COLUMNS: usize = 96;
const ROWS: usize = 16;
/// Columns and rows of the glare samples (quiet zones left out).
const GLARE: [usize; 2] = [24, 6];
/// Samples stand this far in front of the print, m: a package that touches it hides it, its own board does not.
const LIFT: f64 = 0.2e-3;

/// The scene as it stands in one frame, in the rig frame.
pub(super) struct Frame<'a> {
    pub(super) spec: &'a TwinSpec,
    pub(super) glass: Option<&'a Glass>,
    pub(super) view: &'a View<'a>,
    /// The light by its tints.
    pub(super) lightings: &'a [Lighting],
    pub(super) bodies: Vec<PlacedBody>,
    pub(super) sight: Sight,
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
    pub(super) fn truth(&self, symbol: &SceneSymbol) -> Option<CodeTruth> {
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
        let look = self.look(&surface);
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
            glare_share: self.glare_share(&surface, &look),
            motion_blur_px: self.motion_blur(centre),
            blur_modules: self.view.camera.sensor.blur_sigma_px / px_per_module,
            grid_angle_deg: grid_angle_deg(stop - start),
            contrast: look.contrast(),
            print_grade: look.grade,
            fold: symbol.piece.fold,
        })
    }

    /// What the print is in the light that arrives in its middle: of several colours, the mean by how much of each arrives.
    fn look(&self, surface: &Surface<'_>) -> Look {
        let looks = &surface.symbol.looks;
        if let [only] = self.lightings {
            return looks[only.tint];
        }
        let (point, normal) = (surface.centre(), surface.normal_at_centre());
        let light = |lighting: &Lighting| {
            let of_lamp = |(lamp, share): (&LampSpec, &f64)| {
                let place = self.raised(lamp.position, point);
                if *share <= 0.0 || !self.is_clear(point, normal, place, &self.between(surface, place)) {
                    return 0.0;
                }
                let passes = self.glass.map_or(1.0, |glass| glass.passes(place, point));
                share * passes * shading::diffuse_white(lamp, point - (place - lamp.position), normal)
            };
            let lamps: f64 = self.spec.lamps.iter().zip(&lighting.lamp_shares).map(of_lamp).sum();
            self.spec.ambient * lighting.ambient_share + lamps
        };
        let lights: Vec<f64> = self.lightings.iter().map(light).collect();
        let sum: f64 = lights.iter().sum();
        if sum <= 0.0 {
            return looks[self.lightings[0].tint];
        }
        let mean = |of: fn(&Look) -> f64| {
            self.lightings.iter().zip(&lights).map(|(lighting, light)| of(&looks[lighting.tint]) * light).sum::<f64>() / sum
        };
        Look::of(&PlacedSymbol { ink: mean(|look| look.ink), paper: mean(|look| look.paper), ..surface.symbol.placed.clone() })
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
    fn glare_share(&self, surface: &Surface<'_>, look: &Look) -> f64 {
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
        let albedo = look.ink * dark + look.paper * (1.0 - dark);
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
            let uv = placed.point(s, t);
            let film = films.iter().find(|film| film.covers(uv));
            // Wrinkles lean what mirrors, not what scatters.
            let leaning = film.and_then(|film| film.wrinkles).map(|wrinkles| {
                let (right, down, _) = surface.shape.axes(surface.symbol.face, uv[0]);
                let lean = wrinkles.lean(uv);
                (normal + surface.pose.rotation * (right * lean[0] + down * lean[1])).normalize()
            });
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
                shaded.specular += leaning.map_or(lit.specular, |leaning| {
                    share * passes * shading::mirrored_share(lamp, analyser) * shading::varnish(lamp, sunk, leaning, to_eye, gloss)
                });
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
