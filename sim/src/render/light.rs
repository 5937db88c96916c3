//! How much light of each lamp arrives on every surface: ray-cast once per turntable angle, shared by all cameras and patterns.
//!
//! Lamps are discs, so shadows have penumbrae. Light on a flat diffuse surface does not depend on the eye, so a frame needs one texture tap for
//! all lamps, their shadows and what surfaces scatter at each other ([`super::indirect`]) together. A second set of textures keeps each lamp's visible
//! share for the glare of varnish, which does depend on it.

use half::f16;
use half::slice::HalfFloatSliceExt;
use hardware_hal::glam::{DVec3, Vec2, Vec3};
use rayon::prelude::*;

use super::indirect::{Cells, Exchange, Station};
use super::mirror::{LampMirror, lamp_mirrors};
use super::scene::{Scene, Surface};
use super::shadow::ShadowBox;
use crate::error::SimError;
use crate::glass::Glass;
use crate::shading::{LAMP_RADIUS, beam_share, diffuse_white, enters};
use crate::spec::LampSpec;

/// Width of the light atlas, texels.
pub const ATLAS_WIDTH: u32 = 2048;

/// Samples of the disc of a lamp that stands alone, and at least of one that is part of a larger light.
const LAMP_SAMPLES: usize = 24;
const LEAST_SAMPLES: usize = 6;

/// Edge of the pieces in which surfaces are worked on, texels.
const TILE: usize = 12;

/// Of texels nearer than this, m, every other one each way is looked at first; those between ask lamps only where these differ.
const DENSE: f64 = 0.0018;

/// Lift of a sample above its surface, m.
pub(super) const LIFT: f64 = 5e-5;

/// A surface's part of the atlas: the centres of its first and last texels lie on the surface's edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// First texel.
    pub at: [u32; 2],
    /// Texels along u and v, two at least.
    pub size: [u32; 2],
}

/// Where every surface has its patch.
#[derive(Debug, Clone)]
pub struct Atlas {
    /// By surface index.
    pub patches: Vec<Patch>,
    /// Rows of the whole.
    pub height: u32,
    /// The surfaces in cells, for the light that they hand on.
    pub cells: Cells,
}

impl Atlas {
    /// Places the patches in shelves. The texel (0, 0) belongs to nobody: it carries the stamp of what the atlas shows.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a surface that is too large for its sample distance.
    pub fn new(scene: &Scene) -> Result<Self, SimError> {
        let surfaces = &scene.surfaces;
        let mut order: Vec<usize> = (0..surfaces.len()).collect();
        let sizes: Vec<[u32; 2]> =
            surfaces.iter().map(|s| s.size().map(|e| ((e / s.cell).ceil() as u32).saturating_add(1).max(2))).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(sizes[i][1]), i));
        let mut patches = vec![Patch { at: [0; 2], size: [0; 2] }; surfaces.len()];
        let (mut x, mut y, mut shelf) = (2, 0, 0);
        for i in order {
            let [w, h] = sizes[i];
            // One texel of distance, so that rounding in the sampler never reaches the neighbour.
            if x + w + 1 > ATLAS_WIDTH {
                (x, y, shelf) = (0, y + shelf, 0);
            }
            if w + 1 > ATLAS_WIDTH || y + h + 1 > 8192 {
                return Err(SimError::Spec(format!(
                    "a surface of {:.3} × {:.3} m is too large to be lit",
                    surfaces[i].extent[0], surfaces[i].extent[1]
                )));
            }
            patches[i] = Patch { at: [x, y], size: [w, h] };
            x += w + 1;
            shelf = shelf.max(h + 1);
        }
        let height = (y + shelf).max(1);
        let cells = Cells::new(scene, &patches, height);
        Ok(Self { patches, height, cells })
    }

    fn texels(&self) -> usize {
        ATLAS_WIDTH as usize * self.height as usize
    }
}

/// Light of every lamp at full share, with shadows, for one turntable angle.
#[derive(Debug, Clone)]
pub struct Visibility {
    /// The plate's angle, rad.
    pub angle_rad: f64,
    /// Per lamp and texel: radiance of a white surface there.
    facing: Vec<Vec<f32>>,
    /// Who sees whom.
    exchange: Exchange,
    /// Four lamps per layer: visible share of each times the share of its beam there, 0 to 255, by texel.
    pub shares: Vec<Vec<[u8; 4]>>,
    /// Patches of what lies below a film, and the share of light that the film leaves.
    films: Vec<(Patch, f32)>,
}

