//! The `issue` object, which stands for pull requests too: in `issue_comment` webhooks and in the
//! API's lists of issues.

use super::pull_request::state;
use super::{Renderer, Viewer, node_id, padded};
use crate::item::Thread;
use crate::json::Json;
use crate::repository::{Repository, Slot};

impl Renderer {
    /// The members of an issue, or of a pull request as an issue.
    pub(crate) fn issue(
        &self,
        json: &mut Json,
        repository: &Repository,
        slot: &Slot,
        viewer: Viewer,
    ) {
        let Some(thread) = slot.thread() else { return };
        let number = thread.number;
        let address = self.repository_address(repository);
        let issue = format!("{address}/issues/{number}");
        let (path, node_type) = match slot {
            Slot::PullRequest(_) => ("pull", "PullRequest"),
            _ => ("issues", "Issue"),
        };
        let page = format!(
            "{}/{}/{path}/{number}",
            self.html,
            self.full_name(repository)
        );
        json.address("url", &issue);
        json.address("repository_url", &address);
        json.address("labels_url", format_args!("{issue}/labels{{/name}}"));
        json.address("comments_url", format_args!("{issue}/comments"));
        json.address("events_url", format_args!("{issue}/events"));
        json.address("html_url", &page);
        json.number("id", thread.issue_id);
        json.text("node_id", node_id(node_type, thread.issue_id));
        json.number("number", number);
        json.text("title", &thread.title);
        json.raw("user", self.user(thread.author));
        self.labels(json, repository, &thread.labels);
        json.text("state", state(thread.open));
        json.truth("locked", false);
        let assignee = thread.assignees.first();
        json.raw_or_null("assignee", assignee.map(|account| self.user(*account)));
        self.users(json, "assignees", &thread.assignees);
        self.milestone_of(json, repository, thread);
        json.number("comments", thread.comments);
        json.time("created_at", thread.created_at);
        json.time("updated_at", thread.updated_at);
        json.time_or_null("closed_at", thread.closed_at);
        json.text(
            "author_association",
            self.author_association(thread.author, viewer),
        );
        json.null("active_lock_reason");
        if let Slot::PullRequest(pull) = slot {
            json.truth("draft", pull.draft);
            json.object_at("pull_request", |json| {
                // The key itself tells that this is a pull request: never empty, even if compact.
                json.text("url", format_args!("{address}/pulls/{number}"));
                json.address("html_url", &page);
                json.address("diff_url", format_args!("{page}.diff"));
                json.address("patch_url", format_args!("{page}.patch"));
                json.time_or_null("merged_at", pull.merged_at);
            });
        }
        json.text("body", padded(&thread.body, self.options.payload_padding));
        if viewer == Viewer::Api {
            let closer = thread.closed_by.map(|account| self.user(account));
            json.raw_or_null("closed_by", closer);
        }
        reactions(json, &format!("{issue}/reactions"));
        json.address("timeline_url", format_args!("{issue}/timeline"));
        json.null("performed_via_github_app");
        json.text_or_null(
            "state_reason",
            match slot {
                Slot::Issue(issue) => issue.state_reason.map(|reason| reason.name()),
                _ => None,
            },
        );
    }

    /// The members of a comment.
    pub(crate) fn comment(
        &self,
        json: &mut Json,
        repository: &Repository,
        thread: &Thread,
        comment: &Comment<'_>,
        viewer: Viewer,
    ) {
        let address = self.repository_address(repository);
        let (id, number) = (comment.id, thread.number);
        json.address("url", format_args!("{address}/issues/comments/{id}"));
        json.address(
            "html_url",
            format_args!(
                "{}/{}/issues/{number}#issuecomment-{id}",
                self.html,
                self.full_name(repository)
            ),
        );
        json.address("issue_url", format_args!("{address}/issues/{number}"));
        json.number("id", id);
        json.text("node_id", node_id("IssueComment", id));
        json.raw("user", self.user(comment.author));
        json.time("created_at", comment.at);
        json.time("updated_at", comment.at);
        json.text(
            "author_association",
            self.author_association(comment.author, viewer),
        );
        json.text("body", comment.body);
        reactions(json, &format!("{address}/issues/comments/{id}/reactions"));
        json.null("performed_via_github_app");
    }
}

/// A comment on an issue or pull request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comment<'a> {
    pub(crate) id: u64,
    pub(crate) author: usize,
    pub(crate) at: gapless_schemas::Timestamp,
    pub(crate) body: &'a str,
}

fn reactions(json: &mut Json, address: &str) {
    json.object_at("reactions", |json| {
        json.address("url", address);
        for key in [
            "total_count",
            "+1",
            "-1",
            "laugh",
            "hooray",
            "confused",
            "heart",
            "rocket",
            "eyes",
        ] {
            json.number(key, 0);
        }
    });
}
