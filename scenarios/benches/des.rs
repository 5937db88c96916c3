//! Speed of the event kernel: customers a second on M/M/10 at 90 % load, beside SimPy's in the same run, and a day of twelve windows.
//!
//! SimPy is asked of the Python in `TRACETWIN_PYTHON` (default `python3`; `pip install simpy`); without it the ratio is left out, said so.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group};
use scenarios::study::scan::Method;
use scenarios::study::{Study, day};
use scenarios::workflow::Distribution;
use scenarios::workflow::theory::{Class, mmc_wait, waits};

const CUSTOMERS: usize = 200_000;
const SIMPY_CUSTOMERS: usize = 50_000;
const ROUNDS: u64 = 5;
/// Products of the pool.
const PRODUCTS: u32 = 300;

fn mm10() -> [Class; 1] {
    [Class { arrivals_per_s: 9.0, service: Distribution::Exponential { mean: 1.0 } }]
}

/// Customers a second and their mean wait.
fn own(seed: u64) -> (f64, f64) {
    let begun = Instant::now();
    let waited = waits(&mm10(), 10, CUSTOMERS, seed);
    let rate = CUSTOMERS as f64 / begun.elapsed().as_secs_f64();
    (rate, waited[0].iter().sum::<f64>() / CUSTOMERS as f64)
}

fn simpy(seed: u64) -> Option<(f64, f64)> {
    let python = std::env::var("TRACETWIN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/mm10_simpy.py");
    let output = Command::new(python).arg(script).args([SIMPY_CUSTOMERS.to_string(), seed.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.split_whitespace().filter_map(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// In turns, so that whatever else the machine does meets both.
fn compare() {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for seed in 0..ROUNDS {
        ours.push(own(seed));
        theirs.extend(simpy(seed));
    }
    let theory = mmc_wait(9.0, 1.0, 10).unwrap_or(f64::NAN);
    let (rate, wait) = (median(ours.iter().map(|o| o.0).collect()), median(ours.iter().map(|o| o.1).collect()));
    println!("M/M/10 at 90 % load, one thread: {rate:.0} customers/s, mean wait {wait:.4} (theory {theory:.4})");
    if theirs.is_empty() {
        println!("SimPy is not there: no ratio (pip install simpy, or set TRACETWIN_PYTHON)");
        return;
    }
    let (simpy, wait) = (median(theirs.iter().map(|o| o.0).collect()), median(theirs.iter().map(|o| o.1).collect()));
    println!("SimPy in the same run: {simpy:.0} customers/s, mean wait {wait:.4}; ratio {:.0}", rate / simpy);
}

/// The study of the day with 1,200 prescriptions for each of its twelve windows.
fn full_day() -> Option<Study> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("studies/outpatient-day.toml");
    match Study::load(&file) {
        Ok(mut study) => {
            if let Some(day) = &mut study.body.day {
                day.prescriptions_per_window = [1200.0, 1200.0];
            }
            Some(study)
        }
        Err(error) => {
            println!("no day: {error}");
            None
        }
    }
}

/// A day with each method, without the real pool and with it.
fn days() {
    let Some(study) = full_day() else { return };
    for method in Method::ALL {
        let begun = Instant::now();
        let Some(day) = day::one_day(&study, method, 0) else { continue };
        let seconds = begun.elapsed().as_secs_f64();
        println!("a day of 12 windows, {}: {} prescriptions served, {} codes, {seconds:.3} s", method.key(), day.served, day.codes);
    }
    let begun = Instant::now();
    match day::one_day_with_pool(&study, Method::Pool, 0, PRODUCTS) {
        Ok(Some(day)) => {
            let seconds = begun.elapsed().as_secs_f64();
            println!("the same day with the real pool in memory: {} units sold by their codes, {seconds:.1} s", day.sold_by_pool);
        }
        Ok(None) => {}
        Err(error) => println!("the pool failed: {error}"),
    }
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("des");
    group.sample_size(10);
    group.throughput(Throughput::Elements(CUSTOMERS as u64));
    group.bench_function("mm10", |bencher| bencher.iter(|| black_box(waits(&mm10(), 10, CUSTOMERS, 1))));
    if let Some(study) = full_day() {
        group.throughput(Throughput::Elements(12 * 1200));
        group.bench_function("day of 12 windows, 1,200 prescriptions each, MV", |bencher| {
            bencher.iter(|| black_box(day::one_day(&study, Method::Mv, 0)));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);

fn main() {
    compare();
    days();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
