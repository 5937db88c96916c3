//! `kill -9` of a process that works on a pool's file, at random moments, also while it opens the file that the one before left behind. Every
//! acknowledged operation is there afterwards, once, and the one that was under way is there as a whole or not at all.
//!
//! `make torture` runs a thousand; `TRACETWIN_SEED` repeats the operations and moments (not the machine's pace), `TRACETWIN_TORTURE` says how many.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod pool_support;
mod torture_support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scanner_core::pool::{Pool, PoolOptions};
use torture_support::{below, happened, ids, operate, random, shadow};

/// Tells the child what to do: file, seed, number of the first operation.
const CHILD: &str = "TRACETWIN_TORTURED_CHILD";

/// Kills before a new pool is begun.
const KILLS_PER_POOL: u64 = 50;

fn open(path: &Path, seed: u64) -> Pool {
    Pool::open_with(path, PoolOptions { busy_timeout: Duration::from_secs(60), ..PoolOptions::default() }, ids(seed)).unwrap()
}

/// Not a test: what the other tests start, and kill. Says the number of each operation that was acknowledged.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let [path, seed, first] = task.split('\n').collect::<Vec<_>>()[..] else { panic!("{task}") };
    let (seed, first): (u64, u64) = (seed.parse().unwrap(), first.parse().unwrap());
    let mut pool = open(Path::new(path), seed);
    let mut out = std::io::stdout();
    writeln!(out, "\nopen").unwrap();
    for number in first.. {
        operate(&mut pool, seed, number).unwrap();
        writeln!(out, "ack {number}").unwrap();
        out.flush().unwrap();
    }
}

/// Runs a child from operation `next` on, and kills it after `acks` operations and `delay` more; the number of operations that it acknowledged, or
/// `None` if it died before the pool was open.
fn run_and_kill(path: &Path, seed: u64, next: u64, acks: u64, delay: Duration) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{}\n{seed}\n{next}", path.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut acknowledged, mut opened) = (0, false);
    let mut note = |line: &str, acknowledged: &mut u64| {
        opened |= line == "open";
        if let Some(number) = line.strip_prefix("ack ") {
            assert_eq!(number.parse(), Ok(next + *acknowledged), "acknowledgements come in order");
            *acknowledged += 1;
        }
    };
    // Without acknowledgements to wait for, the moment counts from the start of the process: it may be opening the file.
    while acks > 0 && acknowledged < acks {
        let line = lines.next().expect("the child works until it is killed").unwrap();
        note(&line, &mut acknowledged);
    }
    let start = Instant::now();
    while start.elapsed() < delay {
        std::hint::spin_loop();
    }
    child.kill().unwrap(); // SIGKILL
    // What it had said before it died was acknowledged.
    lines.map_while(Result::ok).for_each(|line| note(&line, &mut acknowledged));
    child.wait().unwrap();
    opened.then_some(acknowledged)
}

/// Kills `kills` times; operations that were acknowledged.
fn kill(seed: u64, kills: u64) -> u64 {
    let (mut all, mut killed) = (0, 0);
    for number in 0.. {
        if killed == kills {
            break;
        }
        let seed_of_pool = seed.wrapping_add(number);
        let mut moments = random(seed_of_pool, u64::MAX);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pool.db");
        let mut shadow = shadow(seed_of_pool);
        let mut next = 0;
        for _ in 0..KILLS_PER_POOL.min(kills - killed) {
            let acks = if below(&mut moments, 3) == 0 { 0 } else { below(&mut moments, 12) };
            let most = if acks == 0 { 30_000 } else { 3_000 };
            let acknowledged = run_and_kill(&path, seed_of_pool, next, acks, Duration::from_micros(below(&mut moments, most)));
            killed += 1;
            // Nothing was begun; the next process finds what this one left of the recovery.
            let Some(acknowledged) = acknowledged else { continue };
            for number in next..next + acknowledged {
                operate(&mut shadow, seed_of_pool, number).unwrap();
            }
            next += acknowledged;
            all += acknowledged;
            match happened(&open(&path, seed_of_pool), &mut shadow, seed_of_pool, next) {
                Ok(yes) => next += u64::from(yes),
                Err(what) => panic!("seed {seed}, kill {killed}: {what}"),
            }
        }
    }
    all
}

#[test]
fn no_kill_loses_or_doubles_what_was_acknowledged() {
    assert!(kill(1, 12) > 12);
}

#[test]
#[ignore = "make torture"]
fn a_thousand_kills() {
    let (seed, kills) = (torture_support::chosen_seed(), torture_support::chosen_count());
    println!("kill: seed {seed}, {kills} kills");
    let acknowledged = kill(seed, kills);
    println!("kill: {kills} kills, {acknowledged} acknowledged operations, 0 lost, 0 doubled");
}
