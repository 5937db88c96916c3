//! What happens while a shutter is open: the plate may turn, the room's lamps may flicker, rows may be exposed one after the other.
//!
//! Such an exposure is the weighted sum of pictures at moments within it. A thing that moves by half a pixel between two pictures leaves a trail that a
//! pixel cannot tell from a steady one: the sum's transfer function differs from the motion's own, sin(πLf)/(πLf), by less than 0.02 up to Nyquist.

use std::f64::consts::TAU;

use hardware_hal::glam::DVec3;
use hardware_hal::{Calibration, rig_from_plate};

use crate::palette::Lighting;
use crate::render::Shot;
use crate::spec::Shutter;

/// Most pictures of one exposure: beyond 128 px of motion the trail gets steps.
const MOST: usize = 256;

/// Pictures per pixel of motion.
const PER_PIXEL: f64 = 2.0;

/// A turntable's way, by time: from rest to rest with a trapezoid of speed (a triangle for short ways).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Travel {
    /// Where it starts, rad.
    pub from: f64,
    /// Where it ends, rad.
    pub to: f64,
    /// Greatest speed, rad/s.
    pub speed: f64,
    /// Acceleration and deceleration, rad/s².
    pub acceleration: f64,
}

impl Travel {
    /// No way at all.
    pub fn rest(angle: f64) -> Self {
        Self { from: angle, to: angle, speed: 1.0, acceleration: 1.0 }
    }

    /// Time for speeding up, the same again for slowing down, and the time between, s.
    fn phases(&self) -> [f64; 2] {
        let way = (self.to - self.from).abs();
        let up = (self.speed / self.acceleration).min((way / self.acceleration).sqrt());
        [up, if up < self.speed / self.acceleration { 0.0 } else { way / self.speed - up }]
    }

    /// How long it takes, s.
    pub fn seconds(&self) -> f64 {
        let [up, even] = self.phases();
        2.0 * up + even
    }

    /// Angle at a time from its start, s; before and after it rests.
    pub fn angle(&self, time: f64) -> f64 {
        let [up, even] = self.phases();
        let t = time.clamp(0.0, 2.0 * up + even);
        let a = self.acceleration;
        let way = if t < up {
            0.5 * a * t * t
        } else if t < up + even {
            0.5 * a * up * up + a * up * (t - up)
        } else {
            let left = 2.0 * up + even - t;
            (self.to - self.from).abs() - 0.5 * a * left * left
        };
        self.from + way.copysign(self.to - self.from)
    }
}

/// Flicker of the room's lamps: their light swings by ± `depth` around its mean, at twice the mains' frequency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flicker {
    /// Of the mains, Hz.
    pub mains_hz: f64,
    /// Share of the mean, 0 to 1.
    pub depth: f64,
}

impl Flicker {
    /// Mean of the light over a span of time (s), relative to its overall mean.
    pub fn mean(&self, from: f64, to: f64) -> f64 {
        let omega = TAU * 2.0 * self.mains_hz;
        if to - from < 1e-12 {
            return 1.0 + self.depth * libm::sin(omega * from);
        }
        1.0 + self.depth * (libm::cos(omega * from) - libm::cos(omega * to)) / (omega * (to - from))
    }
}

/// One picture of an exposure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The plate's angle, rad.
    pub angle_rad: f64,
    /// Share of the ambient light.
    pub ambient_share: f64,
    /// From when to when it stands for the scene, s from the start of the first row's exposure.
    span: [f64; 2],
}

/// An exposure as pictures and their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposing {
    /// In the order of time; one at least.
    pub parts: Vec<Part>,
    /// Angle at which light is cast for all of them, rad: in the middle.
    pub middle_rad: f64,
    exposure_s: f64,
    line_time_s: f64,
    /// Of a still scene whose rows see the lamps at different moments: the flicker and the clock at the start. Light adds up, so two pictures with
    /// different shares of it give every row's.
    bands: Option<(Flicker, f64)>,
}

