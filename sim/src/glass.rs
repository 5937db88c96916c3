//! A glass plate: what a plane-parallel pane does to the light that goes through it, and what its surfaces mirror.
//!
//! A ray leaves a plane-parallel pane in the direction in which it entered, moved sideways by t·sin θ·(1 − cos θ/√(n² − sin²θ)). For what is seen through
//! it, that is the same as an eye raised towards the pane by δ(θ) = t·(1 − tan θ'/tan θ) along the pane's normal (θ' the angle in the glass): every point
//! above the pane lies on the straight line from the raised eye. So everything that casts rays (shadows, visibility, glare) goes on doing so, from the raised place.
//!
//! Light comes from below to above (and back) through the pane only: what surrounds it is opaque. From above, what lies below is drawn without its shift
//! (2 mm or so, of a bare floor).

use std::sync::Arc;

use hardware_hal::glam::{DVec2, DVec3};
use hardware_hal::{Calibration, rig_from_plate};

use crate::random::Streams;
use crate::shading::{LAMP_RADIUS, beam_share, mirrored_share};
use crate::spec::{GlassSpec, LampSpec, PlateSpec, TwinSpec};

/// Share of the light that full dirt keeps back (fingerprints and dust, assumption).
pub const DIRT_KEEPS: f64 = 0.5;

/// Diffuse reflectance of full dirt (assumption).
pub const DIRT_ALBEDO: f64 = 0.25;

/// Samples of the dirt across the plate.
const DIRT_SAMPLES: usize = 2048;

/// Steps of the newton iteration for the ray from an eye below to a point above: it converges in three or four.
const STEPS: usize = 12;

/// What an interface of the pane makes of light of one polarisation, and the pane as a whole, reflections back and forth included.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shares {
    /// What comes out on the other side.
    pub through: f64,
    /// What the first surface mirrors.
    pub front: f64,
    /// What comes back from the other surface.
    pub back: f64,
}

/// A plane-parallel pane whose upper surface lies at z = 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pane {
    /// The glass.
    pub glass: GlassSpec,
    /// Radius of what can be seen through, m.
    pub radius: f64,
}

impl Pane {
    /// A plate's pane, if it is of glass.
    pub fn of(plate: &PlateSpec) -> Option<Self> {
        plate.glass.map(|glass| Self { glass, radius: plate.radius })
    }

    /// Whether a place is below the pane. What touches it from above may have sunk in by a hair.
    pub fn is_below(&self, place: DVec3) -> bool {
        place.z < -self.glass.thickness / 2.0
    }

    /// How far an eye is raised for rays of this tan² θ, m: t·(1 − 1/√(n² + (n² − 1)·tan²θ)).
    pub fn raise(&self, tan_squared: f64) -> f64 {
        let n2 = self.glass.index * self.glass.index;
        self.glass.thickness * (1.0 - 1.0 / (n2 + (n2 - 1.0) * tan_squared).sqrt())
    }

    /// How far a place below is raised for what comes from it to a point above, m; 0 where both are on the same side.
    pub fn raised_by(&self, below: DVec3, above: DVec3) -> f64 {
        if !self.is_below(below) || self.is_below(above) {
            return 0.0;
        }
        let (reach, height) = ((above - below).truncate().length(), above.z - below.z);
        // (H − t)·x + t·x/√(n² + (n² − 1)·x²) = r, by Newton's method; the left side rises and bends down only gently.
        let (t, n2) = (self.glass.thickness, self.glass.index * self.glass.index);
        let mut x = reach / (height - self.raise(0.0)).max(1e-9);
        for _ in 0..STEPS {
            let root = (n2 + (n2 - 1.0) * x * x).sqrt();
            let miss = (height - t) * x + t * x / root - reach;
            let step = miss / (height - t + t * n2 / (root * root * root));
            x = (x - step).max(0.0);
            if step.abs() < 1e-14 {
                break;
            }
        }
        self.raise(x * x)
    }

    /// The place from which a straight line leads to `point` in the direction in which light from `place` arrives there.
    pub fn raised(&self, place: DVec3, point: DVec3) -> DVec3 {
        place + DVec3::Z * self.raised_by(place, point)
    }

