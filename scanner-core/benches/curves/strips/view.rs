//! How a label is seen: paper flat or bent around a cylinder, tilted, in perspective, turned in the picture; through a lens out of focus.

use super::label::Label;

/// Samples per pixel and direction.
const FINE: usize = 3;

/// Which way paper is bent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Axis {
    /// Bars stay straight; modules at both ends are seen aslant.
    #[default]
    AlongBars,
    /// Bars run around the cylinder.
    AcrossBars,
}

/// A label's pose. The scale follows from the wanted px per module.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pose {
    /// Smallest projected length of a module along the code, px.
    pub px_per_module: f64,
    /// Turn in the picture, radians.
    pub yaw: f64,
    /// Angle between the label's normal and the optical axis, radians, and direction of the axis of that turn in the label's plane.
    pub tilt: f64,
    /// See `tilt`.
    pub tilt_axis: f64,
    /// Curvature, 1/module; 0 is flat.
    pub curvature: f64,
    /// Axis of the curvature.
    pub axis: Axis,
    /// Distance of the camera from the label's middle, modules.
    pub distance: f64,
    /// Where in a pixel the label's middle lies, px.
    pub phase: [f64; 2],
}

/// A label in a picture.
pub struct View {
    pose: Pose,
    /// Middle of the symbol: modules ÷ 2.
    half: f64,
    /// px per module in the middle, square to the optical axis.
    scale: f64,
    /// Rows: axes of the camera in the label's frame.
    turn: [[f64; 3]; 3],
    centre: [f64; 2],
    /// The picture's size, px.
    pub size: [usize; 2],
}

impl View {
    /// Lays a label into a picture that shows it with its quiet zones and some of what is printed around it.
    pub fn new(label: &Label, pose: Pose) -> Self {
        let half = label.size[0] / 2.0;
        let (st, ct) = pose.tilt.sin_cos();
        let (sa, ca) = pose.tilt_axis.sin_cos();
        // Rodrigues' formula for a turn by `tilt` about (ca, sa, 0).
        let turn = [
            [ct + ca * ca * (1.0 - ct), ca * sa * (1.0 - ct), sa * st],
            [ca * sa * (1.0 - ct), ct + sa * sa * (1.0 - ct), -ca * st],
            [-sa * st, ca * st, ct],
        ];
        let mut view = Self { pose, half, scale: 1.0, turn, centre: [0.0; 2], size: [0, 0] };
        let edge = label.size[1] / 2.0;
        let module = |i: usize, v: f64| {
            let (p, q) = (view.project(i as f64, v), view.project(i as f64 + 1.0, v));
            (p[0] - q[0]).hypot(p[1] - q[1])
        };
        let ends = [-edge, edge];
        let smallest = ends.iter().flat_map(|v| (0..label.size[0] as usize).map(|i| module(i, *v))).fold(f64::MAX, f64::min);
        view.scale = pose.px_per_module / smallest;
        let around = [[-14.0, -edge - 5.0], [2.0 * half + 14.0, -edge - 5.0], [2.0 * half + 14.0, edge + 9.0], [-14.0, edge + 9.0]];
        let seen = around.map(|[u, v]| view.project(u, v));
        for k in 0..2 {
            let (lo, hi) = seen.iter().fold((f64::MAX, f64::MIN), |(lo, hi), p| (lo.min(p[k]), hi.max(p[k])));
            view.size[k] = (hi - lo).ceil() as usize + 12;
            view.centre[k] = (6.0 - lo).floor() + pose.phase[k];
        }
        view
    }

    /// Where (u, v) of the label is seen.
    pub fn project(&self, u: f64, v: f64) -> [f64; 2] {
        let k = self.pose.curvature;
        let bent = |s: f64| if k == 0.0 { (s, 0.0) } else { ((k * s).sin() / k, (1.0 - (k * s).cos()) / k) };
        let (x, y, z) = match self.pose.axis {
            Axis::AlongBars => {
                let (x, z) = bent(u - self.half);
                (x, v, z)
            }
            Axis::AcrossBars => {
                let (y, z) = bent(v);
                (u - self.half, y, z)
            }
        };
        let [x, y, z] = self.turn.map(|row| row[0] * x + row[1] * y + row[2] * z);
        let near = self.scale * self.pose.distance / (self.pose.distance + z);
        let (s, c) = self.pose.yaw.sin_cos();
        [self.centre[0] + near * (c * x - s * y), self.centre[1] + near * (s * x + c * y)]
    }

    /// What (u, v) is seen at a pixel; `None` beyond a cylinder's contour.
    pub fn unproject(&self, p: [f64; 2]) -> Option<[f64; 2]> {
        let (dx, dy) = ((p[0] - self.centre[0]) / self.scale, (p[1] - self.centre[1]) / self.scale);
        let (s, c) = self.pose.yaw.sin_cos();
        let far = self.pose.distance;
        let back = |q: [f64; 3]| [0, 1, 2].map(|k| (0..3).map(|i| self.turn[i][k] * q[i]).sum::<f64>());
        let (from, ray) = (back([0.0, 0.0, -far]), back([c * dx + s * dy, c * dy - s * dx, far]));
        // The cylinder k·(w² + z²) = 2z, w across its axis; the plane z = 0 for k = 0.
        let (across, along) = match self.pose.axis {
            Axis::AlongBars => (0, 1),
            Axis::AcrossBars => (1, 0),
        };
        let k = self.pose.curvature;
        let a = k * (ray[across].powi(2) + ray[2].powi(2));
        let b = k * (from[across] * ray[across] + from[2] * ray[2]) - ray[2];
        let c = k * (from[across].powi(2) + from[2].powi(2)) - 2.0 * from[2];
        let root = b * b - a * c;
        if root < 0.0 {
            return None;
        }
        let t = c / (root.sqrt() - b);
        let at = |i: usize| from[i] + t * ray[i];
        let w = if k == 0.0 { at(across) } else { (k * at(across)).atan2(1.0 - k * at(2)) / k };
        Some(match self.pose.axis {
            Axis::AlongBars => [w + self.half, at(along)],
            Axis::AcrossBars => [at(along) + self.half, w],
        })
    }

