//! The operator's listener: the page, health, readiness and metrics.

use super::Places;
use super::roles::Health;
use anyhow::Result;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use gapless_ingest::Clock;
use gapless_ingest::webhook::Limits;
use gapless_page::{PageClock, PageOptions, page_router};
use prometheus_client::registry::Registry;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Connections of people, of Prometheus, and of tools that read schemas.
const CONNECTIONS_MAX: usize = 256;
/// Time for a whole request, its body included. Queries have a shorter limit of their own.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

/// Bounds of the operator's port: those of the webhook, for fewer connections. An answer may be a
/// whole charting library on its way through a slow tunnel.
pub(super) fn limits() -> Limits {
    Limits {
        connections_max: CONNECTIONS_MAX,
        write_timeout: Duration::from_secs(60),
        ..Limits::default()
    }
}

/// The form of Prometheus' text that its own library writes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Fills the page's live strip; see [`gapless_page::StatusSource`] for its form.
pub(crate) type Live = Arc<dyn Fn(&Health) -> serde_json::Value + Send + Sync>;

/// All routes of the operator's port, which listens on `address`. The page goes by `clock`, as all
/// roles do: in a demo, "now" is when its simulated organisation is.
///
/// Under `/registry` lies the schema registry's read API, for Kafka tools, unless there is a registry
/// of its own.
/// `/healthz` says that the process runs; `/readyz` answers 503 and every reason, a line each, while
/// some part cannot do its work; `/readyz/webhook` only while no delivery can be taken in, so that
/// nothing that leads GitHub here stops doing so for a table's sake; `/health` says the reasons and how
/// far the parts are, as JSON, and `/metrics` what Prometheus asks for. None of them needs more than
/// memory, so that all answer in trouble.
pub(super) fn router(
    places: &Places,
    address: SocketAddr,
    health: Arc<Health>,
    registry: Registry,
    status: Option<Live>,
    clock: impl Clock + 'static,
) -> Result<Router> {
    let clickhouse = &places.clickhouse;
    let store = gapless_page::StoreOptions::new(
        &clickhouse.url,
        &places.reader.user,
        &places.reader.password,
        &clickhouse.database,
    );
    let status = status.map(|live| {
        let health = Arc::clone(&health);
        Arc::new(move || live(&health)) as gapless_page::StatusSource
    });
    let clock: PageClock = Arc::new(move || clock.now().as_millis());
    let clock = Some(clock);
    let page = page_router(PageOptions {
        store,
        status,
        clock,
    })?;
    let (ready, intake) = (Arc::clone(&health), Arc::clone(&health));
    let registry = Arc::new(registry);
    let page = match places.registry_url {
        None => page.nest("/registry", gapless_registry::router(&places.topics)),
        Some(_) => page,
    };
    let all = page
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get(move || async move { readiness(&ready.troubles()) }),
        )
        .route(
            "/readyz/webhook",
            get(move || async move { readiness(&intake.intake_troubles()) }),
        )
        .route("/health", get(move || async move { Json(health.report()) }))
        .route("/metrics", get(move || async move { metrics(&registry) }))
        .layer(from_fn(in_time));
    Ok(guarded(all, address))
}

/// A page of somebody else's, in the browser of a person at this machine, can have its own name
/// resolved to a loopback address, and then read here what is for that person alone (DNS
/// rebinding). Its requests tell themselves by that name. Where the port is not on loopback, whoever
/// opened it decides who reaches it, and by what name.
fn guarded(router: Router, address: SocketAddr) -> Router {
    if address.ip().to_canonical().is_loopback() {
        router.layer(from_fn(without_foreign_names))
    } else {
        router
    }
}

async fn without_foreign_names(request: Request, next: Next) -> Response {
    // A browser always sends a host; a health check of few lines need not.
    if request.headers().get_all(HOST).iter().all(is_own) {
        return next.run(request).await;
    }
    let why = "This port answers to an IP address or to localhost only: a proxy in front of it has \
               to send one of these as Host.\n";
    (StatusCode::MISDIRECTED_REQUEST, why).into_response()
}

/// Whether a `Host` is one that no DNS server can have been asked for.
fn is_own(host: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(host.as_bytes()) else {
        return false;
    };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// Gives a request up that takes too long.
async fn in_time(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await;
    answered.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

fn metrics(registry: &Registry) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn readiness(troubles: &[String]) -> impl IntoResponse + use<> {
    if troubles.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, troubles.join("\n") + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_only_addresses_and_localhost_are_own_hosts() {
        let own = [
            "127.0.0.1",
            "127.0.0.1:8081",
            "[::1]",
            "[::1]:8081",
            "10.0.0.7:8081",
            "localhost",
            "LOCALHOST:8081",
        ];
        let foreign = [
            "evil.example",
            "evil.example:8081",
            "127.0.0.1.evil.example",
            "localhost.evil.example:8081",
            "localhost@evil.example",
            "a b",
            "",
        ];
        for (hosts, expected) in [(own, true), (foreign, false)] {
            for host in hosts {
                assert_eq!(is_own(&HeaderValue::from_static(host)), expected, "{host}");
            }
        }
    }

    #[tokio::test]
    async fn a_foreign_name_gets_nothing_of_a_port_on_loopback() {
        let table = [
            ("127.0.0.1:8081", "evil.example", 421),
            ("[::1]:8081", "evil.example", 421),
            ("[::ffff:127.0.0.1]:8081", "evil.example", 421),
            ("127.0.0.1:8081", "localhost:8081", 200),
            ("0.0.0.0:8081", "gapless.example", 200),
            ("10.0.0.7:8081", "gapless.example", 200),
        ];
        for (address, host, expected) in table {
            let page = Router::new().route("/", get(|| async { "figures" }));
            let router = guarded(page, address.parse().unwrap());
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            tokio::spawn(async { axum::serve(listener, router).await });
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let answer = client.get(url).header(HOST, host).send().await.unwrap();
            assert_eq!(answer.status(), expected, "{address} as {host}");
            let is_told = answer.text().await.unwrap().contains("figures");
            assert_eq!(is_told, expected == 200, "{address} as {host}");
        }
    }
}
