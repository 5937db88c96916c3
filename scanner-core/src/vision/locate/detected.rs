//! What the trained detector found, as work for the stages after the locator.

use super::{CELL, Group, LinearBox, LinearCandidate, MatrixCandidate, MatrixOutline};
use crate::vision::detect::{self, Class, DetectOptions, Detection, Features};
use crate::vision::geometry::{distance, middle, on_full_picture, on_level};
use crate::vision::segment::{self, InstanceRule, Packages};
use crate::vision::{Corners, Plane};

/// Modules of a code that is neither short nor long: what its length is divided by to guess the size of its modules.
const MODULES: f64 = 110.0;
/// Modules of this many px are about right for a level of the pyramid.
const RIGHT_MODULE: f64 = 2.0;
/// Largest edge of a matrix code that is looked at on a level, px.
const LARGEST_MATRIX: f64 = 200.0;
/// Longest edge of an outline that is looked at on a level, px: modules of up to five of them.
const LARGEST_OUTLINE: f64 = 130.0;
/// Score from which on an outline is followed: of three hundred that were read none had less, of a thousand that were not six hundred had.
const OUTLINED: f32 = 0.3;
/// And from which on it is worth a second look: of twelve that only that reads, or would, none had less.
const SURE: f32 = 0.7;
/// A score that puts what the detector found before all groups of gradients, whose scores are numbers of cells.
pub const FIRST: f32 = 1e5;

/// How far from the cells of packages the middle of a code may lie, px: edges of packages are known to a cell or two.
pub const BESIDE_PACKAGE: f64 = 40.0;

/// How far around the middle of a matrix code finders are looked for: in halves of its longer edge, and px more.
const AROUND_MATRIX: f64 = 1.5;
const NEAR_MATRIX: f64 = 12.0;
/// The same for groups of bars around a linear code: in its half edges, and px of the level more.
const AROUND_LINEAR: f64 = 1.25;
const NEAR_LINEAR: f64 = 24.0;
/// Score of a linear code from which on they are looked for: of 37 that were read by them in 160 pictures none had less than 0.51.
const WITH_GROUPS: f32 = 0.45;
/// Length of a strip of gradients ÷ length of the code that it may be.
const ALIKE: std::ops::Range<f64> = 0.4..2.0;

/// Codes on a picture, and the channels that they were seen in.
pub struct Detected {
    places: Vec<Detection>,
    /// Answers that may be less sure, one on the other.
    faint: Vec<Detection>,
    features: Features,
    /// Where packages were told apart.
    packages: Option<Packages>,
}

/// Runs the trained detector on the full picture, and where packages are wanted the net that tells them apart; `None` where there is none (which has
/// been said). Codes are then looked for on packages only.
pub fn detect(plane: &Plane, options: &DetectOptions, packages: bool) -> Option<Detected> {
    let detector = detect::shared().ok()?;
    let features = detect::features(plane, detect::MULTIPLE);
    match detector.answers(&features, options) {
        Ok((mut places, mut faint)) => {
            let packages = if packages { segmented(&features) } else { None };
            if let Some(packages) = packages.as_ref().filter(|packages| !packages.seen.is_empty()) {
                for all in [&mut places, &mut faint] {
                    all.retain(|place| packages.near(place.centre, BESIDE_PACKAGE));
                }
            }
            Some(Detected { places, faint, features, packages })
        }
        Err(error) => {
            eprintln!("warning: the trained detector failed, codes are located by image gradients instead: {error}");
            None
        }
    }
}

fn segmented(features: &Features) -> Option<Packages> {
    let segmented = segment::segmenter().ok()?.segment(features, &InstanceRule::default());
    segmented.inspect_err(|error| eprintln!("warning: packages of a frame were not told apart: {error}")).ok()
}

impl Detected {
    /// The packages, where they were told apart.
    pub fn packages(&self) -> Option<&Packages> {
        self.packages.as_ref()
    }

    fn of(&self, class: Class) -> impl Iterator<Item = &Detection> {
        self.places.iter().filter(move |place| place.class == class)
    }

