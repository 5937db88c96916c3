//! What varnish mirrors besides the lamps' own images: lamps' light onto neighbours, and what stands around towards the eye.
//!
//! Both are of flat faces above all: the image of a lamp in a flat mirror is a lamp behind it, whose light comes through the mirror's outline, with edges
//! softened by the varnish's slopes ([`VARNISH_SIGMA`]). What is mirrored towards the eye is what a ray meets that leaves the surface as a mirror would
//! send it, here or, as its slopes have it, a little aside.
//!
//! Left out: lamps' light that round things mirror onto others (it is spread wide and weak), that others mirror twice, or through a glass plate.

use hardware_hal::glam::{DVec2, DVec3};
use rayon::prelude::*;

use super::indirect::{Cells, Gather, Glint, Hit, Station, View};
use super::light::LIFT;
use super::scene::{Scene, Surface};
use super::shadow::ShadowBox;
use crate::shading::{VARNISH_SIGMA, beam_share, enters, fresnel, varnish};
use crate::spec::LampSpec;

/// Softened edges that reach farther than so many standard deviations are nothing.
const SOFT_REACH: f64 = 2.5;

/// Edge of the pieces of a surface for which what it mirrors is looked up, m.
const PIECE: f64 = 0.004;
/// The same of round things, which spread images, and whose strips and facets are pieces themselves.
const ROUND_PIECE: f64 = 0.012;

/// Slopes of the varnish that each of them has a ray for.
const SLOPES: usize = 12;

/// Cosine of the angle between normal and half vector, four standard deviations, beyond which varnish shows nothing of a lamp.
const GLINT: f64 = 0.98;

/// A flat varnished face, and a lamp that it mirrors.
pub(super) struct LampMirror<'a> {
    surface: &'a Surface,
    normal: DVec3,
    middle: DVec3,
    radius: f64,
    /// Corners (u, v), counter-clockwise in them.
    outline: Vec<DVec2>,
    lamp: &'a LampSpec,
    /// Where the lamp seems to stand.
    image: DVec3,
}

/// The faces in which a lamp is mirrored, in the rig's frame.
pub(super) fn lamp_mirrors<'a>(surfaces: &'a [Surface], lamp: &'a LampSpec) -> Vec<LampMirror<'a>> {
    let mirrors = |surface: &&Surface| surface.gloss > 0.0 && surface.is_flat() && surface.transmission >= 1.0;
    surfaces.iter().filter(mirrors).filter_map(|surface| LampMirror::new(surface, lamp)).collect()
}

impl<'a> LampMirror<'a> {
    fn new(surface: &'a Surface, lamp: &'a LampSpec) -> Option<Self> {
        let normal = surface.normal();
        let middle = surface.point(surface.middle());
        let height = (lamp.position - middle).dot(normal);
        if height <= 0.0 {
            return None;
        }
        let mut outline: Vec<DVec2> = surface.outline.iter().map(|corner| DVec2::from_array(*corner)).collect();
        let area: f64 = outline.iter().zip(outline.iter().cycle().skip(1)).map(|(a, b)| a.perp_dot(*b)).sum();
        if area < 0.0 {
            outline.reverse();
        }
        let radius = surface.outline.iter().map(|corner| surface.point(*corner).distance(middle)).fold(0.0, f64::max);
        Some(Self { surface, normal, middle, radius, outline, lamp, image: lamp.position - normal * (2.0 * height) })
    }

    /// The lamp.
    pub fn lamp(&self) -> &LampSpec {
        self.lamp
    }

    /// Whether its light can reach a ball.
    pub fn reaches(&self, centre: DVec3, radius: f64) -> bool {
        let above = (centre - self.middle).dot(self.normal);
        if above < -radius {
            return false;
        }
        let below = (self.middle - self.image).dot(self.normal);
        let way = centre - self.image;
        // Where the ball's middle sees the lamp's image in the mirror's plane.
        let share = below / (below + above.max(0.0));
        let seen = self.image + way * share;
        let soft = SOFT_REACH * 2.0 * VARNISH_SIGMA * way.length() * share * (1.0 - share);
        seen.distance(self.middle) < self.radius + radius * share.max(0.5) + soft
    }

    /// Whether a face belongs to the same convex body, of which no part sees another.
    pub fn is_of(&self, surface: &Surface) -> bool {
        self.surface.index == surface.index
            || (self.surface.owner.is_some() && self.surface.owner == surface.owner && self.surface.part == surface.part)
    }

