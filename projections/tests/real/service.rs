//! The whole sink, on real Kafka and ClickHouse.

use crate::front::{rows, rows_or_error};
use crate::gate::Gate;
use crate::history::{Fact, at, event, pull_request, repository};
use clickhouse::Client;
use gapless_embedded::{Cache, Embedded};
use gapless_projections::sink::{ClickHouseOptions, Options, Phase, Status, run};
use gapless_schemas::{Codec, StateTopic, Timestamp, Topics};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn options(kafka: &str, clickhouse: ClickHouseOptions) -> Options {
    Options {
        bootstrap: kafka.to_owned(),
        client_settings: Vec::new(),
        topics: Topics::new("gapless", 2),
        clickhouse,
        reached: |_| {},
    }
}

/// A running sink.
pub(crate) struct Sink {
    pub(crate) status: watch::Receiver<Status>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), gapless_projections::sink::Error>>,
}

impl Sink {
    pub(crate) fn start(options: Options) -> Self {
        let (sender, status) = watch::channel(Status::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(run(options, Codec::embedded(), sender, async {
            let _ = stopped.await;
        }));
        Self { status, stop, task }
    }

    pub(crate) async fn until(&mut self, what: &str, holds: impl FnMut(&Status) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, self.status.wait_for(holds)).await;
        waited
            .unwrap_or_else(|_| panic!("{what} never came"))
            .unwrap();
    }

    pub(crate) async fn stop(self) -> Status {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
        self.status.borrow().clone()
    }

