//! The grammar of codes, by hand-picked texts and by properties.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

use proptest::prelude::*;
use scanner_core::codes::{
    CodePrefix, Family, GS, Gs1, Gs1Error, Gtin, GtinError, NationalCode, NationalCodeError, Role, Symbology, classify, family_of_text,
    gtin_check_digit, resolve_date, role, unit_key,
};
use scanner_core::date::Date;

const ALL: [Symbology; 4] = [Symbology::Code128, Symbology::Ean13, Symbology::DataMatrix, Symbology::QrCode];

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// (AI, value) pairs of every reading.
fn readings(gs1: &Gs1) -> Vec<Vec<(&str, &str)>> {
    gs1.readings().iter().map(|r| r.iter().map(|e| (e.ai.as_str(), e.value.as_str())).collect()).collect()
}

#[test]
fn twenty_digits_with_a_leading_eight_are_a_trace_code() {
    assert_eq!(role("81234567890123456789", Symbology::Code128), Role::Trace);
    assert_eq!(role("81234567890123456789", Symbology::DataMatrix), Role::Trace);
    assert_eq!(role("81234567890123456789", Symbology::QrCode), Role::Trace);
    for other in
        ["71234567890123456789", "8123456789012345678", "812345678901234567890", "8123456789012345678A", "", " 8123456789012345678"]
    {
        assert_eq!(role(other, Symbology::Code128), Role::Other, "{other}");
    }
}

#[test]
fn full_width_digits_are_no_digits() {
    let text = "８1234567890123456789";
    assert_eq!(role(text, Symbology::QrCode), Role::Other);
    assert_eq!(NationalCode::parse(text), Err(NationalCodeError::NotDigits { text: text.into() }));
}

#[test]
fn ean13_is_retail_whatever_it_says() {
    for text in ["6901234567892", "81234567890123456789", "", "(01)06901234567892(21)X"] {
        assert_eq!(role(text, Symbology::Ean13), Role::Retail, "{text}");
    }
    // A retail number printed in another symbology stays one.
    assert_eq!(role("6901234567892", Symbology::Code128), Role::Retail);
    assert_eq!(unit_key("6901234567892"), None);
    // A wrong check digit makes it just thirteen digits.
    assert_eq!(role("6901234567893", Symbology::Code128), Role::Other);
}

#[test]
fn parts_of_a_national_code() {
    let code = NationalCode::parse("81234567890123456789").unwrap();
    assert_eq!(code.prefix(), CodePrefix::parse("8123456").unwrap());
    assert_eq!(code.serial(), "789012345");
    assert_eq!(code.check_digits(), "6789");
    assert_eq!(NationalCode::parse("9123456"), Err(NationalCodeError::Length { text: "9123456".into(), found: 7, wanted: 20 }));
    assert_eq!(CodePrefix::parse("9123456"), Err(NationalCodeError::LeadingDigit { text: "9123456".into() }));
    assert_eq!(CodePrefix::parse("8123456X").unwrap_err().to_string(), "'8123456X' has 8 characters where 7 digits are wanted");
}

#[test]
fn gtin_check_digits_from_the_standard() {
    // GS1 General Specifications, 7.9: 629104150021 → 3; and the shorter and longer forms.
    assert_eq!(gtin_check_digit(b"629104150021"), 3);
    assert_eq!(Gtin::parse("6291041500213").unwrap().as_str(), "06291041500213");
    assert_eq!(Gtin::parse("96385074").unwrap().as_str(), "00000096385074");
    assert_eq!(Gtin::parse("036000291452").unwrap().as_str(), "00036000291452");
    assert_eq!(Gtin::parse("6291041500214"), Err(GtinError::CheckDigit { text: "6291041500214".into(), expected: 3 }));
    assert_eq!(Gtin::parse("629104150021"), Err(GtinError::CheckDigit { text: "629104150021".into(), expected: 4 }));
    assert_eq!(Gtin::parse("62910415002"), Err(GtinError::Form("62910415002".into())));
}

#[test]
fn a_gs1_string_with_separators_reads_one_way() {
    let text = format!("{GS}0106901234567892172712001{}{GS}21SN0017", "0B42");
    let gs1 = Gs1::parse(&text).unwrap();
    assert_eq!(readings(&gs1), [[("01", "06901234567892"), ("17", "271200"), ("10", "B42"), ("21", "SN0017")]]);
    assert!(!gs1.is_ambiguous());
    assert_eq!(gs1.raw(), text);
    assert_eq!(gs1.gtin().unwrap().as_str(), "06901234567892");
    assert_eq!((gs1.batch(), gs1.serial()), (Some("B42"), Some("SN0017")));
    assert_eq!(gs1.expiry(2026), Some(day("2027-12-31")));
    assert_eq!(gs1.unit_key(), "(01)06901234567892(21)SN0017");
    assert_eq!(role(&text, Symbology::DataMatrix), Role::Trace);
}

