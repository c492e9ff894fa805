//! Panels: where they stand, what they ask, how they look.

use super::options::{
    BarChartOptions, GaugeOptions, StatOptions, StatusHistoryOptions, TableOptions, TextOptions,
    TimeseriesOptions,
};
use super::{FieldConfig, FieldLink};
use serde::{Deserialize, Serialize};

/// A panel. Its kind and its options are one value, so that a kind never has another's options.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "PanelFile", into = "PanelFile")]
pub struct Panel {
    /// Unique within the dashboard.
    pub id: u32,
    /// What is measured.
    pub title: String,
    /// Which date puts an item into a bucket, and what is left out.
    pub description: String,
    /// Where it stands.
    pub grid: GridPosition,
    /// Kind and options.
    pub view: View,
    /// The query; exactly one, or none where [`View::asks`] is false.
    pub targets: Vec<Target>,
    /// How fields are shown.
    pub field_config: FieldConfig,
    /// Links of the whole panel.
    pub links: Vec<FieldLink>,
    /// A row's: closed at first.
    pub collapsed: bool,
    /// A collapsed row's panels.
    pub panels: Vec<Panel>,
}

/// Kind of a panel with the options that it has.
#[derive(Clone, Debug)]
pub enum View {
    /// Markdown.
    Text(TextOptions),
    /// A heading over the panels that follow, or that it holds.
    Row,
    /// Figures.
    Stat(StatOptions),
    /// Figures on a scale.
    Gauge(GaugeOptions),
    /// Lines or bars over time.
    Timeseries(TimeseriesOptions),
    /// Bars over names.
    Barchart(BarChartOptions),
    /// Rows and columns.
    Table(TableOptions),
    /// Cells by name and time.
    StatusHistory(StatusHistoryOptions),
}

impl View {
    /// Whether panels of this kind have a query.
    pub const fn asks(&self) -> bool {
        !matches!(self, Self::Text(_) | Self::Row)
    }

    /// Its name in files.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Row => "row",
            Self::Stat(_) => "stat",
            Self::Gauge(_) => "gauge",
            Self::Timeseries(_) => "timeseries",
            Self::Barchart(_) => "barchart",
            Self::Table(_) => "table",
            Self::StatusHistory(_) => "status-history",
        }
    }
}

/// Place in Grafana's grid of 24 columns.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GridPosition {
    /// Height in units of 30 px and a gap.
    pub h: u32,
    /// Width in columns.
    pub w: u32,
    /// First column.
    pub x: u32,
    /// First unit from above.
    pub y: u32,
}

/// Which data source answers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DataSourceRef {
    /// Plugin.
    #[serde(rename = "type")]
    pub kind: Plugin,
    /// `${datasource}`: provisioning fills no inputs, a variable works everywhere.
    pub uid: String,
}

/// Data source plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Plugin {
    /// Grafana's ClickHouse data source.
    #[serde(rename = "grafana-clickhouse-datasource")]
    ClickHouse,
}

/// A query.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Target {
    /// Its name within the panel.
    pub ref_id: String,
    /// Who answers.
    #[serde(skip_serializing)]
    pub datasource: DataSourceRef,
    /// Version of the plugin that the query was written for; without it, it is taken for v3.
    #[serde(skip_serializing)]
    pub plugin_version: String,
    /// Always `sql`.
    #[serde(skip_serializing)]
    pub editor_type: EditorType,
    /// `timeseries` or `table`.
    #[serde(skip_serializing)]
    pub query_type: String,
    /// Shape of the answer.
    pub format: Format,
    /// Left empty: its `timezone` would be the viewer's.
    #[serde(skip_serializing)]
    pub meta: Meta,
    /// The statement; never sent to a browser.
    #[serde(skip_serializing)]
    pub raw_sql: String,
}

/// Editor of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EditorType {
    /// Written by hand.
    Sql,
}

/// Nothing.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {}

/// Shape of an answer, as the plugin numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Format {
    /// Ascending times; strings become labels, numbers values.
    TimeSeries,
    /// Rows as they come.
    Table,
}

