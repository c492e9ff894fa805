//! What an issue and a pull request have in common: both are items of one number space, shown by
//! the same objects, closed, reopened, labelled and listed alike.

use crate::detect::{Questions, is_history};
use crate::law::{Earliest, Latest, Register, Stamp, join_fields};
use crate::lifecycle::{self, Impossibility, Lifecycle, RestsOn, Turn, impossibilities};
use crate::names::{Names, sorted};
use crate::payload::{
    Field, IssueObject, LabelObject, MilestoneObject, PullRequestObject, TimelineEvent, UserObject,
};
use crate::presence::{FOR_EVER, PresenceEvidence};
use compact_str::CompactString;
use gapless_schemas::{
    Account, Contested, Event, NameKind, Presence, Question, Resource, Source, Timestamp,
    Transition, TransitionKind,
};
use serde::{Deserialize, Serialize};

/// A change this long after the first receipt of anything about an item may be what was received:
/// GitHub's clock and ours differ.
const FIRST_WORD_SECONDS: i64 = 60;

/// The shared part of an issue's and a pull request's state.
///
/// Fields that every object shows together share a register: each object is one consistent look at
/// the item, so the winner of a register is a look that GitHub really gave. Fields that some forms
/// of the object lack have registers of their own, so that a payload without them erases nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) repository: Register<String>,
    pub(crate) created_at: Earliest<Timestamp>,
    /// Whether an object of it was shown at all.
    is_shown: bool,
    pub(crate) headline: Register<Headline>,
    /// Id of who opened it. That never changes, and is not forgotten when the account goes.
    author: Latest<i64>,
    /// Name and id (0: none) of each.
    labels: Register<Vec<(CompactString, i64)>>,
    /// Ids.
    assignees: Register<Vec<i64>>,
    pub(crate) names: Names,
    pub(crate) comments: Register<i64>,
    presence: PresenceEvidence,
    pub(crate) lifecycle: Lifecycle,
    /// First receipt of anything about it.
    first_heard_at: Earliest<Timestamp>,
    /// Greatest `updated_at` that a webhook or the item's own snapshot told.
    heard_at: Latest<Timestamp>,
    /// Greatest `updated_at` that a listing showed.
    listed_at: Latest<Timestamp>,
    /// The same, of listings of what changed lately.
    changed_at: Latest<Timestamp>,
}

/// The fields that every form of the object shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Headline {
    pub(crate) title: String,
    pub(crate) state: String,
    pub(crate) state_reason: Option<String>,
    pub(crate) locked: Option<bool>,
    /// Title and id (0: none).
    milestone: Option<(CompactString, i64)>,
    /// Whether the account of who opened it is gone.
    pub(crate) author_gone: bool,
    pub(crate) html_url: Option<String>,
    pub(crate) closed_at: Option<Timestamp>,
}

join_fields!(Item {
    repository,
    created_at,
    is_shown,
    headline,
    author,
    labels,
    assignees,
    names,
    comments,
    presence,
    lifecycle,
    first_heard_at,
    heard_at,
    listed_at,
    changed_at,
});

/// The shared fields of an object, whichever its form.
struct Shown<'a> {
    title: Option<&'a String>,
    state: Option<&'a String>,
    state_reason: Option<&'a String>,
    locked: Option<bool>,
    draft: Option<bool>,
    milestone: &'a Field<MilestoneObject>,
    user: &'a Field<UserObject>,
    html_url: Option<&'a String>,
    closed_at: Field<Timestamp>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    comments: Option<i64>,
    labels: Option<&'a Vec<LabelObject>>,
    assignees: Option<&'a Vec<Option<UserObject>>>,
}

/// Ids of people, ascending, without those whose accounts are gone.
pub(crate) fn people<'a>(users: impl Iterator<Item = &'a UserObject>) -> Vec<i64> {
    let mut ids: Vec<i64> = users
        .filter_map(UserObject::person)
        .map(|user| user.id)
        .collect();
    ids.sort_unstable();
    ids
}

