//! The entries of an item's timeline. The opening is none of them, as on GitHub; `committed` has
//! no `created_at` and `reviewed` has `submitted_at` in its place.

use super::issue::Comment;
use super::{Renderer, Viewer, node_id};
use crate::item::{
    Commit, PullRequest, Requested, ReviewState, Thread, TimelineEntry, TimelineKind,
};
use crate::json::Json;
use crate::repository::{Repository, Slot};

impl Renderer {
    /// An entry as an element of an array.
    pub(crate) fn timeline_entry(
        &self,
        json: &mut Json,
        repository: &Repository,
        slot: &Slot,
        entry: &TimelineEntry,
    ) {
        let Some(thread) = slot.thread() else { return };
        match (&entry.kind, slot) {
            (TimelineKind::Commented { body }, _) => {
                self.commented(json, repository, thread, entry, body);
            }
            (TimelineKind::Committed(commit), _) => self.committed(json, repository, entry, commit),
            (TimelineKind::Reviewed { review }, Slot::PullRequest(pull)) => {
                self.reviewed(json, repository, pull, *review);
            }
            _ => json.object(|json| self.issue_event(json, repository, entry)),
        }
    }

    fn issue_event(&self, json: &mut Json, repository: &Repository, entry: &TimelineEntry) {
        let address = self.repository_address(repository);
        let (name, commit, node_type) = event_name(&entry.kind);
        json.number("id", entry.id);
        json.text("node_id", node_id(node_type, entry.id));
        json.address("url", format_args!("{address}/issues/events/{}", entry.id));
        json.raw("actor", self.user(entry.actor));
        json.text("event", name);
        json.text_or_null("commit_id", commit);
        if json.with_addresses() {
            json.text_or_null(
                "commit_url",
                commit.map(|sha| format!("{address}/commits/{sha}")),
            );
        }
        json.time("created_at", entry.at);
        match &entry.kind {
            TimelineKind::Labeled { name, colour } | TimelineKind::Unlabeled { name, colour } => {
                json.object_at("label", |json| {
                    json.text("name", name);
                    json.text("color", colour);
                });
            }
            TimelineKind::Milestoned { title } => {
                json.object_at("milestone", |json| json.text("title", title));
            }
            TimelineKind::Assigned { assignee } | TimelineKind::Unassigned { assignee } => {
                json.raw("assignee", self.user(*assignee));
            }
            TimelineKind::Renamed { from, to } => json.object_at("rename", |json| {
                json.text("from", from);
                json.text("to", to);
            }),
            TimelineKind::Closed { reason, .. } => {
                json.text_or_null("state_reason", reason.map(|reason| reason.name()));
            }
            TimelineKind::Reopened => json.null("state_reason"),
            TimelineKind::ReviewRequested { from }
            | TimelineKind::ReviewRequestRemoved { from } => {
                json.raw("review_requester", self.user(entry.actor));
                match from {
                    Requested::Person(person) => {
                        json.raw("requested_reviewer", self.user(*person));
                    }
                    Requested::Team(team) => {
                        json.raw("requested_team", &self.accounts.teams[*team].json);
                    }
                }
            }
            TimelineKind::ReviewDismissed { review, state } => {
                json.object_at("dismissed_review", |json| {
                    json.text("state", state.name());
                    json.number("review_id", *review);
                    json.text("dismissal_message", "No longer applies");
                });
            }
            _ => {}
        }
        json.null("performed_via_github_app");
    }

    fn commented(
        &self,
        json: &mut Json,
        repository: &Repository,
        thread: &Thread,
        entry: &TimelineEntry,
        body: &str,
    ) {
        let comment = Comment {
            id: entry.id,
            author: entry.actor,
            at: entry.at,
            body,
        };
        json.object(|json| {
            self.comment(json, repository, thread, &comment, Viewer::Api);
            json.text("event", "commented");
            json.raw("actor", self.user(entry.actor));
        });
    }