impl Visibility {
    /// Casts the rays, on all cores.
    pub fn cast(scene: &Scene, atlas: &Atlas, angle_rad: f64) -> Self {
        let lamps: Vec<LampDisc> = scene.lamps.iter().map(LampDisc::new).collect();
        let boxes: Vec<ShadowBox> = scene.occluders.iter().map(|o| ShadowBox::new(o, angle_rad)).collect();
        let surfaces: Vec<Surface> = scene.surfaces.iter().map(|s| s.in_rig(angle_rad)).collect();
        let mirrors: Vec<Vec<LampMirror>> = scene.lamps.iter().map(|lamp| lamp_mirrors(&surfaces, lamp)).collect();
        let tiles: Vec<Tile> = surfaces.iter().flat_map(|s| Tile::split(s, atlas.patches[s.index])).collect();
        let results: Vec<Vec<[f32; 2]>> = tiles
            .par_iter()
            .map(|tile| {
                let mut texels = Vec::with_capacity(tile.texels() * lamps.len());
                for (lamp, mirrors) in lamps.iter().zip(&mirrors) {
                    let first = texels.len();
                    tile.light(lamp, &boxes, scene, &mut texels);
                    tile.mirrored(mirrors, &boxes, scene, &mut texels[first..]);
                }
                texels
            })
            .collect();
        let mut facing = vec![vec![0.0; atlas.texels()]; lamps.len()];
        let mut shares = vec![vec![[255; 4]; atlas.texels()]; lamps.len().div_ceil(4)];
        for (tile, result) in tiles.iter().zip(&results) {
            for (lamp, texels) in result.chunks(tile.texels().max(1)).enumerate() {
                for (place, [light, share]) in tile.places().zip(texels) {
                    facing[lamp][place] = *light;
                    shares[lamp / 4][place][lamp % 4] = (share * 255.0).round() as u8;
                }
            }
        }
        let films = surfaces.iter().filter(|s| s.transmission < 1.0).map(|s| (atlas.patches[s.index], s.transmission as f32)).collect();
        let exchange = Exchange::cast(&atlas.cells, &Station::new(scene, &surfaces, &boxes));
        Self { angle_rad, facing, exchange, shares, films }
    }

    /// Light and what leaves the surfaces under ambient light, the lamps in these shares and what other surfaces scatter.
    pub fn irradiance(&self, atlas: &Atlas, ambient: f64, lamp_shares: &[f64]) -> Irradiance {
        let lit: Vec<(&[f32], f32)> =
            self.facing.iter().zip(lamp_shares).filter(|(_, s)| **s > 0.0).map(|(f, s)| (f.as_slice(), *s as f32)).collect();
        let count = atlas.texels();
        let mut white = vec![0.0; count];
        white.par_chunks_mut(ATLAS_WIDTH as usize).enumerate().for_each(|(row, white)| {
            for (facing, share) in &lit {
                for (sum, f) in white.iter_mut().zip(&facing[row * ATLAS_WIDTH as usize..]) {
                    *sum += share * f;
                }
            }
        });
        let sizes: Vec<[usize; 2]> = atlas.patches.iter().map(|patch| patch.size.map(|n| n as usize)).collect();
        let index = |patch: &Patch, x: usize, y: usize| (patch.at[1] as usize + y) * ATLAS_WIDTH as usize + patch.at[0] as usize + x;
        let by_cell = atlas.cells.averaged(&sizes, |surface, x, y| white[index(&atlas.patches[surface], x, y)]);
        let arriving = self.exchange.arriving(&atlas.cells, &by_cell, ambient as f32);
        let mut leaving = atlas.cells.scattered(&white);
        for (surface, size) in sizes.iter().enumerate() {
            let more = atlas.cells.interpolated(surface, *size, &arriving);
            atlas.cells.add(surface, more, &mut white, &mut leaving);
        }
        for (surface, more) in self.exchange.gathered(&atlas.cells, &arriving, &leaving, ambient as f32) {
            let before = atlas.cells.interpolated(surface, sizes[surface], &arriving);
            atlas.cells.add(surface, more.into_iter().zip(before).map(|(more, before)| more - before), &mut white, &mut leaving);
        }
        for (patch, transmission) in &self.films {
            let [[x, y], [w, h]] = [patch.at, patch.size].map(|pair| pair.map(|n| n as usize));
            for row in y..y + h {
                white[row * ATLAS_WIDTH as usize + x..][..w].iter_mut().for_each(|sum| *sum *= transmission);
            }
        }
        Irradiance { white, leaving }
    }
}

