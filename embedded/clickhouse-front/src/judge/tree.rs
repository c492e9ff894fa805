//! A syntax tree as the engine prints it (`EXPLAIN AST`), and what a reader may ask by it.
//!
//! The tree is a line a node, indented by one blank a level: `Function plus (alias x) (children 1)`.
//! A node is judged by its kind, a function by its name, a table by its database; **whatever is not
//! listed here is refused**, so what the engine learns next is refused until somebody has looked at
//! it. Listed are only kinds that print all that they hold as children. Two of the engine's do not:
//! `Set` (settings) and `ColumnsApplyTransformer` (`* APPLY f`).
//!
//! A name with a line break would print lines of its own. [`super`] sees to it that there is none:
//! hence a line is a node, and its indentation is its depth.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::options::DATABASE;

/// Functions of values, in lower case, by name.
static FUNCTIONS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("functions.txt").lines().collect());
/// Aggregate functions, in lower case; combinators may follow.
static AGGREGATES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("aggregates.txt").lines().collect());
const COMBINATORS: [&str; 15] = [
    "simplestate",
    "ordefault",
    "distinct",
    "resample",
    "foreach",
    "argmax",
    "argmin",
    "ornull",
    "tuple",
    "merge",
    "state",
    "array",
    "null",
    "map",
    "if",
];
/// Functions of tables that make rows out of nothing or out of another query.
const TABLE_FUNCTIONS: [&str; 9] = [
    "numbers",
    "numbers_mt",
    "zeros",
    "zeros_mt",
    "generateseries",
    "generate_series",
    "values",
    "sqlstandardvalues",
    "view",
];
/// Their second argument may name a table.
const MEMBERSHIP: [&str; 12] = [
    "in",
    "notin",
    "nullin",
    "notnullin",
    "globalin",
    "globalnotin",
    "globalnullin",
    "globalnotnullin",
    "inignoreset",
    "notinignoreset",
    "nullinignoreset",
    "notnullinignoreset",
];
/// Tables of `system` that clients ask for the columns and tables of a database; the engine shows
/// a reader only those that it may select from.
const SYSTEM_TABLES: [&str; 5] = ["columns", "tables", "databases", "one", "numbers"];

/// What kinds of nodes a query is made of. `Set` and `ColumnsApplyTransformer` are not among them.
const KINDS: [&str; 26] = [
    "ArrayJoin",
    "Asterisk",
    "ColumnsExceptTransformer",
    "ColumnsListMatcher",
    "ColumnsRegexpMatcher",
    "ColumnsReplaceTransformer",
    "ColumnsReplaceTransformer::Replacement",
    "ColumnsTransformerList",
    "ExpressionList",
    "InterpolateElement",
    "Literal",
    "OrderByElement",
    "QualifiedAsterisk",
    "QualifiedColumnsListMatcher",
    "QualifiedColumnsRegexpMatcher",
    "SampleRatio",
    "SelectIntersectExceptQuery",
    "SelectQuery",
    "Subquery",
    "TableExpression",
    "TableJoin",
    "TablesInSelectQuery",
    "TablesInSelectQueryElement",
    "WindowDefinition",
    "WindowListElement",
    "WithElement",
];

/// A node and where it stands.
#[derive(Clone, Copy, Debug)]
struct Node<'a> {
    kind: &'a str,
    /// What follows the kind.
    rest: &'a str,
    /// How many children its parent had before it.
    position: usize,
    children: usize,
}

/// What a reader's statement is, by its tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A SELECT, with the output format that it names.
    Select(Option<String>),
    /// `DESCRIBE TABLE`, with the output format that it names.
    Describe(Option<String>),
    /// `SHOW TABLES` or `SHOW DATABASES`; its tree does not show its conditions.
    Show,
}

/// Whether a database is one of those that a reader may select from: Gapless's, and its generations'.
pub(crate) fn is_readable(database: &str) -> bool {
    database == DATABASE
        || database
            .strip_prefix(DATABASE)
            .and_then(|rest| rest.strip_prefix('_'))
            .is_some_and(is_plain)
}

