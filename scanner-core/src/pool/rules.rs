//! What a pharmacy decides once and every program that opens its pool must agree on, so it lies in the pool itself.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::db::{Ask, Database, Lock};
use super::journal::JournalKind;
use super::outbox::Institution;
use super::{Act, Pool, PoolError, Refusal, Result, store};

/// The pharmacy's rules. Those that are not said are off.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Whether a sale needs a pharmacist's session and the patient's insurance id ([`Pool::dispense_authenticated`]).
    pub dual_authentication: bool,
    /// Whether orders may be served from stock that never had codes ([`Pool::reserve_uncoded`]).
    pub uncoded_stock: bool,
    /// Products whose split doses settle without a code: injectables that are given in parts of a pack inside the hospital.
    pub split_dose_exempt: BTreeSet<String>,
}

/// What every transaction needs of the settings.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub institution: Option<Institution>,
    pub rules: Rules,
}

pub(super) const INSTITUTION: &str = "institution";
const RULES: &str = "rules";

const SETTINGS: &str = "SELECT name, record FROM setting WHERE name IN ('institution', 'rules')";

/// [`settings`], foreseen.
pub(super) fn settings_ask() -> Ask<'static> {
    Ask::Rows(SETTINGS.into(), Lock::No, Vec::new())
}

pub(super) fn settings(db: &dyn Database) -> Result<Settings> {
    let mut settings = Settings::default();
    for row in db.query(SETTINGS, Lock::No, &[])? {
        let (name, record) = (row.text(0)?, row.text(1)?);
        let damaged = |e: serde_json::Error| PoolError::Damaged { what: format!("setting {name}: {e}") };
        match name.as_str() {
            INSTITUTION => settings.institution = Some(serde_json::from_str(&record).map_err(damaged)?),
            _ => settings.rules = serde_json::from_str(&record).map_err(damaged)?,
        }
    }
    Ok(settings)
}

impl Pool {
    /// The rules of this pool.
    ///
    /// # Errors
    /// The database's.
    pub fn rules(&self) -> Result<Rules> {
        Ok(self.read(settings)?.rules)
    }

    /// Changes the rules, and writes into the journal what they are now.
    ///
    /// # Errors
    /// [`Refusal::UnknownProduct`] for an exemption of a product that nobody described; the database's.
    pub fn set_rules(&mut self, rules: &Rules, act: Act<'_>) -> Result<()> {
        let value = serde_json::to_value(rules).map_err(|e| PoolError::Damaged { what: e.to_string() })?;
        self.write(act, |work| {
            for product in &rules.split_dose_exempt {
                store::pack_quantity(work.db, product)?.ok_or_else(|| Refusal::UnknownProduct { product: product.clone() })?;
            }
            store::put_setting(work.db, RULES, &value.to_string())?;
            work.note(JournalKind::Rules, "", &value)
        })
    }
}
