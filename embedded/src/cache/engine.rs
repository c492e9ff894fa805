//! The ClickHouse engine as a library, from the npm registry.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::checksum;
use super::fetch::Fetcher;
use super::progress::Progress;
use crate::error::Error;
use crate::part::PartCommand;

/// A build of the engine for one kind of machine.
pub(super) struct Build {
    os: &'static str,
    architecture: &'static str,
    package: &'static str,
    /// SHA-256 of the library.
    pub(super) sha256: &'static str,
    /// Size of the package, in bytes.
    download_bytes: u64,
}

/// The version of the packages.
pub(super) const VERSION: &str = "26.7.3-stable.1";
/// The library's file name inside its package.
pub(super) const LIBRARY: &str = "libchdb.so";

/// The builds whose checksums are known. Others are published (arm64, macOS); each may be added
/// once its checksum was taken on a machine of its kind and the tests passed there.
const BUILDS: [Build; 1] = [Build {
    os: "linux",
    architecture: "x86_64",
    package: "@chdb/lib-linux-x64-gnu",
    sha256: "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5",
    download_bytes: 177_817_999,
}];

const FETCHER: Fetcher = Fetcher {
    program: "npm",
    advice: "install Node.js with npm (for example `apt install npm`), or configure an external \
             ClickHouse",
    what: "the ClickHouse engine",
};

/// The build for this machine.
pub(super) fn build() -> Result<&'static Build, Error> {
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    BUILDS
        .iter()
        .find(|b| b.os == os && b.architecture == architecture)
        .ok_or_else(|| Error::UseExternal {
            what: "the embedded ClickHouse engine",
            platform: format!("{os} on {architecture}"),
        })
}

/// Fetches the library into `content`; `work` is a folder for npm's own files.
pub(super) fn fetch(
    part_command: Option<&PartCommand>,
    content: &Path,
    work: &Path,
) -> Result<(), Error> {
    let build = build()?;
    let mut progress = Progress::begin("the ClickHouse engine", build.download_bytes);
    let npm_cache = work.join("npm");
    let arguments = [
        "pack".to_string(),
        "--loglevel=error".into(),
        // Its own waits between attempts add up to more than a minute without a word.
        "--fetch-retry-mintimeout=1000".into(),
        "--fetch-retry-maxtimeout=5000".into(),
        // A cache of its own: its growth shows the progress, and nothing is left behind.
        format!("--cache={}", npm_cache.display()),
        format!("{}@{VERSION}", build.package),
    ];
    FETCHER.run(part_command, &arguments, work, &npm_cache, &mut progress)?;
    progress.checking();
    unpack(&tarball(work)?, content)?;
    check(content)?;
    progress.end();
    Ok(())
}

/// Says whether the library is the pinned one.
pub(super) fn check(content: &Path) -> Result<(), Error> {
    checksum::expect(
        "the ClickHouse engine",
        &checksum::of_file(&content.join(LIBRARY))?,
        build()?.sha256,
    )
}

fn tarball(work: &Path) -> Result<PathBuf, Error> {
    let entries = fs::read_dir(work).map_err(|e| Error::io(work, &e))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "tgz"))
        .ok_or_else(|| Error::TryAgain {
            what: FETCHER.what,
            reason: "npm left no package behind".into(),
        })
}

/// Takes the library out of the package; nothing else of it is wanted.
fn unpack(tarball: &Path, content: &Path) -> Result<(), Error> {
    let file = File::open(tarball).map_err(|e| Error::io(tarball, &e))?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let damaged = |e: io::Error| match e.kind() {
        io::ErrorKind::StorageFull => Error::io(content, &e),
        _ => Error::TryAgain {
            what: FETCHER.what,
            reason: format!("its package is damaged: {e}"),
        },
    };
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        if entry.path().map_err(damaged)?.ends_with(LIBRARY) {
            let mut library =
                File::create(content.join(LIBRARY)).map_err(|e| Error::io(content, &e))?;
            io::copy(&mut entry, &mut library).map_err(damaged)?;
            return library.sync_all().map_err(|e| Error::io(content, &e));
        }
    }
    Err(Error::TryAgain {
        what: FETCHER.what,
        reason: "its package lacks the library".into(),
    })
}
