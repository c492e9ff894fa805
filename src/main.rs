//! The `gapless` command line: wires the parts together and holds no logic of its own.

mod config;
mod demo;
mod dlq;
mod doctor;
mod output;
mod query;
mod send;
mod settings;
mod show;
mod status;
mod stop;
mod system;
mod up;
mod webhook_secret;
mod whole_file;

use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Payloads of 10 KB come and go on many threads; the system's own allocator keeps far more memory of
/// them than is in use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A complete, replayable record of a GitHub organisation, and figures that can be trusted.
#[derive(Parser, Debug)]
#[command(
    version,
    about,
    after_help = "Logs go to stderr; GAPLESS_LOG filters them (info, debug, gapless_ingest=debug, …)."
)]
struct Cli {
    /// Writes logs as JSON, a line each.
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// The whole system on a simulated organisation: nothing to configure.
    Demo(demo::Demo),
    /// The whole system, for a real GitHub.
    Up(up::Up),
    /// Signs recorded deliveries and posts them, or imports recorded API answers.
    Send(send::Send),
    /// One pull request or issue: its state, the events that made it, its gaps.
    Show(show::Show),
    /// How complete the figures are, what is missing, and how far behind.
    Status(status::StatusCommand),
    /// What could not be processed: list, show, replay, drop.
    Dlq(dlq::Dlq),
    /// Checks prerequisites, configuration, ports, folders, disk and clock.
    Doctor(doctor::Doctor),
}

/// What is logged unless `GAPLESS_LOG` says otherwise. Our own words tell what octocrab would, and what
/// librdkafka warns of it tries again by itself.
const LOG: &str = "warn,octocrab=off,librdkafka=error";
/// A service's log also tells what it does.
const SERVICE_LOG: &str = "warn,octocrab=off,librdkafka=error,gapless=info,gapless_embedded=info,\
     gapless_engine=info,gapless_ingest=info,gapless_projections=info";

/// Lets this process and its children open as many files as the machine allows: each of GitHub's
/// connections is one, and the usual limit of 1,024 is soft, for programs older than `poll`.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it is refused the limit stays, and the webhook takes fewer connections and says so.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn main() -> ExitCode {
    raise_file_limit();
    // A child of this very program: Kafka or the ClickHouse front.
    gapless_embedded::become_part_if_asked();
    let cli = Cli::parse();
    if let Err(error) = start_logging(&cli) {
        eprintln!("gapless: {error}");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("gapless: the machine refuses threads ({error}): stop other programs");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Demo(demo) => demo.run().await,
            Command::Up(up) => up.run().await,
            Command::Send(send) => send.run().await,
            Command::Show(show) => show.run().await,
            Command::Status(status) => status.run().await,
            Command::Dlq(dlq) => dlq.run().await,
            Command::Doctor(doctor) => doctor.run().await,
        }
    });
    // A download that still runs is not waited for.
    runtime.shutdown_background();
    done.unwrap_or_else(|error| {
        eprintln!("gapless: {}", sentence(&error));
        ExitCode::FAILURE
    })
}

/// An error with its causes, but for those that it tells itself already.
fn sentence(error: &anyhow::Error) -> String {
    let mut sentence = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !sentence.contains(&cause) {
            if !sentence.is_empty() {
                sentence.push_str(": ");
            }
            sentence.push_str(&cause);
        }
    }
    sentence
}

fn start_logging(cli: &Cli) -> Result<(), String> {
    let filter = match std::env::var("GAPLESS_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text).map_err(|error| {
            format!("GAPLESS_LOG: {text:?} is no filter ({error}): write something like info")
        })?,
        // People at a terminal see progress instead.
        _ if matches!(cli.command, Command::Up(_)) && !std::io::stderr().is_terminal() => {
            EnvFilter::new(SERVICE_LOG)
        }
        _ => EnvFilter::new(LOG),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if cli.log_json {
        log.json().init();
    } else {
        log.init();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    #[test]
    fn a_cause_that_is_told_already_is_not_told_again() {
        let error = anyhow::anyhow!("refused").context("Kafka (refused): start it");
        assert_eq!(super::sentence(&error), "Kafka (refused): start it");
        let error = anyhow::anyhow!("refused").context("Kafka cannot be used");
        assert_eq!(super::sentence(&error), "Kafka cannot be used: refused");
    }

    #[test]
    fn as_many_files_may_be_open_as_the_machine_allows() {
        let before = getrlimit(Resource::Nofile);
        let lowered = before.maximum.map(|maximum| maximum.min(1_024));
        let soft = Rlimit {
            current: lowered,
            maximum: before.maximum,
        };
        setrlimit(Resource::Nofile, soft).unwrap();
        super::raise_file_limit();
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
