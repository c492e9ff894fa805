//! Changes that issues and pull requests share, and the deliveries that tell of them.

use super::words;
use crate::item::{StateReason, Thread, TimelineEntry, TimelineKind, Transition};
use crate::json::{Json, whole_second};
use crate::render::{Comment, Renderer};
use crate::repository::{ItemKey, Repository, Slot};
use crate::truth::TransitionKind;
use crate::world::World;
use gapless_schemas::Timestamp;

/// A change that any open or closed item can see.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ItemChange {
    Comment,
    Label,
    Unlabel,
    Assign,
    Unassign,
    Retitle,
    Describe,
}

/// The times that one closing is told with: as a rule the same, sometimes a second apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosingTimes {
    pub(crate) closed_at: Timestamp,
    pub(crate) merged_at: Timestamp,
    /// `created_at` in the timeline.
    pub(crate) told_at: Timestamp,
}

/// Share of closings whose `closed_at` is a second before `updated_at`.
const CLOSED_BEFORE_UPDATED: f64 = 0.12;
/// Share of mergings whose `merged_at` is a second before `closed_at`.
const MERGED_BEFORE_CLOSED: f64 = 0.08;
/// Share of closings that the timeline tells with a second's difference.
const TOLD_APART: f64 = 0.05;
/// Share of closings that the timeline does not show while the item's `closed_at` does.
const OMITTED: f64 = 0.02;
/// Nearer to midnight or to the last change of state than this, times are told exactly, so that
/// neither a day nor an order depends on who tells.
const EXACT_WITHIN_SECONDS: i64 = 6;

impl World {
    /// The item's parts that issue and pull request share. Keys are only made for items that
    /// exist, and deleted or transferred items are looked up no more.
    pub(crate) fn thread(&self, key: ItemKey) -> &Thread {
        match self.repositories[key.repository].thread(key.number) {
            Some(thread) => thread,
            None => unreachable!("{key:?} is neither issue nor pull request"),
        }
    }

    pub(crate) fn thread_mut(&mut self, key: ItemKey) -> &mut Thread {
        match self.repositories[key.repository].thread_mut(key.number) {
            Some(thread) => thread,
            None => unreachable!("{key:?} is neither issue nor pull request"),
        }
    }

    /// A person; some are busier than others.
    pub(crate) fn someone(&mut self) -> usize {
        let people = self.renderer.accounts.people;
        self.chance.index(people).min(self.chance.index(people))
    }

    /// A person other than `account`.
    pub(crate) fn someone_else(&mut self, account: usize) -> usize {
        let person = self.someone();
        if person == account {
            (person + 1) % self.renderer.accounts.people
        } else {
            person
        }
    }

    /// A person, or now and then a bot.
    pub(crate) fn someone_or_a_bot(&mut self, bot_share: f64) -> usize {
        if self.chance.happens(bot_share) {
            let bots = self.renderer.accounts.bots();
            bots.start + self.chance.index(bots.len())
        } else {
            self.someone()
        }
    }

    /// The item's author, or somebody else where that account is gone.
    pub(crate) fn author_or_another(&mut self, key: ItemKey) -> usize {
        let author = self.thread(key).author;
        if self.renderer.accounts.members[author].gone {
            self.someone()
        } else {
            author
        }
    }

    /// A new item's shared part, opened now by `author`.
    pub(crate) fn new_thread(&mut self, repository: usize, author: usize) -> Thread {
        let created_at = self.second();
        let labelled = self.chance.happens(0.15);
        let labels = &self.repositories[repository].labels;
        let first_label = self.chance.index(labels.len());
        let labelled = labelled && !labels[first_label].deleted;
        Thread {
            issue_id: self.new_id(),
            number: self.repositories[repository].next_number(),
            title: words::title(&mut self.chance),
            body: words::body(&mut self.chance),
            author,
            labels: if labelled { vec![first_label] } else { vec![] },
            milestone: None,
            assignees: Vec::new(),
            open: true,
            created_at,
            updated_at: created_at,
            closed_at: None,
            closed_by: None,
            comments: 0,
            transitions: Vec::new(),
            timeline: Vec::new(),
            restless: self.chance.happens(0.06),
        }
    }

    /// Tells of the labels that a new item was opened with: each has a delivery of its own, of the
    /// same second as the opening.
    pub(crate) fn tell_first_labels(&mut self, key: ItemKey) {
        let author = self.thread(key).author;
        for label in self.thread(key).labels.clone() {
            self.enter_label(key, author, label, true);
            self.tell_item(key, "labeled", author, |renderer, repository, json| {
                renderer.label(json, repository, label);
            });
        }
    }