    /// Radiance of a white surface at `point` with this normal and gloss under the mirrored light.
    pub fn light(&self, point: DVec3, normal: DVec3, gloss: f64, boxes: &[ShadowBox]) -> f64 {
        let to_image = self.image - point;
        let distance = to_image.length();
        let cosine = normal.dot(to_image) / distance;
        let above = (point - self.middle).dot(self.normal);
        if cosine <= 0.0 || above <= 0.0 {
            return 0.0;
        }
        let share = above / (above - (self.image - self.middle).dot(self.normal));
        let at = point + to_image * share;
        // A slope of the varnish by σ moves the place that mirrors the lamp by 2σ·ab ÷ (a + b): a and b are the ways to it from lamp and point.
        let soft = 2.0 * VARNISH_SIGMA * distance * share * (1.0 - share);
        let within = self.within(at, soft);
        if within <= 0.0 {
            return 0.0;
        }
        let at_lamp = self.lamp.position - at;
        let mirrored = fresnel(at_lamp.normalize_or_zero().dot(self.normal), self.surface.gloss);
        let nominal = (self.lamp.target - self.lamp.position).length_squared();
        let light = within * mirrored * cosine * enters(cosine, gloss) * self.lamp.intensity * nominal / (distance * distance)
            * beam_share(self.lamp, at);
        if light <= 0.0 || self.hidden(point, at, boxes) { 0.0 } else { light }
    }

    /// Share of what is mirrored around a place of its plane that its outline holds, with edges of this standard deviation.
    fn within(&self, at: DVec3, soft: f64) -> f64 {
        let from = at - self.surface.origin;
        let p = DVec2::new(from.dot(self.surface.right), from.dot(self.surface.down));
        let mut beyond = 0.0;
        for (a, b) in self.outline.iter().zip(self.outline.iter().cycle().skip(1)) {
            let edge = *b - *a;
            let depth = edge.perp_dot(p - *a) / edge.length().max(1e-12);
            beyond += upper_tail(depth / soft.max(1e-6));
            if beyond >= 1.0 {
                return 0.0;
            }
        }
        1.0 - beyond
    }

    /// Whether something stands between point, mirror and lamp.
    fn hidden(&self, point: DVec3, at: DVec3, boxes: &[ShadowBox]) -> bool {
        let lifted = (at + self.normal * LIFT).as_vec3();
        let (from, lamp) = (point.as_vec3(), self.lamp.position.as_vec3());
        let own = |body: &&ShadowBox| self.surface.owner == Some(body.package) && self.surface.part == body.part;
        boxes.iter().filter(|body| !own(body)).any(|body| {
            (body.near(lifted, 0.0, from, 0.0) && body.blocks(from, lifted))
                || (body.near(lifted, 0.0, lamp, 0.0) && body.blocks(lifted, lamp))
        })
    }
}

/// Share of a normal distribution beyond `x` standard deviations (Page 1977, *Approximations to the cumulative normal function*: within 2·10⁻⁴).
fn upper_tail(x: f64) -> f64 {
    1.0 / (1.0 + (x * (1.5976 + 0.070_566 * x * x)).clamp(-40.0, 40.0).exp())
}

/// What varnish mirrors of its surroundings towards one eye, at one angle of the plate.
#[derive(Debug, Clone, Default)]
pub struct Reflections(Vec<Gather>);

impl Reflections {
    /// Casts the rays.
    pub fn cast(scene: &Scene, cells: &Cells, angle_rad: f64, eye: DVec3) -> Self {
        let boxes: Vec<ShadowBox> = scene.occluders.iter().map(|body| ShadowBox::new(body, angle_rad)).collect();
        let surfaces: Vec<Surface> = scene.surfaces.iter().map(|flat| flat.in_rig(angle_rad)).collect();
        let station = Station::new(scene, &surfaces, &boxes);
        let slopes = slopes();
        // How much of its beam reaches a place goes with the share of it that is seen from there.
        let lamps: Vec<LampSpec> = scene.lamps.iter().map(|lamp| LampSpec { beam_half_angle: f64::MAX, ..lamp.clone() }).collect();
        let seen = surfaces.par_iter().filter(|s| s.gloss > 0.0 && (eye - s.origin).dot(s.normal()) > 0.0);
        let looked_up = |s: &Surface| {
            let edge = if s.is_flat() { PIECE } else { ROUND_PIECE };
            Gather::all_over(cells, s, edge, |place| mirrored(&station, cells, s, place, eye, (&slopes, &lamps)))
        };
        Self(seen.map(looked_up).collect())
    }

