//! The `gapless` command line: wires the parts together and holds no logic of its own.

mod demo;
mod query;
mod settings;
mod system;

use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// A complete, replayable record of a GitHub organisation, and figures that can be trusted.
#[derive(Parser, Debug)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// The whole system on a simulated organisation: nothing to configure.
    Demo(demo::Demo),
}

fn main() -> ExitCode {
    // A child of this very program: Kafka or the ClickHouse front.
    gapless_embedded::become_part_if_asked();
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("GAPLESS_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("gapless: the machine refuses threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Demo(demo) => demo.run().await,
        }
    });
    done.unwrap_or_else(|error| {
        eprintln!("gapless: {error:#}");
        ExitCode::FAILURE
    })
}
