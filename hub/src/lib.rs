//! A simulator of the insurance platform, for the loopback and for simulated days.
//!
//! It is written from the tables of the interface and knows nothing of the client: [`tables`] says what a request must look like, [`Platform`] keeps the
//! platform's own books and detects double sales, [`Faults`] injects what happens on a line, [`Hub`] puts them together, and [`serve`] listens on a
//! socket. Time is told by whoever calls, in nanoseconds since 1970.
//!
//! The interface does not say whether the platform recognises a message that it has had before, so there are two kinds ([`Kind`]).
//!
//! Assumed, since no public text says it: the codes of errors, where a refusal of a double sale names the sale that stands, and that a message is
//! booked whole or not at all.

mod books;
mod faults;
mod server;
mod signature;
pub mod tables;

pub use books::{Alert, Answer, Booking, Kind, Platform};
pub use faults::{FaultPlan, Faults, Odds};
pub use server::serve;
pub use signature::{Method, Signatures};

/// What came back over the line, or did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// An answer.
    Answer(Answer),
    /// No connection came about.
    Refused,
    /// The line was cut before an answer came; whether before or after the booking, only the hub knows.
    Cut,
}

/// A platform behind a line with faults.
#[derive(Debug)]
pub struct Hub {
    /// The platform.
    pub platform: Platform,
    /// The line.
    pub faults: Faults,
    last: Option<Answer>,
}

impl Hub {
    /// A platform behind a line.
    pub fn new(platform: Platform, faults: Faults) -> Self {
        Self { platform, faults, last: None }
    }

    /// Whether connections come about at `now`.
    pub fn is_up(&self, now: u64) -> bool {
        !self.faults.in_outage(now)
    }

    /// One request. Returns what the client sees, and how long it took, nanoseconds.
    pub fn exchange(&mut self, body: &[u8], now: u64) -> (Exchange, u64) {
        if !self.is_up(now) {
            return (Exchange::Refused, 0);
        }
        let odds = self.faults.draw();
        let latency = odds.latency;
        let skewed = now.saturating_add_signed(self.faults.skew());
        if odds.server_error_before {
            return (Exchange::Answer(Answer { status: 502, body: "<html>Bad Gateway</html>".into() }), latency);
        }
        if odds.cut_before {
            return (Exchange::Cut, latency);
        }
        let answer = self.platform.receive(body, skewed);
        let stale = self.last.replace(answer.clone());
        let seen = if odds.cut_after {
            Exchange::Cut
        } else if odds.server_error_after {
            Exchange::Answer(Answer { status: 504, body: "upstream timed out".into() })
        } else if odds.rubbish {
            Exchange::Answer(Answer { status: 200, body: "{\"infcode\": ".into() })
        } else if odds.duplicate {
            // The answer to the message before arrives once more, in place of the one that was waited for.
            Exchange::Answer(stale.unwrap_or(answer))
        } else {
            Exchange::Answer(answer)
        };
        (seen, latency)
    }
}
