//! From a group of cells to strips of bars: exact direction, and a cut wherever what runs through the group is not one set of bars.

use super::{Group, LinearBox};
use crate::vision::Plane;

/// Rows of a resampled group at most; more add nothing to a correlation.
const MAX_ROWS: usize = 96;
/// Columns per cell of the row-to-row correlation.
const STEP: usize = 4;
/// Correlation of neighbouring rows from which on they show the same bars.
const SAME_BARS: f32 = 0.45;

/// Widest gap between edges of one code ÷ the median gap. Edges lie 1 to 4 modules apart, most of them 1 or 2, and more where blur swallows some; a quiet
/// zone is 7 modules at the very least. Both are tried.
const WIDEST_GAPS: [f64; 2] = [4.5, 3.0];
/// Lower end of a code's height ÷ its higher end, at least, as perspective makes it.
const PARALLEL: f64 = 0.7;
/// Share of the squared slopes along a strip that its middle rows must have in common.
const LEAST_COMMON: f32 = 0.5;
/// How far the bars may go on beyond what was found of them, px.
const BEYOND: f64 = 24.0;

/// Edges that a strip must show to be worth a look. Blur may hide a third of a short code's.
const EDGES_OF_A_CODE: usize = 14;

/// A group resampled: columns along the gradient, rows parallel to the group's axis.
struct Patch {
    cols: usize,
    rows: usize,
    /// a of column 0 and b (at a = 0) of row 0.
    origin: [f64; 2],
    /// Distance of rows.
    pitch: f64,
    /// How b rises with a along a row.
    slope: f64,
    data: Vec<f32>,
}

impl Patch {
    fn sample(plane: &Plane, centre: [f64; 2], along: [f64; 2], slope: f64, a: [f64; 2], b: [f64; 2]) -> Self {
        let cols = ((a[1] - a[0]).ceil() as usize + 1).clamp(2, 4096);
        let pitch = ((b[1] - b[0]) / (MAX_ROWS - 1) as f64).max(1.0);
        let rows = (((b[1] - b[0]) / pitch) as usize + 1).min(MAX_ROWS);
        let mut data = Vec::with_capacity(cols * rows);
        for r in 0..rows {
            let place = |c: usize| {
                let ca = a[0] + c as f64;
                let cb = b[0] + r as f64 * pitch + slope * ca;
                [centre[0] + ca * along[0] - cb * along[1], centre[1] + ca * along[1] + cb * along[0]]
            };
            // Both ends of a row inside the picture: so is all between them.
            if plane.surrounds(place(0)) && plane.surrounds(place(cols - 1)) {
                data.extend((0..cols).map(place).map(|[x, y]| plane.sample_inside(x, y)));
            } else {
                data.extend((0..cols).map(place).map(|[x, y]| plane.sample(x, y)));
            }
        }
        Self { cols, rows, origin: [a[0], b[0]], pitch, slope, data }
    }

    fn row(&self, r: usize) -> &[f32] {
        &self.data[r * self.cols..(r + 1) * self.cols]
    }

    /// How sharp the mean of `rows` is when each is shifted by lean × its distance from their middle.
    fn sharpness(&self, lean: f64, rows: std::ops::Range<usize>) -> f64 {
        let middle = (rows.start + rows.end) as f64 / 2.0;
        let mut sum = vec![0f32; self.cols];
        let mut n = 0.0;
        for r in rows {
            let shift = lean * (r as f64 - middle) * self.pitch;
            let whole = shift.floor();
            let f = (shift - whole) as f32;
            let whole = whole as isize;
            let row = self.row(r);
            let from = (-whole).max(0) as usize;
            let to = (self.cols as isize - 1 - whole).clamp(0, self.cols as isize) as usize;
            if from >= to {
                continue;
            }
            let source = &row[(from as isize + whole) as usize..];
            for ((s, p), q) in sum[from..to].iter_mut().zip(source).zip(&source[1..]) {
                *s += p + (q - p) * f;
            }
            n += 1.0;
        }
        sum.windows(3).map(|w| f64::from((w[2] - w[0]) * (w[2] - w[0]))).sum::<f64>() / (n * n + 1e-9)
    }

