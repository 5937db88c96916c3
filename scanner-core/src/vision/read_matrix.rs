//! One candidate for a matrix code, from crop to text.

use std::time::Duration;

use super::decode::{decode_crop, with_deadline};
use super::geometry::{area, on_full_picture, on_level};
use super::locate::MatrixCandidate;
use super::rectify::upright_crop;
use super::{Evidence, Plane, Reading};
use crate::codes::{self, Symbology};

/// Room around a candidate, px of its level.
const MARGIN: f64 = 12.0;

/// Main direction of a crop's gradients modulo 90°, radians in [0, π/2).
fn dominant_angle(plane: &Plane, min: [f64; 2], max: [f64; 2]) -> f64 {
    let (x0, y0) = (min[0].max(1.0) as usize, min[1].max(1.0) as usize);
    let (x1, y1) = ((max[0] as usize).min(plane.width().saturating_sub(1)), (max[1] as usize).min(plane.height().saturating_sub(1)));
    let (mut c4, mut s4) = (0f64, 0f64);
    for y in y0..y1 {
        for x in x0..x1 {
            let [gx, gy] = plane.gradient(x, y).map(f64::from);
            // (gx + i·gy)⁴ ÷ |g|²: energy with the angle times four.
            let (re, im, e) = (gx * gx - gy * gy, 2.0 * gx * gy, gx * gx + gy * gy);
            if e > 0.0 {
                c4 += (re * re - im * im) / e;
                s4 += 2.0 * re * im / e;
            }
        }
    }
    (s4.atan2(c4) / 4.0).rem_euclid(std::f64::consts::FRAC_PI_2)
}

/// Whether the middle of a place is as dark as a matrix code: about half of its modules are. Lines of text cover a fifth of their paper.
fn inky(plane: &Plane, min: [f64; 2], max: [f64; 2], white: f32) -> bool {
    let middle = |k: usize, n: usize| {
        let at = |share: f64| (min[k] + (max[k] - min[k]) * share).clamp(0.0, n as f64) as usize;
        at(0.3)..at(0.7)
    };
    let columns = middle(0, plane.width());
    let mut values: Vec<f32> = middle(1, plane.height()).flat_map(|y| plane.row(y)[columns.clone()].iter().copied()).collect();
    if values.is_empty() {
        return false;
    }
    let index = values.len() / 20;
    let black = *values.select_nth_unstable_by(index, f32::total_cmp).1;
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let share = (white - mean) / (white - black).max(1e-6);
    (0.25..0.85).contains(&share)
}

/// Reads a candidate; `white` is its local white level. Spends `limit` at most.
pub fn read_matrix(
    pyramid: &[Plane],
    candidate: &MatrixCandidate,
    white: f32,
    symbologies: &[Symbology],
    limit: Duration,
) -> Option<Reading> {
    let level = candidate.level;
    let plane = &pyramid[level];
    let (min, max) = (on_level(candidate.min, level), on_level(candidate.max, level));
    if !inky(plane, min, max, white) {
        return None;
    }
    let centre = [(min[0] + max[0]) / 2.0, (min[1] + max[1]) / 2.0];
    let angle = dominant_angle(plane, min, max);
    // Half the side of the smallest square that holds the candidate at any angle would be the half diagonal; codes fill their box better.
    let (w, h) = (max[0] - min[0], max[1] - min[1]);
    let (sin, cos) = angle.sin_cos();
    let half = ((w * cos + h * sin).max(w * sin + h * cos) / 2.0).min(w.hypot(h) / 2.0) + MARGIN;
    // Small modules need enlarging: the reader traces edges on whole pixels.
    let scales: [f64; 2] = if half < 60.0 {
        [3.0, 2.0]
    } else if half < 130.0 {
        [2.0, 3.0]
    } else {
        [1.0, 1.5]
    };
    let crops: Vec<_> = [(angle, scales[0]), (0.0, scales[1])].map(|(a, s)| upright_crop(plane, centre, half, a, s)).into();
    let symbologies = symbologies.to_vec();
    let maps: Vec<_> = crops.iter().map(|(_, map)| *map).collect();
    let looks = with_deadline(limit, move || {
        let mut looks = Vec::new();
        for (i, (crop, _)) in crops.iter().enumerate() {
            for &symbology in &symbologies {
                // QR's finders are found at any angle; one look is as good as two.
                if i > 0 && symbology == Symbology::QrCode {
                    continue;
                }
                if let Some(text) = decode_crop(crop, white, symbology) {
                    looks.push((i, text));
                }
            }
        }
        looks
    })?;
    let (index, best) = looks.iter().max_by_key(|(i, t)| (looks.iter().filter(|(_, o)| o.text == t.text).count(), usize::MAX - i))?;
    let agreeing = looks.iter().filter(|(_, o)| o.text == best.text).count() as u32;
    let decoded = looks.len() as u32;
    if decoded > agreeing {
        return None;
    }
    let corners = best.corners.map(|c| on_full_picture(maps[*index].to_source(c), level));
    let evidence = Evidence { agreeing, decoded, tried: maps.len() as u32, margin: f64::from(agreeing) };
    Some(Reading {
        text: best.text.clone(),
        symbology: best.symbology,
        role: codes::role(&best.text, best.symbology),
        corners,
        px_per_module: area(&corners).sqrt() / best.modules,
        evidence,
    })
}
