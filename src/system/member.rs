//! How this process is a member of its consumer groups.
//!
//! A process that was killed has not left its groups, and its partitions wait until its session is
//! over: 45 s by librdkafka's default, in which nothing is processed although Gapless runs again.
//! A shorter session costs nothing that matters: who is given up by mistake reads again and writes
//! the same. A static membership (`group.instance.id`) would not wait at all, but was seen to fence
//! itself for good when Kafka died in the middle of its joining.

use gapless_ingest::KafkaConfig;

const SETTING: &str = "session.timeout.ms";
/// Heartbeats come every 3 s, so two may be missed.
const SESSION_MILLIS: &str = "10000";

/// `kafka` for those of its clients that join groups. What a person has configured is left alone.
pub(super) fn of(kafka: &KafkaConfig) -> KafkaConfig {
    let mut kafka = kafka.clone();
    if kafka.settings.iter().all(|(name, _)| name != SETTING) {
        let session = (SETTING.to_owned(), SESSION_MILLIS.to_owned());
        kafka.settings.push(session);
    }
    kafka
}
