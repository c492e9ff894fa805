//! The ClickHouse engine behind its HTTP interface, as a child process.

use std::net::SocketAddr;
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
    let probe = probe(options.listen, &options.writer);
    Spec {
        name: NAME,
        command: Box::new(move || part_command.command(Part::ClickHouseFront(options.clone()))),
        log_path,
        probe,
        ready_within: READY_WITHIN,
        stop_within: STOP_WITHIN,
    }
}

/// Ready is: a query answers. It is asked with the password of this data folder, so another
/// ClickHouse on this port is not taken for ours.
fn probe(address: SocketAddr, writer: &front::Credentials) -> Probe {
    let request = format!(
        "GET /?query=SELECT+'ready' HTTP/1.0\r\n\
         X-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\n\r\n",
        writer.user, writer.password
    );
    Box::new(move || {
        let request = request.clone();
        Box::pin(async move { is_answered(address, &request).await.unwrap_or(false) })
    })
}

async fn is_answered(address: SocketAddr, request: &str) -> std::io::Result<bool> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer.ends_with("ready\n"))
}