/// Labels or logins in the order of the names, and their ids in the same order.
pub(crate) type Named = (Vec<String>, Vec<i64>);

impl Item {
    /// The partial state of the item that an issue object shows.
    pub(crate) fn of_issue(event: &Event, issue: &IssueObject) -> Self {
        Self::of(
            event,
            Shown {
                title: issue.title.as_ref(),
                state: issue.state.as_ref(),
                state_reason: issue.state_reason.as_ref().and_then(Option::as_ref),
                locked: issue.locked,
                draft: issue.draft,
                milestone: &issue.milestone,
                user: &issue.user,
                html_url: issue.html_url.as_ref(),
                closed_at: issue.closed_at,
                created_at: issue.created_at,
                updated_at: issue.updated_at,
                comments: issue.comments,
                labels: issue.labels.as_ref(),
                assignees: issue.assignees.as_ref(),
            },
        )
    }

    /// The partial state of the item that a pull request object shows.
    pub(crate) fn of_pull_request(event: &Event, pull: &PullRequestObject) -> Self {
        Self::of(
            event,
            Shown {
                title: pull.title.as_ref(),
                state: pull.state.as_ref(),
                state_reason: None,
                locked: pull.locked,
                draft: pull.draft,
                milestone: &pull.milestone,
                user: &pull.user,
                html_url: pull.html_url.as_ref(),
                closed_at: pull.closed_at,
                created_at: pull.created_at,
                updated_at: pull.updated_at,
                comments: pull.comments,
                labels: pull.labels.as_ref(),
                assignees: pull.assignees.as_ref(),
            },
        )
    }

    fn of(event: &Event, shown: Shown<'_>) -> Self {
        // An answer shows presence and the repository's name as of its request. A webhook shows them
        // as of the change only: one that is redelivered after a deletion raises nobody.
        let seen = match (event.source, shown.updated_at) {
            (Source::Webhook, Some(updated_at)) => Stamp::new(event, updated_at),
            _ => Stamp::undated(event),
        };
        let mut item = Self {
            created_at: Earliest(event.in_range(shown.created_at)),
            is_shown: shown.created_at.is_some(),
            first_heard_at: Earliest(Some(event.received_at)),
            ..Self::default()
        };
        if let Some(repository) = &event.repository {
            item.repository = Register::new(seen, repository.clone());
        }
        item.tell_names(Stamp::of_names(event, shown.updated_at), &shown);
        // An object without its own time cannot be ordered against others: it proves existence only.
        let Some(updated_at) = shown.updated_at else {
            return item;
        };
        let stamp = Stamp::new(event, updated_at);
        let updated_at = stamp.entity_time;
        if event.source == Source::Listing {
            item.listed_at = Latest(Some(updated_at));
        } else {
            item.heard_at = Latest(Some(updated_at));
        }
        item.presence.tell(Presence::Alive, seen.entity_time);
        let is_opening = event.source == Source::Webhook
            && event.kind == "pull_request"
            && event.action.as_deref() == Some("opened");
        if let Some(draft) = shown.draft
            && (is_opening || shown.created_at == Some(updated_at))
        {
            item.lifecycle.show_opened(is_opening, updated_at, draft);
        }
        if let (Some(title), Some(state), Some(closed_at), Some(user)) =
            (shown.title, shown.state, shown.closed_at, shown.user)
        {
            let closed_at = event.in_range(closed_at);
            if let Some(at) = closed_at {
                item.lifecycle.show_closed(at);
            }
            let milestone = shown.milestone.as_ref().and_then(Option::as_ref);
            item.headline = Register::new(
                stamp,
                Headline {
                    title: title.clone(),
                    state: state.clone(),
                    state_reason: shown.state_reason.cloned(),
                    locked: shown.locked,
                    milestone: milestone
                        .map(|found| (found.title.clone(), found.id.unwrap_or_default())),
                    author_gone: user.as_ref().and_then(UserObject::person).is_none(),
                    html_url: shown.html_url.cloned(),
                    closed_at,
                },
            );
        }
        if let Some(labels) = shown.labels {
            let labels = labels.iter();
            let mut labels: Vec<(CompactString, i64)> = labels
                .map(|label| (label.name.clone(), label.id.unwrap_or_default()))
                .collect();
            labels.sort_unstable();
            item.labels = Register::new(stamp, labels);
        }
        if let Some(assignees) = shown.assignees {
            let assignees = people(assignees.iter().flatten());
            item.assignees = Register::new(stamp, assignees);
        }
        if let Some(comments) = shown.comments {
            item.comments = Register::new(stamp, comments);
        }
        item
    }

