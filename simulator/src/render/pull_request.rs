//! The `pull_request` object and reviews.

use super::{Renderer, RepositoryForm, Viewer, node_id, padded};
use crate::item::{PullRequest, Review};
use crate::json::Json;
use crate::repository::Repository;

/// How much of a pull request a payload carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PullRequestForm {
    /// All, as in `pull_request` webhooks and the API's own answer.
    Whole,
    /// Without `merged`, `mergeable`, sizes and counts, as in `pull_request_review` webhooks.
    Simple,
}

impl Renderer {
    /// The members of a pull request.
    pub(crate) fn pull_request(
        &self,
        json: &mut Json,
        repository: &Repository,
        pull: &PullRequest,
        form: PullRequestForm,
        viewer: Viewer,
    ) {
        let thread = &pull.thread;
        let number = thread.number;
        let address = self.repository_address(repository);
        let page = format!("{}/{}/pull/{number}", self.html, self.full_name(repository));
        json.address("url", format_args!("{address}/pulls/{number}"));
        json.number("id", pull.id);
        json.text("node_id", node_id("PullRequest", pull.id));
        json.address("html_url", &page);
        json.address("diff_url", format_args!("{page}.diff"));
        json.address("patch_url", format_args!("{page}.patch"));
        json.address("issue_url", format_args!("{address}/issues/{number}"));
        json.number("number", number);
        json.text("state", state(thread.open));
        json.truth("locked", false);
        json.text("title", &thread.title);
        json.raw("user", self.user(thread.author));
        json.text("body", padded(&thread.body, self.options.payload_padding));
        json.time("created_at", thread.created_at);
        json.time("updated_at", thread.updated_at);
        json.time_or_null("closed_at", thread.closed_at);
        json.time_or_null("merged_at", pull.merged_at);
        // While open this is a trial merge, which webhooks often do not know yet.
        let merge_commit = pull.merged_at.is_some() || viewer == Viewer::Api;
        json.text_or_null(
            "merge_commit_sha",
            merge_commit.then_some(&pull.merge_commit_sha),
        );
        let assignee = thread.assignees.first();
        json.raw_or_null("assignee", assignee.map(|account| self.user(*account)));
        self.users(json, "assignees", &thread.assignees);
        self.users(json, "requested_reviewers", &pull.requested_reviewers);
        json.array_at("requested_teams", |json| {
            for team in &pull.requested_teams {
                json.raw_element(&self.accounts.teams[*team].json);
            }
        });
        self.labels(json, repository, &thread.labels);
        self.milestone_of(json, repository, thread);
        json.truth("draft", pull.draft);
        self.pull_request_addresses(json, &address, pull);
        self.head(json, repository, pull);
        self.base(json, repository, pull);
        self.pull_request_links(json, &address, &page, pull);
        json.text(
            "author_association",
            self.author_association(thread.author, viewer),
        );
        json.null("auto_merge");
        json.null("active_lock_reason");
        if form == PullRequestForm::Simple {
            return;
        }
        json.truth("merged", pull.merged_at.is_some());
        let known_mergeable = thread.open && viewer == Viewer::Api;
        json.raw_or_null("mergeable", known_mergeable.then_some("true"));
        json.raw_or_null("rebaseable", known_mergeable.then_some("true"));
        json.text(
            "mergeable_state",
            if known_mergeable { "clean" } else { "unknown" },
        );
        json.raw_or_null(
            "merged_by",
            pull.merged_by.map(|account| self.user(account)),
        );
        json.number("comments", thread.comments);
        json.number("review_comments", 0);
        json.truth("maintainer_can_modify", pull.fork.is_some());
        json.number("commits", pull.commits);
        json.number("additions", pull.additions);
        json.number("deletions", pull.deletions);
        json.number("changed_files", pull.changed_files);
    }

