//! `tracetwin rig check`: what each camera of a rig can see, before anything is bought.

use hardware_hal::glam::{DVec2, DVec3};
use serde::Serialize;
use sim::exposure::px_per_rad;
use sim::glass::{Pane, Sight, image_places, lamp_in_pane};
use sim::presets::SensorPreset;
use sim::spec::{CameraSpec, Shutter, TwinSpec};
use sim::spectrum::{LightColour, Pigment, Response, field, ink_on};

use crate::error::Result;
use crate::output;
use crate::run::{camera_spec, light_colour, twin_spec};
use crate::scenario::{Camera, Rig, Scenario};

/// X-dimensions that are reckoned with, mm: the print rules' smallest, a common one, and a large one.
const X_MM: [f64; 3] = [0.17, 0.25, 0.33];

/// Largest blur disc that counts as sharp, px.
const SHARP_PX: f64 = 2.0;

/// Fewest px per module that a 20-digit code is read at.
const LEAST_PX_PER_MODULE: f64 = 0.7;

/// Steepest angle at which print is read, degrees.
const STEEPEST_DEG: f64 = 60.0;

/// What a camera can see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraCheck {
    /// Its id.
    pub camera: String,
    /// Field of view, horizontal and vertical, degrees.
    pub field_deg: [f64; 2],
    /// Field of view at the distance of the plate's centre, mm.
    pub field_mm: [f64; 2],
    /// Share of the plate that is in the picture.
    pub plate_seen: f64,
    /// Pixels per millimetre on the plate in the direction in which they are fewest, at its centre and where the plate's edge is worst.
    pub px_per_mm: [f64; 2],
    /// Pixels per module for X = 0.17, 0.25 and 0.33 mm at the plate's centre.
    pub px_per_module_centre: [f64; 3],
    /// The same at the plate's edge.
    pub px_per_module_edge: [f64; 3],
    /// Nearest and farthest distance along the axis at which the blur disc is no larger than 2 px, mm; nothing for a lens without aperture.
    pub depth_of_field_mm: Option<[Option<f64>; 2]>,
    /// Largest blur disc on the plate, px.
    pub worst_defocus_px: Option<f64>,
    /// Motion during one exposure with the plate at full speed, px, where it is fastest.
    pub rotation_blur_px: f64,
    /// Exposure time, ms.
    pub exposure_ms: f64,
    /// Share of the full well that white paper fills under all lamps.
    pub white_fills: f64,
    /// How the camera sees each colour of light that the rig has beside plain white.
    pub colours: Vec<ColourCheck>,
    /// Bytes of a frame.
    pub frame_bytes: u64,
    /// Bytes per second at the sensor's full frame rate, where a preset says it.
    pub bytes_per_second: Option<f64>,
    /// What cannot work, in words.
    pub warnings: Vec<String>,
}

/// How a camera sees the light of some lamps of one colour.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColourCheck {
    /// The lamps.
    pub lamps: Vec<String>,
    /// What the sensor counts of their photons, beside white light.
    pub strength: f64,
    /// Contrast of bars that the print rules allow, black on white, yellow, orange and red.
    pub rule_contrast: [f64; 4],
    /// Contrast of red, blue, and black dye on white, which they don't.
    pub other_contrast: [f64; 3],
}

/// Bars of the print rules' colours: reflectances of ink and paper as typical prints have them.
const INK: f64 = 0.05;
const PAPER: f64 = 0.8;

/// Contrast from which a print counts as one by the rules.
const LEAST_CONTRAST: f64 = 0.55;

const RULE_PAPERS: [(&str, Pigment); 4] =
    [("white", Pigment::Grey), ("yellow", Pigment::Yellow), ("orange", Pigment::Orange), ("red", Pigment::Red)];
const OTHER_INKS: [(&str, Pigment); 3] = [("red", Pigment::Red), ("blue", Pigment::Blue), ("black dye", Pigment::BlackDye)];

