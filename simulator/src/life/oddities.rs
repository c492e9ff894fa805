//! When what is rare happens: each oddity that the options ask for in each of a few rounds, at some
//! share of the deliveries; and once more near the end where it did not come about.

use super::pull_request::Opening;
use crate::item::{Commit, PullRequest, ReviewState, TimelineKind};
use crate::json::whole_second;
use crate::oddity::Oddity;
use crate::options::LEAST_CHANGES_FOR_ODDITIES;
use crate::repository::{ItemKey, Slot};
use crate::world::{Wake, World};
use gapless_schemas::Timestamp;

/// Deliveries for each round of oddities.
const CHANGES_A_ROUND: usize = 4_000;
/// The shares of deliveries between which rounds lie.
const FIRST_SHARE: f64 = 0.12;
const LAST_SHARE: f64 = 0.80;
/// Whoever is to be deleted joins that early, so that all they did was told long before.
const JOINED_BY_SHARE: f64 = 0.30;
/// When it is made up for what did not come about.
pub(super) const MAKE_UP_SHARE: f64 = 0.90;

impl World {
    pub(crate) fn plan_oddities(&mut self) {
        if self.options().changes < LEAST_CHANGES_FOR_ODDITIES {
            return;
        }
        let rounds = self.rounds();
        let length = (LAST_SHARE - FIRST_SHARE) / rounds as f64;
        for round in 0..rounds {
            for oddity in self.options().oddities {
                let within = self.chance.between(0, 1_000) as f64 / 1_000.0;
                let share = match oddity {
                    // Follows a person's taking another login.
                    Oddity::LoginReused => continue,
                    Oddity::PersonDeleted => FIRST_SHARE + within * (JOINED_BY_SHARE - FIRST_SHARE),
                    _ => FIRST_SHARE + (round as f64 + within) * length,
                };
                self.defer(share, Wake::Odd(*oddity));
            }
        }
        if !self.options().oddities.is_empty() {
            self.defer(MAKE_UP_SHARE, Wake::MakeUp);
        }
    }

    fn rounds(&self) -> usize {
        1 + self.options().changes / CHANGES_A_ROUND
    }

    pub(crate) fn happened(&mut self, oddity: Oddity) {
        *self.oddities.entry(oddity).or_default() += 1;
    }

    pub(crate) fn make_up(&mut self) {
        let all = self.options().oddities.iter();
        let missing: Vec<Oddity> = all
            .filter(|oddity| !self.oddities.contains_key(oddity))
            .copied()
            .collect();
        for oddity in &missing {
            self.happen(*oddity);
        }
        if !missing.is_empty() {
            // What takes a while may have begun, and may be crossed by something else.
            self.defer(self.progress() + 0.02, Wake::MakeUp);
        }
    }

    pub(crate) fn happen(&mut self, oddity: Oddity) {
        match oddity {
            Oddity::IssueConverted => self.convert_issue(),
            Oddity::RepositoryRestored => {
                let rounds = self.rounds();
                self.delete_repository(rounds);
            }
            Oddity::DefaultBranchChanged => self.change_default_branch(),
            Oddity::PersonRenamed => self.review_before_renaming(),
            Oddity::LoginReused => self.reuse_login(),
            Oddity::PersonDeleted => self.join_for_a_while(),
            Oddity::TurnsInOneSecond => self.begin_burst(true),
            Oddity::TurnsInFiveSeconds => self.begin_burst(false),
            Oddity::DraftedAfterReady => self.draft_after_ready(),
            Oddity::ReviewedAfterMerge => self.review_after_merge(),
            Oddity::ReviewedByAuthor => self.review_by_author(),
            Oddity::ClosedBeforeCreated | Oddity::CreatedLongAgo | Oddity::CreatedOutOfRange => {
                self.import_issue(oddity);
            }
            Oddity::CommittedInTheEpoch => self.commit_in_the_epoch(),
            Oddity::LabelRenamed => self.rename_label(),
            Oddity::LabelDeleted => self.delete_label(),
            Oddity::MilestoneRenamed => self.rename_milestone(),
            Oddity::MilestoneDeleted => self.delete_milestone(),
        }
    }

    /// One of the items in repositories where something can change.
    pub(super) fn some_item(
        &mut self,
        fits: impl Fn(&Self, ItemKey, &Slot) -> bool,
    ) -> Option<ItemKey> {
        let mut found = Vec::new();
        for (index, repository) in self.repositories.iter().enumerate() {
            for (place, slot) in repository.slots.iter().enumerate() {
                let key = ItemKey {
                    repository: index,
                    number: place as u32 + 1,
                };
                if repository.is_active() && slot.thread().is_some() && fits(self, key, slot) {
                    found.push(key);
                }
            }
        }
        (!found.is_empty()).then(|| self.chance.pick(&found))
    }

