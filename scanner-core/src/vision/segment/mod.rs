//! Segmentation: which pixels show packages, and which package.
//!
//! A small trained net (`models/packages.onnx`, made by `training/train_packages.py`) looks at the detector's channels in cells of 16 px and says of each
//! whether it shows a package, whether it is the middle of what is seen of one, and how far that middle is away. Cells vote for middles, so packages
//! that touch come apart (Cheng et al. 2020, *Panoptic-DeepLab*). What packages are for: they are counted, so that one which shows no code is missed; codes
//! are given to them; and nothing is looked for beside them.

mod instances;
mod model;

pub use instances::{Answers, InstanceRule, instances};
pub use model::{PACKAGES_MODEL, Segmenter, packages_identity, pooled, segmenter};

use serde::Serialize;

/// Side of a cell, px.
pub const CELL: usize = 16;
/// Numbers per cell: chance of a package, chance of a middle, way to the middle (x, y).
pub const OUTPUTS: usize = 4;

/// What is seen of one package.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeenPackage {
    /// Middle of what is seen of it, px.
    pub middle: [f64; 2],
    /// Smallest and largest x and y of its cells, px.
    pub bounds: [[f64; 2]; 2],
    /// Cells that show it.
    pub cells: usize,
    /// How sure its middle is, 0 to 1.
    pub score: f32,
    /// The texts of the codes that were read on it, in their order.
    pub codes: Vec<String>,
}

/// The packages of a frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Packages {
    #[serde(skip)]
    rows: usize,
    #[serde(skip)]
    columns: usize,
    /// By cell: 0 for none, else one more than the index into `seen`.
    #[serde(skip)]
    labels: Vec<u16>,
    /// The packages, from above and from the left by their middles.
    pub seen: Vec<SeenPackage>,
}

impl Packages {
    /// Which package a pixel shows.
    pub fn at(&self, [x, y]: [f64; 2]) -> Option<usize> {
        let cell = |v: f64| (v >= -0.5).then(|| ((v + 0.5) / CELL as f64) as usize);
        let (column, row) = (cell(x)?, cell(y)?);
        let label = *self.labels.get(row * self.columns + column).filter(|_| column < self.columns && row < self.rows)?;
        (label > 0).then(|| usize::from(label) - 1)
    }

    /// Which package a pixel shows, or the cell nearest to it within `reach` px.
    pub fn nearest(&self, place: [f64; 2], reach: f64) -> Option<usize> {
        if let Some(which) = self.at(place) {
            return Some(which);
        }
        let rows = self.range(place[1], reach, self.rows);
        let columns = self.range(place[0], reach, self.columns);
        let cells = rows.flat_map(|row| columns.clone().map(move |column| (column, row)));
        let away = |&(column, row): &(usize, usize)| {
            let middle = [column, row].map(|cell| (cell as f64 + 0.5) * CELL as f64 - 0.5);
            (middle[0] - place[0]).hypot(middle[1] - place[1])
        };
        let label = |(column, row): (usize, usize)| self.labels[row * self.columns + column];
        cells.filter(|cell| label(*cell) > 0).min_by(|a, b| away(a).total_cmp(&away(b))).map(|cell| usize::from(label(cell)) - 1)
    }

    /// Whether any cell within `reach` px of a pixel, along x and along y, shows a package.
    pub fn near(&self, [x, y]: [f64; 2], reach: f64) -> bool {
        let columns = self.range(x, reach, self.columns);
        self.range(y, reach, self.rows).any(|row| self.labels[row * self.columns..][columns.clone()].iter().any(|label| *label > 0))
    }

    /// Of `most` cells along an axis, those within `reach` px of a place.
    fn range(&self, place: f64, reach: f64, most: usize) -> std::ops::Range<usize> {
        let at = |v: f64| ((v + 0.5) / CELL as f64).max(0.0) as usize;
        at(place - reach).min(most)..(at(place + reach) + 1).min(most)
    }

    /// Share of the frame's cells that show packages.
    pub fn share(&self) -> f64 {
        self.labels.iter().filter(|label| **label > 0).count() as f64 / self.labels.len().max(1) as f64
    }
}
