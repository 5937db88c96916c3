//! From the rough outline of a symbol to its finder: where each of the four sides changes from quiet zone to modules, bowed as a round package bows it, and
//! which two of them are solid.
//!
//! Legs that a shadow's edge or a dark print beside the quiet zone cuts short are no straight edges for the locator; along a whole side they are.

use super::grid::{Finder, sample};
use super::rolled::Bowed;
use crate::vision::geometry::{area, distance, homography, map, meeting, middle};
use crate::vision::{Corners, Plane};

/// Directions of the sides that are tried, of a square that the outline is a view of. The trained detector knows the area that a slanted symbol fills
/// better than its directions.
const TURNS: [f64; 6] = [0.0, 15.0, -15.0, 30.0, -30.0, 45.0];
/// Samples along a side, and the share of its length at either end that is left out: what is there depends on the neighbouring sides.
const ALONG: usize = 28;
const LEFT_OUT: f64 = 0.04;
/// Steps across a side, px.
const ACROSS: f64 = 0.5;
/// Modules along a side of a usual symbol.
pub const MODULES: f64 = 22.0;
/// How far off a side may be, px and modules: at first.
const FIRST: [f64; 2] = [2.0, 1.5];
/// And in each round after that.
const OFF: [[f64; 2]; 4] = [[1.0, 1.0], [1.0, 1.0], [2.0, 1.5], [2.0, 1.5]];
/// How far off the middle of a side may be from the line between its ends, in lengths of the side, and in which steps it is looked for, px.
const BOW: f64 = 0.2;
const BOW_STEP: f64 = 1.0;
/// How much more it matters that the quiet zone is light than that the modules are dark: half of them are not.
const LIGHT: f32 = 2.0;
/// How light what lies behind a side's first module may be, as a share of the quiet zone: where it is lighter, the side is that of the dark between a quiet zone and something
/// light beyond.
const FILLED: f32 = 0.7;
/// What the two legs must show together beyond the other sides, in contrasts, for another corner not to be tried.
const CLEAR: f32 = 0.3;
/// By how much the legs are darker than the quiet zone, at least, as a share of its grey value.
const SOLID: f32 = 0.3;
/// Finders whose points are that close are one, px.
const SAME: f64 = 0.7;

/// A side of the outline as a parabola.
#[derive(Clone, Copy)]
struct Side {
    /// From where it was believed to where it is, at its ends and in its middle against the line between them, px outwards.
    off: [f64; 3],
    /// How well it divides quiet zone from modules.
    score: f32,
    /// Mean change from the quiet zone to the modules inside, as a share of the quiet zone's grey value.
    step: f32,
}

/// The outline as far as it is known.
struct Outline {
    corners: Corners,
    sides: [Side; 4],
    /// How far the middle of each side is from the straight line.
    bows: Corners,
}

/// What was tried of an outline that was not read.
#[derive(Default)]
pub struct Unread {
    /// As its sides were found, one time after the other.
    pub outlines: Vec<Bowed>,
    pub finders: Vec<Finder>,
}

/// The first finder of a symbol whose outline is roughly this that `read` makes something of, the likeliest first; it is given the outline as well, from
/// the finder's corner clockwise. `empty`: how much it matters that there are modules behind a side's first ones.
pub fn first_read<T>(plane: &Plane, outline: &Corners, empty: f32, read: impl Fn(&Finder, &Corners) -> Option<T>) -> Result<T, Unread> {
    let mut unread = Unread::default();
    let white = white(plane, outline);
    let turned = TURNS.iter().filter_map(|turn| step(plane, &turned(outline, *turn), white, empty, FIRST, false));
    let score = |o: &Outline| o.sides.iter().map(|side| side.score).sum::<f32>();
    let Some(Outline { mut corners, .. }) = turned.max_by(|a, b| score(a).total_cmp(&score(b))) else { return Err(unread) };
    for off in OFF {
        let Some(outline) = step(plane, &corners, white, empty, off, true) else { break };
        corners = outline.corners;
        for (finder, corners) in outline.finders() {
            let apart = |other: &Finder| {
                distance(other.corner, finder.corner).max(distance(other.up, finder.up)).max(distance(other.right, finder.right))
            };
            if unread.finders.iter().any(|other| apart(other) < SAME) {
                continue;
            }
            if let Some(found) = read(&finder, &corners) {
                return Ok(found);
            }
            unread.finders.push(finder);
        }
        unread.outlines.push(Bowed { corners, bows: outline.bows });
    }
    Err(unread)
}

