//! The light bank trait.

use serde::{Deserialize, Serialize};

use crate::Result;

/// What a light bank can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LightCapabilities {
    /// The bank's name in the rig.
    pub id: String,
    /// The patterns it can show, by name; never empty. Which lamps a pattern lights is the rig's business.
    pub patterns: Vec<String>,
    /// Lowest and highest intensity, as a share of the nominal one.
    pub intensity: (f64, f64),
}

/// What is lit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LightSetting {
    /// The pattern's name.
    pub pattern: String,
    /// Share of the nominal intensity.
    pub intensity: f64,
}

/// A set of lamps that are switched together, pattern by pattern.
///
/// # Contract
/// - `apply` returns when the light is stable, with what was really applied; a pattern it does not have is
///   [`UnsupportedSetting`](crate::ErrorKind::UnsupportedSetting), an intensity outside the range
///   [`OutOfRange`](crate::ErrorKind::OutOfRange); after either the light is as before.
/// - `off` leaves the bank dark; `current` is then `None`.
/// - after [`Disconnected`](crate::ErrorKind::Disconnected), every further call fails with the same kind.
pub trait LightBank: Send {
    /// What the bank can do.
    fn capabilities(&self) -> &LightCapabilities;
    /// What is lit, `None` when dark.
    fn current(&self) -> Option<&LightSetting>;
    /// Lights a pattern.
    fn apply(&mut self, setting: &LightSetting) -> Result<LightSetting>;
    /// Switches everything off.
    fn off(&mut self) -> Result<()>;
}

impl<L: LightBank + ?Sized> LightBank for Box<L> {
    fn capabilities(&self) -> &LightCapabilities {
        (**self).capabilities()
    }

    fn current(&self) -> Option<&LightSetting> {
        (**self).current()
    }

    fn apply(&mut self, setting: &LightSetting) -> Result<LightSetting> {
        (**self).apply(setting)
    }

    fn off(&mut self) -> Result<()> {
        (**self).off()
    }
}
