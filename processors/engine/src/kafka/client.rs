//! The settings of every Kafka client of the processors.

use gapless_schemas::client_settings;
use rdkafka::config::ClientConfig;

/// See [`client_settings`].
pub(super) fn config(
    bootstrap: &str,
    configured: &[(String, String)],
    defaults: &[(&str, &str)],
    own: &[(&str, &str)],
) -> ClientConfig {
    let own = [own, &[("bootstrap.servers", bootstrap)]].concat();
    let configured = configured.iter().map(|(name, value)| (name, value));
    let settings = client_settings(defaults, configured, &own, |name| {
        tracing::warn!(name, "a Kafka setting is Gapless's own and stays as it is");
    });
    settings.into_iter().collect()
}
