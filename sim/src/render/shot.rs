//! One exposure's geometry: surfaces as the shader and the rasteriser want them, for one camera and one turntable angle.
//!
//! Everything that needs precision is done here in 64 bits: vertices go to the GPU in clip space, and each surface brings the homography from pixels
//! to its own coordinates, from which the shader gets positions and exact footprints without interpolation.

use hardware_hal::Calibration;
use hardware_hal::glam::{DMat3, DVec2, DVec3};

use super::bend::{Bend, is_bent};
use super::edges::{edges, push_quad};
use super::light::{ATLAS_WIDTH, Atlas};
use super::scene::{Scene, Surface, clipped};
use crate::error::SimError;
use crate::glass::{Glass, Sight};
use crate::shading::{VARNISH_SIGMA, enters, mirrored_share};
use crate::spec::LampSpec;

/// Lamps that the shader has room for.
pub const MAX_LAMPS: usize = 64;

/// Lamps whose mirror image one surface can show.
const MAX_GLARES: usize = 16;

/// Bytes of a surface in the uniform buffer, padded to what every adapter accepts as dynamic offset.
pub const SURFACE_STRIDE: usize = 256;

/// Straight pieces of an edge that the lens or a glass plate bends.
const BENT_PIECES: u32 = 8;

/// Distance that has depth 1, m.
pub const NEAR: f64 = 0.01;

/// How much nearer to the eye symbols are drawn than the face they lie on, as a share of the distance.
const LIFT: f64 = 5e-5;

/// What to take a picture of.
#[derive(Debug, Clone, PartialEq)]
pub struct Shot {
    /// The camera.
    pub calibration: Calibration,
    /// The plate's angle, rad.
    pub angle_rad: f64,
    /// Share of each lamp's intensity, by index into `TwinSpec::lamps`.
    pub lamp_shares: Vec<f64>,
    /// Share of the ambient light, 1 but where the room's lamps flicker.
    pub ambient_share: f64,
    /// The plate's angle at which light and shadows are cast, rad: that of the picture, but for the parts of one exposure, which share it.
    pub light_angle_rad: f64,
    /// Whether the distance of every pixel is wanted too.
    pub depth: bool,
    /// Whether a crossed polariser stands before the lens. It takes mirror images; the light that it costs is the lens's.
    pub analyser: bool,
    /// In which tint prints are seen (see [`crate::palette`]).
    pub tint: usize,
    /// Whether what no surface covers has the radiance of the surroundings; else it is black, as in all but one of the parts that a picture is the sum of.
    pub backdrop: bool,
}

impl Shot {
    /// A picture of a plate at rest, without distances.
    pub fn at_rest(calibration: Calibration, angle_rad: f64, lamp_shares: Vec<f64>) -> Self {
        Self {
            calibration,
            angle_rad,
            lamp_shares,
            ambient_share: 1.0,
            light_angle_rad: angle_rad,
            depth: false,
            analyser: false,
            tint: 0,
            backdrop: true,
        }
    }

    /// Refuses what cannot be rendered.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a distortion that folds the picture over, a picture without pixels, or shares that don't fit the lamps.
    pub fn check(&self, lamps: usize) -> Result<(), SimError> {
        let intrinsics = &self.calibration.intrinsics;
        let spec = |what: String| Err(SimError::Spec(what));
        let [w, h] = intrinsics.size_px;
        if w == 0 || h == 0 || w > 16000 || h > 16000 {
            return spec(format!("a picture of {w}×{h} px; 1 to 16000 px each way can be rendered"));
        }
        if self.lamp_shares.len() != lamps || self.lamp_shares.iter().any(|s| !s.is_finite() || *s < 0.0) {
            return spec(format!("lamp shares {:?} for {lamps} lamps", self.lamp_shares));
        }
        if !self.angle_rad.is_finite() || !self.light_angle_rad.is_finite() {
            return spec(format!("turntable angle {}", self.angle_rad));
        }
        if !self.ambient_share.is_finite() || self.ambient_share < 0.0 {
            return spec(format!("a share of {} of the ambient light", self.ambient_share));
        }
        if is_bent(intrinsics) {
            Bend::of(intrinsics)?;
        }
        Ok(())
    }
}

/// What a pipeline draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One reflectance all over.
    Plain,
    /// A print without symbols.
    Printed,
    /// A linear symbol on its print.
    Linear,
    /// A matrix symbol on its print.
    Matrix,
}

