//! The controls: what the same job costs at the least, with the same libraries, and the same settings
//! but for one that a reader of its speed needs.

use crate::bodies::secret;
use crate::part::{Parser, say, told};
use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use axum::serve::ListenerExt;
use gapless_ingest::KafkaConfig;
use gapless_schemas::{CONSUMER_DEFAULTS, Codec, Event};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;
use serde_json::Value;
use sha2::Sha256;
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Bare {
    key: Hmac<Sha256>,
    producer: FutureProducer,
    topic: String,
}

/// Axum, HMAC, produce; says its address and serves until told.
pub(crate) async fn serve(kafka: KafkaConfig, topic: String) -> Result<()> {
    let bare = Arc::new(Bare {
        key: Hmac::new_from_slice(secret().as_bytes())?,
        producer: kafka.producer()?,
        topic,
    });
    let router = Router::new()
        .route("/webhook", post(receive))
        .layer(DefaultBodyLimit::max(25 << 20))
        .with_state(bare);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    say(&listener.local_addr()?)?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::select! {
        served = axum::serve(listener, router) => Ok(served?),
        () = told() => Ok(()),
    }
}

async fn receive(State(bare): State<Arc<Bare>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(signature), Some(guid)) = (
        header("x-hub-signature-256")
            .and_then(|text| text.strip_prefix("sha256="))
            .and_then(|digits| hex::decode(digits).ok()),
        header("x-github-delivery"),
    ) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut mac = bare.key.clone();
    mac.update(&body);
    if mac.verify_slice(&signature).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let record = FutureRecord::to(&bare.topic)
        .key(guid)
        .payload(body.as_ref());
    match bare.producer.send(record, Timeout::Never).await {
        Ok(_) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Reads `events` events from the start and parses each, envelope and payload. Gives the seconds that
/// took.
pub(crate) fn read(kafka: KafkaConfig, topic: &str, events: u64, parser: Parser) -> Result<f64> {
    let mut config: ClientConfig = kafka.settings.into_iter().collect();
    config
        .set("bootstrap.servers", kafka.bootstrap_servers)
        .set("group.id", "bench.bare-reader")
        .set("enable.auto.commit", "false");
    config.extend(CONSUMER_DEFAULTS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // With less the reader that parses fast waits for fetches; Gapless does not.
    config.set("queued.max.messages.kbytes", "32768");
    let consumer: BaseConsumer = config.create()?;
    let began = Instant::now();
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10))?;
    let found = metadata.topics().first().context("no such topic")?;
    let mut partitions = TopicPartitionList::new();
    for partition in found.partitions() {
        partitions.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&partitions)?;
    let codec = Codec::embedded();
    let mut parts = 0;
    for _ in 0..events {
        let message = consumer
            .poll(Duration::from_secs(30))
            .context("the log is shorter than it should be")??;
        let event: Event = codec.decode(message.payload().unwrap_or_default())?;
        parts += match parser {
            Parser::Library => serde_json::from_slice::<Value>(&event.payload)?
                .as_object()
                .map_or(0, serde_json::Map::len),
            Parser::Ours => gapless_core::lift(&event)?.1.into_vec().len(),
        };
    }
    // Used, so that it cannot be left out.
    std::hint::black_box(parts);
    Ok(began.elapsed().as_secs_f64())
}