#[test]
fn the_order_of_elements_and_what_stands_in_front_do_not_change_the_unit() {
    let key = Some("(01)06901234567892(21)SN1".to_owned());
    assert_eq!(unit_key(&format!("]d20106901234567892{}21SN1{GS}10B7{GS}", "17271231")), key);
    assert_eq!(unit_key(&format!("{GS}21SN1{GS}10B7{GS}17271231{GS}0106901234567892")), key);
    assert_eq!(unit_key(&format!("]C1{GS}0106901234567892{GS}21SN1{GS}10B7")), key);
}

#[test]
fn without_separators_every_reading_is_kept_and_only_the_common_part_answered() {
    // Batch "B4" and serial "21X9" or batch "B421X9" … the printer forgot the separator.
    let text = "010690123456789217271231".to_owned() + "10B421X9";
    let gs1 = Gs1::parse(&text).unwrap();
    assert_eq!(
        readings(&gs1),
        [
            vec![("01", "06901234567892"), ("17", "271231"), ("10", "B421X9")],
            vec![("01", "06901234567892"), ("17", "271231"), ("10", "B4"), ("21", "X9")],
        ]
    );
    assert!(gs1.is_ambiguous());
    assert_eq!(gs1.gtin().unwrap().as_str(), "06901234567892");
    assert_eq!(gs1.expiry(2026), Some(day("2027-12-31")));
    assert_eq!((gs1.batch(), gs1.serial()), (None, None));
    // It names a package, which one says only the whole string.
    assert_eq!(role(&text, Symbology::DataMatrix), Role::Trace);
    assert_eq!(gs1.unit_key(), text);
    assert_eq!(unit_key(&format!("{GS}{text}")), Some(text));
}

#[test]
fn a_field_too_long_for_the_standard_leaves_the_repaired_reading_alone() {
    let text = "0106901234567892".to_owned() + "10BATCHWITHTWENTYCHARS" + "21S";
    let gs1 = Gs1::parse(&text).unwrap();
    assert_eq!(readings(&gs1), [[("01", "06901234567892"), ("10", "BATCHWITHTWENTYCHARS"), ("21", "S")]]);
    assert_eq!(gs1.unit_key(), "(01)06901234567892(21)S");
}

#[test]
fn a_product_without_a_serial_number_names_no_package() {
    let text = "01069012345678921727123110B";
    assert_eq!(role(text, Symbology::DataMatrix), Role::Other);
    assert_eq!(unit_key(text), None);
}

#[test]
fn what_is_wrong_with_an_element_string() {
    let error = |text: &str| Gs1::parse(text).unwrap_err();
    assert_eq!(error(""), Gs1Error::Empty);
    assert_eq!(error("0106901234567893"), GtinError::CheckDigit { text: "06901234567893".into(), expected: 2 }.into());
    assert_eq!(error("010690123456789"), Gs1Error::TooShort { ai: "01".into() });
    assert_eq!(error("17271331"), Gs1Error::BadDate { ai: "17".into(), value: "271331".into() });
    assert_eq!(error("17270229"), Gs1Error::BadDate { ai: "17".into(), value: "270229".into() });
    assert_eq!(error("1727X101"), Gs1Error::NotDigits { ai: "17".into() });
    assert_eq!(error(&format!("10{GS}21X")), Gs1Error::TooShort { ai: "10".into() });
    assert_eq!(error("]d205"), Gs1Error::UnknownAi { at: 3 });
    assert_eq!(error("10批号"), Gs1Error::Character { at: 2 });
    assert_eq!(error(&format!("21A{GS}21B")), Gs1Error::Contradiction { ai: "21".into() });
    assert_eq!(error(&format!("21{}", "7".repeat(30))), Gs1Error::TooLong { ai: "21".into(), max: 20 });
    assert!(Gs1::parse("17280229").is_ok());
}

#[test]
fn day_00_is_the_end_of_the_month_and_the_century_is_the_nearest() {
    assert_eq!(resolve_date("280200", 2026), Some(day("2028-02-29")));
    assert_eq!(resolve_date("270200", 2026), Some(day("2027-02-28")));
    assert_eq!(resolve_date("270131", 2026), Some(day("2027-01-31")));
    // 51 and more years ahead belong to the past, 50 years back to the future.
    assert_eq!(resolve_date("760101", 2026), Some(day("2076-01-01")));
    assert_eq!(resolve_date("770101", 2026), Some(day("1977-01-01")));
    assert_eq!(resolve_date("480101", 2098), Some(day("2148-01-01")));
    assert_eq!(resolve_date("490101", 2098), Some(day("2049-01-01")));
    assert_eq!(resolve_date("271301", 2026), None);
    assert_eq!(resolve_date("27130", 2026), None);
    assert_eq!(resolve_date("２71301", 2026), None);
}

