//! The tables and the sink on the real ClickHouse engine.

mod damage;
mod front;
mod gate;
mod history;
mod names;
mod random;
mod rollups;
mod service;
mod tables;

/// Becomes the ClickHouse front, or an embedded part, where this program was started for that; else does nothing.
#[test]
fn embedded_part() {
    gapless_embedded::become_part_if_asked();
    front::become_front_if_asked();
}
