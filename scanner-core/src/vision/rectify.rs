//! From a slanted box to grey-value profiles along the code, finer than the pixels.
//!
//! A code that lies at an angle to the pixel grid shows every bar to many pixels at many sub-pixel phases. Instead of resampling rows, every pixel
//! of the strip is put at its own place along the code, and the profile is their mean in bins of a fraction of a pixel ("slant super-resolution").

use super::Plane;
use super::locate::LinearBox;

/// Bins per pixel of every profile.
pub const BINS_PER_PX: usize = 4;
/// Classes of pixels: each half's two colours.
const CLASSES: usize = 4;
/// Beyond this many pixels a strip is thinned out; it has more than it needs.
const ENOUGH_PIXELS: f64 = 40_000.0;
/// Pixels that say well enough whether a direction is the bars': while it is looked for, and to the end.
const ENOUGH_FOR_SEARCH: usize = 6_000;
const ENOUGH_FOR_DIRECTION: usize = 16_000;
/// Share of the variance that straight bars must explain, for the search of their direction to go on.
const HOPELESS: f64 = 0.35;

/// Which pixels of a strip a profile is made of. Two subsets that share no pixel are independent looks at the same code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subset {
    /// All.
    Full,
    /// The upper half.
    Upper,
    /// The lower half.
    Lower,
    /// One colour of a chessboard.
    Even,
    /// The other colour.
    Odd,
}

impl Subset {
    /// The pixels, as a set of (half, colour) classes: bit 2·half + colour.
    pub fn classes(self) -> u8 {
        match self {
            Self::Full => 0b1111,
            Self::Upper => 0b0011,
            Self::Lower => 0b1100,
            Self::Even => 0b0101,
            Self::Odd => 0b1010,
        }
    }

    /// Whether two subsets share no pixel.
    pub fn is_disjoint(self, other: Self) -> bool {
        self.classes() & other.classes() == 0
    }
}

#[derive(Debug, Clone, Copy)]
struct Pixel {
    a: f32,
    b: f32,
    value: f32,
    /// Place across the strip, −½ to ½.
    off: f32,
    class: u8,
}

/// The pixels of a located code in the code's own frame.
#[derive(Debug, Clone)]
pub struct Strip {
    /// Where it is; [`Strip::straighten`] refines it.
    pub place: LinearBox,
    pixels: Vec<Pixel>,
    from: f64,
    to: f64,
}

/// Mean grey values along the code. Bin i stands for u = start + i / [`BINS_PER_PX`].
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// u of bin 0.
    pub start: f64,
    /// Mean grey value; meaningless where the weight is 0.
    pub mean: Vec<f32>,
    /// Number of pixels.
    pub weight: Vec<f32>,
}

impl Strip {
    /// Takes the pixels inside `place`, `margin` px beyond its ends included. Pixels near the upper and lower edge are left out: the edge may be off
    /// by a pixel, and the bars' ends are blurred.
    pub fn gather(plane: &Plane, place: &LinearBox, margin: f64) -> Self {
        let (from, to) = (place.ends[0] - margin, place.ends[1] + margin);
        let height = place.height().max(1.0);
        let inset = (1.5f64).min(height * 0.2) / height;
        // Straight edges around the arched ones.
        let bulge = place.arch * from.abs().max(to.abs()).powi(2);
        let around = LinearBox {
            arch: 0.0,
            top: [place.top[0] + bulge.min(0.0), place.top[1]],
            bottom: [place.bottom[0] + bulge.max(0.0), place.bottom[1]],
            ..*place
        };
        let quad = around.corners(from, to);
        let y_min = quad.iter().map(|p| p[1]).fold(f64::MAX, f64::min).ceil().max(0.0) as usize;
        let y_max = quad.iter().map(|p| p[1]).fold(f64::MIN, f64::max).floor();
        let mut pixels = Vec::new();
        let stride = ((to - from) * height / ENOUGH_PIXELS).ceil().max(1.0) as usize;
        // Thinned along the bars, never along the code.
        let (stride_x, stride_y) = if place.along[1].abs() > place.along[0].abs() { (stride, 1) } else { (1, stride) };
        if y_max >= 0.0 && plane.width() > 0 && plane.height() > 0 {
            let y_max = (y_max as usize).min(plane.height() - 1);
            for y in (y_min..=y_max).step_by(stride_y) {
                let Some((x0, x1)) = span(&quad, y as f64) else { continue };
                let x0 = x0.ceil().max(0.0) as usize;
                let x1 = x1.floor().min((plane.width() - 1) as f64);
                if x1 < x0 as f64 {
                    continue;
                }
                let row = plane.row(y);
                for (x, &value) in row.iter().enumerate().take(x1 as usize + 1).skip(x0).step_by(stride_x) {
                    let (a, b) = place.local(x as f64, y as f64);
                    let u = a + (place.lean + place.spread * a) * b;
                    let (top, bottom) = (place.top[0] + place.top[1] * u, place.bottom[0] + place.bottom[1] * u);
                    let v = (b - place.arch * u * u - top) / (bottom - top);
                    if v < inset || v > 1.0 - inset || u < from || u > to {
                        continue;
                    }
                    let colour = (((x - x0) / stride_x + x0 + y / stride_y) & 1) as u8;
                    pixels.push(Pixel { a: a as f32, b: b as f32, value, off: (v - 0.5) as f32, class: 2 * u8::from(v >= 0.5) + colour });
                }
            }
        }
        // From the middle outwards, so that a band around the middle is a prefix.
        pixels.sort_unstable_by_key(|p: &Pixel| p.off.abs().to_bits());
        Self { place: *place, pixels, from, to }
    }

