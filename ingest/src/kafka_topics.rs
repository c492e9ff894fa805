//! The topics on Kafka: made where they do not exist, and refused where they would lose events.

use crate::kafka_log::KafkaConfig;
use gapless_schemas::{TopicSpec, Topics};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a topic's creation may take.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A topic could not be made. Reaction: stop, with the sentence that this prints.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The cluster cannot be reached or refuses all topics.
    #[error(
        "it does not answer, or refuses ({0}): start it, or correct its address ([kafka] bootstrap) \
         and the settings by which it is reached"
    )]
    Cluster(KafkaError),
    /// librdkafka refuses a setting. Its value is not told: it may be a password.
    #[error("its settings are refused ({0}): correct [kafka] settings")]
    Settings(String),
    /// It refuses one.
    #[error(
        "topic {name} cannot be created ({reason}): allow Gapless's user to create topics, or create \
         it by hand"
    )]
    Topic {
        /// The topic.
        name: String,
        /// What the cluster says.
        reason: RDKafkaErrorCode,
    },
    /// The events topic exists with settings under which the log would lose events.
    #[error("{0}")]
    Unfit(String),
}

impl From<KafkaError> for TopicError {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, reason, name, _) if reason.contains(&name) => {
                Self::Settings(reason)
            }
            KafkaError::ClientConfig(_, reason, name, _) => {
                Self::Settings(format!("{name}: {reason}"))
            }
            error => Self::Cluster(error),
        }
    }
}

/// Creates those of `topics.specs()` that do not exist, with the cluster's default replication.
/// A topic that exists is left as it is, and its creation not asked for, which a user without that
/// right would be refused; the events topic must then be set so that it keeps every event.
///
/// # Errors
/// See [`TopicError`].
pub async fn ensure_topics(config: &KafkaConfig, topics: &Topics) -> Result<(), TopicError> {
    let admin: AdminClient<DefaultClientContext> = config.client(&[]).create()?;
    let specs = topics.specs();
    let existed = create_missing(config, &admin, &specs).await?;
    let Some(spec) = existed.iter().find(|spec| spec.name == topics.events()) else {
        return Ok(());
    };
    let settings = settings_of(&admin, &spec.name).await;
    unfit(spec, &settings).map_or(Ok(()), |why| Err(TopicError::Unfit(why)))
}

/// Creates those of `specs` that do not exist, and returns those that do.
async fn create_missing<'a>(
    config: &KafkaConfig,
    admin: &AdminClient<DefaultClientContext>,
    specs: &'a [TopicSpec],
) -> Result<Vec<&'a TopicSpec>, TopicError> {
    /// By the protocol: as many replicas as the broker's `default.replication.factor` says.
    const BROKER_DEFAULT: i32 = -1;
    let existing = existing_topics(config).await?;
    let (mut existed, missing): (Vec<_>, Vec<_>) = specs
        .iter()
        .partition(|spec| existing.contains_key(&spec.name));
    if missing.is_empty() {
        return Ok(existed);
    }
    let wanted: Vec<NewTopic<'_>> = missing
        .iter()
        .map(|spec| {
            let replication = TopicReplication::Fixed(BROKER_DEFAULT);
            let topic = NewTopic::new(&spec.name, spec.partitions, replication);
            spec.settings
                .iter()
                .fold(topic, |topic, (name, value)| topic.set(name, value))
        })
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(ADMIN_TIMEOUT))
        .operation_timeout(Some(ADMIN_TIMEOUT));
    for result in admin.create_topics(&wanted, &options).await? {
        match result {
            Ok(_) => {}
            // Made by somebody else just now.
            Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => {
                existed.extend(missing.iter().filter(|spec| spec.name == name));
            }
            Err((name, reason)) => return Err(TopicError::Topic { name, reason }),
        }
    }
    Ok(existed)
}

/// A topic's settings by name; empty where the cluster does not tell them, which some allow only to
/// administrators.
async fn settings_of(
    admin: &AdminClient<DefaultClientContext>,
    name: &str,
) -> BTreeMap<String, String> {
    let options = AdminOptions::new().request_timeout(Some(ADMIN_TIMEOUT));
    let topic = [ResourceSpecifier::Topic(name)];
    let told = admin.describe_configs(&topic, &options).await;
    let told = told.and_then(|mut all| match all.pop() {
        Some(one) => one.map_err(KafkaError::AdminOp),
        None => Err(KafkaError::Canceled),
    });
    match told {
        Ok(topic) => {
            let entries = topic.entries.into_iter();
            entries
                .filter_map(|entry| Some((entry.name, entry.value?)))
                .collect()
        }
        Err(error) => {
            tracing::warn!(%error, topic = name, "whether the topic keeps its records is not known");
            BTreeMap::new()
        }
    }
}