    /// Fresnel's equations for both surfaces and the way between, unpolarised light, without interference.
    pub fn shares(&self, cosine: f64) -> Shares {
        let (n, cosine) = (self.glass.index, cosine.clamp(0.0, 1.0));
        let inside = (1.0 - (1.0 - cosine * cosine) / (n * n)).sqrt();
        let across = ((cosine - n * inside) / (cosine + n * inside)).powi(2);
        let along = ((n * cosine - inside) / (n * cosine + inside)).powi(2);
        let kept = libm::pow(self.glass.transmission, 1.0 / inside);
        let mut shares = Shares::default();
        for r in [across, along] {
            let all = 1.0 - r * r * kept * kept;
            // At grazing angles nothing enters.
            let entered = (1.0 - r) * (1.0 - r) / all.max(1e-12);
            shares.through += 0.5 * entered * kept;
            shares.front += 0.5 * r;
            shares.back += 0.5 * entered * r * kept * kept;
        }
        shares
    }

    /// Share of evenly spread light that gets through.
    pub fn diffuse_through(&self) -> f64 {
        const RINGS: usize = 64;
        let ring = |i: usize| (i as f64 + 0.5) / RINGS as f64;
        (0..RINGS).map(|i| 2.0 * ring(i) * self.shares(ring(i)).through).sum::<f64>() / RINGS as f64
    }

    /// What of the light on the straight way between two places (the lower one raised) gets through the plate: 1 where both are on the same side, 0 past the
    /// pane's edge. Dirt not counted.
    pub fn passes(&self, from: DVec3, to: DVec3) -> f64 {
        if self.is_below(from) == self.is_below(to) {
            return 1.0;
        }
        let step = to - from;
        let crossing = from + step * (-from.z / step.z).clamp(0.0, 1.0);
        if crossing.truncate().length_squared() > self.radius * self.radius {
            return 0.0;
        }
        self.shares(step.z.abs() / step.length()).through
    }
}

/// A camera, and the pane that it looks through if it stands below one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// The camera.
    pub calibration: Calibration,
    /// The pane, for a camera below.
    pub pane: Option<Pane>,
    eye: DVec3,
}

impl Sight {
    /// A camera beside a plate.
    pub fn new(plate: &PlateSpec, calibration: &Calibration) -> Self {
        Self::through(Pane::of(plate), calibration)
    }

    /// The same by the pane.
    pub fn through(pane: Option<Pane>, calibration: &Calibration) -> Self {
        let eye = calibration.eye();
        Self { calibration: *calibration, pane: pane.filter(|pane| pane.is_below(eye)), eye }
    }

    /// Where a straight line of sight to a point begins.
    pub fn eye(&self, point: DVec3) -> DVec3 {
        self.pane.map_or(self.eye, |pane| pane.raised(self.eye, point))
    }

    /// The point that a pinhole without the pane would see where the camera sees `point`.
    pub fn apparent(&self, point: DVec3) -> DVec3 {
        self.pane.map_or(point, |pane| point - DVec3::Z * pane.raised_by(self.eye, point))
    }

    /// Pixel of a point in the rig frame; `None` for points in or behind the camera's plane.
    pub fn project(&self, point: DVec3) -> Option<DVec2> {
        self.calibration.project(self.apparent(point))
    }
}

/// Specks and smears on the plate, by place on it: 0 clean, 1 full.
#[derive(Debug, Clone, PartialEq)]
pub struct Dirt {
    radius: f64,
    samples: Vec<u8>,
    mean: f64,
}

