//! Counts of many loads, kept in a file: a long count can be stopped and taken up again, several processes can share it, and what is kept can be
//! printed at any time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use reports::Recognition;
use serde::{Deserialize, Serialize};

use crate::error::{Failure, Result};
use crate::scenario::Scenario;

/// Version of the file's lines.
const SCHEMA_VERSION: u32 = 1;

/// The sources by which this program draws, reads and counts (`build.rs`): other ones read otherwise.
const SOURCES_SHA256: &str = env!("TRACETWIN_SOURCES_SHA256");

/// What one load came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// The counts.
    pub recognition: Recognition,
    /// Nominal views that were not read, each in words.
    pub missed: Vec<String>,
}

/// A load's line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    schema_version: u32,
    sources_sha256: String,
    scenario: String,
    scenario_sha256: String,
    seed: u64,
    #[serde(flatten)]
    counted: Counted,
}

/// What all loads of a file add up to.
pub struct Sum {
    pub recognition: Recognition,
    /// Each scenario, the first of its seeds and how many of its loads were counted.
    pub scenarios: Vec<(String, u64, u64)>,
    /// Whether they were counted by the sources of this program.
    pub own: bool,
}

impl Sum {
    /// Adds a load of the scenario at a place in the list.
    pub fn add(&mut self, scenario: usize, counted: &Counted) {
        self.recognition.add(&counted.recognition);
        self.scenarios[scenario].2 += 1;
    }
}

/// A file of counts, or none: then nothing is kept.
pub struct Tally {
    place: Option<(PathBuf, RefCell<Known>)>,
}

/// What is known of the file.
#[derive(Default)]
struct Known {
    /// Bytes that have been read; other processes may have added to them.
    bytes: u64,
    /// Lines that have been read.
    lines: u64,
    loads: BTreeMap<(String, u64), Kept>,
}

impl Tally {
    /// Keeps counts in `file`, which begins with the first of them.
    pub fn new(file: Option<&Path>) -> Self {
        Self { place: file.map(|file| (file.to_owned(), RefCell::default())) }
    }

