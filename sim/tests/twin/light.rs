//! Rendered pixels against the reference shading.

use hardware_hal::glam::{DQuat, DVec3};
use hardware_hal::{Calibration, rig_from_plate};
use sim::lights::{Light, LightShape};
use sim::render::scene::Scene;
use sim::render::{Renderer, Shot};
use sim::shading::{radiance, varnish};
use sim::spec::{ArtworkSpec, Creases, Face, FilmSpec, PackageSpec, Placement, Shape, TwinSpec, Wrinkles};
use sim::twin::Twin;

use crate::station::{self, oblique, overhead};

const SHARES: [f64; 4] = [0.7, 0.4, 0.9, 0.3];

/// The point of a horizontal plane that a pixel's centre looks at, m.
fn point_of_pixel(calibration: &Calibration, x: f64, y: f64, height: f64) -> DVec3 {
    let i = &calibration.intrinsics;
    let ray = DVec3::new((x - i.principal_px[0]) / i.focal_px[0], (y - i.principal_px[1]) / i.focal_px[1], 1.0);
    let rig_from_camera = calibration.camera_from_rig.inverse();
    let direction = rig_from_camera.rotation * ray;
    let eye = rig_from_camera.translation;
    eye + direction * ((height - eye.z) / direction.z)
}

fn lamps(spec: &TwinSpec) -> Vec<(&sim::spec::LampSpec, f64)> {
    spec.lamps.iter().zip(SHARES).collect()
}

#[test]
fn the_empty_plate_shows_the_reference_shading() {
    let spec = station::station(0);
    let renderer = Renderer::start(Scene::new(&spec, &[]).unwrap(), 3000.0).unwrap();
    for calibration in [overhead(160, 120, 240.0, 1.0), oblique(160, 120, 260.0, [0.6, -0.4, 0.7])] {
        let picture = renderer.render(Shot::at_rest(calibration, 0.7, SHARES.to_vec())).unwrap();
        let mut worst: f64 = 0.0;
        let mut count = 0;
        for y in 0..120 {
            for x in 0..160 {
                let point = point_of_pixel(&calibration, f64::from(x), f64::from(y), 0.0);
                // The inner part of the plate, which the rim never covers.
                if point.length() < 0.22 {
                    let to_eye = (calibration.eye() - point).normalize();
                    let wanted = radiance(point, DVec3::Z, to_eye, spec.plate.albedo, 0.0, lamps(&spec), spec.ambient, false).total();
                    let found = f64::from(picture.pixels[(y * 160 + x) as usize]);
                    worst = worst.max((found / wanted - 1.0).abs());
                    count += 1;
                }
            }
        }
        assert!(count > 2000, "{count} pixels");
        // The light map holds half floats, 11 bits.
        assert!(worst < 1e-3, "off by a share of {worst}");
    }
}

/// A flat carton, white all over: blocks of the artwork are lighter than its bands.
fn white_carton(gloss: f64, films: Vec<FilmSpec>) -> PackageSpec {
    PackageSpec {
        name: String::new(),
        shape: Shape::Carton { size: [0.3, 0.3, 0.04] },
        mass: 0.1,
        symbols: Vec::new(),
        artwork: ArtworkSpec { board: 1.0, band: 1.0, band_pigment: Default::default(), text: 1.0, gloss, seed: 1 },
        films,
    }
}

