//! The running system: every part wired to every other, and nothing decided here.

mod crash;
mod member;
mod operator;
pub(crate) mod progress;
mod roles;
mod run_file;
mod stores;

use crate::settings::Settings;
use anyhow::Result;
use gapless_embedded::PartState;
use gapless_ingest::{Clock, KafkaConfig, SourceConfig};
use gapless_projections::sink::ClickHouseOptions;
use gapless_schemas::{Codec, Topics};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::sync::watch;

pub(crate) use operator::Live;
pub(crate) use roles::{Health, Report, Roles, Times};
pub(crate) use run_file::RunFile;
pub(crate) use stores::claim;

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
    /// A registry of its own, which gave the codec its ids.
    pub(crate) registry_url: Option<String>,
    pub(crate) data_dir: PathBuf,
    /// Embedded parts by name, and where each is in its life.
    pub(crate) parts: Vec<(&'static str, watch::Receiver<PartState>)>,
}

/// The whole system in one process, and Kafka and ClickHouse as its children or as services.
pub(crate) struct System {
    pub(crate) places: Places,
    pub(crate) roles: Roles,
    stores: stores::Running,
}

/// What differs between `up` and `demo`.
pub(crate) struct Start<C> {
    pub(crate) settings: Settings,
    pub(crate) sources: Vec<SourceConfig>,
    pub(crate) clock: C,
    pub(crate) times: Times,
    pub(crate) status: Option<Live>,
}

/// A secret of each host that has one: each vouches for every delivery of its host.
fn secrets(sources: &[SourceConfig]) -> Vec<(String, String)> {
    let mut secrets: Vec<(String, String)> = Vec::new();
    for source in sources {
        let is_new = secrets.iter().all(|(host, _)| *host != source.host);
        if let Some(secret) = source.secrets.first().filter(|_| is_new) {
            secrets.push((source.host.clone(), secret.expose().to_owned()));
        }
    }
    secrets
}

impl System {
    /// Starts everything, in the order of need; returns once the webhook and the page answer.
    pub(crate) async fn start<C: Clock + Clone + 'static>(start: Start<C>) -> Result<Self> {
        crash::check()?;
        drop(claim(&start.settings.data_dir)?);
        // At once, rather than after Kafka has started.
        drop(roles::listen(start.settings.webhook_listen, "webhook").await?);
        drop(roles::listen(start.settings.operator_listen, "operator").await?);
        let (stores, places) = stores::start(&start.settings).await?;
        progress::step("starting the parts of Gapless");
        let secrets = secrets(&start.sources);
        let roles = match Roles::start(&places, start).await {
            Ok(roles) => roles,
            Err(error) => {
                stores.stop().await;
                return Err(error);
            }
        };
        let (webhook, operator) = (roles.webhook_address, roles.operator_address);
        let run = RunFile::new(&places, webhook, operator, secrets);
        let system = Self {
            places,
            roles,
            stores,
        };
        if let Err(error) = run.write(&system.places.data_dir) {
            system.stop().await?;
            return Err(error);
        }
        Ok(system)
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
        RunFile::remove(&self.places.data_dir);
        let stopped = self.roles.stop().await;
        self.stores.stop().await;
        stopped
    }
}
