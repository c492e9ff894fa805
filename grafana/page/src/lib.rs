//! The built-in page: renders the Grafana dashboards from ClickHouse.
//!
//! One set of files, two renderers. The files under `grafana/dashboards/` are made for Grafana's
//! ClickHouse data source; this crate holds them in the binary, fills in their queries as that
//! data source does and draws what it answers.
//!
//! **Why the path to ClickHouse is read-only.** A browser never sends SQL. It names a dashboard,
//! a panel and values of variables; the statement comes from the file in the binary
//! ([`macros::expand`]), and a value is used only when the variable's own query has listed it
//! ([`variables`]), quoted with `\` escaped. What is left is held by the reader's rights, by
//! limits on time, rows and bytes, and by a bound on queries at once ([`query`]).

// Texts come from outside; an index into one may stand within a letter, which panics.
#![warn(clippy::string_slice)]

pub mod dashboard;
mod library;
pub mod macros;
pub mod query;
pub mod range;
mod router;
pub mod variables;

pub use library::Library;
pub use query::StoreOptions;
pub use router::{NoPage, PageClock, PageOptions, StatusSource, page_router};
