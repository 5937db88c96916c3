//! A renderer of its own for the vision tests: printed cartons, area-sampled, blurred, noisy. It shares no code with what it tests.

#![allow(dead_code)] // Each test file uses its part of it.
#![allow(clippy::unwrap_used, clippy::too_many_arguments)] // A test that cannot draw its picture has failed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Random numbers from one seed and a purpose.
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(purpose.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)));
        Self(rng)
    }

    /// Uniform in [lo, hi).
    pub fn real(&mut self, lo: f64, hi: f64) -> f64 {
        lo + (hi - lo) * (self.0.next_u32() as f64 / 4_294_967_296.0)
    }

    pub fn int(&mut self, n: u32) -> u32 {
        (self.real(0.0, f64::from(n)) as u32).min(n - 1)
    }

    pub fn digits(&mut self, n: usize) -> String {
        (0..n).map(|_| char::from(b'0' + self.int(10) as u8)).collect()
    }

    /// A traceability code.
    pub fn trace(&mut self) -> String {
        format!("8{}", self.digits(19))
    }

    /// A retail code with a valid check digit.
    pub fn retail(&mut self) -> String {
        let body = format!("69{}", self.digits(10));
        let sum: u32 = body.bytes().enumerate().map(|(i, b)| u32::from(b - b'0') * if i % 2 == 0 { 1 } else { 3 }).sum();
        format!("{body}{}", (10 - sum % 10) % 10)
    }

    /// Two independent draws from the standard normal distribution (Box and Muller).
    pub fn normal_pair(&mut self) -> (f64, f64) {
        let (u, v) = (self.real(1e-9, 1.0), self.real(0.0, std::f64::consts::TAU));
        let r = (-2.0 * u.ln()).sqrt();
        (r * v.cos(), r * v.sin())
    }
}

const CODE128: &str = "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122 123221 \
223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311 \
211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 \
314111 221411 431111 111224 111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 111242 \
121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 \
411131 211412 211214 211232";

/// Appends elements of these widths, in modules, beginning with a bar (true) or a space.
pub fn dark(widths: &str, mut bar: bool, out: &mut Vec<bool>) {
    for w in widths.bytes() {
        out.extend(std::iter::repeat_n(bar, usize::from(w - b'0')));
        bar = !bar;
    }
}

/// Modules of a Code 128 in code set C, dark is true.
pub fn code128(digits: &str) -> Vec<bool> {
    let mut values = vec![105usize];
    values.extend((0..digits.len() / 2).map(|i| digits[2 * i..2 * i + 2].parse::<usize>().unwrap()));
    code128_of(&values)
}

/// Modules of a Code 128 whose start and characters have these values; the check character and the stop are added.
pub fn code128_of(values: &[usize]) -> Vec<bool> {
    let table: Vec<&str> = CODE128.split_whitespace().collect();
    let check = values.iter().enumerate().map(|(i, v)| i.max(1) * v).sum::<usize>() % 103;
    let mut modules = Vec::new();
    for v in values.iter().copied().chain([check]) {
        dark(table[v], true, &mut modules);
    }
    dark("2331112", true, &mut modules);
    modules
}

/// Modules of an EAN-13.
pub fn ean13(digits: &str) -> Vec<bool> {
    const L: [&str; 10] = ["3211", "2221", "2122", "1411", "1132", "1231", "1114", "1312", "1213", "3112"];
    const FIRST: [&str; 10] = ["LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL"];
    let d: Vec<usize> = digits.bytes().map(|b| usize::from(b - b'0')).collect();
    let mut modules = vec![true, false, true];
    for (i, set) in FIRST[d[0]].chars().enumerate() {
        let w: String = if set == 'G' { L[d[i + 1]].chars().rev().collect() } else { L[d[i + 1]].into() };
        dark(&w, false, &mut modules);
    }
    modules.extend([false, true, false, true, false]);
    for &v in &d[7..] {
        dark(L[v], true, &mut modules);
    }
    modules.extend([true, false, true]);
    modules
}

/// A flat print, `FINE` texels per module.
pub struct Print {
    width: usize,
    height: usize,
    texels: Vec<u8>,
    /// Symbols on it: text, whether it is a traceability code, corners in modules from the print's centre, modules.
    pub symbols: Vec<(String, bool, [[f64; 2]; 4], usize)>,
}

const FINE: usize = 8;

