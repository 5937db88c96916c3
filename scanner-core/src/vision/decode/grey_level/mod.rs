//! Code 128 from grey values, where bars are too small to be told apart: down to about half a pixel per module.
//!
//! No bar is ever binarised. All pixels of a slanted strip, sorted by their sub-pixel place along the code, add up to one oversampled profile
//! (slant super-resolution); a forward model of lens, pixel and light says what profile any text would give; and the text whose profile fits best is
//! found exactly, under the check character, by dynamic programming ([`lattice`]). Geometry, light and blur are refined together with the characters.
//! A text is accepted for its lead over the next best valid text and for how little the model leaves unexplained ([`GreyLevelRule`]).
//!
//! Maximum-likelihood reading of grey values: Gallo and Manduchi, "Reading 1D barcodes with mobile phones using deformable templates", IEEE TPAMI 33
//! (2011), for UPC-A.

mod extent;
mod fit;
mod joint;
mod lattice;
mod model;
mod pixels;
mod relight;
mod rule;
mod settle;
mod templates;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::vision::{Corners, Plane};
use extent::{around, band_of_bars, band_of_changes, rows_of_bars};
use fit::{Light, Residual};
pub use joint::{Contribution, JointRefusal, JointRule, JointText, contribution, decide_together};
use lattice::{Classes, least_cost};
pub use model::code_modules;
use model::{BINS, ByStep, CHARACTER, EdgeResponse, Lens, Optics, QUIET, STOP_MODULES, modules, stop_modules};
use pixels::{Arc, HALF_HEIGHT, Pixels, Profile, Roll, Summed, Warp};
use relight::relit;
pub use rule::{GreyLevelRule, GreyLevelText};
use settle::{Lenses, Refined};
use templates::Templates;

/// What a strip lies on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Surface {
    /// A face, or paper that is bent a little.
    Flat,
    /// Something round, whose axis the bars are parallel to: modules shrink towards the ends, and seen aslant the code is an arc.
    Round,
}

/// What to begin with.
const FIRST: Optics = Optics { lens: Lens::Gaussian, sigma_px: 0.6, growth: 0.0 };
/// How far start and stop may be from where the corners put them, modules, where nothing better is known.
const REACH: usize = 6;

/// How far the bars' lean may be off over their height, modules for each module of reach, and the steps in which it is searched.
const SHEAR_PER_REACH: f32 = 0.4;
const SHEAR_STEP: f32 = 0.2;
/// Pixels that say well enough how they lean.
const ENOUGH_FOR_LEAN: usize = 8192;

/// Least correlation of both ends' patterns together (2 is perfect).
const ENDS: f32 = 1.2;
/// Least sum of that and of how consistently characters begin (3 is perfect): of 1,950 simulated strips that were read 2.1 loses five, this none; in rendered
/// pictures a quarter of what is looked at in vain has less.
const LOOKS_LIKE_ONE: f32 = 1.9;
/// Share of the variance that a first reading has to explain before it is worth refining.
const FIRST_EXPLAINED: f32 = 0.55;

/// Bends that are tried, each way, and their steps in modules: paper bent around a bottle and seen aslant needs the largest. Between steps that are too far
/// apart, the best are refined by [`BEND_BETWEEN`].
const BENDS: i32 = 6;
const BEND_STEP: f32 = 0.6;
const WIDE_BENDS: i32 = 9;
const WIDE_BEND_STEP: f32 = 1.0;
const BEND_BETWEEN: [f32; 5] = [-0.5, -0.25, 0.0, 0.25, 0.5];
/// Bend from which on an arc differs from a parabola, and what is tried for that: paper on a bottle bends away from the camera.
const SKEWED_FROM: f32 = 2.4;
const SKEWS: [f32; 4] = [0.0, 0.6, 1.2, 1.8];
/// What is tried on round packages: half angles that codes reach over, radians, and by how much their middles are off, in steps of modules; then what is
/// tried beside the best.
const ROUND_REACH: usize = 10;
const ROUND_HALVES: [f32; 6] = [0.3, 0.45, 0.6, 0.75, 0.9, 1.05];
const ROUND_STEPS: i32 = 22;
const ROUND_STEP: f32 = 1.2;
const ROUND_BETWEEN: [f32; 5] = [-1.0, -0.5, 0.0, 0.5, 1.0];
/// Bins by which ends are looked for under each of them.
const ROUND_BINS: usize = 2;
/// The same as [`LOOKS_LIKE_ONE`] where so much is tried, and how many of the ways that do, either way round, are looked at closely.
const ROUND_LOOKS_LIKE_ONE: f32 = 2.1;
const MOST_WAYS: usize = 3;
/// Weight of the characters' beginnings against the two ends, whose correlations add up to 2.
const BEGINNINGS: f32 = 1.0;
/// Starting points that a first reading is made of.
const STARTS: usize = 10;

