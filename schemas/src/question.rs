//! What is asked of GitHub, and why: values of closed enums. The words that people read are rendered
//! from them, so that a reworded sentence is no other question and moves no gap.

use crate::named::named;
use crate::{Detector, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a state cannot answer. With the entity that asks it is a gap's identity (see
/// [`crate::ids::gap_id`]), so its parts name nothing that moves while the question stands: grace
/// would begin anew each time.
///
/// The names of variants and parts are in the log, and ids are made from them: they are never changed
/// (`tests/questions.json` holds them). Tasks store them without names: where their order changes, so
/// does the form of the stores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Higher numbers were told of, this one never was.
    MissingNumber {
        /// Which.
        number: i64,
    },
    /// A listing of everything does not have it.
    AbsentNumber {
        /// Which.
        number: i64,
        /// The last 404 for it, which the listing is later than: the next one is asked about anew.
        unseen_at: Option<Timestamp>,
    },
    /// An event about it could not be read.
    UnreadableEvent {
        /// Of which item.
        number: i64,
    },
    /// GitHub lists a change of the item that no object of its own told of.
    UnheardChange {
        /// When it was last heard of, if it ever was.
        heard_at: Option<Timestamp>,
    },
    /// Deliveries of one second tell different things.
    Contested {
        /// What they differ in.
        what: Contested,
        /// The second.
        at: Timestamp,
    },
    /// Closed while it was closed.
    ClosedTwice {
        /// The second closing.
        at: Timestamp,
    },
    /// Reopened while it was open.
    ReopenedTwice {
        /// The second opening.
        at: Timestamp,
    },
    /// Made ready for review while it was.
    ReadyTwice {
        /// The second time.
        at: Timestamp,
    },
    /// Made a draft while it was one.
    DraftTwice {
        /// The second time.
        at: Timestamp,
    },
    /// Shown as closed, and nothing closed it.
    UntoldClosing,
    /// Shown as open, and nothing reopened it.
    UntoldReopening {
        /// The closing.
        after: Timestamp,
    },
    /// Shown as a draft or not, and its transitions end the other way.
    UntoldDraft {
        /// Whether it is shown as a draft.
        shown: bool,
    },
    /// Spoken of, and nothing told of its opening.
    UntoldOpening,
    /// Pushed onto a head that nothing led to.
    UntoldHead {
        /// When it was pushed.
        at: Timestamp,
        /// The head before, a SHA.
        before: String,
    },
    /// A head is shown that no push led to.
    UntoldPush {
        /// When it was shown.
        at: Timestamp,
        /// The head, a SHA.
        head: String,
    },
    /// Webhooks and listings alone tell its history.
    UnprovenHistory {
        /// Up to when a timeline tells it, if one was read. Not the last change: an item that
        /// changes every day asks the same question every day, and its turn comes.
        read_at: Option<Timestamp>,
    },
}

named! {
    /// What deliveries of one second can differ in: fields that come and change together.
    pub enum Contested {
        /// Title, state and what else comes with every object.
        Headline = "headline",
        /// Labels.
        Labels = "labels",
        /// Assignees.
        Assignees = "assignees",
        /// How many comments there are.
        Comments = "comments",
        /// Whether it is a draft.
        Draft = "draft",
        /// Whether and when it was merged.
        Merging = "merging",
        /// Branches and head.
        Branches = "branches",
        /// Requested reviewers.
        Reviewers = "reviewers",
        /// Added and deleted lines, changed files, commits.
        Sizes = "sizes",
        /// A repository's name and settings.
        Repository = "repository",
        /// Whether a repository is archived.
        Archived = "archived",
    }
}

impl Contested {
    const fn words(self) -> &'static str {
        match self {
            Self::Headline => "its headline",
            Self::Labels => "labels",
            Self::Assignees => "assignees",
            Self::Comments => "the number of comments",
            Self::Draft => "draft",
            Self::Merging => "its merging",
            Self::Branches => "branches or head",
            Self::Reviewers => "requested reviewers",
            Self::Sizes => "sizes",
            Self::Repository => "the repository's name or settings",
            Self::Archived => "whether it is archived",
        }
    }
}

