//! What can be read of a payload that cannot be read as a whole.
//!
//! One odd value must cost itself and no more: a listing of a thousand rows is not lost for one of
//! them, nor a closing for a label that is no object. So where a payload cannot be read, what is odd
//! is taken out, and the rest is read:
//!
//! - of a **list of things** (a listing's rows, a snapshot's reviews, its timeline), each is read by
//!   itself;
//! - of an **object**, the field in which reading stops is taken out, and reading begins again; of a
//!   list in there (labels, assignees) the whole field, since a set that lacks one would pass for the
//!   set. A field that lacks tells nothing, which is the law for every field. So what is left is
//!   true, and where a field that everything needs is odd, the object itself is taken out.
//! - a **timeline** with an odd entry of a kind that is read is not complete: it must not prove that
//!   nothing else happened. Entries of other kinds are passed over, odd or not.
//!
//! What was taken out is said ([`Odd`]): it becomes a dead letter, and the item asks for an answer.
//!
//! What Gapless does not interpret it does not read strictly either: of webhooks of other kinds,
//! whatever can be read counts, and the rest is no loss ([`is_interpreted`]).
//!
//! An issue or pull request without a field that each has (its times, title, state, author, the time
//! of its closing, be it null) is odd as well: what hangs on the field could not be told.
//!
//! All this costs nothing where all is well: a payload is salvaged only after it could not be read.

use super::{
    IssueObject, Item, Listing, Payload, PullRequestObject, RepositoryAnswer, ReviewObject,
    TimelineEvent, UnreadablePayload, Webhook,
};
use gapless_schemas::{Event, ListingKind, SnapshotKind, Source, Timestamp, ids};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, json};
use serde_path_to_error::Segment;

/// Something in a payload that could not be read.
#[derive(Clone, Debug)]
pub struct Odd {
    /// Number of the item that it is about, where that could be read.
    pub number: Option<i64>,
    /// Where it is and what is odd about it.
    pub error: String,
    /// Of a listing's row: the row by itself.
    pub row: Option<OddRow>,
}

/// A row of a listing that could not be read, or not whole.
#[derive(Clone, Debug)]
pub struct OddRow {
    /// Its place in the listing, from 0.
    pub place: usize,
    /// A listing of this row alone, with an id that follows from its content.
    pub event: Event,
}

/// More than this in one object is no oddity but another form.
const ODD_FIELDS_MAX: usize = 100;

/// Kinds of webhooks that some entity interprets. Others may carry the same objects, and what can be
/// read of these counts.
const INTERPRETED: [&str; 11] = [
    "discussion",
    "discussion_comment",
    "issue_comment",
    "issues",
    "label",
    "milestone",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "repository",
];

/// Whether a webhook of this kind that cannot be read is a loss.
fn is_interpreted(kind: &str) -> bool {
    INTERPRETED.contains(&kind)
}

/// Reads what can be read of `event`, whose payload cannot be read as a whole because of `error`.
///
/// # Errors
/// Where nothing can be read of it.
pub(super) fn salvage(
    event: &Event,
    error: UnreadablePayload,
) -> Result<(Payload, Vec<Odd>), UnreadablePayload> {
    let payload = &event.payload;
    let read = match (event.source, event.kind.as_str()) {
        (Source::Webhook, _) => webhook(event, payload),
        (Source::Snapshot, kind) if kind == SnapshotKind::Item.name() => item(event, payload),
        (Source::Snapshot, kind) if kind == SnapshotKind::Repository.name() => repository(payload),
        (Source::Listing, kind) if kind == ListingKind::Issues.name() => listing(event, payload),
        _ => None,
    };
    match read {
        Some(read) => Ok(read),
        None if event.source == Source::Webhook && !is_interpreted(&event.kind) => {
            Ok((Payload::Unread, Vec::new()))
        }
        None => Err(error),
    }
}

type Salvaged = Option<(Payload, Vec<Odd>)>;

fn webhook(event: &Event, payload: &[u8]) -> Salvaged {
    let mut value = serde_json::from_slice(payload).ok()?;
    let (webhook, mut odd): (Webhook, _) = mend(&mut value)?;
    odd.extend(lacking(
        webhook.pull_request.as_ref(),
        webhook.issue.as_ref(),
    ));
    if !is_interpreted(&event.kind) {
        odd.clear();
    }
    let odd = said(event.number, odd);
    Some((Payload::Webhook(Box::new(webhook)), odd))
}