/// A polygon in the order in which to draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    /// Which surface it lies on.
    pub surface: usize,
    /// How to draw it.
    pub kind: Kind,
    /// Whether lamps can glare in it.
    pub glossy: bool,
    /// Whether it is a film with wrinkles.
    pub wrinkled: bool,
    /// Index of its symbol, where it is one.
    pub symbol: u32,
    /// Its vertices, three per triangle.
    pub vertices: std::ops::Range<u32>,
}

/// What the geometry needs to know of a print.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PrintLayout {
    /// Texels per metre along u and v.
    pub texels: [f64; 2],
    /// Width and height of its texture, texels.
    pub size: [f64; 2],
    /// (index in the list of all symbols, kind, corners u, v on the face).
    pub symbols: Vec<(u32, Kind, [[f64; 2]; 4])>,
}

/// A shot as buffers.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// The WGSL struct `View`, but for the request's number.
    pub view: Vec<u8>,
    /// All surfaces, [`SURFACE_STRIDE`] bytes each.
    pub surfaces: Vec<u8>,
    /// Clip-space vertices.
    pub vertices: Vec<u8>,
    /// Quads of edges, [`super::edges::EDGE_STRIDE`] bytes a vertex.
    pub edges: Vec<u8>,
    /// What faces the camera, nearest first.
    pub draws: Vec<Draw>,
    /// Whether the lens distorts or the camera looks through glass, so that the table of [`Bend::table`] goes with it.
    pub bent: bool,
    /// Whether the camera looks up through a glass plate.
    pub through_glass: bool,
}

/// How a camera draws: the pinhole that surfaces' homographies belong to, and its distortion.
struct Eye {
    pinhole: Calibration,
    bend: Option<Bend>,
    /// The camera, with the glass that it looks through.
    sight: Sight,
    /// Rows of the target, tokens included.
    rows: u32,
}

/// A point in camera coordinates where the camera sees it.
pub fn in_camera(sight: &Sight, point: DVec3) -> DVec3 {
    if sight.pane.is_none() {
        return point;
    }
    let camera_from_rig = &sight.calibration.camera_from_rig;
    camera_from_rig.transform_point(sight.apparent(camera_from_rig.inverse().transform_point(point)))
}

/// By how much glass may move what the picture shows, as a slope: its thickness over the distance to it.
pub fn seen_through(sight: &Sight) -> f64 {
    sight.pane.map_or(0.0, |pane| {
        let t = pane.glass.thickness;
        t / (-sight.calibration.eye().z - t).max(t)
    })
}

/// Rows below the picture that hold `tokens` tokens.
pub fn token_rows(width: u32, tokens: usize) -> u32 {
    (tokens as u32).div_ceil(width)
}

/// Where the camera's eye seems to stand: what is seen through glass is seen from a little higher up; straight up by as much as here.
pub fn apparent_eye(shot: &Shot, glass: Option<&Glass>) -> DVec3 {
    let sight = Sight::through(glass.map(|glass| glass.pane), &shot.calibration);
    shot.calibration.eye() + DVec3::Z * sight.pane.map_or(0.0, |pane| pane.raise(0.0))
}

