//! Topic names, their settings, record keys and partitions.
//!
//! All that concerns a repository lies in one partition index, in every topic: the partition comes
//! from (host, repository id), never from the record key. So one task owns a partition index of
//! all topics, and needs no other task to decide anything about a repository.

use crate::StateTopic;
use sha2::{Digest, Sha256};

/// The names of one installation's topics.
///
/// `epoch` counts histories of the log: a rollback, another number of partitions or another
/// cluster starts a higher one, and versions never fall. `generation` counts derivations from the
/// log: a rebuild writes a new one beside the live one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// First part of every name, `gapless` unless several installations share a cluster.
    pub prefix: String,
    /// The log's epoch, from 1.
    pub epoch: u16,
    /// The derivation's generation, from 1.
    pub generation: u32,
    /// Partitions of the events topic and of every state topic.
    pub partitions: i32,
}

/// How a topic is to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its whole name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Broker-side settings, by Kafka's names.
    pub settings: Vec<(&'static str, String)>,
}

impl Topics {
    /// The topics of a new installation: epoch 1, generation 1.
    pub fn new(prefix: &str, partitions: i32) -> Self {
        Self {
            prefix: prefix.to_owned(),
            epoch: 1,
            generation: 1,
            partitions,
        }
    }

    /// `gapless.events.<epoch>`: values are [`crate::Event`], kept for ever.
    pub fn events(&self) -> String {
        format!("{}.events.{}", self.prefix, self.epoch)
    }

    /// `gapless.<generation>.<entity>`: compacted latest states.
    pub fn state(&self, topic: StateTopic) -> String {
        format!("{}.{}.{}", self.prefix, self.generation, topic.name())
    }

    /// `gapless.dead-letters`: values are [`crate::DeadLetter`].
    pub fn dead_letters(&self) -> String {
        format!("{}.dead-letters", self.prefix)
    }

    /// `gapless.refetches`: values are [`crate::Refetch`], a tombstone once answered.
    pub fn refetches(&self) -> String {
        format!("{}.refetches", self.prefix)
    }

    /// The consumer group of the processors of this generation.
    pub fn processors_group(&self) -> String {
        format!("{}.{}.processors", self.prefix, self.generation)
    }

    /// The consumer group of the projections of this generation.
    pub fn projections_group(&self) -> String {
        format!("{}.{}.projections", self.prefix, self.generation)
    }

    /// The consumer group that answers commands, which belong to no generation.
    pub fn fetcher_group(&self) -> String {
        format!("{}.fetcher", self.prefix)
    }

    /// Everything that must exist before a part starts.
    pub fn specs(&self) -> Vec<TopicSpec> {
        const MAX_MESSAGE_BYTES: i64 = 33_554_432;
        const DEAD_LETTER_MILLIS: i64 = 30 * 86_400_000;
        let compacted = vec![
            ("cleanup.policy", "compact".to_owned()),
            ("max.message.bytes", MAX_MESSAGE_BYTES.to_string()),
        ];
        let spec = |name, settings| TopicSpec {
            name,
            partitions: self.partitions,
            settings,
        };
        let mut specs = vec![
            spec(
                self.events(),
                vec![
                    ("retention.ms", "-1".to_owned()),
                    ("retention.bytes", "-1".to_owned()),
                    ("max.message.bytes", MAX_MESSAGE_BYTES.to_string()),
                    // One broker acknowledges from its page cache; this bounds what a power cut can take.
                    ("flush.ms", "1000".to_owned()),
                ],
            ),
            spec(
                self.dead_letters(),
                vec![
                    ("retention.ms", DEAD_LETTER_MILLIS.to_string()),
                    ("max.message.bytes", MAX_MESSAGE_BYTES.to_string()),
                ],
            ),
            spec(self.refetches(), compacted.clone()),
        ];
        specs.extend(StateTopic::ALL.map(|topic| spec(self.state(topic), compacted.clone())));
        specs
    }

    /// The partition of everything about a repository.
    pub fn partition_of_repository(&self, host: &str, repository_id: i64) -> i32 {
        self.partition("repository", host, repository_id)
    }

    /// The partition of an event: by repository, else by owner, else by the hook's target.
    pub fn partition_of_event(&self, event: &crate::Event) -> i32 {
        match (event.repository_id, event.owner_id, event.hook_target_id) {
            (Some(id), _, _) => self.partition_of_repository(&event.host, id),
            (None, Some(id), _) => self.partition("owner", &event.host, id),
            (None, None, id) => self.partition("hook-target", &event.host, id.unwrap_or(0)),
        }
    }

    fn partition(&self, kind: &str, host: &str, id: i64) -> i32 {
        let hash = Sha256::new()
            .chain_update(kind)
            .chain_update([0])
            .chain_update(host)
            .chain_update([0])
            .chain_update(id.to_be_bytes())
            .finalize();
        let word = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        (word % self.partitions.unsigned_abs().max(1)) as i32
    }
}

/// The version of a state or row: `epoch · 2^48 + input offset` of the task that wrote it. The
/// greatest version of a key is the one to believe, whatever the order of records.
pub const fn version(epoch: u16, input_offset: i64) -> i64 {
    ((epoch as i64) << 48) + input_offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_keeps_its_partition_between_releases() {
        let topics = Topics::new("gapless", 8);
        let found: Vec<i32> = (1..=8)
            .map(|id| topics.partition_of_repository("github.com", id))
            .collect();
        assert_eq!(found, [5, 3, 2, 0, 1, 4, 2, 5]);
    }

    #[test]
    fn hosts_number_their_repositories_apart() {
        let topics = Topics::new("gapless", 1_000);
        assert_ne!(
            topics.partition_of_repository("github.com", 1),
            topics.partition_of_repository("ghes.example.com", 1)
        );
    }

    #[test]
    fn a_higher_epoch_outranks_every_offset() {
        assert!(version(2, 0) > version(1, (1 << 48) - 1));
    }

    #[test]
    fn two_installations_on_one_cluster_share_no_topic_and_no_group() {
        let names = |prefix: &str| {
            let topics = Topics::new(prefix, 4);
            let specs = topics.specs().into_iter().map(|spec| spec.name);
            let groups = [
                topics.processors_group(),
                topics.projections_group(),
                topics.fetcher_group(),
            ];
            specs
                .chain(groups)
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert!(names("gapless").is_disjoint(&names("another")));
    }

    #[test]
    fn events_and_states_have_as_many_partitions() {
        let specs = Topics::new("gapless", 4).specs();
        assert!(specs.iter().all(|spec| spec.partitions == 4));
        assert_eq!(specs.len(), 3 + StateTopic::ALL.len());
    }
}
