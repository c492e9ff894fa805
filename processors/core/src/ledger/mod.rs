//! The ledger: which numbers of a repository exist, and which of them nobody has told of.
//!
//! Issues, pull requests and discussions share one counter, so a number below the highest that is
//! neither known nor explained is a question. A repository's numbers are joined in blocks of 1,024,
//! so that no state grows without bound; a number in one block tells the block before it that it is
//! full.
//!
//! A listing of everything that lacks a known number asks about it too: the item may have been
//! deleted or transferred, and the delivery that said so lost. Absence answers nothing by itself
//! (a row slides between two pages while they are read), so the question is put to GitHub: an
//! answer requested later than the listing ends it, whatever it says. Where that is a 404, it says only
//! that this credential did not see it then: a repository that is deleted, or out of reach for a while,
//! answers so for all that is in there, and for what left it meanwhile. So a known number that was
//! answered with 404 and that a later listing of everything lacks is audited: the repository is there
//! again, and GitHub will say what became of the item. A number that is hidden for good is so asked
//! about now and then, for ever, and opens no gap.
//!
//! A repository may be older than Gapless. Before its numbers were listed once, and for those
//! created long before the first word about their block, nothing shows that a delivery was lost:
//! they are audited, and no gap is opened.
//!
//! Events about a number that nobody can read are known here too, and rows of listings: that is all
//! that can be said of them without reading them.

use crate::detect::{Asked, Urgency, is_history};
use crate::entity::{self, Entity, Key, Kind, Parts, Record};
use crate::law::{Earliest, Join, Latest, Register, Stamp, join_fields, settles, short_id};
use crate::payload::Payload;
use crate::presence::FOR_EVER;
use gapless_schemas::{Event, LedgerBlock, LedgerDay, Question, Resource, Source, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An item younger than this at a listing's start need not be in it.
const CREATED_BEFORE_SECONDS: i64 = 600;

/// Numbers in a block.
const BLOCK_NUMBERS: i64 = 1_024;

/// State of one block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    repository: Register<String>,
    /// Numbers known as an item, by their place in the block, with their creation.
    known: BTreeMap<u16, Earliest<Timestamp>>,
    /// Numbers that are no item's: GitHub answered with 301 or 410, or a webhook said that the item
    /// left or is a discussion. With when that was asked or told.
    explained: BTreeMap<u16, Latest<Timestamp>>,
    /// Numbers that GitHub answered for with 404, with when that was asked: they are accounted for,
    /// until something says more.
    unseen: BTreeMap<u16, Latest<Timestamp>>,
    /// Numbers that GitHub answered for with 200, with when that was asked.
    answered: BTreeMap<u16, Latest<Timestamp>>,
    /// Numbers that a webhook told of or a listing showed, with when it was true.
    told: BTreeMap<u16, Latest<Timestamp>>,
    /// Numbers about which an event could not be read, with the last one's receipt.
    unreadable: BTreeMap<u16, Latest<Timestamp>>,
    /// Numbers whose row in a listing could not be read.
    odd_rows: BTreeMap<u16, OddRow>,
    /// Numbers that the last listing of everything showed; its stamp's time is its request's start.
    listed: Register<BTreeSet<u16>>,
    /// First receipt of anything about the block.
    first_heard_at: Earliest<Timestamp>,
    /// Set by any number of the next block: every number of this one exists. The time is that
    /// number's creation: what is missing here is not younger.
    full: Earliest<Timestamp>,
}

join_fields!(State {
    repository,
    known,
    explained,
    unseen,
    answered,
    told,
    unreadable,
    odd_rows,
    listed,
    first_heard_at,
    full,
});

/// The last row of a number that could not be read. A listing shows it again and again, and each time
/// it is the same: so it is known by its content, and asked about once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OddRow {
    /// When the item changed last, where that could be read, and the first 64 bits of the row's id.
    content: (Option<Timestamp>, u64),
    /// Start of the first request that was answered with it.
    first_shown_at: Earliest<Timestamp>,
}

/// The greater content wins; of one content, the first time.
impl Join for OddRow {
    fn join(&mut self, other: Self) {
        match other.content.cmp(&self.content) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => self.first_shown_at.join(other.first_shown_at),
            std::cmp::Ordering::Greater => *self = other,
        }
    }
}

/// A missing number and when it must have been created, at the latest.
struct Missing {
    number: i64,
    before: Timestamp,
}

