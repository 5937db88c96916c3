//! Projective maps of the plane, as nine numbers row by row, the last of them 1.

use super::Corners;

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
