//! The station as flat surfaces: carton faces with their prints, plate, rim and table, and what casts shadows.

use std::ops::Range;
use std::sync::Arc;

use bevy::prelude::Component;
use hardware_hal::glam::{DQuat, DVec2, DVec3};
use hardware_hal::rig_from_plate;

use crate::artwork::FacePrint;
use crate::error::SimError;
use crate::forms::convex::area_vector;
use crate::forms::{Convex, Facet, Look, Model};
use crate::glass::Glass;
use crate::palette::{Palette, Prints};
use crate::spec::{Face, LampSpec, PackageSpec, Placement, PlateSpec, Shape, TwinSpec, Wrinkles};

/// Height of the table below the plate's surface, m.
pub const TABLE_DROP: f64 = 0.045;

/// Room between the lowest lamp or camera below a glass plate and the floor of the housing, m.
const HOUSING_ROOM: f64 = 0.1;

/// Half the edge of the square table, in plate radii.
const TABLE_REACH: f64 = 5.0;
pub(super) const TABLE_ALBEDO: f64 = 0.18;
const RIM_THICKNESS: f64 = 0.004;
const RIM_SEGMENTS: usize = 72;

/// Thickness of a film, m: packing tape has 0.05 mm.
const FILM_THICKNESS: f64 = 0.05e-3;

/// Diffuse reflectance of bottle caps.
const CAP_ALBEDO: f64 = 0.75;

/// Farthest that a strip of a bottle may lie from its cylinder, m.
const STRIP_SAGITTA: f64 = 1e-5;

/// Strips around a bottle: the sagitta of each is r·(1 − cos(π/n)).
fn bottle_strips(radius: f64) -> usize {
    let most = libm::acos((1.0 - STRIP_SAGITTA / radius).clamp(-1.0, 1.0));
    ((std::f64::consts::PI / most).ceil() as usize).clamp(24, 160)
}

/// Distance of light samples on plate, cartons and table, m.
const PLATE_CELL: f64 = 0.002;
const CARTON_CELL: f64 = 0.0025;
/// On faces with a code: a body 20 mm off throws a shadow whose edge is this wide.
const CODE_CELL: f64 = 0.0015;
/// Facets of something smooth are narrow: their light hardly changes but along them.
const FACET_CELL: f64 = 0.006;
const TABLE_CELL: f64 = 0.012;
const RIM_CELL: f64 = 0.02;

/// A flat convex piece of the scene, drawn and lit as one.
#[derive(Debug, Clone, Component)]
pub struct Surface {
    /// Position in the list of surfaces, which is also the place of its token in a frame.
    pub index: usize,
    /// The point u = v = 0, in the plate's frame if it rides, else in the rig's, m.
    pub origin: DVec3,
    /// Direction of u; of unit length and at right angles to that of v, but for facets whose print is stretched a little (`smooth` or not).
    pub right: DVec3,
    /// Direction of v; `down × right` points outward.
    pub down: DVec3,
    /// Where u and v begin and end, m: 0 but for strips of something round, which all count from where their print begins.
    pub start: [f64; 2],
    /// The end.
    pub extent: [f64; 2],
    /// Extent of its print, m.
    pub print_extent: [f64; 2],
    /// 1 ÷ radius for a strip of something round, 1/m: its normal turns along u; 0 for what is flat.
    pub curvature: f64,
    /// The normal of the smooth form that this is a facet of, in the frame of `origin`; none for what is flat and for strips.
    pub smooth: Option<Smooth>,
    /// Its corners (u, v), convex, m.
    pub outline: Arc<[[f64; 2]]>,
    /// Diffuse reflectance where nothing is printed.
    pub albedo: f64,
    /// Share of the light that varnish mirrors at normal incidence.
    pub gloss: f64,
    /// Share of the light it scatters that a film over it leaves: 1 where there is none.
    pub transmission: f64,
    /// How it is wrinkled, if it is a film that is.
    pub wrinkles: Option<Wrinkles>,
    /// What is printed on it, by index into [`Scene::prints`].
    pub print: Option<usize>,
    /// The package it belongs to.
    pub owner: Option<usize>,
    /// The package's part that it belongs to, which never shades it.
    pub part: usize,
    /// Whether it turns with the plate.
    pub rides: bool,
    /// Whether the plate itself can stand between it and a lamp.
    pub below_plate: bool,
    /// Distance of light samples, m.
    pub cell: f64,
}

