//! Macros and variables of a dashboard's query, filled in as Grafana's ClickHouse data source
//! fills them in.
//!
//! The data source works in three passes: `$__conditionalAll` and then variables in the browser,
//! the time macros in its backend. Here it is one pass over the file's text: what a variable's
//! value holds is never read again, so a value that looks like a macro stays a value. For every
//! other value the two give the same text, but for one thing: the data source's `singlequote`
//! leaves `\` as it is, and here it is escaped (`a\` would otherwise swallow the closing quote).
//!
//! `now('UTC')` and `now64(3, 'UTC')` become the page's own time, which is the demo's in a demo: what
//! "now" is must be one thing for ranges, ages and figures as of now.

mod arguments;
mod singlequote;

use arguments::arguments;
pub(crate) use singlequote::singlequote;
use std::collections::BTreeMap;

/// What is selected of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All values.
    All,
    /// These; a variable for one value holds at most one.
    Values(Vec<String>),
}

/// A variable's selection with what "all" stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What is selected.
    pub selection: Selection,
    /// Every value that could be.
    pub listed: Vec<String>,
}

/// What queries are filled in with.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    /// Variables by name.
    pub variables: BTreeMap<String, Bound>,
    /// Begin of the time range, in seconds since 1970.
    pub from_seconds: i64,
    /// End of the time range, in seconds since 1970.
    pub to_seconds: i64,
    /// Seconds between two points of a chart, at least 1.
    pub interval_seconds: i64,
    /// The page's time, in seconds since 1970: equal statements of one second are equal.
    pub now_seconds: i64,
}

/// A query that cannot be filled in. Reaction: stop; the dashboard's file has to be mended.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfillable {
    /// A macro or a form of a variable that the dashboards do not use.
    #[error("{0:?} is no macro or variable that dashboards may use")]
    Unknown(String),
    /// A variable that the dashboard does not have.
    #[error("the dashboard has no variable {0:?}")]
    NoVariable(String),
    /// A macro with a wrong number of arguments, or whose bracket is not closed.
    #[error("{name} takes {expected} argument(s), {given} given")]
    Arguments {
        /// The macro.
        name: &'static str,
        /// How many it takes.
        expected: usize,
        /// How many were given; 0 where the bracket is not closed.
        given: usize,
    },
}

/// Fills in macros and variables of `sql`.
///
/// # Errors
/// See [`Unfillable`].
pub fn expand(sql: &str, bindings: &Bindings) -> Result<String, Unfillable> {
    let mut filled = String::with_capacity(sql.len() + 64);
    let mut rest = sql;
    while let Some(at) = rest.find('$') {
        let (plain, from_here) = rest.split_at(at);
        filled.push_str(&at_now(plain, bindings.now_seconds));
        rest = from_here;
        rest = if let Some(variable) = rest.strip_prefix("${") {
            variable_reference(variable, bindings, &mut filled)?
        } else if let Some(call) = rest.strip_prefix("$__") {
            macro_call(call, bindings, &mut filled)?
        } else {
            return Err(Unfillable::Unknown(beginning(rest)));
        };
    }
    filled.push_str(&at_now(rest, bindings.now_seconds));
    Ok(filled)
}

/// The file's text with the page's time for "now".
fn at_now(text: &str, seconds: i64) -> String {
    let (fine, coarse) = (
        format!("toDateTime64({seconds}, 3, 'UTC')"),
        format!("toDateTime({seconds}, 'UTC')"),
    );
    text.replace("now64(3, 'UTC')", &fine)
        .replace("now('UTC')", &coarse)
}

/// `name:singlequote}` and what follows.
fn variable_reference<'a>(
    text: &'a str,
    bindings: &Bindings,
    filled: &mut String,
) -> Result<&'a str, Unfillable> {
    let unknown = || Unfillable::Unknown(format!("${{{}", beginning(text)));
    let (reference, rest) = text.split_once('}').ok_or_else(unknown)?;
    let name = reference.strip_suffix(":singlequote").ok_or_else(unknown)?;
    let bound = variable(name, bindings)?;
    filled.push_str(&singlequote(match &bound.selection {
        Selection::All => &bound.listed,
        Selection::Values(values) => values,
    }));
    Ok(rest)
}

/// A macro's name, its arguments, and what follows.
fn macro_call<'a>(
    text: &'a str,
    bindings: &Bindings,
    filled: &mut String,
) -> Result<&'a str, Unfillable> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let date_time = |seconds: i64| format!("toDateTime({seconds})");
    match name {
        "fromTime" => filled.push_str(&date_time(bindings.from_seconds)),
        "toTime" => filled.push_str(&date_time(bindings.to_seconds)),
        "interval_s" => filled.push_str(&interval(bindings).to_string()),
        "timeFilter" => {
            let ([column], rest) = take("$__timeFilter", rest)?;
            let (from, to) = (
                date_time(bindings.from_seconds),
                date_time(bindings.to_seconds),
            );
            filled.push_str(&format!("{column} >= {from} AND {column} <= {to}"));
            return Ok(rest);
        }
        "timeInterval" => {
            let ([column], rest) = take("$__timeInterval", rest)?;
            filled.push_str(&format!(
                "toStartOfInterval(toDateTime({column}), INTERVAL {} second)",
                interval(bindings)
            ));
            return Ok(rest);
        }
        "conditionalAll" => {
            let ([condition, reference], rest) = take("$__conditionalAll", rest)?;
            let name = reference
                .trim()
                .strip_prefix('$')
                .ok_or_else(|| Unfillable::Unknown(beginning(reference)))?;
            match &variable(name, bindings)?.selection {
                Selection::All => filled.push_str("1=1"),
                Selection::Values(values) if values.is_empty() => filled.push_str("1=1"),
                Selection::Values(_) => filled.push_str(&expand(condition, bindings)?),
            }
            return Ok(rest);
        }
        _ => return Err(Unfillable::Unknown(format!("$__{name}"))),
    }
    Ok(rest)
}

