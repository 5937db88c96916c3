//! Calendar days, as they stand on a package: no time of day, no zone.

use std::fmt;
use std::str::FromStr;

use hardware_hal::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A day of the Gregorian calendar, year 1 to 9999; written `2027-03-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A text or numbers that are no day of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a day of the calendar (written as 2027-03-31 or 20270331)")]
pub struct NotADate(pub String);

/// Days in a month, 1 to 12.
pub(crate) fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

impl Date {
    /// The day, if there is such a one.
    ///
    /// # Errors
    /// [`NotADate`] for months beyond 12, days beyond the month's end, the year 0 and years beyond 9999.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self, NotADate> {
        if (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day) {
            Ok(Self { year, month, day })
        } else {
            Err(NotADate(format!("{year:04}-{month:02}-{day:02}")))
        }
    }

    /// The last day of a month.
    ///
    /// # Errors
    /// [`NotADate`] as for [`Date::new`].
    pub fn end_of_month(year: u16, month: u8) -> Result<Self, NotADate> {
        Self::new(year, month, days_in_month(year, month))
    }

    /// The day on which `moment` falls where clocks run `utc_offset_minutes` ahead of UTC.
    ///
    /// Days since 1970 to a civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    pub fn of_timestamp(moment: Timestamp, utc_offset_minutes: i32) -> Self {
        Self::of_day(local_seconds(moment, utc_offset_minutes).div_euclid(86_400))
    }

    /// From days since 1970, within the years that a date can have.
    fn of_day(day: i64) -> Self {
        let z = day + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u8;
        let month = (if mp < 10 { mp + 3 } else { mp - 9 }) as u8;
        let year = (yoe + era * 400 + i64::from(month <= 2)) as u16;
        Self { year, month, day }
    }

    /// The day `days` later, earlier for a negative number; `None` beyond the years that a date can have.
    pub fn plus_days(self, days: i64) -> Option<Self> {
        let day = self.days_since_1970().checked_add(days)?;
        // 0001-01-01 to 9999-12-31
        (-719_162..=2_932_896).contains(&day).then(|| Self::of_day(day))
    }

    /// Days from 1970-01-01 to this one.
    ///
    /// Civil date to days since 1970: Howard Hinnant, as above, `days_from_civil`.
    pub fn days_since_1970(self) -> i64 {
        let (year, month) = (i64::from(self.year) - i64::from(self.month <= 2), i64::from(self.month));
        let era = year.div_euclid(400);
        let yoe = year.rem_euclid(400);
        let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + i64::from(self.day) - 1;
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        era * 146_097 + doe - 719_468
    }

    /// The year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1.
    pub fn day(self) -> u8 {
        self.day
    }
}

/// Seconds since 1970 on clocks that run ahead of UTC.
fn local_seconds(moment: Timestamp, utc_offset_minutes: i32) -> i64 {
    // A moment is at most 2^64 ns (the year 2554) and an offset is clamped to a day, so nothing here leaves the range of i64 or of years.
    (moment.0 / 1_000_000_000) as i64 + i64::from(utc_offset_minutes.clamp(-1440, 1440)) * 60
}

/// The day, and hour, minute and second, that clocks show which run `utc_offset_minutes` ahead of UTC.
pub fn civil(moment: Timestamp, utc_offset_minutes: i32) -> (Date, [u8; 3]) {
    let second = local_seconds(moment, utc_offset_minutes).rem_euclid(86_400);
    (Date::of_timestamp(moment, utc_offset_minutes), [(second / 3600) as u8, (second / 60 % 60) as u8, (second % 60) as u8])
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        let bytes = text.as_bytes();
        let digits: &[usize] = match (bytes.len(), bytes.get(4), bytes.get(7)) {
            (10, Some(b'-'), Some(b'-')) => &[0, 1, 2, 3, 5, 6, 8, 9],
            (8, ..) => &[0, 1, 2, 3, 4, 5, 6, 7],
            _ => return Err(NotADate(text.to_owned())),
        };
        let mut number = 0u32;
        for &i in digits {
            if !bytes[i].is_ascii_digit() {
                return Err(NotADate(text.to_owned()));
            }
            number = number * 10 + u32::from(bytes[i] - b'0');
        }
        Self::new((number / 10_000) as u16, (number / 100 % 100) as u8, (number % 100) as u8).map_err(|_| NotADate(text.to_owned()))
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
