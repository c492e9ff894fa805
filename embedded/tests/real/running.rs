//! Starts stacks for tests, and kills what runs in them.

use std::io::{Write as _, stderr};
use std::path::Path;
use std::time::Duration;

use gapless_embedded::{Embedded, Error, Options, PartCommand, PartState};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

const CHANGE_WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn options(data_dir: &Path) -> Options {
    Options {
        data_dir: data_dir.into(),
        cache_dir: None,
        part_command: PartCommand::this_test("embedded_part").expect("this program"),
    }
}

/// A running stack; none, and a word on stderr, where its parts cannot be fetched.
pub(crate) async fn start(data_dir: &Path) -> Option<Embedded> {
    match Embedded::start(options(data_dir)).await {
        Ok(embedded) => Some(embedded),
        Err(
            error @ (Error::TryAgain { .. } | Error::Install { .. } | Error::UseExternal { .. }),
        ) => {
            let _ = writeln!(stderr(), "skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn process_id(state: &watch::Receiver<PartState>) -> i32 {
    match &*state.borrow() {
        PartState::Ready { process_id } => i32::try_from(*process_id).expect("a process id"),
        state => panic!("not ready: {state:?}"),
    }
}

/// `kill -9`.
pub(crate) fn kill(process_id: i32) {
    let pid = Pid::from_raw(process_id).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it ran");
}

/// Waits until a part that was killed is ready again.
pub(crate) async fn ready_again(mut state: watch::Receiver<PartState>, killed: i32) {
    let is_new = |s: &PartState| matches!(s, PartState::Ready { process_id } if *process_id as i32 != killed);
    let waited = tokio::time::timeout(CHANGE_WITHIN, state.wait_for(is_new)).await;
    waited.expect("ready in time").expect("watched");
}
