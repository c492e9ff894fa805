//! The schema registry, both ends of it: the API that the embedded default serves, so that any
//! Kafka tool reads our topics on a laptop, and the client that registers our schemas at a real
//! one (Karapace, Apicurio, Confluent).
//!
//! The contract itself, and which id a record names, is [`gapless_schemas`]'; only the IO is here.
//!
//! ```text
//! subjects ──▶ server   answers from the releases in this binary, ids fixed for ever
//!         └──▶ client   registers them elsewhere, and learns the ids given there
//! ```

mod client;
mod server;
mod subjects;

pub use client::{Registry, RegistryError};
pub use server::router;
pub use subjects::{Subject, subjects};
