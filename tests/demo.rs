//! End to end, on the real parts: the demo's simulated organisation, its faults, and the truth.

use serde_json::Value;
use std::process::Command;

/// Runs the demo until all is healed and returns its summary.
fn run(seed: u64) -> (bool, Value) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gapless"))
        .args([
            "demo",
            "--headless",
            "--json",
            "--events",
            "1500",
            "--repositories",
            "3",
        ])
        .args([
            "--webhook-listen",
            "127.0.0.1:0",
            "--operator-listen",
            "127.0.0.1:0",
        ])
        .args(["--seed", &seed.to_string()])
        .arg("--data-dir")
        .arg(folder.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let summary = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no summary ({error}); stderr:\n{errors}"));
    (output.status.success(), summary)
}

#[test]
fn every_figure_equals_the_truth_although_deliveries_were_lost_doubled_late_and_overtaken() {
    let (success, summary) = run(1);
    for fault in ["lost", "doubled", "delayed", "reordered"] {
        assert!(
            summary[fault].as_u64().unwrap() > 0,
            "no delivery was {fault}: {summary:#}"
        );
    }
    assert_eq!(summary["figures_wrong"], 0, "{summary:#}");
    assert_eq!(summary["completeness"], 1.0, "{summary:#}");
    assert_eq!(
        summary["gaps_opened"], summary["gaps_healed"],
        "{summary:#}"
    );
    assert!(summary["gaps_opened"].as_u64().unwrap() > 0, "{summary:#}");
    assert!(success, "{summary:#}");
}
