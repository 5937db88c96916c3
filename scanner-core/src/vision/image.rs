//! The luminance plane that every later stage works on.

use hardware_hal::{Frame, PixelLayout, Samples};
use image::{DynamicImage, GrayImage};
use rayon::prelude::*;

/// A picture of one channel; 0 is black, 1 is full scale. (0, 0) is the centre of the top-left pixel.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plane {
    width: usize,
    height: usize,
    data: Vec<f32>,
}

impl Plane {
    /// A plane from its values, row by row.
    ///
    /// # Panics
    /// If `data` does not hold `width`·`height` values.
    pub fn new(width: usize, height: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), width * height, "a plane of {width}×{height} px needs as many values");
        Self { width, height, data }
    }

    /// The luminance of a frame.
    ///
    /// RGB by Rec. 601. Bayer patterns by the kernel (1 2 1)⊗(1 2 1)/16, which sees red, green and blue in the proportion 1 : 2 : 1 wherever it
    /// stands: colour leaves no checkerboard in the result, at the price of a blur of about 0.7 px.
    pub fn from_frame(frame: &Frame) -> Self {
        let meta = frame.meta();
        let (width, height) = (meta.width as usize, meta.height as usize);
        let scale = 1.0 / f32::from(meta.format.full_scale());
        let samples: Vec<f32> = match frame.samples() {
            Samples::U8(v) => converted(v, |s| f32::from(s) * scale),
            Samples::U16(v) => converted(v, |s| f32::from(s) * scale),
        };
        match meta.format.layout {
            PixelLayout::Mono => Self::new(width, height, samples),
            PixelLayout::Rgb => Self::new(width, height, samples.chunks_exact(3).map(|p| luma(p[0], p[1], p[2])).collect()),
            PixelLayout::BayerRggb | PixelLayout::BayerGrbg | PixelLayout::BayerGbrg | PixelLayout::BayerBggr => {
                Self::new(width, height, samples).binomial()
            }
        }
    }

    /// The luminance of any picture; what is transparent is taken as white paper.
    pub fn from_image(picture: &DynamicImage) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let data = match picture {
            DynamicImage::ImageLuma8(p) => converted(p.as_raw(), |s| f32::from(s) / 255.0),
            DynamicImage::ImageLuma16(p) => converted(p.as_raw(), |s| f32::from(s) / 65535.0),
            DynamicImage::ImageRgb8(p) => {
                p.as_raw().chunks_exact(3).map(|p| luma(f32::from(p[0]), f32::from(p[1]), f32::from(p[2])) / 255.0).collect()
            }
            other => other
                .to_rgba32f()
                .as_raw()
                .chunks_exact(4)
                .map(|p| {
                    let alpha = p[3].clamp(0.0, 1.0);
                    // Float pictures may hold anything, NaN included.
                    let grey = luma(p[0], p[1], p[2]).clamp(0.0, 1.0);
                    if grey.is_finite() { grey * alpha + (1.0 - alpha) } else { 0.0 }
                })
                .collect(),
        };
        Self::new(width, height, data)
    }

    /// Width, px.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height, px.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All values, row by row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// One row.
    pub fn row(&self, y: usize) -> &[f32] {
        &self.data[y * self.width..(y + 1) * self.width]
    }

    /// Bilinear sample; outside the picture the nearest pixel counts. The plane must not be empty.
    #[inline]
    pub fn sample(&self, x: f64, y: f64) -> f32 {
        let x = x.clamp(0.0, (self.width - 1) as f64);
        let y = y.clamp(0.0, (self.height - 1) as f64);
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(self.width - 1), (y0 + 1).min(self.height - 1));
        let (fx, fy) = ((x - x0 as f64) as f32, (y - y0 as f64) as f32);
        let (top, bottom) = (self.row(y0), self.row(y1));
        let a = top[x0] + (top[x1] - top[x0]) * fx;
        let b = bottom[x0] + (bottom[x1] - bottom[x0]) * fx;
        a + (b - a) * fy
    }

    /// Whether a point lies a pixel or more inside the picture.
    pub fn surrounds(&self, [x, y]: [f64; 2]) -> bool {
        x >= 1.0 && y >= 1.0 && x < self.width as f64 - 2.0 && y < self.height as f64 - 2.0
    }

    /// Bilinear sample of a place that the picture [surrounds](Self::surrounds).
    #[inline]
    pub fn sample_inside(&self, x: f64, y: f64) -> f32 {
        // Such coordinates are positive and small.
        let (x0, y0) = (x as i32, y as i32);
        let (fx, fy) = ((x - f64::from(x0)) as f32, (y - f64::from(y0)) as f32);
        let at = y0 as usize * self.width + x0 as usize;
        let (Some([p, q]), Some([r, s])) = (self.data[at..].first_chunk::<2>(), self.data[at + self.width..].first_chunk::<2>()) else {
            return 0.0;
        };
        let a = p + (q - p) * fx;
        let b = r + (s - r) * fx;
        a + (b - a) * fy
    }

    /// Change of the grey value per pixel to the right and down, by Scharr's kernel. The pixel must not be at the border.
    #[inline]
    pub fn gradient(&self, x: usize, y: usize) -> [f32; 2] {
        let (up, mid, down) = (self.row(y - 1), self.row(y), self.row(y + 1));
        [
            (3.0 * (up[x + 1] - up[x - 1] + down[x + 1] - down[x - 1]) + 10.0 * (mid[x + 1] - mid[x - 1])) / 32.0,
            (3.0 * (down[x - 1] - up[x - 1] + down[x + 1] - up[x + 1]) + 10.0 * (down[x] - up[x])) / 32.0,
        ]
    }

    /// Half the size, each pixel the mean of four; an odd last row or column is dropped. Pixel (x, y) of the result lies at (2x + ½, 2y + ½).
    pub fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut data = vec![0.0; width * height];
        if width > 0 {
            data.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
                let (a, b) = (self.row(2 * y), self.row(2 * y + 1));
                for (o, (p, q)) in out.iter_mut().zip(a.chunks_exact(2).zip(b.chunks_exact(2))) {
                    *o = (p[0] + p[1] + q[0] + q[1]) * 0.25;
                }
            });
        }
        Self { width, height, data }
    }

    /// The plane itself and its halvings while both sides stay at least `smallest` px, `levels` in all at most.
    pub fn pyramid(self, levels: usize, smallest: usize) -> Vec<Self> {
        let mut planes = vec![self];
        while planes.len() < levels {
            let next = planes[planes.len() - 1].halved();
            if next.width.min(next.height) < smallest {
                break;
            }
            planes.push(next);
        }
        planes
    }

    /// As an 8 bit picture, `white` mapped to 255.
    pub fn to_gray(&self, white: f32) -> GrayImage {
        let scale = 255.0 / white.max(1e-6);
        let raw = self.data.iter().map(|&v| (v * scale + 0.5).clamp(0.0, 255.0) as u8).collect();
        GrayImage::from_raw(self.width as u32, self.height as u32, raw).unwrap_or_default()
    }

    fn binomial(&self) -> Self {
        let (w, h) = (self.width, self.height);
        // Mirrored at the border about the border pixel itself, which keeps the colours' phase.
        let mirror = |i: isize, n: usize| -> usize {
            if n == 1 {
                0
            } else if i < 0 {
                1
            } else if i as usize >= n {
                n - 2
            } else {
                i as usize
            }
        };
        let mut data = vec![0.0; w * h];
        data.par_chunks_mut(w).enumerate().for_each(|(y, out)| {
            let (up, mid, down) = (self.row(mirror(y as isize - 1, h)), self.row(y), self.row(mirror(y as isize + 1, h)));
            let column: Vec<f32> = (0..w).map(|x| up[x] + 2.0 * mid[x] + down[x]).collect();
            for (x, o) in out.iter_mut().enumerate() {
                *o = (column[mirror(x as isize - 1, w)] + 2.0 * column[x] + column[mirror(x as isize + 1, w)]) / 16.0;
            }
        });
        Self { width: w, height: h, data }
    }
}

