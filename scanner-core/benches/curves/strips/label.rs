//! A printed label: a linear symbol with its quiet zones, its text in digits, and what is printed beside it, as ink per place.

use crate::support::Dice;

/// Texels per module along the symbol and across it.
const ALONG: usize = 12;
const ACROSS: usize = 4;
/// Paper beyond the first and the last bar, modules: the quiet zone and room for what is printed beside it.
const BESIDE: f64 = 34.0;
/// Paper above and below the bars, modules.
const ABOVE: f64 = 9.0;
const BELOW: f64 = 15.0;
/// Width of the least quiet zone (ISO/IEC 15417, 4.4.1), modules.
pub const QUIET: f64 = 10.0;

/// How a print differs from what was meant. All in modules.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PrintFaults {
    /// What every bar is wider; negative is narrower.
    pub growth: f64,
    /// Standard deviation of each edge's place.
    pub edges: f64,
    /// Standard deviation of an edge along its own height: ragged.
    pub ragged: f64,
}

/// A label's ink, 0 (paper) to 1. Places are in modules: u along the symbol from the first bar's left edge, v across it from the bars' middle.
pub struct Label {
    columns: usize,
    rows: usize,
    /// Modules of the symbol and height of its bars.
    pub size: [f64; 2],
    ink: Vec<f32>,
    /// Ink of what lies around the label.
    board: f32,
    /// Sums of the ink before each texel, row by row: one more than there are columns.
    before: Vec<f32>,
    /// Decodability of the print by its edges (ISO/IEC 15417, annex A), 1 is perfect.
    pub decodability: f64,
}

impl Label {
    /// Paper for a symbol of so many modules.
    pub fn new(modules: usize, height: f64, board: f64) -> Self {
        let columns = ((modules as f64 + 2.0 * BESIDE) * ALONG as f64).round() as usize;
        let rows = ((height + ABOVE + BELOW) * ACROSS as f64).round() as usize;
        let ink = vec![0.0; columns * rows];
        Self { columns, rows, size: [modules as f64, height], ink, board: board as f32, before: Vec::new(), decodability: 1.0 }
    }

    fn row(&self, v: f64) -> isize {
        ((v + self.size[1] / 2.0 + ABOVE) * ACROSS as f64).floor() as isize
    }

    /// Ink from u0 to u1 in one row; texels that it covers in part get their share.
    fn ink_row(&mut self, row: usize, u0: f64, u1: f64, ink: f32) {
        let [a, b] = [u0, u1].map(|u| ((u + BESIDE) * ALONG as f64).clamp(0.0, self.columns as f64));
        if b <= a {
            return;
        }
        let texels = &mut self.ink[row * self.columns..(row + 1) * self.columns];
        let (first, last) = (a.floor() as usize, (b.ceil() as usize).min(self.columns));
        for (i, texel) in texels.iter_mut().enumerate().take(last).skip(first) {
            let share = (b.min(i as f64 + 1.0) - a.max(i as f64)) as f32;
            *texel += share * (ink - *texel);
        }
    }

    /// A rectangle of ink; `ink` 0 is paper over what was there.
    pub fn fill(&mut self, u: [f64; 2], v: [f64; 2], ink: f64) {
        let from = self.row(v[0] + 0.5 / ACROSS as f64).max(0) as usize;
        let to = self.row(v[1] + 0.5 / ACROSS as f64).clamp(0, self.rows as isize) as usize;
        for row in from..to {
            self.ink_row(row, u[0], u[1], ink as f32);
        }
    }

    /// The bars (dark is true).
    pub fn bars(&mut self, modules: &[bool], faults: &PrintFaults, dice: &mut Dice) {
        let edges: Vec<usize> =
            (0..=modules.len()).filter(|&i| (i > 0 && modules[i - 1]) != modules.get(i).copied().unwrap_or(false)).collect();
        let mut normal = Normal::default();
        // Edges come in pairs: a bar begins, a bar ends.
        let printed: Vec<f64> = edges
            .iter()
            .enumerate()
            .map(|(i, e)| *e as f64 + if i % 2 == 0 { -0.5 } else { 0.5 } * faults.growth + faults.edges * normal.draw(dice))
            .collect();
        self.decodability = decodability(&edges, &printed);
        let (top, bottom) = (self.row(-self.size[1] / 2.0), self.row(self.size[1] / 2.0));
        // An edge wanders over about a module of its height.
        let memory = (-1.0 / ACROSS as f64).exp();
        let fresh = faults.ragged * (1.0 - memory * memory).sqrt();
        let mut wander: Vec<f64> = printed.iter().map(|_| faults.ragged * normal.draw(dice)).collect();
        for row in top as usize..(bottom as usize).min(self.rows) {
            for (pair, off) in printed.chunks_exact(2).zip(wander.chunks_exact(2)) {
                self.ink_row(row, pair[0] + off[0], pair[1] + off[1], 1.0);
            }
            if faults.ragged > 0.0 {
                wander.iter_mut().for_each(|w| *w = memory * *w + fresh * normal.draw(dice));
            }
        }
    }

