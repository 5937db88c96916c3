//! The station's cycle over a scripted rig and a recogniser that reads tiny frames whose bytes are the codes.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod pool_support;
mod station_support;

use std::f64::consts::PI;
use std::time::Duration;

use hardware_hal::{ErrorKind, Frame};
use pool_support::{Fixture, act, order, pack, packs};
use scanner_core::codes::Role;
use scanner_core::pool::{PoolError, Refusal, UnitState};
use scanner_core::station::{
    CostProfile, CycleEnd, CycleObserver, CycleReport, CycleState, FrameRecord, LostFrame, Settlement, Station, StationError,
    StationOptions,
};
use station_support::{Fault, Script, TextReader, lights, rig};

fn options() -> StationOptions {
    StationOptions { stops_rad: vec![0.0, PI], lights: lights(&["dome"]), ..StationOptions::default() }
}

fn refused(report: &CycleReport) -> Vec<(&str, &str)> {
    report.refused.iter().map(|r| (r.code.as_str(), r.rule)).collect()
}

#[test]
fn codes_of_all_views_are_united_reconciled_and_sold() {
    let mut f = Fixture::new();
    let a = f.stock("A", 3, "2028-01-31");
    let b = f.stock("B", 1, "2028-01-31");
    // Two cameras, two stops; the second package of A is only seen at the second stop.
    let script =
        Script::new(&["top", "side"]).shows("top", 0.0, &a[0]).shows("side", 0.0, &a[0]).shows("side", PI, &a[1]).shows("top", PI, &b[0]);
    let script = script.shows("top", 0.0, "6901234567892").shows("top", 0.0, &pack("A", 999));
    let mut rig = rig(script);
    let mut station = Station::new(&mut rig, &TextReader, &mut f.pool, options()).unwrap();
    let report = station.run_cycle(&order("o1", [packs("A", 3)])).unwrap();
    assert_eq!(report.end, CycleEnd::AllStops);
    assert_eq!(report.frames.len(), 4);
    assert_eq!(report.lost, []);
    let views: Vec<(&str, Role, Vec<usize>)> =
        report.codes.iter().map(|c| (c.text.as_str(), c.role, c.views.iter().map(|v| v.frame).collect())).collect();
    assert_eq!(
        views,
        [
            ("6901234567892", Role::Retail, vec![0]),
            (a[0].as_str(), Role::Trace, vec![0, 1]),
            (a[1].as_str(), Role::Trace, vec![3]),
            (&pack("A", 999), Role::Trace, vec![0]),
            (b[0].as_str(), Role::Trace, vec![2]),
        ]
    );
    assert_eq!(report.lines[0].codes, a[..2]);
    assert_eq!((report.lines[0].wanted_pieces, report.lines[0].missing_pieces), (30, 10));
    assert!(!report.complete());
    assert_eq!(refused(&report), [(pack("A", 999).as_str(), "unknown"), (&b[0], "other_drug")]);
    assert_eq!(report.unknown().collect::<Vec<_>>(), [pack("A", 999)]);
    assert_eq!(report.surplus().collect::<Vec<_>>(), [&b[0]]);
    assert_eq!(report.sold.iter().map(|s| &s.code).collect::<Vec<_>>(), [&a[0], &a[1]]);
    assert_eq!(f.state(&a[0]), UnitState::Dispensed);
    assert_eq!(f.state(&b[0]), UnitState::Available);
    f.pool.verify_ledger().unwrap();
}

#[test]
fn settlement_decides_what_is_sold() {
    for (settlement, present, state) in [
        (Settlement::ReserveOnly, 2, UnitState::Reserved),
        (Settlement::DispenseComplete, 1, UnitState::Reserved),
        (Settlement::DispenseComplete, 2, UnitState::Dispensed),
        (Settlement::DispenseFound, 1, UnitState::Dispensed),
    ] {
        let mut f = Fixture::new();
        let a = f.stock("A", 2, "2028-01-31");
        let script = a[..present].iter().fold(Script::new(&["top"]), |script, code| script.shows("top", 0.0, code));
        let mut rig = rig(script);
        let options = StationOptions { settlement, ..options() };
        Station::new(&mut rig, &TextReader, &mut f.pool, options).unwrap().run_cycle(&order("o1", [packs("A", 2)])).unwrap();
        assert_eq!(f.state(&a[0]), state, "{settlement:?}");
    }
}

