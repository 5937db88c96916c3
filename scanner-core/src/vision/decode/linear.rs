//! Code 128 and EAN-13 in a binarised row.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rxing::common::BitArray;
use rxing::oned::{Code128Reader, EAN13Reader, OneDReader};
use rxing::{DecodeHints, RXingResult};

use super::LinearSymbol;
use crate::codes::Symbology;
use crate::vision::binarise::BinaryRow;

/// FNC1 in texts.
const GS: char = '\u{1d}';

/// A text found in one row.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearText {
    /// The text, FNC1 as GS.
    pub text: String,
    /// How it is printed.
    pub symbology: Symbology,
    /// Its print.
    pub symbol: LinearSymbol,
    /// u of the outer edge of the start and of the stop; start > stop where the code runs against u.
    pub ends: [f64; 2],
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
        return Some(LinearText { text, symbology, symbol, ends: [u(edges[0]), u(edges[1])] });
    }
    None
}

fn read(symbology: Symbology, bits: &BitArray, hints: &DecodeHints) -> Option<(String, LinearSymbol, [usize; 2])> {
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
    let edges = outer_edges(bits, &result, &symbol)?;
    let text = result.getText();
    let text = text.strip_prefix("]C1").map_or_else(|| text.to_owned(), |rest| format!("{GS}{rest}"));
    (!text.is_empty()).then_some((text, symbol, edges))
}

/// First bit of the first bar and first bit after the last bar.
fn outer_edges(bits: &BitArray, result: &RXingResult, symbol: &LinearSymbol) -> Option<[usize; 2]> {
    // The reader reports points inside the start and the stop pattern. The start point lies in or next to the first bars: walk to the left over as
    // many edges as there are bars before it; the number of edges between the two outer ones is known from the symbol.
    let points = result.getPoints();
    let (left, right) = (points.first()?.x, points.get(1)?.x);
    let size = bits.get_size();
    let mut starts = Vec::new();
    let mut dark = false;
    for i in 0..size {
        let now = bits.get(i);
        if now != dark {
            starts.push(i);
            dark = now;
        }
    }
    if dark {
        starts.push(size);
    }
    // Edges alternate white→black, black→white; the code has runs.len() + 1 of them. Of all windows of that many edges, the one whose ends fit the
    // reported points best.
    let edges = symbol.runs.len() + 1;
    let modules = symbol.modules() as f32;
    let (inner_left, inner_right) = if symbol.values.is_empty() { (1.5, 1.5) } else { (5.5, 7.5) };
    (0..starts.len().checked_sub(edges - 1)?)
        .step_by(2)
        .map(|i| (starts[i], starts[i + edges - 1]))
        .map(|(s, e)| {
            let module = (e - s) as f32 / modules;
            let miss = (s as f32 + inner_left * module - left).abs() + (e as f32 - inner_right * module - right).abs();
            (miss, module, [s, e])
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(miss, module, _)| *miss < 6.0 * module)
        .map(|(_, _, ends)| ends)
}
