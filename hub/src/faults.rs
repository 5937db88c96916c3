//! What happens on the line, from a seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

const SECOND: u64 = 1_000_000_000;

/// How often what goes wrong. Shares are of requests, from 0 to 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPlan {
    /// The seed.
    pub seed: u64,
    /// Times without a connection: from and to, nanoseconds since 1970.
    pub outages: Vec<(u64, u64)>,
    /// Cut before the platform has seen it.
    pub cut_before: f64,
    /// Cut after it was booked.
    pub cut_after: f64,
    /// A 5xx, nothing booked.
    pub server_error_before: f64,
    /// A 5xx, booked all the same.
    pub server_error_after: f64,
    /// An answer that is none, booked all the same.
    pub rubbish: f64,
    /// The answer to the message before comes again instead of this one's.
    pub duplicate: f64,
    /// Latency at least, seconds.
    pub latency_s: f64,
    /// Mean of what comes on top, exponentially distributed, seconds.
    pub jitter_s: f64,
    /// How far the platform's clock is ahead, seconds.
    pub skew_s: f64,
}

impl FaultPlan {
    /// So many outages within `[from, to)`, nanoseconds since 1970, each of `shortest` to `longest` seconds; drawn from the seed.
    #[must_use]
    pub fn with_outages(mut self, count: u32, from: u64, to: u64, shortest: u64, longest: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed ^ 0x6F75_7461_6765);
        for _ in 0..count {
            let start = from + random.next_u64() % (to - from).max(1);
            let length = (shortest + random.next_u64() % (longest - shortest).max(1)) * SECOND;
            self.outages.push((start, start + length));
        }
        self.outages.sort_unstable();
        self
    }
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Odds {
    /// See [`FaultPlan::cut_before`].
    pub cut_before: bool,
    /// See [`FaultPlan::cut_after`].
    pub cut_after: bool,
    /// See [`FaultPlan::server_error_before`].
    pub server_error_before: bool,
    /// See [`FaultPlan::server_error_after`].
    pub server_error_after: bool,
    /// See [`FaultPlan::rubbish`].
    pub rubbish: bool,
    /// See [`FaultPlan::duplicate`].
    pub duplicate: bool,
    /// Nanoseconds.
    pub latency: u64,
}

/// Draws faults, request by request.
#[derive(Debug)]
pub struct Faults {
    plan: FaultPlan,
    random: ChaCha8Rng,
}

impl Faults {
    /// Faults of a plan.
    pub fn new(plan: FaultPlan) -> Self {
        let random = ChaCha8Rng::seed_from_u64(plan.seed);
        Self { plan, random }
    }

    /// None at all.
    pub fn none() -> Self {
        Self::new(FaultPlan::default())
    }

    pub(crate) fn in_outage(&self, now: u64) -> bool {
        self.plan.outages.iter().any(|(from, to)| (*from..*to).contains(&now))
    }

    pub(crate) fn skew(&self) -> i64 {
        (self.plan.skew_s * SECOND as f64) as i64
    }

    fn uniform(&mut self) -> f64 {
        (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn draw(&mut self) -> Odds {
        // Always the same number of draws, so that one share changed shifts no other fault.
        let [a, b, c, d, e, f, g] = std::array::from_fn(|_| self.uniform());
        let plan = &self.plan;
        let latency = plan.latency_s - plan.jitter_s * (1.0 - g).ln();
        Odds {
            cut_before: a < plan.cut_before,
            cut_after: b < plan.cut_after,
            server_error_before: c < plan.server_error_before,
            server_error_after: d < plan.server_error_after,
            rubbish: e < plan.rubbish,
            duplicate: f < plan.duplicate,
            latency: (latency.max(0.0) * SECOND as f64) as u64,
        }
    }
}
