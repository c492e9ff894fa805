//! GitHub's JSON from the world's state: the same keys as recorded payloads have.

mod issue;
mod label;
mod pull_request;
mod repository;
mod timeline;
mod webhook;

use crate::account::Accounts;
use crate::json::Json;
use crate::options::{Options, PayloadForm};
use crate::repository::Repository;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

pub(crate) use issue::Comment;
pub(crate) use pull_request::PullRequestForm;
pub(crate) use repository::{DEFAULT_BRANCH, RELEASE_BRANCH, RepositoryForm, visibility};
pub(crate) use timeline::{can_be_dismissed, is_shown};
pub(crate) use webhook::Push;

/// Who is shown the JSON: GitHub tells a webhook and an API caller different things about some
/// fields that do not depend on the entity alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Viewer {
    Webhook,
    Api,
}

/// All that rendering reads besides the entity itself.
#[derive(Debug)]
pub(crate) struct Renderer {
    pub(crate) options: Options,
    pub(crate) accounts: Accounts,
    pub(crate) html: String,
    pub(crate) api: String,
}

impl Renderer {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            html: options.html_base(),
            api: options.api_base(),
            accounts: Accounts::new(&options),
            options,
        }
    }

    pub(crate) fn json(&self, capacity: usize) -> Json {
        Json::new(self.options.payload == PayloadForm::Complete, capacity)
    }

    pub(crate) fn user(&self, account: usize) -> &str {
        &self.accounts.members[account].json
    }

    pub(crate) fn full_name(&self, repository: &Repository) -> String {
        format!("{}/{}", self.options.organisation_login, repository.name)
    }

    /// The API's address of a repository.
    pub(crate) fn repository_address(&self, repository: &Repository) -> String {
        format!(
            "{}/repos/{}/{}",
            self.api, self.options.organisation_login, repository.name
        )
    }

    fn users(&self, json: &mut Json, key: &str, accounts: &[usize]) {
        json.array_at(key, |json| {
            for account in accounts {
                json.raw_element(self.user(*account));
            }
        });
    }

    /// How the author stands to the repository: webhooks, seen by nobody in particular, say less.
    fn author_association(&self, author: usize, viewer: Viewer) -> &'static str {
        match (viewer, author < self.accounts.people) {
            (Viewer::Webhook, _) => "CONTRIBUTOR",
            (Viewer::Api, true) => "MEMBER",
            (Viewer::Api, false) => "NONE",
        }
    }
}

/// GitHub's older form of a node id: base64 of the type's and id's length, type and id.
pub(crate) fn node_id(kind: &str, id: u64) -> String {
    let plain = format!("0{}:{kind}{id}", kind.len());
    Base64Display::new(plain.as_bytes(), &STANDARD).to_string()
}

/// A description with the padding that the options ask for.
pub(crate) fn padded(body: &str, padding: usize) -> Cow<'_, str> {
    if padding == 0 {
        return Cow::Borrowed(body);
    }
    const FILLER: &str =
        " The rest of this description only makes the payload as long as real ones are.\n";
    let mut text = String::with_capacity(body.len() + padding);
    text.push_str(body);
    text.extend(FILLER.chars().cycle().take(padding));
    Cow::Owned(text)
}
