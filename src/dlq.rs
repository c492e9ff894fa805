//! `gapless dlq`: what could not be processed.

use crate::output::say;
use crate::settings::DataDirFlags;
use crate::system::RunFile;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use gapless_engine::kafka::Access;
use gapless_engine::kafka::dead_letters::{self, Entry, Handling};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Lists, shows, replays and drops dead letters of a running Gapless.
#[derive(Args, Debug)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    place: DataDirFlags,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Lists dead letters that nobody has handled.
    List {
        /// Handled ones too.
        #[arg(long)]
        all: bool,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shows one with the event that it is about.
    Show {
        /// Its name as listed: PARTITION/OFFSET, of a listing's row PARTITION/OFFSET/ROW.
        name: String,
    },
    /// Appends the event again, which is right once the reason has been removed.
    Replay(Which),
    /// Marks dead letters as given up. A gap that asks for what was lost is not closed by it.
    Drop(Which),
}

#[derive(Args, Debug)]
struct Which {
    /// Names as listed: PARTITION/OFFSET, of a listing's row PARTITION/OFFSET/ROW.
    #[arg(required_unless_present = "all")]
    names: Vec<String>,
    /// All that nobody has handled.
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

/// The log of the Gapless that `run` tells of.
pub(crate) async fn access(run: &RunFile) -> Result<Access> {
    let kafka = run.kafka();
    Ok(Access {
        bootstrap: kafka.bootstrap_servers,
        client_settings: kafka.settings,
        topics: run.topics(),
        codec: run.codec().await?,
    })
}

impl Dlq {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let run = RunFile::find(&self.place.data_dir()?).await?;
        let access = access(&run).await?;
        tokio::task::spawn_blocking(move || act(self.action, &access)).await??;
        Ok(ExitCode::SUCCESS)
    }
}

fn act(action: Action, access: &Access) -> Result<()> {
    let entries = dead_letters::read(access)?;
    match action {
        Action::List { all, json } => list(&entries, all, json),
        Action::Show { name } => show(access, named(&entries, &name)?),
        Action::Replay(which) => handle(access, &entries, &which, Handling::Replayed),
        Action::Drop(which) => handle(access, &entries, &which, Handling::Dropped),
    }
}

fn named<'a>(entries: &'a [Entry], wanted: &str) -> Result<&'a Entry> {
    let found = entries.iter().find(|entry| entry.name() == wanted);
    found.with_context(|| {
        format!("there is no dead letter {wanted}: `gapless dlq list --all` lists them")
    })
}

fn described(entry: &Entry) -> Value {
    json!({
        "name": entry.name(),
        "topic": entry.topic,
        "partition": entry.partition,
        "offset": entry.offset,
        "reason": entry.reason,
        "error": entry.error,
        "at": entry.at.to_string(),
        "size_bytes": entry.size_bytes,
        "handled": entry.handled.map(Handling::name),
    })
}

fn list(entries: &[Entry], all: bool, json: bool) -> Result<()> {
    let shown: Vec<&Entry> = entries
        .iter()
        .filter(|entry| all || entry.handled.is_none())
        .collect();
    if json {
        let shown: Vec<Value> = shown.into_iter().map(described).collect();
        say!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    for entry in &shown {
        let handled = entry.handled.map_or("", Handling::name);
        say!(
            "{:<12} {}  {:<8} {handled:<8} {}",
            entry.name(),
            entry.at,
            entry.reason,
            entry.error
        );
    }
    let open = entries
        .iter()
        .filter(|entry| entry.handled.is_none())
        .count();
    say!("{open} not handled, {} in all", entries.len());
    Ok(())
}

fn show(access: &Access, entry: &Entry) -> Result<()> {
    let value = dead_letters::value(access, entry)?;
    let mut shown = described(entry);
    shown["event"] = match dead_letters::event(access, &value) {
        Some(event) => json!({
            "event_id": event.event_id,
            "source": event.source,
            "kind": event.kind,
            "action": event.action,
            "host": event.host,
            "repository": event.repository,
            "number": event.number,
            "received_at": event.received_at.to_string(),
            "headers": event.headers,
            "payload": String::from_utf8_lossy(&event.payload),
        }),
        None => json!({"bytes": hex::encode(&value)}),
    };
    say!("{}", serde_json::to_string_pretty(&shown)?);
    Ok(())
}

fn handle(access: &Access, entries: &[Entry], which: &Which, handling: Handling) -> Result<()> {
    let chosen: Vec<&Entry> = if which.all {
        entries
            .iter()
            .filter(|entry| entry.handled.is_none())
            .collect()
    } else {
        let named = which.names.iter().map(|name| named(entries, name));
        named.collect::<Result<_>>()?
    };
    if let Some(done) = chosen.iter().find(|entry| entry.handled.is_some()) {
        let how = done.handled.map_or("", Handling::name);
        bail!("the dead letter {} was {how} already", done.name());
    }
    for entry in &chosen {
        dead_letters::handle(access, entry, handling)?;
        say!("{} {}", entry.name(), handling.name());
    }
    if chosen.is_empty() {
        say!("nothing to do: every dead letter is handled");
    }
    Ok(())
}
