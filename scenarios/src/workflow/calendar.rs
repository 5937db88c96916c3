//! The kernel: events in the order of their times.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Most events that are kept sorted.
const NEAR: usize = 32;

/// What will happen, in the order of time; events of the same time in the order in which they were entered. Times are seconds, 0 at the start.
///
/// The sequence number behind that order is what makes a simulation the same on every machine: a heap alone says nothing about ties.
///
/// The events that come next are kept sorted, and only those after them in a heap: most of what is entered happens soon, and finds its place in a short list
/// within a few comparisons, which the processor foresees better than a heap's.
#[derive(Debug, Clone)]
pub struct Calendar<E> {
    /// The next event last; none of them is after any in `far`.
    near: Vec<Entry<E>>,
    far: BinaryHeap<Entry<E>>,
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
        Self { near: Vec::with_capacity(NEAR + 1), far: BinaryHeap::new(), now: 0.0, next: 0 }
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
        let time = time.max(self.now).to_bits();
        let entry = Entry { time, sequence: self.next, event };
        self.next += 1;
        // Of two events of one time this is the later, so that times alone say where it belongs.
        if self.far.peek().is_some_and(|first| first.time <= time) {
            self.far.push(entry);
            return;
        }
        let earlier = self.near.iter().rev().take_while(|other| other.time <= time).count();
        self.near.insert(self.near.len() - earlier, entry);
        if self.near.len() > NEAR {
            self.far.extend(self.near.drain(..NEAR / 2));
        }
    }

    /// Takes the next event out and advances the clock to it.
    #[inline]
    pub fn pop(&mut self) -> Option<(f64, E)> {
        if self.near.is_empty() {
            self.refill();
        }
        let entry = self.near.pop()?;
        self.now = f64::from_bits(entry.time);
        Some((self.now, entry.event))
    }

    fn refill(&mut self) {
        self.near.extend(std::iter::from_fn(|| self.far.pop()).take(NEAR / 2));
        self.near.reverse();
    }

    /// Number of events to come.
    pub fn len(&self) -> usize {
        self.near.len() + self.far.len()
    }

    /// Whether nothing is to come.
    pub fn is_empty(&self) -> bool {
        self.near.is_empty() && self.far.is_empty()
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

        /// The same while events go in and out, against a list that is searched for the earliest.
        #[test]
        fn what_is_entered_on_the_way_finds_its_place(steps in prop::collection::vec((0_u8..4, 0_u8..60), 0..600)) {
            let mut calendar = Calendar::new();
            let mut list: Vec<(f64, usize)> = Vec::new();
            for (i, (kind, delay)) in steps.iter().enumerate() {
                if *kind > 0 {
                    list.push((calendar.now() + f64::from(*delay), i));
                    calendar.after(f64::from(*delay), i);
                } else {
                    let first = (0..list.len()).min_by(|a, b| list[*a].0.total_cmp(&list[*b].0));
                    prop_assert_eq!(calendar.pop(), first.map(|first| list.remove(first)));
                }
                prop_assert_eq!(calendar.len(), list.len());
            }
        }
    }
}
