//! Checksums of what was fetched.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::Error;

const READ_BYTES: usize = 1 << 20;

/// SHA-256 of a file, in hexadecimal.
pub(super) fn of_file(path: &Path) -> Result<String, Error> {
    hash(path).map_err(|e| Error::io(path, &e))
}

fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&buffer[..count]);
    }
}

/// SHA-256 over the lines `name sha256` of a folder's jars, sorted by name.
pub(super) fn of_jars(folder: &Path) -> Result<String, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, &e))? {
        let name = entry.map_err(|e| Error::io(folder, &e))?.file_name();
        let name = name.to_string_lossy().into_owned();
        if name.ends_with(".jar") {
            names.push(name);
        }
    }
    names.sort();
    let mut hasher = Sha256::new();
    for name in names {
        hasher.update(format!("{name} {}\n", of_file(&folder.join(&name))?));
    }
    Ok(hex::encode(hasher.finalize()))
}

/// Compares a checksum with the pinned one.
pub(super) fn expect(what: &'static str, found: &str, pinned: &str) -> Result<(), Error> {
    if found == pinned {
        return Ok(());
    }
    Err(Error::TryAgain {
        what,
        reason: format!("its checksum is {found} instead of {pinned}"),
    })
}