/// A normal that turns over a facet: linear in u and v.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Smooth {
    /// In the facet's middle.
    pub normal: DVec3,
    /// Its change per metre of u and of v.
    pub turn: [DVec3; 2],
}

impl Surface {
    /// Outward normal, in the frame of `origin`.
    pub fn normal(&self) -> DVec3 {
        let normal = self.down.cross(self.right);
        // Only facets can have stretched axes.
        if self.smooth.is_some() { normal.normalize_or_zero() } else { normal }
    }

    /// Its middle, u and v.
    pub fn middle(&self) -> [f64; 2] {
        [0, 1].map(|i| (self.start[i] + self.extent[i]) / 2.0)
    }

    /// Its width and height, m.
    pub fn size(&self) -> [f64; 2] {
        [0, 1].map(|i| self.extent[i] - self.start[i])
    }

    /// Outward normal at (u, v), of the round thing where this is a strip or a facet of one.
    pub fn normal_at(&self, [u, v]: [f64; 2]) -> DVec3 {
        let middle = self.middle();
        if let Some(smooth) = &self.smooth {
            return (smooth.normal + smooth.turn[0] * (u - middle[0]) + smooth.turn[1] * (v - middle[1])).normalize();
        }
        if self.curvature == 0.0 {
            return self.normal();
        }
        (self.normal() + self.right * (self.curvature * (u - middle[0]))).normalize()
    }

    /// The place of a facet's outline that is nearest to (u, v); that place itself for what is no facet.
    pub fn on_facet(&self, place: [f64; 2]) -> [f64; 2] {
        if self.smooth.is_none() {
            return place;
        }
        let p = DVec2::from_array(place);
        let corners = || self.outline.iter().map(|c| DVec2::from_array(*c));
        let edges = || corners().zip(corners().cycle().skip(1));
        let winding: f64 = edges().map(|(a, b)| a.perp_dot(b)).sum();
        if edges().all(|(a, b)| (b - a).perp_dot(p - a) * winding >= 0.0) {
            return place;
        }
        let onto = |(a, b): (DVec2, DVec2)| a + (b - a) * ((p - a).dot(b - a) / (b - a).length_squared().max(1e-30)).clamp(0.0, 1.0);
        edges().map(onto).min_by(|a, b| a.distance_squared(p).total_cmp(&b.distance_squared(p))).unwrap_or(p).to_array()
    }

    /// The largest angle between its own normal and that of what it is a piece of, rad.
    pub fn turns(&self) -> f64 {
        let wrinkled = self.wrinkles.map_or(0.0, |wrinkles| wrinkles.steepest());
        wrinkled + self.curves()
    }

    fn curves(&self) -> f64 {
        if self.smooth.is_none() {
            return self.curvature * self.size()[0] / 2.0;
        }
        let normal = self.normal();
        self.outline.iter().map(|uv| self.normal_at(*uv).angle_between(normal)).fold(0.0, f64::max)
    }

    /// Whether its normal is the same all over, films' wrinkles apart.
    pub fn is_flat(&self) -> bool {
        self.curvature == 0.0 && self.smooth.is_none()
    }

    /// Whether its outline is all of its extent.
    pub fn is_rectangle(&self) -> bool {
        let on_edge = |[u, v]: &[f64; 2]| (*u == self.start[0] || *u == self.extent[0]) && (*v == self.start[1] || *v == self.extent[1]);
        self.outline.len() == 4 && self.outline.iter().all(on_edge)
    }