/// Light of one state.
#[derive(Debug, Clone)]
pub struct Irradiance {
    /// By texel: radiance of a white surface there.
    pub white: Vec<f32>,
    /// By texel: radiance that leaves the surface there.
    pub leaving: Vec<f32>,
}

impl Irradiance {
    /// As the shader takes it: by texel the radiance of a white surface and what `mirrored` has of its surface, in halves; with `stamp` in texel (0, 0).
    pub fn bytes(&self, atlas: &Atlas, mirrored: &[(usize, Vec<f32>)], stamp: u16) -> Vec<u8> {
        const WIDTH: usize = ATLAS_WIDTH as usize;
        let mut around = vec![0.0; self.white.len()];
        for (surface, values) in mirrored {
            let Patch { at: [x, y], size: [width, _] } = atlas.patches[*surface];
            for (row, values) in (y as usize..).zip(values.chunks_exact(width as usize)) {
                around[row * WIDTH + x as usize..][..values.len()].copy_from_slice(values);
            }
        }
        let mut bytes = vec![0; 4 * self.white.len()];
        let rows = self.white.par_chunks(WIDTH).zip(around.par_chunks(WIDTH));
        bytes.par_chunks_mut(4 * WIDTH).zip(rows).for_each(|(bytes, (white, around))| {
            let mut halves = [[f16::ZERO; WIDTH]; 2];
            halves[0].convert_from_f32_slice(white);
            halves[1].convert_from_f32_slice(around);
            for ((texel, white), around) in bytes.chunks_exact_mut(4).zip(&halves[0]).zip(&halves[1]) {
                texel[..2].copy_from_slice(&white.to_le_bytes());
                texel[2..].copy_from_slice(&around.to_le_bytes());
            }
        });
        bytes[..2].copy_from_slice(&f16::from_f32(f32::from(stamp)).to_le_bytes());
        bytes
    }
}

/// A lamp as points on its disc.
struct LampDisc<'a> {
    spec: &'a LampSpec,
    centre: Vec3,
    samples: Vec<Vec3>,
}

impl<'a> LampDisc<'a> {
    fn new(spec: &'a LampSpec) -> Self {
        let (x, y) = (spec.target - spec.position).normalize_or(hardware_hal::glam::DVec3::NEG_Z).any_orthonormal_pair();
        // Vogel's sunflower: evenly spread, without rows that would show as bands in a penumbra.
        let golden = std::f64::consts::PI * (3.0 - 5f64.sqrt());
        let count = (LAMP_SAMPLES / spec.parts.max(1)).max(LEAST_SAMPLES);
        let sample = |i: usize| {
            let radius = LAMP_RADIUS * ((i as f64 + 0.5) / count as f64).sqrt();
            let (sin, cos) = (golden * i as f64).sin_cos();
            (spec.position + x * (radius * cos) + y * (radius * sin)).as_vec3()
        };
        Self { spec, centre: spec.position.as_vec3(), samples: (0..count).map(sample).collect() }
    }
}

/// A piece of a surface's patch.
struct Tile<'a> {
    surface: &'a Surface,
    patch: Patch,
    first: [usize; 2],
    size: [usize; 2],
}

impl<'a> Tile<'a> {
    fn split(surface: &'a Surface, patch: Patch) -> Vec<Self> {
        let [w, h] = patch.size.map(|n| n as usize);
        (0..h)
            .step_by(TILE)
            .flat_map(|y| (0..w).step_by(TILE).map(move |x| ([x, y], [TILE.min(w - x), TILE.min(h - y)])))
            .map(|(first, size)| Self { surface, patch, first, size })
            .collect()
    }

    fn texels(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Atlas indices of its texels, row by row.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let [x, y] = [0, 1].map(|i| self.patch.at[i] as usize + self.first[i]);
        (0..self.size[1]).flat_map(move |row| (0..self.size[0]).map(move |column| (y + row) * ATLAS_WIDTH as usize + x + column))
    }

    fn uv(&self, x: usize, y: usize) -> [f64; 2] {
        let at = [x, y];
        let (from, size) = (self.surface.start, self.surface.size());
        [0, 1].map(|i| from[i] + size[i] * (self.first[i] + at[i]) as f64 / (self.patch.size[i] - 1) as f64)
    }

