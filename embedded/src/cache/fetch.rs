//! Runs the package manager that fetches a package, and reads its failure.
//!
//! It is run as a part is ([`crate::part`]), so that it dies with this program: a start that fails or
//! is interrupted leaves no download behind that goes on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::progress::Progress;
use crate::error::Error;
use crate::part::{Part, PartCommand, command_without_secrets};

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
    /// Runs the program in `folder`, by `part_command` where there is one; `downloads` is the folder
    /// inside it whose growth shows how far it is.
    ///
    /// # Errors
    /// The program is missing, the disk is full, or the program failed otherwise: most likely
    /// the network.
    pub(super) fn run(
        &self,
        part_command: Option<&PartCommand>,
        arguments: &[String],
        folder: &Path,
        downloads: &Path,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let program = on_path(self.program).ok_or(Error::Install {
            program: self.program,
            advice: self.advice,
        })?;
        let mut command = match part_command {
            Some(part_command) => part_command.std_command(Part::Program {
                program,
                arguments: arguments.to_vec(),
            }),
            None => {
                let mut command = command_without_secrets(program);
                command.args(arguments);
                command
            }
        };
        let output_path = folder.join("output.txt");
        let status = wait(command.current_dir(folder), &output_path, || {
            progress.at(size_bytes(downloads));
        })
        .map_err(|error| Error::io(folder, &error))?;
        if status.success() {
            return Ok(());
        }
        let output = fs::read_to_string(&output_path).unwrap_or_default();
        Err(self.failure(&output, status, folder))
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
        // The line that gives a reason says most, else the first that speaks of an error; the rest is
        // advice and traces.
        let lines = || output.lines().map(str::trim);
        let reason = lines()
            .find(|line| line.contains("reason:"))
            .or_else(|| lines().find(|line| line.to_lowercase().contains("err") && line.len() > 12))
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

/// Where the program is on `PATH`.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
    places.find(|place| place.is_file())
}

/// Runs a command to its end, with what it prints in a file.
fn wait(
    command: &mut Command,
    output_path: &Path,
    mut look: impl FnMut(),
) -> io::Result<ExitStatus> {
    let output = fs::File::create(output_path)?;
    let mut child = command
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

/// A sentence's worth of it, without what would colour a terminal: `ESC [ … m`.
fn shortened(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_string();
    let plain = pieces.fold(first, |plain, piece| {
        plain + piece.split_once('m').map_or(piece, |(_, rest)| rest)
    });
    let plain = plain.chars().filter(|c| !c.is_control());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_without_colours_and_not_at_length() {
        let coloured = "\u{1b}[0m\u{1b}[1;31m[ERROR]\u{1b}[m Plugin\tnot found";
        assert_eq!(shortened(coloured), "[ERROR] Pluginnot found");
        assert_eq!(shortened(&"x".repeat(999)).len(), REASON_MAX_CHARACTERS);
    }
}
