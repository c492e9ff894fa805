//! A generation that is made from the log's beginning beside the live one, on a real Kafka: it says the
//! same, and adds nothing to the log, the commands or the dead letters.
//!
//! `GAPLESS_EVENTS` says how many changes the organisation makes. Where Kafka cannot be fetched, the
//! test says so and passes.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use gapless_core::detect::Patience;
use gapless_core::{Key, Record};
use gapless_embedded::Embedded;
use gapless_engine::kafka::{Options, Status, run};
use gapless_ingest::webhook::{Limits, Outcome, Webhook};
use gapless_ingest::{Clock, KafkaConfig, KafkaLog, Secret, SourceConfig, ensure_topics};
use gapless_schemas::{Codec, StateTopic, Timestamp, Topics};
use gapless_simulator::{Faults, Feed, SimulatedClock, World};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PARTITIONS: i32 = 4;
const WAIT: Duration = Duration::from_secs(600);
/// Changes of the organisation where nothing else is said.
const EVENTS: usize = 6_000;
/// In how many portions the live generation hears of them.
const PORTIONS: usize = 10;
/// One delivery of so many is in a form that nobody can read.
const UNREADABLE_EVERY: usize = 300;

/// The program of every part that this test starts: see `PartCommand::this_test`.
#[test]
fn embedded_part() {
    gapless_embedded::become_part_if_asked();
}

/// The clock of the simulated organisation.
#[derive(Clone)]
struct Simulated(SimulatedClock);

impl Clock for Simulated {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// A record as it lies in Kafka.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
}

struct Installation {
    kafka: KafkaConfig,
    topics: Topics,
    codec: Codec,
}

impl Installation {
    fn of_generation(&self, generation: u32) -> Self {
        Self {
            kafka: self.kafka.clone(),
            topics: Topics {
                generation,
                ..self.topics.clone()
            },
            codec: self.codec.clone(),
        }
    }

    /// All that a topic holds, by partition.
    fn found(&self, topic: &str) -> Vec<Vec<Found>> {
        let mut config: ClientConfig = self.kafka.settings.iter().cloned().collect();
        let consumer: BaseConsumer = config
            .set("bootstrap.servers", &self.kafka.bootstrap_servers)
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let mut assignment = TopicPartitionList::new();
        let mut unread = BTreeSet::new();
        for partition in 0..PARTITIONS {
            let (_, end) = consumer.fetch_watermarks(topic, partition, WAIT).unwrap();
            let added = assignment.add_partition_offset(topic, partition, Offset::Beginning);
            added.unwrap();
            unread.extend((end > 0).then_some((partition, end)));
        }
        consumer.assign(&assignment).unwrap();
        let mut found: Vec<Vec<Found>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
        let began = Instant::now();
        while !unread.is_empty() {
            assert!(began.elapsed() < WAIT, "{topic} is not handed out");
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let message = message.unwrap();
            unread.remove(&(message.partition(), message.offset() + 1));
            let headers = message.headers().into_iter().flat_map(|it| it.iter());
            found[message.partition() as usize].push(Found {
                key: message.key().unwrap_or_default().to_vec(),
                value: message.payload().map(<[u8]>::to_vec),
                headers: headers
                    .map(|it| (it.key.to_owned(), it.value.unwrap_or_default().to_vec()))
                    .collect(),
            });
        }
        found
    }

    /// All that a generation which acts writes to beside its states.
    fn acts(&self) -> [(String, Vec<Vec<Found>>); 3] {
        let topics = &self.topics;
        [topics.events(), topics.refetches(), topics.dead_letters()].map(|topic| {
            let found = self.found(&topic);
            (topic, found)
        })
    }

