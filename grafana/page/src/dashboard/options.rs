//! Options of each kind of panel: those that the built-in page honours, and no other.

use serde::{Deserialize, Serialize};

/// Options of a text panel.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TextOptions {
    /// Always Markdown.
    pub mode: TextMode,
    /// The text.
    pub content: String,
}

/// Markup of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TextMode {
    /// Markdown; HTML in it is shown as it is written.
    Markdown,
}

/// Which value of a column a figure shows.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceOptions {
    /// Exactly the last one that is not null.
    pub calcs: [Calc; 1],
    /// Empty: every numeric column.
    pub fields: String,
    /// False: one figure a column.
    pub values: bool,
}

/// Reduction of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Calc {
    /// The last value that is not null.
    LastNotNull,
}

/// Options of a stat.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StatOptions {
    /// Which value.
    pub reduce_options: ReduceOptions,
    /// `value` colours the figure by its thresholds, `none` nothing.
    pub color_mode: StatColor,
    /// No line behind the figure.
    pub graph_mode: Nothing,
    /// Alignment; the page aligns left.
    pub justify_mode: Auto,
    /// Direction of several figures.
    pub orientation: Orientation,
    /// `auto`, or `value_and_name` for several figures.
    pub text_mode: StatText,
    /// Name beside the value rather than above.
    pub wide_layout: bool,
}

/// What a stat colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StatColor {
    /// The figure.
    Value,
    /// Nothing.
    None,
}

/// The word `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Nothing {
    /// Nothing.
    None,
}

/// The word `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// As it fits.
    Auto,
}

/// Direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    /// As it fits.
    Auto,
    /// Bars lie.
    Horizontal,
    /// Bars stand.
    Vertical,
}

/// Text of a stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatText {
    /// The value, and names where there are several.
    Auto,
    /// The value.
    Value,
    /// Value and name.
    ValueAndName,
}

/// Options of a gauge.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GaugeOptions {
    /// Which value.
    pub reduce_options: ReduceOptions,
    /// Direction of several figures.
    pub orientation: Orientation,
    /// Figures at the steps.
    pub show_threshold_labels: bool,
    /// Colours around the scale.
    pub show_threshold_markers: bool,
}

/// A legend.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Legend {
    /// A list.
    pub display_mode: LegendMode,
    /// Below.
    pub placement: LegendPlace,
    /// Shown at all.
    pub show_legend: bool,
    /// No figures in it.
    pub calcs: [(); 0],
}

/// Form of a legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LegendMode {
    /// Names in a line.
    List,
}

/// Place of a legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LegendPlace {
    /// Below the chart.
    Bottom,
}

/// What hovering shows.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tooltip {
    /// All series of the moment.
    pub mode: TooltipMode,
    /// In the series' order.
    pub sort: Nothing,
}

/// Extent of a tooltip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TooltipMode {
    /// All series.
    Multi,
}

/// Options of a time series.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TimeseriesOptions {
    /// Legend.
    pub legend: Legend,
    /// Tooltip.
    pub tooltip: Tooltip,
}

/// Options of a bar chart over names.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BarChartOptions {
    /// Direction of the bars.
    pub orientation: Orientation,
    /// Column of the names; a string.
    pub x_field: String,
    /// `always` writes the value at each bar.
    pub show_value: ShowValue,
    /// Bars beside or on each other.
    pub stacking: super::field::StackingMode,
    /// Share of a group's width that a bar takes.
    pub bar_width: f64,
    /// Share of the width that a group takes.
    pub group_width: f64,
    /// Legend.
    pub legend: Legend,
    /// Tooltip.
    pub tooltip: Tooltip,
}

/// Whether values are written at bars and cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShowValue {
    /// Always.
    Always,
    /// Where there is room.
    Auto,
    /// Never.
    Never,
}

/// Options of a table.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TableOptions {
    /// Height of a row.
    pub cell_height: CellHeight,
    /// Names of the columns above.
    pub show_header: bool,
    /// Order at first, by the columns' shown names.
    pub sort_by: Vec<SortBy>,
}

/// Height of a table's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CellHeight {
    /// Small.
    Sm,
}

/// A table's order by a column.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SortBy {
    /// The column's shown name.
    pub display_name: String,
    /// Greatest first.
    pub desc: bool,
}

/// Options of a status history.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StatusHistoryOptions {
    /// Share of a column's width that a cell takes.
    pub col_width: f64,
    /// Share of a row's height that a cell takes.
    pub row_height: f64,
    /// Values in cells.
    pub show_value: ShowValue,
    /// Legend.
    pub legend: Legend,
    /// Tooltip.
    pub tooltip: Tooltip,
}
