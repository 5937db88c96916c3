//! Many candidates for linear codes: in which order they are read, and what is not looked at again.

use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::decode::grey_level::GreyLevelRule;
use super::geometry::{area, distance, middle};
use super::locate::{LinearBox, LinearCandidate};
use super::read_grey::{GreyReading, RoughStrip, read_rough, read_round};
use super::read_linear::{GreyLook, LinearRule, Outcome, read_linear_keeping};
use super::trace::StageSink;
use super::{Corners, FrameReading, Plane, Reading, UndecidedStrip, Unread, UnreadReason};

/// Most strips that a frame keeps for a decision over several views, in the order of the candidates.
const MOST_UNDECIDED: usize = 200;
/// Share of a strip of the trained detector's in which something was read, from which on it is not looked at.
const MOSTLY_OPEN: f64 = 0.15;

/// How a frame's candidates are read.
pub(super) struct Places<'p> {
    pub(super) pyramid: &'p [Plane],
    pub(super) rule: &'p LinearRule,
    /// Strips of the trained detector in which start and stop have been looked for.
    pub(super) tried: Vec<Corners>,
    /// Longest time for a candidate.
    pub(super) limit: Duration,
    /// When the frame has to be finished.
    pub(super) frame_deadline: Instant,
    pub(super) sink: Option<&'p dyn StageSink>,
}

/// Strips in which nothing was read, each with the level of the pyramid that it was looked at on. The grey values of a strip that comes out alike say
/// no more; its thresholds may.
#[derive(Debug, Default)]
pub(super) struct Failed(Vec<(usize, Corners)>);

impl Failed {
    /// How far corners of the same strip may be apart: px of the full picture, and share of its length.
    const NEAR: [f64; 2] = [2.0, 0.01];

    fn add(&mut self, candidate: &LinearCandidate, corners: &Corners) {
        self.0.push((candidate.read_on(), *corners));
    }

    fn has(&self, candidate: &LinearCandidate, corners: &Corners) -> bool {
        let near = Self::NEAR[0] + Self::NEAR[1] * distance(corners[0], corners[1]);
        let same = |other: &Corners| corners.iter().zip(other).all(|(p, q)| distance(*p, *q) < near);
        self.0.iter().any(|(level, other)| *level == candidate.read_on() && same(other))
    }
}

/// Candidates with their places in the list, to be read one after the other.
type Turns<'c> = Vec<(usize, &'c LinearCandidate)>;

impl Places<'_> {
    /// Reads candidates (largest first, all of one locator) where nothing was read yet; pictures of stages are counted from `items` on.
    pub(super) fn read(
        &self,
        candidates: &[LinearCandidate],
        items: usize,
        failed: &mut Failed,
        result: &mut FrameReading,
        unread: &mut Vec<Unread>,
    ) {
        let corners: Vec<Corners> = candidates.iter().map(LinearCandidate::corners).collect();
        for (round, wave) in waves(candidates, &corners).into_iter().enumerate() {
            let (known_before, failed_before) = (&result.readings, &*failed);
            let read = |place: Turns<'_>| {
                let mut outcomes: Vec<(usize, Outcome, Vec<UndecidedStrip>)> = Vec::new();
                let mut failed_here = Failed::default();
                for (i, candidate) in place {
                    let here = outcomes.iter().filter_map(|(_, outcome, _)| outcome.reading());
                    let known = known_before.iter().chain(here).any(|r| covers(&r.corners, &corners[i]));
                    if known {
                        continue;
                    }
                    let again = [failed_before, &failed_here].iter().any(|failed| failed.has(candidate, &corners[i]));
                    let (outcome, undecided) = self.read_one(candidate, &corners[i], items + i, again);
                    if outcome.reading().is_none() {
                        failed_here.add(candidate, &corners[i]);
                    }
                    outcomes.push((i, outcome, undecided));
                }
                outcomes
            };
            let outcomes: Vec<Vec<_>> = wave.into_par_iter().map(read).collect();
            for (i, outcome, undecided) in outcomes.into_iter().flatten() {
                keep(&mut result.undecided, undecided);
                if outcome.reading().is_none() {
                    failed.add(&candidates[i], &corners[i]);
                }
                match outcome {
                    Outcome::Read(reading) => insert(&mut result.readings, reading),
                    // The second round only holds parts and repetitions.
                    Outcome::Unread(u) if round == 0 && (candidates[i].by_net || !known(unread, &u)) => unread.push(u),
                    Outcome::Unread(_) | Outcome::Nothing => {}
                }
            }
        }
    }

    /// `again`: its like was looked at in vain.
    fn read_one(&self, candidate: &LinearCandidate, corners: &Corners, item: usize, again: bool) -> (Outcome, Vec<UndecidedStrip>) {
        let now = Instant::now();
        if now > self.frame_deadline {
            return (Outcome::Unread(Unread { corners: *corners, reason: UnreadReason::OutOfTime }), Vec::new());
        }
        let deadline = (now + self.limit).min(self.frame_deadline);
        // Start and stop have been looked for where the net says that bars are. Its strip as the locator cuts it is another start.
        let searched = |strip: &Corners| covers(strip, corners) && alike(strip, corners);
        let grey = if again {
            GreyLook::Nothing
        } else if !candidate.by_net && self.tried.iter().any(searched) {
            GreyLook::OtherLengths
        } else {
            GreyLook::Everything
        };
        read_linear_keeping(self.pyramid, candidate, self.rule, deadline, self.sink.map(|s| (s, item)), grey)
    }
}

