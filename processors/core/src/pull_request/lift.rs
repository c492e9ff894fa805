//! What one event tells of a pull request.

use super::{Branches, Figures, Requested, Review, State};
use crate::entity::Parts;
use crate::item::{Item, people};
use crate::law::{Earliest, Join, Latest, Register, Stamp};
use crate::payload::{
    IssueObject, Item as ItemPayload, Payload, PullRequestObject, RequestedReviewer, ReviewObject,
    UserObject, Webhook,
};
use gapless_schemas::{Event, Timestamp};

pub(super) fn lift(event: &Event, payload: &Payload, parts: &mut Parts) {
    match payload {
        Payload::Webhook(webhook) => of_webhook(event, webhook, parts),
        Payload::Item(item) => of_item(event, item, parts),
        Payload::Listing(listing) => {
            for issue in &listing.items {
                if let Some(mut state) = of_issue(event, issue) {
                    if listing.since.is_some() {
                        state.item.changed_lately();
                    }
                    parts.add(event, issue.number, state);
                }
            }
        }
        Payload::Repository(_) | Payload::Gap(_) | Payload::Unread => {}
    }
}

fn of_webhook(event: &Event, webhook: &Webhook, parts: &mut Parts) {
    if let Some(pull) = &webhook.pull_request {
        let mut state = of_pull_request(event, pull);
        let sender = webhook.sender.as_ref();
        state.item.tell_sender(event, pull.updated_at, sender);
        if event.kind == "pull_request" {
            state
                .item
                .tell_action(event, pull.updated_at, pull.closed_at, sender);
            if let (Some(at), Some(head)) = (pull.updated_at, &pull.head) {
                match (event.action.as_deref(), &webhook.before, &webhook.after) {
                    (Some("opened"), _, _) => {
                        state.first_head = Earliest(Some((at, head.sha.clone())))
                    }
                    (Some("reopened"), _, _) => {
                        state.reopened_heads.insert(head.sha.clone());
                    }
                    (Some("synchronize"), Some(before), Some(after)) => {
                        state.heads.insert((at, before.clone(), after.clone()));
                    }
                    _ => {}
                }
            }
        }
        if let Some(review) = &webhook.review {
            add_review(event, pull.updated_at, &mut state, review);
        }
        parts.add(event, pull.number, state);
    }
    // Comments on a pull request carry its issue.
    if let Some(issue) = &webhook.issue
        && let Some(mut state) = of_issue(event, issue)
    {
        let sender = webhook.sender.as_ref();
        state.item.tell_sender(event, issue.updated_at, sender);
        parts.add(event, issue.number, state);
    }
}

fn of_item(event: &Event, item: &ItemPayload, parts: &mut Parts) {
    let number = item.pull_request.as_ref().map(|pull| pull.number);
    let number = number
        .or_else(|| item.issue.as_ref().map(|issue| issue.number))
        .or(event.number);
    let from_issue = item.issue.as_ref().map(|issue| of_issue(event, issue));
    let from_pull = item
        .pull_request
        .as_ref()
        .map(|pull| of_pull_request(event, pull));
    let mut state = match (from_issue, from_pull) {
        // An issue object without `pull_request`: an issue, unless the other object says otherwise.
        (Some(None), None) => return,
        (None, None) if item.reviews.is_none() => match Item::of_answer(event, item.status) {
            Some(item) => State {
                item,
                ..State::default()
            },
            None => return,
        },
        (from_issue, from_pull) => {
            let mut state = from_issue.flatten().unwrap_or_default();
            state.join(from_pull.unwrap_or_default());
            state
        }
    };
    for review in item.reviews.iter().flatten() {
        add_review(event, None, &mut state, review);
    }
    if !item.partial_timeline.is_empty() {
        let entries = &item.partial_timeline;
        state.item.tell_partial_timeline(event, entries);
    }
    if let Some(timeline) = &item.timeline {
        state.item.tell_timeline(event, timeline);
    }
    let entries = item.timeline.as_ref().unwrap_or(&item.partial_timeline);
    let authored = entries.iter().filter(|entry| entry.event == "committed");
    let dates = authored.filter_map(|entry| plausible(event, entry.author.as_ref()?.date));
    state.first_commit_at = Earliest(dates.min());
    if let Some(number) = number {
        parts.add(event, number, state);
    }
}

