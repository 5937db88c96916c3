//! All devices of one station.

use std::sync::Arc;

use crate::{Camera, Clock, LightBank, Turntable};

/// The devices of one station and the clock that they share. What drives it cannot tell simulated devices from real ones.
pub struct Rig {
    /// The cameras, each under its own id.
    pub cameras: Vec<Box<dyn Camera>>,
    /// The lights.
    pub lights: Box<dyn LightBank>,
    /// The plate's drive, where the plate turns.
    pub turntable: Option<Box<dyn Turntable>>,
    /// The clock of all of them.
    pub clock: Arc<dyn Clock>,
}
