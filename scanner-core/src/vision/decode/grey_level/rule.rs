//! When a text from grey values is believed.

use super::{CERTAIN_MARGIN, EXTENT_EXPLAINED};
use crate::vision::Corners;
use crate::vision::decode::linear::LinearText;
use crate::vision::decode::symbol::LinearSymbol;

/// When a grey-level text is accepted.
///
/// A lead in likelihood does not say by itself how sure a text is: it holds under the model, and where the model is wrong (in the edge of a shadow, where
/// bars are bent, far out of focus) many pixels are wrong together. So each character's lead is weighed against what the model leaves over at that very
/// character ([`GreyLevelText::sure`]): where that is much, the lead must be large.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GreyLevelRule {
    /// Least [`GreyLevelText::sure`], nats.
    pub sure: f32,
    /// Least [`GreyLevelText::alone`], nats.
    pub alone: f32,
    /// Most that the check character may cost: log-likelihood of the best sequence without it less that of the text, nats.
    pub check_cost: f32,
    /// Least share of the grey values' variance that the text explains.
    pub explained: f32,
    /// Largest misfit of any single character, share of the contrast.
    pub worst_misfit: f32,
    /// Fitted blur, modules, beyond which narrow bars are gone: texts that are wrong fit as well as right ones there. Nominal blur is a module at most.
    pub blur: f32,
    /// Least [`GreyLevelText::sure`] beyond that blur, nats.
    pub blurred_sure: f32,
}

impl Default for GreyLevelRule {
    fn default() -> Self {
        // Of 5,250 simulated strips of 0.4 px per module and more (`make curves`), 1,493 gave a wrong text or held none. Up to a fitted blur of 1.3 modules the surest
        // of these had 14.3 nats, of those that could be a traceability code 13.5, and 7.3 of those whose check character was right; beyond that blur, 23.1. Their
        // number falls by e every 2.5 nats. Right nominal texts below 20: one in 18 at 0.4 to 0.5 px per module, one in 140 at 0.5 to 1, one of 862 above.
        // Two characters that a shadow's edge makes wrong together fit the check character once in a hundred times, and then the next text that does so is far away: one
        // of 105,000 strips gave such a text with 26.8 nats. Without the check character's help it had 6.3, of 2,924 others none more than 3.8. Right nominal
        // texts below 8: one in 31 at 0.4 to 0.5 px per module, in 161 at 0.5 to 0.7, in 506 at 0.7 to 1, 3 of 16,679 above.
        // Of 105,000 strips, the surest wrong text with a worst misfit of more than 0.2 had 5.5 nats: what a character leaves over is weighed there already.
        Self { sure: 20.0, alone: 8.0, check_cost: 2.0, explained: 0.85, worst_misfit: 0.3, blur: 1.3, blurred_sure: 60.0 }
    }
}

/// The most likely text of a strip, accepted or not.
#[derive(Debug, Clone, PartialEq)]
pub struct GreyLevelText {
    /// The symbol.
    pub symbol: LinearSymbol,
    /// Refined corners.
    pub corners: Corners,
    /// Lead over the next best valid text, nats.
    pub margin: f32,
    /// The least lead of any character, nats, if what the model leaves over at that character is an error that all pixels of a module share: noise
    /// averages out over pixels, what the model gets wrong does not. Never more than `margin`.
    pub sure: f32,
    /// The same where the check character is not asked for; none where the likeliest text has another one.
    pub alone: f32,
    /// What the check character costs, nats.
    pub check_cost: f32,
    /// Unexplained beyond noise, share of the contrast.
    pub misfit: f32,
    /// The same for the character that is explained worst.
    pub worst_misfit: f32,
    /// Explained share of the variance.
    pub explained: f32,
    /// Blur that fitted best, px.
    pub sigma_px: f32,
    /// The same along the code, modules.
    pub sigma_modules: f32,
}

impl GreyLevelText {
    /// Whether `rule` lets it pass.
    pub fn accepted(&self, rule: &GreyLevelRule) -> bool {
        let sure = if self.sigma_modules <= rule.blur { rule.sure } else { rule.blurred_sure };
        // A figure that is no number passes nothing.
        self.sure >= sure
            && self.alone >= rule.alone
            && self.check_cost <= rule.check_cost
            && self.explained >= rule.explained
            && self.worst_misfit <= rule.worst_misfit
    }

    /// Whether it stands out by so much that no other start is worth a look.
    pub(super) fn is_certain(&self) -> bool {
        self.margin > CERTAIN_MARGIN && self.explained > EXTENT_EXPLAINED
    }

    /// The text that the symbol says; `None` where its code sets make none.
    pub fn text(&self) -> Option<LinearText> {
        LinearText::ideal(&self.symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> GreyLevelText {
        GreyLevelText {
            symbol: LinearSymbol::code128_digits("81234567890123456789").unwrap(),
            corners: [[0.0; 2]; 4],
            margin: 300.0,
            sure: 30.0,
            alone: 20.0,
            check_cost: 0.0,
            misfit: 0.03,
            worst_misfit: 0.06,
            explained: 0.97,
            sigma_px: 0.6,
            sigma_modules: 0.8,
        }
    }

    #[test]
    fn every_condition_counts_by_itself() {
        let rule = GreyLevelRule::default();
        assert!(text().accepted(&rule));
        let refused = [
            GreyLevelText { sure: 19.0, margin: 5000.0, ..text() },
            GreyLevelText { sure: f32::NAN, ..text() },
            GreyLevelText { alone: 7.0, ..text() },
            GreyLevelText { check_cost: 3.0, ..text() },
            GreyLevelText { explained: 0.8, ..text() },
            GreyLevelText { worst_misfit: 0.35, ..text() },
            GreyLevelText { sigma_modules: 1.4, ..text() },
        ];
        for text in refused {
            assert!(!text.accepted(&rule), "{text:?}");
        }
        assert!(GreyLevelText { sigma_modules: 1.4, sure: 70.0, ..text() }.accepted(&rule));
    }
}
