//! The folder outside every checkout that holds what was fetched by package name.
//!
//! A package is fetched into a folder beside its place, checked against its pinned checksum, and
//! renamed into place: what is in place was whole and right. Two processes do not fetch the same
//! package at the same time (a lock file). Later starts compare sizes and times of change with
//! the note written then, need no network, and fetch again what was damaged.

mod checksum;
mod engine;
mod fetch;
mod kafka;
mod marker;
mod progress;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::part::PartCommand;
use marker::Found;

/// Room for both packages, unpacked, and one of them packed.
pub(crate) const SPACE_NEEDED_MB: u64 = 1_200;
/// Overrides where the cache is.
pub const CACHE_VARIABLE: &str = "GAPLESS_CACHE_DIR";

/// A package that is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// Apache Kafka: a folder of jars.
    Kafka,
    /// The ClickHouse engine: a folder with the library.
    ClickHouseEngine,
}

impl Package {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Kafka, Self::ClickHouseEngine];

    /// The package's folder in the cache. It names the version and begins the checksum: other
    /// contents are another folder.
    fn folder(self) -> Result<String, Error> {
        let (name, version, checksum) = match self {
            Self::Kafka => ("kafka", kafka::VERSION, kafka::DIGEST),
            Self::ClickHouseEngine => (
                "clickhouse-engine",
                engine::VERSION,
                engine::build()?.sha256,
            ),
        };
        Ok(format!("{name}-{version}-{}", &checksum[..8]))
    }

    fn title(self) -> &'static str {
        match self {
            Self::Kafka => "Apache Kafka",
            Self::ClickHouseEngine => "the ClickHouse engine",
        }
    }

    fn fetch(
        self,
        part_command: Option<&PartCommand>,
        content: &Path,
        work: &Path,
    ) -> Result<(), Error> {
        match self {
            Self::Kafka => kafka::fetch(part_command, content, work),
            Self::ClickHouseEngine => engine::fetch(part_command, content, work),
        }
    }

    fn check(self, content: &Path) -> Result<(), Error> {
        match self {
            Self::Kafka => kafka::check(content),
            Self::ClickHouseEngine => engine::check(content),
        }
    }
}

/// The cache. Its functions block (downloads take minutes): call them off the async workers.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
    /// Runs what fetches so that it dies with this program; without it, it may live on.
    part_command: Option<PartCommand>,
}

impl Cache {
    /// The cache in `dir`; without it, in `$GAPLESS_CACHE_DIR`, `$XDG_CACHE_HOME/gapless` or
    /// `~/.cache/gapless`.
    ///
    /// # Errors
    /// None of these is set, or the folder cannot be made.
    pub fn open(dir: Option<PathBuf>) -> Result<Self, Error> {
        let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
        let dir = dir
            .or_else(|| variable(CACHE_VARIABLE).map(PathBuf::from))
            .or_else(|| variable("XDG_CACHE_HOME").map(|d| Path::new(&d).join("gapless")))
            .or_else(|| variable("HOME").map(|d| Path::new(&d).join(".cache/gapless")))
            .ok_or_else(|| Error::FixPath {
                path: "~/.cache/gapless".into(),
                reason: format!("neither HOME nor {CACHE_VARIABLE} is set"),
            })?;
        fs::create_dir_all(&dir).map_err(|e| Error::io(&dir, &e))?;
        Ok(Self {
            dir,
            part_command: None,
        })
    }

    /// The same, but that what fetches dies with this program, whose `main` calls
    /// [`crate::become_part_if_asked`] first.
    pub(crate) fn fetching_by(self, part_command: PartCommand) -> Self {
        Self {
            part_command: Some(part_command),
            ..self
        }
    }

    /// The folder with Kafka's jars, fetched if need be.
    ///
    /// # Errors
    /// See [`Error`]; what was in place before stays there.
    pub fn kafka(&self) -> Result<PathBuf, Error> {
        self.ensure(Package::Kafka)
    }

    /// The file `libchdb.so`, fetched if need be.
    ///
    /// # Errors
    /// See [`Error`]; what was in place before stays there.
    pub fn clickhouse_engine(&self) -> Result<PathBuf, Error> {
        Ok(self
            .ensure(Package::ClickHouseEngine)?
            .join(engine::LIBRARY))
    }

    /// The folder that it is in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether a package is in place as it was checked: then nothing is fetched for it.
    pub fn holds(&self, package: Package) -> bool {
        let place = package.folder().map(|folder| self.dir.join(folder));
        place.is_ok_and(|place| matches!(marker::read(&place), Ok(Found::AsChecked)))
    }

    /// Computes the checksum of what is in place, whatever the note says.
    ///
    /// # Errors
    /// The package is not there, or damaged.
    pub fn verify(&self, package: Package) -> Result<(), Error> {
        package.check(&self.dir.join(package.folder()?))
    }

    fn ensure(&self, package: Package) -> Result<PathBuf, Error> {
        let place = self.dir.join(package.folder()?);
        let look = || marker::read(&place).map_err(|e| Error::io(&place, &e));
        if look()? == Found::AsChecked {
            return Ok(place);
        }
        let _lock = self.lock(package)?;
        // Another process may have fetched it while this one waited.
        match look()? {
            Found::AsChecked => return Ok(place),
            Found::Changed(how) => {
                if package.check(&place).is_ok() {
                    marker::write(&place).map_err(|e| Error::io(&place, &e))?;
                    return Ok(place);
                }
                tracing::warn!(
                    "{} in the cache is damaged ({how}): fetching it again",
                    package.title()
                );
            }
            Found::Nothing => {}
        }
        self.fetch(package, &place)?;
        Ok(place)
    }

    fn fetch(&self, package: Package, place: &Path) -> Result<(), Error> {
        let prefix = format!(".fetching-{}-", package.folder()?);
        self.remove_leftovers(&prefix);
        let staging = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&self.dir)
            .map_err(|e| Error::io(&self.dir, &e))?;
        let (content, work) = (staging.path().join("content"), staging.path().join("work"));
        for folder in [&content, &work] {
            fs::create_dir(folder).map_err(|e| Error::io(folder, &e))?;
        }
        package
            .fetch(self.part_command.as_ref(), &content, &work)
            .map_err(|error| match error {
                // The staging folder is gone when the message is read.
                Error::FreeDisk { needed_mb, .. } => Error::FreeDisk {
                    path: self.dir.clone(),
                    needed_mb,
                },
                error => error,
            })?;
        marker::write(&content).map_err(|e| Error::io(&content, &e))?;
        if place.exists() {
            // Goes with the staging folder.
            let old = staging.path().join("old");
            fs::rename(place, &old).map_err(|e| Error::io(place, &e))?;
        }
        fs::rename(&content, place).map_err(|e| Error::io(place, &e))
    }

    /// What a killed download left behind; under the lock, nobody works there.
    fn remove_leftovers(&self, prefix: &str) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                // What cannot be removed only takes space.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    fn lock(&self, package: Package) -> Result<File, Error> {
        let path = self.dir.join(format!("{}.lock", package.folder()?));
        let file = File::create(&path).map_err(|e| Error::io(&path, &e))?;
        if file.try_lock().is_err() {
            tracing::info!(
                "another gapless is fetching {}: waiting for it",
                package.title()
            );
            file.lock().map_err(|e| Error::io(&path, &e))?;
        }
        Ok(file)
    }
}
