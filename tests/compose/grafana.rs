//! What Grafana is given, and the alerts that it judges.

use super::*;

#[test]
fn grafana_starts_without_fetching_anything() {
    let grafana = compose()["services"]["grafana"].clone();
    let variables: Vec<&str> = keys(&grafana["environment"]).collect();
    assert!(
        !variables.iter().any(|name| name.contains("PLUGINS")),
        "a start depends on the network: {variables:?}"
    );
    let build = text(&grafana["build"]);
    let dockerfile = read(&format!("{build}/Dockerfile"));
    let version = text(&grafana["image"]);
    let (_, version) = version.split_once(':').expect("a tag");
    assert!(dockerfile.contains(&format!("FROM grafana/grafana:{version}\n")));
    assert!(dockerfile.contains("plugins install grafana-clickhouse-datasource 4.20.0"));
    // Its own volume would hide it.
    assert!(!dockerfile.contains("/var/lib/grafana/plugins"));
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
    let file = "/run/secrets/clickhouse_reader_password";
    assert_eq!(
        source["secureJsonData"]["password"],
        format!("$__file{{{file}}}")
    );
    assert!(described.contains("from_env=\"GAPLESS_CLICKHOUSE_READER_PASSWORD\""));
    let clickhouse = &compose()["services"]["clickhouse"]["entrypoint"];
    let told = format!("GAPLESS_CLICKHOUSE_READER_PASSWORD={file}");
    assert!(list(clickhouse).any(|argument| argument == told));
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
