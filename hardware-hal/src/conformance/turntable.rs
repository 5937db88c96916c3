//! The turntable's contract.

use super::{Clause, Judge, Outcome};
use crate::{ErrorKind, Turntable};

/// Angles for [`check_turntable`] that any turntable reaches which is not a recording: both senses, and more than a turn. The largest step is
/// 14 rad, a bit more than two turns.
pub const ANGLES_RAD: &[f64] = &[0.0, 1.0, -0.5, 2.0, 7.0, -7.0, 0.0];

/// Checks a turntable as it is after power-on: connected and not homed. Moves it to each of `angles_rad` and leaves it at zero.
///
/// # Errors
/// The first clause that does not hold.
pub fn check_turntable(turntable: &mut dyn Turntable, angles_rad: &[f64]) -> Outcome {
    let judge = Judge::new(turntable.capabilities().id.clone());
    let c = turntable.capabilities().clone();
    let sane =
        !c.id.is_empty() && [c.resolution_rad, c.max_speed_rad_s, c.max_acceleration_rad_s2].iter().all(|v| v.is_finite() && *v > 0.0);
    judge.hold(Clause::TurntableCapabilities, sane, || format!("{c:?}"))?;

    let angle = turntable.angle_rad();
    judge.hold(Clause::TurntableUnknownBeforeHome, angle.is_none(), || format!("before homing it stands at {angle:?}"))?;
    let first = angles_rad.first().copied().unwrap_or_default();
    judge.refused(Clause::TurntableMoveNeedsHome, &format!("move_to({first})"), ErrorKind::WrongState, turntable.move_to(first))?;

    home(&judge, turntable)?;
    for &wanted in angles_rad {
        let reached = judge.ok(Clause::TurntableReaches, &format!("move_to({wanted})"), turntable.move_to(wanted))?;
        judge.hold(Clause::TurntableReaches, within(reached, wanted, c.resolution_rad), || {
            format!("move_to({wanted}) reached {reached}; the resolution is {} rad", c.resolution_rad)
        })?;
        let told = turntable.angle_rad();
        judge.hold(Clause::TurntableTellsAngle, told == Some(reached), || {
            format!("move_to({wanted}) reached {reached}, then it stands at {told:?}")
        })?;
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let call = format!("move_to({bad})");
            judge.refused(Clause::TurntableRefusesNonFinite, &call, ErrorKind::OutOfRange, turntable.move_to(bad))?;
            let now = turntable.angle_rad();
            judge.hold(Clause::TurntableRefusalKeepsAngle, now == told, || {
                format!("{call} was refused and took it from {told:?} to {now:?}")
            })?;
        }
    }
    home(&judge, turntable)
}

/// Checks a turntable whose last move failed, for another reason than [`ErrorKind::Disconnected`]: it must ask to be homed.
///
/// # Errors
/// The first clause that does not hold.
pub fn check_failed_move(turntable: &mut dyn Turntable) -> Outcome {
    let judge = Judge::new(turntable.capabilities().id.clone());
    let angle = turntable.angle_rad();
    judge.hold(Clause::TurntableFailedMove, angle.is_none(), || format!("after a failed move it stands at {angle:?}"))?;
    judge.refused(Clause::TurntableFailedMove, "move_to(0)", ErrorKind::WrongState, turntable.move_to(0.0))?;
    home(&judge, turntable)
}

/// Checks a turntable that has just reported [`ErrorKind::Disconnected`].
///
/// # Errors
/// The first clause that does not hold.
pub fn check_disconnected_turntable(turntable: &mut dyn Turntable) -> Outcome {
    let judge = Judge::new(turntable.capabilities().id.clone());
    for _ in 0..2 {
        let (clause, gone) = (Clause::TurntableStaysDisconnected, ErrorKind::Disconnected);
        judge.refused(clause, "move_to(0)", gone, turntable.move_to(0.0))?;
        judge.refused(clause, "home", gone, turntable.home())?;
        let angle = turntable.angle_rad();
        judge.hold(clause, angle.is_none(), || format!("disconnected, it stands at {angle:?}"))?;
    }
    Ok(())
}

fn home(judge: &Judge, turntable: &mut dyn Turntable) -> Outcome {
    judge.ok(Clause::TurntableHomes, "home", turntable.home())?;
    let angle = turntable.angle_rad();
    let resolution = turntable.capabilities().resolution_rad;
    judge.hold(Clause::TurntableHomes, angle.is_some_and(|a| within(a, 0.0, resolution)), || format!("homed, it stands at {angle:?}"))
}

/// Half a resolution, with room for the rounding of the last digits.
fn within(reached: f64, wanted: f64, resolution: f64) -> bool {
    (reached - wanted).abs() <= 0.5 * resolution + 1e-9 * (resolution + wanted.abs())
}
