//! What follows from an issue's state, as tables.

use super::daily::contributions;
use super::row::Figures;
use gapless_schemas::TransitionKind::{Closed, Reopened};
use gapless_schemas::{Issue, Presence, Timestamp, Transition, TransitionKind};

fn day(day: i64) -> Timestamp {
    Timestamp::from_seconds(day * 86_400)
}

fn issue(transitions: &[(TransitionKind, i64)], reason: Option<&str>) -> Issue {
    Issue {
        host: "github.com".into(),
        repository_id: 1,
        repository: None,
        number: 1,
        issue_id: None,
        version: 1,
        presence: Presence::Alive,
        title: None,
        state: None,
        state_reason: reason.map(Into::into),
        author: None,
        html_url: None,
        labels: vec![],
        assignees: vec![],
        milestone: None,
        locked: None,
        comments: None,
        created_at: Some(day(0)),
        updated_at: None,
        closed_at: None,
        transitions: transitions
            .iter()
            .map(|&(kind, on)| Transition {
                kind,
                at: day(on),
                actor: None,
                actor_id: None,
            })
            .collect(),
        label_ids: vec![],
        assignee_ids: vec![],
        milestone_id: None,
        namings: vec![],
    }
}

#[test]
fn a_closing_has_a_reason_and_a_length_as_long_as_it_holds() {
    for (what, transitions, reason, expected) in [
        ("open", &[][..], None, "0:o"),
        ("closed", &[(Closed, 3)], Some("completed"), "0:o 3:c 3d"),
        (
            "not planned",
            &[(Closed, 3)],
            Some("not_planned"),
            "0:o 3:cn 3d",
        ),
        (
            "duplicate",
            &[(Closed, 3)],
            Some("duplicate"),
            "0:o 3:cd 3d",
        ),
        (
            "reopened: the first closing's length and reason hold no more",
            &[(Closed, 3), (Reopened, 4)],
            Some("reopened"),
            "0:o 3:c 4:r",
        ),
        (
            "closed again, for another reason",
            &[(Closed, 3), (Reopened, 4), (Closed, 8)],
            Some("not_planned"),
            "0:o 3:c 4:r 8:cn 8d",
        ),
    ] {
        let state = issue(transitions, reason);
        let told: Vec<String> = contributions(&state, &Figures::of(&state))
            .into_iter()
            .filter(|day| day.awaiting_delta == [0; 5])
            .map(|day| {
                let mark = |count: i64, letter: &str| letter.repeat(count as usize);
                let length = day.close_seconds.map(|it| format!(" {}d", it / 86_400));
                format!(
                    "{}:{}{}{}{}{}{}",
                    day.day,
                    mark(day.opened, "o"),
                    mark(day.closed, "c"),
                    mark(day.closed_not_planned, "n"),
                    mark(day.closed_duplicate, "d"),
                    mark(day.reopened, "r"),
                    length.unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(told.join(" "), expected, "{what}");
    }
}

#[test]
fn close_seconds_last_until_the_closing_that_the_issue_shows() {
    for (what, transitions, closed_at, expected) in [
        ("closed", &[(Closed, 3)][..], Some(day(3)), Some(3 * 86_400)),
        (
            "the timeline tells it a second later",
            &[(Closed, 3)],
            Some(day(3).plus_seconds(-1)),
            Some(3 * 86_400 - 1),
        ),
        (
            "reopened",
            &[(Closed, 3), (Reopened, 4)],
            Some(day(3)),
            None,
        ),
        (
            "closed before it was opened: clocks that contradict",
            &[(Closed, 3)],
            Some(day(-1)),
            None,
        ),
    ] {
        let state = Issue {
            closed_at,
            ..issue(transitions, None)
        };
        assert_eq!(Figures::of(&state).close_seconds, expected, "{what}");
    }
}

#[test]
fn a_transferred_or_deleted_issue_counts_nowhere() {
    for presence in [Presence::Moved, Presence::Gone] {
        let state = Issue {
            presence,
            ..issue(&[(Closed, 3)], None)
        };
        assert_eq!(contributions(&state, &Figures::of(&state)), []);
    }
}
