//! What printing and handling do to a symbol: bar growth, ragged edges, voids, spots, scratches and fading.
//!
//! Everything is drawn from the symbol's own seed in the symbol's own coordinates (s metres along the reading direction, t metres down from its top-left
//! corner), so the renderer's tables, the rasterised face and the print grade all speak of the same marks.

use super::symbol::{PlacedSymbol, SymbolPattern};
use crate::random::{Stream, Streams};
use crate::spec::PrintQuality;

/// Cells into which each module of a damaged symbol is divided along each axis.
pub(crate) const CELLS: usize = 8;

/// Modules that cells reach beyond a symbol on every side, where dark modules may have grown to.
pub(crate) const BEYOND: usize = 1;

/// Farthest that an edge may move, modules: two neighbours may not meet.
const FARTHEST: f64 = 0.45;

/// Widths of scratches, m.
const SCRATCH_WIDTH: [f64; 2] = [0.05e-3, 0.2e-3];

/// Wavelengths of fading, m.
const FADING_WAVES: [f64; 2] = [4e-3, 15e-3];

/// More marks than this on one symbol would be a share, not marks.
const MOST_MARKS: usize = 4000;

/// A round spot.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Disc {
    centre: [f64; 2],
    radius: f64,
}

impl Disc {
    fn covers(&self, at: [f64; 2]) -> bool {
        (at[0] - self.centre[0]).powi(2) + (at[1] - self.centre[1]).powi(2) <= self.radius * self.radius
    }
}

/// A straight scratch of a width.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scratch {
    from: [f64; 2],
    to: [f64; 2],
    width: f64,
}

impl Scratch {
    fn covers(&self, at: [f64; 2]) -> bool {
        let d = [self.to[0] - self.from[0], self.to[1] - self.from[1]];
        let p = [at[0] - self.from[0], at[1] - self.from[1]];
        let length_sq = d[0] * d[0] + d[1] * d[1];
        let t = if length_sq > 0.0 { ((p[0] * d[0] + p[1] * d[1]) / length_sq).clamp(0.0, 1.0) } else { 0.0 };
        (p[0] - t * d[0]).hypot(p[1] - t * d[1]) <= self.width / 2.0
    }
}

/// The marks on one symbol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blemishes {
    voids: Vec<Disc>,
    spots: Vec<Disc>,
    scratches: Vec<Scratch>,
    /// Share of the ink that is gone where it has faded most, and three waves of it: (wave numbers 1/m, phase).
    fading: f64,
    waves: [([f64; 2], f64); 3],
}

impl Blemishes {
    /// Those of a symbol; none where the print is perfect.
    pub(crate) fn of(symbol: &PlacedSymbol) -> Option<Self> {
        let quality = &symbol.quality;
        if !quality.has_marks() {
            return None;
        }
        let streams = Streams::new(quality.seed);
        let [before, after, above, below] = symbol.quiet;
        let inner = [[0.0, 0.0], [symbol.width, symbol.height]];
        let outer = [[-before, -above], [symbol.width + after, symbol.height + below]];
        let mut random = streams.stream("scratches", &[]);
        let scratches = (0..whole(quality.scratches, &mut random)).map(|_| scratch(inner, &mut random)).collect();
        let mut random = streams.stream("fading", &[]);
        let waves = std::array::from_fn(|_| {
            let (angle, number) = (random.uniform(0.0, std::f64::consts::TAU), std::f64::consts::TAU / random.within(FADING_WAVES));
            let (sin, cos) = (libm::sin(angle), libm::cos(angle));
            ([number * cos, number * sin], random.uniform(0.0, std::f64::consts::TAU))
        });
        Some(Self {
            voids: discs(quality.voids, quality.mark_diameter, inner, &mut streams.stream("voids", &[])),
            spots: discs(quality.spots, quality.mark_diameter, outer, &mut streams.stream("spots", &[])),
            scratches,
            fading: quality.fading,
            waves,
        })
    }

    /// Share of the ink that is missing at a point of the symbol.
    pub(crate) fn void(&self, at: [f64; 2]) -> f64 {
        if self.voids.iter().any(|disc| disc.covers(at)) || self.scratches.iter().any(|scratch| scratch.covers(at)) {
            return 1.0;
        }
        if self.fading <= 0.0 {
            return 0.0;
        }
        let wave: f64 = self.waves.iter().map(|([x, y], phase)| libm::cos(x * at[0] + y * at[1] + phase)).sum();
        // The sum of three waves lies within ±3.
        self.fading * (0.5 + wave / 6.0)
    }

