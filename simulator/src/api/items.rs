//! Issues, pull requests, their reviews and timelines.

use super::pages::Page;
use super::{Request, Response};
use crate::item::Thread;
use crate::render::{PullRequestForm, Viewer, is_shown};
use crate::repository::{Repository, Slot};
use crate::world::World;
use gapless_schemas::Timestamp;

impl World {
    /// `issues`, which holds pull requests too. `since` is inclusive and compares `updated_at`;
    /// the epoch as `since` gives an empty list, as seen on GitHub.
    pub(super) fn list_issues(&self, request: &Request, repository: &Repository) -> Response {
        let since: Option<Timestamp> = match request.parameter("since") {
            None => None,
            Some(text) => match text.replace("%3A", ":").parse() {
                Ok(since) => Some(since),
                Err(_) => return Response::message(422, "Validation Failed"),
            },
        };
        let wanted_state = request.parameter("state").unwrap_or("open");
        let mut slots: Vec<(&Slot, &Thread)> = repository
            .slots
            .iter()
            .filter_map(|slot| Some((slot, slot.thread()?)))
            .filter(|(_, thread)| match wanted_state {
                "all" => true,
                "closed" => !thread.open,
                _ => thread.open,
            })
            .filter(|(_, thread)| match since {
                Some(since) if since.as_millis() == 0 => false,
                Some(since) => thread.updated_at >= since,
                None => true,
            })
            .collect();
        match request.parameter("sort") {
            Some("updated") => slots.sort_by_key(|(_, thread)| (thread.updated_at, thread.number)),
            Some("comments") => slots.sort_by_key(|(_, thread)| (thread.comments, thread.number)),
            _ => slots.sort_by_key(|(_, thread)| (thread.created_at, thread.number)),
        }
        if request.parameter("direction") != Some("asc") {
            slots.reverse();
        }
        let address = format!(
            "{}/repositories/{}/issues",
            self.base(request),
            repository.id
        );
        let json = self.renderer.json(65_536);
        Page::of(request).answer(request, &address, &slots, json, |json, (slot, _)| {
            json.object(|json| self.renderer.issue(json, repository, slot, Viewer::Api));
        })
    }

    pub(super) fn get_issue(
        &self,
        request: &Request,
        repository: &Repository,
        number: u32,
    ) -> Response {
        match repository.slot(number) {
            Some(slot @ (Slot::Issue(_) | Slot::PullRequest(_))) => {
                let mut json = self.renderer.json(8_192);
                json.object(|json| self.renderer.issue(json, repository, slot, Viewer::Api));
                Response::json(200, json.into_text())
            }
            other => self.no_issue(request, other, ""),
        }
    }

    /// What a number that is no issue is answered with; `below` ends the path.
    fn no_issue(&self, request: &Request, slot: Option<&Slot>, below: &str) -> Response {
        match slot {
            Some(Slot::Transferred { to, .. }) => {
                let repository = self.repositories[to.repository].id;
                let (base, number) = (self.base(request), to.number);
                Response::moved(&format!(
                    "{base}/repositories/{repository}/issues/{number}{below}"
                ))
            }
            Some(Slot::Deleted { .. }) => Response::message(410, "This issue was deleted"),
            _ => Response::not_found(),
        }
    }

    pub(super) fn get_pull_request(&self, repository: &Repository, number: u32) -> Response {
        let Some(pull) = repository.pull_request(number) else {
            return Response::not_found();
        };
        let mut json = self.renderer.json(32_768);
        json.object(|json| {
            self.renderer
                .pull_request(json, repository, pull, PullRequestForm::Whole, Viewer::Api);
        });
        Response::json(200, json.into_text())
    }

    pub(super) fn list_reviews(
        &self,
        request: &Request,
        repository: &Repository,
        number: u32,
    ) -> Response {
        let Some(pull) = repository.pull_request(number) else {
            return Response::not_found();
        };
        let (base, id) = (self.base(request), repository.id);
        let address = format!("{base}/repositories/{id}/pulls/{number}/reviews");
        let json = self.renderer.json(8_192);
        Page::of(request).answer(request, &address, &pull.reviews, json, |json, review| {
            json.object(|json| {
                self.renderer
                    .review(json, repository, number, review, Viewer::Api);
            });
        })
    }

    pub(super) fn list_timeline(
        &self,
        request: &Request,
        repository: &Repository,
        number: u32,
    ) -> Response {
        let slot = repository.slot(number);
        let Some((slot, thread)) = slot.and_then(|slot| Some((slot, slot.thread()?))) else {
            return self.no_issue(request, slot, "/timeline");
        };
        let shown: Vec<usize> = (0..thread.timeline.len())
            .filter(|index| is_shown(thread, *index))
            .collect();
        let (base, id) = (self.base(request), repository.id);
        let address = format!("{base}/repositories/{id}/issues/{number}/timeline");
        let json = self.renderer.json(32_768);
        Page::of(request).answer(request, &address, &shown, json, |json, index| {
            let entry = &thread.timeline[*index];
            self.renderer.timeline_entry(json, repository, slot, entry);
        })
    }
}
