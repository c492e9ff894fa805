//! The load generator: HTTP/1.1 over kept connections, signed beforehand, on the loopback only.
//!
//! At a rate, each delivery has an intended time, and its latency counts from that time: a server
//! that stalls is not spared what would have come meanwhile. Without a rate each connection posts
//! as soon as it is answered, and latencies count from then.

use crate::bodies::{Bodies, secret};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What to send.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The server, on the loopback.
    pub(crate) address: SocketAddr,
    pub(crate) bodies: Bodies,
    /// Different bodies that are made; posted in turn.
    pub(crate) variety: usize,
    /// Bodies to pass over first: an earlier plan has sent them.
    pub(crate) skip: usize,
    pub(crate) connections: usize,
    /// Posts a second; none: as fast as they are answered.
    pub(crate) rate: Option<f64>,
    pub(crate) seconds: u64,
    /// Makes the delivery ids of this plan its own.
    pub(crate) label: u32,
    /// Whether to tell of each delivery.
    pub(crate) each: bool,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    /// From the first post to the last answer.
    pub(crate) seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) mean_bytes: f64,
    pub(crate) each: Vec<Accepted>,
}

/// A delivery that was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) guid: String,
    /// When the answer came, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// The issue or pull request that it opened.
    pub(crate) opened: Option<Opened>,
}

/// An issue or pull request that a delivery opened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) repository_id: i64,
    pub(crate) number: i64,
}

/// Posts that a plan may have at most, whatever its time.
const POSTS_MAX: u64 = 2_000_000;
/// As GitHub.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Digits of a delivery id.
const GUID_BYTES: usize = 36;

/// A request whose delivery id is still to be written in.
struct Request {
    bytes: Vec<u8>,
    guid_at: usize,
    opened: Option<Opened>,
}

struct Load {
    plan: Plan,
    requests: Vec<Request>,
    began: Instant,
    next: Cell<u64>,
    refused: Cell<u64>,
    latencies_us: RefCell<Vec<u32>>,
    each: RefCell<Vec<Accepted>>,
}

/// Carries out the plan.
pub(crate) async fn run(plan: Plan) -> Result<Done> {
    ensure!(
        plan.address.ip().is_loopback(),
        "load goes to the loopback only"
    );
    let requests = requests(&plan);
    ensure!(!requests.is_empty(), "there is nothing to send");
    let mean_bytes = requests.iter().map(|it| it.bytes.len()).sum::<usize>() as f64;
    let mean_bytes = mean_bytes / requests.len() as f64;
    let load = Rc::new(Load {
        plan,
        requests,
        began: Instant::now(),
        next: Cell::new(0),
        refused: Cell::new(0),
        latencies_us: RefCell::default(),
        each: RefCell::default(),
    });
    let local = tokio::task::LocalSet::new();
    let connections: Vec<_> = (0..load.plan.connections)
        .map(|_| local.spawn_local(Rc::clone(&load).connection()))
        .collect();
    local
        .run_until(async {
            for connection in connections {
                connection.await??;
            }
            anyhow::Ok(())
        })
        .await?;
    let mut latencies = load.latencies_us.take();
    latencies.sort_unstable();
    Ok(Done {
        accepted: latencies.len() as u64,
        refused: load.refused.get(),
        seconds: load.began.elapsed().as_secs_f64(),
        p50_ms: percentile(&latencies, 0.50) / 1e3,
        p99_ms: percentile(&latencies, 0.99) / 1e3,
        mean_bytes,
        each: load.each.take(),
    })
}

/// The value below which this share of `sorted` lies; 0 where there is none.
pub(crate) fn percentile<T: Copy + Into<f64>>(sorted: &[T], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    let place = place.min(sorted.len().saturating_sub(1));
    sorted.get(place).map_or(0.0, |&value| value.into())
}

fn requests(plan: &Plan) -> Vec<Request> {
    let secret = secret();
    let deliveries = plan.bodies.deliveries(plan.skip + plan.variety);
    deliveries
        .skip(plan.skip)
        .map(|delivery| {
            let mut head = format!(
                "POST /webhook HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n",
                plan.address,
                delivery.body.len()
            );
            for (name, value) in delivery.headers(&secret) {
                if name != "X-GitHub-Delivery" {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
            }
            head.push_str("X-GitHub-Delivery: ");
            let guid_at = head.len();
            head.push_str(&"0".repeat(GUID_BYTES));
            head.push_str("\r\n\r\n");
            let is_item = matches!(delivery.event, "pull_request" | "issues");
            let opened = delivery
                .number
                .zip(delivery.repository_id)
                .filter(|_| is_item && delivery.action == Some("opened"))
                .map(|(number, repository_id)| Opened {
                    repository_id: i64::try_from(repository_id).unwrap_or_default(),
                    number: i64::from(number),
                });
            let mut bytes = head.into_bytes();
            bytes.extend_from_slice(&delivery.body);
            Request {
                bytes,
                guid_at,
                opened,
            }
        })
        .collect()
}

impl Load {
    /// One connection's posts.
    async fn connection(self: Rc<Self>) -> Result<()> {
        let mut stream = TcpStream::connect(self.plan.address).await?;
        stream.set_nodelay(true)?;
        let length = Duration::from_secs(self.plan.seconds);
        let (mut request, mut answer) = (Vec::new(), Vec::new());
        loop {
            let post = self.next.get();
            let intended = match self.plan.rate {
                Some(rate) => self.began + Duration::from_secs_f64(post as f64 / rate),
                None => Instant::now(),
            };
            if post >= POSTS_MAX || intended.saturating_duration_since(self.began) >= length {
                return Ok(());
            }
            self.next.set(post + 1);
            tokio::time::sleep_until(intended).await;
            let template = &self.requests[(post % self.requests.len() as u64) as usize];
            let guid = format!("{:08x}-0000-4000-8000-{post:012x}", self.plan.label);
            request.clear();
            request.extend_from_slice(&template.bytes);
            request[template.guid_at..template.guid_at + GUID_BYTES]
                .copy_from_slice(guid.as_bytes());
            let answered = tokio::time::timeout(ANSWER_WITHIN, async {
                stream.write_all(&request).await?;
                status(&mut stream, &mut answer).await
            });
            match answered.await.context("no answer in time")?? {
                200..=299 => self.note_accepted(intended, guid, template),
                _ => self.refused.set(self.refused.get() + 1),
            }
        }
    }

    fn note_accepted(&self, intended: Instant, guid: String, template: &Request) {
        let micros = u32::try_from(intended.elapsed().as_micros()).unwrap_or(u32::MAX);
        self.latencies_us.borrow_mut().push(micros);
        if self.plan.each {
            self.each.borrow_mut().push(Accepted {
                guid,
                at_ms: now_ms(),
                opened: template.opened.clone(),
            });
        }
    }
}

/// The machine's clock, in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Reads one answer and gives its status. Answers tell their length, and nothing follows before
/// the next request.
async fn status(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<u16> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            bail!("the server closed a connection");
        }
        let Some(head_end) = answer.windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&answer[..head_end])?.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.context("an answer without length")?.trim().parse()?;
        if answer.len() >= head_end + 4 + length {
            let status = head.split(' ').nth(1).context("no status")?;
            return Ok(status.parse()?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_below_which_that_share_lies() {
        let values: Vec<u32> = (0..100).collect();
        assert_eq!(percentile(&values, 0.50), 50.0);
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert_eq!(percentile::<u32>(&[], 0.5), 0.0);
    }
}
