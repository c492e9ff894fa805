//! How fields are shown: units, colours, thresholds, mappings, links, and overrides by name.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a panel's fields are shown.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FieldConfig {
    /// For all fields.
    pub defaults: Defaults,
    /// For single fields, by name.
    pub overrides: Vec<Override>,
}

/// What holds for all fields of a panel.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Defaults {
    /// Unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Digits after the point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u32>,
    /// Least value of the scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Greatest value of the scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Text where there is no value; never a number, which Grafana would take for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_value: Option<NoValue>,
    /// Name shown; `${__field.labels.x}` is the series' label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// Steps at which the colour changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
    /// Texts for values.
    pub mappings: Vec<Mapping>,
    /// Links of values.
    pub links: Vec<FieldLink>,
    /// Options of the kind of panel.
    pub custom: Custom,
}

/// Units that both renderers write alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Unit {
    /// A count.
    #[serde(rename = "none")]
    None,
    /// 0.5 is written 50 %.
    #[serde(rename = "percentunit")]
    PercentUnit,
    /// Seconds, written in the unit that suits them.
    #[serde(rename = "s")]
    Seconds,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// A date.
    #[serde(rename = "time:YYYY-MM-DD")]
    Date,
    /// How long ago.
    #[serde(rename = "dateTimeFromNow")]
    FromNow,
}

/// A text for a missing value.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct NoValue(String);

impl TryFrom<String> for NoValue {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.trim().parse::<f64>().is_ok() {
            return Err(format!(
                "noValue {text:?} is a number: Grafana would put it for nulls"
            ));
        }
        Ok(Self(text))
    }
}

impl From<NoValue> for String {
    fn from(value: NoValue) -> Self {
        value.0
    }
}

/// Colour of a field.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Color {
    /// Where the colour comes from.
    pub mode: ColorMode,
    /// The colour, where it is fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_color: Option<Hex>,
}

/// Where a colour comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorMode {
    /// One colour.
    Fixed,
    /// The step that the value has reached.
    Thresholds,
}

/// A colour as `#RRGGBB`, the same in both themes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex(String);

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix('#').unwrap_or_default();
        if digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(text))
        } else {
            Err(format!("colour {text:?} is not #RRGGBB"))
        }
    }
}

impl From<Hex> for String {
    fn from(color: Hex) -> Self {
        color.0
    }
}

/// Steps at which a colour changes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Values, not shares.
    pub mode: ThresholdMode,
    /// Ascending; the first has no value.
    pub steps: Vec<Step>,
}

/// What a step's value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ThresholdMode {
    /// The field's own value.
    Absolute,
}

/// A step.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The colour from here on.
    pub color: Hex,
    /// From this value; null for the first.
    pub value: Option<f64>,
}

/// A text or colour for certain values.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(
    tag = "type",
    content = "options",
    rename_all = "lowercase",
    deny_unknown_fields
)]
pub enum Mapping {
    /// By the value's text.
    Value(BTreeMap<String, MappingResult>),
}

/// What is shown instead.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MappingResult {
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Hex>,
    /// Order among mappings.
    pub index: u32,
}

/// A link of a value or panel.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FieldLink {
    /// Text.
    pub title: String,
    /// Address with `${…}` to fill in.
    pub url: String,
    /// Opens elsewhere.
    #[serde(default)]
    pub target_blank: bool,
}

/// Options of time series, tables and cells.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Custom {
    /// Lines or bars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw_style: Option<DrawStyle>,
    /// Width of lines in px.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_width: Option<u32>,
    /// Dashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_style: Option<LineStyle>,
    /// Fill of areas, bars, cells in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_opacity: Option<u32>,
    /// Series on each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stacking: Option<Stacking>,
    /// Points on lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_points: Option<ShowPoints>,
    /// False: a hole stays a hole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_nulls: Option<Never>,
    /// Text at the axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub axis_label: Option<String>,
    /// Scale of the axis; without it, it is even.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_distribution: Option<ScaleDistribution>,
    /// Least value of the axis, unless a lesser one is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub axis_soft_min: Option<f64>,
    /// A table's column that only links use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// Alignment of a table's column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub align: Option<Align>,
    /// Width of a table's column in px.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// How a table's cell is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell_options: Option<CellOptions>,
}

