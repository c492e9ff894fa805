//! Holds the form of what cannot be run in a test: the compose file, the image, and what Grafana
//! and ClickHouse are provisioned with.

use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Services that keep something, and so need a volume. The registry keeps its schemas in Kafka.
const KEEPERS: &[&str] = &["kafka", "clickhouse", "gapless", "grafana"];

#[test]
fn every_service_is_pinned_restarted_checked_and_bounded_in_its_logs() {
    for (name, service) in services() {
        let image = text(&service["image"]);
        let tag = image.rsplit_once(':').map(|(_, tag)| tag);
        assert!(
            tag.is_some_and(|tag| tag.starts_with(|c: char| c.is_ascii_digit())),
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
fn only_the_webhooks_port_is_public() {
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
    assert_eq!(public, ["gapless 8080:8080"]);
    assert_eq!(compose()["networks"]["stores"]["internal"], true);
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

#[test]
fn no_secret_stands_in_the_file_and_none_may_be_left_out() {
    for (name, service) in services() {
        for variable in keys(&service["environment"]) {
            let secret = ["PASSWORD", "SECRET", "TOKEN"]
                .iter()
                .any(|word| variable.ends_with(word));
            let value = text(&service["environment"][variable]);
            if secret {
                assert!(
                    value.starts_with("${") && value.ends_with('}'),
                    "{name}'s {variable} stands in the file"
                );
                assert!(
                    value.contains(":?") || variable == "GAPLESS_GITHUB_TOKEN",
                    "{name}'s {variable} may be empty, and nobody would say so"
                );
            }
            assert!(
                name != "gapless" || variable.starts_with("GAPLESS_"),
                "gapless knows no setting {variable}"
            );
        }
    }
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

#[test]
fn grafana_reads_the_service_and_as_the_user_that_is_there() {
    let source = yaml("grafana/provisioning/datasources/gapless.yaml")["datasources"][0].clone();
    assert_eq!(source["type"], "grafana-clickhouse-datasource");
    let settings = &source["jsonData"];
    assert_eq!(settings["protocol"], "http");
    assert!(
        services()
            .iter()
            .any(|(name, _)| settings["host"] == **name)
    );
    let user = text(&settings["username"]);
    let users = read("docker/clickhouse/users.d/gapless.xml");
    let described = element(&users, &user);
    let profile = element(&users, element(described, "profile"));
    assert_eq!(
        element(profile, "readonly"),
        "1",
        "{user} may change something"
    );
    assert!(
        element(element(profile, "constraints"), "max_execution_time")
            .contains("<changeable_in_readonly/>"),
        "Grafana's data source sets max_execution_time and would be refused"
    );
    let password = text(&source["secureJsonData"]["password"]);
    let variable = password
        .strip_prefix('$')
        .expect("it comes from a variable");
    let compose = compose();
    let grafana = &compose["services"]["grafana"]["environment"];
    let clickhouse = &compose["services"]["clickhouse"]["environment"];
    assert!(described.contains("from_env=\"GAPLESS_CLICKHOUSE_READER_PASSWORD\""));
    assert_eq!(
        grafana[variable],
        clickhouse["GAPLESS_CLICKHOUSE_READER_PASSWORD"]
    );
}

#[test]
fn grafana_finds_the_dashboards_where_they_are_mounted() {
    let provider = yaml("grafana/provisioning/dashboards/gapless.yaml")["providers"][0].clone();
    let path = text(&provider["options"]["path"]);
    let compose = compose();
    let grafana = &compose["services"]["grafana"];
    assert!(
        list(&grafana["volumes"]).any(|volume| volume == format!("./grafana/dashboards:{path}:ro"))
    );
    let home = text(&grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]);
    let file = home
        .strip_prefix(&format!("{path}/"))
        .expect("it is one of ours");
    assert!(
        root().join("grafana/dashboards").join(file).is_file(),
        "{file}"
    );
}

#[test]
fn every_alert_is_one_number_a_row_from_our_data_source_against_a_threshold() {
    let uid =
        yaml("grafana/provisioning/datasources/gapless.yaml")["datasources"][0]["uid"].clone();
    let alerts = yaml("grafana/provisioning/alerting/gapless.yaml");
    let mut uids = HashSet::new();
    for group in alerts["groups"].as_array().expect("groups of rules") {
        for rule in group["rules"].as_array().expect("rules") {
            let title = text(&rule["title"]);
            assert!(uids.insert(text(&rule["uid"])), "{title} has another's uid");
            assert!(
                ["page", "ticket"]
                    .iter()
                    .any(|kind| rule["labels"]["severity"] == *kind),
                "{title} wakes nobody and waits for nobody"
            );
            assert!(
                rule["for"].is_string() && rule["noDataState"].is_string(),
                "{title}"
            );
            assert!(
                text(&rule["annotations"]["summary"]).contains("First step"),
                "{title} does not say what to do"
            );
            let [query, threshold] = rule["data"].as_array().expect("data").as_slice() else {
                panic!("{title} is not one query and one threshold");
            };
            assert_eq!(query["datasourceUid"], uid, "{title}");
            let model = &query["model"];
            assert_eq!(
                (&model["format"], &model["editorType"]),
                (&1.into(), &"sql".into())
            );
            let sql = text(&model["rawSql"]);
            assert!(
                sql.starts_with("SELECT") && !sql.contains('$') && !sql.contains("--"),
                "{title} asks {sql}"
            );
            assert_eq!(threshold["datasourceUid"], "__expr__", "{title}");
            assert_eq!(threshold["model"]["type"], "threshold", "{title}");
            assert_eq!(threshold["model"]["expression"], query["refId"], "{title}");
            assert_eq!(rule["condition"], threshold["refId"], "{title}");
        }
    }
    assert!(uids.len() >= 5, "{uids:?}");
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
        // Addresses and folders are the container's own.
        if matches!(
            property.as_str(),
            "listeners" | "advertised.listeners" | "controller.quorum.voters" | "log.dirs"
        ) {
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
