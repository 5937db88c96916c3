//! From the net's answers to packages.

use super::{CELL, OUTPUTS, Packages, SeenPackage};

/// What the net's ways are measured in, cells.
const REACH: f32 = 8.0;

/// The net's answers: channel by channel, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// Rows of cells.
    pub rows: usize,
    /// Cells in a row.
    pub columns: usize,
    /// `OUTPUTS`·rows·columns numbers.
    pub data: &'a [f32],
}

/// When answers make a package.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InstanceRule {
    /// Least chance that a cell shows a package.
    pub shown: f32,
    /// Least chance of a middle.
    pub middle: f32,
    /// A middle is the likeliest one within so many cells each way.
    pub near: usize,
    /// Least cells of a package.
    pub cells: usize,
    /// Most packages of a frame.
    pub most: usize,
}

impl Default for InstanceRule {
    fn default() -> Self {
        Self { shown: 0.5, middle: 0.2, near: 3, cells: 6, most: 200 }
    }
}

/// The packages that the answers make. Work grows with cells times middles, of which there are `rule.most` at most.
pub fn instances(answers: &Answers<'_>, rule: &InstanceRule) -> Packages {
    let (rows, columns) = (answers.rows, answers.columns);
    let plane = rows * columns;
    if plane == 0 || answers.data.len() < OUTPUTS * plane {
        return Packages::default();
    }
    let channel = |i: usize| &answers.data[i * plane..(i + 1) * plane];
    let (shown, heat, right, down) = (channel(0), channel(1), channel(2), channel(3));
    let middles = middles(heat, rows, columns, rule);
    let mut labels = vec![0u16; plane];
    for (i, label) in labels.iter_mut().enumerate() {
        if shown[i] < rule.shown {
            continue;
        }
        let vote = [(i % columns) as f32 + REACH * right[i], (i / columns) as f32 + REACH * down[i]];
        let away = |&(at, _): &(usize, f32)| {
            let (dx, dy) = ((at % columns) as f32 - vote[0], (at / columns) as f32 - vote[1]);
            dx * dx + dy * dy
        };
        let nearest = middles.iter().enumerate().min_by(|a, b| away(a.1).total_cmp(&away(b.1)));
        *label = nearest.map_or(0, |(which, _)| which as u16 + 1);
    }
    gathered(labels, rows, columns, &middles, rule)
}

/// Local maxima of the chance of a middle: place and chance, the likeliest first until there are too many, then from above and from the left.
fn middles(heat: &[f32], rows: usize, columns: usize, rule: &InstanceRule) -> Vec<(usize, f32)> {
    let around = |at: usize, most: usize| at.saturating_sub(rule.near)..(at + rule.near + 1).min(most);
    let largest = |at: usize| {
        let (row, column) = (at / columns, at % columns);
        around(row, rows).flat_map(|y| around(column, columns).map(move |x| y * columns + x)).all(|other| {
            // Of equals the first one.
            heat[other] < heat[at] || (heat[other] == heat[at] && other >= at)
        })
    };
    let mut found: Vec<(usize, f32)> =
        heat.iter().copied().enumerate().filter(|(at, chance)| *chance >= rule.middle && largest(*at)).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(rule.most);
    found.sort_by_key(|middle| middle.0);
    found
}

