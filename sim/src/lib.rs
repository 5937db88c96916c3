//! The twin of a scanning station.

pub mod shading;
pub mod spec;
pub mod truth;
pub mod random;
pub mod artwork;
pub mod error;
pub mod render;
pub mod sensor;
pub mod geometry;
pub mod physics;
pub mod load;
pub mod devices;
pub mod twin;
