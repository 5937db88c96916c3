//! `tracetwin scan`: the codes in pictures.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use scanner_core::codes::{Role, Symbology};
use scanner_core::vision::{Corners, LocateOptions, Locator, Reading, ScanOptions, Scanner, detect};
use serde::Serialize;

use crate::error::{BAD_INPUT, Failure, Result};
use crate::output::{self, Progress};
use crate::picture;

/// One code in one picture, as `--jsonl` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanLine<'a> {
    /// The picture's path, as it was given or found in a folder.
    pub image: &'a str,
    /// What the symbol says; FNC1 as the control character GS (0x1D).
    pub text: &'a str,
    /// How it is printed.
    pub format: Symbology,
    /// What it is good for.
    pub role: Role,
    /// Where it is, px, (0, 0) at the centre of the top-left pixel. Linear: start-top, stop-top, stop-bottom, start-bottom; matrix: from the
    /// finder's corner, clockwise.
    pub corners: Corners,
    /// Smallest projected length along the code ÷ modules.
    pub px_per_module: f64,
    /// Confidence over the runner-up; what acceptance was decided on.
    pub margin: f64,
    /// Wall time of the whole picture, reading the file included; the same for all its codes. Pictures that are read at the same time share the cores.
    pub seconds: f64,
}

impl<'a> ScanLine<'a> {
    fn new(image: &'a str, reading: &'a Reading, seconds: f64) -> Self {
        Self {
            image,
            text: &reading.text,
            format: reading.symbology,
            role: reading.role,
            corners: reading.corners,
            px_per_module: reading.px_per_module,
            margin: reading.evidence.margin,
            seconds,
        }
    }

    /// For people.
    fn shown(&self) -> String {
        format!(
            "{}\t{}\t{}\t{}\t{:.2} px/module",
            self.image,
            output::word(&self.role),
            output::word(&self.format),
            output::printable(self.text),
            self.px_per_module
        )
    }
}

/// The reader with this locator.
pub fn scanner(locator: Locator) -> Scanner {
    Scanner::new(ScanOptions { locate: LocateOptions { detector: locator, ..LocateOptions::default() }, ..ScanOptions::default() })
}

/// What really looks for codes, for people.
pub fn located_by(locator: Locator) -> &'static str {
    match (locator, detect::shared()) {
        (Locator::Gradients, _) => "image gradients",
        (_, Err(_)) => "image gradients, because the ONNX Runtime library is missing",
        (Locator::Ssd, Ok(_)) => "the trained detector",
        (Locator::Both, Ok(_)) => "the trained detector and image gradients",
    }
}

/// The codes in one picture file, and the seconds it took.
///
/// # Errors
/// What is wrong with the file.
pub fn scan_file(scanner: &Scanner, path: &Path) -> Result<(Vec<Reading>, f64)> {
    let started = Instant::now();
    let frame = picture::read(path)?;
    let readings = scanner.scan(&frame).readings;
    Ok((readings, started.elapsed().as_secs_f64()))
}

/// Runs the command, `jobs` pictures at a time; codes are printed in the pictures' order. A picture that cannot be read does not keep the others from
/// being read.
///
/// # Errors
/// [`Failure::Input`] if any path or picture was at fault.
pub fn command(images: &[PathBuf], locator: Locator, jsonl: bool, jobs: NonZeroUsize) -> Result<()> {
    let mut faults: Vec<Failure> = Vec::new();
    let mut files = Vec::new();
    for path in images {
        match picture::list(path) {
            Ok(found) => files.extend(found),
            Err(failure) => faults.push(failure),
        }
    }
    let scanner = scanner(locator);
    let started = Instant::now();
    let mut progress = Progress::new();
    let mut codes = 0;
    let show = |progress: &mut Progress, index: usize| {
        if let Some(file) = files.get(index) {
            progress.show(&format!("{} of {}: {}", index + 1, files.len(), file.display()));
        }
    };
    show(&mut progress, 0);
    in_order(
        files.len(),
        jobs,
        |index| scan_file(&scanner, &files[index]),
        |index, result| {
            match result {
                Ok((readings, seconds)) => {
                    progress.clear();
                    let name = files[index].display().to_string();
                    codes += readings.len();
                    for reading in &readings {
                        let line = ScanLine::new(&name, reading, seconds);
                        let text = if jsonl { serde_json::to_string(&line).unwrap_or_default() } else { line.shown() };
                        output::line(&text)?;
                    }
                }
                Err(failure) => faults.push(failure),
            }
            show(&mut progress, index + 1);
            Ok(())
        },
    )?;
    progress.clear();
    if !jsonl {
        output::note(&format!("{codes} codes in {} pictures, {:.1} s", files.len(), started.elapsed().as_secs_f64()));
    }
    report(faults)
}

/// Does `count` pieces of `work`, `jobs` at a time, and hands over what comes of them one after the other in their order; the first error of `take` ends
/// it.
fn in_order<T: Send>(
    count: usize,
    jobs: NonZeroUsize,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let (send, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.get().min(count) {
            let (send, next, work) = (send.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    // Nobody receives any more after an error.
                    if index >= count || send.send((index, work(index))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let (mut waiting, mut handed_over) = (BTreeMap::new(), 0);
        for (index, result) in results {
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&handed_over) {
                take(handed_over, result)?;
                handed_over += 1;
            }
        }
        Ok(())
    })
}

/// The last fault ends the command; those before it are said here.
fn report(mut faults: Vec<Failure>) -> Result<()> {
    let Some(last) = faults.pop() else { return Ok(()) };
    debug_assert_eq!(last.exit_code(), BAD_INPUT);
    for fault in faults {
        output::note(format!("{:?}", miette::Report::new(fault)).trim_end());
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn what_is_done_at_the_same_time_is_handed_over_in_order() {
        // The first piece ends when the third has begun.
        let (jobs, begun) = (NonZeroUsize::MIN.saturating_add(1), Barrier::new(2));
        let mut taken = Vec::new();
        let work = |index: usize| {
            if index == 0 || index == 2 {
                begun.wait();
            }
            index * index
        };
        let result = in_order(5, jobs, work, |index, square| {
            taken.push((index, square));
            if index == 3 { Err(Failure::environment("nobody takes it")) } else { Ok(()) }
        });
        assert!(result.is_err());
        assert_eq!(taken, [(0, 0), (1, 1), (2, 4), (3, 9)]);
    }
}
