//! The truth as the world knows it.

use super::{
    ExplainedNumber, Explanation, IssueTruth, ItemState, ItemTruth, PullRequestTruth,
    RepositoryTruth, ReviewTruth, TransitionTruth, Truth,
};
use crate::account::AccountKind;
use crate::item::{Issue, PullRequest, Thread, TimelineKind};
use crate::render::visibility;
use crate::repository::{Repository, Slot};
use crate::world::World;
use gapless_schemas::Timestamp;

impl World {
    /// What is true after the changes so far.
    pub fn truth(&self) -> Truth {
        let mut truth = Truth {
            as_of: self.now,
            repositories: Vec::new(),
            pull_requests: Vec::new(),
            issues: Vec::new(),
            explained: Vec::new(),
            oddities: self.oddities.clone(),
        };
        for repository in &self.repositories {
            truth.repositories.push(self.repository_truth(repository));
            for (index, slot) in repository.slots.iter().enumerate() {
                let why = match slot {
                    Slot::PullRequest(pull) => {
                        truth
                            .pull_requests
                            .push(self.pull_request_truth(repository, pull));
                        continue;
                    }
                    Slot::Issue(issue) => {
                        truth.issues.push(self.issue_truth(repository, issue));
                        continue;
                    }
                    Slot::Discussion => Explanation::Discussion,
                    Slot::Deleted { issue_id, at } => Explanation::Deleted {
                        issue_id: *issue_id,
                        at: *at,
                    },
                    Slot::Transferred { to, at } => Explanation::Transferred {
                        to_repository_id: self.repositories[to.repository].id,
                        to_number: to.number,
                        at: *at,
                    },
                };
                truth.explained.push(ExplainedNumber {
                    repository_id: repository.id,
                    number: index as u32 + 1,
                    why,
                });
            }
        }
        truth
    }

    fn repository_truth(&self, repository: &Repository) -> RepositoryTruth {
        RepositoryTruth {
            id: repository.id,
            name: repository.name.clone(),
            full_name: self.renderer.full_name(repository),
            owner: self.options().organisation_login.clone(),
            owner_id: self.options().organisation_id,
            former_names: repository.former_names.clone(),
            description: repository.description.clone(),
            visibility: visibility(repository.private),
            archived: repository.archived,
            default_branch: repository.default_branch.clone(),
            created_at: repository.created_at,
            highest_number: repository.slots.len() as u32,
            open_items: repository.open_items,
        }
    }

    fn pull_request_truth(&self, repository: &Repository, pull: &PullRequest) -> PullRequestTruth {
        let item = self.item_truth(repository, &pull.thread);
        let mut requested_teams: Vec<String> = pull
            .requested_teams
            .iter()
            .map(|team| self.renderer.accounts.teams[*team].slug.clone())
            .collect();
        requested_teams.sort();
        PullRequestTruth {
            id: pull.id,
            draft: pull.draft,
            opened_as_draft: pull.opened_as_draft,
            merged_at: pull.merged_at,
            merged_by: pull.merged_by.map(|account| self.login(account)),
            merged_by_id: pull
                .merged_by
                .map(|account| self.renderer.accounts.members[account].id),
            head_ref: pull.head_ref.clone(),
            head_sha: pull.head_sha.clone(),
            base_ref: pull.base_ref.clone(),
            first_commit_at: first_commit_at(&pull.thread),
            additions: pull.additions,
            deletions: pull.deletions,
            changed_files: pull.changed_files,
            commits: pull.commits,
            requested_reviewers: self.sorted_logins(&pull.requested_reviewers),
            requested_teams,
            reviews: pull
                .reviews
                .iter()
                .map(|review| ReviewTruth {
                    id: review.id,
                    user_id: self.renderer.accounts.members[review.author].id,
                    user: self.login(review.author),
                    user_is_bot: self.renderer.accounts.members[review.author].kind
                        == AccountKind::Bot,
                    user_gone: self.renderer.accounts.members[review.author].gone,
                    state: review.state.name(),
                    submitted_at: review.submitted_at,
                })
                .collect(),
            item,
        }
    }

    fn issue_truth(&self, repository: &Repository, issue: &Issue) -> IssueTruth {
        IssueTruth {
            id: issue.thread.issue_id,
            item: self.item_truth(repository, &issue.thread),
            state_reason: issue.state_reason.map(|reason| reason.name()),
            former_places: issue
                .former_places
                .iter()
                .map(|place| (self.repositories[place.repository].id, place.number))
                .collect(),
        }
    }

    fn item_truth(&self, repository: &Repository, thread: &Thread) -> ItemTruth {
        let author = &self.renderer.accounts.members[thread.author];
        let mut labels: Vec<String> = thread
            .labels
            .iter()
            .map(|label| repository.labels[*label].name.clone())
            .collect();
        labels.sort();
        ItemTruth {
            repository_id: repository.id,
            number: thread.number,
            title: thread.title.clone(),
            author: author.login.clone(),
            author_id: author.id,
            author_is_bot: author.kind == AccountKind::Bot,
            author_gone: author.gone,
            state: if thread.open {
                ItemState::Open
            } else {
                ItemState::Closed
            },
            labels,
            milestone: (thread.milestone)
                .map(|milestone| repository.milestones[milestone].title.clone()),
            assignees: self.sorted_logins(&thread.assignees),
            comments: thread.comments,
            created_at: thread.created_at,
            updated_at: thread.updated_at,
            closed_at: thread.closed_at,
            transitions: thread
                .transitions
                .iter()
                .map(|transition| TransitionTruth {
                    kind: transition.kind,
                    at: transition.at,
                    actor: self.login(transition.actor),
                    state_reason: transition.reason.map(|reason| reason.name()),
                })
                .collect(),
        }
    }

    fn login(&self, account: usize) -> String {
        self.renderer.accounts.members[account].login.clone()
    }

    fn sorted_logins(&self, accounts: &[usize]) -> Vec<String> {
        let mut logins: Vec<String> = accounts
            .iter()
            .map(|account| self.login(*account))
            .collect();
        logins.sort();
        logins
    }
}

/// Git's own first commit, of 2005-04-07: none has an older date that is right.
const FIRST_COMMIT_SECONDS: i64 = 1_112_832_000;

/// A pull request begins with a commit. One with a date that no commit can have counts for nothing.
fn first_commit_at(thread: &Thread) -> Option<Timestamp> {
    let committed = thread
        .timeline
        .iter()
        .filter_map(|entry| match &entry.kind {
            TimelineKind::Committed(commit) => Some(commit.authored_at),
            _ => None,
        });
    let first = Timestamp::from_seconds(FIRST_COMMIT_SECONDS);
    committed.filter(|at| *at >= first).min()
}
