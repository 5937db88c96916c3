//! A rig as a file says it: plate, turntable, lamps, patterns, cameras. Lengths in millimetres, angles in degrees, in the rig frame (origin at the
//! centre of the plate's upper surface, z up, right-handed).

use std::collections::{BTreeMap, BTreeSet};

use hardware_hal::glam::{DVec2, DVec3};
use hardware_hal::{Calibration, Intrinsics, Pose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Checked, Place};

/// The version of the format that is read here.
pub const VERSION: u32 = 1;

/// A scanning station's devices and their geometry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rig {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// What reports call it.
    pub name: String,
    /// What it stands for, and where its figures come from.
    #[serde(default)]
    pub description: String,
    /// The plate.
    pub plate: Plate,
    /// The plate's drive.
    pub turntable: Turntable,
    /// Radiance of a white diffuse surface lit by nothing but the room, on the scale of the lamps' intensity.
    pub ambient: f64,
    /// The lamps.
    pub lamps: Vec<Lamp>,
    /// Which lamps are lit together.
    pub patterns: Vec<Pattern>,
    /// The cameras; one at least.
    pub cameras: Vec<Camera>,
}

/// A round opaque plate with a rim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plate {
    /// Radius of the usable surface.
    pub radius_mm: f64,
    /// Height of the rim above the surface.
    pub rim_height_mm: f64,
    /// Coefficient of friction between plate and packages.
    pub friction: f64,
    /// Diffuse reflectance, 0 to 1.
    pub albedo: f64,
}

/// The plate's drive: a trapezoidal speed profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Turntable {
    /// Smallest step.
    pub resolution_deg: f64,
    /// Speed, degrees per second.
    pub speed_deg_s: f64,
    /// Acceleration, degrees per second squared.
    pub acceleration_deg_s2: f64,
}

/// A lamp: a small area light with a soft-edged beam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lamp {
    /// Name, for patterns.
    pub name: String,
    /// Where it is.
    pub position_mm: [f64; 3],
    /// What it points at.
    #[serde(default)]
    pub target_mm: [f64; 3],
    /// Half angle of the beam.
    pub beam_half_angle_deg: f64,
    /// Radiance that a white diffuse surface facing the lamp shows where the lamp points.
    pub intensity: f64,
}

/// A light pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Name, for the cycle.
    pub name: String,
    /// Lamp by name and the share of its intensity.
    pub lamps: BTreeMap<String, f64>,
}

/// A camera with its lens and sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Name; frames carry it.
    pub id: String,
    /// Centre of projection.
    pub eye_mm: [f64; 3],
    /// A point on the optical axis.
    #[serde(default)]
    pub target_mm: [f64; 3],
    /// Direction that points up in the picture; not along the line of sight.
    #[serde(default = "z_up")]
    pub up: [f64; 3],
    /// Width and height of a frame.
    pub size_px: [u32; 2],
    /// The lens.
    pub lens: Lens,
    /// Exposure time.
    pub exposure_s: f64,
    /// Bits of a sample: 8, 10 or 12, monochrome.
    #[serde(default = "eight")]
    pub bits: u8,
    /// The sensor.
    pub sensor: Sensor,
}

fn z_up() -> [f64; 3] {
    [0.0, 0.0, 1.0]
}

fn eight() -> u8 {
    8
}

/// A lens without distortion: exactly one of field of view, focal length in pixels, or focal length with the sensor's pixel pitch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lens {
    /// Horizontal field of view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fov_deg: Option<f64>,
    /// Focal length in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_px: Option<f64>,
    /// Focal length; needs `pixel_pitch_um`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_mm: Option<f64>,
    /// Distance between the centres of neighbouring pixels, micrometres, from the sensor's datasheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_pitch_um: Option<f64>,
}

/// A sensor in the terms of EMVA 1288.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sensor {
    /// Standard deviation of the optics' point spread.
    pub blur_sigma_px: f64,
    /// Electrons that radiance 1.0 collects in the exposure time.
    pub electrons_at_white: f64,
    /// Saturation capacity, electrons.
    pub full_well: f64,
    /// Dark noise, read noise included, electrons.
    pub dark_noise: f64,
    /// Black level as a share of full scale.
    pub black_level: f64,
}

