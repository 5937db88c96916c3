//! Writing files so that a reader sees the old one or the new one, never half of it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::ReportError;
use crate::records::RunRecord;
use crate::study::StudyRecord;
use crate::{csv, html, junit, markdown, parquet, summary};

/// Writes `bytes` to `path`: into a temporary file beside it, which then takes its name.
///
/// # Errors
/// [`ReportError::Io`] naming `path`; what stood there before is still there then, and no temporary file stays behind.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    // Two writers of the same file, in one process or in two, must not share a temporary file.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(name) = path.file_name() else {
        return Err(ReportError::io(path, io::Error::new(io::ErrorKind::IsADirectory, "this names no file")));
    };
    let mut temporary_name = std::ffi::OsString::from(".");
    temporary_name.push(name);
    temporary_name.push(format!(".{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let temporary = path.with_file_name(temporary_name);
    let written = File::create_new(&temporary).and_then(|file| fill(file, bytes)).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        // The first error is the one to tell of.
        let _ = fs::remove_file(&temporary);
        ReportError::io(path, source)
    })
}

fn fill(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    // A full disk may show only here.
    file.sync_all()
}

/// Writes everything there is about a run into the folder `dir`, which is made if it is not there: `report.html`, `summary.json`, `summary.md`,
/// `results.csv`, `results.parquet`, `times.csv` (measured wall times), `manifest.json`, and `junit.xml` where figures were held against something.
/// Returns the files' paths, `report.html` first.
///
/// # Errors
/// [`ReportError`] naming the file; the others before it are written then.
pub fn write_all(run: &RunRecord, dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut folder = Folder::make(dir)?;
    let mut write = |name: &str, make: &dyn Fn(&Path) -> Result<Vec<u8>, ReportError>| folder.write(name, make);
    write("report.html", &|_| Ok(html::report(run).into_bytes()))?;
    write("summary.json", &|path| json(path, &summary::summary(run)))?;
    write("summary.md", &|_| Ok(markdown::summary(run).into_bytes()))?;
    write("results.csv", &|path| csv::views(run).map_err(|error| ReportError::encode(path, error)))?;
    write("results.parquet", &|path| parquet::views(run).map_err(|error| ReportError::encode(path, error)))?;
    write("times.csv", &|path| csv::times(run).map_err(|error| ReportError::encode(path, error)))?;
    write("manifest.json", &|path| json(path, &run.manifest))?;
    if !run.thresholds.is_empty() {
        write("junit.xml", &|_| Ok(junit::document(&junit::suites(run)).into_bytes()))?;
    }
    Ok(folder.paths)
}

/// Writes a study into the folder `dir`, which is made if it is not there: `report.html`, `study.json`, `summary.md`, `manifest.json`. Returns the
/// files' paths, `report.html` first.
///
/// # Errors
/// [`ReportError`] naming the file; the others before it are written then.
pub fn write_study(study: &StudyRecord, dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut folder = Folder::make(dir)?;
    let mut write = |name: &str, make: &dyn Fn(&Path) -> Result<Vec<u8>, ReportError>| folder.write(name, make);
    write("report.html", &|_| Ok(html::study(study).into_bytes()))?;
    write("study.json", &|path| json(path, study))?;
    write("summary.md", &|_| Ok(crate::study::markdown(study).into_bytes()))?;
    write("manifest.json", &|path| json(path, &study.manifest))?;
    Ok(folder.paths)
}

/// A folder that is being filled.
struct Folder<'a> {
    dir: &'a Path,
    /// What is in it so far.
    paths: Vec<PathBuf>,
}

impl<'a> Folder<'a> {
    fn make(dir: &'a Path) -> Result<Self, ReportError> {
        fs::create_dir_all(dir).map_err(|source| ReportError::io(dir, source))?;
        Ok(Self { dir, paths: Vec::new() })
    }

    fn write(&mut self, name: &str, make: &dyn Fn(&Path) -> Result<Vec<u8>, ReportError>) -> Result<(), ReportError> {
        let path = self.dir.join(name);
        write_atomically(&path, &make(&path)?)?;
        self.paths.push(path);
        Ok(())
    }
}

fn json(path: &Path, value: &impl serde::Serialize) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| ReportError::encode(path, error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Medium;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("报告 a.html");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_names_the_path_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("no/such/a.csv");
        let error = write_atomically(&missing, b"x").unwrap_err();
        assert_eq!(error.medium(), Some(Medium::NoSuchPlace));
        assert!(error.to_string().contains("no/such/a.csv"), "{error}");
        // The name is taken by a folder: the rename fails, after the temporary file was written.
        let folder = dir.path().join("taken");
        fs::create_dir(&folder).unwrap();
        let error = write_atomically(&folder, b"x").unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot write {}", folder.display())), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "a temporary file was left");
        assert_eq!(write_atomically(Path::new("/"), b"x").unwrap_err().medium(), Some(Medium::NoSuchPlace));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_known_as_one() {
        let Ok(full) = File::options().write(true).open("/dev/full") else {
            println!("skipped: no /dev/full here");
            return;
        };
        let error = ReportError::io(Path::new("/dev/full"), fill(full, b"x").unwrap_err());
        assert_eq!(error.medium(), Some(Medium::Full));
    }
}
