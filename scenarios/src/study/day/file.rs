//! The day as a file says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::{Checked, Place};
use crate::study::check::check_arrivals;
use crate::workflow::Distribution;

/// The day as a file says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// Dispensing windows, one pharmacist each.
    pub windows: u32,
    /// Prescriptions for each window and day: the ends of a uniform distribution over days.
    pub prescriptions_per_window: [f64; 2],
    /// When the doors open, hours after midnight.
    pub opens_h: f64,
    /// When they close.
    pub closes_h: f64,
    /// Arrivals by hour, relative: one weight for each hour from opening to closing (the last may be begun only).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arrivals_by_hour: Vec<f64>,
    /// Instead of hours: a CSV file of arrivals that were really seen, with the columns `day` (any text) and `hour` (after midnight), relative to the
    /// study's folder. Each simulated day is one of its days as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival_trace: Option<String>,
    /// Packages of a prescription.
    pub packages: Distribution,
    /// Pharmacists who audit prescriptions.
    pub auditors: u32,
    /// Time to audit one.
    pub audit_s: Distribution,
    /// People (or machines) who pick.
    pub pickers: u32,
    /// Time to pick one package.
    pub pick_s: Distribution,
    /// Spread of the window's own work around its mean, which is the reported no-scan time: its coefficient of variation.
    pub window_cv: f64,
    /// How long a patient stays.
    pub patience_s: Distribution,
    /// Who stands at the windows when; all of them from opening to closing if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roster: Vec<Line>,
    /// Stations that the windows share in the MV arm; as many as windows if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stations: Option<u32>,
    /// A reported figure, used to calibrate, that sets the demand: `none.wait_median_min`. `prescriptions_per_window` is then only its shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<String>,
    /// Waiting that is aimed at, mean minutes from arrival to the window.
    pub target_wait_min: f64,
    /// Prices.
    pub prices: Prices,
}

/// A line of the roster: the working hours of some of the windows. What lies between two stretches is a break (or another shift's time), after which
/// people are rested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Share of the windows. All shares add up to 1.
    pub share: f64,
    /// Stretches of work, hours after midnight: from and to, in their order. Who works at closing stays until the last patient is served.
    pub hours: Vec<[f64; 2]>,
}

/// Prices.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// A station, RMB.
    pub station_rmb: f64,
    /// A handheld scanner, RMB.
    pub scanner_rmb: f64,
    /// Years over which both are written off.
    pub years: f64,
    /// Working days of a year.
    pub days_per_year: f64,
    /// An hour of a pharmacist, RMB.
    pub pharmacist_rmb_per_h: f64,
}

/// The figure that demand can be set by.
pub const FITS: &str = "none.wait_median_min";

impl Day {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first fault, at its key below `place`.
    pub fn check(&self, place: &Place) -> Checked<()> {
        place.within("windows", f64::from(self.windows), 1.0, 1000.0)?;
        place.within("auditors", f64::from(self.auditors), 1.0, 1000.0)?;
        place.within("pickers", f64::from(self.pickers), 1.0, 1000.0)?;
        if let Some(stations) = self.stations {
            place.within("stations", f64::from(stations), 1.0, 1000.0)?;
        }
        place.range("prescriptions_per_window", self.prescriptions_per_window, 0.0, 1e5)?;
        place.within("opens_h", self.opens_h, 0.0, 24.0)?;
        place.within("closes_h", self.closes_h, self.opens_h + 0.1, 24.0)?;
        place.within("window_cv", self.window_cv, 0.0, 5.0)?;
        place.positive("target_wait_min", self.target_wait_min)?;
        self.check_arrivals(place)?;
        for (key, distribution) in
            [("packages", &self.packages), ("audit_s", &self.audit_s), ("pick_s", &self.pick_s), ("patience_s", &self.patience_s)]
        {
            distribution.check().map_err(|(inner, why)| place.fault(&format!("{key}.{inner}"), why))?;
        }
        self.check_roster(place)?;
        let prices = place.under("prices");
        prices.positive("years", self.prices.years)?;
        prices.positive("days_per_year", self.prices.days_per_year)?;
        for (key, price) in [
            ("station_rmb", self.prices.station_rmb),
            ("scanner_rmb", self.prices.scanner_rmb),
            ("pharmacist_rmb_per_h", self.prices.pharmacist_rmb_per_h),
        ] {
            prices.within(key, price, 0.0, 1e9)?;
        }
        Ok(())
    }

