//! Where things are: the settings that every command shares.

use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Folders and addresses.
#[derive(Args, Clone, Debug)]
pub(crate) struct Settings {
    /// Folder of everything that is kept: the log, states, figures, credentials.
    #[arg(long, env = "GAPLESS_DATA_DIR", default_value = "gapless-data")]
    pub(crate) data_dir: PathBuf,
    /// Folder of what was fetched (Kafka, the ClickHouse engine); shared by all data folders.
    #[arg(long, env = "GAPLESS_CACHE_DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Where GitHub posts.
    #[arg(long, env = "GAPLESS_WEBHOOK_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) webhook_listen: SocketAddr,
    /// Where operators look: the page, /healthz, /readyz, /metrics.
    #[arg(
        long,
        env = "GAPLESS_OPERATOR_LISTEN",
        default_value = "127.0.0.1:8081"
    )]
    pub(crate) operator_listen: SocketAddr,
    /// Partitions of a new log; an existing one keeps its own.
    #[arg(long, env = "GAPLESS_PARTITIONS", default_value_t = 4)]
    pub(crate) partitions: i32,
}
