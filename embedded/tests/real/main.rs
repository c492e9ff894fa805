//! The real parts, started, used, killed, started again.
//!
//! Where they cannot be fetched, the tests say so and pass.

mod cache;
mod orphans;
mod running;
mod stack;

/// The program of every part that these tests start: see `PartCommand::this_test`.
#[test]
fn embedded_part() {
    gapless_embedded::become_part_if_asked();
}