    /// Whether a spot of ink lies at a point of the symbol or its quiet zones.
    pub(crate) fn spot(&self, at: [f64; 2]) -> bool {
        self.spots.iter().any(|disc| disc.covers(at))
    }

    /// Those that can lie within a distance of a line across the symbol at height `t`.
    pub(crate) fn near_row(&self, t: f64, distance: f64) -> Self {
        let near = |discs: &[Disc]| discs.iter().filter(|d| (d.centre[1] - t).abs() <= distance + d.radius).copied().collect();
        Self { voids: near(&self.voids), spots: near(&self.spots), ..self.clone() }
    }
}

/// A count whose mean over seeds is `expected`.
fn whole(expected: f64, random: &mut Stream) -> usize {
    let chance = random.unit();
    (expected.max(0.0).floor() as usize + usize::from(chance < expected.fract())).min(MOST_MARKS)
}

/// Discs of half to one and a half times a diameter that together have a share of an area.
fn discs(share: f64, diameter: f64, [low, high]: [[f64; 2]; 2], random: &mut Stream) -> Vec<Disc> {
    if share <= 0.0 || diameter <= 0.0 {
        return Vec::new();
    }
    let area = (high[0] - low[0]) * (high[1] - low[1]);
    // Mean square of a factor that is even from ½ to 1½: 13/12.
    let mean = std::f64::consts::FRAC_PI_4 * diameter * diameter * 13.0 / 12.0;
    let count = whole(share * area / mean, random);
    let disc = |_| Disc { centre: [0, 1].map(|i| random.uniform(low[i], high[i])), radius: diameter / 2.0 * random.uniform(0.5, 1.5) };
    (0..count).map(disc).collect()
}

/// Right through the symbol or over part of it.
fn scratch([low, high]: [[f64; 2]; 2], random: &mut Stream) -> Scratch {
    let middle = [0, 1].map(|i| random.uniform(low[i], high[i]));
    let angle = random.uniform(0.0, std::f64::consts::PI);
    let half = random.uniform(2e-3, 20e-3);
    let (sin, cos) = (libm::sin(angle), libm::cos(angle));
    Scratch {
        from: [middle[0] - half * cos, middle[1] - half * sin],
        to: [middle[0] + half * cos, middle[1] + half * sin],
        width: random.within(SCRATCH_WIDTH),
    }
}

impl PrintQuality {
    /// Whether anything is missing from, or added to, what was meant to be printed, beside moved edges.
    pub fn has_marks(&self) -> bool {
        self.voids > 0.0 || self.spots > 0.0 || self.scratches > 0.0 || self.fading > 0.0
    }

    /// Whether edges stand elsewhere than they should.
    pub fn moves_edges(&self) -> bool {
        self.growth != 0.0 || self.edge_sigma > 0.0
    }
}

/// Places of a linear symbol's edges, modules from its start, as printed: dark begins at the even ones.
pub(crate) fn edges(modules: &[bool], quality: &PrintQuality) -> Vec<f64> {
    let mut random = Streams::new(quality.seed).stream("edges", &[]);
    let mut found = Vec::new();
    let mut dark = false;
    for (i, module) in modules.iter().copied().chain([false]).enumerate() {
        if module != dark {
            let outward = if module { -quality.growth / 2.0 } else { quality.growth / 2.0 };
            let shift = outward + random.normal(0.0, quality.edge_sigma);
            found.push(i as f64 + shift.clamp(-FARTHEST, FARTHEST));
            dark = module;
        }
    }
    found
}

/// Cells along a row of a symbol.
pub(crate) fn across(symbol: &PlacedSymbol) -> usize {
    (symbol.pattern.modules_across() + 2 * BEYOND) * CELLS
}