    /// A point of it, in the frame of `origin`.
    pub fn point(&self, [u, v]: [f64; 2]) -> DVec3 {
        self.origin + self.right * u + self.down * v
    }

    /// The surface in the rig's frame with the plate at `angle_rad`.
    #[must_use]
    pub fn in_rig(&self, angle_rad: f64) -> Self {
        if !self.rides {
            return self.clone();
        }
        let pose = rig_from_plate(angle_rad);
        Self {
            origin: pose.transform_point(self.origin),
            right: pose.rotation * self.right,
            down: pose.rotation * self.down,
            smooth: self
                .smooth
                .map(|smooth| Smooth { normal: pose.rotation * smooth.normal, turn: smooth.turn.map(|turn| pose.rotation * turn) }),
            ..self.clone()
        }
    }
}

/// A body that casts shadows: the package's placement and half the edges of the box around it.
#[derive(Debug, Clone, PartialEq, Component)]
pub struct Occluder {
    /// Index of the package.
    pub package: usize,
    /// Index of the part of it that this is.
    pub part: usize,
    /// The part, where the package is made of parts; else it is a box or a cylinder.
    pub convex: Option<Arc<Convex>>,
    /// `plate_from_package`, rotation.
    pub rotation: DQuat,
    /// `plate_from_package`, translation, m.
    pub translation: DVec3,
    /// Half the edge lengths, m.
    pub half: DVec3,
    /// Whether it is a cylinder about its own y axis.
    pub round: bool,
}

/// Everything that can be seen.
#[derive(Debug, Clone)]
pub struct Scene {
    /// What is drawn.
    pub surfaces: Vec<Surface>,
    /// What casts shadows.
    pub occluders: Vec<Occluder>,
    /// Prints of packages' faces, in the first tint.
    pub prints: Arc<[FacePrint]>,
    /// The same prints in the other tints.
    pub tinted: Vec<Arc<[FacePrint]>>,
    /// The lamps.
    pub lamps: Vec<LampSpec>,
    /// Radiance of a white surface without lamps.
    pub ambient: f64,
    /// The plate's radius, m.
    pub plate_radius: f64,
    /// The plate, if it is of glass.
    pub glass: Option<Glass>,
}

impl Scene {
    /// The station of `spec` with its packages at `placements` (`plate_from_package`, in the order of the spec's packages).
    ///
    /// # Errors
    /// [`SimError::Artwork`] for a print that cannot be made, [`SimError::Spec`] where placements and packages don't match.
    pub fn new(spec: &TwinSpec, placements: &[Placement]) -> Result<Self, SimError> {
        Self::with_prints(spec, placements, &Prints::new(spec, &Palette::of(spec))?)
    }

    /// The same with prints that were made before, for the same packages.
    ///
    /// # Errors
    /// [`SimError::Spec`] where placements and packages don't match.
    pub fn with_prints(spec: &TwinSpec, placements: &[Placement], prints: &Prints) -> Result<Self, SimError> {
        if placements.len() != spec.packages.len() {
            return Err(SimError::Spec(format!("{} placements for {} packages", placements.len(), spec.packages.len())));
        }
        let mut scene = Self {
            surfaces: Vec::new(),
            occluders: Vec::new(),
            prints: Arc::clone(&prints.faces[0]),
            tinted: prints.faces[1..].to_vec(),
            lamps: spec.lamps.clone(),
            ambient: spec.ambient,
            plate_radius: spec.plate.radius,
            glass: Glass::of(spec),
        };
        for (index, (package, placement)) in spec.packages.iter().zip(placements).enumerate() {
            let first = scene.surfaces.len();
            scene.add_package(index, package, placement, prints.of_package(index));
            scene.add_films(first, package);
        }
        let lamps = spec.lamps.iter().map(|lamp| lamp.position.z);
        let lowest = spec.cameras.iter().map(|camera| camera.calibration.eye().z).chain(lamps).fold(-TABLE_DROP, f64::min);
        scene.add_plate(&spec.plate, lowest - HOUSING_ROOM);
        for (index, surface) in scene.surfaces.iter_mut().enumerate() {
            surface.index = index;
        }
        Ok(scene)
    }

