//! Just enough lexing of SQL to find in the writer's statements what ClickHouse's HTTP handler finds
//! with its parser. A reader's statements never come here: see [`crate::judge`].
//!
//! Three questions are answered: does the statement take data from the request, and where does
//! it start; which output format does it name; is it one that must be refused. All three
//! hold whatever stands in strings, quoted names and comments. The lexer never fails: what is
//! no SQL is left to the engine, which says so.

/// A lexed piece of the statement: a byte range, and how many brackets are open around it.
#[derive(Clone, Copy, Debug)]
struct Token {
    start: usize,
    end: usize,
    depth: i32,
    kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenKind {
    /// A bare word or number.
    Word,
    /// A name in backticks or double quotes.
    QuotedName,
    /// A string literal.
    Text,
    /// One character of punctuation.
    Sign,
    /// A quote that nothing closes, and all behind it.
    Unclosed,
}

/// What the front does with a statement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    /// Answers rows and can be streamed.
    Select,
    /// Takes its data from the request. The statement without its FORMAT clause ends at
    /// `head_end`; inline data starts at `data_start`.
    Insert {
        head_end: usize,
        format: String,
        data_start: usize,
    },
    /// Anything else: run as a whole.
    Other,
}

/// Whether lexing stops where an insert's inline data starts (it need not be SQL), or runs on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Data,
    End,
}

/// What the engine takes for the beginning of a comment that lasts to the end of its line.
const LINE_COMMENTS: [&[u8]; 4] = [b"--", b"//", b"# ", b"#!"];

fn lex(sql: &[u8], until: Until) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while at < sql.len() {
        let start = at;
        let kind = match sql[at] {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => {
                at += 1;
                continue;
            }
            b'#' | b'-' | b'/' if LINE_COMMENTS.iter().any(|it| sql[at..].starts_with(it)) => {
                at = line_end(sql, at);
                continue;
            }
            b'/' if sql[at..].starts_with(b"/*") => {
                at = comment_end(sql, at);
                continue;
            }
            quote @ (b'\'' | b'"' | b'`') => {
                let end = quoted_end(sql, at, quote);
                at = end.unwrap_or(sql.len());
                match (end, quote) {
                    (None, _) => TokenKind::Unclosed,
                    (Some(_), b'\'') => TokenKind::Text,
                    (Some(_), _) => TokenKind::QuotedName,
                }
            }
            byte if is_word(byte) => {
                while at < sql.len() && is_word(sql[at]) {
                    at += 1;
                }
                TokenKind::Word
            }
            sign => {
                at += 1;
                if matches!(sign, b')' | b']' | b'}') {
                    depth -= 1;
                }
                TokenKind::Sign
            }
        };
        let token = Token {
            start,
            end: at,
            depth,
            kind,
        };
        if matches!(sql[start], b'(' | b'[' | b'{') && kind == TokenKind::Sign {
            depth += 1;
        }
        tokens.push(token);
        if until == Until::Data && data_follows(sql, &tokens) {
            break;
        }
    }
    tokens
}