    /// The last record of every key, versions aside.
    fn states(&self) -> BTreeMap<Key, Record> {
        let mut states = BTreeMap::new();
        for topic in StateTopic::ALL {
            for found in self.found(&self.topics.state(topic)).into_iter().flatten() {
                let text = String::from_utf8(found.key).unwrap();
                let key = Key::of_record(topic, &text).unwrap();
                let value = found.value.expect("no state is ever deleted");
                let record = Record::decode(&self.codec, key.kind, &value).unwrap();
                states.insert(key, record.under(0));
            }
        }
        states
    }
}

/// A generation's processors.
struct Processors {
    stop: Arc<AtomicBool>,
    status: Arc<Status>,
    thread: JoinHandle<()>,
}

impl Processors {
    fn begin(of: &Installation, folder: &Path, acts: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let options = Options {
            bootstrap: of.kafka.bootstrap_servers.clone(),
            client_settings: of.kafka.settings.clone(),
            topics: of.topics.clone(),
            store_folder: folder.join(format!("states-{}", of.topics.generation)),
            acts,
            patience: Patience::default(),
            codec: of.codec.clone(),
            reached: |_| {},
        };
        let status = Arc::new(Status::default());
        let (stopping, told) = (Arc::clone(&stop), Arc::clone(&status));
        let thread = std::thread::spawn(move || run(options, &told, &stopping).unwrap());
        Self {
            stop,
            status,
            thread,
        }
    }