    /// The counts of a load: those that are kept, else what `count` says, which are kept from then on. `None` while another process is at it.
    ///
    /// # Errors
    /// What `count` ends with; a file that is broken, or has counts by other sources or of another scenario; a disk that refuses.
    pub fn load(&self, scenario: &Scenario, seed: u64, count: impl FnOnce() -> Result<Counted>) -> Result<Option<Counted>> {
        let Some((path, _)) = &self.place else { return count().map(Some) };
        if let Some(kept) = self.kept(scenario, seed)? {
            return Ok(Some(kept));
        }
        let claim = beside(path, &format!("{}-{seed}.claim", scenario.body.name));
        // Held until the counts are kept; the system gives it back when a process dies.
        let lock = File::create(&claim).map_err(|error| Failure::write(&claim, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(Failure::write(&claim, &error)),
        }
        // It may have been counted while the claim was made.
        let counted = match self.kept(scenario, seed)? {
            Some(kept) => kept,
            None => {
                let counted = count()?;
                append(path, &line(scenario, seed, &counted)?).map_err(|error| Failure::write(path, &error))?;
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
    /// A file that is broken, or has counts by other sources or of another scenario.
    pub fn kept(&self, scenario: &Scenario, seed: u64) -> Result<Option<Counted>> {
        let Some((path, known)) = &self.place else { return Ok(None) };
        let mut known = known.borrow_mut();
        known.read_on(path)?;
        let foreign = |what: &str| {
            Failure::input(path, format!("was counted {what}, and its counts must not be added to others"))
                .with_help("give another file with `--tally`")
        };
        if known.loads.values().next().is_some_and(|kept| kept.sources_sha256 != SOURCES_SHA256) {
            return Err(foreign("by other sources than this program's"));
        }
        let Some(kept) = known.loads.get(&(scenario.body.name.clone(), seed)) else { return Ok(None) };
        if kept.scenario_sha256 != scenario.sha256() {
            return Err(foreign("for another scenario"));
        }
        Ok(Some(kept.counted.clone()))
    }

    /// What all that is kept adds up to, whoever counted it.
    ///
    /// # Errors
    /// A file that is missing, broken or empty.
    pub fn sum(&self) -> Result<Sum> {
        let Some((path, known)) = &self.place else { return Err(Failure::environment("no file of counts is named")) };
        let mut known = known.borrow_mut();
        known.read_on(path)?;
        let Some(first) = known.loads.values().next() else {
            return Err(Failure::input(path, if path.exists() { "holds no counts of any load" } else { "there is no such file" }));
        };
        let mut sum = Sum { recognition: Recognition::default(), scenarios: Vec::new(), own: first.sources_sha256 == SOURCES_SHA256 };
        for ((scenario, seed), kept) in &known.loads {
            if sum.scenarios.last().is_none_or(|(name, ..)| name != scenario) {
                sum.scenarios.push((scenario.clone(), *seed, 0));
            }
            sum.add(sum.scenarios.len() - 1, &kept.counted);
        }
        Ok(sum)
    }
}

impl Known {
    /// Reads what has been added to the file. Its last line counts only once it is whole: whoever wrote it may still be at it, or have died.
    fn read_on(&mut self, path: &Path) -> Result<()> {
        let unreadable = |error: &io::Error| Failure::input(path, format!("cannot be read: {error}"));
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(&error)),
        };
        let mut added = Vec::new();
        file.seek(SeekFrom::Start(self.bytes)).and_then(|_| file.read_to_end(&mut added)).map_err(|error| unreadable(&error))?;
        for line in whole(&added).split_inclusive(|byte| *byte == b'\n') {
            self.lines += 1;
            let broken = |what: &str| Failure::input(path, format!("line {}: {what}", self.lines));
            let kept: Kept = serde_json::from_slice(line).map_err(|error| broken(&format!("holds no counts of a load: {error}")))?;
            if kept.schema_version != SCHEMA_VERSION {
                return Err(broken(&format!("version {} is unknown, {SCHEMA_VERSION} expected", kept.schema_version)));
            }
            if self.loads.values().next().is_some_and(|first| first.sources_sha256 != kept.sources_sha256) {
                return Err(broken("was counted by other sources than the lines before, and such counts must not be added up"));
            }
            if self.loads.insert((kept.scenario.clone(), kept.seed), kept).is_some() {
                return Err(broken("counts a load that a line before counts already"));
            }
            self.bytes += line.len() as u64;
        }
        Ok(())
    }
}

/// The whole lines at the beginning of some bytes.
fn whole(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)]
}

fn line(scenario: &Scenario, seed: u64, counted: &Counted) -> Result<Vec<u8>> {
    let kept = Kept {
        schema_version: SCHEMA_VERSION,
        sources_sha256: SOURCES_SHA256.to_owned(),
        scenario: scenario.body.name.clone(),
        scenario_sha256: scenario.sha256(),
        seed,
        counted: counted.clone(),
    };
    let mut line = serde_json::to_vec(&kept).map_err(|error| Failure::environment(error.to_string()))?;
    line.push(b'\n');
    Ok(line)
}

/// Adds a line to the file, behind its last whole one.
fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    file.lock()?;
    let mut all = Vec::new();
    file.read_to_end(&mut all)?;
    let end = whole(&all).len() as u64;
    file.set_len(end)?;
    // A disk that is full shows here, or when the file is to be safe on it: nobody shall find half a line.
    file.write_all(line).and_then(|()| file.sync_all()).inspect_err(|_| {
        let _ = file.set_len(end);
    })
}

