//! The pool under load, on SQLite and PostgreSQL: reserve + commit of 1 and of 32 windows beside the raw commit rate of the same store, of as many
//! connections, in the same run; and reserving among a million units beside ten thousand. What counts is the ratios; they are printed.
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
use scanner_core::pool::{Act, NewUnit, OsIds, Pool, PoolOptions, Selection};

/// At one window, and at as many as a large hospital has.
const WINDOWS: [usize; 2] = [1, 32];

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

fn windows(name: &str, windows: usize, open: impl Fn() -> Pool + Sync, calls: usize, raw: &[f64]) {
    let mut pool = open();
    pool.add_products(products()).expect("products");
    fill(&mut pool, 0, (windows * calls) as u32 + 200);
    let (seconds, all) = timed(windows, calls, &open, |pool, window, call| {
        let wanted = order(&format!("{window}-{call}"), [packs("A", 1)]);
        pool.reserve(&wanted, act(10)).expect("reserved");
        pool.dispense(&wanted.id, act(11)).expect("dispensed");
    });
    // One sale is two transactions: reserve, and commit. The raw rate is the mean of those before and after.
    let (sales, raw_rate) = (all.len() as f64 / seconds, raw.iter().sum::<f64>() / raw.len() as f64);
    println!(
        "{name}: {windows} windows, {sales:.0} sales/s = {:.0} commits/s; p50 {:.1} ms, p99 {:.1} ms; raw commits {raw_rate:.0}/s; ratio {:.2}",
        2.0 * sales,
        milliseconds(&all, 0.5),
        milliseconds(&all, 0.99),
        2.0 * sales / raw_rate
    );
    pool.verify_ledger().expect("the books are right");
}

fn raw_sqlite(path: &Path, windows: usize, calls: usize) -> f64 {
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
    let (seconds, all) = timed(windows, calls, open, |db, _, _| {
        db.execute_batch("BEGIN IMMEDIATE; INSERT INTO t (b) VALUES ('x'); COMMIT").expect("a commit");
    });
    all.len() as f64 / seconds
}

fn raw_postgres(url: &str, windows: usize, calls: usize) -> f64 {
    server::admin(url).batch_execute("CREATE TABLE IF NOT EXISTS t (a BIGSERIAL PRIMARY KEY, b TEXT)").expect("a table");
    let (seconds, all) = timed(
        windows,
        calls,
        || server::admin(url),
        |db, _, _| {
            db.batch_execute("BEGIN; INSERT INTO t (b) VALUES ('x'); COMMIT").expect("a commit");
        },
    );
    all.len() as f64 / seconds
}

/// Puts packs of A into a store's tables, with their entries in the ledger: through the pool a million would take an hour.
fn fill_by_sql(store: &str, first: u32, count: u32) {
    let last = first + count - 1;
    let postgres = store.starts_with("postgres://");
    let numbers = if postgres {
        format!("numbers (s) AS (SELECT generate_series({first}, {last}))")
    } else {
        format!("RECURSIVE numbers (s) AS (SELECT {first} UNION ALL SELECT s + 1 FROM numbers WHERE s < {last})")
    };
    let code = if postgres { "'8000011' || lpad(s::text, 9, '0') || '0000'" } else { "printf('8000011%09d0000', s)" };
    let sequence = |entry: u32| if postgres { "nextval('ledger_sequence')".to_owned() } else { format!("2 * s + {entry}") };
    let entry = |entry: u32, kind: &str, from: &str, to: &str, at: Act<'_>| {
        format!(
            "WITH {numbers} INSERT INTO ledger (sequence, event_id, at, actor, cause, kind, key, from_state, to_state, quantity, remaining, revision)
             SELECT {}, 'fill {entry} ' || s, {}, 'bench', 'fill', '{kind}', {code}, {from}, '{to}', 10, 10, {entry} FROM numbers;",
            sequence(entry),
            at.at.0
        )
    };
    let sql = format!(
        "WITH {numbers} INSERT INTO unit (key, code, product_id, batch, expiry, level, state, quantity, remaining, revision)
         SELECT {code}, {code}, 'A', 'B' || (s / 1000), CASE s % 3 WHEN 0 THEN '2028-01-31' WHEN 1 THEN '2028-06-30' ELSE '2029-01-31' END,
                'smallest_pack', 'available', 10, 10, 2 FROM numbers;
         {} {}",
        entry(1, "register", "NULL", "registered", act(0)),
        entry(2, "receive", "'registered'", "available", act(1))
    );
    if postgres {
        // The server does so by itself within a minute.
        server::admin(store).batch_execute(&format!("SET search_path = tracetwin; {sql} ANALYZE unit; ANALYZE ledger")).expect("filled");
    } else {
        let db = rusqlite::Connection::open(store).expect("a file");
        db.execute_batch(&format!("BEGIN; {sql} COMMIT")).expect("filled");
    }
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

fn scale(name: &str, store: &str, many: u32) {
    const FEW: u32 = 10_000;
    let open = || Pool::open_store(store, options(), Box::new(OsIds)).expect("a pool");
    open().add_products(products()).expect("products");
    fill_by_sql(store, 0, FEW);
    let mut pool = open();
    pool.verify_ledger().expect("what was filled in by hand is right");
    let few = reserving(&mut pool, 400);
    fill_by_sql(store, FEW + 10_000, many - FEW);
    let with_many = reserving(&mut open(), 400);
    println!(
        "{name}: reserve among {many} units {:.3} ms, among {FEW} {:.3} ms; ratio {:.2}",
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
    let many = if quick { 100_000 } else { 1_000_000 };
    let folder = tempfile::tempdir_in(".").expect("a folder");
    for count in WINDOWS {
        // As many sales in all, whether at one window or at many.
        let calls = if quick { 320 } else { 1920 } / count;
        let raw = || raw_sqlite(&folder.path().join("raw.db"), count, 2 * calls);
        let path = folder.path().join(format!("pool-{count}.db"));
        let open = || Pool::open_with(&path, options(), Box::new(OsIds)).expect("a pool");
        let before = raw();
        windows("sqlite", count, open, calls, &[before, raw()]);
        let (url, raw_url) = (server::new_database(), server::new_database());
        let raw = || raw_postgres(&raw_url, count, 2 * calls);
        let before = raw();
        windows("postgres", count, || Pool::connect(&url, options(), Box::new(OsIds)).expect("a pool"), calls, &[before, raw()]);
    }
    scale("sqlite", &folder.path().join("scale.db").display().to_string(), many);
    scale("postgres", &server::new_database(), many);
}
