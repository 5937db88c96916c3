//! Ending a cycle before its last stop: each rule that lets it, and each that forbids it.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod pool_support;
#[allow(dead_code)] // Its faults are other tests' business.
mod station_support;

use std::f64::consts::PI;

use pool_support::{Fixture, order, pack, packs, pieces};
use scanner_core::pool::{Order, UnitState};
use scanner_core::station::{CostProfile, CycleEnd, CycleReport, EarlyStop, KeepGoing, Station, StationOptions, StopChoice};
use station_support::{Script, TextReader, lights, rig};

fn options() -> StationOptions {
    StationOptions {
        stops_rad: vec![0.0, PI, 1.0],
        lights: lights(&["dome"]),
        early_stop: EarlyStop::WhenAccountedFor,
        ..StationOptions::default()
    }
}

fn run(f: &mut Fixture, script: Script, order: &Order, options: StationOptions) -> CycleReport {
    let mut rig = rig(script);
    Station::new(&mut rig, &TextReader, &mut f.pool, options).unwrap().run_cycle(order).unwrap()
}

/// Index, new codes, open places and why it went on, of a stop.
type Stop<'a> = (usize, Vec<&'a str>, Option<usize>, Option<KeepGoing>);

fn stops(report: &CycleReport) -> Vec<Stop<'_>> {
    let row = |s: &scanner_core::station::StopReport| (s.stop, s.open, s.kept_going.clone());
    let texts = report.stops.iter().map(|s| s.new_codes.iter().map(String::as_str).collect());
    report.stops.iter().map(row).zip(texts).map(|((stop, open, why), texts)| (stop, texts, open, why)).collect()
}

#[test]
fn it_ends_when_every_package_of_the_order_was_read() {
    let mut f = Fixture::new();
    let a = f.stock("A", 3, "2028-01-31");
    let script = || Script::new(&["top"]).shows("top", 0.0, &a[0]).shows("top", PI, &a[0]).shows("top", PI, &a[1]);
    let report = run(&mut f, script(), &order("o1", [packs("A", 2)]), options());
    assert_eq!(report.end, CycleEnd::AccountedFor { stops_left: 1 });
    let missing = KeepGoing::CodesMissing { packages: 2, codes: 1 };
    assert_eq!(stops(&report), [(0, vec![&*a[0]], Some(0), Some(missing)), (1, vec![&*a[1]], Some(0), None)]);
    assert!(report.stops.iter().all(|s| s.chosen == StopChoice::InOrder));
    assert_eq!((report.frames.len(), report.complete()), (2, true));
    assert_eq!([f.state(&a[0]), f.state(&a[1])], [UnitState::Dispensed; 2]);
}

#[test]
fn by_default_every_stop_is_taken() {
    let mut f = Fixture::new();
    let a = f.stock("A", 1, "2028-01-31");
    let options = StationOptions { early_stop: EarlyStop::default(), ..options() };
    let report = run(&mut f, Script::new(&["top"]).shows("top", 0.0, &a[0]), &order("o1", [packs("A", 1)]), options);
    assert_eq!(report.end, CycleEnd::AllStops);
    assert_eq!(stops(&report), [(0, vec![&*a[0]], None, None), (1, vec![], None, None), (2, vec![], None, None)]);
}

#[test]
fn a_strip_that_was_not_read_keeps_it_going() {
    let mut f = Fixture::new();
    let a = f.stock("A", 1, "2028-01-31");
    let script = Script::new(&["top"]).shows("top", 0.0, &a[0]).shows("top", 0.0, "?");
    let report = run(&mut f, script, &order("o1", [packs("A", 1)]), options());
    assert_eq!(report.end, CycleEnd::AllStops);
    let unread = || Some(KeepGoing::Unread { strips: 1 });
    // The last stop is asked nothing: there is none to leave out.
    assert_eq!(stops(&report), [(0, vec![&*a[0]], Some(1), unread()), (1, vec![], Some(1), unread()), (2, vec![], None, None)]);
}