/// Prepares a shot.
pub fn prepare(scene: &Scene, atlas: &Atlas, shot: &Shot, prints: &[PrintLayout]) -> Prepared {
    let intrinsics = &shot.calibration.intrinsics;
    let pane = scene.glass.as_ref().map(|glass| glass.pane);
    let sight = Sight::through(pane, &shot.calibration);
    let eye = apparent_eye(shot, scene.glass.as_ref());
    let rows = intrinsics.size_px[1] + token_rows(intrinsics.size_px[0], scene.surfaces.len());
    let pinhole = Calibration { intrinsics: hardware_hal::Intrinsics { distortion: [0.0; 5], ..*intrinsics }, ..shot.calibration };
    // Checked before; a lens that cannot be undistorted draws like a pinhole.
    let needed = is_bent(intrinsics) || sight.pane.is_some();
    let bend = needed.then(|| Bend::of(intrinsics).ok().map(|bend| bend.widened(seen_through(&sight)))).flatten();
    let drawing = Eye { pinhole, bend, sight, rows };
    let calibration = &drawing.pinhole;
    let mut prepared = Prepared {
        view: view_bytes(scene, shot, eye, rows),
        bent: drawing.bend.is_some(),
        through_glass: sight.pane.is_some(),
        ..Prepared::default()
    };
    let mut order = Vec::new();
    for surface in scene.surfaces.iter().map(|flat| flat.in_rig(shot.angle_rad)) {
        let glare = if surface.gloss > 0.0 { glare_lamps(&surface, scene, shot, eye) } else { Vec::new() };
        let print = surface.print.map(|p| &prints[p]);
        surface_bytes(&surface, calibration, atlas, &glare, print, leaving_varnish(&surface, eye), &mut prepared.surfaces);
        // From below, table and floor are no part of the picture.
        let drawn = sight.pane.is_none() || !surface.below_plate;
        if drawn && (eye - surface.origin).dot(surface.normal()) > 0.0 {
            let middle = surface.point(surface.middle());
            order.push((surface.below_plate, surface.owner.is_none(), eye.distance(middle), surface, !glare.is_empty()));
        }
    }
    // Nearest first, so that what is hidden is never shaded; the plate after all that stands on it, the table last.
    order.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)).then(a.3.index.cmp(&b.3.index)));
    let facing: Vec<Surface> = order.iter().map(|(_, _, _, surface, _)| surface.clone()).collect();
    prepared.add_edges(&edges(&facing), &drawing);
    for (_, _, _, surface, glossy) in order {
        let print = surface.print.map(|p| &prints[p]);
        // A film before the symbols below it; those are drawn again as they show through it.
        let wrinkled = surface.wrinkles.is_some();
        let lift = if surface.transmission < 1.0 { 2.0 * LIFT } else { 0.0 };
        // Symbols before the face that they lie on, lifted towards the eye (by less than a tenth of a millimetre at a metre): the face then is hidden
        // behind them, and only their few pixels pay for their pipelines.
        for (symbol, kind, corners) in print.iter().flat_map(|p| &p.symbols) {
            let Some(quad) = grown_by_a_pixel(&surface, calibration, corners) else { continue };
            prepared.add(
                Draw { surface: surface.index, kind: *kind, glossy, wrinkled, symbol: *symbol, vertices: 0..0 },
                &surface,
                &drawing,
                &quad,
                lift + LIFT,
            );
        }
        let kind = if print.is_some() { Kind::Printed } else { Kind::Plain };
        let draw = Draw { surface: surface.index, kind, glossy, wrinkled, symbol: 0, vertices: 0..0 };
        prepared.add(draw, &surface, &drawing, &surface.outline, lift);
    }
    prepared
}

impl Prepared {
    /// Adds what softens edges, in pieces short enough for the lens to leave straight.
    fn add_edges(&mut self, edges: &[[DVec3; 2]], eye: &Eye) {
        let size = [eye.pinhole.intrinsics.size_px[0], eye.rows];
        let pieces = if eye.bend.is_some() { BENT_PIECES } else { 1 };
        for [from, to] in edges {
            let seen = |i: u32| {
                let point = from.lerp(*to, f64::from(i) / f64::from(pieces));
                let p = in_camera(&eye.sight, eye.pinhole.camera_from_rig.transform_point(point));
                let pixel = match &eye.bend {
                    Some(bend) => Some(bend.project(p)),
                    None => eye.pinhole.project(point),
                };
                pixel.filter(|_| p.z > NEAR).map(|pixel| (pixel, p.z))
            };
            for i in 0..pieces {
                if let (Some((a, near)), Some((b, far))) = (seen(i), seen(i + 1)) {
                    push_quad([a, b], [near, far], size, &mut self.edges);
                }
            }
        }
    }

