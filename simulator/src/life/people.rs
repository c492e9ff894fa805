//! People take other logins, take those that others left, come and go.

use super::pull_request::Opening;
use crate::account::ShownAs;
use crate::item::ReviewState;
use crate::oddity::Oddity;
use crate::repository::{ItemKey, Slot};
use crate::world::{Wake, World};

impl World {
    /// A person reviews; soon they take another login and review the same again.
    pub(super) fn review_before_renaming(&mut self) {
        let person = self.someone();
        let found = self.some_pull_request(|_, _, pull| {
            pull.thread.open && !pull.draft && pull.thread.author != person
        });
        let Some(key) = found else { return };
        self.review_as(key, person, None);
        self.defer(
            (self.progress() + 0.02).min(0.95),
            Wake::TakeLogin(person, key),
        );
    }

    pub(crate) fn take_login(&mut self, account: usize, reviewed: ItemKey) {
        let before = self.renderer.accounts.members[account].login.clone();
        // Neither of the two may be decided by the alphabet.
        let prefix = self.chance.pick(&["aa-", "zz-"]);
        let login = format!("{prefix}{before}");
        let renderer = &mut self.renderer;
        renderer.accounts.rename(&renderer.options, account, &login);
        self.left_logins.push(before);
        let repository = &self.repositories[reviewed.repository];
        let can_review =
            repository.is_active() && repository.pull_request(reviewed.number).is_some();
        if can_review {
            self.review_as(reviewed, account, None);
        } else if let Some(repository) = self.busy_repository() {
            self.open_issue_by(repository, account);
        }
        self.happened(Oddity::PersonRenamed);
        if self.options().oddities.contains(&Oddity::LoginReused) {
            let share = (self.progress() + 0.02).min(0.95);
            self.defer(share, Wake::Odd(Oddity::LoginReused));
        }
    }

    /// Somebody new takes a login that was left, opens something and reviews something.
    pub(super) fn reuse_login(&mut self) {
        let (Some(login), Some(repository)) = (self.left_logins.pop(), self.busy_repository())
        else {
            return;
        };
        let renderer = &mut self.renderer;
        let account = renderer.accounts.join(&renderer.options, &login);
        self.open_issue_by(repository, account);
        let open = self.some_pull_request(|_, _, pull| pull.thread.open && !pull.draft);
        if let Some(key) = open {
            self.review_as(key, account, None);
        }
        self.happened(Oddity::LoginReused);
    }

    /// Somebody joins, opens a pull request and an issue, reviews the own and another one, and is
    /// never seen again; late in the life the account is deleted.
    pub(super) fn join_for_a_while(&mut self) {
        let Some(repository) = self.busy_repository() else {
            return;
        };
        let login = format!("contractor-{}", self.renderer.accounts.members.len());
        let others = self.some_pull_request(|_, _, pull| pull.thread.open && !pull.draft);
        let renderer = &mut self.renderer;
        let account = renderer.accounts.join(&renderer.options, &login);
        let opening = Opening {
            draft: Some(false),
            ..Opening::by(account)
        };
        let own = self.open_pull_request_as(repository, opening);
        self.review_as(own, account, Some(ReviewState::Commented));
        self.open_issue_by(repository, account);
        if let Some(key) = others {
            self.review_as(key, account, None);
        }
        let share = self.chance.between(80, 88) as f64 / 100.0;
        self.defer(share, Wake::Leave(account));
    }

    /// The account is deleted, and others go on with what it left.
    pub(crate) fn leave(&mut self, account: usize) {
        let shown_as = self.chance.pick(&[ShownAs::Nobody, ShownAs::Ghost]);
        let renderer = &mut self.renderer;
        renderer
            .accounts
            .delete(&renderer.options, account, shown_as);
        for of_pull_requests in [true, false] {
            let found = self.some_item(|_, _, slot| {
                let is_pull_request = matches!(slot, Slot::PullRequest(_));
                let author = slot.thread().map(|thread| thread.author);
                author == Some(account) && is_pull_request == of_pull_requests
            });
            if let Some(key) = found {
                let actor = self.someone();
                self.comment_as(key, actor);
            }
        }
        self.happened(Oddity::PersonDeleted);
    }
}
