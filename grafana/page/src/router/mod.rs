//! The page's routes.
//!
//! | route | answers |
//! |---|---|
//! | `GET /` | redirects to the overview |
//! | `GET /d/{uid}` | the page; its address holds time range and variables, as Grafana's does. `/d/overview` and the like, of before names were prefixed, redirect |
//! | `GET /assets/{*path}` | scripts and styles, from the binary |
//! | `GET /api/dashboards` | titles for the navigation |
//! | `GET /api/dashboards/{uid}` | a dashboard without its statements |
//! | `GET /api/dashboards/{uid}/variables?from&to&var-x` | time range and variables, resolved |
//! | `GET /api/dashboards/{uid}/panels/{id}/data?from&to&var-x` | a panel's columns and rows |
//!
//! | `GET /api/status` | what the process tells of itself for the live strip; 204 where it tells nothing |
//!
//! There is no fallback route, so that the router can be merged into another.

mod assets;
mod figures;
mod headers;
mod problem;

use crate::Library;
use crate::dashboard::Refused;
use crate::query::{Store, StoreOptions};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use jiff::Timestamp;
use std::sync::Arc;

/// What the process tells of itself, asked for every two seconds by each open page:
/// `{"title": "Demo", "items": [{"label": "Events/s", "value": 212, "state": "ok"}]}`, where a
/// value is a number or a text, and a state (`ok`, `warn`, `bad`) may be left out.
pub type StatusSource = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// The page's time, in milliseconds since 1970: what `now` in ranges and in queries is.
pub type PageClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What the page needs.
#[derive(Clone)]
pub struct PageOptions {
    /// Where the figures are and who reads them.
    pub store: StoreOptions,
    /// Fills the live strip; none hides it.
    pub status: Option<StatusSource>,
    /// The page's time; none is the wall clock.
    pub clock: Option<PageClock>,
}

/// Why there is no page. Reaction: stop.
#[derive(Debug, thiserror::Error)]
pub enum NoPage {
    /// A dashboard's file is not allowed.
    #[error("dashboard {0}")]
    Dashboard(#[from] Refused),
    /// No HTTP client.
    #[error("HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// What handlers share.
struct Page {
    library: Library,
    store: Store,
    status: Option<StatusSource>,
    clock: Option<PageClock>,
}

impl Page {
    fn now(&self) -> Timestamp {
        let told = self.clock.as_ref().map(|clock| clock());
        let told = told.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        told.unwrap_or_else(Timestamp::now)
    }
}

/// The page of any dashboard: its script reads which from the address. Addresses of before names
/// were prefixed lead to the same dashboard.
async fn dashboard_page(
    State(page): State<Arc<Page>>,
    uri: Uri,
    uid: Path<String>,
    headers: HeaderMap,
) -> Response {
    let named = format!("gapless-{}", uid.as_str());
    if page.library.dashboard(&named).is_none() {
        return assets::page(headers).await;
    }
    let query = uri.query().map(|query| format!("?{query}"));
    Redirect::permanent(&format!("/d/{named}{}", query.unwrap_or_default())).into_response()
}

/// The page's routes, see the module.
///
/// # Errors
/// See [`NoPage`].
pub fn page_router(options: PageOptions) -> Result<Router, NoPage> {
    let page = Page {
        library: Library::load()?,
        store: Store::new(options.store)?,
        status: options.status,
        clock: options.clock,
    };
    Ok(Router::new()
        .route(
            "/",
            get(|| async { Redirect::temporary("/d/gapless-overview") }),
        )
        .route("/d/{uid}", get(dashboard_page))
        .route("/assets/{*path}", get(assets::asset))
        .route("/api/dashboards", get(figures::dashboards))
        .route("/api/dashboards/{uid}", get(figures::dashboard))
        .route("/api/dashboards/{uid}/variables", get(figures::variables))
        .route("/api/dashboards/{uid}/panels/{id}/data", get(figures::data))
        .route("/api/status", get(figures::status))
        .layer(map_response(headers::secure))
        .with_state(Arc::new(page)))
}
