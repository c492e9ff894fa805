//! Turns of state that follow each other closely: a misclick taken back, a bot that closes what was
//! reopened. All witnesses tell their order, their times hardly.

use super::oddities::MAKE_UP_SHARE;
use super::pull_request::Opening;
use crate::item::{Thread, Transition};
use crate::oddity::Oddity;
use crate::repository::{ItemKey, Slot};
use crate::truth::TransitionKind;
use crate::world::{Wake, World};

/// A change of an item's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Turn {
    Close,
    Reopen,
    Draft,
    Ready,
}

impl Turn {
    fn back(self) -> Self {
        match self {
            Self::Close => Self::Reopen,
            Self::Reopen => Self::Close,
            Self::Draft => Self::Ready,
            Self::Ready => Self::Draft,
        }
    }
}

impl World {
    /// Three or five turns, to and fro, from the next second on.
    pub(super) fn begin_burst(&mut self, in_one_second: bool) {
        let found = self.some_item(|world, key, slot| {
            let thread = slot.thread().filter(|thread| thread.open);
            thread.is_some_and(|it| it.created_at <= world.now) && world.may_change_state(key)
        });
        let key = match (found, self.busy_repository()) {
            (Some(key), _) => key,
            (None, Some(repository)) => {
                let author = self.someone();
                self.open_issue_by(repository, author)
            }
            (None, None) => return,
        };
        let by_draft = self.chance.happens(0.5);
        let pull = self.repositories[key.repository].pull_request(key.number);
        let mut turn = match pull {
            Some(pull) if by_draft && pull.draft => Turn::Ready,
            Some(_) if by_draft => Turn::Draft,
            _ => Turn::Close,
        };
        let turns = self.chance.pick(&[3, 3, 5]);
        let mut at = self.next_second().plus_millis(50);
        for _ in 0..turns {
            self.plan(at, Wake::Turn(key, turn));
            let (least, most) = if in_one_second {
                (20, 180)
            } else {
                (300, 2_400)
            };
            at = at.plus_millis(self.chance.between(least, most));
            turn = turn.back();
        }
    }

    /// Opened ready, soon a draft, later ready again.
    pub(super) fn draft_after_ready(&mut self) {
        let found = self.some_item(|world, key, slot| match slot {
            Slot::PullRequest(pull) => {
                let was_a_draft = |it: &Transition| it.kind == TransitionKind::ConvertedToDraft;
                let always_ready =
                    !pull.opened_as_draft && !pull.thread.transitions.iter().any(was_a_draft);
                pull.thread.open && always_ready && world.may_change_state(key)
            }
            _ => false,
        });
        let key = match (found, self.busy_repository()) {
            (Some(key), _) => key,
            (None, Some(repository)) => {
                let opening = Opening {
                    draft: Some(false),
                    ..Opening::by(self.someone())
                };
                self.open_pull_request_as(repository, opening)
            }
            (None, None) => return,
        };
        let drafted_at = self.now.plus_seconds(15);
        let is_late = self.progress() >= MAKE_UP_SHARE;
        let most = if is_late { 60.0 } else { 10_000.0 };
        let for_seconds = self.chance.log_even(15.0, most) as i64;
        self.plan(drafted_at, Wake::Turn(key, Turn::Draft));
        let ready_at = drafted_at.plus_seconds(for_seconds);
        self.plan(ready_at, Wake::Turn(key, Turn::Ready));
    }

    /// Takes the turn, where the item is in a state for it.
    pub(crate) fn turn(&mut self, key: ItemKey, turn: Turn) {
        let repository = &self.repositories[key.repository];
        if !repository.is_active() {
            return;
        }
        let (open, draft) = match repository.slot(key.number) {
            Some(Slot::Issue(issue)) => (issue.thread.open, None),
            Some(Slot::PullRequest(pull)) if pull.merged_at.is_none() => {
                (pull.thread.open, Some(pull.draft))
            }
            _ => return,
        };
        match (turn, open, draft) {
            (Turn::Close, true, None) => self.close_issue(key),
            (Turn::Close, true, Some(_)) => self.close_unmerged(key),
            (Turn::Reopen, false, None) => self.reopen_issue(key),
            (Turn::Reopen, false, Some(_)) => self.reopen_pull_request(key),
            (Turn::Draft, true, Some(false)) => self.set_draft(key, true),
            (Turn::Ready, true, Some(true)) => self.set_draft(key, false),
            _ => return,
        }
        if let Some(oddity) = odd_turns(self.thread(key)) {
            self.happened(oddity);
        }
        let pull = self.repositories[key.repository].pull_request(key.number);
        if turn == Turn::Ready && pull.is_some_and(|pull| !pull.opened_as_draft) {
            self.happened(Oddity::DraftedAfterReady);
        }
    }
}

/// What the last three turns of an item come to.
fn odd_turns(thread: &Thread) -> Option<Oddity> {
    let [.., first, _, last] = &thread.transitions[..] else {
        return None;
    };
    let is_back = first.kind == last.kind;
    let millis = last.at.millis_since(first.at);
    match (is_back, millis) {
        (true, 0) => Some(Oddity::TurnsInOneSecond),
        (true, 1..=5_000) => Some(Oddity::TurnsInFiveSeconds),
        _ => None,
    }
}
