//! What a run leaves behind: its records, and what is made of them.
//!
//! This crate knows no other crate of the workspace. The composition root fills a [`RunRecord`]; from it come the numbers ([`summary`],
//! [`Recognition`]), a table for the terminal, a self-contained HTML report, a Markdown summary, JUnit XML, CSV and Parquet.
//!
//! A study of the workflow leaves a [`study::StudyRecord`]: what a paper reported beside what was simulated.
//!
//! What is measured by the wall clock lives in [`WallTimes`] and in the [`Manifest`], apart from everything that a hash may cover: see
//! [`RunRecord::result_bytes`].

mod bands;
mod columns;
pub mod csv;
mod error;
pub mod escape;
pub mod fidelity;
mod files;
mod format;
pub mod html;
pub mod junit;
pub mod markdown;
pub mod parquet;
mod records;
pub mod stats;
pub mod study;
mod summary;
mod table;

pub use bands::{Band, BandCount, ByBand, Recall};
pub use error::{Medium, ReportError};
pub use files::{write_all, write_atomically, write_study};
pub use records::*;
pub use summary::{CYCLE_PX_PER_MODULE, MisreadNote, MisreadRate, OrderCounts, Recognition, Summary, merge, summary};
pub use table::{Align, TextTable, Tone, terminal};
