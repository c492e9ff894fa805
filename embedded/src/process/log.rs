//! A child's log file, bounded: at the bound it becomes the generation before, which replaces
//! the one before that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A generation's size; there are two at most.
const GENERATION_MAX_BYTES: u64 = 8 << 20;

/// An open log.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    size_bytes: u64,
    generation_max_bytes: u64,
}

impl LogFile {
    /// Opens the log at `path` and goes on where it ends.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::bounded(path, GENERATION_MAX_BYTES)
    }

    fn bounded(path: &Path, generation_max_bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let size_bytes = file.metadata()?.len();
        Ok(Self {
            path: path.into(),
            file,
            size_bytes,
            generation_max_bytes,
        })
    }

    /// Adds to the log.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.size_bytes > 0 && self.size_bytes + bytes.len() as u64 > self.generation_max_bytes {
            let mut before = self.path.clone().into_os_string();
            before.push(".1");
            fs::rename(&self.path, before)?;
            *self = Self::bounded(&self.path, self.generation_max_bytes)?;
        }
        self.file.write_all(bytes)?;
        self.size_bytes += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_two_generations_and_no_more() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("kafka.log");
        let mut log = LogFile::bounded(&path, 100).expect("opened");
        for number in 0..50 {
            log.write(format!("line {number:03}\n").as_bytes())
                .expect("written");
        }
        let now = fs::read_to_string(&path).expect("readable");
        let before = fs::read_to_string(folder.path().join("kafka.log.1")).expect("readable");
        assert!(now.len() <= 100 && before.len() <= 100);
        assert!(format!("{before}{now}").ends_with("line 048\nline 049\n"));
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 2);
    }
}
