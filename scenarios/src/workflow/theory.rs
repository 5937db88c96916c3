//! Queues whose means are known exactly, and the same queues on the kernel of the studies.
//!
//! Arrivals are a Poisson process throughout. Formulas: Kleinrock, *Queueing Systems* I (1975), for M/M/c and M/G/1; Cobham, *Operations
//! Research* 2 (1954), for classes of priority.

use super::{Calendar, Distribution, Servers, Stream, Streams};

/// Mean time in the queue of M/M/c: Erlang's C formula. `None` where the load is not below the capacity.
pub fn mmc_wait(arrivals_per_s: f64, mean_service_s: f64, servers: u32) -> Option<f64> {
    let offered = arrivals_per_s * mean_service_s;
    let c = f64::from(servers);
    if offered >= c {
        return None;
    }
    // Erlang's B formula by its recursion, which neither overflows nor cancels; C follows from it.
    let blocked = (1..=servers).fold(1.0, |b, n| offered * b / (f64::from(n) + offered * b));
    let waits = blocked / (1.0 - offered / c * (1.0 - blocked));
    Some(waits * mean_service_s / (c - offered))
}

/// Mean time in the queue of M/G/1 (Pollaczek and Khinchine). `None` where the load is not below 1.
pub fn mg1_wait(arrivals_per_s: f64, service: &Distribution) -> Option<f64> {
    let load = arrivals_per_s * service.mean();
    let second_moment = service.variance() + service.mean() * service.mean();
    (load < 1.0).then(|| arrivals_per_s * second_moment / (2.0 * (1.0 - load)))
}

/// Mean times in the queue by class, the first served first, without interruption, one server (Cobham). `None` where the load is not below 1.
pub fn priority_waits(classes: &[(f64, Distribution)]) -> Option<Vec<f64>> {
    let residual: f64 = classes.iter().map(|(rate, service)| rate * (service.variance() + service.mean() * service.mean()) / 2.0).sum();
    let mut above = 0.0;
    let waits: Vec<f64> = classes
        .iter()
        .map(|(rate, service)| {
            let before = above;
            above += rate * service.mean();
            residual / ((1.0 - before) * (1.0 - above))
        })
        .collect();
    (above < 1.0).then_some(waits)
}

/// A class of customers.
#[derive(Debug, Clone)]
pub struct Class {
    /// Arrivals, 1/s.
    pub arrivals_per_s: f64,
    /// Time with a server.
    pub service: Distribution,
}

enum Event {
    Arrival(usize),
    Departure,
}

struct Customer {
    class: usize,
    arrived: f64,
}

/// Runs the queue from empty until `customers` have begun to be served: the time each waited, by class, in the order of their beginning.
pub fn waits(classes: &[Class], servers: u32, customers: usize, seed: u64) -> Vec<Vec<f64>> {
    let streams = Streams::new(seed);
    let mut arrivals: Vec<Stream> = (0..classes.len()).map(|class| streams.stream("arrivals", &[class as u64])).collect();
    let mut services: Vec<Stream> = (0..classes.len()).map(|class| streams.stream("services", &[class as u64])).collect();
    let mut calendar = Calendar::new();
    let mut station = Servers::new(servers, classes.len());
    let mut waited = vec![Vec::with_capacity(customers / classes.len().max(1) + 1); classes.len()];
    let mut begun = 0;
    for (class, of) in classes.iter().enumerate() {
        calendar.after(arrivals[class].exponential(1.0 / of.arrivals_per_s), Event::Arrival(class));
    }
    while begun < customers {
        let Some((now, event)) = calendar.pop() else { break };
        let next = match event {
            Event::Arrival(class) => {
                calendar.after(arrivals[class].exponential(1.0 / classes[class].arrivals_per_s), Event::Arrival(class));
                station.request(now, class, Customer { class, arrived: now })
            }
            Event::Departure => station.release(now),
        };
        if let Some(customer) = next {
            begun += 1;
            waited[customer.class].push(now - customer.arrived);
            calendar.after(classes[customer.class].service.sample(&mut services[customer.class]), Event::Departure);
        }
    }
    waited
}
