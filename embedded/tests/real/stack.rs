//! Both parts on one data folder.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use clickhouse::{Client, Row};
use gapless_embedded::{Embedded, Error, Options};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::running::{kill, process_id, ready_again};

const RECORD_MAX_BYTES: &str = "33554432";
const LARGE_RECORD_BYTES: usize = 20 << 20;
/// At the bound, whoever reports waits.
const REPORTS_WAITING: usize = 64;
const WAIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_kills_restarts_and_taken_ports() {
    let folder = tempfile::tempdir().expect("temp folder");
    let Some(embedded) = Embedded::start_in_test(folder.path()).await else {
        return;
    };
    nobody_uses_kafka_without_the_folders_password(&embedded, folder.path()).await;
    create_topic(&embedded, "large").await;
    create_topic(&embedded, "load").await;
    a_record_of_20_mb_passes(&embedded).await;
    a_second_instance_is_refused(folder.path()).await;
    let records = acknowledged_records_survive_a_kill(&embedded).await;
    let rows = acknowledged_rows_survive_a_kill(&embedded).await;
    let port = embedded.kafka_bootstrap();
    embedded.stop().await;

    // A restart finds everything, although another program took Kafka's port meanwhile.
    let taken = TcpListener::bind(port.as_str()).expect("free once stopped");
    let embedded = Embedded::start_in_test(folder.path())
        .await
        .expect("started again");
    assert_ne!(embedded.kafka_bootstrap(), port);
    assert_no_record_is_lost(&embedded, &records);
    assert_eq!(stored_rows(&embedded).await, rows);
    drop(taken);
    embedded.stop().await;
    for name in ["kafka", "clickhouse"] {
        assert!(
            folder.path().join(format!("logs/{name}.log")).is_file(),
            "{name} has no log"
        );
    }
}

fn client(embedded: &Embedded) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.extend(embedded.kafka_settings());
    config.set("bootstrap.servers", embedded.kafka_bootstrap());
    config
}

/// Kafka's ports are open to everybody on this machine.
async fn nobody_uses_kafka_without_the_folders_password(embedded: &Embedded, folder: &Path) {
    let ports = std::fs::read(folder.join("ports.json")).expect("ports are remembered");
    let ports: serde_json::Value = serde_json::from_slice(&ports).expect("JSON");
    let controller = format!("127.0.0.1:{}", ports["kafka controller"]);
    let strangers = [
        vec![],
        vec![
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.password", ""),
        ],
        vec![
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.password", "guessed"),
        ],
    ];
    for address in [embedded.kafka_bootstrap(), controller] {
        for settings in &strangers {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", &address);
            config.set("sasl.mechanisms", "PLAIN");
            config.set("sasl.username", "gapless");
            config.set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
            for (name, value) in settings {
                config.set(*name, *value);
            }
            // An empty password is refused by the client itself.
            let consumer: Result<BaseConsumer, _> = config.create();
            let told = consumer
                .ok()
                .and_then(|consumer| consumer.fetch_metadata(None, Duration::from_secs(5)).ok());
            assert!(told.is_none(), "{address} answers {settings:?}");
        }
    }
    for secret in ["kafka-user.json", "kafka/server.properties"] {
        let metadata = std::fs::metadata(folder.join(secret)).expect("there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{secret}");
    }
}

async fn create_topic(embedded: &Embedded, name: &str) {
    let admin: AdminClient<DefaultClientContext> = client(embedded).create().expect("a client");
    let topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
    let created = admin
        .create_topics([&topic], &AdminOptions::new())
        .await
        .expect("answered");
    assert!(created.iter().all(Result::is_ok), "{created:?}");
}

fn producer(embedded: &Embedded) -> FutureProducer {
    client(embedded)
        .set("message.max.bytes", RECORD_MAX_BYTES)
        .set("acks", "all")
        .create()
        .expect("a producer")
}

/// All records of partition 0.
fn consume(embedded: &Embedded, topic: &str) -> Vec<Vec<u8>> {
    let consumer: BaseConsumer = client(embedded)
        .set("group.id", "test")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .set("fetch.message.max.bytes", RECORD_MAX_BYTES)
        .create()
        .expect("a consumer");
    let (_, end) = consumer
        .fetch_watermarks(topic, 0, WAIT)
        .expect("the partition's end");
    let mut from_the_start = TopicPartitionList::new();
    from_the_start
        .add_partition_offset(topic, 0, Offset::Beginning)
        .expect("an offset");
    consumer.assign(&from_the_start).expect("assigned");
    let began = Instant::now();
    let mut records = Vec::new();
    let mut next = 0;
    while next < end {
        assert!(began.elapsed() < WAIT, "at {next} of {end}");
        // Errors are those of connections; librdkafka tries again.
        if let Some(Ok(record)) = consumer.poll(Duration::from_millis(100)) {
            next = record.offset() + 1;
            records.push(record.payload().unwrap_or_default().to_vec());
        }
    }
    records
}

fn numbers_in(records: &[Vec<u8>]) -> BTreeSet<u64> {
    let number = |record: &Vec<u8>| u64::from_be_bytes(record[..].try_into().expect("8 bytes"));
    records.iter().map(number).collect()
}

