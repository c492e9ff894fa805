//! The watching, on shells that die, linger or ignore.

use std::path::Path;
use std::time::Duration;

use super::*;

const WITHIN: Duration = Duration::from_secs(20);

fn shell(folder: &Path, script: &str, ready_within: Duration) -> Supervised {
    let (script, ready) = (script.to_string(), folder.join("ready"));
    let folder = folder.to_path_buf();
    let spec = Spec {
        name: "shell",
        log_path: folder.join("shell.log"),
        command: Box::new(move || {
            let mut command = Command::new("sh");
            command.args(["-c", &script]).current_dir(&folder);
            command
        }),
        probe: Box::new(move || {
            let ready = ready.clone();
            Box::pin(async move { ready.exists() })
        }),
        ready_within,
        stop_within: Duration::from_millis(200),
    };
    Supervised::start(spec).expect("started")
}

async fn reaches(shell: &Supervised, wanted: impl Fn(&PartState) -> bool) -> PartState {
    let mut state = shell.state();
    let waited = tokio::time::timeout(WITHIN, state.wait_for(wanted)).await;
    waited.expect("in time").expect("watched").clone()
}

#[tokio::test]
async fn one_that_is_never_ready_fails_with_what_was_seen_and_its_words_kept() {
    let folder = tempfile::tempdir().expect("temp folder");
    let shell = shell(folder.path(), "echo no port is free >&2; exit 3", WITHIN);
    let error = shell.ready().await.expect_err("it never was").to_string();
    assert!(
        error.starts_with(
            "shell does not run (it ended with exit status: 3, and said: no port is free): look into"
        ),
        "{error}"
    );
    let log = std::fs::read_to_string(folder.path().join("shell.log")).expect("a log");
    assert_eq!(log, "no port is free\n".repeat(3));
}

#[tokio::test]
async fn one_that_dies_alone_is_started_again() {
    let folder = tempfile::tempdir().expect("temp folder");
    let shell = shell(folder.path(), "touch ready; exec sleep 1000", WITHIN);
    shell.ready().await.expect("ready");
    let PartState::Ready { process_id: first } = *shell.state().borrow() else {
        panic!()
    };
    let pid = Pid::from_raw(i32::try_from(first).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::KILL).expect("killed");
    let restarting = reaches(&shell, |s| matches!(s, PartState::Restarting { .. })).await;
    assert_eq!(restarting, PartState::Restarting { restarts: 1 });
    let again = reaches(&shell, |s| matches!(s, PartState::Ready { .. })).await;
    assert_ne!(again, PartState::Ready { process_id: first });
    shell.stop().await;
}

#[tokio::test]
async fn one_that_does_not_get_ready_is_killed_and_tried_again() {
    let folder = tempfile::tempdir().expect("temp folder");
    let shell = shell(folder.path(), "exec sleep 1000", Duration::from_millis(100));
    let error = shell.ready().await.expect_err("it never was").to_string();
    assert!(error.contains("not ready within 100ms"), "{error}");
}

#[tokio::test]
async fn one_that_ignores_the_order_to_stop_is_killed() {
    let folder = tempfile::tempdir().expect("temp folder");
    let script = "trap '' TERM; touch ready; while true; do sleep 0.1; done";
    let shell = shell(folder.path(), script, WITHIN);
    shell.ready().await.expect("ready");
    let state = shell.state();
    tokio::time::timeout(WITHIN, shell.stop())
        .await
        .expect("stopped in time");
    assert_eq!(*state.borrow(), PartState::Stopped);
}

#[tokio::test]
async fn one_whose_program_is_missing_fails_with_a_sentence() {
    let folder = tempfile::tempdir().expect("temp folder");
    let spec = Spec {
        name: "missing",
        command: Box::new(|| Command::new("/nonexistent/program")),
        log_path: folder.path().join("missing.log"),
        probe: Box::new(|| Box::pin(async { true })),
        ready_within: WITHIN,
        stop_within: WITHIN,
    };
    let missing = Supervised::start(spec).expect("watched");
    let error = missing.ready().await.expect_err("it cannot").to_string();
    assert!(error.contains("it cannot be started"), "{error}");
}

#[test]
fn of_last_words_the_line_that_speaks_of_a_fault_is_told() {
    let table = [
        ("", "it died"),
        ("a\nb\n\n", "it died, and said: b"),
        (
            "begin\nCaused by: java.io.IOException: No space left on device\n\tat a.b(C.java:1)\nbye\n",
            "it died, and said: Caused by: java.io.IOException: No space left on device",
        ),
    ];
    for (words, told) in table {
        assert_eq!(with_last_words("it died", words), told);
    }
}
