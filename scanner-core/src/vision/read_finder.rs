//! Located finders, from grey values to Data Matrix texts.

use rayon::prelude::*;

use super::decode::data_matrix::{Finder, Found, MatrixRule, read_finder};
use super::geometry::{area, on_full_picture};
use super::{Evidence, Plane, Reading};
use crate::codes::{self, Symbology};

/// Reads the symbols of finders; each is (level of the pyramid, place on it).
pub fn read_finders(pyramid: &[Plane], finders: &[(usize, Finder)], rule: &MatrixRule) -> Vec<Reading> {
    let read = |(level, finder): &(usize, Finder)| read_finder(&pyramid[*level], finder, rule).map(|found| reading(&found, *level));
    finders.par_iter().filter_map(read).collect()
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
