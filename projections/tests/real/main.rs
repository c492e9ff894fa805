//! The tables and the sink on the real ClickHouse engine.

mod front;
mod history;
mod rollups;
mod tables;

/// Becomes the ClickHouse front where this program was started for that; else does nothing.
#[test]
fn embedded_part() {
    front::become_front_if_asked();
}