/// Pixels of 160 × 120 that see the upper face of a spec's one [`white_carton`], which lies in the middle of the plate turned by 0.2 rad: the point that
/// they look at, the same on the carton, and what they show.
fn upper_face(spec: &TwinSpec, analyser: bool, calibration: Calibration, shares: &[f64]) -> Vec<(DVec3, DVec3, f64)> {
    let placement = Placement { rotation: DQuat::IDENTITY, translation: DVec3::new(0.0, 0.0, 0.02) };
    let renderer = Renderer::start(Scene::new(spec, &[placement]).unwrap(), 3000.0).unwrap();
    let picture = renderer.render(Shot { analyser, ..Shot::at_rest(calibration, 0.2, shares.to_vec()) }).unwrap();
    let seen = |(index, found): (usize, &f32)| {
        let point = point_of_pixel(&calibration, (index % 160) as f64, (index / 160) as f64, 0.04);
        let on_carton = rig_from_plate(-0.2).transform_point(point);
        let inside = on_carton.x.abs() <= 0.145 && on_carton.y.abs() <= 0.145;
        inside.then(|| (point, on_carton, f64::from(*found)))
    };
    picture.pixels.iter().enumerate().filter_map(seen).collect()
}

/// A white varnished carton under a spec's lamps, held against the reference: (worst difference as a share, pixels, largest ratio of
/// mirrored to scattered light).
fn varnished(mut spec: TwinSpec, calibration: Calibration, shares: &[f64], analyser: bool) -> (f64, usize, f64) {
    spec.packages = vec![white_carton(0.05, Vec::new())];
    let pixels = upper_face(&spec, analyser, calibration, shares);
    let (mut worst, mut glare): (f64, f64) = (0.0, 0.0);
    for &(point, _, found) in &pixels {
        let to_eye = (calibration.eye() - point).normalize();
        let lamps = spec.lamps.iter().zip(shares.iter().copied());
        let wanted = radiance(point, DVec3::Z, to_eye, 1.0, 0.05, lamps, spec.ambient, analyser);
        // Visible shares are held in 8 bits.
        worst = worst.max((found - wanted.total()).abs() / (0.005 + wanted.total()));
        glare = glare.max(wanted.specular / wanted.diffuse);
    }
    (worst, pixels.len(), glare)
}

#[test]
fn glare_on_varnish_is_the_reference_shading() {
    // Opposite the first lamp, in its mirror direction.
    let calibration = oblique(160, 120, 300.0, [-0.75, -0.1, 0.85]);
    let (worst, count, glare) = varnished(station::station(0), calibration, &SHARES, false);
    assert!(count > 2000 && glare > 1.5, "{glare} over {count} pixels");
    assert!(worst < 6e-3, "off by a share of {worst}");
}

#[test]
fn a_ring_glares_with_all_its_lamps_and_crossed_polarisers_put_it_out() {
    let ring = Light {
        name: "ring".into(),
        shape: LightShape::Ring { diameter: 0.3 },
        position: DVec3::new(0.0, 0.0, 0.8),
        target: DVec3::ZERO,
        beam_half_angle: 1.0,
        intensity: 0.8,
        polarised: true,
        colour: Default::default(),
    };
    // Without the room, whose mirror image no polariser before the lamps puts out.
    let spec = TwinSpec { lamps: ring.lamps(), ambient: 0.0, ..station::station(0) };
    assert_eq!(spec.lamps.len(), 12);
    let calibration = overhead(160, 120, 240.0, 0.9);
    let (worst, count, open) = varnished(spec.clone(), calibration, &[1.0; 12], false);
    // The light of one lamp spread over twelve: each mirror image is weaker, several add up.
    assert!(count > 2000 && open > 0.2, "{open} over {count} pixels");
    assert!(worst < 8e-3, "off by a share of {worst}");
    let (worst, _, crossed) = varnished(spec, calibration, &[1.0; 12], true);
    assert!((crossed / open - 0.02).abs() < 1e-9, "{crossed} of {open}");
    assert!(worst < 8e-3, "off by a share of {worst}");
}

