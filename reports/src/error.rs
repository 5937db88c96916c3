//! What can go wrong when a report is written.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a report was not written.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file system refused.
    #[error("cannot write {}: {}", path.display(), describe(source))]
    Io {
        /// The file or folder that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The records could not be put into the file's form.
    #[error("cannot make {}: {message}", path.display())]
    Encode {
        /// The file that was to be made.
        path: PathBuf,
        /// What the encoder said.
        message: String,
    },
}

/// What is the matter with the place that was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// No space, or a quota is used up.
    Full,
    /// The file system is mounted read-only.
    ReadOnly,
    /// The user may not write there.
    NotPermitted,
    /// Something on the way there is missing, or is a file where a folder is needed (or the other way round).
    NoSuchPlace,
    /// Anything else.
    Other,
}

impl ReportError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn encode(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Encode { path: path.to_owned(), message: error.to_string() }
    }

    /// What is the matter with the place that was written to; nothing when the place is not to blame.
    pub fn medium(&self) -> Option<Medium> {
        match self {
            Self::Io { source, .. } => Some(medium(source)),
            Self::Encode { .. } => None,
        }
    }
}

fn medium(error: &io::Error) -> Medium {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Medium::Full,
        ErrorKind::ReadOnlyFilesystem => Medium::ReadOnly,
        ErrorKind::PermissionDenied => Medium::NotPermitted,
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => Medium::NoSuchPlace,
        _ => Medium::Other,
    }
}

fn describe(error: &io::Error) -> String {
    match medium(error) {
        Medium::Full => "no space is left there".to_owned(),
        Medium::ReadOnly => "the file system is read-only".to_owned(),
        Medium::NotPermitted => "writing there is not permitted".to_owned(),
        Medium::NoSuchPlace | Medium::Other => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_read_only_one_are_told_apart_and_named() {
        let of = |kind: ErrorKind| ReportError::io(Path::new("out/report.html"), kind.into());
        assert_eq!(of(ErrorKind::StorageFull).medium(), Some(Medium::Full));
        assert_eq!(of(ErrorKind::StorageFull).to_string(), "cannot write out/report.html: no space is left there");
        assert_eq!(of(ErrorKind::ReadOnlyFilesystem).medium(), Some(Medium::ReadOnly));
        assert_eq!(of(ErrorKind::ReadOnlyFilesystem).to_string(), "cannot write out/report.html: the file system is read-only");
        assert_eq!(of(ErrorKind::PermissionDenied).medium(), Some(Medium::NotPermitted));
        assert_eq!(of(ErrorKind::NotADirectory).medium(), Some(Medium::NoSuchPlace));
        assert_eq!(of(ErrorKind::TimedOut).medium(), Some(Medium::Other));
        assert_eq!(ReportError::encode(Path::new("a.csv"), "odd").medium(), None);
    }
}
