//! What to do where something was not reached over the network.
//!
//! Each client prints causes of its own, down to the system's calls; some are text alone (octocrab's).
//! So a kind is known by its words, which the tests take from failures
//! that they make. The cause stays at the end of the sentence, for whoever knows it.

/// Why something was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    Refused,
    Tls,
    Time,
    Other,
}

/// Words of each kind. A failed name or handshake is told as a failed connection, too, and so are
/// waits for one: the more special kinds come first.
const WORDS: [(Kind, &[&str]); 4] = [
    (Kind::Name, &["dns error", "failed to lookup"]),
    (Kind::Tls, &["certificate", "tls", "corrupt message"]),
    (
        Kind::Time,
        &["timed out", "timeout", "in time", "deadline has elapsed"],
    ),
    (Kind::Refused, &["connection refused"]),
];

impl Kind {
    fn of(cause: &str) -> Self {
        // An address may hold any word.
        let words = cause
            .split_whitespace()
            .filter(|word| !word.contains("://"));
        let cause = words.collect::<Vec<_>>().join(" ").to_lowercase();
        let found = WORDS
            .iter()
            .find(|(_, words)| words.iter().any(|word| cause.contains(word)));
        found.map_or(Self::Other, |(kind, _)| *kind)
    }
}

/// Whether `cause` is known for a failure of the network's: others answer, and say no.
pub(super) fn is_known(cause: &str) -> bool {
    Kind::of(cause) != Kind::Other
}

/// A sentence on `address`, which the configuration tells under `setting` and which was not reached
/// because of `cause`: what that means, and what to do.
pub(super) fn unreached(address: &str, setting: &str, cause: &str) -> String {
    let advice = match Kind::of(cause) {
        Kind::Name => {
            format!("its name is not known here: correct {setting}, or this machine's DNS")
        }
        Kind::Refused => format!(
            "the connection was refused: correct {setting}, start what is to listen there, or let a \
             firewall pass it"
        ),
        Kind::Tls => format!(
            "no encrypted connection came about: correct {setting}, or have this machine trust the \
             certificate that is shown there (its own, or that of a proxy in between)"
        ),
        Kind::Time => format!(
            "no answer came in time: correct {setting}, or let a firewall pass it; no proxy is used"
        ),
        Kind::Other => format!(
            "the connection failed: correct {setting}, or see whether this machine has a way there"
        ),
    };
    format!("{address} was not reached, {advice} ({cause})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_says_what_to_do_and_ends_with_its_cause() {
        for (cause, kind, advice) in [
            (
                "client error (Connect): dns error: failed to lookup address information: Name or \
                 service not known",
                Kind::Name,
                "DNS",
            ),
            (
                "client error (Connect): tcp connect error: Connection refused (os error 111)",
                Kind::Refused,
                "start what is to listen there",
            ),
            (
                "client error (Connect): invalid peer certificate: UnknownIssuer",
                Kind::Tls,
                "trust the certificate",
            ),
            (
                "client error (Connect): received corrupt message of type InvalidContentType",
                Kind::Tls,
                "trust the certificate",
            ),
            (
                "client error (Connect): tls handshake eof",
                Kind::Tls,
                "encrypted",
            ),
            ("operation timed out", Kind::Time, "firewall"),
            ("no answer in time", Kind::Time, "firewall"),
            (
                "request for url (http://tls.timeout/): Connection refused (os error 111)",
                Kind::Refused,
                "start what is to listen there",
            ),
            (
                "tcp connect error: Network is unreachable (os error 101)",
                Kind::Other,
                "has a way there",
            ),
            (
                "Connection reset by peer (os error 104)",
                Kind::Other,
                "has a way there",
            ),
        ] {
            assert_eq!(Kind::of(cause), kind, "{cause}");
            let said = unreached("http://there", "[there] url", cause);
            assert!(said.starts_with("http://there was not reached, "), "{said}");
            assert!(said.contains(advice), "{said}");
            assert!(said.contains("correct [there] url"), "{said}");
            assert!(said.ends_with(&format!(" ({cause})")), "{said}");
        }
    }
}
