//! What follows from a pull request's state, as tables.

mod daily;

use super::daily::{Day, contributions};
use super::figures::{Decision, Figures, Outcome, Size, WaitsFor};
use gapless_schemas::{
    Account, HeadChange, Presence, PullRequest, Review, Timestamp, Transition, TransitionKind,
};

const AUTHOR: i64 = 1;
const BOT: i64 = 9;

/// The instant `hours` after the creation, which is at noon of day 100.
fn at(hours: i64) -> Timestamp {
    Timestamp::from_seconds(100 * 86_400 + (12 + hours) * 3_600)
}

fn open() -> PullRequest {
    PullRequest {
        host: "github.com".into(),
        repository_id: 1,
        repository: None,
        number: 1,
        pull_request_id: None,
        version: 1,
        presence: Presence::Alive,
        title: None,
        state: Some("open".into()),
        draft: Some(false),
        merged: Some(false),
        author: Some(account(AUTHOR)),
        merged_by: None,
        base_ref: None,
        head_ref: None,
        head_sha: None,
        html_url: None,
        labels: vec![],
        assignees: vec![],
        requested_reviewers: vec![],
        requested_teams: vec![],
        milestone: None,
        locked: None,
        created_at: Some(at(0)),
        updated_at: None,
        closed_at: None,
        merged_at: None,
        additions: None,
        deletions: None,
        changed_files: None,
        commits: None,
        comments: None,
        review_comments: None,
        first_commit_at: None,
        reviews: vec![],
        transitions: vec![],
        heads: vec![],
        label_ids: vec![],
        assignee_ids: vec![],
        requested_reviewer_ids: vec![],
        milestone_id: None,
        opened_draft: None,
        author_gone: false,
        namings: vec![],
    }
}

fn account(id: i64) -> Account {
    Account {
        id,
        login: format!("user{id}"),
        bot: id == BOT,
    }
}

fn merged(hours: i64) -> PullRequest {
    PullRequest {
        state: Some("closed".into()),
        merged: Some(true),
        merged_at: Some(at(hours)),
        closed_at: Some(at(hours)),
        transitions: vec![transition(TransitionKind::Closed, hours)],
        ..open()
    }
}

fn transition(kind: TransitionKind, hours: i64) -> Transition {
    Transition {
        kind,
        at: at(hours),
        actor: None,
        actor_id: None,
    }
}

fn reviews(of: &[(i64, &str, i64)]) -> Vec<Review> {
    of.iter()
        .map(|&(who, state, hours)| Review {
            review_id: hours,
            reviewer: Some(account(who)),
            state: state.into(),
            commit_sha: None,
            submitted_at: at(hours),
        })
        .collect()
}

fn hours(seconds: Option<i64>) -> Option<i64> {
    seconds.map(|seconds| seconds / 3_600)
}

#[test]
fn nothing_told_is_nothing_known() {
    let figures = Figures::of(&PullRequest {
        state: None,
        draft: None,
        merged: None,
        author: None,
        created_at: None,
        ..open()
    });
    assert_eq!(figures.outcome, None);
    assert_eq!((figures.size, figures.lines), (None, None));
    assert_eq!((figures.ready_at, figures.waiting_for), (None, None));
    let missing = [
        figures.coding_seconds,
        figures.pickup_seconds,
        figures.rework_seconds,
        figures.merge_seconds,
        figures.cycle_seconds,
    ];
    assert_eq!(missing, [None; 5]);
}

#[test]
fn stages_run_from_commit_to_creation_review_approval_and_merge() {
    let state = PullRequest {
        first_commit_at: Some(at(-5)),
        reviews: reviews(&[
            (AUTHOR, "commented", 1),
            (BOT, "commented", 2),
            (2, "commented", 3),
            (2, "approved", 7),
            (3, "approved", 9),
        ]),
        ..merged(20)
    };
    let figures = Figures::of(&state);
    assert_eq!(hours(figures.coding_seconds), Some(5));
    assert_eq!(hours(figures.pickup_seconds), Some(3));
    assert_eq!(hours(figures.rework_seconds), Some(4));
    assert_eq!(hours(figures.merge_seconds), Some(11));
    assert_eq!(hours(figures.cycle_seconds), Some(25));
    assert_eq!(figures.review_count, 4);
    assert_eq!(figures.reviewers.len(), 3);
}

