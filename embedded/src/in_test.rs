//! How a test of real parts begins.

use crate::{Embedded, Error, Options, PartCommand};
use std::io::{Write as _, stderr};
use std::path::Path;

impl Options {
    /// For a test: the user's own cache, and as the program of every part the test binary itself, which
    /// has a test called `embedded_part` that calls [`crate::become_part_if_asked`].
    ///
    /// # Panics
    /// Where the system does not say where this program is.
    pub fn in_test(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            cache_dir: None,
            part_command: PartCommand::this_test("embedded_part").expect("this program is a file"),
        }
    }
}

impl Embedded {
    /// Starts Kafka and ClickHouse for a test, in `data_dir`; see [`Options::in_test`]. Nothing, and a
    /// word on stderr, where they cannot be fetched or run here: the test then says no more.
    ///
    /// # Panics
    /// Where they fail in any other way.
    pub async fn start_in_test(data_dir: &Path) -> Option<Self> {
        match Self::start(Options::in_test(data_dir)).await {
            Ok(embedded) => Some(embedded),
            Err(
                error
                @ (Error::TryAgain { .. } | Error::Install { .. } | Error::UseExternal { .. }),
            ) => {
                let _ = writeln!(stderr(), "skipped: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }
}
