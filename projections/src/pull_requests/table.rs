//! The table `pull_requests`: each column, and where its value comes from.

use super::row::PullRequestRow;
use crate::names::{AUTHOR, all_called, called, ids};
use crate::origin::{OPEN_SECONDS, origin_columns, presence_name, repository_columns};
use crate::table::{Column, Mapped, Table, Type, Value, columns_of};
use std::sync::LazyLock;

const TEXT: Type = Type::Nullable(&Type::Text);
const NAME: Type = Type::Nullable(&Type::Name);
const INT: Type = Type::Nullable(&Type::Int);
const BOOL: Type = Type::Nullable(&Type::Bool);
const TIME: Type = Type::Nullable(&Type::Time);
const DAY: Type = Type::Nullable(&Type::Day);
const NAMES: Type = Type::Array(&Type::Name);

/// One row a pull request that is there.
pub(crate) static TABLE: Table = Table {
    name: "pull_requests",
    meaning: "One row a pull request that is there (deleted and moved ones are left out): its state, and what follows from it. NULL is what nothing told, never 0.",
    columns: || columns_of(&MAPPING),
    key: &["host", "repository_id", "number"],
    versioned: true,
};

type Of = Mapped<PullRequestRow>;

/// The columns with their values.
pub(crate) static MAPPING: LazyLock<Vec<Mapped<PullRequestRow>>> = LazyLock::new(|| {
    let mut columns = repository_columns();
    columns.extend(told());
    columns.extend(derived());
    columns.extend(super::daily::columns());
    columns.extend(origin_columns());
    columns
});

