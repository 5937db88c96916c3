//! Print grades of symbols in the manner of ISO/IEC 15416 (linear) and ISO/IEC 15415 (matrix), computed from what is printed.
//!
//! A verifier lights at 45° and looks straight down through an aperture, so neither varnish nor light nor camera is in a grade. Taken from the standards:
//! apertures, parameters, thresholds, the mean of ten scans. Left out: the matrix symbol's axial and grid non-uniformity, which a print without
//! distortion does not have, and the decode of EAN-13 and long matrix symbols (their edges are still graded).

use super::quality::{self, Blemishes};
use super::symbol::{PlacedSymbol, SymbolPattern};
use crate::spec::{PrintQuality, SymbolKind};

/// A symbol's grade with the parameters behind it: the worst of ten scans for a linear symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrintGrade {
    /// 0 (F) to 4 (A); a linear symbol's is the mean over ten scans.
    pub grade: f64,
    /// Largest − smallest reflectance.
    pub symbol_contrast: f64,
    /// Smallest contrast of an edge (linear) or of a module (matrix) ÷ symbol contrast.
    pub modulation: f64,
    /// Largest reversal within an element ÷ symbol contrast (linear); share of the finder's modules that are wrong (matrix).
    pub defects: f64,
    /// Decodability by ISO/IEC 15417 (linear); unused error correction (matrix).
    pub decodability: f64,
}

/// Scan lines across a linear symbol (ISO/IEC 15416, 5.2).
const SCANS: usize = 10;

/// Samples of a profile in an aperture's diameter.
const STEPS: f64 = 6.0;

/// Chords of an aperture's disc, and points on each for marks.
const CHORDS: usize = 5;

/// Lowest values that earn grades 4, 3, 2 and 1.
const CONTRAST: [f64; 4] = [0.70, 0.55, 0.40, 0.20];
const MODULATION: [f64; 4] = [0.70, 0.60, 0.50, 0.40];
const DECODABILITY: [f64; 4] = [0.62, 0.50, 0.37, 0.25];
const MATRIX_MODULATION: [f64; 4] = [0.50, 0.40, 0.30, 0.20];

/// Highest values that do.
const DEFECTS: [f64; 4] = [0.15, 0.20, 0.25, 0.30];
const FINDER_DAMAGE: [f64; 4] = [0.0, 0.09, 0.13, 0.17];

/// Least contrast of an edge that counts as one (ISO/IEC 15416, 5.4.4).
const LEAST_EDGE: f64 = 0.15;

/// Grades a symbol.
pub fn print_grade(symbol: &PlacedSymbol) -> PrintGrade {
    let print = Print::of(symbol);
    match &symbol.pattern {
        SymbolPattern::Linear { modules } => linear(&print, modules),
        SymbolPattern::Matrix { size, dark } => matrix(&print, *size, dark),
    }
}

fn at_least(value: f64, steps: [f64; 4]) -> f64 {
    // A rounding error below a step is on it.
    steps.iter().filter(|step| value + 1e-9 >= **step).count() as f64
}

fn at_most(value: f64, steps: [f64; 4]) -> f64 {
    steps.iter().filter(|step| value - 1e-9 <= **step).count() as f64
}

/// A symbol's reflectances.
struct Print<'a> {
    symbol: &'a PlacedSymbol,
    cells: Vec<f32>,
    /// Darkness of the cells before each, row by row: one more than there are cells in a row.
    dark_before: Vec<f64>,
    marks: Option<Blemishes>,
    /// Diameter of the aperture, m.
    aperture: f64,
}

impl<'a> Print<'a> {
    fn of(symbol: &'a PlacedSymbol) -> Self {
        let x = symbol.x_dimension;
        let aperture = match symbol.pattern {
            // ISO/IEC 15416, table 1.
            SymbolPattern::Linear { .. } if x < 0.18e-3 => 0.075e-3,
            SymbolPattern::Linear { .. } if x < 0.33e-3 => 0.125e-3,
            SymbolPattern::Linear { .. } if x < 0.635e-3 => 0.25e-3,
            SymbolPattern::Linear { .. } => 0.5e-3,
            // ISO/IEC 15415, 7.3.3: at most 80 % of X.
            SymbolPattern::Matrix { .. } => 0.8 * x,
        };
        let cells = quality::cells(symbol);
        let mut dark_before = Vec::with_capacity(cells.len() + 1);
        for row in cells.chunks(quality::across(symbol)) {
            let mut sum = 0.0;
            dark_before.push(0.0);
            for cell in row {
                sum += f64::from(*cell);
                dark_before.push(sum);
            }
        }
        Self { symbol, cells, dark_before, marks: Blemishes::of(symbol), aperture }
    }