    /// Marks the item as changed now and adds to its timeline.
    pub(crate) fn enter(&mut self, key: ItemKey, actor: usize, kind: TimelineKind) -> u64 {
        let at = self.second();
        self.enter_at(key, actor, at, kind)
    }

    /// Marks the item as changed now and adds to its timeline what it tells with another time.
    pub(crate) fn enter_at(
        &mut self,
        key: ItemKey,
        actor: usize,
        at: Timestamp,
        kind: TimelineKind,
    ) -> u64 {
        let id = self.new_id();
        let updated_at = self.second();
        let thread = self.thread_mut(key);
        thread.updated_at = updated_at;
        thread.timeline.push(TimelineEntry {
            id,
            at,
            actor,
            kind,
        });
        id
    }

    /// Sends `issues` or `pull_request` with the item as it is now.
    pub(crate) fn tell_item(
        &mut self,
        key: ItemKey,
        action: &'static str,
        sender: usize,
        extra: impl FnOnce(&Renderer, &Repository, &mut Json),
    ) {
        let repository = &self.repositories[key.repository];
        let renderer = &self.renderer;
        let (event, body) = match repository.slot(key.number) {
            Some(Slot::PullRequest(pull)) => {
                let body = renderer.pull_request_event(action, repository, pull, sender, |json| {
                    extra(renderer, repository, json);
                });
                ("pull_request", body)
            }
            Some(slot @ Slot::Issue(_)) => {
                let body = renderer.issue_event_payload(action, repository, slot, sender, |json| {
                    extra(renderer, repository, json);
                });
                ("issues", body)
            }
            _ => return,
        };
        let about = (Some(repository.id), Some(key.number));
        self.send(event, Some(action), about, body);
    }

    /// Makes a change that any item can see.
    pub(crate) fn change_item(&mut self, key: ItemKey, change: ItemChange) {
        match change {
            ItemChange::Comment => self.comment(key),
            ItemChange::Label => self.label(key),
            ItemChange::Unlabel => self.unlabel(key),
            ItemChange::Assign => self.assign(key),
            ItemChange::Unassign => self.unassign(key),
            ItemChange::Retitle => self.retitle(key),
            ItemChange::Describe => self.describe(key),
        }
    }

    fn comment(&mut self, key: ItemKey) {
        let author = self.someone_or_a_bot(0.15);
        self.comment_as(key, author);
    }

    pub(super) fn comment_as(&mut self, key: ItemKey, author: usize) {
        let body = words::comment(&mut self.chance);
        let at = self.second();
        self.thread_mut(key).comments += 1;
        let id = self.enter(key, author, TimelineKind::Commented { body: body.clone() });
        let repository = &self.repositories[key.repository];
        let Some(slot) = repository.slot(key.number) else {
            return;
        };
        let comment = Comment {
            id,
            author,
            at,
            body: &body,
        };
        let body = self.renderer.comment_event(repository, slot, &comment);
        let about = (Some(repository.id), Some(key.number));
        self.send("issue_comment", Some("created"), about, body);
    }

    fn label(&mut self, key: ItemKey) {
        let labels = &self.repositories[key.repository].labels;
        let label = self.chance.index(labels.len());
        if labels[label].deleted || self.thread(key).labels.contains(&label) {
            return self.comment(key);
        }
        let actor = self.someone_or_a_bot(0.2);
        self.label_as(key, label, actor);
    }

    pub(super) fn label_as(&mut self, key: ItemKey, label: usize, actor: usize) {
        self.thread_mut(key).labels.push(label);
        self.enter_label(key, actor, label, true);
        self.tell_item(key, "labeled", actor, |renderer, repository, json| {
            renderer.label(json, repository, label);
        });
    }

    fn enter_label(&mut self, key: ItemKey, actor: usize, label: usize, given: bool) {
        let label = &self.repositories[key.repository].labels[label];
        let (name, colour) = (label.name.clone(), label.colour);
        let told = if given {
            TimelineKind::Labeled { name, colour }
        } else {
            TimelineKind::Unlabeled { name, colour }
        };
        self.enter(key, actor, told);
    }

    fn unlabel(&mut self, key: ItemKey) {
        if self.thread(key).labels.is_empty() {
            return self.label(key);
        }
        let actor = self.someone_or_a_bot(0.2);
        let index = self.chance.index(self.thread(key).labels.len());
        let label = self.thread_mut(key).labels.remove(index);
        self.enter_label(key, actor, label, false);
        self.tell_item(key, "unlabeled", actor, |renderer, repository, json| {
            renderer.label(json, repository, label);
        });
    }

    fn assign(&mut self, key: ItemKey) {
        let assignee = self.someone();
        if self.thread(key).assignees.contains(&assignee) {
            return self.comment(key);
        }
        let actor = self.someone();
        self.thread_mut(key).assignees.push(assignee);
        self.enter(key, actor, TimelineKind::Assigned { assignee });
        self.tell_item(key, "assigned", actor, |renderer, _, json| {
            json.raw("assignee", renderer.user(assignee));
        });
    }

