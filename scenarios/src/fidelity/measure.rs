//! What can be said of the light around a code: modulation of its narrow elements, brightness of its paper, and whether it reads.

use std::time::Duration;

use hardware_hal::glam::{DMat3, DVec2, DVec3};
use hardware_hal::{PixelFormat, Samples};
use image::{DynamicImage, GrayImage};
use scanner_core::codes::Role;
use scanner_core::vision::Scanner;
use sim::random::Streams;
use sim::sensor::Readout;
use sim::spec::{SensorDetail, SensorSpec};

use super::{Light, Sensor, Window};
use crate::score::normalised;

/// Rows of a code that are measured, as shares of its height.
const ROWS: std::ops::Range<f64> = 0.15..0.85;

/// Pixels that each of the three means needs at least.
const LEAST: usize = 20;

/// Light along a linear code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bars {
    /// (spaces of one module − bars of one module) ÷ paper, in the middle half of each.
    pub modulation: f64,
    /// The quiet zones.
    pub paper: f64,
}

/// Measures a linear code; `None` where the window shows too little of it.
pub fn bars(light: &Light, window: &Window) -> Option<Bars> {
    let count = window.modules.len();
    if count == 0 {
        return None;
    }
    let symbol_from_picture = square_to_quad(&window.corners)?.inverse();
    // Paper, bars, spaces: sum and number.
    let mut means = [(0.0, 0_usize); 3];
    for (i, value) in light.values.iter().enumerate() {
        let pixel = DVec3::new((window.x + i % light.width) as f64, (window.y + i / light.width) as f64, 1.0);
        let mapped = symbol_from_picture * pixel;
        let (x, t) = (mapped.x / mapped.z * count as f64, mapped.y / mapped.z);
        if !ROWS.contains(&t) {
            continue;
        }
        let kind = if (-7.0..-2.0).contains(&x) || (2.0..7.0).contains(&(x - count as f64)) {
            0
        } else {
            let module = x.floor();
            if module < 1.0 || module >= count as f64 - 1.0 || (x - module - 0.5).abs() > 0.25 {
                continue;
            }
            let m = module as usize;
            if window.modules[m - 1] == window.modules[m] || window.modules[m + 1] == window.modules[m] {
                continue;
            }
            if window.modules[m] { 1 } else { 2 }
        };
        means[kind].0 += f64::from(*value);
        means[kind].1 += 1;
    }
    if means.iter().any(|(_, number)| *number < LEAST) {
        return None;
    }
    let [paper, bar, space] = means.map(|(sum, number)| sum / number as f64);
    Some(Bars { modulation: (space - bar) / paper, paper })
}

/// What became of frames with noise of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Read {
    /// Frames.
    pub frames: u64,
    /// Those in which the code was read.
    pub read: u64,
    /// Traceability codes read that are not there.
    pub wrong: u64,
}

/// Makes frames `first..last` of the light and reads them.
pub fn read(light: &Light, window: &Window, sensor: &Sensor, scanner: &Scanner, seed: u64, frames: std::ops::Range<u64>) -> Read {
    let spec = SensorSpec {
        blur_sigma_px: sensor.blur_sigma_px,
        electrons_at_white: sensor.electrons_at_white,
        full_well: sensor.full_well,
        dark_noise: sensor.dark_noise,
        black_level: sensor.black_level,
        detail: SensorDetail::default(),
    };
    let readout = Readout {
        sensor: &spec,
        nominal_exposure_s: sensor.exposure_s,
        exposure: Duration::from_secs_f64(sensor.exposure_s),
        gain_db: 0.0,
        format: PixelFormat::MONO8,
    };
    let mut outcome = Read::default();
    for frame in frames {
        // The same noise for both renderers: common random numbers.
        let key = Streams::new(seed).key("fidelity noise", &[window.package as u64, frame]);
        let Samples::U8(grey) = readout.expose(&light.values, light.width, &key) else { continue };
        let Some(picture) = GrayImage::from_raw(light.width as u32, light.height as u32, grey) else { continue };
        let reading = scanner.scan_image(&DynamicImage::ImageLuma8(picture));
        let texts: Vec<&str> = reading.readings.iter().filter(|r| r.role == Role::Trace).map(|r| normalised(&r.text)).collect();
        outcome.frames += 1;
        outcome.read += u64::from(texts.contains(&normalised(&window.text)));
        outcome.wrong += texts.iter().filter(|text| **text != normalised(&window.text)).count() as u64;
    }
    outcome
}