/// What an issue object tells of a pull request; nothing where it is an issue.
fn of_issue(event: &Event, issue: &IssueObject) -> Option<State> {
    let link = issue.pull_request.as_ref()?;
    let mut state = State {
        item: Item::of_issue(event, issue),
        ..State::default()
    };
    if let Some(updated_at) = issue.updated_at {
        let stamp = Stamp::new(event, updated_at);
        if let Some(draft) = issue.draft {
            state.draft = Register::new(stamp, draft);
        }
        if let Some(merged_at) = link.merged_at {
            state.merged_at = Register::new(stamp, merged(event, merged_at, stamp));
        }
    }
    Some(state)
}

fn of_pull_request(event: &Event, pull: &PullRequestObject) -> State {
    let mut state = State {
        item: Item::of_pull_request(event, pull),
        id: Latest(Some(pull.id)),
        ..State::default()
    };
    let Some(updated_at) = pull.updated_at else {
        return state;
    };
    let stamp = Stamp::new(event, updated_at);
    if let Some(draft) = pull.draft {
        state.draft = Register::new(stamp, draft);
    }
    if let Some(merged_at) = pull.merged_at {
        state.merged_at = Register::new(stamp, merged(event, merged_at, stamp));
    }
    let named = Stamp::of_names(event, Some(updated_at));
    if let Some(Some(user)) = &pull.merged_by {
        state.item.names.tell_person(named, user);
        state.merged_by = Latest(user.person().map(|user| user.id));
    }
    if let (Some(head), Some(base)) = (&pull.head, &pull.base) {
        state
            .shown_heads
            .insert(head.sha.clone(), Earliest(Some(updated_at)));
        let (base_ref, head_ref, head_sha) =
            (base.name.clone(), head.name.clone(), head.sha.clone());
        state.branches = Register::new(
            stamp,
            Branches {
                base_ref,
                head_ref,
                head_sha,
            },
        );
    }
    let asked = pull.requested_reviewers.iter().flatten().flatten();
    let asked: Vec<&UserObject> = asked.filter_map(RequestedReviewer::user).collect();
    for user in &asked {
        state.item.names.tell_person(named, user);
    }
    if let (Some(_), Some(teams)) = (&pull.requested_reviewers, &pull.requested_teams) {
        let reviewers = people(asked.into_iter());
        let mut teams: Vec<String> = teams
            .iter()
            .map(|team| team.slug.as_ref().unwrap_or(&team.name).clone())
            .collect();
        teams.sort_unstable();
        state.requested = Register::new(stamp, Requested { reviewers, teams });
    }
    if let (Some(additions), Some(deletions), Some(changed_files), Some(commits)) = (
        pull.additions,
        pull.deletions,
        pull.changed_files,
        pull.commits,
    ) {
        let review_comments = pull.review_comments;
        let figures = Figures {
            additions,
            deletions,
            changed_files,
            commits,
            review_comments,
        };
        state.figures = Register::new(stamp, figures);
    }
    state
}

/// When it was merged. One that is told at a time out of range was merged by its last change.
fn merged(event: &Event, merged_at: Option<Timestamp>, stamp: Stamp) -> Option<Timestamp> {
    merged_at.map(|at| event.in_range(Some(at)).unwrap_or(stamp.entity_time))
}

/// A commit's author date, which any tool can make up: none where git did not exist yet, or where
/// it lies in the future.
fn plausible(event: &Event, date: Option<Timestamp>) -> Option<Timestamp> {
    let date = event.in_range(date)?;
    (date >= Timestamp::from_seconds(GIT_BEGAN_SECONDS)).then_some(date)
}

/// Author date of git's own first commit: 2005-04-07T22:13:13Z. Tools that make reproducible commits
/// write 1970, clocks without a battery 1970, 1980 or 2000.
const GIT_BEGAN_SECONDS: i64 = 1_112_911_993;

/// Notes a review; a pending one (without a time) is visible to its author only and is passed over.
fn add_review(
    event: &Event,
    updated_at: Option<Timestamp>,
    state: &mut State,
    review: &ReviewObject,
) {
    let Some(submitted_at) = event.in_range(review.submitted_at) else {
        return;
    };
    let told = review.state.to_ascii_lowercase();
    let dismissed = told == "dismissed";
    if let Some(user) = &review.user {
        let named = Stamp::of_names(event, updated_at);
        state.item.names.tell_person(named, user);
    }
    let reviewer = review.user.as_ref().and_then(UserObject::person);
    state.reviews.insert(
        review.id,
        Review {
            submitted_at: Earliest(Some(submitted_at)),
            given: Latest((!dismissed).then_some(told)),
            dismissed,
            commit_sha: Latest(review.commit_id.clone()),
            reviewer: Latest(reviewer.map(|user| user.id)),
        },
    );
}
