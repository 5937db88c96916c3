//! The 20-digit traceability code.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a 20-digit traceability code, or not a prefix of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NationalCodeError {
    /// Wrong length.
    #[error("'{text}' has {found} characters where {wanted} digits are wanted")]
    Length {
        /// The text.
        text: String,
        /// Its length in characters.
        found: usize,
        /// 20 for a code, 7 for a prefix.
        wanted: usize,
    },
    /// Not all decimal digits.
    #[error("'{text}' has a character that is not a decimal digit")]
    NotDigits {
        /// The text.
        text: String,
    },
    /// Not an 8 in front.
    #[error("'{text}' does not begin with 8")]
    LeadingDigit {
        /// The text.
        text: String,
    },
}

fn check(text: &str, wanted: usize) -> Result<(), NationalCodeError> {
    let found = text.chars().count();
    let owned = || text.to_owned();
    if found != wanted {
        Err(NationalCodeError::Length { text: owned(), found, wanted })
    } else if !text.bytes().all(|b| b.is_ascii_digit()) {
        Err(NationalCodeError::NotDigits { text: owned() })
    } else if !text.starts_with('8') {
        Err(NationalCodeError::LeadingDigit { text: owned() })
    } else {
        Ok(())
    }
}

/// A 20-digit code that follows the grammar: decimal digits, the first an 8. The last four are check digits by an algorithm that is not public, so
/// nothing is checked by them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NationalCode(String);

impl NationalCode {
    /// Takes a text that follows the grammar.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, NationalCodeError> {
        check(text, 20).map(|()| Self(text.to_owned()))
    }

    /// All 20 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Digits 1 to 7: drug and pack level.
    pub fn prefix(&self) -> CodePrefix {
        CodePrefix(self.0[..7].to_owned())
    }

    /// Digits 8 to 16: the serial number.
    pub fn serial(&self) -> &str {
        &self.0[7..16]
    }

    /// Digits 17 to 20: check digits that only the issuer can verify.
    pub fn check_digits(&self) -> &str {
        &self.0[16..]
    }
}

impl TryFrom<String> for NationalCode {
    type Error = NationalCodeError;

    fn try_from(text: String) -> Result<Self, NationalCodeError> {
        check(&text, 20).map(|()| Self(text))
    }
}

impl From<NationalCode> for String {
    fn from(code: NationalCode) -> Self {
        code.0
    }
}

impl fmt::Display for NationalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first seven digits of a 20-digit code: they name a drug and a pack level, many prefixes to one drug.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodePrefix(String);

impl CodePrefix {
    /// Takes seven decimal digits, the first an 8.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, NationalCodeError> {
        check(text, 7).map(|()| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CodePrefix {
    type Error = NationalCodeError;

    fn try_from(text: String) -> Result<Self, NationalCodeError> {
        check(&text, 7).map(|()| Self(text))
    }
}

impl From<CodePrefix> for String {
    fn from(prefix: CodePrefix) -> Self {
        prefix.0
    }
}

impl fmt::Display for CodePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
