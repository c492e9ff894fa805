//! ClickHouse tables: one folder per view, and the sink that writes them all.
