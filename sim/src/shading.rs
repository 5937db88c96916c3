//! What a surface looks like under the lamps: the reference in plain Rust that ground truth uses and the shader repeats.
//!
//! Radiances are relative: 1.0 is a white diffuse surface that faces a lamp of intensity 1 from the lamp's own target.

use std::f64::consts::PI;

use hardware_hal::glam::DVec3;

use crate::spec::LampSpec;

/// Radius of a lamp's luminous disc, m: the width of its penumbra.
pub const LAMP_RADIUS: f64 = 0.035;

/// Share of light that a polariser before the lens lets through: half of what paper scatters, which is no longer polarised.
pub const ANALYSER_PASSES: f64 = 0.5;

/// Share of a polarised lamp's mirror image that a crossed polariser leaves, relative to [`ANALYSER_PASSES`] (an extinction of 100 : 1, assumption).
pub const CROSSED_LEAVES: f64 = 0.02;

/// Share of a lamp's mirrored light that arrives, relative to its scattered light: a mirror keeps polarisation, paper does not.
pub fn mirrored_share(lamp: &LampSpec, analyser: bool) -> f64 {
    if analyser && lamp.polarised { CROSSED_LEAVES } else { 1.0 }
}

/// Standard deviation of the varnish's slope: angle between half vector and normal, rad.
pub const VARNISH_SIGMA: f64 = 0.05;

/// Share of the beam's half angle within which it is at full strength; from there it falls smoothly to nothing at the half angle.
pub const BEAM_CORE: f64 = 0.7;

/// What leaves a surface towards the eye.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shaded {
    /// Light scattered by board and ink.
    pub diffuse: f64,
    /// Light mirrored by the varnish.
    pub specular: f64,
}

impl Shaded {
    /// Both together.
    pub fn total(self) -> f64 {
        self.diffuse + self.specular
    }
}

/// Radiance of a white diffuse surface at `point` that faces the lamp, unobstructed: inverse square law and soft-edged beam, 1 × intensity at the target.
pub fn facing_radiance(lamp: &LampSpec, point: DVec3) -> f64 {
    let (nominal, distance) = ((lamp.target - lamp.position).length_squared(), (point - lamp.position).length_squared());
    if nominal <= 0.0 || distance <= 0.0 {
        return 0.0;
    }
    lamp.intensity * nominal / distance * beam_share(lamp, point)
}

/// Share of a lamp's beam at a point: [`beam`] of the angle between the lamp's axis and the way to the point.
pub fn beam_share(lamp: &LampSpec, point: DVec3) -> f64 {
    let (axis, ray) = (lamp.target - lamp.position, point - lamp.position);
    let lengths = (axis.length_squared() * ray.length_squared()).sqrt();
    if lengths <= 0.0 {
        return 0.0;
    }
    beam((axis.dot(ray) / lengths).clamp(-1.0, 1.0).acos(), lamp.beam_half_angle)
}

