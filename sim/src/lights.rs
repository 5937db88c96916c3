//! Ring, bar, panel and dome lights, as the small lamps that they are made of.
//!
//! A machine-vision light is an array of LEDs behind a diffuser. Here it is an array of lamps some 80 mm apart, each with a beam and a penumbra of its
//! own: shadows and glare come from where the light really is. Intensity is that of the whole light.

use std::f64::consts::{PI, TAU};

use hardware_hal::glam::DVec3;

use crate::shading::diffuse_white;
use crate::spec::LampSpec;
use crate::spectrum::LightColour;

/// Distance of neighbouring lamps of a light that is wanted, m.
const PITCH: f64 = 0.08;

/// Most lamps of one light.
const MOST: usize = 24;

/// Polar angles at which a dome has its lamps, and how many: an opening for the camera is left around its pole.
const DOME: [(f64, usize); 3] = [(0.45, 5), (0.85, 8), (1.25, 11)];

/// The form of a light. Axes are perpendicular to the direction from its position to its target.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum LightShape {
    /// One lamp.
    #[default]
    Spot,
    /// A ring around the light's axis, its lamps aimed at the target.
    Ring {
        /// Diameter, m.
        diameter: f64,
    },
    /// A bar.
    Bar {
        /// Length, m.
        length: f64,
        /// Its direction, made perpendicular to the light's axis.
        along: DVec3,
    },
    /// A panel of lamps that all shine the same way.
    Panel {
        /// Width along `along` and height across it, m.
        size: [f64; 2],
        /// Direction of the width, made perpendicular to the light's axis.
        along: DVec3,
    },
    /// A half sphere whose open rim lies around the position, its lamps aimed at the target.
    Dome {
        /// Diameter, m.
        diameter: f64,
    },
}

/// A light.
#[derive(Debug, Clone, PartialEq)]
pub struct Light {
    /// Name.
    pub name: String,
    /// Its form.
    pub shape: LightShape,
    /// Centre, m.
    pub position: DVec3,
    /// What it points at, m.
    pub target: DVec3,
    /// Half angle of each lamp's beam, rad.
    pub beam_half_angle: f64,
    /// Radiance that a white diffuse surface at the target, facing the light's centre, shows.
    pub intensity: f64,
    /// Whether a polariser stands before it.
    pub polarised: bool,
    /// Its colour.
    pub colour: LightColour,
}

impl Light {
    /// Its lamps.
    pub fn lamps(&self) -> Vec<LampSpec> {
        let axis = (self.target - self.position).normalize_or(DVec3::NEG_Z);
        let places = self.places(axis);
        let lamp = |(position, target)| LampSpec {
            name: self.name.clone(),
            position,
            target,
            beam_half_angle: self.beam_half_angle,
            intensity: 1.0,
            parts: places.len(),
            polarised: self.polarised,
            colour: self.colour,
        };
        let mut lamps: Vec<LampSpec> = places.iter().copied().map(lamp).collect();
        if let [only] = lamps.as_mut_slice() {
            only.intensity = self.intensity;
            return lamps;
        }
        let together: f64 = lamps.iter().map(|lamp| diffuse_white(lamp, self.target, -axis)).sum();
        for lamp in &mut lamps {
            lamp.intensity = if together > 0.0 { self.intensity / together } else { 0.0 };
        }
        lamps
    }

