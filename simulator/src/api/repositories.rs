//! Repositories, by name, by former name and by id.

use super::pages::Page;
use super::{Request, Response};
use crate::render::RepositoryForm;
use crate::repository::Repository;
use crate::world::World;

impl World {
    pub(super) fn repository_of_id(&self, id: u64) -> Option<&Repository> {
        self.repositories
            .iter()
            .find(|repository| repository.id == id && !repository.deleted)
    }

    pub(super) fn list_repositories(&self, request: &Request, organisation: &str) -> Response {
        if !self.is_the_organisation(organisation) {
            return Response::not_found();
        }
        let all = self.repositories.iter();
        let mut repositories: Vec<&Repository> = all.filter(|it| !it.deleted).collect();
        repositories.sort_by_key(|repository| (repository.created_at, repository.id));
        let base = self.base(request);
        let address = format!(
            "{base}/organizations/{}/repos",
            self.options().organisation_id
        );
        let json = self.renderer.json(65_536);
        Page::of(request).answer(
            request,
            &address,
            &repositories,
            json,
            |json, repository| {
                json.object(|json| {
                    self.renderer
                        .repository(json, repository, RepositoryForm::Base);
                });
            },
        )
    }

    /// Answers below `/repos/{owner}/{name}`. A former name that nobody took since leads on to the
    /// repository's id.
    pub(super) fn below_name(
        &self,
        request: &Request,
        owner: &str,
        name: &str,
        rest: &[&str],
    ) -> Response {
        if !self.is_the_organisation(owner) {
            return Response::not_found();
        }
        let mut repositories = self.repositories.iter();
        if let Some(repository) =
            repositories.find(|repository| repository.name.eq_ignore_ascii_case(name))
        {
            if repository.deleted {
                return Response::not_found();
            }
            return self.below_repository(request, repository, rest);
        }
        let renamed = self.repositories.iter().find(|repository| {
            let mut names = repository.former_names.iter();
            names.any(|former| former.eq_ignore_ascii_case(name))
        });
        let Some(repository) = renamed else {
            return Response::not_found();
        };
        let mut location = format!("{}/repositories/{}", self.base(request), repository.id);
        for segment in rest {
            location.push('/');
            location.push_str(segment);
        }
        Response::moved(&location)
    }

    /// Answers below a repository, by whichever address it was found.
    pub(super) fn below_repository(
        &self,
        request: &Request,
        repository: &Repository,
        rest: &[&str],
    ) -> Response {
        match rest {
            [] => {
                let mut json = self.renderer.json(12_288);
                json.object(|json| {
                    self.renderer
                        .repository(json, repository, RepositoryForm::Api);
                });
                Response::json(200, json.into_text())
            }
            ["issues"] => self.list_issues(request, repository),
            ["issues", number] => {
                self.with_number(number, |number| self.get_issue(request, repository, number))
            }
            ["issues", number, "timeline"] => self.with_number(number, |number| {
                self.list_timeline(request, repository, number)
            }),
            ["pulls", number] => {
                self.with_number(number, |number| self.get_pull_request(repository, number))
            }
            ["pulls", number, "reviews"] => self.with_number(number, |number| {
                self.list_reviews(request, repository, number)
            }),
            _ => Response::not_found(),
        }
    }

    fn with_number(&self, text: &str, answer: impl FnOnce(u32) -> Response) -> Response {
        text.parse().map_or_else(|_| Response::not_found(), answer)
    }

    fn is_the_organisation(&self, login: &str) -> bool {
        login.eq_ignore_ascii_case(&self.options().organisation_login)
    }
}
