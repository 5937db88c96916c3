//! From binarised rows and crops to texts.

pub mod data_matrix;
pub mod ends;
pub mod grey_level;
mod limit;
mod linear;
mod matrix;
pub mod retail;
mod symbol;
mod vote;

pub use limit::with_deadline;
pub use linear::{LinearText, decode_row};
pub use matrix::{MatrixText, decode_crop};
pub use symbol::{LinearSymbol, SYMBOL_WIDTHS};
pub use vote::{Ballot, Look, VoteRule};
