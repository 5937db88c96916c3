//! The whole way from a frame to its codes.

use std::time::{Duration, Instant};

use hardware_hal::Frame;
use image::DynamicImage;
use rayon::prelude::*;

use super::decode::data_matrix::{Finder, MatrixRule};
use super::geometry::{area, distance, on_full_picture};
use super::locate::{self, LinearCandidate, LocateOptions};
use super::read_finder::read_finders;
use super::read_grey::{GreyReading, read_rough};
use super::read_linear::{LinearRule, Outcome, read_linear_keeping};
use super::read_matrix::read_matrix;
use super::trace::{StageSink, candidate_overlay, reading_overlay};
use super::{Corners, FrameReading, Illumination, Plane, Reading, StageTiming, UndecidedStrip, Unread, UnreadReason};
use crate::codes::Symbology;

/// Most strips that a frame keeps for a decision over several views, in the order of the candidates.
const MOST_UNDECIDED: usize = 200;

/// How to scan.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanOptions {
    /// What bounds the locator.
    pub locate: LocateOptions,
    /// When a linear code's text is accepted.
    pub linear: LinearRule,
    /// When a Data Matrix's text is accepted.
    pub data_matrix: MatrixRule,
    /// Matrix symbologies to look for.
    pub matrix: Vec<Symbology>,
    /// Longest time for one candidate. A guard against readers that never end, not a budget: results must not depend on the machine's speed.
    pub candidate_limit: Duration,
    /// Longest time for one frame; candidates that come after it are reported as out of time.
    pub frame_limit: Duration,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            locate: LocateOptions::default(),
            linear: LinearRule::default(),
            data_matrix: MatrixRule::default(),
            matrix: vec![Symbology::DataMatrix, Symbology::QrCode],
            candidate_limit: Duration::from_secs(5),
            frame_limit: Duration::from_secs(60),
        }
    }
}

/// Reads frames and pictures. Holds no state between them.
#[derive(Debug, Clone, Default)]
pub struct Scanner {
    options: ScanOptions,
}

impl Scanner {
    /// A scanner that works by `options`.
    pub fn new(options: ScanOptions) -> Self {
        Self { options }
    }

    /// The options.
    pub fn options(&self) -> &ScanOptions {
        &self.options
    }

    /// Reads a camera's frame.
    pub fn scan(&self, frame: &Frame) -> FrameReading {
        self.scan_traced(frame, None)
    }

    /// Reads a camera's frame and hands every stage's picture to `sink`.
    pub fn scan_traced(&self, frame: &Frame, sink: Option<&dyn StageSink>) -> FrameReading {
        let started = Instant::now();
        let plane = Plane::from_frame(frame);
        self.scan_plane(plane, started, sink)
    }

    /// Reads any picture; no calibration is needed.
    pub fn scan_image(&self, picture: &DynamicImage) -> FrameReading {
        self.scan_image_traced(picture, None)
    }

    /// Reads any picture and hands every stage's picture to `sink`.
    pub fn scan_image_traced(&self, picture: &DynamicImage, sink: Option<&dyn StageSink>) -> FrameReading {
        let started = Instant::now();
        let plane = Plane::from_image(picture);
        self.scan_plane(plane, started, sink)
    }

