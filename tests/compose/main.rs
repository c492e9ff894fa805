//! Holds the form of what cannot be run in a test: the compose file, the image, and what Grafana
//! and ClickHouse are provisioned with.

mod grafana;

use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Services that keep something, and so need a volume. The registry keeps its schemas in Kafka.
const KEEPERS: &[&str] = &[
    "kafka",
    "clickhouse",
    "gapless",
    "proxy",
    "grafana",
    "prometheus",
    "alertmanager",
];

#[test]
fn every_service_is_pinned_restarted_checked_and_bounded_in_its_logs() {
    for (name, service) in services() {
        let image = text(&service["image"]);
        let tag = image.rsplit_once(':').map(|(_, tag)| tag);
        assert!(
            tag.map(|tag| tag.strip_prefix('v').unwrap_or(tag))
                .is_some_and(|tag| tag.starts_with(|c: char| c.is_ascii_digit())),
            "{name} runs {image}, which may be another program tomorrow"
        );
        assert_eq!(service["restart"], "unless-stopped", "of {name}");
        let check = &service["healthcheck"];
        for part in ["test", "interval", "timeout", "retries", "start_period"] {
            assert!(
                !check[part].is_null(),
                "{name}'s health check has no {part}"
            );
        }
        assert!(
            service["logging"]["options"]["max-size"].is_string(),
            "{name}'s log grows for ever"
        );
        assert!(
            service["mem_limit"].is_string(),
            "{name} may take all memory"
        );
        assert_eq!(
            service["security_opt"][0], "no-new-privileges:true",
            "of {name}"
        );
    }
}

#[test]
fn what_a_service_keeps_outlives_its_container() {
    let compose = compose();
    let declared: HashSet<&str> = keys(&compose["volumes"]).collect();
    let mut used = HashSet::new();
    for (name, service) in services() {
        let named: Vec<String> = list(&service["volumes"])
            .filter(|volume| !volume.starts_with('.'))
            .filter_map(|volume| Some(volume.split_once(':')?.0.to_owned()))
            .collect();
        assert_eq!(
            named.is_empty(),
            !KEEPERS.contains(&name.as_str()),
            "{name} has the volumes {named:?}"
        );
        used.extend(named);
    }
    assert_eq!(declared, used.iter().map(String::as_str).collect());
}

#[test]
fn only_the_proxy_is_public_and_it_leads_to_the_webhook_alone() {
    let mut public = Vec::new();
    for (name, service) in services() {
        let ports: Vec<String> = list(&service["ports"]).collect();
        public.extend(
            ports
                .iter()
                .filter(|port| !port.starts_with("127.0.0.1:"))
                .map(|port| format!("{name} {port}")),
        );
        let networks: Vec<String> = list(&service["networks"]).collect();
        assert!(
            !ports.is_empty() || networks == ["stores"],
            "{name} is reached from nowhere, and yet is on {networks:?}"
        );
    }
    assert_eq!(public, ["proxy 80:80", "proxy 443:443"]);
    for network in ["stores", "proxied", "watched"] {
        assert_eq!(compose()["networks"][network]["internal"], true);
    }
    let caddy = read("docker/caddy/Caddyfile");
    let (_, public) = caddy.split_once("{$GAPLESS_DOMAIN} {").expect("a site");
    let (public, loopback) = public.split_once("\n}\n").expect("its end");
    let routes: Vec<&str> = public
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("handle") || line.starts_with("re"))
        .collect();
    assert_eq!(
        routes,
        [
            "handle /webhook {",
            "request_body {",
            "reverse_proxy gapless:8080",
            "handle {",
            "respond 404",
        ]
    );
    // The other site is published on the loopback, asks for a user and changes nothing.
    assert!(loopback.contains("http://:8082 {") && loopback.contains("basic_auth {"));
    assert!(loopback.contains("@changes not method GET HEAD\n\trespond @changes 405"));
}

#[test]
fn no_service_starts_before_what_it_needs_is_healthy() {
    let names: HashSet<String> = services().into_iter().map(|(name, _)| name).collect();
    for (name, service) in services() {
        for needed in keys(&service["depends_on"]) {
            assert!(names.contains(needed), "{name} waits for {needed}");
            let condition = &service["depends_on"][needed]["condition"];
            assert_eq!(condition, "service_healthy", "{name} waits for {needed}");
        }
    }
}

