//! Tables that are damaged, at start and while rows come in: noticed, and equal again to those of an
//! undamaged twin, with the others untouched.

use crate::front::rows;
use crate::history::{
    Fact, REPOSITORY_ID, at, block, event, execute, gap, issue, merged, pull_request, repository,
};
use crate::service::{Sink, database, options, produce, producer, services};
use clickhouse::Client;
use gapless_projections::catalogue::{ROLLUPS, tables};
use gapless_projections::sink::{
    ClickHouse, ClickHouseOptions, Options, Projector, Record, prepare,
};
use gapless_projections::table::{Table, Type};
use gapless_schemas::{Codec, Detector, NameKind, Naming, Topics};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::FutureProducer;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What the issue allows for noticing; mending a few rows takes no longer either.
const PATIENCE: Duration = Duration::from_secs(60);

/// Into each of three installations on one machine.
const FACTS_PER_SECOND: u32 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    Truncated,
    Dropped,
    PartDropped,
}

/// An installation of its own on shared services.
struct Installation {
    options: Options,
    client: Client,
    producer: FutureProducer,
}

impl Installation {
    fn generation(&self) -> String {
        format!("{}_1", self.options.clickhouse.database)
    }

    async fn do_sql(&self, sql: &str) {
        let done = self.client.query_raw(sql).execute().await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn number(&self, sql: &str) -> i64 {
        rows(&self.client, sql).await[0].parse().unwrap()
    }

    async fn damage(&self, table: &str, damage: Damage) {
        let generation = self.generation();
        let count = format!("SELECT count() FROM {generation}.{table}");
        assert!(self.number(&count).await > 0, "{table} has rows to lose");
        match damage {
            Damage::Truncated => {
                self.do_sql(&format!("TRUNCATE TABLE {generation}.{table}"))
                    .await;
            }
            Damage::Dropped => {
                self.do_sql(&format!("DROP TABLE {generation}.{table} SYNC"))
                    .await;
            }
            Damage::PartDropped => loop {
                let parts = format!(
                    "SELECT name FROM system.parts WHERE database = '{generation}' \
                     AND table = '{table}' AND active AND rows > 0 ORDER BY rows DESC, name LIMIT 1"
                );
                let part = &rows(&self.client, &parts).await[0];
                let drop = format!("ALTER TABLE {generation}.{table} DROP PART '{part}'");
                // A merge may have been faster.
                if self.client.query_raw(&drop).execute().await.is_ok() {
                    break;
                }
            },
        }
    }

    /// ClickHouse's clock.
    async fn now_millis(&self) -> i64 {
        self.number("SELECT toUnixTimestamp64Milli(now64(3))").await
    }

    /// Waits until `table` was found damaged after `since` and is whole again. Returns how long that
    /// took, in milliseconds.
    async fn until_mended(&self, table: &str, since: i64) -> i64 {
        let sql = format!(
            "SELECT countIf(last_began_millis >= {since} AND reason = '') \
             FROM {}.inventory FINAL WHERE table = '{table}'",
            self.generation()
        );
        self.until(&sql, &format!("{table} is whole again")).await;
        self.now_millis().await - since
    }

    async fn until(&self, sql: &str, what: &str) {
        let holds = async {
            while rows(&self.client, sql).await != ["1"] {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let held = tokio::time::timeout(PATIENCE, holds).await;
        assert!(
            held.is_ok(),
            "{}: it never came that {what}",
            self.generation()
        );
    }

    /// The last block that was inserted into each table, and which table it is.
    async fn identities(&self) -> Vec<String> {
        let sql = format!(
            "SELECT table, uuid, last FROM (SELECT name AS table, uuid FROM system.tables \
             WHERE database = '{0}') AS a LEFT JOIN (SELECT table, max(max_block_number) AS last \
             FROM system.parts WHERE database = '{0}' GROUP BY table) AS b USING table \
             WHERE table NOT IN ('inventory', 'migrations') ORDER BY table",
            self.generation()
        );
        rows(&self.client, &sql).await
    }

    /// The tables that an undamaged sink makes of the same topics.
    async fn twin(&self) -> ClickHouseOptions {
        let mut twin = self.options.clickhouse.clone();
        twin.database.push_str("_twin");
        let own = format!("{}_1", twin.database);
        for database in [&twin.database, &own] {
            self.do_sql(&format!("DROP DATABASE IF EXISTS {database}"))
                .await;
        }
        prepare(&twin, 1).await.unwrap();
        let options = self.options.clone();
        let steps = tokio::task::spawn_blocking(move || {
            let mut projector = Projector::new(Codec::embedded(), &options.topics);
            read_all(&options, &mut projector);
            projector.take_figures().steps
        });
        execute(&ClickHouse::new(&twin, 1), &steps.await.unwrap()).await;
        twin
    }

    /// Every table says what its twin says.
    async fn assert_equal_to_twin(&self, when: &str) {
        let twin = self.twin().await;
        let twin = format!("{}_1", twin.database);
        for table in tables() {
            let own = rows(&self.client, &contents(table, &self.generation())).await;
            let expected = rows(&self.client, &contents(table, &twin)).await;
            assert!(!expected.is_empty(), "{} has rows", table.name);
            let place = format!("{} {} {when}", self.generation(), table.name);
            // An index also has what an entity once counted under, which nobody can tell again.
            let lacking: Vec<_> = expected.iter().filter(|row| !own.contains(row)).collect();
            assert!(lacking.is_empty(), "{place} lacks {lacking:?}: {own:?}");
            if table.versioned {
                let further: Vec<_> = own.iter().filter(|row| !expected.contains(row)).collect();
                assert!(further.is_empty(), "{place} has {further:?}");
                assert_eq!(own.len(), expected.len(), "{place}");
            }
        }
    }
}

/// All that a table says, but for when and under which version it was written.
fn contents(table: &Table, generation: &str) -> String {
    let is_rollup = ROLLUPS.iter().any(|it| it.table.name == table.name);
    let columns: Vec<String> = table
        .stored()
        .filter(|column| column.name != "stored_at" && !(is_rollup && column.name == "version"))
        .map(|column| match column.ty {
            Type::Percentiles => format!("finalizeAggregation(`{}`)", column.name),
            _ => format!("`{}`", column.name),
        })
        .collect();
    format!(
        "SELECT {} FROM `{generation}`.`{}` FINAL ORDER BY ALL",
        columns.join(", "),
        table.name
    )
}

fn read_all(options: &Options, projector: &mut Projector) {
    let topics = &options.topics;
    let mut config: ClientConfig = options.client_settings.iter().cloned().collect();
    config.set("bootstrap.servers", &options.bootstrap);
    config.set("group.id", "twin");
    let consumer: BaseConsumer = config.create().unwrap();
    let names: Vec<String> = projector.topics().map(str::to_owned).collect();
    let (mut list, mut left) = (TopicPartitionList::new(), 0);
    for name in &names {
        for partition in 0..topics.partitions {
            let ends = consumer
                .fetch_watermarks(name, partition, PATIENCE)
                .unwrap();
            left += ends.1 - ends.0;
            list.add_partition_offset(name, partition, Offset::Beginning)
                .unwrap();
        }
    }
    consumer.assign(&list).unwrap();
    while left > 0 {
        let Some(Ok(message)) = consumer.poll(PATIENCE) else {
            panic!("{left} records are still to come");
        };
        let record = Record {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            value: message.payload(),
        };
        projector.push(record).unwrap();
        left -= 1;
    }
}

/// What comes `number`th, of every kind in turn, for ever new and changed entities.
fn fact(number: i64) -> Fact {
    let (entity, day) = (1 + number / 7 % 23, i32::try_from(number % 11).unwrap());
    let mut named = pull_request(entity);
    named.namings = vec![Naming {
        kind: NameKind::Label,
        id: entity,
        name: format!("label {entity}"),
        deleted: false,
        told_at: at(0, number),
    }];
    let fact = match number % 7 {
        0 => Fact::PullRequest(named),
        1 => Fact::PullRequest(merged(entity, day)),
        2 => Fact::Issue(issue(entity + 100)),
        3 => Fact::Repository(repository()),
        4 => Fact::Block(block(&[(0, 4, 3), (day, 5, 5)])),
        5 => Fact::Gap(gap(&format!("g{entity}"), Detector::HeadChain, at(day, 1))),
        _ => Fact::Event(event(&format!("e{number}"), Some(at(day, 2)))),
    };
    fact.at_version(number)
}

/// Produces until told to stop.
async fn feed(producer: FutureProducer, topics: Topics, stop: Arc<AtomicBool>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1) / FACTS_PER_SECOND);
    for number in 200.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        tick.tick().await;
        produce(&producer, &topics, &[fact(number)]).await;
    }
}

