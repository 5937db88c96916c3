//! A camera as a rig file says it: where it stands, its lens, its sensor.
//!
//! Lens and sensor are given by figures or by the name of a preset; figures beside a preset go before the preset's.

use hardware_hal::glam::{DVec2, DVec3};
use hardware_hal::{Calibration, Intrinsics, PixelFormat, PixelLayout, Pose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Checked, Place};
use super::rig::{Lamp, LampColour, Rig, metres};

/// How far figures that follow from one another may be apart, dB: datasheets round.
const DATASHEET_TOLERANCE_DB: f64 = 1.0;

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
    /// Width and height of a frame; with a sensor preset no more than the sensor has, its middle being read.
    pub size_px: [u32; 2],
    /// The lens.
    pub lens: Lens,
    /// Exposure time.
    pub exposure_s: f64,
    /// Bits of a sample: 8, 10 or 12.
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

/// A lens: exactly one of field of view, focal length in pixels, focal length with the sensor's pixel pitch, or a preset.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lens {
    /// Name of a lens: `c-mount-8mm`, `c-mount-12mm`, `c-mount-16mm`, `c-mount-25mm` or `c-mount-35mm`, with focal length, distortion, vignetting and
    /// blur of its class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Horizontal field of view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fov_deg: Option<f64>,
    /// Focal length in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_px: Option<f64>,
    /// Focal length; needs `pixel_pitch_um`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_mm: Option<f64>,
    /// Distance between the centres of neighbouring pixels, micrometres, from the sensor's datasheet; a sensor preset knows its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_pitch_um: Option<f64>,
    /// Focal length ÷ diameter of the aperture: gives depth of field and diffraction, which a lens without it does not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f_number: Option<f64>,
    /// Distance along the optical axis at which it is sharp; that of the camera's target if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus_mm: Option<f64>,
    /// k1, k2, p1, p2, k3 of Brown–Conrady, in OpenCV's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distortion: Option<[f64; 5]>,
    /// Loss of light towards the corners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vignetting: Option<Vignetting>,
    /// Whether a polariser stands before the lens, crossed with those of polarised lamps. It takes half of the light.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub analyser: bool,
}

/// Relative illumination: cosⁿ of the angle to the axis, times 1 + a·r² + b·r⁴ + c·r⁶ with r = 1 at the farthest corner.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vignetting {
    /// n, 4 for a simple lens.
    #[serde(default)]
    pub cosine_power: f64,
    /// a, b, c.
    #[serde(default)]
    pub radial: [f64; 3],
}

/// Order of the colour filters, first row first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Filters {
    /// Red, green / green, blue.
    Rggb,
    /// Green, red / blue, green.
    Grbg,
    /// Green, blue / red, green.
    Gbrg,
    /// Blue, green / green, red.
    Bggr,
}

/// A sensor in the terms of EMVA 1288.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sensor {
    /// Name of a sensor with the figures of a camera's datasheet: `imx250`, `imx255`, `imx535`, `imx532` or `mt9f002`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Standard deviation of the optics' point spread, without diffraction and defocus; a lens preset knows its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blur_sigma_px: Option<f64>,
    /// Electrons that radiance 1.0 collects in the exposure time; follows from the rig's `white_luminance_cd_m2`, the lens's `f_number` and the
    /// preset's sensitivity if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub electrons_at_white: Option<f64>,
    /// Saturation capacity, electrons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_well: Option<f64>,
    /// Dark noise, read noise included, electrons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dark_noise: Option<f64>,
    /// Black level as a share of full scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub black_level: Option<f64>,
    /// Greatest signal-to-noise ratio of the datasheet: only held against `full_well`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snr_max_db: Option<f64>,
    /// Dynamic range of the datasheet: only held against `full_well` and `dark_noise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic_range_db: Option<f64>,
    /// Dark current, electrons per second and pixel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dark_current_e_s: Option<f64>,
    /// Spread of the pixels' sensitivity, as a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prnu: Option<f64>,
    /// Spread of the pixels' offset, electrons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dsnu_e: Option<f64>,
    /// Share of pixels that are hot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot_pixels: Option<f64>,
    /// Order of the colour filters; without it the sensor is monochrome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Filters>,
    /// From one row's exposure to the next one's, microseconds: a rolling shutter. A preset knows its own; 0 makes it a global one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_time_us: Option<f64>,
}

impl Camera {
    /// Focal length in millimetres, where it is known.
    pub fn focal_mm(&self) -> Option<f64> {
        self.lens.focal_mm.or_else(|| presets::focal_mm(self.lens.preset.as_deref()?))
    }

    /// Distance between pixels in micrometres, where it is known.
    pub fn pixel_pitch_um(&self) -> Option<f64> {
        self.lens.pixel_pitch_um.or_else(|| presets::pitch_um(self.sensor.preset.as_deref()?))
    }