    /// Linear codes that are `open` as groups of gradients: on the full picture, and where their modules are large on the level where they are about 2 px, too.
    pub fn groups(&self, levels: usize, open: impl Fn(&Corners) -> bool) -> Vec<(usize, Group)> {
        let mut groups = Vec::new();
        for place in self.of(Class::Linear).filter(|place| open(&place.corners())) {
            let group = self.group(place);
            let coarser = ((place.length() / MODULES / RIGHT_MODULE).log2().round().max(0.0) as usize).min(levels.saturating_sub(1));
            groups.push((0, group));
            if coarser > 0 {
                groups.push((coarser, group_on_level(&group, coarser)));
            }
        }
        groups
    }

    /// Linear codes as strips on the full picture, surest first.
    pub fn strips(&self) -> Vec<LinearBox> {
        let strip = |place: &Detection| {
            let Group { centre, along, slope, b: [top, bottom], .. } = self.group(place);
            let reach = (place.along[0] * along[0] + place.along[1] * along[1]).abs();
            LinearBox {
                centre,
                along,
                lean: 0.0,
                spread: 0.0,
                ends: [-reach, reach],
                top: [top, slope],
                bottom: [bottom, slope],
                arch: 0.0,
            }
        };
        self.of(Class::Linear).map(strip).collect()
    }

    /// Linear codes that are `open` and sure enough ([`WITH_GROUPS`]) for strips of gradients to be looked for there.
    pub fn sought(&self, open: impl Fn(&Corners) -> bool) -> Sought<'_> {
        Sought(self.of(Class::Linear).filter(|place| place.score >= WITH_GROUPS && open(&place.corners())).collect())
    }

    /// The group on the full picture. The bars' direction comes from the gradients inside the place: the net only says it roughly. Differences of
    /// neighbouring pixels draw it towards the grid, by 0.3° at a period of 12 px and 6° at 3 px; refinement searches that far.
    fn group(&self, place: &Detection) -> Group {
        let (mut c2, mut s2) = (0.0, 0.0);
        let cell = detect::CELL as f64;
        let reach = [0, 1].map(|k| place.along[k].abs() + place.across[k].abs());
        let range = |k: usize, most: usize| {
            let at = |v: f64| ((v + 0.5) / cell).max(0.0) as usize;
            at(place.centre[k] - reach[k]).min(most)..(at(place.centre[k] + reach[k]) + 1).min(most)
        };
        for row in range(1, self.features.rows) {
            for column in range(0, self.features.columns) {
                let middle = [column, row].map(|i| i as f64 * cell + (cell - 1.0) / 2.0);
                // The middle of the code: its edges and ends are no bars.
                if place.local(middle).iter().all(|v| v.abs() < 0.8) {
                    let [c, s] = self.features.orientation(row, column);
                    (c2, s2) = (c2 + c, s2 + s);
                }
            }
        }
        let unit = |v: [f64; 2]| v.map(|k| k / v[0].hypot(v[1]).max(1e-9));
        let square = unit([place.across[1], -place.across[0]]);
        let angle: f64 = s2.atan2(c2) / 2.0;
        let measured = [angle.cos(), angle.sin()];
        // Where the gradients agree with neither side of the place, they are of something else. Of the two the net knows the long one better: the short one
        // may be twenty degrees off on a code that lies there plainly.
        let agrees = |side: [f64; 2]| (measured[0] * side[0] + measured[1] * side[1]).abs() > 0.94;
        let mut along = if agrees(square) || agrees(unit(place.along)) { measured } else { square };
        if along[0] * place.along[0] + along[1] * place.along[1] < 0.0 {
            along = along.map(|v| -v);
        }
        let local = |v: [f64; 2]| [v[0] * along[0] + v[1] * along[1], v[1] * along[0] - v[0] * along[1]];
        let (e1, e2) = (local(place.along), local(place.across));
        let slope = if e1[0].abs() > 1e-6 { (e1[1] / e1[0]).clamp(-1.2, 1.2) } else { 0.0 };
        let a = e1[0].abs() + e2[0].abs();
        let b = (e2[1] - slope * e2[0]).abs();
        Group { centre: place.centre, along, slope, a: [-a, a], b: [-b, b], score: FIRST * (1.0 + place.score) }
    }

    /// Matrix codes as upright boxes, with a score that puts them first.
    pub fn matrix(&self, levels: usize) -> Vec<(f32, MatrixCandidate)> {
        let of = |place: &Detection| {
            let reach = [0, 1].map(|k| place.along[k].abs() + place.across[k].abs());
            let level = level_of(place.length(), LARGEST_MATRIX, levels);
            let min = [place.centre[0] - reach[0], place.centre[1] - reach[1]];
            let max = [place.centre[0] + reach[0], place.centre[1] + reach[1]];
            (FIRST * (1.0 + place.score), MatrixCandidate { min, max, level })
        };
        self.of(Class::Matrix).map(of).collect()
    }

    /// Outlines of matrix codes that are sure enough to be followed, surest first.
    pub fn outlines(&self, levels: usize) -> Vec<MatrixOutline> {
        let outline = |place: &Detection| {
            let level = level_of(place.length(), LARGEST_OUTLINE, levels);
            MatrixOutline { level, corners: place.corners().map(|corner| on_level(corner, level)), sure: place.score >= SURE }
        };
        self.of(Class::Matrix).filter(|place| place.score >= OUTLINED).map(outline).collect()
    }

    /// Of a level's cells (`cols` in a row), those in or near what may be a matrix code and is `open`.
    pub fn near_matrix(&self, level: usize, [cols, rows]: [usize; 2], open: impl Fn([f64; 2]) -> bool) -> Vec<bool> {
        let scale = 2f64.powi(level as i32);
        let mut near = vec![false; cols * rows];
        for place in self.faint.iter().filter(|place| place.class == Class::Matrix && open(place.centre)) {
            let half = place.along[0].hypot(place.along[1]).max(place.across[0].hypot(place.across[1]));
            mark(&mut near, [cols, rows], place.centre.map(|c| c / scale), [AROUND_MATRIX * half / scale + NEAR_MATRIX; 2]);
        }
        near
    }
}

