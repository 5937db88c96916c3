//! The pixels of one strip by their place along the code, and the profile that they add up to.

use std::borrow::Cow;

use super::model::{BINS, CHARACTER, QUIET, Steps};
use crate::vision::geometry::{homography, map};
use crate::vision::lanes::dot;
use crate::vision::{Corners, Plane};

/// Share of the bars' height that takes part, each way from the middle: the ends of the bars are left out.
pub(super) const HALF_HEIGHT: f32 = 0.42;

/// Reach of the window over which round strips are made even, modules.
const EVEN_OVER: usize = 14;

/// Mean of w² over rows between ±[`HALF_HEIGHT`].
pub(super) const MEAN_SQUARE: f32 = HALF_HEIGHT * HALF_HEIGHT / 3.0;

/// The pixels of a strip.
#[derive(Clone, PartialEq)]
pub(super) struct Pixels {
    /// Place along the code by the corners alone, modules from the start's first bar.
    pub(super) u: Vec<f32>,
    /// Place across, −½ at the top to ½ at the bottom.
    pub(super) w: Vec<f32>,
    /// Grey value.
    pub(super) v: Vec<f32>,
    /// Modules of the whole code.
    pub(super) length: f32,
    /// Change of u per pixel to the right and down, in the strip's middle.
    pub(super) step: [f32; 2],
    /// Smallest and largest w that take part.
    pub(super) rows: [f32; 2],
    /// What u is unrolled from; `None` where places are what the corners say.
    pub(super) roll: Option<Roll>,
    picture_from_code: [f64; 9],
}

