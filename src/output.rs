//! Standard output, for which a reader that has seen enough (`gapless show … | head`) is no error.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints a line; where nobody reads any more, the program ends as if it had printed all.
pub(crate) fn line(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}") {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("gapless: standard output cannot be written: {error}");
            std::process::exit(1);
        }
    }
}

/// `println!` that survives a closed pipe.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}
pub(crate) use say;
