//! What lies outside the machine: GitHub, and stores that are services of their own.

use super::Check;
use super::transport::{is_known, unreached};
use crate::query::Reader;
use crate::settings::External;
use crate::system;
use gapless_ingest::github::{GitHub, OctocrabGitHub};
use gapless_ingest::{Clock, SourceConfig, SystemClock};
use gapless_registry::{Registry, RegistryError};
use gapless_schemas::Topics;
use std::time::Duration;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Clocks further apart than this make late look early; detectors wait minutes, not hours.
const SKEW_MAX_SECONDS: i64 = 30;

/// Whether the API answers, takes the token, and shares our idea of the time.
pub(super) async fn source(source: &SourceConfig) -> Vec<Check> {
    source_within(source, ANSWER_TIMEOUT).await
}

async fn source_within(source: &SourceConfig, patience: Duration) -> Vec<Check> {
    let name = source.host.as_str();
    let client = match OctocrabGitHub::new(source) {
        Ok(client) => client,
        Err(error) => return vec![Check::failed(name, format!("{error}: correct the source"))],
    };
    // Costs nothing of the budget that it tells of.
    let asked = tokio::time::timeout(patience, client.get("/rate_limit")).await;
    let answer = match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return vec![unreachable_api(source, &error.to_string())],
        Err(_) => return vec![unreachable_api(source, "no answer in time")],
    };
    let mut checks = vec![match (answer.status, &source.token) {
        (401, Some(_)) => Check::failed(name, "GitHub refuses the token: make a new one"),
        (200, _) | (404, None) => Check::ok(name, format!("{} answers", source.api_base_url)),
        (status, _) => Check::note(
            name,
            format!("{} answers with {status}", source.api_base_url),
        ),
    }];
    checks.extend(answer.date().map(|date| {
        let skew = (SystemClock.now().millis_since(date) / 1_000).abs();
        if skew > SKEW_MAX_SECONDS {
            Check::failed(
                "clock",
                format!("this machine's clock and {name}'s differ by {skew} s: set it by NTP"),
            )
        } else {
            Check::ok("clock", format!("within {skew} s of {name}'s"))
        }
    }));
    checks
}

/// Webhooks are taken in all the same.
fn unreachable_api(source: &SourceConfig, cause: &str) -> Check {
    let words = unreached(&source.api_base_url, "api_base_url", cause);
    Check::note(
        &source.host,
        format!("token and clock were not checked, and lost events would not be fetched: {words}"),
    )
}

/// Whether nothing came of a request: what answered, however badly, was reached.
fn is_unreached(error: &anyhow::Error) -> bool {
    let mut causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<reqwest::Error>());
    causes.any(|cause| cause.is_connect() || cause.is_timeout())
}

/// librdkafka goes on trying, and says no more than that it did not come about: of all causes alike.
fn no_kafka(bootstrap: &str, cause: &str) -> Check {
    Check::failed(
        "Kafka",
        format!(
            "{bootstrap} did not answer: see whether Kafka runs and this machine knows its name and has \
             a way there, then correct [kafka] bootstrap, or what [kafka] says of TLS and passwords \
             ({cause})"
        ),
    )
}

/// What a registry that answers is good for. Neither the words nor the error hold the password that
/// may stand in `url`.
async fn registry(url: &str) -> Result<String, RegistryError> {
    let registry = Registry::new(url)?;
    registry.subjects().await?;
    Ok(format!(
        "{} answers; `up` registers the schemas there",
        registry.address()
    ))
}

