//! Shared by the tests that cross crates.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder with photographs and schemas that are no part of the repository: `TRACETWIN_SHARED`, by default `../shared` beside the checkout. `None`,
/// and said so, where there is none.
pub fn shared(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TRACETWIN_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from).join(what);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("skipped: {} is not there (set TRACETWIN_SHARED to the folder that holds {what})", folder.display());
    None
}
