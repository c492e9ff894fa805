//! The operator's listener: the page, health, readiness and metrics.

use super::Places;
use super::roles::Health;
use anyhow::Result;
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use gapless_page::{PageOptions, page_router};
use std::sync::Arc;

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
        .route("/metrics", get(move || async move { metrics.metrics() })))
}

fn readiness(health: &Health) -> impl IntoResponse + use<> {
    let troubles = health.troubles();
    if troubles.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, troubles.join("\n") + "\n")
    }
}
