//! The front against the client that Gapless uses, and against plain HTTP.
//!
//! One front serves the tests of a file; those that kill it have their own. Where the engine
//! cannot be fetched, the tests say so and pass.

mod crate_client;
mod plain_http;
mod running;
mod survival;
