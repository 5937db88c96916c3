//! Sensors and lenses by name.
//!
//! Sensors are real ones. Of each the camera maker's documentation is cited for size, pixel pitch, greatest signal-to-noise ratio and dynamic range,
//! measured by EMVA 1288; full well, gain and dark noise follow from those by the standard's own formulas ([`SensorPreset::sensor`]). What the
//! documentation does not say is an assumption, and each such field says so.

use hardware_hal::PixelFormat;

use crate::spec::{LensSpec, Optics, SensorDetail, SensorSpec, Shutter, Vignetting};
use crate::spectrum::Response;

/// Where the black level of presets stands, as a share of full scale (assumption: 80 of 4095, far enough from 0 that noise is not cut off).
const BLACK_LEVEL: f64 = 80.0 / 4095.0;

/// A camera's sensor as its maker documents it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SensorPreset {
    /// Name in files: the sensor's, in small letters.
    pub name: &'static str,
    /// The camera whose figures these are.
    pub camera: &'static str,
    /// Where the figures stand.
    pub source: &'static str,
    /// Width and height, px.
    pub size_px: [u32; 2],
    /// Distance between pixels, m.
    pub pixel_pitch: f64,
    /// Greatest signal-to-noise ratio, dB.
    pub snr_max_db: f64,
    /// Dynamic range, dB.
    pub dynamic_range_db: f64,
    /// Most frames a second at full size.
    pub frames_per_second: f64,
    /// Share of photons of about 545 nm that become electrons. 0.70 for 3.45 µm Pregius pixels (Basler, "About EMVA1288 Reports for Color Sensors",
    /// docs.baslerweb.com, its example of an acA4112-30um); an assumption for all others.
    pub quantum_efficiency: f64,
    /// The same by wavelength, relative to its peak: an assumption, of the shape that makers' graphs of such pixels have.
    pub response: Response,
    /// Electrons per second and pixel at a housing of some 45 °C: an assumption.
    pub dark_current: f64,
    /// Photo response non-uniformity, as a share: an assumption.
    pub prnu: f64,
    /// Dark signal non-uniformity, electrons: an assumption.
    pub dsnu: f64,
    /// When rows are exposed.
    pub shutter: Shutter,
}

/// Front-illuminated pixels of 3.45 µm.
const PREGIUS: Response = Response::Curve(&[
    [400.0, 0.60],
    [450.0, 0.87],
    [500.0, 0.98],
    [525.0, 1.0],
    [550.0, 0.99],
    [600.0, 0.90],
    [650.0, 0.77],
    [700.0, 0.62],
    [750.0, 0.48],
    [800.0, 0.36],
    [850.0, 0.25],
    [900.0, 0.15],
    [950.0, 0.08],
]);

/// Back-illuminated pixels of 2.74 µm.
const PREGIUS_S: Response = Response::Curve(&[
    [400.0, 0.70],
    [450.0, 0.92],
    [500.0, 1.0],
    [550.0, 0.97],
    [600.0, 0.88],
    [650.0, 0.77],
    [700.0, 0.63],
    [750.0, 0.50],
    [800.0, 0.38],
    [850.0, 0.28],
    [900.0, 0.18],
    [950.0, 0.10],
]);

/// Front-illuminated pixels of 1.4 µm.
const SMALL: Response = Response::Curve(&[
    [400.0, 0.50],
    [450.0, 0.80],
    [500.0, 0.97],
    [550.0, 1.0],
    [600.0, 0.92],
    [650.0, 0.80],
    [700.0, 0.65],
    [750.0, 0.50],
    [800.0, 0.36],
    [850.0, 0.24],
    [900.0, 0.14],
    [950.0, 0.07],
]);

