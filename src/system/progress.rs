//! What a person at a terminal sees while the system starts and stops.

use std::io::IsTerminal;

/// One line on a terminal; a log line elsewhere.
pub(crate) fn step(what: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("… {what}");
    } else {
        tracing::info!("{what}");
    }
}
