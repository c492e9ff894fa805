//! The consumer: one for all topics, so that one task has a partition index of each of them.
//!
//! The range assignor gives the same partitions of every topic to the same member, since all
//! topics have equally many. Offsets are committed by hand, after what they stand for is stored.

use super::super::projector::Offsets;
use super::Options;
use gapless_schemas::{CONSUMER_DEFAULTS, StateTopic, Topics, client_settings};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance, StreamConsumer,
};
use rdkafka::error::KafkaResult;
use rdkafka::statistics::{Partition, Statistics};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long Kafka may take to tell a group's offsets.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The consumer, with what its callbacks tell.
pub(in crate::sink) type Consumer = StreamConsumer<Context>;

/// What librdkafka's callbacks tell.
pub(in crate::sink) struct Context {
    /// Counts assignments: what was read under another one may be another member's by now.
    assignment: AtomicU64,
    /// Records not read when librdkafka last told; [`UNKNOWN`] where it has not.
    unread: AtomicU64,
    /// Records read since. It tells once a second, in which a replay reads twenty thousand.
    read_since: AtomicU64,
}

const UNKNOWN: u64 = u64::MAX;

impl Context {
    /// Which assignment holds now.
    pub(super) fn assignment(&self) -> u64 {
        self.assignment.load(Ordering::SeqCst)
    }

    /// Records that are not yet read, but for those that came in the last second.
    pub(super) fn unread(&self) -> Option<u64> {
        let unread = self.unread.load(Ordering::Relaxed);
        let read_since = self.read_since.load(Ordering::Relaxed);
        (unread != UNKNOWN).then(|| unread.saturating_sub(read_since))
    }

    /// A record was read.
    pub(super) fn note_read(&self) {
        self.read_since.fetch_add(1, Ordering::Relaxed);
    }
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.values();
        let partitions = partitions.flat_map(|topic| topic.partitions.values());
        let unread = unread(partitions).unwrap_or(UNKNOWN);
        self.unread.store(unread, Ordering::Relaxed);
        self.read_since.store(0, Ordering::Relaxed);
    }
}

/// Records of `partitions` that are not yet read; unknown where none is ours yet, or where librdkafka
/// still looks for its place or its end. Its own `consumer_lag` counts from the last commit, so it has
/// none before the first.
fn unread<'a>(partitions: impl Iterator<Item = &'a Partition>) -> Option<u64> {
    let is_ours = |partition: &&Partition| {
        !matches!(
            partition.fetch_state.as_str(),
            "none" | "stopping" | "stopped"
        )
    };
    let mut ours = partitions.filter(is_ours).peekable();
    ours.peek()?;
    ours.map(|partition| {
        // Before a record of it was read, `next_offset` is where reading begins, or what was fetched
        // meanwhile.
        let read = match partition.app_offset {
            0.. => partition.app_offset,
            _ => partition.next_offset,
        };
        let read = read.max(partition.lo_offset).max(0);
        let end = u64::try_from(partition.hi_offset).ok()?;
        (partition.fetch_state == "active").then(|| end.saturating_sub(read.unsigned_abs()))
    })
    .sum()
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(given) = rebalance {
            // A pause outlives the assignment that it was made under: partitions that come back would
            // never be read again.
            set_paused(consumer, given, false);
        } else {
            self.assignment.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// The topics that it reads.
pub fn topics(topics: &Topics) -> Vec<String> {
    let states = StateTopic::ALL.map(|state| topics.state(state));
    states.into_iter().chain([topics.events()]).collect()
}

/// A client that may become a member of the group of these topics, see [`subscribe`]. The
/// configuration cannot change what correctness rests on.
pub(super) fn connect(options: &Options) -> KafkaResult<Arc<Consumer>> {
    connect_as(options, &options.topics.projections_group(), &[])
}

/// A client that reads beside the group, and commits nothing: it is told what to read, and tells where
/// a partition ends.
pub(in crate::sink) fn connect_for_rebuild(options: &Options) -> KafkaResult<Arc<Consumer>> {
    let group = format!("{}.rebuild", options.topics.projections_group());
    connect_as(options, &group, &[("enable.partition.eof", "true")])
}

fn connect_as(
    options: &Options,
    group: &str,
    further: &[(&str, &str)],
) -> KafkaResult<Arc<Consumer>> {
    let refresh = "topic.metadata.refresh.interval.ms";
    let defaults = [&CONSUMER_DEFAULTS[..], &[(refresh, "10000")]].concat();
    let own = [
        ("bootstrap.servers", options.bootstrap.as_str()),
        ("group.id", group),
        ("group.protocol", "classic"),
        ("partition.assignment.strategy", "range"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "earliest"),
        // What tells that the sink is behind.
        ("statistics.interval.ms", "1000"),
    ];
    let own = [&own[..], further].concat();
    let configured = options.client_settings.iter();
    let configured = configured.map(|(name, value)| (name, value));
    let settings = client_settings(&defaults, configured, &own, |name| {
        tracing::warn!(name, "a Kafka setting is Gapless's own and stays as it is");
    });
    let mut config: ClientConfig = settings.into_iter().collect();
    config.set_log_level(RDKafkaLogLevel::Warning);
    let context = Context {
        assignment: AtomicU64::new(0),
        unread: AtomicU64::new(UNKNOWN),
        read_since: AtomicU64::new(0),
    };
    config.create_with_context(context).map(Arc::new)
}

/// Makes `consumer` a member of its group, which reads `topics`.
pub(super) fn subscribe<'a>(
    consumer: &Consumer,
    topics: impl Iterator<Item = &'a str>,
) -> KafkaResult<()> {
    consumer.subscribe(&topics.collect::<Vec<_>>())
}

/// Whether the group of `consumer` has read anything of `topics`, of `partitions` partitions each.
/// Blocks.
///
/// # Errors
/// Kafka does not answer. Reaction: retry.
pub(super) fn has_read<'a>(
    consumer: &Consumer,
    topics: impl Iterator<Item = &'a str>,
    partitions: i32,
) -> KafkaResult<bool> {
    let mut all = TopicPartitionList::new();
    for topic in topics {
        all.add_partition_range(topic, 0, partitions - 1);
    }
    let committed = consumer.committed_offsets(all, ANSWER_TIMEOUT)?;
    let is_read = |offset| matches!(offset, Offset::Offset(offset) if offset > 0);
    let committed = committed.elements();
    Ok(committed.iter().any(|element| is_read(element.offset())))
}

