//! Both renderers' light side by side.

use std::ops::Range;
use std::path::{Path, PathBuf};

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rayon::prelude::*;
use reports::fidelity::{Code, FidelityRecord, Scene, Threshold, page, summary};
use scanner_core::codes::Symbology;
use scanner_core::vision::{LocateOptions, Locator, ScanOptions, Scanner};

use super::measure::{Read, bars, read};
use super::{Light, SceneFile, Window, light_file};
use crate::error::{Failure, Result};
use crate::output::{self, Progress};

/// Frames of the scenario's own light, and of each step of the search for the light in which noise decides.
const FIRST_LOOK: u64 = 4;

/// Steps of the search in which the light halves. Within a halving a code goes from always read to never read, so these are fine enough to meet its threshold.
const STEPS_PER_HALVING: f64 = 8.0;

/// Candidates that are looked at in a window, which holds one code, the cleanest bars first, and levels of the pyramid on which it may show. Whole frames
/// need far more; each candidate costs some 30 ms in thousands of frames.
const CANDIDATES: usize = 3;
const LEVELS: usize = 2;

/// Its last step: a 2¹⁰th of the light, some ten electrons at white.
const DARKEST: u32 = 80;

/// Radiance that the report shows white.
const WHITE: f32 = 1.2;

/// Compares, writes `report.html` and `fidelity.json` into the folder.
///
/// # Errors
/// Bad input: a scene that the other renderer has not drawn; an environment that refuses.
pub fn command(folder: &Path, frames: u64, json: bool) -> Result<()> {
    let mut record = FidelityRecord::default();
    let mut progress = Progress::new();
    let scenes = scene_folders(folder)?;
    for (index, path) in scenes.iter().enumerate() {
        progress.show(&format!("scene {} of {}", index + 1, scenes.len()));
        scene(path, frames, &mut record)?;
    }
    drop(progress);
    record.version = env!("CARGO_PKG_VERSION").to_owned();
    let figures = summary(&record);
    let text = serde_json::to_vec_pretty(&(&figures, &record.codes)).map_err(|error| Failure::environment(error.to_string()))?;
    let write = |name: &str, bytes: &[u8]| {
        reports::write_atomically(&folder.join(name), bytes).map_err(|error| Failure::environment(error.to_string()))
    };
    write("fidelity.json", &text)?;
    write("report.html", page(&record).as_bytes())?;
    if json {
        output::line(&serde_json::to_string_pretty(&figures).map_err(|error| Failure::environment(error.to_string()))?)?;
    } else {
        output::line(&figures.to_string())?;
    }
    output::note(&format!("report: {}", folder.join("report.html").display()));
    Ok(())
}

fn scene_folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::input(folder, format!("cannot be read: {error}")))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.join("scene.json").is_file()).collect();
    found.sort();
    if found.is_empty() {
        return Err(Failure::input(folder, "holds no scene").with_help("`tracetwin fidelity export` writes some"));
    }
    Ok(found)
}

fn scene(folder: &Path, frames: u64, record: &mut FidelityRecord) -> Result<()> {
    let path = folder.join("scene.json");
    let text = std::fs::read(&path).map_err(|error| Failure::input(&path, format!("cannot be read: {error}")))?;
    let file: SceneFile = serde_json::from_slice(&text).map_err(|error| Failure::input(&path, format!("is not a scene: {error}")))?;
    let name = format!("{} {} · {} · {}°", file.scenario, file.seed, file.camera.id, file.camera.turntable_deg);
    let [width, height] = file.camera.size_px.map(|n| n as usize / file.overview);
    let both = |window: Option<usize>, width: usize, height: usize| -> Result<[Light; 2]> {
        let load = |renderer: &str| Light::read(&light_file(folder, renderer, window), width, height);
        let other = load("mitsuba").map_err(|failure| failure.with_help("scripts/fidelity/render.py draws what is missing"))?;
        Ok([load("twin")?, other])
    };
    let codes: Vec<Result<Code>> = file
        .windows
        .par_iter()
        .enumerate()
        .map(|(index, window)| {
            let lights = both(Some(index), window.width, window.height)?;
            Ok(code(&name, window, &lights, &file, &reader(window), frames))
        })
        .collect();
    let overview = both(None, width, height)?;
    record.scenes.push(Scene {
        name,
        pictures: [picture(&overview[0])?, picture(&overview[1])?],
        ratio: ratio(&overview),
        glare: glare(&overview, file.overview as f64),
    });
    for code in codes {
        record.codes.push(code?);
    }
    Ok(())
}

