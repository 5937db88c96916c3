//! Frames full of what looks like codes and is none. What is looked at in vain must be bounded: a textured tablecloth may not stop a station.

use image::GrayImage;
use rayon::prelude::*;
use scanner_core::vision::decode::data_matrix::SIZES;

use crate::support::Dice;

/// Pixels of a frame.
const SIZE: [u32; 2] = [4096, 3000];
/// Grey values of paper and ink.
const PAPER: u8 = 215;
const INK: u8 = 45;
/// Modules of a symbol's side.
const MODULES: usize = 22;

/// What they are called, and the frames.
pub fn all() -> Vec<(&'static str, GrayImage)> {
    vec![
        ("bars in patches, 0.7 to 1.2 px", bars([120, 40], 0.7, 1.2)),
        ("bars in patches, 2 to 4 px", bars([400, 150], 2.0, 4.0)),
        ("walls of matrix symbols without a codeword, 3 px", symbols(3.0)),
        ("the same, 1.5 px", symbols(1.5)),
        ("checks, 5 px", draw(|x, y| (x / 5.0).floor() as i64 % 2 == (y / 5.0).floor() as i64 % 2)),
        ("lines, 1.7 px", draw(|x, y| ((x * 0.92 + y * 0.39) / 1.7).sin() > 0.0)),
    ]
}

/// Patches of bars of random widths and directions, `narrowest` to `widest` px a module.
fn bars(patch: [usize; 2], narrowest: f64, widest: f64) -> GrayImage {
    let mut dice = Dice::new(1, "textures: bars");
    let across = SIZE[0] as usize / patch[0] + 1;
    let patches: Vec<([f64; 2], f64, Vec<bool>)> = (0..across * (SIZE[1] as usize / patch[1] + 1))
        .map(|_| {
            let (sin, cos) = dice.real(0.0, std::f64::consts::PI).sin_cos();
            let module = dice.real(narrowest, widest);
            let bars = (0..1024).flat_map(|i| vec![i % 2 == 0; 1 + dice.int(4) as usize]).collect();
            ([cos / module, sin / module], module, bars)
        })
        .collect();
    draw(|x, y| {
        let [column, row] = [x as usize / patch[0], y as usize / patch[1]];
        let [left, top] = [x - (column * patch[0]) as f64, y - (row * patch[1]) as f64];
        let ([right, down], module, bars) = &patches[row * across + column];
        // A quiet zone between neighbours.
        let quiet = left.min(top) < 3.0 * module;
        !quiet && bars[((left * right + top * down).floor() as i64).rem_euclid(bars.len() as i64) as usize]
    })
}

/// Data Matrix symbols side by side, turned a little: finder and alternating sides as they should be, modules at random.
fn symbols(module: f64) -> GrayImage {
    let mut dice = Dice::new(1, "textures: symbols");
    let size = SIZES.iter().find(|size| [size.cols, size.rows] == [MODULES; 2]).unwrap();
    let pitch = MODULES + 5;
    let across = (1.2 * f64::from(SIZE[0]) / module) as usize / pitch + 2;
    let modules: Vec<bool> = (0..across * across * MODULES * MODULES).map(|_| dice.int(2) == 0).collect();
    let (sin, cos) = 6f64.to_radians().sin_cos();
    draw(|x, y| {
        let [u, v] = [(x * cos + y * sin) / module, (y * cos - x * sin) / module + 0.11 * f64::from(SIZE[0]) / module];
        let ([c, r], [u, v]) = ([u as usize / pitch, v as usize / pitch], [u as usize % pitch, v as usize % pitch]);
        size.fixed(u as isize, v as isize).unwrap_or_else(|| modules[((r * across + c) * MODULES + v) * MODULES + u])
    })
}

/// A frame of what is dark, four samples a pixel, with a little noise.
fn draw(dark: impl Fn(f64, f64) -> bool + Sync) -> GrayImage {
    let row = |y: u32| {
        let mut dice = Dice::new(u64::from(y), "textures: noise");
        let pixel = |x: u32| {
            let at = |k: u32| dark(f64::from(x) + 0.25 + 0.5 * f64::from(k % 2), f64::from(y) + 0.25 + 0.5 * f64::from(k / 2));
            let share = (0..4).filter(|k| at(*k)).count() as f64 / 4.0;
            (f64::from(PAPER) + share * (f64::from(INK) - f64::from(PAPER)) + dice.real(-3.0, 3.0)) as u8
        };
        (0..SIZE[0]).map(pixel).collect::<Vec<u8>>()
    };
    let pixels = (0..SIZE[1]).into_par_iter().flat_map_iter(row).collect();
    GrayImage::from_raw(SIZE[0], SIZE[1], pixels).unwrap()
}
