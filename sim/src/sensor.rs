//! From radiance to grey values: the linear camera model of EMVA 1288 (Release 3.1, section 2).
//!
//! Optics blur, electrons are counted with shot and dark noise, gain and black level make digital numbers of them; what differs from pixel to pixel
//! (sensitivity, offset, hot pixels, colour filters) is fixed for a camera. Noise is a function of the stream's key and the pixel's index alone, so
//! frames don't depend on the number of threads.

use std::sync::OnceLock;
use std::time::Duration;

use hardware_hal::{PixelFormat, PixelLayout, Samples};
use rayon::prelude::*;

use crate::spec::{SensorDetail, SensorSpec};

/// Rows that one task works on.
const BAND: usize = 32;

/// Entries of the table of normal quantiles.
const QUANTILES: usize = 4096;

/// One exposure of a sensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Readout<'a> {
    /// The sensor.
    pub sensor: &'a SensorSpec,
    /// Exposure that `sensor.electrons_at_white` refers to, s.
    pub nominal_exposure_s: f64,
    /// Exposure time.
    pub exposure: Duration,
    /// Gain, dB.
    pub gain_db: f64,
    /// What to deliver.
    pub format: PixelFormat,
}

impl Readout<'_> {
    /// Electrons that radiance 1.0 collects.
    pub fn electrons_per_radiance(&self) -> f64 {
        self.sensor.electrons_at_white * self.exposure.as_secs_f64() / self.nominal_exposure_s
    }

    /// Grey values per electron, EMVA 1288's K: the sensor's own where it is given (for 12 bits), else full scale less black level at the full
    /// well; times gain.
    pub fn grey_per_electron(&self) -> f64 {
        let full = f64::from(self.format.full_scale());
        let gain = 10f64.powf(self.gain_db / 20.0);
        match self.sensor.detail.system_gain {
            Some(k) => k * full / 4095.0 * gain,
            None => full * (1.0 - self.sensor.black_level) / self.sensor.full_well * gain,
        }
    }

    /// Mean grey value without light.
    pub fn black(&self) -> f64 {
        f64::from(self.format.full_scale()) * self.sensor.black_level
    }

    /// Makes a frame of `radiance` (row by row, `width` pixels each) with the noise of the stream `key`.
    ///
    /// Electrons are normal with variance mean + dark noise² (for the counts of a picture the Poisson distribution's own shape), cut off at the full
    /// well; grey values are rounded and cut off at the format's range.
    pub fn expose(&self, radiance: &[f32], width: usize, key: &[u8; 32]) -> Samples {
        let noise = Noise::new(key, 0);
        let kernel = gaussian(self.sensor.blur_sigma_px);
        if self.format.bits == 8 {
            let mut out = vec![0u8; radiance.len()];
            self.bands(radiance, width, &kernel, &noise, &mut out, |grey| grey as i32 as u8);
            Samples::U8(out)
        } else {
            let mut out = vec![0u16; radiance.len()];
            self.bands(radiance, width, &kernel, &noise, &mut out, |grey| grey as i32 as u16);
            Samples::U16(out)
        }
    }

    /// Makes a frame of the light that falls on the sensor: `image`, row by row, blurred and dimmed by the lens already. `noise_key` is the
    /// exposure's stream, `pixels_key` the one of this sensor's pixels, the same for all its frames.
    ///
    /// Electrons are normal with variance mean + dark noise², the mean being light × the pixel's own sensitivity + dark current + the pixel's own
    /// offset.
    pub fn develop(&self, image: &[f32], width: usize, noise_key: &[u8; 32], pixels_key: &[u8; 32]) -> Samples {
        if self.format.bits == 8 {
            let mut out = vec![0u8; image.len()];
            self.develop_rows(image, width, [noise_key, pixels_key], &mut out, |grey| grey as i32 as u8);
            Samples::U8(out)
        } else {
            let mut out = vec![0u16; image.len()];
            self.develop_rows(image, width, [noise_key, pixels_key], &mut out, |grey| grey as i32 as u16);
            Samples::U16(out)
        }
    }

    fn develop_rows<T: Send>(
        &self,
        image: &[f32],
        width: usize,
        [noise, pixels]: [&[u8; 32]; 2],
        out: &mut [T],
        store: impl Fn(f32) -> T + Sync,
    ) {
        let noise = Noise::new(noise, 0);
        let pixels = Pixels::new(&self.sensor.detail, pixels, self.exposure.as_secs_f64());
        let response = channels(self.format.layout, self.sensor.detail.channel_response);
        let electrons = self.electrons_per_radiance() as f32;
        let dark_variance = (self.sensor.dark_noise * self.sensor.dark_noise) as f32;
        let full_well = self.sensor.full_well as f32;
        let (gain, black) = (self.grey_per_electron() as f32, self.black() as f32);
        let full_scale = f32::from(self.format.full_scale());
        out.par_chunks_mut(width.max(1)).enumerate().for_each(|(y, to)| {
            let start = (y * width) as u32;
            for (x, to) in to.iter_mut().enumerate() {
                let index = start.wrapping_add(x as u32);
                let (sensitivity, dark, offset) = pixels.of(index);
                let light = (image[index as usize] * electrons).max(0.0) * response[y % 2][x % 2] * sensitivity;
                let mean = light + dark;
                let counted = mean + offset + (mean + dark_variance).sqrt() * noise.normal(index);
                let grey = counted.min(full_well) * gain + black;
                *to = store((grey + 0.5).clamp(0.0, full_scale));
            }
        });
    }

    fn bands<T: Send>(
        &self,
        radiance: &[f32],
        width: usize,
        kernel: &[f32],
        noise: &Noise,
        out: &mut [T],
        store: impl Fn(f32) -> T + Sync,
    ) {
        if width == 0 {
            return;
        }
        let height = radiance.len() / width;
        let radius = kernel.len() / 2;
        let row = |y: usize| &radiance[y * width..][..width];
        out.par_chunks_mut(BAND * width).enumerate().for_each(|(band, out)| {
            let first = band * BAND;
            let count = out.len() / width;
            // The band's rows and their neighbours, blurred along x.
            let mut smooth = vec![0.0f32; (count + 2 * radius) * width];
            for (i, to) in smooth.chunks_mut(width).enumerate() {
                let y = (first + i).saturating_sub(radius).min(height - 1);
                blur_row(row(y), kernel, to);
            }
            let mut line = vec![0.0f32; width];
            for (i, to) in out.chunks_mut(width).enumerate() {
                line.fill(0.0);
                for (k, weight) in kernel.iter().enumerate() {
                    for (sum, value) in line.iter_mut().zip(&smooth[(i + k) * width..][..width]) {
                        *sum += weight * value;
                    }
                }
                self.digitise(&line, ((first + i) * width) as u32, noise, to, &store);
            }
        });
    }

    fn digitise<T>(&self, line: &[f32], start: u32, noise: &Noise, out: &mut [T], store: &impl Fn(f32) -> T) {
        let electrons = self.electrons_per_radiance() as f32;
        let dark_variance = (self.sensor.dark_noise * self.sensor.dark_noise) as f32;
        let full_well = self.sensor.full_well as f32;
        let (gain, black) = (self.grey_per_electron() as f32, self.black() as f32);
        let full_scale = f32::from(self.format.full_scale());
        for (i, (value, to)) in line.iter().zip(out).enumerate() {
            let mean = (value * electrons).max(0.0);
            let counted = mean + (mean + dark_variance).sqrt() * noise.normal(start.wrapping_add(i as u32));
            let grey = counted.min(full_well) * gain + black;
            // Storing cuts off the fraction.
            *to = store((grey + 0.5).clamp(0.0, full_scale));
        }
    }
}

