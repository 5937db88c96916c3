//! A located strip, from grey values to an accepted text, where binarised rows gave none.

use std::sync::Arc;

use super::arch::arched;
use super::decode::ends::{Span, spans};
use super::decode::grey_level::{FittedStrip, GreyLevelRule, GreyLevelText, Surface, code_modules, look_along, look_at_code128_on};
use super::decode::retail::is_ean13;
use super::fit::{fit_symbol, quiet_zone};
use super::geometry::{on_full_picture, shorter_side};
use super::locate::LinearBox;
use super::outline::refine_edges;
use super::rectify::{BINS_PER_PX, Profile, Strip};
use super::{Corners, Evidence, Plane, Reading, UndecidedStrip};
use crate::codes::{self, Role, Symbology};

/// Characters between start and stop of a traceability code of 20 digits, its check character counted.
const CHARACTERS: usize = 11;
/// Its modules from start to stop.
const MODULES: f64 = 145.0;
/// Of another length: fewest characters between start and stop, smallest modules, px, and how many characters too few or too many the bars may say.
const FEWEST: isize = 3;
const OTHER_LENGTHS_FROM: f64 = 0.9;
const BARS_MISCOUNTED: [isize; 6] = [0, 1, -1, 2, 3, -2];
/// Least correlation of its print with the grey values, how much beyond its ends is compared, modules, and how dark that may be where it should be light.
const PRINT: f64 = 0.8;
const BESIDE: f64 = 5.5;
const DARK: f64 = 0.25;
/// Resolutions at which it is tried, px per module.
const RANGE: std::ops::Range<f64> = 0.4..6.0;
/// Length ÷ height of a printed code, foreshortening allowed for.
const ASPECT: std::ops::Range<f64> = 1.5..14.0;

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
/// The same of what may lie around something round: there are fewer codes on round packages than lines of text and patterns that look like an arc. Seen
/// squarely a code on one has straight edges, but its modules shrink towards both ends.
const ROUND_BARS: f64 = 0.85;
/// A gap between edges that no space of a code comes to, modules as they are on average, and the slope of an edge, relative to the steep ones.
const WIDEST_SPACE: f64 = 5.5;
const EDGE: f32 = 0.25;
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

/// Reads the strip `place` of `pyramid[level]` as a Code 128 of 20 digits, between the start and the stop that it shows.
pub fn read_grey(pyramid: &[Plane], place: &LinearBox, level: usize, rule: &GreyLevelRule) -> GreyReading {
    let Some((level, strip)) = on_its_level(pyramid, place, level) else { return GreyReading::Undecided(Vec::new()) };
    read_codes(&pyramid[level], &strip, &profile_around(&pyramid[level], &strip), level, rule)
}

/// Reads the strip `place` of `pyramid[level]`, which shows about so many bars, as a Code 128 of any other length than twenty digits, by all that is asked of
/// those and with modules that can be told apart: more or fewer characters fit what is no Code 128 as well where bars merge.
pub fn read_other_lengths(pyramid: &[Plane], place: &LinearBox, level: usize, bars: usize, rule: &GreyLevelRule) -> Option<Reading> {
    // Three bars for the start and each character, four for the stop.
    let likely = (bars.saturating_sub(7) / 3) as isize;
    let full = place.rescaled(level as i32);
    let px_per_module = |characters: usize| full.length() / code_modules(characters) as f64;
    let wanted = BARS_MISCOUNTED.map(|off| likely + off).into_iter().filter(|n| *n >= FEWEST && *n != CHARACTERS as isize);
    let wanted: Vec<usize> = wanted.map(|n| n as usize).filter(|n| px_per_module(*n) >= OTHER_LENGTHS_FROM).collect();
    let mut found: Vec<(Span, usize, usize, LinearBox)> = Vec::new();
    for (level, plane) in pyramid.iter().enumerate() {
        let mut read_here = wanted.iter().filter(|n| self::level(pyramid, px_per_module(**n)) == level).peekable();
        if read_here.peek().is_none() {
            continue;
        }
        let strip = full.rescaled(-(level as i32));
        let profile = profile_around(plane, &strip);
        for characters in read_here {
            let spans = spans(&profile, strip.ends, code_modules(*characters), 1);
            found.extend(spans.into_iter().filter(|span| span.score > LEAST_ENDS).map(|span| (span, *characters, level, strip)));
        }
    }
    found.sort_by(|a, b| b.0.score.total_cmp(&a.0.score));
    found.into_iter().take(MOST_SPANS).find_map(|(span, characters, level, strip)| {
        let plane = &pyramid[level];
        let found = look_along(plane, &between(&strip, &span), characters, REACH)?;
        let text = found.text.accepted(rule).then(|| found.text.text())??.text;
        if !stands_alone(plane, &found.text) {
            return None;
        }
        // What names a package is a matter of twenty digits, or of thresholds.
        Some(reading(plane, &found.text, text, level, rule)).filter(|reading| reading.role != Role::Trace)
    })
}

