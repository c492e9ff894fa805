//! A GitHub whose answers a test decides, and changes while Gapless runs.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

#[derive(Default)]
struct Told {
    answers: BTreeMap<String, Value>,
    /// How often each path was asked for.
    asked: BTreeMap<String, usize>,
}

pub(crate) struct GitHub {
    base_url: String,
    told: Arc<Mutex<Told>>,
}

impl GitHub {
    pub(crate) async fn start() -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&told));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base_url, told }
    }

    /// From now on `path` is answered with 200 and `body`; what no test set is not found.
    pub(crate) fn answers(&self, path: &str, body: Value) {
        let mut told = self.told.lock().unwrap();
        told.answers.insert(path.to_owned(), body);
    }

    /// From now on an item of a repository is answered, with an empty timeline.
    pub(crate) fn shows_item(&self, repository_id: i64, item: &Value) {
        let path = format!("/repositories/{repository_id}/issues/{}", item["number"]);
        self.answers(&path, item.clone());
        self.answers(&format!("{path}/timeline"), json!([]));
    }

    /// How often `path` was asked for.
    pub(crate) fn times_asked(&self, path: &str) -> usize {
        let told = self.told.lock().unwrap();
        told.asked.get(path).copied().unwrap_or(0)
    }

    /// From now on there is nothing at `path` or below.
    pub(crate) fn forgets(&self, path: &str) {
        let mut told = self.told.lock().unwrap();
        told.answers.retain(|known, _| !known.starts_with(path));
    }

    /// Writes the configuration of a Gapless that asks here, of `owner` and impatiently.
    pub(crate) fn configure(&self, folder: &Path, owner: &str) {
        let file = format!(
            "[[sources]]\nowner = \"{owner}\"\napi_base_url = \"{}\"\ntoken = \"t\"\n\
             [patience]\ngrace_seconds = 1\nretry_after_seconds = 1\n\
             [polls]\nchanged_seconds = 1\neverything_seconds = 2\nrepositories_seconds = 1\n\
             overlap_seconds = 1\nretry_seconds = 1\n",
            self.base_url
        );
        fs::write(folder.join("gapless.toml"), file).unwrap();
    }
}

async fn answer(State(told): State<Arc<Mutex<Told>>>, uri: Uri) -> Response {
    let mut told = told.lock().unwrap();
    *told.asked.entry(uri.path().to_owned()).or_default() += 1;
    match told.answers.get(uri.path()) {
        Some(body) => Json(body.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({"message": "Not Found"}))).into_response(),
    }
}

/// A repository of `acme`, as GitHub shows it.
pub(crate) fn repository(id: i64, name: &str) -> Value {
    json!({"id": id, "name": name, "full_name": format!("acme/{name}"), "private": false,
        "owner": {"login": "acme", "id": 9, "type": "Organization"}, "default_branch": "main",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"})
}

/// An open issue of long ago.
pub(crate) fn issue(number: i64) -> Value {
    json!({"id": 1_000 + number, "number": number, "title": format!("Issue {number}"),
        "state": "open", "state_reason": null, "user": user("alice", 11), "locked": false,
        "labels": [], "assignees": [], "milestone": null, "comments": 0,
        "created_at": "2026-01-02T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z",
        "closed_at": null})
}

pub(crate) fn user(login: &str, id: i64) -> Value {
    json!({"login": login, "id": id, "type": "User"})
}

/// A delivery of `gapless send`'s recordings, about `repository`, with what else it tells.
pub(crate) fn delivery(event: &str, action: &str, repository: &Value, told: Value) -> String {
    let mut body = told;
    body["action"] = action.into();
    body["repository"] = repository.clone();
    body["sender"] = user("bob", 12);
    json!({"kind": "webhook", "event": event, "body": body}).to_string()
}