#[test]
fn manufacturers_own_strings_are_other_up_to_a_hundred_characters() {
    let opaque = "厂码-ABC/7";
    assert_eq!(classify(opaque, Symbology::QrCode), Family::Opaque(opaque.into()));
    assert_eq!(role(opaque, Symbology::QrCode), Role::Other);
    assert_eq!(unit_key(opaque), Some(opaque.into()));
    assert_eq!(unit_key(&"码".repeat(100)), Some("码".repeat(100)));
    assert_eq!(family_of_text(&"码".repeat(101)), Family::Unusable("码".repeat(101)));
    assert_eq!(unit_key("A\nB"), None);
}

fn value() -> impl Strategy<Value = String> {
    "[A-Z0-9a-z./_-]{1,20}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_makes_the_grammar_panic(text in "\\PC*|[0-9\\x1d]{0,60}|\\][dCQe][0-9].{0,40}") {
        for symbology in ALL {
            let found = role(&text, symbology);
            prop_assert_eq!(found == Role::Retail, matches!(classify(&text, symbology), Family::Retail(_)));
            if found == Role::Trace && symbology != Symbology::Ean13 {
                prop_assert!(unit_key(&text).is_some());
            }
        }
        let _ = resolve_date(&text, 2026);
        let _ = text.parse::<Date>();
        if let Ok(gs1) = Gs1::parse(&text) {
            prop_assert_eq!(gs1.raw(), &text);
        }
    }

    #[test]
    fn national_codes_come_back_as_they_went(digits in "8[0-9]{19}") {
        let code = NationalCode::parse(&digits).unwrap();
        prop_assert_eq!(format!("{}{}{}", code.prefix(), code.serial(), code.check_digits()), digits.clone());
        prop_assert_eq!(unit_key(&digits), Some(digits.clone()));
        let json = serde_json::to_string(&code).unwrap();
        prop_assert_eq!(serde_json::from_str::<NationalCode>(&json).unwrap(), code);
    }

    #[test]
    fn separated_element_strings_come_back_as_they_went(
        item in "[0-9]{13}", month in 1u8..=12, batch in value(), serial in value(), order in Just([0usize, 1, 2, 3]).prop_shuffle(),
    ) {
        let gtin = format!("{item}{}", gtin_check_digit(item.as_bytes()));
        let date = format!("29{month:02}00");
        let elements = [("01", gtin.as_str()), ("17", date.as_str()), ("10", batch.as_str()), ("21", serial.as_str())];
        let text: Vec<String> = order.iter().map(|&i| format!("{}{}", elements[i].0, elements[i].1)).collect();
        // Separators everywhere: more than needed, never ambiguous.
        let gs1 = Gs1::parse(&text.join(&GS.to_string())).unwrap();
        let expected: Vec<(&str, &str)> = order.iter().map(|&i| elements[i]).collect();
        prop_assert_eq!(readings(&gs1), vec![expected]);
    }

    #[test]
    fn a_forgotten_separator_never_hides_the_true_reading(item in "[0-9]{13}", batch in value(), serial in value()) {
        let gtin = format!("{item}{}", gtin_check_digit(item.as_bytes()));
        let gs1 = Gs1::parse(&format!("01{gtin}10{batch}21{serial}")).unwrap();
        let truth = vec![("01", gtin.as_str()), ("10", batch.as_str()), ("21", serial.as_str())];
        prop_assert!(readings(&gs1).contains(&truth), "{gs1:?}");
        prop_assert!(gs1.serial().is_none() || gs1.serial() == Some(serial.as_str()));
    }

    #[test]
    fn one_wrong_or_swapped_digit_breaks_a_gtin(item in "[0-9]{13}", at in 0usize..14, add in 1u8..10) {
        let mut digits = format!("{item}{}", gtin_check_digit(item.as_bytes())).into_bytes();
        digits[at] = b'0' + (digits[at] - b'0' + add) % 10;
        prop_assert!(Gtin::parse(std::str::from_utf8(&digits).unwrap()).is_err());
    }

    #[test]
    fn days_come_back_as_they_went(year in 1u16..=9999, month in 1u8..=12, day in 1u8..=31) {
        if let Ok(date) = Date::new(year, month, day) {
            prop_assert_eq!(date.to_string().parse::<Date>().unwrap(), date);
            prop_assert_eq!(date.to_string().replace('-', "").parse::<Date>().unwrap(), date);
        }
    }
}

#[test]
fn the_day_of_a_moment() {
    use hardware_hal::Timestamp;
    let second = |s: u64| Timestamp(s * 1_000_000_000);
    assert_eq!(Date::of_timestamp(second(0), 0), day("1970-01-01"));
    // 2024-02-29T23:59:59Z and what it is in China.
    assert_eq!(Date::of_timestamp(second(1_709_251_199), 0), day("2024-02-29"));
    assert_eq!(Date::of_timestamp(second(1_709_251_199), 480), day("2024-03-01"));
    assert_eq!(Date::of_timestamp(second(0), -60), day("1969-12-31"));
    assert_eq!(Date::of_timestamp(Timestamp(u64::MAX), 1440).year(), 2554);
}
