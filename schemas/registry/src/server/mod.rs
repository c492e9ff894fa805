//! The registry's API as Confluent defines it, read-only: subjects, versions and ids of the
//! schemas that this binary writes, and that earlier releases wrote.
//!
//! They are those of [`gapless_schemas::Release::ALL`], fixed for ever, so there is nothing to
//! store and nothing that a client could add: registering a schema that is here returns its id, as
//! any registry would; another one is refused in the words a registry in read-only mode uses.

mod answer;
mod catalogue;

use answer::{Answer, Refusal};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use catalogue::{Catalogue, Entry};
use gapless_schemas::{Release, Topics};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// How the schemas of every subject evolve: what was written is read by every later release, and
/// what is written now by every earlier one.
pub(crate) const COMPATIBILITY: &str = "FULL_TRANSITIVE";

/// The API, to be served wherever the caller listens.
pub fn router(topics: &Topics) -> Router {
    serving(Catalogue::of(Release::ALL, topics))
}

fn serving(catalogue: Catalogue) -> Router {
    Router::new()
        .route("/", get(async || Answer(json!({}))))
        .route("/subjects", get(list_subjects))
        .route("/subjects/{subject}", post(look_up))
        .route(
            "/subjects/{subject}/versions",
            get(list_versions).post(register),
        )
        .route("/subjects/{subject}/versions/{version}", get(version))
        .route(
            "/subjects/{subject}/versions/{version}/schema",
            get(version_text),
        )
        .route("/schemas/types", get(async || Answer(json!(["AVRO"]))))
        .route("/schemas/ids/{id}", get(schema))
        .route("/schemas/ids/{id}/schema", get(schema_text))
        .route("/schemas/ids/{id}/subjects", get(schema_subjects))
        .route("/schemas/ids/{id}/versions", get(schema_versions))
        .route("/config", get(async || compatibility()))
        .route("/config/{subject}", get(subject_compatibility))
        .route("/mode", get(async || mode()))
        .route("/mode/{subject}", get(subject_mode))
        .fallback(async || Refusal::NoSuchResource)
        .method_not_allowed_fallback(async || Refusal::MethodNotAllowed)
        .with_state(Arc::new(catalogue))
}

type Shared = State<Arc<Catalogue>>;
type Outcome = Result<Answer, Refusal>;

#[derive(Deserialize)]
struct Filter {
    #[serde(rename = "subjectPrefix", default)]
    prefix: String,
}

async fn list_subjects(State(catalogue): Shared, Query(filter): Query<Filter>) -> Answer {
    let names: Vec<&str> = catalogue
        .subjects()
        .filter(|name| name.starts_with(&filter.prefix))
        .collect();
    Answer(json!(names))
}

async fn list_versions(State(catalogue): Shared, Path(subject): Path<String>) -> Outcome {
    let versions = catalogue.versions(&subject)?;
    let numbers: Vec<u32> = versions.iter().map(|entry| entry.version).collect();
    Ok(Answer(json!(numbers)))
}

async fn version(
    State(catalogue): Shared,
    Path((subject, version)): Path<(String, String)>,
) -> Outcome {
    Ok(described(catalogue.version(&subject, &version)?))
}

async fn version_text(
    State(catalogue): Shared,
    Path((subject, version)): Path<(String, String)>,
) -> Outcome {
    Ok(Answer(
        catalogue.version(&subject, &version)?.parsed.clone(),
    ))
}

async fn look_up(State(catalogue): Shared, Path(subject): Path<String>, body: Bytes) -> Outcome {
    // An unknown subject is told before an invalid schema.
    catalogue.versions(&subject)?;
    Ok(described(catalogue.text(&subject, &asked_for(&body)?)?))
}

async fn register(State(catalogue): Shared, Path(subject): Path<String>, body: Bytes) -> Outcome {
    let asked = asked_for(&body)?;
    match catalogue.text(&subject, &asked) {
        Ok(entry) => Ok(Answer(json!({"id": entry.id}))),
        Err(_) => Err(Refusal::ReadOnly(subject)),
    }
}

async fn schema(State(catalogue): Shared, Path(id): Path<String>) -> Outcome {
    Ok(Answer(json!({"schema": catalogue.id(&id)?.text})))
}

async fn schema_text(State(catalogue): Shared, Path(id): Path<String>) -> Outcome {
    Ok(Answer(catalogue.id(&id)?.parsed.clone()))
}

