//! The `repository` object: 78 keys in webhooks, a few more elsewhere.

use super::{Renderer, node_id};
use crate::item::{Fork, PullRequest};
use crate::json::Json;
use crate::repository::Repository;

/// Where a `repository` object stands: the keys differ a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RepositoryForm {
    /// `repository` of most webhooks, `repo` of a pull request's head.
    Webhook,
    /// `repo` of a pull request's base: with the ways of merging.
    Base,
    /// `repository` of `push`: `created_at` and `pushed_at` are numbers of seconds.
    Push,
    /// The API's own answer.
    Api,
}

/// The addresses that hang below a repository's own, in GitHub's order.
const BELOW: [(&str, &str); 36] = [
    ("forks_url", "forks"),
    ("keys_url", "keys{/key_id}"),
    ("collaborators_url", "collaborators{/collaborator}"),
    ("teams_url", "teams"),
    ("hooks_url", "hooks"),
    ("issue_events_url", "issues/events{/number}"),
    ("events_url", "events"),
    ("assignees_url", "assignees{/user}"),
    ("branches_url", "branches{/branch}"),
    ("tags_url", "tags"),
    ("blobs_url", "git/blobs{/sha}"),
    ("git_tags_url", "git/tags{/sha}"),
    ("git_refs_url", "git/refs{/sha}"),
    ("trees_url", "git/trees{/sha}"),
    ("statuses_url", "statuses/{sha}"),
    ("languages_url", "languages"),
    ("stargazers_url", "stargazers"),
    ("contributors_url", "contributors"),
    ("subscribers_url", "subscribers"),
    ("subscription_url", "subscription"),
    ("commits_url", "commits{/sha}"),
    ("git_commits_url", "git/commits{/sha}"),
    ("comments_url", "comments{/number}"),
    ("issue_comment_url", "issues/comments{/number}"),
    ("contents_url", "contents/{+path}"),
    ("compare_url", "compare/{base}...{head}"),
    ("merges_url", "merges"),
    ("archive_url", "{archive_format}{/ref}"),
    ("downloads_url", "downloads"),
    ("issues_url", "issues{/number}"),
    ("pulls_url", "pulls{/number}"),
    ("milestones_url", "milestones{/number}"),
    (
        "notifications_url",
        "notifications{?since,all,participating}",
    ),
    ("labels_url", "labels{/name}"),
    ("releases_url", "releases{/id}"),
    ("deployments_url", "deployments"),
];

impl Renderer {
    /// `repository` in the given form under `key`.
    pub(crate) fn repository_at(
        &self,
        json: &mut Json,
        key: &str,
        repository: &Repository,
        form: RepositoryForm,
    ) {
        json.object_at(key, |json| self.repository(json, repository, form));
    }

    /// The members of `repository` in the given form.
    pub(crate) fn repository(
        &self,
        json: &mut Json,
        repository: &Repository,
        form: RepositoryForm,
    ) {
        if form == RepositoryForm::Push {
            self.repository_members(json, repository, form);
            json.number("stargazers", 3);
            json.text("master_branch", &repository.default_branch);
            json.text("organization", &self.options.organisation_login);
            return;
        }
        // Rendered once for a state, used up to three times in each payload.
        json.members(repository.rendered.get_or_init(|| {
            let mut members = self.json(6_144);
            self.repository_members(&mut members, repository, form);
            members.into_text()
        }));
        if matches!(form, RepositoryForm::Base | RepositoryForm::Api) {
            ways_of_merging(json);
        }
        if form == RepositoryForm::Api {
            json.object_at("permissions", |json| {
                json.truth("admin", false);
                json.truth("push", false);
                json.truth("pull", true);
            });
            json.raw("organization", &self.accounts.organisation.json);
            json.number("network_count", 1);
            json.number("subscribers_count", 2);
        }
    }

    fn repository_members(&self, json: &mut Json, repository: &Repository, form: RepositoryForm) {
        let owner = &self.accounts.organisation;
        self.identity(json, repository.id, &owner.login, &repository.name);
        json.truth("private", repository.private);
        if form == RepositoryForm::Push {
            // The same object with two more keys: only `push` names its owner so.
            let plain = owner.json.trim_start_matches('{');
            let named = format!("{{\"name\":\"{}\",\"email\":null,{plain}", owner.login);
            json.raw("owner", &named);
        } else {
            json.raw("owner", &owner.json);
        }
        self.addresses(json, &owner.login, &repository.name);
        json.text("description", &repository.description);
        json.truth("fork", false);
        if form == RepositoryForm::Push {
            json.number("created_at", repository.created_at.as_seconds());
            json.time("updated_at", repository.updated_at);
            json.number("pushed_at", repository.pushed_at.as_seconds());
        } else {
            json.time("created_at", repository.created_at);
            json.time("updated_at", repository.updated_at);
            json.time("pushed_at", repository.pushed_at);
        }
        let visibility = visibility(repository.private);
        counts(json, repository.language, repository.open_items);
        json.truth("archived", repository.archived);
        json.text("visibility", visibility);
        json.text("default_branch", &repository.default_branch);
    }

