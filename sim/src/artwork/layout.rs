//! Where bands, blocks and text stand on a face, and that none of them disturbs a symbol.

use super::symbol::{CLEAR_ABOVE_BELOW, PlacedSymbol, Rect, SymbolPattern};
use super::text::line_width;
use crate::random::{Stream, Streams};
use crate::spec::{Face, PackageSpec};

/// Something painted over what is below it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Paint {
    /// A filled rectangle.
    Fill {
        /// Where, m.
        rect: Rect,
        /// Its reflectance.
        reflectance: f64,
    },
    /// A line of text.
    Text {
        /// What it says.
        text: String,
        /// Heavy letters.
        bold: bool,
        /// Top-left corner of the line as it reads, m.
        origin: [f64; 2],
        /// Unit reading direction (u, v).
        along: [f64; 2],
        /// Unit direction from top to bottom (u, v).
        down: [f64; 2],
        /// Line height, m.
        height: f64,
        /// Reflectance of the letters.
        reflectance: f64,
    },
}

impl Paint {
    /// Moves it right and down, m.
    fn shift(&mut self, by: f64) {
        match self {
            Self::Fill { rect, .. } => *rect = Rect { min: rect.min.map(|x| x + by), max: rect.max.map(|x| x + by) },
            Self::Text { origin, .. } => *origin = origin.map(|x| x + by),
        }
    }
}

/// Free space kept between a symbol's field and other print, m.
const FIELD_MARGIN: f64 = 0.5e-3;

/// Line heights of a human-readable line, m.
const HUMAN_LINE: [f64; 2] = [1.4e-3, 2.8e-3];

/// The human-readable line of a linear symbol: distance below the bars and line height, m. None where the face leaves no room for it.
fn human_line(symbol: &PlacedSymbol, extent: [f64; 2]) -> Option<(f64, f64, String)> {
    if !matches!(symbol.pattern, SymbolPattern::Linear { .. }) {
        return None;
    }
    let text: String = symbol.text.chars().filter(|c| !c.is_control()).collect();
    let gap = CLEAR_ABOVE_BELOW;
    let wanted = (symbol.width / line_width(&text, false)).min(HUMAN_LINE[1]);
    // What is left of the face below the bars, in the symbol's own direction.
    let room = (0..2)
        .map(|i| {
            let bottom = symbol.point(0.0, symbol.height)[i];
            if symbol.down[i] > 0.5 {
                extent[i] - bottom
            } else if symbol.down[i] < -0.5 {
                bottom
            } else {
                0.0
            }
        })
        .sum::<f64>();
    let height = wanted.min(room - gap - 0.2e-3);
    (height >= HUMAN_LINE[0]).then_some((gap, height, text))
}

/// The paper-coloured field of a symbol, clipped to its face.
pub(super) fn field(symbol: &PlacedSymbol, extent: [f64; 2]) -> Rect {
    let mut rect = symbol.clear_rect();
    if let Some((gap, height, _)) = human_line(symbol, extent) {
        let [before, after, above, _] = symbol.quiet;
        let below = symbol.height + gap + height + 0.2e-3;
        rect = Rect::around(&[symbol.point(-before, -above - CLEAR_ABOVE_BELOW), symbol.point(symbol.width + after, below)]);
    }
    Rect { min: rect.min.map(|x| x.max(0.0)), max: [rect.max[0].min(extent[0]), rect.max[1].min(extent[1])] }
}

/// Paint below the symbols' fields, and the fields with their human-readable lines.
pub(super) fn compose(package: &PackageSpec, face: Face, extent: [f64; 2], symbols: &[PlacedSymbol]) -> (Vec<Paint>, Vec<Paint>) {
    // What is not sealed.
    let seam = package.shape.seam(face);
    let shifted = |rect: Rect| Rect { min: rect.min.map(|x| x - seam), max: rect.max.map(|x| x - seam) };
    let mut canvas = Canvas {
        extent: extent.map(|e| e - 2.0 * seam),
        keep_out: symbols.iter().map(|s| shifted(s.field.grown(FIELD_MARGIN))).collect(),
        text: package.artwork.text,
        band: package.artwork.band,
        paints: Vec::new(),
    };
    if face == Face::Crimp {
        canvas.crimp(package.artwork.board, 0.0);
    } else {
        canvas.decorate(package, face);
    }
    if seam > 0.0 {
        canvas.paints.iter_mut().for_each(|paint| paint.shift(seam));
        canvas.extent = extent;
        canvas.crimp(package.artwork.board, seam);
    }
    (canvas.paints, fields(package, extent, symbols))
}

