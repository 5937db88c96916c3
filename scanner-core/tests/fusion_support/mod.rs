//! Prints in space and cameras around them, for the tests of fusion: exact rays through a pinhole onto each print's plane, an aperture's disc instead
//! of the reader's Gaussian, uneven light, a tone curve, bars that grew in print, noise that goes with the light. Shares no code with what it tests.

#![allow(dead_code)] // Each test file uses its part of it.
#![allow(clippy::unwrap_used)] // A test that cannot draw its picture has failed.

use std::time::Duration;

use hardware_hal::glam::{DQuat, DVec3};
use hardware_hal::{Calibration, Exposure, Frame, FrameMeta, Intrinsics, PixelFormat, Pose, Samples, Timestamp, rig_from_plate};
use scanner_core::vision::Corners;

use crate::support::Dice;

/// A code on a flat face, in the plate's frame.
#[derive(Debug, Clone)]
pub struct Printed {
    /// Dark is true, from the start's first bar.
    pub modules: Vec<bool>,
    /// Width of a module, m.
    pub module: f64,
    /// Height of the bars, modules.
    pub height: f64,
    /// What each edge of a bar moved outwards in print, modules.
    pub growth: f64,
    /// Middle of the bars.
    pub centre: DVec3,
    /// Unit vectors from start to stop, and from top to bottom.
    pub along: DVec3,
    pub down: DVec3,
}

impl Printed {
    /// A code of modules, lying at random over a plate; its face points up to `tilt` away from the zenith, or stands on its edge.
    pub fn at_random(modules: Vec<bool>, dice: &mut Dice, reach: f64, tilt: f64) -> Self {
        let (r, phi) = (reach * dice.real(0.0, 1.0).sqrt(), dice.real(0.0, std::f64::consts::TAU));
        let turn = DQuat::from_rotation_z(dice.real(0.0, std::f64::consts::TAU))
            * DQuat::from_rotation_x(dice.real(0.0, tilt))
            * DQuat::from_rotation_z(dice.real(0.0, std::f64::consts::TAU));
        Self {
            modules,
            module: dice.real(0.00019, 0.00030),
            height: dice.real(28.0, 40.0),
            growth: dice.real(-0.06, 0.08),
            centre: DVec3::new(r * phi.cos(), r * phi.sin(), dice.real(0.015, 0.12)),
            along: turn * DVec3::X,
            down: turn * -DVec3::Y,
        }
    }

    /// Out of its face.
    pub fn normal(&self) -> DVec3 {
        -self.along.cross(self.down)
    }

    fn point(&self, x: f64, y: f64) -> DVec3 {
        self.centre + self.along * ((x - self.modules.len() as f64 / 2.0) * self.module) + self.down * (y * self.height * self.module)
    }

    /// Cosine of the angle between the face and the line of sight.
    pub fn facing(&self, meta: &FrameMeta) -> f64 {
        let eye = rig_from_plate(meta.turntable_angle_rad.unwrap()).inverse().transform_point(meta.calibration.as_ref().unwrap().eye());
        self.normal().dot((eye - self.centre).normalize())
    }

    /// Corners in a frame; `None` behind the camera.
    pub fn corners(&self, meta: &FrameMeta) -> Option<Corners> {
        let n = self.modules.len() as f64;
        let corner = |x: f64, y: f64| {
            let in_rig = rig_from_plate(meta.turntable_angle_rad.unwrap()).transform_point(self.point(x, y));
            meta.calibration.as_ref().unwrap().project(in_rig).map(|p| p.to_array())
        };
        Some([corner(0.0, -0.5)?, corner(n, -0.5)?, corner(n, 0.5)?, corner(0.0, 0.5)?])
    }

    /// Length of the shorter side in a frame ÷ modules.
    pub fn px_per_module(&self, meta: &FrameMeta) -> f64 {
        let c = self.corners(meta).unwrap();
        let side = |i: usize, j: usize| (c[i][0] - c[j][0]).hypot(c[i][1] - c[j][1]);
        side(0, 1).min(side(3, 2)) / self.modules.len() as f64
    }