    /// Darkness of a point as printed, before marks.
    fn dark(&self, at: [f64; 2]) -> f64 {
        quality::cell_index(self.symbol, at).map_or(0.0, |index| f64::from(self.cells[index]))
    }

    /// Mean darkness of a stretch of ± `half` along the symbol, before marks; exact.
    fn dark_along(&self, at: [f64; 2], half: f64) -> f64 {
        let (middle, Some(row)) = quality::cell(self.symbol, at) else { return 0.0 };
        let reach = half * quality::CELLS as f64 / self.symbol.x_dimension;
        let count = quality::across(self.symbol);
        let sums = &self.dark_before[row * (count + 1)..][..=count];
        let until = |x: f64| {
            let x = x.clamp(0.0, count as f64);
            let whole = (x as usize).min(count - 1);
            sums[whole] + (x - whole as f64) * (sums[whole + 1] - sums[whole])
        };
        (until(middle + reach) - until(middle - reach)) / (2.0 * reach)
    }

    /// Reflectance through the aperture: chords of its disc, the print exactly along each, marks by points.
    fn through_aperture(&self, marks: Option<&Blemishes>, [s, t]: [f64; 2]) -> f64 {
        let radius = self.aperture / 2.0;
        let offset = |k: usize| (2.0 * k as f64 + 1.0) / CHORDS as f64 - 1.0;
        let (mut ink, mut weight) = (0.0, 0.0);
        for row in 0..CHORDS {
            let down = offset(row);
            let half = radius * (1.0 - down * down).sqrt();
            let t = t + radius * down;
            let mut chord = self.dark_along([s, t], half);
            if let Some(marks) = marks {
                for column in 0..CHORDS {
                    let at = [s + half * offset(column), t];
                    let dark = self.dark(at);
                    let change = if marks.spot(at) { 1.0 - dark } else { -dark * marks.void(at) };
                    chord += change / CHORDS as f64;
                }
            }
            ink += half * chord;
            weight += half;
        }
        self.symbol.paper + (self.symbol.ink - self.symbol.paper) * ink / weight
    }
}

fn linear(print: &Print<'_>, modules: &[bool]) -> PrintGrade {
    let symbol = print.symbol;
    // Lines that no mark touches are all alike.
    let scans = if print.marks.is_some() { SCANS } else { 1 };
    let mut worst: Option<PrintGrade> = None;
    let mut sum = 0.0;
    for i in 0..scans {
        // The inspection band leaves out a tenth at the top and at the bottom.
        let t = symbol.height * (0.1 + 0.8 * (i as f64 + 0.5) / scans as f64);
        let scan = scan(print, modules, t);
        sum += scan.grade;
        if worst.is_none_or(|worst| scan.grade < worst.grade) {
            worst = Some(scan);
        }
    }
    let nothing = PrintGrade { grade: 0.0, symbol_contrast: 0.0, modulation: 0.0, defects: 1.0, decodability: 0.0 };
    PrintGrade { grade: sum / scans as f64, ..worst.unwrap_or(nothing) }
}

/// A profile cut into elements at its global threshold.
struct Element {
    /// First and last sample.
    samples: std::ops::Range<usize>,
    dark: bool,
    /// Where it begins, in samples; a fraction.
    start: f64,
}

