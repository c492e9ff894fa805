//! The webhook's secret of a data folder, made on first run.

use crate::whole_file;
use anyhow::{Context, Result, bail};
use gapless_ingest::Secret;
use rand::RngCore;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const FILE: &str = "webhook-secret";
const SECRET_BYTES: usize = 32;

/// A data folder's own secret.
pub(crate) struct WebhookSecret {
    pub(crate) secret: Secret,
    pub(crate) path: PathBuf,
    /// Made just now.
    pub(crate) is_new: bool,
}

/// Reads the secret of `data_dir`, whose lock the caller holds; makes it, readable by its owner only,
/// where there is none.
pub(crate) fn read_or_make(data_dir: &Path) -> Result<WebhookSecret> {
    let path = data_dir.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().is_empty() => bail!(
            "{} is empty: write the webhook's secret into it, or remove it for a new one, which is \
             then to be entered at GitHub",
            path.display()
        ),
        Ok(text) => Ok(WebhookSecret {
            secret: Secret::new(text.trim()),
            path,
            is_new: false,
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut bytes = [0; SECRET_BYTES];
            rand::rng().fill_bytes(&mut bytes);
            let text = hex::encode(bytes);
            whole_file::write(&path, format!("{text}\n").as_bytes())
                .with_context(|| format!("{} cannot be written", path.display()))?;
            Ok(WebhookSecret {
                secret: Secret::new(text),
                path,
                is_new: true,
            })
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => bail!(
            "{} holds no text: write the webhook's secret into it, or remove it for a new one, which \
             is then to be entered at GitHub",
            path.display()
        ),
        Err(error) => Err(error)
            .with_context(|| format!("{} cannot be read; correct its permissions", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let made = read_or_make(folder.path()).unwrap();
        assert!(made.is_new);
        assert_eq!(made.secret.expose().len(), 2 * SECRET_BYTES);
        let mode = std::fs::metadata(&made.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = read_or_make(folder.path()).unwrap();
        assert!(!again.is_new && again.secret == made.secret);

        for damaged in [&b""[..], b"\xff\xfe"] {
            std::fs::write(&made.path, damaged).unwrap();
            let refused = read_or_make(folder.path()).err().unwrap().to_string();
            assert!(refused.contains("or remove it for a new one"), "{refused}");
        }
    }
}