fn colours(twin: &TwinSpec, response: Response) -> Vec<ColourCheck> {
    let mut found: Vec<(LightColour, ColourCheck)> = Vec::new();
    for lamp in twin.lamps.iter().filter(|lamp| lamp.colour != LightColour::REFERENCE) {
        if let Some((_, known)) = found.iter_mut().find(|(colour, _)| *colour == lamp.colour) {
            if !known.lamps.contains(&lamp.name) {
                known.lamps.push(lamp.name.clone());
            }
            continue;
        }
        let contrast = |ink: Pigment, paper: Pigment| {
            let below = field(PAPER, paper, response.seen(paper, lamp.colour));
            1.0 - ink_on(below, INK, ink, response.seen(ink, lamp.colour)) / below
        };
        let check = ColourCheck {
            lamps: vec![lamp.name.clone()],
            strength: response.strength(lamp.colour),
            rule_contrast: RULE_PAPERS.map(|(_, paper)| contrast(Pigment::Grey, paper)),
            other_contrast: OTHER_INKS.map(|(_, ink)| contrast(ink, Pigment::Grey)),
        };
        found.push((lamp.colour, check));
    }
    found.into_iter().map(|(_, check)| check).collect()
}

/// Checks every camera of a rig.
pub fn check(rig: &Rig) -> Vec<CameraCheck> {
    rig.cameras.iter().map(|camera| check_camera(rig, camera)).collect()
}

fn check_camera(rig: &Rig, camera: &Camera) -> CameraCheck {
    let spec = camera_spec(rig, camera);
    let calibration = &spec.calibration;
    let twin = twin_spec(rig, Vec::new(), 0);
    let sight = Sight::new(&twin.plate, calibration);
    let intrinsics = &calibration.intrinsics;
    let radius = rig.plate.radius_mm * 1e-3;
    let [width, height] = intrinsics.size_px.map(f64::from);

    let field = [0, 1].map(|i| 2.0 * ([width, height][i] / 2.0 / intrinsics.focal_px[i]).atan());
    let distance = calibration.camera_from_rig.transform_point(DVec3::ZERO).z;
    let rim: Vec<DVec3> = (0..72).map(|i| at(radius, f64::from(i) / 72.0)).collect();
    let seen =
        |point: &DVec3| sight.project(*point).is_some_and(|p| (-0.5..width - 0.5).contains(&p.x) && (-0.5..height - 0.5).contains(&p.y));
    let plate: Vec<DVec3> = (0..24)
        .flat_map(|ring| {
            let r = radius * ((f64::from(ring) + 0.5) / 24.0).sqrt();
            (0..72).map(move |i| at(r, f64::from(i) / 72.0))
        })
        .collect();
    let plate_seen = plate.iter().filter(|p| seen(p)).count() as f64 / plate.len() as f64;
    let centre = px_per_mm(&sight, DVec3::ZERO);
    // Where the plate's edge is not in the picture, the farthest that is.
    let edge_points: Vec<&DVec3> = rim.iter().filter(|p| seen(p)).chain(plate.iter().filter(|p| seen(p))).collect();
    let edge = edge_points.iter().map(|p| px_per_mm(&sight, **p)).fold(centre, f64::min);

    let depth = |p: &DVec3| calibration.camera_from_rig.transform_point(sight.apparent(*p)).z;
    let finite = |metres: f64| metres.is_finite().then_some(metres * 1e3);
    let depth_of_field_mm = spec.lens.optics.map(|o| o.depth_of_field(SHARP_PX).map(finite));
    let worst_defocus_px = spec.lens.optics.map(|o| edge_points.iter().map(|p| o.blur_disc_px(depth(p))).fold(0.0, f64::max));
    let turning = px_per_rad(calibration, radius, 0.0) * rig.turntable.speed_deg_s.to_radians();
    // Light on the side of the plate that the camera sees, and what glass before the camera leaves of it.
    let through = |pane: &Pane| pane.shares(calibration.eye().normalize_or_zero().z.abs()).through;
    let response = spec.sensor.detail.response;
    let light = match &sight.pane {
        None => rig.ambient + brightest(rig, response, None),
        Some(pane) => (rig.ambient * pane.diffuse_through() + brightest(rig, response, Some(pane))) * through(pane),
    };
    let samples: u64 = intrinsics.size_px.iter().map(|n| u64::from(*n)).product();
    let preset = camera.sensor.preset.as_deref().and_then(SensorPreset::named);
    let mut check = CameraCheck {
        camera: camera.id.clone(),
        field_deg: field.map(f64::to_degrees),
        field_mm: field.map(|angle| 2e3 * distance * (angle / 2.0).tan()),
        plate_seen,
        px_per_mm: [centre, edge],
        px_per_module_centre: X_MM.map(|x| x * centre),
        px_per_module_edge: X_MM.map(|x| x * edge),
        depth_of_field_mm,
        worst_defocus_px,
        rotation_blur_px: turning * spec.nominal_exposure_s,
        exposure_ms: spec.nominal_exposure_s * 1e3,
        white_fills: light * spec.sensor.electrons_at_white / spec.sensor.full_well,
        colours: colours(&twin, spec.sensor.detail.response),
        frame_bytes: samples * if spec.format.bits == 8 { 1 } else { 2 },
        bytes_per_second: preset.map(|preset| preset.data_rate(spec.format)),
        warnings: Vec::new(),
    };
    check.warnings = warnings(rig, &spec, &check);
    check.warnings.extend(mirror_images(&twin, &sight, &plate));
    check
}

