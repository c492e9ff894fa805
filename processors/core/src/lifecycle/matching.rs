//! One sequence from several witnesses.
//!
//! An item is open or closed, draft or ready: each of the two alternates by itself, and that is
//! what tells two transitions from two tellings of one. [`Witnesses::sequence`] derives it so:
//!
//! 1. **Witnesses are paired by kind, in order.** Of one kind, the first told by one witness is not
//!    the second told by another, whatever their clocks say; within [`SAME_WITHIN_MILLIS`], as many
//!    are paired as can be, and of these pairings the closest is taken. Each witness tells a part of
//!    what happened, in its order, so pairing what is truly one is such a pairing too: so many pairs
//!    at least are found, and never are there more transitions than happened.
//! 2. **They are ordered by one clock.** Webhooks carry `updated_at`, which never runs back (a closing
//!    that one tells long after it happened stands at its `closed_at`); the
//!    timeline has an order of its own, also within a second; `closed_at` belongs to neither. So a
//!    transition stands where its webhook says, and none stands before one that the timeline has
//!    before it. Where one of the two lacks what the other has, pairs may be crossed, and the orders
//!    disagree: the one that alternates better is taken.
//! 3. **Within a second they alternate.** GitHub's times are whole seconds, and a bot closes and
//!    reopens several times in one. How many there were of each kind and in which state the item was
//!    before say in which order. What the timeline alone tells keeps its order.
//! 4. **What does not alternate, within five seconds, is one.** Closed and closed again with no
//!    reopening between are two tellings of one closing. Further apart, something between them was
//!    lost, which is asked about.
//!
//! 5. **What an object shows holds.** Where it shows the item closed, and the others leave it open, its
//!    `closed_at` is a closing, though it was paired with one before: see [`add_last_closing`].
//!
//! All of that is a pure function of the sets of tellings, so their order of arrival is no part of it.

use super::Turn;
use gapless_schemas::{Timestamp, TransitionKind};

/// Witnesses of one transition differ by at most this.
const SAME_WITHIN_MILLIS: u64 = 5_000;

/// Two kinds of transitions that take turns.
#[derive(Clone, Copy)]
struct Channel {
    /// From the state in which an item usually begins.
    away: TransitionKind,
    /// Back to it.
    back: TransitionKind,
}

const OPENNESS: Channel = Channel {
    away: TransitionKind::Closed,
    back: TransitionKind::Reopened,
};

const DRAFTNESS: Channel = Channel {
    away: TransitionKind::ConvertedToDraft,
    back: TransitionKind::ReadyForReview,
};

/// What each witness tells.
pub(super) struct Witnesses<'a> {
    /// In the timeline's order.
    pub(super) timeline: &'a [Turn],
    /// By time; of one kind and second, as many as there were at least.
    pub(super) webhooks: &'a [Turn],
    /// What objects showed as `closed_at`, ascending.
    pub(super) closings: &'a [Timestamp],
}

/// A transition that was found, and where it belongs.
struct Found {
    /// Its time by the clock that orders.
    key: Timestamp,
    turn: Turn,
    /// Whether a webhook dates it.
    is_dated: bool,
    /// Its place in the timeline, where that has it.
    place: Option<usize>,
}

/// Whose order rules where the timeline and webhooks, paired by kind, do not agree about it: pairs
/// may be crossed where one of the two lacks what the other has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    OfTimeline,
    OfWebhooks,
}

/// A sequence, and how often it does not alternate, its ends included.
struct Arranged {
    turns: Vec<Turn>,
    faults: usize,
}

