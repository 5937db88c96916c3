//! Many windows at once on one pool, whatever store it lies in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::time::Duration;

use scanner_core::pool::{ClaimPolicy, EventKind, Outcome, Pool, PoolError, Refusal, UnitState};

use crate::pool_support::{Fixture, act, institution, order, packs, pieces, settlement};

/// As many as the issue of windows asks for.
const WINDOWS: usize = 32;

type Open<'o> = &'o (dyn Fn() -> Pool + Sync);

/// Runs `window` so many times at once, each with a connection of its own, all from the same moment.
fn at_once<T: Send>(count: usize, open: Open<'_>, window: impl Fn(usize, Pool) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let (barrier, window) = (&barrier, &window);
                scope.spawn(move || {
                    let pool = open();
                    barrier.wait();
                    window(number, pool)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn rule(error: &PoolError) -> &'static str {
    error.refusal().map_or_else(|| panic!("{error:?}"), Refusal::rule)
}

/// Every unit is sold, each once, and no window is told that there is nothing while there is.
pub fn never_get_the_same_unit(open: Open<'_>) {
    let mut f = Fixture::with(open());
    let stock: BTreeSet<String> = f.stock("A", 160, "2028-01-31").into_iter().collect();
    let sold = at_once(WINDOWS, open, |window, mut pool| {
        let mut mine = Vec::new();
        loop {
            let wanted = order(&format!("{window}-{}", mine.len()), [packs("A", 1)]);
            match pool.reserve(&wanted, act(10)) {
                Ok(_) => mine.extend(pool.dispense(&wanted.id, act(11)).unwrap().into_iter().map(|unit| unit.code)),
                Err(error) => {
                    assert_eq!(rule(&error), "insufficient_stock");
                    return mine;
                }
            }
        }
    });
    let all: Vec<String> = sold.into_iter().flatten().collect();
    assert_eq!(all.len(), stock.len(), "a unit was sold twice, or left");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), stock);
    f.pool.verify_ledger().unwrap();
}

/// All windows work on the same order and scan the same boxes: it gets what it asks for, once.
pub fn never_reserve_one_order_twice(open: Open<'_>) {
    let mut f = Fixture::with(open());
    let stock = f.stock("A", 40, "2028-01-31");
    let wanted = order("o1", [packs("A", 3), pieces("A", 4)]);
    at_once(WINDOWS, open, |window, mut pool| {
        if window % 2 == 0 {
            pool.reserve(&wanted, act(10)).unwrap();
        } else {
            let mut scanned: Vec<String> = stock[..6].to_vec();
            scanned.rotate_left(window % 6);
            pool.reserve_codes(&wanted, &scanned, act(10)).unwrap();
        }
    });
    let progress = f.pool.progress(&wanted).unwrap();
    assert_eq!(progress.iter().map(|p| (p.wanted, p.held)).collect::<Vec<_>>(), [(30, 30), (4, 4)]);
    // One of them sells it, the others are told that nothing is left to sell.
    let outcomes = at_once(8, open, |_, mut pool| match pool.dispense("o1", act(11)) {
        Ok(sold) => sold.len(),
        Err(error) => {
            assert_eq!(rule(&error), "nothing_reserved");
            0
        }
    });
    assert_eq!(outcomes.iter().filter(|sold| **sold > 0).count(), 1, "{outcomes:?}");
    f.pool.verify_ledger().unwrap();
}

/// Split packs: pieces add up, and never fall below zero.
pub fn never_sell_more_pieces_than_there_are(open: Open<'_>) {
    let mut f = Fixture::with(open());
    f.stock("A", 12, "2028-01-31"); // 120 pieces
    let sold = at_once(16, open, |window, mut pool| {
        let mut pieces_sold = 0;
        for number in 0.. {
            let wanted = order(&format!("{window}-{number}"), [pieces("A", 3)]);
            match pool.reserve(&wanted, act(10)) {
                Ok(_) => pieces_sold += pool.dispense(&wanted.id, act(11)).unwrap().iter().map(|unit| unit.quantity).sum::<u32>(),
                Err(error) => {
                    assert_eq!(rule(&error), "insufficient_stock");
                    break;
                }
            }
        }
        pieces_sold
    });
    let left: u64 = f.pool.status().unwrap().iter().map(|row| row.pieces).sum();
    assert_eq!(u64::from(sold.iter().sum::<u32>()) + left, 120);
    assert!(left < 3, "{left} pieces were refused to somebody who wanted 3");
    f.pool.verify_ledger().unwrap();
}

