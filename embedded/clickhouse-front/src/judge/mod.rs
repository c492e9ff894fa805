//! Whether a reader's statement may run, judged by the engine's own parser.
//!
//! The front knows no SQL to tell a reader's statement by. It asks the engine, on a session with a
//! reader's rights and bounds and **none of the reader's settings** (one that cuts answers short, such
//! as `result_overflow_mode`, would cut the tree), in two steps:
//!
//! 1. `formatQuerySingleLine` of the statement **as a value**: a text in a parameter is no SQL,
//!    so nothing of it can run. The engine parses it whole, as exactly one statement, or says what is wrong;
//!    the answer is the statement in the engine's own writing, without comments and odd spellings.
//!    The same is done to that answer and must not change it: so it, too, is one statement, whole.
//! 2. `EXPLAIN AST` before that answer, which prints the syntax tree. What follows `AST` is read by
//!    the same parser that read it whole a moment ago, which leaves nothing over that could be a
//!    statement of its own. The tree has the values of the reader's parameters in their places.
//!
//! [`tree`] judges the tree by lists of what is allowed. What runs is the engine's writing, the
//! very bytes that were judged, never what the reader sent.
//!
//! The two cost about as much as the engine takes to plan the statement (1.4 ms of CPU for the
//! smallest, 10 ms for one of 3 KB), so what was allowed lately is remembered by its very bytes: a
//! verdict depends on them and on the values of parameters alone.
//!
//! Step 2 puts a reader's text where SQL stands. Should the argument above be wrong, the text is on a
//! session that may only read ([`crate::configuration`]), in a process that can reach nothing
//! ([`crate::confine`]).

mod tree;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::exception::{Exception, Refusal};
use crate::ffi::{Connection, Parameters};
use tree::Kind;
pub(crate) use tree::is_readable;

/// The name of the parameter that holds a statement.
const STATEMENT: &str = "statement";
const NORMALISE: &str = "WITH formatQuerySingleLine({statement:String}) AS once \
                         SELECT once, formatQuerySingleLine(once) = once";

/// Statements that are remembered; at the bound all are forgotten.
const REMEMBERED_MAX: usize = 256;
/// Longer ones are judged each time.
const REMEMBERED_MAX_BYTES: usize = 8 << 10;

/// What a verdict depends on: the statement, and the values of its parameters.
type Asked = (Vec<u8>, Vec<(String, String)>);

/// A statement that may run.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// It, in the engine's writing.
    pub(crate) sql: String,
    /// The output format that it names.
    pub(crate) format: Option<String>,
    /// It is a query whose rows can be sent as they come.
    pub(crate) is_select: bool,
}

/// Judges readers' statements.
#[derive(Debug)]
pub(crate) struct Judge {
    /// Functions of this engine that no reader may call, in lower case.
    not_allowed: HashSet<String>,
    /// Statements that were allowed lately.
    allowed: Mutex<HashMap<Asked, Judged>>,
}

impl Judge {
    /// A judge of statements for the engine behind `connection`.
    pub(crate) fn new(connection: &Connection) -> Result<Self, Exception> {
        let names = "SELECT DISTINCT lower(name) FROM system.functions";
        let answer = connection.query(names.as_bytes(), "TSVRaw", &[])?;
        let names = String::from_utf8_lossy(answer.data());
        let not_allowed = names
            .lines()
            .filter(|name| !tree::is_allowed(name))
            .map(str::to_owned)
            .collect();
        Ok(Self {
            not_allowed,
            allowed: Mutex::default(),
        })
    }

    /// Judges a statement. `session` begins one that is narrowed to a reader's rights and bounds and
    /// has none of the reader's settings; the statement then runs on another.
    ///
    /// # Errors
    /// What the engine's parser says, or why a reader may not run it.
    pub(crate) fn judge(
        &self,
        session: impl FnOnce() -> Result<Connection, Exception>,
        sql: &[u8],
        parameters: &Parameters,
    ) -> Result<Judged, Exception> {
        let bytes: usize = parameters.iter().map(|(n, v)| n.len() + v.len()).sum();
        if sql.len() + bytes > REMEMBERED_MAX_BYTES {
            return self.judge_anew(&session()?, sql, parameters);
        }
        let asked = (sql.to_vec(), parameters.to_vec());
        let allowed = || self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judged) = allowed().get(&asked) {
            return Ok(judged.clone());
        }
        let judged = self.judge_anew(&session()?, sql, parameters)?;
        let mut allowed = allowed();
        if allowed.len() >= REMEMBERED_MAX {
            allowed.clear();
        }
        allowed.insert(asked, judged.clone());
        Ok(judged)
    }

    fn judge_anew(
        &self,
        connection: &Connection,
        sql: &[u8],
        parameters: &Parameters,
    ) -> Result<Judged, Exception> {
        let refuse = |reason: String| Exception::refuse(Refusal::AccessDenied, reason);
        let sql = normal(connection, sql)?;
        if let Some(reason) = unclear(&sql) {
            return Err(refuse(reason));
        }
        let explain = format!("EXPLAIN AST {sql}");
        let answer = connection.query(explain.as_bytes(), "TSVRaw", parameters)?;
        let tree = String::from_utf8_lossy(answer.data());
        let kind = tree::judge(&tree, &self.not_allowed).map_err(refuse)?;
        let (format, is_select) = match kind {
            Kind::Select(format) => (format, true),
            Kind::Describe(format) => (format, false),
            Kind::Show if is_plain_show(&sql) => (None, false),
            Kind::Show => return Err(refuse("a reader's SHOW has no conditions".into())),
        };
        Ok(Judged {
            sql,
            format,
            is_select,
        })
    }
}

