//! How far the bars of a text reach across a strip.
//!
//! The locator knows a strip's length well, its upper and lower edge less well: a label's rim, or lines of text beside the bars, cling to it. Rows without bars
//! pass for noise and hide that the text explains all the others. Once a first text says where bars and spaces are, each band of rows can be asked
//! whether it shows them.

use super::model::at_place;
use super::pixels::{Arc, Pixels, Roll, Warp};
use crate::vision::{Corners, Plane};

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

/// How far from the line between both ends of a code around something round its bars are looked for, each way, in heights of the strip, and the bands of that.
const AROUND: f32 = 2.0;
const AROUND_BANDS: usize = 80;
/// Pieces along the code.
const PIECES: usize = 14;
/// Arcs that are tried: how far across their middle is, and by how much the line between their ends is turned, in steps of heights; then what is tried
/// beside the best.
const SAGS: i32 = 12;
const RISES: i32 = 3;
const STEP: f32 = 0.1;
const BETWEEN: [f32; 3] = [-0.05, 0.0, 0.05];
/// What they may lie around where that is not known: half angle and turns of the middle, radians.
const HALF: f32 = 0.8;
const TURNS: [f32; 5] = [-0.6, -0.3, 0.0, 0.3, 0.6];
/// What of bars is left out at either end, heights.
const RIM: f32 = 0.04;
/// Bands at which arcs are looked at first; a divisor of the least height of bars, bands.
const COARSE: usize = 2;
/// Least height of bars, bands.
const LEAST_BANDS: usize = 8;
/// Variance of grey values below which nothing is printed.
const LEAST_CHANGE: f32 = 1e-4;

/// The band in which bars around something round lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Band {
    pub(super) arc: Arc,
    /// How much further across than in the strip its stop is, in heights of the strip; its start is that much less.
    pub(super) rise: f32,
    /// Smallest and largest place across from the arc.
    pub(super) rows: [f32; 2],
}

impl Band {
    /// The rows that are sure to be bars.
    pub(super) fn inner(&self) -> [f32; 2] {
        [self.rows[0] + RIM, self.rows[1] - RIM]
    }

    /// The corners of a strip moved to where it begins and ends.
    pub(super) fn corners(&self, [a, b, c, d]: &Corners) -> Corners {
        let across = |from: &[f64; 2], p: &[f64; 2], q: &[f64; 2], by: f32| [0, 1].map(|k| from[k] + f64::from(by) * (q[k] - p[k]));
        [across(a, a, d, -self.rise), across(b, b, c, self.rise), across(c, b, c, self.rise), across(d, a, d, -self.rise)]
    }
}

/// The pixels around a strip among which bands are looked for.
pub(super) fn around(plane: &Plane, corners: &Corners, length: usize) -> Option<Pixels> {
    Pixels::gather(plane, corners, length, [-AROUND, AROUND], Arc::STRAIGHT)
}