/// A table that is written again must keep neither the proxy from starting nor `up --wait` from ending.
#[test]
fn what_leads_github_to_gapless_waits_for_deliveries_to_be_taken_and_for_nothing_else() {
    let gapless = compose()["services"]["gapless"].clone();
    let health = text(&gapless["healthcheck"]["test"][3]);
    assert!(health.contains("GET /readyz/webhook HTTP/"), "{health}");
    let wait = &compose()["services"]["proxy"]["depends_on"]["gapless"];
    assert_eq!(wait["condition"], "service_healthy");
    // All else that is wrong with it is an alert.
    let rules = read("docker/prometheus/rules.yml");
    assert!(rules.contains("gapless_ready == 0"), "{rules}");
}

#[test]
fn every_secret_is_a_file_of_the_secrets_folder_and_given_to_who_reads_it_alone() {
    let compose = compose();
    let declared: HashSet<&str> = keys(&compose["secrets"]).collect();
    for name in &declared {
        let path = format!("./secrets/{name}");
        assert_eq!(compose["secrets"][*name]["file"], path, "{name}");
        assert!(
            read("docker/make-secrets.sh").contains(name),
            "nothing makes {name}"
        );
    }
    let mut given = HashSet::new();
    for (name, service) in services() {
        for variable in keys(&service["environment"]) {
            let is_secret = ["PASSWORD", "SECRET", "TOKEN"]
                .iter()
                .any(|word| variable.ends_with(word));
            assert!(!is_secret, "{name}'s {variable} is seen by docker inspect");
        }
        // What it is told, and the files that it is given.
        let mut told = service.to_string();
        for mount in list(&service["volumes"]).filter(|volume| volume.starts_with('.')) {
            let path = root().join(mount.split(':').next().unwrap_or_default());
            told.extend(texts_below(&path));
        }
        let reads: HashSet<&str> = told
            .split("/run/secrets/")
            .skip(1)
            .map(|rest| {
                let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_'));
                rest.split_at(end.unwrap_or(rest.len())).0
            })
            .filter(|secret| *secret != "pagerduty_key")
            .collect();
        let own: Vec<String> = list(&service["secrets"]).collect();
        let own: HashSet<&str> = own.iter().map(String::as_str).collect();
        assert_eq!(own, reads, "{name} is given other secrets than it reads");
        given.extend(own.into_iter().map(str::to_owned));
    }
    let given: HashSet<&str> = given.iter().map(String::as_str).collect();
    assert_eq!(declared, given);
    for ignored in [".gitignore", ".dockerignore"] {
        let lines = read(ignored);
        assert!(
            lines
                .lines()
                .any(|line| line.trim_matches('/') == "secrets")
        );
    }
}