    fn committed(
        &self,
        json: &mut Json,
        repository: &Repository,
        entry: &TimelineEntry,
        commit: &Commit,
    ) {
        let Commit {
            sha,
            parent,
            message,
            authored_at,
        } = commit;
        let address = self.repository_address(repository);
        let page = format!("{}/{}", self.html, self.full_name(repository));
        json.object(|json| {
            json.text("sha", sha);
            json.text("node_id", node_id("Commit", entry.id));
            json.address("url", format_args!("{address}/git/commits/{sha}"));
            json.address("html_url", format_args!("{page}/commit/{sha}"));
            for (role, at) in [("author", *authored_at), ("committer", entry.at)] {
                json.object_at(role, |json| {
                    json.text("name", self.accounts.members[entry.actor].given_name());
                    json.text("email", "noreply@example.org");
                    json.time("date", at);
                });
            }
            json.object_at("tree", |json| {
                json.text("sha", parent);
                json.address("url", format_args!("{address}/git/trees/{parent}"));
            });
            json.text("message", message);
            json.array_at("parents", |json| {
                json.object(|json| {
                    json.text("sha", parent);
                    json.address("url", format_args!("{address}/git/commits/{parent}"));
                    json.address("html_url", format_args!("{page}/commit/{parent}"));
                });
            });
            json.object_at("verification", |json| {
                json.truth("verified", false);
                json.text("reason", "unsigned");
                json.null("signature");
                json.null("payload");
            });
            json.text("event", "committed");
        });
    }

    fn reviewed(&self, json: &mut Json, repository: &Repository, pull: &PullRequest, id: u64) {
        let Some(review) = pull.reviews.iter().find(|review| review.id == id) else {
            return;
        };
        json.object(|json| {
            self.review(
                json,
                repository,
                pull.thread.number,
                review,
                Viewer::Webhook,
            );
            json.text("event", "reviewed");
        });
    }
}

fn event_name(kind: &TimelineKind) -> (&'static str, Option<&str>, &'static str) {
    match kind {
        TimelineKind::Labeled { .. } => ("labeled", None, "LabeledEvent"),
        TimelineKind::Unlabeled { .. } => ("unlabeled", None, "UnlabeledEvent"),
        TimelineKind::Milestoned { .. } => ("milestoned", None, "MilestonedEvent"),
        TimelineKind::Assigned { .. } => ("assigned", None, "AssignedEvent"),
        TimelineKind::Unassigned { .. } => ("unassigned", None, "UnassignedEvent"),
        TimelineKind::Renamed { .. } => ("renamed", None, "RenamedTitleEvent"),
        TimelineKind::Closed { .. } => ("closed", None, "ClosedEvent"),
        TimelineKind::Merged { sha } => ("merged", Some(sha), "MergedEvent"),
        TimelineKind::Reopened => ("reopened", None, "ReopenedEvent"),
        TimelineKind::ReadyForReview => ("ready_for_review", None, "ReadyForReviewEvent"),
        TimelineKind::ConvertedToDraft => ("convert_to_draft", None, "ConvertToDraftEvent"),
        TimelineKind::ReviewRequested { .. } => ("review_requested", None, "ReviewRequestedEvent"),
        TimelineKind::ReviewRequestRemoved { .. } => {
            ("review_request_removed", None, "ReviewRequestRemovedEvent")
        }
        TimelineKind::ReviewDismissed { .. } => ("review_dismissed", None, "ReviewDismissedEvent"),
        TimelineKind::BaseRefChanged => ("base_ref_changed", None, "BaseRefChangedEvent"),
        TimelineKind::HeadRefForcePushed { sha } => (
            "head_ref_force_pushed",
            Some(sha),
            "HeadRefForcePushedEvent",
        ),
        TimelineKind::Transferred => ("transferred", None, "TransferredEvent"),
        TimelineKind::Reviewed { .. } => ("reviewed", None, "PullRequestReview"),
        TimelineKind::Committed(_) => ("committed", None, "PullRequestCommit"),
        TimelineKind::Commented { .. } => ("commented", None, "IssueComment"),
    }
}

/// Whether the timeline shows an entry now: some closings are missing from it as long as the
/// item's own `closed_at` tells them.
pub(crate) fn is_shown(thread: &Thread, index: usize) -> bool {
    match thread.timeline[index].kind {
        TimelineKind::Closed { omitted: true, .. } => {
            let later = &thread.timeline[index + 1..];
            later
                .iter()
                .any(|entry| matches!(entry.kind, TimelineKind::Reopened))
        }
        _ => true,
    }
}

/// What a dismissed review was before.
pub(crate) const fn can_be_dismissed(state: ReviewState) -> bool {
    matches!(state, ReviewState::Approved | ReviewState::ChangesRequested)
}