/// Lead or explained share, and misfit, from which on uneven light is taken out and the strip read again.
const RELIT_MARGIN: f32 = 30.0;
const RELIT_EXPLAINED: f32 = 0.85;
const RELIT_MISFIT: f32 = 0.03;
/// How often at most.
const RELIGHTINGS: usize = 3;

/// Lead from which on a text says something about the rows that its bars reach over, and explained share below which that is asked.
const EXTENT_MARGIN: f32 = 8.0;
const EXTENT_EXPLAINED: f32 = 0.95;

/// How often the arc of a code around something round is looked for again.
const ARCS: usize = 2;

/// Lead from which on a text that explains that much is not looked at from another start, and misfit below which its light is even enough.
const CERTAIN_MARGIN: f32 = 100.0;
const WELL_MISFIT: f32 = 0.045;

/// What a first reading must explain, or how consistently its characters must begin, at this many px per module and more. Strips that were read explain
/// 0.86 at first, or begin with 0.75; other codes and print 0.55 to 0.75 and 0.5. What is smaller may still say something together with other views.
const LOOKS_EXPLAINED: f32 = 0.6;
const LOOKS_BEGUN: f32 = 0.5;
const LOOKS_FROM: f32 = 0.6;

/// Most pixels that a strip keeps for a later decision: those beyond are thinned out evenly.
const MOST_PIXELS: usize = 8192;

/// The most likely Code 128 with `characters` characters between start and stop (the check character counted: 11 for 20 digits) in the strip
/// `corners` of `plane`, which may be off by [`REACH`] modules at either end, a few degrees in the bars' lean, and may run either way.
///
/// Work is bounded: it grows with the strip's pixels, and a strip has at most six starting points. `None` where nothing looks like a start and a stop.
pub fn read_code128(plane: &Plane, corners: &Corners, characters: usize) -> Option<GreyLevelText> {
    look_at_code128(plane, corners, characters).into_iter().next().map(|strip| strip.text)
}

/// The same, with all that is needed to decide later, together with other views ([`decide_together`]): for each direction in which the strip could
/// be read, the better explained first. Where one direction leaves no doubt, the other is not looked at.
pub fn look_at_code128(plane: &Plane, corners: &Corners, characters: usize) -> Vec<FittedStrip> {
    look_at_code128_on(plane, corners, Surface::Flat, characters)
}

/// The same on a surface that is known.
pub fn look_at_code128_on(plane: &Plane, corners: &Corners, surface: Surface, characters: usize) -> Vec<FittedStrip> {
    let [a, b, c, d] = *corners;
    let reach = if surface == Surface::Flat { REACH } else { ROUND_REACH };
    let Some((pixels, lean)) = Strip::gather(plane, corners, surface, characters, reach) else { return Vec::new() };
    // The pixels are the same from either end, and so is the bars' lean; what grows to one end or both falls.
    let turned = pixels.turned();
    let other = Warp { twist: -lean.twist, bow: -lean.bow, ..lean };
    let directions = [(pixels, lean, *corners), (turned, other, [c, d, a, b])];
    let strip = |pixels: Pixels, lean: Warp, corners: Corners| Some((Strip::new(pixels, lean, characters, reach)?, corners));
    let mut strips: Vec<(Strip, Corners)> = match surface {
        Surface::Flat => directions.into_iter().filter_map(|(pixels, lean, corners)| strip(pixels, lean, corners)).collect(),
        Surface::Round => {
            let rolls =
                |way: usize| rolls_of(&directions[way].0, &directions[way].1, characters, reach).into_iter().map(move |roll| (way, roll));
            let mut ways: Vec<(usize, (f32, Roll))> = (0..2).flat_map(rolls).collect();
            ways.sort_by(|(_, p), (_, q)| q.0.total_cmp(&p.0));
            ways.truncate(MOST_WAYS);
            let unrolled = |(way, (_, roll)): (usize, (f32, Roll))| {
                let (pixels, lean, corners) = &directions[way];
                strip(pixels.clone().unrolled(roll), *lean, *corners)
            };
            ways.into_iter().filter_map(unrolled).collect()
        }
    };
    strips.sort_by(|(p, _), (q, _)| q.score.total_cmp(&p.score));
    let mut found: Vec<FittedStrip> = Vec::new();
    for (strip, corners) in strips {
        if !found.iter().any(|found| found.text.is_certain()) {
            found.extend(strip.read(plane, &corners));
        }
    }
    found.sort_by(|p, q| q.text.explained.total_cmp(&p.text.explained));
    found
}