async fn until_settled(sink: &mut Sink) {
    sink.until("no lag and no rebuild", |status| {
        status.lag == Some(0) && status.rebuilds.is_empty()
    })
    .await;
}

/// One kind of damage: each table while rows come in, then each at a start.
async fn suffers(own: &Installation, damage: Damage) {
    let names: Vec<&str> = tables().iter().map(|table| table.name).collect();
    let topics = &own.options.topics;
    let first: Vec<Fact> = (0..200).map(fact).collect();
    produce(&own.producer, topics, &first).await;
    let mut sink = Sink::start(own.options.clone());
    sink.until("all", |status| status.records == 200).await;
    until_settled(&mut sink).await;
    assert!(sink.status.borrow().rebuilds.is_empty());

    let stop = Arc::new(AtomicBool::new(false));
    let feeding = feed(own.producer.clone(), topics.clone(), Arc::clone(&stop));
    let feeding = tokio::spawn(feeding);
    let mut longest_millis = 0;
    for table in &names {
        let since = own.now_millis().await;
        own.damage(table, damage).await;
        longest_millis = own.until_mended(table, since).await.max(longest_millis);
    }
    println!("{damage:?}: noticed and mended within {longest_millis} ms");
    stop.store(true, Ordering::Relaxed);
    feeding.await.unwrap();
    until_settled(&mut sink).await;
    own.assert_equal_to_twin("after damage while rows came in")
        .await;
    sink.stop().await;

    for (place, some) in names.chunks(4).enumerate() {
        let before = own.identities().await;
        let since = own.now_millis().await;
        for table in some {
            own.damage(table, damage).await;
        }
        let mut sink = Sink::start(own.options.clone());
        if place == 0 {
            // Killed while it mends, and again.
            for _ in 0..2 {
                sink.until("a rebuild", |status| !status.rebuilds.is_empty())
                    .await;
                sink.kill().await;
                sink = Sink::start(own.options.clone());
            }
        }
        for table in some {
            own.until_mended(table, since).await;
        }
        until_settled(&mut sink).await;
        own.assert_equal_to_twin("after damage at a start").await;
        let follows = |name: &str| {
            let mut rollups = ROLLUPS.iter().filter(|it| it.table.name == name);
            rollups.any(|rollup| {
                let index = rollup.index.as_ref().map(|index| index.name);
                some.contains(&rollup.rows.name) || index.is_some_and(|it| some.contains(&it))
            })
        };
        for (before, after) in before.iter().zip(own.identities().await) {
            let name = before.split('\t').next().unwrap();
            if !some.contains(&name) && !follows(name) {
                assert_eq!(*before, after, "nothing was written into it");
            }
        }
        sink.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_table_loses_is_noticed_and_written_again() {
    let Some((embedded, _data)) = services().await else {
        return;
    };
    let kafka = embedded.kafka_bootstrap();
    let damages = [Damage::Truncated, Damage::Dropped, Damage::PartDropped];
    let mut all = Vec::new();
    for damage in damages {
        let name = format!("{damage:?}").to_lowercase();
        let mut options = options(&kafka, database(&embedded, &name));
        options.client_settings = embedded.kafka_settings();
        options.topics = Topics::new(&name, 2);
        let producer = producer(&embedded, &options.topics).await;
        let client = options.clickhouse.client();
        all.push(Installation {
            options,
            client,
            producer,
        });
    }
    let [one, other, third] = &all[..] else {
        panic!("three kinds")
    };
    tokio::join!(
        suffers(one, damages[0]),
        suffers(other, damages[1]),
        suffers(third, damages[2]),
    );
    what_is_not_a_table_of_rows(one).await;
    embedded.stop().await;
}

/// Views, notes, files under ClickHouse, and the whole database; what is not ours stays.
async fn what_is_not_a_table_of_rows(own: &Installation) {
    let (shown, generation) = (own.options.clickhouse.database.clone(), own.generation());
    let mut sink = Sink::start(own.options.clone());
    own.do_sql(&format!(
        "CREATE TABLE {generation}.foreign (a UInt8) ENGINE = Memory"
    ))
    .await;
    own.do_sql(&format!("DROP VIEW {shown}.issues")).await;
    own.do_sql(&format!(
        "CREATE OR REPLACE VIEW {shown}.gaps AS SELECT 1 AS a"
    ))
    .await;
    own.do_sql(&format!("TRUNCATE TABLE {generation}.migrations"))
        .await;
    let whole = format!(
        "SELECT (SELECT count() FROM system.columns WHERE database = '{shown}' AND table = 'gaps') > 1 \
         AND (SELECT count() FROM system.tables WHERE database = '{shown}' AND name = 'issues') = 1 \
         AND (SELECT count() FROM {generation}.migrations) > 0"
    );
    own.until(&whole, "views and notes are as they were").await;
    assert!(sink.status.borrow().rebuilds.is_empty(), "tables are whole");

    let since = own.now_millis().await;
    let path = format!(
        "SELECT path FROM system.parts WHERE database = '{generation}' AND table = 'gaps' \
         AND active AND rows > 0 LIMIT 1"
    );
    std::fs::remove_dir_all(&rows(&own.client, &path).await[0]).unwrap();
    own.until_mended("gaps", since).await;
    own.assert_equal_to_twin("after files were removed").await;

    let count = format!("SELECT count() FROM {generation}.foreign");
    assert_eq!(rows(&own.client, &count).await, ["0"]);
    for database in [&generation, &shown] {
        own.do_sql(&format!("DROP DATABASE {database} SYNC")).await;
    }
    produce(&own.producer, &own.options.topics, &[fact(100_000)]).await;
    sink.until("a rebuild", |status| !status.rebuilds.is_empty())
        .await;
    until_settled(&mut sink).await;
    own.assert_equal_to_twin("after the databases were dropped")
        .await;
    let named =
        format!("SELECT count() FROM {shown}.pull_requests WHERE repository_id = {REPOSITORY_ID}");
    assert!(own.number(&named).await > 0);
    sink.stop().await;
}
