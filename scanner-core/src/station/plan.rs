//! Whether a cycle may end early, and which stop comes next.
//!
//! Ending early is a matter of what is on the plate, not of what symbols say: it decides how many pictures are taken, never what is read in one.

use std::collections::BTreeMap;

use hardware_hal::{Calibration, FrameMeta};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::codes::{Role, unit_key};
use crate::pool::{Order, OrderUnit, Pool, PoolError, UnitState};
use crate::vision::{FrameReading, FusedCode, OpenStrip, PackageCount, outlook};

/// When a cycle may end before all stops were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStop {
    /// Never: all stops are taken.
    #[default]
    Never,
    /// After a stop, once all of this holds: the order asks for whole packs only and nothing of it was served before; the distinct traceability codes
    /// that were read are as many as those packs; each of them is an available unit of one of the order's products and no product has more than its
    /// lines ask for; no code is in dispute; nothing that looks like a code was left unread, unless geometry says that it is one of those read; and no
    /// frame shows more packages than the order asks for, or the frame that shows most of them one without a code.
    ///
    /// Where packages are not told apart (without the ONNX Runtime library, or by gradients alone) the last is left out: a package too many that lies on
    /// its code then goes unnoticed, as it would after all stops.
    WhenAccountedFor,
}

/// Which stop follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextStop {
    /// The next one of the list.
    #[default]
    InOrder,
    /// The one from which strips that were not read should be seen best: large, and aslant to the pixel grid ([`outlook`]). The list's order decides
    /// between equals, and where nothing is left unread or nothing is calibrated.
    ByGain,
}

/// Why a stop was taken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum StopChoice {
    /// It was the next one of the list.
    InOrder,
    /// It promised most for strips that were not read.
    Gain {
        /// Such strips, each frame's counted.
        strips: usize,
        /// Sum over them of the best camera's outlook.
        gain: f64,
    },
}

/// Why the cycle did not end after a stop.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum KeepGoing {
    /// The order does not say how many packages there are: a line counts pieces, or some of it was served before.
    OrderNotCountable,
    /// Fewer codes than packages.
    CodesMissing {
        /// Packages, by the order.
        packages: u64,
        /// Distinct traceability codes.
        codes: u64,
    },
    /// A code without a place in the order: not in the pool, of another product, more than asked for, or not for sale.
    OutsideOrder {
        /// The first of them.
        code: String,
    },
    /// Two codes claim one place.
    Disputed {
        /// The first of them.
        code: String,
    },
    /// More packages are seen than the order asks for.
    PackagesTooMany {
        /// Packages, by the order.
        packages: u64,
        /// Packages in the frame that shows most of them.
        seen: u64,
    },
    /// Packages are seen on which no code lies that was read.
    PackagesWithoutCode {
        /// How many.
        packages: u64,
    },
    /// Something that looks like a code was not read.
    Unread {
        /// How many, each frame's counted.
        strips: usize,
    },
}

impl std::fmt::Display for KeepGoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OrderNotCountable => write!(f, "the order does not say how many packages there are"),
            Self::CodesMissing { packages, codes } => write!(f, "{codes} codes were read for {packages} packages"),
            Self::OutsideOrder { code } => write!(f, "{code} has no place in the order"),
            Self::Disputed { code } => write!(f, "another code claims the place of {code}"),
            Self::PackagesTooMany { packages, seen } => write!(f, "{seen} packages are seen where {packages} were ordered"),
            Self::PackagesWithoutCode { packages } => write!(f, "{packages} packages are seen without a code that was read"),
            Self::Unread { strips } => write!(f, "{strips} places that look like codes were not read"),
        }
    }
}

/// Why the packages on the plate are not accounted for; `None` where they are. Reads the pool and changes nothing.
///
/// # Errors
/// The pool's.
pub(super) fn keep_going(
    pool: &Pool,
    order: &Order,
    codes: &[FusedCode],
    withheld: &[String],
    open: &[OpenStrip],
    seen: Option<&PackageCount>,
) -> Result<Option<KeepGoing>, PoolError> {
    let served = pool.progress(order)?.iter().any(|line| line.held + line.sold > 0);
    if served || order.lines.iter().any(|line| line.unit != OrderUnit::Packs) {
        return Ok(Some(KeepGoing::OrderNotCountable));
    }
    if let Some(code) = withheld.first() {
        return Ok(Some(KeepGoing::Disputed { code: code.clone() }));
    }
    let mut wanted: BTreeMap<(String, Option<String>), u64> = BTreeMap::new();
    for line in &order.lines {
        *wanted.entry((line.product.clone(), line.batch.clone())).or_default() += u64::from(line.quantity);
    }
    let packages: u64 = wanted.values().sum();
    // One unit may carry its code twice.
    let units: BTreeMap<String, &FusedCode> = codes
        .iter()
        .filter(|code| code.role == Role::Trace)
        .map(|code| (unit_key(&code.text).unwrap_or_else(|| code.text.clone()), code))
        .collect();
    for code in units.values() {
        let mut placed = false;
        if let Some(unit) = pool.unit(&code.text)?.filter(|unit| unit.state == UnitState::Available) {
            // A line that asks for this batch, before one that takes any.
            for batch in [Some(unit.batch), None] {
                if let Some(left) = wanted.get_mut(&(unit.product.clone(), batch)).filter(|left| **left > 0 && !placed) {
                    *left -= 1;
                    placed = true;
                }
            }
        }
        if !placed {
            return Ok(Some(KeepGoing::OutsideOrder { code: code.text.clone() }));
        }
    }
    let found = units.len() as u64;
    if found < packages {
        return Ok(Some(KeepGoing::CodesMissing { packages, codes: found }));
    }
    if !open.is_empty() {
        return Ok(Some(KeepGoing::Unread { strips: open.len() }));
    }
    let Some(count) = seen else { return Ok(None) };
    let (seen, bare) = (count.seen as u64, count.without_code.len() as u64);
    if seen > packages {
        return Ok(Some(KeepGoing::PackagesTooMany { packages, seen }));
    }
    Ok((bare > 0).then_some(KeepGoing::PackagesWithoutCode { packages: bare }))
}