/// Every sample as a number, on all cores.
fn converted<T: Copy + Sync>(samples: &[T], number: impl Fn(T) -> f32 + Sync) -> Vec<f32> {
    const PART: usize = 1 << 16;
    let mut numbers = vec![0.0; samples.len()];
    numbers.par_chunks_mut(PART).zip(samples.par_chunks(PART)).for_each(|(numbers, samples)| {
        for (n, s) in numbers.iter_mut().zip(samples) {
            *n = number(*s);
        }
    });
    numbers
}

fn luma(r: f32, g: f32, b: f32) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardware_hal::{Exposure, FrameMeta, PixelFormat, Timestamp};
    use std::time::Duration;

    fn frame(layout: PixelLayout, bits: u8, width: u32, height: u32, samples: Samples) -> Frame {
        let meta = FrameMeta {
            camera: "test".into(),
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
        Frame::new(meta, samples).unwrap()
    }

    #[test]
    fn full_scale_is_one_at_every_bit_depth() {
        for bits in [8u8, 10, 12, 16] {
            let full = ((1u32 << bits) - 1) as u16;
            let samples = if bits == 8 { Samples::U8(vec![0, 255]) } else { Samples::U16(vec![0, full]) };
            assert_eq!(Plane::from_frame(&frame(PixelLayout::Mono, bits, 2, 1, samples)).data(), [0.0, 1.0]);
        }
    }

    #[test]
    fn a_bayer_pattern_of_one_colour_is_flat() {
        // Red 200, green 100, blue 40: (200 + 2·100 + 40) / 4 = 110 everywhere, borders included.
        let (w, h) = (6u32, 5u32);
        let raw = (0..h)
            .flat_map(|y| {
                (0..w).map(move |x| match (x % 2, y % 2) {
                    (0, 0) => 200u8,
                    (1, 1) => 40,
                    _ => 100,
                })
            })
            .collect();
        let plane = Plane::from_frame(&frame(PixelLayout::BayerRggb, 8, w, h, Samples::U8(raw)));
        for &v in plane.data() {
            assert!((v - 110.0 / 255.0).abs() < 1e-6, "{v}");
        }
    }

    #[test]
    fn halving_keeps_the_pixel_convention() {
        let ramp = Plane::new(8, 2, (0..16).map(|i| (i % 8) as f32).collect());
        assert_eq!(ramp.halved().data(), [0.5, 2.5, 4.5, 6.5]);
    }

    #[test]
    fn transparent_is_white() {
        let picture = DynamicImage::ImageRgba8(image::RgbaImage::from_pixel(1, 1, image::Rgba([0, 0, 0, 0])));
        assert_eq!(Plane::from_image(&picture).data(), [1.0]);
    }
}
