//! What pull requests count for, day by day.

use super::*;

fn daily(state: &PullRequest) -> Vec<Day> {
    contributions(state, &Figures::of(state))
}

#[test]
fn each_event_counts_on_its_day_and_each_duration_on_the_day_that_it_ended() {
    let state = PullRequest {
        first_commit_at: Some(at(-24)),
        reviews: reviews(&[(2, "approved", 24)]),
        ..merged(48)
    };
    let day = |day| Day {
        day,
        ..Day::default()
    };
    let hour = 3_600;
    assert_eq!(
        daily(&state),
        [
            Day {
                opened: 1,
                open_delta: 1,
                coding_seconds: Some(24 * hour),
                ..day(100)
            },
            Day {
                pickup_seconds: Some(24 * hour),
                rework_seconds: Some(0),
                ..day(101)
            },
            Day {
                merged: 1,
                open_delta: -1,
                merge_seconds: Some(24 * hour),
                cycle_seconds: Some(72 * hour),
                ..day(102)
            },
        ]
    );
}

#[test]
fn what_is_gone_or_moved_counts_nowhere_and_what_is_unreachable_still_does() {
    for (presence, counts) in [
        (Presence::Alive, true),
        (Presence::Unreachable, true),
        (Presence::Gone, false),
        (Presence::Moved, false),
    ] {
        let state = PullRequest {
            presence,
            ..merged(1)
        };
        assert_eq!(!daily(&state).is_empty(), counts, "{presence:?}");
    }
    let undated = PullRequest {
        created_at: None,
        ..merged(1)
    };
    assert_eq!(daily(&undated), [], "nobody knows since when");
}

#[test]
fn closings_without_a_merge_count_each_time_and_what_is_open_sums_up_to_the_truth() {
    use TransitionKind::{Closed, Reopened};
    let state = PullRequest {
        transitions: vec![
            transition(Closed, 24),
            transition(Reopened, 48),
            transition(Closed, 24 * 20),
        ],
        state: Some("closed".into()),
        ..open()
    };
    let days = daily(&state);
    let sum = |figure: fn(&Day) -> i64| days.iter().map(figure).sum::<i64>();
    assert_eq!(sum(|day| day.closed_unmerged), 2);
    assert_eq!(sum(|day| day.reopened), 1);
    assert_eq!(sum(|day| day.open_delta), 0);
    assert_eq!(sum(|day| day.awaiting_delta[0]), 0);
    let mut open = 0;
    let course = days.iter().map(|day| {
        open += day.open_delta;
        (day.day - 100, open)
    });
    assert_eq!(
        course.collect::<Vec<_>>(),
        [(0, 1), (1, 0), (2, 1), (12, 1), (20, 0)]
    );
}

#[test]
fn a_merge_that_nobody_else_approved_is_counted_apart() {
    for (of, unapproved) in [
        (&[][..], 1),
        (&[(AUTHOR, "approved", 1)], 1),
        (&[(2, "commented", 1)], 1),
        (&[(2, "approved", 30)], 1),
        (&[(2, "approved", 1)], 0),
    ] {
        let state = PullRequest {
            reviews: reviews(of),
            ..merged(2)
        };
        let days = daily(&state);
        let found: i64 = days.iter().map(|day| day.merged_unapproved).sum();
        assert_eq!(found, unapproved, "{of:?}");
    }
}

#[test]
fn a_day_that_no_column_can_hold_counts_nowhere() {
    for created_at in [
        "1969-12-31T12:00:00Z",
        "2150-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ] {
        let state = PullRequest {
            created_at: Some(created_at.parse().unwrap()),
            ..open()
        };
        let days = daily(&state);
        assert!(
            days.iter().all(|day| day.opened == 0),
            "{created_at}: {days:?}"
        );
    }
}
