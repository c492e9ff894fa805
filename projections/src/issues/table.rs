//! The table `issues`: each column, and where its value comes from.

use super::row::IssueRow;
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

/// One row an issue that is there.
pub(crate) static TABLE: Table = Table {
    name: "issues",
    meaning: "One row an issue that is there (deleted and transferred ones are left out; pull requests are no issues here). NULL is what nothing told, never 0.",
    columns: || columns_of(&MAPPING),
    key: &["host", "repository_id", "number"],
    versioned: true,
};

type Of = Mapped<IssueRow>;

/// The columns with their values.
pub(crate) static MAPPING: LazyLock<Vec<Mapped<IssueRow>>> = LazyLock::new(|| {
    let mut columns = repository_columns();
    columns.extend(own());
    columns.extend(super::daily::columns());
    columns.extend(origin_columns());
    columns
});

#[rustfmt::skip]
fn own() -> Vec<Mapped<IssueRow>> {
    vec![
        Of::column(("number", Type::Int, "", "Number within the repository."), |r| r.state.number.into()),
        Of::column(("issue_id", INT, "", "Issue id. Elsewhere: id."), |r| r.state.issue_id.into()),
        Of::column(("title", TEXT, "", "Title."), |r| r.state.title.as_ref().into()),
        Of::column(("html_url", TEXT, "", "Its page on GitHub."), |r| r.state.html_url.as_ref().into()),
        Of::column(("presence", Type::Name, "", "alive, or unreachable: 404 for our credential, deleted or not."), |r| presence_name(r.state.presence).into()),
        Of::column(("state", NAME, "", "open or closed."), |r| r.state.state.as_ref().into()),
        Of::column(("state_reason", NAME, "", "Why it is in this state: completed, not_planned, duplicate, reopened."), |r| r.state.state_reason.as_ref().into()),
        Of::shown(("author", Type::Name, "", "Login of who opened it, now; empty where unknown. Elsewhere: username."), AUTHOR, |r| r.author().into()),
        Of::shown(("author_id", Type::Int, "", "Id of who opened it; in the table 0 where nobody knows."), (INT, "nullIf(t.author_id, 0)"), |r| r.author_id().into()),
        Of::column(("author_is_bot", Type::Bool, "", "Whether a bot opened it."), |r| r.author_is_bot().into()),
        Of::shown(("labels", NAMES, "", "Names of its labels, sorted: as they are called now."), (NAMES, all_called!("label", "t.label_ids", "t.labels")), |r| Value::list(&r.state.labels)),
        Of::hidden("label_ids", "Ids of its labels, in the order of labels; 0 for one without an id.", |r| ids(&r.state.labels, &r.state.label_ids)),
        Of::shown(("assignees", NAMES, "", "Logins of its assignees, sorted. Elsewhere: assignee."), (NAMES, all_called!("person", "t.assignee_ids", "t.assignees")), |r| Value::list(&r.state.assignees)),
        Of::hidden("assignee_ids", "Ids of its assignees, in the order of assignees.", |r| ids(&r.state.assignees, &r.state.assignee_ids)),
        Of::shown(("milestone", NAME, "", "Title of its milestone, as it is called now."), (NAME, concat!("nullIf(", called!("milestone", "t.milestone_id", "ifNull(t.milestone, '')"), ", '')")), |r| r.state.milestone.as_ref().into()),
        Mapped::of(Column::stored("milestone_id", Type::Int, "", "Id of its milestone; 0 where it has none.").hidden(), |r: &IssueRow| r.state.milestone_id.unwrap_or(0).into()),
        Of::column(("locked", BOOL, "", "Whether its conversation is locked."), |r| r.state.locked.into()),
        Of::column(("comments", INT, "comments", "Comments."), |r| r.state.comments.into()),
        Of::column(("created_at", TIME, "UTC", "When it was opened."), |r| r.state.created_at.into()),
        Of::column(("updated_at", TIME, "UTC", "When it last changed, by GitHub's own clock."), |r| r.state.updated_at.into()),
        Of::column(("closed_at", TIME, "UTC", "When it was closed, where it is closed now."), |r| r.state.closed_at.into()),
        Of::column(("close_seconds", INT, "seconds", "Opening to the closing that holds now; NULL while it is open, and where negative."), |r| r.figures.close_seconds.into()),
        Of::column(("closed_count", Type::Int, "closings", "How often it was closed."), |r| r.figures.closed_count.into()),
        Of::column(("reopened_count", Type::Int, "reopenings", "How often it was reopened."), |r| r.figures.reopened_count.into()),
        Mapped::without(Column::computed("waiting_since", DAY, "UTC day", "Day on which it was opened or last reopened: the begin of the wait that awaiting_10_delta and the like of issues_daily count. NULL where it is not open.",
            "if(t.state = 'open' AND arraySum(t.`daily.awaiting_10_delta`) > 0, arrayMax(arrayFilter((day, delta) -> delta > 0, t.`daily.day`, t.`daily.awaiting_10_delta`)) - 10, NULL)")),
        Mapped::without(Column::computed("open_seconds", INT, "seconds", "Opening to closing, or to now while it is open; NULL where negative. Elsewhere: open_duration_seconds.",
            OPEN_SECONDS)),
    ]
}
