//! Frames → codes.
//!
//! Each stage is a plain function from input to output and can be used alone:
//! [`Plane`] (luminance) → [`Illumination`] (enhance) → [`segment`] → [`locate::locate`] → [`rectify::Strip`] → [`binarise`] → [`decode`] → [`fit`]; [`Scanner`]
//! runs them all. What a symbol says is decided here, from its picture alone.

mod arch;
pub mod binarise;
pub mod decode;
pub mod detect;
mod enhance;
pub mod fit;
mod fuse;
mod geometry;
mod image;
mod lanes;
pub mod locate;
mod normal;
pub mod outline;
mod read_finder;
mod read_grey;
mod read_linear;
mod read_matrix;
mod read_places;
mod reading;
pub mod rectify;
mod scanner;
pub mod segment;
#[cfg(test)]
pub(crate) mod testing;
mod trace;

pub use self::image::Plane;
pub use enhance::Illumination;
pub use fuse::{
    CodeView, Conflict, FusedCode, Fusion, FusionRule, JointEvidence, OpenStrip, PackageCount, RefusedGroup, SamePlaceRule, count_packages,
    fuse, fuse_views, open_strips, outlook,
};
pub use locate::{Candidates, LocateOptions, Locator};
pub use read_linear::{LinearRule, Outcome, read_linear};
pub use read_matrix::read_matrix;
pub use reading::{Corners, Evidence, FrameReading, Reading, StageTiming, UndecidedStrip, Unread, UnreadReason};
pub use scanner::{ScanOptions, Scanner};
pub use segment::{Packages, SeenPackage};
pub use trace::{StageFolder, StageSink};
