//! Scenes for another renderer.

use std::path::Path;

use sim::artwork::{Printed, SymbolPattern};
use sim::render::Radiance;
use sim::render::scene::Scene;
use sim::shading::LAMP_RADIUS;
use sim::spec::CameraSpec;
use sim::spectrum::LightColour;
use sim::truth::CodeTruth;
use sim::twin::Twin;

use super::{Camera, Lamp, Light, OVERVIEW, SceneFile, Sensor, Surface, Window, light_file, scene_folder};
use crate::error::{Failure, Result};
use crate::output::Progress;
use crate::run;
use crate::scenario::{PlateKind, Scenario};
use crate::score::symbology;

/// Resolution of prints that carry a code, and of all others, texels a metre. A bar of 0.17 mm has ten texels, each with the exact mean of what it covers.
const FINE: f64 = 60_000.0;
const COARSE: f64 = 5000.0;

/// Pixels around a code with its quiet zones.
const MARGIN: f64 = 16.0;

/// Writes `scenes` scenes.
///
/// # Errors
/// Bad input; an environment that refuses.
pub fn command(file: &Path, scenes: u64, first_seed: u64, codes: usize, out: &Path) -> Result<()> {
    let scenario = Scenario::load(file)?;
    if scenario.rig.plate.kind == PlateKind::Glass {
        return Err(Failure::input(&scenario.rig.name, "the plate is of glass; only opaque ones are compared"));
    }
    let mut progress = Progress::new();
    for (index, seed) in (first_seed..first_seed.saturating_add(scenes)).enumerate() {
        progress.show(&format!("scene {} of {scenes}", index + 1));
        let folder = scene_folder(out, seed);
        std::fs::create_dir_all(&folder).map_err(|error| Failure::write(&folder, &error))?;
        scene(&scenario, seed, index, codes, &folder)?;
    }
    Ok(())
}

fn scene(scenario: &Scenario, seed: u64, index: usize, codes: usize, folder: &Path) -> Result<()> {
    let drawn = run::draw(scenario, seed)?;
    let twin = Twin::new(run::twin_spec(&scenario.rig, drawn.packages, seed)).map_err(run::sim_failure)?;
    if twin.palette().tints() > 1 || twin.spec().lamps.iter().any(|lamp| lamp.colour != LightColour::REFERENCE) {
        return Err(Failure::input(&scenario.rig.name, "light or print is coloured; only white light on grey print is compared"));
    }
    let spec = &twin.spec().cameras[index % twin.spec().cameras.len()];
    if spec.calibration.intrinsics.distortion.iter().any(|d| *d != 0.0) {
        return Err(Failure::input(&scenario.rig.name, format!("camera `{}` distorts; only pinholes are compared", spec.id)));
    }
    let cycle = &scenario.body.cycle;
    let degrees = cycle.stops_deg[index / twin.spec().cameras.len() % cycle.stops_deg.len()];
    let pattern = &cycle.patterns[0];
    let angle = degrees.to_radians();
    let light = twin.radiance(&spec.id, angle, pattern).map_err(run::sim_failure)?;
    let truths = twin.truth(&spec.id, angle, pattern).map_err(run::sim_failure)?;
    let scene = twin.scene().map_err(run::sim_failure)?;
    let windows = windows(&truths, &scene, spec, codes);
    let save = |window: Option<usize>, light: &Light| {
        let path = light_file(folder, "twin", window);
        std::fs::write(&path, light.bytes()).map_err(|error| Failure::write(&path, &error))
    };
    for (i, window) in windows.iter().enumerate() {
        save(Some(i), &cut(&light, window))?;
    }
    save(None, &overview(&light))?;

    let shares = twin.spec().patterns.iter().find(|p| p.name == *pattern).map(|p| p.lamps.clone()).unwrap_or_default();
    let pose = spec.calibration.camera_from_rig.inverse();
    let file = SceneFile {
        schema_version: 1,
        scenario: scenario.body.name.clone(),
        seed,
        camera: Camera {
            id: spec.id.clone(),
            turntable_deg: degrees,
            pattern: pattern.clone(),
            size_px: spec.calibration.intrinsics.size_px,
            focal_px: spec.calibration.intrinsics.focal_px,
            principal_px: spec.calibration.intrinsics.principal_px,
            eye: spec.calibration.eye().to_array(),
            right: (pose.rotation * hardware_hal::glam::DVec3::X).to_array(),
            down: (pose.rotation * hardware_hal::glam::DVec3::Y).to_array(),
            forward: (pose.rotation * hardware_hal::glam::DVec3::Z).to_array(),
        },
        ambient: twin.spec().ambient,
        lamps: shares
            .iter()
            .map(|(lamp, share)| {
                let lamp = &twin.spec().lamps[*lamp];
                // A sphere of radiance L and radius r lights a facing surface at distance d with π·L·r²/d²; a white one then shows L·r²/d².
                let distance = (lamp.target - lamp.position).length_squared();
                Lamp {
                    position: lamp.position.to_array(),
                    radius: LAMP_RADIUS,
                    radiance: share * lamp.intensity * distance / (LAMP_RADIUS * LAMP_RADIUS),
                }
            })
            .collect(),
        surfaces: surfaces(&scene, angle, folder)?,
        windows,
        overview: OVERVIEW,
        sensor: Sensor {
            exposure_s: spec.nominal_exposure_s,
            blur_sigma_px: spec.sensor.blur_sigma_px,
            electrons_at_white: spec.sensor.electrons_at_white,
            full_well: spec.sensor.full_well,
            dark_noise: spec.sensor.dark_noise,
            black_level: spec.sensor.black_level,
        },
    };
    let path = folder.join("scene.json");
    let text = serde_json::to_vec(&file).map_err(|error| Failure::environment(error.to_string()))?;
    std::fs::write(&path, text).map_err(|error| Failure::write(&path, &error))
}

