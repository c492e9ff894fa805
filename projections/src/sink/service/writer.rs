//! Does the steps, one batch after the other, each until it is done: pairs, then rows, then figures,
//! and of each kind several at a time.

use super::super::projector::Offsets;
use super::super::step::{Step, Store};
use super::consumer::{self, Consumer};
use super::crash::CrashPoint;
use super::status::{Phase, Status};
use futures_util::stream::{self, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, mpsc, watch};
use tokio::time::Instant;

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);
/// A statement keeps one of ClickHouse's cores busy most of the time, and takes its share of
/// ClickHouse's memory.
const STEPS_AT_A_TIME: usize = 2;

/// Work for the writer.
pub(super) struct Work {
    /// What to do.
    pub(super) steps: Vec<Step>,
    /// What to commit after that; empty while figures are still to follow.
    pub(super) offsets: Offsets,
    /// How many records these offsets are of.
    pub(super) records: u64,
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
    /// Held while figures are computed.
    pub(super) figures: Arc<Mutex<()>>,
    /// Told where a step failed: a table may be missing.
    pub(super) step_failed: Arc<Notify>,
    /// Called at every crash point.
    pub(super) reached: fn(CrashPoint),
}

impl<S: Store> Writer<S> {
    /// Works until there is no more, or until a step fails while the sink is stopping.
    pub(super) async fn run(self, mut work: mpsc::Receiver<Work>) {
        let mut since = None;
        while let Some(work) = work.recv().await {
            let began = *since.get_or_insert_with(Instant::now);
            let mut figures_took = Duration::ZERO;
            for alike in work.steps.chunk_by(|one, next| one.kind() == next.kind()) {
                let alike_began = Instant::now();
                let _figures = match alike {
                    [Step::Recompute(_), ..] => Some(self.figures.lock().await),
                    _ => None,
                };
                if !self.all_done(alike).await {
                    return;
                }
                self.status
                    .send_modify(|status| status.phase = Phase::Running);
                if let [Step::Recompute(_), ..] = alike {
                    figures_took = alike_began.elapsed();
                }
            }
            if !work.offsets.is_empty() {
                since = None;
                consumer::commit(&self.consumer, work.offsets, work.assignment).await;
                (self.reached)(CrashPoint::FiguresCommitted);
                self.status.send_modify(|status| {
                    status.settled += work.records;
                    status.batches += 1;
                    status.last_batch = Some(began.elapsed());
                    status.last_figures = Some((Instant::now(), figures_took));
                });
            }
            drop((work.steps, work.room));
        }
    }

    /// Does steps of one kind, several at a time: each is another table's, or computes figures from
    /// rows that are all stored, so that their order does not matter (see
    /// [`StepKind`](super::super::step::StepKind)). False where one was given up.
    async fn all_done(&self, steps: &[Step]) -> bool {
        let steps: Vec<_> = steps.iter().map(|step| self.done(step)).collect();
        let mut done = stream::iter(steps).buffer_unordered(STEPS_AT_A_TIME);
        while let Some(is_done) = done.next().await {
            if !is_done {
                return false;
            }
        }
        true
    }

    async fn done(&self, step: &Step) -> bool {
        let began = Instant::now();
        let is_done = self.until_done(step).await;
        if is_done {
            tracing::debug!(step = step.describe(), took = ?began.elapsed(), "done");
            (self.reached)(CrashPoint::after(step));
        }
        is_done
    }

    /// Does `step`, however often ClickHouse refuses; false where it was given up.
    async fn until_done(&self, step: &Step) -> bool {
        let mut stopping = self.stopping.clone();
        let mut backoff = FIRST_BACKOFF;
        loop {
            match self.store.execute(step).await {
                Ok(()) => {
                    if let Step::Insert(rows) = step {
                        self.status
                            .send_modify(|status| status.rows += rows.count as u64);
                    }
                    return true;
                }
                Err(error) => {
                    tracing::warn!(%error, "a step failed and will be tried again");
                    self.step_failed.notify_one();
                    let error = error.to_string();
                    self.status
                        .send_modify(|status| status.phase = Phase::Retrying { error });
                }
            }
            tokio::select! {
                () = tokio::time::sleep(backoff) => backoff = (2 * backoff).min(LAST_BACKOFF),
                _ = stopping.wait_for(|stopping| *stopping) => return false,
            }
        }
    }
}
