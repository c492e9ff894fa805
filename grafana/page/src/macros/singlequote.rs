//! Values as SQL literals.

/// `'a','b'`. Escapes `\` first, then `'`.
pub(crate) fn singlequote(values: &[String]) -> String {
    let quoted: Vec<String> = values
        .iter()
        .map(|value| format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'")))
        .collect();
    quoted.join(",")
}
