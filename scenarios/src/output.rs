//! Results go to standard output, everything else to standard error.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use hardware_hal::{Clock, SystemClock, Timestamp};
use scanner_core::date::Date;

use crate::error::{Failure, Result};

/// Writes a line of results.
///
/// # Errors
/// Standard output cannot be written, for instance because its disk is full. A reader that has gone away (`| head`) is no error.
pub fn line(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::environment(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something to the person at the keyboard.
pub fn note(text: &str) {
    // Nobody is left to tell if standard error is gone.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// The wall clock's time, RFC 3339, for manifests: no result depends on it.
pub fn now() -> String {
    time(SystemClock::new().now())
}

/// A moment, RFC 3339 in UTC, to the second.
pub fn time(at: Timestamp) -> String {
    let of_day = at.0 / 1_000_000_000 % 86_400;
    format!("{}T{:02}:{:02}:{:02}Z", Date::of_timestamp(at, 0), of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Progress of long work on standard error: one line that is rewritten on a terminal, a line every few seconds elsewhere.
pub struct Progress {
    terminal: bool,
    last: Option<Instant>,
    dirty: bool,
}

impl Progress {
    /// Between two lines where standard error is not a terminal.
    const EVERY: Duration = Duration::from_secs(5);

    /// Nothing shown yet.
    pub fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), last: None, dirty: false }
    }

    /// Shows where the work stands.
    pub fn show(&mut self, text: &str) {
        if self.terminal {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[2K{text}");
            self.dirty = true;
        } else if self.last.is_none_or(|last| last.elapsed() >= Self::EVERY) {
            note(text);
            self.last = Some(Instant::now());
        }
    }

    /// Removes the line, so that the next output starts on a clean one.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.dirty) {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[2K");
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A text with its control characters made visible: FNC1 as `<GS>`.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{1d}' => shown.push_str("<GS>"),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// A unit variant as serde names it: what a reader of the JSON sees.
pub fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// A code in one line: symbology, role, text.
pub fn code(symbology: scanner_core::codes::Symbology, role: scanner_core::codes::Role, text: &str) -> String {
    format!("{} {} {}", word(&symbology), word(&role), printable(text))
}
