//! What the `clickhouse` crate does, with its own validation on.

use clickhouse::error::Error;
use clickhouse::{Client, Row};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use crate::running::{Fresh, SLOTS};
use std::time::Duration;

/// How many of readers' statements run at the same time at the least.
const READER_SLOTS_MIN: usize = 2;

#[derive(Row, Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Pull {
    repository: String,
    number: u64,
    labels: Vec<String>,
    additions: Option<u32>,
    merged: bool,
    version: u64,
    is_deleted: u8,
}

const PULLS: &str = "CREATE TABLE pulls (repository LowCardinality(String), number UInt64, \
    labels Array(LowCardinality(String)), additions Nullable(UInt32), merged Bool, \
    version UInt64, is_deleted UInt8) \
    ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (repository, number)";

fn pull(number: u64, version: u64) -> Pull {
    Pull {
        repository: format!("octo/repo-{}", number % 7),
        number,
        labels: vec!["bug".into(), format!("p{}", number % 3)],
        additions: number.is_multiple_of(4).then_some(number as u32),
        merged: number.is_multiple_of(2),
        version,
        is_deleted: 0,
    }
}

async fn store(client: &Client, rows: impl IntoIterator<Item = Pull>) -> Result<(), Error> {
    let mut insert = client.insert::<Pull>("pulls").await?;
    for row in rows {
        insert.write(&row).await?;
    }
    insert.end().await
}

