//! The virtual devices keep the contracts of hardware-hal.

use std::sync::Arc;
use std::time::Duration;

use hardware_hal::conformance::check_rig;
use hardware_hal::{Clock, ErrorKind, LightSetting, Rig, SimulatedClock, SystemClock, Timestamp};
use sim::twin::Twin;

use crate::station;

fn twin() -> Twin {
    let mut spec = station::station(3);
    for camera in &mut spec.cameras {
        camera.calibration.intrinsics.size_px = [96, 64];
    }
    let settled = station::settled(&spec);
    Twin::with_load(spec, settled).unwrap()
}

fn lit_rig(twin: &Twin) -> Rig {
    let mut rig = twin.rig(Arc::new(SimulatedClock::new(Timestamp(1_000_000))));
    rig.turntable.as_mut().unwrap().home().unwrap();
    rig.lights.apply(&LightSetting { pattern: "all".into(), intensity: 1.0 }).unwrap();
    rig
}

#[test]
fn a_rig_of_virtual_devices_keeps_every_contract_in_simulated_time() {
    let mut rig = twin().rig(Arc::new(SimulatedClock::new(Timestamp(5))));
    check_rig(&mut rig, &[0.0, 1.0, -0.5, 7.0], Duration::from_secs(2)).unwrap_or_else(|v| panic!("{v}"));
}

#[test]
fn a_rig_of_virtual_devices_keeps_every_contract_in_real_time() {
    let mut spec = station::station(1);
    // Quick enough to wait for.
    spec.turntable.speed_rad_s = 50.0;
    spec.turntable.acceleration_rad_s2 = 1000.0;
    for camera in &mut spec.cameras {
        camera.calibration.intrinsics.size_px = [64, 48];
    }
    let settled = station::settled(&spec);
    let twin = Twin::with_load(spec, settled).unwrap();
    let mut rig = twin.rig(Arc::new(SystemClock::new()));
    check_rig(&mut rig, &[0.0, 0.5], Duration::from_secs(60)).unwrap_or_else(|v| panic!("{v}"));
}

#[test]
fn moves_and_exposures_take_their_time_on_the_clock() {
    let twin = twin();
    let clock = Arc::new(SimulatedClock::new(Timestamp(0)));
    let mut rig = twin.rig(Arc::clone(&clock) as Arc<dyn Clock>);
    let turntable = rig.turntable.as_mut().unwrap();
    turntable.home().unwrap();
    let before = clock.now();
    // 1 rad/s and 4 rad/s²: 2 rad take 2 s and another quarter.
    assert_eq!(turntable.move_to(2.0).unwrap(), 2.0);
    assert_eq!(clock.now().since(before), Duration::from_secs_f64(2.25));
    rig.lights.apply(&LightSetting { pattern: "east".into(), intensity: 0.5 }).unwrap();
    let camera = rig.cameras[0].as_mut();
    let before = clock.now();
    camera.trigger().unwrap();
    assert_eq!(clock.now().since(before), Duration::from_millis(10));
    let frame = camera.fetch(Duration::from_secs(1)).unwrap();
    // 96 × 64 bytes at 400 MB/s.
    assert_eq!(clock.now().since(before), Duration::from_millis(10) + Duration::from_secs_f64(6144.0 / 400e6));
    assert_eq!(frame.meta().turntable_angle_rad, Some(2.0));
    assert_eq!(frame.meta().light_pattern.as_deref(), Some("east"));
    assert_eq!(frame.meta().timestamp, clock.now());
}

#[test]
fn a_frame_shows_the_state_at_its_trigger_whatever_changes_before_the_fetch() {
    let twin = twin();
    let mut still = lit_rig(&twin);
    still.cameras[0].trigger().unwrap();
    let wanted = still.cameras[0].fetch(Duration::from_secs(1)).unwrap();
    let mut rig = lit_rig(&twin);
    rig.cameras[0].trigger().unwrap();
    rig.lights.off().unwrap();
    rig.turntable.as_mut().unwrap().move_to(1.0).unwrap();
    let frame = rig.cameras[0].fetch(Duration::from_secs(1)).unwrap();
    assert_eq!(frame.samples(), wanted.samples());
    assert_eq!(frame.meta().turntable_angle_rad, Some(0.0));
}

#[test]
fn a_dark_rig_takes_dark_pictures_and_says_so() {
    let twin = twin();
    let mut rig = lit_rig(&twin);
    let mean = |rig: &mut Rig| {
        rig.cameras[0].trigger().unwrap();
        let (meta, samples) = rig.cameras[0].fetch(Duration::from_secs(1)).unwrap().into_parts();
        let hardware_hal::Samples::U8(pixels) = samples else { unreachable!("the station's cameras start with 8 bits") };
        (meta.light_pattern, pixels.iter().map(|p| f64::from(*p)).sum::<f64>() / pixels.len() as f64)
    };
    let (pattern, lit) = mean(&mut rig);
    assert_eq!(pattern.as_deref(), Some("all"));
    rig.lights.off().unwrap();
    let (pattern, dark) = mean(&mut rig);
    assert_eq!(pattern, None);
    assert!(dark < 0.35 * lit, "{dark} dark, {lit} lit");
}

#[test]
fn a_second_exposure_of_a_state_has_noise_of_its_own() {
    let mut rig = lit_rig(&twin());
    let mut take = || {
        rig.cameras[0].trigger().unwrap();
        rig.cameras[0].fetch(Duration::from_secs(1)).unwrap()
    };
    let (first, second) = (take(), take());
    assert_ne!(first.samples(), second.samples());
    assert_eq!((first.meta().sequence, second.meta().sequence), (0, 1));
}

#[test]
fn a_timeout_shorter_than_the_transfer_spends_the_trigger() {
    let mut rig = lit_rig(&twin());
    let camera = rig.cameras[0].as_mut();
    camera.trigger().unwrap();
    assert_eq!(camera.fetch(Duration::ZERO).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(camera.fetch(Duration::from_secs(1)).unwrap_err().kind(), ErrorKind::WrongState);
    camera.trigger().unwrap();
    assert_eq!(camera.fetch(Duration::from_secs(1)).unwrap().meta().sequence, 1);
}

#[test]
fn truth_is_known_for_the_twins_own_cameras_and_patterns_only() {
    let twin = twin();
    assert!(!twin.truth("overhead", 0.3, "all").unwrap().is_empty());
    assert!(twin.truth("nowhere", 0.3, "all").unwrap_err().to_string().contains("no camera `nowhere`"));
    assert!(twin.truth("overhead", 0.3, "strobe").unwrap_err().to_string().contains("no pattern `strobe`"));
}