    /// By surface that has some: the radiance that each of its texels mirrors, where `leaving` is that of every texel, `ambient` that of the room, and `lit`
    /// the share of a lamp that a texel sees times its strength.
    pub fn texels(&self, leaving: &[f32], ambient: f32, lit: impl Fn(u32, u32) -> f32 + Sync) -> Vec<(usize, Vec<f32>)> {
        self.0.par_iter().map(|gather| (gather.surface, gather.texels(Vec::new(), leaving, ambient, &lit))).collect()
    }
}

/// Slopes along u and v, normally distributed with [`VARNISH_SIGMA`] each: half of them on each of two rings, whose squared radii are the means of the
/// distribution's inner and outer half, 2σ²·(1 ∓ ln 2).
fn slopes() -> [DVec2; SLOPES] {
    std::array::from_fn(|i| {
        let outer = i % 2;
        let squared = 2.0 * (1.0 + [-1.0, 1.0][outer] * std::f64::consts::LN_2);
        let turn = std::f64::consts::TAU * i as f64 / SLOPES as f64;
        DVec2::new(libm::cos(turn), libm::sin(turn)) * (VARNISH_SIGMA * squared.sqrt())
    })
}

/// What a place of a surface, in shares of its extent, mirrors towards the eye. Of the slopes, the eye sees each as large as it is turned to it (the
/// distribution of visible normals: Heitz 2014, *Understanding the masking-shadowing function in microfacet-based BRDFs*).
fn mirrored(
    station: &Station,
    cells: &Cells,
    surface: &Surface,
    place: [f64; 2],
    eye: DVec3,
    (slopes, lamps): (&[DVec2], &[LampSpec]),
) -> View {
    let (start, size, up) = (surface.start, surface.size(), surface.normal());
    let uv = surface.on_facet([0, 1].map(|i| start[i] + size[i] * place[i]));
    let (point, normal) = (surface.point(uv) + up * LIFT, surface.normal_at(uv));
    let to_eye = (eye - point).normalize_or_zero();
    let (from, above) = (point.as_vec3(), up.as_vec3());
    let near = station.before(surface, from, above);
    let mut view = View { covered: station.covered(from, above, &near), ..View::default() };
    let mut whole = 0.0;
    for slope in slopes {
        let leaning = normal + surface.right * slope.x + surface.down * slope.y;
        let length = leaning.length();
        let cosine = leaning.dot(to_eye) / length;
        if cosine <= 0.0 {
            continue;
        }
        // `length` is 1 ÷ the cosine between both normals.
        let weight = cosine * length;
        whole += weight;
        let ray = leaning * (2.0 * cosine / length) - to_eye;
        if ray.dot(up) <= 0.0 {
            continue;
        }
        let share = (weight * fresnel(cosine, surface.gloss)) as f32;
        match station.hit(cells, from, ray.as_vec3(), &near) {
            Hit::Room(room) => view.room += share * room,
            Hit::Spot(spot) => {
                view.seen.push((spot, share));
                let (met, point, normal) = station.met(&spot, from, ray.as_vec3());
                for (lamp, spec) in lamps.iter().enumerate().filter(|_| met.gloss > 0.0) {
                    let half = ((spec.position - point).normalize_or_zero() - ray).normalize_or_zero();
                    if half.dot(normal) < GLINT {
                        continue;
                    }
                    let radiance = share * varnish(spec, point, normal, -ray, met.gloss) as f32;
                    view.glints.push(Glint { lamp: lamp as u32, texel: spot.texel, radiance });
                }
            }
            Hit::Dark => {}
        }
    }
    let scale = if whole > 0.0 { (1.0 / whole) as f32 } else { 0.0 };
    view.room *= scale;
    view.seen.iter_mut().for_each(|(_, share)| *share *= scale);
    view.glints.iter_mut().for_each(|glint| glint.radiance *= scale);
    view
}

#[cfg(test)]
mod tests {
    use hardware_hal::glam::DQuat;

    use super::super::light::tests::{floor_under, lamp};
    use super::super::light::{ATLAS_WIDTH, Atlas};
    use super::super::scene::{Occluder, Scene};
    use super::*;

    const GLOSS: f64 = 0.04;