    /// Largest angle between the line of sight and the label's normal over the code, radians.
    pub fn incidence(&self, height: f64) -> f64 {
        let k = self.pose.curvature;
        let places = [(0.0, 0.0), (self.half, 0.0), (2.0 * self.half, 0.0), (self.half, -height / 2.0), (self.half, height / 2.0)];
        let angle = |(u, v): (f64, f64)| {
            let turned = match self.pose.axis {
                Axis::AlongBars => k * (u - self.half),
                Axis::AcrossBars => k * v,
            };
            let (s, c) = turned.sin_cos();
            let normal = match self.pose.axis {
                Axis::AlongBars => [s, 0.0, -c],
                Axis::AcrossBars => [0.0, s, -c],
            };
            // The camera is far away against the label's size; the optical axis is the third row.
            let cosine = -(0..3).map(|i| self.turn[2][i] * normal[i]).sum::<f64>();
            cosine.clamp(-1.0, 1.0).acos()
        };
        places.into_iter().map(angle).fold(0.0, f64::max)
    }

    /// Ink per pixel, row by row: the mean over the pixel's square and over the disc of `radius` px that a lens out of focus makes of a point.
    pub fn draw(&self, label: &Label, radius: f64) -> Vec<f32> {
        let kernel = Kernel::new(radius);
        let pad = kernel.half.div_ceil(FINE) + 1;
        let [w, h] = self.size.map(|n| n + 2 * pad);
        // Fine samples by their place in the pixel's row, so that a row's pixels lie side by side.
        let mut fine = vec![0.0f32; FINE * w * FINE * h];
        let corner = |x: usize, y: usize| {
            let at = self.unproject([x as f64 - pad as f64 - 0.5, y as f64 - pad as f64 - 0.5]);
            at.unwrap_or([1e6, 1e6])
        };
        let mut above: Vec<[f64; 2]> = (0..=w).map(|x| corner(x, 0)).collect();
        for y in 0..h {
            let below: Vec<[f64; 2]> = (0..=w).map(|x| corner(x, y + 1)).collect();
            for x in 0..w {
                let [a, b, c, d] = [above[x], above[x + 1], below[x], below[x + 1]];
                let slope = [(b[0] - a[0] + d[0] - c[0]) / 2.0, (c[0] - a[0] + d[0] - b[0]) / 2.0];
                let width = slope[0].hypot(slope[1]) / FINE as f64;
                for i in 0..FINE {
                    let t = (i as f64 + 0.5) / FINE as f64;
                    let [left, right] = [(a, c), (b, d)].map(|(p, q)| [p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]);
                    for j in 0..FINE {
                        let t = (j as f64 + 0.5) / FINE as f64;
                        let (u, v) = (left[0] + t * (right[0] - left[0]), left[1] + t * (right[1] - left[1]));
                        fine[((y * FINE + i) * FINE + j) * w + x] = label.ink(u, v, width);
                    }
                }
            }
            above = below;
        }
        let [width, height] = self.size;
        let mut out = vec![0.0f32; width * height];
        for (y, row) in out.chunks_exact_mut(width).enumerate() {
            for (k, weight) in kernel.weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                let n = 2 * kernel.half + 1;
                // The pixel's middle sample is the second of three.
                let fy = (y + pad) * FINE + 1 + k / n - kernel.half;
                let fx = pad * FINE + 1 + k % n - kernel.half;
                let source = &fine[(fy * FINE + fx % FINE) * w + fx / FINE..];
                row.iter_mut().zip(source).for_each(|(sum, ink)| *sum += weight * ink);
            }
        }
        out
    }
}

/// The pixel's square and the lens's disc together, in fine samples.
struct Kernel {
    half: usize,
    weights: Vec<f32>,
}

impl Kernel {
    fn new(radius: f64) -> Self {
        let reach = (radius * FINE as f64).ceil() as isize;
        let n = 2 * reach + 1;
        // Share of each cell that the disc covers, by 9 × 9 points.
        const POINTS: i32 = 9;
        let covered = |i: isize, j: isize| {
            let inside = |k: i32| {
                let at = |c: isize, k: i32| c as f64 + (f64::from(k) + 0.5) / f64::from(POINTS) - 0.5;
                at(i, k % POINTS).hypot(at(j, k / POINTS)) <= radius * FINE as f64
            };
            if radius < 0.02 { f64::from(u8::from(i == 0 && j == 0)) } else { (0..POINTS * POINTS).filter(|k| inside(*k)).count() as f64 }
        };
        let half = (reach + 1) as usize;
        let size = 2 * half + 1;
        let mut weights = vec![0.0f64; size * size];
        for k in 0..n * n {
            let share = covered(k / n - reach, k % n - reach);
            for m in 0..9 {
                let (i, j) = ((k / n) as usize + m / 3, (k % n) as usize + m % 3);
                weights[i * size + j] += share;
            }
        }
        let total: f64 = weights.iter().sum();
        Self { half, weights: weights.iter().map(|w| (w / total) as f32).collect() }
    }
}
