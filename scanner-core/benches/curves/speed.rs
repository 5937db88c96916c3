//! How long a station's frame takes this reader, and zxing-cpp in the same run.

use std::cell::RefCell;
use std::time::Instant;

use reports::stats::median;
use reports::{Align, TextTable};
use scanner_core::vision::{LocateOptions, Locator, ScanOptions, Scanner, StageTiming, detect};

use crate::support::{Dice, Scene, station_of};
use crate::textures;

/// Threads that this reader has.
const THREADS: usize = 2;

/// Frames of 12 MP with twenty cartons that bear a traceability code each, then a retail code as well, read so many times by each reader in turn: medians,
/// and the ratio; then where this reader's time goes; then how long textures take it.
pub fn run(rounds: u32) -> Vec<TextTable> {
    let frames = [false, true].map(|with_retail| station_of(1, [4096, 3000], (5, 4), (1.0, 1.8), 0.0, with_retail));
    frames.iter().flat_map(|scene| of_frame(scene, rounds)).chain([of_textures(&frames[0], rounds)]).collect()
}

fn scanner() -> Scanner {
    Scanner::new(ScanOptions { locate: LocateOptions { detector: Locator::Ssd, ..LocateOptions::default() }, ..ScanOptions::default() })
}

fn threads() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(THREADS).build().unwrap()
}

/// Frames that hold nothing but what looks like codes, each in turn with the frame of `scene`.
fn of_textures(scene: &Scene, rounds: u32) -> TextTable {
    let (scanner, threads) = (scanner(), threads());
    let seconds = |picture: &image::DynamicImage| {
        let started = Instant::now();
        let read = threads.install(|| scanner.scan_image(picture)).readings.len();
        (started.elapsed().as_secs_f64(), read)
    };
    let usual = image::DynamicImage::ImageLuma8(scene.photograph(&mut Dice::new(1, "noise"), 0.6, 0.015));
    let mut table = TextTable::new(&[
        ("texture", Align::Left),
        ("seconds (median)", Align::Right),
        ("÷ the frame of twenty cartons", Align::Right),
        ("texts read", Align::Right),
    ]);
    for (name, picture) in textures::all() {
        let picture = image::DynamicImage::ImageLuma8(picture);
        let (mut of_usual, mut of_this, mut texts) = (Vec::new(), Vec::new(), 0);
        for _ in 0..rounds {
            of_usual.push(seconds(&usual).0);
            let (took, read) = seconds(&picture);
            of_this.push(took);
            texts = texts.max(read);
        }
        let [usual, this] = [of_usual, of_this].map(|seconds| median(&seconds).unwrap_or(f64::NAN));
        table.row([name.to_owned(), format!("{this:.2}"), format!("{:.1}", this / usual), texts.to_string()]);
    }
    table
}

fn of_frame(scene: &Scene, rounds: u32) -> [TextTable; 2] {
    let picture = scene.photograph(&mut Dice::new(1, "noise"), 0.6, 0.015);
    let texts: Vec<&str> = scene.truths.iter().map(|t| t.text.as_str()).collect();
    let frame = image::DynamicImage::ImageLuma8(picture.clone());
    let (scanner, threads) = (scanner(), threads());
    let stages: RefCell<Vec<Vec<StageTiming>>> = RefCell::default();
    let mut readers: Vec<Timed> = Vec::new();
    let net = match detect::shared() {
        Ok(_) => "this reader (trained detector, 2 threads)".to_owned(),
        Err(error) => format!("this reader (gradients, since {error}; 2 threads)"),
    };
    let own = || {
        let found = threads.install(|| scanner.scan_image(&frame));
        stages.borrow_mut().push(found.timings);
        found.readings.into_iter().map(|r| r.text).collect()
    };
    readers.push((net, Box::new(own)));
    #[cfg(feature = "peers")]
    readers.push(("zxing-cpp (all formats, its defaults)".to_owned(), Box::new(|| crate::peers::zxing(&picture))));
    let mut seconds: Vec<Vec<f64>> = vec![Vec::new(); readers.len()];
    let mut found: Vec<[usize; 2]> = vec![[0; 2]; readers.len()];
    for _ in 0..rounds {
        // In turns, so that other work on the machine meets both.
        for (i, (_, read)) in readers.iter().enumerate() {
            let started = Instant::now();
            let said = read();
            seconds[i].push(started.elapsed().as_secs_f64());
            let right = texts.iter().filter(|t| said.iter().any(|s| s == *t)).count();
            found[i] = [right, said.iter().filter(|s| !texts.contains(&s.as_str())).count()];
        }
    }
    let mut table = TextTable::new(&[
        ("reader", Align::Left),
        ("seconds (median)", Align::Right),
        ("codes read", Align::Right),
        ("wrong texts", Align::Right),
        ("this reader ÷ it", Align::Right),
    ]);
    let medians: Vec<f64> = seconds.iter().map(|s| median(s).unwrap_or(f64::NAN)).collect();
    for (i, (name, _)) in readers.iter().enumerate() {
        let ratio = medians[0] / medians[i];
        table.row([
            name.clone(),
            format!("{:.2}", medians[i]),
            format!("{} of {}", found[i][0], texts.len()),
            found[i][1].to_string(),
            format!("{ratio:.2}"),
        ]);
    }
    drop(readers);
    let mut by_stage = TextTable::new(&[("stage of this reader", Align::Left), ("seconds (median)", Align::Right)]);
    let stages = stages.into_inner();
    for (i, timing) in stages.first().into_iter().flatten().enumerate() {
        let seconds: Vec<f64> = stages.iter().filter_map(|timings| timings.get(i)).map(|t| t.seconds).collect();
        by_stage.row([timing.stage.to_owned(), format!("{:.3}", median(&seconds).unwrap_or(f64::NAN))]);
    }
    [table, by_stage]
}

/// A name, and what reads the frame.
type Timed<'a> = (String, Box<dyn Fn() -> Vec<String> + 'a>);