    /// The floor with a varnished wall 0.4 m long and 0.1 m high along x that looks towards −y.
    fn before_a_wall() -> Scene {
        let wall = Occluder {
            package: 0,
            part: 0,
            convex: None,
            rotation: DQuat::IDENTITY,
            translation: DVec3::new(0.0, 0.01, 0.05),
            half: DVec3::new(0.2, 0.01, 0.05),
            round: false,
        };
        let mut scene = floor_under(vec![lamp(DVec3::new(0.0, -1.0, 1.0))], vec![wall]);
        scene.surfaces.push(Surface {
            index: 1,
            origin: DVec3::new(-0.2, 0.0, 0.1),
            down: DVec3::NEG_Z,
            extent: [0.4, 0.1],
            outline: [[0.0, 0.0], [0.4, 0.0], [0.4, 0.1], [0.0, 0.1]].into(),
            gloss: GLOSS,
            owner: Some(0),
            ..scene.surfaces[0].clone()
        });
        scene
    }

    fn mirrored_at(scene: &Scene, y: f64) -> f64 {
        let boxes: Vec<ShadowBox> = scene.occluders.iter().map(|body| ShadowBox::new(body, 0.0)).collect();
        let mirrors = lamp_mirrors(&scene.surfaces, &scene.lamps[0]);
        assert_eq!(mirrors.len(), 1);
        mirrors[0].light(DVec3::new(0.0, y, 0.0), DVec3::Z, 0.0, &boxes)
    }

    #[test]
    fn a_wall_throws_the_lamps_image_onto_the_floor_before_it() {
        let scene = before_a_wall();
        // The image stands at (0, 1, 1): at y = −0.05 its light comes through the wall 0.048 m high, 45° from its normal and from the floor's.
        let to_image = DVec3::new(0.0, 1.05, 1.0);
        let mirrored = fresnel(1.05 / to_image.length(), GLOSS);
        let wanted = mirrored * (1.0 / to_image.length()) * 2.0 / to_image.length_squared();
        let found = mirrored_at(&scene, -0.05);
        assert!((found / wanted - 1.0).abs() < 1e-3, "{found} instead of {wanted}");
        // The wall's upper edge is seen at y = −1/9 from there: half of it; far beyond next to nothing.
        let edge = mirrored_at(&scene, -1.0 / 9.0) / mirrored_at(&scene, -0.08);
        assert!((0.42..0.55).contains(&edge), "{edge}");
        assert!(mirrored_at(&scene, -0.2) < 1e-3 * wanted);
        assert_eq!(mirrored_at(&scene, 0.05), 0.0);
        // What plain glass mirrors at about 45° (Hecht, Optics, section 4.6: 5.0 %).
        assert!((mirrored - 0.050).abs() < 0.002, "{mirrored}");
    }

    #[test]
    fn what_stands_before_the_mirror_keeps_its_light_away() {
        let mut scene = before_a_wall();
        let post = |y: f64, z: f64| Occluder {
            package: 1,
            part: 0,
            convex: None,
            rotation: DQuat::IDENTITY,
            translation: DVec3::new(0.0, y, z),
            half: DVec3::splat(0.004),
            round: false,
        };
        let free = mirrored_at(&scene, -0.05);
        // Between mirror and floor, between lamp and mirror, beside both.
        for (y, z, wanted) in [(-0.025, 0.024, 0.0), (-0.5, 0.5238, 0.0), (-0.2, 0.05, free)] {
            scene.occluders.truncate(1);
            scene.occluders.push(post(y, z));
            assert_eq!(mirrored_at(&scene, -0.05), wanted, "{y}, {z}");
        }
    }

    /// What a surface mirrors in its middle where every texel sends out what `leaving` makes of its place and lamps have this strength.
    fn mirrored_in_the_middle(scene: &Scene, surface: usize, eye: DVec3, leaving: impl Fn(usize) -> f32, lamps: f32) -> f64 {
        let atlas = Atlas::new(scene).unwrap();
        let leaving: Vec<f32> = (0..(ATLAS_WIDTH * atlas.height) as usize).map(leaving).collect();
        let found = Reflections::cast(scene, &atlas.cells, 0.0, eye).texels(&leaving, 0.1, |_, _| lamps);
        let (_, texels) = found.iter().find(|(index, _)| *index == surface).unwrap();
        let [width, height] = atlas.patches[surface].size.map(|n| n as usize);
        f64::from(texels[height / 2 * width + width / 2])
    }