    /// `text` in digits of seven segments, from u on, `size` modules high with its top at v.
    pub fn digits(&mut self, text: &str, u: f64, v: f64, size: f64, pitch: f64) {
        // Segments of each digit, from the top clockwise, the middle one last.
        const SEGMENTS: [u8; 10] = [0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f];
        let (w, s) = (size * 0.55, (size * 0.13).max(0.35));
        for (i, byte) in text.bytes().enumerate() {
            let lit = SEGMENTS[usize::from(byte % 16) % 10];
            let (l, r, m) = (u + i as f64 * pitch, u + i as f64 * pitch + w, v + size / 2.0);
            let strokes = [
                ([l, r], [v, v + s]),
                ([r - s, r], [v, m]),
                ([r - s, r], [m, v + size]),
                ([l, r], [v + size - s, v + size]),
                ([l, l + s], [m, v + size]),
                ([l, l + s], [v, m]),
                ([l, r], [m - s / 2.0, m + s / 2.0]),
            ];
            for (k, (u, v)) in strokes.into_iter().enumerate() {
                if lit >> k & 1 == 1 {
                    self.fill(u, v, 1.0);
                }
            }
        }
    }

    /// What stands around a symbol: its digits below, and strangers above and beyond both quiet zones.
    pub fn neighbours(&mut self, text: &str, dice: &mut Dice) {
        let [modules, height] = self.size;
        let size = dice.real(4.0, 8.0);
        let pitch = (modules / text.len().max(1) as f64).min(size);
        self.digits(text, dice.real(0.0, 8.0), height / 2.0 + dice.real(0.8, 3.0), size, pitch);
        if dice.int(2) == 0 {
            let strange = dice.digits(24);
            self.digits(&strange, dice.real(-30.0, 20.0), -height / 2.0 - dice.real(6.0, 8.5), 4.5, 5.0);
        }
        for (side, begin) in [(-1.0, 0.0), (1.0, modules)] {
            let from = begin + side * (QUIET + dice.real(0.0, 8.0));
            match dice.int(4) {
                // A frame's line, a field of colour, text, nothing.
                0 => self.upright(from, side * dice.real(0.5, 3.0), height, 1.0),
                1 => self.upright(from, side * 40.0, height, dice.real(0.3, 1.0)),
                2 => {
                    let strange = dice.digits(8);
                    let at = if side < 0.0 { from - 24.0 } else { from };
                    self.digits(&strange, at, dice.real(-height / 2.0, height / 4.0), dice.real(4.0, 9.0), 3.2);
                    if side < 0.0 {
                        self.fill([-QUIET, 0.0], [-height / 2.0, height / 2.0], 0.0);
                    }
                }
                _ => {}
            }
        }
    }

    fn upright(&mut self, from: f64, width: f64, height: f64, ink: f64) {
        self.fill([from.min(from + width), from.max(from + width)], [-height, height], ink);
    }

    /// Everything is printed: sums are formed, and [`Label::ink`] may be asked.
    pub fn finish(&mut self) {
        self.before = Vec::with_capacity((self.columns + 1) * self.rows);
        for row in self.ink.chunks(self.columns) {
            let mut sum = 0.0f32;
            self.before.push(sum);
            for ink in row {
                sum += ink;
                self.before.push(sum);
            }
        }
    }

    /// Mean ink over a stretch of `width` modules around (u, v), along the symbol. Exact but for edges that lie within a texel.
    pub fn ink(&self, u: f64, v: f64, width: f64) -> f32 {
        let row = self.row(v);
        let middle = (u + BESIDE) * ALONG as f64;
        let half = (width * ALONG as f64 / 2.0).max(1e-3);
        if row < 0 || row >= self.rows as isize || middle + half <= 0.0 || middle - half >= self.columns as f64 {
            return self.board;
        }
        let sums = &self.before[row as usize * (self.columns + 1)..(row as usize + 1) * (self.columns + 1)];
        let upto = |x: f64| {
            let inside = x.clamp(0.0, self.columns as f64);
            let i = (inside as usize).min(self.columns - 1);
            let sum = sums[i] + (sums[i + 1] - sums[i]) * (inside - i as f64) as f32;
            sum + (x - inside) as f32 * self.board
        };
        (upto(middle + half) - upto(middle - half)) / (2.0 * half) as f32
    }
}

/// Draws from the standard normal distribution, one at a time.
#[derive(Default)]
pub struct Normal(Option<f64>);

impl Normal {
    /// The next one.
    pub fn draw(&mut self, dice: &mut Dice) -> f64 {
        if let Some(kept) = self.0.take() {
            return kept;
        }
        let (a, b) = dice.normal_pair();
        self.0 = Some(b);
        a
    }
}

/// Decodability of printed edges against where they were meant (ISO/IEC 15417, annex A): distances of edges to the next similar edge may be off by
/// half a module, the sum of a character's bars by 1.75. The worst of all characters; the symbol is measured at its mean module.
fn decodability(meant: &[usize], printed: &[f64]) -> f64 {
    let mut least = 1.0f64;
    // Three bars and three spaces a character: six edges; one more bar ends the stop.
    for k in (0..meant.len().saturating_sub(6)).step_by(6) {
        for i in k..(k + 5).min(meant.len() - 2) {
            let off = (printed[i + 2] - printed[i]) - (meant[i + 2] - meant[i]) as f64;
            least = least.min(1.0 - off.abs() / 0.5);
        }
        let bars = |edge: &dyn Fn(usize) -> f64| (0..3).map(|b| edge(k + 2 * b + 1) - edge(k + 2 * b)).sum::<f64>();
        let off = bars(&|i| printed[i]) - bars(&|i| meant[i] as f64);
        least = least.min(1.0 - off.abs() / 1.75);
    }
    least.max(0.0)
}