/// Packages with enough cells, numbered anew.
fn gathered(mut labels: Vec<u16>, rows: usize, columns: usize, middles: &[(usize, f32)], rule: &InstanceRule) -> Packages {
    struct Sum {
        cells: usize,
        place: [f64; 2],
        low: [usize; 2],
        high: [usize; 2],
    }
    let mut sums: Vec<Sum> = middles.iter().map(|_| Sum { cells: 0, place: [0.0; 2], low: [usize::MAX; 2], high: [0; 2] }).collect();
    for (i, label) in labels.iter().enumerate().filter(|(_, label)| **label > 0) {
        let sum = &mut sums[usize::from(*label) - 1];
        sum.cells += 1;
        for (k, at) in [i % columns, i / columns].into_iter().enumerate() {
            sum.place[k] += at as f64;
            sum.low[k] = sum.low[k].min(at);
            sum.high[k] = sum.high[k].max(at);
        }
    }
    let edge = |cell: usize| (cell * CELL) as f64 - 0.5;
    let mut seen = Vec::new();
    let numbers: Vec<u16> = sums
        .iter()
        .zip(middles)
        .map(|(sum, (_, score))| {
            if sum.cells < rule.cells {
                return 0;
            }
            seen.push(SeenPackage {
                middle: sum.place.map(|total| edge(0) + (total / sum.cells as f64 + 0.5) * CELL as f64),
                bounds: [sum.low.map(edge), sum.high.map(|cell| edge(cell + 1))],
                cells: sum.cells,
                score: *score,
                codes: Vec::new(),
            });
            seen.len() as u16
        })
        .collect();
    for label in labels.iter_mut().filter(|label| **label > 0) {
        *label = numbers[usize::from(*label) - 1];
    }
    Packages { rows, columns, labels, seen }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 8;
    const COLUMNS: usize = 12;

    /// Answers for packages given as columns, rows and middle; all their cells point at the middle.
    fn answers(packages: &[([std::ops::Range<usize>; 2], [usize; 2])]) -> Vec<f32> {
        let plane = ROWS * COLUMNS;
        let mut data = vec![0.0; OUTPUTS * plane];
        for ([across, down], [x, y]) in packages {
            for row in down.clone() {
                for column in across.clone() {
                    let i = row * COLUMNS + column;
                    data[i] = 0.9;
                    data[2 * plane + i] = (*x as f32 - column as f32) / REACH;
                    data[3 * plane + i] = (*y as f32 - row as f32) / REACH;
                }
            }
            data[plane + y * COLUMNS + x] = 0.8;
        }
        data
    }

    fn found(data: &[f32]) -> Packages {
        instances(&Answers { rows: ROWS, columns: COLUMNS, data }, &InstanceRule::default())
    }

    #[test]
    fn packages_that_touch_come_apart() {
        let packages = found(&answers(&[([0..4, 0..3], [1, 1]), ([4..9, 1..4], [6, 2])]));
        assert_eq!(packages.seen.len(), 2);
        let first = &packages.seen[0];
        assert_eq!((first.cells, first.score, first.bounds), (12, 0.8, [[-0.5, -0.5], [63.5, 47.5]]));
        assert_eq!(first.middle, [31.5, 23.5]);
        assert_eq!((packages.at([63.0, 20.0]), packages.at([64.0, 20.0])), (Some(0), Some(1)));
        assert_eq!((packages.at([-1.0, 20.0]), packages.at([63.0, 70.0]), packages.at([5000.0, 20.0])), (None, None, None));
        assert!(packages.near([40.0, 60.0], 16.0) && !packages.near([40.0, 80.0], 16.0));
        assert!((packages.share() - 27.0 / 96.0).abs() < 1e-12);
    }

    #[test]
    fn what_shows_too_little_is_no_package() {
        // Five cells; and the next one gets its number.
        let packages = found(&answers(&[([0..5, 0..1], [2, 0]), ([4..9, 3..6], [6, 4])]));
        assert_eq!(packages.seen.len(), 1);
        assert_eq!((packages.at([40.0, 8.0]), packages.at([100.0, 70.0])), (None, Some(0)));
    }

    #[test]
    fn of_middles_that_lie_side_by_side_the_likelier_stays() {
        let mut data = answers(&[([0..8, 0..4], [3, 2])]);
        data[ROWS * COLUMNS + 2 * COLUMNS + 4] = 0.7;
        assert_eq!(found(&data).seen.len(), 1);
        // Of equals one stays, too.
        data[ROWS * COLUMNS + 2 * COLUMNS + 4] = 0.8;
        assert_eq!(found(&data).seen.len(), 1);
    }

    #[test]
    fn answers_without_a_middle_or_cut_short_are_no_package() {
        let mut data = answers(&[([0..8, 0..4], [3, 2])]);
        data[ROWS * COLUMNS + 2 * COLUMNS + 3] = 0.1;
        assert_eq!(found(&data).seen, []);
        assert_eq!(instances(&Answers { rows: 8, columns: 12, data: &data[..100] }, &InstanceRule::default()), Packages::default());
    }
}