/// Fields first, then every symbol's own clear space in its own paper (a neighbour's field may have run into it), then the lines.
fn fields(package: &PackageSpec, extent: [f64; 2], symbols: &[PlacedSymbol]) -> Vec<Paint> {
    let mut paints: Vec<Paint> = symbols.iter().map(|s| Paint::Fill { rect: s.field, reflectance: s.paper }).collect();
    paints.extend(symbols.iter().map(|s| Paint::Fill { rect: s.clear_rect(), reflectance: s.paper }));
    for (i, symbol) in symbols.iter().enumerate() {
        let Some((gap, height, text)) = human_line(symbol, extent) else { continue };
        let width = line_width(&text, false) * height;
        let (left, top) = ((symbol.width - width) / 2.0, symbol.height + gap);
        let rect = Rect::around(&[symbol.point(left, top), symbol.point(left + width, top + height)]);
        let disturbs = symbols.iter().enumerate().any(|(j, other)| i != j && rect.intersects(&other.clear_rect()));
        if !disturbs {
            paints.push(Paint::Text {
                text,
                bold: false,
                origin: symbol.point(left, top),
                along: symbol.along,
                down: symbol.down,
                height,
                reflectance: symbol.ink.min(package.artwork.text),
            });
        }
    }
    paints
}

/// Distance of the ridges of a crimped seal, m, and how much light their flanks scatter relative to what is flat.
const RIDGE: f64 = 1e-3;
const RIDGE_SHADE: f64 = 0.72;

/// Words of small print.
const WORDS: [&str; 28] = [
    "tablets",
    "store",
    "below",
    "25",
    "°C",
    "keep",
    "dry",
    "Rx",
    "OTC",
    "each",
    "contains",
    "10 mg",
    "see",
    "leaflet",
    "药品",
    "说明书",
    "密封",
    "口服",
    "一次",
    "一日三次",
    "阴凉处",
    "国药准字",
    "H2024",
    "batch",
    "expiry",
    "GMP",
    "excipients",
    "有限公司",
];

struct Canvas {
    extent: [f64; 2],
    keep_out: Vec<Rect>,
    text: f64,
    band: f64,
    paints: Vec<Paint>,
}

impl Canvas {
    fn decorate(&mut self, package: &PackageSpec, face: Face) {
        let streams = Streams::new(package.artwork.seed);
        // What all faces share, then what is this face's own.
        let mut style = streams.stream("artwork style", &[]);
        let (side, share, stripe) = (style.below(4), style.uniform(0.12, 0.32), style.chance(0.6));
        let mut random = streams.stream("artwork face", &[face as u64]);
        let [width, height] = self.extent;
        let body = self.bands(side, share, stripe);
        let panel = matches!(face, Face::Front | Face::Back | Face::Around);
        let logos = if panel { 1 + random.below(2) } else { random.below(2) };
        for _ in 0..logos {
            self.logo(&mut random);
        }
        // The name: large on the panels, smaller on sides and flaps; where a symbol is in the way, lower down or smaller. Then its small print in
        // what is left.
        let name_height = (height * if panel { 0.17 } else { 0.2 }).clamp(1.8e-3, 9e-3);
        let (left, top) = (body.min[0] + 0.03 * width, body.min[1] + 0.06 * height);
        let mut v = top;
        let tries = [1.0, 0.7, 0.5].into_iter().flat_map(|scale| (0..9).map(move |step| (scale, step)));
        for (scale, step) in tries {
            let at = [left, top + 0.1 * f64::from(step) * (body.max[1] - top)];
            if let Some(below) = self.line_of(&package.name, true, at, name_height * scale, body.max[0]) {
                v = if step == 0 { below } else { top };
                break;
            }
        }
        if panel {
            let strength = format!("{} mg × {}", [5, 10, 20, 25, 50, 100, 250, 500][random.below(8) as usize], 6 + 6 * random.below(8));
            v = self.line_of(&strength, false, [left, v + 1e-3], name_height * 0.55, body.max[0]).unwrap_or(v);
        }
        let small = random.uniform(1.4e-3, 2.2e-3).min(height / 4.0);
        let until = body.max[1] - 0.02 * height;
        let lines = if face == Face::Front { 4 } else { 14 };
        let mut from = v + small;
        for _ in 0..lines {
            if from + small > until {
                break;
            }
            self.small_print(&mut random, from, small, [left, body.max[0] - 0.03 * width]);
            from += 1.35 * small;
        }
    }

    /// Ridges of a crimped seal: along the edges as wide as `seam`, all over where that is 0.
    fn crimp(&mut self, board: f64, seam: f64) {
        let [width, height] = self.extent;
        let mut ridges = |from: [f64; 2], to: [f64; 2]| {
            self.paints.push(Paint::Fill { rect: Rect { min: from, max: to }, reflectance: board });
            // Across the shorter way.
            let axis = usize::from(to[0] - from[0] < to[1] - from[1]);
            let count = ((to[1 - axis] - from[1 - axis]) / RIDGE) as usize;
            for i in 0..count {
                let (mut min, mut max) = (from, to);
                min[1 - axis] = from[1 - axis] + (i as f64 + 0.25) * RIDGE;
                max[1 - axis] = min[1 - axis] + 0.5 * RIDGE;
                self.paints.push(Paint::Fill { rect: Rect { min, max }, reflectance: board * RIDGE_SHADE });
            }
        };
        if seam <= 0.0 {
            ridges([0.0; 2], [width, height]);
            return;
        }
        ridges([0.0, 0.0], [width, seam]);
        ridges([0.0, height - seam], [width, height]);
        ridges([0.0, seam], [seam, height - seam]);
        ridges([width - seam, seam], [width, height - seam]);
    }