    /// Reflectance at a point of the face's plane, modules from the middle; `None` beside the label.
    fn reflectance(&self, x: f64, y: f64) -> Option<f64> {
        let n = self.modules.len() as f64;
        let (x, half) = (x + n / 2.0, self.height / 2.0);
        if x < -12.0 || x > n + 12.0 || y.abs() > half + 5.0 {
            return None;
        }
        let near = |x: f64| x >= 0.0 && self.modules.get(x as usize) == Some(&true);
        // A grown bar reaches into its neighbour; a shrunk one leaves its own margin light.
        let dark = if self.growth >= 0.0 {
            near(x) || near(x - self.growth) || near(x + self.growth)
        } else {
            near(x) && near(x - self.growth) && near(x + self.growth)
        };
        Some(if dark && y.abs() < half { 0.09 } else { 0.78 })
    }
}

/// What a picture suffers.
#[derive(Debug, Clone, Copy)]
pub struct Lens {
    /// Radius of the defocus disc, px.
    pub disc: f64,
    /// Standard deviation of the noise at full scale.
    pub noise: f64,
    /// Exponent of the tone curve.
    pub gamma: f64,
    /// Change of the light over the picture to the right and down, share.
    pub slope: [f64; 2],
}

impl Lens {
    pub fn at_random(dice: &mut Dice) -> Self {
        let slope = [dice.real(-0.25, 0.25), dice.real(-0.25, 0.25)];
        Self { disc: dice.real(0.35, 1.0), noise: dice.real(0.008, 0.02), gamma: dice.real(0.9, 1.12), slope }
    }
}

/// A frame's description: a camera at `eye` that looks at the plate's middle, with a focal length in px.
pub fn meta(camera: &str, eye: DVec3, angle: f64, focal: f64, size: [u32; 2]) -> FrameMeta {
    let calibration = Calibration {
        intrinsics: Intrinsics::pinhole(size[0], size[1], focal),
        camera_from_rig: Pose::look_at(eye, DVec3::ZERO, if eye.truncate().length() < 0.1 { DVec3::Y } else { DVec3::Z }),
    };
    FrameMeta {
        camera: camera.into(),
        sequence: 0,
        width: size[0],
        height: size[1],
        format: PixelFormat::MONO8,
        timestamp: Timestamp::default(),
        exposure: Exposure { start: Timestamp::default(), duration: Duration::ZERO },
        calibration: Some(calibration),
        turntable_angle_rad: Some(angle),
        light_pattern: None,
        complete: true,
    }
}

/// One camera above and three around the plate.
pub fn eyes() -> Vec<(&'static str, DVec3)> {
    let side = |k: f64| DVec3::new(0.8 * (k * 2.094_395).cos(), 0.8 * (k * 2.094_395).sin(), 0.8);
    vec![("overhead", DVec3::new(0.0, 0.0, 1.24)), ("a", side(0.25)), ("b", side(1.25)), ("c", side(2.25))]
}

/// A frame whose picture holds one code in its middle at so many px per module.
pub fn centred(camera: &str, eye: DVec3, angle: f64, code: &Printed, px_per_module: f64) -> FrameMeta {
    let mut wide = meta(camera, eye, angle, 1000.0, [64, 64]);
    let focal = 1000.0 * px_per_module / code.px_per_module(&wide);
    wide.calibration.as_mut().unwrap().intrinsics.focal_px = [focal; 2];
    let corners = code.corners(&wide).unwrap();
    let range = |k: usize| {
        let (lo, hi) = corners.iter().fold((f64::MAX, f64::MIN), |(l, h), c| (l.min(c[k]), h.max(c[k])));
        (lo - 18.0, hi + 18.0)
    };
    let ((x0, x1), (y0, y1)) = (range(0), range(1));
    let size = [(x1 - x0).ceil() as u32, (y1 - y0).ceil() as u32];
    let i = &mut wide.calibration.as_mut().unwrap().intrinsics;
    i.principal_px = [i.principal_px[0] - x0, i.principal_px[1] - y0];
    i.size_px = size;
    (wide.width, wide.height) = (size[0], size[1]);
    wide
}

