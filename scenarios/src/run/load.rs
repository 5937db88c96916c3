//! From files to what the twin is built of: the rig in SI units, the packages drawn from the catalogue.

use std::time::Duration;

use hardware_hal::glam::DVec3;
use scanner_core::codes::{GS, PackLevel};
use scanner_core::product::Product;
use sim::lights::{Light, LightShape};
use sim::load::{Films, Form, PackageKind, PrintDefects, TextRequest, draw_load};
use sim::presets::{LensPreset, SensorPreset};
use sim::random::Streams;
use sim::spec::{
    CameraSpec, Face, Flicker, GlassSpec, LampSpec, LensSpec, Optics, PackageSpec, PatternSpec, PlateSpec, SensorSpec, Shutter, SymbolKind,
    TurntableSpec, TwinSpec, Vignetting,
};
use sim::spectrum::{LightColour, Pigment};

use super::goods::{Batch, Serials};
use crate::error::{Failure, Result};
use crate::scenario::{
    Camera, Defects, FaceName, Film, FormName, InkColour, Kind, Lamp, LampColour, LampKind, PaperColour, PlateKind, Print, Rig, Scenario,
    metres,
};

/// Wavelength that diffraction is reckoned with, m: the middle of a white LED's light.
const WAVELENGTH: f64 = 525e-9;

/// Mean dark current of hot pixels where only their share is given, electrons per second (assumption).
const HOT_PIXEL_CURRENT: f64 = 2e4;

/// Glass whose index and transmission a rig does not say: window glass, 6 mm of it.
const REFRACTIVE_INDEX: f64 = 1.52;
const TRANSMISSION: f64 = 0.98;

/// A load, drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Index into the catalogue's kinds, by package.
    pub kinds: Vec<usize>,
    /// The packages with their prints.
    pub packages: Vec<PackageSpec>,
}

impl Drawn {
    /// The product of a package.
    pub fn product<'a>(&self, scenario: &'a Scenario, package: usize) -> &'a Product {
        &scenario.catalogue.kinds[self.kinds[package]].product
    }

    /// Text and symbology of a package's traceability code.
    pub fn trace(&self, package: usize) -> Option<(&str, SymbolKind)> {
        self.packages[package].symbols.iter().find(|symbol| symbol.trace).map(|symbol| (symbol.text.as_str(), symbol.kind))
    }
}

/// Draws a scenario's load. Streams are named by purpose and package, so a longer load begins with the same packages.
///
/// # Errors
/// A kind that cannot be printed; checking the scenario has caught what it could.
pub fn draw(scenario: &Scenario, seed: u64) -> Result<Drawn> {
    let streams = Streams::new(seed);
    let catalogue = &scenario.catalogue;
    let offered: Vec<f64> = catalogue
        .kinds
        .iter()
        .map(|kind| if scenario.body.kinds(catalogue).any(|offered| offered.product.id == kind.product.id) { kind.weight } else { 0.0 })
        .collect();
    let kinds: Vec<usize> = (0..scenario.body.load.packages)
        .map(|package| streams.stream("package kind", &[u64::from(package)]).weighted(&offered).unwrap_or(0))
        .collect();
    let serials = Serials::new(&streams);
    let said: Vec<PackageKind> = catalogue.kinds.iter().map(|kind| package_kind(kind, kind.print(catalogue))).collect();
    let text = |request: TextRequest<'_>| {
        let product = &catalogue.kinds[request.kind].product;
        match request.symbol {
            SymbolKind::Ean13 => retail_code(product),
            SymbolKind::DataMatrix => element_string(product, request.package as u64, &streams, &serials, scenario),
            SymbolKind::Code128 => serials.code(product, PackLevel::SmallestPack, request.package as u64),
        }
    };
    let packages = draw_load(&said, &kinds, text, seed)
        .map_err(|error| Failure::input(&scenario.catalogue.name, format!("the load cannot be drawn: {error}")))?;
    Ok(Drawn { kinds, packages })
}