/// Whether an insert's inline data may follow: the last token is VALUES, or FORMAT's name.
fn data_follows(sql: &[u8], tokens: &[Token]) -> bool {
    // A keyword right behind INTO, TABLE or a dot is a table's name.
    let is_keyword = |index: usize, keyword: &str| {
        let names_a_table = index.checked_sub(1).is_some_and(|before| {
            let before = &tokens[before];
            before.is(sql, "into") || before.is(sql, "table") || before.is_sign(sql, b'.')
        });
        tokens[index].is(sql, keyword) && !names_a_table
    };
    let Some(last) = tokens.len().checked_sub(1) else {
        return false;
    };
    let is_format_name = tokens[last].depth == 0 && tokens[last].is_name();
    is_keyword(last, "values") || (is_format_name && last > 0 && is_keyword(last - 1, "format"))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn line_end(sql: &[u8], from: usize) -> usize {
    sql[from..]
        .iter()
        .position(|b| *b == b'\n')
        .map_or(sql.len(), |n| from + n)
}

/// The end of the comment that begins at `from`. As in the engine, comments hold comments.
fn comment_end(sql: &[u8], from: usize) -> usize {
    let mut at = from + 2;
    let mut open = 1;
    while open > 0 && at < sql.len() {
        let (step, change) = match &sql[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        at += step;
        open += change;
    }
    at
}

/// The end of what `quote` opened at `from`, if it has one; a backslash or a doubled quote goes on.
fn quoted_end(sql: &[u8], from: usize, quote: u8) -> Option<usize> {
    let mut at = from + 1;
    while at < sql.len() {
        match sql[at] {
            b'\\' => at += 2,
            byte if byte == quote && sql.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

impl Token {
    /// A keyword outside all brackets.
    fn is(&self, sql: &[u8], keyword: &str) -> bool {
        self.depth == 0 && self.is_anywhere(sql, keyword)
    }

    fn is_anywhere(&self, sql: &[u8], keyword: &str) -> bool {
        self.kind == TokenKind::Word
            && sql[self.start..self.end].eq_ignore_ascii_case(keyword.as_bytes())
    }

    fn is_name(&self) -> bool {
        matches!(self.kind, TokenKind::Word | TokenKind::QuotedName)
    }

    fn is_sign(&self, sql: &[u8], sign: u8) -> bool {
        self.kind == TokenKind::Sign && sql[self.start] == sign
    }

    fn text(&self, sql: &[u8]) -> String {
        String::from_utf8_lossy(&sql[self.start..self.end]).into_owned()
    }
}

/// What the statement is.
pub(crate) fn classify(sql: &[u8]) -> Statement {
    let tokens = lex(sql, Until::Data);
    let Some(first) = tokens.iter().find(|t| !t.is_sign(sql, b'(')) else {
        return Statement::Other;
    };
    if ["select", "with", "from"]
        .iter()
        .any(|k| first.is_anywhere(sql, k))
    {
        return Statement::Select;
    }
    if !first.is(sql, "insert") {
        return Statement::Other;
    }
    insert(sql, &tokens).unwrap_or(Statement::Other)
}

/// An insert's parts; none when its data does not come from the request.
fn insert(sql: &[u8], tokens: &[Token]) -> Option<Statement> {
    // The table's name is skipped, so that a table called `format` is no keyword.
    let mut at = 1;
    while ["into", "table", "function"]
        .iter()
        .any(|k| tokens.get(at).is_some_and(|t| t.is(sql, k)))
    {
        at += 1;
    }
    at += 1;
    while tokens.get(at).is_some_and(|t| t.is_sign(sql, b'.')) {
        at += 2;
    }
    for (index, token) in tokens.iter().enumerate().skip(at) {
        if ["select", "with", "infile", "watch"]
            .iter()
            .any(|k| token.is(sql, k))
        {
            return None;
        }
        if token.is(sql, "values") {
            return Some(Statement::Insert {
                head_end: token.start,
                format: "Values".into(),
                data_start: token.end,
            });
        }
        let format = tokens.get(index + 1).filter(|t| t.is_name());
        if let (true, Some(format)) = (token.is(sql, "format"), format) {
            return Some(Statement::Insert {
                head_end: token.start,
                format: format.text(sql),
                data_start: data_start(sql, format.end),
            });
        }
    }
    None
}

/// Inline data starts after the blanks behind the format's name and one line end.
fn data_start(sql: &[u8], from: usize) -> usize {
    let mut at = from;
    while matches!(sql.get(at), Some(b' ' | b'\t' | 0x0c)) {
        at += 1;
    }
    if sql.get(at) == Some(&b'\r') {
        at += 1;
    }
    if sql.get(at) == Some(&b'\n') {
        at += 1;
    }
    at
}

/// The FORMAT that a query with output names, if it names one.
pub(crate) fn output_format(sql: &[u8]) -> Option<String> {
    let tokens = lex(sql, Until::End);
    let index = tokens.iter().rposition(|t| t.is(sql, "format"))?;
    let format = tokens.get(index + 1).filter(|t| t.is_name())?;
    let at_end = tokens
        .get(index + 2)
        .is_none_or(|after| after.is(sql, "settings") || after.is_sign(sql, b';'));
    (index > 0 && at_end).then(|| format.text(sql))
}

/// Why a statement of the writer's is refused, if it is: several statements at once, and
/// `INTO OUTFILE`, which this engine obeys itself. What a reader may send is not decided here.
pub(crate) fn refusal(sql: &[u8]) -> Option<String> {
    // An insert's inline data need not be SQL.
    let tokens = lex(sql, Until::Data);
    let end = tokens.iter().position(|t| t.is_sign(sql, b';'));
    if end.is_some_and(|at| tokens[at..].iter().any(|t| !t.is_sign(sql, b';'))) {
        return Some("more than one statement is not allowed".into());
    }
    let mut pairs = tokens.windows(2);
    pairs
        .any(|w| w[0].is_anywhere(sql, "into") && w[1].is_anywhere(sql, "outfile"))
        .then(|| "INTO OUTFILE is not allowed".into())
}

#[cfg(test)]
mod tests;
