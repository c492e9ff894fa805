//! An answer of ClickHouse (`JSONCompact`) as both renderers see it.
//!
//! Times become milliseconds since 1970, types one of four kinds. For time series, strings become
//! labels and each label a column of its own, as the data source's frames are made wide: absent
//! cells are null.

use crate::dashboard::Format;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Kind of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Milliseconds since 1970.
    Time,
    /// A number.
    Number,
    /// A text.
    String,
    /// True or false.
    Boolean,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name in the query.
    pub name: String,
    /// Kind of its values.
    pub kind: Kind,
    /// What sets a series apart from others of the same name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Columns and rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Answer {
    /// In the query's order.
    pub columns: Vec<Column>,
    /// One value a column.
    pub rows: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct JsonCompact {
    meta: Vec<MetaColumn>,
    data: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct MetaColumn {
    name: String,
    #[serde(rename = "type")]
    ty: String,
}

impl Answer {
    /// Reads `JSONCompact` whose times are seconds since 1970.
    ///
    /// # Errors
    /// Not that format. Reaction: as for a failed query.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        let JsonCompact { meta, mut data } = serde_json::from_slice(body)?;
        let columns: Vec<Column> = meta
            .into_iter()
            .map(|column| Column {
                kind: kind(&column.ty),
                name: column.name,
                labels: BTreeMap::new(),
            })
            .collect();
        for row in &mut data {
            for (value, column) in row.iter_mut().zip(&columns) {
                if column.kind == Kind::Time {
                    *value = millis(value);
                }
            }
        }
        Ok(Self {
            columns,
            rows: data,
        })
    }

    /// The answer in the shape that a panel's query asks for.
    pub fn shaped(&self, format: Format) -> Self {
        match format {
            Format::Table => self.clone(),
            Format::TimeSeries => self.wide(),
        }
    }

    /// One row a time, one column a series.
    fn wide(&self) -> Self {
        let of_kind = |kind| -> Vec<usize> {
            (0..self.columns.len())
                .filter(|&at| self.columns[at].kind == kind)
                .collect()
        };
        let (labels, values) = (of_kind(Kind::String), of_kind(Kind::Number));
        let Some(&time) = of_kind(Kind::Time).first() else {
            return self.clone();
        };
        if labels.is_empty() {
            return self.clone();
        }
        let mut series: BTreeMap<(Vec<String>, usize), BTreeMap<i64, Value>> = BTreeMap::new();
        let mut times = std::collections::BTreeSet::new();
        for row in &self.rows {
            let Some(at) = row[time].as_i64() else {
                continue;
            };
            times.insert(at);
            let name: Vec<String> = labels.iter().map(|&label| text(&row[label])).collect();
            for &value in &values {
                series
                    .entry((name.clone(), value))
                    .or_default()
                    .insert(at, row[value].clone());
            }
        }
        let mut columns = vec![self.columns[time].clone()];
        columns.extend(series.keys().map(|(name, value)| {
            Column {
                labels: labels
                    .iter()
                    .zip(name)
                    .map(|(&label, value)| (self.columns[label].name.clone(), value.clone()))
                    .collect(),
                ..self.columns[*value].clone()
            }
        }));
        let rows = times
            .into_iter()
            .map(|at| {
                let cells = series
                    .values()
                    .map(|cells| cells.get(&at).cloned().unwrap_or_default());
                std::iter::once(Value::from(at)).chain(cells).collect()
            })
            .collect();
        Self { columns, rows }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The kind of a ClickHouse type, without its wrappers.
fn kind(ty: &str) -> Kind {
    for wrapper in [
        "LowCardinality(",
        "Nullable(",
        "SimpleAggregateFunction(sum, ",
    ] {
        if let Some(inner) = ty.strip_prefix(wrapper) {
            return kind(inner);
        }
    }
    if ty.starts_with("Date") {
        Kind::Time
    } else if ty.starts_with("Bool") {
        Kind::Boolean
    } else if ["Int", "UInt", "Float", "BFloat", "Decimal"]
        .iter()
        .any(|n| ty.starts_with(n))
    {
        Kind::Number
    } else {
        Kind::String
    }
}

/// Milliseconds of `1772582400`, `"1772582400.123"` or `"2026-03-04"`.
fn millis(value: &Value) -> Value {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            if let Ok(day) = text.parse::<jiff::civil::Date>() {
                return day
                    .to_zoned(jiff::tz::TimeZone::UTC)
                    .map_or(Value::Null, |at| at.timestamp().as_millisecond().into());
            }
            text.parse().ok()
        }
        _ => None,
    };
    seconds.map_or(Value::Null, |seconds: f64| {
        Value::from((seconds * 1_000.0).round() as i64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(meta: Value, data: Value) -> Answer {
        Answer::parse(
            json!({"meta": meta, "data": data, "rows": 1})
                .to_string()
                .as_bytes(),
        )
        .unwrap()
    }

    #[test]
    fn times_become_milliseconds_whatever_their_type() {
        let answer = answer(
            json!([
                {"name": "a", "type": "Date"},
                {"name": "b", "type": "Nullable(DateTime('UTC'))"},
                {"name": "c", "type": "DateTime64(3, 'UTC')"},
                {"name": "d", "type": "LowCardinality(Nullable(String))"},
                {"name": "e", "type": "Nullable(Float64)"},
                {"name": "f", "type": "Bool"}
            ]),
            json!([
                [
                    "2026-03-04",
                    "1772582400",
                    "1772582400.125",
                    "x",
                    null,
                    true
                ],
                ["1970-01-01", null, 1772582400, null, 1.5, false]
            ]),
        );
        let kinds: Vec<Kind> = answer.columns.iter().map(|column| column.kind).collect();
        assert_eq!(
            kinds,
            [
                Kind::Time,
                Kind::Time,
                Kind::Time,
                Kind::String,
                Kind::Number,
                Kind::Boolean
            ]
        );
        assert_eq!(
            answer.rows,
            [
                vec![
                    json!(1_772_582_400_000_i64),
                    json!(1_772_582_400_000_i64),
                    json!(1_772_582_400_125_i64),
                    json!("x"),
                    json!(null),
                    json!(true)
                ],
                vec![
                    json!(0),
                    json!(null),
                    json!(1_772_582_400_000_i64),
                    json!(null),
                    json!(1.5),
                    json!(false)
                ]
            ]
        );
    }

    #[test]
    fn strings_of_a_time_series_become_labels_and_absent_cells_null() {
        let long = answer(
            json!([
                {"name": "time", "type": "Date"},
                {"name": "repository", "type": "String"},
                {"name": "share", "type": "Float64"}
            ]),
            json!([
                ["1970-01-01", "b", 1],
                ["1970-01-01", "a", 2],
                ["1970-01-02", "b", 3]
            ]),
        );
        let wide = long.shaped(Format::TimeSeries);
        let names: Vec<_> = wide.columns[1..]
            .iter()
            .map(|c| c.labels["repository"].as_str())
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(
            wide.rows,
            [
                vec![json!(0), json!(2), json!(1)],
                vec![json!(86_400_000), json!(null), json!(3)],
            ]
        );
        assert_eq!(long.shaped(Format::Table), long);
    }
}
