//! Arguments of a macro, cut as the data source cuts them: at commas outside inner brackets,
//! blind to quotes (so queries hold no bracket or comma in a literal inside a macro).

/// The arguments of a call that begins with its bracket, and what follows it; none where no
/// bracket begins or it is not closed.
#[allow(
    clippy::string_slice,
    reason = "cut before and after brackets and commas, which have one byte"
)]
pub(super) fn arguments(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut given = Vec::new();
    let (mut depth, mut begin) = (0_usize, 1);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            _ if depth == 0 => return None,
            ')' => depth -= 1,
            ',' if depth == 1 => {
                given.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
        if depth == 0 {
            given.push(&text[begin..at]);
            return Some((given, &text[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_cut_at_commas_outside_inner_brackets() {
        for (text, expected) in [
            ("(a)", Some((vec!["a"], ""))),
            (
                "(f(a, b), $v) AND x",
                Some((vec!["f(a, b)", " $v"], " AND x")),
            ),
            ("()", Some((vec![""], ""))),
            ("(a", None),
            (" (a)", None),
            ("", None),
        ] {
            assert_eq!(arguments(text), expected, "{text}");
        }
    }
}