    /// Appends (radiance of a white surface, visible share of the lamp times its beam's) of every texel.
    fn light(&self, lamp: &LampDisc, boxes: &[ShadowBox], scene: &Scene, texels: &mut Vec<[f32; 2]>) {
        let normal = self.surface.normal();
        let floor = scene.is_floor(self.surface);
        let (middle, radius) = self.ball();
        // What shines up through glass seems to stand up to its thickness higher.
        let reach = LAMP_RADIUS as f32 + scene.glass.as_ref().map_or(0.0, |glass| glass.pane.glass.thickness as f32);
        let near: Vec<&ShadowBox> = boxes
            .iter()
            .filter(|b| {
                !(self.surface.owner == Some(b.package) && self.surface.part == b.part) && b.near(middle, radius, lamp.centre, reach)
            })
            .collect();
        let up_to = |point: DVec3, raise: f64| {
            let (start, up) = (point.as_vec3(), Vec3::Z * raise as f32);
            let mut blocked = 0;
            if self.surface.below_plate && !floor {
                blocked |= bits(&lamp.samples, |s| crosses_plate(start, s, scene.plate_radius as f32));
            }
            for shadow in near.iter().filter(|b| b.near(start, 0.0, lamp.centre, reach)) {
                blocked |= bits(&lamp.samples, |s| shadow.blocks(start, s + up));
            }
            blocked
        };
        let first = texels.len();
        texels.resize(first + self.texels(), [0.0; 2]);
        let mut known: Vec<Option<u32>> = vec![None; self.texels()];
        for (x, y) in self.in_turns() {
            // Facets are thinner than the distance of samples: those beside one count as on its edge.
            let uv = self.surface.on_facet(self.uv(x, y));
            let point = self.surface.point(uv) + normal * LIFT;
            let (raise, passes) = scene.glass.as_ref().map_or((0.0, 1.0), |glass| through(glass, lamp.spec, point, floor));
            let sunk = point - DVec3::Z * raise;
            let normal = self.surface.normal_at(uv);
            let cosine = normal.dot((lamp.spec.position - sunk).normalize_or_zero());
            let light = passes * diffuse_white(lamp.spec, sunk, normal) * enters(cosine, self.surface.gloss);
            if light <= 0.0 {
                continue;
            }
            let blocked = self.as_around(&known, x, y).unwrap_or_else(|| up_to(point, raise));
            known[y * self.size[0] + x] = Some(blocked);
            let share = 1.0 - blocked.count_ones() as f32 / lamp.samples.len() as f32;
            texels[first + y * self.size[0] + x] = [light as f32 * share, share * (passes * beam_share(lamp.spec, sunk)) as f32];
        }
    }