/// The same in one direction only, from the start's corners to the stop's, which may be off by `reach` modules.
pub fn look_along(plane: &Plane, corners: &Corners, characters: usize, reach: usize) -> Option<FittedStrip> {
    let (pixels, lean) = Strip::gather(plane, corners, Surface::Flat, characters, reach)?;
    Strip::new(pixels, lean, characters, reach)?.read(plane, corners)
}

/// A strip with the model that fits it best: its pixels by their place along the code, geometry, light and blur.
///
/// Not its likelihoods: those hold for the geometry that was fitted to one text, and that text may be wrong. From the pixels they can be formed again
/// once other views know better. 12 bytes a pixel; a strip of 0.5 px per module has about a thousand, and none keeps more than [`MOST_PIXELS`].
#[derive(Clone, PartialEq)]
pub struct FittedStrip {
    /// The text that it takes to be the likeliest by itself.
    pub text: GreyLevelText,
    pixels: Pixels,
    characters: usize,
    warp: Warp,
    light: Light,
    optics: Optics,
    left: Residual,
}

impl std::fmt::Debug for FittedStrip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FittedStrip").field("text", &self.text).field("pixels", &self.pixels.v.len()).finish_non_exhaustive()
    }
}

/// What an end of a code looks like, blurred, and its squares.
struct EndPattern {
    values: Vec<f32>,
    squares: Vec<f32>,
}

impl EndPattern {
    fn new(values: Vec<f32>) -> Self {
        Self { squares: values.iter().map(|v| v * v).collect(), values }
    }
}

/// What start characters look like, each behind its quiet zone.
type Starts = [(usize, EndPattern); 3];

/// What the ends of a code look like.
struct EndPatterns<'p> {
    starts: &'p Starts,
    /// The stop from its second module on, with its quiet zone.
    stop: &'p EndPattern,
}

impl EndPattern {
    /// Modules of quiet zone that belong to an end's pattern.
    const LIGHT: usize = 6;

    fn starts(edge: &EdgeResponse) -> Starts {
        [103, 104, 105].map(|value| {
            let mut t = vec![0.0; (Self::LIGHT + CHARACTER) * BINS];
            edge.add_bars(&modules(value), Self::LIGHT as isize, &mut t);
            // The last module is blurred with what follows, and that is not known yet.
            t.truncate((Self::LIGHT + CHARACTER - 1) * BINS);
            (value, Self::new(t))
        })
    }

    fn stop(edge: &EdgeResponse) -> Self {
        let mut t = vec![0.0; (STOP_MODULES + Self::LIGHT) * BINS];
        edge.add_bars(&stop_modules(), 0, &mut t);
        // What comes before the stop is not known yet either.
        Self::new(t.split_off(BINS))
    }
}

struct Strip {
    pixels: Pixels,
    characters: usize,
    classes: Classes,
    /// Edges and characters under [`FIRST`].
    edge: ByStep<EdgeResponse>,
    templates: OnceCell<Templates>,
    lenses: Lenses,
    /// How the bars lean.
    lean: Warp,
    /// Starting points: start character and geometry.
    starts: Vec<(usize, Warp)>,
    /// How well the first of them fits.
    score: f32,
}

