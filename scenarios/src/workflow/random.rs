//! Randomness by name: one seed, many streams, as in the twin, but without what the twin needs.
//!
//! Keys are derived as the twin derives them, so that one seed means one thing in the whole program. All arithmetic is exact or goes through `libm`:
//! the same seed gives the same bits on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Separates these keys from any other use of SHA-256; its number changes when the derivation does.
const DOMAIN: &[u8] = b"tracetwin stream 1";

/// The source of all streams of one simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// All streams of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream of a purpose and its indices (replication, patient, …), from its beginning.
    pub fn stream(&self, purpose: &str, indices: &[u64]) -> Stream {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(self.seed.to_le_bytes());
        hash.update((purpose.len() as u64).to_le_bytes());
        hash.update(purpose.as_bytes());
        hash.update((indices.len() as u64).to_le_bytes());
        for index in indices {
            hash.update(index.to_le_bytes());
        }
        Stream { rng: ChaCha8Rng::from_seed(hash.finalize().into()) }
    }
}

/// One stream of random numbers. Durations are drawn by inversion, one uniform number each, so that a longer mean makes every draw longer and
/// changes no other.
#[derive(Debug, Clone)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in (0, 1).
    #[inline]
    pub fn open_unit(&mut self) -> f64 {
        ((self.rng.next_u64() >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
    }

    /// True with probability `probability`.
    #[inline]
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform in 0..`count`; 0 for a `count` of 0. The bias, less than `count` · 2⁻⁵³, is below anything a simulation could show.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// Exponential with this mean.
    #[inline]
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// Normal with mean 0 and standard deviation 1.
    #[inline]
    pub fn standard_normal(&mut self) -> f64 {
        inverse_normal(self.open_unit())
    }
}

/// The standard normal quantile of `p`, to about 16 digits: Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988), 477–484. Infinite at
/// 0 and 1, not a number outside.
pub fn inverse_normal(p: f64) -> f64 {
    fn ratio(x: f64, above: [f64; 8], below: [f64; 8]) -> f64 {
        let polynomial = |coefficients: [f64; 8]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
        polynomial(above) / polynomial(below)
    }
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(0.180_625 - q * q, CENTRE.0, CENTRE.1);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return if tail == 0.0 { q.signum() * f64::INFINITY } else { f64::NAN };
    }
    let r = (-libm::log(tail)).sqrt();
    let x = if r <= 5.0 { ratio(r - 1.6, SHOULDER.0, SHOULDER.1) } else { ratio(r - 5.0, FAR.0, FAR.1) };
    if q < 0.0 { -x } else { x }
}

type Coefficients = ([f64; 8], [f64; 8]);

#[allow(clippy::excessive_precision)] // As published.
const CENTRE: Coefficients = (
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
);
#[allow(clippy::excessive_precision)] // As published.
const SHOULDER: Coefficients = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);
#[allow(clippy::excessive_precision)] // As published.
const FAR: Coefficients = (
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_445_9e-7,
        2.044_263_103_389_939_8e-15,
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    /// The twin's own golden values: one seed, one meaning.
    #[test]
    fn keys_are_those_of_the_twin() {
        let mut stream = Streams::new(42).stream("golden", &[1, 2, 3]);
        assert_eq!(stream.rng.next_u64(), 0xfb57_2d0f_7261_5d95);
        assert_eq!(stream.rng.next_u64(), 0x3dc6_d7f3_dc14_1243);
        assert_eq!(stream.unit().to_bits(), 0x3fce_6d13_004e_ea78);
    }

    /// Against SciPy's `scipy.special.ndtri`.
    #[test]
    fn normal_quantiles_equal_scipys() {
        for (p, expected) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.1, -1.281_551_565_544_600_4),
            (0.01, -2.326_347_874_040_840_8),
            (1e-6, -4.753_424_308_822_899),
            (1e-20, -9.262_340_089_798_409),
            (1e-300, -37.047_096_299_361_2),
        ] {
            let found = inverse_normal(p);
            assert!((found - expected).abs() <= 4e-15 * f64::abs(expected), "Φ⁻¹({p}) = {found} instead of {expected}");
        }
        assert_eq!((inverse_normal(0.0), inverse_normal(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(inverse_normal(-0.1).is_nan() && inverse_normal(1.1).is_nan());
    }

    #[test]
    fn nothing_drawn_falls_outside() {
        let mut stream = Streams::new(3).stream("range", &[]);
        for _ in 0..10_000 {
            let (u, v) = (stream.unit(), stream.open_unit());
            assert!((0.0..1.0).contains(&u) && v > 0.0 && v < 1.0, "seed 3");
            assert!(stream.below(3) < 3);
        }
        assert_eq!((stream.below(0), stream.below(1)), (0, 0));
    }
}
