//! ClickHouse tables: one folder per view, and the sink that writes them all.
//!
//! ```text
//! schemas' records ──▶ views' rows (pure) ──▶ sink: steps ──▶ ClickHouse ──▶ views ──▶ readers
//!                      events, pull_requests, issues, repositories, gaps, ledger, names
//!                      rollups of these: pull_requests_daily, issues_daily, completeness
//! ```
//!
//! Each column is defined once, with type, unit, meaning and where its value comes from
//! ([`table`]); the DDL, the comments in the database and `docs/tables.md` follow from that. Rows
//! are absolute, keyed and versioned, so that writing one twice, or late, changes nothing. Figures
//! per day are computed again from the rows, never added to ([`rollup`] has the argument). A view
//! more is one folder, and one line in [`catalogue`].

pub mod catalogue;
mod completeness;
mod ddl;
pub mod docs;
mod events;
mod gaps;
mod issues;
mod issues_daily;
mod keys;
mod life;
pub mod migrations;
mod names;
mod origin;
mod pull_requests;
mod pull_requests_daily;
mod rebuilds;
mod repositories;
pub mod rollup;
pub mod sink;
pub mod table;
pub mod view;
