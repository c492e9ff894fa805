//! What a misspelt name was most likely meant to be.

/// Most slips in a name that is still recognised.
const SLIPS_MAX: usize = 3;

/// The known name nearest to `name`, where one is near enough.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, nearest) = known
        .iter()
        .map(|known| (distance(name, known), *known))
        .min()?;
    let allowed = SLIPS_MAX.min((name.chars().count() + 1) / 3);
    (distance <= allowed).then_some(nearest)
}

/// What to do about an unknown name, as the end of a sentence.
pub(super) fn hint(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => {
            let mut known = known.to_vec();
            known.sort_unstable();
            known.dedup();
            format!("leave it out, or use one of {}", known.join(", "))
        }
    }
}

/// Insertions, deletions and replacements that lead from one name to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, from) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_something_else_is_not() {
        let known = ["webhook_secrets", "owner", "host"];
        let table = [
            ("webhook_secret", Some("webhook_secrets")),
            ("onwer", Some("owner")),
            ("owners", Some("owner")),
            ("hots", None),
            ("colour", None),
        ];
        for (name, expected) in table {
            assert_eq!(nearest(name, &known), expected, "{name}");
        }
    }
}