    #[test]
    fn a_wall_shows_the_floor_and_a_floor_the_room() {
        let mut scene = before_a_wall();
        scene.surfaces[0].gloss = GLOSS;
        // All of the floor.
        scene.plate_radius = 0.4;
        let slanted = DVec3::new(0.0, -5.0, 5.0);
        let found = mirrored_in_the_middle(&scene, 1, slanted, |_| 0.5, 0.0);
        let wanted = 0.5 * fresnel((slanted - DVec3::new(0.0, 0.0, 0.05)).normalize().dot(DVec3::NEG_Y), GLOSS);
        assert!((found / wanted - 1.0).abs() < 0.02, "{found} instead of {wanted}");
        scene.surfaces.truncate(1);
        scene.occluders.clear();
        let found = mirrored_in_the_middle(&scene, 0, DVec3::new(0.0, 0.0, 5.0), |_| 0.5, 0.0);
        assert!((found / (0.1 * GLOSS) - 1.0).abs() < 0.01, "{found}");
    }

    #[test]
    fn a_mirror_image_has_edges_that_the_varnish_softens() {
        let scene = before_a_wall();
        let atlas = Atlas::new(&scene).unwrap();
        let patch = atlas.patches[0];
        // The wall's middle, 50 mm high, shows an eye at 45° the floor 50 mm before it, 250 mm from its upper end: texel 125 down. Beyond an edge some
        // standard deviations off (2σ × 70 mm, and √2 times that along the floor, is 10 mm) all of it is lit or dark; at the edge half of it.
        let floor = |edge: u32| {
            let scene = &scene;
            let lit = move |texel: usize| {
                let row = texel as u32 / ATLAS_WIDTH;
                f32::from(u8::from(row >= patch.at[1] && row < patch.at[1] + patch.size[1] && row - patch.at[1] > edge))
            };
            mirrored_in_the_middle(scene, 1, DVec3::new(0.0, -5.0, 5.05), lit, 0.0)
        };
        let whole = floor(0);
        assert!(whole > 0.04, "{whole}");
        assert!(floor(110) > 0.98 * whole && floor(140) < 0.02 * whole, "{} {}", floor(110) / whole, floor(140) / whole);
        assert!((0.35..0.65).contains(&(floor(125) / whole)), "{}", floor(125) / whole);
    }

    #[test]
    fn a_wall_shows_the_lamp_that_shines_in_the_floor() {
        let mut scene = before_a_wall();
        // From the wall's middle the eye at 45° sees the floor 50 mm before it, and there, were it a mirror too, a lamp at 45° before the wall's back.
        scene.lamps = vec![lamp(DVec3::new(0.0, -1.05, 1.0))];
        let eye = DVec3::new(0.0, -5.0, 5.05);
        scene.surfaces[0].gloss = GLOSS;
        let wanted = |reach: f64| {
            // Two varnishes in a row spread it as one with √2 of the slopes: half as high.
            let peak = varnish(&scene.lamps[0], DVec3::new(0.0, -0.05, 0.0), DVec3::Z, DVec3::new(0.0, 1.0, 1.0).normalize(), GLOSS);
            reach * peak * fresnel(0.5f64.sqrt(), GLOSS) / 2.0
        };
        let seen = |lamps| mirrored_in_the_middle(&scene, 1, eye, |_| 0.0, lamps);
        let found = seen(1.0) - seen(0.0);
        assert!((wanted(0.7)..wanted(1.3)).contains(&found), "{found} instead of {}", wanted(1.0));
    }

    #[test]
    fn slopes_are_spread_as_the_varnish_has_them() {
        let slopes = slopes();
        let moment = |of: &dyn Fn(&DVec2) -> f64| slopes.iter().map(of).sum::<f64>() / SLOPES as f64 / (VARNISH_SIGMA * VARNISH_SIGMA);
        let found = [moment(&|s| s.x), moment(&|s| s.y), moment(&|s| s.x * s.y), moment(&|s| s.x * s.x), moment(&|s| s.y * s.y)];
        assert!(found.iter().zip([0.0, 0.0, 0.0, 1.0, 1.0]).all(|(found, wanted)| (found - wanted).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn the_tail_of_a_normal_distribution() {
        for (x, wanted) in [(0.0, 0.5), (1.0, 0.158_66), (-1.0, 0.841_34), (2.0, 0.022_75), (-3.0, 0.998_65)] {
            assert!((upper_tail(x) - wanted).abs() < 2e-4, "{x}: {}", upper_tail(x));
        }
        assert_eq!(upper_tail(60.0), 1.0 / (1.0 + 40.0_f64.exp()));
    }
}
