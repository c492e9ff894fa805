//! Small files that are there whole or not at all, and that only their owner reads.

use std::fs::{OpenOptions, remove_file, rename};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes `bytes` to `path`: a crash leaves what was there before. The draft beside it is named after
/// it, with a dot in front; one that a crash left is written anew.
///
/// # Errors
/// Those of the file system; `path` then holds what it held.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
    let draft = path.with_file_name(format!(".{}", name.to_string_lossy()));
    let _ = remove_file(&draft);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    rename(&draft, path)
}
