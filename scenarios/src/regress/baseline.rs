//! The baseline file: what the frozen corpus is, and what was read in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Failure, Result};
use crate::scenario::Document;

/// The version of the format.
pub const VERSION: u32 = 1;

const HEADER: &str =
    "# What the frozen corpus read last. `tracetwin regress --baseline THIS --bless` writes everything below `scenes` and `pictures`
# anew; look at the difference before committing it: a line that goes is a code that is lost.
#
# Paths of scenarios and of `shared` are relative to this file; TRACETWIN_SHARED, where it is set, stands for `shared`.

";

/// A baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Folder with material that does not stand in the repository.
    pub shared: PathBuf,
    /// Folders of pictures below `shared`.
    #[serde(default)]
    pub folders: Vec<PathBuf>,
    /// Golden scenes.
    #[serde(default)]
    pub scenes: Vec<Scene>,
    /// Pictures, by their path below `shared`.
    #[serde(default)]
    pub pictures: BTreeMap<String, Picture>,
}

/// A golden scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// The scenario's file.
    pub scenario: PathBuf,
    /// The seed.
    pub seed: u64,
    /// SHA-256 of where the packages lie; empty until blessed.
    #[serde(default)]
    pub physics: String,
    /// SHA-256 of the frames' pixels by adapter.
    #[serde(default)]
    pub frames: BTreeMap<String, String>,
    /// Every text that the cycle reads.
    #[serde(default)]
    pub codes: BTreeSet<String>,
    /// What is read in each frame.
    #[serde(default)]
    pub views: BTreeMap<String, BTreeSet<String>>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// SHA-256 of the file.
    pub sha256: String,
    /// What is read in it.
    pub codes: BTreeSet<String>,
}

impl Baseline {
    /// Reads a baseline file.
    ///
    /// # Errors
    /// A fault in it.
    pub fn read(path: &Path) -> Result<Self> {
        let document = Document::read(path)?;
        let top = document.top();
        let baseline: Self = top.read(&[])?;
        top.version(baseline.schema_version, VERSION)?;
        for (index, scene) in baseline.scenes.iter().enumerate() {
            let file = folder_of(path).join(&scene.scenario);
            if !file.exists() {
                return Err(top.fault(&format!("scenes.{index}.scenario"), format!("there is no file {}", file.display())))?;
            }
        }
        Ok(baseline)
    }

    /// Writes the baseline file, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string_pretty(self).map_err(|error| Failure::environment(format!("cannot write the baseline: {error}")))?;
        reports::write_atomically(path, format!("{HEADER}{text}").as_bytes()).map_err(|error| Failure::environment(error.to_string()))
    }

    /// Where the shared material is.
    pub fn shared(&self, path: &Path) -> PathBuf {
        match std::env::var_os("TRACETWIN_SHARED").filter(|value| !value.is_empty()) {
            Some(folder) => folder.into(),
            None => folder_of(path).join(&self.shared),
        }
    }
}

/// The folder that a file lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
