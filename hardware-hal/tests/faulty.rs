//! Injected faults: none changes nothing, and each does what the contract says of it and no more.
#![allow(clippy::unwrap_used)] // the helpers of tests are tests

mod fakes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fakes::{FakeCamera, FakeLights, FakeTurntable, SharedScene, TIMEOUT, clock, rig};
use hardware_hal::conformance::{self, ANGLES_RAD};
use hardware_hal::{
    Camera, CameraSettings, Clock, ErrorKind, Fault, FaultPlan, Faulty, Frame, LightBank, LightSetting, Samples, SimulatedClock, Turntable,
    faulty_rig,
};
use proptest::prelude::*;

fn camera(plan: FaultPlan, seed: u64) -> (Faulty<FakeCamera>, Arc<SimulatedClock>) {
    let clock = clock();
    let inner = FakeCamera::new("top", clock.clone(), SharedScene::default());
    (Faulty::camera(inner, plan, seed, clock.clone()).unwrap(), clock)
}

fn lights(plan: FaultPlan) -> (Faulty<FakeLights>, Arc<SimulatedClock>) {
    let clock = clock();
    (Faulty::lights(FakeLights::new(SharedScene::default()), plan, 7, clock.clone()).unwrap(), clock)
}

/// A homed turntable.
fn turntable(plan: FaultPlan) -> (Faulty<FakeTurntable>, SharedScene) {
    let scene = SharedScene::default();
    let mut turntable = Faulty::turntable(FakeTurntable::new(scene.clone()), plan, 7, clock()).unwrap();
    turntable.home().unwrap();
    (turntable, scene)
}

fn shoot(camera: &mut dyn Camera) -> Result<Frame, ErrorKind> {
    camera.trigger().map_err(|e| e.kind())?;
    camera.fetch(TIMEOUT).map_err(|e| e.kind())
}

fn at(fault: Fault, call: u64) -> FaultPlan {
    FaultPlan::default().with_fault_at(fault, call)
}

#[test]
fn without_faults_a_rig_conforms() {
    let plans = ["top", "side", "lights", "plate"].map(|device| (device.to_owned(), FaultPlan::default()));
    let mut rig = faulty_rig(rig(), plans.into(), 1).unwrap();
    conformance::check_rig(&mut rig, ANGLES_RAD, TIMEOUT).unwrap();
    // Rates of zero are none.
    let zero = Fault::ALL.into_iter().fold(FaultPlan::default(), |plan, fault| plan.with_rate(fault, 0.0));
    let (mut camera, clock) = camera(zero, 1);
    conformance::check_camera(&mut camera, clock.as_ref(), TIMEOUT).unwrap();
}

