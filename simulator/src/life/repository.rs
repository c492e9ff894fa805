//! Repositories come, change their names, rest.

use super::{DAY_SECONDS, words};
use crate::oddity::Oddity;
use crate::render::{DEFAULT_BRANCH, RELEASE_BRANCH};
use crate::repository::{Repository, Slot, first_labels};
use crate::world::{Wake, World};
use std::collections::BTreeMap;
use std::sync::OnceLock;

impl World {
    /// Plans what happens to repositories: most are there from the first minutes, the rest come
    /// during the first quarter; one is renamed, its name is taken by a new one, one is archived.
    pub(crate) fn plan_repositories(&mut self) {
        let start = self.now;
        let wanted = self.options().repositories.max(1);
        // A reused name needs a repository of its own, which counts among the wanted ones.
        let reuses = wanted >= 6;
        let created = if reuses { wanted - 1 } else { wanted };
        let span = i64::from(self.options().span_days.max(1)) * DAY_SECONDS;
        let first = (created * 3).div_ceil(5);
        for index in 0..created {
            let after = if index < first {
                1 + index as i64
            } else {
                self.chance.between(60, (span / 4).max(60))
            };
            self.plan(start.plus_seconds(after), Wake::Create);
        }
        for index in 0..created.min(3) {
            let after = self.chance.between(span / 10, span);
            self.plan(start.plus_seconds(after), Wake::Describe(index));
        }
        if created >= 2 {
            self.plan(start.plus_seconds(span * 2 / 5), Wake::Rename(1));
        }
        if reuses {
            self.plan(start.plus_seconds(span / 2), Wake::ReuseName(1));
        }
        if created >= 5 {
            let last = created - 1;
            self.plan(start.plus_seconds(span * 4 / 5), Wake::Archive(last));
        }
    }

    pub(crate) fn create_repository(&mut self, name: Option<String>) {
        let index = self.repositories.len();
        let id = 258_840_104 + 7_919 * index as u64 + self.chance.between(1, 7_000) as u64;
        let head = self.chance.sha();
        let labels = self.chance.between(9, 14) as usize;
        let name = name.unwrap_or_else(|| words::repository_name(index));
        let at = self.second();
        let first_label_id = self.new_id();
        self.repositories.push(Repository {
            id,
            description: format!("The {name} repository"),
            name,
            former_names: Vec::new(),
            language: words::language(index),
            private: index % 3 == 2,
            archived: false,
            created_at: at,
            updated_at: at,
            pushed_at: at,
            open_items: 0,
            deleted: false,
            default_branch: DEFAULT_BRANCH.to_owned(),
            labels: first_labels(labels, first_label_id * 100),
            milestones: Vec::new(),
            slots: Vec::new(),
            heads: BTreeMap::from([
                (DEFAULT_BRANCH.to_owned(), head.clone()),
                (RELEASE_BRANCH.to_owned(), head),
            ]),
            rendered: OnceLock::new(),
        });
        self.tell_repository(index, "created", None);
    }

    pub(crate) fn describe_repository(&mut self, index: usize) {
        let from = self.change_repository(index, |repository| {
            let description = format!("{}, explained better", repository.description);
            std::mem::replace(&mut repository.description, description)
        });
        if let Some(from) = from {
            self.tell_repository(index, "edited", Some(("description", &from)));
        }
    }

    pub(crate) fn rename_repository(&mut self, index: usize) {
        let from = self.change_repository(index, |repository| {
            let from = repository.name.clone();
            repository.name = format!("{from}-service");
            repository.former_names.push(from.clone());
            from
        });
        if let Some(from) = from {
            self.tell_repository(index, "renamed", Some(("repository", &from)));
        }
    }

    pub(crate) fn reuse_name(&mut self, index: usize) {
        let name = self.repositories[index].former_names.first().cloned();
        self.create_repository(name);
    }

    pub(crate) fn archive_repository(&mut self, index: usize) {
        let archived = self.change_repository(index, |repository| repository.archived = true);
        if archived.is_some() {
            self.tell_repository(index, "archived", None);
        }
    }

