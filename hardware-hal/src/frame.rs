//! A picture as a camera delivers it, with everything that a reader may want to know about how it was taken.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Calibration, Error, ErrorKind, Result, Timestamp};

/// How the samples of a frame are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelLayout {
    /// One sample per pixel.
    Mono,
    /// One sample per pixel behind a colour filter; the pattern's first row starts with red, green.
    BayerRggb,
    /// One sample per pixel behind a colour filter; the pattern's first row starts with green, red.
    BayerGrbg,
    /// One sample per pixel behind a colour filter; the pattern's first row starts with green, blue.
    BayerGbrg,
    /// One sample per pixel behind a colour filter; the pattern's first row starts with blue, green.
    BayerBggr,
    /// Red, green, blue interleaved.
    Rgb,
}

impl PixelLayout {
    /// Samples per pixel.
    pub fn samples(self) -> usize {
        if self == Self::Rgb { 3 } else { 1 }
    }
}

/// The layout and how many bits of each sample count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PixelFormat {
    /// Arrangement of the samples.
    pub layout: PixelLayout,
    /// Significant bits, 8 to 16; full scale is 2^bits − 1, right-aligned.
    pub bits: u8,
}

impl PixelFormat {
    /// 8 bit monochrome, what every camera can do.
    pub const MONO8: Self = Self { layout: PixelLayout::Mono, bits: 8 };
    /// 12 bit monochrome.
    pub const MONO12: Self = Self { layout: PixelLayout::Mono, bits: 12 };

    /// The largest value of a sample.
    pub fn full_scale(self) -> u16 {
        ((1u32 << self.bits) - 1) as u16
    }
}

/// The samples, row by row without padding: bytes for 8 bit formats, words for all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// 8 bit.
    U8(Vec<u8>),
    /// More than 8 bits, right-aligned.
    U16(Vec<u16>),
}

impl Samples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// When the sensor was open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// Start of exposure.
    pub start: Timestamp,
    /// How long it was exposed, in nanoseconds in files.
    #[serde(with = "crate::duration_ns")]
    pub duration: Duration,
}

/// Everything about a frame but its pixels; the same record stands in a recording's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameMeta {
    /// Which camera of the rig took it.
    pub camera: String,
    /// Counts the camera's frames from 0; a gap is a lost frame.
    pub sequence: u64,
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// How to read the samples.
    pub format: PixelFormat,
    /// When the frame was complete in memory.
    pub timestamp: Timestamp,
    /// When the sensor was open.
    pub exposure: Exposure,
    /// The camera's calibration, where there is one. A picture from a file has none.
    pub calibration: Option<Calibration>,
    /// The plate's angle during the exposure, radians, positive counter-clockwise from above, where there is a turntable.
    pub turntable_angle_rad: Option<f64>,
    /// The light pattern that was on, by name, where there is a light bank.
    pub light_pattern: Option<String>,
    /// Whether every line of the picture arrived. An incomplete frame has zeros where data are missing.
    pub complete: bool,
}

/// A picture with what is known about it.
///
/// The number of samples always fits the size and the format: [`Frame::new`] refuses anything else.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    meta: FrameMeta,
    samples: Samples,
}

impl Frame {
    /// Joins pixels and description.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] if the picture is empty, the bit depth is not 8 to 16, or the number or width of samples does not fit.
    pub fn new(meta: FrameMeta, samples: Samples) -> Result<Self> {
        let malformed = |what: String| Err(Error::new(meta.camera.clone(), ErrorKind::Malformed, what));
        if meta.width == 0 || meta.height == 0 {
            return malformed(format!("a frame of {}×{} px has no pixels", meta.width, meta.height));
        }
        if !(8..=16).contains(&meta.format.bits) {
            return malformed(format!("{} bits per sample; 8 to 16 are known", meta.format.bits));
        }
        if matches!(samples, Samples::U8(_)) != (meta.format.bits == 8) {
            return malformed(format!("{} bit samples in the wrong storage width", meta.format.bits));
        }
        let expected = meta.width as usize * meta.height as usize * meta.format.layout.samples();
        if samples.len() != expected {
            return malformed(format!("{} samples where {}×{} px need {expected}", samples.len(), meta.width, meta.height));
        }
        Ok(Self { meta, samples })
    }

    /// What is known about the picture.
    pub fn meta(&self) -> &FrameMeta {
        &self.meta
    }

    /// The pixels.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// Takes the frame apart.
    pub fn into_parts(self) -> (FrameMeta, Samples) {
        (self.meta, self.samples)
    }
}
