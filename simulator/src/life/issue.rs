//! An issue's life.

use super::item::ItemChange;
use crate::item::{Issue, StateReason, TimelineKind};
use crate::render::{RepositoryForm, Viewer};
use crate::repository::{ItemKey, Label, Slot};
use crate::truth::TransitionKind;
use crate::world::{Wake, World};

#[derive(Clone, Copy, Debug)]
enum IssueChange {
    Shared(ItemChange),
    Close,
    Reopen,
    Delete,
    Transfer,
    /// Nobody touches it ever again.
    Rest,
}

impl World {
    pub(crate) fn open_issue(&mut self, repository: usize) {
        let author = self.someone_or_a_bot(0.04);
        self.open_issue_by(repository, author);
    }

    pub(crate) fn open_issue_by(&mut self, repository: usize, author: usize) -> ItemKey {
        let thread = self.new_thread(repository, author);
        let key = ItemKey {
            repository,
            number: thread.number,
        };
        let issue = Issue {
            thread,
            state_reason: None,
            former_places: Vec::new(),
        };
        self.repositories[repository]
            .slots
            .push(Slot::Issue(Box::new(issue)));
        self.count_open_items(repository, 1);
        self.tell_item(key, "opened", author, |_, _, _| {});
        self.tell_first_labels(key);
        self.plan_next(key);
        key
    }

    pub(crate) fn issue_lives(&mut self, key: ItemKey) {
        let Some(change) = self.next_issue_change(key) else {
            return;
        };
        match change {
            IssueChange::Shared(change) => self.change_item(key, change),
            IssueChange::Close => self.close_issue(key),
            IssueChange::Reopen => self.reopen_issue(key),
            IssueChange::Delete => return self.delete_issue(key),
            IssueChange::Transfer => return self.transfer_issue(key),
            IssueChange::Rest => return,
        }
        self.plan_next(key);
    }

    fn next_issue_change(&mut self, key: ItemKey) -> Option<IssueChange> {
        use IssueChange::{Close, Delete, Reopen, Rest, Shared, Transfer};
        let changes_state = f64::from(u8::from(self.may_change_state(key)));
        let thread = self.thread(key);
        let restless = if thread.restless { 6.0 } else { 1.0 };
        let movable = f64::from(u8::from(self.repositories.len() > 1)) * changes_state;
        let choices = if thread.open {
            vec![
                (Shared(ItemChange::Comment), 22.0),
                (Shared(ItemChange::Label), 16.0),
                (Shared(ItemChange::Unlabel), 4.0),
                (Shared(ItemChange::Assign), 8.0),
                (Shared(ItemChange::Unassign), 2.0),
                (Shared(ItemChange::Retitle), 3.0),
                (Shared(ItemChange::Describe), 1.5),
                (Close, 14.0 * changes_state),
                (Delete, 0.35 * changes_state),
                (Transfer, 0.5 * movable),
                (Rest, 0.7),
            ]
        } else {
            vec![
                (Shared(ItemChange::Comment), 20.0),
                (Shared(ItemChange::Label), 4.0),
                (Reopen, 10.0 * restless * changes_state),
                (Delete, 0.3 * changes_state),
                (Rest, 66.0),
            ]
        };
        self.chance.weighted(&choices)
    }

    pub(super) fn issue_mut(&mut self, key: ItemKey) -> &mut Issue {
        match self.repositories[key.repository].issue_mut(key.number) {
            Some(issue) => issue,
            None => unreachable!("{key:?} is no issue"),
        }
    }

    pub(super) fn close_issue(&mut self, key: ItemKey) {
        let actor = self.someone_or_a_bot(0.1);
        let times = self.closing_times(key);
        let reason = self
            .chance
            .weighted(&[
                (StateReason::Completed, 7.0),
                (StateReason::NotPlanned, 2.5),
                (StateReason::Duplicate, 0.5),
            ])
            .unwrap_or(StateReason::Completed);
        self.issue_mut(key).state_reason = Some(reason);
        self.close(key, actor, times, TransitionKind::Closed, Some(reason));
        self.tell_item(key, "closed", actor, |_, _, _| {});
    }

