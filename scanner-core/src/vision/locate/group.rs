//! From cells to groups of one orientation.

use super::{CELL, Cell, CellGrid, MatrixCandidate};

/// Cells that look like parts of the same set of bars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Mean of the cells' centres, px of the level.
    pub centre: [f64; 2],
    /// Unit vector of the main gradient direction, across the bars.
    pub along: [f64; 2],
    /// Slope of the group's axis: how b rises with a (see [`super::LinearBox`]).
    pub slope: f64,
    /// Smallest and largest a.
    pub a: [f64; 2],
    /// Smallest and largest b − slope·a.
    pub b: [f64; 2],
    /// Number of cells, weighted by their coherence.
    pub score: f32,
}

impl Group {
    /// A total order by position, for ties.
    pub fn order(&self) -> (i64, i64) {
        ((self.centre[1] * 16.0) as i64, (self.centre[0] * 16.0) as i64)
    }
}

/// Coherences from which on a cell counts as bars. Groups are made with each of them: at the lower one blurred and noisy codes hold together, but clear
/// ones grow into the print around them; at the higher one only bars are left.
const BAR_COHERENCES: [f32; 2] = [0.5, 0.75];
/// Share of gradients of one sign up to which a cell counts as bars.
const BAR_POLARITY: f32 = 0.6;
/// Least cosine of twice the angle between neighbours of one group (12°).
const SAME_DIRECTION: f32 = 0.914;
/// Matrix codes and text have gradients in all directions.
const MATRIX_COHERENCE: f32 = 0.55;
/// The same for cells that are looked at pixel by pixel: seen at a slant, one direction prevails.
const BUSY_COHERENCE: f32 = 0.7;

/// Gradient energy that is more than noise: four times the noise, but never less than what a contrast of 5 % makes, nor more than faint print.
fn threshold(grid: &CellGrid) -> f32 {
    (4.0 * grid.noise).clamp(4e-4, 3e-3)
}

fn centre_of(index: usize, cols: usize) -> [f64; 2] {
    let middle = (CELL as f64 - 1.0) / 2.0;
    [(index % cols * CELL) as f64 + middle, (index / cols * CELL) as f64 + middle]
}

/// Connected cells for which `joins` holds between neighbours; `member` says which cells take part at all.
fn components(grid: &CellGrid, member: impl Fn(&Cell) -> bool, joins: impl Fn(&Cell, &Cell) -> bool) -> Vec<Vec<usize>> {
    let (cols, rows) = (grid.cols, grid.rows);
    let mut free: Vec<bool> = grid.cells.iter().map(member).collect();
    let mut found = Vec::new();
    for start in 0..free.len() {
        if !free[start] {
            continue;
        }
        free[start] = false;
        let mut group = vec![start];
        let mut next = 0;
        while next < group.len() {
            let i = group[next];
            next += 1;
            let (cx, cy) = (i % cols, i / cols);
            for y in cy.saturating_sub(1)..(cy + 2).min(rows) {
                for x in cx.saturating_sub(1)..(cx + 2).min(cols) {
                    let j = y * cols + x;
                    if free[j] && joins(&grid.cells[i], &grid.cells[j]) {
                        free[j] = false;
                        group.push(j);
                    }
                }
            }
        }
        found.push(group);
    }
    found
}

/// Groups of cells that may be linear codes.
pub fn linear_groups(grid: &CellGrid) -> Vec<Group> {
    let least = threshold(grid);
    let together = |p: &Cell, q: &Cell| {
        let ([a, b], [c, d]) = (p.double_angle(), q.double_angle());
        a * c + b * d > SAME_DIRECTION
    };
    let groups = BAR_COHERENCES.iter().flat_map(|&coherence| {
        let bars = move |c: &Cell| c.energy() > least && c.coherence() > coherence && c.polarity() < BAR_POLARITY;
        components(grid, bars, together)
    });
    groups.filter_map(|members| summarise(grid, &members)).collect()
}

