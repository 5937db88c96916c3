//! The workflow simulator: queues of people and prescriptions in simulated time.
//!
//! It is built without the twin. From the bottom up:
//!
//! - [`Calendar`]: the kernel. A heap of (time, sequence number, event); whoever runs a model pops an event, advances the clock to it and acts.
//! - [`Servers`]: a resource with a capacity that may change (shifts, breaks, failures), and a queue in classes of priority in front of it.
//! - [`Distribution`]: what a file may say about a duration, checked before anything runs; [`Streams`] and [`Stream`]: randomness by name.
//! - [`arrivals()`]: a Poisson process whose rate changes by the hour.
//! - [`statistics`]: warm-up, batch means, replications until an interval is narrow enough.
//! - [`theory`]: queues whose means are known exactly; the kernel is held against them.
//!
//! # A queue in twenty lines
//!
//! ```
//! use scenarios::workflow::{Calendar, Servers, Streams};
//!
//! #[derive(Clone, Copy)]
//! enum Event { Arrival, Departure }
//!
//! let mut calendar = Calendar::new();
//! let mut windows = Servers::new(1, 1); // one window, one class of priority
//! let mut random = Streams::new(7).stream("example", &[]);
//! let mut served = 0;
//! calendar.after(random.exponential(40.0), Event::Arrival);
//! while let Some((now, event)) = calendar.pop() {
//!     match event {
//!         Event::Arrival => {
//!             if now < 3600.0 { calendar.after(random.exponential(40.0), Event::Arrival); }
//!             if windows.request(now, 0, ()).is_some() { calendar.after(random.exponential(30.0), Event::Departure); }
//!         }
//!         Event::Departure => {
//!             served += 1;
//!             if windows.release(now).is_some() { calendar.after(random.exponential(30.0), Event::Departure); }
//!         }
//!     }
//! }
//! assert!(served > 50 && windows.waiting() == 0);
//! ```
//!
//! # Common random numbers
//!
//! A patient's prescription, patience and durations are drawn from streams named after the patient, never from a stream that events share. So
//! patient 17 of replication 3 is the same person under every method, and arms are compared pair by pair.

mod arrivals;
mod calendar;
mod distribution;
mod random;
mod servers;
pub mod statistics;
pub mod theory;

pub use arrivals::arrivals;
pub use calendar::Calendar;
pub use distribution::Distribution;
pub(crate) use distribution::{lognormal, triangular};
pub use random::{Stream, Streams, inverse_normal};
pub use servers::{Servers, Ticket};