impl Pixels {
    /// The pixels inside `corners` (start-top, stop-top, stop-bottom, start-bottom) and its quiet zones whose place across is one of `rows`. `None` for
    /// corners that span nothing, or too few pixels to say anything. Rows follow `arc`; bars stay as they are.
    pub(super) fn gather(plane: &Plane, corners: &Corners, length: usize, rows: [f32; 2], arc: Arc) -> Option<Self> {
        let corners = &even(corners);
        let l = length as f64;
        let code = [[0., -0.5], [l, -0.5], [l, 0.5], [0., 0.5]];
        let code_from_picture = homography(corners, &code)?;
        let picture_from_code = homography(&code, corners)?;
        let [cx, cy] = [0, 1].map(|k| corners.iter().map(|c| c[k]).sum::<f64>() / 4.0);
        let along = |x, y| map(&code_from_picture, x, y)[0];
        let step = [along(cx + 0.5, cy) - along(cx - 0.5, cy), along(cx, cy + 0.5) - along(cx, cy - 0.5)];
        let modules_per_px = step[0].hypot(step[1]);
        if !modules_per_px.is_finite() || modules_per_px < 1e-3 {
            return None;
        }
        let room = QUIET as f64 + 2.0;
        let arched = |u: f64| arc.across((2.0 * u / l - 1.0) as f32);
        let bulges: [f32; 9] = std::array::from_fn(|i| arched(-room + i as f64 / 8.0 * (l + 2.0 * room)));
        let straight =
            [rows[0] + bulges.into_iter().fold(f32::INFINITY, f32::min), rows[1] + bulges.into_iter().fold(f32::NEG_INFINITY, f32::max)];
        let outline = [(0.0, straight[0]), (l, straight[0]), (l, straight[1]), (0.0, straight[1])];
        let outline = outline.map(|(u, w)| map(&picture_from_code, u, f64::from(w)));
        let range = |k: usize, n: usize| {
            let (lo, hi) = outline.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), c| (l.min(c[k]), h.max(c[k])));
            let (lo, hi) = (lo - room / modules_per_px, hi + room / modules_per_px);
            (lo.max(0.0) as usize)..(hi.clamp(0.0, n as f64) as usize)
        };
        let mut pixels = Self {
            u: Vec::new(),
            w: Vec::new(),
            v: Vec::new(),
            length: length as f32,
            step: step.map(|s| s as f32),
            rows,
            roll: None,
            picture_from_code,
        };
        // A picture's row crosses what takes part in one stretch.
        let rim = [(-room, straight[0]), (l + room, straight[0]), (l + room, straight[1]), (-room, straight[1])];
        let rim = rim.map(|(u, w)| map(&pixels.picture_from_code, u, f64::from(w)));
        let columns = range(0, plane.width());
        for y in range(1, plane.height()) {
            let row = plane.row(y);
            for x in stretch(&rim, y as f64, &columns) {
                let [u, w] = map(&code_from_picture, x as f64, y as f64);
                let w = w as f32 - arched(u);
                if w > rows[0] && w < rows[1] && u > -room && u < l + room {
                    pixels.u.push(u as f32);
                    pixels.w.push(w);
                    pixels.v.push(row[x]);
                }
            }
        }
        (pixels.v.len() > 200).then_some(pixels)
    }

    /// The same pixels with other grey values, one each.
    pub(super) fn with_values(&self, v: Vec<f32>) -> Self {
        Self { u: self.u.clone(), w: self.w.clone(), v, ..*self }
    }

    /// The same strip with the same mean and the same contrast everywhere along the code: round things are shaded, and mirror lamps as stripes.
    pub(super) fn evened(&self, warp: &Warp) -> Self {
        let profile = self.profile(warp);
        let n = profile.sum.len();
        let (pixels, grey): (f32, f32) = (profile.count.iter().sum(), profile.sum.iter().sum());
        let mean = grey / pixels.max(1.0);
        let off = |i: usize| if profile.count[i] > 0.0 { profile.sum[i] / profile.count[i] - mean } else { 0.0 };
        // Local mean and variance of bins, by a window that falls to both sides.
        let local: Vec<[f32; 2]> = (0..n)
            .map(|i| {
                let reach = EVEN_OVER * BINS;
                let mut sums = [0f32; 3];
                for j in i.saturating_sub(reach)..(i + reach + 1).min(n) {
                    let weight = if profile.count[j] > 0.0 { 1.0 - i.abs_diff(j) as f32 / (reach + 1) as f32 } else { 0.0 };
                    for (sum, x) in sums.iter_mut().zip([1.0, off(j), off(j) * off(j)]) {
                        *sum += weight * x;
                    }
                }
                let [n, sum, squares] = sums;
                let mean = sum / n.max(1e-6);
                [mean, (squares / n.max(1e-6) - mean * mean).max(0.0).sqrt()]
            })
            .collect();
        let code = QUIET * BINS..n - QUIET * BINS;
        let usual = local[code.clone()].iter().map(|l| l[1]).sum::<f32>() / code.len() as f32;
        let even = |(place, _, v): (f32, f32, f32)| {
            // The quiet zones are as light as the code beside them.
            let bin = ((place + QUIET as f32) * BINS as f32).max(code.start as f32).min((code.end - 1) as f32);
            let [off, spread] = local[bin as usize];
            mean + (v - mean - off) * usual / spread.max(0.25 * usual)
        };
        self.with_values(self.places(warp).map(even).collect())
    }

    /// The same pixels with places along the paper, not along the line of sight's plane.
    pub(super) fn unrolled(self, roll: Roll) -> Self {
        let u = self.u.iter().map(|u| roll.unrolled(*u, self.length)).collect();
        Self { u, roll: Some(roll), ..self }
    }

    /// How places change at each character.
    pub(super) fn steps(&self) -> Steps {
        let Some(roll) = self.roll else { return Steps::even(self.step) };
        // The stop has two modules more.
        let characters = self.length as usize / CHARACTER;
        Steps::growing(self.step, (0..characters).map(|k| roll.growth((k as f32 + 0.5) * CHARACTER as f32, self.length)))
    }

    /// At most `most` of the pixels, evenly taken.
    pub(super) fn some(&self, most: usize) -> Cow<'_, Self> {
        let stride = self.v.len().div_ceil(most.max(1));
        if stride <= 1 {
            return Cow::Borrowed(self);
        }
        let some = |values: &[f32]| values.iter().copied().step_by(stride).collect();
        Cow::Owned(Self { u: some(&self.u), w: some(&self.w), v: some(&self.v), ..*self })
    }

    /// All pixels as (refined place along the code, place across, grey value).
    pub(super) fn places<'a>(&'a self, warp: &'a Warp) -> impl Iterator<Item = (f32, f32, f32)> + 'a {
        self.u.iter().zip(&self.w).zip(&self.v).map(|((u, w), v)| (warp.apply(*u, *w, self.length), *w, *v))
    }

    /// Grey values added up in bins; bin 0 begins [`QUIET`] modules before the start.
    pub(super) fn profile(&self, warp: &Warp) -> Profile {
        const BLOCK: usize = 64;
        let n = (self.length as usize + 2 * QUIET) * BINS;
        let mut profile = Profile { sum: vec![0.0; n], count: vec![0.0; n] };
        let mut bins = [0f32; BLOCK];
        for ((u, w), v) in self.u.chunks(BLOCK).zip(self.w.chunks(BLOCK)).zip(self.v.chunks(BLOCK)) {
            // First where they fall, several at a time, then what they add.
            for ((bin, u), w) in bins.iter_mut().zip(u).zip(w) {
                *bin = (warp.apply(*u, *w, self.length) + QUIET as f32) * BINS as f32;
            }
            for (b, v) in bins.iter().zip(v) {
                if *b >= 0.0
                    && let (Some(sum), Some(count)) = (profile.sum.get_mut(*b as usize), profile.count.get_mut(*b as usize))
                {
                    *sum += v;
                    *count += 1.0;
                }
            }
        }
        profile
    }

    /// The same strip from its other end: what was its start is its stop.
    pub(super) fn turned(&self) -> Self {
        let [h0, h1, h2, h3, h4, h5, h6, h7, h8] = self.picture_from_code;
        // u becomes length − u, w becomes −w; and the last number is 1.
        let l = f64::from(self.length);
        let last = h8 + h6 * l;
        let picture_from_code = [-h0, -h1, h2 + h0 * l, -h3, -h4, h5 + h3 * l, -h6, -h7, last].map(|v| v / last);
        Self {
            u: self.u.iter().map(|u| self.length - u).collect(),
            w: self.w.iter().map(|w| -w).collect(),
            v: self.v.clone(),
            length: self.length,
            step: self.step.map(|v| -v),
            rows: [-self.rows[1], -self.rows[0]],
            roll: self.roll.map(Roll::turned),
            picture_from_code,
        }
    }

    /// The corners in the picture between which a code around something round lies after refinement, and how it lies there.
    pub(super) fn rolled(&self, warp: &Warp) -> Option<(Corners, Roll)> {
        let (roll, length) = (self.roll?, self.length);
        let [start, stop] = [0.0, length].map(|end| self.seen(warp, end, 0.0));
        let place = |s: f32| warp.apply(roll.unrolled(start + s / length * (stop - start), length), 0.0, length);
        Some((self.framed(warp), Roll::closest(place, length)?))
    }

    /// The corners in the picture whose ends are the first and the last bar after refinement, as high as the strip.
    pub(super) fn framed(&self, warp: &Warp) -> Corners {
        let corner = |target: f32, w: f32| self.pictured(warp, target, w);
        [corner(0.0, -0.5), corner(self.length, -0.5), corner(self.length, 0.5), corner(0.0, 0.5)]
    }

    /// Where a place along the paper is seen, by the corners alone.
    fn seen(&self, warp: &Warp, target: f32, w: f32) -> f32 {
        let u = warp.undone(target, w, self.length);
        self.roll.map_or(u, |roll| roll.seen(u, self.length))
    }

    /// The same in the picture.
    fn pictured(&self, warp: &Warp, target: f32, w: f32) -> [f64; 2] {
        map(&self.picture_from_code, f64::from(self.seen(warp, target, w)), f64::from(w))
    }

    /// The code's corners in the picture after refinement. Its upper and lower edge are those of the strip, unless the rows that take part say more.
    pub(super) fn corners(&self, warp: &Warp) -> Corners {
        let corner = |target: f32, w: f32| self.pictured(warp, target, w);
        let edge = |row: f32| if row.abs() == HALF_HEIGHT { 0.5f32.copysign(row) } else { row };
        let [top, bottom] = self.rows.map(edge);
        [corner(0.0, top), corner(self.length, top), corner(self.length, bottom), corner(0.0, bottom)]
    }
}