/// The codes to compare: traceability codes in full view, those with the fewest pixels first.
fn windows(truths: &[CodeTruth], scene: &Scene, camera: &CameraSpec, most: usize) -> Vec<Window> {
    let [width, height] = camera.calibration.intrinsics.size_px.map(f64::from);
    let mut chosen: Vec<&CodeTruth> = truths.iter().filter(|t| t.trace && t.visible && t.incidence_deg <= 70.0).collect();
    chosen.sort_by(|a, b| a.px_per_module.total_cmp(&b.px_per_module));
    chosen.truncate(most);
    let window = |truth: &CodeTruth| {
        let quiet = 10.0 * truth.px_per_module + MARGIN;
        let low = [0, 1].map(|i| (truth.corners.iter().map(|c| c[i]).fold(f64::INFINITY, f64::min) - quiet).max(0.0).floor());
        let high = [0, 1].map(|i| {
            let edge = truth.corners.iter().map(|c| c[i]).fold(f64::NEG_INFINITY, f64::max) + quiet;
            edge.ceil().min([width, height][i])
        });
        let prints = scene.surfaces.iter().filter(|s| s.owner == Some(truth.package)).filter_map(|s| s.print);
        let symbol = prints.flat_map(|p| &scene.prints[p].symbols).find(|s| s.index == truth.symbol);
        let modules = match symbol.map(|s| &s.pattern) {
            Some(SymbolPattern::Linear { modules }) => modules.clone(),
            _ => Vec::new(),
        };
        Window {
            x: low[0] as usize,
            y: low[1] as usize,
            width: (high[0] - low[0]) as usize,
            height: (high[1] - low[1]) as usize,
            package: truth.package,
            text: truth.text.clone(),
            symbology: symbology(truth.kind).to_owned(),
            modules,
            corners: truth.corners,
            px_per_module: truth.px_per_module,
            incidence_deg: truth.incidence_deg,
            grid_angle_deg: truth.grid_angle_deg,
            glare_share: truth.glare_share,
        }
    };
    chosen.into_iter().map(window).collect()
}

fn cut(light: &Radiance, window: &Window) -> Light {
    let row = |y: usize| {
        let start = y * light.width as usize + window.x;
        &light.pixels[start..start + window.width]
    };
    let values = (window.y..window.y + window.height).flat_map(row).copied().collect();
    Light { width: window.width, height: window.height, values }
}

/// The whole picture, [`OVERVIEW`] times smaller each way.
fn overview(light: &Radiance) -> Light {
    let [width, height] = [light.width as usize / OVERVIEW, light.height as usize / OVERVIEW];
    let mean = |i: usize| {
        let (x, y) = (i % width * OVERVIEW, i / width * OVERVIEW);
        let row = |dy: usize| &light.pixels[(y + dy) * light.width as usize + x..][..OVERVIEW];
        (0..OVERVIEW).flat_map(row).sum::<f32>() / (OVERVIEW * OVERVIEW) as f32
    };
    Light { width, height, values: (0..width * height).map(mean).collect() }
}

fn surfaces(scene: &Scene, angle: f64, folder: &Path) -> Result<Vec<Surface>> {
    let mut textures = Vec::with_capacity(scene.prints.len());
    for (index, print) in scene.prints.iter().enumerate() {
        let resolution = if print.symbols.is_empty() { COARSE } else { FINE };
        let picture = print.rasterise(resolution, Printed::All);
        let name = format!("print-{index:03}.png");
        let path = folder.join(&name);
        let (width, height) = (picture.width as u32, picture.height as u32);
        image::save_buffer(&path, &picture.pixels, width, height, image::ExtendedColorType::L8)
            .map_err(|error| Failure::environment(format!("cannot write {}: {error}", path.display())))?;
        textures.push(name);
    }
    let placed = scene.surfaces.iter().map(|flat| {
        let s = flat.in_rig(angle);
        Surface {
            origin: s.origin.to_array(),
            right: s.right.to_array(),
            down: s.down.to_array(),
            outline: s.outline.to_vec(),
            extent: s.print_extent,
            albedo: s.albedo,
            gloss: s.gloss,
            texture: s.print.map(|p| textures[p].clone()),
        }
    });
    Ok(placed.collect())
}