#[test]
fn what_is_in_order_and_pool_never_changes_what_is_read() {
    let seen = |pool_knows: bool, product: &str| {
        let mut f = Fixture::new();
        if pool_knows {
            f.stock("A", 1, "2028-01-31");
        }
        let mut rig = rig(Script::new(&["top"]).shows("top", 0.0, &pack("A", 1)).shows("top", PI, "厂码-1"));
        let report =
            Station::new(&mut rig, &TextReader, &mut f.pool, options()).unwrap().run_cycle(&order("o", [packs(product, 1)])).unwrap();
        (report.codes, report.frames)
    };
    assert_eq!(seen(true, "A"), seen(false, "B"));
}

#[test]
fn a_manufacturers_own_code_counts_once_it_is_registered() {
    let mut f = Fixture::new();
    let template = {
        let known = f.register("A", 1, "2028-01-31").remove(0);
        f.pool.unit(&known).unwrap().unwrap()
    };
    let own = scanner_core::pool::NewUnit {
        code: "厂码-1".into(),
        product: template.product,
        batch: template.batch,
        expiry: template.expiry,
        made: None,
        level: template.level,
        parent: None,
    };
    f.pool.register(&[own], act(0)).unwrap();
    f.pool.receive(scanner_core::pool::Selection::AllRegistered, act(1)).unwrap();
    let mut rig = rig(Script::new(&["top"]).shows("top", 0.0, "厂码-1").shows("top", 0.0, "厂码-2"));
    let report = Station::new(&mut rig, &TextReader, &mut f.pool, options()).unwrap().run_cycle(&order("o", [packs("A", 1)])).unwrap();
    assert_eq!(report.lines[0].codes, ["厂码-1"]);
    assert_eq!(report.refused, []);
}

#[test]
fn a_lost_frame_is_tried_again_and_then_reported() {
    let mut f = Fixture::new();
    let a = f.stock("A", 2, "2028-01-31");
    // The second frame comes at the second try; the fourth never.
    let script = Script::new(&["top"])
        .shows("top", 0.0, &a[0])
        .shows("top", PI, &a[1])
        .fault("top", 1, Fault::Fetch(ErrorKind::Timeout, 1))
        .fault("top", 3, Fault::Fetch(ErrorKind::LostData, 9));
    let mut rig = rig(script);
    let options = StationOptions { lights: lights(&["dome", "ring"]), ..options() };
    let report = Station::new(&mut rig, &TextReader, &mut f.pool, options).unwrap().run_cycle(&order("o", [packs("A", 2)])).unwrap();
    assert_eq!(report.end, CycleEnd::AllStops);
    assert_eq!(
        report.frames.iter().map(|f| (f.index, f.stop, f.light, f.attempts)).collect::<Vec<_>>(),
        [(0, 0, 0, 1), (1, 0, 1, 2), (2, 1, 0, 1)]
    );
    let lost = LostFrame { index: 3, stop: 1, light: 1, camera: "top".into(), attempts: 3, message: "top: scripted LostData".into() };
    assert_eq!(report.lost, [lost]);
    assert!(report.complete());
}

#[test]
fn an_incomplete_frame_is_taken_again_and_used_if_there_is_none_better() {
    let mut f = Fixture::new();
    let a = f.stock("A", 1, "2028-01-31");
    let script = Script::new(&["top"]).shows("top", 0.0, &a[0]).fault("top", 0, Fault::Incomplete(9)).fault("top", 1, Fault::Incomplete(1));
    let mut rig = rig(script);
    let report = Station::new(&mut rig, &TextReader, &mut f.pool, options()).unwrap().run_cycle(&order("o", [packs("A", 1)])).unwrap();
    assert_eq!(report.frames.iter().map(|f| (f.attempts, f.meta.complete)).collect::<Vec<_>>(), [(3, false), (2, true)]);
    assert!(report.complete());
}

