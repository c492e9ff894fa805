//! The log and the refetch worker on a real Kafka.
//!
//! Where Kafka cannot be fetched, the test says so and passes.

mod support;

use gapless_embedded::Embedded;
use gapless_ingest::fetch::{
    Clients, FetchMetrics, QueueTimes, WorkerError, WorkerOptions, run_refetch_worker,
};
use gapless_ingest::github::{Answer, GitHub, TransportError};
use gapless_ingest::{
    AppendError, EventLog, KafkaConfig, KafkaLog, SystemClock, TopicError, ensure_topics,
};
use gapless_schemas::{Codec, Event, Refetch, Resource, Source, Timestamp, Topics};
use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::world::{TestClock, WorldGitHub};
use support::{MemoryLog, Mood};
use tokio::sync::oneshot;

const WAIT: Duration = Duration::from_secs(60);

/// The program of every part that these tests start: see `PartCommand::this_test`.
#[test]
fn embedded_part() {
    gapless_embedded::become_part_if_asked();
}

fn event(index: usize, payload: Vec<u8>) -> Event {
    Event {
        event_id: format!("{index:032x}"),
        source: Source::Webhook,
        kind: "issues".into(),
        host: "github.com".into(),
        repository_id: Some(index as i64 % 7),
        received_at: Timestamp::from_seconds(1),
        payload,
        ..Event::bare()
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_reached_says_so_in_under_five_seconds() {
    let config = KafkaConfig::plain("127.0.0.1:1");
    let log = KafkaLog::new(config, Topics::new("test", 4), Codec::embedded()).unwrap();
    let began = Instant::now();
    let error = log.append(event(1, b"{}".to_vec())).await.unwrap_err();
    assert!(matches!(error, AppendError::Retry(_)), "{error}");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_kafka_events_are_kept_and_commands_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let Some(embedded) = Embedded::start_in_test(folder.path()).await else {
        return;
    };
    let config = KafkaConfig {
        bootstrap_servers: embedded.kafka_bootstrap(),
        settings: embedded.kafka_settings(),
    };
    let topics = Topics::new("test", 4);
    // Twice: what exists is left as it is.
    ensure_topics(&config, &topics).await.unwrap();
    ensure_topics(&config, &topics).await.unwrap();

    a_topic_that_forgets_is_refused(&config).await;

    let log = Arc::new(KafkaLog::new(config.clone(), topics.clone(), Codec::embedded()).unwrap());
    every_event_lies_in_its_partition(&config, &topics, &log).await;
    large_events_pass_and_too_large_ones_are_refused(&log).await;
    commands_are_answered_once_and_survive_a_slow_log(&config, &topics).await;
    a_panic_stops_the_worker_with_an_error(&config, &topics).await;
    embedded.stop().await;

    let began = Instant::now();
    let error = log.append(event(1, b"{}".to_vec())).await.unwrap_err();
    assert!(matches!(error, AppendError::Retry(_)), "{error}");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

fn client(config: &KafkaConfig) -> ClientConfig {
    let mut client: ClientConfig = config.settings.iter().cloned().collect();
    client.set("bootstrap.servers", &config.bootstrap_servers);
    client
}

async fn a_topic_that_forgets_is_refused(config: &KafkaConfig) {
    let topics = Topics::new("forgetful", 1);
    let admin: AdminClient<DefaultClientContext> = client(config).create().unwrap();
    // As brokers make it where nobody thinks of it: kept for a week, records of a megabyte.
    let events = topics.events();
    let made = NewTopic::new(&events, 1, TopicReplication::Fixed(1))
        .set("retention.ms", "604800000")
        .set("max.message.bytes", "1048588");
    let options = AdminOptions::new();
    admin.create_topics(&[made], &options).await.unwrap()[0]
        .as_ref()
        .unwrap();
    // A broker tells nothing about a topic that it has only just heard of.
    let began = Instant::now();
    while ensure_topics(config, &topics).await.is_ok() {
        assert!(began.elapsed() < WAIT, "it is never refused");
    }
    let error = ensure_topics(config, &topics).await.unwrap_err();
    assert!(matches!(error, TopicError::Unfit(_)), "{error}");
    let change = AlterConfig::new(ResourceSpecifier::Topic(&events))
        .set("retention.ms", "-1")
        .set("max.message.bytes", "33554432");
    admin.alter_configs(&[change], &options).await.unwrap()[0]
        .as_ref()
        .unwrap();
    let began = Instant::now();
    while let Err(error) = ensure_topics(config, &topics).await {
        assert!(began.elapsed() < WAIT, "{error}");
    }
}

async fn every_event_lies_in_its_partition(
    config: &KafkaConfig,
    topics: &Topics,
    log: &Arc<KafkaLog>,
) {
    const EVENTS: usize = 300;
    let mut appends = tokio::task::JoinSet::new();
    for index in 0..EVENTS {
        let log = Arc::clone(log);
        let event = event(index, format!("{{\"n\":{index}}}").into_bytes());
        appends.spawn(async move { (event.clone(), log.append(event).await.unwrap()) });
    }
    let mut appended = BTreeMap::new();
    for (event, at) in appends.join_all().await {
        assert_eq!(at.partition, topics.partition_of_event(&event));
        appended.insert((at.partition, at.offset), event);
    }
    assert_eq!(appended.len(), EVENTS);
    let consumer: BaseConsumer = reader(config);
    consumer.subscribe(&[&topics.events()]).unwrap();
    let began = Instant::now();
    while !appended.is_empty() {
        assert!(began.elapsed() < WAIT, "{} are missing", appended.len());
        let Some(Ok(record)) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let event = appended
            .remove(&(record.partition(), record.offset()))
            .unwrap();
        assert_eq!(record.key(), Some(event.event_id.as_bytes()));
        let found: Event = Codec::embedded().decode(record.payload().unwrap()).unwrap();
        assert_eq!(found, event);
    }
}

async fn large_events_pass_and_too_large_ones_are_refused(log: &KafkaLog) {
    const MEGABYTE: usize = 1024 * 1024;
    let noise = |bytes: usize| -> Vec<u8> {
        // Does not compress, so that the broker sees its full size.
        let mut state = 1_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        (0..bytes).map(|_| next()).collect()
    };
    log.append(event(1, noise(25 * MEGABYTE))).await.unwrap();
    let error = log
        .append(event(2, noise(33 * MEGABYTE)))
        .await
        .unwrap_err();
    assert!(matches!(error, AppendError::Refuse(_)), "{error}");
    log.append(event(3, b"{}".to_vec())).await.unwrap();
}

fn reader(config: &KafkaConfig) -> BaseConsumer {
    client(config)
        .set("group.id", "the test")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap()
}

struct Running {
    metrics: Arc<FetchMetrics>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

fn run(
    config: &KafkaConfig,
    topics: &Topics,
    github: &Arc<WorldGitHub>,
    log: &Arc<MemoryLog>,
) -> Running {
    let metrics = Arc::new(FetchMetrics::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn({
        let (config, topics, metrics) = (config.clone(), topics.clone(), Arc::clone(&metrics));
        let (log, clock) = (Arc::clone(log), TickingClock::new(&github.clock()));
        let clients = Arc::new(Clients::new([(None, Arc::clone(github))]));
        let options = WorkerOptions {
            times: QueueTimes {
                retry_min_millis: 50,
                retry_max_millis: 100,
                ..QueueTimes::default()
            },
            ..WorkerOptions::default()
        };
        async move {
            let codec = Codec::embedded();
            let stopped = async {
                let _ = stopped.await;
            };
            let worker = run_refetch_worker(
                &config, &topics, codec, clients, clock, log, options, metrics, stopped,
            );
            worker.await.unwrap();
        }
    });
    Running {
        metrics,
        stop,
        task,
    }
}

/// A simulated start, and real time from there: the worker's windows must end.
#[derive(Clone)]
struct TickingClock(TestClock, Instant);

impl TickingClock {
    fn new(clock: &TestClock) -> Self {
        Self(clock.clone(), Instant::now())
    }
}

impl gapless_ingest::Clock for TickingClock {
    fn now(&self) -> Timestamp {
        self.0
            .now()
            .plus_millis(self.1.elapsed().as_millis() as i64)
    }
}

impl Running {
    async fn until(&self, what: &str, holds: impl Fn(&FetchMetrics) -> bool) {
        let began = Instant::now();
        while !holds(&self.metrics) {
            assert!(began.elapsed() < WAIT, "{what}: {:?}", self.metrics);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}

async fn commands_are_answered_once_and_survive_a_slow_log(config: &KafkaConfig, topics: &Topics) {
    let github = WorldGitHub::at_rest(gapless_simulator::Options {
        repositories: 2,
        changes: 400,
        // By its clock a request takes a while and in truth none: retries come as fast as they can.
        requests_per_hour: u32::MAX,
        ..gapless_simulator::Options::default()
    });
    let truth = github.world.lock().unwrap().truth();
    let items: Vec<(i64, i64)> = truth
        .pull_requests
        .iter()
        .map(|pull| (pull.item.repository_id as i64, i64::from(pull.item.number)))
        .take(5)
        .collect();
    let log = Arc::new(MemoryLog::default());
    log.set(Mood::IsSlow);
    let worker = run(config, topics, &github, &log);
    // Three commands for each item.
    for (repository_id, number) in &items {
        for gap in 0..3 {
            issue(config, topics, *repository_id, *number, gap).await;
        }
    }
    let issued = 3 * items.len() as u64;
    // The log takes nothing: nothing counts as answered, not even after another start.
    worker
        .until("failures", |metrics| metrics.failures() > 3)
        .await;
    assert_eq!(worker.metrics.commands(), 0);
    worker.stop().await;
    log.set(Mood::Takes);
    let worker = run(config, topics, &github, &log);
    worker
        .until("all answers", |metrics| metrics.commands() == issued)
        .await;
    let events = log.taken();
    for (repository_id, number) in &items {
        let mut gaps: Vec<&str> = events
            .iter()
            .filter(|event| event.repository_id == Some(*repository_id))
            .filter(|event| event.number == Some(*number))
            .flat_map(Event::gap_ids)
            .collect();
        gaps.sort_unstable();
        gaps.dedup();
        assert_eq!(gaps, ["gap-0", "gap-1", "gap-2"]);
    }
    assert!((events.len() as u64) < issued, "{} answers", events.len());
    worker.stop().await;

    // Every command has its tombstone, and a later start finds nothing to do.
    let answered = events.len();
    let mut open = commands_without_tombstones(config, topics, 2 * issued);
    open.sort();
    assert_eq!(open, Vec::<String>::new());
    for (repository_id, number) in &items {
        issue(config, topics, *repository_id, *number, 3).await;
    }
    let worker = run(config, topics, &github, &log);
    let more = items.len() as u64;
    worker
        .until("the later ones", |metrics| metrics.commands() == more)
        .await;
    worker.stop().await;
    for event in &log.taken()[answered..] {
        assert_eq!(event.gap_ids().collect::<Vec<_>>(), ["gap-3"]);
    }
}

/// A GitHub whose client has a fault.
struct Panics;

impl GitHub for Panics {
    async fn get(&self, _: &str) -> Result<Answer, TransportError> {
        panic!("a fault of the client's, as the test wants it")
    }

    fn host(&self) -> &str {
        "github.com"
    }

    fn credential_kind(&self) -> &'static str {
        "token"
    }
}

async fn a_panic_stops_the_worker_with_an_error(config: &KafkaConfig, topics: &Topics) {
    issue(config, topics, 1, 1, 9).await;
    let worker = run_refetch_worker(
        config,
        topics,
        Codec::embedded(),
        Arc::new(Clients::new([(None, Panics)])),
        SystemClock,
        Arc::new(MemoryLog::default()),
        WorkerOptions::default(),
        Arc::new(FetchMetrics::default()),
        std::future::pending(),
    );
    let ended = tokio::time::timeout(WAIT, worker).await;
    let error = ended.expect("it does not go on").unwrap_err();
    assert!(matches!(error, WorkerError::Panicked(_)), "{error}");
}

/// Writes a command about an item, on behalf of a gap.
async fn issue(config: &KafkaConfig, topics: &Topics, repository_id: i64, number: i64, gap: u32) {
    let producer: FutureProducer = client(config).create().unwrap();
    let command = Refetch {
        command_id: format!("{repository_id}-{number}-{gap}"),
        gap_id: format!("gap-{gap}"),
        host: "github.com".into(),
        repository_id,
        repository: None,
        resource: Resource::Item { number },
        reason: "a test".into(),
        issued_at: Timestamp::from_seconds(1),
        attempt: 1,
        urgency: gapless_schemas::Urgency::Gap,
    };
    let value = Codec::embedded().encode(&command).unwrap();
    let topic = topics.refetches();
    let record = FutureRecord::to(&topic)
        .partition(topics.partition_of_repository("github.com", repository_id))
        .key(&command.command_id)
        .payload(&value);
    producer.send(record, WAIT).await.unwrap();
}

fn commands_without_tombstones(config: &KafkaConfig, topics: &Topics, records: u64) -> Vec<String> {
    let consumer = reader(config);
    consumer.subscribe(&[&topics.refetches()]).unwrap();
    let (mut open, mut read) = (BTreeMap::new(), 0);
    let began = Instant::now();
    while read < records {
        assert!(began.elapsed() < WAIT, "{read} of {records} records");
        let Some(Ok(record)) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
        open.insert(key, record.payload().is_some());
        read += 1;
    }
    open.into_iter()
        .filter_map(|(key, is_open)| is_open.then_some(key))
        .collect()
}
