//! Counts of many loads, kept in a folder: a long count can be stopped and taken up again, and several processes can share it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use reports::{Recognition, write_atomically};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Failure, Result};
use crate::scenario::{Scenario, hex};

/// Version of the files.
const SCHEMA_VERSION: u32 = 1;

/// What one load came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// The counts.
    pub recognition: Recognition,
    /// Nominal views that were not read, each in words.
    pub missed: Vec<String>,
}

/// A load's file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    schema_version: u32,
    /// Of the program that counted: another one reads otherwise, or draws otherwise.
    program_sha256: String,
    scenario_sha256: String,
    #[serde(flatten)]
    counted: Counted,
}

/// A folder of counts, or none: then nothing is kept.
pub struct Tally {
    place: Option<(PathBuf, String)>,
}

impl Tally {
    /// Keeps counts in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made, or the program's own file cannot be read.
    pub fn new(folder: Option<&Path>) -> Result<Self> {
        let Some(folder) = folder else { return Ok(Self { place: None }) };
        std::fs::create_dir_all(folder).map_err(|error| Failure::write(folder, &error))?;
        let program = std::env::current_exe()
            .and_then(std::fs::read)
            .map_err(|error| Failure::environment(format!("cannot read the program's own file, by which counts are known: {error}")))?;
        Ok(Self { place: Some((folder.to_owned(), hex(&Sha256::digest(program)))) })
    }

    /// The counts of a load: those that are kept, else what `count` says, which are kept from then on. `None` while another process is at it.
    ///
    /// # Errors
    /// What `count` ends with; a file that is broken, or was left by another program or for another scenario; a folder that refuses.
    pub fn load(&self, scenario: &Scenario, seed: u64, count: impl FnOnce() -> Result<Counted>) -> Result<Option<Counted>> {
        let Some((folder, program)) = &self.place else { return count().map(Some) };
        let path = path(folder, scenario, seed);
        let claim = path.with_extension("claim");
        // Held until the counts are kept; the system gives it back when a process dies.
        let lock = File::create(&claim).map_err(|error| Failure::write(&claim, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(Failure::write(&claim, &error)),
        }
        let counted = match read(&path, scenario, program)? {
            Some(kept) => kept,
            None => {
                let counted = count()?;
                keep(&path, scenario, program, &counted)?;
                counted
            }
        };
        // Whoever claims the load from now on finds it counted.
        std::fs::remove_file(&claim).map_err(|error| Failure::write(&claim, &error))?;
        Ok(Some(counted))
    }

    /// The counts of a load if they are kept.
    ///
    /// # Errors
    /// A file that is broken, or was left by another program or for another scenario.
    pub fn kept(&self, scenario: &Scenario, seed: u64) -> Result<Option<Counted>> {
        self.place.as_ref().map_or(Ok(None), |(folder, program)| read(&path(folder, scenario, seed), scenario, program))
    }
}

fn path(folder: &Path, scenario: &Scenario, seed: u64) -> PathBuf {
    folder.join(format!("{}-{seed}.json", scenario.body.name))
}

/// Writes the counts of a load.
fn keep(path: &Path, scenario: &Scenario, program: &str, counted: &Counted) -> Result<()> {
    let kept = Kept {
        schema_version: SCHEMA_VERSION,
        program_sha256: program.to_owned(),
        scenario_sha256: scenario.sha256(),
        counted: counted.clone(),
    };
    let text = serde_json::to_vec_pretty(&kept).map_err(|error| Failure::environment(error.to_string()))?;
    write_atomically(path, &text).map_err(|error| Failure::environment(error.to_string()))
}

/// The counts in a file; `None` if there is no such file.
fn read(path: &Path, scenario: &Scenario, program: &str) -> Result<Option<Counted>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::input(path, format!("cannot be read: {error}"))),
    };
    let kept: Kept = serde_json::from_slice(&text).map_err(|error| Failure::input(path, format!("holds no counts of a load: {error}")))?;
    let foreign = |what: &str| {
        Failure::input(path, format!("was counted {what}, and its counts must not be added to others"))
            .with_help("give an empty folder with `--tally`")
    };
    if kept.schema_version != SCHEMA_VERSION || kept.program_sha256 != program {
        return Err(foreign("by another build of the program"));
    }
    if kept.scenario_sha256 != scenario.sha256() {
        return Err(foreign("for another scenario"));
    }
    Ok(Some(kept.counted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Scenario {
        Scenario::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden-small.toml"))).unwrap()
    }

    fn counted() -> Counted {
        Counted { recognition: Recognition { runs: 1, packages: 5, ..Recognition::default() }, missed: vec!["frame 3".to_owned()] }
    }

    #[test]
    fn a_load_is_counted_once() {
        let (scenario, folder) = (scenario(), tempfile::tempdir().unwrap());
        let tally = Tally::new(Some(folder.path())).unwrap();
        assert_eq!(tally.kept(&scenario, 7).unwrap(), None);
        assert_eq!(tally.load(&scenario, 7, || Ok(counted())).unwrap(), Some(counted()));
        let again = Tally::new(Some(folder.path())).unwrap();
        assert_eq!(again.load(&scenario, 7, || panic!("counted twice")).unwrap(), Some(counted()));
        assert_eq!(again.kept(&scenario, 7).unwrap(), Some(counted()));
        // Nothing but the counts is left behind.
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [format!("{}-7.json", scenario.body.name).as_str()]);
    }

    #[test]
    fn two_processes_do_not_count_the_same_load() {
        let (scenario, folder) = (scenario(), tempfile::tempdir().unwrap());
        let tally = Tally::new(Some(folder.path())).unwrap();
        let other = Tally::new(Some(folder.path())).unwrap();
        let first = tally.load(&scenario, 7, || {
            assert_eq!(other.load(&scenario, 7, || panic!("counted twice")).unwrap(), None);
            Err(Failure::environment("the process dies"))
        });
        assert!(first.is_err());
        assert_eq!(other.load(&scenario, 7, || Ok(counted())).unwrap(), Some(counted()), "a claim ends with its holder");
    }

    #[test]
    fn counts_of_others_are_refused() {
        let (scenario, folder) = (scenario(), tempfile::tempdir().unwrap());
        let tally = Tally::new(Some(folder.path())).unwrap();
        let refused = |text: &str| {
            let path = path(folder.path(), &scenario, 7);
            std::fs::write(&path, text).unwrap();
            tally.load(&scenario, 7, || panic!("counted")).err().map(|error| error.to_string()).unwrap()
        };
        tally.load(&scenario, 7, || Ok(counted())).unwrap();
        let text = std::fs::read_to_string(path(folder.path(), &scenario, 7)).unwrap();
        let program = &tally.place.as_ref().unwrap().1;
        assert!(refused(&text.replace(program.as_str(), "0")).contains("was counted by another build of the program"));
        assert!(refused(&text.replace(&scenario.sha256(), "0")).contains("was counted for another scenario"));
        assert!(refused(&text[..text.len() / 2]).contains("holds no counts of a load"));
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        let (scenario, tally) = (scenario(), Tally::new(None).unwrap());
        assert_eq!(tally.load(&scenario, 7, || Ok(counted())).unwrap(), Some(counted()));
        assert_eq!(tally.kept(&scenario, 7).unwrap(), None);
    }
}
