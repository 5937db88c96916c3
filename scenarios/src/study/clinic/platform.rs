//! The clinic's sales through the real thing: pool, outbox and uploader of `scanner-core`, the platform's simulator of `hub`, all on a simulated clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hardware_hal::{Clock, SimulatedClock, Timestamp};
use hub::{Exchange, FaultPlan, Faults, Hub, Kind, Platform};
use scanner_core::pool::{Institution, PoolError, Settlement};
use scanner_core::upload::{Dialect, Response, Step, Transport, TransportError, Unsigned, UploadOptions, Uploader, Worded};

use super::Sale;
use crate::study::stock::{Stock, moment};

/// How long is waited for the outbox to run empty once the last sale is made, days.
const PATIENCE_DAYS: u64 = 30;

/// What became of the codes of a period.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Uploads {
    /// Codes that were sold.
    pub codes: u64,
    /// Of these, codes whose sale stands once in the platform's books.
    pub booked: u64,
    /// Sales in the books that were never made, or are there twice.
    pub surplus: u64,
    /// Time from the sale to the booking of each code, s, ascending.
    pub delays_s: Vec<f64>,
    /// Messages that were sent.
    pub messages: u64,
}

impl Uploads {
    /// Codes that the platform never heard of.
    pub fn lost(&self) -> u64 {
        self.codes - self.booked
    }

    /// Codes that were booked more than so many seconds after their sale.
    pub fn later_than(&self, seconds: f64) -> u64 {
        self.delays_s.iter().filter(|delay| **delay > seconds).count() as u64
    }
}

struct Line {
    hub: Arc<Mutex<Hub>>,
    clock: Arc<SimulatedClock>,
}

impl Transport for Line {
    fn send(&mut self, request: &Worded) -> Result<Response, TransportError> {
        let (exchange, latency) =
            self.hub.lock().unwrap_or_else(PoisonError::into_inner).exchange(request.body.as_bytes(), self.clock.now().0);
        self.clock.sleep(Duration::from_nanos(latency));
        match exchange {
            Exchange::Answer(answer) => Ok(Response { status: answer.status, body: answer.body.into_bytes() }),
            Exchange::Refused => Err(TransportError::NotSent("no connection".to_owned())),
            Exchange::Cut => Err(TransportError::NoAnswer("the line was cut".to_owned())),
        }
    }
}

/// The platform recognises a message that it has had before. Where it does not, a person has to decide what became of a message that was cut, which the
/// tests of the upload cover.
const KIND: Kind = Kind { recognises_repeats: true, batched: false };

/// Sells and uploads. `faulty` is the share of messages that are cut or answered with rubbish even while the line is up.
///
/// # Errors
/// The pool's.
pub fn upload(sales: &[Sale], outages: &[(f64, f64)], faulty: f64, seed: u64) -> Result<Uploads, PoolError> {
    let clock = Arc::new(SimulatedClock::new(moment(0, 0.0)));
    let plan = FaultPlan {
        seed,
        outages: outages.iter().map(|(from, to)| (moment(0, *from).0, moment(0, *to).0)).collect(),
        cut_before: faulty / 4.0,
        cut_after: faulty / 4.0,
        server_error_after: faulty / 4.0,
        rubbish: faulty / 4.0,
        latency_s: 0.1,
        jitter_s: 0.2,
        ..FaultPlan::default()
    };
    let hub = Arc::new(Mutex::new(Hub::new(Platform::new(KIND), Faults::new(plan))));
    let mut stock = Stock::new(40, 10, seed)?;
    stock.join(&Institution { code: "R00000000001".to_owned(), name: "Rural clinic".to_owned(), region: "110000".to_owned() })?;
    let dialect = Dialect { recognises_repeats: true, ..Dialect::national() };
    let line = Line { hub: Arc::clone(&hub), clock: Arc::clone(&clock) };
    let mut sender = Uploader::new(line, dialect, Box::new(Unsigned), UploadOptions::default());
    let mut sold: BTreeMap<String, Timestamp> = BTreeMap::new();
    let mut uploads = Uploads::default();
    for (index, sale) in sales.iter().enumerate() {
        let at = moment(0, sale.at);
        uploads.messages += send_until(&mut sender, &mut stock, &clock, at)?;
        for unit in stock.sell(index % 40, sale.codes, Some(&settlement(index)), at.max(clock.now()))? {
            sold.insert(unit.code, at);
        }
    }
    let end = clock.now().plus(Duration::from_secs(PATIENCE_DAYS * 86_400));
    uploads.messages += send_until(&mut sender, &mut stock, &clock, end)?;
    uploads.codes = sold.len() as u64;
    let hub = hub.lock().unwrap_or_else(PoisonError::into_inner);
    let mut heard: BTreeMap<&str, u32> = BTreeMap::new();
    for booking in hub.platform.bookings().iter().filter(|booking| booking.infno == "3505") {
        for code in &booking.codes {
            let times = heard.entry(code).or_default();
            *times += 1;
            match sold.get(code) {
                Some(at) if *times == 1 => {
                    uploads.booked += 1;
                    uploads.delays_s.push(booking.received_at.saturating_sub(at.0) as f64 / 1e9);
                }
                _ => uploads.surplus += 1,
            }
        }
    }
    uploads.delays_s.sort_by(f64::total_cmp);
    Ok(uploads)
}