/// What the corners get wrong, in modules: a = −1 at the start, 1 at the stop.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub(super) struct Warp {
    /// Shift.
    pub(super) offset: f32,
    /// Grows with a.
    pub(super) scale: f32,
    /// Grows with a² (perspective along the code, bent paper).
    pub(super) bend: f32,
    /// Lean of the bars over their whole height.
    pub(super) shear: f32,
    /// Lean that grows with a: bars that fan out.
    pub(super) twist: f32,
    /// Grows with a³ (perspective and bent paper once more).
    pub(super) skew: f32,
    /// Grows with w²: bars that are bowed, as on paper bent across its code and seen aslant.
    pub(super) bow: f32,
}

impl Warp {
    /// Bent between both ends, which stay where they are.
    pub(super) fn bent(bend: f32, skew: f32) -> Self {
        // At both ends, a² − 1/3 is ⅔ and a³ − 0.6a is ±0.4.
        Self { offset: -bend * 2.0 / 3.0, scale: -0.4 * skew, bend, skew, ..Self::default() }
    }

    pub(super) fn apply(&self, u: f32, w: f32, length: f32) -> f32 {
        let a = 2.0 * u / length - 1.0;
        u + self.offset
            + a * self.scale
            + self.bend * (a * a - 1.0 / 3.0)
            + self.skew * a * (a * a - 0.6)
            + (self.shear + self.twist * a) * w
            + self.bow * (w * w - MEAN_SQUARE)
    }

