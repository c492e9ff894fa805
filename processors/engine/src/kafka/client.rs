//! The settings of every Kafka client of the processors.

use rdkafka::config::ClientConfig;

/// librdkafka's settings: first `defaults`, which the configuration may override, then those of the
/// configuration, and above them `own`: with `acks=1` or `enable.auto.commit=true` what is promised
/// would no longer hold.
pub(super) fn config(
    bootstrap: &str,
    configured: &[(String, String)],
    defaults: &[(&str, &str)],
    own: &[(&str, &str)],
) -> ClientConfig {
    let servers = ("bootstrap.servers", bootstrap);
    let own = || own.iter().copied().chain([servers]);
    let mut config = ClientConfig::new();
    for (name, value) in defaults {
        config.set(*name, *value);
    }
    for (name, value) in configured {
        let first_name = first_name(name);
        if own().any(|(ours, _)| ours == first_name) {
            tracing::warn!(name, "a Kafka setting is Gapless's own and stays as it is");
        } else {
            config.set(first_name, value);
        }
    }
    for (name, value) in own() {
        config.set(name, value);
    }
    config
}

/// The name that we use for a setting. Several have a second one, and librdkafka is told them in no
/// particular order, so that the second name would sometimes win.
fn first_name(name: &str) -> &str {
    const SECOND_NAMES: [(&str, &str); 8] = [
        ("auto.commit.enable", "enable.auto.commit"),
        ("compression.codec", "compression.type"),
        ("delivery.timeout.ms", "message.timeout.ms"),
        ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
        ("message.send.max.retries", "retries"),
        ("metadata.broker.list", "bootstrap.servers"),
        ("queue.buffering.max.ms", "linger.ms"),
        ("request.required.acks", "acks"),
    ];
    let named = |name: &str| {
        let found = SECOND_NAMES.iter().find(|(second, _)| *second == name);
        found.map(|(_, first)| *first)
    };
    // What belongs to topics may be said with that in front.
    let of_topics = name.strip_prefix("topic.").filter(|name| {
        [
            "acks",
            "auto.offset.reset",
            "enable.auto.commit",
            "message.timeout.ms",
        ]
        .contains(&named(name).unwrap_or(name))
    });
    let name = of_topics.unwrap_or(name);
    named(name).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_setting_never_wins_over_one_that_a_promise_rests_on() {
        let configured = [
            ("acks", "1"),
            ("topic.acks", "1"),
            ("request.required.acks", "1"),
            ("topic.request.required.acks", "1"),
            ("auto.commit.enable", "true"),
            ("metadata.broker.list", "theirs:9092"),
            ("security.protocol", "SASL_SSL"),
            ("queue.buffering.max.ms", "50"),
            ("topic.metadata.refresh.interval.ms", "9"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let defaults = [("linger.ms", "2"), ("check.crcs", "true")];
        let own = [("acks", "all"), ("enable.auto.commit", "false")];
        let config = config("ours:9092", &configured, &defaults, &own);
        let mut found: Vec<_> = config.config_map().into_iter().collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                ("acks", "all"),
                ("bootstrap.servers", "ours:9092"),
                ("check.crcs", "true"),
                ("enable.auto.commit", "false"),
                ("linger.ms", "50"),
                ("security.protocol", "SASL_SSL"),
                ("topic.metadata.refresh.interval.ms", "9"),
            ]
        );
    }
}
