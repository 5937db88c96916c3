//! Located finders, from grey values to Data Matrix texts.

use std::time::Instant;

use rayon::prelude::*;

use super::decode::data_matrix::{Attempt, Finder, Found, MatrixRule, read_finder, read_outline, read_outline_again};
use super::geometry::{area, on_full_picture};
use super::locate::MatrixOutline;
use super::read_places::is_open_at;
use super::{Evidence, Plane, Reading};
use crate::codes::{self, Symbology};

/// Symbols that are looked at side by side, before it is asked which of the others lie on what was read.
const SIDE_BY_SIDE: usize = 4;
/// Effort that a frame's outlines and its finders may take in vain (see [`Attempt`]), and what one of those side by side may take of what is left: a sixth.
/// Of 248 symbols that were read in loads of mostly matrix codes, of tubes and of bottles the hardest took 1,600.
const OUTLINES_EFFORT: usize = 12_000;
const FINDERS_EFFORT: usize = 2_000;
const SHARE: usize = 6;
const _: () = assert!(SIDE_BY_SIDE <= SHARE);

/// Reads the symbols of finders; each is (level of the pyramid, place on it). Edges in parts make several finders of one symbol: once one of them was
/// read, the others are not looked at.
pub fn read_finders(pyramid: &[Plane], finders: &[(usize, Finder)], rule: &MatrixRule) -> Vec<Reading> {
    let open = |readings: &[Reading], (level, finder): &(usize, Finder)| {
        let middle = [0, 1].map(|k| (finder.right[k] + finder.up[k]) / 2.0);
        is_open_at(readings, on_full_picture(middle, *level))
    };
    let read = |(level, finder): &(usize, Finder), effort| {
        let attempt = Attempt::within(*rule, effort);
        let found = read_finder(&pyramid[*level], finder, &attempt);
        (found.map(|found| reading(&found, *level)), attempt.spent())
    };
    read_sparingly(finders, FINDERS_EFFORT, open, read)
}

/// Reads the symbols of outlines. None is begun after the deadline.
pub fn read_outlines(pyramid: &[Plane], outlines: &[MatrixOutline], rule: &MatrixRule, deadline: Instant) -> Vec<Reading> {
    let read = |outline: &MatrixOutline, effort| {
        let attempt = Attempt::within(*rule, effort);
        let (plane, corners) = (&pyramid[outline.level], &outline.corners);
        let in_time = || Instant::now() < deadline;
        let found = if in_time() { read_outline(plane, corners, &attempt) } else { None };
        let again = || if outline.sure && in_time() { read_outline_again(plane, corners, &attempt) } else { None };
        (found.or_else(again).map(|found| reading(&found, outline.level)), attempt.spent())
    };
    read_sparingly(outlines, OUTLINES_EFFORT, |_, _| true, read)
}

/// Reads places, most promising first, that are still open. Each of those that are looked at side by side may take [`SHARE`] of the effort that is left;
/// what it took in vain is taken off. So a texture that looks like symbols everywhere takes no more than `effort`, and what is read costs nothing.
fn read_sparingly<P: Sync>(
    places: &[P],
    mut effort: usize,
    open: impl Fn(&[Reading], &P) -> bool,
    read: impl Fn(&P, usize) -> (Option<Reading>, usize) + Sync,
) -> Vec<Reading> {
    let mut readings: Vec<Reading> = Vec::new();
    for some in places.chunks(SIDE_BY_SIDE) {
        let share = effort / SHARE;
        let open: Vec<&P> = some.iter().filter(|place| open(&readings, place)).collect();
        for (reading, spent) in open.into_par_iter().map(|place| read(place, share)).collect::<Vec<_>>() {
            match reading {
                Some(reading) => readings.push(reading),
                None => effort -= spent,
            }
        }
    }
    readings
}

fn reading(found: &Found, level: usize) -> Reading {
    let corners = found.corners.map(|c| on_full_picture(c, level));
    let [corrected, checks] = found.corrected.map(|n| n as f64);
    Reading {
        text: found.text.clone(),
        symbology: Symbology::DataMatrix,
        role: codes::role(&found.text, Symbology::DataMatrix),
        corners,
        px_per_module: area(&corners).sqrt() / found.modules,
        // The check symbols that were not needed, out of ten.
        evidence: Evidence { agreeing: 1, decoded: 1, tried: 1, margin: 10.0 * (1.0 - corrected / checks) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Reads what is even, for ten units; takes everything for what is odd.
    fn shares(places: &[u32], effort: usize, open: impl Fn(&[Reading], &u32) -> bool) -> (Vec<String>, Vec<(u32, usize)>) {
        let shares = Mutex::new(Vec::new());
        let read = |place: &u32, share: usize| {
            shares.lock().unwrap().push((*place, share));
            let found = Found { text: format!("{place}"), corners: [[0.0; 2]; 4], modules: 22.0, corrected: [0, 20] };
            if place.is_multiple_of(2) && share >= 10 { (Some(reading(&found, 0)), 10) } else { (None, share) }
        };
        let readings = read_sparingly(places, effort, open, read);
        let mut shares = shares.into_inner().unwrap();
        shares.sort_unstable();
        (readings.into_iter().map(|r| r.text).collect(), shares)
    }

    #[test]
    fn what_is_read_costs_nothing() {
        let places: Vec<u32> = (0..1000).map(|i| 2 * i).collect();
        let (texts, shares) = shares(&places, 60, |_, _| true);
        assert_eq!(texts.len(), 1000);
        assert!(shares.iter().all(|(_, share)| *share == 10));
    }

    #[test]
    fn what_is_in_vain_ends() {
        // Four side by side take a sixth each, then of what is left.
        let (texts, shares) = shares(&[1, 3, 5, 7, 8, 9, 11, 13, 15, 17], 54, |_, _| true);
        assert_eq!(texts, [""; 0]);
        assert_eq!(shares, [(1, 9), (3, 9), (5, 9), (7, 9), (8, 3), (9, 3), (11, 3), (13, 3), (15, 1), (17, 1)]);
    }

    #[test]
    fn what_is_left_is_shared() {
        let (texts, shares) = shares(&[1, 2, 4, 6, 8, 10, 3, 5, 12], 6_000, |_, _| true);
        assert_eq!(texts, ["2", "4", "6", "8", "10", "12"]);
        assert_eq!(shares, [(1, 1000), (2, 1000), (3, 833), (4, 1000), (5, 833), (6, 1000), (8, 833), (10, 833), (12, 555)]);
    }

    #[test]
    fn what_was_read_closes_other_places() {
        let (texts, shares) = shares(&[2, 2, 2, 2, 2, 4], 60, |readings, place| !readings.iter().any(|r| r.text == place.to_string()));
        // The first four go side by side.
        assert_eq!(texts, ["2", "2", "2", "2", "4"]);
        assert_eq!(shares.len(), 5);
    }
}