/// Share of a beam of half angle `half_angle` at `off_axis` from its axis, both rad: 1 in the core, a cubic fall-off to 0 at the half angle.
pub fn beam(off_axis: f64, half_angle: f64) -> f64 {
    let core = BEAM_CORE * half_angle;
    let t = ((half_angle - off_axis) / (half_angle - core).max(1e-9)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Radiance of a white diffuse surface at `point` with unit normal `normal` under one lamp, unobstructed.
pub fn diffuse_white(lamp: &LampSpec, point: DVec3, normal: DVec3) -> f64 {
    let cosine = normal.dot((lamp.position - point).normalize_or_zero()).max(0.0);
    cosine * facing_radiance(lamp, point)
}

/// Share of light at an angle of this cosine that enters varnish (and, on its way out, leaves it), relative to light at a right angle to it: what paper
/// below varnish scatters is weaker at a slant by what the varnish mirrors (Fresnel's formulas for the index that mirrors `gloss` at a right angle, light
/// not polarised). 1 for what has none.
pub fn enters(cosine: f64, gloss: f64) -> f64 {
    if gloss <= 0.0 {
        return 1.0;
    }
    let root = gloss.min(0.99).sqrt();
    let index = (1.0 + root) / (1.0 - root);
    let cosine = cosine.clamp(0.0, 1.0);
    let within = (1.0 - (1.0 - cosine * cosine) / (index * index)).sqrt();
    let parallel = (index * cosine - within) / (index * cosine + within);
    let crossed = (cosine - index * within) / (cosine + index * within);
    (1.0 - (parallel * parallel + crossed * crossed) / 2.0) / (1.0 - root * root)
}

/// The same of evenly spread light: ∫ 2c · [`enters`] dc.
pub fn spread_enters(gloss: f64) -> f64 {
    const RINGS: usize = 64;
    let ring = |i: usize| (i as f64 + 0.5) / RINGS as f64;
    (0..RINGS).map(|i| 2.0 * ring(i) * enters(ring(i), gloss)).sum::<f64>() / RINGS as f64
}

/// Share of light that varnish mirrors at an angle of this cosine where it mirrors `gloss` at a right angle: all that does not [enter](enters). (Schlick's
/// formula has ten times too much at a slant where the index is near 1.)
pub fn fresnel(cosine: f64, gloss: f64) -> f64 {
    1.0 - enters(cosine, gloss) * (1.0 - gloss.clamp(0.0, 0.99))
}

/// Radiance mirrored by varnish of reflectance `gloss` at normal incidence, under one lamp, unobstructed.
///
/// Microfacet model (Torrance & Sparrow 1967, shadowing left out): F·D·E / (4 cos θ_eye) with Fresnel's term F and a Gaussian slope
/// distribution D(δ) = exp(−δ²/2σ²)/(2πσ²), δ the angle between half vector and normal; E = π × [`facing_radiance`].
pub fn varnish(lamp: &LampSpec, point: DVec3, normal: DVec3, to_eye: DVec3, gloss: f64) -> f64 {
    let to_lamp = (lamp.position - point).normalize_or_zero();
    let (cos_eye, cos_lamp) = (normal.dot(to_eye), normal.dot(to_lamp));
    if gloss <= 0.0 || cos_eye <= 0.0 || cos_lamp <= 0.0 {
        return 0.0;
    }
    let half = (to_lamp + to_eye).normalize_or_zero();
    let delta = normal.dot(half).clamp(-1.0, 1.0).acos();
    let variance = VARNISH_SIGMA * VARNISH_SIGMA;
    let lobe = (-delta * delta / (2.0 * variance)).exp() / (2.0 * PI * variance);
    fresnel(half.dot(to_eye), gloss) * lobe * PI * facing_radiance(lamp, point) / (4.0 * cos_eye.max(0.05))
}

/// Radiance of a surface at `point` (rig frame, m) with unit normal `normal`, seen from the unit direction `to_eye`.
///
/// `lamps` are the lamps with the share each is lit with; multiply a share by the lamp's visibility from `point` for shadows. `ambient` is
/// `TwinSpec::ambient`, `albedo` the diffuse reflectance, `gloss` the varnish's reflectance at normal incidence, `analyser` whether a crossed polariser
/// stands before the lens (whose loss of light is the lens's, not the surface's).
#[expect(clippy::too_many_arguments)] // A point, what it is made of, and what lights it.
pub fn radiance<'a>(
    point: DVec3,
    normal: DVec3,
    to_eye: DVec3,
    albedo: f64,
    gloss: f64,
    lamps: impl IntoIterator<Item = (&'a LampSpec, f64)>,
    ambient: f64,
    analyser: bool,
) -> Shaded {
    let leaves = enters(normal.dot(to_eye), gloss);
    let room = if ambient > 0.0 { spread_enters(gloss) * ambient } else { 0.0 };
    // The open room, mirrored.
    let around = if gloss > 0.0 { fresnel(normal.dot(to_eye), gloss) * ambient } else { 0.0 };
    let mut shaded = Shaded { diffuse: albedo * leaves * room, specular: around };
    for (lamp, share) in lamps {
        let cosine = normal.dot((lamp.position - point).normalize_or_zero());
        shaded.diffuse += albedo * leaves * enters(cosine, gloss) * share * diffuse_white(lamp, point, normal);
        shaded.specular += share * mirrored_share(lamp, analyser) * varnish(lamp, point, normal, to_eye, gloss);
    }
    shaded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lamp() -> LampSpec {
        LampSpec {
            name: "key".into(),
            position: DVec3::new(0.0, 0.0, 2.0),
            target: DVec3::ZERO,
            beam_half_angle: 0.5,
            intensity: 0.8,
            parts: 1,
            polarised: false,
            colour: Default::default(),
        }
    }

    #[test]
    fn a_white_surface_at_the_target_shows_the_intensity() {
        let lamp = lamp();
        let shaded = radiance(DVec3::ZERO, DVec3::Z, DVec3::X, 1.0, 0.0, [(&lamp, 1.0)], 0.05, false);
        assert!((shaded.total() - 0.85).abs() < 1e-12, "{shaded:?}");
        // Twice as far: a quarter of the lamp's part. Turned by 60°: half of it.
        let far = diffuse_white(&lamp, DVec3::new(0.0, 0.0, -2.0), DVec3::Z);
        assert!((far - 0.2).abs() < 1e-12);
        let tilted = diffuse_white(&lamp, DVec3::ZERO, DVec3::new(3f64.sqrt() / 2.0, 0.0, 0.5));
        assert!((tilted - 0.4).abs() < 1e-12);
        assert_eq!(diffuse_white(&lamp, DVec3::ZERO, DVec3::NEG_Z), 0.0);
    }

    #[test]
    fn crossed_polarisers_take_the_mirror_image_and_leave_the_print() {
        let lamp = LampSpec { polarised: true, ..lamp() };
        let seen = |analyser| radiance(DVec3::ZERO, DVec3::Z, DVec3::Z, 0.6, 0.05, [(&lamp, 1.0)], 0.0, analyser);
        let (open, crossed) = (seen(false), seen(true));
        assert_eq!(open.diffuse, crossed.diffuse);
        assert!((crossed.specular / open.specular - CROSSED_LEAVES).abs() < 1e-12 && open.specular > 1.0, "{open:?} {crossed:?}");
    }

    #[test]
    fn varnish_keeps_light_out_at_a_slant() {
        // Index 1.5 mirrors 4 % at a right angle and 8.919 % at 60° (Hecht, Optics, section 4.6), and 9.18 % of evenly spread light (Walsh 1926).
        let at_60 = (1.0 - 0.089_19) / 0.96;
        let lamp = LampSpec { position: DVec3::new(3f64.sqrt(), 0.0, 1.0), ..lamp() };
        let seen = |gloss| radiance(DVec3::ZERO, DVec3::Z, DVec3::Z, 1.0, gloss, [(&lamp, 1.0)], 0.0, false).diffuse;
        assert!((seen(0.0) - 0.4).abs() < 1e-12);
        assert!((seen(0.04) - 0.4 * at_60).abs() < 1e-5, "{}", seen(0.04));
        let room = |gloss| radiance(DVec3::ZERO, DVec3::Z, DVec3::new(3f64.sqrt(), 0.0, 1.0) / 2.0, 1.0, gloss, [], 0.1, false).diffuse;
        assert!((room(0.04) / room(0.0) - (1.0 - 0.0918) / 0.96 * at_60).abs() < 5e-4, "{}", room(0.04) / room(0.0));
        assert!((enters(1.0, 0.04) - 1.0).abs() < 1e-12 && enters(0.0, 0.04).abs() < 1e-12);
        assert!((spread_enters(0.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_beam_ends_softly() {
        assert_eq!(beam(0.0, 0.5), 1.0);
        assert_eq!(beam(0.5 * BEAM_CORE, 0.5), 1.0);
        assert!((beam(0.5 * (1.0 + BEAM_CORE) / 2.0, 0.5) - 0.5).abs() < 1e-12);
        assert_eq!(beam(0.5, 0.5), 0.0);
    }

    #[test]
    fn glare_stands_in_the_mirror_direction_and_nowhere_else() {
        let lamp = LampSpec { position: DVec3::new(1.0, 0.0, 1.0), ..lamp() };
        let mirror = DVec3::new(-1.0, 0.0, 1.0).normalize();
        let at = |to_eye| varnish(&lamp, DVec3::ZERO, DVec3::Z, to_eye, 0.05);
        let peak = at(mirror);
        // F(45°)·I/(8σ² cos 45°), by hand.
        // By the angles on both sides of the surface (Born & Wolf, Principles of Optics, section 1.5.2).
        let index = (1.0 + 0.05f64.sqrt()) / (1.0 - 0.05f64.sqrt());
        let (outside, within) = (PI / 4.0, (0.5f64.sqrt() / index).asin());
        let crossed = (outside - within).sin() / (outside + within).sin();
        let parallel = (outside - within).tan() / (outside + within).tan();
        let fresnel = (crossed * crossed + parallel * parallel) / 2.0;
        assert!((peak - fresnel * 0.8 / (8.0 * VARNISH_SIGMA.powi(2) * 0.5f64.sqrt())).abs() < 1e-9);
        assert!(at(DVec3::Z) < 1e-9 * peak);
        assert_eq!(varnish(&lamp, DVec3::ZERO, DVec3::Z, mirror, 0.0), 0.0);
        // Two standard deviations of the half vector are four of the eye.
        let four_sigma = DVec3::new(-(PI / 4.0 - 4.0 * VARNISH_SIGMA).sin(), 0.0, (PI / 4.0 - 4.0 * VARNISH_SIGMA).cos());
        let ratio = at(four_sigma) / peak;
        assert!((0.10..0.16).contains(&ratio), "{ratio}");
    }
}
