//! The operator's listener: the page, health, readiness and metrics.

use super::Places;
use super::roles::Health;
use anyhow::Result;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gapless_ingest::webhook::Limits;
use gapless_page::{PageOptions, page_router};
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

/// Fills the page's live strip; see [`gapless_page::StatusSource`] for its form.
pub(crate) type Live = Arc<dyn Fn(&Health) -> serde_json::Value + Send + Sync>;

/// All routes of the operator's port.
///
/// Under `/registry` lies the schema registry's read API, for Kafka tools, unless there is a registry
/// of its own.
/// `/healthz` says that the process runs; `/readyz` answers 503 and every reason, a line each, while
/// some part cannot do its work. Neither needs more than memory, so that both answer in trouble.
pub(super) fn router(places: &Places, health: Arc<Health>, status: Option<Live>) -> Result<Router> {
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
    let page = page_router(PageOptions { store, status })?;
    let (ready, metrics) = (Arc::clone(&health), health);
    let page = match places.registry_url {
        None => page.nest("/registry", gapless_registry::router(&places.topics)),
        Some(_) => page,
    };
    Ok(page
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || async move { readiness(&ready) }))
        .route("/metrics", get(move || async move { metrics.metrics() }))
        .layer(from_fn(in_time)))
}

/// Gives a request up that takes too long.
async fn in_time(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await;
    answered.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

fn readiness(health: &Health) -> impl IntoResponse + use<> {
    let troubles = health.troubles();
    if troubles.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, troubles.join("\n") + "\n")
    }
}