    /// Adds a convex polygon (u, v) of a surface as a fan, moved towards the eye by the share `lift` of its distance.
    fn add(&mut self, draw: Draw, surface: &Surface, eye: &Eye, outline: &[[f64; 2]], lift: f64) {
        let start = (self.vertices.len() / 16) as u32;
        if let Some(bend) = &eye.bend {
            let polygon: Vec<DVec3> = outline.iter().map(|uv| eye.pinhole.camera_from_rig.transform_point(surface.point(*uv))).collect();
            for corner in bend.triangles(&polygon, &|point| in_camera(&eye.sight, point)).iter().flatten() {
                let clip = bent_clip_position(bend, &eye.pinhole, eye.rows, in_camera(&eye.sight, *corner), 1.0 - lift);
                self.vertices.extend(clip.iter().flat_map(|x| x.to_le_bytes()));
            }
            self.draws.push(Draw { vertices: start..(self.vertices.len() / 16) as u32, ..draw });
            return;
        }
        let clip: Vec<[f32; 4]> = outline.iter().map(|uv| clip_position(&eye.pinhole, eye.rows, surface.point(*uv), 1.0 - lift)).collect();
        for i in 1..clip.len() - 1 {
            for corner in [clip[0], clip[i], clip[i + 1]] {
                self.vertices.extend(corner.iter().flat_map(|x| x.to_le_bytes()));
            }
        }
        self.draws.push(Draw { vertices: start..(self.vertices.len() / 16) as u32, ..draw });
    }
}

