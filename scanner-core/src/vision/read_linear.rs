//! One candidate for a linear code, from strip to accepted text.

use std::time::Instant;

use image::{DynamicImage, GrayImage};

use super::binarise::{BinaryRow, Sharpening, binarise, restore};
use super::decode::grey_level::GreyLevelRule;
use super::decode::retail::is_ean13;
use super::decode::{Ballot, LinearText, Look, VoteRule, decode_row};
use super::fit::{SymbolFit, fit_symbol};
use super::geometry::shorter_side;
use super::locate::{LinearBox, LinearCandidate};
use super::outline::refine_edges;
use super::read_grey::{GreyReading, read_grey, read_other_lengths};
use super::rectify::{BINS_PER_PX, Profile, Strip, Subset};
use super::trace::StageSink;
use super::{Corners, Plane, Reading, UndecidedStrip, Unread, UnreadReason};
use crate::codes::{self, Symbology};

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A text that was accepted.
    Read(Reading),
    /// It looked like a code and gave no accepted text.
    Unread(Unread),
    /// It is none.
    Nothing,
}

impl Outcome {
    /// What was read.
    pub fn reading(&self) -> Option<&Reading> {
        match self {
            Self::Read(reading) => Some(reading),
            Self::Unread(_) | Self::Nothing => None,
        }
    }
}

/// When a text from a strip is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearRule {
    /// Agreement between looks.
    pub vote: VoteRule,
    /// Least correlation of the text's print with the grey values.
    pub correlation: f64,
    /// Least share of a Code 128's symbols that explain their place better than any other symbol; of an EAN-13 all digits must.
    pub symbols_best: f64,
    /// When a text from grey values alone is accepted.
    pub grey_level: GreyLevelRule,
    /// Whether Code 128 of other lengths than twenty digits is read by grey values, too, from 0.9 px per module on; not with
    /// [`Locator::Ssd`](super::locate::Locator), as a station is for codes of twenty.
    pub other_lengths: bool,
}

impl LinearRule {
    /// Least share of a symbology's characters that must fit best.
    fn symbols_best(&self, symbology: Symbology) -> f64 {
        // Its check digit lets one error in ten pass.
        if symbology == Symbology::Ean13 { 1.0 } else { self.symbols_best }
    }
}

impl Default for LinearRule {
    fn default() -> Self {
        Self { vote: VoteRule::default(), correlation: 0.8, symbols_best: 0.9, grey_level: GreyLevelRule::default(), other_lengths: true }
    }
}

/// The subsets that a strip is looked at through; pairs of them share no pixel.
const SUBSETS: [Subset; 5] = [Subset::Full, Subset::Upper, Subset::Lower, Subset::Even, Subset::Odd];
/// For modules of less than [`SMALL_MODULE`] px, the likeliest to succeed first; each is tried on all subsets until the vote is clear.
const FOR_SMALL: [Sharpening; 4] =
    [Sharpening::STRONG, Sharpening::MILD, Sharpening { blur_px: 0.55, footprint: true, smoothness: 0.01 }, Sharpening::NONE];
/// For larger ones.
const FOR_LARGE: [Sharpening; 3] = [Sharpening::MILD, Sharpening::NONE, Sharpening::STRONG];
/// See [`FOR_SMALL`].
const SMALL_MODULE: f64 = 2.5;
/// Share of a strip over which its upper and lower half must show the same bars, for another try to be worth it. Bars agree on more than 90 %, text
/// and texture on 50 to 85 %.
const SAME_BARS: f64 = 0.86;
/// The same before the first sharpening, below which nothing is tried.
const HOPELESS: f64 = 0.72;
/// The same before anything is decoded.
const TEXT: f64 = 0.64;
/// The same where modules are smaller than a pixel and noise moves the edges.
const SAME_BARS_SMALL: f64 = 0.75;
/// Flatter strips are lines of text: a code is at least 8 mm high and 50 mm long at most, and foreshortened by no more than 60°.
const LEAST_ASPECT: f64 = 0.07;
/// Share of a strip's variance that straight bars must explain.
const STRAIGHT_BARS: f64 = 0.45;
/// Room beyond the located ends, px.
const MARGIN: f64 = 10.0;
/// Bars without which there is nothing to decode.
const LEAST_BARS: usize = 10;
/// Bars that a strip must show before it is worth reporting as a code that was not read.
const BARS_OF_A_CODE: usize = 18;
/// Modules of a code of twenty digits.
const TWENTY_DIGITS: f64 = 145.0;
/// Bars of a strip that are worth a look at their grey values, by the px per module from which on, if it is a code of twenty digits (which has forty bars):
/// the smaller the modules, the more neighbouring bars merge. An EAN-13 has thirty.
const BARS_OF_TWENTY_DIGITS: [(f64, usize); 4] = [(0.0, 12), (0.5, 20), (0.7, 27), (1.0, 31)];