/// Where a point of a symbol, (s, t) m, lies among its cells: the column as a fraction, and the row where there is one. Bars have one row, which goes on
/// above and below them.
pub(crate) fn cell(symbol: &PlacedSymbol, [s, t]: [f64; 2]) -> (f64, Option<usize>) {
    let per_m = CELLS as f64 / symbol.x_dimension;
    let beyond = BEYOND as f64 * symbol.x_dimension;
    let row = match symbol.pattern {
        SymbolPattern::Linear { .. } => Some(0),
        SymbolPattern::Matrix { .. } => {
            let row = ((t + beyond) * per_m).floor();
            (0.0..across(symbol) as f64).contains(&row).then_some(row as usize)
        }
    };
    ((s + beyond) * per_m, row)
}

/// Which of a symbol's [`cells`] a point lies in, if any.
pub(crate) fn cell_index(symbol: &PlacedSymbol, at: [f64; 2]) -> Option<usize> {
    let (column, row) = cell(symbol, at);
    let across = across(symbol);
    (0.0..across as f64).contains(&column).then_some(row? * across + column as usize)
}

/// Darkness of a damaged symbol's cells, [`CELLS`] a module, from [`BEYOND`] modules before its start on: a linear symbol's one after the other,
/// a matrix's row by row.
pub(crate) fn cells(symbol: &PlacedSymbol) -> Vec<f32> {
    match &symbol.pattern {
        SymbolPattern::Linear { modules } => linear_cells(modules, &symbol.quality),
        SymbolPattern::Matrix { size, dark } => matrix_cells(*size, dark, &symbol.quality),
    }
}

fn linear_cells(modules: &[bool], quality: &PrintQuality) -> Vec<f32> {
    let mut cells = vec![0.0; (modules.len() + 2 * BEYOND) * CELLS];
    for bar in edges(modules, quality).chunks_exact(2) {
        let [from, to] = [bar[0], bar[1]].map(|x| (x + BEYOND as f64) * CELLS as f64);
        for (i, cell) in cells.iter_mut().enumerate().take(to.ceil() as usize).skip(from.max(0.0) as usize) {
            *cell += (to.min(i as f64 + 1.0) - from.max(i as f64)).max(0.0) as f32;
        }
    }
    cells
}

/// Points a cell is sampled at along each axis.
const SAMPLES: usize = 4;

