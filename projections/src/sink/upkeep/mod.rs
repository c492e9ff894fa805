//! Tables that were damaged are noticed, and written again from the log.
//!
//! ```text
//! ClickHouse's own lists of tables, parts and views ──look──▶ Inventory (pure) ──▶ Mend ──▶ Keeper
//!                          the table inventory ◀──note──┘      what was seen      what to do   does it
//! ```
//!
//! Kafka's offsets say what was written, not what is still there. So the keeper looks at the tables
//! every [`LOOK_EVERY`](keeper::LOOK_EVERY), and where a step of the sink fails, and compares with what
//! it saw before: by parts, since a part never changes, and a lost row is a lost part ([`judge`] has
//! the argument). What it saw is noted in the table `inventory`, so that a loss while nothing runs is
//! noticed at the next start.
//!
//! **What is damaged is written again, and nothing else:**
//! - rows, from their topic's beginning to its end of then, by a consumer of its own, while the sink
//!   goes on: rows are absolute and versioned, so it does not matter who writes them, when, how often;
//! - an index, from the rows;
//! - figures, from the rows, wherever rows or the index were lacking too, since what the sink
//!   computed meanwhile lacked them.
//!
//! **A kill** between any two steps: a loss is noted before it is mended, with how far that came, and
//! noted as mended after. A loss that was not yet noted is found again, as what was seen before it was
//! noted, too. A **lost inventory** says nothing of any table, so all of them are written again.
//! Before the very first look nothing was read, so whatever is there then is whole.
//!
//! **Several processes** may write; the one that has the first partition of events looks and mends.
//!
//! **Views, and tables that are missing,** are made again at once; what is not ours is left alone.

mod inventory;
mod judge;
mod keeper;
mod part;
mod rows;

pub(super) use inventory::{Entry, Inventory, Rebuild};
pub(super) use judge::{Found, OLD_PARTS_LIFETIME_SECONDS, SHOWN_FOR_SECONDS, Seen};
pub(super) use keeper::{Context, Keeper};
pub(super) use part::Part;
