//! Data Matrix ECC 200 (ISO/IEC 16022), by the crate `datamatrix`.

use datamatrix::{DataMatrixBuilder, SymbolList};

use super::{ArtworkError, SymbolPattern};
use crate::spec::SymbolKind;

/// FNC1 in the texts of [`crate::spec::SymbolSpec`].
pub(super) const GS: u8 = 0x1d;

/// The smallest square symbol for a text; GS1 (FNC1 in first position) when it starts with GS, whose later GS separate element strings.
///
/// # Errors
/// [`ArtworkError::Text`] for an empty text, one that is not printable ASCII or GS, or one that is too long for any symbol.
pub fn encode_data_matrix(text: &str) -> Result<SymbolPattern, ArtworkError> {
    let wrong = |reason: String| ArtworkError::Text { kind: SymbolKind::DataMatrix, text: text.to_owned(), reason };
    let gs1 = text.as_bytes().first() == Some(&GS);
    let data = if gs1 { &text.as_bytes()[1..] } else { text.as_bytes() };
    if data.is_empty() {
        return Err(wrong("it is empty".into()));
    }
    if let Some(byte) = data.iter().find(|b| !(0x20..0x7f).contains(*b) && **b != GS) {
        return Err(wrong(format!("byte 0x{byte:02x} is not printable ASCII")));
    }
    let code = DataMatrixBuilder::new()
        .with_symbol_list(SymbolList::default().enforce_square())
        .with_macros(false)
        .with_fnc1_start(gs1)
        .encode(data)
        .map_err(|e| wrong(format!("{} bytes do not fit: {e:?}", data.len())))?;
    let bitmap = code.bitmap();
    Ok(SymbolPattern::Matrix { size: bitmap.width(), dark: bitmap.bits().to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finder_stands_left_and_below_and_the_text_comes_back() {
        let text = "81234567890123456789";
        let SymbolPattern::Matrix { size, dark } = encode_data_matrix(text).unwrap() else { panic!("not a matrix") };
        assert_eq!(size, 16, "20 digits are 10 code words: more than the 8 of 14 × 14, within the 12 of 16 × 16");
        assert!((0..size).all(|row| dark[row * size]), "left column is solid");
        assert!((0..size).all(|column| dark[(size - 1) * size + column]), "bottom row is solid");
        assert_eq!((0..size).map(|c| dark[c]).collect::<Vec<_>>(), (0..size).map(|c| c % 2 == 0).collect::<Vec<_>>(), "top row alternates");
        assert_eq!(datamatrix::DataMatrix::decode(&dark, size).unwrap(), text.as_bytes());
    }

    #[test]
    fn gs1_starts_with_fnc1_and_separates_with_gs() {
        let text = "\u{1d}01069012345678921727013110AB12\u{1d}21987654321";
        let SymbolPattern::Matrix { size, dark } = encode_data_matrix(text).unwrap() else { panic!("not a matrix") };
        let (map, _) = datamatrix::placement::MatrixMap::try_from_bits(&dark, size).unwrap();
        assert_eq!(map.codewords()[0], 232, "FNC1 in first position");
        assert_eq!(datamatrix::DataMatrix::decode(&dark, size).unwrap(), &text.as_bytes()[1..]);
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        for (text, reason) in [("", "empty"), ("\u{1d}", "empty"), ("a\n", "0x0a"), ("药", "not printable")] {
            let error = encode_data_matrix(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
        assert!(encode_data_matrix(&"x".repeat(4000)).unwrap_err().to_string().contains("do not fit"));
    }
}
