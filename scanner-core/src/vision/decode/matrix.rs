//! Data Matrix and QR on upright crops.

use std::collections::HashSet;

use rxing::{BarcodeFormat, DecodeHints, RXingResultMetadataType, RXingResultMetadataValue};

use crate::codes::Symbology;
use crate::vision::{Corners, Plane};

/// FNC1 in texts.
const GS: char = '\u{1d}';

/// A matrix code found in a crop.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixText {
    /// The text, FNC1 as GS, a leading one included.
    pub text: String,
    /// How it is printed.
    pub symbology: Symbology,
    /// Corners in the crop, from the finder's corner, clockwise.
    pub corners: Corners,
    /// Modules per side (the mean of both for rectangular symbols), where the reader says enough to tell.
    pub modules: Option<f64>,
}

/// Reads one symbology in a crop (light is 1). The crop should be upright within some degrees and have two pixels per module or more.
pub fn decode_crop(crop: &Plane, white: f32, symbology: Symbology) -> Option<MatrixText> {
    let format = match symbology {
        Symbology::DataMatrix => BarcodeFormat::DATA_MATRIX,
        Symbology::QrCode => BarcodeFormat::QR_CODE,
        Symbology::Code128 | Symbology::Ean13 => return None,
    };
    let picture = crop.to_gray(white);
    let mut hints = DecodeHints {
        AssumeGs1: Some(true),
        PossibleFormats: Some(HashSet::from([format])),
        TryHarder: Some(true),
        ..DecodeHints::default()
    };
    let (w, h) = picture.dimensions();
    let result = rxing::helpers::detect_in_luma_with_hints(picture.into_raw(), w, h, Some(format), &mut hints).ok()?;
    let identifier = result.getRXingResultMetadata().get(&RXingResultMetadataType::SYMBOLOGY_IDENTIFIER).map(|v| match v {
        RXingResultMetadataValue::SymbologyIdentifier(s) => s.as_str(),
        _ => "",
    });
    let text = result.getText();
    let leading_fnc1 = matches!(identifier, Some("]d2" | "]Q3"));
    let text = if leading_fnc1 && !text.starts_with(GS) { format!("{GS}{text}") } else { text.to_owned() };
    let points: Vec<[f64; 2]> = result.getPoints().iter().map(|p| [f64::from(p.x) - 0.5, f64::from(p.y) - 0.5]).collect();
    let corners = match symbology {
        Symbology::QrCode => qr_corners(&points)?,
        _ => data_matrix_corners(&points)?,
    };
    (!text.is_empty()).then_some(MatrixText { text, symbology, corners, modules: None })
}

/// Clockwise (in a picture whose y points down), starting where it starts.
fn clockwise(mut c: Corners) -> Corners {
    let area: f64 = (0..4).map(|i| c[i][0] * c[(i + 1) % 4][1] - c[(i + 1) % 4][0] * c[i][1]).sum();
    if area < 0.0 {
        c.swap(1, 3);
    }
    c
}

/// The reader's four points are top-left, bottom-left, bottom-right, top-right of the symbol as printed; the finder's corner is bottom-left.
fn data_matrix_corners(points: &[[f64; 2]]) -> Option<Corners> {
    let [tl, bl, br, tr]: [[f64; 2]; 4] = points.get(..4)?.try_into().ok()?;
    Some(clockwise([bl, tl, tr, br]))
}

/// The reader's points are the finder centres bottom-left, top-left, top-right; the corner of the three is top-left.
fn qr_corners(points: &[[f64; 2]]) -> Option<Corners> {
    let (&bl, &tl, &tr) = (points.first()?, points.get(1)?, points.get(2)?);
    let br = [bl[0] + tr[0] - tl[0], bl[1] + tr[1] - tl[1]];
    Some(clockwise([tl, tr, br, bl]))
}