    /// Notes who and what an object names, and who opened it.
    fn tell_names(&mut self, stamp: Stamp, shown: &Shown<'_>) {
        let author = shown.user.as_ref().and_then(Option::as_ref);
        self.author = Latest(author.and_then(UserObject::person).map(|user| user.id));
        let assignees = shown.assignees.into_iter().flatten().flatten();
        for user in author.into_iter().chain(assignees) {
            self.names.tell_person(stamp, user);
        }
        for label in shown.labels.into_iter().flatten() {
            self.names.tell_label(stamp, label);
        }
        if let Some(milestone) = shown.milestone.as_ref().and_then(Option::as_ref) {
            self.names.tell_milestone(stamp, milestone);
        }
    }

    /// Notes that a listing of what changed lately showed it.
    pub(crate) fn changed_lately(&mut self) {
        self.changed_at = self.listed_at;
    }

    /// A later change than any that was heard of. An item that was never heard of and is shown by a
    /// listing of everything only may be older than Gapless: that is no loss, and an audit fetches
    /// it.
    fn unheard_change(&self) -> Option<Timestamp> {
        match self.heard_at.0 {
            Some(heard_at) => self.listed_at.0.filter(|listed_at| *listed_at > heard_at),
            None => self.changed_at.0,
        }
    }

    /// The partial state of an item whose first request was answered by something else than 200.
    /// 404 says only what this credential can see; 410 that it was deleted, 301 that it moved.
    pub(crate) fn of_answer(event: &Event, status: u16) -> Option<Self> {
        let presence = match status {
            301 => Presence::Moved,
            404 => Presence::Unreachable,
            410 => Presence::Gone,
            _ => return None,
        };
        Some(Self {
            presence: PresenceEvidence::of(presence, event.as_of()),
            ..Self::default()
        })
    }

    /// Notes that a webhook said that the item left, deleted or transferred: for ever, as GitHub
    /// gives no number twice. An answer is less sure: 410 is also said of a repository whose issues
    /// are switched off for a while.
    pub(crate) fn leave(&mut self, presence: Presence) {
        self.presence.tell(presence, FOR_EVER);
    }

    /// Notes who caused a webhook.
    pub(crate) fn tell_sender(
        &mut self,
        event: &Event,
        updated_at: Option<Timestamp>,
        sender: Option<&UserObject>,
    ) {
        if let Some(sender) = sender {
            let stamp = Stamp::of_names(event, updated_at);
            self.names.tell_person(stamp, sender);
        }
    }

    /// Notes the transition that the `action` of a webhook tells, and who did it. A closing happened
    /// when the object says: of an imported issue that is long before the change that tells it.
    pub(crate) fn tell_action(
        &mut self,
        event: &Event,
        updated_at: Option<Timestamp>,
        closed_at: Field<Timestamp>,
        sender: Option<&UserObject>,
    ) {
        let Some(at) = updated_at else { return };
        let kind = match event.action.as_deref() {
            Some("closed") => TransitionKind::Closed,
            Some("reopened") => TransitionKind::Reopened,
            Some("ready_for_review") => TransitionKind::ReadyForReview,
            Some("converted_to_draft") => TransitionKind::ConvertedToDraft,
            _ => return,
        };
        let closed_at = event.in_range(closed_at.flatten());
        let at = match (kind, closed_at) {
            (TransitionKind::Closed, Some(closed_at)) if !lifecycle::is_same(closed_at, at) => {
                closed_at
            }
            _ => at,
        };
        let actor = sender.and_then(UserObject::person).map(|user| user.id);
        self.lifecycle.tell(event, kind, at, actor);
    }

