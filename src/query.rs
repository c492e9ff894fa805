//! Figures from ClickHouse, read-only, for the commands that print them.

use crate::system::Places;
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Reads with the reader's credentials.
pub(crate) struct Reader {
    client: reqwest::Client,
    url: String,
    user: String,
    password: String,
}

impl Reader {
    pub(crate) fn new(places: &Places) -> Result<Self> {
        Ok(Self {
            client: reqwest::Client::builder().no_proxy().build()?,
            url: places.clickhouse.url.clone(),
            user: places.reader.user.clone(),
            password: places.reader.password.clone(),
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