/// A known number that a listing of everything, asked for at `asked_at`, lacks.
struct Absent {
    number: i64,
    asked_at: Timestamp,
    /// When GitHub answered for it with 404, and nothing showed it since.
    unseen_at: Option<Timestamp>,
}

impl State {
    fn heard_by(event: &Event) -> Self {
        Self {
            first_heard_at: Earliest(Some(event.received_at)),
            ..Self::default()
        }
    }

    fn add(event: &Event, number: i64, parts: &mut Parts, fill: impl Fn(u16, &mut Self)) {
        let Some((block, place)) = place(number) else {
            return;
        };
        let mut state = Self::heard_by(event);
        if let Some(repository) = &event.repository {
            state.repository = Register::new(Stamp::undated(event), repository.clone());
        }
        fill(place, &mut state);
        parts.add(event, block, state);
    }

    /// Notes a number that an object with `created_at` has. One out of range makes it known, on no
    /// day; its telling is as late as its creation can be.
    fn know(event: &Event, number: i64, created_at: Option<Timestamp>, parts: &mut Parts) {
        if created_at.is_none() {
            return;
        }
        let created_at = event.in_range(created_at);
        Self::add(event, number, parts, |place, state| {
            state.known.insert(place, Earliest(created_at));
        });
        if let Some((block, _)) = place(number).filter(|(block, _)| *block > 0) {
            let full = Earliest(created_at.or(Some(event.received_at)));
            parts.add(
                event,
                block - 1,
                Self {
                    full,
                    ..Self::heard_by(event)
                },
            );
        }
    }

    /// Notes that a webhook or a listing told of an item. An item that was moved here is as old as it
    /// ever was, and its opening is younger than what it shows; a listing's row was there when the
    /// listing was asked for.
    fn tell(event: &Event, number: i64, updated_at: Option<Timestamp>, parts: &mut Parts) {
        let at = match (event.source, event.action.as_deref()) {
            (Source::Listing, _) | (_, Some("opened")) => Some(event.as_of()),
            _ => updated_at,
        };
        if let Some(at) = at {
            Self::add(event, number, parts, |place, state| {
                state.told.insert(place, Latest(Some(at)));
            });
        }
    }

    fn explain(event: &Event, number: i64, at: Timestamp, parts: &mut Parts) {
        Self::add(event, number, parts, |place, state| {
            state.explained.insert(place, Latest(Some(at)));
        });
    }

    /// Notes that an event about `number` could not be read.
    pub(crate) fn note_unreadable(event: &Event, number: i64, parts: &mut Parts) {
        Self::add(event, number, parts, |place, state| {
            state
                .unreadable
                .insert(place, Latest(Some(event.received_at)));
        });
    }

    /// Notes that the row of `number`, which `event` shows by itself, could not be read.
    pub(crate) fn note_row(event: &Event, number: i64, parts: &mut Parts) {
        let Some((block, place)) = place(number) else {
            return;
        };
        let changed_at = event.occurred_at;
        let row = OddRow {
            content: (changed_at, short_id(&event.event_id)),
            first_shown_at: Earliest(Some(event.as_of())),
        };
        // Nothing else: a row that is known must change nothing.
        let state = Self {
            odd_rows: BTreeMap::from([(place, row)]),
            ..Self::default()
        };
        parts.add(event, block, state);
    }

    /// Splits the numbers of a listing of everything into blocks: every block up to the highest
    /// number's, and the one after, for the highest items themselves may be what is absent.
    fn list(event: &Event, numbers: &[i64], parts: &mut Parts) {
        let mut shown: BTreeMap<i64, BTreeSet<u16>> = BTreeMap::new();
        for (block, place) in numbers.iter().filter_map(|number| place(*number)) {
            shown.entry(block).or_default().insert(place);
        }
        let last = shown.keys().next_back().map_or(0, |block| block + 1);
        for block in 0..=last {
            let listed = Register::new(
                Stamp::undated(event),
                shown.remove(&block).unwrap_or_default(),
            );
            parts.add(
                event,
                block,
                Self {
                    listed,
                    ..Self::heard_by(event)
                },
            );
        }
    }

