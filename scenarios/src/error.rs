//! What can go wrong in the command, each with its exit code, in words for the person at the keyboard.

use std::fmt;
use std::path::{Path, PathBuf};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

/// Exit code: everything asked for held.
pub const HELD: i32 = 0;
/// Exit code: a threshold or verdict was missed, or a rule refused.
pub const FELL_SHORT: i32 = 1;
/// Exit code: bad input.
pub const BAD_INPUT: i32 = 2;
/// Exit code: device or environment.
pub const ENVIRONMENT: i32 = 3;

/// A fault in a TOML file: what, in which file, at which line and key, with the passage itself.
#[derive(Debug)]
pub struct InputError {
    message: String,
    file: String,
    line: usize,
    key: String,
    help: Option<String>,
    label: &'static str,
    source: NamedSource<String>,
    span: SourceSpan,
}

impl InputError {
    /// A fault at `span` (bytes) of `text`, the contents of `file`; `key` as it would be written, empty for none.
    pub fn new(file: &Path, text: &str, span: std::ops::Range<usize>, key: impl Into<String>, message: impl Into<String>) -> Self {
        let start = span.start.min(text.len());
        let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
        // A missing key's span is its whole table; only its first line is worth showing.
        let end = text[start..].find('\n').map_or(text.len(), |offset| start + offset).min(span.end.max(start));
        let name = file.display().to_string();
        Self {
            message: message.into(),
            source: NamedSource::new(&name, text.to_owned()).with_language("TOML"),
            file: name,
            line,
            key: key.into(),
            help: None,
            label: "here",
            span: SourceSpan::from((start, end - start)),
        }
    }

    /// The same fault with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// [`with_help`](Self::with_help) where the fault is boxed already.
    #[must_use]
    pub fn with_help_boxed(mut self: Box<Self>, help: impl Into<String>) -> Box<Self> {
        self.help = Some(help.into());
        self
    }

    /// The file, as it was named.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The key, `cameras[0].fov_deg`; empty where the fault is in the syntax.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)?;
        if !self.key.is_empty() {
            write!(f, ", key `{}`", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for InputError {}

impl Diagnostic for InputError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some(self.label.to_owned()), self.span))))
    }
}

/// Why a command ended without doing what it was asked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Failure {
    /// A scenario, rig, catalogue or baseline file is at fault.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(Box<InputError>),
    /// Some other input is at fault: a picture, a database, an argument.
    #[error("{path}: {message}", path = path.display())]
    Input {
        /// What was given.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
        /// What to do about it.
        #[help]
        help: Option<String>,
    },
    /// A device, the file system or something else outside refused.
    #[error("{message}")]
    Environment {
        /// What happened.
        message: String,
        /// What to do about it.
        #[help]
        help: Option<String>,
    },
    /// A threshold or verdict was missed; said already, so only the exit code is left.
    #[error("{0}")]
    FellShort(String),
}

impl Failure {
    /// Something other than a TOML file is at fault.
    pub fn input(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self::Input { path: path.into(), message: message.into(), help: None }
    }

    /// Something outside refused.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::Environment { message: message.into(), help: None }
    }

    /// Writing to `path` failed: full disk, read-only folder, no permission.
    pub fn write(path: &Path, error: &std::io::Error) -> Self {
        Self::environment(format!("cannot write {}: {error}", path.display()))
    }

    /// The same failure with advice, where its kind carries any.
    #[must_use]
    pub fn with_help(mut self, advice: impl Into<String>) -> Self {
        match &mut self {
            Self::Input { help, .. } | Self::Environment { help, .. } => *help = Some(advice.into()),
            Self::File(_) | Self::FellShort(_) => {}
        }
        self
    }

    /// The exit code of the conventions.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::File(_) | Self::Input { .. } => BAD_INPUT,
            Self::Environment { .. } => ENVIRONMENT,
            Self::FellShort(_) => FELL_SHORT,
        }
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::File(Box::new(error))
    }
}

impl From<Box<InputError>> for Failure {
    fn from(error: Box<InputError>) -> Self {
        Self::File(error)
    }
}

/// Result of a command.
pub type Result<T> = std::result::Result<T, Failure>;
