//! Reviews and requests for them.

use super::words;
use crate::item::{Requested, Review, ReviewState, TimelineKind};
use crate::json::Json;
use crate::oddity::Oddity;
use crate::render::can_be_dismissed;
use crate::repository::ItemKey;
use crate::world::World;

impl World {
    pub(crate) fn request_review(&mut self, key: ItemKey) {
        let author = self.author_or_another(key);
        let to_team = self.chance.happens(0.15);
        let team = self.chance.index(self.renderer.accounts.teams.len());
        let person = self.someone_else(author);
        let from = if to_team {
            Requested::Team(team)
        } else {
            Requested::Person(person)
        };
        let pull = self.pull_request_mut(key);
        let asked_already = match from {
            Requested::Person(person) => pull.requested_reviewers.contains(&person),
            Requested::Team(team) => pull.requested_teams.contains(&team),
        };
        if asked_already {
            return self.change_item(key, super::item::ItemChange::Comment);
        }
        match from {
            Requested::Person(person) => pull.requested_reviewers.push(person),
            Requested::Team(team) => pull.requested_teams.push(team),
        }
        self.enter(key, author, TimelineKind::ReviewRequested { from });
        self.tell_request(key, "review_requested", author, from);
    }

    pub(crate) fn withdraw_request(&mut self, key: ItemKey) {
        let author = self.author_or_another(key);
        let pull = self.pull_request_mut(key);
        let from = match (pull.requested_reviewers.pop(), pull.requested_teams.len()) {
            (Some(person), _) => Requested::Person(person),
            (None, 0) => return,
            (None, _) => Requested::Team(pull.requested_teams.remove(0)),
        };
        self.enter(key, author, TimelineKind::ReviewRequestRemoved { from });
        self.tell_request(key, "review_request_removed", author, from);
    }

    fn tell_request(&mut self, key: ItemKey, action: &'static str, actor: usize, from: Requested) {
        self.tell_item(key, action, actor, |renderer, _, json| match from {
            Requested::Person(person) => json.raw("requested_reviewer", renderer.user(person)),
            Requested::Team(team) => {
                json.raw("requested_team", &renderer.accounts.teams[team].json);
            }
        });
    }

    /// A review. GitHub takes the reviewer off the requested ones without an event of its own.
    pub(crate) fn submit_review(&mut self, key: ItemKey) {
        let pull = self.pull_request(key);
        let author = pull.thread.author;
        let asked = pull.requested_reviewers.first().copied();
        let by_asked = self.chance.happens(0.7);
        let by_bot = self.chance.happens(0.08);
        let reviewer = match asked {
            Some(asked) if by_asked => asked,
            _ if by_bot => self.renderer.accounts.bots().end - 1,
            _ => self.someone_else(author),
        };
        self.review_as(key, reviewer, None);
    }

    /// A review by `reviewer`, with what it says or by chance.
    pub(super) fn review_as(&mut self, key: ItemKey, reviewer: usize, says: Option<ReviewState>) {
        let commit_id = self.pull_request(key).head_sha.clone();
        let drawn = self
            .chance
            .weighted(&[
                (ReviewState::Approved, 6.0),
                (ReviewState::ChangesRequested, 2.0),
                (ReviewState::Commented, 3.0),
            ])
            .unwrap_or(ReviewState::Commented);
        let state = says.unwrap_or(drawn);
        let silent = self.chance.happens(0.4) && state == ReviewState::Approved;
        let review = Review {
            id: self.new_id(),
            author: reviewer,
            state,
            body: if silent {
                String::new()
            } else {
                words::comment(&mut self.chance)
            },
            submitted_at: self.second(),
            commit_id,
        };
        let id = review.id;
        let pull = self.pull_request_mut(key);
        pull.requested_reviewers
            .retain(|person| *person != reviewer);
        pull.reviews.push(review);
        let (is_own, is_late) = (pull.thread.author == reviewer, pull.merged_at.is_some());
        self.enter(key, reviewer, TimelineKind::Reviewed { review: id });
        self.tell_review(key, "submitted", id, reviewer, |_| {});
        if is_own {
            self.happened(Oddity::ReviewedByAuthor);
        }
        if is_late {
            self.happened(Oddity::ReviewedAfterMerge);
        }
    }

    pub(crate) fn edit_review(&mut self, key: ItemKey) {
        let body = words::comment(&mut self.chance);
        let index = self.chance.index(self.pull_request(key).reviews.len());
        let second = self.second();
        let pull = self.pull_request_mut(key);
        let review = &mut pull.reviews[index];
        let from = std::mem::replace(&mut review.body, body);
        let (id, reviewer) = (review.id, review.author);
        pull.thread.updated_at = second;
        self.tell_review(key, "edited", id, reviewer, |json| {
            json.object_at("changes", |json| {
                json.object_at("body", |json| json.text("from", from));
            });
        });
    }

    pub(crate) fn dismiss_review(&mut self, key: ItemKey) {
        let actor = self.someone();
        let pull = self.pull_request_mut(key);
        let Some(review) = pull
            .reviews
            .iter_mut()
            .find(|review| can_be_dismissed(review.state))
        else {
            return;
        };
        let state = std::mem::replace(&mut review.state, ReviewState::Dismissed);
        let id = review.id;
        self.enter(
            key,
            actor,
            TimelineKind::ReviewDismissed { review: id, state },
        );
        self.tell_review(key, "dismissed", id, actor, |_| {});
    }

    fn tell_review(
        &mut self,
        key: ItemKey,
        action: &'static str,
        review: u64,
        sender: usize,
        extra: impl FnOnce(&mut Json),
    ) {
        let repository = &self.repositories[key.repository];
        let pull = self.pull_request(key);
        let Some(review) = pull.reviews.iter().find(|known| known.id == review) else {
            return;
        };
        let body = self
            .renderer
            .review_event(action, repository, pull, review, sender, extra);
        let about = (Some(repository.id), Some(key.number));
        self.send("pull_request_review", Some(action), about, body);
    }
}