    fn add_package(&mut self, index: usize, package: &PackageSpec, placement: &Placement, prints: Range<usize>) {
        let (rotation, translation) = (placement.rotation.normalize(), placement.translation);
        if let Some(model) = package.shape.model() {
            return self.add_model(index, package, &model, rotation, translation, prints);
        }
        let round = matches!(package.shape, Shape::Bottle { .. });
        let half = package.shape.half_extents();
        self.occluders.push(Occluder { package: index, part: 0, convex: None, rotation, translation, half, round });
        if let Shape::Bottle { radius, height } = package.shape {
            return self.add_bottle(index, package, [radius, height], rotation, translation, prints);
        }
        let size = package.shape.size();
        let faces = Arc::clone(&self.prints);
        for (at, print) in prints.clone().zip(&faces[prints]) {
            let (right, down, _) = print.face.axes();
            let [w, h] = print.extent;
            self.surfaces.push(Surface {
                index: 0,
                origin: rotation * print.face.point(size, 0.0, 0.0) + translation,
                right: rotation * right,
                down: rotation * down,
                start: [0.0; 2],
                extent: print.extent,
                print_extent: print.extent,
                curvature: 0.0,
                smooth: None,
                outline: Arc::new([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]]),
                albedo: print.board,
                gloss: print.gloss,
                transmission: 1.0,
                wrinkles: None,
                print: Some(at),
                owner: Some(index),
                part: 0,
                rides: true,
                below_plate: false,
                cell: if print.symbols.is_empty() { CARTON_CELL } else { CODE_CELL },
            });
        }
    }

    /// A package's films, as surfaces of their own just above the ones from `first` on that they cover.
    fn add_films(&mut self, first: usize, package: &PackageSpec) {
        let mut films = Vec::new();
        for below in &self.surfaces[first..] {
            let Some(face) = below.print.map(|print| self.prints[print].face) else { continue };
            for film in package.films.iter().filter(|film| film.face == face) {
                let Some(outline) = clipped(&below.outline, film.rect) else { continue };
                let bound = |of: fn(f64, f64) -> f64, start: f64| [0, 1].map(|i| outline.iter().map(|p| p[i]).fold(start, of));
                films.push(Surface {
                    origin: below.origin + below.normal() * FILM_THICKNESS,
                    start: bound(f64::min, f64::INFINITY),
                    extent: bound(f64::max, f64::NEG_INFINITY),
                    outline: outline.into(),
                    gloss: film.gloss,
                    transmission: film.transmission,
                    wrinkles: film.wrinkles,
                    ..below.clone()
                });
            }
        }
        self.surfaces.extend(films);
    }

    /// A bottle as flat strips around, so many that none is farther from the cylinder than a hundredth of a millimetre, and its two ends.
    fn add_bottle(
        &mut self,
        index: usize,
        package: &PackageSpec,
        [radius, height]: [f64; 2],
        rotation: DQuat,
        translation: DVec3,
        prints: Range<usize>,
    ) {
        let strips = bottle_strips(radius);
        let step = std::f64::consts::TAU / strips as f64;
        // Corners a hair outside the cylinder, so that the strips together are as wide as the print.
        let corner = radius * (step / 2.0) / libm::sin(step / 2.0);
        let width = radius * step;
        let faces = Arc::clone(&self.prints);
        for (at, print) in prints.clone().zip(&faces[prints]) {
            let base = Surface {
                index: 0,
                origin: translation,
                right: DVec3::X,
                down: DVec3::Y,
                start: [0.0; 2],
                extent: [width, height],
                print_extent: print.extent,
                curvature: 1.0 / radius,
                smooth: None,
                outline: Arc::new([]),
                albedo: print.board,
                gloss: print.gloss,
                transmission: 1.0,
                wrinkles: None,
                print: Some(at),
                owner: Some(index),
                part: 0,
                rides: true,
                below_plate: false,
                cell: CARTON_CELL,
            };
            for strip in 0..strips {
                let [from, to] = [strip, strip + 1].map(|i| i as f64 * width);
                let (right, down, normal) = package.shape.axes(Face::Around, (from + to) / 2.0);
                let middle = normal * (corner * libm::cos(step / 2.0)) + DVec3::Y * (height / 2.0);
                self.surfaces.push(Surface {
                    origin: rotation * (middle - right * ((from + to) / 2.0)) + translation,
                    right: rotation * right,
                    down: rotation * down,
                    start: [from, 0.0],
                    extent: [to, height],
                    outline: Arc::new([[from, 0.0], [to, 0.0], [to, height], [from, height]]),
                    ..base.clone()
                });
            }
            for (face, albedo) in [(Face::Top, CAP_ALBEDO), (Face::Bottom, print.board)] {
                let (right, down, _) = face.axes();
                let at = |i: usize| {
                    let (sin, cos) = (libm::sin(step * i as f64), libm::cos(step * i as f64));
                    [corner * (1.0 + cos), corner * (1.0 + sin)]
                };
                let middle = face.point(package.shape.size(), radius, radius);
                self.surfaces.push(Surface {
                    origin: rotation * (middle - (right + down) * corner) + translation,
                    right: rotation * right,
                    down: rotation * down,
                    extent: [2.0 * corner; 2],
                    print_extent: [2.0 * corner; 2],
                    curvature: 0.0,
                    outline: (0..strips).map(at).collect(),
                    albedo,
                    print: None,
                    ..base.clone()
                });
            }
        }
    }

    /// A form made of parts: its facets as surfaces, its parts as what casts shadows.
    fn add_model(&mut self, index: usize, package: &PackageSpec, model: &Model, rotation: DQuat, translation: DVec3, prints: Range<usize>) {
        for (part, convex) in model.parts.iter().enumerate() {
            let half = package.shape.half_extents();
            let convex = Some(Arc::new(convex.clone()));
            self.occluders.push(Occluder { package: index, part, convex, rotation, translation, half, round: false });
        }
        for facet in &model.facets {
            let print = match facet.look {
                Look::Print(face) => prints.clone().find(|i| self.prints[*i].face == face),
                _ => None,
            };
            let (albedo, gloss) = match (facet.look, print) {
                (Look::Other { albedo, gloss }, _) => (albedo, gloss),
                (_, Some(print)) => (self.prints[print].board, self.prints[print].gloss),
                _ => (package.artwork.board, package.artwork.gloss),
            };
            let flat = Flat::of(facet, &model.parts[facet.part]);
            self.surfaces.push(Surface {
                index: 0,
                origin: rotation * flat.origin + translation,
                right: rotation * flat.right,
                down: rotation * flat.down,
                start: flat.start,
                extent: flat.end,
                print_extent: print.map_or([0, 1].map(|i| flat.end[i] - flat.start[i]), |print| self.prints[print].extent),
                curvature: 0.0,
                smooth: flat
                    .smooth
                    .map(|smooth| Smooth { normal: rotation * smooth.normal, turn: smooth.turn.map(|turn| rotation * turn) }),
                outline: flat.outline.into(),
                albedo,
                gloss,
                transmission: 1.0,
                wrinkles: None,
                print,
                owner: Some(index),
                part: facet.part,
                rides: true,
                below_plate: false,
                cell: if facet.normals.is_some() { FACET_CELL } else { CARTON_CELL },
            });
        }
    }

    /// Whether a surface is the floor of the housing below a glass plate: what lamps and cameras above reach through the plate alone.
    pub fn is_floor(&self, surface: &Surface) -> bool {
        self.glass.is_some() && surface.below_plate && surface.origin.z < -1.5 * TABLE_DROP
    }

    /// The plate's disc, its rim in flat segments, and the table below; instead of a disc of glass (which is no surface, see [`super::glass`]) a hole in the table,
    /// and the floor of the housing below.
    fn add_plate(&mut self, plate: &PlateSpec, floor: f64) {
        let circle = |radius: f64, i: usize| {
            let angle = std::f64::consts::TAU * i as f64 / RIM_SEGMENTS as f64;
            DVec3::new(radius * angle.cos(), radius * angle.sin(), 0.0)
        };
        let (inner, outer) = (plate.radius, plate.radius + RIM_THICKNESS);
        let centre = |p: DVec3| [p.x + inner, inner - p.y];
        let disc = Surface {
            index: 0,
            origin: DVec3::new(-inner, inner, 0.0),
            right: DVec3::X,
            down: DVec3::NEG_Y,
            start: [0.0; 2],
            extent: [2.0 * inner; 2],
            print_extent: [2.0 * inner; 2],
            curvature: 0.0,
            smooth: None,
            outline: (0..RIM_SEGMENTS).map(|i| centre(circle(inner, i))).collect(),
            albedo: plate.albedo,
            gloss: 0.0,
            transmission: 1.0,
            wrinkles: None,
            print: None,
            owner: None,
            part: 0,
            rides: false,
            below_plate: false,
            cell: PLATE_CELL,
        };
        let quad = |corners: [DVec3; 4], albedo: f64| {
            // u from the first to the second corner, v at right angles in the plane; the corners go clockwise as seen from outside.
            let right = (corners[1] - corners[0]).normalize();
            let normal = right.cross(corners[3] - corners[0]).normalize() * -1.0;
            let down = right.cross(normal);
            let uv = corners.map(|c| [(c - corners[0]).dot(right), (c - corners[0]).dot(down)]);
            let low = [0, 1].map(|i| uv.iter().map(|p| p[i]).fold(f64::INFINITY, f64::min));
            let high = [0, 1].map(|i| uv.iter().map(|p| p[i]).fold(f64::NEG_INFINITY, f64::max));
            Surface {
                origin: corners[0] + right * low[0] + down * low[1],
                right,
                down,
                extent: [high[0] - low[0], high[1] - low[1]],
                outline: uv.iter().map(|p| [p[0] - low[0], p[1] - low[1]]).collect(),
                albedo,
                cell: RIM_CELL,
                ..disc.clone()
            }
        };
        let up = DVec3::Z * plate.rim_height;
        let foot = DVec3::NEG_Z * TABLE_DROP;
        for i in 0..RIM_SEGMENTS {
            let (a, b) = (circle(inner, i), circle(inner, i + 1));
            let (c, d) = (circle(outer, i), circle(outer, i + 1));
            // Seen from the axis, going counter-clockwise is going left; seen from outside it is going right.
            self.surfaces.push(quad([b + up, a + up, a, b], plate.albedo));
            self.surfaces.push(quad([d + up, c + up, a + up, b + up], 0.55));
            let outside = quad([c + up, d + up, d + foot, c + foot], 0.3);
            self.surfaces.push(outside);
        }
        let reach = TABLE_REACH * plate.radius;
        let level = if plate.glass.is_some() { floor } else { -TABLE_DROP };
        let table = quad(
            [
                DVec3::new(-reach, reach, level),
                DVec3::new(reach, reach, level),
                DVec3::new(reach, -reach, level),
                DVec3::new(-reach, -reach, level),
            ],
            TABLE_ALBEDO,
        );
        if plate.glass.is_some() {
            for i in 0..RIM_SEGMENTS {
                let corners = [circle(outer, i + 1), circle(reach, i + 1), circle(reach, i), circle(outer, i)];
                let piece = quad(corners.map(|corner| corner + foot), TABLE_ALBEDO);
                self.surfaces.push(Surface { below_plate: true, cell: 2.0 * TABLE_CELL, ..piece });
            }
        } else {
            self.surfaces.push(disc);
        }
        self.surfaces.push(Surface { below_plate: true, cell: TABLE_CELL, ..table });
    }
}

