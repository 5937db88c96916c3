//! Pictures turned, cut out, enlarged and reduced.

use image::GrayImage;
use scanner_core::vision::Corners;

/// Cubic convolution with a = −½ (Keys 1981) at a place; outside the nearest pixel counts.
fn cubic(picture: &GrayImage, x: f64, y: f64) -> f64 {
    let weights = |t: f64| {
        let (t2, t3) = (t * t, t * t * t);
        [-0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1.0, -1.5 * t3 + 2.0 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2]
    };
    let (w, h) = (i64::from(picture.width()), i64::from(picture.height()));
    let (x0, y0) = (x.floor(), y.floor());
    let (wx, wy) = (weights(x - x0), weights(y - y0));
    let pixel = |i: i64, j: i64| f64::from(picture.as_raw()[(j.clamp(0, h - 1) * w + i.clamp(0, w - 1)) as usize]);
    let row = |j: i64| wx.iter().enumerate().map(|(i, v)| v * pixel(x0 as i64 - 1 + i as i64, j)).sum::<f64>();
    wy.iter().enumerate().map(|(j, v)| v * row(y0 as i64 - 1 + j as i64)).sum()
}

fn grey(value: f64) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// The picture turned about its middle, all of it in view.
pub fn rotated(picture: &GrayImage, angle: f64) -> GrayImage {
    let (sin, cos) = angle.sin_cos();
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let (width, height) = ((w * cos.abs() + h * sin.abs()).ceil() as u32, (w * sin.abs() + h * cos.abs()).ceil() as u32);
    let middle = |n: f64| (n - 1.0) / 2.0;
    GrayImage::from_fn(width, height, |x, y| {
        let (dx, dy) = (f64::from(x) - middle(f64::from(width)), f64::from(y) - middle(f64::from(height)));
        let place = [middle(w) + cos * dx + sin * dy, middle(h) - sin * dx + cos * dy];
        image::Luma([grey(cubic(picture, place[0], place[1]))])
    })
}

/// Bars upright and so many times as large, with quiet zones of ten modules of a code of 145.
pub fn enlarged_crop(picture: &GrayImage, corners: &Corners, times: f64) -> GrayImage {
    let side = |i: usize, j: usize| (corners[i][0] - corners[j][0]).hypot(corners[i][1] - corners[j][1]);
    let (length, height) = (f64::midpoint(side(0, 1), side(3, 2)), f64::midpoint(side(0, 3), side(1, 2)));
    let quiet = 10.0 / 145.0;
    let size = [(length * (1.0 + 2.0 * quiet) * times).round().max(1.0), (height * times).round().max(1.0)];
    GrayImage::from_fn(size[0] as u32, size[1] as u32, |x, y| {
        let s = (f64::from(x) + 0.5) / size[0] * (1.0 + 2.0 * quiet) - quiet;
        // Rows at the very edge may miss the bars.
        let t = 0.05 + 0.9 * (f64::from(y) + 0.5) / size[1];
        let at = |k: usize| {
            let [a, b, c, d] = corners.map(|p| p[k]);
            (a + s * (b - a)) * (1.0 - t) + (d + s * (c - d)) * t
        };
        image::Luma([grey(cubic(picture, at(0), at(1)))])
    })
}

/// Width and height of a picture turned and reduced.
fn reduced_size(picture: &GrayImage, angle: f64, factor: f64) -> [f64; 2] {
    let (sin, cos) = angle.sin_cos();
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    [((w * cos.abs() + h * sin.abs()) / factor).ceil(), ((w * sin.abs() + h * cos.abs()) / factor).ceil()]
}

/// Where a point of the picture comes to lie in [`reduced`].
pub fn on_reduced(picture: &GrayImage, angle: f64, factor: f64, point: [f64; 2]) -> [f64; 2] {
    let (sin, cos) = angle.sin_cos();
    let [width, height] = reduced_size(picture, angle, factor);
    let (dx, dy) = (point[0] - (f64::from(picture.width()) - 1.0) / 2.0, point[1] - (f64::from(picture.height()) - 1.0) / 2.0);
    [(width - 1.0) / 2.0 + (cos * dx - sin * dy) / factor, (height - 1.0) / 2.0 + (sin * dx + cos * dy) / factor]
}

/// The picture turned and reduced by `factor` (above 1) at once: each pixel is the mean over its square in the picture. What was outside is `border`.
pub fn reduced(picture: &GrayImage, angle: f64, factor: f64, border: u8) -> GrayImage {
    let (sin, cos) = angle.sin_cos();
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let [width, height] = reduced_size(picture, angle, factor);
    // Samples of about a pixel of the picture, two of them at least.
    let fine = (factor.ceil() as u32 + 1).max(2);
    GrayImage::from_fn(width as u32, height as u32, |x, y| {
        let mut sum = 0.0;
        for k in 0..fine * fine {
            let sub = |i: u32| (f64::from(i) + 0.5) / f64::from(fine) - 0.5;
            let dx = (f64::from(x) - (width - 1.0) / 2.0 + sub(k % fine)) * factor;
            let dy = (f64::from(y) - (height - 1.0) / 2.0 + sub(k / fine)) * factor;
            let (px, py) = ((w - 1.0) / 2.0 + cos * dx + sin * dy, (h - 1.0) / 2.0 - sin * dx + cos * dy);
            let inside = px > -0.5 && py > -0.5 && px < w - 0.5 && py < h - 0.5;
            sum += if inside { linear(picture, px, py) } else { f64::from(border) };
        }
        image::Luma([grey(sum / f64::from(fine * fine))])
    })
}

fn linear(picture: &GrayImage, x: f64, y: f64) -> f64 {
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let (x, y) = (x.clamp(0.0, (w - 1) as f64), y.clamp(0.0, (h - 1) as f64));
    let (i, j) = (x as usize, y as usize);
    let (i1, j1) = ((i + 1).min(w - 1), (j + 1).min(h - 1));
    let (fx, fy) = (x - i as f64, y - j as f64);
    let p = |i: usize, j: usize| f64::from(picture.as_raw()[j * w + i]);
    (p(i, j) * (1.0 - fx) + p(i1, j) * fx) * (1.0 - fy) + (p(i, j1) * (1.0 - fx) + p(i1, j1) * fx) * fy
}