    /// Known numbers that the last listing of everything lacks, and that nothing later speaks of.
    fn absent(&self, block: i64) -> Vec<Absent> {
        let (Some(shown), Some(stamp)) = (self.listed.get(), self.listed.stamp()) else {
            return Vec::new();
        };
        let asked_at = stamp.as_of;
        let old_enough = |created_at: &Earliest<Timestamp>| {
            created_at
                .0
                .is_some_and(|at| at.plus_seconds(CREATED_BEFORE_SECONDS) < asked_at)
        };
        let known = self
            .known
            .iter()
            .filter(|(place, created_at)| old_enough(created_at) && !shown.contains(place));
        let absent = known.filter_map(|(place, _)| {
            let there_at = time(&self.answered, place).max(time(&self.told, place));
            // What was explained and was there since has come back, and may go again.
            let since = |times| time(times, place).filter(|at| Some(*at) >= there_at);
            let unseen_at = since(&self.unseen);
            let is_open = there_at < Some(asked_at)
                && since(&self.explained).is_none()
                && unseen_at.is_none_or(|at| at < asked_at);
            is_open.then_some(Absent {
                number: number(block, *place),
                asked_at,
                unseen_at,
            })
        });
        absent.collect()
    }

    /// When it was last said of a number that it is no item's.
    fn explained_at(&self, place: &u16) -> Option<Timestamp> {
        time(&self.explained, place).max(time(&self.unseen, place))
    }

    /// Numbers about which something could not be read, that no later answer covers.
    fn unread(&self, block: i64) -> Vec<(i64, Timestamp)> {
        let rows = self.odd_rows.iter();
        let rows = rows.filter_map(|(place, row)| Some((*place, row.first_shown_at.0?)));
        let events = self.unreadable.iter();
        let events = events.filter_map(|(place, at)| Some((*place, at.0?)));
        let mut last = BTreeMap::<u16, Timestamp>::new();
        for (place, at) in rows.chain(events) {
            let known = last.entry(place).or_insert(at);
            *known = at.max(*known);
        }
        let standing = last.into_iter().filter(|(place, at)| {
            let answer = time(&self.answered, place).max(self.explained_at(place));
            !answer.is_some_and(|asked| settles(asked, *at))
        });
        standing
            .map(|(place, at)| (number(block, place), at))
            .collect()
    }

    fn highest_place(&self) -> Option<u16> {
        match self.full.0 {
            Some(_) => Some((BLOCK_NUMBERS - 1) as u16),
            None => self.known.keys().next_back().copied(),
        }
    }

    /// Days of all numbers up to the highest, and the missing ones, in one pass from the top: what
    /// has no creation of its own belongs to that of the next known number.
    fn walk(&self, block: i64) -> (Vec<Missing>, BTreeMap<i32, LedgerDay>) {
        let mut missing = Vec::new();
        let mut days = BTreeMap::new();
        let Some(highest) = self.highest_place() else {
            return (missing, days);
        };
        let mut next = self.full.0;
        for place in (0..=highest).rev() {
            let known = self.known.get(&place);
            let created_at = known.and_then(|at| at.0);
            next = created_at.or(next);
            if known.is_some() && created_at.is_none() {
                continue;
            }
            let Some(before) = next else { continue };
            let accounted = known.is_some() || self.explained_at(&place).is_some();
            let day = before.day();
            let entry = days.entry(day).or_insert(LedgerDay {
                day,
                existing: 0,
                accounted: 0,
            });
            entry.existing += 1;
            entry.accounted += i64::from(accounted);
            if !accounted {
                missing.push(Missing {
                    number: number(block, place),
                    before,
                });
            }
        }
        missing.reverse();
        (missing, days)
    }
}

fn time(times: &BTreeMap<u16, Latest<Timestamp>>, place: &u16) -> Option<Timestamp> {
    times.get(place)?.0
}

/// The block of a number and its place in there. Numbers start at 1, and GitHub's own are 32 bits
/// wide; anything else is no number, and would make blocks without end.
fn place(number: i64) -> Option<(i64, u16)> {
    (1..=i64::from(i32::MAX)).contains(&number).then(|| {
        (
            (number - 1) / BLOCK_NUMBERS,
            ((number - 1) % BLOCK_NUMBERS) as u16,
        )
    })
}

fn number(block: i64, place: u16) -> i64 {
    block * BLOCK_NUMBERS + i64::from(place) + 1
}

impl Entity for State {
    const KIND: Kind = Kind::Ledger;

