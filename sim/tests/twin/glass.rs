//! A glass plate with a camera below, against rays that are traced through the pane surface by surface.

use hardware_hal::glam::{DQuat, DVec3};
use hardware_hal::{Calibration, Intrinsics, Pose};
use sim::artwork::{PlacedSymbol, SymbolPattern};
use sim::glass::{Pane, lamp_radiance};
use sim::render::scene::Scene;
use sim::render::{Renderer, Shot};
use sim::shading::LAMP_RADIUS;
use sim::spec::{ArtworkSpec, GlassSpec, PackageSpec, PatternSpec, Placement, Shape, SymbolKind, TwinSpec};
use sim::truth::{View, frame_truth};
use sim::twin::Twin;

use crate::bars::{self, bars_darkness};
use crate::station;

const GLASS: GlassSpec = GlassSpec { thickness: 0.008, index: 1.52, transmission: 0.97, dirt: 0.0 };

/// A camera below, looking up.
fn below(width: u32, height: u32, focal_px: f64, eye: [f64; 3], target: [f64; 3]) -> Calibration {
    let camera_from_rig = Pose::look_at(DVec3::from_array(eye), DVec3::from_array(target), DVec3::Y);
    Calibration { intrinsics: Intrinsics::pinhole(width, height, focal_px), camera_from_rig }
}

/// Snell's law for unit vectors: the direction behind a horizontal surface.
fn refracted(ray: DVec3, from: f64, to: f64) -> DVec3 {
    let flat = DVec3::new(ray.x, ray.y, 0.0) * (from / to);
    DVec3::new(flat.x, flat.y, (1.0 - flat.length_squared()).sqrt())
}

/// The ray above the pane of a line of sight from below, traced through both surfaces: (a point of it, its direction).
fn traced(calibration: &Calibration, glass: &GlassSpec, x: f64, y: f64) -> (DVec3, DVec3) {
    let i = &calibration.intrinsics;
    let rig_from_camera = calibration.camera_from_rig.inverse();
    // Against the distortion by a fixed point, which converges for what cameras have.
    let plain = Calibration { intrinsics: Intrinsics { distortion: [0.0; 5], ..*i }, ..*calibration };
    let mut at = [x, y];
    let ray = |at: [f64; 2]| DVec3::new((at[0] - i.principal_px[0]) / i.focal_px[0], (at[1] - i.principal_px[1]) / i.focal_px[1], 1.0);
    for _ in 0..60 {
        let falls = calibration.project(plain.camera_from_rig.inverse().transform_point(ray(at))).unwrap();
        at = [at[0] + x - falls.x, at[1] + y - falls.y];
    }
    let (mut point, mut direction) = (rig_from_camera.translation, (rig_from_camera.rotation * ray(at)).normalize());
    for (level, from, to) in [(-glass.thickness, 1.0, glass.index), (0.0, glass.index, 1.0)] {
        point += direction * ((level - point.z) / direction.z);
        direction = refracted(direction, from, to);
    }
    (point, direction)
}

/// The station's plate of glass, and a carton whose code faces down.
fn scene(turn: DQuat, height: f64) -> (TwinSpec, Vec<Placement>, PlacedSymbol) {
    let (mut spec, mut placements, symbol) = bars::scene(SymbolKind::Code128, "81234560123456789012");
    spec.plate.glass = Some(GLASS);
    placements[0] =
        Placement { rotation: turn * DQuat::from_rotation_x(std::f64::consts::PI), translation: DVec3::new(0.03, -0.02, height) };
    (spec, placements, symbol)
}

