//! A GitHub that can be told to lose, delay, double and refuse, and knows the truth.
//!
//! [`World`] is the pure core: from a seed, whole lives of repositories, pull requests and issues
//! over simulated time ([`World::step`]), the REST answers about them ([`World::answer`]) and the
//! truth to compare figures with ([`World::truth`]). [`FaultyChannel`] decides what happens to
//! deliveries on their way, [`Feed`] joins both into one stream in the order of arrival.

mod account;
mod api;
mod chance;
mod delivery;
mod faults;
mod item;
mod json;
mod life;
mod options;
mod render;
mod repository;
pub mod truth;
mod world;

pub use api::{Request, Response, Transport};
pub use delivery::{Delivery, sign};
pub use faults::{Fate, FaultReport, FaultyChannel, FaultyDelivery, Feed, LostDelivery};
pub use options::{ApiFaults, Faults, Options, PayloadForm};
pub use truth::Truth;
pub use world::{Step, World};
