//! How far the bars of a text reach across a strip.
//!
//! The locator knows a strip's length well, its upper and lower edge less well: a label's rim, or lines of text beside the bars, cling to it. Rows without bars
//! pass for noise and hide that the text explains all the others. Once a first text says where bars and spaces are, each band of rows can be asked
//! whether it shows them.

use super::model::at_place;
use super::pixels::{Pixels, Warp};

/// How far beyond the middle bars are looked for, each way, in heights of the strip.
pub(super) const REACH: f32 = 0.8;
/// Bands each way.
const BANDS: usize = 16;
/// Pixels without which a band says nothing.
const LEAST_PIXELS: f64 = 40.0;
/// Correlation of a band with the text, relative to the best band, from which on the bars reach through it.
const SHOWS_BARS: f64 = 0.85;
/// Least correlation of the best band.
const BEST: f64 = 0.6;

/// Smallest and largest place across over which `pixels` show what `template` says. `None` where no band shows it.
pub(super) fn rows_of_bars(pixels: &Pixels, warp: &Warp, template: &[f32]) -> Option<[f32; 2]> {
    const N: usize = 2 * BANDS;
    let width = REACH / BANDS as f32;
    let mut sums = [[0.0f64; 6]; N];
    for (place, across, v) in pixels.places(warp) {
        let band = (across + REACH) / width;
        if band < 0.0 || band as usize >= N || place < 0.0 || place > pixels.length {
            continue;
        }
        let Some((t, _)) = at_place(template, place) else { continue };
        let (v, t) = (f64::from(v), f64::from(t));
        for (s, x) in sums[band as usize].iter_mut().zip([1.0, v, t, v * v, t * t, v * t]) {
            *s += x;
        }
    }
    // Bars are dark.
    let alike = sums.map(|[n, v, t, vv, tt, vt]| {
        let spread = (vv - v * v / n.max(1.0)) * (tt - t * t / n.max(1.0));
        if n < LEAST_PIXELS || spread <= 1e-12 { 0.0 } else { -(vt - v * t / n) / spread.sqrt() }
    });
    let best = (0..N).max_by(|a, b| alike[*a].total_cmp(&alike[*b]))?;
    if alike[best] < BEST {
        return None;
    }
    let shows = |band: &usize| alike[*band] > SHOWS_BARS * alike[best];
    let first = (0..=best).rev().take_while(shows).last()?;
    let last = (best..N).take_while(shows).last()?;
    Some([first, last + 1].map(|edge| edge as f32 * width - REACH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::Plane;
    use crate::vision::decode::grey_level::model::{BINS, EdgeResponse, Lens, Optics, QUIET, code_modules};

    #[test]
    fn bars_reach_as_far_as_rows_show_them() {
        // A code of 145 modules of 2 px on rows 20 to 59 of 100, under a field of stripes along it.
        let length = code_modules(11);
        let template = EdgeResponse::new([0.5, 0.0], Optics { lens: Lens::Gaussian, sigma_px: 0.5, growth: 0.0 }).whole_code(
            105,
            Some(&[12, 34, 56, 78, 90, 1, 23, 45, 67, 89, 10]),
            11,
        );
        let width = 2 * (length + 2 * QUIET);
        let value = |x: usize, y: usize| match y {
            20..60 => 0.8 - 0.6 * template[(x * BINS / 2 + BINS / 4).min(template.len() - 1)],
            0..20 if y % 4 < 2 => 0.2,
            _ => 0.8,
        };
        let plane = Plane::new(width, 100, (0..width * 100).map(|i| value(i % width, i / width)).collect());
        let [left, right] = [2.0 * QUIET as f64 - 0.5, 2.0 * (QUIET + length) as f64 - 0.5];
        // The strip reaches from row 10 to 70: bars from −20/60 to 20/60 of it.
        let corners = [[left, 9.5], [right, 9.5], [right, 69.5], [left, 69.5]];
        let pixels = Pixels::gather(&plane, &corners, length, [-REACH, REACH], 0.0).unwrap();
        let [first, last] = rows_of_bars(&pixels, &Warp::default(), &template).unwrap();
        assert!((first + 1.0 / 3.0).abs() < 0.05 && (last - 1.0 / 3.0).abs() < 0.05, "{first} {last}");
        // Rows without any.
        let pixels = Pixels::gather(&plane, &[[left, 60.0], [right, 60.0], [right, 70.0], [left, 70.0]], length, [-0.5, 0.5], 0.0).unwrap();
        assert_eq!(rows_of_bars(&pixels, &Warp::default(), &template), None);
    }
}