/// Reads a candidate on its pyramid.
pub fn read_linear(
    pyramid: &[Plane],
    candidate: &LinearCandidate,
    rule: &LinearRule,
    deadline: Instant,
    sink: Option<(&dyn StageSink, usize)>,
) -> Outcome {
    read_linear_keeping(pyramid, candidate, rule, deadline, sink, GreyLook::Everything).0
}

/// What a strip is read for by its grey values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GreyLook {
    /// A code of twenty digits, then any other.
    Everything,
    /// A code of another length: twenty digits have been looked for in this place.
    OtherLengths,
    /// Nothing: the same strip has been looked at.
    Nothing,
}

/// The same, with the strips that grey values left undecided.
pub(super) fn read_linear_keeping(
    pyramid: &[Plane],
    candidate: &LinearCandidate,
    rule: &LinearRule,
    deadline: Instant,
    sink: Option<(&dyn StageSink, usize)>,
    grey: GreyLook,
) -> (Outcome, Vec<UndecidedStrip>) {
    let mut undecided = Vec::new();
    (read(pyramid, candidate, rule, deadline, sink, grey, &mut undecided), undecided)
}

fn read(
    pyramid: &[Plane],
    candidate: &LinearCandidate,
    rule: &LinearRule,
    deadline: Instant,
    sink: Option<(&dyn StageSink, usize)>,
    grey: GreyLook,
    undecided: &mut Vec<UndecidedStrip>,
) -> Outcome {
    let level = candidate.read_on();
    let plane = &pyramid[level];
    let place = candidate.place.rescaled((candidate.level - level) as i32);
    let mut strip = Strip::gather(plane, &place, MARGIN);
    if strip.len() < 100 || place.height() < LEAST_ASPECT * place.length() {
        return Outcome::Nothing;
    }
    if strip.straighten() < STRAIGHT_BARS {
        return Outcome::Nothing;
    }
    // The first cut followed the bars of the middle.
    if strip.place.spread.abs() * strip.place.length() > 0.1 {
        strip = Strip::gather(plane, &strip.place, MARGIN);
        strip.straighten();
    }
    let along = strip.place.along;
    let window = (place.length() * 0.09).max(8.0);
    let ends = [place.ends[0] - 6.0, place.ends[1] + 6.0];
    let mut ballot = Ballot::default();
    let mut rows = Vec::new();
    let mut bars = 0;
    let profiles: Vec<(Subset, Profile)> = SUBSETS.into_iter().zip(strip.profiles(SUBSETS)).collect();
    let mut halves = 0.0;
    // A first cut, for the number of bars alone: three in eleven modules.
    let rough = restore(&profiles[0].1, &Sharpening::MILD, along);
    let first = binarise(&rough, profiles[0].1.start, ends, window, 0.5).bars;
    let module = place.length() / (first.max(1) as f64 * 11.0 / 3.0);
    let sharpenings: &[Sharpening] = if module < SMALL_MODULE { &FOR_SMALL } else { &FOR_LARGE };
    for (index, sharpening) in sharpenings.iter().enumerate() {
        if first < LEAST_BARS || Instant::now() > deadline {
            break;
        }
        let look = |(_, p): &(Subset, Profile)| binarise(&restore(p, sharpening, along), p.start, ends, window, 0.5);
        // Upper against lower half; text ends here, before anything is decoded.
        let (upper, lower) = (look(&profiles[1]), look(&profiles[2]));
        let alike = agreement(&upper, &lower, place.ends);
        if index == 0 && alike < TEXT {
            return Outcome::Nothing;
        }
        let full =
            if *sharpening == Sharpening::MILD { binarise(&rough, profiles[0].1.start, ends, window, 0.5) } else { look(&profiles[0]) };
        let looks = [full, upper, lower, look(&profiles[3]), look(&profiles[4])];
        bars = looks.iter().map(|r| r.bars).fold(bars, usize::max);
        for ((subset, _), row) in profiles.iter().zip(&looks) {
            ballot.add(Look { subset: *subset, sharpening: index as u8 }, decode_row(row));
        }
        halves = alike.max(halves);
        if sink.is_some() {
            rows.extend(profiles.iter().zip(looks).map(|((_, p), row)| (restore(p, sharpening, along), row)));
        }
        if ballot.winner(&rule.vote).is_some() || (ballot.decoded() == 0 && halves < if index == 0 { HOPELESS } else { SAME_BARS }) {
            break;
        }
    }
    if let Some((sink, item)) = sink {
        draw(sink, item, &rows);
    }
    let out_of_time = Instant::now() > deadline;
    if let Some((text, evidence)) = ballot.winner(&rule.vote)
        && let Some(fit) = fit_symbol(&profiles[0].1, &text.symbol, &text.edges)
        && fit.correlation >= rule.correlation
        && fit.symbols_best >= rule.symbols_best(text.symbology)
    {
        let mut place = strip.place;
        (place.top, place.bottom) = refine_edges(plane, &place, &profiles[0].1, fit.ends());
        let (corners, px_per_module) = outline(&place, level, text, &fit);
        return Outcome::Read(Reading {
            text: text.text.clone(),
            symbology: text.symbology,
            role: codes::role(&text.text, text.symbology),
            corners,
            px_per_module,
            evidence,
        });
    }
    let px_per_module = place.length() / TWENTY_DIGITS;
    let least_bars = BARS_OF_TWENTY_DIGITS.iter().rev().find(|(from, _)| px_per_module >= *from).map_or(0, |(_, bars)| *bars);
    let twenty_digits = grey == GreyLook::Everything && bars >= least_bars && halves >= SAME_BARS_SMALL;
    let other_lengths = grey != GreyLook::Nothing && rule.other_lengths && bars >= BARS_OF_A_CODE && halves >= SAME_BARS;
    if (twenty_digits || other_lengths) && !is_ean13(&profiles[0].1, place.ends) {
        if twenty_digits {
            match read_grey(pyramid, &strip.place, level, &rule.grey_level) {
                GreyReading::Read(reading) => return Outcome::Read(reading),
                GreyReading::Undecided(strips) => *undecided = strips,
            }
        }
        if other_lengths && let Some(reading) = read_other_lengths(pyramid, &strip.place, level, bars, &rule.grey_level) {
            return Outcome::Read(reading);
        }
    }
    if bars < BARS_OF_A_CODE || (ballot.decoded() == 0 && halves < SAME_BARS) {
        return Outcome::Nothing;
    }
    let corners = candidate.corners();
    let cut = corners
        .iter()
        .any(|c| c[0] < 2.0 || c[1] < 2.0 || c[0] > pyramid[0].width() as f64 - 3.0 || c[1] > pyramid[0].height() as f64 - 3.0);
    let reason = if cut {
        UnreadReason::CutByFrame
    } else if out_of_time {
        UnreadReason::OutOfTime
    } else if ballot.decoded() == 0 {
        UnreadReason::NothingDecoded
    } else {
        UnreadReason::NoAgreement
    };
    Outcome::Unread(Unread { corners, reason })
}