    /// Number of pixels.
    pub fn len(&self) -> usize {
        self.pixels.len()
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// The profile of all pixels.
    pub fn profile(&self) -> Profile {
        let [all] = self.profiles([Subset::Full]);
        all
    }

    /// The profiles of subsets.
    pub fn profiles<const N: usize>(&self, subsets: [Subset; N]) -> [Profile; N] {
        let bins = ((self.to - self.from) * BINS_PER_PX as f64).ceil().max(1.0) as usize + 2;
        // Sum and weight by bin and class.
        let mut seen = vec![[[0f32; 2]; CLASSES]; bins];
        let (lean, spread) = (self.place.lean as f32, self.place.spread as f32);
        for p in &self.pixels {
            let u = p.a + (lean + spread * p.a) * p.b;
            let at = (u - self.from as f32) * BINS_PER_PX as f32;
            if at < 0.0 {
                continue;
            }
            let i = at as usize;
            let f = at - i as f32;
            if let Some([here, next]) = seen.get_mut(i..i + 2).and_then(|pair| <&mut [_; 2]>::try_from(pair).ok()) {
                let class = usize::from(p.class);
                for (share, [sum, weight]) in [(1.0 - f, &mut here[class]), (f, &mut next[class])] {
                    *sum += p.value * share;
                    *weight += share;
                }
            }
        }
        subsets.map(|subset| {
            let classes = subset.classes();
            let of_bin = |of: &[[f32; 2]; CLASSES]| {
                let taken = of.iter().enumerate().filter(|(class, _)| classes >> class & 1 == 1);
                let [sum, weight] = taken.fold([0.0, 0.0], |[s, w], (_, of)| [s + of[0], w + of[1]]);
                (if weight > 1e-3 { sum / weight } else { 0.0 }, weight)
            };
            let (mean, weight) = seen.iter().map(of_bin).unzip();
            Profile { start: self.from, mean, weight }
        })
    }

    /// Refines the bars' lean and its change along the code by making pixels that fall together as alike as they get.
    ///
    /// The sharpness has a narrow peak: a lean that moves the bars' ends by more than a bar is no better than any other. So the search starts on a
    /// low band around the middle, where the peak is wide, and doubles the band's height as the lean gets better known.
    ///
    /// Returns the share of the grey values' variance that straight bars explain: nearly all of it for a code, little for text, whose search ends early.
    pub fn straighten(&mut self) -> f64 {
        let height = self.place.height().max(2.0);
        let half = (self.place.length() / 2.0).max(1.0);
        let mut share = (24.0 / height).min(1.0);
        // The lean is known to a few hundredths; its change along the code not at all, and reaches ±0.25 at its ends in a close-up seen aslant. What
        // is small in the picture is far from the camera.
        let most = if self.place.length() > 280.0 { 0.25 } else { 0.12 };
        let mut reach = [2, (most * height * share / 1.4).ceil() as i32];
        loop {
            // A step moves the bars' ends by 0.35 px.
            let step = 0.7 / (height * share);
            let (lean, spread) = (self.place.lean, self.place.spread);
            let sample = self.sample(share, ENOUGH_FOR_SEARCH);
            let at = |[i, j]: [i32; 2]| (lean + f64::from(i) * step, spread + f64::from(j) * step / half);
            let sharper = |best: (f64, [i32; 2]), place: [i32; 2]| {
                let (lean, spread) = at(place);
                let sharpness = sample.sharpness(lean, spread);
                if sharpness > best.0 { (sharpness, place) } else { best }
            };
            // Every other step, then those around the best.
            let all = |reach: [i32; 2]| (-reach[0]..=reach[0]).flat_map(move |i| (-reach[1]..=reach[1]).map(move |j| [i, j]));
            let best = all(reach).map(|place| place.map(|k| 2 * k)).fold((f64::MIN, [0, 0]), sharper);
            let [i, j] = best.1;
            let best = all([1, 1]).filter(|by| *by != [0, 0]).map(|by| [i + by[0], j + by[1]]).fold(best, sharper);
            (self.place.lean, self.place.spread) = at(best.1);
            let explained = self.explained(best.0, share);
            if explained < HOPELESS {
                return explained;
            }
            if share >= 1.0 {
                break;
            }
            share = (share * 2.0).min(1.0);
            reach = [1, 1];
        }
        let mut step = 0.35 / height;
        let sample = self.sample(1.0, ENOUGH_FOR_DIRECTION);
        let mut best = sample.sharpness(self.place.lean, self.place.spread);
        for _ in 0..3 {
            // A few steps of each size; then the next smaller.
            for _ in 0..4 {
                let (lean, spread) = (self.place.lean, self.place.spread);
                for (dl, ds) in [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)] {
                    let (l, s) = (lean + dl * step, spread + ds * step / half);
                    let sharpness = sample.sharpness(l, s);
                    if sharpness > best {
                        best = sharpness;
                        (self.place.lean, self.place.spread) = (l, s);
                    }
                }
                if (lean, spread) == (self.place.lean, self.place.spread) {
                    break;
                }
            }
            step /= 2.0;
        }
        self.explained(best, 1.0)
    }