/// Whether every character of a text explains its place better than any other would when nothing but both ends, the middle and the blur are fitted, and there
/// are no more bars beside it. The reader's own geometry may bend a short code until a character fits that was not printed; and the end of a longer code says
/// something by itself once in some hundred times.
fn stands_alone(plane: &Plane, found: &GreyLevelText) -> bool {
    let Some(place) = LinearBox::of_corners(&found.corners) else { return false };
    let modules = found.symbol.modules() as f64;
    let profile = Strip::gather(plane, &middle(&place), BESIDE * place.length() / modules).profile();
    let edges: Vec<f64> = found.symbol.edges().iter().map(|at| place.ends[0] + place.length() * at / modules).collect();
    let fit = fit_symbol(&profile, &found.symbol, &edges);
    fit.is_some_and(|fit| fit.correlation > PRINT && fit.symbols_best >= 1.0 && quiet_zone(&profile, &found.symbol, &fit) < DARK)
}

/// The strip on the level that it is read on; `None` if it has not the size or shape of a code.
fn on_its_level(pyramid: &[Plane], place: &LinearBox, level: usize) -> Option<(usize, LinearBox)> {
    let full = place.rescaled(level as i32);
    let px_per_module = full.length() / MODULES;
    let fits = RANGE.contains(&px_per_module) && ASPECT.contains(&(full.length() / full.height().max(1e-6)));
    let level = self::level(pyramid, px_per_module);
    fits.then(|| (level, full.rescaled(-(level as i32))))
}

/// The same of a strip that has the size and shape of a code, is on the level that it is read on, and whose profile is known.
fn read_codes(plane: &Plane, strip: &LinearBox, profile: &Profile, level: usize, rule: &GreyLevelRule) -> GreyReading {
    let mut found = Vec::new();
    for corners in codes(plane, strip, profile) {
        let Some(strip) = look_along(plane, &corners, CHARACTERS, REACH) else { continue };
        if let Some(reading) = accepted(plane, &strip, level, rule) {
            return GreyReading::Read(reading);
        }
        found.push(undecided(strip, level));
    }
    GreyReading::Undecided(found)
}

/// A strip whose direction and size are known roughly and in which nothing was read as on a face.
pub struct RoughStrip {
    place: LinearBox,
    level: usize,
    straight: Option<Straightened>,
}

