//! Symbols that a round package turns away from the camera: row after row up to where it ends in its own horizon.
//!
//! Between the two sides that run around the package rows are found by dynamic programming: a row is a strip across which hardly anything changes, over
//! whose far side about half of the columns do; each is about as wide as the one before. The alternating side counts them. Where the horizon squeezes
//! rows below what the picture resolves, they go on as on a cylinder; what they say is left to error correction.

mod course;
mod strip;

use std::rc::Rc;

use super::grid::{Fixed, Grid, agreement, around, refine, rim, sample};
use super::size::{SIZES, Size};
use super::surface::{Bend, Surface, fitted};
use crate::vision::geometry::distance;
use crate::vision::{Corners, Plane};
use course::{Course, MOST};
use strip::{COUNT, LEAST_WEIGHT, Path, Strip, along, between, levelled, skewed, stretch};

/// By how much rows may be wider at one side than in the middle, and how far that is off from what is tried.
const SKEWS: [f64; 6] = [-0.09, -0.06, -0.03, 0.03, 0.06, 0.09];
const NEAR_SKEWS: [f64; 2] = [-0.015, 0.015];
/// Ways that are looked at closely, the likeliest first.
const BEST: usize = 3;
/// What rows gain at least, before skew is tried and after: what is no symbol rarely gains 60, most symbols more than 100.
const PROMISING: f32 = 62.0;
const LIKELY: f32 = 75.0;
/// What rows gain at least for the sides to be moved until they gain more; in which steps, px; how often each; by how much the skew is changed with
/// a pixel; and what a sweep must gain for another one.
const WORTH_CLIMBING: f32 = 80.0;
const CLIMB: [f64; 3] = [2.0, 1.0, 0.5];
const SWEEPS: usize = 3;
const SKEW_PER_PX: f64 = 0.03;
const CLIMBED: f32 = 1.0;
/// What is moved: middle and far end of both sides, and the skew.
const UNKNOWNS: usize = 5;
/// Grids that are read.
const READ: usize = 4;
/// Rows by which columns are counted.
const COUNTED: usize = 12;
const LEAST_COUNTED: usize = 6;
/// How much worse another number of columns may fit to be tried too.
const ABOUT_AS_WELL: f32 = 1.3;
/// Samples by which rows that end elsewhere are others.
const APART: f64 = 10.0;
/// Rows that say nothing are narrower than this, px, or as dark as can be; more of them than a share are too many.
const RESOLVED: f64 = 0.6;
const MOST_LOST: f64 = 0.35;
/// By how much both correlations together must be better for a grid to be moved by what is fixed.
const BETTER: f64 = 0.2;
/// Both correlations together from which on a grid is read.
const WORTH_READING: f64 = 1.45;

/// An outline, clockwise, and how far the middle of the side after each corner is from the straight line.
#[derive(Debug, Clone, Copy)]
pub struct Bowed {
    pub corners: Corners,
    pub bows: Corners,
}

/// A grid on a picture of its symbol that is as light on all rows; and where that picture begins.
pub struct Rolled {
    pub plane: Plane,
    pub from: [f64; 2],
    pub grid: Grid,
    /// Rows that say something.
    pub resolved: usize,
    way: Way,
}

impl Rolled {
    /// Rows along from the first one of a place in the symbol.
    pub fn row(&self, place: [f64; 2]) -> f64 {
        self.way.row(place)
    }
}

/// Which way rows follow each other in a symbol of n by n modules.
#[derive(Clone, Copy)]
struct Way {
    n: f64,
    /// From the solid side, or else from the alternating one.
    from_solid: bool,
    /// Whether the solid one of the sides around the package is the one at the start's first corner, clockwise.
    solid_first: bool,
}

impl Way {
    /// The place in the symbol, columns and rows from the top left, of a share across from the solid side and rows along from the first one.
    fn place(self, across: f64, row: f64) -> [f64; 2] {
        let n = self.n;
        match (self.from_solid, self.solid_first) {
            (true, true) => [row, n - across * n],
            (true, false) => [across * n, n - row],
            (false, true) => [across * n, row],
            (false, false) => [n - row, n - across * n],
        }
    }

    /// Rows along from the first one of a place in the symbol.
    fn row(self, [u, v]: [f64; 2]) -> f64 {
        match (self.from_solid, self.solid_first) {
            (true, true) => u,
            (true, false) => self.n - v,
            (false, true) => v,
            (false, false) => self.n - u,
        }
    }
}

