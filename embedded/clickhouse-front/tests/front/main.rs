//! The front over the real engine; left out, with a word on stderr, where the engine cannot be had.

mod crate_client;
mod forms;
mod grammar;
mod hostile;
mod plain_http;
mod running;
mod survival;

/// Becomes a front with some of its layers only, where a test of this program asks for it.
#[test]
fn front_of_a_test() {
    running::become_front_if_asked();
}
