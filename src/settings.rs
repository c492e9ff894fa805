//! Where things are: the flags that commands share, and what became of them.

use crate::config::{self, Given, Problems};
use crate::system::Reader;
use clap::Args;
use gapless_ingest::KafkaConfig;
use gapless_projections::sink::ClickHouseOptions;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Finds a data folder; for commands that speak to a running Gapless.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct DataDirFlags {
    /// Configuration file; without it gapless.toml, where it exists. [env: GAPLESS_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Folder of everything that is kept: the log, states, figures, credentials.
    /// [env: GAPLESS_DATA_DIR] [default: gapless-data]
    #[arg(long, value_name = "FOLDER", global = true)]
    pub(crate) data_dir: Option<String>,
}

/// Folders and addresses of a Gapless that is to be started.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Flags {
    /// Folder of everything that is kept: the log, states, figures, credentials.
    /// [env: GAPLESS_DATA_DIR] [default: gapless-data, of a demo gapless-demo]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Folder of what was fetched (Kafka, the ClickHouse engine); shared by all data folders.
    /// [env: GAPLESS_CACHE_DIR] [default: ~/.cache/gapless]
    #[arg(long, value_name = "FOLDER")]
    cache_dir: Option<String>,
    /// Where GitHub posts. [env: GAPLESS_WEBHOOK_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    webhook_listen: Option<String>,
    /// Where operators look: the page, /healthz, /readyz, /health, /metrics, /registry.
    /// [env: GAPLESS_OPERATOR_LISTEN] [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    operator_listen: Option<String>,
    /// Partitions of a new log; an existing one keeps its own. [env: GAPLESS_PARTITIONS] [default: 4]
    #[arg(long, value_name = "NUMBER")]
    partitions: Option<String>,
}

/// The same with the configuration file, for `up` and `doctor`.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct UpFlags {
    #[command(flatten)]
    flags: Flags,
    /// Configuration file; without it gapless.toml, where it exists. [env: GAPLESS_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Organisation or user whose repositories are polled; without one only webhooks are taken in.
    /// [env: GAPLESS_OWNER]
    #[arg(long, value_name = "LOGIN")]
    owner: Option<String>,
}

/// Folders, addresses and stores, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) webhook_listen: SocketAddr,
    pub(crate) operator_listen: SocketAddr,
    /// Of a new log; an existing one keeps its own.
    pub(crate) partitions: i32,
    pub(crate) stores: Stores,
}

/// Where log and figures are.
#[derive(Clone, Debug)]
pub(crate) enum Stores {
    /// Kafka and ClickHouse are started as children of this process.
    Embedded,
    /// They are services of their own.
    External(Box<External>),
}

/// Services that are there already.
#[derive(Clone)]
pub(crate) struct External {
    pub(crate) kafka: KafkaConfig,
    /// None: schemas have the ids of this binary, and readers use its own registry API.
    pub(crate) registry_url: Option<String>,
    pub(crate) clickhouse: ClickHouseOptions,
    pub(crate) reader: Reader,
}

impl std::fmt::Debug for External {
    /// Addresses only: the rest holds passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("External")
            .field("kafka", &self.kafka.bootstrap_servers)
            .field("clickhouse", &self.clickhouse.url)
            .finish_non_exhaustive()
    }
}

impl Flags {
    fn given(&self) -> Given {
        let flags = [
            ("--data-dir", &self.data_dir),
            ("--cache-dir", &self.cache_dir),
            ("--webhook-listen", &self.webhook_listen),
            ("--operator-listen", &self.operator_listen),
            ("--partitions", &self.partitions),
        ];
        given(None, &flags)
    }

    /// What a demo runs on, in `data_dir` unless told otherwise: flags and the environment, no file.
    pub(crate) fn for_demo(&self, data_dir: &Path) -> Result<Settings, Problems> {
        config::demo_settings(self.given(), data_dir)
    }
}

impl UpFlags {
    /// The whole configuration of `up`.
    pub(crate) fn load(&self) -> Result<config::Config, Problems> {
        let mut given = self.flags.given();
        given.config.clone_from(&self.config);
        if let Some(owner) = &self.owner {
            given.flags.insert("--owner", owner.clone());
        }
        config::load(given)
    }
}

impl DataDirFlags {
    pub(crate) fn data_dir(&self) -> Result<PathBuf, Problems> {
        config::data_dir(given(
            self.config.clone(),
            &[("--data-dir", &self.data_dir)],
        ))
    }
}

/// Lowest number of deliveries a second: one in twelve days, and far from what a clock cannot hold.
const RATE_MIN: f64 = 0.000_001;

/// Deliveries a second, as a flag tells them.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    rate.filter(|rate: &f64| rate.is_finite() && *rate >= RATE_MIN)
        .ok_or_else(|| {
            format!("write a number of deliveries a second, {RATE_MIN} or more, or leave it out")
        })
}

/// A count, as a flag tells it.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number >= 1);
    number.ok_or_else(|| "write a number, 1 or more".to_owned())
}

/// A share, as a flag tells it.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a share from 0 to 1, such as 0.05 for one in twenty".to_owned())
}

fn given(config: Option<PathBuf>, flags: &[(&'static str, &Option<String>)]) -> Given {
    let flags = flags
        .iter()
        .filter_map(|(flag, value)| Some((*flag, (*value).clone()?)))
        .collect();
    let mut unreadable = Vec::new();
    let mut environment = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        // A name that is no text is none of ours.
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => {
                environment.insert(name, value);
            }
            Err(_) if name.starts_with("GAPLESS_") => unreadable.push(name),
            Err(_) => {}
        }
    }
    Given {
        config,
        flags,
        environment,
        unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_whose_pauses_a_clock_can_hold() {
        for text in ["0.000001", "1", "2.5", "1e300"] {
            let pause = std::time::Duration::from_secs_f64(1.0 / rate(text).unwrap());
            assert!(tokio::time::Instant::now().checked_add(pause).is_some());
        }
        for text in ["0", "-1", "1e-20", "inf", "NaN", "", "fast"] {
            assert!(
                rate(text).unwrap_err().contains("0.000001 or more"),
                "{text}"
            );
        }
    }
    #[test]
    fn a_share_is_from_none_to_all_and_a_count_is_of_something() {
        for (text, expected) in [("0", 0.0), ("1", 1.0), ("0.05", 0.05)] {
            assert_eq!(share(text), Ok(expected));
        }
        for text in ["-1", "5", "nan", "inf", "", "many"] {
            assert!(share(text).unwrap_err().contains("from 0 to 1"), "{text}");
        }
        assert_eq!(at_least_one("7"), Ok(7));
        for text in ["0", "-1", "1.5", ""] {
            let said = at_least_one(text).unwrap_err();
            assert!(said.contains("1 or more"), "{text}");
        }
    }
}
