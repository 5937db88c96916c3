//! A window for a picture that somebody else paints: what happens in it goes to a [`Painter`], and what that paints is shown.
//!
//! The painter works on a thread of its own, so the window answers while a frame is being rendered. It knows nothing of the window's library and can be
//! driven without one. [`show`] is there with the feature `viewer`.

mod canvas;
#[cfg(feature = "viewer")]
mod desktop;

pub use canvas::{Canvas, Colour, TEXT_HEIGHT, TEXT_WIDTH};
#[cfg(feature = "viewer")]
pub use desktop::show;

/// A key, as its effect and not its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A printable character, in lower case; the space bar is one.
    Char(char),
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// To the start.
    Home,
    /// To the end.
    End,
    /// Tabulator.
    Tab,
    /// Escape.
    Escape,
}

/// A mouse button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// The left one.
    Left,
    /// The right one.
    Right,
    /// The wheel.
    Middle,
}

/// What happened in the window. Places are in pixels of the window from its top left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input {
    /// A key went down, or repeats.
    Key {
        /// Which.
        key: Key,
        /// Whether Shift is held.
        shift: bool,
    },
    /// A button went down.
    Press {
        /// Which.
        button: Button,
        /// Where.
        at: [f64; 2],
    },
    /// The mouse moved with a button held.
    Drag {
        /// Which.
        button: Button,
        /// Where it is now.
        at: [f64; 2],
        /// How far it came since the last time.
        by: [f64; 2],
    },
    /// The wheel turned.
    Wheel {
        /// Where the mouse is.
        at: [f64; 2],
        /// Notches, positive away from the user.
        notches: f64,
    },
    /// The window has another size.
    Size([u32; 2]),
}

/// What a painter wants next.
#[derive(Debug)]
pub enum Painted {
    /// Show this.
    Picture(Canvas),
    /// What is shown is still right.
    Same,
    /// Close the window.
    Close,
}

/// Paints the picture of a window.
pub trait Painter: Send + 'static {
    /// Takes what happened since the last call, in its order, and paints anew if anything is different. It is called again at once while
    /// [`Painter::busy`], else when something happens, and ten times a second.
    fn paint(&mut self, inputs: &[Input]) -> Painted;

    /// Whether it has more to paint, even if nothing happens.
    fn busy(&self) -> bool;
}