fn take<'a, const N: usize>(
    name: &'static str,
    text: &'a str,
) -> Result<([&'a str; N], &'a str), Unfillable> {
    let (given, rest) = arguments(text).unwrap_or((Vec::new(), text));
    let count = given.len();
    let given = <[&str; N]>::try_from(given).map_err(|_| Unfillable::Arguments {
        name,
        expected: N,
        given: count,
    })?;
    Ok((given, rest))
}

fn variable<'a>(name: &str, bindings: &'a Bindings) -> Result<&'a Bound, Unfillable> {
    bindings
        .variables
        .get(name)
        .ok_or_else(|| Unfillable::NoVariable(name.into()))
}

fn interval(bindings: &Bindings) -> i64 {
    bindings.interval_seconds.max(1)
}

fn beginning(text: &str) -> String {
    text.chars().take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings(selection: Selection) -> Bindings {
        let listed = ["acme/api", "o'brien", "a\\", "a,b)", "$__toTime"]
            .map(String::from)
            .to_vec();
        Bindings {
            variables: [("repository".into(), Bound { selection, listed })].into(),
            from_seconds: 1_772_582_400,
            to_seconds: 1_772_668_800,
            interval_seconds: 0,
            now_seconds: 1_772_668_800,
        }
    }

    fn some(values: &[&str]) -> Selection {
        Selection::Values(values.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn macros_become_what_the_data_source_documents() {
        for (text, filled) in [
            (
                "day >= toDate($__fromTime,'UTC')",
                "day >= toDate(toDateTime(1772582400),'UTC')",
            ),
            ("$__toTime", "toDateTime(1772668800)"),
            (
                "$__timeFilter(opened_at)",
                "opened_at >= toDateTime(1772582400) AND opened_at <= toDateTime(1772668800)",
            ),
            (
                "$__timeInterval(at), 1",
                "toStartOfInterval(toDateTime(at), INTERVAL 1 second), 1",
            ),
            ("$__interval_s", "1"),
            ("SELECT 1", "SELECT 1"),
            (
                "now('UTC') < $__toTime OR now64(3, 'UTC')",
                "toDateTime(1772668800, 'UTC') < toDateTime(1772668800) OR \
                 toDateTime64(1772668800, 3, 'UTC')",
            ),
        ] {
            assert_eq!(expand(text, &bindings(Selection::All)).unwrap(), filled);
        }
    }

    #[test]
    fn a_condition_holds_for_a_selection_and_vanishes_for_all_or_none() {
        let text =
            "WHERE $__conditionalAll(repository IN (${repository:singlequote}), $repository) AND 1";
        for (selection, filled) in [
            (Selection::All, "WHERE 1=1 AND 1"),
            (some(&[]), "WHERE 1=1 AND 1"),
            (
                some(&["acme/api"]),
                "WHERE repository IN ('acme/api') AND 1",
            ),
            (
                some(&["a,b)", "acme/api"]),
                "WHERE repository IN ('a,b)','acme/api') AND 1",
            ),
        ] {
            assert_eq!(expand(text, &bindings(selection)).unwrap(), filled);
        }
    }

    #[test]
    fn a_hostile_value_stays_inside_its_quotes() {
        for (value, filled) in [
            ("o'brien", r"'o\'brien'"),
            (r"a\", r"'a\\'"),
            (r"\' OR 1=1", r"'\\\' OR 1=1'"),
            ("<b>", "'<b>'"),
            ("${repository:singlequote}", "'${repository:singlequote}'"),
            ("$__toTime", "'$__toTime'"),
            ("now('UTC')", r"'now(\'UTC\')'"),
        ] {
            let bindings = bindings(some(&[value]));
            assert_eq!(
                expand("${repository:singlequote}", &bindings).unwrap(),
                filled
            );
        }
    }

    #[test]
    fn all_outside_a_condition_is_every_listed_value() {
        assert_eq!(
            expand("${repository:singlequote}", &bindings(Selection::All)).unwrap(),
            r"'acme/api','o\'brien','a\\','a,b)','$__toTime'"
        );
    }

    #[test]
    fn what_dashboards_may_not_use_is_refused() {
        let bindings = bindings(Selection::All);
        for text in [
            "$repository",
            "${repository}",
            "${repository:raw}",
            "$__dateFilter(day)",
            "$",
        ] {
            assert!(
                matches!(expand(text, &bindings), Err(Unfillable::Unknown(_))),
                "{text} was taken"
            );
        }
        assert_eq!(
            expand("${team:singlequote}", &bindings),
            Err(Unfillable::NoVariable("team".into()))
        );
        assert_eq!(
            expand("$__timeFilter(a, b)", &bindings),
            Err(Unfillable::Arguments {
                name: "$__timeFilter",
                expected: 1,
                given: 2
            })
        );
        assert_eq!(
            expand("$__timeFilter(a", &bindings),
            Err(Unfillable::Arguments {
                name: "$__timeFilter",
                expected: 1,
                given: 0
            })
        );
    }
}