impl Dirt {
    /// Draws specks of 0.1 to 0.8 mm and smears as long as a finger's stroke, until `glass.dirt` of the plate is covered on average. Nothing for a clean plate.
    pub fn draw(pane: &Pane, seed: u64) -> Option<Self> {
        let wanted = pane.glass.dirt;
        if wanted <= 0.0 {
            return None;
        }
        let mut random = Streams::new(seed).stream("plate dirt", &[]);
        let mut samples = vec![0.0f32; DIRT_SAMPLES * DIRT_SAMPLES];
        let per_metre = DIRT_SAMPLES as f64 / (2.0 * pane.radius);
        let all = samples.len() as f64;
        let mut covered = 0.0;
        // Half of it in smears, the rest in specks; each adds to what is clean yet, so that nothing exceeds 1.
        for (share, smear) in [(0.5, true), (1.0, false)] {
            while covered < share * wanted.min(0.95) * all {
                let at = [0, 1].map(|_| random.unit() * DIRT_SAMPLES as f64);
                let (turn, strength) = (random.uniform(0.0, std::f64::consts::PI), random.uniform(0.3, 1.0));
                let size = libm::pow(8.0, random.unit());
                let [long, wide] = if smear { [6e-3 * size.sqrt(), 2e-3 * size.sqrt()] } else { [0.05e-3 * size; 2] };
                let (sin, cos) = (libm::sin(turn), libm::cos(turn));
                let sigma = [long, wide].map(|s| (s * per_metre).max(0.4));
                let reach = (3.0 * sigma[0]).ceil() as i64;
                for y in -reach..=reach {
                    for x in -reach..=reach {
                        let (column, row) = (at[0] as i64 + x, at[1] as i64 + y);
                        if !(0..DIRT_SAMPLES as i64).contains(&column) || !(0..DIRT_SAMPLES as i64).contains(&row) {
                            continue;
                        }
                        let (x, y) = (x as f64, y as f64);
                        let d = ((x * cos + y * sin) / sigma[0]).powi(2) + ((y * cos - x * sin) / sigma[1]).powi(2);
                        let cover = if smear { 0.4 * strength * libm::exp(-d / 2.0) } else { strength * libm::exp(-d / 2.0) };
                        let sample = &mut samples[row as usize * DIRT_SAMPLES + column as usize];
                        let more = (1.0 - *sample) * cover as f32;
                        *sample += more;
                        covered += f64::from(more);
                    }
                }
            }
        }
        let samples: Vec<u8> = samples.into_iter().map(|s| (s * 255.0).round() as u8).collect();
        let mean = samples.iter().map(|s| f64::from(*s)).sum::<f64>() / (255.0 * all);
        Some(Self { radius: pane.radius, samples, mean })
    }

    /// Mean cover.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Cover at a place of the plate (its own frame, m).
    pub fn at(&self, place: DVec2) -> f64 {
        let last = (DIRT_SAMPLES - 1) as f64;
        let [x, y] = [place.x, place.y].map(|p| ((p / self.radius + 1.0) / 2.0 * DIRT_SAMPLES as f64 - 0.5).clamp(0.0, last - 1e-6));
        let first = y as usize * DIRT_SAMPLES + x as usize;
        let sample = |offset: usize| f64::from(self.samples[first + offset]) / 255.0;
        let (s, t) = (x.fract(), y.fract());
        let [top, bottom] = [0, DIRT_SAMPLES].map(|row| sample(row) * (1.0 - s) + sample(row + 1) * s);
        top * (1.0 - t) + bottom * t
    }
}

/// A glass plate as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Glass {
    /// The pane.
    pub pane: Pane,
    /// What is on it.
    pub dirt: Option<Arc<Dirt>>,
}

impl Glass {
    /// The plate of a spec, if it is of glass.
    pub fn of(spec: &TwinSpec) -> Option<Self> {
        let pane = Pane::of(&spec.plate)?;
        Some(Self { pane, dirt: Dirt::draw(&pane, spec.seed).map(Arc::new) })
    }

    /// As [`Pane::passes`], through dirt of the mean cover: what arrives from a lamp, whose light a speck hardly shades.
    pub fn passes(&self, from: DVec3, to: DVec3) -> f64 {
        if self.pane.is_below(from) == self.pane.is_below(to) {
            return 1.0;
        }
        self.pane.passes(from, to) * (1.0 - DIRT_KEEPS * self.dirt.as_ref().map_or(0.0, |dirt| dirt.mean()))
    }

    /// Cover of dirt at a place in the rig frame with the plate at an angle.
    pub fn cover(&self, place: DVec2, angle_rad: f64) -> f64 {
        self.dirt.as_ref().map_or(0.0, |dirt| dirt.at(rig_from_plate(-angle_rad).transform_point(place.extend(0.0)).truncate()))
    }
}

/// The radiance of a lamp's luminous body, seen from within its beam, at full share: what makes the intensity that its spec states, of a sphere of
/// [`LAMP_RADIUS`].
pub fn lamp_radiance(lamp: &LampSpec) -> f64 {
    lamp.intensity * (lamp.target - lamp.position).length_squared() / (LAMP_RADIUS * LAMP_RADIUS)
}

/// Share of a pixel around a unit direction of sight that a lamp's body around `centre` fills; `pixel` is a pixel's angle, rad.
fn filled(eye: DVec3, ray: DVec3, centre: DVec3, pixel: f64) -> f64 {
    let to = centre - eye;
    let along = to.dot(ray);
    if along <= 0.0 {
        return 0.0;
    }
    let beside = (to - ray * along).length();
    ((LAMP_RADIUS - beside) / (pixel * along) + 0.5).clamp(0.0, 1.0)
}

