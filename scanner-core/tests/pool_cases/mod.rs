//! What every store holds to.

pub mod books;
pub mod life;
pub mod model;
pub mod people;
pub mod removal;
pub mod upload;
pub mod windows;