#[test]
fn packages_that_the_order_does_not_explain_keep_it_going() {
    let run_with = |packages: &str| {
        let mut f = Fixture::new();
        let a = f.stock("A", 2, "2028-01-31");
        let show = |script: Script, code: &str| script.shows("top", 0.0, code);
        let script = show(show(show(Script::new(&["top"]), &a[0]), &a[1]), packages);
        let report = run(&mut f, script, &order("o1", [packs("A", 2)]), options());
        (report.stops[0].kept_going.clone(), report.packages.map(|count| (count.seen, count.without_code.len())))
    };
    assert_eq!(run_with("#cc"), (None, Some((2, 0))));
    // One of them may hide another; what is hidden was read all the same.
    assert_eq!(run_with("#c"), (None, Some((1, 0))));
    assert_eq!(run_with("#ccb"), (Some(KeepGoing::PackagesTooMany { packages: 2, seen: 3 }), Some((3, 1))));
    assert_eq!(run_with("#cb"), (Some(KeepGoing::PackagesWithoutCode { packages: 1 }), Some((2, 1))));
    assert_eq!(run_with("?").1, None);
}

#[test]
fn a_code_outside_the_order_keeps_it_going() {
    // Another drug; a code that the pool does not know; a package too many of the right drug.
    for stranger in ["other", "unknown", "surplus"] {
        let mut f = Fixture::new();
        let (a, b) = (f.stock("A", 2, "2028-01-31"), f.stock("B", 1, "2028-01-31"));
        let code = match stranger {
            "other" => b[0].clone(),
            "unknown" => pack("A", 999),
            _ => a[1].clone(),
        };
        let script = Script::new(&["top"]).shows("top", 0.0, &a[0]).shows("top", 0.0, &code);
        let report = run(&mut f, script, &order("o1", [packs("A", 1)]), options());
        assert_eq!(report.end, CycleEnd::AllStops, "{stranger}");
        assert_eq!(report.stops[0].kept_going, Some(KeepGoing::OutsideOrder { code }), "{stranger}");
    }
}

#[test]
fn a_dispute_keeps_it_going() {
    let mut f = Fixture::new();
    let a = f.stock("A", 2, "2028-01-31");
    let script = Script::new(&["top"]).shows("top", 0.0, &a[0]).shows("top", 0.0, &format!("={}", a[1]));
    let report = run(&mut f, script, &order("o1", [packs("A", 2)]), options());
    assert_eq!(report.end, CycleEnd::AllStops);
    assert_eq!(report.stops[0].kept_going, Some(KeepGoing::Disputed { code: a[0].clone() }));
}

#[test]
fn an_order_that_does_not_say_how_many_packages_there_are_keeps_it_going() {
    let mut f = Fixture::new();
    let a = f.stock("A", 2, "2028-01-31");
    let show = || Script::new(&["top"]).shows("top", 0.0, &a[0]);
    let report = run(&mut f, show(), &order("pieces", [pieces("A", 3)]), options());
    assert_eq!((report.end, report.stops[0].kept_going.clone()), (CycleEnd::AllStops, Some(KeepGoing::OrderNotCountable)));
    // The second cycle of an order: some of it was served by the first.
    let wanted = order("twice", [packs("A", 2)]);
    let show = || Script::new(&["top"]).shows("top", 0.0, &a[1]);
    run(&mut f, show(), &wanted, options());
    let report = run(&mut f, show(), &wanted, options());
    assert_eq!((report.end, report.stops[0].kept_going.clone()), (CycleEnd::AllStops, Some(KeepGoing::OrderNotCountable)));
}

#[test]
fn the_wait_for_recognition_is_on_the_clock_and_the_same_for_any_number_of_workers() {
    let reports: Vec<CycleReport> = [1, 4]
        .into_iter()
        .map(|workers| {
            let mut f = Fixture::new();
            let a = f.stock("A", 2, "2028-01-31");
            let cost = Some(CostProfile { seconds_per_megapixel: 0.0, seconds_per_code: 3.0, cores: 1 });
            let script = Script::new(&["top"]).shows("top", 0.0, &a[0]).shows("top", PI, &a[1]);
            let mut report = run(&mut f, script, &order("o1", [packs("A", 2)]), StationOptions { workers, cost, ..options() });
            report.wall = scanner_core::station::WallTimes::default();
            report
        })
        .collect();
    assert_eq!(reports[0], reports[1]);
    // Two turns and two exposures of a second each; three seconds of reading after each stop.
    let times = reports[0].times;
    assert_eq!((times.mechanical_s, times.compute_s, times.waited_s), (4.0, 6.0, 6.0));
    assert_eq!(times.finished.since(times.started).as_secs(), 10);
}
