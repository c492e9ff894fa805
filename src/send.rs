//! `gapless send`: recorded deliveries, signed and posted; recorded API answers, imported.

use crate::output::say;
use crate::settings::{DataDirFlags, rate};
use crate::system::RunFile;
use anyhow::{Context, Result};
use clap::Args;
use gapless_ingest::recorded::{self, CutShort, ImportReport, Progress, SendOptions, SendReport};
use gapless_ingest::{KafkaLog, PUBLIC_HOST, Secret, SystemClock};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Sends a recording to a webhook.
#[derive(Args, Debug)]
pub(crate) struct Send {
    /// Recording: NDJSON, plain or gzip.
    file: PathBuf,
    /// Takes the recording's API answers instead, as snapshots, straight into the log of the
    /// Gapless that runs on the data folder.
    #[arg(long, conflicts_with_all = ["url", "secret_file", "rate", "concurrent"])]
    import: bool,
    /// Webhook to post to; without it that of the Gapless that runs on the data folder.
    #[arg(long, requires = "secret_file")]
    url: Option<String>,
    /// File with the secret to sign with.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// GitHub host that the deliveries are from; without it that of the first source of the Gapless
    /// that runs on the data folder, or github.com with --url.
    #[arg(long)]
    host: Option<String>,
    /// Deliveries a second at most; without it as fast as they are taken.
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    rate: Option<f64>,
    /// Deliveries under way at a time; 1 keeps their order.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    concurrent: usize,
    #[command(flatten)]
    place: DataDirFlags,
}

impl Send {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        if self.import {
            return self.import().await;
        }
        let mut options = self.options().await?;
        options.rate = self.rate;
        options.concurrent_max = self.concurrent;
        let began = Instant::now();
        let mut shown = Shown::begin();
        let sent = recorded::send(&self.file, &options, |progress| shown.at(progress)).await;
        shown.end();
        match sent {
            Ok(report) => Ok(summary(&report, began.elapsed())),
            Err(CutShort { report, error }) => {
                summary(&report, began.elapsed());
                Err(error.into())
            }
        }
    }

    async fn options(&self) -> Result<SendOptions> {
        let told = self.secret_file.as_ref().map(|path| {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            anyhow::Ok(Secret::new(text.trim()))
        });
        let told = told.transpose()?;
        let host = self.host.as_ref().map(|host| host.to_lowercase());
        if let (Some(url), Some(secret)) = (&self.url, &told) {
            let mut options = SendOptions::new(url.clone(), vec![secret.clone()]);
            options.host = host.unwrap_or(options.host);
            return Ok(options);
        }
        let run = RunFile::find(&self.place.data_dir()?).await?;
        let first = run.webhook_secrets.first().map(|(host, _)| host.clone());
        let host = host.or(first).unwrap_or_else(|| PUBLIC_HOST.to_owned());
        let known = run.webhook_secrets.iter().filter(|(of, _)| *of == host);
        let known: Vec<Secret> = known.map(|(_, secret)| Secret::new(secret)).collect();
        let secrets = told.map_or(known, |secret| vec![secret]);
        anyhow::ensure!(!secrets.is_empty(), {
            let hosts: Vec<&str> = run
                .webhook_secrets
                .iter()
                .map(|(host, _)| &**host)
                .collect();
            format!(
                "there is no source {host} to sign for: name one of {} with --host, or the secret's \
                 file with --secret-file",
                hosts.join(", ")
            )
        });
        let mut options = SendOptions::new(run.webhook_url(), secrets);
        options.host = host;
        // It is on this machine.
        options.through_proxy = false;
        Ok(options)
    }

    async fn import(&self) -> Result<ExitCode> {
        let run = RunFile::find(&self.place.data_dir()?).await?;
        let log = KafkaLog::new(run.kafka(), run.topics(), run.codec().await?)?;
        let mut shown = Shown::begin();
        let report = recorded::import(&self.file, &log, &SystemClock, |progress| {
            shown.at(progress);
        });
        let report = report.await;
        shown.end();
        let ImportReport {
            pull_requests,
            issues,
            reviews,
            left_out,
        } = report?;
        say!(
            "imported {pull_requests} pull requests, {issues} issues and {reviews} lists of reviews; \
             {left_out} lines left out"
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints what sending came to; a delivery that was refused makes it a failure.
fn summary(report: &SendReport, took: Duration) -> ExitCode {
    let rate = report.sent as f64 / took.as_secs_f64().max(0.001);
    say!(
        "sent {} deliveries in {:.1} s ({rate:.0}/s); {} attempts made again, {} lines left out",
        report.sent,
        took.as_secs_f64(),
        report.retried,
        report.left_out
    );
    let mut refused = 0;
    for (status, count) in &report.by_status {
        let is_accepted = (200..300).contains(status);
        say!("  {count} answered with {status}");
        refused += if is_accepted { 0 } else { *count };
    }
    if refused == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "gapless: {refused} deliveries were refused: 401 means another secret (each --host has \
         its own), 403 an owner whom no source with that secret names, 413 a body over 25 MB, 400 a body that is no JSON object"
    );
    ExitCode::FAILURE
}

/// A bar on a terminal, a line every ten seconds elsewhere.
struct Shown {
    bar: Option<ProgressBar>,
    told: Instant,
}

const TELL_EVERY: Duration = Duration::from_secs(10);

impl Shown {
    fn begin() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let template = "{bar:40} {percent:>3} % {msg} {elapsed}";
            let style = ProgressStyle::with_template(template);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style)
        });
        Self {
            bar,
            told: Instant::now(),
        }
    }

    fn at(&mut self, progress: Progress) {
        if let Some(bar) = &self.bar {
            bar.set_length(progress.bytes_total);
            bar.set_position(progress.bytes_read);
            bar.set_message(format!("{} lines", progress.lines));
        } else if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            let percent = progress.bytes_read * 100 / progress.bytes_total.max(1);
            eprintln!("{} lines, {percent} %", progress.lines);
        }
    }

    fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
