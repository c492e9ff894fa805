//! How far each poll has come, kept in a small file between starts.

use super::RepositoryFound;
use gapless_schemas::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// Positions of one owner's polls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    /// Its repositories, by id.
    pub repositories: BTreeMap<i64, Position>,
}

/// Positions of one repository's polls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The repository as last listed.
    pub repository: RepositoryFound,
    /// Up to when it was asked what changed; none: never.
    pub asked_until: Option<Timestamp>,
    /// When it was last asked for everything; none: never.
    pub everything_at: Option<Timestamp>,
}

impl Positions {
    /// Reads the file; none, or a damaged one, means that everything is polled again.
    pub fn load(path: &Path) -> Self {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(error) => {
                tracing::warn!(%error, ?path, "poll positions cannot be read: polling everything");
                return Self::default();
            }
        };
        serde_json::from_slice(&text).unwrap_or_else(|error| {
            tracing::warn!(%error, ?path, "poll positions are damaged: polling everything");
            Self::default()
        })
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// Where the folder cannot be written. Reaction: go on; a restart polls more than it had to.
    pub fn store(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut file, self)?;
        file.flush()?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_a_restart_and_a_damaged_file_is_no_more_than_a_lost_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("positions.json");
        assert_eq!(Positions::load(&path), Positions::default());
        let mut positions = Positions::default();
        let repository = RepositoryFound {
            repository_id: 5,
            full_name: "o/r".into(),
            owner: None,
            owner_id: None,
            digest: "d".into(),
        };
        positions.repositories.insert(
            5,
            Position {
                repository,
                asked_until: Some(Timestamp::from_seconds(9)),
                everything_at: None,
            },
        );
        positions.store(&path).unwrap();
        assert_eq!(Positions::load(&path), positions);
        std::fs::write(&path, b"{\"repositories\":").unwrap();
        assert_eq!(Positions::load(&path), Positions::default());
    }
}