/// A file beside another one.
fn beside(path: &Path, name: &str) -> PathBuf {
    let mut whole = path.file_name().unwrap_or_default().to_owned();
    whole.push(".");
    whole.push(name);
    path.with_file_name(whole)
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

    /// A scenario, and a folder with a file for counts in it.
    fn place() -> (Scenario, tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("counts.jsonl");
        (scenario(), folder, file)
    }

    #[test]
    fn a_load_is_counted_once() {
        let (scenario, folder, file) = place();
        let tally = Tally::new(Some(&file));
        assert_eq!(tally.kept(&scenario, 7).unwrap(), None);
        assert_eq!(tally.load(&scenario, 7, || Ok(counted())).unwrap(), Some(counted()));
        let again = Tally::new(Some(&file));
        assert_eq!(again.load(&scenario, 7, || panic!("counted twice")).unwrap(), Some(counted()));
        assert_eq!(again.load(&scenario, 8, || Ok(counted())).unwrap(), Some(counted()));
        assert_eq!(tally.kept(&scenario, 8).unwrap(), Some(counted()), "what another one added since is found");
        // Nothing but the counts is left behind.
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["counts.jsonl"]);
    }

    #[test]
    fn two_processes_do_not_count_the_same_load() {
        let (scenario, _folder, file) = place();
        let (tally, other) = (Tally::new(Some(&file)), Tally::new(Some(&file)));
        let first = tally.load(&scenario, 7, || {
            assert_eq!(other.load(&scenario, 7, || panic!("counted twice")).unwrap(), None);
            Err(Failure::environment("the process dies"))
        });
        assert!(first.is_err());
        assert_eq!(other.load(&scenario, 7, || Ok(counted())).unwrap(), Some(counted()), "a claim ends with its holder");
    }

    #[test]
    fn all_that_is_kept_adds_up() {
        let (scenario, _folder, file) = place();
        let tally = Tally::new(Some(&file));
        assert!(tally.sum().err().unwrap().to_string().contains("there is no such file"));
        std::fs::write(&file, "").unwrap();
        assert!(tally.sum().err().unwrap().to_string().contains("holds no counts of any load"));
        for seed in [8, 7, 12] {
            tally.load(&scenario, seed, || Ok(counted())).unwrap();
        }
        let sum = Tally::new(Some(&file)).sum().unwrap();
        assert_eq!((sum.recognition.runs, sum.recognition.packages, sum.own), (3, 15, true));
        assert_eq!(sum.scenarios, [(scenario.body.name.clone(), 7, 3)]);
        // By other sources: what is kept can be printed, but not be added to.
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(SOURCES_SHA256, "0")).unwrap();
        let tally = Tally::new(Some(&file));
        assert!(!tally.sum().unwrap().own);
        let refused = tally.load(&scenario, 13, || panic!("counted")).err().unwrap().to_string();
        assert!(refused.contains("was counted by other sources than this program's"), "{refused}");
    }

    #[test]
    fn half_a_line_is_written_again() {
        let (scenario, _folder, file) = place();
        Tally::new(Some(&file)).load(&scenario, 7, || Ok(counted())).unwrap();
        let text = std::fs::read(&file).unwrap();
        std::fs::write(&file, [&text[..], &text[..text.len() / 2]].concat()).unwrap();
        let tally = Tally::new(Some(&file));
        assert_eq!(tally.sum().unwrap().recognition.runs, 1);
        tally.load(&scenario, 8, || Ok(counted())).unwrap();
        let lines = std::fs::read_to_string(&file).unwrap();
        assert_eq!(lines.lines().count(), 2);
        assert_eq!(Tally::new(Some(&file)).sum().unwrap().recognition.runs, 2);
    }

    #[test]
    fn counts_that_do_not_belong_are_refused() {
        let (scenario, _folder, file) = place();
        Tally::new(Some(&file)).load(&scenario, 7, || Ok(counted())).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let refused = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Tally::new(Some(&file)).load(&scenario, 7, || panic!("counted")).err().unwrap().to_string()
        };
        assert!(refused(&text.replace(&scenario.sha256(), "0")).contains("was counted for another scenario"));
        let other = text.replace(SOURCES_SHA256, "0").replace("\"seed\":7", "\"seed\":8");
        assert!(refused(&format!("{text}{other}")).contains("line 2: was counted by other sources than the lines before"));
        assert!(refused(&format!("{text}{text}")).contains("line 2: counts a load that a line before counts already"));
        assert!(refused(&format!("{text}{}\n", &text[..text.len() / 2])).contains("line 2: holds no counts of a load"));
        assert!(
            refused(&text.replace("\"schema_version\":1", "\"schema_version\":9")).contains("line 1: version 9 is unknown, 1 expected")
        );
    }

    #[test]
    fn without_a_file_nothing_is_kept() {
        let (scenario, tally) = (scenario(), Tally::new(None));
        assert_eq!(tally.load(&scenario, 7, || Ok(counted())).unwrap(), Some(counted()));
        assert_eq!(tally.kept(&scenario, 7).unwrap(), None);
    }
}