    pub(super) fn reopen_issue(&mut self, key: ItemKey) {
        let actor = self.someone();
        self.issue_mut(key).state_reason = Some(StateReason::Reopened);
        self.reopen(key, actor);
        self.tell_item(key, "reopened", actor, |_, _, _| {});
    }

    fn delete_issue(&mut self, key: ItemKey) {
        let actor = self.someone();
        let at = self.second();
        let thread = self.thread(key);
        let (issue_id, open) = (thread.issue_id, thread.open);
        self.tell_item(key, "deleted", actor, |_, _, _| {});
        if let Some(slot) = self.repositories[key.repository].slot_mut(key.number) {
            *slot = Slot::Deleted { issue_id, at };
        }
        if open {
            self.count_open_items(key.repository, -1);
        }
    }

    /// Moves the issue into another repository: a new id and number there, the same history.
    fn transfer_issue(&mut self, key: ItemKey) {
        let targets: Vec<usize> = (0..self.repositories.len())
            .filter(|index| *index != key.repository && self.repositories[*index].is_active())
            .collect();
        if targets.is_empty() {
            return self.plan_next(key);
        }
        let to = ItemKey {
            repository: self.chance.pick(&targets),
            number: 0,
        };
        let to = ItemKey {
            number: self.repositories[to.repository].next_number(),
            ..to
        };
        let actor = self.someone();
        let at = self.second();
        let Some(slot) = self.repositories[key.repository].slot_mut(key.number) else {
            return;
        };
        let mut left = std::mem::replace(slot, Slot::Transferred { to, at });
        if let Slot::Issue(issue) = &mut left {
            issue.thread.updated_at = at;
        }
        let moved = self.arrived(&left, key, to);
        self.repositories[to.repository].slots.push(moved);
        self.enter(to, actor, TimelineKind::Transferred);
        self.count_open_items(key.repository, -1);
        self.count_open_items(to.repository, 1);
        self.tell_transfer(key, to, &left, actor);
        self.plan(self.now.plus_seconds(1), Wake::Item(to));
    }

    /// The issue as it arrives at `to`: labels stay only where the same ones exist, and
    /// no two milestones are the same.
    fn arrived(&mut self, left: &Slot, from: ItemKey, to: ItemKey) -> Slot {
        let Slot::Issue(issue) = left else {
            unreachable!("only issues are transferred")
        };
        let (old, new) = (
            &self.repositories[from.repository].labels,
            &self.repositories[to.repository].labels,
        );
        let kept = issue.thread.labels.iter().filter_map(|label| {
            let is_the_same = |there: &Label| !there.deleted && there.name == old[*label].name;
            new.iter().position(is_the_same)
        });
        let kept: Vec<usize> = kept.collect();
        let mut moved = issue.clone();
        moved.thread.issue_id = self.new_id();
        moved.thread.number = to.number;
        moved.thread.labels = kept;
        moved.thread.milestone = None;
        moved.former_places.push(from);
        Slot::Issue(moved)
    }

    /// `issues.transferred` from the old repository and `issues.opened` from the new one.
    fn tell_transfer(&mut self, from: ItemKey, to: ItemKey, left: &Slot, actor: usize) {
        let renderer = &self.renderer;
        let (old, new) = (
            &self.repositories[from.repository],
            &self.repositories[to.repository],
        );
        let Some(arrived) = new.slot(to.number) else {
            return;
        };
        let transferred = renderer.issue_event_payload("transferred", old, left, actor, |json| {
            json.object_at("changes", |json| {
                json.object_at("new_issue", |json| {
                    renderer.issue(json, new, arrived, Viewer::Webhook);
                });
                renderer.repository_at(json, "new_repository", new, RepositoryForm::Webhook);
            });
        });
        let opened = renderer.issue_event_payload("opened", new, arrived, actor, |json| {
            json.object_at("changes", |json| {
                json.object_at("old_issue", |json| {
                    renderer.issue(json, old, left, Viewer::Webhook);
                });
                renderer.repository_at(json, "old_repository", old, RepositoryForm::Webhook);
            });
        });
        let (old_id, new_id) = (old.id, new.id);
        let about_old = (Some(old_id), Some(from.number));
        self.send("issues", Some("transferred"), about_old, transferred);
        let about_new = (Some(new_id), Some(to.number));
        self.send("issues", Some("opened"), about_new, opened);
    }
}
