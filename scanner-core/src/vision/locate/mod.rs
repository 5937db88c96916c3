//! Where codes may be: any angle, 0.8 to 10 px per module, by the structure of grey-value gradients alone.
//!
//! Bars are what makes many strong gradients in one direction, of both signs, over a patch: high energy and coherence of the structure tensor, and
//! a sum of signed gradients near zero (which tells bars from the edge of a box). Cells of 8 px are grouped by orientation on every level of a
//! pyramid; [`refine`] then finds the bars' exact direction, and splits a group where what runs through it is not one code.

mod cells;
mod detected;
mod finder;
mod group;
mod refine;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decode::data_matrix::Finder;
use super::detect::DetectOptions;
use super::geometry::{distance, on_full_picture, solve};
use super::{Corners, Illumination, Packages, Plane};

use detected::Detected;

pub use detected::BESIDE_PACKAGE;

pub use cells::{CELL, Cell, CellGrid};
pub use finder::finders;
pub use group::{Group, busy_cells, linear_groups, matrix_groups};
pub use refine::refine;

/// What looks for codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Locator {
    /// The structure of grey-value gradients.
    Gradients,
    /// The trained detector (see [`super::detect`]) says where bars are, and gradients are looked at there and for the finders of Data Matrix symbols: what
    /// a station needs, whose codes the detector knows. The gradients alone where the ONNX Runtime library is missing.
    Ssd,
    /// Both, all over the picture: finds more in pictures of any kind, and takes several times as long.
    #[default]
    Both,
}

/// What looks for codes, and what bounds its work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocateOptions {
    /// What looks for codes.
    pub detector: Locator,
    /// What is kept of the trained detector's answers.
    pub detect: DetectOptions,
    /// Most groups of bars that are looked at, all levels together.
    pub max_linear: usize,
    /// Most places that are looked at for a matrix code.
    pub max_matrix: usize,
    /// Levels of the pyramid; level l sees modules of 2^l times the size.
    pub levels: usize,
    /// Whether packages are told apart, counted, and codes looked for on them only; with [`Locator::Ssd`], of a station's frames.
    pub packages: bool,
}

impl Default for LocateOptions {
    fn default() -> Self {
        Self { detector: Locator::default(), detect: DetectOptions::default(), max_linear: 320, max_matrix: 32, levels: 4, packages: true }
    }
}

/// A linear code's place: a strip between two straight edges, in a frame of its own.
///
/// With a = (p − centre)·along and b = (p − centre)·across, a pixel p lies at u = a + (lean + spread·a)·b along the code, in pixels; bars are lines
/// of equal u. The code's upper and lower edges are the lines b = top\[0\] + top\[1\]·u + arch·u² and b = bottom\[0\] + bottom\[1\]·u + arch·u². So a box
/// seen in perspective fits: bars that are not square to the edges and that converge; and one on a round package seen aslant, whose edges are arcs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearBox {
    /// Origin of the frame, px.
    pub centre: [f64; 2],
    /// Unit vector across the bars; `across` is it turned by +90° (x to y).
    pub along: [f64; 2],
    /// Lean of the bars against `across`.
    pub lean: f64,
    /// Change of the lean along the code, 1/px.
    pub spread: f64,
    /// Extent along the code.
    pub ends: [f64; 2],
    /// Edge at smaller b: offset and slope.
    pub top: [f64; 2],
    /// Edge at larger b: offset and slope.
    pub bottom: [f64; 2],
    /// How both edges are arched, 1/px; 0 on flat faces.
    pub arch: f64,
}

