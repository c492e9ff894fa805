//! What a misspelt name was most likely meant to be.

/// Most slips in a name that is still recognised.
const SLIPS_MAX: usize = 3;

/// The known name nearest to `name`, where one is near enough.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, nearest) = known
        .iter()
        .map(|known| (strsim::levenshtein(name, known), *known))
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
