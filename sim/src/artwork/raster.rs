//! A face as pixels.

use super::FacePrint;
use super::layout::Paint;
use super::quality::{self, Blemishes};
use super::symbol::{PlacedSymbol, Rect, SymbolPattern};
use super::text::{GLYPH_ROWS, advance, glyph};

/// Which symbols a raster shows. Fields and human-readable lines are there in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Printed {
    /// None.
    NoSymbols,
    /// Matrix symbols only.
    Matrices,
    /// All.
    All,
}

/// Linear reflectance, 0 to 255, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GreyImage {
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width × height` values.
    pub pixels: Vec<u8>,
}

/// A canvas of reflectances whose pixels tile the face exactly.
struct Surface {
    size: [usize; 2],
    /// Pixel edge lengths, m.
    pitch: [f64; 2],
    values: Vec<f32>,
}

impl FacePrint {
    /// The face at about `px_per_m` pixels a metre: `⌈extent × px_per_m⌉` pixels (at least one) that tile it exactly, so texture coordinate =
    /// position ÷ extent. Fills and symbols are integrated exactly over each pixel; text is supersampled.
    pub fn rasterise(&self, px_per_m: f64, printed: Printed) -> GreyImage {
        let size = self.extent.map(|e| ((e * px_per_m).ceil() as usize).max(1));
        let pitch = [self.extent[0] / size[0] as f64, self.extent[1] / size[1] as f64];
        let mut surface = Surface { size, pitch, values: vec![self.board as f32; size[0] * size[1]] };
        for paint in self.paints.iter().chain(&self.fields) {
            surface.paint(paint);
        }
        for symbol in &self.symbols {
            surface.spots(symbol);
            let damaged = symbol.quality.has_marks() || symbol.quality.moves_edges();
            match (&symbol.pattern, printed) {
                (_, Printed::NoSymbols) | (SymbolPattern::Linear { .. }, Printed::Matrices) => {}
                _ if damaged => surface.damaged(symbol),
                (SymbolPattern::Linear { modules }, _) => surface.bars(symbol, modules),
                (SymbolPattern::Matrix { size, dark }, _) => surface.modules(symbol, *size, dark),
            }
        }
        let pixels = surface.values.iter().map(|v| (v * 255.0).round().clamp(0.0, 255.0) as u8).collect();
        GreyImage { width: size[0], height: size[1], pixels }
    }

    /// What marks took away of the symbols' ink, 0 to 255 for nothing to all, on the pixels of [`Self::rasterise`]; `None` where nothing is missing.
    pub(crate) fn missing_ink(&self, px_per_m: f64) -> Option<GreyImage> {
        let size = self.extent.map(|e| ((e * px_per_m).ceil() as usize).max(1));
        let pitch = [self.extent[0] / size[0] as f64, self.extent[1] / size[1] as f64];
        let mut surface = Surface { size, pitch, values: vec![0.0; size[0] * size[1]] };
        let mut any = false;
        for symbol in &self.symbols {
            let Some(marks) = Blemishes::of(symbol) else { continue };
            any = true;
            surface.sample(&Rect::around(&symbol.inked()), |surface, index, at, share| {
                surface.values[index] += (share * marks.void(symbol.local(at))) as f32;
            });
        }
        let pixels = surface.values.iter().map(|v| (v * 255.0).round().clamp(0.0, 255.0) as u8).collect();
        any.then_some(GreyImage { width: size[0], height: size[1], pixels })
    }
}

/// Points at which each pixel of a damaged symbol is sampled, along each axis.
const SAMPLES: usize = 3;

impl Surface {
    fn paint(&mut self, paint: &Paint) {
        match paint {
            Paint::Fill { rect, reflectance } => self.cover(rect, *reflectance, |_, _| 1.0),
            Paint::Text { text, bold, origin, along, down, height, reflectance } => {
                let mut start = 0.0;
                for character in text.chars() {
                    let width = advance(character, *bold) * height;
                    if character != ' ' {
                        self.letter(character, *bold, *origin, [*along, *down], [start, *height], *reflectance);
                    }
                    start += width;
                }
            }
        }
    }

    /// Pixel indices along an axis that a span in metres touches.
    fn touched(&self, axis: usize, low: f64, high: f64) -> std::ops::Range<usize> {
        let clip = |x: f64| (x.max(0.0) as usize).min(self.size[axis]);
        clip((low / self.pitch[axis]).floor())..clip((high / self.pitch[axis]).ceil())
    }

    /// Mixes `reflectance` into every pixel by its exact overlap with `rect` times `share(overlap of the pixel in u, in v)`.
    fn cover(&mut self, rect: &Rect, reflectance: f64, share: impl Fn([f64; 2], [f64; 2]) -> f64) {
        let overlap = |axis: usize, index: usize| {
            let low = (index as f64 * self.pitch[axis]).max(rect.min[axis]);
            let high = ((index + 1) as f64 * self.pitch[axis]).min(rect.max[axis]);
            [low, high.max(low)]
        };
        let columns: Vec<(usize, [f64; 2])> = self.touched(0, rect.min[0], rect.max[0]).map(|x| (x, overlap(0, x))).collect();
        for y in self.touched(1, rect.min[1], rect.max[1]) {
            let v = overlap(1, y);
            let row = (v[1] - v[0]) / self.pitch[1];
            for (x, u) in &columns {
                let part = row * (u[1] - u[0]) / self.pitch[0] * share(*u, v);
                let value = &mut self.values[y * self.size[0] + x];
                *value += (reflectance as f32 - *value) * part as f32;
            }
        }
    }

    fn bars(&mut self, symbol: &PlacedSymbol, modules: &[bool]) {
        let count = modules.len() as f64;
        let mut dark_before = vec![0.0; modules.len() + 1];
        for (i, dark) in modules.iter().enumerate() {
            dark_before[i + 1] = dark_before[i] + f64::from(u8::from(*dark));
        }
        // Dark modules in [0, x], x in modules.
        let integral = |x: f64| {
            let x = x.clamp(0.0, count);
            let whole = (x as usize).min(modules.len() - 1);
            dark_before[whole] + (x - whole as f64) * f64::from(u8::from(modules[whole]))
        };
        let axis = usize::from(symbol.along[0].abs() < 0.5);
        let position = |x: f64| (x - symbol.origin[axis]) * symbol.along[axis] / symbol.x_dimension;
        let rect = Rect::around(&symbol.corners());
        self.cover(&rect, symbol.ink, |u, v| {
            let span = if axis == 0 { u } else { v };
            let (a, b) = (position(span[0]), position(span[1]));
            if (b - a).abs() < 1e-9 { 0.0 } else { (integral(b) - integral(a)) / (b - a) }
        });
    }

    fn modules(&mut self, symbol: &PlacedSymbol, size: usize, dark: &[bool]) {
        // Coordinates in modules along a direction of the symbol, of a face rectangle's two opposite corners, in ascending order.
        let span = |direction: [f64; 2], u: [f64; 2], v: [f64; 2]| {
            let at = |i: usize| ((u[i] - symbol.origin[0]) * direction[0] + (v[i] - symbol.origin[1]) * direction[1]) / symbol.x_dimension;
            let (a, b) = (at(0).clamp(0.0, size as f64), at(1).clamp(0.0, size as f64));
            [a.min(b), a.max(b)]
        };
        let pieces = |[low, high]: [f64; 2]| {
            let (first, last) = (low.floor() as usize, (high.ceil() as usize).min(size));
            (first..last).map(move |i| (i, (high.min((i + 1) as f64) - low.max(i as f64)).max(0.0)))
        };
        let rect = Rect::around(&symbol.corners());
        self.cover(&rect, symbol.ink, |u, v| {
            let (s, t) = (span(symbol.along, u, v), span(symbol.down, u, v));
            let area = (s[1] - s[0]) * (t[1] - t[0]);
            if area < 1e-12 {
                return 0.0;
            }
            let covered: f64 = pieces(t)
                .map(|(row, tall)| tall * pieces(s).filter(|(column, _)| dark[row * size + column]).map(|(_, wide)| wide).sum::<f64>())
                .sum();
            covered / area
        });
    }

    /// Visits points of every pixel that a rectangle touches: (canvas, index of the pixel, place on the face, share of the pixel that the point stands for).
    fn sample(&mut self, rect: &Rect, mut visit: impl FnMut(&mut Self, usize, [f64; 2], f64)) {
        let share = 1.0 / (SAMPLES * SAMPLES) as f64;
        let offset = |k: usize| (k as f64 + 0.5) / SAMPLES as f64;
        for y in self.touched(1, rect.min[1], rect.max[1]) {
            for x in self.touched(0, rect.min[0], rect.max[0]) {
                for sample in 0..SAMPLES * SAMPLES {
                    let at = [(x as f64 + offset(sample % SAMPLES)) * self.pitch[0], (y as f64 + offset(sample / SAMPLES)) * self.pitch[1]];
                    let index = y * self.size[0] + x;
                    visit(self, index, at, share);
                }
            }
        }
    }

    /// Spots of ink on a symbol's field.
    fn spots(&mut self, symbol: &PlacedSymbol) {
        if symbol.quality.spots <= 0.0 {
            return;
        }
        let Some(marks) = Blemishes::of(symbol) else { return };
        let mut share_of = vec![0.0_f32; self.values.len()];
        self.sample(&symbol.quiet_rect(), |_, index, at, share| {
            if marks.spot(symbol.local(at)) {
                share_of[index] += share as f32;
            }
        });
        for (value, share) in self.values.iter_mut().zip(share_of) {
            *value += (symbol.ink as f32 - *value) * share;
        }
    }

    /// A symbol with moved edges or marks, by points.
    fn damaged(&mut self, symbol: &PlacedSymbol) {
        let cells = quality::cells(symbol);
        let marks = Blemishes::of(symbol);
        let linear = matches!(symbol.pattern, SymbolPattern::Linear { .. });
        let mut share_of = vec![0.0_f32; self.values.len()];
        self.sample(&Rect::around(&symbol.inked()), |_, index, at, share| {
            let at = symbol.local(at);
            if linear && !(0.0..symbol.height).contains(&at[1]) {
                return;
            }
            let Some(cell) = quality::cell_index(symbol, at) else { return };
            let dark = cells[cell];
            share_of[index] += dark * (share * (1.0 - marks.as_ref().map_or(0.0, |m| m.void(at)))) as f32;
        });
        for (value, share) in self.values.iter_mut().zip(share_of) {
            *value += (symbol.ink as f32 - *value) * share;
        }
    }

    /// One character of a line: `start` metres along the line, `height` line height.
    fn letter(&mut self, character: char, bold: bool, origin: [f64; 2], axes: [[f64; 2]; 2], [start, height]: [f64; 2], reflectance: f64) {
        let glyph = glyph(character, bold);
        let dot = height / GLYPH_ROWS as f64;
        let [along, down] = axes;
        let point = |s: f64, t: f64| [0, 1].map(|i| origin[i] + along[i] * s + down[i] * t);
        let rect = Rect::around(&[point(start, 0.0), point(start + dot * glyph.columns as f64, height)]);
        // About one sample per dot of the bitmap, at least two by two per pixel.
        let samples = ((self.pitch[0].max(self.pitch[1]) / dot).ceil() as usize).clamp(2, 8);
        for y in self.touched(1, rect.min[1], rect.max[1]) {
            for x in self.touched(0, rect.min[0], rect.max[0]) {
                let mut sum = 0.0;
                for sample in 0..samples * samples {
                    let offset = |k: usize| (k as f64 + 0.5) / samples as f64;
                    let u = (x as f64 + offset(sample % samples)) * self.pitch[0] - origin[0];
                    let v = (y as f64 + offset(sample / samples)) * self.pitch[1] - origin[1];
                    let column = ((u * along[0] + v * along[1] - start) / dot).floor() as isize;
                    let row = ((u * down[0] + v * down[1]) / dot).floor() as isize;
                    sum += glyph.at(column, row);
                }
                let value = &mut self.values[y * self.size[0] + x];
                *value += (reflectance as f32 - *value) * (sum / (samples * samples) as f64) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artwork::{ArtworkError, encode, print_faces, testing};
    use crate::spec::{ArtworkSpec, PackageSpec, Shape, SymbolKind, SymbolSpec};

    const CODE: &str = "81234567890123456789";

    fn symbol(kind: SymbolKind, text: &str, centre: [f64; 2], quarter_turns: u8) -> SymbolSpec {
        SymbolSpec { centre, quarter_turns, ..testing::symbol(kind, text) }
    }

    fn package(symbols: Vec<SymbolSpec>) -> PackageSpec {
        PackageSpec {
            name: "Amoxicillin 阿莫西林".into(),
            shape: Shape::Carton { size: [0.1, 0.06, 0.03] },
            mass: 0.05,
            symbols,
            artwork: ArtworkSpec { board: 0.8, band: 0.3, band_pigment: Default::default(), text: 0.1, gloss: 0.02, seed: 3 },
            films: Vec::new(),
        }
    }

    fn front(symbols: Vec<SymbolSpec>) -> FacePrint {
        print_faces(&package(symbols)).unwrap().remove(0)
    }

    /// The raster at 4 px a module (16 px/mm) read along a symbol's middle line, one value per module, by the symbol's own geometry.
    fn read_line(print: &FacePrint, image: &GreyImage, t: f64) -> Vec<bool> {
        let symbol = &print.symbols[0];
        (0..symbol.pattern.modules_across())
            .map(|i| {
                let [u, v] = symbol.point((i as f64 + 0.5) * symbol.x_dimension, t);
                let x = (u / print.extent[0] * image.width as f64) as usize;
                let y = (v / print.extent[1] * image.height as f64) as usize;
                image.pixels[y * image.width + x] < 128
            })
            .collect()
    }

    #[test]
    fn bars_read_back_from_the_raster_at_every_quarter_turn() {
        let SymbolPattern::Linear { modules } = encode(SymbolKind::Code128, CODE).unwrap() else { panic!("not linear") };
        for turns in 0..4 {
            let print = front(vec![symbol(SymbolKind::Code128, CODE, [0.05, 0.03], turns)]);
            let image = print.rasterise(16_000.0, Printed::All);
            assert_eq!((image.width, image.height), (1600, 960));
            assert_eq!(read_line(&print, &image, 0.005), modules, "{turns} quarter turns");
            let corners = print.symbols[0].corners();
            let (along, down) = (0.25e-3 * 145.0 / 2.0, 5e-3);
            // By hand: the start-top corner walks clockwise around the centre.
            let expected = [[-along, -down], [down, -along], [along, down], [-down, along]][usize::from(turns)];
            assert!((corners[0][0] - 0.05 - expected[0]).abs() < 1e-12 && (corners[0][1] - 0.03 - expected[1]).abs() < 1e-12);
        }
    }

    #[test]
    fn a_matrix_reads_back_row_by_row() {
        for turns in 0..4 {
            let print = front(vec![symbol(SymbolKind::DataMatrix, CODE, [0.05, 0.03], turns)]);
            let SymbolPattern::Matrix { size, dark } = print.symbols[0].pattern.clone() else { panic!("not a matrix") };
            let image = print.rasterise(16_000.0, Printed::Matrices);
            for row in 0..size {
                let t = (row as f64 + 0.5) * 0.25e-3;
                assert_eq!(read_line(&print, &image, t), dark[row * size..(row + 1) * size], "row {row}, {turns} quarter turns");
            }
            let bare = print.rasterise(16_000.0, Printed::NoSymbols);
            assert!(read_line(&print, &bare, 1e-3).iter().all(|d| !d), "no symbols where none are asked for");
        }
    }

    #[test]
    fn a_coarse_raster_holds_the_mean_of_the_bars() {
        // Pixels far larger than a module: what matters is that no light is lost or made.
        let print = front(vec![symbol(SymbolKind::Code128, CODE, [0.05, 0.03], 0)]);
        let (coarse, fine) = (print.rasterise(1_000.0, Printed::All), print.rasterise(16_000.0, Printed::All));
        let mean = |image: &GreyImage, rows: std::ops::Range<f64>| {
            let (from, to) = ((rows.start * image.height as f64) as usize, (rows.end * image.height as f64) as usize);
            let pixels = &image.pixels[from * image.width..to * image.width];
            pixels.iter().map(|p| f64::from(*p)).sum::<f64>() / pixels.len() as f64
        };
        // Rows 27 to 33 mm of 60 lie within the bars.
        assert!((mean(&coarse, 0.45..0.55) - mean(&fine, 0.45..0.55)).abs() < 0.5);
    }

    #[test]
    fn nothing_is_printed_on_the_clear_space() {
        for seed in 0..40 {
            let mut package = package(vec![
                symbol(SymbolKind::Code128, CODE, [0.03, 0.02], 0),
                symbol(SymbolKind::Ean13, "6901234567892", [0.07, 0.045], 2),
            ]);
            package.artwork.seed = seed;
            let print = print_faces(&package).unwrap().remove(0);
            let image = print.rasterise(8_000.0, Printed::NoSymbols);
            for placed in &print.symbols {
                let rect = placed.clear_rect();
                let pixel = |axis: usize, x: f64| x / print.extent[axis] * [image.width, image.height][axis] as f64;
                for y in pixel(1, rect.min[1]).ceil() as usize..pixel(1, rect.max[1]).floor() as usize {
                    for x in pixel(0, rect.min[0]).ceil() as usize..pixel(0, rect.max[0]).floor() as usize {
                        assert_eq!(image.pixels[y * image.width + x], 255, "({x}, {y}) of seed {seed}, symbol {}", placed.index);
                    }
                }
            }
        }
    }

    #[test]
    fn faces_carry_print_and_the_same_seed_prints_the_same() {
        let package = package(vec![symbol(SymbolKind::Code128, CODE, [0.05, 0.045], 0)]);
        let prints = print_faces(&package).unwrap();
        assert_eq!(prints, print_faces(&package).unwrap());
        for print in &prints {
            let image = print.rasterise(8_000.0, Printed::All);
            let board = (print.board * 255.0).round() as u8;
            let printed = image.pixels.iter().filter(|p| **p != board).count() as f64 / image.pixels.len() as f64;
            assert!(printed > 0.01, "{:?} carries {printed} of print", print.face);
        }
    }

    #[test]
    fn symbols_that_do_not_fit_are_refused_by_name() {
        let error = |symbols| print_faces(&package(symbols)).unwrap_err();
        let wide = error(vec![symbol(SymbolKind::Code128, CODE, [0.02, 0.03], 0)]).to_string();
        assert!(wide.contains("Amoxicillin") && wide.contains("Front face, which is 100.00 × 60.00 mm"), "{wide}");
        assert!(wide.contains("covers u -0.62…40.62 mm"), "{wide}");
        let nowhere = error(vec![symbol(SymbolKind::Code128, CODE, [f64::NAN, 0.03], 0)]);
        assert!(matches!(nowhere, ArtworkError::DoesNotFit { .. }), "{nowhere}");
        let flat = error(vec![SymbolSpec { height: 0.0, ..symbol(SymbolKind::Code128, CODE, [0.05, 0.03], 0) }]);
        assert!(flat.to_string().contains("height of symbol 0 is 0 m"), "{flat}");
        let two =
            error(vec![symbol(SymbolKind::Code128, CODE, [0.05, 0.03], 0), symbol(SymbolKind::Ean13, "6901234567892", [0.05, 0.035], 0)]);
        assert_eq!(two.to_string(), "package \"Amoxicillin 阿莫西林\": symbols 0 and 1 overlap on the Front face");
    }
}