/// What is a pixel's own, as it shows in one exposure.
struct Pixels {
    sensitivity: Option<(f32, Noise)>,
    offset: Option<(f32, Noise)>,
    /// Share of hot pixels as a threshold, their mean electrons, and what decides.
    hot: Option<(u32, f32, Noise)>,
    dark: f32,
}

impl Pixels {
    fn new(detail: &SensorDetail, key: &[u8; 32], exposure_s: f64) -> Self {
        let if_any = |value: f64, words: usize| (value > 0.0).then(|| (value as f32, Noise::new(key, words)));
        let hot = (detail.hot_pixels > 0.0).then(|| {
            let threshold = (detail.hot_pixels.min(1.0) * f64::from(u32::MAX)) as u32;
            (threshold, (detail.hot_pixel_current * exposure_s) as f32, Noise::new(key, 4))
        });
        Self { sensitivity: if_any(detail.prnu, 0), offset: if_any(detail.dsnu, 2), hot, dark: (detail.dark_current * exposure_s) as f32 }
    }

    /// Sensitivity relative to the mean, electrons without light, and an offset that has no noise of its own.
    fn of(&self, index: u32) -> (f32, f32, f32) {
        let sensitivity = self.sensitivity.as_ref().map_or(1.0, |(sigma, noise)| (1.0 + sigma * noise.normal(index)).max(0.0));
        let offset = self.offset.as_ref().map_or(0.0, |(sigma, noise)| sigma * noise.normal(index));
        let mut dark = self.dark;
        if let Some((threshold, mean, noise)) = &self.hot
            && noise.bits(index) <= *threshold
        {
            // Exponential: −ln of an even share of what is left of the hash.
            let share = (f64::from(mix(noise.bits(index))) + 1.0) / (f64::from(u32::MAX) + 1.0);
            dark -= mean * libm::log(share) as f32;
        }
        (sensitivity, dark, offset)
    }
}