/// Whether Kafka, the registry and ClickHouse answer, the latter to both users.
pub(super) async fn stores(external: &External) -> Vec<Check> {
    let log = Topics::new("gapless", 1).events();
    let bootstrap = &external.kafka.bootstrap_servers;
    let asked = gapless_ingest::existing_partitions(&external.kafka, &log);
    let mut checks = vec![match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
        Ok(Ok(Some(partitions))) => Check::ok(
            "Kafka",
            format!("{bootstrap} has the log, with {partitions} partitions"),
        ),
        Ok(Ok(None)) => Check::ok(
            "Kafka",
            format!("{bootstrap} answers; `up` makes the topics"),
        ),
        Ok(Err(error)) => no_kafka(bootstrap, &error.to_string()),
        Err(_) => no_kafka(bootstrap, "no answer in time"),
    }];
    if let Some(url) = &external.registry_url {
        checks.push(match registry(url).await {
            Ok(words) => Check::ok("registry", words),
            Err(RegistryError::Retry(cause)) if is_known(&cause) => Check::failed(
                "registry",
                unreached("the schema registry", "[registry] url", &cause),
            ),
            Err(error) => Check::failed("registry", error.to_string()),
        });
    }
    let writer = system::Reader {
        user: external.clickhouse.user.clone(),
        password: external.clickhouse.password.clone(),
    };
    for user in [&writer, &external.reader] {
        let url = &external.clickhouse.url;
        let asked = match Reader::with(url, user) {
            Ok(reader) => reader.rows("SELECT 1 AS one").await,
            Err(error) => Err(error),
        };
        checks.push(match asked {
            Ok(_) => Check::ok("ClickHouse", format!("{url} answers {}", user.user)),
            Err(error) if is_unreached(&error) => Check::failed(
                "ClickHouse",
                unreached(url, "[clickhouse] url", &format!("{error:#}")),
            ),
            Err(error) => {
                Check::failed("ClickHouse", format!("{url}, as {}: {error:#}", user.user))
            }
        });
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_registry_is_asked_and_its_password_stands_in_no_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = gapless_registry::router(&Topics::new("gapless", 1));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        let with_password = format!("http://u:hush@{address}");
        let answers = registry(&with_password).await.unwrap();
        let expected = format!("http://{address}/ answers; `up` registers the schemas there");
        assert_eq!(answers, expected);

        serving.abort();
        let _ = serving.await;
        let silent = registry(&with_password).await.unwrap_err().to_string();
        assert!(silent.ends_with("is it running?"), "{silent}");
        assert!(!silent.contains("hush"), "{silent}");
        let unusable = registry("u:hush@r").await.unwrap_err().to_string();
        assert!(!unusable.contains("hush"), "{unusable}");
    }

    #[test]
    fn a_silent_kafka_is_told_in_one_sentence() {
        let Check { words, .. } = no_kafka("k:9092", "timed out");
        assert!(words.starts_with("k:9092 did not answer: "), "{words}");
        assert!(words.ends_with(" (timed out)"), "{words}");
        assert!(!words.contains("  ") && !words.contains('\n'), "{words}");
    }

    /// By failures of the real client's: where its words change, so must ours.
    #[tokio::test]
    async fn an_api_that_is_not_reached_is_told_with_what_to_do_about_that() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = closed.local_addr().unwrap();
        drop(closed);
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent_at = silent.local_addr().unwrap();
        let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plain_at = plain.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(plain, axum::Router::new()).await });
        let enough = ANSWER_TIMEOUT;
        for (api_base_url, patience, advice) in [
            // No resolver asks anybody for a name with an empty label.
            (
                "http://nowhere..invalid".to_owned(),
                enough,
                "this machine's DNS",
            ),
            (
                format!("http://{refused}"),
                enough,
                "the connection was refused",
            ),
            (
                format!("https://{plain_at}"),
                enough,
                "no encrypted connection",
            ),
            (
                format!("http://{silent_at}"),
                Duration::from_millis(50),
                "no answer came in time",
            ),
        ] {
            let source = SourceConfig {
                host: "github.com".to_owned(),
                owner: None,
                secrets: Vec::new(),
                api_base_url: api_base_url.clone(),
                token: None,
            };
            let checks = source_within(&source, patience).await;
            let [check] = &checks[..] else {
                panic!("{checks:?}")
            };
            assert_eq!(check.verdict, Verdict::Note, "{}", check.words);
            assert!(
                check.words.contains(advice),
                "{api_base_url}: {}",
                check.words
            );
            assert!(check.words.ends_with(')'), "{}", check.words);
        }
    }
}
