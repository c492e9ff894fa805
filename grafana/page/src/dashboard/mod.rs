//! A dashboard file, typed: exactly the part of Grafana's classic JSON that both renderers
//! draw alike.
//!
//! Every structure refuses keys that it does not name. A file that parses here can therefore not
//! ask for something that the built-in page would silently leave out.

pub mod field;
pub mod options;
pub mod panel;
pub mod variable;

pub use field::{FieldConfig, FieldLink};
pub use panel::{Format, Panel, Target, View};
pub use variable::{Choice, Variable, VariableKind};

use serde::{Deserialize, Serialize};

/// A dashboard as its file holds it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Dashboard {
    /// Stable name in addresses and links.
    pub uid: String,
    /// What the page's navigation shows.
    pub title: String,
    /// What it answers, in a sentence.
    pub description: String,
    /// Tags; links between dashboards go by them.
    pub tags: Vec<String>,
    /// Version of Grafana's classic schema.
    pub schema_version: u32,
    /// Counts editions of the file for Grafana's provisioning.
    pub version: u32,
    /// False in provisioned files: a change belongs into the file.
    pub editable: bool,
    /// Shared crosshair; 0 is none.
    pub graph_tooltip: u32,
    /// Time zone of days and labels; `utc`, as the figures' days are.
    pub timezone: String,
    /// First day of a week, for rounding `/w`.
    pub week_start: WeekStart,
    /// How often the page asks again: `30s`, `1m`, or empty for never.
    pub refresh: String,
    /// Time range shown unless the address says otherwise.
    pub time: TimeRange,
    /// Choices of Grafana's time picker.
    pub timepicker: Timepicker,
    /// Links to other dashboards.
    pub links: Vec<DashboardLink>,
    /// Variables.
    pub templating: Templating,
    /// Panels, in reading order.
    pub panels: Vec<Panel>,
}

/// First day of a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WeekStart {
    /// ISO 8601, and ClickHouse's `dateTrunc('week', …)`.
    Monday,
}

/// A range of time as expressions, such as `now-26w/w` to `now`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRange {
    /// Begin.
    pub from: String,
    /// End.
    pub to: String,
}

/// Choices of Grafana's time picker.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Timepicker {
    /// Intervals offered for asking again.
    pub refresh_intervals: Vec<String>,
}

/// A link in a dashboard's head, to the dashboards of a tag.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DashboardLink {
    /// Kind of the link.
    #[serde(rename = "type")]
    pub kind: LinkKind,
    /// Text.
    pub title: String,
    /// Tags that a dashboard must have.
    pub tags: Vec<String>,
    /// Each dashboard by its own link rather than one menu.
    pub as_dropdown: bool,
    /// The link carries the variables.
    pub include_vars: bool,
    /// The link carries the time range.
    pub keep_time: bool,
    /// Opens elsewhere.
    pub target_blank: bool,
    /// Icon.
    pub icon: String,
    /// Shown on hover.
    pub tooltip: String,
    /// Unused by links of this kind.
    pub url: String,
}

/// Kind of a dashboard's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkKind {
    /// To all dashboards of the tags.
    Dashboards,
}

/// The variables of a dashboard.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Templating {
    /// In the order shown; a variable may use those before it.
    pub list: Vec<Variable>,
}

/// A file that is no dashboard of the allowed kind. Reaction: stop; the file has to be mended.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not JSON, a key or a value that is not allowed, or one that is missing.
    #[error("{name}: {source}")]
    Form {
        /// The file.
        name: String,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// Two panels with one id: addresses would mean either.
    #[error("{name}: panel id {id} is used twice")]
    PanelTwice {
        /// The file.
        name: String,
        /// The id.
        id: u32,
    },
    /// A panel with several queries: the built-in page joins none.
    #[error("{name}: panel {id} needs exactly one query, it has {count}")]
    Targets {
        /// The file.
        name: String,
        /// The panel.
        id: u32,
        /// How many it has.
        count: usize,
    },
}

impl Dashboard {
    /// Reads the file `name`.
    ///
    /// # Errors
    /// Whatever is not allowed, see [`Refused`].
    pub fn parse(name: &str, text: &str) -> Result<Self, Refused> {
        let dashboard: Self = serde_json::from_str(text).map_err(|source| Refused::Form {
            name: name.into(),
            source,
        })?;
        let mut seen = std::collections::BTreeSet::new();
        for panel in dashboard.all_panels() {
            if !seen.insert(panel.id) {
                return Err(Refused::PanelTwice {
                    name: name.into(),
                    id: panel.id,
                });
            }
            if panel.targets.len() != usize::from(panel.view.asks()) {
                return Err(Refused::Targets {
                    name: name.into(),
                    id: panel.id,
                    count: panel.targets.len(),
                });
            }
        }
        Ok(dashboard)
    }

    /// Every panel, those inside collapsed rows too.
    pub fn all_panels(&self) -> impl Iterator<Item = &Panel> {
        self.panels
            .iter()
            .flat_map(|panel| std::iter::once(panel).chain(panel.panels.iter()))
    }

    /// The panel with this id.
    pub fn panel(&self, id: u32) -> Option<&Panel> {
        self.all_panels().find(|panel| panel.id == id)
    }
}