impl Print {
    /// An empty print of so many modules, of a reflectance in percent.
    pub fn new(width: usize, height: usize, paper: u8) -> Self {
        Self { width: width * FINE, height: height * FINE, texels: vec![paper; width * FINE * height * FINE], symbols: Vec::new() }
    }

    /// A rectangle from (x, y), in modules from the top-left corner.
    pub fn fill(&mut self, x: f64, y: f64, w: f64, h: f64, value: u8) {
        let clip = |v: f64, n: usize| (v * FINE as f64).round().clamp(0.0, n as f64) as usize;
        let (x0, x1) = (clip(x, self.width), clip(x + w, self.width));
        for row in clip(y, self.height)..clip(y + h, self.height) {
            self.texels[row * self.width + x0..row * self.width + x1].fill(value);
        }
    }

    /// A linear symbol with its quiet zone; (x, y) is the top-left corner of its first bar.
    pub fn linear(&mut self, x: f64, y: f64, h: f64, modules: &[bool], text: &str, trace: bool, ink: u8, paper: u8) {
        let n = modules.len();
        self.fill(x - 10.0, y - 4.0, n as f64 + 20.0, h + 8.0, paper);
        for (i, _) in modules.iter().enumerate().filter(|(_, d)| **d) {
            self.fill(x + i as f64, y, 1.0, h, ink);
        }
        let (ox, oy) = (self.width as f64 / FINE as f64 / 2.0, self.height as f64 / FINE as f64 / 2.0);
        let (l, r, t, b) = (x - ox, x + n as f64 - ox, y - oy, y + h - oy);
        self.symbols.push((text.into(), trace, [[l, t], [r, t], [r, b], [l, b]], n));
    }

    /// Something like a line of text.
    pub fn text(&mut self, dice: &mut Dice, x: f64, y: f64, length: f64, size: f64, ink: u8) {
        let mut at = x;
        while at < x + length {
            let w = size * dice.real(0.35, 0.6);
            let stroke = (size * 0.14).max(0.5);
            for _ in 0..3 {
                match dice.int(3) {
                    0 => self.fill(at + dice.real(0.0, w - stroke), y, stroke, size, ink),
                    1 => self.fill(at, y + dice.real(0.0, size - stroke), w, stroke, ink),
                    _ => self.fill(at + dice.real(0.0, w - stroke), y + size * 0.4, stroke, size * 0.6, ink),
                }
            }
            at += w + size * 0.2;
        }
    }

    /// A carton's face: the traceability code somewhere on it, perhaps a retail code, text and bands.
    pub fn carton(dice: &mut Dice, height: f64, with_retail: bool) -> Self {
        let board = 70 + dice.int(20) as u8;
        let mut p = Self::new(260, 170, board);
        p.fill(0.0, dice.real(0.0, 20.0), 260.0, dice.real(8.0, 18.0), 20 + dice.int(50) as u8);
        for i in 0..4 {
            let size = dice.real(5.0, 11.0);
            let (x, length) = (dice.real(4.0, 60.0), dice.real(60.0, 180.0));
            p.text(dice, x, 40.0 + f64::from(i) * 13.0, length, size, 15);
        }
        let retail = dice.retail();
        let (x, y) = (dice.real(135.0, 150.0), dice.real(36.0, 42.0));
        if with_retail {
            p.linear(x, y, 40.0, &ean13(&retail), &retail, false, 12, 85);
        }
        let trace = dice.trace();
        // Reflectances 10 % and 80 %: a contrast of 0.7 of full scale.
        let x = dice.real(20.0, 95.0);
        p.linear(x, 98.0, height, &code128(&trace), &trace, true, 10, 80);
        p.fill(x - 10.0, 98.0 + height + 2.0, 165.0, 14.0, 80);
        p.text(dice, x + 8.0, 98.0 + height + 3.0, 128.0, 8.0, 12);
        p
    }
}

/// How a print lies in the picture.
#[derive(Debug, Clone, Copy)]
pub struct Pose {
    pub centre: [f64; 2],
    pub px_per_module: f64,
    /// Yaw in the picture and tilt about an axis in the picture's plane, radians.
    pub yaw: f64,
    pub tilt: f64,
    pub tilt_axis: f64,
    /// Distance of the eye, px; infinity for none.
    pub distance: f64,
}