    /// Distance along the axis at which it is sharp, mm.
    pub fn focus_mm(&self) -> f64 {
        self.lens.focus_mm.unwrap_or_else(|| (metres(self.target_mm) - metres(self.eye_mm)).length() * 1e3)
    }

    /// Focal length in pixels; 0 if the lens is not described. A lens with an aperture stands farther from the sensor the nearer it is focused.
    pub fn focal_px(&self) -> f64 {
        let lens = &self.lens;
        if let Some(fov) = lens.fov_deg {
            f64::from(self.size_px[0]) / 2.0 / (fov.to_radians() / 2.0).tan()
        } else if let (Some(focal), Some(pitch)) = (self.focal_mm(), self.pixel_pitch_um()) {
            let extension = if lens.f_number.is_some() { self.focus_mm() / (self.focus_mm() - focal) } else { 1.0 };
            focal / (pitch * 1e-3) * extension
        } else {
            lens.focal_px.unwrap_or(0.0)
        }
    }

    /// Where it is and how it maps.
    pub fn calibration(&self) -> Calibration {
        let [width, height] = self.size_px;
        let preset = || self.lens.preset.as_deref().and_then(presets::distortion);
        let distortion = self.lens.distortion.or_else(preset).unwrap_or_default();
        Calibration {
            intrinsics: Intrinsics { distortion, ..Intrinsics::pinhole(width, height, self.focal_px()) },
            camera_from_rig: Pose::look_at(metres(self.eye_mm), metres(self.target_mm), DVec3::from_array(self.up).normalize()),
        }
    }

