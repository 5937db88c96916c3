//! The reader's proof: recall and misreads by px per module, with 95 % bounds, and other readers on the very same pictures.
//!
//! `cargo bench -p scanner-core --bench curves -- --quick` takes some three minutes; `--full` reads 20,000 strips in each band and 20,000 that are no
//! code. `--strips N`, `--impostors N` and `--minutes N` set the size of a run, `--round N` takes up one that was stopped after N rounds, `--out DIR` is the folder
//! of its tables and its report; `--only 0.5` reads the codes of one band. `--show INDEX` looks at one strip of
//! that band, or at an impostor. `--compared N`, `--angles N` and `--speed N` set the size of the comparisons: strips of each
//! band that every reader is asked about, turns of each photograph, rounds of the speed. With the feature `peers` zxing-cpp and zbar are asked, too.

#![allow(clippy::unwrap_used)] // A bench that cannot do its work has failed.

mod campaign;
mod compare;
mod peers;
mod photos;
mod plots;
mod reader;
mod speed;
mod strips;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;
mod tail;
mod textures;

use std::path::PathBuf;
use std::time::Duration;

use scanner_core::vision::decode::LinearSymbol;
use scanner_core::vision::decode::grey_level::{contribution, look_at_code128};

/// What the command line asks for.
struct Options {
    strips: u64,
    impostors: u64,
    /// Strips of each band that every reader is asked about.
    compared: u64,
    /// Turns of each photograph.
    angles: u32,
    /// Rounds of the comparison of speed; 0 leaves it out.
    speed: u32,
    /// Rounds of strips that an earlier run has read.
    round: u64,
    limit: Duration,
    /// Only the band of codes that begins here.
    only: Option<f64>,
    out: PathBuf,
    /// A strip of that band to look at, instead of anything else.
    show: Option<u64>,
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
            compared: number("--compared", or(20, 1000)),
            angles: number("--angles", or(0, u64::from(photos::ANGLES))) as u32,
            speed: number("--speed", or(0, 3)) as u32,
            round: number("--round", 0),
            limit: Duration::from_secs(60 * number("--minutes", or(3, 10_000))),
            only: value("--only").map(|v| v.parse().unwrap_or_else(|_| panic!("--only: {v} is no number"))),
            show: value("--show").map(|v| v.parse().unwrap_or_else(|_| panic!("--show: {v} is no number"))),
            // Cargo runs benches in their crate's folder.
            out: value("--out").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../out/curves"), PathBuf::from),
        }
    }
}

/// Draws one strip again, leaves its picture and says what it is and what is read.
fn show(options: &Options, index: u64) {
    let from = options.only;
    let part = campaign::parts(1, 1).into_iter().find(|part| match from {
        Some(from) => part.population == strips::Population::Codes && part.range[0] == from,
        None => part.population == strips::Population::Impostors,
    });
    let part = part.expect("--only names the band's lower edge");
    let strip = strips::Strip::draw(part.population, part.range, campaign::SEED, index);
    let path = options.out.join(format!("{:?}-{}-{index}.png", part.population, part.range[0]));
    strip.picture.save(&path).unwrap();
    println!("{}", path.display());
    println!(
        "printed {:?}, {:?}\n{:#?}\ncorners {:.2?}\nrough {:.2?}",
        strip.text, strip.impostor, strip.conditions, strip.corners, strip.rough
    );
    println!("{:#?}", reader::read(&strip, part.population, part.range, index));
    let plane = scanner_core::vision::Plane::from_image(&strip.picture.clone().into());
    let seen = look_at_code128(&plane, &strip.rough, reader::CHARACTERS);
    let found = seen.first().map(|seen| &seen.text);
    println!("read {:?}\n{found:#?}", found.as_ref().and_then(|found| found.text()));
    let Some(symbol) = strip.text.as_deref().and_then(LinearSymbol::code128_digits) else { return };
    for seen in seen {
        println!("what {:?} says about the printed text: {:#?}", seen.text.text().map(|text| text.text), contribution(&seen, &symbol));
    }
}

fn main() {
    let options = Options::from_args();
    std::fs::create_dir_all(&options.out).unwrap();
    if let Some(index) = options.show {
        return show(&options, index);
    }
    let mut page = plots::Page::default();
    let mut parts = campaign::parts(options.strips, options.impostors);
    parts.retain(|part| options.only.is_none_or(|from| part.population == strips::Population::Codes && part.range[0] == from));
    let records = campaign::run(&parts, options.round, options.limit);
    std::fs::write(options.out.join("strips.csv"), campaign::csv(&records)).unwrap();
    page.recall(&records);
    for factor in &table::FACTORS {
        page.factor(&records, factor);
    }
    page.misreads(&records);

    let methods = peers::methods();
    if options.compared > 0 && options.only.is_none() {
        let comparisons = compare::run(&methods, options.compared);
        std::fs::write(options.out.join("compared.csv"), compare::csv(&methods, &comparisons)).unwrap();
        page.compared(&methods, &comparisons);
    }
    if options.angles > 0 {
        match photos::load() {
            Ok(pictures) => {
                page.photos(&photos::as_they_are(&methods, &pictures));
                let reduced = photos::turned_and_reduced(&methods, &pictures, options.angles);
                page.reduced(&reduced.table(&methods), reduced.photos, options.angles);
            }
            Err(reason) => println!("photographs are skipped: {reason}\n"),
        }
    }
    if options.speed > 0 {
        speed::run(options.speed).iter().for_each(|table| page.speed(table));
    }
    let report = options.out.join("report.html");
    std::fs::write(&report, page.html()).unwrap();
    println!("The report with the curves: {}", report.display());
}
