//! A resource with a queue in front of it.

use std::collections::VecDeque;

/// What names a waiting item, so that it can leave the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// Servers of one kind, as many as the capacity says at the moment, and who waits for them: classes of priority (0 first), first come first served
/// within a class. Whoever is being served is not interrupted by a higher class, nor by a capacity that falls: a server goes when it is done.
///
/// It keeps the integrals over time of what waits and what is busy, for time averages that need no sampling.
#[derive(Debug, Clone)]
pub struct Servers<T> {
    capacity: u32,
    busy: u32,
    classes: Vec<VecDeque<(u64, T)>>,
    next_ticket: u64,
    waiting: usize,
    since: f64,
    integrals: Integrals,
}

/// Integrals over time of the state of [`Servers`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Integrals {
    /// Of the number waiting, item · s.
    pub waiting: f64,
    /// Of the number being served, server · s.
    pub busy: f64,
    /// Of the capacity, server · s.
    pub capacity: f64,
}

impl<T> Servers<T> {
    /// Idle servers with `classes` classes of priority (at least one).
    pub fn new(capacity: u32, classes: usize) -> Self {
        Self {
            capacity,
            busy: 0,
            classes: (0..classes.max(1)).map(|_| VecDeque::new()).collect(),
            next_ticket: 0,
            waiting: 0,
            since: 0.0,
            integrals: Integrals::default(),
        }
    }

    /// Asks for a server: the item comes back if it is served at once, and is kept in the queue otherwise. A class beyond the last counts as the
    /// last.
    #[inline]
    pub fn request(&mut self, now: f64, class: usize, item: T) -> Option<T> {
        self.request_ticket(now, class, item).err()
    }