/// All sensors, 5 to 16 megapixels.
pub const SENSORS: [SensorPreset; 5] = [
    SensorPreset {
        name: "imx250",
        camera: "Matrix Vision mvBlueFOX3-2051",
        source: "matrix-vision.com/manuals/mvBlueFOX3/mvBC_subsubsection_sensors_CMOS_models_2051.html",
        size_px: [2464, 2056],
        pixel_pitch: 3.45e-6,
        snr_max_db: 40.3,
        dynamic_range_db: 71.2,
        frames_per_second: 80.0,
        quantum_efficiency: 0.70,
        response: PREGIUS,
        dark_current: 5.0,
        prnu: 0.006,
        dsnu: 1.0,
        shutter: Shutter::Global,
    },
    SensorPreset {
        name: "imx255",
        camera: "Matrix Vision mvBlueFOX3 with IMX255",
        source: "mvBlueFOX3 manual, appendix A.1 Pregius CMOS specific camera / sensor data, section 20.7.1",
        size_px: [4112, 2176],
        pixel_pitch: 3.45e-6,
        snr_max_db: 40.3,
        dynamic_range_db: 71.3,
        frames_per_second: 47.5,
        quantum_efficiency: 0.70,
        response: PREGIUS,
        dark_current: 5.0,
        prnu: 0.006,
        dsnu: 1.0,
        shutter: Shutter::Global,
    },
    SensorPreset {
        name: "imx535",
        camera: "Balluff BVS CA-GT1-0124BG",
        source: "assets.balluff.com/documents/DRF_957344_AA_000/mvBlue_models_BVS_CA-GT1-0124BG_.html",
        size_px: [4128, 3008],
        pixel_pitch: 2.74e-6,
        snr_max_db: 39.7,
        dynamic_range_db: 69.8,
        frames_per_second: 99.5,
        quantum_efficiency: 0.65,
        response: PREGIUS_S,
        dark_current: 4.0,
        prnu: 0.007,
        dsnu: 0.8,
        shutter: Shutter::Global,
    },
    SensorPreset {
        name: "imx532",
        camera: "Balluff BVS CA-GT1-0162ZC",
        source: "assets.balluff.com/documents/DRF_957344_AA_000/mvBlue_models_BVS_CA-GT1-0162ZC_.html",
        size_px: [5328, 3040],
        pixel_pitch: 2.74e-6,
        snr_max_db: 39.8,
        dynamic_range_db: 70.6,
        frames_per_second: 76.3,
        quantum_efficiency: 0.65,
        response: PREGIUS_S,
        dark_current: 4.0,
        prnu: 0.007,
        dsnu: 0.8,
        shutter: Shutter::Global,
    },
    SensorPreset {
        name: "mt9f002",
        camera: "Matrix Vision mvBlueFOX3-1140",
        source: "matrix-vision.com/manuals/mvBlueFOX3/mvBC_subsubsection_sensors_CMOS_models_1140.html",
        size_px: [4608, 3288],
        pixel_pitch: 1.4e-6,
        snr_max_db: 35.1,
        dynamic_range_db: 57.3,
        frames_per_second: 6.0,
        quantum_efficiency: 0.5,
        response: SMALL,
        dark_current: 20.0,
        prnu: 0.012,
        dsnu: 1.5,
        // 4702 pixel clocks a row at 96.88 MHz, from the frame time's formula there.
        shutter: Shutter::Rolling { line_time_s: 4702.0 / 96.88e6 },
    },
];

impl SensorPreset {
    /// The preset of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SENSORS.iter().find(|preset| preset.name == name)
    }

    /// Saturation capacity, electrons: SNR_max = √μ_e.sat (EMVA 1288 3.1, eq. 19).
    pub fn full_well(&self) -> f64 {
        10f64.powf(self.snr_max_db / 10.0)
    }

    /// K at 12 bits and 0 dB, grey values per electron: the full well just reaches the full scale (assumption, as on these cameras by default).
    pub fn system_gain(&self) -> f64 {
        4095.0 * (1.0 - BLACK_LEVEL) / self.full_well()
    }

    /// Temporal dark noise, electrons, without quantisation: DR = μ_p.sat ÷ μ_p.min with η·μ_p.min = √(σ_d² + σ_q²/K² + ¼) + ½ and σ_q² = 1/12
    /// (EMVA 1288 3.1, eq. 22 to 25).
    pub fn dark_noise(&self) -> f64 {
        let least = self.full_well() / 10f64.powf(self.dynamic_range_db / 20.0);
        ((least - 0.5).powi(2) - 0.25 - 1.0 / (12.0 * self.system_gain().powi(2))).max(0.0).sqrt()
    }

    /// The sensor behind a lens that blurs by `blur_sigma_px`, collecting `electrons_at_white` from radiance 1 in the nominal exposure.
    pub fn sensor(&self, blur_sigma_px: f64, electrons_at_white: f64) -> SensorSpec {
        SensorSpec {
            blur_sigma_px,
            electrons_at_white,
            full_well: self.full_well(),
            dark_noise: self.dark_noise(),
            black_level: BLACK_LEVEL,
            detail: SensorDetail {
                system_gain: Some(self.system_gain()),
                dark_current: self.dark_current,
                prnu: self.prnu,
                dsnu: self.dsnu,
                // Assumption: a few hundred of twelve million, as of sensors after the maker's own correction.
                hot_pixels: 2e-5,
                hot_pixel_current: 2e4,
                // Assumption: a white LED behind the filters of common colour sensors.
                channel_response: [0.62, 0.85, 0.48],
                response: self.response,
            },
        }
    }

    /// Electrons that a white surface of a luminance collects (cd/m², taken as light of 555 nm, 683 lm/W) behind a lens in an exposure.
    ///
    /// Irradiance behind a lens of working f-number N is π·L/(4·N²); a photon has the energy h·c/λ.
    pub fn electrons_at(&self, luminance_cd_m2: f64, optics: &Optics, exposure_s: f64) -> f64 {
        const PLANCK_TIMES_LIGHT: f64 = 1.986_445_857e-25;
        let magnification = optics.focal_length / (optics.focus_distance - optics.focal_length);
        let working = optics.f_number * (1.0 + magnification);
        let irradiance = std::f64::consts::PI * luminance_cd_m2 / 683.0 / (4.0 * working * working);
        irradiance * self.pixel_pitch * self.pixel_pitch * exposure_s / (PLANCK_TIMES_LIGHT / 555e-9) * self.quantum_efficiency
    }

    /// Bytes a second that it sends at most in a format.
    pub fn data_rate(&self, format: PixelFormat) -> f64 {
        let bytes = if format.bits == 8 { 1.0 } else { 2.0 };
        self.size_px.iter().map(|n| f64::from(*n)).product::<f64>() * bytes * self.frames_per_second
    }
}