/// The statement in the engine's own writing.
fn normal(connection: &Connection, sql: &[u8]) -> Result<String, Exception> {
    let text = std::str::from_utf8(sql).map_err(|_| {
        Exception::refuse(
            Refusal::SyntaxError,
            "Syntax error: the statement is no UTF-8",
        )
    })?;
    let parameters = [(STATEMENT.to_owned(), escaped(text))];
    let answer = connection
        .query(NORMALISE.as_bytes(), "TSVRaw", &parameters)
        .map_err(|error| error.before(": In scope WITH formatQuerySingleLine("))?;
    let answer = std::str::from_utf8(answer.data()).map_err(|_| {
        Exception::refuse(
            Refusal::SyntaxError,
            "Syntax error: a string in the statement is no UTF-8",
        )
    })?;
    match answer.trim_end_matches('\n').rsplit_once('\t') {
        Some((sql, "1")) => Ok(sql.to_owned()),
        _ => Err(Exception::refuse(
            Refusal::SyntaxError,
            "Syntax error: the engine does not read this statement twice in one way",
        )),
    }
}

/// A text as the engine reads it in a parameter of the type String.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str(r"\\"),
            '\n' => escaped.push_str(r"\n"),
            '\r' => escaped.push_str(r"\r"),
            '\t' => escaped.push_str(r"\t"),
            '\0' => escaped.push_str(r"\0"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Why a statement in the engine's writing has a tree that could be misread: a name with a line
/// break would print a line of its own. In that writing, strings stand in `'` and odd names in `` ` ``,
/// both with escapes.
fn unclear(sql: &str) -> Option<String> {
    if sql.chars().any(char::is_control) {
        return Some("a reader's statement has no control characters but in strings".into());
    }
    let mut quote = None;
    let mut characters = sql.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some('`'), '\\') => return Some("a reader's names have no escapes".into()),
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(open), character) if character == open => quote = None,
            (None, '\'' | '`') => quote = Some(character),
            // Its value would stand in the tree as it is.
            (None, ':') if sql[at..].starts_with(":Identifier}") => {
                return Some("a reader's parameters are values, not names".into());
            }
            _ => {}
        }
    }
    quote.map(|quote| format!("the quote {quote} is not closed"))
}

/// Whether a SHOW is of tables or databases, all of them.
fn is_plain_show(sql: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    matches!(sql, "SHOW DATABASES" | "SHOW TABLES")
        || sql.strip_prefix("SHOW TABLES FROM ").is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_print_lines_are_found() {
        for sql in [
            r"SELECT `a\nb`",
            r"SELECT 'it\'s', `a\\b`",
            "SELECT 'a\nb'",
            "SELECT `a",
            "SELECT {t:Identifier}",
        ] {
            assert!(unclear(sql).is_some(), "{sql}");
        }
        for sql in [
            r"SELECT 'a\nb', `a'b`, 'a`b', {t:String}, '{t:Identifier}'",
            "SELECT 'it''s', ``",
        ] {
            assert_eq!(unclear(sql), None, "{sql}");
        }
    }

    #[test]
    fn shows_are_told_by_their_whole_text() {
        for sql in ["SHOW TABLES", "SHOW DATABASES", "SHOW TABLES FROM gapless"] {
            assert!(is_plain_show(sql), "{sql}");
        }
        for sql in [
            "SHOW TABLES FROM a WHERE file('x')",
            "SHOW TABLES LIKE 'x'",
            "SHOW CREATE x",
        ] {
            assert!(!is_plain_show(sql), "{sql}");
        }
    }
}
