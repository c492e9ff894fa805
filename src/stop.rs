//! How a person or a supervisor says that it is enough.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

/// Exit code of a program that was told to stop twice.
const IMPATIENT: i32 = 130;

/// Returns at Ctrl-C or SIGTERM. From then on a second one ends the process at once, which loses
/// nothing that was acknowledged.
pub(crate) async fn asked() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(IMPATIENT);
    });
    Ok(())
}
