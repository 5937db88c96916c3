//! The numbers of a run, and of many runs together.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::bands::{Band, BandCount, ByBand, Recall};
use crate::records::{Hashes, LineState, MisreadKind, PackageState, PrintRole, RunRecord, SCHEMA_VERSION};
use crate::stats;

/// Least px per module of the views by which packages are counted that a whole cycle should read.
pub const CYCLE_PX_PER_MODULE: f64 = 0.7;
/// Angle against the pixel grid below which a linear code's rows all sample it alike, degrees.
pub const ON_GRID_DEG: f64 = 1.0;
/// How views of matrix codes are named.
const MATRIX: &str = "data_matrix";

/// A distinct misread: duplicates in several frames count once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MisreadNote {
    /// Seed of the run.
    pub seed: u64,
    /// The text.
    pub text: String,
    /// How it is wrong.
    pub kind: MisreadKind,
    /// Index of the package it was given to; only where that is what is wrong with it.
    pub given_to: Option<usize>,
    /// Number of frames it was reported in.
    pub frames: u64,
}

/// A rate of misreads with what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MisreadRate {
    /// Wrong ones.
    pub wrong: u64,
    /// All of them.
    pub of: u64,
    /// wrong ÷ of; nothing without any.
    pub rate: Option<f64>,
    /// One-sided upper 95 % bound (Clopper–Pearson, exact); nothing without any.
    pub upper_95: Option<f64>,
}

impl MisreadRate {
    /// `wrong` of `of`.
    pub fn new(wrong: u64, of: u64) -> Self {
        let known = of > 0;
        Self {
            wrong,
            of,
            rate: known.then(|| wrong as f64 / of as f64),
            upper_95: known.then(|| stats::clopper_pearson_upper(wrong, of, 0.95)),
        }
    }
}

/// Recognition counts of one run or of many: what a baseline is held against. Counts add up; shares and bounds are made of the sums.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Recognition {
    /// Number of runs.
    pub runs: u64,
    /// Frames of all runs.
    pub frames: u64,
    /// Packages of all runs.
    pub packages: u64,
    /// Packages whose code was read.
    pub packages_read: u64,
    /// Packages whose code is visible in any frame of their cycle.
    pub packages_ceiling: u64,
    /// Packages whose code any frame of their cycle shows under nominal conditions and at [`CYCLE_PX_PER_MODULE`] or more.
    #[serde(default)]
    pub packages_nominal: u64,
    /// Those of them whose code was read.
    #[serde(default)]
    pub packages_nominal_read: u64,
    /// Visible views of traceability codes, by band.
    pub visible: ByBand<BandCount>,
    /// Those of them under nominal conditions.
    pub nominal: ByBand<BandCount>,
    /// Those of them under other conditions.
    pub off_nominal: ByBand<BandCount>,
    /// Of the nominal ones, those of matrix codes.
    #[serde(default)]
    pub nominal_matrix: ByBand<BandCount>,
    /// Of the nominal ones, those that lie within [`ON_GRID_DEG`] of the pixel grid.
    #[serde(default)]
    pub nominal_on_grid: ByBand<BandCount>,
    /// Views of traceability codes that were read although they do not count as visible.
    pub read_not_visible: u64,
    /// Trace-role readings in single frames, and wrong ones of any role.
    pub trace_readings: u64,
    /// Those of them that are wrong: a retail code that no package bears, too.
    pub wrong_readings: u64,
    /// Distinct trace-role texts per run, right and wrong, summed over runs.
    pub trace_texts: u64,
    /// Distinct misreads.
    pub misreads: Vec<MisreadNote>,
}

