//! Tokens: what a frame shows of the request it was drawn for.
//!
//! Every surface draws, below the picture, one pixel whose value only comes out right if the request's own number, the surface's data, its print, the
//! light of the request's state and the scene's tables were all in place when the GPU drew it. A frame whose tokens are not all right is stale or
//! half-loaded and is drawn again. 24 bits, which a 32-bit float holds exactly.

/// What the tokens of a frame are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// Counts the requests of a renderer.
    pub request: u32,
    /// Counts the states of light, 1 to 2047 (what a half float holds exactly).
    pub light: u16,
    /// Of the scene's tables, 24 bits.
    pub scene: u32,
}

/// One round of a multiplicative hash; `capture.wgsl` has the same.
fn stir(state: u32, word: u32) -> u32 {
    let mut h = (state ^ word).wrapping_mul(0x9E37_79B1);
    h ^= h >> 15;
    h = h.wrapping_mul(0x85EB_CA77);
    h ^ (h >> 13)
}

/// The token of surface `index`, whose print's first texel is `print_sample`.
pub fn token(stamps: Stamps, index: usize, print_sample: u8) -> f32 {
    let words = [index as u32, u32::from(stamps.light), u32::from(print_sample), stamps.scene];
    (words.into_iter().fold(stamps.request, stir) >> 8) as f32
}

/// Index of the first surface whose token is not what it should be.
pub fn first_wrong(stamps: Stamps, print_samples: &[u8], found: &[f32]) -> Option<usize> {
    (0..print_samples.len()).find(|&i| found.get(i).is_none_or(|f| f.to_bits() != token(stamps, i, print_samples[i]).to_bits()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_other_stamp_is_noticed() {
        let stamps = Stamps { request: 5, light: 9, scene: 77 };
        let samples = [0, 255, 128];
        let frame: Vec<f32> = (0..3).map(|i| token(stamps, i, samples[i])).collect();
        assert_eq!(first_wrong(stamps, &samples, &frame), None);
        assert_eq!(first_wrong(Stamps { request: 6, ..stamps }, &samples, &frame), Some(0));
        assert_eq!(first_wrong(Stamps { light: 10, ..stamps }, &samples, &frame), Some(0));
        assert_eq!(first_wrong(Stamps { scene: 78, ..stamps }, &samples, &frame), Some(0));
        assert_eq!(first_wrong(stamps, &[0, 255, 127], &frame), Some(2));
        assert_eq!(first_wrong(stamps, &samples, &frame[..2]), Some(2));
        assert_eq!(first_wrong(stamps, &samples, &[frame[0], 0.0, frame[2]]), Some(1));
    }
}
