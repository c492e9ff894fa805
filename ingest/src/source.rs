//! What Gapless listens to: one entry for each hook or owner, from the configuration.

use std::fmt;

/// A text that no log, error or debug print ever shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One GitHub host, and one owner of repositories on it or (where `owner` is none) all of them.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// Host as in a repository's web address, lower case: `github.com`, or a GHES's name.
    pub host: String,
    /// Organisation or user whose repositories are polled; none: webhooks only.
    pub owner: Option<String>,
    /// Live webhook secrets: during a rotation the old and the new one. They vouch for this owner's
    /// deliveries; without an owner, for those of all owners of the host that no other source with a
    /// secret names. An App's hook covers many owners: its secret stands in a source without one, or
    /// in the sources of all of them.
    pub secrets: Vec<Secret>,
    /// Base of the REST API: `https://api.github.com`, or `https://HOST/api/v3` for a GHES.
    pub api_base_url: String,
    /// Token for the API; none: anonymous, public repositories only.
    pub token: Option<Secret>,
}

impl SourceConfig {
    /// Whether anything vouches for its deliveries: an empty secret does not.
    pub fn has_secret(&self) -> bool {
        self.secrets
            .iter()
            .any(|secret| !secret.expose().is_empty())
    }
}

/// The host of deliveries that carry no `X-GitHub-Enterprise-Host`.
pub const PUBLIC_HOST: &str = "github.com";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let source = SourceConfig {
            host: PUBLIC_HOST.into(),
            owner: None,
            secrets: vec![Secret::new("hush")],
            api_base_url: "https://api.github.com".into(),
            token: Some(Secret::new("hush")),
        };
        assert!(!format!("{source:?}").contains("hush"));
    }
}