impl Exposing {
    /// Cuts an exposure into parts. `travel` and the clock of the lamps both start `since` seconds before the exposure.
    pub fn new(
        calibration: &Calibration,
        plate_radius: f64,
        travel: &Travel,
        flicker: Option<Flicker>,
        [since, clock]: [f64; 2],
        exposure_s: f64,
        shutter: Shutter,
    ) -> Self {
        let rows = f64::from(calibration.intrinsics.size_px[1]);
        let line_time_s = match shutter {
            Shutter::Global => 0.0,
            Shutter::Rolling { line_time_s } => line_time_s,
        };
        let span = exposure_s + line_time_s * (rows - 1.0);
        let swing = (travel.angle(since + span) - travel.angle(since)).abs();
        let moved = if swing > 0.0 { swing * px_per_rad(calibration, plate_radius, travel.angle(since)) } else { 0.0 };
        if let (Some(f), true, true) = (flicker.filter(|f| f.depth > 0.0), line_time_s > 0.0, moved == 0.0) {
            let angle_rad = travel.angle(since);
            let part = |ambient_share| Part { angle_rad, ambient_share, span: [0.0, span] };
            let parts = vec![part(1.0 - f.depth), part(1.0 + f.depth)];
            return Self { parts, middle_rad: angle_rad, exposure_s, line_time_s, bands: Some((f, clock)) };
        }
        let count = ((PER_PIXEL * moved).ceil() as usize).clamp(1, MOST);
        let parts = (0..count)
            .map(|i| {
                let [from, to] = [i, i + 1].map(|n| span * n as f64 / count as f64);
                Part {
                    angle_rad: travel.angle(since + (from + to) / 2.0),
                    ambient_share: flicker.map_or(1.0, |f| f.mean(clock + from, clock + to)),
                    span: [from, to],
                }
            })
            .collect();
        Self { parts, middle_rad: travel.angle(since + span / 2.0), exposure_s, line_time_s, bands: None }
    }

    /// What to render for a part.
    pub fn shot(&self, part: usize, calibration: Calibration, lighting: &Lighting, depth: bool) -> Shot {
        let Part { angle_rad, ambient_share, .. } = self.parts[part];
        let still = self.parts.len() == 1;
        let light_angle_rad = if still { angle_rad } else { self.middle_rad };
        let ambient_share = ambient_share * lighting.ambient_share;
        let shot = Shot::at_rest(calibration, angle_rad, lighting.lamp_shares.clone());
        Shot { ambient_share, light_angle_rad, depth, tint: lighting.tint, ..shot }
    }

    /// Weight of a part in a row: the share of the row's exposure that it covers.
    pub fn weight(&self, part: usize, row: usize) -> f64 {
        let start = self.line_time_s * row as f64;
        if let Some((flicker, clock)) = self.bands {
            let [low, high] = [self.parts[0].ambient_share, self.parts[1].ambient_share];
            let share = (flicker.mean(clock + start, clock + start + self.exposure_s) - low) / (high - low);
            return if part == 0 { 1.0 - share } else { share };
        }
        let [from, to] = self.parts[part].span;
        if self.parts.len() == 1 { 1.0 } else { (to.min(start + self.exposure_s) - from.max(start)).max(0.0) / self.exposure_s }
    }

    /// Adds a part's picture to the sum, row by row of `width` pixels.
    pub fn add(&self, part: usize, picture: &[f32], width: usize, sum: &mut [f32]) {
        for (row, (to, from)) in sum.chunks_mut(width).zip(picture.chunks(width)).enumerate() {
            let weight = self.weight(part, row) as f32;
            if weight > 0.0 {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += weight * from);
            }
        }
    }
}

/// Largest speed in the picture of anything that lies within the plate's rim and a hand's breadth above it, px per rad.
pub fn px_per_rad(calibration: &Calibration, plate_radius: f64, angle: f64) -> f64 {
    const STEP: f64 = 1e-4;
    let [width, height] = calibration.intrinsics.size_px.map(f64::from);
    let mut fastest: f64 = 0.0;
    for ring in 1..=4 {
        for sector in 0..24 {
            for level in [0.0, 0.1] {
                let (sin, cos) = (angle + TAU * f64::from(sector) / 24.0).sin_cos();
                let radius = plate_radius * f64::from(ring) / 4.0;
                let point = DVec3::new(radius * cos, radius * sin, level);
                let Some(here) = calibration.project(point) else { continue };
                let near = here.x > -0.1 * width && here.y > -0.1 * height && here.x < 1.1 * width && here.y < 1.1 * height;
                if let (Some(there), true) = (calibration.project(rig_from_plate(STEP).transform_point(point)), near) {
                    fastest = fastest.max(there.distance(here) / STEP);
                }
            }
        }
    }
    fastest
}

#[cfg(test)]
mod tests {
    use hardware_hal::{Intrinsics, Pose};

    use super::*;

    fn overhead() -> Calibration {
        let camera_from_rig = Pose::look_at(DVec3::new(0.0, 0.0, 1.0), DVec3::ZERO, DVec3::Y);
        Calibration { intrinsics: Intrinsics::pinhole(400, 300, 500.0), camera_from_rig }
    }

