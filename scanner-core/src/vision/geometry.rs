//! Points, lines and projective maps of the plane; maps are nine numbers row by row, the last of them 1.

use super::Corners;

/// Distance of two points.
pub fn distance(p: [f64; 2], q: [f64; 2]) -> f64 {
    (p[0] - q[0]).hypot(p[1] - q[1])
}

/// The middle of four corners.
pub fn middle(c: &Corners) -> [f64; 2] {
    [c.iter().map(|p| p[0]).sum::<f64>() / 4.0, c.iter().map(|p| p[1]).sum::<f64>() / 4.0]
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

/// A pixel of the full picture on level `level` of its pyramid.
pub fn on_level(pixel: [f64; 2], level: usize) -> [f64; 2] {
    let scale = 2f64.powi(level as i32);
    pixel.map(|v| (v + 0.5) / scale - 0.5)
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
    let back = inverse(&of_square(from)?)?;
    let to = of_square(to)?;
    let entry = |i: usize| (0..3).map(|k| to[i / 3 * 3 + k] * back[3 * k + i % 3]).sum::<f64>();
    let product: [f64; 9] = std::array::from_fn(entry);
    scaled(product)
}

/// The map from the unit square ((0, 0), (1, 0), (1, 1), (0, 1)) to four corners (Heckbert, "Fundamentals of texture mapping and image warping", 1989,
/// section 2.2.3); `None` where three lie on a line.
fn of_square(corners: &Corners) -> Option<[f64; 9]> {
    let [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = *corners;
    let (dx1, dx2, dx3) = (x1 - x2, x3 - x2, x0 - x1 + x2 - x3);
    let (dy1, dy2, dy3) = (y1 - y2, y3 - y2, y0 - y1 + y2 - y3);
    let det = dx1 * dy2 - dx2 * dy1;
    let (g, h) = ((dx3 * dy2 - dx2 * dy3) / det, (dx1 * dy3 - dx3 * dy1) / det);
    let map = [x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, 1.0];
    (det.abs() > 1e-12 && !is_flat(&map)).then_some(map)
}

/// Whether a map takes the plane to a line, or is none.
fn is_flat(m: &[f64; 9]) -> bool {
    let minor = |a: usize, b: usize, c: usize, d: usize| m[a] * m[d] - m[b] * m[c];
    let det = m[0] * minor(4, 5, 7, 8) - m[1] * minor(3, 5, 6, 8) + m[2] * minor(3, 4, 6, 7);
    let size = m.iter().fold(0.0f64, |s, v| s.max(v.abs()));
    !det.is_finite() || det.abs() < 1e-14 * size
}

/// The map the other way; `None` where there is none.
pub fn inverse(m: &[f64; 9]) -> Option<[f64; 9]> {
    let minor = |a: usize, b: usize, c: usize, d: usize| m[a] * m[d] - m[b] * m[c];
    let adjugate = [
        minor(4, 5, 7, 8),
        -minor(1, 2, 7, 8),
        minor(1, 2, 4, 5),
        -minor(3, 5, 6, 8),
        minor(0, 2, 6, 8),
        -minor(0, 2, 3, 5),
        minor(3, 4, 6, 7),
        -minor(0, 1, 6, 7),
        minor(0, 1, 3, 4),
    ];
    if is_flat(m) { None } else { scaled(adjugate) }
}

/// The same map with 1 as its last number.
fn scaled(m: [f64; 9]) -> Option<[f64; 9]> {
    let map = m.map(|v| v / m[8]);
    map.iter().all(|v| v.is_finite()).then_some(map)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projective_map_takes_corners_to_corners_and_back() {
        let from = [[0.0, -0.5], [145.0, -0.5], [145.0, 0.5], [0.0, 0.5]];
        let to = [[310.0, 90.5], [102.25, 144.0], [98.0, 101.0], [290.0, 60.0]];
        let h = homography(&from, &to).unwrap();
        assert_eq!(h[8], 1.0);
        let back = inverse(&h).unwrap();
        for (p, q) in from.iter().zip(&to) {
            let [x, y] = map(&h, p[0], p[1]);
            assert!(distance([x, y], *q) < 1e-9, "{x} {y} instead of {q:?}");
            assert!(distance(map(&back, x, y), *p) < 1e-9);
        }
        assert_eq!(homography(&from, &[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [0.0, 1.0]]), None);
        assert_eq!(homography(&[[1.0, 2.0]; 4], &from), None);
    }
}