#[test]
fn a_camera_that_is_unplugged_ends_the_capture_and_keeps_the_codes() {
    let mut f = Fixture::new();
    let a = f.stock("A", 2, "2028-01-31");
    let script = Script::new(&["top", "side"]).shows("top", 0.0, &a[0]).shows("side", PI, &a[1]).fault(
        "top",
        1,
        Fault::Fetch(ErrorKind::Disconnected, 1),
    );
    let mut rig = rig(script);
    let options = StationOptions { stops_rad: vec![0.0, PI, 1.0], ..options() };
    let report = Station::new(&mut rig, &TextReader, &mut f.pool, options).unwrap().run_cycle(&order("o", [packs("A", 2)])).unwrap();
    let message = "top: scripted Disconnected".to_owned();
    assert_eq!(report.end, CycleEnd::DeviceFailed { device: "top".into(), message });
    // The other camera's frame of that moment still counts; the third stop is not taken.
    assert_eq!(report.frames.len(), 3);
    assert!(report.complete());
    // Reserved, not sold.
    assert_eq!(report.sold, []);
    assert!(a.iter().all(|code| f.state(code) == UnitState::Reserved));
}

#[test]
fn a_stuck_turntable_and_a_dark_light_end_the_capture() {
    for (fault, device, frames) in
        [(Fault::Move(1, ErrorKind::Io, 9), "plate", 1), (Fault::Light(1, ErrorKind::Disconnected, 9), "lights", 1)]
    {
        let mut f = Fixture::new();
        let mut rig = rig(Script::new(&["top"]).device_fault(fault));
        f.stock("A", 1, "2028-01-31");
        let report = Station::new(&mut rig, &TextReader, &mut f.pool, options()).unwrap().run_cycle(&order("o", [packs("A", 1)])).unwrap();
        assert!(matches!(&report.end, CycleEnd::DeviceFailed { device: found, .. } if found == device), "{:?}", report.end);
        assert_eq!(report.frames.len(), frames);
    }
}

#[test]
fn a_turntable_that_times_out_is_homed_and_tried_again() {
    let mut f = Fixture::new();
    f.stock("A", 1, "2028-01-31");
    let mut rig = rig(Script::new(&["top"]).device_fault(Fault::Move(1, ErrorKind::Timeout, 2)));
    let report = Station::new(&mut rig, &TextReader, &mut f.pool, options()).unwrap().run_cycle(&order("o", [packs("A", 1)])).unwrap();
    assert_eq!(report.end, CycleEnd::AllStops);
    assert_eq!(report.frames.iter().map(|f| f.meta.turntable_angle_rad).collect::<Vec<_>>(), [Some(0.0), Some(PI)]);
}

#[test]
fn a_frame_left_over_from_a_broken_cycle_is_thrown_away() {
    let mut f = Fixture::new();
    let a = f.stock("A", 1, "2028-01-31");
    let mut rig = rig(Script::new(&["top"]).shows("top", 0.0, &a[0]));
    rig.cameras[0].trigger().unwrap();
    let report = Station::new(&mut rig, &TextReader, &mut f.pool, options()).unwrap().run_cycle(&order("o", [packs("A", 1)])).unwrap();
    assert_eq!(report.frames.iter().map(|f| f.meta.sequence).collect::<Vec<_>>(), [1, 2]);
    assert!(report.complete());
}

/// Writes down what it sees.
#[derive(Default)]
struct Log {
    states: Vec<CycleState>,
    frames: Vec<(usize, usize, u64)>,
}

impl CycleObserver for Log {
    fn on_state(&mut self, state: CycleState) {
        self.states.push(state);
    }

    fn on_frame(&mut self, record: &FrameRecord, frame: &Frame) {
        assert_eq!(frame.meta(), &record.meta);
        self.frames.push((record.index, record.reading.readings.len(), frame.meta().sequence));
    }
}