impl LinearBox {
    /// The strip whose corners these are; `None` if they enclose nothing.
    pub fn of_corners(corners: &Corners) -> Option<Self> {
        let between = |i: usize, j: usize| [0, 1].map(|k| (corners[i][k] + corners[j][k]) / 2.0);
        let (left, right) = (between(0, 3), between(1, 2));
        let length = distance(left, right);
        let along = [0, 1].map(|k| (right[k] - left[k]) / length);
        let centre = [0, 1].map(|k| (left[k] + right[k]) / 2.0);
        let mut place = Self { centre, along, lean: 0.0, spread: 0.0, ends: [0.0; 2], top: [0.0; 2], bottom: [0.0; 2], arch: 0.0 };
        let local = corners.map(|[x, y]| place.local(x, y));
        // Both corners of an end have the same u.
        let [(a0, b0), (a1, b1), (a2, b2), (a3, b3)] = local;
        [place.lean, place.spread] = solve([[b0 - b3, a0 * b0 - a3 * b3], [b1 - b2, a1 * b1 - a2 * b2]], [a3 - a0, a2 - a1])?;
        let [u0, u1] = [local[0], local[1]].map(|(a, b)| a + (place.lean + place.spread * a) * b);
        let line = |at0: f64, at1: f64| {
            let slope = (at1 - at0) / (u1 - u0);
            [at0 - slope * u0, slope]
        };
        (place.ends, place.top, place.bottom) = ([u0, u1], line(b0, b1), line(b3, b2));
        (u1 > u0).then_some(place)
    }

    /// (a, b) of a pixel.
    pub fn local(&self, x: f64, y: f64) -> (f64, f64) {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        (dx * self.along[0] + dy * self.along[1], dy * self.along[0] - dx * self.along[1])
    }

    /// The pixel at u along the code on the line b = edge\[0\] + edge\[1\]·u + arch·u².
    pub fn on_edge(&self, u: f64, edge: [f64; 2]) -> [f64; 2] {
        let b = edge[0] + (edge[1] + self.arch * u) * u;
        let a = (u - self.lean * b) / (1.0 + self.spread * b);
        [self.centre[0] + a * self.along[0] - b * self.along[1], self.centre[1] + a * self.along[1] + b * self.along[0]]
    }

    /// The four corners for code ends at u0 and u1: (u0, top), (u1, top), (u1, bottom), (u0, bottom).
    pub fn corners(&self, u0: f64, u1: f64) -> Corners {
        [self.on_edge(u0, self.top), self.on_edge(u1, self.top), self.on_edge(u1, self.bottom), self.on_edge(u0, self.bottom)]
    }

    /// Extent across the code in its middle.
    pub fn height(&self) -> f64 {
        let u = (self.ends[0] + self.ends[1]) / 2.0;
        self.bottom[0] - self.top[0] + (self.bottom[1] - self.top[1]) * u
    }

    /// Extent along the code.
    pub fn length(&self) -> f64 {
        self.ends[1] - self.ends[0]
    }

    /// The same place on the plane `levels` finer (negative: coarser).
    #[must_use]
    pub fn rescaled(&self, levels: i32) -> Self {
        let s = 2f64.powi(levels);
        Self {
            centre: self.centre.map(|c| (c + 0.5) * s - 0.5),
            spread: self.spread / s,
            ends: self.ends.map(|e| e * s),
            top: [self.top[0] * s, self.top[1]],
            bottom: [self.bottom[0] * s, self.bottom[1]],
            arch: self.arch / s,
            ..*self
        }
    }
}

/// A place that may hold a linear code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearCandidate {
    /// The level of the pyramid that the box refers to.
    pub level: usize,
    /// Where.
    pub place: LinearBox,
    /// Whether the trained detector found it.
    pub by_net: bool,
}

impl LinearCandidate {
    /// The level of the pyramid that it is read on: one finer than where it was found. The locator likes one to three pixels per module, reading likes more.
    pub fn read_on(&self) -> usize {
        self.level.saturating_sub(1)
    }

    /// Corners on the full picture.
    pub fn corners(&self) -> Corners {
        let full = self.place.rescaled(self.level as i32);
        full.corners(full.ends[0], full.ends[1])
    }
}