impl Pose {
    /// A print's point (modules from its centre) in the picture.
    pub fn project(&self, p: [f64; 2]) -> [f64; 2] {
        let (x, y) = (p[0] * self.px_per_module, p[1] * self.px_per_module);
        let (s, c) = self.yaw.sin_cos();
        let (x, y) = (c * x - s * y, s * x + c * y);
        let (s, c) = self.tilt_axis.sin_cos();
        let (along, across) = (c * x + s * y, -s * x + c * y);
        let (flat, depth) = (across * self.tilt.cos(), across * self.tilt.sin());
        let k = if self.distance.is_finite() { self.distance / (self.distance + depth) } else { 1.0 };
        let (along, flat) = (along * k, flat * k);
        [self.centre[0] + c * along - s * flat, self.centre[1] + s * along + c * flat]
    }

    /// The inverse.
    fn unproject(&self, p: [f64; 2]) -> [f64; 2] {
        let (x, y) = (p[0] - self.centre[0], p[1] - self.centre[1]);
        let (s, c) = self.tilt_axis.sin_cos();
        let (along, flat) = (c * x + s * y, -s * x + c * y);
        // flat = across·cos·k, k = d/(d + across·sin).
        let across = if self.distance.is_finite() {
            flat * self.distance / (self.tilt.cos() * self.distance - flat * self.tilt.sin())
        } else {
            flat / self.tilt.cos()
        };
        let k = if self.distance.is_finite() { self.distance / (self.distance + across * self.tilt.sin()) } else { 1.0 };
        let along = along / k;
        let (x, y) = (c * along - s * across, s * along + c * across);
        let (s, c) = self.yaw.sin_cos();
        [(c * x + s * y) / self.px_per_module, (-s * x + c * y) / self.px_per_module]
    }
}

/// A symbol as it is in the picture.
#[derive(Debug, Clone)]
pub struct Truth {
    pub text: String,
    pub trace: bool,
    pub corners: [[f64; 2]; 4],
    pub px_per_module: f64,
}

/// A picture in the making: radiance 0 to 1.
pub struct Scene {
    pub width: usize,
    pub height: usize,
    data: Vec<f32>,
    pub truths: Vec<Truth>,
}

impl Scene {
    pub fn new(width: usize, height: usize, background: f32) -> Self {
        Self { width, height, data: vec![background; width * height], truths: Vec::new() }
    }

    /// Lays a print into the picture, each pixel the mean of 6×6 places of it.
    pub fn lay(&mut self, print: &Print, pose: &Pose) {
        let (hw, hh) = (print.width as f64 / FINE as f64 / 2.0, print.height as f64 / FINE as f64 / 2.0);
        let outline = [[-hw, -hh], [hw, -hh], [hw, hh], [-hw, hh]].map(|p| pose.project(p));
        let range = |k: usize, n: usize| {
            let lo = outline.iter().map(|p| p[k]).fold(f64::MAX, f64::min).floor().clamp(0.0, n as f64) as usize;
            let hi = (outline.iter().map(|p| p[k]).fold(f64::MIN, f64::max).ceil() + 1.0).clamp(0.0, n as f64) as usize;
            lo..hi
        };
        const N: usize = 6;
        for y in range(1, self.height) {
            for x in range(0, self.width) {
                let (mut sum, mut hits) = (0u32, 0u32);
                for i in 0..N * N {
                    let sub = |j: usize| (j as f64 + 0.5) / N as f64 - 0.5;
                    let [u, v] = pose.unproject([x as f64 + sub(i % N), y as f64 + sub(i / N)]);
                    let (tx, ty) = ((u + hw) * FINE as f64, (v + hh) * FINE as f64);
                    if tx >= 0.0 && ty >= 0.0 && (tx as usize) < print.width && (ty as usize) < print.height {
                        sum += u32::from(print.texels[ty as usize * print.width + tx as usize]);
                        hits += 1;
                    }
                }
                let old = &mut self.data[y * self.width + x];
                *old = (sum as f32 / 100.0 + *old * (N * N) as f32 - *old * hits as f32) / (N * N) as f32;
            }
        }
        for (text, trace, corners, modules) in &print.symbols {
            let c = corners.map(|p| pose.project(p));
            // The smallest module: at the ends, where perspective is strongest, over both edges.
            let step = (corners[1][0] - corners[0][0]) / *modules as f64;
            let mut smallest = f64::MAX;
            for (edge, along) in [(corners[0], step), (corners[1], -step), (corners[3], step), (corners[2], -step)] {
                let (p, q) = (pose.project(edge), pose.project([edge[0] + along, edge[1]]));
                smallest = smallest.min((p[0] - q[0]).hypot(p[1] - q[1]));
            }
            self.truths.push(Truth { text: text.clone(), trace: *trace, corners: c, px_per_module: smallest });
        }
    }

