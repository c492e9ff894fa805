//! ClickHouse's HTTP interface over the embedded engine (libchdb).
//!
//! A process of its own, so that a fault in the engine cannot take Gapless down with it. It
//! speaks what the `clickhouse` crate, clickhouse-go over HTTP (and with it Grafana's data
//! source) and curl speak: statements by GET and POST, parameters in the URL or a form, streamed
//! inserts and answers, block framing with LZ4, the Native format at a client's revision, errors
//! with ClickHouse's code and text. Left out on purpose, and refused with a sentence: sessions,
//! HTTP content encodings, `INTO OUTFILE`.
//!
//! Who may do what: the writer everything; the reader queries that stay inside the database
//! (the engine's `readonly`, a list of settings that may be changed, no functions that open
//! files, addresses or programs). Both need their password, although only the loopback is
//! listened on: other users of the machine, and pages in a browser, reach the loopback too.

mod exception;
mod execute;
mod ffi;
mod flushes;
mod framing;
mod http;
mod native;
mod options;
mod request;
mod serve;
mod sql;

pub use options::{Credentials, Options};
pub use serve::{Error, OPTIONS_VARIABLE, run, run_from_environment};