/// Linear codes where strips of gradients are looked for.
pub struct Sought<'d>(Vec<&'d Detection>);

impl Sought<'_> {
    /// Of a level's cells (`cols` in a row), those in or near one.
    pub fn cells(&self, level: usize, [cols, rows]: [usize; 2]) -> Vec<bool> {
        let mut near = vec![false; cols * rows];
        let scale = 2f64.powi(level as i32);
        for place in &self.0 {
            let reach = [0, 1].map(|k| (AROUND_LINEAR * (place.along[k].abs() + place.across[k].abs())) / scale + NEAR_LINEAR);
            mark(&mut near, [cols, rows], place.centre.map(|c| c / scale), reach);
        }
        near
    }

    /// Whether a strip may be one of the linear codes: its middle lies in it, and it is about as long.
    pub fn has_strip_at(&self, candidate: &LinearCandidate) -> bool {
        let corners = candidate.corners();
        let middle = middle(&corners);
        let length = distance(corners[0], corners[1]);
        self.0.iter().any(|place| place.local(middle).iter().all(|v| v.abs() < 1.0) && ALIKE.contains(&(length / place.length())))
    }

    /// Whether a level's group of gradients has its middle in a linear code, or the other way round.
    pub fn has_bars_at(&self, level: usize, group: &Group) -> bool {
        let middle = on_full_picture(group.centre, level);
        let scale = 2f64.powi(level as i32);
        let around = |p: [f64; 2]| {
            let (dx, dy) = ((p[0] - middle[0]) / scale, (p[1] - middle[1]) / scale);
            let (a, b) = (dx * group.along[0] + dy * group.along[1], dy * group.along[0] - dx * group.along[1]);
            (group.a[0]..=group.a[1]).contains(&a) && (group.b[0]..=group.b[1]).contains(&(b - group.slope * a))
        };
        self.0.iter().any(|place| place.local(middle).iter().all(|v| v.abs() < 1.0) || around(place.centre))
    }
}

/// Marks the cells that lie in an upright box of a level, `reach` px each way from its middle.
fn mark(cells: &mut [bool], [cols, rows]: [usize; 2], middle: [f64; 2], reach: [f64; 2]) {
    let range = |k: usize, most: usize| {
        let at = |v: f64| (v / CELL as f64).max(0.0) as usize;
        at(middle[k] - reach[k]).min(most)..(at(middle[k] + reach[k]) + 1).min(most)
    };
    for row in range(1, rows) {
        cells[row * cols..][range(0, cols)].fill(true);
    }
}

