//! The clinic as a file says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Inputs;
use crate::scenario::{Checked, Place};
use crate::study::assumptions::Values;
use crate::study::check::check_arrivals;
use crate::study::cycles::Compute;
use crate::study::scan::{Method, ScanModel};
use crate::workflow::{Distribution, Stream};

/// The clinic as a file says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clinic {
    /// Days of a period.
    pub days: u32,
    /// When it opens, hours after midnight.
    pub opens_h: f64,
    /// When it closes.
    pub closes_h: f64,
    /// Arrivals by hour, relative: one weight for each hour from opening to closing.
    pub arrivals_by_hour: Vec<f64>,
    /// Packages of a prescription.
    pub packages: Distribution,
    /// How long a patient stays in the queue.
    pub patience_s: Distribution,
    /// In how many periods every sale goes through the real outbox to the platform's simulator.
    pub periods_with_platform: u32,
}

impl Clinic {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first fault, at its key below `place`.
    pub fn check(&self, place: &Place) -> Checked<()> {
        place.within("days", f64::from(self.days), 1.0, 366.0)?;
        place.within("opens_h", self.opens_h, 0.0, 24.0)?;
        place.within("closes_h", self.closes_h, self.opens_h + 1.0, 24.0)?;
        place.within("periods_with_platform", f64::from(self.periods_with_platform), 1.0, 1000.0)?;
        check_arrivals(place, &self.arrivals_by_hour, self.closes_h - self.opens_h)?;
        for (key, distribution) in [("packages", &self.packages), ("patience_s", &self.patience_s)] {
            distribution.check().map_err(|(inner, why)| place.fault(&format!("{key}.{inner}"), why))?;
        }
        Ok(())
    }

    pub(super) fn open_s(&self) -> f64 {
        (self.closes_h - self.opens_h) * 3600.0
    }

    /// Whether the doors are open at `time`, s after the first midnight.
    pub(super) fn open(&self, time: f64) -> bool {
        (self.opens_h..self.closes_h).contains(&(time % 86_400.0 / 3600.0))
    }

    pub(super) fn arrivals(&self, expected: f64, stream: &mut Stream) -> Vec<f64> {
        crate::workflow::arrivals(&self.arrivals_by_hour, self.open_s(), expected, stream)
    }
}

impl Inputs<'_> {
    /// Mean work ÷ time until closing without outages, all at their likely values.
    pub(super) fn load(&self) -> f64 {
        let v = Values::likely(&self.body.assumptions);
        let fixed = v.get("fixed_s");
        let model = ScanModel { values: v, handheld_fixed_s: fixed, cycles: &self.cycles, compute: Compute::Recorded, stop_early: false };
        let v = &model.values;
        let packages = self.clinic.packages.mean();
        let scan = fixed + packages * (model.expected_s(Method::Handheld, None, 2) - model.expected_s(Method::Handheld, None, 1));
        let patients = v.get("patients_per_day") * (v.get("own_s") + scan + v.get("submit_s"));
        let other = v.get("other_per_h") * self.clinic.open_s() / 3600.0 * v.get("other_min") * 60.0;
        (patients + other) / self.clinic.open_s()
    }
}