/// What GitHub told.
#[rustfmt::skip]
fn told() -> Vec<Mapped<PullRequestRow>> {
    vec![
        Of::column(("number", Type::Int, "", "Number within the repository."), |r| r.state.number.into()),
        Of::column(("pull_request_id", INT, "", "Pull request id (not the id of its issue). Elsewhere: id, pr_id."), |r| r.state.pull_request_id.into()),
        Of::column(("title", TEXT, "", "Title."), |r| r.state.title.as_ref().into()),
        Of::column(("html_url", TEXT, "", "Its page on GitHub."), |r| r.state.html_url.as_ref().into()),
        Of::column(("presence", Type::Name, "", "alive, or unreachable: 404 for our credential, deleted or not."), |r| presence_name(r.state.presence).into()),
        Of::column(("state", NAME, "", "open or closed."), |r| r.state.state.as_ref().into()),
        Of::column(("draft", BOOL, "", "Whether it is a draft."), |r| r.state.draft.into()),
        Of::column(("merged", BOOL, "", "Whether it was merged."), |r| r.state.merged.into()),
        Of::shown(("author", Type::Name, "", "Login of who opened it, now; empty where unknown."), AUTHOR, |r| r.author().into()),
        Of::shown(("author_id", Type::Int, "", "Id of who opened it; in the table 0 where nobody knows."), (INT, "nullIf(t.author_id, 0)"), |r| r.author_id().into()),
        Of::column(("author_is_bot", Type::Bool, "", "Whether a bot opened it."), |r| r.author_is_bot().into()),
        Of::shown(("merged_by", NAME, "", "Login of who merged it."), (NAME, concat!("nullIf(", called!("person", "ifNull(t.merged_by_id, 0)", "ifNull(t.merged_by, '')"), ", '')")), |r| r.state.merged_by.as_ref().map(|a| &a.login).into()),
        Of::column(("merged_by_id", INT, "", "Id of who merged it."), |r| r.state.merged_by.as_ref().map(|a| a.id).into()),
        Of::column(("base_ref", NAME, "", "Branch that it is to be merged into."), |r| r.state.base_ref.as_ref().into()),
        Of::column(("head_ref", TEXT, "", "Branch that it comes from."), |r| r.state.head_ref.as_ref().into()),
        Of::column(("head_sha", TEXT, "", "Head commit."), |r| r.state.head_sha.as_ref().into()),
        Of::shown(("labels", NAMES, "", "Names of its labels, sorted: as they are called now."), (NAMES, all_called!("label", "t.label_ids", "t.labels")), |r| Value::list(&r.state.labels)),
        Of::hidden("label_ids", "Ids of its labels, in the order of labels; 0 for one without an id.", |r| ids(&r.state.labels, &r.state.label_ids)),
        Of::shown(("assignees", NAMES, "", "Logins of its assignees, sorted. Elsewhere: assignee."), (NAMES, all_called!("person", "t.assignee_ids", "t.assignees")), |r| Value::list(&r.state.assignees)),
        Of::hidden("assignee_ids", "Ids of its assignees, in the order of assignees.", |r| ids(&r.state.assignees, &r.state.assignee_ids)),
        Of::shown(("requested_reviewers", NAMES, "", "Logins of those whose review is requested now, sorted."), (NAMES, all_called!("person", "t.requested_reviewer_ids", "t.requested_reviewers")), |r| Value::list(&r.state.requested_reviewers)),
        Of::hidden("requested_reviewer_ids", "Their ids, in the order of requested_reviewers.", |r| ids(&r.state.requested_reviewers, &r.state.requested_reviewer_ids)),
        Of::column(("requested_teams", NAMES, "", "Slugs of the teams whose review is requested now, sorted."), |r| Value::list(&r.state.requested_teams)),
        Of::shown(("milestone", NAME, "", "Title of its milestone, as it is called now."), (NAME, concat!("nullIf(", called!("milestone", "t.milestone_id", "ifNull(t.milestone, '')"), ", '')")), |r| r.state.milestone.as_ref().into()),
        Mapped::of(Column::stored("milestone_id", Type::Int, "", "Id of its milestone; 0 where it has none.").hidden(), |r: &PullRequestRow| r.state.milestone_id.unwrap_or(0).into()),
        Of::column(("locked", BOOL, "", "Whether its conversation is locked."), |r| r.state.locked.into()),
        Of::column(("created_at", TIME, "UTC", "When it was opened."), |r| r.state.created_at.into()),
        Of::column(("updated_at", TIME, "UTC", "When it last changed, by GitHub's own clock."), |r| r.state.updated_at.into()),
        Of::column(("closed_at", TIME, "UTC", "When it was closed, where it is closed now."), |r| r.state.closed_at.into()),
        Of::column(("merged_at", TIME, "UTC", "When it was merged. Elsewhere: submitted."), |r| r.state.merged_at.into()),
        Of::column(("first_commit_at", TIME, "UTC", "Author date of its first commit; of dates that no commit can have (before git's own first one, on 2005-04-07, or in the future) the next counts."), |r| r.state.first_commit_at.into()),
        Of::column(("additions", INT, "lines", "Lines added. Elsewhere: insertions."), |r| r.state.additions.into()),
        Of::column(("deletions", INT, "lines", "Lines deleted."), |r| r.state.deletions.into()),
        Of::column(("changed_files", INT, "files", "Files changed."), |r| r.state.changed_files.into()),
        Of::column(("commits", INT, "commits", "Commits."), |r| r.state.commits.into()),
        Of::column(("comments", INT, "comments", "Comments on the conversation."), |r| r.state.comments.into()),
        Of::column(("review_comments", INT, "comments", "Comments on the diff."), |r| r.state.review_comments.into()),
    ]
}

