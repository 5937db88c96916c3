//! What must hold between the devices of a rig.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Clause, Judge, Outcome, check_camera, check_clock, check_light_bank, check_turntable};
use crate::{LightSetting, Rig};

/// Checks every device of a rig that is as after power-on, and that frames carry the place at which they were taken: each camera takes
/// [`frames_needed`](super::frames_needed) frames at the first angle under the first pattern, and then one at each angle under each pattern at
/// full intensity. Leaves the lights dark.
///
/// # Errors
/// The first clause that does not hold.
pub fn check_rig(rig: &mut Rig, angles_rad: &[f64], timeout: Duration) -> Outcome {
    let judge = Judge::new("rig");
    let mut ids: Vec<_> = rig.cameras.iter().map(|c| c.capabilities().id.clone()).collect();
    ids.push(rig.lights.capabilities().id.clone());
    ids.extend(rig.turntable.as_ref().map(|t| t.capabilities().id.clone()));
    let distinct: BTreeSet<_> = ids.iter().collect();
    judge.hold(Clause::RigIds, !rig.cameras.is_empty() && distinct.len() == ids.len(), || format!("its devices are {ids:?}"))?;

    check_clock(rig.clock.as_ref())?;
    check_light_bank(rig.lights.as_mut())?;
    if let Some(turntable) = &mut rig.turntable {
        check_turntable(turntable.as_mut(), angles_rad)?;
    }
    let c = rig.lights.capabilities().clone();
    let angles: Vec<Option<f64>> = match rig.turntable {
        Some(_) => angles_rad.iter().copied().map(Some).collect(),
        None => vec![None],
    };
    for (i, &angle) in angles.iter().enumerate() {
        let reached = match (&mut rig.turntable, angle) {
            (Some(turntable), Some(angle)) => {
                Some(judge.ok(Clause::TurntableReaches, &format!("move_to({angle})"), turntable.move_to(angle))?)
            }
            _ => None,
        };
        for (j, pattern) in c.patterns.iter().enumerate() {
            let setting = LightSetting { pattern: pattern.clone(), intensity: c.intensity.1 };
            judge.ok(Clause::LightApplies, &format!("apply({setting:?})"), rig.lights.apply(&setting))?;
            if i == 0 && j == 0 {
                for camera in &mut rig.cameras {
                    check_camera(camera.as_mut(), rig.clock.as_ref(), timeout)?;
                }
            }
            frames_carry_place(rig, reached, pattern, timeout)?;
        }
    }
    judge.ok(Clause::LightOff, "off", rig.lights.off())
}

/// All cameras at once, as a station does it.
fn frames_carry_place(rig: &mut Rig, reached: Option<f64>, pattern: &str, timeout: Duration) -> Outcome {
    for camera in &mut rig.cameras {
        let judge = Judge::new(camera.capabilities().id.clone());
        judge.ok(Clause::CameraDelivers, "trigger", camera.trigger())?;
    }
    for camera in &mut rig.cameras {
        let judge = Judge::new(camera.capabilities().id.clone());
        let frame = judge.ok(Clause::CameraDelivers, "fetch", camera.fetch(timeout))?;
        let meta = frame.meta();
        let told = (meta.turntable_angle_rad, meta.light_pattern.as_deref());
        judge.hold(Clause::RigFramePlace, told == (reached, Some(pattern)), || {
            format!("the plate stands at {reached:?} under `{pattern}`; the frame says {told:?}")
        })?;
    }
    Ok(())
}
