//! Codes that no single frame decides, read from several together.
//!
//! Strips that grey values left undecided are grouped by geometry ([`same_place`]); the views of a group decide together
//! ([`decide_together`]). A group that is wrong about its members, or right about them and unsure of the text, reads nothing.

use hardware_hal::FrameMeta;
use serde::Serialize;

use super::group::{Member, groups};
use super::sight::{SamePlaceRule, StripSight, same_place};
use super::{FusedCode, JointEvidence, overlap, unite};
use crate::codes::{self, Symbology};
use crate::vision::decode::grey_level::{Contribution, FittedStrip, JointRefusal, JointRule, JointText, contribution, decide_together};
use crate::vision::decode::{LinearSymbol, LinearText};
use crate::vision::geometry::{on_full_picture, shorter_side};
use crate::vision::{Corners, Evidence, FrameReading, Reading, UndecidedStrip};

/// Modules of a traceability code.
const MODULES: f64 = 145.0;
/// Least lead of a view's own text for it to have a say against the others', nats.
const OPINION: f32 = 8.0;
/// Share of the grey values' variance from which on a strip that nobody read counts as a code.
const LIKE_A_CODE: f32 = 0.8;

/// How views decide together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FusionRule {
    /// When a common text is accepted.
    pub text: JointRule,
    /// When strips are taken for one code.
    pub place: SamePlaceRule,
    /// The same for places that looked like a code and left no strip: their corners are a locator's.
    pub rough_place: SamePlaceRule,
    /// Most views that decide together; bounds the work.
    pub most_views: usize,
}

impl Default for FusionRule {
    fn default() -> Self {
        let place = SamePlaceRule::default();
        Self {
            text: JointRule::default(),
            place,
            rough_place: SamePlaceRule { miss_m: 0.008, length_m: [0.012, 0.07], ..place },
            most_views: 12,
        }
    }
}

/// What several frames say.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Fusion {
    /// Each code once, sorted by text.
    pub codes: Vec<FusedCode>,
    /// Groups of views that together read nothing.
    pub refused: Vec<RefusedGroup>,
    /// What looked like a code, was not read, and is in the place of no code that was read.
    pub open: Vec<OpenStrip>,
    /// Frames whose codes were read singly, because nothing says where they were taken from.
    pub without_calibration: Vec<usize>,
}

/// Views of one code, as geometry says, that did not decide its text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RefusedGroup {
    /// Frames and corners.
    pub views: Vec<(usize, Corners)>,
    /// Why not.
    pub refusal: JointRefusal,
}

/// What looks like a code that nobody read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenStrip {
    /// Index of the frame in the input.
    pub frame: usize,
    /// Where.
    pub corners: Corners,
}

/// Joins the readings of frames taken of one load, and reads from several frames together what none of them decided.
///
/// Nothing is fused over pictures without calibration: those are read singly and named in [`Fusion::without_calibration`]. What a symbol says is decided
/// by pixels and geometry alone.
pub fn fuse_views(frames: &[(FrameMeta, FrameReading)], rule: &FusionRule) -> Fusion {
    let anchors = Anchor::of(&unite(frames, &[]), frames);
    let mut strips = strips(frames);
    strips.retain(|s| !anchors.iter().any(|a| a.explains(s, rule)));

    let (mut joint, mut evidence, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut read: Vec<&Strip> = Vec::new();
    let members: Vec<Member> = strips.iter().map(|s| Member { frame: s.frame, sight: s.sight }).collect();
    for group in groups(&members, &rule.place, rule.most_views) {
        let mut views: Vec<&Strip> = group.iter().map(|m| &strips[*m]).collect();
        match decided(&mut views, &rule.text) {
            Ok((text, digits)) => {
                let part = |(view, part): (&&Strip, &Contribution)| (view.frame, view.reading(&digits, &text, part, &rule.text));
                joint.extend(views.iter().zip(&text.views).map(part));
                evidence.push((digits, JointEvidence::new(&text)));
                read.extend(views);
            }
            Err(refusal) => refused.push((views, refusal)),
        }
    }
    // A strip that might run either way is in two groups; the one that read nothing says nothing.
    refused
        .retain(|(views, _)| !views.iter().any(|v| read.iter().any(|r| r.frame == v.frame && overlap(&r.from.corners, &v.from.corners))));
    let group = |(views, refusal): (Vec<&Strip>, JointRefusal)| RefusedGroup {
        views: views.iter().map(|v| (v.frame, v.from.corners)).collect(),
        refusal,
    };
    let refused = refused.into_iter().map(group).collect();

    let mut codes = unite(frames, &joint);
    for (text, evidence) in evidence {
        if let Some(code) = codes.iter_mut().find(|c| c.text == text && c.symbology == Symbology::Code128) {
            code.joint.get_or_insert(evidence);
        }
    }
    let open = open_strips(frames, &codes, rule);
    let without_calibration = (0..frames.len()).filter(|i| frames[*i].0.calibration.is_none()).collect();
    Fusion { codes, refused, open, without_calibration }
}

/// An undecided strip in one of the two directions that it may run in.
struct Strip<'f> {
    frame: usize,
    from: &'f UndecidedStrip,
    sight: StripSight,
}

