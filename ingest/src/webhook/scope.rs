//! Whose deliveries a secret vouches for.
//!
//! A secret belongs to a source, and a source to an owner. Who knows the secret of one owner must not
//! tell of another's repositories, whatever the payload says. A payload names its owner in up to five
//! places ([`Parties`]), and all that it names must be the source's own:
//!
//! - **A source with an owner** speaks for that login, compared without case. A repository must name
//!   its owner. What names nobody (the ping of an App, say) is nobody else's and is taken; what names
//!   an enterprise alone is not: an enterprise is more than one owner.
//! - **A source without an owner** speaks for everybody but those that another source of its host
//!   names and has a secret for. What it tells of a repository must name the owner where there are any
//!   such.
//!
//! Sources may share a secret (an App's hook covers many owners): it vouches for what any of them
//! speaks for.
//!
//! Logins can be changed and are then free for others; ids are for ever. So the first id that comes
//! with an owner's login is kept until the process ends, and the login with another id is refused. It
//! only ever narrows what the login allows: were a new login believed for an old id, who knows the
//! secret could first claim another's id under the own login and then speak under the other's. After
//! a renaming the configuration has to be told the new login; until then its deliveries are refused,
//! and GitHub lists them.
//!
//! What this cannot know is which repository is whose: who has an owner's secret can tell of any
//! repository id as one of that owner's, as GitHub does after a transfer.

use crate::source::SourceConfig;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// Id and name of a repository, user or organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) id: Option<i64>,
    pub(super) name: Option<String>,
}

impl Named {
    pub(super) fn is_told(&self) -> bool {
        self.id.is_some() || self.name.is_some()
    }
}

/// Everybody whom a payload names as the one whose event it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parties<'a> {
    /// None where the payload has no repository.
    pub(super) repository: Option<&'a Named>,
    pub(super) repository_owner: &'a Named,
    pub(super) organization: &'a Named,
    pub(super) accounts: &'a [Named],
    pub(super) is_of_enterprise: bool,
}

impl<'a> Parties<'a> {
    fn accounts(self) -> impl Iterator<Item = &'a Named> {
        let first = [self.repository_owner, self.organization];
        let all = first.into_iter().chain(self.accounts);
        all.filter(|named| named.is_told())
    }

    /// The owner in `owner/name`.
    fn in_full_name(self) -> Option<&'a str> {
        let name = self.repository?.name.as_deref()?;
        Some(name.split_once('/').map_or(name, |(owner, _)| owner))
    }

    fn ids(self) -> impl Iterator<Item = i64> {
        self.accounts().filter_map(|named| named.id)
    }

    /// All names, or none where somebody is told without one.
    fn names(self) -> Option<Vec<&'a str>> {
        let names = self.accounts().map(|named| named.name.as_deref());
        let mut names = names.collect::<Option<Vec<_>>>()?;
        names.extend(self.in_full_name());
        Some(names)
    }

    fn repository_names_its_owner(self) -> bool {
        self.repository.is_none()
            || self.repository_owner.name.is_some()
            || self.in_full_name().is_some()
    }

    /// Whether one login has two ids, or one id two logins.
    pub(super) fn contradict_each_other(self) -> bool {
        self.accounts().any(|one| {
            self.accounts().any(|other| {
                let logins = one.name.as_ref().zip(other.name.as_ref());
                let ids = one.id.zip(other.id);
                let same_login = logins.map(|(one, other)| one.eq_ignore_ascii_case(other));
                let same_id = ids.map(|(one, other)| one == other);
                same_login
                    .zip(same_id)
                    .is_some_and(|(login, id)| login != id)
            })
        })
    }
}

/// Whose deliveries one source speaks for.
#[derive(Debug)]
pub(super) enum Scope {
    /// Those of one owner.
    Owner {
        login: String,
        /// The first id that came with the login; 0 before.
        id: AtomicI64,
    },
    /// Those of everybody but these logins, in lower case.
    AllBut(BTreeSet<String>),
}

impl Scope {
    /// The scope of `source`, one of `sources`.
    pub(super) fn new(source: &SourceConfig, sources: &[SourceConfig]) -> Self {
        match &source.owner {
            Some(login) => Self::Owner {
                login: login.clone(),
                id: AtomicI64::new(0),
            },
            None => {
                let others = sources.iter().filter(|other| {
                    other.host.eq_ignore_ascii_case(&source.host) && other.has_secret()
                });
                let logins = others.filter_map(|other| other.owner.as_ref());
                Self::AllBut(logins.map(|login| login.to_ascii_lowercase()).collect())
            }
        }
    }

    /// Whether the source speaks for all `parties` of a payload.
    pub(super) fn covers(&self, parties: Parties<'_>) -> bool {
        match self {
            Self::Owner { login, id } => {
                let known = match id.load(Relaxed) {
                    0 => parties.ids().next(),
                    known => Some(known),
                };
                let names = parties.names();
                let is_own = names.is_some_and(|names| {
                    names.iter().all(|name| name.eq_ignore_ascii_case(login))
                        && !(names.is_empty() && parties.is_of_enterprise)
                });
                let covers = is_own
                    && parties.repository_names_its_owner()
                    && parties.ids().all(|id| Some(id) == known);
                if let (true, Some(known)) = (covers, known) {
                    id.store(known, Relaxed);
                }
                covers
            }
            Self::AllBut(logins) => {
                let free = |names: Vec<&str>| {
                    let mut names = names.iter();
                    names.all(|name| !logins.contains(&name.to_ascii_lowercase()))
                };
                logins.is_empty()
                    || (parties.repository_names_its_owner() && parties.names().is_some_and(free))
            }
        }
    }
}