impl Recognition {
    /// Of one run.
    pub fn of(run: &RunRecord) -> Self {
        let mut of = Self {
            runs: 1,
            frames: run.frames.len() as u64,
            packages: run.packages.len() as u64,
            packages_read: run.packages.iter().filter(|package| package.read).count() as u64,
            packages_ceiling: run.packages.iter().filter(|package| package.visible_in_any_frame).count() as u64,
            ..Self::default()
        };
        let (mut texts, mut shown) = (BTreeSet::new(), BTreeSet::new());
        for view in run.views.iter().filter(|view| view.role == PrintRole::Trace) {
            let band = Band::of(view.px_per_module);
            if view.visible {
                of.visible.get_mut(band).count(view.read);
                let apart = if view.nominal { &mut of.nominal } else { &mut of.off_nominal };
                apart.get_mut(band).count(view.read);
                if view.nominal && view.symbology == MATRIX {
                    of.nominal_matrix.get_mut(band).count(view.read);
                }
                if view.nominal && view.grid_angle_deg < ON_GRID_DEG {
                    of.nominal_on_grid.get_mut(band).count(view.read);
                }
                if view.nominal && view.px_per_module >= CYCLE_PX_PER_MODULE {
                    shown.insert(view.package);
                }
            } else {
                of.read_not_visible += u64::from(view.read);
            }
            if view.read {
                of.trace_readings += 1;
                texts.insert(view.text.as_str());
            }
        }
        of.packages_nominal = shown.len() as u64;
        of.packages_nominal_read = run.packages.iter().filter(|package| package.read && shown.contains(&package.index)).count() as u64;
        // Where a text is on no package it does not matter which package it seemed to lie on.
        let mut distinct = BTreeMap::new();
        for misread in run.frames.iter().flat_map(|frame| &frame.misreads) {
            let given_to = misread.given_to.filter(|_| misread.kind == MisreadKind::WrongPackage);
            *distinct.entry((misread.text.as_str(), misread.kind, given_to)).or_insert(0) += 1;
        }
        of.trace_texts = (texts.len() + distinct.len()) as u64;
        for ((text, kind, given_to), frames) in distinct {
            of.wrong_readings += frames;
            of.misreads.push(MisreadNote { seed: run.manifest.seed, text: text.to_owned(), kind, given_to, frames });
        }
        of.trace_readings += of.wrong_readings;
        of
    }

    /// Adds the counts of other runs.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.frames += other.frames;
        self.packages += other.packages;
        self.packages_read += other.packages_read;
        self.packages_ceiling += other.packages_ceiling;
        self.packages_nominal += other.packages_nominal;
        self.packages_nominal_read += other.packages_nominal_read;
        for band in Band::ALL {
            self.visible.get_mut(band).add(*other.visible.get(band));
            self.nominal.get_mut(band).add(*other.nominal.get(band));
            self.off_nominal.get_mut(band).add(*other.off_nominal.get(band));
            self.nominal_matrix.get_mut(band).add(*other.nominal_matrix.get(band));
            self.nominal_on_grid.get_mut(band).add(*other.nominal_on_grid.get(band));
        }
        self.read_not_visible += other.read_not_visible;
        self.trace_readings += other.trace_readings;
        self.wrong_readings += other.wrong_readings;
        self.trace_texts += other.trace_texts;
        self.misreads.extend(other.misreads.iter().cloned());
    }

    /// Recall of visible views by band.
    pub fn recall_visible(&self) -> ByBand<Recall> {
        self.visible.map(|_, count| count.recall())
    }

    /// Recall of visible views under nominal conditions by band.
    pub fn recall_nominal(&self) -> ByBand<Recall> {
        self.nominal.map(|_, count| count.recall())
    }

    /// Recall of visible views under other than nominal conditions by band.
    pub fn recall_off_nominal(&self) -> ByBand<Recall> {
        self.off_nominal.map(|_, count| count.recall())
    }

    /// Recall of nominal views over all bands from `lowest` up: what a target such as "at ≥ 2 px per module" speaks of.
    pub fn recall_nominal_from(&self, lowest: Band) -> Recall {
        let mut sum = BandCount::default();
        self.nominal.iter().filter(|(band, _)| *band >= lowest).for_each(|(_, count)| sum.add(*count));
        sum.recall()
    }

    /// Share of wrong ones among trace-role readings in single frames. The views of one package are not independent, so the bound says less than
    /// it seems to; [`Self::misread_rate_texts`] is the cautious figure.
    pub fn misread_rate_readings(&self) -> MisreadRate {
        MisreadRate::new(self.wrong_readings, self.trace_readings)
    }

    /// Share of wrong ones among distinct trace-role texts per run.
    pub fn misread_rate_texts(&self) -> MisreadRate {
        MisreadRate::new(self.misreads.len() as u64, self.trace_texts)
    }
}

/// The recognition counts of several runs together.
pub fn merge<'a>(runs: impl IntoIterator<Item = &'a RunRecord>) -> Recognition {
    runs.into_iter().fold(Recognition::default(), |mut sum, run| {
        sum.add(&Recognition::of(run));
        sum
    })
}

/// The order in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrderCounts {
    /// Lines.
    pub lines: u64,
    /// Lines with all that they ask for.
    pub fulfilled: u64,
    /// Lines with some of it.
    pub partial: u64,
    /// Lines with none of it.
    pub missing: u64,
    /// Lines that a rule refused.
    pub refused: u64,
    /// Packages that were read and have no place in the order.
    pub surplus_packages: u64,
}

