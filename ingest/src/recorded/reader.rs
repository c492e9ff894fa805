//! Reads a recording line by line, on a thread of its own, with a lead that is bounded in lines and
//! in bytes.

use super::line::Line;
use flate2::read::MultiGzDecoder;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

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
    #[error("line {line} of {path} cannot be understood: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
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
/// How long lines may be, and how much may be read ahead. The largest delivery has 25 MB.
const BOUNDS: Bounds = Bounds {
    line_bytes: 32 << 20,
    lead_bytes: 64 << 20,
};
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

#[derive(Clone, Copy)]
struct Bounds {
    line_bytes: u32,
    /// No less than one line.
    lead_bytes: u32,
}

/// A line, or why there is none; and its share of the lead, which ends when it is taken.
type Ahead = (Result<Line, RecordingError>, Option<OwnedSemaphorePermit>);

/// Lines of a recording, in order.
pub(super) struct Recording {
    lines: mpsc::Receiver<Ahead>,
    bytes_read: Arc<AtomicU64>,
    bytes_total: u64,
    taken: u64,
}

impl Recording {
    /// Opens `path`, which is taken for gzip where it begins like it.
    pub(super) async fn open(path: &Path) -> Result<Self, RecordingError> {
        Self::open_within(path, BOUNDS).await
    }

    async fn open_within(path: &Path, bounds: Bounds) -> Result<Self, RecordingError> {
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
        tokio::task::spawn_blocking(move || read_lines(&path, counted, bounds, &sender));
        Ok(Self {
            lines,
            bytes_read,
            bytes_total,
            taken: 0,
        })
    }

    /// The next line; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Line>, RecordingError> {
        let line = self.lines.recv().await.map(|(line, _)| line).transpose()?;
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
fn read_lines(path: &Path, file: Counted, bounds: Bounds, sender: &mpsc::Sender<Ahead>) {
    let lead = Arc::new(Semaphore::new(bounds.lead_bytes as usize));
    let mut lines = Lines {
        path,
        reader: Box::new(BufReader::new(file)),
        number: 0,
        bytes_max: bounds.line_bytes,
    };
    if let Err(error) = lines.unpack() {
        let _ = sender.blocking_send((Err(error), None));
        return;
    }
    while let Some(read) = lines.next().transpose() {
        let ahead = match read {
            Ok((line, bytes)) => {
                // Never closed. Where nobody listens any more, what was read ahead is given back.
                let share = Arc::clone(&lead).acquire_many_owned(bytes);
                (Ok(line), Handle::current().block_on(share).ok())
            }
            Err(error) => (Err(error), None),
        };
        let is_last = ahead.0.is_err();
        if sender.blocking_send(ahead).is_err() || is_last {
            return;
        }
    }
}

/// The file as lines, with the number of the last one that was read.
struct Lines<'a> {
    path: &'a Path,
    reader: Box<dyn BufRead>,
    number: u64,
    bytes_max: u32,
}

impl Lines<'_> {
    /// Reads on unpacked where it is packed.
    fn unpack(&mut self) -> Result<(), RecordingError> {
        let begin = self.reader.fill_buf();
        let is_packed = begin.map(|begin| begin.starts_with(&GZIP_MAGIC));
        if is_packed.map_err(|error| self.failed(error))? {
            let packed = std::mem::replace(&mut self.reader, Box::new(io::empty()));
            self.reader = Box::new(BufReader::new(MultiGzDecoder::new(packed)));
        }
        Ok(())
    }

    /// The next line that is not blank, and its size; none at the end.
    fn next(&mut self) -> Result<Option<(Line, u32)>, RecordingError> {
        loop {
            let mut bytes = Vec::new();
            // One more than a line may have, so that one that is too long is known as such.
            let mut reader = (&mut self.reader).take(u64::from(self.bytes_max) + 1);
            let read = reader.read_until(b'\n', &mut bytes);
            if read.map_err(|error| self.failed(error))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let size = u32::try_from(bytes.len()).ok();
            let Some(size) = size.filter(|size| *size <= self.bytes_max) else {
                let mib = self.bytes_max >> 20;
                return Err(self.not_understood(&format!("it is longer than {mib} MiB")));
            };
            let Ok(text) = std::str::from_utf8(&bytes) else {
                return Err(self.not_understood(&"it is no text in UTF-8"));
            };
            if text.trim().is_empty() {
                continue;
            }
            let line = Line::parse(text).map_err(|error| self.not_understood(&error))?;
            return Ok(Some((line, size)));
        }
    }

    fn failed(&self, error: io::Error) -> RecordingError {
        RecordingError::File {
            path: self.path.to_owned(),
            error,
        }
    }

    fn not_understood(&self, reason: &dyn Display) -> RecordingError {
        RecordingError::Line {
            path: self.path.to_owned(),
            line: self.number,
            reason: reason.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[tokio::test]
    async fn a_line_that_cannot_be_taken_is_told_by_its_number() {
        let bounds = Bounds {
            line_bytes: 1 << 20,
            lead_bytes: 1 << 20,
        };
        let long = [b"x".repeat(1 << 20), b"\n".to_vec()].concat();
        let table: [(&[u8], &str); 3] = [
            (b"{\"kind\":\"\xff\"}\n", "no text in UTF-8"),
            (b"{}\n", "missing field `kind`"),
            (&long, "longer than 1 MiB"),
        ];
        for (wrong, expected) in table {
            let begin = b"{\"kind\":\"else\"}\n\n";
            let file = file(&[begin, wrong].concat());
            let mut recording = Recording::open_within(file.path(), bounds).await.unwrap();
            assert!(recording.next().await.unwrap().is_some());
            let error = recording.next().await.unwrap_err();
            assert!(
                matches!(error, RecordingError::Line { line: 3, .. }),
                "{error}"
            );
            assert!(error.to_string().contains(expected), "{error}");
            assert!(recording.next().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn what_is_read_ahead_is_bounded_in_bytes() {
        const LINE: usize = 8_000;
        const LINES: usize = 300;
        let bounds = Bounds {
            line_bytes: LINE as u32,
            lead_bytes: 2 * LINE as u32,
        };
        let mut line = format!("{{\"kind\":\"{}\"}}", "x".repeat(LINE - 12));
        line.push('\n');
        assert_eq!(line.len(), LINE);
        let file = file(line.repeat(LINES).as_bytes());
        let mut recording = Recording::open_within(file.path(), bounds).await.unwrap();
        let mut taken = 0;
        while recording.next().await.unwrap().is_some() {
            taken += LINE as u64;
            // The lead, the line that waits for its share, and what the file's buffer holds.
            let most = u64::from(bounds.lead_bytes) + LINE as u64 + 8_192;
            assert!(recording.progress().bytes_read <= taken + most);
        }
        assert_eq!(taken, (LINE * LINES) as u64);
    }
}