/// Rows of an outline, whichever way the package turns, the likeliest first.
pub struct Ways(Vec<Rows>);

impl Ways {
    /// `None` where nothing looks like rows.
    pub fn of(plane: &Plane, outline: &Bowed) -> Option<Self> {
        let strips = (0..4).filter_map(|first| Strip::cut(plane, paths(outline, first))).map(Rc::new);
        let mut ways: Vec<Rows> =
            strips.flat_map(|strip| [true, false].into_iter().filter_map(move |from_solid| Rows::best(&strip, from_solid, 0.0))).collect();
        ways.retain(|rows| rows.gain >= PROMISING);
        ways.sort_by(|a, b| b.gain.total_cmp(&a.gain));
        (!ways.is_empty()).then(|| Self(ways.into_iter().take(BEST).map(Rows::skewed).collect()))
    }

    /// Grids that they make with the outline's sides as they are, the likeliest first.
    pub fn grids(&self, plane: &Plane) -> Vec<Rolled> {
        Self::made_of(self.0.iter().filter(|rows| rows.gain >= LIKELY).cloned(), plane)
    }

    /// The same with sides as rows gain most.
    pub fn climbed(self, plane: &Plane) -> Vec<Rolled> {
        Self::made_of(self.0.into_iter().filter(|rows| rows.gain >= WORTH_CLIMBING).map(|rows| rows.climbed(plane)), plane)
    }

    fn made_of(ways: impl Iterator<Item = Rows>, plane: &Plane) -> Vec<Rolled> {
        let grids = ways.flat_map(|rows| rows.sized(plane)).filter_map(|rows| rows.grid(plane));
        let mut grids: Vec<Rolled> = grids.filter(|rolled| rolled.grid.agreement() >= WORTH_READING).collect();
        grids.sort_by(|a, b| b.grid.agreement().total_cmp(&a.grid.agreement()));
        grids.truncate(READ);
        grids
    }
}

/// The sides that run around the package if rows start at the outline's side after the corner `first`, from that corner and from the one after it.
fn paths(outline: &Bowed, first: usize) -> [Path; 2] {
    let corner = |i: usize| outline.corners[(first + i) % 4];
    let bow = |i: usize| outline.bows[(first + i) % 4];
    [Path { from: corner(0), to: corner(3), bow: bow(3) }, Path { from: corner(1), to: corner(2), bow: bow(1) }]
}

/// Rows of a symbol.
#[derive(Clone)]
struct Rows {
    strip: Rc<Strip>,
    /// By how much rows are wider at the solid side than in the middle, as a share.
    skew: f64,
    from_solid: bool,
    size: Size,
    /// Samples along the way; beyond the last row as they would go on.
    edges: Vec<f64>,
    gain: f32,
}

impl Rows {
    /// The rows that gain most between two sides, whatever their number.
    fn best(strip: &Rc<Strip>, from_solid: bool, skew: f64) -> Option<Self> {
        let best = Course::all(strip, from_solid, skew, None).into_iter().max_by(|a, b| a.gain.total_cmp(&b.gain))?;
        Some(Self::of(strip, from_solid, &best))
    }

    /// The same with the skew that gains most.
    fn skewed(self) -> Self {
        let better = |rows: Self, skews: &[f64]| {
            let all = skews.iter().flat_map(|by| Course::all(&rows.strip, rows.from_solid, rows.skew + by, None));
            match all.max_by(|a, b| a.gain.total_cmp(&b.gain)) {
                Some(best) if best.gain > rows.gain => Self::of(&rows.strip, rows.from_solid, &best),
                _ => rows,
            }
        };
        better(better(self, &SKEWS), &NEAR_SKEWS)
    }

    /// The same with the sides and the skew that gain most, step by step: an outline follows its sides as parabolas, to where it believes that they end.
    fn climbed(mut self, plane: &Plane) -> Self {
        for step in CLIMB {
            for _ in 0..SWEEPS {
                let before = self.gain;
                for unknown in 0..UNKNOWNS {
                    let better =
                        [-step, step].into_iter().filter_map(|by| self.changed(plane, unknown, by)).find(|rows| rows.gain > self.gain);
                    self = better.unwrap_or(self);
                }
                if self.gain < before + CLIMBED {
                    break;
                }
            }
        }
        self
    }

