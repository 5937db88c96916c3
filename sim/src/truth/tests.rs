use hardware_hal::glam::{DQuat, DVec3};
use hardware_hal::{Calibration, Intrinsics, PixelFormat, PixelLayout, Pose};

use super::*;
use crate::artwork::testing::symbol;
use crate::spec::{ArtworkSpec, LampSpec, PackageSpec, PlateSpec, SensorSpec, SymbolSpec, TurntableSpec};

const CODE: &str = "81234567890123456789";

fn package(name: &str, size: [f64; 3]) -> PackageSpec {
    let artwork = ArtworkSpec { board: 0.8, band: 0.3, band_pigment: Default::default(), text: 0.1, gloss: 0.0, seed: 1 };
    PackageSpec { name: name.into(), shape: Shape::Carton { size }, mass: 0.05, symbols: Vec::new(), artwork, films: Vec::new() }
}

/// A carton of 100 × 60 × 30 mm with a code of X = 0.25 mm and 10 mm high in the middle of its front, and blank cartons.
fn scene(kind: SymbolKind, others: &[[f64; 3]]) -> TwinSpec {
    let mut first = package("first", [0.1, 0.06, 0.03]);
    first.symbols.push(SymbolSpec { ink: 0.05, paper: 0.8, ..symbol(kind, CODE) });
    let lamp = |position| LampSpec {
        name: "lamp".into(),
        position,
        target: DVec3::ZERO,
        beam_half_angle: 1.0,
        intensity: 0.8,
        parts: 1,
        polarised: false,
        colour: Default::default(),
    };
    TwinSpec {
        seed: 1,
        plate: PlateSpec { radius: 0.3, rim_height: 0.015, friction: 0.5, albedo: 0.2, glass: None },
        turntable: TurntableSpec { resolution_rad: 1e-3, speed_rad_s: 1.0, acceleration_rad_s2: 2.0 },
        lamps: vec![lamp(DVec3::new(0.01, 0.0, 1.03)), lamp(DVec3::new(1.0, 0.0, 1.03))],
        patterns: vec![
            PatternSpec { name: "at the camera".into(), lamps: vec![(0, 1.0)] },
            PatternSpec { name: "from the side".into(), lamps: vec![(1, 1.0)] },
        ],
        ambient: 0.05,
        flicker: None,
        cameras: Vec::new(),
        packages: std::iter::once(first).chain(others.iter().map(|size| package("other", *size))).collect(),
    }
}

fn camera(size: [u32; 2], eye: DVec3, target: DVec3, up: DVec3) -> CameraSpec {
    CameraSpec {
        id: "camera".into(),
        calibration: Calibration {
            intrinsics: Intrinsics::pinhole(size[0], size[1], 2000.0),
            camera_from_rig: Pose::look_at(eye, target, up),
        },
        format: PixelFormat { layout: PixelLayout::Mono, bits: 8 },
        nominal_exposure_s: 0.01,
        sensor: SensorSpec {
            blur_sigma_px: 0.4,
            electrons_at_white: 8e3,
            full_well: 1e4,
            dark_noise: 5.0,
            black_level: 0.01,
            detail: Default::default(),
        },
        lens: Default::default(),
        shutter: Default::default(),
    }
}

/// One metre above the front of the carton: 2000 px/m there.
fn above() -> CameraSpec {
    camera([401, 301], DVec3::new(0.0, 0.0, 1.03), DVec3::ZERO, DVec3::Y)
}

fn at(x: f64, y: f64, z: f64) -> Placement {
    Placement { rotation: DQuat::IDENTITY, translation: DVec3::new(x, y, z) }
}

fn only(spec: &TwinSpec, placements: &[Placement], camera: &CameraSpec, angle: f64, pattern: usize) -> CodeTruth {
    let truths = frame_truth(spec, placements, &View::at_rest(camera, angle, &spec.patterns[pattern])).unwrap();
    assert_eq!(truths.len(), 1);
    truths[0].clone()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[test]
fn a_code_straight_under_the_camera() {
    let spec = scene(SymbolKind::Code128, &[]);
    let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &above(), 0.0, 1);
    // 145 × 0.25 mm are 36.25 mm, so 72.5 px around the principal point (200, 150); 10 mm are 20 px.
    let expected = [[163.75, 140.0], [236.25, 140.0], [236.25, 160.0], [163.75, 160.0]];
    for (corner, expected) in truth.corners.iter().zip(expected) {
        assert!(close(corner[0], expected[0]) && close(corner[1], expected[1]), "{:?}", truth.corners);
    }
    assert_eq!((truth.visible_fraction, truth.visible, truth.trace, truth.package, truth.symbol), (1.0, true, true, 0, 0));
    assert!(close(truth.px_per_module, 0.5) && close(truth.incidence_deg, 0.0) && close(truth.grid_angle_deg, 0.0), "{truth:?}");
    assert!(close(truth.blur_modules, 0.8) && close(truth.contrast, 0.9375));
    assert_eq!((truth.glare_share, truth.motion_blur_px), (0.0, 0.0));
    assert!(truth.nominal());
}