    #[test]
    fn a_travel_keeps_its_speed_its_acceleration_and_its_ends() {
        for (from, to) in [(0.0, 2.5), (1.0, 0.98), (-0.3, -0.3), (2.0, -1.0)] {
            let travel = Travel { from, to, speed: 1.0, acceleration: 2.0 };
            let end = travel.seconds();
            assert!((travel.angle(0.0) - from).abs() < 1e-12 && (travel.angle(end) - to).abs() < 1e-12);
            assert_eq!((travel.angle(-1.0), travel.angle(end + 1.0)), (travel.angle(0.0), travel.angle(end)));
            let step = 1e-4;
            let speed = |t: f64| (travel.angle(t + step) - travel.angle(t)) / step;
            for i in 0..200 {
                let t = end * f64::from(i) / 200.0;
                assert!(speed(t).abs() < 1.0 + 1e-6, "speed {} at {t}", speed(t));
                assert!((speed(t + step) - speed(t)).abs() < 2.0 * step + 1e-6, "from {from} to {to} at {t}");
            }
        }
        // Long: 2.5 rad in 3 s; short: two halves of √(0.02/2) s.
        assert!((Travel { from: 0.0, to: 2.5, speed: 1.0, acceleration: 2.0 }.seconds() - 3.0).abs() < 1e-12);
        assert!((Travel { from: 0.0, to: 0.02, speed: 1.0, acceleration: 2.0 }.seconds() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn at_rest_an_exposure_is_one_picture() {
        for shutter in [Shutter::Global, Shutter::Rolling { line_time_s: 1e-5 }] {
            let exposing = Exposing::new(&overhead(), 0.3, &Travel::rest(0.7), None, [0.0, 0.0], 0.01, shutter);
            assert_eq!((exposing.parts.len(), exposing.parts[0].angle_rad), (1, 0.7));
            assert_eq!((exposing.weight(0, 0), exposing.weight(0, 299), exposing.parts[0].ambient_share), (1.0, 1.0, 1.0));
        }
    }

    #[test]
    fn every_rows_weights_add_up_and_lie_where_the_row_is_exposed() {
        let travel = Travel { from: 0.0, to: 3.0, speed: 1.0, acceleration: 1e3 };
        for (shutter, line) in [(Shutter::Global, 0.0), (Shutter::Rolling { line_time_s: 4e-5 }, 4e-5)] {
            let exposing = Exposing::new(&overhead(), 0.3, &travel, None, [1.0, 1.0], 0.02, shutter);
            // 0.3 m from the axis and 0.1 m up: 500 · 0.3 / 0.9 = 167 px per rad.
            let moved = 166.7 * (0.02 + line * 299.0);
            assert!((exposing.parts.len() as f64 - 2.0 * moved).abs() < 2.0, "{} parts for {moved} px", exposing.parts.len());
            for row in [0, 17, 150, 299] {
                let weights: Vec<f64> = (0..exposing.parts.len()).map(|part| exposing.weight(part, row)).collect();
                assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                let mean: f64 = weights.iter().zip(&exposing.parts).map(|(w, part)| w * part.angle_rad).sum();
                let wanted = travel.angle(1.0 + line * f64::from(row as u32) + 0.01);
                // Parts that are covered in part stand for their middle all the same: less than a hundredth of a pixel.
                assert!((mean - wanted).abs() < 5e-5, "row {row}: {mean}, wanted {wanted}");
            }
        }
    }

    #[test]
    fn lamps_on_the_mains_band_rolling_frames_and_tint_global_ones() {
        let flicker = Flicker { mains_hz: 50.0, depth: 0.4 };
        let at =
            |clock, exposure, shutter| Exposing::new(&overhead(), 0.3, &Travel::rest(0.0), Some(flicker), [0.0, clock], exposure, shutter);
        // Over whole periods nothing is left; in 1 ms around the crest almost all of the depth.
        assert!((at(0.003, 0.02, Shutter::Global).parts[0].ambient_share - 1.0).abs() < 1e-9);
        let crest = at(0.0025 - 0.0005, 0.001, Shutter::Global).parts[0].ambient_share;
        let wanted = 1.0 + 0.4 * libm::sin(TAU * 50.0 * 0.001) / (TAU * 50.0 * 0.001);
        assert!((crest - wanted).abs() < 1e-9, "{crest}, wanted {wanted}");
        let rolling = at(0.0, 0.001, Shutter::Rolling { line_time_s: 1e-4 });
        let row = |row: usize| (0..rolling.parts.len()).map(|p| rolling.weight(p, row) * rolling.parts[p].ambient_share).sum::<f64>();
        for y in [0, 20, 45, 133, 250] {
            let start = 1e-4 * y as f64;
            let wanted = flicker.mean(start, start + 0.001);
            assert!((row(y) - wanted).abs() < 1e-9, "row {y}: {}, wanted {wanted}", row(y));
        }
    }
}
