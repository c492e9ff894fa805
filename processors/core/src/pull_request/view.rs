//! What the state topic says of a pull request.

use super::{Review, State};
use crate::entity::{Key, Record};
use gapless_schemas::{HeadChange, NameKind, PullRequest};

pub(super) fn view(state: &State, key: &Key, version: i64) -> Option<Record> {
    let item = &state.item;
    if !item.is_known() {
        return None;
    }
    let headline = item.headline.get();
    let turns = item.turns(state.uncontested_draft());
    let (open_or_closed, closed_at) = item.state(&turns);
    let (labels, label_ids) = item.labels();
    let (assignees, assignee_ids) = item.assignees();
    let (milestone, milestone_id) = item.milestone();
    let branches = state.branches.get();
    let requested = state.requested.get();
    let reviewers = requested.map_or(&[][..], |requested| &requested.reviewers);
    let (requested_reviewers, requested_reviewer_ids) =
        item.names.sorted(NameKind::Person, reviewers);
    let figures = state.figures.get();
    Some(Record::PullRequest(Box::new(PullRequest {
        host: key.host.clone(),
        repository_id: key.repository_id,
        repository: item.repository.get().cloned(),
        number: key.name.parse().ok()?,
        pull_request_id: state.id.0,
        version,
        presence: item.presence(),
        title: headline.map(|shown| shown.title.clone()),
        state: open_or_closed,
        draft: state.draft(&turns),
        merged: state.merged_at.get().map(Option::is_some),
        author: item.author(),
        merged_by: state.merged_by.0.and_then(|id| item.names.account(id)),
        base_ref: branches.map(|branches| branches.base_ref.clone()),
        head_ref: branches.map(|branches| branches.head_ref.clone()),
        head_sha: branches.map(|branches| branches.head_sha.clone()),
        html_url: headline.and_then(|shown| shown.html_url.clone()),
        labels,
        assignees,
        requested_reviewers,
        requested_teams: requested
            .map(|requested| requested.teams.clone())
            .unwrap_or_default(),
        milestone,
        locked: headline.and_then(|shown| shown.locked),
        created_at: item.created_at.0,
        updated_at: item.updated_at(),
        closed_at,
        merged_at: state.merged_at.get().copied().flatten(),
        additions: figures.map(|figures| figures.additions),
        deletions: figures.map(|figures| figures.deletions),
        changed_files: figures.map(|figures| figures.changed_files),
        commits: figures.map(|figures| figures.commits),
        comments: item.comments.get().copied(),
        review_comments: figures.and_then(|figures| figures.review_comments),
        first_commit_at: state.first_commit_at.0,
        reviews: reviews(state),
        transitions: item.transitions(turns),
        heads: state
            .heads
            .iter()
            .map(|(at, before, after)| HeadChange {
                before: before.clone(),
                after: after.clone(),
                at: *at,
            })
            .collect(),
        label_ids,
        assignee_ids,
        requested_reviewer_ids,
        milestone_id,
        opened_draft: item.lifecycle.opened_draft(),
        author_gone: headline.is_some_and(|shown| shown.author_gone),
        namings: item.names.namings(),
    })))
}

fn reviews(state: &State) -> Vec<gapless_schemas::Review> {
    let mut reviews: Vec<_> = state
        .reviews
        .iter()
        .filter_map(|(id, review)| shown(state, *id, review))
        .collect();
    reviews.sort_by_key(|review| (review.submitted_at, review.review_id));
    reviews
}

fn shown(state: &State, review_id: i64, review: &Review) -> Option<gapless_schemas::Review> {
    let decision = match (review.dismissed, &review.given.0) {
        (true, _) => "dismissed".to_owned(),
        (false, given) => given.clone()?,
    };
    let reviewer = review.reviewer.0;
    Some(gapless_schemas::Review {
        review_id,
        reviewer: reviewer.and_then(|id| state.item.names.account(id)),
        state: decision,
        commit_sha: review.commit_sha.0.clone(),
        submitted_at: review.submitted_at.0?,
    })
}
