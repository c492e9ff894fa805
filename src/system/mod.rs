//! The running system: every part wired to every other, and nothing decided here.

mod operator;
mod roles;

use crate::settings::Settings;
use anyhow::{Context, Result};
use gapless_embedded::{Embedded, PartCommand};
use gapless_ingest::{Clock, KafkaConfig, SourceConfig};
use gapless_projections::sink::ClickHouseOptions;
use gapless_schemas::{Codec, Topics};
use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) use operator::Live;
pub(crate) use roles::{Health, Roles, Times};

/// Who reads figures for the page and for `show` and `status`.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// Addresses and credentials that all parts share.
#[derive(Clone)]
pub(crate) struct Places {
    pub(crate) kafka: KafkaConfig,
    pub(crate) clickhouse: ClickHouseOptions,
    pub(crate) reader: Reader,
    pub(crate) topics: Topics,
    pub(crate) codec: Codec,
    pub(crate) data_dir: PathBuf,
}

/// The whole system in one process, and Kafka and ClickHouse as its children.
pub(crate) struct System<C: Clock + Clone + 'static> {
    pub(crate) places: Places,
    pub(crate) roles: Roles<C>,
    embedded: Embedded,
}

/// What differs between `up` and `demo`.
pub(crate) struct Start<C> {
    pub(crate) settings: Settings,
    pub(crate) sources: Vec<SourceConfig>,
    pub(crate) clock: C,
    pub(crate) times: Times,
    pub(crate) status: Option<Live>,
}

impl<C: Clock + Clone + 'static> System<C> {
    /// Starts everything, in the order of need; returns once the webhook and the page answer.
    pub(crate) async fn start(start: Start<C>) -> Result<Self> {
        let settings = &start.settings;
        let embedded = Embedded::start(gapless_embedded::Options {
            data_dir: settings.data_dir.clone(),
            cache_dir: settings.cache_dir.clone(),
            part_command: PartCommand::this_program()?,
        })
        .await?;
        let writer = embedded.clickhouse_writer();
        let reader = embedded.clickhouse_reader();
        let places = Places {
            kafka: KafkaConfig::plain(embedded.kafka_bootstrap()),
            clickhouse: ClickHouseOptions {
                url: embedded.clickhouse_url(),
                user: writer.user.clone(),
                password: writer.password.clone(),
                database: "gapless".to_owned(),
            },
            reader: Reader {
                user: reader.user.clone(),
                password: reader.password.clone(),
            },
            topics: Topics::new("gapless", settings.partitions),
            codec: Codec::embedded(),
            data_dir: settings.data_dir.clone(),
        };
        gapless_ingest::ensure_topics(&places.kafka, &places.topics)
            .await
            .context("the topics cannot be made")?;
        gapless_projections::sink::prepare(&places.clickhouse, places.topics.generation)
            .await
            .context("the tables cannot be made")?;
        let roles = Roles::start(&places, start).await?;
        Ok(Self {
            places,
            roles,
            embedded,
        })
    }

    /// Where GitHub posts.
    pub(crate) fn webhook_address(&self) -> SocketAddr {
        self.roles.webhook_address
    }

    /// Where the page is.
    pub(crate) fn operator_address(&self) -> SocketAddr {
        self.roles.operator_address
    }

    /// Stops all in order: first what takes in, then what reads, then the engines.
    pub(crate) async fn stop(self) -> Result<()> {
        let stopped = self.roles.stop().await;
        self.embedded.stop().await;
        stopped
    }
}
