//! This reader and others on the very same strips.

use rayon::prelude::*;
use reports::{Align, TextTable};

use crate::campaign::{BANDS, SEED};
use crate::peers::{Method, Scene};
use crate::strips::{Population, Strip};
use crate::table::{Share, range_name};

/// What every method said about one strip: nothing if it could not be asked, else whether it gave the text, and how many other texts.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Range of px per module and index: what draws the strip again.
    pub range: [f64; 2],
    /// See `range`.
    pub index: u64,
    /// px per module.
    pub px_per_module: f64,
    /// Nominal conditions.
    pub nominal: bool,
    /// By method.
    pub said: Vec<Option<(bool, usize)>>,
}

/// Asks every method about the first `count` strips of each band.
pub fn run(methods: &[Method], count: u64) -> Vec<Comparison> {
    let mut all = Vec::new();
    for range in BANDS {
        let found: Vec<Comparison> = (0..count)
            .into_par_iter()
            .map(|index| {
                let strip = Strip::draw(Population::Codes, range, SEED, index);
                let scene = Scene { picture: &strip.picture, rough: Some(strip.rough) };
                let said = methods.iter().map(|method| (method.read)(&scene).map(|texts| judge(&texts, strip.text.as_deref())));
                let said = said.collect();
                Comparison { range, index, px_per_module: strip.conditions.pose.px_per_module, nominal: strip.nominal(), said }
            })
            .collect();
        all.extend(found);
        eprintln!("{} strips compared", all.len());
    }
    all
}

/// Whether `wanted` is among the texts, and how many others are.
pub fn judge(texts: &[String], wanted: Option<&str>) -> (bool, usize) {
    // FNC1 is part of a symbol's text here, but not of the expected ones.
    let plain = texts.iter().map(|t| t.replace('\u{1d}', ""));
    plain.fold((false, 0), |(read, wrong), text| if Some(text.as_str()) == wanted { (true, wrong) } else { (read, wrong + 1) })
}

/// Recall under nominal conditions by band, and misreads among all strips.
pub fn table(methods: &[Method], comparisons: &[Comparison]) -> TextTable {
    let header: Vec<(String, Align)> = [("reader".to_owned(), Align::Left)]
        .into_iter()
        .chain(BANDS.map(|band| (format!("{} px", range_name(band)), Align::Right)))
        .chain([("misreads".to_owned(), Align::Right), ("strips".to_owned(), Align::Right)])
        .collect();
    let header: Vec<(&str, Align)> = header.iter().map(|(name, align)| (name.as_str(), *align)).collect();
    let mut table = TextTable::new(&header);
    for (i, method) in methods.iter().enumerate() {
        let cells = BANDS.map(|band| {
            let of = comparisons.iter().filter(|c| c.range == band && c.nominal);
            of.filter_map(|c| c.said[i]).fold(Share::default(), |share, (read, _)| share.and(read)).short()
        });
        let asked: Vec<usize> = comparisons.iter().filter_map(|c| c.said[i]).map(|(_, wrong)| wrong).collect();
        let wrong: usize = asked.iter().sum();
        table.row([method.name.0.to_owned()].into_iter().chain(cells).chain([wrong.to_string(), asked.len().to_string()]));
    }
    table
}

/// All comparisons as CSV: read, misread or nothing by method.
pub fn csv(methods: &[Method], comparisons: &[Comparison]) -> String {
    let names: Vec<&str> = methods.iter().map(|m| m.name.0).collect();
    let mut out =
        format!("from_px,to_px,index,px_per_module,nominal,{}\n", names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(","));
    for c in comparisons {
        let said = c.said.iter().map(|said| match said {
            None => "",
            Some((true, 0)) => "read",
            Some((true, _)) => "read and misread",
            Some((false, 0)) => "nothing",
            Some((false, _)) => "misread",
        });
        out += &format!(
            "{},{},{},{:.4},{},{}\n",
            c.range[0],
            c.range[1],
            c.index,
            c.px_per_module,
            c.nominal,
            said.collect::<Vec<_>>().join(",")
        );
    }
    out
}