    fn scan_plane(&self, plane: Plane, started: Instant, sink: Option<&dyn StageSink>) -> FrameReading {
        let mut watch = Stopwatch { last: started, timings: Vec::new() };
        watch.lap("luminance");
        if plane.width() == 0 || plane.height() == 0 {
            return FrameReading { timings: watch.timings, ..FrameReading::default() };
        }
        let light = Illumination::estimate(&plane);
        watch.lap("enhance");
        let pyramid = plane.pyramid(self.options.locate.levels, 32);
        let candidates = locate::locate(&pyramid, &light, &self.options.locate);
        watch.lap("locate");
        if let Some(sink) = sink {
            sink.picture("enhanced", 0, &DynamicImage::ImageLuma8(light.flattened(&pyramid[0]).to_gray(1.0)));
            sink.picture("candidates", 0, &candidate_overlay(&pyramid[0], 1.0, &candidates));
            watch.last = Instant::now();
        }

        let corners: Vec<Corners> = candidates.linear.iter().map(LinearCandidate::corners).collect();
        let tried: Vec<Corners> = candidates.strips.iter().map(|strip| strip.corners(strip.ends[0], strip.ends[1])).collect();
        let frame_deadline = started + self.options.frame_limit;
        let read = |(item, candidate): (usize, &LinearCandidate)| -> (Outcome, Vec<UndecidedStrip>) {
            let now = Instant::now();
            if now > frame_deadline {
                let corners = candidate.corners();
                return (Outcome::Unread(Unread { corners, reason: UnreadReason::OutOfTime }), Vec::new());
            }
            let deadline = (now + self.options.candidate_limit).min(frame_deadline);
            // Start and stop have been looked for where the net says that bars are. Its strip as the locator cuts it is another start.
            let searched = |strip: &Corners| covers(strip, &corners[item]) && alike(strip, &corners[item]);
            let searched = !candidate.by_net && tried.iter().any(searched);
            read_linear_keeping(&pyramid, candidate, &self.options.linear, deadline, sink.map(|s| (s, item)), searched)
        };
        let mut result = FrameReading::default();
        let mut unread = Vec::new();
        let rough: Vec<GreyReading> =
            candidates.strips.par_iter().map(|place| read_rough(&pyramid, place, &self.options.linear.grey_level)).collect();
        for reading in rough {
            match reading {
                GreyReading::Read(reading) => insert(&mut result.readings, reading),
                GreyReading::Undecided(strips) => keep(&mut result.undecided, strips),
            }
        }
        watch.lap("rough");
        // What the trained detector found; then what gradients show where that was not read.
        for by_net in [true, false] {
            // Largest first; what lies inside a larger candidate of the same direction (a part of it, or itself on another level) waits until it is
            // known whether that one was read.
            let mut first: Vec<(usize, &LinearCandidate)> = Vec::new();
            let mut second: Vec<(usize, &LinearCandidate)> = Vec::new();
            for (i, candidate) in candidates.linear.iter().enumerate().filter(|(_, candidate)| candidate.by_net == by_net) {
                let Some(around) = first.iter_mut().find(|(j, _)| covers(&corners[*j], &corners[i])) else {
                    first.push((i, candidate));
                    continue;
                };
                // The same code on two levels: the finer one knows more.
                let twin = area(&corners[i]) > 0.5 * area(&corners[around.0]) && candidate.level < around.1.level;
                second.push(if twin { std::mem::replace(around, (i, candidate)) } else { (i, candidate) });
            }
            for (round, wave) in [first, second].into_iter().enumerate() {
                let open: Vec<(usize, &LinearCandidate)> =
                    wave.into_iter().filter(|(i, _)| !result.readings.iter().any(|r| covers(&r.corners, &corners[*i]))).collect();
                let outcomes: Vec<_> = open.into_par_iter().map(read).collect();
                for (outcome, undecided) in outcomes {
                    keep(&mut result.undecided, undecided);
                    match outcome {
                        Outcome::Read(reading) => insert(&mut result.readings, reading),
                        // The second round only holds parts and repetitions.
                        Outcome::Unread(u) if round == 0 && (by_net || !known(&unread, &u)) => unread.push(u),
                        Outcome::Unread(_) | Outcome::Nothing => {}
                    }
                }
            }
            if by_net {
                watch.lap("net's strips");
            }
        }
        watch.lap("linear");

        if self.options.matrix.contains(&Symbology::DataMatrix) {
            // Bars have corners, too.
            let outside = |f: &&(usize, Finder)| {
                let corner = on_full_picture(f.1.corner, f.0);
                !result.readings.iter().any(|r| contains(&r.corners, corner, 1.0))
            };
            let open: Vec<(usize, Finder)> = candidates.finders.iter().filter(outside).copied().collect();
            for reading in read_finders(&pyramid, &open, &self.options.data_matrix) {
                insert(&mut result.readings, reading);
            }
        }
        watch.lap("data matrix");

        if !self.options.matrix.is_empty() {
            let places: Vec<_> =
                candidates.matrix.iter().filter(|m| !result.readings.iter().any(|r| contains(&r.corners, m.centre(), 1.0))).collect();
            let found: Vec<Option<Reading>> = places
                .into_par_iter()
                .map(|m| {
                    let left = frame_deadline.checked_duration_since(Instant::now())?;
                    let [x, y] = m.centre();
                    let white = light.white(x, y);
                    read_matrix(&pyramid, m, white, &self.options.matrix, left.min(self.options.candidate_limit))
                })
                .collect();
            for reading in found.into_iter().flatten() {
                insert(&mut result.readings, reading);
            }
        }
        watch.lap("matrix");

        unread.retain(|u| !result.readings.iter().any(|r| covers(&r.corners, &u.corners) || covers(&u.corners, &r.corners)));
        result.unread = unread;
        result.undecided.retain(|u| !result.readings.iter().any(|r| covers(&r.corners, &u.corners) || covers(&u.corners, &r.corners)));
        result.readings.sort_by(|a, b| a.text.cmp(&b.text).then(a.corners[0][1].total_cmp(&b.corners[0][1])));
        if let Some(sink) = sink {
            sink.picture("readings", 0, &reading_overlay(&pyramid[0], 1.0, &result));
        }
        result.timings = watch.timings;
        result
    }
}

struct Stopwatch {
    last: Instant,
    timings: Vec<StageTiming>,
}

impl Stopwatch {
    fn lap(&mut self, stage: &'static str) {
        let now = Instant::now();
        self.timings.push(StageTiming { stage, seconds: (now - self.last).as_secs_f64() });
        self.last = now;
    }
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
fn insert(readings: &mut Vec<Reading>, reading: Reading) {
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

fn middle(c: &Corners) -> [f64; 2] {
    [c.iter().map(|p| p[0]).sum::<f64>() / 4.0, c.iter().map(|p| p[1]).sum::<f64>() / 4.0]
}

/// Whether the middle of `inner` lies in `outer` (a tenth larger), and both point the same way within 20°.
fn covers(outer: &Corners, inner: &Corners) -> bool {
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
fn contains(outer: &Corners, m: [f64; 2], factor: f64) -> bool {
    let o = middle(outer);
    let grown = outer.map(|c| [o[0] + (c[0] - o[0]) * factor, o[1] + (c[1] - o[1]) * factor]);
    let side = |i: usize| {
        let (a, b) = (grown[i], grown[(i + 1) % 4]);
        (b[0] - a[0]) * (m[1] - a[1]) - (b[1] - a[1]) * (m[0] - a[0])
    };
    let signs = [side(0), side(1), side(2), side(3)];
    signs.iter().all(|s| *s >= 0.0) || signs.iter().all(|s| *s <= 0.0)
}