#[test]
fn a_matrix_has_its_finders_corner_first_and_clockwise() {
    let spec = scene(SymbolKind::DataMatrix, &[]);
    let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &above(), 0.0, 1);
    // 16 × 0.25 mm are 8 px; bottom left, top left, top right, bottom right.
    let expected = [[196.0, 154.0], [196.0, 146.0], [204.0, 146.0], [204.0, 154.0]];
    for (corner, expected) in truth.corners.iter().zip(expected) {
        assert!(close(corner[0], expected[0]) && close(corner[1], expected[1]), "{:?}", truth.corners);
    }
    assert!(close(truth.px_per_module, 0.5) && truth.visible);
    // A matrix needs all of itself and its quiet zone: a strip of 0.1 mm over the quiet zone's edge hides it.
    let spec = scene(SymbolKind::DataMatrix, &[[0.05, 0.05, 0.01]]);
    let truth = only(&spec, &[at(0.0, 0.0, 0.015), at(0.025 + 2.15e-3, 0.0, 0.035)], &above(), 0.0, 1);
    assert!(!truth.visible && truth.visible_fraction > 0.95, "{truth:?}");
}

#[test]
fn what_stands_above_a_code_hides_it() {
    let spec = scene(SymbolKind::Code128, &[[0.1, 0.1, 0.01]]);
    let truth = |x, y| only(&spec, &[at(0.0, 0.0, 0.015), at(x, y, 0.035)], &above(), 0.0, 1);
    // It rests on the front, so its lower edge hides exactly what lies below it.
    let all = truth(0.0, 0.0);
    assert_eq!((all.visible_fraction, all.visible), (0.0, false));
    let right_half = truth(0.05, 0.0);
    assert_eq!((right_half.visible_fraction, right_half.visible), (0.5, false), "no row is whole");
    let upper_half = truth(0.0, 0.05);
    assert_eq!((upper_half.visible_fraction, upper_half.visible), (0.5, true), "half of the bar height is whole");
    let more = truth(0.0, 0.0492);
    assert_eq!((more.visible_fraction, more.visible), (0.4375, false));
    // A quiet zone counts: it reaches 20.625 mm from the centre.
    let quiet = truth(0.05 + 0.0195, 0.0);
    assert_eq!((quiet.visible_fraction, quiet.visible), (93.0 / 96.0, false), "1.125 mm of 41.25 mm are 3 of 96 columns");
    assert!(truth(0.05 + 0.0207, 0.0).visible);
}

#[test]
fn a_code_face_down_is_hidden_by_its_own_package() {
    let spec = scene(SymbolKind::Code128, &[]);
    let down = Placement { rotation: DQuat::from_rotation_x(std::f64::consts::PI), translation: DVec3::new(0.0, 0.0, 0.015) };
    let truth = only(&spec, &[down], &above(), 0.0, 1);
    assert_eq!((truth.visible_fraction, truth.visible), (0.0, false));
    assert!(close(truth.incidence_deg, 180.0) && !truth.nominal());
}

#[test]
fn the_frames_edge_cuts() {
    let spec = scene(SymbolKind::Code128, &[]);
    // 40 px are 20 mm of the 41.25 mm that the code takes with its quiet zones: 46 or 47 of 96 columns.
    let camera = camera([40, 301], DVec3::new(0.0, 0.0, 1.03), DVec3::ZERO, DVec3::Y);
    let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &camera, 0.0, 1);
    assert!(!truth.visible && (truth.visible_fraction - 20.0 / 41.25).abs() < 1.0 / 96.0, "{truth:?}");
    assert!(truth.corners[0][0] < 0.0, "corners may lie outside");
}