/// What follows from it.
#[rustfmt::skip]
fn derived() -> Vec<Mapped<PullRequestRow>> {
    vec![
        Of::column(("outcome", NAME, "", "open, merged or closed_unmerged."), |r| r.figures.outcome.map(|o| o.name()).into()),
        Of::column(("size", NAME, "", "XS up to 9 lines changed, S up to 49, M up to 249, L up to 999, XL above. Elsewhere: pr_size."), |r| r.figures.size.map(|s| s.name()).into()),
        Of::column(("lines", INT, "lines", "Lines added and deleted."), |r| r.figures.lines.into()),
        Of::column(("ready_at", TIME, "UTC", "When it was first ready for review: when it was opened, unless as a draft, else the first ready_for_review; NULL for a draft that never was."), |r| r.figures.ready_at.into()),
        Of::column(("first_review_at", TIME, "UTC", "First review, up to its merge or the closing that holds, by a person who is neither the author nor a bot; a review dismissed later counts as given."), |r| r.figures.first_review_at.into()),
        Of::column(("first_approved_at", TIME, "UTC", "First approval, up to its merge or the closing that holds, by someone other than the author; one that is dismissed later no longer counts."), |r| r.figures.first_approved_at.into()),
        Of::column(("last_approved_at", TIME, "UTC", "Last approval, up to its merge or the closing that holds, by someone other than the author; none that is dismissed later."), |r| r.figures.last_approved_at.into()),
        Of::column(("coding_seconds", INT, "seconds", "First commit's author date to opening; NULL where negative."), |r| r.figures.coding_seconds.into()),
        Of::column(("pickup_seconds", INT, "seconds", "Ready to first review; NULL where negative, and where nobody reviewed it before its end."), |r| r.figures.pickup_seconds.into()),
        Of::column(("rework_seconds", INT, "seconds", "First review to first approval; NULL where negative."), |r| r.figures.rework_seconds.into()),
        Of::column(("merge_seconds", INT, "seconds", "Last approval to merge; NULL where nothing approved, and where negative."), |r| r.figures.merge_seconds.into()),
        Of::column(("cycle_seconds", INT, "seconds", "First commit's author date to merge; NULL where negative."), |r| r.figures.cycle_seconds.into()),
        Of::column(("review_count", Type::Int, "reviews", "Reviews given by others than the author, bots included, whenever."), |r| r.figures.review_count.into()),
        Of::shown(("reviewers", NAMES, "", "Logins of those who gave them, sorted, each person once. Elsewhere: reviewer."), (NAMES, all_called!("person", "t.reviewer_ids", "t.reviewers")), |r| Value::list(r.figures.reviewers.iter().map(|(login, _)| login))),
        Of::hidden("reviewer_ids", "Their ids, in the order of reviewers.", |r| Value::list(r.figures.reviewers.iter().map(|(_, id)| *id))),
        Of::column(("review_decision", Type::Name, "", "By each reviewer's latest decision: changes_requested where one asks for changes, else approved where one approves, else review_required. Comments decide nothing; a dismissed review decides nothing."), |r| r.figures.review_decision.name().into()),
        Of::column(("review_cycles", Type::Int, "cycles", "How often a request for changes was followed by a new head, before the first approval and its end."), |r| r.figures.review_cycles.into()),
        Of::column(("closed_count", Type::Int, "closings", "How often it was closed, the merge included."), |r| r.figures.closed_count.into()),
        Of::column(("reopened_count", Type::Int, "reopenings", "How often it was reopened."), |r| r.figures.reopened_count.into()),
        Of::column(("head_changes", Type::Int, "pushes", "How often its head changed."), |r| (r.state.heads.len() as i64).into()),
        Of::column(("waiting_for", NAME, "", "What an open one waits for: ready (a draft), review, author (changes were requested) or merge (approved). NULL where it is not open."), |r| r.figures.waiting_for.map(|w| w.name()).into()),
        Mapped::without(Column::computed("waiting_since", DAY, "UTC day", "Day on which it was opened, was reopened or last became ready, whichever came last: the begin of the wait that awaiting_10_delta and the like of pull_requests_daily count. NULL where it is a draft or not open.",
            "if(t.state = 'open' AND arraySum(t.`daily.awaiting_10_delta`) > 0, arrayMax(arrayFilter((day, delta) -> delta > 0, t.`daily.day`, t.`daily.awaiting_10_delta`)) - 10, NULL)")),
        Mapped::without(Column::computed("open_seconds", INT, "seconds", "Opening to closing, or to now while it is open; NULL where negative. Elsewhere: open_duration_seconds, submission_time.",
            OPEN_SECONDS)),
    ]
}