#[test]
fn a_timeout_takes_its_time_and_spends_the_trigger() {
    let (mut camera, clock) = camera(at(Fault::Timeout, 1), 1);
    // The first of both timeouts is at `configure` and `fetch` together: call 0 is the configure.
    let settings = camera.settings();
    camera.configure(&settings).unwrap();
    camera.trigger().unwrap();
    let before = clock.now();
    assert_eq!(camera.fetch(TIMEOUT).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(clock.now().since(before), TIMEOUT);
    assert_eq!(camera.fetch(TIMEOUT).unwrap_err().kind(), ErrorKind::WrongState);
    assert_eq!(shoot(&mut camera).unwrap().meta().sequence, 1, "frame 0 is the lost one");
}

#[test]
fn a_lost_frame_leaves_a_gap_in_the_sequence() {
    let (mut camera, _) = camera(at(Fault::LostFrame, 1), 1);
    let results: Vec<_> = (0..4).map(|_| shoot(&mut camera).map(|f| f.meta().sequence)).collect();
    assert_eq!(results, [Ok(0), Err(ErrorKind::LostData), Ok(2), Ok(3)]);
}

#[test]
fn a_lost_frame_spends_the_trigger() {
    let (mut camera, _) = camera(at(Fault::LostFrame, 0), 1);
    assert_eq!(shoot(&mut camera).unwrap_err(), ErrorKind::LostData);
    assert_eq!(camera.fetch(TIMEOUT).unwrap_err().kind(), ErrorKind::WrongState);
}

#[test]
fn an_incomplete_frame_has_zeros_in_whole_lines_that_are_missing() {
    for seed in 0..32 {
        let (mut whole, _) = camera(FaultPlan::default(), seed);
        let (mut cut, _) = camera(at(Fault::IncompleteFrame, 0), seed);
        let (whole, cut) = (shoot(&mut whole).unwrap(), shoot(&mut cut).unwrap());
        assert!(!cut.meta().complete);
        let (Samples::U8(w), Samples::U8(c)) = (whole.samples(), cut.samples()) else { panic!("8 bit is set") };
        let (w, c): (Vec<_>, Vec<_>) = (w.chunks(6).collect(), c.chunks(6).collect());
        assert!(w.iter().all(|line| line.iter().any(|&v| v != 0)), "the fake draws something in every line");
        let missing: Vec<_> = (0..4).filter(|&line| c[line].iter().all(|&v| v == 0)).collect();
        let expected: Vec<_> = (missing[0]..missing[0] + missing.len()).collect();
        assert_eq!(missing, expected, "one run of lines, seed {seed}");
        assert!((0..4).filter(|line| !missing.contains(line)).all(|line| c[line] == w[line]), "seed {seed}");
        // All but the pixels and the mark are as they were.
        let mut meta = cut.meta().clone();
        meta.complete = true;
        assert_eq!(meta, *whole.meta());
    }
}

#[test]
fn a_disconnected_device_stays_so() {
    let (mut camera, _) = camera(at(Fault::Disconnect, 3), 1);
    shoot(&mut camera).unwrap();
    camera.trigger().unwrap();
    assert_eq!(camera.fetch(TIMEOUT).unwrap_err().kind(), ErrorKind::Disconnected);
    conformance::check_disconnected_camera(&mut camera).unwrap();

    let (mut lights, _) = lights(at(Fault::Disconnect, 1));
    lights.off().unwrap();
    assert_eq!(lights.off().unwrap_err().kind(), ErrorKind::Disconnected);
    conformance::check_disconnected_lights(&mut lights).unwrap();

    let (mut turntable, _) = turntable(at(Fault::Disconnect, 2));
    turntable.move_to(1.0).unwrap();
    assert_eq!(turntable.move_to(2.0).unwrap_err().kind(), ErrorKind::Disconnected);
    conformance::check_disconnected_turntable(&mut turntable).unwrap();
}

#[test]
fn refused_settings_leave_the_camera_as_it_was() {
    let (mut camera, clock) = camera(at(Fault::SettingRefused, 0).with_fault_at(Fault::Timeout, 1), 1);
    let before = camera.settings();
    let wanted = CameraSettings { exposure: Duration::from_millis(9), ..before };
    assert_eq!(camera.configure(&wanted).unwrap_err().kind(), ErrorKind::UnsupportedSetting);
    assert_eq!(camera.settings(), before);
    let called = clock.now();
    assert_eq!(camera.configure(&wanted).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(clock.now().since(called), Duration::from_secs(1));
    assert_eq!(camera.settings(), before);
    assert_eq!(camera.configure(&wanted).unwrap(), wanted);
}

#[test]
fn refused_patterns_leave_the_light_as_it_was() {
    let (mut lights, _) = lights(at(Fault::SettingRefused, 1).with_fault_at(Fault::Timeout, 2));
    let [ring, bar] = ["ring", "bar-left"].map(|pattern| LightSetting { pattern: pattern.into(), intensity: 1.0 });
    lights.apply(&ring).unwrap();
    assert_eq!(lights.apply(&bar).unwrap_err().kind(), ErrorKind::UnsupportedSetting);
    assert_eq!(lights.current(), Some(&ring));
    assert_eq!(lights.off().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(lights.current(), Some(&ring));
    lights.off().unwrap();
    assert_eq!(lights.current(), None);
}

#[test]
fn a_missed_angle_is_told_and_asks_for_homing() {
    let (mut turntable, scene) = turntable(at(Fault::MissedAngle, 1));
    turntable.move_to(1.0).unwrap();
    assert_eq!(turntable.move_to(2.0).unwrap_err().kind(), ErrorKind::Motion);
    let steps = (scene.lock().unwrap().angle_rad.unwrap() - 2.0).abs() / turntable.capabilities().resolution_rad;
    assert!((0.9..20.1).contains(&steps), "the plate stands {steps} steps beside its angle");
    conformance::check_failed_move(&mut turntable).unwrap();
    assert_eq!(turntable.move_to(2.0).unwrap(), turntable.angle_rad().unwrap());
}

#[test]
fn a_failed_move_leaves_the_plate_and_asks_for_homing() {
    let (mut turntable, scene) = turntable(at(Fault::FailedMove, 2));
    turntable.move_to(1.0).unwrap();
    assert_eq!(turntable.move_to(2.0).unwrap_err().kind(), ErrorKind::Motion);
    assert_eq!(scene.lock().unwrap().angle_rad, Some(1.0));
    conformance::check_failed_move(&mut turntable).unwrap();
}

#[test]
fn a_move_without_an_answer_has_moved_and_asks_for_homing() {
    let (mut turntable, scene) = turntable(at(Fault::Timeout, 1));
    assert_eq!(turntable.move_to(2.0).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(scene.lock().unwrap().angle_rad, Some(2.0));
    conformance::check_failed_move(&mut turntable).unwrap();
}

#[test]
fn homing_fails_too() {
    let (mut turntable, _) = turntable(at(Fault::FailedMove, 1).with_fault_at(Fault::Timeout, 2));
    // Home 0 was fine; 1 stalls; 2 gives no answer.
    assert_eq!(turntable.home().unwrap_err().kind(), ErrorKind::Motion);
    assert_eq!(turntable.angle_rad(), None);
    assert_eq!(turntable.home().unwrap_err().kind(), ErrorKind::Timeout);
    conformance::check_failed_move(&mut turntable).unwrap();
}

#[test]
fn a_refusal_of_the_device_comes_before_an_injected_fault() {
    let (mut turntable, _) = turntable(at(Fault::MissedAngle, 0));
    assert_eq!(turntable.move_to(f64::NAN).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert_eq!(turntable.angle_rad(), Some(0.0));
    let (mut camera, _) = camera(at(Fault::Timeout, 0), 1);
    assert_eq!(camera.fetch(TIMEOUT).unwrap_err().kind(), ErrorKind::WrongState);
}

/// What became of 200 shots.
fn outcomes(device: &str, plan: &FaultPlan, seed: u64) -> Vec<Result<bool, ErrorKind>> {
    let clock = clock();
    let inner = FakeCamera::new(device, clock.clone(), SharedScene::default());
    let mut camera = Faulty::camera(inner, plan.clone(), seed, clock).unwrap();
    (0..200).map(|_| shoot(&mut camera).map(|f| f.meta().complete)).collect()
}

#[test]
fn faults_follow_seed_and_device_and_nothing_else() {
    let plan = FaultPlan::default().with_rate(Fault::LostFrame, 0.2).with_rate(Fault::IncompleteFrame, 0.3);
    let first = outcomes("top", &plan, 1);
    assert_eq!(first, outcomes("top", &plan, 1));
    assert_ne!(first, outcomes("top", &plan, 2));
    assert_ne!(first, outcomes("side", &plan, 1));
    let kinds: BTreeSet<_> = first.iter().map(|o| format!("{o:?}")).collect();
    assert_eq!(kinds.len(), 3, "whole, incomplete and lost: {kinds:?}");
    // 200 draws at 0.2: mean 40, standard deviation 5.7; seed 1 is fixed.
    let lost = first.iter().filter(|o| o.is_err()).count();
    assert!((20..=60).contains(&lost), "{lost} of 200 frames were lost at a rate of 0.2");
}

#[test]
fn adding_a_fault_shifts_no_other() {
    let lost = FaultPlan::default().with_rate(Fault::LostFrame, 0.2);
    let more = lost.clone().with_rate(Fault::IncompleteFrame, 0.5).with_rate(Fault::SettingRefused, 0.5);
    let which = |plan| outcomes("top", plan, 3).iter().map(Result::is_err).collect::<Vec<_>>();
    assert_eq!(which(&lost), which(&more));
}

#[test]
fn a_certain_fault_always_happens() {
    let outcomes = outcomes("top", &FaultPlan::default().with_rate(Fault::LostFrame, 1.0), 5);
    assert!(outcomes.iter().all(|o| *o == Err(ErrorKind::LostData)));
}

#[test]
fn plans_that_make_no_sense_are_refused() {
    for rate in [-0.1, 1.1, f64::NAN] {
        let clock = clock();
        let inner = FakeCamera::new("top", clock.clone(), SharedScene::default());
        let error = Faulty::camera(inner, FaultPlan::default().with_rate(Fault::Timeout, rate), 0, clock).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfRange);
        assert!(error.to_string().contains("is not a probability"), "{error}");
    }
    let error = faulty_rig(rig(), BTreeMap::from([("botom".to_owned(), FaultPlan::default())]), 0).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedSetting);
    let expected = "botom: the rig has no device of this name to give faults to; it has top, side, lights, plate";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_plan_reads_from_a_file() {
    let plan: FaultPlan =
        serde_json::from_str(r#"{"rates": {"lost_frame": 0.25}, "script": [{"fault": "disconnect", "call": 9}]}"#).unwrap();
    assert_eq!(plan, at(Fault::Disconnect, 9).with_rate(Fault::LostFrame, 0.25));
    assert_eq!(serde_json::from_str::<FaultPlan>(&serde_json::to_string(&plan).unwrap()).unwrap(), plan);
    assert!(serde_json::from_str::<FaultPlan>(r#"{"rate": {}}"#).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever goes wrong: sequence numbers count triggers, no error but those of the faults, and a fetch always spends its trigger.
    #[test]
    fn a_faulty_camera_keeps_the_contract(seed: u64, rates in proptest::collection::vec(0.0f64..0.4, 3)) {
        let faults = [Fault::Timeout, Fault::LostFrame, Fault::IncompleteFrame];
        let plan = faults.into_iter().zip(rates).fold(FaultPlan::default(), |plan, (fault, rate)| plan.with_rate(fault, rate));
        let (mut camera, clock) = camera(plan, seed);
        for n in 0..50 {
            let before = clock.now();
            camera.trigger().unwrap();
            match camera.fetch(TIMEOUT) {
                Ok(frame) => {
                    prop_assert_eq!(frame.meta().sequence, n);
                    prop_assert!(frame.meta().exposure.start >= before && frame.meta().timestamp <= clock.now());
                }
                Err(e) => prop_assert!(matches!(e.kind(), ErrorKind::Timeout | ErrorKind::LostData), "{e}"),
            }
            prop_assert_eq!(camera.fetch(TIMEOUT).unwrap_err().kind(), ErrorKind::WrongState);
        }
    }
}
