//! Detectors: what a state cannot answer is a question; a question that stands after its grace is
//! a gap, and a gap asks GitHub until it is closed.
//!
//! States ask ([`Asked`], derived by pure functions of one joined state), [`Watch`] remembers
//! since when, and [`decide`] turns both and the time into [`Decision`]s. The time is the *log's
//! clock*: the greatest `received_at` seen in the partition. So a consumer that lags opens no gap
//! for events that wait in the log before it, whatever the wall clock says; polls append events
//! even when nothing changed, so the log's clock moves in a quiet repository too.
//!
//! Nothing is lost by a crash at any point: a decision's ids are functions of the question, of how
//! often its gaps were closed and of how often it was asked, so deciding again writes the same events
//! and commands again.

mod decide;
mod patience;
mod question;
mod watch;

pub use decide::{Decision, decide};
pub use gapless_schemas::Urgency;
pub use patience::Patience;
pub use question::Asked;
pub(crate) use question::{Questions, is_history};
pub use watch::Watch;
