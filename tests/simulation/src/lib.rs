//! The real parts of Gapless in one process, on a virtual clock, from one seed.
//!
//! Real: the webhook's judgement and envelopes, polls, refetch queue and fetches, the law, detectors,
//! tasks, the order of writing, what is looked at and undone of late writes, the projector and its
//! rollups. In memory: the log, the stores, the tables. The simulator plays GitHub and is the oracle:
//! after everything has come to rest, every state and every figure must equal its truth, and the
//! last record of every key, which compaction keeps, must say it too ([`simulate`]).
//!
//! Beside the live generation another one is made from the log's beginning, with troubles of its own:
//! its last records must say the same in the end, and it must have written nothing but states.
//!
//! What goes wrong is drawn from the seed: deliveries are lost, doubled, delayed and reordered;
//! workers die between any two steps of the order of writing and come back with their disk, with an
//! old one or with none; partitions move; zombies go on producing; the log does not acknowledge; the
//! fetcher, the poller and the sink die; GitHub fails, or answers hours later with what was true
//! when it was asked. Nothing reads a machine's clock or random numbers, so a seed replays exactly.
//!
//! [`Planted`] bugs show that the oracle sees what it must see.

mod block_on;
mod broker;
mod chance;
mod clock;
mod counts;
mod fetcher;
mod github;
mod intake;
mod oracle;
mod planted;
mod processors;
mod run;
mod sink;

pub use counts::Counts;
pub use planted::Planted;
pub use run::{Outcome, simulate};