    fn check_arrivals(&self, place: &Place) -> Checked<()> {
        if self.arrival_trace.is_some() {
            if !self.arrivals_by_hour.is_empty() {
                return Err(place.fault("arrival_trace", "arrivals come by hour or from a trace, not both"));
            }
            if self.fit.is_some() {
                return Err(place.fault("fit", "the demand of a trace is what was seen: nothing can be fitted"));
            }
            return Ok(());
        }
        check_arrivals(place, &self.arrivals_by_hour, self.closes_h - self.opens_h)?;
        match self.fit.as_deref() {
            None | Some(FITS) => Ok(()),
            Some(other) => Err(place.fault("fit", format!("the demand cannot be set by `{other}`")).with_help_boxed(FITS)),
        }
    }

    fn check_roster(&self, place: &Place) -> Checked<()> {
        for (index, line) in self.roster.iter().enumerate() {
            let here = place.under(&format!("roster.{index}"));
            here.within("share", line.share, 0.0, 1.0)?;
            let mut last = 0.0;
            for (stretch, [from, to]) in line.hours.iter().enumerate() {
                let key = format!("hours.{stretch}");
                here.range(&key, [*from, *to], 0.0, 24.0)?;
                if *from < last {
                    return Err(here.fault(&key, format!("begins at {from}, before the stretch before it ends, at {last}")));
                }
                last = *to;
            }
        }
        let shares: f64 = self.roster.iter().map(|line| line.share).sum();
        if !self.roster.is_empty() && (shares - 1.0).abs() > 0.005 {
            return Err(place.fault("roster", format!("the shares of its lines add up to {shares}, not to 1")));
        }
        Ok(())
    }

    /// From opening to closing, s.
    pub fn open_s(&self) -> f64 {
        (self.closes_h - self.opens_h) * 3600.0
    }

    /// When each window is staffed, s after opening, cut to the time between opening and closing.
    pub fn staffed(&self, windows: u32) -> Vec<Vec<(f64, f64)>> {
        let all = [Line { share: 1.0, hours: vec![[self.opens_h, self.closes_h]] }];
        let lines = if self.roster.is_empty() { &all[..] } else { &self.roster };
        let mut found = Vec::new();
        let mut share = 0.0;
        for (index, line) in lines.iter().enumerate() {
            share += line.share;
            let until = if index + 1 == lines.len() { windows } else { (share * f64::from(windows)).round() as u32 };
            let inside = |hour: f64| (hour.clamp(self.opens_h, self.closes_h) - self.opens_h) * 3600.0;
            let stretches: Vec<(f64, f64)> =
                line.hours.iter().map(|[from, to]| (inside(*from), inside(*to))).filter(|(from, to)| to > from).collect();
            while (found.len() as u32) < until {
                found.push(stretches.clone());
            }
        }
        found
    }

    /// Window seconds that there are between opening and closing.
    pub fn capacity_s(&self, windows: u32) -> f64 {
        self.staffed(windows).iter().flatten().map(|(from, to)| to - from).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::study;
    use super::*;

    #[test]
    fn a_roster_says_who_works_when() {
        let mut day = study().body.day.clone().unwrap();
        (day.opens_h, day.closes_h) = (8.0, 18.0);
        let early = Line { share: 0.5, hours: vec![[7.0, 12.0]] };
        let late = Line { share: 0.5, hours: vec![[10.0, 13.0], [13.5, 20.0]] };
        day.roster = vec![early, late];
        let hour = 3600.0;
        let (first, second) = (vec![(0.0, 4.0 * hour)], vec![(2.0 * hour, 5.0 * hour), (5.5 * hour, 10.0 * hour)]);
        assert_eq!(day.staffed(3), [first.clone(), first, second]);
        assert_eq!(day.capacity_s(2), (4.0 + 3.0 + 4.5) * hour);
        day.roster.clear();
        assert_eq!(day.staffed(2), [vec![(0.0, 10.0 * hour)], vec![(0.0, 10.0 * hour)]]);
    }
}
