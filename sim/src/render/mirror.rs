//! What varnish mirrors besides the lamps' own images: lamps' light onto neighbours, and what stands around towards the eye.
//!
//! Both are of flat faces above all: the image of a lamp in a flat mirror is a lamp behind it, whose light comes through the mirror's outline, with edges
//! softened by the varnish's slopes ([`VARNISH_SIGMA`]). What is mirrored towards the eye is what a ray meets that leaves the surface as a mirror would
//! send it; it changes slowly, so that each surface takes it as a linear function.
//!
//! Left out: lamps' light mirrored by round things (it is spread wide and weak), mirrored twice, or through a glass plate.

use hardware_hal::glam::{DVec2, DVec3};

use super::indirect::{Cells, Hit, Station};
use super::light::LIFT;
use super::scene::Surface;
use super::shadow::ShadowBox;
use crate::shading::{VARNISH_SIGMA, beam_share, enters, fresnel};
use crate::spec::LampSpec;

/// Softened edges that reach farther than so many standard deviations are nothing.
const SOFT_REACH: f64 = 2.5;

/// Edge of the pieces of a surface for which what it mirrors is looked up, m, and how many there are at most each way.
const PIECE: f64 = 0.012;
const MOST_PIECES: usize = 8;

/// Weight of a plane without slope when a surface's mirrored light is fitted: too few or too narrow pieces say nothing about slopes.
const FLATNESS: f64 = 1e-3;

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
    let mirrors =
        |surface: &&Surface| surface.gloss > 0.0 && surface.curvature == 0.0 && surface.smooth.is_none() && surface.transmission >= 1.0;
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

/// What a surface mirrors of its surroundings towards the eye, as a linear function: its value at u = v = 0, its change per metre of u and v.
///
/// `leaving` is the radiance of every cell, `ambient` that of the room.
pub(super) fn surroundings(station: &Station, cells: &Cells, surface: &Surface, eye: DVec3, leaving: &[f32], ambient: f64) -> [f64; 3] {
    let (start, size) = (surface.start, surface.size());
    let pieces = size.map(|extent| ((extent / PIECE).ceil() as usize).clamp(1, MOST_PIECES));
    let up = surface.normal().as_vec3();
    let middle = surface.point(surface.middle()).as_vec3();
    let near = station.before(surface, middle, up);
    let mut samples = Vec::with_capacity(pieces[0] * pieces[1]);
    for row in 0..pieces[1] {
        for column in 0..pieces[0] {
            let share = [(column as f64 + 0.5) / pieces[0] as f64, (row as f64 + 0.5) / pieces[1] as f64];
            let uv = surface.on_facet([0, 1].map(|i| start[i] + size[i] * share[i]));
            let (point, normal) = (surface.point(uv) + surface.normal() * LIFT, surface.normal_at(uv));
            let to_eye = (eye - point).normalize_or_zero();
            let cosine = normal.dot(to_eye);
            if cosine <= 0.0 {
                continue;
            }
            let mirrored = (normal * (2.0 * cosine) - to_eye).as_vec3();
            let radiance = match station.hit(cells, point.as_vec3(), mirrored, &near) {
                Hit::Room(share) => f64::from(share) * ambient,
                Hit::Cell(cell) => f64::from(leaving[cell]),
                Hit::Dark => 0.0,
            };
            samples.push((uv, fresnel(cosine, surface.gloss) * radiance));
        }
    }
    plane_through(&samples, surface.middle())
}

/// A place (u, v) and a value there.
type Sample = ([f64; 2], f64);

