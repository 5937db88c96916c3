//! What a decoded text is: symbology, family, role.

use serde::{Deserialize, Serialize};

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

/// What `text`, printed as `symbology`, is good for: by the grammar alone, never by what an order or a pool would like to see.
pub fn role(text: &str, symbology: Symbology) -> Role {
    match symbology {
        Symbology::Ean13 => Role::Retail,
        _ if text.len() == 20 && text.starts_with('8') && text.bytes().all(|b| b.is_ascii_digit()) => Role::Trace,
        _ => Role::Other,
    }
}
