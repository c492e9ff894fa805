//! Which settings a Kafka client of ours gets: librdkafka's, by its own names.

use std::collections::BTreeMap;

/// How consumers that read whole topics do it, unless the configuration says otherwise.
pub const CONSUMER_DEFAULTS: [(&str, &str); 4] = [
    ("check.crcs", "true"),
    ("fetch.queue.backoff.ms", "10"),
    // A client takes three times as much memory as this says; a replay is no faster with 32 MB.
    ("queued.max.messages.kbytes", "8192"),
    // Records are compressed to a tenth or less, and a fetch is decompressed at once: small ones keep
    // that memory small.
    ("fetch.max.bytes", "1048576"),
];

/// The settings of a client: first `defaults`, which the configuration may override, then those that
/// are `configured` (TLS, SASL, …), and above them `own`, those that promises rest on: with `acks=1`
/// or `enable.auto.commit=true` what is acknowledged could be lost. `refused` is called with the
/// name of each configured setting that is our own and stays as it is.
///
/// `defaults` and `own` use the first names of settings. Several have a second one, and librdkafka
/// is told settings in no particular order, so that the second name would sometimes win; hence what
/// is given back has one name of each that is listed here. What is added to `own` anywhere and has a
/// second name must be listed too. Source of the names: librdkafka's `CONFIGURATION.md`.
pub fn client_settings<'a>(
    defaults: &[(&str, &str)],
    configured: impl IntoIterator<Item = (&'a String, &'a String)>,
    own: &[(&str, &str)],
    mut refused: impl FnMut(&str),
) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut settings: BTreeMap<String, String> = defaults.iter().map(owned).collect();
    for (name, value) in configured {
        let first_name = first_name(name);
        if own.iter().any(|(ours, _)| *ours == first_name) {
            refused(name);
        } else {
            settings.insert(first_name.to_owned(), value.clone());
        }
    }
    settings.extend(own.iter().map(owned));
    settings
}

/// The name that we use for a setting.
fn first_name(name: &str) -> &str {
    const SECOND_NAMES: [(&str, &str); 9] = [
        ("auto.commit.enable", "enable.auto.commit"),
        ("compression.codec", "compression.type"),
        ("delivery.timeout.ms", "message.timeout.ms"),
        ("max.in.flight", "max.in.flight.requests.per.connection"),
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
        let configured: BTreeMap<String, String> = [
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
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let defaults = [("linger.ms", "2"), ("check.crcs", "true")];
        let own = [
            ("acks", "all"),
            ("bootstrap.servers", "ours:9092"),
            ("enable.auto.commit", "false"),
        ];
        let mut refused = Vec::new();
        let settings = client_settings(&defaults, &configured, &own, |name| {
            refused.push(name.to_owned());
        });
        let found: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
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
        assert_eq!(refused.len(), 6);
    }
}
