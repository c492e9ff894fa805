//! One ClickHouse front for all tests of this program; each test has its own database.

use clickhouse::Client;
use gapless_clickhouse_front::{Credentials, OPTIONS_VARIABLE, Options, run_from_environment};
use gapless_embedded::Cache;
use gapless_projections::sink::ClickHouseOptions;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(60);

/// Becomes the front, and dies with the program that wants it.
pub(crate) fn become_front_if_asked() {
    if std::env::var_os(OPTIONS_VARIABLE).is_some() {
        set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
        run_from_environment().unwrap();
        std::process::exit(0);
    }
}

/// A database of its own on the shared front; none where the engine cannot be had, which is said.
pub(crate) fn database() -> Option<ClickHouseOptions> {
    static FRONT: OnceLock<Option<SocketAddr>> = OnceLock::new();
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let address = (*FRONT.get_or_init(start))?;
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    Some(ClickHouseOptions {
        url: format!("http://{address}"),
        user: "gapless".into(),
        password: "w".into(),
        database: format!("test{number}"),
    })
}

fn start() -> Option<SocketAddr> {
    let library = match Cache::open(None).and_then(|cache| cache.clickhouse_engine()) {
        Ok(library) => library,
        Err(error) => {
            eprintln!("SKIPPED: the ClickHouse engine cannot be fetched: {error}");
            return None;
        }
    };
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let listen = free.local_addr().unwrap();
    drop(free);
    let (started, starts) = std::sync::mpsc::sync_channel(1);
    // The kernel ties the front's life to the thread that started it: this one never ends.
    std::thread::spawn(move || {
        let data = tempfile::tempdir().unwrap();
        let credentials = |user: &str, password: &str| Credentials {
            user: user.into(),
            password: password.into(),
        };
        let options = Options {
            library,
            listen,
            data_dir: data.path().to_owned(),
            writer: credentials("gapless", "w"),
            reader: credentials("reader", "r"),
            slots: 8,
            memory_bytes: 1 << 30,
        };
        let mut front = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "embedded_part", "--nocapture"])
            .env(OPTIONS_VARIABLE, serde_json::to_string(&options).unwrap())
            .env("TZ", "UTC")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        started.send(()).unwrap();
        let _ = front.wait();
    });
    starts.recv().unwrap();
    let since = Instant::now();
    while !answers(listen) {
        assert!(since.elapsed() < READY_WITHIN, "the front does not start");
        std::thread::yield_now();
    }
    Some(listen)
}

fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect(address)?;
        connection.write_all(b"GET /ping HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.ends_with("Ok.\n"))
}

/// The rows that a query answers, tab-separated.
pub(crate) async fn rows(client: &Client, sql: &str) -> Vec<String> {
    rows_as(client, sql, "TabSeparated").await
}

/// The rows that a query answers in a format of one line a row.
pub(crate) async fn rows_as(client: &Client, sql: &str, format: &str) -> Vec<String> {
    let rows = rows_or_error(client, sql, format).await;
    rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The same where what is asked may not be there yet.
pub(crate) async fn rows_or_error(
    client: &Client,
    sql: &str,
    format: &str,
) -> Result<Vec<String>, clickhouse::error::Error> {
    let mut cursor = client.query_raw(sql).fetch_bytes(format)?;
    let mut text = Vec::new();
    while let Some(bytes) = cursor.next().await? {
        text.extend_from_slice(&bytes);
    }
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().map(str::to_owned).collect())
}
