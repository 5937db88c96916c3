//! What a decoded text is: symbology, family, role.
//!
//! Decided by the grammar alone. No order, no pool and no list of products has a say here, so that a wrong box is never read as the right one.

mod gs1;
mod gtin;
mod national;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use gs1::{Element, GS, Gs1, Gs1Error, resolve_date};
pub use gtin::{Gtin, GtinError, gtin_check_digit};
pub use national::{CodePrefix, NationalCode, NationalCodeError};

/// How a text was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Symbology {
    /// Code 128 (GS1-128 included).
    Code128,
    /// EAN-13, the retail code.
    Ean13,
    /// Data Matrix ECC 200 (GS1 Data Matrix included).
    DataMatrix,
    /// QR code.
    QrCode,
}

/// What a text is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A traceability code: it names one package.
    Trace,
    /// A retail code: it names a product, never a package.
    Retail,
    /// Anything else.
    Other,
}

/// Level of a pack. Named in words because the numbers differ from platform to platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PackLevel {
    /// The pack that is dispensed to a patient.
    SmallestPack,
    /// A bundle of smallest packs.
    MiddlePack,
    /// The shipping carton.
    OuterCarton,
}

impl PackLevel {
    /// From the `packLayer` of a manufacturer's relation file: 1 is the smallest, 3 the outer carton.
    pub fn from_pack_layer(layer: u32) -> Option<Self> {
        match layer {
            1 => Some(Self::SmallestPack),
            2 => Some(Self::MiddlePack),
            3 => Some(Self::OuterCarton),
            _ => None,
        }
    }

    /// The name that serde writes, too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SmallestPack => "smallest_pack",
            Self::MiddlePack => "middle_pack",
            Self::OuterCarton => "outer_carton",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::SmallestPack, Self::MiddlePack, Self::OuterCarton].into_iter().find(|l| l.as_str() == name)
    }
}

/// Longest text of a manufacturer's own family, characters.
pub const MAX_OPAQUE_CHARS: usize = 100;

/// The family that a text belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// A 20-digit traceability code.
    National(NationalCode),
    /// A GS1 element string.
    Gs1(Gs1),
    /// A retail code.
    Retail(String),
    /// Any other text of 1 to 100 printable characters: perhaps a manufacturer's own code, which only a register can tell.
    Opaque(String),
    /// Empty, too long, or with control characters: nobody's code.
    Unusable(String),
}

/// The family of `text`, printed as `symbology`.
pub fn classify(text: &str, symbology: Symbology) -> Family {
    if symbology == Symbology::Ean13 {
        return Family::Retail(text.to_owned());
    }
    family_of_text(text)
}

/// The family of a text whose symbology is not known, such as one from a file. Thirteen digits with a valid check digit are a retail code.
pub fn family_of_text(text: &str) -> Family {
    if let Ok(code) = NationalCode::parse(text) {
        return Family::National(code);
    }
    if text.len() == 13 && Gtin::parse(text).is_ok() {
        return Family::Retail(text.to_owned());
    }
    if let Ok(gs1) = Gs1::parse(text) {
        return Family::Gs1(gs1);
    }
    let usable = !text.is_empty() && text.chars().count() <= MAX_OPAQUE_CHARS && !text.chars().any(|c| c.is_control() && c != GS);
    if usable { Family::Opaque(text.to_owned()) } else { Family::Unusable(text.to_owned()) }
}

/// What `text`, printed as `symbology`, is good for.
///
/// A 20-digit code and a GS1 string with trade item and serial number are [`Role::Trace`]; EAN-13 is always [`Role::Retail`]; everything else,
/// manufacturers' own families included, is [`Role::Other`].
pub fn role(text: &str, symbology: Symbology) -> Role {
    match classify(text, symbology) {
        Family::National(_) => Role::Trace,
        Family::Gs1(gs1) if gs1.names_a_package() => Role::Trace,
        Family::Retail(_) => Role::Retail,
        _ => Role::Other,
    }
}

/// What names the unit that carries `text`: two texts with the same key are the same unit. The 20 digits, the trade item and serial number of a GS1
/// string ([`Gs1::unit_key`]), or the text itself; `None` for what names no unit: retail codes, trade items without a serial
/// number, unusable texts.
pub fn unit_key(text: &str) -> Option<String> {
    match family_of_text(text) {
        Family::National(code) => Some(code.into()),
        Family::Gs1(gs1) if gs1.value("01").is_some() && !gs1.names_a_package() => None,
        Family::Gs1(gs1) => Some(gs1.unit_key()),
        Family::Opaque(text) => Some(text),
        Family::Retail(_) | Family::Unusable(_) => None,
    }
}
