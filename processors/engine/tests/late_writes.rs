//! Late writes of a zombie on a real Kafka: the last record of every key is right in the end.
//!
//! Where Kafka cannot be fetched, the test says so and passes.

use gapless_core::detect::Patience;
use gapless_embedded::Embedded;
use gapless_engine::kafka::{Options, Status, run};
use gapless_schemas::{Codec, Event, Issue, Source, StateTopic, Timestamp, Topics, ids};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const HOST: &str = "github.com";
const REPOSITORY: i64 = 5;
const GROUP: &str = "test.1.processors";
const WAIT: Duration = Duration::from_secs(60);

/// The program of every part that this test starts: see `PartCommand::this_test`.
#[test]
fn embedded_part() {
    gapless_embedded::become_part_if_asked();
}

/// The topics of the test, and who writes to them from outside.
struct World {
    bootstrap: String,
    /// What every client of this Kafka needs besides.
    settings: Vec<(String, String)>,
    topics: Topics,
    codec: Codec,
    producer: FutureProducer,
}

/// A record of a state topic.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    key: String,
    value: Vec<u8>,
}

impl World {
    async fn new(bootstrap: String, settings: Vec<(String, String)>) -> Self {
        let topics = Topics::new("test", 2);
        let mut client: ClientConfig = settings.iter().cloned().collect();
        client.set("bootstrap.servers", &bootstrap);
        let admin: AdminClient<DefaultClientContext> = client.create().unwrap();
        let specs = topics.specs();
        let made = specs.iter().map(|spec| {
            let topic = NewTopic::new(&spec.name, spec.partitions, TopicReplication::Fixed(1));
            let settings = spec.settings.iter();
            settings.fold(topic, |topic, (name, value)| topic.set(name, value))
        });
        let made: Vec<_> = made.collect();
        for made in admin
            .create_topics(&made, &AdminOptions::new())
            .await
            .unwrap()
        {
            made.unwrap();
        }
        Self {
            bootstrap,
            settings,
            topics,
            codec: Codec::embedded(),
            producer: client.create().unwrap(),
        }
    }

    fn partition(&self) -> i32 {
        self.topics.partition_of_repository(HOST, REPOSITORY)
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut client: ClientConfig = self.settings.iter().cloned().collect();
        client
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .create()
            .unwrap()
    }

    async fn write(&self, topic: &str, key: &str, value: &[u8]) {
        let record = FutureRecord::to(topic).partition(self.partition());
        let record = record.key(key).payload(value);
        self.producer.send(record, WAIT).await.unwrap();
    }

    /// Appends what GitHub says of an issue at `second`.
    async fn tell(&self, number: i64, second: i64, state: &str) {
        let time = |second| Timestamp::from_seconds(1_600_000_000 + second);
        let closed_at = (state == "closed").then(|| time(second).to_string());
        let payload = json!({"issue": {"id": number * 10, "number": number, "state": state,
            "title": "t", "user": {"id": 1, "login": "a"}, "labels": [], "assignees": [],
            "created_at": time(number).to_string(), "updated_at": time(second).to_string(),
            "closed_at": closed_at}});
        let payload = serde_json::to_vec(&payload).unwrap();
        let event = Event {
            event_id: ids::webhook_event_id(HOST, &second.to_string(), &payload),
            source: Source::Webhook,
            kind: "issues".to_owned(),
            host: HOST.to_owned(),
            owner: Some("o".to_owned()),
            owner_id: Some(1),
            repository: Some("o/r".to_owned()),
            repository_id: Some(REPOSITORY),
            number: Some(number),
            received_at: time(second),
            payload,
            ..Event::bare()
        };
        let value = self.codec.encode(&event).unwrap();
        self.write(&self.topics.events(), &event.event_id, &value)
            .await;
    }

