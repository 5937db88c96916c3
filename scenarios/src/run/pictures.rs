//! Frames made small for the report, at once, so that no run holds more than a few frames.

use std::io::Cursor;
use std::path::Path;

use hardware_hal::{Frame, PixelLayout, Samples};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageBuffer, Luma, Rgb, RgbImage};
use reports::{CodeView, Misread, Picture, PictureFormat, PrintRole};

use crate::error::{Failure, Result};

/// Longest side of a report's picture, px.
const LONGEST: u32 = 1400;

/// Quality of its JPEG, 1 to 100.
const QUALITY: u8 = 72;

/// A frame, reduced by averaging: (picture, its pixels ÷ the frame's).
pub fn reduced(frame: &Frame) -> (DynamicImage, f64) {
    let meta = frame.meta();
    let shift = meta.format.bits.saturating_sub(8);
    let bytes: Vec<u8> = match frame.samples() {
        Samples::U8(samples) => samples.clone(),
        Samples::U16(samples) => samples.iter().map(|sample| (sample >> shift).min(255) as u8).collect(),
    };
    // The number of samples fits the size: a frame promises it.
    let full = match meta.format.layout {
        PixelLayout::Rgb => ImageBuffer::<Rgb<u8>, _>::from_raw(meta.width, meta.height, bytes).map(DynamicImage::ImageRgb8),
        _ => ImageBuffer::<Luma<u8>, _>::from_raw(meta.width, meta.height, bytes).map(DynamicImage::ImageLuma8),
    }
    .unwrap_or_default();
    let scale = (f64::from(LONGEST) / f64::from(meta.width.max(meta.height))).min(1.0);
    let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    if scale < 1.0 { (full.thumbnail_exact(side(meta.width), side(meta.height)), scale) } else { (full, 1.0) }
}

/// As a JPEG for the report.
pub fn jpeg(picture: &DynamicImage, scale: f64) -> Option<Picture> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(Cursor::new(&mut bytes), QUALITY);
    picture.write_with_encoder(encoder).ok()?;
    Some(Picture { format: PictureFormat::Jpeg, bytes, scale })
}

/// Writes a picture with what was found (green), missed (red) and misread (magenta) drawn into it.
///
/// # Errors
/// The file cannot be written.
pub fn write_annotated(picture: &DynamicImage, scale: f64, views: &[CodeView], misreads: &[Misread], path: &Path) -> Result<()> {
    let mut drawn = picture.to_rgb8();
    for view in views.iter().filter(|view| view.role == PrintRole::Trace) {
        if view.read {
            outline(&mut drawn, &view.corners, scale, Rgb([22, 198, 83]));
        } else if view.visible {
            outline(&mut drawn, &view.corners, scale, Rgb([255, 47, 47]));
        }
    }
    for misread in misreads {
        outline(&mut drawn, &misread.corners, scale, Rgb([255, 59, 232]));
    }
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(Cursor::new(&mut bytes), QUALITY);
    drawn.write_with_encoder(encoder).map_err(|error| Failure::environment(format!("cannot make {}: {error}", path.display())))?;
    reports::write_atomically(path, &bytes).map_err(|error| Failure::environment(error.to_string()))
}

/// A closed outline two pixels wide, clipped at the border.
fn outline(picture: &mut RgbImage, corners: &[[f64; 2]; 4], scale: f64, colour: Rgb<u8>) {
    // Pixel (0, 0) of a frame is the centre of its first pixel, and so it is in the picture.
    let at = |corner: [f64; 2]| corner.map(|value| (value + 0.5) * scale - 0.5);
    for i in 0..4 {
        let (p, q) = (at(corners[i]), at(corners[(i + 1) % 4]));
        let length = (q[0] - p[0]).hypot(q[1] - p[1]);
        if !length.is_finite() || length > 1e5 {
            continue;
        }
        let steps = (length * 1.5).ceil().max(1.0) as u32;
        for step in 0..=steps {
            let share = f64::from(step) / f64::from(steps);
            let [x, y] = [0, 1].map(|axis| p[axis] + (q[axis] - p[axis]) * share);
            for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)] {
                let (px, py) = ((x + dx).round(), (y + dy).round());
                if px >= 0.0 && py >= 0.0 && px < f64::from(picture.width()) && py < f64::from(picture.height()) {
                    picture.put_pixel(px as u32, py as u32, colour);
                }
            }
        }
    }
}