impl Witnesses<'_> {
    /// The sequence of closings and reopenings. `closed` says whether it is closed now, where that is
    /// known, and `closed_at` since when, as the object that shows it does.
    pub(super) fn openness(&self, closed: Option<bool>, closed_at: Option<Timestamp>) -> Vec<Turn> {
        let mut turns = self.sequence(OPENNESS, Some(false), closed);
        if let (Some(true), Some(closed_at)) = (closed, closed_at) {
            add_last_closing(&mut turns, closed_at);
        }
        turns
    }

    /// The sequence of drafts. Of these an object shows no time: where it shows another state than
    /// the last of them leads to, a question remains.
    pub(super) fn draftness(&self, opened: Option<bool>, draft: Option<bool>) -> Vec<Turn> {
        self.sequence(DRAFTNESS, opened, draft)
    }

    /// The sequence of one channel. `begins` and `ends` say whether it is away from its usual state
    /// at its beginning and now, as far as that is known.
    fn sequence(&self, channel: Channel, begins: Option<bool>, ends: Option<bool>) -> Vec<Turn> {
        let by = |order| self.arranged(channel, begins, ends, order);
        let by_timeline = by(Order::OfTimeline);
        if by_timeline.faults == 0 {
            return by_timeline.turns;
        }
        let by_webhooks = by(Order::OfWebhooks);
        if by_webhooks.faults < by_timeline.faults {
            by_webhooks.turns
        } else {
            by_timeline.turns
        }
    }

    fn arranged(
        &self,
        channel: Channel,
        begins: Option<bool>,
        ends: Option<bool>,
        order: Order,
    ) -> Arranged {
        let mut found = self.of_kind(channel.away);
        found.extend(self.of_kind(channel.back));
        keep_places(&mut found, order);
        // Stable: what the timeline has stays in its order, after what it has not.
        found.sort_by_key(|found| found.key);
        let mut seconds: Vec<Vec<Found>> = Vec::new();
        for found in found {
            match seconds.last_mut() {
                Some(second) if second[0].key == found.key => second.push(found),
                _ => seconds.push(vec![found]),
            }
        }
        let mut away = begins
            .or_else(|| first_state(&seconds, channel, order))
            .or(ends)
            .unwrap_or(false);
        let mut turns: Vec<Turn> = Vec::new();
        let mut faults = 0;
        let count = seconds.len();
        for (place, second) in seconds.into_iter().enumerate() {
            // The last second leaves the item as it is shown.
            let before = match ends {
                Some(ends) if place + 1 == count => ends,
                _ => away,
            };
            for turn in in_turn(second, channel, before, order) {
                let leads_away = turn.kind == channel.away;
                faults += usize::from(leads_away == away);
                away = leads_away;
                let at = turns.last().map_or(turn.at, |last| last.at.max(turn.at));
                match turns.last_mut() {
                    Some(last) if last.kind == turn.kind && is_same(last.at, at) => {
                        last.actor = last.actor.or(turn.actor);
                    }
                    _ => turns.push(Turn { at, ..turn }),
                }
            }
        }
        faults += usize::from(ends.is_some_and(|ends| ends != away));
        Arranged { turns, faults }
    }

    /// The transitions of one kind, each once.
    fn of_kind(&self, kind: TransitionKind) -> Vec<Found> {
        let of_kind = |turns: &'_ [Turn]| -> Vec<(usize, Turn)> {
            let turns = turns.iter().cloned().enumerate();
            turns.filter(|(_, turn)| turn.kind == kind).collect()
        };
        let listed = of_kind(self.timeline);
        let mut told: Vec<Option<Turn>> = of_kind(self.webhooks)
            .into_iter()
            .map(|(_, turn)| Some(turn))
            .collect();
        let times: Vec<Timestamp> = told.iter().flatten().map(|turn| turn.at).collect();
        let pairs = pairs(listed.iter().map(|(_, turn)| turn.at), &times);
        let mut found: Vec<Found> = listed
            .into_iter()
            .zip(pairs)
            .map(|((place, turn), pair)| {
                let witness = pair.and_then(|pair| told[pair].take());
                Found {
                    key: witness.as_ref().map_or(turn.at, |witness| witness.at),
                    is_dated: witness.is_some(),
                    turn: Turn {
                        actor: turn.actor.or(witness.and_then(|witness| witness.actor)),
                        ..turn
                    },
                    place: Some(place),
                }
            })
            .collect();
        found.extend(told.into_iter().flatten().map(|turn| Found {
            key: turn.at,
            is_dated: true,
            turn,
            place: None,
        }));
        if kind == TransitionKind::Closed {
            self.add_closings(&mut found);
        }
        found
    }

    /// Adds what objects showed as `closed_at`: the closing's own time, where the timeline has none.
    fn add_closings(&self, found: &mut Vec<Found>) {
        found.sort_by_key(|found| found.turn.at);
        let times: Vec<Timestamp> = found.iter().map(|found| found.turn.at).collect();
        let pairs = pairs(self.closings.iter().copied(), &times);
        for (&at, pair) in self.closings.iter().zip(pairs) {
            match pair {
                Some(pair) if found[pair].place.is_none() => found[pair].turn.at = at,
                Some(_) => {}
                None => found.push(Found {
                    key: at,
                    is_dated: false,
                    turn: Turn {
                        kind: TransitionKind::Closed,
                        at,
                        actor: None,
                    },
                    place: None,
                }),
            }
        }
    }
}