fn matrix_cells(size: usize, dark: &[bool], quality: &PrintQuality) -> Vec<f32> {
    let mut random = Streams::new(quality.seed).stream("edges", &[]);
    let reach: Vec<f64> =
        (0..size * size).map(|_| (quality.growth / 2.0 + random.normal(0.0, quality.edge_sigma)).clamp(-FARTHEST, FARTHEST)).collect();
    let is_dark = |x: isize, y: isize| {
        let inside = (0..size as isize).contains(&x) && (0..size as isize).contains(&y);
        (inside && dark[y as usize * size + x as usize]).then(|| reach[y as usize * size + x as usize])
    };
    // A point is dark if it lies in a dark module as far as that reaches: grown over its edges, or drawn back from those to light neighbours.
    let at = |p: [f64; 2]| {
        let [x, y] = p.map(|c| c.floor() as isize);
        if let Some(own) = is_dark(x, y) {
            let depth = |low: f64, before: bool, after: bool| {
                let from_low = if before { f64::INFINITY } else { low };
                from_low.min(if after { f64::INFINITY } else { 1.0 - low })
            };
            let along = depth(p[0] - x as f64, is_dark(x - 1, y).is_some(), is_dark(x + 1, y).is_some());
            let down = depth(p[1] - y as f64, is_dark(x, y - 1).is_some(), is_dark(x, y + 1).is_some());
            return along.min(down) >= -own;
        }
        let near = |dx: isize, dy: isize| {
            let gap = |offset: isize, local: f64| match offset {
                -1 => local,
                1 => 1.0 - local,
                _ => 0.0,
            };
            is_dark(x + dx, y + dy).is_some_and(|r| gap(dx, p[0] - x as f64).max(gap(dy, p[1] - y as f64)) <= r)
        };
        (-1..=1).any(|dy| (-1..=1).any(|dx| near(dx, dy)))
    };
    let across = (size + 2 * BEYOND) * CELLS;
    let step = 1.0 / (CELLS * SAMPLES) as f64;
    let mut cells = Vec::with_capacity(across * across);
    for row in 0..across {
        for column in 0..across {
            let hit = |sample: usize| {
                let place = |cell: usize, k: usize| ((cell * SAMPLES + k) as f64 + 0.5) * step - BEYOND as f64;
                at([place(column, sample % SAMPLES), place(row, sample / SAMPLES)])
            };
            cells.push((0..SAMPLES * SAMPLES).filter(|s| hit(*s)).count() as f32 / (SAMPLES * SAMPLES) as f32);
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::artwork::place;
    use crate::artwork::testing::symbol;
    use crate::spec::{SymbolKind, SymbolSpec};

    fn quality(growth: f64, edge_sigma: f64) -> PrintQuality {
        PrintQuality { growth, edge_sigma, seed: 5, ..PrintQuality::default() }
    }

    #[test]
    fn growth_widens_bars_at_both_edges() {
        let modules = [true, false, false, true, true, false, true];
        assert_eq!(edges(&modules, &quality(0.0, 0.0)), [0.0, 1.0, 3.0, 5.0, 6.0, 7.0]);
        assert_eq!(edges(&modules, &quality(0.2, 0.0)), [-0.1, 1.1, 2.9, 5.1, 5.9, 7.1]);
        let cells = linear_cells(&modules, &quality(0.25, 0.0));
        // 4 dark modules, three bars wider by a quarter each; an eighth of a module is a cell.
        assert!((cells.iter().sum::<f32>() / CELLS as f32 - 4.75).abs() < 1e-5);
        assert_eq!(cells[6..10], [0.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_matrix_module_grows_into_a_larger_square_and_shrinks_into_a_smaller_one() {
        let alone = [false, false, false, false, true, false, false, false, false];
        let area = |growth| matrix_cells(3, &alone, &quality(growth, 0.0)).iter().sum::<f32>() / (CELLS * CELLS) as f32;
        assert!((area(0.0) - 1.0).abs() < 1e-6);
        assert!((area(0.25) - 1.25 * 1.25).abs() < 0.01, "{}", area(0.25));
        assert!((area(-0.25) - 0.75 * 0.75).abs() < 0.01, "{}", area(-0.25));
        // Neighbours stay joined where they shrink.
        let pair = [false, false, false, true, true, false, false, false, false];
        let shrunk = matrix_cells(3, &pair, &quality(-0.25, 0.0)).iter().sum::<f32>() / (CELLS * CELLS) as f32;
        assert!((shrunk - 1.75 * 0.75).abs() < 0.01, "{shrunk}");
    }

    fn damaged(voids: f64, spots: f64, seed: u64) -> PlacedSymbol {
        let quality = PrintQuality { voids, spots, mark_diameter: 0.2e-3, seed, ..PrintQuality::default() };
        let spec = SymbolSpec { ink: 0.05, paper: 0.85, quality, ..symbol(SymbolKind::Code128, "81234567890123456789") };
        place(0, &spec, [0.1, 0.06]).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn voids_take_about_their_share_and_spots_theirs(seed: u64, share in 0.01..0.1) {
            let symbol = damaged(share, share, seed);
            let marks = Blemishes::of(&symbol).unwrap();
            let (columns, rows) = (400, 120);
            let mut found = [0.0; 2];
            for i in 0..columns * rows {
                let at = [(i % columns) as f64 / columns as f64 * symbol.width, (i / columns) as f64 / rows as f64 * symbol.height];
                found[0] += marks.void(at) / (columns * rows) as f64;
                found[1] += f64::from(u8::from(marks.spot(at))) / (columns * rows) as f64;
            }
            // Discs overlap (a share p of random ones covers 1 − e⁻ᵖ) and hang over the edges.
            let expected = 1.0 - (-share).exp();
            for share in found {
                prop_assert!((share - expected).abs() < 0.25 * expected + 0.003, "{share} for {expected}");
            }
        }
    }

    #[test]
    fn what_is_near_a_row_is_all_that_the_row_shows() {
        let symbol = damaged(0.05, 0.05, 3);
        let (all, t) = (Blemishes::of(&symbol).unwrap(), 4e-3);
        let near = all.near_row(t, 0.1e-3);
        for i in 0..2000 {
            let at = [symbol.width * f64::from(i) / 2000.0, t + 0.09e-3];
            assert_eq!((all.void(at), all.spot(at)), (near.void(at), near.spot(at)));
        }
        assert!(near.voids.len() * 4 < all.voids.len());
    }
}
