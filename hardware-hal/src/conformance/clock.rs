//! The clock's contract.

use std::time::Duration;

use super::{Clause, Judge, Outcome};
use crate::Clock;

const READINGS: usize = 1000;

/// Checks a clock; a real one is slept on for a few milliseconds.
///
/// # Errors
/// The first clause that does not hold.
pub fn check_clock(clock: &dyn Clock) -> Outcome {
    let judge = Judge::new("clock");
    let mut last = clock.now();
    for _ in 0..READINGS {
        let now = clock.now();
        judge.hold(Clause::ClockNeverGoesBack, now >= last, || format!("{now:?} after {last:?}"))?;
        last = now;
    }
    for duration in [Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(10), Duration::from_millis(2)] {
        let before = clock.now();
        judge.hold(Clause::ClockNeverGoesBack, before >= last, || format!("{before:?} after {last:?}"))?;
        clock.sleep(duration);
        last = clock.now();
        judge.hold(Clause::ClockNeverGoesBack, last >= before, || format!("{last:?} after {before:?}, over a sleep"))?;
        judge.hold(Clause::ClockSleepPasses, last >= before.plus(duration), || {
            format!("sleep({duration:?}) took the clock from {before:?} to {last:?}")
        })?;
    }
    Ok(())
}
