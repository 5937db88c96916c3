//! Any text as a code: nothing panics, and what is answered holds together.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scanner_core::codes::{Family, Gs1, Symbology, classify, family_of_text, role, unit_key};

fuzz_target!(|text: &str| {
    let family = family_of_text(text);
    let key = unit_key(text);
    for symbology in [Symbology::Code128, Symbology::DataMatrix, Symbology::Ean13, Symbology::QrCode] {
        let _ = (classify(text, symbology), role(text, symbology));
    }
    match &family {
        Family::National(code) => {
            assert_eq!(code.as_str(), text);
            assert!(text.len() == 20 && text.starts_with('8') && text.bytes().all(|b| b.is_ascii_digit()));
            assert_eq!(key.as_deref(), Some(text));
        }
        Family::Gs1(gs1) => {
            assert_eq!(gs1.raw(), text, "the raw text is kept");
            assert!(!gs1.readings().is_empty());
            assert_eq!(gs1.is_ambiguous(), gs1.readings().len() > 1);
            let _ = (gs1.gtin(), gs1.batch(), gs1.serial(), gs1.expiry(2026));
            if gs1.names_a_package() {
                assert_eq!(key, Some(gs1.unit_key()));
            }
        }
        Family::Retail(_) | Family::Unusable(_) => assert_eq!(key, None),
        Family::Opaque(_) => assert_eq!(key.as_deref(), Some(text)),
    }
    let _ = Gs1::parse(text);
});
