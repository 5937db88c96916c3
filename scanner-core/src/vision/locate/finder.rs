//! Data Matrix finders: two straight edges, dark inside, that meet.
//!
//! The outer edges of a finder's solid legs are the longest straight edges of a symbol, seen between the dark leg and the quiet zone: they stay straight at
//! any angle and down to about one pixel per module, where the rest of the symbol is a blur.

use std::collections::HashMap;

use rayon::prelude::*;

use super::{CELL, CellGrid};
use crate::vision::Plane;
use crate::vision::decode::data_matrix::Finder;
use crate::vision::geometry::{distance, meeting, solve};

/// Shortest leg, px.
const SHORTEST: f64 = 13.0;
/// Longest leg, px: larger symbols are found on the next level.
const LONGEST: f64 = 220.0;
/// Least change per pixel on an edge, relative to the local white.
const LEAST_SLOPE: f32 = 0.05;
/// Cosine of the angle between a pixel's gradient and its edge's, at least (20°).
const STRAIGHT: f32 = 0.94;
/// Largest root mean square distance of an edge's pixels from its line, px.
const WOBBLE: f64 = 0.75;
/// Distance from its straight line, root mean square, from which on an edge may be bowed, px, and most that its middle is off, in lengths.
const BOWED: f64 = 0.4;
const MOST_BOWED: f64 = 0.2;
/// How much of an edge is lost at its end, where it is blurred round the corner, px.
const BLURRED: f64 = 1.0;
/// Two edges whose ends are further apart than this make no corner, px.
const NEAR: f64 = 8.0;
/// Two edges whose ends are further apart than this do not continue each other, px.
const REACH: f64 = 6.0;
/// Finders whose three points are that close are one, px.
const SAME: f64 = 1.5;
/// Most finders per level.
const MOST: usize = 400;

/// A straight edge, or one that is bowed evenly. Light lies on the side of `light`.
#[derive(Debug, Clone, Copy)]
struct Edge {
    ends: [[f64; 2]; 2],
    /// How far its middle is from the straight line between its ends.
    bow: [f64; 2],
    light: [f64; 2],
    /// Mean change per pixel.
    slope: f64,
}

impl Edge {
    fn length(&self) -> f64 {
        distance(self.ends[0], self.ends[1])
    }
}

/// Ends of edges by where they are.
struct Ends {
    side: f64,
    at: HashMap<(i32, i32), Vec<(usize, usize)>>,
}

impl Ends {
    /// Of `edges`, in squares of `side` px.
    fn new(edges: &[Edge], side: f64) -> Self {
        let mut ends = Self { side, at: HashMap::new() };
        for (i, edge) in edges.iter().enumerate() {
            for (k, end) in edge.ends.iter().enumerate() {
                ends.at.entry(ends.square(*end)).or_default().push((i, k));
            }
        }
        ends
    }

    fn square(&self, p: [f64; 2]) -> (i32, i32) {
        ((p[0] / self.side).floor() as i32, (p[1] / self.side).floor() as i32)
    }

    /// (edge, which of its ends) in the square of a point and the eight around it.
    fn near(&self, p: [f64; 2]) -> impl Iterator<Item = (usize, usize)> {
        let (x, y) = self.square(p);
        (-1..=1).flat_map(move |dy| (-1..=1).map(move |dx| (x + dx, y + dy))).filter_map(|square| self.at.get(&square)).flatten().copied()
    }
}