impl Camera {
    /// Focal length in pixels; 0 if the lens is not described.
    pub fn focal_px(&self) -> f64 {
        let lens = &self.lens;
        if let Some(fov) = lens.fov_deg {
            f64::from(self.size_px[0]) / 2.0 / (fov.to_radians() / 2.0).tan()
        } else if let (Some(focal), Some(pitch)) = (lens.focal_mm, lens.pixel_pitch_um) {
            focal / (pitch * 1e-3)
        } else {
            lens.focal_px.unwrap_or(0.0)
        }
    }

    /// Where it is and how it maps.
    pub fn calibration(&self) -> Calibration {
        let [width, height] = self.size_px;
        Calibration {
            intrinsics: Intrinsics::pinhole(width, height, self.focal_px()),
            camera_from_rig: Pose::look_at(metres(self.eye_mm), metres(self.target_mm), DVec3::from_array(self.up).normalize()),
        }
    }
}

/// Millimetres to metres.
pub fn metres(mm: [f64; 3]) -> DVec3 {
    DVec3::from_array(mm) * 1e-3
}

impl Rig {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first fault, at its key below `place`.
    pub fn check(&self, place: &Place) -> Checked<()> {
        place.version(self.schema_version, VERSION)?;
        place.name("name", &self.name, &mut BTreeSet::new())?;
        let plate = place.under("plate");
        plate.within("radius_mm", self.plate.radius_mm, 10.0, 2000.0)?;
        plate.within("rim_height_mm", self.plate.rim_height_mm, 0.1, 200.0)?;
        plate.within("friction", self.plate.friction, 0.0, 2.0)?;
        plate.within("albedo", self.plate.albedo, 0.0, 1.0)?;
        let turntable = place.under("turntable");
        turntable.positive("resolution_deg", self.turntable.resolution_deg)?;
        turntable.positive("speed_deg_s", self.turntable.speed_deg_s)?;
        turntable.positive("acceleration_deg_s2", self.turntable.acceleration_deg_s2)?;
        place.within("ambient", self.ambient, 0.0, 10.0)?;
        self.check_light(place)?;
        if self.cameras.is_empty() {
            return Err(place.fault("cameras", "a rig without cameras sees nothing").with_help_boxed("add a table `[[cameras]]`"));
        }
        let mut seen = BTreeSet::new();
        for (index, camera) in self.cameras.iter().enumerate() {
            let place = place.under(&format!("cameras.{index}"));
            place.name("id", &camera.id, &mut seen)?;
            self.check_camera(camera, &place)?;
        }
        Ok(())
    }

    fn check_light(&self, place: &Place) -> Checked<()> {
        let mut lamps = BTreeSet::new();
        for (index, lamp) in self.lamps.iter().enumerate() {
            let place = place.under(&format!("lamps.{index}"));
            place.name("name", &lamp.name, &mut lamps)?;
            place.finite("position_mm", &lamp.position_mm)?;
            place.finite("target_mm", &lamp.target_mm)?;
            place.within("beam_half_angle_deg", lamp.beam_half_angle_deg, 0.1, 89.9)?;
            place.within("intensity", lamp.intensity, 0.0, 100.0)?;
            if lamp.position_mm[2] <= 0.0 {
                return Err(place.fault("position_mm", "the lamp is not above the plate, which lets no light through"));
            }
            if lamp.position_mm == lamp.target_mm {
                return Err(place.fault("target_mm", "the lamp points at itself"));
            }
        }
        if self.patterns.is_empty() {
            return Err(place.fault("patterns", "a rig needs one light pattern at least").with_help_boxed("add a table `[[patterns]]`"));
        }
        let mut patterns = BTreeSet::new();
        for (index, pattern) in self.patterns.iter().enumerate() {
            let place = place.under(&format!("patterns.{index}"));
            place.name("name", &pattern.name, &mut patterns)?;
            for (lamp, share) in &pattern.lamps {
                let key = format!("lamps.{lamp}");
                if !lamps.contains(lamp) {
                    let known: Vec<&str> = lamps.iter().map(String::as_str).collect();
                    let fault =
                        place.fault(&key, format!("the pattern `{}` names a lamp `{lamp}` that the rig does not have", pattern.name));
                    return Err(fault.with_help_boxed(super::hints::advice(lamp, &known)));
                }
                place.within(&key, *share, 0.0, 1.0)?;
            }
        }
        Ok(())
    }

