//! A load photographed from all sides, with what is true of every picture.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hardware_hal::{Clock, Frame, LightSetting, Rig, SimulatedClock, Timestamp, recording, rig_from_plate};
use sha2::{Digest, Sha256};
use sim::render::mask::{Mask, PackageMap};
use sim::spec::{PackageSpec, Shape};
use sim::truth::CodeTruth;
use sim::twin::Twin;

use super::{Code, Image, Package, write_file};
use crate::error::{Failure, Result};
use crate::run::{self, Drawn};
use crate::scenario::{Scenario, hex};
use crate::score::symbology;

/// How long a virtual camera may take for a frame, on the simulated clock.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes the first `wanted` pictures of the load with this seed. They are on the disk when this returns.
pub fn load(scenario: &Scenario, seed: u64, wanted: usize, out: &Path, mut done: impl FnMut(u64)) -> Result<Vec<Image>> {
    let drawn = run::draw(scenario, seed)?;
    let twin = Twin::new(run::twin_spec(&scenario.rig, drawn.packages.clone(), seed)).map_err(run::sim_failure)?;
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new(Timestamp::default()));
    let mut rig = twin.rig(clock);
    let device = |error: hardware_hal::Error| Failure::environment(error.to_string());
    if let Some(turntable) = &mut rig.turntable {
        turntable.home().map_err(device)?;
    }
    let mut images = Vec::with_capacity(wanted);
    for (stop, degrees) in scenario.body.cycle.stops_deg.iter().enumerate() {
        if images.len() == wanted {
            break;
        }
        let angle = match &mut rig.turntable {
            Some(turntable) => turntable.move_to(degrees.to_radians()).map_err(device)?,
            None => 0.0,
        };
        // A mask depends on neither pattern nor exposure.
        let mut maps: Vec<Option<Vec<Mask>>> = vec![None; rig.cameras.len()];
        for pattern in &scenario.body.cycle.patterns {
            rig.lights.apply(&LightSetting { pattern: pattern.clone(), intensity: 1.0 }).map_err(device)?;
            for (camera, map) in maps.iter_mut().enumerate() {
                if images.len() == wanted {
                    break;
                }
                let frame = capture(&mut rig, camera).map_err(device)?;
                let id = frame.meta().camera.clone();
                let masks = match map {
                    Some(masks) => masks.clone(),
                    empty => {
                        let map: PackageMap = twin.package_map(&id, angle).map_err(run::sim_failure)?;
                        empty.insert(map.masks()).clone()
                    }
                };
                let truths = twin.truth(&id, angle, pattern).map_err(run::sim_failure)?;
                let file = format!("images/{seed:06}-{stop}-{id}-{pattern}.png");
                let png = recording::png(&frame).map_err(device)?;
                write_file(&out.join(&file), &png)?;
                let about = About { file, sha256: hex(&Sha256::digest(&png)), seed, stop, degrees: angle.to_degrees(), pattern };
                images.push(about.image(&frame, truths, packages(scenario, &drawn, &twin, angle, &masks))?);
                done(images.len() as u64);
            }
        }
    }
    Ok(images)
}

fn capture(rig: &mut Rig, camera: usize) -> hardware_hal::Result<Frame> {
    let camera = &mut rig.cameras[camera];
    camera.trigger()?;
    camera.fetch(PATIENCE)
}

/// How a picture came about.
struct About<'a> {
    file: String,
    sha256: String,
    seed: u64,
    stop: usize,
    degrees: f64,
    pattern: &'a str,
}

impl About<'_> {
    fn image(self, frame: &Frame, truths: Vec<CodeTruth>, packages: Vec<Package>) -> Result<Image> {
        let meta = frame.meta();
        let calibration = meta.calibration.ok_or_else(|| Failure::environment("a camera of the twin delivered no calibration"))?;
        Ok(Image {
            file: self.file,
            sha256: self.sha256,
            width: meta.width,
            height: meta.height,
            bits: meta.format.bits,
            seed: self.seed,
            camera: meta.camera.clone(),
            stop: self.stop,
            turntable_deg: self.degrees,
            pattern: self.pattern.to_owned(),
            calibration,
            codes: truths.into_iter().map(code).collect(),
            packages,
        })
    }
}

fn code(truth: CodeTruth) -> Code {
    Code {
        nominal: truth.nominal(),
        package: truth.package,
        symbol: truth.symbol,
        symbology: symbology(truth.kind).to_owned(),
        role: if truth.trace { "trace" } else { "decoy" }.to_owned(),
        face: format!("{:?}", truth.face).to_lowercase(),
        text: truth.text,
        corners: truth.corners,
        visible_fraction: truth.visible_fraction,
        visible: truth.visible,
        px_per_module: truth.px_per_module,
        incidence_deg: truth.incidence_deg,
        glare_share: truth.glare_share,
        motion_blur_px: truth.motion_blur_px,
        blur_modules: truth.blur_modules,
        grid_angle_deg: truth.grid_angle_deg,
        contrast: truth.contrast,
        print_grade: truth.print_grade,
    }
}

fn packages(scenario: &Scenario, drawn: &Drawn, twin: &Twin, angle: f64, masks: &[Mask]) -> Vec<Package> {
    let rig = rig_from_plate(angle);
    let placed = drawn.packages.iter().zip(twin.placements()).enumerate();
    placed
        .map(|(index, (spec, placement))| {
            let pose = rig.then_from(&placement.plate_from_package());
            let mask = masks.iter().find(|mask| mask.package == index);
            Package {
                package: index,
                product: drawn.product(scenario, index).id.clone(),
                form: form(spec).to_owned(),
                size_m: spec.shape.size(),
                rotation: pose.rotation.to_array(),
                translation_m: pose.translation.to_array(),
                area: mask.map_or(0, |mask| mask.area),
                bounds: mask.map_or([0; 4], |mask| mask.bounds),
                runs: mask.map(|mask| mask.runs.clone()).unwrap_or_default(),
            }
        })
        .collect()
}

fn form(package: &PackageSpec) -> &'static str {
    match package.shape {
        Shape::Carton { .. } => "carton",
        Shape::Bottle { .. } => "bottle",
        Shape::Tube { .. } => "tube",
        Shape::Sleeve { .. } => "sleeve",
        Shape::Tray { .. } => "ampoule_tray",
        Shape::Pouch { .. } => "pouch",
    }
}
