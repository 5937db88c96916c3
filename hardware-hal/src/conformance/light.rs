//! The light bank's contract.

use std::collections::BTreeSet;

use super::{Clause, Judge, Outcome, close, ordered};
use crate::{ErrorKind, LightBank, LightSetting};

/// Checks a light bank that is connected; lights every pattern of its list and leaves it dark.
///
/// # Errors
/// The first clause that does not hold.
pub fn check_light_bank(lights: &mut dyn LightBank) -> Outcome {
    let judge = Judge::new(lights.capabilities().id.clone());
    let c = lights.capabilities().clone();
    let distinct: BTreeSet<_> = c.patterns.iter().collect();
    let sane = !c.id.is_empty()
        && !c.patterns.is_empty()
        && distinct.len() == c.patterns.len()
        && c.patterns.iter().all(|p| !p.is_empty())
        && ordered(c.intensity)
        && c.intensity.0 >= 0.0;
    judge.hold(Clause::LightCapabilities, sane, || format!("{c:?}"))?;

    off(&judge, lights)?;
    refuse_all(&judge, lights)?;
    let (low, high) = c.intensity;
    for pattern in &c.patterns {
        for (intensity, end) in [(low + (high - low) / 3.0, false), (low, true), (high, true)] {
            let wanted = LightSetting { pattern: pattern.clone(), intensity };
            let applied = judge.ok(Clause::LightApplies, &format!("apply({wanted:?})"), lights.apply(&wanted))?;
            let now = lights.current().cloned();
            judge.hold(Clause::LightApplies, now.as_ref() == Some(&applied) && applied.pattern == *pattern, || {
                format!("apply({wanted:?}) returned {applied:?}; lit is {now:?}")
            })?;
            let in_range = close(applied.intensity, applied.intensity.clamp(low, high));
            judge.hold(Clause::LightNearest, in_range && (!end || close(applied.intensity, intensity)), || {
                format!("apply({wanted:?}) applied {applied:?}")
            })?;
        }
        refuse_all(&judge, lights)?;
    }
    off(&judge, lights)?;
    off(&judge, lights)
}

/// Checks a light bank that has just reported [`ErrorKind::Disconnected`].
///
/// # Errors
/// The first clause that does not hold.
pub fn check_disconnected_lights(lights: &mut dyn LightBank) -> Outcome {
    let judge = Judge::new(lights.capabilities().id.clone());
    let c = lights.capabilities().clone();
    for pattern in c.patterns.into_iter().take(2) {
        let setting = LightSetting { pattern, intensity: c.intensity.1 };
        judge.refused(Clause::LightStaysDisconnected, "apply", ErrorKind::Disconnected, lights.apply(&setting))?;
        judge.refused(Clause::LightStaysDisconnected, "off", ErrorKind::Disconnected, lights.off())?;
    }
    Ok(())
}

fn off(judge: &Judge, lights: &mut dyn LightBank) -> Outcome {
    judge.ok(Clause::LightOff, "off", lights.off())?;
    judge.hold(Clause::LightOff, lights.current().is_none(), || format!("after `off`, lit is {:?}", lights.current()))
}

fn refuse_all(judge: &Judge, lights: &mut dyn LightBank) -> Outcome {
    let c = lights.capabilities().clone();
    let unknown = format!("no pattern has this name {}", c.patterns.concat());
    let intensity = c.intensity.1;
    refuse(judge, lights, Clause::LightRefusesPattern, ErrorKind::UnsupportedSetting, LightSetting { pattern: unknown, intensity })?;
    for pattern in &c.patterns {
        for intensity in [c.intensity.0 - 1.0, c.intensity.1 * 2.0 + 1.0, f64::NAN, f64::INFINITY] {
            let setting = LightSetting { pattern: pattern.clone(), intensity };
            refuse(judge, lights, Clause::LightRefusesIntensity, ErrorKind::OutOfRange, setting)?;
        }
    }
    Ok(())
}

fn refuse(judge: &Judge, lights: &mut dyn LightBank, clause: Clause, kind: ErrorKind, wanted: LightSetting) -> Outcome {
    let before = lights.current().cloned();
    judge.refused(clause, &format!("apply({wanted:?})"), kind, lights.apply(&wanted))?;
    let now = lights.current().cloned();
    judge.hold(Clause::LightRefusalKeepsLight, now == before, || format!("apply({wanted:?}) was refused and changed {before:?} to {now:?}"))
}
