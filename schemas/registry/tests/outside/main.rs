//! The contract as others see it: a reader in another language reads what we wrote, and a registry
//! that is not ours takes our schemas.
//!
//! What is not here is fetched by package name into the cache, once. Where it cannot be fetched,
//! the test says so on stderr and passes.

mod apicurio;
mod example;
mod fetched;
mod python_reader;

/// The program of every part that these tests start: see `PartCommand::this_test`.
#[test]
fn embedded_part() {
    gapless_embedded::become_part_if_asked();
}