/// A lens as a class of its kind: all figures are assumptions, of the size that makers state for 2/3″ to 1.1″ C-mount lenses of 5 to 20 megapixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LensPreset {
    /// Name in files.
    pub name: &'static str,
    /// Focal length, m.
    pub focal_length: f64,
    /// Smallest f-number.
    pub fastest: f64,
    /// Distortion at 8 mm from the axis, as a share; negative for barrel.
    pub distortion_at_8mm: f64,
    /// Standard deviation of the point spread by aberrations, m on the sensor.
    pub blur: f64,
    /// Loss of light at the corner beyond the cosine's, as a share.
    pub corner_loss: f64,
    /// Power of the cosine.
    pub cosine_power: f64,
}

/// All lenses.
pub const LENSES: [LensPreset; 5] = [
    lens("c-mount-8mm", 8e-3, 1.8, -0.025, 1.5e-6, 0.18),
    lens("c-mount-12mm", 12e-3, 1.8, -0.012, 1.3e-6, 0.15),
    lens("c-mount-16mm", 16e-3, 1.8, -0.006, 1.2e-6, 0.12),
    lens("c-mount-25mm", 25e-3, 1.8, -0.002, 1.1e-6, 0.10),
    lens("c-mount-35mm", 35e-3, 2.0, 0.001, 1.1e-6, 0.08),
];

const fn lens(name: &'static str, focal_length: f64, fastest: f64, distortion_at_8mm: f64, blur: f64, corner_loss: f64) -> LensPreset {
    // Retrofocus designs lose less than cos⁴.
    LensPreset { name, focal_length, fastest, distortion_at_8mm, blur, corner_loss, cosine_power: 3.0 }
}