#[test]
fn bars_and_ground_truth_are_where_rays_through_the_pane_meet_them() {
    let flat = (DQuat::IDENTITY, 0.01);
    let leaning = (DQuat::from_rotation_y(0.35) * DQuat::from_rotation_x(0.2), 0.045);
    let views = [
        below(600, 460, 1500.0, [0.0, 0.0, -0.3], [0.02, -0.01, 0.0]),
        // Seen at 40° from the normal, where the pane shifts by a millimetre more than straight up: six pixels.
        below(600, 460, 1700.0, [-0.22, 0.02, -0.28], [0.03, -0.02, 0.0]),
    ];
    for (turn, height) in [flat, leaning] {
        let (mut spec, placements, symbol) = scene(turn, height);
        let renderer = Renderer::start(Scene::new(&spec, &placements).unwrap(), 4000.0).unwrap();
        for (calibration, distortion) in views.iter().flat_map(|c| [[0.0; 5], [-0.15, 0.03, 1e-3, -5e-4, 0.0]].map(|d| (*c, d))) {
            let calibration = Calibration { intrinsics: Intrinsics { distortion, ..calibration.intrinsics }, ..calibration };
            let picture = renderer.render(Shot::at_rest(calibration, 0.0, vec![0.0; 4])).unwrap();
            let package = Pose { rotation: placements[0].rotation, translation: placements[0].translation };
            let face = spec.packages[0].shape;
            let normal = package.rotation * DVec3::Z;
            let corner = package.transform_point(face.point(sim::spec::Face::Front, 0.0, 0.0));
            let on_face = |x: f64, y: f64| {
                let (point, ray) = traced(&calibration, &GLASS, x, y);
                let hit = point + ray * (normal.dot(corner - point) / normal.dot(ray)) - corner;
                let uv = [hit.dot(package.rotation * DVec3::X), hit.dot(package.rotation * DVec3::NEG_Y)];
                let from = [uv[0] - symbol.origin[0], uv[1] - symbol.origin[1]];
                ([symbol.along, symbol.down].map(|axis| from[0] * axis[0] + from[1] * axis[1]), -ray.z * normal.z, ray.z)
            };

            // Ground truth: the corner's pixel looks at the corner.
            spec.cameras = vec![station::camera("below", calibration)];
            let dark = PatternSpec { name: "dark".into(), lamps: Vec::new() };
            let truth = frame_truth(&spec, &placements, &View::at_rest(&spec.cameras[0], 0.0, &dark)).unwrap().remove(0);
            assert!(truth.visible && truth.glare_share == 0.0, "{truth:?}");
            let wanted = [[0.0, 0.0], [symbol.width, 0.0], [symbol.width, symbol.height], [0.0, symbol.height]];
            for ([x, y], wanted) in truth.corners.iter().zip(wanted) {
                let ([s, t], ..) = on_face(*x, *y);
                let off = (s - wanted[0]).hypot(t - wanted[1]) / bars_x() * truth.px_per_module;
                assert!(off < 0.01, "corner off by {off} px in {truth:?}");
            }
            // Without the pane it would be elsewhere by pixels.
            let naive = calibration.project(package.transform_point(face.point(
                sim::spec::Face::Front,
                symbol.corners()[0][0],
                symbol.corners()[0][1],
            )));
            assert!(naive.unwrap().distance(hardware_hal::glam::DVec2::from_array(truth.corners[0])) > 0.5);

            // The picture: the exact darkness of every pixel, seen through the pane.
            let pane = Pane::of(&spec.plate).unwrap();
            let SymbolPattern::Linear { modules } = &symbol.pattern else { panic!("not linear") };
            let below_share = (1.0 - normal.z) / 2.0;
            let ambient = 1.0 - below_share * (1.0 - pane.diffuse_through());
            let (mut worst, mut count) = (0.0f64, 0);
            for index in (0..600 * 460).step_by(23) {
                let (x, y) = ((index % 600) as f64, (index / 600) as f64);
                let ([s, t], _, cosine) = on_face(x, y);
                let inside = s > -6.0 * bars_x() && s < symbol.width + 6.0 * bars_x() && t > 5e-4 && t < symbol.height - 5e-4;
                if !inside {
                    continue;
                }
                let shares = pane.shares(cosine);
                let seen = (f64::from(picture.pixels[index]) - (shares.front + shares.back) * 0.18) / shares.through / ambient;
                let found = (symbol.paper - seen) / (symbol.paper - symbol.ink);
                let wanted = bars_darkness(&symbol, modules, |i, j| on_face(x + i, y + j).0);
                worst = worst.max((found - wanted).abs());
                count += 1;
            }
            println!("{count} pixels, off by {worst:.4} at worst, {:.2} px per module", truth.px_per_module);
            // A shift of 0.05 px at these 1 to 1.3 px per module would show as 0.04.
            assert!(count > 100 && worst < 0.025, "{count} pixels, {worst}");
        }
    }
}

fn bars_x() -> f64 {
    0.00025
}

/// A white board of 0.2 m on the glass.
fn board() -> (TwinSpec, Placement) {
    let mut spec = station::station(0);
    spec.plate.glass = Some(GLASS);
    spec.ambient = 0.0;
    spec.packages = vec![PackageSpec {
        films: Vec::new(),
        name: String::new(),
        shape: Shape::Carton { size: [0.2, 0.2, 0.04] },
        mass: 0.1,
        symbols: Vec::new(),
        artwork: ArtworkSpec { board: 1.0, band: 1.0, band_pigment: Default::default(), text: 1.0, gloss: 0.0, seed: 1 },
    }];
    (spec, Placement { rotation: DQuat::IDENTITY, translation: DVec3::new(0.0, 0.0, 0.02) })
}

