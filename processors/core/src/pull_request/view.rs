//! What the state topic says of a pull request.

use super::{Review, State};
use crate::entity::{Key, Record};
use gapless_schemas::{Account, HeadChange, PullRequest};

pub(super) fn view(state: &State, key: &Key, version: i64) -> Option<Record> {
    let item = &state.item;
    if !item.is_known() {
        return None;
    }
    let headline = item.headline.get();
    let closed_at = headline.and_then(|shown| shown.closed_at);
    let branches = state.branches.get();
    let requested = state.requested.get();
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
        state: headline.map(|shown| shown.state.clone()),
        draft: state.draft.get().copied(),
        merged: state.merged_at.get().map(Option::is_some),
        author: headline.and_then(|shown| shown.author.clone()),
        merged_by: figures.and_then(|figures| figures.merged_by.clone()),
        base_ref: branches.map(|branches| branches.base_ref.clone()),
        head_ref: branches.map(|branches| branches.head_ref.clone()),
        head_sha: branches.map(|branches| branches.head_sha.clone()),
        html_url: headline.and_then(|shown| shown.html_url.clone()),
        labels: item.labels.get().cloned().unwrap_or_default(),
        assignees: item.assignees.get().cloned().unwrap_or_default(),
        requested_reviewers: requested
            .map(|requested| requested.reviewers.clone())
            .unwrap_or_default(),
        requested_teams: requested
            .map(|requested| requested.teams.clone())
            .unwrap_or_default(),
        milestone: headline.and_then(|shown| shown.milestone.clone()),
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
        transitions: item.lifecycle.transitions(item.created_at.0),
        heads: state
            .heads
            .iter()
            .map(|(at, before, after)| HeadChange {
                before: before.clone(),
                after: after.clone(),
                at: *at,
            })
            .collect(),
    })))
}

fn reviews(state: &State) -> Vec<gapless_schemas::Review> {
    let mut reviews: Vec<_> = state
        .reviews
        .iter()
        .filter_map(|(id, review)| shown(*id, review))
        .collect();
    reviews.sort_by_key(|review| (review.submitted_at, review.review_id));
    reviews
}

fn shown(review_id: i64, review: &Review) -> Option<gapless_schemas::Review> {
    let state = match (review.dismissed, &review.given.0) {
        (true, _) => "dismissed".to_owned(),
        (false, given) => given.clone()?,
    };
    let reviewer = review.reviewer.0.clone();
    Some(gapless_schemas::Review {
        review_id,
        reviewer: reviewer.map(|found| Account {
            id: found.id,
            login: found.login,
            bot: found.bot,
        }),
        state,
        commit_sha: review.commit_sha.0.clone(),
        submitted_at: review.submitted_at.0?,
    })
}
