//! Seven simulated days of sales and returns, with outages of hours, cuts before and after the effect, 5xx, rubbish, duplicate answers, a skewed clock,
//! and senders that die: at the end both ledgers are equal, each sale is there once, with its own time. Every figure follows from the seed.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod support;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use hardware_hal::{Clock, SimulatedClock, Timestamp};
use hub::{Booking, FaultPlan};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use scanner_core::date::civil;
use scanner_core::pool::{Act, EventKind, OrderLine, Pool, UploadState, Verdict};
use scanner_core::upload::{Dialect, Step, Unsigned, UploadOptions, Uploader};
use support::{DAY, Line, SECOND, START, hub, sell_units, stocked};

const SALES: u32 = 1_000;
const DAYS: u64 = 7;

#[derive(Debug, Default, PartialEq)]
struct Told {
    /// Message sent, by what became of it.
    done: u64,
    not_received: u64,
    unknown: u64,
    refused: u64,
    /// Senders that died.
    crashes: u64,
    /// Entries that a person had to look up, and how many of them the platform had.
    looked_up: u64,
    had: u64,
}

struct Outcome {
    told: Told,
    bookings: Vec<Booking>,
    repeated: u64,
    /// The pool's own record: event id → (code, pieces, time in China, whether a return).
    own: BTreeMap<String, (String, u32, String, bool)>,
    ledger: String,
}

fn plan(seed: u64) -> FaultPlan {
    FaultPlan {
        seed,
        cut_before: 0.03,
        cut_after: 0.04,
        server_error_before: 0.02,
        server_error_after: 0.02,
        rubbish: 0.01,
        duplicate: 0.03,
        latency_s: 0.2,
        jitter_s: 0.5,
        skew_s: 47.0,
        ..FaultPlan::default()
    }
    .with_outages(6, START, START + DAYS * DAY, 3600, 8 * 3600)
}

fn soak(seed: u64, recognises_repeats: bool, dialect: Dialect) -> Outcome {
    let clock = Arc::new(SimulatedClock::new(Timestamp(START)));
    let hub = hub(recognises_repeats, dialect.name == "batched", plan(seed));
    let mut pool = stocked(seed, SALES + 100);
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x7361_6C65);
    let mut told = Told::default();
    let line = |number: u64, crash| Line::new(&hub, &clock, crash, seed.wrapping_mul(1_000_003) + number);
    let new_sender = |number: u64, crash| {
        let options = UploadOptions { name: format!("sender {number}"), ..UploadOptions::default() };
        Uploader::new(line(number, crash), dialect.clone(), Box::new(Unsigned), options)
    };
    let mut sender = new_sender(0, 0.01);
    let mut sales: Vec<(String, String)> = Vec::new();
    let mut next_look = START + DAY;
    for number in 0..=SALES {
        // Sales come evenly over the seven days, jittered; the last round only drains, on a line without crashes, until nothing is open.
        let last = number == SALES;
        let next = if last {
            START + 40 * DAY
        } else {
            START + DAYS * DAY / u64::from(SALES) * u64::from(number) + random.next_u64() % (60 * SECOND)
        };
        if last {
            let sent = told.crashes;
            sender = new_sender(1000 + sent, 0.0);
        }
        while clock.now().0 < next {
            if clock.now().0 >= next_look {
                look_up(&mut pool, &hub, clock.now(), &mut told);
                next_look += DAY;
            }
            let step = std::panic::catch_unwind(AssertUnwindSafe(|| sender.step(&mut pool, clock.as_ref())));
            match step {
                Ok(step) => match step.unwrap() {
                    Step::Sent { outcome, .. } => match outcome {
                        scanner_core::pool::Outcome::Done { .. } => told.done += 1,
                        scanner_core::pool::Outcome::NotReceived { .. } => told.not_received += 1,
                        scanner_core::pool::Outcome::Unknown { .. } => told.unknown += 1,
                        scanner_core::pool::Outcome::Refused { .. } => told.refused += 1,
                    },
                    Step::Idle { until } => {
                        let until = until.map_or(u64::MAX, |t| t.0).max(clock.now().0 + 1).min(next).min(next_look.max(clock.now().0 + 1));
                        clock.sleep(Duration::from_nanos(until - clock.now().0));
                    }
                    Step::LineDown { until } => clock.sleep(until.since(clock.now())),
                },
                Err(_) => {
                    told.crashes += 1;
                    sender = new_sender(told.crashes, 0.01);
                }
            }
            if last && !pool.upload_counts().unwrap().keys().any(|state| *state != UploadState::Done) {
                break;
            }
        }
        if last {
            break;
        }
        let order = format!("order {number}");
        let line = if random.next_u64().is_multiple_of(4) { OrderLine::pieces("A", 3) } else { OrderLine::packs("A", 1) };
        let whole = line.unit == scanner_core::pool::OrderUnit::Packs;
        let sold = sell_units(&mut pool, &order, line, next);
        if whole {
            sales.push((order, sold[0].code.clone()));
        }
        if random.next_u64().is_multiple_of(20) && !sales.is_empty() {
            let (order, code) = sales.swap_remove((random.next_u64() % sales.len() as u64) as usize);
            pool.return_sale(&order, &code, Act::new("window 2", "brought back", Timestamp(next + SECOND))).unwrap();
        }
    }
    assert_eq!(pool.upload_counts().unwrap().keys().collect::<Vec<_>>(), [&UploadState::Done], "seed {seed}");
    pool.verify_ledger().unwrap();
    let mut own = BTreeMap::new();
    for entry in pool.ledger() {
        let entry = entry.unwrap();
        if matches!(entry.kind, EventKind::Dispense | EventKind::Return) {
            let (day, [h, m, s]) = civil(entry.at, 480);
            let time = format!("{day} {h:02}:{m:02}:{s:02}");
            own.insert(entry.event_id, (entry.key, entry.quantity, time, entry.kind == EventKind::Return));
        }
    }
    let hub = hub.lock().unwrap();
    assert_eq!(hub.platform.alerts(), [], "seed {seed}: a double sale");
    let ledger = pool.ledger_hash().unwrap();
    Outcome { told, bookings: hub.platform.bookings().to_vec(), repeated: hub.platform.repeated(), own, ledger }
}