/// The machine-readable result of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Version of this form.
    pub schema_version: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// The one seed.
    pub seed: u64,
    /// Packages of the load.
    pub packages: u64,
    /// Frames of the cycle.
    pub frames: u64,
    /// Frames that did not arrive whole.
    pub frames_incomplete: u64,
    /// (code, frame) pairs of traceability codes, by px per module.
    pub recall_visible: ByBand<Recall>,
    /// Those of them under nominal conditions.
    pub recall_nominal: ByBand<Recall>,
    /// Those of them under other conditions.
    pub recall_off_nominal: ByBand<Recall>,
    /// Views read although they do not count as visible; in no recall.
    pub read_not_visible: u64,
    /// Packages whose code the cycle read.
    pub packages_read: u64,
    /// Packages whose code is visible in any frame.
    pub packages_ceiling: u64,
    /// Distinct misreads.
    pub misreads: u64,
    /// What they are.
    pub misread_texts: Vec<MisreadNote>,
    /// Share of wrong ones among readings in single frames.
    pub misread_rate_readings: MisreadRate,
    /// Share of wrong ones among distinct texts.
    pub misread_rate_texts: MisreadRate,
    /// Pixels rendered ÷ wall time of rendering, 10⁶/s; nothing where nothing was measured.
    pub render_mpix_per_s: Option<f64>,
    /// Wall time of decoding ÷ frames, s; nothing where nothing was measured.
    pub decode_seconds_per_frame: Option<f64>,
    /// Turning, settling and exposing on the injected clock, s.
    pub cycle_seconds_mechanical: f64,
    /// Computing, s: by the cost profile on the injected clock, else as measured.
    pub cycle_seconds_compute: f64,
    /// Whether `cycle_seconds_compute` was measured, and so differs from machine to machine.
    pub cycle_seconds_compute_measured: bool,
    /// Wall time of the whole run, s.
    pub run_seconds: f64,
    /// The order; nothing without one.
    pub order: Option<OrderCounts>,
    /// Hashes of the results.
    pub hashes: Hashes,
    /// Figures held against something, by whether they held.
    pub thresholds_held: u64,
    /// Figures that fell short.
    pub thresholds_failed: Vec<String>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

/// The numbers of a run.
pub fn summary(run: &RunRecord) -> Summary {
    let recognition = Recognition::of(run);
    let times = &run.times;
    let pixels_of = |frame: usize| run.frames.get(frame).map_or(0.0, |frame| f64::from(frame.width) * f64::from(frame.height));
    let rendered: f64 = times.frames.iter().map(|time| pixels_of(time.frame)).sum();
    let render_seconds: f64 = times.frames.iter().map(|time| time.render_seconds).sum();
    let decode_seconds: f64 = times.frames.iter().map(|time| time.decode_seconds()).sum();
    Summary {
        schema_version: SCHEMA_VERSION,
        scenario: run.scenario.clone(),
        seed: run.manifest.seed,
        packages: recognition.packages,
        frames: recognition.frames,
        frames_incomplete: run.frames.iter().filter(|frame| !frame.complete).count() as u64,
        recall_visible: recognition.recall_visible(),
        recall_nominal: recognition.recall_nominal(),
        recall_off_nominal: recognition.recall_off_nominal(),
        read_not_visible: recognition.read_not_visible,
        packages_read: recognition.packages_read,
        packages_ceiling: recognition.packages_ceiling,
        misreads: recognition.misreads.len() as u64,
        misread_rate_readings: recognition.misread_rate_readings(),
        misread_rate_texts: recognition.misread_rate_texts(),
        misread_texts: recognition.misreads,
        render_mpix_per_s: (render_seconds > 0.0).then(|| rendered / 1e6 / render_seconds),
        decode_seconds_per_frame: (!times.frames.is_empty()).then(|| decode_seconds / times.frames.len() as f64),
        cycle_seconds_mechanical: run.cycle.mechanical_seconds,
        cycle_seconds_compute: run.cycle.compute_seconds.unwrap_or(decode_seconds),
        cycle_seconds_compute_measured: run.cycle.compute_seconds.is_none(),
        run_seconds: times.total_seconds,
        order: (!run.order.is_empty()).then(|| order_counts(run)),
        hashes: run.hashes.clone(),
        thresholds_held: run.thresholds.iter().filter(|threshold| threshold.held).count() as u64,
        thresholds_failed: run.thresholds.iter().filter(|threshold| !threshold.held).map(|threshold| threshold.name.clone()).collect(),
        notes: run.notes.clone(),
    }
}

fn order_counts(run: &RunRecord) -> OrderCounts {
    let lines = |state| run.order.iter().filter(|line| line.state == state).count() as u64;
    OrderCounts {
        lines: run.order.len() as u64,
        fulfilled: lines(LineState::Fulfilled),
        partial: lines(LineState::Partial),
        missing: lines(LineState::Missing),
        refused: lines(LineState::Refused),
        surplus_packages: run.packages.iter().filter(|package| package.state == PackageState::Surplus).count() as u64,
    }
}
