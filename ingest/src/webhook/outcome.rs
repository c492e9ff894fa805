//! Every way a delivery can end, and what GitHub is told.

/// How one request to the webhook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// In the log on all in-sync replicas.
    Accepted,
    /// In the log since earlier: a redelivery, or one event through two routes.
    Duplicate,
    /// A `ping`, in the log too.
    Pong,
    /// Not POST.
    MethodNotAllowed,
    /// `X-GitHub-Event` missing, repeated, empty, or no short visible ASCII.
    EventHeader,
    /// `X-GitHub-Delivery` missing, repeated, empty, or no short visible ASCII.
    DeliveryHeader,
    /// `Content-Encoding` present: GitHub compresses nothing, and the signature covers raw bytes.
    ContentEncoding,
    /// Neither `application/json` nor `application/x-www-form-urlencoded`.
    ContentType,
    /// Over 25 MB, declared or found while reading.
    TooLarge,
    /// From a host that no source is configured for.
    UnknownHost,
    /// No signature.
    SignatureMissing,
    /// Only the SHA-1 signature, which is never accepted.
    SignatureSha1Only,
    /// Several SHA-256 signatures.
    SignatureRepeated,
    /// Not `sha256=` followed by 64 digits.
    SignatureLength,
    /// Not lower-case hex.
    SignatureDigits,
    /// Of another secret or another body.
    SignatureWrong,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body ended early, or its framing is broken.
    BodyBroken,
    /// A form without a `payload` field that decodes.
    FormPayload,
    /// Not UTF-8.
    NotUtf8,
    /// Not JSON, or nested deeper than any payload of GitHub's.
    NotJson,
    /// JSON, but no object.
    NotAnObject,
    /// JSON that two readers could read differently: a key twice in one object, a list for an object,
    /// two numbers for one item, two ids for one owner.
    Ambiguous,
    /// About an owner for whom the secret's source does not speak.
    ForeignOwner,
    /// As many payload bytes under way as memory allows.
    Busy,
    /// The log did not acknowledge in time.
    LogSlow,
    /// The log cannot be written until a person acts.
    LogStopped,
    /// The log takes everything but this event.
    LogRefused,
}

impl Outcome {
    /// All of them, each at its own index.
    pub const ALL: [Self; 28] = [
        Self::Accepted,
        Self::Duplicate,
        Self::Pong,
        Self::MethodNotAllowed,
        Self::EventHeader,
        Self::DeliveryHeader,
        Self::ContentEncoding,
        Self::ContentType,
        Self::TooLarge,
        Self::UnknownHost,
        Self::SignatureMissing,
        Self::SignatureSha1Only,
        Self::SignatureRepeated,
        Self::SignatureLength,
        Self::SignatureDigits,
        Self::SignatureWrong,
        Self::BodyTimeout,
        Self::BodyBroken,
        Self::FormPayload,
        Self::NotUtf8,
        Self::NotJson,
        Self::NotAnObject,
        Self::Ambiguous,
        Self::ForeignOwner,
        Self::Busy,
        Self::LogSlow,
        Self::LogStopped,
        Self::LogRefused,
    ];

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Accepted | Self::Duplicate => 202,
            Self::Pong => 200,
            Self::EventHeader
            | Self::DeliveryHeader
            | Self::BodyBroken
            | Self::FormPayload
            | Self::NotUtf8
            | Self::NotJson
            | Self::NotAnObject
            | Self::Ambiguous => 400,
            Self::UnknownHost
            | Self::SignatureMissing
            | Self::SignatureSha1Only
            | Self::SignatureRepeated
            | Self::SignatureLength
            | Self::SignatureDigits
            | Self::SignatureWrong => 401,
            Self::ForeignOwner => 403,
            Self::MethodNotAllowed => 405,
            Self::BodyTimeout => 408,
            Self::TooLarge => 413,
            Self::ContentEncoding | Self::ContentType => 415,
            Self::LogRefused => 500,
            Self::Busy | Self::LogSlow | Self::LogStopped => 503,
        }
    }

    /// Its name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Pong => "pong",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::EventHeader => "event_header",
            Self::DeliveryHeader => "delivery_header",
            Self::ContentEncoding => "content_encoding",
            Self::ContentType => "content_type",
            Self::TooLarge => "too_large",
            Self::UnknownHost => "unknown_host",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureSha1Only => "signature_sha1_only",
            Self::SignatureRepeated => "signature_repeated",
            Self::SignatureLength => "signature_length",
            Self::SignatureDigits => "signature_digits",
            Self::SignatureWrong => "signature_wrong",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken => "body_broken",
            Self::FormPayload => "form_payload",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::Ambiguous => "ambiguous",
            Self::ForeignOwner => "foreign_owner",
            Self::Busy => "busy",
            Self::LogSlow => "log_slow",
            Self::LogStopped => "log_stopped",
            Self::LogRefused => "log_refused",
        }
    }

    /// What the sender is told, for the page of recent deliveries at GitHub.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "already in the log",
            Self::Pong => "pong",
            Self::MethodNotAllowed => "only POST is served here",
            Self::EventHeader => "one X-GitHub-Event header is needed",
            Self::DeliveryHeader => "one X-GitHub-Delivery header is needed",
            Self::ContentEncoding => "a compressed body is not accepted",
            Self::ContentType => "the content type must be JSON or a form",
            Self::TooLarge => "the body is larger than 25 MB",
            Self::UnknownHost => "no source is configured for this GitHub host",
            Self::SignatureMissing => "no X-Hub-Signature-256: enter the secret at GitHub",
            Self::SignatureSha1Only => "X-Hub-Signature alone is not accepted",
            Self::SignatureRepeated => "several X-Hub-Signature-256 headers",
            Self::SignatureLength => "X-Hub-Signature-256 is not sha256= and 64 digits",
            Self::SignatureDigits => "X-Hub-Signature-256 is not lower-case hex",
            Self::SignatureWrong => "the signature fits no secret that is configured",
            Self::BodyTimeout => "the body did not arrive in time",
            Self::BodyBroken => "the body ended early",
            Self::FormPayload => "the form has no readable payload field",
            Self::NotUtf8 => "the payload is not UTF-8",
            Self::NotJson => "the payload is not JSON",
            Self::NotAnObject => "the payload is not a JSON object",
            Self::Ambiguous => "the payload says something twice, or contradicts itself",
            Self::ForeignOwner => "the secret is of a source with another owner",
            Self::Busy => "too many payloads under way",
            Self::LogSlow => "the log did not answer in time",
            Self::LogStopped => "the log cannot be written",
            Self::LogRefused => "the log does not take this event",
        }
    }

    /// Seconds after which a repetition is welcome, where one is.
    pub const fn retry_after_seconds(self) -> Option<u32> {
        match self.status() {
            503 => Some(5),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_stands_at_its_own_index_and_has_its_own_name() {
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
        let names: std::collections::HashSet<_> = Outcome::ALL.map(Outcome::name).into();
        assert_eq!(names.len(), Outcome::ALL.len());
    }
}
