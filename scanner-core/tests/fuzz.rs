//! The fuzz targets without a fuzzer: their corpora replayed, and random changes of them. What a coverage-guided fuzzer does better is to find inputs that
//! get further; here, an input that leads to a kind of outcome not seen before is kept and changed further.
//!
//! `make fuzz` runs the long version where cargo-fuzz is missing: FUZZ_SECONDS for each target, TRACETWIN_SEED to repeat.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

#[path = "../../fuzz/targets/mod.rs"]
mod targets;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use targets::{TARGETS, Target};

/// Longest input, bytes; as many as the fuzzer is told.
const LONGEST: usize = 4096;

/// Pieces of the languages that are parsed.
const WORDS: &[&str] = &[
    "\u{1d}",
    "01",
    "10",
    "17",
    "21",
    "]d2",
    "]C1",
    "(01)",
    "06900000000014",
    "280131",
    "991231",
    "80000110000000010000",
    "8000013",
    "<",
    "/>",
    "</",
    "&#x0;",
    "&#xD800;",
    "&lt;",
    "<![CDATA[",
    "]]>",
    "<!--",
    "<?xml version=\"1.1\"?>",
    "encoding=\"UTF-16\"",
    "\u{feff}",
    "packLayer=\"2\"",
    "parentCode=\"\"",
    "curCode=\"",
    "batchNo=\"\"",
    "validateDate=\"2028-02-30\"",
    "xmlns:x=\"y\"",
    "x:",
    "{",
    "}",
    "[",
    "]",
    "null",
    "true",
    "-1",
    "1e400",
    "0.5",
    "4294967296",
    "18446744073709551616",
    "\\u0000",
    "\\ud800",
    "\"\"",
    "\"entry\":",
    "\"contained\":",
    "\"status\":\"on-hold\"",
    "\"unit\":\"盒\"",
    "urgent",
    "stat",
    ",",
    "\"",
    "\"\"\"",
    "\n",
    "\r\n",
    "packs",
    "pieces",
    "2147483648",
    "=",
    "'''",
    "schema_version = 1",
    "batch = 0",
    "list = \"x\"",
    "%Y",
    "\"infcode\":\"0\"",
    "\"infcode\":0",
    "\"inf_refmsgid\":\"MSGID\"",
    "\"3505E2\"",
    "\0",
    "\u{202e}",
    "é",
    "码",
];

fn below(random: &mut ChaCha8Rng, end: usize) -> usize {
    if end == 0 { 0 } else { (random.next_u64() % end as u64) as usize }
}

/// A few random changes; `other` is an input to take pieces of.
fn change(random: &mut ChaCha8Rng, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=below(random, 5) {
        let at = below(random, bytes.len() + 1);
        let longest = 1 << below(random, 8);
        let end = (at + 1 + below(random, longest)).min(bytes.len());
        match below(random, 8) {
            0 if at < bytes.len() => bytes[at] ^= 1u8 << below(random, 8),
            1 if at < bytes.len() => bytes[at] = random.next_u64() as u8,
            2 => drop(bytes.drain(at..end.max(at))),
            3 => {
                let piece = bytes[at..end.max(at)].to_vec();
                let to = below(random, bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            4 => {
                let from = below(random, other.len());
                let until = (from + 1 + below(random, 64)).min(other.len());
                bytes.splice(at..end.max(at), other[from..until.max(from)].iter().copied());
            }
            5 => bytes.truncate(at),
            6 => {
                let digit = b'0' + below(random, 10) as u8;
                bytes.splice(at..at, [digit]);
            }
            _ => {
                let word = WORDS[below(random, WORDS.len())].as_bytes();
                bytes.splice(at..at, word.iter().copied());
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

fn corpus(name: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files
        .map(|file| file.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into(), std::fs::read(path).unwrap()))
        .collect()
}

/// Runs a target; an input that breaks it is printed as a Rust literal before the test fails.
fn run((name, target): Target, input: &[u8]) -> String {
    catch_unwind(AssertUnwindSafe(|| target(input))).unwrap_or_else(|payload| {
        eprintln!("target {name} breaks on b\"{}\"", input.escape_ascii());
        resume_unwind(payload)
    })
}

/// Changes a corpus until `enough` says so; how many inputs ran, and the kinds of outcomes with their first inputs.
fn wander(target: Target, seed: u64, enough: impl Fn(u64) -> bool) -> (u64, BTreeMap<String, Vec<u8>>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut inputs: Vec<Vec<u8>> = corpus(target.0).into_values().collect();
    inputs.push(Vec::new());
    let mut kinds: BTreeMap<String, Vec<u8>> = inputs.iter().map(|input| (run(target, input), input.clone())).collect();
    let mut runs = 0;
    while !enough(runs) {
        runs += 1;
        let (input, other) = (below(&mut random, inputs.len()), below(&mut random, inputs.len()));
        let changed = change(&mut random, &inputs[input], &inputs[other]);
        let kind = run(target, &changed);
        if !kinds.contains_key(&kind) && kinds.len() < 2000 {
            kinds.insert(kind, changed.clone());
            inputs.push(changed);
        }
    }
    (runs, kinds)
}

#[test]
fn every_corpus_is_taken_for_what_it_is() {
    let taken = |name: &str| -> Vec<(String, String)> {
        let target = TARGETS.into_iter().find(|target| target.0 == name).unwrap();
        corpus(name).into_iter().map(|(file, input)| (file, run(target, &input))).collect()
    };
    let of = |name: &str, file: &str| taken(name).into_iter().find(|(found, _)| found == file).unwrap().1;
    assert_eq!(of("codes", "national"), "national");
    assert_eq!(of("codes", "retail"), "retail");
    assert!(of("codes", "gs1-ambiguous").starts_with("gs1 "));
    assert_eq!(of("relation_file", "good"), "imported 2 1");
    assert_eq!(of("relation_file", "cases"), "imported 1 1");
    assert!(!of("relation_file", "entity").starts_with("imported"));
    assert_eq!(of("fhir_orders", "two"), "orders [2]");
    assert_eq!(of("csv_orders", "good"), "orders [1, 2]", "the urgent one first");
    assert!(of("dialect", "national").starts_with("dialect 7 1 "));
    assert_eq!(of("platform_answer", "done"), "done");
    assert_eq!(of("platform_answer", "stale"), "unknown: the answer is to another message");
    for (name, _) in TARGETS {
        assert!(!taken(name).is_empty(), "{name} has a corpus");
    }
}

#[test]
fn random_changes_break_nothing() {
    for target in TARGETS {
        let runs = if ["codes", "csv_orders", "fhir_orders"].contains(&target.0) { 3000 } else { 150 };
        let (_, kinds) = wander(target, 1, |done| done >= runs);
        assert!(kinds.len() > 3, "{}: {:?}", target.0, kinds.keys());
    }
}

#[test]
#[ignore = "long: make fuzz"]
fn random_changes_break_nothing_for_long() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = number("FUZZ_SECONDS").unwrap_or(120);
    let seed = number("TRACETWIN_SEED").unwrap_or_else(|| std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs());
    for target in TARGETS {
        let until = Instant::now() + Duration::from_secs(seconds);
        let (runs, kinds) = wander(target, seed, |_| Instant::now() >= until);
        println!("{}: {runs} inputs in {seconds} s, {} kinds of outcome, nothing broke (TRACETWIN_SEED={seed})", target.0, kinds.len());
    }
}
