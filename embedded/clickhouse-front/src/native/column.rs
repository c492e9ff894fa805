//! The shape of a column's bytes in a Native block, read off its type's name.

use crate::exception::{Exception, Refusal};

/// How the values of a column lie in a block: enough to find where the column ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// Values of this many bytes each.
    Fixed(usize),
    /// Each value with its length before it.
    Text,
    /// A byte a row says which are null, then the values.
    Nullable(Box<Column>),
    /// End offsets (u64 a row), then the elements.
    Array(Box<Column>),
    /// The elements' columns one after another.
    Tuple(Vec<Column>),
    /// A dictionary and indexes into it.
    LowCardinality(Box<Column>),
}

impl Column {
    /// Reads a type such as `Map(String, Array(Nullable(UInt64)))`.
    ///
    /// # Errors
    /// Types whose bytes cannot be walked without their aggregate function or their dynamic
    /// structure (`AggregateFunction`, `JSON`, `Variant`, …) are refused with advice.
    pub(super) fn parse(type_name: &str) -> Result<Self, Exception> {
        let (name, arguments) = match type_name.find('(') {
            Some(open) if type_name.ends_with(')') => (
                &type_name[..open],
                arguments(&type_name[open + 1..type_name.len() - 1]),
            ),
            _ => (type_name, Vec::new()),
        };
        let unknown = || {
            Exception::refuse(
                Refusal::NotImplemented,
                format!(
                    "the embedded engine cannot send a column of type {type_name} to a client of \
                     the Native protocol; cast it, for example with toString"
                ),
            )
        };
        let argument = |index: usize| arguments.get(index).copied().ok_or_else(unknown);
        let number = |index: usize| argument(index)?.parse::<usize>().map_err(|_| unknown());
        let inner = |index: usize| Ok(Box::new(Self::parse(argument(index)?)?));
        Ok(match name {
            "UInt8" | "Int8" | "Bool" | "Enum8" | "Nothing" => Self::Fixed(1),
            "UInt16" | "Int16" | "Date" | "Enum16" | "BFloat16" => Self::Fixed(2),
            "UInt32" | "Int32" | "Float32" | "DateTime" | "Date32" | "IPv4" | "Time" => {
                Self::Fixed(4)
            }
            "UInt64" | "Int64" | "Float64" | "DateTime64" | "Time64" => Self::Fixed(8),
            "UUID" | "IPv6" | "UInt128" | "Int128" => Self::Fixed(16),
            "UInt256" | "Int256" => Self::Fixed(32),
            "FixedString" => Self::Fixed(number(0)?),
            "Decimal" => Self::Fixed(match number(0)? {
                0..=9 => 4,
                10..=18 => 8,
                19..=38 => 16,
                _ => 32,
            }),
            "String" => Self::Text,
            "Nullable" => Self::Nullable(inner(0)?),
            "Array" => Self::Array(inner(0)?),
            "LowCardinality" => Self::LowCardinality(inner(0)?),
            "SimpleAggregateFunction" => Self::parse(arguments.last().ok_or_else(unknown)?)?,
            "Map" => {
                let pair = vec![Self::parse(argument(0)?)?, Self::parse(argument(1)?)?];
                Self::Array(Box::new(Self::Tuple(pair)))
            }
            "Tuple" => Self::Tuple(
                arguments
                    .iter()
                    .map(|a| element(a))
                    .collect::<Result<_, _>>()?,
            ),
            interval if interval.starts_with("Interval") => Self::Fixed(8),
            _ => return Err(unknown()),
        })
    }
}

/// A tuple's element: a type, or a name and a type.
fn element(argument: &str) -> Result<Column, Exception> {
    Column::parse(argument).or_else(|error| {
        let name_end = match argument.strip_prefix('`') {
            Some(rest) => rest.find('`').map(|at| at + 2),
            None => argument.find(' '),
        };
        match name_end {
            Some(at) => Column::parse(argument[at..].trim()),
            None => Err(error),
        }
    })
}

/// Splits at commas outside brackets and quotes.
fn arguments(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quote, mut start, mut escaped) = (0, None, 0, false);
    for (at, character) in list.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, character) {
            (Some(_), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '`' | '"') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if !list[start..].trim().is_empty() {
        parts.push(list[start..].trim());
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_to_the_shape_of_their_bytes() {
        let text = || Box::new(Column::Text);
        let cases = [
            ("DateTime64(3, 'UTC')", Column::Fixed(8)),
            ("Enum8('a,b)' = 1, 'c\\'' = 2)", Column::Fixed(1)),
            ("Decimal(18, 4)", Column::Fixed(8)),
            (
                "LowCardinality(Nullable(String))",
                Column::LowCardinality(Box::new(Column::Nullable(text()))),
            ),
            ("SimpleAggregateFunction(sum, UInt64)", Column::Fixed(8)),
            (
                "Tuple(`a b` String, c UInt8)",
                Column::Tuple(vec![Column::Text, Column::Fixed(1)]),
            ),
            (
                "Map(String, UInt8)",
                Column::Array(Box::new(Column::Tuple(vec![
                    Column::Text,
                    Column::Fixed(1),
                ]))),
            ),
        ];
        for (name, shape) in cases {
            assert_eq!(Column::parse(name).expect(name), shape, "{name}");
        }
    }

    #[test]
    fn a_type_that_cannot_be_walked_is_refused_with_advice() {
        let error = Column::parse("AggregateFunction(uniq, UInt64)").expect_err("not walkable");
        assert_eq!(error.code(), 48);
        assert!(error.body("v").contains("toString"));
        assert!(Column::parse("Array").is_err());
    }
}