/// Reads a strip of the full picture whose direction and size are known roughly, as on a face. What gave no text may be tried by [`read_round`], unless it
/// is an EAN-13.
pub fn read_rough(pyramid: &[Plane], place: &LinearBox, rule: &GreyLevelRule) -> (GreyReading, Option<RoughStrip>) {
    let level = level(pyramid, place.length() / MODULES);
    let rough = place.rescaled(-(level as i32));
    let plane = &pyramid[level];
    let mut flat = GreyReading::Undecided(Vec::new());
    let straight = straightened(plane, &rough);
    if let Some(place) = straight.and_then(|straight| straight.with(STRAIGHT_BARS)) {
        let profile = profile_around(plane, &place);
        if is_ean13(&profile, place.ends) {
            return (flat, None);
        }
        if let Some((_, strip)) = on_its_level(pyramid, &place, level) {
            flat = read_codes(plane, &strip, &profile, level, rule);
        }
    }
    let open = matches!(flat, GreyReading::Undecided(_)).then_some(RoughStrip { place: rough, level, straight });
    (flat, open)
}

/// A strip with the direction of its bars.
#[derive(Clone, Copy)]
struct Straightened {
    place: LinearBox,
    /// Share of its variance that straight bars explain.
    share: f64,
}

impl Straightened {
    /// The strip, if straight bars explain at least a share of it.
    fn with(self, least: f64) -> Option<LinearBox> {
        (self.share >= least).then_some(self.place)
    }
}

/// A strip with the direction of its bars; `None` where it has too few pixels to show any.
fn straightened(plane: &Plane, rough: &LinearBox) -> Option<Straightened> {
    let mut core = Strip::gather(plane, &middle(rough), 0.0);
    (core.len() >= LEAST_PIXELS).then(|| {
        let share = core.straighten();
        Straightened { place: LinearBox { lean: core.place.lean, spread: core.place.spread, ..*rough }, share }
    })
}

/// Reads a strip whose code lies around something round: along its arc, or, seen squarely, as it is once it is straight; unless the bars that it comes to
/// are not `open` (corners on the full picture): a box beside a code may slide onto it.
pub fn read_round(pyramid: &[Plane], strip: &RoughStrip, rule: &GreyLevelRule, open: impl Fn(&Corners) -> bool) -> Option<Reading> {
    let plane = &pyramid[strip.level];
    let aslant = arched(plane, &strip.place).and_then(|place| straightened(plane, &place));
    let place = [aslant, strip.straight].into_iter().flatten().find_map(|straight| straight.with(ROUND_BARS))?;
    let ends = bars_around(&profile_around(plane, &place), (place.ends[0] + place.ends[1]) / 2.0, place.length() / MODULES)?;
    let (length, height) = (ends[1] - ends[0], place.height());
    if !RANGE.contains(&(length / MODULES)) || !ASPECT.contains(&(length / height)) {
        return None;
    }
    let corners = place.corners(ends[0], ends[1]);
    if !open(&corners.map(|c| on_full_picture(c, strip.level))) {
        return None;
    }
    let found = look_at_code128_on(plane, &corners, Surface::Round, CHARACTERS);
    found.first().and_then(|best| accepted(plane, best, strip.level, rule))
}