/// Response by row and column parity.
fn channels(layout: PixelLayout, [r, g, b]: [f64; 3]) -> [[f32; 2]; 2] {
    let response = match layout {
        PixelLayout::BayerRggb => [[r, g], [g, b]],
        PixelLayout::BayerGrbg => [[g, r], [b, g]],
        PixelLayout::BayerGbrg => [[g, b], [r, g]],
        PixelLayout::BayerBggr => [[b, g], [g, r]],
        PixelLayout::Mono | PixelLayout::Rgb => [[1.0; 2]; 2],
    };
    response.map(|row| row.map(|share| share as f32))
}

/// Normal noise by pixel index.
struct Noise {
    keys: [u32; 2],
    table: &'static [f32; QUANTILES],
}

impl Noise {
    /// From two words of a stream's key, the first of which is `word`.
    fn new(key: &[u8; 32], word: usize) -> Self {
        let words = key.as_chunks::<4>().0;
        Self { keys: [u32::from_le_bytes(words[word]), u32::from_le_bytes(words[word + 1])], table: quantiles() }
    }

    fn bits(&self, index: u32) -> u32 {
        mix(mix(index ^ self.keys[0]).wrapping_add(self.keys[1]))
    }

    /// Standard normal deviate of a pixel: two independent quantiles added, from a hash of key and index.
    fn normal(&self, index: u32) -> f32 {
        let hash = self.bits(index);
        let (a, b) = (self.table[(hash >> 20) as usize], self.table[((hash >> 4) & 0xFFF) as usize]);
        (a + b) * std::f32::consts::FRAC_1_SQRT_2
    }
}

/// A bijective 32-bit mixer with low bias (C. Wellons' hash prospector, "lowbias32").
fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7FEB_352D);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846C_A68B);
    x ^ (x >> 16)
}

/// Quantiles of the normal distribution at (i + ½)/n, scaled to variance 1.
fn quantiles() -> &'static [f32; QUANTILES] {
    static TABLE: OnceLock<Box<[f32; QUANTILES]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Box::new([0.0f32; QUANTILES]);
        let raw: Vec<f64> = (0..QUANTILES / 2).map(|i| upper_quantile((i as f64 + 0.5) / QUANTILES as f64)).collect();
        let variance = raw.iter().map(|x| x * x).sum::<f64>() * 2.0 / QUANTILES as f64;
        for (i, x) in raw.iter().enumerate() {
            table[i] = (-x / variance.sqrt()) as f32;
            table[QUANTILES - 1 - i] = (x / variance.sqrt()) as f32;
        }
        table
    })
}

