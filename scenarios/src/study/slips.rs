//! Human errors, and where each is caught.
//!
//! | slip | the eye at the window | a code that is scanned at dispensing | the pool |
//! |---|---|---|---|
//! | another drug or strength | mostly | by comparing with the order | – (nothing is scanned at dispensing) |
//! | a wrong count | mostly | by counting codes against the order's lines | – |
//! | an expired or recalled batch | rarely | – (the code alone names no batch) | by keeping it from being reserved |
//! | a scan that is forgotten | – | – | there is none to forget |
//!
//! A forgotten scan reaches nobody as an error: its code is missing, and the prescription is not reimbursed.

use super::assumptions::Values;
use super::scan::Method;
use crate::workflow::Stream;

/// Assumptions that slips need.
pub const SLIPS: [&str; 6] = [
    "wrong_pick_share",
    "wrong_count_of_slips",
    "wrong_batch_of_slips",
    "caught_by_eye_share",
    "batch_by_eye_share",
    "caught_by_code_share",
];

/// What went wrong with a prescription before the window's check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// Another drug or strength.
    Drug,
    /// A wrong count.
    Count,
    /// An expired or recalled batch.
    Batch,
}

impl Slip {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Drug, Self::Count, Self::Batch];

    /// As reports say it.
    pub fn text(self) -> reports::study::Text {
        let (en, zh) = match self {
            Self::Drug => ("another drug or strength", "药品或规格错误"),
            Self::Count => ("wrong count", "数量错误"),
            Self::Batch => ("expired or recalled batch", "过期或召回批次"),
        };
        reports::study::Text::new(en, zh)
    }
}

/// Where a slip ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It reached the patient.
    Reached,
    /// The eye caught it.
    Eye,
    /// The code did, or what the pool knows of it.
    Code,
}

/// How many slips ended where, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slips {
    counts: [[u64; 3]; 3],
}

impl Slips {
    /// Counts one.
    pub fn add(&mut self, slip: Slip, fate: Fate) {
        self.counts[slip as usize][fate as usize] += 1;
    }

    /// How many of a kind ended so.
    pub fn of(&self, slip: Slip, fate: Fate) -> u64 {
        self.counts[slip as usize][fate as usize]
    }

    /// How many of a kind there were.
    pub fn made(&self, slip: Slip) -> u64 {
        self.counts[slip as usize].iter().sum()
    }

    /// How many reached a patient.
    pub fn reached(&self) -> u64 {
        Slip::ALL.into_iter().map(|slip| self.of(slip, Fate::Reached)).sum()
    }

    /// Those of another day added.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (all, more) in self.counts.iter_mut().flatten().zip(other.counts.iter().flatten()) {
            *all += more;
        }
        self
    }
}

/// Whether a slip happens to a prescription, and where it ends. `scanned` says whether its packages were scanned at all: codes that are keyed in while a
/// scanner is broken are held against nothing. Always four draws, so that the same slips happen under every method.
pub fn happen(method: Method, scanned: bool, v: &Values, stream: &mut Stream) -> Option<(Slip, Fate)> {
    let slips = stream.chance(v.get("wrong_pick_share"));
    let kind = stream.unit();
    let (eye, code) = (stream.unit(), stream.unit());
    if !slips {
        return None;
    }
    let (count, batch) = (v.get("wrong_count_of_slips"), v.get("wrong_batch_of_slips"));
    let slip = if kind < count {
        Slip::Count
    } else if kind < count + batch {
        Slip::Batch
    } else {
        Slip::Drug
    };
    let by_eye = v.get(if slip == Slip::Batch { "batch_by_eye_share" } else { "caught_by_eye_share" });
    let shown = match slip {
        Slip::Drug | Slip::Count => scanned && matches!(method, Method::Handheld | Method::Mv),
        Slip::Batch => method == Method::Pool,
    };
    let fate = if eye < by_eye {
        Fate::Eye
    } else if shown && code < v.get("caught_by_code_share") {
        Fate::Code
    } else {
        Fate::Reached
    };
    Some((slip, fate))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::study::Assumption;
    use crate::workflow::Streams;

    fn values(of: [(&str, f64); 6]) -> Values {
        let fixed = |value: f64| Assumption {
            meaning: String::new(),
            unit: String::new(),
            low: value,
            likely: value,
            high: value,
            source: String::new(),
        };
        Values::likely(&of.into_iter().map(|(name, value)| (name.to_owned(), fixed(value))).collect::<BTreeMap<_, _>>())
    }

    fn count(method: Method, scanned: bool, v: &Values) -> Slips {
        let mut stream = Streams::new(8).stream("slips", &[]);
        let mut slips = Slips::default();
        for _ in 0..20_000 {
            if let Some((slip, fate)) = happen(method, scanned, v, &mut stream) {
                slips.add(slip, fate);
            }
        }
        slips
    }

    #[test]
    fn each_slip_is_caught_where_the_table_says() {
        let certain = |eye: f64, code: f64| {
            values([
                ("wrong_pick_share", 1.0),
                ("wrong_count_of_slips", 0.25),
                ("wrong_batch_of_slips", 0.25),
                ("caught_by_eye_share", eye),
                ("batch_by_eye_share", 0.0),
                ("caught_by_code_share", code),
            ])
        };
        let blind = certain(0.0, 1.0);
        for (method, scanned, drug, batch) in [
            (Method::None, true, Fate::Reached, Fate::Reached),
            (Method::Handheld, true, Fate::Code, Fate::Reached),
            (Method::Mv, true, Fate::Code, Fate::Reached),
            (Method::Mv, false, Fate::Reached, Fate::Reached),
            (Method::Pool, true, Fate::Reached, Fate::Code),
        ] {
            let slips = count(method, scanned, &blind);
            assert_eq!(slips.of(Slip::Drug, drug), slips.made(Slip::Drug), "{method:?}");
            assert_eq!(slips.of(Slip::Count, drug), slips.made(Slip::Count), "{method:?}");
            assert_eq!(slips.of(Slip::Batch, batch), slips.made(Slip::Batch), "{method:?}");
            assert_eq!(Slip::ALL.into_iter().map(|slip| slips.made(slip)).sum::<u64>(), 20_000);
        }
        let seeing = count(Method::None, true, &certain(1.0, 0.0));
        assert_eq!(seeing.reached(), seeing.made(Slip::Batch), "the eye sees drugs and counts, no batches");
    }

    #[test]
    fn the_same_slips_happen_under_every_method() {
        let v = values([
            ("wrong_pick_share", 0.3),
            ("wrong_count_of_slips", 0.25),
            ("wrong_batch_of_slips", 0.05),
            ("caught_by_eye_share", 0.9),
            ("batch_by_eye_share", 0.1),
            ("caught_by_code_share", 0.8),
        ]);
        let made = |method| Slip::ALL.map(|slip| count(method, true, &v).made(slip));
        for method in Method::ALL {
            assert_eq!(made(method), made(Method::None), "seed 8");
        }
        // 20,000 · 0.3 · (0.25, 0.05, 0.7), five standard deviations.
        for (found, expected) in made(Method::None).into_iter().zip([4200.0, 1500.0, 300.0]) {
            assert!((found as f64 - expected).abs() < 5.0 * f64::sqrt(expected), "{found}, {expected}, seed 8");
        }
        let twice = count(Method::Mv, true, &v).and(&count(Method::Mv, true, &v));
        assert_eq!(twice.reached(), 2 * count(Method::Mv, true, &v).reached());
    }
}