#[test]
fn readers_of_topics_have_a_user_of_their_own_who_may_only_read() {
    let kafka = compose()["services"]["kafka"].clone();
    let environment = &kafka["environment"];
    assert!(text(&environment["KAFKA_LISTENERS"]).contains("READERS://:9094"));
    let protocols = text(&environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"]);
    for listener in protocols.split(',') {
        assert!(
            listener.ends_with(":SASL_PLAINTEXT"),
            "{listener} asks nobody"
        );
    }
    assert_eq!(
        list(&kafka["ports"]).collect::<Vec<_>>(),
        ["127.0.0.1:9094:9094"]
    );
    assert_eq!(environment["KAFKA_SUPER_USERS"], "User:gapless");
    assert!(text(&environment["KAFKA_AUTHORIZER_CLASS_NAME"]).ends_with(".StandardAuthorizer"));
    let start = read("docker/kafka/start.sh");
    // That listener knows one user, and grants name nothing but reading.
    let readers = start
        .lines()
        .find(|line| line.contains("KAFKA_LISTENER_NAME_READERS"))
        .expect("the readers' listener has users");
    assert!(
        readers.contains("user_reader=") && !readers.contains("gapless"),
        "{readers}"
    );
    let granted: Vec<&str> = start
        .split("--operation ")
        .skip(1)
        .filter_map(|rest| rest.split(' ').next())
        .collect();
    assert_eq!(granted, ["Read", "Describe", "Read", "Describe"]);
    assert!(start.contains("--topic gapless.") && start.contains("--group reader."));
}

/// Folders that `up` and `demo` make where they are started, and what configures them.
#[test]
fn what_a_run_in_the_checkout_leaves_there_is_neither_committed_nor_sent_to_the_builder() {
    for name in ["gapless-data", "gapless-demo", "gapless.toml", ".env"] {
        for (ignored, line) in [
            (".gitignore", format!("/{name}")),
            (".dockerignore", name.into()),
        ] {
            let lines = read(ignored);
            assert!(
                lines.lines().any(|known| known == line),
                "{ignored}: {name}"
            );
        }
    }
}

#[test]
fn the_scripts_are_scripts() {
    let scripts = [
        "docker/with-secrets.sh",
        "docker/make-secrets.sh",
        "docker/kafka/start.sh",
    ];
    for path in scripts {
        let mode = std::fs::metadata(root().join(path)).expect("there");
        let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
        assert_eq!(mode & 0o111, 0o111, "{path} cannot be run");
        assert!(
            read(path).contains("\nset -euo pipefail\n"),
            "{path} goes on after a failure"
        );
        let read = std::process::Command::new("bash")
            .arg("-n")
            .arg(root().join(path))
            .output()
            .expect("bash runs");
        assert!(
            read.status.success(),
            "{path}: {}",
            String::from_utf8_lossy(&read.stderr)
        );
    }
    // The one that can be run here: a secret becomes a variable of the program alone.
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a b'\"$c\n").expect("written");
    let run = |secret: &Path| {
        std::process::Command::new(root().join("docker/with-secrets.sh"))
            .arg(format!("NAME={}", secret.display()))
            .args([
                "--",
                "bash",
                "-c",
                "printf %s \"$NAME|$1\"",
                "bash",
                "an argument",
            ])
            .output()
            .expect("it runs")
    };
    assert_eq!(run(&secret).stdout, b"a b'\"$c|an argument");
    std::fs::write(&secret, "").expect("written");
    assert!(!run(&secret).status.success(), "an empty secret is one");
    assert!(
        !run(&folder.path().join("none")).status.success(),
        "a missing secret is one"
    );
}

#[test]
fn prometheus_has_the_documented_rules_and_every_metric_in_them_is_ours() {
    let config = yaml("docker/prometheus/prometheus.yml");
    let target = text(&config["scrape_configs"][0]["static_configs"][0]["targets"][0]);
    assert_eq!(target, "gapless:8081");
    let file = text(&config["rule_files"][0]);
    let rules = yaml(&format!("docker/prometheus/{file}"));
    let documented = read("docs/alerts.md");
    // Where metrics are registered.
    let sources = ["ingest/src", "processors/engine/src", "src/system"];
    let rendered: String = sources
        .iter()
        .flat_map(|path| texts_below(&root().join(path)))
        .collect();
    let mut count = 0;
    for rule in rules["groups"][0]["rules"].as_array().expect("rules") {
        let (name, expression) = (text(&rule["alert"]), text(&rule["expr"]));
        assert_eq!(rule["for"], "5m", "{name}");
        assert!(
            text(&rule["annotations"]["summary"]).contains("First step"),
            "{name}"
        );
        let severity = text(&rule["labels"]["severity"]);
        let row = format!("| `{expression}` | {severity} |");
        assert!(documented.contains(&row), "docs/alerts.md has no {row}");
        for metric in metrics_in(&expression) {
            // A counter's samples end in `_total`, which its name does not.
            let name_of = format!("\"{}\"", metric.trim_end_matches("_total"));
            assert!(
                rendered.contains(&name_of),
                "{name} asks for {metric}, which /metrics does not have"
            );
        }
        count += 1;
    }
    let rows = documented
        .lines()
        .filter(|line| line.starts_with('|') && line.contains("` | "));
    assert_eq!(rows.count(), count, "a documented rule is not there");
}

/// Names of ours in an expression of Prometheus.
fn metrics_in(expression: &str) -> Vec<&str> {
    expression
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("gapless_"))
        .collect()
}

/// What the files below `path` hold, or the file there.
fn texts_below(path: &Path) -> Vec<String> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).expect("a folder");
        let entries = entries.map(|entry| entry.expect("an entry").path());
        return entries.flat_map(|entry| texts_below(&entry)).collect();
    }
    std::fs::read_to_string(path).into_iter().collect()
}

#[test]
fn every_file_that_a_service_is_given_is_here_and_cannot_be_written() {
    for (name, service) in services() {
        for volume in list(&service["volumes"]).filter(|volume| volume.starts_with('.')) {
            let (path, rest) = volume.split_once(':').expect("a mount names two places");
            assert!(root().join(path).exists(), "{name} mounts {path}");
            assert!(rest.ends_with(":ro"), "{name} may write {path}");
        }
    }
}

