//! Pictures from files as frames: 8 and 16 bit, grey and colour. What a reader would have to guess is refused.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hardware_hal::{Exposure, Frame, FrameMeta, PixelFormat, PixelLayout, Samples, Timestamp};
use image::{DynamicImage, ImageDecoder, ImageReader};

use crate::error::{Failure, Result};

/// Endings of the files that are taken from a folder.
const ENDINGS: [&str; 11] = ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "gif", "pgm", "ppm", "pnm"];

/// The pictures that `paths` name: files as they stand, folders with the pictures directly in them, by name.
///
/// # Errors
/// A path that does not exist, or a folder without pictures.
pub fn list(path: &Path) -> Result<Vec<PathBuf>> {
    let meta = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::input(path, "no such file or folder"),
        _ => Failure::input(path, format!("cannot be read: {error}")),
    })?;
    if !meta.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| Failure::input(path, format!("the folder cannot be read: {error}"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let ending = file.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        if file.is_file() && ending.is_some_and(|e| ENDINGS.contains(&e.as_str())) {
            found.push(file);
        }
    }
    if found.is_empty() {
        return Err(Failure::input(path, "the folder has no pictures in it")
            .with_help(format!("files ending in {} are looked for", ENDINGS.join(", "))));
    }
    found.sort();
    Ok(found)
}

/// Reads a picture file as a frame.
///
/// # Errors
/// What is wrong with the file: missing, not a picture, empty, cut short, or of a kind whose grey values would have to be guessed (CMYK, floats).
pub fn read(path: &Path) -> Result<Frame> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::input(path, "no such file"),
        _ => Failure::input(path, format!("cannot be read: {error}")),
    })?;
    decode(path, &bytes).map_err(|message| Failure::input(path, message))
}

fn decode(path: &Path, bytes: &[u8]) -> std::result::Result<Frame, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    let format = reader.format().ok_or("is not a picture in a format that is known here")?;
    if format == image::ImageFormat::Jpeg {
        check_jpeg(bytes)?;
    }
    let picture_error = |error: image::ImageError| match error {
        image::ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => "the picture is cut short".to_owned(),
        image::ImageError::Limits(_) => "the picture is too large to be read".to_owned(),
        error => format!("the picture cannot be decoded: {error}"),
    };
    let decoder = reader.into_decoder().map_err(picture_error)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(format!("a picture of {width}×{height} px has nothing in it"));
    }
    if matches!(decoder.original_color_type(), image::ExtendedColorType::Cmyk8 | image::ExtendedColorType::Cmyk16) {
        return Err(CMYK.to_owned());
    }
    let picture = DynamicImage::from_decoder(decoder).map_err(picture_error)?;
    frame(path, picture)
}

const CMYK: &str = "is a CMYK picture; grey and RGB are read, because what its inks look like depends on a press profile";

/// Finds out what the JPEG decoder would pass over: four colour components, a size of zero, and an end that is missing (it paints the rest grey).
fn check_jpeg(bytes: &[u8]) -> std::result::Result<(), String> {
    let cut_short = || "the picture is cut short: the JPEG's end is missing".to_owned();
    let mut at = 2;
    loop {
        // A marker may be preceded by any number of fill bytes 0xFF.
        while bytes.get(at) == Some(&0xFF) && bytes.get(at + 1) == Some(&0xFF) {
            at += 1;
        }
        let (Some(0xFF), Some(&marker)) = (bytes.get(at), bytes.get(at + 1)) else { return Err(cut_short()) };
        let (Some(&high), Some(&low)) = (bytes.get(at + 2), bytes.get(at + 3)) else { return Err(cut_short()) };
        let length = usize::from(high) << 8 | usize::from(low);
        match marker {
            // Start of frame, all kinds: precision, height, width, components.
            0xC0..=0xCF if ![0xC4, 0xC8, 0xCC].contains(&marker) => {
                let header = bytes.get(at + 4..at + 10).ok_or_else(cut_short)?;
                let word = |i: usize| u16::from(header[i]) << 8 | u16::from(header[i + 1]);
                let (height, width, components) = (word(1), word(3), header[5]);
                if width == 0 || height == 0 {
                    return Err(format!("a picture of {width}×{height} px has nothing in it"));
                }
                if components == 4 {
                    return Err(CMYK.to_owned());
                }
            }
            // Start of scan: from here on the end marker cannot be part of the data.
            0xDA => return if bytes[at..].windows(2).any(|pair| pair == [0xFF, 0xD9]) { Ok(()) } else { Err(cut_short()) },
            _ => {}
        }
        at += 2 + length;
    }
}

fn frame(path: &Path, picture: DynamicImage) -> std::result::Result<Frame, String> {
    let (width, height) = (picture.width(), picture.height());
    // Whatever is transparent lies on white, as labels do.
    let (layout, bits, samples) = match picture {
        DynamicImage::ImageLuma8(pixels) => (PixelLayout::Mono, 8, Samples::U8(pixels.into_raw())),
        DynamicImage::ImageRgb8(pixels) => (PixelLayout::Rgb, 8, Samples::U8(pixels.into_raw())),
        DynamicImage::ImageLumaA8(pixels) => (PixelLayout::Mono, 8, Samples::U8(pixels.pixels().map(|p| over(p[0], p[1])).collect())),
        DynamicImage::ImageRgba8(pixels) => {
            (PixelLayout::Rgb, 8, Samples::U8(pixels.pixels().flat_map(|p| [0, 1, 2].map(|i| over(p[i], p[3]))).collect()))
        }
        DynamicImage::ImageLuma16(pixels) => (PixelLayout::Mono, 16, Samples::U16(pixels.into_raw())),
        DynamicImage::ImageRgb16(pixels) => (PixelLayout::Rgb, 16, Samples::U16(pixels.into_raw())),
        DynamicImage::ImageLumaA16(pixels) => (PixelLayout::Mono, 16, Samples::U16(pixels.pixels().map(|p| over16(p[0], p[1])).collect())),
        DynamicImage::ImageRgba16(pixels) => {
            (PixelLayout::Rgb, 16, Samples::U16(pixels.pixels().flat_map(|p| [0, 1, 2].map(|i| over16(p[i], p[3]))).collect()))
        }
        other => {
            return Err(format!("has samples of a kind ({:?}) that is not read here; 8 and 16 bit grey and colour are", other.color()));
        }
    };
    let meta = FrameMeta {
        camera: path.display().to_string(),
        sequence: 0,
        width,
        height,
        format: PixelFormat { layout, bits },
        timestamp: Timestamp::default(),
        exposure: Exposure { start: Timestamp::default(), duration: Duration::ZERO },
        calibration: None,
        turntable_angle_rad: None,
        light_pattern: None,
        complete: true,
    };
    Frame::new(meta, samples).map_err(|error| error.to_string())
}

fn over(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

fn over16(value: u16, alpha: u16) -> u16 {
    let (value, alpha) = (u64::from(value), u64::from(alpha));
    ((value * alpha + 65535 * (65535 - alpha) + 32767) / 65535) as u16
}
