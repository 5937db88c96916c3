//! Edges of packages as the pass softens them.
//!
//! A pixel takes the mean of what it covers. Within a surface the shader gives that; a pixel that an edge crosses shows the surface at its centre first, and
//! a second pass then mixes in what lies on the edge's other side, by the area that it has there (Persson 2011, *Geometric post-process anti-aliasing*).

use std::collections::HashMap;

use hardware_hal::glam::{DVec2, DVec3};

use super::scene::Surface;
use super::shot::NEAR;

/// Bytes of a vertex: clip position, then a point of the edge, its slope, and 1 where it runs rather up and down.
pub const EDGE_STRIDE: u64 = 32;

/// How much nearer to the eye an edge is than the surfaces that it bounds, as a share of the distance.
const LIFT: f64 = 5e-4;

/// Edges between surfaces that meet at less than this angle (its cosine) are no edges: round things are strips and facets.
const SMOOTH: f64 = 0.8;

/// How finely places of edges are told apart, parts of a metre.
const GRAIN: f64 = 1e5;

/// The edges to soften of what faces an eye, ends in the rig's frame.
pub fn edges(surfaces: &[Surface]) -> Vec<[DVec3; 2]> {
    /// By package and where an edge's middle lies: the surfaces that have it, and its ends.
    type Known = HashMap<(Option<usize>, [i64; 3]), Vec<(usize, [DVec3; 2])>>;
    let mut known = Known::new();
    let mut order = Vec::new();
    for (i, surface) in surfaces.iter().enumerate().filter(|(_, surface)| surface.owner.is_some()) {
        for (a, b) in surface.outline.iter().zip(surface.outline.iter().cycle().skip(1)) {
            let ends = [surface.point(*a), surface.point(*b)];
            let key = (surface.owner, ((ends[0] + ends[1]) / 2.0).to_array().map(|x| (x * GRAIN).round() as i64));
            let there = known.entry(key).or_default();
            if there.is_empty() {
                order.push(key);
            }
            there.push((i, ends));
        }
    }
    let sharp = |there: &Vec<(usize, [DVec3; 2])>| {
        let normals = || there.iter().map(|(i, _)| surfaces[*i].normal());
        normals().zip(normals().skip(1)).all(|(a, b)| a.dot(b) < SMOOTH)
    };
    order.into_iter().filter_map(|key| known.get(&key)).filter(|there| sharp(there)).map(|there| there[0].1).collect()
}

/// Appends the quad of an edge between two places in the picture, px, at these distances along the optical axis, m: every pixel whose centre lies half a
/// pixel from it at most, measured up and down, or across where it is steep.
pub fn push_quad(ends: [DVec2; 2], distances: [f64; 2], size: [u32; 2], out: &mut Vec<u8>) {
    let way = ends[1] - ends[0];
    let steep = way.y.abs() > way.x.abs();
    let slope = if steep { way.x / way.y } else { way.y / way.x };
    if !slope.is_finite() {
        return;
    }
    let across = if steep { DVec2::X } else { DVec2::Y } * 0.5;
    let corner = |end: usize, side: f64| {
        let (pixel, w) = (ends[end] + across * side + 0.5, distances[end]);
        [2.0 * pixel.x * w / f64::from(size[0]) - w, w - 2.0 * pixel.y * w / f64::from(size[1]), NEAR * (1.0 + LIFT), w]
    };
    let line = [ends[0].x, ends[0].y, slope, f64::from(u8::from(steep))];
    for (end, side) in [(0, -1.0), (1, -1.0), (1, 1.0), (0, -1.0), (1, 1.0), (0, 1.0)] {
        out.extend(corner(end, side).iter().chain(&line).flat_map(|x| (*x as f32).to_le_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::light::tests::floor_under;
    use super::*;

    /// The floor as a face of a package, and one beside it along v, turned about their common edge.
    fn two_faces(degrees: f64) -> Vec<Surface> {
        let first = Surface { owner: Some(0), ..floor_under(Vec::new(), Vec::new()).surfaces[0].clone() };
        let (sin, cos) = degrees.to_radians().sin_cos();
        let second = Surface { index: 1, origin: first.point([0.0, 0.4]), down: DVec3::new(0.0, -cos, -sin), ..first.clone() };
        vec![first, second]
    }

    #[test]
    fn an_edge_that_two_faces_share_is_one_and_none_within_something_round() {
        assert_eq!(edges(&two_faces(90.0)).len(), 7);
        assert_eq!(edges(&two_faces(15.0)).len(), 6);
        // The plate has none.
        let bare: Vec<Surface> = two_faces(90.0).into_iter().map(|surface| Surface { owner: None, ..surface }).collect();
        assert!(edges(&bare).is_empty());
    }

    #[test]
    fn a_quad_covers_half_a_pixel_to_each_side_of_its_edge() {
        let mut bytes = Vec::new();
        push_quad([DVec2::new(10.0, 20.0), DVec2::new(30.0, 25.0)], [0.5, 0.5], [100, 50], &mut bytes);
        let words: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        assert_eq!(words.len(), 6 * 8);
        // Pixel (10, 20) has its centre at 10.5 of 100 and 20.5 of 50 px: −0.79 and 0.18, times the distance; half a pixel above is 0.02 more.
        let wanted = [-0.79 * 0.5, 0.2 * 0.5, 0.010_005, 0.5, 10.0, 20.0, 0.25, 0.0];
        assert!(words.iter().zip(wanted).all(|(found, wanted): (&f32, f32)| (found - wanted).abs() < 1e-6), "{:?}", &words[..8]);
        bytes.clear();
        push_quad([DVec2::new(10.0, 20.0), DVec2::new(11.0, 10.0)], [0.5, 0.5], [100, 50], &mut bytes);
        assert_eq!(bytes[6 * 4..8 * 4], [(-0.1f32).to_le_bytes(), 1f32.to_le_bytes()].concat());
        bytes.clear();
        push_quad([DVec2::ONE; 2], [0.5, 0.5], [100, 50], &mut bytes);
        assert!(bytes.is_empty());
    }
}