/// Whether no object in `payload` lacks a field that each has.
pub(super) fn is_whole(event: &Event, payload: &Payload) -> bool {
    match payload {
        Payload::Webhook(webhook) => {
            !is_interpreted(&event.kind)
                || lacking(webhook.pull_request.as_ref(), webhook.issue.as_ref()).is_none()
        }
        Payload::Item(item) => lacking(item.pull_request.as_ref(), item.issue.as_ref()).is_none(),
        Payload::Listing(listing) => {
            let mut rows = listing.items.iter();
            rows.all(|issue| lacking(None, Some(issue)).is_none())
        }
        Payload::Repository(_) | Payload::Gap(_) | Payload::Unread => true,
    }
}

/// The first field that one of the objects lacks though each has it.
fn lacking(pull: Option<&PullRequestObject>, issue: Option<&IssueObject>) -> Option<String> {
    let lacks = |object: &str, fields: [(&str, bool); 6]| {
        let lacking = fields.into_iter().find(|(_, is_there)| !is_there);
        lacking.map(|(field, _)| format!("{object}: {field} lacks"))
    };
    let of_pull = pull.and_then(|pull| {
        let fields = [
            ("created_at", pull.created_at.is_some()),
            ("updated_at", pull.updated_at.is_some()),
            ("title", pull.title.is_some()),
            ("state", pull.state.is_some()),
            ("user", pull.user.is_some()),
            ("closed_at", pull.closed_at.is_some()),
        ];
        lacks("pull_request", fields)
    });
    of_pull.or_else(|| {
        let issue = issue?;
        let fields = [
            ("created_at", issue.created_at.is_some()),
            ("updated_at", issue.updated_at.is_some()),
            ("title", issue.title.is_some()),
            ("state", issue.state.is_some()),
            ("user", issue.user.is_some()),
            ("closed_at", issue.closed_at.is_some()),
        ];
        lacks("issue", fields)
    })
}

/// One [`Odd`] for all that was taken out of one payload: it is one dead letter.
fn said(number: Option<i64>, errors: Vec<String>) -> Vec<Odd> {
    let said = (!errors.is_empty()).then(|| Odd {
        number,
        error: errors.join("; "),
        row: None,
    });
    said.into_iter().collect()
}

fn repository(payload: &[u8]) -> Salvaged {
    let mut value = serde_json::from_slice(payload).ok()?;
    let (answer, odd): (RepositoryAnswer, _) = mend(&mut value)?;
    Some((Payload::Repository(Box::new(answer)), said(None, odd)))
}

fn item(event: &Event, payload: &[u8]) -> Salvaged {
    let mut value = serde_json::from_slice(payload).ok()?;
    let lists = Value::as_object_mut(&mut value)?;
    let (reviews, timeline) = (lists.remove("reviews"), lists.remove("timeline"));
    let (mut item, mut errors): (Item, _) = mend(&mut value)?;
    errors.extend(lacking(item.pull_request.as_ref(), item.issue.as_ref()));
    if let Some(entries) = entries(reviews, "reviews", &mut errors) {
        let reviews = entries.into_iter().enumerate();
        item.reviews = Some(
            reviews
                .filter_map(|(place, review)| match one::<ReviewObject>(review) {
                    Ok(review) => Some(review),
                    Err(error) => {
                        errors.push(format!("reviews[{place}]: {error}"));
                        None
                    }
                })
                .collect(),
        );
    }
    if let Some(entries) = entries(timeline, "timeline", &mut errors) {
        let before = errors.len();
        let mut read = Vec::new();
        for (place, entry) in entries.into_iter().enumerate() {
            let kind = entry
                .get("event")
                .and_then(Value::as_str)
                .map(str::to_owned);
            match one::<TimelineEvent>(entry) {
                Ok(entry) => read.push(entry),
                Err(error) if kind.as_deref().is_none_or(TimelineEvent::is_read) => {
                    errors.push(format!("timeline[{place}]: {error}"));
                }
                Err(_) => {}
            }
        }
        if errors.len() == before {
            item.timeline = Some(read);
        } else {
            item.partial_timeline = read;
        }
    }
    let number = event.number;
    Some((Payload::Item(Box::new(item)), said(number, errors)))
}