    fn unassign(&mut self, key: ItemKey) {
        if self.thread(key).assignees.is_empty() {
            return self.assign(key);
        }
        let actor = self.someone();
        let index = self.chance.index(self.thread(key).assignees.len());
        let assignee = self.thread_mut(key).assignees.remove(index);
        self.enter(key, actor, TimelineKind::Unassigned { assignee });
        self.tell_item(key, "unassigned", actor, |renderer, _, json| {
            json.raw("assignee", renderer.user(assignee));
        });
    }

    fn retitle(&mut self, key: ItemKey) {
        let to = words::title(&mut self.chance);
        let from = self.thread(key).title.clone();
        if to == from {
            return self.comment(key);
        }
        let author = self.author_or_another(key);
        self.thread_mut(key).title = to.clone();
        let renamed = TimelineKind::Renamed {
            from: from.clone(),
            to,
        };
        self.enter(key, author, renamed);
        self.tell_item(key, "edited", author, |_, _, json| {
            json.object_at("changes", |json| {
                json.object_at("title", |json| json.text("from", from));
            });
        });
    }

    /// Changes the description, which moves `updated_at` and which no timeline tells.
    fn describe(&mut self, key: ItemKey) {
        let body = words::body(&mut self.chance);
        let author = self.author_or_another(key);
        let second = self.second();
        let thread = self.thread_mut(key);
        let from = std::mem::replace(&mut thread.body, body);
        thread.updated_at = second;
        self.tell_item(key, "edited", author, |_, _, json| {
            json.object_at("changes", |json| {
                json.object_at("body", |json| json.text("from", from));
            });
        });
    }

    /// The times with which a closing that happens now is told.
    pub(crate) fn closing_times(&mut self, key: ItemKey) -> ClosingTimes {
        let second = self.second();
        let exact = ClosingTimes {
            closed_at: second,
            merged_at: second,
            told_at: second,
        };
        let closed_early = self.chance.happens(CLOSED_BEFORE_UPDATED);
        let merged_early = self.chance.happens(MERGED_BEFORE_CLOSED);
        let told_apart = self.chance.happens(TOLD_APART);
        let told_later = self.chance.happens(0.5);
        let since_transition = second.millis_since(self.thread(key).last_transition_at()) / 1_000;
        let since_midnight = second.as_seconds().rem_euclid(super::DAY_SECONDS);
        if since_transition.min(since_midnight) < EXACT_WITHIN_SECONDS {
            return exact;
        }
        let closed_at = second.plus_seconds(-i64::from(closed_early));
        let merged_at = closed_at.plus_seconds(-i64::from(merged_early));
        let told_at = match (told_apart, told_later && closed_at < second) {
            (false, _) => closed_at,
            (true, true) => closed_at.plus_seconds(1),
            (true, false) => closed_at.plus_seconds(-1),
        };
        ClosingTimes {
            closed_at,
            merged_at,
            told_at,
        }
    }

    /// Closes the item at the given times; the caller tells of it.
    pub(crate) fn close(
        &mut self,
        key: ItemKey,
        actor: usize,
        times: ClosingTimes,
        kind: TransitionKind,
        reason: Option<StateReason>,
    ) {
        let omitted = self.chance.happens(OMITTED);
        let at = match kind {
            TransitionKind::Merged => times.merged_at,
            _ => times.closed_at,
        };
        let thread = self.thread_mut(key);
        thread.open = false;
        thread.closed_at = Some(times.closed_at);
        thread.closed_by = Some(actor);
        thread.transitions.push(Transition {
            kind,
            at,
            actor,
            reason,
        });
        let closed = TimelineKind::Closed { reason, omitted };
        self.enter_at(key, actor, times.told_at, closed);
        self.count_open_items(key.repository, -1);
    }

    /// Opens the item again; the caller tells of it.
    pub(crate) fn reopen(&mut self, key: ItemKey, actor: usize) {
        let thread = self.thread_mut(key);
        thread.open = true;
        thread.closed_at = None;
        thread.closed_by = None;
        self.enter_transition(key, actor, TransitionKind::Reopened, TimelineKind::Reopened);
        self.count_open_items(key.repository, 1);
    }

    /// A change of state that all witnesses tell with one time.
    pub(crate) fn enter_transition(
        &mut self,
        key: ItemKey,
        actor: usize,
        kind: TransitionKind,
        told: TimelineKind,
    ) {
        let at = whole_second(self.now);
        self.thread_mut(key).transitions.push(Transition {
            kind,
            at,
            actor,
            reason: None,
        });
        self.enter(key, actor, told);
    }
}
