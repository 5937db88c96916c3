//! What the records say, as tables.

use reports::stats::{clopper_pearson_lower, clopper_pearson_upper};
use reports::{Align, TextTable};
use scanner_core::vision::decode::grey_level::GreyLevelRule;

use crate::campaign::BANDS;
use crate::reader::{Candidate, Outcome, Record};
use crate::strips::{Impostor, Population};
use crate::tail::Tail;

/// Confidence of every bound.
pub const CONFIDENCE: f64 = 0.95;
/// Share of wrong texts whose check character is right, by chance.
const CHECK_BY_CHANCE: f64 = 1.0 / 103.0;

/// Strips that were read, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// Hits.
    pub hits: u64,
    /// Trials.
    pub of: u64,
}

impl Share {
    /// How many of `records` were read.
    pub fn read<'a>(records: impl Iterator<Item = &'a Record>) -> Self {
        records.fold(Self::default(), |s, r| s.and(r.outcome == Outcome::Read))
    }

    /// One more trial.
    #[must_use]
    pub fn and(self, hit: bool) -> Self {
        Self { hits: self.hits + u64::from(hit), of: self.of + 1 }
    }

    /// The share; nothing of nothing.
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }

    /// Both one-sided exact bounds.
    pub fn bounds(self) -> [f64; 2] {
        [clopper_pearson_lower(self.hits, self.of, CONFIDENCE), clopper_pearson_upper(self.hits, self.of, CONFIDENCE)]
    }

    /// Share and lower bound.
    pub fn text(self) -> String {
        self.value().map_or("–".into(), |v| format!("{:.1} % (≥ {:.1}) of {}", 100.0 * v, 100.0 * self.bounds()[0], self.of))
    }

    /// As few characters as possible.
    pub fn short(self) -> String {
        self.value().map_or("–".into(), |v| format!("{:.1} % of {}", 100.0 * v, self.of))
    }
}

/// The name of a range of px per module.
pub fn range_name([lo, hi]: [f64; 2]) -> String {
    format!("{lo}–{hi}")
}

fn codes(records: &[Record], range: [f64; 2]) -> impl Iterator<Item = &Record> {
    records.iter().filter(move |r| r.population == Population::Codes && r.range == range)
}

/// Recall per band: nominal aslant, nominal along the grid, and everything else.
pub fn recall(records: &[Record]) -> TextTable {
    let mut table = TextTable::new(&[
        ("px per module", Align::Left),
        ("nominal, ≥ 1° off the grid", Align::Right),
        ("nominal, within 1°", Align::Right),
        ("beyond nominal", Align::Right),
        ("misread", Align::Right),
    ]);
    for band in BANDS {
        let share = |is: &dyn Fn(&Record) -> bool| Share::read(codes(records, band).filter(|r| is(r)));
        table.row([
            range_name(band),
            share(&|r| r.nominal && !r.aligned).text(),
            share(&|r| r.nominal && r.aligned).text(),
            share(&|r| !r.nominal).text(),
            codes(records, band).filter(|r| r.outcome == Outcome::Misread).count().to_string(),
        ]);
    }
    table
}

/// A condition by which strips are told apart.
pub struct Factor {
    /// What it is, in English and in Chinese.
    pub name: (&'static str, &'static str),
    /// Its value for a strip.
    pub value: fn(&Record) -> f64,
    /// Edges of the levels.
    pub edges: &'static [f64],
    /// Whether a strip counts, whatever its value.
    pub counts: fn(&Record) -> bool,
}

/// Blur, contrast, noise, rotation, incidence: one at a time, the others nominal.
pub const FACTORS: [Factor; 5] = [
    Factor {
        name: ("blur σ, modules", "模糊 σ（模块）"),
        value: |r| r.blur_modules,
        edges: &[0.0, 0.25, 0.5, 0.75, 1.0, 1.5],
        counts: |r| r.nominal_but.blur && !r.aligned,
    },
    Factor {
        name: ("print contrast", "印刷对比度"),
        value: |r| r.contrast,
        edges: &[0.2, 0.4, 0.55, 0.65, 0.9],
        counts: |r| r.nominal_but.contrast && !r.aligned,
    },
    Factor {
        name: ("noise σ ÷ contrast", "噪声 σ ÷ 对比度"),
        value: |r| r.noise,
        edges: &[0.0, 0.01, 0.02, 0.03, 0.06],
        counts: |r| r.nominal && !r.aligned,
    },
    Factor {
        name: ("angle to the pixel grid, °", "与像素网格夹角（°）"),
        value: |r| r.slant_deg,
        edges: &[0.0, 0.3, 1.0, 3.0, 10.0, 45.1],
        counts: |r| r.nominal,
    },
    Factor {
        name: ("incidence, °", "入射角（°）"),
        value: |r| r.incidence_deg,
        edges: &[0.0, 20.0, 40.0, 60.0, 75.0],
        counts: |r| r.nominal_but.incidence && !r.aligned,
    },
];

