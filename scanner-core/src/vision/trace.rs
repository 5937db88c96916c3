//! Every stage's picture, on request.

use std::path::PathBuf;
use std::sync::Mutex;

use image::{DynamicImage, Rgb, RgbImage};

use super::{Candidates, Corners, FrameReading, Packages, Plane};

/// Takes the picture of a stage. Called from many threads.
pub trait StageSink: Sync {
    /// `stage` names the stage; `item` counts its pictures within a frame (0 where there is one only).
    fn picture(&self, stage: &'static str, item: usize, picture: &DynamicImage);
}

/// Writes `PREFIX-STAGE-ITEM.png` into a folder.
#[derive(Debug)]
pub struct StageFolder {
    folder: PathBuf,
    prefix: String,
    failure: Mutex<Option<image::ImageError>>,
}

impl StageFolder {
    /// Pictures go to `folder`, which is created; their names start with `prefix`.
    ///
    /// # Errors
    /// If the folder cannot be created.
    pub fn create(folder: impl Into<PathBuf>, prefix: impl Into<String>) -> std::io::Result<Self> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, prefix: prefix.into(), failure: Mutex::new(None) })
    }

    /// The first picture that could not be written, if any.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(|p| p.into_inner()).as_ref().map(ToString::to_string)
    }
}

impl StageSink for StageFolder {
    fn picture(&self, stage: &'static str, item: usize, picture: &DynamicImage) {
        let path = self.folder.join(format!("{}-{stage}-{item:03}.png", self.prefix));
        if let Err(error) = picture.save(&path) {
            self.failure.lock().unwrap_or_else(|p| p.into_inner()).get_or_insert(error);
        }
    }
}

/// Candidates (linear orange, matrix blue) over a plane.
pub fn candidate_overlay(plane: &Plane, white: f32, candidates: &Candidates) -> DynamicImage {
    let mut picture = base(plane, white);
    for c in &candidates.linear {
        outline(&mut picture, &c.corners(), Rgb([255, 140, 0]));
    }
    for m in &candidates.matrix {
        outline(&mut picture, &[m.min, [m.max[0], m.min[1]], m.max, [m.min[0], m.max[1]]], Rgb([40, 120, 255]));
    }
    DynamicImage::ImageRgb8(picture)
}

/// Packages in colours of their own over a plane.
pub fn package_overlay(plane: &Plane, white: f32, packages: &Packages) -> DynamicImage {
    const COLOURS: [[u16; 3]; 8] =
        [[230, 60, 60], [60, 170, 60], [70, 110, 240], [220, 180, 40], [200, 70, 200], [50, 180, 190], [240, 130, 50], [140, 100, 220]];
    let mut picture = base(plane, white);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        if let Some(which) = packages.at([f64::from(x), f64::from(y)]) {
            let colour = COLOURS[which % COLOURS.len()];
            for (value, tint) in pixel.0.iter_mut().zip(colour) {
                *value = ((u16::from(*value) * 3 + tint) / 4) as u8;
            }
        }
    }
    DynamicImage::ImageRgb8(picture)
}

/// What was read (green) and what was not (red) over a plane.
pub fn reading_overlay(plane: &Plane, white: f32, reading: &FrameReading) -> DynamicImage {
    let mut picture = base(plane, white);
    for u in &reading.unread {
        outline(&mut picture, &u.corners, Rgb([230, 30, 30]));
    }
    for r in &reading.readings {
        outline(&mut picture, &r.corners, Rgb([0, 200, 60]));
    }
    DynamicImage::ImageRgb8(picture)
}

fn base(plane: &Plane, white: f32) -> RgbImage {
    DynamicImage::ImageLuma8(plane.to_gray(white)).to_rgb8()
}

/// A closed outline, two pixels wide, clipped at the border.
fn outline(picture: &mut RgbImage, corners: &Corners, colour: Rgb<u8>) {
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    for i in 0..4 {
        let (p, q) = (corners[i], corners[(i + 1) % 4]);
        let length = (q[0] - p[0]).hypot(q[1] - p[1]);
        if !length.is_finite() {
            continue;
        }
        let steps = (length * 1.5).clamp(1.0, 20_000.0) as usize;
        for s in 0..=steps {
            let f = s as f64 / steps as f64;
            let (x, y) = (p[0] + (q[0] - p[0]) * f, p[1] + (q[1] - p[1]) * f);
            for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)] {
                let (px, py) = ((x + dx).round(), (y + dy).round());
                if px >= 0.0 && py >= 0.0 && px < w && py < h {
                    picture.put_pixel(px as u32, py as u32, colour);
                }
            }
        }
    }
}
