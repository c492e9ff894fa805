//! Starts stacks for tests, and kills what runs in them.

use std::time::Duration;

use gapless_embedded::PartState;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

const CHANGE_WITHIN: Duration = Duration::from_secs(60);

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