impl Factor {
    /// Names of the levels.
    pub fn levels(&self) -> Vec<([f64; 2], String)> {
        let name = |v: f64| if v > 45.0 && v < 45.5 { "45".to_owned() } else { format!("{v}") };
        self.edges.windows(2).map(|w| ([w[0], w[1]], format!("{}–{}", name(w[0]), name(w[1])))).collect()
    }

    /// Whether a strip is of a level.
    pub fn holds(&self, level: [f64; 2], record: &Record) -> bool {
        (self.counts)(record) && ((self.value)(record) >= level[0] && (self.value)(record) < level[1])
    }
}

/// Recall by band and one factor.
pub fn by_factor(records: &[Record], factor: &Factor) -> TextTable {
    let levels = factor.levels();
    let mut header = vec![(factor.name.0.to_owned(), Align::Left)];
    header.extend(levels.iter().map(|(_, name)| (name.clone(), Align::Right)));
    let header: Vec<(&str, Align)> = header.iter().map(|(name, align)| (name.as_str(), *align)).collect();
    let mut table = TextTable::new(&header);
    for band in BANDS {
        let cells = levels.iter().map(|(level, _)| Share::read(codes(records, band).filter(|r| factor.holds(*level, r))).short());
        table.row([format!("{} px", range_name(band))].into_iter().chain(cells));
    }
    table
}

/// A name, and which strips it is about.
type Group<'a> = (String, Box<dyn Fn(&Record) -> bool + 'a>);

/// Misreads with their upper bounds, and what the tail of the wrong texts' leads says.
pub fn misreads(records: &[Record]) -> TextTable {
    let mut table = TextTable::new(&[
        ("strips", Align::Left),
        ("number", Align::Right),
        ("accepted", Align::Right),
        ("misread", Align::Right),
        ("as a trace code", Align::Right),
        ("upper 95 % bound", Align::Right),
        ("wrong texts but for their lead", Align::Right),
        ("longest lead", Align::Right),
        ("decay", Align::Right),
        ("expected at the limit", Align::Right),
    ]);
    let mut groups: Vec<Group> = Vec::new();
    for band in BANDS {
        let of = move |r: &Record| r.population == Population::Codes && r.range == band;
        groups.push((format!("codes {}, nominal", range_name(band)), Box::new(move |r| of(r) && r.nominal)));
        groups.push((format!("codes {}, beyond", range_name(band)), Box::new(move |r| of(r) && !r.nominal)));
    }
    groups.push(("no code: all".into(), Box::new(|r| r.impostor.is_some())));
    groups.extend(Impostor::ALL.map(|kind| -> Group { (format!("  {}", kind.name()), Box::new(move |r| r.impostor == Some(kind))) }));
    groups.push(("all".into(), Box::new(|_| true)));
    let limit = f64::from(GreyLevelRule::default().sure);
    for (name, is) in groups {
        let of: Vec<&Record> = records.iter().filter(|r| is(r)).collect();
        let wrong = |r: &&&Record| r.outcome == Outcome::Misread;
        let misread = of.iter().filter(wrong).count() as u64;
        let trace = of.iter().filter(wrong).filter(|r| r.candidate.is_some_and(|c| c.trace)).count();
        let candidates: Vec<Candidate> = of.iter().filter_map(|r| r.candidate).filter(|c| c.wrong && c.all_but_lead).collect();
        let leads: Vec<f64> = candidates.iter().map(|c| c.sure).collect();
        let tail = Tail::fit(&leads);
        let number = of.len() as u64;
        table.row([
            name,
            number.to_string(),
            of.iter().filter(|r| r.outcome != Outcome::Nothing).count().to_string(),
            misread.to_string(),
            trace.to_string(),
            if number == 0 { "–".into() } else { format!("{:.3} %", 100.0 * clopper_pearson_upper(misread, number, CONFIDENCE)) },
            leads.len().to_string(),
            if leads.is_empty() { "–".into() } else { format!("{:.1}", leads.iter().copied().fold(0.0, f64::max)) },
            tail.map_or("–".into(), |t| format!("{:.2}", t.decay)),
            tail.map_or("–".into(), |t| format!("{:.1e}", t.expected(limit) * CHECK_BY_CHANCE / number as f64)),
        ]);
    }
    table
}

/// What draws each misread again.
pub fn misread_list(records: &[Record]) -> Vec<String> {
    let line = |r: &Record| {
        format!(
            "{:?} {} index {}: {:.2} px per module, blur {:.2} modules, slant {:.1}°, nominal {}, {:?}",
            r.population,
            range_name(r.range),
            r.index,
            r.px_per_module,
            r.blur_modules,
            r.slant_deg,
            r.nominal,
            r.candidate
        )
    };
    records.iter().filter(|r| r.outcome == Outcome::Misread).map(line).collect()
}
