//! The conformance suite passes devices that keep the contracts, and catches every clause that one breaks.
#![allow(clippy::unwrap_used)] // the helpers of tests are tests

mod fakes;

use fakes::{BrokenClock, FakeCamera, FakeLights, FakeTurntable, SharedScene, TIMEOUT, clock, rig};
use hardware_hal::conformance::{self, ANGLES_RAD, Clause, Outcome};
use hardware_hal::{Camera, SimulatedClock, SystemClock, Timestamp};
use std::sync::Mutex;
use std::time::Duration;

#[test]
fn clocks_conform() {
    conformance::check_clock(clock().as_ref()).unwrap();
    conformance::check_clock(&SystemClock::new()).unwrap();
}

#[test]
fn sound_devices_conform() {
    let clock = clock();
    let mut camera = FakeCamera::new("fake", clock.clone(), SharedScene::default());
    conformance::check_camera(&mut camera, clock.as_ref(), TIMEOUT).unwrap();
    assert_eq!(camera.sequence, conformance::frames_needed(camera.capabilities().formats.len()) as u64);
    conformance::check_light_bank(&mut FakeLights::new(SharedScene::default())).unwrap();
    conformance::check_turntable(&mut FakeTurntable::new(SharedScene::default()), ANGLES_RAD).unwrap();
    conformance::check_rig(&mut rig(), ANGLES_RAD, TIMEOUT).unwrap();
}

#[test]
fn a_rig_without_a_turntable_conforms() {
    let mut rig = rig();
    rig.turntable = None;
    conformance::check_rig(&mut rig, ANGLES_RAD, TIMEOUT).unwrap();
}

#[test]
fn sound_devices_stay_disconnected() {
    let mut camera = FakeCamera::new("fake", clock(), SharedScene::default());
    let mut lights = FakeLights::new(SharedScene::default());
    let mut turntable = FakeTurntable::new(SharedScene::default());
    (camera.gone, lights.gone, turntable.gone) = (true, true, true);
    conformance::check_disconnected_camera(&mut camera).unwrap();
    conformance::check_disconnected_lights(&mut lights).unwrap();
    conformance::check_disconnected_turntable(&mut turntable).unwrap();
}

#[test]
fn a_sound_turntable_asks_for_homing_after_a_failed_move() {
    let mut turntable = FakeTurntable::new(SharedScene::default());
    conformance::check_turntable(&mut turntable, ANGLES_RAD).unwrap();
    turntable.fail_a_move();
    conformance::check_failed_move(&mut turntable).unwrap();
}

/// Puts a device that breaks `clause`, and nothing else, through the suite.
fn check_broken(clause: Clause) -> Outcome {
    let name = format!("{clause:?}");
    let clock = clock();
    if name.starts_with("Clock") {
        let inner = SimulatedClock::new(Timestamp(1_000));
        return conformance::check_clock(&BrokenClock { flaw: clause, inner, calls: Mutex::new(0) });
    }
    match clause {
        Clause::CameraStaysDisconnected => {
            let mut camera = FakeCamera::broken(clause, clock);
            camera.gone = true;
            conformance::check_disconnected_camera(&mut camera)
        }
        Clause::LightStaysDisconnected => {
            let mut lights = FakeLights::broken(clause);
            lights.gone = true;
            conformance::check_disconnected_lights(&mut lights)
        }
        Clause::TurntableStaysDisconnected => {
            let mut turntable = FakeTurntable::broken(clause);
            conformance::check_turntable(&mut turntable, ANGLES_RAD).unwrap();
            turntable.gone = true;
            conformance::check_disconnected_turntable(&mut turntable)
        }
        Clause::TurntableFailedMove => {
            let mut turntable = FakeTurntable::broken(clause);
            conformance::check_turntable(&mut turntable, ANGLES_RAD).unwrap();
            turntable.fail_a_move();
            conformance::check_failed_move(&mut turntable)
        }
        Clause::RigIds => {
            let mut rig = rig();
            rig.cameras[1] = Box::new(FakeCamera::new("top", clock, SharedScene::default()));
            conformance::check_rig(&mut rig, ANGLES_RAD, TIMEOUT)
        }
        Clause::RigFramePlace => {
            // A camera that does not see what the other devices do.
            let mut rig = rig();
            rig.cameras[1] = Box::new(FakeCamera::new("side", rig.clock.clone(), SharedScene::default()));
            conformance::check_rig(&mut rig, ANGLES_RAD, TIMEOUT)
        }
        _ if name.starts_with("Camera") => {
            conformance::check_camera(&mut FakeCamera::broken(clause, clock.clone()), clock.as_ref(), TIMEOUT)
        }
        _ if name.starts_with("Light") => conformance::check_light_bank(&mut FakeLights::broken(clause)),
        _ => conformance::check_turntable(&mut FakeTurntable::broken(clause), ANGLES_RAD),
    }
}

#[test]
fn every_clause_catches_a_device_that_breaks_it() {
    let missed: Vec<_> = Clause::ALL
        .iter()
        .filter_map(|&clause| match check_broken(clause) {
            Err(violation) if violation.clause == clause => None,
            other => Some(format!("{clause:?}: {other:?}")),
        })
        .collect();
    assert!(missed.is_empty(), "not caught, or caught as another clause:\n{}", missed.join("\n"));
}

#[test]
fn a_rig_without_cameras_is_caught() {
    let mut rig = rig();
    rig.cameras.clear();
    assert_eq!(conformance::check_rig(&mut rig, ANGLES_RAD, TIMEOUT).unwrap_err().clause, Clause::RigIds);
}

#[test]
fn a_violation_names_device_clause_and_deed() {
    let clock = clock();
    let mut camera = FakeCamera::broken(Clause::CameraSequence, clock.clone());
    let violation = conformance::check_camera(&mut camera, clock.as_ref(), TIMEOUT).unwrap_err();
    assert_eq!(
        violation.to_string(),
        "`fake` breaks CameraSequence (camera: sequence numbers rise by one per trigger): frame 2 came 1 trigger(s) after frame 0"
    );
}

#[test]
fn a_camera_that_answers_at_once_conforms() {
    // No readout: fetch(0 s) delivers, the other branch of the timeout clause.
    struct AtOnce(FakeCamera);
    impl Camera for AtOnce {
        fn capabilities(&self) -> &hardware_hal::CameraCapabilities {
            self.0.capabilities()
        }
        fn calibration(&self) -> Option<&hardware_hal::Calibration> {
            self.0.calibration()
        }
        fn settings(&self) -> hardware_hal::CameraSettings {
            self.0.settings()
        }
        fn configure(&mut self, s: &hardware_hal::CameraSettings) -> hardware_hal::Result<hardware_hal::CameraSettings> {
            self.0.configure(s)
        }
        fn trigger(&mut self) -> hardware_hal::Result<()> {
            self.0.trigger()
        }
        fn fetch(&mut self, _: Duration) -> hardware_hal::Result<hardware_hal::Frame> {
            self.0.fetch(TIMEOUT)
        }
    }
    let clock = clock();
    let mut camera = AtOnce(FakeCamera::new("fake", clock.clone(), SharedScene::default()));
    conformance::check_camera(&mut camera, clock.as_ref(), TIMEOUT).unwrap();
}