    /// The place that it puts to `target`: Newton's method from there, as it is nearly the identity.
    pub(super) fn undone(&self, target: f32, w: f32, length: f32) -> f32 {
        let mut u = target;
        for _ in 0..2 {
            let a = 2.0 * u / length - 1.0;
            let slope = 1.0 + 2.0 / length * (self.scale + 2.0 * self.bend * a + self.skew * (3.0 * a * a - 0.6) + self.twist * w);
            u += (target - self.apply(u, w, length)) / slope.max(0.2);
        }
        u
    }
}

/// How rows around something round run between both ends of a code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arc {
    /// How far across their middle is from the line between the ends, in heights of the strip, downwards positive.
    pub(super) sag: f32,
    /// What they lie around.
    pub(super) roll: Roll,
}

impl Arc {
    /// Rows on a face.
    pub(super) const STRAIGHT: Self = Self { sag: 0.0, roll: Roll { half: 1.0, turn: 0.0 } };

    /// How far across they are at a place along the code, −1 at the start and 1 at the stop.
    pub(super) fn across(&self, a: f32) -> f32 {
        if self.sag == 0.0 { 0.0 } else { self.sag * self.roll.rise(a) / self.roll.rise(0.0) }
    }
}

/// How a code lies around something round, both of its ends held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Roll {
    /// Half of the angle that it reaches over, radians.
    pub(super) half: f32,
    /// How far its middle is turned away from the line of sight, towards the stop positive, radians.
    pub(super) turn: f32,
}

impl Roll {
    /// Farthest that an end may be turned away: beyond it modules are a tenth as wide as in the middle.
    pub(super) const LIMB: f32 = 1.45;

    /// That with this half angle under which the code's middle is seen `off` modules from the middle between its ends, towards the start positive; `None` where
    /// an end would be out of sight.
    pub(super) fn new(half: f32, off: f32, length: f32) -> Option<Self> {
        let turn = (-2.0 * off / length / (half / 2.0).tan()).atan();
        (turn.abs() + half <= Self::LIMB).then_some(Self { half, turn })
    }

    /// That under which what is seen at a place comes closest to the place of the paper that `place` says, both ends held.
    fn closest(place: impl Fn(f32) -> f32, length: f32) -> Option<Self> {
        const PLACES: usize = 29;
        const STEP: f32 = 0.025;
        let places: Vec<(f32, f32)> = (1..PLACES).map(|i| i as f32 / PLACES as f32 * length).map(|s| (s, place(s))).collect();
        let off = |roll: &Self| places.iter().map(|(s, place)| (roll.unrolled(*s, length) - place).powi(2)).sum::<f32>();
        let steps = (Self::LIMB / STEP) as i32;
        let rolls = (4..=steps).flat_map(|half| (-steps..=steps).map(move |turn| [half, turn].map(|k| k as f32 * STEP)));
        let seen = rolls.filter(|[half, turn]| turn.abs() + half <= Self::LIMB).map(|[half, turn]| Self { half, turn });
        seen.min_by(|a, b| off(a).total_cmp(&off(b)))
    }

    /// The same from the other end.
    fn turned(self) -> Self {
        Self { turn: -self.turn, ..self }
    }

    /// How much nearer to the camera than the line between both ends is what is seen at a place between them, radii.
    fn rise(&self, a: f32) -> f32 {
        let [middle, reach] = self.sines();
        let [start, stop] = [self.turn - self.half, self.turn + self.half].map(f32::cos);
        let sin = (middle + reach * a).clamp(-1.0, 1.0);
        (1.0 - sin * sin).sqrt() - (start + stop) / 2.0 - (stop - start) / 2.0 * a
    }