    /// The rows that gain most where one of the unknowns is another.
    fn changed(&self, plane: &Plane, unknown: usize, by: f64) -> Option<Self> {
        let mut paths = self.strip.paths;
        let Some(Path { from, to, bow }) = paths.get_mut(unknown / 2) else {
            return Self::best(&self.strip, self.from_solid, self.skew + by * SKEW_PER_PX);
        };
        let length = distance(*from, *to).max(1e-9);
        let normal = [(to[1] - from[1]) / length, (from[0] - to[0]) / length];
        let moved = if unknown.is_multiple_of(2) { bow } else { to };
        (0..2).for_each(|k| moved[k] += by * normal[k]);
        if !self.strip.solid_first {
            paths.reverse();
        }
        let strip = Strip::cut(plane, paths).filter(|strip| strip.solid_first == self.strip.solid_first)?;
        Self::best(&Rc::new(strip), self.from_solid, self.skew)
    }

    fn of(strip: &Rc<Strip>, from_solid: bool, course: &Course) -> Self {
        let size = *SIZES.iter().find(|size| size.rows == course.rows && size.cols == course.rows).unwrap_or(&SIZES[0]);
        Self {
            strip: Rc::clone(strip),
            skew: course.skew,
            from_solid,
            size,
            edges: (0..=MOST).map(|k| course.at(k)).collect(),
            gain: course.gain,
        }
    }

    /// The picture of a place across from the solid side, at a sample along the way.
    fn pixel(&self, across: f64, sample: f64) -> [f64; 2] {
        between(&self.strip.paths, across, along(skewed(sample, stretch(self.skew, across))))
    }

    fn way(&self) -> Way {
        Way { n: self.size.rows as f64, from_solid: self.from_solid, solid_first: self.strip.solid_first }
    }

    /// How many of the rows say something.
    fn resolved(&self) -> usize {
        let says = |k: usize| {
            let [a, b] = [self.edges[k], self.edges[k + 1]];
            let wide = [0.0, 1.0].map(|side| distance(self.pixel(side, a), self.pixel(side, b))).into_iter().fold(f64::MAX, f64::min);
            wide >= RESOLVED && self.strip.brightness.get(((a + b) / 2.0).max(0.0) as usize).is_some_and(|light| *light > LEAST_WEIGHT)
        };
        (0..self.size.rows).take_while(|k| says(*k)).count()
    }

    /// The same of as many rows as it has columns: what lies between two rows changes only from one column to the next. Sizes that fit about as well
    /// come after the one that fits best.
    fn sized(self, plane: &Plane) -> impl Iterator<Item = Self> {
        let rows = self.resolved().min(COUNTED);
        let misfit = |n: usize| -> f32 {
            let (mut within, mut all) = (0.0, 0.0);
            for k in 0..rows {
                let middle = (self.edges[k] + self.edges[k + 1]) / 2.0;
                let value = |a: f64| sample(plane, self.pixel(a, middle));
                let mut means = Vec::with_capacity(n);
                for c in 0..n {
                    let values = [0.25, 0.42, 0.58, 0.75].map(|part| value((c as f64 + part) / n as f64));
                    let mean = values.iter().sum::<f32>() / 4.0;
                    within += values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 4.0;
                    means.push(mean);
                }
                let mean = means.iter().sum::<f32>() / n as f32;
                all += means.iter().map(|v| (v - mean).powi(2)).sum::<f32>();
            }
            // Within narrower columns less changes whatever is printed.
            within / all.max(1e-9) * (n * n) as f32
        };
        let mut sizes: Vec<(f32, Size)> =
            SIZES.iter().filter(|s| s.rows == s.cols && s.cols <= MOST).map(|s| (misfit(s.cols), *s)).collect();
        sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let least = sizes[0].0;
        let sizes: Vec<Size> =
            sizes.into_iter().take(2).filter(|s| rows >= LEAST_COUNTED && s.0 < ABOUT_AS_WELL * least).map(|s| s.1).collect();
        sizes.into_iter().flat_map(move |size| {
            let skews = NEAR_SKEWS.into_iter().chain([0.0]).map(|by| self.skew + by);
            let all: Vec<Course> = skews.flat_map(|skew| Course::all(&self.strip, self.from_solid, skew, Some(size.rows))).collect();
            let best = |not_to: Option<f64>| {
                let others = all.iter().filter(|course| not_to.is_none_or(|end| (course.at(size.rows) - end).abs() > APART));
                others.max_by(|a, b| a.gain.total_cmp(&b.gain))
            };
            let first = best(None);
            let second = best(first.map(|first| first.at(size.rows)));
            [first, second].into_iter().flatten().map(|course| Self::of(&self.strip, self.from_solid, course)).collect::<Vec<_>>()
        })
    }