    /// Share of the variance of the middle `share` of the strip that bins explain whose sharpness is known.
    fn explained(&self, sharpness: f64, share: f64) -> f64 {
        let band = &self.pixels[..self.band(share)];
        let n = band.len().max(1) as f64;
        let (sum, squares) = band.iter().fold((0.0, 0.0), |(s, q), p| (s + f64::from(p.value), q + f64::from(p.value).powi(2)));
        1.0 + sharpness / (squares / n - (sum / n).powi(2)).max(1e-12)
    }

    /// Number of pixels in the middle `share` of the strip.
    fn band(&self, share: f64) -> usize {
        let reach = (share / 2.0) as f32 + 1e-3;
        self.pixels.partition_point(|p| p.off.abs() <= reach)
    }

    /// At most `most` pixels of the middle `share` of the strip's height, evenly taken.
    fn sample(&self, share: f64, most: usize) -> Sample {
        let band = self.band(share);
        let stride = band.div_ceil(most).max(1);
        let taken = || self.pixels[..band].iter().step_by(stride);
        let (a, b, value): (Vec<f32>, Vec<f32>, Vec<f32>) =
            (taken().map(|p| p.a).collect(), taken().map(|p| p.b).collect(), taken().map(|p| p.value).collect());
        // Finer bins tell small errors apart, if there are pixels enough to fill them.
        let per_px = if value.len() as f64 > 24.0 * (self.to - self.from) { 4.0 } else { 2.0 };
        let bins = ((self.to - self.from) * per_px).ceil().max(1.0) as usize + 1;
        let squares = value.iter().map(|v| f64::from(v * v)).sum();
        Sample { a, b, value, squares, from: self.from as f32, per_px: per_px as f32, bins }
    }
}

/// Some pixels of a strip, to look for the bars' direction.
struct Sample {
    a: Vec<f32>,
    b: Vec<f32>,
    value: Vec<f32>,
    /// Sum of the squared values.
    squares: f64,
    from: f32,
    per_px: f32,
    bins: usize,
}

