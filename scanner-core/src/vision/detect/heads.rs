//! From the net's numbers to parallelograms, and the best of what overlaps.

use super::{Class, DetectOptions, Detection};
use crate::vision::Corners;
use crate::vision::geometry::area;

/// Distance of the net's answers, px.
pub const STRIDE: usize = 16;
/// Numbers per answer: probability of each class; offset of the centre (x, y; in strides); log of the shape (m, p, q); its phase (cos 4f, sin 4f).
pub const OUTPUTS: usize = 9;
/// m of the net's zero.
const MIDDLE: f64 = 6.0;
/// Largest half edge, as a logarithm of px, and largest m: an answer beyond is none.
const LARGEST: f64 = 16.0;
/// Share of a place's half edges within which another place's centre makes it a part of the first.
const INNER: f64 = 0.7;
/// Common ÷ joint area from which on a place that goes has a say in where the better one lies.
const SAY: f64 = 0.5;

/// The net's answers: channel by channel, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    /// Rows of answers.
    pub rows: usize,
    /// Answers in a row.
    pub columns: usize,
    /// `OUTPUTS`·rows·columns numbers.
    pub data: &'a [f32],
}

/// All answers with at least `score`, best first; ties by place, from above and from the left.
pub fn places(raw: &Raw<'_>, score: f32) -> Vec<Detection> {
    let plane = raw.rows * raw.columns;
    let mut found = Vec::new();
    for index in 0..plane {
        let value = |channel: usize| raw.data[channel * plane + index];
        for (channel, class) in [Class::Linear, Class::Matrix].into_iter().enumerate() {
            let chance = value(channel);
            if chance >= score {
                let middle = |i: usize| (i * STRIDE) as f64 + (STRIDE as f64 - 1.0) / 2.0;
                let cell = [middle(index % raw.columns), middle(index / raw.columns)];
                let numbers: [f64; 7] = std::array::from_fn(|k| f64::from(value(2 + k)));
                found.extend(place(class, chance, cell, numbers));
            }
        }
    }
    found.sort_by(|a: &Detection, b: &Detection| b.score.total_cmp(&a.score));
    found
}

/// The parallelogram of an answer. M = e₁e₁ᵀ + e₂e₂ᵀ of its half edges has the logarithm (m + p, q; q, m − p); M^(−½)e₁ is the unit vector at angle f,
/// M^(−½)e₂ the one square to it.
fn place(class: Class, score: f32, cell: [f64; 2], [x, y, m, p, q, c4, s4]: [f64; 7]) -> Option<Detection> {
    let m = m + MIDDLE;
    let d = p.hypot(q);
    if !(m + d).is_finite() || m + d > LARGEST || !(x + y).is_finite() {
        return None;
    }
    let axis = q.atan2(p) / 2.0;
    let (large, small) = (((m + d) / 2.0).exp(), ((m - d) / 2.0).exp());
    let f = s4.atan2(c4) / 4.0;
    let (sin, cos) = axis.sin_cos();
    let edge = |f: f64| {
        let (u, v) = ((f - axis).cos() * large, (f - axis).sin() * small);
        [u * cos - v * sin, u * sin + v * cos]
    };
    let (a, b) = (edge(f), edge(f + std::f64::consts::FRAC_PI_2));
    let (along, across) = if a[0].hypot(a[1]) >= b[0].hypot(b[1]) { (a, b) } else { (b, a) };
    let centre = [cell[0] + x * STRIDE as f64, cell[1] + y * STRIDE as f64];
    Some(Detection { class, score, centre, along, across })
}

/// The best of what overlaps, out of places sorted best first: a place goes if a better one of its class shares too much of their joint area or holds its
/// centre. What stays lies where it and the places that nearly coincide with it say on the average, weighed by their scores: each answer is off by itself.
pub fn suppress(sorted: &[Detection], options: &DetectOptions) -> Vec<Detection> {
    let mut kept: Vec<Detection> = Vec::new();
    for place in sorted {
        if kept.len() >= options.most {
            break;
        }
        let gone = kept.iter().any(|better| {
            better.class == place.class
                && (better.local(place.centre).iter().all(|v| v.abs() < INNER)
                    || overlap(&better.corners(), &place.corners()) > options.overlap)
        });
        if !gone {
            kept.push(*place);
        }
    }
    kept.iter().map(|best| agreed(best, sorted)).collect()
}

