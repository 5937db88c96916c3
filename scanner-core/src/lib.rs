//! What ships to the pharmacy: frames → codes → code pool.

pub mod codes;
pub mod date;
pub mod exchange;
pub mod pool;
pub mod product;
pub mod station;
pub mod upload;
pub mod vision;
