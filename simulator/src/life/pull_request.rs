//! A pull request's life: opened, pushed to, drafted, closed, merged, reopened. Reviews stand in
//! `review`.

use super::item::ItemChange;
use super::words;
use crate::item::{Commit, Fork, PullRequest, TimelineKind};
use crate::render::{DEFAULT_BRANCH, Push, RELEASE_BRANCH, can_be_dismissed};
use crate::repository::{ItemKey, Slot};
use crate::truth::TransitionKind;
use crate::world::World;
use gapless_schemas::Timestamp;

#[derive(Clone, Copy, Debug)]
enum PullRequestChange {
    Shared(ItemChange),
    RequestReview,
    WithdrawRequest,
    Review,
    EditReview,
    DismissReview,
    Push,
    ChangeBase,
    ConvertToDraft,
    ReadyForReview,
    Close,
    Merge,
    Reopen,
    /// Nobody touches it ever again.
    Rest,
}

/// How a pull request is opened, as far as it is not left to chance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) author: usize,
    pub(crate) draft: Option<bool>,
    /// What the author's clock says of its first commit; `None`: the right time.
    pub(crate) authored_at: Option<Timestamp>,
}

impl Opening {
    pub(crate) fn by(author: usize) -> Self {
        Self {
            author,
            draft: None,
            authored_at: None,
        }
    }
}

/// Share of pull requests whose head lies in a fork.
const FORK_SHARE: f64 = 0.10;

impl World {
    pub(crate) fn pull_request(&self, key: ItemKey) -> &PullRequest {
        match self.repositories[key.repository].pull_request(key.number) {
            Some(pull) => pull,
            None => unreachable!("{key:?} is no pull request"),
        }
    }

    pub(crate) fn pull_request_mut(&mut self, key: ItemKey) -> &mut PullRequest {
        match self.repositories[key.repository].pull_request_mut(key.number) {
            Some(pull) => pull,
            None => unreachable!("{key:?} is no pull request"),
        }
    }

    pub(crate) fn open_pull_request(&mut self, repository: usize) {
        let author = self.someone_or_a_bot(0.14);
        self.open_pull_request_as(repository, Opening::by(author));
    }

    pub(crate) fn open_pull_request_as(&mut self, repository: usize, opening: Opening) -> ItemKey {
        let (author, at) = (opening.author, self.second());
        let thread = self.new_thread(repository, author);
        let key = ItemKey {
            repository,
            number: thread.number,
        };
        let by_person = author < self.renderer.accounts.people;
        let fork = (self.chance.happens(FORK_SHARE) && by_person).then(|| Fork {
            id: self.new_id(),
            owner: author,
            deleted: self.chance.happens(0.05),
        });
        let base_ref = self.some_base_branch(repository);
        let id = self.new_id();
        let drawn = self.chance.happens(0.22);
        let draft = opening.draft.unwrap_or(drawn);
        let pull = PullRequest {
            id,
            draft,
            opened_as_draft: draft,
            merged_at: None,
            merged_by: None,
            merge_commit_sha: self.chance.sha(),
            head_ref: words::branch(&mut self.chance, key.number),
            head_sha: self.chance.sha(),
            fork,
            base_sha: self.repositories[repository].heads[&base_ref].clone(),
            base_ref,
            commits: 1,
            additions: self.chance.pareto(2.0, 0.6, 20_000.0) as u32,
            deletions: self.chance.pareto(1.0, 0.7, 9_000.0) as u32,
            changed_files: self.chance.pareto(1.0, 1.1, 300.0) as u32,
            requested_reviewers: Vec::new(),
            requested_teams: Vec::new(),
            reviews: Vec::new(),
            thread,
        };
        let (sha, parent) = (pull.head_sha.clone(), pull.base_sha.clone());
        let (message, branch) = (pull.thread.title.clone(), pull.head_ref.clone());
        let in_repository = pull.fork.is_none();
        self.repositories[repository]
            .slots
            .push(Slot::PullRequest(Box::new(pull)));
        if in_repository {
            self.push_branch(repository, &branch, &sha, false, &message, author);
        }
        let committed = TimelineKind::Committed(Commit {
            sha,
            parent,
            message,
            authored_at: opening.authored_at.unwrap_or(at),
        });
        self.enter(key, author, committed);
        self.count_open_items(repository, 1);
        self.tell_item(key, "opened", author, |_, _, _| {});
        self.tell_first_labels(key);
        self.plan_next(key);
        key
    }

