//! The twin's devices and what their frames show. One binary, because each links all of Bevy.

// What a helper of a test unwraps fails that test.
#![allow(clippy::unwrap_used)]

mod bars;
mod bottle;
mod camera;
mod colour;
mod conformance;
mod determinism;
mod environment;
mod forms;
mod glass;
mod handshake;
mod light;
mod memory;
mod pictures;
mod rearrange;
mod station;
