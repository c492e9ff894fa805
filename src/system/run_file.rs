//! The note that a running Gapless leaves in its data folder, so that `show`, `status`, `dlq` and
//! `send` find it without being told anything.
//!
//! It holds credentials, hence it can be read by its owner only. It is written once everything
//! answers and removed when all is stopped; after a crash it stays behind, which a look at the
//! operator's port tells.

use super::{Places, Reader};
use crate::whole_file;
use anyhow::{Context, Result, bail};
use gapless_ingest::KafkaConfig;
use gapless_schemas::{Codec, Topics};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "run.json";
/// The operator's listener is on this machine and always accepts.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a running Gapless is to be found.
#[derive(Serialize, Deserialize)]
pub(crate) struct RunFile {
    pub(crate) pid: u32,
    pub(crate) webhook_address: SocketAddr,
    pub(crate) operator_address: SocketAddr,
    /// Hosts in the order of the sources, and what a delivery of each may be signed with.
    pub(crate) webhook_secrets: Vec<(String, String)>,
    kafka_bootstrap: String,
    kafka_settings: Vec<(String, String)>,
    registry_url: Option<String>,
    prefix: String,
    epoch: u16,
    generation: u32,
    partitions: i32,
    clickhouse_url: String,
    reader_user: String,
    reader_password: String,
}

impl RunFile {
    pub(super) fn new(
        places: &Places,
        webhook_address: SocketAddr,
        operator_address: SocketAddr,
        webhook_secrets: Vec<(String, String)>,
    ) -> Self {
        Self {
            pid: std::process::id(),
            webhook_address,
            operator_address,
            webhook_secrets,
            kafka_bootstrap: places.kafka.bootstrap_servers.clone(),
            kafka_settings: places.kafka.settings.clone(),
            registry_url: places.registry_url.clone(),
            prefix: places.topics.prefix.clone(),
            epoch: places.topics.epoch,
            generation: places.topics.generation,
            partitions: places.topics.partitions,
            clickhouse_url: places.clickhouse.url.clone(),
            reader_user: places.reader.user.clone(),
            reader_password: places.reader.password.clone(),
        }
    }

    /// Writes it whole or not at all.
    pub(super) fn write(&self, data_dir: &Path) -> Result<()> {
        let path = path(data_dir);
        let written = whole_file::write(&path, &serde_json::to_vec_pretty(self)?);
        written.with_context(|| {
            format!(
                "{} cannot be written, so that no other command would find this one; make room, or \
                 remove what is there",
                path.display()
            )
        })
    }

    /// Says that nothing runs any more.
    pub(super) fn remove(data_dir: &Path) {
        // One that stays behind is noticed by who reads it.
        let _ = std::fs::remove_file(path(data_dir));
    }

    /// The Gapless that runs on `data_dir`.
    pub(crate) async fn find(data_dir: &Path) -> Result<Self> {
        let path = path(data_dir);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!(nothing_runs(data_dir));
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("{} cannot be read, run this as its owner", path.display())
                });
            }
        };
        let run: Self = serde_json::from_slice(&text).with_context(|| {
            format!(
                "{} is damaged or of another release; restart Gapless",
                path.display()
            )
        })?;
        let look = tokio::net::TcpStream::connect(run.operator_url_address());
        match tokio::time::timeout(LOOK_TIMEOUT, look).await {
            Ok(Ok(_)) => Ok(run),
            _ => bail!(nothing_runs(data_dir)),
        }
    }

    /// The operator's listener as this machine reaches it.
    pub(crate) fn operator_url_address(&self) -> SocketAddr {
        reachable(self.operator_address)
    }

    /// The webhook's listener as this machine reaches it.
    pub(crate) fn webhook_url(&self) -> String {
        format!("http://{}/webhook", reachable(self.webhook_address))
    }

    pub(crate) fn clickhouse(&self) -> (String, Reader) {
        let reader = Reader {
            user: self.reader_user.clone(),
            password: self.reader_password.clone(),
        };
        (self.clickhouse_url.clone(), reader)
    }

    pub(crate) fn kafka(&self) -> KafkaConfig {
        KafkaConfig {
            bootstrap_servers: self.kafka_bootstrap.clone(),
            settings: self.kafka_settings.clone(),
        }
    }

    pub(crate) fn topics(&self) -> Topics {
        Topics {
            prefix: self.prefix.clone(),
            epoch: self.epoch,
            generation: self.generation,
            partitions: self.partitions,
        }
    }

    pub(crate) async fn codec(&self) -> Result<Codec> {
        super::stores::codec(self.registry_url.as_deref(), &self.topics()).await
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

fn nothing_runs(data_dir: &Path) -> String {
    let demo = Path::new("gapless-demo");
    let hint = if data_dir != demo && path(demo).exists() {
        "; the demo's folder is --data-dir gapless-demo"
    } else {
        ""
    };
    format!(
        "nothing runs on the data folder {}: start it with `gapless up`, or name another folder \
         with --data-dir{hint}",
        data_dir.display()
    )
}

/// A listener on all addresses is reached by the loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
