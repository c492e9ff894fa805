//! ClickHouse tables: one folder per view, and the sink that writes them all.

pub mod catalogue;
mod completeness;
mod ddl;
pub mod docs;
mod events;
mod gaps;
mod issues;
mod issues_daily;
mod life;
pub mod migrations;
mod origin;
mod pull_requests;
mod pull_requests_daily;
mod repositories;
pub mod rollup;
pub mod sink;
pub mod table;
pub mod view;
