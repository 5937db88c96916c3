//! From a cycle's report and the scored frames to the records of a run.

use std::collections::BTreeMap;

use reports::{
    Band, CycleTimes, FrameTimes, LineState, OrderLine, PackageRecord, PackageState, PoolCount, PrintRole, Recognition, RunRecord,
    StageTime, Threshold,
};
use scanner_core::codes::PackLevel;
use scanner_core::pool::{Order, Pool, PoolError};
use scanner_core::station::CycleReport;
use sha2::{Digest, Sha256};

use super::load::Drawn;
use crate::scenario::{Scenario, Thresholds, hex};
use crate::score::{normalised, symbology};

/// The load after the cycle.
pub fn packages(scenario: &Scenario, drawn: &Drawn, views: &[reports::CodeView], report: &CycleReport) -> Vec<PackageRecord> {
    let placed: BTreeMap<&str, ()> = report.lines.iter().flat_map(|line| &line.codes).map(|code| (normalised(code), ())).collect();
    let refused: BTreeMap<&str, &str> = report.refused.iter().map(|refused| (normalised(&refused.code), refused.rule)).collect();
    drawn
        .packages
        .iter()
        .enumerate()
        .map(|(index, package)| {
            let trace = package.symbols.iter().find(|symbol| symbol.trace);
            let own: Vec<_> = views.iter().filter(|view| view.package == index && view.role == PrintRole::Trace).collect();
            let visible: Vec<_> = own.iter().filter(|view| view.visible).collect();
            let views_read = own.iter().filter(|view| view.read).count() as u32;
            let text = trace.map_or("", |symbol| symbol.text.as_str());
            let read = views_read > 0;
            let key = normalised(text);
            let (state, rule) = match refused.get(key) {
                _ if trace.is_none() => (PackageState::NoCode, None),
                _ if !read => (PackageState::Unread, None),
                _ if placed.contains_key(key) => (PackageState::Fulfilled, None),
                Some(&rule) if ["surplus", "other_drug"].contains(&rule) => (PackageState::Surplus, None),
                Some(&rule) => (PackageState::Refused, Some(rule.to_owned())),
                None => (PackageState::Unreconciled, None),
            };
            PackageRecord {
                index,
                name: drawn.product(scenario, index).id.clone(),
                text: text.to_owned(),
                symbology: trace.map_or("", |symbol| symbology(symbol.kind)).to_owned(),
                x_dimension_mm: trace.map_or(0.0, |symbol| symbol.x_dimension * 1e3),
                visible_in_any_frame: !visible.is_empty(),
                best_px_per_module: visible.iter().map(|view| view.px_per_module).max_by(f64::total_cmp),
                read,
                views_visible: visible.len() as u32,
                views_read,
                state,
                refused_rule: rule,
            }
        })
        .collect()
}

/// The order's lines after the cycle.
pub fn lines(order: &Order, report: &CycleReport) -> Vec<OrderLine> {
    report
        .lines
        .iter()
        .zip(1..)
        .map(|(line, number)| OrderLine {
            line: number,
            product: order.lines.get(number as usize - 1).map_or_else(|| line.product.clone(), |asked| asked.product.clone()),
            requested: line.quantity,
            supplied: line.codes.len() as u32,
            state: match (line.missing_pieces, line.codes.len()) {
                (0, _) => LineState::Fulfilled,
                (_, 0) => LineState::Missing,
                _ => LineState::Partial,
            },
            codes: line.codes.clone(),
            refused_rule: None,
        })
        .collect()
}

/// Smallest packs by state.
pub type Stock = BTreeMap<&'static str, u64>;

/// The pool's smallest packs by state.
///
/// # Errors
/// The pool's.
pub fn stock(pool: &Pool) -> Result<Stock, PoolError> {
    let mut stock = Stock::new();
    for row in pool.status()?.iter().filter(|row| row.level == PackLevel::SmallestPack) {
        *stock.entry(row.state.as_str()).or_default() += row.units;
    }
    Ok(stock)
}

/// Both counts side by side.
pub fn pool_counts(before: &Stock, after: &Stock) -> Vec<PoolCount> {
    let states: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let count = |stock: &Stock, state: &str| stock.get(state).copied().unwrap_or(0);
    states
        .into_iter()
        .map(|state| PoolCount { status: (*state).to_owned(), before: count(before, state), after: count(after, state) })
        .collect()
}

/// SHA-256 over the codes that were read and where: text, symbology, role, and frame and corners of every view.
pub fn codes_hash(report: &CycleReport) -> String {
    // Plain structs of texts and finite numbers always serialise.
    hex(&Sha256::digest(serde_json::to_vec(&report.codes).unwrap_or_default()))
}

/// The cycle on the injected clock.
pub fn cycle_times(report: &CycleReport) -> CycleTimes {
    CycleTimes { mechanical_seconds: report.times.mechanical_s, compute_seconds: Some(report.times.compute_s) }
}

/// Measured times of every frame. Rendering is measured as a whole; each frame has the share of its pixels.
pub fn frame_times(report: &CycleReport, render_seconds: f64) -> Vec<FrameTimes> {
    let pixels = |index: usize| report.frames.get(index).map_or(0.0, |f| f64::from(f.meta.width) * f64::from(f.meta.height));
    let all: f64 = (0..report.frames.len()).map(pixels).sum();
    let stages = report.wall.stages.iter().enumerate();
    stages
        .map(|(frame, stages)| FrameTimes {
            frame,
            render_seconds: if all > 0.0 { render_seconds * pixels(frame) / all } else { 0.0 },
            decode: stages.iter().map(|stage| StageTime { stage: stage.stage.to_owned(), seconds: stage.seconds }).collect(),
        })
        .collect()
}

/// Holds the run against what the scenario asks of it.
pub fn thresholds(asked: &Thresholds, run: &RunRecord) -> Vec<Threshold> {
    let recognition = Recognition::of(run);
    let nominal = recognition.recall_nominal();
    let mut held = Vec::new();
    for (key, least) in &asked.recall_nominal {
        let Some(band) = Band::ALL.into_iter().find(|band| band.key() == key) else { continue };
        let recall = nominal.get(band);
        let observed = match (recall.recall, recall.lower_95) {
            (Some(share), Some(lower)) => format!("{share:.4} (lower bound {lower:.4}, {} views)", recall.visible),
            _ => "no views".to_owned(),
        };
        held.push(Threshold {
            name: format!("recall_nominal.{key}"),
            required: format!("lower 95 % bound ≥ {least}"),
            observed,
            held: recall.lower_95.is_some_and(|lower| lower >= *least),
        });
    }
    if let Some(most) = asked.misreads {
        let found = recognition.misreads.len() as u64;
        held.push(Threshold {
            name: "misreads".to_owned(),
            required: format!("≤ {most}"),
            observed: format!("{found} of {} texts", recognition.trace_texts),
            held: found <= most,
        });
    }
    if let Some(least) = asked.packages_read_share {
        let (read, ceiling) = (recognition.packages_read, recognition.packages_ceiling);
        let share = if ceiling > 0 { read as f64 / ceiling as f64 } else { 0.0 };
        held.push(Threshold {
            name: "packages_read_share".to_owned(),
            required: format!("≥ {least}"),
            observed: format!("{share:.4} ({read} of {ceiling} packages)"),
            held: share >= least,
        });
    }
    held
}
