//! What a lens does to a picture beside projecting it: blur by aberrations, diffraction and defocus, and loss of light towards the corners.
//!
//! The renderer delivers the mean over each pixel. Convolving that with a kernel on the pixel grid multiplies the transfer function of the pixel's
//! square by the kernel's own, so kernels are made from the optics' transfer function up to the Nyquist frequency, not sampled from its point spread
//! (which at a blur of half a pixel would err by a quarter at Nyquist). Beyond Nyquist the kernel's response repeats, where a real lens's goes on
//! falling: what aliases is a little stronger than in nature.

use std::f64::consts::PI;

use hardware_hal::Intrinsics;
use rayon::prelude::*;

use crate::shading::ANALYSER_PASSES;
use crate::spec::{LensSpec, Optics, Vignetting};

/// Steps of the blur disc's diameter, px: finer than anything that shows.
const STEP_PX: f64 = 0.25;

/// Largest blur disc, px: what is farther out of focus than that is drawn with it.
const LARGEST_PX: f64 = 24.0;

/// Pixels that a kernel goes on beyond its disc and its Gaussian: for what rings at Nyquist, and (÷ cut-off frequency) for the long tail of diffraction.
const SKIRT: f64 = 5.0;
const LARGEST_SKIRT: f64 = 16.0;

/// Quadrature points per axis and quadrant of the frequency plane, at least.
const QUADRATURE: usize = 48;

/// Separable parts of a kernel that are left out, relative to the first.
const NEGLIGIBLE: f64 = 1e-3;

/// Tiles in which a picture is worked on, px.
const TILE: [usize; 2] = [96, 32];

impl Optics {
    /// Diameter of the blur disc of a point at `distance` m along the optical axis, px (thin lens, geometric).
    pub fn blur_disc_px(&self, distance: f64) -> f64 {
        self.disc_at(1.0 / distance).abs()
    }

    /// The same by 1 ÷ distance, in which it is linear; positive behind the focus.
    fn disc_at(&self, nearness: f64) -> f64 {
        let magnification = self.focal_length / (self.focus_distance - self.focal_length);
        self.focal_length / self.f_number * magnification * (1.0 - self.focus_distance * nearness) / self.pixel_pitch
    }

    /// Nearest and farthest distance along the axis at which the blur disc is no larger than `disc_px`, m; infinity where it never is.
    pub fn depth_of_field(&self, disc_px: f64) -> [f64; 2] {
        let share = disc_px / self.disc_at(0.0);
        let far = if share >= 1.0 { f64::INFINITY } else { self.focus_distance / (1.0 - share) };
        [self.focus_distance / (1.0 + share), far]
    }

    /// Frequency above which diffraction lets nothing through, cycles per px: pitch ÷ (wavelength × f-number), the f-number as the image sees it.
    pub fn cut_off(&self) -> f64 {
        let working = self.f_number * (1.0 + self.focal_length / (self.focus_distance - self.focal_length));
        self.pixel_pitch / (self.wavelength * working)
    }
}

/// Transfer function of diffraction at a circular aperture (Goodman, Introduction to Fourier Optics, § 6.4): `frequency` and `cut_off` alike.
pub fn diffraction_mtf(frequency: f64, cut_off: f64) -> f64 {
    let nu = frequency / cut_off;
    if nu >= 1.0 { 0.0 } else { 2.0 / PI * (libm::acos(nu) - nu * (1.0 - nu * nu).sqrt()) }
}

/// Transfer function of an evenly filled disc of a diameter in px, at a frequency in cycles per px; negative where it reverses contrast.
pub fn disc_mtf(frequency: f64, diameter: f64) -> f64 {
    let x = PI * diameter * frequency;
    if x < 1e-6 { 1.0 } else { 2.0 * libm::j1(x) / x }
}

/// Transfer function of a Gaussian of standard deviation `sigma` px.
pub fn gaussian_mtf(frequency: f64, sigma: f64) -> f64 {
    libm::exp(-2.0 * (PI * sigma * frequency).powi(2))
}

/// A convolution kernel as a sum of separable parts: each a weight and a symmetric profile, middle first.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    radius: usize,
    parts: Vec<(f32, Vec<f32>)>,
}