    /// (position, target) of each lamp.
    fn places(&self, axis: DVec3) -> Vec<(DVec3, DVec3)> {
        let across = |along: DVec3| {
            let x = (along - axis * along.dot(axis)).normalize_or(axis.any_orthonormal_vector());
            (x, axis.cross(x))
        };
        let count = |length: f64, least: usize, most: usize| ((length / PITCH).round() as usize).clamp(least, most);
        // Middles of n equal parts of a length around 0.
        let spread = |length: f64, n: usize| (0..n).map(move |i| length * ((i as f64 + 0.5) / n as f64 - 0.5));
        let forward = self.target - self.position;
        match self.shape {
            LightShape::Spot => vec![(self.position, self.target)],
            LightShape::Ring { diameter } => {
                let (x, y) = across(axis.any_orthonormal_vector());
                let n = count(PI * diameter, 6, MOST);
                let at = |i: usize| {
                    let (sin, cos) = (libm::sin(TAU * i as f64 / n as f64), libm::cos(TAU * i as f64 / n as f64));
                    (self.position + (x * cos + y * sin) * (diameter / 2.0), self.target)
                };
                (0..n).map(at).collect()
            }
            LightShape::Bar { length, along } => {
                let (x, _) = across(along);
                spread(length, count(length, 2, 12)).map(|s| (self.position + x * s, self.position + x * s + forward)).collect()
            }
            LightShape::Panel { size: [width, height], along } => {
                let (x, y) = across(along);
                let columns = count(width, 1, 6);
                let rows = count(height, 1, MOST / columns);
                let place = |s, t| self.position + x * s + y * t;
                spread(height, rows)
                    .flat_map(|t| spread(width, columns).map(move |s| (s, t)))
                    .map(|(s, t)| (place(s, t), place(s, t) + forward))
                    .collect()
            }
            LightShape::Dome { diameter } => {
                let (x, y) = across(axis.any_orthonormal_vector());
                let ring = |(polar, n): (f64, usize)| {
                    (0..n).map(move |i| {
                        let angle = TAU * (i as f64 + 0.5) / n as f64;
                        let around = x * libm::cos(angle) + y * libm::sin(angle);
                        (around * libm::sin(polar) - axis * libm::cos(polar)) * (diameter / 2.0)
                    })
                };
                DOME.into_iter().flat_map(ring).map(|offset| (self.position + offset, self.target)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn light(shape: LightShape) -> Light {
        Light {
            name: "light".into(),
            shape,
            position: DVec3::new(0.0, 0.0, 0.7),
            target: DVec3::ZERO,
            beam_half_angle: 1.2,
            intensity: 0.9,
            polarised: false,
            colour: LightColour::REFERENCE,
        }
    }

    #[test]
    fn whatever_its_form_a_light_gives_its_intensity_at_its_target() {
        let along = DVec3::new(1.0, 0.0, 0.3);
        for (shape, count) in [
            (LightShape::Spot, 1),
            (LightShape::Ring { diameter: 0.3 }, 12),
            (LightShape::Bar { length: 0.6, along }, 8),
            (LightShape::Panel { size: [0.4, 0.24], along }, 15),
            (LightShape::Dome { diameter: 1.2 }, 24),
        ] {
            let lamps = light(shape).lamps();
            assert_eq!(lamps.len(), count, "{shape:?}");
            let there: f64 = lamps.iter().map(|lamp| diffuse_white(lamp, DVec3::ZERO, DVec3::Z)).sum();
            assert!((there - 0.9).abs() < 1e-12, "{shape:?} gives {there}");
            assert!(lamps.iter().all(|lamp| lamp.parts == count));
        }
    }

    #[test]
    fn lamps_stand_where_the_form_says() {
        for lamp in light(LightShape::Ring { diameter: 0.3 }).lamps() {
            assert!((lamp.position.truncate().length() - 0.15).abs() < 1e-12 && (lamp.position.z - 0.7).abs() < 1e-12);
            assert_eq!(lamp.target, DVec3::ZERO);
        }
        let bar = light(LightShape::Bar { length: 0.6, along: DVec3::X }).lamps();
        assert!((bar[0].position.x + 0.2625).abs() < 1e-12 && (bar[7].position.x - 0.2625).abs() < 1e-12, "{bar:?}");
        assert!(bar.iter().all(|lamp| (lamp.target.x - lamp.position.x).abs() < 1e-12), "a bar's lamps shine side by side");
        for lamp in light(LightShape::Dome { diameter: 1.2 }).lamps() {
            assert!((lamp.position.distance(DVec3::new(0.0, 0.0, 0.7)) - 0.6).abs() < 1e-12 && lamp.position.z > 0.7, "{lamp:?}");
        }
    }
}