/// Share of the bits between `ends` that two rows of the same strip have in common.
fn agreement(p: &BinaryRow, q: &BinaryRow, ends: [f64; 2]) -> f64 {
    let bit = |u: f64| ((u - p.start) * p.per_px).max(0.0) as usize;
    let range = bit(ends[0])..bit(ends[1]).min(p.bits.get_size()).min(q.bits.get_size());
    let count = range.len().max(1);
    range.filter(|&i| p.bits.get(i) == q.bits.get(i)).count() as f64 / count as f64
}

/// Corners on the full picture in the order of the conventions, and px per module.
fn outline(place: &LinearBox, level: usize, text: &LinearText, fit: &SymbolFit) -> (Corners, f64) {
    let s = 2f64.powi(level as i32);
    let full = place.rescaled(level as i32);
    let [start, stop] = fit.ends().map(|u| u * s);
    // With u growing from start to stop, smaller b is the reader's left-hand side, hence the top; against u it is the bottom.
    let corners = if start <= stop {
        full.corners(start, stop)
    } else {
        let [a, b, c, d] = full.corners(stop, start);
        [c, d, a, b]
    };
    (corners, shorter_side(&corners) * fit.smallest_module() / text.symbol.modules() as f64)
}

/// The restored profiles and their binarised rows, one below the other.
fn draw(sink: &dyn StageSink, item: usize, rows: &[(Vec<f32>, BinaryRow)]) {
    let width = rows.iter().map(|(r, _)| r.len()).max().unwrap_or(0) as u32;
    if width == 0 {
        return;
    }
    const EACH: u32 = 8;
    let mut strips = GrayImage::from_pixel(width, rows.len() as u32 * EACH, image::Luma([255]));
    let mut bits = strips.clone();
    for (k, (restored, row)) in rows.iter().enumerate() {
        let (lo, hi) = restored.iter().fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
        let per_bin = (row.per_px / BINS_PER_PX as f64) as usize;
        for (x, &v) in restored.iter().enumerate() {
            let grey = ((v - lo) / (hi - lo).max(1e-6) * 255.0) as u8;
            let black = row.bits.try_get(x * per_bin).unwrap_or(false);
            for y in 0..EACH - 1 {
                strips.put_pixel(x as u32, k as u32 * EACH + y, image::Luma([grey]));
                bits.put_pixel(x as u32, k as u32 * EACH + y, image::Luma([if black { 0 } else { 255 }]));
            }
        }
    }
    sink.picture("rectified", item, &DynamicImage::ImageLuma8(strips));
    sink.picture("binarised", item, &DynamicImage::ImageLuma8(bits));
}