impl Kernel {
    /// The kernel whose transfer function is `mtf` (by frequency in cycles per px) up to the Nyquist frequency in all directions, cut off beyond
    /// `radius` px, with sum 1.
    pub fn of(mtf: impl Fn(f64) -> f64, radius: usize) -> Self {
        let points = QUADRATURE.max(2 * radius + 8);
        let at = |i: usize| (i as f64 + 0.5) / (2 * points) as f64;
        let plane: Vec<f64> = (0..points * points).map(|i| mtf(at(i % points).hypot(at(i / points)))).collect();
        // The kernel is the transfer function's cosine transform, one axis after the other.
        let cosines: Vec<Vec<f64>> = (0..=radius).map(|k| (0..points).map(|i| libm::cos(2.0 * PI * k as f64 * at(i))).collect()).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let halfway: Vec<Vec<f64>> =
            cosines.iter().map(|c| plane.chunks(points).map(|row| dot(row, c) / points as f64).collect()).collect();
        let side = 2 * radius + 1;
        let mut quarter = vec![vec![0.0; radius + 1]; radius + 1];
        for (k, column) in halfway.iter().enumerate() {
            for (l, c) in cosines.iter().enumerate() {
                quarter[l][k] = dot(column, c) / points as f64;
            }
        }
        let away = |i: usize| i.abs_diff(radius);
        let full = |i: usize, j: usize| quarter[away(i)][away(j)];
        let sum: f64 = (0..side).map(|i| (0..side).map(|j| full(i, j)).sum::<f64>()).sum();
        let matrix: Vec<Vec<f64>> = (0..side).map(|i| (0..side).map(|j| full(i, j) / sum).collect()).collect();
        let mut parts = eigen(matrix);
        parts.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        let least = parts[0].0.abs() * NEGLIGIBLE;
        parts.retain(|(value, _)| value.abs() > least);
        let half = |vector: Vec<f64>| (0..=radius).map(|k| ((vector[radius + k] + vector[radius - k]) / 2.0) as f32).collect();
        let mut kernel = Self { radius, parts: parts.into_iter().map(|(value, vector)| (value as f32, half(vector))).collect() };
        // What was left out must not cost light.
        let total = kernel.response([0.0; 2]);
        kernel.parts.iter_mut().for_each(|(weight, _)| *weight /= total as f32);
        kernel
    }

    /// Its transfer function at a frequency along x and y, cycles per px.
    pub fn response(&self, frequency: [f64; 2]) -> f64 {
        let along = |profile: &[f32], f: f64| {
            let tail = |k: usize| 2.0 * f64::from(profile[k]) * libm::cos(2.0 * PI * k as f64 * f);
            f64::from(profile[0]) + (1..profile.len()).map(tail).sum::<f64>()
        };
        self.parts.iter().map(|(w, p)| f64::from(*w) * along(p, frequency[0]) * along(p, frequency[1])).sum()
    }
}

