//! The ClickHouse engine behind its HTTP interface, as a child process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use gapless_clickhouse_front as front;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::part::{Part, PartCommand};
use crate::process::{Probe, Spec};

/// The part's name in messages and of its log file.
pub(crate) const NAME: &str = "clickhouse";
/// Opening tables with many parts takes its time.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Running statements end first.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// How to run a front set up with `options`.
pub(crate) fn spec(options: front::Options, log_path: PathBuf, part_command: PartCommand) -> Spec {
    let probe = probe(options.listen.port());
    Spec {
        name: NAME,
        command: Box::new(move || part_command.command(Part::ClickHouseFront(options.clone()))),
        log_path,
        probe,
        ready_within: READY_WITHIN,
        stop_within: STOP_WITHIN,
    }
}

/// Ready is: `/ping` answers.
fn probe(port: u16) -> Probe {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Box::new(move || Box::pin(async move { ping(address).await.unwrap_or(false) }))
}

async fn ping(address: SocketAddr) -> std::io::Result<bool> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(b"GET /ping HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer.ends_with("Ok.\n"))
}
