//! Who this data folder is in its consumer groups: the same member in every life.
//!
//! A process that was killed has not left its groups. Whoever joins as another member waits until
//! the dead one's session is over, 45 s with Kafka's defaults, before anything is processed again;
//! who comes back as the same member has its partitions at once. The folder's lock sees to it that
//! no two processes are one member; should a folder be copied, Kafka refuses the older of the two.

use anyhow::{Context, Result};
use gapless_ingest::KafkaConfig;
use std::path::Path;

const FILE: &str = "member-id";
const SETTING: &str = "group.instance.id";

/// `kafka` for those of its clients that join groups. What a person has configured is left alone.
///
/// # Errors
/// Where the data folder cannot be written.
pub(super) fn of(kafka: &KafkaConfig, data_dir: &Path) -> Result<KafkaConfig> {
    let mut kafka = kafka.clone();
    if kafka.settings.iter().all(|(name, _)| name != SETTING) {
        let id = read_or_make(data_dir)?;
        kafka.settings.push((SETTING.to_owned(), id));
    }
    Ok(kafka)
}

/// A file that is missing or damaged costs one wait, so a new one is made.
fn read_or_make(data_dir: &Path) -> Result<String> {
    let path = data_dir.join(FILE);
    if let Ok(text) = std::fs::read_to_string(&path) {
        let id = text.trim();
        if !id.is_empty()
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Ok(id.to_owned());
        }
    }
    let id = format!("gapless-{:016x}", rand::random::<u64>());
    std::fs::write(&path, &id).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_member_in_every_life_unless_a_person_says_who_it_is() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let plain = KafkaConfig::plain("kafka:9092");
        let id = |kafka: &KafkaConfig, folder: &Path| {
            let kafka = of(kafka, folder).unwrap();
            let ids = kafka
                .settings
                .into_iter()
                .filter(|(name, _)| name == SETTING);
            ids.map(|(_, id)| id).collect::<Vec<_>>()
        };
        let first = id(&plain, folder.path());
        assert_eq!(first.len(), 1);
        assert_eq!(id(&plain, folder.path()), first);
        assert_ne!(id(&plain, other.path()), first);
        let mut told = plain;
        told.settings.push((SETTING.to_owned(), "mine".to_owned()));
        assert_eq!(id(&told, folder.path()), ["mine"]);
    }
}