    /// Sine in the middle between both ends as they are seen, and half of what lies between them.
    fn sines(&self) -> [f32; 2] {
        let [start, stop] = [self.turn - self.half, self.turn + self.half].map(f32::sin);
        [(stop + start) / 2.0, (stop - start) / 2.0]
    }

    /// The place along the paper of what is seen at `u`, modules of a code of `length`; what is out of sight comes to lie at the limb.
    pub(super) fn unrolled(&self, u: f32, length: f32) -> f32 {
        let [middle, reach] = self.sines();
        let angle = (middle + reach * (2.0 * u / length - 1.0)).clamp(-1.0, 1.0).asin();
        ((angle - self.turn) / self.half + 1.0) / 2.0 * length
    }

    /// How places change at the start and at the stop, with a number for steps that are taken for the same.
    pub(super) fn ends(&self, step: [f32; 2], length: f32) -> [(i32, [f32; 2]); 2] {
        let half = CHARACTER as f32 / 2.0;
        [half, length - half].map(|u| Steps::grown(step, self.growth(u, length)))
    }

    /// How many modules of the paper are seen per module between the ends, at a place along it.
    fn growth(&self, u: f32, length: f32) -> f32 {
        let angle = self.turn + self.half * (2.0 * u / length - 1.0);
        self.sines()[1] / (self.half * angle.cos())
    }

    /// Where a place along the paper is seen.
    fn seen(&self, u: f32, length: f32) -> f32 {
        let [middle, reach] = self.sines();
        let angle = self.turn + self.half * (2.0 * u / length - 1.0);
        ((angle.sin() - middle) / reach + 1.0) / 2.0 * length
    }
}

/// The quadrilateral through the same middles of both ends, with ends of the same length.
///
/// Which of the two ends is the longer says how the scale changes along the code, if it is known exactly; an error of a pixel in twenty would shift the
/// code's middle by several modules. So that change is left to [`Warp::bend`], and found from the bars themselves.
fn even(corners: &Corners) -> Corners {
    let [a, b, c, d] = *corners;
    let half = |p: [f64; 2], q: [f64; 2]| [(q[0] - p[0]) / 2.0, (q[1] - p[1]) / 2.0];
    let middle = |p: [f64; 2], q: [f64; 2]| [(p[0] + q[0]) / 2.0, (p[1] + q[1]) / 2.0];
    let (start, stop) = (half(a, d), half(b, c));
    let (ls, lt) = (start[0].hypot(start[1]).max(1e-9), stop[0].hypot(stop[1]).max(1e-9));
    let mean = (ls + lt) / 2.0;
    let (s, t) = (start.map(|v| v * mean / ls), stop.map(|v| v * mean / lt));
    let (m, n) = (middle(a, d), middle(b, c));
    [[m[0] - s[0], m[1] - s[1]], [n[0] - t[0], n[1] - t[1]], [n[0] + t[0], n[1] + t[1]], [m[0] + s[0], m[1] + s[1]]]
}

/// Grey values along the code.
pub(super) struct Profile {
    pub(super) sum: Vec<f32>,
    pub(super) count: Vec<f32>,
}

impl Profile {
    /// What the profile would be under `warp` besides: whole bins are moved, which is close enough for looking around.
    pub(super) fn warped(&self, warp: &Warp, length: f32) -> Self {
        self.moved(|place| warp.apply(place, 0.0, length))
    }

    /// The same unrolled.
    pub(super) fn unrolled(&self, roll: &Roll, length: f32) -> Self {
        self.moved(|place| roll.unrolled(place, length))
    }

    fn moved(&self, to: impl Fn(f32) -> f32) -> Self {
        let mut moved = Self { sum: vec![0.0; self.sum.len()], count: vec![0.0; self.sum.len()] };
        for (i, (sum, count)) in self.sum.iter().zip(&self.count).enumerate() {
            let place = (i as f32 + 0.5) / BINS as f32 - QUIET as f32;
            let b = (to(place) + QUIET as f32) * BINS as f32;
            if b >= 0.0 && (b as usize) < moved.sum.len() {
                moved.sum[b as usize] += sum;
                moved.count[b as usize] += count;
            }
        }
        moved
    }