    /// Notes a complete timeline, and who it names.
    pub(crate) fn tell_timeline(&mut self, event: &Event, timeline: &[TimelineEvent]) {
        self.tell_actors(event, timeline);
        self.lifecycle.tell_timeline(event, timeline);
    }

    /// Notes what could be read of a timeline.
    pub(crate) fn tell_partial_timeline(&mut self, event: &Event, entries: &[TimelineEvent]) {
        self.tell_actors(event, entries);
        self.lifecycle.tell_partial_timeline(event, entries);
    }

    fn tell_actors(&mut self, event: &Event, entries: &[TimelineEvent]) {
        let stamp = Stamp::undated(event);
        for user in entries.iter().filter_map(|entry| entry.actor.as_ref()) {
            self.names.tell_person(stamp, user);
        }
    }

    /// Whether the item was ever shown: a mere 404 makes no issue.
    pub(crate) fn is_known(&self) -> bool {
        self.is_shown
    }

    /// Who opened it; nothing where nothing told before the account was gone.
    pub(crate) fn author(&self) -> Option<Account> {
        self.names.account(self.author.0?)
    }

    /// Its labels: names and ids.
    pub(crate) fn labels(&self) -> Named {
        let labels = self.labels.get().into_iter().flatten();
        sorted(labels.map(|(name, id)| {
            let latest = self.names.name(NameKind::Label, *id).unwrap_or(name);
            (latest.to_owned(), *id)
        }))
    }

    /// Its assignees: logins and ids.
    pub(crate) fn assignees(&self) -> Named {
        let assignees = self.assignees.get().map_or(&[][..], Vec::as_slice);
        self.names.sorted(NameKind::Person, assignees)
    }

    /// Its milestone: title, and id where it has one.
    pub(crate) fn milestone(&self) -> (Option<String>, Option<i64>) {
        let Some((title, id)) = self.headline.get().and_then(|it| it.milestone.as_ref()) else {
            return (None, None);
        };
        let latest = self.names.name(NameKind::Milestone, *id).unwrap_or(title);
        (Some(latest.to_owned()), (*id != 0).then_some(*id))
    }

    /// Its transitions, and whether they leave it closed. `draft` is what it shows, where nothing
    /// contests that.
    pub(crate) fn turns(&self, draft: Option<bool>) -> Vec<Turn> {
        let headline = self.headline.get();
        let headline = headline.filter(|_| self.headline.contested().is_none());
        let shown = lifecycle::Shown {
            closed: headline.map(|shown| shown.state == "closed"),
            closed_at: headline.and_then(|shown| shown.closed_at),
            draft,
        };
        self.lifecycle.turns(self.created_at.0, shown)
    }

    /// `turns` as records have them.
    pub(crate) fn transitions(&self, turns: Vec<Turn>) -> Vec<Transition> {
        let turns = turns.into_iter();
        turns
            .map(|Turn { kind, at, actor }| Transition {
                kind,
                at,
                actor: actor
                    .and_then(|id| self.names.name(NameKind::Person, id))
                    .map(str::to_owned),
                actor_id: actor,
            })
            .collect()
    }

    /// Whether it is open or closed, and since when it is closed.
    ///
    /// Where looks of one second tell both, the one that happens to win is no better than the other:
    /// how often it was closed and reopened in that second says how it ended.
    pub(crate) fn state(&self, turns: &[Turn]) -> (Option<String>, Option<Timestamp>) {
        let Some(shown) = self.headline.get() else {
            return (None, None);
        };
        let openness =
            |turn: &&Turn| matches!(turn.kind, TransitionKind::Closed | TransitionKind::Reopened);
        let last = turns.iter().rev().find(openness);
        let contested = self.headline.contested();
        // A closing stands at its `closed_at`, a second or so beside the second of its change.
        let is_then = |last: &&Turn| {
            contested.is_some_and(|stamp| last.at.plus_seconds(2) >= stamp.entity_time)
        };
        match last.filter(is_then) {
            Some(last) if last.kind == TransitionKind::Closed => {
                (Some("closed".to_owned()), shown.closed_at.or(Some(last.at)))
            }
            Some(_) => (Some("open".to_owned()), None),
            None => (Some(shown.state.clone()), shown.closed_at),
        }
    }

