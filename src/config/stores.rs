//! Kafka, the schema registry and ClickHouse, where they are services of their own.

use super::layers::{Key, Layers};
use super::section::scalar;
use super::sources::{holds_user, http_url};
use crate::settings::{External, Stores};
use crate::system::Reader;
use gapless_ingest::{KafkaConfig, Secret};
use gapless_projections::sink::ClickHouseOptions;
use reqwest::Url;
use std::path::Path;

const BOOTSTRAP: Key = Key::new("kafka", "bootstrap", "GAPLESS_KAFKA_BOOTSTRAP");
const REGISTRY_URL: Key = Key::new("registry", "url", "GAPLESS_REGISTRY_URL");
const CLICKHOUSE_URL: Key = Key::new("clickhouse", "url", "GAPLESS_CLICKHOUSE_URL");
const WRITER_USER: Key = Key::new(
    "clickhouse",
    "writer_user",
    "GAPLESS_CLICKHOUSE_WRITER_USER",
);
const WRITER_PASSWORD: Key = Key::new(
    "clickhouse",
    "writer_password",
    "GAPLESS_CLICKHOUSE_WRITER_PASSWORD",
);
const WRITER_PASSWORD_FILE: Key = Key::new(
    "clickhouse",
    "writer_password_file",
    "GAPLESS_CLICKHOUSE_WRITER_PASSWORD_FILE",
);
const READER_USER: Key = Key::new(
    "clickhouse",
    "reader_user",
    "GAPLESS_CLICKHOUSE_READER_USER",
);
const READER_PASSWORD: Key = Key::new(
    "clickhouse",
    "reader_password",
    "GAPLESS_CLICKHOUSE_READER_PASSWORD",
);
const READER_PASSWORD_FILE: Key = Key::new(
    "clickhouse",
    "reader_password_file",
    "GAPLESS_CLICKHOUSE_READER_PASSWORD_FILE",
);

/// The database that the views are in.
pub(crate) const DATABASE: &str = "gapless";

/// Embedded where nothing is told; else both Kafka and ClickHouse must be.
pub(super) fn read(layers: &mut Layers) -> Stores {
    let bootstrap = layers.checked(
        &BOOTSTRAP,
        "a list of host:port, separated by commas",
        bootstrap,
    );
    let settings = kafka_settings(layers);
    // A registry has no other place for its user; its address is printed without.
    let registry_url = url(layers, &REGISTRY_URL, |_| true);
    let clickhouse_url = url(layers, &CLICKHOUSE_URL, |url| !holds_user(url));
    let writer = user(
        layers,
        &WRITER_USER,
        "gapless",
        &WRITER_PASSWORD,
        &WRITER_PASSWORD_FILE,
    );
    let reader = user(
        layers,
        &READER_USER,
        "reader",
        &READER_PASSWORD,
        &READER_PASSWORD_FILE,
    );
    match (bootstrap, clickhouse_url) {
        (Some(bootstrap_servers), Some(url)) => {
            for (told, key) in [(&writer, WRITER_PASSWORD), (&reader, READER_PASSWORD)] {
                if told.1.is_none() {
                    layers.problems.add(format!(
                        "ClickHouse's password is not told: set {}",
                        key.in_words()
                    ));
                }
            }
            let password =
                |secret: Option<Secret>| secret.map_or_else(String::new, |s| s.expose().to_owned());
            Stores::External(Box::new(External {
                kafka: KafkaConfig {
                    bootstrap_servers,
                    settings,
                },
                registry_url,
                clickhouse: ClickHouseOptions {
                    url,
                    user: writer.0,
                    password: password(writer.1),
                    database: DATABASE.to_owned(),
                },
                reader: Reader {
                    user: reader.0,
                    password: password(reader.1),
                },
            }))
        }
        (None, None) => {
            if registry_url.is_some() || !settings.is_empty() {
                layers.problems.add(format!(
                    "a registry or settings of Kafka are told, but no Kafka: set {}, or leave them out",
                    BOOTSTRAP.in_words()
                ));
            }
            Stores::Embedded
        }
        (Some(_), None) => {
            layers.problems.add(neither_alone("Kafka", &CLICKHOUSE_URL));
            Stores::Embedded
        }
        (None, Some(_)) => {
            layers.problems.add(neither_alone("ClickHouse", &BOOTSTRAP));
            Stores::Embedded
        }
    }
}

fn neither_alone(told: &str, missing: &Key) -> String {
    format!(
        "{told} of your own is told alone: set {} too, or tell neither to run both embedded",
        missing.in_words()
    )
}

/// An address; `is_fit` says whether it may hold what it holds.
fn url(layers: &mut Layers, key: &Key, is_fit: impl FnOnce(&Url) -> bool) -> Option<String> {
    let found = layers.find(key)?;
    // Its text is not told: there may be a password in it.
    let problem = match http_url(&found.text) {
        Some(url) if is_fit(&url) => return Some(found.text.trim_end_matches('/').to_owned()),
        Some(_) => {
            "the address holds a user or password: leave them out and set writer_user, \
             writer_password, reader_user and reader_password"
        }
        None => "this is no address such as http://clickhouse:8123: correct it",
    };
    layers.problems.add(format!("{}: {problem}", found.place));
    None
}

fn bootstrap(text: &str) -> Option<String> {
    let is_address = |address: &str| {
        address
            .trim()
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    text.split(',').all(is_address).then(|| text.to_owned())
}

fn user(
    layers: &mut Layers,
    name: &Key,
    default: &str,
    password: &Key,
    file: &Key,
) -> (String, Option<Secret>) {
    let name = layers.find(name).map(|found| found.text);
    (
        name.unwrap_or_else(|| default.to_owned()),
        layers.secret(password, file),
    )
}

/// `[kafka.settings]`: librdkafka's own names; a value `{ file = "…" }` is read from there.
fn kafka_settings(layers: &mut Layers) -> Vec<(String, String)> {
    let mut problems = std::mem::take(&mut layers.problems);
    let section = layers.section("kafka");
    let (table, place) = (
        section.table("settings", &mut problems),
        section.place_of("settings"),
    );
    layers.problems = problems;
    let mut settings = Vec::new();
    for (name, value) in table {
        let in_file = value.get("file").and_then(toml::Value::as_str);
        let text = match in_file {
            Some(path) => {
                let secret = layers.secret_file(Path::new(path), &format!("{place}.{name}"));
                secret.map(|secret| secret.expose().to_owned())
            }
            None => {
                let text = scalar(&value);
                if text.is_none() {
                    layers.problems.add(format!(
                        "{place}.{name} must be a single text or number, or {{ file = \"…\" }}"
                    ));
                }
                text
            }
        };
        settings.extend(text.map(|text| (name, text)));
    }
    settings
}
