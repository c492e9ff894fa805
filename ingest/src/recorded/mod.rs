//! Recordings: newline-delimited JSON, plain or gzip, of what GitHub sent and answered.
//!
//! Each line is an object with a `kind`:
//! - `webhook`, with `event`, `body` and perhaps `delivery_id`: a delivery, which [`send()`] signs
//!   and posts to a webhook;
//! - `api`, with `method`, `uri`, `status`, `headers` and `body`: an exchange with the REST API,
//!   which [`import`] appends as a snapshot where it tells something of an item;
//! - `sequence`: what follows has nothing to do with what came before.
//!
//! All other lines are left out and counted.

mod import;
mod line;
mod reader;
mod send;

pub use import::{ImportReport, import};
pub use reader::{Progress, RecordingError};
pub use send::{CutShort, SendOptions, SendReport, send};
