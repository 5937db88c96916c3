//! GS1 element strings: what stands in a GS1 Data Matrix, GS1-128 or GS1 QR code (GS1 General Specifications, sections 3 and 7.8).
//!
//! Fields of variable length end with FNC1, which readers hand over as the control character GS. Printers forget it. A string without separators
//! can then be read in more than one way; all ways are kept, and only what they agree on is answered.

use serde::Serialize;

use super::gtin::{Gtin, GtinError};
use crate::date::{Date, days_in_month};

/// FNC1 between elements, as readers hand it over.
pub const GS: char = '\u{1d}';

const GS_BYTE: u8 = 0x1d;

/// More ways than these to read one string add nothing: it is ambiguous.
const MAX_READINGS: usize = 16;

/// One element: application identifier and value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Element {
    /// Application identifier, two to four digits.
    pub ai: String,
    /// The data field.
    pub value: String,
}

/// Why a text is not a GS1 element string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gs1Error {
    /// Nothing in it.
    #[error("the element string is empty")]
    Empty,
    /// A character that no element may hold.
    #[error("character {at} of the element string is not one that GS1 allows")]
    Character {
        /// Offset in bytes.
        at: usize,
    },
    /// No application identifier that is known.
    #[error("no known application identifier at character {at} of the element string")]
    UnknownAi {
        /// Offset in bytes.
        at: usize,
    },
    /// A field that ends too early, or is empty.
    #[error("the data of AI ({ai}) end too early")]
    TooShort {
        /// Application identifier.
        ai: String,
    },
    /// A field of variable length that is longer than its AI allows.
    #[error("the data of AI ({ai}) are longer than {max} characters")]
    TooLong {
        /// Application identifier.
        ai: String,
        /// What it allows.
        max: usize,
    },
    /// Something other than digits in a numeric field.
    #[error("the data of AI ({ai}) must be decimal digits")]
    NotDigits {
        /// Application identifier.
        ai: String,
    },
    /// A date that is none.
    #[error("'{value}' of AI ({ai}) is not a date YYMMDD")]
    BadDate {
        /// Application identifier.
        ai: String,
        /// The field.
        value: String,
    },
    /// A GTIN that is none.
    #[error(transparent)]
    Gtin(#[from] GtinError),
    /// The same identifier twice with different data.
    #[error("AI ({ai}) occurs twice with different data")]
    Contradiction {
        /// Application identifier.
        ai: String,
    },
}

#[derive(Clone, Copy)]
enum Field {
    Digits(usize),
    Date,
    Gtin,
    Text(usize),
}

/// The identifier at the start of `s` and how its field is built. A selection of the General Specifications' table: what occurs on medicines and in
/// logistics.
fn ai_at(s: &[u8]) -> Option<(usize, Field)> {
    let d = |i: usize| s.get(i).copied().filter(u8::is_ascii_digit);
    let (a, b) = (d(0)?, d(1)?);
    Some(match (a, b) {
        (b'0', b'0') => (2, Field::Digits(18)),
        (b'0', b'1' | b'2') => (2, Field::Gtin),
        (b'1', b'1' | b'2' | b'3' | b'5' | b'6' | b'7') => (2, Field::Date),
        (b'1', b'0') | (b'2', b'1' | b'2') => (2, Field::Text(20)),
        (b'2', b'0') => (2, Field::Digits(2)),
        (b'3', b'0' | b'7') => (2, Field::Text(8)),
        (b'9', b'0') => (2, Field::Text(30)),
        (b'9', _) => (2, Field::Text(90)),
        (b'2', b'4' | b'5') if matches!(d(2)?, b'0' | b'1') => (3, Field::Text(30)),
        (b'4', b'0') if d(2)? == b'0' => (3, Field::Text(30)),
        (b'4', b'1') if d(2)? <= b'7' => (3, Field::Digits(13)),
        (b'7', b'1') if d(2)? <= b'7' => (3, Field::Text(20)),
        (b'3', b'1'..=b'6') => {
            d(2)?;
            d(3)?;
            (4, Field::Digits(6))
        }
        (b'7', b'0') if d(2)? == b'0' && d(3)? == b'3' => (4, Field::Digits(10)),
        _ => return None,
    })
}

/// Identifiers that may follow where a separator is missing: those of medicines. With the whole table every second digit pair would be one.
const FOLLOWERS: [&[u8]; 5] = [b"01", b"10", b"11", b"17", b"21"];

/// The 82 characters of GS1's AI encodable character set 82.
fn encodable(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!\"%&'()*+,-./:;<=>?_".contains(&b)
}