fn summarise(grid: &CellGrid, members: &[usize]) -> Option<Group> {
    if members.len() < 4 {
        return None;
    }
    let (mut c2, mut s2, mut score) = (0.0f64, 0.0f64, 0.0f32);
    let mut centre = [0.0; 2];
    for &i in members {
        let cell = &grid.cells[i];
        c2 += f64::from(cell.xx - cell.yy);
        s2 += f64::from(2.0 * cell.xy);
        score += cell.coherence() * (1.0 - cell.polarity());
        let p = centre_of(i, grid.cols);
        centre = [centre[0] + p[0], centre[1] + p[1]];
    }
    let n = members.len() as f64;
    let centre = [centre[0] / n, centre[1] / n];
    let angle = s2.atan2(c2) / 2.0;
    let along = [angle.cos(), angle.sin()];
    let local: Vec<(f64, f64)> = members
        .iter()
        .map(|&i| {
            let p = centre_of(i, grid.cols);
            let (dx, dy) = (p[0] - centre[0], p[1] - centre[1]);
            (dx * along[0] + dy * along[1], dy * along[0] - dx * along[1])
        })
        .collect();
    let (saa, sab) = local.iter().fold((0.0, 0.0), |(aa, ab), (a, b)| (aa + a * a, ab + a * b));
    // A short group says little about its axis.
    let slope = (sab / (saa + n * (CELL * CELL) as f64)).clamp(-1.2, 1.2);
    let mut a_range = [f64::MAX, f64::MIN];
    let mut b_range = [f64::MAX, f64::MIN];
    for (a, b) in &local {
        let r = b - slope * a;
        a_range = [a_range[0].min(*a), a_range[1].max(*a)];
        b_range = [b_range[0].min(r), b_range[1].max(r)];
    }
    // At least three cells of bars in a row; a pen stroke or the rim of a box is long across, but not along.
    if a_range[1] - a_range[0] < 2.0 * CELL as f64 {
        return None;
    }
    Some(Group { centre, along, slope, a: a_range, b: b_range, score })
}

/// Cells with dense gradients in all directions, and their neighbours: where finders of matrix codes may be.
pub fn busy_cells(grid: &CellGrid) -> Vec<bool> {
    let least = threshold(grid);
    let busy: Vec<bool> = grid.cells.iter().map(|c| c.energy() > least && c.coherence() < BUSY_COHERENCE).collect();
    let (cols, rows) = (grid.cols, grid.rows);
    (0..busy.len())
        .map(|i| {
            let (c, r) = (i % cols, i / cols);
            (r.saturating_sub(1)..(r + 2).min(rows)).any(|y| (c.saturating_sub(1)..(c + 2).min(cols)).any(|x| busy[y * cols + x]))
        })
        .collect()
}

/// Places that may be matrix codes, with a score: dense gradients in all directions, roughly as wide as high.
pub fn matrix_groups(grid: &CellGrid) -> Vec<(f32, MatrixCandidate)> {
    // Modules are either dark or light: the energy of a matrix code is far above that of small print.
    let least = threshold(grid).max(2.5e-3);
    let dense = |c: &Cell| c.energy() > least && c.coherence() < MATRIX_COHERENCE && c.polarity() < BAR_POLARITY;
    components(grid, dense, |_, _| true)
        .iter()
        .filter_map(|members| {
            let (mut min, mut max) = ([f64::MAX; 2], [f64::MIN; 2]);
            let mut energy = 0.0;
            for &i in members {
                let p = centre_of(i, grid.cols);
                energy += grid.cells[i].energy();
                for k in 0..2 {
                    min[k] = min[k].min(p[k] - CELL as f64);
                    max[k] = max[k].max(p[k] + CELL as f64);
                }
            }
            let (w, h) = (max[0] - min[0], max[1] - min[1]);
            let filled = members.len() as f64 * (CELL * CELL) as f64 / (w * h);
            if members.len() < 4 || w.max(h) > 640.0 || filled < 0.2 {
                return None;
            }
            // Squarish, dense and strong first.
            let squarish = (w.min(h) / w.max(h)) as f32;
            let score = squarish * energy / members.len() as f32 * filled as f32 * (members.len() as f32).sqrt();
            Some((score, MatrixCandidate { min, max, level: 0 }))
        })
        .collect()
}
