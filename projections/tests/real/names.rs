//! What is told once of a person, label or milestone reaches every row that bears it, whatever comes
//! first; and contradictions between clocks make neither a duration nor a day.

use crate::front::rows;
use crate::history::{
    Fact, account, at, execute, gap, issue, merged, numbered, pull_request, repository, review,
    steps,
};
use crate::rollups::{figures, stores};
use gapless_projections::catalogue::VIEWS;
use gapless_projections::table::Type;
use gapless_schemas::{Detector, NameKind, Naming, Timestamp};

fn told(kind: NameKind, id: i64, name: &str, on: i32) -> Naming {
    Naming {
        kind,
        id,
        name: name.into(),
        deleted: false,
        told_at: at(on, 0),
    }
}

/// A pull request that bears the old names, one of another repository that tells the author's new
/// one, and what the repository tells of labels and milestones.
fn renamed() -> Vec<Fact> {
    let mut old = merged(1, 2);
    old.labels = vec!["gone".into(), "old".into(), "plain".into()];
    old.label_ids = vec![6, 5, 0];
    old.assignees = vec!["ann".into(), "zed".into()];
    old.assignee_ids = vec![1, 3];
    old.milestone = Some("M1".into());
    old.milestone_id = Some(8);
    old.merged_by = Some(account(1, "ann"));
    old.requested_reviewers = vec!["zed".into()];
    old.requested_reviewer_ids = vec![3];
    old.reviews
        .push(review(3, account(3, "zed"), "commented", at(2, 1)));
    old.namings = vec![
        told(NameKind::Person, 1, "ann", 1),
        told(NameKind::Person, 2, "bob", 1),
        told(NameKind::Person, 3, "zed", 1),
        told(NameKind::Label, 5, "old", 1),
        told(NameKind::Label, 6, "gone", 1),
        told(NameKind::Milestone, 8, "M1", 1),
    ];
    let mut new = pull_request(2);
    new.repository_id = 8;
    new.author = Some(account(1, "it's ann"));
    new.namings = vec![told(NameKind::Person, 1, "it's ann", 3)];
    // An answer that was asked for before the renaming, and written after.
    let mut late = issue(3);
    late.author = Some(account(1, "ann"));
    late.milestone = Some("MX".into());
    late.milestone_id = Some(9);
    late.namings = vec![
        told(NameKind::Person, 1, "ann", 2),
        told(NameKind::Milestone, 9, "MX", 2),
    ];
    let mut ours = repository();
    let deleted = |naming: Naming| Naming {
        deleted: true,
        ..naming
    };
    ours.namings = vec![
        told(NameKind::Label, 5, "new", 4),
        deleted(told(NameKind::Label, 6, "gone", 4)),
        told(NameKind::Milestone, 8, "M2", 4),
        deleted(told(NameKind::Milestone, 9, "MX", 4)),
        // Another label is called what the first was, and an id of another kind is the same.
        told(NameKind::Label, 7, "old", 5),
        told(NameKind::Milestone, 5, "M5", 5),
    ];
    let mut reused = issue(4);
    reused.labels = vec!["old".into()];
    reused.label_ids = vec![7];
    reused.milestone = Some("M5".into());
    reused.milestone_id = Some(5);
    vec![
        Fact::PullRequest(old),
        Fact::PullRequest(new),
        Fact::Issue(late),
        Fact::Repository(ours),
        Fact::Issue(reused),
    ]
}

#[tokio::test]
async fn a_renaming_told_once_reaches_every_bearer_in_whatever_order() {
    for turn in 0..5 {
        let Some((options, clickhouse, memory)) = stores().await else {
            return;
        };
        let mut facts = renamed();
        facts.rotate_left(turn);
        let facts: Vec<(i64, Fact)> = numbered(facts)
            .into_iter()
            .map(|(offset, fact)| (offset, fact.at_version(offset)))
            .collect();
        for batch in facts.chunks(turn + 1) {
            execute(&clickhouse, &steps(batch)).await;
            execute(&memory, &steps(batch)).await;
        }
        let (db, client) = (&options.database, options.client());
        let asked = async |sql: &str| rows(&client, &sql.replace("{db}", db)).await;
        assert_eq!(
            asked("SELECT author, labels, assignees, milestone, merged_by, requested_reviewers, reviewers FROM {db}.pull_requests ORDER BY number").await,
            [
                "it\\'s ann\t['new','plain']\t['it\\'s ann','zed']\tM2\tit\\'s ann\t['zed']\t['bob','zed']",
                "it\\'s ann\t['bug']\t[]\t\\N\t\\N\t[]\t[]",
            ]
        );
        assert_eq!(
            asked("SELECT author, labels, milestone FROM {db}.issues ORDER BY number").await,
            ["it\\'s ann\t[]\t\\N", "cid\t['old']\tM5"]
        );
        for view in ["pull_requests_daily", "issues_daily"] {
            let sql = format!("SELECT DISTINCT author FROM {{db}}.{view} ORDER BY author");
            let expected: &[&str] = match view {
                "issues_daily" => &["cid", "it\\'s ann"],
                _ => &["it\\'s ann"],
            };
            assert_eq!(asked(&sql).await, expected);
        }
        let filtered = "SELECT sum(opened) FROM {db}.pull_requests_daily WHERE author IN ('it\\'s ann') AND NOT author_is_bot";
        assert_eq!(asked(filtered).await, ["2"]);
        // Told again, and late: nothing changes.
        execute(&clickhouse, &steps(&facts[..2])).await;
        assert_eq!(asked(filtered).await, ["2"]);
        figures(&options, &memory).await;
    }
}

