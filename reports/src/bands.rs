//! Bands of px per module, and counting by band.

use serde::{Deserialize, Serialize};

use crate::stats;

/// A half-open band [lo, hi) of px per module. The one place that defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Band {
    /// Below 0.5.
    Lt0_5,
    /// [0.5, 0.7).
    From0_5,
    /// [0.7, 1).
    From0_7,
    /// [1, 1.5).
    From1,
    /// [1.5, 2).
    From1_5,
    /// [2, 3).
    From2,
    /// 3 and above.
    Ge3,
}

impl Band {
    /// All bands, from fine to coarse.
    pub const ALL: [Self; 7] = [Self::Lt0_5, Self::From0_5, Self::From0_7, Self::From1, Self::From1_5, Self::From2, Self::Ge3];

    /// The band that `px_per_module` lies in. What is not a number lies in the lowest.
    pub fn of(px_per_module: f64) -> Self {
        Self::ALL.into_iter().rev().find(|band| px_per_module >= band.lo()).unwrap_or(Self::Lt0_5)
    }

    /// Lower edge, inclusive; −∞ for the lowest.
    pub fn lo(self) -> f64 {
        match self {
            Self::Lt0_5 => f64::NEG_INFINITY,
            Self::From0_5 => 0.5,
            Self::From0_7 => 0.7,
            Self::From1 => 1.0,
            Self::From1_5 => 1.5,
            Self::From2 => 2.0,
            Self::Ge3 => 3.0,
        }
    }

    /// Upper edge, exclusive; +∞ for the highest.
    pub fn hi(self) -> f64 {
        Self::ALL.get(self as usize + 1).map_or(f64::INFINITY, |next| next.lo())
    }

    /// Key in files: `lt0_5`, `0_5_0_7`, `0_7_1`, `1_1_5`, `1_5_2`, `2_3`, `ge3`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Lt0_5 => "lt0_5",
            Self::From0_5 => "0_5_0_7",
            Self::From0_7 => "0_7_1",
            Self::From1 => "1_1_5",
            Self::From1_5 => "1_5_2",
            Self::From2 => "2_3",
            Self::Ge3 => "ge3",
        }
    }

    /// For people: `< 0.5`, `0.5–0.7`, …, `≥ 3`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Lt0_5 => "< 0.5",
            Self::From0_5 => "0.5–0.7",
            Self::From0_7 => "0.7–1",
            Self::From1 => "1–1.5",
            Self::From1_5 => "1.5–2",
            Self::From2 => "2–3",
            Self::Ge3 => "≥ 3",
        }
    }
}

/// One value per band; in files an object with the bands' keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ByBand<T> {
    #[serde(rename = "lt0_5")]
    lt0_5: T,
    #[serde(rename = "0_5_0_7")]
    from0_5: T,
    #[serde(rename = "0_7_1")]
    from0_7: T,
    #[serde(rename = "1_1_5")]
    from1: T,
    #[serde(rename = "1_5_2")]
    from1_5: T,
    #[serde(rename = "2_3")]
    from2: T,
    #[serde(rename = "ge3")]
    ge3: T,
}

impl<T> ByBand<T> {
    /// Of one band.
    pub fn get(&self, band: Band) -> &T {
        match band {
            Band::Lt0_5 => &self.lt0_5,
            Band::From0_5 => &self.from0_5,
            Band::From0_7 => &self.from0_7,
            Band::From1 => &self.from1,
            Band::From1_5 => &self.from1_5,
            Band::From2 => &self.from2,
            Band::Ge3 => &self.ge3,
        }
    }

    /// Of one band, to change it.
    pub fn get_mut(&mut self, band: Band) -> &mut T {
        match band {
            Band::Lt0_5 => &mut self.lt0_5,
            Band::From0_5 => &mut self.from0_5,
            Band::From0_7 => &mut self.from0_7,
            Band::From1 => &mut self.from1,
            Band::From1_5 => &mut self.from1_5,
            Band::From2 => &mut self.from2,
            Band::Ge3 => &mut self.ge3,
        }
    }

    /// Every band with its value, from fine to coarse.
    pub fn iter(&self) -> impl Iterator<Item = (Band, &T)> {
        Band::ALL.into_iter().map(|band| (band, self.get(band)))
    }

    /// The same bands with other values.
    pub fn map<U>(&self, mut value: impl FnMut(Band, &T) -> U) -> ByBand<U> {
        ByBand {
            lt0_5: value(Band::Lt0_5, &self.lt0_5),
            from0_5: value(Band::From0_5, &self.from0_5),
            from0_7: value(Band::From0_7, &self.from0_7),
            from1: value(Band::From1, &self.from1),
            from1_5: value(Band::From1_5, &self.from1_5),
            from2: value(Band::From2, &self.from2),
            ge3: value(Band::Ge3, &self.ge3),
        }
    }
}

/// How many code views were visible, and how many of those were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BandCount {
    /// (code, frame) pairs with the code visible.
    pub visible: u64,
    /// Those of them that were read.
    pub read: u64,
}

impl BandCount {
    /// Counts one visible view.
    pub fn count(&mut self, read: bool) {
        self.visible += 1;
        self.read += u64::from(read);
    }

    /// Adds another count.
    pub fn add(&mut self, other: Self) {
        self.visible += other.visible;
        self.read += other.read;
    }

    /// Share read, and its bound.
    pub fn recall(self) -> Recall {
        let known = self.visible > 0;
        Recall {
            visible: self.visible,
            read: self.read,
            recall: known.then(|| self.read as f64 / self.visible as f64),
            lower_95: known.then(|| stats::clopper_pearson_lower(self.read, self.visible, 0.95)),
        }
    }
}

/// A recall with the samples behind it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    /// (code, frame) pairs with the code visible.
    pub visible: u64,
    /// Those of them that were read.
    pub read: u64,
    /// read ÷ visible; nothing when none was visible.
    pub recall: Option<f64>,
    /// One-sided lower 95 % bound of it (Clopper–Pearson, exact); nothing when none was visible.
    pub lower_95: Option<f64>,
}
