//! Whole webhook payloads.

use super::issue::Comment;
use super::pull_request::PullRequestForm;
use super::repository::RepositoryForm;
use super::{Renderer, Viewer};
use crate::account::Account;
use crate::item::{PullRequest, Review};
use crate::json::Json;
use crate::repository::{Repository, Slot};

/// A push to a branch.
#[derive(Debug)]
pub(crate) struct Push<'a> {
    pub(crate) branch: &'a str,
    /// The commit the branch pointed to; `None`: the push created it.
    pub(crate) before: Option<&'a str>,
    pub(crate) after: &'a str,
    pub(crate) forced: bool,
    pub(crate) message: &'a str,
    pub(crate) at: gapless_schemas::Timestamp,
}

const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

impl Renderer {
    /// `pull_request`; `extra` adds what the action brings besides (`label`, `changes`, `before`, …).
    pub(crate) fn pull_request_event(
        &self,
        action: &str,
        repository: &Repository,
        pull: &PullRequest,
        sender: usize,
        extra: impl FnOnce(&mut Json),
    ) -> String {
        self.payload(32_768, action, repository, self.member(sender), |json| {
            json.number("number", pull.thread.number);
            json.object_at("pull_request", |json| {
                self.pull_request(
                    json,
                    repository,
                    pull,
                    PullRequestForm::Whole,
                    Viewer::Webhook,
                );
            });
            extra(json);
        })
    }

    /// `pull_request_review`, with a pull request that lacks sizes and counts.
    pub(crate) fn review_event(
        &self,
        action: &str,
        repository: &Repository,
        pull: &PullRequest,
        review: &Review,
        sender: usize,
        extra: impl FnOnce(&mut Json),
    ) -> String {
        self.payload(32_768, action, repository, self.member(sender), |json| {
            json.object_at("review", |json| {
                self.review(
                    json,
                    repository,
                    pull.thread.number,
                    review,
                    Viewer::Webhook,
                );
            });
            json.object_at("pull_request", |json| {
                self.pull_request(
                    json,
                    repository,
                    pull,
                    PullRequestForm::Simple,
                    Viewer::Webhook,
                );
            });
            extra(json);
        })
    }

    /// `issues`.
    pub(crate) fn issue_event_payload(
        &self,
        action: &str,
        repository: &Repository,
        slot: &Slot,
        sender: usize,
        extra: impl FnOnce(&mut Json),
    ) -> String {
        self.payload(16_384, action, repository, self.member(sender), |json| {
            json.object_at("issue", |json| {
                self.issue(json, repository, slot, Viewer::Webhook);
            });
            extra(json);
        })
    }

    /// `issue_comment.created`.
    pub(crate) fn comment_event(
        &self,
        repository: &Repository,
        slot: &Slot,
        comment: &Comment<'_>,
    ) -> String {
        let sender = self.member(comment.author);
        self.payload(16_384, "created", repository, sender, |json| {
            json.object_at("issue", |json| {
                self.issue(json, repository, slot, Viewer::Webhook);
            });
            json.object_at("comment", |json| {
                if let Some(thread) = slot.thread() {
                    self.comment(json, repository, thread, comment, Viewer::Webhook);
                }
            });
        })
    }

    /// `repository`.
    pub(crate) fn repository_event(
        &self,
        action: &str,
        repository: &Repository,
        sender: usize,
        extra: impl FnOnce(&mut Json),
    ) -> String {
        self.payload(8_192, action, repository, self.member(sender), extra)
    }

    /// `push`, which has no action.
    pub(crate) fn push_event(
        &self,
        repository: &Repository,
        push: &Push<'_>,
        sender: usize,
    ) -> String {
        let account = self.member(sender);
        let page = format!("{}/{}", self.html, self.full_name(repository));
        let commit = |json: &mut Json| {
            json.text("id", push.after);
            json.text("tree_id", push.after);
            json.truth("distinct", true);
            json.text("message", push.message);
            json.time("timestamp", push.at);
            json.address("url", format_args!("{page}/commit/{}", push.after));
            for role in ["author", "committer"] {
                json.object_at(role, |json| {
                    json.text("name", account.given_name());
                    json.text("email", "noreply@example.org");
                    json.text("username", &account.login);
                });
            }
            json.array_at("added", |_| {});
            json.array_at("removed", |_| {});
            json.array_at("modified", |_| {});
        };
        let mut json = self.json(10_240);
        json.object(|json| {
            json.text("ref", format_args!("refs/heads/{}", push.branch));
            json.text("before", push.before.unwrap_or(NO_COMMIT));
            json.text("after", push.after);
            self.repository_at(json, "repository", repository, RepositoryForm::Push);
            json.object_at("pusher", |json| {
                json.text("name", &account.login);
                json.text("email", "noreply@example.org");
            });
            json.raw("organization", &self.accounts.organisation_json);
            json.raw("sender", &account.json);
            json.truth("created", push.before.is_none());
            json.truth("deleted", false);
            json.truth("forced", push.forced);
            json.null("base_ref");
            json.address(
                "compare",
                format_args!(
                    "{page}/compare/{}...{}",
                    &push.before.unwrap_or(NO_COMMIT)[..12],
                    &push.after[..12]
                ),
            );
            json.array_at("commits", |json| json.object(commit));
            json.object_at("head_commit", commit);
        });
        json.into_text()
    }

    /// `ping`, sent once when the hook is made.
    pub(crate) fn ping_event(&self, at: gapless_schemas::Timestamp) -> String {
        let options = &self.options;
        let hook = format!(
            "{}/orgs/{}/hooks/{}",
            self.api, options.organisation_login, options.hook_id
        );
        let mut json = self.json(4_096);
        json.object(|json| {
            json.text("zen", "Keep it logically awesome.");
            json.number("hook_id", options.hook_id);
            json.object_at("hook", |json| {
                json.text("type", "Organization");
                json.number("id", options.hook_id);
                json.text("name", "web");
                json.truth("active", true);
                json.raw("events", "[\"*\"]");
                json.raw(
                    "config",
                    "{\"content_type\":\"json\",\"insecure_ssl\":\"0\",\"secret\":\"********\"}",
                );
                json.time("updated_at", at);
                json.time("created_at", at);
                json.address("url", &hook);
                json.address("ping_url", format_args!("{hook}/pings"));
                json.address("deliveries_url", format_args!("{hook}/deliveries"));
            });
            json.raw("organization", &self.accounts.organisation_json);
            json.raw("sender", self.user(0));
        });
        json.into_text()
    }

    fn member(&self, account: usize) -> &Account {
        &self.accounts.members[account]
    }

    fn payload(
        &self,
        capacity: usize,
        action: &str,
        repository: &Repository,
        sender: &Account,
        fill: impl FnOnce(&mut Json),
    ) -> String {
        let mut json = self.json(capacity);
        json.object(|json| {
            json.text("action", action);
            fill(json);
            self.repository_at(json, "repository", repository, RepositoryForm::Webhook);
            json.raw("organization", &self.accounts.organisation_json);
            json.raw("sender", &sender.json);
        });
        json.into_text()
    }
}