    fn lift(event: &Event, payload: &Payload, parts: &mut Parts) {
        match payload {
            Payload::Webhook(webhook) => {
                if let Some(pull) = &webhook.pull_request {
                    Self::know(event, pull.number, pull.created_at, parts);
                    Self::tell(event, pull.number, pull.updated_at, parts);
                } else if let Some(issue) = &webhook.issue {
                    Self::know(event, issue.number, issue.created_at, parts);
                    match (event.kind.as_str(), event.action.as_deref()) {
                        // GitHub gives no number twice: nothing comes back to this one, whatever
                        // is told later of the time before.
                        ("issues", Some("deleted" | "transferred")) => {
                            Self::explain(event, issue.number, FOR_EVER, parts);
                        }
                        _ => Self::tell(event, issue.number, issue.updated_at, parts),
                    }
                } else if let Some(discussion) = &webhook.discussion {
                    Self::know(event, discussion.number, discussion.created_at, parts);
                    // No listing shows it, and GitHub answers 404 to who asks for it as an item.
                    Self::explain(event, discussion.number, event.as_of(), parts);
                }
            }
            Payload::Item(item) => {
                let pull = item
                    .pull_request
                    .as_ref()
                    .map(|pull| (pull.number, pull.created_at));
                let issue = item
                    .issue
                    .as_ref()
                    .map(|issue| (issue.number, issue.created_at));
                if let Some((number, created_at)) = pull.or(issue) {
                    Self::know(event, number, created_at, parts);
                    Self::add(event, number, parts, |place, state| {
                        state.answered.insert(place, Latest(Some(event.as_of())));
                    });
                } else if let Some(number) = event.number {
                    match item.status {
                        301 | 410 => Self::explain(event, number, event.as_of(), parts),
                        404 => Self::add(event, number, parts, |place, state| {
                            state.unseen.insert(place, Latest(Some(event.as_of())));
                        }),
                        _ => {}
                    }
                }
            }
            Payload::Listing(listing) => {
                for issue in &listing.items {
                    Self::know(event, issue.number, issue.created_at, parts);
                    Self::tell(event, issue.number, issue.updated_at, parts);
                }
                if let Some(numbers) = &listing.numbers {
                    Self::list(event, numbers, parts);
                }
            }
            Payload::Repository(_) | Payload::Gap(_) | Payload::Unread => {}
        }
    }

    fn view(&self, key: &Key, version: i64) -> Option<Record> {
        let block = key.name.parse().ok()?;
        let highest = number(block, self.highest_place()?);
        let (missing, days) = self.walk(block);
        let unseen = self.unseen.keys();
        let only_unseen = unseen.filter(|place| !self.explained.contains_key(place));
        let explained = self.explained.keys().chain(only_unseen);
        let explained = explained.filter(|place| !self.known.contains_key(place));
        Some(Record::Ledger(Box::new(LedgerBlock {
            host: key.host.clone(),
            repository_id: key.repository_id,
            repository: self.repository.get().cloned(),
            block,
            version,
            highest,
            known: self.known.len() as i64,
            explained: explained.count() as i64,
            missing: missing.iter().map(|missing| missing.number).collect(),
            days: days.into_values().collect(),
        })))
    }

    /// Its numbers only become more, and more of them known; a name can be given back.
    fn may_return_to(&self, _: &Key, before: &Record) -> bool {
        matches!(before, Record::Ledger(before) if before.repository.as_ref() != self.repository.get())
    }

    fn questions(&self, key: &Key) -> Vec<Asked> {
        let Ok(block) = key.name.parse() else {
            return Vec::new();
        };
        let ask = |number, since, urgency, question| Asked {
            question,
            resource: Resource::Item { number },
            since,
            urgency,
        };
        let urgency = |created_before: Timestamp| match (self.listed.get(), self.first_heard_at.0) {
            (Some(_), Some(heard_at)) if !is_history(created_before, heard_at) => Urgency::Gap,
            _ => Urgency::Audit,
        };
        let missing = self.walk(block).0.into_iter().map(|missing| {
            let Missing { number, before } = missing;
            let question = Question::MissingNumber { number };
            ask(number, before, urgency(before), question)
        });
        let absent = self.absent(block).into_iter().map(|absent| {
            let Absent {
                number,
                asked_at,
                unseen_at,
            } = absent;
            let (urgency, since) = match unseen_at {
                None => (Urgency::Gap, asked_at),
                Some(at) => (Urgency::Audit, at),
            };
            let question = Question::AbsentNumber { number, unseen_at };
            ask(number, since, urgency, question)
        });
        let unread = self.unread(block).into_iter().map(|(number, at)| {
            let question = Question::UnreadableEvent { number };
            ask(number, at, Urgency::Gap, question)
        });
        missing.chain(absent).chain(unread).collect()
    }

    fn into_state(self) -> entity::State {
        entity::State::Ledger(Box::new(self))
    }
}
