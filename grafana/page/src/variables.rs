//! Values of variables: which there are, and which of those that an address names are used.
//!
//! Variables are resolved in the file's order, because a later one's query may use those before
//! it. A value that its own query does not list is dropped (another organisation was chosen: the
//! repository of the former one goes), and when none is left the variable falls back to its
//! default. So nothing but a listed value ever reaches a panel's statement.
//!
//! A list is bounded ([`LISTED_AT_MOST`]), so that the longest one fits into an answer. A value
//! that a full list lacks is looked up in the whole one; only there does a value that an address
//! names reach a statement before it is known, quoted, and to be compared.

use crate::dashboard::{Choice, Dashboard, Variable, VariableKind};
use crate::macros::{Bindings, Bound, Selection, Unfillable, expand, singlequote};
use crate::query::{Answer, MAX_ROWS, NoAnswer, Store};
use crate::range::Range;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What stands for all values, in addresses and files.
pub const ALL: &str = "$__all";
/// Values that a variable's query lists at most, by [`LIST_BOUND`].
pub const LISTED_AT_MOST: usize = 10_000;
/// How each variable's query bounds its list, once in its text.
pub const LIST_BOUND: &str = " LIMIT 10000";
const _: () = assert!(LISTED_AT_MOST < MAX_ROWS);
/// Lists change seldom; a list this old will do.
const LISTS_SHARED_FOR: Duration = Duration::from_secs(5);

/// A variable with its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// Its name.
    pub name: String,
    /// Every value.
    pub options: Vec<Choice>,
    /// Those selected; [`ALL`] alone for all.
    pub selected: Vec<String>,
    /// Values that the address named and that are not listed.
    pub dropped: Vec<String>,
}