    pub(super) fn some_base_branch(&mut self, repository: usize) -> String {
        let release = self.chance.happens(0.06);
        let exists = self.repositories[repository]
            .heads
            .contains_key(RELEASE_BRANCH);
        if release && exists {
            RELEASE_BRANCH.to_owned()
        } else {
            DEFAULT_BRANCH.to_owned()
        }
    }

    pub(crate) fn pull_request_lives(&mut self, key: ItemKey) {
        use PullRequestChange as Change;
        let Some(change) = self.next_pull_request_change(key) else {
            return;
        };
        match change {
            Change::Shared(change) => self.change_item(key, change),
            Change::RequestReview => self.request_review(key),
            Change::WithdrawRequest => self.withdraw_request(key),
            Change::Review => self.submit_review(key),
            Change::EditReview => self.edit_review(key),
            Change::DismissReview => self.dismiss_review(key),
            Change::Push => self.synchronize(key),
            Change::ChangeBase => self.change_base(key),
            Change::ConvertToDraft => self.set_draft(key, true),
            Change::ReadyForReview => self.set_draft(key, false),
            Change::Close => self.close_unmerged(key),
            Change::Merge => self.merge(key),
            Change::Reopen => self.reopen_pull_request(key),
            Change::Rest => return,
        }
        self.plan_next(key);
    }

    fn next_pull_request_change(&mut self, key: ItemKey) -> Option<PullRequestChange> {
        use PullRequestChange as Change;
        let weight = |possible: bool, weight: f64| if possible { weight } else { 0.0 };
        let changes_state = self.may_change_state(key);
        let pull = self.pull_request(key);
        let reviewed = !pull.reviews.is_empty();
        let dismissible = pull
            .reviews
            .iter()
            .any(|review| can_be_dismissed(review.state));
        let requested = !pull.requested_reviewers.is_empty() || !pull.requested_teams.is_empty();
        let restless: f64 = if pull.thread.restless { 7.0 } else { 1.0 };
        let (draft, merged) = (pull.draft, pull.merged_at.is_some());
        let choices = if pull.thread.open {
            vec![
                (Change::Shared(ItemChange::Comment), 12.0),
                (Change::Shared(ItemChange::Label), 10.0),
                (Change::Shared(ItemChange::Unlabel), 3.0),
                (Change::Shared(ItemChange::Assign), 5.0),
                (Change::Shared(ItemChange::Unassign), 1.5),
                (Change::Shared(ItemChange::Retitle), 2.0),
                (Change::Shared(ItemChange::Describe), 1.5),
                (Change::RequestReview, 10.0),
                (Change::WithdrawRequest, weight(requested, 1.5)),
                (Change::Review, weight(!draft, 16.0)),
                (Change::EditReview, weight(reviewed, 1.0)),
                (Change::DismissReview, weight(dismissible, 2.0)),
                (Change::Push, 15.0),
                (Change::ChangeBase, 0.8),
                (Change::ConvertToDraft, weight(!draft && changes_state, 1.5)),
                (Change::ReadyForReview, weight(draft && changes_state, 14.0)),
                (
                    Change::Close,
                    weight(changes_state, 2.5 * restless.min(3.0)),
                ),
                (
                    Change::Merge,
                    weight(!draft && changes_state, if reviewed { 18.0 } else { 5.0 }),
                ),
                (Change::Rest, 0.6),
            ]
        } else if merged {
            vec![
                (Change::Shared(ItemChange::Comment), 14.0),
                (Change::Shared(ItemChange::Label), 8.0),
                (Change::EditReview, weight(reviewed, 2.0)),
                (Change::Rest, 76.0),
            ]
        } else {
            vec![
                (Change::Shared(ItemChange::Comment), 16.0),
                (Change::Shared(ItemChange::Label), 4.0),
                (Change::Reopen, weight(changes_state, 12.0 * restless)),
                (Change::Rest, 60.0),
            ]
        };
        self.chance.weighted(&choices)
    }

    /// Moves a branch and sends `push`.
    pub(super) fn push_branch(
        &mut self,
        repository: usize,
        branch: &str,
        after: &str,
        forced: bool,
        message: &str,
        sender: usize,
    ) {
        let at = self.second();
        let repository = &mut self.repositories[repository];
        let before = repository.heads.insert(branch.to_owned(), after.to_owned());
        repository.pushed_at = at;
        repository.changed();
        let push = Push {
            branch,
            before: before.as_deref(),
            after,
            forced,
            message,
            at,
        };
        let body = self.renderer.push_event(repository, &push, sender);
        let id = repository.id;
        self.send("push", None, (Some(id), None), body);
    }

