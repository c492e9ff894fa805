//! Issues: what the shared part of items does not cover is `state_reason`, which stands in the
//! headline, and leaving: by deletion, by transfer, or by becoming a pull request.

use crate::detect::Asked;
use crate::entity::{self, Entity, Key, Kind, Parts, Record};
use crate::item::Item;
use crate::law::{Latest, join_fields};
use crate::payload::{IssueObject, Payload};
use gapless_schemas::{Event, Presence};
use serde::{Deserialize, Serialize};

/// State of an issue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    item: Item,
    id: Latest<i64>,
    /// Its number is a pull request's now: it has no figures and no questions any more.
    became_pull_request: bool,
}

join_fields!(State {
    item,
    id,
    became_pull_request,
});

impl State {
    fn of(event: &Event, issue: &IssueObject) -> Self {
        Self {
            item: Item::of_issue(event, issue),
            id: Latest(Some(issue.id)),
            became_pull_request: false,
        }
    }

    /// That an issue became a pull request; nothing else.
    pub(crate) fn became_pull_request() -> Self {
        Self {
            became_pull_request: true,
            ..Self::default()
        }
    }

    /// Whether it is there, as an issue.
    fn presence(&self) -> Presence {
        if self.became_pull_request {
            Presence::Moved
        } else {
            self.item.presence()
        }
    }
}

impl Entity for State {
    const KIND: Kind = Kind::Issue;

    fn lift(event: &Event, payload: &Payload, parts: &mut Parts) {
        match payload {
            Payload::Webhook(webhook) => {
                let Some(issue) = webhook
                    .issue
                    .as_ref()
                    .filter(|issue| issue.pull_request.is_none())
                else {
                    return;
                };
                let mut state = Self::of(event, issue);
                let sender = webhook.sender.as_ref();
                state.item.tell_sender(event, issue.updated_at, sender);
                if event.kind == "issues" {
                    state
                        .item
                        .tell_action(event, issue.updated_at, issue.closed_at, sender);
                    match event.action.as_deref() {
                        Some("deleted") => state.item.leave(Presence::Gone),
                        Some("transferred") => state.item.leave(Presence::Moved),
                        _ => {}
                    }
                }
                parts.add(event, issue.number, state);
            }
            Payload::Item(item) => match (&item.issue, item.pull_request.is_some()) {
                (Some(issue), false) if issue.pull_request.is_none() => {
                    let mut state = Self::of(event, issue);
                    if let Some(timeline) = &item.timeline {
                        state.item.tell_timeline(event, timeline);
                    }
                    if !item.partial_timeline.is_empty() {
                        let entries = &item.partial_timeline;
                        state.item.tell_partial_timeline(event, entries);
                    }
                    parts.add(event, issue.number, state);
                }
                (None, false) => {
                    if let (Some(number), Some(item)) =
                        (event.number, Item::of_answer(event, item.status))
                    {
                        parts.add(
                            event,
                            number,
                            Self {
                                item,
                                ..Self::default()
                            },
                        );
                    }
                }
                _ => {}
            },
            Payload::Listing(listing) => {
                for issue in listing
                    .items
                    .iter()
                    .filter(|issue| issue.pull_request.is_none())
                {
                    let mut state = Self::of(event, issue);
                    if listing.since.is_some() {
                        state.item.changed_lately();
                    }
                    parts.add(event, issue.number, state);
                }
            }
            Payload::Repository(_) | Payload::Gap(_) | Payload::Unread => {}
        }
    }

    fn view(&self, key: &Key, version: i64) -> Option<Record> {
        let item = &self.item;
        if !item.is_known() {
            return None;
        }
        let headline = item.headline.get();
        let turns = item.turns(None);
        let (state, closed_at) = item.state(&turns);
        let (labels, label_ids) = item.labels();
        let (assignees, assignee_ids) = item.assignees();
        let (milestone, milestone_id) = item.milestone();
        Some(Record::Issue(Box::new(gapless_schemas::Issue {
            host: key.host.clone(),
            repository_id: key.repository_id,
            repository: item.repository.get().cloned(),
            number: key.name.parse().ok()?,
            issue_id: self.id.0,
            version,
            presence: self.presence(),
            title: headline.map(|shown| shown.title.clone()),
            state,
            state_reason: headline.and_then(|shown| shown.state_reason.clone()),
            author: item.author(),
            html_url: headline.and_then(|shown| shown.html_url.clone()),
            labels,
            assignees,
            milestone,
            locked: headline.and_then(|shown| shown.locked),
            comments: item.comments.get().copied(),
            created_at: item.created_at.0,
            updated_at: item.updated_at(),
            closed_at,
            transitions: item.transitions(turns),
            label_ids,
            assignee_ids,
            milestone_id,
            namings: item.names.namings(),
        })))
    }

    fn questions(&self, key: &Key) -> Vec<Asked> {
        let Ok(number) = key.name.parse() else {
            return Vec::new();
        };
        if self.became_pull_request {
            return Vec::new();
        }
        let mut questions = self.item.questions(number, None);
        self.item.audit(&mut questions);
        questions.into_vec()
    }

    fn into_state(self) -> entity::State {
        entity::State::Issue(Box::new(self))
    }
}