    /// Paints band and stripe on one side of the face; returns what they leave.
    fn bands(&mut self, side: u64, share: f64, stripe: bool) -> Rect {
        let [width, height] = self.extent;
        let whole = Rect { min: [0.0; 2], max: [width, height] };
        let (mut band, mut body) = (whole, whole);
        match side {
            0 => (band.max[1], body.min[1]) = (height * share, height * share),
            1 => (band.min[1], body.max[1]) = (height * (1.0 - share), height * (1.0 - share)),
            2 => (band.max[0], body.min[0]) = (width * share, width * share),
            _ => return whole,
        }
        self.paints.push(Paint::Fill { rect: band, reflectance: self.band });
        if stripe {
            let mut thin = body;
            match side {
                0 => (thin.min[1], thin.max[1]) = (band.max[1] + 0.02 * height, band.max[1] + 0.05 * height),
                1 => (thin.min[1], thin.max[1]) = (band.min[1] - 0.05 * height, band.min[1] - 0.02 * height),
                _ => (thin.min[0], thin.max[0]) = (band.max[0] + 0.02 * width, band.max[0] + 0.04 * width),
            }
            self.paints.push(Paint::Fill { rect: thin, reflectance: (self.band + self.text) / 2.0 });
            match side {
                0 => body.min[1] = thin.max[1],
                1 => body.max[1] = thin.min[1],
                _ => body.min[0] = thin.max[0],
            }
        }
        body
    }

    /// A block with a lighter core, where a few tries find room for it.
    fn logo(&mut self, random: &mut Stream) {
        let [width, height] = self.extent;
        for _ in 0..8 {
            let size = [random.uniform(0.08, 0.2) * width, random.uniform(0.1, 0.22) * height];
            let min = [random.uniform(0.0, width - size[0]), random.uniform(0.0, height - size[1])];
            let rect = Rect { min, max: [min[0] + size[0], min[1] + size[1]] };
            if self.is_free(&rect) {
                let margin = size[0].min(size[1]) * 0.3;
                self.paints.push(Paint::Fill { rect, reflectance: self.band });
                self.paints.push(Paint::Fill { rect: rect.grown(-margin), reflectance: (self.band + 1.0) / 2.0 });
                self.keep_out.push(rect);
                return;
            }
        }
    }

    fn is_free(&self, rect: &Rect) -> bool {
        rect.fits(self.extent) && !self.keep_out.iter().any(|k| k.intersects(rect))
    }

    /// A line of its own, shrunk to fit between its start and `until` (u); returns the v below it, or none where it would disturb a symbol or be unreadable.
    fn line_of(&mut self, text: &str, bold: bool, at: [f64; 2], height: f64, until: f64) -> Option<f64> {
        let height = height.min((until - at[0]) * 0.96 / line_width(text, bold).max(1e-9));
        let rect = Rect { min: at, max: [at[0] + height * line_width(text, bold), at[1] + height] };
        if height < 1.2e-3 || !self.is_free(&rect) {
            return None;
        }
        self.paints.push(upright(text.to_owned(), bold, at, height, self.text));
        self.keep_out.push(rect);
        Some(rect.max[1])
    }

    /// Fills a line between symbols with words.
    fn small_print(&mut self, random: &mut Stream, v: f64, height: f64, [from, to]: [f64; 2]) {
        let line = Rect { min: [from, v], max: [to, v + height] };
        if line.max[1] > self.extent[1] {
            return;
        }
        let mut blocked: Vec<[f64; 2]> = self.keep_out.iter().filter(|k| k.intersects(&line)).map(|k| [k.min[0], k.max[0]]).collect();
        blocked.push([to, f64::INFINITY]);
        blocked.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let mut start = from;
        for [low, high] in blocked {
            let mut text = String::new();
            // Half a face of text at most in one go, so that lines end raggedly.
            let room = (low - start) / height * random.uniform(0.75, 1.0);
            loop {
                let word = WORDS[random.below(WORDS.len() as u64) as usize];
                if line_width(&text, false) + line_width(word, false) > room {
                    break;
                }
                text.push_str(word);
                text.push(' ');
            }
            let text = text.trim_end();
            if !text.is_empty() {
                self.paints.push(upright(text.to_owned(), false, [start, v], height, self.text));
            }
            start = start.max(high);
        }
    }
}

fn upright(text: String, bold: bool, origin: [f64; 2], height: f64, reflectance: f64) -> Paint {
    Paint::Text { text, bold, origin, along: [1.0, 0.0], down: [0.0, 1.0], height, reflectance }
}
