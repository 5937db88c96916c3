//! How far a code on a round package is arched across its bars.
//!
//! A cylinder seen aslant shows its rims as arcs of ellipses, and a code around it as a band between two such arcs; its bars stay parallel to the axis. The
//! band in which grey values change most along the code says which arc that is.

use super::Plane;
use super::locate::LinearBox;

/// Pieces along the code whose change is added up before arcs are laid over it.
const PIECES: usize = 14;
/// How far above and below its place a code is looked for, heights.
const AROUND: f64 = 1.4;
/// Heights of the band that are tried, and of the margins above and below it in which little should change.
const BANDS: [f64; 3] = [0.6, 0.8, 1.0];
const MARGIN: f64 = 0.25;
/// What is tried, in heights: sags, shifts, and rises from the middle to an end.
const SAGS: i32 = 12;
const SHIFTS: i32 = 6;
const RISES: i32 = 2;
const STEP: f64 = 0.1;
/// Least sag that is one and most that a code has, heights, and how much more than the best straight band an arched one must show.
const SAG: std::ops::Range<f64> = 0.15..1.15;
const MORE: f64 = 1.03;

/// The place with the arc of its code; `None` where a straight band shows as much, or nothing is seen.
pub fn arched(plane: &Plane, place: &LinearBox) -> Option<LinearBox> {
    let (height, half) = (place.height(), place.length() / 2.0);
    let middle = (place.ends[0] + place.ends[1]) / 2.0;
    let axis = [(place.top[0] + place.bottom[0]) / 2.0, (place.top[1] + place.bottom[1]) / 2.0];
    let (columns, rows) = ((2.0 * half).ceil() as usize, (2.0 * AROUND * height).ceil() as usize);
    if columns < 2 * PIECES || height < 4.0 || columns > 4096 || rows > 1024 {
        return None;
    }
    // Of each piece, the change along the code in each row, added up from the first row on.
    let mut running = vec![vec![0f64; rows + 1]; PIECES];
    for row in 0..rows {
        let b = row as f64 - AROUND * height + 0.5;
        let value = |column: usize| {
            let u = place.ends[0] + column as f64;
            let [x, y] = place.on_edge(u, [axis[0] + b, axis[1]]);
            f64::from(plane.sample(x, y))
        };
        let mut before = [value(0), value(1)];
        for sums in &mut running {
            sums[row + 1] = sums[row];
        }
        for column in 2..columns {
            let next = value(column);
            running[(column - 1) * PIECES / columns][row + 1] += (next - before[0]).powi(2);
            before = [before[1], next];
        }
    }
    let change = |piece: usize, b: f64| {
        let row = (b + AROUND * height).clamp(0.0, rows as f64);
        let (whole, part) = (row.floor() as usize, row.fract());
        let sums = &running[piece];
        sums[whole] + part * (sums[(whole + 1).min(rows)] - sums[whole])
    };
    let band = |sag: f64, shift: f64, rise: f64, band: f64| -> f64 {
        let inside = |piece: usize| {
            let t = 2.0 * (piece as f64 + 0.5) / PIECES as f64 - 1.0;
            let centre = (shift + rise * t + sag * (1.0 - t * t)) * height;
            let within = |half: f64| change(piece, centre + half * height) - change(piece, centre - half * height);
            2.0 * within(band / 2.0) - within(band / 2.0 + MARGIN)
        };
        (0..PIECES).map(inside).sum()
    };
    let best = |sags: std::ops::RangeInclusive<i32>| {
        let shifts = (-SHIFTS..=SHIFTS).flat_map(|shift| (-RISES..=RISES).map(move |rise| [shift, rise]));
        let all = sags.flat_map(|sag| shifts.clone().map(move |[shift, rise]| [sag, shift, rise].map(|k| f64::from(k) * STEP)));
        let all = all.flat_map(|at| BANDS.map(|tall| (band(at[0], at[1], at[2], tall), at, tall)));
        all.max_by(|a, b| a.0.total_cmp(&b.0))
    };
    let (straight, ..) = best(0..=0)?;
    let (bowed, [sag, shift, rise], tall) = best(-SAGS..=SAGS)?;
    if !SAG.contains(&sag.abs()) || bowed < MORE * straight {
        return None;
    }
    // b = c + su + au² through the ends and the middle of the arc.
    let arch = -sag * height / (half * half);
    let slope = axis[1] + rise * height / half - 2.0 * arch * middle;
    let offset = axis[0] + (shift + sag) * height - rise * height / half * middle + arch * middle * middle;
    let edge = |side: f64| [offset + side * tall * height / 2.0, slope];
    Some(LinearBox { top: edge(-1.0), bottom: edge(1.0), arch, ..*place })
}
