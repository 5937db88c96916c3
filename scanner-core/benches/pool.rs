//! The pool under load, on SQLite and PostgreSQL: reserve + commit of 32 windows beside the raw commit rate of the same store in the same run; and
//! reserving among a million units beside ten thousand. What counts is the ratios; they are printed.
//!
//! `make bench-pool`, or `cargo bench -p scanner-core --bench pool -- [quick]`.

#[path = "../tests/pool_support/mod.rs"]
#[allow(clippy::unwrap_used)]
mod pool_support;

use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use pool_support::{act, day, order, pack, packs, products, server};
use scanner_core::codes::PackLevel;
use scanner_core::pool::{NewUnit, OsIds, Pool, PoolOptions, Selection};

const WINDOWS: usize = 32;

fn options() -> PoolOptions {
    PoolOptions { busy_timeout: Duration::from_secs(300), ..PoolOptions::default() }
}

fn fill(pool: &mut Pool, first: u32, count: u32) {
    let units: Vec<NewUnit> = (first..first + count)
        .map(|serial| NewUnit {
            code: pack("A", serial),
            product: "A".into(),
            batch: format!("B{}", serial / 1000),
            expiry: day(["2028-01-31", "2028-06-30", "2029-01-31"][serial as usize % 3]),
            made: None,
            level: PackLevel::SmallestPack,
            parent: None,
        })
        .collect();
    pool.register(&units, act(0)).expect("registered");
    pool.receive(Selection::AllRegistered, act(1)).expect("received");
}

/// Runs `work` on so many threads, each with its own value; seconds for all, and each call's seconds.
fn timed<V>(threads: usize, calls: usize, open: impl Fn() -> V + Sync, work: impl Fn(&mut V, usize, usize) + Sync) -> (f64, Vec<f64>) {
    let barrier = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let (barrier, open, work) = (&barrier, &open, &work);
                scope.spawn(move || {
                    let mut value = open();
                    barrier.wait();
                    (0..calls)
                        .map(|call| {
                            let start = Instant::now();
                            work(&mut value, thread, call);
                            start.elapsed().as_secs_f64()
                        })
                        .collect::<Vec<f64>>()
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        let mut all: Vec<f64> = handles.into_iter().flat_map(|handle| handle.join().expect("a window")).collect();
        let seconds = start.elapsed().as_secs_f64();
        all.sort_by(f64::total_cmp);
        (seconds, all)
    })
}

fn milliseconds(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize] * 1000.0
}

fn windows(name: &str, open: impl Fn() -> Pool + Sync, calls: usize, raw: (f64, usize)) {
    let mut pool = open();
    pool.add_products(products()).expect("products");
    fill(&mut pool, 0, (WINDOWS * calls) as u32 + 200);
    let (seconds, all) = timed(WINDOWS, calls, &open, |pool, window, call| {
        let wanted = order(&format!("{window}-{call}"), [packs("A", 1)]);
        pool.reserve(&wanted, act(10)).expect("reserved");
        pool.dispense(&wanted.id, act(11)).expect("dispensed");
    });
    // One sale is two transactions: reserve, and commit.
    let (sales, raw_rate) = (all.len() as f64 / seconds, raw.1 as f64 / raw.0);
    println!(
        "{name}: {WINDOWS} windows, {sales:.0} sales/s = {:.0} commits/s; p50 {:.1} ms, p99 {:.1} ms; raw commits {raw_rate:.0}/s; ratio {:.2}",
        2.0 * sales,
        milliseconds(&all, 0.5),
        milliseconds(&all, 0.99),
        2.0 * sales / raw_rate
    );
    pool.verify_ledger().expect("the books are right");
}

fn raw_sqlite(path: &Path, calls: usize) -> (f64, usize) {
    let open = || {
        let db = rusqlite::Connection::open(path).expect("a file");
        db.busy_timeout(Duration::from_secs(300)).expect("a timeout");
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b TEXT)",
        )
        .expect("a table");
        db
    };
    open();
    let (seconds, all) = timed(WINDOWS, calls, open, |db, _, _| {
        db.execute_batch("BEGIN IMMEDIATE; INSERT INTO t (b) VALUES ('x'); COMMIT").expect("a commit");
    });
    (seconds, all.len())
}

fn raw_postgres(url: &str, calls: usize) -> (f64, usize) {
    server::admin(url).batch_execute("CREATE TABLE t (a BIGSERIAL PRIMARY KEY, b TEXT)").expect("a table");
    let (seconds, all) = timed(
        WINDOWS,
        calls,
        || server::admin(url),
        |db, _, _| {
            db.batch_execute("BEGIN; INSERT INTO t (b) VALUES ('x'); COMMIT").expect("a commit");
        },
    );
    (seconds, all.len())
}

/// Median seconds of reserving and releasing one pack.
fn reserving(pool: &mut Pool, calls: usize) -> f64 {
    let mut all: Vec<f64> = (0..calls)
        .map(|call| {
            let wanted = order(&format!("m{call}"), [packs("A", 1)]);
            let start = Instant::now();
            pool.reserve(&wanted, act(10)).expect("reserved");
            let seconds = start.elapsed().as_secs_f64();
            pool.release(&wanted.id, act(11)).expect("released");
            seconds
        })
        .collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn scale(name: &str, mut pool: Pool, many: u32) {
    pool.add_products(products()).expect("products");
    fill(&mut pool, 0, 10_000);
    let few = reserving(&mut pool, 200);
    let mut next = 10_000;
    while next < many {
        let count = 100_000.min(many - next);
        fill(&mut pool, next, count);
        next += count;
    }
    let with_many = reserving(&mut pool, 200);
    println!(
        "{name}: reserve among {many} units {:.3} ms, among 10000 {:.3} ms; ratio {:.2}",
        with_many * 1000.0,
        few * 1000.0,
        with_many / few
    );
}

fn main() {
    // `cargo test` runs benches with --test: nothing to measure then.
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|a| a == "--test") {
        return;
    }
    let quick = arguments.iter().any(|a| a == "quick");
    let (calls, many) = if quick { (10, 100_000) } else { (60, 1_000_000) };
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let raw = raw_sqlite(&folder.path().join("raw.db"), calls);
    let path = folder.path().join("pool.db");
    windows("sqlite", || Pool::open_with(&path, options(), Box::new(OsIds)).expect("a pool"), calls, raw);
    let url = server::new_database();
    let raw = raw_postgres(&server::new_database(), calls);
    windows("postgres", || Pool::connect(&url, options(), Box::new(OsIds)).expect("a pool"), calls, raw);
    scale("sqlite", Pool::open_with(folder.path().join("scale.db"), options(), Box::new(OsIds)).expect("a pool"), many);
    scale(
        "postgres",
        Pool::connect(&server::new_database(), options(), Box::new(OsIds)).expect("a pool"),
        if quick { many } else { 200_000 },
    );
}