#[test]
fn states_and_frames_come_in_their_order() {
    let mut f = Fixture::new();
    let a = f.stock("A", 1, "2028-01-31");
    let mut rig = rig(Script::new(&["top"]).shows("top", PI, &a[0]));
    let mut log = Log::default();
    let options = StationOptions { lights: lights(&["dome", "ring"]), ..options() };
    let mut station = Station::new(&mut rig, &TextReader, &mut f.pool, options).unwrap();
    station.run_observed_cycle(&order("o", [packs("A", 1)]), &mut log).unwrap();
    use CycleState::*;
    assert_eq!(
        log.states,
        [
            Preparing,
            Moving { stop: 0 },
            Lighting { stop: 0, light: 0 },
            Capturing { stop: 0, light: 0 },
            Lighting { stop: 0, light: 1 },
            Capturing { stop: 0, light: 1 },
            Moving { stop: 1 },
            Lighting { stop: 1, light: 0 },
            Capturing { stop: 1, light: 0 },
            Lighting { stop: 1, light: 1 },
            Capturing { stop: 1, light: 1 },
            Recognising,
            Fusing,
            Reconciling,
            Settling,
            Done,
        ]
    );
    assert_eq!(log.frames, [(0, 0, 0), (1, 0, 1), (2, 1, 2), (3, 1, 3)]);
}

#[test]
fn neither_workers_nor_speed_change_the_result() {
    let run = |workers: usize, queue: usize| {
        let mut f = Fixture::new();
        let a = f.stock("A", 8, "2028-01-31");
        let stops: Vec<f64> = (0..8).map(f64::from).collect();
        let script = a.iter().zip(&stops).fold(Script::new(&["top", "side"]), |s, (code, stop)| s.shows("side", *stop, code));
        let mut rig = rig(script);
        let cost = Some(CostProfile { seconds_per_megapixel: 2000.0, seconds_per_code: 0.5, cores: 2 });
        let options = StationOptions { stops_rad: stops, workers, queue, cost, ..options() };
        let mut log = Log::default();
        let report = Station::new(&mut rig, &TextReader, &mut f.pool, options)
            .unwrap()
            .run_observed_cycle(&order("o", [packs("A", 8)]), &mut log)
            .unwrap();
        (serde_json::to_string(&report).unwrap(), f.pool.ledger_hash().unwrap(), log.frames)
    };
    let expected = run(1, 1);
    for (workers, queue) in [(2, 1), (3, 2), (8, 16)] {
        assert_eq!(run(workers, queue), expected, "{workers} workers, queue of {queue}");
    }
}

#[test]
fn recognition_takes_its_recorded_time_on_the_injected_clock() {
    let mut f = Fixture::new();
    let a = f.stock("A", 1, "2028-01-31");
    let mut rig = rig(Script::new(&["top"]).shows("top", 0.0, &a[0]));
    // Moving and exposing take 1 s each in the script, and a frame has 64 × 1 pixels.
    let cost = Some(CostProfile { seconds_per_megapixel: 1e6 / 64.0 * 3.0, seconds_per_code: 0.25, cores: 1 });
    let options = StationOptions { cost, ..options() };
    let times = Station::new(&mut rig, &TextReader, &mut f.pool, options).unwrap().run_cycle(&order("o", [packs("A", 1)])).unwrap().times;
    // Frames arrive after 2 s and 4 s and take 3.25 s and 3 s on one core: done after 8.25 s.
    assert_eq!((times.mechanical_s, times.compute_s, times.waited_s), (4.0, 6.25, 4.25));
    assert_eq!(times.finished.since(times.started), Duration::from_secs_f64(8.25));
    let sold = f.pool.ledger().last().unwrap().unwrap();
    assert_eq!(sold.at, times.finished);
}

#[test]
fn work_goes_to_the_core_that_is_free_first() {
    use hardware_hal::Timestamp;
    let at = |s: u64| Timestamp(s * 1_000_000_000);
    let cost = CostProfile { seconds_per_megapixel: 0.1, seconds_per_code: 0.0, cores: 2 };
    assert_eq!(cost.frame(12_000_000, 5), Duration::from_millis(1200));
    let three = Duration::from_secs(3);
    assert_eq!(cost.finished([(at(10), three), (at(10), three), (at(11), three)]), Some(at(16)));
    assert_eq!(cost.finished([(at(10), three), (at(20), three)]), Some(at(23)));
    assert_eq!(cost.finished([]), None);
}

#[test]
fn an_order_that_makes_no_sense_costs_no_cycle() {
    let mut f = Fixture::new();
    let mut rig = rig(Script::new(&["top"]));
    let before = rig.clock.now();
    let error = Station::new(&mut rig, &TextReader, &mut f.pool, options()).unwrap().run_cycle(&order("o", [packs("Z", 1)])).unwrap_err();
    assert_eq!(error.to_string(), "the order cannot be served: product 'Z' is unknown to the pool");
    let StationError::Order(PoolError::Refused(refusal)) = error else { panic!("{error:?}") };
    assert_eq!(*refusal, Refusal::UnknownProduct { product: "Z".into() });
    assert_eq!(rig.clock.now(), before);
}