/// Form of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DrawStyle {
    /// A line.
    Line,
    /// Bars.
    Bars,
}

/// Dashes of a line.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LineStyle {
    /// Solid, dashed or dotted.
    pub fill: LineFill,
    /// Lengths of strokes and gaps in px.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dash: Vec<u32>,
}

/// Kind of dashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineFill {
    /// Unbroken.
    Solid,
    /// Strokes.
    Dash,
    /// Dots.
    Dot,
}

/// Series on each other.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stacking {
    /// Whether.
    pub mode: StackingMode,
    /// Those of one group are stacked.
    pub group: String,
}

/// Whether series are stacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StackingMode {
    /// Beside each other.
    None,
    /// On each other.
    Normal,
}

/// Scale of an axis.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleDistribution {
    /// Always logarithmic.
    #[serde(rename = "type")]
    pub kind: Scale,
    /// Base of the logarithm.
    pub log: u32,
}

/// Kind of a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Equal ratios lie equally far apart.
    Log,
}

/// Points on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShowPoints {
    /// Where there is room.
    Auto,
    /// None, but single values.
    Never,
    /// All.
    Always,
}

/// The word `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "bool", into = "bool")]
pub struct Never;

impl TryFrom<bool> for Never {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value {
            Err("spanNulls must be false: a hole stays a hole")
        } else {
            Ok(Self)
        }
    }
}

impl From<Never> for bool {
    fn from(_: Never) -> Self {
        false
    }
}

/// Alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    /// By type.
    Auto,
    /// Left.
    Left,
    /// Centre.
    Center,
    /// Right.
    Right,
}

/// How a table's cell is drawn.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CellOptions {
    /// Kind.
    #[serde(rename = "type")]
    pub kind: CellKind,
}

/// Kind of a table's cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellKind {
    /// Plain.
    Auto,
    /// The text in the value's colour.
    ColorText,
}

/// What holds for single fields.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Which.
    pub matcher: Matcher,
    /// What.
    pub properties: Vec<Property>,
}

/// Which fields.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "id", content = "options", deny_unknown_fields)]
pub enum Matcher {
    /// The one with this name.
    #[serde(rename = "byName")]
    ByName(String),
}

/// One property of a field.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(
    tag = "id",
    content = "value",
    rename_all = "camelCase",
    deny_unknown_fields
)]
pub enum Property {
    /// See [`Defaults::unit`].
    Unit(Unit),
    /// See [`Defaults::decimals`].
    Decimals(u32),
    /// See [`Defaults::min`].
    Min(f64),
    /// See [`Defaults::max`].
    Max(f64),
    /// See [`Defaults::no_value`].
    NoValue(NoValue),
    /// See [`Defaults::display_name`].
    DisplayName(String),
    /// See [`Defaults::color`].
    Color(Color),
    /// See [`Defaults::thresholds`].
    Thresholds(Thresholds),
    /// See [`Defaults::mappings`].
    Mappings(Vec<Mapping>),
    /// See [`Defaults::links`].
    Links(Vec<FieldLink>),
    /// See [`Custom::draw_style`].
    #[serde(rename = "custom.drawStyle")]
    DrawStyle(DrawStyle),
    /// See [`Custom::line_width`].
    #[serde(rename = "custom.lineWidth")]
    LineWidth(u32),
    /// See [`Custom::line_style`].
    #[serde(rename = "custom.lineStyle")]
    LineStyle(LineStyle),
    /// See [`Custom::fill_opacity`].
    #[serde(rename = "custom.fillOpacity")]
    FillOpacity(u32),
    /// See [`Custom::stacking`].
    #[serde(rename = "custom.stacking")]
    Stacking(Stacking),
    /// See [`Custom::hidden`].
    #[serde(rename = "custom.hidden")]
    Hidden(bool),
    /// See [`Custom::align`].
    #[serde(rename = "custom.align")]
    Align(Align),
    /// See [`Custom::width`].
    #[serde(rename = "custom.width")]
    Width(u32),
    /// See [`Custom::cell_options`].
    #[serde(rename = "custom.cellOptions")]
    CellOptions(CellOptions),
}
