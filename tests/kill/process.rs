//! The real binary with its embedded parts, and how each is found and killed.

use crate::github::GitHub;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Starting takes seconds; a machine under load takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// How long questions stand before they are gaps.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// Detectors in a hurry, but for audits, which would fetch everything and so hide what was lost.
const CONFIGURATION: &str = "[patience]\ngrace_seconds = 1\nretry_after_seconds = 5\n\
     audit_after_seconds = 864000\n";

/// An embedded part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    Kafka,
    ClickHouse,
}

pub(crate) struct Gapless {
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
    webhook: String,
    process: Option<std::process::Child>,
}

/// Waits until `look` finds something.
pub(crate) async fn until<T>(
    what: &str,
    gapless: &Gapless,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "waited in vain for {what}: {}",
            gapless.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Gapless {
    /// Not started yet. The webhook's address is the same in every life.
    pub(crate) fn new(folder: &Path, github: &GitHub) -> Self {
        fs::write(folder.join("gapless.toml"), CONFIGURATION).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let webhook = free.local_addr().unwrap().to_string();
        let environment = vec![
            ("GAPLESS_WEBHOOK_LISTEN", webhook.clone()),
            ("GAPLESS_OPERATOR_LISTEN", "127.0.0.1:0".to_owned()),
            ("GAPLESS_PARTITIONS", "2".to_owned()),
            ("GAPLESS_API_BASE_URL", github.api_base_url()),
            ("GAPLESS_WEBHOOK_SECRET", github.options.secret.clone()),
            ("GAPLESS_GITHUB_TOKEN", "simulated".to_owned()),
        ];
        Self {
            folder: folder.to_owned(),
            environment,
            webhook,
            process: None,
        }
    }

    pub(crate) fn webhook_url(&self) -> String {
        format!("http://{}/webhook", self.webhook)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gapless"));
        command.current_dir(&self.folder);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("GAPLESS_") && name != "GAPLESS_CACHE_DIR" {
                command.env_remove(name);
            }
        }
        command
    }

    /// Starts it, to die at a crash point where one is named; returns at once.
    pub(crate) fn spawn(&mut self, crash_at: Option<&str>) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("gapless.log"));
        let _ = fs::remove_file(self.run_file());
        let mut command = self.command();
        command
            .arg("up")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(crash_at.map(|crash_at| ("GAPLESS_CRASH_AT", crash_at)))
            .stdout(fs::File::create(self.folder.join("gapless.out")).unwrap())
            .stderr(log.unwrap());
        self.process = Some(command.spawn().expect("it starts"));
    }

    /// Starts it and waits until it answers.
    pub(crate) async fn start(&mut self, crash_at: Option<&str>) {
        self.spawn(crash_at);
        let began = Instant::now();
        while !self.run_file().exists() {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", self.log());
            assert!(began.elapsed() < PATIENCE, "never up: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether it was killed; any other end is a failure.
    pub(crate) fn was_killed(&mut self) -> bool {
        let Some(ended) = self.process.as_mut().unwrap().try_wait().unwrap() else {
            return false;
        };
        assert_eq!(ended.signal(), Some(9), "{ended}: {}", self.log());
        true
    }

    /// The last of what it said.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.join("gapless.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    fn run_file(&self) -> PathBuf {
        self.folder.join("gapless-data/run.json")
    }

    /// Addresses and credentials.
    pub(crate) fn places(&self) -> Value {
        serde_json::from_slice(&fs::read(self.run_file()).unwrap()).unwrap()
    }

    /// What `gapless status` prints; null where it cannot tell.
    pub(crate) fn status(&self) -> Value {
        let output = self.command().args(["status", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    pub(crate) async fn is_ready(&self) -> bool {
        let places = self.places();
        let url = format!(
            "http://{}/readyz",
            places["operator_address"].as_str().unwrap()
        );
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(url).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// The process id of a part, as the system's own table of processes tells it.
    pub(crate) fn child(&self, child: Child) -> Option<i32> {
        let parent = self.process.as_ref()?.id().to_string();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.find(|id: &i32| {
            let read = |file: &str| fs::read_to_string(format!("/proc/{id}/{file}"));
            let (Ok(stat), Ok(arguments)) = (read("stat"), read("cmdline")) else {
                return false;
            };
            // After the name in brackets: state, parent, …
            let after = stat.rsplit(')').next().unwrap_or_default();
            let is_java = arguments.contains("kafka.Kafka");
            after.split_whitespace().nth(1) == Some(parent.as_str())
                && !arguments.is_empty()
                && is_java == (child == Child::Kafka)
        })
    }

    /// Kills a part; returns its process id.
    pub(crate) async fn kill(&self, child: Child) -> i32 {
        let id = until("the part", self, async || self.child(child)).await;
        kill_process(Pid::from_raw(id).unwrap(), Signal::KILL).unwrap();
        id
    }

    /// Stops it in order.
    pub(crate) async fn stop_for_now(&mut self) {
        let mut process = self.process.take().unwrap();
        kill_process(Pid::from_child(&process), Signal::TERM).unwrap();
        let status = until("it to stop", self, async || process.try_wait().unwrap()).await;
        assert!(status.success(), "{status}: {}", self.log());
    }

    pub(crate) async fn stop(mut self) {
        self.stop_for_now().await;
    }
}

impl Drop for Gapless {
    fn drop(&mut self) {
        // After a failed assertion only: its parts die with it.
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