#[test]
fn a_pool_that_fails_hands_the_codes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool.db");
    let options_of_pool = scanner_core::pool::PoolOptions { busy_timeout: Duration::from_millis(20), ..Default::default() };
    let pool = scanner_core::pool::Pool::open_with(&path, options_of_pool, Box::new(scanner_core::pool::OsIds)).unwrap();
    let mut f = Fixture::with(pool);
    let a = f.stock("A", 1, "2028-01-31");
    let mut rig = rig(Script::new(&["top"]).shows("top", 0.0, &a[0]));
    let holder = rusqlite::Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = Station::new(&mut rig, &TextReader, &mut f.pool, options()).unwrap().run_cycle(&order("o", [packs("A", 1)])).unwrap_err();
    let StationError::Pool { source: PoolError::Locked { .. }, report } = error else { panic!("{error:?}") };
    assert_eq!(report.codes[0].text, a[0]);
}

#[test]
fn options_that_the_rig_cannot_follow_are_refused() {
    let mut f = Fixture::new();
    let mut plain = rig(Script::new(&["top"]));
    let mut error = |options: StationOptions| Station::new(&mut plain, &TextReader, &mut f.pool, options).unwrap_err().to_string();
    assert_eq!(error(StationOptions { lights: vec![], ..options() }), "the station's options name no light setting");
    assert_eq!(error(StationOptions { stops_rad: vec![], ..options() }), "the station's options name no stop of the turntable");
    assert_eq!(
        error(StationOptions { lights: lights(&["flash"]), ..options() }),
        "light bank lights has no pattern 'flash'; it has dome, ring"
    );
    let mut blind = rig(Script::new(&[]));
    let error = Station::new(&mut blind, &TextReader, &mut f.pool, options()).unwrap_err();
    assert_eq!(error.to_string(), "the rig has no camera");
}

#[test]
fn two_codes_in_one_place_are_both_withheld() {
    let mut f = Fixture::new();
    let a = f.stock("A", 3, "2028-01-31");
    // A text that begins with '=' stands where the one before it stands.
    let script = Script::new(&["top"]).shows("top", 0.0, &a[0]).shows("top", 0.0, &format!("={}", a[1])).shows("top", PI, &a[2]);
    let mut rig = rig(script);
    let report = Station::new(&mut rig, &TextReader, &mut f.pool, options()).unwrap().run_cycle(&order("o", [packs("A", 3)])).unwrap();
    assert_eq!(report.codes.len(), 3);
    assert_eq!(report.withheld, a[..2]);
    assert_eq!(report.lines[0].codes, a[2..]);
    assert_eq!((f.state(&a[0]), f.state(&a[1])), (UnitState::Available, UnitState::Available));
}

/// Reads nothing, ever.
struct Broken;

impl scanner_core::station::Recogniser for Broken {
    fn scan(&self, _frame: &Frame) -> scanner_core::vision::FrameReading {
        panic!("a bug in recognition")
    }
}

#[test]
#[should_panic(expected = "a bug in recognition")]
fn a_recogniser_that_panics_is_not_an_empty_frame_and_does_not_hang() {
    let mut f = Fixture::new();
    f.stock("A", 1, "2028-01-31");
    let mut rig = rig(Script::new(&["top"]));
    let _ = Station::new(&mut rig, &Broken, &mut f.pool, options()).unwrap().run_cycle(&order("o", [packs("A", 1)]));
}

#[test]
fn a_rig_without_turntable_has_one_stop() {
    let mut f = Fixture::new();
    let a = f.stock("A", 1, "2028-01-31");
    let mut rig = rig(Script::new(&["top"]).shows("top", 0.0, &a[0]));
    rig.turntable = None;
    let report = Station::new(&mut rig, &TextReader, &mut f.pool, options()).unwrap().run_cycle(&order("o", [packs("A", 1)])).unwrap();
    assert_eq!(report.frames.len(), 1);
    assert!(report.complete());
}
