//! How fast leads of wrong texts become rare, and what that says about the acceptance limit.

use reports::stats::quantile;

/// An exponential fitted to the upper tail of the wrong texts' leads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tail {
    /// Where the tail begins, nats: the 90 % quantile.
    pub from: f64,
    /// Leads beyond it.
    pub count: usize,
    /// Mean of what they lie beyond it, nats: the exponential's decay.
    pub decay: f64,
    /// The longest lead.
    pub longest: f64,
}

impl Tail {
    /// The maximum-likelihood fit; `None` of fewer than twenty leads in the tail.
    pub fn fit(leads: &[f64]) -> Option<Self> {
        let from = quantile(leads, 0.9)?;
        let beyond: Vec<f64> = leads.iter().filter(|lead| **lead > from).map(|lead| lead - from).collect();
        let longest = leads.iter().copied().fold(0.0, f64::max);
        let decay = beyond.iter().sum::<f64>() / beyond.len() as f64;
        (beyond.len() >= 20).then_some(Self { from, count: beyond.len(), decay, longest })
    }

    /// Expected strips of `trials` whose wrong text leads by more than `limit`.
    pub fn expected(&self, limit: f64) -> f64 {
        self.count as f64 * (-(limit - self.from).max(0.0) / self.decay).exp()
    }
}
