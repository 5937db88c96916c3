//! The interface's tables: which field, how long, of what form, and whether it must be there. Lengths that the tables leave open are 200.

use serde_json::{Map, Value};

/// What a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Up to so many characters.
    Text(usize),
    /// Exactly so many characters.
    Exactly(usize),
    /// A decimal number with so many digits in all and after the point, as a number or a text; never negative.
    Decimal(usize, usize),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// `2026-10-01`.
    Day,
    /// `2026-10-01 10:00:00`, or without the space where the variant says so.
    Time,
    /// `[{drug_trac_codg}]`.
    Codes,
}

use Form::{Codes, Day, Decimal, Exactly, OneOf, Text, Time};

/// A field: name, form, whether it must be there.
pub type Field = (&'static str, Form, bool);

/// The request's envelope, less `input`.
pub const ENVELOPE: &[Field] = &[
    ("infno", Text(5), true),
    ("msgid", Exactly(30), true),
    ("mdtrtarea_admvs", Exactly(6), true),
    ("insuplc_admdvs", Text(6), false),
    ("recer_sys_code", Text(10), true),
    ("dev_no", Text(100), false),
    ("dev_safe_info", Text(2000), false),
    ("cainfo", Text(1024), false),
    ("signtype", Text(10), false),
    ("infver", Text(6), true),
    ("opter_type", OneOf(&["1", "2", "3"]), true),
    ("opter", Text(30), true),
    ("opter_name", Text(50), true),
    ("inf_time", Exactly(19), true),
    ("fixmedins_code", Text(12), true),
    ("fixmedins_name", Text(20), true),
    ("sign_no", Text(30), false),
];

const FLAG: Form = OneOf(&["0", "1"]);

const SALE: &[Field] = &[
    ("med_list_codg", Text(50), true),
    ("fixmedins_hilist_id", Text(30), true),
    ("fixmedins_hilist_name", Text(200), true),
    ("fixmedins_bchno", Text(30), true),
    ("prsc_dr_name", Text(50), true),
    ("phar_name", Text(50), true),
    ("phar_prac_cert_no", Text(50), true),
    ("hi_feesetl_type", Text(6), true),
    ("mdtrt_sn", Text(30), true),
    ("psn_cert_type", Text(6), true),
    ("manu_lotnum", Text(30), true),
    ("manu_date", Day, true),
    ("expy_end", Day, true),
    ("rx_flag", Text(3), true),
    ("trdn_flag", FLAG, true),
    ("rx_circ_flag", Text(3), true),
    ("rtal_docno", Text(40), true),
    ("sel_retn_cnt", Decimal(16, 4), true),
    ("sel_retn_time", Time, true),
    ("sel_retn_opter_name", Text(50), true),
    ("setl_id", Text(30), false),
    ("psn_no", Text(30), false),
    ("certno", Text(50), false),
    ("psn_name", Text(50), false),
    ("finl_trns_pric", Decimal(16, 6), false),
    ("rxno", Text(40), false),
    ("stoout_no", Text(40), false),
    ("bchno", Text(30), false),
    ("drug_prod_barc", Text(30), false),
    ("shelf_posi", Text(20), false),
    ("memo", Text(500), false),
    ("mdtrt_setl_type", Text(6), false),
    ("drugtracinfo", Codes, false),
];

const STOCKTAKE: &[Field] = &[
    ("med_list_codg", Text(50), true),
    ("fixmedins_hilist_id", Text(30), true),
    ("fixmedins_hilist_name", Text(200), true),
    ("rx_flag", Text(3), true),
    ("invdate", Day, true),
    ("inv_cnt", Decimal(16, 4), true),
    ("manu_lotnum", Text(30), true),
    ("fixmedins_bchno", Text(30), true),
    ("manu_date", Day, true),
    ("expy_end", Day, true),
    ("memo", Text(500), false),
    ("drugtracinfo", Codes, false),
];

const STOCK_CHANGE: &[Field] = &[
    ("med_list_codg", Text(50), true),
    ("inv_chg_type", Text(6), true),
    ("fixmedins_hilist_id", Text(30), true),
    ("fixmedins_hilist_name", Text(200), true),
    ("fixmedins_bchno", Text(30), true),
    ("pric", Decimal(16, 6), false),
    ("cnt", Decimal(16, 4), true),
    ("rx_flag", Text(3), true),
    ("inv_chg_time", Time, true),
    ("inv_chg_opter_name", Text(50), true),
    ("memo", Text(500), false),
    ("trdn_flag", FLAG, true),
    ("manu_lotnum", Text(30), false),
    ("manu_date", Day, false),
    ("expy_end", Day, false),
    ("drugtracinfo", Codes, false),
];

const PURCHASE: &[Field] = &[
    ("med_list_codg", Text(50), true),
    ("fixmedins_hilist_id", Text(30), true),
    ("fixmedins_hilist_name", Text(200), true),
    ("dynt_no", Text(50), true),
    ("fixmedins_bchno", Text(30), true),
    ("spler_name", Text(200), true),
    ("manu_lotnum", Text(30), true),
    ("prodentp_name", Text(200), true),
    ("aprvno", Text(100), true),
    ("manu_date", Day, true),
    ("expy_end", Day, true),
    ("purc_retn_cnt", Decimal(16, 4), true),
    ("purc_invo_no", Text(50), true),
    ("rx_flag", Text(3), true),
    ("purc_retn_stoin_time", Time, true),
    ("purc_retn_opter_name", Text(50), true),
    ("memo", Text(500), false),
    ("drugtracinfo", Codes, false),
];

const ORIGINAL: Field = ("medins_prod_sel_no", Text(50), true);

/// Name of the node in `input` and its fields; the return of a sale names the sale besides.
pub fn request(infno: &str) -> Option<(&'static str, Vec<Field>)> {
    Some(match infno {
        "3501" => ("invinfo", STOCKTAKE.to_vec()),
        "3502" => ("invinfo", STOCK_CHANGE.to_vec()),
        "3503" | "3504" => ("purcinfo", PURCHASE.to_vec()),
        "3505" | "3505A" => ("selinfo", SALE.to_vec()),
        "3506" => ("selinfo", SALE.iter().copied().chain([ORIGINAL]).collect()),
        "3507" => ("delinfo", vec![ORIGINAL, ("memo", Text(500), false)]),
        _ => return None,
    })
}

/// What is wrong with an object, by the table.
pub fn fault(object: &Map<String, Value>, table: &[Field], spaced_times: bool) -> Option<String> {
    if let Some(name) = object.keys().find(|name| !table.iter().any(|(known, ..)| known == name)) {
        return Some(format!("{name}: no such field"));
    }
    for (name, form, required) in table {
        match object.get(*name) {
            None | Some(Value::Null) if *required => return Some(format!("{name}: missing")),
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() && !required => {}
            Some(value) => {
                if let Some(what) = misfit(value, *form, spaced_times) {
                    return Some(format!("{name}: {what}"));
                }
            }
        }
    }
    None
}

fn misfit(value: &Value, form: Form, spaced_times: bool) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if matches!(form, Decimal(..)) => number.to_string(),
        Value::Array(items) if form == Codes => {
            let good = |item: &Value| {
                let object = item.as_object().filter(|o| o.len() == 1)?;
                let code = object.get("drug_trac_codg")?.as_str()?;
                (1..=100).contains(&code.chars().count()).then_some(())
            };
            return (!items.iter().all(|item| good(item).is_some())).then(|| "not a list of drug_trac_codg, 100 characters each".into());
        }
        _ => return Some("of the wrong type".into()),
    };
    let length = text.chars().count();
    match form {
        Text(max) => (length == 0 || length > max).then(|| format!("{length} characters where 1 to {max} are allowed")),
        Exactly(wanted) => (length != wanted).then(|| format!("{length} characters where {wanted} are wanted")),
        OneOf(words) => (!words.contains(&text.as_str())).then(|| format!("'{text}' is not one of {words:?}")),
        Decimal(digits, places) => (!is_decimal(&text, digits, places)).then(|| format!("'{text}' is no number {digits},{places}")),
        Day => (!is_day(&text)).then(|| format!("'{text}' is no day")),
        Time => (!is_time(&text, spaced_times)).then(|| format!("'{text}' is no time")),
        Codes => Some("not a list".into()),
    }
}

fn is_decimal(text: &str, digits: usize, places: usize) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    !whole.is_empty() && all_digits(whole) && all_digits(fraction) && fraction.len() <= places && whole.len() <= digits - places
}

fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| {
        text.get(range).filter(|part| part.bytes().all(|b| b.is_ascii_digit())).and_then(|part| part.parse::<u32>().ok())
    };
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return false;
    }
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Whether a text is a time of this interface.
pub fn is_time(text: &str, spaced: bool) -> bool {
    let separator = usize::from(spaced);
    if !text.is_ascii() || text.len() != 18 + separator || !is_day(&text[..10]) || (spaced && text.as_bytes()[10] != b' ') {
        return false;
    }
    let clock = &text.as_bytes()[10 + separator..];
    let two = |i: usize, below: u8| {
        clock[i].is_ascii_digit() && clock[i + 1].is_ascii_digit() && (clock[i] - b'0') * 10 + clock[i + 1] - b'0' < below
    };
    two(0, 24) && clock[2] == b':' && two(3, 60) && clock[5] == b':' && two(6, 60)
}
