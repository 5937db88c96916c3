//! A twin whose things were moved shows what a twin shows that was built with them there.

use hardware_hal::glam::{DQuat, DVec3};
use sim::error::SimError;
use sim::spec::Placement;
use sim::twin::Twin;

use crate::station;

#[test]
fn a_rearranged_twin_shows_the_same_bits_as_one_built_so() {
    let spec = station::station(3);
    let settled = station::settled(&spec);
    let mut twin = Twin::with_load(spec.clone(), settled.clone()).unwrap();
    let before = twin.radiance("overhead", 0.3, "all").unwrap();
    let truth_before = twin.truth("overhead", 0.3, "all").unwrap();

    let mut other = spec.clone();
    other.lamps[0].position.z += 0.2;
    other.lamps[2].intensity *= 0.5;
    other.cameras[0].calibration.camera_from_rig.translation.x += 0.01;
    let mut moved = settled.clone();
    moved.placements[1].translation += DVec3::new(0.02, -0.01, 0.0);
    moved.placements[2] = Placement { rotation: DQuat::from_rotation_z(1.0) * settled.placements[2].rotation, ..settled.placements[2] };
    twin.rearrange(other.clone(), moved.placements.clone()).unwrap();
    let after = twin.radiance("overhead", 0.3, "all").unwrap();
    assert_ne!(after.pixels, before.pixels);
    let fresh = Twin::with_load(other, moved).unwrap();
    assert_eq!(after.pixels, fresh.radiance("overhead", 0.3, "all").unwrap().pixels);
    assert_eq!(twin.truth("overhead", 0.3, "all").unwrap(), fresh.truth("overhead", 0.3, "all").unwrap());
    assert_ne!(twin.truth("overhead", 0.3, "all").unwrap(), truth_before);

    // And back again.
    twin.rearrange(spec, settled.placements).unwrap();
    assert_eq!(twin.radiance("overhead", 0.3, "all").unwrap().pixels, before.pixels);
}

#[test]
fn another_station_is_no_rearrangement() {
    let spec = station::station(2);
    let settled = station::settled(&spec);
    let mut twin = Twin::with_load(spec.clone(), settled.clone()).unwrap();
    let mut fewer_lamps = spec.clone();
    fewer_lamps.lamps.pop();
    fewer_lamps.patterns.truncate(0);
    fewer_lamps.patterns.push(sim::spec::PatternSpec { name: "all".into(), lamps: vec![(0, 1.0)] });
    let mut other_print = spec.clone();
    other_print.packages[0].artwork.seed += 1;
    let mut other_plate = spec.clone();
    other_plate.plate.albedo = 0.5;
    for wrong in [fewer_lamps, other_print, other_plate] {
        let refused = twin.rearrange(wrong, settled.placements.clone());
        assert!(matches!(refused, Err(SimError::Spec(_))), "{refused:?}");
    }
    // What was refused has changed nothing.
    let fresh = Twin::with_load(spec, settled).unwrap();
    assert_eq!(twin.radiance("side", 0.0, "low").unwrap().pixels, fresh.radiance("side", 0.0, "low").unwrap().pixels);
}
