//! What a run leaves behind: its records, and what is made of them.
//!
//! This crate knows no other crate of the workspace. The composition root fills a [`RunRecord`]; from it come the numbers ([`summary`],
//! [`Recognition`]), a table for the terminal, a self-contained HTML report, a Markdown summary, JUnit XML, CSV and Parquet.
//!
//! What is measured by the wall clock lives in [`WallTimes`] and in the [`Manifest`], apart from everything that a hash may cover: see
//! [`RunRecord::result_bytes`].

mod bands;
mod records;
pub mod stats;
mod summary;

pub use bands::{Band, BandCount, ByBand, Recall};
pub use records::*;
pub use summary::{MisreadNote, MisreadRate, OrderCounts, Recognition, Summary, merge, summary};
