//! Errors as the browser gets them: a status, one sentence, and whether asking again may help.

use crate::macros::Unfillable;
use crate::query::NoAnswer;
use crate::range::NoRange;
use crate::variables::Unresolved;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error's answer.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    error: String,
}

impl Problem {
    /// Nothing has this name.
    pub(super) fn not_found(what: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            error: format!("There is no such {what}."),
        }
    }
}

impl From<NoRange> for Problem {
    fn from(error: NoRange) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: sentence(&error),
        }
    }
}

impl From<Unfillable> for Problem {
    fn from(error: Unfillable) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error: sentence(&error),
        }
    }
}

impl From<NoAnswer> for Problem {
    fn from(error: NoAnswer) -> Self {
        let status = match error {
            NoAnswer::Unreachable | NoAnswer::Busy => StatusCode::SERVICE_UNAVAILABLE,
            NoAnswer::TooSlow => StatusCode::GATEWAY_TIMEOUT,
            NoAnswer::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            NoAnswer::Failed(_) => StatusCode::BAD_GATEWAY,
        };
        Self {
            status,
            error: sentence(&error),
        }
    }
}

impl From<Unresolved> for Problem {
    fn from(error: Unresolved) -> Self {
        match error {
            Unresolved::Unfillable(error) => error.into(),
            Unresolved::NoAnswer(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::warn!(
                status = self.status.as_u16(),
                error = self.error,
                "a figure is missing"
            );
        }
        (self.status, Json(self)).into_response()
    }
}

fn sentence(error: &impl std::error::Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .map(|c| c.to_uppercase().collect())
        .unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