/// A place that may hold a matrix code: an upright box on the full picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatrixCandidate {
    /// Smallest x and y, px.
    pub min: [f64; 2],
    /// Largest x and y, px.
    pub max: [f64; 2],
    /// Which level of the pyramid saw it.
    pub level: usize,
}

/// The outline of a matrix code that the trained detector found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatrixOutline {
    /// Level of the pyramid that it is read on.
    pub level: usize,
    /// Corners, px of that level.
    pub corners: Corners,
    /// Whether the detector is sure enough of it for a second look.
    pub sure: bool,
}

impl MatrixCandidate {
    /// Its middle on the full picture.
    pub fn centre(&self) -> [f64; 2] {
        [(self.min[0] + self.max[0]) / 2.0, (self.min[1] + self.max[1]) / 2.0]
    }

    /// Common area ÷ joint area.
    fn overlap(&self, other: &Self) -> f64 {
        let side = |k: usize| (self.max[k].min(other.max[k]) - self.min[k].max(other.min[k])).max(0.0);
        let area = |m: &Self| (m.max[0] - m.min[0]) * (m.max[1] - m.min[1]);
        let common = side(0) * side(1);
        common / (area(self) + area(other) - common).max(1e-9)
    }
}

/// All candidates of a picture, most promising first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Candidates {
    /// Strips on the full picture as the trained detector says them, surest first: direction and size roughly right, cut by nothing.
    pub strips: Vec<LinearBox>,
    /// For linear codes.
    pub linear: Vec<LinearCandidate>,
    /// For matrix codes.
    pub matrix: Vec<MatrixCandidate>,
    /// Finders of Data Matrix symbols, each with the level of the pyramid that its pixels refer to.
    pub finders: Vec<(usize, Finder)>,
    /// The packages, where they were told apart.
    pub packages: Option<Packages>,
}

/// Candidates of one level whose corners are that close are one, px of the level.
const SAME_PLACE: f64 = 1.0;

/// Finds candidates on a pyramid (level 0 first) whose level 0 has the illumination `light`.
pub fn locate(pyramid: &[Plane], light: &Illumination, options: &LocateOptions) -> Candidates {
    let search = Search::new(pyramid, light, options);
    let mut linear = search.by_net(|_| true);
    let others = search.by_gradients(|_| true, |_| true);
    linear.extend(others.linear);
    linear.sort_by(largest_first);
    Candidates { strips: search.strips(), linear, packages: search.packages().cloned(), ..others }
}

/// The same step by step, so that nothing is looked for where something was read in the meantime.
pub(super) struct Search<'p> {
    pyramid: &'p [Plane],
    light: &'p Illumination,
    options: &'p LocateOptions,
    detected: Option<Detected>,
}

impl<'p> Search<'p> {
    /// Runs the trained detector, if it is asked for.
    pub(super) fn new(pyramid: &'p [Plane], light: &'p Illumination, options: &'p LocateOptions) -> Self {
        let detected = match options.detector {
            Locator::Gradients => None,
            Locator::Ssd | Locator::Both => {
                let packages = options.packages && options.detector == Locator::Ssd;
                pyramid.first().and_then(|plane| detected::detect(plane, &options.detect, packages))
            }
        };
        Self { pyramid, light, options, detected }
    }

    /// The detector, if gradients are looked at nowhere but where it sees something.
    fn alone(&self) -> Option<&Detected> {
        self.detected.as_ref().filter(|_| self.options.detector == Locator::Ssd)
    }

    fn levels(&self) -> usize {
        self.options.levels.min(self.pyramid.len())
    }