#[test]
fn seen_from_the_side_and_turned() {
    let spec = scene(SymbolKind::Code128, &[]);
    let camera = camera([801, 801], DVec3::new(0.0, -1.0, 1.03), DVec3::new(0.0, 0.0, 0.03), DVec3::Z);
    let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &camera, 0.0, 1);
    // All of the reading line lies √2 m deep.
    assert!(close(truth.px_per_module, 0.5 / 2f64.sqrt()) && close(truth.incidence_deg, 45.0), "{truth:?}");
    for (turn, expected) in [(30f64, 30.0), (60.0, 30.0), (100.0, 10.0), (225.0, 45.0)] {
        let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &above(), turn.to_radians(), 1);
        assert!(close(truth.grid_angle_deg, expected) && truth.visible, "{truth:?}");
    }
    // Seen along the reading direction, the far end is the smaller one: 1/z² falls off along the line of sight.
    let oblique = self::camera([801, 801], DVec3::new(-1.0, 0.0, 1.03), DVec3::new(0.0, 0.0, 0.03), DVec3::Z);
    let truth = only(&spec, &[at(0.0, 0.0, 0.015)], &oblique, 0.0, 1);
    // A point at x is (√2 + x/√2) m deep and (x/√2) m off the axis: dpx/dx = 2000·√2·(1/√2)/depth², smallest at x = 18.125 mm.
    let depth = 2f64.sqrt() + 0.018125 / 2f64.sqrt();
    assert!((truth.px_per_module - 0.25e-3 * 2000.0 / depth.powi(2)).abs() < 1e-5, "{truth:?}");
}

#[test]
fn a_glossy_code_glares_in_the_mirror_direction_only() {
    let mut spec = scene(SymbolKind::Code128, &[]);
    spec.packages[0].artwork.gloss = 0.05;
    let truth = |spec: &TwinSpec, pattern| only(spec, &[at(0.0, 0.0, 0.015)], &above(), 0.0, pattern).glare_share;
    assert_eq!(truth(&spec, 0), 1.0);
    assert_eq!(truth(&spec, 1), 0.0);
    spec.packages[0].artwork.gloss = 0.0;
    assert_eq!(truth(&spec, 0), 0.0);
}

#[test]
fn a_code_around_a_bottle_shows_as_far_as_it_faces_the_camera() {
    let mut spec = scene(SymbolKind::Code128, &[]);
    // 36.25 mm of code and 41.25 mm with its quiet zones, around a bottle of radius r: ± 20.625 mm ÷ r of arc.
    let truth = |spec: &mut TwinSpec, radius: f64| {
        spec.packages[0].shape = Shape::Bottle { radius, height: 0.06 };
        spec.packages[0].symbols[0].face = Face::Around;
        spec.packages[0].symbols[0].centre = [std::f64::consts::PI * radius, 0.03];
        // Lying, the middle of the label up, its top 1 m below the camera.
        only(spec, &[at(0.0, 0.0, 0.03 - radius)], &above(), 0.0, 1)
    };
    let wide = truth(&mut spec, 0.05);
    assert!(wide.visible && wide.visible_fraction == 1.0 && close(wide.incidence_deg, 0.0), "{wide:?}");
    // At the code's ends, 18.125 mm of arc out, it leans by 20.77° and lies r·(1 − cos) deeper.
    let arc = 0.018125f64 / 0.05;
    let (x, depth) = (0.05 * arc.sin(), 1.0 + 0.05 * (1.0 - arc.cos()));
    assert!((wide.corners[1][0] - (200.0 + 2000.0 * x / depth)).abs() < 1e-6, "{:?}", wide.corners);
    // d/ds of 2000·r·sin(s/r) ÷ (1 + r·(1 − cos(s/r))) at that end.
    let slope = 2000.0 * (arc.cos() * depth - 0.05 * arc.sin() * arc.sin()) / (depth * depth);
    assert!((wide.px_per_module - 0.25e-3 * slope).abs() < 1e-5, "{wide:?}");
    // A narrow bottle turns both ends away: what is seen faces the camera, which 1 m away sees almost half of it.
    let narrow = truth(&mut spec, 0.012);
    let seen = 0.012 * (0.012f64 / 1.012).acos() / 0.020625;
    assert!(!narrow.visible && (narrow.visible_fraction - seen).abs() < 0.02, "{} instead of {seen}", narrow.visible_fraction);
}

#[test]
fn a_turning_plate_blurs() {
    let spec = scene(SymbolKind::Code128, &[]);
    let camera = above();
    let view = View { plate_speed_rad_s: 1.0, exposure_s: 0.01, ..View::at_rest(&camera, 0.0, &spec.patterns[1]) };
    // 0.1 m from the axis at 1 rad/s for 10 ms: an arc of 1 mm, 2 px.
    let truth = &frame_truth(&spec, &[at(0.0, 0.1, 0.015)], &view).unwrap()[0];
    assert!((truth.motion_blur_px - 2.0).abs() < 1e-4, "{truth:?}");
}