async fn a_record_of_20_mb_passes(embedded: &Embedded) {
    let payload: Vec<u8> = (0..LARGE_RECORD_BYTES)
        .map(|n| (n * 7919 % 251) as u8)
        .collect();
    let record = FutureRecord::<(), _>::to("large").payload(&payload);
    producer(embedded)
        .send(record, WAIT)
        .await
        .expect("acknowledged");
    let consumed = consume(embedded, "large");
    assert!(consumed[0] == payload);
}

async fn a_second_instance_is_refused(data_dir: &std::path::Path) {
    let refused = Embedded::start(Options::in_test(data_dir))
        .await
        .expect_err("the folder is in use");
    assert!(matches!(refused, Error::StopOther { .. }), "{refused}");
    let pid = std::process::id().to_string();
    assert!(refused.to_string().contains(&pid), "{refused}");
}

/// Sends numbers, many at a time, until told to stop; reports those that were acknowledged.
async fn load(producer: FutureProducer, acknowledged: mpsc::Sender<u64>) {
    let mut tasks = Vec::new();
    for lane in 0..50u64 {
        let (producer, acknowledged) = (producer.clone(), acknowledged.clone());
        tasks.push(tokio::spawn(async move {
            for number in (lane..).step_by(50) {
                let payload = number.to_be_bytes();
                let record = FutureRecord::<(), _>::to("load").payload(payload.as_slice());
                if producer.send(record, WAIT).await.is_ok()
                    && acknowledged.send(number).await.is_err()
                {
                    return;
                }
            }
        }));
    }
    for task in tasks {
        task.await.expect("ended");
    }
}

async fn acknowledged_records_survive_a_kill(embedded: &Embedded) -> Vec<u64> {
    let (sender, mut acknowledged) = mpsc::channel(REPORTS_WAITING);
    let loading = tokio::spawn(load(producer(embedded), sender));
    let mut numbers = Vec::new();
    let mut take = async |count: usize| {
        for _ in 0..count {
            numbers.push(acknowledged.recv().await.expect("acknowledged"));
        }
    };
    take(5_000).await;
    let killed = process_id(&embedded.kafka_state());
    let began = Instant::now();
    kill(killed);
    ready_again(embedded.kafka_state(), killed).await;
    eprintln!(
        "Kafka was ready again {:.1} s after kill -9",
        began.elapsed().as_secs_f32()
    );
    take(5_000).await;
    acknowledged.close();
    while let Some(number) = acknowledged.recv().await {
        numbers.push(number);
    }
    loading.await.expect("ended");

    assert_no_record_is_lost(embedded, &numbers);
    numbers
}

fn assert_no_record_is_lost(embedded: &Embedded, acknowledged: &[u64]) {
    let consumed = numbers_in(&consume(embedded, "load"));
    let lost = acknowledged
        .iter()
        .filter(|number| !consumed.contains(number))
        .count();
    assert_eq!(lost, 0, "of {} acknowledged records", acknowledged.len());
}

#[derive(Row, Serialize, Deserialize)]
struct Stored {
    batch: u64,
    number: u64,
}

const BATCH_ROWS: u64 = 1_000;

fn writer(embedded: &Embedded) -> Client {
    let credentials = embedded.clickhouse_writer();
    Client::default()
        .with_url(embedded.clickhouse_url())
        .with_user(&credentials.user)
        .with_password(&credentials.password)
}

async fn stored_rows(embedded: &Embedded) -> u64 {
    let sql = "SELECT count() FROM survivors";
    writer(embedded)
        .query(sql)
        .fetch_one()
        .await
        .expect("counted")
}

async fn acknowledged_rows_survive_a_kill(embedded: &Embedded) -> u64 {
    let client = writer(embedded);
    let ddl =
        "CREATE TABLE survivors (batch UInt64, number UInt64) ENGINE = MergeTree ORDER BY batch";
    client.query(ddl).execute().await.expect("created");
    let (sender, mut acknowledged) = mpsc::channel(REPORTS_WAITING);
    let storing = tokio::spawn(async move {
        for batch in 0.. {
            let stored = async {
                let mut insert = client.insert::<Stored>("survivors").await?;
                for number in 0..BATCH_ROWS {
                    insert.write(&Stored { batch, number }).await?;
                }
                insert.end().await
            };
            if stored.await.is_err() || sender.send(batch).await.is_err() {
                return;
            }
        }
    });
    let mut last = 0;
    for _ in 0..5 {
        last = acknowledged.recv().await.expect("stored");
    }
    let killed = process_id(&embedded.clickhouse_state());
    kill(killed);
    storing.await.expect("ended");
    while let Some(batch) = acknowledged.recv().await {
        last = batch;
    }
    ready_again(embedded.clickhouse_state(), killed).await;
    let sql = "SELECT count() FROM survivors WHERE batch <= ?";
    let stored: u64 = writer(embedded)
        .query(sql)
        .bind(last)
        .fetch_one()
        .await
        .expect("counted");
    assert_eq!(
        stored,
        (last + 1) * BATCH_ROWS,
        "acknowledged rows are lost"
    );
    stored_rows(embedded).await
}
