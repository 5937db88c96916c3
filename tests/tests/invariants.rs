//! Who may know whom (ARCHITECTURE.md, "Invariants"), asked of the dependency graph itself.

use std::collections::BTreeSet;
use std::process::Command;

use tracetwin_tests::root;

/// Names of all packages that a build of `package` would compile, dev-dependencies left out.
fn dependencies(package: &str, extra: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--offline", "--locked", "--package", package, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .args(extra)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let names: BTreeSet<String> =
        String::from_utf8_lossy(&output.stdout).lines().filter_map(|l| l.split_whitespace().next().map(str::to_owned)).collect();
    assert!(names.contains(package));
    names
}

fn twin_parts(names: &BTreeSet<String>) -> Vec<&String> {
    names.iter().filter(|n| n.starts_with("bevy") || n.starts_with("rapier") || n.starts_with("wgpu") || *n == "sim").collect()
}

#[test]
fn what_ships_to_the_pharmacy_has_no_twin_in_it() {
    assert_eq!(twin_parts(&dependencies("scanner-core", &[])), Vec::<&String>::new());
    assert_eq!(twin_parts(&dependencies("hardware-hal", &[])), Vec::<&String>::new());
    assert_eq!(twin_parts(&dependencies("scenarios", &["--no-default-features"])), Vec::<&String>::new());
    // The check could fail: the default build has the twin.
    assert!(twin_parts(&dependencies("scenarios", &[])).len() > 10);
}

#[test]
fn the_twin_cannot_read_and_does_not_know_the_scanner() {
    let names = dependencies("sim", &[]);
    for forbidden in ["rxing", "scanner-core", "rusqlite", "ort", "reports", "scenarios"] {
        assert!(!names.contains(forbidden), "sim depends on {forbidden}");
    }
    assert!(names.contains("hardware-hal"));
}

#[test]
fn reports_know_only_their_own_records() {
    let names = dependencies("reports", &[]);
    for forbidden in ["hardware-hal", "scanner-core", "sim", "scenarios"] {
        assert!(!names.contains(forbidden), "reports depends on {forbidden}");
    }
}

#[test]
fn a_window_is_not_part_of_the_default_build() {
    let names = dependencies("scenarios", &[]);
    for forbidden in ["bevy_winit", "winit", "bevy_ui", "bevy_text"] {
        assert!(!names.contains(forbidden), "the default build compiles {forbidden}");
    }
}
