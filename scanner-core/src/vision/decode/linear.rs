//! Code 128 and EAN-13 in a binarised row.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rxing::common::BitArray;
use rxing::oned::{Code128Reader, EAN13Reader, OneDReader};
use rxing::{DecodeHints, RXingResult};

use super::LinearSymbol;
use crate::codes::{GS, Symbology};
use crate::vision::binarise::BinaryRow;

/// Code 128's symbol value of FNC1.
const FNC1_VALUE: u8 = 102;

/// A text found in one row.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearText {
    /// The text, FNC1 as GS.
    pub text: String,
    /// How it is printed.
    pub symbology: Symbology,
    /// Its print.
    pub symbol: LinearSymbol,
    /// u of every edge of the symbol as the row showed it, from the start's outer edge to the stop's; falling where the code runs against u.
    pub edges: Vec<f64>,
}

impl LinearText {
    /// The text if it is twenty digits. Grey values are believed for no other: ten characters of any code set fit many a pattern of other bars.
    pub fn twenty_digits(self) -> Option<String> {
        Some(self.text).filter(|text| text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// What a Code 128 symbol says: code sets, shifts and FNC1 are interpreted by the same reader as everywhere, on a perfect row.
    pub fn ideal(symbol: &LinearSymbol) -> Option<Self> {
        /// Bits per module and light modules around the code.
        const BITS: usize = 3;
        const QUIET: usize = 12;
        let modules = symbol.modules();
        let mut bits = BitArray::with_size((modules + 2 * QUIET) * BITS);
        let mut at = QUIET * BITS;
        for (i, &width) in symbol.runs.iter().enumerate() {
            for _ in 0..usize::from(width) * BITS {
                if i % 2 == 0 {
                    bits.set(at);
                }
                at += 1;
            }
        }
        let (text, read, _) = read(Symbology::Code128, &bits, &DecodeHints { AssumeGs1: Some(true), ..DecodeHints::default() })?;
        (read == *symbol).then_some(Self { text, symbology: Symbology::Code128, edges: read.edges(), symbol: read })
    }
}

/// Reads a row in both directions, Code 128 first.
pub fn decode_row(row: &BinaryRow) -> Option<LinearText> {
    // Start, one data symbol, check, stop: thirteen bars; EAN-13 has thirty.
    if row.bars < 10 {
        return None;
    }
    let mut reversed = row.bits.clone();
    reversed.reverse();
    let size = row.bits.get_size();
    let hints = DecodeHints { AssumeGs1: Some(true), ..DecodeHints::default() };
    for (symbology, bits, backwards) in [
        (Symbology::Code128, &row.bits, false),
        (Symbology::Code128, &reversed, true),
        (Symbology::Ean13, &row.bits, false),
        (Symbology::Ean13, &reversed, true),
    ] {
        let Some((text, symbol, edges)) = read(symbology, bits, &hints) else { continue };
        // An edge lies between two bits.
        let u = |bit: usize| row.start + (if backwards { size - bit } else { bit } as f64 - 0.5) / row.per_px;
        return Some(LinearText { text, symbology, symbol, edges: edges.into_iter().map(u).collect() });
    }
    None
}

fn read(symbology: Symbology, bits: &BitArray, hints: &DecodeHints) -> Option<(String, LinearSymbol, Vec<usize>)> {
    // The reader is a third party's: an index that runs over on an odd row shall cost this row, not the frame.
    let result = catch_unwind(AssertUnwindSafe(|| match symbology {
        Symbology::Ean13 => EAN13Reader.decode_row(0, bits, hints),
        _ => Code128Reader.decode_row(0, bits, hints),
    }))
    .ok()?
    .ok()?;
    let symbol = match symbology {
        Symbology::Ean13 => LinearSymbol::ean13(result.getText())?,
        _ => LinearSymbol::code128(result.getRawBytes())?,
    };
    let edges = edges_of(bits, &result, &symbol)?;
    let mut text = result.getText();
    // The reader takes a check character of value 102 for an FNC1 of the text.
    if symbol.values.last() == Some(&FNC1_VALUE) {
        text = text.strip_suffix(GS).unwrap_or(text);
    }
    let text = text.strip_prefix("]C1").map_or_else(|| text.to_owned(), |rest| format!("{GS}{rest}"));
    (!text.is_empty()).then_some((text, symbol, edges))
}

/// The symbol's edges: the first bit after each.
fn edges_of(bits: &BitArray, result: &RXingResult, symbol: &LinearSymbol) -> Option<Vec<usize>> {
    // The reader reports one point inside the start and one inside the stop pattern. The symbol has a known number of edges; of all windows of that
    // many edges in the row, the one that fits the two points best is it.
    let points = result.getPoints();
    let (left, right) = (points.first()?.x, points.get(1)?.x);
    let size = bits.get_size();
    let mut edges = Vec::new();
    let mut dark = false;
    for i in 0..size {
        let now = bits.get(i);
        if now != dark {
            edges.push(i);
            dark = now;
        }
    }
    if dark {
        edges.push(size);
    }
    let count = symbol.runs.len() + 1;
    // EAN-13: the middles of the guards. Code 128: the middle of the start, and of the stop without its last bar.
    let (first, [stop, last]) =
        if symbol.symbology == Symbology::Ean13 { (3, [count - 4, count - 1]) } else { (6, [count - 8, count - 2]) };
    let misfit = |w: &[usize]| {
        let start = (w[0] + w[first]) as f32 / 2.0;
        let stop = (w[stop] + w[last]) as f32 / 2.0;
        let module = (w[count - 1] - w[0]) as f32 / symbol.modules() as f32;
        ((start - left).abs() + (stop - right).abs()) / module
    };
    edges
        .windows(count)
        .step_by(2)
        .map(|w| (misfit(w), w))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(miss, _)| *miss < 4.0)
        .map(|(_, w)| w.to_vec())
}