fn scan(print: &Print<'_>, modules: &[bool], t: f64) -> PrintGrade {
    let symbol = print.symbol;
    let marks = print.marks.as_ref().map(|marks| marks.near_row(t, print.aperture));
    let step = print.aperture / STEPS;
    let first = -symbol.quiet[0];
    let count = ((symbol.width + symbol.quiet[0] + symbol.quiet[1]) / step).ceil() as usize;
    let profile: Vec<f64> = (0..count).map(|i| print.through_aperture(marks.as_ref(), [first + i as f64 * step, t])).collect();
    let low = profile.iter().copied().fold(f64::INFINITY, f64::min);
    let high = profile.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let contrast = high - low;
    let mut result = PrintGrade { grade: 0.0, symbol_contrast: contrast, modulation: 0.0, defects: 1.0, decodability: 0.0 };
    let elements = elements(&profile, (high + low) / 2.0);
    let wanted = modules.windows(2).filter(|w| w[0] != w[1]).count() + 3;
    // Quiet zones count as elements; another number of them is another code, or none.
    if elements.len() != wanted || elements.first().is_none_or(|e| e.dark) || elements.last().is_none_or(|e| e.dark) {
        return result;
    }
    let extreme = |element: &Element, of: fn(f64, f64) -> f64| profile[element.samples.clone()].iter().copied().reduce(of).unwrap_or(0.0);
    let edge = |pair: &[Element]| {
        let (dark, light) = if pair[0].dark { (&pair[0], &pair[1]) } else { (&pair[1], &pair[0]) };
        extreme(light, f64::max) - extreme(dark, f64::min)
    };
    let least_edge = elements.windows(2).map(edge).fold(f64::INFINITY, f64::min);
    result.modulation = least_edge / contrast;
    result.defects = elements.iter().map(|e| reversal(&profile[e.samples.clone()], e.dark)).fold(0.0, f64::max) / contrast;
    let edges: Vec<f64> = elements[1..].iter().map(|e| first + e.start * step).collect();
    let decodability = match symbol.kind {
        SymbolKind::Code128 => code128_decodability(modules, &edges, symbol.x_dimension),
        _ => Some(1.0),
    };
    // Not decoded, an edge too weak, or bars lighter than half the paper: F.
    let Some(decodability) = decodability else { return result };
    result.decodability = decodability;
    if least_edge < LEAST_EDGE || low > 0.5 * high {
        return result;
    }
    result.grade = at_least(contrast, CONTRAST)
        .min(at_least(result.modulation, MODULATION))
        .min(at_most(result.defects, DEFECTS))
        .min(at_least(decodability, DECODABILITY));
    result
}

fn elements(profile: &[f64], threshold: f64) -> Vec<Element> {
    let mut found: Vec<Element> = Vec::new();
    for (i, value) in profile.iter().enumerate() {
        let dark = *value < threshold;
        match found.last_mut() {
            Some(last) if last.dark == dark => last.samples.end = i + 1,
            _ => {
                let start = if i == 0 { 0.0 } else { i as f64 - (value - threshold) / (value - profile[i - 1]) };
                found.push(Element { samples: i..i + 1, dark, start });
            }
        }
    }
    found
}

/// Element reflectance non-uniformity: the largest rise within a bar, or fall within a space, that is taken back before the element ends.
fn reversal(samples: &[f64], dark: bool) -> f64 {
    // Seen as a bar: it goes down to its valley and up to its end.
    let value = |i: usize| if dark { samples[i] } else { -samples[i] };
    let count = samples.len();
    let peak = |i: usize| {
        let left = (0..i).map(value).fold(f64::INFINITY, f64::min);
        let right = (i + 1..count).map(value).fold(f64::INFINITY, f64::min);
        (left < value(i) && right < value(i)).then(|| value(i) - left.min(right))
    };
    // An inner point with lower ones on both sides lies on a peak; it counts from the lowest valley of the element.
    (1..count.saturating_sub(1)).filter_map(peak).fold(0.0, f64::max)
}

/// ISO/IEC 15417, annex A: how far measured widths of edges to similar edges stay from where they would be read as others, and the sum of the bars'
/// from its own limit; the smallest over all characters. `None` where they are read as others.
fn code128_decodability(modules: &[bool], edges: &[f64], x_dimension: f64) -> Option<f64> {
    let nominal: Vec<f64> = quality::edges(modules, &PrintQuality::default()).iter().map(|edge| edge * x_dimension).collect();
    if nominal.len() != edges.len() {
        return None;
    }
    let mut least: f64 = 1.0;
    // Characters of six elements and 11 modules; the stop's last bar stands alone.
    for start in (0..edges.len().saturating_sub(6)).step_by(6) {
        let (is, should) = (&edges[start..start + 7], &nominal[start..start + 7]);
        let module = (is[6] - is[0]) / 11.0;
        for i in 0..4 {
            let measured = (is[i + 2] - is[i]) / module;
            let wanted = ((should[i + 2] - should[i]) / x_dimension).round();
            if measured.round() != wanted {
                return None;
            }
            // Half a module is the way to the nearest threshold.
            least = least.min((0.5 - (measured - wanted).abs()) / 0.5);
        }
        let bars = |e: &[f64]| e[1] - e[0] + e[3] - e[2] + e[5] - e[4];
        let off = (bars(is) / module - bars(should) / x_dimension).abs();
        least = least.min((1.75 - off) / 1.75);
    }
    (least > 0.0).then_some(least)
}

