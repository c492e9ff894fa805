//! Log and figures: embedded ones are started, others are found.

use super::{Places, Reader, progress};
use crate::settings::{External, Settings, Stores};
use anyhow::{Context, Result};
use gapless_embedded::{DataDirLock, Embedded, PartCommand, PartState};
use gapless_engine::kafka::Access;
use gapless_ingest::KafkaConfig;
use gapless_projections::sink::ClickHouseOptions;
use gapless_registry::Registry;
use gapless_schemas::{Codec, Topics};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// What keeps the stores running, and the data folder ours.
pub(super) enum Running {
    Embedded(Box<Embedded>),
    External { _lock: DataDirLock },
}

impl Running {
    pub(super) async fn stop(self) {
        match self {
            Self::Embedded(embedded) => embedded.stop().await,
            Self::External { .. } => {}
        }
    }
}

/// Starts or finds them, and prepares topics and tables.
pub(super) async fn start(settings: &Settings) -> Result<(Running, Places)> {
    let (running, mut places) = match &settings.stores {
        Stores::Embedded => embedded(settings).await?,
        Stores::External(external) => external_ones(settings, external).await?,
    };
    if let Stores::External(_) = settings.stores {
        progress::step(&format!(
            "asking Kafka at {} and ClickHouse at {}",
            places.kafka.bootstrap_servers, places.clickhouse.url
        ));
    }
    progress::step("preparing topics and tables");
    keep_partitions(&mut places).await?;
    if let Stores::External(_) = settings.stores {
        places.codec = codec(places.registry_url.as_deref(), &places.topics).await?;
    }
    gapless_ingest::ensure_topics(&places.kafka, &places.topics)
        .await
        .with_context(|| format!("Kafka at {} is of no use", places.kafka.bootstrap_servers))?;
    if let Stores::External(_) = settings.stores {
        refuse_another_registry(&places).await?;
    }
    gapless_projections::sink::prepare(&places.clickhouse, places.topics.generation)
        .await
        .with_context(|| format!("ClickHouse at {} is of no use", places.clickhouse.url))?;
    if let Stores::External(_) = settings.stores {
        let reader = crate::query::Reader::new(&places)?;
        reader.rows("SELECT 1 AS one").await.with_context(|| {
            format!(
                "ClickHouse at {} does not answer its user {}, by whom the page reads; correct \
                 reader_user and reader_password in [clickhouse]",
                places.clickhouse.url, places.reader.user
            )
        })?;
    }
    Ok((running, places))
}

/// Makes the data folder, takes its lock, and says before anything else where another Gapless has it.
///
/// What is kept may come from private repositories: a folder that is made here is its owner's.
pub(crate) fn claim(data_dir: &Path) -> Result<DataDirLock> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .with_context(|| {
            format!(
                "the data folder {} cannot be made; choose another with --data-dir",
                data_dir.display()
            )
        })?;
    Ok(DataDirLock::take(data_dir)?)
}

async fn embedded(settings: &Settings) -> Result<(Running, Places)> {
    progress::step("starting Kafka and ClickHouse");
    let embedded = Embedded::start(gapless_embedded::Options {
        data_dir: settings.data_dir.clone(),
        cache_dir: settings.cache_dir.clone(),
        part_command: PartCommand::this_program()?,
    })
    .await?;
    let (writer, reader) = (embedded.clickhouse_writer(), embedded.clickhouse_reader());
    let places = Places {
        kafka: KafkaConfig {
            bootstrap_servers: embedded.kafka_bootstrap(),
            settings: embedded.kafka_settings(),
        },
        clickhouse: ClickHouseOptions {
            url: embedded.clickhouse_url(),
            user: writer.user.clone(),
            password: writer.password.clone(),
            database: crate::config::DATABASE.to_owned(),
        },
        reader: Reader {
            user: reader.user.clone(),
            password: reader.password.clone(),
        },
        topics: Topics::new("gapless", settings.partitions),
        codec: Codec::embedded(),
        registry_url: None,
        data_dir: settings.data_dir.clone(),
        parts: vec![
            ("Kafka", embedded.kafka_state()),
            ("ClickHouse", embedded.clickhouse_state()),
        ],
    };
    Ok((Running::Embedded(Box::new(embedded)), places))
}

async fn external_ones(settings: &Settings, external: &External) -> Result<(Running, Places)> {
    let lock = DataDirLock::take(&settings.data_dir)?;
    let places = Places {
        kafka: external.kafka.clone(),
        clickhouse: external.clickhouse.clone(),
        reader: external.reader.clone(),
        topics: Topics::new("gapless", settings.partitions),
        codec: Codec::embedded(),
        registry_url: external.registry_url.clone(),
        data_dir: settings.data_dir.clone(),
        parts: Vec::new(),
    };
    Ok((Running::External { _lock: lock }, places))
}

/// A log that exists keeps its number of partitions: another would send a repository's events
/// elsewhere than before.
async fn keep_partitions(places: &mut Places) -> Result<()> {
    let existing = gapless_ingest::existing_partitions(&places.kafka, &places.topics.events())
        .await
        .with_context(|| format!("Kafka at {} is of no use", places.kafka.bootstrap_servers))?;
    if let Some(existing) = existing.filter(|existing| *existing != places.topics.partitions) {
        tracing::info!(
            existing,
            asked = places.topics.partitions,
            "the log keeps its partitions"
        );
        places.topics.partitions = existing;
    }
    Ok(())
}

/// The codec of the registry at `url`, where our schemas are registered if they are not; without
/// one, that of this binary.
pub(super) async fn codec(url: Option<&str>, topics: &Topics) -> Result<Codec> {
    match url {
        None => Ok(Codec::embedded()),
        Some(url) => Ok(Registry::new(url)?.register(topics).await?),
    }
}

/// Events under unknown ids would all become dead letters, one after another.
async fn refuse_another_registry(places: &Places) -> Result<()> {
    let access = Access {
        bootstrap: places.kafka.bootstrap_servers.clone(),
        client_settings: places.kafka.settings.clone(),
        topics: places.topics.clone(),
        codec: places.codec.clone(),
    };
    let asked = tokio::task::spawn_blocking(move || access.is_of_another_registry());
    anyhow::ensure!(
        !asked
            .await?
            .context("Kafka does not hand out its first events")?,
        "the log on Kafka at {} was begun with another schema registry, or without one, so its events \
         cannot be read: set [registry] url to what it was then, or leave it out if it was",
        places.kafka.bootstrap_servers
    );
    Ok(())
}

/// Why an embedded part cannot do its work, in a sentence; nothing while it can.
pub(super) fn trouble(name: &str, state: &PartState) -> Option<String> {
    match state {
        PartState::Ready { .. } => None,
        PartState::Starting => Some(format!("{name}: starting")),
        PartState::Restarting { restarts } => Some(format!(
            "{name}: died and is started again ({restarts} times so far)"
        )),
        PartState::Failed { reason } => Some(format!(
            "{name}: does not run ({reason}): look at the disk's room and at its log in the data \
                 folder, then restart Gapless"
        )),
        PartState::Stopped => Some(format!("{name}: stopped")),
    }
}