/// The entries of a list that may be absent or null; what is no list is odd as a whole.
fn entries(list: Option<Value>, name: &str, errors: &mut Vec<String>) -> Option<Vec<Value>> {
    match list? {
        Value::Null => None,
        Value::Array(entries) => Some(entries),
        _ => {
            errors.push(format!("{name}: it is no list"));
            None
        }
    }
}

fn one<T: DeserializeOwned>(value: Value) -> serde_json::Result<T> {
    serde_json::from_value(value)
}

/// A listing before its rows are read.
#[derive(Deserialize)]
struct Frame {
    since: Option<Value>,
    complete: bool,
    numbers: Option<Vec<i64>>,
    items: Vec<Value>,
}

fn listing(event: &Event, payload: &[u8]) -> Salvaged {
    let frame: Frame = serde_json::from_slice(payload).ok()?;
    // A row by itself is what a dead letter holds: where that is replayed and is odd still, it is
    // the letter.
    let is_row = event.number.is_some();
    let mut bare = event.clone();
    bare.payload = Vec::new();
    let (mut items, mut odd) = (Vec::new(), Vec::new());
    for (place, mut value) in frame.items.into_iter().enumerate() {
        let whole = value.clone();
        let (item, mut errors) = match mend(&mut value) {
            Some((item, errors)) => (Some(item), errors),
            None => (None, vec!["it is no issue".to_owned()]),
        };
        errors.extend(lacking(None, item.as_ref()));
        items.extend(item);
        if errors.is_empty() {
            continue;
        }
        let number = whole.get("number").and_then(Value::as_i64);
        let number = number.or(event.number);
        let what = number.map_or_else(String::new, |number| format!(" (number {number})"));
        let error = format!("row {place}{what}: {}", errors.join("; "));
        let row = (!is_row).then(|| {
            let event = row(&bare, number, frame.since.as_ref(), whole);
            OddRow { place, event }
        });
        odd.push(Odd { number, error, row });
    }
    let listing = Listing {
        since: frame.since.map(|_| IgnoredAny),
        complete: frame.complete,
        numbers: frame.numbers,
        items,
    };
    Some((Payload::Listing(listing), odd))
}

/// The listing of one row. It says nothing of other numbers.
fn row(bare: &Event, number: Option<i64>, since: Option<&Value>, row: Value) -> Event {
    let mut payload = json!({"complete": false, "items": [row]});
    if let Some(since) = since {
        payload["since"] = since.clone();
    }
    let updated_at = payload["items"][0]["updated_at"].as_str();
    let occurred_at = updated_at.and_then(|text| text.parse().ok());
    // The row alone: shown by a listing of everything and by listings of what changed, each since
    // another time, it is one thing, whoever asked for what and when.
    let identity = payload["items"].to_string();
    let payload = payload.to_string().into_bytes();
    let nobody_asked = Timestamp::from_millis(0);
    let resource = format!(
        "row/{}/{}",
        bare.repository_id.unwrap_or(0),
        number.unwrap_or(0)
    );
    Event {
        event_id: ids::answer_event_id(&bare.host, &resource, nobody_asked, identity.as_bytes()),
        number,
        occurred_at,
        payload,
        ..bare.clone()
    }
}

/// Reads `value`, taking out what is odd until the rest can be read. Returns what was read, and what
/// was odd, where; nothing where the rest is nothing.
fn mend<T: DeserializeOwned>(value: &mut Value) -> Option<(T, Vec<String>)> {
    let mut odd = Vec::new();
    while odd.len() <= ODD_FIELDS_MAX {
        let error = match serde_path_to_error::deserialize(&*value) {
            Ok(read) => return Some((read, odd)),
            Err(error) => error,
        };
        let names: Vec<&str> = error
            .path()
            .iter()
            .map_while(|segment| match segment {
                Segment::Map { key } => Some(key.as_str()),
                _ => None,
            })
            .collect();
        let (last, parents) = names.split_last()?;
        let mut object = value.as_object_mut()?;
        for parent in parents {
            object = object.get_mut(*parent).and_then(Value::as_object_mut)?;
        }
        take_out(object, last)?;
        odd.push(format!("{}: {}", error.path(), error.inner()));
    }
    None
}

fn take_out(object: &mut Map<String, Value>, name: &str) -> Option<()> {
    object.remove(name).map(drop)
}
