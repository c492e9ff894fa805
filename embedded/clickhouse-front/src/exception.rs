//! Errors as ClickHouse says them: a code, a text, a name, and the HTTP status for each.

use std::fmt;

use axum::http::StatusCode;

/// An error in ClickHouse's own form, `Code: 47. DB::Exception: … (UNKNOWN_IDENTIFIER)`; clients
/// read the code out of the text or the `X-ClickHouse-Exception-Code` header.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    text: String,
    /// The HTTP status, where it does not follow from the code.
    status: Option<StatusCode>,
}

/// The reasons for which the front itself, not the engine, turns a request down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request's own parameters make no sense.
    BadArguments,
    /// The statement is empty or has no such form.
    SyntaxError,
    /// The statement is longer than one may be.
    TooLong,
    /// What is asked for is left out on purpose.
    NotImplemented,
    /// Something in a block's framing is wrong.
    CannotDecompress,
    /// A block's checksum does not fit its bytes.
    ChecksumDoesNotMatch,
    /// The body broke off.
    NetworkError,
    /// The reader asked for more than reading.
    AccessDenied,
    /// User or password is wrong.
    AuthenticationFailed,
}

impl Refusal {
    /// ClickHouse's number and name for the reason.
    fn code(self) -> (u32, &'static str) {
        match self {
            Self::BadArguments => (36, "BAD_ARGUMENTS"),
            Self::ChecksumDoesNotMatch => (40, "CHECKSUM_DOESNT_MATCH"),
            Self::NotImplemented => (48, "NOT_IMPLEMENTED"),
            Self::SyntaxError => (62, "SYNTAX_ERROR"),
            Self::TooLong => (307, "TOO_MANY_BYTES"),
            Self::NetworkError => (210, "NETWORK_ERROR"),
            Self::CannotDecompress => (271, "CANNOT_DECOMPRESS"),
            Self::AccessDenied => (497, "ACCESS_DENIED"),
            Self::AuthenticationFailed => (516, "AUTHENTICATION_FAILED"),
        }
    }
}

impl Exception {
    /// A refusal of the front's own.
    pub(crate) fn refuse(refusal: Refusal, message: impl fmt::Display) -> Self {
        let (code, name) = refusal.code();
        Self {
            text: format!("Code: {code}. DB::Exception: {message}. ({name})"),
            status: (refusal == Refusal::TooLong).then_some(StatusCode::PAYLOAD_TOO_LARGE),
        }
    }

    /// The engine broke its own contract (no answer at all).
    pub(crate) fn engine(message: &str) -> Self {
        Self {
            text: format!("Code: 1001. DB::Exception: {message}. (STD_EXCEPTION)"),
            status: None,
        }
    }

    /// What the engine said, unchanged.
    pub(crate) fn from_engine(text: String) -> Self {
        Self { text, status: None }
    }

    /// The same, without what follows `end` but for the error's name.
    pub(crate) fn before(self, end: &str) -> Self {
        let Some((text, rest)) = self.text.split_once(end) else {
            return self;
        };
        let name = rest.rfind(" (").map_or("", |at| &rest[at..]);
        Self {
            text: format!("{}.{name}", text.trim_end_matches('.')),
            ..self
        }
    }

    /// ClickHouse's number for the error; 1002 (UNKNOWN_EXCEPTION) when the text holds none.
    pub(crate) fn code(&self) -> u32 {
        self.text
            .split_once("Code: ")
            .map(|(_, rest)| {
                rest.split(|c: char| !c.is_ascii_digit())
                    .next()
                    .unwrap_or("")
            })
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(1002)
    }

    /// The HTTP status that ClickHouse's server answers for this code.
    pub(crate) fn status(&self) -> StatusCode {
        if let Some(status) = self.status {
            return status;
        }
        match self.code() {
            192..=195 | 291 | 497 | 516 => StatusCode::FORBIDDEN,
            6 | 26 | 27 | 33 | 34 | 36 | 38 | 41 | 42 | 43 | 53 | 62 | 69 | 72 | 117 | 130
            | 131 | 349 | 373 | 440 | 456 | 457 | 467 | 469 => StatusCode::BAD_REQUEST,
            16 | 46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 128 => StatusCode::NOT_FOUND,
            48 => StatusCode::NOT_IMPLEMENTED,
            159 => StatusCode::REQUEST_TIMEOUT,
            202 | 210 => StatusCode::SERVICE_UNAVAILABLE,
            241 => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The text as a server sends it: one line, the version at its end.
    pub(crate) fn body(&self, version: &str) -> String {
        let text = self.text.trim_end();
        if text.contains("(version ") {
            return format!("{text}\n");
        }
        format!("{text} (version {version})\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_read_out_of_the_text() {
        let error = Exception::from_engine("Code: 47. DB::Exception: Unknown x".into());
        assert_eq!(error.code(), 47);
        assert_eq!(error.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            Exception::from_engine("terminate called".into()).code(),
            1002
        );
    }

    #[test]
    fn the_version_is_added_once() {
        let error = Exception::refuse(Refusal::SyntaxError, "empty query");
        assert_eq!(
            error.body("26.7.2.1"),
            "Code: 62. DB::Exception: empty query. (SYNTAX_ERROR) (version 26.7.2.1)\n"
        );
        let engine = Exception::from_engine("Code: 1. DB::Exception: x (version 1.2)\n\n".into());
        assert_eq!(
            engine.body("9"),
            "Code: 1. DB::Exception: x (version 1.2)\n"
        );
    }
}
