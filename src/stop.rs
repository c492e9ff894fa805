//! How a person or a supervisor says that it is enough.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Exit code of a program that was told to stop while it was stopping.
const IMPATIENT: i32 = 130;

/// Ctrl-C and SIGTERM, from its making to the end of the process. The first asks for a stop; one that
/// comes while all is stopping ends the process at once, which loses nothing that was acknowledged.
pub(crate) struct Stop {
    is_stopping: watch::Sender<bool>,
}

impl Stop {
    /// Listens from now on, whatever the program does meanwhile.
    pub(crate) fn listen() -> Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = Self::new();
        let heard = Self {
            is_stopping: stop.is_stopping.clone(),
        };
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if heard.begin() {
                    std::process::exit(IMPATIENT);
                }
            }
        });
        Ok(stop)
    }

    fn new() -> Self {
        Self {
            is_stopping: watch::Sender::new(false),
        }
    }

    /// Returns once a stop was asked for.
    pub(crate) async fn asked(&self) {
        // The sender is ours, so that it cannot be gone.
        let _ = self.is_stopping.subscribe().wait_for(|is| *is).await;
    }

    /// Says that all is stopping, whether it was asked for or not; tells whether it was before.
    pub(crate) fn begin(&self) -> bool {
        self.is_stopping.send_replace(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_asks_for_a_stop_and_one_while_all_is_stopping_is_a_second() {
        let asked = Stop::new();
        assert!(!asked.begin(), "the first signal");
        asked.asked().await;
        assert!(asked.begin(), "the second signal");

        let failed = Stop::new();
        failed.begin();
        assert!(
            failed.begin(),
            "the first signal, while stopping after a failure"
        );
    }
}
