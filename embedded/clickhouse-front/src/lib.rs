//! ClickHouse's HTTP interface over the embedded engine (libchdb).
//!
//! A process of its own, so that a fault in the engine cannot take Gapless down with it. It
//! speaks what the `clickhouse` crate, clickhouse-go over HTTP (and with it Grafana's data
//! source) and curl speak: statements by GET and POST, parameters in the URL or a form, streamed
//! inserts and answers, block framing with LZ4, the Native format at a client's revision, errors
//! with ClickHouse's code and text. Left out on purpose, and refused with a sentence: sessions,
//! HTTP content encodings, `INTO OUTFILE`.
//!
//! Who may do what: the writer what tables need; the reader queries of Gapless's database. Four
//! layers hold a reader back, each by itself: the statement's own syntax tree is judged by lists of
//! what is allowed (`judge`); the session has a role of the engine's that may select and nothing else
//! (`configuration`); nobody, the writer included, is granted what reaches outside the database; and
//! the kernel lets the process run, open and reach nothing else (`confine`). A reader has bounds
//! for length, depth, time, threads and memory, no disk, and slots of its own, so that the writer waits
//! for nobody. Both need their password, although only the loopback is listened on: other users of
//! the machine, and pages in a browser, reach the loopback too.

mod configuration;
mod confine;
mod exception;
mod execute;
mod ffi;
mod flushes;
mod framing;
mod http;
mod judge;
mod native;
mod options;
mod request;
mod serve;
mod sql;

pub use confine::Confinement;
pub use options::{Credentials, Layers, Options};
pub use serve::{Error, OPTIONS_VARIABLE, run, run_from_environment, run_with};
