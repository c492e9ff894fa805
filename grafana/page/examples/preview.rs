//! The page over half a year of an invented organisation, to look at while working on it:
//! `cargo run -p gapless-page --example preview -- 127.0.0.1:8099`.

#[path = "../tests/real/organisation.rs"]
mod organisation;
#[path = "../tests/real/store.rs"]
mod store;

use gapless_page::{PageOptions, page_router};
use std::sync::Arc;

fn main() {
    // Before there is a runtime: the front makes its own.
    store::become_front_if_asked();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(preview());
}

async fn preview() {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8099".into());
    let organisation = organisation::Organisation { now: store::now() };
    let Some(store) = store::Store::start(&[], Some(&organisation)).await else {
        return;
    };
    let status = Arc::new(|| {
        serde_json::json!({"title": "Preview", "items": [
            {"label": "Events/s", "value": 212},
            {"label": "Gaps opened", "value": 31},
            {"label": "Healed", "value": 29, "state": "ok"},
            {"label": "Open", "value": 2, "state": "warn"},
        ]})
    });
    let page = page_router(PageOptions {
        store: store.reader(),
        status: Some(status),
        clock: None,
    });
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .expect("the address is free");
    println!("http://{address}/");
    axum::serve(listener, page.expect("dashboards are allowed"))
        .await
        .expect("the page is served");
}
