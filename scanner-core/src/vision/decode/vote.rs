//! When to believe a text.
//!
//! Code 128's check passes one random error in 103, EAN-13's one in ten, and a strip is looked at dozens of times. So no single look is ever
//! believed: a text needs looks at disjoint sets of pixels, and a clear lead over any other text.

use super::LinearText;
use crate::codes::Symbology;
use crate::vision::Evidence;
use crate::vision::rectify::Subset;

/// One way to look at a strip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The pixels that were used.
    pub subset: Subset,
    /// Which of the sharpenings.
    pub sharpening: u8,
}

/// How much agreement is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoteRule {
    /// Least number of agreeing looks.
    pub agreeing: u32,
    /// Least lead over the runner-up, looks.
    pub lead: u32,
}

impl Default for VoteRule {
    fn default() -> Self {
        Self { agreeing: 3, lead: 2 }
    }
}

/// Texts with the looks that said them.
#[derive(Debug, Clone, Default)]
pub struct Ballot {
    entries: Vec<(LinearText, Vec<Look>)>,
    tried: u32,
}

impl Ballot {
    /// Counts a look and what it said.
    pub fn add(&mut self, look: Look, text: Option<LinearText>) {
        self.tried += 1;
        let Some(text) = text else { return };
        match self.entries.iter_mut().find(|(t, _)| t.text == text.text && t.symbology == text.symbology) {
            Some((_, looks)) => looks.push(look),
            None => self.entries.push((text, vec![look])),
        }
    }

    /// Looks so far.
    pub fn tried(&self) -> u32 {
        self.tried
    }

    /// Looks that said anything.
    pub fn decoded(&self) -> u32 {
        self.entries.iter().map(|(_, looks)| looks.len() as u32).sum()
    }

    /// The text that the rule lets pass, with its evidence. A text of a symbology with a weak check needs one more look.
    pub fn winner(&self, rule: &VoteRule) -> Option<(&LinearText, Evidence)> {
        let (best, (text, looks)) = self.entries.iter().enumerate().max_by_key(|(i, (_, looks))| (looks.len(), usize::MAX - i))?;
        let runner_up = self.entries.iter().enumerate().filter(|(i, _)| *i != best).map(|(_, (_, l))| l.len() as u32).max().unwrap_or(0);
        let agreeing = looks.len() as u32;
        let weak_check = u32::from(text.symbology == Symbology::Ean13);
        let independent = looks.iter().enumerate().any(|(i, p)| looks[..i].iter().any(|q| p.subset.is_disjoint(q.subset)));
        // Three to one at least: a strip that says many things says nothing.
        let clear = agreeing >= runner_up + rule.lead && agreeing >= 3 * runner_up;
        (independent && clear && agreeing >= rule.agreeing + weak_check).then(|| {
            let margin = f64::from(agreeing - runner_up);
            (text, Evidence { agreeing, decoded: self.decoded(), tried: self.tried, margin })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::decode::LinearSymbol;

    fn text(digits: &str) -> Option<LinearText> {
        let symbol = LinearSymbol::code128_digits(digits).unwrap();
        Some(LinearText { text: digits.into(), symbology: Symbology::Code128, symbol, edges: vec![] })
    }

    fn look(subset: Subset, sharpening: u8) -> Look {
        Look { subset, sharpening }
    }

    #[test]
    fn looks_that_share_pixels_never_suffice() {
        let mut ballot = Ballot::default();
        for s in 0..9 {
            ballot.add(look(Subset::Full, s), text("1234"));
            ballot.add(look(Subset::Upper, s), text("1234"));
        }
        assert!(ballot.winner(&VoteRule::default()).is_none());
        ballot.add(look(Subset::Lower, 0), text("1234"));
        let (winner, evidence) = ballot.winner(&VoteRule::default()).unwrap();
        assert_eq!((winner.text.as_str(), evidence.agreeing, evidence.tried, evidence.margin), ("1234", 19, 19, 19.0));
    }

    #[test]
    fn a_rival_with_a_third_of_the_looks_stops_it() {
        let mut ballot = Ballot::default();
        for s in 0..3 {
            ballot.add(look(Subset::Even, s), text("1234"));
            ballot.add(look(Subset::Odd, s), text("1234"));
        }
        ballot.add(look(Subset::Odd, 3), text("5678"));
        ballot.add(look(Subset::Even, 3), None);
        let (_, evidence) = ballot.winner(&VoteRule::default()).unwrap();
        assert_eq!((evidence.agreeing, evidence.decoded, evidence.tried, evidence.margin), (6, 7, 8, 5.0));
        ballot.add(look(Subset::Full, 3), text("5678"));
        ballot.add(look(Subset::Full, 2), text("5678"));
        assert!(ballot.winner(&VoteRule::default()).is_none());
    }
}
