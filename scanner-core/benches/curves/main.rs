//! The reader's proof: recall and misreads by px per module, with 95 % bounds, and other readers on the very same pictures.
//!
//! `cargo bench -p scanner-core --bench curves -- --quick` takes some three minutes; `--full` reads 20,000 strips in each band and 20,000 that are no
//! code. `--strips N`, `--impostors N` and `--minutes N` set the size of a run, `--out DIR` the folder of its tables and its
//! report; `--only 0.5` reads the codes of one band.

#![allow(clippy::unwrap_used)] // A bench that cannot do its work has failed.

mod campaign;
mod reader;
mod strips;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;
mod tail;

use std::path::PathBuf;
use std::time::Duration;

/// What the command line asks for.
struct Options {
    strips: u64,
    impostors: u64,
    limit: Duration,
    /// Only the band of codes that begins here.
    only: Option<f64>,
    out: PathBuf,
}

impl Options {
    fn from_args() -> Self {
        let args: Vec<String> = std::env::args().collect();
        let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
        let number = |name: &str, or: u64| value(name).map_or(or, |v| v.parse().unwrap_or_else(|_| panic!("{name}: {v} is no number")));
        let full = args.iter().any(|a| a == "--full");
        let or = |quick: u64, all: u64| if full { all } else { quick };
        Self {
            strips: number("--strips", or(250, 20_000)),
            impostors: number("--impostors", or(400, 20_000)),
            limit: Duration::from_secs(60 * number("--minutes", or(3, 10_000))),
            only: value("--only").map(|v| v.parse().unwrap_or_else(|_| panic!("--only: {v} is no number"))),
            // Cargo runs benches in their crate's folder.
            out: value("--out").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../out/curves"), PathBuf::from),
        }
    }
}

fn main() {
    let options = Options::from_args();
    std::fs::create_dir_all(&options.out).unwrap();
    let mut parts = campaign::parts(options.strips, options.impostors);
    parts.retain(|part| options.only.is_none_or(|from| part.population == strips::Population::Codes && part.range[0] == from));
    let records = campaign::run(&parts, options.limit);
    std::fs::write(options.out.join("strips.csv"), campaign::csv(&records)).unwrap();
    println!("Recall, with its lower 95 % bound\n\n{}", table::recall(&records).to_text(false));
    for factor in &table::FACTORS {
        println!("Recall by {}\n\n{}", factor.name.0, table::by_factor(&records, factor).to_text(false));
    }
    println!("Misreads\n\n{}", table::misreads(&records).to_text(false));
    for line in table::misread_list(&records) {
        println!("{line}");
    }
}
