//! Deterministic ids: the same fact ingested twice has one id.
//!
//! An id is the first 128 bits of a SHA-256 over the parts that make the fact itself, each part
//! preceded by its length, so that no two lists of parts can run together into one input. The
//! delivery GUID is not covered by GitHub's signature, hence it is bound to the body's hash: a
//! forged GUID cannot stand in for another delivery.

use crate::{Question, Timestamp};
use sha2::{Digest, Sha256};

/// Id of a webhook delivery: host, delivery GUID and body. A redelivery has the same id.
pub fn webhook_event_id(host: &str, delivery_guid: &str, body: &[u8]) -> String {
    id(
        "webhook",
        &[host.as_bytes(), delivery_guid.as_bytes(), body],
    )
}

/// Id of an API answer: host, resource (path and query), request start and content. The start is
/// part of it: listings that say A, then B, then A again are three facts.
pub fn answer_event_id(
    host: &str,
    resource: &str,
    requested_at: Timestamp,
    content: &[u8],
) -> String {
    let requested_at = requested_at.as_millis().to_be_bytes();
    id(
        "answer",
        &[host.as_bytes(), resource.as_bytes(), &requested_at, content],
    )
}

/// Id of a gap: who asks (`subject`, a key), what, and how many times the same question had been
/// closed before. Detecting once more after a crash gives the same id; the same loss a second time
/// gives a new one. The words that the question is told in are no part of it.
pub fn gap_id(subject: &str, question: &Question, occurrence: u32) -> String {
    of_question("gap", subject, question, occurrence)
}

/// Id of an audit, which opens no gap. Not that of the gap which its question may become: the gap's
/// first command would pass for the audit's, which waits until no gap asks.
pub fn audit_id(subject: &str, question: &Question, occurrence: u32) -> String {
    of_question("audit", subject, question, occurrence)
}

fn of_question(domain: &str, subject: &str, question: &Question, occurrence: u32) -> String {
    let question = serde_json::to_vec(question).expect("strings and numbers have a JSON form");
    id(
        domain,
        &[subject.as_bytes(), &question, &occurrence.to_be_bytes()],
    )
}

/// Id of a gap event: the gap and what happened to it (`opened`, `closed`).
pub fn gap_event_id(gap_id: &str, action: &str) -> String {
    id("gap-event", &[gap_id.as_bytes(), action.as_bytes()])
}

/// Id of a refetch command: the gap that asks, and the attempt, counted from 1.
pub fn command_id(gap_id: &str, attempt: u32) -> String {
    id("command", &[gap_id.as_bytes(), &attempt.to_be_bytes()])
}

fn id(domain: &str, parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    hash.update(domain.as_bytes());
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redelivery_has_the_id_of_the_delivery() {
        assert_eq!(
            webhook_event_id("h", "g", b"{}"),
            webhook_event_id("h", "g", b"{}")
        );
    }

    #[test]
    fn a_guid_stands_for_one_body_only() {
        assert_ne!(
            webhook_event_id("h", "g", b"{}"),
            webhook_event_id("h", "g", b"[]")
        );
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(
            webhook_event_id("ab", "c", b""),
            webhook_event_id("a", "bc", b"")
        );
    }

    #[test]
    fn the_same_answer_asked_for_twice_is_two_facts() {
        let ask = |millis| answer_event_id("h", "/x", Timestamp::from_millis(millis), b"{}");
        assert_ne!(ask(1), ask(2));
    }

    #[test]
    fn ids_never_change_between_releases() {
        assert_eq!(webhook_event_id("github.com", "g", b"{}").len(), 32);
        let seventh = Question::MissingNumber { number: 7 };
        let subject = "ledger/github.com/1/0";
        assert_ne!(gap_id(subject, &seventh, 0), gap_id(subject, &seventh, 1));
        assert_ne!(gap_id(subject, &seventh, 0), audit_id(subject, &seventh, 0));
    }
}