#[test]
fn the_image_runs_as_nobody_in_particular_and_is_built_from_the_lock_file() {
    let dockerfile = read("Dockerfile");
    let instructions = |word: &str| {
        dockerfile
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{word} ")))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let users = instructions("USER");
    let user = users.last().expect("the image names its user");
    let (uid, gid) = user.split_once(':').expect("user and group");
    for id in [uid, gid] {
        assert!(
            id.parse().is_ok_and(|id: u32| id >= 1_000),
            "the image runs as {user}"
        );
    }
    let bases = instructions("FROM");
    assert!(bases.len() >= 2, "what builds is not what runs");
    for base in &bases {
        assert!(
            base.contains(':') && !base.contains("latest"),
            "{base} may be another image tomorrow"
        );
    }
    assert!(dockerfile.contains("cargo build --release --locked"));
    let rust = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata answers")
        .root_package()
        .and_then(|package| package.rust_version.clone())
        .expect("the root package names its Rust");
    let wanted = format!("rust:{}.{}-", rust.major, rust.minor);
    assert!(bases[0].starts_with(&wanted), "{} is not {rust}", bases[0]);
    for hidden in [".git", "target", ".env"] {
        assert!(
            read(".dockerignore").lines().any(|line| line == hidden),
            "{hidden} is sent to the builder"
        );
    }
}

/// The text between an element's tags, of its first occurrence.
#[test]
fn the_services_are_configured_as_what_the_tests_run_on() {
    let embedded = read("embedded/src/kafka.rs").replace("{RECORD_MAX_BYTES}", "33554432");
    assert!(embedded.contains("RECORD_MAX_BYTES: u32 = 32 << 20;"));
    let kafka = &compose()["services"]["kafka"]["environment"];
    let mut same = 0;
    for (name, value) in kafka.as_object().expect("an environment") {
        let property = name.trim_start_matches("KAFKA_").to_lowercase();
        let property = property.replace('_', ".");
        // Addresses and folders are the container's own, and so are the readers and their rights.
        if matches!(
            property.as_str(),
            "listeners"
                | "advertised.listeners"
                | "listener.security.protocol.map"
                | "controller.quorum.voters"
                | "log.dirs"
                | "authorizer.class.name"
                | "super.users"
        ) {
            continue;
        }
        if property == "heap.opts" {
            assert!(embedded.contains(&format!("HEAP_MAX: &str = {value}")));
            continue;
        }
        let line = format!("{property}={}", text(value));
        let order_is_free = property == "process.roles";
        assert!(
            order_is_free || embedded.lines().any(|known| known == line),
            "the embedded Kafka has no {line}"
        );
        same += 1;
    }
    assert!(same >= 8, "{same} settings compared");

    let engine = read("embedded/src/cache/engine.rs");
    let image = text(&compose()["services"]["clickhouse"]["image"]);
    let (_, release) = image.rsplit_once(':').expect("a tag");
    assert!(
        engine.contains(&format!("VERSION: &str = \"{release}.")),
        "{image} is not the engine that the tests run on"
    );

    let front = read("embedded/clickhouse-front/src/request.rs");
    let users = read("docker/clickhouse/users.d/gapless.xml");
    let constraints = element(&users, "constraints");
    let (_, settings) = front.split_once("SETTINGS_OF_A_READER: [").expect("a list");
    let (settings, _) = settings.split_once("];").expect("its end");
    let settings: Vec<&str> = settings.split('"').skip(1).step_by(2).collect();
    for setting in &settings {
        assert!(
            element(constraints, setting).contains("<changeable_in_readonly/>"),
            "a reader of the embedded ClickHouse may set {setting}"
        );
    }
    assert_eq!(
        constraints.matches("<changeable_in_readonly/>").count(),
        settings.len(),
        "a reader of the embedded ClickHouse may set less"
    );
    let seconds = element(constraints, "max_execution_time");
    let (min, max) = (element(seconds, "min"), element(seconds, "max"));
    assert!(
        front.contains(&format!(
            "SECONDS_OF_A_READER: RangeInclusive<u32> = {min}..={max};"
        )),
        "a reader of the embedded ClickHouse has other bounds than {min} and {max} seconds"
    );
}

fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml
        .split_once(&format!("<{name}>"))
        .unwrap_or_else(|| panic!("there is no <{name}>"));
    let (inner, _) = rest
        .split_once(&format!("</{name}>"))
        .unwrap_or_else(|| panic!("<{name}> has no end"));
    inner
}

fn compose() -> Value {
    yaml("docker-compose.yml")
}

fn services() -> Vec<(String, Value)> {
    let compose = compose();
    let services = compose["services"].as_object().expect("services");
    services
        .iter()
        .map(|(name, service)| (name.clone(), service.clone()))
        .collect()
}

fn keys(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
}

fn list(value: &Value) -> impl Iterator<Item = String> {
    value.as_array().into_iter().flatten().map(text)
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is not a text"))
        .to_owned()
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