impl Sample {
    /// How alike pixels are that fall together: minus the variance within bins of a part of a pixel, per degree of freedom. Contrast between bins would
    /// be fooled where a direction runs along the pixel grid and leaves bins with few pixels; this is not.
    fn sharpness(&self, lean: f64, spread: f64) -> f64 {
        const BLOCK: usize = 64;
        let (lean, spread, outside) = (lean as f32, spread as f32, self.bins as f32);
        // The last bin takes what falls beyond the others.
        let mut sums = vec![[0f32; 2]; self.bins + 1];
        let mut at = [0f32; BLOCK];
        let mut squares = self.squares;
        for ((a, b), values) in self.a.chunks(BLOCK).zip(self.b.chunks(BLOCK)).zip(self.value.chunks(BLOCK)) {
            // First where they fall, several at a time, then what they add.
            for ((at, a), b) in at.iter_mut().zip(a).zip(b) {
                let bin = (a + (lean + spread * a) * b - self.from) * self.per_px;
                *at = if bin >= 0.0 && bin < outside { bin } else { outside };
            }
            for (at, value) in at.iter().zip(values) {
                let [n, sum] = &mut sums[*at as usize];
                *n += 1.0;
                *sum += value;
                if *at == outside {
                    squares -= f64::from(value * value);
                }
            }
        }
        sums.pop();
        // Σ (v − mean)² of a bin is Σ v² − (Σ v)² ÷ n; one pixel by itself leaves nothing.
        let (mut explained, mut inside, mut filled) = (0f64, 0f64, 0f64);
        for [n, sum] in sums {
            if n > 0.0 {
                explained += f64::from(sum * sum / n);
                inside += f64::from(n);
                filled += 1.0;
            }
        }
        let (within, freedom) = (squares - explained, inside - filled);
        // A third of all pixels must have company, or the figure means nothing.
        if freedom * 3.0 < self.value.len() as f64 { f64::MIN } else { -within / freedom }
    }
}

/// Smallest and largest x of a convex quadrilateral on the line y.
fn span(quad: &[[f64; 2]; 4], y: f64) -> Option<(f64, f64)> {
    let (mut lo, mut hi) = (f64::MAX, f64::MIN);
    for i in 0..4 {
        let (p, q) = (quad[i], quad[(i + 1) % 4]);
        if (p[1] - y) * (q[1] - y) <= 0.0 {
            if (p[1] - q[1]).abs() < 1e-12 {
                lo = lo.min(p[0].min(q[0]));
                hi = hi.max(p[0].max(q[0]));
            } else {
                let x = p[0] + (q[0] - p[0]) * (y - p[1]) / (q[1] - p[1]);
                lo = lo.min(x);
                hi = hi.max(x);
            }
        }
    }
    (lo <= hi).then_some((lo, hi))
}

/// A square upright cut of a plane around a matrix code, turned by `angle` so that the code's edges are parallel to the result's.
///
/// `scale` output pixels per input pixel. Returns the picture and the mapping back: input = centre + R(angle)·(output − size/2)/scale.
pub fn upright_crop(plane: &Plane, centre: [f64; 2], half: f64, angle: f64, scale: f64) -> (Plane, CropMap) {
    let side = ((2.0 * half * scale).ceil() as usize).clamp(1, 2048);
    let map = CropMap { centre, angle, scale, middle: (side as f64 - 1.0) / 2.0 };
    let mut data = Vec::with_capacity(side * side);
    for y in 0..side {
        for x in 0..side {
            let [px, py] = map.to_source([x as f64, y as f64]);
            data.push(plane.sample(px, py));
        }
    }
    (Plane::new(side, side, data), map)
}

/// Where the pixels of an [`upright_crop`] come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CropMap {
    centre: [f64; 2],
    angle: f64,
    scale: f64,
    middle: f64,
}

impl CropMap {
    /// A crop's pixel in the source.
    pub fn to_source(&self, p: [f64; 2]) -> [f64; 2] {
        let (s, c) = self.angle.sin_cos();
        let (x, y) = ((p[0] - self.middle) / self.scale, (p[1] - self.middle) / self.scale);
        [self.centre[0] + c * x - s * y, self.centre[1] + s * x + c * y]
    }
}
