//! The twin of a scanning station.

pub mod shading;
pub mod spec;
pub mod truth;
pub mod random;
pub mod artwork;