/// Where the ray from an eye in a unit direction of sight meets the upper surface, as one sees it, and by how much the pane raises or lowers what is behind; nothing
/// where it goes past the pane.
pub fn crossing(pane: &Pane, eye: DVec3, ray: DVec3) -> Option<(DVec3, f64)> {
    let below = pane.is_below(eye);
    if (below && ray.z <= 1e-9) || (!below && ray.z >= -1e-9) {
        return None;
    }
    let raise = pane.raise((1.0 - ray.z * ray.z).max(0.0) / (ray.z * ray.z));
    let from = if below { eye + DVec3::Z * raise } else { eye };
    let at = from - ray * (from.z / ray.z);
    (at.truncate().length_squared() <= pane.radius * pane.radius).then_some((at, raise))
}

/// The places at which a lamp is seen in the pane, and the share of its light that comes from there: its mirror images in both surfaces where it is on the eye's side,
/// itself where it is on the other.
fn images(pane: &Pane, eye: DVec3, ray_up: f64, raise: f64, shares: &Shares, lamp: DVec3) -> [(DVec3, f64); 2] {
    let below = pane.is_below(eye);
    let t = pane.glass.thickness;
    if pane.is_below(lamp) != below {
        return [(lamp - DVec3::Z * (raise * ray_up), shares.through), (lamp, 0.0)];
    }
    let face = if below { -t } else { 0.0 };
    let front = DVec3::new(lamp.x, lamp.y, 2.0 * face - lamp.z);
    [(front, shares.front), (front + DVec3::Z * (2.0 * (t - raise) * ray_up), shares.back)]
}

/// Radiance of a lamp that an eye sees in or through the pane along a unit direction of sight; `hidden` leaves out what is seen through it.
pub fn lamp_in_pane(pane: &Pane, eye: DVec3, ray: DVec3, lamp: &LampSpec, pixel: f64, hidden: bool) -> f64 {
    let Some((at, raise)) = crossing(pane, eye, ray) else { return 0.0 };
    if hidden && pane.is_below(lamp.position) != pane.is_below(eye) {
        return 0.0;
    }
    let shares = pane.shares(ray.z.abs());
    let seen = images(pane, eye, ray.z.signum(), raise, &shares, lamp.position);
    let share: f64 = seen.iter().filter(|(_, share)| *share > 0.0).map(|(place, share)| share * filled(eye, ray, *place, pixel)).sum();
    if share > 0.0 { share * lamp_radiance(lamp) * beam_share(lamp, at) } else { 0.0 }
}

/// The places of a lamp's images for a camera, for looking up where in the picture they may be.
pub fn image_places(pane: &Pane, eye: DVec3, lamp: &LampSpec) -> [DVec3; 2] {
    let up = if pane.is_below(eye) { 1.0 } else { -1.0 };
    images(pane, eye, up, pane.raise(0.25), &pane.shares(1.0), lamp.position).map(|(place, _)| place)
}

