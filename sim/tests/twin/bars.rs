//! Printed symbols against an independent exact integration, at sizes where plain sampling would alias.

use hardware_hal::Calibration;
use hardware_hal::glam::{DQuat, DVec3};
use hardware_hal::rig_from_plate;
use sim::artwork::{GreyImage, PlacedSymbol, Printed, SymbolPattern, print_faces};
use sim::render::scene::Scene;
use sim::render::{Renderer, Shot};
use sim::spec::{ArtworkSpec, Face, PackageSpec, Placement, PrintQuality, Shape, SymbolKind, SymbolSpec, TwinSpec};

use crate::station::{self, oblique};

const X: f64 = 0.00025;
const THICK: f64 = 0.02;

/// One carton flat in the middle with one symbol on its upper face, in ambient light of radiance 1 alone: radiance is reflectance.
pub fn scene(kind: SymbolKind, text: &str) -> (TwinSpec, Vec<Placement>, PlacedSymbol) {
    let mut spec = station::station(0);
    spec.ambient = 1.0;
    let symbol = SymbolSpec {
        kind,
        text: text.into(),
        trace: true,
        face: Face::Front,
        x_dimension: X,
        height: 0.010,
        centre: [0.03, 0.02],
        quarter_turns: 0,
        ink: 0.05,
        ink_pigment: Default::default(),
        paper: 0.85,
        paper_pigment: Default::default(),
        quality: PrintQuality::default(),
    };
    spec.packages = vec![PackageSpec {
        name: "bars".into(),
        shape: Shape::Carton { size: [0.06, 0.04, THICK] },
        mass: 0.04,
        symbols: vec![symbol],
        artwork: ArtworkSpec { board: 0.85, band: 0.85, band_pigment: Default::default(), text: 0.85, gloss: 0.0, seed: 3 },
        films: Vec::new(),
    }];
    let placements = vec![Placement { rotation: DQuat::IDENTITY, translation: DVec3::new(0.0, 0.0, THICK / 2.0) }];
    let placed = print_faces(&spec.packages[0]).unwrap().remove(0).symbols.remove(0);
    (spec, placements, placed)
}

/// Where on the symbol (metres along, metres down) a place in the picture (px) looks.
pub fn on_symbol(calibration: &Calibration, angle: f64, symbol: &PlacedSymbol, x: f64, y: f64) -> [f64; 2] {
    let i = &calibration.intrinsics;
    let rig_from_camera = calibration.camera_from_rig.inverse();
    let eye = rig_from_camera.translation;
    let pinhole = |x: f64, y: f64| {
        let ray = DVec3::new((x - i.principal_px[0]) / i.focal_px[0], (y - i.principal_px[1]) / i.focal_px[1], 1.0);
        let direction = rig_from_camera.rotation * ray;
        eye + direction * ((THICK - eye.z) / direction.z)
    };
    // Through a lens that distorts: look where a pinhole would have to, until the point falls on the pixel.
    let (mut at, mut point) = ([x, y], pinhole(x, y));
    for _ in 0..if i.distortion == [0.0; 5] { 0 } else { 40 } {
        let falls = calibration.project(point).unwrap();
        if (falls.x - x).abs() + (falls.y - y).abs() < 1e-7 {
            break;
        }
        at = [at[0] + x - falls.x, at[1] + y - falls.y];
        point = pinhole(at[0], at[1]);
    }
    let point = rig_from_plate(-angle).transform_point(point);
    let face = [point.x + 0.03 - symbol.origin[0], 0.02 - point.y - symbol.origin[1]];
    [symbol.along, symbol.down].map(|axis| face[0] * axis[0] + face[1] * axis[1])
}

