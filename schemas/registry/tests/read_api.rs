//! The served API: what each call answers, in status, number and words.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use gapless_registry::{Registry, RegistryError, router};
use gapless_schemas::{Release, Schema, Topics};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

fn api() -> Router {
    router(&Topics::new("gapless", 4))
}

fn newest(schema: Schema) -> &'static Release {
    let mut newest_first = Release::ALL.iter().rev();
    newest_first
        .find(|release| release.schema == schema)
        .expect("every schema is released")
}

async fn ask(method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::from(body.to_string()))
        .expect("a request");
    let answer = api().oneshot(request).await.expect("an answer");
    assert_eq!(
        answer.headers()[header::CONTENT_TYPE],
        "application/vnd.schemaregistry.v1+json",
        "of {method} {path}"
    );
    let status = answer.status().as_u16();
    let bytes = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    (status, serde_json::from_slice(&bytes).expect("JSON"))
}

async fn get(path: &str) -> Value {
    let (status, answer) = ask("GET", path, &Value::Null).await;
    assert_eq!(status, 200, "GET {path} answers {answer}");
    answer
}

async fn refused(method: &str, path: &str, body: &Value) -> (u16, i64) {
    let (status, answer) = ask(method, path, body).await;
    assert!(answer["message"].is_string(), "{method} {path}: {answer}");
    (status, answer["error_code"].as_i64().expect("a number"))
}

#[tokio::test]
async fn the_same_schema_is_found_by_subject_by_id_and_by_its_text() {
    let event = "gapless.events.1-value";
    let Release {
        id, version, text, ..
    } = *newest(Schema::Event);
    let described = json!({"subject": event, "id": id, "version": version, "schema": text});
    assert_eq!(get("/subjects").await.as_array().map(Vec::len), Some(8));
    assert_eq!(
        get("/subjects?subjectPrefix=gapless.events").await,
        json!([event])
    );
    assert_eq!(
        get(&format!("/subjects/{event}/versions")).await,
        json!((1..=version).collect::<Vec<u32>>())
    );
    for version in [version.to_string().as_str(), "latest", "-1"] {
        let path = format!("/subjects/{event}/versions/{version}");
        assert_eq!(get(&path).await, described);
    }
    let by_id = format!("/schemas/ids/{id}");
    assert_eq!(get(&by_id).await, json!({"schema": text}));
    assert_eq!(get(&format!("{by_id}/schema")).await["name"], "Event");
    assert_eq!(get(&format!("{by_id}/subjects")).await, json!([event]));
    let (status, found) = ask(
        "POST",
        &format!("/subjects/{event}"),
        &json!({"schema": text}),
    )
    .await;
    assert_eq!((status, found), (200, described));
}

#[tokio::test]
async fn it_says_what_it_is() {
    assert_eq!(get("/schemas/types").await, json!(["AVRO"]));
    assert_eq!(
        get("/config").await,
        json!({"compatibilityLevel": "FULL_TRANSITIVE"})
    );
    assert_eq!(get("/mode").await, json!({"mode": "READONLY"}));
}

#[tokio::test]
async fn what_is_not_there_has_the_numbers_that_clients_know() {
    let none = &Value::Null;
    let event = json!({"schema": Schema::Event.text()});
    for (method, path, body, expected) in [
        ("GET", "/subjects/no/versions", none, (404, 40401)),
        ("GET", "/subjects/no/versions/latest", none, (404, 40401)),
        ("POST", "/subjects/no", &event, (404, 40401)),
        ("GET", "/config/no", none, (404, 40401)),
        (
            "GET",
            "/subjects/gapless.events.1-value/versions/999",
            none,
            (404, 40402),
        ),
        (
            "GET",
            "/subjects/gapless.events.1-value/versions/x",
            none,
            (422, 42202),
        ),
        (
            "GET",
            "/subjects/gapless.events.1-value/versions/0",
            none,
            (422, 42202),
        ),
        ("GET", "/schemas/ids/999", none, (404, 40403)),
        ("GET", "/schemas/ids/x", none, (404, 40403)),
        (
            "POST",
            "/subjects/gapless.1.gaps-value",
            &event,
            (404, 40403),
        ),
        ("GET", "/no", none, (404, 404)),
        (
            "DELETE",
            "/subjects/gapless.events.1-value",
            none,
            (405, 405),
        ),
    ] {
        assert_eq!(
            refused(method, path, body).await,
            expected,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn registering_what_is_here_returns_its_id_and_anything_else_is_refused() {
    let path = "/subjects/gapless.1.gaps-value/versions";
    // White space is no difference.
    let gap: Value = serde_json::from_str(Schema::Gap.text()).expect("JSON");
    let (status, answer) = ask("POST", path, &json!({"schema": gap.to_string()})).await;
    assert_eq!(
        (status, answer),
        (200, json!({"id": newest(Schema::Gap).id}))
    );
    let other = json!({"schema": "\"string\"", "schemaType": "AVRO"});
    assert_eq!(refused("POST", path, &other).await, (422, 42205));
    assert_eq!(
        refused("POST", "/subjects/new/versions", &other).await,
        (422, 42205)
    );
    for invalid in [
        json!({"schema": "{\"type\": \"record\"}"}),
        json!({"schema": "message M {}", "schemaType": "PROTOBUF"}),
        json!([]),
    ] {
        assert_eq!(
            refused("POST", path, &invalid).await,
            (422, 42201),
            "{invalid}"
        );
    }
}

#[tokio::test]
async fn a_registry_that_refuses_or_is_not_there_is_told_in_one_sentence_without_the_password() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("its address");
    let server = tokio::spawn(async move { axum::serve(listener, api()).await });
    let topics = Topics::new("gapless", 4);
    // The embedded default is read-only: our own schema is there, but its setting cannot be set.
    let registry = Registry::new(&format!("http://me:se%20cret@{address}")).expect("an address");
    let refused = registry
        .register(&topics)
        .await
        .expect_err("it is read-only");
    assert!(matches!(refused, RegistryError::Stop(_)), "{refused}");
    assert_eq!(
        refused.to_string(),
        format!(
            "cannot make gapless.events.1-value evolve by FULL_TRANSITIVE at the schema registry \
             http://{address}/: it answered 405 Method Not Allowed: This registry is read-only: \
             HTTP 405 Method Not Allowed"
        )
    );
    assert!(!format!("{registry:?}").contains("cret"));
    server.abort();
    let _ = server.await;
    let gone = Registry::new(&format!("http://{address}")).expect("an address");
    let gone = gone.register(&topics).await.expect_err("nobody is there");
    assert!(matches!(gone, RegistryError::Retry(_)), "{gone}");
    assert!(gone.to_string().contains("Connection refused"), "{gone}");
    for unusable in ["", "registry:8081", "ftp://registry"] {
        let error = Registry::new(unusable).expect_err("no address");
        assert!(matches!(error, RegistryError::Stop(_)), "{error}");
    }
}
