//! A pharmacy in simulated time, and a line from its uploader to a hub in the same process.
#![allow(dead_code)] // Each test binary uses its part.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hardware_hal::{Clock, SimulatedClock, Timestamp};
use hub::{Exchange, FaultPlan, Faults, Hub, Kind, Platform};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use scanner_core::codes::PackLevel;
use scanner_core::pool::{Act, Institution, NewUnit, Order, OrderLine, Pool, SeededIds, Selection, Settlement, SoldUnit};
use scanner_core::product::{Names, Product};
use scanner_core::upload::{Response, Transport, TransportError, Worded};

/// 2026-10-01T08:00:00 in China.
pub const START: u64 = 1_790_812_800_000_000_000;
pub const SECOND: u64 = 1_000_000_000;
pub const DAY: u64 = 86_400 * SECOND;

pub fn institution() -> Institution {
    Institution { code: "H12345678901".into(), name: "Test Hospital".into(), region: "110000".into() }
}

pub fn settlement() -> Settlement {
    Settlement {
        prsc_dr_name: "Dr Li".into(),
        phar_name: "Ph Wang".into(),
        phar_prac_cert_no: "C-1".into(),
        hi_feesetl_type: "1".into(),
        mdtrt_sn: "V-1".into(),
        psn_cert_type: "01".into(),
        rx_flag: "1".into(),
        rx_circ_flag: "0".into(),
        ..Settlement::default()
    }
}

pub fn code(serial: u32) -> String {
    format!("8000011{serial:09}0000")
}

/// A pool of an institution with so many packs of ten.
pub fn stocked(seed: u64, packs: u32) -> Pool {
    let mut pool = Pool::in_memory_with(Default::default(), Box::new(SeededIds::new(seed))).unwrap();
    pool.set_institution(&institution()).unwrap();
    pool.add_products([Product {
        id: "A".into(),
        names: Names { generic: "阿莫西林胶囊".into(), trade: None, english: None },
        code_prefixes: vec![],
        gtin: None,
        pack_quantity: 10,
        unit: "capsule".into(),
        size_mm: None,
        med_list_codg: Some("XJ01CA".into()),
    }])
    .unwrap();
    let unit = |serial| NewUnit {
        code: code(serial),
        product: "A".into(),
        batch: "B1".into(),
        expiry: "2028-12-31".parse().unwrap(),
        made: Some("2026-01-01".parse().unwrap()),
        level: PackLevel::SmallestPack,
        parent: None,
    };
    let units: Vec<NewUnit> = (0..packs).map(unit).collect();
    let act = Act::new("store room", "delivery", Timestamp(START));
    pool.register(&units, act).unwrap();
    pool.receive(Selection::AllRegistered, act).unwrap();
    pool
}

/// Sells so many packs, or pieces; the event ids.
pub fn sell(pool: &mut Pool, order: &str, line: OrderLine, at: u64) -> Vec<String> {
    sell_units(pool, order, line, at).into_iter().map(|unit| unit.event_id).collect()
}

/// Sells so many packs, or pieces.
pub fn sell_units(pool: &mut Pool, order: &str, line: OrderLine, at: u64) -> Vec<SoldUnit> {
    let act = Act::new("window 1", "dispensing", Timestamp(at));
    let order = Order { id: order.into(), lines: vec![line] };
    pool.reserve(&order, act).unwrap();
    pool.dispense_settled(&order, &settlement(), None, act).unwrap()
}

/// How a sender dies.
pub struct Crash;

/// A line in the same process. Its sender dies with the given odds, before the message leaves or after its answer came.
pub struct Line {
    pub hub: Arc<Mutex<Hub>>,
    pub clock: Arc<SimulatedClock>,
    pub crash: f64,
    pub random: ChaCha8Rng,
}

impl Line {
    pub fn new(hub: &Arc<Mutex<Hub>>, clock: &Arc<SimulatedClock>, crash: f64, seed: u64) -> Self {
        Self { hub: Arc::clone(hub), clock: Arc::clone(clock), crash, random: ChaCha8Rng::seed_from_u64(seed) }
    }

    fn maybe_crash(&mut self) {
        if (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64 <= self.crash && self.crash > 0.0 {
            std::panic::resume_unwind(Box::new(Crash));
        }
    }
}

impl Transport for Line {
    fn send(&mut self, request: &Worded) -> Result<Response, TransportError> {
        self.maybe_crash();
        let (exchange, latency) = self.hub.lock().unwrap().exchange(request.body.as_bytes(), self.clock.now().0);
        self.clock.sleep(Duration::from_nanos(latency));
        self.maybe_crash();
        match exchange {
            Exchange::Answer(answer) => Ok(Response { status: answer.status, body: answer.body.into_bytes() }),
            Exchange::Refused => Err(TransportError::NotSent("connection refused".into())),
            Exchange::Cut => Err(TransportError::NoAnswer("connection cut".into())),
        }
    }
}

pub fn hub(recognises_repeats: bool, batched: bool, plan: FaultPlan) -> Arc<Mutex<Hub>> {
    let kind = Kind { recognises_repeats, batched };
    Arc::new(Mutex::new(Hub::new(Platform::new(kind), Faults::new(plan))))
}