/// Lets the uploader work until `until`, or until nothing is left to send; the clock then stands at `until` in either case if sales are still to come.
fn send_until(sender: &mut Uploader<Line>, stock: &mut Stock, clock: &SimulatedClock, until: Timestamp) -> Result<u64, PoolError> {
    let mut sent = 0;
    while clock.now() < until {
        let next = match sender.step(&mut stock.pool, clock)? {
            Step::Sent { .. } => {
                sent += 1;
                continue;
            }
            Step::Idle { until: None } => until,
            // What is due now but held by a claim is looked at again a second later.
            Step::Idle { until: Some(due) } | Step::LineDown { until: due } => due.max(clock.now().plus(Duration::from_secs(1))),
        };
        clock.sleep(next.min(until).since(clock.now()));
    }
    Ok(sent)
}

fn settlement(number: usize) -> Settlement {
    Settlement {
        prsc_dr_name: "Dr".to_owned(),
        phar_name: "Ph".to_owned(),
        phar_prac_cert_no: "C-1".to_owned(),
        hi_feesetl_type: "1".to_owned(),
        mdtrt_sn: format!("V-{number}"),
        psn_cert_type: "01".to_owned(),
        rx_flag: "1".to_owned(),
        rx_circ_flag: "0".to_owned(),
        ..Settlement::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sales(count: u32, every_s: f64) -> Vec<Sale> {
        (0..count).map(|i| Sale { at: 1000.0 + f64::from(i) * every_s, codes: 1 + i % 3 }).collect()
    }

    #[test]
    fn with_the_line_up_codes_are_there_within_seconds() {
        let done = upload(&sales(30, 120.0), &[], 0.0, 1).unwrap();
        assert_eq!((done.codes, done.booked, done.surplus, done.lost()), (60, 60, 0, 0));
        assert!(done.delays_s.last().is_some_and(|delay| *delay < 30.0), "{:?}", done.delays_s.last());
    }

    #[test]
    fn two_days_without_a_line_lose_nothing_and_book_nothing_twice() {
        let outage = (2000.0, 2000.0 + 2.0 * 86_400.0);
        let done = upload(&sales(60, 600.0), &[outage], 0.1, 2).unwrap();
        assert_eq!((done.booked, done.surplus, done.lost()), (done.codes, 0, 0), "seed 2");
        // Sales at 1000 and 1600 s are made before, all others within the outage, and the last at 36,400 s.
        assert_eq!(done.later_than(86_400.0), done.codes - 3);
        // Back-off is a quarter of an hour at most, spread by half.
        assert!(done.delays_s.last().is_some_and(|delay| *delay < 2.0 * 86_400.0 + 3600.0), "{:?}", done.delays_s.last());
    }
}
