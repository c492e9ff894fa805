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

/// What is known of an item that no view shows: it left, or nothing that could be read told of it.
#[derive(Debug, Default, PartialEq)]
struct Last {
    /// `pull_request` or `issue`, as last shown.
    kind: Option<&'static str>,
    /// What became of it, and what it last showed.
    state: Option<Value>,
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

/// Events looked at for what became of an item that no view shows.
const LOOKED_AT: usize = 50;

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
    if state.is_none() {
        let sql = format!(
            "SELECT source, kind, action, payload FROM gapless.events WHERE {of_item} \
             AND source IN ('webhook', 'snapshot') ORDER BY received_at DESC LIMIT {LOOKED_AT}"
        );
        let last = last_known(&reader.rows(&sql).await?);
        (kind, state) = (last.kind, last.state);
    }
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

/// What the last events about an item, latest first, say of one that is shown no more.
fn last_known(events: &[Value]) -> Last {
    let payloads: Vec<(&Value, Value)> = events
        .iter()
        .filter_map(|event| {
            let payload = serde_json::from_str(event["payload"].as_str()?).ok()?;
            Some((event, payload))
        })
        .collect();
    // What a delivery tells of an end is for ever; an answer is the last word until another.
    let told = payloads.iter().find_map(|(event, payload)| {
        let is_of_issue = event["source"] == "webhook" && event["kind"] == "issues";
        match event["action"].as_str().filter(|_| is_of_issue)? {
            "deleted" => Some(("deleted", None)),
            "transferred" => Some(("moved", new_place(&payload["changes"]))),
            _ => None,
        }
    });
    let answered = || {
        let answers = payloads.iter();
        let mut answers = answers.filter(|(event, _)| event["source"] == "snapshot");
        let (_, answer) = answers.next()?;
        match answer["status"].as_i64()? {
            301 => Some(("moved", answer["location"].as_str().map(place_of_address))),
            410 => Some(("deleted", None)),
            404 => Some((
                "out of sight: deleted, or not visible to this credential",
                None,
            )),
            _ => None,
        }
    };
    let Some((became, moved_to)) = told.or_else(answered) else {
        return Last::default();
    };
    let mut state = json!({"became": became, "moved_to": moved_to});
    let shown = payloads.iter().find_map(|(_, payload)| {
        let objects = [("pull_request", "pull_request"), ("issue", "issue")];
        objects
            .into_iter()
            .find_map(|(kind, name)| Some((kind, payload[name].as_object()?)))
    });
    let kind = shown.map(|(kind, object)| match object.get("pull_request") {
        Some(Value::Object(_)) => "pull_request",
        _ => kind,
    });
    if let Some((_, object)) = shown {
        for name in [
            "title",
            "state",
            "state_reason",
            "created_at",
            "updated_at",
            "closed_at",
        ] {
            state[name] = object.get(name).cloned().unwrap_or_default();
        }
        state["author"] = object
            .get("user")
            .map_or(Value::Null, |user| user["login"].clone());
    }
    Last {
        kind,
        state: Some(state),
    }
}

/// Where a transfer's `changes` say that an issue is now.
fn new_place(changes: &Value) -> Option<String> {
    let repository = changes["new_repository"]["full_name"].as_str()?;
    let number = changes["new_issue"]["number"].as_i64()?;
    Some(format!("{repository}#{number}"))
}

/// The item that an API's address names, as `OWNER/REPO#NUMBER` where it tells that.
fn place_of_address(address: &str) -> String {
    let place = address.rsplit_once("/repos/").and_then(|(_, rest)| {
        let (repository, number) = rest.rsplit_once("/issues/")?;
        Some(format!("{repository}#{number}"))
    });
    place.unwrap_or_else(|| address.to_owned())
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
    fn what_moved_or_was_deleted_says_so_with_what_it_last_showed() {
        let event = |source: &str, kind: &str, action: Option<&str>, payload: Value| json!({"source": source, "kind": kind, "action": action, "payload": payload.to_string()});
        let issue = json!({"number": 1, "title": "T", "state": "open", "user": {"login": "ann"}});
        let told = |action: &str, changes: Value| {
            let payload = json!({"issue": issue, "changes": changes});
            event("webhook", "issues", Some(action), payload)
        };
        let answer = |status: u16, location: Option<&str>| {
            let payload = json!({"status": status, "location": location});
            event("snapshot", "item", None, payload)
        };
        let opened = told("opened", Value::Null);
        let changes = json!({"new_issue": {"number": 4}, "new_repository": {"full_name": "a/b"}});
        let address = "https://api.github.com/repos/a/b/issues/4";
        for (last, became, moved_to) in [
            (told("transferred", changes), "moved", Some("a/b#4")),
            (told("deleted", Value::Null), "deleted", None),
            (answer(301, Some(address)), "moved", Some("a/b#4")),
            (
                answer(301, Some("/repositories/9/issues/4")),
                "moved",
                Some("/repositories/9/issues/4"),
            ),
            (answer(410, None), "deleted", None),
        ] {
            let known = last_known(&[answer(404, None), last.clone(), opened.clone()]);
            let is_told = last["source"] == "webhook";
            let known = if is_told {
                known
            } else {
                last_known(&[last, opened.clone()])
            };
            let state = known.state.unwrap();
            assert_eq!(known.kind, Some("issue"));
            assert_eq!(
                (&state["became"], &state["moved_to"]),
                (&json!(became), &json!(moved_to))
            );
            assert_eq!(
                (&state["title"], &state["state"]),
                (&json!("T"), &json!("open"))
            );
            assert_eq!(state["author"], "ann");
        }
        assert_eq!(last_known(&[opened]), Last::default());
    }

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
