//! Starts fronts for tests.

use std::io::{Read, Write, stderr};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use clickhouse::Client;
use gapless_clickhouse_front::{Credentials, Layers, OPTIONS_VARIABLE, Options};
use gapless_embedded::Cache;

pub(crate) const WRITER_PASSWORD: &str = "the writer's";
pub(crate) const READER_PASSWORD: &str = "the reader's";
/// Statements of the writer that run at the same time; half as many of readers.
pub(crate) const SLOTS: usize = 8;
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How much memory a front may take, but for its own code.
pub(crate) const MEMORY_BYTES: u64 = 2 << 30;
/// What is in use; all of it.
pub(crate) const ALL_LAYERS: Layers = Layers {
    confinement: true,
    judge: true,
    grants: true,
};
/// Which layers this test program is to run a front with, as three digits, instead of testing.
const LAYERS_VARIABLE: &str = "GAPLESS_TEST_LAYERS";

/// Becomes a front with some of its layers only, where a test has asked for it.
pub(crate) fn become_front_if_asked() {
    let Ok(digits) = std::env::var(LAYERS_VARIABLE) else {
        return;
    };
    let is_on = |at: usize| digits.as_bytes()[at] == b'1';
    let layers = Layers {
        confinement: is_on(0),
        judge: is_on(1),
        grants: is_on(2),
    };
    let options = std::env::var(OPTIONS_VARIABLE).expect("options");
    let options = serde_json::from_str(&options).expect("plain data");
    let ended = gapless_clickhouse_front::run_with(options, layers);
    std::process::exit(i32::from(ended.is_err()));
}

/// The engine; none, and a word on stderr, where it cannot be fetched.
pub(crate) fn library() -> Option<PathBuf> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY
        .get_or_init(
            || match Cache::open(None).and_then(|cache| cache.clickhouse_engine()) {
                Ok(library) => Some(library),
                Err(error) => {
                    let _ = writeln!(stderr(), "skipped: {error}");
                    None
                }
            },
        )
        .clone()
}

/// A front that runs until it is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts a front on a folder and waits until it answers.
    pub(crate) fn start(library: &Path, data_dir: &Path) -> Self {
        Self::start_with(library, data_dir, ALL_LAYERS)
    }

    /// The same with some layers only.
    pub(crate) fn start_with(library: &Path, data_dir: &Path, layers: Layers) -> Self {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .expect("a free port");
        let options = Options {
            library: library.into(),
            listen: address,
            data_dir: data_dir.into(),
            writer: Credentials {
                user: "writer".into(),
                password: WRITER_PASSWORD.into(),
            },
            reader: Credentials {
                user: "reader".into(),
                password: READER_PASSWORD.into(),
            },
            slots: SLOTS,
            memory_bytes: MEMORY_BYTES,
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_gapless-clickhouse-front"));
        if layers != ALL_LAYERS {
            command = Command::new(std::env::current_exe().expect("this program"));
            let digits = [layers.confinement, layers.judge, layers.grants]
                .map(|is_on| if is_on { '1' } else { '0' });
            command
                .args(["--exact", "front_of_a_test", "--nocapture"])
                .env(LAYERS_VARIABLE, String::from_iter(digits))
                .stdout(Stdio::null());
        }
        let child = command
            .env(
                OPTIONS_VARIABLE,
                serde_json::to_string(&options).expect("plain data"),
            )
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the front starts");
        let running = Self { child, address };
        let began = Instant::now();
        while !running.answers() {
            assert!(began.elapsed() < READY_WITHIN, "the front is not ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }

    fn answers(&self) -> bool {
        TcpStream::connect(self.address).is_ok()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ended");
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for its end; returns whether that is a success.
    pub(crate) fn ends(mut self) -> bool {
        self.child.wait().expect("it ended").success()
    }

    pub(crate) fn writer(&self) -> Client {
        self.client("writer", WRITER_PASSWORD)
    }

    pub(crate) fn reader(&self) -> Client {
        self.client("reader", READER_PASSWORD)
    }

    fn client(&self, user: &str, password: &str) -> Client {
        Client::default()
            .with_url(format!("http://{}", self.address))
            .with_user(user)
            .with_password(password)
    }

    /// A request with its head and body as given; returns the whole answer.
    pub(crate) fn raw(&self, request: &[u8]) -> String {
        let mut connection = TcpStream::connect(self.address).expect("it listens");
        connection.write_all(request).expect("sent");
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).expect("answered");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A statement by POST as the writer, with more URL parameters; returns the whole answer.
    pub(crate) fn post(&self, parameters: &str, statement: &str) -> String {
        self.post_as("writer", WRITER_PASSWORD, parameters, statement)
    }

    /// The same as the reader.
    pub(crate) fn ask(&self, parameters: &str, statement: &str) -> String {
        self.post_as("reader", READER_PASSWORD, parameters, statement)
    }

    fn post_as(&self, user: &str, password: &str, parameters: &str, statement: &str) -> String {
        self.raw(
            format!(
                "POST /?{parameters} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                 X-ClickHouse-User: {user}\r\nX-ClickHouse-Key: {password}\r\n\
                 Content-Length: {}\r\n\r\n{statement}",
                statement.len()
            )
            .as_bytes(),
        )
    }

    /// What the kernel says of its memory, in bytes (`VmHWM` and the like).
    pub(crate) fn memory_bytes(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kilobytes.expect("a figure") << 10
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A front with a folder of its own; both go when it is dropped.
pub(crate) struct Fresh {
    pub(crate) front: Running,
    pub(crate) folder: tempfile::TempDir,
}

impl Fresh {
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(ALL_LAYERS)
    }

    /// The same with some layers only.
    pub(crate) fn start_with(layers: Layers) -> Option<Self> {
        let library = library()?;
        let folder = tempfile::tempdir().expect("temp folder");
        let front = Running::start_with(&library, folder.path(), layers);
        Some(Self { front, folder })
    }
}
