//! `gapless up`: the whole system, for a real GitHub.

use crate::demo::refuse_data_of_a_demo;
use crate::settings::UpFlags;
use crate::stop::Stop;
use crate::system::{Start, System, claim, progress};
use crate::webhook_secret::{self, WebhookSecret};
use anyhow::Result;
use clap::Args;
use gapless_ingest::{PUBLIC_HOST, SourceConfig, SystemClock};
use std::io::IsTerminal;
use std::process::ExitCode;

/// Runs Gapless.
#[derive(Args, Debug)]
pub(crate) struct Up {
    #[command(flatten)]
    flags: UpFlags,
}

impl Up {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let mut config = self.flags.load()?;
        // Of two first starts at once, one makes the secret.
        let lock = claim(&config.settings.data_dir)?;
        refuse_data_of_a_demo(&config.settings.data_dir)?;
        let own = give_secret(&config.settings.data_dir, &mut config.sources)?;
        drop(lock);
        let sources = config.sources.clone();
        let stop = Stop::listen()?;
        let starting = System::start(Start {
            settings: config.settings.clone(),
            sources: config.sources,
            clock: SystemClock,
            times: config.times,
            status: None,
        });
        let mut system = tokio::select! {
            started = starting => started?,
            // What was started dies with this process, as in a crash, which loses nothing.
            () = stop.asked() => {
                progress::step("stopped before everything was started");
                return Ok(ExitCode::SUCCESS);
            }
        };
        say_what_to_do(&system, &sources, own.as_ref());
        let ended = tokio::select! {
            () = stop.asked() => Ok(()),
            error = system.roles.failed() => Err(error),
        };
        stop.begin();
        progress::step("stopping: what was accepted is kept");
        let stopped = system.stop().await;
        ended.and(stopped)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Sources without a secret get the data folder's own; none where something vouches for each. For an
/// owner without a secret a source of its host without owner does: given one of its own, the owner
/// would be lost to that.
fn give_secret(
    data_dir: &std::path::Path,
    sources: &mut [SourceConfig],
) -> Result<Option<WebhookSecret>> {
    let vouching: Vec<String> = sources
        .iter()
        .filter(|source| source.owner.is_none() && source.has_secret())
        .map(|source| source.host.clone())
        .collect();
    let mut lacking = sources
        .iter_mut()
        .filter(|source| !source.has_secret() && !vouching.contains(&source.host))
        .peekable();
    if lacking.peek().is_none() {
        return Ok(None);
    }
    let own = webhook_secret::read_or_make(data_dir)?;
    for source in lacking {
        source.secrets.push(own.secret.clone());
    }
    Ok(Some(own))
}

fn say_what_to_do(system: &System, sources: &[SourceConfig], own: Option<&WebhookSecret>) {
    let webhook = format!("http://{}/webhook", system.webhook_address());
    println!("Gapless is up.\n");
    println!("  webhook  {webhook}");
    println!("  page     http://{}", system.operator_address());
    println!("  data     {}", system.places.data_dir.display());
    let kafka_user = system.places.data_dir.join("kafka-user.json");
    if kafka_user.exists() && !system.places.parts.is_empty() {
        let kafka = &system.places.kafka.bootstrap_servers;
        println!(
            "  Kafka    {kafka}, user and password in {}",
            kafka_user.display()
        );
    }
    match own {
        Some(own) => {
            println!("  secret   in {}", own.path.display());
            // Once, and never into a file that somebody redirected this to.
            if own.is_new && std::io::stdout().is_terminal() {
                println!("           {}", own.secret.expose());
            }
        }
        None => println!("  secret   as configured"),
    }
    println!("\nTo point GitHub at it:");
    println!("  1. Let a reverse proxy or a tunnel with TLS lead https://YOUR-HOST/webhook to");
    println!("     {webhook} (see docs/operations.md).");
    for (number, source) in (2..).zip(sources) {
        println!("  {number}. Open {}", settings_page(source));
    }
    let number = 2 + sources.len();
    println!("  {number}. Enter there: payload URL https://YOUR-HOST/webhook, content type");
    println!("     application/json, the secret, and \"Send me everything\".");
    println!(
        "  {}. Save. GitHub sends a ping, which is answered with 200.\n",
        number + 1
    );
    for source in sources {
        for advice in advice(source) {
            println!("{advice}");
        }
    }
    println!("Ctrl-C stops all in order; the next start goes on where this one stopped.");
}

/// Where a webhook is entered at GitHub.
fn settings_page(source: &SourceConfig) -> String {
    match &source.owner {
        Some(owner) => format!(
            "https://{}/organizations/{owner}/settings/hooks/new",
            source.host
        ),
        None => format!(
            "https://{}/organizations/YOUR-ORGANISATION/settings/hooks/new",
            source.host
        ),
    }
}

/// What a source lacks to be complete.
fn advice(source: &SourceConfig) -> Vec<String> {
    let mut advice = Vec::new();
    if source.owner.is_none() {
        advice.push(format!(
            "No owner is configured for {}: only webhooks are taken in, and a lost last event of an \
             item stays unnoticed. Set GAPLESS_OWNER or --owner to have its repositories polled.",
            source.host
        ));
    }
    if source.token.is_none() {
        let limit = if source.host == PUBLIC_HOST {
            ", and at most 60 requests an hour"
        } else {
            ""
        };
        advice.push(format!(
            "No token is configured for {}: what was lost is fetched from public repositories only\
             {limit}. Set GAPLESS_GITHUB_TOKEN (read access to issues, pull requests and metadata).",
            source.host
        ));
    }
    advice
}