    /// What a camera makes of it: Gaussian blur (σ in px), uneven light, noise (share of full scale, at white), 8 bit.
    pub fn photograph(&self, dice: &mut Dice, blur: f64, noise: f64) -> image::GrayImage {
        let (w, h) = (self.width, self.height);
        let reach = (3.0 * blur).ceil() as usize;
        let mut kernel: Vec<f32> =
            (0..=2 * reach).map(|i| (-0.5 * ((i as f64 - reach as f64) / blur.max(1e-3)).powi(2)).exp() as f32).collect();
        let total: f32 = kernel.iter().sum();
        kernel.iter_mut().for_each(|k| *k /= total);
        let mut rows = vec![0f32; w * h];
        let mut padded = vec![0f32; w + 2 * reach];
        for y in 0..h {
            let row = &self.data[y * w..(y + 1) * w];
            for (i, p) in padded.iter_mut().enumerate() {
                *p = row[(i as isize - reach as isize).clamp(0, w as isize - 1) as usize];
            }
            for x in 0..w {
                rows[y * w + x] = kernel.iter().zip(&padded[x..]).map(|(k, v)| k * v).sum();
            }
        }
        let mut out = vec![0u8; w * h];
        let mut line = vec![0f32; w];
        for y in 0..h {
            line.fill(0.0);
            for (i, k) in kernel.iter().enumerate() {
                let source = (y as isize + i as isize - reach as isize).clamp(0, h as isize - 1) as usize;
                for (l, v) in line.iter_mut().zip(&rows[source * w..(source + 1) * w]) {
                    *l += k * v;
                }
            }
            for x in (0..w).step_by(2) {
                let (a, b) = dice.normal_pair();
                for (i, n) in [(x, a), (x + 1, b)] {
                    if i < w {
                        let (dx, dy) = (i as f32 / w as f32 - 0.5, y as f32 / h as f32 - 0.5);
                        let light = 1.0 - 0.5 * (dx * dx + dy * dy);
                        // Shot noise dominates: its variance goes with the signal.
                        let signal = line[i] * light;
                        let sigma = noise as f32 * (0.15 + 0.85 * signal).sqrt();
                        out[y * w + i] = ((signal + sigma * n as f32) * 255.0).round().clamp(0.0, 255.0) as u8;
                    }
                }
            }
        }
        image::GrayImage::from_raw(w as u32, h as u32, out).unwrap()
    }
}

/// Twenty cartons at random yaw on a dark plate, on a grid of cells, seen from above or obliquely.
pub fn station(seed: u64, width: usize, height: usize, grid: (usize, usize), px_per_module: (f64, f64), tilt: f64) -> Scene {
    station_of(seed, [width, height], grid, px_per_module, tilt, true)
}

/// The same, with or without a retail code on each carton besides its traceability code.
pub fn station_of(
    seed: u64,
    [width, height]: [usize; 2],
    grid: (usize, usize),
    px_per_module: (f64, f64),
    tilt: f64,
    with_retail: bool,
) -> Scene {
    let mut dice = Dice::new(seed, "station");
    let mut scene = Scene::new(width, height, 0.25);
    let (cw, ch) = (width as f64 / grid.0 as f64, height as f64 / grid.1 as f64);
    for i in 0..grid.0 * grid.1 {
        let bars = dice.real(32.0, 46.0);
        let print = Print::carton(&mut dice, bars, with_retail);
        let pose = Pose {
            centre: [
                (i % grid.0) as f64 * cw + cw / 2.0 + dice.real(-9.0, 9.0),
                (i / grid.0) as f64 * ch + ch / 2.0 + dice.real(-9.0, 9.0),
            ],
            px_per_module: dice.real(px_per_module.0, px_per_module.1),
            yaw: dice.real(0.0, std::f64::consts::TAU),
            tilt: dice.real(0.0, tilt.max(1e-9)),
            tilt_axis: dice.real(0.0, std::f64::consts::PI),
            distance: 4000.0,
        };
        scene.lay(&print, &pose);
    }
    scene
}
