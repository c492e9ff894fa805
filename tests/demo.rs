//! End to end, on the real parts: the demo's simulated organisation, its faults, and the truth.

use gapless_simulator::Oddity;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A small demo without a page, on free ports.
fn demo(seed: u64, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gapless"));
    command
        .args(["demo", "--headless", "--json"])
        .args(["--events", "1500", "--repositories", "3"])
        .args(["--webhook-listen", "127.0.0.1:0"])
        .args(["--operator-listen", "127.0.0.1:0"])
        .args(["--seed", &seed.to_string()])
        .arg("--data-dir")
        .arg(folder);
    command
}

/// Runs the demo until all is healed and returns its summary.
fn summary(mut demo: Command) -> (bool, Value) {
    let output = demo.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let summary = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no summary ({error}); stderr:\n{errors}"));
    (output.status.success(), summary)
}

/// Each of the things that GitHub does now and then was among what the figures were compared after.
fn assert_it_met_every_oddity(summary: &Value) {
    for oddity in Oddity::ALL {
        let times = summary["oddities"][format!("{oddity:?}")].as_u64();
        assert!(
            times.is_some_and(|times| times > 0),
            "no {oddity:?}: {summary:#}"
        );
    }
}

#[test]
fn every_figure_equals_the_truth_although_deliveries_were_lost_doubled_late_and_overtaken() {
    let folder = tempfile::tempdir().unwrap();
    let (success, summary) = summary(demo(1, folder.path()));
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
    assert_it_met_every_oddity(&summary);
    assert!(success, "{summary:#}");
}

/// How many deliveries of the folder's demo were answered, by its own note.
fn settled(folder: &Path) -> u64 {
    let Ok(text) = std::fs::read(folder.join("demo.json")) else {
        return 0;
    };
    let note: Value = serde_json::from_slice(&text).unwrap();
    note["settled"].as_u64().unwrap()
}

#[test]
fn a_second_start_goes_on_where_a_killed_one_was_and_no_other_demo_gets_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = demo(2, folder.path())
        .args(["--rate", "150"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while settled(folder.path()) < 300 {
        assert!(Instant::now() < deadline, "the demo does not get on");
        assert!(first.try_wait().unwrap().is_none(), "the demo ended");
        std::thread::sleep(Duration::from_millis(50));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let before = settled(folder.path());

    let other = demo(3, folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(!other.status.success());
    assert!(said.contains("gapless demo --headless --seed 2"), "{said}");

    let (success, summary) = summary(demo(2, folder.path()));
    assert!(success, "{summary:#}");
    assert_eq!(summary["figures_wrong"], 0, "{summary:#}");
    assert_it_met_every_oddity(&summary);
    let sent = summary["events"].as_u64().unwrap();
    assert!(
        sent >= 1500,
        "the whole organisation is told of: {summary:#}"
    );
    let accepted = summary["accepted"].as_u64().unwrap();
    assert!(
        accepted + before <= sent + summary["doubled"].as_u64().unwrap(),
        "what was answered before is not sent again: {before} before, {summary:#}"
    );
}
