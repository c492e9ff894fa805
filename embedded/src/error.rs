//! What went wrong, named by what the reader does about it.

use std::path::{Path, PathBuf};

/// Why an embedded part is not there. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that must be on the machine is not: install it.
    #[error("{program} was not found: {advice}")]
    Install {
        /// The program that was looked for.
        program: &'static str,
        /// What to install.
        advice: &'static str,
    },
    /// The disk is full: make room.
    #[error("no space is left for {path}: free at least {needed_mb} MB and start again")]
    FreeDisk {
        /// Where the space ran out.
        path: PathBuf,
        /// What is needed, in megabytes.
        needed_mb: u64,
    },
    /// Another instance holds the folder: stop it, or choose another folder.
    #[error(
        "{data_dir} is in use by another gapless (process {pid}): stop it, or choose another \
         folder with --data-dir"
    )]
    StopOther {
        /// The folder.
        data_dir: PathBuf,
        /// The other's process id, or `unknown`.
        pid: String,
    },
    /// A download failed for a reason that may pass: try again.
    #[error("{what} could not be fetched ({reason}): check the network and start again")]
    TryAgain {
        /// What was fetched.
        what: &'static str,
        /// The fetching program's last words.
        reason: String,
    },
    /// This machine's kind has no such part: use an external one.
    #[error("{what} is not available for {platform}: configure an external one")]
    UseExternal {
        /// The part.
        what: &'static str,
        /// The machine's kind.
        platform: String,
    },
    /// A folder or file cannot be used: correct its path or its rights.
    #[error("{path} cannot be used ({reason}): correct the path or its permissions")]
    FixPath {
        /// The path.
        path: PathBuf,
        /// The system's text.
        reason: String,
    },
    /// The log's storage is damaged: put its backup back.
    #[error(
        "the log in {storage} is damaged ({reason}): put the folder back from a backup, or move it \
         away to begin with an empty log; nothing in it was changed"
    )]
    RestoreLog {
        /// The storage's folder.
        storage: PathBuf,
        /// What was seen of it.
        reason: String,
    },
    /// A file of ours is damaged and can be made anew: remove it.
    #[error("{path} is damaged ({reason}): remove it, and start again; it is made anew")]
    RemoveFile {
        /// The file.
        path: PathBuf,
        /// What was seen of it.
        reason: String,
    },
    /// A part does not start or does not stay up: look into its log.
    #[error(
        "{part} does not run ({reason}): look into {log}{}",
        where_damaged(part)
    )]
    ReadLog {
        /// The part.
        part: &'static str,
        /// What was seen of it.
        reason: String,
        /// Its log file.
        log: PathBuf,
    },
}

/// What to do where the log says that the part's files are damaged, as the end of a sentence.
fn where_damaged(part: &str) -> &'static str {
    match part {
        crate::kafka::NAME => "; where its folder is damaged, put it back from a backup",
        crate::clickhouse::NAME => {
            "; where its folder is damaged, docs/operations.md says how it is written again from the log"
        }
        _ => "",
    }
}

impl Error {
    /// A file operation on `path` that failed.
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::FreeDisk {
                path: path.into(),
                needed_mb: crate::cache::SPACE_NEEDED_MB,
            };
        }
        Self::FixPath {
            path: path.into(),
            reason: error.to_string(),
        }
    }
}
