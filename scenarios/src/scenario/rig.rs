//! A rig as a file says it: plate, turntable, lamps, patterns, cameras. Lengths in millimetres, angles in degrees, in the rig frame (origin at the
//! centre of the plate's upper surface, z up, right-handed).

use std::collections::{BTreeMap, BTreeSet};

use hardware_hal::glam::DVec3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::camera::Camera;
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
    /// How the room's lamps flicker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flicker: Option<Flicker>,
    /// The lamps.
    pub lamps: Vec<Lamp>,
    /// Which lamps are lit together.
    pub patterns: Vec<Pattern>,
    /// Luminance that stands for radiance 1, cd/m²: how bright lamps and sensors of known sensitivity meet. 318 is white paper under 1000 lx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub white_luminance_cd_m2: Option<f64>,
    /// The cameras; one at least.
    pub cameras: Vec<Camera>,
}

/// What a plate is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlateKind {
    /// Nothing gets through.
    #[default]
    Opaque,
    /// A pane of glass: lamps and cameras may stand below it.
    Glass,
}

/// A round plate with a rim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plate {
    /// What it is of.
    #[serde(default, skip_serializing_if = "is_opaque")]
    pub kind: PlateKind,
    /// Thickness of the glass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thickness_mm: Option<f64>,
    /// Refractive index of the glass; 1.52 if left out, that of window glass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refractive_index: Option<f64>,
    /// Share of the light that the glass itself lets through at normal incidence, without what its surfaces mirror; 0.98 if left out, some 6 mm of clear
    /// glass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transmission: Option<f64>,
    /// Share of the glass that specks and smears cover, 0 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dirt: Option<f64>,
    /// Radius of the usable surface.
    pub radius_mm: f64,
    /// Height of the rim above the surface.
    pub rim_height_mm: f64,
    /// Coefficient of friction between plate and packages.
    pub friction: f64,
    /// Diffuse reflectance, 0 to 1; of a glass plate that of its rim.
    pub albedo: f64,
}

/// Least distance of lamps and cameras below a glass plate from it.
const LEAST_BELOW_MM: f64 = 10.0;

impl Plate {
    fn check(&self, place: &Place) -> Checked<()> {
        place.within("radius_mm", self.radius_mm, 10.0, 2000.0)?;
        place.within("rim_height_mm", self.rim_height_mm, 0.1, 200.0)?;
        place.within("friction", self.friction, 0.0, 2.0)?;
        place.within("albedo", self.albedo, 0.0, 1.0)?;
        let figures = [
            ("thickness_mm", self.thickness_mm, 0.5, 50.0),
            ("refractive_index", self.refractive_index, 1.0, 2.5),
            ("transmission", self.transmission, 0.05, 1.0),
            ("dirt", self.dirt, 0.0, 0.9),
        ];
        for (key, value, low, high) in figures {
            match value {
                Some(_) if self.kind == PlateKind::Opaque => {
                    let fault = place.fault(key, format!("an opaque plate has no `{key}`"));
                    return Err(fault.with_help_boxed("add `kind = \"glass\"` for a plate of glass"));
                }
                Some(value) => place.within(key, value, low, high)?,
                None => {}
            }
        }
        if self.kind == PlateKind::Glass && self.thickness_mm.is_none() {
            return Err(place.fault("thickness_mm", "a plate of glass needs its `thickness_mm`"));
        }
        Ok(())
    }

    /// Why something cannot stand at a height, if it cannot.
    pub(super) fn refuses(&self, height_mm: f64) -> Option<String> {
        match (self.kind, self.thickness_mm) {
            _ if height_mm > 0.0 => None,
            (PlateKind::Opaque, _) => Some("is not above the plate, which is opaque".to_owned()),
            (PlateKind::Glass, thickness) => {
                let least = thickness.unwrap_or(0.0) + LEAST_BELOW_MM;
                (height_mm > -least)
                    .then(|| format!("is in the glass plate or closer below it than {LEAST_BELOW_MM} mm: z has to be −{least} at most"))
            }
        }
    }
}

fn is_opaque(kind: &PlateKind) -> bool {
    *kind == PlateKind::Opaque
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

/// The form of a light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LampKind {
    /// One small lamp.
    #[default]
    Spot,
    /// A ring around its axis.
    Ring,
    /// A bar.
    Bar,
    /// A panel whose lamps shine the same way.
    Panel,
    /// A half sphere, open at its pole, whose rim lies around its position.
    Dome,
}

/// The colour of a light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LampColour {
    /// White, of a correlated colour temperature.
    #[default]
    White,
    /// Red LEDs, 625 nm.
    Red,
    /// Green LEDs, 525 nm.
    Green,
    /// Blue LEDs, 465 nm.
    Blue,
    /// Infrared LEDs, 850 nm.
    Infrared,
}

