//! Machines without a graphics adapter.

use std::process::Command;

use sim::error::SimError;

/// Runs in the process that the test below starts.
#[test]
#[ignore = "started by without_an_adapter_the_error_says_what_to_install"]
fn child_without_adapter() {
    match sim::twin::adapter() {
        Err(SimError::Environment(message)) => println!("refused: {message}"),
        other => println!("unexpected: {other:?}"),
    }
    let spec = crate::station::station(0);
    let settled = crate::station::settled(&spec);
    match sim::twin::Twin::with_load(spec, settled) {
        Err(SimError::Environment(message)) => println!("refused: {message}"),
        other => println!("unexpected: {:?}", other.map(|t| t.adapter().clone())),
    }
}

#[test]
fn without_an_adapter_the_error_says_what_to_install() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "environment::child_without_adapter", "--nocapture"])
        .env("VK_ICD_FILENAMES", "/nonexistent.json")
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .env("WGPU_BACKEND", "vulkan")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches("refused: no graphics adapter").count(), 2, "{text}");
    assert!(text.contains("apt install mesa-vulkan-drivers"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn the_adapter_has_a_name() {
    let adapter = sim::twin::adapter().unwrap();
    assert!(!adapter.name.is_empty() && !adapter.backend.is_empty(), "{adapter:?}");
}
