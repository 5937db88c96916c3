//! `tracetwin fidelity`: the twin's renderer beside an independent path tracer.
//!
//! `export` writes scenes that any renderer can draw, with the twin's own picture of some windows of them; `scripts/fidelity/render.py` draws the same
//! windows with Mitsuba 3; `compare` holds the two against each other. What is compared is light on the sensor: both pictures then go through the same
//! lens blur, noise and reader.

mod compare;
mod export;
mod measure;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::FidelityCommand;
use crate::error::{Failure, Result};

/// Edge of the overview's pixels, in pixels of the camera.
const OVERVIEW: usize = 8;

/// What a renderer needs to know; metres, the rig's frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SceneFile {
    schema_version: u32,
    scenario: String,
    seed: u64,
    camera: Camera,
    /// Radiance of the surroundings, the same from everywhere.
    ambient: f64,
    lamps: Vec<Lamp>,
    surfaces: Vec<Surface>,
    windows: Vec<Window>,
    /// Pixels of the camera along each edge of a pixel of the overview.
    overview: usize,
    sensor: Sensor,
}

/// A pinhole; pixels as OpenCV counts them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Camera {
    id: String,
    turntable_deg: f64,
    pattern: String,
    size_px: [u32; 2],
    focal_px: [f64; 2],
    principal_px: [f64; 2],
    eye: [f64; 3],
    /// Unit vectors of the picture's x and y and of the optical axis.
    right: [f64; 3],
    down: [f64; 3],
    forward: [f64; 3],
}

/// A luminous sphere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Lamp {
    position: [f64; 3],
    radius: f64,
    radiance: f64,
}

/// A flat convex piece: the point (u, v) lies at origin + u·right + v·down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Surface {
    origin: [f64; 3],
    right: [f64; 3],
    down: [f64; 3],
    outline: Vec<[f64; 2]>,
    /// Width and height of its texture, m.
    extent: [f64; 2],
    albedo: f64,
    /// Reflectance of the varnish at normal incidence.
    gloss: f64,
    texture: Option<String>,
}

/// Part of the picture around a code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Window {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    package: usize,
    text: String,
    symbology: String,
    /// Dark (true) and light modules of a linear code.
    modules: Vec<bool>,
    /// In the camera's picture.
    corners: [[f64; 2]; 4],
    px_per_module: f64,
    incidence_deg: f64,
    grid_angle_deg: f64,
    glare_share: f64,
}

/// What makes a frame of light; the names of `sim::spec::SensorSpec`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Sensor {
    exposure_s: f64,
    blur_sigma_px: f64,
    electrons_at_white: f64,
    full_well: f64,
    dark_noise: f64,
    black_level: f64,
}

impl Sensor {
    /// The same sensor with so much less light and so much more gain: frames as bright as before, with the noise of fewer electrons.
    fn with_light_divided_by(&self, divisor: f64) -> Self {
        Self { electrons_at_white: self.electrons_at_white / divisor, full_well: self.full_well / divisor, ..*self }
    }
}

/// Does what the command line says.
///
/// # Errors
/// Those of the two parts.
pub fn command(command: &FidelityCommand) -> Result<()> {
    match command {
        FidelityCommand::Export { scenario, scenes, first_seed, codes, out } => {
            export::command(scenario, *scenes, *first_seed, *codes, out)
        }
        FidelityCommand::Compare { folder, frames, json } => compare::command(folder, *frames, *json),
    }
}

/// Light of a part of a picture, row by row.
#[derive(Debug, Clone, PartialEq)]
struct Light {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Light {
    fn read(path: &Path, width: usize, height: usize) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| Failure::input(path, format!("cannot be read: {error}")))?;
        if bytes.len() != 4 * width * height {
            return Err(Failure::input(path, format!("has {} bytes; {width} × {height} numbers of 32 bits are needed", bytes.len())));
        }
        let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        Ok(Self { width, height, values })
    }

    fn bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
}

fn scene_folder(folder: &Path, seed: u64) -> PathBuf {
    folder.join(format!("scene-{seed:06}"))
}

fn light_file(folder: &Path, renderer: &str, window: Option<usize>) -> PathBuf {
    match window {
        Some(window) => folder.join(format!("{renderer}-{window:03}.f32")),
        None => folder.join(format!("{renderer}-overview.f32")),
    }
}