/// Once a day somebody looks up in the platform's books what became of the unknown.
fn look_up(pool: &mut Pool, hub: &std::sync::Mutex<hub::Hub>, now: Timestamp, told: &mut Told) {
    pool.lapse_uploads(now).unwrap();
    let hub = hub.lock().unwrap();
    if hub.platform.bookings().is_empty() || pool.uploads(UploadState::Unknown).unwrap().is_empty() {
        return;
    }
    for entry in pool.uploads(UploadState::Unknown).unwrap() {
        let has = hub.platform.has(&entry.event_id);
        told.looked_up += 1;
        told.had += u64::from(has);
        let verdict = if has { Verdict::Done } else { Verdict::SendAgain };
        pool.reconcile(&entry.event_id, verdict, Act::new("pharmacist", "looked it up", now)).unwrap();
    }
}

/// The platform's books are the pool's: every sale and return once, with its code, number and own time.
fn assert_equal_ledgers(outcome: &Outcome, spaced: bool) {
    let mut theirs = BTreeMap::new();
    for booking in &outcome.bookings {
        let time = if spaced { booking.time.clone() } else { format!("{} {}", &booking.time[..10], &booking.time[10..]) };
        let entry = (booking.codes[0].clone(), booking.count.parse::<u32>().unwrap(), time, booking.infno == "3506");
        let twice = theirs.insert(booking.docno.clone().unwrap(), entry);
        assert_eq!(twice, None, "{booking:?} is booked twice");
    }
    assert_eq!(theirs.len(), outcome.own.len());
    assert_eq!(theirs, outcome.own);
}

#[test]
fn a_platform_that_recognises_repeats_ends_with_the_same_ledger() {
    for (seed, dialect) in [(1, Dialect { recognises_repeats: true, ..Dialect::national() }), (2, Dialect::batched())] {
        let spaced = dialect.name == "national";
        let mut outcome = soak(seed, true, dialect);
        assert_equal_ledgers(&outcome, spaced);
        let told = &mut outcome.told;
        println!("recognises repeats, seed {seed}: {} events, {} repeats recognised, {told:?}", outcome.own.len(), outcome.repeated);
        assert!(outcome.repeated > 0 && told.unknown > 0 && told.crashes > 0 && told.not_received > 0, "the soak shows nothing: {told:?}");
        assert_eq!(told.refused, 0);
    }
}

#[test]
fn a_platform_that_does_not_recognise_repeats_gets_nothing_twice_and_unknowns_wait_for_a_person() {
    for seed in [3, 4] {
        let outcome = soak(seed, false, Dialect::national());
        assert_equal_ledgers(&outcome, true);
        let told = &outcome.told;
        println!("does not, seed {seed}: {} events, {told:?}", outcome.own.len());
        // Every unknown outcome and every dead sender was looked up, none was sent again by itself.
        assert_eq!(told.looked_up, told.unknown + told.crashes, "{told:?}");
        assert!(told.had > 0 && told.had < told.looked_up, "{told:?}");
        assert_eq!(told.refused, 0);
    }
}

#[test]
fn the_same_seed_gives_the_same_week() {
    let [a, b] = [(); 2].map(|()| soak(5, false, Dialect::national()));
    assert_eq!((a.told, a.bookings, a.ledger), (b.told, b.bookings, b.ledger));
}
