//! The note beside a package's files that says: these were checked.
//!
//! It holds each file's size and time of change. While they fit, a start need not read half a
//! gigabyte; when they do not, the checksum is computed again.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

const NAME: &str = "checked";

/// What the note says about the files.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The package was never here, or never checked.
    Nothing,
    /// The files are as they were when they were checked.
    AsChecked,
    /// A file is gone or changed; the text says which and how.
    Changed(String),
}

/// Notes the files as they are now. Call it after they were checked.
pub(super) fn write(package: &Path) -> io::Result<()> {
    let mut lines = String::new();
    for (name, size, changed) in files(package)? {
        lines.push_str(&format!("{size} {changed} {name}\n"));
    }
    fs::write(package.join(NAME), lines)
}

/// Compares the files with the note.
pub(super) fn read(package: &Path) -> io::Result<Found> {
    let noted = match fs::read(package.join(NAME)) {
        Ok(noted) => String::from_utf8_lossy(&noted).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    for line in noted.lines() {
        let mut fields = line.splitn(3, ' ');
        let (Some(size), Some(changed), Some(name)) = (fields.next(), fields.next(), fields.next())
        else {
            return Ok(Found::Changed("its note is unreadable".into()));
        };
        let Ok(metadata) = fs::metadata(package.join(name)) else {
            return Ok(Found::Changed(format!("{name} is gone")));
        };
        if metadata.len().to_string() != size {
            return Ok(Found::Changed(format!(
                "{name} has {} bytes instead of {size}",
                metadata.len()
            )));
        }
        if changed_ns(&metadata).to_string() != changed {
            return Ok(Found::Changed(format!("{name} was written again")));
        }
    }
    if noted.is_empty() {
        Ok(Found::Nothing)
    } else {
        Ok(Found::AsChecked)
    }
}

/// Name, size and time of change of each file, sorted by name; the note itself left out.
fn files(package: &Path) -> io::Result<Vec<(String, u64, u128)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(package)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let metadata = entry.metadata()?;
        if metadata.is_file() && name != NAME {
            files.push((name, metadata.len(), changed_ns(&metadata)));
        }
    }
    files.sort();
    Ok(files)
}

fn changed_ns(metadata: &fs::Metadata) -> u128 {
    metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_or_went_is_noticed() {
        let folder = tempfile::tempdir().expect("temp folder");
        let file = folder.path().join("a.jar");
        assert_eq!(read(folder.path()).expect("readable"), Found::Nothing);
        fs::write(&file, "12345").expect("written");
        write(folder.path()).expect("noted");
        assert_eq!(read(folder.path()).expect("readable"), Found::AsChecked);
        fs::write(&file, "1234").expect("written");
        let Found::Changed(how) = read(folder.path()).expect("readable") else {
            panic!("not noticed")
        };
        assert_eq!(how, "a.jar has 4 bytes instead of 5");
        fs::write(folder.path().join(NAME), b"\xff\n").expect("written");
        assert!(matches!(
            read(folder.path()).expect("readable"),
            Found::Changed(_)
        ));
        write(folder.path()).expect("noted");
        fs::remove_file(&file).expect("removed");
        assert_eq!(
            read(folder.path()).expect("readable"),
            Found::Changed("a.jar is gone".into())
        );
    }
}