/// What stands on the package in large letters: the English name without strength and pack, for the twin prints Latin letters.
fn printed_name(product: &Product) -> String {
    let name = product.names.english.as_deref().unwrap_or(&product.id);
    name.split(',').next().unwrap_or(name).to_owned()
}

/// The retail code: the GTIN as EAN-13.
fn retail_code(product: &Product) -> String {
    product.gtin.as_ref().map_or_else(|| "6900000000007".to_owned(), |gtin| gtin.as_str()[1..].to_owned())
}

/// A GS1 element string: trade item, expiry, batch, serial number.
fn element_string(product: &Product, unit: u64, streams: &Streams, serials: &Serials, scenario: &Scenario) -> String {
    let batch = Batch::of(product, unit, streams, &scenario.body);
    let gtin = product.gtin.as_ref().map_or("06900000000007", |gtin| gtin.as_str());
    let expiry = batch.expiry.to_string().replace('-', "");
    format!("{GS}01{gtin}17{}10{}{GS}21{}", &expiry[2..], batch.number, serials.serial(unit))
}

fn package_kind(kind: &Kind, print: &Print) -> PackageKind {
    let mm = |range: [f64; 2]| range.map(|value| value * 1e-3);
    let weight = |face: Face| {
        let name = match face {
            Face::Front => FaceName::Front,
            Face::Back => FaceName::Back,
            Face::Left => FaceName::Left,
            Face::Right => FaceName::Right,
            Face::Top => FaceName::Top,
            Face::Bottom => FaceName::Bottom,
            _ => return 0.0,
        };
        print.faces.get(&name).copied().unwrap_or(0.0)
    };
    PackageKind {
        name: printed_name(&kind.product),
        form: match kind.form {
            FormName::Carton => Form::Carton,
            FormName::Bottle => Form::Bottle,
            FormName::Tube => Form::Tube,
            FormName::Sleeve => Form::Sleeve,
            FormName::AmpouleTray => Form::AmpouleTray,
            FormName::Pouch => Form::Pouch,
        },
        edges: [mm(kind.size_mm.width), mm(kind.size_mm.height), mm(kind.size_mm.depth)],
        density: kind.density_kg_m3,
        face_weights: Face::ALL.map(weight),
        fold_weight: print.faces.get(&FaceName::OverTopEdge).copied().unwrap_or(0.0),
        data_matrix_share: print.data_matrix_share,
        x_dimension: mm(print.x_dimension_mm),
        module: mm(print.data_matrix_module_mm),
        bar_height: mm(print.bar_height_mm),
        decoy_probability: print.decoy_probability,
        decoy_x_dimension: mm(print.decoy_x_dimension_mm),
        decoy_height: mm(print.decoy_height_mm),
        ink: print.ink,
        ink_pigment: ink_pigment(print.ink_colour),
        paper: print.paper,
        paper_pigment: match print.paper_colour.unwrap_or_default() {
            PaperColour::White => Pigment::Grey,
            PaperColour::Yellow => Pigment::Yellow,
            PaperColour::Orange => Pigment::Orange,
            PaperColour::Red => Pigment::Red,
        },
        board: kind.board,
        band: print.band,
        band_pigment: ink_pigment(print.band_colour),
        text: print.text,
        gloss: kind.gloss,
        defects: print.defects.as_ref().map(print_defects).unwrap_or_default(),
        film: kind.film.as_ref().map(films).unwrap_or_default(),
    }
}

fn ink_pigment(colour: Option<InkColour>) -> Pigment {
    match colour.unwrap_or_default() {
        InkColour::Black => Pigment::Grey,
        InkColour::BlackDye => Pigment::BlackDye,
        InkColour::Red => Pigment::Red,
        InkColour::Orange => Pigment::Orange,
        InkColour::Yellow => Pigment::Yellow,
        InkColour::Green => Pigment::Green,
        InkColour::Blue => Pigment::Blue,
    }
}

