//! Lists in pages, with GitHub's `Link` header.

use super::{Request, Response};
use crate::json::Json;
use std::fmt::Write;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    number: usize,
    size: usize,
}

const DEFAULT_SIZE: usize = 30;
const GREATEST_SIZE: usize = 100;

impl Page {
    pub(super) fn of(request: &Request) -> Self {
        let wanted = |key| {
            let value = request.parameter(key)?.parse::<usize>().ok()?;
            (value > 0).then_some(value)
        };
        Self {
            number: wanted("page").unwrap_or(1),
            size: wanted("per_page")
                .unwrap_or(DEFAULT_SIZE)
                .min(GREATEST_SIZE),
        }
    }

    /// The answer with this page of `items`, each rendered by `render`.
    pub(super) fn answer<T>(
        self,
        request: &Request,
        address: &str,
        items: &[T],
        mut json: Json,
        mut render: impl FnMut(&mut Json, &T),
    ) -> Response {
        let first = (self.number - 1).saturating_mul(self.size).min(items.len());
        let end = (first + self.size).min(items.len());
        json.array(|json| {
            for item in &items[first..end] {
                render(json, item);
            }
        });
        let mut response = Response::json(200, json.into_text());
        let last = items.len().div_ceil(self.size);
        if let Some(link) = self.link(request, address, last) {
            response.headers.push(("link", link));
        }
        response
    }

    /// `None` where all fits on one page.
    fn link(self, request: &Request, address: &str, last: usize) -> Option<String> {
        let mut relations = Vec::new();
        if self.number > 1 {
            relations.push((self.number - 1, "prev"));
        }
        if self.number < last {
            relations.push((self.number + 1, "next"));
            relations.push((last, "last"));
        }
        if self.number > 1 {
            relations.push((1, "first"));
        }
        if relations.is_empty() {
            return None;
        }
        let mut query = String::new();
        for (key, value) in request.query.iter().filter(|pair| pair.0 != "page") {
            let _ = write!(
                query,
                "{key}={}&",
                value.replace(':', "%3A").replace('+', "%2B")
            );
        }
        let links: Vec<String> = relations
            .into_iter()
            .map(|(page, relation)| format!("<{address}?{query}page={page}>; rel=\"{relation}\""))
            .collect();
        Some(links.join(", "))
    }
}
