//! The kernel: events in the order of their times.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// What will happen, in the order of time; events of the same time in the order in which they were entered. Times are seconds, 0 at the start.
///
/// The sequence number behind that order is what makes a simulation the same on every machine: a heap alone says nothing about ties.
#[derive(Debug, Clone)]
pub struct Calendar<E> {
    heap: BinaryHeap<Entry<E>>,
    now: f64,
    next: u64,
}

#[derive(Debug, Clone)]
struct Entry<E> {
    /// The bits of a time that is not negative sort as the time does, and comparing integers is the quicker.
    time: u64,
    sequence: u64,
    event: E,
}

impl<E> Calendar<E> {
    /// An empty calendar at time 0.
    pub fn new() -> Self {
        Self { heap: BinaryHeap::new(), now: 0.0, next: 0 }
    }

    /// The time of the event that was popped last, s.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// Enters an event `delay` seconds from now. What is negative or no number happens now.
    #[inline]
    pub fn after(&mut self, delay: f64, event: E) {
        self.at(self.now + delay, event);
    }

    /// Enters an event at `time`. What lies in the past or is no number happens now, behind what is entered for now already.
    #[inline]
    pub fn at(&mut self, time: f64, event: E) {
        // `max` gives the other value for NaN.
        let time = time.max(self.now);
        self.heap.push(Entry { time: time.to_bits(), sequence: self.next, event });
        self.next += 1;
    }

    /// Takes the next event out and advances the clock to it.
    #[inline]
    pub fn pop(&mut self) -> Option<(f64, E)> {
        let entry = self.heap.pop()?;
        self.now = f64::from_bits(entry.time);
        Some((self.now, entry.event))
    }

    /// Number of events to come.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is to come.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<E> Default for Calendar<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Entry<E> {
    fn key(&self) -> u128 {
        (u128::from(self.time) << 64) | u128::from(self.sequence)
    }
}

/// The standard heap gives out the largest, so the earliest has to be that.
impl<E> Ord for Entry<E> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl<E> PartialOrd for Entry<E> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn events_of_one_time_come_in_the_order_they_were_entered() {
        let mut calendar = Calendar::new();
        for name in ["a", "b", "c"] {
            calendar.at(5.0, name);
        }
        calendar.at(1.0, "first");
        calendar.at(0.0, "start");
        let order: Vec<_> = std::iter::from_fn(|| calendar.pop()).collect();
        assert_eq!(order, [(0.0, "start"), (1.0, "first"), (5.0, "a"), (5.0, "b"), (5.0, "c")]);
    }

    #[test]
    fn the_clock_never_runs_back() {
        let mut calendar = Calendar::new();
        calendar.at(10.0, 'x');
        assert_eq!(calendar.pop(), Some((10.0, 'x')));
        calendar.at(3.0, 'p');
        calendar.after(-1.0, 'n');
        calendar.after(f64::NAN, 'q');
        calendar.after(2.5, 'f');
        let order: Vec<_> = std::iter::from_fn(|| calendar.pop()).collect();
        assert_eq!(order, [(10.0, 'p'), (10.0, 'n'), (10.0, 'q'), (12.5, 'f')]);
    }

    proptest! {
        /// Against a stable sort, which is what a calendar is.
        #[test]
        fn it_is_a_stable_sort_by_time(times in prop::collection::vec(0_u8..20, 0..200)) {
            let mut calendar = Calendar::new();
            let mut expected: Vec<(f64, usize)> = times.iter().enumerate().map(|(i, t)| (f64::from(*t), i)).collect();
            for (time, i) in &expected {
                calendar.at(*time, *i);
            }
            expected.sort_by(|a, b| a.0.total_cmp(&b.0));
            prop_assert_eq!(std::iter::from_fn(|| calendar.pop()).collect::<Vec<_>>(), expected);
        }
    }
}
