//! One error type for every device, so that a station can decide by [`ErrorKind`] without knowing the driver.

use std::fmt;

/// What kind of failure this is; what a caller may branch on.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The device did not answer in the time that the caller gave it. Trying again is sensible.
    Timeout,
    /// The device is gone: unplugged, powered off, connection lost. Trying again needs a new connection.
    Disconnected,
    /// Data were lost on the way: packets of a frame, bytes of an answer. The device still works.
    LostData,
    /// The device cannot do this at all: a pattern it does not have, a pixel format it does not know.
    UnsupportedSetting,
    /// The setting exists, but this value lies outside the device's range.
    OutOfRange,
    /// A call at the wrong time: fetching what was never triggered, triggering what is not fetched yet.
    WrongState,
    /// A drive did not get where it was sent: stalled, lost steps, ran into a limit. Its position is unknown until it is homed.
    Motion,
    /// What the device (or a recording) sent does not follow its format.
    Malformed,
    /// The operating system refused: a file, a port, a permission.
    Io,
}

/// A failed call on a device: which device, what kind, and what happened in words.
#[derive(Debug)]
pub struct Error {
    device: String,
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` on the device called `device`; `message` says what happened, without the device's name.
    pub fn new(device: impl Into<String>, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { device: device.into(), kind, message: message.into(), source: None }
    }

    /// The same error with its cause attached.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What a caller may branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The device that failed.
    pub fn device(&self) -> &str {
        &self.device
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.device, self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|s| s.as_ref() as &(dyn std::error::Error + 'static))
    }
}

/// Result of a call on a device.
pub type Result<T> = std::result::Result<T, Error>;