/// Reads strips that the trained detector found, surest first, by what grey values show between their start and stop, as on a face; what gave no text is
/// returned with its place in the list, to be read by [`read_round_strips`].
pub(super) fn read_strips(
    pyramid: &[Plane],
    strips: &[LinearBox],
    corners: &[Corners],
    rule: &GreyLevelRule,
    result: &mut FrameReading,
) -> Vec<(usize, RoughStrip)> {
    let mut left = Vec::new();
    let all: Vec<usize> = (0..strips.len()).collect();
    for round in rounds(all, corners, |i| *i) {
        let open: Vec<usize> = round.into_iter().filter(|i| is_mostly_open(&result.readings, &corners[*i])).collect();
        let rough: Vec<_> = open.into_par_iter().map(|i| (i, read_rough(pyramid, &strips[i], rule))).collect();
        for (i, (reading, rough)) in rough {
            match reading {
                GreyReading::Read(reading) => insert(&mut result.readings, reading),
                GreyReading::Undecided(strips) => keep(&mut result.undecided, strips),
            }
            left.extend(rough.map(|rough| (i, rough)));
        }
    }
    left.sort_by_key(|(i, _)| *i);
    left
}

/// Reads what [`read_strips`] left as around something round, where nothing was read in the meantime: a box that lies badly on a flat label is read sooner
/// where gradients show its bars.
pub(super) fn read_round_strips(
    pyramid: &[Plane],
    left: Vec<(usize, RoughStrip)>,
    corners: &[Corners],
    rule: &GreyLevelRule,
    result: &mut FrameReading,
) {
    for round in rounds(left, corners, |(i, _)| *i) {
        let open: Vec<_> = round.into_iter().filter(|(i, _)| is_mostly_open(&result.readings, &corners[*i])).collect();
        let read: Vec<Option<Reading>> =
            open.par_iter().map(|(_, strip)| read_round(pyramid, strip, rule, |place| is_open(&result.readings, place))).collect();
        for reading in read.into_iter().flatten() {
            insert(&mut result.readings, reading);
        }
    }
}

/// Places in two rounds: one that lies around the middle of an earlier one, or with its own middle in it, waits until it is known whether that one was
/// read: most often it is the same code again.
fn rounds<T>(places: Vec<T>, corners: &[Corners], index: impl Fn(&T) -> usize) -> [Vec<T>; 2] {
    let (mut first, mut second): (Vec<T>, Vec<T>) = (Vec::new(), Vec::new());
    for place in places {
        let own = &corners[index(&place)];
        let again = first.iter().any(|other| covers(&corners[index(other)], own) || covers(own, &corners[index(other)]));
        if again { &mut second } else { &mut first }.push(place);
    }
    [first, second]
}

/// Largest first; what lies inside a larger candidate of the same direction (a part of it, or itself on another level) waits until it is known whether
/// that one was read, and then takes its turn after the others in there.
fn waves<'c>(candidates: &'c [LinearCandidate], corners: &[Corners]) -> [Vec<Turns<'c>>; 2] {
    let (mut first, mut second): (Turns<'c>, Vec<Turns<'c>>) = (Vec::new(), Vec::new());
    for (i, candidate) in candidates.iter().enumerate() {
        let Some(place) = first.iter().position(|(j, _)| covers(&corners[*j], &corners[i])) else {
            first.push((i, candidate));
            second.push(Vec::new());
            continue;
        };
        // The same code on two levels: the finer one knows more.
        let around = &mut first[place];
        let twin = area(&corners[i]) > 0.5 * area(&corners[around.0]) && candidate.level < around.1.level;
        second[place].push(if twin { std::mem::replace(around, (i, candidate)) } else { (i, candidate) });
    }
    [first.into_iter().map(|candidate| vec![candidate]).collect(), second]
}

