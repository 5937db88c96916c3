//! Frames → codes.

mod reading;

pub use reading::{Corners, Evidence, FrameReading, Reading, StageTiming, Unread, UnreadReason};
