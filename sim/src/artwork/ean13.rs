//! EAN-13 (GS1 General Specifications, section 5.2).

use super::ArtworkError;
use crate::spec::SymbolKind;

/// Widths of the left-hand digits in number set A, space first; set B is their mirror, the right-hand set C starts with a bar.
const SET_A: [[u8; 4]; 10] = [
    [3, 2, 1, 1],
    [2, 2, 2, 1],
    [2, 1, 2, 2],
    [1, 4, 1, 1],
    [1, 1, 3, 2],
    [1, 2, 3, 1],
    [1, 1, 1, 4],
    [1, 3, 1, 2],
    [1, 2, 1, 3],
    [3, 1, 1, 2],
];

/// Which left-hand digits are of set B, by the leading digit (leftmost of the six in bit 5).
const PARITY: [u8; 10] = [0b00_0000, 0b00_1011, 0b00_1101, 0b00_1110, 0b01_0011, 0b01_1001, 0b01_1100, 0b01_0101, 0b01_0110, 0b01_1010];

/// The 13th digit: what completes the weighted sum (3 at every second digit from the right) to a multiple of ten.
pub fn ean13_check_digit(first_twelve: &[u8; 12]) -> u8 {
    let sum: u32 = first_twelve.iter().enumerate().map(|(i, d)| u32::from(*d) * if i % 2 == 0 { 1 } else { 3 }).sum();
    ((10 - sum % 10) % 10) as u8
}

/// The 95 modules of 13 digits, guards included; true is dark.
///
/// # Errors
/// [`ArtworkError::Text`] unless the text is 13 digits with the right check digit.
pub fn encode_ean13(text: &str) -> Result<Vec<bool>, ArtworkError> {
    let wrong = |reason: String| ArtworkError::Text { kind: SymbolKind::Ean13, text: text.to_owned(), reason };
    let digits: Vec<u8> = text.bytes().map(|b| b.wrapping_sub(b'0')).collect();
    let Ok(digits): Result<[u8; 13], _> = digits.try_into() else {
        return Err(wrong(format!("{} characters where 13 digits are needed", text.chars().count())));
    };
    if digits.iter().any(|d| *d > 9) {
        return Err(wrong("13 digits are needed".into()));
    }
    let mut first_twelve = [0; 12];
    first_twelve.copy_from_slice(&digits[..12]);
    let check = ean13_check_digit(&first_twelve);
    if check != digits[12] {
        return Err(wrong(format!("its check digit should be {check}")));
    }
    let mut modules = Vec::with_capacity(95);
    let mut push = |widths: &[u8], mut dark: bool| {
        for width in widths {
            modules.extend(std::iter::repeat_n(dark, usize::from(*width)));
            dark = !dark;
        }
    };
    push(&[1, 1, 1], true);
    for (i, digit) in digits[1..7].iter().enumerate() {
        let mut widths = SET_A[usize::from(*digit)];
        if PARITY[usize::from(digits[0])] >> (5 - i) & 1 == 1 {
            widths.reverse();
        }
        push(&widths, false);
    }
    push(&[1, 1, 1, 1, 1], false);
    for digit in &digits[7..] {
        push(&SET_A[usize::from(*digit)], true);
    }
    push(&[1, 1, 1], true);
    Ok(modules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_text(modules: &[bool]) -> String {
        modules.iter().map(|m| if *m { '1' } else { '0' }).collect()
    }

    #[test]
    fn the_example_of_the_specification() {
        // 5901234123457: a leading 5 takes the sets A B B A A B.
        let expected = concat!(
            "101", "0001011", "0100111", "0110011", "0010011", "0111101", "0011101", "01010", "1100110", "1101100", "1000010", "1011100",
            "1001110", "1000100", "101"
        );
        let modules = encode_ean13("5901234123457").unwrap();
        assert_eq!(modules.len(), 95);
        assert_eq!(as_text(&modules), expected);
    }

    #[test]
    fn check_digits() {
        assert_eq!(ean13_check_digit(&[6, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), 2);
        assert_eq!(ean13_check_digit(&[4, 0, 0, 6, 3, 8, 1, 3, 3, 3, 9, 3]), 1);
        assert_eq!(ean13_check_digit(&[0; 12]), 0);
    }

    #[test]
    fn texts_that_are_no_ean_are_refused() {
        for (text, reason) in [
            ("", "0 characters"),
            ("690123456789", "12 characters"),
            ("690123456789A", "13 digits"),
            ("6901234567893", "should be 2"),
            ("69012345678９", "12 characters"),
        ] {
            let error = encode_ean13(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }
}
