//! The configuration: flags, then the environment, then `gapless.toml`, then defaults.
//!
//! It is checked as a whole before anything is started. Every fault is found in one go and is one
//! sentence that names where it stands and what to do; a key or variable that Gapless does not know
//! is a fault too, because what is misspelt would be ignored without a word. Secrets are wrapped as
//! they are read and never stand in a message.

mod layers;
mod section;
mod sources;
mod stores;
mod suggestion;
#[cfg(test)]
mod tests;
mod times;

pub(crate) use layers::Given;
pub(crate) use stores::DATABASE;

use crate::settings::{Settings, Stores};
use crate::system::Times;
use gapless_ingest::SourceConfig;
use layers::{Key, Layers};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// Everything that `up` runs on.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// At least one; one without secrets gets the data folder's own.
    pub(crate) sources: Vec<SourceConfig>,
    pub(crate) times: Times,
}

/// All faults of a configuration, a sentence each.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    pub(crate) fn add(&mut self, sentence: String) {
        self.0.push(sentence);
    }

    pub(crate) fn sentences(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => f.write_str(only),
            several => {
                write!(f, "the configuration has {} faults:", several.len())?;
                for sentence in several {
                    write!(f, "\n  {sentence}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Problems {}

const DATA_DIR: Key = Key::new("", "data_dir", "GAPLESS_DATA_DIR").or_flag("--data-dir");
const DATA_DIR_DEFAULT: &str = "gapless-data";
const CACHE_DIR: Key = Key::new("", "cache_dir", "GAPLESS_CACHE_DIR").or_flag("--cache-dir");
const PARTITIONS: Key = Key::new("", "partitions", "GAPLESS_PARTITIONS").or_flag("--partitions");
const WEBHOOK_LISTEN: Key =
    Key::new("listen", "webhook", "GAPLESS_WEBHOOK_LISTEN").or_flag("--webhook-listen");
const OPERATOR_LISTEN: Key =
    Key::new("listen", "operator", "GAPLESS_OPERATOR_LISTEN").or_flag("--operator-listen");

/// Partitions of a new log: enough for a handful of processes, few enough for a laptop.
const PARTITIONS_DEFAULT: i32 = 4;
const PARTITIONS_MAX: i32 = 1_024;

/// Reads the whole configuration of `up`.
///
/// # Errors
/// All faults at once.
pub(crate) fn load(given: Given) -> Result<Config, Problems> {
    let mut layers = Layers::read(given)?;
    let settings = settings(&mut layers, Path::new(DATA_DIR_DEFAULT), true);
    let sources = sources::read(&mut layers);
    let times = times::read(&mut layers);
    layers.finish()?;
    Ok(Config {
        settings,
        sources,
        times,
    })
}

/// The settings of a demo, in `data_dir` unless told otherwise: flags and the environment only, always
/// on embedded parts.
///
/// # Errors
/// All faults at once.
pub(crate) fn demo_settings(given: Given, data_dir: &Path) -> Result<Settings, Problems> {
    let mut layers = Layers::without_file(given);
    let settings = settings(&mut layers, data_dir, false);
    layers.finish()?;
    Ok(settings)
}

/// The data folder alone, for commands that speak to a running Gapless.
///
/// # Errors
/// Where the file cannot be read at all.
pub(crate) fn data_dir(given: Given) -> Result<PathBuf, Problems> {
    let mut layers = Layers::read(given)?;
    Ok(read_data_dir(&mut layers, Path::new(DATA_DIR_DEFAULT)))
}

fn read_data_dir(layers: &mut Layers, default: &Path) -> PathBuf {
    layers.path(&DATA_DIR).unwrap_or_else(|| default.into())
}

fn settings(layers: &mut Layers, data_dir: &Path, may_be_external: bool) -> Settings {
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let address = "an address and a port, such as 127.0.0.1:8080";
    let webhook_listen = layers.parsed(&WEBHOOK_LISTEN, address);
    let operator_listen = layers.parsed(&OPERATOR_LISTEN, address);
    let partitions = layers.checked(
        &PARTITIONS,
        &format!("a number of partitions from 1 to {PARTITIONS_MAX}"),
        |text| {
            text.parse()
                .ok()
                .filter(|count| (1..=PARTITIONS_MAX).contains(count))
        },
    );
    let webhook_listen = webhook_listen.unwrap_or_else(|| loopback(8080));
    let operator_listen = operator_listen.unwrap_or_else(|| loopback(8081));
    if is_shared(webhook_listen, operator_listen) {
        layers.problems.add(format!(
            "webhook and operator cannot both listen on {operator_listen}: choose another port with \
             --operator-listen or {}",
            OPERATOR_LISTEN.in_words()
        ));
    }
    Settings {
        data_dir: read_data_dir(layers, data_dir),
        cache_dir: layers.path(&CACHE_DIR),
        webhook_listen,
        operator_listen,
        partitions: partitions.unwrap_or(PARTITIONS_DEFAULT),
        stores: if may_be_external {
            stores::read(layers)
        } else {
            Stores::Embedded
        },
    }
}

/// Whether two listeners would want the same port; port 0 is another one each time.
fn is_shared(a: SocketAddr, b: SocketAddr) -> bool {
    let covers =
        |a: IpAddr, b: IpAddr| a == b || (a.is_unspecified() && a.is_ipv4() == b.is_ipv4());
    a.port() != 0 && a.port() == b.port() && (covers(a.ip(), b.ip()) || covers(b.ip(), a.ip()))
}