impl Question {
    /// Who asks it.
    pub const fn detector(&self) -> Detector {
        match self {
            Self::MissingNumber { .. } => Detector::NumberSpace,
            Self::AbsentNumber { .. } | Self::UnheardChange { .. } => Detector::Clock,
            Self::UnreadableEvent { .. } => Detector::DeadLetter,
            Self::Contested { .. } => Detector::ContestedSecond,
            Self::ClosedTwice { .. }
            | Self::ReopenedTwice { .. }
            | Self::ReadyTwice { .. }
            | Self::DraftTwice { .. }
            | Self::UntoldClosing
            | Self::UntoldReopening { .. }
            | Self::UntoldDraft { .. }
            | Self::UntoldOpening => Detector::ImpossibleTransition,
            Self::UntoldHead { .. } | Self::UntoldPush { .. } => Detector::HeadChain,
            Self::UnprovenHistory { .. } => Detector::UnprovenHistory,
        }
    }
}

/// What shows that something is missing, in words.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingNumber { number } => {
                write!(
                    f,
                    "number {number} was never told of, though higher ones were"
                )
            }
            Self::AbsentNumber {
                number,
                unseen_at: None,
            } => write!(f, "number {number} is absent from a listing of everything"),
            Self::AbsentNumber {
                number,
                unseen_at: Some(at),
            } => write!(
                f,
                "number {number} is absent from a listing of everything later than its 404 of {at}"
            ),
            Self::UnreadableEvent { number } => {
                write!(f, "an event about number {number} could not be read")
            }
            Self::UnheardChange { heard_at: None } => {
                f.write_str("GitHub lists a change later than all that was heard of it")
            }
            Self::UnheardChange { heard_at: Some(at) } => {
                write!(f, "GitHub lists a change later than {at}")
            }
            Self::Contested { what, at } => {
                write!(f, "deliveries of {at} differ in {}", what.words())
            }
            Self::ClosedTwice { at } => write!(f, "closed twice without a reopening, at {at}"),
            Self::ReopenedTwice { at } => write!(f, "reopened without a closing, at {at}"),
            Self::ReadyTwice { at } => write!(f, "made ready twice, at {at}"),
            Self::DraftTwice { at } => write!(f, "made a draft twice, at {at}"),
            Self::UntoldClosing => f.write_str("shown as closed, but no closing is known"),
            Self::UntoldReopening { after } => {
                write!(f, "shown as open, but no reopening is known after {after}")
            }
            Self::UntoldDraft { shown } => write!(
                f,
                "shown with draft {shown}, but its transitions end with draft {}",
                !shown
            ),
            Self::UntoldOpening => {
                f.write_str("reviewed or commented on, but its opening was never told")
            }
            Self::UntoldHead { at, before } => {
                write!(f, "pushed at {at} onto head {before}, which nothing led to")
            }
            Self::UntoldPush { at, head } => {
                write!(f, "head {head} is shown at {at}, but no push led to it")
            }
            Self::UnprovenHistory { read_at: None } => {
                f.write_str("webhooks and listings alone tell of all its time")
            }
            Self::UnprovenHistory { read_at: Some(at) } => {
                write!(
                    f,
                    "webhooks and listings alone tell since its timeline of {at}"
                )
            }
        }
    }
}

/// What GitHub can be asked for, in a repository. A command names one, as its text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// The repository itself: `repository`.
    Repository,
    /// An issue or pull request with its timeline: `item/7`.
    Item {
        /// Its number.
        number: i64,
    },
}

impl Resource {
    /// The item's number, where it is one.
    pub const fn number(self) -> Option<i64> {
        match self {
            Self::Repository => None,
            Self::Item { number } => Some(number),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository => f.write_str("repository"),
            Self::Item { number } => write!(f, "item/{number}"),
        }
    }
}

/// A text that names no resource which this release knows. Reaction: say so and pass on; the detector
/// that asks will ask again.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} names no resource")]
pub struct NoResource {
    text: String,
}

impl FromStr for Resource {
    type Err = NoResource;

    fn from_str(text: &str) -> Result<Self, NoResource> {
        let (kind, name) = text.split_once('/').unwrap_or((text, ""));
        let resource = match (kind, name.parse()) {
            ("repository", _) => Some(Self::Repository),
            ("item", Ok(number)) => Some(Self::Item { number }),
            _ => None,
        };
        // One text for each: ids are made from it.
        resource
            .filter(|resource| resource.to_string() == text)
            .ok_or_else(|| NoResource {
                text: text.to_owned(),
            })
    }
}

impl Serialize for Resource {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