    /// [`request`](Self::request) for one who may leave: the ticket, or the item if it is served at once.
    ///
    /// # Errors
    /// The item, which is being served.
    #[inline]
    pub fn request_ticket(&mut self, now: f64, class: usize, item: T) -> Result<Ticket, T> {
        self.advance(now);
        // Somebody may wait while a server is free only between a change of capacity and `admit`.
        if self.busy < self.capacity && self.waiting == 0 {
            self.busy += 1;
            return Err(item);
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let class = class.min(self.classes.len() - 1);
        self.classes[class].push_back((ticket, item));
        self.waiting += 1;
        Ok(Ticket(ticket))
    }

    /// A server is done: who is served next, if anybody is.
    #[inline]
    pub fn release(&mut self, now: f64) -> Option<T> {
        self.advance(now);
        self.busy = self.busy.saturating_sub(1);
        self.admit_one()
    }

    /// Sets the capacity. [`admit`](Self::admit) then says who is served by servers that were added.
    pub fn set_capacity(&mut self, now: f64, capacity: u32) {
        self.advance(now);
        self.capacity = capacity;
    }

    /// Who is served by a free server, one at a call, until none is left.
    pub fn admit(&mut self, now: f64) -> Option<T> {
        self.advance(now);
        self.admit_one()
    }

    #[inline]
    fn admit_one(&mut self) -> Option<T> {
        if self.waiting == 0 || self.busy >= self.capacity {
            return None;
        }
        let (_, item) = self.classes.iter_mut().find_map(VecDeque::pop_front)?;
        self.waiting -= 1;
        self.busy += 1;
        Some(item)
    }

    /// Leaves the queue; nothing if the ticket's owner is no longer waiting.
    pub fn leave(&mut self, now: f64, ticket: Ticket) -> Option<T> {
        self.advance(now);
        for class in &mut self.classes {
            // Tickets ascend within a class.
            if let Ok(place) = class.binary_search_by_key(&ticket.0, |(number, _)| *number) {
                self.waiting -= 1;
                return class.remove(place).map(|(_, item)| item);
            }
        }
        None
    }

    /// All who wait leave the queue, in the order in which they would have been served.
    pub fn withdraw_all(&mut self, now: f64) -> Vec<T> {
        self.advance(now);
        self.waiting = 0;
        self.classes.iter_mut().flat_map(|class| class.drain(..)).map(|(_, item)| item).collect()
    }

    /// Number waiting.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Number being served.
    pub fn busy(&self) -> u32 {
        self.busy
    }

    /// Servers there are.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// The integrals up to `now`.
    pub fn integrals(&mut self, now: f64) -> Integrals {
        self.advance(now);
        self.integrals
    }

    #[inline]
    fn advance(&mut self, now: f64) {
        let span = now - self.since;
        if span > 0.0 {
            self.integrals.waiting += span * self.waiting as f64;
            self.integrals.busy += span * f64::from(self.busy);
            self.integrals.capacity += span * f64::from(self.capacity);
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_classes_go_first_and_nobody_is_interrupted() {
        let mut servers = Servers::new(1, 2);
        assert_eq!(servers.request(0.0, 1, "a"), Some("a"));
        assert_eq!(servers.request(1.0, 1, "b"), None);
        assert_eq!(servers.request(2.0, 0, "urgent"), None);
        assert_eq!(servers.request(3.0, 1, "c"), None);
        assert_eq!((servers.busy(), servers.waiting()), (1, 3));
        assert_eq!(servers.release(4.0), Some("urgent"));
        assert_eq!(servers.release(5.0), Some("b"));
        assert_eq!(servers.release(6.0), Some("c"));
        assert_eq!(servers.release(7.0), None);
        assert_eq!(servers.busy(), 0);
        // Waiting: 1 from 1 to 2, 2 to 3, 3 to 4, 2 to 5, 1 to 6.
        assert_eq!(servers.integrals(10.0), Integrals { waiting: 1.0 + 2.0 + 3.0 + 2.0 + 1.0, busy: 7.0, capacity: 10.0 });
    }

    #[test]
    fn who_leaves_is_not_served_and_cannot_leave_twice() {
        let mut servers = Servers::new(1, 1);
        assert_eq!(servers.request(0.0, 0, 'a'), Some('a'));
        let b = servers.request_ticket(0.0, 0, 'b').unwrap();
        let c = servers.request_ticket(0.0, 0, 'c').unwrap();
        assert_eq!(servers.leave(1.0, b), Some('b'));
        assert_eq!(servers.leave(1.0, b), None);
        assert_eq!(servers.release(2.0), Some('c'));
        assert_eq!(servers.leave(2.0, c), None);
    }

    #[test]
    fn all_can_be_sent_away_at_once() {
        let mut servers = Servers::new(1, 2);
        assert_eq!(servers.request(0.0, 1, "a"), Some("a"));
        for (class, who) in [(1, "b"), (0, "urgent"), (1, "c")] {
            assert_eq!(servers.request(1.0, class, who), None);
        }
        assert_eq!(servers.withdraw_all(3.0), ["urgent", "b", "c"]);
        assert_eq!((servers.waiting(), servers.busy(), servers.release(4.0)), (0, 1, None));
        assert_eq!(servers.integrals(5.0).waiting, 3.0 * 2.0);
    }

    #[test]
    fn a_falling_capacity_lets_the_served_finish_and_a_rising_one_admits() {
        let mut servers = Servers::new(2, 1);
        assert_eq!((servers.request(0.0, 0, 1), servers.request(0.0, 0, 2), servers.request(0.0, 0, 3)), (Some(1), Some(2), None));
        servers.set_capacity(1.0, 1);
        assert_eq!(servers.release(2.0), None, "one server went, and the other is busy");
        assert_eq!(servers.release(3.0), Some(3));
        assert_eq!((servers.request(3.0, 0, 4), servers.request(3.0, 0, 5)), (None, None));
        servers.set_capacity(4.0, 3);
        assert_eq!((servers.admit(4.0), servers.admit(4.0), servers.admit(4.0)), (Some(4), Some(5), None));
        assert_eq!(servers.integrals(4.0), Integrals { waiting: 3.0 + 2.0, busy: 4.0 + 1.0 + 1.0, capacity: 2.0 + 3.0 });
    }
}
