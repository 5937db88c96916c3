//! Shadows and highlights taken out of a strip whose bars are known.
//!
//! The light on a package changes over a strip, at the edge of a shadow by a factor of three within a few modules. Once a first text says where bars
//! and spaces are, the light can be told from the print: a smooth field over the strip, times a print of one contrast, explains the pixels. Divided by
//! that field, the strip is read again. The field's nodes lie about as far apart as characters do, so it cannot pass for bars.

use super::fit::Light;
use super::model::at_place;
use super::pixels::{Pixels, Warp};
use crate::vision::geometry::solve;

/// Nodes of the field along the code and across it.
const ALONG: usize = 16;
const ACROSS: usize = 4;
const NODES: usize = ALONG * ACROSS;
/// How far beyond the code's ends the field reaches, modules.
const BEYOND: f32 = 6.0;
/// Least light on a node, relative to the mean.
const DARKEST: f64 = 0.08;

/// Up to four nodes and their weights.
fn weights(place: f32, across: f32, length: f32) -> [(usize, f32); 4] {
    let x = ((place + BEYOND) / (length + 2.0 * BEYOND) * (ALONG - 1) as f32).clamp(0.0, ALONG as f32 - 1.001);
    let y = ((across + 0.5) * (ACROSS - 1) as f32).clamp(0.0, ACROSS as f32 - 1.001);
    let (i, j) = (x as usize, y as usize);
    let (fx, fy) = (x - i as f32, y - j as f32);
    let node = |i: usize, j: usize| j * ALONG + i;
    [
        (node(i, j), (1.0 - fx) * (1.0 - fy)),
        (node(i + 1, j), fx * (1.0 - fy)),
        (node(i, j + 1), (1.0 - fx) * fy),
        (node(i + 1, j + 1), fx * fy),
    ]
}

/// The pixels as they would be under even light, if `template` is what is printed and `light` its mean contrast. `None` where that makes no sense.
pub(super) fn relit(pixels: &Pixels, warp: &Warp, light: &Light, template: &[f32]) -> Option<Pixels> {
    let contrast = light.relative_contrast();
    if !(0.1..1.0).contains(&contrast) {
        return None;
    }
    let mut a = [[0.0f64; NODES]; NODES];
    let mut b = [0.0f64; NODES];
    for (place, across, v) in pixels.places(warp) {
        if place < -BEYOND || place > pixels.length + BEYOND {
            continue;
        }
        let Some((dark, _)) = at_place(template, place) else { continue };
        let print = 1.0 - contrast * dark;
        let nodes = weights(place, across, pixels.length);
        for (p, wp) in nodes {
            for (q, wq) in nodes {
                a[p][q] += f64::from(wp * wq * print * print);
            }
            b[p] += f64::from(wp * print * v);
        }
    }
    // Neighbours hold each other where pixels are few.
    let hold = 0.02 * (0..NODES).map(|i| a[i][i]).sum::<f64>() / NODES as f64 + 1e-9;
    let mut tie = |p: usize, q: usize| {
        a[p][p] += hold;
        a[q][q] += hold;
        a[p][q] -= hold;
        a[q][p] -= hold;
    };
    for j in 0..ACROSS {
        for i in 0..ALONG {
            if i + 1 < ALONG {
                tie(j * ALONG + i, j * ALONG + i + 1);
            }
            if j + 1 < ACROSS {
                tie(j * ALONG + i, (j + 1) * ALONG + i);
            }
        }
    }
    let field = solve(a, b)?;
    let mean = field.iter().sum::<f64>() / NODES as f64;
    if !mean.is_finite() || mean <= 0.0 || field.iter().any(|v| *v < DARKEST * mean) {
        return None;
    }
    let even: Vec<f32> = pixels
        .places(warp)
        .map(|(place, across, v)| {
            let here: f32 = weights(place, across, pixels.length).iter().map(|(n, w)| w * field[*n] as f32).sum();
            v * mean as f32 / here
        })
        .collect();
    Some(pixels.with_values(even))
}