fn matrix(print: &Print<'_>, size: usize, dark: &[bool]) -> PrintGrade {
    let x = print.symbol.x_dimension;
    let marks = print.marks.as_ref();
    let centre = |i: usize| [((i % size) as f64 + 0.5) * x, ((i / size) as f64 + 0.5) * x];
    let seen: Vec<f64> = (0..size * size).map(|i| print.through_aperture(marks, centre(i))).collect();
    // The quiet zone belongs to what is looked at.
    let quiet = [[-0.5, -0.5], [size as f64 + 0.5, size as f64 + 0.5]].map(|p| print.through_aperture(marks, p.map(|c| c * x)));
    let low = seen.iter().copied().fold(f64::INFINITY, f64::min);
    let high = seen.iter().chain(&quiet).copied().fold(f64::NEG_INFINITY, f64::max);
    let (contrast, threshold) = (high - low, (high + low) / 2.0);
    // From 32 modules on, every symbol up to 48 has four regions, each with a finder of its own (ISO/IEC 16022, table 7).
    let region = if size < 32 { size } else { size / 2 };
    let finder = |i: usize| {
        let (x, y) = (i % size % region, i / size % region);
        x == 0 || y == 0 || x == region - 1 || y == region - 1
    };
    // Signed: negative where a module reads as its opposite.
    let modulation = |i: usize| {
        let side = if dark[i] { threshold - seen[i] } else { seen[i] - threshold };
        if contrast > 0.0 { 2.0 * side / contrast } else { 0.0 }
    };
    let border = (0..size * size).filter(|i| finder(*i));
    let defects = border.clone().filter(|i| modulation(*i) <= 0.0).count() as f64 / border.count() as f64;
    // Where the modules left over are no whole codeword, the last four say nothing (ISO/IEC 16022, 5.8.1).
    let inner = size - 2 * (size / region);
    let idle = |i: usize| inner * inner % 8 == 4 && [i % size, i / size].iter().all(|at| (size - 3..size - 1).contains(at));
    let data: Vec<usize> = (0..size * size).filter(|i| !finder(*i) && !idle(*i)).collect();
    let worst = data.iter().map(|i| modulation(*i)).fold(f64::INFINITY, f64::min);
    // For each grade: what falls short of its modulation counts as wrong, and the rest of the error correction earns a grade of its own.
    let unused = |least: f64| {
        let mut read = dark.to_vec();
        for i in data.iter().filter(|i| modulation(**i) < least) {
            read[*i] = !read[*i];
        }
        let wrong = wrong_codewords(size, dark, &read)?;
        let correction = correction_codewords(size)? as f64;
        Some(1.0 - 2.0 * wrong as f64 / correction)
    };
    let decodability = unused(f64::MIN_POSITIVE).unwrap_or(if worst > 0.0 { 1.0 } else { 0.0 });
    let by_modulation = MATRIX_MODULATION
        .iter()
        .zip([4.0_f64, 3.0, 2.0, 1.0])
        .map(|(least, grade)| grade.min(unused(*least).map_or(at_least(worst, MATRIX_MODULATION), |u| at_least(u, DECODABILITY))))
        .fold(0.0, f64::max);
    let grade =
        at_least(contrast, CONTRAST).min(by_modulation).min(at_most(defects, FINDER_DAMAGE)).min(at_least(decodability, DECODABILITY));
    PrintGrade { grade, symbol_contrast: contrast, modulation: worst, defects, decodability }
}

/// Codewords in which two symbols of a size differ; `None` where the size has no single data region.
fn wrong_codewords(size: usize, one: &[bool], other: &[bool]) -> Option<usize> {
    let codewords = |dark: &[bool]| {
        let (map, _) = datamatrix::placement::MatrixMap::try_from_bits(dark, size).ok()?;
        Some(map.codewords())
    };
    Some(codewords(one)?.iter().zip(&codewords(other)?).filter(|(a, b)| a != b).count())
}