    /// Its texels, those first which others may be taken from.
    fn in_turns(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let [width, height] = self.size;
        let all = move || (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
        let first = |(x, y): &(usize, usize)| x % 2 == 0 && y % 2 == 0;
        all().filter(first).chain(all().filter(move |place| !first(place)))
    }

    /// What of a lamp is hidden from a texel between others of a dense patch that all have the same hidden.
    fn as_around(&self, known: &[Option<u32>], x: usize, y: usize) -> Option<u32> {
        if self.surface.cell > DENSE || (x.is_multiple_of(2) && y.is_multiple_of(2)) {
            return None;
        }
        let [left, top] = [x - x % 2, y - y % 2];
        let [right, bottom] = [x + x % 2, y + y % 2];
        if right >= self.size[0] || bottom >= self.size[1] {
            return None;
        }
        let at = |x: usize, y: usize| known[y * self.size[0] + x];
        let hidden = at(left, top)?;
        [at(right, top), at(left, bottom), at(right, bottom)].iter().all(|other| *other == Some(hidden)).then_some(hidden)
    }

    /// Adds what of a lamp's light varnish mirrors onto its texels.
    fn mirrored(&self, mirrors: &[LampMirror], boxes: &[ShadowBox], scene: &Scene, texels: &mut [[f32; 2]]) {
        // What is seen or lit through glass has no mirrored light of lamps.
        if self.surface.below_plate
            || mirrors.first().is_none_or(|mirror| scene.glass.as_ref().is_some_and(|glass| glass.pane.is_below(mirror.lamp().position)))
        {
            return;
        }
        let (middle, radius) = self.ball();
        let near: Vec<&LampMirror> =
            mirrors.iter().filter(|mirror| !mirror.is_of(self.surface) && mirror.reaches(middle.as_dvec3(), f64::from(radius))).collect();
        if near.is_empty() {
            return;
        }
        let up = self.surface.normal();
        for (i, texel) in texels.iter_mut().enumerate() {
            let uv = self.surface.on_facet(self.uv(i % self.size[0], i / self.size[0]));
            let (point, normal) = (self.surface.point(uv) + up * LIFT, self.surface.normal_at(uv));
            texel[0] += near.iter().map(|mirror| mirror.light(point, normal, self.surface.gloss, boxes)).sum::<f64>() as f32;
        }
    }

    /// Middle and radius of the ball around it, m.
    fn ball(&self) -> (Vec3, f32) {
        let corner = |x, y| self.surface.point(self.uv(x, y)).as_vec3();
        let (low, high) = (corner(0, 0), corner(self.size[0] - 1, self.size[1] - 1));
        ((low + high) / 2.0, low.distance(high) / 2.0)
    }
}

/// How far a lamp seems raised for a point, m, and what of its light a glass plate lets through to there.
fn through(glass: &Glass, lamp: &LampSpec, point: DVec3, floor: bool) -> (f64, f64) {
    let pane = &glass.pane;
    match (pane.is_below(lamp.position), floor || !pane.is_below(point)) {
        // What stands beside the housing.
        (true, false) => (0.0, 0.0),
        (false, false) => (0.0, 1.0),
        _ => {
            let raise = pane.raised_by(lamp.position, point);
            (raise, glass.passes(lamp.position + DVec3::Z * raise, point))
        }
    }
}

fn bits(samples: &[Vec3], blocked: impl Fn(Vec3) -> bool) -> u32 {
    samples.iter().enumerate().fold(0, |bits, (i, s)| bits | (u32::from(blocked(*s)) << i))
}

/// Whether the way from below the plate to a point above it goes through the plate's disc.
fn crosses_plate(from: Vec3, to: Vec3, radius: f32) -> bool {
    let step = to - from;
    let t = -from.z / step.z;
    let hit: Vec2 = from.truncate() + step.truncate() * t;
    (0.0..=1.0).contains(&t) && hit.length_squared() < radius * radius
}

#[cfg(test)]
pub(super) mod tests {
    use hardware_hal::glam::DQuat;

    use super::super::scene::Occluder;
    use super::*;

    /// A wide lamp of intensity 1 that shines on the origin.
    pub fn lamp(position: DVec3) -> LampSpec {
        LampSpec {
            name: "lamp".into(),
            position,
            target: DVec3::ZERO,
            beam_half_angle: 1.0,
            intensity: 1.0,
            parts: 1,
            polarised: false,
            colour: Default::default(),
        }
    }

    /// A grey floor of 0.4 m edge as the plate.
    pub fn floor_under(lamps: Vec<LampSpec>, occluders: Vec<Occluder>) -> Scene {
        let surface = Surface {
            index: 0,
            origin: DVec3::new(-0.2, 0.2, 0.0),
            right: DVec3::X,
            down: DVec3::NEG_Y,
            start: [0.0; 2],
            extent: [0.4; 2],
            print_extent: [0.4; 2],
            curvature: 0.0,
            smooth: None,
            outline: [[0.0, 0.0], [0.4, 0.0], [0.4, 0.4], [0.0, 0.4]].into(),
            albedo: 0.5,
            gloss: 0.0,
            transmission: 1.0,
            wrinkles: None,
            print: None,
            owner: None,
            part: 0,
            rides: false,
            below_plate: false,
            cell: 0.002,
        };
        Scene {
            surfaces: vec![surface],
            occluders,
            prints: [].into(),
            tinted: Vec::new(),
            lamps,
            ambient: 0.1,
            plate_radius: 0.2,
            glass: None,
        }
    }

