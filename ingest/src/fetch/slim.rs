//! A snapshot that the log would not take, with less of its lists.
//!
//! A snapshot proves something only with its timeline. Leaving that out would have the item fetched
//! again for ever, so only what states read of each entry is kept: some 200 bytes of several
//! thousand. If even that is too much, the lists are left out.

use gapless_schemas::{ItemSnapshot, PayloadForm};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A field as it came; absent where it was absent or null.
type Field<'a> = Option<&'a RawValue>;

/// Of a user.
#[derive(Serialize, Deserialize)]
struct User<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    id: Field<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    login: Field<'a>,
    #[serde(
        borrow,
        default,
        rename = "type",
        skip_serializing_if = "Option::is_none"
    )]
    kind: Field<'a>,
}

/// Of a commit's author.
#[derive(Serialize, Deserialize)]
struct CommitPerson<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    date: Field<'a>,
}

/// Of an entry of a timeline.
#[derive(Serialize, Deserialize)]
struct TimelineEntry<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    event: Field<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    created_at: Field<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    submitted_at: Field<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    actor: Option<User<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    author: Option<CommitPerson<'a>>,
}

/// Of a review.
#[derive(Serialize, Deserialize)]
struct Review<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    id: Field<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    state: Field<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    commit_id: Field<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    submitted_at: Field<'a>,
}

/// The payload of `snapshot` in at most `max_bytes` where that can be, and how it relates to what
/// was received.
///
/// # Errors
/// None that is known: what was read as JSON can be written as JSON.
pub(super) fn encode(
    snapshot: &mut ItemSnapshot,
    max_bytes: usize,
) -> serde_json::Result<(Vec<u8>, PayloadForm)> {
    let payload = serde_json::to_vec(snapshot)?;
    if payload.len() <= max_bytes {
        return Ok((payload, PayloadForm::Raw));
    }
    drop(payload);
    // Entries of a form that GitHub does not document are not guessed at.
    let reviews = slim(snapshot.reviews.take(), |text| raw::<Review<'_>>(text));
    let timeline = slim(snapshot.timeline.take(), |text| {
        raw::<TimelineEntry<'_>>(text)
    });
    if let (Ok(reviews), Ok(timeline)) = (reviews, timeline) {
        (snapshot.reviews, snapshot.timeline) = (reviews, timeline);
        let payload = serde_json::to_vec(snapshot)?;
        if payload.len() <= max_bytes {
            return Ok((payload, PayloadForm::Redacted));
        }
        (snapshot.reviews, snapshot.timeline) = (None, None);
    }
    Ok((serde_json::to_vec(snapshot)?, PayloadForm::Redacted))
}

type Entries = Option<Vec<Box<RawValue>>>;

fn slim(
    entries: Entries,
    of: impl Fn(&str) -> serde_json::Result<Box<RawValue>>,
) -> serde_json::Result<Entries> {
    let Some(entries) = entries else {
        return Ok(None);
    };
    let slimmed = entries.iter().map(|entry| of(entry.get()));
    slimmed.collect::<Result<_, _>>().map(Some)
}

/// `text` as far as `T` keeps it.
fn raw<'a, T: Serialize + Deserialize<'a>>(text: &'a str) -> serde_json::Result<Box<RawValue>> {
    serde_json::value::to_raw_value(&serde_json::from_str::<T>(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Box<RawValue> {
        serde_json::from_str(text).unwrap()
    }

    fn snapshot(padding: usize) -> ItemSnapshot {
        let body = "x".repeat(padding);
        ItemSnapshot {
            status: 200,
            location: None,
            issue: Some(value(r#"{"number":7}"#)),
            pull_request: None,
            reviews: Some(vec![value(&format!(
                r#"{{"id":1,"user":{{"login":"a","id":2,"type":"User","url":"u"}},"body":"{body}","state":"APPROVED","commit_id":"c","submitted_at":"2020-01-01T00:00:00Z"}}"#
            ))]),
            timeline: Some(vec![
                value(&format!(
                    r#"{{"event":"closed","created_at":"2020-01-01T00:00:00Z","actor":{{"login":"a","id":2,"type":"Bot","url":"u"}},"note":"{body}"}}"#
                )),
                value(
                    r#"{"event":"committed","sha":"s","author":{"name":"n","date":"2020-01-02T00:00:00Z"},"message":"m"}"#,
                ),
                value(r#"{"event":"reviewed","submitted_at":"2020-01-01T00:00:00Z","actor":null}"#),
            ]),
        }
    }

    #[test]
    fn what_fits_is_untouched() {
        let whole = serde_json::to_vec(&snapshot(10)).unwrap();
        let (payload, form) = encode(&mut snapshot(10), whole.len()).unwrap();
        assert_eq!((payload, form), (whole, PayloadForm::Raw));
    }

    #[test]
    fn what_does_not_fit_keeps_all_that_states_read() {
        let (payload, form) = encode(&mut snapshot(10_000), 2_000).unwrap();
        assert_eq!(form, PayloadForm::Redacted);
        let kept: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        let expected = serde_json::json!({
            "status": 200,
            "issue": {"number": 7},
            "reviews": [{
                "id": 1, "user": {"id": 2, "login": "a", "type": "User"}, "state": "APPROVED",
                "commit_id": "c", "submitted_at": "2020-01-01T00:00:00Z",
            }],
            "timeline": [
                {
                    "event": "closed", "created_at": "2020-01-01T00:00:00Z",
                    "actor": {"id": 2, "login": "a", "type": "Bot"},
                },
                {"event": "committed", "author": {"date": "2020-01-02T00:00:00Z"}},
                {"event": "reviewed", "submitted_at": "2020-01-01T00:00:00Z"},
            ],
        });
        assert_eq!(kept, expected);
    }

    #[test]
    fn lists_that_do_not_fit_either_or_cannot_be_read_are_left_out() {
        let left_out = serde_json::json!({"status": 200, "issue": {"number": 7}});
        let mut odd = snapshot(10_000);
        odd.timeline = Some(vec![value(r#"{"actor":"a name alone"}"#)]);
        for (mut snapshot, max_bytes) in [(snapshot(10_000), 100), (odd, 2_000)] {
            let (payload, form) = encode(&mut snapshot, max_bytes).unwrap();
            assert_eq!(form, PayloadForm::Redacted);
            let kept: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(kept, left_out);
        }
    }
}
