//! What recognition costs, as it was once measured: so that a slow machine changes no simulated result.

use std::time::Duration;

use hardware_hal::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A recorded cost of recognition.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostProfile {
    /// Seconds of one core per megapixel of a frame.
    pub seconds_per_megapixel: f64,
    /// Seconds of one core per code that was located, read or not.
    pub seconds_per_code: f64,
    /// Cores that work on frames side by side; at least 1.
    pub cores: u32,
}

impl CostProfile {
    /// Cost of one frame on one core.
    pub fn frame(&self, pixels: u64, located: usize) -> Duration {
        let seconds = self.seconds_per_megapixel * pixels as f64 / 1e6 + self.seconds_per_code * located as f64;
        Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
    }

    /// When all of the work is done: each frame goes to the core that is free first, in the order of arrival. `work` has arrival and cost of each.
    pub fn finished(&self, work: impl IntoIterator<Item = (Timestamp, Duration)>) -> Option<Timestamp> {
        let mut free = vec![Timestamp::default(); self.cores.max(1) as usize];
        let mut last = None;
        for (arrival, cost) in work {
            let core = free.iter_mut().min()?;
            *core = arrival.max(*core).plus(cost);
            last = last.max(Some(*core));
        }
        last
    }
}
