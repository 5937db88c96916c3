//! The turntable trait.

use serde::{Deserialize, Serialize};

use crate::Result;

/// What a turntable can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurntableCapabilities {
    /// The turntable's name in the rig.
    pub id: String,
    /// Smallest step, radians; angles are rounded to its multiples.
    pub resolution_rad: f64,
    /// Largest speed, rad/s.
    pub max_speed_rad_s: f64,
    /// Largest acceleration, rad/s².
    pub max_acceleration_rad_s2: f64,
}

/// A plate that turns about the rig's z axis.
///
/// # Contract
/// - `home` finds the zero mark; until then, after power-on, `move_to` is [`WrongState`](crate::ErrorKind::WrongState).
/// - `move_to` returns when the plate stands still, with the angle that was really reached, in the sense of the call (not wrapped); it differs
///   from the wanted one by half a `resolution_rad` at most. An angle that is not finite is [`OutOfRange`](crate::ErrorKind::OutOfRange), and
///   the plate has not moved.
/// - a move that fails on the way ([`Motion`](crate::ErrorKind::Motion), [`Timeout`](crate::ErrorKind::Timeout)) leaves the position unknown:
///   `move_to` is then [`WrongState`](crate::ErrorKind::WrongState) until `home` has found the zero mark again.
/// - `angle_rad` is where the plate stands, `None` before homing and after a failed move.
/// - after [`Disconnected`](crate::ErrorKind::Disconnected), every further call fails with the same kind and `angle_rad` is `None`.
pub trait Turntable: Send {
    /// What the turntable can do.
    fn capabilities(&self) -> &TurntableCapabilities;
    /// Finds the zero mark and goes there.
    fn home(&mut self) -> Result<()>;
    /// Where the plate stands, radians, positive counter-clockwise from above.
    fn angle_rad(&self) -> Option<f64>;
    /// Turns the plate and waits until it stands.
    fn move_to(&mut self, angle_rad: f64) -> Result<f64>;
}

impl<T: Turntable + ?Sized> Turntable for Box<T> {
    fn capabilities(&self) -> &TurntableCapabilities {
        (**self).capabilities()
    }

    fn home(&mut self) -> Result<()> {
        (**self).home()
    }

    fn angle_rad(&self) -> Option<f64> {
        (**self).angle_rad()
    }

    fn move_to(&mut self, angle_rad: f64) -> Result<f64> {
        (**self).move_to(angle_rad)
    }
}
