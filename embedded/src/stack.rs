//! Kafka and ClickHouse together, on one data folder.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use gapless_clickhouse_front::{self as front, Credentials};
use tokio::sync::watch;

use crate::cache::Cache;
use crate::clickhouse;
use crate::credentials::{self, Users};
use crate::error::Error;
use crate::kafka::{self, Node};
use crate::lock::DataDirLock;
use crate::part::PartCommand;
use crate::ports::Ports;
use crate::process::{PartState, Supervised};

/// Kafka's usual port, its controller's, and ClickHouse's.
const KAFKA_PORT: u16 = 9092;
const KAFKA_CONTROLLER_PORT: u16 = 9093;
const CLICKHOUSE_PORT: u16 = 8123;
/// Statements of the writer, for projections, that run at the same time. (How many of the reader's, for
/// the page and Grafana together, follows from the cores.)
const CLICKHOUSE_SLOTS: usize = 16;
/// The engine's bound, unless the machine is small.
const CLICKHOUSE_MEMORY_MAX_BYTES: u64 = 4 << 30;

/// How to start the embedded parts.
#[derive(Clone, Debug)]
pub struct Options {
    /// Holds everything that is kept; made when missing. One gapless at a time.
    pub data_dir: PathBuf,
    /// Holds what was fetched; see [`Cache::open`] for what none means.
    pub cache_dir: Option<PathBuf>,
    /// How to run this program again as a part.
    pub part_command: PartCommand,
}

/// The running parts. Dropped, they are stopped too, but not waited for.
#[derive(Debug)]
pub struct Embedded {
    kafka: Supervised,
    kafka_port: u16,
    kafka_user: Credentials,
    clickhouse: Supervised,
    clickhouse_port: u16,
    users: Users,
    // Last: ports and folder are free once the parts are gone.
    _ports: Ports,
    _lock: DataDirLock,
}

/// What is settled before anything is started.
struct Plan {
    lock: DataDirLock,
    ports: Ports,
    users: Users,
    kafka_user: Credentials,
    node: NodePlaces,
    clickhouse_port: u16,
    cache: Cache,
}

/// A [`Node`] but for its jars, which may have to be fetched first.
struct NodePlaces {
    port: u16,
    controller_port: u16,
}

impl Embedded {
    /// Fetches what is missing, starts both parts at the same time and returns when both answer.
    ///
    /// # Errors
    /// One sentence that says what to do; nothing is left running.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let plan = blocking({
            let options = options.clone();
            move || Plan::make(&options)
        })
        .await?;
        let (kafka, clickhouse) = tokio::try_join!(
            start_kafka(&options, &plan),
            start_clickhouse(&options, &plan),
        )?;
        Ok(Self {
            kafka,
            kafka_port: plan.node.port,
            kafka_user: plan.kafka_user,
            clickhouse,
            clickhouse_port: plan.clickhouse_port,
            users: plan.users,
            _ports: plan.ports,
            _lock: plan.lock,
        })
    }

    /// Kafka's address, as `host:port`; the same for the life of this value.
    pub fn kafka_bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.kafka_port)
    }

    /// What a client of Kafka is configured with besides, by librdkafka's names: it asks for a
    /// password. The same for the life of the data folder.
    pub fn kafka_settings(&self) -> Vec<(String, String)> {
        kafka::client_settings(&self.kafka_user)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    /// ClickHouse's address; the same for the life of this value.
    pub fn clickhouse_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.clickhouse_port)
    }

    /// Who may do everything in ClickHouse.
    pub fn clickhouse_writer(&self) -> &Credentials {
        &self.users.writer
    }

    /// Who may only query ClickHouse.
    pub fn clickhouse_reader(&self) -> &Credentials {
        &self.users.reader
    }

    /// Where Kafka is in its life, now and from now on.
    pub fn kafka_state(&self) -> watch::Receiver<PartState> {
        self.kafka.state()
    }

    /// Where ClickHouse is in its life, now and from now on.
    pub fn clickhouse_state(&self) -> watch::Receiver<PartState> {
        self.clickhouse.state()
    }

    /// Stops both parts in order and waits until they have ended.
    pub async fn stop(self) {
        tokio::join!(self.kafka.stop(), self.clickhouse.stop());
    }
}

impl Plan {
    fn make(options: &Options) -> Result<Self, Error> {
        let lock = DataDirLock::take(&options.data_dir)?;
        let logs = options.data_dir.join("logs");
        std::fs::create_dir_all(&logs).map_err(|e| Error::io(&logs, &e))?;
        let users = credentials::load_or_make(&options.data_dir)?;
        let kafka_user = credentials::load_or_make_kafka(&options.data_dir)?;
        let cache =
            Cache::open(options.cache_dir.clone())?.fetching_by(options.part_command.clone());
        let mut ports = Ports::remembered(&options.data_dir);
        let node = NodePlaces {
            port: ports.choose("kafka", KAFKA_PORT)?,
            controller_port: ports.choose("kafka controller", KAFKA_CONTROLLER_PORT)?,
        };
        let clickhouse_port = ports.choose("clickhouse", CLICKHOUSE_PORT)?;
        Ok(Self {
            lock,
            ports,
            users,
            kafka_user,
            node,
            clickhouse_port,
            cache,
        })
    }
}

async fn start_kafka(options: &Options, plan: &Plan) -> Result<Supervised, Error> {
    let (cache, command) = (plan.cache.clone(), options.part_command.clone());
    let (dir, log_path) = (
        options.data_dir.join("kafka"),
        log_path(options, kafka::NAME),
    );
    let user = plan.kafka_user.clone();
    let NodePlaces {
        port,
        controller_port,
    } = plan.node;
    let spec = blocking(move || {
        Node {
            jars: cache.kafka()?,
            dir,
            log_path,
            port,
            controller_port,
            user,
        }
        .prepare(command)
    })
    .await?;
    ready(Supervised::start(spec)?).await
}

async fn start_clickhouse(options: &Options, plan: &Plan) -> Result<Supervised, Error> {
    let cache = plan.cache.clone();
    let library = blocking(move || cache.clickhouse_engine()).await?;
    let front = front::Options {
        library,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, plan.clickhouse_port)),
        data_dir: options.data_dir.join("clickhouse"),
        writer: plan.users.writer.clone(),
        reader: plan.users.reader.clone(),
        slots: CLICKHOUSE_SLOTS,
        memory_bytes: clickhouse_memory_bytes(),
    };
    let log_path = log_path(options, clickhouse::NAME);
    let spec = clickhouse::spec(front, log_path, options.part_command.clone());
    ready(Supervised::start(spec)?).await
}

async fn ready(part: Supervised) -> Result<Supervised, Error> {
    part.ready().await?;
    Ok(part)
}

fn log_path(options: &Options, name: &str) -> PathBuf {
    options.data_dir.join("logs").join(format!("{name}.log"))
}

/// Half of the machine's memory, at most 4 GB.
fn clickhouse_memory_bytes() -> u64 {
    memory_bytes(Path::new("/proc/meminfo"))
        .map_or(CLICKHOUSE_MEMORY_MAX_BYTES, |bytes| bytes / 2)
        .min(CLICKHOUSE_MEMORY_MAX_BYTES)
}

fn memory_bytes(meminfo: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(meminfo).ok()?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Runs what blocks off the async workers.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