#[test]
fn a_missing_stage_is_missing_and_a_negative_one_too() {
    for (what, first_commit, reviews_of, expected) in [
        (
            "nobody reviewed",
            Some(-5),
            &[][..],
            [Some(5), None, None, None, Some(25)],
        ),
        (
            "only the author did",
            None,
            &[(AUTHOR, "approved", 1)],
            [None; 5],
        ),
        (
            "only a bot did: it approves, but picks nothing up",
            None,
            &[(BOT, "approved", 1)],
            [None, None, None, Some(19), None],
        ),
        (
            "the first commit is dated after the creation",
            Some(1),
            &[],
            [None, None, None, None, Some(19)],
        ),
        (
            "approved after the merge only: nobody picked it up",
            None,
            &[(2, "approved", 21)],
            [None; 5],
        ),
        (
            "reviewed before the merge and approved after it",
            None,
            &[(2, "commented", 2), (2, "approved", 21)],
            [None, Some(2), None, None, None],
        ),
        (
            "approved in the second of the merge",
            None,
            &[(2, "approved", 20)],
            [None, Some(20), Some(0), Some(0), None],
        ),
        (
            "a dismissed review was given all the same, but approves nothing",
            None,
            &[(2, "dismissed", 2)],
            [None, Some(2), None, None, None],
        ),
    ] {
        let figures = Figures::of(&PullRequest {
            first_commit_at: first_commit.map(at),
            reviews: reviews(reviews_of),
            ..merged(20)
        });
        let found = [
            figures.coding_seconds,
            figures.pickup_seconds,
            figures.rework_seconds,
            figures.merge_seconds,
            figures.cycle_seconds,
        ];
        assert_eq!(found.map(hours), expected, "{what}");
    }
}

#[test]
fn it_is_ready_when_it_first_leaves_draft() {
    use TransitionKind::{ConvertedToDraft, ReadyForReview};
    for (what, draft, transitions, expected) in [
        ("never a draft", Some(false), &[][..], Some(at(0))),
        ("nothing told of drafts", None, &[], Some(at(0))),
        ("still the draft it was opened as", Some(true), &[], None),
        (
            "ready later",
            Some(false),
            &[(ReadyForReview, 6)],
            Some(at(6)),
        ),
        (
            "ready twice",
            Some(false),
            &[
                (ReadyForReview, 6),
                (ConvertedToDraft, 7),
                (ReadyForReview, 8),
            ],
            Some(at(6)),
        ),
        (
            "opened ready, a draft now",
            Some(true),
            &[(ConvertedToDraft, 7)],
            Some(at(0)),
        ),
    ] {
        let transitions = transitions.iter().map(|&(kind, on)| transition(kind, on));
        let figures = Figures::of(&PullRequest {
            draft,
            transitions: transitions.collect(),
            ..open()
        });
        assert_eq!(figures.ready_at, expected, "{what}");
    }
}

#[test]
fn outcome_size_and_what_it_waits_for() {
    let closed = PullRequest {
        state: Some("closed".into()),
        ..open()
    };
    let untold = PullRequest {
        merged: None,
        ..closed.clone()
    };
    for (state, outcome) in [
        (open(), Some(Outcome::Open)),
        (merged(1), Some(Outcome::Merged)),
        (closed, Some(Outcome::ClosedUnmerged)),
        (untold, None),
    ] {
        assert_eq!(Figures::of(&state).outcome, outcome);
    }
    for (lines, size) in [
        (0, Size::Xs),
        (9, Size::Xs),
        (10, Size::S),
        (49, Size::S),
        (50, Size::M),
        (249, Size::M),
        (250, Size::L),
        (999, Size::L),
        (1_000, Size::Xl),
    ] {
        let figures = Figures::of(&PullRequest {
            additions: Some(lines),
            deletions: Some(0),
            ..open()
        });
        assert_eq!(figures.size, Some(size), "{lines}");
    }
    for (draft, of, decision, waits) in [
        (true, &[][..], Decision::ReviewRequired, WaitsFor::Ready),
        (false, &[], Decision::ReviewRequired, WaitsFor::Review),
        (
            false,
            &[(2, "commented", 1)],
            Decision::ReviewRequired,
            WaitsFor::Review,
        ),
        (
            false,
            &[(AUTHOR, "approved", 1)],
            Decision::ReviewRequired,
            WaitsFor::Review,
        ),
        (
            false,
            &[(2, "changes_requested", 1), (3, "approved", 2)],
            Decision::ChangesRequested,
            WaitsFor::Author,
        ),
        (
            false,
            &[
                (2, "changes_requested", 1),
                (2, "approved", 2),
                (2, "commented", 3),
            ],
            Decision::Approved,
            WaitsFor::Merge,
        ),
        (
            false,
            &[(2, "approved", 1), (2, "dismissed", 2)],
            Decision::ReviewRequired,
            WaitsFor::Review,
        ),
    ] {
        let figures = Figures::of(&PullRequest {
            draft: Some(draft),
            reviews: reviews(of),
            ..open()
        });
        assert_eq!(figures.review_decision, decision, "{of:?}");
        assert_eq!(figures.waiting_for, Some(waits), "{of:?}");
    }
}

#[test]
fn a_review_cycle_is_a_request_for_changes_and_the_push_that_answers_it() {
    for (what, of, pushes, cycles) in [
        ("no request", &[(2, "commented", 1)][..], &[2, 3][..], 0),
        (
            "a request, not answered",
            &[(2, "changes_requested", 4)],
            &[2, 3],
            0,
        ),
        (
            "two pushes answer one request",
            &[(2, "changes_requested", 1)],
            &[2, 3],
            1,
        ),
        (
            "asked, answered, asked, answered",
            &[(2, "changes_requested", 1), (2, "changes_requested", 3)],
            &[2, 4],
            2,
        ),
        (
            "after the first approval nothing counts",
            &[(2, "approved", 1), (3, "changes_requested", 2)],
            &[3],
            0,
        ),
    ] {
        let heads = pushes.iter().map(|&hours| HeadChange {
            before: String::new(),
            after: String::new(),
            at: at(hours),
        });
        let figures = Figures::of(&PullRequest {
            reviews: reviews(of),
            heads: heads.collect(),
            ..open()
        });
        assert_eq!(figures.review_cycles, cycles, "{what}");
    }
}