/// Mean darkness of a pixel.
pub fn darkness(calibration: &Calibration, angle: f64, symbol: &PlacedSymbol, x: f64, y: f64) -> f64 {
    let at = |i: f64, j: f64| on_symbol(calibration, angle, symbol, x + i, y + j);
    match &symbol.pattern {
        SymbolPattern::Linear { modules } => bars_darkness(symbol, modules, at),
        SymbolPattern::Matrix { size, dark } => matrix_darkness(symbol, *size, dark, at),
    }
}

/// Cut into 64 slices along the pixel axis that runs more along the code; each slice is a line, along which bars are added up exactly.
pub fn bars_darkness(symbol: &PlacedSymbol, modules: &[bool], at: impl Fn(f64, f64) -> [f64; 2]) -> f64 {
    const SLICES: usize = 64;
    let mut dark_before = vec![0.0];
    for dark in modules {
        dark_before.push(dark_before[dark_before.len() - 1] + f64::from(u8::from(*dark)) * symbol.x_dimension);
    }
    // Dark length from the start to s.
    let dark_until = |s: f64| {
        let place = (s / symbol.x_dimension).clamp(0.0, modules.len() as f64);
        let module = (place as usize).min(modules.len() - 1);
        dark_before[module] + (place - module as f64) * f64::from(u8::from(modules[module])) * symbol.x_dimension
    };
    let along_x = (at(0.5, 0.0)[0] - at(-0.5, 0.0)[0]).abs() >= (at(0.0, 0.5)[0] - at(0.0, -0.5)[0]).abs();
    let mut sum = 0.0;
    for slice in 0..SLICES {
        let offset = (slice as f64 + 0.5) / SLICES as f64 - 0.5;
        let (start, end) = if along_x { (at(-0.5, offset), at(0.5, offset)) } else { (at(offset, -0.5), at(offset, 0.5)) };
        // The part of the line that lies within the bars' height.
        let crossing = |edge: f64| (edge - start[1]) / (end[1] - start[1]);
        let (top, bottom) = (crossing(0.0), crossing(symbol.height));
        let inside = (0.0..=symbol.height).contains(&start[1]);
        let (from, to) = if top.is_finite() && bottom.is_finite() {
            (top.min(bottom).clamp(0.0, 1.0), top.max(bottom).clamp(0.0, 1.0))
        } else if inside {
            (0.0, 1.0)
        } else {
            (0.0, 0.0)
        };
        let s = |part: f64| start[0] + (end[0] - start[0]) * part;
        sum += (dark_until(s(to)) - dark_until(s(from))) / (end[0] - start[0]);
    }
    sum / SLICES as f64
}

/// 48 × 48 points.
fn matrix_darkness(symbol: &PlacedSymbol, size: usize, dark: &[bool], at: impl Fn(f64, f64) -> [f64; 2]) -> f64 {
    const N: usize = 48;
    let offset = |i: usize| (i as f64 + 0.5) / N as f64 - 0.5;
    let is_dark = |k: usize| {
        let [s, t] = at(offset(k % N), offset(k / N));
        let inside = s >= 0.0 && t >= 0.0 && s < symbol.width && t < symbol.height;
        let (column, row) = ((s / symbol.x_dimension) as usize, (t / symbol.x_dimension) as usize);
        inside && dark[row.min(size - 1) * size + column.min(size - 1)]
    };
    (0..N * N).filter(|k| is_dark(*k)).count() as f64 / (N * N) as f64
}

/// Differences of rendered and exact darkness, as shares of the contrast.
#[derive(Debug, Default)]
pub struct Difference {
    /// Largest where the pixel lies within the bars' height, or beside them.
    pub along: f64,
    /// Largest where it lies across the bars' ends: there the shader takes along and across apart, which is exact on the grid and close elsewhere.
    pub ends: f64,
    /// Root mean square of all.
    pub rms: f64,
}

