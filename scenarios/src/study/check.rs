//! What makes a study file a study.

use std::collections::BTreeSet;

use super::assumptions;
use super::file::{Body, ELSEWHERE, Model, Use, VERSION};
use super::{central, clinic, day, inputs, published, scan, slips};
use crate::scenario::{Checked, Place};

impl Body {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first fault, at its key.
    pub(super) fn check(&self, top: &Place) -> Checked<()> {
        top.version(self.schema_version, VERSION)?;
        top.name("name", &self.name, &mut BTreeSet::new())?;
        let effort = top.under("effort");
        effort.within("least", self.effort.least as f64, 2.0, 1e7)?;
        effort.within("most", self.effort.most as f64, self.effort.least as f64, 1e7)?;
        effort.within("quick", self.effort.quick as f64, 2.0, 1e7)?;
        effort.within("relative", self.effort.relative, 1e-6, 1.0)?;
        self.check_arms(top)?;
        self.check_reported(top)?;
        self.check_calibration(top)?;
        match self.model {
            Model::Bench => self.check_rows(top)?,
            Model::OutpatientDay => match &self.day {
                Some(day) => {
                    day.check(&top.under("day"))?;
                    if let Some(name) = day.fit.as_deref().filter(|name| self.calibrating(name).is_none()) {
                        return Err(top.fault("day.fit", format!("no figure `{name}` is reported that may be used to calibrate")));
                    }
                }
                None => return Err(top.fault("model", "the model `outpatient-day` needs a table `[day]`")),
            },
            Model::CentralPharmacy => match &self.central {
                Some(central) => central.check(&top.under("central"))?,
                None => return Err(top.fault("model", "the model `central-pharmacy` needs a table `[central]`")),
            },
            Model::RuralClinic => match &self.clinic {
                Some(clinic) => clinic.check(&top.under("clinic"))?,
                None => return Err(top.fault("model", "the model `rural-clinic` needs a table `[clinic]`")),
            },
            Model::PublishedFigures => {}
        }
        inputs::check(self, top)?;
        assumptions::check(&self.assumptions, &self.known_assumptions(), &top.under("assumptions"))
    }

    fn known_assumptions(&self) -> Vec<&'static str> {
        match self.model {
            Model::Bench => [&scan::HANDHELD[..], &scan::MV].concat(),
            Model::OutpatientDay => [&scan::HANDHELD[..], &scan::MV, &slips::SLIPS, &day::ASSUMPTIONS].concat(),
            Model::CentralPharmacy => central::ASSUMPTIONS.to_vec(),
            Model::RuralClinic => [&scan::HANDHELD[..], &clinic::ASSUMPTIONS].concat(),
            Model::PublishedFigures => [&scan::HANDHELD[..], &published::ASSUMPTIONS].concat(),
        }
    }

    fn check_arms(&self, top: &Place) -> Checked<()> {
        let needed: &[&str] = match self.model {
            Model::Bench => &["none", "handheld", "mv"],
            Model::OutpatientDay => &["none", "handheld", "mv", "pool"],
            Model::CentralPharmacy => &["before", "after"],
            Model::RuralClinic => &["wait", "skip", "offline"],
            Model::PublishedFigures => &published::ARMS,
        };
        for arm in needed {
            if !self.arms.iter().any(|have| have == arm) {
                return Err(top.fault("arms", format!("the arm `{arm}` is missing")));
            }
        }
        for (index, arm) in self.arms.iter().enumerate() {
            if !needed.contains(&arm.as_str()) && arm != ELSEWHERE {
                let fault = top.fault(&format!("arms.{index}"), format!("the model has no arm `{arm}`"));
                return Err(fault.with_help_boxed(format!("it has {}", needed.join(", "))));
            }
        }
        if needed.contains(&"mv") && self.station.is_none() {
            return Err(top.fault("arms", "the arm `mv` needs a table `[station]` that names its rig and cycles"));
        }
        Ok(())
    }

    fn check_reported(&self, top: &Place) -> Checked<()> {
        let mut seen = BTreeSet::new();
        for (index, of) in self.reported.iter().enumerate() {
            let place = top.under(&format!("reported.{index}"));
            if !seen.insert(&of.name) {
                return Err(place.fault("name", format!("`{}` is reported twice", of.name)));
            }
            place.within("value", of.value, 0.0, 1e12)?;
            if !self.arms.contains(&of.arm) {
                return Err(place.fault("arm", format!("the study has no arm `{}`", of.arm)));
            }
            if of.arm == ELSEWHERE && of.purpose == Use::Validate {
                return Err(place.fault("use", "nothing is simulated of another place: its figures calibrate, or are not comparable"));
            }
            match (of.purpose, of.tolerance) {
                (Use::Validate, None) => {
                    return Err(
                        place.fault("use", "a figure that is validated needs a `tolerance`: the widest half-width that shows anything")
                    );
                }
                (_, Some(tolerance)) => place.positive("tolerance", tolerance)?,
                (Use::NotComparable, None) if of.remark.is_empty() => {
                    return Err(place.fault("use", "a figure that is not comparable needs a `remark` that says why"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A study must not calibrate on what it claims to replicate: no arm may have figures of both kinds.
    fn check_calibration(&self, top: &Place) -> Checked<()> {
        for (index, of) in self.reported.iter().enumerate().filter(|(_, of)| of.purpose == Use::Calibrate) {
            if let Some(claimed) = self.reported.iter().find(|other| other.purpose == Use::Validate && other.arm == of.arm) {
                let message = format!("calibrates on the arm `{}`, of which `{}` is to be replicated", of.arm, claimed.name);
                let fault = top.fault(&format!("reported.{index}.use"), message);
                return Err(fault.with_help_boxed(
                    "what went into the model shows nothing by coming out of it: predict the arm, or claim nothing about it",
                ));
            }
        }
        Ok(())
    }

    fn check_rows(&self, top: &Place) -> Checked<()> {
        if self.rows.len() < 2 {
            return Err(top.fault("rows", "the bench needs two rows at least: a spread between them is what its noise is set by"));
        }
        for (index, row) in self.rows.iter().enumerate() {
            let place = top.under(&format!("rows.{index}"));
            place.within("packages", f64::from(row.packages), 1.0, 100.0)?;
            for arm in ["none", "handheld"] {
                let name = format!("{arm}.{}", row.key);
                match self.reported.iter().find(|of| of.name == name) {
                    None => return Err(place.fault("key", format!("no figure `{name}` is reported, and the bench is calibrated on it"))),
                    Some(of) if of.purpose != Use::Calibrate => {
                        return Err(place.fault("key", format!("the figure `{name}` has to be used to calibrate")));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// Arrivals by hour: a rate for each hour that the doors are open, none below zero, not all of them zero.
///
/// # Errors
/// The first fault, at `arrivals_by_hour` below `place`.
pub(super) fn check_arrivals(place: &Place, rates: &[f64], open_h: f64) -> Checked<()> {
    let hours = open_h.ceil() as usize;
    if rates.len() != hours {
        let message = format!("{} rates for the {hours} hours that the doors are open", rates.len());
        return Err(place.fault("arrivals_by_hour", message));
    }
    for (hour, rate) in rates.iter().enumerate() {
        if !rate.is_finite() || *rate < 0.0 {
            return Err(place.fault(&format!("arrivals_by_hour.{hour}"), format!("a rate of {rate} cannot be")));
        }
    }
    if rates.iter().sum::<f64>() <= 0.0 {
        return Err(place.fault("arrivals_by_hour", "nobody would ever come"));
    }
    Ok(())
}
