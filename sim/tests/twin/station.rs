//! A station and loads that the tests share.

use hardware_hal::glam::{DQuat, DVec3};
use hardware_hal::{Calibration, Intrinsics, PixelFormat, Pose};
use sim::physics::Settled;
use sim::spec::{
    ArtworkSpec, CameraSpec, Face, LampSpec, PackageSpec, PatternSpec, Placement, PlateSpec, PrintQuality, SensorSpec, Shape, SymbolKind,
    SymbolSpec, TurntableSpec, TwinSpec,
};

pub fn lamp(name: &str, position: [f64; 3], intensity: f64) -> LampSpec {
    LampSpec {
        name: name.into(),
        position: DVec3::from_array(position),
        target: DVec3::ZERO,
        beam_half_angle: 0.9,
        intensity,
        parts: 1,
        polarised: false,
        colour: Default::default(),
    }
}

pub fn overhead(width: u32, height: u32, focal_px: f64, distance: f64) -> Calibration {
    let camera_from_rig = Pose::look_at(DVec3::new(0.0, 0.0, distance), DVec3::ZERO, DVec3::Y);
    Calibration { intrinsics: Intrinsics::pinhole(width, height, focal_px), camera_from_rig }
}

pub fn oblique(width: u32, height: u32, focal_px: f64, eye: [f64; 3]) -> Calibration {
    let camera_from_rig = Pose::look_at(DVec3::from_array(eye), DVec3::new(0.0, 0.0, 0.02), DVec3::Z);
    Calibration { intrinsics: Intrinsics::pinhole(width, height, focal_px), camera_from_rig }
}

pub fn camera(id: &str, calibration: Calibration) -> CameraSpec {
    CameraSpec {
        id: id.into(),
        calibration,
        format: PixelFormat::MONO8,
        nominal_exposure_s: 0.01,
        sensor: SensorSpec {
            blur_sigma_px: 0.6,
            electrons_at_white: 8000.0,
            full_well: 10_000.0,
            dark_noise: 6.0,
            black_level: 0.01,
            detail: Default::default(),
        },
        lens: Default::default(),
        shutter: Default::default(),
    }
}

/// A carton with a code of `x_dimension` and an EAN-13 on its front.
pub fn carton(index: usize, x_dimension: f64) -> PackageSpec {
    let size = [0.115 + 0.004 * (index % 5) as f64, 0.072 + 0.003 * (index % 3) as f64, 0.022 + 0.003 * (index % 4) as f64];
    let text = format!("8{:06}{:09}{:04}", 1234 + index, 987_654_321 - index, 4711 + index);
    let symbol = |kind, text: &str, trace, x_dimension, height, centre| SymbolSpec {
        kind,
        text: text.into(),
        trace,
        face: Face::Front,
        x_dimension,
        height,
        centre,
        quarter_turns: 0,
        ink: 0.06,
        ink_pigment: Default::default(),
        paper: 0.85,
        paper_pigment: Default::default(),
        quality: PrintQuality::default(),
    };
    PackageSpec {
        name: format!("Amoxicillin {index}"),
        shape: Shape::Carton { size },
        mass: 0.04,
        symbols: vec![
            symbol(SymbolKind::Code128, &text, true, x_dimension, 0.010, [0.035, 0.05]),
            symbol(SymbolKind::Ean13, "6901234567892", false, 0.00026, 0.012, [0.085, 0.05]),
        ],
        artwork: ArtworkSpec { board: 0.82, band: 0.35, band_pigment: Default::default(), text: 0.12, gloss: 0.04, seed: index as u64 },
        films: Vec::new(),
    }
}

/// Twenty cartons in rings, flat, each turned by its own angle; every fifth stands on its long side.
pub fn placements(packages: &[PackageSpec]) -> Vec<Placement> {
    packages
        .iter()
        .enumerate()
        .map(|(i, package)| {
            let size = package.shape.size();
            let (ring, at) = if i < 7 { (0.115, i as f64 / 7.0) } else { (0.245, (i - 7) as f64 / 13.0) };
            let angle = std::f64::consts::TAU * at;
            let stands = i % 5 == 4;
            let tilt = if stands { DQuat::from_rotation_x(std::f64::consts::FRAC_PI_2) } else { DQuat::IDENTITY };
            let height = if stands { size[1] } else { size[2] } / 2.0;
            Placement {
                rotation: DQuat::from_rotation_z(angle * 1.7 + 0.3 * i as f64) * tilt,
                translation: DVec3::new(ring * angle.cos(), ring * angle.sin(), height),
            }
        })
        .collect()
}

/// A plate of 0.6 m, four lamps, three patterns, two small cameras, and `packages` cartons.
pub fn station(packages: usize) -> TwinSpec {
    let all = |shares: [f64; 4]| shares.iter().copied().enumerate().filter(|(_, s)| *s > 0.0).collect();
    TwinSpec {
        seed: 1,
        plate: PlateSpec { radius: 0.3, rim_height: 0.015, friction: 0.6, albedo: 0.28, glass: None },
        turntable: TurntableSpec { resolution_rad: 1e-4, speed_rad_s: 1.0, acceleration_rad_s2: 4.0 },
        lamps: vec![
            lamp("east", [0.75, 0.1, 0.85], 0.42),
            lamp("north", [-0.25, 0.75, 0.8], 0.36),
            lamp("south-west", [-0.6, -0.55, 0.75], 0.36),
            lamp("top", [0.15, -0.1, 1.3], 0.3),
        ],
        patterns: vec![
            PatternSpec { name: "all".into(), lamps: all([0.7, 0.7, 0.7, 0.6]) },
            PatternSpec { name: "east".into(), lamps: all([1.6, 0.0, 0.0, 0.4]) },
            PatternSpec { name: "low".into(), lamps: all([0.0, 1.2, 1.2, 0.0]) },
        ],
        ambient: 0.08,
        flicker: None,
        cameras: vec![camera("overhead", overhead(512, 384, 600.0, 1.0)), camera("side", oblique(320, 256, 420.0, [0.75, 0.0, 0.55]))],
        packages: (0..packages).map(|i| carton(i, 0.00025)).collect(),
    }
}

/// The station's load where [`placements`] puts it, as if it had been dropped there.
pub fn settled(spec: &TwinSpec) -> Settled {
    Settled {
        placements: placements(&spec.packages),
        settle_time_s: 1.0,
        unsettled: Vec::new(),
        redrops: 0,
        physics_hash: "placed by hand".into(),
    }
}
