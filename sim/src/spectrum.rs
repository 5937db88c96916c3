//! Colour of light, print and sensors, as far as a grey picture shows it.
//!
//! What a monochrome pixel counts is the integral over wavelengths of the light's photons × the print's reflectance × the sensor's quantum efficiency.
//! So for each colour of light and each sensor a print has one effective reflectance, and a lamp one strength: both are integrated here, once, in
//! bands of 10 nm. Light of several colours adds up. What is grey, and white light, keep their numbers to the last bit.

/// Bands from 400 to 950 nm.
pub const BANDS: usize = 56;

/// Middle of a band, nm.
fn wavelength(band: usize) -> f64 {
    400.0 + 10.0 * band as f64
}

/// Light by name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LightColour {
    /// White light of a correlated colour temperature, K: Planck's spectrum between 420 and 700 nm, what white LEDs shine with (assumption: their blue
    /// peak is evened out).
    White {
        /// Correlated colour temperature, K.
        cct: f64,
    },
    /// A coloured LED: a Gaussian.
    Led {
        /// Wavelength of its peak, nm.
        peak: f64,
        /// Full width at half of the peak, nm.
        width: f64,
    },
}

impl LightColour {
    /// The white that a lamp's intensity and a sensor's electrons are said in, if nothing else is said.
    pub const REFERENCE: Self = Self::White { cct: 5000.0 };
    /// Red LEDs. Widths of LEDs are assumptions, of the size that makers' data sheets state.
    pub const RED: Self = Self::Led { peak: 625.0, width: 18.0 };
    /// Green LEDs.
    pub const GREEN: Self = Self::Led { peak: 525.0, width: 33.0 };
    /// Blue LEDs.
    pub const BLUE: Self = Self::Led { peak: 465.0, width: 22.0 };
    /// Infrared LEDs.
    pub const INFRARED: Self = Self::Led { peak: 850.0, width: 35.0 };

    /// Shares of its photons by band; they add up to 1.
    fn photons(self) -> [f64; BANDS] {
        // h·c/k, nm·K (CODATA 2018).
        const SECOND_RADIATION: f64 = 1.438_776_877e7;
        let density = |nm: f64| match self {
            Self::White { cct } if (420.0..=700.0).contains(&nm) => nm.powi(-4) / libm::expm1(SECOND_RADIATION / (nm * cct)),
            Self::White { .. } => 0.0,
            Self::Led { peak, width } => libm::exp(-4.0 * std::f64::consts::LN_2 * ((nm - peak) / width).powi(2)),
        };
        let mut shares: [f64; BANDS] = std::array::from_fn(|band| density(wavelength(band)));
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
        shares
    }
}

impl Default for LightColour {
    fn default() -> Self {
        Self::REFERENCE
    }
}

/// What print is made of, where it is not grey. Reflectances are given where the print is lightest and darkest; the curve between them is a logistic edge
/// (assumption, of the shape of measured process inks), and infrared light goes through everything but soot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pigment {
    /// The same at all wavelengths: soot, titanium white, bare board.
    #[default]
    Grey,
    /// Reflects from some 595 nm on.
    Red,
    /// Reflects from some 560 nm on.
    Orange,
    /// Reflects from some 505 nm on.
    Yellow,
    /// Reflects around 530 nm.
    Green,
    /// Reflects around 455 nm.
    Blue,
    /// Black made of dyes, as in many ink-jet inks: gone in infrared light.
    BlackDye,
}

impl Pigment {
    /// All of them, in a fixed order.
    pub const ALL: [Self; 7] = [Self::Grey, Self::Red, Self::Orange, Self::Yellow, Self::Green, Self::Blue, Self::BlackDye];

    /// How much of the way from its darkest to its lightest it reflects at a wavelength (nm), 0 to 1.
    fn passes_at(self, nm: f64) -> f64 {
        let from = |edge: f64, width: f64| 1.0 / (1.0 + libm::exp((edge - nm) / width));
        let infrared = from(760.0, 12.0);
        let band = |low: f64, high: f64| (from(low, 8.0) * (1.0 - from(high, 8.0))).max(infrared);
        match self {
            Self::Grey => 0.0,
            Self::Red => from(595.0, 7.0),
            Self::Orange => from(560.0, 8.0),
            Self::Yellow => from(505.0, 9.0),
            Self::Green => band(495.0, 570.0),
            Self::Blue => band(380.0, 500.0),
            Self::BlackDye => infrared,
        }
    }
}

/// A sensor's quantum efficiency by wavelength, relative to its peak.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Response {
    /// The same for every photon.
    #[default]
    Flat,
    /// (nm, share) with straight lines between, in the order of wavelengths; nothing beyond.
    Curve(&'static [[f64; 2]]),
}

impl Response {
    fn at(self, nm: f64) -> f64 {
        let Self::Curve(points) = self else { return 1.0 };
        let between = points.windows(2).find(|pair| (pair[0][0]..=pair[1][0]).contains(&nm));
        between.map_or(0.0, |pair| pair[0][1] + (pair[1][1] - pair[0][1]) * (nm - pair[0][0]) / (pair[1][0] - pair[0][0]))
    }