/// Adds the closing that an object shows as holding since `closed_at`, where `turns` leave the item open.
///
/// Closed, reopened and closed within seconds, of which the timeline omits the last and its delivery
/// was lost: then `closed_at` is the only witness of the last closing, and is paired with the first.
///
/// There are never more closings than happened. Every item begins open, so of one that is closed there
/// was one closing more than reopenings; no more reopenings are found than happened; so as long as there
/// are no more closings than reopenings, at least one lacks. It is the last one unless clocks put the
/// last one too early: then the sequence is right with its kinds, and its times are as far from the
/// truth as the clocks.
///
/// A reopening later than `closed_at` may be later than the look too: the timeline is asked for after
/// the object. Of an item that is shown open after its last closing, a reopening lacks, but nothing
/// tells when it was. Both remain questions.
fn add_last_closing(turns: &mut Vec<Turn>, closed_at: Timestamp) {
    let is_left_open = |last: &Turn| last.kind == TransitionKind::Reopened && last.at <= closed_at;
    let closings = turns.iter().filter(|it| it.kind == TransitionKind::Closed);
    if turns.last().is_some_and(is_left_open) && closings.count() * 2 <= turns.len() {
        turns.push(Turn {
            kind: TransitionKind::Closed,
            at: closed_at,
            actor: None,
        });
    }
}

/// Lets nothing that the timeline tells stand before what that has before it; where webhooks rule,
/// only what they do not tell is moved, and not past what the timeline has after it.
fn keep_places(found: &mut [Found], order: Order) {
    found.sort_by_key(|found| found.place);
    let listed = found.partition_point(|found| found.place.is_none());
    let listed = &mut found[listed..];
    let mut latest: Option<Timestamp> = None;
    for found in listed.iter_mut() {
        if !found.is_dated || order == Order::OfTimeline {
            found.key = latest.map_or(found.key, |latest| found.key.max(latest));
        }
        latest = Some(found.key);
    }
    if order == Order::OfTimeline {
        return;
    }
    let mut next: Option<Timestamp> = None;
    for found in listed.iter_mut().rev() {
        if !found.is_dated {
            found.key = next.map_or(found.key, |next| found.key.min(next));
        }
        next = Some(found.key);
    }
}

/// Whether two witnesses may mean one moment.
pub(crate) fn is_same(one: Timestamp, other: Timestamp) -> bool {
    one.millis_since(other).unsigned_abs() <= SAME_WITHIN_MILLIS
}

/// How many of a second lead away, and how many back.
fn counts(second: &[Found], channel: Channel) -> (usize, usize) {
    let away = second.iter().filter(|it| it.turn.kind == channel.away);
    let away = away.count();
    (away, second.len() - away)
}

/// Whether a second is in the timeline's own order, which rules, and is one that can be.
fn is_in_order(second: &[Found], order: Order) -> bool {
    let alternates = |pair: &[Found]| pair[0].turn.kind != pair[1].turn.kind;
    let rules =
        |found: &Found| found.place.is_some() && (order == Order::OfTimeline || !found.is_dated);
    second.iter().all(rules) && second.windows(2).all(alternates)
}

