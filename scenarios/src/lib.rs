//! Rigs, catalogues and scenarios as files, and the command `tracetwin` that composes twin, station, pool and reports.

pub mod cli;
#[cfg(feature = "twin")]
pub mod dataset;
pub mod doctor;
pub mod error;
pub mod export_mcap;
#[cfg(feature = "twin")]
pub mod fidelity;
pub mod hub;
pub mod onnx;
pub mod output;
pub mod picture;
pub mod pool;
pub mod regress;
#[cfg(feature = "twin")]
pub mod rig_check;
pub mod run;
pub mod scan;
pub mod scenario;
#[cfg(feature = "twin")]
pub mod score;
pub mod study;
#[cfg(feature = "twin")]
pub mod view;
pub mod workflow;
