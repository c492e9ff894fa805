//! Labels and milestones, in items and in webhooks of their own.

use super::{Renderer, node_id};
use crate::item::Thread;
use crate::json::Json;
use crate::repository::Repository;

impl Renderer {
    pub(super) fn labels(&self, json: &mut Json, repository: &Repository, labels: &[usize]) {
        let address = self.repository_address(repository);
        json.array_at("labels", |json| {
            for label in labels {
                json.object(|json| label_members(json, repository, &address, *label));
            }
        });
    }

    /// A label under `label`, as `labeled` and `unlabeled` carry it.
    pub(crate) fn label(&self, json: &mut Json, repository: &Repository, label: usize) {
        let address = self.repository_address(repository);
        json.object_at("label", |json| {
            label_members(json, repository, &address, label);
        });
    }

    /// The item's milestone under `milestone`, or null.
    pub(super) fn milestone_of(&self, json: &mut Json, repository: &Repository, thread: &Thread) {
        match thread.milestone {
            Some(milestone) => self.milestone(json, repository, milestone),
            None => json.null("milestone"),
        }
    }

    /// A milestone under `milestone`, as `milestoned` and `demilestoned` carry it.
    pub(crate) fn milestone(&self, json: &mut Json, repository: &Repository, place: usize) {
        let address = self.repository_address(repository);
        let number = place + 1;
        let milestone = &repository.milestones[place];
        let page = format!("{}/{}", self.html, self.full_name(repository));
        json.object_at("milestone", |json| {
            json.address("url", format_args!("{address}/milestones/{number}"));
            json.address("html_url", format_args!("{page}/milestone/{number}"));
            json.address(
                "labels_url",
                format_args!("{address}/milestones/{number}/labels"),
            );
            json.number("id", milestone.id);
            json.text("node_id", node_id("Milestone", milestone.id));
            json.number("number", number as u64);
            json.text("title", &milestone.title);
            json.null("description");
            json.raw("creator", self.user(milestone.creator));
            json.number("open_issues", 1);
            json.number("closed_issues", 0);
            json.text("state", "open");
            json.time("created_at", milestone.created_at);
            json.time("updated_at", milestone.updated_at);
            json.null("due_on");
            json.null("closed_at");
        });
    }
}

fn label_members(json: &mut Json, repository: &Repository, address: &str, label: usize) {
    let label = &repository.labels[label];
    json.number("id", label.id);
    json.text("node_id", node_id("Label", label.id));
    json.address(
        "url",
        format_args!("{address}/labels/{}", label.name.replace(' ', "%20")),
    );
    json.text("name", &label.name);
    json.text("color", label.colour);
    json.truth("default", label.default);
    json.text_or_null(
        "description",
        (!label.description.is_empty()).then_some(label.description),
    );
}