/// Sales, cancellations, quarantine, returns, sweeps and a recall at once: the ledger agrees with the tables, and no sale stands twice.
pub fn and_everything_else_at_once_keep_the_books(open: Open<'_>) {
    let mut f = Fixture::with(open());
    let stock = f.stock("A", 60, "2028-01-31");
    f.stock("B", 30, "2028-01-31");
    at_once(12, open, |window, mut pool| {
        for number in 0..12u64 {
            let at = 10 + number * 200;
            let id = format!("{window}-{number}");
            let wanted = order(&id, [packs("A", 1), pieces("B", 7)]);
            let code = &stock[(window * 7 + number as usize * 5) % stock.len()];
            let result = match (window + number as usize) % 7 {
                0 => pool.quarantine(std::slice::from_ref(code), act(at)).map(drop),
                1 => pool.restock(std::slice::from_ref(code), act(at)),
                2 => pool.expire_reservations(act(at)).map(drop),
                3 => pool.reserve_codes(&wanted, &[code.clone(), stock[number as usize].clone()], act(at)).map(drop),
                4 if window == 11 => pool.recall_batch("B", "B-2028-01-31", act(at)).map(drop),
                _ => pool.reserve(&wanted, act(at)).and_then(|_| {
                    if number % 3 == 0 { pool.release(&id, act(at)).map(drop) } else { pool.dispense(&id, act(at)).map(drop) }
                }),
            };
            match result {
                Ok(()) | Err(PoolError::Refused(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
            drop(pool.return_sale(&id, code, act(at + 1)));
        }
    });
    f.pool.verify_ledger().unwrap();
    let mut standing: BTreeMap<String, i32> = BTreeMap::new();
    for entry in f.pool.ledger() {
        let entry = entry.unwrap();
        match (entry.kind, entry.to) {
            (EventKind::Dispense, UnitState::Dispensed) => *standing.entry(entry.key).or_default() += 1,
            (EventKind::Return, UnitState::Returned) => *standing.entry(entry.key).or_default() -= 1,
            _ => {}
        }
    }
    assert!(standing.values().all(|n| [0, 1].contains(n)));
}

/// Several senders: each entry goes out once, and those of one unit in their order.
pub fn senders_never_claim_the_same_entry(open: Open<'_>) {
    let mut f = Fixture::with(open());
    f.pool.set_institution(&institution()).unwrap();
    let stock = f.stock("A", 24, "2028-01-31");
    for (number, code) in stock.iter().enumerate() {
        let wanted = order(&format!("o{number}"), [packs("A", 1)]);
        f.pool.reserve_codes(&wanted, std::slice::from_ref(code), act(10)).unwrap();
        f.pool.dispense_settled(&wanted, &settlement(), None, act(11)).unwrap();
        f.pool.return_sale(&wanted.id, code, act(12)).unwrap();
    }
    let policy = ClaimPolicy { batches: BTreeMap::new(), resend_unknown: false, lease: Duration::from_secs(60) };
    let sent = at_once(8, open, |sender, mut pool| {
        let mut mine = Vec::new();
        // A sale may be in another sender's hands while its return waits, so nothing to claim is not yet the end.
        while pool.upload_counts().unwrap().keys().any(|state| state.as_str() != "done") {
            if let Some(claim) = pool.claim_upload(&format!("sender {sender}"), &policy, act(20).at).unwrap() {
                pool.settle_upload(&claim, &Outcome::Done { note: String::new() }, act(21).at).unwrap();
                mine.extend(claim.entries.into_iter().map(|entry| (entry.position, entry.record.codes[0].clone())));
            }
        }
        mine
    });
    let all: Vec<(u64, String)> = sent.iter().flatten().cloned().collect();
    assert_eq!(all.len(), 48, "an entry was sent twice, or not at all");
    assert_eq!(all.iter().map(|(position, _)| position).collect::<BTreeSet<_>>().len(), 48);
    for mine in sent {
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for (position, code) in mine {
            assert!(last.insert(code, position).is_none_or(|before| before < position));
        }
    }
}
