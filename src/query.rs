//! Figures from ClickHouse, read-only, for the commands that print them.

use crate::system::{self, Places, RunFile};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Queries here read figures of a few repositories, or compare a demo's with its truth.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Reads with the reader's credentials.
pub(crate) struct Reader {
    client: reqwest::Client,
    url: String,
    user: String,
    password: String,
}

impl Reader {
    pub(crate) fn new(places: &Places) -> Result<Self> {
        Self::with(&places.clickhouse.url, &places.reader)
    }

    /// Reads from the ClickHouse of a Gapless that runs elsewhere.
    pub(crate) fn of(run: &RunFile) -> Result<Self> {
        let (url, reader) = run.clickhouse();
        Self::with(&url, &reader)
    }

    pub(crate) fn with(url: &str, reader: &system::Reader) -> Result<Self> {
        Ok(Self {
            client: reqwest::Client::builder()
                .no_proxy()
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(ANSWER_TIMEOUT)
                .build()?,
            url: url.to_owned(),
            user: reader.user.clone(),
            password: reader.password.clone(),
        })
    }

    /// The rows of `sql`, objects by column name.
    pub(crate) async fn rows(&self, sql: &str) -> Result<Vec<Value>> {
        let request = self
            .client
            .post(&self.url)
            .query(&[
                ("default_format", "JSONEachRow"),
                ("output_format_json_quote_64bit_integers", "0"),
            ])
            .header("X-ClickHouse-User", &self.user)
            .header("X-ClickHouse-Key", &self.password)
            .body(sql.to_owned());
        let answer = request.send().await.context("ClickHouse does not answer")?;
        let (status, body) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("ClickHouse refused a query: {}", body.trim());
        }
        body.lines()
            .map(|line| Ok(serde_json::from_str(line)?))
            .collect()
    }
}

/// A text as a literal of ClickHouse's SQL.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_literal() {
        assert_eq!(literal(r"o'brien\"), r"'o\'brien\\'");
    }
}