/// Judges the tree that the engine printed. `not_allowed` are the engine's functions, in lower case,
/// that [`is_allowed`] does not know: a name alone may call them (`arrayMap(file, …)`).
///
/// # Errors
/// Why it is refused.
pub(super) fn judge(tree: &str, not_allowed: &HashSet<String>) -> Result<Kind, String> {
    let mut above: Vec<Node<'_>> = Vec::new();
    let mut found = None;
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let text = line.trim_start_matches(' ');
        let depth = line.len() - text.len();
        if depth > above.len() || (depth == 0 && found.is_some()) {
            return Err("its syntax tree is not understood".into());
        }
        above.truncate(depth);
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let position = above.last().map_or(0, |parent| parent.children);
        if let Some(parent) = above.last_mut() {
            parent.children += 1;
        }
        let node = Node {
            kind,
            rest,
            position,
            children: 0,
        };
        match found.as_mut() {
            None => found = Some(root(kind)?),
            Some(found) => judge_node(node, &above, found, not_allowed)?,
        }
        above.push(node);
    }
    found.ok_or_else(|| "its syntax tree is empty".into())
}

fn root(kind: &str) -> Result<Kind, String> {
    match kind {
        "SelectWithUnionQuery" => Ok(Kind::Select(None)),
        "DescribeQuery" => Ok(Kind::Describe(None)),
        "ShowTables" => Ok(Kind::Show),
        _ => Err(format!("a reader may only SELECT, and not {kind}")),
    }
}

fn judge_node(
    node: Node<'_>,
    above: &[Node<'_>],
    found: &mut Kind,
    not_allowed: &HashSet<String>,
) -> Result<(), String> {
    let of_kind = |up: usize| above.len().checked_sub(up).map(|at| above[at].kind);
    let parent = of_kind(1);
    // The statement's own clauses: its format follows its parts; a literal there is a file's name.
    if above.len() == 1 && !matches!(node.kind, "ExpressionList" | "TableExpression") {
        return match (node.kind, found) {
            ("Identifier", Kind::Select(format) | Kind::Describe(format)) if node.position > 0 => {
                *format = Some(node.rest.to_owned());
                Ok(())
            }
            // The database; `super` compares the whole text of these.
            ("Identifier", Kind::Show) => Ok(()),
            ("Set", _) => Err("a reader's settings come with the request, not in the query".into()),
            (kind, _) => Err(format!("a reader's statement has no {kind} of its own")),
        };
    }
    match node.kind {
        "SelectWithUnionQuery" if parent != Some("SelectWithUnionQuery") => Ok(()),
        "Function" => {
            let name = node.rest.split(' ').next().unwrap_or_default();
            match parent {
                Some("TableExpression") if is_table_function(name) => Ok(()),
                Some("TableExpression") => Err(format!(
                    "{name} is no function of tables that a reader may call"
                )),
                _ if is_allowed(name) && !(is_set(node, above) && name == "format") => Ok(()),
                _ => Err(format!("{name} is no function that a reader may call")),
            }
        }
        "TableIdentifier" => table(node.rest),
        "Identifier" => {
            let name = name_of(node.rest);
            if not_allowed.contains(&name.to_ascii_lowercase()) {
                return Err(format!(
                    "{name} is the name of a function that a reader may not call; as a column, \
                     name its table too"
                ));
            }
            if is_set(node, above) {
                table(node.rest)?;
            }
            Ok(())
        }
        "Set" => Err("a reader's settings come with the request, not in the query".into()),
        kind if KINDS.contains(&kind) => Ok(()),
        kind => Err(format!("a reader's query has no {kind}")),
    }
}

/// Whether a node is what another is looked for in (`x IN …`).
fn is_set(node: Node<'_>, above: &[Node<'_>]) -> bool {
    let [.., function, list] = above else {
        return false;
    };
    let name = function.rest.split(' ').next().unwrap_or_default();
    node.position > 0
        && list.kind == "ExpressionList"
        && function.kind == "Function"
        && MEMBERSHIP.contains(&name.to_ascii_lowercase().as_str())
}

/// A name without its alias.
fn name_of(rest: &str) -> &str {
    rest.split(" (alias ").next().unwrap_or_default()
}