/// Whether nothing was read in all of a place but [`MOSTLY_OPEN`].
pub(super) fn is_mostly_open(readings: &[Reading], place: &Corners) -> bool {
    const ALONG: usize = 8;
    const ACROSS: usize = 4;
    let part = |i: usize, n: usize| (i as f64 + 0.5) / n as f64;
    let [a, b, c, d] = *place;
    let point = |s: f64, t: f64| [0, 1].map(|k| (1.0 - t) * (a[k] + s * (b[k] - a[k])) + t * (d[k] + s * (c[k] - d[k])));
    let points = (0..ALONG * ACROSS).map(|i| point(part(i % ALONG, ALONG), part(i / ALONG, ACROSS)));
    let read = points.filter(|point| !is_open_at(readings, *point)).count();
    (read as f64) < MOSTLY_OPEN * (ALONG * ACROSS) as f64
}

/// Whether nothing was read in a place.
pub(super) fn is_open(readings: &[Reading], place: &Corners) -> bool {
    !readings.iter().any(|r| covers(&r.corners, place))
}

/// Whether nothing was read where a point lies.
pub(super) fn is_open_at(readings: &[Reading], point: [f64; 2]) -> bool {
    !readings.iter().any(|r| contains(&r.corners, point, 1.0))
}

/// Whether the place of `new` is among those that were not read.
fn known(unread: &[Unread], new: &Unread) -> bool {
    unread.iter().any(|u| covers(&u.corners, &new.corners) || covers(&new.corners, &u.corners))
}

/// Adds undecided strips as long as there is room.
fn keep(undecided: &mut Vec<UndecidedStrip>, strips: Vec<UndecidedStrip>) {
    let room = MOST_UNDECIDED.saturating_sub(undecided.len());
    undecided.extend(strips.into_iter().take(room));
}

/// Adds a reading unless the same text was read in the same place; then the better supported one stays.
pub(super) fn insert(readings: &mut Vec<Reading>, reading: Reading) {
    let same = readings.iter_mut().find(|r| {
        r.text == reading.text
            && r.symbology == reading.symbology
            && (covers(&r.corners, &reading.corners) || covers(&reading.corners, &r.corners))
    });
    match same {
        Some(known) if known.evidence.margin >= reading.evidence.margin => {}
        Some(known) => *known = reading,
        None => readings.push(reading),
    }
}

/// Whether the middle of `inner` lies in `outer` (a tenth larger), and both point the same way within 20°.
pub(super) fn covers(outer: &Corners, inner: &Corners) -> bool {
    let direction = |c: &Corners| {
        let d = [c[1][0] - c[0][0] + c[2][0] - c[3][0], c[1][1] - c[0][1] + c[2][1] - c[3][1]];
        let n = d[0].hypot(d[1]).max(1e-9);
        [d[0] / n, d[1] / n]
    };
    let (p, q) = (direction(outer), direction(inner));
    if (p[0] * q[0] + p[1] * q[1]).abs() < 0.94 {
        return false;
    }
    contains(outer, middle(inner), 1.1)
}

/// Whether two strips are about as long.
fn alike(p: &Corners, q: &Corners) -> bool {
    let (p, q) = (distance(p[0], p[1]), distance(q[0], q[1]));
    p.min(q) > 0.88 * p.max(q)
}

/// Whether a point lies in an outline grown by a factor.
pub(super) fn contains(outer: &Corners, m: [f64; 2], factor: f64) -> bool {
    let o = middle(outer);
    let grown = outer.map(|c| [o[0] + (c[0] - o[0]) * factor, o[1] + (c[1] - o[1]) * factor]);
    let side = |i: usize| {
        let (a, b) = (grown[i], grown[(i + 1) % 4]);
        (b[0] - a[0]) * (m[1] - a[1]) - (b[1] - a[1]) * (m[0] - a[0])
    };
    let signs = [side(0), side(1), side(2), side(3)];
    signs.iter().all(|s| *s >= 0.0) || signs.iter().all(|s| *s <= 0.0)
}