impl Outline {
    /// By the corner between the two sides that look most solid, and the second one if that is not clear; none where no two sides do. With the corners from
    /// there on.
    fn finders(&self) -> impl Iterator<Item = (Finder, Corners)> {
        let Self { corners, sides, bows } = self;
        let legs = |i: usize| sides[i].step + sides[(i + 3) % 4].step;
        let mut order = [0, 1, 2, 3];
        order.sort_by(|a, b| legs(*b).total_cmp(&legs(*a)));
        let clear = legs(order[0]) - legs(order[1]) > CLEAR * legs(order[0]) / 2.0;
        let finder = |i: usize| {
            let corners: Corners = std::array::from_fn(|k| corners[(i + k) % 4]);
            let [corner, up, _, right] = corners;
            (Finder { corner, up, right, bows: [bows[(i + 3) % 4], bows[i]] }, corners)
        };
        let likely = match legs(order[0]) > 2.0 * SOLID {
            false => 0,
            true if clear => 1,
            true => 2,
        };
        order.into_iter().take(likely).map(finder)
    }
}

/// How light a symbol's light modules are; what is lighter beside it is another face.
fn white(plane: &Plane, outline: &Corners) -> f32 {
    const SAMPLES: usize = 24;
    let Some(to_picture) = homography(&[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], outline) else { return f32::MAX };
    let at = |i: usize| (i as f64 + 0.5) / SAMPLES as f64;
    let mut values: Vec<f32> = (0..SAMPLES * SAMPLES).map(|i| sample(plane, map(&to_picture, at(i % SAMPLES), at(i / SAMPLES)))).collect();
    let index = values.len() * 19 / 20;
    *values.select_nth_unstable_by(index, f32::total_cmp).1
}

/// The outline of the same area whose sides run elsewhere: as if the square that it is a view of were turned. Clockwise in a picture whose y points down.
pub fn turned(outline: &Corners, degrees: f64) -> Corners {
    let middle = middle(outline);
    let half = |i: usize, j: usize| [0, 1].map(|k| (outline[i][k] + outline[j][k]) / 2.0 - middle[k]);
    let (a, b) = (half(1, 2), half(2, 3));
    let (sin, cos) = degrees.to_radians().sin_cos();
    let at = |s: f64, t: f64| {
        let (s, t) = (s * cos - t * sin, s * sin + t * cos);
        [0, 1].map(|k| middle[k] + s * a[k] + t * b[k])
    };
    let mut corners = [at(-1.0, -1.0), at(1.0, -1.0), at(1.0, 1.0), at(-1.0, 1.0)];
    if (0..4).map(|i| corners[i][0] * corners[(i + 1) % 4][1] - corners[(i + 1) % 4][0] * corners[i][1]).sum::<f64>() < 0.0 {
        corners.reverse();
    }
    corners
}

/// All four sides looked for near an outline; `None` where they enclose something else.
fn step(plane: &Plane, from: &Corners, white: f32, empty: f32, off: [f64; 2], bowed: bool) -> Option<Outline> {
    let length = |i: usize| distance(from[i % 4], from[(i + 1) % 4]);
    let sides: [Side; 4] = std::array::from_fn(|i| {
        let module = (length(i + 1) + length(i + 3)) / 2.0 / MODULES;
        side(plane, [from[i], from[(i + 1) % 4]], module, white, empty, off, bowed)
    });
    // The line along a side at one of its ends.
    let tangent = |i: usize, end: f64| {
        let (p, q) = (from[i % 4], from[(i + 1) % 4]);
        let normal = outwards(p, q);
        let [near, far, bow] = sides[i % 4].off;
        let off = near + (far - near) * end;
        let slope = far - near + 4.0 * bow * (1.0 - 2.0 * end);
        let at = [0, 1].map(|k| p[k] + end * (q[k] - p[k]) + off * normal[k]);
        (at, [0, 1].map(|k| at[k] + q[k] - p[k] + slope * normal[k]))
    };
    let mut corners = *from;
    for (i, corner) in corners.iter_mut().enumerate() {
        let ((p, q), (r, s)) = (tangent(i, 0.0), tangent(i + 3, 1.0));
        *corner = meeting(p, q, r, s)?;
    }
    let shares = area(&corners) / area(from).max(1e-9);
    let bows = std::array::from_fn(|i| outwards(from[i], from[(i + 1) % 4]).map(|n| n * sides[i].off[2]));
    (0.5..2.0).contains(&shares).then_some(Outline { corners, sides, bows })
}