    /// A pull request that fits, or a new one that is opened ready.
    pub(super) fn some_pull_request(
        &mut self,
        fits: impl Fn(&Self, ItemKey, &PullRequest) -> bool,
    ) -> Option<ItemKey> {
        let found = self.some_item(|world, key, slot| match slot {
            Slot::PullRequest(pull) => fits(world, key, pull),
            _ => false,
        });
        if found.is_some() {
            return found;
        }
        let repository = self.busy_repository()?;
        let opening = Opening {
            draft: Some(false),
            ..Opening::by(self.someone())
        };
        Some(self.open_pull_request_as(repository, opening))
    }

    /// Gives an issue a branch, as `POST …/pulls` with `issue` does: it keeps its number, its issue
    /// id, its past and the time of its creation.
    fn convert_issue(&mut self) {
        let start = self.options().start;
        let found = self.some_item(|world, key, slot| match slot {
            Slot::Issue(issue) => {
                let ordinary = issue.thread.created_at >= start && issue.former_places.is_empty();
                ordinary && issue.thread.open && world.may_change_state(key)
            }
            _ => false,
        });
        let key = match (found, self.busy_repository()) {
            (Some(key), _) => key,
            (None, Some(repository)) => {
                let author = self.someone();
                self.open_issue_by(repository, author)
            }
            (None, None) => return,
        };
        let actor = self.someone();
        let base_ref = self.some_base_branch(key.repository);
        let draft = self.chance.happens(0.2);
        let pull = PullRequest {
            id: self.new_id(),
            draft,
            opened_as_draft: draft,
            merged_at: None,
            merged_by: None,
            merge_commit_sha: self.chance.sha(),
            head_ref: super::words::branch(&mut self.chance, key.number),
            head_sha: self.chance.sha(),
            fork: None,
            base_sha: self.repositories[key.repository].heads[&base_ref].clone(),
            base_ref,
            commits: 1,
            additions: self.chance.between(1, 900) as u32,
            deletions: self.chance.between(0, 90) as u32,
            changed_files: self.chance.between(1, 9) as u32,
            requested_reviewers: Vec::new(),
            requested_teams: Vec::new(),
            reviews: Vec::new(),
            thread: self.thread(key).clone(),
        };
        let commit = Commit {
            sha: pull.head_sha.clone(),
            parent: pull.base_sha.clone(),
            message: pull.thread.title.clone(),
            authored_at: self.second(),
        };
        let (branch, title) = (pull.head_ref.clone(), pull.thread.title.clone());
        if let Some(slot) = self.repositories[key.repository].slot_mut(key.number) {
            *slot = Slot::PullRequest(Box::new(pull));
        }
        self.push_branch(key.repository, &branch, &commit.sha, false, &title, actor);
        self.enter(key, actor, TimelineKind::Committed(commit));
        self.tell_item(key, "opened", actor, |_, _, _| {});
        self.happened(Oddity::IssueConverted);
    }

    fn review_after_merge(&mut self) {
        let merged = self.some_item(
            |_, _, slot| matches!(slot, Slot::PullRequest(pull) if pull.merged_at.is_some()),
        );
        let Some(key) = merged else {
            // First something has to be merged, and that not as soon as it is opened.
            let open = self.some_pull_request(|world, key, pull| {
                pull.thread.open && !pull.draft && world.may_change_state(key)
            });
            if let Some(key) = open.filter(|key| self.may_change_state(*key)) {
                self.merge(key);
            }
            let again = Wake::Odd(Oddity::ReviewedAfterMerge);
            return self.plan(self.now.plus_seconds(15), again);
        };
        let author = self.pull_request(key).thread.author;
        let reviewer = self.someone_else(author);
        let says = self
            .chance
            .pick(&[ReviewState::Approved, ReviewState::ChangesRequested]);
        self.review_as(key, reviewer, Some(says));
    }

    fn review_by_author(&mut self) {
        let people = self.renderer.accounts.people;
        let found = self.some_pull_request(|_, _, pull| {
            pull.thread.open && !pull.draft && pull.thread.author < people
        });
        let Some(key) = found else { return };
        let author = self.pull_request(key).thread.author;
        self.review_as(key, author, Some(ReviewState::Commented));
    }

    fn commit_in_the_epoch(&mut self) {
        let Some(repository) = self.busy_repository() else {
            return;
        };
        let seconds = self.chance.between(0, 86_400 * 300);
        let opening = Opening {
            authored_at: Some(Timestamp::from_seconds(seconds)),
            ..Opening::by(self.someone())
        };
        self.open_pull_request_as(repository, opening);
        self.happened(Oddity::CommittedInTheEpoch);
    }

    /// The start of the next second.
    pub(super) fn next_second(&self) -> Timestamp {
        whole_second(self.now).plus_seconds(1)
    }
}
