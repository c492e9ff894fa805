//! Lists that come in pages, followed by their `Link` headers.

use super::{Answer, GitHub, TransportError};
use gapless_schemas::Timestamp;
use serde_json::value::RawValue;

/// Why a list could not be read whole.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// Reaction: ask again later, from the first page.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A page was answered with another status than 200. Reaction: the caller's.
    #[error("{path} was answered with {status}")]
    Status {
        /// What was asked for.
        path: String,
        /// The status.
        status: u16,
    },
    /// A page is no JSON list. Reaction: ask again later, from the first page.
    #[error("{path} was answered with something that is no list: {reason}")]
    NotAList {
        /// What was asked for.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// A list that goes on for longer than this runs in a circle; 100 items a page.
const PAGES_MAX: usize = 10_000;
/// The same where the whole list is held in memory.
const PAGES_HELD_MAX: usize = 1_000;

/// A list, read page by page.
pub struct Pages<'a, G> {
    github: &'a G,
    next: Option<String>,
    read: usize,
    first_answered_at: Option<Timestamp>,
}

impl<'a, G: GitHub> Pages<'a, G> {
    /// The list that begins at `first_path`.
    pub fn new(github: &'a G, first_path: String) -> Self {
        Self {
            github,
            next: Some(first_path),
            read: 0,
            first_answered_at: None,
        }
    }

    /// When the first page was answered, by GitHub's own clock (its `Date`).
    pub fn first_answered_at(&self) -> Option<Timestamp> {
        self.first_answered_at
    }

    /// The next page's items, as GitHub sent them; none after the last page.
    ///
    /// # Errors
    /// See [`PagesError`]; the list has not been read whole then.
    pub async fn next(&mut self) -> Result<Option<Vec<Box<RawValue>>>, PagesError> {
        let Some(path) = self.next.take() else {
            return Ok(None);
        };
        self.read += 1;
        if self.read > PAGES_MAX {
            let reason = "it has no end".into();
            return Err(PagesError::NotAList { path, reason });
        }
        let answer = self.github.get(&path).await?;
        if self.read == 1 {
            self.first_answered_at = answer.date();
        }
        if answer.status != 200 {
            let status = answer.status;
            return Err(PagesError::Status { path, status });
        }
        let items = serde_json::from_slice(&answer.body).map_err(|error| PagesError::NotAList {
            path,
            reason: error.to_string(),
        })?;
        self.next = next_path(&answer);
        Ok(Some(items))
    }
}

/// A list that was read whole.
#[derive(Debug)]
pub struct WholeList {
    /// Every item of every page, in GitHub's order.
    pub items: Vec<Box<RawValue>>,
    /// See [`Pages::first_answered_at`].
    pub first_answered_at: Option<Timestamp>,
}

/// Reads every page of a list.
///
/// # Errors
/// See [`PagesError`]; then nothing is returned, since half a list proves nothing.
pub async fn all_pages(github: &impl GitHub, first_path: String) -> Result<WholeList, PagesError> {
    let mut pages = Pages::new(github, first_path.clone());
    let mut items = Vec::new();
    while let Some(page) = pages.next().await? {
        items.extend(page);
        if pages.read > PAGES_HELD_MAX {
            let (path, reason) = (first_path, "it is too long".into());
            return Err(PagesError::NotAList { path, reason });
        }
    }
    let first_answered_at = pages.first_answered_at();
    Ok(WholeList {
        items,
        first_answered_at,
    })
}

/// The path of the `rel="next"` link.
fn next_path(answer: &Answer) -> Option<String> {
    answer.header("link")?.split(',').find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        parameters
            .split(';')
            .any(|parameter| parameter.trim() == "rel=\"next\"")
            .then(|| path_of(address).map(str::to_owned))?
    })
}

/// Path and query of an address that GitHub gave, relative to the API's base. Only these are
/// used: our credential goes to the base that is configured, wherever an answer points to.
pub fn path_of(address: &str) -> Option<&str> {
    let path = match address.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => address,
    };
    // A GHES serves its API below this path.
    let path = match path.strip_prefix("/api/v3") {
        Some(below) if below.starts_with('/') => below,
        _ => path,
    };
    path.starts_with('/').then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_and_made_relative() {
        let table = [
            (
                r#"<https://api.github.com/repositories/1/issues?page=2>; rel="next", <https://api.github.com/x?page=9>; rel="last""#,
                Some("/repositories/1/issues?page=2"),
            ),
            (
                r#"<https://h/api/v3/x?page=1>; rel="prev", <https://h/api/v3/x?page=3>; rel="next""#,
                Some("/x?page=3"),
            ),
            (r#"<https://h/x?page=1>; rel="first""#, None),
            ("", None),
            ("nonsense, <", None),
        ];
        for (link, next) in table {
            let answer = Answer {
                headers: [("link".to_owned(), link.to_owned())].into(),
                ..Answer::default()
            };
            assert_eq!(next_path(&answer).as_deref(), next, "{link}");
        }
    }

    #[test]
    fn an_address_without_a_path_leads_nowhere() {
        for address in ["", "https://h", "repos/x"] {
            assert_eq!(path_of(address), None);
        }
        assert_eq!(path_of("https://h/api/v3"), Some("/api/v3"));
        assert_eq!(path_of("/repositories/1"), Some("/repositories/1"));
    }
}