fn date_is_valid(yymmdd: &[u8]) -> bool {
    let two = |i: usize| (yymmdd[i] - b'0') * 10 + (yymmdd[i + 1] - b'0');
    // Every century year that a drug can carry is 2000, which was a leap year.
    let year = 2000 + u16::from(two(0));
    (1..=12).contains(&two(2)) && two(4) <= days_in_month(year, two(2))
}

struct Search<'a> {
    text: &'a [u8],
    /// Whether a separator may have been forgotten.
    repair: bool,
    path: Vec<(std::ops::Range<usize>, std::ops::Range<usize>)>,
    found: Vec<Vec<Element>>,
    error: Option<Gs1Error>,
}

impl Search<'_> {
    fn string(&self, range: std::ops::Range<usize>) -> String {
        String::from_utf8_lossy(&self.text[range]).into_owned()
    }

    fn fail(&mut self, error: Gs1Error) {
        self.error.get_or_insert(error);
    }

    fn finish(&mut self) {
        let mut elements: Vec<Element> = Vec::new();
        for (ai, value) in self.path.clone() {
            let element = Element { ai: self.string(ai), value: self.string(value) };
            match elements.iter().find(|e| e.ai == element.ai) {
                Some(same) if *same == element => {}
                Some(_) => return self.fail(Gs1Error::Contradiction { ai: element.ai }),
                None => elements.push(element),
            }
        }
        if elements.is_empty() {
            self.fail(Gs1Error::Empty);
        } else if !self.found.contains(&elements) && self.found.len() < MAX_READINGS {
            self.found.push(elements);
        }
    }

    fn step(&mut self, at: usize) {
        if self.found.len() >= MAX_READINGS {
            return;
        }
        if at >= self.text.len() {
            return self.finish();
        }
        let Some((ai_length, field)) = ai_at(&self.text[at..]) else {
            return self.fail(Gs1Error::UnknownAi { at });
        };
        let start = at + ai_length;
        let ai = self.string(at..start);
        let end = self.text[start..].iter().position(|&b| b == GS_BYTE).map_or(self.text.len(), |n| start + n);
        let fixed = match field {
            Field::Digits(n) => n,
            Field::Date => 6,
            Field::Gtin => 14,
            Field::Text(max) => return self.variable(at, ai, start..end, max),
        };
        if end < start + fixed {
            return self.fail(Gs1Error::TooShort { ai });
        }
        let value = &self.text[start..start + fixed];
        if !value.iter().all(u8::is_ascii_digit) {
            return self.fail(Gs1Error::NotDigits { ai });
        }
        match field {
            Field::Date if !date_is_valid(value) => return self.fail(Gs1Error::BadDate { ai, value: self.string(start..start + fixed) }),
            Field::Gtin => {
                if let Err(error) = Gtin::parse(&self.string(start..start + fixed)) {
                    return self.fail(error.into());
                }
            }
            _ => {}
        }
        self.path.push((at..start, start..start + fixed));
        // A separator after a field of fixed length is superfluous, and some printers set it.
        let next = start + fixed;
        self.step(if self.text.get(next) == Some(&GS_BYTE) { next + 1 } else { next });
        self.path.pop();
    }

    fn variable(&mut self, at: usize, ai: String, value: std::ops::Range<usize>, max: usize) {
        if value.is_empty() {
            return self.fail(Gs1Error::TooShort { ai });
        }
        if let Some(bad) = self.text[value.clone()].iter().position(|&b| !encodable(b)) {
            return self.fail(Gs1Error::Character { at: value.start + bad });
        }
        if value.len() <= max {
            self.path.push((at..value.start, value.clone()));
            self.step((value.end + 1).min(self.text.len()));
            self.path.pop();
        } else {
            self.fail(Gs1Error::TooLong { ai, max });
        }
        if !self.repair {
            return;
        }
        for split in value.start + 1..value.end.min(value.start + max + 1) {
            let rest = &self.text[split..];
            let seen = |follower: &[u8]| {
                self.path.iter().any(|(ai, _)| &self.text[ai.clone()] == follower) || &self.text[at..value.start] == follower
            };
            if FOLLOWERS.iter().any(|f| rest.starts_with(f) && !seen(f)) {
                self.path.push((at..value.start, value.start..split));
                self.step(split);
                self.path.pop();
            }
        }
    }
}

/// A GS1 element string with every way to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gs1 {
    raw: String,
    readings: Vec<Vec<Element>>,
}