/// Radiance that the pane mirrors of lamps (with the share each is lit with) into an eye, along a unit direction of sight.
pub fn mirrored<'a>(pane: &Pane, eye: DVec3, ray: DVec3, lamps: impl IntoIterator<Item = (&'a LampSpec, f64)>, analyser: bool) -> f64 {
    let one = |(lamp, share)| share * mirrored_share(lamp, analyser) * lamp_in_pane(pane, eye, ray, lamp, 1e-4, true);
    lamps.into_iter().map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pane(thickness: f64, index: f64, transmission: f64) -> Pane {
        Pane { glass: GlassSpec { thickness, index, transmission, dirt: 0.0 }, radius: 0.2 }
    }

    #[test]
    fn rays_are_shifted_as_snell_says() {
        let pane = pane(0.008, 1.52, 1.0);
        for theta in [0.0, 0.2, 0.7, 1.2] {
            let (sin, cos) = (libm::sin(theta), libm::cos(theta));
            let shift = 0.008 * sin * (1.0 - cos / (1.52f64 * 1.52 - sin * sin).sqrt());
            // A shift at right angles to the ray is one of shift ÷ sin θ along the normal.
            let raise = pane.raise((sin / cos).powi(2));
            assert!((raise * sin - shift).abs() < 1e-15, "{theta}: {raise}");
        }
        // And the ray from an eye below meets the point: 300 mm of air, glass, 20 mm of air.
        let theta: f64 = 0.8;
        let inside = libm::asin(libm::sin(theta) / 1.52);
        let reach = (0.3 + 0.02) * libm::tan(theta) + 0.008 * libm::tan(inside);
        let (eye, point) = (DVec3::new(0.0, 0.0, -0.308), DVec3::new(0.0, reach, 0.02));
        let straight = point - pane.raised(eye, point);
        assert!((straight.truncate().length() / straight.z - libm::tan(theta)).abs() < 1e-12, "{straight}");
        assert_eq!(pane.raised(point, eye), point, "what is above is not raised");
    }

    #[test]
    fn energy_is_kept() {
        // By hand: r = (0.5/2.5)² = 0.04 at normal incidence; (1 − r)²/(1 − r²) = 0.96/1.04.
        let clear = pane(0.008, 1.5, 1.0).shares(1.0);
        assert!((clear.through - 0.96 / 1.04).abs() < 1e-12 && (clear.front - 0.04).abs() < 1e-12, "{clear:?}");
        assert!((clear.through + clear.front + clear.back - 1.0).abs() < 1e-12);
        // 90 % through the glass: 0.96²·0.9/(1 − 0.0016·0.81).
        let grey = pane(0.008, 1.5, 0.9).shares(1.0);
        assert!((grey.through - 0.96 * 0.96 * 0.9 / (1.0 - 0.0016 * 0.81)).abs() < 1e-12, "{grey:?}");
        for cosine in [0.9, 0.5, 0.2, 0.01, 0.0] {
            let s = pane(0.008, 1.52, 1.0).shares(cosine);
            assert!((s.through + s.front + s.back - 1.0).abs() < 1e-9, "{cosine}: {s:?}");
        }
        // Brewster's angle: nothing of what is polarised along is mirrored; of the other, ((n² − 1)/(n² + 1))².
        let brewster = libm::cos(libm::atan(1.5));
        assert!((pane(0.008, 1.5, 1.0).shares(brewster).front - 0.5 * (1.25f64 / 3.25).powi(2)).abs() < 1e-12);
        assert_eq!(pane(0.008, 1.0, 1.0).shares(0.3).through, 1.0, "glass of index 1 is air");
        let diffuse = pane(0.008, 1.52, 1.0).diffuse_through();
        // 1 − 0.092 for one surface of index 1.52 (Walsh 1926), both with their reflections back and forth: (1 − ρ)/(1 + ρ).
        assert!((diffuse - 0.835).abs() < 0.02, "{diffuse}");
    }

    #[test]
    fn light_gets_up_through_the_pane_only() {
        let pane = pane(0.01, 1.5, 1.0);
        let (lamp, above) = (DVec3::new(0.0, 0.0, -0.4), DVec3::new(0.0, 0.0, 0.02));
        assert!((pane.passes(lamp, above) - 0.96 / 1.04).abs() < 1e-12);
        assert_eq!(pane.passes(above, lamp), pane.passes(lamp, above));
        assert_eq!(pane.passes(DVec3::new(0.5, 0.0, -0.1), DVec3::new(0.5, 0.0, 0.1)), 0.0, "beside it");
        assert_eq!(pane.passes(above, DVec3::new(0.0, 0.0, 1.0)), 1.0);
    }

    #[test]
    fn dirt_is_as_much_as_was_asked_for_and_the_seeds_own() {
        let mut pane = pane(0.006, 1.52, 0.98);
        assert_eq!(Dirt::draw(&pane, 1), None);
        pane.glass.dirt = 0.05;
        let dirt = Dirt::draw(&pane, 1).unwrap();
        assert!((dirt.mean() - 0.05).abs() < 0.005, "{}", dirt.mean());
        assert_eq!(Dirt::draw(&pane, 1).unwrap(), dirt);
        assert_ne!(Dirt::draw(&pane, 2).unwrap(), dirt);
        // Bilinear between samples: at a sample's centre it is the sample.
        let centre = |i: usize| (2.0 * (i as f64 + 0.5) / DIRT_SAMPLES as f64 - 1.0) * pane.radius;
        let wanted = f64::from(dirt.samples[700 * DIRT_SAMPLES + 900]) / 255.0;
        assert!((dirt.at(DVec2::new(centre(900), centre(700))) - wanted).abs() < 1e-6);
    }
}
