//! Names the sources by which loads are read and counted: counts of different sources must not be added up (`src/run/tally.rs`).

use std::fmt::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Below the repository's root: what draws a load, reads its frames and counts what was read; and the exact dependencies.
const SOURCES: [&str; 10] = [
    "Cargo.lock",
    "hardware-hal/src",
    "reports/src/summary.rs",
    "scanner-core/models",
    "scanner-core/src/codes",
    "scanner-core/src/station",
    "scanner-core/src/vision",
    "scenarios/src/run",
    "scenarios/src/score.rs",
    "sim/src",
];

fn main() {
    // Where the package lies now: the checkout may have been moved since this was compiled.
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package lies")).join("..");
    let mut files = Vec::new();
    for source in SOURCES {
        let path = root.join(source);
        println!("cargo::rerun-if-changed={}", path.display());
        gather(&path, &mut files);
    }
    files.sort();
    let mut of_all = Sha256::new();
    for file in &files {
        let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        // Ends of files count: two files are not the same as one with both contents.
        of_all.update((bytes.len() as u64).to_le_bytes());
        of_all.update(bytes);
    }
    let name = of_all.finalize().iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    });
    println!("cargo::rustc-env=TRACETWIN_SOURCES_SHA256={name}");
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        return files.push(path.to_owned());
    }
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    entries.for_each(|entry| gather(&entry.unwrap_or_else(|error| panic!("{}: {error}", path.display())).path(), files));
}