#[test]
fn wrinkles_lean_the_mirror_and_nothing_else() {
    let creases = |wave, phase, slope| Creases { wave, phase, slope };
    let wrinkles = Wrinkles { families: [creases([120.0, 40.0], 0.4, 0.12), creases([-30.0, 90.0], 1.9, 0.05)] };
    let film = FilmSpec { face: Face::Front, rect: [[0.0; 2], [0.3; 2]], gloss: 0.05, transmission: 0.9, wrinkles: Some(wrinkles) };
    let spec = TwinSpec { packages: vec![white_carton(0.0, vec![film])], ..station::station(0) };
    let calibration = oblique(160, 120, 300.0, [-0.75, -0.1, 0.85]);
    let pixels = upper_face(&spec, false, calibration, &SHARES);
    let (count, mut worst, mut moved): (_, f64, f64) = (pixels.len(), 0.0, 0.0);
    for (point, on_carton, found) in pixels {
        let to_eye = (calibration.eye() - point).normalize();
        let lean = wrinkles.lean([on_carton.x + 0.15, 0.15 - on_carton.y]);
        let normal = rig_from_plate(0.2).rotation * DVec3::new(lean[0], -lean[1], 1.0).normalize();
        let flat = radiance(point, DVec3::Z, to_eye, 0.9, 0.05, lamps(&spec), spec.ambient, false);
        let mirrored: f64 = lamps(&spec).iter().map(|(lamp, share)| share * varnish(lamp, point, normal, to_eye, 0.05)).sum();
        let wanted = flat.diffuse + mirrored;
        worst = worst.max((found - wanted).abs() / (0.005 + wanted));
        moved = moved.max((mirrored - flat.specular).abs());
    }
    assert!(count > 2000 && moved > 1.0, "glare moved by {moved} over {count} pixels");
    assert!(worst < 0.02, "off by a share of {worst}");
}

#[test]
fn a_carton_throws_a_shadow_away_from_the_lamp() {
    let mut spec = station::station(1);
    spec.packages[0].shape = Shape::Carton { size: [0.12, 0.08, 0.06] };
    let placement = Placement { rotation: DQuat::IDENTITY, translation: DVec3::new(0.0, 0.0, 0.03) };
    let renderer = Renderer::start(Scene::new(&spec, &[placement]).unwrap(), 3000.0).unwrap();
    let calibration = overhead(160, 120, 240.0, 1.0);
    let picture = renderer.render(Shot::at_rest(calibration, 0.0, vec![1.0, 0.0, 0.0, 0.0])).unwrap();
    let at = |point: DVec3| {
        let p = calibration.project(point).unwrap();
        f64::from(picture.pixels[p.y.round() as usize * 160 + p.x.round() as usize])
    };
    // The lamp is in the east, 0.75 m out and 0.85 m up: a carton 6 cm high shades 5 cm to its west.
    let dark = at(DVec3::new(-0.085, 0.0, 0.0));
    let lit = at(DVec3::new(0.085, 0.0, 0.0));
    // There the room's light is left, but for what the carton itself stands before: a part of (1 − cos 67°)/2, less what it scatters itself.
    let room = spec.plate.albedo * spec.ambient;
    assert!((0.75 * room..0.98 * room).contains(&dark), "{dark} of {room}");
    assert!(lit > 0.1, "{lit}");
    assert!(at(DVec3::new(-0.16, 0.0, 0.0)) > 0.08);
}

#[test]
fn a_lamp_or_camera_inside_a_package_is_named() {
    let spec = station::station(1);
    let settled = station::settled(&spec);
    let middle = settled.placements[0].translation;
    let mut lit = spec.clone();
    lit.lamps[1].position = middle;
    let error = Twin::with_load(lit, settled.clone()).err().unwrap().to_string();
    assert!(error.contains("lamp `north` is inside package 0"), "{error}");
    let mut seen = spec;
    seen.cameras[0].calibration = overhead(160, 120, 240.0, middle.z);
    seen.cameras[0].calibration.camera_from_rig = hardware_hal::Pose::look_at(middle, middle - DVec3::Z, DVec3::Y);
    let error = Twin::with_load(seen, settled).err().unwrap().to_string();
    assert!(error.contains("camera `overhead` is inside package 0"), "{error}");
}
