//! The webhook over HTTP: a router, and a server whose time limits really work.
//!
//! `axum::serve` gives hyper no timer, so its header timeout would never fire; this server does.
//! Hyper starts that timer when it begins to wait for a request's first byte, so one limit bounds
//! slow headers and idle connections alike. A peer that takes no answers is bounded by
//! [`WriteLimited`].

use super::write_limit::WriteLimited;
use super::{Limits, Outcome, Webhook, body, descriptors, request};
use crate::clock::Clock;
use crate::log::EventLog;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::any;
use http::header::{CONTENT_TYPE, EXPECT, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// The routes of the public port: `/webhook`, and nothing else.
pub fn webhook_router<L, C>(webhook: Arc<Webhook<L, C>>) -> Router
where
    L: EventLog + 'static,
    C: Clock + 'static,
{
    Router::new()
        .route("/webhook", any(handle::<L, C>))
        .with_state(webhook)
}

async fn handle<L, C>(State(webhook): State<Arc<Webhook<L, C>>>, request: Request) -> Response<Body>
where
    L: EventLog + 'static,
    C: Clock + 'static,
{
    let (parts, body) = request.into_parts();
    let outcome = receive(&webhook, &parts, body).await;
    webhook.metrics.ended(outcome);
    if outcome.status() >= 400 {
        tracing::debug!(outcome = outcome.name(), "a request was refused");
    }
    answer(outcome)
}

async fn receive<L, C>(
    webhook: &Arc<Webhook<L, C>>,
    parts: &http::request::Parts,
    mut body: Body,
) -> Outcome
where
    L: EventLog + 'static,
    C: Clock + 'static,
{
    let limit = webhook.limits.body_timeout;
    let preflight = match request::preflight(&parts.method, &parts.headers, &webhook.keys) {
        Ok(preflight) => preflight,
        Err(outcome) => {
            // To read on would ask for the body that is refused.
            if !parts.headers.contains_key(EXPECT) {
                body::drain_behind(body, limit);
            }
            return outcome;
        }
    };
    match body::read(&mut body, &webhook.budget, limit).await {
        // The share of the budget is held until the log has answered.
        Ok(held) => {
            let _share = held.share;
            webhook.append(preflight, held.bytes).await
        }
        Err(outcome) => {
            if matches!(outcome, Outcome::TooLarge | Outcome::Busy) {
                body::drain_behind(body, limit);
            }
            outcome
        }
    }
}

fn answer(outcome: Outcome) -> Response<Body> {
    // Messages are our own and need no escaping.
    let mut response = Response::new(Body::from(format!("{{\"msg\":\"{}\"}}", outcome.message())));
    *response.status_mut() =
        StatusCode::from_u16(outcome.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = outcome.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if outcome == Outcome::MethodNotAllowed {
        let (name, methods) = request::ALLOWED;
        headers.insert(name, HeaderValue::from_static(methods));
    }
    response
}

/// Serves `router` on `listener` until `shutdown` ends, then lets requests under way end within
/// `limits.stop_timeout`.
///
/// # Errors
/// Never for a connection's own faults. A listener that fails to accept (no file descriptors,
/// say) is tried again after a moment; only where the listener itself is broken this ends.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_max_bytes);
    let slots = Arc::new(Semaphore::new(descriptors::connections_max(
        limits.connections_max,
    )));
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accept = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            () = &mut shutdown => break,
            next = accept => next,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small and GitHub waits for them: no delay to fill a packet.
        let _ = stream.set_nodelay(true);
        let stream = WriteLimited::new(stream, limits.write_timeout);
        let router = router.clone();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = graceful.watch(protocol.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.stop_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some connections did not end in time and are dropped");
    }
    Ok(())
}

/// How long to wait after an accept that failed: the cause is usually a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