#[test]
fn light_from_below_pays_twice_for_the_glass() {
    let (mut spec, placement) = board();
    // Far enough out that its mirror image is not in the picture; the board lies between lamps above and the camera.
    spec.lamps = vec![station::lamp("below", [0.5, 0.0, -0.5], 0.9), station::lamp("above", [0.0, 0.0, 1.0], 0.9)];
    let renderer = Renderer::start(Scene::new(&spec, &[placement]).unwrap(), 3000.0).unwrap();
    let calibration = below(41, 41, 300.0, [0.0, 0.0, -0.5], [0.0, 0.0, 0.0]);
    let seen = |shares: [f64; 2]| renderer.render(Shot::at_rest(calibration, 0.0, shares.to_vec())).unwrap().pixels[20 * 41 + 20];
    let found = f64::from(seen([1.0, 0.0]));
    // By hand. Straight down, of each polarisation r = (0.52/2.52)², τ = 0.97.
    let pane = |r: f64, kept: f64| (1.0 - r) * (1.0 - r) * kept / (1.0 - r * r * kept * kept);
    let straight = pane((0.52f64 / 2.52).powi(2), 0.97);
    // The lamp is 45° off: sin θ' = sin 45°/1.52.
    let (cos, inside) = (0.5f64.sqrt(), (1.0 - 0.5 / (1.52f64 * 1.52)).sqrt());
    let kept = 0.97f64.powf(1.0 / inside);
    let across = ((cos - 1.52 * inside) / (cos + 1.52 * inside)).powi(2);
    let along = ((1.52 * cos - inside) / (1.52 * cos + inside)).powi(2);
    let slanted = 0.5 * (pane(across, kept) + pane(along, kept));
    // Through 8 mm of glass the lamp seems nearer by some 3 mm: 0.5 m down, less than a hundredth of its light.
    let lit = 0.9 * cos * slanted;
    assert!((found / (lit * straight) - 1.0).abs() < 0.012, "{found}, by hand {}", lit * straight);
    assert_eq!(seen([0.0, 1.0]), 0.0, "a lamp above lights no underside");
}

#[test]
fn the_glass_mirrors_a_lamp_below_where_the_mirror_image_is() {
    let (mut spec, placement) = board();
    spec.packages[0].artwork =
        ArtworkSpec { board: 0.0, band: 0.0, band_pigment: Default::default(), text: 0.0, ..spec.packages[0].artwork };
    spec.lamps = vec![station::lamp("below", [0.08, 0.02, -0.4], 0.9)];
    let renderer = Renderer::start(Scene::new(&spec, &[placement]).unwrap(), 3000.0).unwrap();
    let calibration = below(320, 320, 800.0, [0.0, 0.0, -0.45], [0.0, 0.0, 0.0]);
    let picture = renderer.render(Shot::at_rest(calibration, 0.0, vec![1.0])).unwrap();
    let peak = f64::from(picture.pixels.iter().copied().fold(0.0, f32::max));
    let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
    // The board's print is not all black.
    for (index, light) in picture.pixels.iter().map(|p| f64::from(*p)).enumerate().filter(|(_, light)| *light > 0.1 * peak) {
        (sum, x, y) = (sum + light, x + light * (index % 320) as f64, y + light * (index / 320) as f64);
    }
    // Behind the lower surface as far as the lamp is before it.
    let image = calibration.project(DVec3::new(0.08, 0.02, 0.4 - 2.0 * GLASS.thickness)).unwrap();
    assert!((x / sum - image.x).abs() < 1.0 && (y / sum - image.y).abs() < 1.0, "{} {} instead of {image}", x / sum, y / sum);
    // Some 4 % of the lamp from each surface, and a disc as large as the lamp is at that distance.
    let lamp = lamp_radiance(&spec.lamps[0]);
    assert!((peak / lamp - 0.083).abs() < 0.004, "{}", peak / lamp);
    let distance = 0.85 - 2.0 * GLASS.thickness;
    let disc = std::f64::consts::PI * (800.0 * LAMP_RADIUS / distance).powi(2);
    let filled = sum / peak;
    assert!((filled / disc - 1.0).abs() < 0.05, "{filled} px instead of {disc}");
}

