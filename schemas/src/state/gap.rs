use crate::named::named;
use crate::{Question, Resource, Timestamp};
use serde::{Deserialize, Serialize};

named! {
    /// What found a gap.
    pub enum Detector {
        /// A number below the highest that nobody has explained.
        NumberSpace = "number_space",
        /// `synchronize.before` is not the head that we know.
        HeadChain = "head_chain",
        /// A transition that cannot follow the one before it.
        ImpossibleTransition = "impossible_transition",
        /// Two deliveries of one second tell different things.
        ContestedSecond = "contested_second",
        /// A listing shows a later `updated_at` than any that we know.
        Clock = "clock",
        /// An event could not be processed.
        DeadLetter = "dead_letter",
        /// Only webhooks tell an item's history since its last timeline, and it has been quiet since.
        UnprovenHistory = "unproven_history",
    }
}

named! {
    /// How a gap ended.
    pub enum GapOutcome {
        /// The missing fact itself arrived, late.
        Arrived = "arrived",
        /// GitHub answered a request made after the gap was opened, and the answer filled it.
        Fetched = "fetched",
        /// GitHub answered that there is nothing to be had: 301, 404, 410.
        Explained = "explained",
    }
}

/// State of a gap (`schemas/avro/gap.avsc`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// GitHub host.
    pub host: String,
    /// Repository id.
    pub repository_id: i64,
    /// Repository's full name when it was opened.
    pub repository: Option<String>,
    /// 32 hex digits; see [`crate::ids::gap_id`].
    pub gap_id: String,
    /// `epoch · 2^48 + input offset`.
    pub version: i64,
    /// What found it.
    pub detector: Detector,
    /// Number of the issue or pull request in question, where it is about one.
    pub number: Option<i64>,
    /// What shows that something is missing, in words: its question, rendered.
    pub evidence: String,
    /// When the missing fact happened, at the latest: decides the day whose completeness it lowers.
    pub since: Timestamp,
    /// When it was opened, by the log's clock.
    pub opened_at: Timestamp,
    /// Answers that were asked for on its behalf.
    pub answers: i64,
    /// When it was closed, by the log's clock.
    pub closed_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<GapOutcome>,
}

/// Payload (JSON) of an event of source `gap`: a gap was opened or closed. Gaps are events, so
/// that a rebuild reads them and need not detect anew.
///
/// How a gap ended is not part of the event: it is derived from the answers that the log holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum GapEvent {
    /// A question was asked.
    Opened {
        /// See [`Gap::gap_id`].
        gap_id: String,
        /// Key of the entity whose state asks.
        subject: String,
        /// What is asked.
        question: Question,
        /// What would answer it.
        resource: Resource,
        /// See [`Gap::since`].
        since: Timestamp,
        /// See [`Gap::opened_at`].
        at: Timestamp,
    },
    /// It no longer stands.
    Closed {
        /// See [`Gap::gap_id`].
        gap_id: String,
        /// Key of the entity whose state asked.
        subject: String,
        /// See [`Gap::closed_at`].
        at: Timestamp,
    },
}

impl GapEvent {
    /// See [`Gap::gap_id`].
    pub fn gap_id(&self) -> &str {
        match self {
            Self::Opened { gap_id, .. } | Self::Closed { gap_id, .. } => gap_id,
        }
    }

    /// Key of the entity whose state asks.
    pub fn subject(&self) -> &str {
        match self {
            Self::Opened { subject, .. } | Self::Closed { subject, .. } => subject,
        }
    }

    /// What happened, as the envelope's `action`.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Closed { .. } => "closed",
        }
    }

    /// When, by the log's clock.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Opened { at, .. } | Self::Closed { at, .. } => *at,
        }
    }
}