/// Compares a grid of pixels in and around the symbol.
pub fn difference(renderer: &Renderer, calibration: Calibration, angle: f64, symbol: &PlacedSymbol) -> Difference {
    let [width, height] = calibration.intrinsics.size_px;
    let picture = renderer.render(Shot::at_rest(calibration, angle, vec![0.0; 4])).unwrap();
    let (mut difference, mut squares, mut count) = (Difference::default(), 0.0, 0);
    // A prime stride walks through all phases without looking at every pixel.
    for index in (0..(width * height) as usize).step_by(7) {
        let (x, y) = ((index % width as usize) as f64, (index / width as usize) as f64);
        let [s, t] = on_symbol(&calibration, angle, symbol, x, y);
        // With some of the quiet zone, but not so far out that the human-readable line below comes into it.
        if s < -6.0 * X || s > symbol.width + 6.0 * X || t < -2.0 * X || t > symbol.height - 2.0 * X {
            continue;
        }
        let wanted = darkness(&calibration, angle, symbol, x, y);
        let found = (symbol.paper - f64::from(picture.pixels[index])) / (symbol.paper - symbol.ink);
        let corners =
            [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)].map(|(i, j)| on_symbol(&calibration, angle, symbol, x + i, y + j)[1]);
        let crosses = |edge: f64| corners.iter().any(|t| *t < edge) && corners.iter().any(|t| *t > edge);
        let worst = if crosses(0.0) || crosses(symbol.height) { &mut difference.ends } else { &mut difference.along };
        *worst = worst.max((found - wanted).abs());
        squares += (found - wanted).powi(2);
        count += 1;
    }
    assert!(count > 30, "only {count} pixels");
    difference.rms = (squares / f64::from(count)).sqrt();
    difference
}

pub fn overhead(px_per_module: f64) -> Calibration {
    // Off the middle by a third of a pixel, so that no axis of symmetry hides an offset.
    let distance = 0.5 + THICK;
    let side = ((0.062 / X * px_per_module) as u32 + 16).max(64);
    let mut calibration = station::overhead(side, side, px_per_module * 0.5 / X, distance);
    calibration.intrinsics.principal_px[0] += 0.31;
    calibration.intrinsics.principal_px[1] -= 0.17;
    calibration
}

#[test]
fn bars_are_area_sampled_at_any_size_and_angle() {
    let (spec, placements, symbol) = scene(SymbolKind::Code128, "81234560123456789012");
    let renderer = Renderer::start(Scene::new(&spec, &placements).unwrap(), 4000.0).unwrap();
    let mut overall = Difference::default();
    for px_per_module in [0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0] {
        for degrees in [0.0f64, 1.0, 17.0, 45.0, 90.0, 133.0] {
            let d = difference(&renderer, overhead(px_per_module), degrees.to_radians(), &symbol);

            assert!(d.along < 0.01 && d.ends < 0.08 && d.rms < 0.006, "{px_per_module} px per module at {degrees}°: {d:?}");
            overall.along = overall.along.max(d.along);
            overall.ends = overall.ends.max(d.ends);
            overall.rms = overall.rms.max(d.rms);
        }
    }
    println!("largest differences: {overall:?}");
}

#[test]
fn bars_are_area_sampled_at_a_slant() {
    let (spec, placements, symbol) = scene(SymbolKind::Code128, "81234560123456789012");
    let renderer = Renderer::start(Scene::new(&spec, &placements).unwrap(), 4000.0).unwrap();
    for focal in [1000.0, 2000.0, 4000.0] {
        let calibration = oblique((0.13 * focal) as u32, (0.09 * focal) as u32, focal, [0.4, 0.1, 0.3]);
        for angle in [0.3, 1.4, 2.6] {
            let d = difference(&renderer, calibration, angle, &symbol);
            // Upper and lower edges that cross a pixel at a slant are taken as square to the bars there: up to a tenth of the contrast in that pixel.
            assert!(d.along < 0.01 && d.ends < 0.1 && d.rms < 0.01, "focal length {focal} px, angle {angle}: {d:?}");
        }
    }
}

