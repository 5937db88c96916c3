//! GTINs and their check digit.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a GTIN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GtinError {
    /// Not 8, 12, 13 or 14 decimal digits.
    #[error("'{0}' is not a GTIN: 8, 12, 13 or 14 decimal digits are wanted")]
    Form(String),
    /// The last digit does not fit the others.
    #[error("'{text}' is not a GTIN: its last digit should be {expected}")]
    CheckDigit {
        /// The text.
        text: String,
        /// What the check digit should be.
        expected: u8,
    },
}

/// A trade item number in its 14-digit form, check digit verified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gtin(String);

/// The check digit for ASCII decimal digits without it: weights 3, 1, 3, … from the right, complement to 10 (GS1 General Specifications, 7.9.1).
pub fn gtin_check_digit(digits_without_check: &[u8]) -> u8 {
    let sum: u32 =
        digits_without_check.iter().rev().zip([3u32, 1].into_iter().cycle()).map(|(d, w)| u32::from(d.wrapping_sub(b'0')) * w).sum();
    ((10 - sum % 10) % 10) as u8
}

impl Gtin {
    /// Takes a GTIN-8, -12 (UPC-A), -13 (EAN-13) or -14; shorter ones are padded with zeros in front, which changes no check digit.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, GtinError> {
        if !matches!(text.len(), 8 | 12 | 13 | 14) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(GtinError::Form(text.to_owned()));
        }
        let (body, check) = text.as_bytes().split_at(text.len() - 1);
        let expected = gtin_check_digit(body);
        if check[0] - b'0' != expected {
            return Err(GtinError::CheckDigit { text: text.to_owned(), expected });
        }
        Ok(Self(format!("{text:0>14}")))
    }

    /// All 14 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Gtin {
    type Error = GtinError;

    fn try_from(text: String) -> Result<Self, GtinError> {
        Self::parse(&text)
    }
}

impl From<Gtin> for String {
    fn from(gtin: Gtin) -> Self {
        gtin.0
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