    /// The format of its frames.
    pub fn format(&self) -> PixelFormat {
        let layout = match self.sensor.filters {
            None => PixelLayout::Mono,
            Some(Filters::Rggb) => PixelLayout::BayerRggb,
            Some(Filters::Grbg) => PixelLayout::BayerGrbg,
            Some(Filters::Gbrg) => PixelLayout::BayerGbrg,
            Some(Filters::Bggr) => PixelLayout::BayerBggr,
        };
        PixelFormat { layout, bits: self.bits }
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first fault, at its key below `place`.
    pub(super) fn check(&self, rig: &Rig, place: &Place) -> Checked<()> {
        place.finite("eye_mm", &self.eye_mm)?;
        place.finite("target_mm", &self.target_mm)?;
        place.finite("up", &self.up)?;
        for (index, side) in self.size_px.iter().enumerate() {
            place.within(&format!("size_px.{index}"), f64::from(*side), 16.0, 16384.0)?;
        }
        self.check_presets(place)?;
        self.check_lens(place)?;
        place.within("exposure_s", self.exposure_s, 1e-6, 10.0)?;
        if ![8, 10, 12].contains(&self.bits) {
            return Err(place.fault("bits", format!("{} bits per sample are not offered; 8, 10 and 12 are", self.bits)));
        }
        self.check_sensor(rig, &place.under("sensor"))?;
        self.check_pose(rig, place)
    }

    fn check_presets(&self, place: &Place) -> Checked<()> {
        for (key, name, known) in
            [("lens.preset", &self.lens.preset, presets::lenses()), ("sensor.preset", &self.sensor.preset, presets::sensors())]
        {
            if let (Some(name), Some(known)) = (name, known)
                && !known.contains(&name.as_str())
            {
                return Err(place.fault(key, format!("there is no preset `{name}`")).with_help_boxed(super::hints::advice(name, &known)));
            }
        }
        let Some((size, pitch)) = self.sensor.preset.as_deref().and_then(|name| Some((presets::size_px(name)?, presets::pitch_um(name)?)))
        else {
            return Ok(());
        };
        if self.size_px[0] > size[0] || self.size_px[1] > size[1] {
            let [w, h] = self.size_px;
            return Err(place.fault("size_px", format!("a frame of {w} × {h} px from a sensor of {} × {} px", size[0], size[1])));
        }
        if self.lens.pixel_pitch_um.is_some_and(|given| (given / pitch - 1.0).abs() > 0.005) {
            let message = format!("contradicts the sensor preset, whose pixels are {pitch} µm apart");
            return Err(place.fault("lens.pixel_pitch_um", message).with_help_boxed("leave it out: the preset knows its own"));
        }
        Ok(())
    }

    fn check_lens(&self, place: &Place) -> Checked<()> {
        let lens = &self.lens;
        let given = [lens.fov_deg.is_some(), lens.focal_px.is_some(), lens.focal_mm.is_some(), lens.preset.is_some()];
        let given = given.into_iter().filter(|given| *given).count();
        if given != 1 {
            let what = if given == 0 { "the lens is not described" } else { "the lens is described more than once" };
            let advice = "give one of `fov_deg`, `focal_px`, `focal_mm` with `pixel_pitch_um`, or `preset`";
            return Err(place.fault("lens", what).with_help_boxed(advice));
        }
        let pitch = lens.pixel_pitch_um.is_some() || self.sensor.preset.is_some();
        if (lens.focal_mm.is_some() && !pitch) || (lens.pixel_pitch_um.is_some() && lens.focal_mm.is_none() && lens.preset.is_none()) {
            return Err(place.fault("lens", "`focal_mm` and `pixel_pitch_um` go together"));
        }
        if lens.preset.is_some() && !pitch {
            return Err(place.fault("lens", "a lens preset needs the sensor's `pixel_pitch_um`, or a sensor preset"));
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
        if let Some(f_number) = lens.f_number {
            lens_place.within("f_number", f_number, 0.5, 128.0)?;
            let Some(focal) = self.focal_mm() else {
                return Err(lens_place.fault("f_number", "an aperture needs the focal length in millimetres: `focal_mm` or `preset`"));
            };
            if self.focus_mm() <= 1.5 * focal {
                let key = if lens.focus_mm.is_some() { "focus_mm" } else { "focal_mm" };
                return Err(lens_place.fault(key, format!("a lens of {focal} mm cannot be focused at {:.1} mm", self.focus_mm())));
            }
        } else if lens.focus_mm.is_some() {
            return Err(lens_place.fault("focus_mm", "without `f_number` everything is sharp, so there is nothing to focus"));
        }
        if let Some(distortion) = lens.distortion {
            lens_place.finite("distortion", &distortion)?;
        }
        if let Some(vignetting) = lens.vignetting {
            lens_place.within("vignetting.cosine_power", vignetting.cosine_power, 0.0, 16.0)?;
            lens_place.finite("vignetting.radial", &vignetting.radial)?;
            if (0..=16).map(|i| f64::from(i) / 16.0).any(|r2| {
                let [a, b, c] = vignetting.radial;
                !(0.0..=2.0).contains(&(1.0 + r2 * (a + r2 * (b + r2 * c))))
            }) {
                return Err(lens_place.fault("vignetting.radial", "leaves the range from no light to twice the light within the picture"));
            }
        }
        Ok(())
    }

    fn check_sensor(&self, rig: &Rig, place: &Place) -> Checked<()> {
        let sensor = &self.sensor;
        let coloured = |lamp: &&Lamp| lamp.colour.unwrap_or_default() != LampColour::White;
        if let (Some(_), Some(lamp)) = (sensor.filters, rig.lamps.iter().find(coloured)) {
            let colour = crate::output::word(&lamp.colour.unwrap_or_default());
            let message = format!("the lamp `{}` is {colour}; behind colour filters only white light is simulated", lamp.name);
            return Err(place.fault("filters", message).with_help_boxed("leave `filters` out for a monochrome sensor"));
        }
        let missing = |key: &str, other: &str| Err(place.fault(key, format!("missing key `{key}`")).with_help_boxed(other.to_owned()));
        let preset = sensor.preset.is_some();
        if sensor.blur_sigma_px.is_none() && self.lens.preset.is_none() {
            return missing("blur_sigma_px", "add it, or name a lens preset");
        }
        for (key, value) in [("full_well", sensor.full_well), ("dark_noise", sensor.dark_noise), ("black_level", sensor.black_level)] {
            if value.is_none() && !preset {
                return missing(key, "add it, or name a sensor preset");
            }
        }
        if sensor.electrons_at_white.is_none() && !(preset && self.lens.f_number.is_some() && rig.white_luminance_cd_m2.is_some()) {
            return missing(
                "electrons_at_white",
                "add it, or give all that it follows from: a sensor preset, the lens's `f_number`, and the rig's `white_luminance_cd_m2`",
            );
        }
        let bounds = [
            ("blur_sigma_px", sensor.blur_sigma_px, 0.0, 20.0),
            ("dark_noise", sensor.dark_noise, 0.0, 1e6),
            ("black_level", sensor.black_level, 0.0, 0.5),
            ("dark_current_e_s", sensor.dark_current_e_s, 0.0, 1e9),
            ("prnu", sensor.prnu, 0.0, 0.5),
            ("dsnu_e", sensor.dsnu_e, 0.0, 1e6),
            ("hot_pixels", sensor.hot_pixels, 0.0, 1.0),
            ("line_time_us", sensor.line_time_us, 0.0, 1e5),
        ];
        for (key, value, low, high) in bounds {
            if let Some(value) = value {
                place.within(key, value, low, high)?;
            }
        }
        for (key, value) in [("electrons_at_white", sensor.electrons_at_white), ("full_well", sensor.full_well)] {
            if let Some(value) = value {
                place.positive(key, value)?;
            }
        }
        let (Some(full_well), Some(dark_noise)) = (sensor.full_well, sensor.dark_noise) else { return Ok(()) };
        if dark_noise >= full_well {
            return Err(place.fault("dark_noise", format!("{dark_noise} electrons of noise in a full well of {full_well}")));
        }
        // EMVA 1288 3.1: SNR_max = √μ_e.sat; DR = μ_e.sat ÷ (√(σ_d² + ¼) + ½).
        let snr = 10.0 * full_well.log10();
        let range = 20.0 * (full_well / ((dark_noise * dark_noise + 0.25).sqrt() + 0.5)).log10();
        for (key, given, follows, from) in [
            ("snr_max_db", sensor.snr_max_db, snr, format!("a full well of {full_well} electrons")),
            (
                "dynamic_range_db",
                sensor.dynamic_range_db,
                range,
                format!("a full well of {full_well} and a dark noise of {dark_noise} electrons"),
            ),
        ] {
            if let Some(given) = given
                && (given - follows).abs() > DATASHEET_TOLERANCE_DB
            {
                return Err(place.fault(key, format!("{given} dB contradicts {from}, which make {follows:.1} dB")));
            }
        }
        Ok(())
    }

    fn check_pose(&self, rig: &Rig, place: &Place) -> Checked<()> {
        let sight = metres(self.target_mm) - metres(self.eye_mm);
        if sight.length() < 1e-6 {
            return Err(place.fault("target_mm", "the camera looks at itself"));
        }
        let up = DVec3::from_array(self.up);
        if up.length() < 1e-6 || up.normalize().cross(sight.normalize()).length() < 1e-3 {
            let fault = place.fault("up", "`up` lies along the line of sight, so the picture's orientation is open");
            return Err(fault.with_help_boxed("a camera that looks straight down needs e.g. `up = [0, 1, 0]`"));
        }
        if let Some(why) = rig.plate.refuses(self.eye_mm[2]) {
            return Err(place.fault("eye_mm", format!("the camera {why}")));
        }
        if !self.sees_plate(rig.plate.radius_mm * 1e-3) {
            let fault = place.fault("target_mm", format!("the field of view of camera `{}` misses the plate", self.id));
            return Err(fault.with_help_boxed("the plate's centre is the origin, [0, 0, 0]; z points up"));
        }
        Ok(())
    }

    /// Whether any of a few hundred points of the plate falls into the picture.
    fn sees_plate(&self, radius: f64) -> bool {
        let calibration = self.calibration();
        let [width, height] = self.size_px.map(f64::from);
        let inside = |point: DVec3| {
            let inside = |p: DVec2| (-0.5..width - 0.5).contains(&p.x) && (-0.5..height - 0.5).contains(&p.y);
            calibration.project(point).is_some_and(inside)
        };
        // A narrow view may fall between sampled points, so the point that the axis hits is looked at as well.
        let (eye, target) = (metres(self.eye_mm), metres(self.target_mm));
        let hit = ((target.z - eye.z) * eye.z < 0.0).then(|| eye + (target - eye) * (eye.z / (eye.z - target.z)));
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

/// What presets say. A build without the twin takes any name: it has no use for the figures.
#[cfg(feature = "twin")]
mod presets {
    use sim::presets::{LENSES, LensPreset, SENSORS, SensorPreset};

    pub fn lenses() -> Option<Vec<&'static str>> {
        Some(LENSES.iter().map(|preset| preset.name).collect())
    }

    pub fn sensors() -> Option<Vec<&'static str>> {
        Some(SENSORS.iter().map(|preset| preset.name).collect())
    }

    pub fn focal_mm(lens: &str) -> Option<f64> {
        LensPreset::named(lens).map(|preset| preset.focal_length * 1e3)
    }

    pub fn distortion(lens: &str) -> Option<[f64; 5]> {
        LensPreset::named(lens).map(LensPreset::distortion)
    }

    pub fn pitch_um(sensor: &str) -> Option<f64> {
        SensorPreset::named(sensor).map(|preset| preset.pixel_pitch * 1e6)
    }

    pub fn size_px(sensor: &str) -> Option<[u32; 2]> {
        SensorPreset::named(sensor).map(|preset| preset.size_px)
    }
}

#[cfg(not(feature = "twin"))]
mod presets {
    pub fn lenses() -> Option<Vec<&'static str>> {
        None
    }

    pub fn sensors() -> Option<Vec<&'static str>> {
        None
    }

    pub fn focal_mm(_lens: &str) -> Option<f64> {
        None
    }

    pub fn distortion(_lens: &str) -> Option<[f64; 5]> {
        None
    }

    pub fn pitch_um(_sensor: &str) -> Option<f64> {
        None
    }

    pub fn size_px(_sensor: &str) -> Option<[u32; 2]> {
        None
    }
}