/// Why variables cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// The file has to be mended.
    #[error(transparent)]
    Unfillable(#[from] Unfillable),
    /// The store has no answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

/// Resolves the variables of `dashboard`, asking the store for lists.
///
/// # Errors
/// See [`Unresolved`].
pub async fn resolve(
    dashboard: &Dashboard,
    named: &BTreeMap<String, Vec<String>>,
    (range, now): (Range, Timestamp),
    store: &Store,
) -> Result<(Vec<Resolved>, Bindings), Unresolved> {
    let mut bindings = Bindings {
        variables: BTreeMap::new(),
        from_seconds: range.from_millis.div_euclid(1_000),
        to_seconds: range.to_millis.div_euclid(1_000),
        interval_seconds: range.interval_seconds(),
        now_seconds: now.as_second(),
    };
    let mut resolved = Vec::new();
    for variable in &dashboard.templating.list {
        if variable.kind == VariableKind::Datasource {
            continue;
        }
        let named = named.get(&variable.name);
        let options = match variable.sql() {
            Some(sql) => listed(sql, named, &bindings, store).await?,
            None => variable.options.clone(),
        };
        let (variable, bound) = select(variable, options, named);
        bindings.variables.insert(variable.name.clone(), bound);
        resolved.push(variable);
    }
    Ok((resolved, bindings))
}

/// What `sql` lists, and those of `named` that it would list without its bound.
async fn listed(
    sql: &str,
    named: Option<&Vec<String>>,
    bindings: &Bindings,
    store: &Store,
) -> Result<Vec<Choice>, Unresolved> {
    let ask = async |sql: String| store.ask_sharing(&sql, LISTS_SHARED_FOR).await;
    let answer = ask(expand(sql, bindings)?).await?;
    let mut options = choices(&answer);
    if options.len() < LISTED_AT_MOST {
        return Ok(options);
    }
    let is_unknown =
        |value: &&String| *value != ALL && options.iter().all(|one| one.value != **value);
    let unknown: Vec<String> = named
        .into_iter()
        .flatten()
        .filter(is_unknown)
        .cloned()
        .collect();
    if let (false, Some(column)) = (unknown.is_empty(), answer.columns.first()) {
        let all = expand(&sql.replacen(LIST_BOUND, "", 1), bindings)?;
        let (column, unknown) = (&column.name, singlequote(&unknown));
        let found = format!("SELECT * FROM ({all}) WHERE {column} IN ({unknown})");
        options.extend(choices(&*ask(found).await?));
    }
    Ok(options)
}

/// What of `named` is used of a variable that lists `options`.
pub fn select(
    variable: &Variable,
    options: Vec<Choice>,
    named: Option<&Vec<String>>,
) -> (Resolved, Bound) {
    let listed: Vec<String> = options.iter().map(|choice| choice.value.clone()).collect();
    let default = variable.current.value.values();
    let mut dropped = Vec::new();
    let mut usable = |values: &[String]| -> Vec<String> {
        let mut used: Vec<String> = Vec::new();
        for value in values {
            let is_all = value == ALL && variable.include_all;
            if !(is_all || listed.contains(value)) {
                dropped.push(value.clone());
            } else if !used.contains(value) {
                used.push(value.clone());
            }
        }
        if used.iter().any(|value| value == ALL) {
            used = vec![ALL.into()];
        }
        if !variable.multi {
            used.truncate(1);
        }
        used
    };
    let mut selected = named.map(|values| usable(values)).unwrap_or_default();
    if selected.is_empty() {
        let mut fallback = default;
        fallback.retain(|value| value == ALL || listed.contains(value));
        selected = usable(&fallback);
    }
    if selected.is_empty() {
        selected = if variable.include_all {
            vec![ALL.into()]
        } else {
            listed.first().cloned().into_iter().collect()
        };
    }
    let selection = if selected.iter().any(|value| value == ALL) {
        Selection::All
    } else {
        Selection::Values(selected.clone())
    };
    let resolved = Resolved {
        name: variable.name.clone(),
        options,
        selected,
        dropped,
    };
    (resolved, Bound { selection, listed })
}

/// The values that a query lists: one column, or value and text.
fn choices(answer: &Answer) -> Vec<Choice> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let listed = answer
        .rows
        .iter()
        .filter(|row| row.first().is_some_and(|v| !v.is_null()));
    listed
        .map(|row| Choice {
            selected: false,
            value: text(&row[0]),
            text: text(row.get(1).unwrap_or(&row[0])),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn variable(multi: bool, include_all: bool, current: Value) -> Variable {
        serde_json::from_value(json!({
            "name": "repository", "type": "custom", "label": "Repository", "hide": 0,
            "skipUrlSync": false, "multi": multi, "includeAll": include_all, "query": "",
            "current": {"selected": true, "text": current, "value": current}
        }))
        .unwrap()
    }

    fn selected(variable: &Variable, named: Option<&[&str]>) -> (Vec<String>, Vec<String>) {
        let options = ["a", "b", "o'brien"].map(|value| Choice {
            selected: false,
            text: value.into(),
            value: value.into(),
        });
        let named = named.map(|values| values.iter().map(ToString::to_string).collect());
        let (resolved, bound) = select(variable, options.into(), named.as_ref());
        match &bound.selection {
            Selection::All => assert_eq!(resolved.selected, [ALL]),
            Selection::Values(values) => assert_eq!(&resolved.selected, values),
        }
        (resolved.selected, resolved.dropped)
    }

    #[test]
    fn only_listed_values_are_used() {
        let several = variable(true, true, json!([ALL]));
        for (named, used, dropped) in [
            (None, vec![ALL], vec![]),
            (Some(&["b", "a", "b"][..]), vec!["b", "a"], vec![]),
            (Some(&["a", "x' OR 1=1"]), vec!["a"], vec!["x' OR 1=1"]),
            (Some(&["gone"]), vec![ALL], vec!["gone"]),
            (Some(&["a", ALL]), vec![ALL], vec![]),
            (Some(&["o'brien"]), vec!["o'brien"], vec![]),
        ] {
            let (is_used, is_dropped) = selected(&several, named);
            assert_eq!(
                (is_used, is_dropped),
                (
                    used.iter().map(ToString::to_string).collect(),
                    dropped.iter().map(ToString::to_string).collect()
                )
            );
        }
    }

    #[test]
    fn a_variable_for_one_value_has_one() {
        let one = variable(false, false, json!("b"));
        assert_eq!(selected(&one, None).0, ["b"]);
        assert_eq!(selected(&one, Some(&["a", "b"])).0, ["a"]);
        assert_eq!(selected(&one, Some(&[ALL])).0, ["b"]);
        let no_default = variable(false, false, json!("gone"));
        assert_eq!(selected(&no_default, None).0, ["a"]);
    }
}
