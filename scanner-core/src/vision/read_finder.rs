//! Located finders, from grey values to Data Matrix texts.

use std::time::Instant;

use rayon::prelude::*;

use super::decode::data_matrix::{Finder, Found, MatrixRule, read_finder, read_outline, read_outline_again};
use super::geometry::{area, on_full_picture};
use super::locate::MatrixOutline;
use super::read_places::is_open_at;
use super::{Evidence, Plane, Reading};
use crate::codes::{self, Symbology};

/// Finders that are read side by side, before it is asked which of the others lie on what was read.
const SIDE_BY_SIDE: usize = 8;

/// Reads the symbols of finders; each is (level of the pyramid, place on it). Edges in parts make several finders of one symbol: once one of them was
/// read, the others are not looked at.
pub fn read_finders(pyramid: &[Plane], finders: &[(usize, Finder)], rule: &MatrixRule) -> Vec<Reading> {
    let mut readings: Vec<Reading> = Vec::new();
    for some in finders.chunks(SIDE_BY_SIDE) {
        let open = |(level, finder): &&(usize, Finder)| {
            let middle = [0, 1].map(|k| (finder.right[k] + finder.up[k]) / 2.0);
            let middle = on_full_picture(middle, *level);
            is_open_at(&readings, middle)
        };
        let read = |(level, finder): &(usize, Finder)| read_finder(&pyramid[*level], finder, rule).map(|found| reading(&found, *level));
        let open: Vec<&(usize, Finder)> = some.iter().filter(open).collect();
        readings.extend(open.into_par_iter().filter_map(read).collect::<Vec<_>>());
    }
    readings
}

/// Reads the symbols of outlines. None is begun after the deadline.
pub fn read_outlines(pyramid: &[Plane], outlines: &[MatrixOutline], rule: &MatrixRule, deadline: Instant) -> Vec<Reading> {
    let read = |outline: &MatrixOutline| {
        let (plane, corners) = (&pyramid[outline.level], &outline.corners);
        let in_time = || Instant::now() < deadline;
        let found = if in_time() { read_outline(plane, corners, rule) } else { None };
        let again = || if outline.sure && in_time() { read_outline_again(plane, corners, rule) } else { None };
        found.or_else(again).map(|found| reading(&found, outline.level))
    };
    outlines.par_iter().filter_map(read).collect()
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