/// The state before the first second that tells it: one with more of one kind than of the other.
fn first_state(seconds: &[Vec<Found>], channel: Channel, order: Order) -> Option<bool> {
    seconds.iter().find_map(|second| {
        if is_in_order(second, order) {
            return Some(second[0].turn.kind == channel.back);
        }
        let (away, back) = counts(second, channel);
        (away != back).then_some(back > away)
    })
}

/// The transitions of one second in turn, `before` being the state before it.
fn in_turn(second: Vec<Found>, channel: Channel, before: bool, order: Order) -> Vec<Turn> {
    if is_in_order(&second, order) {
        return second.into_iter().map(|found| found.turn).collect();
    }
    let (away, back) = counts(&second, channel);
    let mut leads_away = if away == back { !before } else { away > back };
    let (away, back): (Vec<Found>, Vec<Found>) = second
        .into_iter()
        .partition(|found| found.turn.kind == channel.away);
    let (mut away, mut back) = (away.into_iter(), back.into_iter());
    std::iter::from_fn(|| {
        let next = if leads_away {
            away.next().or_else(|| back.next())
        } else {
            back.next().or_else(|| away.next())
        };
        leads_away = !leads_away;
        next.map(|found| found.turn)
    })
    .collect()
}

/// For each of `ones`, its pair among `others`; both ascending. In order, each at most once, within
/// [`SAME_WITHIN_MILLIS`]: as many pairs as there can be, and of these pairings the closest.
fn pairs(ones: impl Iterator<Item = Timestamp>, others: &[Timestamp]) -> Vec<Option<usize>> {
    let ones: Vec<Timestamp> = ones.collect();
    let mut pairs = vec![None; ones.len()];
    let (mut one, mut other) = (0, 0);
    // What is further apart than witnesses can be is looked at apart.
    while one < ones.len() && other < others.len() {
        let (from, from_other) = (one, other);
        let mut end = ones[one].max(others[other]);
        if !is_same(ones[one], others[other]) {
            if ones[one] < others[other] {
                one += 1;
            } else {
                other += 1;
            }
            continue;
        }
        loop {
            match (ones.get(one), others.get(other)) {
                (Some(&at), _) if at <= end || is_same(at, end) => {
                    end = end.max(at);
                    one += 1;
                }
                (_, Some(&at)) if at <= end || is_same(at, end) => {
                    end = end.max(at);
                    other += 1;
                }
                _ => break,
            }
        }
        let found = closest(&ones[from..one], &others[from_other..other]);
        for (place, pair) in found {
            pairs[from + place] = Some(from_other + pair);
        }
    }
    pairs
}

/// The best pairing of two short lists: by the number of what stays alone, then by distance.
fn closest(ones: &[Timestamp], others: &[Timestamp]) -> Vec<(usize, usize)> {
    let width = others.len() + 1;
    let mut costs = vec![(0_usize, 0_u64); (ones.len() + 1) * width];
    let alone = |(count, distance): (usize, u64)| (count + 1, distance);
    for one in (0..=ones.len()).rev() {
        for other in (0..=others.len()).rev() {
            let skip_one = (one < ones.len()).then(|| alone(costs[(one + 1) * width + other]));
            let skip_other = (other < others.len()).then(|| alone(costs[one * width + other + 1]));
            let paired = match (ones.get(one), others.get(other)) {
                (Some(&at), Some(&other_at)) if is_same(at, other_at) => {
                    let (count, distance) = costs[(one + 1) * width + other + 1];
                    Some((count, distance + at.millis_since(other_at).unsigned_abs()))
                }
                _ => None,
            };
            let best = [paired, skip_one, skip_other].into_iter().flatten().min();
            costs[one * width + other] = best.unwrap_or_default();
        }
    }
    let (mut one, mut other) = (0, 0);
    let mut pairs = Vec::new();
    while one < ones.len() && other < others.len() {
        let cost = costs[one * width + other];
        if cost == alone(costs[(one + 1) * width + other]) {
            one += 1;
        } else if cost == alone(costs[one * width + other + 1]) {
            other += 1;
        } else {
            pairs.push((one, other));
            one += 1;
            other += 1;
        }
    }
    pairs
}
