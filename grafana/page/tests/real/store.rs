//! A ClickHouse front as a child process, with the projections' tables, filled.

use crate::organisation::{Organisation, Seeded};
use gapless_clickhouse_front::{Credentials, OPTIONS_VARIABLE, Options};
use gapless_embedded::Cache;
use gapless_page::StoreOptions;
use gapless_projections::sink::{
    ClickHouse, ClickHouseOptions, Projector, Record, Store as _, prepare,
};
use gapless_schemas::{Codec, Timestamp, Topics};
use std::io::{Read as _, Write as _, stderr};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

const WRITER: &str = "writer";
const READER: &str = "reader";

/// A running front; it ends when this is dropped, and with the process that holds this.
pub(crate) struct Store {
    child: Child,
    url: String,
    dir: tempfile::TempDir,
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Becomes the front where the environment asks for it. Ends, and takes its folder with it, when
/// its parent does, which holds the other end of its standard input.
pub(crate) fn become_front_if_asked() {
    let Ok(options) = std::env::var(OPTIONS_VARIABLE) else {
        return;
    };
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let options: Options = serde_json::from_str(&options).expect("plain data");
        let _ = options.data_dir.parent().map(std::fs::remove_dir_all);
        std::process::exit(0);
    });
    if let Err(error) = gapless_clickhouse_front::run_from_environment() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

impl Store {
    /// Starts a front by running this program with `arguments`, makes the tables and fills them
    /// with half a year of `organisation`. None where there is no engine, which is said on stderr.
    pub(crate) async fn start(
        arguments: &[&str],
        organisation: Option<&Organisation>,
    ) -> Option<Self> {
        let library = match Cache::open(None).and_then(|cache| cache.clickhouse_engine()) {
            Ok(library) => library,
            Err(error) => {
                let _ = writeln!(stderr(), "skipped: no ClickHouse engine ({error})");
                return None;
            }
        };
        let dir = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .expect("a port")
            .local_addr();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port.expect("an address").port()));
        let credentials = |user: &str| Credentials {
            user: user.into(),
            password: format!("{user}-password"),
        };
        let options = Options {
            library,
            listen,
            data_dir: dir.path().join("clickhouse"),
            writer: credentials(WRITER),
            reader: credentials(READER),
            slots: 8,
            memory_bytes: 2 << 30,
        };
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(arguments)
            .env(
                OPTIONS_VARIABLE,
                serde_json::to_string(&options).expect("plain data"),
            )
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.path().join("front.log")).expect("a log"))
            .spawn()
            .expect("the front starts");
        let store = Self {
            child,
            url: format!("http://{listen}"),
            dir,
        };
        store.ready().await;
        store.fill(organisation).await;
        Some(store)
    }

    /// How the page reads it.
    pub(crate) fn reader(&self) -> StoreOptions {
        StoreOptions::new(&self.url, READER, &format!("{READER}-password"), "gapless")
    }

    async fn ready(&self) {
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..1200 {
            if reqwest::get(format!("{}/ping", self.url)).await.is_ok() {
                return;
            }
            pause.tick().await;
        }
        let log = std::fs::read_to_string(self.dir.path().join("front.log")).unwrap_or_default();
        panic!("the ClickHouse front did not start within a minute: {log}");
    }

    fn writer(&self) -> ClickHouseOptions {
        ClickHouseOptions {
            url: self.url.clone(),
            user: WRITER.into(),
            password: format!("{WRITER}-password"),
            database: "gapless".into(),
        }
    }

    /// Does a statement of the writer's.
    pub(crate) async fn write(&self, statement: &str) {
        let client = self.writer().client();
        let written = client.query_raw(statement).execute().await;
        written.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    async fn fill(&self, organisation: Option<&Organisation>) {
        let options = self.writer();
        prepare(&options, 1).await.expect("the tables are made");
        let Some(organisation) = organisation else {
            return;
        };
        let topics = Topics {
            prefix: "gapless".into(),
            epoch: 1,
            generation: 1,
            partitions: 1,
        };
        let mut projector = Projector::new(Codec::embedded(), &topics);
        for (offset, Seeded { topic, value }) in (0_i64..).zip(organisation.records(&topics)) {
            let record = Record {
                topic: &topic,
                partition: 0,
                offset,
                value: Some(&value),
            };
            projector.push(record).expect("a record of ours");
        }
        let tables = ClickHouse::new(&options, 1);
        for step in projector.take_figures().steps {
            tables.execute(&step).await.expect("a step is done");
        }
        // Rows were all stored a moment ago; in a life they would have been stored in seconds.
        let fresh = "ALTER TABLE gapless_1.events UPDATE stored_at = addMilliseconds(received_at, \
                     400 + cityHash64(event_id) % 1900) WHERE 1 SETTINGS mutations_sync = 1";
        self.write(fresh).await;
    }
}

/// Now, to the second.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("a clock");
    Timestamp::from_seconds(i64::try_from(since.as_secs()).expect("a date"))
}