    /// Waits until every event of the log is processed, its own gap events too.
    async fn settle(&self, of: &Installation) {
        let began = Instant::now();
        loop {
            // Before the ends: what was processed until then has appended what it asked for.
            let next = self.status.partitions().into_iter();
            let next: BTreeMap<i32, i64> = next.map(|(at, it)| (at, it.next_offset)).collect();
            let ends = ends(of);
            if next == ends {
                return;
            }
            assert!(began.elapsed() < WAIT, "{:?} of {ends:?}", self.status);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

/// The ends of the events topic.
fn ends(of: &Installation) -> BTreeMap<i32, i64> {
    let mut config: ClientConfig = of.kafka.settings.iter().cloned().collect();
    let consumer: BaseConsumer = config
        .set("bootstrap.servers", &of.kafka.bootstrap_servers)
        .create()
        .unwrap();
    let end = |partition| {
        let (_, end) = consumer
            .fetch_watermarks(&of.topics.events(), partition, WAIT)
            .unwrap();
        (partition, end)
    };
    (0..PARTITIONS)
        .map(end)
        .filter(|(_, end)| *end > 0)
        .collect()
}

/// An organisation whose deliveries are lost, doubled, late and overtaken, and some unreadable.
struct Organisation {
    feed: Feed,
    clock: Simulated,
    webhook: Arc<Webhook<KafkaLog, Simulated>>,
    secret: String,
    delivered: usize,
}

impl Organisation {
    fn new(of: &Installation, changes: usize) -> Self {
        let options = gapless_simulator::Options {
            changes,
            repositories: 12,
            faults: Faults {
                lost: 0.05,
                doubled: 0.10,
                delayed: 0.05,
                reordered: 0.10,
            },
            ..gapless_simulator::Options::default()
        };
        let clock = Simulated(SimulatedClock::new(options.start));
        let secret = options.secret.clone();
        let source = SourceConfig {
            host: options.host.clone(),
            owner: None,
            secrets: vec![Secret::new(&secret)],
            api_base_url: String::new(),
            token: None,
        };
        let log = KafkaLog::new(of.kafka.clone(), of.topics.clone(), of.codec.clone()).unwrap();
        Self {
            webhook: Webhook::new(&[source], Limits::default(), log, clock.clone()),
            feed: Feed::new(World::new(options)),
            clock,
            secret,
            delivered: 0,
        }
    }

    /// Delivers until `count` were, or all.
    async fn deliver_until(&mut self, count: usize) {
        let mut under_way = tokio::task::JoinSet::new();
        while self.delivered < count {
            let Some(at) = self.feed.next_at() else {
                break;
            };
            self.clock.0.advance_to(at);
            let Some(arrival) = self.feed.pop_due(at) else {
                continue;
            };
            let mut delivery = arrival.delivery;
            self.delivered += 1;
            if self.delivered.is_multiple_of(UNREADABLE_EVERY) {
                let text = String::from_utf8_lossy(&delivery.body);
                let text = text.replace("\"updated_at\":\"", "\"updated_at\":\"on the day of ");
                delivery.body = text.into_bytes().into();
            }
            let mut headers = HeaderMap::new();
            for (name, value) in delivery.headers(&self.secret) {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                headers.insert(name, HeaderValue::from_str(&value).unwrap());
            }
            let (webhook, body) = (Arc::clone(&self.webhook), delivery.body.to_vec());
            under_way.spawn(async move { webhook.deliver(&Method::POST, &headers, body).await });
            if under_way.len() >= 500 {
                accepted(under_way.join_next().await.unwrap().unwrap());
            }
        }
        while let Some(outcome) = under_way.join_next().await {
            accepted(outcome.unwrap());
        }
    }
}

fn accepted(outcome: Outcome) {
    let is_accepted = matches!(
        outcome,
        Outcome::Accepted | Outcome::Duplicate | Outcome::Pong
    );
    assert!(is_accepted, "{outcome:?}");
}

fn count(found: &[Vec<Found>]) -> usize {
    found.iter().map(Vec::len).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_beside_the_live_one_adds_nothing_to_the_log_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let Some(embedded) = Embedded::start_in_test(&folder.path().join("data")).await else {
        return;
    };
    let first = Installation {
        kafka: KafkaConfig {
            bootstrap_servers: embedded.kafka_bootstrap(),
            settings: embedded.kafka_settings(),
        },
        topics: Topics::new("test", PARTITIONS),
        codec: Codec::embedded(),
    };
    let second = first.of_generation(2);
    for installation in [&first, &second] {
        ensure_topics(&installation.kafka, &installation.topics)
            .await
            .unwrap();
    }
    let changes = std::env::var("GAPLESS_EVENTS").map_or(EVENTS, |text| text.parse().unwrap());
    let mut organisation = Organisation::new(&first, changes);
    let live = Processors::begin(&first, folder.path(), true);
    // In portions, as of what is heard of in one batch nothing has stood for long enough to be a gap.
    for portion in 1..=PORTIONS {
        organisation
            .deliver_until(changes * portion / PORTIONS)
            .await;
        live.settle(&first).await;
    }
    let before = first.acts();
    for (topic, found) in &before {
        assert!(count(found) > 0, "nothing in {topic}");
        eprintln!("{topic}: {} records", count(found));
    }

    let rebuilt = Processors::begin(&second, folder.path(), false);
    rebuilt.settle(&second).await;
    for ((topic, before), (_, after)) in before.iter().zip(first.acts()) {
        assert!(*before == after, "{topic} changed");
    }
    let states = first.states();
    assert_eq!(second.states(), states);
    eprintln!("{} states are equal", states.len());

    eprintln!("and while both go on");
    organisation.deliver_until(usize::MAX).await;
    live.settle(&first).await;
    rebuilt.settle(&second).await;
    assert_eq!(second.states(), first.states());
    // What two generations did would be there twice: ids say what was done, not by whom. (A command is
    // issued again under its id where its question was an audit's meanwhile.)
    let [(_, events), _, (_, letters)] = first.acts();
    let gaps = events
        .iter()
        .flatten()
        .filter(|found| is_gap(&first, found));
    for acts in [gaps.collect::<Vec<_>>(), letters.iter().flatten().collect()] {
        let ids: BTreeSet<&Vec<u8>> = acts.iter().map(|found| &found.key).collect();
        assert_eq!(ids.len(), acts.len(), "something was done twice");
    }
    live.end();
    rebuilt.end();
}

fn is_gap(of: &Installation, found: &Found) -> bool {
    let value = found.value.as_deref().unwrap_or_default();
    let event: gapless_schemas::Event = of.codec.decode(value).unwrap();
    event.source == gapless_schemas::Source::Gap
}
