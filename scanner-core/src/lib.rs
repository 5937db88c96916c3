//! What ships to the pharmacy: frames → codes → code pool.

pub mod codes;
pub mod date;
pub mod product;
pub mod vision;