/// The mean of a place and those that nearly coincide with it.
fn agreed(best: &Detection, all: &[Detection]) -> Detection {
    let outline = best.corners();
    let (mut weight, mut sums) = (0.0, [[0.0; 2]; 3]);
    for place in all.iter().filter(|place| place.class == best.class && overlap(&outline, &place.corners()) > SAY) {
        let score = f64::from(place.score);
        let (along, across) = like(best, place);
        weight += score;
        for (sum, part) in sums.iter_mut().zip([place.centre, along, across]) {
            *sum = [sum[0] + score * part[0], sum[1] + score * part[1]];
        }
    }
    if weight <= 0.0 {
        return *best;
    }
    let [centre, along, across] = sums.map(|sum| sum.map(|v| v / weight));
    Detection { centre, along, across, ..*best }
}

/// A place's half edges, named and directed as those of another: which is the longer one of a square, and which way it points, is chance.
fn like(model: &Detection, place: &Detection) -> ([f64; 2], [f64; 2]) {
    let dot = |p: [f64; 2], q: [f64; 2]| p[0] * q[0] + p[1] * q[1];
    let cosine = |p: [f64; 2], q: [f64; 2]| dot(p, q) / (dot(p, p) * dot(q, q)).sqrt().max(1e-9);
    let swapped = cosine(model.along, place.across).abs() > cosine(model.along, place.along).abs();
    let (along, across) = if swapped { (place.across, place.along) } else { (place.along, place.across) };
    let directed = |edge: [f64; 2], like: [f64; 2]| if dot(edge, like) < 0.0 { edge.map(|v| -v) } else { edge };
    (directed(along, model.along), directed(across, model.across))
}

/// Common area ÷ joint area of two convex outlines.
fn overlap(a: &Corners, b: &Corners) -> f64 {
    let apart = |k: usize| {
        let range = |c: &Corners| c.iter().fold((f64::MAX, f64::MIN), |(lo, hi), p| (lo.min(p[k]), hi.max(p[k])));
        let ((lo, hi), (low, high)) = (range(a), range(b));
        hi < low || high < lo
    };
    if apart(0) || apart(1) {
        return 0.0;
    }
    let common = polygon_area(&clipped(a, b));
    common / (area(a) + area(b) - common).max(1e-9)
}

fn polygon_area(p: &[[f64; 2]]) -> f64 {
    (0..p.len()).map(|i| (p[i], p[(i + 1) % p.len()])).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>().abs() / 2.0
}

