//! What light and a camera make of ink: uneven light, veiling light, noise, a gamma curve, eight bits, JPEG.

use image::GrayImage;

use super::label::Normal;
use crate::support::Dice;

/// A round bright or dark patch of light.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Its middle and radius, shares of the picture's longer side from its middle.
    pub at: [f64; 2],
    /// See `at`.
    pub radius: f64,
    /// What its middle adds to the light; negative is darker.
    pub gain: f64,
}

/// The edge of a shadow, straight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shadow {
    /// Direction across the edge, radians, and its distance from the picture's middle, shares of the picture's longer side.
    pub direction: f64,
    /// See `direction`.
    pub offset: f64,
    /// Width of the penumbra, px.
    pub penumbra_px: f64,
    /// What is left of the light in it.
    pub left: f64,
}

/// Light and camera.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Camera {
    /// Reflectance of paper and of ink.
    pub paper: f64,
    /// See `paper`.
    pub ink: f64,
    /// Grey value of a reflectance of 1 in even light, full scale 1.
    pub exposure: f64,
    /// Change of the light over the picture, along x and y, shares.
    pub ramp: [f64; 2],
    /// Patches of light.
    pub spots: Vec<Spot>,
    /// A shadow over a part of the picture.
    pub shadow: Option<Shadow>,
    /// Light that is added everywhere, full scale 1.
    pub veil: f64,
    /// Standard deviation of the noise at full scale: shot noise, whose variance goes with the signal.
    pub shot: f64,
    /// Standard deviation of the noise without light.
    pub read: f64,
    /// Grey value = signal to the power of this.
    pub gamma: f64,
    /// Quality of JPEG compression.
    pub jpeg: Option<u8>,
}

impl Camera {
    fn light(&self, x: f64, y: f64, side: f64) -> f64 {
        let ramp = 1.0 + (self.ramp[0] * x + self.ramp[1] * y) / side;
        let spot = |s: &Spot| {
            let (dx, dy) = (x / side - s.at[0], y / side - s.at[1]);
            // Falls off like 1/r⁴, without an edge.
            s.gain / (1.0 + (dx * dx + dy * dy) / (s.radius * s.radius)).powi(2)
        };
        let shadow = self.shadow.map_or(1.0, |s| {
            let (sin, cos) = s.direction.sin_cos();
            let t = ((x * cos + y * sin - s.offset * side) / s.penumbra_px + 0.5).clamp(0.0, 1.0);
            1.0 - (1.0 - s.left) * t * t * (3.0 - 2.0 * t)
        });
        (ramp + self.spots.iter().map(spot).sum::<f64>()).max(0.05) * shadow
    }

    /// Grey values of ink (0 to 1), row by row.
    pub fn expose(&self, ink: &[f32], size: [usize; 2], dice: &mut Dice) -> GrayImage {
        let [width, height] = size;
        let side = width.max(height) as f64;
        let mut normal = Normal::default();
        let mut grey = Vec::with_capacity(ink.len());
        for (y, row) in ink.chunks_exact(width).enumerate() {
            for (x, ink) in row.iter().enumerate() {
                let (dx, dy) = (x as f64 - width as f64 / 2.0, y as f64 - height as f64 / 2.0);
                let reflectance = self.paper + (self.ink - self.paper) * f64::from(*ink);
                let signal = reflectance * self.exposure * self.light(dx, dy, side) + self.veil;
                let sigma = (self.read * self.read + self.shot * self.shot * signal).sqrt();
                let noise = if sigma > 0.0 { sigma * normal.draw(dice) } else { 0.0 };
                let value = (signal + noise).clamp(0.0, 1.0);
                let value = if self.gamma == 1.0 { value } else { value.powf(self.gamma) };
                grey.push((value * 255.0).round() as u8);
            }
        }
        let picture = GrayImage::from_raw(width as u32, height as u32, grey).expect("a grey value for every pixel");
        self.jpeg.map_or(picture.clone(), |quality| through_jpeg(&picture, quality))
    }
}

fn through_jpeg(picture: &GrayImage, quality: u8) -> GrayImage {
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).expect("memory takes any picture");
    image::load_from_memory(&bytes).expect("what was just encoded").to_luma8()
}
