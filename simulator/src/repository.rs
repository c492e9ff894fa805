//! A repository and the numbers that its issues, pull requests and discussions share.

use crate::item::{Issue, PullRequest, Thread};
use gapless_schemas::Timestamp;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A repository's state.
#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) former_names: Vec<String>,
    pub(crate) description: String,
    pub(crate) language: &'static str,
    pub(crate) private: bool,
    pub(crate) archived: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) pushed_at: Timestamp,
    /// Open issues and pull requests together, as GitHub counts them.
    pub(crate) open_items: i64,
    /// While it is deleted the API does not know it, and nothing in it changes.
    pub(crate) deleted: bool,
    pub(crate) default_branch: String,
    /// Those that were deleted stay, so that places in it are kept.
    pub(crate) labels: Vec<Label>,
    /// As the labels.
    pub(crate) milestones: Vec<Milestone>,
    /// What took number `index + 1`.
    pub(crate) slots: Vec<Slot>,
    /// Branch → the commit it points to.
    pub(crate) heads: BTreeMap<String, String>,
    /// The members of the `repository` object, rendered at need; emptied by each change.
    pub(crate) rendered: OnceLock<String>,
}

/// What took a number.
#[derive(Debug)]
pub(crate) enum Slot {
    Issue(Box<Issue>),
    PullRequest(Box<PullRequest>),
    Discussion,
    Deleted { issue_id: u64, at: Timestamp },
    Transferred { to: ItemKey, at: Timestamp },
}

/// Where an item is: the repository's index in the world and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ItemKey {
    pub(crate) repository: usize,
    pub(crate) number: u32,
}

/// A label of a repository.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) colour: &'static str,
    pub(crate) description: &'static str,
    /// One of those that GitHub gives every new repository.
    pub(crate) default: bool,
    pub(crate) renamed: bool,
    pub(crate) deleted: bool,
}

/// A milestone of a repository; its number is its place, from 1 on.
#[derive(Debug)]
pub(crate) struct Milestone {
    pub(crate) id: u64,
    pub(crate) title: String,
    pub(crate) creator: usize,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) renamed: bool,
    pub(crate) deleted: bool,
}

/// The first `count` of [`LABELS`]; the first of them has `first_id`.
pub(crate) fn first_labels(count: usize, first_id: u64) -> Vec<Label> {
    let labels = LABELS.iter().take(count).enumerate();
    let labels = labels.map(|(index, (name, colour, description))| Label {
        id: first_id + index as u64,
        name: (*name).to_owned(),
        colour,
        description,
        default: index < DEFAULT_LABELS,
        renamed: false,
        deleted: false,
    });
    labels.collect()
}

/// A label's name, colour and description; the first ones are GitHub's defaults.
const LABELS: [(&str, &str, &str); 14] = [
    ("bug", "d73a4a", "Something isn't working"),
    (
        "documentation",
        "0075ca",
        "Improvements or additions to documentation",
    ),
    ("enhancement", "a2eeef", "New feature or request"),
    ("question", "d876e3", "Further information is requested"),
    ("good first issue", "7057ff", "Good for newcomers"),
    ("priority: high", "b60205", ""),
    ("needs review", "fbca04", ""),
    (
        "dependencies",
        "0366d6",
        "Pull requests that update a dependency file",
    ),
    ("security", "ee0701", ""),
    ("breaking change", "5319e7", ""),
    ("area/api", "1d76db", ""),
    ("área/web \"beta\"", "c5def5", "Names are not always plain"),
    ("hold", "e11d21", ""),
    ("incident", "000000", ""),
];
/// How many of [`LABELS`] count as GitHub's defaults.
const DEFAULT_LABELS: usize = 5;

impl Repository {
    /// What took `number`, if anything did yet.
    pub(crate) fn slot(&self, number: u32) -> Option<&Slot> {
        self.slots.get((number as usize).checked_sub(1)?)
    }

    pub(crate) fn slot_mut(&mut self, number: u32) -> Option<&mut Slot> {
        self.slots.get_mut((number as usize).checked_sub(1)?)
    }

    /// The number that the next item takes.
    pub(crate) fn next_number(&self) -> u32 {
        self.slots.len() as u32 + 1
    }

    /// What issue and pull request have in common, where `number` is one of them.
    pub(crate) fn thread(&self, number: u32) -> Option<&Thread> {
        self.slot(number)?.thread()
    }

    pub(crate) fn thread_mut(&mut self, number: u32) -> Option<&mut Thread> {
        self.slot_mut(number)?.thread_mut()
    }

    pub(crate) fn issue(&self, number: u32) -> Option<&Issue> {
        match self.slot(number)? {
            Slot::Issue(issue) => Some(issue),
            _ => None,
        }
    }

    pub(crate) fn issue_mut(&mut self, number: u32) -> Option<&mut Issue> {
        match self.slot_mut(number)? {
            Slot::Issue(issue) => Some(issue),
            _ => None,
        }
    }

    pub(crate) fn pull_request(&self, number: u32) -> Option<&PullRequest> {
        match self.slot(number)? {
            Slot::PullRequest(pull) => Some(pull),
            _ => None,
        }
    }

    pub(crate) fn pull_request_mut(&mut self, number: u32) -> Option<&mut PullRequest> {
        match self.slot_mut(number)? {
            Slot::PullRequest(pull) => Some(pull),
            _ => None,
        }
    }

    /// Whether anything can change in it.
    pub(crate) fn is_active(&self) -> bool {
        !self.archived && !self.deleted
    }

    /// To be called after each change of what the `repository` object shows.
    pub(crate) fn changed(&mut self) {
        self.rendered = OnceLock::new();
    }
}

impl Slot {
    pub(crate) fn thread_mut(&mut self) -> Option<&mut Thread> {
        match self {
            Self::Issue(issue) => Some(&mut issue.thread),
            Self::PullRequest(pull) => Some(&mut pull.thread),
            Self::Discussion | Self::Deleted { .. } | Self::Transferred { .. } => None,
        }
    }

    pub(crate) fn thread(&self) -> Option<&Thread> {
        match self {
            Self::Issue(issue) => Some(&issue.thread),
            Self::PullRequest(pull) => Some(&pull.thread),
            Self::Discussion | Self::Deleted { .. } | Self::Transferred { .. } => None,
        }
    }
}
