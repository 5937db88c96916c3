//! The twin of a scanning station.

pub mod artwork;
pub mod devices;
pub mod error;
pub mod exposure;
pub mod forms;
pub mod geometry;
pub mod glass;
pub mod lights;
pub mod load;
pub mod optics;
pub mod palette;
pub mod physics;
pub mod presets;
pub mod random;
pub mod render;
pub mod sensor;
pub mod shading;
pub mod spec;
pub mod spectrum;
pub mod truth;
pub mod twin;
pub mod window;