    /// Whether it is there; an item that was shown is there until something says otherwise.
    pub(crate) fn presence(&self) -> Presence {
        self.presence.presence()
    }

    /// Greatest `updated_at` known, from whatever source.
    pub(crate) fn updated_at(&self) -> Option<Timestamp> {
        self.heard_at.0.max(self.listed_at.0)
    }

    /// Whether an object of its own, not a listing's row, showed it.
    pub(crate) fn is_heard_of(&self) -> bool {
        self.heard_at.0.is_some()
    }

    /// Whether it was there long before anything about it was received: what nobody told of it
    /// until then was not lost, but happened before there was a webhook.
    pub(crate) fn is_history(&self) -> bool {
        match (self.created_at.0, self.first_heard_at.0) {
            (Some(created_at), Some(heard_at)) => is_history(created_at, heard_at),
            _ => false,
        }
    }

    /// The closing before a reopening that is the first that was told of an item of long before:
    /// nobody can have told it. Of a later reopening the item was shown open before.
    fn silent_closing(&self, turns: &[Turn]) -> Option<Turn> {
        let heard_at = self.first_heard_at.0.filter(|_| self.is_history())?;
        let openness =
            |turn: &&Turn| matches!(turn.kind, TransitionKind::Closed | TransitionKind::Reopened);
        let first = turns.iter().find(openness)?;
        let is_first_word = first.at <= heard_at.plus_seconds(FIRST_WORD_SECONDS);
        (first.kind == TransitionKind::Reopened && is_first_word).then_some(Turn {
            kind: TransitionKind::Closed,
            at: first.at,
            actor: None,
        })
    }

    /// What this state cannot answer, beside what the number space asks. Nothing is asked about an
    /// item that is not there.
    pub(crate) fn questions(&self, number: i64, draft: Option<bool>) -> Questions {
        let mut questions = Questions::about(Resource::Item { number });
        if self.presence() != Presence::Alive {
            return questions;
        }
        if let Some(listed_at) = self.unheard_change() {
            let heard_at = self.heard_at.0;
            questions.ask(listed_at, Question::UnheardChange { heard_at });
        }
        questions.ask_contested(&[
            (Contested::Headline, self.headline.contested()),
            (Contested::Labels, self.labels.contested()),
            (Contested::Assignees, self.assignees.contested()),
            (Contested::Comments, self.comments.contested()),
        ]);
        let mut turns = self.turns(draft);
        if let (Some(state), _) = self.state(&turns) {
            if let Some(closing) = self.silent_closing(&turns) {
                turns.insert(1, closing);
            }
            let opened_draft = self.lifecycle.opened_draft();
            let wrong = impossibilities(&turns, &state, draft, opened_draft);
            // A timeline later than all that bears on it has said all that GitHub will say.
            let standing = wrong.into_iter().find(|wrong| match wrong.rests_on {
                RestsOn::Sequence => !self.lifecycle.proves(wrong.at),
                RestsOn::End => self
                    .updated_at()
                    .is_none_or(|at| !self.lifecycle.proves(at)),
            });
            if let Some(Impossibility { at, question, .. }) = standing {
                questions.ask(at, question);
            }
        }
        questions
    }

    /// Asks for an audit, where nothing else is asked and only webhooks tell what happened last.
    pub(crate) fn audit(&self, questions: &mut Questions) {
        let unproven = self.updated_at().filter(|at| !self.lifecycle.proves(*at));
        if let (Some(at), Presence::Alive) = (unproven, self.presence()) {
            let read_at = self.lifecycle.read_at();
            questions.audit(at, Question::UnprovenHistory { read_at });
        }
    }
}