fn at(radius: f64, turn: f64) -> DVec3 {
    let (sin, cos) = (std::f64::consts::TAU * turn).sin_cos();
    DVec3::new(radius * cos, radius * sin, 0.0)
}

/// Pixels per millimetre on a level surface, in the direction in which they are fewest: the smaller singular value of the mapping's Jacobian.
fn px_per_mm(sight: &Sight, point: DVec3) -> f64 {
    const STEP: f64 = 1e-4;
    let along =
        |axis: DVec3| -> Option<DVec2> { Some((sight.project(point + axis * STEP)? - sight.project(point - axis * STEP)?) / (2.0 * STEP)) };
    let (Some(x), Some(y)) = (along(DVec3::X), along(DVec3::Y)) else { return 0.0 };
    let (sum, determinant) = (x.length_squared() + y.length_squared(), x.perp_dot(y));
    let smaller = (sum - (sum * sum - 4.0 * determinant * determinant).max(0.0).sqrt()) / 2.0;
    smaller.max(0.0).sqrt() * 1e-3
}

/// Radiance of white paper at the plate's centre under the brightest pattern, without the room's light; face down on a pane, of what shines through it.
fn brightest(rig: &Rig, response: Response, pane: Option<&Pane>) -> f64 {
    let lamp = |name: &str| rig.lamps.iter().find(|lamp| lamp.name == name);
    let level = |name: &str, share: f64| {
        lamp(name).map_or(0.0, |lamp| {
            let position = DVec3::from_array(lamp.position_mm);
            let cosine = position.z / position.length().max(1e-9);
            share
                * lamp.intensity
                * response.strength(light_colour(lamp))
                * pane.map_or(cosine.max(0.0), |pane| (-cosine).max(0.0) * pane.shares(cosine.abs()).through)
        })
    };
    let patterns = rig.patterns.iter().map(|pattern| pattern.lamps.iter().map(|(name, share)| level(name, *share)).sum::<f64>());
    patterns.fold(0.0, f64::max)
}

/// Lamps that the glass of a plate mirrors into the picture.
fn mirror_images(twin: &TwinSpec, sight: &Sight, plate: &[DVec3]) -> Vec<String> {
    let Some(pane) = Pane::of(&twin.plate) else { return Vec::new() };
    let eye = sight.calibration.eye();
    let [width, height] = sight.calibration.intrinsics.size_px.map(f64::from);
    let seen = |p: &DVec3| sight.project(*p).is_some_and(|p| (0.0..width).contains(&p.x) && (0.0..height).contains(&p.y));
    let mut shares: Vec<(&str, usize)> = Vec::new();
    for lamp in &twin.lamps {
        let glares = |p: &&DVec3| lamp_in_pane(&pane, eye, (**p - sight.eye(**p)).normalize_or_zero(), lamp, 1e-3, true) > 0.0;
        // An image may be small enough to lie between the plate's points.
        let image = image_places(&pane, eye, lamp)[0];
        let in_picture = sight.calibration.project(image).is_some_and(|p| (0.0..width).contains(&p.x) && (0.0..height).contains(&p.y));
        let ray = (image - eye).normalize_or_zero();
        let middle = in_picture && lamp_in_pane(&pane, eye, ray, lamp, 1e-3, true) > 0.0;
        let count = plate.iter().filter(|p| seen(p)).filter(glares).count().max(usize::from(middle));
        match shares.iter_mut().find(|(name, _)| *name == lamp.name) {
            Some((_, sum)) => *sum += count,
            None => shares.push((&lamp.name, count)),
        }
    }
    let percent = |count: usize| 100.0 * count as f64 / plate.len() as f64;
    shares
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("the glass mirrors the lamp `{name}` into the picture, on {:.1} % of the plate", percent(count)))
        .collect()
}

