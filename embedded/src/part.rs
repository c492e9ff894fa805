//! How this very program becomes one of the embedded parts.
//!
//! A part is started by running the program again with an environment variable set; `main` calls
//! [`become_part_if_asked`] first of all. Run like this, the child itself asks the kernel to be
//! killed when its parent dies, then becomes the ClickHouse front, or another program (Java) by
//! `exec`, which keeps that wish. Doing it in the child needs no `unsafe` code between fork and
//! exec, and no second binary to install.
//!
//! The kernel watches the *thread* that started the child; see [`crate::process`] for why that
//! thread lives long enough. What the variable holds (passwords among it) is readable by the
//! same user only, unlike arguments.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use gapless_clickhouse_front as front;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};

/// The variable that asks this program to become a part.
const VARIABLE: &str = "GAPLESS_EMBEDDED_PART";

/// Variables that hold this program's settings, secrets among them, begin like this.
const SETTINGS_PREFIX: &str = "GAPLESS_";
/// Where GitHub's token is by custom; a source's `token_env` may name it.
const TOKENS: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];

/// A command that does not hand on this program's settings and tokens: no part reads them, and
/// npm, Maven and Kafka run code of others.
///
/// This is no wall: a `token_env` of another name is handed on, and the same user's programs may
/// read what this one may, the environment that it was started with among it.
pub(crate) fn command_without_secrets(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let is_setting = name
            .as_encoded_bytes()
            .starts_with(SETTINGS_PREFIX.as_bytes());
        if is_setting || TOKENS.iter().any(|token| name == *token) {
            command.env_remove(name);
        }
    }
    command
}

/// What to become.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Part {
    /// The ClickHouse front.
    ClickHouseFront(front::Options),
    /// Another program.
    Program {
        program: PathBuf,
        arguments: Vec<String>,
    },
}

/// What the variable holds.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    parent: i32,
    part: Part,
}

/// How to run this program again so that it reaches [`become_part_if_asked`].
#[derive(Clone, Debug)]
pub struct PartCommand {
    program: PathBuf,
    arguments: Vec<String>,
}

impl PartCommand {
    /// This program, whose `main` calls [`become_part_if_asked`] first.
    ///
    /// # Errors
    /// The system does not say where this program is.
    pub fn this_program() -> std::io::Result<Self> {
        Ok(Self {
            program: std::env::current_exe()?,
            arguments: Vec::new(),
        })
    }

    /// This test program, in which a test of this name (with its module path) does nothing but
    /// call [`become_part_if_asked`], by custom `fn embedded_part()` at the root of a test file.
    /// So tests in any crate start real parts without a binary.
    ///
    /// # Errors
    /// The system does not say where this program is.
    pub fn this_test(name: &str) -> std::io::Result<Self> {
        let arguments = ["--exact", name, "--nocapture", "--test-threads=1"];
        Ok(Self {
            program: std::env::current_exe()?,
            arguments: arguments.map(String::from).to_vec(),
        })
    }

    /// The command that becomes `part`.
    pub(crate) fn command(&self, part: Part) -> tokio::process::Command {
        self.std_command(part).into()
    }

    /// The same for callers that block.
    pub(crate) fn std_command(&self, part: Part) -> Command {
        let parent = rustix::process::getpid().as_raw_nonzero().get();
        let is_engine = matches!(part, Part::ClickHouseFront(_));
        let order = serde_json::to_string(&Order { parent, part })
            .unwrap_or_else(|error| unreachable!("plain data is written as JSON: {error}"));
        let mut command = command_without_secrets(&self.program);
        command.args(&self.arguments).env(VARIABLE, order);
        // Ctrl-C at a terminal is for this program alone, which then stops its parts in order.
        command.process_group(0);
        if is_engine {
            // The engine takes its time zone from here alone.
            command.env("TZ", "UTC");
        }
        command
    }
}

/// Returns at once in a program that was started by a user. In one that [`crate::Embedded`]
/// started, becomes the part that was asked for and does not return.
pub fn become_part_if_asked() {
    let Ok(order) = std::env::var(VARIABLE) else {
        return;
    };
    let code = match serde_json::from_str::<Order>(&order)
        .map_err(|e| e.to_string())
        .and_then(obey)
    {
        Ok(()) => 0,
        Err(reason) => {
            eprintln!("{reason}");
            1
        }
    };
    std::process::exit(code);
}

fn obey(order: Order) -> Result<(), String> {
    die_with(order.parent)?;
    match order.part {
        Part::ClickHouseFront(options) => {
            // What it prints is kept in its log file; only a subscriber of its own is missing.
            let log = tracing_subscriber::fmt()
                .with_writer(std::io::stderr)
                .with_ansi(false);
            let _ = log.try_init();
            front::run(options).map_err(|e| e.to_string())
        }
        Part::Program { program, arguments } => {
            let error: std::io::Error = Command::new(&program)
                .args(arguments)
                .env_remove(VARIABLE)
                .exec();
            Err(format!("{} does not start: {error}", program.display()))
        }
    }
}

/// Ties this process's life to its parent's.
fn die_with(parent: i32) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| e.to_string())?;
    // It may have died before the kernel was told.
    if getppid()
        .map(Pid::as_raw_nonzero)
        .is_some_and(|pid| pid.get() == parent)
    {
        return Ok(());
    }
    Err("the parent died before its part began".into())
}
