//! Many strips, read on all cores: the same records whatever the number of cores.

use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::reader::{Record, read};
use crate::strips::{Population, Strip};

/// Everything flows from this and a strip's index.
pub const SEED: u64 = 1;

/// A population of strips in a range of px per module, and how many of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// What is printed.
    pub population: Population,
    /// px per module, evenly by their logarithm.
    pub range: [f64; 2],
    /// Strips.
    pub count: u64,
}

/// The bands in which codes are drawn, px per module.
pub const BANDS: [[f64; 2]; 5] = [[0.4, 0.5], [0.5, 0.7], [0.7, 1.0], [1.0, 1.5], [1.5, 3.0]];
/// The range in which impostors are drawn.
pub const IMPOSTORS: [f64; 2] = [0.4, 2.0];

/// The parts of a run; above 1.5 px per module a quarter is enough, since nothing is decided there by a hair.
pub fn parts(strips: u64, impostors: u64) -> Vec<Part> {
    let codes = BANDS.map(|range| {
        let count = if range[0] < 1.5 { strips } else { strips.div_ceil(4) };
        Part { population: Population::Codes, range, count }
    });
    codes.into_iter().chain([Part { population: Population::Impostors, range: IMPOSTORS, count: impostors }]).collect()
}

/// Strips of each part that are read before the next part's.
const ROUND: u64 = 200;

/// Reads them in rounds over all parts, so that a run that ends after `limit` has read as many of each. `first` is the round to begin with: a run that was
/// stopped is taken up there, and strips are the same whichever run reads them.
pub fn run(parts: &[Part], first: u64, limit: Duration) -> Vec<Record> {
    let started = Instant::now();
    let mut records = Vec::new();
    let most = parts.iter().map(|part| part.count).max().unwrap_or(0);
    // A part with fewer strips takes as many rounds as the others.
    let rounds = most.div_ceil(ROUND).max(1);
    for round in first..rounds {
        if started.elapsed() > limit {
            eprintln!("stopped after {round} of {rounds} rounds: {:.0} minutes are over", limit.as_secs_f64() / 60.0);
            break;
        }
        for part in parts {
            let upto = |round: u64| part.count * round / rounds;
            let found: Vec<Record> = (upto(round)..upto(round + 1))
                .into_par_iter()
                .map(|index| read(&Strip::draw(part.population, part.range, SEED, index), part.population, part.range, index))
                .collect();
            records.extend(found);
        }
        eprintln!("round {} of {rounds}: {} strips, {:.0} s", round + 1, records.len(), started.elapsed().as_secs_f64());
    }
    records
}

/// All records as CSV.
pub fn csv(records: &[Record]) -> String {
    let mut out = String::from(
        "population,from_px,to_px,index,impostor,px_per_module,slant_deg,blur_modules,contrast,noise,incidence_deg,nominal,outcome,wrong,trace,margin,\
         sure,alone,check_cost,misfit,worst_misfit,explained,sigma_modules,all_but_lead\n",
    );
    for r in records {
        let candidate = r.candidate.map_or(",,,,,,,,,,".to_owned(), |c| {
            format!(
                "{},{},{:.3},{:.3},{:.3},{:.4},{:.5},{:.5},{:.5},{:.3},{}",
                c.wrong,
                c.trace,
                c.margin,
                c.sure,
                c.alone,
                c.check_cost,
                c.misfit,
                c.worst_misfit,
                c.explained,
                c.sigma_modules,
                c.all_but_lead
            )
        });
        out += &format!(
            "{:?},{},{},{},{},{:.4},{:.3},{:.4},{:.4},{:.5},{:.2},{},{},{candidate}\n",
            r.population,
            r.range[0],
            r.range[1],
            r.index,
            r.impostor.map_or(String::new(), |i| i.name().replace(',', "")),
            r.px_per_module,
            r.slant_deg,
            r.blur_modules,
            r.contrast,
            r.noise,
            r.incidence_deg,
            r.nominal,
            r.outcome.name(),
        );
    }
    out
}