/// A facet with its coordinates laid out: point = origin + right · u + down · v.
struct Flat {
    origin: DVec3,
    right: DVec3,
    down: DVec3,
    start: [f64; 2],
    end: [f64; 2],
    outline: Vec<[f64; 2]>,
    smooth: Option<Smooth>,
}

impl Flat {
    fn of(facet: &Facet, part: &Convex) -> Self {
        let corners = &facet.corners;
        let (origin, right, down) = if facet.uv.is_empty() {
            // Coordinates of its own: u along the first edge.
            let normal = area_vector(corners).normalize_or_zero();
            let normal = if normal.dot(corners[0] - part.centre) < 0.0 { -normal } else { normal };
            let right = (corners[1] - corners[0]).normalize_or_zero();
            (corners[0], right, right.cross(normal))
        } else {
            print_axes(corners, &facet.uv)
        };
        let outline: Vec<[f64; 2]> = if facet.uv.is_empty() {
            corners.iter().map(|c| [(*c - origin).dot(right), (*c - origin).dot(down)]).collect()
        } else {
            facet.uv.clone()
        };
        let fold = |f: fn(f64, f64) -> f64, from: f64| [0, 1].map(|i| outline.iter().map(|p| p[i]).fold(from, f));
        let (start, end) = (fold(f64::min, f64::INFINITY), fold(f64::max, f64::NEG_INFINITY));
        let smooth = match facet.normals {
            // Stretched print needs a normal of its own.
            None if !facet.uv.is_empty() && (right.length() - 1.0).abs().max((down.length() - 1.0).abs()) > 1e-12 => {
                Some(Smooth { normal: down.cross(right).normalize_or_zero(), turn: [DVec3::ZERO; 2] })
            }
            None => None,
            Some(normals) => Some(smooth_normal(&outline, normals, [0, 1].map(|i| (start[i] + end[i]) / 2.0))),
        };
        Self { origin, right, down, start, end, outline, smooth }
    }
}

