//! Answers and refusals in the registry's form.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// A good answer.
pub(super) struct Answer(pub(super) Value);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        written(StatusCode::OK, &self.0)
    }
}

/// A refusal, with the number that clients tell cases apart by.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoSuchResource,
    MethodNotAllowed,
    SubjectNotFound(String),
    VersionNotFound(String),
    SchemaNotFound,
    InvalidSchema(String),
    InvalidVersion(String),
    ReadOnly(String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error_code, message) = match self {
            Self::NoSuchResource => (404, 404, "HTTP 404 Not Found".to_owned()),
            Self::MethodNotAllowed => (
                405,
                405,
                "This registry is read-only: HTTP 405 Method Not Allowed".to_owned(),
            ),
            Self::SubjectNotFound(subject) => {
                (404, 40401, format!("Subject '{subject}' not found."))
            }
            Self::VersionNotFound(version) => (404, 40402, format!("Version {version} not found.")),
            Self::SchemaNotFound => (404, 40403, "Schema not found".to_owned()),
            Self::InvalidSchema(reason) => (422, 42201, format!("Invalid schema: {reason}")),
            Self::InvalidVersion(version) => (
                422,
                42202,
                format!(
                    "The specified version '{version}' is not a valid version id. Allowed values \
                     are between [1, 2^31-1] and the string \"latest\""
                ),
            ),
            Self::ReadOnly(subject) => (
                422,
                42205,
                format!("Subject {subject} is in read-only mode: its schemas come with the binary"),
            ),
        };
        let status = StatusCode::from_u16(status).expect("each status above is valid");
        written(
            status,
            &json!({"error_code": error_code, "message": message}),
        )
    }
}

fn written(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, CONTENT_TYPE)],
        body.to_string(),
    )
        .into_response()
}