    /// The lean at which the bars stand out best.
    fn best_lean(&self, reach: f64) -> f64 {
        // The middle rows: the group may include text above and below.
        let rows = self.rows / 5..(self.rows - self.rows / 5).max(self.rows / 5 + 1);
        let height = (rows.len() as f64 * self.pitch).max(4.0);
        // A lean of one pixel over the height is a step that the sharpness can follow.
        let mut step = (0.7 / height).clamp(0.004, 0.03);
        let mut best = (self.sharpness(0.0, rows.clone()), 0.0);
        let steps = (reach / step).ceil() as i32;
        for k in -steps..=steps {
            let lean = f64::from(k) * step;
            let s = self.sharpness(lean, rows.clone());
            if s > best.0 {
                best = (s, lean);
            }
        }
        for _ in 0..3 {
            step /= 2.0;
            for lean in [best.1 - step, best.1 + step] {
                let s = self.sharpness(lean, rows.clone());
                if s > best.0 {
                    best = (s, lean);
                }
            }
        }
        best.1
    }
}

/// The strips of bars in a group, each as a box on `plane`. `white` is the local white level.
pub fn refine(plane: &Plane, group: &Group, white: f32) -> Vec<LinearBox> {
    // One and a half cells around: the group's cells are centres, and their statistics reach over their neighbours.
    let pad = 12.0;
    let (a, b) = ([group.a[0] - pad - BEYOND, group.a[1] + pad + BEYOND], [group.b[0] - pad, group.b[1] + pad]);
    let rough = Patch::sample(plane, group.centre, group.along, group.slope, a, b);
    // Rows are sheared along `across`, not turned, so the lean measured here is the lean of the bars against `across`.
    let lean = rough.best_lean(0.11);
    let (n, t) = (group.along, [-group.along[1], group.along[0]]);
    let norm = (1.0 + lean * lean).sqrt();
    let along = [(n[0] - lean * t[0]) / norm, (n[1] - lean * t[1]) / norm];
    let slope = (group.slope + lean) / (1.0 - lean * group.slope);
    let patch = Patch::sample(plane, group.centre, along, slope, a, b);
    split(&patch, white)
        .into_iter()
        .map(|piece| {
            // The frame's origin into the piece's middle, so that a change of lean does not move the ends.
            let a = (piece.ends[0] + piece.ends[1]) / 2.0;
            let b = (piece.top[0] + piece.bottom[0] + (piece.top[1] + piece.bottom[1]) * a) / 2.0;
            let moved = |edge: [f64; 2]| [edge[0] + edge[1] * a - b, edge[1]];
            LinearBox {
                centre: [group.centre[0] + a * along[0] - b * along[1], group.centre[1] + a * along[1] + b * along[0]],
                along,
                lean: 0.0,
                spread: 0.0,
                ends: [piece.ends[0] - a, piece.ends[1] - a],
                top: moved(piece.top),
                bottom: moved(piece.bottom),
                arch: 0.0,
            }
        })
        .collect()
}

#[derive(Clone, Copy)]
struct Piece {
    ends: [f64; 2],
    top: [f64; 2],
    bottom: [f64; 2],
}

/// Pieces of the patch in which rows a few pixels apart show the same edges.
fn split(patch: &Patch, white: f32) -> Vec<Piece> {
    let lag = ((3.0 / patch.pitch).round() as usize).max(1);
    if patch.rows <= lag + 2 || patch.cols < 6 * STEP {
        return Vec::new();
    }
    let (cols, rows) = (patch.cols / STEP, patch.rows - lag);
    let (mut same, mut power) = (vec![0f32; cols * rows], vec![0f32; cols * rows]);
    for r in 0..rows {
        let (p, q) = (patch.row(r), patch.row(r + lag));
        for c in 0..cols {
            for x in (c * STEP).max(1)..((c + 1) * STEP).min(patch.cols - 1) {
                let (d, e) = (p[x + 1] - p[x - 1], q[x + 1] - q[x - 1]);
                same[r * cols + c] += d * e;
                power[r * cols + c] += (d * d + e * e) / 2.0;
            }
        }
    }
    let smooth = |v: &[f32]| -> Vec<f32> {
        let mut out = vec![0f32; v.len()];
        for r in 0..rows {
            for c in 0..cols {
                let mut s = 0.0;
                for y in r.saturating_sub(1)..(r + 2).min(rows) {
                    s += v[y * cols + c.saturating_sub(2)..y * cols + (c + 3).min(cols)].iter().sum::<f32>();
                }
                out[r * cols + c] = s;
            }
        }
        out
    };
    let (same, power) = (smooth(&same), smooth(&power));
    // Edges of 4 % contrast on average; a difference over two pixels is twice the slope.
    let least = (15 * STEP) as f32 * (0.04 * white).powi(2);
    let mut free: Vec<bool> = same.iter().zip(&power).map(|(s, p)| *p > least && *s > SAME_BARS * *p).collect();
    let mut pieces = Vec::new();
    for start in 0..free.len() {
        if !free[start] {
            continue;
        }
        free[start] = false;
        let mut members = vec![start];
        let mut next = 0;
        while next < members.len() {
            let i = members[next];
            next += 1;
            let (cx, cy) = (i % cols, i / cols);
            // One cell may be missing along the code (a wide space), none across.
            for y in cy.saturating_sub(1)..(cy + 2).min(rows) {
                let reach = if y == cy { 2 } else { 1 };
                for x in cx.saturating_sub(reach)..(cx + reach + 1).min(cols) {
                    let j = y * cols + x;
                    if free[j] {
                        free[j] = false;
                        members.push(j);
                    }
                }
            }
        }
        pieces.extend(outline(&members, cols, patch, lag));
    }
    pieces
}

