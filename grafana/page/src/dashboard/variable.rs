//! Variables of a dashboard.

use super::panel::{DataSourceRef, EditorType};
use serde::{Deserialize, Serialize};

/// A variable.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Variable {
    /// Its name in queries and addresses (`var-NAME`).
    pub name: String,
    /// Kind.
    #[serde(rename = "type")]
    pub kind: VariableKind,
    /// What the bar shows.
    pub label: String,
    /// What it does, in a sentence.
    #[serde(default)]
    pub description: String,
    /// 0: shown; 2: hidden.
    pub hide: u32,
    /// False: the address holds the selection.
    pub skip_url_sync: bool,
    /// Selected unless the address says otherwise.
    pub current: Current,
    /// Several values at once.
    pub multi: bool,
    /// All values at once.
    pub include_all: bool,
    /// Where the values come from.
    #[serde(skip_serializing)]
    pub query: VariableSource,
    /// Who answers a query.
    #[serde(default, skip_serializing)]
    pub datasource: Option<DataSourceRef>,
    /// The query's text once more, for Grafana's list of variables.
    #[serde(default, skip_serializing)]
    pub definition: Option<String>,
    /// 1: asked when the dashboard loads; 2: also when the time range changes.
    #[serde(default, skip_serializing)]
    pub refresh: Option<u32>,
    /// Filter on names; empty.
    #[serde(default, skip_serializing)]
    pub regex: Option<Empty>,
    /// 0: in the query's order.
    #[serde(default, skip_serializing)]
    pub sort: Option<u32>,
    /// A custom variable's values; empty for others.
    #[serde(default)]
    pub options: Vec<Choice>,
}

/// Kind of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VariableKind {
    /// Which data source; the page has one and hides it.
    Datasource,
    /// Listed by a query.
    Query,
    /// Listed in the file.
    Custom,
}

/// Where a variable's values come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum VariableSource {
    /// A query.
    Sql(VariableQuery),
    /// A plugin's name, or a custom variable's `text : value, …`.
    Text(String),
}

/// The empty text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Empty;

impl TryFrom<String> for Empty {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            Ok(Self)
        } else {
            Err("a filter on names is not allowed")
        }
    }
}

/// Query of a variable.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VariableQuery {
    /// Its name.
    pub ref_id: String,
    /// Always `sql`.
    pub query_type: EditorType,
    /// Always `sql`.
    pub editor_type: EditorType,
    /// The statement: one column, or value and text.
    pub raw_sql: String,
}

/// One listed value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Selected at first.
    #[serde(default, skip_serializing)]
    pub selected: bool,
    /// What is shown.
    pub text: String,
    /// What queries get.
    pub value: String,
}

/// What is selected.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Current {
    /// Grafana's mark.
    #[serde(skip_serializing)]
    pub selected: bool,
    /// What is shown.
    pub text: CurrentValue,
    /// What queries get; `$__all` for all.
    pub value: CurrentValue,
}

/// One value or several.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum CurrentValue {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Default for CurrentValue {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl CurrentValue {
    /// The values.
    pub fn values(&self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value.clone()],
            Self::Several(values) => values.clone(),
        }
    }
}

impl Variable {
    /// The statement that lists its values, where a query does.
    pub fn sql(&self) -> Option<&str> {
        match &self.query {
            VariableSource::Sql(query) => Some(&query.raw_sql),
            VariableSource::Text(_) => None,
        }
    }
}
