//! A located strip, from grey values to an accepted text, where binarised rows gave none.

use std::sync::Arc;

use super::decode::ends::{Span, spans};
use super::decode::grey_level::{FittedStrip, GreyLevelRule, look_along, look_at_code128};
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
const MOST_SPANS: usize = 2;
/// Least sum of correlations of both ends; codes that were read have 1.5 to 2.
const LEAST_ENDS: f32 = 1.4;
/// A place whose ends correlate less than the best one's by this is not read.
const AS_LIKELY: f32 = 0.1;
/// Share of a rough strip's variance that straight bars must explain.
const STRAIGHT_BARS: f64 = 0.35;
/// Pixels without which a rough strip is not looked at.
const LEAST_PIXELS: usize = 100;
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

/// Reads the strip `place` of `pyramid[level]` as a Code 128 of 20 digits: between the start and the stop that it shows, unless they have been `searched`,
/// then from end to end.
pub fn read_grey(pyramid: &[Plane], place: &LinearBox, level: usize, rule: &GreyLevelRule, searched: bool) -> GreyReading {
    let between = if searched { GreyReading::Undecided(Vec::new()) } else { read_between_ends(pyramid, place, level, rule) };
    let GreyReading::Undecided(mut strips) = between else { return between };
    if let Some((level, strip)) = on_its_level(pyramid, place, level) {
        let found = look_at_code128(&pyramid[level], &strip.corners(strip.ends[0], strip.ends[1]), CHARACTERS);
        if let Some(reading) = found.first().and_then(|best| accepted(&pyramid[level], best, level, rule)) {
            return GreyReading::Read(reading);
        }
        strips.extend(found.into_iter().map(|strip| undecided(strip, level)));
    }
    GreyReading::Undecided(strips)
}

/// The strip on the level that it is read on; `None` if it has not the size or shape of a code.
fn on_its_level(pyramid: &[Plane], place: &LinearBox, level: usize) -> Option<(usize, LinearBox)> {
    let full = place.rescaled(level as i32);
    let px_per_module = full.length() / MODULES;
    let fits = RANGE.contains(&px_per_module) && ASPECT.contains(&(full.length() / full.height().max(1e-6)));
    let level = self::level(pyramid, px_per_module);
    fits.then(|| (level, full.rescaled(-(level as i32))))
}

/// The same between the start and the stop that the strip shows.
fn read_between_ends(pyramid: &[Plane], place: &LinearBox, level: usize, rule: &GreyLevelRule) -> GreyReading {
    let Some((level, strip)) = on_its_level(pyramid, place, level) else { return GreyReading::Undecided(Vec::new()) };
    let plane = &pyramid[level];
    let mut found = Vec::new();
    for corners in codes(plane, &strip) {
        let Some(strip) = look_along(plane, &corners, CHARACTERS, REACH) else { continue };
        if let Some(reading) = accepted(plane, &strip, level, rule) {
            return GreyReading::Read(reading);
        }
        found.push(undecided(strip, level));
    }
    GreyReading::Undecided(found)
}

/// Reads a strip of the full picture whose direction and size are known roughly.
pub fn read_rough(pyramid: &[Plane], place: &LinearBox, rule: &GreyLevelRule) -> GreyReading {
    let level = level(pyramid, place.length() / MODULES);
    let rough = place.rescaled(-(level as i32));
    let mut core = Strip::gather(&pyramid[level], &middle(&rough), 0.0);
    if core.len() < LEAST_PIXELS || core.straighten() < STRAIGHT_BARS {
        return GreyReading::Undecided(Vec::new());
    }
    let place = LinearBox { lean: core.place.lean, spread: core.place.spread, ..rough };
    read_between_ends(pyramid, &place, level, rule)
}

/// Above three pixels per module the next level says as much and costs a quarter.
fn level(pyramid: &[Plane], px_per_module: f64) -> usize {
    if px_per_module > 3.0 { 1.min(pyramid.len() - 1) } else { 0 }
}

/// The middle rows of a strip.
fn middle(strip: &LinearBox) -> LinearBox {
    let half = strip.height() * MIDDLE / 2.0;
    let middle = [(strip.top[0] + strip.bottom[0]) / 2.0, (strip.top[1] + strip.bottom[1]) / 2.0];
    LinearBox { top: [middle[0] - half, middle[1]], bottom: [middle[0] + half, middle[1]], ..*strip }
}

/// Where in a strip a code may lie, the likeliest first: between its start and its stop, between the edges of its bars.
fn codes(plane: &Plane, strip: &LinearBox) -> Vec<Corners> {
    let profile = Strip::gather(plane, &middle(strip), strip.length() * BEYOND).profile(Subset::Full);
    let mut found = spans(&profile, strip.ends, MODULES as usize, MOST_SPANS);
    let best = found.first().map_or(0.0, |span| span.score);
    found.retain(|span| span.score > LEAST_ENDS.max(best - AS_LIKELY));
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

/// A reading where `rule` lets the text pass and it is twenty digits: all that a strip of this length is read for.
fn accepted(plane: &Plane, strip: &FittedStrip, level: usize, rule: &GreyLevelRule) -> Option<Reading> {
    let found = &strip.text;
    if !found.accepted(rule) {
        return None;
    }
    let text = found.text()?.twenty_digits()?;
    let corners = between_edges(plane, &found.corners).map(|c| on_full_picture(c, level));
    Some(Reading {
        role: codes::role(&text, Symbology::Code128),
        text,
        symbology: Symbology::Code128,
        px_per_module: shorter_side(&corners) / MODULES,
        corners,
        // One look at all pixels at once; its margin is a likelihood ratio, capped to what a full count of looks could say.
        evidence: Evidence { agreeing: 1, decoded: 1, tried: 1, margin: f64::from(found.sure / rule.sure).min(10.0) },
    })
}

/// The corners of a code that was read, moved along its first and last bar to where the bars end.
fn between_edges(plane: &Plane, corners: &Corners) -> Corners {
    let Some(mut place) = LinearBox::of_corners(corners) else { return *corners };
    let profile = Strip::gather(plane, &middle(&place), 0.0).profile(Subset::Full);
    (place.top, place.bottom) = refine_edges(plane, &place, &profile, place.ends);
    place.corners(place.ends[0], place.ends[1])
}

fn undecided(strip: FittedStrip, level: usize) -> UndecidedStrip {
    let corners: Corners = strip.text.corners.map(|c| on_full_picture(c, level));
    UndecidedStrip { corners, px_per_module: shorter_side(&corners) / MODULES, level, strip: Arc::new(strip) }
}
