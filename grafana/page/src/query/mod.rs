//! The read-only path to ClickHouse: statements of the dashboards' own, bounded in every way.
//!
//! At most [`QUERIES_AT_ONCE`] statements run at a time; a page that asks for more waits, and no
//! longer than [`StoreOptions::wait_seconds`]: then it is told so, and asks again later. A
//! statement runs at most [`StoreOptions::execution_seconds`], answers at most [`MAX_ROWS`] rows
//! and [`MAX_BYTES`] bytes; more is an error, never a shorter answer. Equal statements of one
//! moment share one answer (`cache`).

mod answer;
mod cache;

pub use answer::{Answer, Column, Kind};

use cache::AnswerCache;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Statements that run at once.
pub const QUERIES_AT_ONCE: usize = 6;
/// Rows of one answer.
pub const MAX_ROWS: usize = 20_000;
/// Bytes of one answer.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// How long an answer may be shared by equal statements.
const SHARED_FOR: Duration = Duration::from_millis(500);

/// Where the figures are and who reads them.
#[derive(Clone)]
pub struct StoreOptions {
    /// Address of ClickHouse's HTTP interface, such as `http://127.0.0.1:8123`.
    pub url: String,
    /// A user who may only read.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// Database of the views, `gapless`.
    pub database: String,
    /// Longest time that a statement may run, in seconds.
    pub execution_seconds: u64,
    /// Longest time that a statement waits for its turn, in seconds.
    pub wait_seconds: u64,
}

impl StoreOptions {
    /// Options with the usual limits: 20 s to run, 20 s to wait.
    pub fn new(url: &str, user: &str, password: &str, database: &str) -> Self {
        Self {
            url: url.into(),
            user: user.into(),
            password: password.into(),
            database: database.into(),
            execution_seconds: 20,
            wait_seconds: 20,
        }
    }
}

impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "StoreOptions({} as {}, database {})",
            self.url, self.user, self.database
        )
    }
}

/// Why there is no answer. Reaction: each can be asked again, as it is (`Unreachable`, `Busy`,
/// `TooSlow`) or for a shorter range (`TooLarge`); `Failed` needs somebody to look at the logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// ClickHouse cannot be reached.
    #[error("the store of the figures does not answer")]
    Unreachable,
    /// Too many statements wait.
    #[error("too many queries are waiting")]
    Busy,
    /// The statement took too long.
    #[error("the query took too long; choose a shorter time range")]
    TooSlow,
    /// The answer is too large.
    #[error("the answer is too large; choose a shorter time range or fewer repositories")]
    TooLarge,
    /// ClickHouse refused or failed.
    #[error("the query failed: {0}")]
    Failed(String),
}

/// Asks ClickHouse.
#[derive(Debug)]
pub struct Store {
    options: StoreOptions,
    client: reqwest::Client,
    turns: Semaphore,
    cache: AnswerCache,
}

