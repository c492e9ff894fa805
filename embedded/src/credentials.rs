//! The users of log and database, made once for a data folder.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use gapless_clickhouse_front::Credentials;
use rand::RngCore;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;

const CLICKHOUSE_FILE: &str = "clickhouse-users.json";
const KAFKA_FILE: &str = "kafka-user.json";
const PASSWORD_BYTES: usize = 24;

/// Who may write to the database, and who may only read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Users {
    pub(crate) writer: Credentials,
    pub(crate) reader: Credentials,
}

/// The database's users of this data folder; made on first use, readable by their owner only.
///
/// # Errors
/// The file cannot be read or written, or holds something else.
pub(crate) fn load_or_make(data_dir: &Path) -> Result<Users, Error> {
    whole(&data_dir.join(CLICKHOUSE_FILE), || Users {
        writer: made("gapless"),
        reader: made("reader"),
    })
}

/// Who may use the log; made in the same way.
///
/// # Errors
/// The file cannot be read or written, or holds something else.
pub(crate) fn load_or_make_kafka(data_dir: &Path) -> Result<Credentials, Error> {
    whole(&data_dir.join(KAFKA_FILE), || made("gapless"))
}

fn whole<T: Serialize + DeserializeOwned>(
    path: &Path,
    make: impl FnOnce() -> T,
) -> Result<T, Error> {
    match fs::read(path) {
        Ok(json) => serde_json::from_slice(&json).map_err(|e| Error::RemoveFile {
            path: path.into(),
            reason: format!("it holds no users: {e}"),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let users = make();
            let written = serde_json::to_vec_pretty(&users)
                .map_err(std::io::Error::other)
                .and_then(|json| write_secret(path, &json));
            written.map_err(|e| Error::io(path, &e))?;
            Ok(users)
        }
        Err(error) => Err(Error::io(path, &error)),
    }
}

fn made(user: &str) -> Credentials {
    let mut password = [0; PASSWORD_BYTES];
    rand::rng().fill_bytes(&mut password);
    Credentials {
        user: user.into(),
        password: hex::encode(password),
    }
}

/// Whole or not at all, and for its owner only: a crash leaves no half-written file.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn users_are_made_once_and_kept_from_others() {
        let folder = tempfile::tempdir().expect("temp folder");
        let users = load_or_make(folder.path()).expect("made");
        assert_ne!(users.writer.password, users.reader.password);
        let again = load_or_make(folder.path()).expect("read");
        assert_eq!(again.writer, users.writer);
        let mode = fs::metadata(folder.path().join(CLICKHOUSE_FILE))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{users:?}").contains(&users.writer.password));

        fs::write(folder.path().join(CLICKHOUSE_FILE), "{").expect("written");
        let refused = load_or_make(folder.path()).expect_err("damaged");
        assert!(refused.to_string().contains("remove it"), "{refused}");
    }
}