    fn pull_request_addresses(&self, json: &mut Json, address: &str, pull: &PullRequest) {
        let number = pull.thread.number;
        json.address(
            "commits_url",
            format_args!("{address}/pulls/{number}/commits"),
        );
        json.address(
            "review_comments_url",
            format_args!("{address}/pulls/{number}/comments"),
        );
        json.address(
            "review_comment_url",
            format_args!("{address}/pulls/comments{{/number}}"),
        );
        json.address(
            "comments_url",
            format_args!("{address}/issues/{number}/comments"),
        );
        json.address(
            "statuses_url",
            format_args!("{address}/statuses/{}", pull.head_sha),
        );
    }

    fn pull_request_links(&self, json: &mut Json, address: &str, page: &str, pull: &PullRequest) {
        if !json.with_addresses() {
            return;
        }
        let number = pull.thread.number;
        json.object_at("_links", |json| {
            let mut link = |key, target: std::fmt::Arguments<'_>| {
                json.object_at(key, |json| json.text("href", target));
            };
            link("self", format_args!("{address}/pulls/{number}"));
            link("html", format_args!("{page}"));
            link("issue", format_args!("{address}/issues/{number}"));
            link(
                "comments",
                format_args!("{address}/issues/{number}/comments"),
            );
            link(
                "review_comments",
                format_args!("{address}/pulls/{number}/comments"),
            );
            link(
                "review_comment",
                format_args!("{address}/pulls/comments{{/number}}"),
            );
            link("commits", format_args!("{address}/pulls/{number}/commits"));
            link(
                "statuses",
                format_args!("{address}/statuses/{}", pull.head_sha),
            );
        });
    }

    fn head(&self, json: &mut Json, repository: &Repository, pull: &PullRequest) {
        let owner = match &pull.fork {
            Some(fork) => &self.accounts.members[fork.owner],
            None => &self.accounts.organisation,
        };
        json.object_at("head", |json| {
            json.text("label", format_args!("{}:{}", owner.login, pull.head_ref));
            json.text("ref", &pull.head_ref);
            json.text("sha", &pull.head_sha);
            json.raw("user", &owner.json);
            self.head_repository(json, repository, pull);
        });
    }

    fn base(&self, json: &mut Json, repository: &Repository, pull: &PullRequest) {
        let owner = &self.accounts.organisation;
        json.object_at("base", |json| {
            json.text("label", format_args!("{}:{}", owner.login, pull.base_ref));
            json.text("ref", &pull.base_ref);
            json.text("sha", &pull.base_sha);
            json.raw("user", &owner.json);
            self.repository_at(json, "repo", repository, RepositoryForm::Base);
        });
    }

    /// The members of a review, in a webhook or in the API's list.
    pub(crate) fn review(
        &self,
        json: &mut Json,
        repository: &Repository,
        number: u32,
        review: &Review,
        viewer: Viewer,
    ) {
        let address = self.repository_address(repository);
        let page = format!(
            "{}/{}/pull/{number}#pullrequestreview-{}",
            self.html,
            self.full_name(repository),
            review.id
        );
        json.number("id", review.id);
        json.text("node_id", node_id("PullRequestReview", review.id));
        json.raw("user", self.user(review.author));
        json.text_or_null("body", (!review.body.is_empty()).then_some(&review.body));
        json.text("commit_id", &review.commit_id);
        json.time("submitted_at", review.submitted_at);
        json.text(
            "state",
            match viewer {
                Viewer::Webhook => review.state.name(),
                Viewer::Api => review.state.api_name(),
            },
        );
        json.address("html_url", &page);
        json.address("pull_request_url", format_args!("{address}/pulls/{number}"));
        json.text(
            "author_association",
            self.author_association(review.author, viewer),
        );
        if json.with_addresses() {
            json.object_at("_links", |json| {
                json.object_at("html", |json| json.text("href", &page));
                json.object_at("pull_request", |json| {
                    json.text("href", format_args!("{address}/pulls/{number}"));
                });
            });
        }
    }
}

/// `open` or `closed`.
pub(crate) const fn state(open: bool) -> &'static str {
    if open { "open" } else { "closed" }
}