/// Unit vector square to a side, away from the symbol.
fn outwards(p: [f64; 2], q: [f64; 2]) -> [f64; 2] {
    let n = distance(p, q).max(1e-9);
    [(q[1] - p[1]) / n, (p[0] - q[0]) / n]
}

/// Where the side between two corners is; `module` is the size of modules across it.
fn side(plane: &Plane, [p, q]: [[f64; 2]; 2], module: f64, white: f32, empty: f32, [px, modules]: [f64; 2], bowed: bool) -> Side {
    let normal = outwards(p, q);
    let length = distance(p, q);
    let most_bowed = if bowed { (BOW * length / BOW_STEP) as isize } else { 0 };
    let reach = ((px + modules * module) / ACROSS) as isize;
    let deep = (module / ACROSS).round().max(2.0) as usize;
    let half = reach + 2 * (most_bowed as f64 * BOW_STEP / ACROSS) as isize + 3 * deep as isize + 4;
    let count = (2 * half + 1) as usize;
    // Mean grey values of each place across the side: outside, of the first module inside, and of the two behind it.
    let mut values = vec![[0f32; 3]; ALONG * count];
    let place = |j: usize| LEFT_OUT + (1.0 - 2.0 * LEFT_OUT) * (j as f64 + 0.5) / ALONG as f64;
    let mut sums = vec![0f32; count + 1];
    for j in 0..ALONG {
        let s = place(j);
        for o in 0..count {
            let off = (o as isize - half) as f64 * ACROSS;
            let [x, y] = [0, 1].map(|k| p[k] + s * (q[k] - p[k]) + off * normal[k]);
            sums[o + 1] = sums[o] + sample(plane, [x, y]).min(white);
        }
        for o in 3 * deep..count - deep {
            let mean = |from: usize, to: usize| (sums[to] - sums[from]) / (to - from) as f32;
            values[j * count + o] = [mean(o + 1, o + 1 + deep), mean(o - deep, o), mean(o - 3 * deep, o - deep)];
        }
    }
    let last = (count - deep - 1) as f64;
    let mut best = Side { off: [0.0; 3], score: f32::MIN, step: 0.0 };
    let mut consider = |off @ [near, far, bow]: [f64; 3]| {
        let [mut light, mut dark, mut behind] = [0.0; 3];
        for j in 0..ALONG {
            let s = place(j);
            let across = near + (far - near) * s + 4.0 * bow * s * (1.0 - s);
            let o = (across / ACROSS + half as f64).round().clamp(3.0 * deep as f64, last) as usize;
            for (sum, value) in [&mut light, &mut dark, &mut behind].into_iter().zip(values[j * count + o]) {
                *sum += value / ALONG as f32;
            }
        }
        let score = LIGHT * light - dark - empty * (behind - FILLED * light).max(0.0);
        if score > best.score {
            best = Side { off, score, step: (light - dark) / light.max(1e-6) };
        }
        best
    };
    for near in -reach..=reach {
        for far in -reach..=reach {
            consider([near as f64 * ACROSS, far as f64 * ACROSS, 0.0]);
        }
    }
    let [near, far, _] = consider([0.0; 3]).off;
    for bow in (-most_bowed..=most_bowed).filter(|bow| *bow != 0) {
        let bow = bow as f64 * BOW_STEP;
        for by in -5..=5 {
            for more in -5..=5 {
                // The ends of what is bowed lie on the other side of the straight line that fits it best.
                consider([near - 0.7 * bow + f64::from(by) * ACROSS, far - 0.7 * bow + f64::from(more) * ACROSS, bow]);
            }
        }
    }
    best
}