#[test]
fn what_is_reviewed_after_the_closing_that_holds_was_not_picked_up() {
    use TransitionKind::{Closed, Reopened};
    for (what, transitions, state, pickup) in [
        ("closed before", &[(Closed, 4)][..], "closed", None),
        ("closed after", &[(Closed, 6)], "closed", Some(5)),
        ("reopened", &[(Closed, 2), (Reopened, 3)], "open", Some(5)),
        (
            "reopened after",
            &[(Closed, 4), (Reopened, 9)],
            "open",
            Some(5),
        ),
    ] {
        let figures = Figures::of(&PullRequest {
            state: Some(state.into()),
            transitions: transitions
                .iter()
                .map(|&(kind, on)| transition(kind, on))
                .collect(),
            reviews: reviews(&[(2, "approved", 5)]),
            ..open()
        });
        assert_eq!(hours(figures.pickup_seconds), pickup, "{what}");
        assert_eq!(figures.first_approved_at.is_some(), pickup.is_some());
        // What GitHub shows stays as it is.
        assert_eq!(
            (figures.review_count, figures.review_decision),
            (1, Decision::Approved)
        );
    }
}

#[test]
fn it_is_ready_from_the_opening_where_that_was_seen_to_be_no_draft() {
    use TransitionKind::{ConvertedToDraft, ReadyForReview};
    for (what, opened_draft, draft, transitions, expected) in [
        (
            "ready, a draft, ready again",
            None,
            false,
            &[(ConvertedToDraft, 2), (ReadyForReview, 6)][..],
            Some(at(0)),
        ),
        (
            "the conversion to a draft was lost",
            Some(false),
            false,
            &[(ReadyForReview, 6)],
            Some(at(0)),
        ),
        (
            "the first readiness was lost",
            Some(true),
            true,
            &[(ConvertedToDraft, 6)],
            None,
        ),
        ("opened as a draft", Some(true), true, &[], None),
    ] {
        let transitions = transitions.iter().map(|&(kind, on)| transition(kind, on));
        let figures = Figures::of(&PullRequest {
            draft: Some(draft),
            opened_draft,
            transitions: transitions.collect(),
            ..open()
        });
        assert_eq!(figures.ready_at, expected, "{what}");
        // The life that open_delta and awaiting are counted by says the same.
        let waits = figures.life.unwrap().waits;
        assert_eq!(waits.first().map(|wait| wait.from), expected, "{what}");
    }
}

#[test]
fn people_are_their_ids_and_accounts_that_are_gone_are_nobody_in_particular() {
    let by = |reviewer: Option<Account>, state: &str, hours: i64| Review {
        review_id: hours,
        reviewer,
        state: state.into(),
        commit_sha: None,
        submitted_at: at(hours),
    };
    let named = |login: &str| {
        Some(Account {
            id: 2,
            login: login.into(),
            bot: false,
        })
    };
    let figures = |author: Option<Account>, author_gone: bool, reviews: Vec<Review>| {
        Figures::of(&PullRequest {
            author,
            author_gone,
            reviews,
            ..open()
        })
    };
    let me = Some(account(AUTHOR));
    // Two names of one person.
    let twice = vec![
        by(named("zoe"), "commented", 1),
        by(named("amy"), "approved", 2),
    ];
    let found = figures(me.clone(), false, twice);
    assert_eq!(
        (found.reviewers, found.review_count),
        (vec![("amy".to_owned(), 2)], 2)
    );
    // The author's own, under whatever name, with the account there or gone.
    for (gone, login) in [(false, "user1"), (true, "user1"), (true, "renamed")] {
        let own = Some(Account {
            id: AUTHOR,
            login: login.into(),
            bot: false,
        });
        let found = figures(me.clone(), gone, vec![by(own, "approved", 1)]);
        assert_eq!((found.review_count, found.pickup_seconds), (0, None));
        assert_eq!(found.review_decision, Decision::ReviewRequired);
    }
    // Somebody who is gone is not the author while the author is there; else nobody can tell.
    for (author, gone, count) in [
        (me.clone(), false, 1),
        (me.clone(), true, 0),
        (None, false, 0),
    ] {
        let found = figures(author, gone, vec![by(None, "approved", 1)]);
        assert_eq!((found.review_count, found.reviewers.len()), (count, 0));
    }
    // One who approved and one who asks for changes are two, though both are gone.
    let both = vec![by(None, "changes_requested", 1), by(None, "approved", 2)];
    let found = figures(me, false, both);
    assert_eq!(found.review_decision, Decision::ChangesRequested);
}