/// The colour of a lamp.
pub fn light_colour(lamp: &Lamp) -> LightColour {
    match (lamp.colour.unwrap_or_default(), lamp.cct_k) {
        (LampColour::White, None) => LightColour::REFERENCE,
        (LampColour::White, Some(cct)) => LightColour::White { cct },
        (LampColour::Red, _) => LightColour::RED,
        (LampColour::Green, _) => LightColour::GREEN,
        (LampColour::Blue, _) => LightColour::BLUE,
        (LampColour::Infrared, _) => LightColour::INFRARED,
    }
}

fn films(film: &Film) -> Films {
    let wrinkle_slope = film.wrinkle_deg.unwrap_or_default().map(|degrees| degrees.to_radians().tan());
    Films { wrap_share: film.wrap_share, tape_share: film.tape_share, gloss: film.gloss, wrinkle_slope }
}

fn print_defects(defects: &Defects) -> PrintDefects {
    PrintDefects {
        share: defects.share,
        growth: defects.growth_modules,
        edge_sigma: defects.edge_sigma_modules,
        voids: defects.voids,
        spots: defects.spots,
        mark_diameter: defects.mark_diameter_mm.map(|mm| mm * 1e-3),
        scratches: defects.scratches,
        fading: defects.fading,
    }
}

/// A camera in SI units: figures that the file gives, else those of its presets. Checking has made sure that one of the two is there.
pub fn camera_spec(rig: &Rig, camera: &Camera) -> CameraSpec {
    let said = &camera.sensor;
    let lens_preset = camera.lens.preset.as_deref().and_then(LensPreset::named);
    let sensor_preset = said.preset.as_deref().and_then(SensorPreset::named);
    let exposure_s = Duration::from_secs_f64(camera.exposure_s).as_secs_f64();
    let pitch = camera.pixel_pitch_um().unwrap_or(1.0) * 1e-6;

    let optics = camera.lens.f_number.zip(camera.focal_mm()).map(|(f_number, focal)| Optics {
        focal_length: focal * 1e-3,
        f_number,
        focus_distance: camera.focus_mm() * 1e-3,
        pixel_pitch: pitch,
        wavelength: WAVELENGTH,
    });
    let own = |preset: &LensPreset| preset.lens(preset.fastest, camera.focus_mm() * 1e-3, pitch).vignetting;
    let vignetting = match camera.lens.vignetting {
        Some(given) => Vignetting { cosine_power: given.cosine_power, radial: given.radial },
        None => lens_preset.map(own).unwrap_or_default(),
    };

    let blur = said.blur_sigma_px.or(lens_preset.map(|lens| lens.blur / pitch)).unwrap_or(0.0);
    let follows = || Some(sensor_preset?.electrons_at(rig.white_luminance_cd_m2?, optics.as_ref()?, exposure_s));
    let electrons = said.electrons_at_white.or_else(follows).unwrap_or(1.0);
    let base = sensor_preset.map(|preset| preset.sensor(blur, electrons));
    let given = |said: Option<f64>, preset: fn(&SensorSpec) -> f64| said.or(base.as_ref().map(preset)).unwrap_or(0.0);
    let mut detail = base.as_ref().map(|sensor| sensor.detail).unwrap_or_default();
    detail.dark_current = said.dark_current_e_s.unwrap_or(detail.dark_current);
    detail.prnu = said.prnu.unwrap_or(detail.prnu);
    detail.dsnu = said.dsnu_e.unwrap_or(detail.dsnu);
    detail.hot_pixels = said.hot_pixels.unwrap_or(detail.hot_pixels);
    if detail.hot_pixels > 0.0 && detail.hot_pixel_current == 0.0 {
        detail.hot_pixel_current = HOT_PIXEL_CURRENT;
    }
    if said.full_well.is_some() {
        // Another full well than the preset's has another gain: full well at full scale.
        detail.system_gain = None;
    }
    let shutter = match said.line_time_us {
        Some(0.0) => Shutter::Global,
        Some(line_time) => Shutter::Rolling { line_time_s: line_time * 1e-6 },
        None => sensor_preset.map(|preset| preset.shutter).unwrap_or_default(),
    };
    CameraSpec {
        id: camera.id.clone(),
        calibration: camera.calibration(),
        format: camera.format(),
        nominal_exposure_s: exposure_s,
        sensor: SensorSpec {
            blur_sigma_px: blur,
            electrons_at_white: electrons,
            full_well: given(said.full_well, |sensor| sensor.full_well),
            dark_noise: given(said.dark_noise, |sensor| sensor.dark_noise),
            black_level: given(said.black_level, |sensor| sensor.black_level),
            detail,
        },
        lens: LensSpec { optics, vignetting, analyser: camera.lens.analyser },
        shutter,
    }
}

