//! Runs the package manager that fetches a package, and reads its failure.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::progress::Progress;
use crate::error::Error;

/// Between two looks at how far a download is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

const REASON_MAX_CHARACTERS: usize = 200;

/// A program that fetches, and what to say when it is missing.
pub(super) struct Fetcher {
    pub(super) program: &'static str,
    pub(super) advice: &'static str,
    /// What it fetches, for messages.
    pub(super) what: &'static str,
}

impl Fetcher {
    /// Runs the program in `folder`; `downloads` is the folder inside it whose growth shows how
    /// far it is.
    ///
    /// # Errors
    /// The program is missing, the disk is full, or the program failed otherwise: most likely
    /// the network.
    pub(super) fn run(
        &self,
        arguments: &[String],
        folder: &Path,
        downloads: &Path,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let output_path = folder.join("output.txt");
        let status = self
            .wait(arguments, folder, &output_path, || {
                progress.at(size_bytes(downloads))
            })
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Error::Install {
                    program: self.program,
                    advice: self.advice,
                },
                _ => Error::io(folder, &error),
            })?;
        if status.success() {
            return Ok(());
        }
        let output = fs::read_to_string(&output_path).unwrap_or_default();
        Err(self.failure(&output, status, folder))
    }

    fn wait(
        &self,
        arguments: &[String],
        folder: &Path,
        output_path: &Path,
        mut look: impl FnMut(),
    ) -> io::Result<ExitStatus> {
        let output = fs::File::create(output_path)?;
        let mut child = Command::new(self.program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            look();
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn failure(&self, output: &str, status: ExitStatus, folder: &Path) -> Error {
        if output.contains("ENOSPC") || output.contains("No space left on device") {
            return Error::FreeDisk {
                path: folder.into(),
                needed_mb: super::SPACE_NEEDED_MB,
            };
        }
        if output.contains("JAVA_HOME") || output.contains("java: not found") {
            return Error::Install {
                program: "java",
                advice: crate::java::ADVICE,
            };
        }
        // The first line that speaks of an error says most; the rest is advice and traces.
        let reason = output
            .lines()
            .map(str::trim)
            .find(|line| line.to_lowercase().contains("err") && line.len() > 12)
            .map_or_else(
                || format!("{} ended with {status}", self.program),
                shortened,
            );
        Error::TryAgain {
            what: self.what,
            reason,
        }
    }
}

/// A sentence's worth of it, without what would colour a terminal.
fn shortened(line: &str) -> String {
    let plain = line.chars().filter(|c| !c.is_control());
    plain.take(REASON_MAX_CHARACTERS).collect()
}

/// What a folder holds, in bytes; what cannot be read counts nothing.
fn size_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