    /// White level near a pixel of a level.
    fn white(&self, level: usize) -> impl Fn(f64, f64) -> f32 + Sync + 'p {
        let (scale, light) = (2f64.powi(level as i32), self.light);
        move |x, y| light.white(x * scale, y * scale)
    }

    /// The packages, where they were told apart.
    pub(super) fn packages(&self) -> Option<&Packages> {
        self.detected.as_ref()?.packages()
    }

    /// See [`Candidates::strips`].
    pub(super) fn strips(&self) -> Vec<LinearBox> {
        self.detected.as_ref().map(Detected::strips).unwrap_or_default()
    }

    /// Strips in the places of the trained detector that are `open`, largest first.
    pub(super) fn by_net(&self, open: impl Fn(&Corners) -> bool) -> Vec<LinearCandidate> {
        let mut groups = self.detected.as_ref().map(|detected| detected.groups(self.levels(), open)).unwrap_or_default();
        groups.truncate(self.options.max_linear);
        self.refined(groups, true)
    }

    /// Outlines of matrix codes in the places of the trained detector, surest first, each with the level of the pyramid that its pixels refer to.
    pub(super) fn outlines(&self) -> Vec<MatrixOutline> {
        self.detected.as_ref().map(|detected| detected.outlines(self.levels())).unwrap_or_default()
    }

    /// What gradients show, but for strips in places of the trained detector that are not `open`, where it is asked; largest strips first.
    pub(super) fn by_gradients(&self, open: impl Fn(&Corners) -> bool, open_at: impl Fn([f64; 2]) -> bool) -> Candidates {
        let mut groups: Vec<(usize, Group)> = Vec::new();
        let mut matrix: Vec<(f32, MatrixCandidate)> = Vec::new();
        let mut finders: Vec<(usize, Finder)> = Vec::new();
        let sought = self.alone().map(|detected| detected.sought(&open));
        for (level, plane) in self.pyramid.iter().enumerate().take(self.options.levels) {
            let white = self.white(level);
            let (Some(detected), Some(sought)) = (self.alone(), &sought) else {
                let grid = CellGrid::measure(plane, &white);
                groups.extend(linear_groups(&grid).into_iter().map(|g| (level, g)));
                finders.extend(finder::finders(plane, &grid, &busy_cells(&grid), &white).into_iter().map(|f| (level, f)));
                for (score, m) in matrix_groups(&grid) {
                    let (min, max) = (on_full_picture(m.min, level), on_full_picture(m.max, level));
                    matrix.push((score, MatrixCandidate { min, max, level }));
                }
                continue;
            };
            let size = [plane.width() / CELL, plane.height() / CELL];
            let (bars, modules) = (sought.cells(level, size), detected.near_matrix(level, size, &open_at));
            let wanted: Vec<bool> = bars.iter().zip(&modules).map(|(bars, modules)| bars | modules).collect();
            if !wanted.contains(&true) {
                continue;
            }
            let grid = CellGrid::measure_where(plane, &white, Some(&wanted));
            if bars.contains(&true) {
                groups.extend(linear_groups(&grid).into_iter().filter(|g| sought.has_bars_at(level, g)).map(|g| (level, g)));
            }
            if modules.contains(&true) {
                let busy: Vec<bool> = busy_cells(&grid).iter().zip(&modules).map(|(busy, near)| busy & near).collect();
                finders.extend(finder::finders(plane, &grid, &busy, &white).into_iter().map(|f| (level, f)));
            }
        }
        // Many cells of clean bars first; ties by position, so that the order never depends on anything but the picture.
        groups.sort_by(|(la, a), (lb, b)| b.score.total_cmp(&a.score).then(la.cmp(lb)).then(a.order().cmp(&b.order())));
        let of_net = self.detected.as_ref().map_or(0, |detected| detected.groups(self.levels(), |_| true).len());
        groups.truncate(self.options.max_linear.saturating_sub(of_net));
        let mut linear = self.refined(groups, false);
        if let Some(sought) = &sought {
            linear.retain(|candidate| sought.has_strip_at(candidate));
        }
        if let Some(detected) = &self.detected {
            matrix.extend(detected.matrix(self.levels()));
        }
        Candidates { strips: Vec::new(), linear, matrix: best_places(matrix, self.options.max_matrix), finders, packages: None }
    }

    /// The strips in some groups, largest first; those that several groups agree on once.
    fn refined(&self, groups: Vec<(usize, Group)>, by_net: bool) -> Vec<LinearCandidate> {
        let mut linear: Vec<LinearCandidate> = groups
            .par_iter()
            .flat_map_iter(|(level, group)| {
                let white = self.white(*level)(group.centre[0], group.centre[1]);
                refine(&self.pyramid[*level], group, white).into_iter().map(|place| LinearCandidate { level: *level, place, by_net })
            })
            .collect();
        linear.sort_by(largest_first);
        let mut distinct: Vec<(LinearCandidate, Corners)> = Vec::new();
        for candidate in linear {
            let corners = candidate.corners();
            let near = SAME_PLACE * 2f64.powi(candidate.level as i32);
            let same = |(other, known): &(LinearCandidate, Corners)| {
                other.level == candidate.level
                    && corners.iter().flatten().zip(known.iter().flatten()).all(|(a, b): (&f64, &f64)| (a - b).abs() < near)
            };
            if !distinct.iter().any(same) {
                distinct.push((candidate, corners));
            }
        }
        distinct.into_iter().map(|d| d.0).collect()
    }
}