#[test]
fn from_above_the_table_shows_through_the_glass_and_lamps_in_it() {
    let mut spec = station::station(0);
    spec.plate.glass = Some(GLASS);
    spec.lamps = vec![station::lamp("top", [0.2, 0.0, 1.0], 0.8)];
    let renderer = Renderer::start(Scene::new(&spec, &[]).unwrap(), 3000.0).unwrap();
    let calibration = station::overhead(161, 161, 200.0, 1.0);
    let picture = renderer.render(Shot::at_rest(calibration, 0.0, vec![1.0])).unwrap();
    // Its mirror image, 1 m below the upper surface.
    let image = calibration.project(DVec3::new(0.2, 0.0, -1.0)).unwrap();
    let there = picture.pixels[image.y.round() as usize * 161 + image.x.round() as usize];
    let lamp = lamp_radiance(&spec.lamps[0]);
    assert!((f64::from(there) / lamp - 0.083).abs() < 0.005, "{there} of {lamp}");
    // The floor, 145 mm down: its light comes through the pane, and goes back through it.
    let pane = Pane::of(&spec.plate).unwrap();
    let shares = pane.shares(1.0);
    let floor = DVec3::new(0.0, 0.0, -0.145);
    let to_lamp = (spec.lamps[0].position - floor).normalize();
    let lit = sim::shading::diffuse_white(&spec.lamps[0], floor, DVec3::Z) * pane.shares(to_lamp.z).through;
    let wanted = 0.18 * (spec.ambient * pane.diffuse_through() + lit) * shares.through + (shares.front + shares.back) * spec.ambient;
    let found = f64::from(picture.pixels[80 * 161 + 80]);
    assert!((found / wanted - 1.0).abs() < 2e-3, "{found}, wanted {wanted}");
}

#[test]
fn a_code_face_down_is_seen_from_below_only() {
    let (mut spec, placements, _) = scene(DQuat::IDENTITY, 0.01);
    spec.ambient = 0.1;
    let up = below(600, 460, 1500.0, [0.0, 0.0, -0.3], [0.02, -0.01, 0.0]);
    spec.cameras = vec![station::camera("below", up), station::camera("above", station::overhead(600, 460, 1500.0, 0.5))];
    let settled = sim::physics::Settled { placements, ..station::settled(&spec) };
    let twin = Twin::with_load(spec, settled).unwrap();
    let truth = |camera| twin.truth(camera, 0.0, "all").unwrap().remove(0);
    assert!(truth("below").visible && truth("below").incidence_deg < 10.0);
    assert_eq!((truth("above").visible, truth("above").visible_fraction), (false, 0.0));
    // Not mirrored: seen from outside, corners go clockwise.
    let c = truth("below").corners;
    let turn = (c[1][0] - c[0][0]) * (c[2][1] - c[0][1]) - (c[1][1] - c[0][1]) * (c[2][0] - c[0][0]);
    assert!(turn > 0.0, "{c:?}");
    // The mask of the package lies around its code.
    let map = twin.package_map("below", 0.0).unwrap();
    for [x, y] in c {
        assert_eq!(map.pixels[y.round() as usize * map.width + x.round() as usize], 1);
    }
}

#[test]
fn what_a_plate_hides_or_has_inside_is_refused() {
    let (good, placements, _) = scene(DQuat::IDENTITY, 0.01);
    let error = |change: &dyn Fn(&mut TwinSpec)| {
        let mut spec = good.clone();
        change(&mut spec);
        let settled = sim::physics::Settled { placements: placements.clone(), ..station::settled(&spec) };
        Twin::with_load(spec, settled).err().expect("a fault").to_string()
    };
    let camera = |z: f64| station::camera("under", below(64, 64, 100.0, [0.0, 0.0, z], [0.0, 0.0, 1.0]));
    for (change, what) in [
        (
            &(|s: &mut TwinSpec| (s.plate.glass, s.cameras) = (None, vec![camera(-0.3)])) as &dyn Fn(&mut TwinSpec),
            "camera `under` is below the plate, which is opaque",
        ),
        (&|s: &mut TwinSpec| s.cameras = vec![camera(-0.005)], "camera `under` is in the glass plate"),
        (&|s: &mut TwinSpec| (s.plate.glass, s.lamps[0].position.z) = (None, -0.2), "lamp `east` is below the plate, which is opaque"),
        (&|s: &mut TwinSpec| s.plate.glass = Some(GlassSpec { thickness: 0.0, ..GLASS }), "0 m thick"),
        (&|s: &mut TwinSpec| s.plate.glass = Some(GlassSpec { index: 0.9, ..GLASS }), "refractive index 0.9"),
        (&|s: &mut TwinSpec| s.plate.glass = Some(GlassSpec { transmission: 1.2, ..GLASS }), "transmission of 1.2"),
    ] {
        let found = error(change);
        assert!(found.contains(what), "{found}");
    }
}
