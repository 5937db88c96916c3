//! What the trained detector found, as work for the stages after the locator.

use super::{CELL, CellGrid, Group, MatrixCandidate, finders};
use crate::vision::Plane;
use crate::vision::decode::data_matrix::Finder;
use crate::vision::detect::{self, Class, DetectOptions, Detection, Features};

/// Modules of a code that is neither short nor long: what its length is divided by to guess the size of its modules.
const MODULES: f64 = 110.0;
/// Modules of this many px are about right for a level of the pyramid.
const RIGHT_MODULE: f64 = 2.0;
/// Largest edge of a matrix code that is looked at on a level, px.
const LARGEST_MATRIX: f64 = 200.0;
/// A score that puts what the detector found before all groups of gradients, whose scores are numbers of cells.
const FIRST: f32 = 1e5;
/// Room around a matrix code, in its own half edges, for its finder's legs and their quiet zones.
const ROOM: f64 = 1.35;

/// Codes on a picture, and the channels that they were seen in.
pub struct Detected {
    places: Vec<Detection>,
    features: Features,
}

/// Runs the trained detector on the full picture; `None` where there is none (which has been said).
pub fn detect(plane: &Plane, options: &DetectOptions) -> Option<Detected> {
    let detector = detect::shared().ok()?;
    let features = detect::features(plane, detect::MULTIPLE);
    match detector.detect_features(&features, options) {
        Ok(places) => Some(Detected { places, features }),
        Err(error) => {
            eprintln!("warning: the trained detector failed, codes are located by image gradients instead: {error}");
            None
        }
    }
}

impl Detected {
    fn of(&self, class: Class) -> impl Iterator<Item = &Detection> {
        self.places.iter().filter(move |place| place.class == class)
    }

    /// Linear codes as groups of gradients: on the full picture, and where their modules are large on the level where they are about 2 px, too.
    pub fn groups(&self, levels: usize) -> Vec<(usize, Group)> {
        let mut groups = Vec::new();
        for place in self.of(Class::Linear) {
            let group = self.group(place);
            let coarser = ((place.length() / MODULES / RIGHT_MODULE).log2().round().max(0.0) as usize).min(levels.saturating_sub(1));
            groups.push((0, group));
            if coarser > 0 {
                groups.push((coarser, on_level(&group, coarser)));
            }
        }
        groups
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
        let n = place.across[0].hypot(place.across[1]).max(1e-9);
        let square = [place.across[1] / n, -place.across[0] / n];
        let angle: f64 = s2.atan2(c2) / 2.0;
        let measured = [angle.cos(), angle.sin()];
        // Where the gradients say something else altogether, they are of something else.
        let agreement: f64 = measured[0] * square[0] + measured[1] * square[1];
        let mut along = if agreement.abs() > 0.94 { measured } else { square };
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
            let level = (0..levels.saturating_sub(1)).find(|l| place.length() / 2f64.powi(*l as i32) <= LARGEST_MATRIX);
            let level = level.unwrap_or(levels.saturating_sub(1));
            let min = [place.centre[0] - reach[0], place.centre[1] - reach[1]];
            let max = [place.centre[0] + reach[0], place.centre[1] + reach[1]];
            (FIRST * (1.0 + place.score), MatrixCandidate { min, max, level })
        };
        self.of(Class::Matrix).map(of).collect()
    }

    /// The cells of a level in and around matrix codes; `None` where there is no such code for it.
    pub fn mask(&self, level: usize, plane: &Plane) -> Option<Vec<bool>> {
        let scale = 2f64.powi(level as i32);
        let (columns, rows) = (plane.width() / CELL, plane.height() / CELL);
        let mut mask = vec![false; columns * rows];
        let mut any = false;
        // On a coarser level only what is large enough to be seen there.
        for place in self.of(Class::Matrix).filter(|place| level == 0 || place.length() / scale >= 16.0) {
            let reach = [0, 1].map(|k| ROOM * (place.along[k].abs() + place.across[k].abs()) + 2.0 * scale);
            let range = |k: usize, most: usize| {
                let at = |v: f64| (((v + 0.5) / scale) / CELL as f64).max(0.0) as usize;
                at(place.centre[k] - reach[k]).min(most)..(at(place.centre[k] + reach[k]) + 1).min(most)
            };
            for row in range(1, rows) {
                for column in range(0, columns) {
                    mask[row * columns + column] = true;
                    any = true;
                }
            }
        }
        any.then_some(mask)
    }
}

/// Finders on some cells of a plane, without measuring the others.
pub fn finders_in(plane: &Plane, mask: &[bool], white: impl Fn(f64, f64) -> f32 + Sync) -> Vec<Finder> {
    let grid = CellGrid { cols: plane.width() / CELL, rows: plane.height() / CELL, cells: Vec::new(), noise: 0.0 };
    finders(plane, &grid, mask, white)
}

/// A group of the full picture on a level of the pyramid.
fn on_level(group: &Group, level: usize) -> Group {
    let scale = 2f64.powi(level as i32);
    Group { centre: group.centre.map(|v| (v + 0.5) / scale - 0.5), a: group.a.map(|v| v / scale), b: group.b.map(|v| v / scale), ..*group }
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
        let detected = Detected { places: vec![place], features: detect::features(&plane, 16) };
        let groups = detected.groups(4);
        assert_eq!(groups.len(), 1);
        let (level, group) = groups[0];
        assert_eq!(level, 0);
        assert!((group.along[0] * cos + group.along[1] * sin) > 0.9999, "{group:?}");
        // What is left of the 6° is the slope of its axis.
        assert!((group.slope - 6f64.to_radians().tan()).abs() < 0.015, "{group:?}");
        assert!(detected.mask(0, &plane).is_none() && detected.matrix(4).is_empty());
    }

    #[test]
    fn large_codes_are_looked_at_on_two_levels_and_matrix_codes_have_their_cells() {
        let linear = Detection { class: Class::Linear, score: 0.5, centre: [199.5, 99.5], along: [330.0, 0.0], across: [0.0, 40.0] };
        let matrix = Detection { class: Class::Matrix, score: 0.5, centre: [100.0, 60.0], along: [20.0, 0.0], across: [0.0, 20.0] };
        let plane = Plane::new(400, 200, vec![0.5; 400 * 200]);
        let detected = Detected { places: vec![linear, matrix], features: detect::features(&plane, 16) };
        // 660 px of about 110 modules: 6 px a module, so 1.5 px on the level of half the size twice.
        let levels: Vec<usize> = detected.groups(4).iter().map(|g| g.0).collect();
        assert_eq!(levels, [0, 2]);
        assert_eq!(detected.groups(4)[1].1.centre, [49.5, 24.5]);
        assert_eq!(detected.matrix(4)[0].1, MatrixCandidate { min: [80.0, 40.0], max: [120.0, 80.0], level: 0 });
        let mask = detected.mask(0, &plane).unwrap();
        // x from 71 to 129 px is columns 8 to 16, y from 31 to 89 px rows 3 to 11.
        assert_eq!(mask.iter().filter(|m| **m).count(), 9 * 9);
        assert!(mask[3 * 50 + 8] && mask[11 * 50 + 16] && !mask[3 * 50 + 7] && !mask[12 * 50 + 16]);
    }
}