/// First and last edge of the bars around `middle` of a profile, in which no gap is as wide as a quiet zone; modules are `module` px wide on average.
fn bars_around(profile: &Profile, middle: f64, module: f64) -> Option<[f64; 2]> {
    const HALF: usize = BINS_PER_PX / 2;
    let slope = |i: usize| {
        let seen = profile.weight[i - HALF].min(profile.weight[i + HALF]) > 0.0;
        if seen { (profile.mean[i + HALF] - profile.mean[i - HALF]).abs() } else { 0.0 }
    };
    let slopes: Vec<f32> = (HALF..profile.mean.len().saturating_sub(HALF)).map(slope).collect();
    let last = slopes.len().checked_sub(1)?;
    let steep = *slopes.clone().select_nth_unstable_by(last * 4 / 5, f32::total_cmp).1;
    let is_edge = |i: &usize| slopes[*i] > EDGE * steep;
    let gap = (WIDEST_SPACE * module * BINS_PER_PX as f64) as usize;
    let begin = (((middle - profile.start) * BINS_PER_PX as f64) as usize).saturating_sub(HALF).min(last);
    let next = |from: &usize| (from + 1..(from + 1 + gap).min(slopes.len())).rev().find(is_edge);
    let before = |to: &usize| (to.saturating_sub(gap)..*to).find(is_edge);
    let first = std::iter::successors(Some(begin), before).last()?;
    let last = std::iter::successors(Some(begin), next).last()?;
    Some([first, last].map(|i| profile.start + (i + HALF) as f64 / BINS_PER_PX as f64))
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

/// The profile of a strip's middle rows, with what lies beyond its ends.
fn profile_around(plane: &Plane, strip: &LinearBox) -> Profile {
    Strip::gather(plane, &middle(strip), strip.length() * BEYOND).profile()
}

/// Where in a strip with this profile a code may lie, the likeliest first: between its start and its stop, between the edges of its bars.
fn codes(plane: &Plane, strip: &LinearBox, profile: &Profile) -> Vec<Corners> {
    let mut found = spans(profile, strip.ends, MODULES as usize, MOST_SPANS);
    let best = found.first().map_or(0.0, |span| span.score);
    found.retain(|span| span.score > LEAST_ENDS.max(best - AS_LIKELY));
    let mut place = *strip;
    if let Some(best) = found.first() {
        (place.top, place.bottom) = refine_edges(plane, strip, profile, [best.start, best.stop]);
    }
    found.iter().map(|span| between(&place, span)).collect()
}

/// The corners of a span in a strip, from the start on.
fn between(place: &LinearBox, span: &Span) -> Corners {
    if span.start <= span.stop {
        place.corners(span.start, span.stop)
    } else {
        let [a, b, c, d] = place.corners(span.stop, span.start);
        [c, d, a, b]
    }
}

/// A reading where `rule` lets the text pass and it is twenty digits: all that a strip of this length is read for.
fn accepted(plane: &Plane, strip: &FittedStrip, level: usize, rule: &GreyLevelRule) -> Option<Reading> {
    let found = &strip.text;
    if !found.accepted(rule) {
        return None;
    }
    let text = found.text()?.twenty_digits()?;
    Some(reading(plane, found, text, level, rule))
}

/// What is said of a text that was accepted.
fn reading(plane: &Plane, found: &GreyLevelText, text: String, level: usize, rule: &GreyLevelRule) -> Reading {
    let corners = between_edges(plane, &found.corners).map(|c| on_full_picture(c, level));
    Reading {
        role: codes::role(&text, Symbology::Code128),
        text,
        symbology: Symbology::Code128,
        px_per_module: shorter_side(&corners) / found.symbol.modules() as f64,
        corners,
        // One look at all pixels at once; its margin is a likelihood ratio, capped to what a full count of looks could say.
        evidence: Evidence { agreeing: 1, decoded: 1, tried: 1, margin: f64::from(found.sure / rule.sure).min(10.0) },
    }
}

/// The corners of a code that was read, moved along its first and last bar to where the bars end.
fn between_edges(plane: &Plane, corners: &Corners) -> Corners {
    let Some(mut place) = LinearBox::of_corners(corners) else { return *corners };
    let profile = Strip::gather(plane, &middle(&place), 0.0).profile();
    (place.top, place.bottom) = refine_edges(plane, &place, &profile, place.ends);
    place.corners(place.ends[0], place.ends[1])
}

fn undecided(strip: FittedStrip, level: usize) -> UndecidedStrip {
    let corners: Corners = strip.text.corners.map(|c| on_full_picture(c, level));
    UndecidedStrip { corners, px_per_module: shorter_side(&corners) / MODULES, level, strip: Arc::new(strip) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::decode::LinearSymbol;

    const DIGITS: &str = "87249577757200384604";
    /// Bottle: radius, px; half the angle that the code reaches over; sine of the camera's height over the plane square to its axis.
    const RADIUS: f64 = 115.0;
    const REACHES: f64 = 0.7;
    const ASLANT: f64 = 0.6;
    /// Height of the bars, px, and where the code's middle lies.
    const HEIGHT: f64 = 30.0;
    const MIDDLE: [f64; 2] = [130.4, 90.7];

    /// Whether each module is dark.
    fn dark_modules(symbol: &LinearSymbol) -> Vec<bool> {
        symbol.runs.iter().enumerate().flat_map(|(i, n)| vec![i % 2 == 0; usize::from(*n)]).collect()
    }

    /// What pixels see of grey values by place, px.
    fn photographed(grey: impl Fn(f64, f64) -> f64) -> Plane {
        const SUB: usize = 6;
        let pixel = |i: usize| {
            let at = |n: usize, k: usize| n as f64 + (k as f64 + 0.5) / SUB as f64 - 0.5;
            let sum: f64 = (0..SUB * SUB).map(|k| grey(at(i % 260, k % SUB), at(i / 260, k / SUB))).sum();
            (sum / (SUB * SUB) as f64) as f32
        };
        Plane::new(260, 180, (0..260 * 180).map(pixel).collect())
    }

    /// A bottle upright in the picture, its code turned by `turn` from the line of sight.
    fn bottle(turn: f64, aslant: f64) -> Plane {
        let modules = dark_modules(&LinearSymbol::code128_digits(DIGITS).unwrap());
        let grey = |x: f64, y: f64| {
            let sin = (x - MIDDLE[0]) / RADIUS;
            if sin.abs() > 0.98 {
                return 0.1;
            }
            let angle = sin.asin();
            let off = y - MIDDLE[1] + RADIUS * aslant * (1.0 - angle.cos());
            let place = ((angle - turn) / REACHES + 1.0) / 2.0 * 145.0;
            let dark = off.abs() < HEIGHT / 2.0 && place >= 0.0 && modules.get(place as usize).is_some_and(|dark| *dark);
            // Round things are darker at their sides.
            (0.25 + 0.55 * angle.cos()) * if dark { 0.15 } else { 1.0 }
        };
        photographed(grey)
    }

    /// The chord of the code as a detector says it, wider by some pixels.
    fn chord(turn: f64, aslant: f64) -> LinearBox {
        let end = |side: f64| {
            let angle = turn + side * REACHES;
            [MIDDLE[0] + RADIUS * angle.sin(), MIDDLE[1] - RADIUS * aslant * (1.0 - angle.cos())]
        };
        let (a, b) = (end(-1.0), end(1.0));
        let half = HEIGHT / 2.0 + 1.0;
        LinearBox::of_corners(&[[a[0] - 3.0, a[1] - half], [b[0] + 4.0, b[1] - half], [b[0] + 4.0, b[1] + half], [a[0] - 3.0, a[1] + half]])
            .unwrap()
    }

    fn read_as_round(pyramid: &[Plane], place: &LinearBox) -> Option<String> {
        let rule = GreyLevelRule::default();
        let (_, open) = read_rough(pyramid, place, &rule);
        Some(read_round(pyramid, &open?, &rule, |_| true)?.text)
    }

    #[test]
    fn codes_around_bottles_are_read_along_their_arcs() {
        for turn in [0.0, -0.1, 0.15] {
            let plane = bottle(turn, ASLANT);
            let place = arched(&plane, &chord(turn, ASLANT)).unwrap();
            let sag = -place.arch * (place.length() / 2.0).powi(2);
            let expected = RADIUS * ASLANT * (1.0 - REACHES.cos()) * turn.cos();
            assert!((sag - expected).abs() < 0.25 * HEIGHT, "turned by {turn}: {sag} px of {expected}");
            let pyramid = plane.pyramid(2, 32);
            assert_eq!(read_as_round(&pyramid, &chord(turn, ASLANT)).as_deref(), Some(DIGITS), "turned by {turn}");
        }
    }

    /// Modules at one end are half a pixel wide, and blurred as much as those in the middle, of 1.1 px.
    #[test]
    fn codes_around_bottles_are_read_up_to_where_they_turn_away() {
        for turn in [-0.4, 0.4] {
            let pyramid = bottle(turn, ASLANT).pyramid(2, 32);
            assert_eq!(read_as_round(&pyramid, &chord(turn, ASLANT)).as_deref(), Some(DIGITS), "turned by {turn}");
        }
    }

    #[test]
    fn codes_around_bottles_are_read_where_they_are_seen_squarely() {
        for turn in [0.0, -0.2, 0.3] {
            let pyramid = bottle(turn, 0.0).pyramid(2, 32);
            assert_eq!(arched(&pyramid[0], &chord(turn, 0.0)), None, "turned by {turn}: an arc");
            assert_eq!(read_as_round(&pyramid, &chord(turn, 0.0)).as_deref(), Some(DIGITS), "turned by {turn}");
        }
    }

    /// A label with the bars of a text, `module` px wide, turned by a few degrees; and its strip, some px too long.
    fn label(digits: &str, module: f64) -> (Plane, LinearBox, usize) {
        let symbol = LinearSymbol::code128_digits(digits).unwrap();
        let modules = dark_modules(&symbol);
        let (sin, cos) = 0.12f64.sin_cos();
        let half = modules.len() as f64 * module / 2.0;
        let grey = |x: f64, y: f64| {
            let (dx, dy) = (x - MIDDLE[0], y - MIDDLE[1]);
            let (a, b) = (dx * cos + dy * sin, dy * cos - dx * sin);
            let dark = b.abs() < HEIGHT / 2.0 && a >= -half && modules.get(((a + half) / module) as usize).is_some_and(|dark| *dark);
            if dark { 0.1 } else { 0.8 }
        };
        let plane = photographed(grey);
        let corner = |a: f64, b: f64| [MIDDLE[0] + a * cos - b * sin, MIDDLE[1] + a * sin + b * cos];
        let (a, b) = (half + 2.0, HEIGHT / 2.0);
        let place = LinearBox::of_corners(&[corner(-a, -b), corner(a + 1.0, -b), corner(a + 1.0, b), corner(-a, b)]).unwrap();
        (plane, place, symbol.runs.len().div_ceil(2))
    }

    #[test]
    fn codes_of_other_lengths_are_read_where_their_modules_are_large_enough() {
        let read = |digits: &str, module: f64| {
            let (plane, place, bars) = label(digits, module);
            // Two bars have merged with others.
            let found = read_other_lengths(&plane.pyramid(2, 32), &place, 0, bars - 2, &GreyLevelRule::default());
            found.map(|reading| (reading.text, (reading.px_per_module * 10.0).round() / 10.0))
        };
        for digits in ["42094043", "151828814209", "0123456789012345"] {
            assert_eq!(read(digits, 1.1), Some((digits.to_owned(), 1.1)));
        }
        assert_eq!(read("42094043", 0.7), None);
        // Twenty digits have a reader of their own.
        assert_eq!(read(DIGITS, 1.1), None);
    }

    #[test]
    fn what_is_straight_is_not_arched() {
        let bars =
            |x: usize, y: usize| if (40..220).contains(&x) && (70..105).contains(&y) && (x / 2).is_multiple_of(2) { 0.1 } else { 0.8 };
        let plane = Plane::new(260, 180, (0..260 * 180).map(|i| bars(i % 260, i / 260)).collect());
        let place = LinearBox::of_corners(&[[38.0, 68.0], [223.0, 68.0], [223.0, 107.0], [38.0, 107.0]]).unwrap();
        assert_eq!(arched(&plane, &place), None);
        assert_eq!(arched(&Plane::new(260, 180, vec![0.5; 260 * 180]), &place), None);
    }
}