/// Codewords of error correction of square symbols up to 48 × 48 (ISO/IEC 16022, table 7).
fn correction_codewords(size: usize) -> Option<usize> {
    const TABLE: [(usize, usize); 14] = [
        (10, 5),
        (12, 7),
        (14, 10),
        (16, 12),
        (18, 14),
        (20, 18),
        (22, 20),
        (24, 24),
        (26, 28),
        (32, 36),
        (36, 42),
        (40, 48),
        (44, 56),
        (48, 68),
    ];
    TABLE.iter().find(|(side, _)| *side == size).map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artwork::place;
    use crate::artwork::testing::symbol;
    use crate::spec::SymbolSpec;

    fn graded(kind: SymbolKind, ink: f64, paper: f64, quality: PrintQuality) -> PrintGrade {
        let text = if kind == SymbolKind::DataMatrix { "\u{1d}01069012345678921727013110AB\u{1d}2112345" } else { "81234567890123456789" };
        let spec = SymbolSpec { ink, paper, quality, ..symbol(kind, text) };
        print_grade(&place(0, &spec, [0.1, 0.06]).unwrap())
    }

    fn perfect() -> PrintQuality {
        PrintQuality { seed: 11, mark_diameter: 0.25e-3, ..PrintQuality::default() }
    }

    #[test]
    fn a_perfect_print_is_graded_by_its_contrast_alone() {
        for kind in [SymbolKind::Code128, SymbolKind::DataMatrix] {
            for (ink, paper, grade) in [(0.05, 0.85, 4.0), (0.1, 0.7, 3.0), (0.1, 0.55, 2.0), (0.1, 0.35, 1.0), (0.1, 0.25, 0.0)] {
                let found = graded(kind, ink, paper, perfect());
                assert_eq!(found.grade, grade, "{kind:?} {ink} on {paper}: {found:?}");
                assert!((found.symbol_contrast - (paper - ink)).abs() < 1e-9);
            }
        }
        let found = graded(SymbolKind::Code128, 0.05, 0.85, perfect());
        assert!(found.modulation > 0.999 && found.defects < 1e-9 && found.decodability > 0.95, "{found:?}");
        // Bars lighter than half of the paper are no bars.
        assert_eq!(graded(SymbolKind::Code128, 0.45, 0.88, perfect()).grade, 0.0);
    }

    #[test]
    fn bar_growth_costs_modulation_and_decodability_only_beyond_reason() {
        let grade = |growth| graded(SymbolKind::Code128, 0.05, 0.85, PrintQuality { growth, ..perfect() });
        assert_eq!(grade(0.2).grade, 4.0, "edge to similar edge does not move with growth: {:?}", grade(0.2));
        let wide = grade(0.7);
        assert!(wide.grade <= 2.0, "{wide:?}");
    }

    #[test]
    fn ragged_edges_lower_decodability_by_the_formula() {
        let quality = |edge_sigma| PrintQuality { edge_sigma, ..perfect() };
        let grades: Vec<PrintGrade> =
            [0.0, 0.04, 0.08, 0.2].into_iter().map(|s| graded(SymbolKind::Code128, 0.05, 0.85, quality(s))).collect();
        assert!(grades.windows(2).all(|w| w[1].decodability < w[0].decodability), "{grades:?}");
        assert!(grades[1].grade >= 2.0 && grades[3].grade == 0.0, "{grades:?}");
    }

    #[test]
    fn voids_and_spots_show_as_defects() {
        let voids = graded(SymbolKind::Code128, 0.05, 0.85, PrintQuality { voids: 0.05, ..perfect() });
        let spots = graded(SymbolKind::Code128, 0.05, 0.85, PrintQuality { spots: 0.05, ..perfect() });
        for found in [voids, spots] {
            assert!(found.grade < 4.0 && (found.defects > 0.15 || found.modulation < 0.7 || found.decodability < 0.62), "{found:?}");
        }
        let few = graded(SymbolKind::Code128, 0.05, 0.85, PrintQuality { voids: 0.002, ..perfect() });
        assert!(few.grade > voids.grade, "{few:?} {voids:?}");
    }

    #[test]
    fn a_matrix_lives_off_its_error_correction() {
        let grade = |voids| graded(SymbolKind::DataMatrix, 0.05, 0.85, PrintQuality { voids, mark_diameter: 0.4e-3, ..perfect() });
        let (few, many) = (grade(0.02), grade(0.4));
        assert!(few.grade >= 1.0 && few.decodability > many.decodability, "{few:?} {many:?}");
        assert_eq!(many.grade, 0.0);
    }

    #[test]
    fn a_reversal_is_measured_from_the_lowest_valley() {
        assert_eq!(reversal(&[0.4, 0.1, 0.3, 0.2, 0.4], true), 0.3 - 0.1);
        assert_eq!(reversal(&[0.4, 0.1, 0.4], true), 0.0);
        assert!((reversal(&[0.6, 0.9, 0.7, 0.85, 0.6], false) - 0.2).abs() < 1e-12);
    }
}
