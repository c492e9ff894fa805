//! What one event tells of a pull request.

use super::{Branches, Figures, Requested, Review, Reviewer, State};
use crate::entity::Parts;
use crate::item::Item;
use crate::law::{Earliest, Join, Latest, Register, Stamp};
use crate::payload::{
    IssueObject, Item as ItemPayload, Payload, PullRequestObject, ReviewObject, Webhook,
};
use gapless_schemas::{Account, Event};

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
        if event.kind == "pull_request" {
            state.item.tell_action(
                event,
                pull.updated_at,
                pull.closed_at,
                webhook.sender.as_ref(),
            );
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
            add_review(&mut state, review);
        }
        parts.add(event, pull.number, state);
    }
    // Comments on a pull request carry its issue.
    if let Some(issue) = &webhook.issue
        && let Some(state) = of_issue(event, issue)
    {
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
        add_review(&mut state, review);
    }
    if !item.partial_timeline.is_empty() {
        let entries = &item.partial_timeline;
        state.item.lifecycle.tell_partial_timeline(event, entries);
    }
    if let Some(timeline) = &item.timeline {
        state.item.lifecycle.tell_timeline(event, timeline);
    }
    let entries = item.timeline.as_ref().unwrap_or(&item.partial_timeline);
    let authored = entries.iter().filter(|entry| entry.event == "committed");
    let dates = authored.filter_map(|entry| entry.author.as_ref()?.date);
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
            state.merged_at = Register::new(stamp, merged_at);
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
        state.merged_at = Register::new(stamp, merged_at);
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
    if let (Some(reviewers), Some(teams)) = (&pull.requested_reviewers, &pull.requested_teams) {
        let asked = reviewers.iter().flatten();
        let mut reviewers: Vec<String> = asked.filter_map(|user| user.login.clone()).collect();
        let mut teams: Vec<String> = teams
            .iter()
            .map(|team| team.slug.as_ref().unwrap_or(&team.name).clone())
            .collect();
        reviewers.sort_unstable();
        teams.sort_unstable();
        state.requested = Register::new(stamp, Requested { reviewers, teams });
    }
    if let (Some(additions), Some(deletions), Some(changed_files), Some(commits), Some(merged_by)) = (
        pull.additions,
        pull.deletions,
        pull.changed_files,
        pull.commits,
        &pull.merged_by,
    ) {
        let merged_by = merged_by.clone().map(Account::from);
        let review_comments = pull.review_comments;
        let figures = Figures {
            additions,
            deletions,
            changed_files,
            commits,
            review_comments,
            merged_by,
        };
        state.figures = Register::new(stamp, figures);
    }
    state
}

/// Notes a review; a pending one (without a time) is visible to its author only and is passed over.
fn add_review(state: &mut State, review: &ReviewObject) {
    let Some(submitted_at) = review.submitted_at else {
        return;
    };
    let told = review.state.to_ascii_lowercase();
    let dismissed = told == "dismissed";
    let reviewer = review.user.clone().map(Account::from);
    state.reviews.insert(
        review.id,
        Review {
            submitted_at: Earliest(Some(submitted_at)),
            given: Latest((!dismissed).then_some(told)),
            dismissed,
            commit_sha: Latest(review.commit_id.clone()),
            reviewer: Latest(reviewer.map(|Account { id, login, bot }| Reviewer {
                id,
                login,
                bot,
            })),
        },
    );
}