    /// Makes another branch the default one, which moves no `updated_at`.
    pub(crate) fn change_default_branch(&mut self) {
        let Some(index) = self.some_active_repository() else {
            return;
        };
        let repository = &mut self.repositories[index];
        let to = if repository.default_branch == DEFAULT_BRANCH {
            RELEASE_BRANCH
        } else {
            DEFAULT_BRANCH
        };
        let from = std::mem::replace(&mut repository.default_branch, to.to_owned());
        repository.changed();
        self.tell_repository(index, "edited", Some(("default_branch", &from)));
        self.happened(Oddity::DefaultBranchChanged);
        if self.chance.happens(0.3) {
            let after = self.chance.between(1, 120);
            let again = Wake::Odd(Oddity::DefaultBranchChanged);
            self.plan(self.now.plus_seconds(after), again);
        }
    }

    /// Deletes a repository, to be restored after some more deliveries of others.
    pub(crate) fn delete_repository(&mut self, rounds: usize) {
        let is_alone = self.repositories.iter().filter(|it| it.is_active()).count() < 2;
        let Some(index) = self.some_active_repository().filter(|_| !is_alone) else {
            return;
        };
        self.tell_repository(index, "deleted", None);
        self.repositories[index].deleted = true;
        let after = self.progress() + 0.08 / rounds as f64;
        self.defer(after.min(0.95), Wake::Restore(index));
    }

    /// Gives a deleted repository back, as it was; GitHub tells nobody.
    pub(crate) fn restore_repository(&mut self, index: usize) {
        self.repositories[index].deleted = false;
        self.happened(Oddity::RepositoryRestored);
    }

    fn some_active_repository(&mut self) -> Option<usize> {
        let all = self.repositories.iter().enumerate();
        let active: Vec<usize> = all
            .filter(|(_, repository)| repository.is_active())
            .map(|(index, _)| index)
            .collect();
        (!active.is_empty()).then(|| self.chance.pick(&active))
    }

    fn change_repository<T>(
        &mut self,
        index: usize,
        change: impl FnOnce(&mut Repository) -> T,
    ) -> Option<T> {
        let second = self.second();
        let repository = self.repositories.get_mut(index)?;
        let told = change(repository);
        repository.updated_at = second;
        repository.changed();
        Some(told)
    }

    fn tell_repository(
        &mut self,
        index: usize,
        action: &'static str,
        changed_from: Option<(&str, &str)>,
    ) {
        let sender = self.chance.index(self.renderer.accounts.people);
        let repository = &self.repositories[index];
        let body = self
            .renderer
            .repository_event(action, repository, sender, |json| match changed_from {
                Some(("repository", from)) => json.object_at("changes", |json| {
                    json.object_at("repository", |json| {
                        json.object_at("name", |json| json.text("from", from));
                    });
                }),
                Some((key, from)) => json.object_at("changes", |json| {
                    json.object_at(key, |json| json.text("from", from));
                }),
                None => {}
            });
        let id = repository.id;
        self.send("repository", Some(action), (Some(id), None), body);
    }

    /// A repository in which someone opens something: the first ones are the busiest.
    pub(crate) fn busy_repository(&mut self) -> Option<usize> {
        let weights: Vec<(usize, f64)> = self
            .repositories
            .iter()
            .enumerate()
            .filter(|(_, repository)| repository.is_active())
            .map(|(index, _)| (index, 1.0 / (1.0 + index as f64 * 0.35)))
            .collect();
        self.chance.weighted(&weights)
    }

    pub(crate) fn take_number_for_discussion(&mut self, repository: usize) {
        self.repositories[repository].slots.push(Slot::Discussion);
    }

    /// Counts an item that opened (1) or closed (−1).
    pub(crate) fn count_open_items(&mut self, repository: usize, difference: i64) {
        let repository = &mut self.repositories[repository];
        repository.open_items += difference;
        repository.changed();
    }
}