/// The projective map from the unit square to four corners (Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, section 2.2.3).
fn square_to_quad(corners: &[[f64; 2]; 4]) -> Option<DMat3> {
    let [p0, p1, p2, p3] = corners.map(DVec2::from_array);
    let sum = p0 - p1 + p2 - p3;
    let (d1, d2) = (p1 - p2, p3 - p2);
    let determinant = d1.perp_dot(d2);
    if determinant.abs() < 1e-12 {
        return None;
    }
    let (g, h) = (sum.perp_dot(d2) / determinant, d1.perp_dot(sum) / determinant);
    let (u, v) = (p1 - p0 + p1 * g, p3 - p0 + p3 * h);
    Some(DMat3::from_cols(DVec3::new(u.x, u.y, g), DVec3::new(v.x, v.y, h), DVec3::new(p0.x, p0.y, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(modules: &[bool], corners: [[f64; 2]; 4]) -> Window {
        Window {
            x: 0,
            y: 0,
            width: 0,
            height: 0,
            package: 0,
            text: String::new(),
            symbology: "code128".into(),
            modules: modules.to_vec(),
            corners,
            px_per_module: 4.0,
            incidence_deg: 0.0,
            grid_angle_deg: 0.0,
            glare_share: 0.0,
        }
    }

    #[test]
    fn the_square_goes_to_its_corners() {
        let corners = [[10.0, 20.0], [90.0, 12.0], [80.0, 70.0], [5.0, 60.0]];
        let map = square_to_quad(&corners).unwrap();
        for ([s, t], corner) in [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]].into_iter().zip(corners) {
            let p = map * DVec3::new(s, t, 1.0);
            assert!((p.x / p.z - corner[0]).abs() < 1e-9 && (p.y / p.z - corner[1]).abs() < 1e-9, "{p}");
        }
    }

    #[test]
    fn modulation_is_that_of_the_narrow_elements_alone() {
        // Bars and spaces of one module alternate, then a wide bar; four pixels a module, paper 0.8, narrow spaces 0.6, narrow bars 0.2, the wide one 0.
        let modules: Vec<bool> = (0..41).map(|i| i % 2 == 0).chain([true, true, false, true]).collect();
        let (count, scale, left) = (modules.len(), 4, 40);
        let width = left * 2 + count * scale;
        let value = |x: usize| match x.checked_sub(left).map(|x| x / scale) {
            Some(m) if m < count => {
                match (modules[m], m > 0 && m + 1 < count && modules[m - 1] != modules[m] && modules[m + 1] != modules[m]) {
                    (true, true) => 0.2,
                    (false, true) => 0.6,
                    _ => 0.0,
                }
            }
            _ => 0.8,
        };
        let values: Vec<f32> = (0..30 * width).map(|i| value(i % width)).collect();
        let light = Light { width, height: 30, values };
        // Pixels count from their centres.
        let (start, stop) = (left as f64 - 0.5, (left + count * scale) as f64 - 0.5);
        let found = bars(&light, &window(&modules, [[start, 5.0], [stop, 5.0], [stop, 25.0], [start, 25.0]])).unwrap();
        assert!((found.paper - 0.8).abs() < 1e-6 && (found.modulation - 0.5).abs() < 1e-6, "{found:?}");
        assert_eq!(bars(&light, &window(&[], [[0.0; 2]; 4])), None);
    }
}