/// The station's reader, looking for no more than there is in a window.
fn reader(window: &Window) -> Scanner {
    let options = ScanOptions::default();
    let linear = !window.modules.is_empty();
    Scanner::new(ScanOptions {
        locate: LocateOptions {
            detector: Locator::Gradients,
            max_linear: CANDIDATES,
            max_matrix: CANDIDATES,
            levels: LEVELS,
            ..options.locate
        },
        matrix: if linear { Vec::new() } else { vec![Symbology::DataMatrix] },
        ..options
    })
}

fn code(scene: &str, window: &Window, lights: &[Light; 2], file: &SceneFile, scanner: &Scanner, frames: u64) -> Code {
    let measured = [0, 1].map(|i| bars(&lights[i], window));
    let look = |fewer: f64, frames: Range<u64>| {
        [0, 1].map(|i| read(&lights[i], window, &file.sensor.with_light_divided_by(fewer), scanner, file.seed, frames.clone()))
    };
    let share = |of: &[Read; 2]| (of[0].read + of[1].read) as f64 / (of[0].frames + of[1].frames).max(1) as f64;
    let first = if frames == 0 { [Read::default(); 2] } else { look(1.0, 0..FIRST_LOOK) };
    // What a frame of the scenario's own light does not show is beyond both; all else is made so dark that noise decides.
    let possible = share(&first) > 0.0;
    let darkness = possible.then(|| {
        if share(&first) < 1.0 {
            return 1.0;
        }
        let (mut read, mut lost) = (0, DARKEST);
        while lost - read > 1 {
            let middle = (read + lost) / 2;
            let half_read = share(&look(darkening(middle), 0..FIRST_LOOK)) >= 0.5;
            *(if half_read { &mut read } else { &mut lost }) = middle;
        }
        darkening(lost)
    });
    // Other noise than that by which the light was chosen, else the choice would favour whoever was lucky.
    let threshold = darkness.map(|darkness| {
        let outcome = look(darkness, FIRST_LOOK..FIRST_LOOK + frames);
        Threshold { darkness, frames, read: outcome.map(|o| o.read), wrong: outcome.map(|o| o.wrong) }
    });
    Code {
        scene: scene.to_owned(),
        text: window.text.clone(),
        symbology: window.symbology.clone(),
        px_per_module: window.px_per_module,
        incidence_deg: window.incidence_deg,
        grid_angle_deg: window.grid_angle_deg,
        modulation: measured[0].zip(measured[1]).map(|(a, b)| [a.modulation, b.modulation]),
        paper: measured[0].zip(measured[1]).map(|(a, b)| [a.paper, b.paper]),
        frames: first[0].frames,
        read: first.map(|o| o.read),
        wrong: first.map(|o| o.wrong),
        threshold,
    }
}

/// By what the light is divided at a step of the search.
fn darkening(step: u32) -> f64 {
    2f64.powf(f64::from(step) / STEPS_PER_HALVING)
}

/// Grey values for the eye: gamma 2.2.
fn picture(light: &Light) -> Result<Vec<u8>> {
    let grey: Vec<u8> = light.values.iter().map(|v| ((v / WHITE).clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0).round() as u8).collect();
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&grey, light.width as u32, light.height as u32, ExtendedColorType::L8)
        .map_err(|error| Failure::environment(error.to_string()))?;
    Ok(png)
}

/// Twin ÷ other over what is neither dark nor glaring in either: 5 %, 50 % and 95 % quantile.
fn ratio([twin, other]: &[Light; 2]) -> Option<[f64; 3]> {
    let lit = |v: f32| (0.2..1.1).contains(&v);
    let ratios: Vec<f64> =
        twin.values.iter().zip(&other.values).filter(|(a, b)| lit(**a) && lit(**b)).map(|(a, b)| f64::from(a / b)).collect();
    Some([reports::stats::quantile(&ratios, 0.05)?, reports::stats::quantile(&ratios, 0.5)?, reports::stats::quantile(&ratios, 0.95)?])
}

/// Distance between the centres of all that glares in the one and in the other, px of the camera; `None` where nothing glares in one of them.
fn glare(lights: &[Light; 2], step: f64) -> Option<f64> {
    let centre = |light: &Light| {
        let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
        for (i, value) in light.values.iter().enumerate() {
            let weight = f64::from((value - 1.3).clamp(0.0, 1.0));
            sum += weight;
            x += weight * (i % light.width) as f64;
            y += weight * (i / light.width) as f64;
        }
        (sum > 0.5).then(|| [x / sum, y / sum])
    };
    let (a, b) = (centre(&lights[0])?, centre(&lights[1])?);
    Some(step * (a[0] - b[0]).hypot(a[1] - b[1]))
}