    /// Variation between bins: largest where the bars stand upright.
    pub(super) fn sharpness(&self) -> f32 {
        let mean = self.sum.iter().sum::<f32>() / self.count.iter().sum::<f32>();
        // Three bins together, else empty bins and such of one pixel dominate.
        self.sum
            .windows(3)
            .zip(self.count.windows(3))
            .map(|(s, c)| (s.iter().sum::<f32>(), c.iter().sum::<f32>()))
            .filter(|(_, c)| *c > 0.0)
            .map(|(s, c)| (s / c - mean).powi(2) * c)
            .sum()
    }

    /// Squared deviation from the mean, pixels counted, quiet zones left out.
    pub(super) fn variation(&self) -> f32 {
        let code = QUIET * BINS..self.sum.len() - QUIET * BINS;
        let (sum, count) = (self.sum[code.clone()].iter().sum::<f32>(), self.count[code.clone()].iter().sum::<f32>());
        let mean = sum / count.max(1.0);
        code.filter(|i| self.count[*i] > 0.0).map(|i| (self.sum[i] / self.count[i] - mean).powi(2) * self.count[i]).sum()
    }

    /// With sums that correlations need.
    pub(super) fn summed(&self) -> Summed<'_> {
        let mut running = Vec::with_capacity(self.sum.len() + 1);
        let mut total = [0.0f64; 3];
        running.push(total);
        for (sum, count) in self.sum.iter().zip(&self.count) {
            let (sum, count) = (f64::from(*sum), f64::from(*count));
            if count > 0.0 {
                total = [total[0] + count, total[1] + sum, total[2] + sum * sum / count];
            }
            running.push(total);
        }
        Summed { profile: self, running }
    }
}

/// A profile with running sums over its bins of the count, the grey values, and their squares.
pub(super) struct Summed<'p> {
    profile: &'p Profile,
    running: Vec<[f64; 3]>,
}

impl Summed<'_> {
    /// Sums from one bin up to another: count, grey values, and their squares.
    fn between(&self, from: usize, to: usize) -> [f64; 3] {
        let (from, to) = (self.running[from], self.running[to]);
        std::array::from_fn(|i| to[i] - from[i])
    }

    /// The mean from one place along the code to another, modules; `None` where no pixel fell.
    pub(super) fn mean(&self, from: f32, to: f32) -> Option<f32> {
        let bin = |u: f32| (((u + QUIET as f32) * BINS as f32).max(0.0) as usize).min(self.profile.sum.len());
        let (from, to) = (bin(from), bin(to));
        let [count, sum, _] = self.between(from, to.max(from));
        (count > 0.0).then(|| (sum / count) as f32)
    }

    /// Weighted correlation with `template` (and its squares), laid on from bin `begin`.
    pub(super) fn correlation(&self, template: &[f32], squares: &[f32], begin: isize) -> f32 {
        let n = self.profile.sum.len();
        let from = begin.clamp(0, n as isize) as usize;
        let to = (begin + template.len() as isize).clamp(from as isize, n as isize) as usize;
        let own = (from as isize - begin) as usize..(to as isize - begin) as usize;
        let [w, y, yy] = self.between(from, to);
        if w <= 0.0 {
            return 0.0;
        }
        let (count, sum, template) = (&self.profile.count[from..to], &self.profile.sum[from..to], &template[own.clone()]);
        let dot = |x: &[f32], y: &[f32]| f64::from(dot::<8>(x, y));
        let (t, tt, yt) = (dot(count, template), dot(count, &squares[own]), dot(sum, template));
        let (vy, vt) = (yy - y * y / w, tt - t * t / w);
        if vy <= 1e-12 || vt <= 1e-12 { 0.0 } else { ((yt - y * t / w) / (vy * vt).sqrt()) as f32 }
    }
}

