//! Kafka and ClickHouse for one run, and the names that each measurement uses in them.

use crate::process::Process;
use anyhow::{Context, Result};
use gapless_embedded::{Embedded, Options, PartCommand};
use gapless_ingest::KafkaConfig;
use gapless_projections::sink::ClickHouseOptions;
use gapless_schemas::Topics;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// As many as `gapless` makes by default.
const PARTITIONS: i32 = 4;

/// The engines of one run, on a data folder that goes with it.
pub(crate) struct Stack {
    embedded: Embedded,
    pub(crate) kafka: Process,
    pub(crate) clickhouse: Process,
    folder: tempfile::TempDir,
}

/// Where one measurement reads and writes: topics and tables of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Places {
    pub(crate) bootstrap: String,
    /// What a client of Kafka needs besides.
    pub(crate) settings: Vec<(String, String)>,
    prefix: String,
    generation: u32,
    url: String,
    user: String,
    password: String,
    folder: PathBuf,
}

impl Stack {
    /// Starts both engines.
    pub(crate) async fn start(parent: Option<&Path>) -> Result<Self> {
        let folder = match parent {
            Some(parent) => tempfile::tempdir_in(parent),
            None => tempfile::tempdir(),
        }?;
        let embedded = Embedded::start(Options {
            data_dir: folder.path().to_owned(),
            cache_dir: None,
            part_command: PartCommand::this_program()?,
        })
        .await?;
        let children = Process::own_children()?;
        let (kafka, others): (Vec<_>, Vec<_>) = children
            .into_iter()
            .partition(|child| child.command_has("kafka.Kafka"));
        Ok(Self {
            embedded,
            kafka: kafka.first().copied().context("Kafka has no process")?,
            clickhouse: others
                .first()
                .copied()
                .context("ClickHouse has no process")?,
            folder,
        })
    }

    /// Places called `name`, with their topics and tables made. Another `generation` of the same
    /// name shares the events and has states, groups and tables of its own.
    pub(crate) async fn places(&self, name: &str, generation: u32) -> Result<Places> {
        let writer = self.embedded.clickhouse_writer();
        let places = Places {
            bootstrap: self.embedded.kafka_bootstrap(),
            settings: self.embedded.kafka_settings(),
            prefix: name.to_owned(),
            generation,
            url: self.embedded.clickhouse_url(),
            user: writer.user.clone(),
            password: writer.password.clone(),
            folder: self.folder.path().to_owned(),
        };
        gapless_ingest::ensure_topics(&places.kafka(), &places.topics()).await?;
        gapless_projections::sink::prepare(&places.clickhouse(), generation).await?;
        Ok(places)
    }

    /// Stops both engines and removes the folder.
    pub(crate) async fn stop(self) {
        self.embedded.stop().await;
    }
}

impl Places {
    pub(crate) fn kafka(&self) -> KafkaConfig {
        KafkaConfig {
            bootstrap_servers: self.bootstrap.clone(),
            settings: self.settings.clone(),
        }
    }

    pub(crate) fn topics(&self) -> Topics {
        Topics {
            generation: self.generation,
            ..Topics::new(&self.prefix, PARTITIONS)
        }
    }

    pub(crate) fn clickhouse(&self) -> ClickHouseOptions {
        ClickHouseOptions {
            url: self.url.clone(),
            user: self.user.clone(),
            password: self.password.clone(),
            database: self.prefix.clone(),
        }
    }

    /// The processors' stores.
    pub(crate) fn store_folder(&self) -> PathBuf {
        self.folder
            .join(format!("states-{}-{}", self.prefix, self.generation))
    }
}