/// The linear function of (u, v) that is nearest to values at places: its value at u = v = 0 and its slopes.
fn plane_through(samples: &[Sample], middle: [f64; 2]) -> [f64; 3] {
    let count = samples.len() as f64;
    if samples.is_empty() {
        return [0.0; 3];
    }
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (u, v, value) = (mean(&|s| s.0[0] - middle[0]), mean(&|s| s.0[1] - middle[1]), mean(&|s| s.1));
    let offset = |s: &Sample| [s.0[0] - middle[0] - u, s.0[1] - middle[1] - v, s.1 - value];
    let sum = |i: usize, j: usize| samples.iter().map(|s| offset(s)[i] * offset(s)[j]).sum::<f64>() / count;
    let room = FLATNESS * PIECE * PIECE;
    let (uu, uv, vv, ul, vl) = (sum(0, 0) + room, sum(0, 1), sum(1, 1) + room, sum(0, 2), sum(1, 2));
    let whole = uu * vv - uv * uv;
    let slopes = [(ul * vv - vl * uv) / whole, (vl * uu - ul * uv) / whole];
    [value - slopes[0] * (middle[0] + u) - slopes[1] * (middle[1] + v), slopes[0], slopes[1]]
}

#[cfg(test)]
mod tests {
    use hardware_hal::glam::DQuat;

    use super::super::light::Atlas;
    use super::super::light::tests::{floor_under, lamp};
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
        // Fresnel's share is what plain glass mirrors at 45°, within what Schlick's formula leaves (Hecht, Optics, section 4.6: 5.0 %).
        assert!((mirrored - 0.050).abs() < 0.009, "{mirrored}");
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

    #[test]
    fn a_wall_shows_the_floor_and_a_floor_the_room() {
        let mut scene = before_a_wall();
        scene.surfaces[0].gloss = GLOSS;
        // All of the floor.
        scene.plate_radius = 0.4;
        let atlas = Atlas::new(&scene).unwrap();
        let boxes: Vec<ShadowBox> = scene.occluders.iter().map(|body| ShadowBox::new(body, 0.0)).collect();
        let station = Station::new(&scene, &scene.surfaces, &boxes);
        let leaving = vec![0.5; 4096];
        let around = |surface: usize, eye: DVec3| surroundings(&station, &atlas.cells, &scene.surfaces[surface], eye, &leaving, 0.1);
        let slanted = DVec3::new(0.0, -5.0, 5.0);
        let [value, along_u, along_v] = around(1, slanted);
        let middle = value + 0.2 * along_u + 0.05 * along_v;
        let wanted = 0.5 * fresnel((slanted - DVec3::new(0.0, 0.0, 0.05)).normalize().dot(DVec3::NEG_Y), GLOSS);
        assert!((middle / wanted - 1.0).abs() < 0.01, "{middle} instead of {wanted}");
        let [value, along_u, along_v] = around(0, DVec3::new(0.0, 0.0, 5.0));
        let middle = value + 0.2 * along_u + 0.2 * along_v;
        assert!((middle / (0.1 * GLOSS) - 1.0).abs() < 0.05, "{middle}");
    }

    #[test]
    fn a_plane_through_a_linear_function_is_that_function() {
        let at = |u: f64, v: f64| 0.3 + 2.0 * u - 1.5 * v;
        let samples: Vec<([f64; 2], f64)> =
            (0..16).map(|i| [f64::from(i % 4) * 0.02, f64::from(i / 4) * 0.03]).map(|[u, v]| ([u, v], at(u, v))).collect();
        let [value, u, v] = plane_through(&samples, [0.03, 0.045]);
        assert!((value - 0.3).abs() < 1e-4 && (u - 2.0).abs() < 2e-3 && (v + 1.5).abs() < 2e-3, "{value} {u} {v}");
        // A single place has no slope.
        assert_eq!(plane_through(&[([0.1, 0.2], 0.7)], [0.1, 0.2]), [0.7, 0.0, 0.0]);
        assert_eq!(plane_through(&[], [0.0; 2]), [0.0; 3]);
    }

    #[test]
    fn the_tail_of_a_normal_distribution() {
        for (x, wanted) in [(0.0, 0.5), (1.0, 0.158_66), (-1.0, 0.841_34), (2.0, 0.022_75), (-3.0, 0.998_65)] {
            assert!((upper_tail(x) - wanted).abs() < 2e-4, "{x}: {}", upper_tail(x));
        }
        assert_eq!(upper_tail(60.0), 1.0 / (1.0 + 40.0_f64.exp()));
    }
}