    fn synchronize(&mut self, key: ItemKey) {
        let after = self.chance.sha();
        let forced = self.chance.happens(0.15);
        let (more, less) = (self.chance.between(1, 60), self.chance.between(0, 30));
        let message = words::title(&mut self.chance);
        let (author, at) = (self.author_or_another(key), self.second());
        let pull = self.pull_request_mut(key);
        let before = std::mem::replace(&mut pull.head_sha, after.clone());
        pull.commits += u32::from(!forced);
        pull.additions += more as u32;
        pull.deletions += less as u32;
        let branch = pull.head_ref.clone();
        let in_repository = pull.fork.is_none();
        if in_repository {
            self.push_branch(key.repository, &branch, &after, forced, &message, author);
        }
        let committed = TimelineKind::Committed(Commit {
            sha: after.clone(),
            parent: before.clone(),
            message,
            authored_at: at,
        });
        self.enter(key, author, committed);
        if forced {
            let sha = after.clone();
            self.enter(key, author, TimelineKind::HeadRefForcePushed { sha });
        }
        self.tell_item(key, "synchronize", author, |_, _, json| {
            json.text("before", before);
            json.text("after", after);
        });
    }

    fn change_base(&mut self, key: ItemKey) {
        let actor = self.author_or_another(key);
        let pull = self.pull_request(key);
        let (from, from_sha) = (pull.base_ref.clone(), pull.base_sha.clone());
        let heads = &self.repositories[key.repository].heads;
        let to = if from == DEFAULT_BRANCH {
            RELEASE_BRANCH
        } else {
            DEFAULT_BRANCH
        };
        let Some(to_sha) = heads.get(to).cloned() else {
            return;
        };
        let pull = self.pull_request_mut(key);
        pull.base_ref = to.to_owned();
        pull.base_sha = to_sha;
        self.enter(key, actor, TimelineKind::BaseRefChanged);
        self.tell_item(key, "edited", actor, |_, _, json| {
            json.object_at("changes", |json| {
                json.object_at("base", |json| {
                    json.object_at("ref", |json| json.text("from", from));
                    json.object_at("sha", |json| json.text("from", from_sha));
                });
            });
        });
    }

    pub(super) fn set_draft(&mut self, key: ItemKey, draft: bool) {
        let actor = self.author_or_another(key);
        let (action, kind, told) = if draft {
            let kind = TransitionKind::ConvertedToDraft;
            ("converted_to_draft", kind, TimelineKind::ConvertedToDraft)
        } else {
            let kind = TransitionKind::ReadyForReview;
            ("ready_for_review", kind, TimelineKind::ReadyForReview)
        };
        self.pull_request_mut(key).draft = draft;
        self.enter_transition(key, actor, kind, told);
        self.tell_item(key, action, actor, |_, _, _| {});
    }

    pub(super) fn close_unmerged(&mut self, key: ItemKey) {
        let actor = self.someone_or_a_bot(0.1);
        let times = self.closing_times(key);
        self.close(key, actor, times, TransitionKind::Closed, None);
        self.tell_item(key, "closed", actor, |_, _, _| {});
    }

    pub(super) fn merge(&mut self, key: ItemKey) {
        let actor = self.someone_or_a_bot(0.15);
        let mut times = self.closing_times(key);
        let pull = self.pull_request_mut(key);
        pull.merged_at = Some(times.merged_at);
        pull.merged_by = Some(actor);
        let sha = pull.merge_commit_sha.clone();
        let (branch, title) = (pull.base_ref.clone(), pull.thread.title.clone());
        let merged = TimelineKind::Merged { sha: sha.clone() };
        self.enter_at(key, actor, times.merged_at, merged);
        // The timeline tells the merging first, the closing never before it.
        times.told_at = times.told_at.max(times.merged_at);
        self.close(key, actor, times, TransitionKind::Merged, None);
        self.tell_item(key, "closed", actor, |_, _, _| {});
        self.push_branch(key.repository, &branch, &sha, false, &title, actor);
    }

    pub(super) fn reopen_pull_request(&mut self, key: ItemKey) {
        let actor = self.someone();
        self.reopen(key, actor);
        self.tell_item(key, "reopened", actor, |_, _, _| {});
    }
}
