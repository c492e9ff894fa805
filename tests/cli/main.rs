//! The real binary, as a person or a supervisor runs it.

mod beside;
mod damaged;
mod figures;
mod github;
mod letters;

use axum::routing::{post, put};
use axum::{Json, Router};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Starting takes seconds; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(180);

fn gapless(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gapless"));
    command.current_dir(folder);
    // What the tests' own environment tells is no part of them, but for the cache.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("GAPLESS_") && name != "GAPLESS_CACHE_DIR" {
            command.env_remove(name);
        }
    }
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    gapless(folder).args(arguments).output().expect("it starts")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Sends deliveries as a recording.
fn send(folder: &Path, deliveries: &[String]) {
    let recording = folder.join("recording.ndjson");
    fs::write(&recording, deliveries.join("\n") + "\n").unwrap();
    let sent = run(folder, &["send", recording.to_str().unwrap()]);
    assert!(sent.status.success(), "{}", errors(&sent));
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn an_unknown_command_is_answered_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["stauts"]);
    assert!(!output.status.success());
    assert!(errors(&output).contains("status"), "{}", errors(&output));
}

#[test]
fn commands_for_a_running_gapless_say_that_none_runs() {
    let folder = tempfile::tempdir().unwrap();
    let commands: [&[&str]; 4] = [
        &["status"],
        &["show", "o/r#1"],
        &["dlq", "list"],
        &["send", "file"],
    ];
    for command in commands {
        let output = run(folder.path(), command);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let said = errors(&output);
        assert!(
            said.contains("nothing runs on the data folder gapless-data"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_secrets_path_is_from_the_files_folder_in_the_file_and_from_the_working_directory_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = "[clickhouse]\nwriter_password_file = \"password\"\n\
        [[sources]]\napi_base_url = \"http://127.0.0.1:1\"\nwebhook_secret_files = [\"password\"]\n";
    fs::create_dir(folder.path().join("conf")).unwrap();
    fs::write(folder.path().join("conf/gapless.toml"), file).unwrap();
    fs::write(folder.path().join("conf/password"), "hush").unwrap();
    fs::write(folder.path().join("token"), "hush").unwrap();
    let doctor = gapless(folder.path())
        .args(["doctor", "--json", "--config", "conf/gapless.toml"])
        .args(["--webhook-listen", "127.0.0.1:0"])
        .args(["--operator-listen", "127.0.0.1:0"])
        .env("GAPLESS_GITHUB_TOKEN_FILE", "token")
        .output()
        .expect("it starts");
    let checks: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    assert_eq!(checks[0]["verdict"], "ok", "{checks:#}");
}

/// A Gapless that was started with `up`.
struct Up {
    child: Child,
    folder: PathBuf,
}

impl Up {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &Path, environment: &[(&str, String)]) -> Self {
        let log = fs::File::create(folder.join("up.err")).unwrap();
        let child = gapless(folder)
            .args([
                "up",
                "--webhook-listen",
                "127.0.0.1:0",
                "--operator-listen",
                "127.0.0.1:0",
            ])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(fs::File::create(folder.join("up.out")).unwrap())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let mut up = Self {
            child,
            folder: folder.to_owned(),
        };
        wait_for("up to have started", || {
            let ended = up.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", up.log());
            folder.join("gapless-data/run.json").exists().then_some(())
        });
        up
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("up.err")).unwrap()
    }

    fn run_file(&self) -> Value {
        let text = fs::read(self.folder.join("gapless-data/run.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn address(&self, of: &str) -> String {
        format!("http://{}", self.run_file()[of].as_str().unwrap())
    }

    /// The variables with which another Gapless, in `folder`, uses this one's Kafka and ClickHouse;
    /// Kafka's password is told in its configuration.
    fn as_services(&self, folder: &Path) -> Vec<(&'static str, String)> {
        let users = fs::read(self.folder.join("gapless-data/clickhouse-users.json")).unwrap();
        let users: Value = serde_json::from_slice(&users).unwrap();
        let run = self.run_file();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let settings = run["kafka_settings"].as_array().unwrap().iter();
        let settings: String = settings
            .map(|pair| format!("{} = {}\n", pair[0], pair[1]))
            .collect();
        let settings = format!("[kafka.settings]\n{settings}");
        fs::write(folder.join("gapless.toml"), settings).unwrap();
        vec![
            ("GAPLESS_KAFKA_BOOTSTRAP", text(&run["kafka_bootstrap"])),
            ("GAPLESS_CLICKHOUSE_URL", text(&run["clickhouse_url"])),
            (
                "GAPLESS_CLICKHOUSE_WRITER_USER",
                text(&users["writer"]["user"]),
            ),
            (
                "GAPLESS_CLICKHOUSE_WRITER_PASSWORD",
                text(&users["writer"]["password"]),
            ),
            (
                "GAPLESS_CLICKHOUSE_READER_USER",
                text(&users["reader"]["user"]),
            ),
            (
                "GAPLESS_CLICKHOUSE_READER_PASSWORD",
                text(&users["reader"]["password"]),
            ),
        ]
    }

    /// JSON that a command prints.
    fn json(&self, arguments: &[&str]) -> Option<Value> {
        let output = run(&self.folder, arguments);
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Waits until nothing lags; what `status` says then.
    fn settle(&self) -> Value {
        wait_for("nothing to lag", || {
            let status = self.json(&["status", "--json"])?;
            (status["processors_lag"] == 0 && status["projections_lag"] == 0).then_some(status)
        })
    }

    fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = wait_for("up to stop", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// By a second signal while it stops. Another one, as two of the same may become one.
    fn stop_at_once(mut self) {
        for signal in [Signal::INT, Signal::TERM] {
            kill_process(Pid::from_child(&self.child), signal).unwrap();
        }
        let status = wait_for("up to end", || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(130), "{status}: {}", self.log());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // After a failed assertion only: its parts die with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address of a registry that gives every schema an id of its own making.
async fn other_registry() -> String {
    let ids = Arc::new(AtomicU32::new(1_000));
    let register = post(move || {
        let id = ids.fetch_add(1, Ordering::Relaxed);
        async move { Json(json!({ "id": id })) }
    });
    let versions = register.get(async || Json(json!([])));
    let router = Router::new()
        .route("/subjects/{name}/versions", versions)
        .route("/config/{name}", put(async || Json(json!({}))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn get(url: String) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn payload(title: &Value) -> Value {
    let user = json!({"login": "alice", "id": 11, "type": "User"});
    let repository = json!({"id": 5, "name": "r", "full_name": "o/r", "private": false,
        "updated_at": "2026-01-01T00:00:00Z",
        "owner": {"login": "o", "id": 9, "type": "Organization"}, "default_branch": "main"});
    json!({"action": "opened", "number": 7, "repository": repository, "sender": user,
        "pull_request": {"id": 70, "number": 7, "title": title, "state": "open", "draft": false,
            "user": user, "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
            "closed_at": null, "merged_at": null, "merged": false, "labels": [], "assignees": [],
            "requested_reviewers": [], "requested_teams": [],
            "head": {"sha": "a".repeat(40), "ref": "topic", "repo": repository},
            "base": {"sha": "b".repeat(40), "ref": "main", "repo": repository}}})
}

/// A recording with one delivery that can be read and one that cannot.
fn recording(folder: &Path) -> PathBuf {
    let line = |guid: &str, title: Value| {
        json!({"kind": "webhook", "event": "pull_request", "delivery_id": guid, "body": payload(&title)})
            .to_string()
    };
    let path = folder.join("recording.ndjson");
    let lines = [line("g1", json!("A title")), line("g2", json!(5))];
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

/// While that is so, whoever asks for figures is told, and whoever leads deliveries here is not.
async fn a_dropped_table_is_told_of_and_written_again(up: &Up) {
    let operator = up.address("operator_address");
    let folder = tempfile::tempdir().unwrap();
    let services = up.as_services(folder.path());
    let of = |name: &str| {
        let found = services.iter().find(|(known, _)| *known == name);
        found.unwrap().1.clone()
    };
    up.settle();
    // What was lost with ClickHouse's folder is written again first.
    let began = Instant::now();
    while get(format!("{operator}/readyz")).await.0 != 200 {
        assert!(began.elapsed() < PATIENCE, "never whole: {}", up.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let dropped = client
        .post(of("GAPLESS_CLICKHOUSE_URL"))
        .header("X-ClickHouse-User", of("GAPLESS_CLICKHOUSE_WRITER_USER"))
        .header("X-ClickHouse-Key", of("GAPLESS_CLICKHOUSE_WRITER_PASSWORD"))
        .body("DROP TABLE gapless_1.pull_requests SYNC");
    assert!(dropped.send().await.unwrap().status().is_success());
    let began = Instant::now();
    let told = loop {
        let (status, told) = get(format!("{operator}/readyz")).await;
        if status == 503 {
            break told;
        }
        let is_noticed = began.elapsed() < Duration::from_secs(60);
        assert!(is_noticed, "never noticed: {}", up.log());
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    assert!(
        told.contains("table pull_requests: damaged (it was dropped)"),
        "{told}"
    );
    let (status, metrics) = get(format!("{operator}/metrics")).await;
    assert!(status == 200 && metrics.contains("\ngapless_tables_rebuilding "));
    while get(format!("{operator}/readyz")).await.0 != 200 {
        assert_eq!(get(format!("{operator}/readyz/webhook")).await.0, 200);
        assert!(began.elapsed() < PATIENCE, "never whole: {}", up.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let shown = up.json(&["show", "o/r#7", "--json"]).unwrap();
    assert_eq!(shown["state"]["title"], "A title");
    let status = up.json(&["status", "--json"]).unwrap();
    assert_eq!(status["troubles"], json!([]));
}

/// A metric that Prometheus' rules ask for and that `metrics` has no sample of.
fn unknown_in_rules(metrics: &str) -> Option<String> {
    let rules = include_str!("../../docker/prometheus/rules.yml");
    let expressions = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "));
    let words = expressions.flat_map(|it| it.split(|c: char| !(c.is_alphanumeric() || c == '_')));
    let mut ours = words.filter(|word| word.starts_with("gapless_"));
    let has = |name: &str| {
        let mut samples = metrics.lines().filter_map(|line| line.strip_prefix(name));
        samples.any(|rest| rest.starts_with([' ', '{']))
    };
    ours.find(|name| !has(name)).map(str::to_owned)
}

/// One life of one data folder, in order: what each step needs takes seconds to start.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_shown_survives_a_stop_and_is_there_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let up = Up::start(folder);
    let operator = up.address("operator_address");

    // Health, readiness, metrics, the registry's read API, and what a person is told.
    assert_eq!(get(format!("{operator}/healthz")).await.0, 200);
    let began = Instant::now();
    while get(format!("{operator}/readyz")).await.0 != 200 {
        assert!(began.elapsed() < PATIENCE, "never ready: {}", up.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (status, metrics) = get(format!("{operator}/metrics")).await;
    assert!(status == 200 && metrics.contains("# TYPE gapless_processed_events counter"));
    let began = Instant::now();
    while let Some(missing) = unknown_in_rules(&get(format!("{operator}/metrics")).await.1) {
        // A lag is not told before it is known.
        assert!(began.elapsed() < PATIENCE, "/metrics has no {missing}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, subjects) = get(format!("{operator}/registry/subjects")).await;
    assert!(subjects.contains("gapless.events.1-value"), "{subjects}");
    let told = fs::read_to_string(folder.join("up.out")).unwrap();
    for part in [
        "/webhook",
        "gapless-data/webhook-secret",
        "application/json",
        &operator,
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }

    // The secret is its owner's alone, and in no log.
    let secret_path = folder.join("gapless-data/webhook-secret");
    let secret = fs::read_to_string(&secret_path).unwrap();
    for path in [&secret_path, &folder.join("gapless-data/run.json")] {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    assert!(!told.contains(secret.trim()) && !up.log().contains(secret.trim()));

    // A second instance on the folder is refused.
    let second = run(folder, &["up"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        errors(&second).contains("in use by another gapless"),
        "{}",
        errors(&second)
    );

    // Deliveries: forged ones are refused, signed ones are taken and shown.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let forged = client
        .post(format!("{}/webhook", up.address("webhook_address")))
        .header("Content-Type", "application/json")
        .header("X-GitHub-Event", "pull_request")
        .header("X-GitHub-Delivery", "forged")
        .header("X-Hub-Signature-256", format!("sha256={}", "0".repeat(64)))
        .body("{}");
    assert_eq!(forged.send().await.unwrap().status(), 401);
    let file = recording(folder);
    let sent = run(folder, &["send", file.to_str().unwrap()]);
    assert!(sent.status.success(), "{}", errors(&sent));
    assert!(
        printed(&sent).contains("2 answered with 202"),
        "{}",
        printed(&sent)
    );
    let shown = wait_for("the pull request to be shown", || {
        let shown = up.json(&["show", "o/r#7", "--json"])?;
        (shown["state"]["title"] == "A title" && shown["events"].as_array()?.len() == 2)
            .then_some(shown)
    });
    assert_eq!(shown["kind"], "pull_request");
    assert_eq!(shown["state"]["author"], "alice");

    // The other one is a dead letter, which is replayed (and fails again), then dropped.
    let open = || {
        up.json(&["dlq", "list", "--json"])
            .and_then(|l| l.as_array().cloned())
    };
    let letter = wait_for("the dead letter", || open()?.first().cloned());
    assert_eq!(letter["reason"], "payload");
    let name = letter["name"].as_str().unwrap();
    let look = up.json(&["dlq", "show", name]).unwrap();
    assert_eq!(look["event"]["number"], 7);
    assert!(run(folder, &["dlq", "replay", name]).status.success());
    let again = wait_for("the replayed event to fail again", || {
        open()?.into_iter().find(|letter| letter["name"] != name)
    });
    assert!(
        run(folder, &["dlq", "drop", again["name"].as_str().unwrap()])
            .status
            .success()
    );
    assert_eq!(open().unwrap(), Vec::<Value>::new());
    let status = wait_for("nothing to lag", || {
        let status = up.json(&["status", "--json"])?;
        let is_caught_up = status["processors_lag"] == 0 && status["projections_lag"] == 0;
        let is_known = status["repositories"][0]["repository"] == "o/r";
        (is_caught_up && is_known).then_some(status)
    });
    assert_eq!(
        (&status["dead_letters"], &status["troubles"]),
        (&json!(0), &json!([]))
    );

    // Stopped in order, started again, and there it is, although the figures and a store were lost.
    up.stop();
    assert!(!folder.join("gapless-data/run.json").exists());
    fs::remove_dir_all(folder.join("gapless-data/clickhouse")).unwrap();
    fs::write(folder.join("gapless-data/states-1/0.redb"), "damaged").unwrap();
    fs::write(folder.join("gapless-data/ports.json"), "damaged").unwrap();
    let up = Up::start(folder);
    assert_eq!(fs::read_to_string(&secret_path).unwrap(), secret);
    let shown = wait_for("the pull request to be shown again", || {
        let shown = up.json(&["show", "o/r#7", "--json"])?;
        (shown["state"]["title"] == "A title").then_some(shown)
    });
    assert_eq!(shown["state"]["author"], "alice");
    let sent = run(folder, &["send", file.to_str().unwrap()]);
    assert!(sent.status.success(), "{}", errors(&sent));

    a_dropped_table_is_told_of_and_written_again(&up).await;

    // Another Gapless, on these as services of their own, where something is wrong with them.
    let other = tempfile::tempdir().unwrap();
    let services = up.as_services(other.path());
    let registry = other_registry().await;
    for (name, wrong, words) in [
        (
            "GAPLESS_REGISTRY_URL",
            registry.as_str(),
            "was begun with another schema registry, or without one",
        ),
        (
            "GAPLESS_CLICKHOUSE_URL",
            "http://127.0.0.1:1",
            "start it, or correct its url",
        ),
        (
            "GAPLESS_CLICKHOUSE_WRITER_PASSWORD",
            "wrong",
            "correct the writer's user and password",
        ),
        (
            "GAPLESS_CLICKHOUSE_READER_PASSWORD",
            "wrong",
            "correct reader_user and reader_password",
        ),
    ] {
        let refused = gapless(other.path())
            .args(["up", "--webhook-listen", "127.0.0.1:0"])
            .args(["--operator-listen", "127.0.0.1:0"])
            .envs(services.iter().map(|(name, value)| (name, value)))
            .env(name, wrong)
            .output()
            .unwrap();
        let said = errors(&refused);
        assert_eq!(refused.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(words), "{name}: {said}");
    }

    // Where all is right it starts none of its own, and shows the same.
    let doctor = gapless(other.path())
        .args([
            "doctor",
            "--webhook-listen",
            "127.0.0.1:0",
            "--operator-listen",
            "127.0.0.1:0",
        ])
        .envs(services.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    assert!(doctor.status.success(), "{}", printed(&doctor));
    let second = Up::start_with(other.path(), &services);
    assert!(!other.path().join("gapless-data/kafka").exists());
    let shown = second
        .json(&["show", "o/r#7", "--json"])
        .expect("it is shown");
    assert_eq!(shown["state"]["title"], "A title");
    second.stop();
    up.stop_at_once();
}
