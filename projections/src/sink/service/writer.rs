//! Does the steps, one batch after the other, each until it is done.

use super::super::projector::Offsets;
use super::super::step::{Step, Store};
use super::consumer::{self, Consumer};
use super::crash::CrashPoint;
use super::status::{Phase, Status};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::Instant;

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);

/// Work for the writer.
pub(super) struct Work {
    /// What to do.
    pub(super) steps: Vec<Step>,
    /// What to commit after that; empty while figures are still to follow.
    pub(super) offsets: Offsets,
    /// The assignment under which it was read.
    pub(super) assignment: u64,
    /// Given back when all is done.
    pub(super) room: OwnedSemaphorePermit,
}

/// What the writer works with.
pub(super) struct Writer<S> {
    pub(super) store: S,
    pub(super) consumer: Arc<Consumer>,
    pub(super) status: watch::Sender<Status>,
    /// Turns true when the sink is to end: a step that fails then is given up.
    pub(super) stopping: watch::Receiver<bool>,
    /// Called at every crash point.
    pub(super) reached: fn(CrashPoint),
}

impl<S: Store> Writer<S> {
    /// Works until there is no more, or until a step fails while the sink is stopping.
    pub(super) async fn run(mut self, mut work: mpsc::Receiver<Work>) {
        let mut since = None;
        while let Some(work) = work.recv().await {
            let began = *since.get_or_insert_with(Instant::now);
            let mut figures_took = Duration::ZERO;
            for step in work.steps {
                let step_began = Instant::now();
                if !self.until_done(&step).await {
                    return;
                }
                let took = step_began.elapsed();
                tracing::debug!(step = step.describe(), ?took, "done");
                if let Step::Recompute(_) = step {
                    figures_took += took;
                }
                (self.reached)(CrashPoint::after(&step));
            }
            if !work.offsets.is_empty() {
                since = None;
                consumer::commit(&self.consumer, work.offsets, work.assignment).await;
                (self.reached)(CrashPoint::FiguresCommitted);
                self.status.send_modify(|status| {
                    status.batches += 1;
                    status.last_batch = Some(began.elapsed());
                    status.last_figures = Some((Instant::now(), figures_took));
                });
            }
            drop(work.room);
        }
    }

    /// Does `step`, however often ClickHouse refuses; false where it was given up.
    async fn until_done(&mut self, step: &Step) -> bool {
        let mut backoff = FIRST_BACKOFF;
        loop {
            match self.store.execute(step).await {
                Ok(()) => {
                    self.status.send_modify(|status| {
                        status.phase = Phase::Running;
                        if let Step::Insert(rows) = step {
                            status.rows += rows.count as u64;
                        }
                    });
                    return true;
                }
                Err(error) => {
                    tracing::warn!(%error, "a step failed and will be tried again");
                    let error = error.to_string();
                    self.status
                        .send_modify(|status| status.phase = Phase::Retrying { error });
                }
            }
            tokio::select! {
                () = tokio::time::sleep(backoff) => backoff = (2 * backoff).min(LAST_BACKOFF),
                _ = self.stopping.wait_for(|stopping| *stopping) => return false,
            }
        }
    }
}
