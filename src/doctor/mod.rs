//! `gapless doctor`: what must be there before `up` works, each with what to do.

mod machine;
mod services;
mod transport;

use crate::config::Config;
use crate::output::say;
use crate::settings::{Stores, UpFlags};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::process::ExitCode;

/// Checks prerequisites, configuration, ports, folders, disk and clock; exits with 1 where one fails.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    #[command(flatten)]
    flags: UpFlags,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    /// It works, but should be looked at; or it could not be checked.
    Note,
    /// `up` would not work.
    Failed,
}

/// One check, with what was found or what to do.
#[derive(Debug, Serialize)]
struct Check {
    verdict: Verdict,
    name: String,
    words: String,
}

impl Check {
    fn ok(name: &str, words: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, name, words)
    }

    fn note(name: &str, words: impl Into<String>) -> Self {
        Self::new(Verdict::Note, name, words)
    }

    fn failed(name: &str, words: impl Into<String>) -> Self {
        Self::new(Verdict::Failed, name, words)
    }

    fn new(verdict: Verdict, name: &str, words: impl Into<String>) -> Self {
        Self {
            verdict,
            name: name.to_owned(),
            words: words.into(),
        }
    }
}

impl Doctor {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let checks = match self.flags.load() {
            Ok(config) => check(&config).await,
            // What depends on it cannot be checked.
            Err(problems) => problems
                .sentences()
                .iter()
                .map(|sentence| Check::failed("configuration", sentence))
                .collect(),
        };
        if self.json {
            say!("{}", serde_json::to_string_pretty(&checks)?);
        } else {
            print(&checks);
        }
        let failed = checks.iter().any(|check| check.verdict == Verdict::Failed);
        Ok(if failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

async fn check(config: &Config) -> Vec<Check> {
    let mut checks = vec![Check::ok("configuration", "read, and without faults")];
    let settings = &config.settings;
    checks.extend(machine::data_folder(settings));
    match &settings.stores {
        Stores::Embedded => checks.extend(machine::prerequisites(settings)),
        Stores::External(external) => checks.extend(services::stores(external).await),
    }
    checks.extend(machine::ports(settings).await);
    for source in &config.sources {
        checks.extend(services::source(source).await);
    }
    checks
}

fn print(checks: &[Check]) {
    for check in checks {
        let mark = match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Failed => "FAILED",
        };
        say!("{mark:<7} {:<14} {}", check.name, check.words);
    }
    let failed = checks
        .iter()
        .filter(|check| check.verdict == Verdict::Failed)
        .count();
    match failed {
        0 => say!("\nNothing stands in the way of `gapless up`."),
        1 => say!(
            "\nOne check failed: `gapless up` will not do all its work before that is put right."
        ),
        several => {
            say!(
                "\n{several} checks failed: `gapless up` will not do all its work before they are put right."
            )
        }
    }
}
