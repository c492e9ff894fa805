//! The dashboards that the binary holds.

use crate::dashboard::{Dashboard, Refused};

/// Files under `grafana/dashboards/`, in the navigation's order.
const FILES: [(&str, &str); 4] = [
    (
        "overview.json",
        include_str!("../../dashboards/overview.json"),
    ),
    (
        "pull-requests.json",
        include_str!("../../dashboards/pull-requests.json"),
    ),
    ("issues.json", include_str!("../../dashboards/issues.json")),
    (
        "completeness.json",
        include_str!("../../dashboards/completeness.json"),
    ),
];

/// Every dashboard, parsed.
#[derive(Debug)]
pub struct Library {
    dashboards: Vec<Dashboard>,
}

impl Library {
    /// Parses the files that the binary holds.
    ///
    /// # Errors
    /// A file that is not allowed; a test keeps such a binary from being built.
    pub fn load() -> Result<Self, Refused> {
        let dashboards = FILES
            .iter()
            .map(|(name, text)| Dashboard::parse(name, text))
            .collect::<Result<_, _>>()?;
        Ok(Self { dashboards })
    }

    /// The dashboards, in the navigation's order.
    pub fn dashboards(&self) -> &[Dashboard] {
        &self.dashboards
    }

    /// The dashboard with this uid.
    pub fn dashboard(&self, uid: &str) -> Option<&Dashboard> {
        self.dashboards
            .iter()
            .find(|dashboard| dashboard.uid == uid)
    }
}