/// Place of (0, 0) and directions of u and v on the plane of a facet whose first three corners are on its print at `uv`.
fn print_axes(corners: &[DVec3], uv: &[[f64; 2]]) -> (DVec3, DVec3, DVec3) {
    let [right, down] = gradient(uv, [corners[0], corners[1], corners[2]]);
    (corners[0] - right * uv[0][0] - down * uv[0][1], right, down)
}

/// What a vector that is linear on the plane and has these values at the first three corners changes by per metre of u and of v.
fn gradient(uv: &[[f64; 2]], values: [DVec3; 3]) -> [DVec3; 2] {
    let [a, b] = [1, 2].map(|i| [uv[i][0] - uv[0][0], uv[i][1] - uv[0][1]]);
    let (first, second) = (values[1] - values[0], values[2] - values[0]);
    let area = a[0] * b[1] - a[1] * b[0];
    [(first * b[1] - second * a[1]) / area, (second * a[0] - first * b[0]) / area]
}

fn smooth_normal(outline: &[[f64; 2]], normals: [DVec3; 3], middle: [f64; 2]) -> Smooth {
    let turn = gradient(outline, normals);
    let normal = normals[0] + turn[0] * (middle[0] - outline[0][0]) + turn[1] * (middle[1] - outline[0][1]);
    Smooth { normal, turn }
}