#[tokio::test]
async fn what_is_told_later_than_a_deletion_is_there() {
    let Some((options, clickhouse, _)) = stores().await else {
        return;
    };
    let mut again = issue(1);
    (again.labels, again.label_ids) = (vec!["gone".into()], vec![6]);
    again.namings = vec![told(NameKind::Label, 6, "gone", 9)];
    let mut facts = renamed();
    facts.push(Fact::Issue(again));
    execute(&clickhouse, &steps(&numbered(facts))).await;
    let sql = format!(
        "SELECT labels FROM {}.issues WHERE number = 1",
        options.database
    );
    assert_eq!(rows(&options.client(), &sql).await, ["['gone']"]);
}

const ODD: [&str; 6] = [
    "0000-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "2024-10-04T00:00:00Z",
    "2150-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
];

/// Items with each pair of these instants as their times.
fn contradicting() -> Vec<Fact> {
    let odd: Vec<Timestamp> = ODD.iter().map(|text| text.parse().unwrap()).collect();
    let mut facts = Vec::new();
    let mut number = 0;
    for &one in &odd {
        for &other in &odd {
            number += 1;
            let mut pull = merged(number, 2);
            (pull.created_at, pull.updated_at) = (Some(one), Some(other));
            (pull.closed_at, pull.merged_at) = (Some(other), Some(other));
            pull.first_commit_at = Some(other);
            for review in &mut pull.reviews {
                review.submitted_at = other;
            }
            for transition in &mut pull.transitions {
                transition.at = other;
            }
            facts.push(Fact::PullRequest(pull.clone()));
            number += 1;
            (pull.number, pull.merged_at) = (number, None);
            (pull.state, pull.closed_at) = (Some("open".into()), None);
            facts.push(Fact::PullRequest(pull));
            for state in ["open", "closed"] {
                number += 1;
                let mut item = issue(number);
                (item.created_at, item.closed_at) = (Some(one), Some(other));
                item.state = Some(state.into());
                for transition in &mut item.transitions {
                    transition.at = other;
                }
                facts.push(Fact::Issue(item));
            }
            for is_closed in [true, false] {
                let id = format!("{number}-{is_closed}");
                let mut state = gap(&id, Detector::Clock, one);
                state.opened_at = one;
                state.closed_at = is_closed.then_some(other);
                facts.push(Fact::Gap(state));
            }
        }
    }
    facts
}

#[tokio::test]
async fn no_duration_runs_backwards_and_no_time_is_one_that_its_column_cannot_hold() {
    let Some((options, clickhouse, memory)) = stores().await else {
        return;
    };
    let facts = numbered(contradicting());
    execute(&clickhouse, &steps(&facts)).await;
    execute(&memory, &steps(&facts)).await;
    figures(&options, &memory).await;
    let mut durations = 0;
    for view in VIEWS {
        for column in view.columns() {
            let shown = column.shown_type().unwrap_or(column.ty);
            let (name, table) = (column.name, format!("{}.{}", options.database, view.name()));
            let wrong = match shown {
                _ if name.ends_with("_seconds") && shown != Type::Percentiles => {
                    durations += 1;
                    format!("{name} < 0")
                }
                Type::Time | Type::Nullable(Type::Time) => {
                    format!("toYear({name}) NOT BETWEEN 1900 AND 2299")
                }
                // 2150 and 9999 are no days, nor is what is held at the end of all days.
                Type::Day => format!("{name} >= toDate('2149-01-01')"),
                _ => continue,
            };
            let sql = format!("SELECT countIf({wrong}) FROM {table}");
            let found = rows(&options.client(), &sql).await;
            assert_eq!(found, ["0"], "{table}.{name}");
        }
    }
    assert_eq!(durations, 10);
}
