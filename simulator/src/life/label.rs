//! Labels and milestones: their names change and they are deleted. GitHub tells each once, not for
//! each item that bears them, and moves no item's `updated_at`.

use crate::item::TimelineKind;
use crate::json::Json;
use crate::oddity::Oddity;
use crate::render::Renderer;
use crate::repository::{ItemKey, Milestone, Repository, Slot};
use crate::world::{Wake, World};

impl World {
    pub(super) fn rename_label(&mut self) {
        let Some((repository, label)) = self.some_borne_label(|label_renamed| !label_renamed)
        else {
            return;
        };
        let known = &mut self.repositories[repository].labels[label];
        let to = format!("{} (renamed)", known.name);
        let from = std::mem::replace(&mut known.name, to);
        known.renamed = true;
        self.tell_of(
            repository,
            "label",
            "edited",
            |renderer, repository, json| {
                renderer.label(json, repository, label);
                json.object_at("changes", |json| {
                    json.object_at("name", |json| json.text("from", from));
                });
            },
        );
        self.happened(Oddity::LabelRenamed);
    }

    pub(super) fn delete_label(&mut self) {
        // Not one that was renamed: then the new name would show nowhere.
        let Some((repository, label)) = self.some_borne_label(|label_renamed| !label_renamed)
        else {
            return;
        };
        self.tell_of(
            repository,
            "label",
            "deleted",
            |renderer, repository, json| {
                renderer.label(json, repository, label);
            },
        );
        let repository = &mut self.repositories[repository];
        repository.labels[label].deleted = true;
        for thread in repository.slots.iter_mut().filter_map(Slot::thread_mut) {
            thread.labels.retain(|borne| *borne != label);
        }
        self.happened(Oddity::LabelDeleted);
    }

    /// A label that an item bears; given to one where none fits.
    fn some_borne_label(&mut self, fits: impl Fn(bool) -> bool) -> Option<(usize, usize)> {
        let fitting = |repository: &Repository, label: usize| {
            let label = &repository.labels[label];
            !label.deleted && fits(label.renamed)
        };
        let bearer = self.some_item(|world, key, slot| {
            let repository = &world.repositories[key.repository];
            let mut labels = slot.thread().into_iter().flat_map(|it| &it.labels);
            labels.any(|label| fitting(repository, *label))
        });
        if let Some(key) = bearer {
            let repository = &self.repositories[key.repository];
            let labels = &self.thread(key).labels;
            let label = labels.iter().find(|label| fitting(repository, **label))?;
            return Some((key.repository, *label));
        }
        let key = self.some_item(|_, _, _| true)?;
        let repository = &self.repositories[key.repository];
        let label = (0..repository.labels.len()).find(|label| fitting(repository, *label))?;
        let actor = self.someone();
        self.label_as(key, label, actor);
        Some((key.repository, label))
    }

    pub(super) fn rename_milestone(&mut self) {
        let Some((repository, place)) = self.some_milestone(Oddity::MilestoneRenamed) else {
            return;
        };
        let second = self.second();
        let milestone = &mut self.repositories[repository].milestones[place];
        let to = format!("{} (moved)", milestone.title);
        let from = std::mem::replace(&mut milestone.title, to);
        milestone.renamed = true;
        milestone.updated_at = second;
        self.tell_of(
            repository,
            "milestone",
            "edited",
            |renderer, repository, json| {
                renderer.milestone(json, repository, place);
                json.object_at("changes", |json| {
                    json.object_at("title", |json| json.text("from", from));
                });
            },
        );
        self.happened(Oddity::MilestoneRenamed);
    }

    pub(super) fn delete_milestone(&mut self) {
        let Some((repository, place)) = self.some_milestone(Oddity::MilestoneDeleted) else {
            return;
        };
        self.tell_of(
            repository,
            "milestone",
            "deleted",
            |renderer, repository, json| {
                renderer.milestone(json, repository, place);
            },
        );
        let repository = &mut self.repositories[repository];
        repository.milestones[place].deleted = true;
        for thread in repository.slots.iter_mut().filter_map(Slot::thread_mut) {
            thread.milestone = thread.milestone.filter(|had| *had != place);
        }
        self.happened(Oddity::MilestoneDeleted);
    }

    /// A milestone that an item has and that was not renamed; where there is none, one is made and
    /// given to two items, and `next` comes a while later.
    fn some_milestone(&mut self, next: Oddity) -> Option<(usize, usize)> {
        let as_it_was = |world: &Self, key: ItemKey, place: usize| {
            let milestone = &world.repositories[key.repository].milestones[place];
            !milestone.renamed && !milestone.deleted
        };
        let bearer = self.some_item(|world, key, slot| {
            let milestone = slot.thread().and_then(|thread| thread.milestone);
            milestone.is_some_and(|place| as_it_was(world, key, place))
        });
        if let Some(key) = bearer {
            return Some((key.repository, self.thread(key).milestone?));
        }
        let first =
            self.some_item(|_, _, slot| slot.thread().is_some_and(|it| it.milestone.is_none()))?;
        let place = self.create_milestone(first.repository);
        self.put_under(first, place);
        let second = self.some_item(|_, key, slot| {
            let without = slot.thread().is_some_and(|it| it.milestone.is_none());
            key.repository == first.repository && without
        });
        if let Some(key) = second {
            self.put_under(key, place);
        }
        let after = self.chance.between(1, 1_800);
        self.plan(self.now.plus_seconds(after), Wake::Odd(next));
        None
    }

    fn create_milestone(&mut self, repository: usize) -> usize {
        let (id, creator, at) = (self.new_id(), self.someone(), self.second());
        let milestones = &mut self.repositories[repository].milestones;
        let place = milestones.len();
        milestones.push(Milestone {
            id,
            title: format!("Sprint {}", place + 1),
            creator,
            created_at: at,
            updated_at: at,
            renamed: false,
            deleted: false,
        });
        self.tell_of(
            repository,
            "milestone",
            "created",
            |renderer, repository, json| {
                renderer.milestone(json, repository, place);
            },
        );
        place
    }

    fn put_under(&mut self, key: ItemKey, milestone: usize) {
        let actor = self.someone();
        self.thread_mut(key).milestone = Some(milestone);
        let title = self.repositories[key.repository].milestones[milestone]
            .title
            .clone();
        self.enter(key, actor, TimelineKind::Milestoned { title });
        self.tell_item(key, "milestoned", actor, |renderer, repository, json| {
            renderer.milestone(json, repository, milestone);
        });
    }

    /// Tells of a label or milestone itself.
    fn tell_of(
        &mut self,
        repository: usize,
        event: &'static str,
        action: &'static str,
        about: impl FnOnce(&Renderer, &Repository, &mut Json),
    ) {
        let sender = self.someone();
        let repository = &self.repositories[repository];
        let renderer = &self.renderer;
        let body = renderer.repository_event(action, repository, sender, |json| {
            about(renderer, repository, json);
        });
        let id = repository.id;
        self.send(event, Some(action), (Some(id), None), body);
    }
}