    /// What it counts of a photon of some light, on average.
    fn of(self, light: LightColour) -> f64 {
        light.photons().iter().enumerate().map(|(band, share)| share * self.at(wavelength(band))).sum()
    }

    /// What a lamp of a colour is worth beside a white one of the same number of photons: exactly 1 for the reference.
    pub fn strength(self, light: LightColour) -> f64 {
        if light == LightColour::REFERENCE || self == Self::Flat { 1.0 } else { self.of(light) / self.of(LightColour::REFERENCE) }
    }

    /// How much of the way from its darkest to its lightest a pigment reflects, as this sensor counts it in some light.
    pub fn seen(self, pigment: Pigment, light: LightColour) -> f64 {
        if pigment == Pigment::Grey {
            return 0.0;
        }
        let (mut sum, mut all) = (0.0, 0.0);
        for (band, share) in light.photons().iter().enumerate() {
            let weight = share * self.at(wavelength(band));
            sum += weight * pigment.passes_at(wavelength(band));
            all += weight;
        }
        if all > 0.0 { sum / all } else { 0.0 }
    }
}

/// What a coloured field reflects where its pigment absorbs, as a share of what it reflects where it does not (assumption).
const DARKEST_FIELD: f64 = 0.1;

/// Reflectance of a field whose pigment is seen to pass `seen`; `paper` is what it reflects at its lightest.
pub fn field(paper: f64, pigment: Pigment, seen: f64) -> f64 {
    if pigment == Pigment::Grey { paper } else { paper * (DARKEST_FIELD + (1.0 - DARKEST_FIELD) * seen) }
}

/// Reflectance of ink on a field: `ink` where it absorbs, the field's where it does not.
pub fn ink_on(field: f64, ink: f64, pigment: Pigment, seen: f64) -> f64 {
    if pigment == Pigment::Grey { ink } else { ink + (field - ink) * seen }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURVE: Response = Response::Curve(&[[400.0, 0.5], [500.0, 1.0], [900.0, 0.2]]);

    #[test]
    fn white_light_and_grey_print_keep_their_numbers() {
        for response in [Response::Flat, CURVE] {
            assert_eq!(response.strength(LightColour::REFERENCE), 1.0);
            for light in [LightColour::RED, LightColour::INFRARED] {
                assert_eq!(field(0.8, Pigment::Grey, response.seen(Pigment::Grey, light)), 0.8);
                assert_eq!(ink_on(0.8, 0.05, Pigment::Grey, response.seen(Pigment::Grey, light)), 0.05);
            }
        }
    }

    #[test]
    fn a_narrow_light_is_worth_what_the_curve_says_there() {
        // Straight line from 500 to 900 nm: 0.75 at 625, and a Gaussian's mean on a line is that of its middle.
        assert!((CURVE.of(LightColour::RED) - 0.75).abs() < 1e-3, "{}", CURVE.of(LightColour::RED));
        assert!((CURVE.of(LightColour::INFRARED) - 0.3).abs() < 1e-3, "{}", CURVE.of(LightColour::INFRARED));
        assert_eq!(Response::Flat.strength(LightColour::INFRARED), 1.0);
        let white = CURVE.of(LightColour::REFERENCE);
        assert!((CURVE.strength(LightColour::RED) * white - CURVE.of(LightColour::RED)).abs() < 1e-12);
    }

    #[test]
    fn warm_light_has_more_red_photons_than_cold() {
        let red = |cct| LightColour::White { cct }.photons()[20..].iter().sum::<f64>();
        // Photons from 600 to 700 nm of those from 420 to 700 nm, by Planck's law in bands of 10 nm.
        assert!(red(2700.0) > red(4000.0) && red(4000.0) > red(6500.0));
        let sum: f64 = LightColour::REFERENCE.photons().iter().sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }

    #[test]
    fn red_print_vanishes_in_red_light_and_is_black_in_blue() {
        let seen = |pigment, light| Response::Flat.seen(pigment, light);
        assert!(seen(Pigment::Red, LightColour::RED) > 0.95, "{}", seen(Pigment::Red, LightColour::RED));
        assert!(seen(Pigment::Red, LightColour::BLUE) < 1e-3 && seen(Pigment::Red, LightColour::GREEN) < 0.01);
        assert!(seen(Pigment::Yellow, LightColour::BLUE) < 0.05 && seen(Pigment::Yellow, LightColour::GREEN) > 0.8);
        assert!(seen(Pigment::BlackDye, LightColour::INFRARED) > 0.99 && seen(Pigment::BlackDye, LightColour::RED) < 1e-3);
        assert!(seen(Pigment::Blue, LightColour::BLUE) > 0.9 && seen(Pigment::Blue, LightColour::RED) < 0.01);
        // 0.04 on 0.8: in red light the bars are as light as the paper.
        let bars = ink_on(0.8, 0.04, Pigment::Red, seen(Pigment::Red, LightColour::RED));
        assert!((0.8 - bars) / 0.8 < 0.05, "{bars}");
    }
}