    /// The `repo` of a pull request's head: the repository itself, a fork, or null.
    pub(super) fn head_repository(
        &self,
        json: &mut Json,
        repository: &Repository,
        pull: &PullRequest,
    ) {
        match &pull.fork {
            None => self.repository_at(json, "repo", repository, RepositoryForm::Base),
            Some(Fork { deleted: true, .. }) => json.null("repo"),
            Some(fork) => json.object_at("repo", |json| self.fork(json, repository, fork, pull)),
        }
    }

    fn fork(&self, json: &mut Json, repository: &Repository, fork: &Fork, pull: &PullRequest) {
        let owner = &self.accounts.members[fork.owner];
        self.identity(json, fork.id, &owner.login, &repository.name);
        json.truth("private", repository.private);
        json.raw("owner", &owner.json);
        self.addresses(json, &owner.login, &repository.name);
        json.text("description", &repository.description);
        json.truth("fork", true);
        json.time("created_at", pull.thread.created_at);
        json.time("updated_at", pull.thread.created_at);
        json.time("pushed_at", pull.thread.created_at);
        counts(json, repository.language, 0);
        json.truth("archived", false);
        json.text("visibility", visibility(repository.private));
        json.text("default_branch", DEFAULT_BRANCH);
        ways_of_merging(json);
    }

    fn identity(&self, json: &mut Json, id: u64, owner: &str, name: &str) {
        json.number("id", id);
        json.text("node_id", node_id("Repository", id));
        json.text("name", name);
        json.text("full_name", format_args!("{owner}/{name}"));
    }

    fn addresses(&self, json: &mut Json, owner: &str, name: &str) {
        if !json.with_addresses() {
            return;
        }
        let address = format!("{}/repos/{owner}/{name}", self.api);
        let (html, host) = (&self.html, &self.options.host);
        json.text("html_url", format_args!("{html}/{owner}/{name}"));
        json.text("url", &address);
        for (key, path) in BELOW {
            json.text(key, format_args!("{address}/{path}"));
        }
        json.text("git_url", format_args!("git://{host}/{owner}/{name}.git"));
        json.text("ssh_url", format_args!("git@{host}:{owner}/{name}.git"));
        json.text("clone_url", format_args!("{html}/{owner}/{name}.git"));
        json.text("svn_url", format_args!("{html}/{owner}/{name}"));
        json.null("mirror_url");
    }
}

/// The branch that repositories start with.
pub(crate) const DEFAULT_BRANCH: &str = "main";
/// The other branch that they start with.
pub(crate) const RELEASE_BRANCH: &str = "release/1.x";

pub(crate) const fn visibility(private: bool) -> &'static str {
    if private { "private" } else { "public" }
}

fn counts(json: &mut Json, language: &str, open_items: i64) {
    json.null("homepage");
    json.number("size", 1_204);
    json.number("stargazers_count", 3);
    json.number("watchers_count", 3);
    json.text("language", language);
    json.truth("has_issues", true);
    json.truth("has_projects", true);
    json.truth("has_downloads", true);
    json.truth("has_wiki", false);
    json.truth("has_pages", false);
    json.truth("has_discussions", true);
    json.number("forks_count", 1);
    json.truth("disabled", false);
    json.number("open_issues_count", open_items);
    json.null("license");
    json.truth("allow_forking", true);
    json.truth("is_template", false);
    json.truth("web_commit_signoff_required", false);
    json.array_at("topics", |_| {});
    json.number("forks", 1);
    json.number("open_issues", open_items);
    json.number("watchers", 3);
}

fn ways_of_merging(json: &mut Json) {
    json.truth("allow_squash_merge", true);
    json.truth("allow_merge_commit", true);
    json.truth("allow_rebase_merge", true);
    json.truth("allow_auto_merge", false);
    json.truth("delete_branch_on_merge", false);
    json.truth("allow_update_branch", false);
}