impl TryFrom<u32> for Format {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        match number {
            0 => Ok(Self::TimeSeries),
            1 => Ok(Self::Table),
            _ => Err(format!(
                "format {number} is neither 0 (time series) nor 1 (table)"
            )),
        }
    }
}

impl From<Format> for u32 {
    fn from(format: Format) -> Self {
        match format {
            Format::TimeSeries => 0,
            Format::Table => 1,
        }
    }
}

/// A panel as files hold it: kind and options apart.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PanelFile {
    id: u32,
    #[serde(rename = "type")]
    kind: String,
    title: String,
    #[serde(default)]
    description: String,
    grid_pos: GridPosition,
    #[serde(default, skip_serializing)]
    datasource: Option<DataSourceRef>,
    #[serde(default, skip_serializing)]
    plugin_version: Option<String>,
    #[serde(default)]
    targets: Vec<Target>,
    #[serde(default)]
    field_config: FieldConfig,
    #[serde(default)]
    options: serde_json::Value,
    #[serde(default)]
    links: Vec<FieldLink>,
    #[serde(default)]
    transparent: bool,
    #[serde(default)]
    collapsed: bool,
    #[serde(default)]
    panels: Vec<Panel>,
}

impl TryFrom<PanelFile> for Panel {
    type Error = String;

    fn try_from(file: PanelFile) -> Result<Self, String> {
        let wrong = |error: serde_json::Error| format!("panel {}: options: {error}", file.id);
        let options = file.options;
        let view = match file.kind.as_str() {
            "text" => View::Text(serde_json::from_value(options).map_err(wrong)?),
            "row" => View::Row,
            "stat" => View::Stat(serde_json::from_value(options).map_err(wrong)?),
            "gauge" => View::Gauge(serde_json::from_value(options).map_err(wrong)?),
            "timeseries" => View::Timeseries(serde_json::from_value(options).map_err(wrong)?),
            "barchart" => View::Barchart(serde_json::from_value(options).map_err(wrong)?),
            "table" => View::Table(serde_json::from_value(options).map_err(wrong)?),
            "status-history" => {
                View::StatusHistory(serde_json::from_value(options).map_err(wrong)?)
            }
            other => return Err(format!("panel {}: kind {other:?} is not allowed", file.id)),
        };
        if view.asks() && file.datasource.is_none() {
            return Err(format!("panel {}: datasource is missing", file.id));
        }
        if view.asks()
            && file
                .plugin_version
                .as_deref()
                .unwrap_or_default()
                .is_empty()
        {
            return Err(format!(
                "panel {}: pluginVersion is missing or empty",
                file.id
            ));
        }
        Ok(Self {
            id: file.id,
            title: file.title,
            description: file.description,
            grid: file.grid_pos,
            view,
            targets: file.targets,
            field_config: file.field_config,
            links: file.links,
            collapsed: file.collapsed,
            panels: file.panels,
        })
    }
}

impl From<Panel> for PanelFile {
    fn from(panel: Panel) -> Self {
        let options = match &panel.view {
            View::Text(options) => serde_json::to_value(options),
            View::Row => Ok(serde_json::Value::Null),
            View::Stat(options) => serde_json::to_value(options),
            View::Gauge(options) => serde_json::to_value(options),
            View::Timeseries(options) => serde_json::to_value(options),
            View::Barchart(options) => serde_json::to_value(options),
            View::Table(options) => serde_json::to_value(options),
            View::StatusHistory(options) => serde_json::to_value(options),
        };
        Self {
            id: panel.id,
            kind: panel.view.name().into(),
            title: panel.title,
            description: panel.description,
            grid_pos: panel.grid,
            datasource: None,
            plugin_version: None,
            targets: panel.targets,
            field_config: panel.field_config,
            // Options are plain structures of strings, numbers and lists: all of them are JSON.
            options: options.unwrap_or_default(),
            links: panel.links,
            transparent: false,
            collapsed: panel.collapsed,
            panels: panel.panels,
        }
    }
}