    #[test]
    fn without_boxes_light_is_the_reference_shading() {
        let scene = floor_under(vec![lamp(DVec3::new(0.3, 0.0, 1.0))], Vec::new());
        let atlas = Atlas::new(&scene).unwrap();
        let light = Visibility::cast(&scene, &atlas, 0.0).irradiance(&atlas, 0.1, &[0.5]);
        let patch = atlas.patches[0];
        let count = (patch.size[0] * patch.size[1]) as usize;
        let mirrored: Vec<f32> = (0..count).map(|i| i as f32 / 65536.0).collect();
        let bytes = light.bytes(&atlas, &[(0, mirrored)], 7);
        let halves: Vec<f16> = bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]])).collect();
        assert_eq!(halves[0].to_f32(), 7.0);
        let texel = |x: u32, y: u32| 2 * ((patch.at[1] + y) * ATLAS_WIDTH + patch.at[0] + x) as usize;
        assert_eq!(halves[texel(5, 3) + 1], f16::from_f32((3 * 201 + 5) as f32 / 65536.0));
        assert_eq!(patch.size, [201, 201]);
        for (x, y) in [(0, 0), (200, 200), (100, 100), (17, 140)] {
            let point = DVec3::new(-0.2 + 0.002 * f64::from(x), 0.2 - 0.002 * f64::from(y), 0.0);
            let wanted = 0.1 + 0.5 * diffuse_white(&scene.lamps[0], point, DVec3::Z);
            let found = halves[texel(x, y)].to_f64();
            assert!((found / wanted - 1.0).abs() < 1e-3, "{found} instead of {wanted} at {x}, {y}");
        }
    }

    #[test]
    fn a_dense_patch_has_the_shadows_that_each_texel_would_find() {
        let occluder = Occluder {
            package: 3,
            part: 0,
            convex: None,
            rotation: DQuat::IDENTITY,
            translation: DVec3::new(0.0, 0.0, 0.02),
            half: DVec3::new(0.05, 0.02, 1e-3),
            round: false,
        };
        let mut scene = floor_under(vec![lamp(DVec3::new(0.3, 0.1, 1.0))], vec![occluder]);
        let shares = |cell: f64, scene: &mut Scene| {
            scene.surfaces[0].cell = cell;
            let atlas = Atlas::new(scene).unwrap();
            let (patch, cast) = (atlas.patches[0], Visibility::cast(scene, &atlas, 0.0));
            let at = |x: u32, y: u32| cast.shares[0][((patch.at[1] + y) * ATLAS_WIDTH + patch.at[0] + x) as usize][0];
            (0..patch.size[1]).flat_map(|y| (0..patch.size[0]).map(move |x| (x, y))).map(|(x, y)| at(x, y)).collect::<Vec<u8>>()
        };
        // 250 texels each way. As if each were looked at: a cell that counts as coarse, in patches of the same size.
        let found = shares(0.0016, &mut scene);
        scene.surfaces[0].extent = [0.4 * 1.25; 2];
        scene.surfaces[0].outline = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [0.0, 0.5]].into();
        scene.surfaces[0].right *= 0.8;
        scene.surfaces[0].down *= 0.8;
        let wanted = shares(0.002, &mut scene);
        assert_eq!(found.len(), wanted.len());
        assert!(found.contains(&0) && found.contains(&255) && found.iter().any(|share| (1..255).contains(share)));
        assert!(found.iter().zip(&wanted).all(|(found, wanted)| found.abs_diff(*wanted) <= 11));
    }

    #[test]
    fn a_box_throws_a_shadow_with_a_penumbra_of_the_right_width_that_turns_with_the_plate() {
        // A thin plate of 0.1 m edge, 0.1 m above the floor, under a lamp 1 m above it: edges of the shadow at ±0.0556, penumbra 0.035/9 each way.
        let occluder = Occluder {
            package: 3,
            part: 0,
            convex: None,
            rotation: DQuat::IDENTITY,
            translation: DVec3::new(0.0, 0.0, 0.1),
            half: DVec3::new(0.05, 0.02, 1e-3),
            round: false,
        };
        let scene = floor_under(vec![lamp(DVec3::new(0.0, 0.0, 1.0))], vec![occluder]);
        let atlas = Atlas::new(&scene).unwrap();
        let share = |angle: f64, x: f64, y: f64| {
            let visibility = Visibility::cast(&scene, &atlas, angle);
            let patch = atlas.patches[0];
            let texel = [((x + 0.2) / 0.002).round() as u32, ((0.2 - y) / 0.002).round() as u32];
            visibility.shares[0][((patch.at[1] + texel[1]) * ATLAS_WIDTH + patch.at[0] + texel[0]) as usize][0]
        };
        assert_eq!(share(0.0, 0.0, 0.0), 0);
        assert_eq!(share(0.0, 0.050, 0.0), 0);
        assert_eq!(share(0.0, 0.062, 0.0), 255);
        assert!((60..200).contains(&share(0.0, 0.056, 0.0)), "{}", share(0.0, 0.056, 0.0));
        assert_eq!(share(0.0, 0.0, 0.05), 255);
        assert_eq!(share(std::f64::consts::FRAC_PI_2, 0.0, 0.05), 0);
        assert_eq!(share(std::f64::consts::FRAC_PI_2, 0.05, 0.0), 255);
    }
}
