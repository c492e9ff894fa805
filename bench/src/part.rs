//! Parts: this program, started again to be one of the processes that are measured.
//!
//! A part tells what it has to say as lines of JSON on its standard output, and ends when its
//! standard input does, so that none outlives the benchmark.

use crate::load::{self, Plan};
use crate::places::Places;
use crate::process::Process;
use crate::{control, running};
use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const VARIABLE: &str = "GAPLESS_BENCH_PART";

/// How the bare reader parses.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Parser {
    /// The whole payload, with the library.
    Library,
    /// Of the payload what the states need, with Gapless's own code.
    Ours,
}

/// What to be.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Part {
    /// Gapless's webhook.
    Webhook(Places),
    /// Gapless's processors and projections.
    Readers(Places),
    /// Gapless's webhook, processors and projections.
    Gapless(Places),
    /// The bare webhook.
    BareWebhook { places: Places, topic: String },
    /// The bare reader of this many events.
    BareReader {
        places: Places,
        topic: String,
        events: u64,
        parser: Parser,
    },
    /// The load generator.
    Load(Plan),
}

/// The part that this process was started as, if it was.
pub(crate) fn asked() -> Option<Result<Part>> {
    let order = std::env::var(VARIABLE).ok()?;
    Some(serde_json::from_str(&order).map_err(Into::into))
}

impl Part {
    /// Is the part, until its work is done or its standard input ends.
    pub(crate) fn become_it(self) -> Result<()> {
        let runtime = match self {
            // One thread, so that it cannot take both cores from what is measured.
            Self::Load(_) => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            _ => tokio::runtime::Runtime::new()?,
        };
        runtime.block_on(async {
            match self {
                Self::Webhook(places) => running::run(&places, true, false).await,
                Self::Readers(places) => running::run(&places, false, true).await,
                Self::Gapless(places) => running::run(&places, true, true).await,
                Self::BareWebhook { places, topic } => control::serve(places.kafka(), topic).await,
                Self::BareReader {
                    places,
                    topic,
                    events,
                    parser,
                } => {
                    say(&control::read(places.kafka(), &topic, events, parser)?)?;
                    // Whoever started this reads what it cost before it ends.
                    told().await;
                    Ok(())
                }
                Self::Load(plan) => tokio::select! {
                    done = load::run(plan) => say(&done?),
                    () = told() => Ok(()),
                },
            }
        })
    }

    /// Starts this program as the part.
    pub(crate) fn start(&self) -> Result<Running> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(VARIABLE, serde_json::to_string(self)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take().context("no standard input")?;
        let stdout = child.stdout.take().context("no standard output")?;
        let process = Process::new(child.id().context("the part has ended already")?);
        Ok(Running {
            child,
            process,
            stdin,
            lines: BufReader::new(stdout).lines(),
        })
    }
}

/// Says one thing to the process that started this one.
pub(crate) fn say(what: &impl Serialize) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    serde_json::to_writer(&mut stdout, what)?;
    stdout.write_all(b"\n")?;
    Ok(stdout.flush()?)
}

/// Ends when the process that started this one wants this one to end, or is gone.
pub(crate) async fn told() {
    let mut nothing = [0];
    let _ = tokio::io::stdin().read(&mut nothing).await;
}

/// A part that runs.
pub(crate) struct Running {
    child: Child,
    pub(crate) process: Process,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// What the part says next.
    pub(crate) async fn hear<T: DeserializeOwned>(&mut self) -> Result<T> {
        let Some(line) = self.lines.next_line().await? else {
            bail!("a part ended before its time");
        };
        Ok(serde_json::from_str(&line)?)
    }

    /// Fails if the part has ended by itself.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("a part ended before its time: {status}"),
        }
    }

    /// Tells it to end and waits until it has; one that takes too long is killed.
    pub(crate) async fn stop(mut self) -> Result<()> {
        const PATIENCE: Duration = Duration::from_secs(20);
        drop(self.stdin);
        if tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .is_err()
        {
            self.child.kill().await?;
        }
        Ok(())
    }
}
