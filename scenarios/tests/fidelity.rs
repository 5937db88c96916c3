//! Scenes for another renderer, and what holding the two against each other says.
#![cfg(feature = "twin")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn tracetwin(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracetwin")).args(arguments).output().expect("the command runs")
}

fn lights(folder: &Path, renderer: &str) -> Vec<PathBuf> {
    let named = |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(renderer));
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).expect("a scene").flatten().map(|e| e.path()).filter(named).collect();
    found.sort();
    found
}

#[test]
fn a_renderer_that_agrees_differs_in_nothing() {
    if let Err(error) = scenarios::run::adapter() {
        println!("skipped: {error}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().display().to_string();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden-small.toml").display().to_string();
    let exported = tracetwin(&["fidelity", "export", &scenario, "--scenes", "1", "--first-seed", "7", "--codes", "2", "--out", &out]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let scene = folder.path().join("scene-000007");
    let twin = lights(&scene, "twin");
    assert_eq!(twin.len(), 3, "two windows and the overview: {twin:?}");

    let compared = tracetwin(&["fidelity", "compare", &out]);
    assert_eq!(compared.status.code(), Some(2));
    let said = String::from_utf8_lossy(&compared.stderr).into_owned();
    assert!(said.contains("mitsuba-") && said.contains("scripts/fidelity/render.py draws what is missing"), "{said}");

    for path in &twin {
        let name = path.file_name().expect("a name").to_string_lossy().replace("twin", "mitsuba");
        std::fs::copy(path, scene.join(name)).expect("a copy");
    }
    let compared = tracetwin(&["fidelity", "compare", &out, "--json", "--frames", "12"]);
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stderr));
    let figures: serde_json::Value = serde_json::from_slice(&compared.stdout).expect("JSON");
    // In the dark that was chosen for it, one of them is read in some of the twelve frames.
    assert_eq!((figures["scenes"].as_u64(), figures["codes"].as_u64(), figures["hard_codes"].as_u64()), (Some(1), Some(2), Some(1)));
    assert_eq!(figures["read"][0], figures["read"][1]);
    assert_eq!(figures["frames"].as_u64(), Some(8), "four of each code in the scenario's light");
    assert_eq!(figures["paper_ratio"], serde_json::json!([1.0, 1.0, 1.0]));
    assert_eq!(figures["modulation_worst"].as_f64(), Some(0.0));
    let page = std::fs::read_to_string(folder.path().join("report.html")).expect("a report");
    assert_eq!(page.matches("data:image/png;base64,").count(), 2);

    std::fs::write(scene.join("mitsuba-overview.f32"), b"short").expect("a file");
    let compared = tracetwin(&["fidelity", "compare", &out]);
    assert_eq!(compared.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&compared.stderr).contains("has 5 bytes"), "{}", String::from_utf8_lossy(&compared.stderr));
}
