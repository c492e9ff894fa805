//! The page on a real ClickHouse, with the projections' tables filled by their own mapping, and
//! in a real browser.
//!
//! Where the engine or a browser cannot be had, the tests say so on stderr and pass.

mod browser;
mod devtools;
mod figures;
mod organisation;
mod store;

/// The ClickHouse front that these tests start: see [`store`].
#[test]
fn front_process() {
    store::become_front_if_asked();
}