/// The stop that follows, of those of `stops_rad` that are `left` (indices in the list's order), and why.
pub(super) fn following(
    rule: NextStop,
    stops_rad: &[f64],
    left: &[usize],
    frames: &[(FrameMeta, FrameReading)],
    open: &[OpenStrip],
) -> Option<(usize, StopChoice)> {
    let first = *left.first()?;
    if rule == NextStop::InOrder || open.is_empty() {
        return Some((first, StopChoice::InOrder));
    }
    let mut cameras: BTreeMap<&str, &Calibration> = BTreeMap::new();
    for (meta, _) in frames {
        cameras.extend(meta.calibration.as_ref().map(|c| (meta.camera.as_str(), c)));
    }
    let gain = |stop: usize| -> f64 {
        let best =
            |o: &OpenStrip| cameras.values().map(|c| outlook(&frames[o.frame].0, &o.corners, c, stops_rad[stop])).fold(0.0, f64::max);
        open.iter().map(best).sum()
    };
    let mut best = (first, gain(first));
    for stop in &left[1..] {
        let gain = gain(*stop);
        // Rounding must not decide.
        if gain > best.1 + 1e-6 {
            best = (*stop, gain);
        }
    }
    let choice = if best.1 > 0.0 { StopChoice::Gain { strips: open.len(), gain: best.1 } } else { StopChoice::InOrder };
    Some((best.0, choice))
}

#[cfg(test)]
mod tests {
    use hardware_hal::glam::DVec3;
    use hardware_hal::{Intrinsics, Pose};

    use super::*;
    use crate::vision::testing::frame_meta;

    /// A camera on the turntable's axis, 1 m above the height that is assumed of strips.
    fn frame(calibrated: bool) -> (FrameMeta, FrameReading) {
        let calibration = Calibration {
            intrinsics: Intrinsics::pinhole(2001, 2001, 4000.0),
            camera_from_rig: Pose::look_at(DVec3::new(0.0, 0.0, 1.06), DVec3::ZERO, DVec3::Y),
        };
        let meta = FrameMeta { calibration: calibrated.then_some(calibration), ..frame_meta("top", calibration, 0.0) };
        (meta, FrameReading::default())
    }

    /// 145 px along the rows.
    fn strip() -> OpenStrip {
        OpenStrip { frame: 0, corners: [[1100.0, 990.0], [1245.0, 990.0], [1245.0, 1010.0], [1100.0, 1010.0]] }
    }

    const STOPS: [f64; 4] = [0.0, 90.0, 1.5, 30.0];

    #[test]
    fn the_stop_that_shows_a_strip_best_comes_next() {
        let stops = STOPS.map(f64::to_radians);
        let (frames, open) = ([frame(true)], [strip()]);
        let mut left = vec![1, 2, 3];
        let mut order = Vec::new();
        while let Some((stop, choice)) = following(NextStop::ByGain, &stops, &left, &frames, &open) {
            left.retain(|s| *s != stop);
            order.push((stop, choice));
        }
        // Thirty degrees aslant, then half of the slant that small codes need; along the columns it is worth nothing.
        assert_eq!(order.iter().map(|(s, _)| *s).collect::<Vec<_>>(), [3, 2, 1]);
        let gain = |k: usize| if let StopChoice::Gain { strips: 1, gain } = order[k].1 { gain } else { panic!("{order:?}") };
        assert!((gain(0) - 1.0).abs() < 1e-6 && (gain(1) - 0.5).abs() < 1e-6);
        assert_eq!(order[2].1, StopChoice::InOrder);
    }

    #[test]
    fn with_nothing_to_gain_the_list_decides() {
        let stops = STOPS.map(f64::to_radians);
        let next = |rule, frames: &[_], open: &[_]| following(rule, &stops, &[1, 2, 3], frames, open);
        let first = Some((1, StopChoice::InOrder));
        assert_eq!(next(NextStop::InOrder, &[frame(true)], &[strip()]), first);
        assert_eq!(next(NextStop::ByGain, &[frame(true)], &[]), first);
        assert_eq!(next(NextStop::ByGain, &[frame(false)], &[strip()]), first);
        assert_eq!(following(NextStop::ByGain, &stops, &[], &[frame(true)], &[strip()]), None);
    }
}
