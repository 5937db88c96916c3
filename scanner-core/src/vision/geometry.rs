//! Points, lines and projective maps of the plane; maps are nine numbers row by row, the last of them 1.

use super::Corners;

/// Distance of two points.
pub fn distance(p: [f64; 2], q: [f64; 2]) -> f64 {
    (p[0] - q[0]).hypot(p[1] - q[1])
}

/// Area inside four corners, whichever way round they run.
pub fn area(c: &Corners) -> f64 {
    (0..4).map(|i| c[i][0] * c[(i + 1) % 4][1] - c[(i + 1) % 4][0] * c[i][1]).sum::<f64>().abs() / 2.0
}

/// The shorter of a linear code's two sides along it.
pub fn shorter_side(c: &Corners) -> f64 {
    distance(c[0], c[1]).min(distance(c[3], c[2]))
}

/// A pixel of level `level` of a pyramid on the full picture.
pub fn on_full_picture(pixel: [f64; 2], level: usize) -> [f64; 2] {
    let scale = 2f64.powi(level as i32);
    pixel.map(|v| (v + 0.5) * scale - 0.5)
}

/// Where the line through p and q meets that through r and s; `None` where they are parallel.
pub fn meeting(p: [f64; 2], q: [f64; 2], r: [f64; 2], s: [f64; 2]) -> Option<[f64; 2]> {
    let (a, b) = ([q[0] - p[0], q[1] - p[1]], [s[0] - r[0], s[1] - r[1]]);
    let det = a[0] * b[1] - a[1] * b[0];
    if det.abs() < 1e-9 {
        return None;
    }
    let t = ((r[0] - p[0]) * b[1] - (r[1] - p[1]) * b[0]) / det;
    Some([p[0] + t * a[0], p[1] + t * a[1]])
}

/// Where a map takes a point.
pub fn map(h: &[f64; 9], x: f64, y: f64) -> [f64; 2] {
    let d = h[6] * x + h[7] * y + h[8];
    [(h[0] * x + h[1] * y + h[2]) / d, (h[3] * x + h[4] * y + h[5]) / d]
}

/// The projective map that takes each corner of `from` to that of `to`; `None` where three lie on a line.
pub fn homography(from: &Corners, to: &Corners) -> Option<[f64; 9]> {
    let mut a = [[0.0; 8]; 8];
    let mut b = [0.0; 8];
    for i in 0..4 {
        let ([x, y], [u, v]) = (from[i], to[i]);
        a[2 * i] = [x, y, 1., 0., 0., 0., -u * x, -u * y];
        a[2 * i + 1] = [0., 0., 0., x, y, 1., -v * x, -v * y];
        (b[2 * i], b[2 * i + 1]) = (u, v);
    }
    let x = solve(a, b)?;
    let mut h = [1.0; 9];
    h[..8].copy_from_slice(&x);
    Some(h)
}

/// Solves a small linear system by Gauss–Jordan elimination with pivoting; `None` if it is singular.
#[allow(clippy::needless_range_loop)] // Matrices are clearer by their indices.
pub fn solve<const N: usize>(mut a: [[f64; N]; N], mut b: [f64; N]) -> Option<[f64; N]> {
    for c in 0..N {
        let p = (c..N).max_by(|x, y| a[*x][c].abs().total_cmp(&a[*y][c].abs()))?;
        if a[p][c].is_nan() || a[p][c].abs() < 1e-14 {
            return None;
        }
        a.swap(c, p);
        b.swap(c, p);
        for r in (0..N).filter(|r| *r != c) {
            let f = a[r][c] / a[c][c];
            for k in c..N {
                a[r][k] -= f * a[c][k];
            }
            b[r] -= f * b[c];
        }
    }
    Some(std::array::from_fn(|i| b[i] / a[i][i]))
}
