//! A station of the demo's size fits into a small machine.

use std::sync::Arc;
use std::time::Duration;

use hardware_hal::{LightSetting, SimulatedClock, Timestamp};
use sim::twin::Twin;

use crate::station::{self, camera, oblique, overhead};

const LIMIT_MIB: u64 = 1536;

#[test]
fn four_cameras_of_the_demos_size_stay_well_below_two_gibibytes() {
    // In a process of its own, because other tests run in this one.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "memory::child_with_four_cameras", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let peak = text.lines().find_map(|l| l.split("peak of ").nth(1)?.strip_suffix(" MiB")?.parse::<u64>().ok());
    match peak {
        Some(mib) => assert!(mib < LIMIT_MIB, "{mib} MiB at the peak"),
        None => println!("skipped: this system does not tell a process's peak memory"),
    }
}

/// Runs in the process that the test above starts.
#[test]
#[ignore = "started by four_cameras_of_the_demos_size_stay_well_below_two_gibibytes"]
fn child_with_four_cameras() {
    let mut spec = station::station(20);
    spec.cameras = vec![
        camera("overhead", overhead(4096, 3000, 5600.0, 0.95)),
        camera("one", oblique(2448, 2048, 3200.0, [0.7, -0.3, 0.5])),
        camera("two", oblique(2448, 2048, 3200.0, [-0.1, 0.75, 0.5])),
        camera("three", oblique(2448, 2048, 3200.0, [-0.6, -0.5, 0.5])),
    ];
    let settled = station::settled(&spec);
    let twin = Twin::with_load(spec, settled).unwrap();
    let mut rig = twin.rig(Arc::new(SimulatedClock::new(Timestamp(0))));
    rig.lights.apply(&LightSetting { pattern: "all".into(), intensity: 1.0 }).unwrap();
    for camera in &mut rig.cameras {
        camera.trigger().unwrap();
    }
    let frames: Vec<_> = rig.cameras.iter_mut().map(|c| c.fetch(Duration::from_secs(1)).unwrap()).collect();
    assert_eq!(frames[0].samples().len(), 4096 * 3000);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    if let Some(kib) = peak {
        println!("peak of {} MiB", kib / 1024);
    }
}