impl Strip {
    /// The pixels inside `corners`, and how the bars lean.
    fn gather(plane: &Plane, corners: &Corners, surface: Surface, characters: usize, reach: usize) -> Option<(Pixels, Warp)> {
        let length = code_modules(characters);
        let limit = SHEAR_PER_REACH * reach as f32;
        let steps = 2 * (limit / SHEAR_STEP).round() as usize + 1;
        let lean = |pixels: &Pixels| lean(&pixels.some(ENOUGH_FOR_LEAN), limit, steps);
        if surface == Surface::Flat {
            let pixels = Pixels::gather(plane, corners, length, [-HALF_HEIGHT, HALF_HEIGHT], Arc::STRAIGHT)?;
            let lean = lean(&pixels);
            return Some((pixels, lean));
        }
        let along_band = |corners: &Corners| {
            let band = band_of_changes(&around(plane, corners, length)?)?;
            Pixels::gather(plane, &band.corners(corners), length, band.inner(), band.arc)
        };
        // Along an arc, how far bars lean would change places as a bend does: the ends are laid along the bars first.
        let pixels = along_band(corners)?;
        let pixels = along_band(&pixels.framed(&lean(&pixels)))?;
        let lean = lean(&pixels);
        Some((pixels.evened(&lean), lean))
    }

    /// `None` where nothing looks like a start and a stop.
    fn new(pixels: Pixels, lean: Warp, characters: usize, reach: usize) -> Option<Self> {
        let (templates, lenses) = (OnceCell::new(), Lenses::new(pixels.steps()));
        let edge = ByStep::new(&lenses.steps, FIRST);
        let (starts, stop) = (EndPattern::starts(edge.at(0)), EndPattern::stop(edge.at(characters + 1)));
        let patterns = EndPatterns { starts: &starts, stop: &stop };
        let mut strip = Self { pixels, characters, classes: Classes::new(), edge, templates, lenses, lean, starts: Vec::new(), score: 0.0 };
        let found = strip.find_ends(&patterns, reach);
        strip.score = found.first()?.0;
        strip.starts = found.into_iter().map(|(_, value, warp)| (value, warp)).collect();
        Some(strip)
    }

    /// Characters under [`FIRST`].
    fn templates(&self) -> &Templates {
        self.templates.get_or_init(|| Templates::new(&self.lenses.steps, FIRST))
    }

