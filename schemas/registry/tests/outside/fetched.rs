//! What is fetched by package name, once, into the cache folder.

use std::io::{Write as _, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder `name` of the cache, made by `fetch` in a temporary place when it is not there yet,
/// and moved into place once it is whole. None, and a word on stderr, when it cannot be made.
pub(crate) fn folder(
    name: &str,
    fetch: impl FnOnce(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    match ensure(name, fetch) {
        Ok(folder) => Some(folder),
        Err(reason) => {
            let _ = writeln!(stderr(), "skipped: {name} cannot be fetched: {reason}");
            None
        }
    }
}

fn ensure(name: &str, fetch: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let cache = cache()?;
    let place = cache.join(name);
    if place.exists() {
        return Ok(place);
    }
    eprintln!("fetching {name}, once");
    std::fs::create_dir_all(&cache).map_err(|error| error.to_string())?;
    let staging = tempfile::tempdir_in(&cache).map_err(|error| error.to_string())?;
    let content = staging.path().join("content");
    std::fs::create_dir(&content).map_err(|error| error.to_string())?;
    fetch(&content)?;
    match std::fs::rename(&content, &place) {
        Ok(()) => Ok(place),
        // Another run was faster.
        Err(_) if place.exists() => Ok(place),
        Err(error) => Err(error.to_string()),
    }
}

/// As the embedded parts find it.
fn cache() -> Result<PathBuf, String> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    variable("GAPLESS_CACHE_DIR")
        .map(PathBuf::from)
        .or_else(|| variable("XDG_CACHE_HOME").map(|dir| Path::new(&dir).join("gapless")))
        .or_else(|| variable("HOME").map(|dir| Path::new(&dir).join(".cache/gapless")))
        .ok_or_else(|| "no cache folder: neither HOME nor GAPLESS_CACHE_DIR is set".to_owned())
}

/// Runs a program to its end.
pub(crate) fn run(program: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} does not start: {error}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Err(format!(
        "{} {arguments:?} failed: {}",
        program.display(),
        last.unwrap_or("without a word")
    ))
}