/// The part of one convex outline inside another: cut along one edge after the other.
fn clipped(a: &Corners, b: &Corners) -> Vec<[f64; 2]> {
    let turn: f64 = (0..4).map(|i| b[i][0] * b[(i + 1) % 4][1] - b[(i + 1) % 4][0] * b[i][1]).sum();
    let mut out = a.to_vec();
    for i in 0..4 {
        let (p, q) = (b[i], b[(i + 1) % 4]);
        let side = |v: [f64; 2]| ((q[0] - p[0]) * (v[1] - p[1]) - (q[1] - p[1]) * (v[0] - p[0])) * turn.signum();
        let mut next = Vec::with_capacity(out.len() + 1);
        for k in 0..out.len() {
            let (u, v) = (out[(k + out.len() - 1) % out.len()], out[k]);
            let (s, t) = (side(u), side(v));
            if (s >= 0.0) != (t >= 0.0) {
                let share = s / (s - t);
                next.push([u[0] + (v[0] - u[0]) * share, u[1] + (v[1] - u[1]) * share]);
            }
            if t >= 0.0 {
                next.push(v);
            }
        }
        out = next;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of 2×3 cells of which one says something.
    fn raw(row: usize, column: usize, numbers: [f32; OUTPUTS]) -> Vec<f32> {
        let mut data = vec![0.0; OUTPUTS * 6];
        for (channel, number) in numbers.into_iter().enumerate() {
            data[channel * 6 + row * 3 + column] = number;
        }
        data
    }

    fn close(a: [f64; 2], b: [f64; 2]) -> bool {
        (a[0] - b[0]).abs() < 1e-3 && (a[1] - b[1]).abs() < 1e-3
    }

    #[test]
    fn a_box_along_the_grid() {
        // Half edges (80, 0) and (0, 20): M = diag(6400, 400).
        let (m, p) = ((6400f64.ln() + 400f64.ln()) / 2.0 - MIDDLE, (6400f64.ln() - 400f64.ln()) / 2.0);
        let data = raw(1, 2, [0.9, 0.1, 0.5, -0.25, m as f32, p as f32, 0.0, 1.0, 0.0]);
        let found = places(&Raw { rows: 2, columns: 3, data: &data }, 0.5);
        assert_eq!(found.len(), 1);
        let d = found[0];
        assert_eq!((d.class, d.score), (Class::Linear, 0.9));
        // Cell (2, 1) has its middle at (39.5, 23.5).
        assert!(close(d.centre, [47.5, 19.5]) && close(d.along, [80.0, 0.0]) && close(d.across.map(f64::abs), [0.0, 20.0]), "{d:?}");
        assert!((d.length() - 160.0).abs() < 1e-3);
        assert!(close(d.local([47.5 + 40.0, 19.5]), [0.5, 0.0]));
    }

    #[test]
    fn a_leaning_box() {
        // Half edges (30, 40) and (-3, 14): M = (909, 1158; 1158, 1796).
        let (xx, xy, yy) = (909f64, 1158f64, 1796f64);
        let (half, diff) = ((xx + yy) / 2.0, (xx - yy) / 2.0);
        let root = diff.hypot(xy);
        let (large, small) = (half + root, half - root);
        let d = (large / small).ln() / 2.0;
        let (p, q) = (d * diff / root, d * xy / root);
        // M^(−½) e1, by M's own axes.
        let axis = xy.atan2(diff) / 2.0;
        let (u, v) = (30.0 * axis.cos() + 40.0 * axis.sin(), -30.0 * axis.sin() + 40.0 * axis.cos());
        let f = (v / small.sqrt()).atan2(u / large.sqrt()) + axis;
        let numbers = [0.1, 0.8, 0.0, 0.0, (large * small).ln() / 2.0 - MIDDLE, p, q, (4.0 * f).cos(), (4.0 * f).sin()].map(|v| v as f32);
        let data = raw(0, 0, numbers);
        let found = places(&Raw { rows: 2, columns: 3, data: &data }, 0.5)[0];
        assert_eq!(found.class, Class::Matrix);
        let up_to_sign = |a: [f64; 2], b: [f64; 2]| close(a, b) || close(a.map(|v| -v), b);
        assert!(up_to_sign(found.along, [30.0, 40.0]) && up_to_sign(found.across, [-3.0, 14.0]), "{found:?}");
    }

    #[test]
    fn answers_that_are_no_place_are_left_out() {
        for numbers in [[0.9, 0.0, 0.0, 0.0, 50.0, 0.0, 0.0, 1.0, 0.0], [0.9, 0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]] {
            let data = raw(0, 0, numbers);
            assert_eq!(places(&Raw { rows: 2, columns: 3, data: &data }, 0.5), []);
        }
    }

    fn square(x: f64, score: f32, half: f64) -> Detection {
        Detection { class: Class::Linear, score, centre: [x, 0.0], along: [half, 0.0], across: [0.0, half] }
    }

    #[test]
    fn overlap_is_common_over_joint() {
        // Squares of 20, 10 apart: 200 of 600; and one turned by 45° inside another.
        assert!((overlap(&square(0.0, 1.0, 10.0).corners(), &square(10.0, 1.0, 10.0).corners()) - 1.0 / 3.0).abs() < 1e-12);
        let turned = Detection { along: [5.0, 5.0], across: [-5.0, 5.0], ..square(0.0, 1.0, 0.0) };
        assert!((overlap(&square(0.0, 1.0, 10.0).corners(), &turned.corners()) - 0.5).abs() < 1e-12);
        assert_eq!(overlap(&square(0.0, 1.0, 10.0).corners(), &square(21.0, 1.0, 10.0).corners()), 0.0);
    }

    #[test]
    fn the_best_of_what_overlaps_stays() {
        let options = DetectOptions::default();
        let all = [square(0.0, 0.9, 10.0), square(8.0, 0.8, 10.0), square(20.0, 0.7, 10.0), square(1.0, 0.6, 2.0)];
        let kept: Vec<f32> = suppress(&all, &options).iter().map(|d| d.score).collect();
        // The second shares 0.43 of the joint area with the first, the third nothing, the fourth lies inside the first.
        assert_eq!(kept, [0.9, 0.7]);
        assert_eq!(suppress(&all, &options)[0], all[0]);
        // Another class does not count, and no more than `most` are kept.
        let other = [all[0], Detection { class: Class::Matrix, ..all[1] }];
        assert_eq!(suppress(&other, &options).len(), 2);
        assert_eq!(suppress(&other, &DetectOptions { most: 1, ..options }).len(), 1);
    }

    #[test]
    fn what_nearly_coincides_has_a_say() {
        let options = DetectOptions::default();
        // Squares of 20, 2 apart, share 0.82 of the joint area. The second one's edges have other names and directions.
        let second = Detection { along: [0.0, -12.0], across: [-12.0, 0.0], ..square(2.0, 0.25, 12.0) };
        let kept = suppress(&[square(0.0, 0.75, 10.0), second], &options);
        assert_eq!(kept, [Detection { centre: [0.5, 0.0], along: [10.5, 0.0], across: [0.0, 10.5], ..square(0.0, 0.75, 10.0) }]);
    }
}
