//! Data Matrix and QR on upright crops.

use std::collections::HashSet;

use rxing::{BarcodeFormat, DecodeHints, RXingResultMetadataType, RXingResultMetadataValue};

use super::data_matrix::SIZES;
use crate::codes::{GS, Symbology};
use crate::vision::geometry::distance;
use crate::vision::{Corners, Plane};

/// A matrix code found in a crop.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixText {
    /// The text, FNC1 as GS, a leading one included.
    pub text: String,
    /// How it is printed.
    pub symbology: Symbology,
    /// Corners in the crop, from the finder's corner, clockwise.
    pub corners: Corners,
    /// Modules per side; of rectangular symbols the geometric mean of both sides.
    pub modules: f64,
}

/// Reads one symbology in a crop in which `white` is the white level. The crop should have two pixels per module or more.
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
        TryHarder: Some(symbology == Symbology::DataMatrix),
        ..DecodeHints::default()
    };
    let (w, h) = picture.dimensions();
    let result = rxing::helpers::detect_in_luma_with_hints(picture.into_raw(), w, h, Some(format), &mut hints).ok()?;
    let identifier = result.getRXingResultMetadata().get(&RXingResultMetadataType::SYMBOLOGY_IDENTIFIER).map(|v| match v {
        RXingResultMetadataValue::SymbologyIdentifier(s) => s.as_str(),
        _ => "",
    });
    let text = with_leading_fnc1(result.getText(), matches!(identifier, Some("]d2" | "]Q3")))?;
    // The reader's pixel centres lie at half-integers.
    let points: Vec<[f64; 2]> = result.getPoints().iter().map(|p| [f64::from(p.x) - 0.5, f64::from(p.y) - 0.5]).collect();
    let (corners, modules) = match symbology {
        Symbology::QrCode => qr_geometry(crop, white, &points)?,
        _ => data_matrix_geometry(result.getRawBytes().len(), &points)?,
    };
    Some(MatrixText { text, symbology, corners, modules })
}

/// A reader's text with FNC1 in front as GS, if the symbol began with FNC1; the reader leaves it out. `None` for a symbol that says nothing.
pub(super) fn with_leading_fnc1(text: &str, leading_fnc1: bool) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    Some(if leading_fnc1 && !text.starts_with(GS) { format!("{GS}{text}") } else { text.to_owned() })
}

/// Clockwise (in a picture whose y points down), starting where it starts.
fn clockwise(mut c: Corners) -> Corners {
    let area: f64 = (0..4).map(|i| c[i][0] * c[(i + 1) % 4][1] - c[(i + 1) % 4][0] * c[i][1]).sum();
    if area < 0.0 {
        c.swap(1, 3);
    }
    c
}

/// Data codewords and modules per side of ECC 200's sizes beyond [`SIZES`] (ISO/IEC 16022, table 7); all are square.
const LARGER_SIZES: [(usize, usize); 11] =
    [(174, 48), (204, 52), (280, 64), (368, 72), (456, 80), (576, 88), (696, 96), (816, 104), (1050, 120), (1304, 132), (1558, 144)];

/// The reader's four points are top-left, bottom-left, bottom-right, top-right of the symbol as printed; the finder's corner is bottom-left.
fn data_matrix_geometry(codewords: usize, points: &[[f64; 2]]) -> Option<(Corners, f64)> {
    let [tl, bl, br, tr]: [[f64; 2]; 4] = points.get(..4)?.try_into().ok()?;
    let (across, down) = (distance(bl, br), distance(bl, tl));
    let oblong = across > 1.5 * down || down > 1.5 * across;
    let mut sizes = SIZES.iter().map(|s| (s.data, s.rows, s.cols)).chain(LARGER_SIZES.map(|(data, side)| (data, side, side)));
    let size = sizes.find(|(n, r, c)| *n == codewords && (r != c) == oblong);
    // Rectangular extensions are not in the table: a module holds about 0.11 codewords of data there.
    let modules = size.map_or_else(|| (codewords as f64 / 0.11).sqrt(), |(_, r, c)| (r as f64 * c as f64).sqrt());
    Some((clockwise([bl, tl, tr, br]), modules))
}

/// The reader's points are the finders' centres: bottom-left, top-left, top-right. The symbol reaches 3.5 modules beyond them.
fn qr_geometry(crop: &Plane, white: f32, points: &[[f64; 2]]) -> Option<(Corners, f64)> {
    let (&bl, &tl, &tr) = (points.first()?, points.get(1)?, points.get(2)?);
    let sub = |p: [f64; 2], q: [f64; 2]| [p[0] - q[0], p[1] - q[1]];
    let (across, down) = (sub(tr, tl), sub(bl, tl));
    let side = across[0].hypot(across[1]);
    if side < 8.0 {
        return None;
    }
    // From the finder's centre outwards there are 1.5 dark modules, one light, one dark: the third change is 3.5 modules away.
    let step = [across[0] / side * 0.25, across[1] / side * 0.25];
    let (mut changes, mut dark, mut distance) = (0, true, 0.0);
    while changes < 3 && distance < side {
        distance += 0.25;
        let t = distance / 0.25;
        let now = crop.sample(tl[0] + step[0] * t, tl[1] + step[1] * t) < white * 0.5;
        if now != dark {
            changes += 1;
            dark = now;
        }
    }
    // Sides are 17 + 4·version modules.
    let version = ((side / (distance / 3.5) + 7.0 - 17.0) / 4.0).round().clamp(1.0, 40.0);
    let modules = 17.0 + 4.0 * version;
    let share = 3.5 / (modules - 7.0);
    let at = |p: [f64; 2], a: f64, d: f64| [p[0] + share * (a * across[0] + d * down[0]), p[1] + share * (a * across[1] + d * down[1])];
    let br = [bl[0] + across[0], bl[1] + across[1]];
    Some((clockwise([at(tl, -1.0, -1.0), at(tr, 1.0, -1.0), at(br, 1.0, 1.0), at(bl, -1.0, 1.0)]), modules))
}