impl LensPreset {
    /// The preset of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        LENSES.iter().find(|preset| preset.name == name)
    }

    /// k1 of Brown–Conrady: the distortion grows with the cube of the distance from the axis.
    pub fn distortion(&self) -> [f64; 5] {
        [self.distortion_at_8mm / (8e-3 / self.focal_length).powi(2), 0.0, 0.0, 0.0, 0.0]
    }

    /// The lens at an f-number, focused at a distance (m), before a sensor of a pixel pitch (m). Diffraction at 525 nm.
    pub fn lens(&self, f_number: f64, focus_distance: f64, pixel_pitch: f64) -> LensSpec {
        LensSpec {
            optics: Some(Optics { focal_length: self.focal_length, f_number, focus_distance, pixel_pitch, wavelength: 525e-9 }),
            analyser: false,
            vignetting: Vignetting { cosine_power: self.cosine_power, radial: [-self.corner_loss, 0.0, 0.0] },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hardware_hal::{PixelLayout, Samples};

    use super::*;
    use crate::sensor::Readout;

    #[test]
    fn the_standards_formulas_give_back_the_documented_figures() {
        for preset in SENSORS {
            let (well, noise, k) = (preset.full_well(), preset.dark_noise(), preset.system_gain());
            assert!((20.0 * well.sqrt().log10() - preset.snr_max_db).abs() < 1e-9);
            let least = (noise * noise + 1.0 / (12.0 * k * k) + 0.25).sqrt() + 0.5;
            assert!((20.0 * (well / least).log10() - preset.dynamic_range_db).abs() < 1e-9, "{}", preset.name);
            // EMVA 1288 asks for at least 0.24 grey values of noise for the method to hold.
            assert!(noise * k > 0.24, "{}: {} grey values", preset.name, noise * k);
            assert!((1.5..6.0).contains(&noise) && (3e3..2e4).contains(&well), "{}: {noise} and {well}", preset.name);
        }
    }

    /// Mean, temporal variance without quantisation (from two frames of a pair, EMVA 1288 3.1, eq. 26 and 27).
    fn pair(readout: &Readout<'_>, level: f32, key: u8) -> (f64, f64) {
        const N: usize = 600;
        let light = vec![level; N * N];
        let frame = |key: u8| match readout.develop(&light, N, &[key; 32], &[77; 32]) {
            Samples::U16(values) => values,
            Samples::U8(_) => panic!("12 bits asked for"),
        };
        let (a, b) = (frame(key), frame(key.wrapping_add(128)));
        let n = (N * N) as f64;
        let mean = a.iter().zip(&b).map(|(a, b)| f64::from(*a) + f64::from(*b)).sum::<f64>() / (2.0 * n);
        let difference = |a: &u16, b: &u16| f64::from(*a) - f64::from(*b);
        let shift = a.iter().zip(&b).map(|(a, b)| difference(a, b)).sum::<f64>() / n;
        let variance = a.iter().zip(&b).map(|(a, b)| (difference(a, b) - shift).powi(2)).sum::<f64>() / (2.0 * n) - 1.0 / 12.0;
        (mean, variance)
    }

    #[test]
    fn photon_transfer_recovers_gain_and_dark_noise_of_every_preset() {
        for preset in SENSORS {
            let sensor = preset.sensor(0.0, 0.8 * preset.full_well());
            let readout = Readout {
                sensor: &sensor,
                nominal_exposure_s: 0.01,
                exposure: Duration::from_millis(10),
                gain_db: 0.0,
                format: PixelFormat { layout: PixelLayout::Mono, bits: 12 },
            };
            let dark = pair(&readout, 0.0, 1);
            // Regression through the dark point over 0 to 70 % of saturation, as the standard does.
            let (mut xy, mut xx) = (0.0, 0.0);
            for step in 1..=8u8 {
                let (mean, variance) = pair(&readout, f32::from(step) * 0.7 / 8.0 / 0.8, 1 + step);
                xy += (mean - dark.0) * (variance - dark.1);
                xx += (mean - dark.0).powi(2);
            }
            let k = xy / xx;
            let gain_error = k / preset.system_gain() - 1.0;
            // The dark current of one exposure is part of what is measured.
            let noise = (dark.1 / (k * k) - preset.dark_current * 0.01).sqrt();
            let noise_error = noise / preset.dark_noise() - 1.0;
            println!("{}: K off by {:.2} %, dark noise by {:.2} %", preset.name, 100.0 * gain_error, 100.0 * noise_error);
            assert!(gain_error.abs() < 0.02, "{}: K {k}, wanted {}", preset.name, preset.system_gain());
            assert!(noise_error.abs() < 0.05, "{}: dark noise {noise}, wanted {}", preset.name, preset.dark_noise());
        }
    }

    #[test]
    fn exposure_follows_from_light_and_aperture() {
        let preset = SensorPreset::named("imx250").unwrap();
        let lens = LensPreset::named("c-mount-25mm").unwrap().lens(8.0, 0.6, preset.pixel_pitch);
        let optics = lens.optics.unwrap();
        // By hand: 318 cd/m² (1000 lx on white) at f/8.35 give 5.25 mW/m²; × 11.9 µm² × 10 ms ÷ 3.58e-19 J × 0.7 = 1220 electrons.
        let electrons = preset.electrons_at(318.0, &optics, 0.01);
        assert!((electrons / 1220.0 - 1.0).abs() < 0.01, "{electrons}");
        let wider = Optics { f_number: 4.0, ..optics };
        assert!((preset.electrons_at(318.0, &wider, 0.01) / electrons - 4.0).abs() < 1e-9);
    }
}