/// The pixels of a row `y` that may lie in a quadrilateral, those beside it included, out of `columns`.
fn stretch(quad: &Corners, y: f64, columns: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
    for (p, q) in (0..4).map(|i| (quad[i], quad[(i + 1) % 4])) {
        // A row of pixels is as high as a pixel: rounding moves no edge that far.
        let (from, to) = (p[1].min(q[1]) - 1.0, p[1].max(q[1]) + 1.0);
        if (from..=to).contains(&y) {
            let slope = if (q[1] - p[1]).abs() > 1e-9 { (q[0] - p[0]) / (q[1] - p[1]) } else { f64::INFINITY };
            for at in [y - 1.0, y + 1.0] {
                let x = (p[0] + (at - p[1]) * slope).max(p[0].min(q[0])).min(p[0].max(q[0]));
                (lo, hi) = (lo.min(x), hi.max(x));
            }
        }
    }
    let first = ((lo - 1.0).max(0.0) as usize).max(columns.start);
    first..((hi + 2.0).max(0.0) as usize).clamp(first, columns.end.max(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_warp_is_undone(offset in -6f32..6.0, scale in -6f32..6.0, bend in -12f32..12.0, skew in -1.8f32..1.8, w in -0.5f32..0.5, u in -5f32..150.0) {
            let warp = Warp { offset, scale, bend, skew, shear: 1.0, twist: 0.5, bow: 1.0 };
            prop_assert!((warp.undone(warp.apply(u, w, 145.0), w, 145.0) - u).abs() < 0.02);
        }

        #[test]
        fn what_is_unrolled_is_seen_where_it_was(half in 0.2f32..1.2, off in -20.0f32..20.0, u in 0.0f32..145.0) {
            let Some(roll) = Roll::new(half, off, 145.0) else { return Ok(()) };
            prop_assert!((roll.seen(72.5, 145.0) - (72.5 - off)).abs() < 0.02, "{roll:?}");
            for end in [0.0, 145.0] {
                prop_assert!((roll.unrolled(end, 145.0) - end).abs() < 0.1 && (roll.seen(end, 145.0) - end).abs() < 0.02);
            }
            prop_assert!((roll.seen(roll.unrolled(u, 145.0), 145.0) - u).abs() < 0.05);
            // As many modules are seen per module between the ends as places change there.
            let u = u.clamp(1.0, 144.0);
            let change = (roll.unrolled(u + 0.5, 145.0) - roll.unrolled(u - 0.5, 145.0)) / roll.growth(roll.unrolled(u, 145.0), 145.0);
            prop_assert!((change - 1.0).abs() < 0.05, "{change} at {u} of {roll:?}");
        }
    }

    #[test]
    fn pixels_reach_over_more_modules_where_a_code_turns_away() {
        let roll = Roll { half: 0.8, turn: 0.5 };
        let by = |k: usize| roll.growth((k as f32 + 0.5) * CHARACTER as f32, 145.0);
        let steps = Steps::growing([0.6, 0.8], (0..13).map(by));
        // Up to a factor of 1.06 each way. Cosines of −0.24 and of 1.22, and what lies between the ends.
        for (character, wide) in [(0, 0.971), (12, 0.346)] {
            let expected = (1.3f32.sin() + 0.3f32.sin()) / 2.0 / 0.8 / wide;
            let [x, y] = *steps.at(character);
            assert!((x.hypot(y) / expected).ln().abs() < 0.06, "{x} {y} where {expected} is right");
            assert!((y / x - 0.8 / 0.6).abs() < 1e-3);
        }
    }

    #[test]
    fn what_rolls_as_a_roll_is_that_roll() {
        let roll = Roll { half: 0.85, turn: -0.375 };
        let found = Roll::closest(|s| roll.unrolled(s, 145.0), 145.0).unwrap();
        assert!((found.half - roll.half).abs() < 1e-3 && (found.turn - roll.turn).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn rows_around_a_roll_are_an_ellipse_between_its_ends() {
        let arc = Arc { sag: -0.5, roll: Roll { half: 0.8, turn: 0.4 } };
        assert!([-1.0, 1.0].iter().all(|end| arc.across(*end).abs() < 1e-6) && (arc.across(0.0) + 0.5).abs() < 1e-6);
        // Nearer to the horizon it is steeper: cosines of 0.8 and of −0.2 radians, which lie as far from the middle of −0.4 to 1.2.
        assert!(arc.across(0.5) < arc.across(-0.5) - 0.02, "{} {}", arc.across(0.5), arc.across(-0.5));
        assert_eq!(Arc::STRAIGHT.across(0.3), 0.0);
    }

    #[test]
    fn modules_shrink_towards_an_end_that_is_turned_away() {
        let roll = Roll { half: 0.8, turn: 0.5 };
        let widths = [0.0, 72.0, 144.0].map(|u| roll.seen(u + 1.0, 145.0) - roll.seen(u, 145.0));
        // Cosines of −0.3, 0.5 and 1.3.
        let wide = widths[0] / 0.3f32.cos();
        assert!((widths[1] / wide - 0.5f32.cos()).abs() < 0.01 && (widths[2] / wide - 1.3f32.cos()).abs() < 0.02, "{widths:?}");
        assert_eq!(Roll::new(0.8, 60.0, 145.0), None, "beyond the limb");
    }
}