/// Why the events topic, made by `spec` or by somebody else, would lose events; and what to do.
/// Settings that the cluster does not tell are taken as right.
fn unfit(spec: &TopicSpec, settings: &BTreeMap<String, String>) -> Option<String> {
    let whole = |text: &str| text.parse::<i64>().ok();
    let keeps = |name: &str, wanted: &str, found: &str| match name {
        "max.message.bytes" => whole(found) >= whole(wanted),
        "retention.ms" | "retention.bytes" | "cleanup.policy" => found == wanted,
        // What else was set is a matter of taste.
        _ => true,
    };
    let policy = ("cleanup.policy", "delete");
    let ours = spec
        .settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    let wrong: Vec<(&str, &str, &str)> = ours
        .chain([policy])
        .filter_map(|(name, wanted)| Some((name, wanted, settings.get(name)?.as_str())))
        .filter(|(name, wanted, found)| !keeps(name, wanted, found))
        .collect();
    if wrong.is_empty() {
        return None;
    }
    let found: Vec<String> = wrong
        .iter()
        .map(|(name, _, found)| format!("{name}={found}"))
        .collect();
    let wanted: Vec<String> = wrong
        .iter()
        .map(|(name, wanted, _)| format!("{name}={wanted}"))
        .collect();
    Some(format!(
        "topic {topic} has {}, with which the log would lose events: run kafka-configs.sh --alter \
         --entity-type topics --entity-name {topic} --add-config {}",
        found.join(", "),
        wanted.join(","),
        topic = spec.name,
    ))
}

/// How many partitions `topic` has; none where there is no such topic.
///
/// # Errors
/// Where the cluster cannot be reached.
pub async fn existing_partitions(
    config: &KafkaConfig,
    topic: &str,
) -> Result<Option<i32>, TopicError> {
    Ok(existing_topics(config).await?.remove(topic))
}

/// How many partitions each topic has.
async fn existing_topics(config: &KafkaConfig) -> Result<BTreeMap<String, i32>, TopicError> {
    let admin: AdminClient<DefaultClientContext> = config.client(&[]).create()?;
    let asked = tokio::task::spawn_blocking(move || {
        // All topics: asking for one by name may create it.
        let metadata = admin.inner().fetch_metadata(None, ADMIN_TIMEOUT)?;
        let partitions = |count: usize| i32::try_from(count).ok();
        let found = metadata.topics().iter().filter_map(|found| {
            Some((
                found.name().to_owned(),
                partitions(found.partitions().len())?,
            ))
        });
        Ok(found.collect())
    });
    asked
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::mocking::MockCluster;

    fn found(changes: &[(&str, &str)]) -> Option<String> {
        let mut settings = BTreeMap::from([
            ("cleanup.policy".to_owned(), "delete".to_owned()),
            ("retention.ms".to_owned(), "-1".to_owned()),
            ("retention.bytes".to_owned(), "-1".to_owned()),
            ("max.message.bytes".to_owned(), "99999999".to_owned()),
            ("flush.ms".to_owned(), "9223372036854775807".to_owned()),
        ]);
        for (name, value) in changes {
            settings.insert((*name).to_owned(), (*value).to_owned());
        }
        let specs = Topics::new("test", 1).specs();
        unfit(&specs[0], &settings)
    }

    #[test]
    fn an_events_topic_that_would_lose_events_is_refused_with_what_to_do() {
        assert_eq!(found(&[]), None);
        assert_eq!(
            found(&[("retention.ms", "604800000")]).unwrap(),
            "topic test.events.1 has retention.ms=604800000, with which the log would lose events: \
             run kafka-configs.sh --alter --entity-type topics --entity-name test.events.1 \
             --add-config retention.ms=-1"
        );
        for (name, value) in [
            ("retention.bytes", "1000000"),
            ("cleanup.policy", "compact"),
            ("cleanup.policy", "compact,delete"),
            ("max.message.bytes", "1048588"),
        ] {
            let why = found(&[(name, value)]).unwrap();
            assert!(why.contains(&format!("has {name}={value}")), "{why}");
        }
        let both = found(&[("retention.ms", "1"), ("cleanup.policy", "compact")]).unwrap();
        assert!(
            both.ends_with("--add-config retention.ms=-1,cleanup.policy=delete"),
            "{both}"
        );
    }

    #[test]
    fn what_a_cluster_does_not_tell_is_taken_as_right() {
        let specs = Topics::new("test", 1).specs();
        assert_eq!(unfit(&specs[0], &BTreeMap::new()), None);
    }

    /// This cluster can create no topic for a client, as one whose user may not.
    #[tokio::test]
    async fn topics_that_exist_need_no_right_to_create_them() {
        let cluster = MockCluster::new(1).unwrap();
        let config = KafkaConfig::plain(cluster.bootstrap_servers());
        let specs = Topics::new("test", 2).specs();
        for spec in &specs {
            cluster
                .create_topic(&spec.name, spec.partitions, 1)
                .unwrap();
        }
        let admin = config.client(&[]).create().unwrap();
        let existed = create_missing(&config, &admin, &specs).await.unwrap();
        assert_eq!(existed.len(), specs.len());
    }

    #[tokio::test]
    async fn a_setting_that_is_refused_is_named_without_its_value() {
        let mut config = KafkaConfig::plain("127.0.0.1:1");
        let misspelt = ("sasl.passwrd".to_owned(), "hush".to_owned());
        config.settings.push(misspelt);
        let refused = existing_partitions(&config, "any").await.unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("sasl.passwrd") && said.contains("[kafka] settings"));
        assert!(!said.contains("hush"), "{said}");
    }
}