/// A light with a soft-edged beam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lamp {
    /// Name, for patterns.
    pub name: String,
    /// Its form.
    #[serde(default, skip_serializing_if = "is_spot")]
    pub kind: LampKind,
    /// Of a ring or dome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diameter_mm: Option<f64>,
    /// Of a bar; a panel's width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_mm: Option<f64>,
    /// Of a panel, across its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height_mm: Option<f64>,
    /// Direction of a bar's or panel's length; made perpendicular to the light's axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub along: Option<[f64; 3]>,
    /// Whether a polariser stands before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub polarised: bool,
    /// Where it is.
    pub position_mm: [f64; 3],
    /// What it points at.
    #[serde(default)]
    pub target_mm: [f64; 3],
    /// Half angle of the beam.
    pub beam_half_angle_deg: f64,
    /// Radiance that a white diffuse surface facing the lamp shows where the lamp points. Of coloured light: that a white light of as many photons would
    /// make; what a camera's sensor counts of it follows from the preset's quantum efficiency.
    pub intensity: f64,
    /// Its colour; white if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<LampColour>,
    /// Correlated colour temperature of a white light, kelvin; 5000 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cct_k: Option<f64>,
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

fn is_spot(kind: &LampKind) -> bool {
    *kind == LampKind::Spot
}

/// Flicker of the room's lamps: their light swings around `ambient` at twice the mains' frequency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flicker {
    /// Of the mains.
    pub mains_hz: f64,
    /// Share of the mean, 0 to 1.
    pub depth: f64,
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
        self.plate.check(&place.under("plate"))?;
        let turntable = place.under("turntable");
        turntable.positive("resolution_deg", self.turntable.resolution_deg)?;
        turntable.positive("speed_deg_s", self.turntable.speed_deg_s)?;
        turntable.positive("acceleration_deg_s2", self.turntable.acceleration_deg_s2)?;
        place.within("ambient", self.ambient, 0.0, 10.0)?;
        if let Some(luminance) = self.white_luminance_cd_m2 {
            place.within("white_luminance_cd_m2", luminance, 1e-3, 1e7)?;
        }
        if let Some(flicker) = self.flicker {
            let place = place.under("flicker");
            place.within("mains_hz", flicker.mains_hz, 1.0, 1e5)?;
            place.within("depth", flicker.depth, 0.0, 1.0)?;
        }
        self.check_light(place)?;
        if self.cameras.is_empty() {
            return Err(place.fault("cameras", "a rig without cameras sees nothing").with_help_boxed("add a table `[[cameras]]`"));
        }
        let mut seen = BTreeSet::new();
        for (index, camera) in self.cameras.iter().enumerate() {
            let place = place.under(&format!("cameras.{index}"));
            place.name("id", &camera.id, &mut seen)?;
            camera.check(self, &place)?;
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
            if let Some(why) = self.plate.refuses(lamp.position_mm[2]) {
                return Err(place.fault("position_mm", format!("the lamp {why}")));
            }
            if lamp.position_mm == lamp.target_mm {
                return Err(place.fault("target_mm", "the lamp points at itself"));
            }
            lamp.check_form(&place)?;
            if let Some(cct) = lamp.cct_k {
                if lamp.colour.unwrap_or_default() != LampColour::White {
                    return Err(place.fault("cct_k", "only white light has a colour temperature"));
                }
                place.within("cct_k", cct, 2000.0, 10_000.0)?;
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
}

impl Lamp {
    /// A form has its own sizes, all of them and no others.
    fn check_form(&self, place: &Place) -> Checked<()> {
        let kind = crate::output::word(&self.kind);
        let sizes = [("diameter_mm", self.diameter_mm), ("length_mm", self.length_mm), ("height_mm", self.height_mm)];
        let wanted: &[&str] = match self.kind {
            LampKind::Spot => &[],
            LampKind::Ring | LampKind::Dome => &["diameter_mm"],
            LampKind::Bar => &["length_mm"],
            LampKind::Panel => &["length_mm", "height_mm"],
        };
        for (key, size) in sizes {
            match (wanted.contains(&key), size) {
                (true, Some(size)) => place.within(key, size, 1.0, 5000.0)?,
                (true, None) => return Err(place.fault(key, format!("a light of kind `{kind}` needs `{key}`"))),
                (false, Some(_)) => return Err(place.fault(key, format!("a light of kind `{kind}` has no `{key}`"))),
                (false, None) => {}
            }
        }
        let straight = matches!(self.kind, LampKind::Bar | LampKind::Panel);
        match self.along {
            Some(_) if !straight => return Err(place.fault("along", format!("a light of kind `{kind}` has no direction `along`"))),
            Some(along) => {
                place.finite("along", &along)?;
                let axis = DVec3::from_array(self.target_mm) - DVec3::from_array(self.position_mm);
                if axis.cross(DVec3::from_array(along)).length() < 1e-6 * axis.length() {
                    return Err(place.fault("along", "the light's length would lie along its axis"));
                }
            }
            None if straight => return Err(place.fault("along", format!("a light of kind `{kind}` needs its direction `along`"))),
            None => {}
        }
        Ok(())
    }
}