    fn grid(&self, plane: &Plane) -> Option<Rolled> {
        const ACROSS: usize = 6;
        let (n, way) = (self.size.rows, self.way());
        let resolved = self.resolved();
        if ((n - resolved) as f64) > MOST_LOST * n as f64 {
            return None;
        }
        let pixel = |across: f64, row: usize| self.pixel(across, self.edges[row]);
        let mut corners = [[0.0; 2]; 4];
        for (across, row) in [(0.0, 0), (0.0, n), (1.0, 0), (1.0, n)] {
            let [u, v] = way.place(across, row as f64);
            let which = match (u > 0.0, v > 0.0) {
                (false, true) => 0,
                (false, false) => 1,
                (true, false) => 2,
                (true, true) => 3,
            };
            corners[which] = pixel(across, row);
        }
        let shares = (0..=ACROSS).map(|a| a as f64 / ACROSS as f64);
        let points: Vec<_> =
            (0..=n).flat_map(|k| shares.clone().map(move |a| (k, a))).map(|(k, a)| (way.place(a, k as f64), pixel(a, k))).collect();
        let bend = fitted(&self.size, &corners, &points)?;
        let (plane, from) = self.levelled(plane, &corners, &bend)?;
        let corners = corners.map(|c| [0, 1].map(|k| c[k] - from[k]));
        // What is fixed beyond the last row that says something is not to be seen.
        let last = if resolved < n { resolved as f64 } else { f64::MAX };
        let rim: Vec<Fixed> = rim(&self.size).into_iter().filter(|fixed| way.row([fixed.u, fixed.v]) < last).collect();
        let mut grid = Grid { size: self.size, corners, bend, fixed: 0.0, timing: 0.0 };
        [grid.fixed, grid.timing] = agreement(&plane, &grid, &rim)?;
        let refined = refine(&plane, self.size, corners, bend, &rim)?;
        let better = refined.agreement() > grid.agreement() + BETTER;
        Some(Rolled { plane, from, grid: if better { refined } else { grid }, resolved, way })
    }

