//! What both tortures do to a pool: operation number n of a seed, always the same one, and what can be seen of the pool afterwards.
#![allow(dead_code)] // Each test binary uses its part.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use scanner_core::pool::{Claim, ClaimPolicy, IdSource, Order, Outcome, Pool, PoolError, PoolOptions, SeededIds, Selection, UploadState};

use crate::pool_support::{act, day, institution, order, pack, packs, pieces, products, settlement};

/// Packs of each product that are there.
const PACKS: u32 = 12;

pub fn random(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    random
}

/// A number below `end`.
pub fn below(random: &mut ChaCha8Rng, end: u64) -> u64 {
    random.next_u64() % end
}

/// The seed to run with: that of `TRACETWIN_SEED`, or one from the operating system.
pub fn chosen_seed() -> u64 {
    match std::env::var("TRACETWIN_SEED") {
        Ok(text) => text.parse().expect("TRACETWIN_SEED is a number"),
        Err(_) => getrandom::u64().unwrap(),
    }
}

/// How often: `TRACETWIN_TORTURE`, or a thousand times.
pub fn chosen_count() -> u64 {
    std::env::var("TRACETWIN_TORTURE").map_or(1000, |text| text.parse().expect("TRACETWIN_TORTURE is a number"))
}

pub fn ids(seed: u64) -> Box<dyn IdSource> {
    Box::new(SeededIds::new(seed))
}

/// A pool in memory that nothing happens to: what the other one must be.
pub fn shadow(seed: u64) -> Pool {
    Pool::in_memory_with(PoolOptions::default(), ids(seed)).unwrap()
}

fn wanted(number: u64) -> Order {
    let id = format!("o{number}");
    match number % 4 {
        0 => order(&id, [packs("A", 1)]),
        1 => order(&id, [pieces("A", 13)]),
        2 => order(&id, [packs("B", 1), pieces("A", 4)]),
        _ => order(&id, [pieces("B", 7)]),
    }
}

/// Operation `number` of a seed, which is one transaction. `false`: a rule refused it.
pub fn operate(pool: &mut Pool, seed: u64, number: u64) -> Result<bool, PoolError> {
    let now = act(number * 7);
    let mut random = random(seed, number);
    let code = |random: &mut ChaCha8Rng| pack(["A", "B"][below(random, 2) as usize], below(random, u64::from(PACKS)) as u32);
    let result = match number {
        0 => pool.add_products(products()),
        1 => pool.set_institution(&institution()),
        2 => {
            let unit = |product: &str, serial| scanner_core::pool::NewUnit {
                code: pack(product, serial),
                product: product.into(),
                batch: "b".into(),
                expiry: day("2028-01-31"),
                made: Some(day("2025-01-15")),
                level: scanner_core::codes::PackLevel::SmallestPack,
                parent: None,
            };
            let units: Vec<_> = (0..PACKS).flat_map(|serial| [unit("A", serial), unit("B", serial)]).collect();
            pool.register(&units, now).map(drop)
        }
        3 => pool.receive(Selection::AllRegistered, now).map(drop),
        _ => {
            let order = wanted(below(&mut random, 10));
            match below(&mut random, 15) {
                0..=2 => pool.reserve(&order, now).map(drop),
                3 | 4 => {
                    let read: Vec<String> = (0..3).map(|_| code(&mut random)).collect();
                    pool.reserve_codes(&order, &read, now).map(drop)
                }
                5..=7 => pool.dispense_settled(&order, &settlement(), None, now).map(drop),
                8 => pool.release(&order.id, now).map(drop),
                9 => pool.return_sale(&order.id, &code(&mut random), now).map(drop),
                10 => {
                    let codes: Vec<String> = (0..PACKS).map(|serial| pack("A", serial)).collect();
                    let back: Vec<String> = codes
                        .into_iter()
                        .filter(|code| pool.unit(code).is_ok_and(|unit| unit.is_some_and(|unit| unit.state.as_str() == "returned")))
                        .collect();
                    pool.restock(&back, now)
                }
                11 => pool.quarantine(&[code(&mut random)], now).map(drop),
                12 | 13 => {
                    let lease = std::time::Duration::from_secs(60);
                    let policy = ClaimPolicy { batches: Default::default(), resend_unknown: true, lease };
                    pool.claim_upload("sender", &policy, now.at).map(drop)
                }
                _ => {
                    let entries: Vec<_> = pool.uploads(UploadState::InFlight)?.into_iter().take(1).collect();
                    let message_id = entries.first().and_then(|entry| entry.message_id.clone()).unwrap_or_default();
                    let claim = Claim { message_id, entries, claimer: "sender".into() };
                    pool.settle_upload(&claim, &Outcome::Done { note: "yes".into() }, now.at)
                }
            }
        }
    };
    match result {
        Ok(()) => Ok(true),
        Err(PoolError::Refused(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Everything that an operation can have changed: the ledger with the tables that follow from it, and the outbox.
pub fn seen(pool: &Pool) -> Result<(String, String), PoolError> {
    pool.verify_ledger()?;
    let states = [UploadState::Pending, UploadState::InFlight, UploadState::Unknown, UploadState::Failed, UploadState::Done];
    let mut outbox = String::new();
    for state in states {
        outbox.push_str(&format!("{:?}", pool.uploads(state)?));
    }
    Ok((pool.ledger_hash()?, outbox))
}

/// Holds a pool that came back against its shadow, which knows every operation before `next`, all of them acknowledged. Operation `next` was under way
/// and may have happened or not, as a whole. `true` if it did; the shadow has it then, too.
pub fn happened(pool: &Pool, shadow: &mut Pool, seed: u64, next: u64) -> Result<bool, String> {
    let found = seen(pool).map_err(|error| format!("the pool cannot be read: {error}"))?;
    let before = seen(shadow).unwrap();
    if found == before {
        return Ok(false);
    }
    operate(shadow, seed, next).unwrap();
    if found == seen(shadow).unwrap() {
        return Ok(true);
    }
    let entries = |pool: &Pool| pool.ledger().count();
    Err(format!("after {next} acknowledged operations the ledger has {} entries where {} are right", entries(pool), entries(shadow)))
}
