//! The REST API on a loopback port: a thin shell over [`World::answer`](crate::World::answer).
//!
//! Before each answer the world makes all changes up to the clock's time, so that an answer
//! requested at a simulated instant never tells less than what was true then.

use crate::api::{Request, Response, Transport};
use crate::clock::SimulatedClock;
use crate::faults::Feed;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use futures_util::{StreamExt, stream};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A feed that a driver and the API share. Locked only for as long as one change, one answer or
/// one arrival takes.
pub type SharedFeed = Arc<Mutex<Feed>>;

/// The API on a loopback port.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Shell {
    feed: SharedFeed,
    clock: SimulatedClock,
}

/// How long a request is held that is never answered; callers give up long before.
const NEVER_SECONDS: u64 = 120;
/// How long after its first part the connection of a truncated answer ends.
const TRUNCATED_AFTER: Duration = Duration::from_millis(20);
/// How long a stop waits for answers under way.
const STOP_SECONDS: u64 = 1;

impl ApiServer {
    /// Serves the feed's world on a free loopback port, at the clock's time.
    ///
    /// # Errors
    /// Where no loopback port can be had.
    pub async fn start(feed: SharedFeed, clock: SimulatedClock) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .fallback(answer)
            .with_state(Shell { feed, clock });
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(async {
                // A dropped sender means the server's owner is gone: stop as well.
                let _ = stopped.await;
            });
            if let Err(error) = served.await {
                tracing::error!(%error, "the simulated API stopped");
            }
        });
        Ok(Self {
            address,
            stop,
            task,
        })
    }

    /// The address to configure as the API's base: `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops serving.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let mut task = self.task;
        let ended = tokio::time::timeout(Duration::from_secs(STOP_SECONDS), &mut task).await;
        if ended.is_err() {
            task.abort();
        }
    }
}

/// The feed, even where a panic of another holder poisoned the lock: a test that panics should
/// report that panic and no other.
pub(crate) fn lock(feed: &SharedFeed) -> std::sync::MutexGuard<'_, Feed> {
    feed.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    State(shell): State<Shell>,
    method: Method,
    uri: Uri,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> axum::http::Response<Body> {
    let request = request(method, &uri, query, &headers, shell.clock.now());
    let response = {
        let mut feed = lock(&shell.feed);
        feed.change_until(request.now);
        feed.world.answer(&request)
    };
    into_http(response).await
}

fn request(
    method: Method,
    uri: &Uri,
    query: Vec<(String, String)>,
    headers: &HeaderMap,
    now: gapless_schemas::Timestamp,
) -> Request {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    let prefix = if uri.path().starts_with("/api/v3/") {
        "/api/v3"
    } else {
        ""
    };
    Request {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query,
        now,
        token: text("authorization"),
        if_none_match: text("if-none-match"),
        base: text("host").map(|host| format!("http://{host}{prefix}")),
    }
}

async fn into_http(response: Response) -> axum::http::Response<Body> {
    let body = match response.transport {
        Transport::Complete => Body::from(response.body),
        Transport::Truncated => {
            let part: Result<Bytes, io::Error> = Ok(response.body.into());
            // Without a pause the end would be noticed before the headers are on their way.
            let end = async {
                tokio::time::sleep(TRUNCATED_AFTER).await;
                Err(io::Error::other("the connection ends here"))
            };
            Body::from_stream(stream::iter([part]).chain(stream::once(end)))
        }
        Transport::Never => {
            tokio::time::sleep(Duration::from_secs(NEVER_SECONDS)).await;
            Body::empty()
        }
    };
    let mut http = axum::http::Response::new(body);
    *http.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            http.headers_mut().insert(name, value);
        }
    }
    http
}