/// The part of a convex outline within a rectangle (Sutherland & Hodgman 1974); none where nothing is left.
pub(super) fn clipped(outline: &[[f64; 2]], [low, high]: [[f64; 2]; 2]) -> Option<Vec<[f64; 2]>> {
    let mut polygon = outline.to_vec();
    for (axis, limit, sign) in [(0, low[0], 1.0), (1, low[1], 1.0), (0, high[0], -1.0), (1, high[1], -1.0)] {
        // How far inside.
        let depth = |p: &[f64; 2]| sign * (p[axis] - limit);
        let mut kept = Vec::with_capacity(polygon.len() + 1);
        for (i, to) in polygon.iter().enumerate() {
            let from = &polygon[(i + polygon.len() - 1) % polygon.len()];
            let (a, b) = (depth(from), depth(to));
            if (a > 0.0) != (b > 0.0) {
                let t = a / (a - b);
                kept.push([0, 1].map(|k| from[k] + t * (to[k] - from[k])));
            }
            if b > 0.0 {
                kept.push(*to);
            }
        }
        polygon = kept;
    }
    (polygon.len() >= 3).then_some(polygon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::GlassSpec;

    #[test]
    fn a_film_covers_what_lies_in_its_rectangle() {
        let triangle = [[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]];
        let area =
            |p: &[[f64; 2]]| (0..p.len()).map(|i| p[i][0] * p[(i + 1) % p.len()][1] - p[(i + 1) % p.len()][0] * p[i][1]).sum::<f64>() / 2.0;
        assert_eq!(area(&clipped(&triangle, [[-1.0, -1.0], [5.0, 5.0]]).unwrap()), 8.0);
        assert_eq!(area(&clipped(&triangle, [[0.0, 0.0], [2.0, 4.0]]).unwrap()), 6.0);
        assert_eq!(area(&clipped(&triangle, [[1.0, 1.0], [9.0, 9.0]]).unwrap()), 2.0);
        assert_eq!(clipped(&triangle, [[3.0, 3.0], [9.0, 9.0]]), None);
    }

    #[test]
    fn every_surface_faces_outward() {
        let mut scene = Scene {
            surfaces: Vec::new(),
            occluders: Vec::new(),
            prints: [].into(),
            tinted: Vec::new(),
            lamps: Vec::new(),
            ambient: 0.0,
            plate_radius: 0.3,
            glass: None,
        };
        let glass = GlassSpec { thickness: 0.006, index: 1.52, transmission: 1.0, dirt: 0.0 };
        scene.add_plate(&PlateSpec { radius: 0.3, rim_height: 0.02, friction: 0.5, albedo: 0.5, glass: Some(glass) }, -0.5);
        assert!(scene.surfaces[3 * RIM_SEGMENTS..].iter().all(|flat| flat.normal().z > 0.999));
        scene.surfaces.clear();
        scene.add_plate(&PlateSpec { radius: 0.3, rim_height: 0.02, friction: 0.5, albedo: 0.5, glass: None }, -0.5);
        let middle = |s: &Surface| s.outline.iter().map(|p| s.point(*p)).sum::<DVec3>() / s.outline.len() as f64;
        for (i, segment) in scene.surfaces[..3 * RIM_SEGMENTS].chunks(3).enumerate() {
            let inward = -DVec3::new(middle(&segment[0]).x, middle(&segment[0]).y, 0.0).normalize();
            assert!(segment[0].normal().dot(inward) > 0.99, "inner wall {i}: {}", segment[0].normal());
            assert!(segment[1].normal().z > 0.99, "top {i}: {}", segment[1].normal());
            assert!(segment[2].normal().dot(-inward) > 0.99, "outer wall {i}: {}", segment[2].normal());
        }
        for flat in &scene.surfaces[3 * RIM_SEGMENTS..] {
            assert!(flat.normal().z > 0.999);
            assert!(flat.outline.iter().all(|p| p.iter().zip(flat.extent).all(|(x, e)| (-1e-9..=e + 1e-9).contains(x))));
        }
    }
}