fn warnings(rig: &Rig, spec: &CameraSpec, check: &CameraCheck) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |text: String| warnings.push(text);
    let [.., x_largest] = check.px_per_module_centre;
    if x_largest < LEAST_PX_PER_MODULE {
        warn(format!("even X = {} mm has only {x_largest:.2} px per module at the plate's centre: nothing can be read", X_MM[2]));
    } else {
        for (where_, per_module) in [("centre", check.px_per_module_centre), ("edge", check.px_per_module_edge)] {
            if let Some((x, px)) = X_MM.iter().zip(per_module).rfind(|(_, px)| *px < LEAST_PX_PER_MODULE) {
                warn(format!(
                    "codes of X ≤ {x} mm have {px:.2} px per module at the plate's {where_}; reading begins at {LEAST_PX_PER_MODULE}"
                ));
            }
        }
    }
    if check.plate_seen < 0.995 {
        warn(format!("{:.0} % of the plate lie outside the picture", 100.0 * (1.0 - check.plate_seen)));
    }
    let sight = spec.calibration.eye().normalize_or_zero();
    let incidence = sight.z.abs().clamp(0.0, 1.0).acos().to_degrees();
    if incidence > STEEPEST_DEG {
        warn(format!("level print is seen at {incidence:.0}° from its normal; beyond {STEEPEST_DEG}° little is read"));
    }
    if let Some(defocus) = check.worst_defocus_px.filter(|px| *px > SHARP_PX) {
        warn(format!("parts of the plate are out of focus: blur discs of up to {defocus:.1} px; close the aperture or move the focus"));
    }
    if let Some(optics) = &spec.lens.optics
        && optics.cut_off() < 0.5
    {
        warn(format!("diffraction at f/{} lets nothing finer than {:.1} px through", optics.f_number, 1.0 / optics.cut_off()));
    }
    if check.white_fills > 1.0 {
        warn(format!("white paper fills {:.0} % of the full well: it will be burnt out", 100.0 * check.white_fills));
    } else if check.white_fills < 0.05 {
        warn(format!("white paper fills only {:.1} % of the full well: noise will show", 100.0 * check.white_fills));
    }
    if let Shutter::Rolling { line_time_s } = spec.shutter {
        let readout = line_time_s * f64::from(spec.calibration.intrinsics.size_px[1]);
        warn(format!("a rolling shutter of {:.0} ms: the plate has to rest, and lamps on the mains band", readout * 1e3));
    }
    for colour in &check.colours {
        let papers = RULE_PAPERS.iter().zip(colour.rule_contrast).map(|((name, _), contrast)| (format!("black bars on {name}"), contrast));
        let inks = OTHER_INKS.iter().zip(colour.other_contrast).map(|((name, _), contrast)| (format!("{name} bars on white"), contrast));
        for (what, contrast) in papers.chain(inks).filter(|(_, contrast)| *contrast < LEAST_CONTRAST) {
            let lamps = colour.lamps.join(", ");
            warn(format!("in the light of {lamps} {what} have a contrast of {contrast:.2}; {LEAST_CONTRAST} is needed"));
        }
    }
    for lamp in &rig.lamps {
        let from_lens = (DVec3::from_array(lamp.position_mm) * 1e-3).distance(spec.calibration.eye());
        if from_lens < 0.02 {
            warn(format!("the lamp `{}` stands in the lens, {:.0} mm from its centre", lamp.name, from_lens * 1e3));
        }
    }
    warnings
}

/// Runs the command.
///
/// # Errors
/// A file that is no rig; standard output that cannot be written.
pub fn command(file: &std::path::Path, json: bool) -> Result<()> {
    let checks = check(&Scenario::load_rig(file)?);
    if json {
        return output::line(&serde_json::to_string_pretty(&checks).unwrap_or_default());
    }
    checks.iter().try_for_each(|check| output::line(&text(check)))
}

