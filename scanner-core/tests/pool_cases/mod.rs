//! What every store holds to.

pub mod life;
pub mod model;
pub mod upload;
pub mod windows;
