//! What nobody can know: whose an item or a review was, where the account was gone before anything
//! that was received showed it. GitHub shows nobody or the ghost in its place, and tells no more.
//!
//! What was received decides, payload by payload as it came, and not what the channel lost: what was
//! lost may have been asked for and answered in time. It is read by the simplest rule there is, apart
//! from all that Gapless reads it by.

use super::{ItemTruth, Truth};
use serde_json::Value;
use std::collections::BTreeSet;

/// The account of whoever is unknown, as the tables have it.
const UNKNOWN: u64 = 0;

/// Whose each item and review was, as far as something received showed it.
#[derive(Debug, Default)]
pub struct Received {
    /// Repository, number and the author's id.
    items: BTreeSet<(u64, u64, u64)>,
    /// The review's id and its giver's.
    reviews: BTreeSet<(u64, u64)>,
}

impl Received {
    /// Notes what a payload shows, received as one of the repository's.
    ///
    /// An object with a `number` and a `user` is an item, one with `submitted_at` and a `user` a review.
    /// `changes` tell of another repository's item.
    pub fn read(&mut self, repository_id: u64, payload: &Value) {
        match payload {
            Value::Array(values) => {
                for value in values {
                    self.read(repository_id, value);
                }
            }
            Value::Object(object) => {
                let number = |name: &str| object.get(name).and_then(Value::as_u64);
                let user = object.get("user").and_then(|user| user.get("id"));
                if let Some(user) = user.and_then(Value::as_u64) {
                    if let Some(number) = number("number") {
                        self.items.insert((repository_id, number, user));
                    }
                    if let (Some(id), true) = (number("id"), object.contains_key("submitted_at")) {
                        self.reviews.insert((id, user));
                    }
                }
                for (_, value) in object.iter().filter(|(name, _)| *name != "changes") {
                    self.read(repository_id, value);
                }
            }
            _ => {}
        }
    }

    fn shows_author(&self, item: &ItemTruth) -> bool {
        let shown = (item.repository_id, item.number.into(), item.author_id);
        self.items.contains(&shown)
    }
}

impl Truth {
    /// Accounts that are gone, and opened or reviewed something that is still there.
    pub fn gone(&self) -> BTreeSet<u64> {
        let pulls = self.pull_requests.iter().map(|pull| &pull.item);
        let issues = self.issues.iter().map(|issue| &issue.item);
        let items = pulls.chain(issues).filter(|item| item.author_gone);
        let reviews = self.pull_requests.iter().flat_map(|pull| &pull.reviews);
        let reviews = reviews.filter(|review| review.user_gone);
        let authors = items.map(|item| item.author_id);
        authors
            .chain(reviews.map(|review| review.user_id))
            .collect()
    }

    /// Makes unknown whose an item or a review of an account that is gone was, where nothing received
    /// showed it; nothing else. Returns how many became so.
    pub fn know_only(&mut self, received: &Received) -> usize {
        let mut unknown = 0;
        let pulls = self.pull_requests.iter_mut().map(|pull| &mut pull.item);
        let issues = self.issues.iter_mut().map(|issue| &mut issue.item);
        for item in pulls.chain(issues) {
            if item.author_gone && !received.shows_author(item) {
                (item.author_id, item.author) = (UNKNOWN, String::new());
                unknown += 1;
            }
        }
        for pull in &mut self.pull_requests {
            for review in &mut pull.reviews {
                let shown = (review.id, review.user_id);
                if review.user_gone && !received.reviews.contains(&shown) {
                    (review.user_id, review.user) = (UNKNOWN, String::new());
                    unknown += 1;
                }
            }
        }
        unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::told::{issue, pull_request};
    use serde_json::json;

    fn truth() -> Truth {
        let mut pull = pull_request("1 approved by bo, 2 commented by cy");
        for review in &mut pull.reviews {
            review.user_gone = review.user == "bo";
        }
        let mut issue = issue("");
        issue.item.number = 2;
        issue.item.author_gone = true;
        Truth {
            as_of: pull.item.created_at,
            repositories: Vec::new(),
            pull_requests: vec![pull],
            issues: vec![issue],
            explained: Vec::new(),
            oddities: std::collections::BTreeMap::new(),
        }
    }

    /// The truth for whom only `payloads` reached, all of them of repository 1.
    fn known(payloads: &[Value]) -> (usize, Truth) {
        let (mut truth, mut received) = (truth(), Received::default());
        for payload in payloads {
            received.read(1, payload);
        }
        (truth.know_only(&received), truth)
    }

    #[test]
    fn whoever_is_gone_is_unknown_unless_something_received_showed_them_with_what_they_did() {
        let bo = truth().pull_requests[0].reviews[0].user_id;
        let review = json!({"review": {"id": 1, "submitted_at": "…", "user": {"id": bo}}});
        let issue = json!({"items": [{"number": 2, "user": {"id": 1}}]});
        assert_eq!(known(&[review.clone(), issue.clone()]), (0, truth()));
        let (unknown, only_issue) = known(std::slice::from_ref(&issue));
        let reviews = &only_issue.pull_requests[0].reviews;
        assert_eq!((unknown, reviews[0].user.as_str()), (1, ""));
        assert_eq!(reviews[1], truth().pull_requests[0].reviews[1]);
        assert_eq!(only_issue.issues, truth().issues);
        let (unknown, only_review) = known(&[review]);
        assert_eq!(
            (unknown, only_review.issues[0].item.author_id),
            (1, UNKNOWN)
        );
        assert_eq!(only_review.pull_requests, truth().pull_requests);
    }

    #[test]
    fn another_object_shows_nobody() {
        let bo = truth().pull_requests[0].reviews[0].user_id;
        let elsewhere = [
            json!({"review": {"id": 7, "submitted_at": "…", "user": {"id": bo}}}),
            json!({"review": {"id": 1, "submitted_at": "…", "user": {"id": 10_137}}}),
            json!({"comment": {"id": 1, "user": {"id": bo}}}),
            json!({"issue": {"number": 3, "user": {"id": 1}}, "sender": {"id": 1}}),
            json!({"changes": {"old_issue": {"number": 2, "user": {"id": 1}}}}),
        ];
        assert_eq!(known(&elsewhere).0, 2);
    }

    #[test]
    fn an_unknown_reviewer_is_another_than_the_author_unless_that_is_gone_too() {
        let mut pull =
            pull_request("1 approved by bo, 2 changes_requested by cy, 3 approved by dee");
        for review in &mut pull.reviews[..2] {
            (review.user_id, review.user) = (UNKNOWN, String::new());
        }
        // They need not be one person, whose last word would count.
        pull.reviews.swap(0, 1);
        pull.reviews[0].id = 9;
        assert_eq!(pull.review_count(), 3);
        assert_eq!(pull.reviewers(), ["dee"]);
        assert_eq!(pull.review_decision(), "changes_requested");
        pull.item.author_gone = true;
        assert_eq!(pull.review_count(), 1);
        assert_eq!(pull.review_decision(), "approved");
    }
}
