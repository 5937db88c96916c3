//! What a study assumes: a range and its source for everything that no paper states.

use std::collections::BTreeMap;

use reports::study::Assumed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::{Checked, Place};
use crate::workflow::Stream;

/// A figure that no paper states, with its range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assumption {
    /// What it means.
    pub meaning: String,
    /// Its unit.
    #[serde(default)]
    pub unit: String,
    /// Lower end of its range.
    pub low: f64,
    /// Likely value.
    pub likely: f64,
    /// Upper end.
    pub high: f64,
    /// Where the range is from.
    pub source: String,
}

/// All assumptions of a study, by name.
pub type Assumptions = BTreeMap<String, Assumption>;

/// One set of values for all assumptions.
#[derive(Debug, Clone, PartialEq)]
pub struct Values(BTreeMap<String, f64>);

impl Values {
    /// All at their likely values.
    pub fn likely(of: &Assumptions) -> Self {
        Self(of.iter().map(|(name, assumption)| (name.clone(), assumption.likely)).collect())
    }

    /// Each from the triangular distribution over its range.
    pub fn draw(of: &Assumptions, stream: &mut Stream) -> Self {
        let drawn = of.iter().map(|(name, a)| (name.clone(), crate::workflow::triangular(a.low, a.likely, a.high, stream.unit())));
        Self(drawn.collect())
    }

    /// The same but for one.
    #[must_use]
    pub fn with(&self, name: &str, value: f64) -> Self {
        let mut values = self.0.clone();
        values.insert(name.to_owned(), value);
        Self(values)
    }

    /// The value of one. Models name theirs in a list that is checked when a study is read, so it is there.
    pub fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(f64::NAN)
    }
}

/// Checks ranges and sources, and that the assumptions are just those that the model knows.
///
/// # Errors
/// The first fault, at its key below `place`.
pub fn check(of: &Assumptions, known: &[&str], place: &Place) -> Checked<()> {
    for name in known {
        if !of.contains_key(*name) {
            let fault = place.fault(name, format!("the assumption `{name}` is missing"));
            return Err(fault.with_help_boxed("the model needs it; give it a range and a source"));
        }
    }
    for (name, assumption) in of {
        let here = place.under(name);
        if !known.contains(&name.as_str()) {
            return Err(here.fault("meaning", format!("the model has no assumption `{name}`")));
        }
        here.within("low", assumption.low, 0.0, 1e9)?;
        here.within("likely", assumption.likely, assumption.low, 1e9)?;
        here.within("high", assumption.high, assumption.likely, 1e9)?;
        let share = assumption.unit == "share";
        if share && assumption.high > 1.0 {
            return Err(here.fault("high", format!("a share of {} cannot be", assumption.high)));
        }
        if assumption.source.trim().is_empty() {
            return Err(here.fault("source", "a range without a source is a guess: say where it is from, or that it is one"));
        }
    }
    Ok(())
}

/// As the report lists them.
pub fn listed(of: &Assumptions) -> Vec<Assumed> {
    of.iter()
        .map(|(name, a)| Assumed {
            name: name.clone(),
            meaning: a.meaning.clone(),
            unit: a.unit.clone(),
            low: a.low,
            likely: a.likely,
            high: a.high,
            source: a.source.clone(),
        })
        .collect()
}