/// Whether `consumer` has the first partition of `topic`, which one member of a group has; unknown
/// while it has none at all, as before its first assignment.
pub(in crate::sink) fn has_first(consumer: &Consumer, topic: &str) -> Option<bool> {
    let ours = consumer.assignment().ok()?;
    (ours.count() > 0).then(|| ours.find_partition(topic, 0).is_some())
}

/// Lets `consumer` read no further, while it stays a member.
pub(super) fn pause(consumer: &Consumer) {
    set_all_paused(consumer, true);
}

/// Lets `consumer` read on.
pub(super) fn resume(consumer: &Consumer) {
    set_all_paused(consumer, false);
}

fn set_all_paused(consumer: &Consumer, is_paused: bool) {
    match consumer.assignment() {
        Ok(ours) => set_paused(consumer, &ours, is_paused),
        Err(error) => tracing::warn!(%error, "nobody knows which partitions are ours"),
    }
}

fn set_paused<C>(
    consumer: &impl rdkafka::consumer::Consumer<C>,
    ours: &TopicPartitionList,
    is_paused: bool,
) where
    C: ConsumerContext,
{
    let done = match is_paused {
        true => consumer.pause(ours),
        false => consumer.resume(ours),
    };
    if let Err(error) = done {
        tracing::warn!(%error, is_paused, "partitions were neither paused nor resumed");
    }
}

/// Commits `offsets`, which were read under `assignment`. What another member may have by now is
/// left to it: it reads again, and writes the same.
pub(super) async fn commit(consumer: &Arc<Consumer>, offsets: Offsets, assignment: u64) {
    if offsets.is_empty() || consumer.context().assignment() != assignment {
        return;
    }
    let consumer = Arc::clone(consumer);
    let committed = tokio::task::spawn_blocking(move || -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for ((topic, partition), offset) in &offsets {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        consumer.commit(&list, CommitMode::Sync)
    });
    if let Ok(Err(error)) = committed.await {
        tracing::warn!(%error, "offsets were not committed: the records will be read again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: i64 = -1_001;

    fn partition(fetch_state: &str, offsets: [i64; 3]) -> Partition {
        let [hi_offset, app_offset, next_offset] = offsets;
        Partition {
            fetch_state: fetch_state.to_owned(),
            hi_offset,
            app_offset,
            next_offset,
            consumer_lag: -1,
            ..Partition::default()
        }
    }

    #[test]
    fn what_is_not_yet_read_is_behind_also_before_the_first_commit() {
        let read = partition("active", [100, 40, 90]);
        let begun = partition("active", [100, NONE, 0]);
        let committed_and_quiet = partition("active", [100, NONE, 100]);
        let another_members = partition("none", [NONE, NONE, NONE]);
        let all = [read, begun, committed_and_quiet, another_members];
        assert_eq!(unread(all.iter()), Some(160));
    }

    #[test]
    fn records_that_were_deleted_are_not_waited_for() {
        let deleted = Partition {
            lo_offset: 90,
            ..partition("active", [100, 40, 90])
        };
        assert_eq!(unread([deleted].iter()), Some(10));
    }

    #[test]
    fn a_place_or_an_end_that_nobody_has_told_is_unknown() {
        let known = || partition("active", [100, 100, 100]);
        for all in [
            vec![],
            vec![partition("none", [NONE, NONE, NONE])],
            vec![known(), partition("active", [NONE, NONE, 0])],
            vec![known(), partition("offset-query", [100, NONE, NONE])],
        ] {
            assert_eq!(unread(all.iter()), None, "{all:?}");
        }
    }
}