    /// Ends at once, wherever it is.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

#[tokio::test]
async fn a_sink_without_clickhouse_says_so_and_still_ends_when_asked() {
    let nowhere = ClickHouseOptions {
        url: "http://127.0.0.1:9".into(),
        user: "u".into(),
        password: "p".into(),
        database: "d".into(),
    };
    let mut sink = Sink::start(options("127.0.0.1:9", nowhere));
    sink.until("trouble", |status| {
        matches!(status.phase, Phase::Retrying { .. })
    })
    .await;
    assert_eq!(sink.stop().await.phase, Phase::Stopped);
}

/// Kafka and ClickHouse, running, in a folder of their own; none where they cannot be had, which is
/// said.
pub(crate) async fn services() -> Option<(Embedded, TempDir)> {
    let fetched = tokio::task::spawn_blocking(|| {
        let cache = Cache::open(None)?;
        cache.kafka().and_then(|_| cache.clickhouse_engine())
    });
    if let Err(error) = fetched.await.unwrap() {
        eprintln!("SKIPPED: Kafka or ClickHouse cannot be fetched: {error}");
        return None;
    }
    let data = tempfile::tempdir().unwrap();
    let embedded = Embedded::start(gapless_embedded::Options::in_test(data.path()))
        .await
        .unwrap();
    Some((embedded, data))
}

/// Where a sink of a database of its own writes.
pub(crate) fn database(embedded: &Embedded, name: &str) -> ClickHouseOptions {
    let writer = embedded.clickhouse_writer();
    ClickHouseOptions {
        url: embedded.clickhouse_url(),
        user: writer.user.clone(),
        password: writer.password.clone(),
        database: name.to_owned(),
    }
}

/// Makes `topics`; returns who writes into them.
pub(crate) async fn producer(embedded: &Embedded, topics: &Topics) -> FutureProducer {
    let mut config: ClientConfig = embedded.kafka_settings().into_iter().collect();
    config.set("bootstrap.servers", embedded.kafka_bootstrap());
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let specs = topics.specs();
    let new: Vec<NewTopic<'_>> = specs
        .iter()
        .map(|spec| NewTopic::new(&spec.name, spec.partitions, TopicReplication::Fixed(1)))
        .collect();
    let made = admin.create_topics(&new, &AdminOptions::new());
    for made in made.await.unwrap() {
        made.unwrap();
    }
    config.create().unwrap()
}

pub(crate) async fn produce(producer: &FutureProducer, topics: &Topics, facts: &[Fact]) {
    for fact in facts {
        let (topic, partition, value) = fact.record(topics);
        let record = FutureRecord::<(), _>::to(&topic)
            .partition(partition)
            .payload(&value);
        producer.send(record, PATIENCE).await.unwrap();
    }
}

async fn until_rows(client: &Client, sql: &str, expected: &[&str]) {
    let seen = async {
        let told = || rows_or_error(client, sql, "TabSeparated");
        while !told().await.is_ok_and(|rows| rows == expected) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, seen).await.is_err() {
        panic!("{sql}: {:?} and not {expected:?}", rows(client, sql).await);
    }
}

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_millis(now.unwrap().as_millis() as i64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_kafka_is_soon_in_the_views_through_restarts_and_rebalances() {
    let Some((embedded, _data)) = services().await else {
        return;
    };
    let kafka = embedded.kafka_bootstrap();
    let clickhouse = database(&embedded, "gapless");
    let options = Options {
        client_settings: embedded.kafka_settings(),
        ..options(&kafka, clickhouse.clone())
    };
    let topics = &options.topics;
    let specs = topics.specs();
    let producer = producer(&embedded, topics).await;
    let client = clickhouse.client();
    let count = "SELECT count() FROM gapless.events";

    let mut first = Sink::start(options.clone());
    produce(
        &producer,
        topics,
        &[
            Fact::Repository(repository()),
            Fact::PullRequest(pull_request(1)),
            Fact::Event(event("a", Some(at(0, 1)))),
        ],
    )
    .await;
    first.until("a batch", |status| status.batches > 0).await;
    until_rows(&client, count, &["1"]).await;
    let daily =
        "SELECT repository, sum(opened) FROM gapless.pull_requests_daily GROUP BY repository";
    until_rows(&client, daily, &["acme/hammer\t1"]).await;

    // What cannot be read is left out, and nothing else is.
    let garbage = FutureRecord::<(), _>::to(&specs[0].name)
        .partition(0)
        .payload("garbage");
    producer.send(garbage, PATIENCE).await.unwrap();

    // Freshness, at 200 events a second.
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    for number in 0..400 {
        tick.tick().await;
        let mut event = event(&format!("e{number}"), Some(at(1, 1)));
        event.repository_id = Some(number % 20);
        event.received_at = now();
        produce(&producer, topics, &[Fact::Event(event)]).await;
    }
    until_rows(&client, count, &["401"]).await;
    first
        .until("the garbage", |status| status.refused == 1)
        .await;
    let fresh = "SELECT quantile(0.5)(s), quantile(0.99)(s) FROM (SELECT dateDiff('millisecond', received_at, stored_at) AS s FROM gapless.events WHERE event_id != 'a')";
    let fresh = rows(&client, fresh).await;
    eprintln!("received to stored, p50 and p99, ms: {}", fresh[0]);
    let p50: f64 = fresh[0].split('\t').next().unwrap().parse().unwrap();
    assert!(p50 <= 2_000.0);

    // A second sink takes half of the partitions; then the first leaves.
    let mut second = Sink::start(options.clone());
    second
        .until("running", |status| status.phase == Phase::Running)
        .await;
    for number in 400..600 {
        let mut event = event(&format!("e{number}"), Some(at(1, 1)));
        event.repository_id = Some(number % 20);
        produce(&producer, topics, &[Fact::Event(event)]).await;
    }
    assert_eq!(first.stop().await.phase, Phase::Stopped);
    until_rows(&client, count, &["601"]).await;
    let counted = "SELECT sum(events) FROM gapless_1.events_daily FINAL";
    until_rows(&client, counted, &["601"]).await;
    second.until("no lag", |status| status.lag == Some(0)).await;
    second.stop().await;

    // A third goes on where they stopped.
    let mut third = Sink::start(options.clone());
    let mut last = event("z", None);
    last.repository_id = None;
    produce(&producer, topics, &[Fact::Event(last)]).await;
    until_rows(&client, count, &["602"]).await;
    third.until("its batch", |status| status.batches > 0).await;
    assert_eq!(third.stop().await.records, 1);

    // While ClickHouse is away the sink reads no further and stays a member, and another may join; then
    // all is stored, read once by somebody, and partitions that were given away and back are read on.
    let gate = Gate::before(&clickhouse.url).await;
    let mut behind_a_gate = options.clone();
    behind_a_gate.clickhouse.url = gate.url();
    let mut cut_off = Sink::start(behind_a_gate.clone());
    cut_off
        .until("no lag", |status| status.lag == Some(0))
        .await;
    let retries = |status: &Status| matches!(status.phase, Phase::Retrying { .. });
    let produce_some = async |numbers: std::ops::Range<i64>| {
        for number in numbers {
            let mut event = event(&format!("g{number}"), Some(at(1, 1)));
            event.repository_id = Some(number % 20);
            produce(&producer, topics, &[Fact::Event(event)]).await;
        }
    };
    let close_before = async |sink: &mut Sink, numbers: std::ops::Range<i64>| {
        gate.close();
        // The first half is with the writer, the second waits.
        let middle = i64::midpoint(numbers.start, numbers.end);
        produce_some(numbers.start..middle).await;
        sink.until("trouble", retries).await;
        produce_some(middle..numbers.end).await;
        sink.until("a pause", |status| status.lag.is_none()).await;
    };
    close_before(&mut cut_off, 0..80).await;
    gate.open();
    cut_off
        .until("no lag", |status| status.lag == Some(0))
        .await;
    assert_eq!(cut_off.status.borrow().records, 80);
    close_before(&mut cut_off, 80..120).await;
    let mut other = Sink::start(options.clone());
    other.until("its batch", |status| status.batches > 0).await;
    gate.open();
    until_rows(&client, count, &["722"]).await;
    other.stop().await;
    produce_some(120..160).await;
    until_rows(&client, count, &["762"]).await;
    cut_off.stop().await;

    // Tables that were lost are written again, from the beginning of the log.
    for database in ["gapless", "gapless_1"] {
        let drop = format!("DROP DATABASE {database}");
        client.query(&drop).execute().await.unwrap();
    }
    let mut fourth = Sink::start(options.clone());
    until_rows(&client, count, &["762"]).await;
    until_rows(&client, daily, &["acme/hammer\t1"]).await;

    let refused_before = fourth.status.borrow().refused;
    let newer_topic = topics.state(StateTopic::Issues);
    // A state that a newer release wrote stops the sink before it, now and at the next start.
    let newer = FutureRecord::<(), _>::to(&newer_topic)
        .partition(0)
        .payload(&[0, 0, 0, 0, 99, 1][..]);
    producer.send(newer, PATIENCE).await.unwrap();
    let waits = |status: &Status| match &status.phase {
        Phase::Retrying { error } => error.contains("schema id 99"),
        _ => false,
    };
    fourth.until("the newer state", waits).await;
    // Nothing is passed over, now or then.
    assert_eq!(fourth.stop().await.refused, refused_before);
    let mut fifth = Sink::start(options.clone());
    fifth.until("the newer state again", waits).await;
    assert_eq!(fifth.stop().await.refused, 0);
    embedded.stop().await;
}