/// The finest of so many levels on which a length of the full picture is no longer than `largest`, px; the coarsest if it is on none.
fn level_of(length: f64, largest: f64, levels: usize) -> usize {
    let coarsest = levels.saturating_sub(1);
    (0..coarsest).find(|level| length / 2f64.powi(*level as i32) <= largest).unwrap_or(coarsest)
}

/// A group of the full picture on a level of the pyramid.
fn group_on_level(group: &Group, level: usize) -> Group {
    let scale = 2f64.powi(level as i32);
    Group { centre: on_level(group.centre, level), a: group.a.map(|v| v / scale), b: group.b.map(|v| v / scale), ..*group }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wave of 12 px in a box of 240×60 px around (200, 100), turned by 20°.
    fn picture() -> (Plane, [f64; 2]) {
        let (sin, cos) = 20f64.to_radians().sin_cos();
        let value = |x: usize, y: usize| {
            let (dx, dy) = (x as f64 - 200.0, y as f64 - 100.0);
            let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
            let inside = u.abs() < 120.0 && v.abs() < 30.0;
            if inside { 0.45 + 0.35 * (u * std::f64::consts::TAU / 12.0).sin() as f32 } else { 0.8 }
        };
        (Plane::new(400, 200, (0..400 * 200).map(|i| value(i % 400, i / 400)).collect()), [cos, sin])
    }

    #[test]
    fn the_bars_direction_comes_from_the_gradients() {
        let (plane, [cos, sin]) = picture();
        // The net's place is off by 6°.
        let (s, c) = 26f64.to_radians().sin_cos();
        let place = Detection {
            class: Class::Linear,
            score: 0.9,
            centre: [200.0, 100.0],
            along: [120.0 * c, 120.0 * s],
            across: [-30.0 * s, 30.0 * c],
        };
        let detected = Detected { places: vec![place], faint: Vec::new(), features: detect::features(&plane, 16), packages: None };
        let groups = detected.groups(4, |_| true);
        assert_eq!(groups.len(), 1);
        let (level, group) = groups[0];
        assert_eq!(level, 0);
        assert!((group.along[0] * cos + group.along[1] * sin) > 0.9999, "{group:?}");
        // What is left of the 6° is the slope of its axis.
        assert!((group.slope - 6f64.to_radians().tan()).abs() < 0.015, "{group:?}");
        assert!(detected.matrix(4).is_empty());
        // Groups with the code's middle in them, or with their middle in the code.
        let sought = detected.sought(|_| true);
        let small = |centre| Group { centre, a: [-3.0, 3.0], b: [-3.0, 3.0], ..group };
        assert!(sought.has_bars_at(0, &small([290.0, 130.0])) && !sought.has_bars_at(0, &small([200.0, 160.0])));
        assert!(sought.has_bars_at(1, &small([99.75, 49.75])) && !sought.has_bars_at(1, &small([200.0, 100.0])));
        assert!(sought.has_bars_at(0, &Group { centre: [200.0, 160.0], b: [-70.0, 70.0], ..group }));
        // None where the code was read.
        let none = detected.sought(|_| false);
        assert!(!none.has_bars_at(0, &small([290.0, 130.0])) && !none.cells(0, [50, 25]).contains(&true));
    }

    #[test]
    fn large_codes_are_looked_at_on_two_levels() {
        let linear = Detection { class: Class::Linear, score: 0.5, centre: [199.5, 99.5], along: [330.0, 0.0], across: [0.0, 40.0] };
        let matrix = Detection { class: Class::Matrix, score: 0.5, centre: [100.0, 60.0], along: [20.0, 0.0], across: [0.0, 20.0] };
        let plane = Plane::new(400, 200, vec![0.5; 400 * 200]);
        let detected = Detected { places: vec![linear, matrix], faint: Vec::new(), features: detect::features(&plane, 16), packages: None };
        // 660 px of about 110 modules: 6 px a module, so 1.5 px on the level of half the size twice.
        let levels: Vec<usize> = detected.groups(4, |_| true).iter().map(|g| g.0).collect();
        assert_eq!(levels, [0, 2]);
        assert_eq!(detected.groups(4, |_| true)[1].1.centre, [49.5, 24.5]);
        assert_eq!(detected.matrix(4)[0].1, MatrixCandidate { min: [80.0, 40.0], max: [120.0, 80.0], level: 0 });
    }
}