impl Gs1 {
    /// Reads an element string. FNC1 is GS (0x1D); a symbology identifier (`]d2`, `]C1`, `]Q3`, `]e0`) or FNC1 in front is skipped.
    ///
    /// With a separator anywhere between two elements the printer is believed to set them all, and the standard's reading is the only one. Without
    /// any, each place where one may have been forgotten gives a reading more.
    ///
    /// # Errors
    /// Why the standard's reading fails, when there is no other.
    pub fn parse(text: &str) -> Result<Self, Gs1Error> {
        let start = start_of_elements(text);
        let body = &text[start..];
        let shifted = |at: usize| at + start;
        if let Some(at) = body.bytes().position(|b| !(encodable(b) || b == GS_BYTE)) {
            return Err(Gs1Error::Character { at: shifted(at) });
        }
        let separated = body.trim_end_matches(GS).contains(GS);
        let mut search = Search { text: body.as_bytes(), repair: !separated, path: Vec::new(), found: Vec::new(), error: None };
        search.step(0);
        if search.found.is_empty() {
            return Err(match search.error {
                Some(Gs1Error::UnknownAi { at }) => Gs1Error::UnknownAi { at: shifted(at) },
                Some(Gs1Error::Character { at }) => Gs1Error::Character { at: shifted(at) },
                Some(error) => error,
                None => Gs1Error::Empty,
            });
        }
        Ok(Self { raw: text.to_owned(), readings: search.found })
    }

    /// The text as it was read, nothing taken away.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// Every way to read it, the standard's first where there is one; never empty.
    pub fn readings(&self) -> &[Vec<Element>] {
        &self.readings
    }

    /// Whether missing separators leave more than one reading.
    pub fn is_ambiguous(&self) -> bool {
        self.readings.len() > 1
    }

    /// The data of an identifier, where all readings agree on them.
    pub fn value(&self, ai: &str) -> Option<&str> {
        let in_reading = |r: &'_ [Element]| r.iter().position(|e| e.ai == ai);
        let first = &self.readings[0][in_reading(&self.readings[0])?].value;
        self.readings.iter().all(|r| in_reading(r).is_some_and(|i| r[i].value == *first)).then_some(first)
    }

    /// AI 01, the trade item.
    pub fn gtin(&self) -> Option<Gtin> {
        Gtin::parse(self.value("01")?).ok()
    }

    /// AI 10, the batch.
    pub fn batch(&self) -> Option<&str> {
        self.value("10")
    }

    /// AI 21, the serial number.
    pub fn serial(&self) -> Option<&str> {
        self.value("21")
    }

    /// AI 17, the expiry date; day 00 means the end of the month. `current_year` decides the century, see [`resolve_date`].
    pub fn expiry(&self, current_year: u16) -> Option<Date> {
        resolve_date(self.value("17")?, current_year)
    }

    /// Whether it names one package: trade item and serial number, in at least one reading.
    pub fn names_a_package(&self) -> bool {
        let has = |r: &[Element], ai: &str| r.iter().any(|e| e.ai == ai);
        self.readings.iter().any(|r| has(r, "01") && has(r, "21"))
    }

    /// What names the package among all others. Trade item and serial number where the string leaves no doubt, so that two printings of one unit
    /// are the same; otherwise the whole string without what stands in front of its first element.
    pub fn unit_key(&self) -> String {
        match (self.is_ambiguous(), self.value("01"), self.value("21")) {
            (false, Some(gtin), Some(serial)) => format!("(01){gtin}(21){serial}"),
            _ => self.raw[start_of_elements(&self.raw)..].to_owned(),
        }
    }
}

/// Where the elements begin, behind symbology identifier and FNC1.
fn start_of_elements(text: &str) -> usize {
    let behind_identifier = ["]d2", "]C1", "]Q3", "]e0"].iter().find_map(|id| text.strip_prefix(id)).unwrap_or(text);
    text.len() - behind_identifier.trim_start_matches(GS).len()
}

/// YYMMDD to a day. Day 00 is the end of the month. The century is the one that brings the year to within 49 years before and 50 years after
/// `current_year` (GS1 General Specifications, 7.12). `None` if it is no date.
pub fn resolve_date(yymmdd: &str, current_year: u16) -> Option<Date> {
    if yymmdd.len() != 6 || !yymmdd.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u32 = yymmdd.parse().ok()?;
    let (yy, month, day) = (i32::try_from(number / 10_000).ok()?, (number / 100 % 100) as u8, (number % 100) as u8);
    let current = i32::from(current_year);
    let difference = yy - current % 100;
    let century = current - current % 100
        + if difference >= 51 {
            -100
        } else if difference <= -50 {
            100
        } else {
            0
        };
    let year = u16::try_from(century + yy).ok()?;
    if day == 0 { Date::end_of_month(year, month).ok() } else { Date::new(year, month, day).ok() }
}