/// Straight edges around a piece, cut where quiet zones run through it.
fn outline(members: &[usize], cols: usize, patch: &Patch, lag: usize) -> Vec<Piece> {
    let Some(piece) = edges_around(members, cols, patch, lag) else { return Vec::new() };
    let mut shapes = vec![piece];
    // Edges that are far from parallel: print or a shadow clings to one of them. The code then lies along the other.
    let height = |a: f64| piece.bottom[0] - piece.top[0] + (piece.bottom[1] - piece.top[1]) * a;
    let [first, last] = piece.ends.map(height);
    if first.min(last) < PARALLEL * first.max(last) {
        let band = 0.7 * height((piece.ends[0] + piece.ends[1]) / 2.0);
        shapes.push(Piece { bottom: [piece.top[0] + band, piece.top[1]], ..piece });
        shapes.push(Piece { top: [piece.bottom[0] - band, piece.bottom[1]], ..piece });
    }
    shapes.iter().flat_map(|shape| cut(shape, patch)).collect()
}

/// A piece cut where quiet zones run through it.
fn cut(piece: &Piece, patch: &Patch) -> Vec<Piece> {
    let column = |a: f64| ((a - patch.origin[0]).max(1.0) as usize).min(patch.cols - 2);
    let (from, to) = (column(piece.ends[0] - BEYOND), column(piece.ends[1] + BEYOND));
    let inside = column(piece.ends[0])..=column(piece.ends[1]);
    // The slope of the mean of some rows along the piece's middle: where bars converge, the outer ones would blur it.
    let middle = |u: usize| {
        let a = patch.origin[0] + u as f64;
        let b = (piece.top[0] + piece.bottom[0] + (piece.top[1] + piece.bottom[1]) * a) / 2.0;
        (b - patch.slope * a - patch.origin[1]) / patch.pitch
    };
    let half = (8.0 / patch.pitch).clamp(0.5, patch.rows as f64 / 4.0);
    // Per column: the mean slope of those rows, and their mean squared slope.
    let (slopes, squares): (Vec<f32>, Vec<f32>) = (from..=to)
        .map(|u| {
            let centre = middle(u);
            let rows = (centre - half).round().max(0.0) as usize..=((centre + half).round().max(0.0) as usize).min(patch.rows - 1);
            let count = rows.clone().count().max(1) as f32;
            let each = rows.map(|r| patch.row(r)[u + 1] - patch.row(r)[u - 1]);
            let (sum, square) = each.fold((0.0, 0.0), |(s, q), d| (s + d, q + d * d));
            ((sum / count).abs(), square / count)
        })
        .unzip();
    // What all rows have in common: nearly everything among bars, little in lines of text.
    let common = |first: usize, last: usize| {
        let shared: f32 = slopes[first..=last].iter().map(|s| s * s).sum();
        let all: f32 = squares[first..=last].iter().sum();
        shared > LEAST_COMMON * all
    };
    runs_of_edges(&slopes)
        .into_iter()
        .filter(|(first, last)| common(*first, *last))
        .map(|(first, last)| [from + first, from + last])
        .filter(|[first, last]| first < inside.end() && last > inside.start())
        .map(|ends| ends.map(|u| patch.origin[0] + u as f64))
        .filter(|ends| ends[1] - ends[0] >= 18.0)
        .map(|ends| Piece { ends: [ends[0] - 1.0, ends[1] + 1.0], ..*piece })
        .collect()
}

