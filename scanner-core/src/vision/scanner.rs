//! The whole way from a frame to its codes.

use std::time::{Duration, Instant};

use hardware_hal::Frame;
use image::DynamicImage;
use rayon::prelude::*;

use super::decode::data_matrix::{Finder, MatrixRule};
use super::geometry::{middle, on_full_picture};
use super::locate::{BESIDE_PACKAGE, LocateOptions, Locator, Search};
use super::read_finder::{read_finders, read_outlines};
use super::read_linear::LinearRule;
use super::read_matrix::read_matrix;
use super::read_places::{Failed, Places, covers, insert, is_mostly_open, is_open, is_open_at, read_round_strips, read_strips};
use super::trace::{StageSink, candidate_overlay, package_overlay, reading_overlay};
use super::{Corners, FrameReading, Illumination, Plane, Reading, StageTiming};
use crate::codes::Symbology;

/// How to scan.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanOptions {
    /// Whether the locator's thresholds follow the light from place to place; else they go by the brightest of the frame.
    pub enhance: bool,
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
            enhance: true,
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
        let light = if self.options.enhance { light } else { light.levelled() };
        watch.lap("enhance");
        let pyramid = plane.pyramid(self.options.locate.levels, 32);
        let search = Search::new(&pyramid, &light, &self.options.locate);
        let strips = search.strips();
        watch.lap("locate");
        if let Some(sink) = sink {
            sink.picture("enhanced", 0, &DynamicImage::ImageLuma8(light.flattened(&pyramid[0]).to_gray(1.0)));
            if let Some(packages) = search.packages() {
                sink.picture("packages", 0, &package_overlay(&pyramid[0], 1.0, packages));
            }
            watch.last = Instant::now();
        }

        let frame_deadline = started + self.options.frame_limit;
        let mut result = FrameReading::default();
        let mut unread = Vec::new();
        let tried: Vec<Corners> = strips.iter().map(|strip| strip.corners(strip.ends[0], strip.ends[1])).collect();
        let left = read_strips(&pyramid, &strips, &tried, &self.options.linear.grey_level, &mut result);
        watch.lap("rough");
        let rule = LinearRule {
            other_lengths: self.options.linear.other_lengths && self.options.locate.detector != Locator::Ssd,
            ..self.options.linear
        };
        let places = Places { pyramid: &pyramid, rule: &rule, tried, limit: self.options.candidate_limit, frame_deadline, sink };
        // What the trained detector found and what was not read yet; then what gradients show where that was not read either.
        let linear = search.by_net(|place| is_open(&result.readings, place));
        let items = linear.len();
        let mut failed = Failed::default();
        places.read(&linear, 0, &mut failed, &mut result, &mut unread);
        watch.lap("net's strips");
        read_round_strips(&pyramid, left, &places.tried, &self.options.linear.grey_level, &mut result);
        watch.lap("round");
        if self.options.matrix.contains(&Symbology::DataMatrix) {
            for reading in read_outlines(&pyramid, &search.outlines(), &self.options.data_matrix, frame_deadline) {
                insert(&mut result.readings, reading);
            }
        }
        watch.lap("outlines");
        let mut candidates = search.by_gradients(
            |place| is_open(&result.readings, place) && is_mostly_open(&result.readings, place),
            |point| is_open_at(&result.readings, point),
        );
        places.read(&candidates.linear, items, &mut failed, &mut result, &mut unread);
        watch.lap("linear");
        if let Some(sink) = sink {
            candidates.linear.splice(..0, linear);
            sink.picture("candidates", 0, &candidate_overlay(&pyramid[0], 1.0, &candidates));
            watch.last = Instant::now();
        }

        if self.options.matrix.contains(&Symbology::DataMatrix) {
            // Bars have corners, too.
            let outside = |f: &&(usize, Finder)| is_open_at(&result.readings, on_full_picture(f.1.corner, f.0));
            let open: Vec<(usize, Finder)> = candidates.finders.iter().filter(outside).copied().collect();
            for reading in read_finders(&pyramid, &open, &self.options.data_matrix) {
                insert(&mut result.readings, reading);
            }
        }
        watch.lap("data matrix");

        if !self.options.matrix.is_empty() {
            let places: Vec<_> = candidates.matrix.iter().filter(|m| is_open_at(&result.readings, m.centre())).collect();
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
        result.packages = search.packages().cloned();
        attach(&mut result);
        if let Some(sink) = sink {
            sink.picture("readings", 0, &reading_overlay(&pyramid[0], 1.0, &result));
        }
        result.timings = watch.timings;
        result
    }
}

/// Gives every code to the package that it was read on.
fn attach(reading: &mut FrameReading) {
    let Some(packages) = &mut reading.packages else { return };
    for found in &reading.readings {
        if let Some(which) = packages.nearest(middle(&found.corners), BESIDE_PACKAGE) {
            packages.seen[which].codes.push(found.text.clone());
        }
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
