//! One KRaft node of Apache Kafka, broker and controller in one, on the loopback.
//!
//! Others on this machine reach the loopback too, so every listener asks for the data folder's
//! password (SASL/PLAIN; nothing of it leaves the machine), the controller's as well.
//!
//! What was acknowledged survives the death of the process (it is in the page cache); surviving
//! a power cut is up to the topics (`flush.ms`).
//!
//! Nothing that may hold records is ever removed here. A storage is whole where Kafka's own note of
//! it can be read, which formatting writes last. One without the note was formatted in part, for the
//! process died, and is formatted anew; but where a topic's folder is in it, the note was lost later,
//! and a person has to decide.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gapless_clickhouse_front::Credentials;
use rand::RngCore;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::credentials::write_secret;
use crate::error::Error;
use crate::java;
use crate::part::{Part, PartCommand};
use crate::process::{Probe, Spec};

/// The part's name in messages and of its log file.
pub(crate) const NAME: &str = "kafka";
/// Grows to this on demand; 300 MB resident are usual.
const HEAP_MAX: &str = "-Xmx512m";
/// GitHub's largest delivery is 25 MB; envelope and batch need a little more.
const RECORD_MAX_BYTES: u32 = 32 << 20;
const READY_WITHIN: Duration = Duration::from_secs(90);
/// Holds names and passwords, and compares them.
const LOGIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required";
const STOP_WITHIN: Duration = Duration::from_secs(20);
const METADATA_WITHIN: Duration = Duration::from_secs(2);

/// Where a node lives.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The folder with Kafka's jars.
    pub(crate) jars: PathBuf,
    /// The node's own folder.
    pub(crate) dir: PathBuf,
    /// Takes what Kafka prints.
    pub(crate) log_path: PathBuf,
    pub(crate) port: u16,
    pub(crate) controller_port: u16,
    /// Who may use the node.
    pub(crate) user: Credentials,
}