/// The finders that may be on a plane with the cells `grid`; `white` gives the local white level. Strongest first.
pub fn finders(plane: &Plane, grid: &CellGrid, candidate: &[bool], white: impl Fn(f64, f64) -> f32 + Sync) -> Vec<Finder> {
    let edges = merged(straight_edges(plane, grid, candidate, white));
    let mut found: Vec<(f64, Finder)> = Vec::new();
    let ends = Ends::new(&edges, NEAR);
    for (i, edge) in edges.iter().enumerate() {
        for (k, end) in edge.ends.iter().enumerate() {
            for (j, l) in ends.near(*end).filter(|(j, _)| *j > i) {
                if let Some(finder) = corner(edge, k, &edges[j], l) {
                    let strength = edge.length().min(edges[j].length()) * edge.slope.min(edges[j].slope);
                    found.push((strength, finder));
                }
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.corner[0].total_cmp(&b.1.corner[0])).then(a.1.corner[1].total_cmp(&b.1.corner[1])));
    // The same corner may come from parts of an edge and from the whole.
    let mut distinct: Vec<Finder> = Vec::new();
    for (_, f) in found {
        let same = |g: &Finder| distance(g.corner, f.corner).max(distance(g.right, f.right)).max(distance(g.up, f.up)) < SAME;
        if distinct.len() < MOST && !distinct.iter().any(same) {
            distinct.push(f);
        }
    }
    distinct
}

/// The finder that two edges make, if they do: both dark inside, neither much longer than the other, meeting near the ends `k` and `l`.
fn corner(a: &Edge, k: usize, b: &Edge, l: usize) -> Option<Finder> {
    let (la, lb) = (a.length(), b.length());
    if la.max(lb) > 4.0 * la.min(lb) {
        return None;
    }
    let near = 4.0 + 0.14 * la.min(lb);
    if distance(a.ends[k], b.ends[l]) > near {
        return None;
    }
    let (far_a, far_b) = (a.ends[1 - k], b.ends[1 - l]);
    let along = |from: [f64; 2], to: [f64; 2]| {
        let n = distance(from, to).max(1e-9);
        [(to[0] - from[0]) / n, (to[1] - from[1]) / n]
    };
    let (da, db) = (along(a.ends[k], far_a), along(b.ends[l], far_b));
    let cross = da[0] * db[1] - da[1] * db[0];
    // At least 25° apart.
    if cross.abs() < 0.42 {
        return None;
    }
    let (p, q) = (a.ends[k], b.ends[l]);
    let corner = meeting(p, far_a, q, far_b)?;
    if distance(corner, p).max(distance(corner, q)) > near {
        return None;
    }
    // The other leg lies on the dark side.
    let dark = |e: &Edge, d: [f64; 2]| d[0] * e.light[0] + d[1] * e.light[1] < 0.0;
    if !dark(a, db) || !dark(b, da) {
        return None;
    }
    // In a picture whose y points down, the leg upwards is the one to the left of the leg to the right.
    let longer = |end: [f64; 2], d: [f64; 2]| [end[0] + BLURRED * d[0], end[1] + BLURRED * d[1]];
    let (far_a, far_b) = (longer(far_a, da), longer(far_b, db));
    let (right, up, bows) = if cross < 0.0 { (far_a, far_b, [a.bow, b.bow]) } else { (far_b, far_a, [b.bow, a.bow]) };
    Some(Finder { corner, right, up, bows })
}

/// Thin edges (pixels whose gradient is the largest across them), followed as long as they keep their direction.
fn straight_edges(plane: &Plane, grid: &CellGrid, candidate: &[bool], white: impl Fn(f64, f64) -> f32 + Sync) -> Vec<Edge> {
    let (w, h) = (plane.width(), plane.height());
    if w < 3 || h < 3 || grid.cols == 0 {
        return Vec::new();
    }
    /// A pixel on an edge, with the unit vector of its gradient and its length.
    struct Point {
        x: u32,
        y: u32,
        g: [f32; 2],
        slope: f32,
    }
    let points: Vec<Point> = (0..grid.rows)
        .into_par_iter()
        .flat_map_iter(|r| {
            let mut out = Vec::new();
            for c in (0..grid.cols).filter(|c| candidate[r * grid.cols + c]) {
                let light = white((c * CELL + CELL / 2) as f64, (r * CELL + CELL / 2) as f64);
                let least = LEAST_SLOPE * light.min(brightest(plane, r, c)).max(1e-3);
                for y in (r * CELL).max(2)..((r + 1) * CELL).min(h - 2) {
                    for x in (c * CELL).max(2)..((c + 1) * CELL).min(w - 2) {
                        let g = plane.gradient(x, y);
                        let n = g[0].hypot(g[1]);
                        if n < least {
                            continue;
                        }
                        // Largest among the two neighbours across the edge.
                        let (sx, sy) = if g[0].abs() > 2.414 * g[1].abs() {
                            (1isize, 0isize)
                        } else if g[1].abs() > 2.414 * g[0].abs() {
                            (0, 1)
                        } else if g[0] * g[1] > 0.0 {
                            (1, 1)
                        } else {
                            (1, -1)
                        };
                        // Of the same edge: the other side of a quiet zone of one module is another, and may be the stronger one.
                        let length = |k: isize| {
                            let beside = plane.gradient((x as isize + k * sx) as usize, (y as isize + k * sy) as usize);
                            if beside[0] * g[0] + beside[1] * g[1] > 0.0 { beside[0].hypot(beside[1]) } else { 0.0 }
                        };
                        if length(-1) <= n && length(1) < n {
                            out.push(Point { x: x as u32, y: y as u32, g: [g[0] / n, g[1] / n], slope: n });
                        }
                    }
                }
            }
            out
        })
        .collect();
    // By pixel the number of its point, from 1 on; no point lies at the picture's rim.
    let mut index = vec![0u32; w * h];
    for (number, p) in (1..).zip(&points) {
        index[p.y as usize * w + p.x as usize] = number;
    }
    let mut free = vec![true; points.len()];
    // Strong edges first.
    let mut order: Vec<u32> = (0..points.len() as u32).collect();
    order.sort_by(|a, b| points[*b as usize].slope.total_cmp(&points[*a as usize].slope).then(a.cmp(b)));
    let mut edges = Vec::new();
    let mut members: Vec<u32> = Vec::new();
    for start in order {
        if !free[start as usize] {
            continue;
        }
        members.clear();
        members.push(start);
        free[start as usize] = false;
        let mut sum = points[start as usize].g;
        let mut next = 0;
        while next < members.len() {
            let p = &points[members[next] as usize];
            next += 1;
            for (dx, dy) in (0..3).flat_map(|dy| (0..3).map(move |dx| (dx, dy))) {
                let Some(j) = index[(p.y as usize + dy - 1) * w + p.x as usize + dx - 1].checked_sub(1) else { continue };
                let q = &points[j as usize];
                let n = sum[0].hypot(sum[1]).max(1e-6);
                if free[j as usize] && (q.g[0] * sum[0] + q.g[1] * sum[1]) > STRAIGHT * n {
                    free[j as usize] = false;
                    members.push(j);
                    sum = [sum[0] + q.g[0], sum[1] + q.g[1]];
                }
            }
        }
        if (members.len() as f64) < 0.6 * SHORTEST {
            continue;
        }
        edges.extend(line(members.iter().map(|i| &points[*i as usize]).map(|p| ([f64::from(p.x), f64::from(p.y)], p.slope)), sum));
    }
    edges
}

/// The largest grey value in a cell and those around it: a shaded face beside a bright one has a white level of its own.
fn brightest(plane: &Plane, row: usize, column: usize) -> f32 {
    let around = |cell: usize, most: usize| (cell.saturating_sub(1) * CELL)..((cell + 2) * CELL).min(most);
    let columns = around(column, plane.width());
    around(row, plane.height()).flat_map(|y| plane.row(y)[columns.clone()].iter().copied()).fold(0.0, f32::max)
}

/// The straight line through an edge's pixels, or the parabola where they are bowed as a round package bows them; `None` where they bend otherwise. A
/// pixel is off by up to half of itself; the line through dozens of them is good to a tenth.
fn line(points: impl Iterator<Item = ([f64; 2], f32)> + Clone, sum: [f32; 2]) -> Option<Edge> {
    let (mut n, mut m) = (0.0, [0.0; 2]);
    let mut slope = 0.0;
    for (p, s) in points.clone() {
        n += 1.0;
        m = [m[0] + p[0], m[1] + p[1]];
        slope += f64::from(s);
    }
    let m = [m[0] / n, m[1] / n];
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (p, _) in points.clone() {
        let d = [p[0] - m[0], p[1] - m[1]];
        (xx, xy, yy) = (xx + d[0] * d[0], xy + d[0] * d[1], yy + d[1] * d[1]);
    }
    let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
    let d = [angle.cos(), angle.sin()];
    let normal = [-d[1], d[0]];
    // Along and off the line through the middle.
    let local = |p: [f64; 2]| {
        let v = [p[0] - m[0], p[1] - m[1]];
        [v[0] * d[0] + v[1] * d[1], v[0] * normal[0] + v[1] * normal[1]]
    };
    let (mut lo, mut hi, mut off) = (f64::MAX, f64::MIN, 0.0);
    for (p, _) in points.clone() {
        let [t, o] = local(p);
        (lo, hi) = (lo.min(t), hi.max(t));
        off += o * o;
    }
    if hi - lo < 0.6 * SHORTEST {
        return None;
    }
    let place = |t: f64, o: f64| [0, 1].map(|k| m[k] + t * d[k] + o * normal[k]);
    let straight = (off / n).sqrt();
    let (mut ends, mut bow, mut wobble) = ([lo, hi].map(|t| place(t, 0.0)), 0.0, straight);
    if straight > BOWED {
        // Off the line by c₀ + c₁r + c₂r², r from −1 to 1.
        let r = |t: f64| (2.0 * t - lo - hi) / (hi - lo);
        let (mut a, mut b) = ([[0.0; 3]; 3], [0.0; 3]);
        for (p, _) in points.clone() {
            let [t, o] = local(p);
            let row = [1.0, r(t), r(t).powi(2)];
            for j in 0..3 {
                for k in 0..3 {
                    a[j][k] += row[j] * row[k];
                }
                b[j] += row[j] * o;
            }
        }
        let c = solve(a, b)?;
        let at = |r: f64| c[0] + c[1] * r + c[2] * r * r;
        let left = points.map(|(p, _)| local(p)).map(|[t, o]| (o - at(r(t))).powi(2)).sum::<f64>();
        let evenly = (left / n).sqrt();
        if evenly < 0.7 * straight && c[2].abs() < MOST_BOWED * (hi - lo) {
            (ends, bow, wobble) = ([place(lo, at(-1.0)), place(hi, at(1.0))], -c[2], evenly);
        }
    }
    if wobble > WOBBLE {
        return None;
    }
    let norm = f64::from(sum[0].hypot(sum[1])).max(1e-9);
    let upwards = normal[0] * f64::from(sum[0]) + normal[1] * f64::from(sum[1]);
    // The gradients must be square to the line, not just alike.
    if upwards.abs() < 0.95 * norm {
        return None;
    }
    let light = normal.map(|v| v * upwards.signum());
    Some(Edge { ends, bow: normal.map(|v| v * bow), light, slope: slope / n })
}

/// Edges that continue each other made one; short ones and very long ones left out. What is made one stays there in parts, too.
fn merged(edges: Vec<Edge>) -> Vec<Edge> {
    let ends = Ends::new(&edges, REACH);
    let mut all = edges.clone();
    for (i, a) in edges.iter().enumerate() {
        for (k, end) in a.ends.iter().enumerate() {
            for (j, _) in ends.near(*end).filter(|(j, _)| *j > i) {
                let b = &edges[j];
                if a.light[0] * b.light[0] + a.light[1] * b.light[1] < 0.99 {
                    continue;
                }
                let l = usize::from(distance(b.ends[1], *end) < distance(b.ends[0], *end));
                let far = b.ends[1 - l];
                let gap = distance(b.ends[l], *end);
                let off = ((far[0] - end[0]) * a.light[0] + (far[1] - end[1]) * a.light[1]).abs();
                let (la, lb) = (a.length(), b.length());
                let beyond = distance(far, a.ends[1 - k]) > la.max(lb);
                if gap < REACH && off < 1.0 + 0.03 * lb && beyond {
                    all.push(Edge {
                        ends: [a.ends[1 - k], far],
                        bow: [0.0; 2],
                        light: if la > lb { a.light } else { b.light },
                        slope: (a.slope * la + b.slope * lb) / (la + lb),
                    });
                }
            }
        }
    }
    all.retain(|e| (SHORTEST..=LONGEST).contains(&e.length()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dark_leg_is_seen_beside_a_quiet_zone_of_one_module_in_the_shade() {
        // From left to right a dark leg, 1.2 px of quiet zone and a grey carton, all in the shade of something that is ten times as light.
        let cover = |x: usize, from: f64, to: f64| ((x as f64 + 0.5).min(to) - (x as f64 - 0.5).max(from)).clamp(0.0, 1.0);
        let value = |x: usize| 0.03 * cover(x, -1.0, 40.3) + 0.15 * cover(x, 40.3, 41.5) + 0.05 * cover(x, 41.5, 99.0);
        let plane = Plane::new(80, 64, (0..80 * 64).map(|i| value(i % 80) as f32).collect());
        let white = |_: f64, _: f64| 1.5;
        let grid = CellGrid::measure(&plane, white);
        let edges = straight_edges(&plane, &grid, &vec![true; grid.cols * grid.rows], white);
        let leg = edges.iter().find(|edge| edge.light[0] > 0.99).unwrap();
        assert!((leg.ends[0][0] - 40.0).abs() < 1.0 && leg.length() > 50.0, "{edges:?}");
    }

    #[test]
    fn an_edge_is_straight_or_bowed_evenly_or_none() {
        // Pixels of 40 columns, `off` px below a line that rises by a quarter, their gradients downwards.
        let edge = |off: &dyn Fn(f64) -> f64| {
            let points: Vec<([f64; 2], f32)> =
                (0..41).map(f64::from).map(|x| ([x, (50.0 - 0.25 * x + off(x / 40.0)).round()], 0.2)).collect();
            line(points.iter().copied(), [0.25, 1.0])
        };
        let straight = edge(&|_| 0.0).unwrap();
        assert_eq!(straight.bow, [0.0; 2]);
        assert!(distance(straight.ends[0], [0.0, 50.0]).max(distance(straight.ends[1], [40.0, 40.0])) < 0.5, "{straight:?}");
        // Four pixels off in the middle: across a line that rises, 3.9 px.
        let bowed = edge(&|s| 16.0 * s * (1.0 - s)).unwrap();
        assert!((bowed.bow[1] - 3.8).abs() < 0.3 && (bowed.bow[0] - 0.95).abs() < 0.2, "{bowed:?}");
        assert!(distance(bowed.ends[0], [0.0, 50.0]).max(distance(bowed.ends[1], [40.0, 40.0])) < 0.8, "{bowed:?}");
        assert!(bowed.light[1] > 0.9, "{bowed:?}");
        // A wave is neither.
        assert!(edge(&|s| 3.0 * (s * 6.3).sin()).is_none());
    }
}