/// x with P(X > x) = `p` for p ≤ ½, by Newton's method on the complementary error function.
fn upper_quantile(p: f64) -> f64 {
    let mut x = (-2.0 * libm::log(p)).max(0.0).sqrt();
    for _ in 0..50 {
        let tail = 0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2);
        let density = libm::exp(-x * x / 2.0) / (2.0 * std::f64::consts::PI).sqrt();
        let step = (tail - p) / density;
        x += step.clamp(-0.5, 0.5);
        if step.abs() < 1e-13 {
            break;
        }
    }
    x
}

/// Weights of a Gaussian of standard deviation `sigma` px, sum 1, cut off at 3.5 standard deviations.
fn gaussian(sigma: f64) -> Vec<f32> {
    if sigma <= 0.0 {
        return vec![1.0];
    }
    let radius = (3.5 * sigma).ceil() as i32;
    let raw: Vec<f64> = (-radius..=radius).map(|i| libm::exp(-f64::from(i * i) / (2.0 * sigma * sigma))).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|w| (w / sum) as f32).collect()
}

/// Convolves a row; beyond its ends it continues with its last values.
fn blur_row(from: &[f32], kernel: &[f32], to: &mut [f32]) {
    let (radius, width) = (kernel.len() / 2, from.len());
    to.fill(0.0);
    if width > 2 * radius {
        let inner = &mut to[radius..width - radius];
        for (k, weight) in kernel.iter().enumerate() {
            for (sum, value) in inner.iter_mut().zip(&from[k..]) {
                *sum += weight * value;
            }
        }
    }
    let edge = radius.min(width);
    for x in (0..edge).chain(width.saturating_sub(radius).max(edge)..width) {
        to[x] = kernel.iter().enumerate().map(|(k, w)| w * from[(x + k).saturating_sub(radius).min(width - 1)]).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensor() -> SensorSpec {
        SensorSpec {
            blur_sigma_px: 0.0,
            electrons_at_white: 8000.0,
            full_well: 10_000.0,
            dark_noise: 6.0,
            black_level: 0.02,
            detail: Default::default(),
        }
    }

    fn readout(sensor: &SensorSpec, bits: u8) -> Readout<'_> {
        let format = PixelFormat { bits, ..PixelFormat::MONO8 };
        Readout { sensor, nominal_exposure_s: 0.01, exposure: Duration::from_millis(10), gain_db: 0.0, format }
    }

    fn greys(samples: &Samples) -> Vec<f64> {
        match samples {
            Samples::U8(v) => v.iter().map(|x| f64::from(*x)).collect(),
            Samples::U16(v) => v.iter().map(|x| f64::from(*x)).collect(),
        }
    }

    fn moments(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn mean_and_variance_follow_the_photon_transfer_curve() {
        let sensor = sensor();
        for (level, exposure_ms, gain_db) in [(0.0, 10, 0.0), (0.1, 10, 0.0), (0.5, 10, 0.0), (0.5, 20, 0.0), (0.1, 5, 12.0)] {
            let readout = Readout { exposure: Duration::from_millis(exposure_ms), gain_db, ..readout(&sensor, 12) };
            let n = 200_000;
            let (mean, variance) = moments(&greys(&readout.expose(&vec![level; n], 500, &[7; 32])));
            let electrons = f64::from(level) * readout.electrons_per_radiance();
            let k = readout.grey_per_electron();
            let wanted = readout.black() + k * electrons;
            let spread = k * k * (electrons + 36.0) + 1.0 / 12.0;
            let error = 5.0 * (spread / n as f64).sqrt();
            assert!((mean - wanted).abs() < error, "level {level}: mean {mean}, wanted {wanted} ± {error} (key 7…)");
            // Five standard errors of a variance, 2σ⁴/n, and a half per cent for rounding to whole grey values.
            let error = 5.0 * spread * (2.0 / n as f64).sqrt() + 0.005 * spread;
            assert!((variance - spread).abs() < error, "level {level}: variance {variance}, wanted {spread} ± {error} (key 7…)");
        }
    }

    #[test]
    fn the_same_key_gives_the_same_frame_on_any_number_of_threads() {
        let sensor = SensorSpec { blur_sigma_px: 0.7, ..sensor() };
        let readout = readout(&sensor, 10);
        let picture: Vec<f32> = (0..300 * 200).map(|i| (i % 97) as f32 / 97.0).collect();
        let all = readout.expose(&picture, 300, &[1; 32]);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| readout.expose(&picture, 300, &[1; 32])), all);
        assert_ne!(readout.expose(&picture, 300, &[2; 32]), all);
    }

    #[test]
    fn noise_of_neighbours_is_independent() {
        let sensor = sensor();
        let values = greys(&readout(&sensor, 12).expose(&vec![0.5; 400 * 400], 400, &[3; 32]));
        let (mean, variance) = moments(&values);
        for step in [1, 2, 400, 401] {
            let n = values.len() - step;
            let covariance = (0..n).map(|i| (values[i] - mean) * (values[i + step] - mean)).sum::<f64>() / n as f64;
            // Five standard errors of a correlation coefficient, 1/√n.
            assert!((covariance / variance).abs() < 0.0125, "step {step}: {}", covariance / variance);
        }
    }

    #[test]
    fn formats_saturate_at_their_full_scale_and_dark_frames_keep_the_black_level() {
        let sensor = SensorSpec { dark_noise: 0.0, ..sensor() };
        for (bits, full, black) in [(8, 255.0, 5.0), (10, 1023.0, 20.0), (12, 4095.0, 82.0)] {
            let readout = readout(&sensor, bits);
            assert!(greys(&readout.expose(&[3.0; 64], 8, &[0; 32])).iter().all(|g| *g == full));
            assert!(greys(&readout.expose(&[0.0; 64], 8, &[0; 32])).iter().all(|g| *g == black));
        }
    }

    #[test]
    fn blur_keeps_light_and_has_the_asked_width() {
        let sensor =
            SensorSpec { blur_sigma_px: 1.2, dark_noise: 0.0, black_level: 0.0, electrons_at_white: 1e9, full_well: 1e9, ..sensor() };
        let (w, h) = (41, 33);
        let mut picture = vec![0.0; w * h];
        picture[16 * w + 20] = 1.0;
        let format = PixelFormat { bits: 16, ..PixelFormat::MONO8 };
        let values = greys(&Readout { format, ..readout(&sensor, 12) }.expose(&picture, w, &[0; 32]));
        let sum: f64 = values.iter().sum();
        assert!((sum / 65535.0 - 1.0).abs() < 2e-3, "{sum}");
        let variance =
            |axis: fn(usize, usize) -> f64| values.iter().enumerate().map(|(i, v)| v * axis(i % 41, i / 41).powi(2)).sum::<f64>() / sum;
        assert!((variance(|x, _| x as f64 - 20.0) - 1.44).abs() < 0.02);
        assert!((variance(|_, y| y as f64 - 16.0) - 1.44).abs() < 0.02);
    }

    #[test]
    fn without_detail_developing_is_exposing_without_blur() {
        let sensor = sensor();
        let readout = readout(&sensor, 12);
        let picture: Vec<f32> = (0..300 * 200).map(|i| (i % 97) as f32 / 97.0).collect();
        assert_eq!(readout.develop(&picture, 300, &[5; 32], &[9; 32]), readout.expose(&picture, 300, &[5; 32]));
    }

    #[test]
    fn what_is_a_pixels_own_stays_and_has_its_spread() {
        let detail = SensorDetail { prnu: 0.01, dsnu: 4.0, dark_current: 500.0, ..SensorDetail::default() };
        let sensor = SensorSpec { detail, dark_noise: 1.0, ..sensor() };
        let readout = readout(&sensor, 12);
        let n = 400 * 400;
        // The mean of many frames keeps what is fixed.
        let mean_of = |level: f32| {
            let mut sum = vec![0.0; n];
            const FRAMES: u8 = 24;
            for i in 0..FRAMES {
                let frame = greys(&readout.develop(&vec![level; n], 400, &[i; 32], &std::array::from_fn(|i| i as u8 * 37 + 11)));
                sum.iter_mut().zip(frame).for_each(|(s, g)| *s += g / f64::from(FRAMES));
            }
            let k = readout.grey_per_electron();
            let temporal = (f64::from(level) * readout.electrons_per_radiance() + 5.0 + 1.0 + 1.0 / (12.0 * k * k)) / f64::from(FRAMES);
            let (mean, variance) = moments(&sum);
            ((mean - readout.black()) / k, (variance / (k * k) - temporal).max(0.0).sqrt())
        };
        let (dark, spread) = mean_of(0.0);
        assert!((dark - 5.0).abs() < 0.1 && (spread / 4.0 - 1.0).abs() < 0.03, "dark signal {dark}, DSNU {spread}");
        let (light, spread) = mean_of(0.75);
        assert!((light - 6005.0).abs() < 2.0, "{light}");
        let prnu = (spread * spread - 16.0).sqrt() / 6000.0;
        assert!((prnu / 0.01 - 1.0).abs() < 0.03, "PRNU {prnu}");
    }

    #[test]
    fn hot_pixels_are_as_many_and_as_bright_as_said_and_grow_with_the_exposure() {
        let detail = SensorDetail { hot_pixels: 1e-3, hot_pixel_current: 1e5, ..SensorDetail::default() };
        let sensor = SensorSpec { detail, full_well: 1e6, ..sensor() };
        let format = PixelFormat { bits: 16, ..PixelFormat::MONO8 };
        let n = 1000 * 1000;
        let hot = |ms: u64| {
            let readout = Readout { format, exposure: Duration::from_millis(ms), ..readout(&sensor, 12) };
            let k = readout.grey_per_electron();
            let frame = greys(&readout.develop(&vec![0.0; n], 1000, &[1; 32], &[9; 32]));
            let bright: Vec<f64> = frame.iter().map(|g| (g - readout.black()) / k).filter(|e| *e > 60.0).collect();
            (bright.len() as f64, bright.iter().sum::<f64>() / bright.len() as f64)
        };
        let (count, mean) = hot(10);
        // exp(−60/1000) of a thousand are above the bar; what is above it has the mean of the bar and 1000 more.
        assert!(
            (count - 941.8).abs() < 5.0 * 31.0 && (mean - 1060.0).abs() < 5.0 * 1000.0 / 31.0,
            "{count} hot pixels of {mean} electrons"
        );
        assert!((hot(20).1 - 2060.0).abs() < 5.0 * 2000.0 / 31.0);
    }

    #[test]
    fn colour_filters_stand_in_their_pattern() {
        let detail = SensorDetail { channel_response: [0.6, 0.8, 0.4], ..SensorDetail::default() };
        let sensor = SensorSpec { detail, dark_noise: 0.0, black_level: 0.0, electrons_at_white: 1e8, full_well: 1e8, ..sensor() };
        for (layout, wanted) in [
            (PixelLayout::BayerRggb, [0.6, 0.8, 0.8, 0.4]),
            (PixelLayout::BayerGrbg, [0.8, 0.6, 0.4, 0.8]),
            (PixelLayout::BayerGbrg, [0.8, 0.4, 0.6, 0.8]),
            (PixelLayout::BayerBggr, [0.4, 0.8, 0.8, 0.6]),
            (PixelLayout::Mono, [1.0; 4]),
        ] {
            let readout = Readout { format: PixelFormat { layout, bits: 12 }, ..readout(&sensor, 12) };
            let frame = greys(&readout.develop(&[1.0; 16], 4, &[1; 32], &[9; 32]));
            for (i, share) in [(0, wanted[0]), (1, wanted[1]), (4, wanted[2]), (5, wanted[3]), (10, wanted[0])] {
                assert!((frame[i] / 4095.0 - share).abs() < 2e-3, "{layout:?}, pixel {i}: {}", frame[i] / 4095.0);
            }
        }
    }

    #[test]
    fn quantiles_are_normal() {
        assert!((upper_quantile(0.025) - 1.959_963_985).abs() < 1e-8);
        assert!((upper_quantile(0.5)).abs() < 1e-9);
        let table = quantiles();
        let fourth = table.iter().map(|x| f64::from(*x).powi(4)).sum::<f64>() / QUANTILES as f64;
        assert!((fourth - 3.0).abs() < 0.05, "{fourth}");
    }
}