fn light(lamp: &Lamp) -> Light {
    let mm = |length: Option<f64>| length.unwrap_or(0.0) * 1e-3;
    let along = lamp.along.map_or(DVec3::X, DVec3::from_array);
    Light {
        name: lamp.name.clone(),
        shape: match lamp.kind {
            LampKind::Spot => LightShape::Spot,
            LampKind::Ring => LightShape::Ring { diameter: mm(lamp.diameter_mm) },
            LampKind::Bar => LightShape::Bar { length: mm(lamp.length_mm), along },
            LampKind::Panel => LightShape::Panel { size: [mm(lamp.length_mm), mm(lamp.height_mm)], along },
            LampKind::Dome => LightShape::Dome { diameter: mm(lamp.diameter_mm) },
        },
        position: metres(lamp.position_mm),
        target: metres(lamp.target_mm),
        beam_half_angle: lamp.beam_half_angle_deg.to_radians(),
        intensity: lamp.intensity,
        polarised: lamp.polarised,
        colour: light_colour(lamp),
    }
}

/// What the twin is built of.
pub fn twin_spec(rig: &Rig, packages: Vec<PackageSpec>, seed: u64) -> TwinSpec {
    let lights: Vec<Light> = rig.lamps.iter().map(light).collect();
    let lamps: Vec<LampSpec> = lights.iter().flat_map(Light::lamps).collect();
    // A pattern lights all lamps of a light.
    let lamps_of = |name: &str, share: f64| {
        let of_it = lamps.iter().enumerate().filter(move |(_, lamp)| lamp.name == name);
        of_it.map(move |(index, _)| (index, share)).collect::<Vec<_>>()
    };
    TwinSpec {
        seed,
        plate: PlateSpec {
            radius: rig.plate.radius_mm * 1e-3,
            rim_height: rig.plate.rim_height_mm * 1e-3,
            friction: rig.plate.friction,
            albedo: rig.plate.albedo,
            glass: (rig.plate.kind == PlateKind::Glass).then(|| GlassSpec {
                thickness: rig.plate.thickness_mm.unwrap_or(0.0) * 1e-3,
                index: rig.plate.refractive_index.unwrap_or(REFRACTIVE_INDEX),
                transmission: rig.plate.transmission.unwrap_or(TRANSMISSION),
                dirt: rig.plate.dirt.unwrap_or(0.0),
            }),
        },
        turntable: TurntableSpec {
            resolution_rad: rig.turntable.resolution_deg.to_radians(),
            speed_rad_s: rig.turntable.speed_deg_s.to_radians(),
            acceleration_rad_s2: rig.turntable.acceleration_deg_s2.to_radians(),
        },
        lamps: lamps.clone(),
        patterns: rig
            .patterns
            .iter()
            .map(|pattern| PatternSpec {
                name: pattern.name.clone(),
                // Checking has made sure that every lamp is there.
                lamps: pattern.lamps.iter().flat_map(|(lamp, share)| lamps_of(lamp, *share)).collect(),
            })
            .collect(),
        ambient: rig.ambient,
        flicker: rig.flicker.map(|flicker| Flicker { mains_hz: flicker.mains_hz, depth: flicker.depth }),
        cameras: rig.cameras.iter().map(|camera| camera_spec(rig, camera)).collect(),
        packages,
    }
}