/// First and last edge of every run of edges without a gap as wide as a quiet zone.
fn runs_of_edges(slopes: &[f32]) -> Vec<(usize, usize)> {
    if slopes.len() < 8 {
        return Vec::new();
    }
    let mut sorted = slopes.to_vec();
    let high = *sorted.select_nth_unstable_by(slopes.len() * 9 / 10, f32::total_cmp).1;
    let edges: Vec<usize> =
        (1..slopes.len() - 1).filter(|&i| slopes[i] > 0.2 * high && slopes[i] >= slopes[i - 1] && slopes[i] > slopes[i + 1]).collect();
    let mut gaps: Vec<usize> = edges.windows(2).map(|w| w[1] - w[0]).collect();
    if gaps.len() < EDGES_OF_A_CODE - 1 {
        return Vec::new();
    }
    let median = {
        let half = gaps.len() / 2;
        *gaps.select_nth_unstable(half).1
    };
    let mut runs = Vec::new();
    for widest in WIDEST_GAPS.map(|share| ((median as f64 * share) as usize).max(6)) {
        let mut start = 0;
        for i in 1..=edges.len() {
            if i == edges.len() || edges[i] - edges[i - 1] > widest {
                if i - start >= EDGES_OF_A_CODE && !runs.contains(&(edges[start], edges[i - 1])) {
                    runs.push((edges[start], edges[i - 1]));
                }
                start = i;
            }
        }
    }
    runs
}

/// Straight edges around a piece.
fn edges_around(members: &[usize], cols: usize, patch: &Patch, lag: usize) -> Option<Piece> {
    let mut first = vec![usize::MAX; cols];
    let mut last = vec![0usize; cols];
    for &i in members {
        let (c, r) = (i % cols, i / cols);
        first[c] = first[c].min(r);
        last[c] = last[c].max(r + lag);
    }
    let used: Vec<usize> = (0..cols).filter(|&c| first[c] != usize::MAX).collect();
    let (lo, hi) = (*used.first()?, *used.last()?);
    if hi - lo < 5 {
        return None;
    }
    // Two medians make a line that a few frayed columns cannot bend; the outer tenths, where the smoothing frays, stay out.
    let inner: Vec<usize> = used.iter().copied().filter(|&c| c >= lo + (hi - lo) / 10 && c <= hi - (hi - lo) / 10).collect();
    let (left, right) = inner.split_at(inner.len() / 2);
    let median = |part: &[usize], of: &[usize]| -> Option<(f64, f64)> {
        let mut v: Vec<usize> = part.iter().map(|&c| of[c]).collect();
        v.sort_unstable();
        let middle = part.iter().sum::<usize>() as f64 / part.len().max(1) as f64;
        v.get(v.len() / 2).map(|&r| (middle, r as f64))
    };
    let a_of = |c: f64| patch.origin[0] + (c + 0.5) * STEP as f64 - 0.5;
    let edge = |of: &[usize], nudge: f64| -> Option<[f64; 2]> {
        let ((c0, r0), (c1, r1)) = (median(left, of)?, median(right, of)?);
        let (a0, a1) = (a_of(c0), a_of(c1));
        let b = |r: f64, a: f64| patch.origin[1] + r * patch.pitch + nudge + patch.slope * a;
        let (b0, b1) = (b(r0, a0), b(r1, a1));
        let m = if a1 - a0 > 1.0 { (b1 - b0) / (a1 - a0) } else { patch.slope };
        Some([b0 - m * a0, m])
    };
    // The smoothing over three rows lets the mask reach one row too far.
    let top = edge(&first, patch.pitch)?;
    let bottom = edge(&last, -patch.pitch)?;
    let ends = [a_of(lo as f64) - 2.0, a_of(hi as f64) + 2.0];
    let height = bottom[0] - top[0];
    (height >= 4.0 && ends[1] - ends[0] >= 20.0).then_some(Piece { ends, top, bottom })
}
