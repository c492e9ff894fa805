//! Reads a recording line by line, on a thread of its own, with a bounded lead.

use super::line::Line;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::mpsc;

/// How far a recording has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file that were read, compressed where it is.
    pub bytes_read: u64,
    /// Bytes of the file.
    pub bytes_total: u64,
    /// Lines that are done with.
    pub lines: u64,
}

/// A recording that cannot be read or sent on. Reaction: stop, with the sentence that this prints.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file.
    #[error("{path} cannot be read: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A line that is no JSON object with a `kind`.
    #[error("line {line} of {path} cannot be understood: {error}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// The webhook does not answer.
    #[error("{url} does not take deliveries: {reason}")]
    Webhook {
        /// Where they were sent.
        url: String,
        /// What happened last.
        reason: String,
    },
    /// The log does not take what is imported.
    #[error(transparent)]
    Log(#[from] crate::log::AppendError),
}

/// Lines that may be read ahead of their use.
const LEAD_LINES: usize = 64;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Lines of a recording, in order.
pub(super) struct Recording {
    lines: mpsc::Receiver<Result<Line, RecordingError>>,
    bytes_read: Arc<AtomicU64>,
    bytes_total: u64,
    taken: u64,
}

impl Recording {
    /// Opens `path`, which is taken for gzip where it begins like it.
    pub(super) async fn open(path: &Path) -> Result<Self, RecordingError> {
        let path = path.to_owned();
        let failed = |error| RecordingError::File {
            path: path.clone(),
            error,
        };
        let file = tokio::fs::File::open(&path).await.map_err(failed)?;
        let file = file.into_std().await;
        let bytes_total = file.metadata().map_err(failed)?.len();
        let bytes_read = Arc::new(AtomicU64::new(0));
        let (sender, lines) = mpsc::channel(LEAD_LINES);
        let counted = Counted {
            file,
            bytes_read: Arc::clone(&bytes_read),
        };
        tokio::task::spawn_blocking(move || read_lines(&path, counted, &sender));
        Ok(Self {
            lines,
            bytes_read,
            bytes_total,
            taken: 0,
        })
    }

    /// The next line; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Line>, RecordingError> {
        let line = self.lines.recv().await.transpose()?;
        self.taken += u64::from(line.is_some());
        Ok(line)
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            bytes_read: self.bytes_read.load(Relaxed),
            bytes_total: self.bytes_total,
            lines: self.taken,
        }
    }
}

/// A file that counts what is read of it.
struct Counted {
    file: File,
    bytes_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bytes_read.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

/// Reads until the end, the first fault, or until nobody listens.
fn read_lines(path: &Path, file: Counted, sender: &mpsc::Sender<Result<Line, RecordingError>>) {
    let failed = |error| RecordingError::File {
        path: path.to_owned(),
        error,
    };
    let mut reader: Box<dyn BufRead> = Box::new(BufReader::new(file));
    match reader.fill_buf() {
        Ok(begin) if begin.starts_with(&GZIP_MAGIC) => {
            reader = Box::new(BufReader::new(MultiGzDecoder::new(reader)));
        }
        Ok(_) => {}
        Err(error) => {
            let _ = sender.blocking_send(Err(failed(error)));
            return;
        }
    }
    let mut text = String::new();
    for number in 1.. {
        text.clear();
        let line = match reader.read_line(&mut text) {
            Ok(0) => return,
            Ok(_) if text.trim().is_empty() => continue,
            Ok(_) => Line::parse(&text).map_err(|error| RecordingError::Line {
                path: path.to_owned(),
                line: number,
                error,
            }),
            Err(error) => Err(failed(error)),
        };
        let is_last = line.is_err();
        if sender.blocking_send(line).is_err() || is_last {
            return;
        }
    }
}
