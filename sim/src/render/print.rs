//! Prints as textures with mip levels. Symbols are left out: the shader integrates them from their tables.

use crate::artwork::{FacePrint, Printed};

/// A print for upload: 8 bits of linear reflectance a texel, with 8 more where marks took ink of symbols away; all mip levels one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintImage {
    /// Width and height of the first level, texels.
    pub size: [u32; 2],
    /// Number of levels.
    pub levels: u32,
    /// Bytes of a texel: 1, or 2 where the second is the share of a symbol's ink that is missing.
    pub channels: u32,
    /// Texels, level by level.
    pub texels: Vec<u8>,
}

impl PrintImage {
    /// A single white texel.
    pub fn blank() -> Self {
        Self { size: [1, 1], levels: 1, channels: 1, texels: vec![255] }
    }

    /// A face at about `px_per_m` texels a metre.
    pub fn of_face(face: &FacePrint, px_per_m: f64) -> Self {
        let image = face.rasterise(px_per_m, Printed::NoSymbols);
        let ink = Self::with_levels([image.width, image.height], image.pixels);
        let Some(missing) = face.missing_ink(px_per_m) else { return ink };
        let missing = Self::with_levels([missing.width, missing.height], missing.pixels);
        Self { channels: 2, texels: ink.texels.into_iter().zip(missing.texels).flat_map(|(a, b)| [a, b]).collect(), ..ink }
    }

    /// Adds the mip levels, each texel the mean of what it covers of the level before.
    pub fn with_levels(size: [usize; 2], mut texels: Vec<u8>) -> Self {
        let ([mut w, mut h], mut start, mut levels) = (size, 0, 1);
        while w > 1 || h > 1 {
            let (next_w, next_h) = ((w / 2).max(1), (h / 2).max(1));
            let level = shrink(&texels[start..start + w * h], [w, h], [next_w, next_h]);
            start += w * h;
            texels.extend(level);
            (w, h, levels) = (next_w, next_h, levels + 1);
        }
        Self { size: size.map(|n| n as u32), levels, channels: 1, texels }
    }
}

/// Halves an image; of an odd number of rows or columns the last three make the last one.
fn shrink(from: &[u8], [w, h]: [usize; 2], [next_w, next_h]: [usize; 2]) -> Vec<u8> {
    let span = |i: usize, count: usize, next: usize| {
        let first = (2 * i).min(count - 1);
        first..if i + 1 == next { count } else { first + 2 }
    };
    let mut level = Vec::with_capacity(next_w * next_h);
    for y in 0..next_h {
        for x in 0..next_w {
            let (rows, columns) = (span(y, h, next_h), span(x, w, next_w));
            let count = (rows.len() * columns.len()) as u32;
            let sum: u32 = rows.flat_map(|r| columns.clone().map(move |c| u32::from(from[r * w + c]))).sum();
            level.push(((sum + count / 2) / count) as u8);
        }
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_means() {
        let image = PrintImage::with_levels([4, 2], vec![0, 100, 200, 200, 100, 200, 0, 0]);
        assert_eq!((image.size, image.levels), ([4, 2], 3));
        assert_eq!(image.texels[8..], [100, 100, 100]);
        let odd = PrintImage::with_levels([3, 1], vec![30, 60, 90]);
        assert_eq!((odd.levels, odd.texels.len(), odd.texels[3]), (2, 4, 60));
    }
}
