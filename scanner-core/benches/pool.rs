//! The pool under load, on SQLite and PostgreSQL: reserve + commit of 1 and of 32 windows beside two yardsticks of the same store, with as many
//! connections, in the same run; and reserving among a million units beside ten thousand. What counts is the ratios; they are printed.
//!
//! The first yardstick is the raw commit rate: one short row a transaction. The second writes the rows of a sale into the pool's own tables, in two
//! transactions, each one message of prepared statements, and asks nothing: what the store takes for the rows alone, their indices and constraints.
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

/// Calls of each window before the clock starts: a window that opened a moment ago has statements to prepare and caches to fill.
const WARM: usize = 5;

/// Runs `work` on so many threads, each with its own value and after [`WARM`] calls; seconds for all, and each call's seconds.
fn timed<V>(threads: usize, calls: usize, open: impl Fn() -> V + Sync, work: impl Fn(&mut V, usize, usize) + Sync) -> (f64, Vec<f64>) {
    let barrier = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let (barrier, open, work) = (&barrier, &open, &work);
                scope.spawn(move || {
                    let mut value = open();
                    (0..WARM).for_each(|call| work(&mut value, thread, call));
                    barrier.wait();
                    (WARM..WARM + calls)
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

/// `yardsticks` gives the rates of both; the means of what it says before and after count.
fn windows(name: &str, windows: usize, open: impl Fn() -> Pool + Sync, calls: usize, yardsticks: impl Fn() -> (f64, f64)) {
    let mut pool = open();
    pool.add_products(products()).expect("products");
    fill(&mut pool, 0, (windows * (calls + WARM)) as u32 + 200);
    let before = yardsticks();
    let (seconds, all) = timed(windows, calls, &open, |pool, window, call| {
        let wanted = order(&format!("{window}-{call}"), [packs("A", 1)]);
        pool.reserve(&wanted, act(10)).expect("reserved");
        pool.dispense(&wanted.id, act(11)).expect("dispensed");
    });
    let after = yardsticks();
    // One sale is two transactions: reserve, and commit.
    let rate = 2.0 * all.len() as f64 / seconds;
    let (commits, rows) = ((before.0 + after.0) / 2.0, (before.1 + after.1) / 2.0);
    println!(
        "{name}: {windows} windows, {:.0} sales/s = {rate:.0} commits/s; p50 {:.1} ms, p99 {:.1} ms; raw commits {commits:.0}/s, ratio {:.2}; \
         commits of the same rows {rows:.0}/s, ratio {:.2}",
        rate / 2.0,
        milliseconds(&all, 0.5),
        milliseconds(&all, 0.99),
        rate / commits,
        rate / rows
    );
    pool.verify_ledger().expect("the books are right");
}

/// The statements of the second yardstick, in their two transactions, with `$1` the unit, `$2` the order, `$3` what makes an event's id of it.
fn rows_of_a_sale(number: &str) -> [Vec<String>; 2] {
    let ledger = |kind: &str, from: &str, to: &str, remaining: u32, revision: u32| {
        format!(
            "INSERT INTO ledger (sequence, event_id, at, actor, cause, kind, key, from_state, to_state, order_id, quantity, remaining, revision)
             VALUES ({number}, '{kind} event of the unit ' || $3, 1790820000000000000, 'window', 'bench', '{kind}', $1, '{from}', '{to}', $2, 10, \
             {remaining}, {revision})"
        )
    };
    let reserve = vec![
        "UPDATE unit SET state = 'reserved', revision = 3 WHERE key = $1".to_owned(),
        ledger("reserve", "available", "reserved", 10, 3),
        "INSERT INTO reservation (order_id, line, key, quantity, expires_at, event_id, coded) \
         VALUES ($2, 0, $1, 10, 1790821800000000000, 'reserve event of the unit ' || $3, 1)"
            .to_owned(),
        r#"INSERT INTO order_record (order_id, record) VALUES ($1, '[{"product":"A","quantity":1,"unit":"packs","batch":null}]')"#
            .to_owned(),
    ];
    let dispense = vec![
        "UPDATE unit SET state = 'dispensed', remaining = 0, revision = 4 WHERE key = $1".to_owned(),
        ledger("dispense", "reserved", "dispensed", 0, 4),
        "DELETE FROM reservation WHERE event_id = 'reserve event of the unit ' || $1".to_owned(),
        "INSERT INTO sale (event_id, order_id, line, key, quantity, whole, coded) VALUES ('dispense event of the unit ' || $3, $2, 0, $1, 10, 1, 1)"
            .to_owned(),
    ];
    [reserve, dispense]
}

/// Which values each of them takes: unit (0), order (1), event (2).
const VALUES: [[&[usize]; 4]; 2] = [[&[0], &[0, 1, 2], &[0, 1, 2], &[1]], [&[0], &[0, 1, 2], &[2], &[0, 1, 2]]];

fn values_of_a_sale(windows: usize, window: usize, call: usize) -> [String; 3] {
    let serial = call * windows + window;
    [pack("A", serial as u32), format!("{window}-{call}"), serial.to_string()]
}

fn rows_sqlite(path: &Path, windows: usize, calls: usize) -> f64 {
    let store = path.display().to_string();
    Pool::open_store(&store, options(), Box::new(OsIds)).expect("a pool").add_products(products()).expect("products");
    fill_by_sql(&store, 0, (windows * (calls + WARM)) as u32);
    let open = || {
        let db = rusqlite::Connection::open(path).expect("a file");
        db.busy_timeout(Duration::from_secs(300)).expect("a timeout");
        db.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON").expect("settings");
        db
    };
    let statements = rows_of_a_sale("(SELECT max(sequence) + 1 FROM ledger)").map(|all| all.map_dollars());
    let (seconds, all) = timed(windows, calls, open, |db, window, call| {
        let values = values_of_a_sale(windows, window, call);
        for (statements, wanted) in statements.iter().zip(&VALUES) {
            db.execute_batch("BEGIN IMMEDIATE").expect("a beginning");
            for (sql, wanted) in statements.iter().zip(wanted) {
                let values = rusqlite::params_from_iter(wanted.iter().map(|value| &values[*value]));
                db.prepare_cached(sql).expect("a statement").execute(values).expect("a row");
            }
            db.execute_batch("COMMIT").expect("a commit");
        }
    });
    2.0 * all.len() as f64 / seconds
}

/// SQLite writes its values otherwise.
trait MapDollars {
    fn map_dollars(self) -> Self;
}

impl MapDollars for Vec<String> {
    fn map_dollars(self) -> Self {
        self.into_iter().map(|sql| sql.replace('$', "?")).collect()
    }
}

fn rows_postgres(url: &str, windows: usize, calls: usize) -> f64 {
    Pool::connect(url, options(), Box::new(OsIds)).expect("a pool").add_products(products()).expect("products");
    fill_by_sql(url, 0, (windows * (calls + WARM)) as u32);
    let open = || {
        let mut db = server::admin(url);
        db.batch_execute("SET search_path = tracetwin; SET plan_cache_mode = force_generic_plan").expect("settings");
        for (transaction, statements) in rows_of_a_sale("nextval('ledger_sequence')").iter().enumerate() {
            for (number, sql) in statements.iter().enumerate() {
                db.batch_execute(&format!("PREPARE rows_{transaction}_{number} AS {sql}")).expect("a statement");
            }
        }
        db
    };
    let (seconds, all) = timed(windows, calls, open, |db, window, call| {
        let values = values_of_a_sale(windows, window, call);
        for (transaction, wanted) in VALUES.iter().enumerate() {
            let calls: String = wanted
                .iter()
                .enumerate()
                .map(|(number, wanted)| {
                    let values: Vec<String> = wanted.iter().map(|value| format!("'{}'", values[*value])).collect();
                    format!("EXECUTE rows_{transaction}_{number} ({});", values.join(","))
                })
                .collect();
            db.batch_execute(&format!("BEGIN; {calls} COMMIT")).expect("a commit");
        }
    });
    2.0 * all.len() as f64 / seconds
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
        let path = |name: &str| folder.path().join(format!("{name}-{count}.db"));
        let pool_path = path("pool");
        let open = || Pool::open_with(&pool_path, options(), Box::new(OsIds)).expect("a pool");
        let turn = std::cell::Cell::new(0);
        let next = || turn.replace(turn.get() + 1);
        windows("sqlite", count, open, calls, || {
            (raw_sqlite(&path("raw"), count, 2 * calls), rows_sqlite(&path(&format!("rows-{}", next())), count, calls))
        });
        let url = server::new_database();
        windows(
            "postgres",
            count,
            || Pool::connect(&url, options(), Box::new(OsIds)).expect("a pool"),
            calls,
            || (raw_postgres(&server::new_database(), count, 2 * calls), rows_postgres(&server::new_database(), count, calls)),
        );
    }
    scale("sqlite", &folder.path().join("scale.db").display().to_string(), many);
    scale("postgres", &server::new_database(), many);
}
