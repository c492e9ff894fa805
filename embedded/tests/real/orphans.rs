//! Parts die with the program that started them, however it dies.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};

use crate::running::process_id;
use gapless_embedded::Embedded;

/// In the environment of the program that is killed: its data folder.
const VARIABLE: &str = "GAPLESS_TEST_ORPHANS_DATA_DIR";
/// In the environment of that program, but not of its parts.
const SECRET: &str = "a-secret-of-gapless";
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// The program that is killed; as a test of its own it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn start_a_stack_and_wait_to_be_killed() {
    let Some(data_dir) = std::env::var_os(VARIABLE) else {
        return;
    };
    let Some(embedded) = Embedded::start_in_test(Path::new(&data_dir)).await else {
        println!("processes: none");
        return;
    };
    let (kafka, clickhouse) = (embedded.kafka_state(), embedded.clickhouse_state());
    println!(
        "processes: {} {}",
        process_id(&kafka),
        process_id(&clickhouse)
    );
    println!("address: {}", embedded.kafka_bootstrap());
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_die_with_their_parent_and_its_folder_can_be_used_at_once() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut parent = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "orphans::start_a_stack_and_wait_to_be_killed",
            "--nocapture",
        ])
        .env(VARIABLE, folder.path())
        .env("GAPLESS_WEBHOOK_SECRET", SECRET)
        .env("GITHUB_TOKEN", SECRET)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(parent.stdout.take().expect("piped")).lines();
    let mut line_with = |prefix: &str| loop {
        let line = lines
            .next()
            .expect("the program talks")
            .expect("it talks text");
        // libtest prints the test's name on the same line.
        if let Some((_, rest)) = line.split_once(prefix) {
            break rest.to_string();
        }
    };
    let processes = line_with("processes: ");
    if processes == "none" {
        parent.wait().expect("ended");
        return;
    }
    let address = line_with("address: ");
    for process in processes.split_whitespace() {
        let environment = std::fs::read(format!("/proc/{process}/environ")).expect("it runs");
        let environment = String::from_utf8_lossy(&environment);
        assert!(environment.contains("PATH="), "{process} was not read");
        assert!(!environment.contains(SECRET), "{process} got it");
    }
    parent.kill().expect("it ran");
    parent.wait().expect("ended");

    // At once: what the dead program held must not be in the way.
    let embedded = Embedded::start_in_test(folder.path())
        .await
        .expect("started on the same folder");
    assert_eq!(embedded.kafka_bootstrap(), address);
    let began = Instant::now();
    for process in processes.split_whitespace() {
        let pid = Pid::from_raw(process.parse().expect("a number")).expect("a process id");
        while test_kill_process(pid).is_ok() {
            assert!(began.elapsed() < GONE_WITHIN, "{process} lives on");
            tokio::task::yield_now().await;
        }
    }
    embedded.stop().await;
}