async fn schema_subjects(State(catalogue): Shared, Path(id): Path<String>) -> Outcome {
    Ok(Answer(json!([catalogue.id(&id)?.subject])))
}

async fn schema_versions(State(catalogue): Shared, Path(id): Path<String>) -> Outcome {
    let entry = catalogue.id(&id)?;
    Ok(Answer(
        json!([{"subject": entry.subject, "version": entry.version}]),
    ))
}

fn compatibility() -> Answer {
    Answer(json!({"compatibilityLevel": COMPATIBILITY}))
}

async fn subject_compatibility(State(catalogue): Shared, Path(subject): Path<String>) -> Outcome {
    catalogue.versions(&subject).map(|_| compatibility())
}

fn mode() -> Answer {
    Answer(json!({"mode": "READONLY"}))
}

async fn subject_mode(State(catalogue): Shared, Path(subject): Path<String>) -> Outcome {
    catalogue.versions(&subject).map(|_| mode())
}

fn described(entry: &Entry) -> Answer {
    Answer(json!({
        "subject": entry.subject,
        "id": entry.id,
        "version": entry.version,
        "schema": entry.text,
    }))
}

/// The schema in a request's body. Compared as JSON, not as text: white space and the order of
/// keys are no difference.
fn asked_for(body: &[u8]) -> Result<Value, Refusal> {
    #[derive(Deserialize)]
    struct Request {
        schema: String,
        #[serde(rename = "schemaType", default)]
        kind: Option<String>,
    }
    let request: Request = serde_json::from_slice(body)
        .map_err(|error| Refusal::InvalidSchema(format!("the body is not a request: {error}")))?;
    if request.kind.is_some_and(|kind| kind != "AVRO") {
        return Err(Refusal::InvalidSchema("only AVRO is served here".into()));
    }
    apache_avro::Schema::parse_str(&request.schema)
        .map_err(|error| Refusal::InvalidSchema(error.to_string()))?;
    serde_json::from_str(&request.schema).map_err(|error| Refusal::InvalidSchema(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use gapless_schemas::Schema;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    /// The first release of every schema, and a second of the gaps'.
    fn releases() -> Vec<Release> {
        let firsts = Release::ALL.iter().filter(|release| release.version == 1);
        let mut releases: Vec<Release> = firsts.copied().collect();
        let gaps = releases
            .iter()
            .find(|release| release.schema == Schema::Gap);
        let text = gaps.expect("gaps have a schema").text.replace(
            "\n]}",
            ",\n  {\"name\": \"later\", \"type\": [\"null\", \"string\"], \"default\": null}\n]}",
        );
        releases.push(Release {
            id: 300,
            schema: Schema::Gap,
            version: 2,
            text: text.leak(),
        });
        releases
    }

    async fn answer(method: &str, path: &str, body: Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::from(body.to_string()))
            .expect("a request");
        let catalogue = Catalogue::of(&releases(), &Topics::new("gapless", 4));
        let answer = serving(catalogue)
            .oneshot(request)
            .await
            .expect("an answer");
        let bytes = answer.into_body().collect().await.expect("a body");
        serde_json::from_slice(&bytes.to_bytes()).expect("JSON")
    }

    #[tokio::test]
    async fn every_version_of_a_schema_is_served_under_its_own_id() {
        let subject = "gapless.1.gaps-value";
        let versions = format!("/subjects/{subject}/versions");
        let get = |path: String| async move { answer("GET", &path, Value::Null).await };
        let all = get("/subjects".to_owned()).await;
        assert_eq!(all.as_array().map(Vec::len), Some(8), "{all}");
        assert_eq!(get(versions.clone()).await, json!([1, 2]));
        for (asked, id, version) in [("1", 6, 1), ("2", 300, 2), ("latest", 300, 2)] {
            let described = get(format!("{versions}/{asked}")).await;
            assert_eq!(described["id"], id, "{described}");
            assert_eq!(described["version"], version, "{described}");
            let release = releases().into_iter().find(|release| release.id == id);
            let release = release.expect("it is released");
            assert_eq!(described["schema"], release.text, "{described}");
            let text = json!({"schema": described["schema"]});
            assert_eq!(get(format!("/schemas/ids/{id}")).await, text);
            assert_eq!(
                get(format!("/schemas/ids/{id}/versions")).await,
                json!([{"subject": subject, "version": version}])
            );
            let path = format!("/subjects/{subject}");
            assert_eq!(answer("POST", &path, text.clone()).await, described);
            assert_eq!(answer("POST", &versions, text).await, json!({"id": id}));
        }
    }
}