impl Store {
    /// A store; nothing is asked yet.
    ///
    /// # Errors
    /// The HTTP client cannot be made. Reaction: stop.
    pub fn new(options: StoreOptions) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(options.execution_seconds + 5))
            .build()?;
        Ok(Self {
            options,
            client,
            turns: Semaphore::new(QUERIES_AT_ONCE),
            cache: AnswerCache::default(),
        })
    }

    /// The answer to `sql`, shared with equal statements of the same half second.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn ask(&self, sql: &str) -> Result<Arc<Answer>, NoAnswer> {
        self.ask_sharing(sql, SHARED_FOR).await
    }

    /// The answer to `sql`, where one up to `shared_for` old will do.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn ask_sharing(
        &self,
        sql: &str,
        shared_for: Duration,
    ) -> Result<Arc<Answer>, NoAnswer> {
        self.cache.get(sql, shared_for, || self.run(sql)).await
    }

    async fn run(&self, sql: &str) -> Result<Answer, NoAnswer> {
        let patience = Duration::from_secs(self.options.wait_seconds);
        let _turn = tokio::time::timeout(patience, self.turns.acquire())
            .await
            .map_err(|_| NoAnswer::Busy)?
            .map_err(|_| NoAnswer::Busy)?;
        let seconds = self.options.execution_seconds.to_string();
        let (rows, bytes) = (MAX_ROWS.to_string(), MAX_BYTES.to_string());
        let mut response = self
            .client
            .post(&self.options.url)
            .query(&[
                ("default_format", "JSONCompact"),
                ("wait_end_of_query", "1"),
                ("max_execution_time", seconds.as_str()),
                ("max_result_rows", rows.as_str()),
                ("max_result_bytes", bytes.as_str()),
                ("result_overflow_mode", "throw"),
                ("output_format_json_quote_64bit_integers", "0"),
                ("output_format_json_quote_denormals", "0"),
                ("date_time_output_format", "unix_timestamp"),
            ])
            .header("X-ClickHouse-User", &self.options.user)
            .header("X-ClickHouse-Key", &self.options.password)
            .header("X-ClickHouse-Database", &self.options.database)
            .body(sql.to_owned())
            .send()
            .await
            .map_err(|error| unsent(&error))?;
        let succeeded = response.status().is_success();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unsent(&error))? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(NoAnswer::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        if succeeded {
            Answer::parse(&body).map_err(|error| NoAnswer::Failed(error.to_string()))
        } else {
            Err(refused(&String::from_utf8_lossy(&body)))
        }
    }
}

fn unsent(error: &reqwest::Error) -> NoAnswer {
    if error.is_timeout() && !error.is_connect() {
        NoAnswer::TooSlow
    } else {
        NoAnswer::Unreachable
    }
}

/// What ClickHouse's message means: `Code: 159. DB::Exception: … (TIMEOUT_EXCEEDED) (version …)`.
fn refused(message: &str) -> NoAnswer {
    let code = message
        .strip_prefix("Code: ")
        .and_then(|rest| rest.split('.').next());
    match code {
        Some("159" | "160") => NoAnswer::TooSlow,
        Some("158" | "307" | "396" | "241") => NoAnswer::TooLarge,
        Some("202" | "210") => NoAnswer::Unreachable,
        _ => {
            let line = message.lines().next().unwrap_or_default();
            let line = line.split(" (version ").next().unwrap_or_default();
            NoAnswer::Failed(line.chars().take(300).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_named_by_what_can_be_done() {
        let failed = "Code: 47. DB::Exception: Missing columns: 'x'. (UNKNOWN_IDENTIFIER)";
        for (message, meant) in [
            (
                "Code: 159. DB::Exception: Timeout exceeded (TIMEOUT_EXCEEDED)",
                NoAnswer::TooSlow,
            ),
            (
                "Code: 396. DB::Exception: Limit for result exceeded",
                NoAnswer::TooLarge,
            ),
            (failed, NoAnswer::Failed(failed.into())),
            ("", NoAnswer::Failed(String::new())),
        ] {
            assert_eq!(refused(message), meant);
        }
        let versioned = format!("{failed} (version 26.7.2.1)\nstack");
        assert_eq!(refused(&versioned), NoAnswer::Failed(failed.into()));
    }

    /// Runs the test below, in a process of its own: only before its start can the environment be set.
    #[test]
    fn a_proxy_gets_neither_queries_nor_the_readers_password() {
        let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", proxy.local_addr().unwrap());
        let asked = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "query::tests::a_store_that_is_not_there_is_unreachable",
            ])
            .env("http_proxy", address)
            .env_remove("no_proxy")
            .env_remove("NO_PROXY")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&asked.stdout);
        assert!(
            asked.status.success() && said.contains("1 passed"),
            "{said}"
        );
        proxy.set_nonblocking(true).unwrap();
        let came = proxy.accept().unwrap_err();
        assert_eq!(came.kind(), std::io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn a_store_that_is_not_there_is_unreachable() {
        let options = StoreOptions::new("http://127.0.0.1:9", "reader", "secret", "gapless");
        assert!(!format!("{options:?}").contains("secret"));
        let store = Store::new(options).unwrap();
        assert_eq!(
            store.ask("SELECT 1").await.unwrap_err(),
            NoAnswer::Unreachable
        );
    }
}