    /// Geometries under which a start and a stop are seen where they should be, and characters begin with bars in between; the best first. None where that
    /// looks like no code.
    fn find_ends(&self, patterns: &EndPatterns<'_>, reach: usize) -> Vec<(f32, usize, Warp)> {
        let straight = self.pixels.profile(&self.lean);
        let mut pairs: Vec<(f32, usize, Warp)> = Vec::new();
        for bent in bends().map(|bend| Warp::bent(bend, 0.0)) {
            pairs.extend(ends_under(&bent, &straight.warped(&bent, self.pixels.length), self.characters, patterns, reach, 1));
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        if pairs.first().is_none_or(|best| best.0 < LOOKS_LIKE_ONE) {
            return Vec::new();
        }
        pairs.truncate(STARTS);
        let straight = straight.summed();
        let found = pairs.into_iter().map(|(score, value, warp)| (score, value, self.between(&straight, warp)));
        let leaning = |warp: Warp| Warp { shear: self.lean.shear, twist: self.lean.twist, bow: self.lean.bow, ..warp };
        found.map(|(score, value, warp)| (score, value, leaning(warp))).collect()
    }

    /// The bend near that of `warp`, and the skew that may go with it, under which characters begin most consistently, both ends held where they are.
    fn between(&self, straight: &Summed<'_>, warp: Warp) -> Warp {
        let length = self.pixels.length;
        let begun = Warp::bent(warp.bend, warp.skew);
        let ends = Warp { offset: warp.offset - begun.offset, scale: warp.scale - begun.scale, ..Warp::default() };
        let near = |(bend, skew): (f32, f32)| {
            let bent = Warp::bent(bend, skew);
            let begins = beginnings(straight, self.characters, |place| bent.undone(ends.undone(place, 0.0, length), 0.0, length));
            (begins, Warp { offset: bent.offset + ends.offset, scale: bent.scale + ends.scale, ..bent })
        };
        let skews: &[f32] = match self.pixels.roll {
            Some(_) => &ROUND_BETWEEN,
            None if warp.bend.abs() > SKEWED_FROM => &SKEWS,
            None => &SKEWS[..1],
        };
        let all = skews.iter().flat_map(|skew| BEND_BETWEEN.map(|more| near((warp.bend + more, warp.skew + skew))));
        all.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(warp, |(_, warp)| warp)
    }

    fn read(mut self, plane: &Plane, corners: &Corners) -> Option<FittedStrip> {
        // A first reading of each starting point; the two that explain most are worth refining.
        let mut tries: Vec<(f32, usize, Warp)> = self
            .starts
            .iter()
            .filter_map(|(start, warp)| {
                let profile = self.pixels.profile(warp);
                let light = self.light_of_ends(&profile, &self.edge, *start)?;
                let costs = self.templates().costs(&profile, &light, self.pixels.length, self.characters);
                let left = least_cost(&costs, *start, &self.classes);
                (left < (1.0 - FIRST_EXPLAINED) * profile.variation()).then_some((left, *start, *warp))
            })
            .collect();
        tries.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (left, _, warp) = *tries.first()?;
        if !self.looks_like_a_code(left, &warp) {
            return None;
        }
        let mut found: Option<Refined> = None;
        let most = if self.pixels.roll.is_none() { 2 } else { 4 };
        for (_, start, warp) in tries.iter().take(most) {
            let again = self.refined(&self.pixels, *start, *warp);
            found = match (found, again) {
                (Some(one), Some(other)) => Some(if other.text.explained > one.text.explained { other } else { one }),
                (one, other) => one.or(other),
            };
            if found.as_ref().is_some_and(|found| found.text.is_certain()) {
                break;
            }
        }
        let mut found = found?;
        if self.pixels.roll.is_some() {
            for _ in 0..ARCS {
                if found.text.margin < EXTENT_MARGIN {
                    break;
                }
                let Some((pixels, again)) = self.along_its_arc(plane, &found) else { break };
                (self.pixels, found) = (pixels, again);
            }
        } else if found.text.margin > EXTENT_MARGIN
            && found.text.explained < EXTENT_EXPLAINED
            && let Some((pixels, again)) = self.with_its_rows(plane, corners, &found)
        {
            (self.pixels, found) = (pixels, again);
        }
        let mut even = None;
        // Where a text stands out and yet much is left over, it may be the light; a better text shows it better.
        for _ in 0..RELIGHTINGS {
            let promising = found.text.margin > RELIT_MARGIN || found.text.explained > RELIT_EXPLAINED;
            let well = found.text.misfit < RELIT_MISFIT
                || (self.pixels.roll.is_none() && found.text.misfit < WELL_MISFIT && found.text.is_certain());
            if !promising || well {
                break;
            }
            let again = relit(&self.pixels, &found.warp, &found.light, &found.template)
                .and_then(|pixels| Some((self.refined(&pixels, usize::from(found.text.symbol.values[0]), found.warp)?, pixels)));
            match again {
                Some((again, pixels)) if again.text.explained > found.text.explained => (found, even) = (again, Some(pixels)),
                _ => break,
            }
        }
        let Refined { text, warp, light, optics, left, .. } = found;
        let pixels = even.unwrap_or(self.pixels).some(MOST_PIXELS).into_owned();
        Some(FittedStrip { text, pixels, characters: self.characters, warp, light, optics, left })
    }

    /// Whether a first reading that leaves over `left` under `warp` may be of a code at all.
    fn looks_like_a_code(&self, left: f32, warp: &Warp) -> bool {
        let [x, y] = self.pixels.step;
        if x.hypot(y) * LOOKS_FROM > 1.0 {
            return true;
        }
        let profile = self.pixels.profile(warp);
        let begun = || beginnings(&profile.summed(), self.characters, |place| place);
        left < (1.0 - LOOKS_EXPLAINED) * profile.variation() || begun() > LOOKS_BEGUN
    }

    /// The same strip from the rows that show the text's bars, read once more. `None` where that explains no more.
    fn with_its_rows(&self, plane: &Plane, corners: &Corners, found: &Refined) -> Option<(Pixels, Refined)> {
        let of_rows = |rows: [f32; 2]| Pixels::gather(plane, corners, code_modules(self.characters), rows, Arc::STRAIGHT);
        let rows = rows_of_bars(&of_rows([-extent::REACH, extent::REACH])?, &found.warp, &found.template)?;
        let pixels = of_rows(rows)?;
        let again = self.refined(&pixels, usize::from(found.text.symbol.values[0]), found.warp)?;
        (again.text.explained > found.text.explained).then_some((pixels, again))
    }

    /// The same of something round, from the arc along which it shows the text's bars.
    fn along_its_arc(&self, plane: &Plane, found: &Refined) -> Option<(Pixels, Refined)> {
        let length = code_modules(self.characters);
        let (corners, roll) = self.pixels.rolled(&found.warp)?;
        let warp = Warp { bow: found.warp.bow, ..Warp::default() };
        let band = band_of_bars(&around(plane, &corners, length)?, roll, &warp, &found.template)?;
        let pixels = Pixels::gather(plane, &band.corners(&corners), length, band.inner(), band.arc)?.unrolled(roll);
        let again = self.refined(&pixels, usize::from(found.text.symbol.values[0]), warp)?;
        (again.text.explained > found.text.explained).then_some((pixels, again))
    }

    fn light_of_ends(&self, profile: &Profile, edge: &ByStep<EdgeResponse>, start: usize) -> Option<Light> {
        let template = edge.whole_code(start, None, self.characters);
        let length = self.pixels.length;
        let known = |u: f32| (u > -6.0 && u < 10.0) || (u > length - 12.0 && u < length + 6.0);
        Light::fit(profile, &template, length, |i| known(place(i))).filter(|l| l.contrast() > 0.0)
    }
}

/// How the code may lie around something round, if it is one: of each half angle what fits its ends and its characters' beginnings best, and how well. Those
/// that look like no code are left out.
fn rolls_of(pixels: &Pixels, lean: &Warp, characters: usize, reach: usize) -> Vec<(f32, Roll)> {
    let straight = pixels.profile(lean);
    let length = pixels.length;
    // Ends as pixels see them there: many rolls have the same.
    let (mut starts, mut stops) = (BTreeMap::new(), BTreeMap::new());
    let mut scored: Vec<(f32, Roll)> = Vec::new();
    for half in ROUND_HALVES {
        let offs = (-ROUND_STEPS..=ROUND_STEPS).map(|k| k as f32 * ROUND_STEP);
        let score = |roll: Roll| {
            let [(first, before), (last, behind)] = roll.ends(pixels.step, length);
            let patterns = EndPatterns {
                starts: starts.entry(first).or_insert_with(|| EndPattern::starts(&EdgeResponse::new(before, FIRST))),
                stop: stops.entry(last).or_insert_with(|| EndPattern::stop(&EdgeResponse::new(behind, FIRST))),
            };
            let pairs = ends_under(&Warp::default(), &straight.unrolled(&roll, length), characters, &patterns, reach, ROUND_BINS);
            Some((pairs.into_iter().map(|pair| pair.0).max_by(f32::total_cmp)?, roll))
        };
        let all = offs.filter_map(|off| Roll::new(half, off, length)).filter_map(score);
        scored.extend(all.max_by(|a, b| a.0.total_cmp(&b.0)));
    }
    scored.retain(|(score, _)| *score >= ROUND_LOOKS_LIKE_ONE);
    scored
}

/// Pairs of places that look like a start and a stop under `bent`, each with how well they and the characters' beginnings fit; looked for
/// by every so many bins.
fn ends_under(
    bent: &Warp,
    profile: &Profile,
    characters: usize,
    patterns: &EndPatterns<'_>,
    reach: usize,
    every: usize,
) -> Vec<(f32, usize, Warp)> {
    let length = code_modules(characters) as f32;
    let mut pairs = Vec::new();
    let profile = profile.summed();
    let scores = |pattern: &EndPattern, begin: usize| -> Vec<(f32, f32)> {
        let reach = (reach * BINS) as isize;
        let at = |shift: isize| -profile.correlation(&pattern.values, &pattern.squares, begin as isize + shift);
        let score: Vec<f32> = (-reach..=reach).step_by(every).map(at).collect();
        peaks(&score).into_iter().map(|i| (((i * every) as isize - reach) as f32 / BINS as f32, score[i])).collect()
    };
    let mut starts = Vec::new();
    for (value, pattern) in patterns.starts {
        let found = scores(pattern, (QUIET - EndPattern::LIGHT) * BINS);
        starts.extend(found.into_iter().take(2).map(|(shift, score)| (*value, shift, score)));
    }
    starts.sort_by(|a, b| b.2.total_cmp(&a.2));
    starts.truncate(4);
    let stops = scores(patterns.stop, (QUIET + CHARACTER * (characters + 1)) * BINS + BINS);
    for (value, first, score) in &starts {
        for (last, other) in stops.iter().take(3) {
            if score + other > ENDS {
                let ends = Warp { offset: -(first + last) / 2.0, scale: -(last - first) / 2.0, ..Warp::default() };
                let begins = beginnings(&profile, characters, |place| ends.undone(place, 0.0, length));
                let warp = Warp { offset: bent.offset + ends.offset, scale: bent.scale + ends.scale, ..*bent };
                pairs.push((score + other + BEGINNINGS * begins, *value, warp));
            }
        }
    }
    pairs
}

/// How the bars lean, fan out and are bowed: as the profile along the code is sharpest. `limit`: how far a bar's end may be off, modules.
fn lean(pixels: &Pixels, limit: f32, steps: usize) -> Warp {
    let sharpness = |warp: &Warp| pixels.profile(warp).sharpness();
    let mut lean = Warp::default();
    lean.shear = maximise(|shear| sharpness(&Warp { shear, ..lean }), limit, steps);
    // Corners that are off by so much at one end only.

    lean.twist = maximise(|twist| sharpness(&Warp { twist, ..lean }), limit, steps);
    lean.bow = maximise(|bow| sharpness(&Warp { bow, ..lean }), 2.0 * limit, steps);
    let shear = lean.shear;
    lean.shear += maximise(|more| sharpness(&Warp { shear: shear + more, ..lean }), limit / 2.0, (steps / 2) | 1);
    lean
}

/// The bends that are tried, modules.
fn bends() -> impl Iterator<Item = f32> {
    let far = BENDS as f32 * BEND_STEP;
    let wide = (1..=WIDE_BENDS).flat_map(move |k| [1.0, -1.0].map(|side| side * (far + k as f32 * WIDE_BEND_STEP)));
    (-BENDS..=BENDS).map(|k| k as f32 * BEND_STEP).chain(wide)
}

/// How consistently characters begin with a bar (1 is perfectly): each of them begins where a space ends, eleven modules after the last. `seen` says where
/// in the profile a place along the code is.
fn beginnings(profile: &Summed<'_>, characters: usize, seen: impl Fn(f32) -> f32) -> f32 {
    let (mut steps, mut squares, mut n) = (0.0f32, 0.0f32, 0.0f32);
    for k in 1..=characters + 1 {
        let place = (CHARACTER * k) as f32;
        let mean = |from: f32, to: f32| profile.mean(seen(place + from), seen(place + to));
        if let (Some(before), Some(after)) = (mean(-1.1, -0.1), mean(0.1, 1.1)) {
            steps += before - after;
            squares += (before - after).powi(2);
            n += 1.0;
        }
    }
    if squares > 0.0 { steps / (n * squares).sqrt() } else { 0.0 }
}

/// Place of a bin's centre along the code, modules.
fn place(bin: usize) -> f32 {
    (bin as f32 + 0.5) / BINS as f32 - QUIET as f32
}

fn variance(values: &[f32]) -> f32 {
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).max(1e-12)
}

/// The argument of the largest of `steps` values between −`limit` and `limit`, refined by a parabola.
fn maximise(f: impl Fn(f32) -> f32, limit: f32, steps: usize) -> f32 {
    let step = 2.0 * limit / (steps - 1) as f32;
    let at = |i: usize| -limit + step * i as f32;
    let values: Vec<f32> = (0..steps).map(|i| f(at(i))).collect();
    let i = (0..steps).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(0);
    if i == 0 || i + 1 == steps {
        return at(i);
    }
    let (a, b, c) = (values[i - 1], values[i], values[i + 1]);
    let bend = a - 2.0 * b + c;
    let shift = if bend.abs() > 1e-12 { 0.5 * (a - c) / bend } else { 0.0 };
    at(i) + shift.clamp(-0.5, 0.5) * step
}

/// Indices of the local maxima, largest first.
fn peaks(score: &[f32]) -> Vec<usize> {
    let n = score.len();
    let mut peaks: Vec<usize> =
        (0..n).filter(|&i| (i == 0 || score[i] >= score[i - 1]) && (i + 1 == n || score[i] > score[i + 1])).collect();
    peaks.sort_by(|a, b| score[*b].total_cmp(&score[*a]));
    peaks
}
