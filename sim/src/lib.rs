//! The twin of a scanning station.

pub mod spec;
pub mod truth;