/// A table without a database is a part of the query, or in the session's, which is readable.
fn table(rest: &str) -> Result<(), String> {
    let name = name_of(rest);
    let readable = match name.split_once('.') {
        None => is_plain(name),
        Some(("system", table)) => SYSTEM_TABLES.contains(&table),
        Some((database, table)) => is_readable(database) && is_plain(table),
    };
    if readable {
        return Ok(());
    }
    Err(format!("{name} is no table that a reader may select from"))
}

/// Names without anything that could stand for a path.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn is_table_function(name: &str) -> bool {
    TABLE_FUNCTIONS.contains(&name.to_ascii_lowercase().as_str())
}

/// Whether a reader may call the function.
pub(super) fn is_allowed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    FUNCTIONS.contains(name.as_str()) || MEMBERSHIP.contains(&name.as_str()) || is_aggregate(&name)
}

fn is_aggregate(name: &str) -> bool {
    AGGREGATES.contains(name)
        || COMBINATORS.iter().any(|combinator| {
            name.strip_suffix(combinator)
                .is_some_and(|name| !name.is_empty() && is_aggregate(name))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(tree: &str) -> Result<Kind, String> {
        judge(tree, &HashSet::from(["file".to_owned()]))
    }

    fn select(inner: &str) -> Result<Kind, String> {
        verdict(&format!(
            "SelectWithUnionQuery (children 1)\n ExpressionList (children 1)\n  SelectQuery (children 1)\n\
             {inner}\n"
        ))
    }

    #[test]
    fn a_query_of_listed_nodes_passes() {
        for inner in [
            "   ExpressionList (children 1)\n    Literal UInt64_1",
            "   ExpressionList (children 1)\n    Function sumIfOrNull (alias x) (children 1)",
            "   TableExpression (children 1)\n    TableIdentifier gapless.events (alias e)",
            "   TableExpression (children 1)\n    TableIdentifier gapless_12.events",
            "   TableExpression (children 1)\n    Function numbers (children 1)",
            "   ExpressionList (children 1)\n    Identifier t.file",
        ] {
            assert_eq!(select(inner), Ok(Kind::Select(None)), "{inner}");
        }
    }

    #[test]
    fn what_is_not_listed_is_refused() {
        for inner in [
            "   ExpressionList (children 1)\n    Function file (alias count) (children 1)",
            "   ExpressionList (children 1)\n    Function numbers (children 1)",
            "   ExpressionList (children 1)\n    Identifier File",
            "   TableExpression (children 1)\n    Function file (children 1)",
            "   TableExpression (children 1)\n    Function count (children 1)",
            "   TableExpression (children 1)\n    TableIdentifier system.processes",
            "   TableExpression (children 1)\n    TableIdentifier gaplessx.t",
            "   TableExpression (children 1)\n    TableIdentifier gapless_.t",
            "   TableExpression (children 1)\n    TableIdentifier gapless.t.u",
            "   TableExpression (children 1)\n    TableIdentifier /etc/passwd",
            "   Function in (children 1)\n    ExpressionList (children 2)\n     Identifier x\n     Identifier system.processes",
            "   Set",
            "   ColumnsApplyTransformer",
            "   Explain EXPLAIN (children 1)",
            "     Literal UInt64_1",
        ] {
            assert!(select(inner).is_err(), "{inner}");
        }
        for tree in [
            "",
            "ParallelWithQuery 2 SelectWithUnionQuery (children 2)",
            "Explain EXPLAIN (children 1)",
            "SelectWithUnionQuery (children 1)\nSelectWithUnionQuery (children 1)",
            "SelectWithUnionQuery (children 2)\n ExpressionList\n Literal 'x'",
            "SelectWithUnionQuery (children 2)\n ExpressionList\n Set",
            "SelectWithUnionQuery (children 1)\n Identifier CSV",
        ] {
            assert!(verdict(tree).is_err(), "{tree}");
        }
    }

    #[test]
    fn the_format_is_the_statements_own() {
        let tree = "SelectWithUnionQuery (children 2)\n ExpressionList (children 1)\n  SelectQuery\n \
                    Identifier JSON\n";
        assert_eq!(verdict(tree), Ok(Kind::Select(Some("JSON".into()))));
    }
}
