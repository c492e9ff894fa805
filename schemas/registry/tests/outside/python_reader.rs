//! An outside reader: Python's confluent-kafka reads real topics through the registry API.

use crate::{example, fetched};
use gapless_embedded::Embedded;
use gapless_registry::{router, subjects};
use gapless_schemas::{Codec, Schema, Topics};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PACKAGE: &str = "confluent-kafka[avro]==2.14.2";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outside/reader.py");
const READ_WITHIN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn python_reads_from_kafka_what_we_wrote_by_what_the_registry_says() {
    let Some(python) = tokio::task::spawn_blocking(python)
        .await
        .expect("fetched or not")
    else {
        return;
    };
    let data = tempfile::tempdir().expect("a folder");
    let Some(embedded) = Embedded::start_in_test(data.path()).await else {
        return;
    };
    let topics = Topics::new("gapless", 2);
    let written = write(&embedded, &topics).await;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("its address");
    let registry = tokio::spawn(std::future::IntoFuture::into_future(axum::serve(
        listener,
        router(&topics),
    )));
    let settings: BTreeMap<_, _> = embedded.kafka_settings().into_iter().collect();
    let reading = tokio::process::Command::new(python)
        .arg(SCRIPT)
        .arg(embedded.kafka_bootstrap())
        .arg(format!("http://{address}"))
        .arg(json!(settings).to_string())
        .args(written.keys())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(READ_WITHIN, reading)
        .await
        .expect("it reads in time")
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the reader failed: {said}");
    let printed: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");

    let mut names: Vec<String> = subjects(&topics).into_iter().map(|s| s.name).collect();
    names.sort();
    assert_eq!(printed["subjects"], json!(names));
    let id = Codec::embedded().id(Schema::Event);
    assert_eq!(printed["registered_again_as"], json!(id));
    assert_eq!(printed["refused_with"], json!(42205));
    for (topic, expected) in &written {
        assert_eq!(printed["records"][topic]["key"], "a key", "of {topic}");
        assert_eq!(&printed["records"][topic]["value"], expected, "in {topic}");
    }
    registry.abort();
    embedded.stop().await;
}

/// Writes one record to every topic, and returns what a reader must see there.
async fn write(embedded: &Embedded, topics: &Topics) -> BTreeMap<String, Value> {
    let mut config: ClientConfig = embedded.kafka_settings().into_iter().collect();
    config.set("bootstrap.servers", embedded.kafka_bootstrap());
    let admin: AdminClient<DefaultClientContext> = config.create().expect("an admin client");
    let specs = topics.specs();
    let wanted: Vec<NewTopic<'_>> = specs
        .iter()
        .map(|spec| {
            let topic = NewTopic::new(&spec.name, spec.partitions, TopicReplication::Fixed(1));
            spec.settings
                .iter()
                .fold(topic, |topic, (name, value)| topic.set(name, value))
        })
        .collect();
    let created = admin.create_topics(&wanted, &AdminOptions::new()).await;
    for topic in created.expect("Kafka answers") {
        topic.expect("Kafka takes every topic's settings");
    }
    let producer: FutureProducer = config.create().expect("a producer");
    let codec = Codec::embedded();
    let mut written = BTreeMap::new();
    for subject in subjects(topics) {
        let topic = subject.name.trim_end_matches("-value").to_owned();
        let example = example::of(subject.schema, &codec);
        let record = FutureRecord::to(&topic)
            .key("a key")
            .payload(&example.bytes);
        producer
            .send(record, Duration::from_secs(30))
            .await
            .map_err(|(error, _)| error)
            .expect("Kafka takes the record");
        written.insert(topic, example.reads);
    }
    written
}

/// A Python that has the package.
fn python() -> Option<PathBuf> {
    let folder = fetched::folder("confluent-kafka-python-2.14.2", |folder| {
        fetched::run(
            Path::new("python3"),
            &["-m", "venv", &folder.display().to_string()],
        )?;
        fetched::run(
            &folder.join("bin/python"),
            &[
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                PACKAGE,
            ],
        )
    })?;
    Some(folder.join("bin/python"))
}
