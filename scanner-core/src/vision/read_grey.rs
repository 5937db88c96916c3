//! A located strip, from grey values to an accepted text, where binarised rows gave none.

use std::sync::Arc;

use super::decode::ends::{Span, spans};
use super::decode::grey_level::{FittedStrip, GreyLevelRule, look_along};
use super::geometry::{on_full_picture, shorter_side};
use super::locate::LinearBox;
use super::outline::refine_edges;
use super::rectify::{Strip, Subset};
use super::{Corners, Evidence, Plane, Reading, UndecidedStrip};
use crate::codes::{self, Symbology};

/// Characters between start and stop of a traceability code of 20 digits, its check character counted.
const CHARACTERS: usize = 11;
/// Its modules from start to stop.
const MODULES: f64 = 145.0;
/// Resolutions at which it is tried, px per module.
const RANGE: std::ops::Range<f64> = 0.4..6.0;
/// Length ÷ height of a printed code, foreshortening allowed for.
const ASPECT: std::ops::Range<f64> = 1.0..14.0;

/// Share of a strip's height, around its middle, in which start and stop are looked for.
const MIDDLE: f64 = 0.6;
/// How far beyond a strip's ends, in its lengths.
const BEYOND: f64 = 0.25;
/// Most places in a strip that are read.
const MOST_SPANS: usize = 3;
/// How far start and stop may be from where they were found, modules.
const REACH: usize = 2;

/// What grey values gave.
#[derive(Debug, Clone, PartialEq)]
pub enum GreyReading {
    /// A text that was accepted.
    Read(Reading),
    /// None, but what other views may decide with; empty where nothing looked like a code.
    Undecided(Vec<UndecidedStrip>),
}

/// Reads the strip `place` of `pyramid[level]` as a Code 128 of 20 digits.
pub fn read_grey(pyramid: &[Plane], place: &LinearBox, level: usize, rule: &GreyLevelRule) -> GreyReading {
    let full = place.rescaled(level as i32);
    let px_per_module = full.length() / MODULES;
    if !RANGE.contains(&px_per_module) || !ASPECT.contains(&(full.length() / full.height().max(1e-6))) {
        return GreyReading::Undecided(Vec::new());
    }
    // Above three pixels per module the next level says as much and costs a quarter.
    let level = if px_per_module > 3.0 { 1.min(pyramid.len() - 1) } else { 0 };
    let strip = full.rescaled(-(level as i32));
    let plane = &pyramid[level];
    let mut found = Vec::new();
    for corners in codes(plane, &strip) {
        let Some(strip) = look_along(plane, &corners, CHARACTERS, REACH) else { continue };
        if let Some(reading) = accepted(&strip, level, rule) {
            return GreyReading::Read(reading);
        }
        found.push(undecided(strip, level));
    }
    GreyReading::Undecided(found)
}

/// Where in a strip a code may lie, the likeliest first: between its start and its stop, between the edges of its bars.
fn codes(plane: &Plane, strip: &LinearBox) -> Vec<Corners> {
    let half = strip.height() * MIDDLE / 2.0;
    let middle = [(strip.top[0] + strip.bottom[0]) / 2.0, (strip.top[1] + strip.bottom[1]) / 2.0];
    let core = LinearBox { top: [middle[0] - half, middle[1]], bottom: [middle[0] + half, middle[1]], ..*strip };
    let profile = Strip::gather(plane, &core, strip.length() * BEYOND).profile(Subset::Full);
    let found = spans(&profile, strip.ends, MODULES as usize, MOST_SPANS);
    let mut place = *strip;
    if let Some(best) = found.first() {
        (place.top, place.bottom) = refine_edges(plane, strip, &profile, [best.start, best.stop]);
    }
    let directed = |span: &Span| {
        if span.start <= span.stop {
            place.corners(span.start, span.stop)
        } else {
            let [a, b, c, d] = place.corners(span.stop, span.start);
            [c, d, a, b]
        }
    };
    found.iter().map(directed).collect()
}

fn accepted(strip: &FittedStrip, level: usize, rule: &GreyLevelRule) -> Option<Reading> {
    let found = &strip.text;
    if !found.accepted(rule) {
        return None;
    }
    let text = found.text()?.text;
    let corners = found.corners.map(|c| on_full_picture(c, level));
    Some(Reading {
        role: codes::role(&text, Symbology::Code128),
        text,
        symbology: Symbology::Code128,
        px_per_module: shorter_side(&corners) / MODULES,
        corners,
        // One look at all pixels at once; its margin is a likelihood ratio, capped to what a full count of looks could say.
        evidence: Evidence { agreeing: 1, decoded: 1, tried: 1, margin: f64::from(found.margin / rule.margin).min(10.0) },
    })
}

fn undecided(strip: FittedStrip, level: usize) -> UndecidedStrip {
    let corners: Corners = strip.text.corners.map(|c| on_full_picture(c, level));
    UndecidedStrip { corners, px_per_module: shorter_side(&corners) / MODULES, level, strip: Arc::new(strip) }
}