    /// The symbol and some of what is around it, dark modules 0 and light ones 1; and where that begins.
    fn levelled(&self, plane: &Plane, corners: &Corners, bend: &Bend) -> Option<(Plane, [f64; 2])> {
        const AROUND: f64 = 6.0;
        const LEAST: usize = 11;
        const LARGEST: usize = 401;
        let way = self.way();
        let n = way.n;
        let surface = Surface::new(&self.size, corners, bend)?;
        let rim = (0..=8).map(|i| f64::from(i) / 8.0 * n).flat_map(|s| [[0.0, s], [n, s], [s, 0.0], [s, n]]);
        let rim: Vec<[f64; 2]> = rim.map(|[u, v]| surface.to_picture(u, v)).collect();
        let [columns, rows] = around(plane, &rim, AROUND);
        let sizes = LEAST..=LARGEST;
        if !sizes.contains(&columns.len()) || !sizes.contains(&rows.len()) {
            return None;
        }
        let mut data = Vec::with_capacity(columns.len() * rows.len());
        for y in rows.clone() {
            for x in columns.clone() {
                let row = way.row(surface.to_modules(x as f64, y as f64));
                let k = row.floor().clamp(0.0, n - 1.0);
                let (a, b) = (self.edges[k as usize], self.edges[k as usize + 1]);
                let sample = (a + (row - k) * (b - a)).clamp(0.0, (COUNT - 1) as f64) as usize;
                data.push(levelled(plane.row(y)[x], self.strip.levels[sample]).clamp(-0.5, 1.5));
            }
        }
        Some((Plane::new(columns.len(), rows.len(), data), [columns.start, rows.start].map(|at| at as f64)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::outline::MODULES;
    use super::super::tests::{digits, symbol};
    use super::super::{Attempt, MatrixRule, read_outline};
    use super::*;
    use proptest::prelude::*;

    const SIDE: usize = 150;

    /// A bottle across a dark picture, from the left edge to the right one before it is turned: a symbol of so many px per module where it faces the camera
    /// begins at an angle of its round, each row `step` radians after the one before. 3 × 3 samples a pixel. And the symbol's outline up to some angle.
    fn bottle(dark: &[bool], n: usize, module: f64, [begin, step, to]: [f64; 3], turn: f64, from: usize) -> (Plane, Corners) {
        let radius = module / step;
        let middle = SIDE as f64 / 2.0;
        let (sin, cos) = turn.sin_cos();
        let half = n as f64 * module / 2.0;
        let value = |x: f64, y: f64| {
            let (x, y) = (x - middle, y - middle);
            let [around, along] = [x * cos + y * sin, y * cos - x * sin];
            // The part of the round that shows lies in the middle of the picture.
            let around = around + radius * 0.5;
            if around.abs() >= radius {
                return 0.03;
            }
            let angle = (around / radius).asin();
            let (row, column) = ((angle - begin) / step, (along + half) / module);
            let inside = row >= 0.0 && column >= 0.0 && row < n as f64 && column < n as f64;
            // Rows of the way are columns of the symbol from the left, or rows from the bottom, and so on.
            let ink = inside && {
                let (r, c) = (row as usize, column as usize);
                let [u, v] = match from {
                    0 => [r, c],
                    1 => [c, n - 1 - r],
                    2 => [n - 1 - r, n - 1 - c],
                    _ => [n - 1 - c, r],
                };
                dark[v * n + u]
            };
            (0.25 + 0.75 * angle.cos()) * if ink { 0.1 } else { 0.8 }
        };
        let pixel = |i: usize| {
            let (x, y) = ((i % SIDE) as f64, (i / SIDE) as f64);
            (0..9).map(|k| value(x + f64::from(k % 3) / 3.0 - 1.0 / 3.0, y + f64::from(k / 3) / 3.0 - 1.0 / 3.0)).sum::<f64>() as f32 / 9.0
        };
        let at = |angle: f64, along: f64| {
            let around = radius * (angle.sin() - 0.5);
            [middle + around * cos - along * sin, middle + around * sin + along * cos]
        };
        let outline = [at(begin, half), at(begin, -half), at(to, -half), at(to, half)];
        (Plane::new(SIDE, SIDE, (0..SIDE * SIDE).map(pixel).collect()), outline)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        // With the first row within 0.02 radians of where the camera looks, one in some two hundred is not read.
        #[test]
        fn symbols_are_read_up_to_their_horizon(
            module in 2.4f64..3.0, step in 0.05f64..0.058, begin in -0.2f64..-0.02, turn in 0.0f64..std::f64::consts::TAU, from in 0usize..4,
            number in 0u64..1_000_000_000_000,
        ) {
            let size = SIZES[6];
            let text = format!("{number:012}");
            let dark = symbol(&size, &digits(&size, &text));
            // The outline ends where four rows are left.
            let (plane, outline) = bottle(&dark, size.cols, module, [begin, step, begin + 18.0 * step], turn, from);
            let found = read_outline(&plane, &outline, &Attempt::new(MatrixRule::default()));
            prop_assert_eq!(found.map(|f| f.text), Some(text));
        }
    }

    #[test]
    fn no_row_lies_beyond_the_horizon() {
        let size = SIZES[6];
        let dark = symbol(&size, &digits(&size, "123456789012"));
        // The last of 22 rows turns to 86 degrees.
        let [begin, step, to]: [f64; 3] = [-0.1, 0.072, 0.8];
        let (plane, outline) = bottle(&dark, size.cols, 2.7, [begin, step, to], 0.4, 0);
        let strip = Strip::cut(&plane, paths(&Bowed { corners: outline, bows: [[0.0; 2]; 4] }, 0)).unwrap();
        let horizon = (1.0 - begin.sin()) / (to.sin() - begin.sin());
        let samples = strip.dark as f64 - (horizon * MODULES + strip::BEFORE) * strip::FINE;
        assert!((0.0..6.0).contains(&samples), "{samples}");
        // Two rows less would do if the dark cost nothing.
        let all = Course::all(&strip, true, 0.0, None);
        let best = all.iter().max_by(|a, b| a.gain.total_cmp(&b.gain)).unwrap();
        assert_eq!(best.rows, size.rows);
    }

    #[test]
    fn rows_grow_narrower_and_the_first_is_one_wide() {
        for fine in [false, true] {
            for shape in course::shapes(fine) {
                assert!(shape[0] == 0.0 && (0.85..1.2).contains(&shape[1]), "{shape:?}");
                assert!(shape.windows(2).all(|edges| edges[1] >= edges[0]), "{shape:?}");
            }
        }
    }
}