    /// What the repository's partition of a state topic holds, in order.
    fn found(&self, topic: StateTopic) -> Vec<Found> {
        let (name, partition) = (self.topics.state(topic), self.partition());
        let consumer = self.consumer("reader");
        let (_, end) = consumer.fetch_watermarks(&name, partition, WAIT).unwrap();
        let mut assignment = TopicPartitionList::new();
        let added = assignment.add_partition_offset(&name, partition, Offset::Beginning);
        added.unwrap();
        consumer.assign(&assignment).unwrap();
        let mut found = Vec::new();
        let began = Instant::now();
        while (found.len() as i64) < end {
            assert!(began.elapsed() < WAIT, "{name} is not handed out");
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                let message = message.unwrap();
                found.push(Found {
                    key: String::from_utf8(message.key().unwrap().to_vec()).unwrap(),
                    value: message.payload().unwrap().to_vec(),
                });
            }
        }
        found
    }

    fn all_found(&self) -> BTreeMap<StateTopic, Vec<Found>> {
        let all = StateTopic::ALL.map(|topic| (topic, self.found(topic)));
        all.into()
    }

    /// What the last record of an issue says.
    fn last(&self, number: i64) -> Option<Issue> {
        let found = self.found(StateTopic::Issues).into_iter();
        let mut issues = found.map(|found| self.codec.decode(&found.value).unwrap());
        issues.rfind(|issue: &Issue| issue.number == number)
    }

    /// Waits until the last record of an issue says `state`, and nothing more is written.
    fn wait_for(&self, number: i64, state: &str) {
        let began = Instant::now();
        let says = |issue: Issue| issue.state.map(|it| it.to_string());
        while self.last(number).and_then(says).as_deref() != Some(state) {
            assert!(began.elapsed() < WAIT, "{number} is never {state} again");
        }
    }

    /// The group's offset and metadata.
    fn committed(&self) -> (Offset, String) {
        let consumer = self.consumer(GROUP);
        let mut asked = TopicPartitionList::new();
        asked.add_partition(&self.topics.events(), self.partition());
        let committed = consumer.committed_offsets(asked, WAIT).unwrap();
        let element = &committed.elements()[0];
        (element.offset(), element.metadata().to_owned())
    }

    /// Waits until the group's commit says that everything in the issues' partition was looked at.
    fn wait_for_commit(&self) {
        let ends_at = self.found(StateTopic::Issues).len();
        let (expected, began) = (format!("issues={ends_at}"), Instant::now());
        loop {
            let (_, metadata) = self.committed();
            if metadata.split(',').any(|part| part == expected) {
                return;
            }
            assert!(began.elapsed() < WAIT, "{metadata} does not say {expected}");
        }
    }
}

/// One life of the processors.
struct Life {
    stop: Arc<AtomicBool>,
    status: Arc<Status>,
    thread: JoinHandle<()>,
}

impl Life {
    fn begin(world: &World, store_folder: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let options = Options {
            bootstrap: world.bootstrap.clone(),
            // None of these may have its way.
            client_settings: [("acks", "0"), ("auto.commit.enable", "true")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .chain(world.settings.clone())
                .collect(),
            topics: world.topics.clone(),
            store_folder,
            acts: true,
            patience: Patience::default(),
            codec: Codec::embedded(),
            reached: |_| {},
        };
        let status = Arc::new(Status::default());
        let (stopping, told) = (Arc::clone(&stop), Arc::clone(&status));
        let thread = std::thread::spawn(move || {
            run(options, &told, &stopping).unwrap();
        });
        Self {
            stop,
            status,
            thread,
        }
    }

    /// Waits until it says that it has caught up, which it cannot know before it has looked.
    fn wait_until_nothing_lags(&self) {
        let began = Instant::now();
        while self.status.lag() != Some(0) {
            assert!(began.elapsed() < WAIT, "{:?}", self.status);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_kafka_late_writes_of_a_zombie_are_undone_and_nothing_else_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(embedded) = Embedded::start_in_test(&folder.path().join("data")).await else {
        return;
    };
    let world = World::new(embedded.kafka_bootstrap(), embedded.kafka_settings()).await;
    let issues = world.topics.state(StateTopic::Issues);

    let life = Life::begin(&world, folder.path().join("first"));
    world.tell(1, 10, "open").await;
    world.wait_for(1, "open");
    let old = world.found(StateTopic::Issues)[0].clone();
    world.tell(1, 20, "closed").await;
    world.wait_for(1, "closed");

    eprintln!("while the owner is there");
    let mut expected = world.all_found();
    world.write(&issues, &old.key, &old.value).await;
    world.wait_for(1, "closed");
    let undone = world.last(1).unwrap();
    let add = |expected: &mut BTreeMap<StateTopic, Vec<Found>>, world: &World| {
        let expected = expected.get_mut(&StateTopic::Issues).unwrap();
        let last = world.found(StateTopic::Issues).last().unwrap().clone();
        expected.extend([old.clone(), last]);
    };
    add(&mut expected, &world);
    assert_eq!(world.all_found(), expected);

    // The next commit tells the next owner that all of this was looked at.
    world.tell(2, 30, "open").await;
    world.wait_for(2, "open");
    world.wait_for_commit();
    life.wait_until_nothing_lags();
    life.end();

    eprintln!("while there is no owner, and the next one has no disk");
    let mut expected = world.all_found();
    world.write(&issues, &old.key, &old.value).await;
    let life = Life::begin(&world, folder.path().join("second"));
    world.wait_for(1, "closed");
    add(&mut expected, &world);
    assert_eq!(world.all_found(), expected);
    assert!(world.last(1).unwrap().version > undone.version);
    life.end();

    eprintln!("while nobody knows where to begin");
    world.write(&issues, &old.key, &old.value).await;
    let consumer = world.consumer(GROUP);
    let mut offsets = TopicPartitionList::new();
    let (events, partition) = (world.topics.events(), world.partition());
    let (committed, _) = world.committed();
    let added = offsets.add_partition_offset(&events, partition, committed);
    added.unwrap();
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
    assert_eq!(world.committed(), (committed, String::new()));
    let mut expected = world.all_found();
    expected.get_mut(&StateTopic::Issues).unwrap().pop();
    let life = Life::begin(&world, folder.path().join("second"));
    world.wait_for(1, "closed");
    add(&mut expected, &world);
    assert_eq!(world.all_found(), expected);
    life.end();
    embedded.stop().await;
}
