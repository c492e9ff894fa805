//! `gapless show OWNER/REPO#N`: one pull request or issue, and what made it.

use crate::output::say;
use crate::query::{Reader, literal};
use crate::settings::DataDirFlags;
use crate::system::RunFile;
use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::fmt;
use std::process::ExitCode;
use std::str::FromStr;

/// Shows a pull request or an issue: its state, the events that made it, its gaps.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The item, as OWNER/REPO#NUMBER.
    item: Item,
    /// GitHub host, where several have a repository of this name.
    #[arg(long)]
    host: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: DataDirFlags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    repository: String,
    number: i64,
}

impl FromStr for Item {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('#').and_then(|(repository, number)| {
            let (owner, name) = repository.split_once('/')?;
            let is_name = |name: &str| !name.is_empty() && !name.contains('/');
            let number = number.parse().ok().filter(|number| *number > 0)?;
            (is_name(owner) && is_name(name)).then(|| Self {
                repository: repository.to_owned(),
                number,
            })
        });
        parsed.ok_or_else(|| "write OWNER/REPO#NUMBER, such as octo-org/octo-repo#7".to_owned())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.repository, self.number)
    }
}

/// Everything that is known of an item.
struct Known {
    /// `pull_request` or `issue`; none where nothing told what it is.
    kind: Option<&'static str>,
    state: Option<Value>,
    gaps: Vec<Value>,
    events: Vec<Value>,
}

/// Events shown in text; JSON holds all of them.
const EVENTS_SHOWN: usize = 50;

impl Show {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let run = RunFile::find(&self.place.data_dir()?).await?;
        let reader = Reader::of(&run)?;
        let (host, repository_id) = self.repository(&reader).await?;
        let of_item = format!(
            "host = {} AND repository_id = {repository_id} AND number = {}",
            literal(&host),
            self.item.number
        );
        let known = read(&reader, &of_item).await?;
        if known.state.is_none() && known.events.is_empty() && known.gaps.is_empty() {
            bail!("nothing is known of {}", self.item);
        }
        if self.json {
            let shown = json!({
                "item": self.item.to_string(),
                "host": host,
                "kind": known.kind,
                "state": known.state,
                "gaps": known.gaps,
                "events": known.events,
            });
            say!("{}", serde_json::to_string_pretty(&shown)?);
        } else {
            self.print(&known);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Host and id of the repository that has, or had, this name.
    async fn repository(&self, reader: &Reader) -> Result<(String, i64)> {
        let name = literal(&self.item.repository.to_lowercase());
        let host = self.host.as_ref().map_or_else(String::new, |host| {
            format!(" AND host = {}", literal(&host.to_lowercase()))
        });
        let sql = format!(
            "SELECT host, repository_id, lower(repository) = {name} AS is_current FROM gapless.repositories \
             WHERE (lower(repository) = {name} OR has(arrayMap(n -> lower(n), names), {name})){host} \
             ORDER BY is_current DESC, first_seen_at DESC"
        );
        let mut rows = reader.rows(&sql).await?;
        if rows.is_empty() {
            // One of which no event could be read.
            let sql = format!(
                "SELECT host, repository_id FROM gapless.events WHERE lower(repository) = {name}{host} \
                 AND repository_id != 0 GROUP BY host, repository_id"
            );
            rows = reader.rows(&sql).await?;
        }
        let Some(first) = rows.first() else {
            bail!(
                "no repository {} is known; names are as on GitHub",
                self.item.repository
            );
        };
        let hosts: std::collections::BTreeSet<&str> =
            rows.iter().filter_map(|row| row["host"].as_str()).collect();
        if hosts.len() > 1 {
            let hosts: Vec<&str> = hosts.into_iter().collect();
            bail!(
                "several hosts have a repository {}: choose one of {} with --host",
                self.item.repository,
                hosts.join(", ")
            );
        }
        Ok((
            first["host"].as_str().unwrap_or_default().to_owned(),
            first["repository_id"].as_i64().unwrap_or_default(),
        ))
    }

    fn print(&self, known: &Known) {
        let kind = known
            .kind
            .unwrap_or("known by number only")
            .replace('_', " ");
        say!("{} ({kind})", self.item);
        if let Some(Value::Object(state)) = &known.state {
            for (name, value) in state.iter().filter(|(_, value)| !is_nothing(value)) {
                say!("  {name:<24} {}", words(value));
            }
        }
        say!("gaps: {}", known.gaps.len());
        for gap in &known.gaps {
            let outcome = match gap["is_open"].as_bool() {
                Some(true) => "open".to_owned(),
                _ => words(&gap["outcome"]),
            };
            say!(
                "  {} {:<10} {:<22} {}",
                words(&gap["opened_at"]),
                outcome,
                words(&gap["detector"]),
                words(&gap["evidence"])
            );
        }
        say!("events: {}", known.events.len());
        let earlier = known.events.len().saturating_sub(EVENTS_SHOWN);
        if earlier > 0 {
            say!("  … {earlier} earlier ones: --json shows all");
        }
        for event in known.events.iter().skip(earlier) {
            let kind = match event["action"].as_str() {
                Some(action) => format!("{}.{action}", words(&event["kind"])),
                None => words(&event["kind"]),
            };
            say!(
                "  {} {:<9} {kind:<40} {}/{}/{}",
                words(&event["received_at"]),
                words(&event["source"]),
                words(&event["topic"]),
                event["partition"],
                event["offset"]
            );
        }
    }
}

async fn read(reader: &Reader, of_item: &str) -> Result<Known> {
    let (mut kind, mut state) = (None, None);
    for (name, view) in [("pull_request", "pull_requests"), ("issue", "issues")] {
        let sql = format!("SELECT * FROM gapless.{view} WHERE {of_item}");
        if let Some(row) = reader.rows(&sql).await?.pop() {
            (kind, state) = (Some(name), Some(row));
            break;
        }
    }
    let gaps = format!("SELECT * FROM gapless.gaps WHERE {of_item} ORDER BY opened_at");
    let events = format!(
        "SELECT event_id, source, kind, action, delivery_id, occurred_at, requested_at, received_at, \
         payload_bytes, topic, partition, offset FROM gapless.events WHERE {of_item} \
         ORDER BY partition, offset"
    );
    Ok(Known {
        kind,
        state,
        gaps: reader.rows(&gaps).await?,
        events: reader.rows(&events).await?,
    })
}

/// Whether a value tells nothing: null, or an empty text or list.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}

/// A value as a person reads it.
fn words(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            let texts: Vec<String> = values.iter().map(words).collect();
            texts.join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_an_owner_a_repository_and_a_number() {
        let table = [
            ("o/r#7", Some(("o/r", 7))),
            ("o/r", None),
            ("o#7", None),
            ("o/r/x#7", None),
            ("/r#7", None),
            ("o/r#0", None),
            ("o/r#-1", None),
            ("o/r#x", None),
        ];
        for (text, expected) in table {
            let found = text.parse::<Item>().ok();
            let found = found.as_ref().map(|i| (i.repository.as_str(), i.number));
            assert_eq!(found, expected, "{text}");
        }
    }
}
