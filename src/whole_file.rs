//! Small files that are there whole or not at all, and that only their owner reads.

use std::io::{Error, ErrorKind, Result, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes `bytes` to `path`: a crash leaves what was there before.
///
/// # Errors
/// Those of the file system; `path` then holds what it held.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    draft(path, bytes)?.persist(path)?;
    Ok(())
}

/// Writes `bytes` to `path`, where nothing is yet: of several who do so at once, one does.
///
/// # Errors
/// As [`write`], and [`ErrorKind::AlreadyExists`]: read what another wrote.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    draft(path, bytes)?.persist_noclobber(path)?;
    Ok(())
}

/// On the disk, beside where it is to be, and gone unless it gets there.
fn draft(path: &Path, bytes: &[u8]) -> Result<NamedTempFile> {
    let folder = path
        .parent()
        .ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
    let mut draft = NamedTempFile::new_in(folder)?;
    draft.write_all(bytes)?;
    draft.as_file().sync_all()?;
    Ok(draft)
}