/// Sums of something of the pixels [`around`] a strip, by piece along the code and band across it.
fn cells<const N: usize>(pixels: &Pixels, of: impl Fn(f32, f32, f32) -> Option<[f32; N]>) -> Vec<[[f32; N]; 2 * AROUND_BANDS]> {
    let mut cells = vec![[[0.0; N]; 2 * AROUND_BANDS]; PIECES];
    for ((u, w), v) in pixels.u.iter().zip(&pixels.w).zip(&pixels.v) {
        let (band, piece) = ((w + AROUND) / AROUND * AROUND_BANDS as f32, u / pixels.length * PIECES as f32);
        if band >= 0.0
            && piece >= 0.0
            && let Some(cell) = cells.get_mut(piece as usize).and_then(|bands| bands.get_mut(band as usize))
            && let Some(values) = of(*u, *w, *v)
        {
            cell.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
    }
    cells
}

/// How far across bands have got after so many of them.
fn across(bands: f32) -> f32 {
    bands / AROUND_BANDS as f32 * AROUND - AROUND
}

/// The band, around one of `rolls`, whose cells are worth most together; `None` where none is worth more than nothing.
fn worthiest(worth: &[[f32; 2 * AROUND_BANDS]], rolls: &[Roll]) -> Option<Band> {
    const N: usize = 2 * AROUND_BANDS;
    let running: Vec<[f32; N + 1]> = worth
        .iter()
        .map(|bands| {
            let mut running = [0.0; N + 1];
            bands.iter().enumerate().for_each(|(b, worth)| running[b + 1] = running[b] + worth);
            running
        })
        .collect();
    // By every so many bands.
    let of = |arc: Arc, rise: f32, every: usize| {
        let offs: [f32; PIECES] = std::array::from_fn(|piece| {
            let a = 2.0 * (piece as f32 + 0.5) / PIECES as f32 - 1.0;
            (arc.across(a) + rise * a) / AROUND * AROUND_BANDS as f32
        });
        let up_to = |edge: usize| -> f32 {
            let in_piece = |(sums, off): (&[f32; N + 1], &f32)| {
                let at = (edge as f32 + off).clamp(0.0, N as f32);
                let (whole, part) = (at as usize, at.fract());
                sums[whole] + part * (sums[(whole + 1).min(N)] - sums[whole])
            };
            running.iter().zip(&offs).map(in_piece).sum()
        };
        let (mut best, mut lowest) = ((f32::NEG_INFINITY, [0, 0]), (0.0, 0));
        let mut sums = [0.0; N + 1];
        for last in (0..=N).step_by(every) {
            sums[last] = up_to(last);
            let Some(first) = last.checked_sub(LEAST_BANDS) else { continue };
            if sums[first] < lowest.0 {
                lowest = (sums[first], first);
            }
            let here = sums[last] - lowest.0;
            if here > best.0 {
                best = (here, [lowest.1, last]);
            }
        }
        (best.0, Band { arc, rise, rows: best.1.map(|edge| across(edge as f32)) })
    };
    let best = |arcs: &mut dyn Iterator<Item = (Arc, f32)>, every: usize| {
        arcs.map(|(arc, rise)| of(arc, rise, every)).max_by(|p, q| p.0.total_cmp(&q.0))
    };
    let steps = (-SAGS..=SAGS).flat_map(|sag| (-RISES..=RISES).map(move |rise| [sag, rise].map(|k| k as f32 * STEP)));
    let (_, near) = best(&mut steps.flat_map(|[sag, rise]| rolls.iter().map(move |roll| (Arc { sag, roll: *roll }, rise))), COARSE)?;
    let beside =
        BETWEEN.iter().flat_map(|sag| BETWEEN.iter().map(move |rise| (Arc { sag: near.arc.sag + sag, ..near.arc }, near.rise + rise)));
    let (worth, band) = best(&mut beside.into_iter(), 1)?;
    (worth > 0.0).then_some(band)
}

/// The band of something round in which grey values change along it as bars make them.
pub(super) fn band_of_changes(pixels: &Pixels) -> Option<Band> {
    let cells = cells(pixels, |_, _, v| Some([1.0, v, v * v]));
    let changes = |[n, v, vv]: &[f32; 3]| if *n > 0.0 { (vv - v * v / n).max(0.0) } else { 0.0 };
    let near = (0..2 * AROUND_BANDS).filter(|band| across(*band as f32 + 0.5).abs() < AROUND / 2.0);
    // Half of what bars make, of those pieces that show them.
    let mut usual: Vec<f32> = cells.iter().flat_map(|bands| near.clone().map(|b| changes(&bands[b]) / bands[b][0].max(1.0))).collect();
    let most = usual.len() * 9 / 10;
    let least = (*usual.select_nth_unstable_by(most, f32::total_cmp).1 / 2.0).max(LEAST_CHANGE);
    let worth: Vec<_> = cells.iter().map(|bands| bands.map(|cell| changes(&cell) - least * cell[0])).collect();
    worthiest(&worth, &TURNS.map(|turn| Roll { half: HALF, turn }))
}

/// The band in which something round shows what `template` says rather than nothing; `warp` says what place of the paper pixels show. `None` where they show
/// nothing of it.
pub(super) fn band_of_bars(pixels: &Pixels, roll: Roll, warp: &Warp, template: &[f32]) -> Option<Band> {
    let length = pixels.length;
    let cells = cells(pixels, |u, w, v| {
        let (t, _) = at_place(template, warp.apply(roll.unrolled(u, length), w, length))?;
        Some([1.0, v, t, t * t, v * t])
    });
    // What bars explain, with the contrast that their piece has where they are seen best: less than nothing where there are none.
    let moments = |[n, v, t, tt, vt]: &[f32; 5]| [vt - v * t / n.max(1.0), tt - t * t / n.max(1.0)];
    let gain = |bands: &[[f32; 5]; 2 * AROUND_BANDS]| {
        let gain = |five: &[[f32; 5]]| {
            let [vt, tt] = five.iter().map(moments).fold([0.0; 2], |p, q| [p[0] + q[0], p[1] + q[1]]);
            if tt > 0.0 { vt / tt } else { 0.0 }
        };
        bands.windows(LEAST_BANDS).map(gain).fold(0.0, f32::min)
    };
    let gains: Vec<f32> = cells.iter().map(gain).collect();
    let usual = *gains.clone().select_nth_unstable_by(PIECES / 2, f32::total_cmp).1;
    let worth = cells.iter().zip(&gains).map(|(bands, gain)| {
        let gain = gain.clamp(1.5 * usual, 0.5 * usual);
        bands.map(|cell| {
            let [vt, tt] = moments(&cell);
            2.0 * gain * vt - gain * gain * tt
        })
    });
    let worth: Vec<_> = if usual < 0.0 { worth.collect() } else { return None };
    worthiest(&worth, &[roll])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::decode::grey_level::model::{BINS, ByStep, Lens, Optics, QUIET, Steps, code_modules};

    #[test]
    fn bars_reach_as_far_as_rows_show_them() {
        // A code of 145 modules of 2 px on rows 20 to 59 of 100, under a field of stripes along it.
        let length = code_modules(11);
        let template = ByStep::new(&Steps::even([0.5, 0.0]), Optics { lens: Lens::Gaussian, sigma_px: 0.5, growth: 0.0 }).whole_code(
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
        let pixels = Pixels::gather(&plane, &corners, length, [-REACH, REACH], Arc::STRAIGHT).unwrap();
        let [first, last] = rows_of_bars(&pixels, &Warp::default(), &template).unwrap();
        assert!((first + 1.0 / 3.0).abs() < 0.05 && (last - 1.0 / 3.0).abs() < 0.05, "{first} {last}");
        // Rows without any.
        let pixels =
            Pixels::gather(&plane, &[[left, 60.0], [right, 60.0], [right, 70.0], [left, 70.0]], length, [-0.5, 0.5], Arc::STRAIGHT)
                .unwrap();
        assert_eq!(rows_of_bars(&pixels, &Warp::default(), &template), None);
    }

    #[test]
    fn bars_around_something_round_say_along_which_arc_they_lie() {
        let length = code_modules(11);
        let optics = Optics { lens: Lens::Gaussian, sigma_px: 0.5, growth: 0.0 };
        let values = [12, 34, 56, 78, 90, 1, 23, 45, 67, 89, 10];
        let template = ByStep::new(&Steps::even([0.5, 0.0]), optics).whole_code(105, Some(&values), 11);
        let roll = Roll { half: 0.8, turn: 0.3 };
        let arc = Arc { sag: -14.0 / 40.0, roll };
        // Bars 40 px high, 2 px a module, their middle 14 px above the line between their ends, the stop 8 px lower than the start; under them lines of text.
        let value = |x: usize, y: usize| {
            let u = (x as f32 + 0.5) / 2.0 - QUIET as f32;
            let a = 2.0 * u / length as f32 - 1.0;
            let off = y as f32 - 70.0 - 40.0 * arc.across(a) - 4.0 * a;
            match off {
                -20.0..20.0 => 0.8 - 0.6 * at_place(&template, roll.unrolled(u, length as f32)).map_or(0.0, |(dark, _)| dark),
                26.0..34.0 if (x / 3).is_multiple_of(3) => 0.5,
                _ => 0.8,
            }
        };
        let width = 2 * (length + 2 * QUIET);
        let plane = Plane::new(width, 140, (0..width * 140).map(|i| value(i % width, i / width)).collect());
        let [left, right] = [2.0 * QUIET as f64 - 0.5, 2.0 * (QUIET + length) as f64 - 0.5];
        // A strip that knows of no arc, lies 5 px too low and isn't turned.
        let corners = [[left, 55.0], [right, 55.0], [right, 95.0], [left, 95.0]];
        let near = |found: f32, px: f32| assert!((found * 40.0 - px).abs() < 2.1, "{} px where {px} are right", found * 40.0);
        let pixels = around(&plane, &corners, length).unwrap();
        for band in [band_of_bars(&pixels, roll, &Warp::default(), &template).unwrap(), band_of_changes(&pixels).unwrap()] {
            near(band.arc.sag, -14.0);
            near(band.rise, 4.0);
            near(band.rows[0], -25.0);
            near(band.rows[1], 15.0);
        }
        let blank = around(&Plane::new(width, 140, vec![0.8; width * 140]), &corners, length).unwrap();
        assert!(band_of_bars(&blank, roll, &Warp::default(), &template).is_none());
        assert!(band_of_changes(&blank).is_none());
    }
}