/// Points in a pixel and, for each, in the aperture's disc: a four-dimensional additive recurrence (M. Roberts, "The Unreasonable Effectiveness of
/// Quasirandom Sequences").
const SAMPLES: usize = 48;

fn samples() -> Vec<[f64; 4]> {
    let g: f64 = 1.167_303_978_261_418_7;
    let mut points = Vec::with_capacity(SAMPLES);
    for n in 1..=SAMPLES {
        let at = |k: i32| (0.5 + n as f64 * g.powi(-k)).fract();
        let (r, phi) = (at(3).sqrt(), at(4) * std::f64::consts::TAU);
        points.push([at(1) - 0.5, at(2) - 0.5, r * phi.cos(), r * phi.sin()]);
    }
    points
}

/// The picture of some codes: a frame of 8 bits.
pub fn photograph(meta: &FrameMeta, codes: &[&Printed], lens: &Lens, dice: &mut Dice) -> Frame {
    let (w, h) = (meta.width as usize, meta.height as usize);
    let calibration = meta.calibration.as_ref().unwrap();
    let plate_from_rig = rig_from_plate(meta.turntable_angle_rad.unwrap()).inverse();
    let rig_from_camera = calibration.camera_from_rig.inverse();
    let eye = plate_from_rig.transform_point(rig_from_camera.translation);
    let turn = plate_from_rig.rotation * rig_from_camera.rotation;
    let (f, c) = (calibration.intrinsics.focal_px[0], calibration.intrinsics.principal_px);
    let mut light = vec![0.2; w * h];
    let points = samples();
    for code in codes.iter().filter(|c| c.facing(meta) > 0.05) {
        let corners = code.corners(meta).unwrap();
        let range = |k: usize, n: usize| {
            let (lo, hi) = corners.iter().fold((f64::MAX, f64::MIN), |(l, h), c| (l.min(c[k]), h.max(c[k])));
            let room = 0.12 * (hi - lo) + 14.0;
            ((lo - room).clamp(0.0, n as f64) as usize)..((hi + room).clamp(0.0, n as f64) as usize)
        };
        let normal = code.normal();
        let distance = normal.dot(code.centre - eye);
        for y in range(1, h) {
            for x in range(0, w) {
                let (mut sum, mut hits) = (0.0, 0usize);
                for p in &points {
                    let px = [x as f64 + p[0] + lens.disc * p[2] - c[0], y as f64 + p[1] + lens.disc * p[3] - c[1]];
                    let ray = turn * DVec3::new(px[0] / f, px[1] / f, 1.0);
                    let at = eye + ray * (distance / normal.dot(ray)) - code.centre;
                    if let Some(v) = code.reflectance(at.dot(code.along) / code.module, at.dot(code.down) / code.module) {
                        sum += v;
                        hits += 1;
                    }
                }
                let old = &mut light[y * w + x];
                *old = (sum + *old * (SAMPLES - hits) as f64) / SAMPLES as f64;
            }
        }
    }
    let bytes = light.iter().enumerate().map(|(i, v)| {
        let (x, y) = ((i % w) as f64 / w as f64, (i / w) as f64 / h as f64);
        let lit = (v * (0.95 + lens.slope[0] * (x - 0.5) + lens.slope[1] * (y - 0.5))).max(0.0);
        let toned = lit.powf(lens.gamma);
        // Twelve uniform numbers: near enough to a normal distribution.
        let noise: f64 = (0..12).map(|_| dice.real(-0.5, 0.5)).sum();
        ((toned + noise * lens.noise * (0.2 + 0.8 * toned).sqrt()) * 255.0).round().clamp(0.0, 255.0) as u8
    });
    Frame::new(meta.clone(), Samples::U8(bytes.collect())).unwrap()
}

/// Corners as a locator gives them: each off by up to `off` px.
pub fn roughly(corners: Corners, off: f64, dice: &mut Dice) -> Corners {
    corners.map(|c| c.map(|v| v + dice.real(-off, off)))
}
