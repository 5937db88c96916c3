//! Power losses: the pool on a medium that keeps an arbitrary part of what was not synced. Every acknowledged operation is there afterwards, once, and
//! the one that was under way is there as a whole or not at all.
//!
//! `make torture` runs a thousand; `TRACETWIN_SEED` repeats a run, `TRACETWIN_TORTURE` says how many.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod pool_support;
mod torture_support {
    pub use common::*;

    #[path = "mod.rs"]
    mod common;
    pub mod medium;
    pub mod vfs;
}

use std::sync::{Mutex, PoisonError};

use scanner_core::pool::{Pool, PoolError, PoolOptions};
use torture_support::medium::Medium;
use torture_support::{below, happened, ids, operate, random, shadow, vfs};

/// Power losses before a new pool is begun.
const LOSSES_PER_POOL: u64 = 20;

/// The file system is one for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn open(seed: u64) -> Result<Pool, PoolError> {
    Pool::open_with("torture.db", PoolOptions::default(), ids(seed))
}

/// Loses power `losses` times; operations that were acknowledged.
fn lose_power(seed: u64, losses: u64) -> u64 {
    let mut acknowledged = 0;
    let mut lost = 0;
    for number in 0.. {
        if lost == losses {
            break;
        }
        let seed_of_pool = seed.wrapping_add(number);
        let mut moments = random(seed_of_pool, u64::MAX);
        vfs::insert(Medium::new(random(seed_of_pool, u64::MAX - 1)));
        let mut shadow = shadow(seed_of_pool);
        let mut next = 0;
        for _ in 0..LOSSES_PER_POOL.min(losses - lost) {
            // Some losses come while the pool is opened after the last one, most of them later.
            let operations = if below(&mut moments, 4) == 0 { below(&mut moments, 40) } else { below(&mut moments, 1500) };
            vfs::with(|medium| medium.lose_power_after(operations));
            let fail = |what: String| -> ! { panic!("seed {seed}, power loss {lost}: {what}") };
            match open(seed_of_pool) {
                Ok(mut pool) => {
                    let came_back = vfs::with(|medium| medium.is_off());
                    if !came_back {
                        // Reading costs operations, too, so the power may go while the pool is looked at.
                        match happened(&pool, &mut shadow, seed_of_pool, next) {
                            Ok(yes) => next += u64::from(yes),
                            Err(_) if vfs::with(|medium| medium.is_off()) => {}
                            Err(what) => fail(what),
                        }
                    }
                    while !vfs::with(|medium| medium.is_off()) {
                        match operate(&mut pool, seed_of_pool, next) {
                            // Refused on the way down: that changed nothing, and will be refused again.
                            Ok(false) if vfs::with(|medium| medium.is_off()) => {}
                            // Acknowledged, even if the power went in the moment after.
                            Ok(_) => {
                                operate(&mut shadow, seed_of_pool, next).unwrap();
                                next += 1;
                                acknowledged += 1;
                            }
                            Err(error) if !vfs::with(|medium| medium.is_off()) => fail(format!("operation {next}: {error}")),
                            Err(_) => {}
                        }
                    }
                }
                Err(error) if !vfs::with(|medium| medium.is_off()) => fail(format!("the pool does not open: {error}")),
                Err(_) => {}
            }
            vfs::with(Medium::come_back);
            lost += 1;
        }
        let pool = open(seed_of_pool).unwrap_or_else(|error| panic!("seed {seed}, after power loss {lost}: {error}"));
        happened(&pool, &mut shadow, seed_of_pool, next).unwrap_or_else(|what| panic!("seed {seed}, after power loss {lost}: {what}"));
    }
    acknowledged
}

#[test]
fn no_power_loss_loses_or_doubles_what_was_acknowledged() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(lose_power(1, 60) > 100);
}

#[test]
#[ignore = "make torture"]
fn a_thousand_power_losses() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (seed, losses) = (torture_support::chosen_seed(), torture_support::chosen_count());
    println!("power: seed {seed}, {losses} power losses");
    let acknowledged = lose_power(seed, losses);
    println!("power: {losses} power losses, {acknowledged} acknowledged operations, 0 lost, 0 doubled");
}

/// The comparison must see what it is for: an acknowledged operation that is missing, and operations that nobody asked for.
#[test]
fn lost_and_doubled_operations_are_seen() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    vfs::insert(Medium::new(random(1, 1)));
    let mut ahead = shadow(1);
    let mut pool = open(1).unwrap();
    for number in 0..4 {
        operate(&mut pool, 1, number).unwrap();
        operate(&mut ahead, 1, number).unwrap();
    }
    drop(pool);
    vfs::with(Medium::come_back);
    let mut pool = open(1).unwrap();
    assert_eq!(happened(&pool, &mut ahead, 1, 4), Ok(false), "what was closed is there");
    // Ten operations more, most of which are not refused, are neither none nor one.
    for number in 4..14 {
        operate(&mut pool, 1, number).unwrap();
    }
    assert!(happened(&pool, &mut ahead, 1, 4).is_err());
    let mut behind = shadow(1);
    assert!(happened(&pool, &mut behind, 1, 0).is_err());
}
