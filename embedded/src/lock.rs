//! One gapless to a data folder.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::error::Error;

const FILE: &str = "gapless.lock";

/// Held as long as the folder is in use; the system lets go of it when the process ends, however
/// it ends.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Makes the folder when it is missing, and takes its lock.
    ///
    /// # Errors
    /// Another process holds it; the message names that process.
    pub fn take(data_dir: &Path) -> Result<Self, Error> {
        fs::create_dir_all(data_dir).map_err(|e| Error::io(data_dir, &e))?;
        let path = data_dir.join(FILE);
        let failed = |e: std::io::Error| Error::io(&path, &e);
        // Not truncated: until the lock is held, the other's number stays readable.
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        if file.try_lock().is_err() {
            let pid = fs::read_to_string(&path).unwrap_or_default();
            let pid = match pid.trim() {
                "" => "unknown".to_string(),
                pid => pid.to_string(),
            };
            return Err(Error::StopOther {
                data_dir: data_dir.into(),
                pid,
            });
        }
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_instance_is_refused_with_the_first_ones_number() {
        let folder = tempfile::tempdir().expect("temp folder");
        let first = DataDirLock::take(folder.path()).expect("free");
        let refused = DataDirLock::take(folder.path())
            .expect_err("held")
            .to_string();
        assert!(
            refused.contains(&std::process::id().to_string()),
            "{refused}"
        );
        assert!(refused.contains("--data-dir"), "{refused}");
        drop(first);
        DataDirLock::take(folder.path()).expect("free again");
    }
}