/// All undecided strips of calibrated frames.
fn strips(frames: &[(FrameMeta, FrameReading)]) -> Vec<Strip<'_>> {
    let mut strips = Vec::new();
    for (frame, (meta, reading)) in frames.iter().enumerate() {
        let strip = |from| Some(Strip { frame, from, sight: StripSight::new(meta, &from.corners)? });
        strips.extend(reading.undecided.iter().filter_map(strip));
    }
    strips
}

impl Strip<'_> {
    /// What the views' common text says about this one.
    fn reading(&self, digits: &str, text: &JointText, part: &Contribution, rule: &JointRule) -> Reading {
        let corners = part.corners.map(|c| on_full_picture(c, self.from.level));
        Reading {
            text: digits.to_owned(),
            symbology: Symbology::Code128,
            role: codes::role(digits, Symbology::Code128),
            corners,
            px_per_module: shorter_side(&corners) / MODULES,
            // No view says it alone: the margin is that of all of them.
            evidence: Evidence { agreeing: 1, decoded: 1, tried: 1, margin: f64::from(text.margin / rule.margin).min(10.0) },
        }
    }
}

/// The text of a group of views, which shrinks by those that understood nothing.
///
/// A view that holds something against the common text ends it if it has an opinion of its own. If none of its texts stands out, it was most likely
/// fitted a few modules off, and the others may decide without it.
fn decided(views: &mut Vec<&Strip>, rule: &JointRule) -> Result<(JointText, String), JointRefusal> {
    loop {
        let fitted: Vec<&FittedStrip> = views.iter().map(|v| &*v.from.strip).collect();
        let text = decide_together(&fitted)?;
        let Some(refusal) = text.refusal(rule) else {
            let digits = text.text().and_then(LinearText::twenty_digits);
            return digits.map(|d| (text, d)).ok_or(JointRefusal::NotDigits);
        };
        let worst = (0..views.len()).max_by(|a, b| text.views[*a].against.total_cmp(&text.views[*b].against)).unwrap_or(0);
        if refusal != JointRefusal::Contradicted || views.len() <= 2 || views[worst].from.strip.text.margin >= OPINION {
            return Err(refusal);
        }
        views.remove(worst);
    }
}

/// A code that was read, as something that explains strips that were not.
struct Anchor {
    frames: Vec<usize>,
    sights: Vec<StripSight>,
    /// The print, where the text is digits in code set C.
    symbol: Option<LinearSymbol>,
}

impl Anchor {
    fn of(codes: &[FusedCode], frames: &[(FrameMeta, FrameReading)]) -> Vec<Self> {
        let linear = |c: &&FusedCode| matches!(c.symbology, Symbology::Code128 | Symbology::Ean13);
        let anchor = |code: &FusedCode| Self {
            frames: code.views.iter().map(|v| v.frame).collect(),
            sights: code.views.iter().filter_map(|v| StripSight::new(&frames[v.frame].0, &v.corners)).collect(),
            symbol: LinearSymbol::code128_digits(&code.text),
        };
        codes.iter().filter(linear).map(anchor).collect()
    }

    /// Whether something seen in a frame is in this code's place, either way round.
    fn is_at(&self, frame: usize, sight: &StripSight, rule: &SamePlaceRule) -> bool {
        // Where it was read itself, nothing else is it.
        let beside = |s: &StripSight| same_place(&self.sights.iter().copied().chain([*s]).collect::<Vec<_>>(), rule).is_some();
        !self.sights.is_empty() && !self.frames.contains(&frame) && (beside(sight) || beside(&sight.reversed()))
    }

    /// Whether an undecided strip is this code. One view leaves a whole line in space open, so the print has to fit, too.
    fn explains(&self, strip: &Strip, rule: &FusionRule) -> bool {
        let fits = |symbol: &LinearSymbol| contribution(&strip.from.strip, symbol).is_ok_and(|part| part.against <= rule.text.against);
        self.is_at(strip.frame, &strip.sight, &rule.place) && (self.sights.len() > 1 || self.symbol.as_ref().is_none_or(fits))
    }
}

/// What looks like a code and is in the place of none of `codes`: the places reported as unread, and undecided strips that a code explains well.
/// Without calibration, what is not read in a frame is open, whatever other frames say.
pub fn open_strips(frames: &[(FrameMeta, FrameReading)], codes: &[FusedCode], rule: &FusionRule) -> Vec<OpenStrip> {
    let anchors = Anchor::of(codes, frames);
    let mut open: Vec<OpenStrip> = Vec::new();
    for (frame, (meta, reading)) in frames.iter().enumerate() {
        let like_a_code = reading.undecided.iter().filter(|u| u.strip.text.explained >= LIKE_A_CODE).map(|u| u.corners);
        for corners in reading.unread.iter().map(|u| u.corners).chain(like_a_code) {
            let read = codes.iter().flat_map(|c| &c.views).any(|v| v.frame == frame && overlap(&v.corners, &corners));
            let known = open.iter().any(|o| o.frame == frame && overlap(&o.corners, &corners));
            let elsewhere = |s: &StripSight| anchors.iter().any(|a| a.is_at(frame, s, &rule.rough_place));
            if !read && !known && !StripSight::new(meta, &corners).as_ref().is_some_and(elsewhere) {
                open.push(OpenStrip { frame, corners });
            }
        }
    }
    open
}