/// Eigenvalues and eigenvectors of a symmetric matrix (cyclic Jacobi rotations).
fn eigen(mut a: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    let n = a.len();
    let mut v: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..40 {
        let off: f64 = (0..n).map(|i| (0..i).map(|j| a[i][j] * a[i][j]).sum::<f64>()).sum();
        if off < 1e-18 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q].abs() < 1e-15 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in &mut a {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (c * x - s * y, s * x + c * y);
                }
                // p < q: the two rows lie on either side of the cut.
                let (head, tail) = a.split_at_mut(q);
                for (at_p, at_q) in head[p].iter_mut().zip(&mut tail[0]) {
                    (*at_p, *at_q) = (c * *at_p - s * *at_q, s * *at_p + c * *at_q);
                }
                for row in &mut v {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    (0..n).map(|i| (a[i][i], v.iter().map(|row| row[i]).collect())).collect()
}

/// A lens as it images onto one sensor: kernels for every degree of defocus, and the fall-off of light.
#[derive(Debug, Clone)]
pub struct LensImage {
    optics: Option<Optics>,
    /// By blur disc in steps of [`STEP_PX`].
    kernels: Vec<Kernel>,
    vignetting: Vignetting,
    /// Share of the light that a polariser before the lens lets through, 1 without one.
    passes: f64,
    intrinsics: Intrinsics,
    /// 1 ÷ (distance of the farthest corner from the principal point)², 1/px².
    corner: f64,
}

impl LensImage {
    /// `blur_sigma_px` is the lens's own blur, [`crate::spec::SensorSpec::blur_sigma_px`]. `distances` are the nearest and farthest that the scene can
    /// hold, m: kernels are made for those.
    pub fn new(lens: &LensSpec, blur_sigma_px: f64, intrinsics: &Intrinsics, distances: [f64; 2]) -> Self {
        let most = lens.optics.map_or(0.0, |o| {
            let ends = distances.map(|d| o.disc_at(1.0 / d).abs());
            ends[0].max(ends[1]).min(LARGEST_PX)
        });
        let kernel = |level: usize| {
            let disc = level as f64 * STEP_PX;
            let cut_off = lens.optics.map(|o| o.cut_off());
            let mtf = |f: f64| cut_off.map_or(1.0, |c| diffraction_mtf(f, c)) * disc_mtf(f, disc) * gaussian_mtf(f, blur_sigma_px);
            let skirt = cut_off.map_or(SKIRT, |c| (2.0 * SKIRT / c).clamp(SKIRT, LARGEST_SKIRT));
            Kernel::of(mtf, (disc / 2.0 + 3.0 * blur_sigma_px + skirt).ceil() as usize)
        };
        let levels = (most / STEP_PX).ceil() as usize;
        let [cx, cy] = intrinsics.principal_px;
        let [w, h] = intrinsics.size_px.map(|n| f64::from(n) - 1.0);
        let corner = cx.max(w - cx).powi(2) + cy.max(h - cy).powi(2);
        Self {
            optics: lens.optics,
            kernels: (0..=levels).into_par_iter().map(kernel).collect(),
            vignetting: lens.vignetting,
            passes: if lens.analyser { ANALYSER_PASSES } else { 1.0 },
            intrinsics: *intrinsics,
            corner: 1.0 / corner.max(1.0),
        }
    }

    /// Whether it needs to know how far away things are.
    pub fn needs_depth(&self) -> bool {
        self.kernels.len() > 1
    }

    /// Relative illumination of a pixel.
    pub fn illumination(&self, x: f64, y: f64) -> f64 {
        let i = &self.intrinsics;
        let (dx, dy) = (x - i.principal_px[0], y - i.principal_px[1]);
        let tangent = (dx / i.focal_px[0]).powi(2) + (dy / i.focal_px[1]).powi(2);
        let r2 = (dx * dx + dy * dy) * self.corner;
        let [a, b, c] = self.vignetting.radial;
        let natural = if self.vignetting.cosine_power == 0.0 { 1.0 } else { libm::pow(1.0 + tangent, -self.vignetting.cosine_power / 2.0) };
        self.passes * natural * (1.0 + r2 * (a + r2 * (b + r2 * c))).max(0.0)
    }

    /// The picture on the sensor: `radiance` (row by row, `width` px each) blurred by what the optics do at each pixel's distance, and dimmed towards
    /// the corners. `nearness` is 1 ÷ distance by pixel, where [`LensImage::needs_depth`].
    ///
    /// Each pixel gathers with the kernel of its own distance: blur does not spill over the edge of something nearer that is sharp.
    pub fn image(&self, radiance: &[f32], nearness: Option<&[f32]>, width: usize) -> Vec<f32> {
        let height = radiance.len() / width.max(1);
        let mut image = vec![0.0f32; radiance.len()];
        let nearness = nearness.filter(|n| self.needs_depth() && n.len() == radiance.len());
        image.par_chunks_mut(TILE[1] * width.max(1)).enumerate().for_each(|(band, out)| {
            let mut tile = Scratch::default();
            let rows = out.len() / width;
            for first in (0..width).step_by(TILE[0]) {
                let place = Place { x: first, y: band * TILE[1], columns: TILE[0].min(width - first), rows };
                self.tile(radiance, nearness, [width, height], &place, &mut tile, out);
            }
            if self.vignetting != Vignetting::default() {
                for (i, value) in out.iter_mut().enumerate() {
                    *value *= self.illumination((i % width) as f64, (band * TILE[1] + i / width) as f64) as f32;
                }
            }
        });
        image
    }

    fn level(&self, nearness: f32) -> usize {
        let disc = self.optics.map_or(0.0, |o| o.disc_at(f64::from(nearness)).abs());
        ((disc / STEP_PX).round() as usize).min(self.kernels.len() - 1)
    }

    fn tile(&self, from: &[f32], nearness: Option<&[f32]>, size: [usize; 2], at: &Place, scratch: &mut Scratch, out: &mut [f32]) {
        let width = size[0];
        let Some(nearness) = nearness else {
            scratch.convolve(from, size, at, &self.kernels[0]);
            for (y, row) in scratch.sum.chunks(at.columns).enumerate() {
                out[y * width + at.x..][..at.columns].copy_from_slice(row);
            }
            return;
        };
        let mut levels = std::mem::take(&mut scratch.levels);
        levels.clear();
        for y in 0..at.rows {
            levels.extend(nearness[(at.y + y) * width + at.x..][..at.columns].iter().map(|n| self.level(*n)));
        }
        let mut wanted = vec![false; self.kernels.len()];
        levels.iter().for_each(|l| wanted[*l] = true);
        for (level, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
            scratch.convolve(from, size, at, &self.kernels[level]);
            for (i, (own, value)) in levels.iter().zip(&scratch.sum).enumerate() {
                if *own == level {
                    out[(i / at.columns) * width + at.x + i % at.columns] = *value;
                }
            }
        }
        scratch.levels = levels;
    }
}

/// A tile of a picture.
struct Place {
    x: usize,
    y: usize,
    columns: usize,
    rows: usize,
}

/// Buffers that tiles share.
#[derive(Default)]
struct Scratch {
    levels: Vec<usize>,
    source: Vec<f32>,
    across: Vec<f32>,
    sum: Vec<f32>,
}

impl Scratch {
    /// Convolves a tile into `self.sum`; beyond its edges the picture goes on with its last values.
    fn convolve(&mut self, from: &[f32], [width, height]: [usize; 2], at: &Place, kernel: &Kernel) {
        let r = kernel.radius;
        let (wide, tall) = (at.columns + 2 * r, at.rows + 2 * r);
        self.source.clear();
        for y in 0..tall {
            let row = &from[(at.y + y).saturating_sub(r).min(height - 1) * width..][..width];
            if at.x >= r && at.x + at.columns + r <= width {
                self.source.extend_from_slice(&row[at.x - r..][..wide]);
            } else {
                self.source.extend((0..wide).map(|x| row[(at.x + x).saturating_sub(r).min(width - 1)]));
            }
        }
        self.sum.clear();
        self.sum.resize(at.columns * at.rows, 0.0);
        for (weight, profile) in &kernel.parts {
            self.across.clear();
            self.across.resize(at.columns * tall, 0.0);
            for (to, row) in self.across.chunks_mut(at.columns).zip(self.source.chunks(wide)) {
                for (k, p) in profile.iter().enumerate() {
                    add(to, &row[r - k..], *p);
                    if k > 0 {
                        add(to, &row[r + k..], *p);
                    }
                }
            }
            for (y, to) in self.sum.chunks_mut(at.columns).enumerate() {
                for (k, p) in profile.iter().enumerate() {
                    add(to, &self.across[(y + r - k) * at.columns..], weight * p);
                    if k > 0 {
                        add(to, &self.across[(y + r + k) * at.columns..], weight * p);
                    }
                }
            }
        }
    }
}

fn add(to: &mut [f32], from: &[f32], weight: f32) {
    for (sum, value) in to.iter_mut().zip(from) {
        *sum += weight * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn optics() -> Optics {
        Optics { focal_length: 25e-3, f_number: 8.0, focus_distance: 0.6, pixel_pitch: 3.45e-6, wavelength: 525e-9 }
    }

    #[test]
    fn the_blur_disc_is_that_of_a_thin_lens() {
        let o = optics();
        assert_eq!(o.blur_disc_px(0.6), 0.0);
        // By similar triangles: pupil 3.125 mm; the image of 0.5 m lies at 25·500/475 mm, that of 0.6 m at 25·600/575 mm.
        let (focused, image) = (25.0 * 600.0 / 575.0, 25.0 * 500.0 / 475.0);
        let disc_mm = 3.125 * (image - focused) / image;
        assert!((o.blur_disc_px(0.5) - disc_mm / 3.45e-3).abs() < 1e-9);
        for end in o.depth_of_field(2.0) {
            assert!((o.blur_disc_px(end) - 2.0).abs() < 1e-9);
        }
        assert_eq!(Optics { f_number: 1e6, ..o }.depth_of_field(2.0)[1], f64::INFINITY);
    }

    #[test]
    fn kernels_have_the_optics_transfer_function_up_to_nyquist() {
        let lens = LensSpec { optics: Some(optics()), ..LensSpec::default() };
        let mut worst: f64 = 0.0;
        for sigma in [0.0, 0.3, 0.5, 0.8] {
            let image = LensImage::new(&lens, sigma, &Intrinsics::pinhole(100, 100, 1000.0), [0.4, 0.9]);
            assert!(image.needs_depth());
            for (level, kernel) in image.kernels.iter().enumerate() {
                for step in 0..=40 {
                    let f = f64::from(step) / 80.0;
                    for direction in [0.0, 22.5f64, 45.0] {
                        let (sin, cos) = direction.to_radians().sin_cos();
                        let wanted = diffraction_mtf(f, optics().cut_off()) * disc_mtf(f, level as f64 * STEP_PX) * gaussian_mtf(f, sigma);
                        let error = (kernel.response([f * cos, f * sin]) - wanted).abs();
                        worst = worst.max(error);
                        assert!(
                            error < 0.02,
                            "σ {sigma}, disc {} px, {f} cycles/px at {direction}°: off by {error}",
                            level as f64 * STEP_PX
                        );
                    }
                }
            }
        }
        println!("largest error of a transfer function: {worst:.4}");
    }

    #[test]
    fn blur_keeps_light_and_follows_depth() {
        let lens = LensSpec { optics: Some(optics()), ..LensSpec::default() };
        let (w, h) = (130, 70);
        let image = LensImage::new(&lens, 0.0, &Intrinsics::pinhole(w as u32, h as u32, 1000.0), [0.4, 0.9]);
        let flat = image.image(&vec![0.7; w * h], Some(&vec![1.0 / 0.5; w * h]), w);
        assert!(flat.iter().all(|v| (v - 0.7).abs() < 1e-4));
        let mut point = vec![0.0; w * h];
        point[35 * w + 95] = 1.0;
        // Half of the picture sharp, half of it 0.1 m in front of the focus.
        let width_of = |distance: f32| {
            let out = image.image(&point, Some(&vec![1.0 / distance; w * h]), w);
            let sum: f32 = out.iter().sum();
            assert!((sum - 1.0).abs() < 1e-3, "{sum}");
            out[35 * w + 95]
        };
        assert!(width_of(0.6) > 0.25 && width_of(0.5) < 0.1 * width_of(0.6), "{} and {}", width_of(0.6), width_of(0.5));
    }

    #[test]
    fn light_falls_off_as_the_cosines_fourth_power() {
        let lens = LensSpec { optics: None, vignetting: Vignetting { cosine_power: 4.0, radial: [-0.1, 0.0, 0.0] }, analyser: false };
        let intrinsics = Intrinsics::pinhole(401, 301, 400.0);
        let image = LensImage::new(&lens, 0.0, &intrinsics, [0.4, 0.9]);
        assert!(!image.needs_depth());
        let out = image.image(&vec![1.0; 401 * 301], None, 401);
        let at = |x: usize, y: usize| f64::from(out[y * 401 + x]);
        assert!((at(200, 150) - 1.0).abs() < 1e-5);
        // The corner is 250 px out: cos² = 1/(1 + (250/400)²).
        let cos2 = 1.0 / (1.0 + (250.0f64 / 400.0).powi(2));
        assert!((at(0, 0) - cos2 * cos2 * 0.9).abs() < 1e-4, "{}", at(0, 0));
        let cos2 = 1.0 / (1.0 + (200.0f64 / 400.0).powi(2));
        assert!((at(400, 150) - cos2 * cos2 * (1.0 - 0.1 * 0.64)).abs() < 1e-4);
    }
}