async fn run(client: &Client, sql: &str) {
    client
        .query(sql)
        .execute()
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn number(client: &Client, sql: &str) -> u64 {
    client
        .query(sql)
        .fetch_one()
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// A database of its own, so that tests share a front without meeting.
async fn database(client: Client, name: &str) -> Client {
    run(&client, &format!("CREATE DATABASE {name}")).await;
    client.with_database(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_own_doings_hold() {
    let Some(fresh) = Fresh::start() else { return };
    let client = fresh.front.writer();
    rows_come_back_as_they_were_stored(&client).await;
    a_wrong_row_type_is_caught_by_the_client(&client).await;
    an_insert_that_is_dropped_leaves_nothing(&client).await;
    errors_carry_clickhouses_code(&client).await;
    a_fault_in_mid_answer_is_an_error_and_not_a_short_answer(&client).await;
    the_greatest_version_of_a_key_wins(&client).await;
    figures_need_these_functions(&client).await;
    queries_run_in_parallel(&client).await;
    settings_and_parameters_arrive(&client).await;
    the_engine_takes_our_configuration(&client).await;
    a_query_that_needs_too_much_memory_fails_alone(&client).await;
    the_reader_reads(&client, &fresh.front.reader()).await;
    the_reader_sets_no_other_settings(&fresh.front.reader()).await;
    the_writer_does_not_wait_for_readers(&client, &fresh.front.reader()).await;
}

async fn rows_come_back_as_they_were_stored(client: &Client) {
    for (name, compression) in [
        ("gapless_2", clickhouse::Compression::Lz4),
        ("gapless_1", clickhouse::Compression::None),
    ] {
        let client = database(client.clone(), name)
            .await
            .with_compression(compression);
        run(&client, PULLS).await;
        let rows: Vec<Pull> = (0..100_000).map(|n| pull(n, 1)).collect();
        store(&client, rows.clone()).await.expect("stored");
        let sql = "SELECT ?fields FROM pulls ORDER BY number";
        let stored = client
            .query(sql)
            .fetch_all::<Pull>()
            .await
            .expect("fetched");
        assert!(stored == rows, "{name}");
    }
}

async fn a_wrong_row_type_is_caught_by_the_client(client: &Client) {
    #[derive(Row, Serialize, Deserialize, Debug)]
    struct Narrow {
        number: u32,
    }
    let client = client.clone().with_database("gapless_1");
    let read = client
        .query("SELECT number FROM pulls LIMIT 1")
        .fetch_all::<Narrow>()
        .await;
    assert!(matches!(read, Err(Error::SchemaMismatch(_))), "{read:?}");
    let written = client.insert::<Narrow>("pulls").await.map(drop);
    assert!(
        matches!(written, Err(Error::SchemaMismatch(_))),
        "{written:?}"
    );
}

async fn an_insert_that_is_dropped_leaves_nothing(client: &Client) {
    let client = database(client.clone(), "dropped").await;
    run(&client, PULLS).await;
    let mut insert = client.insert::<Pull>("pulls").await.expect("begun");
    for row in 0..50_000 {
        insert.write(&pull(row, 1)).await.expect("taken");
    }
    drop(insert);
    let running = "SELECT count() FROM system.processes WHERE query ILIKE 'INSERT INTO%'";
    while number(&client, running).await > 0 {
        tokio::task::yield_now().await;
    }
    store(&client, [pull(1, 1)]).await.expect("stored");
    assert_eq!(number(&client, "SELECT count() FROM pulls").await, 1);
}

async fn errors_carry_clickhouses_code(client: &Client) {
    for (sql, code) in [
        ("SELECT nosuch FROM gapless_1.pulls", "Code: 47"),
        ("SELECT * FROM nosuch", "Code: 60"),
        ("SELEC 1", "Code: 62"),
    ] {
        let error = client.query(sql).execute().await.expect_err(sql);
        assert!(
            matches!(&error, Error::BadResponse(text) if text.contains(code)),
            "{error:?}"
        );
    }
    let stranger = client.clone().with_password("guessed");
    let error = stranger
        .query("SELECT 1")
        .execute()
        .await
        .expect_err("refused");
    assert!(error.to_string().contains("Code: 516"), "{error:?}");
}

async fn a_fault_in_mid_answer_is_an_error_and_not_a_short_answer(client: &Client) {
    let sql = "SELECT throwIf(number = 3000000) FROM numbers(4000000)";
    let mut rows = client.query(sql).fetch::<u8>().expect("begun");
    let mut count = 0;
    let error = loop {
        match rows.next().await {
            Ok(Some(_)) => count += 1,
            Ok(None) => panic!("{count} rows taken for the whole answer"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("Code: 395"), "{error:?}");
}

async fn the_greatest_version_of_a_key_wins(client: &Client) {
    let client = database(client.clone(), "versions").await;
    run(&client, PULLS).await;
    for version in [2, 9, 5] {
        store(&client, [pull(1, version), pull(2, version)])
            .await
            .expect("stored");
    }
    store(
        &client,
        [Pull {
            version: 10,
            is_deleted: 1,
            ..pull(2, 10)
        }],
    )
    .await
    .expect("stored");
    let rows = client
        .query("SELECT ?fields FROM pulls FINAL ORDER BY number")
        .fetch_all::<Pull>()
        .await
        .expect("fetched");
    assert_eq!(rows, [pull(1, 9)]);
}

async fn figures_need_these_functions(client: &Client) {
    let client = database(client.clone(), "figures").await;
    run(
        &client,
        "CREATE TABLE daily (day Date, waits AggregateFunction(quantilesBFloat16(0.5, 0.9), UInt32)) \
         ENGINE = MergeTree ORDER BY day",
    )
    .await;
    run(
        &client,
        "INSERT INTO daily SELECT toDate('2026-01-01') + number % 2, \
         quantilesBFloat16State(0.5, 0.9)(toUInt32(number)) FROM numbers(1000) GROUP BY 1",
    )
    .await;
    let merged: Vec<f64> = client
        .query("SELECT arrayMap(x -> toFloat64(x), quantilesBFloat16Merge(0.5, 0.9)(waits)) FROM daily")
        .fetch_one()
        .await
        .expect("merged");
    assert!(
        (merged[0] - 500.0).abs() < 8.0 && (merged[1] - 900.0).abs() < 8.0,
        "{merged:?}"
    );
    let joined: Vec<(u64, String)> = client
        .query(
            "SELECT number, label FROM gapless_1.pulls ARRAY JOIN labels AS label \
             WHERE number < 2 ORDER BY number, label",
        )
        .fetch_all()
        .await
        .expect("joined");
    let expected = [(0, "bug"), (0, "p0"), (1, "bug"), (1, "p1")];
    assert_eq!(joined, expected.map(|(n, l)| (n, l.to_string())));
}

async fn queries_run_in_parallel(client: &Client) {
    // None of them ends, so that each is seen to run beside those before it.
    let endless = "SELECT number FROM system.numbers";
    let mut running = Vec::new();
    for _ in 0..6 {
        let mut cursor = client.query(endless).fetch::<u64>().expect("sent");
        let first = tokio::time::timeout(Duration::from_secs(30), cursor.next());
        let first = first.await.expect("one after another");
        assert_eq!(first.expect("answered"), Some(0));
        running.push(cursor);
    }
}

async fn settings_and_parameters_arrive(client: &Client) {
    let sum = client
        .query("SELECT {a:UInt64} + {b:Array(UInt64)}[2]")
        .param("a", 40u64)
        .param("b", vec![1u64, 2])
        .fetch_one::<u64>()
        .await
        .expect("answered");
    assert_eq!(sum, 42);
    let slow = client
        .query("SELECT count() FROM numbers(1000000000000)")
        .with_setting("max_execution_time", "1")
        .fetch_one::<u64>()
        .await
        .expect_err("too slow");
    assert!(slow.to_string().contains("Code: 159"), "{slow:?}");
    let asynchronous = client
        .query("SELECT toUInt64(getSetting('async_insert'))")
        .with_setting("async_insert", "1")
        .fetch_one::<u64>()
        .await
        .expect("answered");
    assert_eq!(asynchronous, 0);
}

/// It passes over a key that it does not know.
async fn the_engine_takes_our_configuration(client: &Client) {
    let sql = "SELECT groupArray(toInt64(value)) FROM (
            SELECT value FROM system.server_settings WHERE name = 'os_threads_nice_value_merge_mutate'
            UNION ALL
            SELECT value FROM system.merge_tree_settings WHERE name = 'max_suspicious_broken_parts'
        )";
    let mut values: Vec<i64> = client.query(sql).fetch_one().await.expect("answered");
    values.sort_unstable();
    assert_eq!(values, [0, 19]);
}

async fn a_query_that_needs_too_much_memory_fails_alone(client: &Client) {
    let sql = "SELECT length(groupArray(toString(number))) FROM numbers(300000000)";
    let error = client
        .query(sql)
        .fetch_one::<u64>()
        .await
        .expect_err("too large");
    assert!(error.to_string().contains("Code: 241"), "{error:?}");
    assert_eq!(number(client, "SELECT toUInt64(1)").await, 1);
}

async fn the_reader_reads(writer: &Client, reader: &Client) {
    let stored = number(writer, "SELECT count() FROM gapless_1.pulls").await;
    assert_eq!(
        number(reader, "SELECT count() FROM gapless_1.pulls").await,
        stored
    );
    for (sql, code) in [
        ("INSERT INTO gapless_1.pulls (number) VALUES (1)", "497"),
        ("DROP TABLE gapless_1.pulls", "497"),
        ("SET readonly = 0", "497"),
        ("KILL QUERY WHERE 1", "497"),
        ("SELECT * FROM file('/etc/passwd', 'LineAsString')", "497"),
        (r"SELECT `fi\x6ce`('/etc/passwd')", "497"),
        (r#"SELECT * FROM "fi\Nle"('/etc/passwd')"#, "497"),
        ("SELECT $$'$$, file('/etc/passwd'), $$'$$", "497"),
        ("SELECT /* /* */ ' */ file('/etc/passwd') -- '", "497"),
        ("SELECT * APPLY(file) FROM (SELECT '/etc/passwd')", "497"),
        ("SELECT arrayMap(file, ['/etc/passwd'])", "497"),
        ("SELECT * FROM '/etc/passwd'", "497"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "497"),
        ("SELECT * FROM `/etc/passwd`", "497"),
        ("SELECT 1 // '\n, file('/etc/passwd') -- '", "497"),
        // The engine refuses settings of the whole query, and not those of one inside it.
        ("SELECT 1 SETTINGS readonly = 0", "164"),
        ("SELECT 1 SETTINGS max_memory_usage = 0", "164"),
        (
            "SELECT (SELECT formatRow('Template', 1) SETTINGS format_template_row = '/etc/passwd')",
            "497",
        ),
        (
            "SELECT * FROM (SELECT 1. SETTINGS max_execution_time = 0)",
            "497",
        ),
    ] {
        let error = reader.query(sql).execute().await.expect_err(sql);
        assert!(
            error.to_string().contains(&format!("Code: {code}")),
            "{sql}: {error}"
        );
    }
    let parameter = reader.query("SELECT arrayMap({name:Identifier}, ['/etc/passwd'])");
    let error = parameter.param("name", "file").execute().await;
    let error = error.expect_err("a name").to_string();
    assert!(error.contains("Code: 497"), "{error}");
    // The engine reads comments as the front does: what this one hides is no function.
    for sql in [
        "SELECT toUInt64(1) /* file('x') /* file('x') */ file('x') */ -- file('x')",
        "SELECT toUInt64(1) // file('x')",
        "# file('x')\nSELECT toUInt64(1)",
        "#!file('x')\nSELECT toUInt64(1)",
    ] {
        assert_eq!(number(reader, sql).await, 1, "{sql}");
    }
    let bounded = reader
        .query("SELECT count() FROM system.numbers")
        .with_setting("max_execution_time", "1");
    let error = bounded.execute().await.expect_err("too slow");
    assert!(error.to_string().contains("Code: 159"), "{error}");
}

async fn the_reader_sets_no_other_settings(reader: &Client) {
    let folder = tempfile::tempdir().expect("temp folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "what nobody may read or write").expect("written");
    let file = file.display().to_string();
    for (format, setting, value) in [
        // The engine's error would show the file.
        ("Template", "format_template_row", file.as_str()),
        // The engine would write a schema over the file.
        ("Protobuf", "output_format_schema", &file),
        ("Null", "readonly", "0"),
        ("Null", "max_execution_time", "0"),
    ] {
        let query = reader.query("SELECT 1 AS one").with_setting(setting, value);
        let answer = query.fetch_bytes(format).expect("sent").collect().await;
        let error = answer.expect_err(setting).to_string();
        assert!(error.contains("Code: 497"), "{setting}: {error}");
    }
    let kept = std::fs::read_to_string(file).expect("readable");
    assert_eq!(kept, "what nobody may read or write");
}

async fn the_writer_does_not_wait_for_readers(writer: &Client, reader: &Client) {
    let within = Duration::from_secs(20);
    // None of them ends, since nobody reads on; most wait for their turn.
    let running: Vec<_> = (0..SLOTS)
        .map(|_| {
            let endless = reader.query("SELECT number FROM system.numbers");
            let mut cursor = endless.fetch::<u64>().expect("sent");
            tokio::spawn(async move {
                let first = cursor.next().await;
                (first, cursor)
            })
        })
        .collect();
    let mut running = futures_util::stream::FuturesUnordered::from_iter(running);
    // All of their slots, on a machine of up to five cores, and no fewer than on any other.
    let mut held = Vec::new();
    for _ in 0..READER_SLOTS_MIN {
        let first = tokio::time::timeout(within, running.next()).await;
        let (first, holds_its_slot) = first.expect("in turn").expect("one").expect("sent");
        assert_eq!(first.expect("answered"), Some(0));
        held.push(holds_its_slot);
    }
    let written = tokio::time::timeout(within, number(writer, "SELECT toUInt64(1)"));
    assert_eq!(written.await.expect("the writer waits for readers"), 1);
}
