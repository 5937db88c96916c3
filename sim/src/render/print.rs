//! Prints as textures with mip levels. Symbols are left out: the shader integrates them from their tables.

use crate::artwork::{FacePrint, Printed};

/// A print for upload: 8 bits of linear reflectance a texel, with 8 more where marks took ink of symbols away; all mip levels one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintImage {
    /// Width and height of the first level, texels: those of the print, and what its edges are continued by.
    pub size: [u32; 2],
    /// Width and height of the print, texels.
    pub printed: [u32; 2],
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
        Self { size: [1, 1], printed: [1, 1], levels: 1, channels: 1, texels: vec![255] }
    }

    /// A face at about `px_per_m` texels a metre.
    pub fn of_face(face: &FacePrint, px_per_m: f64) -> Self {
        let image = face.rasterise(px_per_m, Printed::NoSymbols);
        let ink = Self::with_levels([image.width, image.height], image.pixels);
        let Some(missing) = face.missing_ink(px_per_m) else { return ink };
        let missing = Self::with_levels([missing.width, missing.height], missing.pixels);
        Self { channels: 2, texels: ink.texels.into_iter().zip(missing.texels).flat_map(|(a, b)| [a, b]).collect(), ..ink }
    }

    /// Adds the mip levels, each texel the mean of four of the level before. Graphics adapters round the size of a level down; so that none has to be
    /// rounded, and every level lies exactly where the print does, its edges are continued to a multiple of the coarsest texel.
    pub fn with_levels([width, height]: [usize; 2], texels: Vec<u8>) -> Self {
        let [mut w, mut h] = [width, height].map(|n| n.next_multiple_of(1 << (LEVELS - 1)));
        let row = |y: usize| &texels[y.min(height - 1) * width..][..width];
        let mut all: Vec<u8> = (0..h).flat_map(|y| (0..w).map(move |x| row(y)[x.min(width - 1)])).collect();
        let (size, mut start) = ([w, h], 0);
        for _ in 1..LEVELS {
            let level = halved(&all[start..], [w, h]);
            start += w * h;
            all.extend(level);
            (w, h) = (w / 2, h / 2);
        }
        Self { size: size.map(|n| n as u32), printed: [width, height].map(|n| n as u32), levels: LEVELS, channels: 1, texels: all }
    }
}

/// Levels of a print's texture: a texel of the coarsest is 32 of the finest wide, more than a pixel ever shows.
const LEVELS: u32 = 6;

/// Halves an image of an even number of rows and columns.
fn halved(from: &[u8], [w, h]: [usize; 2]) -> Vec<u8> {
    let mean = |x: usize, y: usize| {
        let four = [2 * y * w + 2 * x, 2 * y * w + 2 * x + 1, (2 * y + 1) * w + 2 * x, (2 * y + 1) * w + 2 * x + 1];
        ((four.iter().map(|i| u32::from(from[*i])).sum::<u32>() + 2) / 4) as u8
    };
    (0..h / 2).flat_map(|y| (0..w / 2).map(move |x| (x, y))).map(|(x, y)| mean(x, y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_means_of_a_print_whose_edges_are_continued() {
        let image = PrintImage::with_levels([4, 2], vec![0, 100, 200, 200, 100, 200, 0, 0]);
        assert_eq!((image.size, image.printed, image.levels), ([32, 32], [4, 2], 6));
        assert_eq!(image.texels.len(), (0..6).map(|level| (32usize >> level).pow(2)).sum::<usize>());
        assert_eq!((image.texels[..6].to_vec(), image.texels[32 * 31]), (vec![0, 100, 200, 200, 200, 200], 100));
        assert_eq!(image.texels[32 * 32..][..3], [100, 100, 100]);
        // Below the print its last row goes on: (100 + 200) ÷ 2 and 0.
        assert_eq!(image.texels[32 * 32 + 16..][..3], [150, 0, 0]);
        let large = PrintImage::with_levels([33, 64], vec![7; 33 * 64]);
        assert_eq!((large.size, large.texels.iter().all(|t| *t == 7)), ([64, 64], true));
    }
}