fn text(check: &CameraCheck) -> String {
    let modules =
        |per_module: [f64; 3]| X_MM.iter().zip(per_module).map(|(x, px)| format!("{px:.2} at X = {x} mm")).collect::<Vec<_>>().join(", ");
    let end = |mm: Option<f64>| mm.map_or("infinity".to_owned(), |mm| format!("{mm:.0} mm"));
    let depth = match (check.depth_of_field_mm, check.worst_defocus_px) {
        (Some([near, far]), Some(worst)) => {
            format!("{} to {} along the axis (blur disc ≤ {SHARP_PX} px); at worst {worst:.1} px on the plate", end(near), end(far))
        }
        _ => "unlimited: the lens has no aperture".to_owned(),
    };
    let rate = check.bytes_per_second.map_or(String::new(), |rate| format!(", {:.0} MB/s at the sensor's full frame rate", rate / 1e6));
    let mut lines = vec![
        format!("camera {}", check.camera),
        format!(
            "  field of view       {:.1}° × {:.1}°, {:.0} × {:.0} mm at the plate's centre; {:.0} % of the plate",
            check.field_deg[0],
            check.field_deg[1],
            check.field_mm[0],
            check.field_mm[1],
            100.0 * check.plate_seen
        ),
        format!("  resolution          {:.2} px/mm at the centre, {:.2} at the edge", check.px_per_mm[0], check.px_per_mm[1]),
        format!("  px per module       centre {}", modules(check.px_per_module_centre)),
        format!("                      edge   {}", modules(check.px_per_module_edge)),
        format!("  depth of field      {depth}"),
        format!("  blur from rotation  {:.1} px at full speed", check.rotation_blur_px),
        format!("  exposure            {:.3} ms; white paper fills {:.0} % of the full well", check.exposure_ms, 100.0 * check.white_fills),
        format!("  data                {:.1} MB a frame{rate}", check.frame_bytes as f64 / 1e6),
    ];
    lines.extend(check.colours.iter().map(|colour| {
        let contrasts = RULE_PAPERS.iter().zip(colour.rule_contrast).map(|((name, _), contrast)| format!("{contrast:.2} on {name}"));
        let contrasts = contrasts.collect::<Vec<_>>().join(", ");
        let strength = 100.0 * colour.strength;
        format!("  light of {:<10} counts {strength:.0} % of white; contrast of black bars {contrasts}", colour.lamps.join(", "))
    }));
    lines.extend(check.warnings.iter().map(|warning| format!("  warning: {warning}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rig(text: &str) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("rig.toml");
        std::fs::write(&file, text).expect("a file");
        Scenario::load_rig(&file).expect("a rig")
    }

    const PLAIN: &str = r#"
schema_version = 1
name = "plain"
ambient = 0.1
white_luminance_cd_m2 = 600
lamps = [{ name = "top", position_mm = [0, 0, 1000], beam_half_angle_deg = 40, intensity = 0.8 }]
patterns = [{ name = "all", lamps = { top = 1.0 } }]
plate = { radius_mm = 150, rim_height_mm = 10, friction = 0.4, albedo = 0.1 }
turntable = { resolution_deg = 0.01, speed_deg_s = 60, acceleration_deg_s2 = 120 }
[[cameras]]
id = "over"
eye_mm = [0, 0, 600]
up = [0, 1, 0]
size_px = [2464, 2056]
exposure_s = 0.004
"#;

    #[test]
    fn figures_of_a_plain_camera_are_those_of_a_pinhole() {
        let rig = rig(&format!(
            "{PLAIN}lens = {{ focal_px = 4000 }}\nsensor = {{ blur_sigma_px = 0.5, electrons_at_white = 8000, full_well = 10000, dark_noise = 5, black_level = 0.02 }}\n"
        ));
        let check = &check(&rig)[0];
        // 4000 px at 600 mm are 6.667 px/mm everywhere on a level plate.
        assert!(check.px_per_mm.iter().all(|px| (px - 4000.0 / 600.0).abs() < 1e-3), "{check:?}");
        assert!((check.px_per_module_centre[1] - 0.25 * 4000.0 / 600.0).abs() < 1e-3);
        assert!((check.field_mm[0] - 2464.0 / 4000.0 * 600.0).abs() < 1e-6);
        assert_eq!((check.depth_of_field_mm, check.bytes_per_second, check.frame_bytes), (None, None, 2464 * 2056));
        assert!((check.white_fills - 0.72).abs() < 1e-9, "{check:?}");
        // 0.15 m from the axis and 0.1 m up at 60°/s for 4 ms.
        let moved = 4000.0 * 0.15 / 0.5 * 60f64.to_radians() * 0.004;
        assert!((check.rotation_blur_px - moved).abs() < 0.01, "{} and {moved}", check.rotation_blur_px);
        assert!(check.plate_seen > 0.999 && check.warnings.is_empty(), "{check:?}");
    }

    #[test]
    fn a_camera_below_glass_sees_its_own_side() {
        let plate = "plate = { kind = \"glass\", thickness_mm = 8, refractive_index = 1.5, transmission = 1.0,";
        let text = PLAIN
            .replace("plate = {", plate)
            .replace(
                "intensity = 0.8 }",
                "intensity = 0.8 }, { name = \"low\", position_mm = [0, 0, -900], beam_half_angle_deg = 40, intensity = 0.5 }",
            )
            .replace("{ top = 1.0 }", "{ top = 1.0, low = 1.0 }")
            .replace("[0, 0, 600]", "[0, 0, -600]");
        let rig = rig(&format!(
            "{text}lens = {{ focal_px = 4000 }}\nsensor = {{ blur_sigma_px = 0.5, electrons_at_white = 8000, full_well = 10000, dark_noise = 5, black_level = 0.02 }}\n"
        ));
        let check = &check(&rig)[0];
        // The pane brings the plate nearer by a third of its thickness.
        let nearer = 4000.0 / (600.0 - 8.0 / 3.0);
        assert!(check.px_per_mm.iter().all(|px| (px - nearer).abs() < 1e-3), "{check:?}");
        // Straight up 0.96/1.04 gets through, twice; the lamp above lights no underside.
        let through = 0.96 / 1.04;
        let ambient = 0.1 * Pane::of(&twin_spec(&rig, Vec::new(), 0).plate).expect("glass").diffuse_through();
        assert!((check.white_fills - 0.8 * through * (0.5 * through + ambient)).abs() < 1e-9, "{check:?}");
        let warnings = check.warnings.join("\n");
        assert!(warnings.contains("the glass mirrors the lamp `low` into the picture, on") && !warnings.contains("normal"), "{warnings}");
    }

    #[test]
    fn presets_bring_depth_of_field_exposure_and_data_rate() {
        let rig = rig(&format!("{PLAIN}lens = {{ preset = \"c-mount-16mm\", f_number = 8 }}\nsensor = {{ preset = \"imx250\" }}\n"));
        let camera = camera_spec(&rig, &rig.cameras[0]);
        let optics = camera.lens.optics.expect("an aperture");
        assert_eq!(optics.focus_distance, 0.6);
        assert!((camera.calibration.intrinsics.focal_px[0] - 16.0 / 3.45e-3 * 600.0 / 584.0).abs() < 1e-6);
        assert!(camera.calibration.intrinsics.distortion[0] < 0.0);
        let check = &check(&rig)[0];
        let [near, far] = check.depth_of_field_mm.expect("a depth of field").map(|end| end.expect("an end"));
        assert!((optics.blur_disc_px(near * 1e-3) - 2.0).abs() < 1e-6 && (optics.blur_disc_px(far * 1e-3) - 2.0).abs() < 1e-6);
        assert!(near < 600.0 && far > 600.0);
        assert_eq!(check.bytes_per_second, Some(2464.0 * 2056.0 * 80.0));
        let electrons = SensorPreset::named("imx250").expect("a preset").electrons_at(600.0, &optics, 0.004);
        assert!((camera.sensor.electrons_at_white - electrons).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_work_is_said() {
        let rig = rig(&format!(
            "{}lens = {{ preset = \"c-mount-8mm\", f_number = 32, focus_mm = 300 }}\nsensor = {{ preset = \"mt9f002\" }}\n",
            PLAIN.replace("[0, 0, 600]", "[600, 0, 200]").replace("up = [0, 1, 0]\n", "").replace("[2464, 2056]", "[1000, 800]")
        ));
        let warnings = check(&rig)[0].warnings.join("\n");
        for what in [
            "px per module",
            "outside the picture",
            "72° from its normal",
            "out of focus",
            "diffraction at f/32",
            "only",
            "rolling shutter",
        ] {
            assert!(warnings.contains(what), "{what} is not in:\n{warnings}");
        }
    }
}