#[test]
fn matrix_symbols_are_area_sampled() {
    let (spec, placements, symbol) = scene(SymbolKind::DataMatrix, "\u{1d}010690123456789221SN0000012345");
    let renderer = Renderer::start(Scene::new(&spec, &placements).unwrap(), 4000.0).unwrap();
    for px_per_module in [0.7, 1.0, 1.5, 2.0, 3.0] {
        for degrees in [0.0f64, 17.0, 45.0, 100.0] {
            let d = difference(&renderer, overhead(px_per_module), degrees.to_radians(), &symbol);
            assert!(d.along < 0.04 && d.ends < 0.04 && d.rms < 0.01, "{px_per_module} px per module at {degrees}°: {d:?}");
        }
    }
}

/// A print as it is rasterised for others, many pixels to a module: mean reflectance of a pixel of the camera.
fn rasterised(raster: &GreyImage, per_m: f64, at: impl Fn(f64, f64) -> [f64; 2]) -> f64 {
    const N: usize = 16;
    let offset = |i: usize| (i as f64 + 0.5) / N as f64 - 0.5;
    let point = |k: usize| {
        let [u, v] = at(offset(k % N), offset(k / N)).map(|x| (x * per_m) as usize);
        f64::from(raster.pixels[v.min(raster.height - 1) * raster.width + u.min(raster.width - 1)]) / 255.0
    };
    (0..N * N).map(point).sum::<f64>() / (N * N) as f64
}

#[test]
fn a_damaged_print_is_drawn_as_it_is_rasterised() {
    const PER_M: f64 = 60_000.0;
    for (kind, text) in [(SymbolKind::Code128, "81234560123456789012"), (SymbolKind::DataMatrix, "\u{1d}010690123456789221SN0000012345")] {
        for growth in [0.3, -0.25] {
            let (mut spec, placements, _) = scene(kind, text);
            spec.packages[0].symbols[0].quality = PrintQuality {
                growth,
                edge_sigma: 0.06,
                voids: 0.04,
                spots: 0.02,
                mark_diameter: 0.5e-3,
                scratches: 3.0,
                fading: 0.4,
                seed: 9,
            };
            let print = print_faces(&spec.packages[0]).unwrap().remove(0);
            let (raster, symbol) = (print.rasterise(PER_M, Printed::All), print.symbols[0].clone());
            let renderer = Renderer::start(Scene::new(&spec, &placements).unwrap(), 10_000.0).unwrap();
            for (px_per_module, angle) in [(1.0, 0.3), (2.0, 1.2)] {
                let calibration = overhead(px_per_module);
                let picture = renderer.render(Shot::at_rest(calibration, angle, vec![0.0; 4])).unwrap();
                let width = calibration.intrinsics.size_px[0] as usize;
                let (mut squares, mut sum, mut count) = (0.0, 0.0, 0);
                for (index, found) in picture.pixels.iter().enumerate().step_by(3) {
                    let (x, y) = ((index % width) as f64, (index / width) as f64);
                    let [s, t] = on_symbol(&calibration, angle, &symbol, x, y);
                    if s < -4.0 * X || s > symbol.width + 4.0 * X || t < 2.0 * X || t > symbol.height - 2.0 * X {
                        continue;
                    }
                    let wanted = rasterised(&raster, PER_M, |i, j| {
                        let [s, t] = on_symbol(&calibration, angle, &symbol, x + i, y + j);
                        symbol.point(s, t)
                    });
                    let difference = f64::from(*found) - wanted;
                    (squares, sum, count) = (squares + difference * difference, sum + difference, count + 1);
                }
                let (mean, rms) = (sum / f64::from(count), (squares / f64::from(count)).sqrt());
                // Voids and fading are drawn from texels of a tenth of a millimetre: their edges are softer than they are.
                assert!(count > 100 && mean.abs() < 0.01 && rms < 0.06, "{kind:?} {growth} at {px_per_module}: mean {mean}, rms {rms}");
            }
        }
    }
}