/// By area on the full picture; ties by position.
fn largest_first(a: &LinearCandidate, b: &LinearCandidate) -> std::cmp::Ordering {
    let area = |c: &LinearCandidate| c.place.length() * c.place.height() * 4f64.powi(c.level as i32);
    area(b).total_cmp(&area(a)).then(a.place.centre[0].total_cmp(&b.place.centre[0]))
}

/// The best places for matrix codes. The same place on several levels counts once; but the net and the gradients draw their boxes differently, and a
/// reader may like either.
fn best_places(mut matrix: Vec<(f32, MatrixCandidate)>, most: usize) -> Vec<MatrixCandidate> {
    matrix.sort_by(|(sa, a), (sb, b)| sb.total_cmp(sa).then(a.min[0].total_cmp(&b.min[0])).then(a.min[1].total_cmp(&b.min[1])));
    let mut places: Vec<(bool, MatrixCandidate)> = Vec::new();
    for (score, m) in matrix {
        let by_net = score >= detected::FIRST;
        if places.len() < most && !places.iter().any(|(net, p)| *net == by_net && p.overlap(&m) > 0.6) {
            places.push((by_net, m));
        }
    }
    places.into_iter().map(|p| p.1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_and_local_coordinates_agree() {
        let place = LinearBox {
            centre: [100.0, 50.0],
            along: [0.8, 0.6],
            lean: 0.05,
            spread: 1e-4,
            ends: [-60.0, 70.0],
            top: [-12.0, 0.1],
            bottom: [14.0, 0.08],
            arch: 0.0,
        };
        for (u, edge) in [(-60.0, place.top), (70.0, place.bottom)] {
            let [x, y] = place.on_edge(u, edge);
            let (a, b) = place.local(x, y);
            assert!((a + (place.lean + place.spread * a) * b - u).abs() < 1e-9);
            assert!((b - edge[0] - edge[1] * u).abs() < 1e-9);
        }
        let corners = place.corners(-60.0, 70.0);
        let again = LinearBox::of_corners(&corners).unwrap();
        assert!(corners.iter().zip(again.corners(again.ends[0], again.ends[1])).all(|(p, q)| distance(*p, q) < 1e-9));
        assert_eq!(LinearBox::of_corners(&[[1.0, 2.0]; 4]), None);
        let [fine, coarse] = [place.rescaled(1).on_edge(-120.0, place.rescaled(1).top), place.on_edge(-60.0, place.top)];
        assert!((fine[0] - (2.0 * coarse[0] + 0.5)).abs() < 1e-9 && (fine[1] - (2.0 * coarse[1] + 0.5)).abs() < 1e-9);
    }
}
