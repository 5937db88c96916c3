//! Which faults, and when.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind, Result};

/// What can go wrong with a device, each within the device's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Any call: the device is gone, and stays gone. [`ErrorKind::Disconnected`].
    Disconnect,
    /// `fetch`: the frame does not come in time and is lost. `configure`, `apply`, `off`: no answer, nothing was done. `home`, `move_to`: no
    /// answer, the plate has moved. [`ErrorKind::Timeout`], after the time has passed on the clock.
    Timeout,
    /// `fetch`: the frame was lost on the way, its sequence number is missing. [`ErrorKind::LostData`].
    LostFrame,
    /// `fetch`: lines of the frame are missing. It is delivered with zeros in their place and `complete == false`.
    IncompleteFrame,
    /// `configure`, `apply`: the device refuses a setting that it should have. [`ErrorKind::UnsupportedSetting`].
    SettingRefused,
    /// `move_to`: the plate stops some steps beside the wanted angle. [`ErrorKind::Motion`].
    MissedAngle,
    /// `home`, `move_to`: the drive stalls before it moves. [`ErrorKind::Motion`].
    FailedMove,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Disconnect,
        Self::Timeout,
        Self::LostFrame,
        Self::IncompleteFrame,
        Self::SettingRefused,
        Self::MissedAngle,
        Self::FailedMove,
    ];
}

/// A fault at one certain call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedFault {
    /// What goes wrong.
    pub fault: Fault,
    /// At which call, counted from 0 over those calls to the device at which this fault can happen: a lost frame at call 2 is the third `fetch`.
    pub call: u64,
}

/// The faults of one device. The default has none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultPlan {
    /// Probability of a fault per call at which it can happen, 0 to 1.
    pub rates: BTreeMap<Fault, f64>,
    /// Faults that certainly happen.
    pub script: Vec<ScriptedFault>,
}

impl FaultPlan {
    /// The same plan with a fault at a certain call.
    #[must_use]
    pub fn with_fault_at(mut self, fault: Fault, call: u64) -> Self {
        self.script.push(ScriptedFault { fault, call });
        self
    }

    /// The same plan with a fault that happens with this probability.
    #[must_use]
    pub fn with_rate(mut self, fault: Fault, rate: f64) -> Self {
        self.rates.insert(fault, rate);
        self
    }
}

/// Decides call by call. Each decision has a random stream of its own (seed, device, fault, call), so that none shifts another.
#[derive(Debug)]
pub(super) struct Dice {
    plan: FaultPlan,
    key: [u8; 32],
    calls: [u64; Fault::ALL.len()],
}

impl Dice {
    pub(super) fn new(device: &str, plan: FaultPlan, seed: u64) -> Result<Self> {
        for (fault, rate) in &plan.rates {
            if !(0.0..=1.0).contains(rate) {
                let what = format!("the rate {rate} of the fault {fault:?} is not a probability");
                return Err(Error::new(device, ErrorKind::OutOfRange, what));
            }
        }
        let mut hash = Sha256::new();
        hash.update(b"hardware-hal faults");
        hash.update(seed.to_le_bytes());
        hash.update(device.as_bytes());
        Ok(Self { plan, key: hash.finalize().into(), calls: [0; Fault::ALL.len()] })
    }

    /// The fault that happens at this call, the first of those that could, and random numbers for its details.
    pub(super) fn roll(&mut self, possible: &[Fault]) -> Option<(Fault, ChaCha8Rng)> {
        let mut happens = None;
        for &fault in possible {
            let call = self.calls[fault as usize];
            self.calls[fault as usize] += 1;
            let mut random = ChaCha8Rng::from_seed(self.key);
            random.set_stream(fault as u64);
            // A block of 16 words per call.
            random.set_word_pos(u128::from(call) * 16);
            let draw = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            let hit = self.plan.rates.get(&fault).is_some_and(|&rate| draw < rate)
                || self.plan.script.iter().any(|s| s.fault == fault && s.call == call);
            if hit && happens.is_none() {
                happens = Some((fault, random));
            }
        }
        happens
    }
}
