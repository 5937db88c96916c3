//! What is needed to do a run again.

use reports::{Manifest, ToolVersion};

use crate::scenario::Scenario;

/// The dependencies whose versions can change a result.
const TOOLS: [&str; 6] = ["bevy", "wgpu", "rapier3d", "rxing", "rusqlite", "image"];

/// The exact versions that this program was built with.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// The manifest of a run that begins now.
pub fn manifest(scenario: &Scenario, seed: u64, adapter: String) -> Manifest {
    Manifest {
        schema_version: reports::SCHEMA_VERSION,
        seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tools: TOOLS.iter().filter_map(|name| Some(ToolVersion { name: (*name).to_owned(), version: locked(LOCK, name)? })).collect(),
        adapter: Some(adapter),
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        // Nothing in a run is decided by it yet.
        onnx_runtime: None,
        config_sha256: scenario.sha256(),
        started_at: crate::output::now(),
        arguments: std::env::args().skip(1).collect(),
    }
}

/// The version of a package in a lock file.
fn locked(lock: &str, name: &str) -> Option<String> {
    let entry = lock.split("[[package]]").find(|entry| entry.trim_start().starts_with(&format!("name = \"{name}\"\n")))?;
    entry.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"').map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_lock_file() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"ab\"\nversion = \"2.0.0\"\n";
        assert_eq!(locked(lock, "a").as_deref(), Some("1.2.3"));
        assert_eq!(locked(lock, "b"), None);
        assert!(TOOLS.iter().all(|tool| locked(LOCK, tool).is_some()), "a tool left the lock file");
    }
}