    fn check_camera(&self, camera: &Camera, place: &Place) -> Checked<()> {
        place.finite("eye_mm", &camera.eye_mm)?;
        place.finite("target_mm", &camera.target_mm)?;
        place.finite("up", &camera.up)?;
        for (index, side) in camera.size_px.iter().enumerate() {
            place.within(&format!("size_px.{index}"), f64::from(*side), 16.0, 16384.0)?;
        }
        check_lens(camera, place)?;
        place.within("exposure_s", camera.exposure_s, 1e-6, 10.0)?;
        if ![8, 10, 12].contains(&camera.bits) {
            return Err(place.fault("bits", format!("{} bits per sample are not offered; 8, 10 and 12 are", camera.bits)));
        }
        let sensor = place.under("sensor");
        sensor.within("blur_sigma_px", camera.sensor.blur_sigma_px, 0.0, 20.0)?;
        sensor.positive("electrons_at_white", camera.sensor.electrons_at_white)?;
        sensor.positive("full_well", camera.sensor.full_well)?;
        sensor.within("dark_noise", camera.sensor.dark_noise, 0.0, 1e6)?;
        sensor.within("black_level", camera.sensor.black_level, 0.0, 0.5)?;
        let sight = metres(camera.target_mm) - metres(camera.eye_mm);
        if sight.length() < 1e-6 {
            return Err(place.fault("target_mm", "the camera looks at itself"));
        }
        let up = DVec3::from_array(camera.up);
        if up.length() < 1e-6 || up.normalize().cross(sight.normalize()).length() < 1e-3 {
            let fault = place.fault("up", "`up` lies along the line of sight, so the picture's orientation is open");
            return Err(fault.with_help_boxed("a camera that looks straight down needs e.g. `up = [0, 1, 0]`"));
        }
        if camera.eye_mm[2] <= 0.0 {
            return Err(place.fault("eye_mm", "the camera is not above the plate, which is opaque"));
        }
        if !self.sees_plate(camera) {
            let fault = place.fault("target_mm", format!("the field of view of camera `{}` misses the plate", camera.id));
            return Err(fault.with_help_boxed("the plate's centre is the origin, [0, 0, 0]; z points up"));
        }
        Ok(())
    }

    /// Whether any of a few hundred points of the plate falls into the picture.
    fn sees_plate(&self, camera: &Camera) -> bool {
        let calibration = camera.calibration();
        let [width, height] = camera.size_px.map(f64::from);
        let radius = self.plate.radius_mm * 1e-3;
        let inside = |point: DVec3| {
            let inside = |p: DVec2| (-0.5..width - 0.5).contains(&p.x) && (-0.5..height - 0.5).contains(&p.y);
            calibration.project(point).is_some_and(inside)
        };
        // A narrow view may fall between sampled points, so the point that the axis hits is looked at as well.
        let (eye, target) = (metres(camera.eye_mm), metres(camera.target_mm));
        let hit = (target.z < eye.z).then(|| eye + (target - eye) * (eye.z / (eye.z - target.z)));
        hit.is_some_and(|point| point.truncate().length() <= radius)
            || (0..=16).any(|ring| {
                let r = radius * f64::from(ring) / 16.0;
                (0..48).any(|step| {
                    let angle = f64::from(step) / 48.0 * std::f64::consts::TAU;
                    inside(DVec3::new(r * angle.cos(), r * angle.sin(), 0.0))
                })
            })
    }
}

fn check_lens(camera: &Camera, place: &Place) -> Checked<()> {
    let lens = &camera.lens;
    let given = [lens.fov_deg.is_some(), lens.focal_px.is_some(), lens.focal_mm.is_some()].into_iter().filter(|given| *given).count();
    if given != 1 {
        let what = if given == 0 { "the lens is not described" } else { "the lens is described more than once" };
        return Err(place.fault("lens", what).with_help_boxed("give one of `fov_deg`, `focal_px`, or `focal_mm` with `pixel_pitch_um`"));
    }
    if lens.focal_mm.is_some() != lens.pixel_pitch_um.is_some() {
        return Err(place.fault("lens", "`focal_mm` and `pixel_pitch_um` go together"));
    }
    let lens_place = place.under("lens");
    if let Some(fov) = lens.fov_deg {
        lens_place.within("fov_deg", fov, 0.1, 170.0)?;
    }
    for (key, value) in [("focal_px", lens.focal_px), ("focal_mm", lens.focal_mm), ("pixel_pitch_um", lens.pixel_pitch_um)] {
        if let Some(value) = value {
            lens_place.positive(key, value)?;
        }
    }
    Ok(())
}