/// A symbol's rectangle on its face, wider by what a pixel covers there, so that every pixel that it touches is in it; clipped to the face,
/// nothing where it lies beside this strip of it.
fn grown_by_a_pixel(surface: &Surface, calibration: &Calibration, corners: &[[f64; 2]; 4]) -> Option<Vec<[f64; 2]>> {
    let margin = corners
        .iter()
        .map(|uv| {
            let p = calibration.camera_from_rig.transform_point(surface.point(*uv));
            let normal = calibration.camera_from_rig.rotation * surface.normal();
            // A pixel is distance ÷ focal length wide, and longer along the surface where that is seen at a slant.
            let slant = (normal.dot(p.normalize_or_zero())).abs().max(0.05);
            1.5 * p.length() / calibration.intrinsics.focal_px[0].min(calibration.intrinsics.focal_px[1]) / slant
        })
        .fold(0.0, f64::max);
    if !surface.is_rectangle() {
        let low = [0, 1].map(|i| corners.iter().map(|c| c[i]).fold(f64::INFINITY, f64::min) - margin);
        let high = [0, 1].map(|i| corners.iter().map(|c| c[i]).fold(f64::NEG_INFINITY, f64::max) + margin);
        return clipped(&surface.outline, [low, high]);
    }
    let low = [0, 1].map(|i| (corners.iter().map(|c| c[i]).fold(f64::INFINITY, f64::min) - margin).max(surface.start[i]));
    let high = [0, 1].map(|i| (corners.iter().map(|c| c[i]).fold(f64::NEG_INFINITY, f64::max) + margin).min(surface.extent[i]));
    let empty = low[0] >= high[0] || low[1] >= high[1];
    (!empty).then(|| vec![[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
}

/// wgpu's clip space counts pixels from their corners and has y up; depth is reversed, 1 at the near plane and 0 at infinity.
/// `shrink` brings the point nearer to the eye without moving it in the picture.
fn clip_position(calibration: &Calibration, rows: u32, point: DVec3, shrink: f64) -> [f32; 4] {
    let i = &calibration.intrinsics;
    let p = calibration.camera_from_rig.transform_point(point) * shrink;
    let x = i.focal_px[0] * p.x + (i.principal_px[0] + 0.5) * p.z;
    let y = i.focal_px[1] * p.y + (i.principal_px[1] + 0.5) * p.z;
    [2.0 * x / f64::from(i.size_px[0]) - p.z, p.z - 2.0 * y / f64::from(rows), NEAR, p.z].map(|x| x as f32)
}

/// The same through a lens that distorts, for a point in camera coordinates.
fn bent_clip_position(bend: &Bend, calibration: &Calibration, rows: u32, point: DVec3, shrink: f64) -> [f32; 4] {
    let pixel = bend.project(point) + 0.5;
    let (w, [width, _]) = (point.z * shrink, calibration.intrinsics.size_px);
    [2.0 * pixel.x * w / f64::from(width) - w, w - 2.0 * pixel.y * w / f64::from(rows), NEAR, w].map(|x| x as f32)
}

fn view_bytes(scene: &Scene, shot: &Shot, eye: DVec3, rows: u32) -> Vec<u8> {
    let [width, height] = shot.calibration.intrinsics.size_px;
    let pane = scene.glass.as_ref().map(|glass| glass.pane);
    let mut bytes = Vec::new();
    push_vector(&mut bytes, eye, 0.0);
    for word in [width, rows, height, scene.lamps.len().min(MAX_LAMPS) as u32] {
        bytes.extend(word.to_le_bytes());
    }
    for i in 0..MAX_LAMPS {
        match scene.lamps.get(i) {
            Some(lamp) => {
                let power = lamp_power(lamp, shot.lamp_shares[i]) * mirrored_share(lamp, shot.analyser);
                let raise = pane.filter(|pane| pane.is_below(lamp.position)).map_or(0.0, |pane| pane.raise(0.0));
                push_vector(&mut bytes, lamp.position + DVec3::Z * raise, power);
            }
            None => bytes.extend([0; 16]),
        }
    }
    // Lines of sight by pixel in the rig frame, and what the glass does to them.
    let i = &shot.calibration.intrinsics;
    let axes = shot.calibration.camera_from_rig.rotation.inverse();
    let (right, down) = (axes * DVec3::X / i.focal_px[0], axes * DVec3::Y / i.focal_px[1]);
    let index = pane.map_or(1.0, |pane| pane.glass.index);
    push_vector(&mut bytes, right, pane.map_or(0.0, |pane| pane.glass.thickness));
    push_vector(&mut bytes, down, index * index);
    push_vector(&mut bytes, axes * DVec3::Z - right * i.principal_px[0] - down * i.principal_px[1], shot.calibration.eye().z);
    bytes
}

fn lamp_power(lamp: &LampSpec, share: f64) -> f64 {
    share * lamp.intensity * (lamp.target - lamp.position).length_squared()
}

fn push_vector(bytes: &mut Vec<u8>, v: DVec3, w: f64) {
    bytes.extend([v.x, v.y, v.z, w].iter().flat_map(|x| (*x as f32).to_le_bytes()));
}

fn surface_bytes(
    surface: &Surface,
    calibration: &Calibration,
    atlas: &Atlas,
    glare: &[u32],
    print: Option<&PrintLayout>,
    [leaves, leaves_u, leaves_v]: [f64; 3],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let (homography, origin_px) = uv_from_pixel(surface, calibration);
    let rows = homography.transpose();
    push_vector(out, rows.x_axis, origin_px.x);
    push_vector(out, rows.y_axis, origin_px.y);
    push_vector(out, rows.z_axis, surface.albedo);
    // Metres to texels of the patch, whose edge texels have their centres on the surface's edges, to texture coordinates.
    let patch = atlas.patches[surface.index];
    let atlas_size = [f64::from(ATLAS_WIDTH), f64::from(atlas.height)];
    let size = surface.size();
    let scale = [0, 1].map(|i| f64::from(patch.size[i] - 1) / size[i] / atlas_size[i]);
    let offset = [0, 1].map(|i| (f64::from(patch.at[i]) + 0.5) / atlas_size[i] - scale[i] * surface.start[i]);
    push_vector(out, DVec3::new(scale[0], scale[1], offset[0]), offset[1]);
    push_vector(out, surface.origin, surface.gloss);
    let texels = print.map_or([1.0; 2], |p| p.texels);
    let texture = print.map_or([1.0; 2], |p| [0, 1].map(|i| p.texels[i] / p.size[i]));
    push_vector(out, surface.right, texture[0]);
    push_vector(out, surface.down, texture[1]);
    push_vector(out, DVec3::new(texels[0], texels[1], surface.curvature), surface.middle()[0]);
    for word in [glare.len() as u32, (leaves as f32).to_bits(), 0, surface.index as u32] {
        out.extend(word.to_le_bytes());
    }
    let mut lamps = [0_u8; MAX_GLARES];
    for (byte, lamp) in lamps.iter_mut().zip(glare) {
        *byte = *lamp as u8;
    }
    out.extend(lamps);
    let turned = surface
        .smooth
        .map_or([DVec3::ZERO; 3], |smooth| [smooth.normal - surface.down.cross(surface.right), smooth.turn[0], smooth.turn[1]]);
    for (vector, w) in turned.into_iter().zip([surface.middle()[1], leaves_u, leaves_v]) {
        push_vector(out, vector, w);
    }
    for creases in surface.wrinkles.map(|wrinkles| wrinkles.families).unwrap_or_default() {
        push_vector(out, DVec3::new(creases.wave[0], creases.wave[1], creases.phase), creases.slope);
    }
    out.resize(start + SURFACE_STRIDE, 0);
}

/// What of the light that paper scatters leaves its varnish towards the eye, as a linear function: its value at u = v = 0, its change per metre of u and v.
fn leaving_varnish(surface: &Surface, eye: DVec3) -> [f64; 3] {
    if surface.gloss <= 0.0 {
        return [1.0, 0.0, 0.0];
    }
    let (middle, size) = (surface.middle(), surface.size());
    let at = |u: f64, v: f64| {
        let uv = [middle[0] + u * size[0], middle[1] + v * size[1]];
        enters(surface.normal_at(uv).dot((eye - surface.point(uv)).normalize_or_zero()), surface.gloss)
    };
    let along = [(at(0.4, 0.0) - at(-0.4, 0.0)) / (0.8 * size[0]), (at(0.0, 0.4) - at(0.0, -0.4)) / (0.8 * size[1])];
    [at(0.0, 0.0) - along[0] * middle[0] - along[1] * middle[1], along[0], along[1]]
}

/// Homography from (x, y, 1), pixels from the returned one, to (u, v, 1) metres on the surface.
///
/// A point of the surface is (right, down, origin)·(u, v, 1) in camera coordinates; the camera matrix takes that to pixels; this is the inverse.
fn uv_from_pixel(surface: &Surface, calibration: &Calibration) -> (DMat3, DVec2) {
    let i = &calibration.intrinsics;
    let camera = DMat3::from_cols(
        DVec3::new(i.focal_px[0], 0.0, 0.0),
        DVec3::new(0.0, i.focal_px[1], 0.0),
        DVec3::new(i.principal_px[0], i.principal_px[1], 1.0),
    );
    let pose = &calibration.camera_from_rig;
    let plane = DMat3::from_cols(pose.rotation * surface.right, pose.rotation * surface.down, pose.transform_point(surface.origin));
    let middle = surface.point(surface.middle());
    let middle_px = calibration.project(middle).unwrap_or(DVec2::new(i.principal_px[0], i.principal_px[1]));
    // Counting pixels from the surface's own middle keeps 32-bit floats exact there; far outside the picture nothing is drawn anyway.
    let size = DVec2::new(f64::from(i.size_px[0]), f64::from(i.size_px[1]));
    let origin_px = middle_px.round().clamp(DVec2::ZERO, size);
    let shift = DMat3::from_cols(DVec3::X, DVec3::Y, origin_px.extend(1.0));
    let homography = (camera * plane).inverse() * shift;
    let norm = homography.row(2).length();
    (if norm.is_finite() && norm > 0.0 { homography * (1.0 / norm) } else { DMat3::IDENTITY }, origin_px)
}

/// The lamps whose mirror lobe can reach the eye from anywhere on the surface; those nearest to the mirror direction where there are too many.
fn glare_lamps(surface: &Surface, scene: &Scene, shot: &Shot, eye: DVec3) -> Vec<u32> {
    let middle = surface.point(surface.middle());
    let [width, height] = surface.size();
    let radius = width.hypot(height) / 2.0;
    let normal = surface.normal();
    let to_eye = eye - middle;
    let mut lamps = Vec::new();
    for (i, lamp) in scene.lamps.iter().take(MAX_LAMPS).enumerate() {
        let to_lamp = lamp.position - middle;
        if shot.lamp_shares[i] <= 0.0 || (to_lamp.dot(normal) < -radius) {
            continue;
        }
        let half = to_eye.normalize_or_zero() + to_lamp.normalize_or_zero();
        let delta = half.angle_between(normal);
        // Going from the middle to an edge turns each of the two directions by asin(radius ÷ distance) at most, and the half vector by no more than
        // both turns over the length of the directions' sum.
        let turn = |v: DVec3| (radius / v.length()).min(1.0).asin();
        let spread = (turn(to_eye) + turn(to_lamp)) / half.length().max(0.1) + surface.turns();
        if delta.is_nan() || delta - spread < 4.0 * VARNISH_SIGMA {
            lamps.push((i as u32, delta));
        }
    }
    lamps.sort_by(|a: &(u32, f64), b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    lamps.truncate(MAX_GLARES);
    let mut lamps: Vec<u32> = lamps.into_iter().map(|(lamp, _)| lamp).collect();
    lamps.sort_by(|a, b| {
        let power = |i: u32| lamp_power(&scene.lamps[i as usize], shot.lamp_shares[i as usize]);
        power(*b).total_cmp(&power(*a)).then(a.cmp(b))
    });
    lamps
}