/// What a client of the node is configured with, by librdkafka's names.
pub(crate) fn client_settings(user: &Credentials) -> [(&'static str, &str); 4] {
    [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanisms", "PLAIN"),
        ("sasl.username", &user.user),
        ("sasl.password", &user.password),
    ]
}

impl Node {
    /// Writes the configuration, formats the storage if need be, and says how to run the node.
    /// Blocks for a second or two.
    ///
    /// # Errors
    /// No Java, an unusable folder, or a storage that cannot be formatted.
    pub(crate) fn prepare(&self, part_command: PartCommand) -> Result<Spec, Error> {
        let java = java::find()?;
        fs::create_dir_all(&self.dir).map_err(|e| Error::io(&self.dir, &e))?;
        for (name, text) in [
            ("server.properties", self.properties()),
            ("log4j2.properties", LOG4J2.to_string()),
        ] {
            let path = self.dir.join(name);
            write_secret(&path, text.as_bytes()).map_err(|e| Error::io(&path, &e))?;
        }
        let cluster_id = self.format(&java, &part_command)?;
        let mut arguments = vec![
            "-Xms64m".to_string(),
            HEAP_MAX.into(),
            "-XX:+UseSerialGC".into(),
            // The second compiler would cost more CPU in its first minutes than it saves in hours: what a
            // broker does with records is copying.
            "-XX:TieredStopAtLevel=1".into(),
            // A broker out of memory limps; one that ends is started again.
            "-XX:+ExitOnOutOfMemoryError".into(),
        ];
        arguments.extend(self.class_path());
        arguments.extend(["kafka.Kafka".to_string(), self.properties_path()]);
        Ok(Spec {
            name: NAME,
            command: Box::new(move || {
                let (program, arguments) = (java.clone(), arguments.clone());
                part_command.command(Part::Program { program, arguments })
            }),
            log_path: self.log_path.clone(),
            probe: self.probe(cluster_id),
            ready_within: READY_WITHIN,
            stop_within: STOP_WITHIN,
        })
    }

    fn properties_path(&self) -> String {
        self.dir.join("server.properties").display().to_string()
    }

    fn storage(&self) -> PathBuf {
        self.dir.join("log")
    }

    fn class_path(&self) -> [String; 3] {
        [
            format!(
                "-Dlog4j2.configurationFile={}",
                self.dir.join("log4j2.properties").display()
            ),
            "-cp".into(),
            format!("{}/*", self.jars.display()),
        ]
    }

    fn properties(&self) -> String {
        let Self {
            port,
            controller_port,
            user: Credentials { user, password },
            ..
        } = self;
        let storage = escaped(&self.storage());
        format!(
            "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENTS://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
listener.security.protocol.map=CONTROLLER:SASL_PLAINTEXT,CLIENTS:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.clients.plain.sasl.jaas.config={LOGIN} username=\"{user}\" password=\"{password}\" user_{user}=\"{password}\";
listener.name.controller.plain.sasl.jaas.config={LOGIN} username=\"{user}\" password=\"{password}\" user_{user}=\"{password}\";
log.dirs={storage}

# One node: no replicas, and few partitions for Kafka's own topics.
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false

# After a kill, the controller waits this long before it believes that the old process is gone.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500

# GitHub's deliveries have up to 25 MB.
message.max.bytes={RECORD_MAX_BYTES}
replica.fetch.max.bytes={RECORD_MAX_BYTES}

# A laptop's size.
log.segment.bytes=134217728
log.cleaner.dedupe.buffer.size=33554432
num.network.threads=2
num.io.threads=4
"
        )
    }

    /// Formats the storage, once; returns the cluster's id.
    fn format(&self, java: &Path, part_command: &PartCommand) -> Result<String, Error> {
        let storage = self.storage();
        if let Some(cluster_id) = formatted(&storage)? {
            return Ok(cluster_id);
        }
        if storage.exists() {
            fs::remove_dir_all(&storage).map_err(|e| Error::io(&storage, &e))?;
        }
        fs::create_dir_all(&storage).map_err(|e| Error::io(&storage, &e))?;
        let cluster_id = new_cluster_id();
        let mut arguments = ["-Xmx128m", "-XX:TieredStopAtLevel=1"]
            .map(String::from)
            .to_vec();
        arguments.extend(self.class_path());
        arguments.extend(["kafka.tools.StorageTool", "format", "--standalone"].map(String::from));
        arguments.extend(["--cluster-id".into(), cluster_id.clone()]);
        arguments.extend(["--config".into(), self.properties_path()]);
        let tool = Part::Program {
            program: java.into(),
            arguments,
        };
        let output = part_command
            .std_command(tool)
            .output()
            .map_err(|e| Error::io(java, &e))?;
        if output.status.success() {
            return Ok(cluster_id);
        }
        // Nothing else has written there yet.
        let text = [output.stdout, output.stderr].concat();
        fs::write(&self.log_path, &text).map_err(|e| Error::io(&self.log_path, &e))?;
        Err(Error::ReadLog {
            part: NAME,
            reason: crate::process::with_last_words(
                "its storage could not be formatted",
                &String::from_utf8_lossy(&text),
            ),
            log: self.log_path.clone(),
        })
    }

    /// Ready is: a metadata request names a broker, which is so once it takes requests, and the
    /// cluster is this one, not another on the same port.
    fn probe(&self, cluster_id: String) -> Probe {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let user = self.user.clone();
        Box::new(move || {
            let (cluster_id, user) = (cluster_id.clone(), user.clone());
            Box::pin(async move {
                // First a bare connection: librdkafka would log each refused one.
                if tokio::net::TcpStream::connect(address).await.is_err() {
                    return false;
                }
                tokio::task::spawn_blocking(move || is_ready(address, &user, &cluster_id))
                    .await
                    .unwrap_or(false)
            })
        })
    }
}

/// The id of the cluster whose storage this is; none where there is nothing in it to keep.
///
/// # Errors
/// It holds topics, or a note, and cannot be read.
fn formatted(storage: &Path) -> Result<Option<String>, Error> {
    let unreadable = |reason: String| Error::RestoreLog {
        storage: storage.into(),
        reason,
    };
    let note = storage.join("meta.properties");
    match fs::read(&note) {
        Ok(text) => String::from_utf8_lossy(&text)
            .lines()
            .find_map(|line| line.trim().strip_prefix("cluster.id="))
            .map(|id| Some(id.to_string()))
            .ok_or_else(|| unreadable(format!("{} names no cluster", note.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match first_topic(storage) {
            Ok(None) => Ok(None),
            Ok(Some(topic)) => Err(unreadable(format!(
                "it holds {topic}, but {} is gone",
                note.display()
            ))),
            Err(error) => Err(Error::io(storage, &error)),
        },
        Err(error) => Err(unreadable(format!("{}: {error}", note.display()))),
    }
}

/// A folder of a topic's partition in the storage, Kafka's own metadata left out.
fn first_topic(storage: &Path) -> std::io::Result<Option<String>> {
    let entries = match fs::read_dir(storage) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && !name.starts_with("__cluster_metadata") {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn is_ready(address: SocketAddr, user: &Credentials, cluster_id: &str) -> bool {
    let mut config = ClientConfig::new();
    config.extend(client_settings(user).map(|(name, value)| (name.into(), value.into())));
    let consumer: Result<BaseConsumer, _> = config
        .set("bootstrap.servers", address.to_string())
        .set_log_level(RDKafkaLogLevel::Emerg)
        .create();
    let Ok(consumer) = consumer else { return false };
    let metadata = consumer.fetch_metadata(None, METADATA_WITHIN);
    metadata.is_ok_and(|metadata| !metadata.brokers().is_empty())
        && consumer
            .client()
            .fetch_cluster_id(METADATA_WITHIN)
            .as_deref()
            == Some(cluster_id)
}

/// Kafka's form of a UUID: 16 bytes in URL-safe base64.
fn new_cluster_id() -> String {
    let mut id = [0; 16];
    rand::rng().fill_bytes(&mut id);
    // One that begins with a dash would be taken for an option.
    id[0] &= 0x7f;
    BASE64_URL_SAFE_NO_PAD.encode(id)
}

/// A path as the value of a Java property.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\")
}

const LOG4J2: &str = "status=warn
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c - %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storage_that_may_hold_records_is_never_formatted_anew() {
        let folder = tempfile::tempdir().expect("temp folder");
        let storage = folder.path().join("log");
        let refused = || formatted(&storage).expect_err("refused").to_string();

        // Nothing there, or formatted in part only.
        assert_eq!(formatted(&storage).expect("readable"), None);
        fs::create_dir_all(storage.join("__cluster_metadata-0")).expect("made");
        fs::write(storage.join("bootstrap.checkpoint"), "x").expect("written");
        assert_eq!(formatted(&storage).expect("readable"), None);

        // Whole.
        let note = storage.join("meta.properties");
        fs::write(&note, "#\nnode.id=1\ncluster.id=abc\n").expect("written");
        assert_eq!(formatted(&storage).expect("whole"), Some("abc".into()));

        // Damaged, whatever else is there; or lost, with topics.
        for damaged in [&b""[..], b"\xff\xfe", b"node.id=1\n"] {
            fs::write(&note, damaged).expect("written");
            assert!(refused().contains("names no cluster"), "{}", refused());
        }
        fs::remove_file(&note).expect("removed");
        fs::create_dir(storage.join("gapless.events.1-0")).expect("made");
        assert!(
            refused().contains("it holds gapless.events.1-0") && refused().contains("backup"),
            "{}",
            refused()
        );
        assert!(storage.join("gapless.events.1-0").exists());
    }
}
